/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Local APIC (SDM 3A chapter 10): a 4 KiB window in the CPU's own view of memory (xAPIC mode) or MSRs
 * 0x800 to 0x83f (x2APIC mode), a timer, six local vectors, interprocessor interrupts, and the receiving
 * end of interrupt messages.
 *
 * All of it runs under the big lock: register accesses by the CPU's own thread, messages from other
 * CPUs and devices, the timer.  What crosses to the vCPU is one bit, X86_REQ_HARD: "an interrupt can be
 * taken once IF allows"; acknowledging it comes back here.
 *
 * The timer counts at 1 GHz before the divider, or waits for a value of the time-stamp counter.
 */

#include "x86-cpu.h"

#include <emu/log.h>
#include <string.h>

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

EMU_TRACE_DEFINE(apic_read)
EMU_TRACE_DEFINE(apic_write)
EMU_TRACE_DEFINE(apic_deliver)
EMU_TRACE_DEFINE(apic_acknowledge)

/* ---- bit vectors --------------------------------------------------------------------------------- */

static bool
apic_test(const uint32_t *bits, unsigned vector)
{
    return bits[vector >> 5] >> (vector & 31) & 1;
}

static void
apic_set(uint32_t *bits, unsigned vector)
{
    bits[vector >> 5] |= 1u << (vector & 31);
}

static void
apic_clear(uint32_t *bits, unsigned vector)
{
    bits[vector >> 5] &= ~(1u << (vector & 31));
}

/* Highest vector set, or -1. */
static int
apic_highest(const uint32_t *bits)
{
    for (int i = 7; i >= 0; i--) {
        if (bits[i]) {
            return i * 32 + 31 - __builtin_clz(bits[i]);
        }
    }
    return -1;
}

/* ---- priorities ------------------------------------------------------------------------------------ */

static bool
apic_is_hardware_enabled(const X86Apic *apic)
{
    return apic->cpu->has_apic && apic->cpu->state->apic_base & APIC_BASE_ENABLE;
}

static bool
apic_is_x2apic(const X86Apic *apic)
{
    return apic_is_hardware_enabled(apic) && apic->cpu->state->apic_base & APIC_BASE_X2APIC;
}

static bool
apic_is_enabled(const X86Apic *apic)
{
    return apic_is_hardware_enabled(apic) && apic->svr & APIC_SVR_ENABLE;
}

/* Processor priority (10.8.3.1). */
static uint32_t
apic_get_ppr(const X86Apic *apic)
{
    int isr = apic_highest(apic->isr);
    uint32_t isr_class = isr < 0 ? 0 : (uint32_t)isr & 0xf0;

    return (apic->tpr & 0xf0) >= isr_class ? apic->tpr : isr_class;
}

/* The vector that may be delivered now, or -1. */
static int
apic_pending_vector(const X86Apic *apic)
{
    if (!apic_is_enabled(apic)) {
        return -1;
    }
    int irr = apic_highest(apic->irr);
    return irr >= 0 && ((uint32_t)irr & 0xf0) > (apic_get_ppr(apic) & 0xf0) ? irr : -1;
}

bool
x86_apic_accepts_extint(const X86Apic *apic)
{
    if (!apic_is_hardware_enabled(apic)) {
        return true;
    }
    uint32_t lvt = apic->lvt[X86_LVT_LINT0];
    return !(lvt & APIC_LVT_MASKED) && (lvt >> 8 & 7) == APIC_DM_EXTINT;
}

/* The interrupt controller behind the INTR pin, or one whose message came, wants to be asked for a vector. */
static bool
apic_wants_extint(const X86Apic *apic)
{
    return apic->extint || (apic->lint[0] && x86_apic_accepts_extint(apic));
}

void
x86_apic_update(X86Apic *apic)
{
    X86State *s = apic->cpu->state;

    if (!s) {
        return;
    }
    if (apic->send_elsewhere ? apic->lint[0] : apic_pending_vector(apic) >= 0 || apic_wants_extint(apic)) {
        if (!(__atomic_fetch_or(&s->interrupt_request, X86_REQ_HARD, __ATOMIC_SEQ_CST) & X86_REQ_HARD)) {
            emu_cpu_kick((EmuCpu *)apic->cpu);
        }
    } else {
        __atomic_fetch_and(&s->interrupt_request, ~X86_REQ_HARD, __ATOMIC_SEQ_CST);
    }
}

int
x86_apic_acknowledge(X86Apic *apic)
{
    int vector = apic->send_elsewhere ? -1 : apic_pending_vector(apic);

    if (vector >= 0) {
        apic_clear(apic->irr, (unsigned)vector);
        apic_set(apic->isr, (unsigned)vector);
    } else if ((apic->send_elsewhere ? apic->lint[0] : apic_wants_extint(apic)) && apic->cpu->pic) {
        apic->extint = false;
        vector = emu_interrupt_ack((EmuInterruptAck *)apic->cpu->pic);
    }
    EMU_TRACE(apic_acknowledge, "cpu %u vector %d", emu_cpu_get_index((EmuCpu *)apic->cpu), vector);
    x86_apic_update(apic);
    return vector;
}

uint8_t
x86_apic_get_cr8(X86Apic *apic)
{
    return (uint8_t)(apic->tpr >> 4);
}

void
x86_apic_set_cr8(X86Apic *apic, uint8_t cr8)
{
    apic->tpr = (uint32_t)(cr8 & 15) << 4;
    x86_apic_update(apic);
}

/* ---- errors ---------------------------------------------------------------------------------------- */

static void apic_local_interrupt(X86Apic *apic, unsigned lvt);

static void
apic_error(X86Apic *apic, uint32_t bit)
{
    if (!(apic->esr_new & bit)) {
        apic->esr_new |= bit;
        apic_local_interrupt(apic, X86_LVT_ERROR);
    }
}

/* ---- receiving --------------------------------------------------------------------------------------- */

static void
apic_accept_fixed(X86Apic *apic, uint8_t vector, bool level)
{
    if (vector < 16) {
        apic_error(apic, APIC_ESR_RECEIVE_ILLEGAL);
        return;
    }
    if (!apic_is_enabled(apic)) {
        return;
    }
    apic_set(apic->irr, vector);
    if (level) {
        apic_set(apic->tmr, vector);
    } else {
        apic_clear(apic->tmr, vector);
    }
    x86_apic_update(apic);
}

/* One interrupt message for this CPU. */
static void
apic_accept(X86Apic *apic, unsigned mode, uint8_t vector, bool level)
{
    X86Cpu *cpu = apic->cpu;

    EMU_TRACE(apic_deliver, "cpu %u mode %u vector 0x%02x level %d", emu_cpu_get_index((EmuCpu *)cpu), mode,
              vector, level);
    if (!apic_is_hardware_enabled(apic)) {
        return; /* a CPU without APIC, on whose bus nobody listens (10.4.3) */
    }
    switch (mode) {
    case APIC_DM_FIXED:
    case APIC_DM_LOWEST:
        apic_accept_fixed(apic, vector, level);
        break;
    case APIC_DM_SMI:
        x86_cpu_request(cpu, X86_REQ_SMI);
        break;
    case APIC_DM_NMI:
        x86_cpu_nmi(cpu);
        break;
    case APIC_DM_INIT:
        x86_cpu_signal_init(cpu);
        break;
    case APIC_DM_SIPI:
        /* Only a CPU that waits takes it; one that has not yet seen its INIT will wait. */
        if (cpu->state->wait_sipi ||
            __atomic_load_n(&cpu->state->interrupt_request, __ATOMIC_SEQ_CST) & X86_REQ_INIT) {
            __atomic_store_n(&cpu->state->sipi_vector, vector, __ATOMIC_SEQ_CST);
            x86_cpu_request(cpu, X86_REQ_SIPI);
        }
        break;
    case APIC_DM_EXTINT:
        /* A message that stands for the INTR pin: IRR, ISR and priorities have no part in it (10.6.1). */
        apic->extint = cpu->pic != NULL;
        x86_apic_update(apic);
        break;
    default:
        emu_guest_error("apic: message with reserved delivery mode %u", mode);
        break;
    }
}

/* ---- addressing (10.6.2) --------------------------------------------------------------------------------- */

#define APIC_EVERYONE UINT32_MAX

/* Cluster in the upper half, one of 16 in the lower (10.12.10.2). */
static uint32_t
apic_x2apic_ldr(const X86Apic *apic)
{
    uint32_t id = apic->cpu->state->apic_id;

    return id >> 4 << 16 | 1u << (id & 15);
}

static bool
apic_matches(const X86Apic *apic, uint32_t dest, bool logical)
{
    if (dest == APIC_EVERYONE) {
        return true;
    }
    if (apic_is_x2apic(apic)) {
        uint32_t ldr = apic_x2apic_ldr(apic);

        return logical ? ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff) != 0 : apic->cpu->state->apic_id == dest;
    }
    if (dest > 0xff) {
        return false;
    }
    if (!logical) {
        return apic->id == dest;
    }
    uint8_t ldr = (uint8_t)(apic->ldr >> 24);
    if (apic->dfr >> 28 == 0xf) {
        return (ldr & dest) != 0; /* flat */
    }
    return ldr >> 4 == dest >> 4 && (ldr & dest & 15) != 0; /* cluster */
}

static X86Cpu *
apic_get_cpu(EmuMachine *machine, unsigned index)
{
    X86Cpu *cpu = x86_cpu_by_index(machine, index);

    return cpu && cpu->has_apic && cpu->state ? cpu : NULL;
}

/* Lowest priority among the addressed but @except, beginning behind the last one chosen. */
static X86Apic *
apic_choose_lowest(EmuMachine *machine, uint32_t dest, bool logical, const X86Apic *except)
{
    unsigned n = emu_machine_get_n_cpus(machine);
    X86Cpu *first = x86_cpu_by_index(machine, 0);
    unsigned start = first ? first->apic.last_lowest : 0;
    X86Apic *best = NULL;
    unsigned best_index = 0;

    for (unsigned i = 1; i <= n; i++) {
        unsigned index = (start + i) % n;
        X86Cpu *cpu = apic_get_cpu(machine, index);
        if (cpu && &cpu->apic != except && apic_is_enabled(&cpu->apic) && apic_matches(&cpu->apic, dest, logical) &&
            (!best || apic_get_ppr(&cpu->apic) < apic_get_ppr(best))) {
            best = &cpu->apic;
            best_index = index;
        }
    }
    if (best && first) {
        first->apic.last_lowest = best_index;
    }
    return best;
}

static void
apic_send(X86Apic *from, uint32_t dest, bool logical, unsigned mode, uint8_t vector, bool level)
{
    EmuMachine *machine = x86_cpu_get_machine(from->cpu);

    if (from->send_elsewhere) {
        from->send_elsewhere(from, APIC_MSI_BASE | (dest & 0xff) << 12 | (logical ? APIC_MSI_LOGICAL : 0),
                             vector | mode << 8 | APIC_ICR_ASSERT | (level ? APIC_ICR_LEVEL : 0));
        return;
    }

    if (mode == APIC_DM_LOWEST) {
        X86Apic *apic = apic_choose_lowest(machine, dest, logical, NULL);
        if (apic) {
            apic_accept(apic, mode, vector, level);
        }
        return;
    }
    unsigned n = emu_machine_get_n_cpus(machine);
    for (unsigned i = 0; i < n; i++) {
        X86Cpu *cpu = apic_get_cpu(machine, i);
        if (cpu && apic_matches(&cpu->apic, dest, logical)) {
            apic_accept(&cpu->apic, mode, vector, level);
        }
    }
}

/* The broadcast address of 8-bit destinations. */
static uint32_t
apic_broadcast(uint32_t dest)
{
    return dest == 0xff ? APIC_EVERYONE : dest;
}

/* Interrupt command register (10.6.1). */
static void
apic_send_ipi(X86Apic *apic)
{
    EmuMachine *machine = x86_cpu_get_machine(apic->cpu);
    uint32_t icr = apic->icr[0];
    unsigned mode = icr >> 8 & 7, shorthand = icr >> 18 & 3;
    uint8_t vector = (uint8_t)icr;

    if (mode == APIC_DM_INIT && icr & APIC_ICR_LEVEL && !(icr & APIC_ICR_ASSERT)) {
        return; /* INIT level de-assert: Pentium and P6 only, arbitration IDs */
    }
    if ((mode == APIC_DM_FIXED || mode == APIC_DM_LOWEST) && vector < 16) {
        apic_error(apic, APIC_ESR_SEND_ILLEGAL);
        return;
    }
    switch (shorthand) {
    case 0:
        apic_send(apic, apic_is_x2apic(apic) ? apic->icr[1] : apic_broadcast(apic->icr[1] >> 24),
                  icr & APIC_ICR_LOGICAL, mode, vector, false);
        break;
    case 1:
        apic_accept(apic, mode, vector, false);
        break;
    default: {
        unsigned n = emu_machine_get_n_cpus(machine);

        if (mode == APIC_DM_LOWEST && !apic->send_elsewhere) {
            X86Apic *lowest = apic_choose_lowest(machine, APIC_EVERYONE, false, shorthand == 3 ? apic : NULL);

            if (lowest) {
                apic_accept(lowest, mode, vector, false);
            }
            break;
        }
        for (unsigned i = 0; i < n; i++) {
            X86Cpu *cpu = apic_get_cpu(machine, i);
            if (!cpu || (shorthand == 3 && cpu == apic->cpu)) {
                continue;
            }
            if (apic->send_elsewhere && cpu != apic->cpu) {
                apic_send(apic, (uint8_t)cpu->apic_id, false, mode, vector, false);
            } else {
                apic_accept(&cpu->apic, mode, vector, false);
            }
        }
        break;
    }
    }
}

int
x86_apic_send_many(X86Apic *apic, uint64_t low, uint64_t high, uint32_t first, uint32_t icr)
{
    EmuMachine *machine = x86_cpu_get_machine(apic->cpu);
    unsigned mode = icr >> 8 & 7, n = emu_machine_get_n_cpus(machine);
    uint8_t vector = (uint8_t)icr;
    int sent = 0;

    if (!apic_is_hardware_enabled(apic) || (mode != APIC_DM_FIXED && mode != APIC_DM_NMI)) {
        return -1000;
    }
    for (unsigned i = 0; i < n; i++) {
        X86Cpu *cpu = apic_get_cpu(machine, i);
        uint32_t bit = cpu ? cpu->apic_id - first : UINT32_MAX;

        if (cpu && cpu->apic_id >= first && (bit < 64 ? low >> bit & 1 : bit < 128 ? high >> (bit - 64) & 1 : 0)) {
            apic_accept(&cpu->apic, mode, vector, false);
            sent++;
        }
    }
    return sent;
}

/* ---- end of interrupt -------------------------------------------------------------------------------------- */

static bool
apic_collect_eoi_cb(EmuObject *child, gpointer data)
{
    GPtrArray *found = data;

    if (EMU_IS_APIC_EOI(child)) {
        g_ptr_array_add(found, child);
    }
    emu_object_foreach_child(child, apic_collect_eoi_cb, found);
    return false;
}

void
x86_apic_broadcast_eoi(X86Apic *apic, uint8_t vector)
{
    if (!apic->eoi_listeners) {
        apic->eoi_listeners = g_ptr_array_new();
        emu_object_foreach_child(x86_cpu_get_machine(apic->cpu), apic_collect_eoi_cb, apic->eoi_listeners);
    }
    for (guint i = 0; i < apic->eoi_listeners->len; i++) {
        emu_apic_eoi(apic->eoi_listeners->pdata[i], vector);
    }
}

static void
apic_eoi(X86Apic *apic)
{
    int vector = apic_highest(apic->isr);

    if (vector < 0) {
        return;
    }
    apic_clear(apic->isr, (unsigned)vector);
    if (apic_test(apic->tmr, (unsigned)vector)) {
        for (unsigned pin = 0; pin < 2; pin++) {
            uint32_t *lvt = &apic->lvt[X86_LVT_LINT0 + pin];
            if (*lvt & APIC_LVT_REMOTE_IRR && (*lvt & 0xff) == (uint32_t)vector) {
                *lvt &= ~APIC_LVT_REMOTE_IRR;
                if (apic->lint[pin]) {
                    apic_local_interrupt(apic, X86_LVT_LINT0 + pin);
                }
            }
        }
        x86_apic_broadcast_eoi(apic, (uint8_t)vector);
    }
    x86_apic_update(apic);
}

/* ---- local interrupts -------------------------------------------------------------------------------------- */

static void
apic_local_interrupt(X86Apic *apic, unsigned n)
{
    uint32_t lvt = apic->lvt[n];
    unsigned mode = n == X86_LVT_TIMER || n == X86_LVT_ERROR ? APIC_DM_FIXED : lvt >> 8 & 7;
    bool level = false;

    if (lvt & APIC_LVT_MASKED) {
        return;
    }
    if (mode == APIC_DM_EXTINT) {
        x86_apic_update(apic);
        return;
    }
    if (mode == APIC_DM_FIXED && (n == X86_LVT_LINT0 || n == X86_LVT_LINT1) && lvt & APIC_LVT_LEVEL) {
        if (lvt & APIC_LVT_REMOTE_IRR) {
            return;
        }
        apic->lvt[n] |= APIC_LVT_REMOTE_IRR;
        level = true;
    }
    apic_accept(apic, mode, (uint8_t)lvt, level);
}

void
x86_apic_set_lint(X86Apic *apic, unsigned pin, bool level)
{
    bool rising = level && !apic->lint[pin];

    apic->lint[pin] = level;
    if (!apic_is_hardware_enabled(apic)) {
        if (pin == 0) {
            x86_apic_update(apic);
        } else if (rising) {
            x86_cpu_nmi(apic->cpu);
        }
        return;
    }
    if (rising) {
        apic_local_interrupt(apic, X86_LVT_LINT0 + pin);
    }
    x86_apic_update(apic);
}

/* ---- timer (10.5.4) ------------------------------------------------------------------------------------------ */

static int64_t
apic_now(const X86Apic *apic)
{
    return emu_clock_get_ns(emu_device_get_clock((EmuDevice *)apic->cpu, EMU_CLOCK_VIRTUAL));
}

/* log2 of the divisor: 2, 4, ... 128, then 1. */
static unsigned
apic_divide_shift(const X86Apic *apic)
{
    return (((apic->divide & 3) | (apic->divide >> 1 & 4)) + 1) & 7;
}

static uint64_t
apic_period_ns(const X86Apic *apic)
{
    return (uint64_t)apic->initial_count << apic_divide_shift(apic);
}

static bool
apic_timer_is_periodic(const X86Apic *apic)
{
    return apic->lvt[X86_LVT_TIMER] & APIC_LVT_PERIODIC;
}

static bool
apic_timer_is_deadline(const X86Apic *apic)
{
    return apic->lvt[X86_LVT_TIMER] & APIC_LVT_DEADLINE;
}

static uint32_t
apic_current_count(const X86Apic *apic)
{
    uint64_t elapsed = (uint64_t)apic_now(apic) - apic->timer_start;
    uint64_t period = apic_period_ns(apic);

    if (period == 0 || apic->timer_expired || apic_timer_is_deadline(apic)) {
        return 0;
    }
    if (elapsed >= period) {
        if (!apic_timer_is_periodic(apic)) {
            return 0;
        }
        elapsed %= period;
    }
    return apic->initial_count - (uint32_t)(elapsed >> apic_divide_shift(apic));
}

uint32_t
x86_apic_get_current_count(const X86Apic *apic)
{
    return apic_current_count(apic);
}

/* As if the initial count had been written when @current was still to come. */
void
x86_apic_set_count(X86Apic *apic, uint32_t initial, uint32_t current)
{
    uint64_t period, elapsed;

    apic->initial_count = initial;
    period = apic_period_ns(apic);
    elapsed = current ? (uint64_t)(initial - MIN(current, initial)) << apic_divide_shift(apic) : period;
    apic->timer_start = (uint64_t)apic_now(apic) - elapsed;
    apic->timer_next = current ? apic->timer_start + period : 0;
    apic->timer_expired = period && !current && !apic_timer_is_periodic(apic);
}

/* When the time-stamp counter reaches the deadline; a past one is due now. */
static uint64_t
apic_deadline_ns(const X86Apic *apic, uint64_t now)
{
    uint64_t frequency = apic->cpu->tsc_frequency;
    uint64_t counter = emu_muldiv64(now, frequency, EMU_NS_PER_SEC) + apic->cpu->state->tsc_offset;
    uint64_t left = apic->deadline > counter ? apic->deadline - counter : 0;
    uint64_t far = (uint64_t)INT64_MAX / 4;

    if (left == 0) {
        return now;
    }
    /* Rounded up: never before the counter shows it. */
    left = left / frequency > far / EMU_NS_PER_SEC ? far : emu_muldiv64(left, EMU_NS_PER_SEC, frequency) + 1;
    return now + left;
}

/*
 * Sets the host timer for the next expiry. A single one that is due and has not been delivered is due now: the host may take this
 * thread off its CPU between a guest's write and here for longer than the guest's period.
 */
static void
apic_arm_timer(X86Apic *apic)
{
    uint64_t period = apic_period_ns(apic), now = (uint64_t)apic_now(apic);

    apic->timer_next = 0;
    if (apic_timer_is_deadline(apic)) {
        if (apic->deadline) {
            apic->timer_next = MAX(apic_deadline_ns(apic, now), 1);
        }
    } else if (period && !apic->timer_expired) {
        uint64_t next = apic->timer_start + period;
        if (next > now || !apic_timer_is_periodic(apic)) {
            apic->timer_next = next;
        } else {
            apic->timer_next = next + ((now - next) / period + 1) * period;
        }
    }
    if (apic->timer_next && !(apic->lvt[X86_LVT_TIMER] & APIC_LVT_MASKED) && !apic->send_elsewhere) {
        emu_timer_set(apic->timer, (int64_t)apic->timer_next);
    } else {
        emu_timer_cancel(apic->timer);
    }
}

static void
apic_timer_cb(gpointer opaque)
{
    X86Apic *apic = opaque;

    if (apic_timer_is_deadline(apic)) {
        apic->deadline = 0; /* once */
    } else if (!apic_timer_is_periodic(apic)) {
        apic->timer_expired = true;
    }
    apic_local_interrupt(apic, X86_LVT_TIMER);
    apic_arm_timer(apic);
}

/* IA32_TSC_DEADLINE (10.5.4.1): nothing but 0 outside the mode. */
uint64_t
x86_apic_get_deadline(const X86Apic *apic)
{
    return apic_timer_is_deadline(apic) ? apic->deadline : 0;
}

/* A deadline that has passed interrupts before the next instruction: it does not wait for the main loop to look at its timers. */
void
x86_apic_set_deadline(X86Apic *apic, uint64_t value)
{
    uint64_t now = (uint64_t)apic_now(apic);

    if (!apic_timer_is_deadline(apic)) {
        return;
    }
    apic->deadline = value;
    if (value && apic_deadline_ns(apic, now) <= now && !(apic->lvt[X86_LVT_TIMER] & APIC_LVT_MASKED) && !apic->send_elsewhere) {
        apic_timer_cb(apic);
    } else {
        apic_arm_timer(apic);
    }
}

void
x86_apic_tsc_changed(X86Apic *apic)
{
    if (apic_timer_is_deadline(apic)) {
        apic_arm_timer(apic);
    }
}

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

static const EmuMemoryRegionOps apic_mmio_ops = {
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

/* ---- interrupt messages (10.11) -------------------------------------------------------------------------------- */

static uint64_t
apic_msi_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return UINT64_MAX;
}

static void
apic_msi_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    X86Apic *apic = opaque;
    uint8_t dest = (uint8_t)(offset >> 12);
    unsigned mode = value >> 8 & 7;

    if (size != 4 || offset & 3) {
        emu_guest_error("apic: %u-byte interrupt message at offset 0x%x", size, (unsigned)offset);
        return;
    }
    /* The redirection hint: one of the logical destination is enough. */
    if (mode == APIC_DM_FIXED && (offset & 0xc) == (APIC_MSI_REDIRECTION_HINT | APIC_MSI_LOGICAL)) {
        mode = APIC_DM_LOWEST;
    }
    apic_send(apic, apic_broadcast(dest), offset & APIC_MSI_LOGICAL, mode, (uint8_t)value, value >> 15 & 1);
}

static const EmuMemoryRegionOps apic_msi_ops = {
    .read = apic_msi_read,
    .write = apic_msi_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 8,
    .valid_unaligned = true,
    .impl_unaligned = true,
};

/* ---- IA32_APIC_BASE (10.4.4) ------------------------------------------------------------------------------------- */

void
x86_apic_update_mapping(X86Apic *apic)
{
    uint64_t base = apic->cpu->state->apic_base;

    emu_memory_transaction_begin();
    emu_memory_region_set_enabled(apic->mmio,
                                  (base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == APIC_BASE_ENABLE);
    emu_memory_region_set_address(apic->mmio, base & ~UINT64_C(0xfff));
    emu_memory_transaction_commit();
}

bool
x86_apic_set_base(X86Apic *apic, uint64_t value)
{
    X86State *s = apic->cpu->state;
    uint64_t reserved = ~s->phys_mask | 0x2ff;
    uint64_t old = s->apic_base;

    if (!x86_has_feature(s, X86_FEAT_X2APIC)) {
        reserved |= APIC_BASE_X2APIC;
    }
    if (value & reserved) {
        return false;
    }
    /* What figure 10-27 has no arrow for: x2APIC while disabled, and back to xAPIC other than by disabling. */
    if ((value & APIC_BASE_X2APIC) && !(value & old & APIC_BASE_ENABLE)) {
        return false;
    }
    if ((old & APIC_BASE_X2APIC) && !(value & APIC_BASE_X2APIC) && (value & APIC_BASE_ENABLE)) {
        return false;
    }
    s->apic_base = value;
    if (old & ~value & APIC_BASE_ENABLE) {
        /* Switched off and on again it is as after a reset, but for the task priority, which is CR8. */
        uint32_t tpr = apic->tpr;

        x86_apic_init_signal(apic);
        apic->id = s->apic_id & 0xff;
        apic->tpr = tpr;
    }
    if (~old & value & APIC_BASE_X2APIC) {
        apic->icr[1] = 0;
    } else if (old & ~value & APIC_BASE_X2APIC) {
        apic->id = s->apic_id & 0xff;
    }
    if ((old ^ value) & (APIC_BASE_ENABLE | APIC_BASE_X2APIC | ~UINT64_C(0xfff))) {
        x86_apic_update_mapping(apic);
    }
    x86_apic_update(apic);
    return true;
}

/* ---- life cycle ------------------------------------------------------------------------------------------------------ */

void
x86_apic_init_signal(X86Apic *apic)
{
    X86State *s = apic->cpu->state;

    apic->tpr = 0;
    apic->ldr = 0;
    apic->dfr = 0xffffffff;
    apic->svr = 0xff;
    memset(apic->isr, 0, sizeof(apic->isr));
    memset(apic->tmr, 0, sizeof(apic->tmr));
    memset(apic->irr, 0, sizeof(apic->irr));
    apic->esr = apic->esr_new = 0;
    apic->icr[0] = apic->icr[1] = 0;
    for (unsigned i = 0; i < X86_N_LVT; i++) {
        apic->lvt[i] = APIC_LVT_MASKED;
    }
    if (s->apic_base & APIC_BASE_BSP) {
        /* What firmware programs before anything else, so that one without APIC code sees the 8259. */
        apic->lvt[X86_LVT_LINT0] = APIC_DM_EXTINT << 8;
    }
    apic->initial_count = 0;
    apic->divide = 0;
    apic->timer_start = 0;
    apic->timer_next = 0;
    apic->timer_expired = false;
    apic->deadline = 0;
    apic->extint = false;
    emu_timer_cancel(apic->timer);
    apic->changed = X86_APIC_REPLACED;
    x86_apic_update(apic);
}

void
x86_apic_reset(X86Apic *apic)
{
    X86State *s = apic->cpu->state;

    apic->id = s->apic_id & 0xff;
    apic->last_lowest = 0;
    s->apic_base = APIC_BASE_ADDRESS_DEFAULT | APIC_BASE_ENABLE |
                   (emu_cpu_get_index((EmuCpu *)apic->cpu) == 0 ? APIC_BASE_BSP : 0);
    x86_apic_update_mapping(apic);
    x86_apic_init_signal(apic);
}

bool
x86_apic_realize(X86Apic *apic, X86Cpu *cpu, EmuMemoryRegion *view, GError **error)
{
    apic->cpu = cpu;
    apic->timer = emu_timer_new(emu_device_get_clock((EmuDevice *)cpu, EMU_CLOCK_VIRTUAL), apic_timer_cb, apic);
    apic->mmio = emu_memory_region_new_io(cpu, "apic", 0x1000, &apic_mmio_ops, apic);
    emu_memory_region_add_subregion(view, APIC_BASE_ADDRESS_DEFAULT, apic->mmio, 4096);
    if (emu_cpu_get_index((EmuCpu *)cpu) == 0) {
        apic->msi = emu_memory_region_new_io(cpu, "apic-msi", APIC_MSI_SIZE, &apic_msi_ops, apic);
        emu_memory_region_add_subregion(emu_machine_get_system_memory(x86_cpu_get_machine(cpu)), APIC_MSI_BASE,
                                        apic->msi, 4096);
    }
    return true;
}

void
x86_apic_unrealize(X86Apic *apic)
{
    if (apic->msi) {
        emu_memory_region_del_subregion(emu_machine_get_system_memory(x86_cpu_get_machine(apic->cpu)), apic->msi);
    }
    g_clear_pointer(&apic->timer, emu_timer_free);
    g_clear_pointer(&apic->eoi_listeners, g_ptr_array_unref);
}

/* A state that was saved where the registers lived elsewhere has no timer set. */
void
x86_apic_loaded(X86Apic *apic)
{
    if (apic->send_elsewhere) {
        if (emu_timer_is_set(apic->timer) && emu_timer_expires_ns(apic->timer) <= apic_now(apic)) {
            apic_local_interrupt(apic, X86_LVT_TIMER);
        }
        emu_timer_cancel(apic->timer);
    } else if (!emu_timer_is_set(apic->timer)) {
        apic_arm_timer(apic);
    }
    apic->changed = X86_APIC_REPLACED;
    x86_apic_update(apic);
}

static const EmuVMField apic_fields[] = {
    EMU_VM_U32(X86Apic, id),
    EMU_VM_U32(X86Apic, tpr),
    EMU_VM_U32(X86Apic, ldr),
    EMU_VM_U32(X86Apic, dfr),
    EMU_VM_U32(X86Apic, svr),
    EMU_VM_U32_ARRAY(X86Apic, isr),
    EMU_VM_U32_ARRAY(X86Apic, tmr),
    EMU_VM_U32_ARRAY(X86Apic, irr),
    EMU_VM_U32(X86Apic, esr),
    EMU_VM_U32(X86Apic, esr_new),
    EMU_VM_U32_ARRAY(X86Apic, icr),
    EMU_VM_U32_ARRAY(X86Apic, lvt),
    EMU_VM_U32(X86Apic, initial_count),
    EMU_VM_U32(X86Apic, divide),
    EMU_VM_U64(X86Apic, timer_start),
    EMU_VM_U64(X86Apic, timer_next),
    EMU_VM_U64(X86Apic, deadline),
    EMU_VM_BOOL(X86Apic, timer_expired),
    EMU_VM_U32(X86Apic, last_lowest),
    EMU_VM_U8_ARRAY(X86Apic, lint),
    EMU_VM_TIMER(X86Apic, timer),
    {.name = "extint", .kind = EMU_VM_KIND_BOOL, .offset = offsetof(X86Apic, extint), .size = 1, .num = 1, .since = 2},
    EMU_VM_END,
};
const EmuVMState x86_apic_vmstate = {
    .name = "apic",
    .version = 2,
    .minimum_version = 1,
    .fields = apic_fields,
};
