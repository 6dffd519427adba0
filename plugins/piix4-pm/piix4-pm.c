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
#define PIIX4_PM_TIMER_HZ 3579545
#define PIIX4_PM_TIMER_MASK 0xffffff
#define PIIX4_PM_TIMER_HALF 0x800000

#define PIIX4_PM1_TIMER 0x0001
#define PIIX4_PM1_POWER_BUTTON 0x0100
#define PIIX4_PM1_WAKE 0x8000
#define PIIX4_PM1_STATUS_W1C 0x8d21
#define PIIX4_PM1_ENABLE_MASK 0x0521
#define PIIX4_PM1_CONTROL_SCI_EN 0x0001
#define PIIX4_PM1_CONTROL_SLP_EN 0x2000
#define PIIX4_PM1_CONTROL_SLP_TYPE(v) (((v) >> 10) & 7)

#define PIIX4_PM_ACPI_ENABLE 0xf1
#define PIIX4_PM_ACPI_DISABLE 0xf0

enum { PIIX4_PM_SLEEP_S5 = 0, PIIX4_PM_SLEEP_S3 = 1 };

typedef struct {
    EmuPciDevice parent;

    bool smm_enabled;
    uint8_t disable_s3; /* numbers on command lines: 0 or 1 */
    uint8_t disable_s4;
    uint8_t s4_val;

    EmuLine *sci;
    EmuTimer *timer;
    EmuMemoryRegion *pm_region;
    EmuMemoryRegion *smbus_region;
    EmuMemoryRegion *gpe_region;
    EmuMemoryRegion *apm_region;
    gulong powerdown_handler;
    gulong wakeup_handler;

    uint16_t pm1_status;
    uint16_t pm1_enable;
    uint16_t pm1_control;
    uint16_t global_status;
    uint16_t global_enable;
    uint32_t global_control;
    uint8_t gpe_status[PIIX4_PM_GPE_BYTES];
    uint8_t gpe_enable[PIIX4_PM_GPE_BYTES];
    uint8_t apm_control;
    uint8_t apm_status;
    int64_t timer_flip_tick; /* TMR_STS is set when the timer gets there */
    PmSmbus smbus;
} Piix4Pm;

EMU_TRACE_DEFINE(piix4_pm_sci)
EMU_TRACE_DEFINE(piix4_pm_sleep)
EMU_TRACE_DEFINE(piix4_pm_apm)

static int64_t
piix4_pm_get_tick(Piix4Pm *self)
{
    int64_t now = emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(self), EMU_CLOCK_VIRTUAL));

    return emu_muldiv64(MAX(now, 0), PIIX4_PM_TIMER_HZ, EMU_NS_PER_SEC);
}

/* TMR_STS: the timer's highest bit has changed since the guest cleared it. */
static uint16_t
piix4_pm_get_status(Piix4Pm *self)
{
    if (piix4_pm_get_tick(self) >= self->timer_flip_tick) {
        self->pm1_status |= PIIX4_PM1_TIMER;
    }
    return self->pm1_status;
}

static void
piix4_pm_update_sci(Piix4Pm *self)
{
    uint16_t status = piix4_pm_get_status(self);
    bool level = status & self->pm1_enable & PIIX4_PM1_ENABLE_MASK;

    for (unsigned i = 0; i < PIIX4_PM_GPE_BYTES; i++) {
        level |= self->gpe_status[i] & self->gpe_enable[i];
    }
    EMU_TRACE(piix4_pm_sci, "status 0x%04x enable 0x%04x level %d", status, self->pm1_enable, level);
    emu_line_set(self->sci, level);
    if ((self->pm1_enable & PIIX4_PM1_TIMER) && !(status & PIIX4_PM1_TIMER)) {
        emu_timer_set(self->timer, emu_muldiv64(self->timer_flip_tick, EMU_NS_PER_SEC, PIIX4_PM_TIMER_HZ) + 1);
    } else {
        emu_timer_cancel(self->timer);
    }
}

static void
piix4_pm_timer_cb(gpointer opaque)
{
    piix4_pm_update_sci(opaque);
}

static void
piix4_pm_set_next_flip(Piix4Pm *self)
{
    self->timer_flip_tick = (piix4_pm_get_tick(self) & ~(int64_t)(PIIX4_PM_TIMER_HALF - 1)) + PIIX4_PM_TIMER_HALF;
}

static void
piix4_pm_write_control(Piix4Pm *self, uint16_t value)
{
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));
    unsigned type = PIIX4_PM1_CONTROL_SLP_TYPE(value);

    self->pm1_control = value & ~PIIX4_PM1_CONTROL_SLP_EN;
    piix4_pm_update_sci(self);
    if (!(value & PIIX4_PM1_CONTROL_SLP_EN)) {
        return;
    }
    EMU_TRACE(piix4_pm_sleep, "type %u", type);
    if (type == PIIX4_PM_SLEEP_S5 || (type == self->s4_val && !self->disable_s4)) {
        emu_machine_request_shutdown(machine, EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    } else if (type == PIIX4_PM_SLEEP_S3 && !self->disable_s3) {
        emu_machine_request_suspend(machine);
    } else {
        emu_guest_error("PIIX4_PM: sleep type %u: not supported", type);
    }
}

static uint64_t
piix4_pm_io_read(gpointer opaque, uint64_t offset, unsigned size)
{
    Piix4Pm *self = opaque;
    uint32_t value = 0;

    switch (offset & ~1u) {
    case 0x00:
        value = piix4_pm_get_status(self);
        if (size == 4) {
            value |= (uint32_t)self->pm1_enable << 16;
        }
        break;
    case 0x02:
        value = self->pm1_enable;
        break;
    case 0x04:
        value = self->pm1_control;
        break;
    case 0x08:
        value = piix4_pm_get_tick(self) & PIIX4_PM_TIMER_MASK;
        break;
    case 0x0a:
        value = (piix4_pm_get_tick(self) & PIIX4_PM_TIMER_MASK) >> 16;
        break;
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
        break;
    }
    return offset & 1 ? value >> 8 : value;
}

/* @value with one byte of @old kept, for byte writes to 16-bit registers. */
static uint16_t
piix4_pm_merge(uint16_t old, uint64_t offset, uint64_t value, unsigned size)
{
    if (size >= 2) {
        return value;
    }
    return offset & 1 ? (old & 0x00ff) | value << 8 : (old & 0xff00) | (value & 0xff);
}

static void
piix4_pm_io_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Piix4Pm *self = opaque;
    uint16_t clear;

    switch (offset & ~1u) {
    case 0x00:
        clear = piix4_pm_merge(0, offset, value, size) & PIIX4_PM1_STATUS_W1C;
        if (piix4_pm_get_status(self) & clear & PIIX4_PM1_TIMER) {
            piix4_pm_set_next_flip(self);
        }
        self->pm1_status &= ~clear;
        if (size == 4) {
            self->pm1_enable = (value >> 16) & PIIX4_PM1_ENABLE_MASK;
        }
        piix4_pm_update_sci(self);
        break;
    case 0x02:
        self->pm1_enable = piix4_pm_merge(self->pm1_enable, offset, value, size) & PIIX4_PM1_ENABLE_MASK;
        piix4_pm_update_sci(self);
        break;
    case 0x04:
        piix4_pm_write_control(self, piix4_pm_merge(self->pm1_control, offset, value, size));
        break;
    case 0x18:
        self->global_status &= ~piix4_pm_merge(0, offset, value, size);
        break;
    case 0x20:
        self->global_enable = piix4_pm_merge(self->global_enable, offset, value, size);
        break;
    case 0x28:
        if (size == 4) {
            self->global_control = value;
        } else {
            self->global_control = (self->global_control & 0xffff0000) |
                                   piix4_pm_merge(self->global_control, offset, value, size);
        }
        break;
    case 0x2a:
        self->global_control = (self->global_control & 0x0000ffff) |
                               (uint32_t)piix4_pm_merge(self->global_control >> 16, offset, value, size) << 16;
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
    Piix4Pm *self = opaque;

    return offset < PIIX4_PM_GPE_BYTES ? self->gpe_status[offset] : self->gpe_enable[offset - PIIX4_PM_GPE_BYTES];
}

static void
piix4_pm_gpe_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Piix4Pm *self = opaque;

    if (offset < PIIX4_PM_GPE_BYTES) {
        self->gpe_status[offset] &= ~value;
    } else {
        self->gpe_enable[offset - PIIX4_PM_GPE_BYTES] = value;
    }
    piix4_pm_update_sci(self);
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
    /* What firmware's SMI handler does on real boards. */
    if (value == PIIX4_PM_ACPI_ENABLE) {
        self->pm1_control |= PIIX4_PM1_CONTROL_SCI_EN;
    } else if (value == PIIX4_PM_ACPI_DISABLE) {
        self->pm1_control &= ~PIIX4_PM1_CONTROL_SCI_EN;
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
    Piix4Pm *self = opaque;

    if (level) {
        self->gpe_status[index / 8] |= (uint8_t)(1u << index % 8);
        piix4_pm_update_sci(self);
    }
}

static void
piix4_pm_powerdown_cb(EmuMachine *machine G_GNUC_UNUSED, gpointer opaque)
{
    Piix4Pm *self = opaque;

    if (self->pm1_enable & PIIX4_PM1_POWER_BUTTON) {
        self->pm1_status |= PIIX4_PM1_POWER_BUTTON;
        piix4_pm_update_sci(self);
    }
}

/* After the reset that leaves S3: the guest reads here why it woke. */
static void
piix4_pm_wakeup_cb(EmuMachine *machine G_GNUC_UNUSED, gpointer opaque)
{
    Piix4Pm *self = opaque;

    self->pm1_status |= PIIX4_PM1_WAKE | PIIX4_PM1_POWER_BUTTON;
    piix4_pm_update_sci(self);
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
    EmuMachine *machine = emu_device_get_machine(dev);
    EmuMemoryRegion *io = emu_pci_bus_get_io(emu_pci_device_get_bus(pci));
    uint8_t *config = emu_pci_device_get_config(pci);
    uint8_t *wmask = emu_pci_device_get_wmask(pci);

    config[0x3d] = 1; /* INTA#, though the SCI is wired to IRQ 9 */
    memset(wmask + 0x40, 0xff, 0x100 - 0x40);
    wmask[PIIX4_PM_PMBA] = 0xc0;
    wmask[PIIX4_PM_PMBA + 2] = wmask[PIIX4_PM_PMBA + 3] = 0;
    wmask[PIIX4_PM_SMBBA] = 0xf0;
    wmask[PIIX4_PM_SMBBA + 2] = wmask[PIIX4_PM_SMBBA + 3] = 0;

    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), piix4_pm_timer_cb, self);
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
    self->powerdown_handler = g_signal_connect(machine, "powerdown", G_CALLBACK(piix4_pm_powerdown_cb), self);
    self->wakeup_handler = g_signal_connect(machine, "wakeup", G_CALLBACK(piix4_pm_wakeup_cb), self);
    return true;
}

static void
piix4_pm_unrealize(EmuPciDevice *pci)
{
    Piix4Pm *self = (Piix4Pm *)pci;
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));
    EmuMemoryRegion *io = emu_pci_bus_get_io(emu_pci_device_get_bus(pci));

    g_signal_handler_disconnect(machine, self->wakeup_handler);
    g_signal_handler_disconnect(machine, self->powerdown_handler);
    emu_memory_region_del_subregion(io, self->apm_region);
    emu_memory_region_del_subregion(io, self->gpe_region);
    emu_memory_region_del_subregion(io, self->smbus_region);
    emu_memory_region_del_subregion(io, self->pm_region);
    g_clear_pointer(&self->timer, emu_timer_free);
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
    self->pm1_status = 0;
    self->pm1_enable = 0;
    self->pm1_control = 0;
    self->global_status = 0;
    self->global_enable = 0;
    self->global_control = 0;
    memset(self->gpe_status, 0, sizeof self->gpe_status);
    memset(self->gpe_enable, 0, sizeof self->gpe_enable);
    self->apm_control = 0;
    self->apm_status = 0;
    piix4_pm_set_next_flip(self);
    emu_timer_cancel(self->timer);
    pm_smbus_reset(&self->smbus);
}

static void
piix4_pm_reset_hold(EmuDevice *dev)
{
    Piix4Pm *self = (Piix4Pm *)dev;

    emu_line_set(self->sci, 0);
}

static void
piix4_pm_pre_save(gpointer opaque)
{
    piix4_pm_get_status(opaque);
}

static bool
piix4_pm_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    Piix4Pm *self = opaque;

    piix4_pm_set_next_flip(self);
    piix4_pm_update_mappings(self);
    piix4_pm_update_sci(self);
    return true;
}

static const EmuVMField piix4_pm_vmstate_fields[] = {
    EMU_VM_PCI_DEVICE(Piix4Pm, parent),
    EMU_VM_U16(Piix4Pm, pm1_status),
    EMU_VM_U16(Piix4Pm, pm1_enable),
    EMU_VM_U16(Piix4Pm, pm1_control),
    EMU_VM_U16(Piix4Pm, global_status),
    EMU_VM_U16(Piix4Pm, global_enable),
    EMU_VM_U32(Piix4Pm, global_control),
    EMU_VM_BUFFER(Piix4Pm, gpe_status),
    EMU_VM_BUFFER(Piix4Pm, gpe_enable),
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
    EMU_PROP_UINT8("disable_s3", Piix4Pm, disable_s3, 0, "no suspend to RAM"),
    EMU_PROP_UINT8("disable_s4", Piix4Pm, disable_s4, 0, "no suspend to disk"),
    EMU_PROP_UINT8("s4_val", Piix4Pm, s4_val, 2, "sleep type of S4"),
};

static void
piix4_pm_instance_init(gpointer obj)
{
    Piix4Pm *self = obj;

    emu_device_add_lines_out(EMU_DEVICE(self), "sci", 1, &self->sci);
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
