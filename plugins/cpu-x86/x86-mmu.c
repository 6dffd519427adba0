/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Page walk: none, 32-bit with PSE, PAE, 4-level (SDM 3A chapter 4).  Accessed and dirty bits are
 * set by compare-and-swap once the access is known to be allowed; a lost race walks again.
 */

#include "x86-interp.h"

#define PTE_P (1u << 0)
#define PTE_W (1u << 1)
#define PTE_U (1u << 2)
#define PTE_A (1u << 5)
#define PTE_D (1u << 6)
#define PTE_PS (1u << 7)
#define PTE_G (1u << 8)
#define PTE_NX (UINT64_C(1) << 63)

enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16 };

typedef struct {
    X86State *s;
    uint64_t vaddr;
    EmuTcgAccess access;
    unsigned mmu_mode;
    bool record;
    unsigned levels;
    uint64_t at[4], entry[4]; /* top first */
    unsigned size;            /* of an entry */
} Walk;

static bool
walk_fault(Walk *w, uint32_t bits)
{
    X86State *s = w->s;

    if (w->record) {
        if (w->access == EMU_TCG_WRITE) {
            bits |= PF_W;
        }
        if (w->mmu_mode == X86_MMU_USER) {
            bits |= PF_U;
        }
        if (w->access == EMU_TCG_FETCH &&
            (((s->cr4 & X86_CR4_PAE) && (s->efer & X86_EFER_NXE)) || (s->cr4 & X86_CR4_SMEP))) {
            bits |= PF_I;
        }
        s->exception = X86_EXC_PF;
        s->has_error_code = 1;
        s->exception_is_soft = 0;
        s->error_code = bits;
        s->exception_cr2 = w->vaddr;
    }
    return false;
}

static uint64_t
walk_load(Walk *w, uint64_t table, unsigned index)
{
    unsigned i = w->levels++;

    w->at[i] = (table + index * w->size) & w->s->a20_mask;
    w->entry[i] = emu_tcg_phys_load(&w->s->tcg, w->at[i], w->size);
    return w->entry[i];
}

static bool
walk_set_bits(Walk *w, unsigned i, uint64_t bits)
{
    uint64_t old = w->entry[i];

    if ((old & bits) == bits) {
        return true;
    }
    w->entry[i] = old | bits;
    return emu_tcg_phys_cas(&w->s->tcg, w->at[i], old, old | bits, w->size);
}

/* One attempt; *retry when an entry changed under us. */
static bool
walk_once(Walk *w, EmuTcgTranslation *out, bool *retry)
{
    X86State *s = w->s;
    uint64_t va = w->vaddr, e, reserved, page, all = PTE_W | PTE_U, nx = 0;
    bool write, user_page, wp = s->cr0 & X86_CR0_WP, granted;
    uint32_t prot = 0;
    unsigned shift;

    w->levels = 0;
    if (!(s->cr4 & X86_CR4_PAE)) {
        w->size = 4;
        e = walk_load(w, s->cr3 & 0xfffff000u, (va >> 22) & 0x3ff);
        if (!(e & PTE_P)) {
            return walk_fault(w, 0);
        }
        all &= e;
        if ((e & PTE_PS) && (s->cr4 & X86_CR4_PSE)) {
            if (e & (1u << 21)) {
                return walk_fault(w, PF_P | PF_RSVD);
            }
            shift = 22;
            page = (e & 0xffc00000u) | (e & 0x1fe000u) << 19;
        } else {
            e = walk_load(w, e & 0xfffff000u, (va >> 12) & 0x3ff);
            if (!(e & PTE_P)) {
                return walk_fault(w, 0);
            }
            all &= e;
            shift = 12;
            page = e & 0xfffff000u;
        }
    } else {
        uint64_t table;

        w->size = 8;
        reserved = ~s->phys_mask & UINT64_C(0x000ffffffffff000);
        if (!(s->efer & X86_EFER_NXE)) {
            reserved |= PTE_NX;
        }
        shift = 30;
        if (s->efer & X86_EFER_LMA) {
            e = walk_load(w, s->cr3 & UINT64_C(0x000ffffffffff000), (va >> 39) & 0x1ff);
            if (!(e & PTE_P)) {
                return walk_fault(w, 0);
            }
            if (e & (reserved | PTE_PS)) {
                return walk_fault(w, PF_P | PF_RSVD);
            }
            all &= e;
            nx |= e & PTE_NX;
            e = walk_load(w, e & UINT64_C(0x000ffffffffff000), (va >> 30) & 0x1ff);
            if (!(e & PTE_P)) {
                return walk_fault(w, 0);
            }
            if ((e & reserved) ||
                ((e & PTE_PS) &&
                 (!x86_has_feature(s, X86_FEAT_PDPE1GB) || (e & UINT64_C(0x3fffe000))))) {
                return walk_fault(w, PF_P | PF_RSVD);
            }
            all &= e;
            nx |= e & PTE_NX;
            table = e;
        } else {
            reserved |= UINT64_C(0x7ff0000000000000);
            table = e = s->pdpte[(va >> 30) & 3];
            if (!(e & PTE_P)) {
                return walk_fault(w, 0);
            }
            e &= ~(uint64_t)PTE_PS;
        }
        if (e & PTE_PS) {
            page = e & UINT64_C(0x000fffffc0000000);
        } else {
            e = walk_load(w, table & UINT64_C(0x000ffffffffff000), (va >> 21) & 0x1ff);
            if (!(e & PTE_P)) {
                return walk_fault(w, 0);
            }
            if ((e & reserved) || ((e & PTE_PS) && (e & 0x1fe000))) {
                return walk_fault(w, PF_P | PF_RSVD);
            }
            all &= e;
            nx |= e & PTE_NX;
            shift = 21;
            page = e & UINT64_C(0x000fffffffe00000);
            if (!(e & PTE_PS)) {
                e = walk_load(w, e & UINT64_C(0x000ffffffffff000), (va >> 12) & 0x1ff);
                if (!(e & PTE_P)) {
                    return walk_fault(w, 0);
                }
                if (e & reserved) {
                    return walk_fault(w, PF_P | PF_RSVD);
                }
                all &= e;
                nx |= e & PTE_NX;
                shift = 12;
                page = e & UINT64_C(0x000ffffffffff000);
            }
        }
    }

    user_page = all & PTE_U;
    if (w->mmu_mode == X86_MMU_USER) {
        write = all & PTE_W;
        if (user_page) {
            prot = EMU_TCG_PROT_READ | (write ? EMU_TCG_PROT_WRITE : 0) |
                   (nx ? 0 : EMU_TCG_PROT_FETCH);
        }
    } else {
        write = (all & PTE_W) || !wp;
        if (!(user_page && w->mmu_mode == X86_MMU_KERNEL_SMAP)) {
            prot = EMU_TCG_PROT_READ | (write ? EMU_TCG_PROT_WRITE : 0);
        }
        if (!nx && !(user_page && (s->cr4 & X86_CR4_SMEP))) {
            prot |= EMU_TCG_PROT_FETCH;
        }
    }
    granted = prot >> w->access & 1;
    if (!granted) {
        return walk_fault(w, PF_P);
    }
    if (w->record) {
        for (unsigned i = 0; i < w->levels; i++) {
            uint64_t bits = PTE_A;

            if (i == w->levels - 1 && w->access == EMU_TCG_WRITE) {
                bits |= PTE_D;
            }
            if (!walk_set_bits(w, i, bits)) {
                *retry = true;
                return false;
            }
        }
        e = w->entry[w->levels - 1];
        if (!(e & PTE_D)) {
            prot &= ~(uint32_t)EMU_TCG_PROT_WRITE;
        }
    }
    out->page_size = UINT64_C(1) << shift;
    out->phys = (page | (va & (out->page_size - 1))) & s->a20_mask;
    if (s->a20_mask != ~UINT64_C(0)) {
        out->page_size = 4096;
    }
    out->prot = prot;
    out->global = (e & PTE_G) && (s->cr4 & X86_CR4_PGE);
    return true;
}

bool
x86_walk(EmuTcgState *tcg, uint64_t vaddr, EmuTcgAccess access, unsigned mmu_mode, bool record,
         EmuTcgTranslation *out)
{
    X86State *s = (X86State *)tcg;
    Walk w = {.s = s, .vaddr = vaddr, .access = access, .mmu_mode = mmu_mode, .record = record};

    if (!x86_long(s)) {
        w.vaddr = (uint32_t)vaddr;
    } else if (!x86_canonical(vaddr)) {
        if (record) {
            s->exception = X86_EXC_GP;
            s->error_code = 0;
            s->has_error_code = 1;
            s->exception_is_soft = 0;
        }
        return false;
    }
    if (!(s->cr0 & X86_CR0_PG)) {
        out->phys = w.vaddr & s->a20_mask;
        out->page_size = 4096;
        out->prot = EMU_TCG_PROT_READ | EMU_TCG_PROT_WRITE | EMU_TCG_PROT_FETCH;
        out->global = false;
        return true;
    }
    for (;;) {
        bool retry = false;

        if (walk_once(&w, out, &retry)) {
            return true;
        }
        if (!retry) {
            return false;
        }
    }
}
