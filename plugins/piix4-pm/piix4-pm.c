/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Function 3 of Intel's 82371AB (PIIX4, order number 290562-001): ACPI power management registers,
 * the APM ports with their SMI, and the SMBus host controller.
 *
 *   PMBA + 0x00  PM1 status, enable; 0x04 PM1 control; 0x08 timer (24 bits, 3.579545 MHz)
 *        + 0x18  global status, 0x20 global enable, 0x28 global control
 *   0xafe0       GPE0 status (2 bytes), enable (2 bytes): where the tables of virtual PCs put it
 *   0xb2, 0xb3   APM control (SMI, ACPI on and off) and status
 */

#include "piix4-pm.h"

#include "acpi-pm.h"
#include "pm-smbus.h"

#include <emu/log.h>
#include <emu/machine.h>
#include <emu/x86-pc.h>

#include <string.h>

#define PIIX4_PM_PMBA 0x40
#define PIIX4_PM_DEVACTB_BYTE3 0x5b /* of the 32 bits at 0x58 */
#define PIIX4_PM_APMC_EN 0x02 /* writes to the APM control port make an SMI */
#define PIIX4_PM_PMREGMISC 0x80
#define PIIX4_PM_SMBBA 0x90
#define PIIX4_PM_SMBHSTCFG 0xd2

#define PIIX4_PM_IO_SIZE 64
#define PIIX4_PM_GPE_PORT 0xafe0
#define PIIX4_PM_GPE_BYTES 2
#define PIIX4_PM_APM_PORT 0xb2
#define PIIX4_PM_ACPI_ENABLE 0xf1
#define PIIX4_PM_ACPI_DISABLE 0xf0

typedef struct {
    EmuPciDevice parent;

    bool smm_enabled;
    bool root_hotplug, bridge_hotplug;
    AcpiPm pm;

    EmuMemoryRegion *pm_region;
    EmuMemoryRegion *smbus_region;
    EmuMemoryRegion *gpe_region;
    EmuMemoryRegion *apm_region;

    uint16_t global_status;
    uint16_t global_enable;
    uint32_t global_control;
    uint8_t apm_control;
    uint8_t apm_status;
    PmSmbus smbus;
} Piix4Pm;

EMU_TRACE_DEFINE(piix4_pm_apm)

static uint64_t
piix4_pm_io_read(gpointer opaque, uint64_t offset, unsigned size)
{
    Piix4Pm *self = opaque;
    uint32_t value;

    switch (offset & ~1u) {
    case 0x18:
        value = self->global_status;
        break;
    case 0x20:
        value = self->global_enable;
        break;
    case 0x28:
        value = self->global_control;
        break;
    case 0x2a:
        value = self->global_control >> 16;
        break;
    default:
        return acpi_pm_read(&self->pm, offset, size);
    }
    return offset & 1 ? value >> 8 : value;
}

static void
piix4_pm_io_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Piix4Pm *self = opaque;

    if (acpi_pm_write(&self->pm, offset, value, size)) {
        return;
    }
    switch (offset & ~1u) {
    case 0x18:
        self->global_status &= ~acpi_pm_merge(0, offset, value, size);
        break;
    case 0x20:
        self->global_enable = acpi_pm_merge(self->global_enable, offset, value, size);
        break;
    case 0x28:
        if (size == 4) {
            self->global_control = value;
        } else {
            self->global_control = (self->global_control & 0xffff0000) | acpi_pm_merge(self->global_control, offset, value, size);
        }
        break;
    case 0x2a:
        self->global_control = (self->global_control & 0x0000ffff) |
                               (uint32_t)acpi_pm_merge(self->global_control >> 16, offset, value, size) << 16;
        break;
    default:
        break;
    }
}

static const EmuMemoryRegionOps piix4_pm_io_ops = {
    .read = piix4_pm_io_read,
    .write = piix4_pm_io_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

static uint64_t
piix4_pm_gpe_read(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    return acpi_pm_read_gpe(&((Piix4Pm *)opaque)->pm, (unsigned)offset);
}

static void
piix4_pm_gpe_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    acpi_pm_write_gpe(&((Piix4Pm *)opaque)->pm, (unsigned)offset, (uint8_t)value);
}

static const EmuMemoryRegionOps piix4_pm_gpe_ops = {
    .read = piix4_pm_gpe_read,
    .write = piix4_pm_gpe_write,
    .impl_min = 1,
    .impl_max = 1,
};

static uint64_t
piix4_pm_apm_read(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    Piix4Pm *self = opaque;

    return offset == 0 ? self->apm_control : self->apm_status;
}

static void
piix4_pm_apm_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Piix4Pm *self = opaque;

    if (offset != 0) {
        self->apm_status = value;
        return;
    }
    EMU_TRACE(piix4_pm_apm, "control 0x%02x", (unsigned)value);
    self->apm_control = value;
    if (value == PIIX4_PM_ACPI_ENABLE || value == PIIX4_PM_ACPI_DISABLE) {
        acpi_pm_set_enabled(&self->pm, value == PIIX4_PM_ACPI_ENABLE);
    } else if (emu_pci_device_get_config(&self->parent)[PIIX4_PM_DEVACTB_BYTE3] & PIIX4_PM_APMC_EN) {
        if (self->smm_enabled) {
            emu_x86_raise_smi(emu_device_get_machine(EMU_DEVICE(self)));
        }
    }
}

static const EmuMemoryRegionOps piix4_pm_apm_ops = {
    .read = piix4_pm_apm_read,
    .write = piix4_pm_apm_write,
    .impl_min = 1,
    .impl_max = 1,
};

/* Inputs "gpe": a rising edge sets the event's status bit. */
static void
piix4_pm_gpe_cb(gpointer opaque, unsigned index, int level)
{
    if (level) {
        acpi_pm_raise_gpe(&((Piix4Pm *)opaque)->pm, index);
    }
}

static void
piix4_pm_update_mappings(Piix4Pm *self)
{
    const uint8_t *config = emu_pci_device_get_config(&self->parent);

    emu_memory_transaction_begin();
    emu_memory_region_set_enabled(self->pm_region, config[PIIX4_PM_PMREGMISC] & 1);
    emu_memory_region_set_address(self->pm_region, (config[PIIX4_PM_PMBA] | config[PIIX4_PM_PMBA + 1] << 8) & 0xffc0);
    emu_memory_region_set_enabled(self->smbus_region, config[PIIX4_PM_SMBHSTCFG] & 1);
    emu_memory_region_set_address(self->smbus_region,
                                  (config[PIIX4_PM_SMBBA] | config[PIIX4_PM_SMBBA + 1] << 8) & 0xfff0);
    emu_memory_transaction_commit();
}

static void
piix4_pm_write_config(EmuPciDevice *pci, uint32_t addr, uint32_t value, unsigned size)
{
    emu_pci_device_default_write_config(pci, addr, value, size);
    if (addr < 0x100 && addr + size > PIIX4_PM_PMBA) {
        piix4_pm_update_mappings((Piix4Pm *)pci);
    }
}

static bool
piix4_pm_realize(EmuPciDevice *pci, GError **error G_GNUC_UNUSED)
{
    Piix4Pm *self = (Piix4Pm *)pci;
    EmuDevice *dev = EMU_DEVICE(self);
    EmuMemoryRegion *io = emu_pci_bus_get_io(emu_pci_device_get_bus(pci));
    uint8_t *config = emu_pci_device_get_config(pci);
    uint8_t *wmask = emu_pci_device_get_wmask(pci);

    config[0x3d] = 1; /* INTA#, though the SCI is wired to IRQ 9 */
    memset(wmask + 0x40, 0xff, 0x100 - 0x40);
    wmask[PIIX4_PM_PMBA] = 0xc0;
    wmask[PIIX4_PM_PMBA + 2] = wmask[PIIX4_PM_PMBA + 3] = 0;
    wmask[PIIX4_PM_SMBBA] = 0xf0;
    wmask[PIIX4_PM_SMBBA + 2] = wmask[PIIX4_PM_SMBBA + 3] = 0;

    acpi_pm_init(&self->pm, dev, PIIX4_PM_GPE_BYTES);
    self->smbus.bus = emu_i2c_bus_new(dev, "i2c");
    self->pm_region = emu_memory_region_new_io(self, "piix4-pm", PIIX4_PM_IO_SIZE, &piix4_pm_io_ops, self);
    self->smbus_region = pm_smbus_new_region(&self->smbus, self);
    self->gpe_region = emu_memory_region_new_io(self, "acpi-gpe0", 2 * PIIX4_PM_GPE_BYTES, &piix4_pm_gpe_ops, self);
    self->apm_region = emu_memory_region_new_io(self, "apm-io", 2, &piix4_pm_apm_ops, self);
    emu_memory_region_set_enabled(self->pm_region, false);
    emu_memory_region_set_enabled(self->smbus_region, false);
    emu_memory_region_add_subregion(io, 0, self->pm_region, 1);
    emu_memory_region_add_subregion(io, 0, self->smbus_region, 1);
    emu_memory_region_add_subregion(io, PIIX4_PM_GPE_PORT, self->gpe_region, 0);
    emu_memory_region_add_subregion(io, PIIX4_PM_APM_PORT, self->apm_region, 0);
    emu_device_add_lines_in(dev, "gpe", 8 * PIIX4_PM_GPE_BYTES, piix4_pm_gpe_cb);
    return true;
}

static void
piix4_pm_unrealize(EmuPciDevice *pci)
{
    Piix4Pm *self = (Piix4Pm *)pci;
    EmuMemoryRegion *io = emu_pci_bus_get_io(emu_pci_device_get_bus(pci));

    emu_memory_region_del_subregion(io, self->apm_region);
    emu_memory_region_del_subregion(io, self->gpe_region);
    emu_memory_region_del_subregion(io, self->smbus_region);
    emu_memory_region_del_subregion(io, self->pm_region);
    acpi_pm_finish(&self->pm);
}

static void
piix4_pm_reset_enter(EmuDevice *dev)
{
    Piix4Pm *self = (Piix4Pm *)dev;
    EmuDeviceClass *parent_class = g_type_class_peek(EMU_TYPE_PCI_DEVICE);
    uint8_t *config = emu_pci_device_get_config(&self->parent);

    if (parent_class->reset_enter) {
        parent_class->reset_enter(dev);
    }
    memset(config + 0x40, 0, 0x100 - 0x40);
    config[0x06] = 0x80; /* fast back-to-back */
    config[0x07] = 0x02; /* medium DEVSEL# timing */
    config[PIIX4_PM_PMBA] = 0x01;
    config[PIIX4_PM_SMBBA] = 0x01;
    /* Firmware takes this for "SMM is set up" and leaves it alone. */
    if (!self->smm_enabled) {
        config[PIIX4_PM_DEVACTB_BYTE3] = PIIX4_PM_APMC_EN;
    }
    piix4_pm_update_mappings(self);
    acpi_pm_reset(&self->pm);
    self->global_status = 0;
    self->global_enable = 0;
    self->global_control = 0;
    self->apm_control = 0;
    self->apm_status = 0;
    pm_smbus_reset(&self->smbus);
}

static void
piix4_pm_reset_hold(EmuDevice *dev)
{
    Piix4Pm *self = (Piix4Pm *)dev;

    emu_line_set(self->pm.sci, 0);
}

static void
piix4_pm_pre_save(gpointer opaque)
{
    acpi_pm_settle(&((Piix4Pm *)opaque)->pm);
}

static bool
piix4_pm_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    Piix4Pm *self = opaque;

    piix4_pm_update_mappings(self);
    acpi_pm_restart(&self->pm);
    return true;
}

static const EmuVMField piix4_pm_vmstate_fields[] = {
    EMU_VM_PCI_DEVICE(Piix4Pm, parent),
    ACPI_PM_VM(Piix4Pm, pm, PIIX4_PM_GPE_BYTES),
    EMU_VM_U16(Piix4Pm, global_status),
    EMU_VM_U16(Piix4Pm, global_enable),
    EMU_VM_U32(Piix4Pm, global_control),
    EMU_VM_U8(Piix4Pm, apm_control),
    EMU_VM_U8(Piix4Pm, apm_status),
    EMU_VM_STRUCT(Piix4Pm, smbus, &pm_smbus_vmstate),
    EMU_VM_END,
};

static const EmuVMState piix4_pm_vmstate = {
    .name = "PIIX4_PM",
    .version = 1,
    .minimum_version = 1,
    .fields = piix4_pm_vmstate_fields,
    .pre_save = piix4_pm_pre_save,
    .post_load = piix4_pm_post_load,
};

static const EmuProperty piix4_pm_properties[] = {
    EMU_PROP_BOOL("smm-enabled", Piix4Pm, smm_enabled, false, "whether the APM control port raises an SMI"),
    EMU_PROP_BOOL("acpi-root-pci-hotplug", Piix4Pm, root_hotplug, true, "slots of the root bus come and go; the board reads it"),
    EMU_PROP_BOOL("acpi-pci-hotplug-with-bridge-support", Piix4Pm, bridge_hotplug, true, "those of bridges too"),
    ACPI_PM_PROPERTIES(Piix4Pm, pm),
};

static void
piix4_pm_instance_init(gpointer obj)
{
    Piix4Pm *self = obj;

    emu_device_add_lines_out(EMU_DEVICE(self), "sci", 1, &self->pm.sci);
}

static void
piix4_pm_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;
    EmuPciDeviceClass *pci_class = klass;

    device_class->reset_enter = piix4_pm_reset_enter;
    device_class->reset_hold = piix4_pm_reset_hold;
    device_class->vmstate = &piix4_pm_vmstate;
    emu_device_class_add_registers(klass, pm_smbus_bank, offsetof(Piix4Pm, smbus));
    device_class->category = "bridge";
    device_class->model_name = "82371AB PIIX4 power management";
    device_class->user_creatable = false;
    pci_class->realize = piix4_pm_realize;
    pci_class->unrealize = piix4_pm_unrealize;
    pci_class->write_config = piix4_pm_write_config;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x7113;
    pci_class->class_id = 0x0680;
    pci_class->revision = 3;
    emu_object_class_add_properties(klass, piix4_pm_properties, G_N_ELEMENTS(piix4_pm_properties));
}

const EmuTypeInfo piix4_pm_type_info = {
    .name = "PIIX4_PM",
    .parent = "pci-device",
    .instance_size = sizeof(Piix4Pm),
    .instance_init = piix4_pm_instance_init,
    .class_init = piix4_pm_class_init,
    .description = "82371AB (PIIX4) power management",
};
