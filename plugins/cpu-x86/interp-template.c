/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Native templates: x87, MMX and SSE instructions run on the host's own units.
 *
 * x86_template_encode() re-encodes a decoded instruction with its memory operand at [base] and its
 * general registers renamed.  The interpreter wraps the result in a stub that moves operands between
 * the state and the host's registers; stubs are kept by instruction bytes.  Results are exact by
 * construction: the host executes the guest's own operation.
 */

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <sys/mman.h>

#include "x86-interp.h"

unsigned
x86_template_vex(const X86Insn *insn, unsigned rxb, unsigned vvvv, uint8_t *out)
{
    unsigned pp = insn->prefixes & X86_PFX_F2 ? 3 : insn->prefixes & X86_PFX_F3 ? 2 : insn->prefixes & X86_PFX_66 ? 1 : 0;
    /* W is a general register's width, which outside 64-bit code it does not change. */
    bool w = (insn->rex & 8) && (insn->mode == X86_MODE_CODE64 || (insn->row->select & X86_SEL_W1));

    out[0] = 0xc4;
    out[1] = (uint8_t)((~rxb & 7) << 5 | (insn->row->map - X86_MAP_VEX_0F + 1u));
    out[2] = (uint8_t)((w ? 0x80 : 0) | (~vvvv & 15) << 3 | (insn->vex & X86_VEX_L ? 4 : 0) | pp);
    out[3] = insn->opcode;
    return 4;
}

/* The immediate byte as it stands, but that outside 64-bit code it names one of eight registers. */
static unsigned
put_immediate(const X86Insn *insn, uint8_t *out)
{
    for (unsigned i = 0; i < insn->imm_size; i++) {
        out[i] = insn->bytes[insn->length - insn->imm_size + i];
    }
    if (insn->row->operands[3].kind == X86_K_L && insn->mode != X86_MODE_CODE64) {
        out[0] &= 0x7f;
    }
    return insn->imm_size;
}

unsigned
x86_template_encode(const X86Insn *insn, unsigned mem_base, unsigned gpr_reg, unsigned gpr_rm,
                    uint8_t *out)
{
    const X86Row *row = insn->row;
    unsigned n = 0, rex = insn->rex & 8, modrm = insn->modrm, vvvv = 0;
    /* 66 belongs to the opcode, or it gives the size of a general operand in the guest's mode. */
    bool byte_gpr = false, pfx66 = (row->select & X86_SEL_PREFIX) == X86_SEL_66;

    for (unsigned i = 0; i < insn->n_operands; i++) {
        const X86RowOperand *ro = &row->operands[i];
        const X86Operand *op = &insn->op[i];

        pfx66 |= ro->size == X86_SZ_V && insn->opsize == 2;
        switch (ro->kind) {
        case X86_K_G:
            modrm = (modrm & ~0x38u) | (gpr_reg & 7) << 3;
            rex |= (gpr_reg & 8) >> 1;
            break;
        case X86_K_H:
            vvvv = op->reg;
            break;
        case X86_K_E:
        case X86_K_R:
            if (op->kind == X86_OPND_GPR) {
                modrm = (modrm & ~7u) | (gpr_rm & 7);
                rex |= (gpr_rm & 8) >> 3;
                byte_gpr |= op->size == 1;
            }
            break;
        case X86_K_V:
            rex |= (op->reg & 8) >> 1;
            break;
        case X86_K_W:
        case X86_K_U:
            if (op->kind == X86_OPND_XMM) {
                rex |= (op->reg & 8) >> 3;
            }
            break;
        }
        if (op->kind == X86_OPND_MEM) {
            modrm = (modrm & 0x38) | (mem_base & 7);
            rex |= (mem_base & 8) >> 3;
            if ((mem_base & 7) == 5) {
                modrm |= 0x40; /* [rbp], [r13] need a displacement */
            }
        }
    }
    if (insn->vex) {
        n = x86_template_vex(insn, rex & 7, vvvv, out);
    } else {
        if (pfx66) {
            out[n++] = 0x66;
        }
        if (insn->prefixes & X86_PFX_F2) {
            out[n++] = 0xf2;
        } else if (insn->prefixes & X86_PFX_F3) {
            out[n++] = 0xf3;
        }
        if (rex || byte_gpr) {
            out[n++] = (uint8_t)(0x40 | rex);
        }
        if (row->map != X86_MAP_PRIMARY && row->map != X86_MAP_X87) {
            out[n++] = 0x0f;
        }
        if (row->map == X86_MAP_0F38 || row->map == X86_MAP_0F3A) {
            out[n++] = row->map == X86_MAP_0F38 ? 0x38 : 0x3a;
        }
        out[n++] = insn->opcode;
    }
    if (insn->has_modrm) {
        out[n++] = (uint8_t)modrm;
        if (x86_insn_mem_operand(insn) >= 0) {
            if ((mem_base & 7) == 4) {
                out[n++] = 0x24; /* SIB: base only */
            } else if ((mem_base & 7) == 5) {
                out[n++] = 0;
            }
        }
    }
    return n + put_immediate(insn, out + n);
}

#if defined(__x86_64__)

static void
read_host_features(uint32_t *f)
{
    unsigned a, b, c, d;
    uint32_t xcr0 = 0;

    __cpuid(1, a, b, c, d);
    f[X86_CPUID_1_EDX] = d;
    f[X86_CPUID_1_ECX] = c;
    if (c & bit_OSXSAVE) {
        __asm__("xgetbv" : "=a"(xcr0) : "c"(0) : "edx");
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        f[X86_CPUID_7_EBX] = b;
        f[X86_CPUID_7_ECX] = c;
        f[X86_CPUID_7_EDX] = d;
    }
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) {
        f[X86_CPUID_7_1_EAX] = a;
    }
    if (__get_cpuid_count(0xd, 1, &a, &b, &c, &d)) {
        f[X86_CPUID_D_1_EAX] = a;
    }
    if (__get_cpuid(0x80000001u, &a, &b, &c, &d)) {
        f[X86_CPUID_80000001_EDX] = d;
        f[X86_CPUID_80000001_ECX] = c;
    }
    if (__get_cpuid(0x80000008u, &a, &b, &c, &d)) {
        f[X86_CPUID_80000008_EBX] = b;
    }
    if ((xcr0 & 6) != 6) {
        /* What needs the upper halves: the OS does not keep them. */
        f[X86_FEAT_AVX >> 5] &= ~(1u << (X86_FEAT_AVX & 31) | 1u << (X86_FEAT_FMA & 31) | 1u << (X86_FEAT_F16C & 31));
        f[X86_FEAT_AVX2 >> 5] &= ~(1u << (X86_FEAT_AVX2 & 31));
        f[X86_FEAT_VAES >> 5] &= ~(1u << (X86_FEAT_VAES & 31) | 1u << (X86_FEAT_VPCLMULQDQ & 31));
        f[X86_FEAT_AVX_VNNI >> 5] &= ~(1u << (X86_FEAT_AVX_VNNI & 31));
    }
}

const uint32_t *
x86_host_features(void)
{
    static uint32_t words[X86_N_FEATURE_WORDS];
    static gsize once;

    if (g_once_init_enter(&once)) {
        read_host_features(words);
        g_once_init_leave(&once, 1);
    }
    return words;
}

/* What a stub works on; rdi points at it. */
typedef struct {
    void *state;         /*  0 */
    void *memory;        /*  8: the bounce buffer */
    uint32_t mxcsr;      /* 16: in and out */
    uint32_t host_mxcsr; /* 20 */
    uint64_t flags;      /* 24: in and out */
    uint64_t gpr_reg;    /* 32 */
    uint64_t gpr_rm;     /* 40 */
    uint64_t rax, rdx;   /* 48, 56 */
    uint64_t rcx;        /* 64 */
    uint64_t reserved[7];
    X86Fxsave fx __attribute__((aligned(64))); /* 128 */
    uint8_t bounce[64] __attribute__((aligned(64)));
} StubContext;

G_STATIC_ASSERT(offsetof(StubContext, fx) == 128);

typedef void (*StubFn)(StubContext *);

/* This far before a stub that may trap is where it goes on then. */
#define STUB_RESUME 16

typedef struct {
    uint8_t key[16];
    StubFn fn;
} StubEntry;

#define STUB_HASH_BITS 12
#define STUB_HASH (1u << STUB_HASH_BITS)
#define STUB_MEMORY (1u << 20)
#define STUB_MAX 512u

struct _X86StubCache {
    uint8_t *memory;
    unsigned used;
    StubEntry table[STUB_HASH];
};

/* Registers inside a stub. */
enum { HOST_STATE = 10, HOST_MEM = 9, HOST_REG = 8, HOST_RM = 11 };

typedef struct {
    uint8_t *p;
} Code;

static void
emit(Code *c, const void *bytes, unsigned n)
{
    memcpy(c->p, bytes, n);
    c->p += n;
}

#define EMIT(c, ...)                                                                               \
    do {                                                                                           \
        const uint8_t emit_bytes[] = {__VA_ARGS__};                                                \
        emit(c, emit_bytes, sizeof(emit_bytes));                                                   \
    } while (0)

static void
emit_disp32(Code *c, uint32_t v)
{
    emit(c, &v, 4);
}

/* movups between xmm n and [r10 + its place in the state] */
static void
emit_xmm(Code *c, unsigned n, bool store)
{
    EMIT(c, (uint8_t)(0x41 | (n & 8) >> 1), 0x0f, store ? 0x11 : 0x10,
         (uint8_t)(0x82 | (n & 7) << 3));
    emit_disp32(c, (uint32_t)(offsetof(X86State, fx.xmm) + 16 * n));
}

/* All of ymm n: its halves lie apart in the state, as XSAVE lays them out. */
static void
emit_ymm(Code *c, unsigned n, bool store)
{
    uint8_t r = (n & 8) ? 0x43 : 0xc3; /* R inverted; B: r10 */

    emit_xmm(c, n, store);
    /* vextractf128 [high], ymm, 1; vinsertf128 ymm, ymm, [high], 1 */
    EMIT(c, 0xc4, r, (uint8_t)(store ? 0x7d : (~n & 15) << 3 | 5), store ? 0x19 : 0x18, (uint8_t)(0x82 | (n & 7) << 3));
    emit_disp32(c, (uint32_t)(offsetof(X86State, xsave) + X86_XSAVE_YMM_HIGH + 16 * n));
    EMIT(c, 1);
}

static void
emit_vector(Code *c, const X86Insn *insn, unsigned n, bool store)
{
    if (insn->vex) {
        emit_ymm(c, n, store);
    } else {
        emit_xmm(c, n, store);
    }
}

static bool
uses_x87_stack(const X86Row *row)
{
    return (row->attr & (X86_A_X87 | X86_A_MMX)) != 0;
}

static StubFn
build(X86StubCache *cache, const X86Insn *insn)
{
    const X86Row *row = insn->row;
    uint32_t attr = row->attr;
    uint8_t body[16];
    unsigned n = x86_template_encode(insn, HOST_MEM, HOST_REG, HOST_RM, body);
    bool full = uses_x87_stack(row), fp = attr & X86_A_FP, reg_out = false, rm_out = false;
    uint32_t xmm_in = 0, xmm_out = 0;
    Code c;
    StubFn fn;

    if (cache->used + STUB_MAX > STUB_MEMORY) {
        cache->used = 0;
        memset(cache->table, 0, sizeof(cache->table));
    }
    c.p = cache->memory + cache->used;
    if (fp) {
        uint8_t *start = c.p;

        EMIT(&c, 0x0f, 0xae, 0x57, 20);     /* ldmxcsr [rdi + 20] */
        if (full) {
            EMIT(&c, 0xdb, 0xe3);           /* fninit */
        }
        if (insn->vex) {
            EMIT(&c, 0xc5, 0xf8, 0x77);     /* vzeroupper */
        }
        EMIT(&c, 0xc3);
        c.p = start + STUB_RESUME;
    }
    fn = (StubFn)(uintptr_t)c.p;

    for (unsigned i = 0; i < insn->n_operands; i++) {
        const X86Operand *op = &insn->op[i];

        if (op->kind == X86_OPND_XMM) {
            xmm_in |= 1u << op->reg;
            if (op->rw & X86_RW_WRITE) {
                xmm_out |= 1u << op->reg;
            }
        } else if (op->kind == X86_OPND_GPR && (op->rw & X86_RW_WRITE)) {
            if (row->operands[i].kind == X86_K_G) {
                reg_out = true;
            } else {
                rm_out = true;
            }
        }
    }
    if (attr & (X86_A_SSE | X86_A_AVX)) {
        xmm_in |= 1; /* implicit XMM0 of BLENDV, PCMPxSTRM, SHA256RNDS2 */
        xmm_out |= (row->map == X86_MAP_0F3A || row->map == X86_MAP_VEX_0F3A) && (row->opcode == 0x60 || row->opcode == 0x62);
    }

    EMIT(&c, 0x4c, 0x8b, 0x17);             /* mov r10, [rdi] */
    EMIT(&c, 0x4c, 0x8b, 0x4f, 0x08);       /* mov r9, [rdi + 8] */
    EMIT(&c, 0x4c, 0x8b, 0x47, 32);         /* mov r8, [rdi + 32] */
    EMIT(&c, 0x4c, 0x8b, 0x5f, 40);         /* mov r11, [rdi + 40] */
    if (full) {
        EMIT(&c, 0x48, 0x0f, 0xae, 0x8f);   /* fxrstor64 [rdi + 128] */
        emit_disp32(&c, 128);
    } else {
        for (unsigned i = 0; i < 16; i++) {
            if (xmm_in >> i & 1) {
                emit_vector(&c, insn, i, false);
            }
        }
    }
    if (fp) {
        EMIT(&c, 0x0f, 0xae, 0x57, 16);     /* ldmxcsr [rdi + 16] */
    }
    if (attr & X86_A_RAX) {
        EMIT(&c, 0x48, 0x8b, 0x47, 48);     /* mov rax, [rdi + 48] */
        EMIT(&c, 0x48, 0x8b, 0x57, 56);     /* mov rdx, [rdi + 56] */
    }
    if (attr & (X86_A_FLAGS_IN | X86_A_FLAGS)) {
        EMIT(&c, 0xff, 0x77, 24, 0x9d);     /* push [rdi + 24]; popfq */
    }
    emit(&c, body, n);
    if (attr & X86_A_FLAGS) {
        EMIT(&c, 0x9c, 0x8f, 0x47, 24);     /* pushfq; pop [rdi + 24] */
    }
    if (reg_out) {
        EMIT(&c, 0x4c, 0x89, 0x47, 32);     /* mov [rdi + 32], r8 */
    }
    if (rm_out) {
        EMIT(&c, 0x4c, 0x89, 0x5f, 40);     /* mov [rdi + 40], r11 */
    }
    if (attr & X86_A_RCX) {
        EMIT(&c, 0x48, 0x89, 0x4f, 64);     /* mov [rdi + 64], rcx */
    }
    if (fp) {
        EMIT(&c, 0x0f, 0xae, 0x5f, 16);     /* stmxcsr [rdi + 16] */
    }
    if (full) {
        EMIT(&c, 0x48, 0x0f, 0xae, 0x87);   /* fxsave64 [rdi + 128] */
        emit_disp32(&c, 128);
        EMIT(&c, 0xdb, 0xe3);               /* fninit */
    } else {
        for (unsigned i = 0; i < 16; i++) {
            if (xmm_out >> i & 1) {
                emit_vector(&c, insn, i, true);
            }
        }
    }
    if (fp || full) {
        EMIT(&c, 0x0f, 0xae, 0x57, 20);     /* ldmxcsr [rdi + 20] */
    }
    if (insn->vex) {
        EMIT(&c, 0xc5, 0xf8, 0x77);         /* vzeroupper: the C code around knows nothing of it */
    }
    EMIT(&c, 0xc3);
    cache->used = (unsigned)(c.p - cache->memory + 15) & ~15u;
    return fn;
}

static StubFn
find_stub(X86State *s, const X86Insn *insn)
{
    X86StubCache *cache = s->interp->stubs;
    uint8_t key[16] = {0};
    uint64_t a, b, h;
    StubEntry *e;

    if (!cache) {
        cache = s->interp->stubs = g_new0(X86StubCache, 1);
        cache->memory = mmap(NULL, STUB_MEMORY, PROT_READ | PROT_WRITE | PROT_EXEC,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (cache->memory == MAP_FAILED) {
            g_error("cannot map executable memory for instruction templates");
        }
    }
    memcpy(key, insn->bytes, insn->length);
    key[15] = insn->mode;
    memcpy(&a, key, 8);
    memcpy(&b, key + 8, 8);
    h = (a * UINT64_C(0x9e3779b97f4a7c15) ^ b * UINT64_C(0xc2b2ae3d27d4eb4f)) >>
        (64 - STUB_HASH_BITS);
    e = &cache->table[h];
    if (!e->fn || memcmp(e->key, key, 16) != 0) {
        e->fn = build(cache, insn);
        memcpy(e->key, key, 16);
    }
    return e->fn;
}

void
x86_stubs_free(X86StubCache *stubs)
{
    if (stubs) {
        munmap(stubs->memory, STUB_MEMORY);
        g_free(stubs);
    }
}

/*
 * Runs a stub with the guest's MXCSR. An exception that the guest has unmasked is the host's own; false then, with MXCSR as
 * the host left it and no register changed.
 */
static bool
run_trapping(X86State *s, StubFn fn, StubContext *ctx)
{
    uint32_t trapped = 0;

    emu_tcg_set_fp_trap((const uint8_t *)(uintptr_t)fn - STUB_RESUME, &trapped);
    fn(ctx);
    emu_tcg_set_fp_trap(NULL, NULL);
    s->fx.mxcsr = trapped ? trapped : ctx->mxcsr;
    return trapped == 0;
}

void
x86_exec_template(X86State *s, const X86Insn *insn)
{
    const X86Row *row = insn->row;
    uint32_t attr = row->attr;
    int mem = x86_insn_mem_operand(insn);
    bool full = uses_x87_stack(row), fp = attr & X86_A_FP, mem_write = false;
    unsigned mem_size = 0;
    uint64_t linear = 0;
    StubContext ctx;
    StubFn fn;

    if (attr & (X86_A_SSE | X86_A_MMX | X86_A_X87 | X86_A_AVX)) {
        x86_fpu_check(s, attr);
    }
    ctx.state = s;
    ctx.memory = ctx.bounce;
    ctx.host_mxcsr = 0x1f80;
    ctx.flags = s->cc | 0x202;
    if (mem >= 0) {
        mem_size = insn->op[mem].size;
        mem_write = insn->op[mem].rw & X86_RW_WRITE;
        linear = x86_operand_linear(s, insn, mem_size, mem_write ? EMU_TCG_WRITE : EMU_TCG_READ);
        if (mem_size >= 16 && !(attr & X86_A_UNALIGNED) && (linear & (mem_size - 1))) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        if (mem_write) {
            bool fault;

            /* the fault must come before the operation has popped the stack */
            emu_tcg_host_pointer(&s->tcg, linear, mem_size, EMU_TCG_WRITE, s->tcg.mmu_mode, &fault);
            if (fault) {
                x86_raise_recorded_now(s);
            }
        } else if (!emu_tcg_read(&s->tcg, linear, ctx.bounce, mem_size, s->tcg.mmu_mode)) {
            x86_raise_recorded_now(s);
        }
    }
    for (unsigned i = 0; i < insn->n_operands; i++) {
        const X86Operand *op = &insn->op[i];

        if (op->kind == X86_OPND_GPR) {
            uint64_t v = x86_get_bytes((char *)s + op->offset, op->size);

            if (row->operands[i].kind == X86_K_G) {
                ctx.gpr_reg = v;
            } else {
                ctx.gpr_rm = v;
            }
        }
    }
    if (attr & X86_A_RAX) {
        ctx.rax = X86_LOW(s, X86_RAX);
        ctx.rdx = X86_LOW(s, X86_RDX);
    }
    if (fp) {
        ctx.mxcsr = s->fx.mxcsr;
    }
    if (full) {
        ctx.fx = s->fx;
        ctx.fx.mxcsr = fp ? ctx.mxcsr : s->fx.mxcsr | 0x1f80;
        ctx.fx.mxcsr_mask = 0;
    }

    fn = insn->stub;
    if (!fn) {
        fn = find_stub(s, insn);
    }
    if (!fp) {
        fn(&ctx);
    } else if ((s->fx.mxcsr & 0x1f80) == 0x1f80) {
        fn(&ctx);
        s->fx.mxcsr = ctx.mxcsr;
    } else if (!run_trapping(s, fn, &ctx)) {
        for (unsigned i = 0; i < insn->n_operands; i++) {
            if (insn->op[i].kind == X86_OPND_MMX) {
                x86_mmx_enter(s); /* that much has taken place */
            }
        }
        x86_raise_plain(s, (s->cr4 & X86_CR4_OSXMMEXCPT) ? X86_EXC_XM : X86_EXC_UD);
    }
    if (mem_write && !((attr & X86_A_X87) && (ctx.fx.fsw & ~ctx.fx.fcw & 0x1f))) {
        /* An unmasked x87 exception other than precision leaves memory alone. */
        if (!emu_tcg_write(&s->tcg, linear, ctx.bounce, mem_size, s->tcg.mmu_mode)) {
            x86_raise_recorded_now(s);
        }
    }
    if (full) {
        uint32_t mxcsr = s->fx.mxcsr, mask = s->fx.mxcsr_mask;
        uint64_t fip = s->fx.fip, fdp = s->fx.fdp;
        uint16_t fop = s->fx.fop;

        memcpy(&s->fx, &ctx.fx, 416);
        s->fx.mxcsr = mxcsr;
        s->fx.mxcsr_mask = mask;
        s->fx.fip = fip;
        s->fx.fdp = fdp;
        s->fx.fop = fop;
        if ((attr & X86_A_X87) && (s->fx.fsw & 0x80)) {
            /* Pointers are those of the instruction with the pending exception. */
            s->fx.fip = s->rip;
            s->fx.fdp = mem >= 0 ? x86_ea(s, insn) : 0;
            s->fx.fop = (uint16_t)((insn->opcode & 7) << 8 | insn->modrm);
        }
    }
    for (unsigned i = 0; i < insn->n_operands; i++) {
        const X86Operand *op = &insn->op[i];

        if (op->kind == X86_OPND_GPR && (op->rw & X86_RW_WRITE)) {
            uint64_t v = row->operands[i].kind == X86_K_G ? ctx.gpr_reg : ctx.gpr_rm;

            x86_set_reg_bytes((char *)s + op->offset, v, op->size);
        }
    }
    if (attr & X86_A_RCX) {
        X86_LOW(s, X86_RCX) = (uint32_t)ctx.rcx;
    }
    if (attr & X86_A_FLAGS) {
        s->cc = ctx.flags & X86_CC;
    }
}

#else

const uint32_t *
x86_host_features(void)
{
    static const uint32_t none[X86_N_FEATURE_WORDS];

    return none;
}

void
x86_stubs_free(X86StubCache *stubs)
{
    (void)stubs;
}

void
x86_exec_template(X86State *s, const X86Insn *insn)
{
    (void)insn;
    x86_raise_plain(s, X86_EXC_UD);
}

#endif
