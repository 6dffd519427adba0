/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The decode table and what decoding yields.
 *
 * The table (x86-map-*.inc) has one row per instruction form.  It is the single source for the
 * decoder, the interpreter's and the lifter's dispatch, the operand roles of native templates and
 * the random test generator.  To add an instruction: one row, one entry in X86_OPS below unless it
 * is a template, and its reference function.
 */

#include "x86-state.h"

typedef struct _X86Insn X86Insn;
typedef struct _X86Row X86Row;

/* A reference function.  On return the step loop moves rip to interp->next_rip, which the function
 * may have changed.  To fault it calls x86_raise() (never returns) before it commits anything. */
typedef void (*X86Exec)(X86State *s, const X86Insn *insn);

/* Operations with a reference function of their own, x86_exec_NAME.  The lifter dispatches on
 * X86_OP_NAME.  Templates share X86_OP_template. */
#define X86_OPS(X) \
    /* interp-int.c */ \
    X(add) X(or) X(adc) X(sbb) X(and) X(sub) X(xor) X(cmp) X(test) X(inc) X(dec) X(neg) X(not) \
    X(mov) X(movzx) X(movsx) X(movsxd) X(movbe) X(lea) X(xchg) X(xadd) X(cmpxchg) X(cmpxchg8b) \
    X(mul) X(imul1) X(imul2) X(imul3) X(div) X(idiv) X(cbw) X(cwd) X(bswap) X(nop) X(xlat) \
    X(cmov) X(setcc) X(lahf) X(sahf) X(salc) \
    X(clc) X(stc) X(cmc) X(cld) X(std) \
    X(push) X(pop) X(pusha) X(popa) X(pushf) X(popf) X(push_seg) X(pop_seg) X(enter) X(leave) \
    X(daa) X(das) X(aaa) X(aas) X(aam) X(aad) X(bound) X(arpl) \
    /* interp-bit.c */ \
    X(rol) X(ror) X(rcl) X(rcr) X(shl) X(shr) X(sar) X(shld) X(shrd) \
    X(bt) X(bts) X(btr) X(btc) X(bsf) X(bsr) X(tzcnt) X(lzcnt) X(popcnt) \
    X(andn) X(bextr) X(blsi) X(blsmsk) X(blsr) X(bzhi) X(mulx) X(pdep) X(pext) X(rorx) X(shlx) X(shrx) X(sarx) \
    X(adcx) X(adox) \
    /* interp-string.c */ \
    X(movs) X(cmps) X(stos) X(lods) X(scas) X(ins) X(outs) \
    /* interp-ctl.c */ \
    X(jmp) X(jcc) X(jmp_ind) X(call) X(call_ind) X(ret) X(loop) X(loope) X(loopne) X(jcxz) \
    X(jmp_far) X(call_far) X(ret_far) X(iret) X(int) X(int3) X(into) X(int1) X(ud) \
    /* interp-sys.c */ \
    X(cli) X(sti) X(hlt) X(in) X(out) X(mov_seg_to) X(mov_seg_from) X(les) X(lds) X(lss) X(lfs) \
    X(lgs) X(mov_from_cr) X(mov_to_cr) X(mov_from_dr) X(mov_to_dr) X(sgdt) X(sidt) X(lgdt) \
    X(lidt) X(smsw) X(lmsw) X(invlpg) X(swapgs) X(rdtscp) X(sldt) X(str) X(lldt) X(ltr) X(verr) \
    X(verw) X(lar) X(lsl) X(clts) X(syscall) X(sysret) X(sysenter) X(sysexit) X(wrmsr) X(rdmsr) \
    X(xbegin) X(xend) X(xabort) X(xtest) \
    X(rdtsc) X(rdpmc) X(cpuid) X(invd) X(wbinvd) X(rsm) X(pause) X(monitor) X(mwait) \
    X(fence) X(clflush) X(clzero) X(movdir64b) X(rdfsbase) X(rdgsbase) X(wrfsbase) X(wrgsbase) \
    X(clac) X(stac) X(invpcid) X(vmcall) X(rdpid) X(rdrand) X(rdpkru) X(wrpkru) \
    /* x86-svm.c */ \
    X(vmrun) X(vmload) X(vmsave) X(stgi) X(clgi) X(invlpga) \
    /* x86-vmx-instruction.c */ \
    X(vmxon) X(vmxoff) X(vmclear) X(vmptrld) X(vmptrst) X(vmread) X(vmwrite) X(vmlaunch) X(vmresume) X(invept) X(invvpid) \
    /* interp-fpu.c */ \
    X(fwait) X(fxsave) X(fxrstor) X(ldmxcsr) X(stmxcsr) X(fnstenv) X(fldenv) X(fnsave) X(frstor) \
    X(fnstsw_ax) X(fnclex) X(fninit) X(fldcw) X(fnstcw) X(fnstsw) X(maskmov) \
    /* interp-xsave.c */ \
    X(xgetbv) X(xsetbv) X(xsave) X(xrstor) X(xsaveopt) X(xsavec) X(xsaves) X(xrstors) \
    /* x86-cet.c */ \
    X(incssp) X(rdssp) X(saveprevssp) X(rstorssp) X(wrss) X(wruss) X(setssbsy) X(clrssbsy) \
    /* interp-vex.c */ \
    X(vzero) X(vmaskmov) X(vgather)

typedef enum {
    X86_OP_template,
#define X(name) X86_OP_##name,
    X86_OPS(X)
#undef X
    X86_N_OPS,
} X86Op;

/* Kinds of operand in a row. */
typedef enum {
    X86_K_NONE,
    X86_K_E,    /* ModRM.rm: general register or memory */
    X86_K_M,    /* ModRM.rm: memory */
    X86_K_R,    /* ModRM.rm: general register */
    X86_K_G,    /* ModRM.reg: general register */
    X86_K_Z,    /* opcode bits 0-2: general register */
    X86_K_REG,  /* a fixed general register */
    X86_K_I,    /* immediate, as wide as the operand (at most 32 bits, sign-extended) */
    X86_K_IS,   /* immediate byte, sign-extended */
    X86_K_IU,   /* immediate byte or word, zero-extended (ports, shift counts, ENTER, RET) */
    X86_K_I64,  /* immediate of full width: MOV r64, imm64 */
    X86_K_ONE,  /* constant 1 */
    X86_K_J,    /* displacement relative to the next instruction */
    X86_K_O,    /* memory at an absolute address in the instruction */
    X86_K_A,    /* far pointer in the instruction */
    X86_K_S,    /* ModRM.reg: segment register */
    X86_K_SEG,  /* a fixed segment register */
    X86_K_CR,   /* ModRM.reg: control register */
    X86_K_DR,   /* ModRM.reg: debug register */
    X86_K_X,    /* memory at DS:rSI */
    X86_K_Y,    /* memory at ES:rDI */
    X86_K_P,    /* ModRM.reg: MMX register */
    X86_K_Q,    /* ModRM.rm: MMX register or memory */
    X86_K_N,    /* ModRM.rm: MMX register */
    X86_K_V,    /* ModRM.reg: vector register */
    X86_K_W,    /* ModRM.rm: vector register or memory */
    X86_K_U,    /* ModRM.rm: vector register */
    X86_K_H,    /* VEX.vvvv: vector register */
    X86_K_L,    /* bits 7-4 of the immediate byte: vector register */
    X86_K_B,    /* VEX.vvvv: general register */
    X86_K_ST0,  /* ST(0) */
    X86_K_STI,  /* ModRM.rm: ST(i) */
} X86Kind;

/* Size rules of an operand. */
typedef enum {
    X86_SZ_NONE, /* no size: LEA, INVLPG */
    X86_SZ_B,
    X86_SZ_W,
    X86_SZ_D,
    X86_SZ_Q,
    X86_SZ_V,   /* operand size: 2, 4, 8 */
    X86_SZ_Z,   /* operand size, at most 4 */
    X86_SZ_Y,   /* 4, or 8 with REX.W */
    X86_SZ_YS,  /* 4, or 8 in 64-bit code: MOV CR, DR */
    X86_SZ_FAR, /* offset of operand size and selector */
    X86_SZ_A,   /* two of operand size: BOUND */
    X86_SZ_S,   /* pseudo descriptor: 6, or 10 in 64-bit code */
    X86_SZ_T,   /* 10: x87 extended */
    X86_SZ_DQ,  /* 16 */
    X86_SZ_X,   /* vector length: 16 or 32 */
    X86_SZ_XH,  /* half, a quarter and an eighth of it */
    X86_SZ_XQ,
    X86_SZ_XO,
    X86_SZ_V2,  /* register of operand size, memory always 2: SLDT, MOV Ev,Sw */
    X86_SZ_RB,  /* register of 4 (8 with REX.W), memory 1: PINSRB, PEXTRB */
    X86_SZ_RW,  /* register of 4 (8 with REX.W), memory 2: PINSRW, PEXTRW */
    X86_SZ_YY,  /* 8, or 16 with REX.W: CMPXCHG8B/16B */
    X86_SZ_ENV, /* x87 environment: 14 or 28 */
    X86_SZ_FSV, /* x87 state: 94 or 108 */
    X86_SZ_512, /* FXSAVE; XSAVE and others of variable size */
} X86Size;

#define X86_RW_READ 1u
#define X86_RW_WRITE 2u

/* A row's operand: kind, size rule, access, fixed register. */
typedef struct {
    uint8_t kind;
    uint8_t size;
    uint8_t rw;
    uint8_t reg;
} X86RowOperand;

/* Row selectors: what must hold beside map and opcode. */
#define X86_SEL_PREFIX 7u /* 0 = any, else X86_SEL_NP ... */
#define X86_SEL_NP 1u     /* none of 66, F2, F3 */
#define X86_SEL_66 2u
#define X86_SEL_F3 3u
#define X86_SEL_F2 4u
#define X86_SEL_REG (1u << 3) /* ModRM.reg is bits 4-6 */
#define X86_SEL_MEM (1u << 7)
#define X86_SEL_MOD3 (1u << 8)
#define X86_SEL_RM (1u << 9) /* ModRM.rm is bits 10-12 */
#define X86_SEL_ONLY64 (1u << 13)
#define X86_SEL_NO64 (1u << 14)
#define X86_SEL_NO_REXB (1u << 15)
#define X86_SEL_FEATURE (1u << 16) /* matches only when the CPU has the row's feature */
#define X86_SEL_L0 (1u << 17)      /* VEX.L */
#define X86_SEL_L1 (1u << 18)
#define X86_SEL_W0 (1u << 19)      /* VEX.W */
#define X86_SEL_W1 (1u << 20)

/* Row attributes. */
#define X86_A_LOCK (1u << 0)      /* LOCK allowed with a memory destination */
#define X86_A_D64 (1u << 1)       /* operand size is 64 bits by default in 64-bit code */
#define X86_A_F64 (1u << 2)       /* operand size is always 64 bits in 64-bit code */
#define X86_A_CPL0 (1u << 3)      /* #GP(0) unless CPL 0 (and not VM86) */
#define X86_A_PROT (1u << 4)      /* #UD in real and VM86 mode */
#define X86_A_END (1u << 5)       /* ends a block: changes rip or the mode key */
#define X86_A_COND (1u << 6)      /* condition code in opcode bits 0-3 */
#define X86_A_REP (1u << 7)       /* REP applies */
#define X86_A_REPCC (1u << 8)     /* REPE/REPNE apply */
#define X86_A_UNALIGNED (1u << 9) /* 16- or 32-byte memory operand may be unaligned */
#define X86_A_X87 (1u << 10)      /* #NM on CR0.TS or EM */
#define X86_A_NOWAIT (1u << 11)   /* x87, but pending exceptions are not checked */
#define X86_A_MMX (1u << 12)      /* #UD on CR0.EM, #NM on TS, pending x87 exceptions checked */
#define X86_A_SSE (1u << 13)      /* #UD on CR0.EM or !CR4.OSFXSR, #NM on TS */
#define X86_A_FP (1u << 14)       /* may raise SIMD floating-point exceptions (#XM) */
#define X86_A_IOPL (1u << 15)     /* I/O instruction: TSS bitmap when CPL > IOPL */
#define X86_A_NOMODRM_EXEC (1u << 16) /* ModRM present, but memory never touched (hint NOPs) */
#define X86_A_NO_TEST (1u << 17)      /* not for the random host-oracle test */
#define X86_A_FLAGS (1u << 18)        /* template that writes EFLAGS */
#define X86_A_RAX (1u << 19)          /* template that reads RAX and RDX implicitly */
#define X86_A_RCX (1u << 20)          /* template that writes RCX implicitly */
#define X86_A_FLAGS_IN (1u << 21)     /* template that reads EFLAGS */
#define X86_A_AVX (1u << 22)          /* #UD unless the OS enabled AVX state, #NM on CR0.TS */
#define X86_A_VSIB (1u << 23)         /* memory operand with a vector as index */

typedef enum {
    X86_CLASS_PORTABLE, /* integer: the lifter emits portable ops */
    X86_CLASS_TEMPLATE, /* a same-ISA host re-encodes it */
    X86_CLASS_SYSTEM,   /* helper call or interpreter */
} X86Class;

typedef enum {
    X86_MAP_PRIMARY,
    X86_MAP_0F,
    X86_MAP_0F38,
    X86_MAP_0F3A,
    X86_MAP_X87,
    X86_MAP_VEX_0F,
    X86_MAP_VEX_0F38,
    X86_MAP_VEX_0F3A,
    X86_N_MAPS,
} X86Map;

struct _X86Row {
    const char *name;
    X86Exec exec;
    uint32_t select; /* X86_SEL_* */
    uint32_t attr;   /* X86_A_* */
    uint16_t op;     /* X86Op */
    uint16_t feature;
    uint16_t flags_read;
    uint16_t flags_written;   /* defined after it (may be unchanged on a zero count) */
    uint16_t flags_undefined; /* undefined after it */
    uint8_t map;
    uint8_t opcode;
    uint8_t cls;
    X86RowOperand operands[4];
};

extern const X86Row x86_rows[];
extern const unsigned x86_n_rows;

/* Prefixes seen. */
#define X86_PFX_66 (1u << 0)
#define X86_PFX_67 (1u << 1)
#define X86_PFX_LOCK (1u << 2)
#define X86_PFX_F3 (1u << 3) /* the last of F2, F3 counts */
#define X86_PFX_F2 (1u << 4)
#define X86_PFX_SEG (1u << 5)

/* X86Insn.vex */
#define X86_VEX_PRESENT 1u
#define X86_VEX_L 2u

/* Kinds of decoded operand. */
typedef enum {
    X86_OPND_NONE,
    X86_OPND_GPR, /* also ah ... bh: offset is the byte's own place in the state */
    X86_OPND_MEM, /* X86Insn.segment, base, index, scale, disp */
    X86_OPND_IMM, /* X86Insn.imm */
    X86_OPND_SEG,
    X86_OPND_CR,
    X86_OPND_DR,
    X86_OPND_MMX,
    X86_OPND_XMM,
    X86_OPND_ST,
    X86_OPND_STRING, /* DS:rSI (reg = 6) or ES:rDI (reg = 7) */
    X86_OPND_FAR,    /* imm = offset, imm2 = selector */
    X86_OPND_REL,    /* imm = signed displacement */
} X86OpndKind;

typedef struct {
    uint8_t kind;    /* X86OpndKind */
    uint8_t size;    /* bytes; 0 when the operand has none */
    uint8_t reg;     /* register number; 0x10 + n for ah ... bh */
    uint8_t rw;      /* X86_RW_* */
    uint16_t offset; /* GPR and XMM: place in the state */
} X86Operand;

#define X86_NO_REG 0xff
#define X86_BASE_RIP 0x10 /* as base: RIP-relative */

struct _X86Insn {
    const X86Row *row;
    uint64_t imm;  /* immediate, relative or absolute displacement; sign-extended as its kind says */
    int64_t disp;  /* of the memory operand (moffs: the whole address) */
    uint16_t imm2; /* ENTER's level, far pointers' selector */
    uint8_t length;
    uint8_t opcode;
    uint8_t opsize;   /* 2, 4, 8 */
    uint8_t addrsize; /* 2, 4, 8 */
    uint8_t stacksize; /* of the mode key: 2, 4, 8 */
    uint8_t segment;  /* of the memory operand, default or overridden */
    uint8_t prefixes; /* X86_PFX_* */
    uint8_t rex;      /* 0 = none, else the byte; of a VEX prefix: W R X B in the low bits */
    uint8_t vex;      /* a VEX prefix: X86_VEX_* */
    uint8_t vvvv;     /* its register, not inverted */
    uint8_t vindex;   /* X86_A_VSIB: the vector register that is the index */
    uint8_t modrm;    /* raw; 0 when absent */
    uint8_t sib;
    uint8_t has_modrm;
    uint8_t mod, reg, rm; /* with REX.R and REX.B applied; reg without REX.R for segments, x87 */
    uint8_t base, index;  /* register, X86_NO_REG, or X86_BASE_RIP */
    uint8_t scale;        /* shift count */
    uint8_t opcode_pos;   /* offset of the opcode's first byte (0F included), after REX */
    uint8_t modrm_pos;    /* offset of ModRM */
    uint8_t imm_size;     /* bytes of immediate at the end of the instruction */
    uint8_t n_operands;
    uint8_t mode;         /* X86_MODE_CODE16/32/64 that it was decoded for */
    X86Operand op[4];
    uint8_t bytes[16];
    void *stub; /* the interpreter's compiled template; starts NULL */
};

/* Results of x86_decode() below zero. */
#define X86_DECODE_MORE 0    /* needs more than @avail bytes */
#define X86_DECODE_UD (-1)   /* no such instruction, or LOCK where not allowed: #UD */
#define X86_DECODE_LONG (-2) /* more than 15 bytes: #GP(0) */

/*
 * Decodes the instruction at @code for the code size in @mode_key.  Features and privileges are not
 * checked here: the interpreter and the lifter compare row->feature with the CPU's.
 * Returns the length, or one of the above.
 */
int x86_decode(const uint8_t *code, unsigned avail, uint64_t mode_key, const uint32_t *features,
               X86Insn *out);

/*
 * Native templates: re-encodes an instruction of class template for a 64-bit x86 host.
 *
 * A memory operand becomes [mem_base]; a general register in ModRM.reg becomes @gpr_reg, one in
 * ModRM.rm @gpr_rm (host register numbers; a byte operand is the register's low byte).  Vector, MMX
 * and x87 registers keep their numbers.  Returns the number of bytes (at most 15).
 */
unsigned x86_template_encode(const X86Insn *insn, unsigned mem_base, unsigned gpr_reg,
                             unsigned gpr_rm, uint8_t *out);

/* The same for a VEX prefix: @rxb is REX's R X B, @vvvv a register number; @out gets prefix and opcode. */
unsigned x86_template_vex(const X86Insn *insn, unsigned rxb, unsigned vvvv, uint8_t *out);

/* Feature bits of this host's CPU; all 0 where it is no x86. */
const uint32_t *x86_host_features(void);
/* Whether a host of the same ISA has the instruction. */
static inline bool
x86_host_has(uint16_t feature)
{
    return feature == X86_FEAT_NONE || (x86_host_features()[feature >> 5] >> (feature & 31) & 1);
}

/* Every op's reference function. */
void x86_exec_template(X86State *s, const X86Insn *insn);
#define X(name) void x86_exec_##name(X86State *s, const X86Insn *insn);
X86_OPS(X)
#undef X

/* Operand number of the memory operand, or -1. */
static inline int
x86_insn_mem_operand(const X86Insn *insn)
{
    for (unsigned i = 0; i < insn->n_operands; i++) {
        if (insn->op[i].kind == X86_OPND_MEM) {
            return (int)i;
        }
    }
    return -1;
}
