/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Two forms of the I/O APIC under KVM.
 *
 *   kvm-ioapic        kernel-irqchip=on: the kernel has it. Left here are its pins, resets, and its state.
 *   kvm-ioapic-split  kernel-irqchip=split: the chip is the one of this plugin; the kernel's local APICs are told what its pins
 *                     would send, so that they say when such an interrupt ends.
 */

#include "ioapic.h"

#include <emu/kvm.h>
#include <emu/log.h>

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#define IOAPIC_KVM_BASE 0xfec00000

static bool
ioapic_kvm_ioctl(Ioapic *self, unsigned long request, struct kvm_irqchip *chip)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(emu_device_get_machine(EMU_DEVICE(self)));

    chip->chip_id = KVM_IRQCHIP_IOAPIC;
    if (!vm || ioctl(vm->vm_fd, request, chip) != 0) {
        emu_unimp("kvm-ioapic: the kernel's chip did not answer: %s", g_strerror(errno));
        return false;
    }
    return true;
}

static void
ioapic_kvm_fetch(Ioapic *self)
{
    struct kvm_irqchip chip = {0};

    if (ioapic_kvm_ioctl(self, KVM_GET_IRQCHIP, &chip)) {
        self->id = (uint8_t)chip.chip.ioapic.id;
        self->select = (uint8_t)chip.chip.ioapic.ioregsel;
        self->pending = chip.chip.ioapic.irr;
        for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++) {
            self->table[pin] = chip.chip.ioapic.redirtbl[pin].bits;
        }
    }
}

static void
ioapic_kvm_store(Ioapic *self)
{
    struct kvm_irqchip chip = {
        .chip.ioapic = {.base_address = IOAPIC_KVM_BASE, .ioregsel = self->select, .id = self->id, .irr = self->pending},
    };

    for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++) {
        chip.chip.ioapic.redirtbl[pin].bits = self->table[pin];
    }
    ioapic_kvm_ioctl(self, KVM_SET_IRQCHIP, &chip);
}

static void
ioapic_kvm_set_pin(Ioapic *self, unsigned pin, int level)
{
    emu_kvm_set_gsi(emu_device_get_machine(EMU_DEVICE(self)), EMU_KVM_GSI_IOAPIC + pin, level);
}

static void
ioapic_kvm_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    IoapicClass *ioapic_class = klass;

    ioapic_class->fetch = ioapic_kvm_fetch;
    ioapic_class->store = ioapic_kvm_store;
    ioapic_class->set_pin = ioapic_kvm_set_pin;
    ((EmuDeviceClass *)klass)->model_name = "82093AA I/O APIC, KVM's";
}

static void
ioapic_kvm_split_store(Ioapic *self)
{
    for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++) {
        uint64_t address;
        uint32_t data;

        ioapic_get_message(self, pin, &address, &data);
        emu_kvm_set_pin_message(emu_device_get_machine(EMU_DEVICE(self)), pin, ioapic_is_masked(self, pin), address, data);
    }
}

static void
ioapic_kvm_split_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    ((IoapicClass *)klass)->store = ioapic_kvm_split_store;
    ((EmuDeviceClass *)klass)->model_name = "82093AA I/O APIC before KVM's local APICs";
}

const EmuTypeInfo ioapic_kvm_type_info = {
    .name = "kvm-ioapic",
    .parent = "ioapic",
    .class_init = ioapic_kvm_class_init,
    .description = "82093AA I/O APIC in the host's kernel",
};

const EmuTypeInfo ioapic_kvm_split_type_info = {
    .name = "kvm-ioapic-split",
    .parent = "ioapic",
    .class_init = ioapic_kvm_split_class_init,
    .description = "82093AA I/O APIC before local APICs in the host's kernel",
};
