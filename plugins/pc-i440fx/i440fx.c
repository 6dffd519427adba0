/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Intel 82441FX PMC (order number 290549-001): configuration mechanism 1 and the bus
 * ("i440FX-pcihost"), and function 0:0.0 ("i440FX") with the programmable attribute map (PAM) and
 * the SMRAM control register.
 *
 * Address map, highest priority first:
 *
 *   0xc0000..0xfffff  13 PAM segments, each one of: PCI, RAM read-only, PCI reads with RAM writes, RAM
 *   0xa0000..0xbffff  PCI (the VGA window), unless SMRAM is open
 *   RAM
 *   PCI everywhere else, with the firmware's ROM below 4 GiB and below 1 MiB
 */

#include "i440fx.h"

#include "pc-conf1.h"
#include "pc-pam.h"

#include <emu/log.h>
#include <emu/machine.h>

#include <string.h>

#define I440FX_PAM 0x59
#define I440FX_SMRAM 0x72
#define I440FX_SMRAM_RESET 0x02
#define I440FX_SMRAM_G_SMRAME 0x08
#define I440FX_SMRAM_D_LCK 0x10
#define I440FX_SMRAM_D_CLS 0x20
#define I440FX_SMRAM_D_OPEN 0x40

typedef struct {
    EmuPciDevice parent;

    PcPam pam;
} I440fx;

EMU_TRACE_DEFINE(i440fx_pam)

/* ---- PAM and SMRAM ---------------------------------------------------------------------------- */

static void
i440fx_update_memory(I440fx *self)
{
    uint8_t smram = emu_pci_device_get_config(&self->parent)[I440FX_SMRAM];

    emu_memory_transaction_begin();
    pc_pam_update(&self->pam, emu_pci_device_get_config(&self->parent) + I440FX_PAM, smram & I440FX_SMRAM_D_OPEN);
    emu_memory_region_set_enabled(self->pam.smram_low, smram & I440FX_SMRAM_G_SMRAME);
    emu_memory_transaction_commit();
}

static void
i440fx_write_config(EmuPciDevice *pci, uint32_t addr, uint32_t value, unsigned size)
{
    I440fx *self = (I440fx *)pci;
    uint8_t *config = emu_pci_device_get_config(pci);
    uint8_t old_smram = config[I440FX_SMRAM];

    emu_pci_device_default_write_config(pci, addr, value, size);
    /* Once locked, SMRAM stays closed until reset. */
    if (old_smram & I440FX_SMRAM_D_LCK) {
        config[I440FX_SMRAM] = old_smram;
    } else if (config[I440FX_SMRAM] & I440FX_SMRAM_D_LCK) {
        config[I440FX_SMRAM] &= ~I440FX_SMRAM_D_OPEN;
    }
    if ((addr < I440FX_PAM + PC_PAM_N_REGS && addr + size > I440FX_PAM) ||
        (addr <= I440FX_SMRAM && addr + size > I440FX_SMRAM)) {
        EMU_TRACE(i440fx_pam, "register 0x%02x value 0x%x", addr, value);
        i440fx_update_memory(self);
    }
}

static bool
i440fx_realize(EmuPciDevice *pci, GError **error)
{
    I440fx *self = (I440fx *)pci;
    uint8_t *wmask = emu_pci_device_get_wmask(pci);

    if (!pc_pam_init(&self->pam, pci, error)) {
        return false;
    }
    memset(wmask + 0x40, 0xff, 0x100 - 0x40);
    wmask[I440FX_SMRAM] = I440FX_SMRAM_D_OPEN | I440FX_SMRAM_D_CLS | I440FX_SMRAM_D_LCK | I440FX_SMRAM_G_SMRAME;
    i440fx_update_memory(self);
    return true;
}

static void
i440fx_unrealize(EmuPciDevice *pci)
{
    emu_memory_transaction_begin();
    pc_pam_finish(&((I440fx *)pci)->pam);
    emu_memory_transaction_commit();
}

static void
i440fx_reset_enter(EmuDevice *dev)
{
    I440fx *self = (I440fx *)dev;
    EmuDeviceClass *parent_class = g_type_class_peek(EMU_TYPE_PCI_DEVICE);
    uint8_t *config = emu_pci_device_get_config(&self->parent);

    if (parent_class->reset_enter) {
        parent_class->reset_enter(dev);
    }
    config[I440FX_SMRAM] = I440FX_SMRAM_RESET;
    pc_pam_reset(&self->pam, config + I440FX_PAM);
    i440fx_update_memory(self);
}

static bool
i440fx_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    i440fx_update_memory(opaque);
    return true;
}

static const EmuVMField i440fx_vmstate_fields[] = {
    EMU_VM_PCI_DEVICE(I440fx, parent),
    PC_PAM_VM(I440fx, pam),
    EMU_VM_END,
};

static const EmuVMState i440fx_vmstate = {
    .name = "i440FX",
    .version = 1,
    .minimum_version = 1,
    .fields = i440fx_vmstate_fields,
    .post_load = i440fx_post_load,
};

static void
i440fx_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;
    EmuPciDeviceClass *pci_class = klass;

    device_class->reset_enter = i440fx_reset_enter;
    device_class->vmstate = &i440fx_vmstate;
    device_class->category = "bridge";
    device_class->model_name = "82441FX host bridge";
    device_class->user_creatable = false;
    pci_class->realize = i440fx_realize;
    pci_class->unrealize = i440fx_unrealize;
    pci_class->write_config = i440fx_write_config;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x1237;
    pci_class->class_id = 0x0600;
    pci_class->revision = 2;
}

const EmuTypeInfo i440fx_type_info = {
    .name = "i440FX",
    .parent = "pci-device",
    .instance_size = sizeof(I440fx),
    .class_init = i440fx_class_init,
    .description = "82441FX host bridge",
};

/* ---- the host side --------------------------------------------------------------------------------- */

typedef struct {
    EmuSysbusDevice parent;

    EmuMemoryRegion *pci_memory;
    PcConf1 conf1;
} I440fxPcihost;

static bool
i440fx_pcihost_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    I440fxPcihost *self = (I440fxPcihost *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);
    EmuMemoryRegion *io = emu_machine_get_system_io(machine);

    self->pci_memory = emu_memory_region_new_container(self, "pci", UINT64_MAX);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), 0, self->pci_memory, -1);
    pc_conf1_init(&self->conf1, self, emu_pci_root_bus_new(dev, "pci.0", self->pci_memory, io, 0));
    return true;
}

static void
i440fx_pcihost_unrealize(EmuDevice *dev)
{
    I440fxPcihost *self = (I440fxPcihost *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    pc_conf1_finish(&self->conf1);
    emu_memory_region_del_subregion(emu_machine_get_system_memory(machine), self->pci_memory);
}

static void
i440fx_pcihost_reset_enter(EmuDevice *dev)
{
    ((I440fxPcihost *)dev)->conf1.address = 0;
}

static const EmuVMField i440fx_pcihost_vmstate_fields[] = {
    PC_CONF1_VM(I440fxPcihost, conf1),
    EMU_VM_END,
};

static const EmuVMState i440fx_pcihost_vmstate = {
    .name = "i440FX-pcihost",
    .version = 1,
    .minimum_version = 1,
    .fields = i440fx_pcihost_vmstate_fields,
};

static void
i440fx_pcihost_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = i440fx_pcihost_realize;
    device_class->unrealize = i440fx_pcihost_unrealize;
    device_class->reset_enter = i440fx_pcihost_reset_enter;
    device_class->vmstate = &i440fx_pcihost_vmstate;
    device_class->category = "bridge";
    device_class->model_name = "82441FX PCI host";
    device_class->user_creatable = false;
}

const EmuTypeInfo i440fx_pcihost_type_info = {
    .name = "i440FX-pcihost",
    .parent = "sysbus-device",
    .instance_size = sizeof(I440fxPcihost),
    .class_init = i440fx_pcihost_class_init,
    .description = "82441FX PCI host with bus pci.0",
};
