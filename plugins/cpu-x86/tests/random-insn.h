/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Random numbers, random encodings of a row of the decode table, and what of the x87 and SSE state two runs are compared by. */

#include "../x86-insn.h"

extern uint64_t rng_state;

uint64_t rnd(void);
unsigned rnd_below(unsigned n);

/* RANDOM_SEGMENTS: overrides too. RANDOM_VVVV: VEX.vvvv also where no operand uses it. */
enum { RANDOM_SEGMENTS = 1, RANDOM_VVVV = 2 };

/* Prefixes, escape bytes, and at least 16 bytes behind the opcode, with ModRM as the row wants it. */
void random_insn_bytes(const X86Row *row, bool code64, unsigned how, uint8_t *b);

/* Which part of the legacy region differs: the first @n_xmm registers, control and status words, the x87 registers in use. NULL: none. */
const char *fx_difference(const X86Fxsave *a, const X86Fxsave *b, unsigned n_xmm);
