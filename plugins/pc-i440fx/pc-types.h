/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pc-versions.h"

#include <emu/object.h>

extern const EmuTypeInfo pc_machine_type_info;
extern const EmuTypeInfo pc_version_type_infos[]; /* ends with a NULL name */
