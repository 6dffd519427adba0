/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Opening plugins on trial, in a helper process (tools/emu-plugin-scan): its constructors, module functions
 * and class_init functions run there first. What crashes, hangs or ends the process there is refused here.
 *
 * The helper is told names on its command line and writes "begin NAME" and "ok NAME" or "bad NAME REASON" to descriptor 3. When
 * it ends early, the one that was begun is to blame, and another helper goes on behind it.
 */

#include "plugin/registry-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIAL_SECONDS 10
#define TRIAL_FD 3

typedef struct {
    GPtrArray *names;   /* left to try */
    guint next;         /* first that the helper has not answered for */
    bool begun;
    gint64 deadline;
    GString *input;
} Trial;

/* One line of the helper's; false when it makes no sense. */
static bool
trial_line(Trial *self, const char *line, GPtrArray *results)
{
    const char *name = self->next < self->names->len ? g_ptr_array_index(self->names, self->next) : NULL;

    if (name && !self->begun && g_str_has_prefix(line, "begin ") && strcmp(line + 6, name) == 0) {
        self->begun = true;
        self->deadline = g_get_monotonic_time() + TRIAL_SECONDS * G_USEC_PER_SEC;
        return true;
    }
    if (name && self->begun && g_str_has_prefix(line, "ok ") && strcmp(line + 3, name) == 0) {
        g_ptr_array_add(results, NULL);
    } else if (name && self->begun && g_str_has_prefix(line, "bad ") && g_str_has_prefix(line + 4, name)) {
        g_ptr_array_add(results, g_utf8_make_valid(line + 4 + strlen(name) + (line[4 + strlen(name)] == ' '), -1));
    } else {
        return false;
    }
    self->begun = false;
    self->next++;
    return true;
}

/* Reads until the helper closes its end or takes too long; false when it took too long. */
static bool
trial_listen(Trial *self, int fd, GPtrArray *results)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        gint64 left = (self->deadline - g_get_monotonic_time()) / 1000;
        char buf[4096], *end;
        ssize_t n;

        if (left <= 0 || (n = poll(&p, 1, (int)left)) == 0) {
            return false;
        }
        n = n < 0 ? n : read(fd, buf, sizeof(buf));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return true;
        }
        g_string_append_len(self->input, buf, n);
        while ((end = strchr(self->input->str, '\n'))) {
            *end = '\0';
            if (!trial_line(self, self->input->str, results)) {
                return true;
            }
            g_string_erase(self->input, 0, end - self->input->str + 1);
        }
    }
}

static char *
trial_verdict(bool in_time, int status)
{
    if (!in_time) {
        return g_strdup_printf("does not come back within %d seconds when it is opened (tried in a process of its own)", TRIAL_SECONDS);
    }
    if (WIFSIGNALED(status)) {
        return g_strdup_printf("crashes when it is opened: %s (tried in a process of its own)", strsignal(WTERMSIG(status)));
    }
    return g_strdup_printf("ends the program with status %d when it is opened (tried in a process of its own)", WEXITSTATUS(status));
}

/* Starts a helper for the names that are left; false when it cannot be started. */
static bool
trial_start(Trial *self, const char *helper, char **env, GPid *pid, int *fd)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    int fds[2], source, target = TRIAL_FD, null = open("/dev/null", O_RDWR | O_CLOEXEC);
    bool ok;

    if (null < 0 || pipe2(fds, O_CLOEXEC) < 0) {
        if (null >= 0) {
            close(null);
        }
        return false;
    }
    g_ptr_array_add(argv, (gpointer)helper);
    for (guint i = self->next; i < self->names->len; i++) {
        g_ptr_array_add(argv, g_ptr_array_index(self->names, i));
    }
    g_ptr_array_add(argv, NULL);
    source = fds[1];
    ok = g_spawn_async_with_pipes_and_fds(NULL, (const char *const *)argv->pdata, (const char *const *)env, G_SPAWN_DO_NOT_REAP_CHILD, NULL,
                                          NULL, null, null, null, &source, &target, 1, pid, NULL, NULL, NULL, NULL);
    close(null);
    close(fds[1]);
    if (!ok) {
        close(fds[0]);
        return false;
    }
    *fd = fds[0];
    return true;
}

/* (transfer full) (element-type utf8): for each name NULL, or why it must not be opened here (the end of a sentence that begins with the
 * path). Without a helper that works: all NULL. */
static GPtrArray *
trial_run(const char *helper, GPtrArray *names, char **env)
{
    GPtrArray *results = g_ptr_array_new_with_free_func(g_free);
    Trial self = {.names = names, .input = g_string_new(NULL)};

    while (self.next < names->len) {
        bool in_time;
        int fd, status = 0;
        GPid pid;

        self.begun = false;
        self.deadline = g_get_monotonic_time() + TRIAL_SECONDS * G_USEC_PER_SEC;
        g_string_truncate(self.input, 0);
        if (!trial_start(&self, helper, env, &pid, &fd)) {
            break;
        }
        in_time = trial_listen(&self, fd, results);
        close(fd);
        if (!in_time) {
            kill(pid, SIGKILL);
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (self.next < names->len) {
            if (!self.begun && in_time && (WIFEXITED(status) || !self.next)) {
                break; /* the helper itself does not work: nobody is to blame */
            }
            g_ptr_array_add(results, trial_verdict(in_time, status));
            self.next++;
        }
    }
    g_string_free(self.input, TRUE);
    g_ptr_array_set_size(results, (gint)names->len);
    return results;
}

/* ---- what is tried ------------------------------------------------------------------------------------------- */

/* The helper beside the library: in a build, in an installed tree. EMU_PLUGIN_SCANNER names another, or none when empty. */
static char *
trial_helper(void)
{
    static const char *const places[] = {"tools", "emu-1"};
    g_autofree char *library = plugin_own_dir(true);
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

void
plugin_try(GPtrArray *wanted)
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
    env = g_environ_setenv(plugin_search_environment(), "EMU_PLUGIN_SCANNER", "", TRUE); /* it tries nothing itself */
    verdicts = trial_run(helper, names, env);
    cache = emu_plugin_cache_load();
    for (guint i = 0; i < untried->len; i++) {
        Plugin *p = g_ptr_array_index(untried, i);
        const char *verdict = g_ptr_array_index(verdicts, i);

        p->tried = true;
        emu_plugin_cache_put(cache, p->path, &p->st, p->manifest, verdict, !verdict);
        if (verdict) {
            p->failed = true;
            plugin_refuse(p->path, g_strdup(verdict), NULL, true);
        }
    }
    emu_plugin_cache_save(cache);
}

bool
plugin_check_trial(Plugin *p, GError **error)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    const char *reason;

    g_ptr_array_add(one, p);
    plugin_try(one);
    if (!p->failed) {
        return true;
    }
    reason = plugin_refusal_of(p->path);
    return plugin_fail(p, error, reason ? reason : "could not be opened before");
}
