/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * emu-lint FILE.so|PLUGIN|TYPE...: tries on every type of a plugin what holds for any of its kind. TAP on stdout.
 *
 * Each type has a process of its own, so that one that crashes or hangs is a line of the report.
 */

#include <emu/emu.h>
#include <emu/test-kit.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static gint rounds = 1000, accesses = 20000, seconds = 120;
static gint64 seed = 1;
static char **plugin_dirs, **arguments, **settings;
static char *board, *claim;
static unsigned n_tests;
static bool failed;

static const GOptionEntry entries[] = {
    {"rounds", 'r', 0, G_OPTION_ARG_INT, &rounds, "Realize and unrealize, open and close N times (1000)", "N"},
    {"accesses", 'a', 0, G_OPTION_ARG_INT, &accesses, "Random accesses, a twentieth of it rounds of requests to disks (20000)", "N"},
    {"seed", 's', 0, G_OPTION_ARG_INT64, &seed, "Another sequence of accesses", "N"},
    {"set", 0, 0, G_OPTION_ARG_STRING_ARRAY, &settings, "Properties that a type needs, options of a block driver; repeatable", "TYPE:NAME=VALUE,..."},
    {"board", 'M', 0, G_OPTION_ARG_STRING, &board, "Board to plug devices into", "NAME"},
    {"claim", 'c', 0, G_OPTION_ARG_STRING, &claim, "Only this claim", "NAME"},
    {"timeout", 't', 0, G_OPTION_ARG_INT, &seconds, "Seconds for one type (120)", "N"},
    {"plugin-dir", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &plugin_dirs, "Look for plugins there first; repeatable", "FOLDER"},
    {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &arguments, NULL, "FILE|PLUGIN|TYPE..."},
    {NULL},
};

/* ---- the child: one type ----------------------------------------------------------------------------------- */

static void
report_cb(const char *claim, const char *problem, bool skipped, gpointer data)
{
    g_autofree char *text = problem ? g_strescape(problem, NULL) : g_strdup("");

    dprintf(*(int *)data, "%s\t%s\t%s\n", !problem ? "ok" : skipped ? "skip" : "bad", claim, text);
}

static void
run_child(const char *type, int fd)
{
    EmuLintOptions options = {.struct_size = sizeof(options), .board = board, .rounds = (unsigned)rounds, .accesses = (unsigned)accesses, .seed = (uint64_t)seed, .claim = claim};
    bool ok;

    for (char **s = settings; s && *s; s++) {
        gsize n = strlen(type);

        if (strncmp(*s, type, n) == 0 && (*s)[n] == ':') {
            options.properties = *s + n + 1;
        }
    }
    ok = emu_lint_type(type, &options, report_cb, &fd);
    _exit(ok ? 0 : 1);
}

/* ---- the parent ------------------------------------------------------------------------------------------------ */

static void
result(bool ok, const char *type, const char *claim, const char *directive, const char *problem)
{
    printf("%sok %u - %s/%s%s\n", ok ? "" : "not ", ++n_tests, type, claim, directive);
    if (problem && *problem) {
        g_autofree char *text = g_strcompress(problem);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line; line++) {
            printf("# %s\n", *line);
        }
    }
    fflush(stdout);
    failed |= !ok;
}

static void
print_line(const char *type, const char *line)
{
    g_auto(GStrv) parts = g_strsplit(line, "\t", 3);

    if (g_strv_length(parts) < 3) {
        return;
    }
    if (strcmp(parts[0], "skip") == 0) {
        g_autofree char *directive = g_strdup_printf(" # SKIP %s", parts[2]);

        result(true, type, parts[1], directive, NULL);
    } else {
        result(strcmp(parts[0], "ok") == 0, type, parts[1], "", parts[2]);
    }
}

/* Reads until the child is done; false: it took too long. */
static bool
listen_to(int fd, const char *type)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gint64 end = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        gint64 left = (end - g_get_monotonic_time()) / 1000;
        char buf[4096], *newline;
        ssize_t n;

        if (left <= 0 || poll(&p, 1, (int)left) == 0) {
            return false;
        }
        n = read(fd, buf, sizeof(buf));
        if (n <= 0) {
            return true;
        }
        g_string_append_len(text, buf, n);
        while ((newline = strchr(text->str, '\n'))) {
            *newline = '\0';
            print_line(type, text->str);
            g_string_erase(text, 0, newline - text->str + 1);
        }
    }
}

static void
lint(const char *type)
{
    g_autofree char *how = NULL;
    int fds[2], status = 0;
    bool in_time;
    pid_t pid;

    fflush(stdout);
    if (pipe(fds) < 0 || (pid = fork()) < 0) {
        fprintf(stderr, "emu-lint: cannot start a process: %s\n", g_strerror(errno));
        exit(2);
    }
    if (pid == 0) {
        close(fds[0]);
        run_child(type, fds[1]);
    }
    close(fds[1]);
    in_time = listen_to(fds[0], type);
    close(fds[0]);
    if (!in_time) {
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!in_time) {
        how = g_strdup_printf("no answer within %d seconds", seconds);
    } else if (WIFSIGNALED(status)) {
        how = g_strdup_printf("crashed: %s", strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) > 1) {
        how = g_strdup_printf("ended with status %d", WEXITSTATUS(status));
    }
    if (how) {
        result(false, type, "ends", "", how);
    }
}

static void
lint_plugin(const EmuPluginInfo *info)
{
    g_auto(GStrv) words = g_strdupv((char **)info->provides);

    printf("# %s %s, %s\n", info->name, info->version, info->path);
    if (!*info->license || !*info->description || !*info->version) {
        result(false, info->name, "manifest", "", "version, license and description are expected");
    }
    for (char **word = words; *word; word++) {
        *strchrnul(*word, ':') = '\0';
        lint(*word);
    }
}

/* A file: its folder joins the search path, and it must be the one that is found there. */
static const EmuPluginInfo *
find_plugin(const char *argument)
{
    g_autofree char *path = strchr(argument, '/') || g_str_has_suffix(argument, ".so") ? g_canonicalize_filename(argument, NULL) : NULL;
    g_autofree char *dir = path ? g_path_get_dirname(path) : NULL;
    g_autoptr(GPtrArray) plugins = NULL, refusals = NULL;
    g_autoptr(GError) error = NULL;

    if (dir && !emu_plugin_add_dir(dir, &error)) {
        result(false, argument, "file", "", error->message);
        return NULL;
    }
    plugins = emu_plugin_list();
    for (unsigned i = 0; i < plugins->len; i++) {
        const EmuPluginInfo *info = g_ptr_array_index(plugins, i);
        g_autofree char *known = g_canonicalize_filename(info->path, NULL);

        if (path ? strcmp(known, path) == 0 : strcmp(info->name, argument) == 0) {
            return info;
        }
    }
    refusals = emu_plugin_list_refusals();
    for (unsigned i = 0; path && i < refusals->len; i++) {
        const EmuPluginRefusal *refusal = g_ptr_array_index(refusals, i);
        g_autofree char *known = g_canonicalize_filename(refusal->path, NULL);

        if (strcmp(known, path) == 0) {
            result(false, argument, "file", "", refusal->reason);
            return NULL;
        }
    }
    if (!path && emu_type_exists(argument)) {
        lint(argument);
    } else {
        result(false, argument, "file", "", path ? "it is no plugin, or another of its name comes first" : "no such plugin or type");
    }
    return NULL;
}

int
main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new("- tries on devices and back ends what holds for any");
    g_autoptr(GError) error = NULL;

    /* Caches of the allocator would hide small leaks and look like others; what is freed is overwritten, so that using it shows. */
    if (!g_getenv("GLIBC_TUNABLES")) {
        g_setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0:glibc.malloc.perturb=165", TRUE);
        g_setenv("G_SLICE", "always-malloc", TRUE);
        execv("/proc/self/exe", argv);
    }
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || !arguments || rounds < 1 || accesses < 1 || seconds < 1) {
        fprintf(stderr, "emu-lint: %s\n", error ? error->message : "expected files, plugins or types, and numbers above 0");
        return 2;
    }
    for (char **dir = plugin_dirs; dir && *dir; dir++) {
        if (!emu_plugin_add_dir(*dir, &error)) {
            fprintf(stderr, "emu-lint: %s\n", error->message);
            return 2;
        }
    }
    for (char **a = arguments; *a; a++) {
        const EmuPluginInfo *info = find_plugin(*a);

        if (info) {
            lint_plugin(info);
        }
    }
    printf("1..%u\n", n_tests);
    return failed ? 1 : 0;
}
