/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The board's interrupt wiring. A request goes to the 8259s and to the I/O APIC, whichever the guest
 * uses; requests of ISA devices, routed PCI interrupts and HPET timers are wired-OR.
 *
 *   isa[0..15]  --+--> pic[0..15]      (2 is the cascade and not a request)
 *   pirq[0..23] --+                    (from 16 on to the I/O APIC alone)
 *   hpet[0..23] --+--> ioapic[0..23]   (request 0 on pin 2, with hpet 2)
 *
 * While legacy-in is high the HPET has taken requests 0 and 8 over: the RTC's does not count. The
 * 8254 falls silent by an input of its own.
 */

#include "pc-gsi.h"

#define PC_GSI_RTC_IRQ 8
#define PC_GSI_TIMER_PIN 2

typedef struct {
    EmuSysbusDevice parent;

    EmuLine *pic[PC_N_ISA_IRQS];
    EmuLine *ioapic[PC_N_GSIS];

    uint32_t isa_levels;
    uint32_t pirq_levels;
    uint32_t hpet_levels;
    bool legacy;
} PcGsi;

static void
pc_gsi_update(PcGsi *self, unsigned irq)
{
    uint32_t isa_levels = self->legacy ? self->isa_levels & ~(1u << PC_GSI_RTC_IRQ) : self->isa_levels;
    uint32_t levels = isa_levels | self->pirq_levels | self->hpet_levels;
    unsigned pin = irq == 0 ? PC_GSI_TIMER_PIN : irq;

    if (irq < PC_N_ISA_IRQS && irq != 2) {
        emu_line_set(self->pic[irq], levels >> irq & 1);
    }
    if (pin == PC_GSI_TIMER_PIN) {
        emu_line_set(self->ioapic[pin], (levels & 1) | (self->hpet_levels >> PC_GSI_TIMER_PIN & 1));
    } else {
        emu_line_set(self->ioapic[pin], levels >> pin & 1);
    }
}

static void
pc_gsi_set(PcGsi *self, uint32_t *levels, unsigned irq, int level)
{
    *levels = level ? *levels | 1u << irq : *levels & ~(1u << irq);
    pc_gsi_update(self, irq);
}

static void
pc_gsi_isa_cb(gpointer opaque, unsigned irq, int level)
{
    PcGsi *self = opaque;

    pc_gsi_set(self, &self->isa_levels, irq, level);
}

static void
pc_gsi_pirq_cb(gpointer opaque, unsigned irq, int level)
{
    PcGsi *self = opaque;

    pc_gsi_set(self, &self->pirq_levels, irq, level);
}

static void
pc_gsi_hpet_cb(gpointer opaque, unsigned irq, int level)
{
    PcGsi *self = opaque;

    pc_gsi_set(self, &self->hpet_levels, irq, level);
}

static void
pc_gsi_legacy_cb(gpointer opaque, unsigned index G_GNUC_UNUSED, int level)
{
    PcGsi *self = opaque;

    self->legacy = level;
    pc_gsi_update(self, PC_GSI_RTC_IRQ);
}

static const EmuVMField pc_gsi_vmstate_fields[] = {
    EMU_VM_U32(PcGsi, isa_levels),
    EMU_VM_U32(PcGsi, pirq_levels),
    EMU_VM_U32(PcGsi, hpet_levels),
    EMU_VM_BOOL(PcGsi, legacy),
    EMU_VM_END,
};

static const EmuVMState pc_gsi_vmstate = {
    .name = "pc-gsi",
    .version = 1,
    .minimum_version = 1,
    .fields = pc_gsi_vmstate_fields,
};

static void
pc_gsi_instance_init(gpointer obj)
{
    PcGsi *self = obj;
    EmuDevice *dev = EMU_DEVICE(self);

    emu_device_add_lines_out(dev, "pic", PC_N_ISA_IRQS, self->pic);
    emu_device_add_lines_out(dev, "ioapic", PC_N_GSIS, self->ioapic);
    emu_device_add_lines_in(dev, "isa", PC_N_ISA_IRQS, pc_gsi_isa_cb);
    emu_device_add_lines_in(dev, "pirq", PC_N_GSIS, pc_gsi_pirq_cb);
    emu_device_add_lines_in(dev, "hpet", PC_N_GSIS, pc_gsi_hpet_cb);
    emu_device_add_lines_in(dev, "legacy-in", 1, pc_gsi_legacy_cb);
}

static void
pc_gsi_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->vmstate = &pc_gsi_vmstate;
    device_class->category = "bridge";
    device_class->model_name = "interrupt wiring";
    device_class->user_creatable = false;
}

const EmuTypeInfo pc_gsi_type_info = {
    .name = "pc-gsi",
    .parent = "sysbus-device",
    .instance_size = sizeof(PcGsi),
    .instance_init = pc_gsi_instance_init,
    .class_init = pc_gsi_class_init,
    .description = "interrupt wiring of the PC board",
};
