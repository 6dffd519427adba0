/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes of code, operands, and what lies in memory for them. */

#include "system.h"

u8 *code, *code_start;
u32 code_bytes, code_ip, stack_top;

void
b(u32 v)
{
    *code++ = (u8)v;
    code_bytes++;
}

void
w(u32 v)
{
    b(v);
    b(v >> 8);
}

void
d(u32 v)
{
    w(v);
    w(v >> 16);
}

/* An immediate of the operand size. */
void
imm(u32 v, int prefixed)
{
    if ((width == 2) != prefixed) {
        w(v);
    } else {
        d(v);
    }
}

void
set_ax(u32 v)
{
    b(0xb8);
    imm(v, 0);
}

int
maybe66(u32 n)
{
    int p = one_in(n);

    if (p) {
        b(0x66);
    }
    return p;
}

/* ModRM of memory in the arena: @at is an offset there, or in the low pages in VM86. */
void
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

void
store(u32 at, u64 v, u32 size)
{
    u8 *p = bytes(at);

    for (u32 i = 0; i < size; i++) {
        p[i] = (u8)(v >> (8 * i));
    }
}

void
on_stack(u32 slot, u32 size, u64 v)
{
    u8 *p = (mode == MODE_VM ? low + 0x1000 : arena) + stack_top + slot * size;

    for (u32 i = 0; i < size; i++) {
        p[i] = (u8)(v >> (8 * i));
    }
}

/* Where one can come back to: CS and IP of the case itself or of a landing place. */
void
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

void
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

u32
random_flags(void)
{
    return one_in(2) ? 2 : one_in(2) ? (rng() & 0x3f7fd7) | 2 : (rng() & 0x3cd7) | 2;
}

void
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

void
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

/* An address with an edge to it. */
u32
edge(void)
{
    const u32 edges[] = {0, 0xffff, 0xfffe, 0xfffd, 0xfffc, 0xfff9, 0x66, 0x67, 0x68, 0xfff, 0xffe, 0xffd, 0xffffffff, 0xfffffffc, 0xfffffff9};

    switch (below(3)) {
    case 0:
        return edges[below(sizeof(edges) / 4)];
    case 1:
        return ARENA + DATA2 + (one_in(2) ? 0x1000 - below(9) : 0 - below(9) + below(2));
    }
    return ARENA + DATA + below(0x1000);
}
