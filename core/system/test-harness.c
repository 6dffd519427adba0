/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* <emu/test.h>: machines without CPUs and with a clock that the test moves. */

#include <emu/test.h>

#include "block/block-private.h"
#include "char/char-private.h"
#include "device/device-private.h"
#include "system/machine-private.h"
#include "system/startup.h"

#include <string.h>

/* 2026-01-01 00:00:00 UTC: what the host clock says when virtual time is 0. */
#define TEST_HOST_NS (INT64_C(1767225600) * EMU_NS_PER_SEC)

EmuMachine *
emu_test_machine_new_unbuilt(const char *board, GError **error)
{
    EmuMachine *machine = emu_machine_new(board, error);

    if (machine) {
        emu_machine_priv(machine)->no_accel = true;
        emu_clocks_set_manual(emu_machine_priv(machine)->clocks, TEST_HOST_NS);
    }
    return machine;
}

bool
emu_test_add_drive(EmuMachine *machine, const char *text, GError **error)
{
    return emu_block_layer_add_drive(emu_machine_get_block_layer(machine), text, NULL, error);
}

bool
emu_test_add_global(EmuMachine *machine, const char *type_name, const char *property, const char *value, GError **error)
{
    return emu_machine_add_global(machine, type_name, property, value, error);
}

bool
emu_test_machine_start(EmuMachine *machine, GError **error)
{
    if (!emu_machine_build(machine, error) || !emu_machine_finish(machine, error)) {
        return false;
    }
    emu_machine_lock(machine);
    emu_machine_start(machine);
    emu_machine_unlock(machine);
    return true;
}

EmuMachine *
emu_test_machine_new(const char *board, GError **error)
{
    EmuMachine *machine = emu_test_machine_new_unbuilt(board, error);

    if (machine && !emu_test_machine_start(machine, error)) {
        emu_machine_destroy(machine);
        g_clear_object(&machine);
    }
    return machine;
}

EmuDevice *
emu_test_add_device(EmuMachine *machine, const char *type_name, const char *properties, GError **error)
{
    g_autoptr(EmuOpts) opts = emu_opts_parse(properties ? properties : "", NULL, NULL, error);
    EmuDevice *dev = NULL;

    if (opts) {
        emu_opts_set(opts, "driver", type_name);
        emu_machine_lock(machine);
        dev = emu_machine_add_any_device(machine, opts, error);
        emu_machine_unlock(machine);
    }
    return dev;
}

void
emu_test_settle(EmuMachine *machine)
{
    GMainContext *main_context = emu_context_get_main_context(emu_machine_get_context(machine));
    bool busy;

    /* Requests to images end on other threads: waited for, so that a test sees the same each time. */
    do {
        emu_machine_lock(machine);
        emu_block_layer_drain_all(emu_machine_get_block_layer(machine));
        emu_machine_unlock(machine);
        busy = false;
        while (g_main_context_iteration(main_context, FALSE)) {
            busy = true;
        }
    } while (busy);
}

void
emu_test_advance(EmuMachine *machine, int64_t ns)
{
    emu_test_settle(machine);
    emu_clocks_advance(emu_machine_priv(machine)->clocks, ns);
    emu_test_settle(machine);
}

void
emu_test_stall(EmuMachine *machine, int64_t ns)
{
    EmuClocks *clocks = emu_machine_priv(machine)->clocks;

    emu_test_settle(machine);
    emu_clocks_set_virtual_ns(clocks, emu_clock_get_ns(emu_clocks_get(clocks, EMU_CLOCK_VIRTUAL)) + ns);
    emu_test_advance(machine, 0);
}

void
emu_test_reset(EmuMachine *machine)
{
    emu_machine_lock(machine);
    emu_machine_reset(machine, EMU_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    emu_machine_unlock(machine);
}

uint64_t
emu_test_in(EmuMachine *machine, uint16_t port, unsigned size)
{
    return emu_address_space_load(emu_machine_get_io_as(machine), port, size, EMU_MEM_ATTRS_NONE, NULL);
}

void
emu_test_out(EmuMachine *machine, uint16_t port, uint64_t value, unsigned size)
{
    emu_address_space_store(emu_machine_get_io_as(machine), port, value, size, EMU_MEM_ATTRS_NONE, NULL);
}

uint64_t
emu_test_read(EmuMachine *machine, uint64_t addr, unsigned size)
{
    return emu_address_space_load(emu_machine_get_memory_as(machine), addr, size, EMU_MEM_ATTRS_NONE, NULL);
}

void
emu_test_write(EmuMachine *machine, uint64_t addr, uint64_t value, unsigned size)
{
    emu_address_space_store(emu_machine_get_memory_as(machine), addr, value, size, EMU_MEM_ATTRS_NONE, NULL);
}

/* ---- lines, state ------------------------------------------------------------------------------ */

static void
watch_driven(gpointer opaque, unsigned index G_GNUC_UNUSED, int level)
{
    EmuTestWatch *watch = opaque;

    watch->drives++;
    watch->rises += level && !watch->level;
    watch->falls += !level && watch->level;
    watch->level = level;
}

EmuTestWatch *
emu_test_watch_line(EmuLine *output)
{
    EmuTestWatch *watch = g_new0(EmuTestWatch, 1);

    watch->level = emu_line_get(output);
    watch->line = emu_line_new_in(NULL, "watch", watch_driven, watch, 0);
    emu_line_connect(output, watch->line);
    return watch;
}

void
emu_test_watch_free(EmuTestWatch *watch)
{
    if (watch) {
        g_object_unref(watch->line);
        g_free(watch);
    }
}

GBytes *
emu_test_save(EmuMachine *machine, GError **error)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    bool ok;

    emu_machine_lock(machine);
    ok = emu_device_tree_save(machine, out, error);
    emu_machine_unlock(machine);
    return ok ? g_byte_array_free_to_bytes(g_steal_pointer(&out)) : NULL;
}

bool
emu_test_load(EmuMachine *machine, GBytes *state, GError **error)
{
    gsize len;
    const uint8_t *data = g_bytes_get_data(state, &len);
    bool ok;

    emu_machine_lock(machine);
    ok = emu_device_tree_load(machine, data, len, error);
    emu_machine_unlock(machine);
    return ok;
}

/* ---- a chardev with the test on its other side ---------------------------------------------------- */

typedef struct {
    EmuChardev parent_instance;
    GByteArray *written, *to_send;
    gsize taken; /* of to_send: a long queue is not moved for each byte */
    EmuMachine *machine; /* borrowed */
} CharTest;
typedef struct {
    EmuChardevClass parent_class;
} CharTestClass;

static GType char_test_get_type(void);
G_DEFINE_TYPE(CharTest, char_test, EMU_TYPE_CHARDEV)

static void
char_test_pump(EmuChardev *chardev)
{
    CharTest *self = (CharTest *)chardev;
    gsize room;

    while (self->taken < self->to_send->len && (room = emu_chardev_can_receive(chardev)) > 0) {
        gsize n = MIN(room, self->to_send->len - self->taken);
        g_autofree uint8_t *chunk = g_memdup2(self->to_send->data + self->taken, n);

        self->taken += n;
        if (self->taken >= self->to_send->len / 2) {
            g_byte_array_remove_range(self->to_send, 0, (guint)self->taken);
            self->taken = 0;
        }
        emu_chardev_receive(chardev, chunk, n);
    }
}

static gssize
char_test_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    g_byte_array_append(((CharTest *)chardev)->written, buf, (guint)len);
    return (gssize)len;
}

static bool
char_test_open(EmuChardev *chardev, EmuContext *ctx G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_chardev_set_filename(chardev, "test");
    emu_chardev_event(chardev, EMU_CHARDEV_OPENED);
    return true;
}

static void
char_test_finalize(GObject *object)
{
    CharTest *self = (CharTest *)object;

    g_byte_array_unref(self->written);
    g_byte_array_unref(self->to_send);
    G_OBJECT_CLASS(char_test_parent_class)->finalize(object);
}

static void
char_test_init(CharTest *self)
{
    self->written = g_byte_array_new();
    self->to_send = g_byte_array_new();
}

static void
char_test_class_init(CharTestClass *klass)
{
    EmuChardevClass *chardev_class = EMU_CHARDEV_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = char_test_finalize;
    chardev_class->open = char_test_open;
    chardev_class->write = char_test_write;
    chardev_class->accept_input = char_test_pump;
}

EmuChardev *
emu_test_chardev_new(EmuMachine *machine, const char *id)
{
    g_autoptr(EmuOpts) opts = emu_opts_new();
    EmuChardev *chardev;

    emu_opts_add(opts, "backend", "test");
    emu_opts_add(opts, "id", id);
    emu_machine_lock(machine);
    chardev = emu_chardev_new_from_opts(machine, opts, NULL);
    emu_machine_unlock(machine);
    g_return_val_if_fail(chardev, NULL);
    ((CharTest *)chardev)->machine = machine;
    return chardev;
}

GBytes *
emu_test_chardev_take(EmuChardev *chardev)
{
    CharTest *self = (CharTest *)chardev;
    GByteArray *written;

    emu_machine_lock(self->machine);
    written = g_steal_pointer(&self->written);
    self->written = g_byte_array_new();
    emu_machine_unlock(self->machine);
    return g_byte_array_free_to_bytes(written);
}

void
emu_test_chardev_send(EmuChardev *chardev, const void *data, gsize len)
{
    CharTest *self = (CharTest *)chardev;

    emu_machine_lock(self->machine);
    g_byte_array_append(self->to_send, data, (guint)len);
    char_test_pump(chardev);
    emu_machine_unlock(self->machine);
}

/* ---- an ISA bus whose request lines end at the test ------------------------------------------------- */

typedef struct {
    EmuDevice parent_instance;
    int levels[16];
    unsigned rises[16];
} TestIsaBridge;
typedef struct {
    EmuDeviceClass parent_class;
} TestIsaBridgeClass;

static GType test_isa_bridge_get_type(void);
G_DEFINE_TYPE(TestIsaBridge, test_isa_bridge, EMU_TYPE_DEVICE)

static void
test_isa_bridge_irq_cb(gpointer opaque, unsigned index, int level)
{
    TestIsaBridge *self = opaque;

    if (level && !self->levels[index]) {
        self->rises[index]++;
    }
    self->levels[index] = level;
}

static void
test_isa_bridge_init(TestIsaBridge *self)
{
    emu_device_add_lines_in(EMU_DEVICE(self), NULL, 16, test_isa_bridge_irq_cb);
}

static void
test_isa_bridge_class_init(TestIsaBridgeClass *klass)
{
    EMU_DEVICE_CLASS(klass)->user_creatable = false;
}

EmuIsaBus *
emu_test_isa_bus_new(EmuMachine *machine)
{
    EmuDevice *bridge = emu_device_new("test-isa-bridge", NULL);
    EmuIsaBus *bus;
    EmuLine *irqs[16];

    g_return_val_if_fail(bridge, NULL);
    for (unsigned i = 0; i < 16; i++) {
        irqs[i] = emu_device_get_line_in(bridge, NULL, i);
    }
    bus = emu_isa_bus_new(bridge, emu_machine_get_system_memory(machine), emu_machine_get_system_io(machine));
    emu_isa_bus_set_irqs(bus, irqs);
    emu_machine_lock(machine);
    g_warn_if_fail(emu_device_realize(bridge, machine, NULL, NULL));
    emu_machine_unlock(machine);
    return bus;
}

static TestIsaBridge *
test_isa_bridge(EmuIsaBus *bus)
{
    return (TestIsaBridge *)emu_bus_get_owner(EMU_BUS(bus));
}

int
emu_test_isa_irq_level(EmuIsaBus *bus, unsigned irq)
{
    return test_isa_bridge(bus)->levels[irq & 15];
}

unsigned
emu_test_isa_irq_rises(EmuIsaBus *bus, unsigned irq)
{
    return test_isa_bridge(bus)->rises[irq & 15];
}

/* ---- an SPI controller that does nothing by itself ---------------------------------------------------- */

typedef struct {
    EmuDevice parent_instance;
    EmuSpiBus *bus;
    unsigned n_selects;
} TestSpiController;
typedef struct {
    EmuDeviceClass parent_class;
} TestSpiControllerClass;

static GType test_spi_controller_get_type(void);
G_DEFINE_TYPE(TestSpiController, test_spi_controller, EMU_TYPE_DEVICE)

static void
test_spi_controller_reset_hold(EmuDevice *dev)
{
    TestSpiController *self = (TestSpiController *)dev;

    for (unsigned i = 0; i < self->n_selects; i++) {
        emu_test_spi_select(self->bus, i, false);
    }
}

static void
test_spi_controller_init(TestSpiController *self G_GNUC_UNUSED)
{
}

static void
test_spi_controller_class_init(TestSpiControllerClass *klass)
{
    EMU_DEVICE_CLASS(klass)->user_creatable = false;
    EMU_DEVICE_CLASS(klass)->reset_hold = test_spi_controller_reset_hold;
}

EmuSpiBus *
emu_test_spi_bus_new(EmuMachine *machine, unsigned n_selects)
{
    TestSpiController *controller = (TestSpiController *)emu_device_new("test-spi-controller", NULL);
    EmuSpiBus *bus;

    g_return_val_if_fail(controller, NULL);
    bus = controller->bus = emu_spi_bus_new(EMU_DEVICE(controller), NULL, n_selects);
    controller->n_selects = n_selects;
    emu_machine_lock(machine);
    g_warn_if_fail(emu_device_realize(EMU_DEVICE(controller), machine, NULL, NULL));
    emu_machine_unlock(machine);
    return bus;
}

void
emu_test_spi_select(EmuSpiBus *bus, unsigned cs, bool active)
{
    EmuSpiDevice *dev = emu_spi_bus_get_device(bus, cs);
    bool high = dev && EMU_SPI_DEVICE_GET_CLASS(dev)->select_high;
    EmuMachine *machine = emu_device_get_machine(emu_bus_get_owner(EMU_BUS(bus)));
    bool held = emu_machine_lock_held(machine);

    if (!held) {
        emu_machine_lock(machine);
    }
    emu_spi_bus_set_select(bus, cs, active == high);
    if (!held) {
        emu_machine_unlock(machine);
    }
}

static void
test_harness_register_types(void)
{
    emu_type_register_gtype("test-spi-controller", test_spi_controller_get_type());
    emu_type_register_gtype("test-isa-bridge", test_isa_bridge_get_type());
    emu_type_register_gtype("chardev-test", char_test_get_type());
}
type_init(test_harness_register_types)
