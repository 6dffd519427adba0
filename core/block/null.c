/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Protocol "null-co": takes everything, gives nothing; for tests and benches. */

#include "block/block-private.h"

#include <errno.h>

typedef struct {
    uint64_t size;
    uint64_t latency_ns;
    bool read_zeroes;
} NullState;

static bool
null_open(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    NullState *self = emu_block_node_get_state(node);
    g_autofree char *filename G_GNUC_UNUSED = emu_block_options_take(options, "filename"); /* "null-co://" leaves "//" */

    self->size = UINT64_C(1) << 30;
    if (!emu_block_options_take_size(options, "size", &self->size, error) ||
        !emu_block_options_take_size(options, "latency-ns", &self->latency_ns, error) ||
        !emu_block_options_take_bool(options, "read-zeroes", &self->read_zeroes, error)) {
        return false;
    }
    if (self->size > INT64_MAX) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "null-co: size is too large");
        return false;
    }
    emu_block_node_set_filename(node, "null-co://");
    return true;
}

static int64_t
null_get_length(EmuBlockNode *node)
{
    return ((NullState *)emu_block_node_get_state(node))->size;
}

static void
null_wait(NullState *self)
{
    if (self->latency_ns) {
        g_usleep(self->latency_ns / 1000);
    }
}

static int
null_preadv(EmuBlockNode *node, uint64_t offset G_GNUC_UNUSED, uint64_t bytes G_GNUC_UNUSED, const struct iovec *iov, unsigned n_iov)
{
    NullState *self = emu_block_node_get_state(node);

    null_wait(self);
    if (self->read_zeroes) {
        emu_iov_zero(iov, n_iov);
    }
    return 0;
}

static int
null_pwritev(EmuBlockNode *node, uint64_t offset G_GNUC_UNUSED, uint64_t bytes G_GNUC_UNUSED, const struct iovec *iov G_GNUC_UNUSED,
             unsigned n_iov G_GNUC_UNUSED)
{
    null_wait(emu_block_node_get_state(node));
    return 0;
}

static int
null_flush(EmuBlockNode *node)
{
    null_wait(emu_block_node_get_state(node));
    return 0;
}

static int
null_truncate(EmuBlockNode *node, uint64_t length)
{
    if (length > INT64_MAX) {
        return -EFBIG;
    }
    ((NullState *)emu_block_node_get_state(node))->size = length;
    return 0;
}

static const EmuBlockDriver null_driver = {
    .name = "null-co",
    .description = "no storage behind it",
    .kind = EMU_BLOCK_DRIVER_PROTOCOL,
    .state_size = sizeof(NullState),
    .open = null_open,
    .get_length = null_get_length,
    .preadv = null_preadv,
    .pwritev = null_pwritev,
    .flush = null_flush,
    .truncate = null_truncate,
};
EMU_REGISTER_BLOCK_DRIVER(null_driver)
