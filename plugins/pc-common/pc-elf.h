/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* ELF executables as kernels: the loadable segments as one image in physical memory. */

#include <emu/macros.h>

#define PC_ELF_MAX_IMAGE (UINT64_C(1) << 30)

typedef struct {
    const uint8_t *data;
    gsize len;

    bool is_64;
    uint16_t machine;
    uint64_t entry;     /* physical */
    uint32_t load_addr; /* of the image's first byte */
    uint32_t size;      /* with .bss */
    uint64_t phoff;
    unsigned phnum;
} PcElf;

/* Reads the headers; false and a reason in *why when the file is not what we can load. */
bool pc_elf_open(PcElf *self, const uint8_t *data, gsize len, const char **why);
/* Appends the image to @out, which is empty. */
void pc_elf_load(const PcElf *self, GByteArray *out);
/* Contents of the note @type of @owner; NULL when there is none. */
const uint8_t *pc_elf_find_note(const PcElf *self, const char *owner, uint32_t type, gsize *len);
