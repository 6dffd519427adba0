/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the interpreter asks of the core, over a flat memory: for a test program that links the interpreter alone.  The
 * program sets @ram, RAM_SIZE bytes, and may set @port_written.
 */

#include <stdlib.h>

#include "../x86-interp.h"

#define RAM_SIZE (4u << 20)

extern uint8_t *ram;
extern void (*port_written)(uint32_t port, uint64_t value);
