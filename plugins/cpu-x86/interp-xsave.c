/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Extended states: XCR0, the XSAVE family, CPUID leaf 0DH (SDM 1, chapter 13).
 *
 * x87 and SSE state are in the legacy region and have rules of their own. Every other component lies in X86State.xsave where
 * the standard format has it, and is a row below. A component counts as in use when it differs from its initial state.
 */

#include "x86-interp.h"

typedef struct {
    uint16_t feature;
    uint8_t bit;
    uint16_t offset, size;
} Component;


enum { BIT_X87 = 1, BIT_SSE = 2, BIT_AVX = 4, LEGACY_END = 512, HEADER_END = 576, MXCSR = 24 };
#define COMPACT (UINT64_C(1) << 63)

static const Component components[] = {
    {X86_FEAT_AVX, 2, X86_XSAVE_YMM_HIGH, 256},
    {X86_FEAT_PKU, 9, X86_XSAVE_PKRU, 8},
};

static bool
is_set(uint64_t mask, unsigned bit)
{
    return mask >> bit & 1;
}

/* Outside 64-bit code YMM8 to YMM15 are left alone. */
static unsigned
touched(X86State *s, const Component *c)
{
    return c->bit == 2 ? 16 * x86_fx_xmm_count(s) : c->size;
}

static unsigned
standard_size(uint64_t mask)
{
    unsigned size = HEADER_END;

    for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
        if (is_set(mask, components[i].bit)) {
            size = MAX(size, components[i].offset + components[i].size);
        }
    }
    return size;
}

/* Where a component begins: at its own place, or behind those before it when @compact says which are there. */
static unsigned
component_offset(const Component *c, uint64_t compact)
{
    unsigned at = HEADER_END;

    if (!compact) {
        return c->offset;
    }
    for (const Component *before = components; before < c; before++) {
        at += is_set(compact, before->bit) ? before->size : 0;
    }
    return at;
}

static unsigned
compact_size(uint64_t mask)
{
    return component_offset(components + G_N_ELEMENTS(components), mask | COMPACT);
}

uint64_t
x86_xcr0_supported(const X86State *s)
{
    uint64_t mask = BIT_X87 | BIT_SSE;

    for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
        if (x86_has_feature(s, components[i].feature)) {
            mask |= UINT64_C(1) << components[i].bit;
        }
    }
    return mask;
}

uint64_t
x86_xss_supported(const X86State *s G_GNUC_UNUSED)
{
    return 0;
}

void
x86_xsave_cpuid(const X86State *s, uint32_t subleaf, uint32_t out[4])
{
    uint64_t all = x86_xcr0_supported(s);

    out[0] = out[1] = out[2] = out[3] = 0;
    if (!x86_has_feature(s, X86_FEAT_XSAVE)) {
        return;
    }
    switch (subleaf) {
    case 0:
        out[0] = (uint32_t)all;
        out[1] = standard_size(s->xcr0);
        out[2] = standard_size(all);
        break;
    case 1:
        out[0] = s->features[X86_CPUID_D_1_EAX];
        if (out[0] & (1u << (X86_FEAT_XSAVEC & 31) | 1u << (X86_FEAT_XSAVES & 31))) {
            out[1] = compact_size(s->xcr0 | s->xss);
        }
        out[2] = (uint32_t)x86_xss_supported(s);
        break;
    default:
        for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
            if (components[i].bit == subleaf && is_set(all, subleaf)) {
                out[0] = components[i].size;
                out[1] = components[i].offset;
            }
        }
        break;
    }
}

static bool
is_zero(const uint8_t *p, unsigned n)
{
    return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static uint64_t
in_use(X86State *s)
{
    uint64_t mask = 0;

    if (s->fx.fcw != 0x37f || s->fx.fsw || s->fx.ftw || s->fx.fop || s->fx.fip || s->fx.fdp ||
        !is_zero(s->fx.st[0], sizeof(s->fx.st))) {
        mask |= BIT_X87;
    }
    if (!is_zero(s->fx.xmm[0], sizeof(s->fx.xmm))) {
        mask |= BIT_SSE;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
        if (!is_zero(s->xsave + components[i].offset, components[i].size)) {
            mask |= UINT64_C(1) << components[i].bit;
        }
    }
    return mask;
}

void
x86_exec_xgetbv(X86State *s, const X86Insn *insn)
{
    uint64_t v = s->xcr0;

    (void)insn;
    if (!(s->cr4 & X86_CR4_OSXSAVE)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if ((uint32_t)X86_LOW(s, X86_RCX) == 1 && x86_has_feature(s, X86_FEAT_XGETBV1)) {
        v &= in_use(s);
    } else if ((uint32_t)X86_LOW(s, X86_RCX) != 0) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    X86_LOW(s, X86_RAX) = (uint32_t)v;
    X86_LOW(s, X86_RDX) = v >> 32;
}

void
x86_exec_xsetbv(X86State *s, const X86Insn *insn)
{
    uint64_t v = (uint32_t)X86_LOW(s, X86_RAX) | X86_LOW(s, X86_RDX) << 32;

    (void)insn;
    if (!(s->cr4 & X86_CR4_OSXSAVE)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if ((uint32_t)X86_LOW(s, X86_RCX) != 0 || !(v & BIT_X87) || (v & ~x86_xcr0_supported(s)) ||
        (v & (BIT_SSE | BIT_AVX)) == BIT_AVX) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    s->xcr0 = v;
    x86_update_mode(s);
}

typedef struct {
    uint64_t linear;
    uint64_t mask; /* RFBM: the components that are asked for and enabled */
} Area;

static Area
open_area(X86State *s, const X86Insn *insn, uint64_t enabled)
{
    Area a = {.mask = ((uint32_t)X86_LOW(s, X86_RAX) | X86_LOW(s, X86_RDX) << 32) & enabled};

    if (!(s->cr4 & X86_CR4_OSXSAVE)) {
        x86_raise_plain(s, X86_EXC_UD);
    }
    if (s->cr0 & X86_CR0_TS) {
        x86_raise_plain(s, X86_EXC_NM);
    }
    a.linear = x86_operand_linear(s, insn, HEADER_END, EMU_TCG_READ);
    if (a.linear & 63) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    return a;
}

static void
get(X86State *s, const Area *a, unsigned at, void *p, unsigned n)
{
    for (unsigned i = 0; i < n; i += 64) {
        if (!emu_tcg_read(&s->tcg, a->linear + at + i, (char *)p + i, MIN(n - i, 64), s->tcg.mmu_mode)) {
            x86_raise_recorded_now(s);
        }
    }
}

static void
put(X86State *s, const Area *a, unsigned at, const void *p, unsigned n)
{
    for (unsigned i = 0; i < n; i += 64) {
        if (!emu_tcg_write(&s->tcg, a->linear + at + i, (const char *)p + i, MIN(n - i, 64), s->tcg.mmu_mode)) {
            x86_raise_recorded_now(s);
        }
    }
}

/* Every page must be writable before the first byte is written. */
static void
check_writable(X86State *s, const Area *a, unsigned size)
{
    for (uint64_t at = a->linear; at - a->linear < size; at = (at | 0xfff) + 1) {
        bool fault;

        emu_tcg_host_pointer(&s->tcg, at, 1, EMU_TCG_WRITE, s->tcg.mmu_mode, &fault);
        if (fault) {
            x86_raise_recorded_now(s);
        }
    }
}

/* Components @write go to memory. @compact: XCOMP_BV, or 0 for the standard format. */
static void
save(X86State *s, const X86Insn *insn, const Area *a, uint64_t write, uint64_t compact)
{
    X86Fxsave f;

    check_writable(s, a, compact ? compact_size(compact) : standard_size(a->mask));
    if (write & BIT_X87) {
        x86_fx_pack(s, insn, &f);
        put(s, a, 0, &f, MXCSR);
        put(s, a, 32, f.st, sizeof(f.st));
    }
    if ((write & BIT_SSE) || (!compact && (a->mask & BIT_AVX))) {
        uint32_t v[2] = {s->fx.mxcsr, 0xffff};

        put(s, a, MXCSR, v, 8);
    }
    if (write & BIT_SSE) {
        put(s, a, X86_XSAVE_XMM, s->fx.xmm, 16 * x86_fx_xmm_count(s));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
        const Component *c = &components[i];

        if (is_set(write, c->bit)) {
            put(s, a, component_offset(c, compact), s->xsave + c->offset, touched(s, c));
        }
    }
}

/* The standard format keeps the bits of what was not asked for. */
static void
save_standard(X86State *s, const X86Insn *insn, bool optimised)
{
    Area a = open_area(s, insn, s->xcr0);
    uint64_t used = in_use(s), bv;

    get(s, &a, LEGACY_END, &bv, 8);
    save(s, insn, &a, optimised ? a.mask & used : a.mask, 0);
    bv = (bv & ~a.mask) | (a.mask & used);
    put(s, &a, LEGACY_END, &bv, 8);
}

void
x86_exec_xsave(X86State *s, const X86Insn *insn)
{
    save_standard(s, insn, false);
}

void
x86_exec_xsaveopt(X86State *s, const X86Insn *insn)
{
    save_standard(s, insn, true);
}

static void
save_compact(X86State *s, const X86Insn *insn, uint64_t enabled)
{
    Area a = open_area(s, insn, enabled);
    uint64_t used = in_use(s) | (s->fx.mxcsr != 0x1f80 ? BIT_SSE : 0);
    uint64_t header[2] = {a.mask & used, a.mask | COMPACT};

    save(s, insn, &a, a.mask & used, header[1]);
    put(s, &a, LEGACY_END, header, sizeof(header));
}

void
x86_exec_xsavec(X86State *s, const X86Insn *insn)
{
    save_compact(s, insn, s->xcr0);
}

void
x86_exec_xsaves(X86State *s, const X86Insn *insn)
{
    save_compact(s, insn, s->xcr0 | s->xss);
}

static void
load_component(X86State *s, const Component *c, const uint8_t *from)
{
    uint8_t *to = s->xsave + c->offset;

    if (memcmp(to, from, touched(s, c)) == 0) {
        return;
    }
    memcpy(to, from, touched(s, c));
    if (c->bit == 9) {
        x86_flush_all(s); /* the rights that PKRU gives are cached */
    }
}

/* @supervisor: XRSTORS, which takes the compacted format only. */
static void
restore(X86State *s, const X86Insn *insn, uint64_t enabled, bool supervisor)
{
    Area a = open_area(s, insn, enabled);
    uint8_t extended[G_N_ELEMENTS(components)][256] = {0};
    uint64_t header[8], bv, compact, load;
    uint32_t mxcsr = 0x1f80;
    bool load_mxcsr;
    X86Fxsave f;

    get(s, &a, LEGACY_END, header, sizeof(header));
    bv = header[0];
    compact = header[1];
    if (compact & COMPACT) {
        if (((compact & ~COMPACT) | bv) & ~enabled || (bv & ~compact) ||
            !(x86_has_feature(s, X86_FEAT_XSAVEC) || supervisor) || !is_zero((uint8_t *)(header + 2), 48)) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        load_mxcsr = a.mask & bv & BIT_SSE;
    } else {
        if (supervisor || (bv & ~enabled) || compact || header[2]) {
            x86_raise(s, X86_EXC_GP, 0);
        }
        load_mxcsr = a.mask & (BIT_SSE | BIT_AVX);
    }
    load = a.mask & bv;
    if (load_mxcsr) {
        get(s, &a, MXCSR, &mxcsr, 4);
        if (mxcsr & ~0xffffu) {
            x86_raise(s, X86_EXC_GP, 0);
        }
    }
    if (load & BIT_X87) {
        get(s, &a, 0, &f, MXCSR);
        get(s, &a, 32, f.st, sizeof(f.st));
    }
    if (load & BIT_SSE) {
        get(s, &a, X86_XSAVE_XMM, f.xmm, sizeof(f.xmm));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
        const Component *c = &components[i];

        if (is_set(load, c->bit)) {
            get(s, &a, component_offset(c, compact), extended[i], touched(s, c));
        }
    }

    if (load & BIT_X87) {
        x86_fx_unpack_x87(s, &f);
    } else if (a.mask & BIT_X87) {
        x86_fpu_init(s);
        memset(s->fx.st, 0, sizeof(s->fx.st));
    }
    if (a.mask & BIT_SSE) {
        if (load & BIT_SSE) {
            memcpy(s->fx.xmm, f.xmm, 16 * x86_fx_xmm_count(s));
        } else {
            memset(s->fx.xmm, 0, 16 * x86_fx_xmm_count(s));
        }
    }
    if (load_mxcsr || ((compact & COMPACT) && (a.mask & BIT_SSE))) {
        s->fx.mxcsr = mxcsr;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
        if (is_set(a.mask, components[i].bit)) {
            load_component(s, &components[i], extended[i]);
        }
    }
}

void
x86_exec_xrstor(X86State *s, const X86Insn *insn)
{
    restore(s, insn, s->xcr0, false);
}

void
x86_exec_xrstors(X86State *s, const X86Insn *insn)
{
    restore(s, insn, s->xcr0 | s->xss, true);
}
