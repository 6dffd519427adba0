/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Random situations of the system side of an x86 CPU, as a firmware image: descriptor tables, page tables, task states, control
 * and debug registers, then an instruction that means something to them, at any privilege level of protected, VM86, 64-bit and
 * compatibility mode. What came of it goes to port 0xe9, one line per case: the vector that ended it, registers, and each word of
 * memory that changed. A case depends on its number and the seed alone, so that two CPUs can be compared line by line.
 */

#include "system.h"

extern u32 params[6]; /* [0], [1]: a mark; seed, first, count, kinds */
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

static const char *const mode_names[] = {"pm32", "pm16", "vm86", "lm64", "lm32", "lm16"};

u32 mode, cpl, paging, kind, width;
static u8 shadow[ARENA_SIZE], low_shadow[LOW_SIZE];

/* What a reset leaves, twice: a case may write anywhere. */
static struct {
    u32 magic, inside, n, not_n;
} *const kept = (void *)0x7000;

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
    kinds[kind].emit();
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
    new_line();
    hex(n);
    put(' ');
    if (described) {
        say(kinds[kind].name);
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
        seed_random((u64)params[2] << 32 | n * 2654435761u);
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
