/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ISA: the bus knows its request lines, address spaces and DMA controllers; devices map their ports. */

#include "device/device-private.h"

#include <emu/isa.h>

struct _EmuIsaBus {
    EmuBus parent_instance;
    EmuMemoryRegion *memory, *io; /* owned */
    EmuLine *irqs[16];            /* owned */
    EmuIsaDma *dma[2];            /* weak pointers: channels 0..3, 5..7 */
};

typedef struct {
    GPtrArray *ports; /* regions that we mapped, owned references */
    int irq;          /* the first request connected, for listings; -1 */
} EmuIsaDevicePrivate;

G_DEFINE_FINAL_TYPE(EmuIsaBus, emu_isa_bus, EMU_TYPE_BUS)
G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuIsaDevice, emu_isa_device, EMU_TYPE_DEVICE)
G_DEFINE_INTERFACE(EmuIsaDma, emu_isa_dma, EMU_TYPE_OBJECT)

static inline EmuIsaDevicePrivate *
priv(EmuIsaDevice *self)
{
    return emu_isa_device_get_instance_private(self);
}

static void
emu_isa_dma_default_init(EmuIsaDmaInterface *iface G_GNUC_UNUSED)
{
}

/* ---- bus ---------------------------------------------------------------------------------------- */

static void
emu_isa_bus_detach(EmuBus *bus, EmuDevice *dev)
{
    GPtrArray *ports = EMU_IS_ISA_DEVICE(dev) ? priv(EMU_ISA_DEVICE(dev))->ports : NULL;

    while (ports && ports->len) {
        EmuMemoryRegion *region = g_ptr_array_index(ports, ports->len - 1);

        if (emu_memory_region_get_container(region) == EMU_ISA_BUS(bus)->io) {
            emu_memory_region_del_subregion(EMU_ISA_BUS(bus)->io, region);
        }
        g_ptr_array_set_size(ports, (gint)ports->len - 1);
    }
}

static char *
emu_isa_bus_get_address(EmuBus *bus G_GNUC_UNUSED, EmuDevice *dev)
{
    EmuIsaDevicePrivate *p = priv(EMU_ISA_DEVICE(dev));

    if (!p->ports->len) {
        return NULL;
    }
    return g_strdup_printf("%04x", (unsigned)emu_memory_region_get_address(g_ptr_array_index(p->ports, 0)));
}

static void
emu_isa_bus_finalize(GObject *object)
{
    EmuIsaBus *self = EMU_ISA_BUS(object);

    for (unsigned i = 0; i < 16; i++) {
        g_clear_object(&self->irqs[i]);
    }
    g_clear_weak_pointer(&self->dma[0]);
    g_clear_weak_pointer(&self->dma[1]);
    g_clear_object(&self->memory);
    g_clear_object(&self->io);
    G_OBJECT_CLASS(emu_isa_bus_parent_class)->finalize(object);
}

static void
emu_isa_bus_class_init(EmuIsaBusClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_isa_bus_finalize;
    EMU_BUS_CLASS(klass)->detach = emu_isa_bus_detach;
    EMU_BUS_CLASS(klass)->get_address = emu_isa_bus_get_address;
}

static void
emu_isa_bus_init(EmuIsaBus *self G_GNUC_UNUSED)
{
}

/* (transfer none): a child of @bridge. */
EmuIsaBus *
emu_isa_bus_new(EmuDevice *bridge, EmuMemoryRegion *memory, EmuMemoryRegion *io)
{
    EmuIsaBus *self = EMU_ISA_BUS(emu_bus_new("ISA", bridge, NULL));

    self->memory = g_object_ref(memory);
    self->io = g_object_ref(io);
    return self;
}

void
emu_isa_bus_set_irqs(EmuIsaBus *self, EmuLine *const irqs[16])
{
    for (unsigned i = 0; i < 16; i++) {
        g_set_object(&self->irqs[i], irqs[i]);
    }
}

EmuMemoryRegion *
emu_isa_bus_get_memory(EmuIsaBus *self)
{
    return self->memory;
}

EmuMemoryRegion *
emu_isa_bus_get_io(EmuIsaBus *self)
{
    return self->io;
}

EmuLine *
emu_isa_bus_get_irq(EmuIsaBus *self, unsigned irq)
{
    return irq < 16 ? self->irqs[irq] : NULL;
}

void
emu_isa_bus_set_dma(EmuIsaBus *self, EmuIsaDma *low, EmuIsaDma *high)
{
    GPtrArray *devices = emu_bus_get_devices(EMU_BUS(self));

    g_set_weak_pointer(&self->dma[0], low);
    g_set_weak_pointer(&self->dma[1], high);
    for (guint i = 0; i < devices->len; i++) {
        EmuIsaDevice *dev = g_ptr_array_index(devices, i);

        if (emu_device_is_realized(EMU_DEVICE(dev)) && EMU_ISA_DEVICE_GET_CLASS(dev)->dma_changed) {
            EMU_ISA_DEVICE_GET_CLASS(dev)->dma_changed(dev);
        }
    }
}

EmuIsaDma *
emu_isa_bus_get_dma(EmuIsaBus *self, int channel)
{
    return channel >= 0 && channel <= 3 ? self->dma[0] : channel >= 5 && channel <= 7 ? self->dma[1] : NULL;
}

/* ---- devices ------------------------------------------------------------------------------------- */

static void
emu_isa_device_init(EmuIsaDevice *self)
{
    priv(self)->ports = g_ptr_array_new_with_free_func(g_object_unref);
    priv(self)->irq = -1;
}

static void
emu_isa_device_finalize(GObject *object)
{
    g_ptr_array_unref(priv(EMU_ISA_DEVICE(object))->ports);
    G_OBJECT_CLASS(emu_isa_device_parent_class)->finalize(object);
}

static void
emu_isa_device_class_init(EmuIsaDeviceClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_isa_device_finalize;
    EMU_DEVICE_CLASS(klass)->bus_type = "ISA";
}

EmuIsaBus *
emu_isa_device_get_bus(EmuIsaDevice *dev)
{
    EmuBus *bus = emu_device_get_bus(EMU_DEVICE(dev));

    return bus && EMU_IS_ISA_BUS(bus) ? EMU_ISA_BUS(bus) : NULL;
}

bool
emu_isa_device_connect_irq(EmuIsaDevice *dev, EmuLine *line, unsigned irq, GError **error)
{
    if (irq > 15) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: irq is %u, expected 0 to 15",
                    emu_device_get_label(EMU_DEVICE(dev)), irq);
        return false;
    }
    emu_line_set_shared(line); /* two serial ports have one request */
    emu_line_connect(line, emu_isa_bus_get_irq(emu_isa_device_get_bus(dev), irq));
    if (priv(dev)->irq < 0) {
        priv(dev)->irq = (int)irq;
    }
    return true;
}

void
emu_isa_device_map_io(EmuIsaDevice *dev, EmuMemoryRegion *region, uint16_t port)
{
    g_ptr_array_add(priv(dev)->ports, g_object_ref(region));
    emu_memory_region_add_subregion(emu_isa_device_get_bus(dev)->io, port, region, 0);
}

static void
isa_register(void)
{
    emu_type_register_gtype("ISA", EMU_TYPE_ISA_BUS);
    emu_type_register_gtype("isa-device", EMU_TYPE_ISA_DEVICE);
    emu_type_register_gtype("isa-dma", EMU_TYPE_ISA_DMA);
}
type_init(isa_register)
