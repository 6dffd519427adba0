/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * EmuChardev: a stream of bytes to somewhere, and EmuCharFrontend: the device or monitor that talks over it.
 *
 * What a back end cannot take at once waits in a queue of bounded length; emu_char_frontend_queued() tells a device when
 * to hold its transmitter. Input is only read when the front end says that it can take it.
 */

#include "char/char-private.h"

#include "mainloop/mainloop-private.h"
#include "qom/qom-private.h"

#include <string.h>

typedef struct {
    char *label, *filename;
    EmuContext *ctx;
    GPtrArray *frontends;
    guint max_frontends;
    EmuCharFrontend *focus;
    EmuCharFrontend *announced; /* who was told last that it has the focus */
    EmuBh *announce_bh;
    GByteArray *queue;
    gsize dropped;
    bool opened;  /* open() has succeeded */
    bool peer;    /* between OPENED and CLOSED */
    bool in_write;
} EmuChardevPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE(EmuChardev, emu_chardev, EMU_TYPE_OBJECT)

static EmuChardevPrivate *
chardev_priv(EmuChardev *self)
{
    return emu_chardev_get_instance_private(self);
}

static void
emu_chardev_init(EmuChardev *self)
{
    EmuChardevPrivate *priv = chardev_priv(self);

    priv->frontends = g_ptr_array_new();
    priv->max_frontends = 1;
    priv->queue = g_byte_array_new();
}

static void
emu_chardev_dispose(GObject *object)
{
    EmuChardev *self = EMU_CHARDEV(object);
    EmuChardevPrivate *priv = chardev_priv(self);

    if (priv->opened) {
        priv->opened = false;
        if (EMU_CHARDEV_GET_CLASS(self)->close) {
            EMU_CHARDEV_GET_CLASS(self)->close(self);
        }
    }
    for (guint i = 0; i < priv->frontends->len; i++) {
        EmuCharFrontend *fe = g_ptr_array_index(priv->frontends, i);

        fe->chardev = NULL;
    }
    g_ptr_array_set_size(priv->frontends, 0);
    priv->focus = NULL;
    priv->announced = NULL;
    emu_bh_free(g_steal_pointer(&priv->announce_bh));
    G_OBJECT_CLASS(emu_chardev_parent_class)->dispose(object);
}

static void
emu_chardev_finalize(GObject *object)
{
    EmuChardevPrivate *priv = chardev_priv(EMU_CHARDEV(object));

    g_ptr_array_unref(priv->frontends);
    g_byte_array_unref(priv->queue);
    g_free(priv->label);
    g_free(priv->filename);
    G_OBJECT_CLASS(emu_chardev_parent_class)->finalize(object);
}

static void
emu_chardev_class_init(EmuChardevClass *klass)
{
    G_OBJECT_CLASS(klass)->dispose = emu_chardev_dispose;
    G_OBJECT_CLASS(klass)->finalize = emu_chardev_finalize;
}

/* ---- back end's side -------------------------------------------------------------------------- */

bool
emu_chardev_open(EmuChardev *self, EmuContext *ctx, GError **error)
{
    EmuChardevPrivate *priv = chardev_priv(self);
    EmuChardevClass *klass = EMU_CHARDEV_GET_CLASS(self);

    priv->ctx = ctx;
    if (klass->open && !klass->open(self, ctx, error)) {
        return false;
    }
    priv->opened = true;
    return true;
}

/**
 * emu_chardev_can_receive:
 * @self: a chardev
 *
 * Returns: how many bytes the front end takes now; 0 when there is none
 */
gsize
emu_chardev_can_receive(EmuChardev *self)
{
    EmuCharFrontend *fe = chardev_priv(self)->focus;

    if (!fe || !fe->handlers.receive) {
        return 0;
    }
    return fe->handlers.can_receive ? fe->handlers.can_receive(fe->opaque) : 4096;
}

void
emu_chardev_receive(EmuChardev *self, const uint8_t *buf, gsize len)
{
    EmuCharFrontend *fe = chardev_priv(self)->focus;

    if (fe && fe->handlers.receive && len > 0) {
        fe->handlers.receive(fe->opaque, buf, len);
    }
}

static void
frontend_tell(EmuCharFrontend *fe, EmuChardevEvent event)
{
    if (event == EMU_CHARDEV_OPENED || event == EMU_CHARDEV_CLOSED) {
        if (fe->told_open == (event == EMU_CHARDEV_OPENED)) {
            return;
        }
        fe->told_open = event == EMU_CHARDEV_OPENED;
    }
    if (fe->handlers.event) {
        fe->handlers.event(fe->opaque, event);
    }
}

/*
 * Opening and closing concern all front ends, the rest the one in focus. A front end of a mux hears that there is a peer
 * when it first gets the focus: a monitor that nobody has switched to stays silent.
 */
void
emu_chardev_event(EmuChardev *self, EmuChardevEvent event)
{
    EmuChardevPrivate *priv = chardev_priv(self);
    g_autoptr(GPtrArray) frontends = NULL;

    if (event == EMU_CHARDEV_OPENED) {
        priv->peer = true;
    } else if (event == EMU_CHARDEV_CLOSED) {
        priv->peer = false;
        g_byte_array_set_size(priv->queue, 0);
    }
    if (event != EMU_CHARDEV_OPENED && event != EMU_CHARDEV_CLOSED) {
        if (priv->focus) {
            frontend_tell(priv->focus, event);
        }
        return;
    }
    if (event == EMU_CHARDEV_OPENED && priv->max_frontends > 1) {
        if (priv->announced) {
            frontend_tell(priv->announced, event);
        }
        return;
    }
    frontends = g_ptr_array_copy(priv->frontends, NULL, NULL);
    for (guint i = 0; i < frontends->len; i++) {
        frontend_tell(g_ptr_array_index(frontends, i), event);
    }
}

void
emu_chardev_writable(EmuChardev *self)
{
    EmuChardevPrivate *priv = chardev_priv(self);
    gssize taken;

    if (priv->in_write) {
        return;
    }
    priv->in_write = true;
    while (priv->queue->len > 0) {
        taken = EMU_CHARDEV_GET_CLASS(self)->write(self, priv->queue->data, priv->queue->len);
        if (taken <= 0) {
            break;
        }
        /* The peer may have gone during the write, and the queue with it. */
        g_byte_array_remove_range(priv->queue, 0, MIN((guint)taken, priv->queue->len));
    }
    priv->in_write = false;
}

void
emu_chardev_write(EmuChardev *self, const uint8_t *buf, gsize len)
{
    EmuChardevPrivate *priv = chardev_priv(self);
    gssize taken;

    if (!priv->opened || !EMU_CHARDEV_GET_CLASS(self)->write) {
        return;
    }
    if (priv->queue->len == 0 && !priv->in_write) {
        priv->in_write = true;
        while (len > 0 && (taken = EMU_CHARDEV_GET_CLASS(self)->write(self, buf, len)) > 0) {
            buf += taken;
            len -= (gsize)taken;
        }
        priv->in_write = false;
    }
    if (len > EMU_CHARDEV_QUEUE_MAX - priv->queue->len) {
        priv->dropped += len;
        return;
    }
    g_byte_array_append(priv->queue, buf, (guint)len);
}

gsize
emu_chardev_get_queued(EmuChardev *self)
{
    gsize below = EMU_CHARDEV_GET_CLASS(self)->queued ? EMU_CHARDEV_GET_CLASS(self)->queued(self) : 0;

    return chardev_priv(self)->queue->len + below;
}

gsize
emu_chardev_get_dropped(EmuChardev *self)
{
    return chardev_priv(self)->dropped;
}

#define DRAIN_MS 500

void
emu_chardev_drain(EmuChardev *self)
{
    EmuChardevPrivate *priv = chardev_priv(self);

    for (int ms = 0; priv->opened && priv->queue->len > 0 && ms < DRAIN_MS; ms++) {
        emu_chardev_writable(self);
        if (priv->queue->len > 0) {
            g_usleep(1000);
        }
    }
}

EmuContext *
emu_chardev_get_context(EmuChardev *self)
{
    return chardev_priv(self)->ctx;
}

const char *
emu_chardev_get_label(EmuChardev *self)
{
    return chardev_priv(self)->label;
}

void
emu_chardev_set_label(EmuChardev *self, const char *label)
{
    g_free(chardev_priv(self)->label);
    chardev_priv(self)->label = g_strdup(label);
}

const char *
emu_chardev_get_filename(EmuChardev *self)
{
    return chardev_priv(self)->filename;
}

void
emu_chardev_set_filename(EmuChardev *self, const char *filename)
{
    g_free(chardev_priv(self)->filename);
    chardev_priv(self)->filename = g_strdup(filename);
}

bool
emu_chardev_is_open(EmuChardev *self)
{
    return chardev_priv(self)->peer;
}

void
emu_chardev_allow_frontends(EmuChardev *self, guint max)
{
    chardev_priv(self)->max_frontends = max;
}

GPtrArray *
emu_chardev_get_frontends(EmuChardev *self)
{
    return chardev_priv(self)->frontends;
}

EmuCharFrontend *
emu_chardev_get_focus(EmuChardev *self)
{
    return chardev_priv(self)->focus;
}

static void
chardev_announce_cb(gpointer opaque)
{
    EmuChardevPrivate *priv = chardev_priv(opaque);
    EmuCharFrontend *before = priv->announced, *now = priv->focus;

    if (before == now) {
        return;
    }
    priv->announced = now;
    if (before) {
        frontend_tell(before, EMU_CHARDEV_MUX_OUT);
    }
    if (now && now == priv->focus) {
        frontend_tell(now, EMU_CHARDEV_MUX_IN);
    }
    if (now && now == priv->focus && priv->peer) {
        frontend_tell(now, EMU_CHARDEV_OPENED);
    }
}

/*
 * Input follows at once, the MUX events come from the main loop: while a machine is put together each new front end takes
 * the focus, and only the last one should speak.
 */
void
emu_chardev_set_focus(EmuChardev *self, EmuCharFrontend *fe)
{
    EmuChardevPrivate *priv = chardev_priv(self);

    priv->focus = fe;
    if (priv->max_frontends > 1 && priv->ctx) {
        if (!priv->announce_bh) {
            priv->announce_bh = emu_bh_new(priv->ctx, chardev_announce_cb, self);
        }
        emu_bh_schedule(priv->announce_bh);
    }
}

/* ---- front end's side -------------------------------------------------------------------------- */

/**
 * emu_char_frontend_new:
 * @chardev: (nullable): where to; kept alive
 * @handlers: copied; members may be NULL
 * @opaque: for the handlers
 *
 * Takes the chardev. When a peer is there already, the OPENED event comes before this returns. On a mux the newest front end has
 * the focus.
 *
 * Returns: (nullable): the front end, to be freed with emu_char_frontend_free(); %NULL and @error when the chardev is taken
 */
EmuCharFrontend *
emu_char_frontend_new(EmuChardev *chardev, const EmuChardevHandlers *handlers, gpointer opaque, GError **error)
{
    EmuChardevPrivate *priv = chardev ? chardev_priv(chardev) : NULL;
    EmuCharFrontend *fe;

    if (priv && priv->frontends->len >= priv->max_frontends) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "chardev '%s' is already in use%s", priv->label ? priv->label : "",
                    priv->max_frontends > 1 ? " by as many as it can take" : ", expected one with mux=on to share it");
        return NULL;
    }
    fe = g_new0(EmuCharFrontend, 1);
    fe->opaque = opaque;
    if (handlers) {
        fe->handlers = *handlers;
    }
    if (!chardev) {
        return fe;
    }
    fe->chardev = g_object_ref(chardev);
    g_ptr_array_add(priv->frontends, fe);
    emu_chardev_set_focus(chardev, fe);
    if (priv->peer && priv->max_frontends == 1) {
        frontend_tell(fe, EMU_CHARDEV_OPENED);
    }
    emu_char_frontend_accept_input(fe);
    return fe;
}

void
emu_char_frontend_free(EmuCharFrontend *fe)
{
    if (!fe) {
        return;
    }
    if (fe->chardev) {
        EmuChardevPrivate *priv = chardev_priv(fe->chardev);

        g_ptr_array_remove(priv->frontends, fe);
        if (priv->announced == fe) {
            priv->announced = NULL;
        }
        if (priv->focus == fe) {
            emu_chardev_set_focus(fe->chardev, priv->frontends->len ? g_ptr_array_index(priv->frontends, priv->frontends->len - 1) : NULL);
        }
        g_object_unref(fe->chardev);
    }
    g_free(fe);
}

void
emu_char_frontend_write(EmuCharFrontend *fe, const uint8_t *buf, gsize len)
{
    if (fe && fe->chardev) {
        emu_chardev_write(fe->chardev, buf, len);
    }
}

gsize
emu_char_frontend_queued(EmuCharFrontend *fe)
{
    return fe && fe->chardev ? emu_chardev_get_queued(fe->chardev) : 0;
}

/* Tells the back end that can_receive() may have grown. */
void
emu_char_frontend_accept_input(EmuCharFrontend *fe)
{
    if (fe && fe->chardev && EMU_CHARDEV_GET_CLASS(fe->chardev)->accept_input) {
        EMU_CHARDEV_GET_CLASS(fe->chardev)->accept_input(fe->chardev);
    }
}

void
emu_char_frontend_set_echo(EmuCharFrontend *fe, bool echo)
{
    if (fe && fe->chardev && EMU_CHARDEV_GET_CLASS(fe->chardev)->set_echo) {
        EMU_CHARDEV_GET_CLASS(fe->chardev)->set_echo(fe->chardev, echo);
    }
}

EmuChardev *
emu_char_frontend_get_chardev(EmuCharFrontend *fe)
{
    return fe ? fe->chardev : NULL;
}

void
emu_chardev_register(const char *name, GType type, const char *description)
{
    emu_type_register_gtype(name, type);
    emu_type_describe_gtype(type, description);
}

static void
chardev_register_types(void)
{
    emu_chardev_register("chardev", EMU_TYPE_CHARDEV, "a stream of bytes to somewhere");
}
type_init(chardev_register_types)
