/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What a tree of regions looks like from an address bus: an array of ranges, sorted, that do not overlap.
 *
 * The tree is walked from the highest priority down, and each region fills the gaps that are still
 * open inside its window: so whoever comes first is seen.  Positions are 128 bits wide, because aliases shift
 * their target by up to 2^64 in both directions.
 */

#include "memory/memory-private.h"

#include <string.h>

typedef __int128 FlatPos;

/* Deeper nesting is a loop of aliases. */
#define FLAT_VIEW_MAX_DEPTH 64

__thread typeof(emu_flat_view_hits[0]) emu_flat_view_hits[8];

static void
flat_view_insert(EmuFlatView *view, unsigned at, const EmuFlatRange *range)
{
    if (view->n == view->allocated) {
        view->allocated = MAX(16, view->allocated * 2);
        view->ranges = g_renew(EmuFlatRange, view->ranges, view->allocated);
    }
    memmove(view->ranges + at + 1, view->ranges + at, (view->n - at) * sizeof(*view->ranges));
    view->ranges[at] = *range;
    view->n++;
}

/* Puts a leaf region, whose offset 0 lies at @base, into the gaps of [first, last]. */
static void
flat_view_fill(EmuFlatView *view, EmuMemoryRegion *mr, FlatPos base, uint64_t first, uint64_t last, bool readonly)
{
    EmuFlatRange range = {
        .region = mr,
        .readonly = readonly || mr->readonly,
        .rom_device = mr->kind == EMU_REGION_ROM_DEVICE,
        .log_mask = mr->log_mask,
    };
    bool direct = mr->block && (mr->kind != EMU_REGION_ROM_DEVICE || mr->rom_mode);
    unsigned i = 0;

    while (i < view->n && view->ranges[i].last < first) {
        i++;
    }
    for (;;) {
        uint64_t gap_last = last;

        if (i < view->n && view->ranges[i].start <= last) {
            if (view->ranges[i].start <= first) {
                if (view->ranges[i].last >= last) {
                    return;
                }
                first = view->ranges[i++].last + 1;
                continue;
            }
            gap_last = view->ranges[i].start - 1;
        }
        range.start = first;
        range.last = gap_last;
        range.offset = (uint64_t)(first - base);
        range.ram = direct ? mr->block->host + range.offset : NULL;
        flat_view_insert(view, i++, &range);
        if (gap_last == last) {
            return;
        }
        first = gap_last + 1;
    }
}

/* @base: where offset 0 of @mr's container lies; [first, last]: the window that is open. */
static void
flat_view_render(EmuFlatView *view, EmuMemoryRegion *mr, FlatPos base, FlatPos first, FlatPos last, bool readonly, unsigned depth)
{
    if (!mr->enabled || mr->empty || depth > FLAT_VIEW_MAX_DEPTH) {
        return;
    }
    base += mr->addr;
    first = MAX(first, base);
    last = MIN(last, base + mr->last);
    if (first > last) {
        return;
    }
    readonly |= mr->readonly;

    if (mr->kind == EMU_REGION_ALIAS) {
        flat_view_render(view, mr->target, base - mr->target_offset - mr->target->addr, first, last, readonly, depth + 1);
        return;
    }
    for (GList *l = mr->subregions; l; l = l->next) {
        flat_view_render(view, l->data, base, first, last, readonly, depth + 1);
    }
    if (mr->kind != EMU_REGION_CONTAINER) {
        flat_view_fill(view, mr, base, (uint64_t)first, (uint64_t)last, readonly);
    }
}

static bool
flat_view_continues(const EmuFlatRange *a, const EmuFlatRange *b)
{
    return a->last + 1 == b->start && a->region == b->region && a->offset + (b->start - a->start) == b->offset &&
           a->readonly == b->readonly && !a->ram == !b->ram;
}

static void
flat_view_simplify(EmuFlatView *view)
{
    unsigned out = 0;

    for (unsigned i = 1; i < view->n; i++) {
        if (flat_view_continues(&view->ranges[out], &view->ranges[i])) {
            view->ranges[out].last = view->ranges[i].last;
        } else {
            view->ranges[++out] = view->ranges[i];
        }
    }
    view->n = view->n ? out + 1 : 0;
}

EmuFlatView *
emu_flat_view_new(EmuMemoryRegion *root)
{
    EmuFlatView *view = g_new0(EmuFlatView, 1);

    view->ref = 1;
    if (root) {
        view->root = g_object_ref(root);
        flat_view_render(view, root, -(FlatPos)root->addr, 0, UINT64_MAX, false, 0);
        flat_view_simplify(view);
    }
    for (unsigned i = 0; i < view->n; i++) {
        g_object_ref(view->ranges[i].region);
    }
    return view;
}

EmuMemoryRegion *
emu_flat_view_effective_root(EmuMemoryRegion *root)
{
    for (unsigned depth = 0; root && depth < FLAT_VIEW_MAX_DEPTH; depth++) {
        EmuMemoryRegion *only = NULL;

        if (!root->enabled || root->empty) {
            return NULL;
        }
        if (root->kind == EMU_REGION_ALIAS) {
            if (root->target_offset != 0 || root->readonly || root->last < root->target->last) {
                return root;
            }
            root = root->target;
            continue;
        }
        if (root->kind != EMU_REGION_CONTAINER || root->readonly) {
            return root;
        }
        for (GList *l = root->subregions; l; l = l->next) {
            EmuMemoryRegion *child = l->data;

            if (!child->enabled || child->empty) {
                continue;
            }
            if (only || child->addr != 0 || child->kind != EMU_REGION_ALIAS || child->last > root->last) {
                return root;
            }
            only = child;
        }
        root = only;
    }
    return root;
}

EmuFlatView *
emu_flat_view_ref(EmuFlatView *view)
{
    g_atomic_int_inc(&view->ref);
    return view;
}

static void
flat_view_free(EmuFlatView *view)
{
    for (unsigned i = 0; i < view->n; i++) {
        g_object_unref(view->ranges[i].region);
    }
    g_clear_object(&view->root);
    g_free(view->ranges);
    g_free(view);
}

static void
flat_view_reclaim(struct rcu_head *head)
{
    flat_view_free((EmuFlatView *)((char *)head - offsetof(EmuFlatView, rcu)));
}

void
emu_flat_view_unref(EmuFlatView *view)
{
    if (view && g_atomic_int_dec_and_test(&view->ref)) {
        call_rcu(&view->rcu, flat_view_reclaim);
    }
}

const EmuFlatRange *
emu_flat_view_search(const EmuFlatView *view, uint64_t addr)
{
    unsigned low = 0, high = view->n;

    while (low < high) {
        unsigned mid = (low + high) / 2;
        const EmuFlatRange *range = &view->ranges[mid];

        if (addr < range->start) {
            high = mid;
        } else if (addr > range->last) {
            low = mid + 1;
        } else {
            unsigned slot = ((uintptr_t)view >> 5) % G_N_ELEMENTS(emu_flat_view_hits);

            emu_flat_view_hits[slot].view = view;
            emu_flat_view_hits[slot].index = mid;
            return range;
        }
    }
    return NULL;
}

void
emu_flat_range_to_section(const EmuFlatRange *range, EmuMemorySection *out)
{
    uint64_t span = range->last - range->start;

    *out = (EmuMemorySection){
        .region = range->region,
        .offset_in_region = range->offset,
        .addr = range->start,
        .size = span == UINT64_MAX ? UINT64_MAX : span + 1,
        .ram = emu_memory_region_is_ram(range->region),
        .readonly = range->readonly,
        .rom_device = range->rom_device,
        .host = range->ram,
    };
}
