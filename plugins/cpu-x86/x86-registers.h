/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/cpu.h>

/* What EmuCpuClass says about registers; index: place in the table. */
extern const EmuCpuRegister x86_registers[];
extern const gsize x86_n_registers;
void x86_read_register(EmuCpu *base, unsigned index, void *buf);
bool x86_write_register(EmuCpu *base, unsigned index, const void *buf);
