/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What holds for any CPU: on the first board that takes it, with a real accelerator. The CPU is parked but for the claim that lets
 * it run: nonsense as instructions, from nonsense as registers.
 */

#include "lint-private.h"

#include <emu/cpu.h>

#include <string.h>

#define CPU_CODE_SIZE 0x10000 /* of nonsense, around the program counter and at address 0 */
#define CPU_RUN_US 3000
#define CPU_STOP_SECONDS 60

static const char *const accels[] = {"tcg", "tcg,mode=interp"};

/* ---- machines --------------------------------------------------------------------------------------------- */

static EmuMachine *
machine_with_cpu(Lint *self, const char *board, const char *accel, GError **error)
{
    EmuMachine *machine = emu_machine_new(board, error);
    EmuMachineClass *klass;
    bool ok;

    if (!machine) {
        return NULL;
    }
    klass = EMU_MACHINE_GET_CLASS(machine);
    emu_machine_set_memory(machine, "16M", NULL);
    ok = klass->default_cpu_type && emu_machine_set_cpu(machine, self->type, error) && emu_machine_add_accel(machine, accel, error) &&
         emu_machine_build(machine, error) && emu_machine_finish(machine, error);
    if (ok && emu_machine_get_n_cpus(machine) && strcmp(emu_object_get_type_name(emu_machine_get_cpu(machine, 0)), self->type) == 0) {
        return machine;
    }
    emu_machine_destroy(machine);
    g_object_unref(machine);
    return NULL;
}

/* The board's default CPU and @type have a base in common, other than "cpu". */
static bool
board_takes(const char *board, const char *type)
{
    g_autoptr(EmuMachine) machine = emu_machine_new(board, NULL);
    const char *usual = machine ? EMU_MACHINE_GET_CLASS(machine)->default_cpu_type : NULL;
    GType wanted = emu_type_lookup(type, NULL), have = usual ? emu_type_lookup(usual, NULL) : G_TYPE_INVALID;
    bool related = false;

    for (; have != G_TYPE_INVALID && have != EMU_TYPE_CPU && have; have = g_type_parent(have)) {
        related |= g_type_is_a(wanted, have);
    }
    if (machine) {
        emu_machine_destroy(machine);
    }
    return related;
}

static bool
cpu_open(Lint *self, const char *accel)
{
    g_autoptr(GPtrArray) boards = lint_list_boards();
    g_autoptr(GError) error = NULL;

    lint_close(self);
    for (unsigned i = 0; i < boards->len && !self->machine; i++) {
        const char *board = self->options.board ? self->options.board : g_ptr_array_index(boards, i);

        if (self->options.board || board_takes(board, self->type)) {
            g_clear_error(&error);
            self->machine = machine_with_cpu(self, board, accel, &error);
        }
    }
    if (!self->machine) {
        self->skipped = true;
        lint_fail(self, "no board has such a CPU%s%s", error ? ": " : "", error ? error->message : "");
    }
    return self->machine != NULL;
}

static EmuCpu *
cpu_of(Lint *self)
{
    return emu_machine_get_cpu(self->machine, 0);
}

/* ---- registers ------------------------------------------------------------------------------------------------- */

static void
fill_random(Lint *self, uint8_t *buf, gsize len)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    uint32_t way = lint_below(self, 4);

    for (gsize i = 0; i < len; i++) {
        buf[i] = way == 0 ? edges[lint_below(self, G_N_ELEMENTS(edges))] : way == 1 && i > 1 ? 0 : (uint8_t)lint_random(self);
    }
}

static void
randomize_registers(Lint *self, unsigned one_in)
{
    EmuCpu *cpu = cpu_of(self);
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);
    uint8_t buf[1024];

    emu_machine_lock(self->machine);
    for (gsize i = 0; klass->write_register && i < klass->n_registers; i++) {
        if (lint_below(self, one_in) == 0) {
            fill_random(self, buf, MIN(klass->registers[i].size, sizeof(buf)));
            klass->write_register(cpu, (unsigned)i, buf);
        }
    }
    emu_machine_unlock(self->machine);
}

void
lint_cpu_registers(Lint *self)
{
    EmuCpuClass *klass;
    EmuCpu *cpu;

    if (!cpu_open(self, accels[0])) {
        return;
    }
    cpu = cpu_of(self);
    klass = EMU_CPU_GET_CLASS(cpu);
    if (!klass->n_registers) {
        self->skipped = true;
        lint_fail(self, "it shows no registers");
        return;
    }
    for (gsize i = 0; i < klass->n_registers && !self->problem; i++) {
        const EmuCpuRegister *reg = &klass->registers[i];
        uint8_t written[1024], back[1024], before[1024];

        if (!reg->name || !*reg->name || !reg->group || !reg->size || reg->size > sizeof(back)) {
            lint_fail(self, "register %u has no name, no group, or an odd size", (unsigned)i);
            return;
        }
        emu_machine_lock(self->machine);
        for (unsigned n = 0; klass->write_register && n < 16 && !self->problem; n++) {
            klass->read_register(cpu, (unsigned)i, before);
            fill_random(self, written, reg->size);
            if (!klass->write_register(cpu, (unsigned)i, written)) {
                klass->read_register(cpu, (unsigned)i, back);
                if (memcmp(before, back, reg->size) != 0) {
                    lint_fail(self, "register '%s' cannot hold a value, and changes", reg->name);
                }
            }
        }
        emu_machine_unlock(self->machine);
    }
    if (klass->describe_registers) {
        g_autofree char *text = NULL;

        emu_machine_lock(self->machine);
        text = klass->describe_registers(cpu);
        emu_machine_unlock(self->machine);
        if (!text || !*text) {
            lint_fail(self, "info registers has nothing to print");
        }
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

static bool
one_life(Lint *self)
{
    bool ok = cpu_open(self, accels[0]);

    lint_close(self);
    return ok;
}

void
lint_cpu_life(Lint *self)
{
    gint64 leak = one_life(self) ? lint_leak_of(self, one_life, MAX(self->options.rounds / 200, 2)) : 0;

    if (leak >= LINT_BOARD_LEAK_MIN) {
        lint_fail(self, "each machine with it leaves %" G_GINT64_FORMAT " bytes behind", leak);
    }
}

/* ---- state --------------------------------------------------------------------------------------------------------- */

static GByteArray *
save_cpu(Lint *self)
{
    EmuDevice *dev = EMU_DEVICE(cpu_of(self));
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    bool ok;

    emu_machine_lock(self->machine);
    ok = emu_vmstate_save(EMU_DEVICE_GET_CLASS(dev)->vmstate, dev, out, &error);
    emu_machine_unlock(self->machine);
    if (!ok) {
        lint_fail_error(self, "its state cannot be saved", error);
        return NULL;
    }
    return g_steal_pointer(&out);
}

static bool
load_cpu(Lint *self, const GByteArray *state, GError **error)
{
    EmuDevice *dev = EMU_DEVICE(cpu_of(self));
    gsize pos = 0;
    bool ok;

    emu_machine_lock(self->machine);
    ok = emu_vmstate_load(EMU_DEVICE_GET_CLASS(dev)->vmstate, dev, state->data, state->len, &pos, error);
    emu_machine_unlock(self->machine);
    return ok;
}

static bool
has_state(Lint *self)
{
    if (!EMU_DEVICE_GET_CLASS(EMU_DEVICE(cpu_of(self)))->vmstate) {
        lint_fail(self, "it has no saved state");
        return false;
    }
    return true;
}

void
lint_cpu_state(Lint *self)
{
    if (!cpu_open(self, accels[0]) || !has_state(self)) {
        return;
    }
    for (unsigned i = 0; i < 20 && !self->problem; i++) {
        g_autoptr(GByteArray) first = NULL, second = NULL;
        g_autoptr(GError) error = NULL;

        randomize_registers(self, 2);
        first = save_cpu(self);
        randomize_registers(self, 2);
        if (!first || !load_cpu(self, first, &error)) {
            lint_fail_error(self, "what it saved it does not load", error);
            return;
        }
        second = save_cpu(self);
        if (!second || first->len != second->len || memcmp(first->data, second->data, first->len) != 0) {
            lint_fail(self, "saved, loaded and saved again it is not the same");
        }
    }
}

/* ---- running ---------------------------------------------------------------------------------------------------------- */

static void
put_nonsense(Lint *self, uint64_t addr)
{
    g_autofree uint64_t *code = g_new(uint64_t, CPU_CODE_SIZE / sizeof(uint64_t));

    for (gsize i = 0; i < CPU_CODE_SIZE / sizeof(*code); i++) {
        code[i] = lint_random(self);
    }
    emu_address_space_write(emu_machine_get_memory_as(self->machine), addr & ~UINT64_C(0xfff), code, CPU_CODE_SIZE, EMU_MEM_ATTRS_NONE);
}

/* The guest may end or reset the machine; all that is asked is that everybody comes to rest. */
static bool
run_a_while(Lint *self)
{
    GMainContext *context = emu_context_get_main_context(emu_machine_get_context(self->machine));
    gint64 begin = g_get_monotonic_time();

    emu_machine_lock(self->machine);
    emu_machine_start(self->machine);
    emu_machine_unlock(self->machine);
    while (g_get_monotonic_time() - begin < CPU_RUN_US) {
        if (!g_main_context_iteration(context, FALSE)) {
            g_usleep(100);
        }
    }
    begin = g_get_monotonic_time();
    emu_machine_lock(self->machine);
    emu_machine_stop(self->machine, EMU_RUN_STATE_PAUSED);
    emu_machine_unlock(self->machine);
    while (g_main_context_iteration(context, FALSE)) {
    }
    if (g_get_monotonic_time() - begin > CPU_STOP_SECONDS * G_USEC_PER_SEC) {
        lint_fail(self, "it takes %d seconds to stop", (int)((g_get_monotonic_time() - begin) / G_USEC_PER_SEC));
        return false;
    }
    return true;
}

static void
run_nonsense(Lint *self)
{
    EmuCpu *cpu = cpu_of(self);
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);
    g_autoptr(GByteArray) state = NULL;
    g_autoptr(GError) error = NULL;
    uint64_t phys = 0;

    emu_machine_lock(self->machine);
    emu_machine_reset(self->machine, EMU_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    emu_machine_unlock(self->machine);
    put_nonsense(self, 0);
    randomize_registers(self, 1 + lint_below(self, 6));
    emu_machine_lock(self->machine);
    if (lint_below(self, 2)) {
        emu_cpu_set_start(cpu, lint_below(self, CPU_CODE_SIZE));
    }
    if (klass->get_pc && klass->translate_debug && klass->translate_debug(cpu, klass->get_pc(cpu), &phys) && phys < LINT_RAM) {
        emu_machine_unlock(self->machine);
        put_nonsense(self, phys);
        emu_machine_lock(self->machine);
    }
    emu_machine_unlock(self->machine);
    if (!run_a_while(self)) {
        return;
    }
    /* What it has come to is a state like any other. */
    state = save_cpu(self);
    if (state && !load_cpu(self, state, &error)) {
        lint_fail_error(self, "what it saved after nonsense it does not load", error);
    }
}

void
lint_cpu_runs(Lint *self)
{
    unsigned rounds = MAX(self->options.accesses / 2000, 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(accels) && !self->problem; i++) {
        if (!cpu_open(self, accels[i])) {
            return;
        }
        if (!EMU_CPU_GET_CLASS(cpu_of(self))->tcg) {
            self->skipped = true;
            lint_fail(self, "there is no accelerator for it here");
            return;
        }
        for (unsigned n = 0; n < rounds && !self->problem; n++) {
            run_nonsense(self);
            if (emu_machine_get_run_state(self->machine) != EMU_RUN_STATE_PAUSED && !cpu_open(self, accels[i])) {
                return;
            }
        }
    }
}

void
lint_cpu_damaged_state(Lint *self)
{
    if (!cpu_open(self, accels[0]) || !has_state(self)) {
        return;
    }
    for (unsigned i = 0; i < 100 && !self->problem; i++) {
        g_autoptr(GByteArray) state = save_cpu(self);
        g_autoptr(GError) error = NULL;

        if (!state) {
            return;
        }
        lint_damage_state(self, state, i % 4 == 0);
        if (!load_cpu(self, state, &error) && !lint_has_reason(error)) {
            lint_fail(self, "a damaged state is refused without a reason");
        } else if (!error && i % 10 == 0) {
            put_nonsense(self, 0);
            run_a_while(self);
        }
        if (emu_machine_get_run_state(self->machine) != EMU_RUN_STATE_PAUSED && i % 10 == 0 && !cpu_open(self, accels[0])) {
            return;
        }
    }
}
