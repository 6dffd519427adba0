/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the claims share: lint.c has those about devices and boards, lint-cpu.c those about CPUs. */

#include <emu/emu.h>
#include <emu/test-kit.h>

#define LINT_SEGMENTS 4
#define LINT_MAX_SEGMENTS 12 /* when the first look like a leak */
#define LINT_LEAK_MIN 24 /* bytes a round; malloc gives no smaller pieces than 32 */
#define LINT_BOARD_LEAK_MIN 2048 /* fewer rounds, more noise */
#define LINT_RAM 0x1000000

typedef struct {
    const char *type;
    EmuLintOptions options;
    uint64_t random;
    EmuMachine *machine;
    EmuDevice *dev;
    char *problem; /* of the claim that runs, NULL: none */
    bool skipped;
    bool express; /* it needs a board with PCI Express */
    bool fixed; /* the device is a board's, which has it in any case */
} Lint;

typedef void (*LintFunc)(Lint *self);

/* The first problem counts. */
void lint_fail(Lint *self, const char *format, ...) G_GNUC_PRINTF(2, 3);
void lint_fail_error(Lint *self, const char *what, GError *error);
uint64_t lint_random(Lint *self);
uint32_t lint_below(Lint *self, uint32_t n); /* 0 to n - 1 */
void lint_close(Lint *self);
/* Names for emu_machine_new(), one of each family of boards. (transfer full) (element-type utf8) */
GPtrArray *lint_list_boards(void);
/* Bytes that each of @n rounds leaves behind. */
gint64 lint_leak_of(Lint *self, bool (*round)(Lint *self), unsigned n);
void lint_described(Lint *self);

/* lint-cpu.c */
void lint_cpu_life(Lint *self);
void lint_cpu_registers(Lint *self);
void lint_cpu_state(Lint *self);
void lint_cpu_damaged_state(Lint *self);
void lint_cpu_runs(Lint *self);
