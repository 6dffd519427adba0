/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * PS/2 keyboard (IBM PS/2 Hardware Interface Technical Reference, "Keyboard").  It speaks scan code set
 * 2 after reset; the controller translates that to set 1.
 *
 * Key repetition is the viewer's unless the keyboard is told to do it: a key that is held arrives as
 * repeated presses, which are taken for keys that repeat and dropped for others.
 */

#include "ps2.h"

#include <emu/log.h>
#include <string.h>

enum {
    KBD_CMD_SET_LEDS = 0xed,
    KBD_CMD_ECHO = 0xee,
    KBD_CMD_SCAN_SET = 0xf0,
    KBD_CMD_ID = 0xf2,
    KBD_CMD_RATE = 0xf3,
    KBD_CMD_ENABLE = 0xf4,
    KBD_CMD_DISABLE = 0xf5,
    KBD_CMD_DEFAULTS = 0xf6,
    KBD_CMD_ALL_TYPEMATIC = 0xf7,
    KBD_CMD_ALL_MAKE_BREAK = 0xf8,
    KBD_CMD_ALL_MAKE = 0xf9,
    KBD_CMD_ALL_TYPEMATIC_MAKE_BREAK = 0xfa,
    KBD_CMD_KEY_TYPEMATIC = 0xfb,
    KBD_CMD_KEY_MAKE_BREAK = 0xfc,
    KBD_CMD_KEY_MAKE = 0xfd,
    KBD_CMD_RESEND = 0xfe,
    KBD_CMD_RESET = 0xff,
};

/* Set 1 codes of the keys that are special somewhere. */
#define SET1_ALT 0x38
#define SET1_RIGHT_ALT 0xe038
#define SET1_CTRL 0x1d
#define SET1_RIGHT_CTRL 0xe01d
#define SET1_SHIFT 0x2a
#define SET1_RIGHT_SHIFT 0x36
#define SET1_PRINT 0xe037
#define SET1_SYSRQ 0x54
#define SET1_PAUSE 0xe1
#define SET1_PAUSE_LONG 0xe11d
#define SET1_BREAK 0xe046

const uint8_t ps2_set2_to_set1[128] = {
    0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
    0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
    0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
    0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
    0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
    0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
    0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
    0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
};

/* The set 2 code of a set 1 code (without prefix); 0: none. */
static uint8_t
kbd_set1_to_set2(uint8_t code)
{
    if (code == 0x41) {
        return 0x83; /* F7; 0x02 would translate alike */
    }
    if (code == SET1_SYSRQ) {
        return 0x84;
    }
    for (unsigned i = 1; i < G_N_ELEMENTS(ps2_set2_to_set1); i++) {
        if (ps2_set2_to_set1[i] == code) {
            return (uint8_t)i;
        }
    }
    return 0;
}

/* Set 3 differs from set 2 in these keys only. */
static uint8_t
kbd_set1_to_set3(uint16_t code)
{
    static const struct {
        uint16_t set1;
        uint8_t set3;
    } map[] = {
        {0x01, 0x08},   {0x3b, 0x07},   {0x3c, 0x0f},   {0x3d, 0x17},   {0x3e, 0x1f},   {0x3f, 0x27},
        {0x40, 0x2f},   {0x41, 0x37},   {0x42, 0x3f},   {0x43, 0x47},   {0x44, 0x4f},   {0x57, 0x56},
        {0x58, 0x5e},   {0xe037, 0x57}, {0x54, 0x57},   {0x46, 0x5f},   {0xe1, 0x62},   {0xe11d, 0x62},
        {0xe046, 0x62}, {0x2b, 0x5c},   {0x3a, 0x14},   {0x1d, 0x11},   {0x38, 0x19},   {0xe038, 0x39},
        {0xe01d, 0x58}, {0xe052, 0x67}, {0xe053, 0x64}, {0xe047, 0x6e}, {0xe04f, 0x65}, {0xe049, 0x6f},
        {0xe051, 0x6d}, {0xe048, 0x63}, {0xe04b, 0x61}, {0xe050, 0x60}, {0xe04d, 0x6a}, {0x45, 0x76},
        {0xe035, 0x77}, {0x37, 0x7e},   {0x4a, 0x84},   {0x4e, 0x7c},   {0xe01c, 0x79}, {0xe05b, 0x8b},
        {0xe05c, 0x8c}, {0xe05d, 0x8d}, {0x56, 0x13},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(map); i++) {
        if (map[i].set1 == code) {
            return map[i].set3;
        }
    }
    return code > 0xff ? 0 : kbd_set1_to_set2((uint8_t)code);
}

/* ---- key types ------------------------------------------------------------------------------------------- */

/* What a key does in set 3 after reset ("Scan code set 3", default key state): most repeat, without a break code. */
static uint8_t
kbd_default_type(uint8_t code)
{
    static const uint8_t make_break[] = {0x11, 0x12, 0x14, 0x19, 0x59};
    static const uint8_t make_only[] = {
        0x07, 0x08, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x39, 0x3f, 0x47, 0x4f, 0x56, 0x57, 0x58, 0x5e, 0x5f, 0x62, 0x65, 0x67,
        0x69, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x79, 0x7a, 0x7d, 0x7e, 0x84,
    };

    if (memchr(make_break, code, sizeof make_break)) {
        return PS2_KEY_BREAK;
    }
    return memchr(make_only, code, sizeof make_only) ? 0 : PS2_KEY_REPEAT;
}

static uint8_t
kbd_type(const Ps2Kbd *self, uint16_t code)
{
    if (self->set == 3) {
        uint8_t set3 = kbd_set1_to_set3(code);

        return set3 < PS2_N_TYPES ? self->types[set3] : 0;
    }
    /* In sets 1 and 2 all keys are alike but Pause, which has its break in its make. */
    return code == SET1_PAUSE || code == SET1_PAUSE_LONG || code == SET1_BREAK ? 0 : PS2_KEY_REPEAT | PS2_KEY_BREAK;
}

/* F7-FA for all keys, FB-FD for one. */
static uint8_t
kbd_type_of_command(uint8_t command)
{
    switch (command) {
    case KBD_CMD_ALL_TYPEMATIC:
    case KBD_CMD_KEY_TYPEMATIC:
        return PS2_KEY_REPEAT;
    case KBD_CMD_ALL_MAKE_BREAK:
    case KBD_CMD_KEY_MAKE_BREAK:
        return PS2_KEY_BREAK;
    case KBD_CMD_ALL_TYPEMATIC_MAKE_BREAK:
        return PS2_KEY_REPEAT | PS2_KEY_BREAK;
    default:
        return 0;
    }
}

/* ---- keys ---------------------------------------------------------------------------------------------- */

typedef struct {
    uint8_t bytes[8];
    unsigned n;
} KbdSequence;

static void
kbd_add(KbdSequence *s, uint8_t byte)
{
    if (s->n < sizeof(s->bytes)) {
        s->bytes[s->n++] = byte;
    }
}

/* One set 1 or set 2 code, with its prefix and as make or break. */
static void
kbd_add_code(const Ps2Kbd *self, KbdSequence *s, bool extended, uint8_t set1, bool down)
{
    if (extended) {
        kbd_add(s, 0xe0);
    }
    if (self->set == 1) {
        kbd_add(s, down ? set1 : set1 | 0x80);
        return;
    }
    if (!down) {
        kbd_add(s, 0xf0);
    }
    kbd_add(s, kbd_set1_to_set2(set1));
}

static void
kbd_encode(Ps2Kbd *self, uint16_t code, bool down, KbdSequence *s)
{
    if (self->set == 3) {
        uint8_t set3 = kbd_set1_to_set3(code);
        if (set3 && (down || kbd_type(self, code) & PS2_KEY_BREAK)) {
            if (!down) {
                kbd_add(s, 0xf0);
            }
            kbd_add(s, set3);
        }
        return;
    }
    switch (code) {
    case SET1_PAUSE:
    case SET1_PAUSE_LONG:
    case SET1_BREAK:
        /* Make and break at once, and nothing when the key goes up. With Ctrl it is another key. */
        if (down && self->modifiers & PS2_MOD_CTRL) {
            kbd_add_code(self, s, true, 0x46, true);
            kbd_add_code(self, s, true, 0x46, false);
        } else if (down && self->set == 1) {
            static const uint8_t pause1[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};
            for (unsigned i = 0; i < sizeof(pause1); i++) {
                kbd_add(s, pause1[i]);
            }
        } else if (down) {
            static const uint8_t pause2[] = {0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77};
            for (unsigned i = 0; i < sizeof(pause2); i++) {
                kbd_add(s, pause2[i]);
            }
        }
        break;
    case SET1_PRINT:
    case SET1_SYSRQ:
        if (self->modifiers & PS2_MOD_ALT) {
            kbd_add_code(self, s, false, SET1_SYSRQ, down);
        } else if (self->modifiers & (PS2_MOD_CTRL | PS2_MOD_SHIFT)) {
            kbd_add_code(self, s, true, 0x37, down);
        } else if (down) { /* with a shift key around it */
            kbd_add_code(self, s, true, 0x2a, true);
            kbd_add_code(self, s, true, 0x37, true);
        } else {
            kbd_add_code(self, s, true, 0x37, false);
            kbd_add_code(self, s, true, 0x2a, false);
        }
        break;
    default:
        if (code > 0xff && code >> 8 != 0xe0) {
            break;
        }
        if (self->set == 1 || kbd_set1_to_set2((uint8_t)code & 0x7f)) {
            kbd_add_code(self, s, code > 0xff, (uint8_t)code & 0x7f, down);
        }
        break;
    }
}

static void
kbd_send(Ps2Kbd *self, uint16_t code, bool down)
{
    KbdSequence s = {.n = 0};

    kbd_encode(self, code, down, &s);
    if (s.n && ps2_queue_push(&self->queue, s.bytes, s.n)) {
        self->notify(self->opaque);
    }
}

static void
kbd_track_modifiers(Ps2Kbd *self, uint16_t code, bool down)
{
    static const struct {
        uint16_t code;
        uint8_t bit;
    } map[] = {
        {SET1_ALT, PS2_MOD_ALT & 0x55},   {SET1_RIGHT_ALT, PS2_MOD_ALT & 0xaa},     {SET1_CTRL, PS2_MOD_CTRL & 0x55},
        {SET1_RIGHT_CTRL, PS2_MOD_CTRL & 0xaa}, {SET1_SHIFT, PS2_MOD_SHIFT & 0x55}, {SET1_RIGHT_SHIFT, PS2_MOD_SHIFT & 0xaa},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(map); i++) {
        if (map[i].code == code) {
            self->modifiers = down ? self->modifiers | map[i].bit : (uint8_t)(self->modifiers & ~map[i].bit);
        }
    }
}

static void
kbd_repeat_in(Ps2Kbd *self, int64_t ns)
{
    emu_timer_set(self->repeat_timer, emu_clock_get_ns(self->clock) + ns);
}

/* Delay: bits 6-5 in quarters of a second. Period: (8 + bits 2-0) * 2^(bits 4-3) * 4.17 ms. */
static void
kbd_repeat_cb(gpointer opaque)
{
    Ps2Kbd *self = opaque;

    if (self->held && self->enabled) {
        kbd_send(self, self->held, true);
        kbd_repeat_in(self, ((8 + (self->rate & 7)) << (self->rate >> 3 & 3)) * INT64_C(4170000));
    }
}

static void
kbd_input_cb(gpointer opaque, const EmuInputEvent *event)
{
    Ps2Kbd *self = opaque;
    uint16_t code = emu_key_to_set1(event->code);
    bool down = event->value != 0, again = down && code == self->held;

    kbd_track_modifiers(self, code, down);
    if (!self->enabled || code == 0) {
        return;
    }
    /* Only the key that was pressed last repeats. */
    if (again && (self->typematic || !(kbd_type(self, code) & PS2_KEY_REPEAT))) {
        return;
    }
    if (down) {
        self->held = code;
    } else if (self->held == code) {
        self->held = 0;
        emu_timer_cancel(self->repeat_timer);
    }
    kbd_send(self, code, down);
    if (down && !again && self->typematic) {
        if (kbd_type(self, code) & PS2_KEY_REPEAT) {
            kbd_repeat_in(self, ((self->rate >> 5) + 1) * INT64_C(250000000));
        } else {
            emu_timer_cancel(self->repeat_timer);
        }
    }
}

/* ---- commands ------------------------------------------------------------------------------------------------ */

static void
kbd_set_defaults(Ps2Kbd *self)
{
    self->set = 2;
    self->rate = 0x2b; /* 10.9 per second after 500 ms */
    self->command = 0;
    self->held = 0;
    emu_timer_cancel(self->repeat_timer);
    for (unsigned i = 0; i < PS2_N_TYPES; i++) {
        self->types[i] = kbd_default_type((uint8_t)i);
    }
}

static void
kbd_parameter(Ps2Kbd *self, uint8_t command, uint8_t byte)
{
    switch (command) {
    case KBD_CMD_SET_LEDS:
        self->leds = byte & 7;
        ps2_queue_reply(&self->queue, PS2_ACK);
        break;
    case KBD_CMD_RATE:
        self->rate = byte & 0x7f;
        ps2_queue_reply(&self->queue, PS2_ACK);
        break;
    case KBD_CMD_SCAN_SET:
        if (byte == 0) {
            ps2_queue_reply(&self->queue, PS2_ACK);
            ps2_queue_reply(&self->queue, self->set);
        } else if (byte <= 3) {
            self->set = byte;
            ps2_queue_reply(&self->queue, PS2_ACK);
        } else {
            ps2_queue_reply(&self->queue, PS2_RESEND);
        }
        break;
    default: /* key types of set 3: a list of keys, ended by the next command */
        if (byte < PS2_N_TYPES) {
            self->types[byte] = kbd_type_of_command(command);
        }
        self->command = command;
        ps2_queue_reply(&self->queue, PS2_ACK);
        break;
    }
}

static void
kbd_command(Ps2Kbd *self, uint8_t byte)
{
    switch (byte) {
    case KBD_CMD_ECHO:
        ps2_queue_reply(&self->queue, KBD_CMD_ECHO);
        break;
    case KBD_CMD_SET_LEDS:
    case KBD_CMD_SCAN_SET:
    case KBD_CMD_RATE:
    case KBD_CMD_KEY_TYPEMATIC ... KBD_CMD_KEY_MAKE:
        self->command = byte;
        ps2_queue_reply(&self->queue, PS2_ACK);
        break;
    case KBD_CMD_ID:
        ps2_queue_reply(&self->queue, PS2_ACK);
        ps2_queue_reply(&self->queue, 0xab);
        ps2_queue_reply(&self->queue, 0x83);
        break;
    case KBD_CMD_ENABLE:
        ps2_queue_clear_data(&self->queue);
        self->enabled = true;
        ps2_queue_reply(&self->queue, PS2_ACK);
        break;
    case KBD_CMD_DISABLE:
    case KBD_CMD_DEFAULTS:
        kbd_set_defaults(self);
        ps2_queue_clear_data(&self->queue);
        self->enabled = byte == KBD_CMD_DEFAULTS;
        ps2_queue_reply(&self->queue, PS2_ACK);
        break;
    case KBD_CMD_ALL_TYPEMATIC ... KBD_CMD_ALL_TYPEMATIC_MAKE_BREAK:
        memset(self->types, kbd_type_of_command(byte), sizeof self->types);
        ps2_queue_reply(&self->queue, PS2_ACK);
        break;
    case KBD_CMD_RESEND:
        ps2_queue_reply(&self->queue, self->queue.last);
        break;
    case KBD_CMD_RESET:
        ps2_kbd_reset(self);
        ps2_queue_reply(&self->queue, PS2_ACK);
        ps2_queue_reply(&self->queue, PS2_BAT_OK);
        break;
    default:
        emu_guest_error("ps2-kbd: unknown command 0x%02x", byte);
        ps2_queue_reply(&self->queue, PS2_RESEND);
        break;
    }
}

void
ps2_kbd_write(Ps2Kbd *self, uint8_t byte)
{
    uint8_t command = self->command;

    self->command = 0;
    if (command && byte < 0xed) {
        kbd_parameter(self, command, byte);
    } else {
        kbd_command(self, byte);
    }
    self->notify(self->opaque);
}

/* ---- life cycle ------------------------------------------------------------------------------------------------ */

void
ps2_kbd_reset(Ps2Kbd *self)
{
    ps2_queue_reset(&self->queue);
    kbd_set_defaults(self);
    self->leds = 0;
    self->modifiers = 0;
    self->enabled = true;
}

void
ps2_kbd_init(Ps2Kbd *self, EmuMachine *machine, Ps2NotifyFunc notify, gpointer opaque)
{
    static const EmuInputHandlerOps ops = {
        .name = "PS/2 keyboard",
        .mask = 1u << EMU_INPUT_KEY,
        .event = kbd_input_cb,
    };

    self->notify = notify;
    self->opaque = opaque;
    self->clock = emu_machine_get_clock(machine, EMU_CLOCK_VIRTUAL);
    self->repeat_timer = emu_timer_new(self->clock, kbd_repeat_cb, self);
    ps2_kbd_reset(self);
    self->input = emu_input_handler_new(machine, &ops, self);
}

void
ps2_kbd_finish(Ps2Kbd *self)
{
    g_clear_pointer(&self->input, emu_input_handler_free);
    g_clear_pointer(&self->repeat_timer, emu_timer_free);
}

static bool
ps2_kbd_post_load(gpointer opaque, unsigned version, GError **error)
{
    Ps2Kbd *self = opaque;

    if (self->set < 1 || self->set > 3) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "ps2-kbd: saved scan code set is %u, expected 1 to 3", self->set);
        return false;
    }
    return true;
}

static const EmuVMField ps2_kbd_fields[] = {
    EMU_VM_STRUCT(Ps2Kbd, queue, &ps2_queue_vmstate),
    EMU_VM_U8(Ps2Kbd, command),
    EMU_VM_U8(Ps2Kbd, set),
    EMU_VM_U8(Ps2Kbd, rate),
    EMU_VM_U8(Ps2Kbd, leds),
    EMU_VM_BOOL(Ps2Kbd, enabled),
    EMU_VM_U8(Ps2Kbd, modifiers),
    EMU_VM_U16(Ps2Kbd, held),
    EMU_VM_BUFFER(Ps2Kbd, types),
    EMU_VM_TIMER(Ps2Kbd, repeat_timer),
    EMU_VM_END,
};
const EmuVMState ps2_kbd_vmstate = {
    .name = "ps2-kbd",
    .version = 2,
    .minimum_version = 2,
    .fields = ps2_kbd_fields,
    .post_load = ps2_kbd_post_load,
};
