/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a machine's display shows, and timers on its virtual clock. */

#include "script/script-private.h"

#include <emu/ui.h>
#include <string.h>

struct _EmuScriptScreen {
    GObject parent_instance;
    EmuScriptMachine *machine;
    guint index;
};

/**
 * EmuScriptScreen:
 *
 * A display of a machine: pixels, and text where it shows text.
 */
G_DEFINE_FINAL_TYPE(EmuScriptScreen, emu_script_screen, G_TYPE_OBJECT)

static void
emu_script_screen_finalize(GObject *object)
{
    g_clear_object(&EMU_SCRIPT_SCREEN(object)->machine);
    G_OBJECT_CLASS(emu_script_screen_parent_class)->finalize(object);
}

static void
emu_script_screen_class_init(EmuScriptScreenClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_screen_finalize;
}

static void
emu_script_screen_init(EmuScriptScreen *self G_GNUC_UNUSED)
{
}

/**
 * emu_script_screen_new: (constructor)
 * @machine: a machine that is realized
 * @index: from 0
 * @error: return location
 *
 * One of its displays.
 *
 * Returns: (transfer full): the screen
 */
EmuScriptScreen *
emu_script_screen_new(EmuScriptMachine *machine, guint index, GError **error)
{
    bool locked;
    EmuMachine *core = script_machine_enter(machine, &locked, error);
    EmuScriptScreen *self = NULL;

    if (!core) {
        return NULL;
    }
    if (emu_machine_get_console(core, index)) {
        self = g_object_new(EMU_SCRIPT_TYPE_SCREEN, NULL);
        self->machine = g_object_ref(machine);
        self->index = index;
    } else {
        script_set_error(error, NOT_FOUND, "/machine.screen: there is no display %u", index);
    }
    script_machine_leave(core, locked);
    return self;
}

typedef struct {
    EmuScriptScreen *screen;
    guint width, height;
    guint8 *pixels;
    gsize n;
    char *text;
    const char *path;
    bool want_text;
} Look;

static bool
look_on_thread(EmuScriptMachine *self, gpointer data, GError **error)
{
    Look *look = data;
    EmuConsole *console = self->machine ? emu_machine_get_console(self->machine, look->screen->index) : NULL;
    pixman_image_t *image, *rgb;
    GError *core = NULL;

    if (!console) {
        script_set_error(error, CLOSED, "/machine.screen: the machine is closed, or the display gone");
        return false;
    }
    emu_console_update(console);
    if (look->want_text) {
        look->text = emu_console_get_text(console);
        return true;
    }
    if (look->path) {
        if (!emu_console_screendump(console, look->path, "png", &core)) {
            return script_error_take(error, core, "/machine", "screen");
        }
        return true;
    }
    image = emu_console_get_surface(console);
    if (!image) {
        script_set_error(error, WRONG_STATE, "/machine.screen: shows nothing yet");
        return false;
    }
    look->width = (guint)pixman_image_get_width(image);
    look->height = (guint)pixman_image_get_height(image);
    rgb = pixman_image_create_bits(PIXMAN_x8r8g8b8, (int)look->width, (int)look->height, NULL, 0);
    if (!rgb) {
        script_set_error(error, FAILED, "/machine.screen: no room for %u x %u pixels", look->width, look->height);
        return false;
    }
    pixman_image_composite32(PIXMAN_OP_SRC, image, NULL, rgb, 0, 0, 0, 0, 0, 0, (int)look->width, (int)look->height);
    look->n = (gsize)look->width * look->height * 3;
    look->pixels = g_malloc(look->n ? look->n : 1);
    for (guint y = 0; y < look->height; y++) {
        const uint32_t *row = pixman_image_get_data(rgb) + (gsize)y * (gsize)(pixman_image_get_stride(rgb) / 4);
        guint8 *out = look->pixels + (gsize)y * look->width * 3;

        for (guint x = 0; x < look->width; x++, out += 3) {
            out[0] = (guint8)(row[x] >> 16);
            out[1] = (guint8)(row[x] >> 8);
            out[2] = (guint8)row[x];
        }
    }
    pixman_image_unref(rgb);
    return true;
}

static bool
look(Look *look, GError **error)
{
    EmuScriptMachine *machine = look->screen->machine;

    return script_machine_check(machine, error) && script_machine_call(machine, look_on_thread, look, error);
}

/**
 * emu_script_screen_get_pixels:
 * @self: a screen
 * @width: (out): pixels in a row
 * @height: (out): rows
 * @n_data: (out): how many bytes
 * @error: return location
 *
 * What it shows now.
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer full): red, green and blue of each pixel, row by row
 */
guint8 *
emu_script_screen_get_pixels(EmuScriptScreen *self, guint *width, guint *height, gsize *n_data, GError **error)
{
    Look l = {.screen = self};

    *width = *height = 0;
    *n_data = 0;
    if (!look(&l, error)) {
        return NULL;
    }
    *width = l.width;
    *height = l.height;
    *n_data = l.n;
    return l.pixels;
}

/**
 * emu_script_screen_get_text:
 * @self: a screen
 * @error: return location
 *
 * What it shows in text mode.
 *
 * Returns: (transfer full) (nullable): the rows; %NULL without @error when it shows graphics
 */
char *
emu_script_screen_get_text(EmuScriptScreen *self, GError **error)
{
    Look l = {.screen = self, .want_text = true};

    return look(&l, error) ? l.text : NULL;
}

/**
 * emu_script_screen_save_png:
 * @self: a screen
 * @path: (type filename): a file to write
 * @error: return location
 *
 * Writes what it shows now to a file.
 *
 * Returns: whether it could
 */
gboolean
emu_script_screen_save_png(EmuScriptScreen *self, const char *path, GError **error)
{
    Look l = {.screen = self, .path = path};

    return look(&l, error);
}

/* ---- timers -------------------------------------------------------------------------------------------------- */

struct _EmuScriptTimer {
    GObject parent_instance;
    EmuScriptMachine *machine;
    EmuTimer *timer; /* made when first set */
    EmuScriptTimerFunc func;
    gpointer user_data;
    GDestroyNotify destroy;
};

/**
 * EmuScriptTimer:
 *
 * A function to be called at a point of virtual time.
 */
G_DEFINE_FINAL_TYPE(EmuScriptTimer, emu_script_timer, G_TYPE_OBJECT)

static void
timer_cb(gpointer opaque)
{
    g_autoptr(EmuScriptTimer) self = g_object_ref(EMU_SCRIPT_TIMER(opaque));

    self->func(self, self->user_data);
}

static void
emu_script_timer_finalize(GObject *object)
{
    EmuScriptTimer *self = EMU_SCRIPT_TIMER(object);

    if (self->timer) {
        bool locked;
        EmuMachine *machine = script_machine_enter(self->machine, &locked, NULL);

        if (machine) {
            emu_timer_free(g_steal_pointer(&self->timer));
            g_ptr_array_remove_fast(self->machine->timers, self);
            script_machine_leave(machine, locked);
        }
    }
    if (self->destroy) {
        self->destroy(self->user_data);
    }
    g_object_unref(self->machine);
    G_OBJECT_CLASS(emu_script_timer_parent_class)->finalize(object);
}

void
script_timers_drop(EmuScriptMachine *self)
{
    for (guint i = 0; i < self->timers->len; i++) {
        EmuScriptTimer *timer = g_ptr_array_index(self->timers, i);

        emu_timer_free(g_steal_pointer(&timer->timer));
    }
    g_ptr_array_set_size(self->timers, 0);
}

static void
emu_script_timer_class_init(EmuScriptTimerClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_timer_finalize;
}

static void
emu_script_timer_init(EmuScriptTimer *self G_GNUC_UNUSED)
{
}

/**
 * emu_script_timer_new: (constructor)
 * @machine: a machine
 * @func: (scope notified) (closure user_data): what to call
 * @user_data: for @func
 * @destroy: (destroy user_data): called when the timer goes
 *
 * A timer on the machine's virtual clock, not set yet. It works as long as it is held.
 *
 * Returns: (transfer full): the timer
 */
EmuScriptTimer *
emu_script_timer_new(EmuScriptMachine *machine, EmuScriptTimerFunc func, gpointer user_data, GDestroyNotify destroy)
{
    EmuScriptTimer *self = g_object_new(EMU_SCRIPT_TYPE_TIMER, NULL);

    self->machine = g_object_ref(machine);
    self->func = func;
    self->user_data = user_data;
    self->destroy = destroy;
    return self;
}

/**
 * emu_script_timer_set:
 * @self: a timer
 * @delay_ns: virtual nanoseconds from now; what was set before is forgotten
 * @error: return location
 *
 * Sets it.
 *
 * Returns: whether the machine is there
 */
gboolean
emu_script_timer_set(EmuScriptTimer *self, gint64 delay_ns, GError **error)
{
    bool locked;
    EmuMachine *machine = script_machine_enter(self->machine, &locked, error);
    EmuClock *clock;

    if (!machine) {
        return FALSE;
    }
    clock = emu_machine_get_clock(machine, EMU_CLOCK_VIRTUAL);
    if (!self->timer) {
        self->timer = emu_timer_new(clock, timer_cb, self);
        g_ptr_array_add(self->machine->timers, self);
    }
    emu_timer_set(self->timer, emu_clock_get_ns(clock) + MAX(delay_ns, 0));
    script_machine_leave(machine, locked);
    return TRUE;
}

/**
 * emu_script_timer_cancel:
 * @self: a timer
 *
 * Forgets what it was set to.
 */
void
emu_script_timer_cancel(EmuScriptTimer *self)
{
    bool locked;
    EmuMachine *machine = script_machine_enter(self->machine, &locked, NULL);

    if (machine) {
        if (self->timer) {
            emu_timer_cancel(self->timer);
        }
        script_machine_leave(machine, locked);
    }
}

/**
 * emu_script_timer_get_expires_ns:
 * @self: a timer
 *
 * The virtual time that it is set to.
 *
 * Returns: nanoseconds; -1: it is not set
 */
gint64
emu_script_timer_get_expires_ns(EmuScriptTimer *self)
{
    bool locked;
    EmuMachine *machine = script_machine_enter(self->machine, &locked, NULL);
    gint64 expires = -1;

    if (machine) {
        expires = self->timer ? emu_timer_expires_ns(self->timer) : -1;
        script_machine_leave(machine, locked);
    }
    return expires;
}
