/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where plugins are looked for, in which order, and which files are plugins. */

#include "plugin/registry-private.h"

#include "emu-config.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

typedef struct {
    uint64_t dev, ino;
} FolderId;

static GPtrArray *extra_dirs;  /* char * */
static GPtrArray *extra_files; /* char *, before the folders */
static GArray *own_ids;        /* FolderId of the folders that came with emu */
static bool scanned;

static void
search_init(void)
{
    plugin_registry_init();
    if (!extra_dirs) {
        extra_dirs = g_ptr_array_new_with_free_func(g_free);
        extra_files = g_ptr_array_new_with_free_func(g_free);
        own_ids = g_array_new(FALSE, FALSE, sizeof(FolderId));
    }
}

/* ---- files and folders ------------------------------------------------------------------------------------ */

static void
scan_file(EmuPluginCache *cache, const char *path, bool trusted)
{
    EmuManifest *m = NULL;
    char *reason = NULL;
    bool tried = false;
    struct stat st;
    Plugin *p = plugin_by_path(path), *other;

    if (p && p->listed) {
        return; /* named twice */
    }
    if (p && (p->handle || p->script)) {
        /* Open: what is in memory counts, whatever the file has become. */
        p->listed = true;
        g_free(plugin_index_types(p));
        return;
    }
    if (stat(path, &st) < 0 || !emu_plugin_cache_get(cache, path, &st, &m, &reason, &tried)) {
        emu_manifest_read(path, &m, &reason, &st);
        emu_plugin_cache_put(cache, path, &st, m, reason, false);
    }
    if (reason && plugin_is_script(path) && !m && g_str_has_prefix(reason, EMU_SCRIPT_NO_PLUGIN)) {
        g_free(reason); /* a module or a test beside plugins */
        return;
    }
    if (reason) {
        plugin_refuse(path, reason, m, true);
        return;
    }
    other = plugin_by_name(m->name);
    if (other && other != p) {
        reason = g_strdup_printf("is hidden by %s, which has the same name and comes first", other->path);
        plugin_refuse(path, reason, m, false);
        return;
    }
    if (!p) {
        p = g_new0(Plugin, 1);
        p->path = g_strdup(path);
        g_ptr_array_add(plugin_records, p);
    }
    plugin_set_manifest(p, m);
    p->st = st;
    p->listed = true;
    p->tried = tried || trusted || plugin_is_script(path);
    reason = plugin_index_types(p);
    if (reason) {
        plugin_refuse(path, reason, NULL, true);
        p->listed = false;
    }
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool
folder_ids_contain(GArray *ids, FolderId id)
{
    for (guint i = 0; i < ids->len; i++) {
        const FolderId *known = &g_array_index(ids, FolderId, i);

        if (known->dev == id.dev && known->ino == id.ino) {
            return true;
        }
    }
    return false;
}

static void
scan_dir(EmuPluginCache *cache, const char *dir, GArray *seen)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    FolderId id = {0};
    DIR *d = opendir(dir);
    struct dirent *entry;
    struct stat st;
    bool trusted;

    if (!d) {
        return;
    }
    if (fstat(dirfd(d), &st) == 0) {
        id = (FolderId){st.st_dev, st.st_ino};
    }
    if (folder_ids_contain(seen, id)) {
        closedir(d);
        return;
    }
    g_array_append_val(seen, id);
    trusted = folder_ids_contain(own_ids, id);
    while ((entry = readdir(d))) {
        if ((g_str_has_suffix(entry->d_name, ".so") || plugin_is_script(entry->d_name)) && entry->d_name[0] != '.') {
            g_ptr_array_add(names, g_build_filename(dir, entry->d_name, NULL));
        }
    }
    closedir(d);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        scan_file(cache, g_ptr_array_index(names, i), trusted);
    }
}

static void
scan_path(EmuPluginCache *cache, const char *path, GArray *seen)
{
    g_auto(GStrv) dirs = g_strsplit(path, ":", -1);

    for (char **dir = dirs; *dir; dir++) {
        g_autofree char *full = **dir ? g_canonicalize_filename(*dir, NULL) : NULL;

        if (full) {
            scan_dir(cache, full, seen);
        }
    }
}

/* ---- the path ------------------------------------------------------------------------------------------------ */

char *
plugin_own_dir(bool library)
{
    g_autofree char *exe = library ? NULL : g_file_read_link("/proc/self/exe", NULL);
    Dl_info here;

    if (library && dladdr(plugin_own_dir, &here) && here.dli_fname && strchr(here.dli_fname, '/')) {
        exe = g_canonicalize_filename(here.dli_fname, NULL);
    }
    return exe ? g_path_get_dirname(exe) : NULL;
}

/* "plugins" beside the executable and beside the library (a build), "emu-1/plugins" beside the library (an installed
 * tree that was moved), the installed folder; or instead of all these EMU_PLUGIN_SYSTEM_PATH. (transfer full) */
static char *
own_path(void)
{
    g_autofree char *exe = plugin_own_dir(false), *library = plugin_own_dir(true);
    const char *instead = g_getenv("EMU_PLUGIN_SYSTEM_PATH");

    return instead ? g_strdup(instead)
                   : g_strdup_printf("%s/plugins:%s/plugins:%s/emu-1/plugins:" EMU_PLUGIN_DIR, exe ? exe : "/nonexistent",
                                     library ? library : "/nonexistent", library ? library : "/nonexistent");
}

/* Code of these folders runs in this process already, or might as well: it is not put on trial. */
static void
note_own_dirs(const char *path)
{
    g_auto(GStrv) dirs = g_strsplit(path, ":", -1);

    g_array_set_size(own_ids, 0);
    for (char **dir = dirs; *dir && !g_getenv("EMU_PLUGIN_SYSTEM_PATH"); dir++) {
        struct stat st;

        if (**dir && stat(*dir, &st) == 0) {
            FolderId id = {st.st_dev, st.st_ino};

            g_array_append_val(own_ids, id);
        }
    }
}

static char *
join_paths(GPtrArray *paths, const char *more)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < paths->len; i++) {
        g_string_append_printf(out, "%s:", (char *)g_ptr_array_index(paths, i));
    }
    g_string_append(out, more ? more : "");
    return g_string_free(out, FALSE);
}

char **
plugin_search_environment(void)
{
    g_autofree char *files = join_paths(extra_files, NULL), *dirs = join_paths(extra_dirs, g_getenv("EMU_PLUGIN_PATH")), *own = own_path();
    char **env = g_get_environ();

    env = g_environ_setenv(env, "EMU_PLUGIN_FILES", files, TRUE);
    env = g_environ_setenv(env, "EMU_PLUGIN_PATH", dirs, TRUE);
    return g_environ_setenv(env, "EMU_PLUGIN_SYSTEM_PATH", own, TRUE);
}

/* ---- scanning -------------------------------------------------------------------------------------- */

static void
plugin_scan(void)
{
    EmuPluginCache *cache = emu_plugin_cache_load();
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(FolderId));
    g_autofree char *own = own_path();
    const char *files = g_getenv("EMU_PLUGIN_FILES"); /* for the helper that tries plugins */
    g_auto(GStrv) env_files = g_strsplit(files ? files : "", ":", -1);
    const char *env = g_getenv("EMU_PLUGIN_PATH");

    scanned = true;
    g_ptr_array_set_size(plugin_refusals, 0);
    plugin_names_clear();
    for (guint i = 0; i < plugin_records->len; i++) {
        Plugin *p = g_ptr_array_index(plugin_records, i);

        p->listed = false;
        p->failed = false;
    }
    note_own_dirs(own);
    for (guint i = 0; i < extra_files->len; i++) {
        scan_file(cache, g_ptr_array_index(extra_files, i), false);
    }
    for (char **file = env_files; *file; file++) {
        if (**file) {
            scan_file(cache, *file, false);
        }
    }
    for (guint i = 0; i < extra_dirs->len; i++) {
        scan_dir(cache, g_ptr_array_index(extra_dirs, i), seen);
    }
    scan_path(cache, env ? env : "", seen);
    scan_path(cache, own, seen);
    for (guint i = 0; i < plugin_records->len;) {
        Plugin *p = g_ptr_array_index(plugin_records, i);

        /* One that was open once keeps its record: the type table knows its module for good. */
        if (p->listed || p->module) {
            i++;
        } else {
            g_ptr_array_remove_index(plugin_records, i);
            plugin_free(p);
        }
    }
    emu_plugin_cache_save(cache);
}

void
plugin_ensure_scanned(void)
{
    search_init();
    if (!scanned) {
        plugin_scan();
    }
}

/**
 * emu_plugin_add_dir:
 * @dir: searched before EMU_PLUGIN_PATH and after the folders added earlier
 *
 * Since: 1.0
 */
bool
emu_plugin_add_dir(const char *dir, GError **error)
{
    g_autofree char *full = g_canonicalize_filename(dir, NULL);
    DIR *d = opendir(full);

    if (!d) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_NOT_FOUND, "plugin folder '%s' cannot be read: %s", dir,
                    g_strerror(errno));
        return false;
    }
    closedir(d);
    emu_type_lock();
    search_init();
    g_ptr_array_add(extra_dirs, g_steal_pointer(&full));
    if (scanned) {
        plugin_scan();
    }
    emu_type_unlock();
    return true;
}

/**
 * emu_plugin_add_file:
 * @path: a plugin, wherever it lies and whatever its name
 *
 * Comes before every folder of the search path, so that a plugin of the same name there is hidden by it.
 *
 * Since: 1.0
 */
bool
emu_plugin_add_file(const char *path, GError **error)
{
    g_autofree char *full = g_canonicalize_filename(path, NULL);
    const char *reason;
    bool ok;

    emu_module_run_core();
    emu_type_lock();
    search_init();
    if (!g_ptr_array_find_with_equal_func(extra_files, full, g_str_equal, NULL)) {
        g_ptr_array_add(extra_files, g_strdup(full));
    }
    plugin_scan();
    reason = plugin_refusal_of(full);
    if (reason) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "plugin file %s is ignored: it %s", path, reason);
    }
    ok = !reason;
    emu_type_unlock();
    return ok;
}

/**
 * emu_plugin_rescan:
 *
 * emu_plugin_scan() without believing the cache: every file is read again, and tried again when it is opened.
 *
 * Since: 1.0
 */
void
emu_plugin_rescan(void)
{
    emu_plugin_cache_discard();
    emu_plugin_scan();
}

void
emu_plugin_scan(void)
{
    emu_module_run_core();
    emu_type_lock();
    search_init();
    plugin_scan();
    emu_type_unlock();
}
