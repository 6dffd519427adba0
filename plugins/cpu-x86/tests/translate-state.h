/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Translated code against the reference interpreter: random instructions from the decode table, alone and in sequences
 * with branches, faults, and stores into the code, in 64-bit, compatibility and 32-bit protected mode. Two machines of
 * one CPU each start from the same state; one interprets, one translates; then everything is compared.
 */

#include "accel-tcg/cache.h"
#include "accel-tcg/translate.h"

#include "../x86-interp.h"
#include "../x86-lift.h"
#include "random-insn.h"

#define RAM_SIZE 0x80000u
#define COMPARED 0x40000u /* what lies above stays as it is */
#define PAGE_TABLES 0x1000u
#define GDT 0x7000u
#define IDT 0x8000u
#define HANDLERS 0x9000u /* a HLT each, 16 bytes apart */
#define TSS 0xa000u
#define CODE 0x10000u /* three pages, then a hole */
#define DATA 0x20000u /* four pages; then none, read-only, supervisor's, not RAM */
#define SHADOW_STACK (DATA + 0x5800) /* in the read-only page, which is dirty */
#define KERNEL_STACK 0x31000u
#define HIGH UINT64_C(0xffffffff80000000) /* in 64-bit mode the low 2 MiB once more */

#define MAX_INSNS 18
#define MAX_CODE 256
#define MAX_STEPS 300
#define NO_ROW 0xffff /* of instructions that are no test */

typedef struct {
    const char *name;
    unsigned bits; /* of code */
    unsigned cpl;
    bool long_mode;
    bool high;     /* code at HIGH */
    uint32_t ds_base; /* of DS and ES, where it is not flat */
    uint32_t limit;   /* of ES, SS, DS where they have one; SS then has the same base */
    bool real;
    bool no_avx;
    uint64_t cet; /* of CPL 3 */
} Mode;

typedef struct {
    TcgMachine m;
    EmuMemoryRegion *root, *ram;
    EmuAddressSpace *as;
    uint8_t *host;
    uint64_t ram_addr;
    X86State *s;
    EmuTcgVcpu *v;
} Machine;

typedef struct {
    uint64_t gpr[16], rip;
    uint32_t eflags;
    X86Fxsave fx;
    uint8_t high[16][16]; /* upper halves of YMM */
} Cpu;

typedef struct {
    Cpu cpu;
    uint64_t entry; /* linear */
    unsigned n_insns, n_bytes;
    uint8_t code[MAX_CODE + 16];
    uint8_t start[MAX_INSNS + 1];
    uint16_t row[MAX_INSNS];
    uint64_t data_seed;
} Case;

extern Machine reference, translated;
extern bool validate_failed; /* the IR of a block was not what it must be */

/* ---- the machines ---- */

void make_machines(void);
/* Begins with @mode's tables, and nothing translated. */
void begin_mode(const Mode *mode);
/* What every case of the mode begins with: @v at @at. */
void put(uint32_t at, uint64_t v, unsigned size);
/* Two pages of data have each other's place: what crosses into or out of them is not together in memory. */
unsigned exchanged(unsigned at);
void load_machine(Machine *t, const Case *c, const Mode *mode);
/* True when it came to an end, which is a halt or a shutdown. */
bool run_reference(EmuTcgExit *how);
bool run_translated(EmuTcgExit *how);
/*
 * A kernel's case may store over the page tables. Which of the old translations are still in a TLB then is no part of
 * the architecture, so such a case says nothing; what was walked meanwhile must not live on into the next one.
 */
bool broke_tables(Machine *t);

/* ---- cases ---- */

bool row_is_testable(const X86Row *row, const Mode *mode);
uint32_t undefined_flags(const X86Insn *insn);
void append(Case *c, const uint8_t *b, unsigned n, unsigned row);
/* @n instructions of @rows, and what belongs to them. */
void random_case(Case *c, const Mode *mode, const GArray *rows, unsigned n);

/* ---- what differs ---- */

/* NULL: alike. @ends: the reference came to an end. */
const char *run_case(const Case *c, const Mode *mode, bool *ends);
/* Takes instructions away as long as the difference stays. */
void shrink(Case *c, const Mode *mode);
void show(const Case *c, const Mode *mode, const char *what);

/* Sequences with a story. @modes: as test-translate.c has them. */
void add_known_tests(const Mode *modes);
