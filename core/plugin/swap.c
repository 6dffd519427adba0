/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Another version of an open plugin, opened beside it. */

#include "plugin/registry-private.h"

#include <string.h>

struct _EmuPluginSwap {
    Plugin *plugin;
    EmuTypeModule *module; /* the old ones */
    lt_dlhandle handle;
    EmuManifest *manifest;
    struct stat st;
    GPtrArray *aside;
};

/* What the file is now, and whether it may stand in for what is open. (transfer full) */
static EmuManifest *
swap_check(Plugin *p, struct stat *st, GError **error)
{
    g_autoptr(EmuManifest) m = NULL;
    g_autofree char *reason = NULL;

    emu_manifest_read(p->path, &m, &reason, st);
    if (!reason && st->st_ino == p->st.st_ino && st->st_dev == p->st.st_dev) {
        reason = g_strdup(st->st_size == p->st.st_size && !memcmp(&st->st_mtim, &p->st.st_mtim, sizeof(st->st_mtim))
                              ? "has not changed since it was opened"
                              : "was written over in place, under the code that runs: put a new file in its place instead (build it elsewhere "
                                "and rename it)");
    }
    if (!reason && strcmp(m->name, p->manifest->name) != 0) {
        reason = g_strdup_printf("is another plugin now, '%s'", m->name);
    }
    if (!reason && emu_type_module_is_resident(p->module)) {
        reason = g_strdup("has types that cannot be taken back");
    }
    if (!reason && !emu_type_module_only_types(p->module)) {
        reason = g_strdup("registers more than types (block drivers, options or commands), which cannot be taken back");
    }
    if (reason) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "plugin file %s %s", p->path, reason);
        return NULL;
    }
    return g_steal_pointer(&m);
}

static void
swap_back(EmuPluginSwap *self, EmuTypeModule *instead)
{
    Plugin *p = self->plugin;

    plugin_unindex_types(p);
    emu_type_module_restore(self->aside, instead);
    p->module = self->module;
    p->handle = self->handle;
    p->st = self->st;
    plugin_set_manifest(p, g_steal_pointer(&self->manifest));
    g_free(plugin_index_types(p));
    p->info.open = true;
}

static void
swap_free(EmuPluginSwap *self)
{
    g_ptr_array_unref(self->aside);
    emu_manifest_free(self->manifest);
    g_free(self);
}

static bool
swap_open(EmuPluginSwap *self, EmuManifest *m, const struct stat *st, GError **error)
{
    Plugin *p = self->plugin;
    g_autofree char *dir = g_path_get_dirname(p->path), *base = g_path_get_basename(p->path), *reason = NULL;
    GString *path = g_string_new(dir);
    bool ok;

    p->manifest = NULL; /* self's now */
    plugin_set_manifest(p, m);
    p->module = emu_type_module_new(p->path);
    p->handle = NULL;
    p->st = *st;
    p->tried = false;
    plugin_forgive(p);
    plugin_unindex_types(p);
    reason = plugin_index_types(p);
    if (reason) {
        return plugin_fail(p, error, reason);
    }
    /* The same file by a name that the system's loader has not seen yet: it would give us the old code. */
    p->swaps++;
    for (unsigned i = 0; i < p->swaps; i++) {
        g_string_append(path, "/.");
    }
    g_string_append_printf(path, "/%s", base);
    ok = plugin_check_needs(p, error) && plugin_check_trial(p, error);
    if (ok) {
        emu_type_module_begin(p->module);
        ok = plugin_dlopen(p, path->str, error);
        emu_type_module_end(p->module, ok);
    }
    g_string_free(path, TRUE);
    return ok;
}

EmuPluginSwap *
emu_plugin_swap_begin(const char *name, GError **error)
{
    EmuPluginSwap *self = NULL;
    EmuManifest *m = NULL;
    struct stat st;
    Plugin *p;

    emu_type_lock();
    p = plugin_find(name, error);
    if (p && !p->handle) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_NOT_FOUND, "plugin '%s' is not open", name);
    } else if (p) {
        m = swap_check(p, &st, error);
    }
    if (m) {
        self = g_new0(EmuPluginSwap, 1);
        self->plugin = p;
        self->module = p->module;
        self->handle = p->handle;
        self->manifest = p->manifest;
        self->st = p->st;
        self->aside = emu_type_module_set_aside(p->module);
        if (!swap_open(self, m, &st, error)) {
            swap_back(self, p->module);
            g_clear_pointer(&self, swap_free);
            plugin_forgive(p);
        }
    }
    emu_type_unlock();
    return self;
}

EmuTypeModule *
emu_plugin_swap_get_old(EmuPluginSwap *self)
{
    return self->module;
}

/* What cannot be unmapped stays, and harms nobody. */
void
emu_plugin_swap_commit(EmuPluginSwap *self)
{
    emu_type_lock();
    if (!emu_type_module_count_alive(self->module)) {
        lt_dlclose(self->handle);
    }
    self->plugin->info.open = true;
    plugin_check_promises(self->plugin);
    swap_free(self);
    emu_type_unlock();
}

void
emu_plugin_swap_abort(EmuPluginSwap *self)
{
    EmuTypeModule *instead = self->plugin->module;
    lt_dlhandle handle = self->plugin->handle;

    emu_type_lock();
    swap_back(self, instead);
    if (!emu_type_module_count_alive(instead) && !emu_type_module_is_resident(instead)) {
        lt_dlclose(handle);
    }
    swap_free(self);
    emu_type_unlock();
}
