/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * System instructions one at a time, by their manuals: each case builds descriptor tables in a flat memory, puts an
 * instruction or two into it, runs them in the interpreter and looks at the exception that came, with its error code, or at
 * the registers.  Every gate of the IDT leads to a HLT of its own, by which the vector is known.
 */

#include "flat-memory.h"

enum {
    GDT = 0x1000,
    IDT = 0x2000,
    TSS = 0x3000,
    TSS2 = 0x3200,
    TSS16 = 0x3400,
    LDT = 0x3600,
    HANDLERS = 0x8000, /* 16 bytes each */
    CODE = 0x10000,
    CODE2 = 0x11000,
    STACK = 0x20000, /* top, of the code that runs */
    STACK0 = 0x28000, /* of level 0, from the TSS */
    DATA = 0x30000,
    TABLES = 0x100000, /* page tables of long mode */
};

/* The GDT that every case begins with; more is added by put_descriptor(). */
enum {
    CODE32 = 0x08, DATA32 = 0x10, USER_CODE = 0x18 + 3, USER_DATA = 0x20 + 3, TSS_SEL = 0x28, CODE64 = 0x30,
    USER_CODE64 = 0x38 + 3, CODE16 = 0x40, FREE = 0x50, FREE2 = 0x58, FREE3 = 0x60, GDT_SIZE = 0x80,
};

enum { NO_EXCEPTION = -1 };

extern X86State *s;
extern int vector;          /* that came, or NO_EXCEPTION */
extern uint32_t error_code; /* its own, 0 where there is none */
extern uint64_t pushed;     /* RIP in its frame */

/* ---- the memory ---- */

void put(uint32_t at, uint64_t v, unsigned size);
uint64_t get(uint32_t at, unsigned size);
/* @access: second word's bits 8-15; @flags: its bits 20-23. */
void put_descriptor(unsigned selector, uint32_t base, uint32_t limit, unsigned access, unsigned flags);
void put_gate(uint32_t at, unsigned selector, uint32_t offset, unsigned access, unsigned params);
void load_descriptor(unsigned seg, unsigned selector);

/* Bytes of code at @address. */
#define put_code(address, ...)                                                                     \
    do {                                                                                           \
        static const uint8_t bytes[] = {__VA_ARGS__};                                              \
        memcpy(ram + (address), bytes, sizeof(bytes));                                             \
    } while (0)

/* ---- where a case begins, and what came of it ---- */

/* Tables, registers; flat 32-bit protected mode at level @cpl, no paging. */
void begin(unsigned cpl);
/* 64-bit code, the first 4 MiB mapped one to one in 2 MiB pages that users may use. */
void begin64(unsigned cpl);
/* VM86 at @iopl, code at CODE, stack at STACK. */
void begin_vm86(unsigned iopl);
/* Runs @n instructions, or fewer when an exception comes. */
void run(unsigned n);

#define expect(v, e)                                                                               \
    do {                                                                                           \
        g_assert_cmpint(vector, ==, v);                                                            \
        g_assert_cmphex(error_code, ==, e);                                                             \
    } while (0)

#define expect_fine() expect(NO_EXCEPTION, 0)

/* ---- the cases, by subject ---- */

void add_segment_tests(void);
void add_transfer_tests(void);
void add_interrupt_tests(void);
void add_debug_tests(void);
void add_control_tests(void);
void add_paging_tests(void);
void add_cet_tests(void);
