/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/fw-cfg.h>

extern const EmuTypeInfo fw_cfg_io_type_info;
