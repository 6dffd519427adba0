/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The system bus: devices whose addresses and wires the board decides. */

#include "device/device-private.h"

#define EMU_TYPE_SYSTEM_BUS (emu_system_bus_get_type())
G_DECLARE_FINAL_TYPE(EmuSystemBus, emu_system_bus, EMU, SYSTEM_BUS, EmuBus)

struct _EmuSystemBus {
    EmuBus parent_instance;
};

typedef struct {
    GPtrArray *regions; /* owned references */
} EmuSysbusDevicePrivate;

G_DEFINE_FINAL_TYPE(EmuSystemBus, emu_system_bus, EMU_TYPE_BUS)
G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuSysbusDevice, emu_sysbus_device, EMU_TYPE_DEVICE)

static inline EmuSysbusDevicePrivate *
priv(EmuSysbusDevice *self)
{
    return emu_sysbus_device_get_instance_private(self);
}

static void
emu_system_bus_detach(EmuBus *bus G_GNUC_UNUSED, EmuDevice *dev)
{
    GPtrArray *regions = EMU_IS_SYSBUS_DEVICE(dev) ? priv(EMU_SYSBUS_DEVICE(dev))->regions : NULL;

    for (unsigned i = 0; regions && i < regions->len; i++) {
        EmuMemoryRegion *region = g_ptr_array_index(regions, i);
        EmuMemoryRegion *container = emu_memory_region_get_container(region);

        if (container) {
            emu_memory_region_del_subregion(container, region);
        }
    }
}

static char *
emu_system_bus_get_address(EmuBus *bus G_GNUC_UNUSED, EmuDevice *dev)
{
    GPtrArray *regions = EMU_IS_SYSBUS_DEVICE(dev) ? priv(EMU_SYSBUS_DEVICE(dev))->regions : NULL;
    EmuMemoryRegion *first = regions && regions->len ? g_ptr_array_index(regions, 0) : NULL;

    if (!first || !emu_memory_region_get_container(first)) {
        return NULL;
    }
    return g_strdup_printf("%016" G_GINT64_MODIFIER "x", emu_memory_region_get_address(first));
}

static void
emu_system_bus_class_init(EmuSystemBusClass *klass)
{
    EMU_BUS_CLASS(klass)->detach = emu_system_bus_detach;
    EMU_BUS_CLASS(klass)->get_address = emu_system_bus_get_address;
}

static void
emu_system_bus_init(EmuSystemBus *self G_GNUC_UNUSED)
{
}

static void
emu_sysbus_device_init(EmuSysbusDevice *self)
{
    priv(self)->regions = g_ptr_array_new_with_free_func(g_object_unref);
}

static void
emu_sysbus_device_finalize(GObject *object)
{
    g_ptr_array_unref(priv(EMU_SYSBUS_DEVICE(object))->regions);
    G_OBJECT_CLASS(emu_sysbus_device_parent_class)->finalize(object);
}

static void
emu_sysbus_device_class_init(EmuSysbusDeviceClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_sysbus_device_finalize;
    EMU_DEVICE_CLASS(klass)->bus_type = "System";
    EMU_DEVICE_CLASS(klass)->user_creatable = false;
}

void
emu_sysbus_add_mmio(EmuSysbusDevice *dev, EmuMemoryRegion *region)
{
    g_ptr_array_add(priv(dev)->regions, g_object_ref(region));
}

/* (nullable) */
EmuMemoryRegion *
emu_sysbus_get_mmio(EmuSysbusDevice *dev, unsigned index)
{
    return index < priv(dev)->regions->len ? g_ptr_array_index(priv(dev)->regions, index) : NULL;
}

void
emu_sysbus_map(EmuSysbusDevice *dev, unsigned index, uint64_t addr, int priority)
{
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(dev));
    EmuMemoryRegion *region = emu_sysbus_get_mmio(dev, index);

    g_return_if_fail(machine && region);

    emu_memory_transaction_begin();
    if (emu_memory_region_get_container(region)) {
        emu_memory_region_del_subregion(emu_memory_region_get_container(region), region);
    }
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), addr, region, priority);
    emu_memory_transaction_commit();
}

static void
sysbus_register(void)
{
    emu_type_register_gtype("System", EMU_TYPE_SYSTEM_BUS);
    emu_type_register_gtype("sysbus-device", EMU_TYPE_SYSBUS_DEVICE);
}
type_init(sysbus_register)
