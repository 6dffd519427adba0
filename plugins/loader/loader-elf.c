/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ELF files of both widths, little-endian: what the program header table says is loaded. */

#include "loader.h"

#include <elf.h>
#include <inttypes.h>
#include <string.h>

#define LOADER_ELF_MAX (UINT64_C(1) << 31) /* of memory that a segment takes */

void
loader_blob_free(gpointer data)
{
    LoaderBlob *blob = data;

    g_free(blob->data);
    g_free(blob);
}

bool
loader_elf_is(const uint8_t *file, gsize len)
{
    return len >= EI_NIDENT && memcmp(file, ELFMAG, SELFMAG) == 0;
}

static bool
loader_elf_fail(GError **error, const char *what)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "the ELF file %s", what);
    return false;
}

static bool
loader_elf_add_segment(const uint8_t *file, gsize len, uint64_t offset, uint64_t file_size, uint64_t mem_size, uint64_t address,
                       GPtrArray *blobs, GError **error)
{
    LoaderBlob *blob;

    if (offset > len || file_size > len - offset || mem_size < file_size || mem_size > LOADER_ELF_MAX) {
        return loader_elf_fail(error, "has a segment that is not within it");
    }
    if (mem_size == 0) {
        return true;
    }
    blob = g_new0(LoaderBlob, 1);
    blob->address = address;
    blob->len = mem_size;
    blob->data = g_malloc0(mem_size);
    memcpy(blob->data, file + offset, file_size);
    g_ptr_array_add(blobs, blob);
    return true;
}

bool
loader_elf_load(const uint8_t *file, gsize len, GPtrArray *blobs, uint64_t *entry, GError **error)
{
    bool wide = len > EI_CLASS && file[EI_CLASS] == ELFCLASS64;
    uint64_t table;
    unsigned n;

    if (len < (wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)) || file[EI_DATA] != ELFDATA2LSB) {
        return loader_elf_fail(error, "is too short or not little-endian");
    }
    if (wide) {
        Elf64_Ehdr header;

        memcpy(&header, file, sizeof header);
        *entry = header.e_entry;
        table = header.e_phoff;
        n = header.e_phentsize == sizeof(Elf64_Phdr) ? header.e_phnum : 0;
    } else {
        Elf32_Ehdr header;

        memcpy(&header, file, sizeof header);
        *entry = header.e_entry;
        table = header.e_phoff;
        n = header.e_phentsize == sizeof(Elf32_Phdr) ? header.e_phnum : 0;
    }
    if (n == 0 || table > len || n * (wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) > len - table) {
        return loader_elf_fail(error, "has no program header table within it");
    }
    for (unsigned i = 0; i < n; i++) {
        Elf64_Phdr p;

        if (wide) {
            memcpy(&p, file + table + i * sizeof p, sizeof p);
        } else {
            Elf32_Phdr p32;

            memcpy(&p32, file + table + i * sizeof p32, sizeof p32);
            p = (Elf64_Phdr){.p_type = p32.p_type, .p_offset = p32.p_offset, .p_paddr = p32.p_paddr, .p_filesz = p32.p_filesz, .p_memsz = p32.p_memsz};
        }
        if (p.p_type == PT_LOAD && !loader_elf_add_segment(file, len, p.p_offset, p.p_filesz, p.p_memsz, p.p_paddr, blobs, error)) {
            return false;
        }
    }
    return true;
}
