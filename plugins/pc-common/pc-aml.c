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

void
pc_aml_add_call(GByteArray *out, const char *name, uint8_t n_args, bool returns, const char *callee, unsigned index, const uint8_t *extra,
                gsize n_extra)
{
    GByteArray *body = g_byte_array_new();

    pc_aml_add_name(body, name);
    pc_acpi_add(body, n_args, 1);
    if (returns) {
        pc_acpi_add(body, PC_AML_RETURN, 1);
    }
    pc_aml_add_name(body, callee);
    pc_aml_add_word(body, index);
    g_byte_array_append(body, extra, (guint)n_extra);
    pc_acpi_add(out, PC_AML_METHOD, 1);
    pc_aml_add_package(out, body);
}

void
pc_aml_add_notify(GByteArray *out, const char *name, unsigned index)
{
    GByteArray *body = g_byte_array_new();

    pc_acpi_add(body, 0x93, 1);
    pc_acpi_add(body, PC_AML_ARG0, 1);
    pc_aml_add_word(body, index);
    pc_acpi_add(body, PC_AML_NOTIFY, 1);
    pc_aml_add_name(body, name);
    pc_acpi_add(body, PC_AML_ARG1, 1);
    pc_acpi_add(out, PC_AML_IF, 1);
    pc_aml_add_package(out, body);
}

void
pc_aml_add_event(GByteArray *out, unsigned gpe, const uint8_t *aml, gsize len)
{
    GByteArray *body = g_byte_array_new();
    char name[5];

    g_snprintf(name, sizeof name, "_E%02X", gpe);
    g_byte_array_append(body, (const uint8_t *)"\\\x2e_GPE", 6);
    pc_aml_add_name(body, name);
    pc_acpi_add(body, 0, 1);
    g_byte_array_append(body, aml, (guint)len);
    pc_acpi_add(out, PC_AML_METHOD, 1);
    pc_aml_add_package(out, body);
}
