/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Random situations of the system side of an x86 CPU, as a firmware image: descriptor tables, page tables, task states, control
 * and debug registers, then an instruction that means something to them, at any privilege level of protected, VM86, 64-bit and
 * compatibility mode. What came of it goes to port 0xe9, one line per case: the vector that ended it, registers, and each word of
 * memory that changed. A case depends on its number and the seed alone, so that two CPUs can be compared line by line.
 */

#include <stdarg.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

extern u32 params[6]; /* [0], [1]: a mark; seed, first, count, kinds */
extern u8 stubs32[], stubs64[];
void enter_case(void);
void main(void);

/* A case, as system-cases.S reads it. */
u32 c_dr[5], c_cr0, c_cr3, c_cr4, c_efer, c_long, c_ring0;
u16 c_ldt, c_tr;
u32 c_ds, c_es, c_fs, c_gs, c_pending;
u32 c_frame[8 + 4 + 9], c_ss0[2];
u64 c_frame64[15 + 5];
struct {
    u16 limit;
    u64 base;
} __attribute__((packed)) c_gdtr, c_idtr;

/* What was seen. */
u64 r_regs[16], r_cr2, r_bases[3];
u32 r_pending, r_vec, r_flags, r_ds, r_cr0, r_cr3, r_cr4, r_dr6, r_dr7;
u16 r_es, r_fs, r_gs, r_ss, r_tr, r_ldt;

enum { APIC = 0xfee00000, PENDING = 0x30 };
enum { ARENA = 0x200000, ARENA_SIZE = 0x10000, LOW = 0x20000, LOW_SIZE = 0x3000 };
enum { GDT = 0, LDT = 0x200, IDT = 0x400, TSS = 0x800, TSSB = 0xa00, TSS16 = 0xc00, TABLES = 0x1000,
       STACK0 = 0x8000, STACK3 = 0x9000, STACKX = 0xa000, DATA = 0xb000, CODE = 0xc000, DATA2 = 0xd000 };
enum { MODE_32, MODE_16, MODE_VM, MODE_64, MODE_C32, MODE_C16, N_MODES };
enum { PG_NONE, PG_32, PG_PAE, PG_LONG };

static const char *const mode_names[] = {"pm32", "pm16", "vm86", "lm64", "lm32", "lm16"};

static u8 *const arena = (u8 *)ARENA, *const low = (u8 *)LOW;
static u8 shadow[ARENA_SIZE], low_shadow[LOW_SIZE];
static u32 mode, cpl, paging, code_bytes, kind, width;
static u8 *code, *code_start;
static u32 code_ip;

/* What a reset leaves, twice: a case may write anywhere. */
static struct {
    u32 magic, inside, n, not_n;
} *const kept = (void *)0x7000;

/* Output. */

static char line[8192];
static u32 line_length;

static void
put(char c)
{
    if (line_length < sizeof(line)) {
        line[line_length++] = c;
    }
}

static void
hex(u64 v)
{
    int i = 60;

    while (i > 0 && !(v >> i & 15)) {
        i -= 4;
    }
    for (; i >= 0; i -= 4) {
        put("0123456789abcdef"[v >> i & 15]);
    }
}

static void
say(const char *s)
{
    while (*s) {
        put(*s++);
    }
}

static void
field(const char *name, u64 v)
{
    put(' ');
    say(name);
    put('=');
    hex(v);
}

static void
flush(void)
{
    const char *p = line;
    u32 n = line_length;

    put('\n');
    n = line_length;
    __asm__ volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(0xe9) : "memory");
    line_length = 0;
}

/* Random numbers. */

static u64 rng_state;

static u32
rng(void)
{
    u64 z = (rng_state += 0x9e3779b97f4a7c15ull);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (u32)(z >> 32);
}

static u32
below(u32 n)
{
    return (u32)((u64)rng() * n >> 32);
}

static int
one_in(u32 n)
{
    return below(n) == 0;
}

static u32
value(void)
{
    static const u32 some[] = {0, 1, 2, 3, 0xffffffff, 0x7fffffff, 0x80000000, 0xffff, 0x10000, 0x8000, 0x1000, 0xfff, 0xff0, 0x400};

    switch (below(4)) {
    case 0:
        return some[below(sizeof(some) / 4)];
    case 1:
        return ARENA + DATA + below(0x1000);
    case 2:
        return below(64);
    }
    return rng();
}

/* Memory without the optimiser's ideas. */

void *
memcpy(void *to, const void *from, __SIZE_TYPE__ n)
{
    void *t = to;

    __asm__ volatile("rep movsb" : "+D"(t), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *
memset(void *to, int v, __SIZE_TYPE__ n)
{
    void *t = to;

    __asm__ volatile("rep stosb" : "+D"(t), "+c"(n) : "a"(v) : "memory");
    return to;
}

static void
copy_words(void *to, const void *from, u32 bytes)
{
    u32 n = bytes / 4;

    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void
fill_words(void *to, u32 v, u32 bytes)
{
    u32 n = bytes / 4;

    __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(v) : "memory");
}

#define PUT16(at, v) (*(volatile u16 *)(arena + (at)) = (u16)(v))
#define PUT32(at, v) (*(volatile u32 *)(arena + (at)) = (u32)(v))
#define PUT64(at, v) (*(volatile u64 *)(arena + (at)) = (u64)(v))

/* Descriptors. */

static u64
descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 | (u64)(limit >> 16 & 15) << 48 |
           (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static u64
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

enum {
    C32_0 = 0x08, D32_0 = 0x10, C64_0 = 0x18, C32_3 = 0x20, HANDLERS = 0x28, D32_3 = 0x30, C64_3 = 0x38, TR_A = 0x40, LDTR = 0x50,
    TR_B = 0x60, TR_16 = 0x70, C16_0 = 0x78, D16_0 = 0x80, C32_1 = 0x88, D32_1 = 0x90, C32_2 = 0x98, D32_2 = 0xa0, C16_3 = 0xa8,
    D16_3 = 0xb0, CONF = 0xb8, RANDOM_FIRST = 0xc0, GATES = 0x180, GDT_END = 0x200
};

/* A selector that is likely to mean something. */
static u32
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
static u32
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

static void
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

static void
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

static void
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

/* Code. */

static void
b(u32 v)
{
    *code++ = (u8)v;
    code_bytes++;
}

static void
w(u32 v)
{
    b(v);
    b(v >> 8);
}

static void
d(u32 v)
{
    w(v);
    w(v >> 16);
}

/* An immediate of the operand size. */
static void
imm(u32 v, int prefixed)
{
    if ((width == 2) != prefixed) {
        w(v);
    } else {
        d(v);
    }
}

static void
set_ax(u32 v)
{
    b(0xb8);
    imm(v, 0);
}

static int
maybe66(u32 n)
{
    int p = one_in(n);

    if (p) {
        b(0x66);
    }
    return p;
}

/* ModRM of memory in the arena: @at is an offset there, or in the low pages in VM86. */
static void
memory(u32 reg, u32 at)
{
    reg = (reg & 7) << 3;
    if (width == 2) {
        b(reg | 6);
        w(mode == MODE_VM ? at & 0xfff : at);
    } else if (width == 4) {
        b(reg | 5);
        d(ARENA + at);
    } else {
        b(reg | 4);
        b(0x25);
        d(ARENA + at);
    }
}

/* The bytes behind memory(): DS in VM86 is the third low page. */
static u8 *
bytes(u32 at)
{
    return mode == MODE_VM ? low + 0x2000 + (at & 0xfff) : arena + at;
}

static void
store(u32 at, u64 v, u32 size)
{
    u8 *p = bytes(at);

    for (u32 i = 0; i < size; i++) {
        p[i] = (u8)(v >> (8 * i));
    }
}

static u32 stack_top; /* offset of the stack in the arena or the low pages */

static void
on_stack(u32 slot, u32 size, u64 v)
{
    u8 *p = (mode == MODE_VM ? low + 0x1000 : arena) + stack_top + slot * size;

    for (u32 i = 0; i < size; i++) {
        p[i] = (u8)(v >> (8 * i));
    }
}

/* Where one can come back to: CS and IP of the case itself or of a landing place. */
static void
far_target(u32 *sel, u32 *off)
{
    static const u8 own[] = {C32_0, C16_0, 0, C64_0, C32_0, C16_0}, outer[] = {C32_3, C16_3, 0, C64_3, C32_3, C16_3};

    *sel = selector();
    *off = target();
    if (mode == MODE_VM) {
        *sel = one_in(2) ? 0x2000 : 0x1000 + below(0xf00);
        *off = one_in(2) ? below(0x1000) : value();
    } else if (one_in(2)) {
        *sel = (one_in(2) && cpl == 0 ? own[mode] : outer[mode]) | (cpl ? cpl : below(4));
        *off = code_ip + (one_in(2) ? 0x80 : below(0x100));
    }
}

static void
outer_stack(u32 *sel, u32 *sp)
{
    static const u8 segs[] = {D32_0, D32_1, D32_2, D32_3};

    *sel = selector();
    *sp = one_in(4) ? value() : ARENA + STACK3 + 0x800;
    if (one_in(2)) {
        u32 r = below(4);

        *sel = segs[r] | r;
    }
    if (one_in(6)) {
        *sel = D16_3 | 3;
    }
}

static u32
random_flags(void)
{
    return one_in(2) ? 2 : one_in(2) ? (rng() & 0x3f7fd7) | 2 : (rng() & 0x3cd7) | 2;
}

static void
far_memory(u32 at)
{
    u32 sel, off, size = width == 2 ? 2 : 4;

    far_target(&sel, &off);
    if (*(code - 1) == 0x66) {
        size = 6 - size;
    }
    store(at, off, size);
    store(at + size, sel, 2);
    if (width == 8) {
        store(at + 10, 0, 8);
    }
}

enum {
    K_MOV_SEG, K_POP_SEG, K_LFAR, K_FAR_DIRECT, K_FAR_MEM, K_RETF, K_IRET, K_INT, K_LAR, K_ARPL_BOUND, K_STORE_TABLE, K_LLDT_LTR,
    K_LOAD_TABLE, K_CR, K_DR, K_MSR, K_IO, K_FLAGS, K_ACCESS, K_FAST, K_NEAR, K_RANDOM, K_STRING, K_XSAVE, K_TASK, K_MISC, K_STEP,
    K_SSE, K_LOCK, K_STACK, N_KINDS
};

static const char *const kind_names[] = {
    "mov-seg", "pop-seg", "lfar", "far-direct", "far-mem", "retf", "iret", "int", "lar", "arpl-bound", "store-table", "lldt-ltr",
    "load-table", "cr", "dr", "msr", "io", "flags", "access", "fast", "near", "random", "string", "xsave", "task", "misc", "step",
    "sse", "lock", "stack"};

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

/* An address with an edge to it. */
static u32
edge(void)
{
    static const u32 edges[] = {0, 0xffff, 0xfffe, 0xfffd, 0xfffc, 0xfff9, 0x66, 0x67, 0x68, 0xfff, 0xffe, 0xffd, 0xffffffff, 0xfffffffc, 0xfffffff9};

    switch (below(3)) {
    case 0:
        return edges[below(sizeof(edges) / 4)];
    case 1:
        return ARENA + DATA2 + (one_in(2) ? 0x1000 - below(9) : 0 - below(9) + below(2));
    }
    return ARENA + DATA + below(0x1000);
}

static void
absolute(u32 reg, u32 at)
{
    reg = (reg & 7) << 3;
    if (width == 2) {
        b(reg | 6);
        w(at);
    } else if (width == 4) {
        b(reg | 5);
        d(at);
    } else {
        b(reg | 4);
        b(0x25);
        d(at);
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

/* The instructions of a case. */
static void
emit(void)
{
    static const u8 seg_pop[] = {0x07, 0x17, 0x1f, 0xa1, 0xa9}, seg_numbers[] = {0, 2, 3, 4, 5, 1, 6, 7};
    u32 sel, off, i, n, size, p;

    switch (kind) {
    case K_MOV_SEG:
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
        break;
    case K_POP_SEG:
        b(0x68);
        imm(selector(), 0);
        i = below(5);
        maybe66(4);
        if (i >= 3) {
            b(0x0f);
        }
        b(seg_pop[i]);
        break;
    case K_LFAR:
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
        break;
    case K_FAR_DIRECT:
        far_target(&sel, &off);
        p = maybe66(4);
        b(one_in(2) ? 0xea : 0x9a);
        imm(off, p);
        w(sel);
        break;
    case K_FAR_MEM:
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
        break;
    case K_RETF:
    case K_IRET:
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
        break;
    case K_INT:
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
        break;
    case K_LAR:
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
        break;
    case K_ARPL_BOUND:
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
        break;
    case K_STORE_TABLE:
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
        break;
    case K_LLDT_LTR:
        set_ax(one_in(2) ? (one_in(2) ? LDTR : TR_B) + (one_in(8) ? below(16) : 0) : selector());
        b(0x0f);
        b(0);
        b(one_in(2) ? 0xd0 : 0xd8);
        if (one_in(2)) {
            b(0x0f);
            b(0);
            b(0xc0 + 8 * below(2));
        }
        break;
    case K_LOAD_TABLE:
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
        break;
    case K_CR:
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
        break;
    case K_DR:
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
        break;
    case K_MSR:
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
        break;
    case K_IO:
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
        break;
    case K_FLAGS:
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
        break;
    case K_ACCESS:
        emit_access();
        if (one_in(2)) {
            emit_access();
        }
        break;
    case K_FAST:
        if (width == 8 && one_in(2)) {
            b(0x48);
        }
        b(0x0f);
        i = below(4);
        b(i == 0 ? 0x34 : i == 1 ? 0x35 : i == 2 ? 0x05 : 0x07);
        break;
    case K_NEAR:
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
        break;
    case K_RANDOM:
        random_bytes();
        break;
    case K_STRING:
        segment_prefix();
        if (one_in(2)) {
            b(one_in(4) ? 0xf2 : 0xf3);
        }
        maybe66(4);
        i = below(10);
        b(i < 4 ? 0xa4 + i : 0xaa + i - 4);
        break;
    case K_XSAVE:
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
        break;
    case K_TASK:
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
        break;
    case K_MISC:
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
        break;
    case K_STEP:
        /* Something under single step or a breakpoint. */
        kind = below(K_STEP);
        emit();
        kind = K_STEP;
        break;
    case K_SSE:
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
        break;
    case K_LOCK:
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
        break;
    case K_STACK:
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
        break;
    }
}

/* Registers and the way in. */

static u32 reg_values[16];

static void
make_case(void)
{
    static const u8 code_sel[] = {C32_0, C16_0, 0, C64_0, C32_0, C16_0};
    u32 cs, ss, sp, flags, i;

    if (params[5] << 1) {
        do {
            kind = below(N_KINDS);
        } while (!(params[5] >> kind & 1));
    } else {
        kind = below(N_KINDS);
    }
    mode = below(N_MODES);
    if (kind == K_TASK && mode > MODE_VM) {
        mode = below(3);
    }
    if (kind == K_TASK && mode == MODE_VM && one_in(2)) {
        mode = MODE_32;
    }
    cpl = mode == MODE_VM ? 3 : one_in(2) ? 0 : one_in(2) ? 3 : 1 + below(2);
    if (kind == K_RANDOM) {
        cpl = 3;
    }
    if (mode == MODE_64 && (cpl == 1 || cpl == 2)) {
        cpl = 3;
    }
    if ((mode == MODE_16 || mode == MODE_C16) && (cpl == 1 || cpl == 2)) {
        cpl = 0;
    }
    width = mode == MODE_64 ? 8 : mode == MODE_32 || mode == MODE_C32 ? 4 : 2;
    paging = mode >= MODE_64 ? PG_LONG : below(3);
    c_long = paging == PG_LONG;

    c_cr0 = 0x11 | (paging != PG_NONE ? 0x80000000u : 0);
    c_cr0 |= (one_in(2) ? 0x10000 : 0) | (one_in(3) ? 0x40000 : 0) | 0x20; /* NE: nobody answers FERR# */
    if (one_in(6)) {
        c_cr0 |= 2u << below(3);
    }
    if (one_in(8)) {
        c_cr0 |= 0x40000000;
    }
    c_cr4 = 0;
    for (i = 0; i < 24; i++) {
        static const u8 often[] = {4, 4, 8, 3, 3, 0, 8, 3, 4, 2, 2, 3, 0, 0, 0, 0, 3, 0, 2, 0, 6, 6, 4, 0};

        if (often[i] && one_in(often[i])) {
            c_cr4 |= 1u << i;
        }
    }
    if (paging != PG_NONE && (c_cr4 & 0x300000) && cpl != 3) {
        c_cr4 &= one_in(2) ? ~0x300000u : ~0u;
    }
    c_cr4 = (c_cr4 & ~0x20u) | (paging >= PG_PAE ? 0x20 : 0);
    if (mode < MODE_64) {
        c_cr4 &= ~0x20000u;
    }
    c_efer = (paging == PG_LONG ? 0x100 : 0) | (one_in(2) ? 0x800 : 0) | (one_in(3) ? 0 : 1);
    c_cr3 = ARENA + TABLES;

    /* Nothing is left of the case before. What is executed by mistake is a breakpoint, the vectors of real mode too. */
    fill_words(arena + STACK0, 0, ARENA_SIZE - STACK0);
    fill_words(low, 0, LOW_SIZE);
    fill_words(arena + CODE, 0xcccccccc, 0x1000);
    make_pages();
    make_tables();
    make_tss();

    code_start = code = mode == MODE_VM ? low : arena + CODE;
    code_ip = mode == MODE_VM ? 0 : width == 2 ? CODE : ARENA + CODE;
    code_bytes = 0;
    if (mode == MODE_VM) {
        fill_words(low, 0xcccccccc, 0x1000);
    }
    if (mode == MODE_VM) {
        cs = 0x2000;
        ss = 0x2100;
        stack_top = 0x800;
        sp = stack_top;
    } else {
        static const u8 ss32[] = {D32_0, D32_1, D32_2, D32_3};

        cs = (cpl == 0 ? code_sel[mode] : mode == MODE_64 ? C64_3 : mode == MODE_16 || mode == MODE_C16 ? C16_3
              : cpl == 1 ? C32_1 : cpl == 2 ? C32_2 : C32_3) | cpl;
        stack_top = (cpl == 3 ? STACK3 : STACK0) + 0x800;
        ss = ss32[cpl] | cpl;
        sp = ARENA + stack_top;
        if ((width == 2 || one_in(8)) && (cpl == 0 || cpl == 3) && mode != MODE_64) {
            ss = cpl ? D16_3 | 3 : D16_0;
            sp = stack_top | (one_in(2) ? rng() << 16 : 0);
        }
    }
    if ((kind == K_STACK || one_in(32)) && one_in(2)) {
        static const u32 edges[] = {0, 1, 2, 3, 4, 6, 8, 0x1c, 0xffff, 0xfffe, 0x10000, 0xffffffff};

        sp = edges[below(12)];
    }
    for (i = 0; i < 16; i++) {
        reg_values[i] = value();
    }
    if (kind == K_STRING) {
        reg_values[1] = below(8) ? below(0x30) : 0;
        reg_values[6] = edge();
        reg_values[7] = edge();
        if (width != 2 && below(4)) {
            reg_values[6] = ARENA + DATA2 + 0x1000 - below(0x20);
            reg_values[7] = ARENA + DATA2 - below(0x20) + 0x1000 * below(3);
        }
    }
    if (kind == K_XSAVE && one_in(2)) {
        reg_values[0] = below(8);
        reg_values[1] = below(3);
        reg_values[2] = one_in(4) ? rng() : 0;
    }
    if (kind == K_MISC && one_in(2)) {
        reg_values[1] = 0;
        reg_values[2] = 0;
    }
    if (kind == K_FAST && one_in(2)) {
        reg_values[2] = ARENA + CODE + 0x80;
        reg_values[1] = one_in(2) ? ARENA + CODE + 0x90 : ARENA + STACK3 + 0x700;
    }
    /* Registers that random instructions may use as addresses stay away from the monitor. */
    if (kind == K_RANDOM || kind == K_STEP) {
        for (i = 0; i < 8; i++) {
            reg_values[i] = ARENA + DATA + below(0x1000);
        }
        reg_values[1] = below(16);
    }
    flags = 2;
    if (one_in(3)) {
        flags = (rng() & 0x3cd7 & ~0x100u) | 2;
    }
    if (kind == K_FLAGS || kind == K_INT) {
        flags = (rng() & 0x1a3ed7) | 2;
    }
    if (kind == K_RANDOM) {
        flags &= ~0x3000u;
    }
    if (kind == K_TASK && one_in(2)) {
        flags |= 0x4000;
    }
    if ((c_cr0 & 0x40000) && one_in(2)) {
        flags |= 0x40000;
    }
    if (kind == K_STEP ? one_in(2) : one_in(32)) {
        flags |= 0x100;
    }
    if (one_in(16)) {
        flags |= 0x10000;
    }
    c_pending = kind == K_FLAGS ? one_in(2) : one_in(12);
    flags &= ~0x200u;
    if (c_pending && one_in(2)) {
        flags |= 0x200;
    }
    emit();
    b(0x0f);
    b(0x0b);

    memset(c_dr, 0, sizeof(c_dr));
    c_dr[4] = 0x400;
    if (kind == K_STEP || one_in(16) || (kind == K_DR && one_in(4))) {
        for (i = 0; i < 4; i++) {
            u32 rw = below(4), len = below(4);

            c_dr[i] = rw == 0 ? (mode == MODE_VM ? LOW : ARENA + CODE) + (one_in(2) ? 0 : below(8))
                      : rw == 2 ? 0x2e0 + below(16) : ARENA + (one_in(2) ? DATA : DATA2) + (one_in(2) ? 0 : below(16));
            if (rw == 2 && !(c_cr4 & 8)) {
                rw = 1;
            }
            if (rw == 0) {
                len = 0;
            }
            if (one_in(2)) {
                c_dr[4] |= (1u + below(3)) << (2 * i);
            }
            c_dr[4] |= (len << 2 | rw) << (16 + 4 * i);
        }
        if (kind == K_DR) { /* GD: the monitor reads DR7 itself */
            c_dr[4] |= 0x2000;
        }
    }

    c_gdtr.limit = one_in(32) ? below(0x200) | 0x60 : 0x1ff;
    c_gdtr.base = ARENA + GDT;
    c_idtr.limit = one_in(16) ? (1 + below(64)) * 8 - 1 : c_long ? 0x3ff : 0x1ff;
    c_idtr.base = ARENA + IDT;
    c_ldt = one_in(8) ? 0 : LDTR;
    c_tr = one_in(16) && !c_long ? TR_16 : TR_A;
    {
        static const u16 segs[] = {D32_3 | 3, D32_3, D32_3 | 3, D32_3 | 3, 0};
        u32 *s[] = {&c_ds, &c_es, &c_fs, &c_gs};

        for (i = 0; i < 4; i++) {
            *s[i] = width == 2 ? (cpl == 3 ? D16_3 | 3 : D16_0) : one_in(4) && !cpl ? D32_0 : segs[one_in(4) ? below(5) : 0];
        }
        if (one_in(4)) {
            *s[below(4)] = width == 2 ? D32_3 | 3 : D16_3 | 3;
        }
    }
    if (mode == MODE_64) {
        for (i = 0; i < 15; i++) {
            static const u8 order[] = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 3, 2, 1, 0};

            c_frame64[i] = reg_values[order[i]] | (one_in(8) ? (u64)rng() << 32 : 0);
        }
        if (kind == K_RANDOM || kind == K_STEP) {
            for (i = 0; i < 15; i++) {
                c_frame64[i] &= 0xffffffff;
            }
        }
    } else {
        for (i = 0; i < 15; i++) {
            static const u8 order[] = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 3, 2, 1, 0};

            c_frame64[i] = reg_values[order[i]];
        }
    }
    c_frame64[15] = code_ip;
    c_frame64[16] = cs;
    c_frame64[17] = flags;
    c_frame64[18] = sp;
    c_frame64[19] = ss;
    for (i = 0; i < 8; i++) {
        c_frame[7 - i] = reg_values[i];
    }
    c_frame[8] = c_gs;
    c_frame[9] = c_fs;
    c_frame[10] = c_es;
    c_frame[11] = c_ds;
    c_frame[12] = code_ip;
    c_frame[13] = cs;
    c_frame[14] = flags | (mode == MODE_VM ? 0x20000 : 0);
    c_frame[15] = sp;
    c_frame[16] = ss;
    c_frame[17] = 0x2200;
    c_frame[18] = 0x2200;
    c_frame[19] = one_in(2) ? 0x2200 : rng() & 0xffff;
    c_frame[20] = one_in(2) ? 0x2200 : rng() & 0xffff;
    c_ring0 = mode != MODE_VM && !c_long && cpl == 0;
    if (c_ring0) {
        /* DS and the frame lie on the case's own stack. */
        u32 at = (ss == D16_0 ? (sp & 0xffff) : sp - ARENA) - 16;
        u32 *p = (u32 *)(arena + (at < ARENA_SIZE - 16 ? at : STACK0 + 0x800 - 16));

        if (at >= ARENA_SIZE - 16) {
            sp = ss == D16_0 ? STACK0 + 0x800 : ARENA + STACK0 + 0x800;
        }
        p[0] = c_ds;
        p[1] = code_ip;
        p[2] = cs;
        p[3] = flags;
        c_ss0[0] = sp - 16;
        c_ss0[1] = ss;
    }
}

static void
wrmsr(u32 index, u64 v)
{
    __asm__ volatile("wrmsr" : : "c"(index), "A"(v));
}

static void
set_msrs(void)
{
    u64 star;
    u32 k = below(8);

    /* SYSCALL's pairs: 0x08/0x10 and, behind it, 0x20+16 */
    star = ((u64)(one_in(2) ? 0x23 : below(0x200)) << 48) | ((u64)(one_in(2) ? C32_0 : below(0x200)) << 32) | (ARENA + CODE + 0x80);
    wrmsr(0xc0000081, star);
    wrmsr(0xc0000082, ARENA + CODE + 0x84);
    wrmsr(0xc0000083, ARENA + CODE + 0x88);
    wrmsr(0xc0000084, rng() & 0x47fd7);
    wrmsr(0xc0000100, one_in(2) ? 0 : value());
    wrmsr(0xc0000101, one_in(2) ? 0 : value());
    wrmsr(0xc0000102, value());
    wrmsr(0xc0000103, value());
    wrmsr(0x174, k == 0 ? 0 : k < 5 ? C32_0 : selector());
    wrmsr(0x175, ARENA + STACK0 + 0x900);
    wrmsr(0x176, ARENA + CODE + 0x8c);
    wrmsr(0x1d9, 0);
    wrmsr(0x277, 0x0007040600070406ull);
}

static void
report_changes(const char *name, u32 base, const u8 *now, const u8 *before, u32 size)
{
    const u32 *p = (const u32 *)now, *q = (const u32 *)before;
    u32 left = size / 4, shown = 0;

    for (;;) {
        u8 equal;

        __asm__ volatile("repe cmpsl\n\tsete %3" : "+S"(p), "+D"(q), "+c"(left), "=q"(equal) : : "memory", "cc");
        if (equal) {
            break;
        }
        if (shown++ < 64) {
            put(' ');
            say(name);
            hex((u32)(p - 1) - (u32)now + base);
            put('=');
            hex(p[-1]);
        }
        if (left == 0) {
            break;
        }
    }
}

static void
begin_line(u32 n, int described)
{
    line_length = 0;
    hex(n);
    put(' ');
    if (described) {
        say(kind_names[kind]);
        put(' ');
        say(mode_names[mode]);
        put('.');
        hex(cpl);
        put('.');
        hex(paging);
        say(" [");
        for (u32 i = 0; i < code_bytes; i++) {
            put("0123456789abcdef"[code_start[i] >> 4]);
            put("0123456789abcdef"[code_start[i] & 15]);
        }
        put(']');
        field("cr0", c_cr0);
        field("cr4", c_cr4);
        field("efer", c_efer);
        field("fl", c_frame64[17]);
        field("tr", c_tr);
        if (c_pending) {
            say(" pending");
        }
        if (c_dr[4] & 0xff) {
            for (u32 i = 0; i < 5; i++) {
                field("dr", c_dr[i]);
            }
        }
    }
    say(" ->");
}

static void
report(u32 n)
{
    static const char *const names[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "8", "9", "a", "b", "c", "d", "e", "f"};

    begin_line(n, 1);
    field("vec", r_vec);
    for (u32 i = 0; i < (c_long ? 16 : 8); i++) {
        field(names[i], r_regs[i]);
    }
    field("fl", r_flags);
    field("ds", r_ds & 0xffff);
    field("es", r_es);
    field("fs", r_fs);
    field("gs", r_gs);
    field("ss", r_ss);
    field("tr", r_tr);
    field("ldt", r_ldt);
    field("cr0", r_cr0);
    field("cr2", r_cr2);
    field("cr3", r_cr3);
    field("cr4", r_cr4);
    field("dr6", r_dr6);
    field("dr7", r_dr7);
    if (r_pending) {
        say(" still-pending");
    }
    if (c_long) {
        field("fsb", r_bases[0]);
        field("gsb", r_bases[1]);
        field("kgs", r_bases[2]);
    }
    report_changes("L", 0, low, low_shadow, LOW_SIZE);
    report_changes("A", 0, arena, shadow, ARENA_SIZE);
    flush();
}

static void
out8(u32 port, u32 v)
{
    __asm__ volatile("outb %%al, %%dx" : : "d"(port), "a"(v));
}

/* Nothing interrupts but what a case asks for: an IPI to itself. */
static void
set_up_interrupts(void)
{
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    *(volatile u32 *)(APIC + 0xf0) = 0x1ff;
}

/* Whether the interrupt is still pending; then it is taken, and ended in any case. */
static u32
drop_interrupts(void)
{
    u32 left = *(volatile u32 *)(APIC + 0x200 + PENDING / 32 * 0x10) >> PENDING % 32 & 1;

    if (left) {
        __asm__ volatile("sti\n\tnop\n\tnop\n\tcli" : : : "memory");
    }
    while (*(volatile u32 *)(APIC + 0x100 + PENDING / 32 * 0x10) >> PENDING % 32 & 1) {
        *(volatile u32 *)(APIC + 0xb0) = 0;
    }
    return left;
}

static void
finish(void)
{
    __asm__ volatile("outl %%eax, $0xf4" : : "a"(0));
    for (;;) {
        __asm__ volatile("hlt");
    }
}

void
main(void)
{
    u32 end = params[3] + params[4], n = params[3];

    if (kept->magic == 0x5ca5e5) {
        n = kept->n;
        if (kept->not_n != ~n || !kept->inside) {
            say("lost");
            flush();
            finish();
        }
        begin_line(n++, 0);
        say(" shutdown");
        flush();
    }
    kept->magic = 0x5ca5e5;
    set_up_interrupts();
    memset(arena, 0, ARENA_SIZE);
    fill_words((u8 *)0x8000, 0xcccccccc, 0x28000);
    fill_words((void *)0, 0xcccccccc, 0x7000);
    for (u32 i = 0; i < 256; i++) {
        ((volatile u32 *)0)[i] = 0x1ccccccc;
    }
    for (; n < end; n++) {
        rng_state = (u64)params[2] << 32 | n * 2654435761u;
        rng();
        make_case();
        set_msrs();
        if (params[5] >> 31) {
            begin_line(n, 1);
            flush();
        }
        copy_words(shadow, arena, ARENA_SIZE);
        copy_words(low_shadow, low, LOW_SIZE);
        memset(r_regs, 0, sizeof(r_regs));
        kept->inside = 1;
        kept->n = n;
        kept->not_n = ~n;
        if (c_pending) {
            *(volatile u32 *)(APIC + 0x300) = 0x40000 | PENDING;
        }
        enter_case();
        kept->inside = 0;
        r_pending = drop_interrupts();
        report(n);
        copy_words(arena, shadow, ARENA_SIZE);
        copy_words(low, low_shadow, LOW_SIZE);
    }
    say("end");
    flush();
    finish();
}
