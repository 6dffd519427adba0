/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory slots, and the log of writes to them. RAM and ROM ranges of the machine's flat view become KVM slots; everything else exits as MMIO. Changes are
 * collected during a transaction and made at its commit, removals first: KVM allows no overlap. A vCPU that touches a range
 * in between takes an MMIO exit, which goes through the address space and finds the same RAM.
 */

#include "kvm-private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define KVM_PAGE UINT64_C(4096)
#define LATE_WRITES_PERIOD_MS 30
#define FIRST_KVM_SLOTS 32

static void
kvm_set_slot(KvmAccel *self, unsigned index)
{
    KvmSlot *slot = &g_array_index(self->slots, KvmSlot, index);
    struct kvm_userspace_memory_region region = {
        .slot = index,
        .flags = slot->used ? slot->flags : 0,
        .guest_phys_addr = slot->addr,
        .memory_size = slot->used ? slot->size : 0,
        .userspace_addr = (uintptr_t)slot->host,
    };

    if (ioctl(self->vm.vm_fd, KVM_SET_USER_MEMORY_REGION, &region) != 0) {
        emu_error_report("kvm: memory slot %u for 0x%" G_GINT64_MODIFIER "x, 0x%" G_GINT64_MODIFIER "x bytes, was refused: %s",
                         index, slot->addr, slot->size, g_strerror(errno));
    }
}

static int
kvm_find_slot(KvmAccel *self, uint64_t addr)
{
    for (guint i = 0; i < self->slots->len; i++) {
        const KvmSlot *slot = &g_array_index(self->slots, KvmSlot, i);

        if (slot->used && slot->addr == addr) {
            return (int)i;
        }
    }
    return -1;
}

/* The page-aligned inner part of a section; false when nothing is left or it is not backed by memory (flash is while it shows its array). */
static bool
kvm_section_to_slot(KvmAccel *self, const EmuMemorySection *section, KvmSlot *slot)
{
    uint64_t start = (section->addr + KVM_PAGE - 1) & ~(KVM_PAGE - 1);
    uint64_t skip = start - section->addr;

    if (!section->host || section->size <= skip) {
        return false;
    }
    if ((section->readonly || section->rom_device) && !self->has_readonly) {
        return false;
    }
    *slot = (KvmSlot){
        .used = true,
        .addr = start,
        .size = (section->size - skip) & ~(KVM_PAGE - 1),
        .host = (uint8_t *)section->host + skip,
        .flags = section->readonly || section->rom_device ? KVM_MEM_READONLY : 0,
    };
    slot->ram = emu_ram_addr_from_host(slot->host);
    return slot->size != 0;
}

void
kvm_memory_mark_page(KvmAccel *self, uint32_t index, uint64_t page)
{
    const KvmSlot *slot = index < self->slots->len ? &g_array_index(self->slots, KvmSlot, index) : NULL;

    if (slot && slot->used && page < slot->size / KVM_PAGE) {
        __atomic_fetch_or(emu_ram_dirty_byte(slot->ram + page * KVM_PAGE), (uint8_t)(1 << EMU_DIRTY_VGA | 1 << EMU_DIRTY_MIGRATION),
                          __ATOMIC_RELEASE);
    }
}

static void
kvm_sync_slot(KvmAccel *self, unsigned index)
{
    KvmSlot *slot = &g_array_index(self->slots, KvmSlot, index);
    gsize pages = slot->size / KVM_PAGE;
    gsize words = (pages + 63) / 64;
    g_autofree uint64_t *bitmap = g_new0(uint64_t, words);
    struct kvm_dirty_log log = {.slot = index, .dirty_bitmap = bitmap};

    if (self->rings) {
        kvm_dirty_ring_collect(self);
        return;
    }
    if (ioctl(self->vm.vm_fd, KVM_GET_DIRTY_LOG, &log) != 0) {
        return;
    }
    for (gsize w = 0; w < words; w++) {
        for (uint64_t bits = bitmap[w]; bits; bits &= bits - 1) {
            kvm_memory_mark_page(self, index, w * 64 + (unsigned)__builtin_ctzll(bits));
        }
    }
}

static void
kvm_memory_log_sync_cb(gpointer opaque)
{
    KvmAccel *self = opaque;

    for (guint i = 0; i < self->slots->len; i++) {
        const KvmSlot *slot = &g_array_index(self->slots, KvmSlot, i);

        if (slot->used && (slot->flags & KVM_MEM_LOG_DIRTY_PAGES)) {
            kvm_sync_slot(self, i);
        }
    }
}

static gboolean
kvm_late_writes_cb(gpointer data)
{
    KvmAccel *self = data;

    if (kvm_has_late_writes(self)) {
        emu_machine_lock(self->machine);
        kvm_drain(self);
        emu_machine_unlock(self->machine);
    }
    return G_SOURCE_CONTINUE;
}

static void
kvm_memory_begin_cb(gpointer opaque)
{
    KvmAccel *self = opaque;

    g_array_set_size(self->to_remove, 0);
    g_array_set_size(self->to_add, 0);
    g_array_set_size(self->to_log, 0);
}

static void
kvm_memory_add_cb(gpointer opaque, const EmuMemorySection *section)
{
    g_array_append_vals(((KvmAccel *)opaque)->to_add, section, 1);
}

static void
kvm_memory_remove_cb(gpointer opaque, const EmuMemorySection *section)
{
    g_array_append_vals(((KvmAccel *)opaque)->to_remove, section, 1);
}

static void
kvm_memory_log_cb(gpointer opaque, const EmuMemorySection *section, bool on)
{
    KvmAccel *self = opaque;
    KvmSlot wanted = {.used = false};
    int index = kvm_section_to_slot(self, section, &wanted) ? kvm_find_slot(self, wanted.addr) : -1;

    if (on && wanted.used) {
        g_array_append_val(self->to_log, wanted.addr); /* when the range itself is new, its slot is made at commit */
    }
    if (index >= 0) {
        KvmSlot *slot = &g_array_index(self->slots, KvmSlot, index);
        uint32_t flags = on ? slot->flags | KVM_MEM_LOG_DIRTY_PAGES : slot->flags & ~KVM_MEM_LOG_DIRTY_PAGES;

        if (flags != slot->flags) {
            if (!on) {
                kvm_sync_slot(self, index);
            }
            slot->flags = flags;
            kvm_set_slot(self, index);
        }
    }
}

/* What has no slot works all the same: accesses exit, and code is interpreted. */
static void
kvm_miss_slot(KvmAccel *self, const KvmSlot *slot)
{
    if (!self->slots_missed) {
        self->slots_missed = true;
        emu_warn_report("kvm: the machine's memory is in more pieces than the host's KVM has slots, %u; those that got none, the first at "
                        "0x%" G_GINT64_MODIFIER "x, are slow",
                        self->max_slots, slot->addr);
    }
}

static void
kvm_memory_commit_cb(gpointer opaque)
{
    KvmAccel *self = opaque;

    for (guint i = 0; i < self->to_remove->len; i++) {
        KvmSlot gone;
        int index = kvm_section_to_slot(self, &g_array_index(self->to_remove, EmuMemorySection, i), &gone)
                        ? kvm_find_slot(self, gone.addr)
                        : -1;

        if (index >= 0) {
            KvmSlot *slot = &g_array_index(self->slots, KvmSlot, index);

            if (slot->flags & KVM_MEM_LOG_DIRTY_PAGES) {
                kvm_sync_slot(self, index);
            }
            slot->used = false;
            kvm_set_slot(self, index);
        }
    }
    for (guint i = 0; i < self->to_add->len; i++) {
        const EmuMemorySection *section = &g_array_index(self->to_add, EmuMemorySection, i);
        KvmSlot slot;
        guint index;

        if (!kvm_section_to_slot(self, section, &slot)) {
            continue;
        }
        for (guint j = 0; j < self->to_log->len; j++) {
            if (g_array_index(self->to_log, uint64_t, j) == slot.addr) {
                slot.flags |= KVM_MEM_LOG_DIRTY_PAGES;
            }
        }
        for (index = 0; index < self->slots->len; index++) {
            if (!g_array_index(self->slots, KvmSlot, index).used) {
                break;
            }
        }
        if (index == self->max_slots) {
            kvm_miss_slot(self, &slot);
            continue;
        }
        if (index == self->slots->len) {
            g_array_set_size(self->slots, index + 1);
        }
        g_array_index(self->slots, KvmSlot, index) = slot;
        kvm_set_slot(self, index);
    }
    g_array_set_size(self->to_remove, 0);
    g_array_set_size(self->to_add, 0);
    g_array_set_size(self->to_log, 0);
}

void
kvm_memory_init(KvmAccel *self)
{
    static const EmuMemoryListener listener = {
        .begin = kvm_memory_begin_cb,
        .add = kvm_memory_add_cb,
        .remove = kvm_memory_remove_cb,
        .log = kvm_memory_log_cb,
        .commit = kvm_memory_commit_cb,
        .log_sync = kvm_memory_log_sync_cb,
        .doorbell = kvm_memory_doorbell_cb,
        .coalesced = kvm_memory_coalesced_cb,
    };
    GSource *source = g_timeout_source_new(LATE_WRITES_PERIOD_MS);
    int offered = ioctl(self->vm.vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);

    /* Kernels without the capability have as many as the first one had. */
    self->max_slots = MIN(self->max_slots ? self->max_slots : UINT32_MAX, offered > 0 ? (uint32_t)offered : FIRST_KVM_SLOTS);
    self->slots = g_array_new(FALSE, TRUE, sizeof(KvmSlot));
    self->to_remove = g_array_new(FALSE, FALSE, sizeof(EmuMemorySection));
    self->to_add = g_array_new(FALSE, FALSE, sizeof(EmuMemorySection));
    self->to_log = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    self->listener = emu_address_space_add_listener(emu_machine_get_memory_as(self->machine), &listener, self);
    g_source_set_callback(source, kvm_late_writes_cb, self, NULL);
    self->late_writes_timer = g_source_attach(source, emu_context_get_main_context(emu_machine_get_context(self->machine)));
    g_source_unref(source);
}

void
kvm_memory_finish(KvmAccel *self)
{
    if (self->late_writes_timer) {
        GSource *source = g_main_context_find_source_by_id(
            emu_context_get_main_context(emu_machine_get_context(self->machine)), self->late_writes_timer);

        if (source) {
            g_source_destroy(source);
        }
        self->late_writes_timer = 0;
    }
    if (self->listener) {
        emu_address_space_remove_listener(emu_machine_get_memory_as(self->machine), self->listener);
        self->listener = NULL;
    }
    g_clear_pointer(&self->slots, g_array_unref);
    g_clear_pointer(&self->to_remove, g_array_unref);
    g_clear_pointer(&self->to_add, g_array_unref);
    g_clear_pointer(&self->to_log, g_array_unref);
}
