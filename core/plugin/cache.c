/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The registry cache: XDG_CACHE_HOME/emu/registry-2.
 *
 * It only saves time.  An entry counts when path, device, inode, size, mtime and ctime are what they were;
 * ctime because nobody can set it back.  A file that changed less than two seconds before it was read is not
 * stored: it could change again within the file system's clock tick and look the same.  Anything odd about
 * the cache file makes it empty; a folder that cannot be written is no mistake.
 */

#include "plugin/plugin-private.h"

#include "emu-config.h"

#include <string.h>
#include <unistd.h>

/* magic, version of emu; files: path, mtime, ctime, size, inode, device; what each is: refusal ("": none),
 * name ("": no manifest), version, licence, description, provides, needs, SDK major and minor, tier, opened on trial */
#define CACHE_TYPE "(ssa(ayxxttt)a(sssssasasuuub))"
#define CACHE_MAGIC "emu plugin registry 2"
#define CACHE_VERSION EMU_VERSION " sdk " G_STRINGIFY(EMU_SDK_MAJOR) "." G_STRINGIFY(EMU_SDK_MINOR)
#define CACHE_MAX_BYTES (16 << 20)
#define NS_PER_SEC INT64_C(1000000000)
#define FRESH_NS (2 * NS_PER_SEC)

typedef struct {
    int64_t mtime, ctime;
    uint64_t size, inode, device;
} FileKey;

typedef struct {
    FileKey key;
    GVariant *what;
    bool used;
} CacheEntry;

struct _EmuPluginCache {
    char *path; /* NULL: no home */
    GHashTable *entries;
    bool changed;
};

static FileKey
file_key(const struct stat *st)
{
    return (FileKey){
        .mtime = st->st_mtim.tv_sec * NS_PER_SEC + st->st_mtim.tv_nsec,
        .ctime = st->st_ctim.tv_sec * NS_PER_SEC + st->st_ctim.tv_nsec,
        .size = (uint64_t)st->st_size,
        .inode = st->st_ino,
        .device = st->st_dev,
    };
}

static void
cache_entry_free(gpointer data)
{
    CacheEntry *e = data;

    g_variant_unref(e->what);
    g_free(e);
}

static void
cache_parse(EmuPluginCache *self, GVariant *all)
{
    g_autoptr(GVariant) files = NULL;
    g_autoptr(GVariant) whats = NULL;
    const char *magic, *version;
    gsize n;

    g_variant_get(all, "(&s&s@a(ayxxttt)@a(sssssasasuuub))", &magic, &version, &files, &whats);
    n = g_variant_n_children(files);
    if (strcmp(magic, CACHE_MAGIC) != 0 || strcmp(version, CACHE_VERSION) != 0 || n != g_variant_n_children(whats)) {
        self->changed = true;
        return;
    }
    for (gsize i = 0; i < n; i++) {
        CacheEntry *e = g_new0(CacheEntry, 1);
        char *path;

        g_variant_get_child(files, i, "(^ayxxttt)", &path, &e->key.mtime, &e->key.ctime, &e->key.size, &e->key.inode,
                            &e->key.device);
        e->what = g_variant_get_child_value(whats, i);
        g_hash_table_replace(self->entries, path, e);
    }
}

static char *
cache_path(void)
{
    return g_build_filename(g_get_user_cache_dir(), "emu", "registry-2", NULL);
}

void
emu_plugin_cache_discard(void)
{
    g_autofree char *path = cache_path();

    unlink(path);
}

EmuPluginCache *
emu_plugin_cache_load(void)
{
    EmuPluginCache *self = g_new0(EmuPluginCache, 1);
    g_autoptr(GVariant) all = NULL;
    char *data = NULL;
    gsize len = 0;

    self->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, cache_entry_free);
    self->path = cache_path();
    if (!g_file_get_contents(self->path, &data, &len, NULL) || len > CACHE_MAX_BYTES) {
        g_free(data);
        self->changed = true;
        return self;
    }
    all = g_variant_ref_sink(g_variant_new_from_data(G_VARIANT_TYPE(CACHE_TYPE), data, len, FALSE, g_free, data));
    if (g_variant_is_normal_form(all)) {
        cache_parse(self, all);
    } else {
        self->changed = true;
    }
    return self;
}

bool
emu_plugin_cache_get(EmuPluginCache *self, const char *path, const struct stat *st, EmuManifest **manifest,
                     char **refusal, bool *tried)
{
    CacheEntry *e = g_hash_table_lookup(self->entries, path);
    FileKey key = file_key(st);
    g_autoptr(EmuManifest) m = NULL;
    g_autofree char *reason = NULL;
    gboolean was_tried;

    if (!e || memcmp(&e->key, &key, sizeof(key)) != 0) {
        return false;
    }
    e->used = true;
    m = g_new0(EmuManifest, 1);
    g_variant_get(e->what, "(sssss^as^asuuub)", &reason, &m->name, &m->version, &m->license, &m->description, &m->provides,
                  &m->needs, &m->sdk_major, &m->sdk_minor, &m->tier, &was_tried);
    *tried = was_tried;
    *refusal = *reason ? g_steal_pointer(&reason) : NULL;
    *manifest = *m->name ? g_steal_pointer(&m) : NULL;
    return *manifest || *refusal;
}

void
emu_plugin_cache_put(EmuPluginCache *self, const char *path, const struct stat *st, const EmuManifest *manifest,
                     const char *refusal, bool tried)
{
    static const char *const none[] = {NULL};
    FileKey key = file_key(st);
    CacheEntry *e;

    self->changed |= g_hash_table_remove(self->entries, path);
    if (g_get_real_time() * 1000 - MAX(key.mtime, key.ctime) < FRESH_NS) {
        return;
    }
    e = g_new0(CacheEntry, 1);
    e->key = key;
    e->used = true;
    e->what = g_variant_ref_sink(g_variant_new(
        "(sssss^as^asuuub)", refusal ? refusal : "", manifest ? manifest->name : "", manifest ? manifest->version : "",
        manifest ? manifest->license : "", manifest ? manifest->description : "",
        manifest ? (const char *const *)manifest->provides : none, manifest ? (const char *const *)manifest->needs : none,
        manifest ? manifest->sdk_major : 0, manifest ? manifest->sdk_minor : 0, manifest ? manifest->tier : 0, tried));
    g_hash_table_replace(self->entries, g_strdup(path), e);
    self->changed = true;
}

/* Entries of other search paths stay: several builds share the cache.  Files that are gone are dropped. */
static void
cache_write(EmuPluginCache *self)
{
    g_autoptr(GVariant) all = NULL;
    g_autofree char *dir = g_path_get_dirname(self->path);
    GVariantBuilder files, whats;
    GHashTableIter iter;
    gpointer path, value;

    g_variant_builder_init(&files, G_VARIANT_TYPE("a(ayxxttt)"));
    g_variant_builder_init(&whats, G_VARIANT_TYPE("a(sssssasasuuub)"));
    g_hash_table_iter_init(&iter, self->entries);
    while (g_hash_table_iter_next(&iter, &path, &value)) {
        CacheEntry *e = value;

        if (e->used || g_file_test(path, G_FILE_TEST_EXISTS)) {
            g_variant_builder_add(&files, "(^ayxxttt)", path, e->key.mtime, e->key.ctime, e->key.size, e->key.inode,
                                  e->key.device);
            g_variant_builder_add_value(&whats, e->what);
        }
    }
    all = g_variant_ref_sink(g_variant_new("(ss@a(ayxxttt)@a(sssssasasuuub))", CACHE_MAGIC, CACHE_VERSION,
                                           g_variant_builder_end(&files), g_variant_builder_end(&whats)));
    if (g_mkdir_with_parents(dir, 0700) == 0) {
        g_file_set_contents_full(self->path, g_variant_get_data(all), (gssize)g_variant_get_size(all),
                                 G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
    }
}

void
emu_plugin_cache_save(EmuPluginCache *self)
{
    if (self->changed) {
        cache_write(self);
    }
    g_hash_table_unref(self->entries);
    g_free(self->path);
    g_free(self);
}
