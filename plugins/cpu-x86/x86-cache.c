/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Caches as CPUID tells them: leaves 2, 4, 80000005H, 80000006H and 8000001DH (SDM 2A "CPUID", APM 3 appendix E). */

#include "x86-cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

enum {
    WBINVD = 1u << 0,    /* leaf 4 EDX: WBINVD does not act on the caches of the others that share it */
    INCLUSIVE = 1u << 1, /* of the levels before */
    HASHED = 1u << 2,    /* complex indexing */
    SELF = 1u << 3,      /* self-initializing */
    DIE = 1u << 4,       /* shared by a die; else by a core */
    PACKAGE = 1u << 5,   /* shared by a package */
};

/* Data, code, second level, third level: ways and sets of 64-byte lines. */
#define X86_CACHES(name, ...) const X86Caches x86_caches_##name = {{__VA_ARGS__}}
X86_CACHES(epyc, {8, 64, SELF | WBINVD}, {4, 256, SELF | WBINVD}, {8, 1024, 0}, {16, 8192, SELF | INCLUSIVE | HASHED | DIE});
X86_CACHES(epyc_v4, {8, 64, SELF | WBINVD}, {4, 256, SELF | WBINVD}, {8, 1024, 0}, {16, 8192, SELF | INCLUSIVE | DIE});
X86_CACHES(epyc_v5, {8, 64, SELF}, {4, 256, SELF}, {8, 1024, SELF | INCLUSIVE}, {16, 8192, SELF | WBINVD | DIE});
X86_CACHES(epyc_rome, {8, 64, SELF | WBINVD}, {8, 64, SELF | WBINVD}, {8, 1024, 0}, {16, 16384, SELF | INCLUSIVE | HASHED | DIE});
X86_CACHES(epyc_rome_v3, {8, 64, SELF | WBINVD}, {8, 64, SELF | WBINVD}, {8, 1024, 0}, {16, 16384, SELF | INCLUSIVE | DIE});
X86_CACHES(epyc_rome_v5, {8, 64, SELF}, {8, 64, SELF}, {8, 1024, SELF | INCLUSIVE}, {16, 16384, SELF | WBINVD | DIE});
X86_CACHES(epyc_milan, {8, 64, SELF | WBINVD}, {8, 64, SELF | WBINVD}, {8, 1024, 0}, {16, 32768, SELF | INCLUSIVE | HASHED | DIE});
X86_CACHES(epyc_milan_v2, {8, 64, SELF | WBINVD}, {8, 64, SELF | WBINVD}, {8, 1024, 0}, {16, 32768, SELF | INCLUSIVE | DIE});
X86_CACHES(epyc_milan_v3, {8, 64, SELF}, {8, 64, SELF}, {8, 1024, SELF | INCLUSIVE}, {16, 32768, SELF | WBINVD | DIE});
X86_CACHES(epyc_genoa, {8, 64, SELF | WBINVD}, {8, 64, SELF | WBINVD}, {8, 2048, 0}, {16, 32768, SELF | INCLUSIVE | DIE});
X86_CACHES(epyc_genoa_v2, {8, 64, SELF}, {8, 64, SELF}, {8, 2048, SELF | INCLUSIVE}, {16, 32768, SELF | WBINVD | DIE});
X86_CACHES(epyc_turin, {12, 64, SELF}, {8, 64, SELF}, {16, 1024, SELF | INCLUSIVE}, {16, 32768, SELF | WBINVD | DIE});
X86_CACHES(sapphire_rapids, {12, 64, SELF}, {8, 64, SELF}, {16, 2048, SELF}, {15, 65536, SELF | HASHED | PACKAGE});
X86_CACHES(granite_rapids, {12, 64, SELF}, {16, 64, SELF}, {16, 2048, SELF}, {16, 294912, SELF | HASHED | PACKAGE});
X86_CACHES(sierra_forest, {8, 64, SELF}, {8, 128, SELF}, {16, 4096, SELF | DIE}, {12, 147456, SELF | HASHED | PACKAGE});
X86_CACHES(yongfeng, {8, 64, SELF}, {16, 64, SELF}, {8, 512, SELF | INCLUSIVE}, {16, 8192, SELF | WBINVD | INCLUSIVE | DIE});
/* Models without caches of their own: 32 + 32 KiB, 4 MiB, 16 MiB. */
X86_CACHES(any, {8, 64, SELF | WBINVD}, {8, 64, SELF | WBINVD}, {16, 4096, SELF | WBINVD}, {16, 16384, SELF | INCLUSIVE | HASHED | DIE});
/* The same on leaves of AMD's: 64 + 64 KiB, 512 KiB. */
X86_CACHES(any_amd, {2, 512, SELF | WBINVD}, {2, 512, SELF | WBINVD}, {16, 512, 0}, {16, 16384, SELF | INCLUSIVE | HASHED | DIE});

#define X86_LINE 64u

static const X86Caches *
x86_cache_of(const X86Cpu *cpu, bool amd)
{
    return cpu->caches ? cpu->caches : amd ? &x86_caches_any_amd : &x86_caches_any;
}

/* ---- the host's own ------------------------------------------------------------------------------------------------------ */

static void
x86_cache_from_host(const X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
#if defined(__x86_64__)
    if (__get_cpuid_count(leaf, subleaf, &out[0], &out[1], &out[2], &out[3]) && (leaf == 4 || leaf == 0x8000001d) &&
        (out[0] & 31)) {
        /* Who shares it is a matter of this machine's topology. */
        uint32_t sharing = (out[0] >> 5 & 7) >= 3 ? 1u << (cpu->smt_bits + cpu->die_core_bits) : 1u << cpu->smt_bits;

        out[0] = (out[0] & 0x3fff) | (sharing - 1) << 14;
        if (leaf == 4) {
            out[0] |= MIN((1u << cpu->core_bits) - 1, 63) << 26;
        }
    }
#endif
}

/* ---- leaves 4 and 8000001DH -------------------------------------------------------------------------------------------- */

/* How many APIC IDs share it. */
static uint32_t
x86_cache_sharing(const X86Cpu *cpu, unsigned n, bool amd)
{
    uint8_t flags = x86_cache_of(cpu, amd)->cache[n].flags;

    if (flags & PACKAGE) {
        return 1u << (cpu->smt_bits + cpu->core_bits);
    }
    if (flags & DIE) {
        return 1u << (cpu->smt_bits + cpu->die_core_bits);
    }
    /* Leaf 4 has the first level for one thread, as machines that are older than the property have it. */
    return n < 2 && !amd && !cpu->l1_cache_per_core ? 1 : 1u << cpu->smt_bits;
}

static void
x86_cache_describe(const X86Cpu *cpu, unsigned n, uint32_t out[4], bool amd)
{
    static const uint8_t types[X86_N_CACHES] = {1, 2, 3, 3}, levels[X86_N_CACHES] = {1, 1, 2, 3};
    const X86Cache *c;

    if (n >= X86_N_CACHES || (!amd && n == 3 && !cpu->l3_cache)) {
        return;
    }
    c = &x86_cache_of(cpu, amd)->cache[n];
    out[0] = types[n] | (uint32_t)levels[n] << 5 | (c->flags & SELF ? 1u << 8 : 0) | (x86_cache_sharing(cpu, n, amd) - 1) << 14;
    if (!amd) {
        out[0] |= MIN((1u << cpu->core_bits) - 1, 63) << 26; /* addressable core IDs in the package */
    }
    out[1] = (X86_LINE - 1) | (uint32_t)(c->ways - 1) << 22;
    out[2] = c->sets - 1;
    out[3] = c->flags & (WBINVD | INCLUSIVE | HASHED);
}

/* ---- leaves 80000005H and 80000006H -------------------------------------------------------------------------------------- */

static uint32_t
x86_cache_kib(const X86Cache *c)
{
    return c->ways * c->sets * X86_LINE / 1024;
}

/* APM 3 E.4.4. */
static uint32_t
x86_cache_encode_ways(uint32_t ways)
{
    static const struct {
        uint8_t ways, code;
    } codes[] = {{2, 2}, {4, 4}, {8, 6}, {16, 8}, {32, 10}};

    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (codes[i].ways == ways) {
            return codes[i].code;
        }
    }
    return 0;
}

static void
x86_cache_leaf_5(const X86Cpu *cpu, uint32_t out[4])
{
    const X86Cache *c = x86_cache_of(cpu, true)->cache;

    out[0] = out[1] = 0x01ff01ff; /* 255-entry TLBs */
    for (unsigned n = 0; n < 2; n++) {
        out[2 + n] = x86_cache_kib(&c[n]) << 24 | (uint32_t)c[n].ways << 16 | 1u << 8 | X86_LINE;
    }
}

static void
x86_cache_leaf_6(const X86Cpu *cpu, uint32_t out[4])
{
    const X86Cache *c = x86_cache_of(cpu, true)->cache;

    out[1] = 4u << 28 | 512u << 16 | 4u << 12 | 512; /* 512-entry 4-way TLBs */
    out[2] = x86_cache_kib(&c[2]) << 16 | x86_cache_encode_ways(c[2].ways) << 12 | 1u << 8 | X86_LINE;
    if (cpu->l3_cache) {
        out[3] = x86_cache_kib(&c[3]) / 512 << 18 | x86_cache_encode_ways(c[3].ways) << 12 | 1u << 8 | X86_LINE;
    }
}

/* ---- leaf 2 ------------------------------------------------------------------------------------------------------------ */

/* SDM 2A, table 3-12; 0xff: see leaf 4. */
static uint32_t
x86_cache_descriptor(const X86Cpu *cpu, unsigned n)
{
    static const struct {
        uint8_t n, code, ways;
        uint16_t kib;
    } codes[] = {
        {0, 0x2c, 8, 32}, {1, 0x30, 8, 32}, {2, 0x80, 8, 512}, {2, 0x24, 16, 1024}, {2, 0x7d, 8, 2048}, {3, 0x4b, 16, 8192},
        {3, 0x4d, 16, 16384},
    };
    const X86Cache *c = &cpu->caches->cache[n];

    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (codes[i].n == n && codes[i].ways == c->ways && codes[i].kib == x86_cache_kib(c)) {
            return codes[i].code;
        }
    }
    return 0xff;
}

static void
x86_cache_leaf_2(const X86Cpu *cpu, uint32_t out[4])
{
    out[0] = 1;
    if (cpu->caches) {
        out[2] = cpu->l3_cache ? x86_cache_descriptor(cpu, 3) : 0;
        out[3] = x86_cache_descriptor(cpu, 0) << 16 | x86_cache_descriptor(cpu, 1) << 8 | x86_cache_descriptor(cpu, 2);
    } else { /* 16 MiB L3; 32 KiB L1D, 32 KiB L1I, 2 MiB L2 */
        out[2] = cpu->l3_cache ? 0x4d : 0;
        out[3] = 0x2c307d;
    }
}

/**
 * x86_cache_cpuid:
 * @out: zeroes
 *
 * The leaves that are about caches.
 */
void
x86_cache_cpuid(const X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    if (cpu->host_cache_info) {
        x86_cache_from_host(cpu, leaf, subleaf, out);
        return;
    }
    switch (leaf) {
    case 2:
        x86_cache_leaf_2(cpu, out);
        break;
    case 4:
    case 0x8000001d:
        x86_cache_describe(cpu, subleaf, out, leaf != 4);
        break;
    case 0x80000005:
        x86_cache_leaf_5(cpu, out);
        break;
    case 0x80000006:
        x86_cache_leaf_6(cpu, out);
        break;
    }
}
