/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A line of text for the debug port, random numbers, memory. */

#include "system.h"

/* Output. */

static char line[8192];
static u32 line_length;

void
put(char c)
{
    if (line_length < sizeof(line)) {
        line[line_length++] = c;
    }
}

void
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

void
say(const char *s)
{
    while (*s) {
        put(*s++);
    }
}

void
field(const char *name, u64 v)
{
    put(' ');
    say(name);
    put('=');
    hex(v);
}

void
flush(void)
{
    const char *p = line;
    u32 n = line_length;

    put('\n');
    n = line_length;
    __asm__ volatile("rep outsb" : "+S"(p), "+c"(n) : "d"(0xe9) : "memory");
    line_length = 0;
}

void
new_line(void)
{
    line_length = 0;
}

/* Random numbers. */

static u64 rng_state;

u32
rng(void)
{
    u64 z = (rng_state += 0x9e3779b97f4a7c15ull);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return (u32)(z >> 32);
}

void
seed_random(u64 seed)
{
    rng_state = seed;
    rng();
}

u32
below(u32 n)
{
    return (u32)((u64)rng() * n >> 32);
}

int
one_in(u32 n)
{
    return below(n) == 0;
}

u32
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

void
copy_words(void *to, const void *from, u32 bytes)
{
    u32 n = bytes / 4;

    __asm__ volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

void
fill_words(void *to, u32 v, u32 bytes)
{
    u32 n = bytes / 4;

    __asm__ volatile("rep stosl" : "+D"(to), "+c"(n) : "a"(v) : "memory");
}
