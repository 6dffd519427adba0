/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The instructions of a case: a function a kind. */

#include "system.h"

static void
random_bytes(void)
{
    static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x2e, 0x36, 0x26, 0x64, 0x48, 0x41, 0x4f};
    u32 n = below(3);
    u8 op;

    if (one_in(16)) {
        n = 10 + below(6);
    }
    for (u32 i = 0; i < n; i++) {
        b(n > 3 ? prefixes[below(9)] : prefixes[below(sizeof(prefixes))]);
    }
    if (one_in(2)) {
        op = (u8)rng();
        if (op == 0xc4 || op == 0xc5 || op == 0x8f || op == 0x62) {
            op = 0x0b;
        }
        b(op);
        if (op == 0x0f) {
            goto two;
        }
    } else {
        b(0x0f);
two:
        op = (u8)rng();
        /* time, identity and random numbers differ; so does what is there beyond SSE2 */
        if (op == 0x31 || op == 0xa2 || op == 0xc7 || op == 0x01 || op == 0x38 || op == 0x3a || op == 0x0f || op == 0xae || op == 0xff || op == 0xb9) {
            op = 0x0b;
        }
        b(op);
    }
    for (u32 i = 0; i < 6; i++) {
        b(rng());
    }
}

static void
segment_prefix(void)
{
    static const u8 prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};

    if (one_in(2)) {
        b(prefixes[below(6)]);
    }
}

static void
emit_access(void)
{
    u32 at = edge();

    segment_prefix();
    switch (below(12)) {
    case 0:
        b(0x8a);
        absolute(0, at);
        break;
    case 1:
        maybe66(3);
        b(0x8b);
        absolute(0, at);
        break;
    case 2:
        b(0x88);
        absolute(1, at);
        break;
    case 3:
        maybe66(3);
        b(0x89);
        absolute(1, at);
        break;
    case 4:
        maybe66(3);
        b(0x01);
        absolute(2, at);
        break;
    case 5:
        maybe66(3);
        b(0xff);
        absolute(6, at);
        break;
    case 6:
        maybe66(3);
        b(0x8f);
        absolute(0, at);
        break;
    case 7:
        b(0xf0);
        maybe66(3);
        b(0x0f);
        b(0xb1);
        absolute(3, at);
        break;
    case 8:
        b(0xdd);
        absolute(below(8), at);
        break;
    case 9:
        b(0x0f);
        b(0xc7);
        absolute(1, at);
        break;
    case 10:
        b(0xdb);
        absolute(one_in(2) ? 5 : 7, at);
        break;
    case 11:
        b(0xd9);
        absolute(4 + below(4), at);
        break;
    }
}

static const u32 msrs[] = {0x174, 0x175, 0x176, 0x1d9, 0x277, 0x2ff, 0x200, 0x201, 0x250, 0x268, 0xfe, 0x179, 0x17a, 0x17b, 0x400, 0x401,
                           0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103,
                           0x3b, 0x1a0, 0x3a, 0x12345, 0xc0001234, 0xda0};

static void
emit_mov_seg(void)
{
    static const u8 seg_numbers[] = {0, 2, 3, 4, 5, 1, 6, 7};

    set_ax(selector());
    if (one_in(4)) {
        store(DATA, selector(), 2);
        b(0x8e);
        memory(seg_numbers[below(8)], DATA);
    } else {
        b(0x8e);
        b(0xc0 | seg_numbers[one_in(8) ? below(8) : below(5)] << 3);
    }
    if (one_in(2)) {
        emit_access();
    }
}

static void
emit_pop_seg(void)
{
    static const u8 seg_pop[] = {0x07, 0x17, 0x1f, 0xa1, 0xa9};
    u32 i;

    b(0x68);
    imm(selector(), 0);
    i = below(5);
    maybe66(4);
    if (i >= 3) {
        b(0x0f);
    }
    b(seg_pop[i]);
}

static void
emit_lfar(void)
{
    u32 i, size, p;

    p = maybe66(4);
    size = (width == 2) != p ? 2 : 4;
    store(DATA, value(), size);
    store(DATA + size, selector(), 2);
    switch (below(5)) {
    case 0:
        b(0xc4);
        break;
    case 1:
        b(0xc5);
        break;
    default:
        b(0x0f);
        i = below(3);
        b(i == 0 ? 0xb2 : i == 1 ? 0xb4 : 0xb5);
    }
    memory(below(8), DATA);
}

static void
emit_far_direct(void)
{
    u32 sel, off, p;

    far_target(&sel, &off);
    p = maybe66(4);
    b(one_in(2) ? 0xea : 0x9a);
    imm(off, p);
    w(sel);
}

static void
emit_far_mem(void)
{
    u32 sel, off;

    if (width == 8 && one_in(3)) {
        b(0x48);
        far_target(&sel, &off);
        store(DATA, off, 8);
        store(DATA + 8, sel, 2);
    } else {
        maybe66(4);
        far_memory(DATA);
    }
    b(0xff);
    memory(one_in(2) ? 3 : 5, DATA);
}

static void
emit_far_return(void)
{
    u32 sel, off, i, n, size, p;

    size = width == 2 ? 2 : 4;
    i = below(4);
    if (i == 0 || (i == 1 && width == 8)) {
        b(i == 0 || width != 8 ? 0x66 : 0x48);
        size = i == 0 ? 6 - size : 8;
    }
    n = 0;
    far_target(&sel, &off);
    on_stack(n++, size, off);
    on_stack(n++, size, sel);
    if (kind == K_IRET) {
        on_stack(n++, size, random_flags());
    } else if (one_in(2)) {
        n++;
    }
    p = n;
    outer_stack(&sel, &off);
    on_stack(n++, size, off);
    on_stack(n++, size, sel);
    for (i = 0; i < 4; i++) {
        on_stack(n++, size, rng());
    }
    if (kind == K_IRET) {
        b(0xcf);
    } else if (p == 2) {
        b(0xcb);
    } else {
        b(0xca);
        w(size);
    }
}

static void
emit_int(void)
{
    switch (below(6)) {
    case 0:
        b(0xcc);
        break;
    case 1:
        b(0xf1);
        break;
    case 2:
        b(0xce);
        break;
    default:
        b(0xcd);
        b(one_in(3) ? below(80) : 0x20 + below(4));
    }
}

static void
emit_lar(void)
{
    set_ax(selector());
    if (one_in(2)) {
        maybe66(3);
        if (width == 8 && one_in(3)) {
            b(0x48);
        }
        b(0x0f);
        b(one_in(2) ? 2 : 3);
        b(0xc8);
    } else {
        b(0x0f);
        b(0);
        b(one_in(2) ? 0xe0 : 0xe8);
    }
    b(0x9c); /* the flag in the stack */
}

static void
emit_arpl_bound(void)
{
    u32 size, p;

    if (one_in(2)) {
        set_ax(rng());
        b(0x63);
        b(0xc1 + 8 * below(4));
        b(0x9c);
    } else {
        p = maybe66(4);
        size = (width == 2) != p ? 2 : 4;
        store(DATA, value(), size);
        store(DATA + size, value(), size);
        b(0x62);
        memory(below(8), DATA);
    }
}

static void
emit_store_table(void)
{
    u32 off, i;

    maybe66(4);
    if (width == 8 && one_in(4)) {
        b(0x48);
    }
    b(0x0f);
    i = below(5);
    b(i < 2 ? 0 : 1);
    if (i < 2) {
        off = i;
    } else {
        off = i == 2 ? 4 : i - 3;
    }
    if (i < 3 && one_in(2)) {
        b(0xc0 | off << 3 | below(4));
    } else {
        memory(off, DATA + below(16));
    }
}

static void
emit_lldt_ltr(void)
{
    set_ax(one_in(2) ? (one_in(2) ? LDTR : TR_B) + (one_in(8) ? below(16) : 0) : selector());
    b(0x0f);
    b(0);
    b(one_in(2) ? 0xd0 : 0xd8);
    if (one_in(2)) {
        b(0x0f);
        b(0);
        b(0xc0 + 8 * below(2));
    }
}

static void
emit_load_table(void)
{
    u32 i;

    switch (below(5)) {
    case 0:
    case 1:
        store(DATA, one_in(2) ? 0x1ff : below(0x400), 2);
        i = one_in(2);
        store(DATA + 2, ARENA + (i ? IDT : GDT) + (one_in(8) ? value() : 0), 4);
        store(DATA + 6, one_in(8) ? value() : 0, 4);
        maybe66(6);
        b(0x0f);
        b(1);
        memory(2 + i, DATA);
        break;
    case 2:
        set_ax(value());
        b(0x0f);
        b(1);
        b(0xf0);
        break;
    case 3:
        b(0x0f);
        b(6);
        break;
    case 4:
        b(0x0f);
        b(1);
        memory(7, DATA);
        break;
    }
}

static void
emit_cr(void)
{
    u32 i;

    b(0x0f);
    i = below(8) ? 2 * below(3) : below(8);
    if (one_in(2)) {
        b(0x20);
        b(0xc0 | i << 3 | below(4));
    } else {
        code -= 1;
        code_bytes--;
        if (i == 0) {
            b(0x0f);
            b(0x20);
            b(0xc0);
            b(0x35);
            imm(1u << below(32), 0);
        } else if (i == 4) {
            b(0x0f);
            b(0x20);
            b(0xe0);
            b(0x35);
            imm(1u << below(24), 0);
        } else {
            b(0xb8);
            imm(i == 3 ? c_cr3 | (one_in(2) ? 0 : below(0x1000)) : value(), 0);
        }
        b(0x0f);
        b(0x22);
        b(0xc0 | i << 3);
    }
}

static void
emit_dr(void)
{
    if (width == 8 && one_in(3)) {
        b(0x48);
        b(0xb8);
        d(value());
        d(one_in(2) ? 0 : rng());
    } else {
        set_ax(rng());
    }
    b(0x0f);
    b(0x21 + 2 * below(2));
    b(0xc0 | below(8) << 3);
}

static void
emit_msr(void)
{
    b(0xb9);
    if (width == 2) {
        code--;
        code_bytes--;
        b(0x66);
        b(0xb9);
    }
    d(msrs[below(sizeof(msrs) / 4)]);
    if (one_in(2)) {
        b(0x66 * (width == 2) + 0x90 * (width != 2));
        b(0xb8);
        d(one_in(2) ? 1u << below(32) : one_in(2) ? 0x06060606 : rng());
        b(0x66 * (width == 2) + 0x90 * (width != 2));
        b(0xba);
        d(one_in(2) ? 0 : rng());
        b(0x0f);
        b(0x30);
    }
    b(0x0f);
    b(0x32);
}

static void
emit_io(void)
{
    u32 off;

    off = 0x2e0 + below(16);
    b(0xba);
    imm(one_in(8) ? 0xfff0 + below(16) : off, 0);
    maybe66(4);
    switch (below(6)) {
    case 0:
        b(0xec + below(2));
        break;
    case 1:
        b(0xee + below(2));
        break;
    case 2:
        b(0xe4 + below(2));
        b(0x30 + below(16));
        break;
    case 3:
        b(0xe6 + below(2));
        b(0x30 + below(16));
        break;
    case 4:
        b(0x6c + below(2));
        break;
    case 5:
        b(0x6e + below(2));
        break;
    }
}

static void
emit_flags(void)
{
    maybe66(3);
    switch (below(5)) {
    case 0:
        b(0x9c);
        break;
    case 1:
    case 2:
        on_stack(0, 4, random_flags() | (one_in(2) ? rng() & 0x180200 : 0));
        b(0x9d);
        b(0x90);
        b(0x9c);
        break;
    case 3:
        b(0xfa);
        b(0x9c);
        break;
    case 4:
        b(0xfb);
        b(0x9c);
        break;
    }
}

static void
emit_accesses(void)
{
    emit_access();
    if (one_in(2)) {
        emit_access();
    }
}

static void
emit_fast(void)
{
    u32 i;

    if (width == 8 && one_in(2)) {
        b(0x48);
    }
    b(0x0f);
    i = below(4);
    b(i == 0 ? 0x34 : i == 1 ? 0x35 : i == 2 ? 0x05 : 0x07);
}

static void
emit_near(void)
{
    u32 p;

    p = maybe66(4);
    switch (below(8)) {
    case 0:
        b(0xe8);
        imm(value(), p && width != 8);
        break;
    case 1:
        b(0xe9);
        imm(value(), p && width != 8);
        break;
    case 2:
        on_stack(0, 4, value());
        on_stack(1, 4, one_in(2) ? 0 : value());
        b(0xc3);
        break;
    case 3:
        on_stack(0, 4, code_ip + 0x80);
        on_stack(1, 4, 0);
        b(0xc2);
        w(rng());
        break;
    case 4:
    case 5:
        store(DATA, one_in(2) ? value() : ARENA + CODE + below(256), 4);
        store(DATA + 4, one_in(2) ? 0 : value(), 4);
        b(0xff);
        memory(one_in(2) ? 2 : 4, DATA);
        break;
    case 6:
        b(0xc8);
        w(below(3) ? below(64) : rng());
        b(one_in(2) ? 0 : below(34));
        break;
    case 7:
        b(one_in(2) ? 0x60 : 0x61);
        break;
    }
}

static void
emit_string(void)
{
    u32 i;

    segment_prefix();
    if (one_in(2)) {
        b(one_in(4) ? 0xf2 : 0xf3);
    }
    maybe66(4);
    i = below(10);
    b(i < 4 ? 0xa4 + i : 0xaa + i - 4);
}

static void
emit_xsave(void)
{
    u32 n;

    switch (below(8)) {
    case 0:
        b(0x0f);
        b(1);
        b(one_in(2) ? 0xd0 : 0xd1);
        break;
    case 1:
        b(0x0f);
        b(0xae);
        memory(one_in(2) ? 0 : 1, DATA + (one_in(8) ? below(16) : 0));
        break;
    case 2:
        b(0x0f);
        b(0xae);
        memory(one_in(2) ? 2 : 3, DATA);
        break;
    default:
        for (n = 0; n < 64; n += 4) {
            store(DATA + 512 + n, n < 4 ? below(8) : n == 12 && one_in(2) ? 0x80000000 : one_in(12) ? rng() : 0, 4);
        }
        store(DATA + 24, one_in(8) ? rng() : 0x1f80, 4);
        b(0x0f);
        b(one_in(3) ? 0xc7 : 0xae);
        memory(code[-1] == 0xae ? 4 + below(3) : 3 + below(3), DATA + (one_in(8) ? below(64) : 0));
    }
}

static void
emit_task(void)
{
    u32 sel, off, i;

    sel = one_in(2) ? TR_B : TR_16;
    if (one_in(3)) {
        off = GATES;
        PUT64(GDT + GATES, gate(sel + (one_in(8) ? 4 : 0), 0, 5, one_in(2) ? 3 : below(4), 0));
        sel = off;
    }
    i = below(4);
    if (i == 3) {
        PUT64(IDT + 8 * 0x20, gate(sel == GATES ? TR_B : sel, 0, 5, 3, 0));
        PUT64(IDT + 8 * 13, gate(sel == GATES ? TR_B : sel, 0, 5, 0, 0));
        if (one_in(2)) {
            b(0xcd);
            b(0x20);
        } else {
            b(0x8e);
            b(0xd0);
            b(0x0f);
            b(0x22);
            b(0xc0);
        }
    } else if (i == 2) {
        /* The nested flag, then back: from the flags of the case. */
        if (one_in(2)) {
            PUT64(GDT + TR_B, *(u64 *)(arena + GDT + TR_B) | 2ull << 40);
            PUT64(GDT + TR_16, *(u64 *)(arena + GDT + TR_16) | 2ull << 40);
        }
        b(0xcf);
    } else {
        b(i ? 0xea : 0x9a);
        imm(value(), 0);
        w(sel + (one_in(4) ? below(4) : 0));
    }
}

static void
emit_misc(void)
{
    switch (below(12)) {
    case 0:
        b(0x0f);
        b(1);
        b(0xc8 + below(4)); /* monitor, mwait, clac, stac */
        break;
    case 1:
        b(0x0f);
        b(1);
        b(0xee + below(2));
        break;
    case 2:
        b(0x0f);
        b(0x33);
        break;
    case 3:
        b(0x0f);
        b(1);
        b(0xf8);
        break;
    case 4:
        b(0xf3);
        if (width == 8 && one_in(2)) {
            b(0x48);
        }
        b(0x0f);
        b(0xae);
        b(0xc0 + 8 * below(4) + below(4));
        break;
    case 5:
        store(DATA, one_in(2) ? below(0x1000) : rng(), 4);
        store(DATA + 4, one_in(4) ? rng() : 0, 4);
        store(DATA + 8, value(), 4);
        store(DATA + 12, one_in(2) ? 0 : rng(), 4);
        b(0x66);
        b(0x0f);
        b(0x38);
        b(0x82);
        memory(1 + below(3), DATA);
        break;
    case 6:
        b(0x0f);
        b(0xae);
        absolute(7, edge());
        break;
    case 7:
        b(0x0f);
        b(8 + below(2));
        break;
    case 8:
        b(0x0f);
        b(0xaa);
        break;
    case 9:
        b(0x0f);
        b(one_in(2) ? 0x18 : 0x0d);
        absolute(below(8), edge());
        break;
    case 10:
        b(one_in(2) ? 0xd7 : 0x9b);
        break;
    case 11:
        b(0xd4 + below(2));
        b(one_in(2) ? 0 : 10);
        break;
    }
}

static void
emit_step(void)
{
    /* Something under single step or a breakpoint. */
    kind = below(K_STEP);
    kinds[kind].emit();
    kind = K_STEP;
}

static void
emit_sse(void)
{
    segment_prefix();
    switch (below(6)) {
    case 0:
        b(0x0f);
        b(0x28 + below(2));
        break;
    case 1:
        b(0x66);
        b(0x0f);
        b(one_in(2) ? 0x6f : 0x7f);
        break;
    case 2:
        b(0xf3);
        b(0x0f);
        b(one_in(2) ? 0x6f : 0x7f);
        break;
    case 3:
        b(0x66);
        b(0x0f);
        b(0xfe);
        break;
    case 4:
        b(0x0f);
        b(0x2b);
        break;
    case 5:
        b(0xf3);
        b(0x0f);
        b(0x10 + below(2));
        break;
    }
    absolute(below(8), edge());
}

static void
emit_lock(void)
{
    b(0xf0);
    maybe66(4);
    if (one_in(3)) {
        static const u8 two[] = {0xb0, 0xb1, 0xc0, 0xc1, 0xa3, 0xab, 0xb3, 0xbb, 0xba, 0xc7, 0xaf, 0xbc};

        b(0x0f);
        b(two[below(sizeof(two))]);
    } else {
        static const u8 one[] = {0x00, 0x01, 0x02, 0x08, 0x11, 0x19, 0x21, 0x29, 0x31, 0x38, 0x39, 0x80, 0x81, 0x83, 0x84, 0x86, 0x87,
                                 0xf6, 0xf7, 0xfe, 0xff, 0x88, 0x8b, 0xa4, 0x90, 0x40, 0xc6, 0xd0};

        b(one[below(sizeof(one))]);
    }
    if (one_in(3)) {
        b(0xc0 | below(64));
    } else {
        memory(below(8), DATA + below(16));
    }
    d(below(64));
}

static void
emit_stack(void)
{
    u32 i, n;

    n = 1 + below(3);
    for (i = 0; i < n; i++) {
        static const u8 ops[] = {0x50, 0x58, 0x9c, 0x60, 0x61, 0xc9, 0x06, 0x1e, 0x0e, 0x6a};
        u8 op = ops[below(sizeof(ops))];

        maybe66(4);
        b(op);
        if (op == 0x6a) {
            b(rng());
        }
    }
}

/* One row a kind: its name in lines, and what its instructions are. */
const struct kind kinds[N_KINDS] = {
    [K_MOV_SEG] = {"mov-seg", emit_mov_seg},
    [K_POP_SEG] = {"pop-seg", emit_pop_seg},
    [K_LFAR] = {"lfar", emit_lfar},
    [K_FAR_DIRECT] = {"far-direct", emit_far_direct},
    [K_FAR_MEM] = {"far-mem", emit_far_mem},
    [K_RETF] = {"retf", emit_far_return},
    [K_IRET] = {"iret", emit_far_return},
    [K_INT] = {"int", emit_int},
    [K_LAR] = {"lar", emit_lar},
    [K_ARPL_BOUND] = {"arpl-bound", emit_arpl_bound},
    [K_STORE_TABLE] = {"store-table", emit_store_table},
    [K_LLDT_LTR] = {"lldt-ltr", emit_lldt_ltr},
    [K_LOAD_TABLE] = {"load-table", emit_load_table},
    [K_CR] = {"cr", emit_cr},
    [K_DR] = {"dr", emit_dr},
    [K_MSR] = {"msr", emit_msr},
    [K_IO] = {"io", emit_io},
    [K_FLAGS] = {"flags", emit_flags},
    [K_ACCESS] = {"access", emit_accesses},
    [K_FAST] = {"fast", emit_fast},
    [K_NEAR] = {"near", emit_near},
    [K_RANDOM] = {"random", random_bytes},
    [K_STRING] = {"string", emit_string},
    [K_XSAVE] = {"xsave", emit_xsave},
    [K_TASK] = {"task", emit_task},
    [K_MISC] = {"misc", emit_misc},
    [K_STEP] = {"step", emit_step},
    [K_SSE] = {"sse", emit_sse},
    [K_LOCK] = {"lock", emit_lock},
    [K_STACK] = {"stack", emit_stack},
};
