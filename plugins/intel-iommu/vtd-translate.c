/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Second-level translation of requests without PASID (VT-d 3.3, chapter 3). */

#include "vtd.h"

#include <emu/log.h>

#include <string.h>

#define VTD_PAGE_BITS 12
#define VTD_LEVEL_BITS 9
#define VTD_PAGE_MASK ((UINT64_C(1) << VTD_PAGE_BITS) - 1)

EMU_TRACE_DEFINE(vtd_translate)
EMU_TRACE_DEFINE(vtd_walk)

bool
vtd_read_table(Vtd *self, uint64_t address, uint64_t *words, unsigned n)
{
    EmuMemorySection section;
    bool ok;

    emu_rcu_read_lock();
    ok = emu_address_space_find(self->memory, address, &section) && section.ram && section.size - (address - section.addr) >= 8 * n;
    for (unsigned i = 0; ok && i < n; i++) {
        const uint64_t *at = (const uint64_t *)((const uint8_t *)section.host + (address - section.addr)) + i;

        words[i] = GUINT64_FROM_LE(__atomic_load_n(at, __ATOMIC_RELAXED));
    }
    emu_rcu_read_unlock();
    return ok;
}

/* ---- caches ---------------------------------------------------------------------------------------------- */

static VtdIotlbEntry *
vtd_iotlb_slot(Vtd *self, uint16_t source, uint64_t page)
{
    return &self->entries[((page >> VTD_PAGE_BITS) ^ (uint64_t)source * 0x9e37) % VTD_IOTLB_SIZE];
}

void
vtd_flush(Vtd *self)
{
    memset(self->contexts, 0, sizeof self->contexts);
    memset(self->entries, 0, sizeof self->entries);
}

void
vtd_flush_contexts(Vtd *self, unsigned granularity, uint16_t domain, uint16_t source, unsigned function_mask)
{
    static const uint16_t ignored[] = {0, 4, 6, 7}; /* 6.5.2.1: bits of the function number */

    for (unsigned i = 0; i < VTD_CONTEXT_CACHE_SIZE; i++) {
        VtdContext *c = &self->contexts[i];

        if (granularity == VTD_GRANULARITY_GLOBAL || c->domain == domain) {
            if (granularity != VTD_GRANULARITY_FINE || !((c->source ^ source) & ~ignored[function_mask & 3])) {
                c->valid = false;
            }
        }
    }
}

void
vtd_flush_iotlb(Vtd *self, unsigned granularity, uint16_t domain, uint64_t address, unsigned address_mask)
{
    uint64_t mask = ~((UINT64_C(1) << (VTD_PAGE_BITS + MIN(address_mask, VTD_MAX_AM))) - 1);

    for (unsigned i = 0; i < VTD_IOTLB_SIZE; i++) {
        VtdIotlbEntry *e = &self->entries[i];

        if (granularity == VTD_GRANULARITY_GLOBAL || e->domain == domain) {
            /* Any page of a large one takes all of it along. */
            if (granularity != VTD_GRANULARITY_FINE || !((e->page ^ address) & mask & ~e->mask)) {
                e->valid = false;
            }
        }
    }
}

/* ---- tables ------------------------------------------------------------------------------------------------ */

/* *@context is filled as far as it goes; its fpd counts also when the result is a fault. */
static VtdFault
vtd_read_context(Vtd *self, uint16_t source, VtdContext *context)
{
    uint64_t root[2], entry[2];
    unsigned width;

    *context = (VtdContext){.source = source};
    if (!vtd_read_table(self, (self->root_latched & VTD_TABLE_MASK) + (source >> 8) * 16u, root, 2)) {
        return VTD_FAULT_ROOT_ACCESS;
    }
    if (!(root[0] & VTD_ENTRY_P)) {
        return VTD_FAULT_ROOT_NOT_PRESENT;
    }
    if (root[0] & VTD_ROOT_RESERVED || root[1] || VTD_RTADDR_TTM(self->root_latched)) {
        return VTD_FAULT_ROOT_RESERVED;
    }
    if (!vtd_read_table(self, (root[0] & VTD_TABLE_MASK) + (source & 0xff) * 16u, entry, 2)) {
        return VTD_FAULT_CONTEXT_ACCESS;
    }
    context->fpd = entry[0] & VTD_CONTEXT_FPD;
    if (!(entry[0] & VTD_ENTRY_P)) {
        return VTD_FAULT_CONTEXT_NOT_PRESENT;
    }
    if (entry[0] & VTD_CONTEXT_RESERVED_LO || entry[1] & VTD_CONTEXT_RESERVED_HI) {
        return VTD_FAULT_CONTEXT_RESERVED;
    }
    width = VTD_CONTEXT_AW(entry[1]);
    context->levels = (uint8_t)(width + 2);
    context->type = VTD_CONTEXT_TT(entry[0]);
    context->domain = VTD_CONTEXT_DID(entry[1]);
    context->slpt = entry[0] & VTD_TABLE_MASK;
    if ((context->type == VTD_TT_DEVICE_TLB && !self->device_iotlb) || (context->type == VTD_TT_PASS_THROUGH && !self->pt) ||
        context->type > VTD_TT_PASS_THROUGH || width < 1 || width > (self->aw_bits >= 48 ? 2u : 1u)) {
        return VTD_FAULT_CONTEXT_INVALID;
    }
    context->valid = true;
    return VTD_FAULT_NONE;
}

/* Fills what the page table says of @address's page, under the access rights of all levels. */
static VtdFault
vtd_walk(Vtd *self, const VtdContext *context, uint64_t address, uint64_t access, VtdIotlbEntry *out)
{
    uint64_t table = context->slpt, entry, rights = VTD_PTE_RW, reserved = ~((UINT64_C(1) << self->aw_bits) - 1) & ((UINT64_C(1) << 52) - 1);

    if (address >> (VTD_PAGE_BITS + VTD_LEVEL_BITS * context->levels)) {
        return VTD_FAULT_ADDRESS_WIDTH;
    }
    for (unsigned level = context->levels;; level--) {
        unsigned shift = VTD_PAGE_BITS + VTD_LEVEL_BITS * (level - 1);
        uint64_t mask = (UINT64_C(1) << shift) - 1;

        if (!vtd_read_table(self, table + (address >> shift & 0x1ff) * 8, &entry, 1)) {
            return VTD_FAULT_PAGING_ACCESS;
        }
        EMU_TRACE(vtd_walk, "level %u entry 0x%" G_GINT64_MODIFIER "x", level, entry);
        rights &= entry;
        if (access & ~rights) {
            return access == VTD_PTE_W ? VTD_FAULT_WRITE : VTD_FAULT_READ;
        }
        if (entry & reserved || (level > 3 && entry & VTD_PTE_PS)) {
            return VTD_FAULT_PAGING_RESERVED;
        }
        table = entry & ~reserved & ((UINT64_C(1) << 52) - 1) & VTD_TABLE_MASK;
        if (level == 1 || entry & VTD_PTE_PS) {
            if (table & mask) {
                return VTD_FAULT_PAGING_RESERVED;
            }
            *out = (VtdIotlbEntry){
                .page = address & ~VTD_PAGE_MASK,
                .target = table | (address & mask & ~VTD_PAGE_MASK),
                .mask = mask,
                .source = context->source,
                .domain = context->domain,
                .access = (uint8_t)(rights & VTD_PTE_RW),
                .valid = true,
            };
            return VTD_FAULT_NONE;
        }
    }
}

static VtdFault
vtd_look_up(Vtd *self, uint16_t source, uint64_t address, uint64_t access, EmuIommuEntry *out, bool *fpd)
{
    VtdContext *cached = &self->contexts[(source ^ source >> 8) % VTD_CONTEXT_CACHE_SIZE], context;
    VtdIotlbEntry *slot = vtd_iotlb_slot(self, source, address & ~VTD_PAGE_MASK), entry;
    VtdFault fault;

    *fpd = false;
    if (slot->valid && slot->source == source && slot->page == (address & ~VTD_PAGE_MASK) && !(access & ~slot->access)) {
        entry = *slot;
    } else {
        if (cached->valid && cached->source == source) {
            context = *cached;
        } else {
            fault = vtd_read_context(self, source, &context);
            *fpd = context.fpd;
            if (fault) {
                return fault;
            }
            *cached = context;
        }
        *fpd = context.fpd;
        if (context.type == VTD_TT_PASS_THROUGH) {
            if (address >> self->aw_bits) {
                return VTD_FAULT_ADDRESS_WIDTH;
            }
            entry = (VtdIotlbEntry){.target = address & ~VTD_PAGE_MASK, .mask = VTD_PAGE_MASK, .access = VTD_PTE_RW};
        } else {
            fault = vtd_walk(self, &context, address, access, &entry);
            if (fault) {
                return fault;
            }
            *slot = entry;
        }
    }
    out->addr = entry.target | (address & VTD_PAGE_MASK);
    out->page_mask = entry.mask;
    out->readable = entry.access & VTD_PTE_R;
    out->writable = entry.access & VTD_PTE_W;
    return VTD_FAULT_NONE;
}

static bool
vtd_translate(gpointer opaque, uint64_t address, bool write, EmuMemAttrs attrs, EmuIommuEntry *out)
{
    Vtd *self = opaque;
    VtdMessage message = {0};
    VtdFault fault;
    bool fpd;

    out->target = self->memory;
    out->addr = address;
    out->page_mask = VTD_MSI_SIZE - 1;
    out->readable = out->writable = true;
    /* Messages are no memory requests (3.14): they go to the interrupt remapping. */
    if (write && (address & ~(VTD_MSI_SIZE - 1)) == VTD_MSI_BASE) {
        out->target = self->interrupts;
        return true;
    }
    if (!(__atomic_load_n(&self->status, __ATOMIC_ACQUIRE) & VTD_GCMD_TE)) {
        return true;
    }
    g_mutex_lock(&self->lock);
    fault = vtd_look_up(self, attrs.requester_id, address, write ? VTD_PTE_W : VTD_PTE_R, out, &fpd);
    if (fault && !fpd && !attrs.debug) {
        vtd_record_fault(self, attrs.requester_id, address, fault, write, &message);
    }
    g_mutex_unlock(&self->lock);
    EMU_TRACE(vtd_translate, "source %04x address 0x%" G_GINT64_MODIFIER "x write %d -> 0x%" G_GINT64_MODIFIER "x fault 0x%x", attrs.requester_id, address,
              write, out->addr, fault);
    vtd_send(self, &message);
    return fault == VTD_FAULT_NONE;
}

const EmuIommuOps vtd_iommu_ops = {.translate = vtd_translate};
