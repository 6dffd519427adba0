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
    gsize (*queued)(EmuChardev *self); /* bytes waiting below; optional */
    EMU_RESERVED_SLOTS(7);
};
/* Back end -> front end. On the main context, big lock held. */
EMU_AVAILABLE_IN_1_0 gsize emu_chardev_can_receive(EmuChardev *self);
EMU_AVAILABLE_IN_1_0 void emu_chardev_receive(EmuChardev *self, const uint8_t *buf, gsize len); /* no more than can_receive() says now; what nobody takes is gone */
EMU_AVAILABLE_IN_1_0 void emu_chardev_event(EmuChardev *self, EmuChardevEvent event);
/* The back end, having taken less than was offered, can take more: what is queued is offered again. */
EMU_AVAILABLE_IN_1_0 void emu_chardev_writable(EmuChardev *self);
EMU_AVAILABLE_IN_1_0 EmuContext *emu_chardev_get_context(EmuChardev *self); /* the one given to open() */
/* The id= of -chardev ("serial0", "compat_monitor0" for those of other options), and what it is connected to for listings:
 * "pty:/dev/pts/3", "unix:/tmp/x,server=on", "disconnected:..." */
EMU_AVAILABLE_IN_1_0 const char *emu_chardev_get_label(EmuChardev *self);
EMU_AVAILABLE_IN_1_0 const char *emu_chardev_get_filename(EmuChardev *self); /* NULL: open() has said nothing */
EMU_AVAILABLE_IN_1_0 void emu_chardev_set_filename(EmuChardev *self, const char *filename); /* copies */
EMU_AVAILABLE_IN_1_0 bool emu_chardev_is_open(EmuChardev *self); /* a peer is there */
/* A chardev of -chardev syntax ("socket,id=x,path=/tmp/x,server=on,wait=off"), opened, on the machine of @owner (an EmuMachine);
 * it lives at /chardevs/ID. (transfer none) */
EMU_AVAILABLE_IN_1_0 EmuChardev *emu_chardev_new_from_text(gpointer owner, const char *text, GError **error);
/* The same of -serial syntax ("stdio", "mon:stdio", "unix:PATH,server=on"); NULL without @error for "none". */
EMU_AVAILABLE_IN_1_0 EmuChardev *emu_chardev_new_from_compat(gpointer owner, const char *label, const char *text, bool permit_mux, GError **error);
EMU_AVAILABLE_IN_1_0 EmuChardev *emu_chardev_find(gpointer owner, const char *id); /* by id; NULL: none */

/* Front end's side: one front end per chardev (mux excepted). Handlers run on the main context, big lock held. */
typedef struct {
    gsize (*can_receive)(gpointer opaque);
    void (*receive)(gpointer opaque, const uint8_t *buf, gsize len);
    void (*event)(gpointer opaque, EmuChardevEvent event);
    EMU_RESERVED_SLOTS(4);
} EmuChardevHandlers;
typedef struct _EmuCharFrontend EmuCharFrontend;
/* NULL and @error when the chardev is taken. @chardev may be NULL: writes vanish. */
EMU_AVAILABLE_IN_1_0 EmuCharFrontend *emu_char_frontend_new(EmuChardev *chardev, const EmuChardevHandlers *handlers, gpointer opaque, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_char_frontend_free(EmuCharFrontend *fe); /* accepts NULL; also from its own handlers */
/* Writes all, queueing what the back end cannot take now (bounded: then bytes are dropped and counted). Any thread with the big lock. */
EMU_AVAILABLE_IN_1_0 void emu_char_frontend_write(EmuCharFrontend *fe, const uint8_t *buf, gsize len);
EMU_AVAILABLE_IN_1_0 gsize emu_char_frontend_queued(EmuCharFrontend *fe); /* bytes on their way, the back end's included */
EMU_AVAILABLE_IN_1_0 void emu_char_frontend_accept_input(EmuCharFrontend *fe); /* can_receive() says more than before */
EMU_AVAILABLE_IN_1_0 void emu_char_frontend_set_echo(EmuCharFrontend *fe, bool echo); /* what the user types is shown to him, or not (passwords) */
EMU_AVAILABLE_IN_1_0 EmuChardev *emu_char_frontend_get_chardev(EmuCharFrontend *fe); /* NULL: none */

G_END_DECLS
