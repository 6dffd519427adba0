/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Opening a plugin: that its file is what was scanned, that what it needs is there, that it does what it promised. */

#include "plugin/registry-private.h"

#include <emu/log.h>

#include <dlfcn.h>
#include <string.h>

bool
plugin_fail(Plugin *p, GError **error, const char *reason)
{
    if (!p->failed) {
        p->failed = true;
        plugin_refuse(p->path, g_strdup(reason), NULL, false);
    }
    g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "plugin file %s %s", p->path, reason);
    return false;
}

/* The file may have changed since it was scanned. */
static bool
plugin_check_again(Plugin *p, GError **error)
{
    struct stat st;
    EmuManifest *m;
    g_autofree char *reason = NULL;

    if (stat(p->path, &st) == 0 && st.st_ino == p->st.st_ino && st.st_dev == p->st.st_dev &&
        st.st_size == p->st.st_size && memcmp(&st.st_ctim, &p->st.st_ctim, sizeof(st.st_ctim)) == 0) {
        return true;
    }
    emu_manifest_read(p->path, &m, &reason, &p->st);
    if (reason) {
        emu_manifest_free(m);
        return plugin_fail(p, error, reason);
    }
    plugin_set_manifest(p, m);
    p->tried = false;
    return true;
}

bool
plugin_check_needs(Plugin *p, GError **error)
{
    for (char **need = p->manifest->needs; *need; need++) {
        if (!emu_type_exists(*need)) {
            g_autofree char *reason = g_strdup_printf("needs type '%s', which nothing provides", *need);

            return plugin_fail(p, error, reason);
        }
    }
    return true;
}

void
plugin_check_promises(Plugin *p)
{
    g_autoptr(GPtrArray) types = emu_type_module_list_types(p->module);

    for (char **word = p->manifest->provides; *word; word++) {
        bool found = false;

        for (guint i = 0; i < types->len; i++) {
            found |= plugin_word_names(*word, g_ptr_array_index(types, i));
        }
        if (!found) {
            emu_warn_report("plugin file %s says that it provides '%s', but does not register it", p->path, *word);
        }
    }
    for (guint i = 0; i < types->len; i++) {
        bool found = false;

        for (char **word = p->manifest->provides; *word; word++) {
            found |= plugin_word_names(*word, g_ptr_array_index(types, i));
        }
        if (!found) {
            emu_warn_report("plugin file %s registers type '%s', which its manifest does not name", p->path,
                            (char *)g_ptr_array_index(types, i));
        }
    }
}

/*
 * dlopen() comes first because libltdl binds lazily, and a function that nobody has must be found out
 * here and not at its first call; it also says what is wrong, where libltdl says "file not found".
 */
bool
plugin_dlopen(Plugin *p, const char *path, GError **error)
{
    lt_dladvise advice;
    void *now = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!now) {
        const char *message = dlerror();
        g_autofree char *reason = NULL;

        if (message && g_str_has_prefix(message, path)) {
            message += strlen(path);
            message += strspn(message, ": ");
        }
        reason = g_strdup_printf("cannot be loaded: %s", message ? message : "no reason given");
        return plugin_fail(p, error, reason);
    }
    lt_dladvise_init(&advice);
    lt_dladvise_local(&advice);
    p->handle = lt_dlopenadvise(path, advice);
    lt_dladvise_destroy(&advice);
    if (!p->handle) {
        g_autofree char *reason = g_strdup_printf("cannot be loaded: %s", lt_dlerror());

        dlclose(now);
        return plugin_fail(p, error, reason);
    }
    dlclose(now);
    return true;
}

bool
plugin_load(Plugin *p, GError **error)
{
    static bool ltdl_ready;
    bool ok;

    if (p->handle || p->script) {
        return true;
    }
    if (p->opening) {
        return plugin_fail(p, error, "needs itself while it is being opened");
    }
    if (!ltdl_ready && lt_dlinit() != 0) {
        return plugin_fail(p, error, "cannot be loaded: libltdl does not start");
    }
    ltdl_ready = true;
    p->opening = true;
    ok = plugin_check_again(p, error) && plugin_check_needs(p, error) && plugin_check_trial(p, error);
    if (ok) {
        if (!p->module) {
            p->module = emu_type_module_new(p->path);
        }
        emu_type_module_begin(p->module);
        ok = plugin_is_script(p->path) ? plugin_open_script(p, error) : plugin_dlopen(p, p->path, error);
        emu_type_module_end(p->module, ok);
    }
    p->opening = false;
    p->info.open = ok;
    if (ok) {
        plugin_check_promises(p);
    }
    return ok;
}

/* ---- at request ------------------------------------------------------------------------------------------------ */

bool
emu_plugin_open(const char *name, GError **error)
{
    Plugin *p;
    bool ok;

    emu_module_run_core();
    emu_type_lock();
    p = plugin_find(name, error);
    ok = p && plugin_load(p, error);
    emu_type_unlock();
    return ok;
}

static bool
close_locked(const char *name, GError **error)
{
    Plugin *p = plugin_find(name, error);
    guint alive;
    void *still;

    if (!p || !p->handle) {
        return p != NULL;
    }
    alive = emu_type_module_count_alive(p->module);
    if (alive || emu_type_module_is_resident(p->module)) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_BUSY, "plugin '%s' cannot be closed: %s", name,
                    alive ? "objects of it are alive" : "it has types that cannot be taken back");
        return false;
    }
    lt_dlclose(p->handle);
    p->handle = NULL;
    p->info.open = false;
    still = dlopen(p->path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD);
    emu_type_module_forget(p->module, !still);
    if (still) {
        dlclose(still);
    }
    return true;
}

bool
emu_plugin_close(const char *name, GError **error)
{
    bool ok;

    emu_module_run_core();
    emu_type_lock();
    ok = close_locked(name, error);
    emu_type_unlock();
    return ok;
}
