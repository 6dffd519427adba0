/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The tree of memory regions.
 *
 * A container holds its sub-regions, an alias its target; back pointers (region -> container, target ->
 * alias, root -> address space) are borrowed and serve one purpose: a change finds upwards the address
 * spaces that may show it.
 */

#include "memory/memory-private.h"

#include <string.h>

G_DEFINE_FINAL_TYPE(EmuMemoryRegion, emu_memory_region, EMU_TYPE_OBJECT)

/* What the owner's disposal finds: the region, or NULL when that is gone already. */
typedef struct {
    EmuMemoryRegion *region;
} RegionOwnerLink;

static void
emu_memory_region_init(EmuMemoryRegion *self)
{
    self->enabled = true;
}

static void
emu_memory_region_finalize(GObject *object)
{
    EmuMemoryRegion *self = EMU_MEMORY_REGION(object);

    /* The last reference may be an old flat view's, dropped on the RCU thread. */
    emu_memory_tree_lock();
    if (self->owner_link) {
        ((RegionOwnerLink *)self->owner_link)->region = NULL;
    }
    for (GList *l = self->subregions; l; l = l->next) {
        EmuMemoryRegion *child = l->data;

        child->container = NULL;
        g_object_unref(child);
    }
    g_list_free(self->subregions);
    if (self->target) {
        self->target->aliases = g_slist_remove(self->target->aliases, self);
        g_object_unref(self->target);
    }
    emu_memory_tree_unlock();
    emu_memory_region_free_doorbells(self);
    emu_ram_block_free(self->block);
    g_free(self->name);
    G_OBJECT_CLASS(emu_memory_region_parent_class)->finalize(object);
}

static void
emu_memory_region_class_init(EmuMemoryRegionClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_memory_region_finalize;
}

static void
memory_region_register(void)
{
    emu_type_register_gtype("memory-region", EMU_TYPE_MEMORY_REGION);
}
type_init(memory_region_register)

/* ---- constructors ------------------------------------------------------------------------------- */

/* The owner is going: nothing may call its functions any more.  It should have unmapped the region
 * itself; this is the net below. */
static void
memory_region_owner_gone(gpointer data, GObject *owner G_GNUC_UNUSED)
{
    g_autofree RegionOwnerLink *link = data;
    EmuMemoryRegion *self;

    emu_memory_tree_lock();
    self = link->region;
    if (!self) {
        emu_memory_tree_unlock();
        return;
    }
    self->owner = NULL;
    self->owner_link = NULL;
    if (self->kind == EMU_REGION_IO || self->kind == EMU_REGION_ROM_DEVICE || self->kind == EMU_REGION_IOMMU) {
        __atomic_store_n(&self->ops, NULL, __ATOMIC_RELEASE);
        __atomic_store_n(&self->iommu_ops, NULL, __ATOMIC_RELEASE);
        if (self->container) {
            emu_memory_region_del_subregion(self->container, self);
        }
    }
    emu_memory_tree_unlock();
}

static EmuMemoryRegion *
memory_region_new(EmuRegionKind kind, const char *name, uint64_t size)
{
    EmuMemoryRegion *self = g_object_new(EMU_TYPE_MEMORY_REGION, NULL);

    self->kind = kind;
    self->name = g_strdup(name ? name : "");
    if (g_str_has_suffix(self->name, "[*]")) {
        self->name[strlen(self->name) - 3] = '\0'; /* the composition tree numbers it anyway */
    }
    self->empty = size == 0;
    /* UINT64_MAX stands for 2^64, so that a size always fits. */
    self->last = size == UINT64_MAX ? UINT64_MAX : size == 0 ? 0 : size - 1;
    return self;
}

/* Gives the region its place in the composition tree. */
static EmuMemoryRegion *
memory_region_adopt(EmuMemoryRegion *self, gpointer owner)
{
    g_autofree char *child = NULL;
    RegionOwnerLink *link;

    if (!owner) {
        return self;
    }
    child = g_strdup_printf("%s[*]", self->name[0] ? self->name : "region");
    g_strdelimit(child, "/", '-');
    emu_object_add_child(owner, child, self, NULL);
    self->owner = owner;
    link = g_new(RegionOwnerLink, 1);
    link->region = self;
    self->owner_link = link;
    g_object_weak_ref(owner, memory_region_owner_gone, link);
    g_object_unref(self);
    return self;
}

static void
memory_region_set_ops(EmuMemoryRegion *self, const EmuMemoryRegionOps *ops, gpointer opaque)
{
    self->ops = ops;
    self->opaque = opaque;
    self->valid_min = ops->valid_min ? ops->valid_min : 1;
    self->valid_max = ops->valid_max ? ops->valid_max : 8;
    self->impl_min = ops->impl_min ? ops->impl_min : 1;
    self->impl_max = ops->impl_max ? ops->impl_max : 8;
}

EmuMemoryRegion *
emu_memory_region_new_container(gpointer owner, const char *name, uint64_t size)
{
    return memory_region_adopt(memory_region_new(EMU_REGION_CONTAINER, name, size), owner);
}

/**
 * emu_memory_region_new_io:
 * @owner: (nullable): the device; the re-entrancy guard of emu_dma_read() works per owner
 * @ops: must stay valid as long as the region
 */
EmuMemoryRegion *
emu_memory_region_new_io(gpointer owner, const char *name, uint64_t size, const EmuMemoryRegionOps *ops, gpointer opaque)
{
    EmuMemoryRegion *self = memory_region_new(EMU_REGION_IO, name, size);

    memory_region_set_ops(self, ops, opaque);
    return memory_region_adopt(self, owner);
}

static EmuMemoryRegion *
memory_region_new_backed(EmuRegionKind kind, const char *name, uint64_t size, unsigned flags, int fd, GError **error)
{
    EmuRamBlock *block = emu_ram_block_new(name, size, flags, fd, error);
    EmuMemoryRegion *self;

    if (!block) {
        return NULL;
    }
    self = memory_region_new(kind, name, size);
    self->block = block;
    self->readonly = kind == EMU_REGION_ROM;
    self->rom_mode = kind == EMU_REGION_ROM_DEVICE;
    return self;
}

EmuMemoryRegion *
emu_memory_region_new_ram_flags(gpointer owner, const char *name, uint64_t size, unsigned flags, GError **error)
{
    EmuMemoryRegion *self = memory_region_new_backed(EMU_REGION_RAM, name, size, flags, -1, error);

    return self ? memory_region_adopt(self, owner) : NULL;
}

/**
 * emu_memory_region_new_ram_from_fd:
 * @fd: a file of at least @size bytes, or a memfd; the region's from now on, also when this fails
 * @flags: EMU_RAM_SHARED: what the guest writes is in the file; else it is the guest's alone
 */
EmuMemoryRegion *
emu_memory_region_new_ram_from_fd(gpointer owner, const char *name, uint64_t size, int fd, unsigned flags, GError **error)
{
    EmuMemoryRegion *self = memory_region_new_backed(EMU_REGION_RAM, name, size, flags, fd, error);

    return self ? memory_region_adopt(self, owner) : NULL;
}

EmuMemoryRegion *
emu_memory_region_new_ram(gpointer owner, const char *name, uint64_t size, GError **error)
{
    return emu_memory_region_new_ram_flags(owner, name, size, 0, error);
}

EmuMemoryRegion *
emu_memory_region_new_rom(gpointer owner, const char *name, uint64_t size, GError **error)
{
    EmuMemoryRegion *self = memory_region_new_backed(EMU_REGION_ROM, name, size, 0, -1, error);

    return self ? memory_region_adopt(self, owner) : NULL;
}

EmuMemoryRegion *
emu_memory_region_new_rom_device(gpointer owner, const char *name, uint64_t size, const EmuMemoryRegionOps *ops, gpointer opaque,
                                 GError **error)
{
    EmuMemoryRegion *self = memory_region_new_backed(EMU_REGION_ROM_DEVICE, name, size, 0, -1, error);

    if (!self) {
        return NULL;
    }
    memory_region_set_ops(self, ops, opaque);
    return memory_region_adopt(self, owner);
}

/**
 * emu_memory_region_new_alias:
 * @target: seen through the alias from @offset on; kept alive by it. Its own place and size limit what is
 *   seen, its "enabled" hides it here too.
 */
EmuMemoryRegion *
emu_memory_region_new_alias(gpointer owner, const char *name, EmuMemoryRegion *target, uint64_t offset, uint64_t size)
{
    EmuMemoryRegion *self = memory_region_new(EMU_REGION_ALIAS, name, size);

    self->target = g_object_ref(target);
    self->target_offset = offset;
    emu_memory_tree_lock();
    target->aliases = g_slist_prepend(target->aliases, self);
    emu_memory_tree_unlock();
    return memory_region_adopt(self, owner);
}

EmuMemoryRegion *
emu_memory_region_new_iommu(gpointer owner, const char *name, uint64_t size, const EmuIommuOps *ops, gpointer opaque)
{
    EmuMemoryRegion *self = memory_region_new(EMU_REGION_IOMMU, name, size);

    self->iommu_ops = ops;
    self->opaque = opaque;
    return memory_region_adopt(self, owner);
}

/* ---- changes ------------------------------------------------------------------------------------ */

static __thread unsigned memory_region_visit;

static void
memory_region_mark_up(EmuMemoryRegion *self)
{
    if (self->visit == memory_region_visit) {
        return;
    }
    self->visit = memory_region_visit;
    for (GSList *l = self->spaces; l; l = l->next) {
        emu_address_space_mark_changed(l->data);
    }
    if (!self->enabled) {
        return; /* what lies below is seen nowhere but in address spaces rooted here */
    }
    if (self->container) {
        memory_region_mark_up(self->container);
    }
    for (GSList *l = self->aliases; l; l = l->next) {
        memory_region_mark_up(l->data);
    }
}

void
emu_memory_region_mark_changed(EmuMemoryRegion *self)
{
    /* 0 is the stamp of a new region. */
    if (++memory_region_visit == 0) {
        memory_region_visit = 1;
    }
    memory_region_mark_up(self);
}

static void
memory_region_insert(EmuMemoryRegion *self, EmuMemoryRegion *child)
{
    GList *l = self->subregions;

    while (l && ((EmuMemoryRegion *)l->data)->priority > child->priority) {
        l = l->next;
    }
    self->subregions = g_list_insert_before(self->subregions, l, child);
}

void
emu_memory_region_add_subregion(EmuMemoryRegion *self, uint64_t offset, EmuMemoryRegion *child, int priority)
{
    g_return_if_fail(child->container == NULL);
    g_return_if_fail(self != child);

    emu_memory_transaction_begin();
    g_object_ref(child);
    child->container = self;
    child->addr = offset;
    child->priority = priority;
    memory_region_insert(self, child);
    emu_memory_region_mark_changed(child);
    emu_memory_transaction_commit();
}

void
emu_memory_region_del_subregion(EmuMemoryRegion *self, EmuMemoryRegion *child)
{
    g_return_if_fail(child->container == self);

    emu_memory_transaction_begin();
    emu_memory_region_mark_changed(child);
    self->subregions = g_list_remove(self->subregions, child);
    child->container = NULL;
    emu_memory_transaction_commit();
    g_object_unref(child);
}

void
emu_memory_region_set_enabled(EmuMemoryRegion *self, bool enabled)
{
    if (self->enabled == enabled) {
        return;
    }
    emu_memory_transaction_begin();
    self->enabled = true; /* so that the way up is open */
    emu_memory_region_mark_changed(self);
    self->enabled = enabled;
    emu_memory_transaction_commit();
}

void
emu_memory_region_set_address(EmuMemoryRegion *self, uint64_t offset)
{
    if (self->addr == offset) {
        return;
    }
    emu_memory_transaction_begin();
    self->addr = offset;
    if (self->container) {
        /* Of regions with equal priority the one placed last is seen. */
        self->container->subregions = g_list_remove(self->container->subregions, self);
        memory_region_insert(self->container, self);
    }
    emu_memory_region_mark_changed(self);
    emu_memory_transaction_commit();
}

void
emu_memory_region_set_alias_offset(EmuMemoryRegion *self, uint64_t offset)
{
    g_return_if_fail(self->kind == EMU_REGION_ALIAS);

    if (self->target_offset == offset) {
        return;
    }
    emu_memory_transaction_begin();
    self->target_offset = offset;
    emu_memory_region_mark_changed(self);
    emu_memory_transaction_commit();
}

/* A RAM region shows at most the memory it was made with. */
void
emu_memory_region_set_size(EmuMemoryRegion *self, uint64_t size)
{
    uint64_t last = size == UINT64_MAX ? UINT64_MAX : size == 0 ? 0 : size - 1;

    g_return_if_fail(!self->block || size <= self->block->size);

    if (self->last == last && self->empty == (size == 0)) {
        return;
    }
    emu_memory_transaction_begin();
    self->last = last;
    self->empty = size == 0;
    emu_memory_region_mark_changed(self);
    emu_memory_transaction_commit();
}

static void
memory_region_set_flag(EmuMemoryRegion *self, bool *flag, bool value)
{
    if (*flag == value) {
        return;
    }
    emu_memory_transaction_begin();
    *flag = value;
    emu_memory_region_mark_changed(self);
    emu_memory_transaction_commit();
}

/* On an alias: what is seen through it cannot be written. */
void
emu_memory_region_set_readonly(EmuMemoryRegion *self, bool readonly)
{
    memory_region_set_flag(self, &self->readonly, readonly);
}

void
emu_memory_region_set_rom_mode(EmuMemoryRegion *self, bool rom_mode)
{
    g_return_if_fail(self->kind == EMU_REGION_ROM_DEVICE);
    memory_region_set_flag(self, &self->rom_mode, rom_mode);
}

/* The region's functions run without the big lock, on several threads at once. Before it is mapped. */
void
emu_memory_region_set_lockless(EmuMemoryRegion *self, bool lockless)
{
    self->lockless = lockless;
}

void
emu_memory_region_set_log(EmuMemoryRegion *self, bool log, EmuDirtyClient client)
{
    uint8_t mask = log ? (uint8_t)(self->log_mask | 1 << client) : (uint8_t)(self->log_mask & ~(1 << client));

    if (self->log_mask == mask) {
        return;
    }
    emu_memory_transaction_begin();
    self->log_mask = mask;
    emu_memory_region_mark_changed(self);
    emu_memory_transaction_commit();
}

/* ---- questions ------------------------------------------------------------------------------------ */

uint64_t
emu_memory_region_get_size(EmuMemoryRegion *self)
{
    return self->empty ? 0 : self->last == UINT64_MAX ? UINT64_MAX : self->last + 1;
}

const char *
emu_memory_region_get_name(EmuMemoryRegion *self)
{
    return self->name;
}

bool
emu_memory_region_is_ram(EmuMemoryRegion *self)
{
    return self->kind == EMU_REGION_RAM || self->kind == EMU_REGION_ROM;
}

bool
emu_memory_region_is_enabled(EmuMemoryRegion *self)
{
    return self->enabled;
}

EmuMemoryRegion *
emu_memory_region_get_container(EmuMemoryRegion *self)
{
    return self->container;
}

uint64_t
emu_memory_region_get_address(EmuMemoryRegion *self)
{
    return self->addr;
}

gpointer
emu_memory_region_get_owner(EmuMemoryRegion *self)
{
    return self->owner;
}

void *
emu_memory_region_get_ram_pointer(EmuMemoryRegion *self)
{
    return self->block ? self->block->host : NULL;
}

int
emu_memory_region_get_fd(EmuMemoryRegion *self)
{
    return self->block ? self->block->fd : -1;
}
