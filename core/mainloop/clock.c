/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The four clocks of a machine, and their timers.
 *
 * Each clock keeps its timers in a binary heap.  One GSource per machine sleeps on a timerfd, because
 * poll()'s milliseconds are too coarse for a guest's 1 kHz tick.  Setting a timer re-arms the timerfd
 * from the calling thread when the new deadline is the earliest, and does nothing else: the loop is not
 * woken before there is something to run.  A deadline that moved away leaves the timerfd as it is, at
 * the price of one idle round.
 *
 *     virtual time
 *        ^            ___/        runs:   monotonic + offset
 *        |    _______/            stands: frozen
 *        |___/
 *        +-----------------> host's monotonic time
 *
 * Two reads of the clock from any thread need no lock: the offset is under a sequence counter.
 */

#include "mainloop/mainloop-private.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NEVER INT64_MAX
#define TIMERS_PER_ROUND 1000

struct _EmuClock {
    EmuClocks *set;
    EmuClockType type;
    EmuTimer **heap;
    guint n, size;
};

struct _EmuClocks {
    gatomicrefcount refs;
    EmuContext *ctx;
    GMutex mutex; /* guards heaps and the timerfds' state */
    EmuClock clocks[EMU_CLOCK_N];
    uint64_t next_seq;
    GSource *source;
    int mono_fd, wall_fd;
    gpointer mono_tag, wall_tag;
    int64_t mono_armed, wall_armed;

    /* Written under the mutex; read under the sequence counter. */
    uint32_t seq;
    bool running;
    bool manual;
    int64_t offset; /* virtual - monotonic, when running */
    int64_t frozen; /* virtual time, when it stands or is a test's */
    int64_t host_base;
};

struct _EmuTimer {
    EmuClock *clock;
    EmuTimerFunc fn;
    gpointer opaque;
    int64_t expire_ns;
    uint64_t seq;
    gint index; /* in the heap; -1: not set */
};

typedef struct {
    GSource source;
    EmuClocks *clocks;
} TimerSource;

static int64_t
host_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * EMU_NS_PER_SEC + ts.tv_nsec;
}

/* ---- reading ------------------------------------------------------------------------------------- */

int64_t
emu_clock_get_ns(EmuClock *clock)
{
    EmuClocks *self = clock->set;
    uint32_t seq;
    bool running, manual;
    int64_t offset, frozen, mono, base;

    do {
        while ((seq = __atomic_load_n(&self->seq, __ATOMIC_ACQUIRE)) & 1) {
        }
        running = __atomic_load_n(&self->running, __ATOMIC_RELAXED);
        manual = __atomic_load_n(&self->manual, __ATOMIC_RELAXED);
        offset = __atomic_load_n(&self->offset, __ATOMIC_RELAXED);
        frozen = __atomic_load_n(&self->frozen, __ATOMIC_RELAXED);
        base = __atomic_load_n(&self->host_base, __ATOMIC_RELAXED);
        mono = host_ns(CLOCK_MONOTONIC);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (__atomic_load_n(&self->seq, __ATOMIC_RELAXED) != seq);

    switch (clock->type) {
    case EMU_CLOCK_REALTIME:
        return manual ? frozen : mono;
    case EMU_CLOCK_HOST:
        return manual ? base + frozen : host_ns(CLOCK_REALTIME);
    default:
        return manual || !running ? frozen : mono + offset;
    }
}

static void
clocks_begin_write(EmuClocks *self)
{
    __atomic_store_n(&self->seq, self->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void
clocks_end_write(EmuClocks *self)
{
    __atomic_store_n(&self->seq, self->seq + 1, __ATOMIC_RELEASE);
}

static void
clocks_store(EmuClocks *self, int64_t *field, int64_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

/* ---- heap ------------------------------------------------------------------------------------------ */

static bool
timer_before(const EmuTimer *a, const EmuTimer *b)
{
    return a->expire_ns < b->expire_ns || (a->expire_ns == b->expire_ns && a->seq < b->seq);
}

static void
heap_put(EmuClock *c, guint i, EmuTimer *t)
{
    c->heap[i] = t;
    t->index = (gint)i;
}

static void
heap_up(EmuClock *c, guint i)
{
    EmuTimer *t = c->heap[i];

    for (; i > 0 && timer_before(t, c->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        heap_put(c, i, c->heap[(i - 1) / 2]);
    }
    heap_put(c, i, t);
}

static void
heap_down(EmuClock *c, guint i)
{
    EmuTimer *t = c->heap[i];

    for (guint child; (child = 2 * i + 1) < c->n; i = child) {
        if (child + 1 < c->n && timer_before(c->heap[child + 1], c->heap[child])) {
            child++;
        }
        if (timer_before(t, c->heap[child])) {
            break;
        }
        heap_put(c, i, c->heap[child]);
    }
    heap_put(c, i, t);
}

static void
heap_remove(EmuClock *c, EmuTimer *t)
{
    guint i = (guint)t->index;
    EmuTimer *last = c->heap[--c->n];

    t->index = -1;
    if (last != t) {
        heap_put(c, i, last);
        heap_up(c, i);
        heap_down(c, (guint)last->index);
    }
}

static void
heap_insert(EmuClock *c, EmuTimer *t)
{
    if (c->n == c->size) {
        c->size = MAX(8, c->size * 2);
        c->heap = g_renew(EmuTimer *, c->heap, c->size);
    }
    heap_put(c, c->n++, t);
    heap_up(c, c->n - 1);
}

/* ---- deadlines -------------------------------------------------------------------------------------- */

static int64_t
clock_top(EmuClock *c)
{
    return c->n ? c->heap[0]->expire_ns : NEVER;
}

static int64_t
saturating_sub(int64_t a, int64_t b)
{
    int64_t r;

    return __builtin_sub_overflow(a, b, &r) ? NEVER : r;
}

/* When on the monotonic clock; NEVER while virtual time stands. */
static int64_t
clocks_mono_deadline(EmuClocks *self)
{
    int64_t virt = MIN(clock_top(&self->clocks[EMU_CLOCK_VIRTUAL]), clock_top(&self->clocks[EMU_CLOCK_VIRTUAL_RT]));
    int64_t real = clock_top(&self->clocks[EMU_CLOCK_REALTIME]);

    if (self->manual) {
        return NEVER;
    }
    if (!self->running || virt == NEVER) {
        return real;
    }
    return MIN(real, saturating_sub(virt, self->offset));
}

static int64_t
clocks_wall_deadline(EmuClocks *self)
{
    return self->manual ? NEVER : clock_top(&self->clocks[EMU_CLOCK_HOST]);
}

static void
arm(int fd, int64_t *armed, int64_t deadline)
{
    struct itimerspec its = {0};

    if (deadline >= *armed) {
        return;
    }
    *armed = deadline;
    deadline = MAX(deadline, 1);
    its.it_value.tv_sec = deadline / EMU_NS_PER_SEC;
    its.it_value.tv_nsec = deadline % EMU_NS_PER_SEC;
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL);
}

static void
clocks_arm(EmuClocks *self)
{
    int64_t wall = clocks_wall_deadline(self);

    if (self->wall_fd < 0 && wall != NEVER) {
        self->wall_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        self->wall_tag = g_source_add_unix_fd(self->source, self->wall_fd, G_IO_IN);
    }
    arm(self->mono_fd, &self->mono_armed, clocks_mono_deadline(self));
    if (self->wall_fd >= 0) {
        arm(self->wall_fd, &self->wall_armed, wall);
    }
}

static bool
clocks_expired(EmuClocks *self)
{
    int64_t mono = clocks_mono_deadline(self);
    int64_t wall = clocks_wall_deadline(self);

    return (mono != NEVER && mono <= host_ns(CLOCK_MONOTONIC)) || (wall != NEVER && wall <= host_ns(CLOCK_REALTIME));
}

/* ---- the source --------------------------------------------------------------------------------------- */

static gboolean
timer_source_prepare(GSource *source, gint *timeout)
{
    EmuClocks *self = ((TimerSource *)source)->clocks;
    bool ready;

    *timeout = -1;
    g_mutex_lock(&self->mutex);
    ready = clocks_expired(self);
    if (!ready) {
        clocks_arm(self);
    }
    g_mutex_unlock(&self->mutex);
    return ready;
}

static void
drain(GSource *source, int fd, gpointer tag, int64_t *armed)
{
    uint64_t count;

    if (fd >= 0 && g_source_query_unix_fd(source, tag)) {
        if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != ECANCELED) {
            g_warning("timerfd: %s", g_strerror(errno));
        }
        *armed = NEVER;
    }
}

static gboolean
timer_source_check(GSource *source)
{
    EmuClocks *self = ((TimerSource *)source)->clocks;
    bool ready;

    g_mutex_lock(&self->mutex);
    drain(source, self->mono_fd, self->mono_tag, &self->mono_armed);
    drain(source, self->wall_fd, self->wall_tag, &self->wall_armed);
    ready = clocks_expired(self);
    g_mutex_unlock(&self->mutex);
    return ready;
}

/* Takes the earliest timer that is due at @now out of the heap; NULL when there is none. */
static EmuTimer *
clock_pop(EmuClock *c, int64_t now)
{
    EmuTimer *t = c->n && c->heap[0]->expire_ns <= now ? c->heap[0] : NULL;

    if (t) {
        heap_remove(c, t);
    }
    return t;
}

static gboolean
timer_source_dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
    EmuClocks *self = emu_clocks_ref(((TimerSource *)source)->clocks);
    bool entered = emu_context_enter(self->ctx);
    guint budget = TIMERS_PER_ROUND;

    for (int type = 0; type < EMU_CLOCK_N; type++) {
        EmuClock *c = &self->clocks[type];
        bool is_virtual = type == EMU_CLOCK_VIRTUAL || type == EMU_CLOCK_VIRTUAL_RT;
        int64_t now = emu_clock_get_ns(c);

        while (budget > 0 && !self->manual && (!is_virtual || self->running)) {
            EmuTimerFunc fn = NULL;
            gpointer opaque = NULL;
            EmuTimer *t;

            g_mutex_lock(&self->mutex);
            t = clock_pop(c, now);
            if (t) {
                fn = t->fn;
                opaque = t->opaque;
            }
            g_mutex_unlock(&self->mutex);
            if (!t) {
                break;
            }
            budget--;
            fn(opaque);
        }
    }
    emu_context_leave(self->ctx, entered);
    emu_clocks_unref(self);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_source_funcs = {
    .prepare = timer_source_prepare,
    .check = timer_source_check,
    .dispatch = timer_source_dispatch,
};

/* ---- clocks -------------------------------------------------------------------------------------------- */

EmuClocks *
emu_clocks_new(EmuContext *ctx)
{
    EmuClocks *self = g_new0(EmuClocks, 1);

    g_atomic_ref_count_init(&self->refs);
    g_mutex_init(&self->mutex);
    self->ctx = emu_context_ref(ctx);
    for (int i = 0; i < EMU_CLOCK_N; i++) {
        self->clocks[i].set = self;
        self->clocks[i].type = i;
    }
    self->mono_armed = NEVER;
    self->wall_armed = NEVER;
    self->wall_fd = -1;
    self->mono_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (self->mono_fd < 0) {
        g_error("timerfd: %s", g_strerror(errno));
    }
    self->source = g_source_new(&timer_source_funcs, sizeof(TimerSource));
    ((TimerSource *)self->source)->clocks = self;
    self->mono_tag = g_source_add_unix_fd(self->source, self->mono_fd, G_IO_IN);
    g_source_set_static_name(self->source, "emu-timers");
    g_source_attach(self->source, emu_context_get_main_context(ctx));
    return self;
}

EmuClocks *
emu_clocks_ref(EmuClocks *self)
{
    g_atomic_ref_count_inc(&self->refs);
    return self;
}

void
emu_clocks_unref(EmuClocks *self)
{
    if (!self || !g_atomic_ref_count_dec(&self->refs)) {
        return;
    }
    g_source_destroy(self->source);
    g_source_unref(self->source);
    close(self->mono_fd);
    if (self->wall_fd >= 0) {
        close(self->wall_fd);
    }
    for (int i = 0; i < EMU_CLOCK_N; i++) {
        g_free(self->clocks[i].heap);
    }
    emu_context_unref(self->ctx);
    g_mutex_clear(&self->mutex);
    g_free(self);
}

EmuClock *
emu_clocks_get(EmuClocks *self, EmuClockType type)
{
    g_return_val_if_fail(type < EMU_CLOCK_N, NULL);

    return &self->clocks[type];
}

bool
emu_clocks_is_running(EmuClocks *self)
{
    return __atomic_load_n(&self->running, __ATOMIC_RELAXED);
}

void
emu_clocks_set_running(EmuClocks *self, bool running)
{
    int64_t mono;

    g_mutex_lock(&self->mutex);
    if (self->running != running) {
        clocks_begin_write(self);
        mono = host_ns(CLOCK_MONOTONIC);
        if (running) {
            clocks_store(self, &self->offset, self->frozen - mono);
        } else if (!self->manual) {
            clocks_store(self, &self->frozen, mono + self->offset);
        }
        __atomic_store_n(&self->running, running, __ATOMIC_RELAXED);
        clocks_end_write(self);
        clocks_arm(self);
    }
    g_mutex_unlock(&self->mutex);
}

void
emu_clocks_set_virtual_ns(EmuClocks *self, int64_t ns)
{
    g_mutex_lock(&self->mutex);
    clocks_begin_write(self);
    clocks_store(self, &self->frozen, ns);
    clocks_store(self, &self->offset, ns - host_ns(CLOCK_MONOTONIC));
    clocks_end_write(self);
    clocks_arm(self);
    g_mutex_unlock(&self->mutex);
}

/* ---- test clock ------------------------------------------------------------------------------------------ */

void
emu_clocks_set_manual(EmuClocks *self, int64_t host)
{
    g_mutex_lock(&self->mutex);
    clocks_begin_write(self);
    clocks_store(self, &self->frozen, 0);
    clocks_store(self, &self->host_base, host);
    __atomic_store_n(&self->manual, true, __ATOMIC_RELAXED);
    clocks_end_write(self);
    g_mutex_unlock(&self->mutex);
}

bool
emu_clocks_is_manual(EmuClocks *self)
{
    return __atomic_load_n(&self->manual, __ATOMIC_RELAXED);
}

int64_t
emu_clocks_next_virtual_ns(EmuClocks *self)
{
    int64_t top;

    g_mutex_lock(&self->mutex);
    top = MIN(clock_top(&self->clocks[EMU_CLOCK_VIRTUAL]), clock_top(&self->clocks[EMU_CLOCK_VIRTUAL_RT]));
    g_mutex_unlock(&self->mutex);
    return top == NEVER ? -1 : top;
}

/* The clock whose first timer is due first, and when in virtual time. */
static EmuClock *
clocks_first(EmuClocks *self, int64_t *when)
{
    EmuClock *first = NULL;

    *when = NEVER;
    for (int i = 0; i < EMU_CLOCK_N; i++) {
        int64_t top = clock_top(&self->clocks[i]);

        if (i == EMU_CLOCK_HOST && top != NEVER) {
            top -= self->host_base;
        }
        if (top < *when || (top == *when && first && top != NEVER &&
                            self->clocks[i].heap[0]->seq < first->heap[0]->seq)) {
            *when = top;
            first = &self->clocks[i];
        }
    }
    return first;
}

static void
clocks_store_manual_now(EmuClocks *self, int64_t now)
{
    clocks_begin_write(self);
    clocks_store(self, &self->frozen, now);
    clocks_end_write(self);
}

void
emu_clocks_advance(EmuClocks *self, int64_t ns)
{
    int64_t end, when;
    bool entered;

    g_return_if_fail(self->manual && ns >= 0);

    entered = emu_context_enter(self->ctx);
    g_mutex_lock(&self->mutex);
    end = self->frozen + ns;
    for (;;) {
        EmuClock *c = clocks_first(self, &when);
        EmuTimer *t;

        if (!c || when > end) {
            break;
        }
        if (when > self->frozen) {
            clocks_store_manual_now(self, when);
        }
        t = c->heap[0];
        heap_remove(c, t);
        EmuTimerFunc fn = t->fn;
        gpointer opaque = t->opaque;
        g_mutex_unlock(&self->mutex);
        fn(opaque);
        g_mutex_lock(&self->mutex);
    }
    clocks_store_manual_now(self, end);
    g_mutex_unlock(&self->mutex);
    emu_context_leave(self->ctx, entered);
}

/* ---- timers ------------------------------------------------------------------------------------------------ */

EmuTimer *
emu_timer_new(EmuClock *clock, EmuTimerFunc fn, gpointer opaque)
{
    EmuTimer *t = g_new0(EmuTimer, 1);

    emu_clocks_ref(clock->set);
    t->clock = clock;
    t->fn = fn;
    t->opaque = opaque;
    t->index = -1;
    return t;
}

void
emu_timer_free(EmuTimer *timer)
{
    EmuClocks *set;

    if (timer) {
        set = timer->clock->set;
        emu_timer_cancel(timer);
        g_free(timer);
        emu_clocks_unref(set);
    }
}

/**
 * emu_timer_set:
 * @expire_ns: absolute time on the timer's clock; in the past: as soon as possible
 *
 * Replaces an earlier deadline.
 *
 * Since: 1.0
 */
void
emu_timer_set(EmuTimer *timer, int64_t expire_ns)
{
    EmuClock *c = timer->clock;
    EmuClocks *self = c->set;

    g_mutex_lock(&self->mutex);
    if (timer->index >= 0) {
        heap_remove(c, timer);
    }
    timer->expire_ns = MAX(expire_ns, 0);
    timer->seq = self->next_seq++;
    heap_insert(c, timer);
    if (timer->index == 0) {
        clocks_arm(self);
    }
    g_mutex_unlock(&self->mutex);
}

void
emu_timer_cancel(EmuTimer *timer)
{
    EmuClocks *self = timer->clock->set;

    g_mutex_lock(&self->mutex);
    if (timer->index >= 0) {
        heap_remove(timer->clock, timer);
    }
    g_mutex_unlock(&self->mutex);
}

bool
emu_timer_is_set(EmuTimer *timer)
{
    return __atomic_load_n(&timer->index, __ATOMIC_RELAXED) >= 0;
}

int64_t
emu_timer_expires_ns(EmuTimer *timer)
{
    EmuClocks *self = timer->clock->set;
    int64_t ns;

    g_mutex_lock(&self->mutex);
    ns = timer->index >= 0 ? timer->expire_ns : -1;
    g_mutex_unlock(&self->mutex);
    return ns;
}
