/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The local APIC's registers: the window of xAPIC mode, and the MSRs of x2APIC mode. */

#include "x86-apic-private.h"

#include <emu/log.h>
#include <string.h>

EMU_TRACE_DEFINE(apic_read)
EMU_TRACE_DEFINE(apic_write)

/* ---- registers ------------------------------------------------------------------------------------------------- */

static uint32_t
apic_read_register(X86Apic *apic, unsigned reg)
{
    switch (reg) {
    case APIC_REG_ID:
        return apic->id << 24;
    case APIC_REG_VERSION:
        return APIC_VERSION;
    case APIC_REG_TPR:
        return apic->tpr;
    case APIC_REG_APR: {
        /* Arbitration priority (10.6.2.4). */
        int irr = apic_highest(apic->irr), isr = apic_highest(apic->isr);
        uint32_t highest = (uint32_t)(MAX(MAX(irr, isr), 0) & 0xf0);
        return (apic->tpr & 0xf0) >= highest ? apic->tpr : highest;
    }
    case APIC_REG_PPR:
        return apic_get_ppr(apic);
    case APIC_REG_EOI:
    case APIC_REG_RRD:
        return 0;
    case APIC_REG_LDR:
        return apic->ldr;
    case APIC_REG_DFR:
        return apic->dfr;
    case APIC_REG_SVR:
        return apic->svr;
    case APIC_REG_ISR ... APIC_REG_ISR + 7:
        return apic->isr[reg - APIC_REG_ISR];
    case APIC_REG_TMR ... APIC_REG_TMR + 7:
        return apic->tmr[reg - APIC_REG_TMR];
    case APIC_REG_IRR ... APIC_REG_IRR + 7:
        return apic->irr[reg - APIC_REG_IRR];
    case APIC_REG_ESR:
        return apic->esr;
    case APIC_REG_ICR_LOW:
    case APIC_REG_ICR_HIGH:
        return apic->icr[reg - APIC_REG_ICR_LOW];
    case APIC_REG_LVT ... APIC_REG_LVT + X86_N_LVT - 1:
        return apic->lvt[reg - APIC_REG_LVT];
    case APIC_REG_INITIAL_COUNT:
        return apic->initial_count;
    case APIC_REG_CURRENT_COUNT:
        return apic_current_count(apic);
    case APIC_REG_DIVIDE:
        return apic->divide;
    default:
        apic_error(apic, APIC_ESR_ILLEGAL_REGISTER);
        return 0;
    }
}

/*
 * What has become of a count that nobody watched: between one-shot and periodic it goes on; one that has reached 0 stays there,
 * and its interrupt, if it was masked, is gone.
 */
static void
apic_timer_settle(X86Apic *apic)
{
    uint64_t period = apic_period_ns(apic), elapsed = (uint64_t)apic_now(apic) - apic->timer_start;

    if (period == 0 || apic_timer_is_deadline(apic) || elapsed < period) {
        return;
    }
    if (apic_timer_is_periodic(apic)) {
        apic->timer_start += elapsed / period * period;
    } else {
        if (!apic->timer_expired && !(apic->lvt[X86_LVT_TIMER] & APIC_LVT_MASKED)) {
            apic_local_interrupt(apic, X86_LVT_TIMER); /* the host is late with it */
        }
        apic->timer_expired = true;
    }
}

/* Writable bits (figure 10-8); delivery status and remote IRR are the APIC's. */
static const uint32_t apic_lvt_writable[X86_N_LVT] = {
    [X86_LVT_TIMER] = 0x000700ff, [X86_LVT_THERMAL] = 0x000107ff, [X86_LVT_PERF] = 0x000107ff,
    [X86_LVT_LINT0] = 0x0001a7ff, [X86_LVT_LINT1] = 0x0001a7ff,   [X86_LVT_ERROR] = 0x000100ff,
};

static void
apic_write_lvt(X86Apic *apic, unsigned n, uint32_t value)
{
    uint32_t old = apic->lvt[n];

    if (n == X86_LVT_TIMER && (old & APIC_LVT_MASKED || (value ^ old) & APIC_LVT_PERIODIC)) {
        apic_timer_settle(apic);
    }
    value = (value & apic_lvt_writable[n]) | (old & APIC_LVT_REMOTE_IRR);
    if (n == X86_LVT_TIMER) {
        bool can = x86_has_feature(apic->cpu->state, X86_FEAT_TSC_DEADLINE);

        if (!can || (value & APIC_LVT_PERIODIC)) {
            value &= ~APIC_LVT_DEADLINE; /* (both bits: reserved) */
        }
        if ((value ^ old) & APIC_LVT_DEADLINE) {
            apic->deadline = 0;
            apic->initial_count = 0;
        }
    }
    if (!(apic->svr & APIC_SVR_ENABLE)) {
        value |= APIC_LVT_MASKED; /* 10.4.7.2 */
    }
    apic->lvt[n] = value;
    if (n == X86_LVT_TIMER) {
        apic_arm_timer(apic);
        return;
    }
    if ((n == X86_LVT_LINT0 || n == X86_LVT_LINT1) && value & APIC_LVT_LEVEL && (value >> 8 & 7) == APIC_DM_FIXED && apic->lint[n - X86_LVT_LINT0]) {
        apic_local_interrupt(apic, n); /* a level that waited for the mask */
    }
    x86_apic_update(apic);
}

/* The count goes on from where it is, at the new rate. */
static void
apic_write_divide(X86Apic *apic, uint32_t value)
{
    uint32_t current = apic_current_count(apic);

    apic_timer_settle(apic);
    apic->divide = value & 0xb;
    if (current) {
        apic->timer_start = (uint64_t)apic_now(apic) - ((uint64_t)(apic->initial_count - current) << apic_divide_shift(apic));
    }
    apic_arm_timer(apic);
}

static void
apic_write_svr(X86Apic *apic, uint32_t value)
{
    apic->svr = value & 0x1ff;
    if (!(value & APIC_SVR_ENABLE)) {
        for (unsigned i = 0; i < X86_N_LVT; i++) {
            apic->lvt[i] |= APIC_LVT_MASKED;
        }
        apic_arm_timer(apic);
    }
    x86_apic_update(apic);
}

static void
apic_write_register(X86Apic *apic, unsigned reg, uint32_t value)
{
    apic->changed = MAX(apic->changed, X86_APIC_TOUCHED);
    switch (reg) {
    case APIC_REG_ID:
        apic->id = value >> 24;
        break;
    case APIC_REG_TPR:
        apic->tpr = value & 0xff;
        x86_apic_update(apic);
        break;
    case APIC_REG_EOI:
        apic_eoi(apic);
        break;
    case APIC_REG_LDR:
        apic->ldr = value & 0xff000000u;
        break;
    case APIC_REG_DFR:
        apic->dfr = value | 0x0fffffffu;
        break;
    case APIC_REG_SVR:
        apic_write_svr(apic, value);
        break;
    case APIC_REG_ESR:
        apic->esr = apic->esr_new;
        apic->esr_new = 0;
        break;
    case APIC_REG_ICR_LOW:
        apic->icr[0] = value & 0x000ccfff;
        apic_send_ipi(apic);
        break;
    case APIC_REG_ICR_HIGH:
        apic->icr[1] = value & 0xff000000u;
        break;
    case APIC_REG_LVT ... APIC_REG_LVT + X86_N_LVT - 1:
        apic_write_lvt(apic, reg - APIC_REG_LVT, value);
        break;
    case APIC_REG_INITIAL_COUNT:
        if (apic_timer_is_deadline(apic)) {
            break;
        }
        apic->initial_count = value;
        apic->timer_expired = false;
        apic->timer_start = (uint64_t)apic_now(apic);
        apic_arm_timer(apic);
        break;
    case APIC_REG_DIVIDE:
        apic_write_divide(apic, value);
        break;
    case APIC_REG_VERSION:
    case APIC_REG_APR:
    case APIC_REG_PPR:
    case APIC_REG_RRD:
    case APIC_REG_CURRENT_COUNT:
    case APIC_REG_ISR ... APIC_REG_IRR + 7:
        emu_guest_error("apic: write 0x%x to read-only register 0x%x", value, reg << 4);
        break;
    default:
        apic_error(apic, APIC_ESR_ILLEGAL_REGISTER);
        break;
    }
}

static uint64_t
apic_mmio_read(gpointer opaque, uint64_t offset, unsigned size)
{
    X86Apic *apic = opaque;

    /* Registers are 32 bits wide at 16-byte steps (10.4.1); narrower reads see their bytes. */
    if (offset & 0xc) {
        return 0;
    }
    uint32_t value = apic_read_register(apic, (unsigned)(offset >> 4));
    EMU_TRACE(apic_read, "cpu %u reg 0x%03x value 0x%08x", emu_cpu_get_index((EmuCpu *)apic->cpu),
              (unsigned)offset, value);
    return value >> (offset & 3) * 8;
}

static void
apic_mmio_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    X86Apic *apic = opaque;

    if (size < 4 || offset & 0xf) {
        emu_guest_error("apic: %u-byte write at offset 0x%x", size, (unsigned)offset);
        return;
    }
    EMU_TRACE(apic_write, "cpu %u reg 0x%03x value 0x%08x", emu_cpu_get_index((EmuCpu *)apic->cpu),
              (unsigned)offset, (uint32_t)value);
    apic_write_register(apic, (unsigned)(offset >> 4), (uint32_t)value);
}

const EmuMemoryRegionOps apic_mmio_ops = {
    .read = apic_mmio_read,
    .write = apic_mmio_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

/* ---- x2APIC: the registers as MSRs (10.12) ---------------------------------------------------------------------- */

enum { APIC_MSR_RO = 1, APIC_MSR_WO = 2, APIC_MSR_RW = 3 };

/* Access and the bits that may be written (table 10-6); 0: no such register. */
static unsigned
apic_msr_access(const X86Apic *apic, unsigned reg, uint64_t *writable)
{
    *writable = UINT32_MAX;
    switch (reg) {
    case APIC_REG_ID:
    case APIC_REG_VERSION:
    case APIC_REG_PPR:
    case APIC_REG_LDR:
    case APIC_REG_ISR ... APIC_REG_IRR + 7:
    case APIC_REG_CURRENT_COUNT:
        return APIC_MSR_RO;
    case APIC_REG_EOI:
        *writable = 0;
        return APIC_MSR_WO;
    case APIC_REG_SELF_IPI:
        *writable = 0xff;
        return APIC_MSR_WO;
    case APIC_REG_ESR:
        *writable = 0;
        return APIC_MSR_RW;
    case APIC_REG_TPR:
        *writable = 0xff;
        return APIC_MSR_RW;
    case APIC_REG_SVR:
        *writable = 0x1ff;
        return APIC_MSR_RW;
    case APIC_REG_ICR_LOW:
        *writable = UINT64_C(0xffffffff000ccfff);
        return APIC_MSR_RW;
    case APIC_REG_DIVIDE:
        *writable = 0xb;
        return APIC_MSR_RW;
    case APIC_REG_LVT ... APIC_REG_LVT + X86_N_LVT - 1:
        *writable = apic_lvt_writable[reg - APIC_REG_LVT] | APIC_LVT_READ_ONLY;
        if (!x86_has_feature(apic->cpu->state, X86_FEAT_TSC_DEADLINE)) {
            *writable &= ~(uint64_t)APIC_LVT_DEADLINE;
        }
        return APIC_MSR_RW;
    case APIC_REG_INITIAL_COUNT:
        return APIC_MSR_RW;
    default:
        return 0;
    }
}

bool
x86_apic_read_msr(X86Apic *apic, uint32_t index, uint64_t *value)
{
    unsigned reg = index - X86_MSR_X2APIC_FIRST;
    uint64_t writable;

    if (!apic_is_x2apic(apic) || !(apic_msr_access(apic, reg, &writable) & APIC_MSR_RO)) {
        return false;
    }
    switch (reg) {
    case APIC_REG_ID:
        *value = apic->cpu->state->apic_id;
        break;
    case APIC_REG_LDR:
        *value = apic_x2apic_ldr(apic);
        break;
    case APIC_REG_ICR_LOW:
        *value = apic->icr[0] | (uint64_t)apic->icr[1] << 32;
        break;
    default:
        *value = apic_read_register(apic, reg);
        break;
    }
    EMU_TRACE(apic_read, "cpu %u msr 0x%03x value 0x%08x", emu_cpu_get_index((EmuCpu *)apic->cpu), index,
              (unsigned)*value);
    return true;
}

bool
x86_apic_write_msr(X86Apic *apic, uint32_t index, uint64_t value)
{
    unsigned reg = index - X86_MSR_X2APIC_FIRST;
    uint64_t writable;

    if (!apic_is_x2apic(apic) || !(apic_msr_access(apic, reg, &writable) & APIC_MSR_WO) || value & ~writable) {
        return false;
    }
    EMU_TRACE(apic_write, "cpu %u msr 0x%03x value 0x%08x", emu_cpu_get_index((EmuCpu *)apic->cpu), index,
              (unsigned)value);
    switch (reg) {
    case APIC_REG_SELF_IPI:
        if (value < 16) {
            apic_error(apic, APIC_ESR_SEND_ILLEGAL);
        } else {
            apic_accept(apic, APIC_DM_FIXED, (uint8_t)value, false);
        }
        break;
    case APIC_REG_ICR_LOW:
        apic->icr[1] = (uint32_t)(value >> 32);
        apic_write_register(apic, reg, (uint32_t)value);
        break;
    default:
        apic_write_register(apic, reg, (uint32_t)value);
        break;
    }
    return true;
}
