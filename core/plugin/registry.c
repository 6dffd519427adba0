/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plugin registry: which files there are, what types each provides, which are open.
 *
 * Scanning (search.c) reads manifests, from the cache where a file is unchanged, and opens nothing.  A plugin is opened (load.c) by
 * the hooks of the type table (names.c): when a name is looked up that the table lacks, or when a list is asked for that one of
 * its types may belong to.  Opening runs the plugin's constructors, which queue its module functions, and then those functions in
 * list order.
 *
 * One lock, the type table's, covers all of this, so opening is serialised.
 */

#include "plugin/registry-private.h"

#include <emu/log.h>

#include <string.h>

GPtrArray *plugin_records;
GPtrArray *plugin_refusals;

G_DEFINE_QUARK(emu-plugin-error-quark, emu_plugin_error)

/* ---- records ------------------------------------------------------------------------------------ */

void
plugin_free(gpointer data)
{
    Plugin *p = data;

    g_free(p->path);
    emu_manifest_free(p->manifest);
    g_free(p);
}

static void
refusal_free(gpointer data)
{
    PluginRefusal *r = data;

    g_free(r->path);
    g_free(r->reason);
    emu_manifest_free(r->manifest);
    g_free(r);
}

void
plugin_registry_init(void)
{
    if (!plugin_records) {
        plugin_records = g_ptr_array_new();
        plugin_refusals = g_ptr_array_new_with_free_func(refusal_free);
    }
}

void
plugin_refuse(const char *path, char *reason, EmuManifest *manifest, bool loud)
{
    PluginRefusal *r = g_new0(PluginRefusal, 1);

    r->path = g_strdup(path);
    r->reason = reason;
    r->manifest = manifest;
    r->info = (EmuPluginRefusal){r->path, r->reason};
    g_ptr_array_add(plugin_refusals, r);
    if (loud) {
        emu_warn_report("plugin file %s is ignored: it %s", path, reason);
    }
}

const char *
plugin_refusal_of(const char *path)
{
    for (guint i = 0; i < plugin_refusals->len; i++) {
        PluginRefusal *r = g_ptr_array_index(plugin_refusals, i);

        if (strcmp(r->path, path) == 0) {
            return r->reason;
        }
    }
    return NULL;
}

void
plugin_forgive(Plugin *p)
{
    p->failed = false;
    for (guint i = plugin_refusals->len; i > 0; i--) {
        if (strcmp(((PluginRefusal *)g_ptr_array_index(plugin_refusals, i - 1))->path, p->path) == 0) {
            g_ptr_array_remove_index(plugin_refusals, i - 1);
        }
    }
}

Plugin *
plugin_by_name(const char *name)
{
    for (guint i = 0; i < plugin_records->len; i++) {
        Plugin *p = g_ptr_array_index(plugin_records, i);

        if ((p->listed || p->handle) && strcmp(p->manifest->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

Plugin *
plugin_by_path(const char *path)
{
    for (guint i = 0; i < plugin_records->len; i++) {
        Plugin *p = g_ptr_array_index(plugin_records, i);

        if (strcmp(p->path, path) == 0) {
            return p;
        }
    }
    return NULL;
}

void
plugin_set_manifest(Plugin *p, EmuManifest *m)
{
    emu_manifest_free(p->manifest);
    p->manifest = m;
    p->info.path = p->path;
    p->info.name = m->name;
    p->info.version = m->version;
    p->info.license = m->license;
    p->info.description = m->description;
    p->info.provides = (const char *const *)m->provides;
    p->info.needs = (const char *const *)m->needs;
    p->info.sdk_major = m->sdk_major;
    p->info.sdk_minor = m->sdk_minor;
    p->info.tier = m->tier;
}

Plugin *
plugin_find(const char *name, GError **error)
{
    Plugin *p;

    plugin_ensure_scanned();
    p = plugin_by_name(name);
    if (!p) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_NOT_FOUND, "there is no plugin '%s'", name);
    }
    return p;
}

/* ---- what others ask ------------------------------------------------------------------------------------------ */

EmuPluginInfo *
emu_plugin_info_read(const char *path, char **refusal)
{
    g_autofree char *reason = NULL;
    EmuManifest *m;
    struct stat st;
    Plugin *p;

    emu_manifest_read(path, &m, &reason, &st);
    if (refusal) {
        *refusal = g_steal_pointer(&reason);
    }
    if (!m) {
        return NULL;
    }
    p = g_new0(Plugin, 1);
    p->path = g_strdup(path);
    plugin_set_manifest(p, m);
    return &p->info;
}

void
emu_plugin_info_free(EmuPluginInfo *info)
{
    if (info) {
        plugin_free((char *)info - G_STRUCT_OFFSET(Plugin, info));
    }
}

GPtrArray *
emu_plugin_list(void)
{
    GPtrArray *list = g_ptr_array_new();

    emu_module_run_core();
    emu_type_lock();
    plugin_ensure_scanned();
    for (guint i = 0; i < plugin_records->len; i++) {
        Plugin *p = g_ptr_array_index(plugin_records, i);

        if (p->listed || p->handle) {
            g_ptr_array_add(list, &p->info);
        }
    }
    emu_type_unlock();
    return list;
}

GPtrArray *
emu_plugin_list_refusals(void)
{
    GPtrArray *list = g_ptr_array_new();

    emu_module_run_core();
    emu_type_lock();
    plugin_ensure_scanned();
    for (guint i = 0; i < plugin_refusals->len; i++) {
        g_ptr_array_add(list, &((PluginRefusal *)g_ptr_array_index(plugin_refusals, i))->info);
    }
    emu_type_unlock();
    return list;
}

bool
emu_plugin_get_module(const char *name, EmuTypeModule **module)
{
    Plugin *p;

    emu_module_run_core();
    emu_type_lock();
    p = plugin_find(name, NULL);
    *module = p && p->handle ? p->module : NULL;
    emu_type_unlock();
    return p != NULL;
}
