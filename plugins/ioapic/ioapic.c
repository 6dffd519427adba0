/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Intel 82093AA I/O APIC (order number 290566-001) with the EOI register of later ones (version
 * 0x20). Each of 24 pins has a redirection table entry; a request becomes a write of message data
 * to the local APICs' window at 0xfee00000, as MSI does.
 *
 * Pins are logical: 1 asks for an interrupt. The polarity bits are kept and have no effect.
 */

#include "ioapic.h"

#include <emu/info.h>
#include <emu/log.h>
#include <emu/machine.h>
#include <emu/registers.h>

#define IOAPIC_REG_SELECT 0x00
#define IOAPIC_REG_WINDOW 0x10
#define IOAPIC_REG_EOI 0x40
#define IOAPIC_INDEX_ID 0x00
#define IOAPIC_INDEX_VERSION 0x01
#define IOAPIC_INDEX_ARBITRATION 0x02
#define IOAPIC_INDEX_TABLE 0x10
#define IOAPIC_ID_SHIFT 24
#define IOAPIC_ID_MASK 0x0f
#define IOAPIC_VERSION_WITH_EOI 0x20

#define IOAPIC_ENTRY_VECTOR UINT64_C(0xff)
#define IOAPIC_ENTRY_DELIVERY_MODE UINT64_C(0x700)
#define IOAPIC_DELIVERY_LOWEST UINT64_C(0x100)
#define IOAPIC_ENTRY_LOGICAL (UINT64_C(1) << 11)
#define IOAPIC_ENTRY_STATUS (UINT64_C(1) << 12)
#define IOAPIC_ENTRY_REMOTE_IRR (UINT64_C(1) << 14)
#define IOAPIC_ENTRY_LEVEL (UINT64_C(1) << 15)
#define IOAPIC_ENTRY_MASKED (UINT64_C(1) << 16)
#define IOAPIC_ENTRY_READ_ONLY (IOAPIC_ENTRY_STATUS | IOAPIC_ENTRY_REMOTE_IRR)
/* Bits 48..55 are reserved in the data sheet; VT-d's remappable format (5.1.5.1) has its flag and index there. */
#define IOAPIC_ENTRY_WRITABLE (UINT64_C(0xffff00000001ffff) & ~IOAPIC_ENTRY_READ_ONLY)
#define IOAPIC_ENTRY_DEST_SHIFT 48

#define IOAPIC_MSI_BASE 0xfee00000u
#define IOAPIC_MSI_DEST_SHIFT 4
#define IOAPIC_MSI_LOGICAL (1u << 2)
#define IOAPIC_MSI_ASSERT (1u << 14)
#define IOAPIC_MSI_LEVEL (1u << 15)

EMU_TRACE_DEFINE(ioapic_set_pin)
EMU_TRACE_DEFINE(ioapic_send)
EMU_TRACE_DEFINE(ioapic_eoi)

static IoapicClass *
ioapic_class(Ioapic *self)
{
    return (IoapicClass *)G_OBJECT_GET_CLASS(self);
}

static void
ioapic_fetch(Ioapic *self)
{
    if (ioapic_class(self)->fetch) {
        ioapic_class(self)->fetch(self);
    }
}

static void
ioapic_store(Ioapic *self)
{
    if (ioapic_class(self)->store) {
        ioapic_class(self)->store(self);
    }
}

/* Fixed and lowest priority can be level triggered; SMI, NMI, INIT and ExtINT are edges whatever their entry says (3.2.4, delivery mode). */
static bool
ioapic_entry_is_level(uint64_t entry)
{
    return (entry & IOAPIC_ENTRY_LEVEL) && (entry & IOAPIC_ENTRY_DELIVERY_MODE) <= IOAPIC_DELIVERY_LOWEST;
}

void
ioapic_get_message(const Ioapic *self, unsigned pin, uint64_t *address, uint32_t *data)
{
    uint64_t entry = self->table[pin];

    *address = IOAPIC_MSI_BASE | (uint32_t)(entry >> IOAPIC_ENTRY_DEST_SHIFT) << IOAPIC_MSI_DEST_SHIFT;
    *data = (entry & (IOAPIC_ENTRY_VECTOR | IOAPIC_ENTRY_DELIVERY_MODE)) | IOAPIC_MSI_ASSERT;
    if (entry & IOAPIC_ENTRY_LOGICAL) {
        *address |= IOAPIC_MSI_LOGICAL;
    }
    if (ioapic_entry_is_level(entry)) {
        *data |= IOAPIC_MSI_LEVEL;
    }
}

bool
ioapic_is_masked(const Ioapic *self, unsigned pin)
{
    return self->table[pin] & IOAPIC_ENTRY_MASKED;
}

static void
ioapic_send(Ioapic *self, unsigned pin)
{
    uint64_t address;
    uint32_t data;

    ioapic_get_message(self, pin, &address, &data);
    EMU_TRACE(ioapic_send, "pin %u address 0x%08x data 0x%04x", pin, (unsigned)address, data);
    emu_address_space_store(emu_x86_get_interrupt_as(emu_device_get_machine(EMU_DEVICE(self))), address, data, 4,
                            EMU_MEM_ATTRS_NONE, NULL);
}

/* Sends what pin @pin asks for, when its entry lets it. */
static void
ioapic_service_pin(Ioapic *self, unsigned pin)
{
    uint64_t *entry = &self->table[pin];

    if (ioapic_class(self)->set_pin) {
        return; /* its other half sends */
    }
    if (!(self->pending & (1u << pin)) || (*entry & IOAPIC_ENTRY_MASKED)) {
        return;
    }
    if (!ioapic_entry_is_level(*entry)) {
        self->pending &= ~(1u << pin);
        ioapic_send(self, pin);
    } else if (!(*entry & IOAPIC_ENTRY_REMOTE_IRR)) {
        *entry |= IOAPIC_ENTRY_REMOTE_IRR;
        ioapic_send(self, pin);
    }
}

static void
ioapic_set_pin(gpointer opaque, unsigned pin, int level)
{
    Ioapic *self = opaque;
    uint32_t bit = 1u << pin;
    bool rising = level && !(self->levels & bit);

    self->levels = level ? self->levels | bit : self->levels & ~bit;
    if (ioapic_class(self)->set_pin) {
        self->counts[pin] += rising;
        ioapic_class(self)->set_pin(self, pin, level);
        return;
    }
    if (ioapic_entry_is_level(self->table[pin])) {
        self->pending = level ? self->pending | bit : self->pending & ~bit;
    } else if (rising && !(self->table[pin] & IOAPIC_ENTRY_MASKED)) {
        /* An edge at a masked pin is lost (82093AA, section 3.2.4, interrupt mask). */
        self->pending |= bit;
    }
    if (rising) {
        self->counts[pin]++;
        EMU_TRACE(ioapic_set_pin, "pin %u entry 0x%016" G_GINT64_MODIFIER "x", pin, self->table[pin]);
    }
    ioapic_service_pin(self, pin);
}

static void
ioapic_eoi(EmuApicEoi *iface, uint8_t vector)
{
    Ioapic *self = (Ioapic *)iface;

    EMU_TRACE(ioapic_eoi, "vector 0x%02x", vector);
    for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++) {
        uint64_t *entry = &self->table[pin];

        if ((*entry & IOAPIC_ENTRY_REMOTE_IRR) && (*entry & IOAPIC_ENTRY_VECTOR) == vector) {
            *entry &= ~IOAPIC_ENTRY_REMOTE_IRR;
            ioapic_service_pin(self, pin);
        }
    }
}

/* ---- registers behind the index ---------------------------------------------------------------------- */

static uint64_t
ioapic_read_id(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return (uint32_t)((Ioapic *)opaque)->id << IOAPIC_ID_SHIFT;
}

static void
ioapic_write_id(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Ioapic *self = opaque;

    self->id = (value >> IOAPIC_ID_SHIFT) & IOAPIC_ID_MASK;
    ioapic_store(self);
}

static uint64_t
ioapic_read_version(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return ((Ioapic *)opaque)->version | (IOAPIC_N_PINS - 1) << 16;
}

static uint64_t
ioapic_peek_entry(gpointer opaque, unsigned pin)
{
    Ioapic *self = opaque;

    ioapic_fetch(self);
    return self->table[pin];
}

static void
ioapic_write_entry(gpointer opaque, unsigned pin, uint64_t value G_GNUC_UNUSED, uint64_t old)
{
    Ioapic *self = opaque;
    uint64_t *entry = &self->table[pin];

    if (!ioapic_entry_is_level(*entry)) {
        /* Remote IRR has a meaning for level-triggered entries only; going through edge clears it. */
        *entry &= ~IOAPIC_ENTRY_REMOTE_IRR;
        if (ioapic_entry_is_level(old) || (*entry & IOAPIC_ENTRY_MASKED)) {
            self->pending &= ~(1u << pin);
        }
    } else {
        self->pending = (self->pending & ~(1u << pin)) | (self->levels & (1u << pin));
    }
    ioapic_store(self);
    ioapic_service_pin(self, pin);
}

static const EmuRegister ioapic_registers[] = {
    EMU_REG_CALL("IOAPICID", 4 * IOAPIC_INDEX_ID, 4, EMU_RW, .read = ioapic_read_id, .write = ioapic_write_id, .fields = EMU_REG_FIELDS({"ID", 24, 4})),
    EMU_REG_CALL("IOAPICVER", 4 * IOAPIC_INDEX_VERSION, 4, EMU_RO, .read = ioapic_read_version,
                 .fields = EMU_REG_FIELDS({"VERSION", 0, 8}, {"LAST_ENTRY", 16, 8})),
    EMU_REG_CALL("IOAPICARB", 4 * IOAPIC_INDEX_ARBITRATION, 4, EMU_RO, .read = ioapic_read_id, .fields = EMU_REG_FIELDS({"ID", 24, 4})),
    EMU_REG_ARRAY(Ioapic, table, "IOREDTBL", 4 * IOAPIC_INDEX_TABLE, 8, 8, EMU_RW, IOAPIC_ENTRY_MASKED, .writable = IOAPIC_ENTRY_WRITABLE,
                  .write = ioapic_write_entry, .peek = ioapic_peek_entry, .blurb = "redirection table entry of a pin",
                  .fields = EMU_REG_FIELDS({"VECTOR", 0, 8}, {"DELIVERY_MODE", 8, 3}, {"LOGICAL", 11, 1}, {"DELIVERY_STATUS", 12, 1, EMU_RO},
                                           {"ACTIVE_LOW", 13, 1}, {"REMOTE_IRR", 14, 1, EMU_RO}, {"LEVEL", 15, 1}, {"MASKED", 16, 1},
                                           {"FORMAT", 48, 1, .blurb = "remappable"}, {"DESTINATION", 56, 8})),
};
/* Four bytes for each value of the index. */
EMU_REGISTER_BANK(ioapic_bank, "ioapic-index", 0x400, ioapic_registers, .blurb = "Reached through IOREGSEL and IOWIN; offset = 4 * index")

/* Guests are told to use 32-bit accesses; narrower ones reach their bytes. */
static uint64_t
ioapic_read(gpointer opaque, uint64_t offset, unsigned size)
{
    Ioapic *self = opaque;

    ioapic_fetch(self);
    if (offset == IOAPIC_REG_SELECT) {
        return self->select;
    }
    if ((offset & ~3u) != IOAPIC_REG_WINDOW) {
        return 0;
    }
    return emu_registers_read(EMU_DEVICE(self), &ioapic_bank, 4u * self->select + (offset & 3), size);
}

static void
ioapic_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Ioapic *self = opaque;

    ioapic_fetch(self);
    if (offset == IOAPIC_REG_SELECT) {
        self->select = value;
        ioapic_store(self);
    } else if (offset == IOAPIC_REG_EOI && self->version >= IOAPIC_VERSION_WITH_EOI) {
        ioapic_eoi(EMU_APIC_EOI(self), value);
    } else if ((offset & ~3u) == IOAPIC_REG_WINDOW) {
        emu_registers_write(EMU_DEVICE(self), &ioapic_bank, 4u * self->select + (offset & 3), value, size);
    }
}

static const EmuMemoryRegionOps ioapic_ops = {
    .read = ioapic_read,
    .write = ioapic_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

static bool
ioapic_realize(EmuDevice *dev, GError **error)
{
    Ioapic *self = (Ioapic *)dev;

    if (self->version != 0x11 && self->version != IOAPIC_VERSION_WITH_EOI) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "ioapic: version is 0x%x, expected 0x11 or 0x20",
                    self->version);
        return false;
    }
    emu_sysbus_add_mmio(&self->parent, emu_memory_region_new_io(self, "ioapic", 0x1000, &ioapic_ops, self));
    return true;
}

static void
ioapic_reset_enter(EmuDevice *dev)
{
    Ioapic *self = (Ioapic *)dev;

    self->id = 0;
    self->select = 0;
    self->pending = 0;
    ioapic_store(self);
}

static void
ioapic_pre_save(gpointer opaque)
{
    ioapic_fetch(opaque);
}

static bool
ioapic_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    ioapic_store(opaque);
    return true;
}

static const EmuVMField ioapic_vmstate_fields[] = {
    EMU_VM_U8(Ioapic, id),
    EMU_VM_U8(Ioapic, select),
    EMU_VM_U32(Ioapic, levels),
    EMU_VM_U32(Ioapic, pending),
    EMU_VM_U64_ARRAY(Ioapic, table),
    EMU_VM_END,
};

static const EmuVMState ioapic_vmstate = {
    .name = "ioapic",
    .version = 1,
    .minimum_version = 1,
    .fields = ioapic_vmstate_fields,
    .pre_save = ioapic_pre_save,
    .post_load = ioapic_post_load,
};

static const EmuProperty ioapic_properties[] = {
    EMU_PROP_UINT8("version", Ioapic, version, IOAPIC_VERSION_WITH_EOI, "0x11, or 0x20 with the EOI register"),
};

static void
ioapic_instance_init(gpointer obj)
{
    Ioapic *self = obj;

    emu_device_add_lines_in(EMU_DEVICE(self), NULL, IOAPIC_N_PINS, ioapic_set_pin);
    for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++) {
        self->table[pin] = IOAPIC_ENTRY_MASKED;
    }
}

static void
ioapic_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = ioapic_realize;
    device_class->reset_enter = ioapic_reset_enter;
    device_class->vmstate = &ioapic_vmstate;
    emu_device_class_add_registers(klass, &ioapic_bank, 0);
    device_class->category = "misc";
    device_class->model_name = "82093AA I/O APIC";
    device_class->user_creatable = false;
    emu_object_class_add_properties(klass, ioapic_properties, G_N_ELEMENTS(ioapic_properties));
}

static void
ioapic_apic_eoi_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    ((EmuApicEoiInterface *)iface)->eoi = ioapic_eoi;
}

static void
ioapic_append_pins(GString *out, const char *title, uint32_t pins)
{
    g_string_append_printf(out, "  %s", title);
    for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++) {
        if (pins & (1u << pin)) {
            g_string_append_printf(out, " %u", pin);
        }
    }
    g_string_append(out, pins ? "\n" : " (none)\n");
}

static char *
ioapic_describe_pins(Ioapic *self)
{
    static const char *const modes[8] = {"fixed", "lowest", "SMI", "...", "NMI", "INIT", "...", "extINT"};
    GString *out = g_string_new(NULL);
    uint32_t remote = 0;

    g_string_append_printf(out, "ioapic0: ver=0x%x id=0x%02x sel=0x%02x\n", self->version, self->id, self->select);
    for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++) {
        uint64_t entry = self->table[pin];

        g_string_append_printf(out, "  pin %-2u 0x%016" G_GINT64_MODIFIER "x dest=%x vec=%-3u active-%s %-5s %-6s %-6s %s\n", pin, entry,
                               (unsigned)(entry >> IOAPIC_ENTRY_DEST_SHIFT), (unsigned)(entry & IOAPIC_ENTRY_VECTOR),
                               entry & (UINT64_C(1) << 13) ? "lo" : "hi", entry & IOAPIC_ENTRY_LEVEL ? "level" : "edge",
                               entry & IOAPIC_ENTRY_MASKED ? "masked" : "", modes[(entry & IOAPIC_ENTRY_DELIVERY_MODE) >> 8],
                               entry & IOAPIC_ENTRY_LOGICAL ? "logical" : "physical");
        remote |= (entry & IOAPIC_ENTRY_REMOTE_IRR ? 1u : 0u) << pin;
    }
    ioapic_append_pins(out, "IRR", self->pending);
    ioapic_append_pins(out, "Remote IRR", remote);
    return g_string_free(out, FALSE);
}

static char *
ioapic_describe(EmuInfoProvider *provider, const char *topic)
{
    Ioapic *self = (Ioapic *)provider;
    GString *out;

    if (g_str_equal(topic, "pic")) {
        ioapic_fetch(self);
        return ioapic_describe_pins(self);
    }
    if (!g_str_equal(topic, "irq")) {
        return NULL;
    }
    out = g_string_new("IRQ statistics for ioapic:\n");
    for (unsigned pin = 0; pin < IOAPIC_N_PINS; pin++) {
        if (self->counts[pin]) {
            g_string_append_printf(out, "%2u: %" G_GUINT64_FORMAT "\n", pin, self->counts[pin]);
        }
    }
    return g_string_free(out, FALSE);
}

static void
ioapic_info_provider_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    ((EmuInfoProviderInterface *)iface)->describe = ioapic_describe;
}

static const EmuInterfaceImpl ioapic_interfaces[] = {
    {"apic-eoi", ioapic_apic_eoi_init},
    {"info-provider", ioapic_info_provider_init},
    {NULL, NULL},
};

const EmuTypeInfo ioapic_type_info = {
    .name = "ioapic",
    .parent = "sysbus-device",
    .instance_size = sizeof(Ioapic),
    .class_size = sizeof(IoapicClass),
    .instance_init = ioapic_instance_init,
    .class_init = ioapic_class_init,
    .interfaces = ioapic_interfaces,
    .description = "82093AA I/O APIC",
};
