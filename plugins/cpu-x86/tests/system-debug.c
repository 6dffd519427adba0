/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Breakpoints on instructions, data and ports, general detect, single steps. */

#include "system-fixture.h"

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
    /* Two at one place; what an earlier exception left in B0 to B3 goes, a single step's too. */
    begin(0);
    break_on(1, CODE, 0, 0);
    break_on(3, CODE, 0, 0);
    s->dr[6] |= 4;
    put_code(CODE, 0x90);
    run(1);
    expect(1, 0);
    g_assert_cmphex(s->dr[6] & 0xe00f, ==, 10);
    begin(0);
    s->eflags |= X86_TF;
    s->dr[6] |= 4;
    x86_update_mode(s);
    put_code(CODE, 0x90);
    run(1);
    expect(1, 0);
    g_assert_cmphex(s->dr[6] & 0xe00f, ==, X86_DR6_BS);
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
    s->dr[6] |= 4;
    put_code(CODE, 0x0f, 0x21, 0xf0); /* mov eax, dr6 */
    run(1);
    expect(1, 0);
    g_assert_cmphex(pushed, ==, CODE);
    g_assert_cmphex(s->dr[6] & 0xe00f, ==, X86_DR6_BD);
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

void
add_debug_tests(void)
{
    g_test_add_func("/x86/system/debug", test_debug);
}
