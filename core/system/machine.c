/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * EmuMachine: owns clocks, address spaces, CPUs, the composition tree and the configuration that boards read.
 *
 *     g_autoptr(EmuMachine) m = emu_machine_new("pc", &error);
 *     emu_machine_set_memory(m, "512M", &error);
 *     emu_machine_build(m, &error) && emu_machine_finish(m, &error);
 *     emu_machine_lock(m); emu_machine_start(m); emu_machine_unlock(m);
 *     status = emu_machine_run(m);
 *     emu_machine_destroy(m);
 *
 * Nothing here is global: several machines live in one process, each with its own lock.
 */

#include "system/machine-private.h"

#include "device/device-private.h"
#include "emu-config.h"
#include "memory/memory-private.h"

#include <emu/log.h>
#include <stdio.h>
#include <string.h>

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuMachine, emu_machine, EMU_TYPE_OBJECT)

enum { SIGNAL_POWERDOWN, SIGNAL_MACHINE_DONE, SIGNAL_RESET, SIGNAL_SHUTDOWN, SIGNAL_RUN_STATE, SIGNAL_SUSPEND, SIGNAL_SUSPEND_DISK, SIGNAL_WAKEUP, SIGNAL_WATCHDOG, SIGNAL_GUEST_EVENT, SIGNAL_ACPI_OST, N_SIGNALS };
static guint signals[N_SIGNALS];

EmuMachinePrivate *
emu_machine_priv(EmuMachine *self)
{
    return emu_machine_get_instance_private(self);
}

EmuVcpus *
emu_machine_get_vcpus(EmuMachine *self)
{
    return &emu_machine_priv(self)->vcpus;
}

/* ---- the big lock ------------------------------------------------------------------------------ */

/**
 * emu_machine_lock:
 * @self: a machine
 *
 * Takes the big lock. It must not be held by this thread already.
 */
void
emu_machine_lock(EmuMachine *self)
{
    emu_big_lock_take(&emu_machine_priv(self)->vcpus.lock);
}

void
emu_machine_unlock(EmuMachine *self)
{
    emu_big_lock_release(&emu_machine_priv(self)->vcpus.lock);
}

bool
emu_machine_lock_held(EmuMachine *self)
{
    return emu_big_lock_is_mine(&emu_machine_priv(self)->vcpus.lock);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
boot_entry_free(gpointer data)
{
    EmuBootEntry *entry = data;

    g_free(entry->path);
    g_free(entry);
}

static void
chardev_unref0(gpointer chardev)
{
    g_clear_object(&chardev);
}

static void
emu_machine_init(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    emu_vcpus_init(&priv->vcpus);
    priv->boot_devices = g_ptr_array_new_with_free_func(boot_entry_free);
    priv->serials = g_ptr_array_new_with_free_func(chardev_unref0);
    priv->parallels = g_ptr_array_new_with_free_func(chardev_unref0);
    priv->firmware_path = g_ptr_array_new_with_free_func(g_free);
    priv->globals = g_ptr_array_new_with_free_func((GDestroyNotify)emu_global_property_free);
    priv->accel_texts = g_ptr_array_new_with_free_func(g_free);
    priv->tracked = g_ptr_array_new();
    priv->options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_ptr_array_unref);
    priv->wants_defaults = true;
    priv->cpu_features = g_strdup("");
    priv->rtc_clock = EMU_CLOCK_HOST;
    priv->shutdown_action = EMU_ACTION_SHUTDOWN;
    priv->run_state = EMU_RUN_STATE_PRELAUNCH;
}

/* Hooks of the main loop and of the memory: they lock a machine without knowing what it is. */

static bool
machine_enter(gpointer opaque)
{
    if (emu_machine_lock_held(opaque)) {
        return false;
    }
    emu_machine_lock(opaque);
    return true;
}

static void
machine_leave(gpointer opaque)
{
    emu_machine_unlock(opaque);
}

static void
machine_memory_lock(gpointer opaque)
{
    emu_machine_lock(opaque);
}

static bool
machine_memory_held(gpointer opaque)
{
    return emu_machine_lock_held(opaque);
}

static const EmuMemoryLock machine_memory_lock_ops = {
    .lock = machine_memory_lock,
    .unlock = machine_leave,
    .held = machine_memory_held,
};

/* What needs the machine's class and its lock, after construction. */
static void
emu_machine_constructed(GObject *object)
{
    EmuMachine *self = EMU_MACHINE(object);
    EmuMachinePrivate *priv = emu_machine_priv(self);
    EmuMachineClass *klass = EMU_MACHINE_GET_CLASS(self);
    GMainContext *main_context = g_main_context_get_thread_default();

    main_context = main_context ? main_context : g_main_context_default();
    G_OBJECT_CLASS(emu_machine_parent_class)->constructed(object);

    priv->ram_size = klass->default_ram_size ? klass->default_ram_size : 128 * UINT64_C(1048576);
    priv->max_ram_size = priv->ram_size;
    priv->smp = (EmuSmp){1, 1, 1, 1, 1, 1};
    priv->smp_clusters = 1;
    if (klass->default_cpus > 1) {
        priv->smp = (EmuSmp){klass->default_cpus, klass->default_cpus, klass->default_cpus, 1, 1, 1};
    }

    priv->context = emu_context_new(main_context);
    emu_context_set_lock_hooks(priv->context, machine_enter, machine_leave, self);
    priv->clocks = emu_clocks_new(priv->context);
    emu_machine_run_state_init(self);

    priv->root = emu_object_new("container", NULL);
    emu_object_add_child(priv->root, "machine", self, NULL);
    emu_object_get_container(priv->root, "/objects");
    emu_object_get_container(priv->root, "/chardevs");
    emu_object_get_container(self, "unattached");
    emu_object_get_container(self, "peripheral");
    emu_object_get_container(self, "peripheral-anon");

    emu_machine_lock(self);
    priv->system_memory = emu_memory_region_new_container(self, "system", UINT64_MAX);
    priv->system_io = emu_memory_region_new_container(self, "io", 65536);
    priv->memory_as = emu_address_space_new(priv->system_memory, "memory");
    priv->io_as = emu_address_space_new(priv->system_io, "I/O");
    emu_address_space_set_lock(priv->memory_as, &machine_memory_lock_ops, self);
    emu_address_space_set_lock(priv->io_as, &machine_memory_lock_ops, self);
    priv->sysbus = emu_bus_new("System", NULL, "main-system-bus");
    emu_object_add_child(emu_object_get_container(self, "unattached"), "sysbus", priv->sysbus, NULL);
    emu_machine_unlock(self);
}

/**
 * emu_machine_destroy:
 * @self: a machine
 *
 * Ends its threads, unrealizes its devices, takes the composition tree apart. Main thread, big lock not held. The caller's own
 * reference stays good but is all that is left.
 */
void
emu_machine_destroy(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (!priv->root) {
        return;
    }
    g_object_ref(self);
    emu_machine_lock(self);
    priv->exiting = true;
    if (priv->run_state == EMU_RUN_STATE_RUNNING) {
        emu_machine_stop(self, EMU_RUN_STATE_SHUTDOWN);
    }
    emu_vcpus_tear_down(&priv->vcpus);
    emu_machine_teardown_devices(self);
    g_ptr_array_set_size(priv->boot_devices, 0);
    g_ptr_array_set_size(priv->serials, 0);
    g_ptr_array_set_size(priv->parallels, 0);
    g_clear_object(&priv->accel);
    emu_bh_free(g_steal_pointer(&priv->request_bh));
    emu_machine_free_ost(self);
    emu_machine_unlock(self);

    g_autoptr(EmuObject) root G_GNUC_UNUSED = g_steal_pointer(&priv->root);
    emu_object_unparent(self);
    emu_device_use_globals(NULL);
    g_object_unref(self);
}

static void
emu_machine_finalize(GObject *object)
{
    EmuMachine *self = EMU_MACHINE(object);
    EmuMachinePrivate *priv = emu_machine_priv(self);

    g_ptr_array_unref(priv->boot_devices);
    g_ptr_array_unref(priv->serials);
    g_ptr_array_unref(priv->parallels);
    g_ptr_array_unref(priv->firmware_path);
    g_ptr_array_unref(priv->globals);
    g_ptr_array_unref(priv->accel_texts);
    g_ptr_array_unref(priv->tracked);
    g_clear_pointer(&priv->memory_devices, g_ptr_array_unref);
    g_hash_table_unref(priv->options);
    g_free(priv->cpu_type);
    g_free(priv->cpu_features);
    g_free(priv->kernel);
    g_free(priv->initrd);
    g_free(priv->append);
    g_free(priv->firmware);
    g_free(priv->boot_order);
    g_free(priv->memory_backend);
    emu_numa_free(priv->numa);
    g_clear_object(&priv->sysbus);
    emu_address_space_free(priv->memory_as);
    emu_address_space_free(priv->io_as);
    emu_clocks_unref(priv->clocks);
    emu_context_unref(priv->context);
    emu_vcpus_clear(&priv->vcpus);
    G_OBJECT_CLASS(emu_machine_parent_class)->finalize(object);
}

static void
emu_machine_class_init(EmuMachineClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);
    GType type = G_TYPE_FROM_CLASS(klass);

    object_class->constructed = emu_machine_constructed;
    object_class->finalize = emu_machine_finalize;
    klass->default_ram_id = "ram";
    klass->default_boot_order = "cad";
    klass->default_cpus = 1;
    klass->max_cpus = 1;
    emu_machine_class_add_config(klass);

    signals[SIGNAL_POWERDOWN] = g_signal_new("powerdown", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_MACHINE_DONE] = g_signal_new("machine-done", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_RESET] = g_signal_new("reset", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_BOOLEAN, G_TYPE_INT);
    signals[SIGNAL_SHUTDOWN] = g_signal_new("shutdown", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_BOOLEAN, G_TYPE_INT);
    signals[SIGNAL_RUN_STATE] = g_signal_new("run-state-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);
    signals[SIGNAL_WATCHDOG] = g_signal_new("watchdog", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1, G_TYPE_INT);
    signals[SIGNAL_GUEST_EVENT] = g_signal_new("guest-event", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 2, G_TYPE_INT, G_TYPE_INT);
    /* The id of the device or NULL, the slot's kind (EmuAcpiSlot) and number, what _OST was given. */
    signals[SIGNAL_ACPI_OST] = g_signal_new("acpi-ost", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 5, G_TYPE_STRING, G_TYPE_INT,
                                            G_TYPE_UINT, G_TYPE_UINT, G_TYPE_UINT);
    signals[SIGNAL_SUSPEND_DISK] = g_signal_new("suspend-disk", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_SUSPEND] = g_signal_new("suspend", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    signals[SIGNAL_WAKEUP] = g_signal_new("wakeup", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

/**
 * emu_machine_new:
 * @name: a board's name or alias, "pc", or its QOM type name, "pc-machine"
 *
 * Returns: (transfer full) (nullable): a machine to configure and build; %NULL and @error when there is no such board
 */
EmuMachine *
emu_machine_new(const char *name, GError **error)
{
    g_autofree char *type_name = emu_machine_find_type(name, error);

    if (!type_name) {
        return NULL;
    }
    return emu_object_new(type_name, error);
}

/* True for the type of the board that the user calls @name. */
static bool
machine_type_matches(const char *type_name, const char *name)
{
    gsize len = strlen(name);

    return strcmp(type_name, name) == 0 || (strncmp(type_name, name, len) == 0 && strcmp(type_name + len, "-machine") == 0);
}

/**
 * emu_machine_find_type:
 * @name: what follows -M
 *
 * Returns: (transfer full) (nullable): the QOM name of the board's type
 */
char *
emu_machine_find_type(const char *name, GError **error)
{
    g_autofree char *direct = g_str_has_suffix(name, "-machine") ? g_strdup(name) : g_strconcat(name, "-machine", NULL);
    GType type = emu_type_lookup(direct, NULL);

    if (type != G_TYPE_INVALID && g_type_is_a(type, EMU_TYPE_MACHINE) && !G_TYPE_IS_ABSTRACT(type)) {
        return g_steal_pointer(&direct);
    }

    g_autoptr(GPtrArray) names = emu_type_list("machine", false);
    for (guint i = 0; i < names->len; i++) {
        const char *type_name = g_ptr_array_index(names, i);
        g_autoptr(GTypeClass) klass = g_type_class_ref(emu_type_lookup(type_name, NULL));

        if (g_strcmp0(EMU_MACHINE_CLASS(klass)->alias, name) == 0 || machine_type_matches(type_name, name)) {
            return g_strdup(type_name);
        }
    }
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE,
                "unsupported machine type: \"%s\" (use -machine help to list supported machines)", name);
    return NULL;
}

/**
 * emu_machine_build:
 * @self: a configured machine
 *
 * Sets up the accelerator and lets the board make RAM, CPUs and devices. On failure the machine can only be destroyed.
 */
bool
emu_machine_build(EmuMachine *self, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    EmuMachineClass *klass = EMU_MACHINE_GET_CLASS(self);
    bool ok;

    g_return_val_if_fail(!priv->built, false);
    if (!emu_machine_check_config(self, error)) {
        return false;
    }
    emu_machine_lock(self);
    emu_device_use_globals(priv->globals);
    ok = emu_machine_setup_accel(self, error);
    if (ok && klass->init) {
        emu_memory_transaction_begin();
        ok = klass->init(self, error);
        emu_memory_transaction_commit();
    }
    priv->built = ok;
    emu_machine_unlock(self);
    return ok;
}

/**
 * emu_machine_finish:
 * @self: a built machine
 *
 * Tells board and devices that all are there, and resets the machine for the first time.
 */
bool
emu_machine_finish(EmuMachine *self, GError **error)
{
    EmuMachineClass *klass = EMU_MACHINE_GET_CLASS(self);
    bool ok = true;

    emu_machine_lock(self);
    g_signal_emit(self, signals[SIGNAL_MACHINE_DONE], 0);
    if (klass->done) {
        ok = klass->done(self, error);
    }
    emu_machine_priv(self)->finished = ok;
    if (ok) {
        emu_machine_reset(self, EMU_SHUTDOWN_CAUSE_NONE);
    }
    emu_machine_unlock(self);
    return ok;
}

/**
 * emu_machine_run:
 * @self: a machine that was built
 *
 * Serves the main context until the machine ends. Main thread, big lock not held.
 *
 * Returns: the exit status for the process
 */
int
emu_machine_run(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    g_autoptr(GMainLoop) loop = g_main_loop_new(emu_context_get_main_context(priv->context), FALSE);

    emu_machine_lock(self);
    priv->loop = priv->exiting ? NULL : loop;
    emu_machine_unlock(self);
    if (priv->loop) {
        g_main_loop_run(loop);
        priv->loop = NULL;
    }
    return __atomic_load_n(&priv->exit_status, __ATOMIC_SEQ_CST);
}

/* ---- reset and removal of devices -------------------------------------------------------------- */

/* Devices that no bus reaches, outermost first: CPUs and parts that the board made without a bus. */
static bool
collect_busless_cb(EmuObject *child, gpointer data)
{
    if (EMU_IS_DEVICE(child) && emu_device_is_realized(EMU_DEVICE(child)) && !emu_device_get_bus(EMU_DEVICE(child))) {
        g_ptr_array_add(data, g_object_ref(child));
    } else {
        emu_object_foreach_child(child, collect_busless_cb, data);
    }
    return false;
}

void
emu_machine_reset_devices(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    g_autoptr(GPtrArray) roots = g_ptr_array_new_with_free_func(g_object_unref);

    g_ptr_array_add(roots, g_object_ref(priv->sysbus));
    emu_object_foreach_child(self, collect_busless_cb, roots);
    emu_reset_objects(roots->pdata, roots->len);
}

void
emu_machine_teardown_devices(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    g_autoptr(GPtrArray) busless = g_ptr_array_new_with_free_func(g_object_unref);
    GPtrArray *on_sysbus = emu_bus_get_devices(priv->sysbus);

    emu_object_foreach_child(self, collect_busless_cb, busless);
    for (guint i = busless->len; i-- > 0;) {
        emu_device_unrealize(g_ptr_array_index(busless, i));
    }
    while (on_sysbus->len > 0) {
        guint before = on_sysbus->len;

        emu_device_unrealize(g_ptr_array_index(on_sysbus, before - 1));
        if (on_sysbus->len >= before) {
            break;
        }
    }
}

/* ---- parts ----------------------------------------------------------------------------------- */

EmuMemoryRegion *
emu_machine_get_system_memory(EmuMachine *self)
{
    return emu_machine_priv(self)->system_memory;
}

EmuMemoryRegion *
emu_machine_get_system_io(EmuMachine *self)
{
    return emu_machine_priv(self)->system_io;
}

EmuAddressSpace *
emu_machine_get_memory_as(EmuMachine *self)
{
    return emu_machine_priv(self)->memory_as;
}

EmuAddressSpace *
emu_machine_get_io_as(EmuMachine *self)
{
    return emu_machine_priv(self)->io_as;
}

EmuClock *
emu_machine_get_clock(EmuMachine *self, EmuClockType type)
{
    g_return_val_if_fail((guint)type < EMU_CLOCK_N, NULL);
    return emu_clocks_get(emu_machine_priv(self)->clocks, type);
}

EmuContext *
emu_machine_get_context(EmuMachine *self)
{
    return emu_machine_priv(self)->context;
}

EmuBus *
emu_machine_get_sysbus(EmuMachine *self)
{
    return emu_machine_priv(self)->sysbus;
}

EmuObject *
emu_machine_get_root(EmuMachine *self)
{
    return emu_machine_priv(self)->root;
}

EmuAccel *
emu_machine_get_accel(EmuMachine *self)
{
    return emu_machine_priv(self)->accel;
}

unsigned
emu_machine_get_n_cpus(EmuMachine *self)
{
    return emu_machine_priv(self)->vcpus.cpus->len;
}

/**
 * emu_machine_get_cpu:
 * @self: a machine
 * @index: 0 to emu_machine_get_n_cpus() - 1
 *
 * Returns: (transfer none) (nullable): the CPU of that index
 */
EmuCpu *
emu_machine_get_cpu(EmuMachine *self, unsigned index)
{
    return emu_vcpus_get(&emu_machine_priv(self)->vcpus, index);
}

/**
 * emu_machine_get_ram:
 * @self: a machine in its board's init()
 *
 * Main RAM as one region of the configured size, made on first call. Big lock held.
 *
 * Returns: (transfer none) (nullable): the region
 */
EmuMemoryRegion *
emu_machine_get_ram(EmuMachine *self, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (!priv->ram) {
        if (emu_machine_has_numa_memory(self)) {
            priv->ram = emu_machine_join_numa_memory(self, EMU_MACHINE_GET_CLASS(self)->default_ram_id, error);
        } else if (priv->memory_backend) {
            priv->ram = emu_machine_use_memory_backend(self, priv->memory_backend, priv->ram_size, error);
        } else if (emu_machine_get_option(self, "mem-path")) {
            priv->ram = emu_machine_new_file_memory(self, emu_machine_get_option(self, "mem-path"), emu_machine_get_option(self, "mem-prealloc") != NULL,
                                                    EMU_MACHINE_GET_CLASS(self)->default_ram_id, priv->ram_size, error);
        } else {
            priv->ram = emu_memory_region_new_ram(self, EMU_MACHINE_GET_CLASS(self)->default_ram_id, priv->ram_size, error);
        }
    }
    return priv->ram;
}

/* ---- firmware, boot order, time ----------------------------------------------------------------- */

void
emu_machine_add_firmware_dir(EmuMachine *self, const char *dir)
{
    g_ptr_array_add(emu_machine_priv(self)->firmware_path, g_strdup(dir));
}

/**
 * emu_machine_track_part:
 * @self: a machine
 * @where: address of a pointer in the board's struct
 *
 * For boards whose class has can_replace.
 *
 * Since: 1.0
 */
void
emu_machine_track_part(EmuMachine *self, gpointer where)
{
    GPtrArray *tracked = emu_machine_priv(self)->tracked;

    if (!g_ptr_array_find(tracked, where, NULL)) {
        g_ptr_array_add(tracked, where);
    }
}

/**
 * emu_machine_find_firmware:
 * @self: a machine
 * @name: a file name, with or without folders
 *
 * Looks for the file as it is named, then in the folders given by -L, then where distributions put firmware.
 *
 * Returns: (transfer full) (nullable): its path
 */
char *
emu_machine_find_firmware(EmuMachine *self, const char *name)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    g_auto(GStrv) built_in = g_strsplit(EMU_FIRMWARE_PATH, G_SEARCHPATH_SEPARATOR_S, -1);

    if (g_file_test(name, G_FILE_TEST_IS_REGULAR)) {
        return g_strdup(name);
    }
    for (guint i = 0; i < priv->firmware_path->len; i++) {
        g_autofree char *path = g_build_filename(g_ptr_array_index(priv->firmware_path, i), name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
            return g_steal_pointer(&path);
        }
    }
    for (char **dir = built_in; *dir; dir++) {
        g_autofree char *path = g_build_filename(*dir, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
            return g_steal_pointer(&path);
        }
    }
    return NULL;
}

static int
boot_entry_compare(gconstpointer a, gconstpointer b)
{
    const EmuBootEntry *x = *(EmuBootEntry *const *)a, *y = *(EmuBootEntry *const *)b;

    return x->bootindex < y->bootindex ? -1 : x->bootindex > y->bootindex;
}

static bool
provides_isa_bus(EmuDevice *dev)
{
    GPtrArray *buses = emu_device_get_buses(dev);

    for (guint i = 0; i < buses->len; i++) {
        if (emu_object_is_a(g_ptr_array_index(buses, i), "ISA")) {
            return true;
        }
    }
    return false;
}

/*
 * Open Firmware path of a device, as PC firmware matches it: "/pci@i0cf8/ide@1,1". PCI devices are named by slot and
 * function; devices on other buses add nothing here, their own element comes as the entry's suffix.
 */
static void
append_firmware_path(GString *path, EmuDevice *dev)
{
    EmuBus *bus = dev ? emu_device_get_bus(dev) : NULL;
    EmuDevice *owner = bus ? emu_bus_get_owner(bus) : NULL;
    g_autofree char *address = NULL;
    unsigned slot, function;

    if (!owner) {
        return;
    }
    append_firmware_path(path, owner);
    if (!EMU_BUS_GET_CLASS(bus)->get_address) {
        return;
    }
    address = EMU_BUS_GET_CLASS(bus)->get_address(bus, dev);
    if (!address || sscanf(address, "%x.%x", &slot, &function) != 2) {
        return;
    }
    if (path->len == 0) {
        g_string_append(path, "/pci@i0cf8");
    }
    g_string_append_printf(path, "/%s@%x", provides_isa_bus(dev) ? "isa" : emu_object_get_type_name(dev), slot);
    if (function) {
        g_string_append_printf(path, ",%x", function);
    }
}

/**
 * emu_machine_add_boot_device:
 * @self: a machine
 * @bootindex: place in the order, the smallest first; below 0: none
 * @dev: (nullable): the device, on its bus already
 * @suffix: (nullable): what follows the device's controller in the path: "drive@0/disk@0"
 */
void
emu_machine_add_boot_device(EmuMachine *self, int bootindex, EmuDevice *dev, const char *suffix)
{
    g_autoptr(GString) path = g_string_new(NULL);
    EmuBootEntry *entry;

    if (bootindex < 0) {
        return;
    }
    append_firmware_path(path, dev);
    if (suffix) {
        g_string_append_printf(path, "%s%s", suffix[0] == '/' ? "" : "/", suffix);
    }
    entry = g_new0(EmuBootEntry, 1);
    entry->bootindex = bootindex;
    entry->path = g_strdup(path->str);
    g_ptr_array_add(emu_machine_priv(self)->boot_devices, entry);
}

char *
emu_machine_get_boot_order_list(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    GString *text = g_string_new(NULL);

    g_ptr_array_sort(priv->boot_devices, boot_entry_compare);
    for (guint i = 0; i < priv->boot_devices->len; i++) {
        EmuBootEntry *entry = g_ptr_array_index(priv->boot_devices, i);

        if (text->len) {
            g_string_append_c(text, '\n');
        }
        g_string_append(text, entry->path);
    }
    return g_string_free(text, FALSE);
}

int64_t
emu_machine_get_rtc_ns(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    return emu_clock_get_ns(emu_clocks_get(priv->clocks, priv->rtc_clock)) + priv->rtc_offset_ns;
}

/* ---- the machine without a board -------------------------------------------------------------- */

/* "none": RAM, clocks and nothing else; for management programs' questions, and for tests of devices. */

static bool
none_machine_build(EmuMachine *self, GError **error)
{
    EmuMemoryRegion *ram;

    if (emu_machine_priv(self)->ram_size == 0) {
        return true;
    }
    ram = emu_machine_get_ram(self, error);
    if (!ram) {
        return false;
    }
    emu_memory_region_add_subregion(emu_machine_get_system_memory(self), 0, ram, 0);
    return true;
}

static void
none_machine_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuMachineClass *machine_class = EMU_MACHINE_CLASS(klass);

    machine_class->description = "empty machine";
    machine_class->init = none_machine_build;
    machine_class->max_cpus = 1;
}

static const EmuTypeInfo none_machine_info = {
    .name = "none-machine",
    .parent = "machine",
    .class_init = none_machine_class_init,
    .description = "A machine without a board",
};

static void
machine_register_types(void)
{
    emu_type_register_gtype("machine", EMU_TYPE_MACHINE);
    emu_type_register_static(&none_machine_info);
}
type_init(machine_register_types)
