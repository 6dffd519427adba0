/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The kernel's counters of the VM and of a vCPU, as it describes them itself (KVM_GET_STATS_FD), and behind a vCPU's the run loop's own.
 */

#include "kvm-private.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define STATS_MAX_DESCS 4096
#define STATS_MAX_NAME 256
#define STATS_MAX_VALUES 1024

static bool
stats_fail(GError **error, const char *what)
{
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm: counters: %s", what);
    return false;
}

static bool
stats_read(int fd, void *buffer, gsize size, uint64_t offset)
{
    return pread(fd, buffer, size, (off_t)offset) == (gssize)size;
}

static bool
stats_add(GPtrArray *list, int fd, const struct kvm_stats_header *header, const struct kvm_stats_desc *desc, const char *name)
{
    unsigned n = desc->size;
    g_autofree uint64_t *values = g_new0(uint64_t, MAX(n, 1));
    unsigned unit = (desc->flags & KVM_STATS_UNIT_MASK) >> KVM_STATS_UNIT_SHIFT;
    EmuAccelStat *stat;

    if (n == 0 || n > STATS_MAX_VALUES || !stats_read(fd, values, n * sizeof(*values), (uint64_t)header->data_offset + desc->offset)) {
        return false;
    }
    if ((desc->flags & KVM_STATS_TYPE_MASK) > EMU_ACCEL_STAT_LOG2 || unit > EMU_ACCEL_STAT_BOOLEAN) {
        return true; /* of a kind that came later */
    }
    stat = emu_accel_stat_new(name, desc->flags & KVM_STATS_TYPE_MASK, n, values);
    stat->unit = unit;
    stat->base = (desc->flags & KVM_STATS_BASE_MASK) == KVM_STATS_BASE_POW2 ? 2 : 10;
    stat->exponent = desc->exponent;
    stat->bucket_size = desc->bucket_size;
    g_ptr_array_add(list, stat);
    return true;
}

static bool
stats_collect(GPtrArray *list, int fd, GError **error)
{
    struct kvm_stats_header header;
    gsize step;

    if (!stats_read(fd, &header, sizeof(header), 0)) {
        return stats_fail(error, g_strerror(errno));
    }
    step = sizeof(struct kvm_stats_desc) + header.name_size;
    if (header.num_desc > STATS_MAX_DESCS || header.name_size == 0 || header.name_size > STATS_MAX_NAME) {
        return stats_fail(error, "the kernel describes them in a way that is not known here");
    }
    for (uint32_t i = 0; i < header.num_desc; i++) {
        union {
            struct kvm_stats_desc desc;
            char bytes[sizeof(struct kvm_stats_desc) + STATS_MAX_NAME + 1];
        } u = {0};

        if (!stats_read(fd, &u, step, header.desc_offset + i * step) ||
            !stats_add(list, fd, &header, &u.desc, u.bytes + sizeof(struct kvm_stats_desc))) {
            return stats_fail(error, "they could not be read");
        }
    }
    return true;
}

/* A vCPU's descriptor answers only while the vCPU is not in the guest. */
static void
stats_open_cb(EmuCpu *cpu, gpointer data)
{
    KvmVcpu *v = emu_cpu_get_accel_data(cpu);

    *(int *)data = v ? ioctl(v->fd, KVM_GET_STATS_FD, NULL) : -1;
}

static void
stats_add_own(GPtrArray *list, const KvmVcpu *v)
{
    const struct {
        const char *name;
        uint64_t value;
    } own[] = {
        {"user_port_exits", v->counts.ports},         {"user_mmio_exits", v->counts.mmio},
        {"user_other_exits", v->counts.others},       {"user_late_writes", v->accel->late_writes},
        {"user_interpreted", v->counts.interpreted},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(own); i++) {
        g_ptr_array_add(list, emu_accel_stat_new(own[i].name, EMU_ACCEL_STAT_CUMULATIVE, 1, &own[i].value));
    }
}

GPtrArray *
kvm_get_stats(KvmAccel *self, EmuCpu *cpu, GError **error)
{
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func((GDestroyNotify)emu_accel_stat_free);
    KvmVcpu *v = cpu ? emu_cpu_get_accel_data(cpu) : NULL;
    int fd = -1;
    bool done;

    if (ioctl(self->vm.kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_BINARY_STATS_FD) > 0) {
        if (cpu) {
            emu_cpu_run_on(cpu, stats_open_cb, &fd);
        } else {
            fd = ioctl(self->vm.vm_fd, KVM_GET_STATS_FD, NULL);
        }
        if (fd < 0) {
            stats_fail(error, g_strerror(errno));
            return NULL;
        }
        done = stats_collect(list, fd, error);
        close(fd);
        if (!done) {
            return NULL;
        }
    }
    if (v) {
        stats_add_own(list, v);
    }
    return g_steal_pointer(&list);
}
