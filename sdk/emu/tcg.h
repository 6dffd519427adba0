/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Accel tier: the contract between a CPU plugin (front end) and core/accel-tcg.
 *
 * The core owns: vCPU threads, the run loop, soft TLB, block cache, IR, host back end, code pages,
 * links, polls.  It knows no guest instruction.
 * The front end owns: the architectural state, decoding, the reference interpreter, the page walk,
 * exceptions and interrupts, and lifting an instruction to IR (<emu/tcg-ir.h>).
 *
 * The accel tier is locked to the exact minor version of the SDK.
 */

#include <emu/macros.h>
#include <emu/memory.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct _EmuTcgVcpu EmuTcgVcpu; /* the core's side of one vCPU; private to accel-tcg */
typedef struct _EmuTcgIr EmuTcgIr;     /* one block under construction; see tcg-ir.h */

/* The kinds of memory access.  The numbers index permission masks: bit (1 << access). */
typedef enum {
    EMU_TCG_READ = 0,
    EMU_TCG_WRITE = 1,
    EMU_TCG_FETCH = 2,
} EmuTcgAccess;

enum {
    EMU_TCG_PROT_READ = 1 << EMU_TCG_READ,
    EMU_TCG_PROT_WRITE = 1 << EMU_TCG_WRITE,
    EMU_TCG_PROT_FETCH = 1 << EMU_TCG_FETCH,
};

/* MMU modes (privilege views of one address space, e.g. x86 kernel / user / kernel with SMAP). */
#define EMU_TCG_MMU_MODES 8

/*
 * The accelerator's part of the hot state: the first member of every front end's state struct.
 * The state lies at the top of the stack that translated code runs on, host rsp pointing at it on
 * an x86-64 host, so that the first 128 bytes are reached with 8-bit displacements: 64 bytes here,
 * 64 bytes for the front end's hottest fields behind it.
 */
typedef struct {
    uint32_t exit_request; /* atomic; not zero: leave translated code / the interpreter loop soon */
    uint32_t mmu_mode;     /* MMU mode of ordinary data accesses now, kept by the front end */
    uint64_t mode_key;     /* block key bits, kept by the front end: all that its lifter assumes */
    EmuTcgVcpu *vcpu;
    void *cpu;        /* the EmuCpu object */
    void *backend[4]; /* owned by the host back end */
} EmuTcgState;

G_STATIC_ASSERT(sizeof(EmuTcgState) == 64);

/* Result of a page walk: one mapping that contains the address. */
typedef struct {
    uint64_t phys;      /* physical address of the byte asked for */
    uint64_t page_size; /* bytes mapped alike around it: power of two, >= 4096 */
    uint32_t prot;      /* EMU_TCG_PROT_* granted now (WRITE only when the D bit is set already) */
    bool global;        /* survives a flush of non-global entries */
} EmuTcgTranslation;

/* Why interp() or a translated block came back to the run loop. */
typedef enum {
    EMU_TCG_EXIT_NONE,     /* budget used up, or exit_request seen: look at requests, go on */
    EMU_TCG_EXIT_HALT,     /* the CPU waits for an interrupt */
    EMU_TCG_EXIT_DEBUG,    /* breakpoint, watchpoint or single step of a debugger */
    EMU_TCG_EXIT_SHUTDOWN, /* x86: triple fault; the machine decides (reset, or stop) */
    EMU_TCG_EXIT_YIELD,    /* PAUSE and the like: let another vCPU run */
    EMU_TCG_EXIT_MODE,     /* mode_key changed: look the next block up anew */
} EmuTcgExit;

/* One guest register or flag word that IR ops name.  `same_isa` is the register's number in the
 * guest's own encoding (x86: rax 0 ... r15 15; xmm n), used by a host of the same ISA to pin it. */
typedef struct {
    const char *name; /* "rax", "xmm3", "flags" */
    uint8_t type;     /* EmuTcgType of tcg-ir.h */
    uint8_t bank;     /* 0 integer, 1 vector, 2 x87/MMX (state image), 3 flags, 4 control */
    uint8_t same_isa; /* register number, or 0xff */
    uint32_t offset;  /* in the state, bytes */
} EmuTcgGlobal;

/* Where a re-encoded instruction finds its memory operand: host register numbers. */
typedef struct {
    uint8_t base;
    uint8_t index; /* 0xff: none */
    uint8_t scale; /* log2 */
    int32_t disp;
} EmuTcgHostMem;

typedef struct _EmuTcgFrontend {
    uint32_t struct_size;
    const char *name;    /* "x86" */
    const char *isa;     /* "x86-64": what a host back end compares with its own */
    uint32_t state_size; /* of the whole state, EmuTcgState included */
    const EmuTcgGlobal *globals;
    uint32_t n_globals;
    uint64_t rare_modes; /* bits of mode keys: code with one of them has many keys and is no reason to make others slower */
    uint32_t fx_offset; /* same-ISA host: the 512 bytes of FXSAVE64 in the state, 16-aligned; else 0 */
    /* Same-ISA host: upper halves of YMM0-15 in the state, as XSAVE lays them out, which translated code keeps in the host's
     * registers while mode_key has the bit @ymm_mode_bit (below 32); else both are 0. */
    uint32_t ymm_high_offset, ymm_mode_bit;

    /* Linear address of the next instruction. */
    uint64_t (*get_pc)(EmuTcgState *s);
    /* Moves pc: translated code's exits call it (side table) before anything else runs. */
    void (*set_pc)(EmuTcgState *s, uint64_t pc);

    /*
     * Runs at most @max_insns instructions in the reference interpreter, delivering the exceptions
     * that they raise.  Stops early when exit_request becomes non-zero, or for the reasons of
     * EmuTcgExit.  Called with no lock held, on the vCPU's thread.  One instruction executed by
     * this function is the meaning of that instruction: translated code must do the same.
     */
    EmuTcgExit (*interp)(EmuTcgState *s, unsigned max_insns, unsigned *executed);

    /*
     * Page walk.  Returns true and fills @out; or false when the access faults, having recorded
     * the exception (vector, error code, address) in the state when @record is true: the caller
     * then calls raise_recorded() (translated code) or unwinds (interpreter).
     * Sets accessed/dirty bits unless @record is false (a debugger's look).
     */
    bool (*walk)(EmuTcgState *s, uint64_t vaddr, EmuTcgAccess access, unsigned mmu_mode,
                 bool record, EmuTcgTranslation *out);

    /* Delivers the recorded exception at the current pc: the state moves to the handler, or to
     * shutdown.  Returns EMU_TCG_EXIT_NONE, _MODE or _SHUTDOWN. */
    EmuTcgExit (*raise_recorded)(EmuTcgState *s);

    /* True when a pending interrupt would be taken now, or an INIT/SIPI/NMI/SMI is pending. */
    bool (*interrupt_wanted)(EmuTcgState *s);
    /* Takes it.  Runs with the big lock held. */
    EmuTcgExit (*deliver_interrupt)(EmuTcgState *s);
    /* True when a halted CPU must wake. */
    bool (*has_work)(EmuTcgState *s);

    /*
     * Lifts the block that starts at linear address @pc, whose code bytes are @code (@avail bytes
     * up to the end of the page), for mode @mode_key, into @ir: at most @max_insns instructions.
     * Reads nothing of the state but what mode_key says.  Returns the number of guest bytes
     * covered; 0 when the first instruction must be interpreted (straddles the page, declined).
     * Optional: without it, and for an @isa that the host does not translate, everything is interpreted.
     */
    unsigned (*lift)(EmuTcgState *s, EmuTcgIr *ir, uint64_t pc, const uint8_t *code, unsigned avail,
                     uint64_t mode_key, unsigned max_insns);

    /*
     * True when @code (@avail bytes) begins an instruction that goes on behind them. Optional: NULL means that
     * instructions which straddle a page are interpreted.
     */
    bool (*straddles)(EmuTcgState *s, const uint8_t *code, unsigned avail, uint64_t mode_key);

    /*
     * True when the FLAGS parts are certainly redefined before anything can see them, an exception
     * of an instruction before the redefinition included, on every way from @pc through @code.
     * Optional: NULL means never.
     */
    bool (*flags_dead)(uint64_t pc, const uint8_t *code, unsigned avail, uint64_t mode_key);

    /*
     * Same-ISA host only (else NULL): encodes for the host the instruction that a template op
     * carries (@insn: what the lifter put into EmuTcgTemplate.insn), guest general register n
     * renamed to host register gpr[n], its memory operand, if any, at @mem.  Must not need any
     * other register.  Returns the length; 0 when there is no such encoding (a high-byte register
     * beside an extended one): the instruction is interpreted then.
     */
    unsigned (*encode_template)(const void *insn, const EmuTcgHostMem *mem, const uint8_t gpr[16],
                                uint8_t *out, unsigned max);

    /* One line of disassembly for -d in_asm (capstone); returns the instruction's length. */
    unsigned (*disas)(uint64_t pc, const uint8_t *code, unsigned avail, uint64_t mode_key, char *buf,
                      gsize buf_size);

    /*
     * Translated code came to @to by an indirect branch: the instruction @code (@avail bytes) at @pc, behind which the state
     * is. When it is the branch that faults, and not the fetch at @to, takes back what the branch did, moves to @pc, records
     * the exception and returns true. Called where no translated code was found at @to. Optional: NULL means never.
     */
    bool (*refuse_branch)(EmuTcgState *s, uint64_t to, uint64_t pc, const uint8_t *code, unsigned avail);
} EmuTcgFrontend;

/* The state lives in memory of the core's (see above).  Zeroed; made and freed by the CPU object,
 * whatever the accelerator. */
EMU_AVAILABLE_IN_1_0
EmuTcgState *emu_tcg_state_new(const EmuTcgFrontend *fe, gpointer cpu);
EMU_AVAILABLE_IN_1_0
void emu_tcg_state_free(EmuTcgState *s);

/*
 * Guest memory from C: the interpreter's and helpers' way.  Sizes 1..64 bytes, any alignment, page
 * crossing allowed (both pages are checked before anything is written).  A false result means that
 * walk() recorded an exception.  RAM hits go inline through the soft TLB; all else goes out of
 * line (I/O takes the big lock unless the region opted out; stores to code pages invalidate).
 * Bytes are copied as they lie in guest memory.  Aligned accesses of up to 8 bytes are
 * single-copy atomic.
 */
EMU_AVAILABLE_IN_1_0
bool emu_tcg_read(EmuTcgState *s, uint64_t vaddr, void *dst, unsigned size, unsigned mmu_mode);
EMU_AVAILABLE_IN_1_0
bool emu_tcg_write(EmuTcgState *s, uint64_t vaddr, const void *src, unsigned size, unsigned mmu_mode);
/* Instruction bytes: reads up to @size bytes and returns how many could be read; 0 with a recorded
 * exception when the very first cannot.  A short count means that the next page faults: asking
 * again from there records that exception. */
EMU_AVAILABLE_IN_1_0
unsigned emu_tcg_fetch(EmuTcgState *s, uint64_t vaddr, void *dst, unsigned size);
/*
 * Host pointer to [vaddr, vaddr+size) when it lies within one page of plain RAM that may be
 * accessed that way right now: for host atomics (LOCK), block operations (rep movs) and SIMD
 * operands.  *fault tells NULL's two reasons apart: true = exception recorded; false = allowed, but
 * I/O, page-crossing, or a code page: use emu_tcg_read/write.  A pointer is good until the next
 * call into the core.
 */
EMU_AVAILABLE_IN_1_0
void *emu_tcg_host_pointer(EmuTcgState *s, uint64_t vaddr, unsigned size, EmuTcgAccess access,
                           unsigned mmu_mode, bool *fault);

/* For helpers compiled for general registers only: the host address of @vaddr when its page is in the TLB and plain RAM for
 * that access, now; else NULL. Good up to the end of the page. */
EMU_AVAILABLE_IN_1_0
void *emu_tcg_fast_pointer(EmuTcgState *s, uint64_t vaddr, EmuTcgAccess access);

/* Whether other vCPUs run beside this one: without them a LOCK need not reach the host. */
EMU_AVAILABLE_IN_1_0
bool emu_tcg_parallel(EmuTcgState *s);

/* Runs @fn with every other vCPU of the machine out of translated code and interpreter steps: for
 * LOCK accesses that cross a cache line or hit I/O. */
EMU_AVAILABLE_IN_1_0
void emu_tcg_exclusive(EmuTcgState *s, void (*fn)(EmuTcgState *s, void *opaque), void *opaque);

/*
 * Same-ISA host: until this is called with NULL, a floating-point exception that the host raises on this thread (SIGFPE)
 * stores the host's MXCSR in @mxcsr and goes on at @resume, all registers being as they were.
 */
EMU_AVAILABLE_IN_1_0
void emu_tcg_set_fp_trap(const void *resume, uint32_t *mxcsr);

/* TLB maintenance for this vCPU; the front end calls them from its reference functions. */
EMU_AVAILABLE_IN_1_0
void emu_tcg_flush_all(EmuTcgState *s);                  /* everything, globals too */
EMU_AVAILABLE_IN_1_0
void emu_tcg_flush_non_global(EmuTcgState *s);           /* CR3 load */
EMU_AVAILABLE_IN_1_0
void emu_tcg_flush_page(EmuTcgState *s, uint64_t vaddr); /* INVLPG */

/*
 * Whose translations these are. A CPU that never says so has one space and one id. The functions above and below mean the space
 * that was set last; emu_tcg_flush_all() means every one.
 */
typedef struct {
    uint32_t space;      /* global pages are global in it: 0 for the CPU itself, others for guests of its guest's */
    uint32_t id;         /* address space in it */
    uint64_t depends[2]; /* what else all of the space's translations follow from: with another value they are void */
} EmuTcgContext;
EMU_AVAILABLE_IN_1_0
void emu_tcg_set_context(EmuTcgState *s, const EmuTcgContext *to);
EMU_AVAILABLE_IN_1_0
void emu_tcg_flush_context(EmuTcgState *s, uint32_t id); /* but for global pages */
EMU_AVAILABLE_IN_1_0
void emu_tcg_flush_context_page(EmuTcgState *s, uint32_t id, uint64_t vaddr);
EMU_AVAILABLE_IN_1_0
void emu_tcg_flush_space(EmuTcgState *s, uint32_t space); /* any, globals too */

/* Another view of physical memory: system management mode has its own. */
EMU_AVAILABLE_IN_1_0
void emu_tcg_set_memory_as(EmuTcgState *s, EmuAddressSpace *as);
/* Physical memory as this CPU sees it now (SMRAM included), for page walks. */
EMU_AVAILABLE_IN_1_0
uint64_t emu_tcg_phys_load(EmuTcgState *s, uint64_t phys, unsigned size);
EMU_AVAILABLE_IN_1_0
void emu_tcg_phys_store(EmuTcgState *s, uint64_t phys, uint64_t value, unsigned size);
/* Atomic compare-and-swap of a page table entry (4 or 8 bytes); false = it changed, walk again. */
EMU_AVAILABLE_IN_1_0
bool emu_tcg_phys_cas(EmuTcgState *s, uint64_t phys, uint64_t expected, uint64_t desired,
                      unsigned size);

/* Port I/O (x86 IN/OUT): the machine's I/O address space; takes the big lock where needed. */
EMU_AVAILABLE_IN_1_0
uint64_t emu_tcg_port_in(EmuTcgState *s, uint32_t port, unsigned size);
EMU_AVAILABLE_IN_1_0
void emu_tcg_port_out(EmuTcgState *s, uint32_t port, uint64_t value, unsigned size);

G_END_DECLS
