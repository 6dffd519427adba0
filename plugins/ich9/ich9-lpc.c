/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Function 0 of Intel's 82801I (ICH9, order number 316972-004): the ISA bus that its LPC interface stands for, routing of PCI
 * interrupts, ACPI power management, SMIs, reset control.
 *
 *   PMBASE + 0x00 PM1 status, enable, control, timer     + 0x20 GPE0 status (8 bytes), enable (8 bytes)
 *          + 0x30 SMI_EN    + 0x34 SMI_STS    + 0x60 TCO (ich9-tco.c)
 *   RCBA   + 0x3100 which pin each device has, + 0x3140 which PIRQ each pin is wired to
 *   0xb2, 0xb3 APM control and status     0xcf9 reset control
 *
 * Pins of devices 25..31 go to PIRQ A..H as RCBA's registers say; those of the others to PIRQ E + (device + pin) mod 4, which is how
 * boards that firmware knows are wired. PIRQ A..H reach pins 16..23 of the I/O APIC, and the ISA request that they are routed to.
 */

#include "ich9.h"

#include "acpi-pm.h"
#include "ich9-tco.h"

#include <emu/fw-cfg.h>
#include <emu/log.h>
#include <emu/x86-pc.h>

#include <string.h>

#define ICH9_DEVFN 0xf8
#define ICH9_N_PIRQS 8
#define ICH9_N_ISA_IRQS 16

#define ICH9_COMMAND_FIXED 0x07 /* I/O, memory and bus master cannot be switched off */
#define ICH9_PMBASE 0x40
#define ICH9_ACPI_CNTL 0x44
#define ICH9_ACPI_CNTL_ENABLE 0x80
#define ICH9_GPIOBASE 0x48
#define ICH9_GPIO_CNTL 0x4c
#define ICH9_PIRQA_ROUT 0x60
#define ICH9_PIRQE_ROUT 0x68
#define ICH9_PIRQ_ROUT_DISABLED 0x80
#define ICH9_PIRQ_ROUT_IRQ 0x0f
#define ICH9_GEN_PMCON_1 0xa0
#define ICH9_GEN_PMCON_1_SMI_LOCK 0x10
#define ICH9_RCBA 0xf0
#define ICH9_RCBA_ENABLE 0x01

#define ICH9_PM_SIZE 128
#define ICH9_PM_GPE0 0x20
#define ICH9_PM_GPE_BYTES 8
#define ICH9_PM_SMI_EN 0x30
#define ICH9_PM_SMI_STS 0x34
#define ICH9_SMI_EN_GBL 0x01
#define ICH9_SMI_EN_APMC 0x20
#define ICH9_SMI_EN_TCO 0x2000
#define ICH9_SMI_STS_APM 0x20
#define ICH9_SMI_STS_TCO 0x2000
#define ICH9_PM_TCO 0x60

/* What firmware can ask for through the configuration device: 64-bit masks, and whether it was granted. */
#define ICH9_SMI_FILE_SUPPORTED "etc/smi/supported-features"
#define ICH9_SMI_FILE_REQUESTED "etc/smi/requested-features"
#define ICH9_SMI_FILE_OK "etc/smi/features-ok"
#define ICH9_SMI_BROADCAST UINT64_C(0x01) /* SMIs reach all CPUs */

#define ICH9_APM_PORT 0xb2
#define ICH9_APM_ACPI_ENABLE 0x02
#define ICH9_APM_ACPI_DISABLE 0x03

#define ICH9_RST_CNT_PORT 0xcf9
#define ICH9_RST_CNT_SYS_RST 0x02
#define ICH9_RST_CNT_RST_CPU 0x04
#define ICH9_RST_CNT_FULL 0x08

/* Chipset configuration registers (chapter 10). */
#define ICH9_CC_SIZE 0x4000
#define ICH9_CC_FIRST_IP 0x3100
#define ICH9_CC_FIRST_IR 0x3140
#define ICH9_CC_OIC 0x31ff
#define ICH9_CC_GCS 0x3410
#define ICH9_CC_GCS_NO_REBOOT 0x20
#define ICH9_FIRST_INTERNAL_DEVICE 25

typedef struct {
    EmuPciDevice parent;

    bool smm_enabled;
    bool smi_broadcast;
    bool bridge_hotplug;
    bool no_reboot; /* the strap */
    AcpiPm pm;
    Ich9Tco tco;

    EmuIsaBus *isa_bus;
    EmuMemoryRegion *pm_region;
    EmuMemoryRegion *rcba_region;
    EmuMemoryRegion *apm_region;
    EmuMemoryRegion *reset_region;
    EmuLine *isa_irqs[ICH9_N_ISA_IRQS];
    EmuLine *pirqs[ICH9_N_PIRQS];

    uint32_t smi_enable, smi_status;
    uint64_t smi_features; /* granted */
    uint8_t smi_features_ok;
    uint8_t apm_control, apm_status;
    uint8_t reset_control;
    uint8_t chipset[ICH9_CC_SIZE];
} Ich9Lpc;

EMU_TRACE_DEFINE(ich9_pirq)
EMU_TRACE_DEFINE(ich9_apm)

static uint32_t
ich9_get_u32(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- interrupts --------------------------------------------------------------------------------------- */

static unsigned
ich9_get_rout_address(unsigned pirq)
{
    return pirq < 4 ? ICH9_PIRQA_ROUT + pirq : ICH9_PIRQE_ROUT + pirq - 4;
}

/* The ISA request that PIRQ @pirq goes to; ICH9_N_ISA_IRQS when it is routed nowhere. */
static unsigned
ich9_get_route(Ich9Lpc *self, unsigned pirq)
{
    uint8_t value = emu_pci_device_get_config(&self->parent)[ich9_get_rout_address(pirq)];

    return value & ICH9_PIRQ_ROUT_DISABLED ? ICH9_N_ISA_IRQS : value & ICH9_PIRQ_ROUT_IRQ;
}

static void
ich9_update_isa_irq(Ich9Lpc *self, unsigned irq)
{
    EmuPciBus *bus = emu_pci_device_get_bus(&self->parent);
    int level = 0;

    if (irq >= ICH9_N_ISA_IRQS) {
        return;
    }
    for (unsigned pirq = 0; pirq < ICH9_N_PIRQS; pirq++) {
        level |= ich9_get_route(self, pirq) == irq && emu_pci_bus_get_irq_level(bus, (int)pirq);
    }
    emu_line_set(self->isa_irqs[irq], level);
}

static void
ich9_set_pirq(gpointer opaque, int pirq, int level)
{
    Ich9Lpc *self = opaque;

    EMU_TRACE(ich9_pirq, "%c level %d -> irq %u", 'A' + pirq, level, ich9_get_route(self, (unsigned)pirq));
    emu_line_set(self->pirqs[pirq], level);
    ich9_update_isa_irq(self, ich9_get_route(self, (unsigned)pirq));
}

static EmuPciDevice *
ich9_get_self(EmuPciBus *bus)
{
    EmuPciDevice *found = emu_pci_bus_find(bus, emu_pci_bus_get_number(bus), ICH9_DEVFN);

    return found && emu_object_is_a(found, "ICH9-LPC") ? found : NULL;
}

static int
ich9_map_irq(EmuPciDevice *dev, int pin)
{
    unsigned slot = emu_pci_device_get_devfn(dev) >> 3, at;
    EmuPciDevice *lpc = ich9_get_self(emu_pci_device_get_bus(dev));

    if (slot < ICH9_FIRST_INTERNAL_DEVICE || !lpc) {
        return 4 + (((int)slot + pin) & 3);
    }
    /* D31IR, D30IR ... D27IR are two bytes apart; a hole, then D26IR and another, D25IR. */
    at = ICH9_CC_FIRST_IR + 2 * (31 - slot) + (slot < 27 ? 2 : 0) + (slot < 26 ? 2 : 0);
    return (((Ich9Lpc *)lpc)->chipset[at + (unsigned)pin / 2] >> pin % 2 * 4) & 7;
}

/* ---- chipset configuration ------------------------------------------------------------------------------ */

static uint64_t
ich9_rcba_read(gpointer opaque, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, ((Ich9Lpc *)opaque)->chipset + offset, size);
    return GUINT64_FROM_LE(value);
}

static void
ich9_rcba_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ich9Lpc *self = opaque;

    value = GUINT64_TO_LE(value);
    memcpy(self->chipset + offset, &value, size);
    if (self->no_reboot) {
        self->chipset[ICH9_CC_GCS] |= ICH9_CC_GCS_NO_REBOOT;
    }
    if (offset < ICH9_CC_OIC && offset + size > ICH9_CC_FIRST_IR) {
        emu_pci_bus_reroute_irqs(emu_pci_device_get_bus(&self->parent));
    }
}

static const EmuMemoryRegionOps ich9_rcba_ops = {
    .read = ich9_rcba_read,
    .write = ich9_rcba_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

/* ---- power management ------------------------------------------------------------------------------------- */

static uint64_t
ich9_pm_read(gpointer opaque, uint64_t offset, unsigned size)
{
    Ich9Lpc *self = opaque;
    uint64_t value = 0;

    if (offset < ICH9_PM_GPE0) {
        return acpi_pm_read(&self->pm, offset, size);
    }
    if (offset < ICH9_PM_GPE0 + 2 * ICH9_PM_GPE_BYTES) {
        for (unsigned i = 0; i < size; i++) {
            value |= (uint64_t)acpi_pm_read_gpe(&self->pm, (unsigned)offset - ICH9_PM_GPE0 + i) << 8 * i;
        }
        return value;
    }
    if (offset >= ICH9_PM_TCO) {
        return emu_registers_read(EMU_DEVICE(self), ich9_tco_bank, offset - ICH9_PM_TCO, size);
    }
    if ((offset & ~3u) == ICH9_PM_SMI_EN) {
        return self->smi_enable >> 8 * (offset & 3);
    }
    return (offset & ~3u) == ICH9_PM_SMI_STS ? self->smi_status >> 8 * (offset & 3) : 0;
}

static void
ich9_pm_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ich9Lpc *self = opaque;
    unsigned shift = 8 * (offset & 3);
    uint32_t mask = (uint32_t)(((UINT64_C(1) << 8 * size) - 1) << shift), bits = (uint32_t)(value << shift);

    if (offset < ICH9_PM_GPE0) {
        acpi_pm_write(&self->pm, offset, value, size);
        return;
    }
    if (offset < ICH9_PM_GPE0 + 2 * ICH9_PM_GPE_BYTES) {
        for (unsigned i = 0; i < size; i++) {
            acpi_pm_write_gpe(&self->pm, (unsigned)offset - ICH9_PM_GPE0 + i, (uint8_t)(value >> 8 * i));
        }
    } else if ((offset & ~3u) == ICH9_PM_SMI_EN) {
        if (emu_pci_device_get_config(&self->parent)[ICH9_GEN_PMCON_1] & ICH9_GEN_PMCON_1_SMI_LOCK) {
            mask &= ~ICH9_SMI_EN_GBL;
        }
        if (ich9_tco_is_locked(&self->tco)) {
            mask &= ~ICH9_SMI_EN_TCO;
        }
        self->smi_enable = (self->smi_enable & ~mask) | (bits & mask);
    } else if ((offset & ~3u) == ICH9_PM_SMI_STS) {
        self->smi_status &= ~bits;
    } else if (offset >= ICH9_PM_TCO) {
        emu_registers_write(EMU_DEVICE(self), ich9_tco_bank, offset - ICH9_PM_TCO, value, size);
    }
}

static const EmuMemoryRegionOps ich9_pm_ops = {
    .read = ich9_pm_read,
    .write = ich9_pm_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

/* ---- SMIs ------------------------------------------------------------------------------------------------------ */

static uint64_t
ich9_get_supported_features(Ich9Lpc *self)
{
    return self->smi_broadcast ? ICH9_SMI_BROADCAST : 0;
}

/* The firmware looks whether it gets what it has asked for: all or nothing, and once until reset. */
static void
ich9_negotiate_cb(gpointer opaque)
{
    Ich9Lpc *self = opaque;
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(emu_device_get_machine(EMU_DEVICE(self)));
    const uint8_t *file;
    uint64_t wanted;
    gsize len;

    file = emu_fw_cfg_get_file(fw_cfg, ICH9_SMI_FILE_REQUESTED, &len);
    if (self->smi_features_ok || !file || len != sizeof wanted) {
        return;
    }
    memcpy(&wanted, file, sizeof wanted);
    wanted = GUINT64_FROM_LE(wanted);
    if (wanted & ~ich9_get_supported_features(self)) {
        return;
    }
    self->smi_features = wanted;
    self->smi_features_ok = 1;
    emu_fw_cfg_modify_file(fw_cfg, ICH9_SMI_FILE_OK, &self->smi_features_ok, 1);
}

/* The files as they are after a reset; later they are there, and @reset says whether they begin anew. */
static void
ich9_show_smi_features(Ich9Lpc *self, bool reset)
{
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(emu_device_get_machine(EMU_DEVICE(self)));
    uint64_t supported = GUINT64_TO_LE(ich9_get_supported_features(self)), requested = 0;

    if (!fw_cfg || !self->smm_enabled || !supported) {
        return;
    }
    emu_fw_cfg_add_file(fw_cfg, ICH9_SMI_FILE_SUPPORTED, &supported, sizeof supported);
    if (reset || !emu_fw_cfg_get_file(fw_cfg, ICH9_SMI_FILE_REQUESTED, NULL)) {
        emu_fw_cfg_add_file_full(fw_cfg, ICH9_SMI_FILE_REQUESTED, &requested, sizeof requested, NULL, NULL, true);
    }
    emu_fw_cfg_add_file_full(fw_cfg, ICH9_SMI_FILE_OK, &self->smi_features_ok, 1, ich9_negotiate_cb, self, false);
}

static void
ich9_raise_smi(Ich9Lpc *self)
{
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));

    if (!(self->smi_enable & ICH9_SMI_EN_GBL) || !self->smm_enabled) {
        return;
    }
    if (self->smi_features & ICH9_SMI_BROADCAST) {
        emu_x86_broadcast_smi(machine);
    } else {
        emu_x86_raise_smi(machine);
    }
}

static void
ich9_raise_tco_smi(EmuDevice *dev)
{
    Ich9Lpc *self = (Ich9Lpc *)dev;

    self->smi_status |= ICH9_SMI_STS_TCO;
    if (self->smi_enable & ICH9_SMI_EN_TCO) {
        ich9_raise_smi(self);
    }
}

static void
ich9_tco_second_timeout(EmuDevice *dev)
{
    if (!(((Ich9Lpc *)dev)->chipset[ICH9_CC_GCS] & ICH9_CC_GCS_NO_REBOOT)) {
        emu_machine_request_watchdog(emu_device_get_machine(dev));
    }
}

static uint64_t
ich9_apm_read(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    Ich9Lpc *self = opaque;

    return offset == 0 ? self->apm_control : self->apm_status;
}

static void
ich9_apm_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Ich9Lpc *self = opaque;

    if (offset != 0) {
        self->apm_status = (uint8_t)value;
        return;
    }
    EMU_TRACE(ich9_apm, "control 0x%02x", (unsigned)value);
    self->apm_control = (uint8_t)value;
    if (value == ICH9_APM_ACPI_ENABLE || value == ICH9_APM_ACPI_DISABLE) {
        acpi_pm_set_enabled(&self->pm, value == ICH9_APM_ACPI_ENABLE);
    } else if (self->smi_enable & ICH9_SMI_EN_APMC) {
        self->smi_status |= ICH9_SMI_STS_APM;
        ich9_raise_smi(self);
    }
}

static const EmuMemoryRegionOps ich9_apm_ops = {
    .read = ich9_apm_read,
    .write = ich9_apm_write,
    .impl_min = 1,
    .impl_max = 1,
};

/* Inputs "gpe": a rising edge sets the event's status bit. */
static void
ich9_gpe_cb(gpointer opaque, unsigned index, int level)
{
    if (level) {
        acpi_pm_raise_gpe(&((Ich9Lpc *)opaque)->pm, index);
    }
}

/* ---- reset control -------------------------------------------------------------------------------------------- */

static uint64_t
ich9_reset_read(gpointer opaque, uint64_t offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    return ((Ich9Lpc *)opaque)->reset_control;
}

static void
ich9_reset_write(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    Ich9Lpc *self = opaque;

    if (value & ICH9_RST_CNT_RST_CPU) {
        emu_machine_request_reset(emu_device_get_machine(EMU_DEVICE(self)), EMU_SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    }
    self->reset_control = value & (ICH9_RST_CNT_SYS_RST | ICH9_RST_CNT_FULL);
}

static const EmuMemoryRegionOps ich9_reset_ops = {
    .read = ich9_reset_read,
    .write = ich9_reset_write,
    .impl_min = 1,
    .impl_max = 1,
};

/* ---- configuration space -------------------------------------------------------------------------------------- */

static void
ich9_update_mappings(Ich9Lpc *self)
{
    const uint8_t *config = emu_pci_device_get_config(&self->parent);
    uint32_t rcba = ich9_get_u32(config + ICH9_RCBA);

    emu_memory_transaction_begin();
    emu_memory_region_set_enabled(self->pm_region, config[ICH9_ACPI_CNTL] & ICH9_ACPI_CNTL_ENABLE);
    emu_memory_region_set_address(self->pm_region, ich9_get_u32(config + ICH9_PMBASE) & 0xff80);
    emu_memory_region_set_enabled(self->rcba_region, rcba & ICH9_RCBA_ENABLE);
    emu_memory_region_set_address(self->rcba_region, rcba & ~(ICH9_CC_SIZE - 1u));
    emu_memory_transaction_commit();
}

static void
ich9_lpc_write_config(EmuPciDevice *pci, uint32_t addr, uint32_t value, unsigned size)
{
    Ich9Lpc *self = (Ich9Lpc *)pci;
    uint8_t *config = emu_pci_device_get_config(pci);
    bool locked = config[ICH9_GEN_PMCON_1] & ICH9_GEN_PMCON_1_SMI_LOCK;
    unsigned old[ICH9_N_PIRQS];

    for (unsigned pirq = 0; pirq < ICH9_N_PIRQS; pirq++) {
        old[pirq] = ich9_get_route(self, pirq);
    }
    emu_pci_device_default_write_config(pci, addr, value, size);
    if (locked) {
        config[ICH9_GEN_PMCON_1] |= ICH9_GEN_PMCON_1_SMI_LOCK; /* until reset */
    }
    for (unsigned pirq = 0; pirq < ICH9_N_PIRQS; pirq++) {
        if (ich9_get_route(self, pirq) != old[pirq]) {
            ich9_update_isa_irq(self, old[pirq]);
            ich9_update_isa_irq(self, ich9_get_route(self, pirq));
        }
    }
    ich9_update_mappings(self);
}

static void
ich9_make_config(EmuPciDevice *pci)
{
    uint8_t *wmask = emu_pci_device_get_wmask(pci);

    memset(wmask + 0x40, 0xff, 0x100 - 0x40);
    wmask[0x04] &= (uint8_t)~ICH9_COMMAND_FIXED;
    wmask[ICH9_PMBASE] = 0x80;
    wmask[ICH9_PMBASE + 2] = wmask[ICH9_PMBASE + 3] = 0;
    wmask[ICH9_ACPI_CNTL] = 0x87;
    wmask[ICH9_GPIOBASE] = 0x80;
    wmask[ICH9_GPIOBASE + 2] = wmask[ICH9_GPIOBASE + 3] = 0;
    wmask[ICH9_GPIO_CNTL] = 0x11;
    wmask[ICH9_RCBA] = ICH9_RCBA_ENABLE;
    wmask[ICH9_RCBA + 1] = 0xc0;
    for (unsigned pirq = 0; pirq < ICH9_N_PIRQS; pirq++) {
        wmask[ich9_get_rout_address(pirq)] = 0x8f;
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static bool
ich9_lpc_realize(EmuPciDevice *pci, GError **error G_GNUC_UNUSED)
{
    Ich9Lpc *self = (Ich9Lpc *)pci;
    EmuDevice *dev = EMU_DEVICE(self);
    EmuPciBus *bus = emu_pci_device_get_bus(pci);
    EmuMemoryRegion *io = emu_pci_bus_get_io(bus);

    ich9_make_config(pci);
    self->isa_bus = emu_isa_bus_new(dev, emu_pci_bus_get_memory(bus), io);
    acpi_pm_init(&self->pm, dev, ICH9_PM_GPE_BYTES);
    self->tco.raise_smi = ich9_raise_tco_smi;
    self->tco.second_timeout = ich9_tco_second_timeout;
    ich9_tco_init(&self->tco, dev);
    self->pm_region = emu_memory_region_new_io(self, "ich9-pm", ICH9_PM_SIZE, &ich9_pm_ops, self);
    self->rcba_region = emu_memory_region_new_io(self, "ich9-rcba", ICH9_CC_SIZE, &ich9_rcba_ops, self);
    self->apm_region = emu_memory_region_new_io(self, "apm-io", 2, &ich9_apm_ops, self);
    self->reset_region = emu_memory_region_new_io(self, "ich9-reset-control", 1, &ich9_reset_ops, self);
    emu_memory_region_set_enabled(self->pm_region, false);
    emu_memory_region_set_enabled(self->rcba_region, false);
    emu_memory_region_add_subregion(io, 0, self->pm_region, 1);
    emu_memory_region_add_subregion(emu_pci_bus_get_memory(bus), 0, self->rcba_region, 1);
    emu_memory_region_add_subregion(io, ICH9_APM_PORT, self->apm_region, 0);
    /* It lies inside the configuration address register, which decodes 32-bit accesses only. */
    emu_memory_region_add_subregion(io, ICH9_RST_CNT_PORT, self->reset_region, 1);
    emu_device_add_lines_in(dev, "gpe", 8 * ICH9_PM_GPE_BYTES, ich9_gpe_cb);
    emu_pci_bus_set_irqs(bus, ich9_map_irq, ich9_set_pirq, self, ICH9_N_PIRQS);
    return true;
}

static void
ich9_lpc_unrealize(EmuPciDevice *pci)
{
    Ich9Lpc *self = (Ich9Lpc *)pci;
    EmuPciBus *bus = emu_pci_device_get_bus(pci);
    EmuMemoryRegion *io = emu_pci_bus_get_io(bus);
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(emu_device_get_machine(EMU_DEVICE(self)));

    if (fw_cfg && emu_fw_cfg_get_file(fw_cfg, ICH9_SMI_FILE_OK, NULL)) {
        emu_fw_cfg_add_file(fw_cfg, ICH9_SMI_FILE_OK, &self->smi_features_ok, 1);
    }
    emu_memory_region_del_subregion(io, self->reset_region);
    emu_memory_region_del_subregion(io, self->apm_region);
    emu_memory_region_del_subregion(emu_pci_bus_get_memory(bus), self->rcba_region);
    emu_memory_region_del_subregion(io, self->pm_region);
    ich9_tco_finish(&self->tco);
    acpi_pm_finish(&self->pm);
}

/* Section 10.1: defaults of the interrupt pins and routes. */
static void
ich9_reset_chipset(Ich9Lpc *self)
{
    static const struct {
        uint16_t address, value;
    } defaults[] = {
        {0x3100, 0x2120}, {0x3108, 0x4321}, {0x310c, 0x4321}, {0x3110, 0x0001}, {0x3114, 0x0321}, {0x3118, 0x0001},
        {0x3140, 0x3210}, {0x3142, 0x3210}, {0x3144, 0x3210}, {0x3146, 0x3210}, {0x3148, 0x3210}, {0x314c, 0x3210}, {0x3150, 0x3210},
    };

    memset(self->chipset, 0, sizeof self->chipset);
    for (unsigned i = 0; i < G_N_ELEMENTS(defaults); i++) {
        self->chipset[defaults[i].address] = (uint8_t)defaults[i].value;
        self->chipset[defaults[i].address + 1] = (uint8_t)(defaults[i].value >> 8);
    }
    self->chipset[ICH9_CC_GCS] = self->no_reboot ? ICH9_CC_GCS_NO_REBOOT : 0;
}

static void
ich9_lpc_reset_enter(EmuDevice *dev)
{
    Ich9Lpc *self = (Ich9Lpc *)dev;
    uint8_t *config = emu_pci_device_get_config(&self->parent);

    memset(config + 0x40, 0, 0x100 - 0x40);
    config[0x04] = ICH9_COMMAND_FIXED;
    config[0x05] = 0x00;
    config[0x06] = 0x10;
    config[0x07] = 0x02;
    config[ICH9_PMBASE] = 0x01;
    config[ICH9_GPIOBASE] = 0x01;
    for (unsigned pirq = 0; pirq < ICH9_N_PIRQS; pirq++) {
        config[ich9_get_rout_address(pirq)] = ICH9_PIRQ_ROUT_DISABLED;
    }
    ich9_update_mappings(self);
    acpi_pm_reset(&self->pm);
    ich9_reset_chipset(self);
    ich9_tco_reset(&self->tco);
    /* Firmware takes this for "SMM is set up" and leaves it alone. */
    self->smi_enable = self->smm_enabled ? 0 : ICH9_SMI_EN_APMC;
    self->smi_status = 0;
    self->smi_features = 0;
    self->smi_features_ok = 0;
    ich9_show_smi_features(self, true);
    self->apm_control = 0;
    self->apm_status = 0;
    self->reset_control = 0;
}

static void
ich9_lpc_reset_hold(EmuDevice *dev)
{
    Ich9Lpc *self = (Ich9Lpc *)dev;

    emu_line_set(self->pm.sci, 0);
    for (unsigned irq = 0; irq < ICH9_N_ISA_IRQS; irq++) {
        emu_line_set(self->isa_irqs[irq], 0);
    }
    for (unsigned pirq = 0; pirq < ICH9_N_PIRQS; pirq++) {
        emu_line_set(self->pirqs[pirq], 0);
    }
}

static void
ich9_lpc_pre_save(gpointer opaque)
{
    acpi_pm_settle(&((Ich9Lpc *)opaque)->pm);
}

static bool
ich9_lpc_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    Ich9Lpc *self = opaque;

    ich9_update_mappings(self);
    emu_pci_bus_reroute_irqs(emu_pci_device_get_bus(&self->parent));
    acpi_pm_restart(&self->pm);
    ich9_show_smi_features(self, false);
    return true;
}

static const EmuVMField ich9_lpc_vmstate_fields[] = {
    EMU_VM_BUFFER(Ich9Lpc, chipset), /* before the functions whose pins it wires */
    EMU_VM_PCI_DEVICE(Ich9Lpc, parent),
    ACPI_PM_VM(Ich9Lpc, pm, ICH9_PM_GPE_BYTES),
    EMU_VM_U32(Ich9Lpc, smi_enable),
    EMU_VM_U32(Ich9Lpc, smi_status),
    EMU_VM_U64(Ich9Lpc, smi_features),
    EMU_VM_U8(Ich9Lpc, smi_features_ok),
    EMU_VM_U8(Ich9Lpc, apm_control),
    EMU_VM_U8(Ich9Lpc, apm_status),
    EMU_VM_U8(Ich9Lpc, reset_control),
    {.name = "tco", .kind = EMU_VM_KIND_STRUCT, .offset = offsetof(Ich9Lpc, tco), .size = sizeof(Ich9Tco), .num = 1, .sub = &ich9_tco_vmstate, .since = 2},
    EMU_VM_END,
};

static const EmuVMState ich9_lpc_vmstate = {
    .name = "ICH9-LPC",
    .version = 2,
    .minimum_version = 1,
    .fields = ich9_lpc_vmstate_fields,
    .pre_save = ich9_lpc_pre_save,
    .post_load = ich9_lpc_post_load,
};

static const EmuProperty ich9_lpc_properties[] = {
    EMU_PROP_BOOL("smm-enabled", Ich9Lpc, smm_enabled, false, "whether the APM control port raises an SMI"),
    EMU_PROP_BOOL("x-smi-broadcast", Ich9Lpc, smi_broadcast, true, "firmware can have SMIs reach all CPUs"),
    EMU_PROP_BOOL("acpi-pci-hotplug-with-bridge-support", Ich9Lpc, bridge_hotplug, true,
                  "slots of ports and bridges come and go by ACPI; the board reads it"),
    EMU_PROP_BOOL("noreboot", Ich9Lpc, no_reboot, true, "the strap that keeps the TCO timer from resetting the machine"),
    ACPI_PM_PROPERTIES(Ich9Lpc, pm),
};

static void
ich9_lpc_instance_init(gpointer obj)
{
    Ich9Lpc *self = obj;
    EmuDevice *dev = EMU_DEVICE(self);

    emu_device_add_lines_out(dev, "isa-irq", ICH9_N_ISA_IRQS, self->isa_irqs);
    emu_device_add_lines_out(dev, "pirq", ICH9_N_PIRQS, self->pirqs);
    emu_device_add_lines_out(dev, "sci", 1, &self->pm.sci);
}

static void
ich9_lpc_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;
    EmuPciDeviceClass *pci_class = klass;

    device_class->reset_enter = ich9_lpc_reset_enter;
    device_class->reset_hold = ich9_lpc_reset_hold;
    device_class->vmstate = &ich9_lpc_vmstate;
    emu_device_class_add_registers(klass, ich9_tco_bank, offsetof(Ich9Lpc, tco));
    device_class->category = "bridge";
    device_class->model_name = "82801I ICH9 LPC bridge";
    device_class->user_creatable = false;
    pci_class->realize = ich9_lpc_realize;
    pci_class->unrealize = ich9_lpc_unrealize;
    pci_class->write_config = ich9_lpc_write_config;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x2918;
    pci_class->class_id = 0x0601;
    pci_class->revision = 2;
    pci_class->multifunction = true;
    emu_object_class_add_properties(klass, ich9_lpc_properties, G_N_ELEMENTS(ich9_lpc_properties));
}

const EmuTypeInfo ich9_lpc_type_info = {
    .name = "ICH9-LPC",
    .parent = "pci-device",
    .instance_size = sizeof(Ich9Lpc),
    .instance_init = ich9_lpc_instance_init,
    .class_init = ich9_lpc_class_init,
    .description = "82801I (ICH9) LPC bridge",
};
