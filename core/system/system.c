/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The emu program. Order of events:
 *
 *     module lists run -> options checked and taken -> machine made -> its properties -> chardevs, objects, drives, ports,
 *     monitors -> board built -> devices -> machine-done -> reset -> vCPUs run -> main loop -> all taken down
 *
 * Any step may fail: one sentence on stderr, status 1, and everything made so far is taken down again.
 */

#include "system/system.h"

#include "block/block-private.h"
#include "char/char-private.h"
#include "monitor/qmp-private.h"
#include "qom/qom-private.h"
#include "system/machine-private.h"
#include "system/startup.h"

#include <emu/log.h>
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the machine ------------------------------------------------------------------------------ */

static char *
default_machine_type(void)
{
    g_autoptr(GPtrArray) names = emu_type_list("machine", false);

    for (guint i = 0; i < names->len; i++) {
        g_autoptr(GTypeClass) klass = g_type_class_ref(emu_type_lookup(g_ptr_array_index(names, i), NULL));

        if (EMU_MACHINE_CLASS(klass)->is_default) {
            return g_strdup(g_ptr_array_index(names, i));
        }
    }
    return NULL;
}

static bool
make_machine(EmuStartup *startup, GError **error)
{
    const char *type = emu_opts_get(startup->machine_opts, "type");
    g_autofree char *fallback = type ? NULL : default_machine_type();

    if (!type && !fallback) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE,
                            "No machine specified, and there is no default: expected -machine NAME (-machine help lists supported machines)");
        return false;
    }
    startup->machine = emu_machine_new(type ? type : fallback, error);
    if (!startup->machine) {
        g_prefix_error(error, "-machine %s: ", type ? type : fallback);
        return false;
    }
    return true;
}

static bool
add_accels(EmuStartup *startup, GError **error)
{
    const char *from_machine = emu_opts_get(startup->machine_opts, "accel");

    if (from_machine && startup->accels->len) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "The -accel and \"-machine accel=\" options are incompatible");
        return false;
    }
    if (from_machine && !emu_machine_add_accel(startup->machine, from_machine, error)) {
        return false;
    }
    for (guint i = 0; i < startup->accels->len; i++) {
        if (!emu_machine_add_accel(startup->machine, g_ptr_array_index(startup->accels, i), error)) {
            return false;
        }
    }
    return true;
}

static bool
set_machine_properties(EmuStartup *startup, GError **error)
{
    for (guint i = 0; i < emu_opts_get_n(startup->machine_opts); i++) {
        const EmuOpt *opt = emu_opts_get_nth(startup->machine_opts, i);
        g_autofree char *hyphens = g_strdelimit(g_strdup(opt->key), "_", '-');
        const char *name = emu_object_has_property(startup->machine, opt->key) ? opt->key : hyphens;

        if (strcmp(opt->key, "type") == 0 || strcmp(opt->key, "accel") == 0) {
            continue;
        }
        if (!emu_object_set_from_string(startup->machine, name, opt->value, error)) {
            g_prefix_error(error, "-machine %s=%s: ", opt->key, opt->value);
            return false;
        }
    }
    return true;
}

static bool
configure_machine(EmuStartup *startup, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(startup->machine);

    if (!add_accels(startup, error) || !set_machine_properties(startup, error)) {
        return false;
    }
    priv->wants_defaults = !startup->nodefaults;
    if (startup->nographic) {
        emu_machine_replace_option(startup->machine, "nographic", "on");
    }
    if (!emu_options_run_phase(startup, EMU_PHASE_MACHINE, error)) {
        return false;
    }
    if (!startup->vga_given && !startup->nodefaults) {
        emu_machine_replace_option(startup->machine, "vga", "std");
    }
    if (startup->cpu && !emu_machine_set_cpu(startup->machine, startup->cpu, error)) {
        g_prefix_error(error, "-cpu %s: ", startup->cpu);
        return false;
    }
    return true;
}

/* ---- the program ----------------------------------------------------------------------------------- */

static int daemon_pipe = -1;

/* Detaches: the parent stays until the child reports that the machine is ready, or that it failed. */
static bool
daemon_start(GError **error)
{
    int fds[2];
    pid_t pid;
    char status = 1;

    if (pipe(fds) != 0 || (pid = fork()) < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "-daemonize: %s", g_strerror(errno));
        return false;
    }
    if (pid > 0) {
        close(fds[1]);
        _exit(read(fds[0], &status, 1) == 1 ? status : 1);
    }
    close(fds[0]);
    daemon_pipe = fds[1];
    fcntl(daemon_pipe, F_SETFD, FD_CLOEXEC);
    setsid();
    return true;
}

/* The machine is ready: lets the parent go, and the terminal with it. */
static void
daemon_ready(void)
{
    char status = 0;
    int null_fd;

    if (daemon_pipe < 0) {
        return;
    }
    null_fd = open("/dev/null", O_RDWR);
    if (null_fd >= 0) {
        dup2(null_fd, STDIN_FILENO);
        dup2(null_fd, STDOUT_FILENO);
        if (!emu_log_mask) {
            dup2(null_fd, STDERR_FILENO);
        }
        if (null_fd > STDERR_FILENO) {
            close(null_fd);
        }
    }
    if (write(daemon_pipe, &status, 1) != 1) {
        emu_warn_report("-daemonize: the parent is gone");
    }
    close(daemon_pipe);
    daemon_pipe = -1;
}

/* The lock on the file lives as long as the process: a second one is told. */
static bool
write_pidfile(const char *path, GError **error)
{
    g_autofree char *text = g_strdup_printf("%ld\n", (long)getpid());
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "-pidfile %s: cannot open pid file: %s", path, g_strerror(errno));
        return false;
    }
    if (fcntl(fd, F_SETLK, &lock) != 0 || ftruncate(fd, 0) != 0 || write(fd, text, strlen(text)) != (gssize)strlen(text)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "-pidfile %s: cannot write pid file: %s", path, g_strerror(errno));
        close(fd);
        return false;
    }
    return true;
}

/* The board and the devices asked for. startup->done afterwards: a handler printed something instead. */
bool
emu_startup_build(EmuStartup *startup, GError **error)
{
    static const EmuPhase before[] = {EMU_PHASE_CHARDEV, EMU_PHASE_OBJECT, EMU_PHASE_BLOCK, EMU_PHASE_SERIAL};
    EmuMachine *machine = startup->machine;
    bool ok;

    if (!configure_machine(startup, error)) {
        return false;
    }
    emu_machine_lock(machine);
    ok = true;
    for (guint i = 0; ok && !startup->done && i < G_N_ELEMENTS(before); i++) {
        ok = emu_options_run_phase(startup, before[i], error);
    }
    /* With no monitor at all, too: it carries out what werror=stop says. */
    emu_machine_get_monitors(machine);
    if (ok && !startup->done && !startup->nodefaults) {
        emu_block_layer_add_defaults(emu_machine_get_block_layer(machine));
    }
    ok = ok && (startup->done || (emu_startup_open_serials(startup, error) && emu_options_run_phase(startup, EMU_PHASE_MONITOR, error) &&
                                  emu_startup_open_monitors(startup, error)));
    emu_machine_unlock(machine);
    if (!ok || startup->done) {
        return ok;
    }
    if (!emu_machine_build(machine, error)) {
        return false;
    }
    emu_machine_lock(machine);
    ok = emu_startup_add_debugcons(startup, error) && emu_options_run_phase(startup, EMU_PHASE_DEVICE, error);
    emu_machine_unlock(machine);
    return ok;
}

/* Up to the machine object, which belongs to the main context of the calling thread. */
bool
emu_startup_prepare(EmuStartup *startup, GError **error)
{
    static const EmuPhase first[] = {EMU_PHASE_EARLY, EMU_PHASE_HELP, EMU_PHASE_CONFIG};

    for (guint i = 0; i < G_N_ELEMENTS(first); i++) {
        if (!emu_options_run_phase(startup, first[i], error)) {
            return false;
        }
        if (startup->done) {
            return true;
        }
    }
    if (startup->daemonize) {
        if (startup->embedded) {
            g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-daemonize: only for the program of its own");
            return false;
        }
        if (!daemon_start(error)) {
            return false;
        }
    }
    return make_machine(startup, error);
}

/* All devices are there: the first reset, and what follows it. */
bool
emu_startup_complete(EmuStartup *startup, GError **error)
{
    bool ok;

    emu_machine_lock(startup->machine);
    ok = emu_block_layer_check_used(emu_machine_get_block_layer(startup->machine), error);
    emu_machine_unlock(startup->machine);
    if (!ok || !emu_machine_finish(startup->machine, error)) {
        return false;
    }
    emu_machine_lock(startup->machine);
    ok = emu_options_run_phase(startup, EMU_PHASE_LATE, error) && (!startup->pidfile || write_pidfile(startup->pidfile, error));
    emu_machine_unlock(startup->machine);
    return ok;
}

void
emu_startup_take_down(EmuStartup *startup)
{
    if (startup->machine) {
        emu_machine_lock(startup->machine);
        emu_machine_close_monitors(startup->machine);
        emu_machine_unlock(startup->machine);
        emu_machine_destroy(startup->machine);
        g_clear_object(&startup->machine);
    }
}

static int
run(EmuStartup *startup, GError **error)
{
    int status;

    if (!emu_startup_prepare(startup, error)) {
        return 1;
    }
    if (startup->done) {
        return startup->status;
    }
    emu_signals_install(startup->machine);
    if (!emu_startup_build(startup, error)) {
        return 1;
    }
    if (startup->done) {
        return startup->status;
    }
    if (!emu_startup_complete(startup, error)) {
        return 1;
    }
    daemon_ready();
    if (!startup->paused) {
        emu_machine_lock(startup->machine);
        emu_machine_start(startup->machine);
        emu_machine_unlock(startup->machine);
    }
    status = emu_machine_run(startup->machine);
    if (startup->pidfile) {
        g_unlink(startup->pidfile);
    }
    return status;
}

int
emu_main(int argc, char **argv)
{
    g_autoptr(EmuStartup) startup = emu_startup_new();
    g_autoptr(GError) error = NULL;
    int status = 1;

    setlocale(LC_CTYPE, "");
    emu_module_run_core();
    if (emu_options_parse(startup, argc, argv, &error)) {
        status = run(startup, &error);
    }
    if (error) {
        emu_error_report("%s", error->message);
    }
    emu_signals_remove();
    emu_startup_take_down(startup);
    emu_terminal_restore();
    fflush(stdout);
    return status;
}
