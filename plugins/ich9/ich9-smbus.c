/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Function 3: the SMBus host controller (ICH9 data sheet, chapter 19). */

#include "ich9.h"

#include "pm-smbus.h"

#define ICH9_SMBUS_HOSTC 0x40
#define ICH9_SMBUS_HOSTC_ENABLE 0x01
#define ICH9_SMBUS_BAR 4
#define ICH9_SMBUS_BAR_SIZE 32

typedef struct {
    EmuPciDevice parent;

    EmuMemoryRegion *registers;
    PmSmbus smbus;
} Ich9Smbus;

static void
ich9_smbus_update(Ich9Smbus *self)
{
    emu_memory_region_set_enabled(self->registers,
                                  emu_pci_device_get_config(&self->parent)[ICH9_SMBUS_HOSTC] & ICH9_SMBUS_HOSTC_ENABLE);
}

static void
ich9_smbus_set_irq(gpointer opaque, bool level)
{
    emu_pci_device_set_irq(opaque, level);
}

static void
ich9_smbus_write_config(EmuPciDevice *pci, uint32_t addr, uint32_t value, unsigned size)
{
    emu_pci_device_default_write_config(pci, addr, value, size);
    ich9_smbus_update((Ich9Smbus *)pci);
}

static bool
ich9_smbus_realize(EmuPciDevice *pci, GError **error G_GNUC_UNUSED)
{
    Ich9Smbus *self = (Ich9Smbus *)pci;
    EmuMemoryRegion *bar = emu_memory_region_new_container(self, "ich9-smbus", ICH9_SMBUS_BAR_SIZE);

    emu_pci_device_get_config(pci)[0x3d] = 1; /* INTA# */
    emu_pci_device_get_wmask(pci)[ICH9_SMBUS_HOSTC] = 0x07;
    self->smbus.bus = emu_i2c_bus_new(EMU_DEVICE(self), "i2c");
    self->smbus.set_irq = ich9_smbus_set_irq;
    self->smbus.irq_opaque = self;
    self->registers = pm_smbus_new_region(&self->smbus, self);
    emu_memory_region_add_subregion(bar, 0, self->registers, 0);
    emu_pci_device_register_bar(pci, ICH9_SMBUS_BAR, EMU_PCI_BAR_IO, bar);
    return true;
}

static void
ich9_smbus_reset_enter(EmuDevice *dev)
{
    Ich9Smbus *self = (Ich9Smbus *)dev;

    emu_pci_device_get_config(&self->parent)[ICH9_SMBUS_HOSTC] = 0;
    ich9_smbus_update(self);
    pm_smbus_reset(&self->smbus);
}

static bool
ich9_smbus_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    ich9_smbus_update(opaque);
    return true;
}

static const EmuVMField ich9_smbus_vmstate_fields[] = {
    EMU_VM_PCI_DEVICE(Ich9Smbus, parent),
    EMU_VM_STRUCT(Ich9Smbus, smbus, &pm_smbus_vmstate),
    EMU_VM_END,
};

static const EmuVMState ich9_smbus_vmstate = {
    .name = "ICH9-SMB",
    .version = 1,
    .minimum_version = 1,
    .fields = ich9_smbus_vmstate_fields,
    .post_load = ich9_smbus_post_load,
};

static void
ich9_smbus_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;
    EmuPciDeviceClass *pci_class = klass;

    device_class->reset_enter = ich9_smbus_reset_enter;
    device_class->vmstate = &ich9_smbus_vmstate;
    emu_device_class_add_registers(klass, pm_smbus_bank, offsetof(Ich9Smbus, smbus));
    device_class->category = "bridge";
    device_class->model_name = "82801I ICH9 SMBus";
    device_class->user_creatable = false;
    pci_class->realize = ich9_smbus_realize;
    pci_class->write_config = ich9_smbus_write_config;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x2930;
    pci_class->class_id = 0x0c05;
    pci_class->revision = 2;
}

const EmuTypeInfo ich9_smbus_type_info = {
    .name = "ICH9-SMB",
    .parent = "pci-device",
    .instance_size = sizeof(Ich9Smbus),
    .class_init = ich9_smbus_class_init,
    .description = "82801I (ICH9) SMBus host controller",
};
