/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pc-aml.h"

void
pc_aml_add_name(GByteArray *out, const char *name)
{
    g_byte_array_append(out, (const uint8_t *)name, 4);
}

void
pc_aml_add_word(GByteArray *out, unsigned value)
{
    pc_acpi_add(out, 0x0b, 1);
    pc_acpi_add(out, value, 2);
}

void
pc_aml_add_dword(GByteArray *out, uint32_t value)
{
    pc_acpi_add(out, 0x0c, 1);
    pc_acpi_add(out, value, 4);
}

void
pc_aml_add_package(GByteArray *out, GByteArray *content)
{
    guint len = content->len;

    if (len + 1 < 0x40) {
        pc_acpi_add(out, len + 1, 1);
    } else if (len + 2 < 0x1000) {
        pc_acpi_add(out, 0x40 | ((len + 2) & 15), 1);
        pc_acpi_add(out, (len + 2) >> 4, 1);
    } else {
        pc_acpi_add(out, 0x80 | ((len + 3) & 15), 1);
        pc_acpi_add(out, (len + 3) >> 4, 2);
    }
    g_byte_array_append(out, content->data, len);
    g_byte_array_unref(content);
}
