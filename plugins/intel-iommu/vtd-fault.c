/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Primary fault logging (VT-d 3.3, 7.2): a ring of records, a status, an event as a message. */

#include "vtd.h"

#include <emu/log.h>

EMU_TRACE_DEFINE(vtd_fault)

void
vtd_send(Vtd *self, const VtdMessage *message)
{
    if (message->pending) {
        uint32_t data = GUINT32_TO_LE(message->data);

        emu_dma_write(self->memory, message->address, &data, sizeof data);
    }
}

void
vtd_unmask_fault_event(Vtd *self, VtdMessage *message)
{
    if (self->fault_control & VTD_EVENT_IP && !(self->fault_control & VTD_EVENT_IM)) {
        self->fault_control &= ~VTD_EVENT_IP;
        *message = (VtdMessage){true, self->fault_address | (uint64_t)self->fault_address_high << 32, self->fault_data};
    }
}

void
vtd_set_fault_status(Vtd *self, uint32_t bits, VtdMessage *message)
{
    bool quiet = self->fault_status & (VTD_FSTS_W1C | VTD_FSTS_PPF);

    self->fault_status |= bits;
    /* An event follows the first condition only; the guest finds the others when it looks. */
    if (!quiet) {
        self->fault_control |= VTD_EVENT_IP;
        vtd_unmask_fault_event(self, message);
    }
}

void
vtd_update_fault_status(Vtd *self)
{
    bool any = false;

    for (unsigned i = 0; i < VTD_N_FAULT_RECORDS; i++) {
        any |= (self->records[2 * i + 1] & VTD_FRCD_F) != 0;
    }
    if (!any) {
        self->fault_status &= ~VTD_FSTS_PPF;
    }
    if (!(self->fault_status & (VTD_FSTS_W1C | VTD_FSTS_PPF))) {
        self->fault_control &= ~VTD_EVENT_IP;
    }
}

void
vtd_record_fault(Vtd *self, uint16_t source, uint64_t address, VtdFault reason, bool write, VtdMessage *message)
{
    uint64_t *record = &self->records[2 * self->next_record];

    EMU_TRACE(vtd_fault, "source %04x address 0x%" G_GINT64_MODIFIER "x reason 0x%x write %d", source, address, reason, write);
    if (self->fault_status & VTD_FSTS_PFO) {
        return;
    }
    if (record[1] & VTD_FRCD_F) {
        vtd_set_fault_status(self, VTD_FSTS_PFO, message);
        return;
    }
    /* What a device does again and again is one fault until the guest has seen it. */
    for (unsigned i = 0; i < VTD_N_FAULT_RECORDS; i++) {
        if (self->records[2 * i + 1] & VTD_FRCD_F && (uint16_t)self->records[2 * i + 1] == source) {
            return;
        }
    }
    record[0] = address & VTD_TABLE_MASK;
    record[1] = VTD_FRCD_F | (write ? 0 : VTD_FRCD_READ) | VTD_FRCD_REASON(reason) | source;
    if (!(self->fault_status & VTD_FSTS_PPF)) {
        self->fault_status = (self->fault_status & ~VTD_FSTS_FRI_MASK) | self->next_record << VTD_FSTS_FRI_SHIFT;
    }
    self->next_record = (self->next_record + 1) % VTD_N_FAULT_RECORDS;
    vtd_set_fault_status(self, VTD_FSTS_PPF, message);
}
