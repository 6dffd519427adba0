/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Opens the plugins named on its command line and makes their classes; says "begin NAME" and "ok NAME" or
 * "bad NAME REASON" on descriptor 3. Started by core/plugin/trial.c, which learns from its end what is wrong with a plugin.
 */

#include <emu/object.h>
#include <emu/plugin.h>

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define REPORT_FD 3

static void
report(const char *what, const char *name, const char *reason)
{
    g_autofree char *line = g_strdup_printf("%s %s%s%s\n", what, name, reason ? " " : "", reason ? reason : "");

    if (write(REPORT_FD, line, strlen(line)) < 0) {
        _exit(2);
    }
}

static const EmuPluginInfo *
find(GPtrArray *plugins, const char *name)
{
    for (guint i = 0; i < plugins->len; i++) {
        const EmuPluginInfo *info = g_ptr_array_index(plugins, i);

        if (strcmp(info->name, name) == 0) {
            return info;
        }
    }
    return NULL;
}

static void
make_classes(const EmuPluginInfo *info)
{
    for (const char *const *word = info->provides; *word; word++) {
        g_autofree char *name = g_strndup(*word, strcspn(*word, ":"));
        GType type = emu_type_lookup(name, NULL);

        if (type != G_TYPE_INVALID && G_TYPE_IS_CLASSED(type)) {
            g_type_class_ref(type);
        }
    }
}

static void
try_plugin(const EmuPluginInfo *info)
{
    g_autofree char *prefix = g_strdup_printf("plugin file %s ", info->path);
    g_autoptr(GError) error = NULL;
    const char *reason;

    if (!emu_plugin_open(info->name, &error)) {
        reason = g_str_has_prefix(error->message, prefix) ? error->message + strlen(prefix) : error->message;
        g_strdelimit(error->message, "\n", ' ');
        report("bad", info->name, reason);
        return;
    }
    make_classes(info);
    emu_plugin_close(info->name, NULL); /* its destructors run too; resident ones stay */
    report("ok", info->name, NULL);
}

int
main(int argc, char **argv)
{
    const struct rlimit no_core = {0, 0};
    g_autoptr(GPtrArray) plugins = NULL;

    setrlimit(RLIMIT_CORE, &no_core);
    plugins = emu_plugin_list();
    for (int i = 1; i < argc; i++) {
        const EmuPluginInfo *info = find(plugins, argv[i]);

        report("begin", argv[i], NULL);
        if (info) {
            try_plugin(info);
        } else {
            report("ok", argv[i], NULL); /* it is gone: whoever asked finds out */
        }
    }
    _exit(0);
}
