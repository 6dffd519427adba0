/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What holds for any character back end: a front end that takes little, frees itself in its handlers or drops the chardev there, and
 * another side that reads slowly, hangs up and comes again. The other side is found by the back end's listing name, or is what the
 * caller's connect() gives; claims that want one are skipped where there is none.
 */

#include "lint-private.h"

#include <emu/chardev.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#define CHAR_TOTAL (1u << 21) /* bytes that a transfer carries */
#define CHAR_FULL (1u << 18) /* bytes that wait above the back end: then its buffers are full, and the other side begins to read */
#define CHAR_WAIT_US (10 * G_USEC_PER_SEC) /* without a byte or an event, until nothing more is expected */

typedef enum { CHAR_TAKE, CHAR_WRITE_BACK, CHAR_FREE_FRONTEND, CHAR_DROP_CHARDEV } CharReaction;

typedef struct {
    Lint *lint;
    EmuChardev *chardev; /* NULL when it is gone */
    EmuCharFrontend *fe;
    int peer; /* -1: none */
    gsize room;
    GByteArray *got;
    unsigned opened, closed;
    CharReaction on_receive, on_closed;
    bool reacted;
} LintChar;

/* The class' own write(), which the hook calls; tests of one process run one after another. */
static gssize (*char_write_func)(EmuChardev *self, const uint8_t *buf, gsize len);
static Lint *char_write_lint;

static gssize
char_write_hook(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    gssize n = char_write_func(chardev, buf, len);

    if (n < -1 || n > (gssize)len) {
        lint_fail(char_write_lint, "write() of %zu bytes returns %zd", len, n);
        return (gssize)len;
    }
    return n;
}

/* ---- the front end --------------------------------------------------------------------------------------------- */

static void
char_free_frontend(LintChar *self)
{
    emu_char_frontend_free(g_steal_pointer(&self->fe));
}

static void
char_react(LintChar *self, CharReaction reaction)
{
    if (reaction == CHAR_TAKE || (self->reacted && reaction != CHAR_WRITE_BACK)) {
        return;
    }
    self->reacted = true;
    if (reaction == CHAR_WRITE_BACK) {
        emu_char_frontend_write(self->fe, (const uint8_t *)"echo", 4);
        return;
    }
    char_free_frontend(self);
    if (reaction == CHAR_DROP_CHARDEV) {
        emu_object_unparent(self->chardev);
    }
}

static gsize
char_can_receive_cb(gpointer opaque)
{
    return ((LintChar *)opaque)->room;
}

static void
char_receive_cb(gpointer opaque, const uint8_t *buf, gsize len)
{
    LintChar *self = opaque;

    if (!self->fe) {
        lint_fail(self->lint, "a front end that has been freed receives %zu bytes", len);
        return;
    }
    if (len > self->room) {
        lint_fail(self->lint, "%zu bytes come to a front end that can take %zu", len, self->room);
    }
    if (self->opened == self->closed) {
        lint_fail(self->lint, "%zu bytes come while there is no peer", len);
    }
    self->room -= MIN(len, self->room);
    g_byte_array_append(self->got, buf, (guint)len);
    char_react(self, self->on_receive);
}

static void
char_event_cb(gpointer opaque, EmuChardevEvent event)
{
    LintChar *self = opaque;

    if (event == EMU_CHARDEV_OPENED) {
        self->opened++;
    } else if (event == EMU_CHARDEV_CLOSED) {
        self->closed++;
        if (emu_chardev_is_open(self->chardev)) {
            lint_fail(self->lint, "it says that the peer has gone, and that there is one");
        }
        char_react(self, self->on_closed);
    }
}

/* ---- the chardev ----------------------------------------------------------------------------------------------- */

static bool
char_open(LintChar *self, Lint *lint)
{
    static const EmuChardevHandlers handlers = {.can_receive = char_can_receive_cb, .receive = char_receive_cb, .event = char_event_cb};
    g_autofree char *text = g_strdup_printf("%s,id=lint%s%s", lint->type + (g_str_has_prefix(lint->type, "chardev-") ? strlen("chardev-") : 0),
                                            lint->options.properties ? "," : "", lint->options.properties ? lint->options.properties : "");
    g_autoptr(GError) error = NULL;

    *self = (LintChar){.lint = lint, .peer = -1, .got = g_byte_array_new()};
    if (!lint->machine) {
        lint->machine = emu_test_machine_new("none", &error);
        g_assert_no_error(error);
    }
    emu_machine_lock(lint->machine);
    self->chardev = emu_chardev_new_from_text(lint->machine, text, &error);
    if (self->chardev) {
        EmuChardevClass *klass = EMU_CHARDEV_GET_CLASS(self->chardev);

        g_object_add_weak_pointer(G_OBJECT(self->chardev), (gpointer *)&self->chardev);
        char_write_lint = lint;
        if (klass->write && klass->write != char_write_hook) {
            char_write_func = klass->write;
            klass->write = char_write_hook;
        }
        self->fe = emu_char_frontend_new(self->chardev, &handlers, self, &error);
    }
    emu_machine_unlock(lint->machine);
    if (self->fe) {
        return true;
    }
    if (!lint_has_reason(error)) {
        lint_fail(lint, "it does not open and gives no reason");
    } else {
        lint->skipped = true;
        lint_fail(lint, "it does not open by itself: %s", error->message);
    }
    g_clear_pointer(&self->got, g_byte_array_unref);
    return false;
}

/* Gone, with all that was its own. */
static void
char_close(LintChar *self)
{
    EmuMachine *machine = self->lint->machine;

    emu_machine_lock(machine);
    if (self->chardev && EMU_CHARDEV_GET_CLASS(self->chardev)->write == char_write_hook) {
        EMU_CHARDEV_GET_CLASS(self->chardev)->write = char_write_func;
    }
    if (self->fe) {
        char_free_frontend(self);
        emu_object_unparent(self->chardev);
    } else if (self->chardev && emu_object_get_parent(self->chardev)) {
        emu_object_unparent(self->chardev);
    }
    emu_machine_unlock(machine);
    for (unsigned i = 0; self->chardev && i < 1000; i++) {
        emu_test_settle(machine);
        if (self->chardev) {
            g_usleep(1000);
        }
    }
    if (self->chardev) {
        lint_fail(self->lint, "it is still there after it was dropped: %u references are left", G_OBJECT(self->chardev)->ref_count);
        g_object_remove_weak_pointer(G_OBJECT(self->chardev), (gpointer *)&self->chardev);
    }
    if (self->peer >= 0) {
        close(self->peer);
    }
    emu_test_settle(machine);
    g_byte_array_unref(self->got);
}

static void
char_write(LintChar *self, const void *buf, gsize len)
{
    emu_machine_lock(self->lint->machine);
    emu_char_frontend_write(self->fe, buf, len);
    emu_machine_unlock(self->lint->machine);
}

static void
char_accept(LintChar *self, gsize room)
{
    emu_machine_lock(self->lint->machine);
    self->room = room;
    emu_char_frontend_accept_input(self->fe);
    emu_machine_unlock(self->lint->machine);
}

/* ---- the other side -------------------------------------------------------------------------------------------- */

static int
peer_open_pty(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios t;

    if (fd >= 0 && tcgetattr(fd, &t) == 0) {
        cfmakeraw(&t);
        tcsetattr(fd, TCSANOW, &t);
        tcflush(fd, TCIFLUSH); /* what the terminal kept for the one before is the host's doing */
    }
    return fd;
}

static int
peer_connect(const struct sockaddr *address, socklen_t len)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, address, len) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int
peer_connect_unix(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    return g_strlcpy(un.sun_path, path, sizeof(un.sun_path)) < sizeof(un.sun_path) ? peer_connect((struct sockaddr *)&un, sizeof(un)) : -1;
}

/* "HOST:PORT" */
static int
peer_connect_tcp(char *address)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    char *port = strrchr(address, ':');
    struct addrinfo *found = NULL;
    int fd = -1;

    if (port) {
        *port++ = '\0';
        if (getaddrinfo(*address ? address : "localhost", port, &hints, &found) == 0) {
            fd = peer_connect(found->ai_addr, found->ai_addrlen);
            freeaddrinfo(found);
        }
    }
    return fd;
}

/* Without a signal when it has gone. */
static gssize
peer_write(LintChar *self, const void *buf, gsize len)
{
    gssize n = send(self->peer, buf, len, MSG_NOSIGNAL);

    return n < 0 && errno == ENOTSOCK ? write(self->peer, buf, len) : n;
}

static int
peer_open(LintChar *self)
{
    const char *name = emu_chardev_get_filename(self->chardev) ? emu_chardev_get_filename(self->chardev) : "";
    g_autofree char *address = NULL;
    gsize skip;

    if (self->lint->options.connect) {
        return self->lint->options.connect(self->chardev, self->lint->options.connect_data);
    }
    name += g_str_has_prefix(name, "disconnected:") ? strlen("disconnected:") : 0;
    skip = strcspn(name, ":");
    address = g_strndup(name + skip + (name[skip] == ':'), strcspn(name, ",") - MIN(strcspn(name, ","), skip + (name[skip] == ':')));
    if (g_str_has_prefix(name, "pty:")) {
        return peer_open_pty(address);
    }
    if (strstr(name, ",server=on") == NULL) {
        return -1;
    }
    return g_str_has_prefix(name, "unix:") ? peer_connect_unix(address) : g_str_has_prefix(name, "tcp:") ? peer_connect_tcp(address) : -1;
}

/* Serves the main loop until @done; false when it does not come. */
static bool
char_wait(LintChar *self, bool (*done)(LintChar *self))
{
    gint64 end = g_get_monotonic_time() + CHAR_WAIT_US;

    while (!done(self)) {
        if (g_get_monotonic_time() > end) {
            return false;
        }
        emu_test_settle(self->lint->machine);
        g_usleep(200);
    }
    return true;
}

static bool
has_peer(LintChar *self)
{
    return self->opened > self->closed;
}

static bool
has_no_peer(LintChar *self)
{
    return self->opened == self->closed;
}

/* False: there is no way to the other side, or nobody is told that it is there. */
static bool
char_connect(LintChar *self)
{
    self->peer = peer_open(self);
    if (self->peer < 0) {
        self->lint->skipped = !self->lint->problem || self->lint->skipped;
        lint_fail(self->lint, "its other side cannot be reached from here (EmuLintOptions.connect is for that)");
        return false;
    }
    fcntl(self->peer, F_SETFL, fcntl(self->peer, F_GETFL) | O_NONBLOCK);
    if (!char_wait(self, has_peer)) {
        lint_fail(self->lint, "a peer has come, and the front end is not told");
        return false;
    }
    return true;
}

static void
char_disconnect(LintChar *self)
{
    close(self->peer);
    self->peer = -1;
}

/* ---- claims ---------------------------------------------------------------------------------------------------- */

static bool
one_char_life(Lint *lint)
{
    LintChar self;

    if (!char_open(&self, lint)) {
        return false;
    }
    char_write(&self, "hello", 5);
    emu_test_settle(lint->machine);
    char_close(&self);
    return !lint->problem;
}

void
lint_chardev_life(Lint *lint)
{
    unsigned before;
    gint64 leak;

    if (!one_char_life(lint)) {
        return;
    }
    before = lint_count_fds();
    leak = lint_leak_of(lint, one_char_life, MAX(lint->options.rounds / LINT_SEGMENTS, 1));
    if (lint_count_fds() > before) {
        lint_fail(lint, "the rounds leave %u file descriptors open", lint_count_fds() - before);
    }
    if (leak >= LINT_LEAK_MIN) {
        lint_fail(lint, "each round leaves %" G_GINT64_FORMAT " bytes behind", leak);
    }
}

void
lint_chardev_properties(Lint *lint)
{
    static const char *const values[] = {"0", "1", "255", "65536", "4294967295", "-1", "on", "off", ""};
    g_autoptr(GPtrArray) properties = emu_type_list_properties(lint->type, NULL);
    const char *given = lint->options.properties;

    if (!one_char_life(lint)) {
        return;
    }
    for (unsigned i = 0; properties && i < properties->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(properties, i);
        bool text = !info->type || strstr(info->type, "link") || strstr(info->type, "str") || strcmp(info->name, "wait") == 0;

        for (unsigned j = 0; info->writable && !text && j < G_N_ELEMENTS(values) && !lint->problem; j++) {
            g_autofree char *with = g_strdup_printf("%s%s%s=%s", given ? given : "", given ? "," : "", info->name, values[j]);

            lint->options.properties = with;
            one_char_life(lint);
            lint->options.properties = given;
            if (lint->skipped) { /* refused, with a reason */
                lint->skipped = false;
                g_clear_pointer(&lint->problem, g_free);
            }
        }
    }
}

/* What a front end writes arrives, whole and in order, at somebody who reads slowly. */
void
lint_chardev_output(Lint *lint)
{
    gsize sent = 0, received = 0;
    gint64 end = g_get_monotonic_time() + CHAR_WAIT_US;
    g_autofree uint8_t *bytes = g_malloc(CHAR_TOTAL);
    bool reading = false;
    LintChar self;

    for (gsize i = 0; i < CHAR_TOTAL; i++) {
        bytes[i] = (uint8_t)lint_random(lint);
    }
    if (!char_open(&self, lint)) {
        return;
    }
    char_connect(&self);
    while (self.peer >= 0 && received < CHAR_TOTAL && !lint->problem) {
        uint8_t buf[4096];
        gssize n;

        if (sent < CHAR_TOTAL && emu_char_frontend_queued(self.fe) < CHAR_FULL) {
            gsize chunk = MIN(1 + lint_below(lint, 1u << lint_below(lint, 16)), CHAR_TOTAL - sent);

            char_write(&self, bytes + sent, chunk);
            sent += chunk;
        }
        emu_test_settle(lint->machine);
        reading |= sent == CHAR_TOTAL || emu_char_frontend_queued(self.fe) >= CHAR_FULL;
        n = reading ? read(self.peer, buf, 1 + lint_below(lint, sizeof(buf))) : -1;
        reading &= n > 0;
        if (n > 0) {
            if (received + (gsize)n > sent || memcmp(buf, bytes + received, (gsize)n) != 0) {
                lint_fail(lint, "after %zu bytes others arrive than were written", received);
            }
            received += (gsize)n;
            end = g_get_monotonic_time() + CHAR_WAIT_US;
        } else if (g_get_monotonic_time() > end) {
            lint_fail(lint, "%zu of %zu bytes that were written arrive, and no more come", received, sent);
        }
    }
    char_close(&self);
}

/* What the other side writes arrives at a front end that takes little, and often nothing. */
void
lint_chardev_input(Lint *lint)
{
    gsize sent = 0, seen = 0;
    gint64 end = g_get_monotonic_time() + CHAR_WAIT_US;
    g_autofree uint8_t *bytes = g_malloc(CHAR_TOTAL);
    LintChar self;

    for (gsize i = 0; i < CHAR_TOTAL; i++) {
        bytes[i] = (uint8_t)lint_random(lint);
    }
    if (!char_open(&self, lint)) {
        return;
    }
    char_connect(&self);
    while (self.peer >= 0 && seen < CHAR_TOTAL / 16 && !lint->problem) {
        if (sent < CHAR_TOTAL / 16) {
            gssize n = peer_write(&self, bytes + sent, MIN(1 + lint_below(lint, 4000), CHAR_TOTAL / 16 - sent));

            sent += n > 0 ? (gsize)n : 0;
        }
        char_accept(&self, lint_below(lint, 3) ? lint_below(lint, 1u << lint_below(lint, 13)) : 0);
        emu_test_settle(lint->machine);
        if (self.got->len > seen) {
            if (self.got->len > sent || memcmp(self.got->data + seen, bytes + seen, self.got->len - seen) != 0) {
                lint_fail(lint, "after %zu bytes others arrive than were sent", seen);
            }
            seen = self.got->len;
            end = g_get_monotonic_time() + CHAR_WAIT_US;
        } else if (g_get_monotonic_time() > end) {
            lint_fail(lint, "%zu of %zu bytes that were sent arrive, and no more come", seen, sent);
        }
    }
    char_close(&self);
}

static bool
has_last_words(LintChar *self)
{
    return self->got->len >= 100 && has_no_peer(self);
}

/* What was sent before the end arrives before it; the end is told; what is written afterwards goes nowhere. */
void
lint_chardev_hang_up(Lint *lint)
{
    uint8_t words[100];
    LintChar self;

    memset(words, 'w', sizeof(words));
    if (!char_open(&self, lint)) {
        return;
    }
    if (char_connect(&self)) {
        if (peer_write(&self, words, sizeof(words)) != (gssize)sizeof(words)) {
            lint_fail(lint, "100 bytes cannot be sent to it: %s", g_strerror(errno));
        }
        emu_test_settle(lint->machine);
        char_disconnect(&self);
        emu_test_settle(lint->machine);
        char_accept(&self, 1000);
        if (!char_wait(&self, has_last_words)) {
            lint_fail(lint, has_peer(&self) ? "the peer has gone, and the front end is not told" : "of the last 100 bytes before the peer hung up %u arrive",
                      self.got->len);
        }
        for (unsigned i = 0; i < 10 && !lint->problem; i++) {
            char_write(&self, words, sizeof(words));
            emu_test_settle(lint->machine);
        }
        if (!lint->problem && emu_char_frontend_queued(self.fe)) {
            lint_fail(lint, "what is written while there is no peer is kept");
        }
    }
    char_close(&self);
}

/* A peer that goes while bytes wait for it; the next one gets its own bytes only. */
void
lint_chardev_reopen(Lint *lint)
{
    g_autofree uint8_t *bytes = g_malloc0(CHAR_TOTAL);
    char buf[16] = "";
    gsize have = 0;
    gint64 end;
    LintChar self;

    if (!char_open(&self, lint)) {
        return;
    }
    for (unsigned round = 0; round < 3 && char_connect(&self) && !lint->problem; round++) {
        char_accept(&self, 1000);
        char_write(&self, "again", 5);
        end = g_get_monotonic_time() + CHAR_WAIT_US;
        for (have = 0; have < 5 && g_get_monotonic_time() < end;) {
            gssize n = read(self.peer, buf + have, 5 - have);

            have += n > 0 ? (gsize)n : 0;
            emu_test_settle(lint->machine);
        }
        if (have < 5 || memcmp(buf, "again", 5) != 0) {
            lint_fail(lint, round ? "the next peer does not get what is written for it, and only that" : "five bytes do not arrive");
        }
        char_write(&self, bytes, CHAR_TOTAL);
        emu_test_settle(lint->machine);
        char_disconnect(&self);
        if (!char_wait(&self, has_no_peer)) {
            lint_fail(lint, "a peer that goes before it has read all is not missed");
        }
        if (!lint->problem && emu_char_frontend_queued(self.fe)) {
            lint_fail(lint, "what a peer had not read when it went is kept");
        }
    }
    if (lint->skipped && self.closed) { /* one peer in a lifetime */
        g_clear_pointer(&lint->problem, g_free);
        lint_fail(lint, "it does not take another peer");
    }
    char_close(&self);
}

static bool
has_reacted(LintChar *self)
{
    return self->reacted;
}

/* Front ends that write, go, or take the chardev with them from their handlers; nothing runs afterwards. */
void
lint_chardev_callbacks(Lint *lint)
{
    for (unsigned i = 0; i < 5 && !lint->problem; i++) {
        CharReaction reaction = i < 3 ? CHAR_WRITE_BACK + i : CHAR_FREE_FRONTEND + (i - 3);
        LintChar self;

        if (!char_open(&self, lint)) {
            return;
        }
        if (char_connect(&self)) {
            *(i < 3 ? &self.on_receive : &self.on_closed) = reaction;
            /* There is more than one handler's worth, and something is on its way out. */
            for (unsigned j = 0; j < 20; j++) {
                char_write(&self, "some bytes on their way out", 27);
                if (peer_write(&self, "some bytes on their way in", 26) < 0) {
                    break;
                }
            }
            char_accept(&self, 1 + lint_below(lint, 100));
            if (i >= 3) {
                self.room = 1000;
                char_disconnect(&self);
            }
            if (!char_wait(&self, has_reacted)) {
                lint_fail(lint, i < 3 ? "nothing arrives" : "the peer has gone, and the front end is not told");
            }
            for (unsigned j = 0; j < 10; j++) {
                if (self.peer >= 0 && peer_write(&self, "more", 4) < 0) {
                    break;
                }
                emu_test_settle(lint->machine);
                g_usleep(500);
            }
            if (reaction == CHAR_DROP_CHARDEV && self.chardev) {
                lint_fail(lint, "it is still there after a handler dropped it: %u references are left", G_OBJECT(self.chardev)->ref_count);
            }
        }
        char_close(&self);
    }
}
