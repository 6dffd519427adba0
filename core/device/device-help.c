/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What people read about devices: -device help, -device TYPE,help, info qtree. Layouts as in QEMU, which scripts parse. */

#include "device/device-private.h"

#include <string.h>

/* ---- -device help ------------------------------------------------------------------------------------ */

/* Category of EmuDeviceClass, heading; in this order. */
static const char *const categories[][2] = {
    {"bridge", "Controller/Bridge/Hub"}, {"usb", "USB"}, {"storage", "Storage"}, {"network", "Network"},
    {"input", "Input"}, {"display", "Display"}, {"sound", "Sound"}, {"misc", "Misc"}, {"cpu", "CPU"}, {"watchdog", "Watchdog"},
    {NULL, "Uncategorized"},
};

static unsigned
category_index(const char *category)
{
    unsigned i = 0;

    while (categories[i][0] && g_strcmp0(categories[i][0], category) != 0) {
        i++;
    }
    return i;
}

bool
emu_device_class_is_user_creatable(EmuDeviceClass *klass)
{
    return klass->user_creatable && !G_TYPE_IS_ABSTRACT(G_TYPE_FROM_CLASS(klass));
}

char *
emu_device_help(void)
{
    g_autoptr(GPtrArray) types = emu_type_list("device", false);
    GString *groups[G_N_ELEMENTS(categories)] = {NULL}, *out = g_string_new(NULL);

    for (unsigned i = 0; i < types->len; i++) {
        const char *name = g_ptr_array_index(types, i), *text;
        GType type = emu_type_lookup(name, NULL);
        EmuDeviceClass *klass = type != G_TYPE_INVALID ? g_type_class_ref(type) : NULL;
        GString **group;

        if (!klass || !emu_device_class_is_user_creatable(klass)) {
            g_clear_pointer((gpointer *)&klass, g_type_class_unref);
            continue;
        }
        group = &groups[category_index(klass->category)];
        if (!*group) {
            *group = g_string_new(NULL);
        }
        g_string_append_printf(*group, "name \"%s\"", name);
        if (klass->bus_type) {
            g_string_append_printf(*group, ", bus %s", klass->bus_type);
        }
        text = emu_type_description(type) ? emu_type_description(type) : klass->model_name;
        if (text && *text) {
            g_string_append_printf(*group, ", desc \"%s\"", text);
        }
        g_string_append_c(*group, '\n');
        g_type_class_unref(klass);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (groups[i]) {
            g_string_append_printf(out, "%s%s devices:\n%s", out->len ? "\n" : "", categories[i][1], groups[i]->str);
            g_string_free(groups[i], TRUE);
        }
    }
    return g_string_free(out, FALSE);
}

/* ---- -device TYPE,help --------------------------------------------------------------------------------- */

/* What the object model knows of every object is no option of the device. */
GPtrArray *
emu_device_type_list_properties(const char *type, GError **error)
{
    GPtrArray *props;
    GType gtype = emu_type_lookup(type, error);

    if (gtype == G_TYPE_INVALID) {
        return NULL;
    }
    if (!g_type_is_a(gtype, EMU_TYPE_DEVICE)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "'%s' is not a device type", type);
        return NULL;
    }
    props = emu_type_list_properties(type, error);
    for (unsigned i = 0; props && i < props->len;) {
        EmuPropertyInfo *info = g_ptr_array_index(props, i);

        if (!info->writable || !strcmp(info->name, "type")) {
            g_ptr_array_remove_index(props, i);
        } else {
            i++;
        }
    }
    return props;
}

char *
emu_device_type_help(const char *type, GError **error)
{
    g_autoptr(GPtrArray) props = emu_device_type_list_properties(type, error);
    GString *out;

    if (!props) {
        return NULL;
    }
    if (!props->len) {
        return g_strdup_printf("There are no options for %s.\n", type);
    }
    out = g_string_new(NULL);
    g_string_append_printf(out, "%s options:\n", type);
    for (unsigned i = 0; i < props->len; i++) {
        EmuPropertyInfo *info = g_ptr_array_index(props, i);
        g_autofree char *head = g_strdup_printf("  %s=<%s>", info->name, !strcmp(info->type, "string") ? "str" : info->type);
        bool described = info->description && *info->description;

        if (!described && !info->default_value) {
            g_string_append_printf(out, "%s\n", head);
            continue;
        }
        g_string_append_printf(out, "%-24s - %s", head, described ? info->description : "");
        if (info->default_value) {
            g_string_append_printf(out, "%s(default: %s)", described ? " " : "", info->default_value);
        }
        g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

/* ---- info qtree ---------------------------------------------------------------------------------------- */

static void
qtree_property(GString *out, EmuDevice *dev, const EmuPropertyInfo *info, int indent)
{
    g_autofree char *value = emu_object_get_as_string(dev, info->name, NULL);
    guint64 number;
    char *end;

    if (!value || g_str_has_prefix(info->type, "child<")) {
        return;
    }
    number = g_ascii_strtoull(value, &end, 10);
    if (strstr(info->type, "int") && *value && !*end) {
        g_string_append_printf(out, "%*s%s = %s (0x%" G_GINT64_MODIFIER "x)\n", indent, "", info->name, value, number);
    } else if (!strcmp(info->type, "bool")) {
        g_string_append_printf(out, "%*s%s = %s\n", indent, "", info->name, !strcmp(value, "on") || !strcmp(value, "true") ? "true" : "false");
    } else if (!strcmp(info->type, "string") || !strcmp(info->type, "str") || g_str_has_prefix(info->type, "link<")) {
        g_string_append_printf(out, "%*s%s = \"%s\"\n", indent, "", info->name, value);
    } else {
        g_string_append_printf(out, "%*s%s = %s\n", indent, "", info->name, value);
    }
}

/* Groups of lines: consecutive children "NAME[n]". */
static void
qtree_lines(GString *out, EmuDevice *dev, int indent)
{
    g_autoptr(GPtrArray) lines = emu_device_list_lines(dev);

    for (unsigned i = 0; i < lines->len;) {
        EmuLine *first = g_ptr_array_index(lines, i);
        const char *name = emu_object_get_name(first);
        gsize stem = strcspn(name, "[");
        unsigned n = 0;

        while (i + n < lines->len) {
            EmuLine *line = g_ptr_array_index(lines, i + n);
            const char *other = emu_object_get_name(line);

            if (emu_line_is_output(line) != emu_line_is_output(first) || strncmp(other, name, stem + 1) != 0) {
                break;
            }
            n++;
        }
        if (g_str_has_prefix(name, "unnamed-gpio-")) {
            stem = 0;
        }
        g_string_append_printf(out, "%*sgpio-%s \"%.*s\" %u\n", indent, "", emu_line_is_output(first) ? "out" : "in", (int)stem, name, n);
        i += n;
    }
}

static void qtree_bus(GString *out, EmuBus *bus, int indent);

static void
qtree_device(GString *out, EmuDevice *dev, int indent)
{
    g_autoptr(GPtrArray) props = emu_device_type_list_properties(emu_object_get_type_name(dev), NULL);
    EmuBus *bus = emu_device_get_bus(dev);
    EmuBusClass *klass = EMU_BUS_GET_CLASS(bus);
    GPtrArray *buses = emu_device_get_buses(dev);
    g_autofree char *address = klass->get_address ? klass->get_address(bus, dev) : NULL;

    g_string_append_printf(out, "%*sdev: %s, id \"%s\"\n", indent, "", emu_object_get_type_name(dev),
                           emu_device_get_id(dev) ? emu_device_get_id(dev) : "");
    indent += 2;
    qtree_lines(out, dev, indent);
    for (unsigned i = 0; props && i < props->len; i++) {
        qtree_property(out, dev, g_ptr_array_index(props, i), indent);
    }
    if (address && !emu_object_has_property(dev, "addr")) {
        g_string_append_printf(out, "%*sat %s\n", indent, "", address);
    }
    for (unsigned i = 0; EMU_IS_SYSBUS_DEVICE(dev) && emu_sysbus_get_mmio(EMU_SYSBUS_DEVICE(dev), i); i++) {
        EmuMemoryRegion *mmio = emu_sysbus_get_mmio(EMU_SYSBUS_DEVICE(dev), i);

        g_string_append_printf(out, "%*smmio %016" G_GINT64_MODIFIER "x/%016" G_GINT64_MODIFIER "x\n", indent, "",
                               emu_memory_region_get_container(mmio) ? emu_memory_region_get_address(mmio) : UINT64_MAX,
                               emu_memory_region_get_size(mmio));
    }
    for (unsigned i = 0; i < buses->len; i++) {
        qtree_bus(out, g_ptr_array_index(buses, i), indent);
    }
}

static void
qtree_bus(GString *out, EmuBus *bus, int indent)
{
    GPtrArray *devices = emu_bus_get_devices(bus);

    g_string_append_printf(out, "%*sbus: %s\n%*stype %s\n", indent, "", emu_bus_get_name(bus), indent + 2, "", emu_object_get_type_name(bus));
    for (unsigned i = 0; i < devices->len; i++) {
        qtree_device(out, g_ptr_array_index(devices, i), indent + 2);
    }
}

char *
emu_describe_qtree(EmuMachine *machine)
{
    GString *out = g_string_new(NULL);

    qtree_bus(out, emu_machine_get_sysbus(machine), 0);
    return g_string_free(out, FALSE);
}
