/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/cpu.h>

G_BEGIN_DECLS

void emu_cpu_set_index(EmuCpu *self, unsigned index);
EmuCpu *emu_cpu_get_current(void); /* of the calling thread; NULL elsewhere */

/* Halted, and nothing there that wakes it. On its thread, or parked; big lock held. */
bool emu_cpu_waits(EmuCpu *self);

/* Main thread, big lock held. A CPU parks when it is asked to, and settles when all have parked: then it is stopped, its state whole. */
void emu_cpu_request_stop(EmuCpu *self);
bool emu_cpu_is_parked(EmuCpu *self);
void emu_cpu_settle(EmuCpu *self);
bool emu_cpu_is_stopped(EmuCpu *self);
void emu_cpu_before_resume(EmuCpu *self);
void emu_cpu_resume(EmuCpu *self);
void emu_cpu_take_down(EmuCpu *self);

/* "kvm", "tcg,mode=interp": an accelerator with its properties set; NULL and @error when there is none of the name. */
EmuAccel *emu_accel_new_from_text(const char *text, GError **error);

G_END_DECLS
