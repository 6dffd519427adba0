/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes cases: random instructions, their operands pointed at data, registers that fit. */

#include "translate-state.h"

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

bool
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
    return x86_has_feature(reference.s, row->feature);
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
    r = x86_decode(b, 15, mode_key, reference.s->features, insn);
    return r > 0 && insn->row == row;
}

uint32_t
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

void
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
        if (x86_decode(b, 15, insn.mode | (uint64_t)insn.mode << X86_MODE_STACK_SHIFT, reference.s->features, &insn) <= 0 ||
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

        if (c->row[i] == NO_ROW || x86_decode(c->code + c->start[i], 15, code, reference.s->features, &insn) <= 0 ||
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

void
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
