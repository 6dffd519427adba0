/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Objects of the composition tree, devices and lines, for scripts. */

#include "script/script-private.h"

#include "device/device-private.h"
#include "qom/qom-private.h"
#include <string.h>

#define OWNER_KEY "emu-script-owner"

/**
 * EmuObject:
 *
 * A part of a machine: it has a type, a place in the composition tree, properties by name, and parts of its own.
 */

/**
 * EmuObject:type:
 *
 * The name of its type.
 */

/**
 * EmuObject::child-added:
 * @self: the object
 * @object: the new part
 *
 * It has a part more.
 */

/**
 * EmuObject::child-removed:
 * @self: the object
 * @object: what was a part
 *
 * It has a part less.
 */

/**
 * EmuDevice:
 *
 * A device of a machine, or one that a script's class describes.
 */

/**
 * EmuBus:
 *
 * What devices plug into.
 */

/**
 * EmuLine:
 *
 * One end of a wire: an interrupt request, a gate, a reset.
 */

/**
 * EmuCpu:
 *
 * A CPU: registers, memory as it sees it, steps and traces.
 */

/**
 * EmuSysbusDevice:
 *
 * The base of devices whose wiring is the board's: memory-mapped registers and lines.
 */

/**
 * EmuIsaDevice:
 *
 * The base of ISA devices: ports, and one of 16 interrupt requests.
 */

/**
 * EmuPciDevice:
 *
 * The base of PCI devices: configuration space, up to six BARs, INTA, bus mastering.
 */

/**
 * EmuPciDevice:addr:
 *
 * Slot and function: "4", "04.1".
 */

/**
 * EmuPciDevice:multifunction:
 *
 * Function 0 of a device that has others.
 */

/**
 * EmuPciDevice:romfile:
 *
 * Option ROM; empty for none.
 */

/**
 * EmuPciDevice:rombar:
 *
 * Whether the guest sees the option ROM.
 */

/**
 * EmuPciDevice:romsize:
 *
 * The size of the option ROM's BAR, a power of two; 4294967295 for what the file needs.
 */

/**
 * EmuI2cDevice:
 *
 * The base of devices on an I2C bus or SMBus.
 */

/**
 * EmuI2cDevice:address:
 *
 * Its address on the bus, 7 bits.
 */

/**
 * EmuSpiDevice:
 *
 * The base of devices on an SPI bus.
 */

/**
 * EmuSpiDevice:cs:
 *
 * Number of the chip select; 255: the next free one.
 */

/* ---- whose it is ---------------------------------------------------------------------------------------- */

static void
owner_free(gpointer data)
{
    g_weak_ref_clear(data);
    g_free(data);
}

gpointer
script_object_adopt(gpointer object, EmuScriptMachine *machine)
{
    if (object && machine && !g_object_get_data(object, OWNER_KEY)) {
        GWeakRef *ref = g_new0(GWeakRef, 1);

        g_weak_ref_init(ref, machine);
        g_object_set_data_full(object, OWNER_KEY, ref, owner_free);
    }
    return object ? g_object_ref(object) : NULL;
}

static EmuScriptMachine *
object_owner(gpointer object)
{
    GWeakRef *ref = g_object_get_data(object, OWNER_KEY);

    if (ref) {
        return g_weak_ref_get(ref);
    }
    return EMU_IS_DEVICE(object) ? script_machine_of(emu_device_get_machine(object)) : NULL;
}

ScriptScope
script_object_enter(gpointer object)
{
    ScriptScope scope = {.script = object_owner(object)};

    if (scope.script) {
        scope.machine = script_machine_enter(scope.script, &scope.locked, NULL);
    }
    return scope;
}

void
script_scope_leave(ScriptScope *scope)
{
    if (scope->machine) {
        script_machine_leave(scope->machine, scope->locked);
    }
    g_clear_object(&scope->script);
}

/* ---- any object ------------------------------------------------------------------------------------------- */

static char *
object_path(gpointer self)
{
    return emu_object_get_parent(self) ? emu_object_get_canonical_path(self) : NULL;
}

char *
script_object_name(gpointer object)
{
    char *path = object_path(object);

    return path ? path : g_strdup_printf("/%s", emu_object_get_type_name(object));
}

/**
 * emu_script_object_get_path:
 * @self: an object
 *
 * Its place in the composition tree, the same as in QMP.
 *
 * Returns: (transfer full) (nullable): "/machine/peripheral/net0"; %NULL while it has none
 */
char *
emu_script_object_get_path(EmuObject *self)
{
    ScriptScope scope = script_object_enter(self);
    char *path = object_path(self);

    script_scope_leave(&scope);
    return path;
}

/**
 * emu_script_object_get_type_name:
 * @self: an object
 *
 * The name of its type.
 *
 * Returns: "isa-serial"
 */
const char *
emu_script_object_get_type_name(EmuObject *self)
{
    return emu_object_get_type_name(self);
}

/**
 * emu_script_object_is_type:
 * @self: an object
 * @type_name: name of a type
 *
 * Whether it is of that type, or one derived from it.
 *
 * Returns: true when it is
 */
gboolean
emu_script_object_is_type(EmuObject *self, const char *type_name)
{
    return emu_object_is_a(self, type_name);
}

static GVariant *
value_from_text(const char *type, const char *text)
{
    uint64_t u;
    int64_t i;
    bool b;

    if (type && strcmp(type, "bool") == 0 && emu_parse_bool(text, &b)) {
        return g_variant_new_boolean(b);
    }
    if (type && (g_str_has_prefix(type, "uint") || strcmp(type, "size") == 0) && emu_parse_uint(text, &u)) {
        return g_variant_new_uint64(u);
    }
    if (type && g_str_has_prefix(type, "int") && emu_parse_int(text, &i)) {
        return g_variant_new_int64(i);
    }
    if (type && strcmp(type, "number") == 0) {
        return g_variant_new_double(g_ascii_strtod(text, NULL));
    }
    return g_variant_new_string(g_utf8_validate(text, -1, NULL) ? text : "");
}

/* NULL and @error when a property can hold no such value. */
char *
script_text_from_value(GVariant *value, const char *name, GError **error)
{
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BOOLEAN:
        return g_strdup(g_variant_get_boolean(value) ? "on" : "off");
    case G_VARIANT_CLASS_BYTE:
        return g_strdup_printf("%u", g_variant_get_byte(value));
    case G_VARIANT_CLASS_INT16:
        return g_strdup_printf("%d", g_variant_get_int16(value));
    case G_VARIANT_CLASS_UINT16:
        return g_strdup_printf("%u", g_variant_get_uint16(value));
    case G_VARIANT_CLASS_INT32:
        return g_strdup_printf("%d", g_variant_get_int32(value));
    case G_VARIANT_CLASS_UINT32:
        return g_strdup_printf("%u", g_variant_get_uint32(value));
    case G_VARIANT_CLASS_INT64:
        return g_strdup_printf("%" G_GINT64_FORMAT, g_variant_get_int64(value));
    case G_VARIANT_CLASS_UINT64:
        return g_strdup_printf("%" G_GUINT64_FORMAT, g_variant_get_uint64(value));
    case G_VARIANT_CLASS_DOUBLE: {
        char text[G_ASCII_DTOSTR_BUF_SIZE];

        return g_strdup(g_ascii_dtostr(text, sizeof(text), g_variant_get_double(value)));
    }
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
        return g_variant_dup_string(value, NULL);
    case G_VARIANT_CLASS_VARIANT: {
        g_autoptr(GVariant) inner = g_variant_get_variant(value);

        return script_text_from_value(inner, name, error);
    }
    default:
        script_set_error(error, BAD_VALUE, "/machine.%s: a value of type \"%s\" is no value of a property", name, g_variant_get_type_string(value));
        return NULL;
    }
}

/**
 * emu_script_object_get_value:
 * @self: an object
 * @name: name of a property
 * @error: return location
 *
 * A property's value: a boolean, a number or a string, whatever it is.
 *
 * Returns: (transfer full): the value
 */
GVariant *
emu_script_object_get_value(EmuObject *self, const char *name, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    g_autofree char *path = script_object_name(self), *type = NULL, *text = NULL;
    GVariant *value = NULL;
    GError *core = NULL;

    if (!emu_object_has_property(self, name)) {
        script_set_error(error, NO_SUCH_PROPERTY, "%s.%s: there is no such property", path, name);
    } else {
        type = emu_object_property_type_text(self, name);
        text = emu_object_get_as_string(self, name, &core);
        if (text) {
            value = g_variant_ref_sink(value_from_text(type, text));
        } else if (core) {
            script_error_take(error, core, path, name);
        } else {
            value = g_variant_ref_sink(g_variant_new_string(""));
        }
    }
    script_scope_leave(&scope);
    return value;
}

/**
 * emu_script_object_set_value:
 * @self: an object
 * @name: name of a property
 * @value: a boolean, a number or a string
 * @error: return location
 *
 * Sets a property, as the command line does: strings may be anything that it would take.
 *
 * Returns: whether it is set
 */
gboolean
emu_script_object_set_value(EmuObject *self, const char *name, GVariant *value, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    g_autofree char *path = script_object_name(self);
    g_autofree char *text = script_text_from_value(value, name, error);
    GError *core = NULL;
    bool ok = text && emu_object_set_from_string(self, name, text, &core);

    script_scope_leave(&scope);
    return core ? script_error_take(error, core, path, name) : ok;
}

/**
 * emu_script_object_list_values:
 * @self: an object
 *
 * Its properties.
 *
 * Returns: (transfer container) (element-type EmuScriptProperty): sorted by name
 */
GPtrArray *
emu_script_object_list_values(EmuObject *self)
{
    ScriptScope scope = script_object_enter(self);
    g_autoptr(GPtrArray) infos = emu_object_list_properties(self);

    script_scope_leave(&scope);
    return script_properties_new(infos);
}

/**
 * emu_script_object_get_parent_object:
 * @self: an object
 *
 * What it is a part of.
 *
 * Returns: (transfer full) (nullable): %NULL for the root, and outside of trees
 */
EmuObject *
emu_script_object_get_parent_object(EmuObject *self)
{
    ScriptScope scope = script_object_enter(self);
    EmuObject *parent = script_object_adopt(emu_object_get_parent(self), scope.script);

    script_scope_leave(&scope);
    return parent;
}

typedef struct {
    GPtrArray *list;
    EmuScriptMachine *script;
} Collect;

static bool
collect_cb(EmuObject *child, gpointer data)
{
    Collect *collect = data;

    g_ptr_array_add(collect->list, script_object_adopt(child, collect->script));
    return false;
}

/**
 * emu_script_object_list_children:
 * @self: an object
 *
 * Its parts, in the order in which they came.
 *
 * Returns: (transfer container) (element-type EmuObject): the parts
 */
GPtrArray *
emu_script_object_list_children(EmuObject *self)
{
    ScriptScope scope = script_object_enter(self);
    Collect collect = {g_ptr_array_new_with_free_func(g_object_unref), scope.script};

    emu_object_foreach_child(self, collect_cb, &collect);
    script_scope_leave(&scope);
    return collect.list;
}

/**
 * emu_script_object_lookup:
 * @self: an object
 * @path: names of parts, separated by slashes
 * @error: return location
 *
 * A part of it, or a part's part.
 *
 * Returns: (transfer full): the part
 */
EmuObject *
emu_script_object_lookup(EmuObject *self, const char *path, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    g_auto(GStrv) words = g_strsplit(path, "/", -1);
    g_autofree char *name = script_object_name(self);
    EmuObject *at = self;

    for (char **word = words; at && *word; word++) {
        at = **word ? emu_object_get_child(at, *word) : at;
    }
    if (!at) {
        script_set_error(error, NOT_FOUND, "%s: there is no \"%s\" in it", name, path);
    }
    at = script_object_adopt(at, scope.script);
    script_scope_leave(&scope);
    return at;
}

/* ---- devices ---------------------------------------------------------------------------------------------- */

/**
 * emu_script_device_get_label:
 * @self: a device
 *
 * What messages call it.
 *
 * Returns: its id, or its name in the tree, or its type's
 */
const char *
emu_script_device_get_label(EmuDevice *self)
{
    return emu_device_get_label(self);
}

/**
 * emu_script_device_is_realized:
 * @self: a device
 *
 * Whether it is part of a machine.
 *
 * Returns: true when it is
 */
gboolean
emu_script_device_is_realized(EmuDevice *self)
{
    return emu_device_is_realized(self);
}

/**
 * emu_script_device_get_machine:
 * @self: a device
 *
 * The machine that it is part of.
 *
 * Returns: (transfer full) (nullable): %NULL when it is part of none
 */
EmuScriptMachine *
emu_script_device_get_machine(EmuDevice *self)
{
    return object_owner(self);
}

static bool
need_realized(EmuDevice *self, GError **error)
{
    g_autofree char *name = NULL;

    if (emu_device_is_realized(self)) {
        return true;
    }
    name = script_object_name(self);
    script_set_error(error, WRONG_STATE, "%s: not part of a machine", name);
    return false;
}

/**
 * emu_script_device_reset:
 * @self: a device
 * @error: return location
 *
 * Resets it, and what is on its buses.
 *
 * Returns: whether it is part of a machine
 */
gboolean
emu_script_device_reset(EmuDevice *self, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    bool ok = need_realized(self, error);

    if (ok) {
        emu_device_reset(self);
    }
    script_scope_leave(&scope);
    return ok;
}

static GPtrArray *
adopt_list(GPtrArray *lines, EmuScriptMachine *script)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);

    for (guint i = 0; i < lines->len; i++) {
        g_ptr_array_add(list, script_object_adopt(g_ptr_array_index(lines, i), script));
    }
    return list;
}

/**
 * emu_script_device_list_lines:
 * @self: a device
 *
 * Its inputs and outputs.
 *
 * Returns: (transfer container) (element-type EmuLine): the lines, in order of addition
 */
GPtrArray *
emu_script_device_list_lines(EmuDevice *self)
{
    ScriptScope scope = script_object_enter(self);
    g_autoptr(GPtrArray) lines = emu_device_list_lines(self);
    GPtrArray *list = adopt_list(lines, scope.script);

    script_scope_leave(&scope);
    return list;
}

/**
 * emu_script_device_get_line:
 * @self: a device
 * @name: (nullable): name of a group of lines; %NULL: the group without a name
 * @index: which of the group
 * @output: whether it is an output
 * @error: return location
 *
 * One of its lines.
 *
 * Returns: (transfer full): the line
 */
EmuLine *
emu_script_device_get_line(EmuDevice *self, const char *name, guint index, gboolean output, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    g_autofree char *path = script_object_name(self);
    g_autofree char *child = g_strdup_printf("%s[%u]", name ? name : output ? "unnamed-gpio-out" : "unnamed-gpio-in", index);
    EmuObject *object = emu_object_get_child(self, child);
    EmuLine *line = NULL;

    if (object && EMU_IS_LINE(object) && emu_line_is_output(EMU_LINE(object)) == !!output) {
        line = script_object_adopt(object, scope.script);
    } else {
        script_set_error(error, NOT_FOUND, "%s.%s: there is no such %s", path, child, output ? "output" : "input");
    }
    script_scope_leave(&scope);
    return line;
}

typedef struct {
    const char *type;
    GVariant *properties;
    EmuDevice *device;
} Add;

static bool
add_on_thread(EmuScriptMachine *self, gpointer data, GError **error)
{
    Add *add = data;
    EmuOpts *opts = emu_opts_new();
    GError *core = NULL;
    GVariantIter iter;
    const char *name;
    GVariant *value;
    GType type;
    bool ok = self->machine;

    emu_opts_add(opts, "driver", add->type);
    g_variant_iter_init(&iter, add->properties);
    while (ok && g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autofree char *text = script_text_from_value(value, name, error);

        ok = text;
        if (ok) {
            emu_opts_add(opts, name, text);
        }
        g_variant_unref(value);
    }
    type = ok ? emu_type_lookup(add->type, NULL) : G_TYPE_INVALID;
    if (ok && self->phase == SCRIPT_READY && type != G_TYPE_INVALID && g_type_is_a(type, EMU_TYPE_DEVICE)) {
        g_autoptr(GTypeClass) klass = g_type_class_ref(type);

        if (!EMU_DEVICE_CLASS(klass)->hotpluggable) {
            script_set_error(error, WRONG_STATE, "/machine/peripheral: a %s can only be added before the machine is realized", add->type);
            ok = false;
        }
    }
    if (ok) {
        EmuDevice *device = emu_machine_add_device(self->machine, opts, &core);

        add->device = script_object_adopt(device, self);
        if (!device) {
            g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", add->type);

            ok = script_error_take(error, core, path, NULL);
        }
    }
    emu_opts_free(opts);
    return ok;
}

/**
 * emu_script_machine_add_device:
 * @self: a machine
 * @type: name of a device type
 * @properties: (nullable): a{sv}: "id", "bus" and the type's properties
 * @error: return location
 *
 * Adds a device, as -device does. Before realize() any device can be added, the board is built for it if need be; later
 * those that can be plugged into a running machine.
 *
 * Returns: (transfer full): the device
 */
EmuDevice *
emu_script_machine_add_device(EmuScriptMachine *self, const char *type, GVariant *properties, GError **error)
{
    g_autoptr(GVariant) none = g_variant_ref_sink(g_variant_new("a{sv}", NULL));
    Add add = {type, properties ? properties : none, NULL};

    if (!g_variant_is_of_type(add.properties, G_VARIANT_TYPE_VARDICT)) {
        script_set_error(error, BAD_VALUE, "/machine.%s: properties are of type \"%s\", expected \"a{sv}\"", type,
                         g_variant_get_type_string(add.properties));
        return NULL;
    }
    return script_machine_assemble(self, error) && script_machine_call(self, add_on_thread, &add, error) ? add.device : NULL;
}

static bool
remove_on_thread(EmuScriptMachine *self, gpointer data, GError **error)
{
    EmuDevice *device = data;
    g_autofree char *name = script_object_name(device);
    GError *core = NULL;

    if (!self->machine || emu_device_get_machine(device) != self->machine) {
        script_set_error(error, NOT_FOUND, "%s: not part of this machine", name);
        return false;
    }
    return emu_device_request_unplug(device, &core) || script_error_take(error, core, name, NULL);
}

/**
 * emu_script_machine_remove_device:
 * @self: a machine
 * @device: a device that can be unplugged
 * @error: return location
 *
 * Asks for a device to be unplugged; where the guest has a say the event DEVICE_DELETED tells when it is gone.
 *
 * Returns: whether it could be asked for
 */
gboolean
emu_script_machine_remove_device(EmuScriptMachine *self, EmuDevice *device, GError **error)
{
    return script_machine_check(self, error) && script_machine_call(self, remove_on_thread, device, error);
}

/* ---- lines -------------------------------------------------------------------------------------------------- */

/**
 * emu_script_line_set:
 * @self: a line
 * @level: 0 or 1, or whatever the two sides agree on
 *
 * Drives it. An input can be driven directly, beside what it is connected to.
 */
void
emu_script_line_set(EmuLine *self, gint level)
{
    ScriptScope scope = script_object_enter(self);

    emu_line_set(self, level);
    script_scope_leave(&scope);
}

/**
 * emu_script_line_pulse:
 * @self: a line
 *
 * Up and down.
 */
void
emu_script_line_pulse(EmuLine *self)
{
    ScriptScope scope = script_object_enter(self);

    emu_line_pulse(self);
    script_scope_leave(&scope);
}

/**
 * emu_script_line_get:
 * @self: a line
 *
 * The level that it was driven to last.
 *
 * Returns: the level
 */
gint
emu_script_line_get(EmuLine *self)
{
    ScriptScope scope = script_object_enter(self);
    gint level = emu_line_get(self);

    script_scope_leave(&scope);
    return level;
}

/**
 * emu_script_line_is_output:
 * @self: a line
 *
 * Whether it drives others.
 *
 * Returns: true when it does
 */
gboolean
emu_script_line_is_output(EmuLine *self)
{
    return emu_line_is_output(self);
}

/**
 * emu_script_line_list_peers:
 * @self: a line
 *
 * What is at the other end.
 *
 * Returns: (transfer container) (element-type EmuLine): the lines
 */
GPtrArray *
emu_script_line_list_peers(EmuLine *self)
{
    ScriptScope scope = script_object_enter(self);
    g_autoptr(GPtrArray) peers = emu_line_list_peers(self);
    GPtrArray *list = adopt_list(peers, scope.script);

    script_scope_leave(&scope);
    return list;
}

/**
 * emu_script_line_connect_to:
 * @self: an output
 * @input: an input
 *
 * Lays a wire. Between two outputs, or two inputs, there is none.
 */
void
emu_script_line_connect_to(EmuLine *self, EmuLine *input)
{
    ScriptScope scope = script_object_enter(self);

    if (emu_line_is_output(self) && !emu_line_is_output(input)) {
        emu_line_connect(self, input);
    }
    script_scope_leave(&scope);
}
