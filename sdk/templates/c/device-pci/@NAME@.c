/* SPDX-License-Identifier: @LICENSE@ */

/*
 * @TYPE@: a PCI function with four registers of 32 bits in BAR 0.
 *
 *   0x00 ID        read-only      0x0badcafe
 *   0x04 VALUE     read-write
 *   0x08 DOORBELL  write-only     any write starts a job; "delay-ns" later VALUE is inverted and DONE is set
 *   0x0c STATUS    bit 0 DONE     write 1 to clear; the interrupt request follows it
 *
 * Replace the registers and @FUNC@_done() by what your device has.
 */

#include <emu/log.h>
#include <emu/pci.h>
#include <emu/plugin.h>

#define @UPPER@_ID 0x0badcafe
#define @UPPER@_STATUS_DONE 1u

enum { @UPPER@_REG_ID = 0x00, @UPPER@_REG_VALUE = 0x04, @UPPER@_REG_DOORBELL = 0x08, @UPPER@_REG_STATUS = 0x0c };

typedef struct {
    EmuPciDevice parent_instance;

    uint64_t delay_ns; /* property */

    EmuTimer *timer;
    uint32_t value, status;
} @CLASS@;

static void
@FUNC@_update_irq(@CLASS@ *self)
{
    emu_pci_device_set_irq((EmuPciDevice *)self, !!(self->status & @UPPER@_STATUS_DONE));
}

static void
@FUNC@_done(gpointer opaque)
{
    @CLASS@ *self = opaque;

    self->value = ~self->value;
    self->status |= @UPPER@_STATUS_DONE;
    @FUNC@_update_irq(self);
}

static uint64_t
@FUNC@_read(gpointer opaque, uint64_t offset, unsigned size)
{
    @CLASS@ *self = opaque;

    switch (offset) {
    case @UPPER@_REG_ID:
        return @UPPER@_ID;
    case @UPPER@_REG_VALUE:
        return self->value;
    case @UPPER@_REG_STATUS:
        return self->status;
    default:
        emu_guest_error("@TYPE@: read of register 0x%x", (unsigned)offset);
        return 0;
    }
}

static void
@FUNC@_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    @CLASS@ *self = opaque;

    switch (offset) {
    case @UPPER@_REG_VALUE:
        self->value = (uint32_t)value;
        break;
    case @UPPER@_REG_DOORBELL:
        emu_timer_set(self->timer, emu_clock_get_ns(emu_device_get_clock((EmuDevice *)self, EMU_CLOCK_VIRTUAL)) +
                                       (int64_t)self->delay_ns);
        break;
    case @UPPER@_REG_STATUS:
        self->status &= ~(uint32_t)value;
        @FUNC@_update_irq(self);
        break;
    default:
        emu_guest_error("@TYPE@: write of 0x%x to register 0x%x", (unsigned)value, (unsigned)offset);
    }
}

static const EmuMemoryRegionOps @FUNC@_ops = {
    .read = @FUNC@_read, .write = @FUNC@_write, .valid_min = 4, .valid_max = 4, .impl_min = 4, .impl_max = 4,
};

static bool
@FUNC@_realize(EmuPciDevice *pci, GError **error)
{
    @CLASS@ *self = (@CLASS@ *)pci;
    EmuMemoryRegion *bar = emu_memory_region_new_io(self, "@TYPE@", 4096, &@FUNC@_ops, self);

    self->timer = emu_timer_new(emu_device_get_clock((EmuDevice *)self, EMU_CLOCK_VIRTUAL), @FUNC@_done, self);
    emu_pci_device_get_config(pci)[0x3d] = 1; /* interrupt pin INTA# */
    emu_pci_device_register_bar(pci, 0, EMU_PCI_BAR_MEM, bar);
    return true;
}

static void
@FUNC@_unrealize(EmuPciDevice *pci)
{
    g_clear_pointer(&((@CLASS@ *)pci)->timer, emu_timer_free);
}

static void
@FUNC@_reset_enter(EmuDevice *dev)
{
    @CLASS@ *self = (@CLASS@ *)dev;

    emu_timer_cancel(self->timer);
    self->value = self->status = 0;
}

static const EmuProperty @FUNC@_properties[] = {
    EMU_PROP_UINT64("delay-ns", @CLASS@, delay_ns, 1000, "time from the doorbell to the interrupt"),
};

static const EmuVMField @FUNC@_fields[] = {
    EMU_VM_PCI_DEVICE(@CLASS@, parent_instance),
    EMU_VM_TIMER(@CLASS@, timer),
    EMU_VM_U32(@CLASS@, value),
    EMU_VM_U32(@CLASS@, status),
    EMU_VM_END,
};
static const EmuVMState @FUNC@_vmstate = {.name = "@TYPE@", .version = 1, .minimum_version = 1, .fields = @FUNC@_fields};

static void
@FUNC@_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *device = klass;
    EmuPciDeviceClass *pci = klass;

    pci->realize = @FUNC@_realize;
    pci->unrealize = @FUNC@_unrealize;
    pci->vendor_id = 0x1234; /* not assigned to anybody: fine for experiments */
    pci->device_id = 0x5eed;
    pci->class_id = 0x00ff;
    device->reset_enter = @FUNC@_reset_enter;
    device->vmstate = &@FUNC@_vmstate;
    device->category = "misc";
    device->user_creatable = true;
    device->hotpluggable = true;
    emu_object_class_add_properties(klass, @FUNC@_properties, G_N_ELEMENTS(@FUNC@_properties));
}

static const EmuTypeInfo @FUNC@_info = {
    .name = "@TYPE@",
    .parent = "pci-device",
    .instance_size = sizeof(@CLASS@),
    .class_init = @FUNC@_class_init,
    .description = "@NAME@: a PCI device",
};

EMU_PLUGIN(.name = "@NAME@", .version = "0.1.0", .license = "@LICENSE@", .description = "@NAME@: a PCI device",
           .provides = "@TYPE@:pci-device");

static void
@FUNC@_register(void)
{
    emu_type_register_static(&@FUNC@_info);
}
type_init(@FUNC@_register)
