/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Clocks, timers, bottom halves, descriptors, iothreads. */

#include "mainloop/mainloop-private.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define MS INT64_C(1000000)

typedef struct {
    EmuContext *ctx;
    EmuClocks *clocks;
    GString *log;
    int lock_depth;
} Fixture;

static bool
fixture_lock(gpointer opaque)
{
    Fixture *f = opaque;

    return f->lock_depth++ == 0 ? true : (f->lock_depth--, false);
}

static void
fixture_unlock(gpointer opaque)
{
    ((Fixture *)opaque)->lock_depth--;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->ctx = emu_context_new(NULL);
    emu_context_set_lock_hooks(f->ctx, fixture_lock, fixture_unlock, f);
    f->clocks = emu_clocks_new(f->ctx);
    f->log = g_string_new(NULL);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(f->lock_depth, ==, 0);
    emu_clocks_unref(f->clocks);
    emu_context_unref(f->ctx);
    g_string_free(f->log, TRUE);
}

static gboolean
tell_cb(gpointer data)
{
    *(bool *)data = true;
    return G_SOURCE_REMOVE;
}

/* Iterates until so many letters are in the log, or a minute has passed. */
static void
iterate_letters(Fixture *f, gsize n)
{
    GMainContext *main = emu_context_get_main_context(f->ctx);
    g_autoptr(GSource) patience = g_timeout_source_new_seconds(60);
    bool late = false;

    g_source_set_callback(patience, tell_cb, &late, NULL);
    g_source_attach(patience, main);
    while (f->log->len < n && !late) {
        g_main_context_iteration(main, TRUE);
    }
    g_source_destroy(patience);
}

static void
iterate_until(Fixture *f, const char *wanted)
{
    iterate_letters(f, strlen(wanted));
    g_assert_cmpstr(f->log->str, ==, wanted);
}

typedef struct {
    Fixture *f;
    EmuTimer *timer;
    EmuClock *clock;
    char letter;
    int64_t period;
    int64_t seen;
} Tick;

static void
tick_cb(gpointer opaque)
{
    Tick *t = opaque;

    g_assert_cmpint(t->f->lock_depth, ==, 1);
    t->seen = emu_clock_get_ns(t->clock);
    g_string_append_c(t->f->log, t->letter);
    if (t->period) {
        emu_timer_set(t->timer, t->seen + t->period);
    }
}

static void
tick_init(Tick *t, Fixture *f, EmuClockType type, char letter, int64_t expire, int64_t period)
{
    *t = (Tick){.f = f, .clock = emu_clocks_get(f->clocks, type), .letter = letter, .period = period};
    t->timer = emu_timer_new(t->clock, tick_cb, t);
    emu_timer_set(t->timer, expire);
}

/* ---- clocks ------------------------------------------------------------------------------------------ */

static void
test_manual(Fixture *f, gconstpointer data)
{
    Tick a, b, c, d;

    emu_clocks_set_manual(f->clocks, 1000 * EMU_NS_PER_SEC);
    tick_init(&a, f, EMU_CLOCK_VIRTUAL, 'a', 30, 0);
    tick_init(&b, f, EMU_CLOCK_VIRTUAL, 'b', 10, 15);
    tick_init(&c, f, EMU_CLOCK_REALTIME, 'c', 20, 0);
    tick_init(&d, f, EMU_CLOCK_HOST, 'd', 1000 * EMU_NS_PER_SEC + 22, 0);
    g_assert_cmpint(emu_clocks_next_virtual_ns(f->clocks), ==, 10);
    emu_clocks_advance(f->clocks, 9);
    g_assert_cmpstr(f->log->str, ==, "");
    emu_clocks_advance(f->clocks, 1);
    g_assert_cmpstr(f->log->str, ==, "b");
    g_assert_cmpint(b.seen, ==, 10);
    emu_clocks_advance(f->clocks, 40);
    g_assert_cmpstr(f->log->str, ==, "bcdbab");
    g_assert_cmpint(a.seen, ==, 30);
    g_assert_cmpint(emu_clock_get_ns(a.clock), ==, 50);
    g_assert_cmpint(emu_clock_get_ns(d.clock), ==, 1000 * EMU_NS_PER_SEC + 50);
    g_assert_false(emu_timer_is_set(a.timer));
    g_assert_cmpint(emu_timer_expires_ns(a.timer), ==, -1);
    g_assert_cmpint(emu_timer_expires_ns(b.timer), ==, 55);
    emu_timer_free(a.timer);
    emu_timer_free(b.timer);
    emu_timer_free(c.timer);
    emu_timer_free(d.timer);
    emu_timer_free(NULL);
}

static void
test_manual_equal(Fixture *f, gconstpointer data)
{
    Tick t[5];

    emu_clocks_set_manual(f->clocks, 0);
    for (int i = 0; i < 5; i++) {
        tick_init(&t[i], f, i == 2 ? EMU_CLOCK_REALTIME : EMU_CLOCK_VIRTUAL, 'a' + i, 100, 0);
    }
    emu_clocks_advance(f->clocks, 100);
    g_assert_cmpstr(f->log->str, ==, "abcde");
    for (int i = 0; i < 5; i++) {
        emu_timer_free(t[i].timer);
    }
}

static void
append_order_cb(gpointer opaque)
{
    g_array_append_val(*(GArray **)((gpointer *)opaque)[0], ((gpointer *)opaque)[1]);
}

static void
test_heap(Fixture *f, gconstpointer data)
{
    enum { N = 400 };
    EmuTimer *timers[N];
    gpointer args[N][2];
    int64_t expire[N];
    GArray *order = g_array_new(FALSE, FALSE, sizeof(gpointer));
    guint set = N;

    emu_clocks_set_manual(f->clocks, 0);
    for (int i = 0; i < N; i++) {
        args[i][0] = &order;
        args[i][1] = GINT_TO_POINTER(i);
        timers[i] = emu_timer_new(emu_clocks_get(f->clocks, EMU_CLOCK_VIRTUAL), append_order_cb, args[i]);
        emu_timer_set(timers[i], g_test_rand_int_range(0, 1000));
    }
    for (int i = 0; i < N; i++) {
        expire[i] = g_test_rand_int_range(0, 1000);
        emu_timer_set(timers[i], expire[i]);
    }
    for (int i = 0; i < N; i += 7, set--) {
        emu_timer_cancel(timers[i]);
    }
    emu_clocks_advance(f->clocks, 1000);
    g_assert_cmpuint(order->len, ==, set);
    for (guint i = 1; i < order->len; i++) {
        int a = GPOINTER_TO_INT(g_array_index(order, gpointer, i - 1));
        int b = GPOINTER_TO_INT(g_array_index(order, gpointer, i));

        g_assert_true(expire[a] < expire[b] || (expire[a] == expire[b] && a < b));
    }
    for (int i = 0; i < N; i++) {
        emu_timer_free(timers[i]);
    }
    g_array_unref(order);
}

static void
test_real(Fixture *f, gconstpointer data)
{
    EmuClock *real = emu_clocks_get(f->clocks, EMU_CLOCK_REALTIME);
    EmuClock *host = emu_clocks_get(f->clocks, EMU_CLOCK_HOST);
    int64_t start = emu_clock_get_ns(real), host_start = emu_clock_get_ns(host);
    Tick a, b, c;

    tick_init(&a, f, EMU_CLOCK_REALTIME, 'a', start + 12 * MS, 0);
    tick_init(&b, f, EMU_CLOCK_REALTIME, 'b', start + 3 * MS + 500, 0);
    tick_init(&c, f, EMU_CLOCK_HOST, 'c', host_start + 7 * MS, 0);
    iterate_letters(f, 3);
    /* On a busy host several are late together: only those of one clock keep an order. */
    g_assert_cmpuint(f->log->len, ==, 3);
    g_assert_nonnull(strchr(f->log->str, 'c'));
    g_assert_nonnull(strchr(strchr(f->log->str, 'b'), 'a'));
    g_assert_cmpint(b.seen, >=, start + 3 * MS + 500);
    g_assert_cmpint(a.seen, >=, start + 12 * MS);
    g_assert_cmpint(c.seen, >=, host_start + 7 * MS);
    emu_timer_free(a.timer);
    emu_timer_free(b.timer);
    emu_timer_free(c.timer);
}

static void
test_virtual_stops(Fixture *f, gconstpointer data)
{
    EmuClock *virt = emu_clocks_get(f->clocks, EMU_CLOCK_VIRTUAL);
    Tick a, b;
    int64_t at;

    g_assert_cmpint(emu_clock_get_ns(virt), ==, 0);
    tick_init(&a, f, EMU_CLOCK_VIRTUAL, 'v', 1, 0);
    tick_init(&b, f, EMU_CLOCK_REALTIME, 'r', emu_clock_get_ns(emu_clocks_get(f->clocks, EMU_CLOCK_REALTIME)) + 2 * MS, 0);
    iterate_until(f, "r");
    g_assert_cmpint(emu_clock_get_ns(virt), ==, 0);
    emu_clocks_set_running(f->clocks, true);
    iterate_until(f, "rv");
    emu_clocks_set_running(f->clocks, false);
    at = emu_clock_get_ns(virt);
    g_assert_cmpint(at, >, 0);
    g_usleep(2000);
    g_assert_cmpint(emu_clock_get_ns(virt), ==, at);
    emu_clocks_set_virtual_ns(f->clocks, 5 * EMU_NS_PER_SEC);
    emu_clocks_set_running(f->clocks, true);
    g_assert_cmpint(emu_clock_get_ns(virt), >=, 5 * EMU_NS_PER_SEC);
    g_assert_cmpint(emu_clock_get_ns(virt), <, 3600 * EMU_NS_PER_SEC);
    emu_timer_free(a.timer);
    emu_timer_free(b.timer);
}

typedef struct {
    EmuTimer *timer;
    EmuClock *clock;
} FromThread;

static gpointer
set_from_thread(gpointer data)
{
    FromThread *ft = data;

    g_usleep(5000);
    emu_timer_set(ft->timer, emu_clock_get_ns(ft->clock) + MS);
    return NULL;
}

/* The loop sleeps until far away when another thread sets an earlier deadline. */
static void
test_set_from_thread(Fixture *f, gconstpointer data)
{
    EmuClock *real = emu_clocks_get(f->clocks, EMU_CLOCK_REALTIME);
    int64_t start = emu_clock_get_ns(real);
    Tick far, near;
    FromThread ft;
    GThread *thread;

    tick_init(&far, f, EMU_CLOCK_REALTIME, 'f', start + 60 * EMU_NS_PER_SEC, 0);
    tick_init(&near, f, EMU_CLOCK_REALTIME, 'n', start + 50 * EMU_NS_PER_SEC, 0);
    ft = (FromThread){near.timer, real};
    thread = g_thread_new("setter", set_from_thread, &ft);
    iterate_until(f, "n");
    g_thread_join(thread);
    emu_timer_free(far.timer);
    emu_timer_free(near.timer);
}

static void
free_itself_cb(gpointer opaque)
{
    Tick *t = opaque;

    emu_timer_free(t->timer);
    g_string_append_c(t->f->log, 'x');
}

static void
test_free_itself(Fixture *f, gconstpointer data)
{
    Tick t = {.f = f};

    t.timer = emu_timer_new(emu_clocks_get(f->clocks, EMU_CLOCK_REALTIME), free_itself_cb, &t);
    emu_timer_set(t.timer, 0);
    iterate_until(f, "x");
}

/* ---- bottom halves ------------------------------------------------------------------------------------ */

typedef struct {
    Fixture *f;
    EmuBh *bh;
    int again;
    char letter;
} Half;

static void
half_cb(gpointer opaque)
{
    Half *h = opaque;

    g_assert_cmpint(h->f->lock_depth, ==, 1);
    g_string_append_c(h->f->log, h->letter);
    if (h->again-- > 0) {
        emu_bh_schedule(h->bh);
    }
}

static void
post_cb(gpointer opaque)
{
    g_string_append_c(((Fixture *)opaque)->log, 'p');
}

static void
test_bh(Fixture *f, gconstpointer data)
{
    Half a = {f, NULL, 2, 'a'}, b = {f, NULL, 0, 'b'}, c = {f, NULL, 0, 'c'};

    a.bh = emu_bh_new(f->ctx, half_cb, &a);
    b.bh = emu_bh_new(f->ctx, half_cb, &b);
    c.bh = emu_bh_new(f->ctx, half_cb, &c);
    emu_bh_schedule(a.bh);
    emu_bh_schedule(a.bh);
    emu_bh_schedule(c.bh);
    emu_context_post(f->ctx, post_cb, f);
    emu_bh_schedule(b.bh);
    emu_bh_cancel(c.bh);
    iterate_until(f, "apbaa");
    g_assert_false(g_main_context_iteration(emu_context_get_main_context(f->ctx), FALSE));
    emu_bh_schedule(c.bh);
    emu_bh_free(a.bh);
    emu_bh_free(b.bh);
    emu_bh_free(c.bh);
    emu_bh_free(NULL);
}

/* ---- descriptors ---------------------------------------------------------------------------------------- */

static void
read_cb(int fd, gpointer opaque)
{
    Fixture *f = opaque;
    char buf[16];
    ssize_t n = read(fd, buf, sizeof(buf));

    g_assert_cmpint(f->lock_depth, ==, 1);
    g_string_append_len(f->log, n > 0 ? buf : "$", n > 0 ? n : 1);
    if (n == 0) {
        emu_context_set_fd_handler(f->ctx, fd, NULL, NULL, NULL, NULL);
    }
}

static void
write_cb(int fd, gpointer opaque)
{
    Fixture *f = opaque;

    g_string_append_c(f->log, 'w');
    g_assert_cmpint(write(fd, "hi", 2), ==, 2);
    emu_context_set_fd_handler(f->ctx, fd, NULL, NULL, NULL, NULL);
}

static void
test_fd(Fixture *f, gconstpointer data)
{
    int fds[2];

    g_assert_cmpint(pipe(fds), ==, 0);
    emu_context_set_fd_handler(f->ctx, fds[0], read_cb, NULL, NULL, f);
    emu_context_set_fd_handler(f->ctx, fds[1], NULL, write_cb, NULL, f);
    iterate_until(f, "whi");
    close(fds[1]);
    iterate_until(f, "whi$");
    g_assert_false(g_main_context_iteration(emu_context_get_main_context(f->ctx), FALSE));
    close(fds[0]);
}

static void
signal_cb(int signum, gpointer opaque)
{
    g_string_append_printf(((Fixture *)opaque)->log, "%d", signum);
}

static void
test_signal(Fixture *f, gconstpointer data)
{
    g_autofree char *wanted = g_strdup_printf("%d", SIGTERM);
    GSource *source = emu_context_add_signal(f->ctx, SIGTERM, signal_cb, f);

    raise(SIGTERM);
    iterate_until(f, wanted);
    g_source_destroy(source);
    g_source_unref(source);
}

/* ---- iothread ---------------------------------------------------------------------------------------------- */

static void
tell_thread_cb(gpointer opaque)
{
    g_atomic_pointer_set((GThread **)opaque, g_thread_self());
}

static void
test_iothread(void)
{
    g_autoptr(GError) error = NULL;
    EmuObject *io = emu_object_new("iothread", &error);
    GThread *seen = NULL;

    g_assert_no_error(error);
    g_assert_null(emu_iothread_get_context(io));
    g_assert_true(emu_user_creatable_complete(io, &error));
    emu_context_post(emu_iothread_get_context(io), tell_thread_cb, &seen);
    while (!g_atomic_pointer_get(&seen)) {
        g_usleep(100);
    }
    g_assert_true(seen != g_thread_self());
    g_autofree char *id = emu_object_get_as_string(io, "thread-id", NULL);
    g_assert_cmpstr(id, !=, "0");
    g_object_unref(io);

    io = emu_object_new("iothread", NULL);
    g_assert_true(emu_user_creatable_complete(io, &error));
    g_object_unref(io);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add(path, Fixture, NULL, set_up, fn, tear_down)
    ADD("/mainloop/clock/test-clock-stops-at-each-timer", test_manual);
    ADD("/mainloop/clock/equal-deadlines-keep-order", test_manual_equal);
    ADD("/mainloop/clock/heap-keeps-order", test_heap);
    ADD("/mainloop/clock/real-timers-never-early", test_real);
    ADD("/mainloop/clock/virtual-stands-and-goes-on", test_virtual_stops);
    ADD("/mainloop/timer/set-from-another-thread", test_set_from_thread);
    ADD("/mainloop/timer/free-itself", test_free_itself);
    ADD("/mainloop/bh/once-per-round-in-order", test_bh);
    ADD("/mainloop/fd/read-write-end", test_fd);
    ADD("/mainloop/signal/becomes-a-call", test_signal);
    g_test_add_func("/mainloop/iothread/runs-posts", test_iothread);
    return g_test_run();
}
