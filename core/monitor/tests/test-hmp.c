/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "monitor/hmp-private.h"

#include "system/machine-private.h"

#include <emu/memory.h>
#include <emu/test.h>
#include <string.h>

/* ---- line editing ---------------------------------------------------------------------------------------- */

typedef struct {
    GString *screen, *lines;
    EmuReadline *readline;
} Editor;

static void
editor_write(gpointer opaque, const char *text, gsize len)
{
    g_string_append_len(((Editor *)opaque)->screen, text, len);
}

static void
editor_line(gpointer opaque, const char *line)
{
    Editor *e = opaque;

    g_string_append_printf(e->lines, "<%s>", line);
    emu_readline_start(e->readline);
}

static GPtrArray *
editor_complete(gpointer opaque G_GNUC_UNUSED, const char *text, gsize *replaces)
{
    static const char *const words[] = {"stop", "status", "sendkey"};
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(words[i], text)) {
            g_ptr_array_add(list, g_strdup(words[i]));
        }
    }
    *replaces = strlen(text);
    return list;
}

static const EmuReadlineOps editor_ops = {editor_write, editor_line, editor_complete};

static void
editor_init(Editor *e)
{
    e->screen = g_string_new(NULL);
    e->lines = g_string_new(NULL);
    e->readline = emu_readline_new(&editor_ops, e, "(qemu) ");
    emu_readline_start(e->readline);
}

static void
editor_clear(Editor *e)
{
    emu_readline_free(e->readline);
    g_string_free(e->screen, TRUE);
    g_string_free(e->lines, TRUE);
}

static void
check_editing(const char *keys, const char *lines)
{
    Editor e;

    editor_init(&e);
    emu_readline_feed(e.readline, keys, strlen(keys));
    g_assert_cmpstr(e.lines->str, ==, lines);
    editor_clear(&e);
}

static void
test_readline(void)
{
    Editor e;

    check_editing("abc\n", "<abc>");
    check_editing("abc\r\nd\r", "<abc><d>");
    check_editing("abx\177c\n", "<abc>");
    check_editing("bc\001a\005d\n", "<abcd>");
    check_editing("ac\033[Db\033[Cd\n", "<abcd>");
    check_editing("xabc\033[H\033[3~\033[Fd\n", "<abcd>");
    check_editing("one two\027three\n", "<one three>");
    check_editing("gone\025kept\n", "<kept>");
    check_editing("one\ntwo\n\033[A\033[A\n", "<one><two><one>");
    check_editing("one\n\033[Ax\033[B\033[A\n", "<one><one>");
    check_editing("draft\020\016\n", "<draft>");
    check_editing("sen\t1\n", "<sendkey 1>");
    check_editing("sta\t\n", "<status >");
    check_editing("abc\003d\n", "<d>");
    check_editing("\033[999999999999;5~a\033Oq\n", "<a>");
    /* What a program sees. */
    editor_init(&e);
    emu_readline_feed(e.readline, "info x\n", 7);
    g_assert_cmpstr(e.screen->str, ==, "(qemu) info x\r\n(qemu) ");
    editor_clear(&e);
}

static void
test_readline_fuzz(void)
{
    static const char keys[] = "\033[ABCDHF\t\b\n \001\005\013\025\027";
    Editor e;

    editor_init(&e);
    for (int i = 0; i < 20000; i++) {
        char c = g_test_rand_bit() ? (char)g_test_rand_int() : keys[g_test_rand_int_range(0, sizeof(keys) - 1)];

        emu_readline_feed(e.readline, &c, 1);
        if (e.screen->len > 100000) {
            g_string_truncate(e.screen, 0);
            g_string_truncate(e.lines, 0);
        }
    }
    editor_clear(&e);
}

/* ---- commands ------------------------------------------------------------------------------------------------ */

typedef struct {
    EmuMachine *machine;
    EmuHmp hmp;
} Fixture;

static void
setup(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    EmuMemoryRegion *ram;
    uint8_t *p;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_machine_lock(f->machine);
    ram = emu_memory_region_new_ram(f->machine, "test.ram", 0x10000, &error);
    g_assert_no_error(error);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(f->machine), 0xffff0000, ram, 1);
    p = emu_memory_region_get_ram_pointer(ram);
    memcpy(p + 0xfff0, "\xea\x5b\xe0\x00\xf0\x30\x36\x2f\x32\x33\x2f\x39\x39\x00\xfc\x00", 16);
    f->hmp = (EmuHmp){.monitors = emu_machine_get_monitors(f->machine), .machine = f->machine, .format = 'x', .format_size = 4};
}

static void
teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_unlock(f->machine);
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static char *
run(Fixture *f, const char *line)
{
    f->hmp.out = g_string_new(NULL);
    emu_hmp_run(&f->hmp, line);
    return g_string_free(f->hmp.out, FALSE);
}

static void
check(Fixture *f, const char *line, const char *expected)
{
    g_autofree char *out = run(f, line);

    if (strcmp(out, expected) != 0) {
        g_error("'%s' printed '%s', expected '%s'", line, out, expected);
    }
}

/* The layouts are QEMU's: programs read them. */
static void
test_memory(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    check(f, "xp /8hx 0xfffffff0", "00000000fffffff0: 0x5bea 0x00e0 0x30f0 0x2f36 0x3332 0x392f 0x0039 0x00fc\n");
    check(f, "xp/9xb 0xfffffff0-8+8", "00000000fffffff0: 0xea 0x5b 0xe0 0x00 0xf0 0x30 0x36 0x2f\n00000000fffffff8: 0x32\n");
    check(f, "xp /5c 0xfffffff0", "00000000fffffff0: '\\xea' '[' '\\xe0' '\\x00' '\\xf0'\n");
    check(f, "xp /3dw 0xfffffff0", "00000000fffffff0:   14703594  792080624  959394610\n");
    check(f, "xp /3uh 0xfffffff0", "00000000fffffff0: 23530   224 12528\n");
    check(f, "xp /3oh 0xfffffff0", "00000000fffffff0: 055752   0340 030360\n");
    check(f, "xp /2gx 0xfffffff0", "00000000fffffff0: 0x2f3630f000e05bea 0x00fc0039392f3332\n");
    check(f, "xp /8xw 0xfffffff0", "00000000fffffff0: 0x00e05bea 0x2f3630f0 0x392f3332 0x00fc0039\n0000000100000000: Cannot access memory\n");
    check(f, "xp /zz 0", "invalid char in format: 'z'\nTry \"help xp\" for more information\n");
    check(f, "xp", "unexpected end of expression\nTry \"help xp\" for more information\n");
    check(f, "gpa2hva 0x4000000000", "Error: No memory is mapped at address 0x4000000000\n");
    check(f, "x /4xw 0", "No CPU available\n");
}

static void
test_numbers(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    check(f, "p 1+2*3", "0x7\n");
    check(f, "p/d -5", "-5\n");
    check(f, "p/c 65", "'A'\n");
    check(f, "p/o 8", "010\n");
    check(f, "p/u -1", "18446744073709551615\n");
    check(f, "p/d 7%4-010/2", "-1\n");
    check(f, "p 1/0", "division by zero\nTry \"help p\" for more information\n");
    check(f, "p/d -0x8000000000000000/-1", "-9223372036854775808\n");
    check(f, "p (1", "')' expected\nTry \"help p\" for more information\n");
    check(f, "p/x 1 2", "print|p: extraneous characters at the end of line\nTry \"help p\" for more information\n");
    check(f, "p 99999999999999999999", "number too large\nTry \"help p\" for more information\n");
}

static void
test_commands(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    check(f, "", "");
    check(f, "   ", "");
    check(f, "info status", "VM status: running\n");
    check(f, "stop", "");
    check(f, "info status", "VM status: paused\n");
    check(f, "c", "");
    check(f, "frob", "unknown command: 'frob'\n");
    check(f, "info frob", "unknown command: 'info frob'\n");
    check(f, "stop x", "stop|s: extraneous characters at the end of line\nTry \"help stop\" for more information\n");
    check(f, "help xp", "xp /fmt addr -- physical memory dump starting at 'addr'\n");
    check(f, "help info status", "info status  -- show the current VM status (running|paused)\n");
    check(f, "help frob", "unknown command: 'frob'\n");
    check(f, "sendkey ctrl-foo", "invalid parameter: foo\n");
    check(f, "sendkey ctrl-alt-delete 10", "");
    check(f, "sendkey", "sendkey: string expected\nTry \"help sendkey\" for more information\n");
    check(f, "mouse_move 20 -10", "");
    check(f, "mouse_set 9", "Mouse at index '9' not found\n");
    check(f, "eject nope", "Error: Device 'nope' not found\n");
    check(f, "eject \"nope", "unterminated string\nTry \"help eject\" for more information\n");
    check(f, "device_del foo", "Error: Device 'foo' not found\n");
    check(f, "qom-get /machine type", "\"none-machine\"\n");
    check(f, "cpu 7", "invalid CPU index\n");
    check(f, "info name", "");
}

static void
test_change(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("emu-hmp-XXXXXX", NULL), *path = g_build_filename(dir, "a b.iso", NULL);
    g_autofree char *change = g_strdup_printf("change cd0 \"%s\" raw", path), *command = g_strdup_printf("rm -rf '%s'", dir);
    g_autofree char *out = NULL;

    g_assert_true(g_file_set_contents(path, "0123456789abcdef", 16, NULL));
    g_assert_true(emu_test_add_drive(f->machine, "if=ide,media=cdrom,id=cd0", &error));
    check(f, "info block", "cd0: [not inserted]\n    Removable device: not locked, tray closed\n");
    check(f, change, "");
    out = run(f, "info block cd0");
    g_assert_true(g_str_has_prefix(out, "cd0 (#block"));
    g_assert_nonnull(strstr(out, "a b.iso (raw, read-only)\n    Removable device: not locked, tray closed\n    Cache mode:       writeback\n"));
    check(f, "change cd0 /nonexistent raw", "Error: Could not open '/nonexistent': No such file or directory\n");
    check(f, "eject cd0", "");
    check(f, "info block", "cd0: [not inserted]\n    Removable device: not locked, tray closed\n");
    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
}

/* Every command of the tables with every kind of nonsense behind it. */
static void
test_fuzz(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const words[] = {"0", "-1", "/", "/99999999999999x", "/i", "-f", "-a", "\"", "\"\\n\"", "0xffffffffffffffff", "$rip", "(", "a-b", "on", "/machine", "x=y,,z"};
    static const char *const harmful[] = {"quit", "memsave", "pmemsave", "screendump", "logfile", "log", "o", "help", "xp", "x", "sum", NULL};

    for (unsigned round = 0; round < 60; round++) {
        for (unsigned t = 0; t < 2; t++) {
            for (const EmuHmpCommand *c = t ? emu_hmp_info_commands : emu_hmp_commands; c->name; c++) {
                g_autoptr(GString) line = g_string_new(t ? "info " : "");
                g_autofree char *name = g_strndup(c->name, strcspn(c->name, "|"));
                g_autofree char *out = NULL;

                if (!t && g_strv_contains(harmful, name)) {
                    continue;
                }
                g_string_append(line, name);
                for (int n = g_test_rand_int_range(0, 5); n > 0; n--) {
                    g_string_append_printf(line, " %s", words[g_test_rand_int_range(0, G_N_ELEMENTS(words))]);
                }
                out = run(f, line->str);
                g_assert_nonnull(out);
            }
        }
    }
    check(f, "p/x 1", "0x1\n");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hmp/readline/editing", test_readline);
    g_test_add_func("/hmp/readline/any-bytes", test_readline_fuzz);
#define CASE(name, fn) g_test_add("/hmp/" name, Fixture, NULL, setup, fn, teardown)
    CASE("memory-dumps", test_memory);
    CASE("expressions", test_numbers);
    CASE("commands", test_commands);
    CASE("change-and-eject", test_change);
    CASE("fuzz/wild-arguments", test_fuzz);
    return g_test_run();
}
