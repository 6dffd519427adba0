/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Filter "temporary-overlay" (snapshot=on): what is written goes to a nameless file and is gone when the
 * emulator ends. A bitmap in memory tells which clusters it holds; a cluster is filled from the image below
 * when a part of it is written for the first time.
 */

#include "block/block-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLUSTER_BITS 16
#define CLUSTER_SIZE (UINT64_C(1) << CLUSTER_BITS)
#define BITMAP_MAX (1u << 30) /* of disks of 512 TiB */

typedef struct {
    EmuBlockNode *base;
    int fd;
    uint64_t size;
    uint64_t n_clusters;
    uint8_t *present; /* one bit per cluster; read and written under the lock */
    EmuBlockMutex lock;
} OverlayState;

static int
overlay_create_file(GError **error)
{
    const char *dir = g_getenv("TMPDIR");
    g_autofree char *path = NULL;
    int fd;

    /* Not /tmp: it is often in memory, and an overlay can grow to the size of the disk. */
    if (!dir || !*dir) {
        dir = "/var/tmp";
    }
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        return fd;
    }
    path = g_build_filename(dir, "emu-overlay-XXXXXX", NULL);
    fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Could not create a temporary file in '%s': %s", dir, g_strerror(errno));
        return -1;
    }
    unlink(path);
    return fd;
}

static bool
overlay_open(EmuBlockNode *node, EmuBlockOptions *options G_GNUC_UNUSED, GError **error)
{
    OverlayState *self = emu_block_node_get_state(node);
    int64_t length;

    self->base = emu_block_node_get_child(node, "backing");
    if (!self->base) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "a temporary overlay is made with snapshot=on");
        return false;
    }
    length = emu_block_node_get_length(self->base);
    if (length < 0) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Could not get the length of '%s': %s",
                    emu_block_node_get_filename(self->base), g_strerror(-length));
        return false;
    }
    self->size = ((uint64_t)length + EMU_BLOCK_SECTOR - 1) / EMU_BLOCK_SECTOR * EMU_BLOCK_SECTOR;
    self->n_clusters = (self->size + CLUSTER_SIZE - 1) >> CLUSTER_BITS;
    self->present = self->n_clusters / 8 <= BITMAP_MAX ? g_try_malloc0(self->n_clusters / 8 + 1) : NULL;
    if (!self->present) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "'%s' is too large for a temporary overlay: %" G_GUINT64_FORMAT " bytes",
                    emu_block_node_get_filename(self->base), self->size);
        return false;
    }
    self->fd = overlay_create_file(error);
    if (self->fd < 0) {
        g_free(self->present);
        return false;
    }
    emu_block_mutex_init(&self->lock);
    return true;
}

static void
overlay_close(EmuBlockNode *node)
{
    OverlayState *self = emu_block_node_get_state(node);

    close(self->fd);
    g_free(self->present);
    emu_block_mutex_clear(&self->lock);
}

static int64_t
overlay_get_length(EmuBlockNode *node)
{
    return ((OverlayState *)emu_block_node_get_state(node))->size;
}

static bool
overlay_has(OverlayState *self, uint64_t cluster)
{
    return (self->present[cluster >> 3] >> (cluster & 7)) & 1;
}

/* Bytes from @offset on, at most @bytes, that lie on the same side; *present says which. */
static uint64_t
overlay_run(OverlayState *self, uint64_t offset, uint64_t bytes, bool *present)
{
    uint64_t cluster = offset >> CLUSTER_BITS;
    uint64_t end = ((cluster + 1) << CLUSTER_BITS) - offset;

    emu_block_mutex_lock(&self->lock);
    *present = overlay_has(self, cluster);
    while (end < bytes && overlay_has(self, ++cluster) == *present) {
        end += CLUSTER_SIZE;
    }
    emu_block_mutex_unlock(&self->lock);
    return MIN(end, bytes);
}

static int
overlay_transfer(int fd, uint64_t offset, const struct iovec *iov, unsigned n_iov, bool is_write)
{
    for (unsigned i = 0; i < n_iov; i++) {
        uint8_t *p = iov[i].iov_base;
        gsize left = iov[i].iov_len;

        while (left) {
            gssize ret = is_write ? pwrite(fd, p, left, offset) : pread(fd, p, left, offset);
            if (ret < 0 && errno == EINTR) {
                continue;
            }
            if (ret < 0) {
                return -errno;
            }
            if (ret == 0) {
                if (is_write) {
                    return -ENOSPC;
                }
                memset(p, 0, left);
                ret = left;
            }
            p += ret;
            offset += ret;
            left -= ret;
        }
    }
    return 0;
}

static int
overlay_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    OverlayState *self = emu_block_node_get_state(node);
    g_autofree struct iovec *part = g_new(struct iovec, n_iov);
    uint64_t done = 0;

    if (offset > self->size || bytes > self->size - offset) {
        return -EIO;
    }
    while (done < bytes) {
        bool present;
        uint64_t n = overlay_run(self, offset + done, bytes - done, &present);
        unsigned n_part = emu_iov_slice(iov, n_iov, done, n, part);
        int ret = present ? overlay_transfer(self->fd, offset + done, part, n_part, false)
                          : emu_block_node_preadv(self->base, offset + done, n, part, n_part);
        if (ret < 0) {
            return ret;
        }
        done += n;
    }
    return 0;
}

/* With the lock held: makes the cluster present, its bytes outside [from, to) taken from below. */
static int
overlay_fill(OverlayState *self, uint64_t cluster, uint64_t from, uint64_t to)
{
    uint64_t start = cluster << CLUSTER_BITS;
    uint64_t len = MIN(CLUSTER_SIZE, self->size - start);
    g_autofree uint8_t *buf = NULL;
    struct iovec iov;
    int ret;

    if (from > start || to < start + len) {
        buf = g_malloc(len);
        ret = emu_block_node_pread(self->base, start, buf, len);
        if (ret < 0) {
            return ret;
        }
        iov = (struct iovec){.iov_base = buf, .iov_len = len};
        ret = overlay_transfer(self->fd, start, &iov, 1, true);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

static int
overlay_pwritev(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    OverlayState *self = emu_block_node_get_state(node);
    g_autofree struct iovec *part = g_new(struct iovec, n_iov);
    uint64_t done = 0;

    if (offset > self->size || bytes > self->size - offset) {
        return -EIO;
    }
    while (done < bytes) {
        bool present;
        uint64_t at = offset + done;
        uint64_t n = overlay_run(self, at, bytes - done, &present);
        unsigned n_part;
        int ret = 0;

        if (!present) {
            /* One cluster at a time, data and mark under the lock: who waits for it finds the cluster complete. */
            uint64_t cluster = at >> CLUSTER_BITS;

            n = MIN(n, ((cluster + 1) << CLUSTER_BITS) - at);
            n_part = emu_iov_slice(iov, n_iov, done, n, part);
            emu_block_mutex_lock(&self->lock);
            if (!overlay_has(self, cluster)) {
                ret = overlay_fill(self, cluster, at, at + n);
            }
            if (ret == 0) {
                ret = overlay_transfer(self->fd, at, part, n_part, true);
            }
            if (ret == 0) {
                self->present[cluster >> 3] |= 1 << (cluster & 7);
            }
            emu_block_mutex_unlock(&self->lock);
        } else {
            n_part = emu_iov_slice(iov, n_iov, done, n, part);
            ret = overlay_transfer(self->fd, at, part, n_part, true);
        }
        if (ret < 0) {
            return ret;
        }
        done += n;
    }
    return 0;
}

static const EmuBlockDriver overlay_driver = {
    .name = "temporary-overlay",
    .description = "copy on write into a temporary file (snapshot=on)",
    .kind = EMU_BLOCK_DRIVER_FILTER,
    .state_size = sizeof(OverlayState),
    .open = overlay_open,
    .close = overlay_close,
    .get_length = overlay_get_length,
    .preadv = overlay_preadv,
    .pwritev = overlay_pwritev,
};
EMU_REGISTER_BLOCK_DRIVER(overlay_driver)
