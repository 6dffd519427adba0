/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/object.h>

extern const EmuTypeInfo acpi_cpuhp_type_info;
extern const EmuTypeInfo acpi_memhp_type_info;
extern const EmuTypeInfo acpi_pcihp_type_info;
