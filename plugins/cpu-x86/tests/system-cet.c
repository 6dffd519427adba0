/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Control-flow enforcement (SDM 1, chapter 17): shadow stacks by instruction and transfer, their pages, indirect branch tracking. */

#include "system-fixture.h"

#include "../x86-cet.h"

#define SHSTK X86_CET_SH_STK_EN
#define IBT X86_CET_ENDBR_EN

/* Pages of the second 2 MiB, one to one. */
enum {
    USER_PAGE = 0x200000,  /* shadow stack */
    SYSTEM_PAGE = 0x201000, /* supervisor's shadow stack */
    IST_PAGE = 0x202000,   /* another one */
    PLAIN_PAGE = 0x203000, /* writable */
    CLEAN_PAGE = 0x204000, /* read-only, not dirty */
    PAGES = TABLES + 0x3000,
    USER_SSP = USER_PAGE + 0x800,
    SYSTEM_SSP = SYSTEM_PAGE + 0xff8, /* its token */
    IST_SSP = IST_PAGE + 0xff8,
    SSP_TABLE = 0x6000,
    ENTRY = 0x7000, /* a system call's */
};

static void
begin_cet(unsigned cpl, uint64_t user, uint64_t supervisor)
{
    static const uint16_t flags[] = {0x65, 0x61, 0x61, 0x67, 0x05};

    begin64(cpl);
    put(TABLES + 0x2008, PAGES | 7, 8);
    for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
        put(PAGES + 8 * i, (USER_PAGE + 0x1000 * i) | flags[i], 8);
    }
    put(SYSTEM_SSP, SYSTEM_SSP, 8);
    put(IST_SSP, IST_SSP, 8);
    put(SSP_TABLE + 8, IST_SSP, 8);
    s->cr4 |= X86_CR4_CET;
    s->u_cet = user;
    s->s_cet = supervisor;
    s->pl_ssp[0] = SYSTEM_SSP;
    s->interrupt_ssp_table = SSP_TABLE;
    s->ssp = cpl == 3 ? USER_SSP : SYSTEM_SSP - 0x100;
    x86_update_mode(s);
}

/* Exceptions of @v find stacks of their own: what is wrong with SSP does not keep them from being delivered. */
static void
use_ist(unsigned v)
{
    put_gate(IDT + 16 * v, CODE64, HANDLERS + 16 * v, 0xee, 1);
    put(TSS + 0x24, STACK0 - 0x1000, 8);
}

/* ---- near ---- */

static void
test_near(void)
{
    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0xe8, 0x0b, 0, 0, 0); /* call CODE + 16 */
    put_code(CODE + 16, 0xc3);
    run(1);
    expect_fine();
    g_assert_cmphex(s->ssp, ==, USER_SSP - 8);
    g_assert_cmphex(get(USER_SSP - 8, 8), ==, CODE + 5);
    run(1);
    expect_fine();
    g_assert_cmphex(s->rip, ==, CODE + 5);
    g_assert_cmphex(s->ssp, ==, USER_SSP);

    /* A call of the next instruction leaves nothing there. */
    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0xe8, 0, 0, 0, 0, 0xff, 0xd0); /* call +0; call rax */
    X86_LOW(s, X86_RAX) = CODE + 64;
    run(1);
    g_assert_cmphex(s->ssp, ==, USER_SSP);
    run(1);
    g_assert_cmphex(s->ssp, ==, USER_SSP - 8);
    g_assert_cmphex(get(USER_SSP - 8, 8), ==, CODE + 7);

    /* Another address on the stack. */
    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0xc2, 8, 0); /* ret 8 */
    put(USER_SSP, CODE + 32, 8);
    put(STACK - 8, CODE + 33, 8);
    X86_LOW(s, X86_RSP) = STACK - 8;
    run(1);
    expect(X86_EXC_CP, X86_CP_NEAR_RET);
    g_assert_cmphex(pushed, ==, CODE);
    g_assert_cmphex(s->pl3_ssp, ==, USER_SSP);
}

/* Four bytes in code of 32 and 16 bits. */
static void
test_narrow(void)
{
    begin(0);
    s->cr0 |= X86_CR0_WP;
    s->cr4 |= X86_CR4_CET;
    s->s_cet = SHSTK;
    s->ssp = USER_SSP;
    x86_update_mode(s);
    put_code(CODE, 0xff, 0xd0, 0x66, 0xc3); /* call eax; retw */
    X86_LOW(s, X86_RAX) = CODE + 2;
    run(1);
    g_assert_cmphex(s->ssp, ==, USER_SSP - 4);
    g_assert_cmphex(get(USER_SSP - 4, 4), ==, CODE + 2);
    run(1);
    expect(X86_EXC_CP, X86_CP_NEAR_RET); /* IP of 16 bits is not what was pushed */
}

/* ---- pages ---- */

static void
call_on(unsigned cpl, uint64_t ssp, int expected, uint32_t error)
{
    g_test_message("level %u, SSP %x", cpl, (unsigned)ssp);
    begin_cet(cpl, SHSTK, SHSTK);
    put_code(CODE, 0xff, 0xd0);
    X86_LOW(s, X86_RAX) = CODE + 16;
    use_ist(14);
    s->ssp = ssp + 0x100;
    run(1);
    expect(expected, error);
    if (expected == 14) {
        g_assert_cmphex(s->cr2, ==, ssp + 0xf8);
    }
}

static void
test_pages(void)
{
    call_on(3, USER_PAGE, NO_EXCEPTION, 0);
    call_on(3, SYSTEM_PAGE, 14, 0x47);
    call_on(3, PLAIN_PAGE, 14, 0x47);
    call_on(3, CLEAN_PAGE, 14, 0x47);
    call_on(3, 0x205000, 14, 0x46);
    call_on(0, SYSTEM_PAGE, NO_EXCEPTION, 0);
    call_on(0, USER_PAGE, 14, 0x43);
    call_on(0, PLAIN_PAGE, 14, 0x43);
    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0xc3);
    s->ssp = PLAIN_PAGE;
    run(1);
    expect(14, 0x45);
    /* Upper levels must allow writing. */
    begin_cet(3, SHSTK, 0);
    put(TABLES + 0x2008, PAGES | 5, 8);
    put_code(CODE, 0xff, 0xd0);
    run(1);
    expect(14, 0x47);
    /* Others read a shadow stack, and do not write it. */
    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0x8b, 0x03, 0x89, 0x03); /* mov eax, [rbx]; mov [rbx], eax */
    X86_LOW(s, X86_RBX) = USER_PAGE;
    run(1);
    expect_fine();
    run(1);
    expect(14, 7);
}

/* ---- instructions ---- */

static void
test_instructions(void)
{
    static const uint8_t forms[][5] = {
        {0xf3, 0x48, 0x0f, 0xae, 0xe8}, /* incsspq rax */
        {0xf3, 0x0f, 0x01, 0xea},       /* saveprevssp */
        {0xf3, 0x0f, 0x01, 0x2b},       /* rstorssp [rbx] */
        {0x48, 0x0f, 0x38, 0xf6, 0x03}, /* wrssq [rbx], rax */
    };

    /* Without a shadow stack they are undefined, but for RDSSP, which does nothing. */
    for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
        begin_cet(3, 0, SHSTK);
        memcpy(ram + CODE, forms[i], 5);
        X86_LOW(s, X86_RBX) = USER_PAGE;
        run(1);
        expect(6, 0);
    }
    begin_cet(3, 0, SHSTK);
    put_code(CODE, 0xf3, 0x48, 0x0f, 0x1e, 0xc8); /* rdsspq rax */
    X86_LOW(s, X86_RAX) = 1;
    run(1);
    expect_fine();
    g_assert_cmphex(X86_LOW(s, X86_RAX), ==, 1);

    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0xf3, 0x48, 0x0f, 0x1e, 0xc8, 0xf3, 0x48, 0x0f, 0xae, 0xeb, 0xf3, 0x0f, 0xae, 0xeb); /* rdsspq rax; incsspq rbx; incsspd ebx */
    X86_LOW(s, X86_RBX) = 0x103;
    run(1);
    g_assert_cmphex(X86_LOW(s, X86_RAX), ==, USER_SSP);
    run(1);
    g_assert_cmphex(s->ssp, ==, USER_SSP + 24);
    run(1);
    expect_fine();
    g_assert_cmphex(s->ssp, ==, USER_SSP + 36);
    /* The last element is touched. */
    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0xf3, 0x48, 0x0f, 0xae, 0xe8);
    put(PAGES + 8, 0, 8);
    X86_LOW(s, X86_RAX) = 0xff;
    s->ssp = USER_PAGE + 0xff8;
    run(1);
    expect(14, 0x44);

    /* WRSS asks for its own bit, and alignment. */
    begin_cet(3, SHSTK, 0);
    memcpy(ram + CODE, forms[3], 5);
    run(1);
    expect(6, 0);
    begin_cet(3, SHSTK | X86_CET_WR_SHSTK_EN, 0);
    memcpy(ram + CODE, forms[3], 5);
    X86_LOW(s, X86_RBX) = USER_PAGE + 16;
    X86_LOW(s, X86_RAX) = UINT64_C(0x1122334455667788);
    run(1);
    expect_fine();
    g_assert_cmphex(get(USER_PAGE + 16, 8), ==, UINT64_C(0x1122334455667788));
    s->rip = CODE;
    X86_LOW(s, X86_RBX) = USER_PAGE + 4;
    run(1);
    expect(13, 0);
    /* WRUSS is the supervisor's way to the user's. */
    begin_cet(0, 0, 0);
    put_code(CODE, 0x66, 0x0f, 0x38, 0xf5, 0x03); /* wrussd [rbx], eax */
    X86_LOW(s, X86_RBX) = USER_PAGE + 4;
    X86_LOW(s, X86_RAX) = 77;
    run(1);
    expect_fine();
    g_assert_cmphex(get(USER_PAGE + 4, 4), ==, 77);
    s->rip = CODE;
    X86_LOW(s, X86_RBX) = SYSTEM_PAGE;
    run(1);
    expect(14, 0x47);
    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0x66, 0x0f, 0x38, 0xf5, 0x03);
    run(1);
    expect(13, 0);
}

/* To another shadow stack and back: tokens. */
static void
test_switching(void)
{
    const uint64_t other = USER_PAGE + 0x400;

    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0xf3, 0x0f, 0x01, 0x2b, 0xf3, 0x0f, 0x01, 0xea); /* rstorssp [rbx]; saveprevssp */
    X86_LOW(s, X86_RBX) = other - 8;
    put((uint32_t)other - 8, other | 1, 8);
    s->cc = X86_CF | X86_ZF;
    run(1);
    expect_fine();
    g_assert_cmphex(s->ssp, ==, other - 8);
    g_assert_cmphex(get((uint32_t)other - 8, 8), ==, USER_SSP | 3);
    g_assert_cmphex(s->cc, ==, 0);
    run(1);
    expect_fine();
    g_assert_cmphex(s->ssp, ==, other);
    g_assert_cmphex(get(USER_SSP - 8, 8), ==, USER_SSP | 1);
    g_assert_cmphex(get(USER_SSP - 4, 4), ==, 0);

    /* Tokens that are none: other mode, previous-SSP, another place. */
    const uint64_t wrong[] = {other, other | 3, (other + 8) | 1};

    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        begin_cet(3, SHSTK, 0);
        put_code(CODE, 0xf3, 0x0f, 0x01, 0x2b);
        X86_LOW(s, X86_RBX) = other - 8;
        put((uint32_t)other - 8, wrong[i], 8);
        run(1);
        expect(X86_EXC_CP, X86_CP_RSTORSSP);
        g_assert_cmphex(get((uint32_t)other - 8, 8), ==, wrong[i]);
    }
    begin_cet(3, SHSTK, 0);
    put_code(CODE, 0xf3, 0x0f, 0x01, 0x2b);
    X86_LOW(s, X86_RBX) = other - 4;
    run(1);
    expect(13, 0);
    /* SAVEPREVSSP wants what RSTORSSP leaves, and no hole in 64-bit code. */
    for (unsigned i = 0; i < 2; i++) {
        begin_cet(3, SHSTK, 0);
        put_code(CODE, 0xf3, 0x0f, 0x01, 0xea);
        put(USER_SSP, other | (i ? 3 : 1), 8);
        s->cc = i ? X86_CF : 0;
        run(1);
        expect(13, 0);
    }
}

static void
test_busy(void)
{
    begin_cet(0, 0, SHSTK);
    put_code(CODE, 0xf3, 0x0f, 0x01, 0xe8, 0xf3, 0x0f, 0xae, 0x33); /* setssbsy; clrssbsy [rbx] */
    X86_LOW(s, X86_RBX) = SYSTEM_SSP;
    run(1);
    expect_fine();
    g_assert_cmphex(s->ssp, ==, SYSTEM_SSP);
    g_assert_cmphex(get(SYSTEM_SSP, 8), ==, SYSTEM_SSP | 1);
    s->cc = X86_CF | X86_OF;
    run(1);
    expect_fine();
    g_assert_cmphex(s->ssp, ==, 0);
    g_assert_cmphex(get(SYSTEM_SSP, 8), ==, SYSTEM_SSP);
    g_assert_cmphex(s->cc, ==, 0);
    s->rip = CODE + 4; /* once more: it is not busy */
    run(1);
    g_assert_cmphex(s->cc, ==, X86_CF);
    begin_cet(0, 0, SHSTK);
    put_code(CODE, 0xf3, 0x0f, 0x01, 0xe8);
    put(SYSTEM_SSP, SYSTEM_SSP | 1, 8);
    run(1);
    expect(X86_EXC_CP, X86_CP_SETSSBSY);
    begin_cet(3, SHSTK, SHSTK);
    put_code(CODE, 0xf3, 0x0f, 0x01, 0xe8);
    run(1);
    expect(13, 0);
}

/* ---- far ---- */

/* The same level: CS, address and SSP. */
static void
test_far(void)
{
    for (unsigned bad = 0; bad < 5; bad++) {
        g_test_message("frame %u", bad);
        begin_cet(0, 0, SHSTK);
        put_code(CODE, 0x48, 0xff, 0x1b); /* call far [rbx] */
        put_code(CODE2, 0x48, 0xcb);      /* retf */
        put(DATA, CODE2, 8);
        put(DATA + 8, CODE64, 2);
        X86_LOW(s, X86_RBX) = DATA;
        s->ssp = SYSTEM_PAGE + 0x804;
        put(SYSTEM_PAGE + 0x800, ~UINT64_C(0), 8);
        run(1);
        expect_fine();
        g_assert_cmphex(s->ssp, ==, SYSTEM_PAGE + 0x7e8);
        g_assert_cmphex(get(SYSTEM_PAGE + 0x7e8, 8), ==, SYSTEM_PAGE + 0x804);
        g_assert_cmphex(get(SYSTEM_PAGE + 0x7f0, 8), ==, CODE + 3);
        g_assert_cmphex(get(SYSTEM_PAGE + 0x7f8, 8), ==, CODE64);
        g_assert_cmphex(get(SYSTEM_PAGE + 0x800, 4), ==, 0);
        if (bad == 1) {
            put(SYSTEM_PAGE + 0x7f0, CODE + 4, 8);
        } else if (bad == 2) {
            put(SYSTEM_PAGE + 0x7f8, CODE64 | 1 << 16, 8);
        } else if (bad == 3) {
            put(SYSTEM_PAGE + 0x7e8, SYSTEM_PAGE + 0x802, 8);
        } else if (bad == 4) {
            s->ssp -= 4;
        }
        run(1);
        expect(bad ? X86_EXC_CP : NO_EXCEPTION, bad ? X86_CP_FAR_RET : 0);
        if (!bad) {
            g_assert_cmphex(s->ssp, ==, SYSTEM_PAGE + 0x804);
            g_assert_cmphex(s->rip, ==, CODE + 3);
        }
    }
    /* To code that has no room for such an SSP. */
    begin_cet(0, 0, SHSTK);
    put_code(CODE, 0xff, 0x2b); /* jmp far [rbx] */
    put(DATA, CODE2, 4);
    put(DATA + 4, CODE32, 2);
    X86_LOW(s, X86_RBX) = DATA;
    use_ist(13);
    s->ssp = UINT64_C(1) << 32;
    run(1);
    expect(13, 0);
}

static void
test_interrupts(void)
{
    /* From CPL 3: nothing but the token. */
    begin_cet(3, SHSTK, SHSTK);
    put_code(CODE, 0xcd, 0x40);
    put_code(HANDLERS + 16 * 0x40, 0x48, 0xcf);
    x86_update_mode(s);
    run(1);
    g_assert_cmpint(vector, ==, 0x40);
    g_assert_cmphex(s->pl3_ssp, ==, USER_SSP);
    g_assert_cmphex(s->ssp, ==, SYSTEM_SSP);
    g_assert_cmphex(get(SYSTEM_SSP, 8), ==, SYSTEM_SSP | 1);
    s->pl3_ssp -= 16;
    run(1);
    g_assert_cmpint(s->cpl, ==, 3);
    g_assert_cmphex(s->ssp, ==, USER_SSP - 16);
    g_assert_cmphex(get(SYSTEM_SSP, 8), ==, SYSTEM_SSP);

    /* A busy one is no place to go to. */
    begin_cet(3, SHSTK, SHSTK);
    put_code(CODE, 0xcd, 0x40);
    put(SYSTEM_SSP, SYSTEM_SSP | 1, 8);
    use_ist(13);
    run(1);
    expect(13, 0);
    g_assert_cmphex(s->ssp, ==, IST_SSP);
    g_assert_cmphex(get(IST_SSP, 8), ==, IST_SSP | 1);

    /* The same level, the same stack; the same level, another one. */
    for (unsigned ist = 0; ist < 2; ist++) {
        begin_cet(0, 0, SHSTK);
        put_code(CODE, 0xcd, 0x40);
        put_code(HANDLERS + 16 * 0x40, 0x48, 0xcf);
        if (ist) {
            use_ist(0x40);
        }
        run(1);
        g_assert_cmpint(vector, ==, 0x40);
        g_assert_cmphex(s->ssp, ==, (ist ? IST_SSP : SYSTEM_SSP - 0x100) - 24);
        g_assert_cmphex(get((uint32_t)s->ssp, 8), ==, SYSTEM_SSP - 0x100);
        g_assert_cmphex(get((uint32_t)s->ssp + 8, 8), ==, CODE + 2);
        g_assert_cmphex(get((uint32_t)s->ssp + 16, 8), ==, CODE64);
        g_assert_cmphex(get(IST_SSP, 8), ==, IST_SSP | ist);
        run(1);
        g_assert_cmphex(s->rip, ==, CODE + 2);
        g_assert_cmphex(s->ssp, ==, SYSTEM_SSP - 0x100);
        g_assert_cmphex(get(IST_SSP, 8), ==, IST_SSP);
    }

    /* IRET to another place than where the interrupt came from. */
    begin_cet(0, 0, SHSTK);
    put_code(CODE, 0xcd, 0x40);
    put_code(HANDLERS + 16 * 0x40, 0x48, 0xcf);
    run(1);
    put((uint32_t)X86_LOW(s, X86_RSP), CODE + 3, 8);
    run(1);
    expect(X86_EXC_CP, X86_CP_FAR_RET);
}

static void
test_system_calls(void)
{
    begin_cet(3, SHSTK, SHSTK | IBT);
    put_code(CODE, 0x0f, 0x05);
    put_code(ENTRY, 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x0f, 0x07); /* endbr64; sysretq */
    s->star = (uint64_t)(0x28 | 3) << 48 | (uint64_t)CODE64 << 32;
    put_descriptor(0x38, 0, 0xfffff, 0xfb, 0xa);
    s->lstar = ENTRY;
    run(1);
    expect_fine();
    g_assert_cmpint(s->cpl, ==, 0);
    g_assert_cmphex(s->pl3_ssp, ==, USER_SSP);
    g_assert_cmphex(s->ssp, ==, 0);
    g_assert_cmphex(s->s_cet & X86_CET_TRACKER, !=, 0);
    run(1);
    expect_fine();
    g_assert_cmphex(s->s_cet & X86_CET_TRACKER, ==, 0);
    run(1);
    expect_fine();
    g_assert_cmpint(s->cpl, ==, 3);
    g_assert_cmphex(s->ssp, ==, USER_SSP);
}

/* ---- tracking ---- */

/* JMP rax to @target's bytes. */
static void
jump_to(uint64_t user, const uint8_t *prefix, unsigned n, const uint8_t target[4], int expected)
{
    begin_cet(3, user, 0);
    memcpy(ram + CODE, prefix, n);
    put_code(CODE + 4, 0x90);
    ram[CODE + n] = 0xff;
    ram[CODE + n + 1] = 0xe0;
    memcpy(ram + CODE2, target, 4);
    X86_LOW(s, X86_RAX) = CODE2;
    run(2);
    expect(expected, expected == X86_EXC_CP ? X86_CP_ENDBRANCH : 0);
    if (expected == X86_EXC_CP) {
        g_assert_cmphex(pushed, ==, CODE2);
        g_assert_cmphex(s->u_cet & X86_CET_TRACKER, !=, 0);
    } else {
        g_assert_cmphex(s->u_cet & X86_CET_TRACKER, ==, 0);
    }
}

static void
test_tracking(void)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa}, endbr32[] = {0xf3, 0x0f, 0x1e, 0xfb}, nop[] = {0x90, 0x90, 0x90, 0x90},
                         ud2[] = {0x0f, 0x0b, 0, 0}, notrack[] = {0x3e}, overridden[] = {0x3e, 0x64};

    jump_to(IBT, NULL, 0, endbr64, NO_EXCEPTION);
    jump_to(IBT, NULL, 0, endbr32, X86_EXC_CP);
    jump_to(IBT, NULL, 0, nop, X86_EXC_CP);
    jump_to(IBT, NULL, 0, ud2, X86_EXC_CP);
    jump_to(0, NULL, 0, nop, NO_EXCEPTION);
    jump_to(IBT, notrack, 1, nop, X86_EXC_CP);
    jump_to(IBT | X86_CET_NO_TRACK_EN, notrack, 1, nop, NO_EXCEPTION);
    jump_to(IBT | X86_CET_NO_TRACK_EN, overridden, 2, nop, X86_EXC_CP);
    jump_to(IBT | X86_CET_SUPPRESS, NULL, 0, nop, NO_EXCEPTION);

    /* A call through memory is one too, a direct one and a return are none. */
    begin_cet(3, IBT, 0);
    put_code(CODE, 0xff, 0x13); /* call [rbx] */
    put(DATA, CODE2, 8);
    X86_LOW(s, X86_RBX) = DATA;
    run(2);
    expect(X86_EXC_CP, X86_CP_ENDBRANCH);
    begin_cet(3, IBT, 0);
    put_code(CODE, 0xe8, 0x0b, 0, 0, 0);
    put_code(CODE + 16, 0xc3);
    run(2);
    expect_fine();
    g_assert_cmphex(s->u_cet, ==, IBT);

    /* Code from before: its page has a bit, and tracking rests until an ENDBRANCH. */
    begin_cet(3, IBT | X86_CET_LEG_IW_EN | PLAIN_PAGE, 0);
    ram[PLAIN_PAGE + (CODE2 >> 15)] = 1u << (CODE2 >> 12 & 7);
    put_code(CODE, 0xff, 0xe0);
    put_code(CODE2, 0x90, 0xff, 0xe3); /* nop; jmp rbx */
    put_code(CODE, 0xff, 0xe0);
    put_code(CODE + 32, 0x90, 0xf3, 0x0f, 0x1e, 0xfa);
    X86_LOW(s, X86_RAX) = CODE2;
    X86_LOW(s, X86_RBX) = CODE + 32;
    run(2);
    expect_fine();
    g_assert_cmphex(s->u_cet & (X86_CET_TRACKER | X86_CET_SUPPRESS), ==, X86_CET_SUPPRESS);
    run(2);
    expect_fine();
    run(1);
    g_assert_cmphex(s->u_cet & (X86_CET_TRACKER | X86_CET_SUPPRESS), ==, 0);
    begin_cet(3, IBT | X86_CET_LEG_IW_EN | X86_CET_SUPPRESS_DIS | PLAIN_PAGE, 0);
    ram[PLAIN_PAGE + (CODE2 >> 15)] = 1u << (CODE2 >> 12 & 7);
    put_code(CODE, 0xff, 0xe0);
    put_code(CODE2, 0x90);
    X86_LOW(s, X86_RAX) = CODE2;
    run(2);
    expect_fine();
    g_assert_cmphex(s->u_cet & (X86_CET_TRACKER | X86_CET_SUPPRESS), ==, 0);

    /* An interrupt's handler begins with one; what it interrupted waits on. */
    begin_cet(3, IBT, IBT);
    put_code(CODE, 0xff, 0xe0);
    put_code(CODE2, 0x90);
    put_code(HANDLERS + 16 * X86_EXC_CP, 0xf3, 0x0f, 0x1e, 0xfa);
    X86_LOW(s, X86_RAX) = CODE2;
    run(2);
    expect(X86_EXC_CP, X86_CP_ENDBRANCH);
    g_assert_cmphex(s->s_cet & X86_CET_TRACKER, !=, 0);
    g_assert_cmphex(s->u_cet & X86_CET_TRACKER, !=, 0);
    run(1);
    g_assert_cmphex(s->s_cet & X86_CET_TRACKER, ==, 0);
}

/* ---- registers ---- */

static void
wrmsr(uint32_t index, uint64_t value, int expected)
{
    g_test_message("MSR %x = %" G_GINT64_MODIFIER "x", index, value);
    begin_cet(0, 0, 0);
    put_code(CODE, 0x0f, 0x30);
    X86_LOW(s, X86_RCX) = index;
    X86_LOW(s, X86_RAX) = (uint32_t)value;
    X86_LOW(s, X86_RDX) = value >> 32;
    run(1);
    expect(expected, 0);
}

static void
test_registers(void)
{
    uint32_t ss = s->features[X86_CPUID_7_ECX], ibt = s->features[X86_CPUID_7_EDX];

    wrmsr(0x6a0, 0x3f, NO_EXCEPTION);
    wrmsr(0x6a2, 0x40, 13);
    wrmsr(0x6a0, X86_CET_SUPPRESS | X86_CET_TRACKER, 13);
    wrmsr(0x6a0, UINT64_C(0xaaaaaaaaaaaaa000), 13);
    wrmsr(0x6a4, 4, NO_EXCEPTION);
    wrmsr(0x6a7, 1, 13);
    wrmsr(0x6a5, UINT64_C(1) << 62, 13);
    wrmsr(0x6a8, UINT64_C(0xaaaaaaaaaaaaaaaa), 13);
    s->features[X86_CPUID_7_ECX] &= ~(1u << (X86_FEAT_CET_SS & 31));
    wrmsr(0x6a0, IBT, NO_EXCEPTION);
    wrmsr(0x6a0, SHSTK, 13);
    wrmsr(0x6a4, 0, 13);
    s->features[X86_CPUID_7_EDX] &= ~(1u << (X86_FEAT_CET_IBT & 31));
    wrmsr(0x6a0, 0, 13);
    s->features[X86_CPUID_7_ECX] = ss;
    wrmsr(0x6a0, IBT, 13);
    s->features[X86_CPUID_7_EDX] = ibt;

    /* CR4.CET and CR0.WP. */
    begin64(0);
    put_code(CODE, 0x0f, 0x22, 0xe0); /* mov cr4, rax */
    X86_LOW(s, X86_RAX) = s->cr4 | X86_CR4_CET;
    run(1);
    expect_fine();
    put_code(CODE + 3, 0x0f, 0x22, 0xc0); /* mov cr0, rax */
    X86_LOW(s, X86_RAX) = s->cr0 & ~(uint64_t)X86_CR0_WP;
    run(1);
    expect(13, 0);
    begin64(0);
    s->cr0 &= ~(uint64_t)X86_CR0_WP;
    put_code(CODE, 0x0f, 0x22, 0xe0);
    X86_LOW(s, X86_RAX) = s->cr4 | X86_CR4_CET;
    run(1);
    expect(13, 0);
}

/* XSAVES and XRSTORS with both components. */
static void
test_xsaves(void)
{
    begin_cet(0, 0, 0);
    s->cr4 |= X86_CR4_OSXSAVE;
    s->xss = 3u << 11;
    s->u_cet = SHSTK | X86_CET_WR_SHSTK_EN;
    s->pl3_ssp = USER_SSP;
    s->pl_ssp[0] = 8;
    s->pl_ssp[2] = 24;
    put_code(CODE, 0x48, 0x0f, 0xc7, 0x2b, 0x48, 0x0f, 0xc7, 0x1b); /* xsaves64 [rbx]; xrstors64 [rbx] */
    X86_LOW(s, X86_RBX) = DATA;
    X86_LOW(s, X86_RAX) = 3u << 11;
    X86_LOW(s, X86_RDX) = 0;
    x86_update_mode(s);
    run(1);
    expect_fine();
    g_assert_cmphex(get(DATA + 512, 8), ==, 3u << 11);
    g_assert_cmphex(get(DATA + 576, 8), ==, 3);
    g_assert_cmphex(get(DATA + 584, 8), ==, USER_SSP);
    g_assert_cmphex(get(DATA + 592, 8), ==, 8);
    g_assert_cmphex(get(DATA + 608, 8), ==, 24);
    s->u_cet = s->pl3_ssp = s->pl_ssp[0] = s->pl_ssp[2] = 0;
    s->pl_ssp[1] = 16;
    run(1);
    expect_fine();
    g_assert_cmphex(s->u_cet, ==, 3);
    g_assert_cmphex(s->pl3_ssp, ==, USER_SSP);
    g_assert_cmphex(s->pl_ssp[0], ==, 8);
    g_assert_cmphex(s->pl_ssp[1], ==, 0);
    g_assert_cmphex(s->pl_ssp[2], ==, 24);
    put(DATA + 584, 1, 8);
    s->rip = CODE + 4;
    run(1);
    expect(13, 0);
}

/* A task's TSS says where its shadow stack is; IRET goes back to the other one. */
static void
test_tasks(void)
{
    for (unsigned bad = 0; bad < 2; bad++) {
        begin(0);
        s->cr0 |= X86_CR0_WP;
        s->cr4 |= X86_CR4_CET;
        s->s_cet = SHSTK;
        s->ssp = SYSTEM_SSP - 0x100;
        x86_update_mode(s);
        put_descriptor(FREE, TSS2, 0x6b, 0x89, 0);
        put(TSS2 + 0x20, CODE2, 4);
        put(TSS2 + 0x24, 2, 4);
        put(TSS2 + 0x38, STACK0, 4);
        for (unsigned i = 0; i < 6; i++) {
            put(TSS2 + 0x48 + 4 * i, i == 1 ? CODE32 : DATA32, 2);
        }
        put(TSS2 + 104, IST_SSP, 4);
        put(IST_SSP, IST_SSP | bad, 8);
        put_code(CODE, 0x9a, 0, 0, 0, 0, FREE, 0);
        put_code(CODE2, 0xcf);
        run(1);
        if (bad) {
            expect(10, FREE); /* another CPU is on it */
            continue;
        }
        expect_fine();
        g_assert_cmphex(s->ssp, ==, IST_SSP - 24);
        g_assert_cmphex(get(IST_SSP, 8), ==, IST_SSP | 1);
        g_assert_cmphex(get(IST_SSP - 16, 8), ==, CODE + 7);
        run(1);
        expect_fine();
        g_assert_cmphex(s->rip, ==, CODE + 7);
        g_assert_cmphex(s->ssp, ==, SYSTEM_SSP - 0x100);
        g_assert_cmphex(get(IST_SSP, 8), ==, IST_SSP);
    }
}

void
add_cet_tests(void)
{
    g_test_add_func("/x86/system/cet/near-transfers", test_near);
    g_test_add_func("/x86/system/cet/narrow-code", test_narrow);
    g_test_add_func("/x86/system/cet/pages", test_pages);
    g_test_add_func("/x86/system/cet/instructions", test_instructions);
    g_test_add_func("/x86/system/cet/switching", test_switching);
    g_test_add_func("/x86/system/cet/busy", test_busy);
    g_test_add_func("/x86/system/cet/far-transfers", test_far);
    g_test_add_func("/x86/system/cet/interrupts", test_interrupts);
    g_test_add_func("/x86/system/cet/system-calls", test_system_calls);
    g_test_add_func("/x86/system/cet/tracking", test_tracking);
    g_test_add_func("/x86/system/cet/registers", test_registers);
    g_test_add_func("/x86/system/cet/xsaves", test_xsaves);
    g_test_add_func("/x86/system/cet/tasks", test_tasks);
}
