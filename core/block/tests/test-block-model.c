/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Random requests, many at once, against a copy in memory: what every chain of nodes must do. EMU_BLOCK_MODEL_SEED repeats a run,
 * EMU_BLOCK_MODEL_ROUNDS makes it longer.
 */

#include "block/backend-private.h"
#include "qom/qom-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define SIZE_MAX_MODEL (512u << 10)
#define IN_FLIGHT 24

/* ---- a protocol that fails when told to -------------------------------------------------------------------- */

static struct {
    uint8_t data[SIZE_MAX_MODEL];
    gint until_failure; /* requests; negative: none fails */
} faulty;

static bool
faulty_fails(void)
{
    return g_atomic_int_get(&faulty.until_failure) >= 0 && g_atomic_int_add(&faulty.until_failure, -1) == 0;
}

static bool
faulty_open(EmuBlockNode *node, EmuBlockOptions *options G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_block_node_set_filename(node, "faulty");
    return true;
}

static int64_t
faulty_get_length(EmuBlockNode *node G_GNUC_UNUSED)
{
    return SIZE_MAX_MODEL;
}

/* A request that fails has done a part of its work. */
static int
faulty_transfer(uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov, bool is_write)
{
    bool fails = faulty_fails();
    uint64_t left = fails ? bytes / 2 : bytes;

    g_assert_true(offset <= SIZE_MAX_MODEL && bytes <= SIZE_MAX_MODEL - offset);
    for (unsigned i = 0; i < n_iov && left; i++) {
        gsize n = MIN(iov[i].iov_len, left);

        memcpy(is_write ? faulty.data + offset : iov[i].iov_base, is_write ? iov[i].iov_base : faulty.data + offset, n);
        offset += n;
        left -= n;
    }
    return fails ? -EIO : 0;
}

static int
faulty_preadv(EmuBlockNode *node G_GNUC_UNUSED, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    return faulty_transfer(offset, bytes, iov, n_iov, false);
}

static int
faulty_pwritev(EmuBlockNode *node G_GNUC_UNUSED, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    return faulty_transfer(offset, bytes, iov, n_iov, true);
}

static int
faulty_flush(EmuBlockNode *node G_GNUC_UNUSED)
{
    return faulty_fails() ? -EIO : 0;
}

static const EmuBlockDriver faulty_driver = {
    .name = "test-faulty",
    .description = "memory that fails when told to",
    .kind = EMU_BLOCK_DRIVER_PROTOCOL,
    .open = faulty_open,
    .get_length = faulty_get_length,
    .preadv = faulty_preadv,
    .pwritev = faulty_pwritev,
    .flush = faulty_flush,
};

/* ---- the model ------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    const char *drive; /* %s: the image */
    unsigned image;    /* its bytes, more than the disk has where the disk is a part of it */
    unsigned disk;
    bool keeps;        /* what was written is there when it is opened again */
    bool resizes;
} Chain;

static const Chain chains[] = {
    {"raw", "file=%s,format=raw,if=none,id=d", 300 << 10, 300 << 10, true, true},
    {"probed", "file=%s,if=none,id=d", 300 << 10, 300 << 10, true, true},
    {"odd-length", "file=%s,format=raw,if=none,id=d", (200 << 10) + 77, (200 << 10) + 512, true, true},
    {"unmap", "file=%s,format=raw,discard=unmap,if=none,id=d", 300 << 10, 300 << 10, true, true},
    {"write-through", "file=%s,format=raw,cache=writethrough,if=none,id=d", 64 << 10, 64 << 10, true, false},
    {"part", "file=%s,format=raw,offset=4k,size=128k,discard=unmap,if=none,id=d", 300 << 10, 128 << 10, true, false},
    {"overlay", "file=%s,format=raw,snapshot=on,if=none,id=d", 300 << 10, 300 << 10, false, false},
    {"overlay-odd-length", "file=%s,format=raw,snapshot=on,if=none,id=d", (130 << 10) + 1, (130 << 10) + 512, false, false},
};

typedef enum { OP_READ, OP_WRITE, OP_ZEROES, OP_DISCARD, OP_FLUSH } OpKind;

typedef struct _Model Model;

typedef struct {
    Model *model;
    EmuBlockRequest *request; /* NULL: free */
    OpKind kind;
    bool beyond;
    uint64_t offset, bytes;
    uint8_t *buf;
    struct iovec iov[3];
} Op;

struct _Model {
    EmuBlockLayer *layer;
    EmuBlockBackend *blk;
    GRand *rand;
    char *path;
    uint8_t *now;  /* what the disk holds */
    uint64_t size;
    Op ops[IN_FLIGHT];
    unsigned errors, cancelled;
    bool faults;
};

static void
model_open(Model *self, const char *drive)
{
    g_autofree char *text = g_strdup_printf(drive, self->path);
    g_autoptr(GError) error = NULL;

    emu_block_layer_add_drive(self->layer, text, NULL, &error);
    g_assert_no_error(error);
    self->blk = g_ptr_array_index(self->layer->backends, self->layer->backends->len - 1);
}

/* Of each byte in the range the disk has the old value or @neu's (NULL: zero); the model takes what it has. */
static void
model_settle(Model *self, uint64_t offset, uint64_t bytes, const uint8_t *neu)
{
    g_autofree uint8_t *has = g_malloc(bytes + 1);
    gint until = g_atomic_int_get(&faulty.until_failure);

    g_atomic_int_set(&faulty.until_failure, -1);
    g_assert_cmpint(emu_block_backend_pread(self->blk, offset, has, bytes), ==, 0);
    g_atomic_int_set(&faulty.until_failure, until);
    for (uint64_t i = 0; i < bytes; i++) {
        g_assert_true(has[i] == self->now[offset + i] || has[i] == (neu ? neu[i] : 0));
    }
    memcpy(self->now + offset, has, bytes);
}

static void
op_done_cb(gpointer opaque, int ret)
{
    Op *op = opaque;
    Model *self = op->model;

    if (op->beyond) {
        g_assert_cmpint(ret, ==, -EIO);
    } else if (ret == -ECANCELED) {
        self->cancelled++;
    } else if (ret < 0) {
        if (!self->faults || ret != -EIO) {
            g_error("operation %d at %" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT " bytes: %s", op->kind, op->offset, op->bytes, g_strerror(-ret));
        }
        self->errors++;
        if (op->kind == OP_WRITE || op->kind == OP_ZEROES) {
            model_settle(self, op->offset, op->bytes, op->kind == OP_WRITE ? op->buf : NULL);
        }
    } else if (op->kind == OP_READ) {
        g_assert_cmpmem(op->buf, op->bytes, self->now + op->offset, op->bytes);
    } else if (op->kind == OP_WRITE) {
        memcpy(self->now + op->offset, op->buf, op->bytes);
    } else if (op->kind == OP_ZEROES) {
        memset(self->now + op->offset, 0, op->bytes);
    } else if (op->kind == OP_DISCARD) {
        model_settle(self, op->offset, op->bytes, NULL);
    }
    g_clear_pointer(&op->buf, g_free);
    op->request = NULL;
}

static bool
model_overlaps(Model *self, const Op *op)
{
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        const Op *other = &self->ops[i];

        if (other->request && (op->kind != OP_READ || other->kind != OP_READ) && op->offset < other->offset + other->bytes &&
            other->offset < op->offset + op->bytes) {
            return true;
        }
    }
    return false;
}

/* Sizes and places that have edges in them. */
static void
pick_range(Model *self, Op *op)
{
    static const unsigned sizes[] = {0, 1, 511, 512, 513, 4096, 65535, 65536, 65537};
    GRand *r = self->rand;

    op->bytes = g_rand_int_range(r, 0, 2) ? sizes[g_rand_int_range(r, 0, G_N_ELEMENTS(sizes))] : (unsigned)g_rand_int_range(r, 0, 1 << g_rand_int_range(r, 1, 18));
    op->bytes = MIN(op->bytes, self->size);
    switch (g_rand_int_range(r, 0, 4)) {
    case 0:
        op->offset = self->size - op->bytes;
        break;
    case 1:
        op->offset = ((uint64_t)g_rand_int(r) % (self->size + 1)) & ~(uint64_t)0xffff;
        break;
    default:
        op->offset = (uint64_t)g_rand_int(r) % (self->size + 1);
        break;
    }
    op->offset = MIN(op->offset, self->size - op->bytes);
    op->beyond = g_rand_int_range(r, 0, 40) == 0;
    if (op->beyond) {
        op->offset = g_rand_int_range(r, 0, 2) ? self->size - op->bytes + 1 : UINT64_MAX - op->bytes + 1;
        op->beyond = op->offset > self->size || op->bytes > self->size - op->offset;
    }
}

static void
op_submit(Op *op)
{
    Model *self = op->model;
    EmuBlockBackend *blk = self->blk;
    uint64_t first = op->bytes ? (uint64_t)g_rand_int(self->rand) % op->bytes : 0;
    bool vector = g_rand_int_range(self->rand, 0, 2);

    if (op->kind == OP_READ || op->kind == OP_WRITE) {
        op->buf = g_malloc(op->bytes + 1);
        for (uint64_t i = 0; i < op->bytes; i++) {
            op->buf[i] = (uint8_t)(g_rand_int_range(self->rand, 1, 256));
            if (i == 64) {
                memset(op->buf + i, (int)op->buf[0], op->bytes - i);
                break;
            }
        }
    }
    op->iov[0] = (struct iovec){op->buf, first};
    op->iov[1] = (struct iovec){op->buf + first, 0};
    op->iov[2] = (struct iovec){op->buf + first, op->bytes - first};
    switch (op->kind) {
    case OP_READ:
        op->request = vector ? emu_block_backend_readv(blk, op->offset, op->iov, 3, op_done_cb, op)
                             : emu_block_backend_read(blk, op->offset, op->buf, op->bytes, op_done_cb, op);
        break;
    case OP_WRITE:
        op->request = vector ? emu_block_backend_writev(blk, op->offset, op->iov, 3, op_done_cb, op)
                             : emu_block_backend_write(blk, op->offset, op->buf, op->bytes, op_done_cb, op);
        break;
    case OP_ZEROES:
        op->request = emu_block_backend_write_zeroes(blk, op->offset, op->bytes, op_done_cb, op);
        break;
    case OP_DISCARD:
        op->request = emu_block_backend_discard(blk, op->offset, op->bytes, op_done_cb, op);
        break;
    case OP_FLUSH:
        op->request = emu_block_backend_flush(blk, op_done_cb, op);
        break;
    }
}

static void
model_check_all(Model *self)
{
    g_autofree uint8_t *has = g_malloc(self->size + 1);

    g_assert_cmpuint(emu_block_backend_get_length(self->blk), ==, self->size);
    g_assert_cmpint(emu_block_backend_pread(self->blk, 0, has, self->size), ==, 0);
    for (uint64_t i = 0; i < self->size; i++) {
        if (has[i] != self->now[i]) {
            g_error("byte %" G_GUINT64_FORMAT " is %02x, expected %02x", i, has[i], self->now[i]);
        }
    }
}

static void
model_resize(Model *self)
{
    uint64_t old = self->size;

    emu_block_backend_drain(self->blk);
    self->size = (uint64_t)g_rand_int_range(self->rand, 1, SIZE_MAX_MODEL / EMU_BLOCK_SECTOR) * EMU_BLOCK_SECTOR;
    g_assert_cmpint(emu_block_node_truncate(self->blk->root, self->size), ==, 0);
    emu_block_backend_refresh_length(self->blk);
    if (self->size > old) {
        memset(self->now + old, 0, self->size - old);
    }
    model_check_all(self);
}

static void
model_step(Model *self)
{
    unsigned n = (unsigned)g_rand_int_range(self->rand, 0, IN_FLIGHT), what = (unsigned)g_rand_int_range(self->rand, 0, 100);
    Op *op = &self->ops[n], wanted = {.model = self};

    if (op->request && what < 20) {
        emu_block_request_cancel(op->request);
        g_assert_null(op->request);
        return;
    }
    if (what < 22) {
        emu_block_backend_drain(self->blk);
    }
    wanted.kind = what < 50 ? OP_READ : what < 85 ? OP_WRITE : what < 91 ? OP_ZEROES : what < 96 ? OP_DISCARD : OP_FLUSH;
    if (wanted.kind != OP_FLUSH) {
        pick_range(self, &wanted);
    }
    if (op->request || (!wanted.beyond && model_overlaps(self, &wanted))) {
        emu_block_backend_drain(self->blk);
        g_assert_null(op->request);
    }
    *op = wanted;
    op_submit(op);
}

static void
model_init(Model *self)
{
    const char *seed = g_getenv("EMU_BLOCK_MODEL_SEED");
    guint32 n = seed ? (guint32)g_ascii_strtoull(seed, NULL, 0) : g_random_int();

    memset(self, 0, sizeof(*self));
    g_test_message("EMU_BLOCK_MODEL_SEED=%u", n);
    self->rand = g_rand_new_with_seed(n);
    self->layer = emu_block_layer_new(NULL);
    self->now = g_malloc0(SIZE_MAX_MODEL);
    for (unsigned i = 0; i < IN_FLIGHT; i++) {
        self->ops[i].model = self;
    }
}

static void
model_finish(Model *self)
{
    emu_block_layer_free(self->layer);
    g_rand_free(self->rand);
    g_free(self->now);
}

static unsigned
n_rounds(void)
{
    const char *text = g_getenv("EMU_BLOCK_MODEL_ROUNDS");

    return text ? (unsigned)g_ascii_strtoull(text, NULL, 0) / 1000 * 1000 : 3000; /* whole ones, so that each ends with nothing in flight */
}

static void
test_chain(gconstpointer data)
{
    const Chain *chain = data;
    g_autofree char *dir = g_dir_make_tmp("emu-block-model-XXXXXX", NULL), *path = g_build_filename(dir, "disk", NULL);
    g_autofree uint8_t *image = g_malloc0(SIZE_MAX_MODEL), *around = g_malloc0(SIZE_MAX_MODEL);
    unsigned start = chain->image > chain->disk ? 4096 : 0;
    g_autofree char *after = NULL;
    gsize length;
    Model m;

    model_init(&m);
    for (unsigned i = 0; i < chain->image; i++) {
        image[i] = (uint8_t)g_rand_int(m.rand);
    }
    g_assert_true(g_file_set_contents(path, (char *)image, chain->image, NULL));
    m.path = path;
    m.size = chain->disk;
    memcpy(m.now, image + start, MIN(chain->disk, chain->image - start));
    model_open(&m, chain->drive);
    model_check_all(&m);
    for (unsigned i = 0; i < n_rounds(); i++) {
        model_step(&m);
        if (i % 500 == 499 && chain->resizes) {
            model_resize(&m);
        }
        if (i % 1000 == 999) {
            emu_block_backend_drain(m.blk);
            model_check_all(&m);
        }
        if (i % 1000 == 999 && chain->keeps) {
            emu_block_backend_free(m.blk);
            model_open(&m, chain->drive);
            model_check_all(&m);
        }
    }
    emu_block_backend_drain(m.blk);
    model_check_all(&m);
    emu_block_backend_free(m.blk);
    g_assert_cmpuint(m.errors, ==, 0);
    /* The file: what is not the disk is as it was. */
    g_assert_true(g_file_get_contents(path, &after, &length, NULL));
    if (!chain->keeps) {
        g_assert_cmpmem(after, length, image, chain->image);
    } else if (start) {
        g_assert_cmpuint(length, ==, chain->image);
        g_assert_cmpmem(after, start, image, start);
        g_assert_cmpmem(after + start, chain->disk, m.now, chain->disk);
        g_assert_cmpmem(after + start + chain->disk, length - start - chain->disk, image + start + chain->disk, length - start - chain->disk);
    }
    g_test_message("%u requests cancelled", m.cancelled);
    model_finish(&m);
    unlink(path);
    rmdir(dir);
}

/* Failures come to whoever asked, and nothing else changes. */
static void
test_faults(gconstpointer data)
{
    const char *drive = data;
    Model m;

    model_init(&m);
    m.path = g_strdup("");
    m.faults = true;
    m.size = SIZE_MAX_MODEL;
    faulty.until_failure = -1;
    for (unsigned i = 0; i < SIZE_MAX_MODEL; i++) {
        faulty.data[i] = (uint8_t)g_rand_int(m.rand);
    }
    memcpy(m.now, faulty.data, SIZE_MAX_MODEL);
    model_open(&m, drive);
    for (unsigned i = 0; i < n_rounds(); i++) {
        if (g_atomic_int_get(&faulty.until_failure) < 0) {
            g_atomic_int_set(&faulty.until_failure, g_rand_int_range(m.rand, 0, 30));
        }
        model_step(&m);
        if (i % 50 == 49) {
            emu_block_backend_drain(m.blk);
            g_atomic_int_set(&faulty.until_failure, -1);
            model_check_all(&m);
            emu_block_backend_free(m.blk);
            model_open(&m, drive);
            memcpy(m.now, faulty.data, SIZE_MAX_MODEL);
        }
    }
    model_check_all(&m);
    g_assert_cmpuint(m.errors, >, 0);
    g_test_message("%u requests failed, %u cancelled", m.errors, m.cancelled);
    g_free(m.path);
    model_finish(&m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    emu_module_run_core();
    emu_block_driver_register(&faulty_driver);
    for (unsigned i = 0; i < G_N_ELEMENTS(chains); i++) {
        g_autofree char *path = g_strconcat("/block/model/", chains[i].name, NULL);

        g_test_add_data_func(path, &chains[i], test_chain);
    }
    g_test_add_data_func("/block/model/faults/raw", "driver=raw,file.driver=test-faulty,werror=report,rerror=report,if=none,id=d%s", test_faults);
    g_test_add_data_func("/block/model/faults/overlay", "driver=raw,file.driver=test-faulty,snapshot=on,werror=report,rerror=report,if=none,id=d%s", test_faults);
    return g_test_run();
}
