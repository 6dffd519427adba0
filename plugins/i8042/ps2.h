/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The two devices on the controller's PS/2 ports. Each has bytes to send and is told bytes. */

#include <emu/ui.h>
#include <emu/vmstate.h>

#define PS2_DATA_SIZE 128
#define PS2_REPLY_SIZE 16

/*
 * What a device has to say: answers to commands go before scan codes and packets.  New data that
 * does not fit is dropped as a whole, never in part.
 */
typedef struct {
    uint8_t data[PS2_DATA_SIZE];
    uint8_t data_head, data_count;
    uint8_t reply[PS2_REPLY_SIZE];
    uint8_t reply_head, reply_count;
    uint8_t last; /* last byte sent, for "resend" */
} Ps2Queue;

extern const EmuVMState ps2_queue_vmstate;

void ps2_queue_reset(Ps2Queue *q);
void ps2_queue_clear_data(Ps2Queue *q);
void ps2_queue_reply(Ps2Queue *q, uint8_t byte);
bool ps2_queue_push(Ps2Queue *q, const uint8_t *bytes, unsigned n);
bool ps2_queue_is_empty(const Ps2Queue *q);
uint8_t ps2_queue_pop(Ps2Queue *q);

/* Tells the controller that there may be bytes. */
typedef void (*Ps2NotifyFunc)(gpointer opaque);

/* Key types of scan code set 3. */
#define PS2_N_TYPES 0x90
#define PS2_KEY_REPEAT 0x01
#define PS2_KEY_BREAK 0x02

/* Modifier keys that are down, left and right. */
#define PS2_MOD_ALT 0x03
#define PS2_MOD_CTRL 0x0c
#define PS2_MOD_SHIFT 0x30

typedef struct {
    Ps2NotifyFunc notify;
    gpointer opaque;
    EmuInputHandler *input;
    EmuClock *clock;
    EmuTimer *repeat_timer;
    bool typematic; /* repeats by itself; else the viewer does */

    Ps2Queue queue;
    uint8_t command; /* that waits for its parameter; 0: none */
    uint8_t set;     /* scan code set 1 to 3 */
    uint8_t rate;    /* typematic rate and delay */
    uint8_t leds;
    bool enabled;
    uint8_t modifiers;
    uint16_t held; /* set 1 code of the key that was pressed last; 0: it is up again */
    uint8_t types[PS2_N_TYPES];
} Ps2Kbd;

extern const EmuVMState ps2_kbd_vmstate;

void ps2_kbd_init(Ps2Kbd *self, EmuMachine *machine, Ps2NotifyFunc notify, gpointer opaque);
void ps2_kbd_finish(Ps2Kbd *self);
void ps2_kbd_reset(Ps2Kbd *self);
void ps2_kbd_write(Ps2Kbd *self, uint8_t byte);

typedef struct {
    Ps2NotifyFunc notify;
    gpointer opaque;
    EmuInputHandler *input;

    Ps2Queue queue;
    uint8_t command;
    uint8_t status; /* remote, enabled, 2:1 scaling */
    uint8_t resolution;
    uint8_t sample_rate;
    uint8_t id;      /* 0 standard, 3 IntelliMouse, 4 IntelliMouse Explorer */
    uint8_t knock;   /* progress of the sample rate sequence that switches the ID */
    uint8_t buttons; /* now: left, right, middle, side, extra */
    uint8_t sent_buttons;
    bool wrap;
    uint32_t dx, dy, dz; /* not yet reported; signed, kept as bits */
} Ps2Mouse;

extern const EmuVMState ps2_mouse_vmstate;

void ps2_mouse_init(Ps2Mouse *self, EmuMachine *machine, Ps2NotifyFunc notify, gpointer opaque);
void ps2_mouse_finish(Ps2Mouse *self);
void ps2_mouse_reset(Ps2Mouse *self);
void ps2_mouse_write(Ps2Mouse *self, uint8_t byte);
/* The controller took bytes: there may be room for movement that waited. */
void ps2_mouse_continue(Ps2Mouse *self);

#define PS2_ACK 0xfa
#define PS2_RESEND 0xfe
#define PS2_BAT_OK 0xaa

/* The 8042's translation of scan code set 2 to set 1, bytes below 0x80. */
extern const uint8_t ps2_set2_to_set1[128];
