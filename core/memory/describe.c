/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text of "info mtree". */

#include "memory/memory-private.h"

#include <inttypes.h>

static const char *
region_kind_text(const EmuMemoryRegion *mr)
{
    switch (mr->kind) {
    case EMU_REGION_ALIAS:
        return region_kind_text(mr->target);
    case EMU_REGION_RAM:
        return mr->readonly ? "rom" : "ram";
    case EMU_REGION_ROM:
        return "rom";
    case EMU_REGION_ROM_DEVICE:
        return "romd";
    default:
        return "i/o";
    }
}

/* By address, and what is on top first. */
static gint
compare_places(gconstpointer a, gconstpointer b)
{
    const EmuMemoryRegion *x = a, *y = b;

    return x->addr != y->addr ? (x->addr > y->addr ? 1 : -1) : (y->priority > x->priority) - (y->priority < x->priority);
}

static void
describe_region(GString *out, EmuMemoryRegion *mr, uint64_t base, unsigned depth, GPtrArray *targets)
{
    const char *disabled = mr->enabled ? "" : " [disabled]";
    g_autoptr(GList) sorted = NULL;

    if (depth > 64) {
        return;
    }
    base += mr->addr;
    g_string_append_printf(out, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): ", 2 * (int)depth, "", base, base + mr->last,
                           mr->priority, region_kind_text(mr));
    if (mr->kind == EMU_REGION_ALIAS) {
        g_string_append_printf(out, "alias %s @%s %016" PRIx64 "-%016" PRIx64 "%s\n", mr->name, mr->target->name, mr->target_offset,
                               mr->target_offset + mr->last, disabled);
        if (!g_ptr_array_find(targets, mr->target, NULL)) {
            g_ptr_array_add(targets, mr->target);
        }
        return;
    }
    g_string_append_printf(out, "%s%s\n", mr->name, disabled);
    sorted = g_list_sort(g_list_copy(mr->subregions), compare_places);
    for (GList *l = sorted; l; l = l->next) {
        describe_region(out, l->data, base, depth + 1, targets);
    }
}

static bool
region_is_below(const EmuMemoryRegion *mr, const EmuMemoryRegion *root)
{
    while (mr && mr != root) {
        mr = mr->container;
    }
    return mr != NULL;
}

/**
 * emu_memory_region_describe:
 * @title: first line, "address-space: memory"; %NULL for none
 *
 * The tree below @root, then the trees that aliases in it show, if they are not part of it.
 */
char *
emu_memory_region_describe(EmuMemoryRegion *root, const char *title)
{
    GString *out = g_string_new(NULL);
    g_autoptr(GPtrArray) targets = g_ptr_array_new();

    if (title) {
        g_string_append_printf(out, "%s\n", title);
    }
    emu_memory_tree_lock();
    describe_region(out, root, -root->addr, 1, targets);
    for (unsigned i = 0; i < targets->len; i++) {
        EmuMemoryRegion *target = g_ptr_array_index(targets, i);

        if (!region_is_below(target, root)) {
            g_string_append_printf(out, "\nmemory-region: %s\n", target->name);
            describe_region(out, target, -target->addr, 1, targets);
        }
    }
    emu_memory_tree_unlock();
    return g_string_free(out, FALSE);
}

char *
emu_address_space_describe_flat(EmuAddressSpace *as)
{
    GString *out = g_string_new(NULL);

    emu_memory_tree_lock();
    g_string_append_printf(out, "FlatView\n AS \"%s\", root: %s\n", as->name, as->root->name);
    if (as->view->root) {
        g_string_append_printf(out, " Root memory region: %s\n", as->view->root->name);
    }
    if (as->view->n == 0) {
        g_string_append(out, "  No rendered FlatView\n");
    }
    for (unsigned i = 0; i < as->view->n; i++) {
        const EmuFlatRange *range = &as->view->ranges[i];
        const char *kind = region_kind_text(range->region);

        if (range->readonly && range->region->kind == EMU_REGION_RAM) {
            kind = "rom";
        }
        g_string_append_printf(out, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s", range->start, range->last,
                               range->region->priority, kind, range->region->name);
        if (range->offset) {
            g_string_append_printf(out, " @%016" PRIx64, range->offset);
        }
        g_string_append_c(out, '\n');
    }
    emu_memory_tree_unlock();
    return g_string_free(out, FALSE);
}
