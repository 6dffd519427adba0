/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Descriptor tables, task states and page tables: mostly in order, with one thing or other that is not right. */

#include "system.h"

extern u8 stubs32[], stubs64[];

static u64
descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 | (u64)(limit >> 16 & 15) << 48 |
           (u64)flags << 52 | (u64)(base >> 24) << 56;
}

u64
gate(u32 selector, u32 offset, u32 type, u32 dpl, u32 params_or_ist)
{
    return (offset & 0xffff) | (u64)selector << 16 | (u64)params_or_ist << 32 | (u64)(0x80 | dpl << 5 | type) << 40 |
           (u64)(offset >> 16) << 48;
}

static u32
stub32(u32 v)
{
    return (u32)stubs32 + 16 * v;
}

static u32
stub64(u32 v)
{
    return (u32)stubs64 + 16 * v;
}

/* A selector that is likely to mean something. */
u32
selector(void)
{
    static const u16 good[] = {C32_0, D32_0, C64_0, C32_3, HANDLERS, D32_3, C64_3, TR_A, LDTR, TR_B, TR_16, C16_0, D16_0, C32_1,
                              D32_1, C32_2, D32_2, C16_3, D16_3, CONF, GATES};
    u32 s;

    switch (below(8)) {
    case 0:
        return below(4);
    case 1:
        return rng() & 0xffff;
    case 2:
        s = below(0x100) | 4;
        break;
    case 3:
    case 4:
        s = good[below(sizeof(good) / 2)];
        break;
    case 5:
        s = GATES + 8 * below(16);
        break;
    default:
        s = RANDOM_FIRST + 8 * below(24);
    }
    return (s & ~3u) | (one_in(2) ? cpl : below(4));
}

static u64
random_descriptor(void)
{
    static const u32 limits[] = {0, 1, 7, 0x66, 0x67, 0x68, 0xfff, 0xffff, 0xfffff, 0x2b, 0x209, 0x20b};
    u32 access = rng() & 0xff, flags = rng() & 15, base = one_in(2) ? 0 : ARENA + (one_in(2) ? 0 : below(0x10000));
    u32 limit = one_in(8) ? below(0x100000) : limits[below(sizeof(limits) / 4)];

    if (!one_in(6)) {
        access |= 0x80;
    }
    if (one_in(2)) {
        flags = paging == PG_LONG && one_in(2) ? 0xa : 0xc;
    }
    if (!(access & 0x10) && one_in(2)) {
        u32 types[] = {1, 2, 3, 9, 11};

        access = (access & 0xe0) | types[below(5)];
        base = ARENA + (one_in(2) ? TSSB : TSS16);
        limit = one_in(3) ? limit : 0x67;
        flags &= 7;
    }
    return descriptor(base, limit, access, flags);
}

/* A target that some gate or far pointer may lead to. */
u32
target(void)
{
    switch (below(8)) {
    case 0:
        return value();
    case 1:
        return ARENA + CODE + below(0x100);
    case 2:
        return (CODE + below(0x100)) & 0xffff;
    }
    return paging == PG_LONG && !one_in(4) ? stub64(64 + below(4)) : stub32(64 + below(4));
}

static u64
random_gate(void)
{
    static const u8 types[] = {4, 5, 6, 7, 12, 14, 15, 12, 4, 12, 14};
    u32 sel = one_in(3) ? selector() : paging == PG_LONG ? C64_0 : C32_0, off = target();
    u64 g = gate(sel, off, types[below(sizeof(types))], one_in(2) ? 3 : below(4), one_in(2) ? 0 : below(32));

    if (one_in(8)) {
        g &= ~(1ull << 47);
    }
    return g;
}

void
make_tables(void)
{
    static const u64 fixed[] = {
        0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff, 0x00cffb000000ffff, 0, 0x00cff3000000ffff,
        0x00affb000000ffff, 0, 0, 0, 0, 0, 0, 0, 0x00009b200000ffff, 0x000093200000ffff, 0x00cfbb000000ffff,
        0x00cfb3000000ffff, 0x00cfdb000000ffff, 0x00cfd3000000ffff, 0x0000fb200000ffff, 0x0000f3200000ffff, 0x00cf9f000000ffff};
    int lng = paging == PG_LONG;

    for (u32 i = 0; i < sizeof(fixed) / 8; i++) {
        PUT64(GDT + 8 * i, fixed[i]);
    }
    PUT64(GDT + HANDLERS, descriptor((u32)stubs32, 0xfffff, 0x9b, 0xc));
    PUT64(GDT + TR_A, descriptor(ARENA + TSS, one_in(4) ? below(0x200) : 0x1ff, 0x89, 0));
    PUT64(GDT + TR_A + 8, 0);
    PUT64(GDT + LDTR, descriptor(ARENA + LDT, one_in(4) ? below(0x200) : 0xff, 0x82, 0));
    PUT64(GDT + LDTR + 8, 0);
    PUT64(GDT + TR_B, descriptor(ARENA + TSSB, 0x67, 0x89 | (one_in(2) ? 0x60 : 0), 0));
    PUT64(GDT + TR_B + 8, 0);
    PUT64(GDT + TR_16, lng ? 0 : descriptor(ARENA + TSS16, 0x2b, 0x81 | (one_in(2) ? 0x60 : 0), 0));
    for (u32 i = RANDOM_FIRST; i < GATES; i += 8) {
        PUT64(GDT + i, random_descriptor());
    }
    for (u32 i = GATES; i < GDT_END; i += 8) {
        PUT64(GDT + i, random_gate());
        if (lng) {
            i += 8;
            PUT64(GDT + i, one_in(8) ? rng() & 0x1f0000ffff : 0);
        }
    }
    for (u32 i = 0; i < 32; i++) {
        PUT64(LDT + 8 * i, one_in(4) ? random_gate() : random_descriptor());
    }
    for (u32 i = 0; i < 64; i++) {
        u32 dpl = i == 3 || i == 4 || i >= 32 ? 3 : 0;

        if (lng) {
            PUT64(IDT + 16 * i, gate(C64_0, stub64(i), 14, dpl, 0));
            PUT64(IDT + 16 * i + 8, 0);
        } else {
            PUT64(IDT + 8 * i, gate(C32_0, stub32(i), 14, dpl, 0));
            PUT64(IDT + 512 + 8 * i, 0);
        }
    }
    if (one_in(3)) {
        static const u8 vectors[] = {0, 1, 3, 4, 6, 8, 10, 11, 12, 13, 13, 13, 14, 14, 17, 0x20, 0x21, 0x22, 0x23};

        for (u32 n = 1 + below(3); n; n--) {
            u32 v = vectors[below(sizeof(vectors))];
            u64 g = random_gate();

            if (one_in(2)) { /* one that can be taken, through the handlers' own segment: also with 16 bits */
                static const u8 types[] = {6, 7, 14, 15};

                g = lng ? gate(C64_0, stub64(v), 14 + below(2), below(4), below(8))
                        : gate(HANDLERS, 16 * v, types[below(4)], below(4), 0);
            }
            PUT64(IDT + (lng ? 16 : 8) * v, g);
            if (lng && one_in(8)) {
                PUT32(IDT + 16 * v + 8, value());
            }
        }
    }
}

void
make_tss(void)
{
    int lng = paging == PG_LONG;
    static const u32 stacks[] = {ARENA + STACK0 + 0xff0, ARENA + STACKX + 0x5f0, ARENA + STACKX + 0xaf0};

    for (u32 i = 0; i < 0x200; i += 4) {
        PUT32(TSS + i, 0);
        PUT32(TSSB + i, 0);
        PUT32(TSS16 + i, 0);
    }
    if (lng) {
        for (u32 i = 0; i < 3; i++) {
            PUT64(TSS + 4 + 8 * i, one_in(16) ? (u64)value() << 32 | value() : stacks[i]);
        }
        for (u32 i = 0; i < 7; i++) {
            PUT64(TSS + 0x24 + 8 * i, one_in(16) ? (u64)value() << 32 | value() : ARENA + STACKX + 0x700 + (u32)(0x10 * i) + (one_in(8) ? below(16) : 0));
        }
    } else {
        static const u8 data[] = {D32_0, D32_1, D32_2};

        for (u32 i = 0; i < 3; i++) {
            PUT32(TSS + 4 + 8 * i, one_in(16) ? value() : stacks[i]);
            PUT32(TSS + 8 + 8 * i, one_in(16) ? selector() : data[i] + i);
        }
    }
    PUT16(TSS + 0x66, one_in(8) ? below(0x220) : 0x88);
    for (u32 i = 0x68; i < 0x200; i += 4) {
        PUT32(TSS + i, one_in(2) ? 0 : one_in(2) ? 0xffffffff : rng());
    }
    /* The other tasks: a landing place, with one thing or other that is not right. */
    PUT32(TSSB + 4, stacks[0]);
    PUT32(TSSB + 8, D32_0);
    PUT32(TSSB + 0x1c, c_cr3);
    PUT32(TSSB + 0x20, stub32(66));
    PUT32(TSSB + 0x24, one_in(8) ? (rng() & 0x3f7fd7) | 2 : 2);
    for (u32 i = 0; i < 8; i++) {
        PUT32(TSSB + 0x28 + 4 * i, rng());
        PUT16(TSS16 + 0x12 + 2 * i, rng());
    }
    PUT32(TSSB + 0x38, stacks[1]);
    PUT32(TSSB + 0x48, D32_0);
    PUT32(TSSB + 0x4c, C32_0);
    PUT32(TSSB + 0x50, D32_0);
    PUT32(TSSB + 0x54, one_in(2) ? D32_0 : D32_3);
    PUT32(TSSB + 0x58, one_in(2) ? 0 : D32_3 + 3);
    PUT32(TSSB + 0x5c, one_in(2) ? 0 : D16_0);
    PUT32(TSSB + 0x60, one_in(2) ? 0 : LDTR);
    PUT32(TSSB + 0x64, one_in(8) ? 1 : 0);
    PUT16(TSS16 + 2, 0x8ff0);
    PUT16(TSS16 + 4, D16_0);
    PUT16(TSS16 + 0x0e, 16 * 67);
    PUT16(TSS16 + 0x10, one_in(8) ? rng() : 2);
    PUT16(TSS16 + 0x1a, 0xa7f0);
    PUT16(TSS16 + 0x22, D32_0);
    PUT16(TSS16 + 0x24, HANDLERS);
    PUT16(TSS16 + 0x26, D16_0);
    PUT16(TSS16 + 0x28, one_in(2) ? D32_0 : D32_3);
    PUT16(TSS16 + 0x2a, one_in(2) ? 0 : LDTR);
    if (one_in(2)) {
        switch (below(4)) {
        case 0:
            PUT16(TSSB + 0x48 + 4 * below(7), selector());
            break;
        case 1:
            PUT16(TSS16 + 0x22 + 2 * below(5), selector());
            break;
        case 2:
            PUT32(TSSB + 0x20 + 4 * below(14), value());
            break;
        case 3:
            PUT32(TSSB + 0x24, 0x20002 | (rng() & 0x37fd7));
            break;
        }
    }
    PUT16(TSS, one_in(2) ? TR_B : one_in(2) ? TR_16 : selector());
}

/* Page tables: identity for 4 MiB. */

static void
map(u32 page, u64 bits)
{
    u32 at = TABLES + (paging == PG_32 ? 0x1000 + 4 * page : 0x2000 + 8 * page);

    if (paging == PG_32) {
        PUT32(at, (page << 12) | bits);
    } else {
        PUT64(at, ((u64)page << 12) | bits);
    }
}

static u64
wide(void)
{
    return (u64)rng() << 32 | rng();
}

void
make_pages(void)
{
    u32 user = cpl == 3 || one_in(8) ? 7 : 3;

    if (paging == PG_NONE) {
        return;
    }
    memset(arena + TABLES, 0, 0x6000);
    for (u32 i = 0; i < 1024; i++) {
        map(i, 0x63);
    }
    if (paging == PG_32) {
        PUT32(TABLES, ARENA + TABLES + 0x1000 + 0x67);
    } else {
        u32 pd = TABLES + 0x1000;

        PUT64(pd, ARENA + TABLES + 0x2000 + 0x67);
        PUT64(pd + 8, ARENA + TABLES + 0x3000 + 0x67);
        if (paging == PG_PAE) {
            PUT64(TABLES, ARENA + pd + 1);
        } else {
            PUT64(TABLES, ARENA + TABLES + 0x5000 + 0x67);
            PUT64(TABLES + 0x5000, ARENA + pd + 0x67);
        }
    }
    /* The pages of a case, accessed or not. */
    for (u32 i = 0x20; i < 0x23; i++) {
        map(i, user | (one_in(4) ? 0 : 0x60));
    }
    map(0x200, 3 | (one_in(4) ? 0 : 0x60));
    map(0x208, 3 | (one_in(4) ? 0 : 0x60));
    for (u32 i = 0x209; i < 0x210; i++) {
        map(i, user | (one_in(4) ? 0 : 0x60));
    }
    if (one_in(2)) {
        for (u32 n = 1 + below(2); n; n--) {
            u32 page = one_in(6) ? 0x200 + below(16) : 0x208 + below(8);
            u64 bits = rng() & 0xfff;

            if (!one_in(3)) {
                bits |= 1;
            }
            if (page >= 0x201 && page < 0x208) {
                page = 0x20d;
            }
            if (paging != PG_32 && one_in(4)) {
                bits |= 1ull << (below(4) ? 63 : 45 + below(18));
            }
            map(page, bits);
        }
    }
    if (paging != PG_32 && one_in(16)) {
        u32 pd = TABLES + 0x1000;

        PUT64(pd + 16, (u64)rng() << 12 | 0xe3 | (one_in(2) ? wide() & 0x800ff00000000000ull : 0)); /* 2 MiB at 4 MiB */
    }
}
