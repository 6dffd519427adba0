/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The emu program: everything happens in libemu-core. */

#include "system/system.h"

int
main(int argc, char **argv)
{
    return emu_main(argc, argv);
}
