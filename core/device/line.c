/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lines: one end of a wire each.
 *
 * An output holds the inputs that it drives in an array, an input the outputs that drive it; both are borrowed
 * and cut when either end leaves its tree.  Driving walks the array: no allocation, no look-up.
 */

#include "device/device-private.h"

struct _EmuLine {
    EmuObject parent_instance;
    EmuLineFunc fn; /* inputs */
    gpointer opaque;
    unsigned index;
    bool output;
    bool shared; /* an output: its inputs see it together with the other shared ones */
    int level;
    unsigned n_peers;
    EmuLine **peers;
    GArray *observers; /* of Observer; NULL: none */
};

typedef struct {
    EmuLineObserverFunc fn;
    gpointer opaque;
} Observer;

G_DEFINE_FINAL_TYPE(EmuLine, emu_line, EMU_TYPE_OBJECT)

static void
line_remove_peer(EmuLine *self, EmuLine *peer)
{
    for (unsigned i = 0; i < self->n_peers; i++) {
        if (self->peers[i] == peer) {
            self->n_peers--;
            for (; i < self->n_peers; i++) {
                self->peers[i] = self->peers[i + 1];
            }
            return;
        }
    }
}

static void
line_cut(EmuLine *self)
{
    while (self->n_peers) {
        EmuLine *peer = self->peers[self->n_peers - 1];

        line_remove_peer(peer, self);
        self->n_peers--;
    }
}

static void
emu_line_unparent(EmuObject *object)
{
    EmuLine *self = EMU_LINE(object);

    /* The owner goes, and with it what the function works on. */
    line_cut(self);
    self->fn = NULL;
    if (EMU_OBJECT_CLASS(emu_line_parent_class)->unparent) {
        EMU_OBJECT_CLASS(emu_line_parent_class)->unparent(object);
    }
}

static void
emu_line_finalize(GObject *object)
{
    EmuLine *self = EMU_LINE(object);

    line_cut(self);
    g_free(self->peers);
    g_clear_pointer(&self->observers, g_array_unref);
    G_OBJECT_CLASS(emu_line_parent_class)->finalize(object);
}

static void
emu_line_class_init(EmuLineClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_line_finalize;
    EMU_OBJECT_CLASS(klass)->unparent = emu_line_unparent;
}

static void
emu_line_init(EmuLine *self G_GNUC_UNUSED)
{
}

EmuLine *
emu_line_new_child(gpointer owner, const char *name, bool output, EmuLineFunc fn, gpointer opaque, unsigned index)
{
    EmuLine *self = g_object_new(EMU_TYPE_LINE, NULL);

    self->output = output;
    self->fn = fn;
    self->opaque = opaque;
    self->index = index;
    if (owner) {
        emu_object_add_child(owner, name, self, NULL);
        g_object_unref(self);
    }
    return self;
}

EmuLine *
emu_line_new_in(gpointer owner, const char *name, EmuLineFunc fn, gpointer opaque, unsigned index)
{
    g_autofree char *child = g_strdup_printf("%s[*]", name ? name : "unnamed-gpio-in");

    return emu_line_new_child(owner, child, false, fn, opaque, index);
}

EmuLine *
emu_line_new_out(gpointer owner, const char *name)
{
    g_autofree char *child = g_strdup_printf("%s[*]", name ? name : "unnamed-gpio-out");

    return emu_line_new_child(owner, child, true, NULL, NULL, 0);
}

void
emu_line_add_observer(EmuLine *self, EmuLineObserverFunc fn, gpointer opaque)
{
    Observer observer = {fn, opaque};

    if (!self->observers) {
        self->observers = g_array_new(FALSE, FALSE, sizeof(Observer));
    }
    g_array_append_val(self->observers, observer);
}

void
emu_line_remove_observer(EmuLine *self, EmuLineObserverFunc fn, gpointer opaque)
{
    for (guint i = 0; self->observers && i < self->observers->len; i++) {
        const Observer *observer = &g_array_index(self->observers, Observer, i);

        if (observer->fn == fn && observer->opaque == opaque) {
            g_array_remove_index(self->observers, i);
            break;
        }
    }
    if (self->observers && !self->observers->len) {
        g_clear_pointer(&self->observers, g_array_unref);
    }
}

static void
line_observe(EmuLine *self, int level)
{
    for (guint i = 0; self->observers && i < self->observers->len; i++) {
        const Observer *observer = &g_array_index(self->observers, Observer, i);

        observer->fn(observer->opaque, self, level);
    }
}

static inline void
line_drive_input(EmuLine *self, int level)
{
    self->level = level;
    if (G_UNLIKELY(self->observers)) {
        line_observe(self, level);
    }
    if (self->fn) {
        self->fn(self->opaque, self->index, level);
    }
}

/* What an input sees: a wire that several pull up is down when the last of them lets go. */
static int
line_join(EmuLine *input, EmuLine *driver, int level)
{
    for (unsigned i = 0; !level && i < input->n_peers; i++) {
        if (input->peers[i] != driver && input->peers[i]->shared) {
            level = input->peers[i]->level;
        }
    }
    return level;
}

void
emu_line_set_shared(EmuLine *line)
{
    line->shared = true;
}

/**
 * emu_line_set:
 * @line: (nullable): an output, or an input to be driven directly
 * @level: 0, 1, or whatever the two sides agree on
 *
 * The inputs' functions run before it returns, also when the level did not change. Big lock held.
 */
void
emu_line_set(EmuLine *line, int level)
{
    if (!line) {
        return;
    }
    if (!line->output) {
        line_drive_input(line, level);
        return;
    }
    line->level = level;
    if (G_UNLIKELY(line->observers)) {
        line_observe(line, level);
    }
    for (unsigned i = 0; i < line->n_peers; i++) {
        line_drive_input(line->peers[i], line->shared ? line_join(line->peers[i], line, level) : level);
    }
}

void
emu_line_pulse(EmuLine *line)
{
    emu_line_set(line, 1);
    emu_line_set(line, 0);
}

void
emu_line_put_level(EmuLine *line, int level)
{
    line->level = level;
}

int
emu_line_get(EmuLine *line)
{
    return line ? line->level : 0;
}

static void
line_add_peer(EmuLine *self, EmuLine *peer)
{
    self->peers = g_renew(EmuLine *, self->peers, self->n_peers + 1);
    self->peers[self->n_peers++] = peer;
}

/* Accepts NULL on either side. A level that is high already is not passed on: reset drives lines anew. */
void
emu_line_connect(EmuLine *out, EmuLine *in)
{
    if (!out || !in) {
        return;
    }
    g_return_if_fail(out->output && !in->output);

    for (unsigned i = 0; i < out->n_peers; i++) {
        if (out->peers[i] == in) {
            return;
        }
    }
    line_add_peer(out, in);
    line_add_peer(in, out);
}

void
emu_line_disconnect(EmuLine *out, EmuLine *in)
{
    if (out && in) {
        line_remove_peer(out, in);
        line_remove_peer(in, out);
    }
}

bool
emu_line_is_output(EmuLine *line)
{
    return line->output;
}

GPtrArray *
emu_line_list_peers(EmuLine *line)
{
    GPtrArray *peers = g_ptr_array_new();

    for (unsigned i = 0; i < line->n_peers; i++) {
        g_ptr_array_add(peers, line->peers[i]);
    }
    return peers;
}
