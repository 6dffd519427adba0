/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buses for scripts: lists of what is on them, buses that a script's device provides, and being their master. */

#include "script/device-type-private.h"

#include <emu/i2c.h>
#include <emu/isa.h>
#include <emu/script/bus.h>
#include <emu/spi.h>
#include <string.h>

/**
 * EmuI2cBus:
 *
 * An I2C bus or SMBus, from the master's side.
 */

/**
 * EmuSpiBus:
 *
 * An SPI bus, from the controller's side.
 */

/**
 * EmuIsaBus:
 *
 * An ISA bus.
 */

/* ---- what is there -------------------------------------------------------------------------------------- */

/**
 * emu_script_bus_get_name:
 * @self: a bus
 *
 * What bus= calls it.
 *
 * Returns: "ide.0"
 */
const char *
emu_script_bus_get_name(EmuBus *self)
{
    return emu_bus_get_name(self);
}

/**
 * emu_script_bus_get_owner:
 * @self: a bus
 *
 * The device that provides it.
 *
 * Returns: (transfer full) (nullable): %NULL for the machine's own
 */
EmuDevice *
emu_script_bus_get_owner(EmuBus *self)
{
    ScriptScope scope = script_object_enter(self);
    EmuDevice *owner = script_object_adopt(emu_bus_get_owner(self), scope.script);

    script_scope_leave(&scope);
    return owner;
}

static GPtrArray *
adopt_all(GPtrArray *objects, EmuScriptMachine *script)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_object_unref);

    for (guint i = 0; i < objects->len; i++) {
        g_ptr_array_add(list, script_object_adopt(g_ptr_array_index(objects, i), script));
    }
    return list;
}

/**
 * emu_script_bus_list_devices:
 * @self: a bus
 *
 * What is plugged into it.
 *
 * Returns: (transfer container) (element-type EmuDevice): in order of plugging
 */
GPtrArray *
emu_script_bus_list_devices(EmuBus *self)
{
    ScriptScope scope = script_object_enter(self);
    GPtrArray *list = adopt_all(emu_bus_get_devices(self), scope.script);

    script_scope_leave(&scope);
    return list;
}

/**
 * emu_script_device_get_bus:
 * @self: a device
 *
 * The bus that it is plugged into.
 *
 * Returns: (transfer full) (nullable): %NULL when it is on none
 */
EmuBus *
emu_script_device_get_bus(EmuDevice *self)
{
    ScriptScope scope = script_object_enter(self);
    EmuBus *bus = script_object_adopt(emu_device_get_bus(self), scope.script);

    script_scope_leave(&scope);
    return bus;
}

/**
 * emu_script_device_list_buses:
 * @self: a device
 *
 * The buses that it provides.
 *
 * Returns: (transfer container) (element-type EmuBus): the buses
 */
GPtrArray *
emu_script_device_list_buses(EmuDevice *self)
{
    ScriptScope scope = script_object_enter(self);
    GPtrArray *list = adopt_all(emu_device_get_buses(self), scope.script);

    script_scope_leave(&scope);
    return list;
}

/* ---- buses of a script's device --------------------------------------------------------------------------- */

/**
 * emu_script_device_add_spi_bus:
 * @self: a device in its realize function
 * @name: (nullable): its name; %NULL: "spi-bus.N"
 * @n_selects: how many chip selects there are, 1 to 32
 * @error: return location
 *
 * The device becomes an SPI controller.
 *
 * Returns: (transfer full): its bus
 */
EmuSpiBus *
emu_script_device_add_spi_bus(EmuDevice *self, const char *name, guint n_selects, GError **error)
{
    g_autoptr(EmuScriptMachine) script = NULL;

    if (!script_device_need_machine(self, "bus", error) || (name && !script_check_name(self, name, error))) {
        return NULL;
    }
    if (n_selects < 1 || n_selects > 32) {
        g_autofree char *path = script_object_name(self);

        script_set_error(error, BAD_VALUE, "%s.%s: %u chip selects, expected 1 to 32", path, name ? name : "spi-bus", n_selects);
        return NULL;
    }
    script = script_machine_of(emu_device_get_machine(self));
    return script_object_adopt(emu_spi_bus_new(self, name, n_selects), script);
}

/**
 * emu_script_device_add_i2c_bus:
 * @self: a device in its realize function
 * @name: (nullable): its name; %NULL: "i2c-bus.N"
 * @error: return location
 *
 * The device becomes an I2C master.
 *
 * Returns: (transfer full): its bus
 */
EmuI2cBus *
emu_script_device_add_i2c_bus(EmuDevice *self, const char *name, GError **error)
{
    g_autoptr(EmuScriptMachine) script = NULL;

    if (!script_device_need_machine(self, "bus", error) || (name && !script_check_name(self, name, error))) {
        return NULL;
    }
    script = script_machine_of(emu_device_get_machine(self));
    return script_object_adopt(emu_i2c_bus_new(self, name), script);
}

/**
 * emu_script_device_add_isa_bus:
 * @self: a device in its realize function
 * @func: (scope notified) (closure user_data) (destroy destroy): called when a card drives one of the 16 interrupt requests
 * @user_data: for @func
 * @destroy: called when @func is not needed any more
 * @error: return location
 *
 * The device becomes the bridge to an ISA bus, whose ports and memory are the machine's.
 *
 * Returns: (transfer full): its bus
 */
EmuIsaBus *
emu_script_device_add_isa_bus(EmuDevice *self, EmuScriptLineFunc func, gpointer user_data, GDestroyNotify destroy, GError **error)
{
    g_autoptr(EmuScriptMachine) script = NULL;
    EmuMachine *machine = emu_device_get_machine(self);
    EmuLine *irqs[16];
    ScriptInput *input;
    EmuIsaBus *bus;

    if (!script_device_need_machine(self, "bus", error)) {
        if (destroy) {
            destroy(user_data);
        }
        return NULL;
    }
    script = script_machine_of(machine);
    input = script_input_new(self, func, user_data, destroy);
    bus = emu_isa_bus_new(self, emu_machine_get_system_memory(machine), emu_machine_get_system_io(machine));
    for (unsigned i = 0; i < G_N_ELEMENTS(irqs); i++) {
        irqs[i] = emu_line_new_in(self, "isa-irq", script_input_cb, input, i);
    }
    emu_isa_bus_set_irqs(bus, irqs);
    return script_object_adopt(bus, script);
}

/* ---- masters ------------------------------------------------------------------------------------------------ */

static bool
bad_value(gpointer bus, const char *what, guint value, guint last, GError **error)
{
    g_autofree char *path = script_object_name(bus);

    script_set_error(error, BAD_VALUE, "%s.%s: is %u, expected at most %u", path, what, value, last);
    return false;
}

/**
 * emu_script_spi_bus_set_select:
 * @self: an SPI bus
 * @select: which chip select
 * @level: the level of its pin; 0 selects most parts
 * @error: return location
 *
 * Drives a chip select.
 *
 * Returns: whether there is such a chip select
 */
gboolean
emu_script_spi_bus_set_select(EmuSpiBus *self, guint select, gint level, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    EmuLine *line = emu_spi_bus_get_select(self, select);

    emu_line_set(line, level != 0);
    script_scope_leave(&scope);
    return line || bad_value(self, "select", select, 31, error);
}

/**
 * emu_script_spi_bus_transfer:
 * @self: an SPI bus
 * @value: a word
 * @bits: its length, 1 to 32
 * @answer: (out): what came in meanwhile; ones when nobody is selected
 * @error: return location
 *
 * Shifts a word out, and one in.
 *
 * Returns: (skip): whether the length is one
 */
gboolean
emu_script_spi_bus_transfer(EmuSpiBus *self, guint value, guint bits, guint *answer, GError **error)
{
    ScriptScope scope;

    *answer = 0;
    if (bits < 1 || bits > 32) {
        return bad_value(self, "bits", bits, 32, error);
    }
    scope = script_object_enter(self);
    *answer = emu_spi_transfer(self, value, bits);
    script_scope_leave(&scope);
    return TRUE;
}

/**
 * emu_script_i2c_bus_start:
 * @self: an I2C bus
 * @address: whom to address, 0 to 127
 * @receive: whether the master is to receive
 * @error: return location
 *
 * Begins a transfer.
 *
 * Returns: whether somebody answers; false with @error for an address that is none
 */
gboolean
emu_script_i2c_bus_start(EmuI2cBus *self, guint address, gboolean receive, GError **error)
{
    ScriptScope scope;
    bool ok;

    if (address > 127) {
        return bad_value(self, "address", address, 127, error);
    }
    scope = script_object_enter(self);
    ok = emu_i2c_start(self, (uint8_t)address, receive) == 0;
    script_scope_leave(&scope);
    return ok;
}

/**
 * emu_script_i2c_bus_send:
 * @self: an I2C bus, in a transfer
 * @data: a byte
 * @error: return location
 *
 * Sends a byte.
 *
 * Returns: whether it was acknowledged; false with @error when @data is no byte
 */
gboolean
emu_script_i2c_bus_send(EmuI2cBus *self, guint data, GError **error)
{
    ScriptScope scope;
    bool ok;

    if (data > 255) {
        return bad_value(self, "data", data, 255, error);
    }
    scope = script_object_enter(self);
    ok = emu_i2c_send(self, (uint8_t)data) == 0;
    script_scope_leave(&scope);
    return ok;
}

/**
 * emu_script_i2c_bus_receive:
 * @self: an I2C bus, in a transfer
 * @acknowledge: whether more bytes are wanted after this one
 *
 * Receives a byte.
 *
 * Returns: the byte; ones when nobody sends
 */
gint
emu_script_i2c_bus_receive(EmuI2cBus *self, gboolean acknowledge)
{
    ScriptScope scope = script_object_enter(self);
    gint data = emu_i2c_recv(self);

    if (!acknowledge) {
        emu_i2c_nack(self);
    }
    script_scope_leave(&scope);
    return data;
}

/**
 * emu_script_i2c_bus_stop:
 * @self: an I2C bus
 *
 * Ends the transfer.
 */
void
emu_script_i2c_bus_stop(EmuI2cBus *self)
{
    ScriptScope scope = script_object_enter(self);

    emu_i2c_end(self);
    script_scope_leave(&scope);
}
