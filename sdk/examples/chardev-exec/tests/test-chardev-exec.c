/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/chardev.h>
#include <emu/test.h>

typedef struct {
    EmuMachine *m;
    EmuCharFrontend *fe;
    GString *got;
    gsize room;
    unsigned closed;
} Fixture;

static gsize
can_receive_cb(gpointer opaque)
{
    return ((Fixture *)opaque)->room;
}

static void
receive_cb(gpointer opaque, const uint8_t *buf, gsize len)
{
    Fixture *f = opaque;

    g_assert_cmpuint(len, <=, f->room);
    f->room -= len;
    g_string_append_len(f->got, (const char *)buf, (gssize)len);
}

static void
event_cb(gpointer opaque, EmuChardevEvent event)
{
    ((Fixture *)opaque)->closed += event == EMU_CHARDEV_CLOSED;
}

static void
set_up(Fixture *f, gconstpointer text)
{
    static const EmuChardevHandlers handlers = {.can_receive = can_receive_cb, .receive = receive_cb, .event = event_cb};
    g_autoptr(GError) error = NULL;
    EmuChardev *chardev;

    f->got = g_string_new(NULL);
    f->room = 1 << 20;
    f->m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_machine_lock(f->m);
    chardev = emu_chardev_new_from_text(f->m, text, &error);
    g_assert_no_error(error);
    f->fe = emu_char_frontend_new(chardev, &handlers, f, &error);
    g_assert_no_error(error);
    emu_machine_unlock(f->m);
}

static void
tear_down(Fixture *f, gconstpointer text)
{
    emu_machine_lock(f->m);
    emu_char_frontend_free(f->fe);
    emu_machine_unlock(f->m);
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
    g_string_free(f->got, TRUE);
}

/* The program takes its time; the test's own limit ends a wait for nothing. */
static void
wait_until(Fixture *f, gsize len, unsigned closed)
{
    while (f->got->len < len || f->closed < closed) {
        emu_test_settle(f->m);
        g_usleep(1000);
    }
}

static void
write_bytes(Fixture *f, const char *bytes, gsize len)
{
    emu_machine_lock(f->m);
    emu_char_frontend_write(f->fe, (const uint8_t *)bytes, len);
    emu_machine_unlock(f->m);
}

static void
test_both_ways(Fixture *f, gconstpointer text)
{
    write_bytes(f, "hello\n", 6);
    wait_until(f, 6, 1);
    g_assert_cmpstr(f->got->str, ==, "HELLO\n");
    write_bytes(f, "anybody?\n", 9);
    g_assert_cmpuint(f->closed, ==, 1);
}

/* More than a socket holds, through a front end that takes little at a time: nothing is lost, nothing comes twice. */
static void
test_much(Fixture *f, gconstpointer text)
{
    gsize n = 1 << 20;
    g_autofree char *bytes = g_malloc(n);

    for (gsize i = 0; i < n; i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
    f->room = 0;
    write_bytes(f, bytes, n);
    while (f->got->len < n) {
        emu_machine_lock(f->m);
        f->room = 30000;
        emu_char_frontend_accept_input(f->fe);
        emu_machine_unlock(f->m);
        emu_test_settle(f->m);
    }
    g_assert_cmpmem(f->got->str, f->got->len, bytes, n);
}

static void
test_no_command(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EmuMachine) m = emu_test_machine_new("none", NULL);

    emu_machine_lock(m);
    g_assert_null(emu_chardev_new_from_text(m, "exec,id=c0", &error));
    emu_machine_unlock(m);
    g_assert_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE);
    emu_machine_destroy(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/chardev-exec/both-ways", Fixture, "exec,id=c0,command=read x; echo $x | tr a-z A-Z", set_up, test_both_ways, tear_down);
    g_test_add("/chardev-exec/much", Fixture, "exec,id=c0,command=cat", set_up, test_much, tear_down);
    g_test_add_func("/chardev-exec/no-command", test_no_command);
    return g_test_run();
}
