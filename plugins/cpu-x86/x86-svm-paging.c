/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Nested paging (APM 2, 15.25): a guest's physical address through the tables at nCR3, which have the format of the host's own
 * paging mode.  Every access counts as a user's, and one to the guest's page tables as a write.
 */

#include "x86-svm.h"

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

enum { NPF_P = 1, NPF_W = 2, NPF_U = 4, NPF_RSVD = 8, NPF_I = 16 };
#define NPF_FINAL (UINT64_C(1) << 32)
#define NPF_WALK (UINT64_C(1) << 33)

typedef struct {
    X86State *s;
    uint64_t gpa;
    EmuTcgAccess access;
    bool walk, record;
    bool is_long, is_pae;
    unsigned levels, size;
    uint64_t at[5], entry[5];
} Nested;

static bool
nested_fault(Nested *n, uint64_t bits)
{
    const X86SvmHost *host = &n->s->svm.host;

    if (n->record) {
        bits |= NPF_U | (n->walk ? NPF_WALK : NPF_FINAL);
        if (n->walk || n->access == EMU_TCG_WRITE) {
            bits |= NPF_W;
        }
        if (!n->walk && n->access == EMU_TCG_FETCH &&
            ((n->is_pae && (host->efer & X86_EFER_NXE)) || (host->cr4 & X86_CR4_SMEP))) {
            bits |= NPF_I;
        }
        x86_svm_record_exit(n->s, SVM_EXIT_NPF, bits, n->gpa);
    }
    return false;
}

static uint64_t
nested_load(Nested *n, uint64_t table, unsigned index)
{
    unsigned i = n->levels++;

    n->at[i] = (table + index * n->size) & n->s->a20_mask;
    n->entry[i] = emu_tcg_phys_load(&n->s->tcg, n->at[i], n->size);
    return n->entry[i];
}

/* Walks down; false: a fault.  @all collects what every level grants, @nx what any takes away. */
static bool
nested_walk(Nested *n, uint64_t *page, unsigned *shift, uint64_t *all, uint64_t *nx)
{
    X86State *s = n->s;
    const X86SvmHost *host = &s->svm.host;
    unsigned bits = n->is_pae ? 9 : 10;
    unsigned at = n->is_long ? ((host->cr4 & X86_CR4_LA57) ? 48 : 39) : n->is_pae ? 30 : 22;
    uint64_t reserved = n->is_pae ? ~s->phys_mask & PTE_ADDRESS : 0, e = s->svm.nested_cr3;
    uint64_t table_mask = n->is_long ? PTE_ADDRESS : n->is_pae ? 0xffffffe0u : 0xfffff000u;

    if (n->is_pae && !(host->efer & X86_EFER_NXE)) {
        reserved |= PTE_NX;
    }
    if (n->is_pae && !n->is_long) {
        reserved |= UINT64_C(0x7ff0000000000000);
    }
    if (at < 39 && n->gpa >> 32) {
        return nested_fault(n, 0); /* beyond what the tables cover */
    }
    for (;; at -= bits) {
        uint64_t size = UINT64_C(1) << at;
        bool is_large;

        e = nested_load(n, e & table_mask, (unsigned)(n->gpa >> at) & ((1u << bits) - 1));
        table_mask = n->is_pae ? PTE_ADDRESS : 0xfffff000u;
        if (!(e & PTE_P)) {
            return nested_fault(n, 0);
        }
        if (e & reserved) {
            return nested_fault(n, NPF_P | NPF_RSVD);
        }
        if (n->is_pae && !n->is_long && at == 30) {
            if (e & 0x1e6) {
                return nested_fault(n, NPF_P | NPF_RSVD);
            }
            n->levels--; /* has no rights and no accessed bit */
            continue;
        }
        *all &= e;
        *nx |= n->is_pae ? e & PTE_NX : 0;
        is_large = (e & PTE_PS) && (n->is_pae || (host->cr4 & X86_CR4_PSE));
        if (at > 12 && !is_large) {
            if (at >= 39 && (e & PTE_G)) {
                return nested_fault(n, NPF_P | NPF_RSVD);
            }
            continue;
        }
        *shift = at;
        if (at == 22) {
            *page = (e & 0xffc00000u) | (e & 0x1fe000u) << 19;
            return !((e & (1u << 21)) || (*page & ~s->phys_mask)) || nested_fault(n, NPF_P | NPF_RSVD);
        }
        if (at > 30 || (at == 30 && !x86_has_feature(s, X86_FEAT_PDPE1GB)) ||
            (at > 12 && (e & PTE_ADDRESS & (size - 1) & ~(uint64_t)PTE_PAT_LARGE))) {
            return nested_fault(n, NPF_P | NPF_RSVD);
        }
        *page = e & (n->is_pae ? PTE_ADDRESS : 0xfffff000u) & ~(size - 1);
        return true;
    }
}

/* One attempt; *retry when an entry changed under us. */
static bool
nested_once(Nested *n, X86SecondLevel *out, bool *retry)
{
    uint64_t page = 0, all = PTE_W | PTE_U, nx = 0;
    unsigned shift = 12;
    bool write = n->walk || n->access == EMU_TCG_WRITE;

    n->levels = 0;
    if (!nested_walk(n, &page, &shift, &all, &nx)) {
        return false;
    }
    out->prot = EMU_TCG_PROT_READ | (all & PTE_W ? EMU_TCG_PROT_WRITE : 0) | (nx ? 0 : EMU_TCG_PROT_FETCH);
    if (!(all & PTE_U) || (write && !(all & PTE_W)) || (!n->walk && n->access == EMU_TCG_FETCH && nx)) {
        return nested_fault(n, NPF_P);
    }
    for (unsigned i = 0; n->record && i < n->levels; i++) {
        uint64_t want = n->entry[i] | PTE_A | (write && i == n->levels - 1 ? PTE_D : 0);

        if (want != n->entry[i]) {
            if (!emu_tcg_phys_cas(&n->s->tcg, n->at[i], n->entry[i], want, n->size)) {
                *retry = true;
                return false;
            }
            n->entry[i] = want;
        }
    }
    if (!(n->entry[n->levels - 1] & PTE_D)) {
        out->prot &= ~(uint32_t)EMU_TCG_PROT_WRITE;
    }
    out->page_size = UINT64_C(1) << shift;
    out->phys = (page | (n->gpa & (out->page_size - 1))) & n->s->a20_mask;
    return true;
}

bool
x86_svm_second_level(X86State *s, const X86SecondLevelAccess *access, X86SecondLevel *out)
{
    Nested n = {
        .s = s,
        .gpa = access->gpa,
        .access = access->access,
        .walk = access->walk,
        .record = access->record,
        .is_long = (s->svm.host.efer & X86_EFER_LMA) != 0,
        .is_pae = (s->svm.host.cr4 & X86_CR4_PAE) != 0,
    };

    n.size = n.is_pae ? 8 : 4;
    for (;;) {
        bool retry = false;

        if (nested_once(&n, out, &retry)) {
            return true;
        }
        if (!retry) {
            return false;
        }
    }
}
