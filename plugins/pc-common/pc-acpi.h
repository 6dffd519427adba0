/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writing ACPI tables: what the files that make them share. */

#include "pc-machine.h"

#define PC_ACPI_PCI_HOLE_END 0xfebfffff /* the last byte for PCI below 4 GiB */

#define PC_ACPI_TABLES_FILE "etc/acpi/tables"
#define PC_ACPI_RSDP_FILE "etc/acpi/rsdp"
#define PC_ACPI_LOADER_FILE "etc/table-loader"

/* Where the firmware puts a file: anywhere, or below 1 MiB. */
#define PC_ACPI_ZONE_HIGH 1
#define PC_ACPI_ZONE_FSEG 2

struct _PcAcpi {
    PcMachine *pc;
    GByteArray *tables;
    GByteArray *rsdp;
    GByteArray *loader;
};

void pc_acpi_add(GByteArray *out, uint64_t value, unsigned size);
void pc_acpi_add_zeroes(GByteArray *out, unsigned n);
void pc_acpi_set(GByteArray *out, guint at, uint64_t value, unsigned size);

/* Starts a table; length and checksum follow with pc_acpi_end(). Returns its offset. */
guint pc_acpi_begin(PcAcpi *self, const char *signature, uint8_t revision);
void pc_acpi_end(PcAcpi *self, guint at);

/* Entries of the script that the firmware's linker runs. */
void pc_loader_allocate(PcAcpi *self, const char *file, uint32_t align, uint8_t zone);
/* The field of @size bytes at @offset of @file holds an offset in @target; it becomes an address. */
void pc_loader_add_pointer(PcAcpi *self, const char *file, uint32_t offset, uint8_t size, const char *target);
/* The address of @target's byte @target_offset goes into the host's file @file. */
void pc_loader_write_pointer(PcAcpi *self, const char *file, uint32_t offset, uint8_t size, const char *target, uint32_t target_offset);

/* Replaces the placeholder of "Name (NAME, integer)"; @size is that of the integer. */
void pc_acpi_patch_name(uint8_t *dsdt, gsize len, const char *name, uint64_t value, unsigned size);
/* The placeholders that every board's DSDT has: P64S, P64L, ISAP, PMIO, PVPP. */
void pc_acpi_patch_common(PcMachine *pc, uint8_t *dsdt, gsize len);

/* Also for a CPU that is not there. */
uint32_t pc_acpi_get_apic_id(PcMachine *pc, unsigned index);

/* pc-acpi-numa.c: append their offset to @tables and count it. */
void pc_acpi_add_numa(PcAcpi *self, guint *tables, guint *n);

/* pc-acpi-cpus.c: the same, in place of the list of CPUs that stay. */
void pc_acpi_add_cpu_hotplug(PcAcpi *self, guint *tables, guint *n);

/* pc-acpi-memory.c: the same. */
void pc_acpi_add_memory_hotplug(PcAcpi *self, guint *tables, guint *n);

/* pc-acpi-pcihp.c: the same. */
void pc_acpi_add_pci_hotplug(PcAcpi *self, guint *tables, guint *n);

/* pc-acpi-vmgenid.c: the same. */
void pc_acpi_add_vmgenid(PcAcpi *self, guint *tables, guint *n);
