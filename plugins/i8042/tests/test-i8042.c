/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Keyboard controller, keyboard and mouse through ports 0x60 and 0x64, with input from the viewer's side. */

#include <emu/test.h>
#include <emu/ui.h>

typedef struct {
    EmuMachine *machine;
    EmuIsaBus *isa;
    EmuDevice *dev;
    EmuLine *line;
    int a20;
} Fixture;

static void
a20_cb(gpointer opaque, unsigned index, int level)
{
    ((Fixture *)opaque)->a20 = level;
}

static void
setup(Fixture *f, gconstpointer data)
{
    GError *error = NULL;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->isa = emu_test_isa_bus_new(f->machine);
    f->dev = emu_test_add_device(f->machine, "i8042", NULL, &error);
    g_assert_no_error(error);
    f->a20 = -1;
    f->line = emu_line_new_in(NULL, "a20", a20_cb, f, 0);
    emu_machine_lock(f->machine);
    emu_device_connect_out(f->dev, "a20", 0, f->line);
    emu_machine_unlock(f->machine);
}

static void
teardown(Fixture *f, gconstpointer data)
{
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
    g_object_unref(f->line);
}

static uint8_t
status(Fixture *f)
{
    return (uint8_t)emu_test_in(f->machine, 0x64, 1);
}

static uint8_t
data_in(Fixture *f)
{
    g_assert_cmphex(status(f) & 0x01, ==, 0x01);
    return (uint8_t)emu_test_in(f->machine, 0x60, 1);
}

static void
command(Fixture *f, uint8_t byte)
{
    emu_test_out(f->machine, 0x64, byte, 1);
}

static void
data_out(Fixture *f, uint8_t byte)
{
    emu_test_out(f->machine, 0x60, byte, 1);
}

static void
set_mode(Fixture *f, uint8_t mode)
{
    command(f, 0x60);
    data_out(f, mode);
}

static void
key(Fixture *f, const char *name, bool down)
{
    int code = emu_key_from_name(name);

    g_assert_cmpint(code, >=, 0);
    emu_machine_lock(f->machine);
    emu_input_send_key(f->machine, code, down);
    emu_machine_unlock(f->machine);
    emu_test_advance(f->machine, 1000000);
}

static void
input(Fixture *f, EmuInputKind kind, int code, int value)
{
    EmuInputEvent event = {kind, code, value};

    emu_machine_lock(f->machine);
    emu_input_send(f->machine, &event);
    emu_machine_unlock(f->machine);
}

static void
group_end(Fixture *f)
{
    emu_machine_lock(f->machine);
    emu_input_sync(f->machine);
    emu_machine_unlock(f->machine);
    emu_test_advance(f->machine, 1000000);
}

static void
assert_bytes(Fixture *f, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(data_in(f), ==, bytes[i]);
    }
    g_assert_cmphex(status(f) & 0x01, ==, 0);
}
#define EXPECT(f, ...) assert_bytes(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void
mouse_command(Fixture *f, uint8_t byte)
{
    command(f, 0xd4);
    data_out(f, byte);
}

static void
test_controller(Fixture *f, gconstpointer data)
{
    g_assert_cmphex(status(f), ==, 0x18);
    command(f, 0xaa);
    EXPECT(f, 0x55);
    g_assert_cmphex(status(f) & 0x04, ==, 0x04);
    command(f, 0xab);
    EXPECT(f, 0x00);
    command(f, 0xa9);
    EXPECT(f, 0x00);
    command(f, 0x20);
    EXPECT(f, 0x03);
    command(f, 0xa4);
    EXPECT(f, 0xf1);
    set_mode(f, 0x61);
    command(f, 0x20);
    EXPECT(f, 0x61);
    command(f, 0xa8);
    command(f, 0xad);
    command(f, 0x20);
    EXPECT(f, 0x51);
}

static void
test_output_port(Fixture *f, gconstpointer data)
{
    command(f, 0xd0);
    EXPECT(f, 0xcf);
    command(f, 0xd1);
    data_out(f, 0xdd);
    g_assert_cmpint(f->a20, ==, 0);
    command(f, 0xd0);
    EXPECT(f, 0xcd);
    command(f, 0xdf);
    g_assert_cmpint(f->a20, ==, 1);
}

static void
test_keyboard_commands(Fixture *f, gconstpointer data)
{
    data_out(f, 0xff);
    EXPECT(f, 0xfa, 0xaa);
    data_out(f, 0xf2);
    EXPECT(f, 0xfa, 0xab, 0x83);
    data_out(f, 0xee);
    EXPECT(f, 0xee);
    data_out(f, 0xed);
    EXPECT(f, 0xfa);
    data_out(f, 0x07);
    EXPECT(f, 0xfa);
    data_out(f, 0xf3);
    EXPECT(f, 0xfa);
    data_out(f, 0x20);
    EXPECT(f, 0xfa);
    data_out(f, 0xf0);
    EXPECT(f, 0xfa);
    data_out(f, 0x00);
    EXPECT(f, 0xfa, 0x02);
    data_out(f, 0xe0);
    EXPECT(f, 0xfe);
    data_out(f, 0xfe);
    EXPECT(f, 0xfe);
    set_mode(f, 0x41); /* with translation */
    data_out(f, 0xf2);
    EXPECT(f, 0xfa, 0xab, 0x41);
}

static void
test_keys_translated(Fixture *f, gconstpointer data)
{
    set_mode(f, 0x41);
    key(f, "a", true);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 1), ==, 1);
    EXPECT(f, 0x1e);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 1), ==, 0);
    key(f, "a", false);
    EXPECT(f, 0x9e);
    key(f, "up", true);
    EXPECT(f, 0xe0, 0x48);
    key(f, "up", false);
    EXPECT(f, 0xe0, 0xc8);
    key(f, "f7", true);
    EXPECT(f, 0x41);
    key(f, "f7", false);
    EXPECT(f, 0xc1);
    key(f, "f12", true);
    key(f, "f12", false);
    EXPECT(f, 0x58, 0xd8);
    key(f, "pause", true);
    key(f, "pause", false);
    EXPECT(f, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
    key(f, "print", true);
    EXPECT(f, 0xe0, 0x2a, 0xe0, 0x37);
    key(f, "print", false);
    EXPECT(f, 0xe0, 0xb7, 0xe0, 0xaa);
    g_assert_cmpuint(emu_test_isa_irq_rises(f->isa, 1), ==, 24);
}

static void
test_keys_raw_sets(Fixture *f, gconstpointer data)
{
    set_mode(f, 0x01);
    key(f, "a", true);
    key(f, "a", false);
    EXPECT(f, 0x1c, 0xf0, 0x1c);
    key(f, "right", true);
    key(f, "right", false);
    EXPECT(f, 0xe0, 0x74, 0xe0, 0xf0, 0x74);
    data_out(f, 0xf0);
    EXPECT(f, 0xfa);
    data_out(f, 0x01);
    EXPECT(f, 0xfa);
    key(f, "a", true);
    key(f, "a", false);
    EXPECT(f, 0x1e, 0x9e);
    data_out(f, 0xf0);
    EXPECT(f, 0xfa);
    data_out(f, 0x03);
    EXPECT(f, 0xfa);
    key(f, "esc", true);
    key(f, "esc", false);
    EXPECT(f, 0x08); /* make only, until told otherwise */
    key(f, "shift", true);
    key(f, "shift", false);
    EXPECT(f, 0x12, 0xf0, 0x12);
    data_out(f, 0xfc); /* this key: make and break */
    EXPECT(f, 0xfa);
    data_out(f, 0x08);
    EXPECT(f, 0xfa);
    data_out(f, 0xf4);
    EXPECT(f, 0xfa);
    key(f, "esc", true);
    key(f, "esc", true); /* and no repetition */
    key(f, "esc", false);
    EXPECT(f, 0x08, 0xf0, 0x08);
    data_out(f, 0xf7); /* all: typematic */
    EXPECT(f, 0xfa);
    key(f, "esc", true);
    key(f, "esc", true);
    key(f, "esc", false);
    EXPECT(f, 0x08, 0x08);
    data_out(f, 0xfa); /* all: typematic, make and break */
    EXPECT(f, 0xfa);
    key(f, "f1", true);
    key(f, "f1", false);
    EXPECT(f, 0x07, 0xf0, 0x07);
}

/* Keys whose codes depend on what else is down. */
static void
test_keys_with_modifiers(Fixture *f, gconstpointer data)
{
    set_mode(f, 0x41);
    key(f, "ctrl", true);
    key(f, "pause", true);
    key(f, "pause", false);
    EXPECT(f, 0x1d, 0xe0, 0x46, 0xe0, 0xc6);
    key(f, "print", true);
    key(f, "print", false);
    EXPECT(f, 0xe0, 0x37, 0xe0, 0xb7);
    key(f, "ctrl", false);
    EXPECT(f, 0x9d);
    key(f, "alt", true);
    key(f, "print", true);
    key(f, "print", false);
    EXPECT(f, 0x38, 0x54, 0xd4);
}

static void
test_typematic(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    EmuMachine *machine = emu_test_machine_new("none", &error);
    Fixture own = {.machine = machine};

    g_assert_no_error(error);
    emu_test_isa_bus_new(machine);
    emu_test_add_device(machine, "i8042", "typematic=on", &error);
    g_assert_no_error(error);
    set_mode(&own, 0x41);
    data_out(&own, 0xf3);
    EXPECT(&own, 0xfa);
    data_out(&own, 0x00); /* 250 ms, then every 33.4 ms */
    EXPECT(&own, 0xfa);
    key(&own, "a", true);
    key(&own, "a", true); /* the viewer's repetition does not count */
    EXPECT(&own, 0x1e);
    emu_test_advance(machine, 245000000);
    g_assert_cmphex(status(&own) & 1, ==, 0);
    emu_test_advance(machine, 10000000);
    EXPECT(&own, 0x1e);
    emu_test_advance(machine, 34000000);
    EXPECT(&own, 0x1e);
    key(&own, "a", false);
    EXPECT(&own, 0x9e);
    emu_test_advance(machine, 2 * EMU_NS_PER_SEC);
    g_assert_cmphex(status(&own) & 1, ==, 0);
    emu_machine_destroy(machine);
    g_object_unref(machine);
}

/* The controller of a PC/AT: no second port. */
static void
test_without_aux(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    EmuMachine *machine = emu_test_machine_new("none", &error);
    Fixture own = {.machine = machine};

    g_assert_no_error(error);
    emu_test_isa_bus_new(machine);
    emu_test_add_device(machine, "i8042", "aux=off", &error);
    g_assert_no_error(error);
    command(&own, 0xa9);
    g_assert_cmphex(status(&own) & 1, ==, 0);
    command(&own, 0x20);
    EXPECT(&own, 0x01);
    command(&own, 0xd4);
    data_out(&own, 0xee); /* goes to the keyboard, which echoes */
    EXPECT(&own, 0xee);
    emu_machine_destroy(machine);
    g_object_unref(machine);
}

static void
test_mouse_remote(Fixture *f, gconstpointer data)
{
    mouse_command(f, 0xf0);
    EXPECT(f, 0xfa);
    input(f, EMU_INPUT_REL, EMU_INPUT_AXIS_X, 7);
    input(f, EMU_INPUT_BUTTON, EMU_INPUT_BUTTON_RIGHT, 1);
    group_end(f);
    g_assert_cmphex(status(f) & 1, ==, 0);
    mouse_command(f, 0xeb);
    EXPECT(f, 0xfa, 0x0a, 0x07, 0x00);
    mouse_command(f, 0xeb); /* without news too */
    EXPECT(f, 0xfa, 0x0a, 0x00, 0x00);
    mouse_command(f, 0xe9);
    EXPECT(f, 0xfa, 0x41, 0x02, 0x64);
    mouse_command(f, 0xea);
    EXPECT(f, 0xfa);
    mouse_command(f, 0xe7);
    EXPECT(f, 0xfa);
    mouse_command(f, 0xf4);
    EXPECT(f, 0xfa);
    input(f, EMU_INPUT_REL, EMU_INPUT_AXIS_X, 4); /* 2:1 scaling: 4 is 6 */
    group_end(f);
    EXPECT(f, 0x0a, 0x06, 0x00);
}

static void
test_keyboard_held(Fixture *f, gconstpointer data)
{
    set_mode(f, 0x41);
    command(f, 0xad);
    key(f, "b", true);
    g_assert_cmphex(status(f) & 0x01, ==, 0);
    command(f, 0xae);
    EXPECT(f, 0x30);
    data_out(f, 0xf5);
    EXPECT(f, 0xfa);
    key(f, "b", false);
    g_assert_cmphex(status(f) & 0x01, ==, 0);
}

static void
test_many_keys(Fixture *f, gconstpointer data)
{
    set_mode(f, 0x40);
    for (unsigned i = 0; i < 1000; i++) {
        key(f, "a", true);
        key(f, "a", false);
    }
    /* What did not fit was dropped, in whole keys. */
    unsigned n = 0;
    while (status(f) & 1) {
        g_assert_cmphex(data_in(f), ==, n % 2 ? 0x9e : 0x1e);
        n++;
    }
    g_assert_cmpuint(n, >, 16);
    g_assert_cmpuint(n, <, 2000);
}

static void
test_loopback(Fixture *f, gconstpointer data)
{
    set_mode(f, 0x03);
    command(f, 0xd3);
    data_out(f, 0x5a);
    g_assert_cmphex(status(f) & 0x21, ==, 0x21);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 12), ==, 1);
    EXPECT(f, 0x5a);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 12), ==, 0);
    command(f, 0xd2);
    data_out(f, 0xa5);
    g_assert_cmphex(status(f) & 0x21, ==, 0x01);
    EXPECT(f, 0xa5);
}

static void
test_mouse_standard(Fixture *f, gconstpointer data)
{
    set_mode(f, 0x02);
    mouse_command(f, 0xff);
    g_assert_cmphex(status(f) & 0x20, ==, 0x20);
    EXPECT(f, 0xfa, 0xaa, 0x00);
    mouse_command(f, 0xf4);
    EXPECT(f, 0xfa);
    input(f, EMU_INPUT_REL, EMU_INPUT_AXIS_X, 5);
    input(f, EMU_INPUT_REL, EMU_INPUT_AXIS_Y, 3);
    group_end(f);
    g_assert_cmpint(emu_test_isa_irq_level(f->isa, 12), ==, 1);
    EXPECT(f, 0x28, 0x05, 0xfd); /* down is negative */
    input(f, EMU_INPUT_BUTTON, EMU_INPUT_BUTTON_LEFT, 1);
    group_end(f);
    EXPECT(f, 0x09, 0x00, 0x00);
    input(f, EMU_INPUT_BUTTON, EMU_INPUT_BUTTON_LEFT, 0);
    group_end(f);
    EXPECT(f, 0x08, 0x00, 0x00);
    input(f, EMU_INPUT_REL, EMU_INPUT_AXIS_X, -200);
    group_end(f);
    EXPECT(f, 0x18, 0x81, 0x00, 0x18, 0xb7, 0x00);
    mouse_command(f, 0xe9);
    EXPECT(f, 0xfa, 0x20, 0x02, 0x64);
}

static void
knock(Fixture *f, uint8_t a, uint8_t b, uint8_t c)
{
    const uint8_t rates[3] = {a, b, c};

    for (unsigned i = 0; i < 3; i++) {
        mouse_command(f, 0xf3);
        EXPECT(f, 0xfa);
        mouse_command(f, rates[i]);
        EXPECT(f, 0xfa);
    }
    mouse_command(f, 0xf2);
}

static void
test_mouse_wheel(Fixture *f, gconstpointer data)
{
    knock(f, 200, 100, 80);
    EXPECT(f, 0xfa, 0x03);
    mouse_command(f, 0xf4);
    EXPECT(f, 0xfa);
    input(f, EMU_INPUT_BUTTON, EMU_INPUT_BUTTON_WHEEL_UP, 1);
    group_end(f);
    EXPECT(f, 0x08, 0x00, 0x00, 0xff);
    knock(f, 200, 200, 80);
    EXPECT(f, 0xfa, 0x04);
    input(f, EMU_INPUT_BUTTON, EMU_INPUT_BUTTON_SIDE, 1);
    group_end(f);
    EXPECT(f, 0x08, 0x00, 0x00, 0x10);
}

static void
test_mouse_disabled(Fixture *f, gconstpointer data)
{
    input(f, EMU_INPUT_REL, EMU_INPUT_AXIS_X, 5);
    group_end(f);
    g_assert_cmphex(status(f) & 0x01, ==, 0);
    mouse_command(f, 0xee); /* wrap mode echoes */
    EXPECT(f, 0xfa);
    mouse_command(f, 0x12);
    EXPECT(f, 0x12);
    mouse_command(f, 0xec);
    EXPECT(f, 0xfa);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add("/i8042/" path, Fixture, NULL, setup, fn, teardown)
    ADD("controller", test_controller);
    ADD("output-port", test_output_port);
    ADD("loopback", test_loopback);
    ADD("keyboard/commands", test_keyboard_commands);
    ADD("keyboard/translated", test_keys_translated);
    ADD("keyboard/raw-sets", test_keys_raw_sets);
    ADD("keyboard/clock-held", test_keyboard_held);
    ADD("keyboard/overrun-drops-whole-keys", test_many_keys);
    ADD("keyboard/with-modifiers", test_keys_with_modifiers);
    ADD("keyboard/typematic", test_typematic);
    ADD("controller/without-mouse-port", test_without_aux);
    ADD("mouse/remote", test_mouse_remote);
    ADD("mouse/standard", test_mouse_standard);
    ADD("mouse/wheel-and-five-buttons", test_mouse_wheel);
    ADD("mouse/disabled-and-wrap", test_mouse_disabled);
    return g_test_run();
}
