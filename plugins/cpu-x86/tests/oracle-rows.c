/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every row of the decode table against the host.
 *
 *   EMU_X86_ORACLE_SECONDS  time per code size (default 6)
 *   EMU_X86_ORACLE_ROW      only rows of this name
 *   EMU_X86_ORACLE_UNDEFINED  also report differences in undefined flags
 */

#include <cpuid.h>
#include <sys/syscall.h>
#include <asm/ldt.h>

#include "oracle-state.h"

typedef struct {
    uint64_t runs, faults, undefined;
} Counter;

static Counter *counters; /* by row */
static uint8_t pattern[ARENA_SIZE], after_interp[ARENA_SIZE];
static unsigned failures;
static bool host_is_zen; /* the CPU whose undefined flags ours are */

/* ---- making cases ---- */

static bool
row_is_testable(const X86Row *row, const Mode *mode)
{
    static const char *const skip[] = {"cpuid", "rdtsc", "rdtscp", "rdpid", "xgetbv", "sgdt",
                                       "sidt", "sldt", "str", "smsw", "int", "int1", "int3",
                                       "syscall", "sysenter", "lar", "lsl", "verr", "verw",
                                       "lcall", "ljmp", "lret", "iret", "monitor", "mwait",
                                       "vmcall", "vmmcall", "rdfsbase", "rdgsbase", "wrfsbase",
                                       "wrgsbase", "xsave", "xrstor", "xsaveopt", "les", "lds",
                                       "lss", "lfs", "lgs", "rdrand", "rdseed", "arpl", "clwb",
                                       "xsavec", "xsaves", "xrstors", "into", "rsm", "insb", "ins", "outsb", "outs", "bound"};

    for (unsigned i = 0; i < G_N_ELEMENTS(skip); i++) {
        if (strcmp(row->name, skip[i]) == 0) {
            return false;
        }
    }
    if (row->op == X86_OP_mov_seg_to || row->op == X86_OP_pop_seg || row->op == X86_OP_push_seg ||
        row->op == X86_OP_mov_seg_from || row->op == X86_OP_pause || row->op == X86_OP_invpcid) {
        return false;
    }
    if ((row->select & X86_SEL_ONLY64) && mode->bits != 64) {
        return false;
    }
    if ((row->select & X86_SEL_NO64) && mode->bits == 64) {
        return false;
    }
    return !(row->attr & X86_A_NO_TEST) && x86_has_feature(guest, row->feature);
}

/* Random bytes that decode to @row. */
static bool
make_bytes(const X86Row *row, const Mode *mode, uint8_t *b, X86Insn *insn)
{
    int r;

    random_insn_bytes(row, mode->bits == 64, RANDOM_VVVV, b);
    r = x86_decode(b, 15, mode->mode_key, guest->features, insn);
    return r > 0 && insn->row == row;
}

static uint64_t
pick_address(unsigned size)
{
    switch (rnd_below(12)) {
    case 0:
        return ARENA + ARENA_SIZE - rnd_below(size + 1); /* may run off the end */
    case 1:
        return ARENA + 0x1000 - rnd_below(size + 1); /* crosses the page inside */
    case 2:
    case 3:
        return ARENA + rnd_below(ARENA_SIZE - 600);
    default:
        return ARENA + (rnd_below(ARENA_SIZE - 600) & ~63u);
    }
}

static unsigned
case_operand_size(const X86Insn *insn)
{
    int m = x86_insn_mem_operand(insn);
    unsigned size = m >= 0 ? insn->op[m].size : 8;

    if (size == 0) {
        size = insn->row->op == X86_OP_fxsave || insn->row->op == X86_OP_fxrstor ? 512 : 8;
    }
    return size;
}

/* Points the memory operand at an address of ours.  False: not possible with these registers. */
static bool
aim_memory(const Mode *mode, Cpu *c, uint8_t *b, X86Insn *insn)
{
    uint64_t want, rest;
    bool has_sib = (insn->modrm & 7) == 4 && insn->addrsize != 2;
    unsigned disp_at = insn->modrm_pos + 1u + has_sib;

    if (!insn->has_modrm || insn->mod == 3) {
        if (x86_insn_mem_operand(insn) >= 0) {
            return false; /* moffs: handled by the caller */
        }
        return true;
    }
    if (insn->addrsize == 2 && mode->bits != 16) {
        return false;
    }
    if (insn->segment >= X86_FS) {
        return false;
    }
    want = pick_address(case_operand_size(insn)) - mode->ds_base;
    if (insn->row->op == X86_OP_lea && rnd_below(2)) {
        return true;
    }
    if (insn->base != X86_NO_REG && insn->base != X86_BASE_RIP) {
        if (insn->base == insn->index) {
            return false;
        }
        if (insn->base == X86_RSP && insn->segment == X86_SS && mode->bits == 16) {
            return false;
        }
        rest = (uint64_t)insn->disp;
        if (insn->index != X86_NO_REG) {
            rest += c->gpr[insn->index] << insn->scale;
        }
        c->gpr[insn->base] = want - rest;
        if (insn->addrsize == 4 && mode->bits == 64 && rnd_below(2)) {
            c->gpr[insn->base] = (uint32_t)c->gpr[insn->base];
        }
        return true;
    }
    if (insn->addrsize == 2) {
        uint16_t d;

        if (insn->index != X86_NO_REG) {
            c->gpr[insn->index] = (want - (uint64_t)insn->disp);
            return true;
        }
        d = (uint16_t)want;
        memcpy(b + disp_at, &d, 2);
    } else {
        int32_t d;

        rest = insn->base == X86_BASE_RIP ? CODE + 0x800 + insn->length : 0;
        if (insn->index != X86_NO_REG) {
            c->gpr[insn->index] = rnd_below(64);
            rest += c->gpr[insn->index] << insn->scale;
        }
        d = (int32_t)(want - rest);
        memcpy(b + disp_at, &d, 4);
    }
    return x86_decode(b, 15, mode->mode_key, guest->features, insn) > 0;
}

static void
make_implicit(const Mode *mode, Cpu *c, const X86Insn *insn)
{
    const X86Row *row = insn->row;
    uint64_t data = ARENA + 64 + (rnd_below(ARENA_SIZE - 256)) - mode->ds_base;

    if (row->attr & (X86_A_REP | X86_A_REPCC)) {
        c->gpr[X86_RSI] = data;
        c->gpr[X86_RDI] = rnd_below(3) ? ARENA + rnd_below(ARENA_SIZE) - mode->ds_base
                                       : data + rnd_below(40) - 20;
        c->gpr[X86_RCX] = rnd_below(100);
        if (rnd_below(4)) {
            c->gpr[X86_RCX] &= 7;
        }
    }
    if ((row->attr & X86_A_VSIB) && rnd_below(8)) {
        for (unsigned i = 0; i < 16; i += 4) {
            uint32_t lo = rnd_below(60), hi = rnd_below(60);

            if (row->opcode & 1) {
                memset(i & 4 ? &lo : &hi, 0, 4);
                lo = i & 4 ? 0 : lo;
                hi = i & 4 ? 0 : hi | rnd_below(60);
            }
            memcpy(c->fx.xmm[insn->vindex] + i, &lo, 4);
            memcpy(c->high[insn->vindex] + i, &hi, 4);
        }
    }
    switch (row->op) {
    case X86_OP_xlat:
        c->gpr[X86_RBX] = data - 32;
        break;
    case X86_OP_clzero:
        c->gpr[X86_RAX] = rnd_below(16) ? data : rnd_value();
        break;
    case X86_OP_movdir64b:
        if (insn->reg != insn->base && rnd_below(16)) {
            c->gpr[insn->reg] = ARENA + (rnd_below(ARENA_SIZE) & (rnd_below(16) ? ~63u : ~0u)) - mode->ds_base;
        }
        break;
    case X86_OP_maskmov:
        /* whether an all-zero mask faults depends on the CPU: keep to good addresses */
        c->gpr[X86_RDI] = insn->addrsize == 2 ? data & 0xfff : data;
        break;
    case X86_OP_leave:
    case X86_OP_enter:
        c->gpr[X86_RBP] = rnd_below(8) ? ARENA + 0x800 + rnd_below(0x1000) : rnd_value();
        break;
    case X86_OP_bt:
    case X86_OP_bts:
    case X86_OP_btr:
    case X86_OP_btc:
        if (insn->op[1].kind == X86_OPND_GPR && x86_insn_mem_operand(insn) >= 0 &&
            insn->op[1].reg != insn->base && insn->op[1].reg != insn->index) {
            c->gpr[insn->op[1].reg] = (c->gpr[insn->op[1].reg] & ~UINT64_C(0xffffffff)) |
                                      ((uint64_t)rnd_below(4000) - 2000) % (UINT64_C(1) << 32);
            if (insn->op[1].size == 8) {
                c->gpr[insn->op[1].reg] = (uint64_t)((int64_t)rnd_below(4000) - 2000);
            }
        }
        break;
    case X86_OP_jmp_ind:
    case X86_OP_call_ind:
        if (insn->op[0].kind == X86_OPND_GPR) {
            c->gpr[insn->op[0].reg] = CODE + 0x100 + rnd_below(0x600) - mode->cs_base;
        }
        break;
    case X86_OP_cmpxchg:
        if (rnd_below(2) && insn->op[0].kind == X86_OPND_GPR && insn->op[0].reg < 16) {
            c->gpr[X86_RAX] = c->gpr[insn->op[0].reg];
        }
        break;
    case X86_OP_div:
    case X86_OP_idiv:
        if (rnd_below(2)) {
            c->gpr[X86_RDX] = rnd_below(2) ? 0 : (uint64_t)((int64_t)c->gpr[X86_RAX] >> 63);
        }
        break;
    }
    if (row->attr & X86_A_RAX) {
        c->gpr[X86_RAX] = rnd_below(40) - 20u;
        c->gpr[X86_RDX] = rnd_below(40) - 20u;
    }
}

/* ---- what differs ---- */

static void
describe(const char *what, const X86Insn *insn, const Mode *mode, const Cpu *in, const Cpu *a,
         const Cpu *b)
{
    g_autoptr(GString) t = g_string_new(NULL);

    static const X86Row *last;
    static unsigned repeats;

    failures++;
    repeats = insn->row == last ? repeats + 1 : 0;
    last = insn->row;
    if (failures > 400 || repeats > 1) {
        return;
    }
    g_string_append_printf(t, "%s: %s differs:", mode->name, what);
    for (unsigned i = 0; i < insn->length; i++) {
        g_string_append_printf(t, " %02x", insn->bytes[i]);
    }
    g_string_append_printf(t, " (%s)\n", insn->row->name);
    for (unsigned i = 0; i < 16; i++) {
        if (a->gpr[i] != b->gpr[i] || i < 8) {
            g_string_append_printf(t, "  r%-2u in %016lx interp %016lx host %016lx%s\n", i,
                                   in->gpr[i], a->gpr[i], b->gpr[i],
                                   a->gpr[i] != b->gpr[i] ? " <" : "");
        }
    }
    g_string_append_printf(t, "  rip %lx %lx  flags in %x interp %x host %x  vector %d %d  error %x "
                              "%x  cr2 %lx %lx\n",
                           a->rip, b->rip, in->eflags, a->eflags, b->eflags, a->vector, b->vector,
                           a->error, b->error, a->cr2, b->cr2);
    g_string_append_printf(t, "  fcw %x fsw in %x interp %x host %x ftw in %x interp %x host %x mxcsr "
                              "in %x interp %x host %x\n",
                           in->fx.fcw, in->fx.fsw, a->fx.fsw, b->fx.fsw, in->fx.ftw, a->fx.ftw,
                           b->fx.ftw, in->fx.mxcsr, a->fx.mxcsr, b->fx.mxcsr);
    for (unsigned i = 0; i < 16; i++) {
        if (memcmp(a->fx.xmm[i], b->fx.xmm[i], 16) || memcmp(a->high[i], b->high[i], 16)) {
            uint64_t x[12];

            memcpy(x, in->fx.xmm[i], 16);
            memcpy(x + 2, in->high[i], 16);
            memcpy(x + 4, a->fx.xmm[i], 16);
            memcpy(x + 6, a->high[i], 16);
            memcpy(x + 8, b->fx.xmm[i], 16);
            memcpy(x + 10, b->high[i], 16);
            for (unsigned k = 0; k < 3; k++) {
                g_string_append_printf(t, "  ymm%-2u %s %016lx%016lx%016lx%016lx\n", i, k == 0 ? "in    " : k == 1 ? "interp" : "host  ",
                                       x[4 * k + 3], x[4 * k + 2], x[4 * k + 1], x[4 * k]);
            }
        }
    }
    g_printerr("%s", t->str);
}

/* Fields that an FPU image leaves to the CPU: instruction and operand pointers, MXCSR_MASK. */
static void
normalise_image(const X86Insn *insn, uint64_t address, uint8_t *arena)
{
    unsigned from = 0, to = 0;

    switch (insn->row->op) {
    case X86_OP_fnstenv:
    case X86_OP_fnsave:
        from = insn->opsize == 2 ? 6 : 12;
        to = insn->opsize == 2 ? 14 : 28;
        break;
    case X86_OP_fxsave:
        from = 6;
        to = 24;
        break;
    default:
        return;
    }
    for (unsigned i = from; i < to; i++) {
        if (address + i - ARENA < ARENA_SIZE) {
            arena[address + i - ARENA] = 0;
        }
    }
    for (unsigned i = 28; insn->row->op == X86_OP_fxsave && i < 32; i++) {
        if (address + i - ARENA < ARENA_SIZE) {
            arena[address + i - ARENA] = 0;
        }
    }
}

/* x87 state images are written by microcode: what a fault leaves of them is not defined. */
static bool
is_image(const X86Insn *insn)
{
    switch (insn->row->op) {
    case X86_OP_fnsave:
    case X86_OP_fnstenv:
    case X86_OP_frstor:
    case X86_OP_fldenv:
    case X86_OP_fxsave:
    case X86_OP_fxrstor:
        return true;
    default:
        return false;
    }
}

/* Of a 16-bit double shift by more than 16 all flags are undefined. */
static uint32_t
undefined_flags(const X86Insn *insn, const Cpu *in)
{
    if ((insn->row->op == X86_OP_shld || insn->row->op == X86_OP_shrd) && insn->opsize == 2) {
        unsigned count = insn->op[2].kind == X86_OPND_GPR ? (unsigned)in->gpr[X86_RCX]
                                                          : (unsigned)insn->imm;

        if ((count & 31) > 16) {
            return X86_CC;
        }
    }
    return insn->row->flags_undefined;
}

static const char *
compare(const X86Insn *insn, const Mode *mode, const Cpu *in, Cpu *a, Cpu *b)
{
    uint32_t flags = X86_CC | X86_DF;
    bool fpu = insn->row->attr & (X86_A_X87 | X86_A_MMX | X86_A_SSE | X86_A_AVX);
    const char *differs;

    if (a->vector != b->vector) {
        return "fault";
    }
    if (a->vector >= 0) {
        /* the kernel's half is mapped for the host */
        uint32_t ignore = a->vector == X86_EXC_PF && a->cr2 >> 63 ? 1 : 0;

        if ((a->error ^ b->error) & ~ignore) {
            return "error code";
        }
        if (a->vector == X86_EXC_PF && a->cr2 != b->cr2 && !is_image(insn)) {
            return "fault address";
        }
    }
    if (a->rip != b->rip) {
        return "rip";
    }
    for (unsigned i = 0; i < (mode->bits == 64 ? 16u : 8u); i++) {
        uint64_t mask = mode->bits == 64 ? ~UINT64_C(0) : 0xffffffffu;

        if ((a->gpr[i] ^ b->gpr[i]) & mask) {
            return "register";
        }
    }
    if (a->vector < 0 && !host_is_zen) {
        flags &= ~undefined_flags(insn, in);
    }
    if ((a->eflags ^ b->eflags) & flags) {
        return "flags";
    }
    if (fpu) {
        if (oracle_entry.has_avx && memcmp(a->high, b->high, mode->bits == 64 ? 256 : 128)) {
            return "ymm";
        }
        if ((differs = fx_difference(&a->fx, &b->fx, mode->bits == 64 ? 16 : 8))) {
            return differs;
        }
    }
    if (!(is_image(insn) && a->vector >= 0) && memcmp(after_interp, (void *)ARENA, ARENA_SIZE)) {
        return "memory";
    }
    return NULL;
}

/* ---- running them ---- */

static void
run_case(unsigned row_index, const Mode *mode, bool undefined)
{
    const X86Row *row = &x86_rows[row_index];
    uint8_t *code = code_view + 0x800;
    Cpu in, interp;
    uint8_t b[40];
    X86Insn insn;
    const char *bad;

    memset(b, 0, sizeof(b));
    if (!make_bytes(row, mode, b, &insn)) {
        return;
    }
    make_state(&in, &insn, mode);
    make_implicit(mode, &in, &insn);
    if (!insn.has_modrm && x86_insn_mem_operand(&insn) >= 0) {
        uint64_t at = pick_address(8) - mode->ds_base;

        /* moffs */
        if (insn.segment >= X86_FS) {
            return;
        }
        memcpy(b + insn.length - insn.addrsize, &at, insn.addrsize);
        if (x86_decode(b, 15, mode->mode_key, guest->features, &insn) <= 0) {
            return;
        }
    } else if (!aim_memory(mode, &in, b, &insn)) {
        return;
    }
    if (insn.addrsize != mode->bits / 8 && !insn.has_modrm && (row->attr & (X86_A_REP | X86_A_REPCC)) &&
        mode->bits != 64) {
        return;
    }
    if (row->op == X86_OP_maskmov && insn.addrsize == 2 && mode->bits != 16) {
        return;
    }
    if (insn.segment >= X86_FS || insn.row != row) {
        return;
    }
    if ((row->attr & (X86_A_REP | X86_A_REPCC)) == 0 && row->op != X86_OP_jcxz &&
        insn.addrsize == 2 && insn.has_modrm == 0 && (row->op == X86_OP_xlat || row->op == X86_OP_mov) &&
        mode->bits == 32) {
        return;
    }
    in.rip = CODE + 0x800;
    if (insn.op[0].kind == X86_OPND_REL && insn.imm_size >= 2) {
        int32_t d = (int32_t)rnd_below(0xe00) - 0x700;

        memcpy(b + insn.length - insn.imm_size, &d, insn.imm_size);
        x86_decode(b, 15, mode->mode_key, guest->features, &insn);
    }

    for (unsigned i = 0; i < ARENA_SIZE; i += 1024) {
        uint64_t v = rnd_value();

        memcpy(pattern + i + (rnd_below(1008) & ~15u), &v, 8);
    }
    memcpy((void *)ARENA, pattern, ARENA_SIZE);
    if (x86_insn_mem_operand(&insn) >= 0 && (row->attr & (X86_A_SSE | X86_A_MMX | X86_A_X87 | X86_A_AVX))) {
        Cpu *c = &in;
        uint64_t at;

        load_guest(c, mode);
        at = x86_ea(guest, &insn) + mode->ds_base;
        if (at >= ARENA && at + 32 <= ARENA + ARENA_SIZE) {
            if (row->attr & X86_A_X87) {
                rnd_x87((uint8_t *)at);
            } else {
                rnd_vector((uint8_t *)at);
                rnd_vector((uint8_t *)at + 16);
            }
        }
        if (row->op == X86_OP_ldmxcsr || row->op == X86_OP_fxrstor) {
            uint64_t where = row->op == X86_OP_fxrstor ? at + 24 : at;
            uint32_t v = (uint32_t)rnd() & 0xffbf;

            /* MXCSR_MASK differs between CPUs in bit 17; DAZ is in all */
            if (where >= ARENA && where + 4 <= ARENA + ARENA_SIZE) {
                memcpy((void *)where, &v, 4);
            }
        }
    }
    if ((row->op == X86_OP_cmpxchg || row->op == X86_OP_cmpxchg8b) &&
        x86_insn_mem_operand(&insn) >= 0 && rnd_below(2)) {
        uint64_t at;

        load_guest(&in, mode);
        at = x86_ea(guest, &insn) + mode->ds_base;
        if (at >= ARENA && at + 16 <= ARENA + ARENA_SIZE) {
            unsigned half = row->op == X86_OP_cmpxchg ? 8 : insn.op[0].size / 2;

            memcpy((void *)at, &in.gpr[X86_RAX], half);
            memcpy((void *)(at + half), &in.gpr[X86_RDX], half);
        }
    }
    if (row->op == X86_OP_popf) {
        uint32_t v = (uint32_t)rnd() & 0x3e7cd7 & ~(X86_AC | X86_NT | X86_TF);
        uint64_t at = in.gpr[X86_RSP];

        if (at + 8 <= ARENA + ARENA_SIZE) {
            memset((void *)at, 0, 8);
            memcpy((void *)at, &v, 4);
        }
    }
    if (row->op == X86_OP_ret || ((row->op == X86_OP_jmp_ind || row->op == X86_OP_call_ind) &&
                                  x86_insn_mem_operand(&insn) >= 0)) {
        uint64_t at, target = CODE + 0x100 + rnd_below(0x600) - mode->cs_base;

        load_guest(&in, mode);
        at = row->op == X86_OP_ret ? in.gpr[X86_RSP] : x86_ea(guest, &insn) + mode->ds_base;
        if (at >= ARENA && at + 8 <= ARENA + ARENA_SIZE) {
            memcpy((void *)at, &target, 8);
        }
    }
    static uint8_t before[ARENA_SIZE];
    memcpy(before, (void *)ARENA, ARENA_SIZE);

    memcpy(current_bytes, insn.bytes, 15);
    load_guest(&in, mode);
    run_guest(&insn, mode, &interp);
    if (interp.rip == in.rip && interp.vector < 0) {
        return; /* a jump to itself never comes back natively */
    }
    if (interp.vector < 0 && interp.rip != in.rip + insn.length &&
        (interp.rip < CODE || interp.rip >= CODE + CODE_SIZE ||
         (interp.rip >= in.rip && interp.rip < in.rip + insn.length))) {
        return; /* the target is none of ours */
    }
    memcpy(after_interp, (void *)ARENA, ARENA_SIZE);
    memcpy((void *)ARENA, before, ARENA_SIZE);

    memcpy(code, insn.bytes, insn.length);
    native_run(&in, mode);
    memset(code, 0xcc, insn.length);
    if (native.vector >= 0 && native.vector != 14 && native.vector != 13 && native.vector != 12 &&
        native.vector != 17) {
        native.error = 0;
    }

    counters[row_index].runs++;
    if (interp.vector >= 0) {
        counters[row_index].faults++;
    }
    if (x86_insn_mem_operand(&insn) >= 0) {
        uint64_t at;

        load_guest(&in, mode);
        at = x86_ea(guest, &insn) + mode->ds_base;
        normalise_image(&insn, at, after_interp);
        normalise_image(&insn, at, (uint8_t *)ARENA);
    }
    bad = compare(&insn, mode, &in, &interp, &native);
    if (bad) {
        describe(bad, &insn, mode, &in, &interp, &native);
    } else if (undefined && interp.vector < 0 && ((interp.eflags ^ native.eflags) & X86_CC)) {
        if (counters[row_index].undefined++ < 2) {
            g_printerr("undefined flags %x: ", (interp.eflags ^ native.eflags) & X86_CC);
            describe("(undefined)", &insn, mode, &in, &interp, &native);
            failures--;
        }
    }
}

static void
run_mode(const Mode *mode)
{
    const char *seconds = g_getenv("EMU_X86_ORACLE_SECONDS"), *only = g_getenv("EMU_X86_ORACLE_ROW");
    bool undefined = g_getenv("EMU_X86_ORACLE_UNDEFINED") != NULL;
    gint64 end = g_get_monotonic_time() +
                 (gint64)((seconds ? g_ascii_strtod(seconds, NULL) : 6.0) * G_USEC_PER_SEC);
    uint64_t total = 0, untested = 0;

    guest_segments(mode);
    failures = 0;
    memset(counters, 0, x86_n_rows * sizeof(*counters));
    rnd_bytes(pattern, sizeof(pattern));
    while (g_get_monotonic_time() < end) {
        for (unsigned i = 0; i < x86_n_rows; i++) {
            if (row_is_testable(&x86_rows[i], mode) &&
                (!only || strcmp(only, x86_rows[i].name) == 0)) {
                for (unsigned k = 0; k < 4; k++) {
                    run_case(i, mode, undefined);
                }
            }
        }
    }
    for (unsigned i = 0; i < x86_n_rows; i++) {
        total += counters[i].runs;
        if (row_is_testable(&x86_rows[i], mode) && counters[i].runs == 0 && !only) {
            untested++;
            g_test_message("%s: row %s %02x has no case", mode->name, x86_rows[i].name,
                           x86_rows[i].opcode);
        }
    }
    g_test_message("%s: %" G_GUINT64_FORMAT " cases, %u differences, %" G_GUINT64_FORMAT
                   " rows without a case",
                   mode->name, total, failures, untested);
    g_assert_cmpuint(failures, ==, 0);
    g_assert_cmpuint(total, >, 0);
}

static void
test_long(void)
{
    static const Mode mode = {"64-bit",
                              X86_MODE_CODE64 | X86_MODE_CODE64 << X86_MODE_STACK_SHIFT,
                              64, 0, 0, 0x33, 0, 0xffffffffu};

    run_mode(&mode);
}

static void
test_compat32(void)
{
    static const Mode mode = {"32-bit",
                              X86_MODE_CODE32 | X86_MODE_CODE32 << X86_MODE_STACK_SHIFT,
                              32, 0, 0, 0x23, 0x2b, 0xffffffffu};

    run_mode(&mode);
}

static void
test_code16(void)
{
    static const Mode mode = {"16-bit", X86_MODE_CODE16 | X86_MODE_CODE32 << X86_MODE_STACK_SHIFT,
                              16, CODE, ARENA, 0x07, 0x0f, ARENA_SIZE - 1};
    struct user_desc cs = {.entry_number = 0, .base_addr = CODE, .limit = 0xfffff, .seg_32bit = 0,
                           .contents = MODIFY_LDT_CONTENTS_CODE, .limit_in_pages = 1};
    struct user_desc ds = {.entry_number = 1, .base_addr = ARENA, .limit = ARENA_SIZE - 1,
                           .seg_32bit = 1, .contents = MODIFY_LDT_CONTENTS_DATA};

    if (syscall(SYS_modify_ldt, 1, &cs, sizeof(cs)) != 0 ||
        syscall(SYS_modify_ldt, 1, &ds, sizeof(ds)) != 0) {
        g_test_skip("modify_ldt does not work here");
        return;
    }
    run_mode(&mode);
}

void
add_row_tests(void)
{
    unsigned a, b, c, d;

    __cpuid(0, a, b, c, d);
    if (b == signature_AMD_ebx) {
        __cpuid(1, a, b, c, d);
        host_is_zen = (a >> 8 & 15) + (a >> 20 & 255) >= 0x17;
    }
    counters = g_new0(Counter, x86_n_rows);
    g_test_add_func("/x86/oracle/64-bit", test_long);
    g_test_add_func("/x86/oracle/32-bit", test_compat32);
    g_test_add_func("/x86/oracle/16-bit", test_code16);
}
