/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SPI: chip selects are lines, words go to whoever is selected. */

#include "device/device-private.h"

#include <emu/spi.h>

#define SPI_MAX_SELECTS 32
#define SPI_ANY_SELECT 255

struct _EmuSpiBus {
    EmuBus parent_instance;
    unsigned n_selects;
    EmuLine *selects[SPI_MAX_SELECTS]; /* the controller's outputs, borrowed */
};

typedef struct {
    uint8_t cs;
    bool selected;
} EmuSpiDevicePrivate;

G_DEFINE_FINAL_TYPE(EmuSpiBus, emu_spi_bus, EMU_TYPE_BUS)
G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuSpiDevice, emu_spi_device, EMU_TYPE_DEVICE)

static inline EmuSpiDevicePrivate *
priv(EmuSpiDevice *self)
{
    return emu_spi_device_get_instance_private(self);
}

/* ---- bus ------------------------------------------------------------------------------------------------ */

EmuSpiDevice *
emu_spi_bus_get_device(EmuSpiBus *bus, unsigned cs)
{
    GPtrArray *devices = emu_bus_get_devices(EMU_BUS(bus));

    for (unsigned i = 0; i < devices->len; i++) {
        if (priv(g_ptr_array_index(devices, i))->cs == cs) {
            return g_ptr_array_index(devices, i);
        }
    }
    return NULL;
}

static bool
emu_spi_bus_check(EmuBus *bus, EmuDevice *dev, GError **error)
{
    if (!EMU_IS_SPI_DEVICE(dev)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s is no SPI device, and %s takes no others",
                    emu_device_get_label(dev), emu_bus_get_name(bus));
        return false;
    }
    return true;
}

static bool
emu_spi_bus_attach(EmuBus *bus, EmuDevice *dev, GError **error)
{
    EmuSpiBus *self = EMU_SPI_BUS(bus);
    EmuSpiDevicePrivate *p = priv(EMU_SPI_DEVICE(dev));
    GPtrArray *devices = emu_bus_get_devices(bus);
    bool taken[SPI_MAX_SELECTS] = {false};

    for (unsigned i = 0; i < devices->len; i++) {
        EmuDevice *other = g_ptr_array_index(devices, i);

        if (other != dev && priv(EMU_SPI_DEVICE(other))->cs < SPI_MAX_SELECTS) {
            taken[priv(EMU_SPI_DEVICE(other))->cs] = true;
        }
    }
    if (p->cs == SPI_ANY_SELECT) {
        unsigned cs = 0;

        while (cs < self->n_selects && taken[cs]) {
            cs++;
        }
        if (cs == self->n_selects) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: all %u chip selects of %s are taken",
                        emu_device_get_label(dev), self->n_selects, emu_bus_get_name(bus));
            return false;
        }
        p->cs = (uint8_t)cs;
    }
    if (p->cs >= self->n_selects || taken[p->cs]) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: cs is %u, expected one of the %u of %s that no other device has",
                    emu_device_get_label(dev), p->cs, self->n_selects, emu_bus_get_name(bus));
        return false;
    }
    emu_line_connect(self->selects[p->cs], emu_device_get_line_in(dev, "cs", 0));
    return true;
}

static void
emu_spi_bus_detach(EmuBus *bus, EmuDevice *dev)
{
    EmuSpiBus *self = EMU_SPI_BUS(bus);
    EmuSpiDevicePrivate *p = priv(EMU_SPI_DEVICE(dev));

    if (p->cs < self->n_selects) {
        emu_line_disconnect(self->selects[p->cs], emu_device_get_line_in(dev, "cs", 0));
    }
}

static char *
emu_spi_bus_get_address(EmuBus *bus G_GNUC_UNUSED, EmuDevice *dev)
{
    return g_strdup_printf("cs%u", priv(EMU_SPI_DEVICE(dev))->cs);
}

static void
emu_spi_bus_class_init(EmuSpiBusClass *klass)
{
    EMU_BUS_CLASS(klass)->check = emu_spi_bus_check;
    EMU_BUS_CLASS(klass)->attach = emu_spi_bus_attach;
    EMU_BUS_CLASS(klass)->detach = emu_spi_bus_detach;
    EMU_BUS_CLASS(klass)->get_address = emu_spi_bus_get_address;
}

static void
emu_spi_bus_init(EmuSpiBus *self G_GNUC_UNUSED)
{
}

/**
 * emu_spi_bus_new:
 * @controller: the device that provides it
 * @name: (nullable): its name; %NULL: "spi-bus.N"
 * @n_selects: how many chip selects the controller has, 1 to 32
 *
 * Returns: (transfer none): a child of @controller
 *
 * Since: 1.0
 */
EmuSpiBus *
emu_spi_bus_new(EmuDevice *controller, const char *name, unsigned n_selects)
{
    g_autofree char *group = name ? g_strdup_printf("%s-cs", name) : g_strdup("cs");
    EmuSpiBus *self;

    g_return_val_if_fail(n_selects >= 1 && n_selects <= SPI_MAX_SELECTS, NULL);
    self = EMU_SPI_BUS(emu_bus_new("spi-bus", controller, name));
    self->n_selects = n_selects;
    emu_device_add_lines_out(controller, group, n_selects, self->selects);
    return self;
}

EmuLine *
emu_spi_bus_get_select(EmuSpiBus *bus, unsigned cs)
{
    return cs < bus->n_selects ? bus->selects[cs] : NULL;
}

void
emu_spi_bus_set_select(EmuSpiBus *bus, unsigned cs, int level)
{
    emu_line_set(emu_spi_bus_get_select(bus, cs), level);
}

static uint32_t
low_bits(unsigned bits)
{
    return bits >= 32 ? UINT32_MAX : (1u << bits) - 1;
}

static uint32_t
spi_device_transfer(EmuSpiDevice *dev, uint32_t value, unsigned bits)
{
    EmuSpiDeviceClass *klass = EMU_SPI_DEVICE_GET_CLASS(dev);
    unsigned word = klass->word_bits ? klass->word_bits : 8;
    uint32_t in = 0;

    for (unsigned left = bits; left > 0;) {
        unsigned piece = MIN(left, word);

        left -= piece;
        in = (piece < 32 ? in << piece : 0) | ((klass->transfer ? klass->transfer(dev, value >> left & low_bits(piece)) : 0) & low_bits(piece));
    }
    return in;
}

/**
 * emu_spi_transfer:
 * @value: what goes out
 * @bits: length of the word, 1 to 32
 *
 * Returns: what came in at the same time; where several answer, zeroes win
 *
 * Since: 1.0
 */
uint32_t
emu_spi_transfer(EmuSpiBus *bus, uint32_t value, unsigned bits)
{
    GPtrArray *devices = emu_bus_get_devices(EMU_BUS(bus));
    uint32_t in = low_bits(bits);

    g_return_val_if_fail(bits >= 1 && bits <= 32, 0);
    for (unsigned i = 0; i < devices->len; i++) {
        if (priv(g_ptr_array_index(devices, i))->selected) {
            in &= spi_device_transfer(g_ptr_array_index(devices, i), value, bits);
        }
    }
    return in;
}

/* ---- devices --------------------------------------------------------------------------------------------- */

static void
spi_device_select_cb(gpointer opaque, unsigned index G_GNUC_UNUSED, int level)
{
    EmuSpiDevice *self = opaque;
    EmuSpiDeviceClass *klass = EMU_SPI_DEVICE_GET_CLASS(self);
    bool active = (level != 0) == klass->select_high;

    if (active != priv(self)->selected && emu_device_is_realized(EMU_DEVICE(self))) {
        priv(self)->selected = active;
        if (klass->select) {
            klass->select(self, active);
        }
    }
}

static EmuProperty spi_device_properties[] = {
    {.name = "cs", .kind = EMU_PROP_KIND_UINT8, .default_value = SPI_ANY_SELECT, .max = SPI_ANY_SELECT, .blurb = "number of the chip select; 255: the next free one"},
};

static void
emu_spi_device_class_init(EmuSpiDeviceClass *klass)
{
    EMU_DEVICE_CLASS(klass)->bus_type = "spi-bus";
    spi_device_properties[0].offset = (gsize)(gssize)EmuSpiDevice_private_offset + offsetof(EmuSpiDevicePrivate, cs);
    emu_object_class_add_properties(klass, spi_device_properties, G_N_ELEMENTS(spi_device_properties));
}

static void
emu_spi_device_init(EmuSpiDevice *self)
{
    emu_device_add_lines_in(EMU_DEVICE(self), "cs", 1, spi_device_select_cb);
}

uint8_t
emu_spi_device_get_select(EmuSpiDevice *dev)
{
    return priv(dev)->cs;
}

bool
emu_spi_device_is_selected(EmuSpiDevice *dev)
{
    return priv(dev)->selected;
}

static gpointer
spi_device_resolve(gpointer self)
{
    return priv(EMU_SPI_DEVICE(self));
}

static const EmuVMField spi_private_fields[] = {
    EMU_VM_BOOL(EmuSpiDevicePrivate, selected),
    EMU_VM_END,
};

static const EmuVMState spi_private_state = {
    .name = "spi-device-state",
    .version = 1,
    .minimum_version = 1,
    .fields = spi_private_fields,
};

static const EmuVMField spi_device_fields[] = {
    {.name = "state", .kind = EMU_VM_KIND_POINTER, .num = 1, .sub = &spi_private_state, .resolve = spi_device_resolve},
    EMU_VM_END,
};

const EmuVMState emu_vmstate_spi_device = {
    .name = "spi-device",
    .version = 1,
    .minimum_version = 1,
    .fields = spi_device_fields,
};

static void
spi_register(void)
{
    emu_type_register_gtype("spi-bus", EMU_TYPE_SPI_BUS);
    emu_type_register_gtype("spi-device", EMU_TYPE_SPI_DEVICE);
}
type_init(spi_register)
