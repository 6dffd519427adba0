/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Back ends of a few lines: null, ringbuf (alias memory), stdio, file, pipe, pty. */

#include "char/char-private.h"

#include "mainloop/mainloop-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* ---- null ---------------------------------------------------------------------------------------- */

typedef struct {
    EmuChardev parent_instance;
} CharNull;
typedef struct {
    EmuChardevClass parent_class;
} CharNullClass;

static GType char_null_get_type(void);
G_DEFINE_TYPE(CharNull, char_null, EMU_TYPE_CHARDEV)

static gssize
char_null_write(EmuChardev *self G_GNUC_UNUSED, const uint8_t *buf G_GNUC_UNUSED, gsize len)
{
    return (gssize)len;
}

static bool
char_null_open(EmuChardev *chardev, EmuContext *ctx G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_chardev_set_filename(chardev, "null");
    emu_chardev_event(chardev, EMU_CHARDEV_OPENED);
    return true;
}

static void
char_null_init(CharNull *self G_GNUC_UNUSED)
{
}

static void
char_null_class_init(CharNullClass *klass)
{
    EMU_CHARDEV_CLASS(klass)->open = char_null_open;
    EMU_CHARDEV_CLASS(klass)->write = char_null_write;
}

/* ---- ringbuf ---------------------------------------------------------------------------------------- */

/* Keeps the last bytes for "ringbuf-read". */
typedef struct {
    EmuChardev parent_instance;
    uint64_t size;
    uint8_t *data;
    uint64_t produced, consumed;
} CharRingbuf;
typedef struct {
    EmuChardevClass parent_class;
} CharRingbufClass;

static GType char_ringbuf_get_type(void);
G_DEFINE_TYPE(CharRingbuf, char_ringbuf, EMU_TYPE_CHARDEV)

static bool
char_ringbuf_open(EmuChardev *chardev, EmuContext *ctx G_GNUC_UNUSED, GError **error)
{
    CharRingbuf *self = (CharRingbuf *)chardev;

    if (self->size == 0 || (self->size & (self->size - 1)) || self->size > (64u << 20)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "size of ringbuf chardev is %" G_GUINT64_FORMAT ", expected a power of two up to 64M", self->size);
        return false;
    }
    self->data = g_malloc0(self->size);
    emu_chardev_set_filename(chardev, "ringbuf");
    emu_chardev_event(chardev, EMU_CHARDEV_OPENED);
    return true;
}

static gssize
char_ringbuf_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    CharRingbuf *self = (CharRingbuf *)chardev;

    for (gsize i = 0; i < len; i++) {
        self->data[self->produced++ & (self->size - 1)] = buf[i];
    }
    if (self->produced - self->consumed > self->size) {
        self->consumed = self->produced - self->size;
    }
    return (gssize)len;
}

/* Takes up to @max of the oldest bytes; NULL and @error when @chardev is no ring buffer. (transfer full) */
GBytes *
emu_chardev_ringbuf_read(EmuChardev *chardev, gsize max, GError **error)
{
    CharRingbuf *self = (CharRingbuf *)chardev;
    GByteArray *out;

    if (!G_TYPE_CHECK_INSTANCE_TYPE(chardev, char_ringbuf_get_type())) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s is not a ringbuf device", emu_chardev_get_label(chardev));
        return NULL;
    }
    out = g_byte_array_new();
    while (self->consumed < self->produced && out->len < max) {
        g_byte_array_append(out, &self->data[self->consumed++ & (self->size - 1)], 1);
    }
    return g_byte_array_free_to_bytes(out);
}

static void
char_ringbuf_finalize(GObject *object)
{
    g_free(((CharRingbuf *)object)->data);
    G_OBJECT_CLASS(char_ringbuf_parent_class)->finalize(object);
}

static void
char_ringbuf_init(CharRingbuf *self G_GNUC_UNUSED)
{
}

static const EmuProperty char_ringbuf_properties[] = {
    EMU_PROP_SIZE("size", CharRingbuf, size, 65536, "bytes kept"),
};

static void
char_ringbuf_class_init(CharRingbufClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = char_ringbuf_finalize;
    EMU_CHARDEV_CLASS(klass)->open = char_ringbuf_open;
    EMU_CHARDEV_CLASS(klass)->write = char_ringbuf_write;
    emu_object_class_add_properties(klass, char_ringbuf_properties, G_N_ELEMENTS(char_ringbuf_properties));
}

/* ---- what stdio, file, pipe and pty share --------------------------------------------------------------- */

typedef struct {
    EmuChardev parent_instance;
    EmuCharFd fd;
    char *path, *input_path;
    bool append, signal, raw;
    int own_in, own_out; /* closed by us */
} CharFdDev;
typedef struct {
    EmuChardevClass parent_class;
} CharFdDevClass;

static GType char_fd_dev_get_type(void);
G_DEFINE_ABSTRACT_TYPE(CharFdDev, char_fd_dev, EMU_TYPE_CHARDEV)

static gssize
char_fd_dev_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    return emu_char_fd_write(&((CharFdDev *)chardev)->fd, buf, len);
}

static void
char_fd_dev_accept_input(EmuChardev *chardev)
{
    CharFdDev *self = (CharFdDev *)chardev;

    if (self->fd.ctx) {
        emu_char_fd_update(&self->fd);
    }
}

static void
char_fd_dev_close(EmuChardev *chardev)
{
    CharFdDev *self = (CharFdDev *)chardev;
    int *const owned[] = {&self->own_in, &self->own_out};

    emu_chardev_drain(chardev);
    emu_char_fd_stop(&self->fd);
    if (self->raw) {
        emu_terminal_restore();
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(owned); i++) {
        if (*owned[i] >= 0) {
            close(*owned[i]);
            *owned[i] = -1;
        }
    }
}

static void
char_fd_dev_init(CharFdDev *self)
{
    emu_char_fd_init(&self->fd, EMU_CHARDEV(self), NULL);
    self->own_in = -1;
    self->own_out = -1;
}

static void
char_fd_dev_class_init(CharFdDevClass *klass)
{
    EMU_CHARDEV_CLASS(klass)->close = char_fd_dev_close;
    EMU_CHARDEV_CLASS(klass)->write = char_fd_dev_write;
    EMU_CHARDEV_CLASS(klass)->accept_input = char_fd_dev_accept_input;
}

static bool
char_fd_dev_started(CharFdDev *self, EmuContext *ctx, int in, int out, const char *filename)
{
    emu_chardev_set_filename(EMU_CHARDEV(self), filename);
    emu_char_fd_start(&self->fd, ctx, in, out);
    emu_chardev_event(EMU_CHARDEV(self), EMU_CHARDEV_OPENED);
    return true;
}

static bool
char_refuse_path(const char *what, const char *path, GError **error)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "could not open %s '%s': %s", what, path, g_strerror(errno));
    return false;
}

static bool
char_need_path(CharFdDev *self, const char *kind, GError **error)
{
    if (!self->path || !*self->path) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "chardev: %s: no filename given, expected path=", kind);
        return false;
    }
    return true;
}

#define CHAR_FD_SUBTYPE(Name, name)                                                                \
    typedef struct {                                                                               \
        CharFdDev parent_instance;                                                                 \
    } Name;                                                                                        \
    typedef struct {                                                                               \
        CharFdDevClass parent_class;                                                               \
    } Name##Class;                                                                                 \
    static GType name##_get_type(void);                                                            \
    G_DEFINE_TYPE(Name, name, char_fd_dev_get_type())                                              \
    static void name##_init(Name *self G_GNUC_UNUSED)                                              \
    {                                                                                              \
    }

/* ---- stdio -------------------------------------------------------------------------------------------------- */

CHAR_FD_SUBTYPE(CharStdio, char_stdio)

static void
char_stdio_set_echo(EmuChardev *chardev, bool echo)
{
    CharFdDev *self = (CharFdDev *)chardev;

    self->raw = emu_terminal_set_raw(STDIN_FILENO, !echo, self->signal) && !echo;
}

/* Standard input has ended (a script's here document, /dev/null): output goes on. */
static bool
char_stdio_open(EmuChardev *chardev, EmuContext *ctx, GError **error G_GNUC_UNUSED)
{
    char_stdio_set_echo(chardev, false);
    return char_fd_dev_started((CharFdDev *)chardev, ctx, STDIN_FILENO, STDOUT_FILENO, "stdio");
}

static const EmuProperty char_stdio_properties[] = {
    EMU_PROP_BOOL("signal", CharFdDev, signal, true, "Ctrl-C and its like raise signals"),
};

static void
char_stdio_class_init(CharStdioClass *klass)
{
    EMU_CHARDEV_CLASS(klass)->open = char_stdio_open;
    EMU_CHARDEV_CLASS(klass)->set_echo = char_stdio_set_echo;
    emu_object_class_add_properties(klass, char_stdio_properties, G_N_ELEMENTS(char_stdio_properties));
}

/* ---- file ----------------------------------------------------------------------------------------------------- */

CHAR_FD_SUBTYPE(CharFile, char_file)

static bool
char_file_open(EmuChardev *chardev, EmuContext *ctx, GError **error)
{
    CharFdDev *self = (CharFdDev *)chardev;
    g_autofree char *filename = NULL;

    if (!char_need_path(self, "file", error)) {
        return false;
    }
    self->own_out = open(self->path, O_WRONLY | O_CREAT | O_CLOEXEC | (self->append ? O_APPEND : O_TRUNC), 0666);
    if (self->own_out < 0) {
        return char_refuse_path("file", self->path, error);
    }
    if (self->input_path) {
        self->own_in = open(self->input_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (self->own_in < 0) {
            close(self->own_out);
            self->own_out = -1;
            return char_refuse_path("file", self->input_path, error);
        }
    }
    filename = g_strconcat("file:", self->path, NULL);
    return char_fd_dev_started(self, ctx, self->own_in, self->own_out, filename);
}

/* A disk does not make the machine wait: plain write(), all of it. */
static gssize
char_file_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    gssize n;

    do {
        n = write(((CharFdDev *)chardev)->own_out, buf, len);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? (gssize)len : n;
}

static const EmuProperty char_file_properties[] = {
    EMU_PROP_STRING("path", CharFdDev, path, NULL, "file to write to"),
    EMU_PROP_STRING("input-path", CharFdDev, input_path, NULL, "file to read from"),
    EMU_PROP_BOOL("append", CharFdDev, append, false, "keep what is in the file"),
};

static void
char_file_class_init(CharFileClass *klass)
{
    EMU_CHARDEV_CLASS(klass)->open = char_file_open;
    EMU_CHARDEV_CLASS(klass)->write = char_file_write;
    emu_object_class_add_properties(klass, char_file_properties, G_N_ELEMENTS(char_file_properties));
}

/* ---- pipe ------------------------------------------------------------------------------------------------------- */

CHAR_FD_SUBTYPE(CharPipe, char_pipe)

/* PATH.in and PATH.out when they exist, PATH for both directions otherwise. */
static bool
char_pipe_open(EmuChardev *chardev, EmuContext *ctx, GError **error)
{
    CharFdDev *self = (CharFdDev *)chardev;
    g_autofree char *in = NULL, *out = NULL, *filename = NULL;

    if (!char_need_path(self, "pipe", error)) {
        return false;
    }
    in = g_strconcat(self->path, ".in", NULL);
    out = g_strconcat(self->path, ".out", NULL);
    self->own_in = open(in, O_RDWR | O_CLOEXEC);
    self->own_out = open(out, O_RDWR | O_CLOEXEC);
    if (self->own_in < 0 || self->own_out < 0) {
        if (self->own_in >= 0) {
            close(self->own_in);
        }
        if (self->own_out >= 0) {
            close(self->own_out);
        }
        self->own_out = -1;
        self->own_in = open(self->path, O_RDWR | O_CLOEXEC);
        if (self->own_in < 0) {
            return char_refuse_path("pipe", self->path, error);
        }
    }
    filename = g_strconcat("pipe:", self->path, NULL);
    return char_fd_dev_started(self, ctx, self->own_in, self->own_out >= 0 ? self->own_out : self->own_in, filename);
}

static const EmuProperty char_pipe_properties[] = {
    EMU_PROP_STRING("path", CharFdDev, path, NULL, "FIFO, or what stands before .in and .out in the names of two"),
};

static void
char_pipe_class_init(CharPipeClass *klass)
{
    EMU_CHARDEV_CLASS(klass)->open = char_pipe_open;
    emu_object_class_add_properties(klass, char_pipe_properties, G_N_ELEMENTS(char_pipe_properties));
}

/* ---- pty -------------------------------------------------------------------------------------------------------- */

/*
 * Whether somebody has opened the slave side shows as the absence of POLLHUP on the master. While nobody has, output is
 * dropped: a machine must not wait for a terminal that may never be looked at. There is no event for an opening; it is
 * asked for now and then.
 */

#define PTY_POLL_MS 100

typedef struct {
    CharFdDev parent_instance;
    guint poll_source;
} CharPty;
typedef struct {
    CharFdDevClass parent_class;
} CharPtyClass;
static GType char_pty_get_type(void);
G_DEFINE_TYPE(CharPty, char_pty, char_fd_dev_get_type())

static bool
pty_has_peer(CharFdDev *self)
{
    struct pollfd pfd = {.fd = self->own_in, .events = POLLOUT};

    return poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLHUP);
}

static gboolean
char_pty_poll_cb(gpointer data)
{
    CharFdDev *self = data;
    EmuContext *ctx = emu_chardev_get_context(EMU_CHARDEV(self));
    bool entered = emu_context_enter(ctx), found = pty_has_peer(self);

    if (found) {
        ((CharPty *)self)->poll_source = 0;
        emu_char_fd_start(&self->fd, ctx, self->own_in, self->own_in);
        emu_chardev_event(EMU_CHARDEV(self), EMU_CHARDEV_OPENED);
    }
    emu_context_leave(ctx, entered);
    return found ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void
char_pty_wait_for_peer(EmuChardev *chardev)
{
    CharPty *self = (CharPty *)chardev;
    GSource *source = g_timeout_source_new(PTY_POLL_MS);

    g_source_set_callback(source, char_pty_poll_cb, self, NULL);
    self->poll_source = g_source_attach(source, emu_context_get_main_context(emu_chardev_get_context(chardev)));
    g_source_unref(source);
}

static void
char_pty_hang_up(EmuChardev *chardev)
{
    emu_char_fd_stop(&((CharFdDev *)chardev)->fd);
    emu_chardev_event(chardev, EMU_CHARDEV_CLOSED);
    char_pty_wait_for_peer(chardev);
}

static gssize
char_pty_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    CharFdDev *self = (CharFdDev *)chardev;

    return pty_has_peer(self) ? emu_char_fd_write(&self->fd, buf, len) : (gssize)len;
}

static bool
char_pty_open(EmuChardev *chardev, EmuContext *ctx G_GNUC_UNUSED, GError **error)
{
    CharFdDev *self = (CharFdDev *)chardev;
    struct termios mode;
    char name[128];
    g_autofree char *filename = NULL;
    int slave;

    if (openpty(&self->own_in, &slave, NULL, NULL, NULL) != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "could not create a pseudo terminal: %s", g_strerror(errno));
        return false;
    }
    ttyname_r(slave, name, sizeof name);
    tcgetattr(slave, &mode);
    cfmakeraw(&mode);
    tcsetattr(slave, TCSAFLUSH, &mode);
    close(slave);
    fcntl(self->own_in, F_SETFD, FD_CLOEXEC);
    fcntl(self->own_in, F_SETFL, O_RDWR | O_NONBLOCK);
    if (self->path && symlink(name, self->path) != 0) {
        return char_refuse_path("link", self->path, error);
    }
    filename = g_strconcat("pty:", name, NULL);
    emu_chardev_set_filename(chardev, filename);
    fprintf(stderr, "char device redirected to %s (label %s)\n", name, emu_chardev_get_label(chardev));
    char_pty_wait_for_peer(chardev);
    return true;
}

static void
char_pty_close(EmuChardev *chardev)
{
    CharFdDev *self = (CharFdDev *)chardev;
    CharPty *pty = (CharPty *)chardev;

    if (pty->poll_source) {
        g_source_destroy(g_main_context_find_source_by_id(emu_context_get_main_context(emu_chardev_get_context(chardev)), pty->poll_source));
        pty->poll_source = 0;
    }
    if (self->path) {
        unlink(self->path);
    }
    EMU_CHARDEV_CLASS(char_pty_parent_class)->close(chardev);
}

static void
char_pty_init(CharPty *self)
{
    emu_char_fd_init(&((CharFdDev *)self)->fd, EMU_CHARDEV(self), char_pty_hang_up);
}

static const EmuProperty char_pty_properties[] = {
    EMU_PROP_STRING("path", CharFdDev, path, NULL, "symbolic link to make to the terminal"),
};

static void
char_pty_class_init(CharPtyClass *klass)
{
    EMU_CHARDEV_CLASS(klass)->open = char_pty_open;
    EMU_CHARDEV_CLASS(klass)->close = char_pty_close;
    EMU_CHARDEV_CLASS(klass)->write = char_pty_write;
    emu_object_class_add_properties(klass, char_pty_properties, G_N_ELEMENTS(char_pty_properties));
}

/* ---- serial: a host's serial line or any other character device --------------------------------------------------- */

CHAR_FD_SUBTYPE(CharHostSerial, char_host_serial)

static bool
char_host_serial_open(EmuChardev *chardev, EmuContext *ctx, GError **error)
{
    CharFdDev *self = (CharFdDev *)chardev;
    struct termios mode;

    if (!char_need_path(self, "serial", error)) {
        return false;
    }
    self->own_in = open(self->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (self->own_in < 0) {
        return char_refuse_path("device", self->path, error);
    }
    if (tcgetattr(self->own_in, &mode) == 0) {
        cfmakeraw(&mode);
        mode.c_cflag |= CLOCAL | CREAD;
        tcsetattr(self->own_in, TCSANOW, &mode);
    }
    return char_fd_dev_started(self, ctx, self->own_in, self->own_in, self->path);
}

static const EmuProperty char_host_serial_properties[] = {
    EMU_PROP_STRING("path", CharFdDev, path, NULL, "device file"),
};

static void
char_host_serial_class_init(CharHostSerialClass *klass)
{
    EMU_CHARDEV_CLASS(klass)->open = char_host_serial_open;
    emu_object_class_add_properties(klass, char_host_serial_properties, G_N_ELEMENTS(char_host_serial_properties));
}

static void
char_simple_register_types(void)
{
    emu_chardev_register("chardev-null", char_null_get_type(), "takes everything, says nothing");
    emu_chardev_register("chardev-ringbuf", char_ringbuf_get_type(), "the last bytes, kept for ringbuf-read");
    emu_chardev_register("chardev-stdio", char_stdio_get_type(), "standard input and output of this program");
    emu_chardev_register("chardev-file", char_file_get_type(), "output into a file, input from another");
    emu_chardev_register("chardev-pipe", char_pipe_get_type(), "a pair of named pipes");
    emu_chardev_register("chardev-pty", char_pty_get_type(), "a pseudo-terminal of the host");
    emu_chardev_register("chardev-serial", char_host_serial_get_type(), "a terminal or serial port of the host");
}
type_init(char_simple_register_types)
