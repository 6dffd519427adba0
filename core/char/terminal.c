/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The terminal that the program was started on. It is one per process, so this is too: raw mode is asked for by the stdio
 * chardev and undone at exit, on fatal signals and when the process is suspended.
 */

#include "char/char-private.h"

#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved_mode, raw_mode;
static int saved_fd = -1;
static volatile sig_atomic_t is_raw;

/* Async-signal-safe: tcsetattr() is. */
void
emu_terminal_restore(void)
{
    if (is_raw) {
        is_raw = 0;
        tcsetattr(saved_fd, TCSANOW, &saved_mode);
    }
}

static void
terminal_fatal_cb(int signum)
{
    emu_terminal_restore();
    signal(signum, SIG_DFL);
    raise(signum);
}

/* Back from a stop (Ctrl-Z, fg): the shell has put its own mode. */
static void
terminal_continue_cb(int signum G_GNUC_UNUSED)
{
    if (is_raw) {
        tcsetattr(saved_fd, TCSANOW, &raw_mode);
    }
}

static void
terminal_hook(void)
{
    static const int fatal[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT};
    struct sigaction again = {.sa_handler = terminal_continue_cb, .sa_flags = SA_RESTART};

    atexit(emu_terminal_restore);
    for (unsigned i = 0; i < G_N_ELEMENTS(fatal); i++) {
        struct sigaction old, sa = {.sa_handler = terminal_fatal_cb, .sa_flags = (int)SA_RESETHAND};

        if (sigaction(fatal[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
            sigaction(fatal[i], &sa, NULL);
        }
    }
    sigaction(SIGCONT, &again, NULL);
}

/**
 * emu_terminal_set_raw:
 * @fd: a terminal
 * @raw: no line editing, no echo, no newline for a carriage return
 * @signals: whether Ctrl-C and its like still raise signals
 *
 * Returns: false when @fd is no terminal
 */
bool
emu_terminal_set_raw(int fd, bool raw, bool signals)
{
    static gsize hooked;
    struct termios mode;

    if (!raw) {
        emu_terminal_restore();
        return true;
    }
    if (!isatty(fd) || tcgetattr(fd, &mode) != 0) {
        return false;
    }
    if (!is_raw) {
        saved_mode = mode;
        saved_fd = fd;
    }
    mode = saved_mode;
    mode.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    mode.c_oflag |= OPOST;
    mode.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals) {
        mode.c_lflag &= ~(tcflag_t)ISIG;
    }
    mode.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
    mode.c_cflag |= CS8;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    if (g_once_init_enter(&hooked)) {
        terminal_hook();
        g_once_init_leave(&hooked, 1);
    }
    raw_mode = mode;
    is_raw = 1;
    tcsetattr(fd, TCSANOW, &mode);
    return true;
}
