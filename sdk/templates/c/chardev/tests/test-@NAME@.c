/* SPDX-License-Identifier: @LICENSE@ */

#include <emu/chardev.h>
#include <emu/test.h>

typedef struct {
    EmuMachine *m;
    EmuChardev *chardev;
    EmuCharFrontend *fe;
    gsize room; /* what the front end can take */
    GString *got;
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
set_up(Fixture *f, gconstpointer text)
{
    static const EmuChardevHandlers handlers = {.can_receive = can_receive_cb, .receive = receive_cb};
    g_autoptr(GError) error = NULL;

    f->got = g_string_new(NULL);
    f->m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_machine_lock(f->m);
    f->chardev = emu_chardev_new_from_text(f->m, text, &error);
    g_assert_no_error(error);
    f->fe = emu_char_frontend_new(f->chardev, &handlers, f, &error);
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

static void
write_text(Fixture *f, const char *text)
{
    emu_machine_lock(f->m);
    emu_char_frontend_write(f->fe, (const uint8_t *)text, strlen(text));
    emu_machine_unlock(f->m);
    emu_test_settle(f->m);
}

static void
accept(Fixture *f, gsize room)
{
    f->room = room;
    emu_machine_lock(f->m);
    emu_char_frontend_accept_input(f->fe);
    emu_machine_unlock(f->m);
    emu_test_settle(f->m);
}

static void
test_comes_back(Fixture *f, gconstpointer text)
{
    write_text(f, "hello");
    g_assert_cmpstr(f->got->str, ==, "");
    accept(f, 2);
    g_assert_cmpstr(f->got->str, ==, "he");
    accept(f, 100);
    g_assert_cmpstr(f->got->str, ==, "hello");
}

/* More than it takes at once waits above it. */
static void
test_small(Fixture *f, gconstpointer text)
{
    write_text(f, "0123456789");
    g_assert_cmpuint(emu_char_frontend_queued(f->fe), ==, 10);
    for (unsigned i = 0; i < 10; i++) {
        accept(f, 100);
    }
    g_assert_cmpstr(f->got->str, ==, "0123456789");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/@NAME@/comes-back", Fixture, "@TYPE@,id=c0", set_up, test_comes_back, tear_down);
    g_test_add("/@NAME@/small", Fixture, "@TYPE@,id=c0,size=3", set_up, test_small, tear_down);
    return g_test_run();
}
