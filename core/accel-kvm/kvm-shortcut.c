/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Writes that need not leave the kernel: doorbells (ioeventfd) and the ring of writes that may come late (coalesced MMIO). */

#include "kvm-private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- doorbells ------------------------------------------------------------------------------------------------ */

static void
kvm_set_doorbell(KvmAccel *self, uint64_t addr, const EmuDoorbell *doorbell, bool added, bool port)
{
    struct kvm_ioeventfd event = {
        .datamatch = doorbell->match ? doorbell->value : 0,
        .addr = addr,
        .len = doorbell->size,
        .fd = doorbell->fd,
        .flags = (port ? KVM_IOEVENTFD_FLAG_PIO : 0) | (doorbell->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
                 (added ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
    };

    if (ioctl(self->vm.vm_fd, KVM_IOEVENTFD, &event) != 0 && added) {
        /* The exit finds the region, and its doorbell there. */
        emu_unimp("kvm: the doorbell at 0x%" G_GINT64_MODIFIER "x stays outside: %s", addr, g_strerror(errno));
    }
}

void
kvm_memory_doorbell_cb(gpointer opaque, uint64_t addr, const EmuDoorbell *doorbell, bool added)
{
    kvm_set_doorbell(opaque, addr, doorbell, added, false);
}

static void
kvm_port_doorbell_cb(gpointer opaque, uint64_t addr, const EmuDoorbell *doorbell, bool added)
{
    kvm_set_doorbell(opaque, addr, doorbell, added, true);
}

/* ---- writes that may come late ----------------------------------------------------------------------------------- */

static void
kvm_set_coalesced(KvmAccel *self, uint64_t addr, uint64_t size, bool added, bool port)
{
    struct kvm_coalesced_mmio_zone zone = {.addr = addr, .size = (uint32_t)size, .pio = port};

    if (self->has_coalesced && (!port || self->has_coalesced_ports) && size <= UINT32_MAX) {
        if (!added) {
            kvm_drain(self);
        }
        ioctl(self->vm.vm_fd, added ? KVM_REGISTER_COALESCED_MMIO : KVM_UNREGISTER_COALESCED_MMIO, &zone);
    }
}

void
kvm_memory_coalesced_cb(gpointer opaque, uint64_t addr, uint64_t size, bool added)
{
    kvm_set_coalesced(opaque, addr, size, added, false);
}

static void
kvm_port_coalesced_cb(gpointer opaque, uint64_t addr, uint64_t size, bool added)
{
    kvm_set_coalesced(opaque, addr, size, added, true);
}

/* Carries out what is in the ring. Big lock held: it keeps those that drain apart. A device that is written to may cause another drain. */
void
kvm_drain(KvmAccel *self)
{
    struct kvm_coalesced_mmio_ring *ring = self->ring;
    unsigned size = (4096 - sizeof(*ring)) / sizeof(struct kvm_coalesced_mmio);

    if (!ring || self->draining) {
        return;
    }
    self->draining = true;
    while (ring->first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
        struct kvm_coalesced_mmio entry = ring->coalesced_mmio[ring->first % size];
        EmuAddressSpace *as = entry.pio ? emu_machine_get_io_as(self->machine) : emu_machine_get_memory_as(self->machine);

        __atomic_store_n(&ring->first, (ring->first + 1) % size, __ATOMIC_RELEASE);
        self->late_writes++;
        emu_address_space_write(as, entry.phys_addr, entry.data, MIN(entry.len, sizeof(entry.data)), EMU_MEM_ATTRS_NONE);
    }
    self->draining = false;
}

void
kvm_ports_init(KvmAccel *self)
{
    static const EmuMemoryListener listener = {.doorbell = kvm_port_doorbell_cb, .coalesced = kvm_port_coalesced_cb};

    self->ports_listener = emu_address_space_add_listener(emu_machine_get_io_as(self->machine), &listener, self);
}

void
kvm_ports_finish(KvmAccel *self)
{
    if (self->ports_listener) {
        emu_address_space_remove_listener(emu_machine_get_io_as(self->machine), self->ports_listener);
        self->ports_listener = NULL;
    }
}
