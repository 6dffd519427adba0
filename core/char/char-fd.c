/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Back ends over file descriptors: reading as the front end allows, writing without ever blocking the machine. */

#include "char/char-private.h"

#include "mainloop/mainloop-private.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK 4096u
/* How often a front end that could take nothing, and did not say since that it can, is asked again. */
#define RETRY_MS 20

/*
 * One write that cannot block: sockets by flag; for all else poll() first, and no more than a pipe takes at once when it
 * says that it is writable. The descriptor's own flags stay as they are: terminals are shared with the shell.
 */
gssize
emu_char_write_fd(int fd, const uint8_t *buf, gsize len)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    gssize n = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n >= 0 || errno != ENOTSOCK) {
        return n;
    }
    if (poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLERR)) {
        errno = EPIPE;
        return -1;
    }
    if (!(pfd.revents & POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    do {
        n = write(fd, buf, MIN(len, 512u));
    } while (n < 0 && errno == EINTR);
    return n;
}

void
emu_char_fd_init(EmuCharFd *self, EmuChardev *chardev, void (*hang_up)(EmuChardev *chardev))
{
    *self = (EmuCharFd){.chardev = chardev, .in = -1, .out = -1, .hang_up = hang_up};
}

static void char_fd_read_cb(int fd, gpointer opaque);
static void char_fd_write_cb(int fd, gpointer opaque);

static void
char_fd_apply(EmuCharFd *self)
{
    if (self->in >= 0 && self->in == self->out) {
        emu_context_set_fd_handler(self->ctx, self->in, self->reading ? char_fd_read_cb : NULL, self->writing ? char_fd_write_cb : NULL,
                                   NULL, self);
        return;
    }
    if (self->in >= 0) {
        emu_context_set_fd_handler(self->ctx, self->in, self->reading ? char_fd_read_cb : NULL, NULL, NULL, self);
    }
    if (self->out >= 0) {
        emu_context_set_fd_handler(self->ctx, self->out, NULL, self->writing ? char_fd_write_cb : NULL, NULL, self);
    }
}

static void
char_fd_hang_up(EmuCharFd *self)
{
    self->eof = true;
    self->reading = false;
    char_fd_apply(self);
    if (self->hang_up) {
        self->hang_up(self->chardev);
    }
}

static gboolean
char_fd_retry_cb(gpointer data)
{
    EmuCharFd *self = data;
    bool entered = emu_context_enter(self->ctx);

    self->poll_source = 0;
    emu_char_fd_update(self);
    emu_context_leave(self->ctx, entered);
    return G_SOURCE_REMOVE;
}

static void
char_fd_watch_again_later(EmuCharFd *self)
{
    GSource *source;

    if (self->poll_source) {
        return;
    }
    source = g_timeout_source_new(RETRY_MS);
    g_source_set_callback(source, char_fd_retry_cb, self, NULL);
    self->poll_source = g_source_attach(source, emu_context_get_main_context(self->ctx));
    g_source_unref(source);
}

void
emu_char_fd_update(EmuCharFd *self)
{
    bool want = self->in >= 0 && !self->eof && emu_chardev_can_receive(self->chardev) > 0;

    if (self->in >= 0 && !self->eof && !want) {
        char_fd_watch_again_later(self);
    }
    if (want != self->reading) {
        self->reading = want;
        char_fd_apply(self);
    }
}

static void
char_fd_read_cb(int fd, gpointer opaque)
{
    EmuCharFd *self = opaque;
    uint8_t buf[READ_CHUNK];
    gsize room = emu_chardev_can_receive(self->chardev);
    g_autoptr(EmuChardev) keep G_GNUC_UNUSED = g_object_ref(self->chardev);
    gssize n;

    if (room == 0) {
        emu_char_fd_update(self);
        return;
    }
    do {
        n = read(fd, buf, MIN(room, sizeof buf));
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n <= 0) {
        char_fd_hang_up(self);
        return;
    }
    if (self->filter) {
        n = (gssize)self->filter(self->chardev, buf, (gsize)n);
    }
    emu_chardev_receive(self->chardev, buf, (gsize)n);
    emu_char_fd_update(self);
}

static void
char_fd_write_cb(int fd G_GNUC_UNUSED, gpointer opaque)
{
    EmuCharFd *self = opaque;
    g_autoptr(EmuChardev) keep G_GNUC_UNUSED = g_object_ref(self->chardev);

    self->writing = false;
    emu_chardev_writable(self->chardev);
    char_fd_apply(self);
}

void
emu_char_fd_start(EmuCharFd *self, EmuContext *ctx, int in, int out)
{
    self->ctx = ctx;
    self->in = in;
    self->out = out;
    self->eof = false;
    self->reading = false;
    self->writing = false;
    emu_char_fd_update(self);
}

void
emu_char_fd_stop(EmuCharFd *self)
{
    GMainContext *main_context = self->ctx ? emu_context_get_main_context(self->ctx) : NULL;

    if (self->poll_source) {
        g_source_destroy(g_main_context_find_source_by_id(main_context, self->poll_source));
        self->poll_source = 0;
    }
    self->reading = false;
    self->writing = false;
    char_fd_apply(self);
    self->in = -1;
    self->out = -1;
}

/* For a class' write(): a broken peer swallows everything. */
gssize
emu_char_fd_write(EmuCharFd *self, const uint8_t *buf, gsize len)
{
    gssize n;

    if (self->out < 0) {
        return (gssize)len;
    }
    n = emu_char_write_fd(self->out, buf, len);
    if (n >= 0) {
        return n;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (!self->writing) {
            self->writing = true;
            char_fd_apply(self);
        }
        return 0;
    }
    return (gssize)len;
}
