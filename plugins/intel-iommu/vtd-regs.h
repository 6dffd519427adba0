/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Intel Virtualization Technology for Directed I/O, revision 3.3: chapters 9 (structures) and 11 (registers). */

#include <stdint.h>

#define VTD_BIT(n) (UINT64_C(1) << (n))

/* Capabilities (11.4.2, 11.4.3). */
#define VTD_CAP_ND_16BIT UINT64_C(6)
#define VTD_CAP_CM VTD_BIT(7)
#define VTD_CAP_SAGAW_39BIT VTD_BIT(9)
#define VTD_CAP_SAGAW_48BIT VTD_BIT(10)
#define VTD_CAP_MGAW(bits) ((uint64_t)((bits) - 1) << 16)
#define VTD_CAP_ZLR VTD_BIT(22)
#define VTD_CAP_FRO(offset) ((uint64_t)(offset) / 16 << 24)
#define VTD_CAP_SLLPS_2M VTD_BIT(34)
#define VTD_CAP_SLLPS_1G VTD_BIT(35)
#define VTD_CAP_PSI VTD_BIT(39)
#define VTD_CAP_NFR(n) ((uint64_t)((n) - 1) << 40)
#define VTD_CAP_MAMV(n) ((uint64_t)(n) << 48)
#define VTD_CAP_DWD VTD_BIT(54)
#define VTD_CAP_DRD VTD_BIT(55)
#define VTD_ECAP_C VTD_BIT(0)
#define VTD_ECAP_QI VTD_BIT(1)
#define VTD_ECAP_DT VTD_BIT(2)
#define VTD_ECAP_IR VTD_BIT(3)
#define VTD_ECAP_EIM VTD_BIT(4)
#define VTD_ECAP_PT VTD_BIT(6)
#define VTD_ECAP_SC VTD_BIT(7)
#define VTD_ECAP_IRO(offset) ((uint64_t)(offset) / 16 << 8)
#define VTD_ECAP_MHMV(n) ((uint64_t)(n) << 20)

/* Global command and status (11.4.4). */
#define VTD_GCMD_CFI VTD_BIT(23)
#define VTD_GCMD_SIRTP VTD_BIT(24)
#define VTD_GCMD_IRE VTD_BIT(25)
#define VTD_GCMD_QIE VTD_BIT(26)
#define VTD_GCMD_WBF VTD_BIT(27)
#define VTD_GCMD_SRTP VTD_BIT(30)
#define VTD_GCMD_TE VTD_BIT(31)

#define VTD_TABLE_MASK (~UINT64_C(0xfff))
#define VTD_IRTA_EIME VTD_BIT(11)
#define VTD_IRTA_SIZE(v) (UINT64_C(2) << ((v) & 0xf))
#define VTD_RTADDR_TTM(v) ((v) >> 10 & 3)

/* Context command, IOTLB invalidate (11.4.6.1, 11.4.8.1). */
#define VTD_CCMD_ICC VTD_BIT(63)
#define VTD_CCMD_CIRG(v) ((v) >> 61 & 3)
#define VTD_CCMD_CAIG(g) ((uint64_t)(g) << 59)
#define VTD_CCMD_CAIG_MASK VTD_CCMD_CAIG(3)
#define VTD_IOTLB_IVT VTD_BIT(63)
#define VTD_IOTLB_IIRG(v) ((v) >> 60 & 3)
#define VTD_IOTLB_IAIG(g) ((uint64_t)(g) << 57)
#define VTD_IOTLB_IAIG_MASK VTD_IOTLB_IAIG(3)
#define VTD_IVA_AM(v) ((v) & 0x3f)
#define VTD_MAX_AM 18
enum { VTD_GRANULARITY_RESERVED, VTD_GRANULARITY_GLOBAL, VTD_GRANULARITY_DOMAIN, VTD_GRANULARITY_FINE };

/* Fault status, control, records (11.4.7). */
#define VTD_FSTS_PFO 0x01u
#define VTD_FSTS_PPF 0x02u
#define VTD_FSTS_IQE 0x10u
#define VTD_FSTS_W1C (VTD_FSTS_PFO | 0x0cu | VTD_FSTS_IQE | 0x60u)
#define VTD_FSTS_FRI_SHIFT 8
#define VTD_FSTS_FRI_MASK 0xff00u
#define VTD_EVENT_IM 0x80000000u
#define VTD_EVENT_IP 0x40000000u
#define VTD_FRCD_F VTD_BIT(63)
#define VTD_FRCD_READ VTD_BIT(62)
#define VTD_FRCD_REASON(r) ((uint64_t)(r) << 32)
#define VTD_ICS_IWC 0x1u

/* Fault reasons (chapter 7, and 5.1.4.1 for interrupts). */
typedef enum {
    VTD_FAULT_NONE = 0,
    VTD_FAULT_ROOT_NOT_PRESENT = 0x1,
    VTD_FAULT_CONTEXT_NOT_PRESENT = 0x2,
    VTD_FAULT_CONTEXT_INVALID = 0x3,
    VTD_FAULT_ADDRESS_WIDTH = 0x4,
    VTD_FAULT_WRITE = 0x5,
    VTD_FAULT_READ = 0x6,
    VTD_FAULT_PAGING_ACCESS = 0x7,
    VTD_FAULT_ROOT_ACCESS = 0x8,
    VTD_FAULT_CONTEXT_ACCESS = 0x9,
    VTD_FAULT_ROOT_RESERVED = 0xa,
    VTD_FAULT_CONTEXT_RESERVED = 0xb,
    VTD_FAULT_PAGING_RESERVED = 0xc,
    VTD_FAULT_IR_REQUEST_RESERVED = 0x20,
    VTD_FAULT_IR_INDEX = 0x21,
    VTD_FAULT_IRTE_NOT_PRESENT = 0x22,
    VTD_FAULT_IRTA_ACCESS = 0x23,
    VTD_FAULT_IRTE_RESERVED = 0x24,
    VTD_FAULT_IR_COMPATIBILITY = 0x25,
    VTD_FAULT_IR_SOURCE = 0x26,
} VtdFault;

/* Root, context, paging entries (9.1, 9.3, 9.8). */
#define VTD_ENTRY_P VTD_BIT(0)
#define VTD_ROOT_RESERVED UINT64_C(0xffe)
#define VTD_CONTEXT_FPD VTD_BIT(1)
#define VTD_CONTEXT_TT(lo) ((lo) >> 2 & 3)
#define VTD_CONTEXT_RESERVED_LO UINT64_C(0xff0)
#define VTD_CONTEXT_AW(hi) ((hi) & 7)
#define VTD_CONTEXT_DID(hi) ((uint16_t)((hi) >> 8))
#define VTD_CONTEXT_RESERVED_HI (~UINT64_C(0xffffff) | VTD_BIT(7))
enum { VTD_TT_UNTRANSLATED, VTD_TT_DEVICE_TLB, VTD_TT_PASS_THROUGH };
#define VTD_PTE_R VTD_BIT(0)
#define VTD_PTE_W VTD_BIT(1)
#define VTD_PTE_RW (VTD_PTE_R | VTD_PTE_W)
#define VTD_PTE_PS VTD_BIT(7)

/* Interrupt remapping table entries (9.10). */
#define VTD_IRTE_FPD VTD_BIT(1)
#define VTD_IRTE_POSTED VTD_BIT(15)
#define VTD_IRTE_RESERVED_LO (UINT64_C(0x7000) | UINT64_C(0xff000000))
#define VTD_IRTE_SVT(hi) ((hi) >> 18 & 3)
#define VTD_IRTE_SQ(hi) ((hi) >> 16 & 3)

/* Interrupt messages (5.1.2). */
#define VTD_MSI_BASE UINT64_C(0xfee00000)
#define VTD_MSI_SIZE UINT64_C(0x100000)
#define VTD_MSI_REMAPPABLE 0x10u
#define VTD_MSI_SHV 0x08u
#define VTD_MSI_ASSERT 0x4000u

/* Invalidation descriptors (6.5.2): the type's low four bits. */
enum { VTD_INV_CONTEXT = 1, VTD_INV_IOTLB = 2, VTD_INV_DEVICE = 3, VTD_INV_INTERRUPT = 4, VTD_INV_WAIT = 5 };
#define VTD_INV_GRANULARITY(lo) ((lo) >> 4 & 3)
#define VTD_INV_WAIT_IF VTD_BIT(4)
#define VTD_INV_WAIT_SW VTD_BIT(5)
#define VTD_INV_DESCRIPTOR 16u
#define VTD_IQ_BYTES(iqa) (UINT64_C(4096) << ((iqa) & 7))
