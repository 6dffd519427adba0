/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Plugins that are no shared objects: files in a language, for which another plugin has the loader. */

#include "plugin/registry-private.h"

#include <string.h>

/* The one loader that there is comes with the plugin "python". */
#define SCRIPT_SUFFIX ".py"
#define SCRIPT_PLUGIN "python"

static struct {
    char *suffix;
    EmuPluginLoadFunc load, reload;
} script_loader;

bool
plugin_is_script(const char *path)
{
    return g_str_has_suffix(path, SCRIPT_SUFFIX);
}

/**
 * emu_plugin_register_loader:
 * @suffix: of the files' names: ".py"
 * @load: runs a file and registers its types
 *
 * For the plugin that makes plugins of files in some language. It stays in memory.
 */
void
emu_plugin_register_loader(const char *suffix, EmuPluginLoadFunc load)
{
    emu_type_lock();
    g_free(script_loader.suffix);
    script_loader.suffix = g_strdup(suffix);
    script_loader.load = load;
    emu_type_unlock();
}

/**
 * emu_plugin_register_reloader:
 * @suffix: of the files' names, as emu_plugin_register_loader() has it
 * @reload: runs a file that has changed, and puts its code under the types that the file registered before; when that is not possible it
 *   changes nothing and says why
 *
 * For languages whose classes can be given other functions while there are objects of them.
 *
 * Since: 1.0
 */
void
emu_plugin_register_reloader(const char *suffix, EmuPluginLoadFunc reload)
{
    emu_type_lock();
    if (g_strcmp0(script_loader.suffix, suffix) == 0) {
        script_loader.reload = reload;
    }
    emu_type_unlock();
}

bool
plugin_open_script(Plugin *p, GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (!script_loader.load && !emu_plugin_open(SCRIPT_PLUGIN, &failure)) {
        g_autofree char *reason = g_strdup_printf("needs the plugin " SCRIPT_PLUGIN ": %s", failure->message);

        return plugin_fail(p, error, reason);
    }
    if (!script_loader.load || !script_loader.load(p->path, &failure)) {
        return plugin_fail(p, error, failure ? failure->message : "has no loader");
    }
    p->script = true;
    return true;
}

bool
emu_plugin_is_script(const char *name)
{
    Plugin *p;
    bool ok;

    emu_module_run_core();
    emu_type_lock();
    p = plugin_find(name, NULL);
    ok = p && p->script;
    emu_type_unlock();
    return ok;
}

bool
emu_plugin_reload_script(const char *name, GError **error)
{
    g_autoptr(EmuManifest) m = NULL;
    g_autofree char *reason = NULL;
    g_autoptr(GError) failure = NULL;
    struct stat st = {0};
    Plugin *p;

    emu_type_lock();
    p = plugin_find(name, error);
    if (!p) {
        emu_type_unlock();
        return false;
    }
    emu_manifest_read(p->path, &m, &reason, &st);
    if (!reason && st.st_ino == p->st.st_ino && st.st_size == p->st.st_size && !memcmp(&st.st_mtim, &p->st.st_mtim, sizeof(st.st_mtim))) {
        reason = g_strdup("has not changed since it was opened");
    }
    if (!reason && (strcmp(m->name, p->manifest->name) != 0 || !g_strv_equal((const char *const *)m->provides, (const char *const *)p->manifest->provides))) {
        reason = g_strdup("provides something else now");
    }
    if (!reason && (!script_loader.reload || !script_loader.reload(p->path, &failure))) {
        reason = g_strdup(failure ? failure->message : "is in a language that cannot reload");
    }
    if (reason) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "plugin file %s %s", p->path, reason);
    } else {
        p->st = st;
    }
    emu_type_unlock();
    return !reason;
}
