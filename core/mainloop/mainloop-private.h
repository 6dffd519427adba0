/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the machine does with contexts and clocks. */

#include <emu/mainloop.h>

/* ---- contexts ----------------------------------------------------------------------------------- */

/* @main_context NULL: a new one. */
EmuContext *emu_context_new(GMainContext *main_context);
EmuContext *emu_context_ref(EmuContext *self);
void emu_context_unref(EmuContext *self); /* accepts NULL */
/* Around every handler, timer and bottom half.  @lock returns whether @unlock must follow: false when
 * the thread holds the lock already (a nested iteration). */
void emu_context_set_lock_hooks(EmuContext *self, bool (*lock)(gpointer opaque), void (*unlock)(gpointer opaque),
                                gpointer opaque);
bool emu_context_enter(EmuContext *self);
void emu_context_leave(EmuContext *self, bool entered);

/* SIGINT, SIGTERM and SIGHUP become calls on the context, with the lock held; removed with the returned source. */
typedef void (*EmuSignalFunc)(int signum, gpointer opaque);
GSource *emu_context_add_signal(EmuContext *self, int signum, EmuSignalFunc fn, gpointer opaque);

/* ---- clocks of one machine ------------------------------------------------------------------------ */

typedef struct _EmuClocks EmuClocks;

EmuClocks *emu_clocks_new(EmuContext *ctx);
EmuClocks *emu_clocks_ref(EmuClocks *self);
void emu_clocks_unref(EmuClocks *self); /* accepts NULL */
EmuClock *emu_clocks_get(EmuClocks *self, EmuClockType type);

/* The two virtual clocks stand until started; they go on where they stopped. */
void emu_clocks_set_running(EmuClocks *self, bool running);
bool emu_clocks_is_running(EmuClocks *self);
/* Sets the virtual clocks (a snapshot is loaded); timers keep their absolute times. */
void emu_clocks_set_virtual_ns(EmuClocks *self, int64_t ns);

/* Test clock: all clocks stand at what the test says, running or not.  The host clock stands at @host_ns
 * when virtual time is 0. */
void emu_clocks_set_manual(EmuClocks *self, int64_t host_ns);
bool emu_clocks_is_manual(EmuClocks *self);
/* Moves a test clock, stopping at each timer on the way to run it; the caller's thread, lock not held. */
void emu_clocks_advance(EmuClocks *self, int64_t ns);
/* Earliest timer on the virtual clocks in virtual ns; -1 when there is none. */
int64_t emu_clocks_next_virtual_ns(EmuClocks *self);
