/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The 8259A that lives in the host's kernel (KVM, kernel-irqchip=on). The kernel serves its ports and tells the CPUs; what is left here is
 * its inputs, resets, and its state, which is the other form's.
 */

#include "pic.h"

#include <emu/kvm.h>
#include <emu/log.h>

#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

static bool
pic_kvm_ioctl(Pic *self, unsigned long request, struct kvm_irqchip *chip)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(emu_device_get_machine(EMU_DEVICE(self)));

    chip->chip_id = self->master ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
    if (!vm || ioctl(vm->vm_fd, request, chip) != 0) {
        emu_unimp("kvm-i8259: the kernel's chip did not answer: %s", g_strerror(errno));
        return false;
    }
    return true;
}

static void
pic_kvm_fetch(Pic *self)
{
    struct kvm_irqchip chip = {0};
    const struct kvm_pic_state *k = &chip.chip.pic;

    if (!pic_kvm_ioctl(self, KVM_GET_IRQCHIP, &chip)) {
        return;
    }
    self->levels = k->last_irr;
    self->irr = k->irr;
    self->imr = k->imr;
    self->isr = k->isr;
    self->elcr = k->elcr;
    self->priority_add = k->priority_add & 7;
    self->vector_base = k->irq_base;
    self->init_state = k->init_state & 3;
    self->init_wants_icw4 = k->init4;
    self->read_isr = k->read_reg_select;
    self->poll = k->poll;
    self->special_mask = k->special_mask;
    self->auto_eoi = k->auto_eoi;
    self->rotate_on_auto_eoi = k->rotate_on_auto_eoi;
    self->special_fully_nested = k->special_fully_nested_mode;
}

static void
pic_kvm_store(Pic *self)
{
    struct kvm_irqchip chip = {
        .chip.pic = {
            /* The kernel's 8254 pulses a line that is low between; the other form's output is high. A pulse that the edge detector does not
             * see would be the last: the next one waits for its end of interrupt. */
            .last_irr = self->master ? self->levels & ~1u : self->levels,
            .irr = self->irr,
            .imr = self->imr,
            .isr = self->isr,
            .priority_add = self->priority_add,
            .irq_base = self->vector_base,
            .read_reg_select = self->read_isr,
            .poll = self->poll,
            .special_mask = self->special_mask,
            .init_state = self->init_state,
            .auto_eoi = self->auto_eoi,
            .rotate_on_auto_eoi = self->rotate_on_auto_eoi,
            .special_fully_nested_mode = self->special_fully_nested,
            .init4 = self->init_wants_icw4,
            .elcr = self->elcr,
            .elcr_mask = self->elcr_mask,
        },
    };

    pic_kvm_ioctl(self, KVM_SET_IRQCHIP, &chip);
}

static void
pic_kvm_set_input(Pic *self, unsigned index, int level)
{
    emu_kvm_set_gsi(emu_device_get_machine(EMU_DEVICE(self)), EMU_KVM_GSI_PIC + index + (self->master ? 0 : PIC_N_INPUTS), level);
}

static void
pic_kvm_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    PicClass *pic_class = klass;

    pic_class->fetch = pic_kvm_fetch;
    pic_class->store = pic_kvm_store;
    pic_class->set_input = pic_kvm_set_input;
    ((EmuDeviceClass *)klass)->model_name = "8259A interrupt controller, KVM's";
}

const EmuTypeInfo pic_kvm_type_info = {
    .name = "kvm-i8259",
    .parent = "isa-i8259",
    .class_init = pic_kvm_class_init,
    .description = "8259A interrupt controller in the host's kernel",
};
