/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A mux lets several front ends share one chardev: all may write, the one in focus reads. Ctrl-A escapes:
 * h help, x end, c next front end, b break, t time stamps, Ctrl-A itself.
 */

#include "char/char-private.h"

#include <stdio.h>
#include <string.h>

#define ESCAPE 0x01

typedef struct {
    EmuChardev parent_instance;
    EmuChardev *base;
    EmuCharFrontend *below;
    EmuMachine *machine; /* borrowed */
    bool escaped;
    bool timestamps, line_start;
    gint64 timestamp_base;
} CharMux;
typedef struct {
    EmuChardevClass parent_class;
} CharMuxClass;

static GType char_mux_get_type(void);
G_DEFINE_TYPE(CharMux, char_mux, EMU_TYPE_CHARDEV)

static void
char_mux_print(CharMux *self, const char *text)
{
    emu_char_frontend_write(self->below, (const uint8_t *)text, strlen(text));
}

static void
char_mux_print_help(CharMux *self)
{
    char_mux_print(self, "\r\n"
                         "C-a h    print this help\r\n"
                         "C-a x    exit emulator\r\n"
                         "C-a t    toggle console timestamps\r\n"
                         "C-a b    send break (magic sysrq)\r\n"
                         "C-a c    switch between console and monitor\r\n"
                         "C-a C-a  sends C-a\r\n");
}

static void
char_mux_next(CharMux *self)
{
    EmuChardev *chardev = EMU_CHARDEV(self);
    GPtrArray *frontends = emu_chardev_get_frontends(chardev);
    guint index = 0;

    if (frontends->len == 0) {
        return;
    }
    g_ptr_array_find(frontends, emu_chardev_get_focus(chardev), &index);
    emu_chardev_set_focus(chardev, g_ptr_array_index(frontends, (index + 1) % frontends->len));
}

/* True when @ch is for the front end. */
static bool
char_mux_filter(CharMux *self, uint8_t ch)
{
    if (!self->escaped) {
        self->escaped = ch == ESCAPE;
        return !self->escaped;
    }
    self->escaped = false;
    switch (ch) {
    case ESCAPE:
        return true;
    case 'h':
    case '?':
        char_mux_print_help(self);
        break;
    case 'x':
        char_mux_print(self, "EMU: Terminated\r\n");
        if (self->machine) {
            emu_machine_request_exit(self->machine, 0);
        }
        break;
    case 'b':
        emu_chardev_event(EMU_CHARDEV(self), EMU_CHARDEV_BREAK);
        break;
    case 'c':
        char_mux_next(self);
        break;
    case 't':
        self->timestamps = !self->timestamps;
        self->timestamp_base = g_get_monotonic_time();
        self->line_start = false;
        break;
    }
    return false;
}

/* Hands over what waited for the front end in focus. */
static void
char_mux_flush(CharMux *self)
{
    EmuChardev *chardev = EMU_CHARDEV(self);
    EmuCharFrontend *fe = emu_chardev_get_focus(chardev);

    while (fe && fe->pending_len > 0) {
        gsize n = MIN(emu_chardev_can_receive(chardev), fe->pending_len);
        uint8_t buf[sizeof fe->pending];

        if (n == 0) {
            return;
        }
        memcpy(buf, fe->pending, n);
        memmove(fe->pending, fe->pending + n, fe->pending_len - n);
        fe->pending_len -= (guint)n;
        emu_chardev_receive(chardev, buf, n);
        if (fe != emu_chardev_get_focus(chardev)) {
            return;
        }
    }
}

/* Escapes must be seen even when the guest does not read: there is room for some bytes more than it takes. */
static gsize
char_mux_can_receive(gpointer opaque)
{
    CharMux *self = opaque;
    EmuCharFrontend *fe = emu_chardev_get_focus(EMU_CHARDEV(self));

    if (!fe) {
        return 1;
    }
    char_mux_flush(self);
    return fe->pending_len ? sizeof fe->pending - fe->pending_len : MAX(emu_chardev_can_receive(EMU_CHARDEV(self)), sizeof fe->pending);
}

static void
char_mux_receive(gpointer opaque, const uint8_t *buf, gsize len)
{
    CharMux *self = opaque;
    g_autoptr(EmuChardev) keep G_GNUC_UNUSED = g_object_ref(EMU_CHARDEV(self));

    for (gsize i = 0; i < len; i++) {
        EmuCharFrontend *fe;

        if (!char_mux_filter(self, buf[i])) {
            continue;
        }
        fe = emu_chardev_get_focus(EMU_CHARDEV(self));
        if (!fe) {
            continue;
        }
        if (fe->pending_len == 0 && emu_chardev_can_receive(EMU_CHARDEV(self)) > 0) {
            emu_chardev_receive(EMU_CHARDEV(self), &buf[i], 1);
        } else if (fe->pending_len < sizeof fe->pending) {
            fe->pending[fe->pending_len++] = buf[i];
        }
    }
}

static void
char_mux_event(gpointer opaque, EmuChardevEvent event)
{
    emu_chardev_event(opaque, event);
}

static gssize
char_mux_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    CharMux *self = (CharMux *)chardev;

    if (!self->timestamps) {
        emu_char_frontend_write(self->below, buf, len);
        return (gssize)len;
    }
    for (gsize i = 0; i < len; i++) {
        if (self->line_start) {
            gint64 ms = (g_get_monotonic_time() - self->timestamp_base) / 1000;
            char stamp[48];

            g_snprintf(stamp, sizeof stamp, "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
                       (int)(ms % 1000));
            char_mux_print(self, stamp);
        }
        emu_char_frontend_write(self->below, &buf[i], 1);
        self->line_start = buf[i] == '\n';
    }
    return (gssize)len;
}

static gsize
char_mux_queued(EmuChardev *chardev)
{
    return emu_char_frontend_queued(((CharMux *)chardev)->below);
}

static void
char_mux_accept_input(EmuChardev *chardev)
{
    CharMux *self = (CharMux *)chardev;

    char_mux_flush(self);
    emu_char_frontend_accept_input(self->below);
}

static void
char_mux_set_echo(EmuChardev *chardev, bool echo)
{
    emu_char_frontend_set_echo(((CharMux *)chardev)->below, echo);
}

static bool
char_mux_open(EmuChardev *chardev, EmuContext *ctx G_GNUC_UNUSED, GError **error)
{
    static const EmuChardevHandlers handlers = {char_mux_can_receive, char_mux_receive, char_mux_event};
    CharMux *self = (CharMux *)chardev;

    if (!self->base) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "chardev: mux: no chardev given, expected chardev=ID");
        return false;
    }
    self->below = emu_char_frontend_new(self->base, &handlers, self, error);
    if (!self->below) {
        return false;
    }
    emu_chardev_set_filename(chardev, "mux");
    return true;
}

static void
char_mux_close(EmuChardev *chardev)
{
    CharMux *self = (CharMux *)chardev;

    emu_char_frontend_free(g_steal_pointer(&self->below));
}

/* For the escapes that concern the machine. */
void
emu_char_mux_set_machine(EmuChardev *chardev, EmuMachine *machine)
{
    if (G_TYPE_CHECK_INSTANCE_TYPE(chardev, char_mux_get_type())) {
        ((CharMux *)chardev)->machine = machine;
    }
}

static void
char_mux_init(CharMux *self)
{
    emu_chardev_allow_frontends(EMU_CHARDEV(self), EMU_CHARDEV_MUX_MAX);
}

static const EmuProperty char_mux_properties[] = {
    EMU_PROP_LINK("chardev", CharMux, base, "chardev", "what is shared"),
};

static void
char_mux_class_init(CharMuxClass *klass)
{
    EmuChardevClass *chardev_class = EMU_CHARDEV_CLASS(klass);

    chardev_class->open = char_mux_open;
    chardev_class->close = char_mux_close;
    chardev_class->write = char_mux_write;
    chardev_class->queued = char_mux_queued;
    chardev_class->accept_input = char_mux_accept_input;
    chardev_class->set_echo = char_mux_set_echo;
    emu_object_class_add_properties(klass, char_mux_properties, G_N_ELEMENTS(char_mux_properties));
}

static void
char_mux_register_types(void)
{
    emu_chardev_register("chardev-mux", char_mux_get_type(), "several front ends on one chardev, Ctrl-A c switches");
}
type_init(char_mux_register_types)
