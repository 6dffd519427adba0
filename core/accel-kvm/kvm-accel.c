/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The "kvm" accelerator object: /dev/kvm, the VM, capability checks. */

#include "kvm-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

G_DEFINE_TYPE(KvmAccel, kvm_accel, EMU_TYPE_ACCEL)

static const struct {
    int capability;
    const char *name;
} kvm_required[] = {
    {KVM_CAP_USER_MEMORY, "user memory"},
    {KVM_CAP_IMMEDIATE_EXIT, "immediate exit"},
    {KVM_CAP_DESTROY_MEMORY_REGION_WORKS, "removal of memory slots"},
    {KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, "neighbouring memory slots"},
    {KVM_CAP_INTERNAL_ERROR_DATA, "data of internal errors"},
    {KVM_CAP_SET_TSS_ADDR, "place of the TSS"},
    {KVM_CAP_EXT_CPUID, "CPUID tables"},
    {KVM_CAP_VCPU_EVENTS, "pending events"},
    {KVM_CAP_DEBUGREGS, "debug registers"},
    {KVM_CAP_XSAVE, "extended registers"},
    {KVM_CAP_MP_STATE, "multiprocessor state"},
};

static bool
kvm_accel_fail(KvmAccel *self, GError **error, const char *what, const char *advice)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: %s: %s%s%s", self->device, what, advice ? "; " : "",
                advice ? advice : "");
    if (self->vm.vm_fd >= 0) {
        close(self->vm.vm_fd);
        self->vm.vm_fd = -1;
    }
    if (self->vm.kvm_fd >= 0) {
        close(self->vm.kvm_fd);
        self->vm.kvm_fd = -1;
    }
    return false;
}

static bool
kvm_accel_setup(EmuAccel *accel, EmuMachine *machine, GError **error)
{
    KvmAccel *self = KVM_ACCEL(accel);
    int version;

    self->vm.kvm_fd = open(self->device, O_RDWR | O_CLOEXEC);
    if (self->vm.kvm_fd < 0) {
        const char *advice = NULL;

        switch (errno) {
        case ENOENT:
        case ENODEV:
        case ENXIO:
            advice = "load the module kvm_intel or kvm_amd, and enable virtualization in the firmware";
            break;
        case EACCES:
        case EPERM:
            advice = "add the user to the group that owns it, usually kvm, and log in again";
            break;
        case EMFILE:
        case ENFILE:
            advice = "raise the limit of open files";
            break;
        default:
            break;
        }
        return kvm_accel_fail(self, error, g_strerror(errno), advice);
    }
    version = ioctl(self->vm.kvm_fd, KVM_GET_API_VERSION, 0);
    if (version != KVM_API_VERSION) {
        g_autofree char *text = version < 0 ? g_strdup_printf("this is no KVM device (%s)", g_strerror(errno))
                                            : g_strdup_printf("API version is %d, expected %d", version, KVM_API_VERSION);

        return kvm_accel_fail(self, error, text,
                              version < 0                   ? "the option device= names it"
                              : version < KVM_API_VERSION ? "a newer kernel is needed"
                                                            : "a newer emu is needed");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(kvm_required); i++) {
        if (ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, kvm_required[i].capability) <= 0) {
            g_autofree char *text = g_strdup_printf("the host's KVM lacks '%s'", kvm_required[i].name);

            return kvm_accel_fail(self, error, text, "a newer kernel is needed");
        }
    }
    self->has_readonly = ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) > 0;
    self->run_size = ioctl(self->vm.kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (self->run_size < (int)sizeof(struct kvm_run)) {
        return kvm_accel_fail(self, error, "the run area is too small", NULL);
    }
    do {
        self->vm.vm_fd = ioctl(self->vm.kvm_fd, KVM_CREATE_VM, 0);
    } while (self->vm.vm_fd < 0 && errno == EINTR);
    if (self->vm.vm_fd < 0) {
        return kvm_accel_fail(self, error, g_strerror(errno),
                              errno == EBUSY    ? "another hypervisor uses the processor's virtualization; end it"
                              : errno == ENOMEM ? "no virtual machine could be made: free memory"
                                                : "no virtual machine could be made");
    }
    self->machine = machine;
    if (!kvm_dirty_ring_setup(self, error) || !kvm_irqchip_setup(self, error)) {
        return false;
    }
    self->service = emu_tcg_service_new(machine);
    return true;
}

static bool
kvm_accel_create_vcpu(EmuAccel *accel, EmuCpu *cpu, GError **error)
{
    KvmAccel *self = KVM_ACCEL(accel);

    if (!kvm_vcpu_create(self, cpu, error)) {
        return false;
    }
    if (self->n_vcpus++ == 0) {
        kvm_memory_init(self);
        kvm_ports_init(self);
        kvm_clock_init(self);
        kvm_window_init(self);
    }
    g_object_ref(accel); /* the vCPU's state lives in the service */
    return true;
}

static void
kvm_accel_destroy_vcpu(EmuAccel *accel, EmuCpu *cpu)
{
    if (emu_cpu_get_accel_data(cpu)) {
        KvmAccel *self = KVM_ACCEL(accel);

        kvm_vcpu_destroy(self, cpu);
        if (--self->n_vcpus == 0) {
            kvm_clock_finish(self);
            kvm_ports_finish(self);
            kvm_memory_finish(self);
            kvm_dirty_ring_finish(self);
            kvm_vcpu_close_parked(self);
        }
        g_object_unref(accel);
    }
}

static void
kvm_accel_run(EmuAccel *accel G_GNUC_UNUSED, EmuCpu *cpu)
{
    kvm_vcpu_run(emu_cpu_get_accel_data(cpu));
}

static void
kvm_accel_kick(EmuAccel *accel G_GNUC_UNUSED, EmuCpu *cpu)
{
    KvmVcpu *v = emu_cpu_get_accel_data(cpu);

    if (v) {
        kvm_vcpu_kick(v);
    }
}

static void
kvm_accel_reset_vcpu(EmuAccel *accel G_GNUC_UNUSED, EmuCpu *cpu)
{
    kvm_vcpu_reset(emu_cpu_get_accel_data(cpu));
}

static void
kvm_accel_synchronize(EmuAccel *accel G_GNUC_UNUSED, EmuCpu *cpu)
{
    KvmVcpu *v = emu_cpu_get_accel_data(cpu);

    if (v) {
        kvm_vcpu_fetch(v);
    }
}

static void
kvm_accel_before_resume(EmuAccel *accel G_GNUC_UNUSED, EmuCpu *cpu)
{
    KvmVcpu *v = emu_cpu_get_accel_data(cpu);

    if (v && !v->failed) {
        kvm_vcpu_store(v);
    }
}

static bool
kvm_accel_waits_inside(EmuAccel *accel, EmuCpu *cpu G_GNUC_UNUSED)
{
    return KVM_ACCEL(accel)->vm.local_apics;
}

static const char *
kvm_accel_get_device_type(EmuAccel *accel, const char *type_name)
{
    return kvm_irqchip_get_device_type(KVM_ACCEL(accel), type_name);
}

static int
kvm_accel_set_message_route(EmuAccel *accel, int handle, int fd, uint64_t address, uint32_t data)
{
    return kvm_irqchip_set_message_route(KVM_ACCEL(accel), handle, fd, address, data);
}

static void
kvm_accel_drop_message_route(EmuAccel *accel, int handle, int fd)
{
    kvm_irqchip_drop_message_route(KVM_ACCEL(accel), handle, fd);
}

static uint64_t
kvm_accel_get_access_pc(EmuAccel *accel G_GNUC_UNUSED, EmuCpu *cpu)
{
    return kvm_debug_get_access_pc(emu_cpu_get_accel_data(cpu));
}

static void
kvm_accel_debug_changed(EmuAccel *accel)
{
    kvm_debug_changed(KVM_ACCEL(accel));
}

static GPtrArray *
kvm_accel_get_stats(EmuAccel *accel, EmuCpu *cpu, GError **error)
{
    return kvm_get_stats(KVM_ACCEL(accel), cpu, error);
}

static void
kvm_accel_init(KvmAccel *self)
{
    self->vm.kvm_fd = self->vm.vm_fd = -1;
    g_mutex_init(&self->routes_lock);
}

static void
kvm_accel_finalize(GObject *object)
{
    KvmAccel *self = KVM_ACCEL(object);

    g_clear_pointer(&self->service, emu_tcg_service_free);
    kvm_irqchip_finish(self);
    g_mutex_clear(&self->routes_lock);
    if (self->vm.vm_fd >= 0) {
        close(self->vm.vm_fd);
    }
    if (self->vm.kvm_fd >= 0) {
        close(self->vm.kvm_fd);
    }
    G_OBJECT_CLASS(kvm_accel_parent_class)->finalize(object);
}

static const char *const kvm_irqchip_names[] = {"off", "on", "split", "auto", NULL};

static const char *const kvm_switch_names[] = {"off", "on", "auto", NULL};

static const EmuProperty kvm_accel_properties[] = {
    EMU_PROP_STRING("device", KvmAccel, device, "/dev/kvm", "the KVM device"),
    EMU_PROP_UINT32("dirty-ring-size", KvmAccel, dirty_ring_size, 0, "entries of each vCPU's ring of written pages; 0: bitmaps instead"),
    EMU_PROP_ENUM("kernel-irqchip", KvmAccel, irqchip, KVM_IRQCHIP_AUTO, kvm_irqchip_names,
                  "interrupt controllers in the host's kernel: all, the local APICs (split), none"),
    EMU_PROP_UINT32("slots", KvmAccel, max_slots, 0, "memory slots to use at most; 0: as many as the host's KVM has"),
    EMU_PROP_ENUM("find-windows", KvmAccel, find_windows, KVM_AUTO, kvm_switch_names,
                  "looks for where the guest lets interrupts in; auto: where the host emulates guest kernels"),
};

static void
kvm_accel_class_init(KvmAccelClass *klass)
{
    EmuAccelClass *accel = EMU_ACCEL_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = kvm_accel_finalize;
    accel->name = "kvm";
    accel->no_smm = true;
    accel->setup = kvm_accel_setup;
    accel->create_vcpu = kvm_accel_create_vcpu;
    accel->destroy_vcpu = kvm_accel_destroy_vcpu;
    accel->run = kvm_accel_run;
    accel->kick = kvm_accel_kick;
    accel->reset_vcpu = kvm_accel_reset_vcpu;
    accel->synchronize = kvm_accel_synchronize;
    accel->before_resume = kvm_accel_before_resume;
    accel->waits_inside = kvm_accel_waits_inside;
    accel->get_device_type = kvm_accel_get_device_type;
    accel->set_message_route = kvm_accel_set_message_route;
    accel->drop_message_route = kvm_accel_drop_message_route;
    accel->debug_changed = kvm_accel_debug_changed;
    accel->get_access_pc = kvm_accel_get_access_pc;
    accel->get_stats = kvm_accel_get_stats;
    emu_object_class_add_properties(klass, kvm_accel_properties, G_N_ELEMENTS(kvm_accel_properties));
}

static void
kvm_accel_register(void)
{
    emu_type_register_gtype("kvm-accel", KVM_TYPE_ACCEL);
}

type_init(kvm_accel_register)
