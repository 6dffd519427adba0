/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The monitors of the command line: -monitor, -qmp, -mon. */

#include "monitor/qmp-private.h"
#include "system/startup.h"

static bool
make_monitor(EmuMachine *machine, EmuChardev *chardev, bool control, bool pretty, GError **error)
{
    return emu_monitors_add(emu_machine_get_monitors(machine), chardev, control ? EMU_MONITOR_CONTROL : EMU_MONITOR_READLINE, pretty, error) != NULL;
}

static void
monitor_options_init(void)
{
    emu_startup_set_monitor_factory(make_monitor);
}
opts_init(monitor_options_init)
