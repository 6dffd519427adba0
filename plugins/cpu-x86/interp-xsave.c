/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Extended states: XCR0, the XSAVE family, CPUID leaf 0DH (SDM 1, chapter 13).
 *
 * x87 and SSE state are in the legacy region and have rules of their own. Every other component is a row below. Those of processors that
 * only KVM has instructions for are there as well: a guest that came from KVM may have areas with room for them.
 * A component counts as in use when it differs from its initial state, which is 0.
 */

#include "x86-cet.h"
#include "x86-interp.h"

typedef X86XsaveComponent Component;

enum { BIT_X87 = 1, BIT_SSE = 2, BIT_AVX = 4, BIT_HI16_ZMM = 7, BIT_CET_U = 11, BIT_CET_S = 12, LEGACY_END = 512, HEADER_END = 576, MXCSR = 24 };
#define COMPACT (UINT64_C(1) << 63)

#define USER(n, f, b, at, bytes, ...) \
    {.name = n, .feature = X86_FEAT_##f, .or_feature = X86_FEAT_##f, .bit = b, .offset = at, .size = bytes, \
     .place = offsetof(X86State, xsave) + (at), ##__VA_ARGS__}
#define SUPERVISOR(n, f, g, b, field, bytes) \
    {.name = n, .feature = X86_FEAT_##f, .or_feature = X86_FEAT_##g, .bit = b, .supervisor = true, .size = bytes, \
     .place = offsetof(X86State, field)}

const Component x86_xsave_components[X86_N_XSAVE_COMPONENTS] = {
    USER("AVX", AVX, 2, X86_XSAVE_YMM_HIGH, 256),
    USER("MPX bound registers", MPX, 3, X86_XSAVE_BNDREGS, 64),
    USER("MPX configuration", MPX, 4, X86_XSAVE_BNDCSR, 64),
    USER("AVX-512 mask registers", AVX512F, 5, X86_XSAVE_OPMASK, 64),
    USER("AVX-512 upper halves", AVX512F, 6, X86_XSAVE_ZMM_HIGH, 512),
    USER("AVX-512 registers 16 to 31", AVX512F, 7, X86_XSAVE_HI16_ZMM, 1024),
    USER("PKRU", PKU, 9, X86_XSAVE_PKRU, 8),
    SUPERVISOR("CET of CPL 3", CET_SS, CET_IBT, 11, u_cet, 16),
    SUPERVISOR("CET of CPL 0 to 2", CET_SS, CET_IBT, 12, pl_ssp, 24),
    USER("AMX tile configuration", AMX_TILE, 17, X86_XSAVE_TILECFG, 64),
    USER("AMX tiles", AMX_TILE, 18, X86_XSAVE_TILEDATA, 8192, .aligned = true),
};
#define components x86_xsave_components

static bool
is_set(uint64_t mask, unsigned bit)
{
    return mask >> bit & 1;
}

/* Outside 64-bit code YMM8 to YMM15 are left alone. */
static unsigned
touched(X86State *s, const Component *c)
{
    switch (c->bit) {
    case 2:
        return 16 * x86_fx_xmm_count(s);
    case 6:
        return 32 * x86_fx_xmm_count(s);
    case BIT_HI16_ZMM:
        return x86_fx_xmm_count(s) == 16 ? c->size : 0;
    default:
        return c->size;
    }
}

static uint8_t *
data(X86State *s, const Component *c)
{
    return (uint8_t *)s + c->place;
}

static bool
has_component(const X86State *s, const Component *c)
{
    return x86_has_feature(s, c->feature) || x86_has_feature(s, c->or_feature);
}

static unsigned
standard_size(uint64_t mask)
{
    unsigned size = HEADER_END;

    for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
        if (is_set(mask, components[i].bit) && !components[i].supervisor) {
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
        if (is_set(compact, before->bit)) {
            at = (before->aligned ? (at + 63) & ~63u : at) + before->size;
        }
    }
    return c < components + G_N_ELEMENTS(components) && c->aligned ? (at + 63) & ~63u : at;
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
        if (has_component(s, &components[i]) && !components[i].supervisor) {
            mask |= UINT64_C(1) << components[i].bit;
        }
    }
    return mask;
}

uint64_t
x86_xss_supported(const X86State *s)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(components) && x86_has_feature(s, X86_FEAT_XSAVES); i++) {
        if (has_component(s, &components[i]) && components[i].supervisor) {
            mask |= UINT64_C(1) << components[i].bit;
        }
    }
    return mask;
}

void
x86_xsave_cpuid(const X86State *s, uint32_t subleaf, uint32_t out[4])
{
    uint64_t all = x86_xcr0_supported(s), supervisor = x86_xss_supported(s);

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
        out[2] = (uint32_t)supervisor;
        break;
    default:
        for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
            if (components[i].bit == subleaf && is_set(all | supervisor, subleaf)) {
                out[0] = components[i].size;
                out[1] = components[i].offset;
                out[2] = (components[i].supervisor ? 1 : 0) | (components[i].aligned ? 2 : 0);
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

bool
x86_xsave_is_initial(const X86State *s, const Component *c)
{
    return is_zero((const uint8_t *)s + c->place, c->size);
}

const Component *
x86_xsave_find_foreign(const X86State *s)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(components); i++) {
        /* A debugger may write the upper halves of YMM registers on any CPU. */
        if (!is_set(BIT_AVX, components[i].bit) && !has_component(s, &components[i]) && !x86_xsave_is_initial(s, &components[i])) {
            return &components[i];
        }
    }
    return NULL;
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
        if (is_set(s->xcr0 | s->xss, components[i].bit) && !x86_xsave_is_initial(s, &components[i])) {
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
            put(s, a, component_offset(c, compact), data(s, c), touched(s, c));
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
    uint8_t *to = data(s, c);

    if (memcmp(to, from, touched(s, c)) == 0) {
        return;
    }
    memcpy(to, from, touched(s, c));
    if (c->bit == 9) {
        x86_flush_all(s); /* the rights that PKRU gives are cached */
    } else if (c->bit == BIT_CET_U) {
        x86_update_mode(s);
    }
}

/* Registers that WRMSR would not take. @image: what is to be loaded, from X86State.xsave on. */
static void
check_cet(X86State *s, uint64_t load, const uint8_t *image)
{
    uint64_t user[2], supervisor[3];

    memcpy(user, image + offsetof(X86State, u_cet) - offsetof(X86State, xsave), sizeof(user));
    memcpy(supervisor, image + offsetof(X86State, pl_ssp) - offsetof(X86State, xsave), sizeof(supervisor));
    if (is_set(load, BIT_CET_U) && !(x86_cet_settings_valid(s, user[0]) && x86_cet_ssp_valid(s, user[1]))) {
        x86_raise(s, X86_EXC_GP, 0);
    }
    for (unsigned i = 0; i < 3; i++) {
        if (is_set(load, BIT_CET_S) && !x86_cet_ssp_valid(s, supervisor[i])) {
            x86_raise(s, X86_EXC_GP, 0);
        }
    }
}

/* @supervisor: XRSTORS, which takes the compacted format only. */
static void
restore(X86State *s, const X86Insn *insn, uint64_t enabled, bool supervisor)
{
    Area a = open_area(s, insn, enabled);
    uint8_t image[sizeof(X86State) - offsetof(X86State, xsave)]; /* from X86State.xsave on */
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
            get(s, &a, component_offset(c, compact), image + c->place - offsetof(X86State, xsave), touched(s, c));
        } else if (is_set(a.mask, c->bit)) {
            memset(image + c->place - offsetof(X86State, xsave), 0, c->size);
        }
    }

    check_cet(s, load, image);
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
            load_component(s, &components[i], image + components[i].place - offsetof(X86State, xsave));
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
