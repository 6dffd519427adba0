/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Invalidation (VT-d 3.3, 6.5): what a command asks for is done when the write that brought it returns. */

#include "vtd.h"

#include <emu/log.h>

EMU_TRACE_DEFINE(vtd_invalidate)

/* ---- through registers ------------------------------------------------------------------------------------ */

void
vtd_invalidate_contexts(Vtd *self)
{
    uint64_t command = self->context_command;
    unsigned granularity = VTD_CCMD_CIRG(command);

    if (!(command & VTD_CCMD_ICC)) {
        return;
    }
    g_mutex_lock(&self->lock);
    if (granularity != VTD_GRANULARITY_RESERVED) {
        vtd_flush_contexts(self, granularity, (uint16_t)command, (uint16_t)(command >> 16), command >> 32 & 3);
    }
    g_mutex_unlock(&self->lock);
    self->context_command = (command & ~(VTD_CCMD_ICC | VTD_CCMD_CAIG_MASK)) | VTD_CCMD_CAIG(granularity);
}

void
vtd_invalidate_iotlb(Vtd *self)
{
    uint64_t command = self->iotlb;
    unsigned granularity = VTD_IOTLB_IIRG(command);

    if (!(command & VTD_IOTLB_IVT)) {
        return;
    }
    g_mutex_lock(&self->lock);
    if (granularity != VTD_GRANULARITY_RESERVED) {
        vtd_flush_iotlb(self, granularity, (uint16_t)(command >> 32), self->iva, VTD_IVA_AM(self->iva));
    }
    g_mutex_unlock(&self->lock);
    self->iotlb = (command & ~(VTD_IOTLB_IVT | VTD_IOTLB_IAIG_MASK)) | VTD_IOTLB_IAIG(granularity);
}

/* ---- through the queue -------------------------------------------------------------------------------------- */

static void
vtd_complete_wait(Vtd *self, const uint64_t *descriptor, VtdMessage *message)
{
    if (descriptor[0] & VTD_INV_WAIT_SW) {
        uint32_t status = GUINT32_TO_LE((uint32_t)(descriptor[0] >> 32));

        emu_dma_write(self->memory, descriptor[1] & ~UINT64_C(3), &status, sizeof status);
    }
    if (descriptor[0] & VTD_INV_WAIT_IF && !(self->iq_status & VTD_ICS_IWC)) {
        self->iq_status |= VTD_ICS_IWC;
        self->iq_control |= VTD_EVENT_IP;
        if (!(self->iq_control & VTD_EVENT_IM)) {
            self->iq_control &= ~VTD_EVENT_IP;
            *message = (VtdMessage){true, self->iq_event_address | (uint64_t)self->iq_event_address_high << 32, self->iq_data};
        }
    }
}

/* False: the descriptor makes no sense. */
static bool
vtd_run_descriptor(Vtd *self, const uint64_t *descriptor, VtdMessage *message)
{
    unsigned type = descriptor[0] & 0xf, granularity = VTD_INV_GRANULARITY(descriptor[0]);
    uint16_t domain = (uint16_t)(descriptor[0] >> 16);
    bool ok = true;

    EMU_TRACE(vtd_invalidate, "0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER "x", descriptor[0], descriptor[1]);
    g_mutex_lock(&self->lock);
    switch (type) {
    case VTD_INV_CONTEXT:
        ok = granularity != VTD_GRANULARITY_RESERVED;
        if (ok) {
            vtd_flush_contexts(self, granularity, domain, (uint16_t)(descriptor[0] >> 32), descriptor[0] >> 48 & 3);
        }
        break;
    case VTD_INV_IOTLB:
        ok = granularity != VTD_GRANULARITY_RESERVED && (granularity != VTD_GRANULARITY_FINE || VTD_IVA_AM(descriptor[1]) <= VTD_MAX_AM);
        if (ok) {
            vtd_flush_iotlb(self, granularity, domain, descriptor[1], VTD_IVA_AM(descriptor[1]));
        }
        break;
    case VTD_INV_DEVICE:    /* no device has a cache of its own */
    case VTD_INV_INTERRUPT: /* nor is there one of interrupt entries */
    case VTD_INV_WAIT:
        break;
    default:
        ok = false;
    }
    g_mutex_unlock(&self->lock);
    if (type == VTD_INV_WAIT) {
        vtd_complete_wait(self, descriptor, message);
    }
    return ok;
}

static void
vtd_fail_queue(Vtd *self)
{
    VtdMessage message = {0};

    g_mutex_lock(&self->lock);
    vtd_set_fault_status(self, VTD_FSTS_IQE, &message);
    g_mutex_unlock(&self->lock);
    vtd_send(self, &message);
}

void
vtd_run_queue(Vtd *self)
{
    uint64_t base = self->iq_address & VTD_TABLE_MASK, bytes = VTD_IQ_BYTES(self->iq_address);

    if (!(self->status & VTD_GCMD_QIE)) {
        return;
    }
    if (self->iq_tail >= bytes || self->iq_head >= bytes) {
        if (!(self->fault_status & VTD_FSTS_IQE)) {
            emu_guest_error("intel-iommu: invalidation queue of 0x%x bytes with tail 0x%x", (unsigned)bytes, (unsigned)self->iq_tail);
            vtd_fail_queue(self);
        }
        return;
    }
    while (self->iq_head != self->iq_tail && !(self->fault_status & VTD_FSTS_IQE)) {
        VtdMessage message = {0};
        uint64_t descriptor[2];

        if (!vtd_read_table(self, base + self->iq_head, descriptor, 2) || !vtd_run_descriptor(self, descriptor, &message)) {
            emu_guest_error("intel-iommu: invalidation descriptor at 0x%" G_GINT64_MODIFIER "x makes no sense", base + self->iq_head);
            vtd_fail_queue(self);
            return;
        }
        self->iq_head = (self->iq_head + VTD_INV_DESCRIPTOR) % bytes;
        vtd_send(self, &message);
    }
}

void
vtd_unmask_completion_event(Vtd *self)
{
    VtdMessage message = {0};

    if (self->iq_control & VTD_EVENT_IP && !(self->iq_control & VTD_EVENT_IM)) {
        self->iq_control &= ~VTD_EVENT_IP;
        message = (VtdMessage){true, self->iq_event_address | (uint64_t)self->iq_event_address_high << 32, self->iq_data};
    }
    vtd_send(self, &message);
}
