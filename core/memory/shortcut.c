/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Short ways for writes: doorbells, which signal an eventfd instead of calling the region's functions, and regions whose writes may
 * be kept back for a while. An accelerator that has them in the kernel hears of both through its listener; without one, the doorbell is rung
 * by the access itself, and nothing is kept back.
 */

#include "memory/memory-private.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    struct rcu_head rcu;
    EmuDoorbells list;
} DoorbellsGone;

static void
doorbells_reclaim(struct rcu_head *head)
{
    g_free(head);
}

static bool
doorbell_equal(const EmuDoorbell *a, const EmuDoorbell *b)
{
    return a->offset == b->offset && a->size == b->size && a->match == b->match && (!a->match || a->value == b->value) && a->fd == b->fd;
}

static EmuDoorbells *
doorbells_new(unsigned n)
{
    DoorbellsGone *memory = g_malloc0(sizeof(*memory) + n * sizeof(EmuDoorbell));

    return &memory->list;
}

/* Readers may still look at the old list. */
static void
region_set_doorbells(EmuMemoryRegion *self, EmuDoorbells *list)
{
    EmuDoorbells *old = self->doorbells;

    emu_memory_transaction_begin();
    rcu_assign_pointer(self->doorbells, list);
    emu_memory_region_mark_changed(self);
    emu_memory_transaction_commit();
    if (old) {
        DoorbellsGone *gone = (DoorbellsGone *)((char *)old - offsetof(DoorbellsGone, list));

        call_rcu(&gone->rcu, doorbells_reclaim);
    }
}

void
emu_memory_region_free_doorbells(EmuMemoryRegion *self)
{
    if (self->doorbells) {
        g_free((char *)self->doorbells - offsetof(DoorbellsGone, list));
        self->doorbells = NULL;
    }
}

/**
 * emu_memory_region_add_doorbell:
 * @self: an I/O region
 * @doorbell: copied; its eventfd stays the caller's and open until the doorbell is taken away
 *
 * From now on a write that fits adds 1 to the eventfd and does nothing else. Big lock held.
 */
void
emu_memory_region_add_doorbell(EmuMemoryRegion *self, const EmuDoorbell *doorbell)
{
    unsigned n = self->doorbells ? self->doorbells->n : 0;
    EmuDoorbells *list = doorbells_new(n + 1);

    g_return_if_fail(doorbell->size == 0 || doorbell->size == 1 || doorbell->size == 2 || doorbell->size == 4 || doorbell->size == 8);
    g_return_if_fail(!doorbell->match || doorbell->size);

    if (n) {
        memcpy(list->items, self->doorbells->items, n * sizeof(EmuDoorbell));
    }
    list->items[n] = *doorbell;
    list->n = n + 1;
    region_set_doorbells(self, list);
}

/**
 * emu_memory_region_del_doorbell:
 * @self: an I/O region
 * @doorbell: as it was added
 *
 * Big lock held.
 */
void
emu_memory_region_del_doorbell(EmuMemoryRegion *self, const EmuDoorbell *doorbell)
{
    unsigned n = self->doorbells ? self->doorbells->n : 0;
    EmuDoorbells *list;

    for (unsigned i = 0; i < n; i++) {
        if (!doorbell_equal(&self->doorbells->items[i], doorbell)) {
            continue;
        }
        list = n > 1 ? doorbells_new(n - 1) : NULL;
        if (list) {
            list->n = n - 1;
            memcpy(list->items, self->doorbells->items, i * sizeof(EmuDoorbell));
            memcpy(list->items + i, self->doorbells->items + i + 1, (n - 1 - i) * sizeof(EmuDoorbell));
        }
        region_set_doorbells(self, list);
        return;
    }
    g_warn_if_reached();
}

bool
emu_doorbells_ring(const EmuDoorbells *list, uint64_t offset, uint64_t value, uint64_t size)
{
    for (unsigned i = 0; i < list->n; i++) {
        const EmuDoorbell *d = &list->items[i];

        if (d->offset == offset && (d->size == 0 || d->size == size) && (!d->match || d->value == value)) {
            uint64_t one = 1;

            /* A counter that is full is as loud as it can be. */
            return write(d->fd, &one, sizeof(one)) == sizeof(one) || true;
        }
    }
    return false;
}

/**
 * emu_memory_region_set_coalesced:
 * @self: an I/O region
 * @coalesced: whether writes to it may come late, in their order, but before any later access that is not such a write
 *
 * For windows that guests fill with many small writes. Big lock held.
 */
void
emu_memory_region_set_coalesced(EmuMemoryRegion *self, bool coalesced)
{
    if (self->coalesced != coalesced) {
        emu_memory_transaction_begin();
        self->coalesced = coalesced;
        emu_memory_region_mark_changed(self);
        emu_memory_transaction_commit();
    }
}

/* ---- what an address space shows -------------------------------------------------------------------------------- */

static void
shortcuts_add_range(GArray *list, const EmuFlatRange *range)
{
    const EmuDoorbells *doorbells = range->region->doorbells;

    if (range->region->coalesced && !range->ram) {
        EmuShortcut s = {.addr = range->start, .size = range->last - range->start + 1, .coalesced = true};

        g_array_append_val(list, s);
    }
    for (unsigned i = 0; doorbells && i < doorbells->n; i++) {
        const EmuDoorbell *d = &doorbells->items[i];

        if (d->offset >= range->offset && d->offset - range->offset <= range->last - range->start) {
            EmuShortcut s = {.addr = range->start + (d->offset - range->offset), .size = d->size, .doorbell = *d};

            s.doorbell.offset = 0;
            g_array_append_val(list, s);
        }
    }
}

static bool
shortcut_in(const GArray *list, const EmuShortcut *s)
{
    for (guint i = 0; list && i < list->len; i++) {
        const EmuShortcut *other = &g_array_index(list, EmuShortcut, i);

        if (s->coalesced == other->coalesced && s->addr == other->addr && s->size == other->size &&
            (s->coalesced || doorbell_equal(&s->doorbell, &other->doorbell))) {
            return true;
        }
    }
    return false;
}

void
emu_shortcuts_tell(const EmuMemoryListener *ops, gpointer opaque, const GArray *gone, const GArray *kept, bool added)
{
    for (guint i = 0; gone && i < gone->len; i++) {
        const EmuShortcut *s = &g_array_index(gone, EmuShortcut, i);

        if (shortcut_in(kept, s)) {
            continue;
        }
        if (s->coalesced && ops->coalesced) {
            ops->coalesced(opaque, s->addr, s->size, added);
        } else if (!s->coalesced && ops->doorbell) {
            ops->doorbell(opaque, s->addr, &s->doorbell, added);
        }
    }
}

GArray *
emu_shortcuts_of_view(const EmuFlatView *view)
{
    GArray *list = g_array_new(FALSE, TRUE, sizeof(EmuShortcut));

    for (unsigned i = 0; i < view->n; i++) {
        if (view->ranges[i].region->doorbells || view->ranges[i].region->coalesced) {
            shortcuts_add_range(list, &view->ranges[i]);
        }
    }
    return list;
}
