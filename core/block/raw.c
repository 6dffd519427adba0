/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Format "raw": the disk's bytes are the file's, or a part of them (offset=, size=). */

#include "block/block-private.h"

#include <errno.h>
#include <string.h>

typedef struct {
    EmuBlockNode *file;
    uint64_t offset;
    uint64_t size; /* 0: the rest of the file */
    EmuBlockMutex head_lock; /* while the first sector of a probed image is looked at and written */
} RawState;

static int
raw_probe(const uint8_t *head G_GNUC_UNUSED, gsize len G_GNUC_UNUSED, const char *filename G_GNUC_UNUSED)
{
    return 1; /* whatever nobody else knows */
}

static bool
raw_open(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    RawState *self = emu_block_node_get_state(node);
    int64_t length;

    if (!emu_block_options_take_size(options, "offset", &self->offset, error) ||
        !emu_block_options_take_size(options, "size", &self->size, error)) {
        return false;
    }
    self->file = emu_block_node_open_child(node, options, "file", error);
    if (!self->file) {
        return false;
    }
    length = emu_block_node_get_length(self->file);
    if (length < 0) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Could not get the length of '%s': %s",
                    emu_block_node_get_filename(self->file), g_strerror(-length));
        return false;
    }
    if (self->offset > (uint64_t)length || (self->size && self->size > (uint64_t)length - self->offset)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED,
                    "'%s' is too short: it has %" G_GINT64_FORMAT " bytes, offset=%" G_GUINT64_FORMAT ",size=%" G_GUINT64_FORMAT " reaches beyond",
                    emu_block_node_get_filename(self->file), length, self->offset, self->size);
        return false;
    }
    if (self->offset % EMU_BLOCK_SECTOR || self->size % EMU_BLOCK_SECTOR) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Specified offset or size is not a multiple of %d", EMU_BLOCK_SECTOR);
        return false;
    }
    emu_block_mutex_init(&self->head_lock);
    return true;
}

static void
raw_close(EmuBlockNode *node)
{
    emu_block_mutex_clear(&((RawState *)emu_block_node_get_state(node))->head_lock);
}

static int64_t
raw_get_length(EmuBlockNode *node)
{
    RawState *self = emu_block_node_get_state(node);
    int64_t length = emu_block_node_get_length(self->file);

    if (length < 0) {
        return length;
    }
    if (self->size) {
        return self->size;
    }
    return (uint64_t)length < self->offset ? 0 : length - (int64_t)self->offset;
}

static int
raw_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    RawState *self = emu_block_node_get_state(node);

    return emu_block_node_preadv(self->file, offset + self->offset, bytes, iov, n_iov);
}

static int
raw_try_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    RawState *self = emu_block_node_get_state(node);

    return emu_block_node_try_preadv(self->file, offset + self->offset, bytes, iov, n_iov);
}

/* The format was guessed: a guest must not be able to make the next guess another one, piece by piece neither. */
static int
raw_pwritev_head(RawState *self, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    uint8_t head[EMU_BLOCK_SECTOR];
    gsize n = offset;
    int ret;

    emu_block_mutex_lock(&self->head_lock);
    ret = emu_block_node_pread(self->file, self->offset, head, sizeof(head));
    for (unsigned i = 0; i < n_iov && n < sizeof(head); i++) {
        gsize part = MIN(iov[i].iov_len, sizeof(head) - n);
        memcpy(head + n, iov[i].iov_base, part);
        n += part;
    }
    if (ret == 0 && emu_block_probe_foreign(head, sizeof(head))) {
        ret = -EPERM;
    }
    if (ret == 0) {
        ret = emu_block_node_pwritev(self->file, offset + self->offset, bytes, iov, n_iov);
    }
    emu_block_mutex_unlock(&self->head_lock);
    return ret;
}

/* Zeroes in a part of a probed image's first sector. */
static bool
raw_clears_in_head(EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    return node->probed && offset < EMU_BLOCK_SECTOR && (offset || bytes < EMU_BLOCK_SECTOR);
}

static int
raw_pwritev(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    RawState *self = emu_block_node_get_state(node);

    if (node->probed && offset < EMU_BLOCK_SECTOR) {
        return raw_pwritev_head(self, offset, bytes, iov, n_iov);
    }
    return emu_block_node_pwritev(self->file, offset + self->offset, bytes, iov, n_iov);
}

static int
raw_pwrite_zeroes(EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    RawState *self = emu_block_node_get_state(node);

    if (raw_clears_in_head(node, offset, bytes)) {
        return -ENOTSUP; /* written as data */
    }
    return emu_block_node_pwrite_zeroes(self->file, offset + self->offset, bytes);
}

static int
raw_pdiscard(EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    RawState *self = emu_block_node_get_state(node);

    return raw_clears_in_head(node, offset, bytes) ? 0 : emu_block_node_pdiscard(self->file, offset + self->offset, bytes);
}

static int
raw_truncate(EmuBlockNode *node, uint64_t length)
{
    RawState *self = emu_block_node_get_state(node);

    if (self->size) {
        return -ENOTSUP;
    }
    if (length > (uint64_t)INT64_MAX - self->offset) {
        return -EFBIG;
    }
    return emu_block_node_truncate(self->file, length + self->offset);
}

static const EmuBlockDriver raw_driver = {
    .name = "raw",
    .description = "plain image: the disk's bytes",
    .kind = EMU_BLOCK_DRIVER_FORMAT,
    .state_size = sizeof(RawState),
    .probe = raw_probe,
    .open = raw_open,
    .close = raw_close,
    .get_length = raw_get_length,
    .preadv = raw_preadv,
    .pwritev = raw_pwritev,
    .pwrite_zeroes = raw_pwrite_zeroes,
    .pdiscard = raw_pdiscard,
    .truncate = raw_truncate,
    .try_preadv = raw_try_preadv,
};
EMU_REGISTER_BLOCK_DRIVER(raw_driver)
