/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Interrupt remapping (VT-d 3.3, chapter 5). Messages of bus masters and of the I/O APIC come to a window of their own; what leaves
 * it goes to the local APICs. Entries are read anew for each message: there is no cache to invalidate.
 *
 * A message that does not say who sent it is the board's I/O APIC's, whose entries are not checked for their source.
 */

#include "vtd.h"

#include <emu/log.h>

EMU_TRACE_DEFINE(vtd_interrupt)

static bool
vtd_source_fits(uint64_t high, uint16_t source)
{
    static const uint16_t ignored[] = {0, 4, 6, 7};
    uint16_t sid = (uint16_t)high;

    switch (VTD_IRTE_SVT(high)) {
    case 1:
        return !((sid ^ source) & ~ignored[VTD_IRTE_SQ(high)]);
    case 2: /* a range of buses */
        return source >> 8 >= sid >> 8 && source >> 8 <= (sid & 0xff);
    default:
        return true;
    }
}

/* Reads the entry and says what to send instead. *@fpd counts also when the result is a fault. */
static VtdFault
vtd_remap(Vtd *self, uint64_t index, EmuMemAttrs attrs, VtdMessage *out, bool *fpd)
{
    bool extended = self->irta_latched & VTD_IRTA_EIME;
    uint64_t entry[2];
    uint32_t destination;

    *fpd = false;
    if (index >= VTD_IRTA_SIZE(self->irta_latched)) {
        return VTD_FAULT_IR_INDEX;
    }
    if (!vtd_read_table(self, (self->irta_latched & VTD_TABLE_MASK) + index * 16, entry, 2)) {
        return VTD_FAULT_IRTA_ACCESS;
    }
    *fpd = entry[0] & VTD_IRTE_FPD;
    if (!(entry[0] & VTD_ENTRY_P)) {
        return VTD_FAULT_IRTE_NOT_PRESENT;
    }
    if (entry[0] & (VTD_IRTE_RESERVED_LO | VTD_IRTE_POSTED) || entry[1] >> 20 || VTD_IRTE_SVT(entry[1]) == 3) {
        return VTD_FAULT_IRTE_RESERVED;
    }
    if (attrs.has_requester && !vtd_source_fits(entry[1], attrs.requester_id)) {
        return VTD_FAULT_IR_SOURCE;
    }
    destination = extended ? (uint32_t)(entry[0] >> 32) : (uint32_t)(entry[0] >> 40) & 0xff;
    if (destination > 0xff && destination != UINT32_MAX) {
        emu_guest_error("intel-iommu: interrupt for local APIC 0x%x: messages reach 0xfe at most", destination);
        return VTD_FAULT_NONE; /* nobody has that number: as on a real bus, nobody takes it */
    }
    out->pending = true;
    /* Redirection hint and destination mode are bits 3 and 2 of both. */
    out->address = VTD_MSI_BASE | (destination & 0xff) << 12 | (entry[0] & 0xc);
    out->data = (uint32_t)(entry[0] >> 16 & 0xff) | (uint32_t)(entry[0] >> 5 & 7) << 8 | VTD_MSI_ASSERT | (uint32_t)(entry[0] >> 4 & 1) << 15;
    return VTD_FAULT_NONE;
}

static EmuMemResult
vtd_message_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size, EmuMemAttrs attrs)
{
    Vtd *self = opaque;
    uint32_t data = (uint32_t)value;
    VtdMessage remapped = {0}, event = {0};
    VtdFault fault = VTD_FAULT_NONE;
    uint64_t index = 0;
    bool fpd = false;

    if (size != 4 || offset & 3) {
        emu_guest_error("intel-iommu: %u-byte interrupt message at offset 0x%x", size, (unsigned)offset);
        return EMU_MEM_OK;
    }
    g_mutex_lock(&self->lock);
    if (!(self->status & VTD_GCMD_IRE)) {
        remapped = (VtdMessage){true, VTD_MSI_BASE | offset, data};
    } else if (offset & VTD_MSI_REMAPPABLE) {
        index = (offset >> 5 & 0x7fff) | (offset >> 2 & 1) << 15;
        if (offset & VTD_MSI_SHV) {
            index += data & 0xffff;
        }
        fault = offset & VTD_MSI_SHV && data >> 16 ? VTD_FAULT_IR_REQUEST_RESERVED : vtd_remap(self, index, attrs, &remapped, &fpd);
    } else if (self->irta_latched & VTD_IRTA_EIME || !(self->status & VTD_GCMD_CFI)) {
        fault = VTD_FAULT_IR_COMPATIBILITY;
    } else {
        remapped = (VtdMessage){true, VTD_MSI_BASE | offset, data};
    }
    if (fault && !fpd) {
        vtd_record_fault(self, attrs.requester_id, index << 48, fault, true, &event);
    }
    g_mutex_unlock(&self->lock);
    EMU_TRACE(vtd_interrupt, "offset 0x%x data 0x%x source %04x -> 0x%x data 0x%x fault 0x%x", (unsigned)offset, data, attrs.requester_id,
              (unsigned)remapped.address, remapped.data, fault);
    vtd_send(self, &remapped);
    vtd_send(self, &event);
    return EMU_MEM_OK;
}

static EmuMemResult
vtd_message_read(gpointer opaque G_GNUC_UNUSED, uint64_t offset G_GNUC_UNUSED, uint64_t *value, unsigned size G_GNUC_UNUSED,
                 EmuMemAttrs attrs G_GNUC_UNUSED)
{
    *value = 0;
    return EMU_MEM_OK;
}

const EmuMemoryRegionOps vtd_message_ops = {
    .read_attrs = vtd_message_read,
    .write_attrs = vtd_message_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 8,
};
