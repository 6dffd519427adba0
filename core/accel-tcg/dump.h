/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* -d in_asm, op, out_asm. */

#include "cache.h"

void tcg_dump_block(TcgCache *c, const TcgBlock *b, const EmuTcgIr *ir, const uint8_t *guest, unsigned avail);
