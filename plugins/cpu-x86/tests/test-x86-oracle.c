/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The host CPU as oracle.  From every row of the decode table random encodings and states are made;
 * each is executed by the reference interpreter and natively in this process, and all defined state
 * is compared: general registers, flags, vector and x87 registers, memory, faults with vector, error
 * code and address.
 *
 * Guest addresses are host addresses: a data arena of two pages between unmapped pages, and one code
 * page.  Native code runs at CPL 3 and ends in INT3; a signal handler takes the state out.
 *
 *   EMU_X86_ORACLE_SECONDS  time per code size (default 6)
 *   EMU_X86_ORACLE_SEED     start of the random sequence
 *   EMU_X86_ORACLE_ROW      only rows of this name
 *   EMU_X86_ORACLE_UNDEFINED  also report differences in undefined flags
 */

#include <cpuid.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <asm/ldt.h>

#include "oracle-native.h"
#include "random-insn.h"

/* ---- random cases ---- */

static uint64_t
rnd_value(void)
{
    static const uint64_t special[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff,
                                       0x7fffffff, 0x80000000u, 0xffffffffu,
                                       UINT64_C(0x7fffffffffffffff), UINT64_C(0x8000000000000000),
                                       ~UINT64_C(0), 9, 0x99};

    switch (rnd_below(5)) {
    case 0:
        return special[rnd_below(G_N_ELEMENTS(special))];
    case 1:
        return rnd() >> rnd_below(64);
    case 2:
        return (uint64_t)-(int64_t)(rnd() >> (32 + rnd_below(32)));
    default:
        return rnd();
    }
}

static void
rnd_bytes(void *p, unsigned n)
{
    for (unsigned i = 0; i < n; i += 8) {
        uint64_t v = rnd();

        memcpy((char *)p + i, &v, MIN(8, n - i));
    }
}

/* Vector contents that floating point finds interesting. */
static void
rnd_vector(uint8_t *p)
{
    static const uint32_t f32[] = {0, 0x80000000u, 0x3f800000, 0xbf800000u, 0x7f800000,
                                   0xff800000u, 0x7fc00000, 0x7fa00000, 0x00000001, 0x007fffff,
                                   0x00800000, 0x7f7fffff, 0x4f000000, 0x5f000000, 0x3effffff};
    static const uint64_t f64[] = {0, UINT64_C(0x8000000000000000), UINT64_C(0x3ff0000000000000),
                                   UINT64_C(0x7ff0000000000000), UINT64_C(0xfff0000000000000),
                                   UINT64_C(0x7ff8000000000000), UINT64_C(0x7ff4000000000000),
                                   1, UINT64_C(0x000fffffffffffff), UINT64_C(0x0010000000000000),
                                   UINT64_C(0x7fefffffffffffff), UINT64_C(0x41dfffffffc00000),
                                   UINT64_C(0x43e0000000000000), UINT64_C(0x36a0000000000000)};

    switch (rnd_below(4)) {
    case 0:
        for (unsigned i = 0; i < 4; i++) {
            uint32_t v = rnd_below(3) ? f32[rnd_below(G_N_ELEMENTS(f32))]
                                      : 0x3f800000 + (uint32_t)rnd_below(0x2000000) - 0x1000000;

            memcpy(p + 4 * i, &v, 4);
        }
        break;
    case 1:
        for (unsigned i = 0; i < 2; i++) {
            uint64_t v = rnd_below(3) ? f64[rnd_below(G_N_ELEMENTS(f64))]
                                      : UINT64_C(0x3ff0000000000000) + (rnd() >> 10) -
                                            (UINT64_C(1) << 53);

            memcpy(p + 8 * i, &v, 8);
        }
        break;
    case 2:
        for (unsigned i = 0; i < 16; i++) {
            p[i] = (uint8_t)rnd_below(4);
        }
        break;
    default:
        rnd_bytes(p, 16);
        break;
    }
}

static void
rnd_x87(uint8_t *p)
{
    uint64_t man = rnd();
    uint16_t exp = (uint16_t)rnd();

    switch (rnd_below(6)) {
    case 0:
        man = 0;
        exp &= 0x8000;
        break;
    case 1:
        man = rnd_below(2) ? UINT64_C(0x8000000000000000) : rnd() | UINT64_C(0xc000000000000000);
        exp |= 0x7fff;
        break;
    case 2:
        man >>= 1;
        exp &= 0x8000;
        break;
    case 3:
        break; /* anything, unnormals included */
    default:
        man |= UINT64_C(0x8000000000000000);
        exp = (uint16_t)((exp & 0x8000) | (0x3fff - 40 + rnd_below(110)));
        break;
    }
    memcpy(p, &man, 8);
    memcpy(p + 8, &exp, 2);
}

/* ---- one case ---- */

typedef struct {
    uint64_t runs, faults, undefined;
} Counter;

static Counter *counters;
static X86State *guest;
static uint8_t pattern[ARENA_SIZE], after_interp[ARENA_SIZE];
static unsigned failures;

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
make_state(Cpu *c, const X86Insn *insn, const Mode *mode)
{
    uint32_t attr = insn->row->attr;

    for (unsigned i = 0; i < 16; i++) {
        c->gpr[i] = rnd_value();
        if (mode->bits != 64) {
            c->gpr[i] = i < 8 ? (uint32_t)c->gpr[i] : 0;
        }
    }
    c->gpr[X86_RSP] = ARENA + 0x1000 + rnd_below(64) * 8;
    if (rnd_below(16) == 0) {
        c->gpr[X86_RSP] = ARENA + rnd_below(32);
    }
    c->eflags = 0x202 | ((uint32_t)rnd() & X86_CC) | (rnd_below(8) == 0 ? X86_DF : 0);
    for (unsigned i = 0; i < 16; i++) {
        rnd_vector(c->high[i]);
    }
    if (attr & (X86_A_SSE | X86_A_MMX | X86_A_X87 | X86_A_AVX) || insn->row->op == X86_OP_fxsave ||
        insn->row->op == X86_OP_fwait) {
        memset(&c->fx, 0, sizeof(c->fx));
        for (unsigned i = 0; i < 16; i++) {
            rnd_vector(c->fx.xmm[i]);
        }
        c->fx.fcw = 0x37f;
        if (rnd_below(2)) {
            c->fx.fcw = (uint16_t)(0x7f | (rnd_below(4) << 10) | ((rnd() & 1) ? 0x300 : 0x200));
        }
        if (rnd_below(8) == 0) {
            c->fx.fcw = (uint16_t)((rnd() & 0xf3f) | 0x40);
        }
        c->fx.fsw = (uint16_t)(rnd() & 0x4700) | (uint16_t)(rnd_below(8) << 11);
        if (rnd_below(4) == 0) {
            c->fx.fsw |= (uint16_t)rnd_below(0x40);
        }
        if (c->fx.fsw & ~c->fx.fcw & 0x3f) {
            c->fx.fsw |= 0x8080;
        }
        c->fx.ftw = (uint8_t)(rnd_below(2) ? 0xff : rnd_below(2) ? rnd() : 0);
        for (unsigned i = 0; i < 8; i++) {
            if (attr & X86_A_MMX) {
                rnd_vector(c->fx.st[i]);
                memset(c->fx.st[i] + 8, 0xff, 2);
                memset(c->fx.st[i] + 10, 0, 6);
            } else {
                rnd_x87(c->fx.st[i]);
            }
        }
        c->fx.mxcsr = 0x1f80 | (rnd_below(4) << 13);
        if (rnd_below(4) == 0) {
            c->fx.mxcsr |= (uint32_t)rnd() & 0x8040;
        }
        if (rnd_below(4) == 0) {
            c->fx.mxcsr |= (uint32_t)rnd() & 0x3f;
        }
        if (rnd_below(8) == 0) {
            c->fx.mxcsr &= ~((uint32_t)rnd() & 0x1f80);
        }
    } else {
        memset(&c->fx, 0, sizeof(c->fx));
        c->fx.fcw = 0x37f;
        c->fx.mxcsr = 0x1f80;
    }
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

static void
load_guest(const Cpu *c, const Mode *mode)
{
    X86State *s = guest;

    for (unsigned i = 0; i < 16; i++) {
        *x86_gpr(s, i) = c->gpr[i];
    }
    s->rip = c->rip - mode->cs_base;
    x86_set_eflags(s, c->eflags);
    s->fx = c->fx;
    memcpy(x86_ymm_high(s, 0), c->high, 256);
    s->exception = -1;
    s->shadow = 0;
    x86_update_mode(s);
}

static void
run_guest(const X86Insn *insn, const Mode *mode, Cpu *out)
{
    X86State *s = guest;
    X86Interp *ip = s->interp;
    jmp_buf here;

    ip->unwind = &here;
    ip->exclusive = true;
    out->vector = -1;
    if (_setjmp(here) == 0) {
        do {
            ip->rep_again = false;
            ip->next_rip = s->rip + insn->length;
            if (insn->row->attr & X86_A_CPL0) {
                x86_raise(s, X86_EXC_GP, 0);
            }
            insn->row->exec(s, insn);
        } while (ip->rep_again);
        s->rip = ip->next_rip;
    } else {
        out->vector = s->exception;
        out->error = s->has_error_code ? s->error_code : 0;
        out->cr2 = s->exception_cr2;
    }
    ip->shadow_set = false;
    ip->stop = EMU_TCG_EXIT_NONE;
    for (unsigned i = 0; i < 16; i++) {
        out->gpr[i] = *x86_gpr(s, i);
    }
    out->rip = s->rip + mode->cs_base;
    out->eflags = x86_get_eflags(s);
    out->fx = s->fx;
    memcpy(out->high, x86_ymm_high(s, 0), 256);
}

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

/* The CPU whose undefined flags ours are. */
static bool host_is_zen;

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
        if (memcmp(a->fx.xmm, b->fx.xmm, mode->bits == 64 ? 256 : 128)) {
            return "xmm";
        }
        if (oracle_entry.has_avx && memcmp(a->high, b->high, mode->bits == 64 ? 256 : 128)) {
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
    }
    if (!(is_image(insn) && a->vector >= 0) && memcmp(after_interp, (void *)ARENA, ARENA_SIZE)) {
        return "memory";
    }
    return NULL;
}

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
guest_segments(const Mode *mode)
{
    X86State *s = guest;
    uint32_t user = X86_DESC_P | X86_DESC_S | X86_DESC_DPL | X86_DESC_A;

    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        x86_set_seg(s, i, mode->ds, i >= X86_FS ? 0 : mode->ds_base, mode->ds_limit,
                    user | X86_DESC_W | X86_DESC_B);
    }
    x86_set_seg(s, X86_SS, 0x2b, 0, 0xffffffffu, user | X86_DESC_W | X86_DESC_B);
    x86_set_seg(s, X86_CS, mode->cs, mode->cs_base, 0xffffffffu,
                user | X86_DESC_CODE | X86_DESC_R |
                    (mode->bits == 64   ? X86_DESC_L
                     : mode->bits == 32 ? X86_DESC_B
                                        : 0));
    s->cpl = 3;
    s->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_WP;
    s->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_OSXSAVE;
    s->xcr0 = x86_host_has(X86_FEAT_AVX) ? 7 : 3;
    s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE;
    s->phys_mask = (UINT64_C(1) << 40) - 1;
    x86_set_eflags(s, 0x202);
    x86_update_mode(s);
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

/*
 * The XSAVE family: images of random states and states out of random images, whole and broken ones. Components that the
 * host may hold to be in their initial state, or not, are kept from being so when they are saved.
 */
static void
xsave_case(const Mode *mode, Counter *counter)
{
    static const uint8_t encodings[4][2] = {{0xae, 4}, {0xae, 6}, {0xc7, 4}, {0xae, 5}};
    static const char *const names[4] = {"xsave", "xsaveopt", "xsavec", "xrstor"};
    static uint8_t before[ARENA_SIZE];
    uint8_t b[16] = {0}, *code = code_view + 0x800, *area = (uint8_t *)ARENA + 0x400;
    unsigned which = rnd_below(4), n = 0;
    const char *bad = NULL;
    Cpu in, interp;
    X86Insn insn;

    if (mode->bits == 64 && rnd_below(2)) {
        b[n++] = 0x48;
    }
    b[n++] = 0x0f;
    b[n++] = encodings[which][0];
    b[n++] = (uint8_t)(encodings[which][1] << 3 | 6); /* [rsi] */
    if (x86_decode(b, 15, mode->mode_key, guest->features, &insn) <= 0 || !x86_has_feature(guest, insn.row->feature)) {
        return;
    }
    make_state(&in, &insn, mode);
    in.rip = CODE + 0x800;
    memset(&in.fx, 0, sizeof(in.fx));
    in.fx.fcw = 0x27f;
    in.fx.fsw = (uint16_t)(rnd() & 0x7f00);
    in.fx.ftw = 0xff;
    in.fx.mxcsr = 0x1f80 | (rnd() & 0x3f) | 0x8000;
    for (unsigned i = 0; i < 16; i++) {
        rnd_bytes(in.fx.xmm[i], 16);
        rnd_bytes(in.high[i], 16);
    }
    for (unsigned i = 0; i < 8; i++) {
        rnd_x87(in.fx.st[i]);
    }
    in.gpr[X86_RSI] = ARENA + 0x400 + (rnd_below(20) == 0 ? rnd_below(64) : 0);
    in.gpr[X86_RAX] = rnd() & 7;
    in.gpr[X86_RDX] = 0;
    rnd_bytes((void *)ARENA, ARENA_SIZE);
    memset(area + 512, 0, 64);
    area[512] = (uint8_t)(rnd() & 7);
    if (which == 3) {
        uint32_t mxcsr = (uint32_t)rnd() & (rnd_below(8) ? 0xffbf : 0x1ffbf);

        memcpy(area + 24, &mxcsr, 4);
        memset(area + 2, 0, 22); /* no pending exception, no pointers */
        area[4] = (uint8_t)rnd();
        area[3] = (uint8_t)rnd() & 0x7f;
        area[0] = 0x7f;
        area[1] = 3;
        for (unsigned i = 0; i < 8; i++) {
            rnd_x87(area + 32 + 16 * i);
        }
        if (rnd_below(2)) {
            area[520] = area[512] | (uint8_t)(rnd() & 7);
            area[527] = 0x80;
        }
        if (rnd_below(8) == 0) {
            area[512 + rnd_below(64)] ^= (uint8_t)(1u << rnd_below(8));
            area[513] &= 1; /* what the host has beyond AVX is its own business */
            area[521] &= 1;
            area[512] &= 0x1f;
            area[520] &= 0x1f;
        }
    }
    memcpy(before, (void *)ARENA, ARENA_SIZE);
    load_guest(&in, mode);
    run_guest(&insn, mode, &interp);
    memcpy(after_interp, (void *)ARENA, ARENA_SIZE);
    memcpy((void *)ARENA, before, ARENA_SIZE);

    memcpy(code, b, n);
    memset(code + n, 0xcc, 8);
    native_run(&in, mode);
    memset(code, 0xcc, 16);
    for (unsigned i = 0; which != 3 && i < 32; i++) {
        if ((i >= 6 && i < 24) || i >= 28) {
            area[i] = after_interp[0x400 + i] = 0; /* pointers, MXCSR_MASK */
        }
    }
    counter->runs++;
    counter->faults += interp.vector >= 0;
    if (native.vector != interp.vector) {
        bad = "fault";
    } else if (memcmp(after_interp, (void *)ARENA, ARENA_SIZE)) {
        bad = "memory";
    } else if (memcmp(interp.fx.xmm, native.fx.xmm, mode->bits == 64 ? 256 : 128)) {
        bad = "xmm";
    } else if (memcmp(interp.high, native.high, mode->bits == 64 ? 256 : 128)) {
        bad = "ymm";
    } else if (interp.fx.mxcsr != native.fx.mxcsr || interp.fx.fcw != native.fx.fcw || interp.fx.fsw != native.fx.fsw ||
               interp.fx.ftw != native.fx.ftw) {
        bad = "control word";
    }
    for (unsigned i = 0; i < 8 && !bad; i++) {
        if (memcmp(interp.fx.st[i], native.fx.st[i], 10)) {
            bad = "st";
        }
    }
    if (bad && failures++ < 10) {
        g_printerr("%s %s: %s differs: mask %x address %lx header %016lx %016lx, vector %d %d, mxcsr %x %x\n", mode->name, names[which],
                   bad, (unsigned)in.gpr[X86_RAX], in.gpr[X86_RSI], *(uint64_t *)(before + 0x600), *(uint64_t *)(before + 0x608),
                   interp.vector, native.vector, interp.fx.mxcsr, native.fx.mxcsr);
        for (unsigned i = 0; i < ARENA_SIZE; i++) {
            if (after_interp[i] != ((uint8_t *)ARENA)[i]) {
                g_printerr("  first at offset %d\n", (int)i - 0x400);
                break;
            }
        }
    }
}

static void
test_xsave(void)
{
    static const Mode modes[] = {
        {"64-bit", X86_MODE_CODE64 | X86_MODE_CODE64 << X86_MODE_STACK_SHIFT, 64, 0, 0, 0x33, 0, 0xffffffffu},
        {"32-bit", X86_MODE_CODE32 | X86_MODE_CODE32 << X86_MODE_STACK_SHIFT, 32, 0, 0, 0x23, 0x2b, 0xffffffffu},
    };

    if (!x86_host_has(X86_FEAT_AVX)) {
        g_test_skip("the host has no AVX");
        return;
    }
    failures = 0;
    for (unsigned m = 0; m < G_N_ELEMENTS(modes); m++) {
        Counter counter = {0};

        guest_segments(&modes[m]);
        for (unsigned i = 0; i < 20000; i++) {
            xsave_case(&modes[m], &counter);
        }
        g_test_message("%s: %" G_GUINT64_FORMAT " cases, %" G_GUINT64_FORMAT " of them fault, %u differences", modes[m].name,
                       counter.runs, counter.faults, failures);
    }
    g_assert_cmpuint(failures, ==, 0);
}

/* What must hold before a VEX-encoded instruction; no prefix that has a place in VEX may stand before it. */
static void
test_vex_conditions(void)
{
    static const Mode mode = {"64-bit", X86_MODE_CODE64 | X86_MODE_CODE64 << X86_MODE_STACK_SHIFT, 64, 0, 0, 0x33, 0, 0xffffffffu};
    static const uint8_t vaddps[] = {0xc5, 0xf4, 0x58, 0xc2}, andn[] = {0xc4, 0xe2, 0x70, 0xf2, 0xc2};
    static const uint8_t prefixes[] = {0x66, 0xf2, 0xf3, 0xf0, 0x40, 0x48};
    uint8_t b[16] = {0};
    X86State *s = guest;
    X86Insn insn;
    Cpu in, out;

    if (!x86_host_has(X86_FEAT_AVX)) {
        g_test_skip("the host has no AVX");
        return;
    }
    guest_segments(&mode);
    memcpy(b, vaddps, sizeof(vaddps));
    g_assert_cmpint(x86_decode(b, 15, mode.mode_key, s->features, &insn), ==, sizeof(vaddps));
    for (unsigned i = 0; i < 5; i++) {
        static const int expected[5] = {-1, X86_EXC_UD, X86_EXC_UD, X86_EXC_NM, -1};

        make_state(&in, &insn, &mode);
        in.fx.mxcsr = 0x1f80;
        in.rip = CODE + 0x800;
        s->cr4 = (s->cr4 & ~X86_CR4_OSXSAVE) | (i == 1 ? 0 : X86_CR4_OSXSAVE);
        s->xcr0 = i == 2 ? 3 : 7;
        /* EM and OSFXSR are no business of VEX */
        s->cr0 = (s->cr0 & ~(X86_CR0_TS | X86_CR0_EM)) | (i == 3 ? X86_CR0_TS : i == 4 ? X86_CR0_EM : 0);
        load_guest(&in, &mode);
        g_assert_true(!(s->tcg.mode_key & X86_MODE_AVX) == (expected[i] >= 0));
        run_guest(&insn, &mode, &out);
        g_assert_cmpint(out.vector, ==, expected[i]);
    }
    guest_segments(&mode);
    for (unsigned i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        b[0] = prefixes[i];
        memcpy(b + 1, andn, sizeof(andn));
        g_assert_cmpint(x86_decode(b, 15, mode.mode_key, s->features, &insn), ==, X86_DECODE_UD);
    }
    /* Outside 64-bit code it is LDS where ModRM names memory. */
    b[0] = 0xc5;
    b[1] = 0x06;
    g_assert_cmpint(x86_decode(b, 15, X86_MODE_CODE32, s->features, &insn), ==, 2);
    g_assert_cmpint(insn.row->op, ==, X86_OP_lds);
}

/*
 * Which encodings exist: every opcode, prefix, length and width of the VEX maps, with a register and with memory. What the
 * decoder knows the host must know, and the other way round, but for AVX-512's mask instructions.
 */
static bool
vex_is_mask_instruction(unsigned map, unsigned opcode)
{
    return (map == 1 && ((opcode >= 0x41 && opcode <= 0x4b) || (opcode >= 0x90 && opcode <= 0x93) || opcode == 0x98 || opcode == 0x99)) ||
           (map == 3 && opcode >= 0x30 && opcode <= 0x33);
}

/* VPERMQ and VPERMPD with W = 0: the manuals know none, AMD's CPUs do not look. */
static bool
vex_is_lenient(unsigned map, unsigned opcode, unsigned w)
{
    return map == 3 && opcode <= 1 && !w;
}

static void
test_vex_space(void)
{
    static const Mode mode = {"64-bit", X86_MODE_CODE64 | X86_MODE_CODE64 << X86_MODE_STACK_SHIFT, 64, 0, 0, 0x33, 0, 0xffffffffu};
    unsigned wrong = 0, known = 0, total = 0;

    if (!x86_host_has(X86_FEAT_AVX)) {
        g_test_skip("the host has no AVX");
        return;
    }
    guest_segments(&mode);
    for (unsigned n = 0; n < 3u << 17; n++) {
        unsigned map = 1 + (n >> 17), opcode = n & 255, pp = n >> 8 & 3, l = n >> 10 & 1, w = n >> 11 & 1, digit = n >> 12 & 7;
        unsigned vvvv = n >> 15 & 1 ? 3 : 0, memory = n >> 16 & 1;
        uint8_t b[16] = {0xc4, (uint8_t)(0xe0 | map), (uint8_t)(w << 7 | (~vvvv & 15) << 3 | l << 2 | pp), (uint8_t)opcode,
                         (uint8_t)(memory ? digit << 3 | 4 : 0xc0 | digit << 3 | 2), 0x08 /* SIB: [rax + rcx] */, 0, 0};
        uint8_t *code = code_view + 0x800;
        X86Insn insn;
        bool ours, hosts;

        bool is_group = (map == 1 && ((opcode >= 0x71 && opcode <= 0x73) || opcode == 0xae)) || (map == 2 && opcode == 0xf3);

        if (vex_is_mask_instruction(map, opcode) || vex_is_lenient(map, opcode, w) || (!is_group && digit != 5)) {
            continue;
        }
        ours = x86_decode(b, 15, mode.mode_key, guest->features, &insn) > 0 && x86_has_feature(guest, insn.row->feature) &&
               !((insn.row->attr & X86_A_VSIB) && (vvvv == digit || vvvv == 1 || digit == 1)); /* three different vectors */
        memset(oracle_entry.gpr, 0, sizeof(oracle_entry.gpr));
        memset(&oracle_entry.fx, 0, sizeof(oracle_entry.fx));
        oracle_entry.fx.fcw = 0x37f;
        oracle_entry.fx.mxcsr = 0x1f80;
        oracle_entry.gpr[X86_RAX] = ARENA + 0x800;
        oracle_entry.gpr[X86_RDI] = ARENA + 0x400;
        oracle_entry.gpr[X86_RSP] = ARENA + 0x1000;
        oracle_entry.eflags = 0x202;
        oracle_entry.rip = CODE + 0x800;
        oracle_entry.cs = mode.cs;
        oracle_entry.ds = 0;
        memset((void *)ARENA, 0, ARENA_SIZE);
        memcpy(code, b, sizeof(b));
        memset(code + (ours ? insn.length : 4u), 0xcc, 16u - (ours ? insn.length : 4u));
        if (!ours) {
            memcpy(code, b, 8);
        }
        native_running = 1;
        oracle_run();
        memset(code, 0xcc, 16);
        hosts = native.vector != X86_EXC_UD;
        total++;
        known += ours;
        if (ours != hosts && wrong++ < 20) {
            g_printerr("%s, but the host %s: map %u pp %u opcode %02x L%u W%u digit %u vvvv %u %s (vector %d)\n",
                       ours ? insn.row->name : "unknown", hosts ? "has it" : "does not", map, pp, opcode, l, w, digit, vvvv,
                       memory ? "memory" : "register", native.vector);
        }
    }
    g_test_message("%u encodings, %u of them known, %u wrong", total, known, wrong);
    g_assert_cmpuint(wrong, ==, 0);
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

int
main(int argc, char **argv)
{
    const char *seed = g_getenv("EMU_X86_ORACLE_SEED");

    g_test_init(&argc, &argv, NULL);
    rng_state = seed ? g_ascii_strtoull(seed, NULL, 0) : (uint64_t)g_get_real_time();
    rng_state = rng_state * 2 + 1;
    g_test_message("EMU_X86_ORACLE_SEED=%" G_GUINT64_FORMAT, rng_state / 2);
    guest = aligned_alloc(64, (sizeof(X86State) + 63) & ~63ul);
    memset(guest, 0, sizeof(*guest));
    memcpy(guest->features, x86_host_features(), sizeof(guest->features));
    oracle_entry.has_avx = x86_host_has(X86_FEAT_AVX);
    x86_interp_init(guest);
    unsigned a, b, c, d;
    __cpuid(0, a, b, c, d);
    if (b == signature_AMD_ebx) {
        __cpuid(1, a, b, c, d);
        host_is_zen = (a >> 8 & 15) + (a >> 20 & 255) >= 0x17;
    }
    counters = g_new0(Counter, x86_n_rows);
    native_setup();

    g_test_add_func("/x86/oracle/vex-conditions", test_vex_conditions);
    g_test_add_func("/x86/oracle/vex-space", test_vex_space);
    g_test_add_func("/x86/oracle/xsave", test_xsave);
    g_test_add_func("/x86/oracle/64-bit", test_long);
    g_test_add_func("/x86/oracle/32-bit", test_compat32);
    g_test_add_func("/x86/oracle/16-bit", test_code16);
    return g_test_run();
}
