/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Image format "sparse": worked example of a block driver. The disk is cut into pieces of 64 KiB, which lie in the file in the order
 * in which they were first written.
 *
 *   0        "EMUSPARS", then the disk's bytes as a 64-bit number; both little endian here and below
 *   4096     a 32-bit entry for each piece of the disk: 0, it is all zeroes; n, it is piece n of the file
 *   then     the file's pieces 1, 2, ... from the next multiple of 64 KiB on
 *
 * An empty file becomes an image when "size" is given. A piece whose entry was not flushed before the host went down reads as zeroes.
 */

#include <emu/block-driver.h>
#include <emu/plugin.h>

#include <errno.h>
#include <string.h>

#define SPARSE_MAGIC "EMUSPARS"
#define SPARSE_PIECE (UINT64_C(1) << 16)
#define SPARSE_TABLE 4096
#define SPARSE_MAX_SIZE (UINT64_C(1) << 38)

typedef struct {
    EmuBlockNode *file;
    uint64_t size;
    uint64_t data; /* where piece 1 begins, less SPARSE_PIECE */
    EmuBlockMutex lock; /* of what follows: requests run side by side */
    uint32_t *table;
    uint32_t used;
} Sparse;

static uint64_t
sparse_pieces(uint64_t size)
{
    return (size + SPARSE_PIECE - 1) / SPARSE_PIECE;
}

static int
sparse_probe(const uint8_t *head, gsize len, const char *filename)
{
    return len >= 16 && memcmp(head, SPARSE_MAGIC, 8) == 0 ? 100 : 0;
}

/* ---- opening ------------------------------------------------------------------------------------------- */

static bool
sparse_fail(EmuBlockNode *node, GError **error, const char *what)
{
    g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "'%s' %s", emu_block_node_get_filename(node), what);
    return false;
}

/* An image without pieces: header and table. */
static bool
sparse_make(EmuBlockNode *node, uint64_t size, GError **error)
{
    Sparse *self = emu_block_node_get_state(node);
    uint64_t length = GUINT64_TO_LE(size);
    uint8_t head[16] = SPARSE_MAGIC;
    int ret;

    memcpy(head + 8, &length, 8);
    ret = emu_block_node_truncate(self->file, SPARSE_TABLE + sparse_pieces(size) * sizeof(uint32_t));
    ret = ret < 0 ? ret : emu_block_node_pwrite(self->file, 0, head, sizeof(head));
    if (ret < 0) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "'%s' cannot be made an image: %s", emu_block_node_get_filename(node), g_strerror(-ret));
    }
    return ret == 0;
}

/* Nothing in the file is believed: a number too large or an entry used twice is a damaged image. */
static bool
sparse_read_table(EmuBlockNode *node, uint64_t file_length, GError **error)
{
    Sparse *self = emu_block_node_get_state(node);
    uint64_t n = sparse_pieces(self->size), bytes = n * sizeof(uint32_t);
    g_autofree uint8_t *taken = g_malloc0(n + 1);

    if (file_length < SPARSE_TABLE + bytes) {
        return sparse_fail(node, error, "is damaged: its table lies outside of the file");
    }
    self->table = g_malloc(bytes);
    if (emu_block_node_pread(self->file, SPARSE_TABLE, self->table, bytes) < 0) {
        return sparse_fail(node, error, "cannot be read");
    }
    for (uint64_t i = 0; i < n; i++) {
        uint32_t entry = self->table[i] = GUINT32_FROM_LE(self->table[i]);

        if (entry > n || (entry && taken[entry]) || (entry && self->data + (entry + 1) * SPARSE_PIECE > file_length)) {
            return sparse_fail(node, error, "is damaged: a piece lies outside of the file or has two places on the disk");
        }
        taken[entry] = 1;
        self->used = MAX(self->used, entry);
    }
    return true;
}

static bool
sparse_load(EmuBlockNode *node, uint64_t new_size, GError **error)
{
    Sparse *self = emu_block_node_get_state(node);
    int64_t length = emu_block_node_get_length(self->file);
    uint8_t head[16];

    if (length == 0 && new_size && !emu_block_node_is_read_only(node)) {
        if (!sparse_make(node, new_size, error)) {
            return false;
        }
        length = emu_block_node_get_length(self->file);
    }
    if (length < (int64_t)sizeof(head) || emu_block_node_pread(self->file, 0, head, sizeof(head)) < 0 || !sparse_probe(head, sizeof(head), NULL)) {
        return sparse_fail(node, error, "is no sparse image; an empty file becomes one with size=");
    }
    memcpy(&self->size, head + 8, 8);
    self->size = GUINT64_FROM_LE(self->size);
    if (self->size == 0 || self->size > SPARSE_MAX_SIZE) {
        return sparse_fail(node, error, "is damaged: its disk has no bytes or too many");
    }
    self->data = (SPARSE_TABLE + sparse_pieces(self->size) * sizeof(uint32_t) + SPARSE_PIECE - 1) / SPARSE_PIECE * SPARSE_PIECE - SPARSE_PIECE;
    return sparse_read_table(node, (uint64_t)length, error);
}

static bool
sparse_open(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    Sparse *self = emu_block_node_get_state(node);
    uint64_t new_size = 0;

    self->file = emu_block_node_open_child(node, options, "file", error);
    if (!self->file || !emu_block_options_take_size(options, "size", &new_size, error)) {
        return false;
    }
    if (new_size > SPARSE_MAX_SIZE) {
        return sparse_fail(node, error, "cannot be made an image: size is more than 256G");
    }
    if (!sparse_load(node, new_size, error)) {
        g_free(self->table);
        return false;
    }
    emu_block_mutex_init(&self->lock);
    return true;
}

static void
sparse_close(EmuBlockNode *node)
{
    Sparse *self = emu_block_node_get_state(node);

    emu_block_mutex_clear(&self->lock);
    g_free(self->table);
}

/* ---- requests ------------------------------------------------------------------------------------------ */

static int64_t
sparse_get_length(EmuBlockNode *node)
{
    return (int64_t)((Sparse *)emu_block_node_get_state(node))->size;
}

/* The next piece of the file, all zeroes, becomes the disk's piece @index; the lock is held. */
static int
sparse_allocate(Sparse *self, uint64_t index)
{
    uint32_t piece = self->used + 1, entry = GUINT32_TO_LE(piece);
    int ret = emu_block_node_truncate(self->file, self->data + (piece + 1) * SPARSE_PIECE);

    ret = ret < 0 ? ret : emu_block_node_pwrite(self->file, SPARSE_TABLE + index * sizeof(entry), &entry, sizeof(entry));
    if (ret == 0) {
        self->table[index] = piece;
        self->used = piece;
    }
    return ret;
}

/* Where in the file the disk's piece @index is; 0: nowhere. */
static int
sparse_find(Sparse *self, uint64_t index, bool allocate, uint64_t *offset)
{
    int ret = 0;

    emu_block_mutex_lock(&self->lock);
    if (!self->table[index] && allocate) {
        ret = sparse_allocate(self, index);
    }
    *offset = self->table[index] ? self->data + self->table[index] * SPARSE_PIECE : 0;
    emu_block_mutex_unlock(&self->lock);
    return ret;
}

static int
sparse_transfer(EmuBlockNode *node, bool write, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    Sparse *self = emu_block_node_get_state(node);
    g_autofree struct iovec *part = g_new(struct iovec, n_iov + 1);
    uint64_t done = 0, at, n;
    unsigned n_part;
    int ret = 0;

    if (offset > self->size || bytes > self->size - offset) {
        return -EIO;
    }
    for (; ret == 0 && done < bytes; done += n) {
        uint64_t within = (offset + done) % SPARSE_PIECE;

        n = MIN(bytes - done, SPARSE_PIECE - within);
        n_part = emu_iov_slice(iov, n_iov, done, n, part);
        ret = sparse_find(self, (offset + done) / SPARSE_PIECE, write, &at);
        if (ret == 0 && at) {
            ret = (write ? emu_block_node_pwritev : emu_block_node_preadv)(self->file, at + within, n, part, n_part);
        } else if (ret == 0) {
            emu_iov_zero(part, n_part);
        }
    }
    return ret;
}

static int
sparse_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    return sparse_transfer(node, false, offset, bytes, iov, n_iov);
}

static int
sparse_pwritev(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    return sparse_transfer(node, true, offset, bytes, iov, n_iov);
}

static const EmuBlockDriver sparse_driver = {
    .name = "sparse",
    .description = "image of pieces in the order of their first writes",
    .kind = EMU_BLOCK_DRIVER_FORMAT,
    .state_size = sizeof(Sparse),
    .probe = sparse_probe,
    .open = sparse_open,
    .close = sparse_close,
    .get_length = sparse_get_length,
    .preadv = sparse_preadv,
    .pwritev = sparse_pwritev,
};
EMU_REGISTER_BLOCK_DRIVER(sparse_driver)
EMU_PLUGIN(.name = "block-sparse", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "image format that keeps what was written",
           .provides = "block-driver-sparse:block-driver");
