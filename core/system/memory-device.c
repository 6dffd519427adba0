/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory devices: where they may lie, who is where. The range for them is a container in the system's memory that the board makes
 * ("-m size=1G,slots=2,maxmem=4G"); each device's memory object is mapped there while the device is realized.
 */

#include <emu/memory-device.h>

#include "device/device-private.h"
#include "system/machine-private.h"

#include <inttypes.h>

#define MEMORY_DEVICE_ALIGN UINT64_C(0x200000) /* a large page of guest and host */

G_DEFINE_INTERFACE(EmuMemoryDevice, emu_memory_device, EMU_TYPE_OBJECT)

static void
emu_memory_device_default_init(EmuMemoryDeviceInterface *iface G_GNUC_UNUSED)
{
}

static EmuMemoryDeviceInfo
get_info(EmuMemoryDevice *dev)
{
    EmuMemoryDeviceInfo info = {.slot = -1};

    EMU_MEMORY_DEVICE_GET_IFACE(dev)->get_info(dev, &info);
    return info;
}

uint64_t
emu_memory_device_get_size(EmuMemoryDevice *self)
{
    EmuObject *memdev = get_info(self).memdev;

    return memdev ? emu_memory_backend_get_size(memdev) : 0;
}

/* ---- the machine ----------------------------------------------------------------------------------- */

uint64_t
emu_machine_get_max_ram_size(EmuMachine *self)
{
    return emu_machine_priv(self)->max_ram_size;
}

unsigned
emu_machine_get_ram_slots(EmuMachine *self)
{
    return emu_machine_priv(self)->ram_slots;
}

void
emu_machine_create_device_memory(EmuMachine *self, uint64_t base, uint64_t size)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    g_return_if_fail(!priv->device_memory);
    priv->device_memory = emu_memory_region_new_container(self, "device-memory", size);
    priv->device_memory_base = base;
    emu_memory_region_add_subregion(priv->system_memory, base, priv->device_memory, 0);
}

bool
emu_machine_get_device_memory(EmuMachine *self, uint64_t *base, uint64_t *size)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    *base = priv->device_memory_base;
    *size = priv->device_memory ? emu_memory_region_get_size(priv->device_memory) : 0;
    return priv->device_memory != NULL;
}

void
emu_machine_set_memory_hotplug_handler(EmuMachine *self, gpointer handler)
{
    emu_machine_priv(self)->memory_hotplug_handler = handler;
}

static int
compare_addresses(gconstpointer a, gconstpointer b)
{
    uint64_t first = get_info(*(EmuMemoryDevice *const *)a).address, second = get_info(*(EmuMemoryDevice *const *)b).address;

    return first < second ? -1 : first > second;
}

GPtrArray *
emu_machine_list_memory_devices(EmuMachine *self)
{
    GPtrArray *devices = emu_machine_priv(self)->memory_devices;

    return devices ? g_ptr_array_copy(devices, NULL, NULL) : g_ptr_array_new();
}

EmuMemoryDevice *
emu_machine_find_memory_device(EmuMachine *self, int slot)
{
    GPtrArray *devices = emu_machine_priv(self)->memory_devices;

    for (guint i = 0; devices && i < devices->len; i++) {
        if (get_info(devices->pdata[i]).slot == slot) {
            return devices->pdata[i];
        }
    }
    return NULL;
}

/* ---- a place ----------------------------------------------------------------------------------------- */

static bool
refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
refuse(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error) {
        *error = g_error_new_valist(EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, format, args);
    }
    va_end(args);
    return false;
}

static bool
find_slot(EmuMachine *self, int *slot, GError **error)
{
    int slots = (int)emu_machine_get_ram_slots(self);

    if (slots == 0) {
        return refuse(error, "no slots where allocated, please specify the 'slots' option");
    }
    if (*slot != -1 && (*slot < 0 || *slot >= slots)) {
        return refuse(error, "invalid slot number %d, valid range is [0-%d]", *slot, slots - 1);
    }
    if (*slot != -1) {
        return emu_machine_find_memory_device(self, *slot) ? refuse(error, "slot %d is busy", *slot) : true;
    }
    for (int i = 0; i < slots; i++) {
        if (!emu_machine_find_memory_device(self, i)) {
            *slot = i;
            return true;
        }
    }
    return refuse(error, "no free slots available");
}

static uint64_t
align_up(uint64_t address)
{
    return (address + MEMORY_DEVICE_ALIGN - 1) & ~(MEMORY_DEVICE_ALIGN - 1);
}

static bool
find_address(EmuMachine *self, uint64_t size, uint64_t *address, GError **error)
{
    g_autoptr(GPtrArray) others = emu_machine_list_memory_devices(self);
    uint64_t total = emu_machine_get_max_ram_size(self) - emu_machine_get_ram_size(self), used = 0, base, length, at;
    bool asked = *address != 0;

    if (!emu_machine_get_device_memory(self, &base, &length)) {
        return refuse(error, "memory devices (e.g. for memory hotplug) are not enabled, please specify the maxmem option");
    }
    for (guint i = 0; i < others->len; i++) {
        used += emu_memory_device_get_size(others->pdata[i]);
    }
    if (used + size > total) {
        return refuse(error, "not enough space, currently 0x%" PRIx64 " in use of total space for memory devices 0x%" PRIx64, used, total);
    }
    if (*address % MEMORY_DEVICE_ALIGN) {
        return refuse(error, "address must be aligned to 0x%" PRIx64 " bytes", MEMORY_DEVICE_ALIGN);
    }
    if (size % MEMORY_DEVICE_ALIGN) {
        return refuse(error, "backend memory size must be multiple of 0x%" PRIx64, MEMORY_DEVICE_ALIGN);
    }
    if (asked && (*address < base || *address - base > length || size > length - (*address - base))) {
        return refuse(error, "can't add memory device [0x%" PRIx64 ":0x%" PRIx64 "], usable range for memory devices [0x%" PRIx64 ":0x%" PRIx64 "]",
                      *address, size, base, length);
    }
    at = asked ? *address : align_up(base);
    for (guint i = 0; i < others->len; i++) {
        uint64_t start = get_info(others->pdata[i]).address, end = start + emu_memory_device_get_size(others->pdata[i]);

        if (at >= end || at + size <= start) {
            continue;
        }
        if (asked) {
            const char *id = emu_device_get_id(EMU_DEVICE(others->pdata[i]));

            return refuse(error, "address range conflicts with memory device id='%s'", id ? id : "(unnamed)");
        }
        at = align_up(end);
    }
    if (at - base > length || size > length - (at - base)) {
        return refuse(error, "could not find position in guest address space for memory device - memory fragmented due to alignments");
    }
    *address = at;
    return true;
}

bool
emu_machine_place_memory_device(EmuMachine *self, EmuMemoryDevice *dev, GError **error)
{
    EmuMemoryDeviceInfo info = get_info(dev);

    if (!find_slot(self, &info.slot, error)) {
        return false;
    }
    if (!info.memdev) {
        return refuse(error, "'memdev' property must be set");
    }
    if (!find_address(self, emu_memory_backend_get_size(info.memdev), &info.address, error)) {
        return false;
    }
    EMU_MEMORY_DEVICE_GET_IFACE(dev)->set_place(dev, info.address, info.slot);
    return true;
}

/* ---- mapping ----------------------------------------------------------------------------------------- */

bool
emu_machine_map_memory_device(EmuMachine *self, EmuMemoryDevice *dev, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    EmuMemoryDeviceInfo info = get_info(dev);
    unsigned n_nodes = MAX(emu_machine_get_n_numa_nodes(self), 1);
    EmuMemoryRegion *region;

    if (!info.memdev || !priv->device_memory || info.address < priv->device_memory_base) {
        return refuse(error, "memory device '%s' has no place in this machine", emu_device_get_label(EMU_DEVICE(dev)));
    }
    region = emu_memory_backend_claim(info.memdev, error);
    if (!region) {
        return false;
    }
    if (info.node >= n_nodes) {
        emu_memory_backend_release(info.memdev);
        return refuse(error, "'DIMM property node has value %u' which exceeds the number of numa nodes: %u", info.node, n_nodes);
    }
    emu_memory_region_add_subregion(priv->device_memory, info.address - priv->device_memory_base, region, 0);
    if (!priv->memory_devices) {
        priv->memory_devices = g_ptr_array_new();
    }
    g_ptr_array_add(priv->memory_devices, dev);
    g_ptr_array_sort(priv->memory_devices, compare_addresses);
    return true;
}

void
emu_machine_unmap_memory_device(EmuMachine *self, EmuMemoryDevice *dev)
{
    EmuObject *memdev = get_info(dev).memdev;
    bool running = emu_machine_pause_vcpus(self);

    g_ptr_array_remove(emu_machine_priv(self)->memory_devices, dev);
    emu_memory_region_del_subregion(emu_machine_priv(self)->device_memory, emu_memory_backend_get_region(memdev));
    emu_memory_backend_release(memdev);
    emu_machine_resume_vcpus(self, running);
}

static void
memory_device_register_type(void)
{
    emu_type_register_gtype("memory-device", EMU_TYPE_MEMORY_DEVICE);
}
type_init(memory_device_register_type)
