/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The accelerator as the interpreter's tests have it: one CPU, and nothing that is kept of page tables. */

#include <emu/tcg.h>

void
emu_tcg_exclusive(EmuTcgState *s, void (*fn)(EmuTcgState *s, void *opaque), void *opaque)
{
    fn(s, opaque);
}

void
emu_tcg_flush_all(EmuTcgState *s)
{
}

void
emu_tcg_flush_space(EmuTcgState *s, uint32_t space)
{
}

void
emu_tcg_set_context(EmuTcgState *s, const EmuTcgContext *to)
{
}

void
emu_tcg_flush_context(EmuTcgState *s, uint32_t id)
{
}

void
emu_tcg_flush_context_page(EmuTcgState *s, uint32_t id, uint64_t vaddr)
{
}

void
emu_tcg_flush_page(EmuTcgState *s, uint64_t vaddr)
{
}
