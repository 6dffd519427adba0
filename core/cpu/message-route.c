/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Interrupt messages that an eventfd sends: for devices that work on threads of their own, and for ones outside this process. An accelerator
 * may have them in the kernel (KVM's irqfd); otherwise the main loop reads the eventfd and writes the message.
 */

#include <emu/cpu.h>

#include <unistd.h>

struct _EmuMessageRoute {
    EmuMachine *machine;
    int fd;
    uint64_t address;
    uint32_t data;
    int handle; /* the accelerator's; -1: the main loop serves it */
};

static void
message_route_read_cb(int fd, gpointer opaque)
{
    EmuMessageRoute *self = opaque;
    uint64_t count;

    if (read(fd, &count, sizeof(count)) == sizeof(count)) {
        emu_address_space_store(emu_machine_get_memory_as(self->machine), self->address, self->data, 4, EMU_MEM_ATTRS_NONE, NULL);
    }
}

static EmuAccelClass *
message_route_accel(EmuMessageRoute *self, EmuAccel **accel)
{
    *accel = emu_machine_get_accel(self->machine);
    return *accel && EMU_ACCEL_GET_CLASS(*accel)->set_message_route ? EMU_ACCEL_GET_CLASS(*accel) : NULL;
}

/**
 * emu_message_route_new:
 * @machine: a machine that is built
 * @fd: an eventfd, not blocking; stays the caller's, and open as long as the route is there
 * @address: where the message is written to
 * @data: its four bytes
 *
 * Each time that @fd is signalled, the message goes out; signals that follow each other closely may become one. Big lock held, as for the other
 * two functions.
 *
 * Returns: (transfer full): until emu_message_route_free()
 */
EmuMessageRoute *
emu_message_route_new(EmuMachine *machine, int fd, uint64_t address, uint32_t data)
{
    EmuMessageRoute *self = g_new(EmuMessageRoute, 1);
    EmuAccelClass *klass;
    EmuAccel *accel;

    *self = (EmuMessageRoute){.machine = machine, .fd = fd, .address = address, .data = data, .handle = -1};
    klass = message_route_accel(self, &accel);
    if (klass) {
        self->handle = klass->set_message_route(accel, -1, fd, address, data);
    }
    if (self->handle < 0) {
        emu_context_set_fd_handler(emu_machine_get_context(machine), fd, message_route_read_cb, NULL, NULL, self);
    }
    return self;
}

void
emu_message_route_set(EmuMessageRoute *self, uint64_t address, uint32_t data)
{
    EmuAccelClass *klass;
    EmuAccel *accel;

    self->address = address;
    self->data = data;
    klass = message_route_accel(self, &accel);
    if (klass && self->handle >= 0) {
        klass->set_message_route(accel, self->handle, self->fd, address, data);
    }
}

void
emu_message_route_free(EmuMessageRoute *self)
{
    EmuAccelClass *klass;
    EmuAccel *accel;

    if (!self) {
        return;
    }
    klass = message_route_accel(self, &accel);
    if (klass && self->handle >= 0) {
        klass->drop_message_route(accel, self->handle, self->fd);
    } else {
        emu_context_set_fd_handler(emu_machine_get_context(self->machine), self->fd, NULL, NULL, NULL, NULL);
    }
    g_free(self);
}
