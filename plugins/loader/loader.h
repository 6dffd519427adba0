/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/object.h>

/* A stretch of bytes and where it goes. */
typedef struct {
    uint64_t address;
    uint8_t *data;
    gsize len;
} LoaderBlob;

void loader_blob_free(gpointer blob);
/* Is it an ELF file at all? */
bool loader_elf_is(const uint8_t *file, gsize len);
/* Appends the segments (element-type LoaderBlob) and gives the entry. */
bool loader_elf_load(const uint8_t *file, gsize len, GPtrArray *blobs, uint64_t *entry, GError **error);

/* U-Boot's legacy images, not packed or by gzip, and Intel HEX; likewise. */
bool loader_uimage_is(const uint8_t *file, gsize len);
bool loader_uimage_load(const uint8_t *file, gsize len, GPtrArray *blobs, uint64_t *entry, GError **error);
bool loader_hex_is(const uint8_t *file, gsize len);
bool loader_hex_load(const uint8_t *file, gsize len, GPtrArray *blobs, uint64_t *entry, GError **error);

extern const EmuTypeInfo loader_type_info;
