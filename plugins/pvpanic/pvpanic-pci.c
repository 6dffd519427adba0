/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* On the PCI bus: the register is the first byte of BAR 0. */

#include "pvpanic.h"

#include <emu/pci.h>

typedef struct {
    EmuPciDevice parent;

    uint8_t events;
} PvpanicPci;

static bool
pvpanic_pci_realize(EmuPciDevice *dev, GError **error G_GNUC_UNUSED)
{
    PvpanicPci *self = (PvpanicPci *)dev;

    self->events &= PVPANIC_ALL;
    emu_pci_device_register_bar(dev, 0, EMU_PCI_BAR_MEM, pvpanic_new_region(self, 16, &self->events));
    return true;
}

static const EmuProperty pvpanic_pci_properties[] = {
    EMU_PROP_UINT8("events", PvpanicPci, events, PVPANIC_ALL, "what the guest may report: 1 panic, 2 crash kernel loaded, 4 shutdown"),
};

static const EmuVMField pvpanic_pci_fields[] = {EMU_VM_PCI_DEVICE(PvpanicPci, parent), EMU_VM_END};
static const EmuVMState pvpanic_pci_vmstate = {.name = "pvpanic-pci", .version = 1, .minimum_version = 1, .fields = pvpanic_pci_fields};

static void
pvpanic_pci_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;
    EmuPciDeviceClass *pci = klass;

    device->vmstate = &pvpanic_pci_vmstate;
    device->category = "misc";
    device->user_creatable = true;
    pci->realize = pvpanic_pci_realize;
    pci->vendor_id = 0x1b36;
    pci->device_id = 0x0011;
    pci->class_id = 0x0880;
    pci->revision = 1;
    emu_object_class_add_properties(klass, pvpanic_pci_properties, G_N_ELEMENTS(pvpanic_pci_properties));
}

const EmuTypeInfo pvpanic_pci_type_info = {
    .name = "pvpanic-pci",
    .parent = "pci-device",
    .instance_size = sizeof(PvpanicPci),
    .class_init = pvpanic_pci_class_init,
    .description = "tells the host that the guest panicked (PCI)",
};
