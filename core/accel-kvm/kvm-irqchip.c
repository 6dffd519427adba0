/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Interrupt controllers in the host's kernel.
 *
 *   off    local APICs, I/O APIC, 8259s and 8254 are the machine's own devices
 *   split  the local APICs are the kernel's
 *   on     all are the kernel's
 *
 * Boards ask for the type of each chip; here is what they get. The forms "kvm-..." live beside the devices whose state they have.
 */

#include "kvm-private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#define N_PIC_INPUTS 16
#define PIC_CASCADE 2
#define TIMER_PIN 2 /* of the I/O APIC: where a PC has request 0 */

const EmuKvmVm *
emu_kvm_get_vm(EmuMachine *machine)
{
    EmuAccel *accel = machine ? emu_machine_get_accel(machine) : NULL;

    return accel && KVM_IS_ACCEL(accel) ? &KVM_ACCEL(accel)->vm : NULL;
}

/*
 * Plugins name a chip's forms after it: "kvm-NAME" is the one that lies in the kernel, "kvm-NAME-split" what is left in this process
 * while only the local APICs are there. NAME is without the "isa-" of its bus.
 */
const char *
kvm_irqchip_get_device_type(KvmAccel *self, const char *type_name)
{
    g_autofree char *form = NULL;

    if (!self->vm.chips && !self->vm.local_apics) {
        return NULL;
    }
    form = g_strconcat("kvm-", g_str_has_prefix(type_name, "isa-") ? type_name + strlen("isa-") : type_name,
                       self->vm.chips ? NULL : "-split", NULL);
    return emu_type_exists(form) ? g_intern_string(form) : NULL;
}

/* ---- routes ---------------------------------------------------------------------------------------------------- */

static void
kvm_routes_add_chip(KvmAccel *self, uint32_t gsi, uint32_t chip, uint32_t pin)
{
    struct kvm_irq_routing_entry entry = {.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP, .u.irqchip = {.irqchip = chip, .pin = pin}};

    g_array_append_val(self->routes, entry);
}

static void
kvm_routes_add_pic(KvmAccel *self, uint32_t gsi, unsigned input)
{
    if (input != PIC_CASCADE) {
        kvm_routes_add_chip(self, gsi, input < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, input & 7);
    }
}

static bool
kvm_routes_commit(KvmAccel *self)
{
    g_autofree struct kvm_irq_routing *table =
        g_malloc0(sizeof(*table) + self->routes->len * sizeof(struct kvm_irq_routing_entry));

    table->nr = self->routes->len;
    memcpy(table->entries, self->routes->data, self->routes->len * sizeof(struct kvm_irq_routing_entry));
    return ioctl(self->vm.vm_fd, KVM_SET_GSI_ROUTING, table) == 0;
}

/* A chip's pin tells its end of interrupt under the number that was routed to it last: the common ones come at the end. */
static void
kvm_routes_fill_chips(KvmAccel *self)
{
    for (unsigned i = 0; i < N_PIC_INPUTS; i++) {
        kvm_routes_add_pic(self, EMU_KVM_GSI_PIC + i, i);
    }
    for (unsigned i = 0; i < EMU_KVM_N_PINS; i++) {
        kvm_routes_add_chip(self, EMU_KVM_GSI_IOAPIC + i, KVM_IRQCHIP_IOAPIC, i);
    }
    for (unsigned i = 0; i < EMU_KVM_N_PINS; i++) {
        if (i < N_PIC_INPUTS) {
            kvm_routes_add_pic(self, EMU_KVM_GSI_PINS + i, i);
        }
        if (i != TIMER_PIN) {
            kvm_routes_add_chip(self, EMU_KVM_GSI_PINS + i, KVM_IRQCHIP_IOAPIC, i == 0 ? TIMER_PIN : i);
        }
    }
}

void
emu_kvm_set_gsi(EmuMachine *machine, unsigned gsi, int level)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(machine);
    struct kvm_irq_level line = {.irq = gsi, .level = level != 0};

    if (vm && ioctl(vm->vm_fd, KVM_IRQ_LINE, &line) != 0) {
        emu_unimp("kvm: interrupt %u was not taken: %s", gsi, g_strerror(errno));
    }
}

void
emu_kvm_send_message(EmuMachine *machine, uint64_t address, uint32_t data)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(machine);
    struct kvm_msi message = {.address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data};

    /* 0: no local APIC wanted it, as may happen. */
    if (vm && ioctl(vm->vm_fd, KVM_SIGNAL_MSI, &message) < 0) {
        emu_unimp("kvm: message 0x%x to 0x%" G_GINT64_MODIFIER "x was not taken: %s", data, address, g_strerror(errno));
    }
}

/* Replaces or removes the one route of @gsi. */
static void
kvm_routes_set_message(KvmAccel *self, unsigned gsi, bool wanted, uint64_t address, uint32_t data)
{
    struct kvm_irq_routing_entry entry = {
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_MSI,
        .u.msi = {.address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data},
    };
    bool changed = wanted;

    g_mutex_lock(&self->routes_lock);
    for (guint i = 0; i < self->routes->len; i++) {
        struct kvm_irq_routing_entry *old = &g_array_index(self->routes, struct kvm_irq_routing_entry, i);

        if (old->gsi == gsi) {
            changed = !wanted || memcmp(&old->u.msi, &entry.u.msi, sizeof(entry.u.msi)) != 0;
            if (changed) {
                g_array_remove_index_fast(self->routes, i);
            }
            break;
        }
    }
    if (changed) {
        if (wanted) {
            g_array_append_val(self->routes, entry);
        }
        if (!kvm_routes_commit(self)) {
            emu_unimp("kvm: %u interrupt routes were not taken: %s", self->routes->len, g_strerror(errno));
        }
    }
    g_mutex_unlock(&self->routes_lock);
}

void
emu_kvm_set_pin_message(EmuMachine *machine, unsigned pin, bool masked, uint64_t address, uint32_t data)
{
    g_return_if_fail(pin < EMU_KVM_N_PINS);
    if (emu_kvm_get_vm(machine)) {
        kvm_routes_set_message(KVM_ACCEL(emu_machine_get_accel(machine)), EMU_KVM_GSI_PINS + pin, !masked, address, data);
    }
}

/* ---- messages that an eventfd sends ------------------------------------------------------------------------------ */

static bool
kvm_set_irqfd(KvmAccel *self, int gsi, int fd, uint32_t flags)
{
    struct kvm_irqfd irqfd = {.fd = (uint32_t)fd, .gsi = (uint32_t)gsi, .flags = flags};

    return ioctl(self->vm.vm_fd, KVM_IRQFD, &irqfd) == 0;
}

/* The first number above the chips' that no route has. */
static int
kvm_routes_find_free(KvmAccel *self)
{
    int limit = ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQ_ROUTING);
    int gsi = EMU_KVM_GSI_FREE;

    g_mutex_lock(&self->routes_lock);
    for (guint i = 0; i < self->routes->len; i++) {
        if (g_array_index(self->routes, struct kvm_irq_routing_entry, i).gsi == (uint32_t)gsi) {
            gsi++;
            i = (guint)-1;
        }
    }
    g_mutex_unlock(&self->routes_lock);
    return gsi < limit ? gsi : -1;
}

int
kvm_irqchip_set_message_route(KvmAccel *self, int handle, int fd, uint64_t address, uint32_t data)
{
    int gsi = handle;

    if (!self->vm.local_apics || ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQFD) <= 0) {
        return -1;
    }
    if (gsi < 0) {
        gsi = kvm_routes_find_free(self);
    }
    if (gsi < 0) {
        return -1;
    }
    kvm_routes_set_message(self, (unsigned)gsi, true, address, data);
    if (handle < 0 && !kvm_set_irqfd(self, gsi, fd, 0)) {
        kvm_routes_set_message(self, (unsigned)gsi, false, 0, 0);
        return -1;
    }
    return gsi;
}

void
kvm_irqchip_drop_message_route(KvmAccel *self, int handle, int fd)
{
    kvm_set_irqfd(self, handle, fd, KVM_IRQFD_FLAG_DEASSIGN);
    kvm_routes_set_message(self, (unsigned)handle, false, 0, 0);
}

/* ---- set-up ------------------------------------------------------------------------------------------------------ */

static bool
kvm_irqchip_fail(GError **error, const char *what)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: kernel-irqchip: %s", what);
    return false;
}

static bool
kvm_irqchip_choose(KvmAccel *self, GError **error)
{
    /* "-machine kernel-irqchip=..." counts when the accelerator's own option is silent. */
    const char *text = self->irqchip == KVM_IRQCHIP_AUTO ? emu_machine_get_option(self->machine, "kernel-irqchip") : NULL;
    bool has_chips = ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) > 0 &&
                     ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_PIT2) > 0 &&
                     ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_PIT_STATE2) > 0 &&
                     ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQ_ROUTING) > EMU_KVM_GSI_FREE;
    bool has_split = ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SPLIT_IRQCHIP) > 0 &&
                     ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_SIGNAL_MSI) > 0;
    int choice = self->irqchip;

    if (text) {
        if (strcmp(text, "on") == 0) {
            choice = KVM_IRQCHIP_ON;
        } else if (strcmp(text, "off") == 0) {
            choice = KVM_IRQCHIP_OFF;
        } else if (strcmp(text, "split") == 0) {
            choice = KVM_IRQCHIP_SPLIT;
        } else {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-machine kernel-irqchip=%s: expected on, off or split", text);
            return false;
        }
    }
    if (choice == KVM_IRQCHIP_AUTO) {
        choice = has_chips ? KVM_IRQCHIP_ON : has_split ? KVM_IRQCHIP_SPLIT : KVM_IRQCHIP_OFF;
    }
    if (choice == KVM_IRQCHIP_ON && !has_chips) {
        return kvm_irqchip_fail(error, "the host's KVM has no interrupt controllers; kernel-irqchip=off goes without");
    }
    if (choice == KVM_IRQCHIP_SPLIT && !has_split) {
        return kvm_irqchip_fail(error, "the host's KVM has no split interrupt controllers; kernel-irqchip=off goes without");
    }
    self->irqchip = choice;
    return true;
}

/* Before the first vCPU. */
bool
kvm_irqchip_setup(KvmAccel *self, GError **error)
{
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args[0] = EMU_KVM_N_PINS};

    self->routes = g_array_new(FALSE, FALSE, sizeof(struct kvm_irq_routing_entry));
    if (!kvm_irqchip_choose(self, error)) {
        return false;
    }
    switch (self->irqchip) {
    case KVM_IRQCHIP_ON:
        if (ioctl(self->vm.vm_fd, KVM_CREATE_IRQCHIP, 0) != 0) {
            return kvm_irqchip_fail(error, g_strerror(errno));
        }
        self->vm.local_apics = self->vm.chips = true;
        kvm_routes_fill_chips(self);
        if (!kvm_routes_commit(self)) {
            return kvm_irqchip_fail(error, g_strerror(errno));
        }
        break;
    case KVM_IRQCHIP_SPLIT:
        if (ioctl(self->vm.vm_fd, KVM_ENABLE_CAP, &split) != 0) {
            return kvm_irqchip_fail(error, g_strerror(errno));
        }
        self->vm.local_apics = true;
        break;
    default:
        break;
    }
    return true;
}

void
kvm_irqchip_finish(KvmAccel *self)
{
    g_clear_pointer(&self->routes, g_array_unref);
}
