/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The host CPU as oracle.  From every row of the decode table random encodings and states are made;
 * each is executed by the reference interpreter and natively in this process, and all defined state
 * is compared: general registers, flags, vector and x87 registers, memory, faults with vector, error
 * code and address.
 *
 * Guest addresses are host addresses: a data arena of two pages between unmapped pages, and one code
 * page.  Native code runs at CPL 3 and ends in INT3; a signal handler takes the state out.
 */

#include "oracle-native.h"
#include "random-insn.h"

extern X86State *guest;

/* ---- random values ---- */

uint64_t rnd_value(void);
void rnd_bytes(void *p, unsigned n);
/* Vector contents that floating point finds interesting. */
void rnd_vector(uint8_t *p);
void rnd_x87(uint8_t *p);

/* ---- states ---- */

/* Random registers of the kinds that @insn uses. */
void make_state(Cpu *c, const X86Insn *insn, const Mode *mode);
/* Makes @guest a user's code in @mode. */
void guest_segments(const Mode *mode);
void load_guest(const Cpu *c, const Mode *mode);
/* Executes @insn in @guest. */
void run_guest(const X86Insn *insn, const Mode *mode, Cpu *out);

/* ---- the cases, by subject ---- */

void add_row_tests(void);
void add_vex_tests(void);
void add_xsave_tests(void);
