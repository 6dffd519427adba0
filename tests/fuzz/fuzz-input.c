/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fuzz.h"

void
fuzz_input_init_seed(FuzzInput *in, uint64_t seed)
{
    *in = (FuzzInput){.state = seed};
}

void
fuzz_input_init_bytes(FuzzInput *in, const uint8_t *data, gsize len)
{
    *in = (FuzzInput){.data = data, .len = len};
}

bool
fuzz_input_ended(const FuzzInput *in)
{
    return in->data && in->pos >= in->len;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
fuzz_next(FuzzInput *in)
{
    uint64_t z = in->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint8_t
fuzz_u8(FuzzInput *in)
{
    uint8_t byte;

    if (in->data) {
        return in->pos < in->len ? in->data[in->pos++] : 0;
    }
    if (in->left == 0) {
        in->pool = fuzz_next(in);
        in->left = 8;
    }
    byte = (uint8_t)in->pool;
    in->pool >>= 8;
    in->left--;
    return byte;
}

uint32_t
fuzz_u32(FuzzInput *in)
{
    if (!in->data) {
        return (uint32_t)(fuzz_next(in) >> 32);
    }
    return fuzz_u8(in) | (uint32_t)fuzz_u8(in) << 8 | (uint32_t)fuzz_u8(in) << 16 | (uint32_t)fuzz_u8(in) << 24;
}

uint32_t
fuzz_below(FuzzInput *in, uint32_t n)
{
    uint32_t r;

    if (n <= 1) {
        return 0;
    }
    r = fuzz_u8(in);
    for (uint32_t limit = 0x100; limit < n && limit; limit <<= 8) {
        r = r << 8 | fuzz_u8(in);
    }
    return r % n;
}
