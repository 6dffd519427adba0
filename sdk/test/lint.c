/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which claims there are about which types, how they are run, and what they share. */

#include "lint-private.h"

#include <emu/block-driver.h>
#include <emu/chardev.h>

#include <dirent.h>
#include <malloc.h>
#include <string.h>

void
lint_fail(Lint *self, const char *format, ...)
{
    va_list ap;

    if (!self->problem) {
        va_start(ap, format);
        self->problem = g_strdup_vprintf(format, ap);
        va_end(ap);
    }
}

void
lint_fail_error(Lint *self, const char *what, GError *error)
{
    lint_fail(self, "%s: %s", what, error ? error->message : "failed without saying why");
}

/* Whether the user reads why, and not just that. */
bool
lint_has_reason(const GError *error)
{
    return error && strlen(error->message) >= 10;
}

/* SplitMix64. */
uint64_t
lint_random(Lint *self)
{
    uint64_t z = self->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t
lint_below(Lint *self, uint32_t n)
{
    return (uint32_t)((lint_random(self) >> 32) * n >> 32);
}

void
lint_close(Lint *self)
{
    if (self->machine) {
        emu_machine_destroy(self->machine);
        g_clear_object(&self->machine);
    }
    self->dev = NULL;
    self->fixed = false;
}

/* ---- what several kinds of type are asked ------------------------------------------------------------------- */

void
lint_described(Lint *self)
{
    GType type = emu_type_lookup(self->type, NULL);
    g_autoptr(GPtrArray) properties = emu_type_list_properties(self->type, NULL);
    g_autoptr(GPtrArray) registers = emu_type_list_registers(self->type, NULL);

    if (!emu_type_description(type) || !*emu_type_description(type)) {
        lint_fail(self, "the type has no description");
    }
    for (unsigned i = 0; properties && i < properties->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(properties, i);

        if (!info->description || !*info->description) {
            lint_fail(self, "property '%s' has no description", info->name);
        }
    }
    for (unsigned i = 0; registers && i < registers->len; i++) {
        const EmuRegisterInfo *info = g_ptr_array_index(registers, i);

        for (unsigned j = 0; j < i; j++) {
            const EmuRegisterInfo *other = g_ptr_array_index(registers, j);

            if (strcmp(info->name, other->name) == 0 && strcmp(info->bank, other->bank) == 0) {
                lint_fail(self, "two registers of bank '%s' have the name '%s'", info->bank, info->name);
            }
        }
    }
}

static gint64
memory_in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return (gint64)(info.uordblks + info.hblkhd);
}

void
lint_damage_state(Lint *self, GByteArray *state, bool cut)
{
    for (unsigned n = 1 + lint_below(self, 8); n > 0; n--) {
        state->data[lint_below(self, state->len)] = (uint8_t)lint_random(self);
    }
    if (cut) {
        g_byte_array_set_size(state, lint_below(self, state->len));
    }
}

unsigned
lint_count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned n = 0;

    while (dir && readdir(dir)) {
        n++;
    }
    if (dir) {
        closedir(dir);
    }
    return n;
}

/* Bytes that each of @n rounds leaves behind. Caches of the allocator and what waits for RCU grow as well, but not in every
 * stretch of rounds; a leak does. */
gint64
lint_leak_of(Lint *self, bool (*round)(Lint *self), unsigned n)
{
    gint64 least = G_MAXINT64, before, after = 0;

    for (unsigned i = 0; i < LINT_SEGMENTS || (least >= LINT_LEAK_MIN && i < LINT_MAX_SEGMENTS); i++) {
        before = memory_in_use();
        for (unsigned j = 0; j < n; j++) {
            if (!round(self)) {
                return 0;
            }
        }
        for (unsigned j = 0; j < 200 && (after = memory_in_use()) > before; j++) {
            g_usleep(1000);
            if (self->machine) {
                emu_test_settle(self->machine);
            }
        }
        least = MIN(least, (after - before) / (gint64)n);
    }
    return least;
}

/* ---- claims ------------------------------------------------------------------------------------------------------ */

typedef enum { LINT_NONE, LINT_DEVICE, LINT_BOARD, LINT_CPU, LINT_CHARDEV, LINT_BLOCK } LintKind;

static const struct {
    const char *claim;
    LintFunc func;
    LintKind kind;
} claims[] = {
    {"described", lint_described, LINT_DEVICE},
    {"life", lint_device_life, LINT_DEVICE},
    {"properties", lint_device_properties, LINT_DEVICE},
    {"access", lint_device_access, LINT_DEVICE},
    {"state", lint_device_state, LINT_DEVICE},
    {"damaged-state", lint_device_damaged_state, LINT_DEVICE},
    {"inspection", lint_device_inspection, LINT_DEVICE},
    {"unplug", lint_device_unplug, LINT_DEVICE},
    {"board", lint_board, LINT_BOARD},
    {"described", lint_described, LINT_CPU},
    {"life", lint_cpu_life, LINT_CPU},
    {"registers", lint_cpu_registers, LINT_CPU},
    {"state", lint_cpu_state, LINT_CPU},
    {"damaged-state", lint_cpu_damaged_state, LINT_CPU},
    {"runs", lint_cpu_runs, LINT_CPU},
    {"described", lint_described, LINT_CHARDEV},
    {"life", lint_chardev_life, LINT_CHARDEV},
    {"properties", lint_chardev_properties, LINT_CHARDEV},
    {"output", lint_chardev_output, LINT_CHARDEV},
    {"input", lint_chardev_input, LINT_CHARDEV},
    {"hang-up", lint_chardev_hang_up, LINT_CHARDEV},
    {"reopen", lint_chardev_reopen, LINT_CHARDEV},
    {"callbacks", lint_chardev_callbacks, LINT_CHARDEV},
    {"described", lint_described, LINT_BLOCK},
    {"life", lint_block_life, LINT_BLOCK},
    {"options", lint_block_options, LINT_BLOCK},
    {"contents", lint_block_contents, LINT_BLOCK},
    {"keeps", lint_block_keeps, LINT_BLOCK},
    {"damage", lint_block_damage, LINT_BLOCK},
    {"probe", lint_block_probe, LINT_BLOCK},
};

/* What kind of claims hold for a type: one that can be made, or a block driver, which stands for itself. */
static LintKind
lint_kind_of(const char *name, GType type)
{
    if (g_str_has_prefix(name, EMU_BLOCK_DRIVER_TYPE("")) && emu_block_driver_find(name + strlen(EMU_BLOCK_DRIVER_TYPE("")), NULL)) {
        return LINT_BLOCK;
    }
    if (G_TYPE_IS_ABSTRACT(type) || G_TYPE_IS_INTERFACE(type)) {
        return LINT_NONE;
    }
    return g_type_is_a(type, EMU_TYPE_MACHINE)   ? LINT_BOARD
           : g_type_is_a(type, EMU_TYPE_CPU)     ? LINT_CPU
           : g_type_is_a(type, EMU_TYPE_DEVICE)  ? LINT_DEVICE
           : g_type_is_a(type, EMU_TYPE_CHARDEV) ? LINT_CHARDEV
                                                 : LINT_NONE;
}

/* ---- running them ---------------------------------------------------------------------------------------------- */

static void
lint_init(Lint *self, const char *type, const EmuLintOptions *options)
{
    *self = (Lint){.type = type, .options = {.struct_size = sizeof(EmuLintOptions)}};
    if (options) {
        memcpy(&self->options, options, MIN(options->struct_size, sizeof(self->options)));
    }
    self->options.rounds = self->options.rounds ? self->options.rounds : 1000;
    self->options.accesses = self->options.accesses ? self->options.accesses : 20000;
}

static void
lint_run(Lint *self, unsigned i)
{
    self->random = self->options.seed ^ (uint64_t)g_str_hash(self->type) << 32 ^ i;
    claims[i].func(self);
    lint_close(self);
}

/**
 * emu_lint_type:
 * @type_name: a device, CPU, machine or character back end, or "block-driver-NAME"
 * @options: (nullable): %NULL: the defaults
 * @report: (scope call): called for every claim when it has been tried
 *
 * Since: 1.0
 */
bool
emu_lint_type(const char *type_name, const EmuLintOptions *options, EmuLintReport report, gpointer data)
{
    g_autoptr(GError) error = NULL;
    GType type = emu_type_lookup(type_name, &error);
    const char *only;
    bool all = true;
    LintKind kind;
    Lint lint;

    if (type == G_TYPE_INVALID) {
        report("type", error->message, false, data);
        return false;
    }
    kind = lint_kind_of(type_name, type);
    if (kind == LINT_NONE) {
        report("type", "nothing that can be made and has claims: a device, CPU, machine, character back end or block driver", true, data);
        return true;
    }
    lint_init(&lint, type_name, options);
    only = lint.options.claim;
    for (unsigned i = 0; i < G_N_ELEMENTS(claims); i++) {
        if (claims[i].kind == kind && (!only || strcmp(only, claims[i].claim) == 0)) {
            lint_init(&lint, type_name, options);
            lint_run(&lint, i);
            report(claims[i].claim, lint.problem, lint.skipped, data);
            all &= !lint.problem || lint.skipped;
            g_free(lint.problem);
        }
    }
    return all;
}

typedef struct {
    char *type, *properties, *board;
    EmuLintOptions options;
    unsigned claim;
} LintTest;

static void
lint_test_free(gpointer data)
{
    LintTest *test = data;

    g_free(test->type);
    g_free(test->properties);
    g_free(test->board);
    g_free(test);
}

static void
lint_test_run(gconstpointer data)
{
    const LintTest *test = data;
    Lint lint;

    lint_init(&lint, test->type, &test->options);
    lint_run(&lint, test->claim);
    if (lint.problem && lint.skipped) {
        g_test_skip(lint.problem);
    } else if (lint.problem) {
        g_test_fail_printf("%s", lint.problem);
    }
    g_free(lint.problem);
}

void
emu_lint_add_tests(const char *type_name, const EmuLintOptions *options)
{
    g_autoptr(GError) error = NULL;
    GType type = emu_type_lookup(type_name, &error);
    LintKind kind;
    Lint defaults;

    g_assert_no_error(error);
    kind = lint_kind_of(type_name, type);
    lint_init(&defaults, type_name, options);
    for (unsigned i = 0; i < G_N_ELEMENTS(claims); i++) {
        if (claims[i].kind == kind && (!defaults.options.claim || strcmp(defaults.options.claim, claims[i].claim) == 0)) {
            g_autofree char *path = g_strdup_printf("/lint/%s/%s", type_name, claims[i].claim);
            LintTest *test = g_new0(LintTest, 1);

            *test = (LintTest){g_strdup(type_name), g_strdup(defaults.options.properties), g_strdup(defaults.options.board), defaults.options, i};
            test->options.properties = test->properties;
            test->options.board = test->board;
            test->options.claim = NULL;
            g_test_add_data_func_full(path, test, lint_test_run, lint_test_free);
        }
    }
}

const char *const *
emu_lint_list_claims(void)
{
    static const char *names[G_N_ELEMENTS(claims) + 1];

    for (unsigned i = 0; i < G_N_ELEMENTS(claims); i++) {
        names[i] = claims[i].claim;
    }
    return names;
}
