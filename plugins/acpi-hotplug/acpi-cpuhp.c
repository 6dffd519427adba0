/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CPUs that come and go while the guest runs.
 *
 * The handler of the machine's CPUs: one that comes or shall go sets its bit and pulses output "event", which the board makes a
 * general purpose event of. The tables' methods, and firmware, select a CPU and read and write what belongs to it:
 *
 *   0x00 selector, written; high half of the data, read
 *   0x04 status, read: 0 there, 1 has come, 2 shall go; control, written: bits 1, 2 clear these, 3 ejects
 *   0x05 command, written: 0 select the next CPU with news, 1 event and 2 status of an _OST follow as data, 3 read the APIC ID
 *   0x08 data of the command
 */

#include "acpi-hotplug.h"

#include <emu/cpu.h>
#include <emu/fw-cfg.h>
#include <emu/log.h>
#include <emu/machine.h>
#include <emu/memory-device.h>
#include <emu/x86-pc.h>

#define CPUHP_SIZE 0x0c
#define CPUHP_SELECT 0x00
#define CPUHP_STATUS 0x04
#define CPUHP_COMMAND 0x05
#define CPUHP_DATA 0x08

#define CPUHP_THERE 0x01
#define CPUHP_COMING 0x02
#define CPUHP_GOING 0x04
#define CPUHP_EJECT 0x08

enum { CPUHP_CMD_NEXT = 0, CPUHP_CMD_OST_EVENT = 1, CPUHP_CMD_OST_STATUS = 2, CPUHP_CMD_APIC_ID = 3 };

#define CPUHP_MAX 256
#define CPUHP_SMI_FILE "etc/smi/features-ok"

typedef struct {
    EmuSysbusDevice parent_instance;

    uint16_t port;

    EmuMemoryRegion *region;
    EmuLine *event;
    EmuBh *eject_bh;
    gulong done_handler;
    bool done; /* the machine is complete: what comes now is news to the guest */
    unsigned n;

    uint32_t select;
    uint8_t command;
    uint8_t state[CPUHP_MAX]; /* CPUHP_COMING, GOING, and EJECT: goes as soon as the main loop gets to it */
    uint32_t ost_event, ost_status; /* of the last _OST */
} AcpiCpuhp;

EMU_TRACE_DEFINE(acpi_cpuhp_read)
EMU_TRACE_DEFINE(acpi_cpuhp_write)

static EmuMachine *
cpuhp_get_machine(AcpiCpuhp *self)
{
    return emu_device_get_machine((EmuDevice *)self);
}

static void
cpuhp_eject_cb(gpointer opaque)
{
    AcpiCpuhp *self = opaque;

    for (unsigned i = 0; i < self->n; i++) {
        if (self->state[i] & CPUHP_EJECT) {
            EmuCpu *cpu = emu_machine_get_cpu(cpuhp_get_machine(self), i);

            self->state[i] = 0;
            if (cpu) {
                emu_machine_remove_cpu(cpuhp_get_machine(self), cpu);
            }
        }
    }
}

/* A guest lets go of what the user asked for; of nothing else. */
static void
cpuhp_eject(AcpiCpuhp *self, unsigned index)
{
    EmuCpu *cpu = emu_machine_get_cpu(cpuhp_get_machine(self), index);

    if (index == 0 || !cpu || !emu_device_get_id(EMU_DEVICE(cpu))) {
        emu_guest_error("acpi-cpuhp: CPU %u cannot be ejected", index);
        return;
    }
    self->state[index] |= CPUHP_EJECT;
    emu_bh_schedule(self->eject_bh);
}

/* One that was ejected is gone for the guest at once. */
static bool
cpuhp_is_there(AcpiCpuhp *self, unsigned index)
{
    return emu_machine_get_cpu(cpuhp_get_machine(self), index) && !(self->state[index] & CPUHP_EJECT);
}

/* ---- registers ----------------------------------------------------------------------------------- */

static void
cpuhp_select_next(AcpiCpuhp *self)
{
    for (unsigned i = 0; i < self->n; i++) {
        unsigned index = (self->select + i) % self->n;

        if (self->state[index] & (CPUHP_COMING | CPUHP_GOING)) {
            self->select = index;
            return;
        }
    }
}

static uint32_t
cpuhp_read_data(AcpiCpuhp *self)
{
    switch (self->command) {
    case CPUHP_CMD_NEXT:
        return self->select;
    case CPUHP_CMD_APIC_ID:
        return emu_x86_topology_get_apic_id(emu_machine_get_smp(cpuhp_get_machine(self)), self->select);
    default:
        return 0;
    }
}

static uint64_t
cpuhp_read(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    AcpiCpuhp *self = opaque;
    uint32_t value = 0;

    if (self->select < self->n) {
        unsigned byte = offset & 3;

        if (offset == CPUHP_STATUS) {
            value = (self->state[self->select] & (CPUHP_COMING | CPUHP_GOING)) |
                    (cpuhp_is_there(self, self->select) ? CPUHP_THERE : 0);
        } else if (offset >= CPUHP_DATA) {
            value = cpuhp_read_data(self) >> (8 * byte) & 0xff;
        }
    }
    EMU_TRACE(acpi_cpuhp_read, "CPU %u, 0x%02x is 0x%02x", self->select, (unsigned)offset, value);
    return value;
}

static void
cpuhp_write_data(AcpiCpuhp *self, uint32_t value)
{
    if (self->command == CPUHP_CMD_OST_EVENT) {
        self->ost_event = value;
    } else if (self->command == CPUHP_CMD_OST_STATUS) {
        self->ost_status = value;
        emu_machine_report_ost(cpuhp_get_machine(self), EMU_ACPI_SLOT_CPU, self->select,
                               (EmuDevice *)emu_machine_get_cpu(cpuhp_get_machine(self), self->select), self->ost_event, value);
    }
}

static void
cpuhp_write_control(AcpiCpuhp *self, uint8_t value)
{
    self->state[self->select] &= (uint8_t) ~(value & (CPUHP_COMING | CPUHP_GOING));
    if (value & CPUHP_EJECT) {
        cpuhp_eject(self, self->select);
    }
}

static void
cpuhp_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    AcpiCpuhp *self = opaque;

    EMU_TRACE(acpi_cpuhp_write, "CPU %u, 0x%02x := 0x%x", self->select, (unsigned)offset, (unsigned)value);
    if (offset == CPUHP_SELECT && size == 4) {
        self->select = (uint32_t)value;
    } else if (self->select >= self->n) {
        return;
    } else if (offset == CPUHP_STATUS && size == 1) {
        cpuhp_write_control(self, (uint8_t)value);
    } else if (offset == CPUHP_COMMAND && size == 1) {
        self->command = (uint8_t)value;
        if (self->command == CPUHP_CMD_NEXT) {
            cpuhp_select_next(self);
        }
    } else if (offset == CPUHP_DATA && size == 4) {
        cpuhp_write_data(self, (uint32_t)value);
    }
}

/* Reads are of bytes, so that any width goes; each register is written in its own. */
static uint64_t
cpuhp_read_wide(gpointer opaque, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= cpuhp_read(opaque, offset + i, 1) << (8 * i);
    }
    return value;
}

static const EmuMemoryRegionOps cpuhp_ops = {
    .read = cpuhp_read_wide,
    .write = cpuhp_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

/* ---- plugging -------------------------------------------------------------------------------------- */

/*
 * Firmware that lives in system management mode and has SMIs reach all CPUs must hear of a new one before anybody else: until it is
 * relocated, whoever owns the memory at its first SMBASE owns that mode. There is no way here to tell it.
 */
static bool
cpuhp_check_firmware(EmuDevice *dev, GError **error)
{
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(emu_device_get_machine(dev));
    gsize len = 0;
    const uint8_t *granted = fw_cfg ? emu_fw_cfg_get_file(fw_cfg, CPUHP_SMI_FILE, &len) : NULL;

    if (granted && len == 1 && granted[0]) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                    "CPU '%s' cannot come or go: the firmware uses system management mode and is not told of it", emu_device_get_label(dev));
        return false;
    }
    return true;
}

static bool
cpuhp_pre_plug(EmuHotplugHandler *handler, EmuDevice *dev, GError **error)
{
    return !((AcpiCpuhp *)handler)->done || cpuhp_check_firmware(dev, error);
}

static bool
cpuhp_plug(EmuHotplugHandler *handler, EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    AcpiCpuhp *self = (AcpiCpuhp *)handler;
    unsigned index = emu_cpu_get_index(EMU_CPU(dev));

    if (self->done && index < self->n) {
        self->state[index] = CPUHP_COMING;
        emu_line_pulse(self->event);
    }
    return true;
}

static bool
cpuhp_unplug_request(EmuHotplugHandler *handler, EmuDevice *dev, GError **error)
{
    AcpiCpuhp *self = (AcpiCpuhp *)handler;
    unsigned index = emu_cpu_get_index(EMU_CPU(dev));

    if (index == 0 || index >= self->n) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "Boot CPU is unpluggable");
        return false;
    }
    if (!cpuhp_check_firmware(dev, error)) {
        return false;
    }
    self->state[index] |= CPUHP_GOING;
    emu_line_pulse(self->event);
    return true;
}

static void
cpuhp_handler_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    EmuHotplugHandlerInterface *handler = iface;

    handler->pre_plug = cpuhp_pre_plug;
    handler->plug = cpuhp_plug;
    handler->unplug_request = cpuhp_unplug_request;
}

/* ---- life -------------------------------------------------------------------------------------------- */

static void
cpuhp_machine_done_cb(EmuMachine *machine G_GNUC_UNUSED, gpointer opaque)
{
    ((AcpiCpuhp *)opaque)->done = true;
}

static bool
cpuhp_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    AcpiCpuhp *self = (AcpiCpuhp *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    self->n = MIN(emu_machine_get_smp(machine).max_cpus, CPUHP_MAX);
    self->region = emu_memory_region_new_io(self, "acpi-cpu-hotplug", CPUHP_SIZE, &cpuhp_ops, self);
    emu_memory_region_add_subregion(emu_machine_get_system_io(machine), self->port, self->region, 0);
    emu_device_add_lines_out(dev, "event", 1, &self->event);
    self->eject_bh = emu_bh_new(emu_machine_get_context(machine), cpuhp_eject_cb, self);
    self->done_handler = g_signal_connect(machine, "machine-done", G_CALLBACK(cpuhp_machine_done_cb), self);
    emu_machine_set_cpu_hotplug_handler(machine, self);
    return true;
}

static void
cpuhp_unrealize(EmuDevice *dev)
{
    AcpiCpuhp *self = (AcpiCpuhp *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);

    emu_machine_set_cpu_hotplug_handler(machine, NULL);
    g_signal_handler_disconnect(machine, self->done_handler);
    g_clear_pointer(&self->eject_bh, emu_bh_free);
    emu_memory_region_del_subregion(emu_machine_get_system_io(machine), self->region);
}

/* A guest that starts anew holds nothing: what it was asked for goes now. */
static void
cpuhp_reset_enter(EmuDevice *dev)
{
    AcpiCpuhp *self = (AcpiCpuhp *)dev;

    for (unsigned i = 0; i < self->n; i++) {
        if (self->state[i] & CPUHP_GOING) {
            self->state[i] = CPUHP_EJECT;
            emu_bh_schedule(self->eject_bh);
        } else {
            self->state[i] &= CPUHP_EJECT;
        }
    }
    self->select = 0;
    self->command = 0;
    self->ost_event = self->ost_status = 0;
}

static bool
cpuhp_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_bh_schedule(((AcpiCpuhp *)opaque)->eject_bh);
    return true;
}

static const EmuVMField cpuhp_fields[] = {
    EMU_VM_U32(AcpiCpuhp, select),    EMU_VM_U8(AcpiCpuhp, command),     EMU_VM_BUFFER(AcpiCpuhp, state),
    EMU_VM_U32(AcpiCpuhp, ost_event), EMU_VM_U32(AcpiCpuhp, ost_status), EMU_VM_END,
};

static const EmuVMState cpuhp_vmstate = {
    .name = "acpi-cpuhp",
    .version = 1,
    .minimum_version = 1,
    .fields = cpuhp_fields,
    .post_load = cpuhp_post_load,
};

static const EmuProperty cpuhp_properties[] = {
    EMU_PROP_UINT16("port", AcpiCpuhp, port, 0xaf00, "first I/O port"),
};

static void
cpuhp_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = cpuhp_realize;
    device->unrealize = cpuhp_unrealize;
    device->reset_enter = cpuhp_reset_enter;
    device->vmstate = &cpuhp_vmstate;
    device->category = "bridge";
    device->user_creatable = false;
    emu_object_class_add_properties(klass, cpuhp_properties, G_N_ELEMENTS(cpuhp_properties));
}

static const EmuInterfaceImpl cpuhp_interfaces[] = {{"hotplug-handler", cpuhp_handler_init}, {NULL, NULL}};

const EmuTypeInfo acpi_cpuhp_type_info = {
    .name = "acpi-cpuhp",
    .parent = "sysbus-device",
    .instance_size = sizeof(AcpiCpuhp),
    .class_init = cpuhp_class_init,
    .interfaces = cpuhp_interfaces,
    .description = "ACPI CPU hot-plug registers",
};
