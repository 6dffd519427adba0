/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A local APIC in the kernel. Its registers are those of the page that a guest would see (SDM 3A table 10-1); KVM's timer counts
 * nanoseconds before the divider, as ours does.
 */

#include "x86-kvm.h"

#include <emu/log.h>

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    PAGE_ID = 0x020, PAGE_VERSION = 0x030, PAGE_TPR = 0x080, PAGE_LDR = 0x0d0, PAGE_DFR = 0x0e0, PAGE_SVR = 0x0f0, PAGE_ISR = 0x100,
    PAGE_TMR = 0x180, PAGE_IRR = 0x200, PAGE_ESR = 0x280, PAGE_ICR = 0x300, PAGE_LVT = 0x320, PAGE_INITIAL_COUNT = 0x380,
    PAGE_CURRENT_COUNT = 0x390, PAGE_DIVIDE = 0x3e0,
};

static uint32_t
page_get(const struct kvm_lapic_state *page, unsigned offset)
{
    uint32_t value;

    memcpy(&value, page->regs + offset, sizeof(value));
    return value;
}

static void
page_set(struct kvm_lapic_state *page, unsigned offset, uint32_t value)
{
    memcpy(page->regs + offset, &value, sizeof(value));
}

static void
x86_kvm_apic_from_page(X86Apic *apic, const struct kvm_lapic_state *page)
{
    apic->id = page_get(page, PAGE_ID) >> 24;
    apic->tpr = page_get(page, PAGE_TPR) & 0xff;
    apic->ldr = page_get(page, PAGE_LDR);
    apic->dfr = page_get(page, PAGE_DFR);
    apic->svr = page_get(page, PAGE_SVR);
    for (unsigned i = 0; i < 8; i++) {
        apic->isr[i] = page_get(page, PAGE_ISR + 16 * i);
        apic->tmr[i] = page_get(page, PAGE_TMR + 16 * i);
        apic->irr[i] = page_get(page, PAGE_IRR + 16 * i);
    }
    apic->esr = page_get(page, PAGE_ESR);
    apic->esr_new = 0;
    apic->icr[0] = page_get(page, PAGE_ICR);
    apic->icr[1] = page_get(page, PAGE_ICR + 16);
    for (unsigned i = 0; i < X86_N_LVT; i++) {
        apic->lvt[i] = page_get(page, PAGE_LVT + 16 * i);
    }
    apic->divide = page_get(page, PAGE_DIVIDE);
    apic->timer_expired = false;
    x86_apic_set_count(apic, page_get(page, PAGE_INITIAL_COUNT), page_get(page, PAGE_CURRENT_COUNT));
}

static void
x86_kvm_apic_to_page(X86Apic *apic, struct kvm_lapic_state *page)
{
    page_set(page, PAGE_ID, apic->id << 24);
    page_set(page, PAGE_TPR, apic->tpr);
    page_set(page, PAGE_LDR, apic->ldr);
    page_set(page, PAGE_DFR, apic->dfr);
    page_set(page, PAGE_SVR, apic->svr);
    for (unsigned i = 0; i < 8; i++) {
        page_set(page, PAGE_ISR + 16 * i, apic->isr[i]);
        page_set(page, PAGE_TMR + 16 * i, apic->tmr[i]);
        page_set(page, PAGE_IRR + 16 * i, apic->irr[i]);
    }
    page_set(page, PAGE_ESR, apic->esr);
    page_set(page, PAGE_ICR, apic->icr[0]);
    page_set(page, PAGE_ICR + 16, apic->icr[1]);
    for (unsigned i = 0; i < X86_N_LVT; i++) {
        page_set(page, PAGE_LVT + 16 * i, apic->lvt[i]);
    }
    page_set(page, PAGE_DIVIDE, apic->divide);
    page_set(page, PAGE_INITIAL_COUNT, apic->initial_count);
    page_set(page, PAGE_CURRENT_COUNT, x86_apic_get_current_count(apic));
}

void
x86_kvm_apic_note_timer(X86KvmArch *arch)
{
    struct kvm_lapic_state page;

    arch->timer_left = arch->vm->local_apics && ioctl(arch->fd, KVM_GET_LAPIC, &page) == 0 ? page_get(&page, PAGE_CURRENT_COUNT) : 0;
}

#define LVT_MASKED (1u << 16)
#define LVT_PERIODIC (1u << 17)
#define LVT_DEADLINE (1u << 18)

/* Has it run out since? */
static bool
x86_kvm_apic_timer_came(const X86KvmArch *arch, const struct kvm_lapic_state *page)
{
    uint32_t lvt = page_get(page, PAGE_LVT), left = page_get(page, PAGE_CURRENT_COUNT);

    if (arch->timer_left == 0 || lvt & (LVT_MASKED | LVT_DEADLINE)) {
        return false;
    }
    return lvt & LVT_PERIODIC ? left > arch->timer_left : left == 0;
}

/*
 * The kernel's timer counted on while the machine stood: it gets the count back that was left, and forgets an interrupt that came of it. A
 * period that was over between the CPU's stop and the clock's is one that the guest is told of.
 */
void
x86_kvm_apic_restart_timer(X86State *s, const X86KvmArch *arch)
{
    X86Apic *apic = &((X86Cpu *)s->owner)->apic;
    uint32_t lvt = apic->lvt[X86_LVT_TIMER], vector = lvt & 0xff;
    uint64_t now = (uint64_t)emu_clock_get_ns(emu_machine_get_clock(x86_cpu_get_machine(apic->cpu), EMU_CLOCK_VIRTUAL));

    if (!arch->vm->local_apics || apic->changed != X86_APIC_UNCHANGED || (lvt & LVT_DEADLINE ? !apic->deadline : !apic->timer_next)) {
        return;
    }
    apic->changed = X86_APIC_TOUCHED;
    if ((lvt & (LVT_PERIODIC | LVT_DEADLINE | LVT_MASKED)) == LVT_PERIODIC && now >= apic->timer_next) {
        apic->irr[vector / 32] |= 1u << vector % 32;
        apic->tmr[vector / 32] &= ~(1u << vector % 32);
    }
}

bool
x86_kvm_apic_get(X86State *s, X86KvmArch *arch, uint64_t apic_base, GError **error)
{
    X86Apic *apic = &((X86Cpu *)s->owner)->apic;
    struct kvm_lapic_state page;

    if (!arch->vm->local_apics) {
        return true; /* IA32_APIC_BASE is ours too */
    }
    if (ioctl(arch->fd, KVM_GET_LAPIC, &page) != 0) {
        return x86_kvm_fail(error, "KVM_GET_LAPIC");
    }
    x86_kvm_apic_from_page(apic, &page);
    if (x86_kvm_apic_timer_came(arch, &page)) {
        uint32_t vector = apic->lvt[X86_LVT_TIMER] & 0xff;

        apic->irr[vector / 32] |= 1u << vector % 32;
        apic->tmr[vector / 32] &= ~(1u << vector % 32);
    }
    if (s->apic_base != apic_base) {
        EmuMachine *machine = x86_cpu_get_machine(apic->cpu);
        bool taken = !emu_machine_lock_held(machine);

        if (taken) {
            emu_machine_lock(machine);
        }
        s->apic_base = apic_base;
        x86_apic_update_mapping(apic);
        if (taken) {
            emu_machine_unlock(machine);
        }
    }
    apic->changed = X86_APIC_UNCHANGED;
    return true;
}

bool
x86_kvm_apic_put(X86State *s, X86KvmArch *arch, GError **error)
{
    X86Apic *apic = &((X86Cpu *)s->owner)->apic;
    struct kvm_lapic_state page;

    if (arch->vm->chips && apic->lint[0]) {
        /* Loaded where the 8259s were devices: their other forms reach the local APIC inside the kernel. */
        apic->lint[0] = 0;
        x86_apic_update(apic);
    }
    if (!arch->vm->local_apics || apic->changed == X86_APIC_UNCHANGED) {
        apic->changed = X86_APIC_UNCHANGED;
        return true;
    }
    if (ioctl(arch->fd, KVM_GET_LAPIC, &page) != 0) {
        return x86_kvm_fail(error, "KVM_GET_LAPIC");
    }
    if (apic->changed == X86_APIC_TOUCHED) {
        /* Requests that came in the meantime. */
        for (unsigned i = 0; i < 8; i++) {
            apic->irr[i] |= page_get(&page, PAGE_IRR + 16 * i) & ~apic->isr[i];
        }
    }
    x86_kvm_apic_to_page(apic, &page);
    if (ioctl(arch->fd, KVM_SET_LAPIC, &page) != 0) {
        return x86_kvm_fail(error, "KVM_SET_LAPIC");
    }
    apic->changed = X86_APIC_UNCHANGED;
    return true;
}

static void
x86_kvm_apic_send(X86Apic *apic, uint64_t address, uint32_t data)
{
    emu_kvm_send_message(x86_cpu_get_machine(apic->cpu), address, data);
}

void
x86_kvm_apic_attach(X86State *s, X86KvmArch *arch)
{
    X86Apic *apic = &((X86Cpu *)s->owner)->apic;

    arch->mp_state = UINT32_MAX;
    apic->send_elsewhere = x86_kvm_apic_send;
}
