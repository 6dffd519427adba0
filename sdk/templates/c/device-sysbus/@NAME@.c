/* SPDX-License-Identifier: @LICENSE@ */

/*
 * @TYPE@: four registers of 32 bits at the physical address "base", and an output "irq" that a board connects.
 *
 *   0x00 ID        read-only      0x0badcafe
 *   0x04 VALUE     read-write
 *   0x08 DOORBELL  write-only     any write starts a job; "delay-ns" later VALUE is inverted and DONE is set
 *   0x0c STATUS    bit 0 DONE     write 1 to clear; the interrupt request follows it
 *
 * Replace the registers and @FUNC@_done() by what your device has.
 */

#include <emu/device.h>
#include <emu/plugin.h>
#include <emu/registers.h>

#define @UPPER@_ID 0x0badcafe
#define @UPPER@_STATUS_DONE 1u

typedef struct {
    EmuSysbusDevice parent_instance;

    uint64_t base, delay_ns; /* properties */

    uint32_t value, status; /* registers */
    EmuLine *line;
    EmuTimer *timer;
} @CLASS@;

static void
@FUNC@_update_irq(gpointer opaque)
{
    @CLASS@ *self = opaque;

    emu_line_set(self->line, !!(self->status & @UPPER@_STATUS_DONE));
}

static void
@FUNC@_done(gpointer opaque)
{
    @CLASS@ *self = opaque;

    self->value = ~self->value;
    self->status |= @UPPER@_STATUS_DONE;
    @FUNC@_update_irq(self);
}

static void
@FUNC@_write_doorbell(gpointer opaque, unsigned index, uint64_t value, uint64_t old)
{
    @CLASS@ *self = opaque;
    EmuClock *clock = emu_device_get_clock((EmuDevice *)self, EMU_CLOCK_VIRTUAL);

    emu_timer_set(self->timer, emu_clock_get_ns(clock) + (int64_t)self->delay_ns);
}

/* The register file, once: accesses, reset, saved state, traces and what emu-inspect shows come from it. */
static const EmuRegister @FUNC@_registers[] = {
    EMU_REG_CONST("ID", 0x00, 4, @UPPER@_ID),
    EMU_REG32(@CLASS@, value, "VALUE", 0x04, EMU_RW, 0, .blurb = "what the job inverts"),
    EMU_REG_CALL("DOORBELL", 0x08, 4, EMU_WO, .write = @FUNC@_write_doorbell, .blurb = "starts the job"),
    EMU_REG32(@CLASS@, status, "STATUS", 0x0c, EMU_W1C, 0, .fields = EMU_REG_FIELDS({"DONE", 0, 1, .blurb = "the job has ended"})),
};

/* State that is no register. */
static const EmuVMField @FUNC@_more_state[] = {
    EMU_VM_TIMER(@CLASS@, timer),
    EMU_VM_END,
};

EMU_REGISTER_BANK(@FUNC@_bank, "@TYPE@", 4096, @FUNC@_registers, .valid_min = 4, .valid_max = 4, .changed = @FUNC@_update_irq,
                  .state = @FUNC@_more_state)

static bool
@FUNC@_realize(EmuDevice *dev, GError **error)
{
    @CLASS@ *self = (@CLASS@ *)dev;

    emu_device_add_lines_out(dev, "irq", 1, &self->line);
    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), @FUNC@_done, self);
    emu_sysbus_add_mmio((EmuSysbusDevice *)dev, emu_registers_new_region(self, &@FUNC@_bank, self));
    emu_sysbus_map((EmuSysbusDevice *)dev, 0, self->base, 0);
    return true;
}

static void
@FUNC@_unrealize(EmuDevice *dev)
{
    g_clear_pointer(&((@CLASS@ *)dev)->timer, emu_timer_free);
}

static void
@FUNC@_reset_enter(EmuDevice *dev)
{
    emu_timer_cancel(((@CLASS@ *)dev)->timer);
}

static const EmuProperty @FUNC@_properties[] = {
    EMU_PROP_UINT64("base", @CLASS@, base, 0xfe000000, "physical address of the registers"),
    EMU_PROP_UINT64("delay-ns", @CLASS@, delay_ns, 1000, "time from the doorbell to the interrupt"),
};

static void
@FUNC@_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device = klass;

    device->realize = @FUNC@_realize;
    device->unrealize = @FUNC@_unrealize;
    device->reset_enter = @FUNC@_reset_enter;
    device->category = "misc";
    device->user_creatable = true;
    emu_object_class_add_properties(klass, @FUNC@_properties, G_N_ELEMENTS(@FUNC@_properties));
    emu_device_class_add_registers(klass, &@FUNC@_bank, 0);
}

EMU_DEFINE_TYPE(@CLASS@, @FUNC@, "@TYPE@", "sysbus-device", "@NAME@: a device on the system bus")
EMU_PLUGIN(.name = "@NAME@", .version = "0.1.0", .license = "@LICENSE@", .description = "@NAME@: a device on the system bus",
           .provides = "@TYPE@:sysbus-device");
