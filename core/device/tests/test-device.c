/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Devices, buses, lines, reset, global properties. */

#include "device/device-private.h"

#include <emu/i2c.h>
#include <emu/isa.h>
#include <emu/test.h>

#include <string.h>

/* ---- types for the tests ---------------------------------------------------------------------------- */

static GString *journal;

typedef struct {
    EmuSysbusDevice parent;
    uint32_t knob;
    bool fail;
    EmuBus *bus;
    EmuLine *out;
} Hub;

static void
hub_in(gpointer opaque, unsigned index, int level)
{
    if (journal) {
        g_string_append_printf(journal, "in%u=%d ", index, level);
    }
}

static bool
hub_realize(EmuDevice *dev, GError **error)
{
    Hub *self = (Hub *)dev;

    emu_device_add_lines_in(dev, NULL, 4, hub_in);
    emu_device_add_lines_out(dev, "out", 1, &self->out);
    self->bus = emu_bus_new("test-hub-bus", dev, NULL);
    if (self->fail) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "told to fail");
        return false;
    }
    return true;
}

static void
note(EmuDevice *dev, const char *what)
{
    if (journal) {
        g_string_append_printf(journal, "%s:%s ", emu_device_get_label(dev), what);
    }
}

static void
any_enter(EmuDevice *dev)
{
    note(dev, "enter");
}

static void
any_hold(EmuDevice *dev)
{
    note(dev, "hold");
}

static void
any_exit(EmuDevice *dev)
{
    note(dev, "exit");
    if (emu_device_get_bus(dev) && emu_bus_get_owner(emu_device_get_bus(dev))) {
        emu_device_reset(emu_bus_get_owner(emu_device_get_bus(dev))); /* a loop: must come to its end */
    }
}

static void
any_unrealize(EmuDevice *dev)
{
    note(dev, "unrealize");
}

static const EmuProperty hub_properties[] = {
    EMU_PROP_UINT32("knob", Hub, knob, 7, "a number"),
    EMU_PROP_BOOL("fail", Hub, fail, false, "realize fails"),
};

static void
hub_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = hub_realize;
    device_class->unrealize = any_unrealize;
    device_class->reset_enter = any_enter;
    device_class->reset_hold = any_hold;
    device_class->reset_exit = any_exit;
    device_class->user_creatable = true;
    device_class->category = "misc";
    emu_object_class_add_properties(klass, hub_properties, G_N_ELEMENTS(hub_properties));
}

static void
leaf_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device_class = klass;

    device_class->unrealize = any_unrealize;
    device_class->reset_enter = any_enter;
    device_class->reset_hold = any_hold;
    device_class->reset_exit = any_exit;
    device_class->bus_type = "test-hub-bus";
    device_class->hotpluggable = true;
}

static void
hub_bus_class_init(gpointer klass, gconstpointer data)
{
    ((EmuBusClass *)klass)->max_devices = 2;
}

/* An I2C memory of one byte. */
typedef struct {
    EmuI2cDevice parent;
    uint8_t value;
} Cell;

static int
cell_send(EmuI2cDevice *dev, uint8_t data)
{
    ((Cell *)dev)->value = data;
    return 0;
}

static uint8_t
cell_recv(EmuI2cDevice *dev)
{
    return ((Cell *)dev)->value;
}

static void
cell_class_init(gpointer klass, gconstpointer data)
{
    ((EmuI2cDeviceClass *)klass)->send = cell_send;
    ((EmuI2cDeviceClass *)klass)->recv = cell_recv;
}

/* An ISA card with one port and a request. */
typedef struct {
    EmuIsaDevice parent;
    uint32_t irq;
    EmuLine *line;
} Card;

static uint64_t
card_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return 0xa5;
}

static const EmuMemoryRegionOps card_ops = {.read = card_read, .valid_max = 1};

static bool
card_realize(EmuDevice *dev, GError **error)
{
    Card *self = (Card *)dev;

    emu_isa_device_map_io(&self->parent, emu_memory_region_new_io(self, "card", 8, &card_ops, self), 0x300);
    emu_device_add_lines_out(dev, "irq", 1, &self->line);
    return emu_isa_device_connect_irq(&self->parent, self->line, self->irq, error);
}

static const EmuProperty card_properties[] = {EMU_PROP_UINT32("irq", Card, irq, 5, "request")};

static void
card_class_init(gpointer klass, gconstpointer data)
{
    ((EmuDeviceClass *)klass)->realize = card_realize;
    emu_object_class_add_properties(klass, card_properties, G_N_ELEMENTS(card_properties));
}

/* A hotplug handler that does as told. */
typedef struct {
    EmuObject parent;
    bool refuse_pre_plug, refuse_plug;
    unsigned plugs, unplugs;
} Plugger;

static bool
plugger_pre_plug(EmuHotplugHandler *self, EmuDevice *dev, GError **error)
{
    if (((Plugger *)self)->refuse_pre_plug) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "not before");
        return false;
    }
    return true;
}

static bool
plugger_plug(EmuHotplugHandler *self, EmuDevice *dev, GError **error)
{
    if (((Plugger *)self)->refuse_plug) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "not after");
        return false;
    }
    ((Plugger *)self)->plugs++;
    return true;
}

static bool
plugger_unplug(EmuHotplugHandler *self, EmuDevice *dev, GError **error)
{
    ((Plugger *)self)->unplugs++;
    return true;
}

static void
plugger_handler_init(gpointer iface, gpointer data)
{
    EmuHotplugHandlerInterface *handler = iface;

    handler->pre_plug = plugger_pre_plug;
    handler->plug = plugger_plug;
    handler->unplug = plugger_unplug;
}

static const EmuInterfaceImpl plugger_interfaces[] = {{"hotplug-handler", plugger_handler_init}, {NULL}};

static const EmuTypeInfo types[] = {
    {.name = "test-plugger", .parent = "object", .instance_size = sizeof(Plugger), .interfaces = plugger_interfaces},
    {.name = "test-hub", .parent = "sysbus-device", .instance_size = sizeof(Hub), .class_init = hub_class_init, .description = "a hub"},
    {.name = "test-hub-bus", .parent = "bus", .instance_size = sizeof(EmuBus), .class_init = hub_bus_class_init},
    {.name = "test-leaf", .parent = "device", .instance_size = sizeof(EmuDevice), .class_init = leaf_class_init},
    {.name = "test-cell", .parent = "i2c-device", .instance_size = sizeof(Cell), .class_init = cell_class_init},
    {.name = "test-card", .parent = "isa-device", .instance_size = sizeof(Card), .class_init = card_class_init},
};

static void
register_types(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        emu_type_register_static(&types[i]);
    }
}
type_init(register_types)

/* ---- helpers ----------------------------------------------------------------------------------------- */

static EmuMachine *
machine_new(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *machine = emu_test_machine_new("none", &error);

    g_assert_no_error(error);
    emu_machine_lock(machine);
    return machine;
}

static void
machine_free(EmuMachine *machine)
{
    emu_machine_unlock(machine);
    emu_machine_destroy(machine);
    g_object_unref(machine);
}

static EmuDevice *
add(EmuMachine *machine, const char *type, const char *id, EmuBus *bus)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_device_new(type, &error);

    g_assert_no_error(error);
    emu_device_set_id(dev, id);
    g_assert_true(emu_device_realize(dev, machine, bus, &error));
    g_assert_no_error(error);
    return dev;
}

/* ---- lines --------------------------------------------------------------------------------------------- */

typedef struct {
    unsigned calls;
    int level;
} Sink;

static void
sink_fn(gpointer opaque, unsigned index, int level)
{
    Sink *sink = opaque;

    sink->calls++;
    sink->level = level;
}

static void
test_lines(void)
{
    Sink sinks[2] = {{0}};
    EmuLine *out = emu_line_new_out(NULL, NULL), *in[2];
    g_autoptr(GPtrArray) peers = NULL, back = NULL;

    for (unsigned i = 0; i < 2; i++) {
        in[i] = emu_line_new_in(NULL, "in", sink_fn, &sinks[i], i);
        emu_line_connect(out, in[i]);
        emu_line_connect(out, in[i]); /* once is enough */
    }
    peers = emu_line_list_peers(out);
    g_assert_cmpuint(peers->len, ==, 2);
    back = emu_line_list_peers(in[1]);
    g_assert_cmpuint(back->len, ==, 1);
    g_assert_true(g_ptr_array_index(back, 0) == out);

    emu_line_set(out, 1);
    g_assert_cmpint(emu_line_get(in[0]), ==, 1);
    emu_line_pulse(out);
    g_assert_cmpuint(sinks[1].calls, ==, 3);
    g_assert_cmpint(sinks[1].level, ==, 0);
    emu_line_set(NULL, 1);

    emu_line_disconnect(out, in[0]);
    emu_line_set(out, 1);
    g_assert_cmpuint(sinks[0].calls, ==, 3);
    g_assert_cmpuint(sinks[1].calls, ==, 4);
    emu_line_set(in[0], 5);
    g_assert_cmpint(sinks[0].level, ==, 5);
    g_object_unref(in[1]); /* goes while it is connected */
    emu_line_set(out, 0);
    g_assert_cmpuint(sinks[1].calls, ==, 4);
    g_object_unref(out);
    g_object_unref(in[0]);
}

static void
test_device_lines(void)
{
    EmuMachine *machine = machine_new();
    Hub *hub = (Hub *)add(machine, "test-hub", "hub", NULL), *other = (Hub *)add(machine, "test-hub", "other", NULL);
    g_autoptr(GPtrArray) lines = emu_device_list_lines(EMU_DEVICE(hub));
    g_autofree char *path = NULL;

    g_assert_cmpuint(lines->len, ==, 5);
    path = emu_object_get_canonical_path(emu_device_get_line_in(EMU_DEVICE(hub), NULL, 3));
    g_assert_cmpstr(path, ==, "/machine/peripheral/hub/unnamed-gpio-in[3]");
    g_assert_null(emu_device_get_line_in(EMU_DEVICE(hub), NULL, 4));
    g_assert_null(emu_device_get_line_in(EMU_DEVICE(hub), "out", 0));
    emu_device_connect_out(EMU_DEVICE(hub), "out", 0, emu_device_get_line_in(EMU_DEVICE(other), NULL, 2));
    journal = g_string_new(NULL);
    emu_line_set(hub->out, 1);
    g_assert_cmpstr(journal->str, ==, "in2=1 ");
    emu_device_unrealize(EMU_DEVICE(other));
    g_string_truncate(journal, 0);
    emu_line_set(hub->out, 0); /* into the void */
    g_assert_cmpstr(journal->str, ==, "");
    g_string_free(g_steal_pointer(&journal), TRUE);
    machine_free(machine);
}

/* ---- life cycle ---------------------------------------------------------------------------------------- */

static void
test_places(void)
{
    EmuMachine *machine = machine_new();
    EmuDevice *dev = emu_device_new("test-hub", NULL);
    g_autofree char *with_id = emu_object_get_canonical_path(add(machine, "test-hub", "mine", NULL));
    g_autofree char *without = emu_object_get_canonical_path(add(machine, "test-hub", NULL, NULL));
    g_autofree char *anonymous = NULL;
    g_autoptr(GError) error = NULL;

    emu_device_set_user_created(dev, true);
    g_assert_true(emu_device_realize(dev, machine, NULL, NULL));
    anonymous = emu_object_get_canonical_path(dev);
    g_assert_cmpstr(with_id, ==, "/machine/peripheral/mine");
    g_assert_true(g_str_has_prefix(without, "/machine/unattached/device["));
    g_assert_cmpstr(anonymous, ==, "/machine/peripheral-anon/device[0]");

    dev = emu_device_new("test-hub", NULL);
    emu_device_set_id(dev, "mine");
    g_assert_false(emu_device_realize(dev, machine, NULL, &error));
    g_assert_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE);
    g_assert_true(emu_device_find(machine, "mine", NULL) != NULL);
    g_assert_true(emu_device_find(machine, "/machine/peripheral/mine", NULL) != NULL);
    machine_free(machine);
}

static void
test_failure_leaves_nothing(void)
{
    EmuMachine *machine = machine_new();
    EmuDevice *dev = emu_device_new("test-hub", NULL);
    unsigned before = emu_bus_get_devices(emu_machine_get_sysbus(machine))->len;
    g_autoptr(GError) error = NULL;

    g_object_add_weak_pointer(G_OBJECT(dev), (gpointer *)&dev);
    g_assert_true(emu_object_set_from_string(dev, "fail", "on", NULL));
    emu_device_set_id(dev, "broken");
    g_assert_false(emu_device_realize(dev, machine, NULL, &error));
    g_assert_cmpstr(error->message, ==, "told to fail");
    g_assert_null(dev);
    g_assert_null(emu_device_find(machine, "broken", NULL));
    g_assert_cmpuint(emu_bus_get_devices(emu_machine_get_sysbus(machine))->len, ==, before);
    machine_free(machine);
}

static void
test_wrong_bus(void)
{
    EmuMachine *machine = machine_new();
    g_autoptr(GError) error = NULL;
    Hub *hub;

    g_assert_false(emu_device_realize(emu_device_new("test-leaf", NULL), machine, NULL, &error));
    g_assert_cmpstr(error->message, ==, "device 'test-leaf' needs a bus of type test-hub-bus");
    g_clear_error(&error);
    hub = (Hub *)add(machine, "test-hub", NULL, NULL);
    g_assert_cmpstr(emu_bus_get_name(hub->bus), ==, "test-hub-bus.0");
    g_assert_false(emu_device_realize(emu_device_new("test-cell", NULL), machine, hub->bus, &error));
    g_assert_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED);
    g_clear_error(&error);
    add(machine, "test-leaf", "a", hub->bus);
    add(machine, "test-leaf", "b", hub->bus);
    g_assert_false(emu_device_realize(emu_device_new("test-leaf", NULL), machine, hub->bus, &error));
    g_assert_cmpstr(error->message, ==, "bus 'test-hub-bus.0' has no room for 'test-leaf', it takes 2 devices");
    g_clear_error(&error);
    g_assert_null(emu_bus_find(machine, NULL, "test-hub-bus", &error));
    g_assert_cmpstr(error->message, ==, "no bus of type test-hub-bus has room for another device");
    g_clear_error(&error);
    g_assert_true(emu_bus_find(machine, "test-hub-bus.0", NULL, NULL) == hub->bus);
    g_assert_null(emu_bus_find(machine, "nothing", "test-hub-bus", &error));
    g_assert_cmpstr(error->message, ==, "bus 'nothing' not found, there is 'test-hub-bus.0'");
    machine_free(machine);
}

static void
test_unrealize_takes_all_below(void)
{
    EmuMachine *machine = machine_new();
    Hub *hub = (Hub *)add(machine, "test-hub", "hub", NULL);
    EmuDevice *leaf = add(machine, "test-leaf", "leaf", hub->bus);

    g_object_add_weak_pointer(G_OBJECT(leaf), (gpointer *)&leaf);
    g_object_add_weak_pointer(G_OBJECT(hub), (gpointer *)&hub);
    journal = g_string_new(NULL);
    emu_device_unrealize(EMU_DEVICE(hub));
    g_assert_cmpstr(journal->str, ==, "leaf:unrealize hub:unrealize ");
    g_string_free(g_steal_pointer(&journal), TRUE);
    g_assert_null(leaf);
    g_assert_null(hub);
    machine_free(machine);
}

static void
test_properties_are_fixed_by_realize(void)
{
    EmuMachine *machine = machine_new();
    EmuDevice *dev = add(machine, "test-hub", "hub", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_false(emu_object_set_from_string(dev, "knob", "3", &error));
    g_assert_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_READ_ONLY);
    g_assert_cmpuint(((Hub *)dev)->knob, ==, 7);
    machine_free(machine);
}

static void
test_globals(void)
{
    EmuMachine *machine = machine_new();
    g_autoptr(GPtrArray) globals = g_ptr_array_new_with_free_func((GDestroyNotify)emu_global_property_free);
    g_autoptr(GError) error = NULL;
    EmuDevice *dev;

    g_ptr_array_add(globals, emu_global_property_new("test-hub", "knob", "42"));
    g_ptr_array_add(globals, emu_global_property_new("test-leaf", "knob", "42"));
    emu_device_use_globals(globals);
    dev = emu_device_new("test-hub", NULL);
    g_assert_cmpuint(((Hub *)dev)->knob, ==, 42);
    g_assert_true(((EmuGlobalProperty *)g_ptr_array_index(globals, 0))->used);
    g_assert_false(((EmuGlobalProperty *)g_ptr_array_index(globals, 1))->used);
    g_object_unref(dev);
    g_assert_null(emu_device_new("test-leaf", &error)); /* has no such property */
    g_assert_nonnull(strstr(error->message, "knob"));
    emu_device_use_globals(NULL);
    machine_free(machine);
}

static void
test_hotplug_handler(void)
{
    EmuMachine *machine = machine_new();
    Hub *hub = (Hub *)add(machine, "test-hub", "hub", NULL);
    Plugger *plugger = emu_object_new("test-plugger", NULL);
    g_autoptr(GError) error = NULL;
    EmuDevice *dev;

    emu_bus_set_hotplug_handler(hub->bus, plugger);
    dev = add(machine, "test-leaf", "leaf", hub->bus);
    g_assert_cmpuint(plugger->plugs, ==, 1);
    plugger->refuse_pre_plug = true;
    g_assert_false(emu_device_realize(emu_device_new("test-leaf", NULL), machine, hub->bus, &error));
    g_assert_cmpstr(error->message, ==, "not before");
    g_clear_error(&error);
    plugger->refuse_pre_plug = false;
    plugger->refuse_plug = true;
    journal = g_string_new(NULL);
    g_assert_false(emu_device_realize(emu_device_new("test-leaf", NULL), machine, hub->bus, &error));
    g_assert_cmpstr(error->message, ==, "not after");
    g_assert_nonnull(strstr(journal->str, ":unrealize "));
    g_string_free(g_steal_pointer(&journal), TRUE);
    g_clear_error(&error);
    g_assert_cmpuint(emu_bus_get_devices(hub->bus)->len, ==, 1);

    g_assert_true(emu_device_request_unplug(dev, &error));
    g_assert_cmpuint(plugger->unplugs, ==, 1);
    g_assert_cmpuint(emu_bus_get_devices(hub->bus)->len, ==, 0);
    g_assert_false(emu_device_request_unplug(EMU_DEVICE(hub), &error));
    g_assert_cmpstr(error->message, ==, "device 'hub' does not support hotplugging");
    g_object_unref(plugger); /* the bus goes on without */
    add(machine, "test-leaf", "leaf", hub->bus);
    machine_free(machine);
}

/* ---- reset ------------------------------------------------------------------------------------------------ */

static void
test_reset_phases(void)
{
    EmuMachine *machine = machine_new();
    Hub *hub = (Hub *)add(machine, "test-hub", "hub", NULL);

    add(machine, "test-leaf", "a", hub->bus);
    add(machine, "test-leaf", "b", hub->bus);
    journal = g_string_new(NULL);
    emu_device_reset(EMU_DEVICE(hub));
    g_assert_cmpstr(journal->str, ==, "hub:enter a:enter b:enter hub:hold a:hold b:hold hub:exit a:exit b:exit ");
    g_string_free(g_steal_pointer(&journal), TRUE);
    machine_free(machine);
}

/* ---- buses ------------------------------------------------------------------------------------------------ */

static void
test_isa(void)
{
    EmuMachine *machine = machine_new();
    EmuDevice *bridge = add(machine, "test-hub", "bridge", NULL);
    EmuIsaBus *bus = emu_isa_bus_new(bridge, emu_machine_get_system_memory(machine), emu_machine_get_system_io(machine));
    EmuLine *irqs[16];
    Sink sink = {0};
    g_autoptr(GError) error = NULL;
    Card *card, *other;
    EmuDevice *dev;

    for (unsigned i = 0; i < 16; i++) {
        irqs[i] = emu_line_new_in(NULL, "irq", sink_fn, &sink, i);
    }
    emu_isa_bus_set_irqs(bus, irqs);
    card = (Card *)add(machine, "test-card", "card", EMU_BUS(bus));
    g_assert_cmphex(emu_address_space_load(emu_machine_get_io_as(machine), 0x300, 1, EMU_MEM_ATTRS_NONE, NULL), ==, 0xa5);
    emu_line_set(card->line, 1);
    g_assert_cmpint(emu_line_get(irqs[5]), ==, 1);
    /* A second card with the same request: it stays up until both have let go. */
    other = (Card *)add(machine, "test-card", "other", EMU_BUS(bus));
    emu_line_set(other->line, 0);
    g_assert_cmpint(emu_line_get(irqs[5]), ==, 1);
    emu_line_set(other->line, 1);
    emu_line_set(card->line, 0);
    g_assert_cmpint(emu_line_get(irqs[5]), ==, 1);
    emu_line_set(other->line, 0);
    g_assert_cmpint(emu_line_get(irqs[5]), ==, 0);
    emu_device_unrealize(EMU_DEVICE(other));
    emu_device_unrealize(EMU_DEVICE(card));
    g_assert_cmphex(emu_address_space_load(emu_machine_get_io_as(machine), 0x300, 1, EMU_MEM_ATTRS_NONE, NULL), ==, 0xff);

    dev = emu_device_new("test-card", NULL);
    g_assert_true(emu_object_set_from_string(dev, "irq", "16", NULL));
    g_assert_false(emu_device_realize(dev, machine, EMU_BUS(bus), &error));
    g_assert_cmpstr(error->message, ==, "test-card: irq is 16, expected 0 to 15");
    /* Its port went with it. */
    g_assert_cmphex(emu_address_space_load(emu_machine_get_io_as(machine), 0x300, 1, EMU_MEM_ATTRS_NONE, NULL), ==, 0xff);
    g_assert_null(emu_isa_bus_get_irq(bus, 16));
    g_assert_null(emu_isa_bus_get_dma(bus, 4));
    for (unsigned i = 0; i < 16; i++) {
        g_object_unref(irqs[i]);
    }
    machine_free(machine);
}

static void
test_i2c(void)
{
    EmuMachine *machine = machine_new();
    EmuDevice *master = add(machine, "test-hub", "master", NULL);
    EmuI2cBus *bus = emu_i2c_bus_new(master, "i2c");
    EmuDevice *cell = emu_device_new("test-cell", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_false(emu_object_set_from_string(cell, "address", "0x80", &error));
    g_assert_true(emu_object_set_from_string(cell, "address", "0x50", NULL));
    g_assert_true(emu_device_realize(cell, machine, EMU_BUS(bus), NULL));
    g_assert_cmpint(emu_i2c_start(bus, 0x51, false), !=, 0);
    g_assert_cmpint(emu_i2c_send(bus, 1), !=, 0);
    g_assert_cmpint(emu_i2c_start(bus, 0x50, false), ==, 0);
    g_assert_cmpint(emu_i2c_send(bus, 0x77), ==, 0);
    emu_i2c_end(bus);
    g_assert_cmpint(emu_i2c_start(bus, 0x50, true), ==, 0);
    g_assert_cmphex(emu_i2c_recv(bus), ==, 0x77);
    emu_device_unrealize(cell); /* in the middle of a transfer */
    g_assert_cmphex(emu_i2c_recv(bus), ==, 0xff);
    emu_i2c_nack(bus);
    emu_i2c_end(bus);
    machine_free(machine);
}

/* ---- texts -------------------------------------------------------------------------------------------------- */

static void
test_texts(void)
{
    EmuMachine *machine = machine_new();
    Hub *hub = (Hub *)add(machine, "test-hub", "hub", NULL);
    g_autofree char *one = emu_device_type_help("test-hub", NULL), *tree = NULL;
    g_autoptr(GError) error = NULL;

    add(machine, "test-leaf", NULL, hub->bus);
    g_assert_nonnull(strstr(one, "  knob=<uint32>          - a number (default: 7)\n"));
    tree = emu_describe_qtree(machine);
    g_test_message("%s", tree);
    g_assert_nonnull(strstr(tree, "  dev: test-hub, id \"hub\"\n    gpio-in \"\" 4\n    gpio-out \"out\" 1\n"));
    g_assert_nonnull(strstr(tree, "    knob = 7 (0x7)\n    bus: hub.0\n      type test-hub-bus\n      dev: test-leaf, id \"\"\n"));
    g_assert_null(emu_device_type_help("machine", &error));
    g_assert_cmpstr(error->message, ==, "'machine' is not a device type");
    machine_free(machine);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device/line/fan-out", test_lines);
    g_test_add_func("/device/line/of-devices", test_device_lines);
    g_test_add_func("/device/life/places", test_places);
    g_test_add_func("/device/life/failure-leaves-nothing", test_failure_leaves_nothing);
    g_test_add_func("/device/life/wrong-bus", test_wrong_bus);
    g_test_add_func("/device/life/unrealize-takes-all-below", test_unrealize_takes_all_below);
    g_test_add_func("/device/life/properties-are-fixed-by-realize", test_properties_are_fixed_by_realize);
    g_test_add_func("/device/life/globals", test_globals);
    g_test_add_func("/device/life/hotplug-handler", test_hotplug_handler);
    g_test_add_func("/device/reset/phases", test_reset_phases);
    g_test_add_func("/device/bus/isa", test_isa);
    g_test_add_func("/device/bus/i2c", test_i2c);
    g_test_add_func("/device/texts", test_texts);
    return g_test_run();
}
