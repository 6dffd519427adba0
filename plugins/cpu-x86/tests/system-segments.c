/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Segment registers: what may be loaded into them, and what an access through one must satisfy; real mode too. */

#include "system-fixture.h"

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

void
add_segment_tests(void)
{
    g_test_add_func("/x86/system/load-data-segment", test_load_data);
    g_test_add_func("/x86/system/load-stack-segment", test_load_stack);
    g_test_add_func("/x86/system/use-of-segments", test_use);
    g_test_add_func("/x86/system/real-mode-limits", test_real_mode_limits);
}
