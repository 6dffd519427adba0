/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of core/accel-kvm share. kvm-accel.c: the accelerator object and checks; kvm-memory.c: memory slots from
 * the flat view; kvm-clock.c: time; kvm-debug.c: breakpoints and steps; kvm-dirty-ring.c: the log of
 * writes as a ring; kvm-irqchip.c: interrupt routes; kvm-shortcut.c: writes that stay in the kernel; kvm-vcpu.c: the run loop; kvm-report.c: exits in words;
 * kvm-stats.c: counters; kvm-window.c: interrupts where the host emulates.
 */

#include "cpu/debug.h"

#include <emu/kvm.h>
#include <emu/log.h>
#include <linux/kvm.h>
#include <time.h>

typedef struct _KvmAccel KvmAccel;

#define KVM_TYPE_ACCEL (kvm_accel_get_type())
G_DECLARE_FINAL_TYPE(KvmAccel, kvm_accel, KVM, ACCEL, EmuAccel)

typedef struct {
    bool used;
    uint64_t addr, size;
    void *host;
    uint64_t ram;   /* RAM address of the first byte */
    uint32_t flags; /* KVM_MEM_* */
} KvmSlot;

enum { KVM_IRQCHIP_OFF, KVM_IRQCHIP_ON, KVM_IRQCHIP_SPLIT, KVM_IRQCHIP_AUTO };
enum { KVM_OFF, KVM_ON, KVM_AUTO };

typedef struct {
    struct kvm_dirty_gfn *entries;
    uint32_t next; /* the first one that was not collected */
} KvmDirtyRing;

struct _KvmAccel {
    EmuAccel parent_instance;

    char *device;
    int irqchip;      /* option kernel-irqchip */
    int find_windows; /* option; AUTO until the first vCPU */

    EmuMachine *machine;
    const EmuKvmFrontend *frontend;
    EmuTcgService *service;
    EmuKvmVm vm;
    int run_size;
    unsigned n_vcpus;
    GArray *parked; /* int by index: vCPUs that were unplugged, -1 none; the kernel cannot unmake them */
    bool has_readonly;

    /* the VM's clock */
    gulong clock_handler;
    bool clock_runs;
    uint64_t clock; /* while it stands; 0: it never stood */
    bool has_counter;
    uint64_t counter; /* of the first CPU when it came to stand */

    /* interrupt routes, under @routes_lock */
    GMutex routes_lock;
    GArray *routes; /* struct kvm_irq_routing_entry */

    /* memory */
    gpointer listener;
    GArray *slots;     /* KvmSlot; the index is KVM's slot number */
    uint32_t max_slots; /* option; then what there are */
    bool slots_missed; /* there were too few, and it was said */
    GArray *to_remove; /* EmuMemorySection, until commit */
    GArray *to_add;
    GArray *to_log;    /* uint64_t: addresses of ranges whose writes are wanted */
    guint late_writes_timer;
    uint32_t dirty_ring_size; /* option: entries per vCPU; 0: bitmaps */
    GPtrArray *rings;         /* KvmDirtyRing */

    /* writes that stay in the kernel */
    gpointer ports_listener;
    struct kvm_coalesced_mmio_ring *ring; /* in the first vCPU's run area */
    bool has_coalesced, has_coalesced_ports;
    bool draining;
    uint64_t late_writes; /* so many were carried out */
};

typedef struct {
    KvmAccel *accel;
    EmuCpu *cpu;
    EmuTcgState *state;
    gpointer arch;
    int fd;
    struct kvm_run *run;
    bool in_kvm;      /* the registers are KVM's, not the state's */
    bool io_pending;  /* an I/O or MMIO exit is completed by the next KVM_RUN */
    bool inside;      /* atomic: in KVM_RUN, or about to enter it; a signal is needed to get it out */
    bool shutdown;    /* until reset */
    bool failed;      /* KVM_RUN cannot go on; until reset */
    struct {
        uint64_t ports, mmio, others; /* exits */
        uint64_t interpreted;         /* instructions that KVM could not emulate, and those beside them */
    } counts;

    EmuCpuDebug *debug;
    EmuKvmStop stops[EMU_KVM_MAX_STOPS]; /* that KVM has */
    unsigned n_stops;
    bool stepping;                       /* KVM stops after each instruction */
    bool too_many;                       /* more stops than it can have: each instruction is looked at */
    bool watching;                       /* watchpoints that it cannot have: what touches memory is interpreted */
    bool stepping_over;                  /* the breakpoint that was reported last */
    bool at_pc;                          /* @pc is the next instruction's */
    uint64_t pc;
    bool port_access;                    /* since @pc was */
    bool hit;                            /* a stop was reported: leave */

    struct {
        bool look;             /* atomic: see whether interrupts are disabled */
        unsigned wait;         /* ms to the next search */
        bool has_timer;
        timer_t timer;         /* of the vCPU's thread */
    } window;
} KvmVcpu;

/* kvm-memory.c */
void kvm_memory_init(KvmAccel *self);
void kvm_memory_finish(KvmAccel *self);
/* A page of slot @index, counted from its start, was written. */
void kvm_memory_mark_page(KvmAccel *self, uint32_t index, uint64_t page);

/* kvm-debug.c */
void kvm_debug_changed(KvmAccel *self);     /* every vCPU is parked */
void kvm_debug_before_run(KvmVcpu *v);      /* registers in KVM */
void kvm_debug_exit(KvmVcpu *v);            /* KVM_EXIT_DEBUG */
uint64_t kvm_debug_get_access_pc(KvmVcpu *v);
bool kvm_debug_interpret(KvmVcpu *v);       /* while watching: true when it executed an instruction */

/* kvm-dirty-ring.c */
bool kvm_dirty_ring_setup(KvmAccel *self, GError **error);       /* before the first vCPU */
bool kvm_dirty_ring_add(KvmAccel *self, int vcpu_fd, GError **error);
void kvm_dirty_ring_collect(KvmAccel *self);                    /* big lock held */
void kvm_dirty_ring_finish(KvmAccel *self);

/* kvm-window.c */
void kvm_window_init(KvmAccel *self);
void kvm_window_begin(KvmVcpu *v); /* on the vCPU's thread */
void kvm_window_end(KvmVcpu *v);
bool kvm_window_is_due(KvmVcpu *v);
EmuTcgExit kvm_window_search(KvmVcpu *v);

/* kvm-clock.c */
void kvm_clock_init(KvmAccel *self);
void kvm_clock_finish(KvmAccel *self);

/* kvm-shortcut.c */
void kvm_memory_doorbell_cb(gpointer opaque, uint64_t addr, const EmuDoorbell *doorbell, bool added);
void kvm_memory_coalesced_cb(gpointer opaque, uint64_t addr, uint64_t size, bool added);
void kvm_ports_init(KvmAccel *self);
void kvm_ports_finish(KvmAccel *self);
void kvm_drain(KvmAccel *self);

static inline bool
kvm_has_late_writes(const KvmAccel *self)
{
    return self->ring && self->ring->first != __atomic_load_n(&self->ring->last, __ATOMIC_ACQUIRE);
}

/* kvm-irqchip.c */
bool kvm_irqchip_setup(KvmAccel *self, GError **error);
void kvm_irqchip_finish(KvmAccel *self);
const char *kvm_irqchip_get_device_type(KvmAccel *self, const char *type_name);

int kvm_irqchip_set_message_route(KvmAccel *self, int handle, int fd, uint64_t address, uint32_t data);
void kvm_irqchip_drop_message_route(KvmAccel *self, int handle, int fd);

/* kvm-vcpu.c */
bool kvm_vcpu_create(KvmAccel *self, EmuCpu *cpu, GError **error);
void kvm_vcpu_close_parked(KvmAccel *self);
void kvm_vcpu_destroy(KvmAccel *self, EmuCpu *cpu);
void kvm_vcpu_run(KvmVcpu *v);
void kvm_vcpu_kick(KvmVcpu *v);
void kvm_vcpu_reset(KvmVcpu *v);
void kvm_vcpu_shutdown(KvmVcpu *v); /* a triple fault */
void kvm_vcpu_fetch(KvmVcpu *v); /* registers out of KVM */
void kvm_vcpu_store(KvmVcpu *v); /* registers into KVM */

/* kvm-report.c: one line on what the exit was. (transfer full) */
char *kvm_describe_exit(const struct kvm_run *run);

/* kvm-stats.c: of the VM, or of a vCPU. (transfer full) (element-type EmuAccelStat) */
GPtrArray *kvm_get_stats(KvmAccel *self, EmuCpu *cpu, GError **error);
