/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Writing ACPI tables: what the files that make them share. */

#include "pc-machine.h"

#define PC_ACPI_TABLES_FILE "etc/acpi/tables"
#define PC_ACPI_RSDP_FILE "etc/acpi/rsdp"
#define PC_ACPI_LOADER_FILE "etc/table-loader"

typedef struct {
    PcMachine *pc;
    GByteArray *tables;
    GByteArray *rsdp;
    GByteArray *loader;
} PcAcpi;

void pc_acpi_add(GByteArray *out, uint64_t value, unsigned size);
void pc_acpi_add_zeroes(GByteArray *out, unsigned n);
void pc_acpi_set(GByteArray *out, guint at, uint64_t value, unsigned size);

/* Starts a table; length and checksum follow with pc_acpi_end(). Returns its offset. */
guint pc_acpi_begin(PcAcpi *self, const char *signature, uint8_t revision);
void pc_acpi_end(PcAcpi *self, guint at);

/* Also for a CPU that is not there. */
uint32_t pc_acpi_get_apic_id(PcMachine *pc, unsigned index);

/* pc-acpi-numa.c: append their offset to @tables and count it. */
void pc_acpi_add_numa(PcAcpi *self, guint *tables, guint *n);
