/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Block back ends as devices see them. Formats and protocols are drivers registered with block_init. */

#include <emu/machine.h>
#include <sys/uio.h>

G_BEGIN_DECLS

typedef void (*EmuBlockCompletion)(gpointer opaque, int ret); /* 0 or -errno; main context, big lock held */
typedef struct _EmuBlockRequest EmuBlockRequest;

EMU_AVAILABLE_IN_1_0 const char *emu_block_backend_get_id(EmuBlockBackend *blk); /* id= of -drive; "" without */
EMU_AVAILABLE_IN_1_0 uint64_t emu_block_backend_get_length(EmuBlockBackend *blk); /* bytes; 0 without medium */
EMU_AVAILABLE_IN_1_0 bool emu_block_backend_is_read_only(EmuBlockBackend *blk); /* without medium: what the next one will be */
EMU_AVAILABLE_IN_1_0 bool emu_block_backend_has_medium(EmuBlockBackend *blk); /* false: an empty drive */
/* Asynchronous, any length and byte offset; buffer stays the caller's until completion. Out of range: -EIO;
 * without medium: -ENOMEDIUM; a write to read-only media: -EROFS. Called with the big lock held. The request is
 * the engine's: the pointer is good until the completion has run. A completed flush is on the disk. Cancel waits; the completion has run (or -ECANCELED) when it returns. */
EMU_AVAILABLE_IN_1_0 EmuBlockRequest *emu_block_backend_read(EmuBlockBackend *blk, uint64_t offset, void *buf, uint64_t len, EmuBlockCompletion done, gpointer opaque);
EMU_AVAILABLE_IN_1_0 EmuBlockRequest *emu_block_backend_write(EmuBlockBackend *blk, uint64_t offset, const void *buf, uint64_t len, EmuBlockCompletion done, gpointer opaque);
/* The same on a vector; the array may go when the call returns, the buffers stay until completion. */
EMU_AVAILABLE_IN_1_0 EmuBlockRequest *emu_block_backend_readv(EmuBlockBackend *blk, uint64_t offset, const struct iovec *iov, unsigned n_iov, EmuBlockCompletion done, gpointer opaque);
EMU_AVAILABLE_IN_1_0 EmuBlockRequest *emu_block_backend_writev(EmuBlockBackend *blk, uint64_t offset, const struct iovec *iov, unsigned n_iov, EmuBlockCompletion done, gpointer opaque);
EMU_AVAILABLE_IN_1_0 EmuBlockRequest *emu_block_backend_write_zeroes(EmuBlockBackend *blk, uint64_t offset, uint64_t len, EmuBlockCompletion done, gpointer opaque);
EMU_AVAILABLE_IN_1_0 EmuBlockRequest *emu_block_backend_discard(EmuBlockBackend *blk, uint64_t offset, uint64_t len, EmuBlockCompletion done, gpointer opaque);
EMU_AVAILABLE_IN_1_0 EmuBlockRequest *emu_block_backend_flush(EmuBlockBackend *blk, EmuBlockCompletion done, gpointer opaque);
EMU_AVAILABLE_IN_1_0 void emu_block_request_cancel(EmuBlockRequest *req);
EMU_AVAILABLE_IN_1_0 void emu_block_backend_drain(EmuBlockBackend *blk); /* until nothing is in flight */
/* Synchronous forms for firmware loading and tests. */
EMU_AVAILABLE_IN_1_0 int emu_block_backend_pread(EmuBlockBackend *blk, uint64_t offset, void *buf, uint64_t len);
EMU_AVAILABLE_IN_1_0 int emu_block_backend_pwrite(EmuBlockBackend *blk, uint64_t offset, const void *buf, uint64_t len);
/* The device that uses it hears of medium changes, lock and eject requests. */
typedef struct {
    /* Removable media only: with a tray, it opens (false) or closes (true: there may be another medium now, or none);
     * without one, the medium was taken out or put in. */
    void (*change_media)(gpointer opaque, bool loaded);
    void (*eject_request)(gpointer opaque, bool force);
    bool (*is_tray_open)(gpointer opaque);
    bool (*is_medium_locked)(gpointer opaque);
    void (*resized)(gpointer opaque);
    EMU_RESERVED_SLOTS(4);
} EmuBlockDeviceOps; /* each may be NULL: no tray, no lock */
EMU_AVAILABLE_IN_1_0 bool emu_block_backend_attach(EmuBlockBackend *blk, EmuDevice *dev, const EmuBlockDeviceOps *ops, gpointer opaque, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_block_backend_detach(EmuBlockBackend *blk); /* waits for what is in flight; the callbacks come no more. One without an id is gone. */
EMU_AVAILABLE_IN_1_0 void emu_block_backend_eject(EmuBlockBackend *blk, bool open); /* guest opened/closed the tray */
EMU_AVAILABLE_IN_1_0 void emu_block_backend_lock_medium(EmuBlockBackend *blk, bool lock); /* what is_medium_locked() says for a device without that function */
/* "drive" properties name a back end by id. */
EMU_AVAILABLE_IN_1_0 EmuBlockBackend *emu_machine_find_block_backend(EmuMachine *machine, const char *id);

G_END_DECLS
