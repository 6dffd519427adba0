/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Requests of devices. A request is carried out by a worker thread, which calls the node's functions and puts
 * the result on the layer's queue; the main context (or whoever waits with the big lock held) takes it from there,
 * so completions always run under the big lock and one after another.
 */

#include "block/backend-private.h"

#include <errno.h>
#include <string.h>

/* What is copied at once on the submitting thread, with the big lock held. */
#define TRY_MAX_BYTES (256u << 10)

typedef enum { REQUEST_READ, REQUEST_WRITE, REQUEST_FLUSH, REQUEST_ZEROES, REQUEST_DISCARD } RequestKind;
enum { STATE_QUEUED, STATE_RUNNING, STATE_CANCELLED };

struct _EmuBlockRequest {
    EmuBlockBackend *blk;
    EmuBlockNode *node; /* NULL: @ret is known already */
    RequestKind kind;
    uint64_t offset, bytes;
    struct iovec *iov;
    unsigned n_iov;
    struct iovec one;
    EmuBlockCompletion done;
    gpointer opaque;
    int ret;
    int state; /* atomic */
    bool flush_after; /* write-through */
    bool *gone;       /* set when the completion has run; for who waits for this request */
    GList link; /* in blk->requests or blk->stalled */
};

/* ---- worker side ---------------------------------------------------------------------------------- */

static int
request_carry_out(EmuBlockRequest *req)
{
    int ret = -EINVAL;

    if (req->kind == REQUEST_WRITE || req->kind == REQUEST_ZEROES || req->kind == REQUEST_DISCARD) {
        ret = emu_block_history_before_write(req->blk->layer->history, req->node, req->offset, req->bytes);
        if (ret < 0) {
            return ret;
        }
    }
    switch (req->kind) {
    case REQUEST_READ:
        return emu_block_node_preadv(req->node, req->offset, req->bytes, req->iov, req->n_iov);
    case REQUEST_WRITE:
        ret = emu_block_node_pwritev(req->node, req->offset, req->bytes, req->iov, req->n_iov);
        break;
    case REQUEST_ZEROES:
        ret = emu_block_node_pwrite_zeroes(req->node, req->offset, req->bytes);
        break;
    case REQUEST_DISCARD:
        return emu_block_node_pdiscard(req->node, req->offset, req->bytes);
    case REQUEST_FLUSH:
        return emu_block_node_flush(req->node);
    }
    return ret == 0 && req->flush_after ? emu_block_node_flush(req->node) : ret;
}

static void
request_finished(EmuBlockRequest *req)
{
    EmuBlockLayer *layer = req->blk->layer;

    g_mutex_lock(&layer->lock);
    g_queue_push_tail(&layer->finished, req);
    g_cond_broadcast(&layer->cond);
    /* Scheduled under the lock: who drains and then frees the layer cannot overtake this. */
    if (layer->bh) {
        emu_bh_schedule(layer->bh);
    }
    g_mutex_unlock(&layer->lock);
}

static void
request_run(gpointer data, gpointer user_data G_GNUC_UNUSED)
{
    EmuBlockRequest *req = data;
    int expected = STATE_QUEUED;

    if (!__atomic_compare_exchange_n(&req->state, &expected, STATE_RUNNING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        req->ret = -ECANCELED;
    } else {
        req->ret = request_carry_out(req);
    }
    request_finished(req);
}

GThreadPool *
emu_block_worker_pool_new(void)
{
    return g_thread_pool_new(request_run, NULL, 16, FALSE, NULL);
}

/* ---- main side -------------------------------------------------------------------------------------- */

/* Most reads find their data in the host's memory: no worker needs to wake up for these. */
static bool
request_try(EmuBlockRequest *req)
{
    if (req->kind != REQUEST_READ || req->bytes > TRY_MAX_BYTES) {
        return false;
    }
    req->ret = emu_block_node_try_preadv(req->node, req->offset, req->bytes, req->iov, req->n_iov);
    return req->ret != -EAGAIN;
}

static void
request_submit(EmuBlockRequest *req)
{
    EmuBlockBackend *blk = req->blk;

    req->state = STATE_QUEUED;
    g_queue_push_tail_link(&blk->requests, &req->link);
    if (req->node) {
        emu_block_node_ref(req->node);
        if (!request_try(req)) {
            g_thread_pool_push(blk->layer->pool, req, NULL);
            return;
        }
    }
    /* The result is known; the completion still comes later, never from inside the call. */
    req->state = STATE_RUNNING;
    request_finished(req);
}

static bool
request_stalls(EmuBlockRequest *req)
{
    EmuBlockBackend *blk = req->blk;
    bool is_read = req->kind == REQUEST_READ;
    EmuBlockOnError action = is_read ? blk->on_read_error : blk->on_write_error;
    EmuBlockEvent event = {.kind = EMU_BLOCK_EVENT_IO_ERROR, .blk = blk, .is_read = is_read, .error = -req->ret};

    if (req->ret >= 0 || req->ret == -ECANCELED || !req->node || req->gone) {
        return false;
    }
    if (action == EMU_BLOCK_ON_ERROR_ENOSPC) {
        action = req->ret == -ENOSPC ? EMU_BLOCK_ON_ERROR_STOP : EMU_BLOCK_ON_ERROR_REPORT;
    }
    event.stopped = action == EMU_BLOCK_ON_ERROR_STOP && blk->layer->event_func;
    if (action == EMU_BLOCK_ON_ERROR_IGNORE) {
        req->ret = 0;
    }
    if (blk->layer->event_func) {
        blk->layer->event_func(blk->layer->event_opaque, &event);
    }
    return event.stopped;
}

static void
request_complete(EmuBlockRequest *req)
{
    EmuBlockBackend *blk = req->blk;
    unsigned index = req->kind == REQUEST_READ ? 0 : req->kind == REQUEST_FLUSH ? 2 : 1;

    g_queue_unlink(&blk->requests, &req->link);
    if (request_stalls(req)) {
        blk->stall_error = -req->ret;
        emu_block_node_unref(req->node);
        g_queue_push_tail_link(&blk->stalled, &req->link);
        return;
    }
    if (req->ret < 0) {
        blk->stats.failed[index]++;
    } else {
        blk->stats.operations[index]++;
        if (index < 2) {
            blk->stats.bytes[index] += req->bytes;
        }
    }
    if (req->gone) {
        *req->gone = true;
    }
    if (req->done) {
        req->done(req->opaque, req->ret);
    }
    if (req->node) {
        emu_block_node_unref(req->node);
    }
    if (req->iov != &req->one) {
        g_free(req->iov);
    }
    g_free(req);
}

void
emu_block_layer_process_completions(EmuBlockLayer *layer)
{
    EmuBlockRequest *req;

    for (;;) {
        g_mutex_lock(&layer->lock);
        req = g_queue_pop_head(&layer->finished);
        g_mutex_unlock(&layer->lock);
        if (!req) {
            break;
        }
        request_complete(req);
    }
}

/* Completes at least one finished request, waiting for it. */
static void
layer_wait(EmuBlockLayer *layer)
{
    g_mutex_lock(&layer->lock);
    while (g_queue_is_empty(&layer->finished)) {
        g_cond_wait(&layer->cond, &layer->lock);
    }
    g_mutex_unlock(&layer->lock);
    emu_block_layer_process_completions(layer);
}

/**
 * emu_block_backend_drain:
 * @blk: a back end
 *
 * Returns when no request of @blk is in flight; the completions have run, and so have those of requests that
 * they made. Requests held back by werror=stop stay held back. Big lock held.
 */
void
emu_block_backend_drain(EmuBlockBackend *blk)
{
    while (!g_queue_is_empty(&blk->requests)) {
        layer_wait(blk->layer);
    }
}

void
emu_block_layer_retry_stalled(EmuBlockLayer *layer)
{
    for (guint i = 0; i < layer->backends->len; i++) {
        EmuBlockBackend *blk = layer->backends->pdata[i];
        GQueue stalled = blk->stalled;

        g_queue_init(&blk->stalled);
        while (!g_queue_is_empty(&stalled)) {
            EmuBlockRequest *req = g_queue_pop_head_link(&stalled)->data;
            req->node = blk->root;
            req->ret = blk->root ? 0 : -ENOMEDIUM;
            request_submit(req);
        }
    }
}

static void
cancel_stalled(EmuBlockBackend *blk, EmuBlockRequest *only)
{
    GList *next;

    for (GList *l = blk->stalled.head; l; l = next) {
        EmuBlockRequest *req = l->data;

        next = l->next;
        if (!only || req == only) {
            g_queue_unlink(&blk->stalled, &req->link);
            req->node = NULL;
            req->ret = -ECANCELED;
            request_submit(req);
        }
    }
}

void
emu_block_backend_cancel_stalled(EmuBlockBackend *blk)
{
    cancel_stalled(blk, NULL);
}

/**
 * emu_block_request_cancel:
 * @req: a request that has not completed
 *
 * A request that no worker has begun ends with -ECANCELED; one that is under way is waited for. The completion has
 * run when this returns. Big lock held.
 */
void
emu_block_request_cancel(EmuBlockRequest *req)
{
    EmuBlockLayer *layer = req->blk->layer;
    int expected = STATE_QUEUED;
    bool gone = false;

    req->gone = &gone;
    cancel_stalled(req->blk, req);
    __atomic_compare_exchange_n(&req->state, &expected, STATE_CANCELLED, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    while (!gone) {
        layer_wait(layer);
    }
}

static EmuBlockRequest *
request_new(EmuBlockBackend *blk, RequestKind kind, uint64_t offset, uint64_t bytes, EmuBlockCompletion done, gpointer opaque)
{
    EmuBlockRequest *req = g_new0(EmuBlockRequest, 1);

    req->blk = blk;
    req->kind = kind;
    req->offset = offset;
    req->bytes = bytes;
    req->done = done;
    req->opaque = opaque;
    req->link.data = req;
    req->node = blk->root;
    req->iov = &req->one;
    req->flush_after = !blk->write_cache;
    if (!blk->root) {
        req->ret = -ENOMEDIUM;
    } else if (offset > blk->length || bytes > blk->length - offset) {
        req->ret = -EIO;
    } else if (kind != REQUEST_READ && kind != REQUEST_FLUSH && blk->root->read_only) {
        req->ret = -EROFS;
    }
    if (req->ret) {
        req->node = NULL;
    }
    return req;
}

static EmuBlockRequest *
submit_flat(EmuBlockBackend *blk, RequestKind kind, uint64_t offset, void *buf, uint64_t len, EmuBlockCompletion done, gpointer opaque)
{
    EmuBlockRequest *req = request_new(blk, kind, offset, len, done, opaque);

    req->one = (struct iovec){.iov_base = buf, .iov_len = len};
    req->n_iov = len ? 1 : 0;
    request_submit(req);
    return req;
}

static EmuBlockRequest *
submit_vector(EmuBlockBackend *blk, RequestKind kind, uint64_t offset, const struct iovec *iov, unsigned n_iov, EmuBlockCompletion done, gpointer opaque)
{
    uint64_t bytes = 0;
    EmuBlockRequest *req;

    for (unsigned i = 0; i < n_iov; i++) {
        bytes += iov[i].iov_len;
    }
    req = request_new(blk, kind, offset, bytes, done, opaque);
    req->iov = g_memdup2(iov, n_iov * sizeof(*iov));
    req->n_iov = n_iov;
    request_submit(req);
    return req;
}

EmuBlockRequest *
emu_block_backend_read(EmuBlockBackend *blk, uint64_t offset, void *buf, uint64_t len, EmuBlockCompletion done, gpointer opaque)
{
    return submit_flat(blk, REQUEST_READ, offset, buf, len, done, opaque);
}

EmuBlockRequest *
emu_block_backend_write(EmuBlockBackend *blk, uint64_t offset, const void *buf, uint64_t len, EmuBlockCompletion done, gpointer opaque)
{
    return submit_flat(blk, REQUEST_WRITE, offset, (void *)buf, len, done, opaque);
}

EmuBlockRequest *
emu_block_backend_readv(EmuBlockBackend *blk, uint64_t offset, const struct iovec *iov, unsigned n_iov, EmuBlockCompletion done, gpointer opaque)
{
    return submit_vector(blk, REQUEST_READ, offset, iov, n_iov, done, opaque);
}

EmuBlockRequest *
emu_block_backend_writev(EmuBlockBackend *blk, uint64_t offset, const struct iovec *iov, unsigned n_iov, EmuBlockCompletion done, gpointer opaque)
{
    return submit_vector(blk, REQUEST_WRITE, offset, iov, n_iov, done, opaque);
}

EmuBlockRequest *
emu_block_backend_write_zeroes(EmuBlockBackend *blk, uint64_t offset, uint64_t len, EmuBlockCompletion done, gpointer opaque)
{
    return submit_flat(blk, REQUEST_ZEROES, offset, NULL, len, done, opaque);
}

EmuBlockRequest *
emu_block_backend_discard(EmuBlockBackend *blk, uint64_t offset, uint64_t len, EmuBlockCompletion done, gpointer opaque)
{
    return submit_flat(blk, REQUEST_DISCARD, offset, NULL, len, done, opaque);
}

EmuBlockRequest *
emu_block_backend_flush(EmuBlockBackend *blk, EmuBlockCompletion done, gpointer opaque)
{
    return submit_flat(blk, REQUEST_FLUSH, 0, NULL, 0, done, opaque);
}

/* ---- synchronous forms: on the caller's thread ---------------------------------------------------------- */

static int
check_sync(EmuBlockBackend *blk, uint64_t offset, uint64_t len)
{
    if (!blk->root) {
        return -ENOMEDIUM;
    }
    return offset > blk->length || len > blk->length - offset ? -EIO : 0;
}

int
emu_block_backend_pread(EmuBlockBackend *blk, uint64_t offset, void *buf, uint64_t len)
{
    int ret = check_sync(blk, offset, len);

    return ret ? ret : emu_block_node_pread(blk->root, offset, buf, len);
}

int
emu_block_backend_pwrite(EmuBlockBackend *blk, uint64_t offset, const void *buf, uint64_t len)
{
    int ret = check_sync(blk, offset, len);

    ret = ret ? ret : emu_block_history_before_write(blk->layer->history, blk->root, offset, len);
    return ret ? ret : emu_block_node_pwrite(blk->root, offset, buf, len);
}

int
emu_block_backend_flush_sync(EmuBlockBackend *blk)
{
    return blk->root ? emu_block_node_flush(blk->root) : 0;
}

/* ---- life and medium --------------------------------------------------------------------------------------- */

EmuBlockBackend *
emu_block_backend_new(EmuBlockLayer *layer, const char *id)
{
    EmuBlockBackend *blk = g_new0(EmuBlockBackend, 1);

    blk->layer = layer;
    blk->id = g_strdup(id ? id : "");
    blk->write_cache = true;
    blk->on_write_error = EMU_BLOCK_ON_ERROR_ENOSPC;
    g_queue_init(&blk->requests);
    g_queue_init(&blk->stalled);
    g_ptr_array_add(layer->backends, blk);
    return blk;
}

void
emu_block_backend_free(EmuBlockBackend *blk)
{
    emu_block_backend_cancel_stalled(blk);
    emu_block_backend_set_root(blk, NULL);
    g_ptr_array_remove(blk->layer->backends, blk);
    g_free(blk->id);
    g_free(blk);
}

/* Devices count in sectors; what is missing in the last one reads as zeroes. */
static uint64_t
root_length(EmuBlockNode *root)
{
    int64_t length = root ? emu_block_node_get_length(root) : 0;

    return length > 0 ? ((uint64_t)length + EMU_BLOCK_SECTOR - 1) / EMU_BLOCK_SECTOR * EMU_BLOCK_SECTOR : 0;
}

void
emu_block_backend_refresh_length(EmuBlockBackend *blk)
{
    uint64_t length = root_length(blk->root);

    if (length != blk->length) {
        blk->length = length;
        if (blk->ops && blk->ops->resized) {
            blk->ops->resized(blk->opaque);
        }
    }
}

void
emu_block_backend_set_root(EmuBlockBackend *blk, EmuBlockNode *root)
{

    emu_block_backend_drain(blk);
    if (root) {
        emu_block_node_ref(root);
        root->parents++;
    }
    if (blk->root) {
        emu_block_node_flush(blk->root);
        blk->root->parents--;
        emu_block_node_unref(blk->root);
    }
    blk->root = root;
    blk->length = root_length(root);
}

const char *
emu_block_backend_get_id(EmuBlockBackend *blk)
{
    return blk->id;
}

uint64_t
emu_block_backend_get_length(EmuBlockBackend *blk)
{
    return blk->length;
}

bool
emu_block_backend_is_read_only(EmuBlockBackend *blk)
{
    return blk->root ? blk->root->read_only : blk->want_read_only;
}

bool
emu_block_backend_has_medium(EmuBlockBackend *blk)
{
    return blk->root && !blk->tray_open;
}

/**
 * emu_block_backend_attach:
 * @blk: a back end
 * @dev: the device that will use it
 * @ops: (nullable): what the device wants to hear, valid until it detaches
 * @opaque: for @ops
 * @error: return location
 *
 * Makes @dev the only user of @blk. On the main thread, in the device's realize.
 *
 * Returns: false when another device has it
 */
bool
emu_block_backend_attach(EmuBlockBackend *blk, EmuDevice *dev, const EmuBlockDeviceOps *ops, gpointer opaque, GError **error)
{
    if (blk->dev) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Drive '%s' is already in use by another device", blk->id);
        return false;
    }
    blk->dev = dev;
    blk->ops = ops;
    blk->opaque = opaque;
    return true;
}

void
emu_block_backend_detach(EmuBlockBackend *blk)
{
    emu_block_backend_cancel_stalled(blk);
    emu_block_backend_drain(blk);
    blk->dev = NULL;
    blk->ops = NULL;
    blk->opaque = NULL;
    blk->locked = false;
    blk->tray_open = false;
    /* An anonymous back end was made for its device. */
    if (!*blk->id) {
        emu_block_backend_free(blk);
    }
}

static void
report_tray(EmuBlockBackend *blk, bool open)
{
    EmuBlockEvent event = {.kind = EMU_BLOCK_EVENT_TRAY_MOVED, .blk = blk, .tray_open = open};

    if (blk->layer->event_func) {
        blk->layer->event_func(blk->layer->event_opaque, &event);
    }
}

/**
 * emu_block_backend_eject:
 * @blk: a back end
 * @open: %TRUE when the guest opened the tray
 *
 * The medium stays in an open tray and comes back when the tray closes.
 */
void
emu_block_backend_eject(EmuBlockBackend *blk, bool open)
{
    if (blk->tray_open != open) {
        blk->tray_open = open;
        report_tray(blk, open);
    }
}

void
emu_block_backend_lock_medium(EmuBlockBackend *blk, bool lock)
{
    blk->locked = lock;
}

bool
emu_block_backend_is_removable(EmuBlockBackend *blk)
{
    return blk->dev ? blk->ops && blk->ops->change_media : blk->media_cdrom || blk->iface == EMU_DRIVE_IF_FLOPPY;
}

bool
emu_block_backend_tray_is_open(EmuBlockBackend *blk)
{
    return blk->ops && blk->ops->is_tray_open ? blk->ops->is_tray_open(blk->opaque) : blk->tray_open;
}

bool
emu_block_backend_is_locked(EmuBlockBackend *blk)
{
    return blk->ops && blk->ops->is_medium_locked ? blk->ops->is_medium_locked(blk->opaque) : blk->locked;
}

static bool
has_tray(EmuBlockBackend *blk)
{
    return blk->ops && blk->ops->is_tray_open;
}

static bool
check_removable(EmuBlockBackend *blk, GError **error)
{
    if (emu_block_backend_is_removable(blk)) {
        return true;
    }
    g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Device '%s' is not removable", blk->id);
    return false;
}

/* Moves the tray of a device that has one: change_media() tells it, and it looks at its medium again. */
static void
move_tray(EmuBlockBackend *blk, bool open)
{
    bool was_open = emu_block_backend_tray_is_open(blk);

    if (has_tray(blk) && blk->ops->change_media) {
        blk->ops->change_media(blk->opaque, !open);
        blk->tray_open = open;
        if (was_open != open) {
            report_tray(blk, open);
        }
    }
}

/* A device without a tray notices the medium itself. */
static void
replace_medium(EmuBlockBackend *blk, EmuBlockNode *node)
{
    emu_block_backend_set_root(blk, node);
    if (!has_tray(blk) && blk->ops && blk->ops->change_media) {
        blk->ops->change_media(blk->opaque, node != NULL);
    }
}

bool
emu_block_backend_monitor_open_tray(EmuBlockBackend *blk, bool force, GError **error)
{
    if (!check_removable(blk, error)) {
        return false;
    }
    if (!has_tray(blk) || emu_block_backend_tray_is_open(blk)) {
        return true;
    }
    if (emu_block_backend_is_locked(blk)) {
        if (blk->ops->eject_request) {
            blk->ops->eject_request(blk->opaque, force);
        }
        if (!force) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED,
                        "Device '%s' is locked and force was not specified, wait for tray to open and try again", blk->id);
            return false;
        }
    }
    move_tray(blk, true);
    return true;
}

bool
emu_block_backend_monitor_close_tray(EmuBlockBackend *blk, GError **error)
{
    if (!check_removable(blk, error)) {
        return false;
    }
    if (has_tray(blk) && emu_block_backend_tray_is_open(blk)) {
        move_tray(blk, false);
    }
    return true;
}

static bool
check_tray_open(EmuBlockBackend *blk, GError **error)
{
    if (!check_removable(blk, error)) {
        return false;
    }
    if (has_tray(blk) && !emu_block_backend_tray_is_open(blk)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Tray of device '%s' is not open", blk->id);
        return false;
    }
    return true;
}

bool
emu_block_backend_monitor_remove(EmuBlockBackend *blk, GError **error)
{
    if (!check_tray_open(blk, error)) {
        return false;
    }
    replace_medium(blk, NULL);
    return true;
}

bool
emu_block_backend_monitor_insert(EmuBlockBackend *blk, EmuBlockNode *node, GError **error)
{
    if (!check_tray_open(blk, error)) {
        return false;
    }
    if (blk->root) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "There already is a medium in device '%s'", blk->id);
        return false;
    }
    if (node->parents && !node->read_only) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Node '%s' is already in use", node->name);
        return false;
    }
    replace_medium(blk, node);
    return true;
}

bool
emu_block_backend_monitor_eject(EmuBlockBackend *blk, bool force, GError **error)
{
    if (!emu_block_backend_monitor_open_tray(blk, force, error)) {
        return false;
    }
    replace_medium(blk, NULL);
    return true;
}

bool
emu_block_backend_monitor_change(EmuBlockBackend *blk, const char *filename, const char *format, int read_only, bool force, GError **error)
{
    g_autoptr(EmuBlockOptions) options = emu_block_options_new();
    g_autoptr(EmuBlockNode) node = NULL;
    bool ro = read_only > 0 || (read_only == 0 && (blk->media_cdrom || blk->want_read_only));

    if (format) {
        emu_block_options_set(options, "driver", format);
    }
    emu_block_options_set(options, "read-only", ro ? "on" : "off");
    emu_block_options_set(options, "auto-read-only", read_only < 0 ? "off" : "on");
    node = emu_block_node_open(blk->layer, filename, options, error);
    if (!node || !emu_block_backend_monitor_open_tray(blk, force, error)) {
        return false;
    }
    replace_medium(blk, node);
    return emu_block_backend_monitor_close_tray(blk, error);
}
