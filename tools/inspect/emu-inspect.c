/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * emu-inspect [FILE|PLUGIN|TYPE]: what emu knows about it.
 *
 * This process reads manifests only. Whatever runs code of a plugin runs in a child, which sends what it
 * found as lines of JSON, each more than the one before; when the child crashes or hangs, the last line
 * counts and the user hears what happened.
 */

#include "inspect.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_SECONDS 20


static bool as_json, show_all, as_register_page;
static char **plugin_dirs, **arguments;

static char *
to_text(JsonObject *object, bool pretty)
{
    g_autoptr(JsonNode) node = json_node_alloc();

    json_node_init_object(node, object);
    return json_to_string(node, pretty);
}

/* ---- the child ---------------------------------------------------------------------------------------- */

static void
send_object(int fd, JsonObject *object)
{
    g_autofree char *text = to_text(object, false);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    gsize len = strlen(line), done = 0;

    while (done < len) {
        ssize_t n = write(fd, line + done, len - done);

        if (n < 0 && errno != EINTR) {
            _exit(2);
        }
        done += n > 0 ? (gsize)n : 0;
    }
}

static void
child_type(int fd, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *page = NULL;
    JsonObject *type;

    if (as_register_page) {
        type = json_object_new();
        page = emu_type_document_registers(name, &error);
        if (!page) {
            fprintf(stderr, "emu-inspect: %s\n", error->message);
            _exit(1);
        }
        json_object_set_string_member(type, "page", page);
        send_object(fd, type);
        return;
    }
    type = inspect_type(name, &error);
    if (!type) {
        fprintf(stderr, "emu-inspect: %s\n", error->message);
        _exit(1);
    }
    send_object(fd, type);
    if (json_object_has_member(type, "user-creatable") && !json_object_get_boolean_member(type, "abstract") &&
        !g_type_is_a(emu_type_lookup(name, NULL), EMU_TYPE_CPU)) {
        inspect_type_realized(type);
        send_object(fd, type);
    }
}

/* Each type in full instead of what the manifest says about it. */
static void
child_plugin(int fd, JsonObject *plugin)
{
    JsonArray *types = json_object_get_array_member(plugin, "types"), *full = json_array_new();

    for (guint i = 0; i < json_array_get_length(types); i++) {
        JsonObject *brief = json_array_get_object_element(types, i);
        g_autoptr(GError) error = NULL;
        JsonObject *type = inspect_type(json_object_get_string_member(brief, "name"), &error);

        if (type) {
            json_object_set_array_member(type, "is", json_array_ref(json_object_get_array_member(brief, "is")));
        } else {
            type = json_object_ref(brief);
            json_object_set_string_member(type, "error", error->message);
        }
        json_array_add_object_element(full, type);
    }
    json_object_set_array_member(plugin, "types", full);
    send_object(fd, plugin);
}

/* ---- the parent ------------------------------------------------------------------------------------------- */

static void
say_how_it_ended(const char *what, int status, bool timed_out)
{
    if (timed_out) {
        fprintf(stderr, "emu-inspect: code of '%s' did not return within %d seconds\n", what, CHILD_SECONDS);
    } else if (WIFSIGNALED(status)) {
        fprintf(stderr, "emu-inspect: code of '%s' crashed: %s\n", what, strsignal(WTERMSIG(status)));
    }
}

/* The last whole line that came; NULL when none did. */
static JsonObject *
ask_child(const char *what, JsonObject *plugin, bool *ok)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gint64 end = g_get_monotonic_time() + CHILD_SECONDS * G_USEC_PER_SEC;
    bool timed_out = false;
    JsonObject *found = NULL;
    g_auto(GStrv) lines = NULL;
    int fds[2], status = 0;
    pid_t pid;

    if (pipe(fds) < 0 || (pid = fork()) < 0) {
        fprintf(stderr, "emu-inspect: cannot start a process: %s\n", g_strerror(errno));
        exit(1);
    }
    if (pid == 0) {
        close(fds[0]);
        if (plugin) {
            child_plugin(fds[1], plugin);
        } else {
            child_type(fds[1], what);
        }
        _exit(0);
    }
    close(fds[1]);
    for (;;) {
        struct pollfd p = {.fd = fds[0], .events = POLLIN};
        gint64 left = (end - g_get_monotonic_time()) / 1000;
        char buf[65536];
        ssize_t n;

        if (left <= 0 || poll(&p, 1, (int)left) == 0) {
            timed_out = true;
            kill(pid, SIGKILL);
            break;
        }
        n = read(fds[0], buf, sizeof(buf));
        if (n <= 0) {
            break;
        }
        g_string_append_len(text, buf, n);
    }
    close(fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    say_how_it_ended(what, status, timed_out);
    *ok = !timed_out && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    lines = g_strsplit(text->str, "\n", -1);
    for (gint i = (gint)g_strv_length(lines) - 2; i >= 0 && !found; i--) {
        g_autoptr(JsonNode) node = json_from_string(lines[i], NULL);

        found = node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_dup_object(node) : NULL;
    }
    return found;
}

static void
print_json(JsonObject *object)
{
    g_autofree char *text = to_text(object, true);

    printf("%s\n", text);
}

static int
answer_type(const char *name)
{
    bool ok;
    g_autoptr(JsonObject) type = ask_child(name, NULL, &ok);

    if (type && as_register_page) {
        fputs(json_object_get_string_member(type, "page"), stdout);
    } else if (type) {
        as_json ? print_json(type) : inspect_print_type(type);
    }
    return ok && type ? 0 : 1;
}

static int
answer_plugin(const EmuPluginInfo *info, const char *refusal)
{
    g_autoptr(JsonObject) plugin = inspect_manifest(info, refusal);
    bool ok = !refusal;
    g_autoptr(JsonObject) full = refusal ? NULL : ask_child(info->name, plugin, &ok);
    JsonArray *types;

    if (full && show_all && !as_json) {
        types = json_object_get_array_member(full, "types");
        inspect_print_plugin(full);
        for (guint i = 0; i < json_array_get_length(types); i++) {
            printf("\n");
            ok &= answer_type(json_object_get_string_member(json_array_get_object_element(types, i), "name")) == 0;
        }
    } else {
        as_json ? print_json(full ? full : plugin) : inspect_print_plugin(full ? full : plugin);
    }
    return ok ? 0 : 1;
}

static int
answer_file(const char *path)
{
    g_autofree char *refusal = NULL;
    EmuPluginInfo *info = emu_plugin_info_read(path, &refusal);
    g_autoptr(GError) error = NULL;
    int status = 1;

    if (!info) {
        fprintf(stderr, "emu-inspect: %s %s\n", path, refusal);
        return 1;
    }
    if (!refusal && !emu_plugin_add_file(path, &error)) {
        refusal = g_strdup(error->message);
    }
    status = answer_plugin(info, refusal);
    emu_plugin_info_free(info);
    return status;
}

static int
answer(const char *what)
{
    g_autoptr(GPtrArray) plugins = NULL;

    if (strchr(what, '/') || g_str_has_suffix(what, ".so")) {
        return answer_file(what);
    }
    if (emu_type_exists(what)) {
        return answer_type(what);
    }
    plugins = emu_plugin_list();
    for (guint i = 0; i < plugins->len; i++) {
        const EmuPluginInfo *info = g_ptr_array_index(plugins, i);

        if (strcmp(info->name, what) == 0) {
            return answer_plugin(info, NULL);
        }
    }
    fprintf(stderr, "emu-inspect: there is no type and no plugin '%s' (emu-inspect lists them)\n", what);
    return 1;
}

int
main(int argc, char **argv)
{
    static const GOptionEntry entries[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "Print JSON", NULL},
        {"all", 'a', 0, G_OPTION_ARG_NONE, &show_all, "With a plugin: every type of it in full", NULL},
        {"register-page", 0, 0, G_OPTION_ARG_NONE, &as_register_page, "With a type: a page of Markdown about its registers", NULL},
        {"plugin-dir", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &plugin_dirs, "Look for plugins in FOLDER (repeatable)", "FOLDER"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments, NULL, "[FILE|PLUGIN|TYPE...]"},
        {NULL},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    int status = 0;

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context, "Says what plugins and types emu has, and what each of them is.");
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        fprintf(stderr, "emu-inspect: %s\n", error->message);
        return 1;
    }
    for (char **dir = plugin_dirs; dir && *dir; dir++) {
        if (!emu_plugin_add_dir(*dir, &error)) {
            fprintf(stderr, "emu-inspect: %s\n", error->message);
            return 1;
        }
    }
    if (!arguments) {
        g_autoptr(JsonObject) list = inspect_list();

        as_json ? print_json(list) : inspect_print_list(list);
        return 0;
    }
    for (char **what = arguments; *what; what++) {
        status |= answer(*what);
    }
    return status;
}
