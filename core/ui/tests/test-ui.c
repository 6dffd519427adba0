/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "ui/ui-private.h"

#include <glib/gstdio.h>
#include <string.h>

static void
test_key_names(void)
{
    int keys[EMU_KEY_SEQUENCE_MAX];
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < emu_key_count(); i++) {
        g_assert_cmpint(emu_key_from_name(emu_key_name(i)), ==, (int)i);
    }
    g_assert_cmpint(emu_key_from_name("nonsense"), ==, -1);
    g_assert_null(emu_key_name(-1));
    g_assert_null(emu_key_name(100000));
    g_assert_cmphex(emu_key_to_set1(emu_key_from_name("a")), ==, 0x1e);
    g_assert_cmphex(emu_key_to_set1(emu_key_from_name("delete")), ==, 0xe053);
    g_assert_cmphex(emu_key_to_set1(emu_key_from_name("pause")), ==, 0xe1);
    g_assert_cmphex(emu_key_to_set1(-1), ==, 0);
    g_assert_cmpstr(emu_key_name(emu_key_from_number(0x1e)), ==, "a");
    g_assert_cmpstr(emu_key_name(emu_key_from_number(0x9d)), ==, "ctrl_r");
    g_assert_cmpstr(emu_key_name(emu_key_from_number(0xc6)), ==, "pause");
    g_assert_cmpint(emu_key_from_number(0), ==, -1);
    g_assert_cmpint(emu_key_from_number(0x1ff), ==, -1);

    g_assert_cmpint(emu_key_parse_sequence("ctrl-alt-delete", keys, 16, &error), ==, 3);
    g_assert_cmpstr(emu_key_name(keys[2]), ==, "delete");
    g_assert_cmpint(emu_key_parse_sequence("shift-0x1e", keys, 16, &error), ==, 2);
    g_assert_cmpstr(emu_key_name(keys[1]), ==, "a");
    g_assert_cmpint(emu_key_parse_sequence("shift-less", keys, 16, &error), ==, 2);
    g_assert_no_error(error);
    g_assert_cmpint(emu_key_parse_sequence("ctrl-foo", keys, 16, &error), ==, -1);
    g_assert_cmpstr(error->message, ==, "invalid parameter: foo");
    g_clear_error(&error);
    g_assert_cmpint(emu_key_parse_sequence("0x", keys, 16, NULL), ==, -1);
    g_assert_cmpint(emu_key_parse_sequence("", keys, 16, NULL), ==, -1);
    g_assert_cmpint(emu_key_parse_sequence("a-b-c", keys, 2, NULL), ==, -1);
}

typedef struct {
    GString *log;
    const char *name;
} Sink;

static void
sink_event(gpointer opaque, const EmuInputEvent *event)
{
    Sink *s = opaque;

    switch (event->kind) {
    case EMU_INPUT_KEY:
        g_string_append_printf(s->log, "%s:%c%s ", s->name, event->value ? '+' : '-', emu_key_name(event->code));
        break;
    case EMU_INPUT_BUTTON:
        g_string_append_printf(s->log, "%s:b%d=%d ", s->name, event->code, event->value);
        break;
    default:
        g_string_append_printf(s->log, "%s:%c%d ", s->name, event->code == EMU_INPUT_AXIS_X ? 'x' : 'y', event->value);
        break;
    }
}

static void
sink_sync(gpointer opaque)
{
    Sink *s = opaque;

    g_string_append_printf(s->log, "| ");
}

static void
test_input_routing(void)
{
    static const EmuInputHandlerOps keyboard = {.name = "keyboard", .mask = 1 << EMU_INPUT_KEY, .event = sink_event};
    static const EmuInputHandlerOps mouse = {.name = "mouse", .mask = 1 << EMU_INPUT_BUTTON | 1 << EMU_INPUT_REL, .event = sink_event, .sync = sink_sync};
    static const EmuInputHandlerOps tablet = {.name = "tablet", .mask = 1 << EMU_INPUT_BUTTON | 1 << EMU_INPUT_ABS, .event = sink_event, .sync = sink_sync};
    g_autoptr(GString) log = g_string_new(NULL);
    Sink k = {log, "k"}, m = {log, "m"}, t = {log, "t"};
    EmuInput *input = emu_input_new(NULL, NULL);
    EmuInputEvent abs = {.kind = EMU_INPUT_ABS, .code = EMU_INPUT_AXIS_X, .value = 7};
    EmuInputHandler *hk, *hm, *ht;
    int keys[2] = {emu_key_from_name("ctrl"), emu_key_from_name("c")};
    GArray *mice;

    emu_input_queue_event(input, &abs); /* nobody there */
    hk = emu_input_add_handler(input, &keyboard, &k);
    hm = emu_input_add_handler(input, &mouse, &m);
    ht = emu_input_add_handler(input, &tablet, &t);
    g_assert_true(emu_input_send_sequence(input, keys, 2, 100));
    g_assert_cmpstr(log->str, ==, "k:+ctrl k:+c k:-c k:-ctrl ");
    g_string_truncate(log, 0);
    emu_input_move(input, 20, -10, 1);
    g_assert_cmpstr(log->str, ==, "m:x20 m:y-10 m:b3=1 | m:b3=0 | ");
    g_string_truncate(log, 0);
    emu_input_handler_activate(ht);
    emu_input_set_buttons(input, 5);
    emu_input_set_buttons(input, 1);
    emu_input_queue_event(input, &abs);
    emu_input_queue_sync(input);
    g_assert_cmpstr(log->str, ==, "t:b0=1 t:b2=1 | t:b2=0 | t:x7 | ");
    mice = emu_input_list_mice(input);
    g_assert_cmpuint(mice->len, ==, 2);
    g_assert_cmpstr(g_array_index(mice, EmuMouseInfo, 0).name, ==, "mouse");
    g_assert_false(g_array_index(mice, EmuMouseInfo, 0).current);
    g_assert_true(g_array_index(mice, EmuMouseInfo, 1).current);
    g_array_unref(mice);
    emu_input_handler_free(hm);
    emu_input_free(input); /* handlers outlive it */
    emu_input_handler_free(hk);
    emu_input_handler_free(ht);
}

static void
console_update(gpointer opaque)
{
    EmuConsole *console = *(EmuConsole **)opaque;
    uint32_t *p;

    emu_console_resize(console, 3, 2);
    p = pixman_image_get_data(emu_console_get_surface(console));
    p[0] = 0xff8040;
    emu_console_damage(console, -5, 0, 6, 100);
}

static bool
console_get_text(gpointer opaque G_GNUC_UNUSED, unsigned *columns, unsigned *rows, GArray *cells)
{
    static const char text[] = "hi  \xdb  \0 ";

    *columns = 4;
    *rows = 2;
    for (unsigned i = 0; i < 8; i++) {
        uint16_t cell = 0x0700 | (uint8_t)text[i];
        g_array_append_val(cells, cell);
    }
    return true;
}

typedef struct {
    unsigned resized, damaged;
    int w, h;
} Seen;

static void
resized_cb(EmuConsole *console G_GNUC_UNUSED, Seen *seen)
{
    seen->resized++;
}

static void
damaged_cb(EmuConsole *console G_GNUC_UNUSED, int x G_GNUC_UNUSED, int y G_GNUC_UNUSED, int w, int h, Seen *seen)
{
    seen->damaged++;
    seen->w = w;
    seen->h = h;
}

static void
test_console(void)
{
    static const EmuConsoleOps ops = {.update = console_update, .get_text = console_get_text};
    EmuConsole *console;
    g_autofree char *text = NULL, *dir = g_dir_make_tmp("emu-ui-XXXXXX", NULL), *ppm = g_build_filename(dir, "a.ppm", NULL), *png = g_build_filename(dir, "a.png", NULL);
    g_autofree char *ppm_data = NULL, *png_data = NULL;
    g_autoptr(GError) error = NULL;
    Seen seen = {0};
    gsize len;

    console = emu_console_new(NULL, NULL, 0, &ops, &console);
    g_signal_connect(console, "resized", G_CALLBACK(resized_cb), &seen);
    g_signal_connect(console, "damaged", G_CALLBACK(damaged_cb), &seen);
    text = emu_console_get_text(console);
    g_assert_cmpstr(text, ==, "hi\n\342\226\210\n");
    g_assert_true(emu_console_screendump(console, ppm, "ppm", &error));
    g_assert_no_error(error);
    g_assert_cmpuint(seen.resized, ==, 1);
    g_assert_cmpuint(seen.damaged, ==, 1);
    g_assert_cmpint(seen.w, ==, 1);
    g_assert_cmpint(seen.h, ==, 2);
    g_assert_true(g_file_get_contents(ppm, &ppm_data, &len, NULL));
    g_assert_cmpuint(len, ==, 11 + 18);
    g_assert_true(memcmp(ppm_data, "P6\n3 2\n255\n\xff\x80\x40\0", 15) == 0);
    g_assert_true(emu_console_screendump(console, png, "png", &error));
    g_assert_true(g_file_get_contents(png, &png_data, &len, NULL));
    g_assert_true(len > 50 && memcmp(png_data, "\x89PNG", 4) == 0);
    g_assert_cmpuint(seen.resized, ==, 1);
    g_assert_false(emu_console_screendump(console, "/nonexistent/x", "ppm", &error));
    g_assert_cmpstr(error->message, ==, "failed to open file '/nonexistent/x': No such file or directory");
    g_clear_error(&error);
    g_assert_false(emu_console_screendump(console, ppm, "gif", &error));
    g_clear_error(&error);
    emu_console_resize(console, 0, 5);
    emu_console_resize(console, 1u << 31, 5);
    g_assert_cmpuint(seen.resized, ==, 1);
    g_assert_false(emu_console_screendump(console, "/dev/full", "ppm", &error));
    g_unlink(ppm);
    g_unlink(png);
    g_rmdir(dir);
    emu_console_remove(console);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/keys/names-numbers-and-sequences", test_key_names);
    g_test_add_func("/ui/input/goes-to-the-active-handler", test_input_routing);
    g_test_add_func("/ui/console/surface-text-and-pictures", test_console);
    return g_test_run();
}
