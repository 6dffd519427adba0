/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test.h>
#include <emu/ui.h>

static EmuMachine *
machine_new(void)
{
    GError *error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);

    g_assert_no_error(error);
    emu_test_isa_bus_new(m);
    emu_test_add_device(m, "isa-vga", "", &error);
    g_assert_no_error(error);
    emu_test_out(m, 0x3c2, 0x63, 1); /* color addresses */
    return m;
}

static void
machine_end(EmuMachine *m)
{
    emu_machine_destroy(m);
    g_object_unref(m);
}

static void
indexed(EmuMachine *m, uint16_t port, uint8_t index, uint8_t value)
{
    emu_test_out(m, port, index | value << 8, 2);
}

static void
planar_mode(EmuMachine *m)
{
    indexed(m, 0x3c4, 4, 0x06); /* sequential, not chain 4 */
    indexed(m, 0x3ce, 6, 0x05); /* graphics, 64 KiB at 0xa0000 */
    indexed(m, 0x3ce, 5, 0x00);
    indexed(m, 0x3ce, 8, 0xff);
    indexed(m, 0x3c4, 2, 0x0f);
}

static void
test_planes(void)
{
    EmuMachine *m = machine_new();

    planar_mode(m);
    for (unsigned plane = 0; plane < 4; plane++) {
        indexed(m, 0x3c4, 2, 1 << plane);
        emu_test_write(m, 0xa0010, 0x10 + plane, 1);
    }
    for (unsigned plane = 0; plane < 4; plane++) {
        indexed(m, 0x3ce, 4, plane);
        g_assert_cmphex(emu_test_read(m, 0xa0010, 1), ==, 0x10 + plane);
    }
    machine_end(m);
}

static void
test_write_modes(void)
{
    EmuMachine *m = machine_new();

    planar_mode(m);
    /* Mode 2: color 5 under a bit mask. */
    emu_test_write(m, 0xa0000, 0, 1);
    emu_test_read(m, 0xa0000, 1);
    indexed(m, 0x3ce, 5, 0x02);
    indexed(m, 0x3ce, 8, 0xf0);
    emu_test_write(m, 0xa0000, 5, 1);
    indexed(m, 0x3ce, 8, 0xff);
    indexed(m, 0x3ce, 4, 0);
    g_assert_cmphex(emu_test_read(m, 0xa0000, 1), ==, 0xf0);
    indexed(m, 0x3ce, 4, 1);
    g_assert_cmphex(emu_test_read(m, 0xa0000, 1), ==, 0x00);
    indexed(m, 0x3ce, 4, 2);
    g_assert_cmphex(emu_test_read(m, 0xa0000, 1), ==, 0xf0);
    /* Mode 1 copies the latches. */
    indexed(m, 0x3ce, 5, 0x01);
    emu_test_write(m, 0xa0001, 0, 1);
    g_assert_cmphex(emu_test_read(m, 0xa0001, 1), ==, 0xf0);
    /* Read mode 1: where is color 5? */
    indexed(m, 0x3ce, 5, 0x08);
    indexed(m, 0x3ce, 2, 5);
    indexed(m, 0x3ce, 7, 0x0f);
    g_assert_cmphex(emu_test_read(m, 0xa0001, 1), ==, 0xf0);
    machine_end(m);
}

static void
test_palette(void)
{
    EmuMachine *m = machine_new();

    emu_test_out(m, 0x3c8, 7, 1);
    emu_test_out(m, 0x3c9, 1, 1);
    emu_test_out(m, 0x3c9, 2, 1);
    emu_test_out(m, 0x3c9, 3, 1);
    emu_test_out(m, 0x3c7, 7, 1);
    for (unsigned i = 1; i <= 3; i++) {
        g_assert_cmphex(emu_test_in(m, 0x3c9, 1), ==, i);
    }
    machine_end(m);
}

static void
test_vbe(void)
{
    EmuMachine *m = machine_new();
    static const uint16_t mode[][2] = {{4, 0}, {1, 640}, {2, 480}, {3, 32}, {4, 0x41}};
    EmuConsole *console;
    pixman_image_t *surface;

    emu_test_out(m, 0x1ce, 0, 2);
    g_assert_cmphex(emu_test_in(m, 0x1cf, 2), ==, 0xb0c5);
    for (unsigned i = 0; i < G_N_ELEMENTS(mode); i++) {
        emu_test_out(m, 0x1ce, mode[i][0], 2);
        emu_test_out(m, 0x1cf, mode[i][1], 2);
    }
    emu_test_write(m, 0xe0000000u + (2 * 640 + 3) * 4, 0x123456, 4);
    console = emu_machine_get_console(m, 0);
    g_assert_nonnull(console);
    emu_machine_lock(m);
    emu_console_update(console);
    surface = emu_console_get_surface(console);
    g_assert_cmpint(pixman_image_get_width(surface), ==, 640);
    g_assert_cmpint(pixman_image_get_height(surface), ==, 480);
    g_assert_cmphex(pixman_image_get_data(surface)[2 * pixman_image_get_stride(surface) / 4 + 3] & 0xffffff, ==, 0x123456);
    emu_machine_unlock(m);
    /* More than video memory holds is cut to what fits. */
    emu_test_out(m, 0x1ce, 4, 2);
    emu_test_out(m, 0x1cf, 0, 2);
    emu_test_out(m, 0x1ce, 1, 2);
    emu_test_out(m, 0x1cf, 0xfff8, 2);
    emu_test_out(m, 0x1ce, 2, 2);
    emu_test_out(m, 0x1cf, 0xffff, 2);
    emu_test_out(m, 0x1ce, 4, 2);
    emu_test_out(m, 0x1cf, 0x41, 2);
    emu_machine_lock(m);
    emu_console_update(console);
    emu_machine_unlock(m);
    emu_test_out(m, 0x1ce, 2, 2);
    g_assert_cmpuint(emu_test_in(m, 0x1cf, 2), ==, (8u << 20) / (16000 * 4));
    machine_end(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vga/window/planes-are-apart", test_planes);
    g_test_add_func("/vga/window/write-and-read-modes", test_write_modes);
    g_test_add_func("/vga/dac/palette-reads-back", test_palette);
    g_test_add_func("/vga/vbe/mode-shows-what-is-written", test_vbe);
    return g_test_run();
}
