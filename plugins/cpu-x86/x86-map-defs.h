/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The words that the x86-map-*.inc files are written in.  Operand names are the SDM's (volume 2,
 * appendix A): kind letter, size letters.  R is implied; W() and RW() say otherwise.
 */

#define OPND(k, s) {X86_K_##k, X86_SZ_##s, X86_RW_READ, 0}
#define OPNDW(k, s) {X86_K_##k, X86_SZ_##s, X86_RW_WRITE, 0}
#define OPNDRW(k, s) {X86_K_##k, X86_SZ_##s, X86_RW_READ | X86_RW_WRITE, 0}
#define FIX(r, s) {X86_K_REG, X86_SZ_##s, X86_RW_READ, X86_##r}
#define FIXW(r, s) {X86_K_REG, X86_SZ_##s, X86_RW_WRITE, X86_##r}
#define FIXRW(r, s) {X86_K_REG, X86_SZ_##s, X86_RW_READ | X86_RW_WRITE, X86_##r}
#define SEGR(r) {X86_K_SEG, X86_SZ_W, X86_RW_READ, X86_##r}
#define SEGW(r) {X86_K_SEG, X86_SZ_W, X86_RW_WRITE, X86_##r}

/* Selectors. */
#define ANY 0
#define NP X86_SEL_NP
#define P66 X86_SEL_66
#define PF3 X86_SEL_F3
#define PF2 X86_SEL_F2
#define MEM X86_SEL_MEM
#define REG X86_SEL_MOD3
#define N(n) (X86_SEL_REG | ((n) << 4))
#define RMF(n) (X86_SEL_MOD3 | X86_SEL_RM | ((n) << 10))
#define O64 X86_SEL_ONLY64
#define I64 X86_SEL_NO64
#define FEATSEL X86_SEL_FEATURE
#define L0 X86_SEL_L0
#define L1 X86_SEL_L1
#define W0 X86_SEL_W0
#define W1 X86_SEL_W1

/* Attributes. */
#define NA 0
#define LOCKABLE X86_A_LOCK
#define D64 X86_A_D64
#define F64 X86_A_F64
#define CPL0 X86_A_CPL0
#define PROT X86_A_PROT
#define END X86_A_END
#define CC X86_A_COND
#define REP X86_A_REP
#define REPCC X86_A_REPCC
#define UNAL X86_A_UNALIGNED
#define X87 (X86_A_X87)
#define X87NW (X86_A_X87 | X86_A_NOWAIT)
#define MMX X86_A_MMX
#define SSE X86_A_SSE
#define FP (X86_A_SSE | X86_A_FP)
#define NOEX X86_A_NOMODRM_EXEC
#define NOTEST X86_A_NO_TEST
#define EFL X86_A_FLAGS
/* VEX: memory may be unaligned but for aligned moves */
#define VAVX (X86_A_AVX | X86_A_PROT | X86_A_UNALIGNED)
#define VFP (VAVX | X86_A_FP)
#define VALIGNED (X86_A_AVX | X86_A_PROT)

/* Flags: read, written, undefined. */
#define FLAGS3(r, w, u)                                                                            \
    ((uint64_t)((r)&X86_CC) | (uint64_t)((w)&X86_CC) << 16 | (uint64_t)((u)&X86_CC) << 32)
#define FLAGS3_FIELDS(f)                                                                           \
    .flags_read = (uint16_t)(f), .flags_written = (uint16_t)((f) >> 16),                           \
    .flags_undefined = (uint16_t)((f) >> 32)
#define F_NONE FLAGS3(0, 0, 0)
#define F_ARITH FLAGS3(0, X86_CC, 0)
#define F_ADC FLAGS3(X86_CF, X86_CC, 0)
#define F_LOGIC FLAGS3(0, X86_CC & ~X86_AF, X86_AF)
#define F_INC FLAGS3(0, X86_CC & ~X86_CF, 0)
#define F_ROT FLAGS3(0, X86_CF, X86_OF)
#define F_ROT1 FLAGS3(0, X86_CF | X86_OF, 0)
#define F_RCX FLAGS3(X86_CF, X86_CF, X86_OF)
#define F_RCX1 FLAGS3(X86_CF, X86_CF | X86_OF, 0)
#define F_SHIFT FLAGS3(0, X86_CC & ~X86_AF & ~X86_OF, X86_AF | X86_OF)
#define F_SHIFT1 FLAGS3(0, X86_CC & ~X86_AF, X86_AF)
#define F_MUL FLAGS3(0, X86_CF | X86_OF, X86_SF | X86_ZF | X86_AF | X86_PF)
#define F_DIV FLAGS3(0, 0, X86_CC)
#define F_CF FLAGS3(0, X86_CF, 0)
#define F_CMC FLAGS3(X86_CF, X86_CF, 0)
#define F_READ FLAGS3(X86_CC, 0, 0)
#define F_BT FLAGS3(0, X86_CF, X86_OF | X86_SF | X86_AF | X86_PF)
#define F_BS FLAGS3(0, X86_ZF, X86_CC & ~X86_ZF)
#define F_ZCNT FLAGS3(0, X86_CF | X86_ZF, X86_OF | X86_SF | X86_AF | X86_PF)
#define F_BLS FLAGS3(0, X86_CC & ~X86_AF & ~X86_PF, X86_AF | X86_PF)
#define F_BEXTR FLAGS3(0, X86_CF | X86_ZF | X86_OF, X86_AF | X86_PF | X86_SF)
#define F_ADCX FLAGS3(X86_CF, X86_CF, 0)
#define F_ADOX FLAGS3(X86_OF, X86_OF, 0)
#define F_ZF FLAGS3(0, X86_ZF, 0)

/* name, feature */
#define BASE X86_FEAT_NONE

/* I: portable integer; S: system; T: native template (no reference function of its own). */
#define I(opc, o, nm, sel, att, feat, fl, ...)                                                     \
    {.name = nm, .exec = x86_exec_##o, .op = X86_OP_##o, .map = MAP, .opcode = (opc),              \
     .select = (sel), .attr = (att), .feature = (feat), .cls = X86_CLASS_PORTABLE,                 \
     FLAGS3_FIELDS(fl),                                                                            \
     .operands = {__VA_ARGS__}},
#define S(opc, o, nm, sel, att, feat, fl, ...)                                                     \
    {.name = nm, .exec = x86_exec_##o, .op = X86_OP_##o, .map = MAP, .opcode = (opc),              \
     .select = (sel), .attr = (att), .feature = (feat), .cls = X86_CLASS_SYSTEM,                   \
     FLAGS3_FIELDS(fl),                                                                            \
     .operands = {__VA_ARGS__}},
/* TX: a template whose reference function is its own. */
#define TX(opc, o, nm, sel, att, feat, ...)                                                        \
    {.name = nm, .exec = x86_exec_##o, .op = X86_OP_template, .map = MAP, .opcode = (opc),         \
     .select = (sel), .attr = (att), .feature = (feat), .cls = X86_CLASS_TEMPLATE,                 \
     .operands = {__VA_ARGS__}},
#define T(opc, nm, sel, att, feat, ...)                                                            \
    {.name = nm, .exec = x86_exec_template, .op = X86_OP_template, .map = MAP, .opcode = (opc),    \
     .select = (sel), .attr = (att), .feature = (feat), .cls = X86_CLASS_TEMPLATE,                 \
     .flags_written = ((att)&X86_A_FLAGS) ? X86_CC : 0,                                            \
     .flags_read = ((att)&X86_A_FLAGS_IN) ? X86_CF | X86_PF | X86_ZF : 0, .operands = {__VA_ARGS__}},

#define Eb OPND(E, B)
#define Ew OPND(E, W)
#define Ed OPND(E, D)
#define Ev OPND(E, V)
#define Ey OPND(E, Y)
#define WEb OPNDW(E, B)
#define WEw OPNDW(E, W)
#define WEv OPNDW(E, V)
#define WEy OPNDW(E, Y)
#define UEb OPNDRW(E, B)
#define UEv OPNDRW(E, V)
#define Gb OPND(G, B)
#define Gw OPND(G, W)
#define Gv OPND(G, V)
#define Gy OPND(G, Y)
#define WGv OPNDW(G, V)
#define WGy OPNDW(G, Y)
#define UGb OPNDRW(G, B)
#define UGv OPNDRW(G, V)
#define UGy OPNDRW(G, Y)
#define AL FIX(RAX, B)
#define WAL FIXW(RAX, B)
#define UAL FIXRW(RAX, B)
#define AX FIX(RAX, V)
#define WAX FIXW(RAX, V)
#define UAX FIXRW(RAX, V)
#define CL FIX(RCX, B)
#define DX FIX(RDX, W)
#define Ib OPND(I, B)
#define Iw OPND(IU, W)
#define Iz OPND(I, Z)
#define Iv OPND(I64, V)
#define ISb OPND(IS, B)
#define IUb OPND(IU, B)
#define ONE OPND(ONE, B)
#define Jb OPND(J, B)
#define Jz OPND(J, Z)
#define Zv OPND(Z, V)
#define WZv OPNDW(Z, V)
#define UZv OPNDRW(Z, V)
#define WZb OPNDW(Z, B)
#define Mem(s) OPND(M, s)
#define WMem(s) OPNDW(M, s)
#define UMem(s) OPNDRW(M, s)
#define Vx OPND(V, DQ)
#define WVx OPNDW(V, DQ)
#define UVx OPNDRW(V, DQ)
#define Wx(s) OPND(W, s)
#define WWx(s) OPNDW(W, s)
#define UWx(s) OPNDRW(W, s)
#define Ux OPND(U, DQ)
#define WUx OPNDW(U, DQ)
#define UUx OPNDRW(U, DQ)
#define Pq OPND(P, Q)
#define WPq OPNDW(P, Q)
#define UPq OPNDRW(P, Q)
#define Qq OPND(Q, Q)
#define Qd OPND(Q, D)
#define WQq OPNDW(Q, Q)
#define Nq OPND(N, Q)
#define UNq OPNDRW(N, Q)
#define ST OPND(ST0, T)
#define UST OPNDRW(ST0, T)
#define STi OPND(STI, T)
#define USTi OPNDRW(STI, T)
#define By OPND(B, Y)
#define WBy OPNDW(B, Y)
#define Vv OPND(V, X)
#define WVv OPNDW(V, X)
#define UVv OPNDRW(V, X)
#define Hv OPND(H, X)
#define WHv OPNDW(H, X)
#define UHv OPNDRW(H, X)
#define Uv OPND(U, X)
#define WUv OPNDW(U, X)
#define Lv OPND(L, X)
