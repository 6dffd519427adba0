/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Helpers compiled for general registers only: while they run, the guest's vector and x87 state is in the host's
 * registers. They do what is common and leave everything else to the interpreter, which finds the registers as far
 * as they got.
 */

#include "x86-lift.h"

#define PAGE 4096u
/* Elements between looks at requests: the interpreter goes on, and is the one that looks. */
#define SLICE_PAGES 64

static inline uint64_t
room(uint64_t address)
{
    return PAGE - (address & (PAGE - 1));
}

/* What of a register counts as address or counter. */
static inline uint64_t
part(uint64_t value, uint64_t what)
{
    return what & X86_FAST_ADDR32 ? (uint32_t)value : what & X86_FAST_ADDR16 ? (uint16_t)value : value;
}

/* The register with that part replaced. */
static inline uint64_t
replaced(uint64_t reg, uint64_t value, uint64_t what)
{
    return what & X86_FAST_ADDR16 ? (reg & ~UINT64_C(0xffff)) | (uint16_t)value : part(value, what);
}

/*
 * The linear address of @offset in @segment, and how many bytes from there on are in one page, within the limit, and before the
 * offset wraps. Segments that have a limit of 4G are as those that are not checked.
 */
static inline uint64_t
linear(X86State *s, uint64_t what, unsigned segment, uint64_t offset, uint64_t *bytes)
{
    uint64_t address = offset, n;

    if (what & X86_FAST_SEGMENTS) {
        address = (uint32_t)(offset + *x86_seg_base(s, segment));
    }
    *bytes = room(address);
    if (what & X86_FAST_ADDR16) {
        n = 0x10000 - offset;
        *bytes = n < *bytes ? n : *bytes;
    }
    if ((what & X86_FAST_SEGMENTS) && !(s->tcg.mode_key & X86_MODE_NOLIMIT(segment))) {
        n = offset <= s->seg[segment].limit ? s->seg[segment].limit - offset + 1 : 0;
        *bytes = n < *bytes ? n : *bytes;
    }
    return address;
}

/* The host's own instructions: overlapping operands behave as the guest's do. */
static inline void
copy(void *to, const void *from, uint64_t n, unsigned size)
{
#if defined(__x86_64__)
    switch (size) {
    case 1:
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        break;
    case 2:
        __asm__ volatile("rep movsw" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        break;
    case 4:
        __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        break;
    default:
        if (n <= 16) {
            volatile uint64_t *d = to;
            const volatile uint64_t *s = from;

            for (uint64_t i = 0; i < n; i++) {
                d[i] = s[i];
            }
            break;
        }
        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        break;
    }
#else
    for (uint64_t i = 0; i < n; i++) {
        __builtin_memcpy((char *)to + i * size, (const char *)from + i * size, size);
    }
#endif
}

static inline void
fill(void *to, uint64_t value, uint64_t n, unsigned size)
{
#if defined(__x86_64__)
    switch (size) {
    case 1:
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
        break;
    case 2:
        __asm__ volatile("rep stosw" : "+D"(to), "+c"(n) : "a"(value) : "memory");
        break;
    case 4:
        __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(value) : "memory");
        break;
    default:
        __asm__ volatile("rep stosq" : "+D"(to), "+c"(n) : "a"(value) : "memory");
        break;
    }
#else
    for (uint64_t i = 0; i < n; i++) {
        __builtin_memcpy((char *)to + i * size, &value, size);
    }
#endif
}

static inline uint64_t
finish(X86State *s, uint64_t what, uint64_t left)
{
    if (what & X86_FAST_REP) {
        X86_LOW(s, X86_RCX) = replaced(X86_LOW(s, X86_RCX), left, what);
    }
    return left == 0 ? EMU_TCG_HELPER_GO_ON : EMU_TCG_HELPER_INTERP;
}

static inline __attribute__((always_inline)) uint64_t
movs(EmuTcgState *tcg, uint64_t what)
{
    X86State *s = (X86State *)tcg;
    unsigned size = what & 15, shift = (unsigned)__builtin_ctz(size);
    uint64_t left = what & X86_FAST_REP ? part(X86_LOW(s, X86_RCX), what) : 1;

    if (s->eflags & X86_DF) {
        return EMU_TCG_HELPER_INTERP;
    }
    for (unsigned page = 0; left && page < SLICE_PAGES; page++) {
        uint64_t from = part(X86_LOW(s, X86_RSI), what), to = part(X86_LOW(s, X86_RDI), what), bytes, more;
        const void *src = emu_tcg_fast_pointer(tcg, linear(s, what, what >> X86_FAST_SOURCE_SHIFT & 7, from, &bytes), EMU_TCG_READ);
        void *dst = emu_tcg_fast_pointer(tcg, linear(s, what, X86_ES, to, &more), EMU_TCG_WRITE);
        uint64_t n = (bytes < more ? bytes : more) >> shift;

        n = n < left ? n : left;
        if (!src || !dst || n == 0) {
            break;
        }
        copy(dst, src, n, size);
        X86_LOW(s, X86_RSI) = replaced(X86_LOW(s, X86_RSI), from + n * size, what);
        X86_LOW(s, X86_RDI) = replaced(X86_LOW(s, X86_RDI), to + n * size, what);
        left -= n;
    }
    return finish(s, what, left);
}

uint64_t
x86_fast_movs(EmuTcgState *tcg, uint64_t what, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    return movs(tcg, what);
}

/* Short copies, which compilers make with REP MOVSQ, are frequent: nothing of them may look at what their kind cannot have. */
uint64_t
x86_fast_movs_flat64(EmuTcgState *tcg, uint64_t what, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    return what == (X86_FAST_REP | 8) ? movs(tcg, X86_FAST_REP | 8) : movs(tcg, what & (X86_FAST_REP | 15));
}

uint64_t
x86_fast_stos(EmuTcgState *tcg, uint64_t what, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    X86State *s = (X86State *)tcg;
    unsigned size = what & 15, shift = (unsigned)__builtin_ctz(size);
    uint64_t left = what & X86_FAST_REP ? part(X86_LOW(s, X86_RCX), what) : 1;

    if (s->eflags & X86_DF) {
        return EMU_TCG_HELPER_INTERP;
    }
    for (unsigned page = 0; left && page < SLICE_PAGES; page++) {
        uint64_t to = part(X86_LOW(s, X86_RDI), what), bytes;
        void *dst = emu_tcg_fast_pointer(tcg, linear(s, what, X86_ES, to, &bytes), EMU_TCG_WRITE);
        uint64_t n = bytes >> shift;

        n = n < left ? n : left;
        if (!dst || n == 0) {
            break;
        }
        fill(dst, X86_LOW(s, X86_RAX), n, size);
        X86_LOW(s, X86_RDI) = replaced(X86_LOW(s, X86_RDI), to + n * size, what);
        left -= n;
    }
    return finish(s, what, left);
}

uint64_t
x86_fast_gather(EmuTcgState *tcg, uint64_t what, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    X86State *s = (X86State *)tcg;
    X86FastGather g = {.word = what};
    unsigned n = (g.is_256 ? 32 : 16) / (g.size > g.index_size ? g.size : g.index_size);
    const uint8_t *index = s->gather[0], *mask = s->gather[1];
    uint8_t *data = s->gather[2], *page = NULL;
    uint64_t base = (g.base == X86_NO_REG ? 0 : *x86_gpr(s, g.base)) + (uint64_t)(int64_t)g.disp, page_at = 1;
    uint64_t segment = g.linear32 || g.segment >= X86_FS ? *x86_seg_base(s, g.segment) : 0;

    for (unsigned i = 0; i < n; i++) {
        uint64_t at;

        if (!(mask[i * g.size + g.size - 1] & 0x80)) {
            continue;
        }
        at = g.index_size == 8 ? *(const uint64_t *)(index + 8 * i) : (uint64_t)(int64_t) * (const int32_t *)(index + 4 * i);
        at = base + (at << g.scale);
        at = (g.addr32 ? (uint32_t)at : at) + segment;
        at = g.linear32 ? (uint32_t)at : at;
        if (room(at) < g.size) {
            return EMU_TCG_HELPER_INTERP;
        }
        if ((at & ~(uint64_t)(PAGE - 1)) != page_at) {
            page_at = at & ~(uint64_t)(PAGE - 1);
            page = emu_tcg_fast_pointer(tcg, page_at, EMU_TCG_READ);
            if (!page) {
                return EMU_TCG_HELPER_INTERP;
            }
        }
        if (g.size == 8) {
            *(uint64_t *)(data + 8 * i) = *(const volatile uint64_t *)(page + (at - page_at));
        } else {
            *(uint32_t *)(data + 4 * i) = *(const volatile uint32_t *)(page + (at - page_at));
        }
    }
    for (unsigned i = n * g.size; i < 32; i += 4) {
        *(uint32_t *)(data + i) = 0;
    }
    return EMU_TCG_HELPER_GO_ON;
}
