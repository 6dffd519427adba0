/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rights of pages, with the error codes of #PF; large pages, five levels, INVPCID; #AC. */

#include "system-fixture.h"

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
    /* CR2 is that of the second fault when two make a double fault. */
    begin64(0);
    put_gate(IDT + 16 * 8, CODE64, HANDLERS + 16 * 8, 0xee, 1);
    put(TSS + 0x24, STACK0, 8);
    X86_LOW(s, X86_RSP) = 0x500000;
    put_code(CODE, 0xa1, 0, 0, 0x60, 0, 0, 0, 0, 0); /* mov eax, [0x600000] */
    run(1);
    expect(8, 0);
    g_assert_cmphex(s->cr2, ==, 0x4ffff8);
    /* A frame that is not there: IRET tells its beginning. */
    begin64(0);
    X86_LOW(s, X86_RSP) = 0x5ffff8;
    put_gate(IDT + 16 * 14, CODE64, HANDLERS + 16 * 14, 0xee, 1);
    put(TSS + 0x24, STACK0, 8);
    put_code(CODE, 0x48, 0xcf);
    run(1);
    expect(14, 0);
    g_assert_cmphex(s->cr2, ==, 0x5ffff8);
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

void
add_paging_tests(void)
{
    g_test_add_func("/x86/system/paging", test_paging);
    g_test_add_func("/x86/system/alignment", test_alignment);
}
