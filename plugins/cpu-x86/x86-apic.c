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
 * This file delivers: priorities, messages, the local vectors, the life cycle. x86-apic-timer.c has the timer, x86-apic-registers.c
 * what the guest reads and writes.
 */

#include "x86-apic-private.h"

#include <emu/log.h>
#include <string.h>

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
int
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

bool
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
uint32_t
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


void
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
void
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
uint32_t
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

void
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
uint32_t
apic_broadcast(uint32_t dest)
{
    return dest == 0xff ? APIC_EVERYONE : dest;
}

/* Interrupt command register (10.6.1). */
void
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

void
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

void
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
