/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The log of writes as rings, one per vCPU (option dirty-ring-size): the kernel appends the pages that are written, here they are taken out and
 * given back. Work goes with what was written, not with the size of memory as it does for bitmaps.
 */

#include "kvm-private.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define PAGE 4096

bool
kvm_dirty_ring_setup(KvmAccel *self, GError **error)
{
    struct kvm_enable_cap cap = {.cap = KVM_CAP_DIRTY_LOG_RING_ACQ_REL};
    uint64_t bytes = (uint64_t)self->dirty_ring_size * sizeof(struct kvm_dirty_gfn);
    int most;

    if (self->dirty_ring_size == 0) {
        return true;
    }
    if (self->dirty_ring_size & (self->dirty_ring_size - 1)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "kvm: dirty-ring-size is %u, expected a power of two",
                    self->dirty_ring_size);
        return false;
    }
    most = ioctl(self->vm.vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING_ACQ_REL);
    if (most <= 0) {
        cap.cap = KVM_CAP_DIRTY_LOG_RING;
        most = ioctl(self->vm.vm_fd, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING);
    }
    if (most <= 0) {
        emu_warn_report("kvm: the host's KVM has no dirty rings; bitmaps are used");
        self->dirty_ring_size = 0;
        return true;
    }
    if (bytes > (uint64_t)most || bytes < PAGE) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "kvm: dirty-ring-size is %u, expected %u to %u here",
                    self->dirty_ring_size, (unsigned)(PAGE / sizeof(struct kvm_dirty_gfn)), (unsigned)((unsigned)most / sizeof(struct kvm_dirty_gfn)));
        return false;
    }
    cap.args[0] = bytes;
    if (ioctl(self->vm.vm_fd, KVM_ENABLE_CAP, &cap) != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: dirty-ring-size=%u: %s", self->dirty_ring_size, g_strerror(errno));
        return false;
    }
    self->rings = g_ptr_array_new();
    return true;
}

bool
kvm_dirty_ring_add(KvmAccel *self, int vcpu_fd, GError **error)
{
    KvmDirtyRing *ring;
    void *map;

    if (!self->rings) {
        return true;
    }
    map = mmap(NULL, self->dirty_ring_size * sizeof(struct kvm_dirty_gfn), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu_fd,
               PAGE * KVM_DIRTY_LOG_PAGE_OFFSET);
    if (map == MAP_FAILED) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: a dirty ring could not be mapped: %s", g_strerror(errno));
        return false;
    }
    ring = g_new0(KvmDirtyRing, 1);
    ring->entries = map;
    g_ptr_array_add(self->rings, ring);
    return true;
}

void
kvm_dirty_ring_collect(KvmAccel *self)
{
    unsigned collected = 0;

    for (guint i = 0; self->rings && i < self->rings->len; i++) {
        KvmDirtyRing *ring = g_ptr_array_index(self->rings, i);

        for (;; ring->next++) {
            struct kvm_dirty_gfn *entry = &ring->entries[ring->next & (self->dirty_ring_size - 1)];

            if (__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY) {
                break;
            }
            kvm_memory_mark_page(self, entry->slot & 0xffff, entry->offset);
            __atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
            collected++;
        }
    }
    if (collected) {
        ioctl(self->vm.vm_fd, KVM_RESET_DIRTY_RINGS, 0);
    }
}

void
kvm_dirty_ring_finish(KvmAccel *self)
{
    for (guint i = 0; self->rings && i < self->rings->len; i++) {
        KvmDirtyRing *ring = g_ptr_array_index(self->rings, i);

        munmap(ring->entries, self->dirty_ring_size * sizeof(struct kvm_dirty_gfn));
        g_free(ring);
    }
    g_clear_pointer(&self->rings, g_ptr_array_unref);
}
