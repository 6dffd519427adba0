/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Intel 82G33 (3 series express chipset family, order number 316966-002): function 0:0.0 ("mch") with the programmable attribute
 * map, SMRAM and the window of PCI Express' enhanced configuration access mechanism.
 *
 *   PCIEXBAR                 4 KiB of each function of 256, 128 or 64 buses
 *   0xfeda0000..0xfedbffff   SMM only: RAM at 0xa0000, while H_SMRAME is set
 *   TSEG                     SMM only: the last 1, 2, 8 or (extension) 16 MiB of RAM below 4 GiB, while T_EN is set
 *   0xc0000..0xfffff         13 PAM segments (pc-pam.h)
 *   0xa0000..0xbffff         PCI (the VGA window), unless SMRAM is open
 *   0x30000..0x4ffff         (extension) SMM only, once F_SMBASE is locked
 *   RAM, PCI everywhere else
 *
 * The two extensions are those of QEMU's MCH, which firmware for virtual machines looks for.
 */

#include "q35.h"

#include "pc-pam.h"

#include <emu/log.h>
#include <emu/machine.h>

#include <string.h>

#define MCH_EXT_TSEG 0x50 /* MiB of a TSEG of size 3, given to those who ask */
#define MCH_EXT_TSEG_QUERY 0xffff
#define MCH_EXT_TSEG_MAX 0xfff
#define MCH_PCIEXBAR 0x60
#define MCH_PCIEXBAR_ENABLE 0x1
#define MCH_PCIEXBAR_LENGTH(v) ((v) >> 1 & 3)
#define MCH_PAM 0x90
#define MCH_F_SMBASE 0x9c
#define MCH_F_SMBASE_QUERY 0xff
#define MCH_F_SMBASE_IN_RAM 0x01 /* the answer: it can be hidden */
#define MCH_F_SMBASE_LCK 0x02    /* it is, until reset */
#define MCH_SMRAM 0x9d
#define MCH_SMRAM_RESET 0x02
#define MCH_SMRAM_G_SMRAME 0x08
#define MCH_SMRAM_D_LCK 0x10
#define MCH_SMRAM_D_CLS 0x20
#define MCH_SMRAM_D_OPEN 0x40
#define MCH_ESMRAMC 0x9e
#define MCH_ESMRAMC_RESET 0x38 /* caching bits, read-only */
#define MCH_ESMRAMC_T_EN 0x01
#define MCH_ESMRAMC_TSEG_SZ(v) ((v) >> 1 & 3)
#define MCH_ESMRAMC_E_SMERR 0x40
#define MCH_ESMRAMC_H_SMRAME 0x80
#define MCH_GGC 0x52 /* what firmware says about the map: kept for who reads it */
#define MCH_TOM 0xa0 /* TOM, TOUUD, GBSM, BGSM, TSEGMB, TOLUD */
#define MCH_TOM_SIZE 18
#define MCH_HIGH_SMRAM_BASE 0xfeda0000
#define MCH_SMBASE 0x30000 /* where CPUs that nobody relocated save their state */
#define MCH_SMBASE_SIZE 0x20000
#define MCH_4G UINT64_C(0x100000000)
#define MCH_MMCONFIG_MAX 0x10000000

typedef struct {
    EmuPciDevice parent;

    PcPam pam;
    EmuMemoryRegion *smram_high; /* the same at MCH_HIGH_SMRAM_BASE */
    EmuMemoryRegion *high_open;  /* for everybody, while SMRAM is open */
    EmuMemoryRegion *tseg;       /* for SMM */
    EmuMemoryRegion *tseg_hole;  /* for everybody else */
    EmuMemoryRegion *smbase;     /* for SMM */
    EmuMemoryRegion *smbase_hole;
    EmuMemoryRegion *mmconfig;
    uint64_t below_4g; /* properties */
    uint16_t ext_tseg_mbytes;
    bool smbase_smram;
} Mch;

EMU_TRACE_DEFINE(mch_write)

/* ---- enhanced configuration access ----------------------------------------------------------------------- */

static uint64_t
mch_mmconfig_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return emu_pcie_config_load(emu_pci_device_get_bus(opaque), (uint32_t)offset, size);
}

static void
mch_mmconfig_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    emu_pcie_config_store(emu_pci_device_get_bus(opaque), (uint32_t)offset, (uint32_t)value, size);
}

static const EmuMemoryRegionOps mch_mmconfig_ops = {
    .read = mch_mmconfig_read,
    .write = mch_mmconfig_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 4,
};

bool
mch_get_mmconfig(EmuPciDevice *mch, uint64_t *base, uint64_t *size)
{
    const uint8_t *reg = emu_pci_device_get_config(mch) + MCH_PCIEXBAR;
    uint64_t value = 0;
    unsigned length;

    memcpy(&value, reg, sizeof value);
    value = GUINT64_FROM_LE(value);
    length = MCH_PCIEXBAR_LENGTH(value);
    if (!(value & MCH_PCIEXBAR_ENABLE) || length == 3) {
        return false;
    }
    *size = MCH_MMCONFIG_MAX >> length;
    *base = value & UINT64_C(0xfffffffff) & ~(*size - 1);
    return true;
}

/* ---- memory -------------------------------------------------------------------------------------------------- */

static void
mch_update_tseg(Mch *self, uint8_t smram, uint8_t esmramc)
{
    const unsigned sizes[] = {1, 2, 8, self->ext_tseg_mbytes}; /* MiB */
    uint64_t size = (uint64_t)sizes[MCH_ESMRAMC_TSEG_SZ(esmramc)] << 20;
    bool on = esmramc & MCH_ESMRAMC_T_EN && smram & MCH_SMRAM_G_SMRAME && size && size < self->below_4g;

    if (on) {
        emu_memory_region_set_size(self->tseg, size);
        emu_memory_region_set_alias_offset(self->tseg, self->below_4g - size);
        emu_memory_region_set_address(self->tseg, self->below_4g - size);
        emu_memory_region_set_size(self->tseg_hole, size);
        emu_memory_region_set_address(self->tseg_hole, self->below_4g - size);
    }
    emu_memory_region_set_enabled(self->tseg, on);
    emu_memory_region_set_enabled(self->tseg_hole, on);
}

static void
mch_update_memory(Mch *self)
{
    const uint8_t *config = emu_pci_device_get_config(&self->parent);
    uint8_t smram = config[MCH_SMRAM], esmramc = config[MCH_ESMRAMC];
    bool enabled = smram & MCH_SMRAM_G_SMRAME, high = esmramc & MCH_ESMRAMC_H_SMRAME, open = smram & MCH_SMRAM_D_OPEN;
    bool smbase = self->smbase_smram && config[MCH_F_SMBASE] & MCH_F_SMBASE_LCK;
    uint64_t base, size;

    emu_memory_transaction_begin();
    pc_pam_update(&self->pam, config + MCH_PAM, open && !high);
    emu_memory_region_set_enabled(self->pam.smram_low, enabled && !high);
    emu_memory_region_set_enabled(self->smram_high, enabled && high);
    emu_memory_region_set_enabled(self->high_open, open && high);
    mch_update_tseg(self, smram, esmramc);
    emu_memory_region_set_enabled(self->smbase, smbase);
    emu_memory_region_set_enabled(self->smbase_hole, smbase);
    if (mch_get_mmconfig(&self->parent, &base, &size)) {
        emu_memory_region_set_size(self->mmconfig, size);
        emu_memory_region_set_address(self->mmconfig, base);
        emu_memory_region_set_enabled(self->mmconfig, true);
    } else {
        emu_memory_region_set_enabled(self->mmconfig, false);
    }
    emu_memory_transaction_commit();
}

/* RAM that only SMM sees, for the others. */
static uint64_t
mch_hole_read(gpointer opaque G_GNUC_UNUSED, uint64_t offset G_GNUC_UNUSED, unsigned size)
{
    return UINT64_MAX >> (64 - 8 * size);
}

static void
mch_hole_write(gpointer opaque G_GNUC_UNUSED, uint64_t offset G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
}

static const EmuMemoryRegionOps mch_hole_ops = {
    .read = mch_hole_read,
    .write = mch_hole_write,
};

/* What a write left in SMRAM, ESMRAMC and the map's registers: once locked they stay as they are until reset, all but D_CLS. */
static void
mch_keep_locked(uint8_t *config, const uint8_t *old)
{
    if (old[MCH_SMRAM] & MCH_SMRAM_D_LCK) {
        config[MCH_SMRAM] = (old[MCH_SMRAM] & ~MCH_SMRAM_D_CLS) | (config[MCH_SMRAM] & MCH_SMRAM_D_CLS);
        config[MCH_ESMRAMC] = (old[MCH_ESMRAMC] & ~MCH_ESMRAMC_E_SMERR) | (config[MCH_ESMRAMC] & MCH_ESMRAMC_E_SMERR);
        memcpy(config + MCH_GGC, old + MCH_GGC, 2);
        memcpy(config + MCH_TOM, old + MCH_TOM, MCH_TOM_SIZE);
    } else if (config[MCH_SMRAM] & MCH_SMRAM_D_LCK) {
        config[MCH_SMRAM] &= (uint8_t)~MCH_SMRAM_D_OPEN;
    }
}

/* What a write left in the two extensions' registers: answers to the firmware's questions. */
static void
mch_answer(Mch *self, uint8_t *config, uint8_t old_smbase)
{
    if (config[MCH_EXT_TSEG] == (MCH_EXT_TSEG_QUERY & 0xff) && config[MCH_EXT_TSEG + 1] == MCH_EXT_TSEG_QUERY >> 8 && self->ext_tseg_mbytes) {
        config[MCH_EXT_TSEG] = (uint8_t)self->ext_tseg_mbytes;
        config[MCH_EXT_TSEG + 1] = (uint8_t)(self->ext_tseg_mbytes >> 8);
    }
    if (!self->smbase_smram) {
        return;
    }
    if (old_smbase & MCH_F_SMBASE_LCK) {
        config[MCH_F_SMBASE] = old_smbase;
    } else if (old_smbase == MCH_F_SMBASE_IN_RAM) {
        config[MCH_F_SMBASE] = MCH_F_SMBASE_IN_RAM | (config[MCH_F_SMBASE] & MCH_F_SMBASE_LCK);
    } else if (config[MCH_F_SMBASE] == MCH_F_SMBASE_QUERY) {
        config[MCH_F_SMBASE] = MCH_F_SMBASE_IN_RAM;
    }
}

static void
mch_write_config(EmuPciDevice *pci, uint32_t addr, uint32_t value, unsigned size)
{
    Mch *self = (Mch *)pci;
    uint8_t *config = emu_pci_device_get_config(pci);
    uint8_t old[256];

    memcpy(old, config, sizeof old);
    EMU_TRACE(mch_write, "register 0x%02x value 0x%x", addr, value);
    emu_pci_device_default_write_config(pci, addr, value, size);
    mch_keep_locked(config, old);
    mch_answer(self, config, old[MCH_F_SMBASE]);
    mch_update_memory(self);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void
mch_make_config(EmuPciDevice *pci)
{
    uint8_t *wmask = emu_pci_device_get_wmask(pci);

    memset(wmask + MCH_EXT_TSEG, 0xff, 2);
    memset(wmask + MCH_GGC, 0xff, 2);
    memset(wmask + MCH_TOM, 0xff, MCH_TOM_SIZE);
    wmask[MCH_PCIEXBAR] = 0x07;
    wmask[MCH_PCIEXBAR + 3] = 0xfc;
    wmask[MCH_PCIEXBAR + 4] = 0x0f;
    wmask[MCH_F_SMBASE] = 0xff;
    memset(wmask + MCH_PAM, 0x33, PC_PAM_N_REGS);
    wmask[MCH_PAM] = 0x30;
    wmask[MCH_SMRAM] = MCH_SMRAM_D_OPEN | MCH_SMRAM_D_CLS | MCH_SMRAM_D_LCK | MCH_SMRAM_G_SMRAME;
    wmask[MCH_ESMRAMC] = MCH_ESMRAMC_H_SMRAME | 0x07;
    emu_pci_device_get_w1cmask(pci)[MCH_ESMRAMC] = MCH_ESMRAMC_E_SMERR;
}

static void
mch_make_smram(Mch *self, EmuMemoryRegion *system)
{
    self->smram_high = emu_memory_region_new_alias(self, "smram-high", self->pam.ram, PC_SMRAM_BASE, PC_SMRAM_SIZE);
    emu_memory_region_add_subregion(self->pam.smram, MCH_HIGH_SMRAM_BASE, self->smram_high, 0);
    self->high_open = emu_memory_region_new_alias(self, "smram-open-high", self->pam.ram, PC_SMRAM_BASE, PC_SMRAM_SIZE);
    emu_memory_region_add_subregion(system, MCH_HIGH_SMRAM_BASE, self->high_open, 1);
    self->tseg = emu_memory_region_new_alias(self, "tseg-smram", self->pam.ram, 0, 1 << 20);
    emu_memory_region_add_subregion(self->pam.smram, 0, self->tseg, 0);
    self->tseg_hole = emu_memory_region_new_io(self, "tseg-hole", 1 << 20, &mch_hole_ops, self);
    emu_memory_region_add_subregion(system, 0, self->tseg_hole, 1);
    self->smbase = emu_memory_region_new_alias(self, "smbase-smram", self->pam.ram, MCH_SMBASE, MCH_SMBASE_SIZE);
    emu_memory_region_add_subregion(self->pam.smram, MCH_SMBASE, self->smbase, 0);
    self->smbase_hole = emu_memory_region_new_io(self, "smbase-hole", MCH_SMBASE_SIZE, &mch_hole_ops, self);
    emu_memory_region_add_subregion(system, MCH_SMBASE, self->smbase_hole, 1);
}

static bool
mch_realize(EmuPciDevice *pci, GError **error)
{
    Mch *self = (Mch *)pci;
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));
    EmuMemoryRegion *system = emu_machine_get_system_memory(machine), *ram = emu_machine_get_ram(machine, error);

    if (!ram) {
        return false;
    }
    if (self->below_4g == 0) {
        self->below_4g = MIN(emu_memory_region_get_size(ram), MCH_4G);
    }
    if (self->below_4g > MIN(emu_memory_region_get_size(ram), MCH_4G)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "mch: below-4g-mem-size is %" G_GUINT64_FORMAT ", expected at most the size of RAM and 4 GiB", self->below_4g);
        return false;
    }
    if (self->ext_tseg_mbytes > MCH_EXT_TSEG_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "mch: extended-tseg-mbytes is %u, expected 0 to %u",
                    self->ext_tseg_mbytes, MCH_EXT_TSEG_MAX);
        return false;
    }
    if (!pc_pam_init(&self->pam, pci, error)) {
        return false;
    }
    mch_make_config(pci);
    emu_memory_transaction_begin();
    mch_make_smram(self, system);
    self->mmconfig = emu_memory_region_new_io(self, "pcie-mmcfg", MCH_MMCONFIG_MAX, &mch_mmconfig_ops, self);
    emu_memory_region_set_enabled(self->mmconfig, false);
    emu_memory_region_add_subregion(system, 0, self->mmconfig, 2);
    mch_update_memory(self);
    emu_memory_transaction_commit();
    return true;
}

static void
mch_unrealize(EmuPciDevice *pci)
{
    Mch *self = (Mch *)pci;
    EmuMemoryRegion *system = emu_machine_get_system_memory(emu_device_get_machine(EMU_DEVICE(self)));

    emu_memory_transaction_begin();
    emu_memory_region_del_subregion(system, self->mmconfig);
    emu_memory_region_del_subregion(system, self->tseg_hole);
    emu_memory_region_del_subregion(system, self->smbase_hole);
    emu_memory_region_del_subregion(system, self->high_open);
    emu_memory_region_del_subregion(self->pam.smram, self->smram_high);
    emu_memory_region_del_subregion(self->pam.smram, self->tseg);
    emu_memory_region_del_subregion(self->pam.smram, self->smbase);
    pc_pam_finish(&self->pam);
    emu_memory_transaction_commit();
}

static void
mch_reset_enter(EmuDevice *dev)
{
    Mch *self = (Mch *)dev;
    uint8_t *config = emu_pci_device_get_config(&self->parent);

    config[MCH_SMRAM] = MCH_SMRAM_RESET;
    config[MCH_ESMRAMC] = MCH_ESMRAMC_RESET;
    config[MCH_F_SMBASE] = 0;
    memset(config + MCH_EXT_TSEG, 0, 2);
    memset(config + MCH_GGC, 0, 2);
    memset(config + MCH_TOM, 0, MCH_TOM_SIZE);
    memset(config + MCH_PCIEXBAR, 0, 8);
    pc_pam_reset(&self->pam, config + MCH_PAM);
    mch_update_memory(self);
}

static bool
mch_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    mch_update_memory(opaque);
    return true;
}

static const EmuVMField mch_vmstate_fields[] = {
    EMU_VM_PCI_DEVICE(Mch, parent),
    PC_PAM_VM(Mch, pam),
    EMU_VM_END,
};

static const EmuVMState mch_vmstate = {
    .name = "mch",
    .version = 1,
    .minimum_version = 1,
    .fields = mch_vmstate_fields,
    .post_load = mch_post_load,
};

static const EmuProperty mch_properties[] = {
    EMU_PROP_SIZE("below-4g-mem-size", Mch, below_4g, 0, "where RAM below 4 GiB ends; 0: all RAM is there"),
    EMU_PROP_UINT16("extended-tseg-mbytes", Mch, ext_tseg_mbytes, 16, "size of the largest TSEG that firmware can have; 0: no such"),
    EMU_PROP_BOOL("smbase-smram", Mch, smbase_smram, true, "firmware can hide the memory at 0x30000 from all but SMM"),
};

static void
mch_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;
    EmuPciDeviceClass *pci_class = klass;

    device_class->reset_enter = mch_reset_enter;
    device_class->vmstate = &mch_vmstate;
    device_class->category = "bridge";
    device_class->model_name = "82G33/Q35 host bridge";
    device_class->user_creatable = false;
    pci_class->realize = mch_realize;
    pci_class->unrealize = mch_unrealize;
    pci_class->write_config = mch_write_config;
    pci_class->vendor_id = 0x8086;
    pci_class->device_id = 0x29c0;
    pci_class->class_id = 0x0600;
    emu_object_class_add_properties(klass, mch_properties, G_N_ELEMENTS(mch_properties));
}

const EmuTypeInfo mch_type_info = {
    .name = "mch",
    .parent = "pci-device",
    .instance_size = sizeof(Mch),
    .class_init = mch_class_init,
    .description = "82G33/Q35 host bridge",
};
