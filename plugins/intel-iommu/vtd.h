/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Intel VT-d remapping unit.
 *
 *   vtd.c             the device: registers, commands, life, state
 *   vtd-translate.c   root and context tables, second-level paging, their caches
 *   vtd-interrupt.c   interrupt remapping
 *   vtd-fault.c       fault records and events
 *   vtd-invalidate.c  the invalidation queue and its register-based twin
 *
 * Translation runs on any thread; what it shares with the registers is under the unit's lock, which is the innermost one: tables are
 * read only where they are RAM, and messages go out after it was given back.
 */

#include "vtd-regs.h"

#include <emu/machine.h>
#include <emu/pci.h>

#define VTD_N_FAULT_RECORDS 8u
#define VTD_IOTLB_SIZE 1024u
#define VTD_CONTEXT_CACHE_SIZE 256u

typedef struct {
    uint64_t slpt;
    uint16_t source;
    uint16_t domain;
    uint8_t levels;
    uint8_t type; /* VTD_TT_... */
    bool fpd;
    bool valid;
} VtdContext;

typedef struct {
    uint64_t page; /* of 4 KiB, as the device sees it */
    uint64_t target;
    uint64_t mask; /* of the page that maps it */
    uint16_t source;
    uint16_t domain;
    uint8_t access; /* VTD_PTE_RW */
    bool valid;
} VtdIotlbEntry;

typedef struct {
    EmuSysbusDevice parent;

    /* properties */
    int intremap, eim;
    bool caching_mode, device_iotlb, pt;
    uint8_t aw_bits;

    EmuMachine *machine;
    EmuPciBus *bus;
    EmuAddressSpace *memory; /* the machine's */
    EmuMemoryRegion *dma;    /* what bus masters see */
    EmuMemoryRegion *messages;
    EmuAddressSpace *interrupts;
    GMutex lock;

    /* registers */
    uint32_t status;                     /* GSTS */
    uint64_t root, root_latched;         /* RTADDR; as of SRTP */
    uint64_t irta, irta_latched;         /* IRTA; as of SIRTP */
    uint64_t context_command, iva, iotlb;
    uint32_t fault_status, fault_control, fault_data, fault_address, fault_address_high;
    uint64_t iq_head, iq_tail, iq_address;
    uint32_t iq_status, iq_control, iq_data, iq_event_address, iq_event_address_high;
    uint64_t records[2 * VTD_N_FAULT_RECORDS];
    uint32_t next_record;

    /* caches; nothing that says "not present" is in them */
    VtdContext contexts[VTD_CONTEXT_CACHE_SIZE];
    VtdIotlbEntry entries[VTD_IOTLB_SIZE];
} Vtd;

typedef struct {
    bool pending;
    uint64_t address;
    uint32_t data;
} VtdMessage;

extern const EmuTypeInfo vtd_type_info;

/* vtd-translate.c */
extern const EmuIommuOps vtd_iommu_ops;
/* Two words of a table, from RAM; false: there is none. */
bool vtd_read_table(Vtd *self, uint64_t address, uint64_t *words, unsigned n);
void vtd_flush(Vtd *self); /* the lock is held, here and below */
void vtd_flush_contexts(Vtd *self, unsigned granularity, uint16_t domain, uint16_t source, unsigned function_mask);
void vtd_flush_iotlb(Vtd *self, unsigned granularity, uint16_t domain, uint64_t address, unsigned address_mask);

/* vtd-interrupt.c */
extern const EmuMemoryRegionOps vtd_message_ops;

/* vtd-fault.c */
void vtd_record_fault(Vtd *self, uint16_t source, uint64_t address, VtdFault reason, bool write, VtdMessage *message);
/* A bit of the fault status register. */
void vtd_set_fault_status(Vtd *self, uint32_t bits, VtdMessage *message);
void vtd_update_fault_status(Vtd *self);
void vtd_unmask_fault_event(Vtd *self, VtdMessage *message);
/* Not under the lock. */
void vtd_send(Vtd *self, const VtdMessage *message);

/* vtd-invalidate.c; all take the lock themselves. */
void vtd_run_queue(Vtd *self);
void vtd_invalidate_contexts(Vtd *self);
void vtd_invalidate_iotlb(Vtd *self);
void vtd_unmask_completion_event(Vtd *self);
