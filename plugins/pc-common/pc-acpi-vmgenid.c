/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table that tells the guest where its generation ID lies; the firmware allocates the page. */

#include "pc-acpi.h"

#include "vmgenid-aml.h"

#include <string.h>

#define PC_VMGENID_GUID_FILE "etc/vmgenid_guid"
#define PC_VMGENID_ADDRESS_FILE "etc/vmgenid_addr"
#define PC_VMGENID_OFFSET 40
#define PC_VMGENID_GPE 5

static bool
pc_vmgenid_find_cb(EmuObject *object, gpointer data)
{
    if (emu_object_is_a(object, "vmgenid")) {
        *(EmuObject **)data = object;
        return true;
    }
    return emu_object_foreach_child(object, pc_vmgenid_find_cb, data);
}

void
pc_connect_vmgenid(PcMachine *pc)
{
    EmuObject *found = NULL;

    emu_object_foreach_child(pc, pc_vmgenid_find_cb, &found);
    pc->vmgenid = found ? EMU_DEVICE(found) : NULL;
    if (pc->vmgenid && emu_device_is_realized(pc->vmgenid)) {
        emu_device_connect_out(pc->vmgenid, "notify", 0, emu_device_get_line_in(pc->pm, "gpe", PC_VMGENID_GPE));
    }
}

void
pc_acpi_add_vmgenid(PcAcpi *self, guint *tables, guint *n)
{
    guint at = self->tables->len;

    if (!self->pc->vmgenid) {
        return;
    }
    g_byte_array_append(self->tables, pc_vmgenid_aml, sizeof pc_vmgenid_aml);
    for (guint i = at; i + 10 <= self->tables->len; i++) {
        if (memcmp(self->tables->data + i, "\x08VGIA\x0c", 6) == 0) {
            pc_acpi_set(self->tables, i + 6, 0, 4);
            pc_loader_allocate(self, PC_VMGENID_GUID_FILE, 4096, PC_ACPI_ZONE_HIGH);
            pc_loader_add_pointer(self, PC_ACPI_TABLES_FILE, i + 6, 4, PC_VMGENID_GUID_FILE);
            pc_loader_write_pointer(self, PC_VMGENID_ADDRESS_FILE, 0, 8, PC_VMGENID_GUID_FILE, PC_VMGENID_OFFSET);
            break;
        }
    }
    pc_acpi_end(self, at);
    tables[(*n)++] = at;
}
