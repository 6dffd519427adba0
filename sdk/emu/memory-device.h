/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory that the user adds, before the machine runs or later: DIMMs. The board says where it may lie, and which handler lets it in
 * and tells the guest; the device says what it is. QOM name of the interface: "memory-device".
 */

#include <emu/machine.h>

G_BEGIN_DECLS

typedef struct {
    const char *kind;  /* as monitors name it: "dimm" */
    uint64_t address;  /* 0: has no place yet */
    int slot;          /* -1: likewise */
    unsigned node;     /* NUMA node */
    EmuObject *memdev; /* the memory object; (transfer none) (nullable) */
    EMU_RESERVED_SLOTS(4);
} EmuMemoryDeviceInfo;

#define EMU_TYPE_MEMORY_DEVICE (emu_memory_device_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuMemoryDevice, emu_memory_device, EMU, MEMORY_DEVICE, EmuObject)

struct _EmuMemoryDeviceInterface {
    GTypeInterface parent_iface;
    void (*get_info)(EmuMemoryDevice *self, EmuMemoryDeviceInfo *info);
    /* Before it is realized. */
    void (*set_place)(EmuMemoryDevice *self, uint64_t address, int slot);
    EMU_RESERVED_SLOTS(6);
};

/* ---- boards, in init() ------------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 uint64_t emu_machine_get_max_ram_size(EmuMachine *self); /* -m maxmem=; the RAM size without */
EMU_AVAILABLE_IN_1_0 unsigned emu_machine_get_ram_slots(EmuMachine *self);    /* -m slots= */
/* Where memory devices may lie. */
EMU_AVAILABLE_IN_1_0 void emu_machine_create_device_memory(EmuMachine *self, uint64_t base, uint64_t size);
/* False: there is none. */
EMU_AVAILABLE_IN_1_0 bool emu_machine_get_device_memory(EmuMachine *self, uint64_t *base, uint64_t *size);
/* An EmuHotplugHandler that is asked for each; NULL: memory cannot be added. Big lock held. */
EMU_AVAILABLE_IN_1_0 void emu_machine_set_memory_hotplug_handler(EmuMachine *self, gpointer handler);

/* ---- handlers ---------------------------------------------------------------------------------------- */
/* In pre_plug: a free slot and a free range for @dev, those that it asks for or any. */
EMU_AVAILABLE_IN_1_0 bool emu_machine_place_memory_device(EmuMachine *self, EmuMemoryDevice *dev, GError **error);
/* The one in @slot; NULL: it is empty. (transfer none) */
EMU_AVAILABLE_IN_1_0 EmuMemoryDevice *emu_machine_find_memory_device(EmuMachine *self, int slot);
/* All that are mapped, lowest address first. (transfer container) (element-type EmuMemoryDevice) */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_machine_list_memory_devices(EmuMachine *self);
EMU_AVAILABLE_IN_1_0 uint64_t emu_memory_device_get_size(EmuMemoryDevice *self);

/* ---- devices ----------------------------------------------------------------------------------------- */
/* In realize: its memory object, which nobody else may use, appears at its place. In unrealize: it disappears; on the main
 * thread, big lock held, which is given up while vCPUs are waited for. */
EMU_AVAILABLE_IN_1_0 bool emu_machine_map_memory_device(EmuMachine *self, EmuMemoryDevice *dev, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_machine_unmap_memory_device(EmuMachine *self, EmuMemoryDevice *dev);

/* ---- what the guest says ------------------------------------------------------------------------------- */
typedef enum { EMU_ACPI_SLOT_DIMM, EMU_ACPI_SLOT_CPU } EmuAcpiSlot;
/* It has evaluated _OST for @dev (NULL: the slot is empty) in @slot: machine signal "acpi-ost". Big lock held. */
EMU_AVAILABLE_IN_1_0 void emu_machine_report_ost(EmuMachine *self, EmuAcpiSlot type, unsigned slot, EmuDevice *dev, uint32_t source, uint32_t status);

G_END_DECLS
