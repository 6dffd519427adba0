/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Control registers, MSRs, the tables' registers, fast system calls. */

#include "system-fixture.h"

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
        {0x3a, 5, NO_EXCEPTION}, /* VMX outside of SMX, locked */
        {0x3a, 7, 13},
        {0x1d9, 2, NO_EXCEPTION},
        {0x1d9, 0x80, 13},
        {0x1d9, UINT64_C(1) << 32, 13},
        {0x122, 3, NO_EXCEPTION},
        {0x122, 4, 13},
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

/* Transactions abort at their beginning; outside of one XEND is a mistake and XABORT nothing. */
static void
test_transactions(void)
{
    uint32_t features = s->features[X86_CPUID_7_EBX], rtm = 1u << (X86_FEAT_RTM & 31), hle = 1u << (X86_FEAT_HLE & 31);

    begin64(3);
    put_code(CODE, 0xc7, 0xf8, 0x10, 0, 0, 0); /* xbegin +16 */
    X86_LOW(s, X86_RAX) = ~UINT64_C(0);
    run(1);
    expect_fine();
    g_assert_cmphex(s->rip, ==, CODE + 6 + 16);
    g_assert_cmphex(X86_LOW(s, X86_RAX), ==, 0);
    begin64(3);
    put_code(CODE, 0x66, 0xc7, 0xf8, 0xf0, 0xff); /* 16-bit displacement, 64-bit address */
    run(1);
    g_assert_cmphex(s->rip, ==, CODE + 5 - 16);
    begin(0);
    put_code(CODE, 0x66, 0xc7, 0xf8, 0x10, 0); /* address of 16 bits */
    run(1);
    g_assert_cmphex(s->rip, ==, (CODE + 5 + 16) & 0xffff);
    begin(0);
    put_code(CODE, 0xc7, 0xf8, 0, 0, 0, 0);
    s->seg[X86_CS].limit = CODE + 5; /* the fallback address is behind it */
    x86_update_mode(s);
    X86_LOW(s, X86_RAX) = 5;
    run(1);
    expect(13, 0);
    g_assert_cmphex(X86_LOW(s, X86_RAX), ==, 5);
    begin64(3);
    put_code(CODE, 0x0f, 0x01, 0xd5); /* xend */
    run(1);
    expect(13, 0);
    begin64(3);
    put_code(CODE, 0xc6, 0xf8, 0x5a); /* xabort 0x5a */
    X86_LOW(s, X86_RAX) = 7;
    run(1);
    expect_fine();
    g_assert_cmphex(s->rip, ==, CODE + 3);
    g_assert_cmphex(X86_LOW(s, X86_RAX), ==, 7);
    begin64(3);
    put_code(CODE, 0x0f, 0x01, 0xd6); /* xtest */
    s->cc = X86_CF | X86_OF | X86_SF;
    run(1);
    expect_fine();
    g_assert_cmphex(s->cc, ==, X86_ZF);

    static const uint8_t forms[][4] = {{0xc7, 0xf8, 0, 0}, {0xc6, 0xf8, 0, 0}, {0x0f, 0x01, 0xd5, 0}, {0x0f, 0x01, 0xd6, 0}};

    for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
        begin64(3);
        memcpy(ram + CODE, forms[i], 4);
        s->features[X86_CPUID_7_EBX] = features & ~(rtm | hle);
        run(1);
        expect(6, 0);
        begin64(3);
        memcpy(ram + CODE, forms[i], 4);
        s->features[X86_CPUID_7_EBX] = features & ~rtm;
        run(1);
        expect(i == 3 ? NO_EXCEPTION : 6, 0); /* XTEST is there with either */
        s->features[X86_CPUID_7_EBX] = features;
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
    /* SYSRET that is off is undefined at any level, else it is for level 0. */
    for (unsigned on = 0; on < 2; on++) {
        begin64(3);
        s->efer = (s->efer & ~(uint64_t)X86_EFER_SCE) | (on ? X86_EFER_SCE : 0);
        put_code(CODE, 0x48, 0x0f, 0x07);
        run(1);
        expect(on ? 13 : 6, 0);
    }
    /* MONITOR and MWAIT: for level 0; ECX holds extensions, of which MWAIT has one. */
    for (unsigned i = 0; i < 12; i++) {
        unsigned level = i < 6 ? 0 : 3, mwait = i & 1, ecx = i % 6 / 2;

        begin64(level);
        X86_LOW(s, X86_RAX) = DATA;
        X86_LOW(s, X86_RCX) = ecx;
        put_code(CODE, 0x0f, 0x01, 0xc8);
        ram[CODE + 2] = (uint8_t)(0xc8 | mwait);
        run(1);
        expect(level ? 6 : ecx > mwait ? 13 : NO_EXCEPTION, 0);
    }
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

/* What nobody initialized, firmware has: x87 code that begins right away meets no unmasked exception. */
static void
test_reset(void)
{
    begin(0);
    x86_reset(s);
    g_assert_cmphex(s->fx.fcw, ==, 0x37f);
    g_assert_cmphex(s->fx.fsw, ==, 0);
    g_assert_cmphex(s->fx.ftw, ==, 0);
}

void
add_control_tests(void)
{
    g_test_add_func("/x86/system/reset", test_reset);
    g_test_add_func("/x86/system/control-registers", test_control);
    g_test_add_func("/x86/system/msrs", test_msrs);
    g_test_add_func("/x86/system/transactions", test_transactions);
    g_test_add_func("/x86/system/tables", test_tables);
    g_test_add_func("/x86/system/system-calls", test_system_calls);
}
