/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Delivery through the IDT and the way back; VM86 and virtual interrupts. */

#include "system-fixture.h"

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

/* What comes during system management mode waits for its end, INIT too: else memory would stay as SMM sees it. */
static void
test_smm_latches(void)
{
    const uint32_t requests[] = {X86_REQ_INIT, X86_REQ_SMI, X86_REQ_INIT | X86_REQ_SMI};

    for (unsigned i = 0; i < G_N_ELEMENTS(requests); i++) {
        begin(0);
        s->in_smm = 1;
        s->interrupt_request = requests[i];
        g_assert_false(x86_interrupt_wanted(&s->tcg));
        g_assert_cmpint(x86_deliver_interrupt(&s->tcg), ==, EMU_TCG_EXIT_NONE);
        g_assert_cmphex(s->interrupt_request, ==, requests[i]);
        g_assert_cmpuint(s->in_smm, ==, 1);
        g_assert_cmphex(s->rip, ==, CODE);
        s->in_smm = 0;
        g_assert_true(x86_interrupt_wanted(&s->tcg));
        s->interrupt_request = 0;
    }
}

void
add_interrupt_tests(void)
{
    g_test_add_func("/x86/system/smm-latches", test_smm_latches);
    g_test_add_func("/x86/system/interrupt", test_interrupt);
    g_test_add_func("/x86/system/iret", test_iret);
    g_test_add_func("/x86/system/vm86", test_vm86);
}
