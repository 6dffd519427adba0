/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plugin registry: which files there are, what types each provides, which are open.
 *
 * Scanning reads manifests (from the cache where a file is unchanged) and opens nothing.  A plugin is
 * opened by the hooks of the type table: when a name is looked up that the table lacks, or when a list is
 * asked for that one of its types may belong to.  Opening runs the plugin's constructors, which queue
 * its module functions, and then those functions in list order.
 *
 * One lock, the type table's, covers all of this, so opening is serialised.
 */

#include "plugin/plugin-private.h"

#include "emu-config.h"

#include <emu/log.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <ltdl.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    EmuPluginInfo info; /* points into manifest and path */
    char *path;
    EmuManifest *manifest;
    struct stat st;
    EmuTypeModule *module; /* NULL until first opened */
    lt_dlhandle handle;
    bool opening;
    bool failed; /* could not be opened, and is among the refusals for it */
    bool listed; /* seen by the latest scan */
    unsigned swaps; /* times its file was replaced under it */
    bool script; /* its language's loader has run it: for good */
    bool tried;  /* came with emu, or was opened on trial and survived */
} Plugin;

typedef struct {
    EmuPluginRefusal info;
    char *path, *reason;
    EmuManifest *manifest; /* of a plugin for another emu; may be NULL */
} Refusal;

typedef struct {
    Plugin *plugin;
    char **words; /* name, then what it is */
} ProvidedType;

static GPtrArray *extra_dirs;  /* char * */
static GPtrArray *extra_files; /* char *, before the folders */
static GPtrArray *plugins;    /* Plugin, in order of the search path */
static GPtrArray *refusals;   /* Refusal */
static GHashTable *provided;  /* type name -> ProvidedType */
static GArray *own_ids;       /* FolderId of the folders that came with emu */
static bool scanned;

typedef struct {
    uint64_t dev, ino;
} FolderId;

G_DEFINE_QUARK(emu-plugin-error-quark, emu_plugin_error)

/* ---- records ------------------------------------------------------------------------------------ */

static void
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
    Refusal *r = data;

    g_free(r->path);
    g_free(r->reason);
    emu_manifest_free(r->manifest);
    g_free(r);
}

static void
provided_free(gpointer data)
{
    ProvidedType *t = data;

    g_strfreev(t->words);
    g_free(t);
}

static void
registry_init(void)
{
    if (!plugins) {
        extra_dirs = g_ptr_array_new_with_free_func(g_free);
        extra_files = g_ptr_array_new_with_free_func(g_free);
        own_ids = g_array_new(FALSE, FALSE, sizeof(FolderId));
        plugins = g_ptr_array_new();
        refusals = g_ptr_array_new_with_free_func(refusal_free);
        provided = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, provided_free);
    }
}

/* Takes all of its arguments. */
static void
refuse(const char *path, char *reason, EmuManifest *manifest, bool loud)
{
    Refusal *r = g_new0(Refusal, 1);

    r->path = g_strdup(path);
    r->reason = reason;
    r->manifest = manifest;
    r->info = (EmuPluginRefusal){r->path, r->reason};
    g_ptr_array_add(refusals, r);
    if (loud) {
        emu_warn_report("plugin file %s is ignored: it %s", path, reason);
    }
}

static Plugin *
plugin_by_name(const char *name)
{
    for (guint i = 0; i < plugins->len; i++) {
        Plugin *p = g_ptr_array_index(plugins, i);

        if ((p->listed || p->handle) && strcmp(p->manifest->name, name) == 0) {
            return p;
        }
    }
    return NULL;
}

static Plugin *
plugin_by_path(const char *path)
{
    for (guint i = 0; i < plugins->len; i++) {
        Plugin *p = g_ptr_array_index(plugins, i);

        if (strcmp(p->path, path) == 0) {
            return p;
        }
    }
    return NULL;
}

static void
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

/* Adds the types of @p to the index; NULL, or why not. */
static char *
plugin_index_types(Plugin *p)
{
    g_autoptr(GPtrArray) added = g_ptr_array_new();

    for (char **word = p->manifest->provides; *word; word++) {
        char **parts = g_strsplit(*word, ":", -1);
        ProvidedType *old = g_hash_table_lookup(provided, parts[0]);
        EmuTypeModule *owner = NULL;
        char *reason = NULL;
        ProvidedType *t;

        if (old) {
            reason = g_strdup_printf("provides type '%s', which %s provides already", parts[0], old->plugin->path);
        } else if (emu_type_find_module(parts[0], &owner) && (!owner || owner != p->module)) {
            reason = g_strdup_printf("provides type '%s', which %s has already", parts[0],
                                     owner ? emu_type_module_get_name(owner) : "the core");
        }
        if (reason) {
            g_strfreev(parts);
            for (guint i = 0; i < added->len; i++) {
                g_hash_table_remove(provided, g_ptr_array_index(added, i));
            }
            return reason;
        }
        t = g_new0(ProvidedType, 1);
        t->plugin = p;
        t->words = parts;
        g_hash_table_insert(provided, parts[0], t);
        g_ptr_array_add(added, parts[0]);
    }
    return NULL;
}

static bool plugin_fail(Plugin *p, GError **error, const char *reason);
static bool is_script(const char *path);

/* ---- scanning -------------------------------------------------------------------------------------- */

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
        reason = plugin_index_types(p);
        g_free(reason);
        return;
    }
    if (stat(path, &st) < 0 || !emu_plugin_cache_get(cache, path, &st, &m, &reason, &tried)) {
        emu_manifest_read(path, &m, &reason, &st);
        emu_plugin_cache_put(cache, path, &st, m, reason, false);
    }
    if (reason && is_script(path) && !m && g_str_has_prefix(reason, EMU_SCRIPT_NO_PLUGIN)) {
        g_free(reason); /* a module or a test beside plugins */
        return;
    }
    if (reason) {
        refuse(path, reason, m, true);
        return;
    }
    other = plugin_by_name(m->name);
    if (other && other != p) {
        reason = g_strdup_printf("is hidden by %s, which has the same name and comes first", other->path);
        refuse(path, reason, m, false);
        return;
    }
    if (!p) {
        p = g_new0(Plugin, 1);
        p->path = g_strdup(path);
        g_ptr_array_add(plugins, p);
    }
    plugin_set_manifest(p, m);
    p->st = st;
    p->listed = true;
    p->tried = tried || trusted || is_script(path);
    reason = plugin_index_types(p);
    if (reason) {
        refuse(path, reason, NULL, true);
        p->listed = false;
    }
}

/* ---- plugins that are no shared objects ---------------------------------------------------------------- */

static struct {
    char *suffix;
    EmuPluginLoadFunc load, reload;
} script_loader;

/* The one loader that there is comes with the plugin "python". */
#define SCRIPT_SUFFIX ".py"
#define SCRIPT_PLUGIN "python"

static bool
is_script(const char *path)
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

static bool
script_open(Plugin *p, GError **error)
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
        if ((g_str_has_suffix(entry->d_name, ".so") || is_script(entry->d_name)) && entry->d_name[0] != '.') {
            g_ptr_array_add(names, g_build_filename(dir, entry->d_name, NULL));
        }
    }
    closedir(d);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        scan_file(cache, g_ptr_array_index(names, i), trusted);
    }
}

/* The folder of the executable, or of the library that this code is in. */
static char *
own_dir(bool library)
{
    g_autofree char *exe = library ? NULL : g_file_read_link("/proc/self/exe", NULL);
    Dl_info here;

    if (library && dladdr(own_dir, &here) && here.dli_fname && strchr(here.dli_fname, '/')) {
        exe = g_canonicalize_filename(here.dli_fname, NULL);
    }
    return exe ? g_path_get_dirname(exe) : NULL;
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

/* "plugins" beside the executable and beside the library (a build), "emu-1/plugins" beside the library (an installed
 * tree that was moved), the installed folder; or instead of all these EMU_PLUGIN_SYSTEM_PATH. (transfer full) */
static char *
own_path(void)
{
    g_autofree char *exe = own_dir(false), *library = own_dir(true);
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

static void
scan_locked(void)
{
    EmuPluginCache *cache = emu_plugin_cache_load();
    g_autoptr(GArray) seen = g_array_new(FALSE, FALSE, sizeof(FolderId));
    g_autofree char *own = own_path();
    const char *files = g_getenv("EMU_PLUGIN_FILES"); /* for the helper that tries plugins */
    g_auto(GStrv) env_files = g_strsplit(files ? files : "", ":", -1);
    const char *env = g_getenv("EMU_PLUGIN_PATH");

    scanned = true;
    g_ptr_array_set_size(refusals, 0);
    g_hash_table_remove_all(provided);
    for (guint i = 0; i < plugins->len; i++) {
        Plugin *p = g_ptr_array_index(plugins, i);

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
    for (guint i = 0; i < plugins->len;) {
        Plugin *p = g_ptr_array_index(plugins, i);

        /* One that was open once keeps its record: the type table knows its module for good. */
        if (p->listed || p->module) {
            i++;
        } else {
            g_ptr_array_remove_index(plugins, i);
            plugin_free(p);
        }
    }
    emu_plugin_cache_save(cache);
}

static void
ensure_scanned(void)
{
    registry_init();
    if (!scanned) {
        scan_locked();
    }
}

/* ---- opening ------------------------------------------------------------------------------------------ */

/* Kept for whoever lists refusals; the caller decides who hears of it now. */
static bool
plugin_fail(Plugin *p, GError **error, const char *reason)
{
    if (!p->failed) {
        p->failed = true;
        refuse(p->path, g_strdup(reason), NULL, false);
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

static bool
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

static bool
word_names_type(const char *word, const char *type)
{
    gsize len = strlen(type);

    return strncmp(word, type, len) == 0 && (word[len] == '\0' || word[len] == ':');
}

/* Mistakes of the plugin's author that do no harm here, but later. */
static void
plugin_check_promises(Plugin *p)
{
    g_autoptr(GPtrArray) types = emu_type_module_list_types(p->module);

    for (char **word = p->manifest->provides; *word; word++) {
        bool found = false;

        for (guint i = 0; i < types->len; i++) {
            found |= word_names_type(*word, g_ptr_array_index(types, i));
        }
        if (!found) {
            emu_warn_report("plugin file %s says that it provides '%s', but does not register it", p->path, *word);
        }
    }
    for (guint i = 0; i < types->len; i++) {
        bool found = false;

        for (char **word = p->manifest->provides; *word; word++) {
            found |= word_names_type(*word, g_ptr_array_index(types, i));
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
static bool
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

/* ---- trial ------------------------------------------------------------------------------------------------ */

/* The helper beside the library: in a build, in an installed tree. EMU_PLUGIN_SCANNER names another, or none when empty. */
static char *
trial_helper(void)
{
    static const char *const places[] = {"tools", "emu-1"};
    g_autofree char *library = own_dir(true);
    const char *named = g_getenv("EMU_PLUGIN_SCANNER");

    if (named) {
        return *named ? g_strdup(named) : NULL;
    }
    for (guint i = 0; library && i < G_N_ELEMENTS(places); i++) {
        g_autofree char *path = g_build_filename(library, places[i], "emu-plugin-scan", NULL);

        if (g_file_test(path, G_FILE_TEST_IS_EXECUTABLE)) {
            return g_steal_pointer(&path);
        }
    }
    return NULL;
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

/* The helper looks where we look, and tries nothing itself. (transfer full) */
static char **
trial_environment(void)
{
    g_autofree char *files = join_paths(extra_files, NULL), *dirs = join_paths(extra_dirs, g_getenv("EMU_PLUGIN_PATH")), *own = own_path();
    char **env = g_get_environ();

    env = g_environ_setenv(env, "EMU_PLUGIN_FILES", files, TRUE);
    env = g_environ_setenv(env, "EMU_PLUGIN_PATH", dirs, TRUE);
    env = g_environ_setenv(env, "EMU_PLUGIN_SYSTEM_PATH", own, TRUE);
    return g_environ_setenv(env, "EMU_PLUGIN_SCANNER", "", TRUE);
}

/* Plugins that did not come with emu are opened in another process before they are opened here, once for each version of
 * the file: the cache keeps the verdict. */
static void
try_plugins(GPtrArray *wanted)
{
    g_autoptr(GPtrArray) untried = g_ptr_array_new(), names = g_ptr_array_new(), verdicts = NULL;
    g_autofree char *helper = NULL;
    g_auto(GStrv) env = NULL;
    EmuPluginCache *cache;

    for (guint i = 0; i < wanted->len; i++) {
        Plugin *p = g_ptr_array_index(wanted, i);

        if (!p->handle && !p->tried && !p->failed) {
            g_ptr_array_add(untried, p);
            g_ptr_array_add(names, p->manifest->name);
        }
    }
    helper = untried->len ? trial_helper() : NULL;
    if (!helper) {
        return;
    }
    env = trial_environment();
    verdicts = emu_plugin_trial(helper, names, env);
    cache = emu_plugin_cache_load();
    for (guint i = 0; i < untried->len; i++) {
        Plugin *p = g_ptr_array_index(untried, i);
        const char *verdict = g_ptr_array_index(verdicts, i);

        p->tried = true;
        emu_plugin_cache_put(cache, p->path, &p->st, p->manifest, verdict, !verdict);
        if (verdict) {
            p->failed = true;
            refuse(p->path, g_strdup(verdict), NULL, true);
        }
    }
    emu_plugin_cache_save(cache);
}

static bool
plugin_check_trial(Plugin *p, GError **error)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();

    g_ptr_array_add(one, p);
    try_plugins(one);
    if (!p->failed) {
        return true;
    }
    for (guint i = 0; i < refusals->len; i++) {
        Refusal *r = g_ptr_array_index(refusals, i);

        if (strcmp(r->path, p->path) == 0) {
            return plugin_fail(p, error, r->reason);
        }
    }
    return plugin_fail(p, error, "could not be opened before");
}

static bool
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
        ok = is_script(p->path) ? script_open(p, error) : plugin_dlopen(p, p->path, error);
        emu_type_module_end(p->module, ok);
    }
    p->opening = false;
    p->info.open = ok;
    if (ok) {
        plugin_check_promises(p);
    }
    return ok;
}

/* ---- hooks of the type table ------------------------------------------------------------------------------ */

static bool
provide(const char *name, GError **error)
{
    ProvidedType *t;

    ensure_scanned();
    t = g_hash_table_lookup(provided, name);
    if (t) {
        return plugin_load(t->plugin, error);
    }
    for (guint i = 0; i < refusals->len; i++) {
        Refusal *r = g_ptr_array_index(refusals, i);

        for (char **word = r->manifest ? r->manifest->provides : NULL; word && *word; word++) {
            if (word_names_type(*word, name)) {
                g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED,
                            "type '%s' is in plugin file %s, which %s", name, r->path, r->reason);
                return false;
            }
        }
    }
    return false;
}

static bool
may_be(ProvidedType *t, const char *ancestor, unsigned depth)
{
    if (strcmp(t->words[0], ancestor) == 0 || !t->words[1]) {
        return true;
    }
    for (char **what = t->words + 1; *what && depth < 32; what++) {
        ProvidedType *above = g_hash_table_lookup(provided, *what);

        if (strcmp(*what, ancestor) == 0 || emu_type_name_is_a(*what, ancestor) ||
            (above && may_be(above, ancestor, depth + 1))) {
            return true;
        }
    }
    return false;
}

static void
provide_candidates(const char *ancestor)
{
    g_autoptr(GPtrArray) wanted = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    emu_type_lock();
    ensure_scanned();
    g_hash_table_iter_init(&iter, provided);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ProvidedType *t = value;

        if (!t->plugin->handle && !t->plugin->failed && !g_ptr_array_find(wanted, t->plugin, NULL) && may_be(t, ancestor, 0)) {
            g_ptr_array_add(wanted, t->plugin);
        }
    }
    try_plugins(wanted);
    for (guint i = 0; i < wanted->len; i++) {
        g_autoptr(GError) error = NULL;
        Plugin *p = g_ptr_array_index(wanted, i);

        if (!p->failed && !plugin_load(p, &error)) {
            emu_warn_report("%s", error->message);
        }
    }
    emu_type_unlock();
}

static bool
knows(const char *name)
{
    ensure_scanned();
    return g_hash_table_contains(provided, name);
}

static void
register_hooks(void)
{
    static const EmuTypeHooks hooks = {provide, provide_candidates, knows};

    emu_type_set_hooks(&hooks);
}

type_init(register_hooks)

/* ---- what others ask ------------------------------------------------------------------------------------------ */

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
    registry_init();
    g_ptr_array_add(extra_dirs, g_steal_pointer(&full));
    if (scanned) {
        scan_locked();
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
    bool ok = true;

    emu_module_run_core();
    emu_type_lock();
    registry_init();
    if (!g_ptr_array_find_with_equal_func(extra_files, full, g_str_equal, NULL)) {
        g_ptr_array_add(extra_files, g_strdup(full));
    }
    scan_locked();
    for (guint i = 0; i < refusals->len; i++) {
        Refusal *r = g_ptr_array_index(refusals, i);

        if (strcmp(r->path, full) == 0) {
            g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "plugin file %s is ignored: it %s", path, r->reason);
            ok = false;
            break;
        }
    }
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
    registry_init();
    scan_locked();
    emu_type_unlock();
}

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
    ensure_scanned();
    for (guint i = 0; i < plugins->len; i++) {
        Plugin *p = g_ptr_array_index(plugins, i);

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
    ensure_scanned();
    for (guint i = 0; i < refusals->len; i++) {
        g_ptr_array_add(list, &((Refusal *)g_ptr_array_index(refusals, i))->info);
    }
    emu_type_unlock();
    return list;
}

static Plugin *
find_plugin(const char *name, GError **error)
{
    Plugin *p;

    ensure_scanned();
    p = plugin_by_name(name);
    if (!p) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_NOT_FOUND, "there is no plugin '%s'", name);
    }
    return p;
}

bool
emu_plugin_open(const char *name, GError **error)
{
    Plugin *p;
    bool ok;

    emu_module_run_core();
    emu_type_lock();
    p = find_plugin(name, error);
    ok = p && plugin_load(p, error);
    emu_type_unlock();
    return ok;
}

static bool
close_locked(const char *name, GError **error)
{
    Plugin *p = find_plugin(name, error);
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

/* ---- another version of an open plugin --------------------------------------------------------------------- */

struct _EmuPluginSwap {
    Plugin *plugin;
    EmuTypeModule *module; /* the old ones */
    lt_dlhandle handle;
    EmuManifest *manifest;
    struct stat st;
    GPtrArray *aside;
};

static void
plugin_unindex_types(Plugin *p)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, provided);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((ProvidedType *)value)->plugin == p) {
            g_hash_table_iter_remove(&iter);
        }
    }
}

/* What was said about other files of that name. */
static void
plugin_forgive(Plugin *p)
{
    p->failed = false;
    for (guint i = refusals->len; i > 0; i--) {
        if (strcmp(((Refusal *)g_ptr_array_index(refusals, i - 1))->path, p->path) == 0) {
            g_ptr_array_remove_index(refusals, i - 1);
        }
    }
}

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

bool
emu_plugin_is_script(const char *name)
{
    Plugin *p;
    bool ok;

    emu_module_run_core();
    emu_type_lock();
    p = find_plugin(name, NULL);
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
    p = find_plugin(name, error);
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

EmuPluginSwap *
emu_plugin_swap_begin(const char *name, GError **error)
{
    EmuPluginSwap *self = NULL;
    EmuManifest *m = NULL;
    struct stat st;
    Plugin *p;

    emu_type_lock();
    p = find_plugin(name, error);
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

bool
emu_plugin_get_module(const char *name, EmuTypeModule **module)
{
    Plugin *p;

    emu_module_run_core();
    emu_type_lock();
    p = find_plugin(name, NULL);
    *module = p && p->handle ? p->module : NULL;
    emu_type_unlock();
    return p != NULL;
}

const char *
emu_plugin_of_type(const char *type_name)
{
    ProvidedType *t;
    const char *name;

    emu_module_run_core();
    emu_type_lock();
    ensure_scanned();
    t = g_hash_table_lookup(provided, type_name);
    name = t ? t->plugin->info.name : NULL;
    emu_type_unlock();
    return name;
}
