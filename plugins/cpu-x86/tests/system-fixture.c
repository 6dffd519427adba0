/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "system-fixture.h"

X86State *s;
int vector;
uint32_t error_code;
uint64_t pushed;

void
put(uint32_t at, uint64_t v, unsigned size)
{
    memcpy(ram + at, &v, size);
}

uint64_t
get(uint32_t at, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, ram + at, size);
    return v;
}

void
put_descriptor(unsigned selector, uint32_t base, uint32_t limit, unsigned access, unsigned flags)
{
    uint32_t at = GDT + (selector & ~7u);

    put(at, (limit & 0xffff) | base << 16, 4);
    put(at + 4, (base >> 16 & 0xff) | access << 8 | (limit & 0xf0000) | flags << 20 | (base & 0xff000000u), 4);
}

void
put_gate(uint32_t at, unsigned selector, uint32_t offset, unsigned access, unsigned params)
{
    put(at, (offset & 0xffff) | selector << 16, 4);
    put(at + 4, params | access << 8 | (offset & 0xffff0000u), 4);
}

void
load_descriptor(unsigned seg, unsigned selector)
{
    uint32_t desc[2];

    memcpy(desc, ram + GDT + (selector & ~7u), 8);
    x86_set_seg_desc(s, seg, (uint16_t)selector, desc);
}

void
begin(unsigned cpl)
{
    memset(ram, 0, RAM_SIZE);
    x86_reset(s);
    put_descriptor(CODE32, 0, 0xfffff, 0x9b, 0xc);
    put_descriptor(DATA32, 0, 0xfffff, 0x93, 0xc);
    put_descriptor(USER_CODE, 0, 0xfffff, 0xfb, 0xc);
    put_descriptor(USER_DATA, 0, 0xfffff, 0xf3, 0xc);
    put_descriptor(TSS_SEL, TSS, 0x1ff, 0x8b, 0);
    put_descriptor(CODE64, 0, 0xfffff, 0x9b, 0xa);
    put_descriptor(USER_CODE64, 0, 0xfffff, 0xfb, 0xa);
    put_descriptor(CODE16, 0, 0xffff, 0x9b, 0);
    for (unsigned i = 0; i < 256; i++) {
        put_gate(IDT + 8 * i, CODE32, HANDLERS + 16 * i, 0xee, 0);
        ram[HANDLERS + 16 * i] = 0xf4;
    }
    put(TSS + 4, STACK0, 4);
    put(TSS + 8, DATA32, 2);
    put(TSS + 102, 0x88, 2); /* I/O permissions behind 32 bytes of interrupt redirection: none given */
    memset(ram + TSS + 0x88, 0xff, 0x178);
    s->gdtr.base = GDT;
    s->gdtr.limit = GDT_SIZE - 1;
    s->idtr.base = IDT;
    s->idtr.limit = 256 * 8 - 1;
    s->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
    load_descriptor(X86_TR, TSS_SEL);
    load_descriptor(X86_CS, cpl == 3 ? USER_CODE : CODE32);
    for (unsigned seg = X86_ES; seg <= X86_GS; seg++) {
        if (seg != X86_CS) {
            load_descriptor(seg, cpl == 3 ? USER_DATA : DATA32);
        }
    }
    s->cpl = (uint8_t)cpl;
    X86_LOW(s, X86_RSP) = STACK;
    s->rip = CODE;
    x86_update_mode(s);
}

void
begin64(unsigned cpl)
{
    begin(cpl);
    for (unsigned i = 0; i < 256; i++) {
        put_gate(IDT + 16 * i, CODE64, HANDLERS + 16 * i, 0xee, 0);
        put(IDT + 16 * i + 8, 0, 8);
    }
    put(TSS + 4, STACK0, 8);
    put(TABLES, (TABLES + 0x1000) | 7, 8);
    put(TABLES + 0x1000, (TABLES + 0x2000) | 7, 8);
    put(TABLES + 0x2000, 0x000000 | 0x87, 8);
    put(TABLES + 0x2008, 0x200000 | 0x87, 8);
    s->idtr.limit = 256 * 16 - 1;
    s->cr3 = TABLES;
    s->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR;
    s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE;
    s->cr0 |= X86_CR0_PG | X86_CR0_WP;
    load_descriptor(X86_CS, cpl == 3 ? USER_CODE64 : CODE64);
    x86_update_mode(s);
}

void
begin_vm86(unsigned iopl)
{
    begin(3);
    s->eflags |= X86_VM | iopl << X86_IOPL_SHIFT | X86_IF;
    for (unsigned seg = X86_ES; seg <= X86_GS; seg++) {
        x86_set_seg_vm86(s, seg, seg == X86_CS ? CODE >> 4 : STACK >> 4);
    }
    s->rip = 0;
    X86_LOW(s, X86_RSP) = 0x1000;
    x86_update_mode(s);
}

static bool
has_error_code(int v)
{
    return v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21;
}

void
run(unsigned n)
{
    uint64_t pc;

    vector = NO_EXCEPTION;
    error_code = 0;
    for (unsigned i = 0; i < n && vector == NO_EXCEPTION; i++) {
        unsigned size = x86_long(s) ? 8 : 4, done;
        uint64_t frame;

        g_assert_cmpint(x86_interp(&s->tcg, 1, &done), !=, EMU_TCG_EXIT_SHUTDOWN);
        pc = x86_get_pc(&s->tcg);
        if (pc < HANDLERS || pc >= HANDLERS + 16 * 256) {
            continue;
        }
        vector = (int)(pc - HANDLERS) / 16;
        frame = X86_LOW(s, X86_RSP);
        if (has_error_code(vector)) {
            error_code = (uint32_t)get((uint32_t)frame, 4);
            frame += size;
        }
        pushed = get((uint32_t)frame, size);
    }
}
