/* SPDX-License-Identifier: @LICENSE@ */

/*
 * Character back end @TYPE@ (-chardev @TYPE@,id=...): what a front end writes comes back to it. Property "size": bytes under way.
 *
 * Replace @FUNC@_write() and @FUNC@_pump_cb() by what your bytes go to and come from; with a file descriptor, watch it with
 * emu_context_set_fd_handler(). Everything here runs on the main context with the big lock held, and never waits.
 */

#include <emu/chardev.h>
#include <emu/plugin.h>

#include <string.h>

typedef struct {
    EmuChardev parent_instance;

    uint32_t size; /* property */

    GByteArray *under_way; /* NULL: closed */
    EmuBh *pump;
} @CLASS@;

/* Hands on as much as the front end can take. It may write, close and free from its handler: so from the main loop only. */
static void
@FUNC@_pump_cb(gpointer opaque)
{
    g_autoptr(EmuChardev) chardev = g_object_ref(opaque);
    @CLASS@ *self = opaque;
    uint8_t chunk[256];
    gsize n;

    while (self->under_way && (n = MIN(MIN(emu_chardev_can_receive(chardev), sizeof(chunk)), self->under_way->len)) > 0) {
        memcpy(chunk, self->under_way->data, n);
        g_byte_array_remove_range(self->under_way, 0, (guint)n);
        emu_chardev_receive(chardev, chunk, n);
    }
    if (self->under_way) {
        emu_chardev_writable(chardev);
    }
}

static bool
@FUNC@_open(EmuChardev *chardev, EmuContext *ctx, GError **error)
{
    @CLASS@ *self = (@CLASS@ *)chardev;

    self->under_way = g_byte_array_new();
    self->pump = emu_bh_new(ctx, @FUNC@_pump_cb, self);
    emu_chardev_set_filename(chardev, "@TYPE@");
    emu_chardev_event(chardev, EMU_CHARDEV_OPENED); /* a peer is there: itself */
    return true;
}

static void
@FUNC@_close(EmuChardev *chardev)
{
    @CLASS@ *self = (@CLASS@ *)chardev;

    g_clear_pointer(&self->pump, emu_bh_free);
    g_clear_pointer(&self->under_way, g_byte_array_unref);
}

/* Takes what fits; the rest is offered again after emu_chardev_writable(). */
static gssize
@FUNC@_write(EmuChardev *chardev, const uint8_t *buf, gsize len)
{
    @CLASS@ *self = (@CLASS@ *)chardev;
    gsize n = MIN(len, self->size - self->under_way->len);

    if (n > 0) {
        g_byte_array_append(self->under_way, buf, (guint)n);
        emu_bh_schedule(self->pump);
    }
    return (gssize)n;
}

static void
@FUNC@_accept_input(EmuChardev *chardev)
{
    @CLASS@ *self = (@CLASS@ *)chardev;

    if (self->pump) {
        emu_bh_schedule(self->pump);
    }
}

static gsize
@FUNC@_queued(EmuChardev *chardev)
{
    @CLASS@ *self = (@CLASS@ *)chardev;

    return self->under_way ? self->under_way->len : 0;
}

static const EmuProperty @FUNC@_properties[] = {
    EMU_PROP_UINT32_RANGE("size", @CLASS@, size, 4096, 1, 1 << 20, "bytes under way at the most"),
};

static void
@FUNC@_class_init(gpointer klass, gconstpointer data)
{
    EmuChardevClass *chardev_class = klass;

    chardev_class->open = @FUNC@_open;
    chardev_class->close = @FUNC@_close;
    chardev_class->write = @FUNC@_write;
    chardev_class->accept_input = @FUNC@_accept_input;
    chardev_class->queued = @FUNC@_queued;
    emu_object_class_add_properties(klass, @FUNC@_properties, G_N_ELEMENTS(@FUNC@_properties));
}

EMU_DEFINE_TYPE(@CLASS@, @FUNC@, "chardev-@TYPE@", "chardev", "@NAME@: bytes come back")
EMU_PLUGIN(.name = "@NAME@", .version = "0.1.0", .license = "@LICENSE@", .description = "@NAME@: a character back end",
           .provides = "chardev-@TYPE@:chardev");
