/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of core/accel-tcg share.
 *
 * Memory of one vCPU: one mapping, made by emu_tcg_state_new():
 *
 *    guard page | stack for helpers | EmuTcgState and the front end's state | EmuTcgHot | EmuTcgVcpu
 *                                   ^ host rsp while translated code runs
 */

#include "cpu/debug.h"

#include <emu/cpu.h>
#include <emu/log.h>
#include <emu/memory.h>
#include <emu/tcg-ir.h>
#include <emu/tcg.h>
#include <pthread.h>

#define TCG_PAGE_BITS 12
#define TCG_PAGE_SIZE UINT64_C(4096)
#define TCG_PAGE_MASK (~(TCG_PAGE_SIZE - 1))

/* ---- soft TLB ---------------------------------------------------------------------------------- */

/*
 * A tag is the virtual page with flags in its low bits; a plain tag equals the page, and only then may
 * the access go straight to host memory.
 */
#define TCG_TLB_IO 0x001u      /* not RAM: through the address space */
#define TCG_TLB_TRACKED 0x002u /* RAM, but a store must look at the dirty byte first */
#define TCG_TLB_INVALID 0x800u

typedef struct {
    uint64_t tag[3]; /* by EmuTcgAccess */
    uint64_t delta;  /* host address - virtual address */
    uint64_t phys;   /* physical address of the page */
    uint64_t ram;    /* RAM address of the page, or UINT64_MAX */
    uint64_t gen;    /* whose it is: good while equal to the vCPU's gen_local or gen_global */
    uint64_t reserved;
} TcgTlbEntry;

#define TCG_TLB_ENTRY_BITS 6
G_STATIC_ASSERT(sizeof(TcgTlbEntry) == 1u << TCG_TLB_ENTRY_BITS);

#define TCG_TLB_BITS 12
#define TCG_TLB_SIZE (1u << TCG_TLB_BITS)

#define TCG_WRITTEN_BITS 65536u
#define TCG_LARGE_BITS 4096u

/* Physical pages lately used by page walks, and led to by them. */
#define TCG_PHYS_SIZE 512u

typedef struct {
    uint64_t tag; /* physical page, or 1 */
    uint8_t *host;
    uint64_t ram;  /* RAM address, or UINT64_MAX */
    bool is_ram;   /* and not ROM */
    bool writable; /* without anyone who wants to see it */
} TcgPhysEntry;

/* ---- what translated code reaches from rsp ------------------------------------------------------- */

/*
 * Page prediction: the page that the last access through one base register went to.  An empty slot
 * names a page that no access can be in.
 */
typedef struct {
    uint64_t read_base, write_base; /* virtual page */
    uint64_t delta;                 /* host address - virtual address */
    uint64_t reserved;
} TcgPredict;

#define TCG_PREDICT_SLOTS 32

/*
 * The same by address: for accesses that go to another page most times. Their code picks the entry by the page number, which
 * puts it on the way to the data; that is why it is not what every access does.
 */
#define TCG_HASHED_BITS 8
#define TCG_HASHED_SIZE (1u << TCG_HASHED_BITS)
#define TCG_SLOT_HASHED (TCG_PREDICT_SLOTS - 1) /* number in a description that means it */

/*
 * An empty slot's page lies where a host access is certain to fault (not canonical on an x86-64 host
 * and kept unmapped elsewhere), with delta 0: a guest that uses this very address passes the check
 * and takes the host fault, which is mapped back like any other.
 */
#define TCG_PREDICT_EMPTY UINT64_C(0x8000dead00000000)

#define TCG_TOKEN_BITS 12
#define TCG_TOKENS (1u << TCG_TOKEN_BITS)

/* Block tables of indirect jumps, one per mode slot (a mode key gets a slot when first seen). */
#define TCG_MODE_SLOTS 24
#define TCG_JUMP_BITS 13
#define TCG_JUMP_SIZE (1u << TCG_JUMP_BITS)
#define TCG_JUMP_FACTOR 0x9e3779b1u /* index: upper bits of the pc's low half times this */

/* Bytes of a load that crosses a page. */
#define TCG_BOUNCE_SIZE 64u

typedef struct {
    uint64_t spill[32]; /* temps that found no register; scratch of thunks */
    uint8_t vectors[16][32]; /* whole vector registers during C code that has nothing to do with them */
    uint8_t bounce[2 * TCG_BOUNCE_SIZE]; /* on a boundary of its size */
    uint64_t vectors_whole;  /* that is where they are, and not in the state */
    TcgPredict predict[EMU_TCG_MMU_MODES][TCG_PREDICT_SLOTS];
    TcgPredict hashed[EMU_TCG_MMU_MODES][TCG_HASHED_SIZE];
    uint32_t token[TCG_TOKENS];
    uintptr_t jump[TCG_MODE_SLOTS][TCG_JUMP_SIZE];
} TcgHot;

G_STATIC_ASSERT(offsetof(TcgHot, bounce) % TCG_BOUNCE_SIZE == 0);

/* Where EmuTcgVcpu lies behind TcgHot. */
#define TCG_HOT_ROUNDED ((int32_t)((sizeof(TcgHot) + TCG_PAGE_SIZE - 1) & TCG_PAGE_MASK))

/* ---- one vCPU ------------------------------------------------------------------------------------ */

typedef struct _TcgMachine TcgMachine;
typedef struct _TcgBlock TcgBlock;

/* A page above 4 KiB, and which parts of it the TLB has seen. */
#define TCG_LARGE_PAGES 8
#define TCG_LARGE_PARTS 4
typedef struct {
    uint64_t lo, size;
    unsigned n;
    uint64_t part[TCG_LARGE_PARTS];
} TcgLargePage;

/* Which were seen: a list of the first few, and where others may be: a bit by the number of 2 MiB, and of 1 GiB for larger ones. */
typedef struct {
    TcgLargePage page[TCG_LARGE_PAGES];
    unsigned n;
    uint64_t bits_2m[TCG_LARGE_BITS / 64], bits_1g[TCG_LARGE_BITS / 64];
} TcgLarge;

/*
 * Whose translations the TLB holds. A space (EmuTcgContext.space) has a number for its global pages, a context (one of its ids)
 * a number for the others; to forget them is to take a new number, or none (0) until it comes up again. The TLB is one for all: each
 * has another way to look a page up in it, so that they do not take each other's place.
 *
 * Pages of the upper half lie where all contexts of the space find them. In the lower half id 0 does the same with that half's global
 * pages, and the other ids have none.
 */
#define TCG_SPACES 4
#define TCG_CONTEXTS 16

typedef struct {
    uint32_t number;
    uint64_t depends[G_N_ELEMENTS(((EmuTcgContext *)0)->depends)];
    uint64_t gen; /* bit 63 set */
    uint64_t used;
    bool lower_global; /* id 0 may have global pages in the lower half */
    TcgLarge *large; /* of the upper half, and of id 0 */
} TcgSpace;

typedef struct {
    TcgSpace *space;
    uint32_t id;
    uint64_t gen;
    uint64_t used;
    TcgLarge *large; /* of the lower half */
} TcgContext;

/* Views of memory that a front end changes between: one more for system management mode. */
#define TCG_VIEWS 2

struct _EmuTcgVcpu {
    EmuTcgState *state;
    TcgHot *hot;
    const EmuTcgFrontend *fe;
    gpointer mapping;
    gsize mapping_size;

    /* Set by the accelerator. */
    TcgMachine *machine;
    EmuCpu *cpu;
    EmuCpuDebug *debug, no_debug;
    EmuAddressSpace *as; /* one of @views */
    /* Those that it has looked through, with a listener each. */
    struct {
        EmuAddressSpace *as;
        gpointer listener;
    } views[TCG_VIEWS];
    unsigned index;

    TcgTlbEntry tlb[EMU_TCG_MMU_MODES][TCG_TLB_SIZE];
    TcgSpace spaces[TCG_SPACES], *space;         /* the one that runs */
    TcgContext contexts[TCG_CONTEXTS], *context; /* the same */
    TcgLarge large[TCG_SPACES + TCG_CONTEXTS];   /* theirs */
    uint64_t gen_local, gen_global, last_gen;    /* their numbers; the last that was taken */
    uint64_t n_switches;
    /* What is exclusive-ored to a page's place in the TLB, in bytes: to every one's, and to one's of the lower half. */
    uint32_t salt, salt_lower;
    uint32_t tlb_used;              /* bit per MMU mode with entries */
    uint8_t hashed_used[EMU_TCG_MMU_MODES]; /* TcgHot.hashed has entries */
    int32_t miss_budget;            /* misses of predictions until one is looked at */
    bool upper_local;               /* a token of the upper half is for a page that is not global */
    /* Which RAM pages may have a plain write translation since the last full flush: bit by page number. */
    uint64_t written[TCG_WRITTEN_BITS / 64];
    TcgPhysEntry phys[TCG_PHYS_SIZE];

    /* Requests from other threads, looked at when exit_request is seen. */
    uint32_t flush_pending; /* atomic */
    uint32_t running;       /* atomic: inside interp or translated code */
    bool shutdown;          /* until reset */

    /* Translated code. */
    uint64_t n_flushes;      /* translations forgotten so far: an instruction in the middle of a block that
                              * forgets some ends the block */
    uint32_t pending_site;   /* exit that waits for its target block, or UINT32_MAX */
    uint32_t branch_from;    /* block whose indirect branch leads to where translated code left; 0: none */
    uint64_t again_pc;       /* instruction that was started again after its page was looked up, */
    unsigned again_n;        /* and how often again then */
    uint32_t force_interp;   /* the next miss goes to the interpreter: a host fault was taken */
    EmuTcgExit leave_reason; /* of a thunk that left */

    pthread_mutex_t halt_lock;
    pthread_cond_t halt_cond;

    /* Statistics for "info jit". */
    uint64_t n_tlb_fill, n_interp, n_lookup, n_exit;
};

/* ---- one machine ----------------------------------------------------------------------------------- */

typedef enum { TCG_MODE_JIT, TCG_MODE_INTERP } TcgRunMode;

struct _TcgMachine {
    EmuMachine *machine;
    EmuDebug *debug;
    EmuAddressSpace *io;
    TcgRunMode mode;
    bool one_insn_per_block;
    uint32_t stress_flush_blocks;
    bool stress_slot_miss, stress_hashed, stress_unlink;
    GPtrArray *vcpus; /* of EmuTcgVcpu; changed with @lock held */

    /* Exclusive sections. */
    pthread_mutex_t lock;
    pthread_cond_t cond;
    uint32_t exclusive; /* atomic */

    struct _TcgCache *cache; /* NULL in interpreter mode */
};

/* softmmu.c */
void tcg_tlb_init(EmuTcgVcpu *v);
/* Asks every vCPU to flush everything before its next instruction.  Any thread. */
void tcg_machine_flush_async(TcgMachine *m);
/* Does it. */
void tcg_flush_requested(EmuTcgVcpu *v);
/* The entry for an access after a fill; NULL: fault recorded. */
TcgTlbEntry *tcg_tlb_lookup(EmuTcgVcpu *v, uint64_t vaddr, EmuTcgAccess access, unsigned mmu_mode,
                            bool record);
/* Stores to the host page of RAM address @ram go out of line from now on, on vCPU @v. */
void tcg_tlb_protect(EmuTcgVcpu *v, const uint8_t *host_page);
void tcg_predict_clear(EmuTcgVcpu *v);

/* tcg-accel.c: flushes the machine's translations when what @as shows changes; once for each. */
void tcg_vcpu_watch(EmuTcgVcpu *v, EmuAddressSpace *as);

/* code.c: RAM pages that hold translated code, and whoever else tracks stores. */
void tcg_machine_register(TcgMachine *m);
void tcg_machine_unregister(TcgMachine *m);
void tcg_code_written(TcgMachine *m, EmuTcgVcpu *self, uint64_t ram, uint64_t size);

/* debug.c */
/* Whether the vCPU stands before a breakpoint that it has to report; reports it. */
bool tcg_debug_stops(EmuTcgVcpu *v, uint64_t pc);
/* Instruction by instruction in the interpreter: steps, traces, breakpoints. */
EmuTcgExit tcg_debug_execute(EmuTcgVcpu *v);
bool tcg_debug_wants_interp(const EmuTcgVcpu *v);
/* A halted vCPU that steps. */
bool tcg_debug_halted(EmuTcgVcpu *v);
/* An access was made to a page that has watchpoints. */
void tcg_debug_access(EmuTcgVcpu *v, uint64_t vaddr, unsigned size, bool write, const void *data);
void tcg_debug_changed(TcgMachine *m);

/* run.c */
void tcg_vcpu_run(EmuTcgVcpu *v);
void tcg_vcpu_kick(EmuTcgVcpu *v);
void tcg_vcpu_enter(EmuTcgVcpu *v);
void tcg_vcpu_leave(EmuTcgVcpu *v);
void tcg_exclusive_begin(EmuTcgVcpu *v);
void tcg_exclusive_end(EmuTcgVcpu *v);

static inline TcgPredict *
tcg_hashed_entry(EmuTcgVcpu *v, uint64_t vaddr, unsigned mmu_mode)
{
    return &v->hot->hashed[mmu_mode][(vaddr >> TCG_PAGE_BITS) & (TCG_HASHED_SIZE - 1)];
}

/* Where @vaddr's entry would be with these salts; the thunk of page predictions that miss computes the same. */
static inline TcgTlbEntry *
tcg_tlb_entry_of(EmuTcgVcpu *v, uint64_t vaddr, unsigned mmu_mode, uint32_t salt, uint32_t salt_lower)
{
    uint64_t at = vaddr >> (TCG_PAGE_BITS - TCG_TLB_ENTRY_BITS) ^ salt ^ (vaddr >> 63 ? 0 : salt_lower);

    return (TcgTlbEntry *)((char *)v->tlb[mmu_mode] + (at & ((TCG_TLB_SIZE - 1) << TCG_TLB_ENTRY_BITS)));
}

static inline TcgTlbEntry *
tcg_tlb_entry(EmuTcgVcpu *v, uint64_t vaddr, unsigned mmu_mode)
{
    return tcg_tlb_entry_of(v, vaddr, mmu_mode, v->salt, v->salt_lower);
}

/* Upper half of the address space, where kernels have their global pages, apart from the lower half. */
static inline unsigned
tcg_token_index(uint64_t pc)
{
    return (unsigned)((pc >> TCG_PAGE_BITS & (TCG_TOKENS / 2 - 1)) | pc >> 63 << (TCG_TOKEN_BITS - 1));
}

static inline bool
tcg_tlb_current(const EmuTcgVcpu *v, const TcgTlbEntry *e)
{
    return e->gen == v->gen_local || e->gen == v->gen_global;
}

/* Whether an access of this kind may go straight to host memory. */
static inline bool
tcg_tlb_plain(const EmuTcgVcpu *v, const TcgTlbEntry *e, uint64_t vaddr, EmuTcgAccess access)
{
    return e->tag[access] == (vaddr & TCG_PAGE_MASK) && tcg_tlb_current(v, e);
}

/* Whether it needs no page walk. */
static inline bool
tcg_tlb_hit(const EmuTcgVcpu *v, const TcgTlbEntry *e, uint64_t vaddr, EmuTcgAccess access)
{
    return (e->tag[access] & (TCG_PAGE_MASK | TCG_TLB_INVALID)) == (vaddr & TCG_PAGE_MASK) &&
           tcg_tlb_current(v, e);
}

/* NULL in tests that have no machine. */
static inline const EmuDebug *
tcg_debug(const EmuTcgVcpu *v)
{
    static const EmuDebug none;

    return v->machine->debug ? v->machine->debug : &none;
}

static inline EmuTcgVcpu *
tcg_vcpu(EmuTcgState *s)
{
    return s->vcpu;
}
