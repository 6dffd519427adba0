/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Character back ends: stdio, socket, file, pipe, pty, mux, null, ringbuf. */

#include <emu/mainloop.h>

G_BEGIN_DECLS

#define EMU_TYPE_CHARDEV (emu_chardev_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuChardev, emu_chardev, EMU, CHARDEV, EmuObject)

typedef enum { EMU_CHARDEV_OPENED, EMU_CHARDEV_CLOSED, EMU_CHARDEV_BREAK, EMU_CHARDEV_MUX_IN, EMU_CHARDEV_MUX_OUT } EmuChardevEvent;

/* For implementers of a back end. */
struct _EmuChardevClass {
    EmuObjectClass parent_class;
    bool (*open)(EmuChardev *self, EmuContext *ctx, GError **error); /* properties are set */
    void (*close)(EmuChardev *self);
    /* Takes up to len bytes without blocking; returns how many were taken, or -1 (errno). */
    gssize (*write)(EmuChardev *self, const uint8_t *buf, gsize len);
    void (*accept_input)(EmuChardev *self); /* the front end can take more now; optional */
    void (*set_echo)(EmuChardev *self, bool echo); /* optional */
    EMU_RESERVED_SLOTS(8);
};
/* Back end -> front end. */
EMU_AVAILABLE_IN_1_0 gsize emu_chardev_can_receive(EmuChardev *self);
EMU_AVAILABLE_IN_1_0 void emu_chardev_receive(EmuChardev *self, const uint8_t *buf, gsize len);
EMU_AVAILABLE_IN_1_0 void emu_chardev_event(EmuChardev *self, EmuChardevEvent event);

/* Front end's side: one front end per chardev (mux excepted). Handlers run on the main context, big lock held. */
typedef struct {
    gsize (*can_receive)(gpointer opaque);
    void (*receive)(gpointer opaque, const uint8_t *buf, gsize len);
    void (*event)(gpointer opaque, EmuChardevEvent event);
} EmuChardevHandlers;
typedef struct _EmuCharFrontend EmuCharFrontend;
/* NULL and @error when the chardev is taken. @chardev may be NULL: writes vanish. */
EMU_AVAILABLE_IN_1_0 EmuCharFrontend *emu_char_frontend_new(EmuChardev *chardev, const EmuChardevHandlers *handlers, gpointer opaque, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_char_frontend_free(EmuCharFrontend *fe);
/* Writes all, queueing what the back end cannot take now (bounded: then bytes are dropped and counted). Any thread with the big lock. */
EMU_AVAILABLE_IN_1_0 void emu_char_frontend_write(EmuCharFrontend *fe, const uint8_t *buf, gsize len);
EMU_AVAILABLE_IN_1_0 gsize emu_char_frontend_queued(EmuCharFrontend *fe);
EMU_AVAILABLE_IN_1_0 void emu_char_frontend_accept_input(EmuCharFrontend *fe);

G_END_DECLS
