/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a script's device makes: regions, inputs, timers, lines; and what it does to memory and lines of others. */

#include "script/device-parts.h"

#include "device/device-private.h"
#include "qom/qom-private.h"
#include <emu/isa.h>
#include <emu/log.h>
#include <emu/pci.h>
#include <inttypes.h>
#include <string.h>

static struct {
    EmuScriptThreadFunc func;
    gpointer data;
    GDestroyNotify destroy;
} thread_hook;

/**
 * emu_script_set_thread_hook:
 * @func: (scope notified) (nullable) (closure user_data) (destroy destroy): what to call
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * For bindings of languages that want to know threads before they are called on them often.
 */
void
emu_script_set_thread_hook(EmuScriptThreadFunc func, gpointer user_data, GDestroyNotify destroy)
{
    if (thread_hook.destroy) {
        thread_hook.destroy(thread_hook.data);
    }
    thread_hook.func = func;
    thread_hook.data = user_data;
    thread_hook.destroy = destroy;
}

static inline void
enter_thread(void)
{
    static __thread bool known;

    if (G_UNLIKELY(!known)) {
        known = true;
        if (thread_hook.func) {
            thread_hook.func(thread_hook.data);
        }
    }
}

static uint64_t
region_read(gpointer opaque, uint64_t offset, unsigned size)
{
    Region *region = opaque;

    enter_thread();
    return region->access.read ? region->access.read(offset, size, region->access.read_data)
                               : script_part_call(region->instance, PART_READ, region->number, offset, size, 0);
}

static void
region_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Region *region = opaque;

    enter_thread();
    if (region->access.write) {
        region->access.write(offset, value, size, region->access.write_data);
    } else {
        script_part_call(region->instance, PART_WRITE, region->number, offset, size, value);
    }
}

static const EmuMemoryRegionOps region_ops = {.read = region_read, .write = region_write};

static bool
region_place(EmuDevice *self, Region *region, bool io, guint64 address, guint64 size, GError **error)
{
    g_autofree char *name = script_object_name(self);

    if (EMU_IS_PCI_DEVICE(self)) {
        if (address > 5 || (size & (size - 1)) || size < (io ? 4 : 16)) {
            script_set_error(error, BAD_VALUE, "%s.%s: BAR %" PRIu64 " of %" PRIu64 " bytes: expected BAR 0 to 5, a power of two", name,
                             emu_memory_region_get_name(region->region), address, size);
            return false;
        }
        emu_pci_device_register_bar(EMU_PCI_DEVICE(self), (unsigned)address, io ? EMU_PCI_BAR_IO : EMU_PCI_BAR_MEM, region->region);
        return true;
    }
    if (address == UINT64_MAX) {
        if (EMU_IS_SYSBUS_DEVICE(self)) {
            emu_sysbus_add_mmio(EMU_SYSBUS_DEVICE(self), region->region);
        }
        return true;
    }
    if (address + (size - 1) < address || (io && address + (size - 1) > 0xffff)) {
        script_set_error(error, BAD_VALUE, "%s.%s: 0x%" PRIx64 " is no address for %" PRIu64 " bytes", name,
                         emu_memory_region_get_name(region->region), address, size);
        return false;
    }
    if (EMU_IS_ISA_DEVICE(self) && io) {
        emu_isa_device_map_io(EMU_ISA_DEVICE(self), region->region, (uint16_t)address);
        return true;
    }
    if (EMU_IS_ISA_DEVICE(self)) {
        region->container = emu_isa_bus_get_memory(emu_isa_device_get_bus(EMU_ISA_DEVICE(self)));
    } else {
        region->container = io ? emu_machine_get_system_io(emu_device_get_machine(self)) : emu_machine_get_system_memory(emu_device_get_machine(self));
    }
    emu_memory_region_add_subregion(region->container, address, region->region, 1);
    return true;
}

bool
script_device_need_machine(EmuDevice *self, const char *what, GError **error)
{
    g_autofree char *name = NULL;

    if (emu_device_get_machine(self) && script_device_type_of(self) && script_instance_of(self)->live) {
        return true;
    }
    name = script_object_name(self);
    script_set_error(error, WRONG_STATE, "%s: not part of a machine: no %s", name, what);
    return false;
}

void
script_access_drop(const ScriptAccess *access)
{
    if (access->read_destroy) {
        access->read_destroy(access->read_data);
    }
    if (access->write_destroy) {
        access->write_destroy(access->write_data);
    }
}

EmuMemoryRegion *
script_region_new(gpointer owner, const char *name, guint64 size, const ScriptAccess *access, GError **error)
{
    Region *region;

    if (!size) {
        g_autofree char *path = script_object_name(owner);

        script_set_error(error, BAD_VALUE, "%s.%s: a region of 0 bytes", path, name);
        script_access_drop(access);
        return NULL;
    }
    region = g_new0(Region, 1);
    region->access = *access;
    region->instance = script_instance_of(owner);
    region->number = region->instance->regions->len;
    region->region = emu_memory_region_new_io(owner, name, size, &region_ops, region);
    g_ptr_array_add(region->instance->regions, region);
    return region->region;
}

/**
 * emu_script_device_add_region:
 * @self: a device in its realize function
 * @name: what to call the region
 * @size: bytes, or ports
 * @io: ports, not memory
 * @address: where it goes: an address; for PCI devices the number of the BAR; G_MAXUINT64: nowhere yet
 * @read: (scope notified) (nullable) (closure read_data) (destroy read_destroy): answers reads
 * @read_data: for @read
 * @read_destroy: called when @read is not needed any more
 * @write: (scope notified) (nullable) (closure write_data) (destroy write_destroy): takes writes
 * @write_data: for @write
 * @write_destroy: called when @write is not needed any more
 * @error: return location
 *
 * Registers that the guest can reach. Without functions the type's is called: emu_script_device_type_set_parts().
 *
 * Returns: whether it could be placed
 */
gboolean
emu_script_device_add_region(EmuDevice *self, const char *name, guint64 size, gboolean io, guint64 address, EmuScriptReadFunc read,
                             gpointer read_data, GDestroyNotify read_destroy, EmuScriptWriteFunc write, gpointer write_data,
                             GDestroyNotify write_destroy, GError **error)
{
    const ScriptAccess access = {read, read_data, read_destroy, write, write_data, write_destroy};
    Region *region;

    if (!script_device_need_machine(self, "regions", error) || !script_check_name(self, name, error)) {
        script_access_drop(&access);
        return FALSE;
    }
    if (!script_region_new(self, name, size, &access, error)) {
        return FALSE;
    }
    region = g_ptr_array_index(script_instance_of(self)->regions, script_instance_of(self)->regions->len - 1);
    return region_place(self, region, io, address, size, error);
}

#define LINES_MAX 1024u

/* What a part of the tree can be called. */
bool
script_check_name(gpointer owner, const char *name, GError **error)
{
    g_autofree char *path = NULL;

    if (*name && !strchr(name, '/') && g_utf8_validate(name, -1, NULL)) {
        return true;
    }
    path = script_object_name(owner);
    script_set_error(error, BAD_VALUE, "%s: \"%s\" is no name for a part of it", path, name);
    return false;
}

bool
script_check_type_name(const char *name, const char *of_what, const char *suffix, GError **error)
{
    const char *p;

    for (p = name; g_ascii_isalnum(*p) || (p > name && *p && strchr("-_.", *p)); p++) {
    }
    if (!*p && g_str_has_suffix(name, suffix) && strlen(name) > strlen(suffix)) {
        return true;
    }
    script_set_error(error, BAD_VALUE, "/%s: no name for a type of %s, expected \"NAME%s\" of letters, digits, \"-\", \"_\" and \".\"", name,
                     of_what, suffix);
    return false;
}

static bool
check_lines(EmuDevice *self, const char *name, guint n, GError **error)
{
    g_autofree char *path = NULL;

    if (n <= LINES_MAX) {
        return !name || script_check_name(self, name, error);
    }
    path = script_object_name(self);
    script_set_error(error, BAD_VALUE, "%s.%s: %u lines, expected at most %u", path, name ? name : "lines", n, LINES_MAX);
    return false;
}

/**
 * emu_script_device_add_outputs:
 * @self: a device in its realize function
 * @name: (nullable): what to call them
 * @n: how many
 * @error: return location
 *
 * Lines that the device drives.
 *
 * Returns: whether they are there
 */
gboolean
emu_script_device_add_outputs(EmuDevice *self, const char *name, guint n, GError **error)
{
    g_autofree EmuLine **lines = NULL;

    if (!script_device_need_machine(self, "outputs", error) || !check_lines(self, name, n, error)) {
        return FALSE;
    }
    lines = g_new0(EmuLine *, n + 1);
    emu_device_add_lines_out(self, name, n, lines);
    return TRUE;
}

ScriptInput *
script_input_new(gpointer owner, EmuScriptLineFunc func, gpointer user_data, GDestroyNotify destroy)
{
    Input *input = g_new0(Input, 1);

    *input = (Input){script_instance_of(owner), script_instance_of(owner)->inputs->len, func, user_data, destroy};
    g_ptr_array_add(input->instance->inputs, input);
    return input;
}

void
script_input_cb(gpointer opaque, unsigned index, int level)
{
    Input *input = opaque;

    if (input->func) {
        input->func(index, level, input->data);
    } else {
        script_part_call(input->instance, PART_INPUT, input->number, index, 0, (uint64_t)(int64_t)level);
    }
}

/**
 * emu_script_device_add_inputs:
 * @self: a device in its realize function
 * @name: (nullable): what to call them
 * @n: how many
 * @func: (scope notified) (nullable) (closure user_data) (destroy destroy): called when one is driven; %NULL: the type's
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 * @error: return location
 *
 * Lines that others drive.
 *
 * Returns: whether they are there
 */
gboolean
emu_script_device_add_inputs(EmuDevice *self, const char *name, guint n, EmuScriptLineFunc func, gpointer user_data, GDestroyNotify destroy,
                             GError **error)
{
    ScriptInput *input;

    if (!script_device_need_machine(self, "inputs", error) || !check_lines(self, name, n, error)) {
        if (destroy) {
            destroy(user_data);
        }
        return FALSE;
    }
    input = script_input_new(self, func, user_data, destroy);
    for (guint i = 0; i < n; i++) {
        emu_line_new_in(self, name, script_input_cb, input, i);
    }
    return TRUE;
}

/**
 * emu_script_device_connect_irq:
 * @self: an ISA device in its realize function
 * @irq: number of the request, 0 to 15
 * @error: return location
 *
 * Wires an interrupt request, for set_irq().
 *
 * Returns: whether there is such a request
 */
gboolean
emu_script_device_connect_irq(EmuDevice *self, guint irq, GError **error)
{
    Instance *instance = script_instance_of(self);
    g_autofree char *name = script_object_name(self);
    GError *core = NULL;

    if (!EMU_IS_ISA_DEVICE(self)) {
        script_set_error(error, BAD_VALUE, "%s.irq: only ISA devices choose one", name);
        return FALSE;
    }
    if (!script_device_need_machine(self, "interrupt requests", error)) {
        return FALSE;
    }
    emu_device_add_lines_out(self, "irq", 1, &instance->irq);
    return emu_isa_device_connect_irq(EMU_ISA_DEVICE(self), instance->irq, irq, &core) || script_error_take(error, core, name, "irq");
}

/**
 * emu_script_device_set_irq:
 * @self: a device
 * @level: 1 to ask for an interrupt, 0 to take it back
 *
 * Drives its interrupt request: of a PCI device INTA, of others what connect_irq() wired.
 */
void
emu_script_device_set_irq(EmuDevice *self, gint level)
{
    ScriptScope scope = script_object_enter(self);

    if (EMU_IS_PCI_DEVICE(self)) {
        if (emu_device_is_realized(self)) {
            emu_pci_device_set_irq(EMU_PCI_DEVICE(self), level != 0);
        }
    } else {
        emu_line_set(script_instance_of(self)->irq, level != 0);
    }
    script_scope_leave(&scope);
}

static EmuAddressSpace *
dma_as(EmuDevice *self)
{
    return EMU_IS_PCI_DEVICE(self) ? emu_pci_device_get_dma_as(EMU_PCI_DEVICE(self)) : emu_machine_get_memory_as(emu_device_get_machine(self));
}

static bool
dma_failed(EmuDevice *self, guint64 address, GError **error)
{
    g_autofree char *name = script_object_name(self);

    script_set_error(error, BAD_ADDRESS, "%s: DMA at 0x%" PRIx64 " reaches no memory, or is not allowed", name, address);
    return false;
}

/**
 * emu_script_device_dma_read:
 * @self: a device
 * @address: in the guest's memory
 * @size: how many bytes
 * @n_data: (out): as many
 * @error: return location
 *
 * Reads the guest's memory, as a bus master.
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer full): the bytes
 */
guint8 *
emu_script_device_dma_read(EmuDevice *self, guint64 address, gsize size, gsize *n_data, GError **error)
{
    guint8 *data;

    *n_data = 0;
    if (!script_device_need_machine(self, "transfers", error)) {
        return NULL;
    }
    data = size > (1u << 30) ? NULL : g_try_malloc(size ? size : 1);
    if (!data || emu_dma_read(dma_as(self), address, data, size) != EMU_MEM_OK) {
        g_free(data);
        dma_failed(self, address, error);
        return NULL;
    }
    *n_data = size;
    return data;
}

/**
 * emu_script_device_dma_write:
 * @self: a device
 * @address: in the guest's memory
 * @data: (array length=n_data) (element-type guint8): bytes
 * @n_data: how many
 * @error: return location
 *
 * Writes the guest's memory, as a bus master.
 *
 * Returns: whether it could
 */
gboolean
emu_script_device_dma_write(EmuDevice *self, guint64 address, const guint8 *data, gsize n_data, GError **error)
{
    if (!script_device_need_machine(self, "transfers", error)) {
        return FALSE;
    }
    return emu_dma_write(dma_as(self), address, data, n_data) == EMU_MEM_OK || dma_failed(self, address, error);
}

static void
device_timer_cb(gpointer opaque)
{
    DeviceTimer *timer = opaque;

    if (timer->func) {
        timer->func(timer->instance->object, timer->data);
    } else {
        script_part_call(timer->instance, PART_TIMER, timer->number, 0, 0, 0);
    }
}

/**
 * emu_script_device_add_timer:
 * @self: a device in its realize function
 * @func: (scope notified) (nullable) (closure user_data) (destroy destroy): what to call when the timer has run down; %NULL: the type's
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * A timer on the machine's virtual clock, not set yet. On the machine's thread, its lock held.
 *
 * Returns: its number, for set_timer()
 */
guint
emu_script_device_add_timer(EmuDevice *self, EmuScriptDeviceFunc func, gpointer user_data, GDestroyNotify destroy)
{
    Instance *instance = script_instance_of(self);
    DeviceTimer *timer = g_new0(DeviceTimer, 1);

    timer->instance = instance;
    timer->number = instance->timers->len;
    timer->func = func;
    timer->data = user_data;
    timer->destroy = destroy;
    if (instance->live) {
        timer->timer = emu_timer_new(emu_device_get_clock(self, EMU_CLOCK_VIRTUAL), device_timer_cb, timer);
    }
    g_ptr_array_add(instance->timers, timer);
    return instance->timers->len - 1;
}

/**
 * emu_script_device_set_timer:
 * @self: a device
 * @timer: number of one of its timers
 * @delay_ns: virtual nanoseconds from now; below 0: cancels it
 *
 * Sets a timer; what it was set to before is forgotten.
 */
void
emu_script_device_set_timer(EmuDevice *self, guint timer, gint64 delay_ns)
{
    ScriptScope scope = script_object_enter(self);
    Instance *instance = script_instance_of(self);
    DeviceTimer *t = timer < instance->timers->len ? g_ptr_array_index(instance->timers, timer) : NULL;

    if (t && t->timer && delay_ns >= 0) {
        emu_timer_set(t->timer, emu_clock_get_ns(emu_device_get_clock(self, EMU_CLOCK_VIRTUAL)) + delay_ns);
    } else if (t && t->timer) {
        emu_timer_cancel(t->timer);
    }
    script_scope_leave(&scope);
}

/**
 * emu_script_device_get_virtual_ns:
 * @self: a device
 *
 * The machine's virtual time.
 *
 * Returns: nanoseconds; 0 outside of machines
 */
gint64
emu_script_device_get_virtual_ns(EmuDevice *self)
{
    return script_instance_of(self)->live ? emu_clock_get_ns(emu_device_get_clock(self, EMU_CLOCK_VIRTUAL)) : 0;
}

void
script_report_exception(gpointer object, EmuMachine *machine, const char *text)
{
    g_autoptr(EmuScriptMachine) script = script_machine_of(machine);
    g_autofree char *name = script_object_name(object);

    emu_error_report("%s: exception:\n%s", name, text);
    if (script) {
        script_machine_stop_for(script, script_stop_new(EMU_SCRIPT_STOP_REASON_EXCEPTION, NULL, -1, 0, text));
    } else if (machine && emu_machine_get_run_state(machine) == EMU_RUN_STATE_RUNNING) {
        emu_machine_request_stop(machine, EMU_RUN_STATE_PAUSED);
    }
}

/**
 * emu_script_device_report_exception:
 * @self: a device
 * @text: the trace of calls
 *
 * A function of the device failed: prints the text and pauses the machine, which can go on.
 */
void
emu_script_device_report_exception(EmuDevice *self, const char *text)
{
    script_report_exception(self, emu_device_get_machine(self), text);
}
