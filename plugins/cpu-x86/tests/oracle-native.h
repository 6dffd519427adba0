/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host CPU as oracle: an arena that the guest's addresses name in this process too, what the interpreter asks of the core over it,
 * and one instruction executed natively in 64-, 32- or 16-bit code.  For a test program that links the interpreter alone.
 */

#include <signal.h>

#include "../x86-interp.h"

#define ARENA 0x20000000ul
#define ARENA_SIZE 0x2000ul
#define CODE 0x21000000ul
#define CODE_SIZE 0x1000ul

typedef struct {
    uint64_t gpr[16];
    uint64_t rip;
    uint32_t eflags;
    X86Fxsave fx __attribute__((aligned(64)));
    uint8_t high[16][16]; /* upper halves of YMM */
    int vector; /* -1 = none */
    uint32_t error;
    uint64_t cr2;
} Cpu;

/* The code's size, and how to come to it. */
typedef struct {
    const char *name;
    uint64_t mode_key; /* code size */
    unsigned bits;
    uint64_t cs_base, ds_base;
    uint16_t cs, ds; /* native selectors */
    uint32_t ds_limit;
} Mode;

/* What the trampoline reads: in fixed places, because it has no free register at the end. */
struct OracleEntry {
    uint64_t gpr[16];
    uint64_t eflags;
    uint64_t rip;
    uint64_t cs;
    uint64_t ds;
    uint64_t host_rsp;
    uint64_t has_avx;
    uint64_t pad[2];
    X86Fxsave fx;
    uint8_t high[16][16];
} __attribute__((aligned(64)));

extern struct OracleEntry oracle_entry;

extern Cpu native;                 /* what the last native run left */
extern uint8_t current_bytes[16];  /* named when a signal comes while none runs */
extern uint8_t *code_view;         /* of the page at CODE, to be written */
extern volatile sig_atomic_t native_running;

/* Runs @oracle_entry; leaves the state in @native. */
void oracle_run(void);
/* What stands at @in's RIP, and INT3 behind it; leaves the state in @native. */
void native_run(const Cpu *in, const Mode *mode);
void native_setup(void);
