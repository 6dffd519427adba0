/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <emu/chardev.h>
#include <emu/machine.h>

#include "qom/opts.h"

G_BEGIN_DECLS

/* Bytes that wait for a slow peer at most; what comes then is dropped and counted. */
#define EMU_CHARDEV_QUEUE_MAX (4u << 20)

struct _EmuCharFrontend {
    EmuChardev *chardev; /* NULL: writes vanish */
    EmuChardevHandlers handlers;
    gpointer opaque;
    bool told_open; /* OPENED was sent, CLOSED not since */
    guint8 pending[64]; /* a mux keeps what came while this front end could not take it */
    guint pending_len;
};

/* A mux has up to this many front ends; all others one. */
#define EMU_CHARDEV_MUX_MAX 8

/* From a type_init function. */
void emu_chardev_register(const char *name, GType type, const char *description);
void emu_chardev_allow_frontends(EmuChardev *self, guint max);
GPtrArray *emu_chardev_get_frontends(EmuChardev *self);
EmuCharFrontend *emu_chardev_get_focus(EmuChardev *self);
void emu_chardev_set_focus(EmuChardev *self, EmuCharFrontend *fe);
void emu_chardev_set_label(EmuChardev *self, const char *label);
bool emu_chardev_open(EmuChardev *self, EmuContext *ctx, GError **error);
/* Offers bytes to the back end, queueing the rest. */
void emu_chardev_write(EmuChardev *self, const uint8_t *buf, gsize len);
gsize emu_chardev_get_queued(EmuChardev *self);
gsize emu_chardev_get_dropped(EmuChardev *self);
void emu_chardev_drain(EmuChardev *self); /* waits briefly until the queue is out: before the process ends */

/* fd helpers: never block, never raise a signal. -1 with errno EAGAIN: nothing could be written now. */
gssize emu_char_write_fd(int fd, const uint8_t *buf, gsize len);

/* The common case of a back end: one fd to read from, one to write to. */
typedef struct {
    EmuChardev *chardev;
    EmuContext *ctx;
    int in, out; /* -1: none */
    bool reading, writing;
    bool eof;
    guint poll_source; /* looks again while the front end can take nothing */
    void (*hang_up)(EmuChardev *chardev);
    /* Optional filter of what was read, in place; returns how much is left. */
    gsize (*filter)(EmuChardev *chardev, uint8_t *buf, gsize len);
} EmuCharFd;

void emu_char_fd_init(EmuCharFd *self, EmuChardev *chardev, void (*hang_up)(EmuChardev *chardev));
void emu_char_fd_start(EmuCharFd *self, EmuContext *ctx, int in, int out);
void emu_char_fd_stop(EmuCharFd *self); /* does not close */
gssize emu_char_fd_write(EmuCharFd *self, const uint8_t *buf, gsize len);
void emu_char_fd_update(EmuCharFd *self); /* the front end can take more, or less */

/* terminal.c: the controlling terminal is put back whatever way the process ends. */
bool emu_terminal_set_raw(int fd, bool raw, bool signals);
void emu_terminal_restore(void);

/* options */
EmuChardev *emu_chardev_new_from_opts(EmuMachine *machine, const EmuOpts *opts, GError **error);
EmuOpts *emu_chardev_parse_compat(const char *label, const char *text, bool permit_mux, GError **error);
char *emu_chardev_help(void);

void emu_char_mux_set_machine(EmuChardev *chardev, EmuMachine *machine); /* does nothing for others */
GBytes *emu_chardev_ringbuf_read(EmuChardev *chardev, gsize max, GError **error);

G_END_DECLS
