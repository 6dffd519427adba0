/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pc-versions.h"

#include <emu/object.h>

extern const EmuTypeInfo q35_machine_type_info;
extern const EmuTypeInfo q35_version_type_infos[]; /* ends with a NULL name */
