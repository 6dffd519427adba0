/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* SIGINT, SIGTERM and SIGHUP end the machine in good order. */

#include "system/startup.h"

#include "mainloop/mainloop-private.h"

#include <emu/log.h>
#include <signal.h>
#include <stdio.h>

/* Signals are the process': one set of sources, for the machine that the program runs. */
static GSource *sources[3];

static void
signal_cb(int signum, gpointer opaque)
{
    EmuMachine *machine = opaque;

    emu_error_report("terminating on signal %d", signum);
    emu_machine_request_shutdown(machine, EMU_SHUTDOWN_CAUSE_HOST_SIGNAL);
}

void
emu_signals_install(EmuMachine *machine)
{
    static const int signums[] = {SIGINT, SIGTERM, SIGHUP};

    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < G_N_ELEMENTS(signums); i++) {
        sources[i] = emu_context_add_signal(emu_machine_get_context(machine), signums[i], signal_cb, machine);
    }
}

void
emu_signals_remove(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(sources); i++) {
        if (sources[i]) {
            g_source_destroy(sources[i]);
            g_source_unref(sources[i]);
            sources[i] = NULL;
        }
    }
}
