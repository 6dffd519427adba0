/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Consoles and input as the monitor and the displays of the core see them. Main thread, big lock held. */

#include <emu/ui.h>

G_BEGIN_DECLS

/* ---- keys ---------------------------------------------------------------------------------------- */
unsigned emu_key_count(void);
/* QMP's {"type": "number"}: set 1 with bit 7 for extended keys (0xc6: pause). -1: no such key. */
int emu_key_from_number(unsigned number);
/* "ctrl-alt-delete", "a", "0x1e", "less"; at most @max keys. Returns how many, -1 and @error for a bad name. */
int emu_key_parse_sequence(const char *text, int *keys, unsigned max, GError **error);
#define EMU_KEY_SEQUENCE_MAX 16

/* ---- input ------------------------------------------------------------------------------------------ */
typedef struct _EmuInput EmuInput;

/* @clock NULL: no delays (tests). @machine may be NULL. */
EmuInput *emu_input_new(EmuMachine *machine, EmuClock *clock);
void emu_input_free(EmuInput *self);
EmuInput *emu_machine_get_input(EmuMachine *machine);
EmuInputHandler *emu_input_add_handler(EmuInput *self, const EmuInputHandlerOps *ops, gpointer opaque);
void emu_input_queue_event(EmuInput *self, const EmuInputEvent *event); /* after what is still waiting */
void emu_input_queue_sync(EmuInput *self);
/* Presses the keys in order, holds them, releases them in reverse order; sequences wait for each other. False when
 * too many are waiting. */
bool emu_input_send_sequence(EmuInput *self, const int *keys, unsigned n_keys, unsigned hold_ms);
/* HMP's mouse_button: bit 0 left, 1 middle, 2 right. */
void emu_input_set_buttons(EmuInput *self, unsigned buttons);
void emu_input_move(EmuInput *self, int dx, int dy, int dz);

typedef struct {
    unsigned index;
    const char *name;
    bool current, absolute;
    EmuInputHandler *handler;
} EmuMouseInfo;
GArray *emu_input_list_mice(EmuInput *self); /* EmuMouseInfo; (transfer full) */
bool emu_input_has_handler(EmuInput *self, EmuInputKind kind);

/* ---- consoles ------------------------------------------------------------------------------------------ */
GPtrArray *emu_machine_get_consoles(EmuMachine *machine); /* (transfer none) EmuConsole */

G_END_DECLS
