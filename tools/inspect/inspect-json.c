/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What there is to know about a plugin and a type. */

#include "inspect.h"

#include <emu/block-driver.h>
#include <emu/registers.h>
#include <emu/test.h>

#include <string.h>

static void
set_words(JsonObject *to, const char *member, const char *const *words)
{
    JsonArray *array = json_array_new();

    for (; words && *words; words++) {
        json_array_add_string_element(array, *words);
    }
    json_object_set_array_member(to, member, array);
}

static void
set_text(JsonObject *to, const char *member, const char *text)
{
    if (text && *text) {
        json_object_set_string_member(to, member, text);
    }
}

static void
set_hex(JsonObject *to, const char *member, unsigned value, int digits)
{
    g_autofree char *text = g_strdup_printf("%0*x", digits, value);

    json_object_set_string_member(to, member, text);
}

/* ---- plugins ----------------------------------------------------------------------------------------- */

JsonObject *
inspect_manifest(const EmuPluginInfo *info, const char *refusal)
{
    JsonObject *out = json_object_new();
    g_autofree char *sdk = g_strdup_printf("%u.%u", info->sdk_major, info->sdk_minor);
    JsonArray *types = json_array_new();

    set_text(out, "name", info->name);
    set_text(out, "file", info->path);
    set_text(out, "version", info->version);
    set_text(out, "license", info->license);
    set_text(out, "description", info->description);
    set_text(out, "sdk", sdk);
    set_text(out, "tier", info->tier == EMU_PLUGIN_TIER_ACCEL ? "accel" : "device");
    set_words(out, "needs", info->needs);
    for (const char *const *word = info->provides; *word; word++) {
        g_auto(GStrv) parts = g_strsplit(*word, ":", -1);
        JsonObject *type = json_object_new();

        set_text(type, "name", parts[0]);
        set_words(type, "is", (const char *const *)parts + 1);
        json_array_add_object_element(types, type);
    }
    json_object_set_array_member(out, "types", types);
    set_text(out, "refused", refusal);
    return out;
}

JsonObject *
inspect_list(void)
{
    g_autoptr(GPtrArray) plugins = emu_plugin_list(), refusals = emu_plugin_list_refusals();
    JsonObject *out = json_object_new();
    JsonArray *list = json_array_new(), *refused = json_array_new();

    for (guint i = 0; i < plugins->len; i++) {
        json_array_add_object_element(list, inspect_manifest(g_ptr_array_index(plugins, i), NULL));
    }
    for (guint i = 0; i < refusals->len; i++) {
        const EmuPluginRefusal *r = g_ptr_array_index(refusals, i);
        JsonObject *object = json_object_new();

        set_text(object, "file", r->path);
        set_text(object, "reason", r->reason);
        json_array_add_object_element(refused, object);
    }
    json_object_set_array_member(out, "plugins", list);
    json_object_set_array_member(out, "refused", refused);
    return out;
}

/* ---- types -------------------------------------------------------------------------------------------- */

static const char *
vm_kind_name(EmuVMKind kind)
{
    static const char *const names[] = {
        [EMU_VM_KIND_BOOL] = "bool",       [EMU_VM_KIND_U8] = "uint8",           [EMU_VM_KIND_U16] = "uint16",
        [EMU_VM_KIND_U32] = "uint32",      [EMU_VM_KIND_U64] = "uint64",         [EMU_VM_KIND_BUFFER] = "bytes",
        [EMU_VM_KIND_VBUFFER] = "bytes of variable length", [EMU_VM_KIND_STRUCT] = "struct",
        [EMU_VM_KIND_POINTER] = "struct",  [EMU_VM_KIND_TIMER] = "timer",
    };

    return kind < G_N_ELEMENTS(names) && names[kind] ? names[kind] : "unknown";
}

static JsonObject *
vmstate_json(const EmuVMState *vms, unsigned depth)
{
    JsonObject *out = json_object_new();
    JsonArray *fields = json_array_new(), *subsections = json_array_new();

    set_text(out, "name", vms->name);
    json_object_set_int_member(out, "version", vms->version);
    json_object_set_int_member(out, "minimum-version", vms->minimum_version);
    for (const EmuVMField *f = vms->fields; f && f->kind != EMU_VM_KIND_END; f++) {
        JsonObject *field = json_object_new();

        set_text(field, "name", f->name);
        set_text(field, "kind", vm_kind_name(f->kind));
        if (f->num > 1) {
            json_object_set_int_member(field, "num", f->num);
        }
        if (f->kind == EMU_VM_KIND_BUFFER) {
            json_object_set_int_member(field, "size", (gint64)f->size);
        }
        if (f->since) {
            json_object_set_int_member(field, "since", f->since);
        }
        if (f->sub && depth < 16) {
            json_object_set_object_member(field, "state", vmstate_json(f->sub, depth + 1));
        }
        json_array_add_object_element(fields, field);
    }
    json_object_set_array_member(out, "fields", fields);
    for (unsigned i = 0; vms->subsections && vms->subsections[i] && depth < 16; i++) {
        json_array_add_object_element(subsections, vmstate_json(vms->subsections[i], depth + 1));
    }
    if (json_array_get_length(subsections)) {
        json_object_set_array_member(out, "subsections", subsections);
    } else {
        json_array_unref(subsections);
    }
    return out;
}

/* Limits, where the type alone does not say them. */
static void
add_range(JsonObject *to, GParamSpec *pspec)
{
    if (G_IS_PARAM_SPEC_UINT(pspec)) {
        json_object_set_int_member(to, "minimum", G_PARAM_SPEC_UINT(pspec)->minimum);
        json_object_set_int_member(to, "maximum", G_PARAM_SPEC_UINT(pspec)->maximum);
    } else if (G_IS_PARAM_SPEC_INT(pspec)) {
        json_object_set_int_member(to, "minimum", G_PARAM_SPEC_INT(pspec)->minimum);
        json_object_set_int_member(to, "maximum", G_PARAM_SPEC_INT(pspec)->maximum);
    } else if (G_IS_PARAM_SPEC_INT64(pspec)) {
        json_object_set_int_member(to, "minimum", G_PARAM_SPEC_INT64(pspec)->minimum);
        json_object_set_int_member(to, "maximum", G_PARAM_SPEC_INT64(pspec)->maximum);
    } else if (G_IS_PARAM_SPEC_UINT64(pspec) && G_PARAM_SPEC_UINT64(pspec)->maximum <= G_MAXINT64) {
        json_object_set_int_member(to, "minimum", (gint64)G_PARAM_SPEC_UINT64(pspec)->minimum);
        json_object_set_int_member(to, "maximum", (gint64)G_PARAM_SPEC_UINT64(pspec)->maximum);
    } else if (G_IS_PARAM_SPEC_ENUM(pspec)) {
        JsonArray *values = json_array_new();
        GEnumClass *klass = G_PARAM_SPEC_ENUM(pspec)->enum_class;

        for (guint i = 0; i < klass->n_values; i++) {
            json_array_add_string_element(values, klass->values[i].value_nick);
        }
        json_object_set_array_member(to, "values", values);
    }
}

static JsonArray *
properties_json(const char *name, GTypeClass *klass)
{
    g_autoptr(GPtrArray) infos = emu_type_list_properties(name, NULL);
    JsonArray *out = json_array_new();

    for (guint i = 0; infos && i < infos->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(infos, i);
        GParamSpec *pspec = g_object_class_find_property((GObjectClass *)klass, info->name);
        JsonObject *property = json_object_new();

        set_text(property, "name", info->name);
        set_text(property, "type", info->type);
        set_text(property, "default", info->default_value);
        set_text(property, "description", info->description);
        json_object_set_boolean_member(property, "readable", info->readable);
        json_object_set_boolean_member(property, "writable", info->writable);
        if (pspec) {
            set_text(property, "of", emu_type_name(pspec->owner_type));
            add_range(property, pspec);
        }
        json_array_add_object_element(out, property);
    }
    return out;
}

static JsonObject *
pci_json(EmuPciDeviceClass *pci)
{
    JsonObject *out = json_object_new();

    set_hex(out, "vendor", pci->vendor_id, 4);
    set_hex(out, "device", pci->device_id, 4);
    set_hex(out, "subsystem-vendor", pci->subsystem_vendor_id ? pci->subsystem_vendor_id : 0x1af4, 4);
    set_hex(out, "subsystem", pci->subsystem_id ? pci->subsystem_id : 0x1100, 4);
    set_hex(out, "class", pci->class_id, 4);
    set_hex(out, "prog-if", pci->prog_if, 2);
    set_hex(out, "revision", pci->revision, 2);
    json_object_set_boolean_member(out, "express", pci->is_express);
    set_text(out, "romfile", pci->romfile);
    return out;
}

static void
add_device_class(JsonObject *out, EmuDeviceClass *klass)
{
    set_text(out, "bus", klass->bus_type);
    set_text(out, "category", klass->category);
    set_text(out, "model", klass->model_name);
    json_object_set_boolean_member(out, "user-creatable", klass->user_creatable && !G_TYPE_IS_ABSTRACT(G_TYPE_FROM_CLASS(klass)));
    json_object_set_boolean_member(out, "hotpluggable", klass->hotpluggable);
    if (EMU_IS_PCI_DEVICE_CLASS(klass) && !G_TYPE_IS_ABSTRACT(G_TYPE_FROM_CLASS(klass))) {
        json_object_set_object_member(out, "pci", pci_json(EMU_PCI_DEVICE_CLASS(klass)));
    }
    if (klass->vmstate) {
        json_object_set_object_member(out, "vmstate", vmstate_json(klass->vmstate, 0));
    }
}

static void
add_machine_class(JsonObject *out, EmuMachineClass *klass)
{
    JsonObject *machine = json_object_new();

    set_text(machine, "alias", klass->alias);
    set_text(machine, "description", klass->description);
    set_text(machine, "default-cpu", klass->default_cpu_type);
    json_object_set_int_member(machine, "default-ram-size", (gint64)klass->default_ram_size);
    json_object_set_int_member(machine, "max-cpus", klass->max_cpus);
    json_object_set_object_member(out, "machine", machine);
}

/* What -drive and -blockdev make of it. */
static void
add_block_driver(JsonObject *out, const char *type)
{
    static const char *const kinds[] = {"format", "protocol", "filter"};
    const EmuBlockDriver *driver = g_str_has_prefix(type, EMU_BLOCK_DRIVER_TYPE("")) ? emu_block_driver_find(type + strlen(EMU_BLOCK_DRIVER_TYPE("")), NULL) : NULL;
    JsonObject *row = json_object_new();

    if (driver) {
        set_text(row, "name", driver->name);
        set_text(row, "kind", kinds[driver->kind]);
        json_object_set_boolean_member(row, "writable", driver->pwritev != NULL);
        json_object_set_boolean_member(row, "probed", driver->kind == EMU_BLOCK_DRIVER_FORMAT && driver->probe);
        json_object_set_object_member(out, "block-driver", row);
    } else {
        json_object_unref(row);
    }
}

static void
add_registers(JsonObject *out, const char *type)
{
    g_autoptr(GPtrArray) registers = emu_type_list_registers(type, NULL);
    JsonArray *list = json_array_new();

    for (guint i = 0; registers && i < registers->len; i++) {
        const EmuRegisterInfo *r = g_ptr_array_index(registers, i);
        JsonObject *row = json_object_new();
        JsonArray *fields = json_array_new();

        set_text(row, "bank", r->bank);
        set_text(row, "name", r->name);
        set_text(row, "description", r->description);
        json_object_set_int_member(row, "offset", (gint64)r->offset);
        json_object_set_int_member(row, "width", r->width);
        set_text(row, "access", emu_register_access_name(r->access));
        json_object_set_int_member(row, "reset", (gint64)r->reset);
        for (guint j = 0; r->fields && j < r->fields->len; j++) {
            const EmuRegisterFieldInfo *f = g_ptr_array_index(r->fields, j);
            JsonObject *field = json_object_new();

            set_text(field, "name", f->name);
            set_text(field, "description", f->description);
            json_object_set_int_member(field, "shift", f->shift);
            json_object_set_int_member(field, "bits", f->bits);
            set_text(field, "access", emu_register_access_name(f->access));
            json_array_add_object_element(fields, field);
        }
        json_object_set_array_member(row, "fields", fields);
        json_array_add_object_element(list, row);
    }
    if (json_array_get_length(list)) {
        json_object_set_array_member(out, "registers", list);
    } else {
        json_array_unref(list);
    }
}

/* NAME.svg beside the plugin or in "icons" there, for the type or for the whole plugin. */
static void
add_icon(JsonObject *out, const char *type, const EmuPluginInfo *plugin)
{
    static const char *const folders[] = {".", "icons"};
    g_autofree char *dir = g_path_get_dirname(plugin->path);
    const char *const stems[] = {type, plugin->name};

    for (guint i = 0; i < G_N_ELEMENTS(stems) * G_N_ELEMENTS(folders); i++) {
        g_autofree char *file = g_strconcat(stems[i / G_N_ELEMENTS(folders)], ".svg", NULL);
        g_autofree char *path = g_build_filename(dir, folders[i % G_N_ELEMENTS(folders)], file, NULL);
        g_autofree char *clean = g_canonicalize_filename(path, NULL);

        if (g_file_test(clean, G_FILE_TEST_IS_REGULAR)) {
            set_text(out, "icon", clean);
            return;
        }
    }
}

static void
add_plugin(JsonObject *out, const char *type)
{
    const char *name = emu_plugin_of_type(type);
    g_autoptr(GPtrArray) plugins = name ? emu_plugin_list() : NULL;

    for (guint i = 0; plugins && i < plugins->len; i++) {
        const EmuPluginInfo *info = g_ptr_array_index(plugins, i);

        if (strcmp(info->name, name) == 0) {
            set_text(out, "plugin", info->name);
            set_text(out, "file", info->path);
            add_icon(out, type, info);
        }
    }
}

JsonObject *
inspect_type(const char *name, GError **error)
{
    GType gtype = emu_type_lookup(name, error);
    g_autofree GType *interfaces = NULL;
    JsonArray *ancestors = json_array_new(), *implements = json_array_new();
    JsonObject *out;
    GTypeClass *klass;
    guint n;

    if (gtype == G_TYPE_INVALID) {
        json_array_unref(ancestors);
        json_array_unref(implements);
        return NULL;
    }
    out = json_object_new();
    set_text(out, "name", name);
    set_text(out, "description", emu_type_description(gtype));
    add_plugin(out, name);
    for (GType t = g_type_parent(gtype); t && t != G_TYPE_OBJECT; t = g_type_parent(t)) {
        json_array_add_string_element(ancestors, emu_type_name(t));
    }
    json_object_set_array_member(out, "parents", ancestors);
    interfaces = g_type_interfaces(gtype, &n);
    for (guint i = 0; i < n; i++) {
        json_array_add_string_element(implements, emu_type_name(interfaces[i]));
    }
    json_object_set_array_member(out, "interfaces", implements);
    json_object_set_boolean_member(out, "abstract", G_TYPE_IS_ABSTRACT(gtype));
    json_object_set_boolean_member(out, "interface", G_TYPE_IS_INTERFACE(gtype));
    if (G_TYPE_IS_INTERFACE(gtype)) {
        return out;
    }
    klass = g_type_class_ref(gtype);
    if (EMU_IS_DEVICE_CLASS(klass)) {
        add_device_class(out, EMU_DEVICE_CLASS(klass));
        add_registers(out, name);
    } else if (EMU_IS_MACHINE_CLASS(klass)) {
        add_machine_class(out, EMU_MACHINE_CLASS(klass));
    } else {
        add_block_driver(out, name);
    }
    json_object_set_array_member(out, "properties", properties_json(name, klass));
    g_type_class_unref(klass);
    return out;
}

/* ---- what a realized device shows ------------------------------------------------------------------------ */

/* Groups "NAME[0]", "NAME[1]" ... into one row. */
static JsonArray *
lines_json(EmuDevice *dev)
{
    g_autoptr(GPtrArray) lines = emu_device_list_lines(dev);
    JsonArray *out = json_array_new();
    JsonObject *row = NULL;

    for (guint i = 0; i < lines->len; i++) {
        EmuLine *line = g_ptr_array_index(lines, i);
        const char *full = emu_object_get_name(line);
        const char *direction = emu_line_is_output(line) ? "out" : "in";
        g_autofree char *name = g_strndup(full, strcspn(full, "["));

        if (row && !strcmp(json_object_get_string_member(row, "name"), name) &&
            !strcmp(json_object_get_string_member(row, "direction"), direction)) {
            json_object_set_int_member(row, "n", json_object_get_int_member(row, "n") + 1);
            continue;
        }
        row = json_object_new();
        set_text(row, "name", name);
        set_text(row, "direction", direction);
        json_object_set_int_member(row, "n", 1);
        json_array_add_object_element(out, row);
    }
    return out;
}

static JsonArray *
buses_json(EmuDevice *dev)
{
    GPtrArray *buses = emu_device_get_buses(dev);
    JsonArray *out = json_array_new();

    for (guint i = 0; i < buses->len; i++) {
        EmuBus *bus = g_ptr_array_index(buses, i);
        JsonObject *row = json_object_new();

        set_text(row, "type", emu_object_get_type_name(bus));
        json_object_set_int_member(row, "max-devices", EMU_BUS_GET_CLASS(bus)->max_devices);
        json_array_add_object_element(out, row);
    }
    return out;
}

static bool
add_region(EmuObject *child, gpointer data)
{
    if (EMU_IS_MEMORY_REGION(child)) {
        EmuMemoryRegion *region = EMU_MEMORY_REGION(child);
        g_autofree char *size = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", emu_memory_region_get_size(region));
        JsonObject *row = json_object_new();

        set_text(row, "name", emu_memory_region_get_name(region));
        set_text(row, "size", size);
        set_text(row, "kind", emu_memory_region_is_ram(region) ? "ram" : "io");
        json_array_add_object_element(data, row);
    }
    return false;
}

void
inspect_type_realized(JsonObject *type)
{
    const char *name = json_object_get_string_member(type, "name");
    const char *bus = json_object_has_member(type, "bus") ? json_object_get_string_member(type, "bus") : NULL;
    bool isa = bus && !strcmp(bus, "ISA"), bare = !bus || isa || !strcmp(bus, "System");
    g_autoptr(GError) error = NULL;
    g_autoptr(EmuMachine) machine = emu_test_machine_new(bare ? "none" : "pc", &error);
    JsonArray *regions;
    EmuDevice *dev = NULL;

    if (machine) {
        if (isa) {
            emu_test_isa_bus_new(machine);
        }
        dev = emu_test_add_device(machine, name, NULL, &error);
    }
    if (!dev) {
        set_text(type, "not-realized", error->message);
    } else {
        regions = json_array_new();
        json_object_set_array_member(type, "lines", lines_json(dev));
        json_object_set_array_member(type, "buses", buses_json(dev));
        emu_object_foreach_child(dev, add_region, regions);
        json_object_set_array_member(type, "regions", regions);
    }
    if (machine) {
        emu_machine_destroy(machine);
    }
}
