/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Taps: who touches which registers of devices, and what lines do, written down where it happens and fetched in batches.
 *
 * A record is 48 bytes: virtual time, pc, address (or index of the line), value, size, flags, CPU, and a gap; see
 * emu_script_tap_take(). Ranges of the physical address spaces see every access that goes through them: those of CPUs to
 * devices, those of DMA to the machine's memory. CPUs reach RAM without them: that is what watchpoints are for.
 */

#include "script/script-private.h"

#include "cpu/cpu-private.h"
#include "device/device-private.h"
#include "memory/memory-private.h"
#include <inttypes.h>
#include <string.h>

#define RECORDS_MAX (1u << 20)

typedef struct {
    gint64 ns;
    guint64 pc, address, value;
    guint32 size, write;
    gint32 cpu;
    guint32 reserved;
} Record;

G_STATIC_ASSERT(sizeof(Record) == 48);

struct _EmuScriptTap {
    EmuScriptTrigger parent_instance;
    bool io, stops;
    guint64 first, last;
    bool reads, writes;
    EmuLine *line; /* instead of a range */
    GMutex lock;   /* a leaf; of what follows */
    GArray *records;
    guint64 lost;
    bool notified;
};
struct _EmuScriptTapClass {
    EmuScriptTriggerClass parent_class;
};

/**
 * EmuScriptTap:
 *
 * Writes down accesses to a range of ports or of memory-mapped registers, or the levels of a line. It may stop the machine, too.
 */
G_DEFINE_TYPE(EmuScriptTap, emu_script_tap, EMU_SCRIPT_TYPE_TRIGGER)

static guint ready_signal;

static void
tap_ready(EmuScriptMachine *machine G_GNUC_UNUSED, gpointer data)
{
    EmuScriptTap *self = data;

    g_mutex_lock(&self->lock);
    self->notified = false;
    g_mutex_unlock(&self->lock);
    g_signal_emit(self, ready_signal, 0);
}

static void
tap_record(EmuScriptTap *self, EmuScriptMachine *machine, const Record *record)
{
    bool notify;

    g_mutex_lock(&self->lock);
    if (self->records->len < RECORDS_MAX) {
        g_array_append_val(self->records, *record);
    } else {
        self->lost++;
    }
    notify = !self->notified && g_signal_has_handler_pending(self, ready_signal, 0, FALSE);
    self->notified |= notify;
    g_mutex_unlock(&self->lock);
    if (notify) {
        script_machine_notify(machine, tap_ready, g_object_ref(self), g_object_unref);
    }
    if (self->stops) {
        script_trigger_fire(&self->parent_instance, record->cpu, record->pc);
    } else {
        self->parent_instance.hits++;
    }
}

static guint64
access_pc(EmuMachine *machine, EmuCpu *cpu)
{
    EmuAccel *accel = emu_machine_get_accel(machine);

    if (accel && EMU_ACCEL_GET_CLASS(accel)->get_access_pc) {
        return EMU_ACCEL_GET_CLASS(accel)->get_access_pc(accel, cpu);
    }
    return EMU_CPU_GET_CLASS(cpu)->get_pc ? EMU_CPU_GET_CLASS(cpu)->get_pc(cpu) : 0;
}

static void
record_begin(Record *record, EmuMachine *machine)
{
    EmuCpu *cpu = emu_cpu_get_current();

    memset(record, 0, sizeof(*record));
    record->ns = emu_clock_get_ns(emu_machine_get_clock(machine, EMU_CLOCK_VIRTUAL));
    record->cpu = -1;
    if (cpu && emu_device_get_machine(EMU_DEVICE(cpu)) == machine) {
        record->cpu = (gint32)emu_cpu_get_index(cpu);
        record->pc = access_pc(machine, cpu);
    }
}

/* ---- ranges ------------------------------------------------------------------------------------------------ */

/* Any thread; the machine's taps change under self->lock of the machine only. */
static void
access_cb(gpointer opaque, bool io, uint64_t addr, const uint8_t *data, uint64_t len, bool write)
{
    EmuScriptMachine *machine = opaque;
    g_autoptr(GPtrArray) met = NULL;
    EmuMachine *core = NULL;
    Record record;

    g_mutex_lock(&machine->lock);
    for (guint i = 0; i < machine->points->len; i++) {
        EmuScriptTap *tap = g_ptr_array_index(machine->points, i);

        if (EMU_SCRIPT_IS_TAP(tap) && !tap->line && tap->io == io && (write ? tap->writes : tap->reads) && tap->first <= addr + (len - 1) &&
            tap->last >= addr) {
            met = met ? met : g_ptr_array_new_with_free_func(g_object_unref);
            g_ptr_array_add(met, g_object_ref(tap));
        }
    }
    if (met && machine->machine) {
        core = g_object_ref(machine->machine);
    }
    g_mutex_unlock(&machine->lock);
    if (core) {
        record_begin(&record, core);
        record.address = addr;
        record.size = (guint32)MIN(len, G_MAXUINT32);
        record.write = write;
        memcpy(&record.value, data, MIN(len, sizeof(record.value)));
        for (guint i = 0; i < met->len; i++) {
            tap_record(g_ptr_array_index(met, i), machine, &record);
        }
        g_object_unref(core);
    }
}

static void
memory_cb(gpointer opaque, uint64_t addr, const uint8_t *data, uint64_t len, bool write)
{
    access_cb(opaque, false, addr, data, len, write);
}

static void
io_cb(gpointer opaque, uint64_t addr, const uint8_t *data, uint64_t len, bool write)
{
    access_cb(opaque, true, addr, data, len, write);
}

/* Hooks in the address spaces that need one: the machine's, and those of CPUs that have their own view. */
static void
update_hooks(EmuScriptMachine *machine, const EmuScriptTap *without)
{
    EmuMachine *core = machine->machine;
    bool memory = false, io = false;

    g_mutex_lock(&machine->lock);
    for (guint i = 0; i < machine->points->len; i++) {
        const EmuScriptTap *tap = g_ptr_array_index(machine->points, i);

        if (EMU_SCRIPT_IS_TAP(tap) && tap != without && !tap->line) {
            memory |= !tap->io;
            io |= tap->io;
        }
    }
    g_mutex_unlock(&machine->lock);
    emu_address_space_set_tap(emu_machine_get_io_as(core), io ? io_cb : NULL, machine);
    emu_address_space_set_tap(emu_machine_get_memory_as(core), memory ? memory_cb : NULL, machine);
    for (unsigned i = 0; i < emu_machine_get_n_cpus(core); i++) {
        EmuCpu *cpu = emu_machine_get_cpu(core, i);

        if (cpu && emu_cpu_get_memory_as(cpu) != emu_machine_get_memory_as(core)) {
            emu_address_space_set_tap(emu_cpu_get_memory_as(cpu), memory ? memory_cb : NULL, machine);
        }
    }
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static void
line_cb(gpointer opaque, EmuLine *line G_GNUC_UNUSED, int level)
{
    EmuScriptTap *self = opaque;
    EmuScriptMachine *machine = self->parent_instance.machine ? g_object_ref(self->parent_instance.machine) : NULL;
    Record record;

    if (machine && machine->machine) {
        record_begin(&record, machine->machine);
        record.value = (guint64)level;
        record.write = 1;
        tap_record(self, machine, &record);
    }
    g_clear_object(&machine);
}

static bool
emu_script_tap_arm(EmuScriptTrigger *trigger, EmuScriptMachine *machine, GError **error G_GNUC_UNUSED)
{
    EmuScriptTap *self = (EmuScriptTap *)trigger;

    if (self->line) {
        emu_line_add_observer(self->line, line_cb, self);
    } else {
        update_hooks(machine, NULL);
    }
    return true;
}

static void
emu_script_tap_disarm(EmuScriptTrigger *trigger, EmuScriptMachine *machine)
{
    EmuScriptTap *self = (EmuScriptTap *)trigger;

    if (self->line) {
        emu_line_remove_observer(self->line, line_cb, self);
    } else {
        update_hooks(machine, self);
    }
}

static void
emu_script_tap_finalize(GObject *object)
{
    EmuScriptTap *self = EMU_SCRIPT_TAP(object);

    g_array_unref(self->records);
    g_mutex_clear(&self->lock);
    g_clear_object(&self->line);
    G_OBJECT_CLASS(emu_script_tap_parent_class)->finalize(object);
}

static void
emu_script_tap_class_init(EmuScriptTapClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_tap_finalize;
    klass->parent_class.arm = emu_script_tap_arm;
    klass->parent_class.disarm = emu_script_tap_disarm;
    /**
     * EmuScriptTap::ready:
     * @self: the tap
     *
     * There are records to take; on the script's context, once for any number of them.
     */
    ready_signal = g_signal_new("ready", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
emu_script_tap_init(EmuScriptTap *self)
{
    self->records = g_array_new(FALSE, FALSE, sizeof(Record));
    g_mutex_init(&self->lock);
}

/**
 * emu_script_tap_new: (constructor)
 * @machine: a machine
 * @space: "io" for ports, "memory" for memory-mapped registers
 * @address: the first address
 * @size: how many
 * @access: "r", "w" or "rw"
 * @stops: whether an access stops the machine
 * @error: return location
 *
 * A tap on a range of addresses, until it is removed.
 *
 * Returns: (transfer full): the tap
 */
EmuScriptTap *
emu_script_tap_new(EmuScriptMachine *machine, const char *space, guint64 address, guint64 size, const char *access, gboolean stops, GError **error)
{
    EmuScriptTap *self;

    if (strcmp(space, "io") != 0 && strcmp(space, "memory") != 0) {
        script_set_error(error, BAD_VALUE, "/machine.space: \"%s\", expected \"io\" or \"memory\"", space);
        return NULL;
    }
    if (!*access || strspn(access, "rw") != strlen(access)) {
        script_set_error(error, BAD_VALUE, "/machine.access: \"%s\", expected \"r\", \"w\" or \"rw\"", access);
        return NULL;
    }
    if (!size || address + (size - 1) < address) {
        script_set_error(error, BAD_VALUE, "/machine.size: %" PRIu64 " at 0x%" PRIx64 " are no range", size, address);
        return NULL;
    }
    self = EMU_SCRIPT_TAP(script_trigger_new(EMU_SCRIPT_TYPE_TAP, machine, EMU_SCRIPT_STOP_REASON_TAP,
                                             g_strdup_printf("tap (%s) on %s 0x%" PRIx64 ", %" PRIu64 " bytes", access, space, address, size)));
    self->io = strcmp(space, "io") == 0;
    self->first = address;
    self->last = address + (size - 1);
    self->reads = strchr(access, 'r');
    self->writes = strchr(access, 'w');
    self->stops = stops;
    return (EmuScriptTap *)script_trigger_place(machine, (EmuScriptTrigger *)self, error);
}

/**
 * emu_script_tap_new_line: (constructor)
 * @machine: a machine
 * @line: one of its lines
 * @stops: whether a change stops the machine
 * @error: return location
 *
 * A tap on a line: each time it is driven is a record, its value the level.
 *
 * Returns: (transfer full): the tap
 */
EmuScriptTap *
emu_script_tap_new_line(EmuScriptMachine *machine, EmuLine *line, gboolean stops, GError **error)
{
    g_autofree char *path = emu_script_object_get_path((EmuObject *)line);
    EmuScriptTap *self = EMU_SCRIPT_TAP(
        script_trigger_new(EMU_SCRIPT_TYPE_TAP, machine, EMU_SCRIPT_STOP_REASON_LINE, g_strdup_printf("tap on line %s", path ? path : "?")));

    self->line = g_object_ref(line);
    self->stops = stops;
    return (EmuScriptTap *)script_trigger_place(machine, (EmuScriptTrigger *)self, error);
}

/**
 * emu_script_tap_take:
 * @self: a tap
 * @n_data: (out): how many bytes
 *
 * The records since the last call, 48 bytes each in the host's order of bytes: int64 virtual nanoseconds, uint64 pc, uint64
 * address, uint64 value, uint32 size, uint32 1 for a write, int32 CPU (-1: none), uint32 unused.
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer full): the records
 */
guint8 *
emu_script_tap_take(EmuScriptTap *self, gsize *n_data)
{
    GArray *records;

    g_mutex_lock(&self->lock);
    records = self->records;
    self->records = g_array_new(FALSE, FALSE, sizeof(Record));
    g_mutex_unlock(&self->lock);
    *n_data = records->len * sizeof(Record);
    return (guint8 *)g_array_free(records, FALSE);
}

/**
 * emu_script_tap_get_lost:
 * @self: a tap
 *
 * Records that found no room because nobody took those before them.
 *
 * Returns: how many
 */
guint64
emu_script_tap_get_lost(EmuScriptTap *self)
{
    guint64 lost;

    g_mutex_lock(&self->lock);
    lost = self->lost;
    g_mutex_unlock(&self->lock);
    return lost;
}
