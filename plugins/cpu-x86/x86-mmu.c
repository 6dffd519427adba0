/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Page walk: none, 32-bit with PSE, PAE, 4 and 5 levels, protection keys (SDM 3A chapter 4).  Accessed and dirty bits are
 * set by compare-and-swap once the access is known to be allowed; a lost race walks again.
 */

#include "x86-interp.h"
#include "x86-virt.h"

#define PTE_P (1u << 0)
#define PTE_W (1u << 1)
#define PTE_U (1u << 2)
#define PTE_A (1u << 5)
#define PTE_D (1u << 6)
#define PTE_PS (1u << 7)
#define PTE_G (1u << 8)
#define PTE_PAT_LARGE (1u << 12)
#define PTE_ADDRESS UINT64_C(0x000ffffffffff000)
#define PTE_NX (UINT64_C(1) << 63)
#define PDPTE_RESERVED (PTE_NX | 0x1e6)

enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32, PF_SS = 64 };

typedef struct {
    X86State *s;
    uint64_t vaddr;
    EmuTcgAccess access;
    unsigned mmu_mode;
    bool record;
    bool cached; /* began at the last level, by the paging-structure cache */
    bool stale;  /* and found a fault, which the cached entry may be to blame for */
    bool full;   /* not again */
    bool left;   /* a fault of the second level's, recorded */
    bool user_page;
    unsigned read_only; /* bit n + 1: entry n is where the second level lets nobody write; gpa: its address to that */
    uint64_t gpa[6];
    unsigned levels;
    uint64_t at[5], entry[5]; /* top first */
    unsigned size;            /* of an entry */
    uint64_t table, rights;   /* for the paging-structure cache; table 0: nothing */
    uint64_t upper;           /* PTE_W: all entries above the last one have it */
} Walk;

static bool
walk_fault(Walk *w, uint32_t bits)
{
    X86State *s = w->s;

    if (w->cached && !w->left) {
        w->stale = true;
        return false;
    }
    if (w->record && !w->left) {
        if (w->access == EMU_TCG_WRITE) {
            bits |= PF_W;
        }
        if (w->mmu_mode == X86_MMU_USER || w->mmu_mode == X86_MMU_SHADOW_USER) {
            bits |= PF_U;
        }
        if (w->mmu_mode >= X86_MMU_SHADOW_USER) {
            bits |= PF_SS;
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

static X86PagingEntry *
paging_entry(X86State *s, uint64_t va, uint64_t *tag)
{
    *tag = va >> 21 | s->interp->paging_generation << X86_PAGING_TAG_BITS;
    return &s->interp->paging[(va >> 21) & (X86_PAGING_ENTRIES - 1)];
}

static void
paging_forget(X86State *s)
{
    X86Interp *ip = s->interp;

    if (ip && (++ip->paging_generation << X86_PAGING_TAG_BITS) == 0) {
        memset(ip->paging, 0, sizeof(ip->paging));
        ip->paging_generation = 1;
    }
}

/* By PCID, and a guest's by what the extension has for it; what makes an entry other than it was under the same names follows. */
static EmuTcgContext
context_now(X86State *s)
{
    const uint32_t paging = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_LA57 | X86_CR4_PCIDE | X86_CR4_SMEP | X86_CR4_SMAP |
                            X86_CR4_PKE | X86_CR4_PKS;
    EmuTcgContext now = {.id = s->cr4 & X86_CR4_PCIDE ? s->cr3 & 0xfff : 0};

    now.depends[0] = (s->cr0 & (X86_CR0_PG | X86_CR0_WP)) | (s->efer & (X86_EFER_NXE | X86_EFER_LMA)) | (uint64_t)(s->cr4 & paging) << 32;
    if (s->virt && s->virt->tlb_context) {
        s->virt->tlb_context(s, &now);
    }
    return now;
}

void
x86_switch_context(X86State *s)
{
    EmuTcgContext now = context_now(s);

    paging_forget(s);
    emu_tcg_set_context(&s->tcg, &now);
}

void
x86_flush_all(X86State *s)
{
    emu_tcg_flush_all(&s->tcg);
    x86_switch_context(s);
}

void
x86_flush_space(X86State *s)
{
    paging_forget(s);
    emu_tcg_flush_space(&s->tcg, context_now(s).space);
}

void
x86_flush_context(X86State *s, uint32_t pcid)
{
    paging_forget(s);
    emu_tcg_flush_context(&s->tcg, pcid);
}

void
x86_flush_context_page(X86State *s, uint32_t pcid, uint64_t vaddr)
{
    paging_forget(s);
    emu_tcg_flush_context_page(&s->tcg, pcid, vaddr);
}

void
x86_flush_page(X86State *s, uint64_t vaddr)
{
    paging_forget(s); /* all of it, whatever the address */
    emu_tcg_flush_page(&s->tcg, vaddr);
}

/* Where an entry of a guest's tables is.  False: the entry is as good as not present, and the walk left the guest. */
static bool
walk_second_level(Walk *w, uint64_t *at)
{
    X86SecondLevelAccess access = {
        .gpa = *at, .access = EMU_TCG_WRITE, .walk = true, .record = w->record, .has_linear = true, .linear = w->vaddr};
    X86SecondLevel t;

    if (!x86_virt_second_level(w->s)) {
        return true;
    }
    if (!w->s->virt->second_level(w->s, &access, &t)) {
        w->left = true;
        return false;
    }
    if (!(t.prot & EMU_TCG_PROT_WRITE)) {
        w->read_only |= 1u << w->levels; /* (levels counts the entry already; bit 0 is PAE's table of four) */
        w->gpa[w->levels] = *at;
    }
    *at = t.phys;
    return true;
}

#define IOAPICS UINT64_C(0xfec00000) /* where they are, 1 MiB (MultiProcessor Specification 3.6.5) */

static bool
is_elsewhere(const X86State *s, uint64_t phys)
{
    return ((s->elsewhere & X86_ELSEWHERE_APIC) && phys >> 12 == (s->apic_base & s->phys_mask) >> 12) ||
           ((s->elsewhere & X86_ELSEWHERE_CHIPS) && phys >> 20 == IOAPICS >> 20);
}

/* The same for what a guest's tables, or the lack of them, have led to. */
static bool
second_level(const Walk *w, EmuTcgTranslation *out)
{
    X86State *s = w->s;
    X86SecondLevelAccess access = {
        .gpa = out->phys, .access = w->access, .record = w->record, .is_user = w->user_page, .has_linear = true, .linear = w->vaddr};
    X86SecondLevel t;

    if (G_UNLIKELY(s->elsewhere) && w->record && is_elsewhere(s, out->phys)) {
        s->exception = X86_EXC_LEAVE;
        return false;
    }
    if (!x86_virt_second_level(s)) {
        return true;
    }
    if (!s->virt->second_level(s, &access, &t)) {
        return false;
    }
    out->phys = t.phys;
    out->page_size = MIN(out->page_size, t.page_size);
    out->prot &= t.prot;
    return true;
}

/* PAE: an entry of the table at CR3; under a second level of paging they are read as they are needed. */
static uint64_t
walk_pdpte(Walk *w)
{
    X86State *s = w->s;
    unsigned i = (w->vaddr >> 30) & 3;
    uint64_t at = (s->cr3 & 0xffffffe0u) + 8 * i;

    if (!x86_virt_second_level(s) || s->virt->keeps_pdptes) {
        return s->pdpte[i];
    }
    return walk_second_level(w, &at) ? emu_tcg_phys_load(&s->tcg, at & s->a20_mask, 8) : 0;
}

static uint64_t
walk_load(Walk *w, uint64_t table, unsigned index)
{
    unsigned i = w->levels++;

    w->at[i] = (table + index * w->size) & w->s->a20_mask;
    w->entry[i] = 0;
    if (walk_second_level(w, &w->at[i])) {
        w->entry[i] = emu_tcg_phys_load(&w->s->tcg, w->at[i], w->size);
    }
    return w->entry[i];
}

static bool
walk_set_bits(Walk *w, unsigned i, uint64_t bits)
{
    uint64_t old = w->entry[i];

    if ((old & bits) == bits) {
        return true;
    }
    if (G_UNLIKELY(w->read_only >> (i + 1) & 1)) {
        X86SecondLevelAccess access = {.gpa = w->gpa[i + 1], .access = EMU_TCG_WRITE, .walk = true, .sets_bits = true, .record = true,
                                       .has_linear = true, .linear = w->vaddr};
        X86SecondLevel t;

        if (!w->s->virt->second_level(w->s, &access, &t)) {
            w->left = true;
            return false;
        }
    }
    w->entry[i] = old | bits;
    return emu_tcg_phys_cas(&w->s->tcg, w->at[i], old, old | bits, w->size);
}

/* Rights that the protection key of @page's mapping takes away, as EMU_TCG_PROT_* bits (SDM 3A 4.6.2). */
static uint32_t
key_denies(Walk *w, uint64_t entry, bool user_page, bool wp)
{
    X86State *s = w->s;
    unsigned shift = entry >> 59 & 15;
    uint32_t bits;

    if (!x86_long(s) || !(s->cr4 & (user_page ? X86_CR4_PKE : X86_CR4_PKS))) {
        return 0;
    }
    bits = (user_page ? x86_get_pkru(s) : (uint32_t)s->pkrs) >> 2 * shift & 3;
    if (bits & 1) {
        return EMU_TCG_PROT_READ | EMU_TCG_PROT_WRITE;
    }
    return (bits & 2) && (w->mmu_mode == X86_MMU_USER || wp) ? EMU_TCG_PROT_WRITE : 0;
}

/* The levels of a 32-bit walk; false: a fault is recorded. */
static bool
walk_32bit(Walk *w, uint64_t *page, unsigned *shift, uint64_t *all)
{
    X86State *s = w->s;
    uint64_t va = w->vaddr, e = walk_load(w, s->cr3 & 0xfffff000u, (va >> 22) & 0x3ff);

    if (!(e & PTE_P)) {
        return walk_fault(w, 0);
    }
    w->upper = e & PTE_PS && (s->cr4 & X86_CR4_PSE) ? PTE_W : e;
    *all &= e;
    if ((e & PTE_PS) && (s->cr4 & X86_CR4_PSE)) {
        /* PSE-36: address bits 39-32 in bits 20-13, those beyond MAXPHYADDR and bit 21 reserved. */
        *page = (e & 0xffc00000u) | (e & 0x1fe000u) << 19;
        *shift = 22;
        return !((e & (1u << 21)) || (*page & ~s->phys_mask)) || walk_fault(w, PF_P | PF_RSVD);
    }
    e = walk_load(w, e & 0xfffff000u, (va >> 12) & 0x3ff);
    if (!(e & PTE_P)) {
        return walk_fault(w, 0);
    }
    *all &= e;
    *page = e & 0xfffff000u;
    *shift = 12;
    return true;
}

/* The levels of a walk with 8-byte entries: PAE, 4 and 5 levels. */
static bool
walk_64bit(Walk *w, uint64_t *page, unsigned *shift, uint64_t *all, uint64_t *nx)
{
    X86State *s = w->s;
    uint64_t va = w->vaddr, e, reserved = ~s->phys_mask & PTE_ADDRESS, rights, tag;
    X86PagingEntry *cached = paging_entry(s, va, &tag);
    unsigned at;

    if (!(s->efer & X86_EFER_NXE)) {
        reserved |= PTE_NX;
    }
    if (w->record && !w->full && cached->tag == tag) {
        w->cached = true;
        e = cached->table;
        *all &= cached->rights;
        *nx |= cached->rights & PTE_NX;
        at = 12;
    } else if (x86_long(s)) {
        e = s->cr3;
        at = (s->cr4 & X86_CR4_LA57) ? 48 : 39;
    } else {
        reserved |= UINT64_C(0x7ff0000000000000);
        e = walk_pdpte(w);
        if (!(e & PTE_P)) {
            return walk_fault(w, 0);
        }
        if (e & (reserved | PDPTE_RESERVED)) {
            return walk_fault(w, PF_P | PF_RSVD);
        }
        at = 21;
    }
    for (;; at -= 9) {
        uint64_t size = UINT64_C(1) << at, table = e & PTE_ADDRESS;

        rights = *all | *nx;
        w->upper = rights;
        e = walk_load(w, table, (va >> at) & 0x1ff);
        if (!(e & PTE_P)) {
            return walk_fault(w, 0);
        }
        if (e & reserved) {
            return walk_fault(w, PF_P | PF_RSVD);
        }
        *all &= e;
        *nx |= e & PTE_NX;
        if (at > 12 && !(e & PTE_PS)) {
            continue;
        }
        /* Bit 7 in the last level is PAT; in the upper ones it makes a page where there can be one. */
        if (at > 30 || (at == 30 && !x86_has_feature(s, X86_FEAT_PDPE1GB)) ||
            (at > 12 && (e & PTE_ADDRESS & (size - 1) & ~(uint64_t)PTE_PAT_LARGE))) {
            return walk_fault(w, PF_P | PF_RSVD);
        }
        *page = e & PTE_ADDRESS & ~(size - 1);
        *shift = at;
        if (at == 12) {
            w->table = table;
            w->rights = rights;
        }
        return true;
    }
}

/* One attempt; *retry when an entry changed under us. */
static bool
walk_once(Walk *w, EmuTcgTranslation *out, bool *retry)
{
    X86State *s = w->s;
    uint64_t va = w->vaddr, e, page = 0, all = PTE_W | PTE_U, nx = 0;
    bool write, user_page, wp = s->cr0 & X86_CR0_WP, granted;
    uint32_t prot = 0, denied;
    unsigned shift = 12;

    w->levels = 0;
    w->read_only = 0;
    w->size = (s->cr4 & X86_CR4_PAE) ? 8 : 4;
    if (w->size == 4 ? !walk_32bit(w, &page, &shift, &all) : !walk_64bit(w, &page, &shift, &all, &nx)) {
        return false;
    }
    e = w->entry[w->levels - 1];
    user_page = w->user_page = all & PTE_U;
    if (w->mmu_mode >= X86_MMU_SHADOW_USER) {
        /* A page is part of a shadow stack when it is dirty although nobody may write to it (SDM 3A 4.6). */
        if (user_page == (w->mmu_mode == X86_MMU_SHADOW_USER) && !(e & PTE_W) && (e & PTE_D) && (w->upper & PTE_W)) {
            prot = EMU_TCG_PROT_READ | EMU_TCG_PROT_WRITE;
        }
    } else if (w->mmu_mode == X86_MMU_USER) {
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
    /* The error code says that the key forbids it, even where other rights do too. */
    denied = key_denies(w, e, user_page, wp);
    prot &= ~denied;
    granted = prot >> w->access & 1;
    if (!granted) {
        return walk_fault(w, PF_P | (denied >> w->access & 1 ? PF_PK : 0));
    }
    if (w->record) {
        for (unsigned i = 0; i < w->levels; i++) {
            uint64_t bits = PTE_A;

            if (i == w->levels - 1 && w->access == EMU_TCG_WRITE) {
                bits |= PTE_D;
            }
            if (!walk_set_bits(w, i, bits)) {
                *retry = !w->left;
                return false;
            }
        }
        if (w->table && !w->cached) {
            uint64_t tag;
            X86PagingEntry *cached = paging_entry(s, va, &tag);

            *cached = (X86PagingEntry){tag, w->rights, w->table}; /* accessed bits are set */
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
    } else if (!x86_canonical(s, vaddr)) {
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
        w.user_page = true;
        return second_level(&w, out);
    }
    for (;;) {
        bool retry = false;

        w.cached = false;
        w.table = 0;
        if (walk_once(&w, out, &retry)) {
            return second_level(&w, out);
        }
        if (w.stale) {
            w.stale = false;
            w.full = true;
        } else if (!retry) {
            return false;
        }
    }
}
