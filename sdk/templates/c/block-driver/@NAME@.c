/* SPDX-License-Identifier: @LICENSE@ */

/*
 * Block driver @TYPE@: a disk in memory, gone when it is closed. Option "size": its bytes.
 *
 * Replace open(), preadv() and pwritev() by what your disks lie in. A driver for an image format is
 * EMU_BLOCK_DRIVER_FORMAT, opens what it lies on with emu_block_node_open_child(node, options, "file", error), and has a probe().
 */

#include <emu/block-driver.h>
#include <emu/plugin.h>

#include <errno.h>
#include <string.h>

#define @UPPER@_MAX_SIZE (UINT64_C(1) << 32)

/* One a node: several disks may be open. */
typedef struct {
    uint8_t *data;
    uint64_t size;
} @CLASS@;

/* Takes its options; what it leaves, emu refuses. */
static bool
@FUNC@_open(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    @CLASS@ *self = emu_block_node_get_state(node);

    self->size = 64 << 20;
    if (!emu_block_options_take_size(options, "size", &self->size, error)) {
        return false;
    }
    if (self->size == 0 || self->size > @UPPER@_MAX_SIZE) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "@TYPE@: size is %" G_GUINT64_FORMAT ", expected 1 to %" G_GUINT64_FORMAT,
                    self->size, @UPPER@_MAX_SIZE);
        return false;
    }
    self->data = g_try_malloc0(self->size);
    if (!self->data) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "@TYPE@: there is no memory for %" G_GUINT64_FORMAT " bytes", self->size);
        return false;
    }
    return true;
}

static void
@FUNC@_close(EmuBlockNode *node)
{
    g_free(((@CLASS@ *)emu_block_node_get_state(node))->data);
}

static int64_t
@FUNC@_get_length(EmuBlockNode *node)
{
    return (int64_t)((@CLASS@ *)emu_block_node_get_state(node))->size;
}

/* Requests run on threads of their own, several at once: they may wait, and must not touch what is not locked. */
static int
@FUNC@_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    @CLASS@ *self = emu_block_node_get_state(node);

    if (offset > self->size || bytes > self->size - offset) {
        return -EIO;
    }
    for (unsigned i = 0; i < n_iov; i++) {
        memcpy(iov[i].iov_base, self->data + offset, iov[i].iov_len);
        offset += iov[i].iov_len;
    }
    return 0;
}

static int
@FUNC@_pwritev(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    @CLASS@ *self = emu_block_node_get_state(node);

    if (offset > self->size || bytes > self->size - offset) {
        return -EIO;
    }
    for (unsigned i = 0; i < n_iov; i++) {
        memcpy(self->data + offset, iov[i].iov_base, iov[i].iov_len);
        offset += iov[i].iov_len;
    }
    return 0;
}

static const EmuBlockDriver @FUNC@_driver = {
    .name = "@TYPE@",
    .description = "@NAME@: a disk in memory",
    .kind = EMU_BLOCK_DRIVER_PROTOCOL,
    .state_size = sizeof(@CLASS@),
    .open = @FUNC@_open,
    .close = @FUNC@_close,
    .get_length = @FUNC@_get_length,
    .preadv = @FUNC@_preadv,
    .pwritev = @FUNC@_pwritev,
};

EMU_REGISTER_BLOCK_DRIVER(@FUNC@_driver)
EMU_PLUGIN(.name = "@NAME@", .version = "0.1.0", .license = "@LICENSE@", .description = "@NAME@: a disk in memory",
           .provides = "block-driver-@TYPE@:block-driver");
