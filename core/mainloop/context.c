/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * EmuContext: a GMainContext whose callbacks run with a lock held.
 *
 * The machine's main context takes the big lock around each callback; an iothread's has no lock, its
 * users bring their own.  Everything here may be called from any thread; what is registered runs on the
 * thread that iterates the GMainContext.
 */

#include "mainloop/mainloop-private.h"

#include <glib-unix.h>

struct _EmuContext {
    gatomicrefcount refs;
    GMainContext *main_context;
    bool (*lock)(gpointer opaque);
    void (*unlock)(gpointer opaque);
    gpointer lock_opaque;

    GMutex mutex;           /* guards what follows, and every EmuBh's link */
    GQueue queue;           /* EmuBh that are to run */
    GHashTable *fd_sources; /* fd -> FdSource, owned */
    GSource *bh_source;
};

struct _EmuBh {
    GList link; /* in the queue when data is set */
    EmuContext *ctx;
    void (*fn)(gpointer opaque);
    gpointer opaque;
    bool once;
};

typedef struct {
    GSource source;
    EmuContext *ctx;
    gpointer tag;
    int fd;
    EmuFdFunc on_read, on_write, on_error;
    gpointer opaque;
} FdSource;

typedef struct {
    GSource source;
    EmuContext *ctx;
} BhSource;

bool
emu_context_enter(EmuContext *self)
{
    return self->lock && self->lock(self->lock_opaque);
}

void
emu_context_leave(EmuContext *self, bool entered)
{
    if (entered) {
        self->unlock(self->lock_opaque);
    }
}

/* ---- bottom halves ------------------------------------------------------------------------------- */

static bool
context_has_work(EmuContext *ctx)
{
    bool any;

    g_mutex_lock(&ctx->mutex);
    any = ctx->queue.length > 0;
    g_mutex_unlock(&ctx->mutex);
    return any;
}

static gboolean
bh_source_prepare(GSource *source, gint *timeout)
{
    *timeout = -1;
    return context_has_work(((BhSource *)source)->ctx);
}

static gboolean
bh_source_check(GSource *source)
{
    return context_has_work(((BhSource *)source)->ctx);
}

/* Runs what is queued now; what is scheduled meanwhile waits for the next round, so that a bottom half
 * that schedules itself does not starve the others. */
static gboolean
bh_source_dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
    EmuContext *ctx = emu_context_ref(((BhSource *)source)->ctx);
    bool entered = emu_context_enter(ctx);
    guint n;

    g_mutex_lock(&ctx->mutex);
    for (n = ctx->queue.length; n > 0 && ctx->queue.head; n--) {
        GList *link = g_queue_pop_head_link(&ctx->queue);
        EmuBh *bh = link->data;
        void (*fn)(gpointer opaque) = bh->fn;
        gpointer opaque = bh->opaque;

        link->data = NULL;
        g_mutex_unlock(&ctx->mutex);
        if (bh->once) {
            g_free(bh);
        }
        fn(opaque);
        g_mutex_lock(&ctx->mutex);
    }
    g_mutex_unlock(&ctx->mutex);
    emu_context_leave(ctx, entered);
    emu_context_unref(ctx);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs bh_source_funcs = {
    .prepare = bh_source_prepare,
    .check = bh_source_check,
    .dispatch = bh_source_dispatch,
};

static void
bh_enqueue(EmuBh *bh)
{
    EmuContext *ctx = bh->ctx;
    bool wake = false;

    g_mutex_lock(&ctx->mutex);
    if (!bh->link.data) {
        bh->link.data = bh;
        g_queue_push_tail_link(&ctx->queue, &bh->link);
        wake = ctx->queue.length == 1;
    }
    g_mutex_unlock(&ctx->mutex);
    if (wake) {
        g_main_context_wakeup(ctx->main_context);
    }
}

/**
 * emu_bh_new:
 * @ctx: where it runs
 * @fn: called once per round in which it was scheduled at least once
 *
 * Returns: (transfer full): free with emu_bh_free(), before @ctx goes
 *
 * Since: 1.0
 */
EmuBh *
emu_bh_new(EmuContext *ctx, void (*fn)(gpointer opaque), gpointer opaque)
{
    EmuBh *bh = g_new0(EmuBh, 1);

    bh->ctx = emu_context_ref(ctx);
    bh->fn = fn;
    bh->opaque = opaque;
    return bh;
}

void
emu_bh_schedule(EmuBh *bh)
{
    bh_enqueue(bh);
}

void
emu_bh_cancel(EmuBh *bh)
{
    g_mutex_lock(&bh->ctx->mutex);
    if (bh->link.data) {
        g_queue_unlink(&bh->ctx->queue, &bh->link);
        bh->link.data = NULL;
    }
    g_mutex_unlock(&bh->ctx->mutex);
}

void
emu_bh_free(EmuBh *bh)
{
    if (bh) {
        emu_bh_cancel(bh);
        emu_context_unref(bh->ctx);
        g_free(bh);
    }
}

void
emu_context_post(EmuContext *ctx, void (*fn)(gpointer opaque), gpointer opaque)
{
    EmuBh *bh = g_new0(EmuBh, 1);

    bh->ctx = ctx;
    bh->fn = fn;
    bh->opaque = opaque;
    bh->once = true;
    bh_enqueue(bh);
}

/* ---- file descriptors ------------------------------------------------------------------------------ */

/* A peer that is gone wakes whoever is there: the error handler, else the reader (who sees the end of
 * the file), else the writer (who gets the error). */
static gboolean
fd_source_dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
    FdSource *self = (FdSource *)source;
    EmuContext *ctx = emu_context_ref(self->ctx);
    bool entered = emu_context_enter(ctx);
    GIOCondition now = g_source_query_unix_fd(source, self->tag);
    bool gone = now & (G_IO_ERR | G_IO_HUP | G_IO_NVAL);

    if (!g_source_is_destroyed(source) && self->on_error && gone) {
        self->on_error(self->fd, self->opaque);
        gone = false;
    }
    if (!g_source_is_destroyed(source) && self->on_read && (now & G_IO_IN || gone)) {
        self->on_read(self->fd, self->opaque);
        gone = false;
    }
    if (!g_source_is_destroyed(source) && self->on_write && (now & G_IO_OUT || gone)) {
        self->on_write(self->fd, self->opaque);
    }
    emu_context_leave(ctx, entered);
    emu_context_unref(ctx);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs fd_source_funcs = {.dispatch = fd_source_dispatch};

static void
fd_source_drop(gpointer data)
{
    g_source_destroy(data);
    g_source_unref(data);
}

/**
 * emu_context_set_fd_handler:
 * @fd: any descriptor that poll() takes; remove its handlers before closing it
 *
 * Replaces the handlers of @fd.
 *
 * Since: 1.0
 */
void
emu_context_set_fd_handler(EmuContext *ctx, int fd, EmuFdFunc on_read, EmuFdFunc on_write, EmuFdFunc on_error,
                           gpointer opaque)
{
    GIOCondition want = (on_read ? G_IO_IN | G_IO_HUP : 0) | (on_write ? G_IO_OUT : 0) | G_IO_ERR | G_IO_HUP;
    FdSource *old;

    g_mutex_lock(&ctx->mutex);
    old = g_hash_table_lookup(ctx->fd_sources, GINT_TO_POINTER(fd));
    if (!on_read && !on_write && !on_error) {
        g_hash_table_remove(ctx->fd_sources, GINT_TO_POINTER(fd));
    } else if (old && old->opaque == opaque) {
        old->on_read = on_read;
        old->on_write = on_write;
        old->on_error = on_error;
        g_source_modify_unix_fd(&old->source, old->tag, want);
    } else {
        GSource *source = g_source_new(&fd_source_funcs, sizeof(FdSource));
        FdSource *self = (FdSource *)source;

        self->ctx = ctx;
        self->fd = fd;
        self->on_read = on_read;
        self->on_write = on_write;
        self->on_error = on_error;
        self->opaque = opaque;
        self->tag = g_source_add_unix_fd(source, fd, want);
        g_source_set_static_name(source, "emu-fd");
        g_hash_table_replace(ctx->fd_sources, GINT_TO_POINTER(fd), source);
        g_source_attach(source, ctx->main_context);
    }
    g_mutex_unlock(&ctx->mutex);
}

/* ---- signals ----------------------------------------------------------------------------------------- */

typedef struct {
    EmuContext *ctx;
    int signum;
    EmuSignalFunc fn;
    gpointer opaque;
} SignalWatch;

static gboolean
signal_watch_cb(gpointer data)
{
    SignalWatch *watch = data;
    EmuContext *ctx = watch->ctx;
    bool entered = emu_context_enter(ctx);

    watch->fn(watch->signum, watch->opaque);
    emu_context_leave(ctx, entered);
    return G_SOURCE_CONTINUE;
}

static void
signal_watch_free(gpointer data)
{
    SignalWatch *watch = data;

    emu_context_unref(watch->ctx);
    g_free(watch);
}

/* (transfer full): g_source_destroy() and g_source_unref() it. */
GSource *
emu_context_add_signal(EmuContext *self, int signum, EmuSignalFunc fn, gpointer opaque)
{
    GSource *source = g_unix_signal_source_new(signum);
    SignalWatch *watch = g_new0(SignalWatch, 1);

    watch->ctx = emu_context_ref(self);
    watch->signum = signum;
    watch->fn = fn;
    watch->opaque = opaque;
    g_source_set_callback(source, signal_watch_cb, watch, signal_watch_free);
    g_source_attach(source, self->main_context);
    return source;
}

/* ---- life ---------------------------------------------------------------------------------------------- */

EmuContext *
emu_context_new(GMainContext *main_context)
{
    EmuContext *self = g_new0(EmuContext, 1);

    g_atomic_ref_count_init(&self->refs);
    g_mutex_init(&self->mutex);
    g_queue_init(&self->queue);
    self->main_context = main_context ? g_main_context_ref(main_context) : g_main_context_new();
    self->fd_sources = g_hash_table_new_full(NULL, NULL, NULL, fd_source_drop);
    self->bh_source = g_source_new(&bh_source_funcs, sizeof(BhSource));
    ((BhSource *)self->bh_source)->ctx = self;
    g_source_set_static_name(self->bh_source, "emu-bh");
    g_source_attach(self->bh_source, self->main_context);
    return self;
}

EmuContext *
emu_context_ref(EmuContext *self)
{
    g_atomic_ref_count_inc(&self->refs);
    return self;
}

void
emu_context_unref(EmuContext *self)
{
    GList *link;

    if (!self || !g_atomic_ref_count_dec(&self->refs)) {
        return;
    }
    g_source_destroy(self->bh_source);
    g_source_unref(self->bh_source);
    g_hash_table_unref(self->fd_sources);
    while ((link = g_queue_pop_head_link(&self->queue))) {
        g_free(link->data); /* only posts are left: an EmuBh holds a reference */
    }
    g_main_context_unref(self->main_context);
    g_mutex_clear(&self->mutex);
    g_free(self);
}

void
emu_context_set_lock_hooks(EmuContext *self, bool (*lock)(gpointer opaque), void (*unlock)(gpointer opaque),
                           gpointer opaque)
{
    self->lock = lock;
    self->unlock = unlock;
    self->lock_opaque = opaque;
}

GMainContext *
emu_context_get_main_context(EmuContext *ctx)
{
    return ctx->main_context;
}
