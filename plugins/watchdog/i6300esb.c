/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Watchdog of Intel's 6300ESB I/O controller hub (order number 300641, chapter 16).
 *
 * Two counters run one after the other: the first gives a warning, the second resets. In free-running mode the second is not
 * used. Writes to the preload and reload registers count only right after the sequence 0x80, 0x86 to the reload register.
 *
 *   configuration 0x60 WDT configuration: bits 1:0 interrupt type, 2 prescaler, 5 output disabled; 0x68 lock: 0 locked, 1 enabled, 2 free-running
 *   BAR 0         0x0 preload 1, 0x4 preload 2 (20 bits each), 0x8 interrupt status, 0xc reload: 8 reload, 9 time-out
 */

#include "watchdog.h"

#include <emu/log.h>
#include <emu/machine.h>
#include <emu/pci.h>
#include <emu/registers.h>

#include <string.h>

#define ESB_CONFIG 0x60
#define ESB_CONFIG_INT_TYPE 0x03
#define ESB_CONFIG_PRESCALE_FAST 0x04 /* 1 MHz, else 1 kHz */
#define ESB_CONFIG_OUTPUT_DISABLED 0x20
#define ESB_LOCK 0x68
#define ESB_LOCK_LOCKED 0x01
#define ESB_LOCK_ENABLED 0x02
#define ESB_LOCK_FREE_RUN 0x04

#define ESB_RELOAD_PING 0x0100
#define ESB_RELOAD_TIMEOUT 0x0200
/* Linux' driver looks for the time-out in bit 12. */
#define ESB_RELOAD_TIMEOUT_LINUX 0x1000

#define ESB_PRELOAD_MASK 0xfffff
#define ESB_CLOCK_HZ 33000000 /* PCI's */

typedef struct {
    EmuPciDevice parent;

    EmuTimer *timer;

    uint8_t unlock; /* how much of the sequence was seen: 0, 1, 2 */
    uint8_t stage;  /* 1, 2 */
    bool timed_out; /* survives the reset */
    bool interrupt;
    uint32_t preload[2];
} I6300Esb;

EMU_TRACE_DEFINE(i6300esb_stage)

static uint8_t *
esb_config(I6300Esb *self)
{
    return emu_pci_device_get_config((EmuPciDevice *)self);
}

/* Starts the counter of the current stage, or stops it when the watchdog is off. */
static void
esb_restart(I6300Esb *self, uint8_t stage)
{
    const uint8_t *config = esb_config(self);
    unsigned shift = config[ESB_CONFIG] & ESB_CONFIG_PRESCALE_FAST ? 5 : 15;
    uint64_t ticks;

    self->stage = stage;
    if (!(config[ESB_LOCK] & ESB_LOCK_ENABLED)) {
        emu_timer_cancel(self->timer);
        return;
    }
    ticks = (uint64_t)MAX(self->preload[stage - 1], 1) << shift;
    EMU_TRACE(i6300esb_stage, "%u for %" G_GUINT64_FORMAT " ticks", stage, ticks);
    emu_timer_set(self->timer, emu_clock_get_ns(emu_device_get_clock((EmuDevice *)self, EMU_CLOCK_VIRTUAL)) +
                                   emu_muldiv64(ticks, EMU_NS_PER_SEC, ESB_CLOCK_HZ));
}

static void
esb_expired_cb(gpointer opaque)
{
    I6300Esb *self = opaque;
    const uint8_t *config = esb_config(self);

    if (self->stage == 1) {
        self->interrupt = true;
        /* The warning: its interrupt and SMI go to pins that this board does not wire. */
        esb_restart(self, config[ESB_LOCK] & ESB_LOCK_FREE_RUN ? 1 : 2);
        return;
    }
    emu_timer_cancel(self->timer);
    if (!(config[ESB_CONFIG] & ESB_CONFIG_OUTPUT_DISABLED)) {
        self->timed_out = true;
        emu_machine_request_watchdog(emu_device_get_machine((EmuDevice *)self));
    }
}

/* ---- registers ----------------------------------------------------------------------------------- */

static uint64_t
esb_read_reload(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return ((I6300Esb *)opaque)->timed_out ? ESB_RELOAD_TIMEOUT | ESB_RELOAD_TIMEOUT_LINUX : 0;
}

static void
esb_write_reload(gpointer opaque, unsigned index G_GNUC_UNUSED, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    I6300Esb *self = opaque;

    if (value == 0x80) {
        self->unlock = 1; /* the sequence can begin again at any time: alone the value means nothing else */
        return;
    }
    if (self->unlock < 2) {
        self->unlock = value == 0x86 && self->unlock == 1 ? 2 : 0;
        return;
    }
    if (value & ESB_RELOAD_PING) {
        esb_restart(self, 1);
    }
    if (value & (ESB_RELOAD_TIMEOUT | ESB_RELOAD_TIMEOUT_LINUX)) {
        self->timed_out = false;
    }
    self->unlock = 0;
}

static void
esb_write_preload(gpointer opaque, unsigned index, uint64_t value G_GNUC_UNUSED, uint64_t old)
{
    I6300Esb *self = opaque;

    if (self->unlock == 2) {
        self->unlock = 0;
    } else {
        self->preload[index] = (uint32_t)old;
        emu_guest_error("i6300esb: preload register written while locked");
    }
}

static const EmuRegister esb_registers[] = {
    EMU_REG_ARRAY(I6300Esb, preload, "PRELOAD", 0x0, 4, 4, EMU_RW, ESB_PRELOAD_MASK, .writable = ESB_PRELOAD_MASK, .write = esb_write_preload,
                  .blurb = "where the counters start; after 0x80, 0x86 to RELOAD"),
    EMU_REG32(I6300Esb, interrupt, "INTERRUPT_STATUS", 0x8, EMU_W1C, 0, .fields = EMU_REG_FIELDS({"INT_ACT", 0, 1, .blurb = "the first counter ran out"})),
    EMU_REG_CALL("RELOAD", 0xc, 4, EMU_RW, .read = esb_read_reload, .write = esb_write_reload, .blurb = "unlocked by 0x80, 0x86",
                 .fields = EMU_REG_FIELDS({"UNLOCK", 0, 8, EMU_WO}, {"WDT_RELOAD", 8, 1, EMU_WO, .blurb = "both counters start again"},
                                          {"WDT_TIMEOUT", 9, 1, EMU_W1C, .blurb = "the watchdog reset the machine"},
                                          {"WDT_TIMEOUT_LINUX", 12, 1, EMU_W1C, .blurb = "the same, where Linux' driver looks"})),
};
EMU_REGISTER_BANK(esb_bank, "i6300esb", 16, esb_registers)

static void
esb_write_config(EmuPciDevice *dev, uint32_t addr, uint32_t value, unsigned size)
{
    I6300Esb *self = (I6300Esb *)dev;
    uint8_t *config = esb_config(self);
    uint8_t before = config[ESB_LOCK];

    if (before & ESB_LOCK_LOCKED) {
        memset(emu_pci_device_get_wmask(dev) + ESB_LOCK, 0, 1);
    }
    emu_pci_device_default_write_config(dev, addr, value, size);
    if ((config[ESB_LOCK] ^ before) & ESB_LOCK_ENABLED) {
        esb_restart(self, 1);
    }
}

/* ---- life ------------------------------------------------------------------------------------------ */

static bool
esb_realize(EmuPciDevice *dev, GError **error G_GNUC_UNUSED)
{
    I6300Esb *self = (I6300Esb *)dev;

    self->timer = emu_timer_new(emu_device_get_clock((EmuDevice *)dev, EMU_CLOCK_VIRTUAL), esb_expired_cb, self);
    emu_pci_device_get_wmask(dev)[ESB_CONFIG] = ESB_CONFIG_INT_TYPE | ESB_CONFIG_PRESCALE_FAST | ESB_CONFIG_OUTPUT_DISABLED;
    emu_pci_device_register_bar(dev, 0, EMU_PCI_BAR_MEM, emu_registers_new_region(self, &esb_bank, self));
    return true;
}

static void
esb_unrealize(EmuPciDevice *dev)
{
    g_clear_pointer(&((I6300Esb *)dev)->timer, emu_timer_free);
}

static void
esb_reset_enter(EmuDevice *device)
{
    I6300Esb *self = (I6300Esb *)device;
    EmuPciDevice *dev = (EmuPciDevice *)device;

    emu_timer_cancel(self->timer);
    emu_pci_device_get_wmask(dev)[ESB_LOCK] = ESB_LOCK_LOCKED | ESB_LOCK_ENABLED | ESB_LOCK_FREE_RUN;
    esb_config(self)[ESB_CONFIG] = 0;
    esb_config(self)[ESB_LOCK] = 0;
    self->unlock = 0;
    self->stage = 1;
}

static bool
esb_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error)
{
    I6300Esb *self = opaque;

    if (self->unlock > 2 || self->stage < 1 || self->stage > 2 || (self->preload[0] | self->preload[1]) & ~ESB_PRELOAD_MASK) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "i6300esb: stage %u, unlock %u or a preload value is out of range",
                    self->stage, self->unlock);
        return false;
    }
    emu_pci_device_get_wmask((EmuPciDevice *)self)[ESB_LOCK] =
        esb_config(self)[ESB_LOCK] & ESB_LOCK_LOCKED ? 0 : ESB_LOCK_LOCKED | ESB_LOCK_ENABLED | ESB_LOCK_FREE_RUN;
    return true;
}

static const EmuVMField esb_fields[] = {
    EMU_VM_PCI_DEVICE(I6300Esb, parent), EMU_VM_TIMER(I6300Esb, timer),        EMU_VM_U8(I6300Esb, unlock),
    EMU_VM_U8(I6300Esb, stage),          EMU_VM_BOOL(I6300Esb, timed_out),     EMU_VM_BOOL(I6300Esb, interrupt),
    EMU_VM_U32_ARRAY(I6300Esb, preload), EMU_VM_END,
};

static const EmuVMState esb_vmstate = {
    .name = "i6300esb",
    .version = 1,
    .minimum_version = 1,
    .fields = esb_fields,
    .post_load = esb_post_load,
};

static void
esb_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;
    EmuPciDeviceClass *pci = klass;

    device->reset_enter = esb_reset_enter;
    device->vmstate = &esb_vmstate;
    emu_device_class_add_registers(klass, &esb_bank, 0);
    device->category = "watchdog";
    device->user_creatable = true;
    pci->realize = esb_realize;
    pci->unrealize = esb_unrealize;
    pci->write_config = esb_write_config;
    pci->vendor_id = 0x8086;
    pci->device_id = 0x25ab;
    pci->class_id = 0x0880;
}

const EmuTypeInfo i6300esb_type_info = {
    .name = "i6300esb",
    .parent = "pci-device",
    .instance_size = sizeof(I6300Esb),
    .class_init = esb_class_init,
    .description = "Intel 6300ESB watchdog",
};
