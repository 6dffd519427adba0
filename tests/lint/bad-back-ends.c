/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Character back ends and block drivers with one mistake each, for emu-lint to find. */

#include <emu/block-driver.h>
#include <emu/chardev.h>
#include <emu/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

EMU_PLUGIN(.name = "bad-back-ends", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "mistakes",
           .provides = "chardev-bad-none:chardev chardev-bad-leak:chardev chardev-bad-fd:chardev chardev-bad-lose:chardev chardev-bad-stuck:chardev "
                       "chardev-bad-long:chardev chardev-bad-flood:chardev chardev-bad-deaf:chardev chardev-bad-silent:chardev chardev-bad-hasty:chardev "
                       "chardev-bad-keep:chardev chardev-bad-after:chardev block-driver-bad-none:block-driver block-driver-bad-leak:block-driver "
                       "block-driver-bad-options:block-driver block-driver-bad-edge:block-driver block-driver-bad-forget:block-driver "
                       "block-driver-bad-believe:block-driver block-driver-bad-mute:block-driver block-driver-bad-sure:block-driver");

/* ---- character back ends: a server on a UNIX socket ----------------------------------------------------------- */

typedef enum { NONE, LEAK, FD, LOSE, STUCK, LONG, FLOOD, DEAF, SILENT, HASTY, KEEP, AFTER, N_CHARDEVS } Mistake;

typedef struct {
    EmuChardev parent_instance;
    char *path;
    EmuContext *ctx;
    int listener, peer; /* -1: none */
    bool want_write;
    GByteArray *kept; /* KEEP: what the peer did not read */
} Bad;

static const char *const chardev_names[N_CHARDEVS] = {"chardev-bad-none",  "chardev-bad-leak",  "chardev-bad-fd",   "chardev-bad-lose",
                                                      "chardev-bad-stuck", "chardev-bad-long",  "chardev-bad-flood", "chardev-bad-deaf",
                                                      "chardev-bad-silent", "chardev-bad-hasty", "chardev-bad-keep", "chardev-bad-after"};

static Mistake
bad_mistake(Bad *self)
{
    Mistake mistake = NONE;

    while (!g_str_equal(chardev_names[mistake], emu_object_get_type_name(self))) {
        mistake++;
    }
    return mistake;
}

static void bad_read_cb(int fd, gpointer opaque);
static void bad_write_cb(int fd, gpointer opaque);
static void bad_accept_cb(int fd, gpointer opaque);

static void
bad_watch(Bad *self)
{
    bool read = emu_chardev_can_receive(EMU_CHARDEV(self)) > 0 || bad_mistake(self) == FLOOD;

    emu_context_set_fd_handler(self->ctx, self->listener, self->peer < 0 ? bad_accept_cb : NULL, NULL, NULL, self);
    if (self->peer >= 0) {
        emu_context_set_fd_handler(self->ctx, self->peer, read || bad_mistake(self) == HASTY ? bad_read_cb : NULL, self->want_write ? bad_write_cb : NULL, NULL, self);
    }
}

static void
bad_hang_up(Bad *self)
{
    if (self->peer >= 0) {
        emu_context_set_fd_handler(self->ctx, self->peer, NULL, NULL, NULL, NULL);
        close(self->peer);
        self->peer = -1;
        self->want_write = false;
        if (bad_mistake(self) != SILENT) {
            emu_chardev_event(EMU_CHARDEV(self), EMU_CHARDEV_CLOSED);
        }
    }
}

static void
bad_read_cb(int fd, gpointer opaque)
{
    Bad *self = opaque;
    EmuChardev *keep = bad_mistake(self) == AFTER ? NULL : g_object_ref(opaque);
    uint8_t buf[512];
    gsize room = bad_mistake(self) == FLOOD ? sizeof(buf) : MIN(emu_chardev_can_receive(EMU_CHARDEV(self)), sizeof(buf));
    gssize n = 0;

    if (bad_mistake(self) == HASTY && recv(fd, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT) == 100) {
        bad_hang_up(self); /* the last words are still there */
    } else if (room) {
        n = recv(fd, buf, room, MSG_DONTWAIT);
        if (n > 0) {
            emu_chardev_receive(EMU_CHARDEV(self), buf, (gsize)n);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            bad_hang_up(self);
        }
    }
    if (bad_mistake(self) != DEAF || n <= 0) {
        bad_watch(self);
    }
    g_clear_object(&keep);
}

static void
bad_write_cb(int fd, gpointer opaque)
{
    Bad *self = opaque;
    g_autoptr(EmuChardev) keep = g_object_ref(opaque);

    self->want_write = false;
    emu_chardev_writable(keep);
    bad_watch(self);
}

static void
bad_accept_cb(int listener, gpointer opaque)
{
    Bad *self = opaque;

    self->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (self->peer >= 0) {
        if (self->kept->len && send(self->peer, self->kept->data, self->kept->len, MSG_NOSIGNAL) > 0) {
            g_byte_array_set_size(self->kept, 0);
        }
        emu_chardev_event(EMU_CHARDEV(self), EMU_CHARDEV_OPENED);
    }
    bad_watch(self);
}

static gssize
bad_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    Bad *self = (Bad *)chardev;
    Mistake mistake = bad_mistake(self);
    gssize n = self->peer >= 0 ? send(self->peer, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL) : (gssize)len;

    if (mistake == KEEP && self->peer >= 0 && len > 5) {
        g_byte_array_set_size(self->kept, 0);
        g_byte_array_append(self->kept, buf, 5);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        self->want_write = mistake != STUCK;
        bad_watch(self);
        return 0;
    }
    return mistake == LOSE && len > 1000 ? (gssize)len : mistake == LONG && len > 1000 ? (gssize)len + 1 : n < 0 ? (gssize)len : n;
}

static void
bad_accept_input(EmuChardev *chardev)
{
    if (bad_mistake((Bad *)chardev) != DEAF) {
        bad_watch((Bad *)chardev);
    }
}

static bool
bad_open(EmuChardev *chardev, EmuContext *ctx, GError **error)
{
    Bad *self = (Bad *)chardev;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    g_autofree char *name = g_strdup_printf("unix:%s,server=on", self->path);
    char *volatile lost;

    g_strlcpy(un.sun_path, self->path, sizeof(un.sun_path));
    unlink(self->path);
    self->ctx = ctx;
    self->peer = -1;
    self->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(self->listener, (struct sockaddr *)&un, sizeof(un)) < 0 || listen(self->listener, 1) < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: %s", self->path, g_strerror(errno));
        close(self->listener);
        return false;
    }
    if (bad_mistake(self) == LEAK) {
        lost = g_malloc(64);
        lost[0] = 1;
    }
    if (bad_mistake(self) == FD) {
        fcntl(self->listener, F_DUPFD_CLOEXEC, 0);
    }
    self->kept = g_byte_array_new();
    emu_chardev_set_filename(chardev, name);
    bad_watch(self);
    return true;
}

static void
bad_close(EmuChardev *chardev)
{
    Bad *self = (Bad *)chardev;

    if (self->peer >= 0) {
        emu_context_set_fd_handler(self->ctx, self->peer, NULL, NULL, NULL, NULL);
        close(self->peer);
    }
    emu_context_set_fd_handler(self->ctx, self->listener, NULL, NULL, NULL, NULL);
    close(self->listener);
    g_byte_array_unref(self->kept);
}

static const EmuProperty bad_properties[] = {EMU_PROP_STRING("path", Bad, path, NULL, "of the socket")};

static void
bad_class_init(gpointer klass, gconstpointer data)
{
    EmuChardevClass *chardev_class = klass;

    chardev_class->open = bad_open;
    chardev_class->close = bad_close;
    chardev_class->write = bad_write;
    chardev_class->accept_input = bad_accept_input;
    emu_object_class_add_properties(klass, bad_properties, G_N_ELEMENTS(bad_properties));
}

static void
bad_register_chardevs(void)
{
    static EmuTypeInfo infos[N_CHARDEVS];

    for (unsigned i = 0; i < N_CHARDEVS; i++) {
        infos[i] = (EmuTypeInfo){.name = chardev_names[i], .parent = "chardev", .instance_size = sizeof(Bad), .class_init = bad_class_init,
                                 .description = "a character back end with one mistake"};
        emu_type_register_static(&infos[i]);
    }
}
type_init(bad_register_chardevs)

/* ---- block drivers: 16 bytes in front of the disk's ------------------------------------------------------------ */

#define BLOCK_HEAD 16
#define BLOCK_SIZE (1 << 20)
#define BLOCK_EDGE 65536

typedef struct {
    EmuBlockNode *file;
    uint8_t *memory; /* of "forget" */
    uint8_t sums[256];
    bool edge;
} BadBlock;

static int
bad_probe(const uint8_t *head, gsize len, const char *filename)
{
    return len >= BLOCK_HEAD && memcmp(head, "BADBLOCK", 8) == 0 ? 100 : 0;
}

static int
bad_probe_sure(const uint8_t *head, gsize len, const char *filename)
{
    return 200;
}

/* An empty file is made an image; bytes 8 to 11 of one are 7 at the most. */
static bool
block_open_with(EmuBlockNode *node, EmuBlockOptions *options, GError **error, bool believe, bool mute)
{
    BadBlock *self = emu_block_node_get_state(node);
    uint8_t head[BLOCK_HEAD] = "BADBLOCK";
    uint32_t number = 0;

    self->file = emu_block_node_open_child(node, options, "file", error);
    if (!self->file) {
        return false;
    }
    if (emu_block_node_get_length(self->file) == 0) {
        emu_block_node_truncate(self->file, BLOCK_HEAD + BLOCK_SIZE);
        emu_block_node_pwrite(self->file, 0, head, sizeof(head));
    }
    if (emu_block_node_get_length(self->file) < BLOCK_HEAD + BLOCK_SIZE || emu_block_node_pread(self->file, 0, head, sizeof(head)) < 0) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, mute ? "no" : "it is too short for an image");
        return false;
    }
    memcpy(&number, head + 8, sizeof(number));
    if (believe) {
        ((volatile uint8_t *)self->sums)[(uint64_t)number << 12]++;
    } else if (number > 7 || !bad_probe(head, sizeof(head), "")) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, mute ? "no" : "it is no image of this format");
        return false;
    }
    return true;
}

static bool
bad_block_open(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    return block_open_with(node, options, error, false, false);
}

static bool
bad_block_open_believe(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    return block_open_with(node, options, error, true, false);
}

static bool
bad_block_open_mute(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    return block_open_with(node, options, error, false, true);
}

static bool
bad_block_open_leak(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    char *volatile lost = g_malloc(64);

    lost[0] = 1;
    return block_open_with(node, options, error, false, false);
}

static bool
bad_block_open_options(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    g_free(emu_block_options_take(options, "size"));
    return block_open_with(node, options, error, false, false);
}

static bool
bad_block_open_edge(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    ((BadBlock *)emu_block_node_get_state(node))->edge = true;
    return block_open_with(node, options, error, false, false);
}

static bool
bad_block_open_forget(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    if (!block_open_with(node, options, error, false, false)) {
        return false;
    }
    ((BadBlock *)emu_block_node_get_state(node))->memory = g_malloc0(BLOCK_SIZE);
    return true;
}

static void
bad_block_close(EmuBlockNode *node)
{
    g_free(((BadBlock *)emu_block_node_get_state(node))->memory);
}

static int64_t
bad_block_get_length(EmuBlockNode *node)
{
    return BLOCK_SIZE;
}

static int
bad_block_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    BadBlock *self = emu_block_node_get_state(node);

    if (self->memory) {
        for (unsigned i = 0; i < n_iov; offset += iov[i++].iov_len) {
            memcpy(iov[i].iov_base, self->memory + offset, iov[i].iov_len);
        }
        return 0;
    }
    /* What comes behind the edge is taken from the beginning. */
    if (self->edge && offset % BLOCK_EDGE + bytes > BLOCK_EDGE) {
        offset -= offset % BLOCK_EDGE;
    }
    return emu_block_node_preadv(self->file, BLOCK_HEAD + offset, bytes, iov, n_iov);
}

static int
bad_block_pwritev(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    BadBlock *self = emu_block_node_get_state(node);

    if (self->memory) {
        for (unsigned i = 0; i < n_iov; offset += iov[i++].iov_len) {
            memcpy(self->memory + offset, iov[i].iov_base, iov[i].iov_len);
        }
        return 0;
    }
    return emu_block_node_pwritev(self->file, BLOCK_HEAD + offset, bytes, iov, n_iov);
}

#define BAD_BLOCK(id, open_func, probe_func)                                                       \
    static const EmuBlockDriver id##_driver = {.name = "bad-" #id,                                 \
                                               .description = "a block driver with one mistake",   \
                                               .kind = EMU_BLOCK_DRIVER_FORMAT,                    \
                                               .state_size = sizeof(BadBlock),                     \
                                               .probe = probe_func,                                \
                                               .open = open_func,                                  \
                                               .close = bad_block_close,                           \
                                               .get_length = bad_block_get_length,                 \
                                               .preadv = bad_block_preadv,                         \
                                               .pwritev = bad_block_pwritev};                      \
    EMU_REGISTER_BLOCK_DRIVER(id##_driver)

BAD_BLOCK(none, bad_block_open, bad_probe)
BAD_BLOCK(leak, bad_block_open_leak, bad_probe)
BAD_BLOCK(options, bad_block_open_options, bad_probe)
BAD_BLOCK(edge, bad_block_open_edge, bad_probe)
BAD_BLOCK(forget, bad_block_open_forget, bad_probe)
BAD_BLOCK(believe, bad_block_open_believe, bad_probe)
BAD_BLOCK(mute, bad_block_open_mute, bad_probe)
BAD_BLOCK(sure, bad_block_open, bad_probe_sure)
