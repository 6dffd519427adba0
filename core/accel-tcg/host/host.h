/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The interface between the translator and a host back end. */

#include "accel-tcg/ir-private.h"
#include "accel-tcg/tcg-private.h"

/* One way out of a block whose target is known. */
typedef struct {
    uint64_t target;
    uint32_t patch; /* offset in the block of what patch_jump() changes */
    uint32_t stub;  /* offset of the code that the jump leads to while unlinked */
    uint32_t stub_end; /* return address of its call */
} TcgHostExit;

/* A place in the out-of-line part of a block where an instruction can be given up. */
typedef struct {
    uint16_t offset; /* of the stub */
    uint8_t insn;    /* | TCG_HOST_STUB_EFLAGS */
} TcgHostStub;

#define TCG_HOST_STUB_EFLAGS 0x80u /* FLAGS are in the host's flag register when the fault is taken */

#define TCG_HOST_MAX_STUBS 512

/* What emission yields. */
typedef struct {
    uint32_t size;
    uint32_t entry;       /* offset: for the dispatcher and same-page forward jumps */
    uint32_t poll_entry;  /* + looks at exit_request: same-page backward jumps */
    uint32_t cross_entry; /* + verifies the code token: jumps from other pages */
    uint32_t ind_entry;   /* + verifies the pc: indirect jumps */
    uint32_t token_field; /* what tcg_host_kill_token() changes */
    uint32_t cold;        /* start of the out-of-line part */
    unsigned n_exits;
    TcgHostExit exits[2];
    uint16_t insn_offset[TCG_IR_MAX_INSNS + 1];
    bool inside[TCG_IR_MAX_INSNS]; /* the instruction relies on a check made before it: no entry there */
    unsigned n_stubs;
    TcgHostStub stubs[TCG_HOST_MAX_STUBS];
} TcgHostCode;

/* Tokens that a host can use: above TCG_TOKEN_FIRST, never TCG_TOKEN_NEVER. */
#define TCG_TOKEN_FIRST 256u
#define TCG_TOKEN_NEVER UINT32_C(0xffffffff)

/* What the emitter must know about the block. */
typedef struct {
    const EmuTcgIr *ir;
    uint8_t *write;     /* where to write ... */
    const uint8_t *exec; /* ... and where it will run */
    uint32_t room;
    uint32_t block_id;
    uint32_t token;
    uint32_t token_index;
    uint32_t tail_token; /* of the page that the block's only instruction ends in; 0: no other */
    uint32_t tail_token_index;
    int mode_slot; /* -1: no jump table */
    uint64_t hashed; /* bit per instruction: its accesses use TcgHot.hashed */
    bool ungrouped;  /* each access has its own check */
    bool force_slow; /* stress: every access takes the slow path */
} TcgHostJob;

/* C functions that translated code reaches through thunks.  "fast" ones are compiled for general registers
 * only.  Addresses are of executable memory. */
typedef struct {
    /* Translates a data address that missed its prediction slot, for the block that called from @ret. */
    struct TcgMiss (*miss_fast)(EmuTcgState *s, uint64_t vaddr, uint32_t desc, uintptr_t ret);
    /* Block for pc, where the indirect branch at the end of block @from leads; or 0: leave. */
    uintptr_t (*lookup_fast)(EmuTcgState *s, uint64_t pc, uint32_t from);
    /* Where a block's stub, which called from return address @ret, leads to: behind an exit to its target, which is linked; else
     * to the block's start, for which something was to be verified. */
    struct TcgWayOut (*way_out_fast)(EmuTcgState *s, uintptr_t ret);
    /* Gives the instruction at return address @ret to the interpreter; where to go on, or 0: leave. */
    uintptr_t (*interp)(EmuTcgState *s, uintptr_t ret);
    /* As interp, then always looks the next block up. */
    uintptr_t (*interp_end)(EmuTcgState *s, uintptr_t ret);
    /* Calls a helper; see EmuTcgHelper. */
    uintptr_t (*call)(EmuTcgState *s, uintptr_t ret);
} TcgHostCallbacks;

typedef struct TcgWayOut {
    uintptr_t code; /* 0: leave */
    uint64_t pc;
} TcgWayOut;

/* What became of a miss. */
enum {
    TCG_MISS_INTERP, /* the instruction goes to the interpreter */
    TCG_MISS_FOUND,  /* value: the delta */
    TCG_MISS_DIVERT, /* value: the code that goes on with this instruction */
};

typedef struct TcgMiss {
    uint64_t value;
    uint64_t what;
} TcgMiss;

/* Description of an access for miss_fast: packed into 32 bits. */
#define TCG_DESC(slot, mode, access, size, insn)                                                   \
    ((uint32_t)(slot) | (uint32_t)(mode) << 5 | (uint32_t)(access) << 8 | (uint32_t)(size) << 10 | \
     (uint32_t)(insn) << 20)
/* The access is one of several that the check is for: a miss is no fault. */
#define TCG_DESC_SHARED (UINT32_C(1) << 26)
#define TCG_DESC_SLOT(d) ((d)&31u)
#define TCG_DESC_MODE(d) ((d) >> 5 & 7u)
#define TCG_DESC_ACCESS(d) ((EmuTcgAccess)((d) >> 8 & 3u))
#define TCG_DESC_SIZE(d) ((d) >> 10 & 1023u)
#define TCG_DESC_INSN(d) ((d) >> 20 & 63u)

/* One per machine. */
typedef struct _TcgHost TcgHost;

/* NULL and @error when this host cannot run the front end's code. */
/* Does this host translate for such CPUs? Those of other kinds are interpreted. */
bool tcg_host_takes(const EmuTcgFrontend *fe);
TcgHost *tcg_host_new(const EmuTcgFrontend *fe, const TcgHostCallbacks *callbacks, GError **error);
void tcg_host_free(TcgHost *h);
/* Writes the thunks to @write, to run at @exec; returns their size. */
uint32_t tcg_host_emit_thunks(TcgHost *h, uint8_t *write, const uint8_t *exec, uint32_t room);
/* Translates; false when @room does not do or the block is too large. */
bool tcg_host_emit(TcgHost *h, const TcgHostJob *job, TcgHostCode *out);
/* Makes the jump at @patch_write (running at @patch_exec) lead to @target.  Atomic against running code. */
void tcg_host_patch_jump(uint8_t *patch_write, const uint8_t *patch_exec, const uint8_t *target);
/* Makes cross-page and indirect entries of a block that is no longer valid fail. */
void tcg_host_kill_token(uint8_t *token_field_write);
/* Address that an empty jump table entry holds. */
uintptr_t tcg_host_lookup_thunk(const TcgHost *h);
/* Runs translated code from @code until it leaves. */
void tcg_host_enter(const TcgHost *h, EmuTcgState *s, uintptr_t code);

/* How translated code left: fields in the state's backend words. */
bool tcg_host_left_with_pc(EmuTcgState *s, uint64_t *pc, EmuTcgExit *reason);
/* The helper call under way: args[0] also takes the result. */
void tcg_host_call_operands(const TcgHost *h, EmuTcgState *s, const EmuTcgHelper **helper,
                            uint64_t **args);
uint32_t tcg_host_last_desc(EmuTcgState *s);
/* Whether the interpreter thunk was entered because of an access, and its address; once per entry. */
bool tcg_host_missed(EmuTcgState *s, uint64_t *vaddr);
/* FLAGS between the host's image and the front end's global. */
void tcg_host_flags_to_guest(const TcgHost *h, EmuTcgState *s);
void tcg_host_flags_from_guest(const TcgHost *h, EmuTcgState *s);
/* Once per process: faults of translated code. @resolve returns where to go on, or 0: not ours; and whether
 * FLAGS are in the host's flag register. */
void tcg_host_install_signals(uintptr_t (*resolve)(EmuTcgState *s, uintptr_t pc, bool *eflags));
/* Per vCPU thread: the alternate signal stack. */
void tcg_host_thread_init(EmuTcgState *s);
void tcg_host_thread_finish(void);
