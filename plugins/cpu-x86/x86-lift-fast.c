/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Helpers compiled for general registers only: while they run, the guest's vector and x87 state is in the host's
 * registers. They do what is common and leave everything else to the interpreter, which finds the registers as far
 * as they got.
 */

#include "x86-lift.h"

#define PAGE 4096u
/* Elements between looks at requests: the interpreter goes on, and is the one that looks. */
#define SLICE_PAGES 16

static inline uint64_t
room(uint64_t address)
{
    return PAGE - (address & (PAGE - 1));
}

/* What of the registers counts as address or counter. */
static inline uint64_t
part(uint64_t value, uint64_t what)
{
    return what & X86_FAST_ADDR32 ? (uint32_t)value : value;
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
        X86_LOW(s, X86_RCX) = left;
    }
    return left == 0 ? EMU_TCG_HELPER_GO_ON : EMU_TCG_HELPER_INTERP;
}

uint64_t
x86_fast_movs(EmuTcgState *tcg, uint64_t what, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    X86State *s = (X86State *)tcg;
    unsigned size = what & 15;
    uint64_t left = what & X86_FAST_REP ? part(X86_LOW(s, X86_RCX), what) : 1;

    if (s->eflags & X86_DF) {
        return EMU_TCG_HELPER_INTERP;
    }
    for (unsigned page = 0; left && page < SLICE_PAGES; page++) {
        uint64_t from = part(X86_LOW(s, X86_RSI), what), to = part(X86_LOW(s, X86_RDI), what);
        uint64_t bytes = room(from) < room(to) ? room(from) : room(to), n = bytes / size;
        const void *src = emu_tcg_fast_pointer(tcg, from, EMU_TCG_READ);
        void *dst = emu_tcg_fast_pointer(tcg, to, EMU_TCG_WRITE);

        n = n < left ? n : left;
        if (!src || !dst || n == 0) {
            break;
        }
        copy(dst, src, n, size);
        X86_LOW(s, X86_RSI) = part(from + n * size, what);
        X86_LOW(s, X86_RDI) = part(to + n * size, what);
        left -= n;
    }
    return finish(s, what, left);
}

uint64_t
x86_fast_stos(EmuTcgState *tcg, uint64_t what, uint64_t b G_GNUC_UNUSED, uint64_t c G_GNUC_UNUSED)
{
    X86State *s = (X86State *)tcg;
    unsigned size = what & 15;
    uint64_t left = what & X86_FAST_REP ? part(X86_LOW(s, X86_RCX), what) : 1;

    if (s->eflags & X86_DF) {
        return EMU_TCG_HELPER_INTERP;
    }
    for (unsigned page = 0; left && page < SLICE_PAGES; page++) {
        uint64_t to = part(X86_LOW(s, X86_RDI), what), n = room(to) / size;
        void *dst = emu_tcg_fast_pointer(tcg, to, EMU_TCG_WRITE);

        n = n < left ? n : left;
        if (!dst || n == 0) {
            break;
        }
        fill(dst, X86_LOW(s, X86_RAX), n, size);
        X86_LOW(s, X86_RDI) = part(to + n * size, what);
        left -= n;
    }
    return finish(s, what, left);
}
