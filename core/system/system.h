/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/machine.h>

/* Options, start-up, main loop, clean-up; returns the process' exit status. */
EMU_AVAILABLE_IN_1_0 int emu_main(int argc, char **argv);
