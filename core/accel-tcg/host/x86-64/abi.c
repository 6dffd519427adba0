/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The register map, and the thunks between translated code and C.
 *
 * Two kinds of calls into C:
 *   fast   the C function is compiled for general registers only; the thunk saves what the C ABI lets
 *          it change and runs it on the small stack below the state
 *   full   everything of the guest is in the state during the call, x87 and MXCSR have the host's
 *          defaults, and the function runs on the thread's own stack
 */

#include "x64-private.h"

const int8_t x64_pin_of_guest[16] = {
    X64_RAX, X64_RCX, X64_RDX, X64_RBX, X64_R8, X64_RBP, X64_RSI, X64_RDI,
    -1,      -1,      -1,      -1,      X64_R12, X64_R13, X64_R14, X64_R15,
};

static const uint32_t host_mxcsr = 0x1f80;

static int
hot_offset_of(const EmuTcgFrontend *fe)
{
    return (int)((fe->state_size + TCG_PAGE_SIZE - 1) & TCG_PAGE_MASK);
}

bool
tcg_host_takes(const EmuTcgFrontend *fe)
{
    return fe->lift != NULL && g_strcmp0(fe->isa, "x86-64") == 0;
}

TcgHost *
tcg_host_new(const EmuTcgFrontend *fe, const TcgHostCallbacks *callbacks, GError **error)
{
    TcgHost *h = g_new0(TcgHost, 1);

    h->fe = fe;
    h->emitter = g_new0(X64Emit, 1);
    h->callbacks = *callbacks;
    h->hot_offset = hot_offset_of(fe);
    h->flags_offset = -1;
    memset(h->pin, -1, sizeof(h->pin));
    for (unsigned n = 0; n < 16; n++) {
        h->guest_offset[n] = -1;
    }
    for (unsigned i = 0; i < fe->n_globals && i < X64_MAX_GLOBALS; i++) {
        const EmuTcgGlobal *g = &fe->globals[i];

        if (g->bank == 0 && g->same_isa < 16) {
            h->guest_offset[g->same_isa] = (int)g->offset;
            h->guest_global[g->same_isa] = (int)i;
            h->pin[i] = x64_pin_of_guest[g->same_isa];
        } else if (g->type == EMU_TCG_FLAGS) {
            h->flags_offset = (int)g->offset;
        }
    }

    bool complete = h->flags_offset >= 0;

    for (unsigned n = 0; n < 16; n++) {
        complete = complete && h->guest_offset[n] >= 0;
    }
    if (g_strcmp0(fe->isa, "x86-64") != 0 || !complete || fe->fx_offset == 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                    "tcg: this host translates x86-64 guests only, the CPU's front end is '%s'; "
                    "mode=interp works",
                    fe->isa);
        tcg_host_free(h);
        return NULL;
    }
    return h;
}

void
tcg_host_free(TcgHost *h)
{
    if (h != NULL) {
        g_free(h->emitter);
    }
    g_free(h);
}

uintptr_t
tcg_host_lookup_thunk(const TcgHost *h)
{
    return (uintptr_t)h->t_lookup;
}

/* ---- thunks ------------------------------------------------------------------------------------------------ */

static void
thunk_store_guest(X64Asm *a, const TcgHost *h)
{
    for (unsigned n = 0; n < 16; n++) {
        if (x64_pin_of_guest[n] >= 0) {
            x64_mov_store(a, 8, x64_mem(X64_RSP, h->guest_offset[n]), x64_pin_of_guest[n]);
        }
    }
}

static void
thunk_load_guest(X64Asm *a, const TcgHost *h)
{
    for (unsigned n = 0; n < 16; n++) {
        if (x64_pin_of_guest[n] >= 0) {
            x64_mov_load(a, 8, x64_pin_of_guest[n], x64_mem(X64_RSP, h->guest_offset[n]));
        }
    }
}

/* Jumps when the mode has no upper halves. Clobbers EFLAGS. */
static uint8_t *
thunk_unless_ymm(X64Asm *a, const TcgHost *h)
{
    x64_group(a, 4, 0xf7, 0, x64_mem(X64_RSP, (int32_t)offsetof(EmuTcgState, mode_key))); /* test [], imm */
    x64_u32(a, 1u << h->fe->ymm_mode_bit);
    return x64_jcc_forward(a, 4);
}

/* vinsertf128 ymm, ymm, [state], 1; vextractf128 [state], ymm, 1 */
static void
thunk_halves(X64Asm *a, const TcgHost *h, bool restore)
{
    for (unsigned n = 0; n < 16; n++) {
        x64_byte(a, 0xc4);
        x64_byte(a, n & 8 ? 0x63 : 0xe3);
        x64_byte(a, restore ? (~n & 15) << 3 | 5 : 0x7d);
        x64_byte(a, restore ? 0x18 : 0x19);
        x64_byte(a, 0x84 | (n & 7) << 3);
        x64_byte(a, 0x24);
        x64_u32(a, h->fe->ymm_high_offset + n * 16);
        x64_byte(a, 1);
    }
}

static void
thunk_vzeroupper(X64Asm *a)
{
    x64_byte(a, 0xc5);
    x64_byte(a, 0xf8);
    x64_byte(a, 0x77);
}

/*
 * Upper halves of the guest's vector registers, in a mode that has them. The mode key changes in C only, so that what is
 * loaded under one is saved under the same. C code then meets upper halves of zero, as the ABI has it. Clobbers EFLAGS.
 */
static void
thunk_ymm_high(X64Asm *a, const TcgHost *h, bool restore)
{
    uint8_t *skip;

    if (h->fe->ymm_high_offset == 0) {
        return;
    }
    skip = thunk_unless_ymm(a, h);
    thunk_halves(a, h, restore);
    if (!restore) {
        thunk_vzeroupper(a);
    }
    x64_bind(a, skip);
}

static void
thunk_fx(X64Asm *a, const TcgHost *h, bool restore)
{
    if (!restore) {
        thunk_ymm_high(a, h, false);
    }
    x64_op(a, 8, 0x0fae, restore ? 1 : 0, x64_mem(X64_RSP, (int32_t)h->fe->fx_offset));
    if (restore) {
        thunk_ymm_high(a, h, true);
    }
}

/* Guest vector and x87 state to memory; the C ABI's control words. */
static void
thunk_fx_save(X64Asm *a, const TcgHost *h)
{
    int32_t slot = h->hot_offset + (int32_t)offsetof(TcgHot, spill) + X64_SPILL_RAX * 8;

    thunk_fx(a, h, false);
    x64_byte(a, 0xdb); /* fninit */
    x64_byte(a, 0xe3);
    x64_mov_store_imm(a, 4, x64_mem(X64_RSP, slot), (int32_t)host_mxcsr);
    x64_op(a, 4, 0x0fae, 2, x64_mem(X64_RSP, slot)); /* ldmxcsr */
}

/*
 * The same for C code that has nothing to do with the guest's: vector registers and MXCSR, which the C ABI lets it change,
 * are kept; the x87 stays where it is, because compiled C code has no use for it.
 */
static void
thunk_xmm(X64Asm *a, const TcgHost *h, bool restore)
{
    for (unsigned n = 0; n < 16; n++) {
        x64_op(a, 4, restore ? 0x0f10 : 0x0f11, n, x64_mem(X64_RSP, (int32_t)h->fe->fx_offset + 160 + (int32_t)n * 16)); /* movups */
    }
}

/* vmovups between whole registers and the scratch area */
static void
thunk_ymm(X64Asm *a, const TcgHost *h, bool restore)
{
    for (unsigned n = 0; n < 16; n++) {
        x64_byte(a, 0xc5);
        x64_byte(a, n & 8 ? 0x7c : 0xfc);
        x64_byte(a, restore ? 0x10 : 0x11);
        x64_byte(a, 0x84 | (n & 7) << 3);
        x64_byte(a, 0x24);
        x64_u32(a, (uint32_t)h->hot_offset + offsetof(TcgHot, vectors) + n * 32);
    }
}

/* In a mode with upper halves the registers go to the scratch area whole. The C code may change the mode. */
static void
thunk_vectors(X64Asm *a, const TcgHost *h, bool restore)
{
    X64Rm whole = x64_mem(X64_RSP, h->hot_offset + (int32_t)offsetof(TcgHot, vectors_whole));
    bool has_ymm = h->fe->ymm_high_offset != 0;
    uint8_t *plain = NULL, *done = NULL, *same;

    if (!restore) {
        if (has_ymm) {
            x64_mov_store_imm(a, 4, whole, 0);
            plain = thunk_unless_ymm(a, h);
            x64_mov_store_imm(a, 4, whole, 1);
            thunk_ymm(a, h, false);
            thunk_vzeroupper(a);
            done = x64_jmp_forward(a);
            x64_bind(a, plain);
        }
        thunk_xmm(a, h, false);
    } else {
        if (has_ymm) {
            x64_alu_imm(a, X64_CMP, 4, whole, 0);
            plain = x64_jcc_forward(a, 4);
            thunk_ymm(a, h, true);
            x64_group(a, 4, 0xf7, 0, x64_mem(X64_RSP, (int32_t)offsetof(EmuTcgState, mode_key)));
            x64_u32(a, 1u << h->fe->ymm_mode_bit);
            same = x64_jcc_forward(a, 5);
            thunk_halves(a, h, false); /* from now on they are in the state */
            x64_bind(a, same);
            done = x64_jmp_forward(a);
            x64_bind(a, plain);
        }
        thunk_xmm(a, h, true);
        thunk_ymm_high(a, h, true);
    }
    if (done != NULL) {
        x64_bind(a, done);
    }
    x64_op(a, 4, 0x0fae, restore ? 2 : 3, x64_mem(X64_RSP, (int32_t)h->fe->fx_offset + 24)); /* ldmxcsr, stmxcsr */
}

static void
thunk_vectors_save(X64Asm *a, const TcgHost *h)
{
    int32_t slot = h->hot_offset + (int32_t)offsetof(TcgHot, spill) + X64_SPILL_RAX * 8;
    uint8_t *usual;

    thunk_vectors(a, h, false);
    x64_mov_load(a, 4, X64_RAX, x64_mem(X64_RSP, (int32_t)h->fe->fx_offset + 24));
    x64_alu_imm(a, X64_AND, 4, x64_reg(X64_RAX), ~0x3f);
    x64_alu_imm(a, X64_CMP, 4, x64_reg(X64_RAX), (int32_t)host_mxcsr);
    usual = x64_jcc_forward(a, 4);
    x64_mov_store_imm(a, 4, x64_mem(X64_RSP, slot), (int32_t)host_mxcsr);
    x64_op(a, 4, 0x0fae, 2, x64_mem(X64_RSP, slot));
    x64_bind(a, usual);
}

/* image -> EFLAGS, rax last */
static void
thunk_load_flags(X64Asm *a, const TcgHost *h)
{
    x64_mov_load(a, 2, X64_RAX, x64_mem(X64_RSP, X64_ST_IMAGE));
    x64_alu_imm(a, X64_ADD, 1, x64_reg(X64_RAX), 0x7f);
    x64_byte(a, 0x9e);
    x64_mov_load(a, 8, X64_RAX, x64_mem(X64_RSP, h->guest_offset[0]));
}

static void
thunk_jmp_reg(X64Asm *a, unsigned reg)
{
    x64_group(a, 4, 0xff, 4, x64_reg(reg));
}

static void
thunk_call_c(X64Asm *a, const void *fn)
{
    x64_mov_imm(a, X64_RAX, (uintptr_t)fn);
    x64_group(a, 4, 0xff, 2, x64_reg(X64_RAX));
}

static const uint8_t *
thunk_begin(X64Asm *a)
{
    while ((uintptr_t)a->p & 15) {
        x64_byte(a, 0xcc);
    }
    return a->p + a->exec_delta;
}

static const uint8_t c_saved[6] = {X64_RBP, X64_RBX, X64_R12, X64_R13, X64_R14, X64_R15};

static void
thunk_return_to_c(X64Asm *a)
{
    x64_mov_load(a, 8, X64_RSP, x64_mem(X64_RSP, X64_ST_CSP));
    x64_alu_imm(a, X64_ADD, 8, x64_reg(X64_RSP), 8);
    for (unsigned i = 6; i-- > 0;) {
        x64_pop(a, c_saved[i]);
    }
    x64_byte(a, 0xc3);
}

/* void enter(state, code) */
static void
thunk_enter(X64Asm *a, TcgHost *h)
{
    h->t_enter = thunk_begin(a);
    for (unsigned i = 0; i < 6; i++) {
        x64_push(a, c_saved[i]);
    }
    x64_alu_imm(a, X64_SUB, 8, x64_reg(X64_RSP), 8);
    x64_mov_store(a, 8, x64_mem(X64_RDI, X64_ST_CSP), X64_RSP);
    x64_mov_rr(a, 8, X64_RSP, X64_RDI);
    x64_mov_rr(a, 8, X64_R10, X64_RSI);
    x64_mov_store_imm(a, 4, x64_mem(X64_RSP, X64_ST_LEFT), 0);
    thunk_fx(a, h, true);
    thunk_load_guest(a, h);
    thunk_load_flags(a, h);
    thunk_jmp_reg(a, X64_R10);
}

/* Jumped to with r9 = pc, FLAGS in the image; at t_exit_reason also r10d = what to leave in X64_ST_LEFT. */
static void
thunk_exit(X64Asm *a, TcgHost *h)
{
    h->t_exit = thunk_begin(a);
    x64_mov_imm(a, X64_R10, 1);
    h->t_exit_reason = a->p + a->exec_delta;
    x64_mov_store(a, 8, x64_mem(X64_RSP, X64_ST_PC), X64_R9);
    x64_mov_store(a, 4, x64_mem(X64_RSP, X64_ST_LEFT), X64_R10);
    thunk_store_guest(a, h);
    thunk_fx_save(a, h);
    thunk_return_to_c(a);
}

/*
 * Jumped to with r9 = pc, r11d = number of the block that the jump ends: C finds the block, else leave.  What is pushed must
 * leave rsp 16-aligned; the state is.
 */
static const uint8_t fast_saved[] = {X64_RAX, X64_RCX, X64_RDX, X64_RSI, X64_RDI, X64_R8, X64_R9};

static const uint8_t *
thunk_lookup(X64Asm *a, TcgHost *h)
{
    const uint8_t *at = thunk_begin(a);
    unsigned n = G_N_ELEMENTS(fast_saved);

    for (unsigned i = 0; i < n; i++) {
        x64_push(a, fast_saved[i]);
    }
    x64_lea(a, 8, X64_RDI, x64_mem(X64_RSP, (int32_t)n * 8));
    x64_alu_imm(a, X64_SUB, 8, x64_reg(X64_RSP), 8);
    x64_mov_rr(a, 8, X64_RSI, X64_R9);
    x64_mov_rr(a, 4, X64_RDX, X64_R11);
    thunk_call_c(a, (const void *)h->callbacks.lookup_fast);
    x64_mov_rr(a, 8, X64_R10, X64_RAX);
    x64_alu_imm(a, X64_ADD, 8, x64_reg(X64_RSP), 8);
    for (unsigned i = n; i-- > 0;) {
        x64_pop(a, fast_saved[i]);
    }
    x64_op(a, 8, 0x85, X64_R10, x64_reg(X64_R10)); /* test r10, r10 */
    x64_jcc(a, 4, h->t_exit);
    thunk_jmp_reg(a, X64_R10);
    return at;
}

/* Called, never returned from: the return address says which block's stub it is, and C where that leads. */
static const uint8_t *
thunk_way_out(X64Asm *a, TcgHost *h)
{
    const uint8_t *at = thunk_begin(a);
    unsigned n = G_N_ELEMENTS(fast_saved) - 1; /* not r9 */

    x64_pop(a, X64_R10);
    for (unsigned i = 0; i < n; i++) {
        x64_push(a, fast_saved[i]);
    }
    x64_lea(a, 8, X64_RDI, x64_mem(X64_RSP, (int32_t)n * 8));
    x64_mov_rr(a, 8, X64_RSI, X64_R10);
    thunk_call_c(a, (const void *)h->callbacks.way_out_fast);
    x64_mov_rr(a, 8, X64_R10, X64_RAX);
    x64_mov_rr(a, 8, X64_R9, X64_RDX);
    for (unsigned i = n; i-- > 0;) {
        x64_pop(a, fast_saved[i]);
    }
    x64_op(a, 8, 0x85, X64_R10, x64_reg(X64_R10));
    x64_jcc(a, 4, h->t_exit);
    thunk_jmp_reg(a, X64_R10);
    return at;
}

/*
 * Called with the return address on the stack, FLAGS in the image, scratch registers dead: everything to
 * the state, C decides where to go on.
 */
static const uint8_t *
thunk_full(X64Asm *a, TcgHost *h, const void *fn, bool integer)
{
    const uint8_t *at = thunk_begin(a);
    uint8_t *leave;

    x64_pop(a, X64_R10);
    thunk_store_guest(a, h);
    if (integer) {
        thunk_vectors_save(a, h);
    } else {
        thunk_fx_save(a, h);
    }
    x64_mov_rr(a, 8, X64_RDI, X64_RSP);
    x64_mov_rr(a, 8, X64_RSI, X64_R10);
    x64_mov_rr(a, 8, X64_RBX, X64_RSP);
    x64_mov_load(a, 8, X64_RSP, x64_mem(X64_RSP, X64_ST_CSP));
    thunk_call_c(a, fn);
    x64_mov_rr(a, 8, X64_RSP, X64_RBX);
    x64_op(a, 8, 0x85, X64_RAX, x64_reg(X64_RAX));
    leave = x64_jcc_forward(a, 4);
    x64_mov_rr(a, 8, X64_R10, X64_RAX);
    if (integer) {
        thunk_vectors(a, h, true);
    } else {
        thunk_fx(a, h, true);
    }
    thunk_load_guest(a, h);
    thunk_load_flags(a, h);
    thunk_jmp_reg(a, X64_R10);
    x64_bind(a, leave);
    if (integer) {
        thunk_vectors(a, h, true);
        thunk_fx_save(a, h);
    }
    thunk_return_to_c(a);
    return at;
}

/*
 * The TLB probe of tcg_fast_miss(), for the common case of a hit: refills the prediction slot and returns to
 * the stub.  Falls through with all registers as they were.
 */
static void
thunk_probe(X64Asm *a, const TcgHost *h)
{
    /* The state is this far above rsp: return address, three saved registers. */
    const int32_t st = 4 * 8;
    const int32_t vcpu = st + h->hot_offset + TCG_HOT_ROUNDED;
    const int32_t predict = st + h->hot_offset + (int32_t)offsetof(TcgHot, predict);
    const int32_t hashed = st + h->hot_offset + (int32_t)offsetof(TcgHot, hashed);
    uint8_t *slow[6], *local, *skip, *other, *fixed, *upper;

    G_STATIC_ASSERT(sizeof(TcgTlbEntry) == 64 && sizeof(TcgPredict) == 32 && TCG_PREDICT_SLOTS == 32);
    G_STATIC_ASSERT((offsetof(TcgHot, hashed) - offsetof(TcgHot, predict)) % sizeof(TcgPredict) == 0);
    x64_push(a, X64_RAX);
    x64_push(a, X64_RCX);
    x64_push(a, X64_RDX);
    x64_alu_imm(a, X64_CMP, 4, x64_mem(X64_RSP, vcpu + (int32_t)offsetof(EmuTcgVcpu, force_interp)), 0);
    slow[0] = x64_jcc_forward(a, 5);
    x64_alu_imm(a, X64_SUB, 4, x64_mem(X64_RSP, vcpu + (int32_t)offsetof(EmuTcgVcpu, miss_budget)), 1);
    slow[5] = x64_jcc_forward(a, 8);
    /* rdx = entry */
    x64_mov_load(a, 4, X64_RCX, x64_mem(X64_RSP, st + X64_ST_DESC));
    x64_mov_rr(a, 4, X64_RAX, X64_RCX);
    x64_alu_imm(a, X64_AND, 4, x64_reg(X64_RAX), 7 << 5);
    x64_group(a, 4, 0xc1, 4, x64_reg(X64_RAX)); /* shl eax: mode * entries * 64 */
    x64_byte(a, TCG_TLB_BITS + 6 - 5);
    x64_mov_rr(a, 8, X64_RDX, X64_R10);
    x64_group(a, 8, 0xc1, 5, x64_reg(X64_RDX)); /* shr rdx */
    x64_byte(a, TCG_PAGE_BITS - TCG_TLB_ENTRY_BITS);
    x64_alu_load(a, X64_XOR, 4, X64_RDX, x64_mem(X64_RSP, vcpu + (int32_t)offsetof(EmuTcgVcpu, salt)));
    x64_op(a, 8, 0x85, X64_R10, x64_reg(X64_R10)); /* test r10, r10 */
    upper = x64_jcc_forward(a, 8);
    x64_alu_load(a, X64_XOR, 4, X64_RDX, x64_mem(X64_RSP, vcpu + (int32_t)offsetof(EmuTcgVcpu, salt_lower)));
    x64_bind(a, upper);
    x64_alu_imm(a, X64_AND, 4, x64_reg(X64_RDX), (int32_t)((TCG_TLB_SIZE - 1) << TCG_TLB_ENTRY_BITS));
    x64_alu_load(a, X64_ADD, 4, X64_RDX, x64_reg(X64_RAX));
    x64_lea(a, 8, X64_RDX,
            x64_mem_index(X64_RSP, X64_RDX, 0, vcpu + (int32_t)offsetof(EmuTcgVcpu, tlb)));
    /* rax = offset in the page, when the tag is plain */
    x64_mov_rr(a, 4, X64_RAX, X64_RCX);
    x64_group(a, 4, 0xc1, 5, x64_reg(X64_RAX));
    x64_byte(a, 8);
    x64_alu_imm(a, X64_AND, 4, x64_reg(X64_RAX), 3);
    x64_mov_load(a, 8, X64_RAX, x64_mem_index(X64_RDX, X64_RAX, 3, (int32_t)offsetof(TcgTlbEntry, tag)));
    x64_alu_load(a, X64_XOR, 8, X64_RAX, x64_reg(X64_R10));
    x64_alu_imm(a, X64_CMP, 8, x64_reg(X64_RAX), (int32_t)TCG_PAGE_SIZE - 1);
    slow[1] = x64_jcc_forward(a, 7);
    x64_group(a, 4, 0xc1, 5, x64_reg(X64_RCX));
    x64_byte(a, 10);
    x64_alu_imm(a, X64_AND, 4, x64_reg(X64_RCX), 1023);
    x64_alu_load(a, X64_ADD, 4, X64_RCX, x64_reg(X64_RAX));
    x64_alu_imm(a, X64_CMP, 4, x64_reg(X64_RCX), (int32_t)TCG_PAGE_SIZE);
    slow[2] = x64_jcc_forward(a, 7);
    /* A tag with flags differs from the page in its low bits: rax would be wrong, not large. */
    x64_mov_rr(a, 8, X64_RCX, X64_R10);
    x64_alu_imm(a, X64_AND, 4, x64_reg(X64_RCX), (int32_t)TCG_PAGE_SIZE - 1);
    x64_alu_load(a, X64_CMP, 4, X64_RCX, x64_reg(X64_RAX));
    slow[3] = x64_jcc_forward(a, 5);
    x64_mov_load(a, 8, X64_RAX, x64_mem(X64_RDX, offsetof(TcgTlbEntry, gen)));
    x64_alu_load(a, X64_CMP, 8, X64_RAX,
                 x64_mem(X64_RSP, vcpu + (int32_t)offsetof(EmuTcgVcpu, gen_local)));
    local = x64_jcc_forward(a, 4);
    x64_alu_load(a, X64_CMP, 8, X64_RAX,
                 x64_mem(X64_RSP, vcpu + (int32_t)offsetof(EmuTcgVcpu, gen_global)));
    slow[4] = x64_jcc_forward(a, 5);
    x64_bind(a, local);
    /* rcx = slot, rax = page; a kind of access that is not plain leaves its base empty */
    x64_movzx(a, 1, X64_RCX, x64_mem(X64_RSP, st + X64_ST_DESC));
    x64_mov_rr(a, 4, X64_RAX, X64_RCX);
    x64_alu_imm(a, X64_AND, 4, x64_reg(X64_RAX), TCG_PREDICT_SLOTS - 1);
    x64_alu_imm(a, X64_CMP, 4, x64_reg(X64_RAX), TCG_SLOT_HASHED);
    fixed = x64_jcc_forward(a, 5);
    x64_group(a, 4, 0xc1, 5, x64_reg(X64_RCX)); /* mode */
    x64_byte(a, 5);
    x64_mov_store_imm(a, 1, x64_mem_index(X64_RSP, X64_RCX, 0, vcpu + (int32_t)offsetof(EmuTcgVcpu, hashed_used)), 1);
    x64_mov_rr(a, 8, X64_RAX, X64_R10);
    x64_group(a, 8, 0xc1, 5, x64_reg(X64_RAX));
    x64_byte(a, TCG_PAGE_BITS);
    x64_alu_imm(a, X64_AND, 4, x64_reg(X64_RAX), TCG_HASHED_SIZE - 1);
    x64_group(a, 4, 0xc1, 4, x64_reg(X64_RCX));
    x64_byte(a, TCG_HASHED_BITS);
    x64_alu_load(a, X64_ADD, 4, X64_RCX, x64_reg(X64_RAX));
    x64_alu_imm(a, X64_ADD, 4, x64_reg(X64_RCX), (hashed - predict) / (int32_t)sizeof(TcgPredict));
    x64_bind(a, fixed);
    x64_group(a, 4, 0xc1, 4, x64_reg(X64_RCX));
    x64_byte(a, 5);
    x64_lea(a, 8, X64_RCX, x64_mem_index(X64_RSP, X64_RCX, 0, predict));
    x64_mov_rr(a, 8, X64_RAX, X64_R10);
    x64_alu_imm(a, X64_AND, 8, x64_reg(X64_RAX), -(int32_t)TCG_PAGE_SIZE);
    x64_mov_imm(a, X64_R10, TCG_PREDICT_EMPTY);
    for (unsigned access = 0; access < 2; access++) {
        int32_t base = access == EMU_TCG_READ ? (int32_t)offsetof(TcgPredict, read_base)
                                              : (int32_t)offsetof(TcgPredict, write_base);

        x64_alu_load(a, X64_CMP, 8, X64_RAX, x64_mem(X64_RDX, (int32_t)access * 8));
        other = x64_jcc_forward(a, 5);
        x64_mov_store(a, 8, x64_mem(X64_RCX, base), X64_RAX);
        skip = x64_jmp_forward(a);
        x64_bind(a, other);
        x64_mov_store(a, 8, x64_mem(X64_RCX, base), X64_R10);
        x64_bind(a, skip);
    }
    x64_mov_load(a, 8, X64_R10, x64_mem(X64_RDX, offsetof(TcgTlbEntry, delta)));
    x64_mov_store(a, 8, x64_mem(X64_RCX, offsetof(TcgPredict, delta)), X64_R10);
    x64_pop(a, X64_RDX);
    x64_pop(a, X64_RCX);
    x64_pop(a, X64_RAX);
    x64_byte(a, 0xc3);
    for (unsigned i = 0; i < G_N_ELEMENTS(slow); i++) {
        x64_bind(a, slow[i]);
    }
    x64_pop(a, X64_RDX);
    x64_pop(a, X64_RCX);
    x64_pop(a, X64_RAX);
}

/*
 * Called from a stub with r10 = address, description in the state: r10 = delta and back, or the
 * instruction goes to the interpreter.  Keeps all registers but r10.
 */
static void
thunk_miss(X64Asm *a, TcgHost *h, bool integer)
{
    static const uint8_t saved[] = {X64_RAX, X64_RCX, X64_RDX, X64_RSI,
                                    X64_RDI, X64_R8,  X64_R9,  X64_R11};
    unsigned n = G_N_ELEMENTS(saved);
    uint8_t *fail, *divert;

    h->t_miss[integer] = thunk_begin(a);
    thunk_probe(a, h);
    x64_mov_store(a, 8, x64_mem(X64_RSP, X64_ST_PC + 8), X64_R10);
    for (unsigned i = 0; i < n; i++) {
        x64_push(a, saved[i]);
    }
    x64_lea(a, 8, X64_RDI, x64_mem(X64_RSP, (int32_t)n * 8 + 8));
    x64_alu_imm(a, X64_SUB, 8, x64_reg(X64_RSP), 8);
    x64_mov_rr(a, 8, X64_RSI, X64_R10);
    x64_mov_load(a, 4, X64_RDX, x64_mem(X64_RDI, X64_ST_DESC));
    x64_mov_load(a, 8, X64_RCX, x64_mem(X64_RDI, -8)); /* return address */
    thunk_call_c(a, (const void *)h->callbacks.miss_fast);
    x64_mov_rr(a, 8, X64_R10, X64_RAX);
    x64_alu_imm(a, X64_CMP, 4, x64_reg(X64_RDX), TCG_MISS_FOUND);
    fail = x64_jcc_forward(a, 2);
    divert = x64_jcc_forward(a, 7);
    for (unsigned pass = 0; pass < 3; pass++) {
        x64_alu_imm(a, X64_ADD, 8, x64_reg(X64_RSP), 8);
        for (unsigned i = n; i-- > 0;) {
            x64_pop(a, saved[i]);
        }
        if (pass == 0) {
            x64_byte(a, 0xc3);
            x64_bind(a, divert);
        } else if (pass == 1) {
            x64_alu_imm(a, X64_ADD, 8, x64_reg(X64_RSP), 8);
            thunk_jmp_reg(a, X64_R10);
            x64_bind(a, fail);
        } else {
            x64_mov_store_imm(a, 4, x64_mem(X64_RSP, X64_ST_LEFT + 8), X64_LEFT_MISSED);
            x64_jmp(a, h->t_interp[integer]);
        }
    }
}

/*
 * Called with r9 = a function for general registers only, r11 = its argument, FLAGS in the image. It runs on the small
 * stack; when it wants so, the instruction goes to the interpreter.
 */
static void
thunk_general(X64Asm *a, TcgHost *h, bool integer)
{
    uint8_t *done;

    h->t_general[integer] = thunk_begin(a);
    x64_pop(a, X64_R10);
    x64_mov_store(a, 8, x64_mem(X64_RSP, X64_ST_PC), X64_R10);
    thunk_store_guest(a, h);
    x64_mov_rr(a, 8, X64_RDI, X64_RSP);
    x64_mov_rr(a, 8, X64_RSI, X64_R11);
    x64_group(a, 4, 0xff, 2, x64_reg(X64_R9));
    x64_mov_rr(a, 4, X64_R9, X64_RAX);
    thunk_load_guest(a, h);
    x64_mov_load(a, 8, X64_R10, x64_mem(X64_RSP, X64_ST_PC));
    x64_op(a, 4, 0x85, X64_R9, x64_reg(X64_R9));
    done = x64_jcc_forward(a, 4);
    x64_push(a, X64_R10);
    x64_jmp(a, h->t_interp[integer]);
    x64_bind(a, done);
    thunk_jmp_reg(a, X64_R10);
}

uint32_t
tcg_host_emit_thunks(TcgHost *h, uint8_t *write, const uint8_t *exec, uint32_t room)
{
    X64Asm asm_ = {.p = write, .end = write + room, .exec_delta = exec - write};
    X64Asm *a = &asm_;

    thunk_enter(a, h);
    thunk_exit(a, h);
    h->t_lookup = thunk_lookup(a, h);
    h->t_way_out = thunk_way_out(a, h);
    for (unsigned integer = 0; integer < 2; integer++) {
        h->t_interp[integer] = thunk_full(a, h, (const void *)h->callbacks.interp, integer);
        h->t_interp_end[integer] = thunk_full(a, h, (const void *)h->callbacks.interp_end, integer);
        h->t_call[integer] = thunk_full(a, h, (const void *)h->callbacks.call, integer);
        thunk_miss(a, h, integer);
        thunk_general(a, h, integer);
    }
    return a->p - write;
}

void
tcg_host_enter(const TcgHost *h, EmuTcgState *s, uintptr_t code)
{
    ((void (*)(EmuTcgState *, uintptr_t))(uintptr_t)h->t_enter)(s, code);
}

/* ---- the state's words ---------------------------------------------------------------------------------------- */

static inline void *
state_at(EmuTcgState *s, int offset)
{
    return (char *)s + offset;
}

bool
tcg_host_left_with_pc(EmuTcgState *s, uint64_t *pc, EmuTcgExit *reason)
{
    uint32_t left = *(uint32_t *)state_at(s, X64_ST_LEFT);

    *pc = *(uint64_t *)state_at(s, X64_ST_PC);
    *reason = left > X64_LEFT_REASON ? (EmuTcgExit)(left - X64_LEFT_REASON) : EMU_TCG_EXIT_NONE;
    return left != 0;
}

bool
tcg_host_missed(EmuTcgState *s, uint64_t *vaddr)
{
    uint32_t *left = state_at(s, X64_ST_LEFT);
    bool missed = *left == X64_LEFT_MISSED;

    *left = 0;
    *vaddr = *(uint64_t *)state_at(s, X64_ST_PC);
    return missed;
}

void
tcg_host_call_operands(const TcgHost *h, EmuTcgState *s, const EmuTcgHelper **helper,
                       uint64_t **args)
{
    TcgHot *hot = state_at(s, h->hot_offset);

    *args = &hot->spill[X64_MAX_TEMP_SPILLS];
    *helper = (const EmuTcgHelper *)(uintptr_t)hot->spill[X64_MAX_TEMP_SPILLS + 3];
}

uint32_t
tcg_host_last_desc(EmuTcgState *s)
{
    return *(uint32_t *)state_at(s, X64_ST_DESC);
}

void
tcg_host_flags_to_guest(const TcgHost *h, EmuTcgState *s)
{
    const uint8_t *image = state_at(s, X64_ST_IMAGE);

    *(uint32_t *)state_at(s, h->flags_offset) =
        (image[1] & 0xd5u) | (image[0] != 0 ? (unsigned)EMU_TCG_FLAG_O : 0u);
}

void
tcg_host_flags_from_guest(const TcgHost *h, EmuTcgState *s)
{
    uint8_t *image = state_at(s, X64_ST_IMAGE);
    uint32_t flags = *(uint32_t *)state_at(s, h->flags_offset);

    image[1] = (flags & 0xd5) | 2;
    image[0] = (flags & EMU_TCG_FLAG_O) != 0;
}
