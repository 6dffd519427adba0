/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What types there are, for scripts. */

#include "script/script-private.h"

#include "device/device-private.h"
#include "qom/qom-private.h"
#include <emu/plugin.h>

/* ---- a property ---------------------------------------------------------------------------------------- */

struct _EmuScriptProperty {
    gatomicrefcount refs;
    char *name, *type, *description, *default_value;
    bool writable;
};

G_DEFINE_BOXED_TYPE(EmuScriptProperty, emu_script_property, emu_script_property_copy, emu_script_property_free)

/**
 * emu_script_property_copy:
 * @self: a property
 *
 * Another reference.
 *
 * Returns: (transfer full): the same
 */
EmuScriptProperty *
emu_script_property_copy(EmuScriptProperty *self)
{
    g_atomic_ref_count_inc(&self->refs);
    return self;
}

/**
 * emu_script_property_free:
 * @self: a property
 *
 * Gives a reference up.
 */
void
emu_script_property_free(EmuScriptProperty *self)
{
    if (g_atomic_ref_count_dec(&self->refs)) {
        g_free(self->name);
        g_free(self->type);
        g_free(self->description);
        g_free(self->default_value);
        g_free(self);
    }
}

/**
 * emu_script_property_get_name:
 * @self: a property
 *
 * Its name.
 *
 * Returns: "clock-frequency-hz"
 */
const char *
emu_script_property_get_name(EmuScriptProperty *self)
{
    return self->name;
}

/**
 * emu_script_property_get_type_text:
 * @self: a property
 *
 * What it holds.
 *
 * Returns: (nullable): "bool", "uint32", "string", "link<pci-bus>"
 */
const char *
emu_script_property_get_type_text(EmuScriptProperty *self)
{
    return self->type;
}

/**
 * emu_script_property_get_description:
 * @self: a property
 *
 * What it means.
 *
 * Returns: (nullable): a phrase
 */
const char *
emu_script_property_get_description(EmuScriptProperty *self)
{
    return self->description;
}

/**
 * emu_script_property_get_default:
 * @self: a property
 *
 * Its value when nobody sets it.
 *
 * Returns: (nullable): the value as text
 */
const char *
emu_script_property_get_default(EmuScriptProperty *self)
{
    return self->default_value;
}

/**
 * emu_script_property_is_writable:
 * @self: a property
 *
 * Whether it can be set from outside at all.
 *
 * Returns: true when it can
 */
gboolean
emu_script_property_is_writable(EmuScriptProperty *self)
{
    return self->writable;
}

static void
property_unref(gpointer data)
{
    emu_script_property_free(data);
}

GPtrArray *
script_properties_new(GPtrArray *infos)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(property_unref);

    for (guint i = 0; i < infos->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(infos, i);
        EmuScriptProperty *self = g_new0(EmuScriptProperty, 1);

        g_atomic_ref_count_init(&self->refs);
        self->name = g_strdup(info->name);
        self->type = g_strdup(info->type);
        self->description = g_strdup(info->description);
        self->default_value = g_strdup(info->default_value);
        self->writable = info->writable;
        g_ptr_array_add(list, self);
    }
    return list;
}

/* ---- the registry ------------------------------------------------------------------------------------------ */

struct _EmuScriptRegistry {
    GObject parent_instance;
};

/**
 * EmuScriptRegistry:
 *
 * The types that this process knows: the core's, and those of all plugins on the search path. There is one.
 */
G_DEFINE_FINAL_TYPE(EmuScriptRegistry, emu_script_registry, G_TYPE_OBJECT)

static void
emu_script_registry_class_init(EmuScriptRegistryClass *klass G_GNUC_UNUSED)
{
}

static void
emu_script_registry_init(EmuScriptRegistry *self G_GNUC_UNUSED)
{
}

/**
 * emu_script_registry_get_default:
 *
 * The registry.
 *
 * Returns: (transfer none): the one
 */
EmuScriptRegistry *
emu_script_registry_get_default(void)
{
    static gsize registry;

    if (g_once_init_enter(&registry)) {
        emu_module_run_core();
        g_once_init_leave(&registry, (gsize)g_object_new(EMU_SCRIPT_TYPE_REGISTRY, NULL));
    }
    return (EmuScriptRegistry *)registry;
}

/**
 * emu_script_registry_add_plugin_dir:
 * @self: the registry
 * @dir: a folder with plugins
 * @error: return location
 *
 * As --plugin-dir does: looks for plugins there.
 *
 * Returns: whether the folder can be read
 */
gboolean
emu_script_registry_add_plugin_dir(EmuScriptRegistry *self G_GNUC_UNUSED, const char *dir, GError **error)
{
    GError *core = NULL;

    if (!emu_plugin_add_dir(dir, &core)) {
        return script_error_take(error, core, NULL, NULL);
    }
    return TRUE;
}

/**
 * emu_script_registry_scan:
 * @self: the registry
 *
 * Reads the search path again: new plugins appear.
 */
void
emu_script_registry_scan(EmuScriptRegistry *self G_GNUC_UNUSED)
{
    emu_plugin_scan();
}

static char **
take_names(GPtrArray *names)
{
    char **list = g_new0(char *, names->len + 1);

    for (guint i = 0; i < names->len; i++) {
        list[i] = g_strdup(g_ptr_array_index(names, i));
    }
    g_ptr_array_unref(names);
    return list;
}

/**
 * emu_script_registry_list_types:
 * @self: the registry
 * @ancestor: (nullable): what they are to be: "device", "pci-device", "machine"; %NULL: any object
 * @with_abstract: whether to name types, too, of which there are no objects
 *
 * Names of types, sorted.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 */
char **
emu_script_registry_list_types(EmuScriptRegistry *self G_GNUC_UNUSED, const char *ancestor, gboolean with_abstract)
{
    return take_names(emu_type_list(ancestor ? ancestor : "object", with_abstract));
}

/**
 * emu_script_registry_list_devices:
 * @self: the registry
 * @bus: (nullable): name of a bus type, "ISA", "PCI"; in any case of letters; %NULL: any or none
 *
 * Names of the devices that users may add, sorted.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 */
char **
emu_script_registry_list_devices(EmuScriptRegistry *self G_GNUC_UNUSED, const char *bus)
{
    GPtrArray *names = emu_type_list("device", false);

    for (guint i = names->len; i-- > 0;) {
        GType type = emu_type_lookup(g_ptr_array_index(names, i), NULL);
        g_autoptr(GTypeClass) klass = type == G_TYPE_INVALID ? NULL : g_type_class_ref(type);

        if (!klass || !EMU_DEVICE_CLASS(klass)->user_creatable ||
            (bus && (!EMU_DEVICE_CLASS(klass)->bus_type || g_ascii_strcasecmp(bus, EMU_DEVICE_CLASS(klass)->bus_type) != 0))) {
            g_ptr_array_remove_index(names, i);
        }
    }
    return take_names(names);
}

/**
 * emu_script_registry_list_boards:
 * @self: the registry
 *
 * Names of the boards that machines are made of.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 */
char **
emu_script_registry_list_boards(EmuScriptRegistry *self G_GNUC_UNUSED)
{
    char **names = take_names(emu_type_list("machine", false));

    for (char **name = names; *name; name++) {
        if (g_str_has_suffix(*name, "-machine")) {
            (*name)[strlen(*name) - strlen("-machine")] = 0;
        }
    }
    return names;
}

/**
 * emu_script_registry_list_plugins:
 * @self: the registry
 *
 * Names of the plugins found.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 */
char **
emu_script_registry_list_plugins(EmuScriptRegistry *self G_GNUC_UNUSED)
{
    g_autoptr(GPtrArray) plugins = emu_plugin_list();
    GPtrArray *names = g_ptr_array_new();

    for (guint i = 0; i < plugins->len; i++) {
        g_ptr_array_add(names, (gpointer)((EmuPluginInfo *)g_ptr_array_index(plugins, i))->name);
    }
    return take_names(names);
}

/**
 * emu_script_registry_list_refusals:
 * @self: the registry
 *
 * Files that were refused, and why.
 *
 * Returns: (transfer full) (array zero-terminated=1): "PATH: reason" each
 */
char **
emu_script_registry_list_refusals(EmuScriptRegistry *self G_GNUC_UNUSED)
{
    g_autoptr(GPtrArray) refusals = emu_plugin_list_refusals();
    char **list = g_new0(char *, refusals->len + 1);

    for (guint i = 0; i < refusals->len; i++) {
        const EmuPluginRefusal *refusal = g_ptr_array_index(refusals, i);

        list[i] = g_strdup_printf("%s: %s", refusal->path, refusal->reason);
    }
    return list;
}

/**
 * emu_script_registry_has_type:
 * @self: the registry
 * @name: a type's name
 *
 * Whether the core or a plugin has this type. Opens nothing.
 *
 * Returns: true when it is known
 */
gboolean
emu_script_registry_has_type(EmuScriptRegistry *self G_GNUC_UNUSED, const char *name)
{
    return emu_type_exists(name);
}

/**
 * emu_script_registry_is_a:
 * @self: the registry
 * @name: a type's name
 * @ancestor: another's
 *
 * Whether the first type is the second, or derived from it.
 *
 * Returns: false also when one of them is not known
 */
gboolean
emu_script_registry_is_a(EmuScriptRegistry *self G_GNUC_UNUSED, const char *name, const char *ancestor)
{
    GType type = emu_type_lookup(name, NULL), base = emu_type_lookup(ancestor, NULL);

    return type != G_TYPE_INVALID && base != G_TYPE_INVALID && g_type_is_a(type, base);
}

/**
 * emu_script_registry_get_description:
 * @self: the registry
 * @name: a type's name
 * @error: return location
 *
 * What a type is.
 *
 * Returns: (transfer full): a phrase; empty when it has none
 */
char *
emu_script_registry_get_description(EmuScriptRegistry *self G_GNUC_UNUSED, const char *name, GError **error)
{
    GError *core = NULL;
    GType type = emu_type_lookup(name, &core);
    const char *text;

    if (type == G_TYPE_INVALID) {
        script_error_take(error, core, NULL, NULL);
        return NULL;
    }
    text = emu_type_description(type);
    return g_strdup(text ? text : "");
}

/**
 * emu_script_registry_get_plugin:
 * @self: the registry
 * @name: a type's name
 *
 * The plugin that has this type.
 *
 * Returns: (transfer full) (nullable): its name; %NULL for types of the core and unknown ones
 */
char *
emu_script_registry_get_plugin(EmuScriptRegistry *self G_GNUC_UNUSED, const char *name)
{
    return g_strdup(emu_plugin_of_type(name));
}

/**
 * emu_script_registry_list_properties:
 * @self: the registry
 * @name: a type's name
 * @error: return location
 *
 * The properties of a type, sorted by name.
 *
 * Returns: (transfer container) (element-type EmuScriptProperty): the properties
 */
GPtrArray *
emu_script_registry_list_properties(EmuScriptRegistry *self G_GNUC_UNUSED, const char *name, GError **error)
{
    GError *core = NULL;
    g_autoptr(GPtrArray) infos = emu_type_list_properties(name, &core);

    if (!infos) {
        script_error_take(error, core, NULL, NULL);
        return NULL;
    }
    return script_properties_new(infos);
}
