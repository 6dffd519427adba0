/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory modules that come and go: where they may lie, and the tables that tell of them. What does not depend on the number of slots
 * is ASL; the slots, the method that notifies one of them, and the event's are written here as AML:
 *
 *   Scope (\_SB) { Device (MPnn) { _HID _UID _STA _CRS _PXM _EJ0 _OST } ...  Method (MTFY, 2) { If (Arg0 == n) { Notify (MPnn, Arg1) } ... } }
 *   Method (\_GPE._E03) { \_SB.MSCN (slots) }
 */

#include "pc-aml.h"

#include "memory-aml.h"

#include <emu/memory-device.h>

#include <inttypes.h>

#define PC_GIB (UINT64_C(1) << 30)
#define PC_4G UINT64_C(0x100000000)
#define PC_PNP_MEMORY 0x800cd041 /* PNP0C80 */
#define PC_MEMORY_HOTPLUG_PORT 0x0a00
#define PC_MEMORY_HOTPLUG_GPE 3

static void
memory_add_slot(GByteArray *out, const char *name, unsigned slot)
{
    static const uint8_t ost[] = {PC_AML_ARG0, PC_AML_ARG1};
    GByteArray *body = g_byte_array_new();

    pc_aml_add_name(body, name);
    pc_acpi_add(body, PC_AML_NAME, 1);
    pc_aml_add_name(body, "_HID");
    pc_aml_add_dword(body, PC_PNP_MEMORY);
    pc_acpi_add(body, PC_AML_NAME, 1);
    pc_aml_add_name(body, "_UID");
    pc_aml_add_word(body, slot);
    pc_aml_add_call(body, "_STA", 0, true, "MSTA", slot, NULL, 0);
    pc_aml_add_call(body, "_CRS", 0, true, "MCRS", slot, NULL, 0);
    pc_aml_add_call(body, "_PXM", 0, true, "MPXM", slot, NULL, 0);
    pc_aml_add_call(body, "_EJ0", 1, false, "MEJ0", slot, NULL, 0);
    pc_aml_add_call(body, "_OST", 3, false, "MOST", slot, ost, sizeof ost);
    pc_acpi_add(out, PC_AML_EXT, 1);
    pc_acpi_add(out, PC_AML_EXT_DEVICE, 1);
    pc_aml_add_package(out, body);
}

static guint
memory_add_objects(PcAcpi *self)
{
    unsigned n = emu_machine_get_ram_slots(EMU_MACHINE(self->pc));
    GByteArray *scope = g_byte_array_new(), *notify = g_byte_array_new(), *news = g_byte_array_new();
    guint at = pc_acpi_begin(self, "SSDT", 1);

    pc_aml_add_name(scope, "_SB_");
    pc_aml_add_name(notify, "MTFY");
    pc_acpi_add(notify, 2, 1);
    for (unsigned i = 0; i < n; i++) {
        char name[5];

        g_snprintf(name, sizeof name, "MP%02X", i & 0xff);
        memory_add_slot(scope, name, i);
        pc_aml_add_notify(notify, name, i);
    }
    pc_acpi_add(scope, PC_AML_METHOD, 1);
    pc_aml_add_package(scope, notify);
    pc_acpi_add(self->tables, PC_AML_SCOPE, 1);
    pc_aml_add_package(self->tables, scope);
    g_byte_array_append(news, (const uint8_t *)"\\\x2e_SB_MSCN", 10);
    pc_aml_add_word(news, n);
    pc_aml_add_event(self->tables, PC_MEMORY_HOTPLUG_GPE, news->data, news->len);
    g_byte_array_unref(news);
    pc_acpi_end(self, at);
    return at;
}

void
pc_acpi_add_memory_hotplug(PcAcpi *self, guint *tables, guint *n)
{
    guint at = self->tables->len;

    g_byte_array_append(self->tables, pc_memory_aml, sizeof pc_memory_aml);
    pc_acpi_patch_name(self->tables->data + at, sizeof pc_memory_aml, "MHPB", self->pc->memory_hotplug_port, 2);
    pc_acpi_end(self, at);
    tables[(*n)++] = at;
    tables[(*n)++] = memory_add_objects(self);
}

/* ---- the board's side ---------------------------------------------------------------------------------- */

/* Above all RAM, with room to align each module to the largest page. */
bool
pc_create_device_memory(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    uint64_t size = emu_machine_get_max_ram_size(machine) - emu_machine_get_ram_size(machine), base, end;
    EmuObject *cpu = EMU_OBJECT(emu_machine_get_cpu(machine, 0));
    g_autofree char *text = cpu && emu_object_has_property(cpu, "phys-bits") ? emu_object_get_as_string(cpu, "phys-bits", NULL) : NULL;
    uint64_t bits = text ? g_ascii_strtoull(text, NULL, 0) : 0;

    if (size == 0) {
        return true;
    }
    size += emu_machine_get_ram_slots(machine) * PC_GIB;
    base = (PC_4G + self->above_4g + PC_GIB - 1) & ~(PC_GIB - 1);
    end = base + size;
    if (bits && bits < 64 && end > UINT64_C(1) << bits) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Address space limit 0x%" PRIx64 " < 0x%" PRIx64 " phys-bits too low (%u)",
                    (UINT64_C(1) << bits) - 1, end - 1, (unsigned)bits);
        return false;
    }
    emu_machine_create_device_memory(machine, base, size);
    return true;
}

/* Where firmware may begin to put PCI devices above 4 GiB. */
void
pc_add_reserved_memory_end(PcMachine *self)
{
    uint64_t base, size, end;

    if (emu_machine_get_device_memory(EMU_MACHINE(self), &base, &size)) {
        end = GUINT64_TO_LE((base + size + PC_GIB - 1) & ~(PC_GIB - 1));
        emu_fw_cfg_add_file(self->fw_cfg, "etc/reserved-memory-end", &end, sizeof end);
    }
}

bool
pc_create_memory_hotplug(PcMachine *self, GError **error)
{
    g_autofree char *text = g_strdup_printf("%u", PC_MEMORY_HOTPLUG_PORT);
    g_autoptr(GError) local_error = NULL;
    EmuDevice *dev;

    if (!self->acpi || emu_machine_get_ram_slots(EMU_MACHINE(self)) == 0) {
        return true;
    }
    dev = pc_new_device(self, NULL, "acpi-memhp", NULL, &local_error, "port", text, NULL);
    if (!dev) {
        return pc_tolerate("acpi-memhp", &local_error, error);
    }
    emu_device_connect_out(dev, "event", 0, emu_device_get_line_in(self->pm, "gpe", PC_MEMORY_HOTPLUG_GPE));
    self->memory_hotplug_port = PC_MEMORY_HOTPLUG_PORT;
    return true;
}
