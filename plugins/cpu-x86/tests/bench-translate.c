/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What translation costs: this program's own code, block by block as it stands in memory, is lifted and emitted, and never run.
 * Prints ns and host bytes per guest instruction. Deterministic but for the clock: under "valgrind --tool=callgrind" it says which
 * function the instructions are spent in. Argument: how often.
 */

#include "accel-tcg/cache.h"

#include "../x86-frontend.h"
#include "../x86-interp.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

extern const uint8_t _init[], etext[];

static const EmuTcgFrontend frontend = {
    X86_FRONTEND_ENTRIES,
    .lift = x86_lift,
};

static double
seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static X86State *
new_state(void)
{
    uint32_t attr = X86_DESC_P | X86_DESC_S | X86_DESC_A | X86_DESC_W | X86_DESC_G;
    X86State *s = (X86State *)emu_tcg_state_new(&frontend, NULL);
    static TcgMachine machine;

    machine.vcpus = g_ptr_array_new();
    g_ptr_array_add(machine.vcpus, s->tcg.vcpu);
    s->tcg.vcpu->machine = &machine;
    memset(s->features, 0xff, sizeof(s->features));
    x86_interp_init(s);
    x86_reset(s);
    s->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_NE | X86_CR0_MP;
    s->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
    s->efer = X86_EFER_LME | X86_EFER_LMA;
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        x86_set_seg(s, i, 0x10, 0, 0xffffffffu, i == X86_CS ? attr | X86_DESC_R | X86_DESC_CODE | X86_DESC_L : attr | X86_DESC_B);
    }
    x86_update_mode(s);
    return s;
}

/* As the translator asks, for branches within the page. */
static void
find_dead_flags(EmuTcgIr *ir, const uint8_t *page)
{
    const TcgOp *end = &ir->ops[ir->n_ops - 1];
    EmuTcgArg targets[2] = {end->a, end->b};
    unsigned n = end->op == EMU_TCG_OP_JUMP ? 1 : end->op == EMU_TCG_OP_BRANCH || end->op == EMU_TCG_OP_BRNZ ? 2 : 0;

    for (unsigned i = 0; i < n; i++) {
        uint64_t pc = (uint64_t)tcg_arg_value(ir, targets[i]), offset = pc & ~TCG_PAGE_MASK;

        ir->dead_out[i] = (pc & TCG_PAGE_MASK) == (uintptr_t)page &&
                          frontend.flags_dead(pc, page + offset, (unsigned)(TCG_PAGE_SIZE - offset), ir->mode_key);
    }
}

int
main(int argc, char **argv)
{
    static const TcgHostCallbacks callbacks;
    unsigned times = argc > 1 ? (unsigned)atoi(argv[1]) : 20;
    uint64_t insns = 0, blocks = 0, host = 0, guest = 0;
    X86State *s = new_state();
    TcgHost *h = tcg_host_new(&frontend, &callbacks, NULL);
    EmuTcgIr *ir = tcg_ir_new();
    TcgHostCode *out = g_new0(TcgHostCode, 1);
    uint8_t *code = g_malloc(1 << 20);
    double start;

    /* Thunks are reached by 32-bit displacements; nothing here is executed. */
    code += tcg_host_emit_thunks(h, code, code, 1 << 16);
    start = seconds();
    for (unsigned i = 0; i < times; i++) {
        for (const uint8_t *p = _init; p < etext;) {
            uint64_t pc = (uintptr_t)p;
            const uint8_t *page = (const uint8_t *)(uintptr_t)(pc & TCG_PAGE_MASK);
            unsigned n;
            TcgHostJob job = {.ir = ir, .write = code, .exec = code, .room = 1 << 16, .token = 1000, .mode_slot = 0};

            tcg_ir_begin(ir, &frontend, pc, s->tcg.mode_key, s->tcg.mmu_mode, TCG_IR_MAX_INSNS);
            n = frontend.lift(&s->tcg, ir, pc, p, (unsigned)(page + TCG_PAGE_SIZE - p), s->tcg.mode_key, TCG_IR_MAX_INSNS);
            p += MAX(n, 1u);
            if (n == 0 || ir->overflow || !ir->ended) {
                continue;
            }
            find_dead_flags(ir, page);
            tcg_ir_backward(ir);
            if (tcg_host_emit(h, &job, out)) {
                blocks++;
                insns += ir->n_insns;
                guest += n;
                host += out->size;
            }
        }
    }
    printf("%.0f ns, %.1f host bytes per instruction (%.2f guest bytes, %.1f instructions a block)\n", (seconds() - start) * 1e9 / (double)insns,
           (double)host / (double)insns, (double)guest / (double)insns, (double)insns / (double)blocks);
    return 0;
}
