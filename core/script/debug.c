/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Registers, breakpoints, watchpoints, steps and traces for scripts. */

#include "script/script-private.h"

#include "cpu/cpu-private.h"
#include "cpu/debug.h"
#include <emu/tcg.h>
#include <inttypes.h>
#include <string.h>

/* ---- registers ------------------------------------------------------------------------------------------ */

typedef struct {
    unsigned index;
    guint8 buf[64];
    bool write, ok;
} RegisterCall;

static void
register_cb(EmuCpu *cpu, gpointer data)
{
    RegisterCall *call = data;
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);

    if (call->write) {
        call->ok = klass->write_register(cpu, call->index, call->buf);
        emu_cpu_get_debug(cpu)->skip = false;
    } else {
        klass->read_register(cpu, call->index, call->buf);
        call->ok = true;
    }
}

/* The class' row; NULL and @error when there is none. */
static const EmuCpuRegister *
find_register(EmuCpu *cpu, const char *name, unsigned *index, GError **error)
{
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);

    for (gsize i = 0; i < klass->n_registers; i++) {
        if (strcmp(klass->registers[i].name, name) == 0) {
            *index = (unsigned)i;
            return &klass->registers[i];
        }
    }
    script_set_error(error, NOT_FOUND, "/machine/cpu[%u].%s: there is no such register", emu_cpu_get_index(cpu), name);
    return NULL;
}

static const EmuCpuRegister *
register_call(EmuCpu *cpu, const char *name, RegisterCall *call, GError **error)
{
    const EmuCpuRegister *reg = find_register(cpu, name, &call->index, error);
    ScriptScope scope;

    if (!reg) {
        return NULL;
    }
    scope = script_object_enter(cpu);
    if (!scope.machine || !emu_cpu_get_state(cpu)) {
        script_set_error(error, CLOSED, "/machine/cpu[%u].%s: its machine is closed, or runs no CPU", emu_cpu_get_index(cpu), name);
        reg = NULL;
    } else if (call->write && emu_machine_get_run_state(scope.machine) == EMU_RUN_STATE_RUNNING) {
        script_set_error(error, WRONG_STATE, "/machine/cpu[%u].%s: the machine runs, pause it first", emu_cpu_get_index(cpu), name);
        reg = NULL;
    } else {
        script_cpu_do(cpu, register_cb, call);
        if (!call->ok) {
            script_set_error(error, READ_ONLY, "/machine/cpu[%u].%s: cannot be set to this value, or not in this mode", emu_cpu_get_index(cpu), name);
            reg = NULL;
        }
    }
    script_scope_leave(&scope);
    return reg;
}

/**
 * emu_script_cpu_list_registers:
 * @self: a CPU
 * @group: (nullable): "general", "segment", "control", "float", "vector"; %NULL: all
 *
 * Names of its registers.
 *
 * Returns: (transfer full) (array zero-terminated=1): the names
 */
char **
emu_script_cpu_list_registers(EmuCpu *self, const char *group)
{
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(self);
    GPtrArray *names = g_ptr_array_new();

    for (gsize i = 0; i < klass->n_registers; i++) {
        if (!group || strcmp(group, klass->registers[i].group) == 0) {
            g_ptr_array_add(names, g_strdup(klass->registers[i].name));
        }
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

/**
 * emu_script_cpu_get_register_size:
 * @self: a CPU
 * @name: a register
 * @error: return location
 *
 * How wide a register is.
 *
 * Returns: bytes; 0 with @error when there is no such register
 */
guint
emu_script_cpu_get_register_size(EmuCpu *self, const char *name, GError **error)
{
    unsigned index;
    const EmuCpuRegister *reg = find_register(self, name, &index, error);

    return reg ? reg->size : 0;
}

/**
 * emu_script_cpu_get_register:
 * @self: a CPU
 * @name: a register of at most 8 bytes
 * @value: (out): what it holds
 * @error: return location
 *
 * Reads a register.
 *
 * Returns: (skip): whether there is such a register
 */
gboolean
emu_script_cpu_get_register(EmuCpu *self, const char *name, guint64 *value, GError **error)
{
    RegisterCall call = {0};
    const EmuCpuRegister *reg = register_call(self, name, &call, error);

    *value = 0;
    if (reg && reg->size > sizeof(*value)) {
        script_set_error(error, BAD_VALUE, "/machine/cpu[%u].%s: has %u bytes, read it as bytes", emu_cpu_get_index(self), name, reg->size);
        return FALSE;
    }
    if (reg) {
        memcpy(value, call.buf, reg->size);
    }
    return reg != NULL;
}

/**
 * emu_script_cpu_set_register:
 * @self: a CPU of a machine that stands
 * @name: a register of at most 8 bytes
 * @value: what it is to hold
 * @error: return location
 *
 * Writes a register.
 *
 * Returns: whether it holds the value now
 */
gboolean
emu_script_cpu_set_register(EmuCpu *self, const char *name, guint64 value, GError **error)
{
    RegisterCall call = {.write = true};
    unsigned index;
    const EmuCpuRegister *reg = find_register(self, name, &index, error);

    if (!reg) {
        return FALSE;
    }
    if (reg->size > sizeof(value) || (reg->size < 8 && value >> (8 * reg->size))) {
        script_set_error(error, BAD_VALUE, "/machine/cpu[%u].%s: 0x%" PRIx64 " is no value for %u bytes", emu_cpu_get_index(self), name, value, reg->size);
        return FALSE;
    }
    memcpy(call.buf, &value, reg->size);
    return register_call(self, name, &call, error) != NULL;
}

/**
 * emu_script_cpu_get_register_bytes:
 * @self: a CPU
 * @name: a register
 * @n_data: (out): its size
 * @error: return location
 *
 * Reads a register of any size; the first byte is the least significant one.
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer full): the bytes
 */
guint8 *
emu_script_cpu_get_register_bytes(EmuCpu *self, const char *name, gsize *n_data, GError **error)
{
    RegisterCall call = {0};
    const EmuCpuRegister *reg = register_call(self, name, &call, error);

    *n_data = reg ? reg->size : 0;
    return reg ? g_memdup2(call.buf, reg->size) : NULL;
}

/**
 * emu_script_cpu_set_register_bytes:
 * @self: a CPU of a machine that stands
 * @name: a register
 * @data: (array length=n_data) (element-type guint8): bytes, the least significant one first
 * @n_data: the register's size
 * @error: return location
 *
 * Writes a register of any size.
 *
 * Returns: whether it holds the value now
 */
gboolean
emu_script_cpu_set_register_bytes(EmuCpu *self, const char *name, const guint8 *data, gsize n_data, GError **error)
{
    RegisterCall call = {.write = true};
    unsigned index;
    const EmuCpuRegister *reg = find_register(self, name, &index, error);

    if (!reg) {
        return FALSE;
    }
    if (reg->size != n_data) {
        script_set_error(error, BAD_VALUE, "/machine/cpu[%u].%s: %zu bytes, expected %u", emu_cpu_get_index(self), name, n_data, reg->size);
        return FALSE;
    }
    memcpy(call.buf, data, n_data);
    return register_call(self, name, &call, error) != NULL;
}

/* ---- breakpoints and watchpoints ---------------------------------------------------------------------------- */

typedef struct {
    EmuScriptTrigger parent_instance;
    guint64 address, size;
    unsigned access; /* 0: a breakpoint */
    int cpu;         /* -1: any */
    guint64 pc, hit_address, value;
    guint hit_size;
    bool write;
} PointTrigger;
typedef EmuScriptTriggerClass PointTriggerClass;

static GType point_trigger_get_type(void);
G_DEFINE_TYPE(PointTrigger, point_trigger, EMU_SCRIPT_TYPE_TRIGGER)

static bool
point_trigger_arm(EmuScriptTrigger *trigger, EmuScriptMachine *machine, GError **error)
{
    PointTrigger *self = (PointTrigger *)trigger;
    GError *core = NULL;
    bool ok = self->access ? emu_debug_add_watchpoint(machine->machine, self->address, self->size, self->access, &core)
                           : emu_debug_add_breakpoint(machine->machine, self->address, &core);

    if (!ok) {
        script_set_error(error, UNSUPPORTED, "/machine: %s", core->message);
        g_error_free(core);
    }
    return ok;
}

static void
point_trigger_disarm(EmuScriptTrigger *trigger, EmuScriptMachine *machine)
{
    PointTrigger *self = (PointTrigger *)trigger;

    if (self->access) {
        emu_debug_remove_watchpoint(machine->machine, self->address, self->size, self->access);
    } else {
        emu_debug_remove_breakpoint(machine->machine, self->address);
    }
}

static void
point_trigger_class_init(PointTriggerClass *klass)
{
    klass->arm = point_trigger_arm;
    klass->disarm = point_trigger_disarm;
}

static void
point_trigger_init(PointTrigger *self G_GNUC_UNUSED)
{
}

static bool
point_matches(PointTrigger *self, EmuCpu *cpu, const EmuDebugHit *hit)
{
    if (self->cpu >= 0 && (unsigned)self->cpu != emu_cpu_get_index(cpu)) {
        return false;
    }
    if (hit->kind == EMU_DEBUG_BREAKPOINT) {
        return !self->access && self->address == hit->pc;
    }
    return self->access & (1u << (hit->write ? EMU_TCG_WRITE : EMU_TCG_READ)) && self->address <= hit->addr + (hit->size - 1) &&
           self->address + (self->size - 1) >= hit->addr;
}

/* A vCPU's thread, no lock held. */
static void
debug_hit_cb(gpointer opaque, EmuCpu *cpu, const EmuDebugHit *hit)
{
    EmuScriptMachine *self = opaque;
    int index = (int)emu_cpu_get_index(cpu);
    g_autoptr(GPtrArray) met = NULL;

    if (hit->kind == EMU_DEBUG_STEP) {
        script_machine_stop_for(self, script_stop_new(EMU_SCRIPT_STOP_REASON_STEP, NULL, index, hit->pc, NULL));
        return;
    }
    met = g_ptr_array_new_with_free_func(g_object_unref);
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->points->len; i++) {
        PointTrigger *point = g_ptr_array_index(self->points, i);

        if (G_TYPE_CHECK_INSTANCE_TYPE(point, point_trigger_get_type()) && point_matches(point, cpu, hit)) {
            point->pc = hit->pc;
            point->hit_address = hit->kind == EMU_DEBUG_BREAKPOINT ? hit->pc : hit->addr;
            point->value = hit->value;
            point->hit_size = hit->size;
            point->write = hit->write;
            g_ptr_array_add(met, g_object_ref(point));
        }
    }
    g_mutex_unlock(&self->lock);
    for (guint i = 0; i < met->len; i++) {
        script_trigger_fire(g_ptr_array_index(met, i), index, hit->pc);
    }
}

void
script_debug_watch(EmuScriptMachine *self)
{
    EmuDebug *debug = emu_machine_get_debug(self->machine);

    debug->hit = debug_hit_cb;
    debug->opaque = self;
}

void
script_debug_unwatch(EmuScriptMachine *self)
{
    emu_machine_get_debug(self->machine)->hit = NULL;
}

static bool
arm_on_thread(EmuScriptMachine *self, gpointer data, GError **error)
{
    EmuScriptTrigger *trigger = data;

    if (!self->machine) {
        script_set_error(error, CLOSED, "/machine: closed");
        return false;
    }
    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->points, g_object_ref(trigger));
    g_mutex_unlock(&self->lock);
    if (script_trigger_arm(trigger, error)) {
        return true;
    }
    g_mutex_lock(&self->lock);
    g_ptr_array_remove(self->points, trigger);
    g_mutex_unlock(&self->lock);
    return false;
}

EmuScriptTrigger *
script_trigger_place(EmuScriptMachine *machine, EmuScriptTrigger *trigger, GError **error)
{
    if (!script_machine_assemble(machine, error) || !script_machine_call(machine, arm_on_thread, trigger, error)) {
        g_object_unref(trigger);
        return NULL;
    }
    return trigger;
}

/**
 * emu_script_trigger_new_breakpoint: (constructor)
 * @machine: a machine
 * @address: linear address of an instruction
 * @cpu: index of the CPU that it is for; -1: any
 * @error: return location
 *
 * Stops the machine before a CPU executes the instruction, until it is removed.
 *
 * Returns: (transfer full): the breakpoint
 */
EmuScriptTrigger *
emu_script_trigger_new_breakpoint(EmuScriptMachine *machine, guint64 address, gint cpu, GError **error)
{
    PointTrigger *self = (PointTrigger *)script_trigger_new(point_trigger_get_type(), machine, EMU_SCRIPT_STOP_REASON_BREAKPOINT,
                                                            g_strdup_printf("breakpoint at 0x%" PRIx64, address));

    self->address = address;
    self->size = 1;
    self->cpu = cpu;
    return script_trigger_place(machine, (EmuScriptTrigger *)self, error);
}

/**
 * emu_script_trigger_new_watchpoint: (constructor)
 * @machine: a machine
 * @address: a virtual address
 * @size: how many bytes
 * @access: "r", "w" or "rw"
 * @cpu: index of the CPU that it is for; -1: any
 * @error: return location
 *
 * Stops the machine after an instruction has touched the bytes, until it is removed. What devices do by DMA does not count.
 *
 * Returns: (transfer full): the watchpoint
 */
EmuScriptTrigger *
emu_script_trigger_new_watchpoint(EmuScriptMachine *machine, guint64 address, guint64 size, const char *access, gint cpu, GError **error)
{
    unsigned bits = (strchr(access, 'r') ? 1u << EMU_TCG_READ : 0) | (strchr(access, 'w') ? 1u << EMU_TCG_WRITE : 0);
    PointTrigger *self;

    if (!bits || strspn(access, "rw") != strlen(access)) {
        script_set_error(error, BAD_VALUE, "/machine.access: \"%s\", expected \"r\", \"w\" or \"rw\"", access);
        return NULL;
    }
    if (!size || address + (size - 1) < address) {
        script_set_error(error, BAD_VALUE, "/machine.size: %" PRIu64 " bytes at 0x%" PRIx64 " are no range", size, address);
        return NULL;
    }
    self = (PointTrigger *)script_trigger_new(point_trigger_get_type(), machine, EMU_SCRIPT_STOP_REASON_WATCHPOINT,
                                              g_strdup_printf("watchpoint (%s) at 0x%" PRIx64 ", %" PRIu64 " bytes", access, address, size));
    self->address = address;
    self->size = size;
    self->access = bits;
    self->cpu = cpu;
    return script_trigger_place(machine, (EmuScriptTrigger *)self, error);
}

static PointTrigger *
as_point(EmuScriptTrigger *self)
{
    return G_TYPE_CHECK_INSTANCE_TYPE(self, point_trigger_get_type()) ? (PointTrigger *)self : NULL;
}

/**
 * emu_script_trigger_get_hit:
 * @self: a breakpoint or watchpoint
 * @pc: (out): the instruction
 * @address: (out): what it touched
 * @value: (out): what it read or wrote; the lowest 8 bytes
 * @size: (out): how many bytes
 * @write: (out): whether it wrote
 *
 * How it was met last.
 *
 * Returns: false when it never was, or is something else
 */
gboolean
emu_script_trigger_get_hit(EmuScriptTrigger *self, guint64 *pc, guint64 *address, guint64 *value, guint *size, gboolean *write)
{
    PointTrigger *point = as_point(self);

    *pc = point ? point->pc : 0;
    *address = point ? point->hit_address : 0;
    *value = point ? point->value : 0;
    *size = point ? point->hit_size : 0;
    *write = point && point->write;
    return point && self->hits;
}

/**
 * emu_script_trigger_get_address:
 * @self: a breakpoint or watchpoint
 *
 * What it is set on.
 *
 * Returns: an address; 0 for other triggers
 */
guint64
emu_script_trigger_get_address(EmuScriptTrigger *self)
{
    PointTrigger *point = as_point(self);

    return point ? point->address : 0;
}

/* ---- steps and traces ------------------------------------------------------------------------------------------ */

typedef struct {
    EmuCpu *cpu;
    guint64 count, n_stops;
    EmuScriptStop *stop; /* not begun: the CPU waits */
} Step;

/* Behind what others have asked of the CPU: an interrupt may be among it. */
static void
step_look_cb(EmuCpu *cpu, gpointer data)
{
    Step *step = data;

    if (emu_cpu_waits(cpu)) {
        step->stop = script_stop_new(EMU_SCRIPT_STOP_REASON_HALTED, NULL, (gint)emu_cpu_get_index(cpu), EMU_CPU_GET_CLASS(cpu)->get_pc(cpu), NULL);
    }
}

static bool
step_begin_on_thread(EmuScriptMachine *self, gpointer data, GError **error)
{
    Step *step = data;
    EmuAccel *accel;

    if (!self->machine) {
        return script_machine_check(self, error);
    }
    accel = emu_machine_get_accel(self->machine);
    if (!accel || !EMU_ACCEL_GET_CLASS(accel)->debug_changed) {
        script_set_error(error, UNSUPPORTED, "/machine/cpu[%u]: this accelerator has no single steps", emu_cpu_get_index(step->cpu));
        return false;
    }
    if (emu_machine_get_run_state(self->machine) == EMU_RUN_STATE_RUNNING) {
        script_set_error(error, WRONG_STATE, "/machine/cpu[%u]: the machine runs, pause it first", emu_cpu_get_index(step->cpu));
        return false;
    }
    if (emu_machine_needs_reset(self->machine) || emu_machine_is_ending(self->machine)) {
        script_set_error(error, WRONG_STATE, "/machine: the guest has ended, reset it first");
        return false;
    }
    emu_cpu_run_on(step->cpu, step_look_cb, step);
    if (step->stop) {
        return true;
    }
    g_mutex_lock(&self->lock);
    step->n_stops = self->n_stops;
    g_mutex_unlock(&self->lock);
    emu_cpu_get_debug(step->cpu)->steps = step->count;
    emu_machine_get_vcpus(self->machine)->only = step->cpu;
    emu_machine_start(self->machine);
    return true;
}

static bool
step_end_on_thread(EmuScriptMachine *self, gpointer data, GError **error G_GNUC_UNUSED)
{
    if (self->machine) {
        if (emu_machine_get_run_state(self->machine) == EMU_RUN_STATE_RUNNING) {
            emu_machine_stop(self->machine, EMU_RUN_STATE_PAUSED);
        }
        emu_cpu_get_debug(((Step *)data)->cpu)->steps = 0;
        emu_machine_get_vcpus(self->machine)->only = NULL;
    }
    return true;
}

static bool
step_is_over(EmuScriptMachine *self, gpointer data)
{
    return self->n_stops != ((Step *)data)->n_stops;
}

/**
 * emu_script_cpu_step:
 * @self: a CPU of a machine that stands
 * @count: how many instructions
 * @cancellable: (nullable): to stop earlier
 * @error: return location
 *
 * Executes instructions of this CPU alone. An instruction that waits for an interrupt ends it. A CPU that waits already executes
 * nothing: the step comes back at once with %EMU_SCRIPT_STOP_REASON_HALTED, and emu_script_machine_run() lets the interrupt come. One that
 * is there by then is taken by the next step; what waits in a local APIC of KVM's shows only when the machine runs.
 *
 * Returns: (transfer full): why it stopped: after the steps, or at a breakpoint
 */
EmuScriptStop *
emu_script_cpu_step(EmuCpu *self, guint64 count, GCancellable *cancellable, GError **error)
{
    Step step = {.cpu = self, .count = count};
    ScriptScope scope = script_object_enter(self);
    g_autoptr(EmuScriptMachine) machine = scope.script ? g_object_ref(scope.script) : NULL;
    bool ok;

    script_scope_leave(&scope);
    if (!machine || !script_machine_check(machine, error)) {
        if (!machine) {
            script_set_error(error, CLOSED, "/machine/cpu[%u]: its machine is closed", emu_cpu_get_index(self));
        }
        return NULL;
    }
    if (!count) {
        script_set_error(error, BAD_VALUE, "/machine/cpu[%u].count: is 0, expected at least one step", emu_cpu_get_index(self));
        return NULL;
    }
    if (!script_machine_may_wait(machine, error)) {
        return NULL;
    }
    if (!script_machine_call(machine, step_begin_on_thread, &step, error)) {
        return NULL;
    }
    if (step.stop) {
        return step.stop;
    }
    ok = script_machine_wait(machine, step_is_over, &step, 0, cancellable, error);
    script_machine_call(machine, step_end_on_thread, &step, NULL);
    return ok ? emu_script_machine_get_last_stop(machine) : NULL;
}

typedef struct {
    bool on;
    GArray *taken;
} Trace;

static void
trace_cb(EmuCpu *cpu, gpointer data)
{
    Trace *trace = data;
    EmuCpuDebug *debug = emu_cpu_get_debug(cpu);

    trace->taken = g_steal_pointer(&debug->trace);
    if (trace->on) {
        debug->trace = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    }
}

static bool
trace_call(EmuCpu *self, Trace *trace, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    EmuAccel *accel = scope.machine ? emu_machine_get_accel(scope.machine) : NULL;
    bool ok = accel && emu_cpu_get_state(self) && EMU_ACCEL_GET_CLASS(accel)->debug_changed;

    if (ok) {
        script_cpu_do(self, trace_cb, trace);
    } else {
        script_set_error(error, UNSUPPORTED, "/machine/cpu[%u]: its machine is closed, or cannot trace", emu_cpu_get_index(self));
    }
    script_scope_leave(&scope);
    return ok;
}

/**
 * emu_script_cpu_set_tracing:
 * @self: a CPU
 * @on: whether to write down each instruction's address
 * @error: return location
 *
 * Begins a trace, or ends it. Meanwhile the CPU's instructions are interpreted one by one: slow.
 *
 * Returns: whether it can
 */
gboolean
emu_script_cpu_set_tracing(EmuCpu *self, gboolean on, GError **error)
{
    Trace trace = {.on = on};
    bool ok = trace_call(self, &trace, error);

    g_clear_pointer(&trace.taken, g_array_unref);
    return ok;
}

/**
 * emu_script_cpu_take_trace:
 * @self: a CPU that traces
 * @n_data: (out): how many bytes
 * @error: return location
 *
 * The addresses of the instructions executed since the trace began, or since the last call: 8 bytes each, little-endian.
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer full): the addresses
 */
guint8 *
emu_script_cpu_take_trace(EmuCpu *self, gsize *n_data, GError **error)
{
    Trace trace = {.on = true};

    *n_data = 0;
    if (!trace_call(self, &trace, error)) {
        return NULL;
    }
    if (!trace.taken) {
        emu_script_cpu_set_tracing(self, FALSE, NULL);
        script_set_error(error, WRONG_STATE, "/machine/cpu[%u]: no trace was begun", emu_cpu_get_index(self));
        return NULL;
    }
    *n_data = trace.taken->len * sizeof(uint64_t);
    return (guint8 *)g_array_free(trace.taken, FALSE);
}
