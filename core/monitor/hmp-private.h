/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The human monitor: a table of commands, each a line of words; its commands call QMP's where there is one. */

#include "monitor/qmp-private.h"

#include <emu/cpu.h>

G_BEGIN_DECLS

/* A command line being carried out. */
typedef struct {
    EmuMonitors *monitors;
    EmuMachine *machine;
    EmuMonitor *monitor; /* NULL: human-monitor-command from C */
    GString *out;
    unsigned cpu_index;
    /* Remembered from one x to the next. */
    char format;
    unsigned format_size;
} EmuHmp;

typedef struct {
    char kind;       /* as in the table's argument letters */
    bool present;
    char *text;      /* s, F, S */
    int64_t number;  /* i, l */
    unsigned count;  /* / */
    char format;
    unsigned size;
} EmuHmpValue;

#define EMU_HMP_MAX_ARGS 8

typedef struct _EmuHmpCommand {
    const char *name;    /* "quit|q" */
    /*
     * Arguments, separated by commas, "?" at the end of an optional one: s word, F file name, S rest of the line,
     * i number (32 bits), l number (64 bits), b on|off, / format of x, and -f a flag of that letter.
     */
    const char *args;
    const char *params;  /* for help */
    const char *help;
    void (*run)(EmuHmp *hmp, const EmuHmpValue *args);
    const struct _EmuHmpCommand *sub; /* table that the first word chooses from */
    /* What may stand for argument @index and begins with @prefix; optional. */
    void (*complete)(EmuHmp *hmp, unsigned index, const char *prefix, GPtrArray *words);
} EmuHmpCommand;

extern const EmuHmpCommand emu_hmp_commands[];      /* a row without name ends it */
extern const EmuHmpCommand emu_hmp_info_commands[];

/* @line without newline; what it prints is appended to hmp->out. */
void emu_hmp_run(EmuHmp *hmp, const char *line);
void emu_hmp_help(EmuHmp *hmp, const EmuHmpCommand *table, const char *prefix, const char *name);

void hmp_printf(EmuHmp *hmp, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Prints "Error: ..." when there is one; frees it. */
void hmp_report(EmuHmp *hmp, GError *error);
EmuQmpCall hmp_call(EmuHmp *hmp);
EmuCpu *hmp_cpu(EmuHmp *hmp); /* the chosen CPU; NULL and a message when there is none */
/* On the CPU's own thread. (transfer full), NULL when the CPU cannot tell. */
char *hmp_cpu_registers(EmuCpu *cpu);

/* Arithmetic with registers ("$rip+4*3"). Reads from *text and leaves it behind what it read. */
bool emu_hmp_expression(EmuHmp *hmp, const char **text, int64_t *value, GError **error);

EmuHmpSession *emu_hmp_session_new(EmuMonitors *monitors, EmuMonitor *monitor, EmuSessionWriteFunc write, gpointer opaque);
void emu_hmp_session_free(EmuHmpSession *self);
void emu_hmp_session_open(EmuHmpSession *self);
void emu_hmp_session_close(EmuHmpSession *self);
void emu_hmp_session_focus(EmuHmpSession *self, bool focus);
void emu_hmp_session_feed(EmuHmpSession *self, const char *data, gsize len);

G_END_DECLS
