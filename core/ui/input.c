/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Input: from viewers and monitors to the device that wants it. Events of one machine go through one queue, so
 * that a key sequence with pauses in it and what comes after stay in order.
 */

#include "ui/ui-private.h"

#define INPUT_KEY "emu-input"
/* A monitor can send faster than the guest's clock releases the keys. */
#define QUEUE_MAX 1024

typedef enum { ITEM_EVENT, ITEM_SYNC, ITEM_DELAY } ItemKind;

typedef struct {
    ItemKind kind;
    EmuInputEvent event;
    unsigned delay_ms;
} Item;

struct _EmuInputHandler {
    EmuInput *input;
    const EmuInputHandlerOps *ops;
    gpointer opaque;
    unsigned id;
    unsigned pending; /* events since the last sync */
};

struct _EmuInput {
    EmuMachine *machine;
    EmuClock *clock;
    EmuTimer *timer;
    GPtrArray *handlers; /* first choice first */
    GQueue queue;        /* Item */
    bool waiting;        /* a delay is running */
    unsigned next_id;
    unsigned buttons;
};

EmuInput *
emu_input_new(EmuMachine *machine, EmuClock *clock)
{
    EmuInput *self = g_new0(EmuInput, 1);

    self->machine = machine;
    self->clock = clock;
    self->handlers = g_ptr_array_new();
    g_queue_init(&self->queue);
    return self;
}

void
emu_input_free(EmuInput *self)
{
    if (!self) {
        return;
    }
    emu_timer_free(self->timer);
    for (guint i = 0; i < self->handlers->len; i++) {
        ((EmuInputHandler *)self->handlers->pdata[i])->input = NULL;
    }
    g_ptr_array_unref(self->handlers);
    g_queue_clear_full(&self->queue, g_free);
    g_free(self);
}

EmuInput *
emu_machine_get_input(EmuMachine *machine)
{
    EmuInput *self = g_object_get_data(G_OBJECT(machine), INPUT_KEY);

    if (!self) {
        self = emu_input_new(machine, emu_machine_get_clock(machine, EMU_CLOCK_VIRTUAL));
        g_object_set_data_full(G_OBJECT(machine), INPUT_KEY, self, (GDestroyNotify)emu_input_free);
    }
    return self;
}

/* ---- handlers ---------------------------------------------------------------------------------------- */

EmuInputHandler *
emu_input_add_handler(EmuInput *self, const EmuInputHandlerOps *ops, gpointer opaque)
{
    EmuInputHandler *h = g_new0(EmuInputHandler, 1);

    h->input = self;
    h->ops = ops;
    h->opaque = opaque;
    h->id = self->next_id++;
    g_ptr_array_add(self->handlers, h);
    return h;
}

EmuInputHandler *
emu_input_handler_new(EmuMachine *machine, const EmuInputHandlerOps *ops, gpointer opaque)
{
    return emu_input_add_handler(emu_machine_get_input(machine), ops, opaque);
}

void
emu_input_handler_free(EmuInputHandler *h)
{
    if (h) {
        if (h->input) {
            g_ptr_array_remove(h->input->handlers, h);
        }
        g_free(h);
    }
}

void
emu_input_handler_activate(EmuInputHandler *h)
{
    if (h->input) {
        g_ptr_array_remove(h->input->handlers, h);
        g_ptr_array_insert(h->input->handlers, 0, h);
    }
}

static EmuInputHandler *
input_find(EmuInput *self, uint32_t mask)
{
    for (guint i = 0; i < self->handlers->len; i++) {
        EmuInputHandler *h = self->handlers->pdata[i];
        if (h->ops->mask & mask) {
            return h;
        }
    }
    return NULL;
}

bool
emu_input_has_handler(EmuInput *self, EmuInputKind kind)
{
    return input_find(self, 1u << kind) != NULL;
}

/* ---- delivery ------------------------------------------------------------------------------------------ */

/* A stopped machine does not see keys; a sleeping one is woken by them. */
static bool
input_is_live(EmuInput *self)
{
    EmuRunState state;

    if (!self->machine) {
        return true;
    }
    state = emu_machine_get_run_state(self->machine);
    return state == EMU_RUN_STATE_RUNNING || state == EMU_RUN_STATE_SUSPENDED;
}

static void
input_deliver(EmuInput *self, const EmuInputEvent *event)
{
    EmuInputHandler *h = input_find(self, 1u << event->kind);

    if (h && input_is_live(self)) {
        h->pending++;
        h->ops->event(h->opaque, event);
    }
}

static void
input_deliver_sync(EmuInput *self)
{
    for (guint i = 0; i < self->handlers->len; i++) {
        EmuInputHandler *h = self->handlers->pdata[i];

        if (h->pending) {
            h->pending = 0;
            if (h->ops->sync) {
                h->ops->sync(h->opaque);
            }
        }
    }
}

static void input_timer_cb(gpointer opaque);

static void
input_run_queue(EmuInput *self)
{
    Item *item;

    while (!self->waiting && (item = g_queue_pop_head(&self->queue))) {
        switch (item->kind) {
        case ITEM_EVENT:
            input_deliver(self, &item->event);
            break;
        case ITEM_SYNC:
            input_deliver_sync(self);
            break;
        case ITEM_DELAY:
            if (self->clock) {
                if (!self->timer) {
                    self->timer = emu_timer_new(self->clock, input_timer_cb, self);
                }
                self->waiting = true;
                emu_timer_set(self->timer, emu_clock_get_ns(self->clock) + item->delay_ms * INT64_C(1000000));
            }
            break;
        }
        g_free(item);
    }
}

static void
input_timer_cb(gpointer opaque)
{
    EmuInput *self = opaque;

    self->waiting = false;
    input_run_queue(self);
}

static void
input_push(EmuInput *self, ItemKind kind, const EmuInputEvent *event, unsigned delay_ms)
{
    Item *item;

    /* Releases always fit: a key that stays down is worse than a long queue, and each press made room for one. */
    if (self->queue.length >= QUEUE_MAX && !(event && event->kind == EMU_INPUT_KEY && !event->value)) {
        return;
    }
    item = g_new0(Item, 1);
    item->kind = kind;
    item->delay_ms = delay_ms;
    if (event) {
        item->event = *event;
    }
    g_queue_push_tail(&self->queue, item);
}

void
emu_input_queue_event(EmuInput *self, const EmuInputEvent *event)
{
    input_push(self, ITEM_EVENT, event, 0);
    input_run_queue(self);
}

void
emu_input_queue_sync(EmuInput *self)
{
    input_push(self, ITEM_SYNC, NULL, 0);
    input_run_queue(self);
}

/**
 * emu_input_send:
 * @machine: a machine
 * @event: what happened
 *
 * Hands @event to the active handler of its kind, after whatever is still waiting (a key sequence of the monitor).
 * Main thread, big lock held.
 */
void
emu_input_send(EmuMachine *machine, const EmuInputEvent *event)
{
    emu_input_queue_event(emu_machine_get_input(machine), event);
}

void
emu_input_sync(EmuMachine *machine)
{
    emu_input_queue_sync(emu_machine_get_input(machine));
}

static void
input_push_key(EmuInput *self, int key, bool down)
{
    EmuInputEvent event = {.kind = EMU_INPUT_KEY, .code = key, .value = down};

    input_push(self, ITEM_EVENT, &event, 0);
    input_push(self, ITEM_SYNC, NULL, 0);
}

void
emu_input_send_key(EmuMachine *machine, int key, bool down)
{
    EmuInput *self = emu_machine_get_input(machine);

    input_push_key(self, key, down);
    input_run_queue(self);
}

bool
emu_input_send_sequence(EmuInput *self, const int *keys, unsigned n_keys, unsigned hold_ms)
{
    if (self->queue.length + 4 * n_keys + 2 > QUEUE_MAX) {
        return false;
    }
    for (unsigned i = 0; i < n_keys; i++) {
        input_push_key(self, keys[i], true);
    }
    input_push(self, ITEM_DELAY, NULL, hold_ms);
    for (unsigned i = n_keys; i-- > 0;) {
        input_push_key(self, keys[i], false);
    }
    input_push(self, ITEM_DELAY, NULL, hold_ms);
    input_run_queue(self);
    return true;
}

/* ---- mice ------------------------------------------------------------------------------------------------ */

void
emu_input_set_buttons(EmuInput *self, unsigned buttons)
{
    static const EmuInputButton map[] = {EMU_INPUT_BUTTON_LEFT, EMU_INPUT_BUTTON_MIDDLE, EMU_INPUT_BUTTON_RIGHT};

    for (unsigned i = 0; i < G_N_ELEMENTS(map); i++) {
        if ((buttons ^ self->buttons) & (1u << i)) {
            EmuInputEvent event = {.kind = EMU_INPUT_BUTTON, .code = map[i], .value = (buttons >> i) & 1};
            input_push(self, ITEM_EVENT, &event, 0);
        }
    }
    self->buttons = buttons;
    emu_input_queue_sync(self);
}

void
emu_input_move(EmuInput *self, int dx, int dy, int dz)
{
    EmuInputEvent x = {.kind = EMU_INPUT_REL, .code = EMU_INPUT_AXIS_X, .value = dx};
    EmuInputEvent y = {.kind = EMU_INPUT_REL, .code = EMU_INPUT_AXIS_Y, .value = dy};

    input_push(self, ITEM_EVENT, &x, 0);
    input_push(self, ITEM_EVENT, &y, 0);
    if (dz) {
        EmuInputEvent wheel = {.kind = EMU_INPUT_BUTTON, .code = dz > 0 ? EMU_INPUT_BUTTON_WHEEL_UP : EMU_INPUT_BUTTON_WHEEL_DOWN, .value = 1};

        input_push(self, ITEM_EVENT, &wheel, 0);
        input_push(self, ITEM_SYNC, NULL, 0);
        wheel.value = 0;
        input_push(self, ITEM_EVENT, &wheel, 0);
    }
    emu_input_queue_sync(self);
}

static gint
compare_mice(gconstpointer a, gconstpointer b)
{
    return (int)((const EmuMouseInfo *)a)->index - (int)((const EmuMouseInfo *)b)->index;
}

GArray *
emu_input_list_mice(EmuInput *self)
{
    GArray *mice = g_array_new(FALSE, FALSE, sizeof(EmuMouseInfo));
    bool current = true;

    for (guint i = 0; i < self->handlers->len; i++) {
        EmuInputHandler *h = self->handlers->pdata[i];

        if (h->ops->mask & (1u << EMU_INPUT_REL | 1u << EMU_INPUT_ABS)) {
            EmuMouseInfo info = {.index = h->id, .name = h->ops->name, .current = current,
                                 .absolute = (h->ops->mask >> EMU_INPUT_ABS) & 1, .handler = h};
            g_array_append_val(mice, info);
            current = false;
        }
    }
    g_array_sort(mice, compare_mice);
    return mice;
}
