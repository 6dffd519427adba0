/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Consoles: what a display device shows, as a pixman image. */

#include "ui/ui-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <png.h>
#include <setjmp.h>
#include <string.h>

#define CONSOLES_KEY "emu-consoles"
/* More than any display of the machines; a bound on what a guest's mode set can make us allocate. */
#define SIZE_MAX_PIXELS 16384

struct _EmuConsole {
    EmuObject parent_instance;
    EmuMachine *machine; /* borrowed, may be NULL in tests */
    EmuDevice *device;   /* borrowed, may be NULL */
    unsigned head;
    const EmuConsoleOps *ops;
    gpointer opaque;
    pixman_image_t *surface;
};

G_DEFINE_TYPE(EmuConsole, emu_console, EMU_TYPE_OBJECT)

enum { SIGNAL_RESIZED, SIGNAL_DAMAGED, N_SIGNALS };
static guint signals[N_SIGNALS];

static void
emu_console_finalize(GObject *object)
{
    EmuConsole *self = EMU_CONSOLE(object);

    g_clear_pointer(&self->surface, pixman_image_unref);
    G_OBJECT_CLASS(emu_console_parent_class)->finalize(object);
}

static void
emu_console_class_init(EmuConsoleClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_console_finalize;
    /**
     * EmuConsole::resized:
     * @self: the console
     *
     * The surface is another one now.
     */
    signals[SIGNAL_RESIZED] = g_signal_new("resized", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
    /**
     * EmuConsole::damaged:
     * @self: the console
     * @x: left
     * @y: top
     * @w: width
     * @h: height
     *
     * This part of the surface has changed.
     */
    signals[SIGNAL_DAMAGED] = g_signal_new("damaged", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 4,
                                           G_TYPE_INT, G_TYPE_INT, G_TYPE_INT, G_TYPE_INT);
}

static void
emu_console_init(EmuConsole *self G_GNUC_UNUSED)
{
}

static void
console_type_init(void)
{
    emu_type_register_gtype("console", EMU_TYPE_CONSOLE);
}

type_init(console_type_init)

GPtrArray *
emu_machine_get_consoles(EmuMachine *machine)
{
    GPtrArray *consoles = g_object_get_data(G_OBJECT(machine), CONSOLES_KEY);

    if (!consoles) {
        consoles = g_ptr_array_new_with_free_func(g_object_unref);
        g_object_set_data_full(G_OBJECT(machine), CONSOLES_KEY, consoles, (GDestroyNotify)g_ptr_array_unref);
    }
    return consoles;
}

/**
 * emu_console_new:
 * @machine: (nullable): whose console it is
 * @dev: (nullable): the display device
 * @head: number of the output of @dev
 * @ops: what the device does for viewers; valid until emu_console_remove()
 * @opaque: for @ops
 *
 * Returns: (transfer none): a console, the machine's. Without a machine: (transfer full).
 */
EmuConsole *
emu_console_new(EmuMachine *machine, EmuDevice *dev, unsigned head, const EmuConsoleOps *ops, gpointer opaque)
{
    EmuConsole *self = g_object_new(EMU_TYPE_CONSOLE, NULL);

    self->machine = machine;
    self->device = dev;
    self->head = head;
    self->ops = ops;
    self->opaque = opaque;
    if (machine) {
        g_ptr_array_add(emu_machine_get_consoles(machine), self);
    }
    return self;
}

/**
 * emu_console_remove:
 * @self: a console
 *
 * The device goes away: @self calls it no more and leaves the machine's list. Viewers that hold a reference keep the
 * last picture.
 */
void
emu_console_remove(EmuConsole *self)
{
    EmuMachine *machine = self->machine;

    self->ops = NULL;
    self->opaque = NULL;
    self->device = NULL;
    self->machine = NULL;
    if (machine) {
        g_ptr_array_remove(emu_machine_get_consoles(machine), self);
    } else {
        g_object_unref(self);
    }
}

EmuConsole *
emu_machine_get_console(EmuMachine *machine, unsigned index)
{
    GPtrArray *consoles = emu_machine_get_consoles(machine);

    return index < consoles->len ? consoles->pdata[index] : NULL;
}

EmuDevice *
emu_console_get_device(EmuConsole *self)
{
    return self->device;
}

unsigned
emu_console_get_head(EmuConsole *self)
{
    return self->head;
}

void
emu_console_set_surface(EmuConsole *self, pixman_image_t *image)
{
    if (image) {
        pixman_image_ref(image);
    }
    g_clear_pointer(&self->surface, pixman_image_unref);
    self->surface = image;
    g_signal_emit(self, signals[SIGNAL_RESIZED], 0);
}

void
emu_console_resize(EmuConsole *self, unsigned width, unsigned height)
{
    pixman_image_t *image;

    if (width == 0 || height == 0 || width > SIZE_MAX_PIXELS || height > SIZE_MAX_PIXELS) {
        return;
    }
    if (self->surface && (unsigned)pixman_image_get_width(self->surface) == width &&
        (unsigned)pixman_image_get_height(self->surface) == height && pixman_image_get_format(self->surface) == PIXMAN_x8r8g8b8) {
        return;
    }
    image = pixman_image_create_bits(PIXMAN_x8r8g8b8, width, height, NULL, 0);
    if (image) {
        emu_console_set_surface(self, image);
        pixman_image_unref(image);
    }
}

pixman_image_t *
emu_console_get_surface(EmuConsole *self)
{
    return self->surface;
}

void
emu_console_damage(EmuConsole *self, int x, int y, int w, int h)
{
    int width, height;

    if (!self->surface) {
        return;
    }
    width = pixman_image_get_width(self->surface);
    height = pixman_image_get_height(self->surface);
    if (x < 0) {
        w += x;
        x = 0;
    }
    if (y < 0) {
        h += y;
        y = 0;
    }
    w = MIN(w, width - x);
    h = MIN(h, height - y);
    if (w > 0 && h > 0) {
        g_signal_emit(self, signals[SIGNAL_DAMAGED], 0, x, y, w, h);
    }
}

void
emu_console_update(EmuConsole *self)
{
    if (self->ops && self->ops->update) {
        self->ops->update(self->opaque);
    }
}

void
emu_console_invalidate(EmuConsole *self)
{
    if (self->ops && self->ops->invalidate) {
        self->ops->invalidate(self->opaque);
    }
}

/* ---- text -------------------------------------------------------------------------------------------------- */

/* Code page 437, the character set of a PC's display adapters. */
static const gunichar2 cp437_low[32] = {
    ' ',    0x263a, 0x263b, 0x2665, 0x2666, 0x2663, 0x2660, 0x2022, 0x25d8, 0x25cb, 0x25d9, 0x2642, 0x2640, 0x266a, 0x266b, 0x263c,
    0x25ba, 0x25c4, 0x2195, 0x203c, 0x00b6, 0x00a7, 0x25ac, 0x21a8, 0x2191, 0x2193, 0x2192, 0x2190, 0x221f, 0x2194, 0x25b2, 0x25bc,
};
static const gunichar2 cp437_high[129] = {
    0x2302, 0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4,
    0x00c5, 0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7,
    0x0192, 0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab,
    0x00bb, 0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b,
    0x2510, 0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c,
    0x2567, 0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590,
    0x2580, 0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5,
    0x2229, 0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0,
    0x00a0,
};

static gunichar
cp437_to_unicode(uint8_t c)
{
    return c < 32 ? cp437_low[c] : c < 127 ? c : cp437_high[c - 127];
}

/**
 * emu_console_get_text:
 * @self: a console
 *
 * Returns: (transfer full) (nullable): the rows of a text screen as UTF-8, each without the blanks at its end and with
 * a newline; %NULL in graphics modes
 */
char *
emu_console_get_text(EmuConsole *self)
{
    g_autoptr(GArray) cells = g_array_new(FALSE, TRUE, sizeof(uint16_t));
    unsigned columns = 0, rows = 0;
    GString *text;

    if (!self->ops || !self->ops->get_text || !self->ops->get_text(self->opaque, &columns, &rows, cells)) {
        return NULL;
    }
    text = g_string_new(NULL);
    for (unsigned y = 0; y < rows; y++) {
        gsize end = text->len;

        for (unsigned x = 0; x < columns && (gsize)y * columns + x < cells->len; x++) {
            gunichar c = cp437_to_unicode(g_array_index(cells, uint16_t, (gsize)y * columns + x) & 0xff);

            g_string_append_unichar(text, c);
            if (c != ' ' && c != 0xa0) {
                end = text->len;
            }
        }
        g_string_truncate(text, end);
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

/* ---- pictures ---------------------------------------------------------------------------------------------- */

static bool
write_ppm(FILE *file, const uint32_t *pixels, unsigned width, unsigned height, unsigned stride)
{
    g_autofree uint8_t *row = g_malloc(width * 3);

    fprintf(file, "P6\n%u %u\n255\n", width, height);
    for (unsigned y = 0; y < height; y++) {
        const uint32_t *p = pixels + (gsize)y * stride;

        for (unsigned x = 0; x < width; x++) {
            row[3 * x] = p[x] >> 16;
            row[3 * x + 1] = p[x] >> 8;
            row[3 * x + 2] = p[x];
        }
        if (fwrite(row, 3, width, file) != width) {
            return false;
        }
    }
    return true;
}

static bool
write_png(FILE *file, const uint32_t *pixels, unsigned width, unsigned height, unsigned stride)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return false;
    }
    if (setjmp(png_jmpbuf(png))) {
        png_destroy_write_struct(&png, &info);
        return false;
    }
    png_init_io(png, file);
    png_set_IHDR(png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    /* x8r8g8b8 is blue first in memory, with a filler after red. */
    png_set_filler(png, 0, PNG_FILLER_AFTER);
    png_set_bgr(png);
    for (unsigned y = 0; y < height; y++) {
        png_write_row(png, (png_const_bytep)(pixels + (gsize)y * stride));
    }
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return true;
}

/**
 * emu_console_screendump:
 * @self: a console
 * @filename: where to write
 * @format: "png" or "ppm"
 * @error: return location
 *
 * Brings the surface up to date and writes it. Main thread, big lock held.
 */
bool
emu_console_screendump(EmuConsole *self, const char *filename, const char *format, GError **error)
{
    pixman_image_t *image;
    unsigned width, height;
    FILE *file;
    bool is_png = g_str_equal(format, "png"), ok;
    int saved_errno;

    if (!is_png && !g_str_equal(format, "ppm")) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "unknown picture format '%s', expected png or ppm", format);
        return false;
    }
    emu_console_update(self);
    if (!self->surface) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "no surface");
        return false;
    }
    width = pixman_image_get_width(self->surface);
    height = pixman_image_get_height(self->surface);
    if (pixman_image_get_format(self->surface) == PIXMAN_x8r8g8b8) {
        image = pixman_image_ref(self->surface);
    } else {
        image = pixman_image_create_bits(PIXMAN_x8r8g8b8, width, height, NULL, 0);
        if (!image) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "no memory for a picture of %ux%u", width, height);
            return false;
        }
        pixman_image_composite32(PIXMAN_OP_SRC, self->surface, NULL, image, 0, 0, 0, 0, 0, 0, width, height);
    }
    file = g_fopen(filename, "wbe");
    if (!file) {
        saved_errno = errno;
        pixman_image_unref(image);
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "failed to open file '%s': %s", filename, g_strerror(saved_errno));
        return false;
    }
    errno = 0;
    ok = (is_png ? write_png : write_ppm)(file, pixman_image_get_data(image), width, height, pixman_image_get_stride(image) / 4);
    saved_errno = errno;
    if (fclose(file) != 0 && ok) {
        saved_errno = errno;
        ok = false;
    }
    pixman_image_unref(image);
    if (!ok) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "failed to write '%s': %s", filename, g_strerror(saved_errno));
    }
    return ok;
}
