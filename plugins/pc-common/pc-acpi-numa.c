/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SRAT and SLIT: what is near what (ACPI 6.3, sections 5.2.16 and 5.2.17). */

#include "pc-acpi.h"

#include <emu/memory-device.h>

#define PC_4G UINT64_C(0x100000000)
#define PC_VGA_HOLE_START 0xa0000
#define PC_VGA_HOLE_END 0x100000

enum { PC_SRAT_ENABLED = 1, PC_SRAT_HOT_PLUGGABLE = 2 };

static void
pc_srat_add_memory(GByteArray *t, unsigned node, uint64_t start, uint64_t length, uint32_t flags)
{
    if (length == 0) {
        return;
    }
    pc_acpi_add(t, 1, 1);
    pc_acpi_add(t, 40, 1);
    pc_acpi_add(t, node, 4);
    pc_acpi_add(t, 0, 2);
    pc_acpi_add(t, start, 8);
    pc_acpi_add(t, length, 8);
    pc_acpi_add(t, 0, 4);
    pc_acpi_add(t, flags, 4);
    pc_acpi_add(t, 0, 8);
}

/* Bytes [start, end) of main memory as the CPUs see them: with the hole of the VGA, and a part above 4 GiB. */
static void
pc_srat_add_ram(PcMachine *pc, GByteArray *t, unsigned node, uint64_t start, uint64_t end)
{
    const struct {
        uint64_t first, last, moved; /* of RAM, and how far it moves */
    } pieces[] = {
        {0, PC_VGA_HOLE_START, 0},
        {PC_VGA_HOLE_END, pc->below_4g, 0},
        {pc->below_4g, pc->below_4g + pc->above_4g, PC_4G - pc->below_4g},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(pieces); i++) {
        uint64_t first = MAX(start, pieces[i].first), last = MIN(end, pieces[i].last);

        if (first < last) {
            pc_srat_add_memory(t, node, first + pieces[i].moved, last - first, PC_SRAT_ENABLED);
        }
    }
}

static guint
pc_acpi_add_srat(PcAcpi *self)
{
    EmuMachine *machine = EMU_MACHINE(self->pc);
    unsigned n_nodes = emu_machine_get_n_numa_nodes(machine), n_cpus = emu_machine_get_smp(machine).max_cpus;
    GByteArray *t = self->tables;
    guint at = pc_acpi_begin(self, "SRAT", 1);
    uint64_t start = 0, base, size;

    pc_acpi_add(t, 1, 4);
    pc_acpi_add(t, 0, 8);
    for (unsigned i = 0; i < n_cpus; i++) {
        unsigned node = emu_machine_get_numa_node_of_cpu(machine, i);

        pc_acpi_add(t, 0, 1); /* processor's local APIC */
        pc_acpi_add(t, 16, 1);
        pc_acpi_add(t, node, 1);
        pc_acpi_add(t, pc_acpi_get_apic_id(self->pc, i), 1);
        pc_acpi_add(t, 1, 4); /* enabled */
        pc_acpi_add(t, 0, 1);
        pc_acpi_add(t, node >> 8, 3);
        pc_acpi_add(t, 0, 4);
    }
    for (unsigned i = 0; i < n_nodes; i++) {
        uint64_t end = start + emu_machine_get_numa_node_size(machine, i);

        pc_srat_add_ram(self->pc, t, i, start, end);
        start = end;
    }
    /* Guests want to know early how far memory may reach, and look for it in the highest node. A module's own node is in its _PXM. */
    if (emu_machine_get_device_memory(machine, &base, &size)) {
        pc_srat_add_memory(t, n_nodes - 1, base, size, PC_SRAT_ENABLED | PC_SRAT_HOT_PLUGGABLE);
    }
    pc_acpi_end(self, at);
    return at;
}

static guint
pc_acpi_add_slit(PcAcpi *self)
{
    EmuMachine *machine = EMU_MACHINE(self->pc);
    unsigned n_nodes = emu_machine_get_n_numa_nodes(machine);
    guint at = pc_acpi_begin(self, "SLIT", 1);

    pc_acpi_add(self->tables, n_nodes, 8);
    for (unsigned i = 0; i < n_nodes; i++) {
        for (unsigned j = 0; j < n_nodes; j++) {
            pc_acpi_add(self->tables, emu_machine_get_numa_distance(machine, i, j), 1);
        }
    }
    pc_acpi_end(self, at);
    return at;
}

void
pc_acpi_add_numa(PcAcpi *self, guint *tables, guint *n)
{
    EmuMachine *machine = EMU_MACHINE(self->pc);

    if (emu_machine_get_n_numa_nodes(machine) == 0) {
        return;
    }
    tables[(*n)++] = pc_acpi_add_srat(self);
    if (emu_machine_has_numa_distances(machine)) {
        tables[(*n)++] = pc_acpi_add_slit(self);
    }
}
