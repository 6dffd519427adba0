/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A memory module: puts a memory object where the machine has a place for it. Slot and address may be asked for. */

#include "pc-dimm.h"

#include <emu/memory-device.h>

typedef struct {
    EmuDevice parent_instance;

    EmuObject *memdev;
    uint64_t address;
    uint32_t node;
    int32_t slot;
} PcDimm;

static void
pc_dimm_get_info(EmuMemoryDevice *dev, EmuMemoryDeviceInfo *info)
{
    PcDimm *self = (PcDimm *)(gpointer)dev;

    *info = (EmuMemoryDeviceInfo){
        .kind = "dimm",
        .address = self->address,
        .slot = self->slot,
        .node = self->node,
        .memdev = self->memdev,
    };
}

static void
pc_dimm_set_place(EmuMemoryDevice *dev, uint64_t address, int slot)
{
    PcDimm *self = (PcDimm *)(gpointer)dev;

    self->address = address;
    self->slot = slot;
}

static void
pc_dimm_memory_device_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    EmuMemoryDeviceInterface *device = iface;

    device->get_info = pc_dimm_get_info;
    device->set_place = pc_dimm_set_place;
}

static bool
pc_dimm_realize(EmuDevice *dev, GError **error)
{
    return emu_machine_map_memory_device(emu_device_get_machine(dev), EMU_MEMORY_DEVICE(dev), error);
}

static void
pc_dimm_unrealize(EmuDevice *dev)
{
    emu_machine_unmap_memory_device(emu_device_get_machine(dev), EMU_MEMORY_DEVICE(dev));
}

static char *
pc_dimm_get_size(gpointer self, GError **error G_GNUC_UNUSED)
{
    return g_strdup_printf("%" G_GUINT64_FORMAT, emu_memory_device_get_size(EMU_MEMORY_DEVICE(self)));
}

static const EmuProperty pc_dimm_properties[] = {
    EMU_PROP_LINK("memdev", PcDimm, memdev, "memory-backend", "the memory object"),
    EMU_PROP_UINT64("addr", PcDimm, address, 0, "where it lies; 0: where there is room"),
    EMU_PROP_UINT32("node", PcDimm, node, 0, "NUMA node"),
    EMU_PROP_INT32("slot", PcDimm, slot, -1, "which slot it is in; -1: a free one"),
};

static void
pc_dimm_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = pc_dimm_realize;
    device->unrealize = pc_dimm_unrealize;
    device->category = "misc";
    device->model_name = "memory module";
    device->user_creatable = true;
    device->hotpluggable = true;
    emu_object_class_add_properties(klass, pc_dimm_properties, G_N_ELEMENTS(pc_dimm_properties));
    emu_object_class_add_string_property(klass, "size", pc_dimm_get_size, NULL, "bytes");
}

static const EmuInterfaceImpl pc_dimm_interfaces[] = {{"memory-device", pc_dimm_memory_device_init}, {NULL, NULL}};

const EmuTypeInfo pc_dimm_type_info = {
    .name = "pc-dimm",
    .parent = "device",
    .instance_size = sizeof(PcDimm),
    .class_init = pc_dimm_class_init,
    .interfaces = pc_dimm_interfaces,
    .description = "memory module",
};
