/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the claims share; each kind of type has a file of them. */

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
bool lint_has_reason(const GError *error);
uint64_t lint_random(Lint *self);
uint32_t lint_below(Lint *self, uint32_t n); /* 0 to n - 1 */
void lint_close(Lint *self);
/* Names for emu_machine_new(), one of each family of boards. (transfer full) (element-type utf8) */
GPtrArray *lint_list_boards(void);
/* Bytes that each of @n rounds leaves behind. */
gint64 lint_leak_of(Lint *self, bool (*round)(Lint *self), unsigned n);
unsigned lint_count_fds(void);
/* Some bytes of it made others, its end cut off. */
void lint_damage_state(Lint *self, GByteArray *state, bool cut);
void lint_described(Lint *self);

/* lint-device.c */
void lint_device_life(Lint *self);
void lint_device_properties(Lint *self);
void lint_device_access(Lint *self);
void lint_device_state(Lint *self);
void lint_device_damaged_state(Lint *self);
void lint_device_inspection(Lint *self);
void lint_device_unplug(Lint *self);
void lint_board(Lint *self);

/* lint-cpu.c */
void lint_cpu_life(Lint *self);
void lint_cpu_registers(Lint *self);
void lint_cpu_state(Lint *self);
void lint_cpu_damaged_state(Lint *self);
void lint_cpu_runs(Lint *self);

/* lint-chardev.c */
void lint_chardev_life(Lint *self);
void lint_chardev_properties(Lint *self);
void lint_chardev_output(Lint *self);
void lint_chardev_input(Lint *self);
void lint_chardev_hang_up(Lint *self);
void lint_chardev_reopen(Lint *self);
void lint_chardev_callbacks(Lint *self);

/* lint-block.c */
void lint_block_life(Lint *self);
void lint_block_options(Lint *self);
void lint_block_contents(Lint *self);
void lint_block_keeps(Lint *self);
void lint_block_damage(Lint *self);
void lint_block_probe(Lint *self);
