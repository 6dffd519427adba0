/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Protocol "file": regular files and block devices of the host.
 *
 * Locking: byte ranges locked as "open file descriptions" (OFD), compatible with QEMU's image locking, so
 * that its tools and ours refuse each other. Byte 100 + n is read-locked by whoever uses permission n, byte
 * 200 + n by whoever does not tolerate it in others.
 */

#include "block/block-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_USED_BASE 100
#define LOCK_UNSHARED_BASE 200

enum {
    PERM_READ = 1 << 0,
    PERM_WRITE = 1 << 1,
    PERM_RESIZE = 1 << 3,
    PERM_BITS = 4,
};

typedef struct {
    int fd;
    bool is_device;
    int no_nowait; /* atomic: the file system cannot tell */
} FileState;

static int
file_lock_byte(int fd, int64_t byte)
{
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(fd, F_OFD_SETLK, &lock) < 0 ? -errno : 0;
}

/* Does somebody else hold a lock on the byte? */
static int
file_test_byte(int fd, int64_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    if (fcntl(fd, F_OFD_GETLK, &lock) < 0) {
        return -errno;
    }
    return lock.l_type == F_UNLCK ? 0 : -EAGAIN;
}

/* 0, -errno when the file system cannot lock, or 1 with the name of the conflicting permission. */
static int
file_lock(int fd, unsigned used, unsigned unshared, const char **what)
{
    static const char *const names[PERM_BITS] = {"consistent read", "write", "write unchanged", "resize"};
    int ret;

    for (unsigned i = 0; i < PERM_BITS; i++) {
        if (((used >> i) & 1 && (ret = file_lock_byte(fd, LOCK_USED_BASE + i)) < 0) ||
            ((unshared >> i) & 1 && (ret = file_lock_byte(fd, LOCK_UNSHARED_BASE + i)) < 0)) {
            return ret;
        }
    }
    for (unsigned i = 0; i < PERM_BITS; i++) {
        *what = names[i];
        if ((used >> i) & 1) {
            ret = file_test_byte(fd, LOCK_UNSHARED_BASE + i);
            if (ret) {
                return ret == -EAGAIN ? 1 : ret;
            }
        }
    }
    for (unsigned i = 0; i < PERM_BITS; i++) {
        *what = names[i];
        if ((unshared >> i) & 1) {
            ret = file_test_byte(fd, LOCK_USED_BASE + i);
            if (ret) {
                return ret == -EAGAIN ? 2 : ret;
            }
        }
    }
    return 0;
}

/* Before it is opened, too: a FIFO would wait for a writer, and a device of another kind may do something. */
static bool
file_check_kind(const struct stat *st, const char *filename, GError **error)
{
    if (S_ISDIR(st->st_mode)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Could not open '%s': %s", filename, g_strerror(EISDIR));
        return false;
    }
    if (!S_ISBLK(st->st_mode) && !S_ISREG(st->st_mode)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Could not open '%s': it is neither a regular file nor a block device", filename);
        return false;
    }
    return true;
}

static bool
file_open(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    static const char *const locking_names[] = {"auto", "on", "off", NULL};
    static const char *const aio_names[] = {"threads", "native", "io_uring", NULL};
    FileState *self = emu_block_node_get_state(node);
    g_autofree char *filename = emu_block_options_take(options, "filename");
    int locking = 0, aio = 0, fd, ret;
    const char *what = NULL;
    struct stat st;

    if (!filename || !*filename) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "The 'file' block driver requires a file name");
        return false;
    }
    emu_block_node_set_filename(node, filename);
    /* All of them end in the worker threads. */
    if (!emu_block_options_take_enum(options, "aio", aio_names, &aio, error) ||
        !emu_block_options_take_enum(options, "locking", locking_names, &locking, error)) {
        return false;
    }
    if (stat(filename, &st) == 0 && !file_check_kind(&st, filename, error)) {
        return false;
    }
    fd = open(filename, (node->read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && !node->read_only && (errno == EACCES || errno == EROFS || errno == EPERM) && node->auto_read_only) {
        fd = open(filename, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd >= 0) {
            node->read_only = true;
        }
    }
    if (fd < 0 || fstat(fd, &st) < 0) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Could not open '%s': %s", filename, g_strerror(errno));
        goto fail;
    }
    if (!file_check_kind(&st, filename, error)) {
        goto fail;
    }
    self->is_device = S_ISBLK(st.st_mode);
    if (locking != 2) {
        ret = file_lock(fd, PERM_READ | (node->read_only ? 0 : PERM_WRITE), node->force_share ? 0 : PERM_WRITE | PERM_RESIZE, &what);
        if (ret > 0) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_LOCKED, "Failed to get %s\"%s\" lock: is another process using the image '%s'?",
                        ret == 2 ? "shared " : "", what, filename);
            goto fail;
        }
        if (ret < 0 && locking == 1) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_LOCKED, "Could not lock '%s': %s", filename, g_strerror(-ret));
            goto fail;
        }
    }
    self->fd = fd;
    return true;

fail:
    if (fd >= 0) {
        close(fd);
    }
    return false;
}

static void
file_close(EmuBlockNode *node)
{
    FileState *self = emu_block_node_get_state(node);

    close(self->fd);
}

static int64_t
file_get_length(EmuBlockNode *node)
{
    FileState *self = emu_block_node_get_state(node);
    struct stat st;
    uint64_t size;

    if (self->is_device) {
        return ioctl(self->fd, BLKGETSIZE64, &size) < 0 ? -errno : (int64_t)MIN(size, (uint64_t)INT64_MAX);
    }
    return fstat(self->fd, &st) < 0 ? -errno : st.st_size;
}

/* Does the whole transfer; a read past the end of the file gives zeroes. */
static int
file_transfer(int fd, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov, bool is_write)
{
    uint64_t done = 0;

    if (offset > INT64_MAX || bytes > INT64_MAX - offset) {
        return -EFBIG;
    }
    while (done < bytes) {
        struct iovec part[64];
        unsigned n = 0, first = 0;
        uint64_t skip = done;
        gssize ret;

        while (first < n_iov && skip >= iov[first].iov_len) {
            skip -= iov[first++].iov_len;
        }
        n = emu_iov_slice(iov + first, MIN(n_iov - first, G_N_ELEMENTS(part)), skip, bytes - done, part);
        if (n == 0) {
            return -EINVAL;
        }
        ret = is_write ? pwritev(fd, part, n, offset + done) : preadv(fd, part, n, offset + done);
        if (ret < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (ret == 0) {
            if (is_write) {
                return -ENOSPC;
            }
            emu_iov_zero(part, n);
            for (unsigned i = 0; i < n; i++) {
                done += part[i].iov_len;
            }
            continue;
        }
        done += ret;
    }
    return 0;
}

static int
file_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    FileState *self = emu_block_node_get_state(node);

    return file_transfer(self->fd, offset, bytes, iov, n_iov, false);
}

/* From the page cache only. */
static int
file_try_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    FileState *self = emu_block_node_get_state(node);
    gssize ret;

    if (__atomic_load_n(&self->no_nowait, __ATOMIC_RELAXED) || n_iov > IOV_MAX || offset > INT64_MAX) {
        return -EAGAIN;
    }
    ret = preadv2(self->fd, iov, n_iov, offset, RWF_NOWAIT);
    if (ret < 0 && errno != EAGAIN && errno != EINTR) {
        __atomic_store_n(&self->no_nowait, 1, __ATOMIC_RELAXED);
    }
    return ret >= 0 && (uint64_t)ret == bytes ? 0 : -EAGAIN;
}

static int
file_pwritev(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    FileState *self = emu_block_node_get_state(node);

    return file_transfer(self->fd, offset, bytes, iov, n_iov, true);
}

static int
file_fallocate(FileState *self, int mode, uint64_t offset, uint64_t bytes)
{
    int ret;

    if (self->is_device) {
        return -ENOTSUP;
    }
    if (offset > INT64_MAX || bytes > INT64_MAX - offset) {
        return -EFBIG;
    }
    do {
        ret = fallocate(self->fd, mode, offset, bytes);
    } while (ret < 0 && errno == EINTR);
    if (ret < 0) {
        return errno == EOPNOTSUPP || errno == ENOSYS ? -ENOTSUP : -errno;
    }
    return 0;
}

static int
file_pwrite_zeroes(EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    return file_fallocate(emu_block_node_get_state(node), FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, bytes);
}

static int
file_pdiscard(EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    int ret = file_fallocate(emu_block_node_get_state(node), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, bytes);

    return ret == -ENOTSUP ? 0 : ret;
}

static int
file_flush(EmuBlockNode *node)
{
    FileState *self = emu_block_node_get_state(node);
    int ret;

    do {
        ret = fdatasync(self->fd);
    } while (ret < 0 && errno == EINTR);
    return ret < 0 ? -errno : 0;
}

static int
file_truncate(EmuBlockNode *node, uint64_t length)
{
    FileState *self = emu_block_node_get_state(node);

    if (self->is_device) {
        return -ENOTSUP;
    }
    return ftruncate(self->fd, length) < 0 ? -errno : 0;
}

static const EmuBlockDriver file_driver = {
    .name = "file",
    .description = "regular file or block device of the host",
    .kind = EMU_BLOCK_DRIVER_PROTOCOL,
    .state_size = sizeof(FileState),
    .open = file_open,
    .close = file_close,
    .get_length = file_get_length,
    .preadv = file_preadv,
    .pwritev = file_pwritev,
    .pwrite_zeroes = file_pwrite_zeroes,
    .pdiscard = file_pdiscard,
    .flush = file_flush,
    .truncate = file_truncate,
    .try_preadv = file_try_preadv,
};
EMU_REGISTER_BLOCK_DRIVER(file_driver)
