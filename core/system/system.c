/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "system/system.h"

int
emu_main(int argc G_GNUC_UNUSED, char **argv G_GNUC_UNUSED)
{
    return 0;
}
