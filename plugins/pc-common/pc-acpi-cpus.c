/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tables for CPUs that come and go. What does not depend on their number is ASL; the objects of the CPUs, present and possible,
 * the method that notifies one of them, and the event's are written here as AML:
 *
 *   Scope (\_SB) { Processor (Cnnn, n, 0, 0) { _STA, _MAT, _EJ0, _OST } ...  Method (CTFY, 2) { If (Arg0 == n) { Notify (Cnnn, Arg1) } ... } }
 *   Method (\_GPE._Exx) { \_SB.CSCN () }
 */

#include "pc-aml.h"

#include "cpus-aml.h"

#include <string.h>

static void
aml_add_cpu(GByteArray *out, const char *name, unsigned index, uint32_t apic_id)
{
    static const uint8_t ost[] = {PC_AML_ARG0, PC_AML_ARG1};
    const uint8_t id[] = {0x0b, (uint8_t)apic_id, (uint8_t)(apic_id >> 8)};
    GByteArray *body = g_byte_array_new();

    pc_aml_add_name(body, name);
    pc_acpi_add(body, index, 1);
    pc_acpi_add(body, 0, 4);
    pc_acpi_add(body, 0, 1);
    pc_aml_add_call(body, "_STA", 0, true, "CSTA", index, NULL, 0);
    pc_aml_add_call(body, "_MAT", 0, true, "CMAT", index, id, sizeof id);
    if (index != 0) {
        pc_aml_add_call(body, "_EJ0", 1, false, "CEJ0", index, NULL, 0);
    }
    pc_aml_add_call(body, "_OST", 3, false, "COST", index, ost, sizeof ost);
    pc_acpi_add(out, 0x5b, 1);
    pc_acpi_add(out, 0x83, 1);
    pc_aml_add_package(out, body);
}

static guint
pc_acpi_add_cpu_objects(PcAcpi *self)
{
    static const char news[] = "\\\x2e_SB_CSCN";
    unsigned n = emu_machine_get_smp(EMU_MACHINE(self->pc)).max_cpus;
    GByteArray *scope = g_byte_array_new(), *notify = g_byte_array_new();
    guint at = pc_acpi_begin(self, "SSDT", 1);

    pc_aml_add_name(scope, "_SB_");
    pc_aml_add_name(notify, "CTFY");
    pc_acpi_add(notify, 2, 1);
    for (unsigned i = 0; i < n; i++) {
        char name[5];

        g_snprintf(name, sizeof name, "C%03X", i);
        aml_add_cpu(scope, name, i, pc_acpi_get_apic_id(self->pc, i));
        pc_aml_add_notify(notify, name, i);
    }
    pc_acpi_add(scope, 0x14, 1);
    pc_aml_add_package(scope, notify);
    pc_acpi_add(self->tables, 0x10, 1);
    pc_aml_add_package(self->tables, scope);
    pc_aml_add_event(self->tables, self->pc->cpu_hotplug_gpe, (const uint8_t *)news, sizeof news - 1);
    pc_acpi_end(self, at);
    return at;
}

void
pc_acpi_add_cpu_hotplug(PcAcpi *self, guint *tables, guint *n)
{
    guint at = self->tables->len;

    g_byte_array_append(self->tables, pc_cpus_aml, sizeof pc_cpus_aml);
    pc_acpi_patch_name(self->tables->data + at, sizeof pc_cpus_aml, "CPHB", self->pc->cpu_hotplug_port, 2);
    pc_acpi_end(self, at);
    tables[(*n)++] = at;
    tables[(*n)++] = pc_acpi_add_cpu_objects(self);
}

bool
pc_create_cpu_hotplug(PcMachine *self, uint16_t port, unsigned gpe, GError **error)
{
    g_autofree char *text = g_strdup_printf("%u", port);
    g_autoptr(GError) local_error = NULL;
    EmuDevice *dev = pc_new_device(self, NULL, "acpi-cpuhp", NULL, &local_error, "port", text, NULL);

    if (!dev) {
        return pc_tolerate("acpi-cpuhp", &local_error, error);
    }
    emu_device_connect_out(dev, "event", 0, emu_device_get_line_in(self->pm, "gpe", gpe));
    self->cpu_hotplug_port = port;
    self->cpu_hotplug_gpe = (uint8_t)gpe;
    return true;
}
