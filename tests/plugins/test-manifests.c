/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every plugin of this build keeps what its manifest promises. */

#include <emu/plugin.h>

#include <string.h>

static void
check_type(const EmuPluginInfo *plugin, const char *word)
{
    g_auto(GStrv) parts = g_strsplit(word, ":", -1);
    g_autoptr(GError) error = NULL;
    GType type = emu_type_lookup(parts[0], &error);

    g_assert_no_error(error);
    if (!parts[1]) {
        g_test_message("%s: '%s' does not say what it is, so every list opens the plugin", plugin->name, word);
        g_test_fail();
        return;
    }
    g_assert_cmpstr(emu_type_name(g_type_parent(type)), ==, parts[1]);
    for (char **what = parts + 1; *what; what++) {
        GType ancestor = emu_type_lookup(*what, &error);

        g_assert_no_error(error);
        g_assert_true(g_type_is_a(type, ancestor));
    }
}

static void
test_promises(gconstpointer data)
{
    const EmuPluginInfo *plugin = data;
    g_autofree char *stem = g_path_get_basename(plugin->path);
    g_autoptr(GError) error = NULL;

    g_assert_true(g_str_has_suffix(stem, ".so"));
    stem[strlen(stem) - 3] = '\0';
    g_assert_cmpstr(plugin->name, ==, stem);
    g_assert_cmpstr(plugin->license, !=, "");
    g_assert_cmpstr(plugin->version, !=, "");
    g_assert_cmpstr(plugin->description, !=, "");
    emu_plugin_open(plugin->name, &error);
    g_assert_no_error(error);
    for (const char *const *word = plugin->provides; *word; word++) {
        check_type(plugin, *word);
    }
}

static void
test_no_refusals(void)
{
    g_autoptr(GPtrArray) list = emu_plugin_list_refusals();

    for (guint i = 0; i < list->len; i++) {
        EmuPluginRefusal *r = g_ptr_array_index(list, i);

        g_test_message("%s %s", r->path, r->reason);
        g_test_fail();
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) list = NULL;

    g_test_init(&argc, &argv, NULL);
    list = emu_plugin_list();
    g_test_add_func("/manifests/no-refusals", test_no_refusals);
    for (guint i = 0; i < list->len; i++) {
        EmuPluginInfo *plugin = g_ptr_array_index(list, i);
        g_autofree char *path = g_strdup_printf("/manifests/%s/keeps-its-promises", plugin->name);

        g_test_add_data_func(path, plugin, test_promises);
    }
    return g_test_run();
}
