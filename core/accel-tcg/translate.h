/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Translation of blocks and execution of translated code. */

#include "tcg-private.h"

bool tcg_translator_new(TcgMachine *m, uint64_t cache_size, GError **error);
void tcg_translator_free(TcgMachine *m);
bool tcg_translator_add_vcpu(EmuTcgVcpu *v, GError **error);
void tcg_translator_describe(TcgMachine *m, GString *out);

/* Forgets all translated code; every vCPU is parked. */
void tcg_translator_drop(TcgMachine *m);

/* Runs translated code on the vCPU's thread until there is a reason to come back. */
EmuTcgExit tcg_execute(EmuTcgVcpu *v);
