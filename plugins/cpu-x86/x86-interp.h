/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the interpreter's files share: unwinding, operands, memory, stack, flags, and the entry points
 * of segmentation and exception delivery.
 *
 * Rule for reference functions: everything that can fault comes first, commits come last.  A fault
 * unwinds to the step loop by longjmp; rip still names the instruction then.
 */

#include <setjmp.h>
#include <string.h>

#include "x86-insn.h"

/* Operand access is inlined by force: the compiler would share it, at a third of the speed. */
#define X86_INLINE inline __attribute__((always_inline))

typedef struct _X86DecodeEntry X86DecodeEntry;
typedef struct _X86StubCache X86StubCache;

/* Why the step loop is re-entered by longjmp. */
enum { X86_UNWIND_EXCEPTION = 1, X86_UNWIND_EXCLUSIVE = 2, X86_UNWIND_RESTART = 3 };

/* Single step: TF as it was before the instruction counts, but for a few that say otherwise. */
enum {
    X86_STEP_BEFORE,
    X86_STEP_NONE,  /* INT n, INT3, INTO, INT1: no trap */
    X86_STEP_AFTER, /* SYSCALL, SYSRET: TF as they leave it */
};

/*
 * Paging-structure cache (SDM 3A 4.10.3): which page table maps 2 MiB, with what its upper levels grant, so that most walks
 * read one entry.  Walks of 8-byte entries only.
 */
#define X86_PAGING_ENTRIES 256u
#define X86_PAGING_TAG_BITS 43u /* of an address, above 21; the generation is above them */

typedef struct {
    uint64_t tag;    /* 0: none */
    uint64_t rights; /* R/W, U/S and XD of the levels above */
    uint64_t table;  /* physical address */
} X86PagingEntry;

typedef struct _X86Interp {
    uint64_t next_rip;
    jmp_buf *unwind;     /* the innermost handler */
    bool exclusive;      /* running inside emu_tcg_exclusive() */
    bool rep_again;      /* a string instruction wants to be continued, not finished */
    bool shadow_set;     /* this instruction opened an interrupt shadow */
    uint8_t step;        /* X86_STEP_*: how EFLAGS.TF bears on the end of this instruction */
    uint32_t dr6_hit;    /* data breakpoints met by this instruction */
    uint32_t debug_causes; /* of the last debug exception, and DR6 before it: for one that leaves a guest */
    uint64_t dr6_before;
    EmuTcgExit stop;     /* leave the loop after this instruction (HLT, PAUSE, shutdown) */
    uint64_t code_page; /* whose host address code_ptr is; ~0 = none.  Dies at every system insn */
    const uint8_t *code_ptr;
    X86DecodeEntry *cache;
    X86PagingEntry paging[X86_PAGING_ENTRIES];
    uint64_t paging_generation; /* entries of others are void; never 0 */
    X86StubCache *stubs;
} X86Interp;

/* Unwinding.  The recorded form is for a false result of emu_tcg_*. */
G_NORETURN void x86_unwind(X86State *s, int why);
G_NORETURN void x86_raise(X86State *s, int vector, uint32_t error_code); /* with error code */
G_NORETURN void x86_raise_plain(X86State *s, int vector);                /* without */
#define x86_raise_recorded_now(s) x86_unwind(s, X86_UNWIND_EXCEPTION)

/* Before an instruction does anything that cannot be undone: it is executed where @chip is. */
static inline void
x86_leave_to(X86State *s, unsigned chip)
{
    if (G_UNLIKELY(s->elsewhere & chip)) {
        s->exception = X86_EXC_LEAVE;
        x86_unwind(s, X86_UNWIND_EXCEPTION);
    }
}

/* Out-of-line halves. */
void x86_seg_check(X86State *s, unsigned seg, uint64_t offset, unsigned size, EmuTcgAccess access);
void x86_access_check(X86State *s, uint64_t linear, unsigned size, EmuTcgAccess access);
G_NORETURN void x86_raise_noncanonical(X86State *s, unsigned seg);

/* x86-segment.c */
void x86_load_seg(X86State *s, unsigned seg, uint16_t selector);
void x86_set_seg(X86State *s, unsigned seg, uint16_t selector, uint64_t base, uint32_t limit,
                 uint32_t attr);
void x86_set_seg_real(X86State *s, unsigned seg, uint16_t selector);
void x86_set_seg_vm86(X86State *s, unsigned seg, uint16_t selector);
/* Reads a descriptor; false when the selector is outside its table. */
bool x86_read_descriptor(X86State *s, uint16_t selector, uint32_t desc[2]);
uint32_t x86_desc_base(const uint32_t desc[2]);
uint32_t x86_desc_limit(const uint32_t desc[2]);
void x86_set_seg_desc(X86State *s, unsigned seg, uint16_t selector, const uint32_t desc[2]);
void x86_mark_accessed(X86State *s, uint16_t selector, uint32_t desc[2]);
void x86_far_jump(X86State *s, const X86Insn *insn, uint16_t selector, uint64_t offset);
void x86_far_call(X86State *s, const X86Insn *insn, uint16_t selector, uint64_t offset);
void x86_far_ret(X86State *s, unsigned opsize, unsigned pop);
void x86_iret(X86State *s, unsigned opsize);
enum { X86_SWITCH_JMP, X86_SWITCH_CALL, X86_SWITCH_IRET, X86_SWITCH_GATE };
void x86_task_switch(X86State *s, uint16_t selector, const uint32_t desc[2], int how,
                     bool has_error, uint32_t error);
void x86_check_io(X86State *s, uint32_t port, unsigned size);
/* VM86 with CR4.VME: FLAGS as a task with IOPL < 3 sees them, and what it may store there; #GP for the monitor. */
uint16_t x86_virtual_flags(const X86State *s);
void x86_set_virtual_flags(X86State *s, uint16_t flags);
/* INT n in VM86 with CR4.VME: true when it went to the task's own handler. */
bool x86_interrupt_redirected(X86State *s, unsigned vector);

/* x86-smm.c */
void x86_smm_enter(X86State *s);
bool x86_smm_leave(X86State *s); /* sets next_rip; false: shutdown */

/* x86-exception.c */
/* The causes of a debug exception. Every one but INT1 writes the breakpoints' bits, also as 0; the others add up. */
static inline void
x86_set_dr6(X86State *s, uint32_t causes)
{
    s->interp->debug_causes = causes;
    s->interp->dr6_before = s->dr[6];
    s->dr[6] = (s->dr[6] & ~UINT64_C(0xf)) | causes;
}

EmuTcgExit x86_deliver(X86State *s); /* the recorded exception */
EmuTcgExit x86_deliver_vector(X86State *s, unsigned vector); /* an interrupt that was acknowledged */
/* Delivers an interrupt or software exception; unwinds on a fault during delivery. */
void x86_interrupt(X86State *s, unsigned vector, bool software, bool has_error, uint32_t error,
                   uint64_t return_rip);

/* interp-sys.c */
void x86_write_cr0(X86State *s, uint64_t value);
void x86_write_cr3(X86State *s, uint64_t value);
void x86_write_cr4(X86State *s, uint64_t value);
bool x86_load_pdptes(X86State *s, uint64_t cr3);
bool x86_pdpte_is_valid(const X86State *s, uint64_t entry);
uint64_t x86_cr4_allowed(const X86State *s);
void x86_cpuid_default(X86State *s, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* interp-msr.c */
uint64_t x86_efer_allowed(const X86State *s);
uint64_t x86_debugctl_allowed(const X86State *s);
bool x86_pat_is_valid(uint64_t pat); /* memory types that a PAT may hold (SDM 3A 12.12.2) */
/* As RDMSR and WRMSR; false: #GP(0). */
bool x86_read_msr(X86State *s, uint32_t index, uint64_t *value);
bool x86_write_msr(X86State *s, uint32_t index, uint64_t value);
uint64_t x86_read_tsc(X86State *s); /* nobody's offset but IA32_TSC_ADJUST's */

/* x86-svm.c */
X86MsrResult x86_svm_rdmsr(X86State *s, uint32_t index, uint64_t *value);
X86MsrResult x86_svm_wrmsr(X86State *s, uint32_t index, uint64_t value);
bool x86_svm_disabled(const X86State *s);       /* VM_CR.SVMDIS */
bool x86_svm_redirects_init(const X86State *s); /* VM_CR.R_INIT: INIT is #SX */

/* x86-vmx-capability.c */
X86MsrResult x86_vmx_rdmsr(X86State *s, uint32_t index, uint64_t *value);
/* x86-vmx-instruction.c: may CR0 or CR4 get this value?  VMX operation has a say in it. */
bool x86_vmx_allows_cr(X86State *s, unsigned n, uint64_t value);
void x86_vmx_vmcall(X86State *s); /* in VMX operation */

/* interp-fpu.c */
void x86_fpu_check(X86State *s, uint32_t attr);
void x86_mmx_enter(X86State *s);
void x86_fpu_init(X86State *s);
unsigned x86_fx_xmm_count(X86State *s);
void x86_fx_pack(X86State *s, const X86Insn *insn, X86Fxsave *f);
void x86_fx_unpack_x87(X86State *s, const X86Fxsave *f);
/* After a change of FSW or FCW: an error summary that is not true would trap in the host. */
void x86_update_fsw(X86State *s);

/* interp-template.c */
void x86_stubs_free(X86StubCache *stubs);

static inline uint64_t
x86_size_mask(unsigned size)
{
    return size >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << (8 * size)) - 1;
}

static inline uint64_t
x86_sign_extend(uint64_t v, unsigned size)
{
    unsigned sh = 64 - 8 * size;

    return (uint64_t)((int64_t)(v << sh) >> sh);
}

/* Rights of the segments that SYSCALL and its like load. */
#define X86_FLAT_CS(cpl, size)                                                                                            \
    (X86_DESC_P | X86_DESC_S | X86_DESC_CODE | X86_DESC_R | X86_DESC_A | X86_DESC_G | (cpl) << X86_DESC_DPL_SHIFT | (size))
#define X86_FLAT_SS(cpl) \
    (X86_DESC_P | X86_DESC_S | X86_DESC_W | X86_DESC_A | X86_DESC_G | X86_DESC_B | (cpl) << X86_DESC_DPL_SHIFT)

static inline bool
x86_canonical(const X86State *s, uint64_t a)
{
    return (uint64_t)((int64_t)(a << s->va_shift) >> s->va_shift) == a;
}

/* For bases that are loaded but not used: as wide as the CPU can ever be told to go. */
static inline bool
x86_canonical_base(const X86State *s, uint64_t a)
{
    unsigned shift = x86_has_feature(s, X86_FEAT_LA57) ? 7 : 16;

    return (uint64_t)((int64_t)(a << shift) >> shift) == a;
}

static inline bool
x86_protected(const X86State *s)
{
    return (s->cr0 & X86_CR0_PE) && !(s->eflags & X86_VM);
}

static inline unsigned
x86_iopl(const X86State *s)
{
    return (s->eflags >> X86_IOPL_SHIFT) & 3;
}

/* CLI, STI, PUSHF, POPF, IRET and INT n work on VIF where IOPL keeps them from IF (SDM 3B 21.3, 21.4). */
static inline bool
x86_virtual_interrupts(const X86State *s)
{
    return (s->eflags & X86_VM) ? (s->cr4 & X86_CR4_VME) != 0 : (s->cr4 & X86_CR4_PVI) && s->cpl == 3;
}

static inline bool
x86_long(const X86State *s)
{
    return (s->efer & X86_EFER_LMA) != 0;
}

/* MMU mode of implicit supervisor accesses: descriptor tables, TSS. */
static inline unsigned
x86_system_mmu_mode(const X86State *s)
{
    return (s->cr4 & X86_CR4_SMAP) ? X86_MMU_KERNEL_SMAP : X86_MMU_KERNEL;
}

/* Linear address of [offset, offset + size), checked against the segment. */
static X86_INLINE uint64_t
x86_linear(X86State *s, unsigned seg, uint64_t offset, unsigned size, EmuTcgAccess access)
{
    uint64_t linear;

    if (s->code_size == 64) {
        linear = offset;
        if (seg >= X86_FS) {
            linear += *x86_seg_base(s, seg);
        }
        if (G_UNLIKELY(!x86_canonical(s, linear) || !x86_canonical(s, linear + size - 1))) {
            x86_raise_noncanonical(s, seg);
        }
    } else {
        /* (a code segment without limit may be read, not written) */
        if (!(s->tcg.mode_key & X86_MODE_NOLIMIT(seg)) ||
            (access == EMU_TCG_WRITE && G_UNLIKELY(seg == X86_CS)) ||
            G_UNLIKELY((uint32_t)(offset + size - 1) < (uint32_t)offset)) {
            x86_seg_check(s, seg, offset, size, access);
        }
        linear = (uint32_t)(offset + *x86_seg_base(s, seg));
    }
    if (G_UNLIKELY(s->tcg.mode_key & (X86_MODE_AC | X86_MODE_DR))) {
        x86_access_check(s, linear, size, access);
    }
    return linear;
}

static inline uint64_t
x86_load_linear(X86State *s, uint64_t linear, unsigned size, unsigned mmu_mode)
{
    uint64_t v = 0;

    if (G_UNLIKELY(!emu_tcg_read(&s->tcg, linear, &v, size, mmu_mode))) {
        x86_raise_recorded_now(s);
    }
    return v;
}

static inline void
x86_store_linear(X86State *s, uint64_t linear, uint64_t v, unsigned size, unsigned mmu_mode)
{
    if (G_UNLIKELY(!emu_tcg_write(&s->tcg, linear, &v, size, mmu_mode))) {
        x86_raise_recorded_now(s);
    }
}

static X86_INLINE uint64_t
x86_load(X86State *s, unsigned seg, uint64_t offset, unsigned size)
{
    return x86_load_linear(s, x86_linear(s, seg, offset, size, EMU_TCG_READ), size,
                           s->tcg.mmu_mode);
}

static X86_INLINE void
x86_store(X86State *s, unsigned seg, uint64_t offset, uint64_t v, unsigned size)
{
    x86_store_linear(s, x86_linear(s, seg, offset, size, EMU_TCG_WRITE), v, size,
                     s->tcg.mmu_mode);
}

/* Offset of the memory operand in its segment. */
static X86_INLINE uint64_t
x86_ea(X86State *s, const X86Insn *insn)
{
    uint64_t ea = (uint64_t)insn->disp;

    if (insn->base < 16) {
        ea += *x86_gpr(s, insn->base);
    } else if (insn->base == X86_BASE_RIP) {
        ea += s->rip + insn->length;
    }
    if (insn->index < 16) {
        ea += *x86_gpr(s, insn->index) << insn->scale;
    }
    if (insn->addrsize == 8) {
        return ea;
    }
    return insn->addrsize == 4 ? (uint32_t)ea : (uint16_t)ea;
}

static inline uint64_t
x86_operand_linear(X86State *s, const X86Insn *insn, unsigned size, EmuTcgAccess access)
{
    return x86_linear(s, insn->segment, x86_ea(s, insn), size, access);
}

/* Each size is one move of the host: aligned ones are single-copy atomic. */
static X86_INLINE uint64_t
x86_get_bytes(const void *p, unsigned size)
{
    uint64_t v8;
    uint32_t v4;
    uint16_t v2;

    switch (size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        memcpy(&v2, p, 2);
        return v2;
    case 4:
        memcpy(&v4, p, 4);
        return v4;
    default:
        memcpy(&v8, p, 8);
        return v8;
    }
}

static X86_INLINE void
x86_put_bytes(void *p, uint64_t v, unsigned size)
{
    switch (size) {
    case 1:
        memcpy(p, &v, 1);
        break;
    case 2:
        memcpy(p, &v, 2);
        break;
    case 4:
        memcpy(p, &v, 4);
        break;
    default:
        memcpy(p, &v, 8);
        break;
    }
}

/* A register write: 4 bytes clear the upper half, 1 and 2 keep the rest. */
static X86_INLINE void
x86_set_reg_bytes(void *p, uint64_t v, unsigned size)
{
    switch (size) {
    case 1:
        *(uint8_t *)p = (uint8_t)v;
        break;
    case 2:
        *(uint16_t *)p = (uint16_t)v;
        break;
    case 4:
        *(uint64_t *)p = (uint32_t)v;
        break;
    default:
        *(uint64_t *)p = v;
        break;
    }
}

static inline void
x86_set_gpr(X86State *s, unsigned n, uint64_t v, unsigned size)
{
    x86_set_reg_bytes(x86_gpr(s, n), v, size);
}

static inline uint64_t
x86_get_gpr(X86State *s, unsigned n, unsigned size)
{
    return *x86_gpr(s, n) & x86_size_mask(size);
}

static X86_INLINE uint64_t
x86_read_operand(X86State *s, const X86Insn *insn, unsigned n)
{
    const X86Operand *op = &insn->op[n];

    switch (op->kind) {
    case X86_OPND_GPR:
        return x86_get_bytes((char *)s + op->offset, op->size);
    case X86_OPND_MEM:
        return x86_load(s, insn->segment, x86_ea(s, insn), op->size);
    default:
        return insn->imm & x86_size_mask(op->size);
    }
}

static X86_INLINE void
x86_write_operand(X86State *s, const X86Insn *insn, unsigned n, uint64_t v)
{
    const X86Operand *op = &insn->op[n];

    if (op->kind == X86_OPND_GPR) {
        x86_set_reg_bytes((char *)s + op->offset, v, op->size);
    } else {
        x86_store(s, insn->segment, x86_ea(s, insn), v, op->size);
    }
}

/* Read-modify-write of operand 0.  With LOCK the store is a compare-and-swap: loop until it holds. */
typedef struct {
    void *ptr; /* register or RAM; NULL = go through emu_tcg_write */
    uint64_t linear;
    uint64_t old;
    uint8_t size;
    bool is_register;
    bool locked;
} X86Rmw;

void x86_rmw_begin_memory(X86State *s, X86Rmw *m, unsigned seg, uint64_t offset, unsigned size,
                          bool locked);
bool x86_rmw_store_memory(X86State *s, X86Rmw *m, uint64_t v);

static X86_INLINE void
x86_rmw_begin(X86State *s, const X86Insn *insn, X86Rmw *m, bool locked)
{
    const X86Operand *op = &insn->op[0];

    m->size = op->size;
    m->is_register = op->kind == X86_OPND_GPR;
    if (m->is_register) {
        m->ptr = (char *)s + op->offset;
        return;
    }
    x86_rmw_begin_memory(s, m, insn->segment, x86_ea(s, insn), op->size, locked);
}

static inline uint64_t
x86_rmw_load(X86Rmw *m)
{
    if (m->ptr) {
        m->old = x86_get_bytes(m->ptr, m->size);
    }
    return m->old;
}

static inline bool
x86_rmw_store(X86State *s, X86Rmw *m, uint64_t v)
{
    if (m->is_register) {
        x86_set_reg_bytes(m->ptr, v, m->size);
        return true;
    }
    return x86_rmw_store_memory(s, m, v);
}

static inline bool
x86_insn_locked(const X86Insn *insn)
{
    return (insn->prefixes & X86_PFX_LOCK) != 0;
}

/* Stack. */
static inline uint64_t
x86_stack_mask(const X86State *s)
{
    return s->stack_size == 64 ? ~UINT64_C(0) : s->stack_size == 32 ? 0xffffffffu : 0xffffu;
}

static inline void
x86_set_sp(X86State *s, uint64_t sp)
{
    uint64_t *rsp = &X86_LOW(s, X86_RSP);

    if (s->stack_size == 16) {
        *rsp = (*rsp & ~UINT64_C(0xffff)) | (sp & 0xffff);
    } else if (s->stack_size == 32) {
        *rsp = (uint32_t)sp;
    } else {
        *rsp = sp;
    }
}

static inline void
x86_push(X86State *s, uint64_t v, unsigned size)
{
    uint64_t sp = (X86_LOW(s, X86_RSP) - size) & x86_stack_mask(s);

    x86_store(s, X86_SS, sp, v, size);
    x86_set_sp(s, sp);
}

/* The value at sp + delta; the caller commits sp. */
static inline uint64_t
x86_stack_peek(X86State *s, unsigned delta, unsigned size)
{
    return x86_load(s, X86_SS, (X86_LOW(s, X86_RSP) + delta) & x86_stack_mask(s), size);
}

static inline void
x86_drop(X86State *s, uint64_t n)
{
    x86_set_sp(s, X86_LOW(s, X86_RSP) + n);
}

/* Flags. */
extern const uint8_t x86_parity_table[256]; /* X86_PF or 0 */

static inline uint32_t
x86_cc_szp(uint64_t r, unsigned size)
{
    uint32_t cc = x86_parity_table[(uint8_t)r];

    r &= x86_size_mask(size);
    if (r == 0) {
        cc |= X86_ZF;
    }
    if (r >> (8 * size - 1)) {
        cc |= X86_SF;
    }
    return cc;
}

static inline uint32_t
x86_cc_add(uint64_t a, uint64_t b, uint64_t carry, unsigned size)
{
    uint64_t mask = x86_size_mask(size), r = (a + b + carry) & mask;
    uint32_t cc = x86_cc_szp(r, size);
    unsigned top = 8 * size - 1;

    a &= mask;
    if (carry ? r <= a : r < a) {
        cc |= X86_CF;
    }
    cc |= (uint32_t)((a ^ b ^ r) & X86_AF);
    if (((a ^ r) & (b ^ r)) >> top & 1) {
        cc |= X86_OF;
    }
    return cc;
}

static inline uint32_t
x86_cc_sub(uint64_t a, uint64_t b, uint64_t borrow, unsigned size)
{
    uint64_t mask = x86_size_mask(size), r = (a - b - borrow) & mask;
    uint32_t cc = x86_cc_szp(r, size);
    unsigned top = 8 * size - 1;

    a &= mask;
    b &= mask;
    if (borrow ? a <= b : a < b) {
        cc |= X86_CF;
    }
    cc |= (uint32_t)((a ^ b ^ r) & X86_AF);
    if (((a ^ b) & (a ^ r)) >> top & 1) {
        cc |= X86_OF;
    }
    return cc;
}

static inline bool
x86_condition(uint32_t cc, unsigned code)
{
    bool r;

    switch ((code >> 1) & 7) {
    case 0:
        r = cc & X86_OF;
        break;
    case 1:
        r = cc & X86_CF;
        break;
    case 2:
        r = cc & X86_ZF;
        break;
    case 3:
        r = cc & (X86_CF | X86_ZF);
        break;
    case 4:
        r = cc & X86_SF;
        break;
    case 5:
        r = cc & X86_PF;
        break;
    case 6:
        r = !(cc & X86_SF) != !(cc & X86_OF);
        break;
    default:
        r = (cc & X86_ZF) || !(cc & X86_SF) != !(cc & X86_OF);
        break;
    }
    return r != (code & 1);
}

/* rip of a near branch target, wrapped to the operand size; checked against the CS limit. */
void x86_branch_to(X86State *s, uint64_t target, unsigned opsize);
