/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* fd handlers, clocks, timers and bottom halves on a GMainContext. */

#include <emu/object.h>

G_BEGIN_DECLS

typedef struct _EmuClock EmuClock;
typedef struct _EmuTimer EmuTimer;
typedef struct _EmuBh EmuBh;

typedef enum {
    EMU_CLOCK_REALTIME,   /* monotonic host time, always runs */
    EMU_CLOCK_HOST,       /* wall clock, may jump */
    EMU_CLOCK_VIRTUAL,    /* runs with the machine */
    EMU_CLOCK_VIRTUAL_RT, /* as virtual, but never counts instructions */
    EMU_CLOCK_N
} EmuClockType;

#define EMU_NS_PER_SEC INT64_C(1000000000)

typedef void (*EmuTimerFunc)(gpointer opaque);
typedef void (*EmuFdFunc)(int fd, gpointer opaque);

EMU_AVAILABLE_IN_1_0 int64_t emu_clock_get_ns(EmuClock *clock); /* nanoseconds; any thread. Virtual clocks stand while the machine does. */

/* Timers run on the clock's main context with the machine's big lock held, earliest first, equal ones in
 * the order they were set. Any thread may set one; its function may set, cancel or free it. */
EMU_AVAILABLE_IN_1_0 EmuTimer *emu_timer_new(EmuClock *clock, EmuTimerFunc fn, gpointer opaque);
EMU_AVAILABLE_IN_1_0 void emu_timer_free(EmuTimer *timer); /* accepts NULL */
EMU_AVAILABLE_IN_1_0 void emu_timer_set(EmuTimer *timer, int64_t expire_ns); /* @expire_ns: time of its clock, not a distance; replaces what was set. In the past: as soon as may be. */
EMU_AVAILABLE_IN_1_0 void emu_timer_cancel(EmuTimer *timer); /* does not wait for a function that runs already */
EMU_AVAILABLE_IN_1_0 bool emu_timer_is_set(EmuTimer *timer);
EMU_AVAILABLE_IN_1_0 int64_t emu_timer_expires_ns(EmuTimer *timer); /* -1 when not set */

/* Muldiv with a 128-bit intermediate: a * b / c, for clock rates. */
static inline uint64_t
emu_muldiv64(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((unsigned __int128)a * b / c);
}

/* A context: the machine's main one, or an iothread's. */
typedef struct _EmuContext EmuContext;
EMU_AVAILABLE_IN_1_0 GMainContext *emu_context_get_main_context(EmuContext *ctx); /* (transfer none) */
/* Any of the handlers NULL: not wanted; all NULL: removes. Handlers run with the big lock held on the main context. */
EMU_AVAILABLE_IN_1_0 void emu_context_set_fd_handler(EmuContext *ctx, int fd, EmuFdFunc on_read, EmuFdFunc on_write, EmuFdFunc on_error, gpointer opaque);
EMU_AVAILABLE_IN_1_0 EmuBh *emu_bh_new(EmuContext *ctx, void (*fn)(gpointer opaque), gpointer opaque);
EMU_AVAILABLE_IN_1_0 void emu_bh_schedule(EmuBh *bh); /* any thread */
EMU_AVAILABLE_IN_1_0 void emu_bh_cancel(EmuBh *bh);
EMU_AVAILABLE_IN_1_0 void emu_bh_free(EmuBh *bh); /* accepts NULL; also from its own function */
/* Runs @fn once on the context's thread (big lock held on the main context). Any thread. */
EMU_AVAILABLE_IN_1_0 void emu_context_post(EmuContext *ctx, void (*fn)(gpointer opaque), gpointer opaque);
/* The context of an "iothread" object; it keeps the object's reference. NULL when it is none or not complete. */
EMU_AVAILABLE_IN_1_0 EmuContext *emu_iothread_get_context(gpointer iothread);

G_END_DECLS
