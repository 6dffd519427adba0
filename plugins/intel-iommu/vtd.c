/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * "intel-iommu": Intel VT-d remapping unit of a PC Express root complex (VT-d specification, revision 3.3), at 0xfed90000 as the
 * MCH has it. Legacy mode: requests without PASID, second-level tables of three or four levels with large pages; register-based and
 * queued invalidation; interrupt remapping with extended interrupt mode.
 */

#include "vtd.h"

#include <emu/log.h>
#include <emu/registers.h>
#include <emu/x86-pc.h>

#include <string.h>

#define VTD_BASE 0xfed90000
#define VTD_SIZE 0x1000
#define VTD_FRCD_OFFSET 0x220
#define VTD_IVA_OFFSET 0xf0

EMU_TRACE_DEFINE(vtd_command)

/* ---- registers ----------------------------------------------------------------------------------------------- */

static uint64_t
vtd_read_cap(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    Vtd *self = opaque;

    return VTD_CAP_ND_16BIT | (self->caching_mode ? VTD_CAP_CM : 0) | VTD_CAP_SAGAW_39BIT | (self->aw_bits >= 48 ? VTD_CAP_SAGAW_48BIT : 0) |
           VTD_CAP_MGAW(self->aw_bits) | VTD_CAP_ZLR | VTD_CAP_FRO(VTD_FRCD_OFFSET) | VTD_CAP_SLLPS_2M | VTD_CAP_SLLPS_1G | VTD_CAP_PSI |
           VTD_CAP_NFR(VTD_N_FAULT_RECORDS) | VTD_CAP_MAMV(VTD_MAX_AM) | VTD_CAP_DWD | VTD_CAP_DRD;
}

static uint64_t
vtd_read_ecap(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    Vtd *self = opaque;
    uint64_t value = VTD_ECAP_C | VTD_ECAP_QI | VTD_ECAP_SC | VTD_ECAP_IRO(VTD_IVA_OFFSET);

    if (self->intremap == EMU_ON_OFF_AUTO_ON) {
        value |= VTD_ECAP_IR | VTD_ECAP_MHMV(15) | (self->eim == EMU_ON_OFF_AUTO_ON ? VTD_ECAP_EIM : 0);
    }
    return value | (self->device_iotlb ? VTD_ECAP_DT : 0) | (self->pt ? VTD_ECAP_PT : 0);
}

/* 11.4.4.1: commands whose bit differs from the status; latching tables is one whenever it is there. */
static void
vtd_write_command(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Vtd *self = opaque;
    bool intremap = self->intremap == EMU_ON_OFF_AUTO_ON;
    uint32_t switches = VTD_GCMD_TE | VTD_GCMD_QIE | (intremap ? VTD_GCMD_IRE | VTD_GCMD_CFI : 0), status;

    EMU_TRACE(vtd_command, "0x%08x status 0x%08x", (unsigned)value, self->status);
    g_mutex_lock(&self->lock);
    status = (self->status & ~switches) | (value & switches);
    if (value & VTD_GCMD_SRTP) {
        self->root_latched = self->root;
        status |= VTD_GCMD_SRTP;
    }
    if (intremap && value & VTD_GCMD_SIRTP) {
        self->irta_latched = self->eim == EMU_ON_OFF_AUTO_ON ? self->irta : self->irta & ~VTD_IRTA_EIME;
        status |= VTD_GCMD_SIRTP;
    }
    if ((status ^ self->status) & VTD_GCMD_QIE && status & VTD_GCMD_QIE) {
        self->iq_head = 0;
    }
    if ((value & VTD_GCMD_SRTP) || ((status ^ self->status) & VTD_GCMD_TE)) {
        vtd_flush(self);
    }
    __atomic_store_n(&self->status, status, __ATOMIC_RELEASE);
    g_mutex_unlock(&self->lock);
    vtd_run_queue(self);
}

static void
vtd_write_context_command(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    vtd_invalidate_contexts(opaque);
}

static void
vtd_write_iotlb(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    vtd_invalidate_iotlb(opaque);
}

static void
vtd_write_fault_status(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old)
{
    Vtd *self = opaque;

    g_mutex_lock(&self->lock);
    vtd_update_fault_status(self);
    g_mutex_unlock(&self->lock);
    if (value & old & VTD_FSTS_IQE) {
        vtd_run_queue(self);
    }
}

static void
vtd_write_fault_control(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    Vtd *self = opaque;
    VtdMessage message = {0};

    g_mutex_lock(&self->lock);
    vtd_unmask_fault_event(self, &message);
    g_mutex_unlock(&self->lock);
    vtd_send(self, &message);
}

/* Low words are what hardware wrote; of the high ones, a one takes F away. */
static void
vtd_write_record(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    Vtd *self = opaque;

    g_mutex_lock(&self->lock);
    vtd_update_fault_status(self);
    g_mutex_unlock(&self->lock);
}

static void
vtd_write_tail(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    vtd_run_queue(opaque);
}

static void
vtd_write_completion_status(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    Vtd *self = opaque;

    if (!(self->iq_status & VTD_ICS_IWC)) {
        self->iq_control &= ~VTD_EVENT_IP;
    }
}

static void
vtd_write_completion_control(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, uint64_t old G_GNUC_UNUSED)
{
    vtd_unmask_completion_event(opaque);
}

#define VTD_RECORD_HIGH(n)                                                                         \
    EMU_REG64(Vtd, records[2 * (n) + 1], "FRCD" #n "_H", VTD_FRCD_OFFSET + 16 * (n) + 8, EMU_W1C, 0, .writable = VTD_FRCD_F, .write = vtd_write_record, \
              .fields = EMU_REG_FIELDS({"SID", 0, 16, EMU_RO}, {"FR", 32, 8, EMU_RO, "why"}, {"T", 62, 1, EMU_RO, "a read"}, {"F", 63, 1, EMU_W1C}))
#define VTD_RECORD_LOW(n)                                                                          \
    EMU_REG64(Vtd, records[2 * (n)], "FRCD" #n "_L", VTD_FRCD_OFFSET + 16 * (n), EMU_RO, 0, .blurb = "address, or index of an interrupt")

static const EmuRegister vtd_registers[] = {
    EMU_REG_CONST("VER", 0x00, 4, 0x10, .blurb = "architecture version 1.0"),
    EMU_REG_CALL("CAP", 0x08, 8, EMU_RO, .read = vtd_read_cap, .blurb = "capabilities"),
    EMU_REG_CALL("ECAP", 0x10, 8, EMU_RO, .read = vtd_read_ecap, .blurb = "extended capabilities"),
    EMU_REG_CALL("GCMD", 0x18, 4, EMU_WO, .write = vtd_write_command, .blurb = "global command"),
    EMU_REG32(Vtd, status, "GSTS", 0x1c, EMU_RO, 0, .blurb = "global status",
              .fields = EMU_REG_FIELDS({"CFIS", 23, 1}, {"IRTPS", 24, 1}, {"IRES", 25, 1, .blurb = "interrupt remapping is on"}, {"QIES", 26, 1},
                                       {"RTPS", 30, 1}, {"TES", 31, 1, .blurb = "translation is on"})),
    EMU_REG64(Vtd, root, "RTADDR", 0x20, EMU_RW, 0, .writable = ~UINT64_C(0x3ff), .blurb = "root table"),
    EMU_REG64(Vtd, context_command, "CCMD", 0x28, EMU_RW, 0, .writable = ~(UINT64_C(0x7) << 58), .write = vtd_write_context_command,
              .blurb = "context command: invalidation of contexts"),
    EMU_REG32(Vtd, fault_status, "FSTS", 0x34, EMU_W1C, 0, .writable = VTD_FSTS_W1C, .write = vtd_write_fault_status, .blurb = "fault status",
              .fields = EMU_REG_FIELDS({"PFO", 0, 1}, {"PPF", 1, 1, EMU_RO}, {"IQE", 4, 1}, {"FRI", 8, 8, EMU_RO})),
    EMU_REG32(Vtd, fault_control, "FECTL", 0x38, EMU_RW, VTD_EVENT_IM, .writable = VTD_EVENT_IM, .write = vtd_write_fault_control,
              .fields = EMU_REG_FIELDS({"IP", 30, 1, EMU_RO}, {"IM", 31, 1})),
    EMU_REG32(Vtd, fault_data, "FEDATA", 0x3c, EMU_RW, 0, .blurb = "message of a fault event"),
    EMU_REG32(Vtd, fault_address, "FEADDR", 0x40, EMU_RW, 0, .writable = 0xfffffffc),
    EMU_REG32(Vtd, fault_address_high, "FEUADDR", 0x44, EMU_RW, 0),
    EMU_REG64(Vtd, iq_head, "IQH", 0x80, EMU_RO, 0, .blurb = "invalidation queue: what comes next"),
    EMU_REG64(Vtd, iq_tail, "IQT", 0x88, EMU_RW, 0, .writable = 0x7fff0, .write = vtd_write_tail, .blurb = "invalidation queue: its end"),
    EMU_REG64(Vtd, iq_address, "IQA", 0x90, EMU_RW, 0, .writable = ~UINT64_C(0xff8), .blurb = "invalidation queue: base and size"),
    EMU_REG32(Vtd, iq_status, "ICS", 0x9c, EMU_W1C, 0, .writable = VTD_ICS_IWC, .write = vtd_write_completion_status,
              .fields = EMU_REG_FIELDS({"IWC", 0, 1, .blurb = "a wait descriptor that asked for an event is done"})),
    EMU_REG32(Vtd, iq_control, "IECTL", 0xa0, EMU_RW, VTD_EVENT_IM, .writable = VTD_EVENT_IM, .write = vtd_write_completion_control,
              .fields = EMU_REG_FIELDS({"IP", 30, 1, EMU_RO}, {"IM", 31, 1})),
    EMU_REG32(Vtd, iq_data, "IEDATA", 0xa4, EMU_RW, 0, .blurb = "message of a completion event"),
    EMU_REG32(Vtd, iq_event_address, "IEADDR", 0xa8, EMU_RW, 0, .writable = 0xfffffffc),
    EMU_REG32(Vtd, iq_event_address_high, "IEUADDR", 0xac, EMU_RW, 0),
    EMU_REG64(Vtd, irta, "IRTA", 0xb8, EMU_RW, 0, .writable = ~UINT64_C(0x7f0), .blurb = "interrupt remapping table"),
    EMU_REG64(Vtd, iva, "IVA", VTD_IVA_OFFSET, EMU_RW, 0, .blurb = "invalidate address"),
    EMU_REG64(Vtd, iotlb, "IOTLB", VTD_IVA_OFFSET + 8, EMU_RW, 0, .writable = ~(UINT64_C(0x7) << 57),
              .write = vtd_write_iotlb, .blurb = "IOTLB invalidate"),
    VTD_RECORD_LOW(0), VTD_RECORD_HIGH(0), VTD_RECORD_LOW(1), VTD_RECORD_HIGH(1), VTD_RECORD_LOW(2), VTD_RECORD_HIGH(2),
    VTD_RECORD_LOW(3), VTD_RECORD_HIGH(3), VTD_RECORD_LOW(4), VTD_RECORD_HIGH(4), VTD_RECORD_LOW(5), VTD_RECORD_HIGH(5),
    VTD_RECORD_LOW(6), VTD_RECORD_HIGH(6), VTD_RECORD_LOW(7), VTD_RECORD_HIGH(7),
};

static const EmuVMField vtd_more_state[] = {
    EMU_VM_U64(Vtd, root_latched),
    EMU_VM_U64(Vtd, irta_latched),
    EMU_VM_U32(Vtd, next_record),
    EMU_VM_END,
};

static bool
vtd_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error)
{
    Vtd *self = opaque;

    if (self->next_record >= VTD_N_FAULT_RECORDS) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "intel-iommu: next_record is %u, expected 0 to %u", self->next_record,
                    VTD_N_FAULT_RECORDS - 1);
        return false;
    }
    g_mutex_lock(&self->lock);
    vtd_flush(self);
    g_mutex_unlock(&self->lock);
    return true;
}

EMU_REGISTER_BANK(vtd_bank, "intel-iommu", VTD_SIZE, vtd_registers, .valid_min = 4, .valid_max = 8, .state = vtd_more_state, .post_load = vtd_post_load)

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static bool
vtd_is_kernel_ioapic(EmuObject *object, gpointer data)
{
    return emu_object_is_a(object, "kvm-ioapic") || emu_object_foreach_child(object, vtd_is_kernel_ioapic, data);
}

static bool
vtd_settle_options(Vtd *self, GError **error)
{
    /* The kernel's I/O APIC sends its messages past us. */
    bool possible = !emu_object_foreach_child(self->machine, vtd_is_kernel_ioapic, NULL);

    if (self->aw_bits != 39 && self->aw_bits != 48) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "intel-iommu: aw-bits is %u, expected 39 or 48", self->aw_bits);
        return false;
    }
    if (self->intremap == EMU_ON_OFF_AUTO_ON && !possible) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                            "intel-iommu: intremap=on is not possible with the kernel's I/O APIC, expected -machine kernel-irqchip=split or off");
        return false;
    }
    if (self->intremap == EMU_ON_OFF_AUTO_AUTO) {
        self->intremap = possible ? EMU_ON_OFF_AUTO_ON : EMU_ON_OFF_AUTO_OFF;
    }
    if (self->eim == EMU_ON_OFF_AUTO_ON && self->intremap != EMU_ON_OFF_AUTO_ON) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "intel-iommu: eim=on needs intremap=on");
        return false;
    }
    if (self->eim == EMU_ON_OFF_AUTO_AUTO) {
        self->eim = EMU_ON_OFF_AUTO_OFF;
    }
    return true;
}

static bool
vtd_realize(EmuDevice *dev, GError **error)
{
    Vtd *self = (Vtd *)dev;
    EmuMemoryRegion *root;

    self->machine = emu_device_get_machine(dev);
    self->bus = emu_pci_find_root(self->machine);
    if (!self->bus || !emu_pci_bus_is_express(self->bus)) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                            "intel-iommu: the machine has no PCI Express root bus, expected one such as -machine q35");
        return false;
    }
    if (emu_pci_bus_get_iommu(self->bus)) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "intel-iommu: the root bus has a remapping unit already");
        return false;
    }
    if (!vtd_settle_options(self, error)) {
        return false;
    }
    g_mutex_init(&self->lock);
    self->memory = emu_machine_get_memory_as(self->machine);
    root = emu_memory_region_new_container(self, "intel-iommu-interrupts", UINT64_MAX);
    self->messages = emu_memory_region_new_io(self, "intel-iommu-messages", VTD_MSI_SIZE, &vtd_message_ops, self);
    emu_memory_region_add_subregion(root, VTD_MSI_BASE, self->messages, 0);
    self->interrupts = emu_address_space_new(root, "interrupt-messages");
    self->dma = emu_memory_region_new_iommu(self, "intel-iommu-dma", UINT64_MAX, &vtd_iommu_ops, self);
    emu_sysbus_add_mmio(&self->parent, emu_registers_new_region(self, &vtd_bank, self));
    emu_sysbus_map(&self->parent, 0, VTD_BASE, 1);
    emu_pci_bus_set_iommu(self->bus, self->dma);
    if (self->intremap == EMU_ON_OFF_AUTO_ON) {
        emu_x86_set_interrupt_as(self->machine, self->interrupts);
    }
    return true;
}

static void
vtd_unrealize(EmuDevice *dev)
{
    Vtd *self = (Vtd *)dev;

    emu_pci_bus_set_iommu(self->bus, NULL);
    emu_x86_set_interrupt_as(self->machine, NULL);
    g_clear_pointer(&self->interrupts, emu_address_space_free);
    g_mutex_clear(&self->lock);
}

static void
vtd_reset_enter(EmuDevice *dev)
{
    Vtd *self = (Vtd *)dev;

    g_mutex_lock(&self->lock);
    self->root_latched = self->irta_latched = 0;
    self->next_record = 0;
    __atomic_store_n(&self->status, 0, __ATOMIC_RELEASE);
    vtd_flush(self);
    g_mutex_unlock(&self->lock);
}

static const EmuProperty vtd_properties[] = {
    EMU_PROP_ONOFFAUTO("intremap", Vtd, intremap, EMU_ON_OFF_AUTO_AUTO, "interrupt remapping"),
    EMU_PROP_ONOFFAUTO("eim", Vtd, eim, EMU_ON_OFF_AUTO_AUTO, "extended interrupt mode: destinations of 32 bits"),
    EMU_PROP_BOOL("caching-mode", Vtd, caching_mode, false, "drivers invalidate entries that become present, too"),
    EMU_PROP_BOOL("device-iotlb", Vtd, device_iotlb, false, "devices may have caches of their own; none has"),
    EMU_PROP_BOOL("pt", Vtd, pt, true, "contexts can let requests pass untranslated"),
    EMU_PROP_UINT8("aw-bits", Vtd, aw_bits, 39, "width of addresses that devices use: 39 or 48"),
};

static void
vtd_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = vtd_realize;
    device_class->unrealize = vtd_unrealize;
    device_class->reset_enter = vtd_reset_enter;
    device_class->category = "misc";
    device_class->model_name = "Intel VT-d remapping unit";
    device_class->user_creatable = true;
    device_class->hotpluggable = false;
    emu_device_class_add_registers(klass, &vtd_bank, 0);
    emu_object_class_add_properties(klass, vtd_properties, G_N_ELEMENTS(vtd_properties));
}

const EmuTypeInfo vtd_type_info = {
    .name = "intel-iommu",
    .parent = "sysbus-device",
    .instance_size = sizeof(Vtd),
    .class_init = vtd_class_init,
    .description = "Intel VT-d remapping unit",
};
