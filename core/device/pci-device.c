/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The class of PCI functions: properties, header, option ROM, bus mastering, reset, saved state. */

#include "device/pci-private.h"
#include "memory/memory-private.h"

#include <emu/fw-cfg.h>
#include <emu/log.h>
#include <errno.h>
#include <string.h>

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuPciDevice, emu_pci_device, EMU_TYPE_DEVICE)

EmuPciDevicePrivate *
emu_pci_device_priv(EmuPciDevice *self)
{
    return emu_pci_device_get_instance_private(self);
}

#define priv emu_pci_device_priv

/* ---- properties -------------------------------------------------------------------------------------- */

static char *
pci_device_get_addr(gpointer self, GError **error G_GNUC_UNUSED)
{
    int devfn = priv(self)->devfn;

    return devfn < 0 ? g_strdup("-1") : g_strdup_printf("%02x.%x", devfn >> 3, devfn & 7);
}

/* "4", "4.1", "0x1f.2": slot and function, both hexadecimal. */
static bool
pci_device_set_addr(gpointer self, const char *value, GError **error)
{
    char *end;
    guint64 slot, fn = 0;

    if (!strcmp(value, "-1") || !*value) {
        priv(self)->devfn = -1;
        return true;
    }
    errno = 0;
    slot = g_ascii_strtoull(value, &end, 16);
    if (g_ascii_isxdigit(value[0]) && *end == '.' && g_ascii_isxdigit(end[1])) {
        fn = g_ascii_strtoull(end + 1, &end, 16);
    }
    if (!g_ascii_isxdigit(value[0]) || *end || errno || slot > 31 || fn > 7) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "%s: addr is '%s', expected SLOT or SLOT.FUNCTION (hexadecimal, slot 0 to 1f, function 0 to 7)",
                    emu_device_get_label(self), value);
        return false;
    }
    priv(self)->devfn = (int)(slot << 3 | fn);
    return true;
}

static EmuProperty pci_device_properties[] = {
    {.name = "multifunction", .kind = EMU_PROP_KIND_BOOL, .offset = offsetof(EmuPciDevicePrivate, multifunction),
     .blurb = "function 0 of a device that has others"},
    {.name = "romfile", .kind = EMU_PROP_KIND_STRING, .offset = offsetof(EmuPciDevicePrivate, romfile),
     .blurb = "option ROM; empty for none"},
    {.name = "rombar", .kind = EMU_PROP_KIND_UINT32, .offset = offsetof(EmuPciDevicePrivate, rombar), .default_value = 1,
     .blurb = "show the option ROM to the guest as a BAR; 0: the firmware gets it as a file"},
    {.name = "romsize", .kind = EMU_PROP_KIND_UINT32, .offset = offsetof(EmuPciDevicePrivate, romsize), .default_value = UINT32_MAX,
     .blurb = "size of the option ROM's BAR, a power of two; 4294967295: what the file needs"},
};

/* ---- class --------------------------------------------------------------------------------------- */

static void
emu_pci_device_init(EmuPciDevice *self)
{
    EmuPciDevicePrivate *p = priv(self);

    p->devfn = -1;
    for (unsigned i = 0; i < G_N_ELEMENTS(p->bars); i++) {
        p->bars[i].addr = PCI_UNMAPPED;
    }
}

static void
emu_pci_device_finalize(GObject *object)
{
    EmuPciDevicePrivate *p = priv(EMU_PCI_DEVICE(object));

    for (unsigned i = 0; i < G_N_ELEMENTS(p->bars); i++) {
        g_clear_object(&p->bars[i].region);
    }
    g_free(p->config);
    g_free(p->wmask);
    g_free(p->w1cmask);
    g_free(p->used);
    g_free(p->saved);
    g_free(p->msix_table);
    g_free(p->msix_pba);
    G_OBJECT_CLASS(emu_pci_device_parent_class)->finalize(object);
}

static bool emu_pci_device_realize(EmuDevice *dev, GError **error);
static void emu_pci_device_unrealize(EmuDevice *dev);

static void
emu_pci_device_class_init(EmuPciDeviceClass *klass)
{
    EmuDeviceClass *device_class = EMU_DEVICE_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = emu_pci_device_finalize;
    device_class->realize = emu_pci_device_realize;
    device_class->unrealize = emu_pci_device_unrealize;
    device_class->bus_type = "PCI";
    device_class->hotpluggable = true;
    for (unsigned i = 0; i < G_N_ELEMENTS(pci_device_properties); i++) {
        pci_device_properties[i].offset += (gsize)(gssize)EmuPciDevice_private_offset;
    }
    emu_object_class_add_properties(klass, pci_device_properties, G_N_ELEMENTS(pci_device_properties));
    emu_object_class_add_string_property(klass, "addr", pci_device_get_addr, pci_device_set_addr,
                                         "slot and optional function number, example: 06.0 or 06");
}

/* ---- coming and going -------------------------------------------------------------------------------- */

static void
pci_device_make_header(EmuPciDevice *self)
{
    EmuPciDeviceClass *klass = EMU_PCI_DEVICE_GET_CLASS(self);
    EmuPciDevicePrivate *p = priv(self);

    pci_set_u16(p->config + PCI_VENDOR_ID, klass->vendor_id);
    pci_set_u16(p->config + PCI_DEVICE_ID, klass->device_id);
    p->config[PCI_REVISION] = klass->revision;
    p->config[PCI_PROG_IF] = klass->prog_if;
    pci_set_u16(p->config + PCI_CLASS, klass->class_id);
    p->config[PCI_HEADER_TYPE] = (uint8_t)((klass->is_bridge ? 1 : 0) | (p->multifunction ? PCI_HEADER_MULTIFUNCTION : 0));
    memset(p->used, 1, PCI_HEADER_SIZE);

    pci_set_u16(p->wmask + PCI_COMMAND,
                PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    /* Status: master data parity, target and master aborts, system error, parity error (6.2.3). */
    pci_set_u16(p->w1cmask + PCI_STATUS, 0xf900);
    p->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
    p->wmask[PCI_INTERRUPT_LINE] = 0xff;
    if (klass->is_bridge) {
        /* Bus numbers, secondary latency timer; the windows are the bridge's. */
        memset(p->wmask + PCI_PRIMARY_BUS, 0xff, 4);
    } else {
        pci_set_u16(p->config + PCI_SUBSYSTEM_VENDOR_ID, klass->subsystem_vendor_id ? klass->subsystem_vendor_id : 0x1af4);
        pci_set_u16(p->config + PCI_SUBSYSTEM_ID, klass->subsystem_vendor_id || klass->subsystem_id ? klass->subsystem_id : 0x1100);
    }
}

bool
emu_pci_device_attach(EmuPciDevice *self, GError **error G_GNUC_UNUSED)
{
    EmuPciDevicePrivate *p = priv(self);
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));
    g_autofree char *name = NULL;

    p->config_size = EMU_PCI_DEVICE_GET_CLASS(self)->is_express ? 4096 : 256;
    p->config = g_malloc0(p->config_size);
    p->wmask = g_malloc0(p->config_size);
    p->w1cmask = g_malloc0(p->config_size);
    p->used = g_malloc0(p->config_size);
    p->saved = g_malloc0(p->config_size);
    pci_device_make_header(self);

    if (machine) {
        name = g_strdup_printf("%s-dma", emu_object_get_type_name(self));
        p->master_gate = emu_memory_region_new_container(NULL, "bus master container", UINT64_MAX);
        emu_pci_device_update_master(self);
        p->dma_as = emu_address_space_new(p->master_gate, name);
        emu_address_space_copy_lock(p->dma_as, emu_machine_get_memory_as(machine));
        emu_address_space_set_master(p->dma_as, self);
        emu_pci_device_update_requester(self);
    }
    return true;
}

/* What lies behind the bus master bit: the bridge's, or what the root bus leads to. */
void
emu_pci_device_update_master(EmuPciDevice *self)
{
    EmuPciDevicePrivate *p = priv(self);
    EmuPciBus *bus = emu_pci_device_get_bus(self);
    EmuPciDevice *bridge = emu_pci_bus_get_bridge(bus);
    EmuMemoryRegion *iommu = emu_pci_bus_get_iommu(bus);
    EmuMemoryRegion *target = bridge  ? priv(bridge)->master_gate
                              : iommu ? iommu
                                      : emu_machine_get_system_memory(emu_device_get_machine(EMU_DEVICE(self)));

    if (!p->master_gate) {
        return;
    }
    emu_memory_transaction_begin();
    if (p->master_alias) {
        emu_memory_region_del_subregion(p->master_gate, p->master_alias);
        g_object_unref(p->master_alias);
    }
    p->master_alias = emu_memory_region_new_alias(NULL, "bus master", target, 0, UINT64_MAX);
    emu_memory_region_set_enabled(p->master_alias, p->config[PCI_COMMAND] & PCI_COMMAND_MASTER);
    emu_memory_region_add_subregion(p->master_gate, 0, p->master_alias, 0);
    emu_memory_transaction_commit();
}

uint16_t
emu_pci_device_get_requester_id(EmuPciDevice *self)
{
    EmuPciBus *bus = emu_pci_device_get_bus(self);
    EmuPciDevice *bridge = bus ? emu_pci_bus_get_bridge(bus) : NULL;

    /* A conventional bridge takes ownership of what it forwards (PCI Express to PCI Bridge 1.0, 2.3). */
    if (bridge && !EMU_PCI_DEVICE_GET_CLASS(bridge)->is_express) {
        return emu_pci_device_get_requester_id(bridge);
    }
    return (uint16_t)((bus ? emu_pci_bus_get_number(bus) : 0) << 8 | priv(self)->devfn);
}

void
emu_pci_device_update_requester(EmuPciDevice *self)
{
    if (priv(self)->dma_as) {
        emu_address_space_set_requester(priv(self)->dma_as, emu_pci_device_get_requester_id(self));
    }
}

void
emu_pci_device_detach(EmuPciDevice *self)
{
    EmuPciDevicePrivate *p = priv(self);

    g_clear_pointer(&p->dma_as, emu_address_space_free);
    if (p->master_gate) {
        emu_memory_region_del_subregion(p->master_gate, p->master_alias);
    }
    g_clear_object(&p->master_alias);
    g_clear_object(&p->master_gate);
}

/* An option ROM for another variant of the device gets this one's numbers, or firmware would skip it
 * (PCI Firmware Specification, PCI data structure). */
static void
pci_rom_patch_ids(EmuPciDevice *self, uint8_t *rom, gsize size)
{
    const uint8_t *config = priv(self)->config;
    gsize pcir = size >= 0x1a ? pci_get_u16(rom + 0x18) : size;
    uint8_t checksum = 0;

    if (size < 0x1a || rom[0] != 0x55 || rom[1] != 0xaa || pcir + 8 > size || memcmp(rom + pcir, "PCIR", 4) != 0) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        checksum = (uint8_t)(checksum + rom[pcir + 4 + i] - config[PCI_VENDOR_ID + i]);
        rom[pcir + 4 + i] = config[PCI_VENDOR_ID + i];
    }
    rom[6] = (uint8_t)(rom[6] + checksum); /* a byte that ROMs leave free for this */
}

/* Without a BAR for it the firmware gets the ROM as a file; of a device that comes later, at its next start. */
static void
pci_device_hand_rom_to_firmware(EmuPciDevice *self, const char *path, const char *contents, gsize len)
{
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(machine);
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *file = g_strconcat(pci_get_u16(priv(self)->config + PCI_CLASS) == PCI_CLASS_VGA ? "vgaroms/" : "genroms/", base, NULL);
    gsize there;

    if (fw_cfg && !emu_fw_cfg_get_file(fw_cfg, file, &there)) {
        emu_fw_cfg_add_file(fw_cfg, file, contents, len);
    }
}

static bool
pci_device_get_rom_size(EmuPciDevice *self, const char *path, gsize len, uint64_t *size, GError **error)
{
    EmuPciDevicePrivate *p = priv(self);

    if (p->romsize == UINT32_MAX) {
        for (*size = PCI_ROM_MIN_SIZE; *size < len; *size *= 2) {
        }
        return true;
    }
    if (p->romsize < PCI_ROM_MIN_SIZE || (p->romsize & (p->romsize - 1)) || p->romsize < len) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "%s: romsize is %u, expected a power of two, at least 2048 and the %" G_GSIZE_FORMAT " bytes of '%s'",
                    emu_device_get_label(EMU_DEVICE(self)), p->romsize, len, path);
        return false;
    }
    *size = p->romsize;
    return true;
}

static bool
pci_device_load_rom(EmuPciDevice *self, GError **error)
{
    EmuPciDevicePrivate *p = priv(self);
    const char *name = p->romfile ? p->romfile : EMU_PCI_DEVICE_GET_CLASS(self)->romfile;
    EmuMachine *machine = emu_device_get_machine(EMU_DEVICE(self));
    const char *label = emu_device_get_label(EMU_DEVICE(self));
    g_autofree char *path = NULL, *contents = NULL, *region_name = NULL;
    EmuMemoryRegion *region;
    uint64_t size;
    gsize len;

    if (!name || !*name || !machine) {
        return true;
    }
    path = emu_machine_find_firmware(machine, name);
    if (!path) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "%s: option ROM '%s' not found", label, name);
        return false;
    }
    if (!g_file_get_contents(path, &contents, &len, error)) {
        g_prefix_error(error, "%s: ", label);
        return false;
    }
    if (len == 0 || len > 16 << 20) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: option ROM '%s' has %" G_GSIZE_FORMAT " bytes, expected 1 to 16 MiB",
                    label, path, len);
        return false;
    }
    if (!p->rombar) {
        pci_device_hand_rom_to_firmware(self, path, contents, len);
        return true;
    }
    if (!pci_device_get_rom_size(self, path, len, &size, error)) {
        return false;
    }
    region_name = g_strdup_printf("%s.rom", emu_object_get_type_name(self));
    region = emu_memory_region_new_rom(self, region_name, size, error);
    if (!region) {
        return false;
    }
    memcpy(emu_memory_region_get_ram_pointer(region), contents, len);
    pci_rom_patch_ids(self, emu_memory_region_get_ram_pointer(region), len);
    emu_pci_device_register_bar(self, PCI_ROM_BAR, EMU_PCI_BAR_MEM, region);
    return true;
}

static bool
emu_pci_device_realize(EmuDevice *dev, GError **error)
{
    EmuPciDevice *self = EMU_PCI_DEVICE(dev);
    EmuPciDeviceClass *klass = EMU_PCI_DEVICE_GET_CLASS(self);

    if (klass->realize && !klass->realize(self, error)) {
        return false;
    }
    if (!pci_device_load_rom(self, error)) {
        if (klass->unrealize) {
            klass->unrealize(self);
        }
        return false;
    }
    return true;
}

static void
emu_pci_device_unrealize(EmuDevice *dev)
{
    EmuPciDevice *self = EMU_PCI_DEVICE(dev);

    if (EMU_PCI_DEVICE_GET_CLASS(self)->unrealize) {
        EMU_PCI_DEVICE_GET_CLASS(self)->unrealize(self);
    }
}

/* ---- reset (6.1, RST#) --------------------------------------------------------------------------------- */

void
emu_pci_device_reset(EmuPciDevice *self)
{
    EmuPciDevicePrivate *p = priv(self);

    if (!p->config) {
        return;
    }
    p->irq_level = 0;
    emu_pci_device_update_irq(self, true);
    for (unsigned i = PCI_COMMAND; i < PCI_COMMAND + 4; i++) {
        p->config[i] &= (uint8_t) ~(p->wmask[i] | p->w1cmask[i]);
    }
    p->config[PCI_CACHE_LINE_SIZE] = 0;
    p->config[PCI_INTERRUPT_LINE] = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(p->bars); i++) {
        unsigned at = emu_pci_bar_offset(self, i);

        if (p->bars[i].region) {
            pci_set_u32(p->config + at, pci_get_u32(p->config + at) & ~pci_get_u32(p->wmask + at));
            if (p->bars[i].flags & EMU_PCI_BAR_MEM64 && !(p->bars[i].flags & EMU_PCI_BAR_IO)) {
                pci_set_u32(p->config + at + 4, 0);
            }
        }
    }
    emu_pci_msi_reset(self);
    for (unsigned i = 256; i < p->config_size; i++) {
        p->config[i] &= (uint8_t) ~(p->wmask[i] | p->w1cmask[i]);
    }
    for (unsigned i = p->pcie_cap; p->pcie_cap && i < p->pcie_cap + PCIE_CAP_SIZE; i++) {
        p->config[i] &= (uint8_t) ~(p->wmask[i] | p->w1cmask[i]);
    }
    emu_pci_device_update_mappings(self);
}

/* ---- questions --------------------------------------------------------------------------------------- */

uint8_t *
emu_pci_device_get_config(EmuPciDevice *self)
{
    return priv(self)->config;
}

uint8_t *
emu_pci_device_get_wmask(EmuPciDevice *self)
{
    return priv(self)->wmask;
}

uint8_t *
emu_pci_device_get_w1cmask(EmuPciDevice *self)
{
    return priv(self)->w1cmask;
}

uint8_t
emu_pci_device_get_devfn(EmuPciDevice *self)
{
    return (uint8_t)priv(self)->devfn;
}

EmuPciBus *
emu_pci_device_get_bus(EmuPciDevice *self)
{
    EmuBus *bus = emu_device_get_bus(EMU_DEVICE(self));

    return bus ? EMU_PCI_BUS(bus) : NULL;
}

EmuAddressSpace *
emu_pci_device_get_dma_as(EmuPciDevice *self)
{
    return priv(self)->dma_as;
}

/* ---- saved state -------------------------------------------------------------------------------------- */

static void
pci_state_pre_save(gpointer state)
{
    EmuPciDevicePrivate *p = state;

    memcpy(p->saved, p->config, p->config_size);
}

static bool
pci_state_has_msix(gpointer state)
{
    return ((EmuPciDevicePrivate *)state)->msix_cap != 0;
}

static bool
pci_state_post_load(gpointer state, unsigned version G_GNUC_UNUSED, GError **error)
{
    EmuPciDevicePrivate *p = state;

    if (p->irq_level > 1) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "irq_level is %u, expected 0 or 1", p->irq_level);
        return false;
    }
    return true;
}

static const EmuVMField pci_msix_fields[] = {
    EMU_VM_VBUFFER(EmuPciDevicePrivate, msix_table, msix_table_size),
    EMU_VM_VBUFFER(EmuPciDevicePrivate, msix_pba, msix_pba_size),
    EMU_VM_END,
};

static const EmuVMState pci_msix_state = {
    .name = "msix",
    .version = 1,
    .minimum_version = 1,
    .fields = pci_msix_fields,
    .needed = pci_state_has_msix,
};

static const EmuVMField pci_state_fields[] = {
    EMU_VM_VBUFFER(EmuPciDevicePrivate, saved, config_size),
    EMU_VM_U8(EmuPciDevicePrivate, irq_level),
    EMU_VM_END,
};

static const EmuVMState *const pci_state_subsections[] = {&pci_msix_state, NULL};

static const EmuVMState pci_state = {
    .name = "pci-state",
    .version = 1,
    .minimum_version = 1,
    .fields = pci_state_fields,
    .subsections = pci_state_subsections,
    .pre_save = pci_state_pre_save,
    .post_load = pci_state_post_load,
};

static gpointer
pci_device_resolve_state(gpointer self)
{
    return priv(self);
}

/* Bytes that no load may change: they are what the device is, not what state it is in. */
static bool
pci_config_is_identity(EmuPciDevicePrivate *p, unsigned at)
{
    if (at < PCI_COMMAND || (at >= PCI_REVISION && at < PCI_CACHE_LINE_SIZE) || at == PCI_HEADER_TYPE) {
        return true;
    }
    if (at == PCI_CAPABILITY_LIST || at == PCI_INTERRUPT_PIN) {
        return true;
    }
    if (at >= PCI_HEADER_SIZE && at < 256) {
        /* Headers of capabilities. */
        for (unsigned cap = p->config[PCI_CAPABILITY_LIST], n = 0; cap >= PCI_HEADER_SIZE && n < 48; cap = p->config[cap + 1], n++) {
            if (at == cap || at == cap + 1) {
                return true;
            }
        }
    }
    return false;
}

static bool
pci_device_post_load(gpointer object, unsigned version G_GNUC_UNUSED, GError **error)
{
    EmuPciDevice *self = object;
    EmuPciDevicePrivate *p = priv(self);
    unsigned first_bar = PCI_BAR0, end_bar = EMU_PCI_DEVICE_GET_CLASS(self)->is_bridge ? PCI_PRIMARY_BUS : PCI_BAR0 + 24;
    unsigned rom = emu_pci_bar_offset(self, PCI_ROM_BAR);

    for (unsigned i = 0; i < p->config_size; i++) {
        if (pci_config_is_identity(p, i) && p->saved[i] != p->config[i]) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "configuration byte 0x%02x is 0x%02x, expected 0x%02x", i,
                        p->saved[i], p->config[i]);
            return false;
        }
    }
    for (unsigned i = 0; i < p->config_size; i++) {
        bool fixed = (i >= first_bar && i < end_bar) || (i >= rom && i < rom + 4) ||
                     (p->msi_cap && i >= p->msi_cap && i < p->msi_cap + 14u) ||
                     (p->pcie_cap && i >= p->pcie_cap && i < p->pcie_cap + PCIE_CAP_SIZE) || i >= 256 ||
                     (p->msix_cap && i >= p->msix_cap && i < p->msix_cap + 12u);
        uint8_t mask = fixed ? p->wmask[i] | p->w1cmask[i] : 0xff;

        p->config[i] = (uint8_t)((p->config[i] & ~mask) | (p->saved[i] & mask));
    }
    emu_pci_device_update_mappings(self);
    emu_pci_device_update_irq(self, false);
    if (EMU_PCI_DEVICE_GET_CLASS(self)->is_bridge) {
        emu_pci_bridge_renumbered(self);
    }
    return true;
}

static const EmuVMField pci_device_fields[] = {
    {.name = "state", .kind = EMU_VM_KIND_POINTER, .num = 1, .sub = &pci_state, .resolve = pci_device_resolve_state},
    EMU_VM_END,
};

const EmuVMState emu_vmstate_pci_device = {
    .name = "pci-device",
    .version = 1,
    .minimum_version = 1,
    .fields = pci_device_fields,
    .post_load = pci_device_post_load,
};
