/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pc-elf.h"

#include <elf.h>
#include <string.h>

static bool
pc_elf_fail(const char **why, const char *what)
{
    *why = what;
    return false;
}

/* Program header @index; the file has been checked to hold it. */
static Elf64_Phdr
pc_elf_get_phdr(const PcElf *self, unsigned index)
{
    Elf64_Phdr phdr;
    Elf32_Phdr small;

    if (self->is_64) {
        memcpy(&phdr, self->data + self->phoff + index * sizeof phdr, sizeof phdr);
        return phdr;
    }
    memcpy(&small, self->data + self->phoff + index * sizeof small, sizeof small);
    return (Elf64_Phdr){.p_type = small.p_type, .p_offset = small.p_offset, .p_vaddr = small.p_vaddr, .p_paddr = small.p_paddr,
                        .p_filesz = small.p_filesz, .p_memsz = small.p_memsz, .p_align = small.p_align};
}

bool
pc_elf_open(PcElf *self, const uint8_t *data, gsize len, const char **why)
{
    uint64_t low = UINT64_MAX, high = 0;
    gsize phdr_size;
    uint16_t phentsize;

    *self = (PcElf){.data = data, .len = len};
    if (len < sizeof(Elf64_Ehdr) || memcmp(data, ELFMAG, SELFMAG) != 0 || data[EI_DATA] != ELFDATA2LSB ||
        (data[EI_CLASS] != ELFCLASS32 && data[EI_CLASS] != ELFCLASS64)) {
        return pc_elf_fail(why, "it is no little-endian ELF file");
    }
    self->is_64 = data[EI_CLASS] == ELFCLASS64;
    if (self->is_64) {
        Elf64_Ehdr ehdr;

        memcpy(&ehdr, data, sizeof ehdr);
        self->machine = ehdr.e_machine;
        self->entry = ehdr.e_entry;
        self->phoff = ehdr.e_phoff;
        self->phnum = ehdr.e_phnum;
        phentsize = ehdr.e_phentsize;
        phdr_size = sizeof(Elf64_Phdr);
    } else {
        Elf32_Ehdr ehdr;

        memcpy(&ehdr, data, sizeof ehdr);
        self->machine = ehdr.e_machine;
        self->entry = ehdr.e_entry;
        self->phoff = ehdr.e_phoff;
        self->phnum = ehdr.e_phnum;
        phentsize = ehdr.e_phentsize;
        phdr_size = sizeof(Elf32_Phdr);
    }
    if (self->machine != EM_386 && self->machine != EM_X86_64) {
        return pc_elf_fail(why, "it is an ELF file for another processor");
    }
    if (phentsize != phdr_size || self->phoff > len || (len - self->phoff) / phdr_size < self->phnum) {
        return pc_elf_fail(why, "its program headers lie outside the file");
    }
    for (unsigned i = 0; i < self->phnum; i++) {
        Elf64_Phdr phdr = pc_elf_get_phdr(self, i);

        if (phdr.p_offset > len || len - phdr.p_offset < phdr.p_filesz) {
            return pc_elf_fail(why, "a segment lies outside the file");
        }
        if (phdr.p_type != PT_LOAD || phdr.p_memsz == 0) {
            continue;
        }
        if (phdr.p_filesz > phdr.p_memsz || phdr.p_paddr > UINT32_MAX || phdr.p_memsz > UINT32_MAX) {
            return pc_elf_fail(why, "a segment has no sensible size");
        }
        low = MIN(low, phdr.p_paddr);
        high = MAX(high, phdr.p_paddr + phdr.p_memsz);
        /* The entry is virtual when the segment's addresses differ. */
        if (phdr.p_vaddr != phdr.p_paddr && self->entry >= phdr.p_vaddr && self->entry - phdr.p_vaddr < phdr.p_memsz) {
            self->entry = self->entry - phdr.p_vaddr + phdr.p_paddr;
        }
    }
    if (high <= low || high - low > PC_ELF_MAX_IMAGE || high > UINT32_MAX) {
        return pc_elf_fail(why, "its segments span no sensible range");
    }
    self->load_addr = low;
    self->size = high - low;
    return true;
}

void
pc_elf_load(const PcElf *self, GByteArray *out)
{
    g_byte_array_set_size(out, self->size);
    memset(out->data, 0, self->size);
    for (unsigned i = 0; i < self->phnum; i++) {
        Elf64_Phdr phdr = pc_elf_get_phdr(self, i);

        if (phdr.p_type == PT_LOAD && phdr.p_memsz) {
            memcpy(out->data + (phdr.p_paddr - self->load_addr), self->data + phdr.p_offset, phdr.p_filesz);
        }
    }
}

const uint8_t *
pc_elf_find_note(const PcElf *self, const char *owner, uint32_t type, gsize *len)
{
    for (unsigned i = 0; i < self->phnum; i++) {
        Elf64_Phdr phdr = pc_elf_get_phdr(self, i);
        const uint8_t *p = self->data + phdr.p_offset;
        uint64_t left = phdr.p_filesz;

        while (phdr.p_type == PT_NOTE && left >= sizeof(Elf32_Nhdr)) {
            Elf32_Nhdr nhdr;
            uint64_t name_size, size;

            memcpy(&nhdr, p, sizeof nhdr);
            name_size = ((uint64_t)nhdr.n_namesz + 3) & ~UINT64_C(3);
            size = sizeof nhdr + name_size + (((uint64_t)nhdr.n_descsz + 3) & ~UINT64_C(3));
            if (size > left) {
                break;
            }
            if (nhdr.n_type == type && nhdr.n_namesz == strlen(owner) + 1 && memcmp(p + sizeof nhdr, owner, nhdr.n_namesz) == 0) {
                *len = nhdr.n_descsz;
                return p + sizeof nhdr + name_size;
            }
            p += size;
            left -= size;
        }
    }
    return NULL;
}
