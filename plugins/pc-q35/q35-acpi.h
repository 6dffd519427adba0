/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The tables that this board has or has differently. */

#include "pc-acpi.h"

guint q35_acpi_add_dsdt(PcAcpi *acpi, EmuPciDevice *mch);
/* MCFG; DMAR when there is a remapping unit. */
void q35_acpi_add_tables(PcAcpi *acpi, EmuPciDevice *mch, guint *tables, guint *n);
