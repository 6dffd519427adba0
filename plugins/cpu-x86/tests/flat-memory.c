/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "flat-memory.h"

uint8_t *ram;
void (*port_written)(uint32_t port, uint64_t value);

static bool
at(EmuTcgState *s, uint64_t vaddr, EmuTcgAccess access, unsigned mode, uint8_t **p)
{
    EmuTcgTranslation t;

    if (!x86_walk(s, vaddr, access, mode, true, &t)) {
        return false;
    }
    *p = t.phys < RAM_SIZE ? ram + t.phys : NULL;
    return true;
}

bool
emu_tcg_read(EmuTcgState *s, uint64_t vaddr, void *dst, unsigned size, unsigned mmu_mode)
{
    for (unsigned i = 0; i < size; i++) {
        uint8_t *p;

        if (!at(s, vaddr + i, EMU_TCG_READ, mmu_mode, &p)) {
            return false;
        }
        ((uint8_t *)dst)[i] = p ? *p : 0xff;
    }
    return true;
}

bool
emu_tcg_write(EmuTcgState *s, uint64_t vaddr, const void *src, unsigned size, unsigned mmu_mode)
{
    uint8_t *first, *last;

    if (!at(s, vaddr, EMU_TCG_WRITE, mmu_mode, &first) || !at(s, vaddr + size - 1, EMU_TCG_WRITE, mmu_mode, &last)) {
        return false;
    }
    /* (what is written may be the tables that led here) */
    for (unsigned i = 0; i < size; i++) {
        bool next_page = (vaddr ^ (vaddr + i)) >> 12;

        if (next_page ? last != NULL : first != NULL) {
            *(next_page ? last - (size - 1 - i) : first + i) = ((const uint8_t *)src)[i];
        }
    }
    return true;
}

unsigned
emu_tcg_fetch(EmuTcgState *s, uint64_t vaddr, void *dst, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        uint8_t *p;

        if (!at(s, vaddr + i, EMU_TCG_FETCH, s->mmu_mode, &p)) {
            return i;
        }
        ((uint8_t *)dst)[i] = p ? *p : 0xff;
    }
    return size;
}

void *
emu_tcg_host_pointer(EmuTcgState *s, uint64_t vaddr, unsigned size, EmuTcgAccess access,
                     unsigned mmu_mode, bool *fault)
{
    uint8_t *p;

    *fault = !at(s, vaddr, access, mmu_mode, &p);
    return *fault || (vaddr & 0xfff) + size > 0x1000 ? NULL : p;
}

void
emu_tcg_set_fp_trap(const void *resume, uint32_t *mxcsr)
{
}

uint64_t
emu_tcg_phys_load(EmuTcgState *s, uint64_t phys, unsigned size)
{
    uint64_t v = 0;

    if (phys + size <= RAM_SIZE) {
        memcpy(&v, ram + phys, size);
    }
    return v;
}

void
emu_tcg_phys_store(EmuTcgState *s, uint64_t phys, uint64_t value, unsigned size)
{
    if (phys + size <= RAM_SIZE) {
        memcpy(ram + phys, &value, size);
    }
}

bool
emu_tcg_phys_cas(EmuTcgState *s, uint64_t phys, uint64_t expected, uint64_t desired, unsigned size)
{
    if (phys + size <= RAM_SIZE) {
        memcpy(ram + phys, &desired, size);
    }
    return true;
}

uint64_t
emu_tcg_port_in(EmuTcgState *s, uint32_t port, unsigned size)
{
    return 0x11223344;
}

void
emu_tcg_port_out(EmuTcgState *s, uint32_t port, uint64_t value, unsigned size)
{
    if (port_written) {
        port_written(port, value);
    }
}
