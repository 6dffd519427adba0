/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Character back end "exec": worked example of one over a file descriptor. A program runs beside the machine; what a front end writes
 * is its input, what it prints is what the front end reads. When it ends, the line is dead. It is told to end by the end of
 * its input.
 */

#include <emu/chardev.h>
#include <emu/plugin.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
    EmuChardev parent_instance;

    char *command; /* property */

    EmuContext *ctx;
    int fd; /* our end; -1: the program has ended, or was not started */
    bool want_write;
} Exec;

static void exec_read_cb(int fd, gpointer opaque);
static void exec_write_cb(int fd, gpointer opaque);

/* Reads only while the front end can take something, and asks for room only when some was missing: else the main loop would spin. */
static void
exec_watch(Exec *self)
{
    bool want_read = emu_chardev_can_receive(EMU_CHARDEV(self)) > 0;

    if (self->fd >= 0) {
        emu_context_set_fd_handler(self->ctx, self->fd, want_read ? exec_read_cb : NULL, self->want_write ? exec_write_cb : NULL, NULL, self);
    }
}

static void
exec_hang_up(Exec *self)
{
    if (self->fd >= 0) {
        emu_context_set_fd_handler(self->ctx, self->fd, NULL, NULL, NULL, NULL);
        close(self->fd);
        self->fd = -1;
    }
}

/* A front end's handlers may free the chardev: a reference keeps it while we look at it. */
static void
exec_read_cb(int fd, gpointer opaque)
{
    g_autoptr(EmuChardev) chardev = g_object_ref(opaque);
    Exec *self = opaque;
    uint8_t buf[4096];
    gsize room = MIN(emu_chardev_can_receive(chardev), sizeof(buf));
    gssize n = room ? read(fd, buf, room) : 0;

    if (n > 0) {
        emu_chardev_receive(chardev, buf, (gsize)n);
    } else if (room && (n == 0 || (errno != EAGAIN && errno != EINTR))) {
        exec_hang_up(self);
        emu_chardev_event(chardev, EMU_CHARDEV_CLOSED);
    }
    exec_watch(self);
}

static void
exec_write_cb(int fd, gpointer opaque)
{
    g_autoptr(EmuChardev) chardev = g_object_ref(opaque);
    Exec *self = opaque;

    self->want_write = false;
    emu_chardev_writable(chardev);
    exec_watch(self);
}

/* Never waits. What a program that has ended should have read is gone. */
static gssize
exec_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    Exec *self = (Exec *)chardev;
    gssize n = self->fd >= 0 ? send(self->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) : (gssize)len;

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        self->want_write = true;
        exec_watch(self);
        return 0;
    }
    return n < 0 ? (gssize)len : n;
}

static void
exec_accept_input(EmuChardev *chardev)
{
    exec_watch((Exec *)chardev);
}

static bool
exec_open(EmuChardev *chardev, EmuContext *ctx, GError **error)
{
    Exec *self = (Exec *)chardev;
    const char *argv[] = {"/bin/sh", "-c", self->command, NULL};
    g_autofree char *name = NULL;
    int pair[2];
    bool ok;

    if (!self->command || !*self->command) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "exec: command is empty, expected a command for /bin/sh");
        return false;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "exec: %s", g_strerror(errno));
        return false;
    }
    ok = g_spawn_async_with_fds(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, pair[1], pair[1], -1, error);
    close(pair[1]);
    if (!ok) {
        close(pair[0]);
        return false;
    }
    self->ctx = ctx;
    self->fd = pair[0];
    name = g_strconcat("exec:", self->command, NULL);
    emu_chardev_set_filename(chardev, name);
    emu_chardev_event(chardev, EMU_CHARDEV_OPENED);
    exec_watch(self);
    return true;
}

static void
exec_close(EmuChardev *chardev)
{
    exec_hang_up((Exec *)chardev);
}

static void
exec_init(gpointer object)
{
    ((Exec *)object)->fd = -1;
}

static const EmuProperty exec_properties[] = {
    EMU_PROP_STRING("command", Exec, command, NULL, "for /bin/sh -c"),
};

static void
exec_class_init(gpointer klass, gconstpointer data)
{
    EmuChardevClass *chardev_class = klass;

    chardev_class->open = exec_open;
    chardev_class->close = exec_close;
    chardev_class->write = exec_write;
    chardev_class->accept_input = exec_accept_input;
    emu_object_class_add_properties(klass, exec_properties, G_N_ELEMENTS(exec_properties));
}

static const EmuTypeInfo exec_type = {
    .name = "chardev-exec",
    .parent = "chardev",
    .instance_size = sizeof(Exec),
    .instance_init = exec_init,
    .class_init = exec_class_init,
    .description = "input and output of a program",
};
EMU_REGISTER_TYPE(exec_type)
EMU_PLUGIN(.name = "chardev-exec", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "character back end: a program",
           .provides = "chardev-exec:chardev");
