/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Address spaces: flat views published under RCU, transactions, listeners. */

#include "memory/memory-private.h"

typedef struct {
    EmuMemoryListener ops;
    gpointer opaque;
} AddressSpaceListener;

static GRecMutex memory_tree_mutex;

/* A transaction belongs to the thread that began it; its machine's big lock keeps others out. */
static __thread unsigned transaction_depth;
static __thread GPtrArray *transaction_spaces;

void
emu_memory_tree_lock(void)
{
    g_rec_mutex_lock(&memory_tree_mutex);
}

void
emu_memory_tree_unlock(void)
{
    g_rec_mutex_unlock(&memory_tree_mutex);
}

void
emu_address_space_mark_changed(EmuAddressSpace *as)
{
    if (as->changed) {
        return;
    }
    as->changed = true;
    if (!transaction_spaces) {
        transaction_spaces = g_ptr_array_new();
    }
    g_ptr_array_add(transaction_spaces, as);
}

/* ---- listeners ---------------------------------------------------------------------------------- */

static void
listener_call(void (*fn)(gpointer opaque, const EmuMemorySection *section), const AddressSpaceListener *l, const EmuFlatRange *range)
{
    EmuMemorySection section;

    if (fn) {
        emu_flat_range_to_section(range, &section);
        fn(l->opaque, &section);
    }
}

static bool
range_shows_the_same(const EmuFlatRange *a, const EmuFlatRange *b)
{
    return a->start == b->start && a->last == b->last && a->region == b->region && a->offset == b->offset && a->ram == b->ram &&
           a->readonly == b->readonly;
}

static void
listener_log_change(const AddressSpaceListener *l, const EmuFlatRange *range, uint8_t before, uint8_t after)
{
    EmuMemorySection section;

    if (l->ops.log && !before != !after) {
        emu_flat_range_to_section(range, &section);
        l->ops.log(l->opaque, &section, after != 0);
    }
}

/* Two passes, so that what vanishes is gone before its place is taken. */
static void
listener_update_pass(const AddressSpaceListener *l, const EmuFlatView *old, const EmuFlatView *new, bool adding)
{
    unsigned i = 0, j = 0;

    while (i < old->n || j < new->n) {
        const EmuFlatRange *a = i < old->n ? &old->ranges[i] : NULL;
        const EmuFlatRange *b = j < new->n ? &new->ranges[j] : NULL;

        if (a && b && range_shows_the_same(a, b)) {
            if (adding) {
                listener_call(l->ops.keep, l, b);
                listener_log_change(l, b, a->log_mask, b->log_mask);
            }
            i++;
            j++;
        } else if (a && (!b || a->start <= b->start)) {
            if (!adding) {
                listener_log_change(l, a, a->log_mask, 0);
                listener_call(l->ops.remove, l, a);
            }
            i++;
        } else {
            if (adding) {
                listener_call(l->ops.add, l, b);
                listener_log_change(l, b, 0, b->log_mask);
            }
            j++;
        }
    }
}

static void
listener_update(const AddressSpaceListener *l, const EmuFlatView *old, const EmuFlatView *new)
{
    if (l->ops.begin) {
        l->ops.begin(l->opaque);
    }
    listener_update_pass(l, old, new, false);
    listener_update_pass(l, old, new, true);
    if (l->ops.commit) {
        l->ops.commit(l->opaque);
    }
}

static bool
listener_wants_shortcuts(const AddressSpaceListener *l)
{
    return l->ops.doorbell || l->ops.coalesced;
}

static void
address_space_update_shortcuts(EmuAddressSpace *as)
{
    g_autoptr(GArray) old = as->shortcuts;

    if (!old) {
        return;
    }
    as->shortcuts = emu_shortcuts_of_view(as->view);
    for (unsigned i = 0; i < as->listeners->len; i++) {
        const AddressSpaceListener *l = g_ptr_array_index(as->listeners, i);

        emu_shortcuts_tell(&l->ops, l->opaque, old, as->shortcuts, false);
        emu_shortcuts_tell(&l->ops, l->opaque, as->shortcuts, old, true);
    }
}

gpointer
emu_address_space_add_listener(EmuAddressSpace *as, const EmuMemoryListener *ops, gpointer opaque)
{
    AddressSpaceListener *l = g_new0(AddressSpaceListener, 1);
    static const EmuFlatView nothing;

    l->ops = *ops;
    l->opaque = opaque;
    emu_memory_tree_lock();
    g_ptr_array_add(as->listeners, l);
    listener_update(l, &nothing, as->view);
    if (listener_wants_shortcuts(l)) {
        if (!as->shortcuts) {
            as->shortcuts = emu_shortcuts_of_view(as->view);
        }
        emu_shortcuts_tell(ops, opaque, as->shortcuts, NULL, true);
    }
    emu_memory_tree_unlock();
    return l;
}

void
emu_address_space_remove_listener(EmuAddressSpace *as, gpointer handle)
{
    emu_memory_tree_lock();
    if (g_ptr_array_remove(as->listeners, handle)) {
        g_free(handle);
    }
    emu_memory_tree_unlock();
}

void
emu_address_space_sync_dirty(EmuAddressSpace *as)
{
    emu_memory_tree_lock();
    for (unsigned i = 0; i < as->listeners->len; i++) {
        const AddressSpaceListener *l = g_ptr_array_index(as->listeners, i);

        if (l->ops.log_sync) {
            l->ops.log_sync(l->opaque);
        }
    }
    emu_memory_tree_unlock();
}

/* ---- transactions --------------------------------------------------------------------------------- */

static void
address_space_show(EmuAddressSpace *as, EmuFlatView *view)
{
    EmuFlatView *old = as->view;

    if (old == view) {
        emu_flat_view_unref(view);
        return;
    }
    /* The new view first: whatever a listener makes vCPUs look up again is already what they find. */
    rcu_assign_pointer(as->view, view);
    for (unsigned i = 0; i < as->listeners->len; i++) {
        listener_update(g_ptr_array_index(as->listeners, i), old, view);
    }
    address_space_update_shortcuts(as);
    emu_flat_view_unref(old);
}

/* Views by effective root, made in this commit. */
static EmuFlatView *
transaction_view(GHashTable *made, EmuAddressSpace *as)
{
    EmuMemoryRegion *root = emu_flat_view_effective_root(as->root);
    EmuFlatView *view = g_hash_table_lookup(made, root);

    if (!view) {
        /* Another address space shows this root and did not change: one that got its alias now. */
        for (GSList *l = root ? root->spaces : NULL; l && !view; l = l->next) {
            EmuAddressSpace *other = l->data;

            if (!other->changed && other->view && other->view->root == root) {
                view = other->view;
            }
        }
        if (!view) {
            view = emu_flat_view_new(root);
            g_hash_table_insert(made, root, view);
            return emu_flat_view_ref(view);
        }
    }
    return emu_flat_view_ref(view);
}

void
emu_memory_transaction_begin(void)
{
    emu_memory_tree_lock();
    transaction_depth++;
}

void
emu_memory_transaction_commit(void)
{
    g_return_if_fail(transaction_depth > 0);

    /* A listener may change regions itself: more rounds, inside this transaction. */
    while (transaction_depth == 1 && transaction_spaces && transaction_spaces->len) {
        g_autoptr(GHashTable) made = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)emu_flat_view_unref);
        g_autoptr(GPtrArray) spaces = transaction_spaces;
        g_autofree EmuFlatView **views = g_new0(EmuFlatView *, spaces->len);

        transaction_spaces = NULL;
        for (unsigned i = 0; i < spaces->len; i++) {
            views[i] = transaction_view(made, g_ptr_array_index(spaces, i));
        }
        for (unsigned i = 0; i < spaces->len; i++) {
            ((EmuAddressSpace *)g_ptr_array_index(spaces, i))->changed = false;
        }
        for (unsigned i = 0; i < spaces->len; i++) {
            address_space_show(g_ptr_array_index(spaces, i), views[i]);
        }
    }
    if (transaction_depth == 1) {
        g_clear_pointer(&transaction_spaces, g_ptr_array_unref);
    }
    transaction_depth--;
    emu_memory_tree_unlock();
}

/* ---- address spaces --------------------------------------------------------------------------------- */

/**
 * emu_address_space_new:
 * @root: kept alive by the address space
 *
 * Big lock held, or before the machine runs; the same for emu_address_space_free().
 */
EmuAddressSpace *
emu_address_space_new(EmuMemoryRegion *root, const char *name)
{
    EmuAddressSpace *as = g_new0(EmuAddressSpace, 1);

    as->name = g_strdup(name);
    as->root = g_object_ref(root);
    as->listeners = g_ptr_array_new();
    as->view = emu_flat_view_new(NULL);
    emu_memory_transaction_begin();
    root->spaces = g_slist_prepend(root->spaces, as);
    emu_address_space_mark_changed(as);
    emu_memory_transaction_commit();
    return as;
}

typedef struct {
    struct rcu_head rcu;
    EmuAddressSpace *as;
} AddressSpaceGone;

static void
address_space_reclaim(struct rcu_head *head)
{
    AddressSpaceGone *gone = (AddressSpaceGone *)((char *)head - offsetof(AddressSpaceGone, rcu));

    g_free(gone->as->name);
    g_free(gone->as);
    g_free(gone);
}

/* Accepts NULL.  Accesses that run through it on other threads come to their end first. */
void
emu_address_space_free(EmuAddressSpace *as)
{
    AddressSpaceGone *gone;

    if (!as) {
        return;
    }
    emu_memory_transaction_begin();
    as->root->spaces = g_slist_remove(as->root->spaces, as);
    if (transaction_spaces) {
        g_ptr_array_remove(transaction_spaces, as);
    }
    as->changed = false;
    address_space_show(as, emu_flat_view_new(NULL));
    emu_memory_transaction_commit();

    g_ptr_array_set_free_func(as->listeners, g_free);
    g_ptr_array_unref(as->listeners);
    as->listeners = NULL;
    g_clear_pointer(&as->shortcuts, g_array_unref);
    g_clear_object(&as->root);
    emu_flat_view_unref(as->view);
    gone = g_new(AddressSpaceGone, 1);
    gone->as = as;
    call_rcu(&gone->rcu, address_space_reclaim);
}

const char *
emu_address_space_get_name(EmuAddressSpace *as)
{
    return as->name;
}

void
emu_address_space_set_lock(EmuAddressSpace *as, const EmuMemoryLock *lock, gpointer opaque)
{
    as->lock = lock;
    as->lock_opaque = opaque;
}

void
emu_address_space_copy_lock(EmuAddressSpace *as, EmuAddressSpace *from)
{
    emu_address_space_set_lock(as, from->lock, from->lock_opaque);
}

void
emu_address_space_set_master(EmuAddressSpace *as, gpointer master)
{
    as->master = master;
}

void
emu_address_space_set_requester(EmuAddressSpace *as, uint16_t requester_id)
{
    as->requester_id = requester_id;
    as->has_requester = true;
}

/**
 * emu_address_space_set_smm:
 * @as: an address space
 *
 * What is accessed through @as from now on learns that it is a CPU in system management mode who asks. Before it is used.
 */
void
emu_address_space_set_smm(EmuAddressSpace *as)
{
    as->smm = true;
}

bool
emu_address_space_find(EmuAddressSpace *as, uint64_t addr, EmuMemorySection *out)
{
    const EmuFlatRange *range;

    emu_rcu_enter();
    range = emu_flat_view_find(rcu_dereference(as->view), addr);
    if (range) {
        emu_flat_range_to_section(range, out);
    }
    emu_rcu_leave();
    return range != NULL;
}
