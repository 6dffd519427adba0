/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Extended page tables (SDM volume 3, 28.2): a guest's physical address through four levels of tables, with accessed and dirty
 * flags and page-modification logging when EPTP asks for them.  Memory types are checked and have no effect.
 */

#include "x86-vmx.h"

#define EPT_R (1u << 0)
#define EPT_W (1u << 1)
#define EPT_X (1u << 2)
#define EPT_LEAF (1u << 7)
#define EPT_A (1u << 8)
#define EPT_D (1u << 9)
#define EPT_XU (1u << 10) /* with mode-based execute control: code at addresses of user mode */
#define EPT_ADDRESS UINT64_C(0x000ffffffffff000)
#define EPTP_AD (1u << 6)

#define VIOLATION_READ (1u << 0)
#define VIOLATION_WRITE (1u << 1)
#define VIOLATION_FETCH (1u << 2)
#define VIOLATION_RIGHTS_SHIFT 3
#define VIOLATION_USER_FETCH (1u << 6)
#define VIOLATION_LINEAR (1u << 7)
#define VIOLATION_FINAL (1u << 8)

typedef struct {
    X86State *s;
    const X86SecondLevelAccess *access;
    bool flags; /* accessed and dirty */
    bool modes; /* mode-based execute control */
    unsigned levels;
    uint64_t at[4], entry[4];
} Ept;

bool
x86_vmx_has_ept(X86State *s)
{
    return x86_vmx_proc2(s, VMX_PROC2_EPT);
}

bool
x86_vmx_eptp_is_valid(const X86State *s, uint64_t eptp)
{
    enum { UNCACHEABLE = 0, WRITE_BACK = 6, FOUR_LEVELS = 3 << 3 };
    uint32_t can = (uint32_t)x86_vmx_ept_vpid(s);
    unsigned type = eptp & 7;

    if (!(type == UNCACHEABLE && (can & VMX_EPT_UC)) && !(type == WRITE_BACK && (can & VMX_EPT_WB))) {
        return false;
    }
    return (eptp & 0x38) == FOUR_LEVELS && (can & VMX_EPT_4_LEVELS) && (!(eptp & EPTP_AD) || (can & VMX_EPT_AD)) && !(eptp & 0xf80) &&
           !(eptp & ~s->phys_mask);
}

/* Paging structures count as written when there are accessed and dirty flags. */
static bool
is_write(const Ept *e)
{
    return e->access->walk ? e->flags || e->access->sets_bits : e->access->access == EMU_TCG_WRITE;
}

static bool
is_fetch(const Ept *e)
{
    return !e->access->walk && e->access->access == EMU_TCG_FETCH;
}

static bool
leave(Ept *e, uint32_t reason, uint64_t qualification)
{
    X86State *s = e->s;

    if (e->access->record) {
        x86_vmx_record_exit(s, reason, qualification);
        s->vmx.physical = e->access->gpa;
        s->vmx.linear = e->access->linear;
        s->vmx.is_fault = true;
    }
    return false;
}

/* @rights: what all entries grant together. */
static bool
violation(Ept *e, uint64_t rights)
{
    uint64_t q = (rights & (EPT_R | EPT_W | EPT_X)) << VIOLATION_RIGHTS_SHIFT;

    if (is_fetch(e)) {
        q |= VIOLATION_FETCH;
    } else if (is_write(e)) {
        q |= VIOLATION_WRITE | (e->access->walk ? VIOLATION_READ : 0);
    } else {
        q |= VIOLATION_READ;
    }
    if (e->modes && (rights & EPT_XU)) {
        q |= VIOLATION_USER_FETCH;
    }
    if (e->access->has_linear) {
        q |= VIOLATION_LINEAR | (e->access->walk ? 0 : VIOLATION_FINAL);
    }
    return leave(e, VMX_REASON_EPT_VIOLATION, q);
}

/* Combinations of rights that mean nothing, bits that are reserved (28.2.3.1).  @at: the shift of the level. */
static bool
entry_is_wrong(const Ept *e, uint64_t entry, unsigned at)
{
    X86State *s = e->s;
    uint32_t can = (uint32_t)x86_vmx_ept_vpid(s), executes = EPT_X | (e->modes ? EPT_XU : 0);
    unsigned type = entry >> 3 & 7;

    if ((entry & (EPT_R | EPT_W)) == EPT_W || (!(entry & EPT_R) && (entry & executes) && !(can & VMX_EPT_EXECUTE_ONLY)) ||
        (entry & EPT_ADDRESS & ~s->phys_mask)) {
        return true;
    }
    if (at > 12 && !(entry & EPT_LEAF)) {
        return entry & 0x78;
    }
    if (type == 2 || type == 3 || type == 7) {
        return true;
    }
    switch (at) {
    case 12:
        return false;
    case 21:
        return !(can & VMX_EPT_2M) || (entry & 0x1ff000);
    case 30:
        return !(can & VMX_EPT_1G) || (entry & 0x3ffff000);
    default:
        return true;
    }
}

/* Walks down; false: left. */
static bool
walk(Ept *e, unsigned *shift, uint64_t *rights)
{
    X86State *s = e->s;
    uint64_t table = x86_vmx_get(s, VMX_EPTP) & EPT_ADDRESS, present = EPT_R | EPT_W | EPT_X | (e->modes ? EPT_XU : 0);

    if (e->access->gpa >> 48) {
        return violation(e, 0); /* beyond what four levels reach */
    }
    for (unsigned at = 39;; at -= 9) {
        unsigned i = e->levels++;
        uint64_t entry;

        e->at[i] = (table + (e->access->gpa >> at & 0x1ff) * 8) & s->a20_mask;
        e->entry[i] = entry = emu_tcg_phys_load(&s->tcg, e->at[i], 8);
        if (!(entry & present)) {
            return violation(e, 0);
        }
        if (entry_is_wrong(e, entry, at)) {
            return leave(e, VMX_REASON_EPT_MISCONFIGURATION, 0);
        }
        *rights &= entry;
        table = entry & EPT_ADDRESS;
        if (at == 12 || (entry & EPT_LEAF)) {
            *shift = at;
            return true;
        }
    }
}

/* Page-modification logging (28.2.6).  False: the log is full, and the guest is left before the write. */
static bool
log_write(Ept *e)
{
    X86State *s = e->s;
    uint64_t index = x86_vmx_get(s, VMX_PML_INDEX);

    if (!x86_vmx_proc2(s, VMX_PROC2_PML)) {
        return true;
    }
    if (index > 511) {
        return leave(e, VMX_REASON_PML_FULL, 0);
    }
    emu_tcg_phys_store(&s->tcg, x86_vmx_get(s, VMX_PML_ADDRESS) + index * 8, e->access->gpa & ~UINT64_C(0xfff), 8);
    x86_vmx_put(s, VMX_PML_INDEX, index - 1);
    return true;
}

/* False: left, or with *@retry an entry changed under us. */
static bool
set_flags(Ept *e, bool *retry)
{
    for (unsigned i = 0; i < e->levels; i++) {
        bool dirties = is_write(e) && i == e->levels - 1;
        uint64_t want = e->entry[i] | EPT_A | (dirties ? EPT_D : 0);

        if (want == e->entry[i]) {
            continue;
        }
        if (dirties && !(e->entry[i] & EPT_D) && !log_write(e)) {
            return false;
        }
        if (!emu_tcg_phys_cas(&e->s->tcg, e->at[i], e->entry[i], want, 8)) {
            *retry = true;
            return false;
        }
        e->entry[i] = want;
    }
    return true;
}

static bool
once(Ept *e, X86SecondLevel *out, bool *retry)
{
    uint64_t rights = EPT_R | EPT_W | EPT_X | EPT_XU, executes = e->modes && e->access->is_user ? EPT_XU : EPT_X, mask;
    unsigned shift = 12;

    e->levels = 0;
    if (!walk(e, &shift, &rights)) {
        return false;
    }
    if (is_fetch(e) ? !(rights & executes) : !(rights & EPT_R) || (is_write(e) && !(rights & EPT_W))) {
        return violation(e, rights);
    }
    if (e->flags && e->access->record && !set_flags(e, retry)) {
        return false;
    }
    out->prot = (rights & EPT_R ? EMU_TCG_PROT_READ : 0) | (rights & executes ? EMU_TCG_PROT_FETCH : 0);
    if ((rights & EPT_W) && (!e->flags || (e->entry[e->levels - 1] & EPT_D))) {
        out->prot |= EMU_TCG_PROT_WRITE;
    }
    out->page_size = UINT64_C(1) << shift;
    mask = out->page_size - 1;
    out->phys = ((e->entry[e->levels - 1] & EPT_ADDRESS & ~mask) | (e->access->gpa & mask)) & e->s->a20_mask;
    return true;
}

bool
x86_vmx_second_level(X86State *s, const X86SecondLevelAccess *access, X86SecondLevel *out)
{
    Ept e = {
        .s = s,
        .access = access,
        .flags = x86_vmx_get(s, VMX_EPTP) & EPTP_AD,
        .modes = x86_vmx_proc2(s, VMX_PROC2_MBEC),
    };

    for (;;) {
        bool retry = false;

        if (once(&e, out, &retry)) {
            return true;
        }
        if (!retry) {
            return false;
        }
    }
}
