/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Translated code against the reference interpreter: random instructions from the decode table, alone and in sequences
 * with branches, faults, and stores into the code, in 64-bit, compatibility and 32-bit protected mode. Two machines of
 * one CPU each start from the same state; one interprets, one translates; then everything is compared.
 *
 *   EMU_X86_TRANSLATE_SECONDS  time per mode (default 3)
 *   EMU_X86_TRANSLATE_SEED     start of the random sequence
 *   EMU_X86_TRANSLATE_ROW      only rows of this name
 */

#include "accel-tcg/cache.h"
#include "accel-tcg/translate.h"

#include "../x86-interp.h"
#include "../x86-lift.h"
#include "random-insn.h"

#include <capstone/capstone.h>
#include <stdlib.h>
#include <sys/time.h>

#define RAM_SIZE 0x80000u
#define COMPARED 0x40000u /* what lies above stays as it is */
#define PAGE_TABLES 0x1000u
#define GDT 0x7000u
#define IDT 0x8000u
#define HANDLERS 0x9000u /* a HLT each, 16 bytes apart */
#define TSS 0xa000u
#define CODE 0x10000u /* three pages, then a hole */
#define DATA 0x20000u /* four pages; then none, read-only, supervisor's, not RAM */
#define KERNEL_STACK 0x31000u
#define HIGH UINT64_C(0xffffffff80000000) /* in 64-bit mode the low 2 MiB once more */

#define MAX_INSNS 18
#define MAX_CODE 256
#define MAX_STEPS 300
#define NO_ROW 0xffff /* of instructions that are no test */

typedef struct {
    const char *name;
    unsigned bits; /* of code */
    unsigned cpl;
    bool long_mode;
    bool high;     /* code at HIGH */
    uint32_t ds_base; /* of DS and ES, where it is not flat */
    uint32_t limit;   /* of ES, SS, DS where they have one; SS then has the same base */
    bool real;
    bool no_avx;
} Mode;

typedef struct {
    TcgMachine m;
    EmuMemoryRegion *root, *ram;
    EmuAddressSpace *as;
    uint8_t *host;
    uint64_t ram_addr;
    X86State *s;
    EmuTcgVcpu *v;
} Machine;

typedef struct {
    uint64_t gpr[16], rip;
    uint32_t eflags;
    X86Fxsave fx;
    uint8_t high[16][16]; /* upper halves of YMM */
} Cpu;

typedef struct {
    Cpu cpu;
    uint64_t entry; /* linear */
    unsigned n_insns, n_bytes;
    uint8_t code[MAX_CODE + 16];
    uint8_t start[MAX_INSNS + 1];
    uint16_t row[MAX_INSNS];
    uint64_t data_seed;
} Case;

static Machine reference, translated;
static uint8_t pristine[RAM_SIZE];
static uint64_t *counters;
static unsigned failures;
static X86State *features_of;
static bool validate_failed;

static uint64_t
rnd_value(void)
{
    static const uint64_t special[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000u,
                                       0xffffffffu, UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000),
                                       ~UINT64_C(0), 9};

    switch (rnd_below(4)) {
    case 0:
        return special[rnd_below(G_N_ELEMENTS(special))];
    case 1:
        return rnd() >> rnd_below(64);
    default:
        return rnd();
    }
}

/* ---- the machines ---- */

static unsigned
checked_lift(EmuTcgState *s, EmuTcgIr *ir, uint64_t pc, const uint8_t *code, unsigned avail, uint64_t mode_key,
             unsigned max_insns)
{
    unsigned n = x86_lift(s, ir, pc, code, avail, mode_key, max_insns);

    if (n && !ir->overflow) {
        g_autofree char *wrong = tcg_ir_validate(ir);

        if (wrong) {
            g_autoptr(GString) text = g_string_new(NULL);

            tcg_ir_dump(ir, text);
            g_printerr("invalid IR: %s\n%s\n", wrong, text->str);
            validate_failed = true;
        }
    }
    return n;
}

static const EmuTcgFrontend frontend = {
    .struct_size = sizeof(EmuTcgFrontend),
    .name = "x86",
    .isa = "x86-64",
    .state_size = sizeof(X86State),
    .globals = x86_globals,
    .n_globals = X86_N_GLOBALS,
    .fx_offset = offsetof(X86State, fx),
    .ymm_high_offset = offsetof(X86State, xsave) + X86_XSAVE_YMM_HIGH,
    .ymm_mode_bit = X86_MODE_AVX_SHIFT,
    .get_pc = x86_get_pc,
    .set_pc = x86_set_pc,
    .interp = x86_interp,
    .lift = checked_lift,
    .rare_modes = X86_MODE_CS_BASED,
    .straddles = x86_straddles,
    .refuse_branch = x86_refuse_branch,
    .flags_dead = x86_flags_dead,
    .encode_template = x86_encode_template,
    .walk = x86_walk,
    .raise_recorded = x86_raise_recorded,
    .interrupt_wanted = x86_interrupt_wanted,
    .deliver_interrupt = x86_deliver_interrupt,
    .has_work = x86_has_work,
};

static void
machine_make(Machine *t, TcgRunMode mode)
{
    g_autoptr(GError) error = NULL;

    t->root = emu_memory_region_new_container(NULL, "root", UINT64_MAX);
    t->ram = emu_memory_region_new_ram(NULL, "ram", RAM_SIZE, &error);
    g_assert_no_error(error);
    emu_memory_region_add_subregion(t->root, 0, t->ram, 0);
    t->as = emu_address_space_new(t->root, "test");
    t->host = emu_memory_region_get_ram_pointer(t->ram);
    t->ram_addr = emu_ram_addr_from_host(t->host);
    t->m.mode = mode;
    t->m.vcpus = g_ptr_array_new();
    t->m.io = t->as;
    pthread_mutex_init(&t->m.lock, NULL);
    pthread_cond_init(&t->m.cond, NULL);
    tcg_machine_register(&t->m);
    t->s = (X86State *)emu_tcg_state_new(&frontend, NULL);
    t->v = t->s->tcg.vcpu;
    t->v->machine = &t->m;
    t->v->as = t->as;
    memcpy(t->s->features, x86_host_features(), sizeof(t->s->features));
    x86_interp_init(t->s);
    if (mode == TCG_MODE_JIT) {
        g_assert_true(tcg_translator_new(&t->m, 4 << 20, &error));
        g_assert_true(tcg_translator_add_vcpu(t->v, &error));
    }
    g_ptr_array_add(t->m.vcpus, t->v);
    x86_reset(t->s);
}

static void
put(uint32_t at, uint64_t v, unsigned size)
{
    memcpy(pristine + at, &v, size);
}

static void
put_gate(unsigned vector, uint64_t handler, const Mode *mode)
{
    if (mode->long_mode) {
        put(IDT + vector * 16, (handler & 0xffff) | 0x08 << 16 | UINT64_C(0xee01) << 32 | (handler >> 16 & 0xffff) << 48, 8);
        put(IDT + vector * 16 + 8, handler >> 32, 8);
    } else {
        put(IDT + vector * 8, (handler & 0xffff) | 0x18 << 16 | UINT64_C(0xee00) << 32 | (handler >> 16 & 0xffff) << 48, 8);
    }
}

/* Two pages of data have each other's place: what crosses into or out of them is not together in memory. */
static unsigned
exchanged(unsigned at)
{
    unsigned page = at & ~0xfffu;

    return page == DATA + 0x1000 ? at + 0x1000 : page == DATA + 0x2000 ? at - 0x1000 : at;
}

/* Tables and what does not change from case to case. Accessed and dirty bits are set from the start. */
static void
make_pristine(const Mode *mode)
{
    memset(pristine, 0, sizeof(pristine));
    put(0x1000, 0x2067, 8);
    put(0x1000 + 511 * 8, 0x2067, 8);
    put(0x2000, 0x3067, 8);
    put(0x2000 + 510 * 8, 0x3067, 8);
    put(0x3000, 0x4067, 8);
    put(0x5000, 0x6067, 4);
    for (unsigned i = 0; i < 512; i++) {
        unsigned at = i << 12, flags = 0x67;

        if (at == CODE + 0x3000 || at == DATA + 0x4000) {
            flags = 0;
        } else if (at == DATA + 0x5000) {
            flags = 0x65;
        } else if (at == DATA + 0x6000 || (at < CODE)) {
            flags = 0x63;
        }
        if (at >= COMPARED) {
            flags = 0;
        }
        unsigned phys = at == DATA + 0x7000 ? 0x1f0000u : exchanged(at);

        put(0x4000 + i * 8, phys | flags | (at >= DATA ? UINT64_C(1) << 63 : 0), 8);
        put(0x6000 + i * 4, phys | flags, 4);
    }
    for (unsigned i = 0; i < 32 && mode->real; i++) {
        put(IDT + i * 4, HANDLERS >> 4 << 16 | i * 16, 4);
        put(HANDLERS + i * 16, 0xf4, 1);
    }
    if (mode->real) {
        return;
    }
    put(GDT + 0x08, UINT64_C(0x00af9b000000ffff), 8);
    put(GDT + 0x10, UINT64_C(0x00cf93000000ffff), 8);
    put(GDT + 0x18, UINT64_C(0x00cf9b000000ffff), 8);
    put(GDT + 0x20, UINT64_C(0x00affb000000ffff), 8);
    put(GDT + 0x28, UINT64_C(0x00cff3000000ffff), 8);
    put(GDT + 0x30, UINT64_C(0x00cffb000000ffff), 8);
    for (unsigned i = 0; i < 32; i++) {
        put_gate(i, (mode->high ? HIGH : 0) + HANDLERS + i * 16, mode);
        put(HANDLERS + i * 16, 0xf4, 1);
    }
    if (mode->long_mode) {
        put(TSS + 4, KERNEL_STACK, 8);
        put(TSS + 36, KERNEL_STACK, 8); /* IST1 */
    } else {
        put(TSS + 4, KERNEL_STACK, 4);
        put(TSS + 8, 0x10, 4);
    }
}

static void
set_segments(X86State *s, const Mode *mode)
{
    uint32_t data = X86_DESC_P | X86_DESC_S | X86_DESC_A | X86_DESC_W | X86_DESC_B | X86_DESC_G | mode->cpl << X86_DESC_DPL_SHIFT;
    uint32_t code = X86_DESC_P | X86_DESC_S | X86_DESC_A | X86_DESC_R | X86_DESC_CODE | X86_DESC_G | mode->cpl << X86_DESC_DPL_SHIFT;
    unsigned user = mode->cpl ? 0x18 : 0;

    if (mode->bits == 16) {
        data &= ~(X86_DESC_B | X86_DESC_G);
        code &= ~X86_DESC_G;
    }
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        x86_set_seg(s, i, (uint16_t)(0x10 + user + mode->cpl), i == X86_ES || i == X86_DS ? mode->ds_base : 0, 0xffffffffu, data);
        if (mode->limit && i != X86_FS && i != X86_GS) {
            x86_set_seg(s, i, (uint16_t)(mode->real ? mode->ds_base >> 4 : 0x10 + user + mode->cpl), mode->ds_base, mode->limit, data);
        }
    }
    x86_set_seg(s, X86_CS, (uint16_t)((mode->bits == 64 ? 0x08 : 0x18) + user + mode->cpl), 0, 0xffffffffu,
                code | (mode->bits == 64 ? X86_DESC_L : X86_DESC_B));
    if (mode->bits == 16) {
        x86_set_seg(s, X86_CS, (uint16_t)(mode->real ? CODE >> 4 : 0x18 + user + mode->cpl), CODE, 0xffff, code);
    }
    *x86_seg_base(s, X86_FS) = 0x100;
    *x86_seg_base(s, X86_GS) = mode->high ? HIGH + 0x40 : 0x40;
    x86_set_seg(s, X86_TR, 0x38, TSS, 0x67, X86_DESC_P | 11u << 8);
    x86_set_seg(s, X86_LDTR, 0, 0, 0, X86_DESC_NULL);
    s->gdtr.base = GDT;
    s->gdtr.limit = 0x37;
    s->idtr.base = IDT;
    s->idtr.limit = 32 * (mode->real ? 4 : mode->long_mode ? 16 : 8) - 1;
    s->cpl = (uint8_t)mode->cpl;
    s->cr0 = (mode->real ? 0 : X86_CR0_PE | X86_CR0_PG) | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_WP;
    s->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | (mode->long_mode ? X86_CR4_PAE : 0);
    if (x86_host_has(X86_FEAT_AVX) && !mode->no_avx) {
        s->cr4 |= X86_CR4_OSXSAVE;
        s->xcr0 = 7;
    }
    s->cr3 = mode->long_mode ? 0x1000 : 0x5000;
    s->cr2 = 0;
    s->efer = mode->long_mode ? X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE | X86_EFER_NXE : 0;
    s->dr[6] = 0xffff0ff0u;
    s->dr[7] = 0x400;
}

static void
load_machine(Machine *t, const Case *c, const Mode *mode)
{
    X86State *s = t->s;
    uint64_t seed = c->data_seed;

    memcpy(t->host, pristine, COMPARED);
    for (unsigned i = 0; i < 0x5000; i += 8) {
        uint64_t v;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        v = (seed >> 60) < 4 ? seed >> 20 & 0xff : (seed >> 60) == 5 ? (seed >> 24 & 0x3ff8) + DATA : seed * (seed >> 32 | 1);
        memcpy(t->host + (i < 0x4000 ? DATA + i : DATA + 0x1000 + i), &v, 8);
    }
    memcpy(t->host + (c->entry & 0xfffff), c->code, c->n_bytes);
    tcg_code_written(&t->m, NULL, t->ram_addr, HANDLERS);
    tcg_code_written(&t->m, NULL, t->ram_addr + TSS, COMPARED - TSS);

    set_segments(s, mode);
    for (unsigned i = 0; i < 16; i++) {
        *x86_gpr(s, i) = c->cpu.gpr[i];
    }
    s->rip = c->cpu.rip;
    x86_set_eflags(s, c->cpu.eflags);
    s->fx = c->cpu.fx;
    memcpy(x86_ymm_high(s, 0), c->cpu.high, 256);
    s->exception = -1;
    s->shadow = 0;
    s->halted = 0;
    s->exception_is_soft = 0;
    x86_update_mode(s);
    __atomic_store_n(&s->tcg.exit_request, 0, __ATOMIC_SEQ_CST);
}

static X86State *volatile running;

static void
on_alarm(int sig)
{
    if (running) {
        __atomic_store_n(&running->tcg.exit_request, 1, __ATOMIC_SEQ_CST);
    }
}

/* True when it came to an end, which is a halt or a shutdown. */
static bool
run_reference(EmuTcgExit *how)
{
    X86State *s = reference.s;
    unsigned total = 0;

    while (total < MAX_STEPS) {
        unsigned n = 0;

        *how = x86_interp(&s->tcg, MAX_STEPS, &n);
        total += n;
        if (*how == EMU_TCG_EXIT_HALT || *how == EMU_TCG_EXIT_SHUTDOWN) {
            return true;
        }
    }
    return false;
}

static bool
run_translated(EmuTcgExit *how)
{
    struct itimerval timer = {.it_value = {.tv_sec = 1}}, off = {0};
    bool end = false;

    running = translated.s;
    setitimer(ITIMER_VIRTUAL, &timer, NULL);
    for (;;) {
        *how = tcg_execute(translated.v);
        if (*how == EMU_TCG_EXIT_HALT || *how == EMU_TCG_EXIT_SHUTDOWN) {
            end = true;
            break;
        }
        if (translated.s->tcg.exit_request) {
            break;
        }
    }
    running = NULL;
    setitimer(ITIMER_VIRTUAL, &off, NULL);
    return end;
}

/* ---- what differs ---- */

static const char *
difference(void)
{
    X86State *a = reference.s, *b = translated.s;

    for (unsigned i = 0; i < 16; i++) {
        if (*x86_gpr(a, i) != *x86_gpr(b, i)) {
            return x86_globals[i].name;
        }
    }
    if (a->rip != b->rip) {
        return "rip";
    }
    if (a->cc != b->cc) {
        return "flags";
    }
    if (a->eflags != b->eflags) {
        return "eflags";
    }
    if (a->cr2 != b->cr2) {
        return "cr2";
    }
    if (a->tcg.mode_key != b->tcg.mode_key) {
        return "mode key";
    }
    if (memcmp(a->fx.xmm, b->fx.xmm, sizeof(a->fx.xmm))) {
        return "xmm";
    }
    if (memcmp(x86_ymm_high(a, 0), x86_ymm_high(b, 0), 256)) {
        return "ymm";
    }
    if (a->fx.mxcsr != b->fx.mxcsr) {
        return "mxcsr";
    }
    if (a->fx.fcw != b->fx.fcw) {
        return "fcw";
    }
    if (a->fx.fsw != b->fx.fsw) {
        return "fsw";
    }
    if (a->fx.ftw != b->fx.ftw) {
        return "ftw";
    }
    for (unsigned i = 0; i < 8; i++) {
        unsigned phys = (i + (a->fx.fsw >> 11)) & 7;

        if ((a->fx.ftw >> phys & 1) && memcmp(a->fx.st[i], b->fx.st[i], 10)) {
            return "st";
        }
    }
    if (memcmp(reference.host, translated.host, COMPARED)) {
        return "memory";
    }
    return NULL;
}

/* Where the reference ended, below 1 MiB. */
static uint64_t
ended_at(void)
{
    return x86_get_pc(&reference.s->tcg) & 0xfffff;
}

/*
 * A near call to an address that is not canonical faults, and the return address is written below the stack or not: translated code
 * comes to know behind the store.
 */
static bool
call_left_its_address(const Mode *mode)
{
    uint64_t rsp = 0;

    if (mode->bits != 64 || ended_at() != HANDLERS + X86_EXC_GP * 16 + 1 || reference.s->code_size != 64) {
        return false;
    }
    /* What RSP was is in the frame: behind the error code, RIP, CS and RFLAGS. */
    memcpy(&rsp, reference.host + (X86_LOW(reference.s, X86_RSP) & (COMPARED - 1)) + 32, 8);
    for (unsigned i = 0; i < COMPARED; i++) {
        if (reference.host[i] != translated.host[i] && (exchanged(i) - rsp + 8) % COMPARED >= 8) {
            return false;
        }
    }
    return true;
}

/* An access that wraps at the end of a segment with a base: translated code does not look. */
static bool
wraps_in_segment(const Case *c, const Mode *mode)
{
    if (mode->bits == 64 || (ended_at() != HANDLERS + X86_EXC_GP * 16 + 1 &&
                             ended_at() != HANDLERS + X86_EXC_SS * 16 + 1)) {
        return false;
    }
    if (mode->ds_base && !mode->limit) {
        return true;
    }
    for (unsigned i = 0; i < c->n_insns; i++) {
        for (unsigned k = c->start[i]; k < c->start[i] + 4u && k < c->start[i + 1]; k++) {
            if (c->code[k] == 0x64 || c->code[k] == 0x65) {
                return true;
            }
        }
    }
    return false;
}

static uint32_t
undefined_flags(const X86Insn *insn)
{
    uint32_t u = insn->row->flags_undefined;

    switch (insn->row->op) {
    case X86_OP_shl:
    case X86_OP_shr:
    case X86_OP_sar:
    case X86_OP_rol:
    case X86_OP_ror:
    case X86_OP_rcl:
    case X86_OP_rcr:
    case X86_OP_shld:
    case X86_OP_shrd:
        return insn->opsize == 2 || insn->op[0].size == 1 ? u | X86_CF : u;
    default:
        return u;
    }
}

/*
 * A kernel's case may store over the page tables. Which of the old translations are still in a TLB then is no part of
 * the architecture, so such a case says nothing; what was walked meanwhile must not live on into the next one.
 */
static bool
broke_tables(Machine *t)
{
    if (memcmp(t->host + PAGE_TABLES, pristine + PAGE_TABLES, GDT - PAGE_TABLES) == 0) {
        return false;
    }
    emu_tcg_flush_all(&t->s->tcg);
    return true;
}

/*
 * Whether an instruction that nobody generated, made by a store over the code, left flags undefined: a branch may have depended on
 * them. Runs the reference again, step by step.
 */
static bool
undefined_in_stored(const Case *c, const Mode *mode)
{
    X86State *s = reference.s;
    uint64_t at = c->entry & 0xfffff;
    bool found = false;

    load_machine(&reference, c, mode);
    for (unsigned i = 0; i < MAX_STEPS && !found; i++) {
        uint64_t k = (s->rip & 0xfffff) - at;
        unsigned n = 0;
        X86Insn insn;
        int length;

        if (k < c->n_bytes) {
            length = x86_decode(reference.host + at + k, 15, s->tcg.mode_key, features_of->features, &insn);
            found = length > 0 && undefined_flags(&insn) && memcmp(reference.host + at + k, c->code + k, (unsigned)length) != 0;
        }
        if (x86_interp(&s->tcg, 1, &n) != EMU_TCG_EXIT_NONE) {
            break;
        }
    }
    broke_tables(&reference);
    return found;
}

/*
 * Undefined flags came to light before the barrier behind the instruction: it was stored over, or it faulted.
 */
static bool
barrier_broken(const Case *c, const Mode *mode, const char *what)
{
    uint64_t at = c->entry & 0xfffff, rip = 0;
    bool undefined = false;

    /* Instructions that nobody generated: no barriers behind them. */
    if (memcmp(reference.host + at, c->code, c->n_bytes) != 0 &&
        (g_str_equal(what, "flags") || g_str_equal(what, "memory") || g_str_equal(what, "rax") || g_str_equal(what, "rcx") ||
         undefined_in_stored(c, mode))) {
        return true;
    }
    for (unsigned i = 0; i < c->n_insns; i++) {
        undefined = undefined || (c->row[i] == NO_ROW && c->code[c->start[i]] == 0x9c);
    }
    if (!undefined) {
        return false;
    }
    if (memcmp(reference.host + at, c->code, c->n_bytes) != 0 || ended_at() == HANDLERS + X86_EXC_DB * 16 + 1) {
        return true;
    }
    if (mode->real) {
        memcpy(&rip, reference.host + mode->ds_base + (uint16_t)X86_LOW(reference.s, X86_RSP), 2);
    } else {
        memcpy(&rip, reference.host + (X86_LOW(reference.s, X86_RSP) & (COMPARED - 1)) + (reference.s->code_size == 64 ? 8 : 4), 4);
    }
    rip += mode->bits == 16 ? CODE : 0;
    for (unsigned i = 0; i < c->n_insns; i++) {
        uint64_t barrier = at + c->start[i];

        if (c->row[i] == NO_ROW && c->code[c->start[i]] != 0xf4 &&
            ((rip & 0xfffff) == barrier || ended_at() == barrier)) {
            return true;
        }
    }
    return false;
}

/*
 * A block whose accesses miss their predictions too often within some time is made again, with those of its instructions picking theirs
 * by address: any of them, then.
 */
static void
pick_hashed(const Case *c)
{
    uint64_t seed = c->data_seed;

    g_hash_table_remove_all(translated.m.cache->hashed);
    for (unsigned i = 0; i < c->n_insns && c->data_seed % 5 == 0; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        g_hash_table_insert(translated.m.cache->hashed, GSIZE_TO_POINTER(c->entry + c->start[i]), GSIZE_TO_POINTER(seed ^ seed >> 29));
    }
}

/* NULL: alike. @ends: the reference came to an end. */
static const char *
run_case(const Case *c, const Mode *mode, bool *ends)
{
    EmuTcgExit how, how2;
    const char *what;

    load_machine(&reference, c, mode);
    *ends = run_reference(&how);
    if (broke_tables(&reference)) {
        *ends = false;
    }
    if (!*ends) {
        return NULL;
    }
    load_machine(&translated, c, mode);
    translated.m.one_insn_per_block = c->data_seed % 11 == 0;
    translated.m.stress_slot_miss = c->data_seed % 13 == 0;
    translated.m.stress_hashed = c->data_seed % 7 == 0;
    translated.m.stress_unlink = c->data_seed % 17 == 0;
    pick_hashed(c);
    bool translated_ends = run_translated(&how2);
    if (broke_tables(&translated)) {
        return "page tables";
    }
    if (!translated_ends) {
        return "never ends";
    }
    if (validate_failed) {
        return "invalid IR";
    }
    what = how != how2 ? "way of ending" : difference();
    if (what && g_str_equal(what, "memory") && call_left_its_address(mode)) {
        what = NULL;
    }
    return !what || wraps_in_segment(c, mode) || barrier_broken(c, mode, what) ? NULL : what;
}

static void
show(const Case *c, const Mode *mode, const char *what)
{
    X86State *a = reference.s, *b = translated.s;
    csh handle;
    cs_insn *insns;
    g_autoptr(GString) t = g_string_new(NULL);

    g_string_append_printf(t, "%s: %s differs; entry %lx\n", mode->name, what, c->entry);
    if (cs_open(CS_ARCH_X86, mode->bits == 64 ? CS_MODE_64 : mode->bits == 32 ? CS_MODE_32 : CS_MODE_16, &handle) == CS_ERR_OK) {
        cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
        for (unsigned i = 0; i < c->n_insns; i++) {
            unsigned at = c->start[i];

            if (c->code[at] == 0x90 && c->start[i + 1] - at > 1) {
                continue;
            }
            g_string_append_printf(t, "  %8lx:", c->entry + at);
            for (unsigned k = at; k < c->start[i + 1]; k++) {
                g_string_append_printf(t, " %02x", c->code[k]);
            }
            if (cs_disasm(handle, c->code + at, c->start[i + 1] - at, c->entry + at, 1, &insns) == 1) {
                g_string_append_printf(t, "   %s %s", insns->mnemonic, insns->op_str);
                cs_free(insns, 1);
            }
            g_string_append_c(t, '\n');
        }
        cs_close(&handle);
    }
    for (unsigned i = 0; i < 16; i++) {
        if (*x86_gpr(a, i) != *x86_gpr(b, i)) {
            g_string_append_printf(t, "  %-3s in %016lx interp %016lx jit %016lx <\n", x86_globals[i].name, c->cpu.gpr[i],
                                   *x86_gpr(a, i), *x86_gpr(b, i));
        } else {
            g_string_append_printf(t, "  %s %lx->%lx", x86_globals[i].name, c->cpu.gpr[i], *x86_gpr(a, i));
        }
    }
    g_string_append_printf(t, "  rip in %lx interp %lx jit %lx; eflags in %x interp %x jit %x; cr2 %lx %lx; mode %lx %lx\n",
                           c->cpu.rip, a->rip, b->rip, c->cpu.eflags, x86_get_eflags(a), x86_get_eflags(b), a->cr2, b->cr2,
                           a->tcg.mode_key, b->tcg.mode_key);
    g_string_append_printf(t, "  exception %d %d; mxcsr in %x interp %x jit %x; fcw in %x interp %x jit %x; fsw in %x interp %x jit %x; ftw in %x interp %x jit %x\n",
                           a->exception, b->exception, c->cpu.fx.mxcsr, a->fx.mxcsr, b->fx.mxcsr, c->cpu.fx.fcw, a->fx.fcw, b->fx.fcw,
                           c->cpu.fx.fsw, a->fx.fsw, b->fx.fsw, c->cpu.fx.ftw, a->fx.ftw, b->fx.ftw);
    for (unsigned i = 0; i < 16; i++) {
        if (memcmp(x86_ymm_high(a, i), x86_ymm_high(b, i), 16)) {
            uint64_t x[6];

            memcpy(x, c->cpu.high[i], 16);
            memcpy(x + 2, x86_ymm_high(a, i), 16);
            memcpy(x + 4, x86_ymm_high(b, i), 16);
            g_string_append_printf(t, "  ymm%u upper half in %016lx%016lx interp %016lx%016lx jit %016lx%016lx\n", i, x[1], x[0],
                                   x[3], x[2], x[5], x[4]);
        }
        if (memcmp(a->fx.xmm[i], b->fx.xmm[i], 16)) {
            uint64_t x[6];

            memcpy(x, c->cpu.fx.xmm[i], 16);
            memcpy(x + 2, a->fx.xmm[i], 16);
            memcpy(x + 4, b->fx.xmm[i], 16);
            g_string_append_printf(t, "  xmm%u in %016lx%016lx interp %016lx%016lx jit %016lx%016lx\n", i, x[1], x[0], x[3], x[2],
                                   x[5], x[4]);
        }
    }
    for (unsigned i = 0, n = 0; i < COMPARED && n < 8; i++) {
        if (reference.host[i] != translated.host[i]) {
            g_string_append_printf(t, "  [%x] interp %02x jit %02x\n", i, reference.host[i], translated.host[i]);
            n++;
        }
    }
    g_printerr("%s", t->str);
}

/* Takes instructions away as long as the difference stays. */
static void
shrink(Case *c, const Mode *mode)
{
    bool again = true;

    while (again) {
        again = false;
        for (unsigned i = 0; i < c->n_insns; i++) {
            Case t = *c;
            unsigned n = c->start[i + 1] - c->start[i];
            bool ends, nops = true;

            for (unsigned k = c->start[i]; k < c->start[i + 1]; k++) {
                nops = nops && c->code[k] == 0x90;
            }
            if (nops || c->row[i] == NO_ROW) {
                continue;
            }
            memset(t.code + t.start[i], 0x90, n);
            for (unsigned k = i + 1; k + 1 < c->n_insns && c->row[k] == NO_ROW; k++) {
                memset(t.code + t.start[k], 0x90, c->start[k + 1] - c->start[k]);
            }
            validate_failed = false;
            if (run_case(&t, mode, &ends) && ends) {
                *c = t;
                again = true;
            }
        }
    }
}

/* ---- making cases ---- */

static bool
row_is_testable(const X86Row *row, const Mode *mode)
{
    static const uint16_t no[] = {
        X86_OP_cpuid, X86_OP_rdtsc, X86_OP_rdtscp, X86_OP_rdpmc, X86_OP_rdrand, X86_OP_rdpid, X86_OP_hlt, X86_OP_in, X86_OP_out,
        X86_OP_ins, X86_OP_outs, X86_OP_mov_to_cr, X86_OP_mov_to_dr, X86_OP_mov_from_dr, X86_OP_lmsw, X86_OP_lgdt, X86_OP_lidt, X86_OP_lldt,
        X86_OP_ltr, X86_OP_rdmsr, X86_OP_wrmsr, X86_OP_syscall, X86_OP_sysret, X86_OP_sysenter, X86_OP_sysexit, X86_OP_rsm,
        X86_OP_monitor, X86_OP_mwait, X86_OP_vmcall, X86_OP_xsetbv, X86_OP_xgetbv, X86_OP_invpcid, X86_OP_iret,
        /* images that hold what the interpreter tracks and translated code does not: instruction pointers */
        X86_OP_fnstenv, X86_OP_fnsave, X86_OP_fxsave, X86_OP_xsave, X86_OP_xsaveopt, X86_OP_fldenv, X86_OP_frstor, X86_OP_fxrstor, X86_OP_xrstor,
        X86_OP_xsavec, X86_OP_xsaves, X86_OP_xrstors,
        X86_OP_call_far, X86_OP_jmp_far, X86_OP_ret_far, X86_OP_les, X86_OP_lds, X86_OP_lss, X86_OP_lfs, X86_OP_lgs, X86_OP_mov_seg_to,
        X86_OP_pop_seg, X86_OP_wrfsbase, X86_OP_wrgsbase, X86_OP_clts,
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(no); i++) {
        if (row->op == no[i]) {
            return false;
        }
    }
    /* Where data cannot be kept from being executed. */
    if (!mode->long_mode && (row->op == X86_OP_jmp_ind || row->op == X86_OP_call_ind || row->op == X86_OP_ret)) {
        return false;
    }
    if ((row->select & X86_SEL_ONLY64) && mode->bits != 64) {
        return false;
    }
    if ((row->select & X86_SEL_NO64) && mode->bits == 64) {
        return false;
    }
    return x86_has_feature(features_of, row->feature);
}

static uint64_t
code_size(const Mode *mode)
{
    return mode->bits == 64 ? X86_MODE_CODE64 : mode->bits == 32 ? X86_MODE_CODE32 : X86_MODE_CODE16;
}

static bool
make_bytes(const X86Row *row, const Mode *mode, uint8_t *b, X86Insn *insn)
{
    uint64_t size = code_size(mode), mode_key = size | size << X86_MODE_STACK_SHIFT | (mode->real ? 0 : X86_MODE_PE);
    int r;

    random_insn_bytes(row, mode->bits == 64, RANDOM_SEGMENTS, b);
    r = x86_decode(b, 15, mode_key, features_of->features, insn);
    return r > 0 && insn->row == row;
}

/* Registers that hold addresses of data. */
static bool
is_pointer(unsigned reg)
{
    return reg == X86_RBX || reg == X86_RBP || reg == X86_RSI || reg == X86_RDI || reg == X86_RSP || reg == X86_R9 ||
           reg == X86_R12 || reg == X86_R13;
}

static uint64_t
pick_address(const Case *c)
{
    switch (rnd_below(16)) {
    case 0:
        return DATA + 0x1000 * (1 + rnd_below(8)) - rnd_below(20);
    case 1:
        return c->entry + rnd_below(64);
    case 2:
        return DATA + rnd_below(0x8000);
    default:
        return DATA + 0x100 + (rnd_below(0x3e00) & ~(rnd_below(4) ? 15u : 0));
    }
}

/* Points the memory operand at data when the registers allow it. */
static bool
aim(Case *c, const Mode *mode, uint8_t *b, X86Insn *insn, unsigned at)
{
    bool has_sib = (insn->modrm & 7) == 4 && insn->addrsize != 2;
    unsigned disp_at = insn->modrm_pos + 1u + has_sib;
    uint64_t want = pick_address(c) - (insn->segment == X86_DS || insn->segment == X86_ES || mode->limit ? mode->ds_base : 0);

    if (x86_insn_mem_operand(insn) < 0 || rnd_below(24) == 0) {
        return true;
    }
    if (!insn->has_modrm) {
        memcpy(b + insn->length - insn->addrsize, &want, insn->addrsize);
    } else if (insn->addrsize == 2 && mode->bits == 16) {
        if (insn->base == X86_NO_REG) {
            memcpy(b + insn->modrm_pos + 1, &want, 2);
        }
        return true;
    } else if (insn->addrsize == 2) {
        return rnd_below(8) == 0;
    } else if (insn->base == X86_NO_REG || insn->base == X86_BASE_RIP) {
        int32_t d = (int32_t)(want - (insn->base == X86_BASE_RIP ? c->entry + at + insn->length : 0));

        memcpy(b + disp_at, &d, 4);
    } else {
        if (!is_pointer(insn->base)) {
            return rnd_below(16) == 0;
        }
        if (insn->mod == 2) {
            int32_t d = (int32_t)rnd_below(400) - 200;

            memcpy(b + disp_at, &d, 4);
        }
    }
    if (insn->index != X86_NO_REG && is_pointer(insn->index)) {
        return rnd_below(16) == 0;
    }
    return true;
}

static void
append(Case *c, const uint8_t *b, unsigned n, unsigned row)
{
    memcpy(c->code + c->n_bytes, b, n);
    c->row[c->n_insns] = (uint16_t)row;
    c->start[c->n_insns++] = (uint8_t)c->n_bytes;
    c->n_bytes += n;
    c->start[c->n_insns] = (uint8_t)c->n_bytes;
}

/* Flags that the instruction leaves undefined must not decide anything: keeps the others in rax, then defines all. */
static void
append_flags_barrier(Case *c, const Mode *mode, uint32_t undefined)
{
    uint8_t b[8] = {0x81, 0x24, 0x24};
    uint32_t mask = ~undefined;

    append(c, (const uint8_t[]){0x9c}, 1, NO_ROW);       /* pushf */
    memcpy(b + 3, &mask, 4);
    if (mode->bits == 16) {
        append(c, (const uint8_t[]){0x58}, 1, NO_ROW);   /* pop ax */
        append(c, (const uint8_t[]){0x25, (uint8_t)mask, (uint8_t)(mask >> 8)}, 3, NO_ROW); /* and ax, mask */
        append(c, (const uint8_t[]){0x50}, 1, NO_ROW);   /* push ax */
        append(c, (const uint8_t[]){0x58}, 1, NO_ROW);   /* pop ax: nothing undefined stays below sp */
    } else {
        append(c, b, 7, NO_ROW);                         /* and [rsp], mask */
        append(c, (const uint8_t[]){0x58}, 1, NO_ROW);   /* pop rax */
    }
    append(c, (const uint8_t[]){0x39, 0xca}, 2, NO_ROW); /* cmp edx, ecx */
    if (mode->bits == 64 && rnd_below(2)) {
        append(c, (const uint8_t[]){0x90}, 1, NO_ROW);
    }
}

static bool
add_random(Case *c, const Mode *mode, unsigned row_index, bool alone)
{
    const X86Row *row = &x86_rows[row_index];
    uint8_t b[40];
    X86Insn insn;

    for (unsigned attempt = 0; attempt < 20; attempt++) {
        bool ok = true;

        memset(b, 0, sizeof(b));
        if (!make_bytes(row, mode, b, &insn)) {
            continue;
        }
        if (!aim(c, mode, b, &insn, c->n_bytes)) {
            continue;
        }
        if (x86_decode(b, 15, insn.mode | (uint64_t)insn.mode << X86_MODE_STACK_SHIFT, features_of->features, &insn) <= 0 ||
            insn.row != row) {
            continue;
        }
        for (unsigned i = 0; i < insn.n_operands && !alone; i++) {
            const X86Operand *o = &insn.op[i];

            if (o->kind == X86_OPND_GPR && (o->rw & X86_RW_WRITE) && is_pointer(o->reg & 15) && !(o->reg & 0x10)) {
                ok = ok && rnd_below(20) == 0;
            }
        }
        if ((row->op == X86_OP_jmp_ind || row->op == X86_OP_call_ind || row->op == X86_OP_ret) && !alone) {
            ok = ok && rnd_below(4) == 0;
        }
        if (!ok || c->n_insns + 8 > MAX_INSNS || c->n_bytes + 30 > MAX_CODE) {
            continue;
        }
        append(c, b, insn.length, row_index);
        if (undefined_flags(&insn)) {
            append_flags_barrier(c, mode, undefined_flags(&insn));
        }
        return true;
    }
    return false;
}

/* Relative branches go to an instruction of the case. */
static void
aim_branches(Case *c, const Mode *mode)
{
    uint64_t code = code_size(mode);

    for (unsigned i = 0; i < c->n_insns; i++) {
        X86Insn insn;
        int32_t d;

        if (c->row[i] == NO_ROW || x86_decode(c->code + c->start[i], 15, code, features_of->features, &insn) <= 0 ||
            insn.op[0].kind != X86_OPND_REL) {
            continue;
        }
        do {
            d = (int32_t)c->start[rnd_below(c->n_insns)] - (int32_t)c->start[i + 1];
        } while (insn.imm_size == 1 && d != (int8_t)d);
        memcpy(c->code + c->start[i + 1] - insn.imm_size, &d, insn.imm_size);
    }
}

static void
random_fx(X86Fxsave *fx, bool mmx)
{
    static const uint32_t f32[] = {0, 0x80000000u, 0x3f800000, 0xbf800000u, 0x7f800000, 0x7fc00000, 0x7fa00000, 1, 0x00800000};

    memset(fx, 0, sizeof(*fx));
    for (unsigned i = 0; i < 16; i++) {
        for (unsigned k = 0; k < 4; k++) {
            uint32_t v = rnd_below(2) ? (uint32_t)rnd() : rnd_below(2) ? f32[rnd_below(G_N_ELEMENTS(f32))] : 0x3f800000u + rnd_below(0x1000000);

            memcpy(fx->xmm[i] + 4 * k, &v, 4);
        }
    }
    fx->fcw = rnd_below(4) ? 0x37f : (uint16_t)(0x7f | rnd_below(4) << 10 | 0x200);
    if (rnd_below(16) == 0) {
        fx->fcw = (uint16_t)((rnd() & 0xf3f) | 0x40);
    }
    fx->fsw = (uint16_t)(rnd() & 0x4700) | (uint16_t)(rnd_below(8) << 11);
    if (fx->fsw & ~fx->fcw & 0x3f) {
        fx->fsw |= 0x8080;
    }
    fx->ftw = (uint8_t)(rnd_below(2) ? 0xff : rnd_below(2) ? rnd() : 0);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t man = rnd() | UINT64_C(1) << 63;
        uint16_t exp = (uint16_t)(0x3fff - 20 + rnd_below(40));

        memcpy(fx->st[i], &man, 8);
        memcpy(fx->st[i] + 8, &exp, 2);
        if (mmx) {
            memset(fx->st[i] + 8, 0xff, 2);
        }
    }
    fx->mxcsr = 0x1f80 | rnd_below(4) << 13 | ((uint32_t)rnd() & 0x3f & (rnd_below(2) ? 0x3f : 0));
    if (rnd_below(8) == 0) {
        fx->mxcsr &= ~((uint32_t)rnd() & 0x1f80);
    }
    fx->mxcsr_mask = 0xffff;
}

static void
random_case(Case *c, const Mode *mode, const GArray *rows, unsigned n)
{
    unsigned offset = rnd_below(3) == 0 ? 0xfc0 + rnd_below(0x60) : rnd_below(0xe00);

    memset(c, 0, sizeof(*c));
    c->entry = CODE + rnd_below(2) * 0x1000 + offset + (mode->high ? HIGH : 0);
    c->data_seed = rnd();
    for (unsigned i = 0; i < 16; i++) {
        c->cpu.gpr[i] = is_pointer(i) ? pick_address(c) : rnd_below(4) ? rnd_value() : rnd_below(64);
        if (is_pointer(i) && rnd_below(2) && mode->high) {
            c->cpu.gpr[i] |= HIGH;
        }
        if ((i == X86_RSI || i == X86_RDI || (mode->limit && is_pointer(i))) && mode->bits != 64) {
            c->cpu.gpr[i] -= mode->ds_base;
        }
        if (mode->bits == 16 && rnd_below(4)) {
            c->cpu.gpr[i] &= 0xffff;
        }
        if (mode->bits != 64) {
            c->cpu.gpr[i] = i < 8 ? (uint32_t)c->cpu.gpr[i] : 0;
        }
    }
    c->cpu.gpr[X86_RSP] = (mode->high ? HIGH : 0) + DATA + 0x800 + rnd_below(0x2000) - (mode->limit ? mode->ds_base : 0);
    if (rnd_below(4)) {
        c->cpu.gpr[X86_RSP] &= ~UINT64_C(7);
    }
    if (rnd_below(2)) {
        c->cpu.gpr[X86_RCX] = rnd_below(40);
    }
    c->cpu.rip = c->entry - (mode->bits == 16 ? CODE : 0);
    c->cpu.eflags = 2 | ((uint32_t)rnd() & X86_CC) | (rnd_below(16) == 0 ? X86_DF : 0) | (rnd_below(8) == 0 ? X86_IOPL : 0);
    random_fx(&c->cpu.fx, rnd_below(2));
    for (unsigned i = 0; i < 256; i += 8) {
        uint64_t v = rnd_value();

        memcpy(c->cpu.high[0] + i, &v, 8);
    }
    /* Some hold small numbers, which gathers find data by. */
    for (unsigned i = 0; i < 16; i++) {
        bool wide = rnd_below(2);

        for (unsigned k = 0; k < 32 && i % 3 == 0; k += 4) {
            uint32_t v = wide && (k & 4) ? 0 : rnd_below(64);

            memcpy((k < 16 ? c->cpu.fx.xmm[i] : c->cpu.high[i]) + (k & 15), &v, 4);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        /* Half of a sequence is what programs are made of. */
        unsigned r = g_array_index(rows, guint, rnd_below(rows->len));

        if (n > 1 && rnd_below(2)) {
            for (unsigned k = 0; k < 8 && (x86_rows[r].cls != X86_CLASS_PORTABLE || x86_rows[r].map != X86_MAP_PRIMARY); k++) {
                r = g_array_index(rows, guint, rnd_below(rows->len));
            }
        }
        add_random(c, mode, r, n == 1);
    }
    append(c, (const uint8_t[]){0xf4}, 1, NO_ROW);
    aim_branches(c, mode);
}

/* The short run takes the same cases every time, so that it says something about a change; EMU_X86_TRANSLATE_SECONDS makes a long
 * one, with new cases each time. */
#define SHORT_RUN_SEED 20261120
#define SHORT_RUN_CASES 40000
static uint64_t first_seed;

static void
begin_mode(const Mode *mode)
{
    make_pristine(mode);
    memcpy(reference.host, pristine, RAM_SIZE);
    memcpy(translated.host, pristine, RAM_SIZE);
    emu_tcg_flush_all(&reference.s->tcg);
    emu_tcg_flush_all(&translated.s->tcg);
    tcg_code_written(&translated.m, NULL, translated.ram_addr, RAM_SIZE);
}

static void
run_mode(const Mode *mode)
{
    const char *seconds = g_getenv("EMU_X86_TRANSLATE_SECONDS"), *only = g_getenv("EMU_X86_TRANSLATE_ROW");
    gint64 end = g_get_monotonic_time() + (gint64)((seconds ? g_ascii_strtod(seconds, NULL) : 3.0) * G_USEC_PER_SEC);
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(guint));
    uint64_t total = 0, endless = 0, untested = 0, interpreted = translated.v->n_interp;

    rng_state = (first_seed + g_str_hash(mode->name)) * 2 + 1;
    begin_mode(mode);
    failures = 0;
    memset(counters, 0, x86_n_rows * sizeof(*counters));
    for (guint i = 0; i < x86_n_rows; i++) {
        if (row_is_testable(&x86_rows[i], mode) && (!only || strcmp(only, x86_rows[i].name) == 0)) {
            g_array_append_val(rows, i);
        }
    }
    g_assert_cmpuint(rows->len, >, 0);

    while (g_get_monotonic_time() < end && failures < 20 && (seconds || total < SHORT_RUN_CASES)) {
        for (unsigned k = 0; k < 64 && failures < 20; k++) {
            Case c;
            bool ends;
            const char *what;

            random_case(&c, mode, rows, rnd_below(2) ? 1 : 2 + rnd_below(MAX_INSNS - 2));
            validate_failed = false;
            what = run_case(&c, mode, &ends);
            total++;
            endless += !ends;
            for (unsigned i = 0; i < c.n_insns; i++) {
                if (c.row[i] != NO_ROW) {
                    counters[c.row[i]]++;
                }
            }
            if (what) {
                failures++;
                shrink(&c, mode);
                validate_failed = false;
                what = run_case(&c, mode, &ends);
                show(&c, mode, what ? what : "nothing any more");
            }
        }
    }
    for (unsigned i = 0; i < rows->len; i++) {
        untested += counters[g_array_index(rows, guint, i)] == 0;
    }
    g_test_message("%s: %" G_GUINT64_FORMAT " cases (%" G_GUINT64_FORMAT " without end), %u differences, %u rows, %" G_GUINT64_FORMAT
                   " of them without a case, %" G_GUINT64_FORMAT " instructions interpreted",
                   mode->name, total, endless, failures, rows->len, untested, translated.v->n_interp - interpreted);
    g_assert_cmpuint(failures, ==, 0);
}

static void
test_mode(gconstpointer data)
{
    run_mode(data);
}

/*
 * POPF sets TF, and the next instruction, whose end is the trap, is one that runs with the other vCPUs stopped: a locked
 * access that the host cannot do as one. Both ways must trap behind it.
 */
static void
test_step_over_exclusive(gconstpointer data)
{
    const Mode *mode = data;
    static const struct {
        const char *name;
        uint64_t target;
    } cases[] = {
        {"on the code page, across cache lines", CODE + 0x1bd},
        {"across pages", DATA + 0xffd},
    };

    begin_mode(mode);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Case c = {.entry = CODE + HIGH, .data_seed = 1};
        uint64_t high = mode->high ? HIGH : 0;
        bool ends;
        const char *what;

        c.cpu.rip = c.entry;
        c.cpu.eflags = 2;
        c.cpu.gpr[X86_RSP] = high + DATA + 0x1800;
        c.cpu.gpr[X86_RBX] = high + cases[i].target;
        c.cpu.gpr[X86_RCX] = 0x12345678;
        c.cpu.fx.fcw = 0x37f;
        c.cpu.fx.mxcsr = 0x1f80;
        append(&c, (const uint8_t[]){0x68, 0x02, 0x01, 0, 0}, 5, NO_ROW); /* push TF */
        append(&c, (const uint8_t[]){0x9d}, 1, NO_ROW);                   /* popf */
        append(&c, (const uint8_t[]){0xf0, 0x48, 0x0f, 0xc1, 0x0b}, 5, NO_ROW); /* lock xadd [rbx], rcx */
        append(&c, (const uint8_t[]){0x90}, 1, NO_ROW);
        append(&c, (const uint8_t[]){0xf4}, 1, NO_ROW);
        what = run_case(&c, mode, &ends);
        g_assert_true(ends);
        g_assert_cmpstr(what, ==, NULL);
        g_assert_cmphex(translated.s->rip, ==, high + HANDLERS + X86_EXC_DB * 16 + 1);
        g_assert_cmphex(translated.s->dr[6] & 1u << 14, !=, 0);
        g_test_message("%s: trapped behind it", cases[i].name);
    }
}

/* SYSCALL and SYSRET there and back; SYSRET with TF, and to an address that is not canonical. */
/* IRET from the kernel: what a helper does, and what it leaves to the interpreter. */
static void
test_iret(gconstpointer data)
{
    const Mode *mode = data;
    static const struct {
        const char *name;
        uint8_t cs, ss;
        uint32_t flags;
        bool beyond; /* a RIP that is not canonical */
        unsigned stack;
    } cases[] = {
        {"to the same level", 0x08, 0x10, X86_ZF | X86_CF, false, 0x1800},
        {"with a null SS", 0x08, 0, 0, false, 0x1800},
        {"to a user", 0x23, 0x2b, X86_SF | X86_OF | X86_IF, false, 0x1800},
        {"to a user with IOPL", 0x23, 0x2b, X86_IOPL | X86_AF, false, 0x1808},
        {"to a user with a null SS", 0x23, 3, 0, false, 0x1800},
        {"to a user with the kernel's SS", 0x23, 0x10, 0, false, 0x1800},
        {"to code outside 64 bits", 0x33, 0x2b, 0, false, 0x1800},
        {"to a data segment", 0x2b, 0x2b, 0, false, 0x1800},
        {"to no segment", 0x63, 0x2b, 0, false, 0x1800},
        {"to a table that is not there", 0x0c, 0x10, 0, false, 0x1800},
        {"with TF", 0x08, 0x10, X86_TF, false, 0x1800},
        {"with RF", 0x23, 0x2b, X86_RF, false, 0x1800},
        {"with AC", 0x23, 0x2b, X86_AC, false, 0x1800},
        {"with NT", 0x08, 0x10, X86_NT, false, 0x1800},
        {"beyond", 0x23, 0x2b, 0, true, 0x1800},
        {"from two pages", 0x23, 0x2b, 0, false, 0x2010},
        {"from a stack that is not aligned", 0x08, 0x10, X86_PF, false, 0x1803},
    };

    begin_mode(mode);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Case c = {.entry = CODE, .data_seed = 1};
        uint64_t interpreted;
        bool ends;

        c.cpu.rip = c.entry;
        c.cpu.eflags = 2 | X86_CF;
        c.cpu.gpr[X86_RSP] = DATA + cases[i].stack;
        c.cpu.fx.fcw = 0x37f;
        c.cpu.fx.mxcsr = 0x1f80;
        /* xor eax, eax; mov ds, es, fs, gs, eax: a user may keep none of the kernel's. */
        append(&c, (const uint8_t[]){0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xe0, 0x8e, 0xe8}, 10, NO_ROW);
        append(&c, (const uint8_t[]){0x6a, cases[i].ss, 0x54, 0x68, (uint8_t)cases[i].flags, (uint8_t)(cases[i].flags >> 8),
                                     (uint8_t)(cases[i].flags >> 16), 0, 0x6a, cases[i].cs}, 10, NO_ROW);
        append(&c, (const uint8_t[]){0x48, 0x8d, 0x05, 7, 0, 0, 0}, 7, NO_ROW); /* lea rax, [behind] */
        append(&c, cases[i].beyond ? (const uint8_t[]){0x48, 0xc1, 0xe0, 0x30} : (const uint8_t[]){0x90, 0x90, 0x90, 0x90}, 4, NO_ROW);
        append(&c, (const uint8_t[]){0x50, 0x48, 0xcf}, 3, NO_ROW);
        append(&c, (const uint8_t[]){0x0f, 0x92, 0xc3, 0x9c, 0x5a, 0xf4}, 6, NO_ROW); /* setc bl; pushf; pop rdx; hlt */
        g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
        /* With everything in the TLB. */
        interpreted = translated.v->n_interp;
        g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
        g_assert_true(ends);
        if (i < 4) {
            /* Four segment loads and one HLT or two, not the IRET. */
            g_assert_cmpuint(translated.v->n_interp - interpreted, <=, cases[i].cs & 3 ? 6 : 5);
        }
        g_test_message("%s: as the interpreter does it", cases[i].name);
    }
}

static void
test_system_call(gconstpointer data)
{
    const Mode *mode = data;
    static const struct {
        const char *name;
        uint8_t code[7]; /* before SYSRET */
        unsigned vector; /* where it ends */
    } cases[] = {
        {"and back", {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, X86_EXC_GP}, /* the HLT of a user */
        {"and back with TF", {0x49, 0x81, 0xcb, 0x00, 0x01, 0, 0}, X86_EXC_DB},      /* or r11, TF */
        {"and back beyond", {0x48, 0xc1, 0xe1, 0x30, 0x90, 0x90, 0x90}, X86_EXC_GP}, /* shl rcx, 48 */
    };

    begin_mode(mode);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Case c = {.entry = CODE, .data_seed = 1};
        X86State *states[2] = {reference.s, translated.s};
        bool ends;

        for (unsigned k = 0; k < 2; k++) {
            states[k]->star = UINT64_C(0x0013000800000000);
            states[k]->lstar = CODE + 6;
            states[k]->sfmask = X86_CF | X86_ZF | X86_DF;
        }
        c.cpu.rip = c.entry;
        c.cpu.eflags = 2;
        c.cpu.gpr[X86_RSP] = DATA + 0x1800;
        c.cpu.gpr[X86_RAX] = 1;
        c.cpu.fx.fcw = 0x37f;
        c.cpu.fx.mxcsr = 0x1f80;
        append(&c, (const uint8_t[]){0x29, 0xc0, 0x0f, 0x05, 0xf4, 0xf4}, 6, NO_ROW);  /* sub eax, eax; syscall; hlt; hlt */
        append(&c, (const uint8_t[]){0x4c, 0x89, 0xdb, 0x9c, 0x5a}, 5, NO_ROW);        /* mov rbx, r11; pushf; pop rdx */
        append(&c, cases[i].code, sizeof(cases[i].code), NO_ROW);
        append(&c, (const uint8_t[]){0x48, 0x0f, 0x07}, 3, NO_ROW);
        g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
        g_assert_true(ends);
        g_assert_cmphex(translated.s->rip, ==, HANDLERS + cases[i].vector * 16 + 1);
        g_assert_cmphex(X86_LOW(translated.s, X86_RBX), ==, 2 | X86_ZF | X86_PF);
        g_assert_cmphex(X86_LOW(translated.s, X86_RDX), ==, 2 | X86_PF);
        g_test_message("%s: as the interpreter does it", cases[i].name);
    }
}

/* A near branch to an address that is not canonical faults itself, with its stack pointer as it was. */
static void
test_branch_beyond(gconstpointer data)
{
    const Mode *mode = data;
    static const struct {
        const char *name;
        unsigned n;
        uint8_t code[10];
    } cases[] = {
        {"jmp rax", 2, {0xff, 0xe0}},
        {"call rax", 2, {0xff, 0xd0}},
        {"jmp [rsp]", 3, {0xff, 0x24, 0x24}},
        {"call [rsp+8]", 4, {0xff, 0x54, 0x24, 0x08}},
        {"ret", 1, {0xc3}},
        {"ret 16", 3, {0xc2, 0x10, 0x00}},
    };

    begin_mode(mode);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
            uint64_t high = mode->high ? HIGH : 0, frame[6];
            Case c = {.entry = high + CODE + 0x1000 - 8, .data_seed = 1};
            bool ends;

            c.cpu.rip = c.entry;
            c.cpu.eflags = 2;
            c.cpu.gpr[X86_RSP] = high + DATA + 0x1800;
            c.cpu.gpr[X86_RAX] = UINT64_C(0x0000800000000000) << round;
            c.cpu.fx.fcw = 0x37f;
            c.cpu.fx.mxcsr = 0x1f80;
            append(&c, (const uint8_t[]){0x48, 0x89, 0x04, 0x24}, 4, NO_ROW);       /* mov [rsp], rax */
            append(&c, (const uint8_t[]){0x48, 0x89, 0x44, 0x24, 0x08}, 5, NO_ROW); /* mov [rsp + 8], rax, in both pages */
            append(&c, cases[i].code, cases[i].n, NO_ROW);
            append(&c, (const uint8_t[]){0xf4}, 1, NO_ROW);
            g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
            g_assert_true(ends);
            g_assert_cmphex(translated.s->rip, ==, high + HANDLERS + X86_EXC_GP * 16 + 1);
            memcpy(frame, translated.host + (X86_LOW(translated.s, X86_RSP) & (COMPARED - 1)), sizeof(frame));
            g_assert_cmphex(frame[1], ==, c.entry + 9);
            g_assert_cmphex(frame[4], ==, c.cpu.gpr[X86_RSP]);
            g_test_message("%s: at the branch", cases[i].name);
        }
    }
}

/* Accesses off one register share a page check, and the register wraps at 4G between two of them. */
static void
test_group_wraps(gconstpointer data)
{
    const Mode *mode = data;
    Case c = {.entry = CODE, .data_seed = 1};
    uint64_t interpreted;
    bool ends;

    begin_mode(mode);
    put(0x10, 0x11223344, 4);
    put(0x18, 0x55667788, 4);
    c.cpu.rip = c.entry;
    c.cpu.eflags = 2;
    c.cpu.gpr[X86_RSP] = DATA + 0x1800;
    c.cpu.gpr[X86_RBX] = 0x18;
    c.cpu.gpr[X86_RSI] = 20;
    c.cpu.fx.fcw = 0x37f;
    c.cpu.fx.mxcsr = 0x1f80;
    append(&c, (const uint8_t[]){0x8b, 0x43, 0xf8}, 3, NO_ROW);       /* again: mov eax, [ebx - 8] */
    append(&c, (const uint8_t[]){0x83, 0xeb, 0x20}, 3, NO_ROW);       /* sub ebx, 32: below 0 */
    append(&c, (const uint8_t[]){0x8b, 0x4b, 0x20}, 3, NO_ROW);       /* mov ecx, [ebx + 32] */
    append(&c, (const uint8_t[]){0x8d, 0x5b, 0x20}, 3, NO_ROW);       /* lea ebx, [ebx + 32] */
    append(&c, (const uint8_t[]){0x03, 0x53, 0xf8}, 3, NO_ROW);       /* add edx, [ebx - 8] */
    append(&c, (const uint8_t[]){0x4e, 0x75, 0xee, 0xf4}, 4, NO_ROW); /* dec esi; jnz again; hlt */
    interpreted = translated.v->n_interp;
    g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
    g_assert_true(ends);
    g_assert_cmphex(X86_LOW(translated.s, X86_RAX), ==, 0x11223344);
    g_assert_cmphex(X86_LOW(translated.s, X86_RCX), ==, 0x55667788);
    g_assert_cmpuint(translated.v->n_interp - interpreted, <, 10);
}

/*
 * A loop with an instruction that straddles two pages is translated; a store to the part in the second page changes it, and so does
 * a new mapping of that page.
 */
static void
test_straddle(gconstpointer data)
{
    const Mode *mode = data;
    uint64_t high = mode->high ? HIGH : 0, interpreted;
    Case c = {.entry = high + CODE + 0x1000 - 8, .data_seed = 1};
    bool ends;

    begin_mode(mode);
    c.cpu.rip = c.entry;
    c.cpu.eflags = 2;
    c.cpu.gpr[X86_RSP] = high + DATA + 0x1800;
    c.cpu.gpr[X86_RCX] = 60;
    c.cpu.gpr[X86_RBX] = high + CODE + 0x1002; /* the last byte but one of the immediate */
    c.cpu.fx.fcw = 0x37f;
    c.cpu.fx.mxcsr = 0x1f80;
    append(&c, (const uint8_t[]){0x31, 0xc0, 0x31, 0xd2, 0x90}, 5, NO_ROW);         /* xor eax, eax; xor edx, edx; nop */
    append(&c, (const uint8_t[]){0x48, 0x81, 0xc0, 0x01, 0, 0, 0}, 7, NO_ROW);      /* again: add rax, 1 */
    append(&c, (const uint8_t[]){0xff, 0xc9}, 2, NO_ROW);                           /* dec ecx */
    append(&c, (const uint8_t[]){0x75, 0xf5}, 2, NO_ROW);                           /* jnz again */
    append(&c, (const uint8_t[]){0x85, 0xd2, 0x75, 0x0c}, 4, NO_ROW);               /* test edx, edx; jnz end */
    append(&c, (const uint8_t[]){0xc6, 0x03, 0x05, 0xb1, 0x03, 0xff, 0xc2}, 7, NO_ROW); /* mov [rbx], 5; mov cl, 3; inc edx */
    append(&c, (const uint8_t[]){0xeb, 0xe8}, 2, NO_ROW);                           /* jmp again */
    append(&c, (const uint8_t[]){0x90, 0x90, 0x90, 0xf4}, 4, NO_ROW);
    interpreted = translated.v->n_interp;
    g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
    g_assert_true(ends);
    g_assert_cmphex(X86_LOW(translated.s, X86_RAX), ==, 60 + 3 * 0x50001);
    g_test_message("%" G_GUINT64_FORMAT " instructions interpreted", translated.v->n_interp - interpreted);
    g_assert_cmpuint(translated.v->n_interp - interpreted, <, 8);

    /* The same first page, another one behind it: the blocks of the old one must not be met. */
    load_machine(&translated, &c, mode);
    memcpy(translated.host + DATA + 0x1000, translated.host + CODE + 0x1000, 0x1000);
    translated.host[DATA + 0x1001] = 9;
    uint64_t entry = ((DATA + 0x1000) | 0x67);
    memcpy(translated.host + 0x4000 + (CODE / 0x1000 + 1) * 8, &entry, 8);
    emu_tcg_flush_page(&translated.s->tcg, high + CODE + 0x1000);
    tcg_code_written(&translated.m, NULL, translated.ram_addr + DATA + 0x1000, 0x1000);
    EmuTcgExit how;
    g_assert_true(run_translated(&how));
    g_assert_cmphex(X86_LOW(translated.s, X86_RAX), ==, 60 * UINT64_C(0x901) + 3 * 0x50901);
}

/* Stores beside code that was executed once are full-speed stores after a while; a store to the code is seen all the same. */
static void
test_stores_beside_code(gconstpointer data)
{
    const Mode *mode = data;
    uint64_t high = mode->high ? HIGH : 0, interpreted;
    Case c = {.entry = high + CODE + 0x1000 - 8, .data_seed = 1};
    EmuTcgExit how;

    begin_mode(mode);
    c.cpu.rip = c.entry;
    c.cpu.eflags = 2;
    c.cpu.gpr[X86_RSP] = high + DATA + 0x1800;
    c.cpu.gpr[X86_RBX] = high + CODE + 0x100;
    c.cpu.gpr[X86_RCX] = 20000;
    c.cpu.fx.fcw = 0x37f;
    c.cpu.fx.mxcsr = 0x1f80;
    append(&c, (const uint8_t[]){0xb8, 0x05, 0, 0, 0, 0x90, 0xeb, 0x00}, 8, NO_ROW); /* mov eax, 5; nop; jmp to the next page */
    append(&c, (const uint8_t[]){0x89, 0x0b}, 2, NO_ROW);                           /* again: mov [rbx], ecx */
    append(&c, (const uint8_t[]){0xff, 0xc9, 0x75, 0xfa}, 4, NO_ROW);               /* dec ecx; jnz again */
    append(&c, (const uint8_t[]){0x85, 0xd2, 0x75, 0x0e}, 4, NO_ROW);               /* test edx, edx; jnz end */
    append(&c, (const uint8_t[]){0xff, 0xc2, 0xff, 0xc1}, 4, NO_ROW);               /* inc edx; inc ecx */
    append(&c, (const uint8_t[]){0xc6, 0x83, 0xf9, 0x0e, 0, 0, 0x07}, 7, NO_ROW);   /* mov byte [rbx + 0xef9], 7: that 5 */
    append(&c, (const uint8_t[]){0xeb, 0xe1}, 2, NO_ROW);                           /* jmp to the entry */
    append(&c, (const uint8_t[]){0x90, 0xf4}, 2, NO_ROW);
    load_machine(&translated, &c, mode);
    g_hash_table_remove_all(translated.m.cache->quiet);
    interpreted = translated.v->n_interp;
    g_assert_true(run_translated(&how));
    g_assert_cmphex(X86_LOW(translated.s, X86_RAX), ==, 7);
    g_assert_cmphex(X86_LOW(translated.s, X86_RCX), ==, 0);
    g_test_message("%" G_GUINT64_FORMAT " instructions interpreted", translated.v->n_interp - interpreted);
    g_assert_cmpuint(translated.v->n_interp - interpreted, <, 2000);
}

int
main(int argc, char **argv)
{
    static const Mode modes[] = {
        {"64-bit", 64, 3, true, false, 0},
        {"64-bit-kernel", 64, 0, true, true, 0},
        {"compatibility", 32, 3, true, false, 0},
        {"32-bit", 32, 0, false, false, .no_avx = true},
        {"32-bit-segments", 32, 3, false, false, 0x7000},
        {"32-bit-limits", 32, 0, false, false, DATA, 0x5fff},
        {"16-bit", 16, 0, false, false, DATA, 0xffff},
        {"16-bit-user", 16, 3, false, false, DATA, 0x5fff},
        {"real", 16, 0, false, false, DATA, 0xffff, true},
    };
    const char *seed = g_getenv("EMU_X86_TRANSLATE_SEED");
    struct sigaction sa = {.sa_handler = on_alarm};

    g_test_init(&argc, &argv, NULL);
    first_seed = seed                                     ? g_ascii_strtoull(seed, NULL, 0)
                 : g_getenv("EMU_X86_TRANSLATE_SECONDS") ? (uint64_t)g_get_real_time()
                                                         : SHORT_RUN_SEED;
    g_test_message("EMU_X86_TRANSLATE_SEED=%" G_GUINT64_FORMAT, first_seed);
    sigaction(SIGVTALRM, &sa, NULL);
    emu_rcu_register_thread();
    machine_make(&reference, TCG_MODE_INTERP);
    machine_make(&translated, TCG_MODE_JIT);
    features_of = reference.s;
    counters = g_new0(uint64_t, x86_n_rows);
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *path = g_strconcat("/x86/translate/", modes[i].name, NULL);

        g_test_add_data_func(path, &modes[i], test_mode);
    }
    g_test_add_data_func("/x86/translate/step-over-exclusive", &modes[1], test_step_over_exclusive);
    g_test_add_data_func("/x86/translate/iret", &modes[1], test_iret);
    g_test_add_data_func("/x86/translate/system-call", &modes[0], test_system_call);
    g_test_add_data_func("/x86/translate/branch-beyond", &modes[0], test_branch_beyond);
    g_test_add_data_func("/x86/translate/branch-beyond-kernel", &modes[1], test_branch_beyond);
    g_test_add_data_func("/x86/translate/group-wraps", &modes[3], test_group_wraps);
    g_test_add_data_func("/x86/translate/stores-beside-code", &modes[1], test_stores_beside_code);
    g_test_add_data_func("/x86/translate/straddle", &modes[1], test_straddle);
    return g_test_run();
}
