/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "pc-machine.h"

typedef enum { PC_BOOT_LOADED, PC_BOOT_FAILED, PC_BOOT_NOT_MINE } PcBootResult;

/* The contents of the file of an option; the message names both. */
GBytes *pc_boot_read_file(const char *option, const char *path, GError **error);
void pc_boot_add_rom(PcMachine *self, const char *name, const void *rom, gsize len);

/* pc-multiboot.c */
PcBootResult pc_multiboot_load(PcMachine *self, GBytes *file, GError **error);

/* pc-pvh.c */
PcBootResult pc_pvh_load(PcMachine *self, GBytes *file, GError **error);
