/* SPDX-License-Identifier: LGPL-2.1-or-later */

#ifndef SYSTEM_H
#define SYSTEM_H

/* Random situations of the system side of an x86 CPU: what the parts of the program share. */

#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

enum { ARENA = 0x200000, ARENA_SIZE = 0x10000, LOW = 0x20000, LOW_SIZE = 0x3000 };
enum { GDT = 0, LDT = 0x200, IDT = 0x400, TSS = 0x800, TSSB = 0xa00, TSS16 = 0xc00, TABLES = 0x1000,
       STACK0 = 0x8000, STACK3 = 0x9000, STACKX = 0xa000, DATA = 0xb000, CODE = 0xc000, DATA2 = 0xd000 };
enum { MODE_32, MODE_16, MODE_VM, MODE_64, MODE_C32, MODE_C16, N_MODES };
enum { PG_NONE, PG_32, PG_PAE, PG_LONG };
enum {
    C32_0 = 0x08, D32_0 = 0x10, C64_0 = 0x18, C32_3 = 0x20, HANDLERS = 0x28, D32_3 = 0x30, C64_3 = 0x38, TR_A = 0x40, LDTR = 0x50,
    TR_B = 0x60, TR_16 = 0x70, C16_0 = 0x78, D16_0 = 0x80, C32_1 = 0x88, D32_1 = 0x90, C32_2 = 0x98, D32_2 = 0xa0, C16_3 = 0xa8,
    D16_3 = 0xb0, CONF = 0xb8, RANDOM_FIRST = 0xc0, GATES = 0x180, GDT_END = 0x200
};

enum {
    K_MOV_SEG, K_POP_SEG, K_LFAR, K_FAR_DIRECT, K_FAR_MEM, K_RETF, K_IRET, K_INT, K_LAR, K_ARPL_BOUND, K_STORE_TABLE, K_LLDT_LTR,
    K_LOAD_TABLE, K_CR, K_DR, K_MSR, K_IO, K_FLAGS, K_ACCESS, K_FAST, K_NEAR, K_RANDOM, K_STRING, K_XSAVE, K_TASK, K_MISC, K_STEP,
    K_SSE, K_LOCK, K_STACK, N_KINDS
};

struct kind {
    const char *name;
    void (*emit)(void);
};

/* What a case is about. */
extern u32 mode, cpl, paging, kind, width; /* width: of addresses in the case's code, in bytes */
extern u32 c_cr3;

static u8 *const arena = (u8 *)ARENA, *const low = (u8 *)LOW;
#define PUT16(at, v) (*(volatile u16 *)(arena + (at)) = (u16)(v))
#define PUT32(at, v) (*(volatile u32 *)(arena + (at)) = (u32)(v))
#define PUT64(at, v) (*(volatile u64 *)(arena + (at)) = (u64)(v))

/* system-lib.c: a line of text for port 0xe9, random numbers, memory. */
void put(char c);
void hex(u64 v);
void say(const char *s);
void field(const char *name, u64 v);
void new_line(void); /* drops what is not out yet */
void flush(void);
void seed_random(u64 seed);
u32 rng(void);
u32 below(u32 n);
int one_in(u32 n);
u32 value(void);
void *memcpy(void *to, const void *from, __SIZE_TYPE__ n);
void *memset(void *to, int v, __SIZE_TYPE__ n);
void copy_words(void *to, const void *from, u32 bytes);
void fill_words(void *to, u32 v, u32 bytes);

/* system-tables.c: descriptors, task states, page tables. */
u64 gate(u32 selector, u32 offset, u32 type, u32 dpl, u32 params_or_ist);
u32 selector(void); /* one that is likely to mean something */
u32 target(void);   /* that some gate or far pointer may lead to */
void make_tables(void);
void make_tss(void);
void make_pages(void);

/* system-assemble.c: bytes of code, operands, and what lies in memory for them. */
extern u8 *code, *code_start;
extern u32 code_bytes, code_ip;
extern u32 stack_top; /* offset of the stack in the arena or the low pages */
void b(u32 v);
void w(u32 v);
void d(u32 v);
void imm(u32 v, int prefixed); /* of the operand size */
void set_ax(u32 v);
int maybe66(u32 n);
void memory(u32 reg, u32 at);   /* ModRM; @at is an offset in the arena, or in the low pages in VM86 */
void absolute(u32 reg, u32 at); /* ModRM; @at is an address */
u32 edge(void);                 /* an address with an edge to it */
void store(u32 at, u64 v, u32 size);
void on_stack(u32 slot, u32 size, u64 v);
void far_target(u32 *sel, u32 *off);
void far_memory(u32 at);
void outer_stack(u32 *sel, u32 *sp);
u32 random_flags(void);

/* system-code.c: the instructions of a case. */
extern const struct kind kinds[N_KINDS];

#endif
