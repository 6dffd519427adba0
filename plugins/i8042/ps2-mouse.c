/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * PS/2 mouse (IBM PS/2 Hardware Interface Technical Reference, "Mouse"), with Microsoft's IntelliMouse
 * (wheel) and IntelliMouse Explorer (wheel, five buttons) protocols.  The host knocks with sample rates:
 *
 *   200, 100, 80  ID becomes 3, packets have a fourth byte: wheel
 *   200, 200, 80  ID becomes 4, fourth byte: wheel and two buttons
 */

#include "ps2.h"

#include <emu/log.h>

enum {
    MOUSE_CMD_SCALE_1_1 = 0xe6,
    MOUSE_CMD_SCALE_2_1 = 0xe7,
    MOUSE_CMD_RESOLUTION = 0xe8,
    MOUSE_CMD_STATUS = 0xe9,
    MOUSE_CMD_STREAM = 0xea,
    MOUSE_CMD_READ = 0xeb,
    MOUSE_CMD_RESET_WRAP = 0xec,
    MOUSE_CMD_SET_WRAP = 0xee,
    MOUSE_CMD_REMOTE = 0xf0,
    MOUSE_CMD_ID = 0xf2,
    MOUSE_CMD_RATE = 0xf3,
    MOUSE_CMD_ENABLE = 0xf4,
    MOUSE_CMD_DISABLE = 0xf5,
    MOUSE_CMD_DEFAULTS = 0xf6,
    MOUSE_CMD_RESEND = 0xfe,
    MOUSE_CMD_RESET = 0xff,
};

#define MOUSE_STATUS_REMOTE 0x40
#define MOUSE_STATUS_ENABLED 0x20
#define MOUSE_STATUS_SCALE_2_1 0x10

#define MOUSE_LEFT 0x01
#define MOUSE_RIGHT 0x02
#define MOUSE_MIDDLE 0x04
#define MOUSE_SIDE 0x08
#define MOUSE_EXTRA 0x10

/* ---- packets ------------------------------------------------------------------------------------------ */

static int
mouse_take(uint32_t *counter, int min, int max)
{
    int value = CLAMP((int32_t)*counter, min, max);

    *counter -= (uint32_t)value;
    return value;
}

/* 2:1 scaling of stream mode (table in the Mouse chapter). */
static int
mouse_scale(const Ps2Mouse *self, int d)
{
    static const uint8_t small[6] = {0, 1, 1, 3, 6, 9};

    if (!(self->status & MOUSE_STATUS_SCALE_2_1)) {
        return d;
    }
    int size = ABS(d);
    size = size < 6 ? small[size] : MIN(size * 2, 127);
    return d < 0 ? -size : size;
}

/* Packet with at most 127 units per axis; the rest stays for the next one. False: no room. */
static bool
mouse_send_packet(Ps2Mouse *self, bool scaled)
{
    unsigned size = self->id ? 4 : 3;

    if ((unsigned)self->queue.data_count + size > PS2_DATA_SIZE / 2) {
        return false; /* a guest that is behind gets coarser movement, not old movement */
    }
    int dx = mouse_take(&self->dx, -127, 127), dy = -mouse_take(&self->dy, -127, 127), dz = 0;
    if (scaled) {
        dx = mouse_scale(self, dx);
        dy = mouse_scale(self, dy);
    }
    if (self->id == 3) {
        dz = mouse_take(&self->dz, -127, 127);
    } else if (self->id == 4) {
        dz = mouse_take(&self->dz, -7, 7);
    } else {
        self->dz = 0;
    }
    uint8_t packet[4] = {
        (uint8_t)(0x08 | (self->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0)),
        (uint8_t)dx,
        (uint8_t)dy,
        self->id == 4 ? (uint8_t)((dz & 0x0f) | (self->buttons & (MOUSE_SIDE | MOUSE_EXTRA)) << 1) : (uint8_t)dz,
    };
    self->sent_buttons = self->buttons;
    return ps2_queue_push(&self->queue, packet, size);
}

static bool
mouse_has_news(const Ps2Mouse *self)
{
    return self->dx || self->dy || self->dz || self->buttons != self->sent_buttons;
}

static void
mouse_stream(Ps2Mouse *self)
{
    if (!(self->status & MOUSE_STATUS_ENABLED) || self->status & MOUSE_STATUS_REMOTE || self->wrap) {
        return;
    }
    bool sent = false;
    while (mouse_has_news(self) && mouse_send_packet(self, true)) {
        sent = true;
    }
    if (sent) {
        self->notify(self->opaque);
    }
}

void
ps2_mouse_continue(Ps2Mouse *self)
{
    if (mouse_has_news(self)) {
        mouse_stream(self);
    }
}

/* ---- input -------------------------------------------------------------------------------------------------- */

static void
mouse_input_cb(gpointer opaque, const EmuInputEvent *event)
{
    Ps2Mouse *self = opaque;
    uint8_t bit = 0;

    if (event->kind == EMU_INPUT_REL) {
        /* In remote mode movement waits for the host to ask; in stream mode a disabled mouse does not count. */
        if (!(self->status & (MOUSE_STATUS_ENABLED | MOUSE_STATUS_REMOTE))) {
            return;
        }
        /* Far more than a packet can say is cut: the counters cannot overflow. */
        uint32_t *counter = event->code == EMU_INPUT_AXIS_X ? &self->dx : &self->dy;
        int64_t sum = (int64_t)(int32_t)*counter + event->value;
        *counter = (uint32_t)(int32_t)CLAMP(sum, -2048, 2048);
        return;
    }
    switch (event->code) {
    case EMU_INPUT_BUTTON_LEFT:
        bit = MOUSE_LEFT;
        break;
    case EMU_INPUT_BUTTON_RIGHT:
        bit = MOUSE_RIGHT;
        break;
    case EMU_INPUT_BUTTON_MIDDLE:
        bit = MOUSE_MIDDLE;
        break;
    case EMU_INPUT_BUTTON_SIDE:
        bit = MOUSE_SIDE;
        break;
    case EMU_INPUT_BUTTON_EXTRA:
        bit = MOUSE_EXTRA;
        break;
    case EMU_INPUT_BUTTON_WHEEL_UP:
    case EMU_INPUT_BUTTON_WHEEL_DOWN:
        if (event->value) {
            int step = event->code == EMU_INPUT_BUTTON_WHEEL_UP ? -1 : 1;
            self->dz = (uint32_t)CLAMP((int32_t)self->dz + step, -127, 127);
        }
        return;
    default:
        return;
    }
    uint8_t buttons = event->value ? self->buttons | bit : (uint8_t)(self->buttons & ~bit);
    if (buttons != self->buttons) {
        /* A press and a release within one group must both be seen. */
        if (self->buttons != self->sent_buttons) {
            mouse_stream(self);
        }
        self->buttons = buttons;
    }
}

static void
mouse_sync_cb(gpointer opaque)
{
    ps2_mouse_continue(opaque);
}

/* ---- commands -------------------------------------------------------------------------------------------------- */

static void
mouse_set_defaults(Ps2Mouse *self)
{
    self->command = 0;
    self->status = 0;
    self->resolution = 2;
    self->sample_rate = 100;
    self->knock = 0;
    self->wrap = false;
    self->dx = self->dy = self->dz = 0;
    self->sent_buttons = self->buttons;
    ps2_queue_clear_data(&self->queue);
}

static void
mouse_set_rate(Ps2Mouse *self, uint8_t rate)
{
    self->sample_rate = rate;
    if (rate == 200) {
        self->knock = self->knock == 1 ? 3 : 1;
    } else if (rate == 100 && self->knock == 1) {
        self->knock = 2;
    } else {
        if (rate == 80 && self->knock == 2) {
            self->id = 3;
        } else if (rate == 80 && self->knock == 3) {
            self->id = 4;
        }
        self->knock = 0;
    }
}

static void
mouse_command(Ps2Mouse *self, uint8_t byte)
{
    Ps2Queue *q = &self->queue;

    switch (byte) {
    case MOUSE_CMD_RESOLUTION:
    case MOUSE_CMD_RATE:
        self->command = byte;
        break;
    case MOUSE_CMD_SCALE_1_1:
        self->status &= (uint8_t)~MOUSE_STATUS_SCALE_2_1;
        break;
    case MOUSE_CMD_SCALE_2_1:
        self->status |= MOUSE_STATUS_SCALE_2_1;
        break;
    case MOUSE_CMD_STREAM:
        self->status &= (uint8_t)~MOUSE_STATUS_REMOTE;
        break;
    case MOUSE_CMD_REMOTE:
        self->status |= MOUSE_STATUS_REMOTE;
        break;
    case MOUSE_CMD_SET_WRAP:
        self->wrap = true;
        break;
    case MOUSE_CMD_RESET_WRAP:
        break;
    case MOUSE_CMD_ENABLE:
        self->status |= MOUSE_STATUS_ENABLED;
        self->sent_buttons = self->buttons; /* reports follow changes */
        break;
    case MOUSE_CMD_DISABLE:
        self->status &= (uint8_t)~MOUSE_STATUS_ENABLED;
        break;
    case MOUSE_CMD_DEFAULTS:
        mouse_set_defaults(self);
        break;
    case MOUSE_CMD_STATUS:
        ps2_queue_reply(q, PS2_ACK);
        ps2_queue_reply(q, (uint8_t)(self->status | (self->buttons & MOUSE_LEFT ? 4 : 0) |
                                     (self->buttons & MOUSE_MIDDLE ? 2 : 0) | (self->buttons & MOUSE_RIGHT ? 1 : 0)));
        ps2_queue_reply(q, self->resolution);
        ps2_queue_reply(q, self->sample_rate);
        return;
    case MOUSE_CMD_ID:
        ps2_queue_reply(q, PS2_ACK);
        ps2_queue_reply(q, self->id);
        return;
    case MOUSE_CMD_READ:
        ps2_queue_reply(q, PS2_ACK);
        ps2_queue_clear_data(q);
        mouse_send_packet(self, false);
        return;
    case MOUSE_CMD_RESEND:
        ps2_queue_reply(q, q->last);
        return;
    case MOUSE_CMD_RESET:
        ps2_mouse_reset(self);
        ps2_queue_reply(q, PS2_ACK);
        ps2_queue_reply(q, PS2_BAT_OK);
        ps2_queue_reply(q, self->id);
        return;
    default:
        emu_guest_error("ps2-mouse: unknown command 0x%02x", byte);
        ps2_queue_reply(q, PS2_RESEND);
        return;
    }
    ps2_queue_reply(q, PS2_ACK);
}

void
ps2_mouse_write(Ps2Mouse *self, uint8_t byte)
{
    uint8_t command = self->command;

    self->command = 0;
    if (self->wrap && byte != MOUSE_CMD_RESET && byte != MOUSE_CMD_RESET_WRAP) {
        ps2_queue_reply(&self->queue, byte);
    } else if (self->wrap && byte == MOUSE_CMD_RESET_WRAP) {
        self->wrap = false;
        ps2_queue_reply(&self->queue, PS2_ACK);
    } else if (command == MOUSE_CMD_RESOLUTION) {
        self->resolution = byte & 3;
        ps2_queue_reply(&self->queue, PS2_ACK);
    } else if (command == MOUSE_CMD_RATE) {
        mouse_set_rate(self, byte);
        ps2_queue_reply(&self->queue, PS2_ACK);
    } else {
        mouse_command(self, byte);
    }
    self->notify(self->opaque);
}

/* ---- life cycle ------------------------------------------------------------------------------------------------ */

void
ps2_mouse_reset(Ps2Mouse *self)
{
    ps2_queue_reset(&self->queue);
    mouse_set_defaults(self);
    self->id = 0;
}

void
ps2_mouse_init(Ps2Mouse *self, EmuMachine *machine, Ps2NotifyFunc notify, gpointer opaque)
{
    static const EmuInputHandlerOps ops = {
        .name = "PS/2 mouse",
        .mask = 1u << EMU_INPUT_BUTTON | 1u << EMU_INPUT_REL,
        .event = mouse_input_cb,
        .sync = mouse_sync_cb,
    };

    self->notify = notify;
    self->opaque = opaque;
    ps2_mouse_reset(self);
    self->input = emu_input_handler_new(machine, &ops, self);
}

void
ps2_mouse_finish(Ps2Mouse *self)
{
    g_clear_pointer(&self->input, emu_input_handler_free);
}

static bool
ps2_mouse_post_load(gpointer opaque, unsigned version, GError **error)
{
    Ps2Mouse *self = opaque;

    if (self->knock > 3 || (self->id != 0 && self->id != 3 && self->id != 4)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "ps2-mouse: saved ID is %u and sequence %u, expected 0, 3 or 4 and at most 3", self->id,
                    self->knock);
        return false;
    }
    self->dx = (uint32_t)CLAMP((int32_t)self->dx, -2048, 2048);
    self->dy = (uint32_t)CLAMP((int32_t)self->dy, -2048, 2048);
    self->dz = (uint32_t)CLAMP((int32_t)self->dz, -127, 127);
    return true;
}

static const EmuVMField ps2_mouse_fields[] = {
    EMU_VM_STRUCT(Ps2Mouse, queue, &ps2_queue_vmstate),
    EMU_VM_U8(Ps2Mouse, command),
    EMU_VM_U8(Ps2Mouse, status),
    EMU_VM_U8(Ps2Mouse, resolution),
    EMU_VM_U8(Ps2Mouse, sample_rate),
    EMU_VM_U8(Ps2Mouse, id),
    EMU_VM_U8(Ps2Mouse, knock),
    EMU_VM_U8(Ps2Mouse, buttons),
    EMU_VM_U8(Ps2Mouse, sent_buttons),
    EMU_VM_BOOL(Ps2Mouse, wrap),
    EMU_VM_U32(Ps2Mouse, dx),
    EMU_VM_U32(Ps2Mouse, dy),
    EMU_VM_U32(Ps2Mouse, dz),
    EMU_VM_END,
};
const EmuVMState ps2_mouse_vmstate = {
    .name = "ps2-mouse",
    .version = 1,
    .minimum_version = 1,
    .fields = ps2_mouse_fields,
    .post_load = ps2_mouse_post_load,
};
