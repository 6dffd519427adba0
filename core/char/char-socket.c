/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Stream sockets: unix and TCP, listening or connecting, raw or telnet. One peer at a time; while it is there, others wait
 * in the listener's queue. A peer may vanish at any moment, in the middle of a write too.
 */

#include "char/char-private.h"

#include "mainloop/mainloop-private.h"

#include <emu/log.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Telnet (RFC 854): what a command is made of. */
enum { TELNET_IAC = 255, TELNET_DONT = 254, TELNET_DO = 253, TELNET_WONT = 252, TELNET_WILL = 251, TELNET_SB = 250, TELNET_BREAK = 243, TELNET_SE = 240 };
enum { TELNET_BINARY = 0, TELNET_ECHO = 1, TELNET_SGA = 3 };
typedef enum { TELNET_DATA, TELNET_COMMAND, TELNET_OPTION, TELNET_SUB, TELNET_SUB_IAC } TelnetState;

typedef struct {
    EmuChardev parent_instance;

    char *path, *host, *port, *fd_text;
    bool server, wait, telnet, nodelay, abstract_, delay, ipv4, ipv6;
    uint64_t reconnect_s, reconnect_ms;

    EmuContext *ctx;
    EmuCharFd fd;
    int listener, peer;
    int connecting; /* a connect() in progress; -1 */
    char *address;  /* for names: "unix:/tmp/x", "tcp:127.0.0.1:4444" */
    bool unlink_path;
    guint reconnect_source;
    TelnetState telnet_state;
} CharSocket;
typedef struct {
    EmuChardevClass parent_class;
} CharSocketClass;

static GType char_socket_get_type(void);
G_DEFINE_TYPE(CharSocket, char_socket, EMU_TYPE_CHARDEV)

static void char_socket_connect(CharSocket *self);
static void char_socket_accept_cb(int fd, gpointer opaque);

/* ---- addresses ------------------------------------------------------------------------------------ */

static void
char_socket_name(CharSocket *self)
{
    g_autofree char *name = g_strconcat(self->peer >= 0 ? "" : "disconnected:", self->telnet ? "telnet:" : "", self->address,
                                        self->server ? ",server=on" : "", NULL);

    emu_chardev_set_filename(EMU_CHARDEV(self), name);
}

static bool
char_socket_unix_address(CharSocket *self, struct sockaddr_un *un, socklen_t *len, GError **error)
{
    gsize n = strlen(self->path), first = self->abstract_ ? 1 : 0;

    memset(un, 0, sizeof *un);
    un->sun_family = AF_UNIX;
    if (n + first >= sizeof un->sun_path) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "UNIX socket path '%s' is too long, expected at most %zu bytes", self->path,
                    sizeof un->sun_path - 1 - first);
        return false;
    }
    memcpy(un->sun_path + first, self->path, n);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + first + n + (first ? 0 : 1));
    return true;
}

static struct addrinfo *
char_socket_resolve(CharSocket *self, GError **error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = self->server ? AI_PASSIVE : 0}, *list = NULL;
    int code;

    hints.ai_family = self->ipv4 && !self->ipv6 ? AF_INET : self->ipv6 && !self->ipv4 ? AF_INET6 : AF_UNSPEC;
    code = getaddrinfo(self->host && *self->host ? self->host : self->server ? NULL : "localhost", self->port, &hints, &list);
    if (code != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "address resolution failed for %s:%s: %s", self->host ? self->host : "", self->port,
                    gai_strerror(code));
        return NULL;
    }
    return list;
}

static int
char_socket_new_fd(int family)
{
    return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* ---- peers ------------------------------------------------------------------------------------------ */

static void
char_socket_listen_again(CharSocket *self)
{
    if (self->listener >= 0) {
        emu_context_set_fd_handler(self->ctx, self->listener, self->peer < 0 ? char_socket_accept_cb : NULL, NULL, NULL, self);
    }
}

static gboolean
char_socket_reconnect_cb(gpointer data)
{
    CharSocket *self = data;
    bool entered = emu_context_enter(self->ctx);

    self->reconnect_source = 0;
    char_socket_connect(self);
    emu_context_leave(self->ctx, entered);
    return G_SOURCE_REMOVE;
}

static void
char_socket_reconnect_later(CharSocket *self)
{
    uint64_t ms = self->reconnect_ms ? self->reconnect_ms : self->reconnect_s * 1000;
    GSource *source;

    if (self->server || ms == 0 || self->reconnect_source) {
        return;
    }
    source = g_timeout_source_new((guint)MIN(ms, G_MAXINT));
    g_source_set_callback(source, char_socket_reconnect_cb, self, NULL);
    self->reconnect_source = g_source_attach(source, emu_context_get_main_context(self->ctx));
    g_source_unref(source);
}

static void
char_socket_hang_up(EmuChardev *chardev)
{
    CharSocket *self = (CharSocket *)chardev;

    if (self->peer < 0) {
        return;
    }
    emu_char_fd_stop(&self->fd);
    close(self->peer);
    self->peer = -1;
    char_socket_name(self);
    emu_chardev_event(chardev, EMU_CHARDEV_CLOSED);
    char_socket_listen_again(self);
    char_socket_reconnect_later(self);
}

static void
char_socket_take_peer(CharSocket *self, int fd)
{
    static const uint8_t greeting[] = {TELNET_IAC, TELNET_WILL, TELNET_ECHO, TELNET_IAC, TELNET_WILL, TELNET_SGA,
                                       TELNET_IAC, TELNET_WILL, TELNET_BINARY, TELNET_IAC, TELNET_DO, TELNET_BINARY};
    int on = 1;

    self->peer = fd;
    self->telnet_state = TELNET_DATA;
    if ((self->nodelay || !self->delay) && !self->path) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    char_socket_name(self);
    char_socket_listen_again(self);
    if (self->telnet) {
        /* The first bytes of a new connection always fit. */
        emu_char_write_fd(fd, greeting, sizeof greeting);
    }
    emu_char_fd_start(&self->fd, self->ctx, fd, fd);
    emu_chardev_event(EMU_CHARDEV(self), EMU_CHARDEV_OPENED);
    emu_char_fd_update(&self->fd);
}

static void
char_socket_accept_cb(int listener, gpointer opaque)
{
    CharSocket *self = opaque;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return;
    }
    if (self->peer >= 0) {
        close(fd);
        return;
    }
    char_socket_take_peer(self, fd);
}

/* ---- connecting --------------------------------------------------------------------------------------- */

static void
char_socket_connected_cb(int fd, gpointer opaque)
{
    CharSocket *self = opaque;
    int code = 0;
    socklen_t len = sizeof code;

    emu_context_set_fd_handler(self->ctx, fd, NULL, NULL, NULL, NULL);
    self->connecting = -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0 || code != 0) {
        close(fd);
        char_socket_reconnect_later(self);
        return;
    }
    char_socket_take_peer(self, fd);
}

/* Starts a connect() to one address; the socket, or -1 with errno. */
static int
char_socket_connect_to(const struct sockaddr *address, socklen_t len)
{
    int fd = char_socket_new_fd(address->sa_family), code;

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, address, len) == 0 || errno == EINPROGRESS) {
        return fd;
    }
    code = errno;
    close(fd);
    errno = code;
    return -1;
}

static int
char_socket_connect_any(CharSocket *self, GError **error)
{
    struct addrinfo *list;
    int fd = -1;

    if (self->path) {
        struct sockaddr_un un;
        socklen_t len;

        if (!char_socket_unix_address(self, &un, &len, error)) {
            return -1;
        }
        fd = char_socket_connect_to((struct sockaddr *)&un, len);
    } else {
        list = char_socket_resolve(self, error);
        if (!list) {
            return -1;
        }
        for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
            fd = char_socket_connect_to(ai->ai_addr, ai->ai_addrlen);
        }
        freeaddrinfo(list);
    }
    if (fd < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "Failed to connect to '%s': %s", self->address, g_strerror(errno));
    }
    return fd;
}

static void
char_socket_connect(CharSocket *self)
{
    int fd = char_socket_connect_any(self, NULL);

    if (fd < 0) {
        char_socket_reconnect_later(self);
        return;
    }
    self->connecting = fd;
    emu_context_set_fd_handler(self->ctx, fd, NULL, char_socket_connected_cb, NULL, self);
}

/* At start-up, without reconnect=: the peer must be there. */
static bool
char_socket_connect_now(CharSocket *self, GError **error)
{
    int fd = char_socket_connect_any(self, error), code = 0;
    socklen_t len = sizeof code;
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};

    if (fd < 0) {
        return false;
    }
    if (poll(&pfd, 1, -1) < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0 || code != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "Failed to connect to '%s': %s", self->address, g_strerror(code ? code : errno));
        close(fd);
        return false;
    }
    char_socket_take_peer(self, fd);
    return true;
}

/* ---- listening ---------------------------------------------------------------------------------------------- */

static bool
char_socket_listen_fd(CharSocket *self, int fd, const struct sockaddr *address, socklen_t len)
{
    if (bind(fd, address, len) == 0 && listen(fd, 1) == 0) {
        self->listener = fd;
        return true;
    }
    return false;
}

static bool
char_socket_listen_unix(CharSocket *self, GError **error)
{
    struct sockaddr_un un;
    struct stat st;
    socklen_t len;
    int fd;

    if (!char_socket_unix_address(self, &un, &len, error)) {
        return false;
    }
    /* A socket left behind by an earlier run is replaced; anything else of that name is not. */
    if (!self->abstract_ && lstat(self->path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        unlink(self->path);
    }
    fd = char_socket_new_fd(AF_UNIX);
    if (fd < 0 || !char_socket_listen_fd(self, fd, (struct sockaddr *)&un, len)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "Failed to bind socket to %s: %s", self->path, g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    self->unlink_path = !self->abstract_;
    return true;
}

static bool
char_socket_listen_tcp(CharSocket *self, GError **error)
{
    struct addrinfo *list = char_socket_resolve(self, error);
    int on = 1, code = 0;

    if (!list) {
        return false;
    }
    for (struct addrinfo *ai = list; ai && self->listener < 0; ai = ai->ai_next) {
        int fd = char_socket_new_fd(ai->ai_family);

        if (fd < 0) {
            code = errno;
            continue;
        }
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (!char_socket_listen_fd(self, fd, ai->ai_addr, ai->ai_addrlen)) {
            code = errno;
            close(fd);
        }
    }
    freeaddrinfo(list);
    if (self->listener < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "Failed to find an available port for %s: %s", self->address, g_strerror(code));
        return false;
    }
    return true;
}

/* fd=N: a socket that whoever started us has made. */
static bool
char_socket_adopt_fd(CharSocket *self, GError **error)
{
    uint64_t number;
    int value = 0, fd;
    socklen_t len = sizeof value;

    if (!emu_parse_uint(self->fd_text, &number) || number > G_MAXINT || fcntl((int)number, F_GETFD) < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Parameter 'fd' is '%s', expected the number of an open file descriptor", self->fd_text);
        return false;
    }
    fd = (int)number;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len) != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "File descriptor '%s' is not a socket", self->fd_text);
        return false;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    if (value) {
        self->listener = fd;
    } else if (self->server && listen(fd, 1) == 0) {
        self->listener = fd;
    } else {
        char_socket_take_peer(self, fd);
    }
    return true;
}

static bool
char_socket_wait_for_peer(CharSocket *self, GError **error)
{
    struct pollfd pfd = {.fd = self->listener, .events = POLLIN};

    g_printerr("emu: -chardev %s: info: waiting for connection on: %s\n", emu_chardev_get_label(EMU_CHARDEV(self)),
               emu_chardev_get_filename(EMU_CHARDEV(self)));
    while (self->peer < 0) {
        if (poll(&pfd, 1, -1) < 0) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "waiting for a connection on %s: %s", self->address, g_strerror(errno));
            return false;
        }
        char_socket_accept_cb(self->listener, self);
    }
    return true;
}

static bool
char_socket_open(EmuChardev *chardev, EmuContext *ctx, GError **error)
{
    CharSocket *self = (CharSocket *)chardev;

    self->ctx = ctx;
    if (self->fd_text) {
        self->address = g_strdup_printf("fd:%s", self->fd_text);
    } else if (self->path) {
        self->address = g_strdup_printf("unix:%s", self->path);
    } else if (self->port) {
        self->address = g_strdup_printf("tcp:%s:%s", self->host ? self->host : "", self->port);
    } else {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "chardev: socket: no address given, expected path=, port= or fd=");
        return false;
    }
    if (self->server && (self->reconnect_s || self->reconnect_ms)) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "'reconnect' option is incompatible with socket in server listen mode");
        return false;
    }
    char_socket_name(self);
    if (self->fd_text) {
        if (!char_socket_adopt_fd(self, error)) {
            return false;
        }
    } else if (self->server) {
        if (!(self->path ? char_socket_listen_unix(self, error) : char_socket_listen_tcp(self, error))) {
            return false;
        }
    } else if (self->reconnect_s || self->reconnect_ms) {
        char_socket_connect(self);
    } else {
        return char_socket_connect_now(self, error);
    }
    if (self->listener >= 0 && self->wait && !char_socket_wait_for_peer(self, error)) {
        return false;
    }
    char_socket_listen_again(self);
    return true;
}

/* ---- class ---------------------------------------------------------------------------------------------------- */

/* Takes telnet commands out of the stream. A doubled IAC is a byte 255. */
static gsize
char_socket_filter(EmuChardev *chardev, uint8_t *buf, gsize len)
{
    CharSocket *self = (CharSocket *)chardev;
    gsize out = 0;

    if (!self->telnet) {
        return len;
    }
    for (gsize i = 0; i < len; i++) {
        uint8_t ch = buf[i];

        switch (self->telnet_state) {
        case TELNET_DATA:
            if (ch == TELNET_IAC) {
                self->telnet_state = TELNET_COMMAND;
            } else if (ch != 0 || out == 0 || buf[out - 1] != '\r') {
                /* A carriage return comes with a 0 behind it. */
                buf[out++] = ch;
            }
            break;
        case TELNET_COMMAND:
            self->telnet_state = TELNET_DATA;
            if (ch == TELNET_IAC) {
                buf[out++] = ch;
            } else if (ch == TELNET_BREAK) {
                emu_chardev_event(chardev, EMU_CHARDEV_BREAK);
            } else if (ch == TELNET_SB) {
                self->telnet_state = TELNET_SUB;
            } else if (ch >= TELNET_WILL) {
                self->telnet_state = TELNET_OPTION;
            }
            break;
        case TELNET_OPTION:
            self->telnet_state = TELNET_DATA;
            break;
        case TELNET_SUB:
            self->telnet_state = ch == TELNET_IAC ? TELNET_SUB_IAC : TELNET_SUB;
            break;
        case TELNET_SUB_IAC:
            self->telnet_state = ch == TELNET_SE ? TELNET_DATA : TELNET_SUB;
            break;
        }
    }
    return out;
}

static gssize
char_socket_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    CharSocket *self = (CharSocket *)chardev;
    const uint8_t *iac;
    gssize n;

    if (self->peer < 0) {
        return (gssize)len;
    }
    if (!self->telnet || !(iac = memchr(buf, TELNET_IAC, len))) {
        return emu_char_fd_write(&self->fd, buf, len);
    }
    if (iac > buf) {
        return emu_char_fd_write(&self->fd, buf, (gsize)(iac - buf));
    }
    /* Half of the pair written would corrupt the stream; two bytes of socket buffer are there or are not. */
    n = emu_char_fd_write(&self->fd, (const uint8_t[]){TELNET_IAC, TELNET_IAC}, 2);
    return n > 0 ? 1 : n;
}

static void
char_socket_accept_input(EmuChardev *chardev)
{
    CharSocket *self = (CharSocket *)chardev;

    if (self->peer >= 0 && self->fd.ctx) {
        emu_char_fd_update(&self->fd);
    }
}

static void
char_socket_close(EmuChardev *chardev)
{
    CharSocket *self = (CharSocket *)chardev;

    if (self->reconnect_source) {
        g_source_destroy(g_main_context_find_source_by_id(emu_context_get_main_context(self->ctx), self->reconnect_source));
        self->reconnect_source = 0;
    }
    if (self->connecting >= 0) {
        emu_context_set_fd_handler(self->ctx, self->connecting, NULL, NULL, NULL, NULL);
        close(self->connecting);
        self->connecting = -1;
    }
    if (self->peer >= 0) {
        emu_chardev_drain(chardev);
        emu_char_fd_stop(&self->fd);
        close(self->peer);
        self->peer = -1;
    }
    if (self->listener >= 0) {
        emu_context_set_fd_handler(self->ctx, self->listener, NULL, NULL, NULL, NULL);
        close(self->listener);
        self->listener = -1;
        if (self->unlink_path) {
            unlink(self->path);
        }
    }
}

static void
char_socket_finalize(GObject *object)
{
    CharSocket *self = (CharSocket *)object;

    /* An open() that failed leaves what it had for here. */
    char_socket_close(EMU_CHARDEV(self));
    g_free(self->address);
    G_OBJECT_CLASS(char_socket_parent_class)->finalize(object);
}

static void
char_socket_init(CharSocket *self)
{
    emu_char_fd_init(&self->fd, EMU_CHARDEV(self), char_socket_hang_up);
    self->fd.filter = char_socket_filter;
    self->listener = -1;
    self->peer = -1;
    self->connecting = -1;
}

static const EmuProperty char_socket_properties[] = {
    EMU_PROP_STRING("path", CharSocket, path, NULL, "UNIX socket"),
    EMU_PROP_STRING("host", CharSocket, host, NULL, "host name or address"),
    EMU_PROP_STRING("port", CharSocket, port, NULL, "TCP port"),
    EMU_PROP_STRING("fd", CharSocket, fd_text, NULL, "number of an inherited socket"),
    EMU_PROP_BOOL("server", CharSocket, server, false, "listen"),
    EMU_PROP_BOOL("wait", CharSocket, wait, true, "wait for the first peer before the machine starts"),
    EMU_PROP_BOOL("telnet", CharSocket, telnet, false, "speak telnet"),
    EMU_PROP_BOOL("nodelay", CharSocket, nodelay, false, "send small packets at once"),
    EMU_PROP_BOOL("delay", CharSocket, delay, true, "collect small packets"),
    EMU_PROP_BOOL("abstract", CharSocket, abstract_, false, "the path is in the abstract name space"),
    EMU_PROP_BOOL("ipv4", CharSocket, ipv4, false, "use IPv4"),
    EMU_PROP_BOOL("ipv6", CharSocket, ipv6, false, "use IPv6"),
    EMU_PROP_UINT64("reconnect", CharSocket, reconnect_s, 0, "seconds until the next attempt after a client lost its server"),
    EMU_PROP_UINT64("reconnect-ms", CharSocket, reconnect_ms, 0, "the same in milliseconds"),
};

static void
char_socket_class_init(CharSocketClass *klass)
{
    EmuChardevClass *chardev_class = EMU_CHARDEV_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = char_socket_finalize;
    chardev_class->open = char_socket_open;
    chardev_class->close = char_socket_close;
    chardev_class->write = char_socket_write;
    chardev_class->accept_input = char_socket_accept_input;
    emu_object_class_add_properties(klass, char_socket_properties, G_N_ELEMENTS(char_socket_properties));
}

static void
char_socket_register_types(void)
{
    emu_chardev_register("chardev-socket", char_socket_get_type(), "TCP, telnet or UNIX socket, as server or client");
}
type_init(char_socket_register_types)
