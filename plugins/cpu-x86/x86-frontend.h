/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "x86-insn.h"
#include "x86-lift.h"

/*
 * What the translator calls, as designated initialisers of an EmuTcgFrontend: the CPU's own front end adds a disassembler, a test one of its
 * own for a member named after these.
 */
#define X86_FRONTEND_ENTRIES                                                                       \
    .struct_size = sizeof(EmuTcgFrontend), .name = "x86", .isa = "x86-64", .state_size = sizeof(X86State), .globals = x86_globals, \
    .n_globals = X86_N_GLOBALS, .fx_offset = offsetof(X86State, fx),                               \
    .ymm_high_offset = offsetof(X86State, xsave) + X86_XSAVE_YMM_HIGH, .ymm_mode_bit = X86_MODE_AVX_SHIFT, \
    .get_pc = x86_get_pc, .set_pc = x86_set_pc, .interp = x86_interp, .rare_modes = X86_MODE_CS_BASED, .straddles = x86_straddles, \
    .refuse_branch = x86_refuse_branch, .flags_dead = x86_flags_dead, .encode_template = x86_encode_template, .walk = x86_walk, \
    .raise_recorded = x86_raise_recorded, .interrupt_wanted = x86_interrupt_wanted, .deliver_interrupt = x86_deliver_interrupt, \
    .has_work = x86_has_work
