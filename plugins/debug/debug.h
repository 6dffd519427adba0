/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/object.h>

extern const EmuTypeInfo isa_debugcon_type_info;
extern const EmuTypeInfo isa_debug_exit_type_info;
extern const EmuTypeInfo pc_testdev_type_info;
extern const EmuTypeInfo pci_testdev_type_info;
