/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which plugin provides a type: the index of manifests, and the hooks by which the type table asks for it. */

#include "plugin/registry-private.h"

#include <emu/log.h>

#include <string.h>

typedef struct {
    Plugin *plugin;
    char **words; /* name, then what it is */
} ProvidedType;

static GHashTable *provided; /* type name -> ProvidedType */

static void
provided_free(gpointer data)
{
    ProvidedType *t = data;

    g_strfreev(t->words);
    g_free(t);
}

void
plugin_names_clear(void)
{
    if (!provided) {
        provided = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, provided_free);
    }
    g_hash_table_remove_all(provided);
}

char *
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

void
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

bool
plugin_word_names(const char *word, const char *type)
{
    gsize len = strlen(type);

    return strncmp(word, type, len) == 0 && (word[len] == '\0' || word[len] == ':');
}

/* ---- hooks of the type table ------------------------------------------------------------------------------ */

static bool
provide(const char *name, GError **error)
{
    ProvidedType *t;

    plugin_ensure_scanned();
    t = g_hash_table_lookup(provided, name);
    if (t) {
        return plugin_load(t->plugin, error);
    }
    for (guint i = 0; i < plugin_refusals->len; i++) {
        PluginRefusal *r = g_ptr_array_index(plugin_refusals, i);

        for (char **word = r->manifest ? r->manifest->provides : NULL; word && *word; word++) {
            if (plugin_word_names(*word, name)) {
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
    plugin_ensure_scanned();
    g_hash_table_iter_init(&iter, provided);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        ProvidedType *t = value;

        if (!t->plugin->handle && !t->plugin->failed && !g_ptr_array_find(wanted, t->plugin, NULL) && may_be(t, ancestor, 0)) {
            g_ptr_array_add(wanted, t->plugin);
        }
    }
    plugin_try(wanted);
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
    plugin_ensure_scanned();
    return g_hash_table_contains(provided, name);
}

static void
register_hooks(void)
{
    static const EmuTypeHooks hooks = {provide, provide_candidates, knows};

    emu_type_set_hooks(&hooks);
}

type_init(register_hooks)

const char *
emu_plugin_of_type(const char *type_name)
{
    ProvidedType *t;
    const char *name;

    emu_module_run_core();
    emu_type_lock();
    plugin_ensure_scanned();
    t = g_hash_table_lookup(provided, type_name);
    name = t ? t->plugin->info.name : NULL;
    emu_type_unlock();
    return name;
}
