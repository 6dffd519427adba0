/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Format "raw": the disk's bytes are the file's, or a part of them (offset=, size=). */

#include "block/block-private.h"

#include <errno.h>
#include <string.h>

typedef struct {
    EmuBlockNode *file;
    uint64_t offset;
    uint64_t size; /* 0: the rest of the file */
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
    return true;
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

/* The format was guessed: a guest must not be able to make the next guess another one. */
static bool
raw_write_changes_probe(uint64_t offset, const struct iovec *iov, unsigned n_iov)
{
    uint8_t head[EMU_BLOCK_SECTOR] = {0};
    gsize n = offset;

    for (unsigned i = 0; i < n_iov && n < sizeof(head); i++) {
        gsize part = MIN(iov[i].iov_len, sizeof(head) - n);
        memcpy(head + n, iov[i].iov_base, part);
        n += part;
    }
    return emu_block_probe_foreign(head, n) != NULL;
}

static int
raw_pwritev(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    RawState *self = emu_block_node_get_state(node);

    if (node->probed && offset < EMU_BLOCK_SECTOR && raw_write_changes_probe(offset, iov, n_iov)) {
        return -EPERM;
    }
    return emu_block_node_pwritev(self->file, offset + self->offset, bytes, iov, n_iov);
}

static int
raw_pwrite_zeroes(EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    RawState *self = emu_block_node_get_state(node);

    return emu_block_node_pwrite_zeroes(self->file, offset + self->offset, bytes);
}

static int
raw_pdiscard(EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    RawState *self = emu_block_node_get_state(node);

    return emu_block_node_pdiscard(self->file, offset + self->offset, bytes);
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
    .get_length = raw_get_length,
    .preadv = raw_preadv,
    .pwritev = raw_pwritev,
    .pwrite_zeroes = raw_pwrite_zeroes,
    .pdiscard = raw_pdiscard,
    .truncate = raw_truncate,
    .try_preadv = raw_try_preadv,
};

static void
raw_block_init(void)
{
    emu_block_driver_register(&raw_driver);
}

block_init(raw_block_init)
