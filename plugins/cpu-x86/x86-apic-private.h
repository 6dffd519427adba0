/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the local APIC's files share: x86-apic.c (delivery), x86-apic-timer.c, x86-apic-registers.c (the window and the MSRs). */

#include "x86-cpu.h"

enum {
    APIC_REG_ID = 0x02,
    APIC_REG_VERSION = 0x03,
    APIC_REG_TPR = 0x08,
    APIC_REG_APR = 0x09,
    APIC_REG_PPR = 0x0a,
    APIC_REG_EOI = 0x0b,
    APIC_REG_RRD = 0x0c,
    APIC_REG_LDR = 0x0d,
    APIC_REG_DFR = 0x0e,
    APIC_REG_SVR = 0x0f,
    APIC_REG_ISR = 0x10,
    APIC_REG_TMR = 0x18,
    APIC_REG_IRR = 0x20,
    APIC_REG_ESR = 0x28,
    APIC_REG_ICR_LOW = 0x30,
    APIC_REG_ICR_HIGH = 0x31,
    APIC_REG_LVT = 0x32,
    APIC_REG_INITIAL_COUNT = 0x38,
    APIC_REG_CURRENT_COUNT = 0x39,
    APIC_REG_DIVIDE = 0x3e,
    APIC_REG_SELF_IPI = 0x3f, /* x2APIC only */
};

#define APIC_VERSION (0x14u | (X86_N_LVT - 1) << 16)

#define APIC_BASE_BSP (1u << 8)
#define APIC_BASE_X2APIC (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define APIC_BASE_ADDRESS_DEFAULT 0xfee00000u

#define APIC_SVR_ENABLE (1u << 8)

#define APIC_LVT_LEVEL (1u << 15)
#define APIC_LVT_REMOTE_IRR (1u << 14)
#define APIC_LVT_READ_ONLY (1u << 12 | APIC_LVT_REMOTE_IRR) /* delivery status */
#define APIC_LVT_MASKED (1u << 16)
#define APIC_LVT_PERIODIC (1u << 17)
#define APIC_LVT_DEADLINE (1u << 18)

#define APIC_ICR_LOGICAL (1u << 11)
#define APIC_ICR_ASSERT (1u << 14)
#define APIC_ICR_LEVEL (1u << 15)

#define APIC_ESR_SEND_ILLEGAL (1u << 5)
#define APIC_ESR_RECEIVE_ILLEGAL (1u << 6)
#define APIC_ESR_ILLEGAL_REGISTER (1u << 7)

enum {
    APIC_DM_FIXED = 0,
    APIC_DM_LOWEST = 1,
    APIC_DM_SMI = 2,
    APIC_DM_NMI = 4,
    APIC_DM_INIT = 5,
    APIC_DM_SIPI = 6,
    APIC_DM_EXTINT = 7,
};

#define APIC_MSI_BASE 0xfee00000u
#define APIC_MSI_SIZE 0x100000u
#define APIC_MSI_LOGICAL 0x4u
#define APIC_MSI_REDIRECTION_HINT 0x8u

/* ---- x86-apic.c -------------------------------------------------------------------------------------------- */

int apic_highest(const uint32_t *bits);
bool apic_is_x2apic(const X86Apic *apic);
uint32_t apic_get_ppr(const X86Apic *apic);
void apic_error(X86Apic *apic, uint32_t bit);
void apic_accept(X86Apic *apic, unsigned mode, uint8_t vector, bool level);
uint32_t apic_x2apic_ldr(const X86Apic *apic);
void apic_send(X86Apic *from, uint32_t dest, bool logical, unsigned mode, uint8_t vector, bool level);
uint32_t apic_broadcast(uint32_t dest);
void apic_send_ipi(X86Apic *apic);
void apic_eoi(X86Apic *apic);
void apic_local_interrupt(X86Apic *apic, unsigned n);

/* ---- x86-apic-timer.c -------------------------------------------------------------------------------------- */

int64_t apic_now(const X86Apic *apic);
unsigned apic_divide_shift(const X86Apic *apic);
uint64_t apic_period_ns(const X86Apic *apic);
bool apic_timer_is_periodic(const X86Apic *apic);
bool apic_timer_is_deadline(const X86Apic *apic);
uint32_t apic_current_count(const X86Apic *apic);
void apic_arm_timer(X86Apic *apic);
void apic_timer_cb(gpointer opaque);

/* ---- x86-apic-registers.c ---------------------------------------------------------------------------------- */

extern const EmuMemoryRegionOps apic_mmio_ops;
