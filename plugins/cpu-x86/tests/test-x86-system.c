/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * System instructions one at a time, by their manuals: each case builds descriptor tables in a flat memory, puts an
 * instruction or two into it, runs them in the interpreter and looks at the exception that came, with its error code, or at
 * the registers.  Every gate of the IDT leads to a HLT of its own, by which the vector is known.
 */

#include "../x86-interp.h"
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

static X86State *s;
static int vector;      /* that came, or NO_EXCEPTION */
static uint32_t error;  /* its error code, 0 where there is none */
static uint64_t pushed; /* RIP in its frame */

static void
put(uint32_t at, uint64_t v, unsigned size)
{
    memcpy(ram + at, &v, size);
}

static uint64_t
get(uint32_t at, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, ram + at, size);
    return v;
}

/* @access: second word's bits 8-15; @flags: its bits 20-23. */
static void
put_descriptor(unsigned selector, uint32_t base, uint32_t limit, unsigned access, unsigned flags)
{
    uint32_t at = GDT + (selector & ~7u);

    put(at, (limit & 0xffff) | base << 16, 4);
    put(at + 4, (base >> 16 & 0xff) | access << 8 | (limit & 0xf0000) | flags << 20 | (base & 0xff000000u), 4);
}

static void
put_gate(uint32_t at, unsigned selector, uint32_t offset, unsigned access, unsigned params)
{
    put(at, (offset & 0xffff) | selector << 16, 4);
    put(at + 4, params | access << 8 | (offset & 0xffff0000u), 4);
}

#define put_code(address, ...)                                                                     \
    do {                                                                                           \
        static const uint8_t bytes[] = {__VA_ARGS__};                                              \
        memcpy(ram + (address), bytes, sizeof(bytes));                                             \
    } while (0)

static void
load_descriptor(unsigned seg, unsigned selector)
{
    uint32_t desc[2];

    memcpy(desc, ram + GDT + (selector & ~7u), 8);
    x86_set_seg_desc(s, seg, (uint16_t)selector, desc);
}

/* Tables, registers; flat 32-bit protected mode at level @cpl, no paging. */
static void
begin(unsigned cpl)
{
    memset(ram, 0, RAM_SIZE);
    x86_reset(s);
    put_descriptor(CODE32, 0, 0xfffff, 0x9b, 0xc);
    put_descriptor(DATA32, 0, 0xfffff, 0x93, 0xc);
    put_descriptor(USER_CODE, 0, 0xfffff, 0xfb, 0xc);
    put_descriptor(USER_DATA, 0, 0xfffff, 0xf3, 0xc);
    put_descriptor(TSS_SEL, TSS, 0x1ff, 0x8b, 0);
    put_descriptor(CODE64, 0, 0xfffff, 0x9b, 0xa);
    put_descriptor(USER_CODE64, 0, 0xfffff, 0xfb, 0xa);
    put_descriptor(CODE16, 0, 0xffff, 0x9b, 0);
    for (unsigned i = 0; i < 256; i++) {
        put_gate(IDT + 8 * i, CODE32, HANDLERS + 16 * i, 0xee, 0);
        ram[HANDLERS + 16 * i] = 0xf4;
    }
    put(TSS + 4, STACK0, 4);
    put(TSS + 8, DATA32, 2);
    put(TSS + 102, 0x88, 2); /* I/O permissions behind 32 bytes of interrupt redirection: none given */
    memset(ram + TSS + 0x88, 0xff, 0x178);
    s->gdtr.base = GDT;
    s->gdtr.limit = GDT_SIZE - 1;
    s->idtr.base = IDT;
    s->idtr.limit = 256 * 8 - 1;
    s->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
    load_descriptor(X86_TR, TSS_SEL);
    load_descriptor(X86_CS, cpl == 3 ? USER_CODE : CODE32);
    for (unsigned seg = X86_ES; seg <= X86_GS; seg++) {
        if (seg != X86_CS) {
            load_descriptor(seg, cpl == 3 ? USER_DATA : DATA32);
        }
    }
    s->cpl = (uint8_t)cpl;
    X86_LOW(s, X86_RSP) = STACK;
    s->rip = CODE;
    x86_update_mode(s);
}

/* 64-bit code, the first 4 MiB mapped one to one in 2 MiB pages that users may use. */
static void
begin64(unsigned cpl)
{
    begin(cpl);
    for (unsigned i = 0; i < 256; i++) {
        put_gate(IDT + 16 * i, CODE64, HANDLERS + 16 * i, 0xee, 0);
        put(IDT + 16 * i + 8, 0, 8);
    }
    put(TSS + 4, STACK0, 8);
    put(TABLES, (TABLES + 0x1000) | 7, 8);
    put(TABLES + 0x1000, (TABLES + 0x2000) | 7, 8);
    put(TABLES + 0x2000, 0x000000 | 0x87, 8);
    put(TABLES + 0x2008, 0x200000 | 0x87, 8);
    s->idtr.limit = 256 * 16 - 1;
    s->cr3 = TABLES;
    s->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR;
    s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE;
    s->cr0 |= X86_CR0_PG | X86_CR0_WP;
    load_descriptor(X86_CS, cpl == 3 ? USER_CODE64 : CODE64);
    x86_update_mode(s);
}

/* VM86 at @iopl, code at CODE, stack at STACK. */
static void
begin_vm86(unsigned iopl)
{
    begin(3);
    s->eflags |= X86_VM | iopl << X86_IOPL_SHIFT | X86_IF;
    for (unsigned seg = X86_ES; seg <= X86_GS; seg++) {
        x86_set_seg_vm86(s, seg, seg == X86_CS ? CODE >> 4 : STACK >> 4);
    }
    s->rip = 0;
    X86_LOW(s, X86_RSP) = 0x1000;
    x86_update_mode(s);
}

static bool
has_error_code(int v)
{
    return v == 8 || (v >= 10 && v <= 14) || v == 17;
}

/* Runs @n instructions, or fewer when an exception comes. */
static void
run(unsigned n)
{
    uint64_t pc;

    vector = NO_EXCEPTION;
    error = 0;
    for (unsigned i = 0; i < n && vector == NO_EXCEPTION; i++) {
        unsigned size = x86_long(s) ? 8 : 4, done;
        uint64_t frame;

        g_assert_cmpint(x86_interp(&s->tcg, 1, &done), !=, EMU_TCG_EXIT_SHUTDOWN);
        pc = x86_get_pc(&s->tcg);
        if (pc < HANDLERS || pc >= HANDLERS + 16 * 256) {
            continue;
        }
        vector = (int)(pc - HANDLERS) / 16;
        frame = X86_LOW(s, X86_RSP);
        if (has_error_code(vector)) {
            error = (uint32_t)get((uint32_t)frame, 4);
            frame += size;
        }
        pushed = get((uint32_t)frame, size);
    }
}

#define expect(v, e)                                                                               \
    do {                                                                                           \
        g_assert_cmpint(vector, ==, v);                                                            \
        g_assert_cmphex(error, ==, e);                                                             \
    } while (0)

#define expect_fine() expect(NO_EXCEPTION, 0)

/* ---- segment registers ------------------------------------------------------------------------------------- */

typedef struct {
    unsigned access; /* of the descriptor at FREE; 0: use @selector as it is */
    unsigned selector;
    int vector0, vector3; /* at level 0, at level 3 */
    uint32_t error;
} LoadCase;

static void
test_load_data(void)
{
    static const LoadCase cases[] = {
        {0, 0, -1, -1, 0},                                /* null, with any RPL */
        {0, 3, -1, -1, 0},
        {0, GDT_SIZE, 13, 13, GDT_SIZE},                  /* behind the table */
        {0, 0x10 | 4, 13, 13, 0x14},                      /* no LDT */
        {0x93, FREE, -1, 13, FREE},                       /* data of level 0 */
        {0x93, FREE + 3, 13, 13, FREE},                   /* RPL counts too */
        {0xf1, FREE + 3, -1, -1, 0},                      /* read-only, level 3 */
        {0x13, FREE, 11, 13, FREE},                       /* not present: privilege comes first */
        {0x73, FREE + 3, 11, 11, FREE},
        {0x99, FREE, 13, 13, FREE},                       /* code that cannot be read */
        {0x9b, FREE, -1, 13, FREE},
        {0x9f, FREE + 3, -1, -1, 0},                      /* conforming: no privilege check */
        {0x82, FREE, 13, 13, FREE},                       /* LDT */
        {0xe4, FREE, 13, 13, FREE},                       /* gate */
    };

    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        const LoadCase *c = &cases[i / 2];
        unsigned cpl = i & 1 ? 3 : 0;
        int expected = cpl ? c->vector3 : c->vector0;

        g_test_message("access %x, selector %x, level %u", c->access, c->selector, cpl);
        begin(cpl);
        if (c->access) {
            put_descriptor(FREE, 0x1234, 0xfff, c->access & ~1u, 0);
        }
        put_code(CODE, 0x8e, 0xd8); /* mov ds, ax */
        X86_LOW(s, X86_RAX) = c->selector;
        run(1);
        expect(expected, expected < 0 ? 0 : c->error);
        if (expected < 0) {
            g_assert_cmphex(s->seg[X86_DS].selector, ==, c->selector);
            if (c->access) {
                g_assert_cmphex(*x86_seg_base(s, X86_DS), ==, 0x1234);
                g_assert_cmphex(s->seg[X86_DS].limit, ==, 0xfff);
                g_assert_cmphex(ram[GDT + FREE + 5] & 1, ==, 1); /* accessed */
            }
        } else {
            g_assert_cmphex(s->seg[X86_DS].selector, ==, cpl ? USER_DATA : DATA32);
        }
    }
}

static void
test_load_stack(void)
{
    static const LoadCase cases[] = {
        {0, 0, 13, 13, 0},
        {0x93, FREE, -1, 13, FREE},
        {0xf3, FREE + 3, 13, -1, FREE},
        {0x91, FREE, 13, 13, FREE}, /* read-only */
        {0x9b, FREE, 13, 13, FREE}, /* code */
        {0x13, FREE, 12, 13, FREE}, /* not present is #SS */
    };

    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        const LoadCase *c = &cases[i / 2];
        unsigned cpl = i & 1 ? 3 : 0;
        int expected = cpl ? c->vector3 : c->vector0;

        g_test_message("access %x, selector %x, level %u", c->access, c->selector, cpl);
        begin(cpl);
        put_descriptor(FREE, 0, 0xfffff, c->access, 0xc);
        put_code(CODE, 0x8e, 0xd0); /* mov ss, ax */
        X86_LOW(s, X86_RAX) = c->selector;
        run(1);
        expect(expected, expected < 0 ? 0 : c->error);
    }
    /* A null SS: in 64-bit code below level 3, with the level as RPL. */
    for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
        for (unsigned rpl = 0; rpl <= 3; rpl += 3) {
            begin64(cpl);
            put_code(CODE, 0x8e, 0xd0);
            X86_LOW(s, X86_RAX) = rpl;
            run(1);
            expect(cpl == 0 && rpl == 0 ? NO_EXCEPTION : 13, 0);
        }
    }
}

static void
test_use(void)
{
    /* Limits, rights and null segments, at use. */
    begin(0);
    put_descriptor(FREE, DATA, 0xff, 0x93, 4);
    load_descriptor(X86_DS, FREE);
    x86_update_mode(s);
    put_code(CODE, 0xa1, 0xfc, 0, 0, 0, 0xa1, 0xfd, 0, 0, 0); /* mov eax, [0xfc]; mov eax, [0xfd] */
    run(2);
    expect(13, 0);
    g_assert_cmphex(pushed, ==, CODE + 5);

    /* Expand down: what is above the limit. */
    begin(0);
    put_descriptor(FREE, 0, 0xfff, 0x97, 4);
    load_descriptor(X86_DS, FREE);
    x86_update_mode(s);
    put_code(CODE, 0xa0, 0x00, 0x10, 0, 0, 0xa0, 0xff, 0x0f, 0, 0);
    run(2);
    expect(13, 0);
    g_assert_cmphex(pushed, ==, CODE + 5);

    begin(0);
    put_descriptor(FREE, 0, 0xfffff, 0x91, 0xc); /* read-only */
    load_descriptor(X86_DS, FREE);
    x86_update_mode(s);
    put_code(CODE, 0xa1, 0, 0, 3, 0, 0xa3, 0, 0, 3, 0);
    run(2);
    expect(13, 0);
    g_assert_cmphex(pushed, ==, CODE + 5);

    begin(0);
    put_code(CODE, 0x31, 0xc0, 0x8e, 0xd8, 0xa0, 0, 0, 3, 0); /* xor eax, eax; mov ds, ax; mov al, [0x30000] */
    run(3);
    expect(13, 0);
    g_assert_cmphex(pushed, ==, CODE + 4);

    /* The stack segment's limit is #SS. */
    begin(0);
    put_descriptor(FREE, 0, 0xfff, 0x93, 4);
    load_descriptor(X86_SS, FREE);
    x86_update_mode(s);
    put_code(CODE, 0x8b, 0x04, 0x24); /* mov eax, [esp] */
    put_gate(IDT + 8 * 12, 0, 0, 0, 0);
    put_gate(IDT + 8 * 11, 0, 0, 0, 0);
    X86_LOW(s, X86_RSP) = 0x1000;
    put_descriptor(FREE2, TSS2, 0x67, 0x89, 0);
    put_gate(IDT + 8 * 12, FREE2, 0, 0x85, 0); /* a task takes it: the stack is not usable */
    put(TSS2 + 0x20, HANDLERS + 16 * 12, 4);
    put(TSS2 + 0x24, 2, 4);
    put(TSS2 + 0x38, STACK0, 4);
    for (unsigned i = 0; i < 6; i++) {
        put(TSS2 + 0x48 + 4 * i, i == 1 ? CODE32 : DATA32, 2);
    }
    run(1);
    expect(12, 0);
    g_assert_cmphex(get(TSS + 0x20, 4), ==, CODE); /* the interrupted task's EIP */
    g_assert_cmphex(get(TSS2, 2), ==, TSS_SEL);
    g_assert_true(s->eflags & X86_NT);
}

/* ---- far transfers ------------------------------------------------------------------------------------------ */

/* JMP FAR to @selector:CODE2 at level @cpl. */
static void
far_jump(unsigned selector)
{
    put_code(CODE, 0xea, 0x00, 0x10, 0x01, 0x00, 0, 0);
    put(CODE + 5, selector, 2);
    run(1);
}

static void
test_far_jump(void)
{
    static const struct {
        unsigned access, cpl;
        uint32_t limit;
        int vector;
        uint32_t error;
    } cases[] = {
        {0x9b, 0, 0xfffff, -1, 0},     {0x9b, 3, 0xfffff, 13, FREE}, {0xfb, 0, 0xfffff, 13, FREE},
        {0xfb, 3, 0xfffff, -1, 0},     {0x9f, 3, 0xfffff, -1, 0}, /* conforming: the level stays 3 */
        {0xff, 0, 0xfffff, 13, FREE},  {0x1b, 0, 0xfffff, 11, FREE}, {0x93, 0, 0xfffff, 13, FREE},
        {0x9b, 0, 0xffff, 13, 0}, /* beyond the limit */
        {0x82, 0, 0xfffff, 13, FREE},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        begin(cases[i].cpl);
        put_descriptor(FREE, 0, cases[i].limit, cases[i].access, 4);
        far_jump(FREE);
        expect(cases[i].vector, cases[i].error);
        if (cases[i].vector < 0) {
            g_assert_cmphex(s->rip, ==, CODE2);
            g_assert_cmphex(s->seg[X86_CS].selector, ==, FREE | cases[i].cpl);
            g_assert_cmpuint(s->cpl, ==, cases[i].cpl);
        }
    }
    begin(0);
    far_jump(0);
    expect(13, 0);
}

/* CALL through a gate to level 0, 32 and 16 bits, and RETF back. */
static void
test_call_gate(void)
{
    for (unsigned size = 2; size <= 4; size += 2) {
        unsigned mask = size == 2 ? 0xffff : ~0u;

        begin(3);
        put_gate(GDT + FREE, CODE32, size == 4 ? CODE2 : 0x9100, size == 4 ? 0xec : 0xe4, 2);
        put_code(CODE, 0x9a, 0, 0, 0, 0, FREE + 3, 0);
        put(CODE2, 0x0008ca | (uint64_t)0xca << 32, 8); /* retf 8 */
        put(0x9100, 0x0004ca66, 4);                     /* o16 retf 4 */
        put(STACK, 0x11112222, 4);
        put(STACK + 4, 0x33334444, 4);
        run(1);
        expect_fine();
        g_assert_cmphex(s->rip, ==, size == 4 ? CODE2 : 0x9100);
        g_assert_cmpuint(s->cpl, ==, 0);
        g_assert_cmphex(s->seg[X86_SS].selector, ==, DATA32);
        g_assert_cmphex(X86_LOW(s, X86_RSP), ==, STACK0 - 6 * size);
        g_assert_cmphex(get(STACK0 - 6 * size, size), ==, (CODE + 7) & mask);
        g_assert_cmphex(get(STACK0 - 5 * size, size), ==, USER_CODE);
        g_assert_cmphex(get(STACK0 - 4 * size, size), ==, size == 4 ? 0x11112222 : 0x2222);
        g_assert_cmphex(get(STACK0 - 3 * size, size), ==, size == 4 ? 0x33334444 : 0x1111);
        g_assert_cmphex(get(STACK0 - 2 * size, size), ==, STACK & mask);
        g_assert_cmphex(get(STACK0 - size, size), ==, USER_DATA);
        load_descriptor(X86_DS, DATA32); /* the inner level's: not for the outer one */
        run(1);
        expect_fine();
        g_assert_cmphex(s->rip, ==, (CODE + 7) & mask);
        g_assert_cmpuint(s->cpl, ==, 3);
        g_assert_cmphex(s->seg[X86_SS].selector, ==, USER_DATA);
        g_assert_cmphex(X86_LOW(s, X86_RSP), ==, (STACK & mask) + 2 * size);
        g_assert_cmphex(s->seg[X86_DS].selector, ==, 0);
        g_assert_cmphex(s->seg[X86_ES].selector, ==, USER_DATA);
    }

    static const struct {
        unsigned gate_access, target;
        unsigned ss0; /* in the TSS */
        int vector;
        uint32_t error;
    } faults[] = {
        {0x8c, CODE32, DATA32, 13, FREE},       /* the gate's DPL */
        {0x6c, CODE32, DATA32, 11, FREE},       /* gate not present */
        {0xec, 0, DATA32, 13, 0},               /* null target */
        {0xec, DATA32, DATA32, 13, DATA32},     /* no code */
        {0xec, FREE2, DATA32, 11, FREE2},       /* code not present */
        {0xec, CODE32, 0, 10, 0},               /* stack of the inner level: null, RPL, DPL, type, present */
        {0xec, CODE32, DATA32 + 3, 10, DATA32},
        {0xec, CODE32, USER_DATA - 3, 10, USER_DATA - 3},
        {0xec, CODE32, CODE32, 10, CODE32},
        {0xec, CODE32, FREE3, 12, FREE3},
        {0xec, CODE32, GDT_SIZE, 10, GDT_SIZE},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_test_message("case %u", i);
        begin(3);
        /* The handlers run at level 3, on the stack that is there. */
        put_descriptor(CODE16, 0, 0xfffff, 0xfb, 0xc);
        for (unsigned v = 0; v < 32; v++) {
            put_gate(IDT + 8 * v, CODE16 + 3, HANDLERS + 16 * v, 0xee, 0);
        }
        put_descriptor(FREE2, 0, 0xfffff, 0x1b, 0xc);
        put_descriptor(FREE3, 0, 0xfffff, 0x13, 0xc);
        put_gate(GDT + FREE, faults[i].target, CODE2, faults[i].gate_access, 0);
        put(TSS + 8, faults[i].ss0, 2);
        put_code(CODE, 0x9a, 0, 0, 0, 0, FREE + 3, 0);
        run(1);
        expect(faults[i].vector, faults[i].error);
        g_assert_cmphex(pushed, ==, CODE);
    }
}

/* A task that runs at CODE2 with data segments of level 0. */
static void
put_task(uint32_t tss, bool wide)
{
    static const uint16_t segs[] = {DATA32, CODE32, DATA32, DATA32, DATA32, DATA32};

    for (unsigned i = 0; i < (wide ? 6 : 4); i++) {
        put(wide ? tss + 0x48 + 4 * i : tss + 0x22 + 2 * i, segs[i], 2);
    }
    put(wide ? tss + 0x20 : tss + 0xe, wide ? CODE2 : 0x9100, wide ? 4 : 2);
    put(wide ? tss + 0x24 : tss + 0x10, 0x202, wide ? 4 : 2);
    put(wide ? tss + 0x38 : tss + 0x1a, wide ? STACK0 : 0x9000, wide ? 4 : 2);
    put(wide ? tss + 0x28 : tss + 0x12, 0xabcd, wide ? 4 : 2); /* eAX */
}

static void
test_task_switch(void)
{
    for (unsigned wide = 0; wide < 2; wide++) {
        uint32_t tss = wide ? TSS2 : TSS16;

        begin(0);
        put_descriptor(FREE, tss, wide ? 0x67 : 0x2b, wide ? 0x89 : 0x81, 0);
        put_task(tss, wide);
        put_code(CODE2, 0xcf); /* iret: back to the caller */
        put_code(0x9100, 0xcf);
        put_code(CODE, 0x9a, 0, 0, 0, 0, FREE, 0);
        X86_LOW(s, X86_RBX) = 0x55667788;
        run(1);
        expect_fine();
        g_assert_cmphex(s->rip, ==, wide ? CODE2 : 0x9100);
        g_assert_cmphex(X86_LOW(s, X86_RAX), ==, wide ? 0xabcd : 0xffffabcd);
        g_assert_cmphex(s->seg[X86_TR].selector, ==, FREE);
        g_assert_true(s->eflags & X86_NT);
        g_assert_true(s->cr0 & X86_CR0_TS);
        g_assert_cmphex(get(tss, 2), ==, TSS_SEL);
        g_assert_cmphex(get(TSS + 0x20, 4), ==, CODE + 7);
        g_assert_cmphex(get(TSS + 0x34, 4), ==, 0x55667788);
        g_assert_cmphex(ram[GDT + FREE + 5] & 2, ==, 2);    /* both are busy */
        g_assert_cmphex(ram[GDT + TSS_SEL + 5] & 2, ==, 2);
        run(1);
        expect_fine();
        g_assert_cmphex(s->rip, ==, CODE + 7);
        g_assert_cmphex(s->seg[X86_TR].selector, ==, TSS_SEL);
        g_assert_cmphex(X86_LOW(s, X86_RBX), ==, 0x55667788);
        g_assert_cmphex(ram[GDT + FREE + 5] & 2, ==, 0);
        g_assert_false(s->eflags & X86_NT);
        g_assert_false(get(wide ? tss + 0x24 : tss + 0x10, 2) & X86_NT); /* cleared in what was saved too */
    }

    static const struct {
        unsigned access;
        uint32_t limit;
        uint16_t cs, ss, ds, ldt;
        int vector;
        uint32_t error;
        bool new_task; /* the fault is the new task's */
    } faults[] = {
        {0x8b, 0x67, CODE32, DATA32, DATA32, 0, 13, FREE, false}, /* busy */
        {0x09, 0x67, CODE32, DATA32, DATA32, 0, 11, FREE, false},
        {0x89, 0x66, CODE32, DATA32, DATA32, 0, 10, FREE, false},
        {0x89, 0x67, DATA32, DATA32, DATA32, 0, 10, DATA32, true},
        {0x89, 0x67, 0, DATA32, DATA32, 0, 10, 0, true},
        {0x89, 0x67, CODE32, CODE32, DATA32, 0, 10, CODE32, true},
        {0x89, 0x67, CODE32, FREE3, DATA32, 0, 12, FREE3, true},
        {0x89, 0x67, CODE32, DATA32, FREE3, 0, 11, FREE3, true},
        {0x89, 0x67, CODE32, DATA32, TSS_SEL, 0, 10, TSS_SEL, true},
        {0x89, 0x67, CODE32, DATA32, DATA32, DATA32, 10, DATA32, true},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(faults); i++) {
        g_test_message("case %u", i);
        begin(0);
        put_descriptor(FREE, TSS2, faults[i].limit, faults[i].access, 0);
        put_descriptor(FREE3, 0, 0xfffff, 0x13, 0xc);
        /* What is wrong with the new task's stack must not matter to the handler: a third task. */
        put_descriptor(FREE2, TSS2 + 0x100, 0x67, 0x89, 0);
        put_task(TSS2 + 0x100, true);
        put(TSS2 + 0x120, HANDLERS + 16 * (unsigned)faults[i].vector, 4);
        put_gate(IDT + 8 * (unsigned)faults[i].vector, FREE2, 0, 0x85, 0);
        put_task(TSS2, true);
        put(TSS2 + 0x4c, faults[i].cs, 2);
        put(TSS2 + 0x50, faults[i].ss, 2);
        put(TSS2 + 0x54, faults[i].ds, 2);
        put(TSS2 + 0x60, faults[i].ldt, 2);
        far_jump(FREE);
        expect(faults[i].vector, faults[i].error);
        g_assert_cmphex(get(TSS2 + 0x100, 2), ==, faults[i].new_task ? FREE : TSS_SEL);
    }
    /* The T bit traps before the new task's first instruction. */
    begin(0);
    put_descriptor(FREE, TSS2, 0x67, 0x89, 0);
    put_task(TSS2, true);
    put(TSS2 + 0x64, 1, 1);
    far_jump(FREE);
    expect(1, 0);
    g_assert_cmphex(pushed, ==, CODE2);
    g_assert_true(s->dr[6] & X86_DR6_BT);
}

/* ---- interrupts ---------------------------------------------------------------------------------------------- */

static void
test_interrupt(void)
{
    static const struct {
        unsigned access, selector;
        int vector;
        uint32_t error;
    } cases[] = {
        {0xee, CODE32, 0x40, 0},           {0xef, CODE32, 0x40, 0},
        {0x8e, CODE32, 13, 0x40 * 8 + 2},  /* DPL 0 */
        {0x6e, CODE32, 11, 0x40 * 8 + 2},  /* not present */
        {0xec, CODE32, 13, 0x40 * 8 + 2},  /* a call gate */
        {0xee, 0, 13, 0},                  {0xee, DATA32, 13, DATA32},
        {0xee, FREE3, 11, FREE3},          {0xe5, TSS_SEL, 13, TSS_SEL}, /* busy task */
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("case %u", i);
        begin(3);
        put_descriptor(FREE3, 0, 0xfffff, 0x1b, 0xc);
        put_gate(IDT + 8 * 0x40, cases[i].selector, HANDLERS + 16 * 0x40, cases[i].access, 0);
        s->eflags |= X86_IF;
        put_code(CODE, 0xcd, 0x40);
        run(1);
        expect(cases[i].vector, cases[i].error);
        g_assert_cmphex(pushed, ==, vector == 0x40 ? CODE + 2 : CODE);
        if (vector == 0x40) {
            g_assert_true(!(s->eflags & X86_IF) == !(cases[i].access & 1)); /* a trap gate leaves IF */
            g_assert_cmphex(get(STACK0 - 4, 4), ==, USER_DATA);
            g_assert_cmphex(get(STACK0 - 8, 4), ==, STACK);
        }
    }
    /* Beyond the IDT; INT3 and INTO with a gate of DPL 0; an exception has EXT. */
    begin(3);
    s->idtr.limit = 0x40 * 8 + 6;
    put_code(CODE, 0xcd, 0x40);
    run(1);
    expect(13, 0x40 * 8 + 2);
    begin(3);
    put_gate(IDT + 8 * 3, CODE32, 0, 0x8e, 0);
    put_code(CODE, 0xcc);
    run(1);
    expect(13, 3 * 8 + 2);
    begin(3);
    put_gate(IDT + 8 * 6, CODE32, 0, 0x0e, 0);
    put_code(CODE, 0x0f, 0x0b);
    run(1);
    expect(11, 6 * 8 + 3);
    /* #GP while #NP is being delivered: double fault, error code 0. */
    begin(0);
    put_gate(IDT + 8 * 11, CODE32, 0, 0x80, 0);
    put_descriptor(FREE, 0, 0, 0x13, 0);
    put_code(CODE, 0x8e, 0xd8);
    X86_LOW(s, X86_RAX) = FREE;
    run(1);
    expect(8, 0);
}

static void
test_iret(void)
{
    /* Level 3 cannot give itself IF or IOPL. */
    begin(3);
    put_code(CODE, 0xcf);
    put(STACK, CODE2, 4);
    put(STACK + 4, USER_CODE, 4);
    put(STACK + 8, X86_IF | X86_IOPL | X86_CF | X86_ID | 2, 4);
    run(1);
    expect_fine();
    g_assert_cmphex(x86_get_eflags(s), ==, X86_CF | X86_ID | 2);
    /* To an inner level: no. */
    begin(3);
    put_code(CODE, 0xcf);
    put(STACK, CODE2, 4);
    put(STACK + 4, CODE32, 4);
    run(1);
    expect(13, CODE32);
    /* To the outer level: the stack's selector must fit. */
    begin(0);
    put_code(CODE, 0xcf);
    put(STACK, CODE2, 4);
    put(STACK + 4, USER_CODE, 4);
    put(STACK + 8, 2, 4);
    put(STACK + 12, STACK - 0x100, 4);
    put(STACK + 16, DATA32, 4);
    run(1);
    expect(13, DATA32);
    /* To VM86. */
    begin(0);
    put_code(CODE, 0xcf);
    put(STACK, 0x1234, 4);
    put(STACK + 4, 0x1100, 4);
    put(STACK + 8, X86_VM | X86_IOPL | 2, 4);
    put(STACK + 12, 0xfff0, 4);
    for (unsigned i = 0; i < 5; i++) {
        put(STACK + 16 + 4 * i, 0x2000 + i, 4);
    }
    run(1);
    expect_fine();
    g_assert_true(s->eflags & X86_VM);
    g_assert_cmpuint(s->cpl, ==, 3);
    g_assert_cmphex(x86_get_pc(&s->tcg), ==, 0x12234);
    g_assert_cmphex(*x86_seg_base(s, X86_GS), ==, 0x20040);
    /* NT with a link that is no busy TSS. */
    begin(0);
    put_code(CODE, 0xcf);
    put(TSS, DATA32, 2);
    s->eflags |= X86_NT;
    run(1);
    expect(10, DATA32);
}

/* ---- VM86 and virtual interrupts -------------------------------------------------------------------------------- */

static void
test_vm86(void)
{
    /* Without VME what touches IF is the monitor's below IOPL 3. */
    static const uint8_t sensitive[][3] = {{0xfa}, {0xfb}, {0x9c}, {0x9d}, {0xcd, 0x21}, {0xcf}};

    for (unsigned i = 0; i < G_N_ELEMENTS(sensitive); i++) {
        begin_vm86(0);
        memcpy(ram + CODE, sensitive[i], 3);
        run(1);
        expect(13, 0);
        g_assert_cmphex(get(STACK0 - 4, 4), ==, STACK >> 4); /* GS is pushed first */
        begin_vm86(3);
        memcpy(ram + CODE, sensitive[i], 3);
        run(1);
        expect(sensitive[i][0] == 0xcd ? 0x21 : NO_EXCEPTION, 0);
    }

    begin_vm86(0);
    s->cr4 |= X86_CR4_VME;
    put_code(CODE, 0xfb, 0x9c, 0xfa, 0x9c); /* sti; pushf; cli; pushf */
    run(4);
    expect_fine();
    g_assert_cmphex(get(STACK + 0xffe, 2), ==, X86_IF | X86_IOPL | 2);
    g_assert_cmphex(get(STACK + 0xffc, 2), ==, X86_IOPL | 2);
    g_assert_true(s->eflags & X86_IF);
    /* POPF: IF is VIF; with TF, or with VIP and IF, it is the monitor's. */
    begin_vm86(0);
    s->cr4 |= X86_CR4_VME;
    put_code(CODE, 0x9d, 0x9d);
    put(STACK + 0x1000, X86_IF | X86_CF, 2);
    put(STACK + 0x1002, X86_TF, 2);
    run(1);
    expect_fine();
    g_assert_true((s->eflags & X86_VIF) && (s->cc & X86_CF));
    run(1);
    expect(13, 0);
    begin_vm86(0);
    s->cr4 |= X86_CR4_VME;
    s->eflags |= X86_VIP;
    put_code(CODE, 0xfb);
    run(1);
    expect(13, 0);
    /* INT n: the redirection bitmap decides; the task's own handler sees IF for VIF, and IOPL 3. */
    begin_vm86(0);
    s->cr4 |= X86_CR4_VME;
    s->eflags |= X86_VIF;
    ram[TSS + 0x68 + 0x21 / 8] = (uint8_t)~(1u << (0x21 & 7));
    put(0x21 * 4, 0x11000234, 4);
    put_code(CODE, 0xcd, 0x21);
    run(1);
    expect_fine();
    g_assert_cmphex(x86_get_pc(&s->tcg), ==, 0x11234);
    g_assert_cmphex(get(STACK + 0xffe, 2), ==, X86_IF | X86_IOPL | 2);
    g_assert_cmphex(get(STACK + 0xffc, 2), ==, CODE >> 4);
    g_assert_cmphex(get(STACK + 0xffa, 2), ==, 2);
    g_assert_false(s->eflags & X86_VIF);
    put_code(0x11234, 0xcf);
    run(1);
    expect_fine();
    g_assert_true(s->eflags & X86_VIF);
    g_assert_cmphex(s->rip, ==, 2);
    ram[TSS + 0x68 + 0x21 / 8] = 0xff;
    s->rip = 0;
    run(1);
    expect(13, 0);

    /* PVI: CLI and STI at level 3. */
    begin(3);
    s->cr4 |= X86_CR4_PVI;
    put_code(CODE, 0xfb, 0xfa, 0xfb);
    run(1);
    expect_fine();
    g_assert_true(s->eflags & X86_VIF);
    run(1);
    g_assert_false(s->eflags & X86_VIF);
    s->eflags |= X86_VIP;
    run(1);
    expect(13, 0);
    /* I/O by the TSS's bitmap. */
    begin_vm86(3);
    ram[TSS + 0x88 + 0x60 / 8] = 0xfe;
    put_code(CODE, 0xe4, 0x60, 0xe5, 0x60); /* in al, 0x60; in ax, 0x60 */
    run(1);
    expect_fine();
    run(1);
    expect(13, 0);
}

/* ---- debug ------------------------------------------------------------------------------------------------------ */

static void
break_on(unsigned n, uint64_t address, unsigned kind, unsigned len)
{
    s->dr[n] = address;
    s->dr[7] |= 2u << 2 * n | kind << (16 + 4 * n) | len << (18 + 4 * n);
    x86_update_mode(s);
}

static void
test_debug(void)
{
    /* Instruction: before it, once by RF. */
    begin(0);
    break_on(0, CODE + 1, 0, 0);
    put_code(CODE, 0x90, 0x90);
    run(2);
    expect(1, 0);
    g_assert_cmphex(pushed, ==, CODE + 1);
    g_assert_cmphex(s->dr[6] & 0xe00f, ==, 1);
    begin(0);
    break_on(0, CODE, 0, 0);
    s->eflags |= X86_RF;
    x86_update_mode(s);
    put_code(CODE, 0x90, 0x90);
    run(1);
    expect_fine();
    g_assert_false(s->eflags & X86_RF);
    /* Data: behind the access; reads only for kind 3. */
    begin(0);
    break_on(1, DATA + 4, 1, 3);
    put_code(CODE, 0xa1, 0x06, 0, 3, 0, 0xa2, 0x07, 0, 3, 0); /* mov eax, [0x30006]; mov [0x30007], al */
    run(1);
    expect_fine();
    run(1);
    expect(1, 0);
    g_assert_cmphex(pushed, ==, CODE + 10);
    g_assert_cmphex(s->dr[6] & 0xf, ==, 2);
    /* Behind MOV SS it waits. */
    begin(0);
    break_on(2, DATA, 3, 1);
    put(DATA, DATA32, 2);
    put_code(CODE, 0x8e, 0x15, 0, 0, 3, 0, 0x90); /* mov ss, [0x30000]; nop */
    run(1);
    expect_fine();
    run(1);
    expect(1, 0);
    g_assert_cmphex(pushed, ==, CODE + 7);
    g_assert_cmphex(s->dr[6] & 0xf, ==, 4);
    /* Ports, with CR4.DE. */
    for (unsigned de = 0; de < 2; de++) {
        begin(0);
        s->cr4 = de ? X86_CR4_DE : 0;
        break_on(3, 0x62, 2, 1);
        put_code(CODE, 0xe7, 0x60); /* out 0x60, eax: 0x60-0x63 */
        run(1);
        expect(de ? 1 : NO_EXCEPTION, 0);
    }
    /* General detect is a fault and clears itself. */
    begin(0);
    s->dr[7] |= X86_DR7_GD;
    put_code(CODE, 0x0f, 0x21, 0xf0); /* mov eax, dr6 */
    run(1);
    expect(1, 0);
    g_assert_cmphex(pushed, ==, CODE);
    g_assert_true(s->dr[6] & X86_DR6_BD);
    g_assert_false(s->dr[7] & X86_DR7_GD);
    /* Single step: behind the instruction; not behind INT n; BTF: behind branches only. */
    begin(0);
    s->eflags |= X86_TF;
    x86_update_mode(s);
    put_code(CODE, 0x90);
    run(1);
    expect(1, 0);
    g_assert_cmphex(pushed, ==, CODE + 1);
    g_assert_true(s->dr[6] & X86_DR6_BS);
    begin(0);
    s->eflags |= X86_TF;
    x86_update_mode(s);
    put_code(CODE, 0xcd, 0x40);
    run(1);
    expect(0x40, 0);
    begin(0);
    s->eflags |= X86_TF;
    s->debugctl = X86_DEBUGCTL_BTF;
    x86_update_mode(s);
    put_code(CODE, 0x90, 0xeb, 0x10);
    run(1);
    expect_fine();
    run(1);
    expect(1, 0);
    g_assert_cmphex(pushed, ==, CODE + 0x13);
    g_assert_cmphex(s->debugctl, ==, 0);
}

/* ---- control registers, MSRs, tables -------------------------------------------------------------------------------- */

static void
test_control(void)
{
    static const struct {
        uint8_t reg;
        uint64_t value;
        int vector;
    } cases[] = {
        {0, X86_CR0_PE | X86_CR0_PG | X86_CR0_NE, NO_EXCEPTION},
        {0, X86_CR0_PG, 13},                             /* paging without protection */
        {0, X86_CR0_PE | X86_CR0_PG | X86_CR0_NW, 13},   /* NW without CD */
        {0, X86_CR0_PE, 13},                             /* no paging in 64-bit code */
        {0, UINT64_C(1) << 32, 13},
        {3, TABLES | UINT64_C(1) << 52, 13},
        {4, X86_CR4_PAE | 1u << 15, 13},
        {4, X86_CR4_OSFXSR, 13},                         /* PAE stays in long mode */
        {4, X86_CR4_PAE | X86_CR4_LA57, 13},             /* and the number of levels */
        {4, X86_CR4_PAE | X86_CR4_PCIDE | X86_CR4_SMEP | X86_CR4_PKE, NO_EXCEPTION},
        {8, 16, 13},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("cr%u = %" G_GINT64_MODIFIER "x", cases[i].reg, cases[i].value);
        begin64(0);
        put_code(CODE, 0x44, 0x0f, 0x22, 0xc0); /* mov crN, rax */
        ram[CODE] = cases[i].reg == 8 ? 0x44 : 0x40;
        ram[CODE + 3] = (uint8_t)(0xc0 | (cases[i].reg & 7) << 3);
        X86_LOW(s, X86_RAX) = cases[i].value;
        run(1);
        expect(cases[i].vector, 0);
    }
    /* PCIDs can be switched on only with PCID 0. */
    begin64(0);
    s->cr3 |= 5;
    put_code(CODE, 0x0f, 0x22, 0xe0);
    X86_LOW(s, X86_RAX) = X86_CR4_PAE | X86_CR4_PCIDE;
    run(1);
    expect(13, 0);
    begin(3);
    put_code(CODE, 0x0f, 0x20, 0xc0); /* mov eax, cr0 */
    run(1);
    expect(13, 0);
}

static void
test_msrs(void)
{
    static const struct {
        uint32_t index;
        uint64_t value;
        int vector;
    } cases[] = {
        {0xc0000082u, UINT64_C(0x00007fffffffffff), NO_EXCEPTION},
        {0xc0000082u, UINT64_C(0x00f0000000000000), NO_EXCEPTION}, /* canonical for 57 bits */
        {0xc0000082u, UINT64_C(0xaaaaaaaaaaaaaaaa), 13},
        {0xc0000101u, UINT64_C(0xaaaaaaaaaaaaaaaa), 13},
        {0xc0000080u, UINT64_C(1) << 20, 13},
        {0xc0000080u, X86_EFER_LME | X86_EFER_SCE | X86_EFER_NXE, NO_EXCEPTION},
        {0xc0000080u, 0, 13},  /* LME while paging */
        {0x277, 0x0007040600070406, NO_EXCEPTION},
        {0x277, 0x02, 13},
        {0x2ff, 0xc06, NO_EXCEPTION},
        {0x2ff, 0xc02, 13},
        {0x200, 0x0f06, 13},
        {0x201, 0x800, NO_EXCEPTION},
        {0x250, UINT64_C(0x0606060606060606), NO_EXCEPTION},
        {0x250, UINT64_C(0x0606060306060606), 13},
        {0x400, 1, 13},
        {0x400, ~UINT64_C(0x401), NO_EXCEPTION},
        {0x401, 1, 13},
        {0x3a, 5, 13}, /* locked */
        {0x12345, 0, 13},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("msr %x = %" G_GINT64_MODIFIER "x", cases[i].index, cases[i].value);
        begin64(0);
        put_code(CODE, 0x0f, 0x30);
        X86_LOW(s, X86_RCX) = cases[i].index;
        X86_LOW(s, X86_RAX) = (uint32_t)cases[i].value;
        X86_LOW(s, X86_RDX) = cases[i].value >> 32;
        run(1);
        expect(cases[i].vector, 0);
    }
}

static void
test_tables(void)
{
    static const struct {
        uint8_t reg; /* 2: LLDT, 3: LTR */
        unsigned selector, access;
        int vector;
        uint32_t error;
    } cases[] = {
        {2, 0, 0, -1, 0},        {2, FREE, 0x82, -1, 0},    {2, FREE, 0x89, 13, FREE}, {2, FREE, 0x02, 11, FREE},
        {2, FREE + 4, 0x82, 13, FREE + 4}, {3, 0, 0, 13, 0}, {3, FREE, 0x89, -1, 0},   {3, FREE, 0x81, -1, 0},
        {3, FREE, 0x8b, 13, FREE}, {3, FREE, 0x09, 11, FREE}, {3, FREE, 0x82, 13, FREE},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("case %u", i);
        begin(0);
        put_descriptor(FREE, LDT, 0xff, cases[i].access, 0);
        put_code(CODE, 0x0f, 0x00, 0xd0);
        ram[CODE + 2] = (uint8_t)(0xc0 | cases[i].reg << 3);
        X86_LOW(s, X86_RAX) = cases[i].selector;
        run(1);
        expect(cases[i].vector, cases[i].error);
        if (cases[i].reg == 3 && cases[i].vector < 0) {
            g_assert_cmphex(ram[GDT + FREE + 5], ==, cases[i].access | 2); /* busy */
        }
    }
    /* LAR, LSL: types that they do not know clear ZF. */
    for (unsigned type = 0; type < 16; type++) {
        static const uint16_t lar = 0x1a3e, lsl = 0x0a0e; /* bit per system type; busy ones below */

        begin(0);
        put_descriptor(FREE, 0, 0x123, 0x80 | type, 0);
        put_code(CODE, 0x0f, 0x02, 0xc1, 0x0f, 0x03, 0xd1); /* lar eax, ecx; lsl edx, ecx */
        X86_LOW(s, X86_RCX) = FREE;
        run(1);
        g_assert_cmpint(!!(s->cc & X86_ZF), ==, lar >> type & 1);
        run(1);
        g_assert_cmpint(!!(s->cc & X86_ZF), ==, lsl >> type & 1);
        expect_fine();
    }
    /* UMIP keeps SGDT and the others from level 3. */
    for (unsigned umip = 0; umip < 2; umip++) {
        begin(3);
        s->cr4 = umip ? X86_CR4_UMIP : 0;
        put_code(CODE, 0x0f, 0x01, 0x05, 0, 0, 3, 0);
        run(1);
        expect(umip ? 13 : NO_EXCEPTION, 0);
    }
}

/* ---- fast system calls ------------------------------------------------------------------------------------------------ */

static void
test_system_calls(void)
{
    begin64(3);
    s->star = UINT64_C(0x0023) << 48 | (uint64_t)CODE64 << 32;
    s->lstar = CODE2;
    s->sfmask = X86_IF | X86_DF;
    x86_set_eflags(s, X86_IF | X86_DF | X86_CF | 2);
    put_code(CODE, 0x0f, 0x05);
    put_code(CODE2, 0x48, 0x0f, 0x07);
    run(1);
    expect_fine();
    g_assert_cmphex(s->rip, ==, CODE2);
    g_assert_cmphex(X86_LOW(s, X86_RCX), ==, CODE + 2);
    g_assert_cmphex(*x86_gpr(s, 11), ==, X86_IF | X86_DF | X86_CF | 2);
    g_assert_cmphex(x86_get_eflags(s), ==, X86_CF | 2);
    g_assert_cmpuint(s->cpl, ==, 0);
    g_assert_cmphex(s->seg[X86_SS].selector, ==, CODE64 + 8);
    run(1);
    expect_fine();
    g_assert_cmphex(s->rip, ==, CODE + 2);
    g_assert_cmphex(s->seg[X86_CS].selector, ==, 0x33);
    g_assert_cmphex(s->seg[X86_SS].selector, ==, 0x2b);
    g_assert_cmpuint(s->cpl, ==, 3);
    g_assert_cmphex(x86_get_eflags(s), ==, X86_IF | X86_DF | X86_CF | 2);
    /* Off, and SYSRET to where there is nothing. */
    begin64(3);
    s->efer &= ~(uint64_t)X86_EFER_SCE;
    put_code(CODE, 0x0f, 0x05);
    run(1);
    expect(6, 0);
    begin64(0);
    put_code(CODE, 0x48, 0x0f, 0x07);
    X86_LOW(s, X86_RCX) = UINT64_C(0x800000000000);
    run(1);
    expect(13, 0);
    g_assert_cmphex(pushed, ==, CODE);
    /* TF behind SYSCALL is what the mask left. */
    begin64(3);
    s->lstar = CODE2;
    s->star = (uint64_t)CODE64 << 32;
    s->sfmask = X86_TF;
    s->eflags |= X86_TF;
    x86_update_mode(s);
    put_code(CODE, 0x0f, 0x05);
    run(1);
    expect_fine();

    begin(3);
    put_code(CODE, 0x0f, 0x34);
    run(1);
    expect(13, 0); /* SYSENTER without a selector */
    begin(3);
    s->sysenter_cs = CODE32;
    s->sysenter_eip = CODE2;
    s->sysenter_esp = STACK0;
    s->eflags |= X86_IF;
    put_code(CODE, 0x0f, 0x34);
    run(1);
    expect_fine();
    g_assert_cmphex(s->rip, ==, CODE2);
    g_assert_cmphex(X86_LOW(s, X86_RSP), ==, STACK0);
    g_assert_false(s->eflags & X86_IF);
    begin(3);
    s->sysenter_cs = CODE32;
    put_code(CODE, 0x0f, 0x35);
    run(1);
    expect(13, 0); /* SYSEXIT is level 0's */
}

/* ---- paging --------------------------------------------------------------------------------------------------------------- */

/* MOV al, [DATA] or MOV [DATA], al, or a jump there, in 64-bit code with @rights in DATA's page entry. */
static void
touch(unsigned cpl, uint64_t rights, uint64_t cr4, uint32_t eflags, char how, int expected, uint32_t expected_error)
{
    g_test_message("level %u, entry %" G_GINT64_MODIFIER "x, cr4 %" G_GINT64_MODIFIER "x, %c", cpl, rights, cr4, how);
    begin64(cpl);
    /* Page 0x200000 on: the tests' own page; everything else is the first 2 MiB. */
    put(TABLES + 0x2008, 0x200000 | rights | 0x80, 8);
    if (cpl == 0 && (cr4 & (X86_CR4_SMEP | X86_CR4_SMAP))) {
        put(TABLES + 0x2000, 0x83, 8); /* the kernel's own pages are the kernel's */
    }
    s->cr4 |= cr4;
    s->eflags |= eflags;
    X86_LOW(s, X86_RBX) = 0x200000;
    ram[0x200000] = 0x90;
    put_code(CODE, 0x8a, 0x03); /* mov al, [rbx] */
    if (how == 'w') {
        ram[CODE] = 0x88;
    } else if (how == 'x') {
        put_code(CODE, 0xff, 0xe3); /* jmp rbx */
    }
    x86_update_mode(s);
    run(how == 'x' ? 2 : 1);
    expect(expected, expected_error);
    if (expected == 14) {
        g_assert_cmphex(s->cr2, ==, 0x200000);
    }
}

static void
test_paging(void)
{
    const uint64_t nx = UINT64_C(1) << 63;

    touch(3, 7, 0, 0, 'r', -1, 0);
    touch(3, 0, 0, 0, 'r', 14, 4);
    touch(3, 0, 0, 0, 'w', 14, 6);
    touch(3, 3, 0, 0, 'r', 14, 5);
    touch(3, 5, 0, 0, 'w', 14, 7);
    touch(3, 7 | nx, 0, 0, 'x', 14, 0x15);
    touch(0, 5, 0, 0, 'w', 14, 3);                       /* CR0.WP */
    touch(0, 7 | UINT64_C(1) << 51, 0, 0, 'r', 14, 9);    /* beyond the physical width */
    touch(0, 7 | 1u << 13, 0, 0, 'r', 14, 9);             /* reserved in a large page */
    touch(0, 7, X86_CR4_SMEP, 0, 'x', 14, 0x11);
    touch(0, 3, X86_CR4_SMEP, 0, 'x', -1, 0);
    touch(0, 7, X86_CR4_SMAP, 0, 'r', 14, 1);
    touch(0, 7, X86_CR4_SMAP, X86_AC, 'r', -1, 0);
    /* Key 1, access disabled, then writes disabled. */
    x86_set_pkru(s, 1u << 2);
    touch(3, 7 | UINT64_C(1) << 59, 0, 0, 'r', -1, 0);
    for (unsigned deny = 1; deny <= 2; deny++) {
        begin64(3);
        put(TABLES + 0x2008, 0x200000 | 0x87 | UINT64_C(1) << 59, 8);
        s->cr4 |= X86_CR4_PKE;
        x86_set_pkru(s, deny << 2);
        X86_LOW(s, X86_RBX) = 0x200000;
        put_code(CODE, 0x8a, 0x03, 0x88, 0x03);
        x86_update_mode(s);
        run(2);
        expect(14, deny == 1 ? 0x25 : 0x27);
        g_assert_cmphex(pushed, ==, deny == 1 ? CODE : CODE + 2);
    }
    /* A page of 1 GiB; accessed and dirty. */
    begin64(0);
    put(TABLES + 0x1000, 0x87, 8);
    put_code(CODE, 0xa2, 0, 0, 3, 0, 0, 0, 0, 0); /* mov [0x30000], al */
    run(1);
    expect_fine();
    g_assert_cmphex(get(TABLES + 0x1000, 8), ==, 0xe7);
    /* Five levels: the 57-bit half that four levels do not have. */
    begin64(0);
    put(TABLES + 0x3000 + 8, TABLES | 7, 8);
    put(TABLES + 0x3000, TABLES | 7, 8);
    s->cr3 = TABLES + 0x3000;
    s->cr4 |= X86_CR4_LA57;
    x86_update_mode(s);
    put_code(CODE, 0x8a, 0x03);
    put(DATA, 0x5a, 1);
    X86_LOW(s, X86_RBX) = (UINT64_C(1) << 48) + DATA;
    run(1);
    expect_fine();
    g_assert_cmphex(X86_LOW(s, X86_RAX) & 0xff, ==, 0x5a);
    begin64(0);
    put_code(CODE, 0x8a, 0x03);
    X86_LOW(s, X86_RBX) = (UINT64_C(1) << 48) + DATA;
    run(1);
    expect(13, 0);
    /* INVPCID: unknown types, PCIDs out of range, or not 0 while there are none, addresses. */
    static const struct {
        unsigned type, pcid;
        uint64_t cr4, address;
        int vector;
    } invpcid[] = {
        {4, 0, 0, 0, 13},
        {0, 0, 0, 0, NO_EXCEPTION},
        {1, 1, 0, 0, 13},
        {2, 1, 0, 0, NO_EXCEPTION},
        {1, 1, X86_CR4_PCIDE, 0, NO_EXCEPTION},
        {1, 0x1000, X86_CR4_PCIDE, 0, 13},
        {0, 1, X86_CR4_PCIDE, UINT64_C(0xaaaaaaaaaaaaaaaa), 13},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(invpcid); i++) {
        begin64(0);
        s->cr4 |= invpcid[i].cr4;
        put_code(CODE, 0x66, 0x0f, 0x38, 0x82, 0x03); /* invpcid rax, [rbx] */
        put(DATA, invpcid[i].pcid, 8);
        put(DATA + 8, invpcid[i].address, 8);
        X86_LOW(s, X86_RBX) = DATA;
        X86_LOW(s, X86_RAX) = invpcid[i].type;
        run(1);
        expect(invpcid[i].vector, 0);
    }
}

static void
test_alignment(void)
{
    for (unsigned cpl = 0; cpl <= 3; cpl += 3) {
        begin(cpl);
        s->cr0 |= X86_CR0_AM;
        s->eflags |= X86_AC;
        x86_update_mode(s);
        put_code(CODE, 0xa1, 0x02, 0, 3, 0); /* mov eax, [0x30002] */
        run(1);
        expect(cpl == 3 ? 17 : NO_EXCEPTION, 0);
    }
}

/* Real mode: what runs over a segment's end faults; what lies beyond it does by the manuals, and not where firmware counts on it. */
static void
test_real_mode_limits(void)
{
    static const struct {
        uint8_t code[7];
        uint32_t ebx;
        int strict, lax;
    } cases[] = {
        {{0x8b, 0x07}, 0xfffe, -1, -1},             /* mov ax, [bx] */
        {{0x8b, 0x07}, 0xffff, 13, 13},
        {{0x36, 0x8b, 0x07}, 0xffff, 12, 12},       /* mov ax, ss:[bx] */
        {{0x8a, 0x07}, 0xffff, -1, -1},             /* mov al, [bx] */
        {{0x66, 0x8b, 0x07}, 0xfffd, 13, 13},       /* mov eax, [bx] */
        {{0x67, 0x8b, 0x03}, 0xffff, 13, 13},       /* mov ax, [ebx] */
        {{0x67, 0x8b, 0x03}, 0x10000, 13, -1},
        {{0x67, 0x88, 0x03}, 0x20000, 13, -1},      /* mov [ebx], al */
        {{0x67, 0x36, 0x88, 0x03}, 0x20000, 12, -1},
        {{0x67, 0x2e, 0x8a, 0x03}, 0x10000, 13, 13}, /* mov al, cs:[ebx] */
    };

    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        unsigned k = i / 2;

        begin(0);
        s->cr0 &= ~(uint64_t)X86_CR0_PE;
        s->lax_real_mode = i & 1;
        for (unsigned seg = X86_ES; seg <= X86_GS; seg++) {
            x86_set_seg(s, seg, CODE >> 4, CODE, 0xffff, X86_DESC_P | X86_DESC_S | X86_DESC_W | X86_DESC_A);
        }
        for (unsigned v = 0; v < 32; v++) {
            put(IDT + 4 * v, HANDLERS >> 4 << 16 | 16 * v, 4);
        }
        s->rip = 0;
        X86_LOW(s, X86_RSP) = 0x8000;
        X86_LOW(s, X86_RBX) = cases[k].ebx;
        memcpy(ram + CODE, cases[k].code, sizeof(cases[k].code));
        x86_update_mode(s);
        run(1);
        g_assert_cmpint(vector, ==, i & 1 ? cases[k].lax : cases[k].strict);
    }
    s->lax_real_mode = 0;
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    s = aligned_alloc(64, (sizeof(*s) + 63) & ~63ul);
    memset(s, 0, sizeof(*s));
    memset(s->features, 0xff, sizeof(s->features));
    ram = g_malloc0(RAM_SIZE);
    x86_interp_init(s);
    g_test_add_func("/x86/system/load-data-segment", test_load_data);
    g_test_add_func("/x86/system/load-stack-segment", test_load_stack);
    g_test_add_func("/x86/system/use-of-segments", test_use);
    g_test_add_func("/x86/system/far-jump", test_far_jump);
    g_test_add_func("/x86/system/call-gate", test_call_gate);
    g_test_add_func("/x86/system/task-switch", test_task_switch);
    g_test_add_func("/x86/system/interrupt", test_interrupt);
    g_test_add_func("/x86/system/iret", test_iret);
    g_test_add_func("/x86/system/vm86", test_vm86);
    g_test_add_func("/x86/system/debug", test_debug);
    g_test_add_func("/x86/system/control-registers", test_control);
    g_test_add_func("/x86/system/msrs", test_msrs);
    g_test_add_func("/x86/system/tables", test_tables);
    g_test_add_func("/x86/system/system-calls", test_system_calls);
    g_test_add_func("/x86/system/paging", test_paging);
    g_test_add_func("/x86/system/alignment", test_alignment);
    g_test_add_func("/x86/system/real-mode-limits", test_real_mode_limits);
    status = g_test_run();
    x86_interp_finish(s);
    free(s);
    g_free(ram);
    return status;
}
