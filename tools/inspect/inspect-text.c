/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The same for people. */

#include "inspect.h"

#include <stdio.h>
#include <string.h>

static const char *
text_of(JsonObject *object, const char *member)
{
    return json_object_has_member(object, member) ? json_object_get_string_member(object, member) : NULL;
}

static bool
is_true(JsonObject *object, const char *member)
{
    return json_object_has_member(object, member) && json_object_get_boolean_member(object, member);
}

static JsonArray *
rows_of(JsonObject *object, const char *member)
{
    return json_object_has_member(object, member) ? json_object_get_array_member(object, member) : NULL;
}

static guint
length_of(JsonArray *array)
{
    return array ? json_array_get_length(array) : 0;
}

static void
print_row(const char *label, const char *value)
{
    if (value && *value) {
        printf("  %-14s %s\n", label, value);
    }
}

static char *
join(JsonArray *words, const char *separator)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < length_of(words); i++) {
        g_string_append_printf(out, "%s%s", i ? separator : "", json_array_get_string_element(words, i));
    }
    return g_string_free(out, FALSE);
}

void
inspect_print_list(JsonObject *list)
{
    JsonArray *plugins = rows_of(list, "plugins"), *refused = rows_of(list, "refused");
    guint types = 0;

    for (guint i = 0; i < length_of(plugins); i++) {
        JsonObject *plugin = json_array_get_object_element(plugins, i);
        JsonArray *provided = rows_of(plugin, "types");

        printf("%s %s: %s\n", text_of(plugin, "name"), text_of(plugin, "version"),
               text_of(plugin, "description") ? text_of(plugin, "description") : "");
        for (guint j = 0; j < length_of(provided); j++) {
            printf("  %s\n", text_of(json_array_get_object_element(provided, j), "name"));
        }
        types += length_of(provided);
    }
    for (guint i = 0; i < length_of(refused); i++) {
        JsonObject *r = json_array_get_object_element(refused, i);

        printf("refused: %s %s\n", text_of(r, "file"), text_of(r, "reason"));
    }
    printf("\n%u plugins, %u types; %u files refused\n", length_of(plugins), types, length_of(refused));
}

void
inspect_print_plugin(JsonObject *plugin)
{
    JsonArray *types = rows_of(plugin, "types");
    g_autofree char *needs = join(rows_of(plugin, "needs"), " ");

    printf("Plugin\n");
    print_row("name", text_of(plugin, "name"));
    print_row("description", text_of(plugin, "description"));
    print_row("version", text_of(plugin, "version"));
    print_row("licence", text_of(plugin, "license"));
    print_row("file", text_of(plugin, "file"));
    printf("  %-14s %s, %s tier\n", "built for SDK", text_of(plugin, "sdk"), text_of(plugin, "tier"));
    print_row("needs", needs);
    if (text_of(plugin, "refused")) {
        printf("\nRefused: it %s\n", text_of(plugin, "refused"));
    }
    printf("\nTypes\n");
    for (guint i = 0; i < length_of(types); i++) {
        JsonObject *type = json_array_get_object_element(types, i);
        g_autofree char *is = join(rows_of(type, "is"), ", ");
        const char *description = text_of(type, "description");

        printf("  %-26s %s%s%s\n", text_of(type, "name"), *is ? "is a " : "", is, "");
        if (description) {
            printf("  %-26s   %s\n", "", description);
        }
    }
}

static void
print_properties(JsonArray *properties)
{
    for (guint i = 0; i < length_of(properties); i++) {
        JsonObject *p = json_array_get_object_element(properties, i);
        g_autofree char *values = join(rows_of(p, "values"), "|");

        if (!i) {
            printf("\nProperties\n");
        }
        printf("  %s=<%s>", text_of(p, "name"), text_of(p, "type"));
        if (*values) {
            printf("  one of %s", values);
        } else if (json_object_has_member(p, "maximum")) {
            printf("  %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT, json_object_get_int_member(p, "minimum"),
                   json_object_get_int_member(p, "maximum"));
        }
        if (text_of(p, "default")) {
            printf("  default %s", text_of(p, "default"));
        }
        if (!is_true(p, "writable")) {
            printf("  read-only");
        }
        printf("\n");
        if (text_of(p, "description")) {
            printf("      %s\n", text_of(p, "description"));
        }
    }
}

static void
print_vmstate(JsonObject *vms, int indent)
{
    JsonArray *fields = rows_of(vms, "fields"), *subsections = rows_of(vms, "subsections");

    printf("%*s%s version %" G_GINT64_FORMAT " (loads %" G_GINT64_FORMAT " and later)\n", indent, "", text_of(vms, "name"),
           json_object_get_int_member(vms, "version"), json_object_get_int_member(vms, "minimum-version"));
    for (guint i = 0; i < length_of(fields); i++) {
        JsonObject *f = json_array_get_object_element(fields, i);

        printf("%*s%s: %s", indent + 2, "", text_of(f, "name") ? text_of(f, "name") : "", text_of(f, "kind"));
        if (json_object_has_member(f, "num")) {
            printf("[%" G_GINT64_FORMAT "]", json_object_get_int_member(f, "num"));
        }
        if (json_object_has_member(f, "size")) {
            printf(", %" G_GINT64_FORMAT " bytes", json_object_get_int_member(f, "size"));
        }
        if (json_object_has_member(f, "since")) {
            printf(", since version %" G_GINT64_FORMAT, json_object_get_int_member(f, "since"));
        }
        printf("\n");
        if (json_object_has_member(f, "state")) {
            print_vmstate(json_object_get_object_member(f, "state"), indent + 4);
        }
    }
    for (guint i = 0; i < length_of(subsections); i++) {
        print_vmstate(json_array_get_object_element(subsections, i), indent + 2);
    }
}

static void
print_hierarchy(JsonObject *type)
{
    JsonArray *parents = rows_of(type, "parents");
    guint n = length_of(parents);
    g_autofree char *interfaces = join(rows_of(type, "interfaces"), ", ");

    printf("\nHierarchy\n");
    for (guint i = 0; i < n; i++) {
        printf("%*s%s\n", 2 + 2 * (int)i, "", json_array_get_string_element(parents, n - 1 - i));
    }
    printf("%*s%s\n", 2 + 2 * (int)n, "", text_of(type, "name"));
    print_row("implements", interfaces);
}

static void
print_parts(JsonObject *type)
{
    JsonArray *lines = rows_of(type, "lines"), *buses = rows_of(type, "buses"), *regions = rows_of(type, "regions");

    for (guint i = 0; i < length_of(lines); i++) {
        JsonObject *line = json_array_get_object_element(lines, i);
        gint64 n = json_object_get_int_member(line, "n");

        printf("%s  %-3s %s", i ? "" : "\nLines\n", text_of(line, "direction"), text_of(line, "name"));
        if (n > 1) {
            printf("[0..%" G_GINT64_FORMAT "]", n - 1);
        }
        printf("\n");
    }
    for (guint i = 0; i < length_of(buses); i++) {
        printf("%s  %s\n", i ? "" : "\nBuses\n", text_of(json_array_get_object_element(buses, i), "type"));
    }
    for (guint i = 0; i < length_of(regions); i++) {
        JsonObject *region = json_array_get_object_element(regions, i);

        printf("%s  %-24s %s bytes, %s\n", i ? "" : "\nRegions\n", text_of(region, "name"), text_of(region, "size"),
               text_of(region, "kind"));
    }
    if (text_of(type, "not-realized")) {
        printf("\nLines, buses and regions are not known: %s\n", text_of(type, "not-realized"));
    }
}

static void
print_registers(JsonArray *registers)
{
    const char *bank = NULL;

    for (guint i = 0; i < length_of(registers); i++) {
        JsonObject *r = json_array_get_object_element(registers, i);
        JsonArray *fields = rows_of(r, "fields");

        if (g_strcmp0(bank, text_of(r, "bank")) != 0) {
            bank = text_of(r, "bank");
            printf("\nRegisters of bank %s\n", bank);
        }
        printf("  0x%02x %-3s %2d bits  %-20s reset 0x%" G_GINT64_MODIFIER "x  %s\n", (unsigned)json_object_get_int_member(r, "offset"), text_of(r, "access"),
               8 * (int)json_object_get_int_member(r, "width"), text_of(r, "name"), json_object_get_int_member(r, "reset"),
               text_of(r, "description") ? text_of(r, "description") : "");
        for (guint j = 0; j < length_of(fields); j++) {
            JsonObject *f = json_array_get_object_element(fields, j);
            int shift = (int)json_object_get_int_member(f, "shift"), bits = (int)json_object_get_int_member(f, "bits");
            g_autofree char *range = bits > 1 ? g_strdup_printf("%d:%d", shift + bits - 1, shift) : g_strdup_printf("%d", shift);

            printf("       %-3s %5s    %-20s %s\n", text_of(f, "access"), range, text_of(f, "name"),
                   text_of(f, "description") ? text_of(f, "description") : "");
        }
    }
}

void
inspect_print_type(JsonObject *type)
{
    printf("Type\n");
    print_row("name", text_of(type, "name"));
    print_row("description", text_of(type, "description"));
    print_row("plugin", text_of(type, "plugin"));
    print_row("file", text_of(type, "file"));
    print_row("icon", text_of(type, "icon"));
    print_row("plugs into", text_of(type, "bus"));
    print_row("category", text_of(type, "category"));
    print_row("model", text_of(type, "model"));
    if (json_object_has_member(type, "user-creatable")) {
        print_row("-device", is_true(type, "user-creatable") ? is_true(type, "hotpluggable") ? "yes, also while it runs" : "yes"
                                                             : "no");
    } else if (is_true(type, "abstract") && !json_object_has_member(type, "block-driver")) {
        print_row("abstract", "yes");
    }
    if (json_object_has_member(type, "pci")) {
        JsonObject *pci = json_object_get_object_member(type, "pci");

        printf("  %-14s %s:%s, subsystem %s:%s, class %s, prog-if %s, revision %s\n", "PCI ids", text_of(pci, "vendor"),
               text_of(pci, "device"), text_of(pci, "subsystem-vendor"), text_of(pci, "subsystem"), text_of(pci, "class"),
               text_of(pci, "prog-if"), text_of(pci, "revision"));
    }
    if (json_object_has_member(type, "machine")) {
        JsonObject *machine = json_object_get_object_member(type, "machine");

        print_row("machine", text_of(machine, "description"));
        print_row("alias", text_of(machine, "alias"));
        print_row("default CPU", text_of(machine, "default-cpu"));
    }
    if (json_object_has_member(type, "block-driver")) {
        JsonObject *driver = json_object_get_object_member(type, "block-driver");
        g_autofree char *option = g_strdup_printf("%s=%s", g_strcmp0(text_of(driver, "kind"), "format") ? "driver" : "format", text_of(driver, "name"));

        print_row("block driver", text_of(driver, "kind"));
        print_row("-drive", option);
        print_row("writes", is_true(driver, "writable") ? "yes" : "no");
        print_row("probed", is_true(driver, "probed") ? "yes" : "no");
    }
    print_hierarchy(type);
    print_properties(rows_of(type, "properties"));
    print_parts(type);
    print_registers(rows_of(type, "registers"));
    if (json_object_has_member(type, "vmstate")) {
        printf("\nSaved state\n");
        print_vmstate(json_object_get_object_member(type, "vmstate"), 2);
    }
}
