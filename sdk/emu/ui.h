/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Consoles (what a display device shows) and input. Surfaces are pixman images. */

#include <emu/machine.h>
#include <pixman.h>

G_BEGIN_DECLS

/* ---- consoles ---------------------------------------------------------------------------------- */

#define EMU_TYPE_CONSOLE (emu_console_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuConsole, emu_console, EMU, CONSOLE, EmuObject)

typedef struct {
    void (*update)(gpointer opaque);     /* bring the surface up to date (from VRAM) */
    void (*invalidate)(gpointer opaque); /* everything must be redrawn */
    /* Text modes: fills *cells with columns*rows uint16_t entries (char of code page 437 | attribute << 8), returns false in graphics modes. Optional. */
    bool (*get_text)(gpointer opaque, unsigned *columns, unsigned *rows, GArray *cells);
    EMU_RESERVED_SLOTS(4);
} EmuConsoleOps;

/* Device side. */
EMU_AVAILABLE_IN_1_0 EmuConsole *emu_console_new(EmuMachine *machine, EmuDevice *dev, unsigned head, const EmuConsoleOps *ops, gpointer opaque);
/* The device goes away. */
EMU_AVAILABLE_IN_1_0 void emu_console_remove(EmuConsole *self);
EMU_AVAILABLE_IN_1_0 void emu_console_resize(EmuConsole *self, unsigned width, unsigned height); /* new x8r8g8b8 surface */
EMU_AVAILABLE_IN_1_0 void emu_console_set_surface(EmuConsole *self, pixman_image_t *image); /* takes a reference */
EMU_AVAILABLE_IN_1_0 pixman_image_t *emu_console_get_surface(EmuConsole *self);
EMU_AVAILABLE_IN_1_0 void emu_console_damage(EmuConsole *self, int x, int y, int w, int h); /* pixels; what lies outside of the surface is cut off */
/* Viewer side. Signals: "resized", "damaged" (x, y, w, h). */
EMU_AVAILABLE_IN_1_0 void emu_console_update(EmuConsole *self); /* the device brings the surface up to date: before looking at it */
EMU_AVAILABLE_IN_1_0 void emu_console_invalidate(EmuConsole *self); /* all of it will be drawn again */
EMU_AVAILABLE_IN_1_0 EmuDevice *emu_console_get_device(EmuConsole *self); /* may be NULL */
EMU_AVAILABLE_IN_1_0 unsigned emu_console_get_head(EmuConsole *self);
EMU_AVAILABLE_IN_1_0 char *emu_console_get_text(EmuConsole *self); /* UTF-8 rows; NULL in graphics; (transfer full) */
EMU_AVAILABLE_IN_1_0 bool emu_console_screendump(EmuConsole *self, const char *filename, const char *format, GError **error); /* "png" | "ppm" */
EMU_AVAILABLE_IN_1_0 EmuConsole *emu_machine_get_console(EmuMachine *machine, unsigned index);

/* ---- input --------------------------------------------------------------------------------------- */

/* Key codes by QEMU's QKeyCode names: "a", "ret", "ctrl", "f1" ... The numbers are ours, stable within SDK 1. */
EMU_AVAILABLE_IN_1_0 int emu_key_from_name(const char *qcode);      /* -1: unknown */
EMU_AVAILABLE_IN_1_0 const char *emu_key_name(int key);
/* PC scan code set 1: low byte code; 0xe0xx extended; 0xe1 = pause. 0: none. */
EMU_AVAILABLE_IN_1_0 uint16_t emu_key_to_set1(int key);

typedef enum { EMU_INPUT_KEY, EMU_INPUT_BUTTON, EMU_INPUT_REL, EMU_INPUT_ABS } EmuInputKind;
typedef enum { EMU_INPUT_BUTTON_LEFT, EMU_INPUT_BUTTON_MIDDLE, EMU_INPUT_BUTTON_RIGHT, EMU_INPUT_BUTTON_WHEEL_UP, EMU_INPUT_BUTTON_WHEEL_DOWN, EMU_INPUT_BUTTON_SIDE, EMU_INPUT_BUTTON_EXTRA } EmuInputButton;
typedef enum { EMU_INPUT_AXIS_X, EMU_INPUT_AXIS_Y } EmuInputAxis;
typedef struct {
    EmuInputKind kind;
    int code;   /* key, button or axis */
    int value;  /* down 1/0; relative distance; absolute 0..32767 */
} EmuInputEvent;

typedef struct {
    const char *name;
    uint32_t mask; /* 1 << EmuInputKind */
    void (*event)(gpointer opaque, const EmuInputEvent *event);
    void (*sync)(gpointer opaque); /* end of a group; optional */
    EMU_RESERVED_SLOTS(4);
} EmuInputHandlerOps;
typedef struct _EmuInputHandler EmuInputHandler;
EMU_AVAILABLE_IN_1_0 EmuInputHandler *emu_input_handler_new(EmuMachine *machine, const EmuInputHandlerOps *ops, gpointer opaque); /* @ops are kept, not copied. Free it. */
EMU_AVAILABLE_IN_1_0 void emu_input_handler_free(EmuInputHandler *h); /* accepts NULL */
EMU_AVAILABLE_IN_1_0 void emu_input_handler_activate(EmuInputHandler *h); /* becomes the first choice for its kinds */
EMU_AVAILABLE_IN_1_0 void emu_input_send(EmuMachine *machine, const EmuInputEvent *event); /* goes to the active handler of the kind */
EMU_AVAILABLE_IN_1_0 void emu_input_sync(EmuMachine *machine); /* end of a group of events */
EMU_AVAILABLE_IN_1_0 void emu_input_send_key(EmuMachine *machine, int key, bool down); /* @key of emu_key_from_name(); main thread, big lock held */

G_END_DECLS
