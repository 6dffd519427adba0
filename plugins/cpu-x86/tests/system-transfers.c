/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Control transfers that go through a table: far jumps, call gates, task switches. */

#include "system-fixture.h"

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
    /* So it does when an exception's task gate leads there. */
    begin(0);
    put_descriptor(FREE, TSS2, 0x67, 0x89, 0);
    put_gate(IDT + 8 * 6, FREE, 0, 0x85, 0);
    put_task(TSS2, true);
    put(TSS2 + 0x64, 1, 1);
    put_code(CODE, 0x0f, 0x0b);
    run(1);
    expect(1, 0);
    g_assert_cmphex(pushed, ==, CODE2);
    g_assert_cmphex(s->dr[6] & 0xe00f, ==, X86_DR6_BT);
}

void
add_transfer_tests(void)
{
    g_test_add_func("/x86/system/far-jump", test_far_jump);
    g_test_add_func("/x86/system/call-gate", test_call_gate);
    g_test_add_func("/x86/system/task-switch", test_task_switch);
}
