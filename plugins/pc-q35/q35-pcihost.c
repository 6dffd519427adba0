/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The root complex: bus "pcie.0" and configuration mechanism 1. The window for the other mechanism is the "mch"'s. */

#include "q35.h"

#include "pc-conf1.h"

#include <emu/machine.h>

typedef struct {
    EmuSysbusDevice parent;

    EmuMemoryRegion *pci_memory;
    PcConf1 conf1;
} Q35Pcihost;

static bool
q35_pcihost_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    Q35Pcihost *self = (Q35Pcihost *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);
    EmuMemoryRegion *io = emu_machine_get_system_io(machine);

    self->pci_memory = emu_memory_region_new_container(self, "pci", UINT64_MAX);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), 0, self->pci_memory, -1);
    pc_conf1_init(&self->conf1, self, emu_pcie_root_bus_new(dev, "pcie.0", self->pci_memory, io, 0));
    return true;
}

static void
q35_pcihost_unrealize(EmuDevice *dev)
{
    Q35Pcihost *self = (Q35Pcihost *)dev;

    pc_conf1_finish(&self->conf1);
    emu_memory_region_del_subregion(emu_machine_get_system_memory(emu_device_get_machine(dev)), self->pci_memory);
}

static void
q35_pcihost_reset_enter(EmuDevice *dev)
{
    ((Q35Pcihost *)dev)->conf1.address = 0;
}

static const EmuVMField q35_pcihost_vmstate_fields[] = {
    PC_CONF1_VM(Q35Pcihost, conf1),
    EMU_VM_END,
};

static const EmuVMState q35_pcihost_vmstate = {
    .name = "q35-pcihost",
    .version = 1,
    .minimum_version = 1,
    .fields = q35_pcihost_vmstate_fields,
};

static void
q35_pcihost_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = q35_pcihost_realize;
    device_class->unrealize = q35_pcihost_unrealize;
    device_class->reset_enter = q35_pcihost_reset_enter;
    device_class->vmstate = &q35_pcihost_vmstate;
    device_class->category = "bridge";
    device_class->model_name = "82G33/Q35 PCI Express host";
    device_class->user_creatable = false;
}

const EmuTypeInfo q35_pcihost_type_info = {
    .name = "q35-pcihost",
    .parent = "sysbus-device",
    .instance_size = sizeof(Q35Pcihost),
    .class_init = q35_pcihost_class_init,
    .description = "82G33/Q35 PCI Express host with bus pcie.0",
};
