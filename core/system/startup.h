/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The emu program from its command line to its main loop.
 *
 * Options are rows of tables; any part of the core adds its own rows with emu_option_register() from an opts_init()
 * function. The command line is checked as a whole first; then the handlers run phase by phase, in the order of the
 * command line within a phase.
 */

#include "qom/opts.h"

#include <emu/machine.h>

G_BEGIN_DECLS

typedef enum {
    EMU_PHASE_EARLY,   /* before any type is looked up: logging, plugin folders, version, help */
    EMU_PHASE_HELP,    /* lists: the types are there, no machine is */
    EMU_PHASE_CONFIG,  /* collects what later phases need */
    EMU_PHASE_MACHINE, /* startup->machine is there, not built: properties */
    EMU_PHASE_CHARDEV, /* -chardev */
    EMU_PHASE_OBJECT,  /* -object */
    EMU_PHASE_BLOCK,   /* -blockdev, -drive */
    EMU_PHASE_SERIAL,  /* -serial and others of old syntax, their defaults */
    EMU_PHASE_MONITOR, /* monitors; the board is built after this */
    EMU_PHASE_DEVICE,  /* -device: the board is there */
    EMU_PHASE_LATE,    /* the machine is complete and reset: -loadvm, -pidfile */
    EMU_PHASE_N
} EmuPhase;

typedef struct _EmuStartup EmuStartup;

typedef struct {
    const char *name;
    const char *arg; /* NULL: takes none; else what the help text calls it */
    EmuPhase phase;
    /* False and @error: the program ends with "emu: -NAME ARG: message" and status 1. */
    bool (*handle)(EmuStartup *startup, const char *arg, GError **error);
    const char *help;
} EmuOption;

/* @table ends with a row without a name and stays valid. */
void emu_option_register(const EmuOption *table);
GPtrArray *emu_options_list(void); /* (transfer container) (element-type EmuOption) */

typedef struct {
    const EmuOption *option;
    char *name; /* as written */
    char *arg;
} EmuOptionUse;

/* A monitor to make: on @chardev (an id), in @mode "readline" or "control". */
typedef struct {
    char *chardev;
    char *mode;
    bool pretty;
} EmuMonitorRequest;

/* core/monitor sets it. */
typedef bool (*EmuMonitorFactory)(EmuMachine *machine, EmuChardev *chardev, bool control, bool pretty, GError **error);
void emu_startup_set_monitor_factory(EmuMonitorFactory factory);

struct _EmuStartup {
    GPtrArray *uses; /* EmuOptionUse */
    EmuMachine *machine;
    /* A handler printed what was asked for: end with @status. */
    bool done;
    int status;

    EmuOpts *machine_opts; /* -machine, merged; "type" */
    char *cpu, *memory, *smp;
    GPtrArray *accels;     /* char * */
    GPtrArray *serials, *parallels, *debugcons, *monitors, *qmps; /* char *, compat syntax */
    GPtrArray *monitor_requests;
    char *display;
    bool embedded; /* a library's machine: the process and its terminal are somebody else's */
    bool nographic, nodefaults, no_user_config, paused, daemonize;
    bool vga_given, has_monitor_option;
    char *pidfile;
    char *name;
};

/* Ends handlers that only print: the program stops with status 0. */
static inline bool
emu_startup_finish(EmuStartup *startup)
{
    startup->done = true;
    startup->status = 0;
    return true;
}

/* system.c: a start, step by step; the program and the library both walk it. After a failure only the last is left. */
bool emu_startup_prepare(EmuStartup *startup, GError **error);
bool emu_startup_build(EmuStartup *startup, GError **error);
bool emu_startup_complete(EmuStartup *startup, GError **error);
void emu_startup_take_down(EmuStartup *startup);

/* options.c */
bool emu_options_parse(EmuStartup *startup, int argc, char **argv, GError **error);
bool emu_options_add(EmuStartup *startup, const char *name, const char *arg, GError **error);
bool emu_options_run_phase(EmuStartup *startup, EmuPhase phase, GError **error);
void emu_options_print_help(void);
EmuStartup *emu_startup_new(void);
void emu_startup_free(EmuStartup *startup);

/* readconfig.c */
bool emu_startup_read_config(EmuStartup *startup, const char *path, GError **error);

/* help.c: what -M help and its like print */
void emu_help_machines(void);
void emu_help_cpus(void);
void emu_help_accels(void);
bool emu_help_devices(const char *driver, GError **error); /* NULL: all */
bool emu_help_objects(const char *type, GError **error);
bool emu_help_properties(const char *type_name, const char *title, GError **error);

/* device-add.c */
/* "{...}" is JSON, else option syntax with @implied. */
EmuOpts *emu_opts_parse_any(const char *text, const char *implied, GError **error);
EmuDevice *emu_machine_add_device(EmuMachine *machine, const EmuOpts *opts, GError **error);
EmuDevice *emu_machine_add_any_device(EmuMachine *machine, const EmuOpts *opts, GError **error);
EmuObject *emu_machine_add_object(EmuMachine *machine, const EmuOpts *opts, GError **error);
bool emu_machine_add_global(EmuMachine *machine, const char *driver, const char *property, const char *value, GError **error);

/* cpu-plug.c */
bool emu_machine_prepare_cpu(EmuMachine *machine, EmuCpu *cpu, const EmuOpts *opts, GError **error);
EmuDevice *emu_machine_plug_cpu(EmuMachine *machine, EmuDevice *dev, GError **error);

/* serial.c */
bool emu_startup_open_serials(EmuStartup *startup, GError **error);
bool emu_startup_open_monitors(EmuStartup *startup, GError **error);
bool emu_startup_add_debugcons(EmuStartup *startup, GError **error);

/* signals.c */
void emu_signals_install(EmuMachine *machine);
void emu_signals_remove(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmuStartup, emu_startup_free)

G_END_DECLS
