/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Boards written in a script. As with devices the script's class is a GType of its own; it is derived from EmuScriptBoard,
 * which is a machine of the core's. What a C board does in its init function the script does in its build function.
 */

#include "script/device-type-private.h"

#include "qom/qom-private.h"
#include <emu/log.h>
#include <emu/script/board.h>
#include <inttypes.h>
#include <string.h>

struct _EmuScriptBoard {
    EmuMachine parent_instance;
    bool building;
};

struct _EmuScriptBoardClass {
    EmuMachineClass parent_class;
};

/**
 * EmuScriptBoard:
 *
 * A board that a script's class describes.
 */
G_DEFINE_ABSTRACT_TYPE(EmuScriptBoard, emu_script_board, EMU_TYPE_MACHINE)

typedef struct {
    gpointer func, data;
    GDestroyNotify destroy;
} Function;

struct _EmuScriptBoardType {
    GObject parent_instance;
    GType type;
    char *name, *description, *cpu_type;
    guint cpus, max_cpus;
    guint64 ram_size;
    Function build, reset, powerdown;
    bool registered;
};

/**
 * EmuScriptBoardType:
 *
 * A type of boards whose class is a script's. Once registered `-M` finds it like any other.
 */
G_DEFINE_FINAL_TYPE(EmuScriptBoardType, emu_script_board_type, G_TYPE_OBJECT)

static G_DEFINE_QUARK(emu-script-board-type, script_board_type)

static EmuScriptBoardType *
type_of(gpointer board)
{
    EmuScriptBoardType *found = NULL;

    for (GType type = G_OBJECT_TYPE(board); type && !found; type = g_type_parent(type)) {
        found = g_type_get_qdata(type, script_board_type_quark());
    }
    return found;
}

/* ---- the class's functions ---------------------------------------------------------------------------------- */

static bool
board_init(EmuMachine *machine, GError **error)
{
    EmuScriptBoard *self = EMU_SCRIPT_BOARD(machine);
    EmuScriptBoardType *type = type_of(self);
    g_autofree char *why = NULL;

    self->building = true;
    if (type->build.func) {
        why = ((EmuScriptBuildFunc)type->build.func)(self, type->build.data);
    }
    self->building = false;
    if (why) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: %s", type->name, why);
    }
    return !why;
}

static void
board_call(EmuMachine *machine, const Function *function)
{
    if (function->func) {
        ((EmuScriptBoardFunc)function->func)(EMU_SCRIPT_BOARD(machine), function->data);
    }
}

static void
board_reset(EmuMachine *machine)
{
    board_call(machine, &type_of(machine)->reset);
}

static void
board_powerdown(EmuMachine *machine)
{
    board_call(machine, &type_of(machine)->powerdown);
}

static void
emu_script_board_unparent(EmuObject *object)
{
    script_instance_release(object);
    if (EMU_OBJECT_CLASS(emu_script_board_parent_class)->unparent) {
        EMU_OBJECT_CLASS(emu_script_board_parent_class)->unparent(object);
    }
}

static void
emu_script_board_class_init(EmuScriptBoardClass *klass)
{
    EMU_OBJECT_CLASS(klass)->unparent = emu_script_board_unparent;
}

static void
emu_script_board_init(EmuScriptBoard *self G_GNUC_UNUSED)
{
}

/* ---- describing a type ---------------------------------------------------------------------------------------- */

static void
set_function(Function *function, gpointer func, gpointer data, GDestroyNotify destroy)
{
    if (function->destroy) {
        function->destroy(function->data);
    }
    *function = (Function){func, data, destroy};
}

static void
emu_script_board_type_finalize(GObject *object)
{
    EmuScriptBoardType *self = EMU_SCRIPT_BOARD_TYPE(object);

    set_function(&self->build, NULL, NULL, NULL);
    set_function(&self->reset, NULL, NULL, NULL);
    set_function(&self->powerdown, NULL, NULL, NULL);
    g_free(self->name);
    g_free(self->description);
    g_free(self->cpu_type);
    G_OBJECT_CLASS(emu_script_board_type_parent_class)->finalize(object);
}

static void
emu_script_board_type_class_init(EmuScriptBoardTypeClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_board_type_finalize;
}

static void
emu_script_board_type_init(EmuScriptBoardType *self)
{
    self->cpus = self->max_cpus = 1;
}

/**
 * emu_script_board_type_new: (constructor)
 * @type: the script's class, derived from Emu.Board
 * @name: name of the type: what follows -M, and "-machine"
 * @error: return location
 *
 * Begins to describe a type.
 *
 * Returns: (transfer full): to be filled in and registered
 */
EmuScriptBoardType *
emu_script_board_type_new(GType type, const char *name, GError **error)
{
    EmuScriptBoardType *self;

    emu_module_run_core();
    if (!g_type_is_a(type, EMU_SCRIPT_TYPE_BOARD) || type == EMU_SCRIPT_TYPE_BOARD) {
        script_set_error(error, BAD_VALUE, "/%s: %s is no class of a script's that is derived from Emu.Board", name, g_type_name(type));
        return NULL;
    }
    if (!script_check_type_name(name, "boards", "-machine", error)) {
        return NULL;
    }
    self = g_object_new(EMU_SCRIPT_TYPE_BOARD_TYPE, NULL);
    self->type = type;
    self->name = g_strdup(name);
    return self;
}

/**
 * emu_script_board_type_set_description:
 * @self: a type
 * @text: a phrase
 *
 * What `-M help` says about it.
 */
void
emu_script_board_type_set_description(EmuScriptBoardType *self, const char *text)
{
    g_free(self->description);
    self->description = g_strdup(text);
}

/**
 * emu_script_board_type_set_cpus:
 * @self: a type
 * @type: (nullable): name of the CPUs' type when -cpu says nothing; %NULL: none
 * @number: how many when -smp says nothing
 * @most: how many there can be
 *
 * What CPUs it has.
 */
void
emu_script_board_type_set_cpus(EmuScriptBoardType *self, const char *type, guint number, guint most)
{
    g_free(self->cpu_type);
    self->cpu_type = g_strdup(type);
    self->cpus = MAX(number, 1);
    self->max_cpus = MAX(most, self->cpus);
}

/**
 * emu_script_board_type_set_ram_size:
 * @self: a type
 * @size: bytes
 *
 * How much memory it has when -m says nothing.
 */
void
emu_script_board_type_set_ram_size(EmuScriptBoardType *self, guint64 size)
{
    self->ram_size = size;
}

/**
 * emu_script_board_type_set_build:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): builds a board
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called when a machine of this type is realized.
 */
void
emu_script_board_type_set_build(EmuScriptBoardType *self, EmuScriptBuildFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->build, func, user_data, destroy);
}

/**
 * emu_script_board_type_set_reset:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): what the board does beside its devices
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called after the devices were reset.
 */
void
emu_script_board_type_set_reset(EmuScriptBoardType *self, EmuScriptBoardFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->reset, func, user_data, destroy);
}

/**
 * emu_script_board_type_set_powerdown:
 * @self: a type
 * @func: (scope notified) (closure user_data) (destroy destroy): tells the guest
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 *
 * What is called when the power button is pressed.
 */
void
emu_script_board_type_set_powerdown(EmuScriptBoardType *self, EmuScriptBoardFunc func, gpointer user_data, GDestroyNotify destroy)
{
    set_function(&self->powerdown, func, user_data, destroy);
}

/**
 * emu_script_board_type_register:
 * @self: a type that is described
 * @error: return location
 *
 * Makes it known. It stays known as long as the process lives.
 *
 * Returns: whether the name was free
 */
gboolean
emu_script_board_type_register(EmuScriptBoardType *self, GError **error)
{
    EmuMachineClass *klass;
    EmuTypeModule *module;

    if (self->registered || emu_type_find_module(self->name, &module)) {
        script_set_error(error, DUPLICATE, "/%s: there is a type of this name already", self->name);
        return FALSE;
    }
    klass = g_type_class_ref(self->type); /* kept */
    self->registered = true;
    g_type_set_qdata(self->type, script_board_type_quark(), g_object_ref(self));
    klass->description = g_intern_string(self->description ? self->description : self->name);
    klass->default_cpu_type = self->cpu_type ? g_intern_string(self->cpu_type) : NULL;
    klass->default_cpus = self->cpus;
    klass->max_cpus = self->max_cpus;
    klass->default_ram_size = self->ram_size;
    klass->default_ram_id = g_intern_static_string("board.ram");
    klass->init = board_init;
    klass->reset = self->reset.func ? board_reset : NULL;
    klass->powerdown = self->powerdown.func ? board_powerdown : NULL;
    emu_type_register_gtype(self->name, self->type);
    emu_type_describe_gtype(self->type, self->description);
    return TRUE;
}

/* ---- what a board makes ------------------------------------------------------------------------------------------ */

static bool
need_building(EmuScriptBoard *self, const char *what, GError **error)
{
    g_autofree char *name = NULL;

    if (self->building) {
        return true;
    }
    name = script_object_name(self);
    script_set_error(error, WRONG_STATE, "%s.%s: a board is built in its build function only", name, what);
    return false;
}

static bool
bad_place(EmuScriptBoard *self, const char *what, guint64 address, guint64 size, GError **error)
{
    g_autofree char *name = script_object_name(self);

    script_set_error(error, BAD_VALUE, "%s.%s: 0x%" PRIx64 " is no address for %" PRIu64 " bytes", name, what, address, size);
    return false;
}

/**
 * emu_script_board_map_ram:
 * @self: a board in its build function
 * @address: where it goes
 * @offset: from where in the main memory
 * @size: how much of it; 0: all that is left
 * @error: return location
 *
 * Puts the main memory, the size of which -m says, or a part of it into place.
 *
 * Returns: whether it is there
 */
gboolean
emu_script_board_map_ram(EmuScriptBoard *self, guint64 address, guint64 offset, guint64 size, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    GError *core = NULL;
    EmuMemoryRegion *ram;
    guint64 whole;

    if (!need_building(self, "ram", error)) {
        return FALSE;
    }
    ram = emu_machine_get_ram(machine, &core);
    if (!ram) {
        return script_error_take(error, core, "/machine", "ram");
    }
    whole = emu_memory_region_get_size(ram);
    size = size || offset > whole ? size : whole - offset;
    if (!size || offset > whole || size > whole - offset || address + (size - 1) < address) {
        return bad_place(self, "ram", address, size, error);
    }
    emu_memory_region_add_subregion(emu_machine_get_system_memory(machine), address, emu_memory_region_new_alias(self, "ram", ram, offset, size), 0);
    return TRUE;
}

/**
 * emu_script_board_add_memory:
 * @self: a board in its build function
 * @name: what to call it
 * @size: bytes
 * @address: where it goes
 * @read_only: whether the guest cannot change it
 * @data: (array length=n_data) (element-type guint8): what it begins with
 * @n_data: at most @size
 * @error: return location
 *
 * More memory: a ROM with a program in it, video memory.
 *
 * Returns: whether it is there
 */
gboolean
emu_script_board_add_memory(EmuScriptBoard *self, const char *name, guint64 size, guint64 address, gboolean read_only, const guint8 *data,
                            gsize n_data, GError **error)
{
    GError *core = NULL;
    EmuMemoryRegion *region;

    if (!need_building(self, name, error) || !script_check_name(self, name, error)) {
        return FALSE;
    }
    if (!size || n_data > size || address + (size - 1) < address) {
        return bad_place(self, name, address, size, error);
    }
    region = (read_only ? emu_memory_region_new_rom : emu_memory_region_new_ram)(self, name, size, &core);
    if (!region) {
        return script_error_take(error, core, "/machine", name);
    }
    if (n_data) {
        memcpy(emu_memory_region_get_ram_pointer(region), data, n_data);
    }
    emu_memory_region_add_subregion(emu_machine_get_system_memory(EMU_MACHINE(self)), address, region, 1);
    return TRUE;
}

/**
 * emu_script_board_add_region:
 * @self: a board in its build function
 * @name: what to call the region
 * @size: bytes, or ports
 * @io: ports, not memory
 * @address: where it goes
 * @read: (scope notified) (nullable) (closure read_data) (destroy read_destroy): answers reads
 * @read_data: for @read
 * @read_destroy: called when @read is not needed any more
 * @write: (scope notified) (nullable) (closure write_data) (destroy write_destroy): takes writes
 * @write_data: for @write
 * @write_destroy: called when @write is not needed any more
 * @error: return location
 *
 * Registers of the board's own.
 *
 * Returns: whether they are there
 */
gboolean
emu_script_board_add_region(EmuScriptBoard *self, const char *name, guint64 size, gboolean io, guint64 address, EmuScriptReadFunc read,
                            gpointer read_data, GDestroyNotify read_destroy, EmuScriptWriteFunc write, gpointer write_data,
                            GDestroyNotify write_destroy, GError **error)
{
    const ScriptAccess access = {read, read_data, read_destroy, write, write_data, write_destroy};
    EmuMachine *machine = EMU_MACHINE(self);
    EmuMemoryRegion *region;

    if (!need_building(self, name, error) || !script_check_name(self, name, error)) {
        script_access_drop(&access);
        return FALSE;
    }
    if (size && (address + (size - 1) < address || (io && address + (size - 1) > 0xffff))) {
        script_access_drop(&access);
        return bad_place(self, name, address, size, error);
    }
    region = script_region_new(self, name, size, &access, error);
    if (region) {
        emu_memory_region_add_subregion(io ? emu_machine_get_system_io(machine) : emu_machine_get_system_memory(machine), address, region, 1);
    }
    return region != NULL;
}

/**
 * emu_script_board_add_device:
 * @self: a board in its build function
 * @type: name of a device type; parts of boards, too
 * @id: (nullable): its id
 * @bus: (nullable): what it plugs into; %NULL: nothing, or the machine's own bus
 * @properties: (nullable): a{sv}: its properties
 * @error: return location
 *
 * Adds a device to the board.
 *
 * Returns: (transfer full): the device
 */
EmuDevice *
emu_script_board_add_device(EmuScriptBoard *self, const char *type, const char *id, EmuBus *bus, GVariant *properties, GError **error)
{
    g_autoptr(GVariant) none = g_variant_ref_sink(g_variant_new("a{sv}", NULL));
    g_autoptr(EmuScriptMachine) script = NULL;
    g_autofree char *path = g_strdup_printf("/machine/%s", id ? id : type);
    EmuDevice *device;
    GError *core = NULL;
    GVariantIter iter;
    const char *name;
    GVariant *value;
    bool ok = true;

    if (!need_building(self, type, error) || (id && !script_check_name(self, id, error))) {
        return NULL;
    }
    if (properties && !g_variant_is_of_type(properties, G_VARIANT_TYPE_VARDICT)) {
        script_set_error(error, BAD_VALUE, "%s: properties are of type \"%s\", expected \"a{sv}\"", path, g_variant_get_type_string(properties));
        return NULL;
    }
    device = emu_device_new(type, &core);
    if (!device) {
        script_error_take(error, core, path, NULL);
        return NULL;
    }
    emu_device_set_id(device, id);
    emu_object_set_lookup_root(device, emu_machine_get_root(EMU_MACHINE(self)));
    g_variant_iter_init(&iter, properties ? properties : none);
    while (ok && g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autofree char *text = script_text_from_value(value, name, error);

        ok = text && (emu_object_set_from_string(device, name, text, &core) || script_error_take(error, core, path, name));
        g_variant_unref(value);
    }
    if (!ok) {
        g_object_unref(device);
        return NULL;
    }
    g_object_ref(device);
    if (!emu_device_realize(device, EMU_MACHINE(self), bus, &core)) {
        script_error_take(error, core, path, NULL);
        g_object_unref(device);
        return NULL;
    }
    script = script_machine_of(EMU_MACHINE(self));
    script_object_adopt(device, script);
    g_object_unref(device); /* adopt's; ours goes to the caller */
    return device;
}

/**
 * emu_script_device_map:
 * @self: a device of the machine's own bus
 * @index: which of its regions
 * @address: where it goes
 * @error: return location
 *
 * Puts a region of a device into the machine's memory: what boards do.
 *
 * Returns: whether there is such a region
 */
gboolean
emu_script_device_map(EmuDevice *self, guint index, guint64 address, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    g_autofree char *name = script_object_name(self);
    bool ok = EMU_IS_SYSBUS_DEVICE(self) && emu_device_is_realized(self) && emu_sysbus_get_mmio(EMU_SYSBUS_DEVICE(self), index);

    if (ok) {
        emu_sysbus_map(EMU_SYSBUS_DEVICE(self), index, address, 0);
    } else {
        script_set_error(error, NOT_FOUND, "%s.map: has no region %u that a board could place", name, index);
    }
    script_scope_leave(&scope);
    return ok;
}

/**
 * emu_script_board_create_cpu:
 * @self: a board in its build function
 * @index: its number, from 0 on
 * @error: return location
 *
 * Makes a CPU of the type and with the features that the user asked for.
 *
 * Returns: (transfer full): the CPU
 */
EmuCpu *
emu_script_board_create_cpu(EmuScriptBoard *self, guint index, GError **error)
{
    g_autoptr(EmuScriptMachine) script = NULL;
    GError *core = NULL;
    EmuCpu *cpu;

    if (!need_building(self, "cpu", error)) {
        return NULL;
    }
    if (!emu_machine_get_cpu_type(EMU_MACHINE(self)) || index >= emu_machine_get_smp(EMU_MACHINE(self)).max_cpus) {
        script_set_error(error, BAD_VALUE, "/machine.cpu[%u]: the machine has %s", index,
                         emu_machine_get_cpu_type(EMU_MACHINE(self)) ? "less CPUs" : "no type of CPUs, say -cpu or default_cpu");
        return NULL;
    }
    cpu = emu_machine_create_cpu(EMU_MACHINE(self), index, &core);
    if (!cpu) {
        script_error_take(error, core, "/machine", "cpu");
        return NULL;
    }
    script = script_machine_of(EMU_MACHINE(self));
    return script_object_adopt(cpu, script);
}

/**
 * emu_script_board_get_ram_size:
 * @self: a board
 *
 * How much main memory it has.
 *
 * Returns: bytes
 */
guint64
emu_script_board_get_ram_size(EmuScriptBoard *self)
{
    return emu_machine_get_ram_size(EMU_MACHINE(self));
}

/**
 * emu_script_board_get_n_cpus:
 * @self: a board
 *
 * How many CPUs the user asked for.
 *
 * Returns: a number; 0 when there is no type of CPUs
 */
guint
emu_script_board_get_n_cpus(EmuScriptBoard *self)
{
    return emu_machine_get_cpu_type(EMU_MACHINE(self)) ? emu_machine_get_smp(EMU_MACHINE(self)).cpus : 0;
}

/**
 * emu_script_board_get_option:
 * @self: a board
 * @name: an option of the command line: "kernel", "initrd", "append", "bios", "boot", or any other
 *
 * What the user said.
 *
 * Returns: (nullable): the text; %NULL when nothing was said
 */
const char *
emu_script_board_get_option(EmuScriptBoard *self, const char *name)
{
    static const struct {
        const char *name;
        const char *(*get)(EmuMachine *self);
    } known[] = {{"kernel", emu_machine_get_kernel}, {"initrd", emu_machine_get_initrd}, {"append", emu_machine_get_append},
                 {"bios", emu_machine_get_firmware}, {"boot", emu_machine_get_boot_order}, {"cpu", emu_machine_get_cpu_type}};

    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(name, known[i].name) == 0) {
            return known[i].get(EMU_MACHINE(self));
        }
    }
    return emu_machine_get_option(EMU_MACHINE(self), name);
}

/**
 * emu_script_board_find_firmware:
 * @self: a board
 * @name: name of a file: "bios-256k.bin"
 *
 * Looks for a file where firmware is.
 *
 * Returns: (transfer full) (nullable): its path
 */
char *
emu_script_board_find_firmware(EmuScriptBoard *self, const char *name)
{
    return emu_machine_find_firmware(EMU_MACHINE(self), name);
}

/**
 * emu_script_board_get_machine:
 * @self: a board
 *
 * The script's machine that it is the board of.
 *
 * Returns: (transfer full) (nullable): %NULL when the emu program runs it
 */
EmuScriptMachine *
emu_script_board_get_machine(EmuScriptBoard *self)
{
    return script_machine_of(EMU_MACHINE(self));
}

/**
 * emu_script_board_request_exit:
 * @self: a board
 * @status: exit status of the program
 *
 * Ends the machine, soon.
 */
void
emu_script_board_request_exit(EmuScriptBoard *self, gint status)
{
    if (emu_machine_get_root(EMU_MACHINE(self))) {
        emu_machine_request_exit(EMU_MACHINE(self), status);
    }
}

/**
 * emu_script_board_request_reset:
 * @self: a board
 *
 * Resets the machine, soon.
 */
void
emu_script_board_request_reset(EmuScriptBoard *self)
{
    if (emu_machine_get_root(EMU_MACHINE(self))) {
        emu_machine_request_reset(EMU_MACHINE(self), EMU_SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

/**
 * emu_script_board_request_shutdown:
 * @self: a board
 *
 * Switches the machine off, soon.
 */
void
emu_script_board_request_shutdown(EmuScriptBoard *self)
{
    if (emu_machine_get_root(EMU_MACHINE(self))) {
        emu_machine_request_shutdown(EMU_MACHINE(self), EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    }
}

/**
 * emu_script_board_report_exception:
 * @self: a board
 * @text: the trace of calls
 *
 * A function of the board failed: prints the text and pauses the machine, which can go on.
 */
void
emu_script_board_report_exception(EmuScriptBoard *self, const char *text)
{
    script_report_exception(self, EMU_MACHINE(self), text);
}
