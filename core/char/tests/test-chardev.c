/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Character devices: sockets and their hostile peers, telnet, mux, pipes, files, ring buffer, terminal lines. */

#include "char/char-private.h"

#include <emu/test.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct {
    EmuMachine *machine;
    EmuCharFrontend *fe;
    GByteArray *received;
    gsize room;
    GString *events;
    char *dir;
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
    g_assert_true(emu_machine_lock_held(f->machine));
    g_byte_array_append(f->received, buf, (guint)len);
}

static void
event_cb(gpointer opaque, EmuChardevEvent event)
{
    static const char *const names[] = {"opened ", "closed ", "break ", "in ", "out "};

    g_string_append(((Fixture *)opaque)->events, names[event]);
}

static const EmuChardevHandlers handlers = {can_receive_cb, receive_cb, event_cb};

static void
set_up(Fixture *f, gconstpointer data)
{
    f->machine = emu_test_machine_new("none", NULL);
    f->received = g_byte_array_new();
    f->events = g_string_new(NULL);
    f->room = 4096;
    f->dir = g_dir_make_tmp("emu-char-XXXXXX", NULL);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_autofree char *command G_GNUC_UNUSED = NULL;

    emu_machine_lock(f->machine);
    emu_char_frontend_free(f->fe);
    emu_machine_unlock(f->machine);
    emu_machine_destroy(f->machine);
    g_assert_finalize_object(G_OBJECT(f->machine));
    g_byte_array_unref(f->received);
    g_string_free(f->events, TRUE);
    g_rmdir(f->dir);
    g_free(f->dir);
}

static EmuChardev *
open_chardev(Fixture *f, const char *text)
{
    g_autoptr(GError) error = NULL;
    EmuChardev *chardev;

    emu_machine_lock(f->machine);
    chardev = emu_chardev_new_from_text(f->machine, text, &error);
    g_assert_no_error(error);
    g_assert_nonnull(chardev);
    f->fe = emu_char_frontend_new(chardev, &handlers, f, &error);
    g_assert_no_error(error);
    emu_machine_unlock(f->machine);
    return chardev;
}

static void
spin(Fixture *f)
{
    for (int i = 0; i < 20; i++) {
        emu_test_settle(f->machine);
        g_usleep(500);
    }
}

/* On a busy host the peer, the kernel's workers or the clock may keep us waiting. */
#define spin_until(f, condition)                                                      \
    do {                                                                              \
        gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;                    \
                                                                                      \
        do {                                                                          \
            spin(f);                                                                  \
        } while (!(condition) && g_get_monotonic_time() < end);                       \
    } while (0)

static void
expect_events(Fixture *f, const char *text)
{
    spin_until(f, strcmp(f->events->str, text) == 0);
    g_assert_cmpstr(f->events->str, ==, text);
}

static void
put(Fixture *f, const void *data, gsize len)
{
    emu_machine_lock(f->machine);
    emu_char_frontend_write(f->fe, data, len);
    emu_machine_unlock(f->machine);
}

static void
expect_received(Fixture *f, const char *text)
{
    spin_until(f, f->received->len >= strlen(text));
    g_assert_cmpmem(f->received->data, f->received->len, text, strlen(text));
    g_byte_array_set_size(f->received, 0);
}

static int
connect_unix(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_strlcpy(un.sun_path, path, sizeof un.sun_path);
    g_assert_cmpint(connect(fd, (struct sockaddr *)&un, sizeof un), ==, 0);
    return fd;
}

static void
expect_peer_reads(int fd, const void *data, gsize len)
{
    uint8_t buf[256];
    gsize got = 0;

    while (got < len) {
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        gssize n;

        g_assert_cmpint(poll(&pfd, 1, 60000), ==, 1);
        n = read(fd, buf + got, sizeof buf - got);
        g_assert_cmpint(n, >, 0);
        got += (gsize)n;
    }
    g_assert_cmpmem(buf, got, data, len);
}

/* ---- sockets ------------------------------------------------------------------------------------- */

static void
test_unix_server(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "sock", NULL);
    g_autofree char *text = g_strdup_printf("socket,id=s,path=%s,server=on,wait=off", path);
    EmuChardev *chardev = open_chardev(f, text);
    g_autofree char *name = g_strdup_printf("disconnected:unix:%s,server=on", path);
    int fd, second;

    g_assert_cmpstr(emu_chardev_get_filename(chardev), ==, name);
    put(f, "lost", 4);
    fd = connect_unix(path);
    expect_events(f, "opened ");
    g_assert_true(emu_chardev_is_open(chardev));
    g_assert_cmpint(write(fd, "hello", 5), ==, 5);
    expect_received(f, "hello");
    put(f, "world", 5);
    expect_peer_reads(fd, "world", 5);
    /* The next one waits in the queue until the first is gone. */
    second = connect_unix(path);
    g_assert_cmpint(write(second, "me too", 6), ==, 6);
    expect_received(f, "");
    close(fd);
    expect_received(f, "me too");
    expect_events(f, "opened closed opened ");
    close(second);
    spin(f);
}

static void
test_room_is_respected(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "sock", NULL);
    g_autofree char *text = g_strdup_printf("socket,id=s,path=%s,server=on,wait=off", path);
    int fd;

    open_chardev(f, text);
    fd = connect_unix(path);
    f->room = 0;
    g_assert_cmpint(write(fd, "abc", 3), ==, 3);
    expect_received(f, "");
    f->room = 1;
    emu_machine_lock(f->machine);
    emu_char_frontend_accept_input(f->fe);
    emu_machine_unlock(f->machine);
    expect_received(f, "abc");
    close(fd);
}

static void
test_peer_that_reads_nothing_and_goes(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "sock", NULL);
    g_autofree char *text = g_strdup_printf("socket,id=s,path=%s,server=on,wait=off", path);
    EmuChardev *chardev = open_chardev(f, text);
    g_autofree uint8_t *block = g_malloc0(65536);
    int fd = connect_unix(path);

    spin(f);
    for (int i = 0; i < 100; i++) {
        put(f, block, 65536);
    }
    /* Bounded, and what is too much is counted. */
    g_assert_cmpuint(emu_char_frontend_queued(f->fe), <=, EMU_CHARDEV_QUEUE_MAX);
    g_assert_cmpuint(emu_char_frontend_queued(f->fe), >, 0);
    g_assert_cmpuint(emu_chardev_get_dropped(chardev), >, 0);
    close(fd);
    spin_until(f, emu_char_frontend_queued(f->fe) == 0);
    g_assert_cmpuint(emu_char_frontend_queued(f->fe), ==, 0);
    fd = connect_unix(path);
    expect_events(f, "opened closed opened ");
    put(f, "again", 5);
    expect_peer_reads(fd, "again", 5);
    close(fd);
    put(f, block, 65536);
    put(f, block, 65536);
    spin(f);
}

static void
test_client_reconnects(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "sock", NULL);
    g_autofree char *text = g_strdup_printf("socket,id=s,path=%s,reconnect-ms=5", path);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;

    open_chardev(f, text);
    spin(f);
    g_strlcpy(un.sun_path, path, sizeof un.sun_path);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&un, sizeof un), ==, 0);
    g_assert_cmpint(listen(listener, 1), ==, 0);
    expect_events(f, "opened ");
    fd = accept(listener, NULL, NULL);
    put(f, "one", 3);
    expect_peer_reads(fd, "one", 3);
    close(fd);
    expect_events(f, "opened closed opened ");
    fd = accept(listener, NULL, NULL);
    put(f, "two", 3);
    expect_peer_reads(fd, "two", 3);
    close(fd);
    close(listener);
    spin(f);
    g_unlink(path);
}

static void
test_telnet(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "sock", NULL);
    g_autofree char *text = g_strdup_printf("socket,id=s,path=%s,server=on,wait=off,telnet=on", path);
    static const uint8_t greeting[] = {255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0};
    static const uint8_t input[] = {'a', 255, 253, 1, 'b', 255, 255, '\r', 0, 255, 250, 24, 1, 255, 240, 'c', 255, 243, 'd'};
    int fd;

    open_chardev(f, text);
    fd = connect_unix(path);
    expect_events(f, "opened ");
    expect_peer_reads(fd, greeting, sizeof greeting);
    g_assert_cmpint(write(fd, input, sizeof input), ==, sizeof input);
    expect_received(f, "ab\377\rcd");
    g_assert_cmpstr(f->events->str, ==, "opened break ");
    put(f, "x\377y", 3);
    expect_peer_reads(fd, "x\377\377y", 4);
    close(fd);
}

/* ---- the others -------------------------------------------------------------------------------------- */

static void
test_file(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "out", NULL);
    g_autofree char *text = g_strdup_printf("file,id=s,path=%s", path);
    g_autofree char *contents = NULL;

    g_assert_true(g_file_set_contents(path, "old", -1, NULL));
    open_chardev(f, text);
    put(f, "new text", 8);
    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    g_assert_cmpstr(contents, ==, "new text");
    g_unlink(path);
}

static void
test_pipe(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "p", NULL);
    g_autofree char *in = g_strconcat(path, ".in", NULL), *out = g_strconcat(path, ".out", NULL);
    g_autofree char *text = g_strdup_printf("pipe,id=s,path=%s", path);
    int to, from;

    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    open_chardev(f, text);
    to = open(in, O_WRONLY);
    from = open(out, O_RDONLY);
    g_assert_cmpint(write(to, "ping", 4), ==, 4);
    expect_received(f, "ping");
    put(f, "pong", 4);
    expect_peer_reads(from, "pong", 4);
    close(to);
    close(from);
    g_unlink(in);
    g_unlink(out);
}

static void
test_pty_without_a_reader_blocks_nobody(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "link", NULL);
    g_autofree char *text = g_strdup_printf("pty,id=s,path=%s", path);
    g_autofree uint8_t *block = g_malloc0(65536);
    int fd;

    if (access("/dev/ptmx", R_OK | W_OK) < 0) {
        g_test_skip("/dev/ptmx cannot be opened");
        return;
    }
    open_chardev(f, text);
    for (int i = 0; i < 10; i++) {
        put(f, block, 65536);
    }
    g_assert_cmpuint(emu_char_frontend_queued(f->fe), ==, 0);
    fd = open(path, O_RDWR | O_NOCTTY);
    g_assert_cmpint(fd, >=, 0);
    expect_events(f, "opened ");
    put(f, "hello", 5);
    expect_peer_reads(fd, "hello", 5);
    g_assert_cmpint(write(fd, "ping", 4), ==, 4);
    expect_received(f, "ping");
    close(fd);
    expect_events(f, "opened closed ");
    put(f, "lost", 4);
}

static void
test_ringbuf_keeps_the_last_bytes(Fixture *f, gconstpointer data)
{
    EmuChardev *chardev = open_chardev(f, "ringbuf,id=s,size=8");
    g_autoptr(GBytes) bytes = NULL;

    put(f, "0123456789", 10);
    bytes = emu_chardev_ringbuf_read(chardev, 100, NULL);
    g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "23456789", 8);
}

static void
test_one_front_end_only(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    EmuChardev *chardev = open_chardev(f, "null,id=s");

    emu_machine_lock(f->machine);
    g_assert_null(emu_char_frontend_new(chardev, &handlers, f, &error));
    emu_machine_unlock(f->machine);
    g_assert_cmpstr(error->message, ==, "chardev 's' is already in use, expected one with mux=on to share it");
}

static void
test_mux_switches(Fixture *f, gconstpointer data)
{
    g_autofree char *path = g_build_filename(f->dir, "sock", NULL);
    g_autofree char *text = g_strdup_printf("socket,id=s,path=%s,server=on,wait=off,mux=on", path);
    EmuChardev *chardev = open_chardev(f, text);
    Fixture second = {.machine = f->machine, .received = g_byte_array_new(), .events = g_string_new(NULL), .room = 100};
    int fd;

    emu_machine_lock(f->machine);
    second.fe = emu_char_frontend_new(chardev, &handlers, &second, NULL);
    emu_machine_unlock(f->machine);
    fd = connect_unix(path);
    spin(f);
    g_assert_cmpint(write(fd, "to2\001cto1\001\001\001b\001cmore", 18), ==, 18);
    spin_until(f, f->received->len >= 4 && second.received->len >= 7);
    g_assert_cmpmem(f->received->data, f->received->len, "to1\001", 4);
    g_assert_cmpmem(second.received->data, second.received->len, "to2more", 7);
    g_assert_cmpstr(f->events->str, ==, "break ");
    g_assert_cmpstr(second.events->str, ==, "in opened ");
    /* An end by escape is a request to the machine. */
    g_assert_cmpint(write(fd, "\001x", 2), ==, 2);
    g_assert_cmpint(emu_machine_run(f->machine), ==, 0);
    close(fd);
    emu_machine_lock(f->machine);
    emu_char_frontend_free(second.fe);
    emu_machine_unlock(f->machine);
    g_byte_array_unref(second.received);
    g_string_free(second.events, TRUE);
}

static void
test_compat_syntax(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"null", "id=x,backend=null"},
        {"stdio", "id=x,backend=stdio"},
        {"mon:stdio", "id=x,mux=on,signal=off,backend=stdio"},
        {"file:/a/b,c", "id=x,backend=file,path=/a/b,,c"},
        {"unix:/a/b,server=on,wait=off", "id=x,backend=socket,path=/a/b,server=on,wait=off"},
        {"tcp:localhost:4444,server,nowait", "id=x,backend=socket,host=localhost,port=4444,server=on,nowait=on"},
        {"tcp::4444", "id=x,backend=socket,host=,port=4444"},
        {"telnet:[::1]:23,server=on", "id=x,backend=socket,telnet=on,host=::1,port=23,server=on"},
        {"/dev/ttyS0", "id=x,backend=serial,path=/dev/ttyS0"},
        {"vc:80Cx24C", "id=x,backend=vc"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(EmuOpts) opts = emu_chardev_parse_compat("x", cases[i].text, true, NULL);
        g_autofree char *text = emu_opts_to_text(opts);

        g_assert_cmpstr(text, ==, cases[i].expected);
    }
    g_assert_null(emu_chardev_parse_compat("x", "mon:stdio", false, NULL));
    g_assert_null(emu_chardev_parse_compat("x", "tcp:nonsense", true, NULL));
}

#define ADD(name, fn) g_test_add("/char/" name, Fixture, NULL, set_up, fn, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("socket/unix-server", test_unix_server);
    ADD("socket/room-is-respected", test_room_is_respected);
    ADD("socket/peer-that-reads-nothing-and-goes", test_peer_that_reads_nothing_and_goes);
    ADD("socket/client-reconnects", test_client_reconnects);
    ADD("socket/telnet", test_telnet);
    ADD("file", test_file);
    ADD("pipe", test_pipe);
    ADD("pty", test_pty_without_a_reader_blocks_nobody);
    ADD("ringbuf", test_ringbuf_keeps_the_last_bytes);
    ADD("one-front-end-only", test_one_front_end_only);
    ADD("mux-switches", test_mux_switches);
    ADD("compat-syntax", test_compat_syntax);
    return g_test_run();
}
