/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every vCPU has: a thread, run and stop, interrupts, work queues. */

#include <emu/machine.h>

G_BEGIN_DECLS

#define EMU_TYPE_CPU (emu_cpu_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuCpu, emu_cpu, EMU, CPU, EmuDevice)

struct _EmuTcgFrontend;

typedef struct {
    const char *name;  /* "rax", "xmm3" */
    const char *group; /* "general", "segment", "control", "float", "vector" */
    unsigned size;     /* bytes, the first the least significant */
} EmuCpuRegister;

struct _EmuCpuClass {
    EmuDeviceClass parent_class;
    const struct _EmuTcgFrontend *tcg; /* NULL: no TCG */
    gconstpointer kvm;                 /* EmuKvmFrontend of <emu/kvm.h>; NULL: no KVM */
    /* All with the vCPU stopped or on its thread. */
    uint64_t (*get_pc)(EmuCpu *self);
    bool (*is_halted)(EmuCpu *self);
    char *(*describe_registers)(EmuCpu *self); /* info registers; (transfer full) */
    /* Debugger's translation: false when unmapped. */
    bool (*translate_debug)(EmuCpu *self, uint64_t vaddr, uint64_t *phys);
    unsigned (*disas)(EmuCpu *self, uint64_t pc, const uint8_t *code, unsigned avail, char *buf, gsize buf_size);
    /* The accelerator (or, in a test of devices, the core) gives the CPU its state memory: state_size bytes of zeroes, starting with EmuTcgState under TCG.
     * NULL: the state goes away now; the vCPU's thread has ended. */
    void (*attach_state)(EmuCpu *self, gpointer state);
    /* Registers by number, for debuggers and scripts; the vCPU parked or on its thread. Optional. */
    const EmuCpuRegister *registers;
    gsize n_registers;
    void (*read_register)(EmuCpu *self, unsigned index, void *buf); /* registers[index].size bytes */
    bool (*write_register)(EmuCpu *self, unsigned index, const void *buf); /* false: cannot hold that value */
    /* After its reset: execution begins at the physical address instead of the reset vector. Optional. */
    void (*set_start)(EmuCpu *self, uint64_t address);
    /* The model that this one is another name of, without the type's suffix. NULL: it is one itself. */
    const char *alias_of;
    /* For a look at a model: gives @self, which is not realized, the properties that it would have on @machine. (transfer full)
     * (element-type utf8): names of the features that cannot be offered there; NULL with @error set when no CPU of the model
     * can be made. Optional: what the properties say, and all is offered. */
    GPtrArray *(*expand_model)(EmuCpu *self, EmuMachine *machine, GError **error);
    EMU_RESERVED_SLOTS(9);
};

EMU_AVAILABLE_IN_1_0 unsigned emu_cpu_get_index(EmuCpu *self); /* 0 up, in the machine; fixed */
EMU_AVAILABLE_IN_1_0 gpointer emu_cpu_get_state(EmuCpu *self); /* the guest's registers, as the front end lays them out; NULL before an accelerator has made it. vCPU thread, or the vCPU parked. */
EMU_AVAILABLE_IN_1_0 gint64 emu_cpu_get_thread_id(EmuCpu *self); /* host tid; -1 before start */
/* The memory the CPU sees (system memory plus e.g. SMRAM); default: the machine's. Set before realize. */
EMU_AVAILABLE_IN_1_0 EmuAddressSpace *emu_cpu_get_memory_as(EmuCpu *self);
EMU_AVAILABLE_IN_1_0 void emu_cpu_set_memory_as(EmuCpu *self, EmuAddressSpace *as);
/* Makes the vCPU look at its requests soon: sets exit_request, wakes it when halted. Any thread. */
EMU_AVAILABLE_IN_1_0 void emu_cpu_kick(EmuCpu *self);
/* Runs @fn on the vCPU's thread, outside translated code, with the big lock held; waits / does not wait. */
EMU_AVAILABLE_IN_1_0 void emu_cpu_run_on(EmuCpu *self, void (*fn)(EmuCpu *self, gpointer data), gpointer data);
EMU_AVAILABLE_IN_1_0 void emu_cpu_run_on_async(EmuCpu *self, void (*fn)(EmuCpu *self, gpointer data), gpointer data);
EMU_AVAILABLE_IN_1_0 bool emu_cpu_is_self(EmuCpu *self); /* on its thread? */
/* In reset_exit of a device that loads programs; nothing happens when the CPU model cannot. */
EMU_AVAILABLE_IN_1_0 void emu_cpu_set_start(EmuCpu *self, uint64_t address);
/* Virtual memory for monitors and debuggers (no side effects on TLB or A/D bits). */
EMU_AVAILABLE_IN_1_0 bool emu_cpu_read_debug(EmuCpu *self, uint64_t vaddr, void *buf, gsize len);
EMU_AVAILABLE_IN_1_0 bool emu_cpu_write_debug(EmuCpu *self, uint64_t vaddr, const void *buf, gsize len);

/* ---- accelerators ------------------------------------------------------------------------------ */

/* A counter of an accelerator, for query-stats. */
typedef enum { EMU_ACCEL_STAT_CUMULATIVE, EMU_ACCEL_STAT_INSTANT, EMU_ACCEL_STAT_PEAK, EMU_ACCEL_STAT_LINEAR, EMU_ACCEL_STAT_LOG2 } EmuAccelStatKind;
typedef enum { EMU_ACCEL_STAT_NUMBER, EMU_ACCEL_STAT_BYTES, EMU_ACCEL_STAT_SECONDS, EMU_ACCEL_STAT_CYCLES, EMU_ACCEL_STAT_BOOLEAN } EmuAccelStatUnit;
typedef struct {
    char *name;
    EmuAccelStatKind kind;
    EmuAccelStatUnit unit;
    uint8_t base;         /* 10 or 2: values are in units of base to the power of exponent */
    int16_t exponent;
    uint32_t bucket_size; /* of a linear histogram */
    unsigned n_values;    /* 1, but for histograms */
    uint64_t *values;
} EmuAccelStat;
/* @values (n_values of them) are copied. */
EMU_AVAILABLE_IN_1_0 EmuAccelStat *emu_accel_stat_new(const char *name, EmuAccelStatKind kind, unsigned n_values, const uint64_t *values);
EMU_AVAILABLE_IN_1_0 void emu_accel_stat_free(EmuAccelStat *self);

#define EMU_TYPE_ACCEL (emu_accel_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuAccel, emu_accel, EMU, ACCEL, EmuObject)
/* QOM names "tcg-accel", "kvm-accel"; chosen by -accel. Properties are the option's sub-options. */
struct _EmuAccelClass {
    EmuObjectClass parent_class;
    const char *name; /* "tcg" */
    /* False with a reason: the next accelerator of the list is tried. */
    bool (*setup)(EmuAccel *self, EmuMachine *machine, GError **error);
    bool (*create_vcpu)(EmuAccel *self, EmuCpu *cpu, GError **error); /* state memory; in the CPU's realize */
    void (*destroy_vcpu)(EmuAccel *self, EmuCpu *cpu);
    /* Runs guest code on the vCPU's thread without the big lock until a request is pending. */
    void (*run)(EmuAccel *self, EmuCpu *cpu);
    void (*kick)(EmuAccel *self, EmuCpu *cpu);
    void (*reset_vcpu)(EmuAccel *self, EmuCpu *cpu); /* after the CPU's reset: flush derived state */
    char *(*describe)(EmuAccel *self); /* info jit and the like; optional */
    /* For a chip that the accelerator has a form of its own of: the type to make in place of @type_name. NULL: that type itself. Optional. */
    const char *(*get_device_type)(EmuAccel *self, const char *type_name);
    /* The registers into the CPU's state, where everybody may look at them and change them, until the next run. On the vCPU's
     * thread, big lock held: before it parks, before work that was queued for it, and when all have parked, after before_resume(): what the
     * others sent it until then is part of its state. Optional: they are always there. */
    void (*synchronize)(EmuAccel *self, EmuCpu *cpu);
    /* Takes the registers back, if it has not got them: before parked vCPUs run again, on the main thread; and when all have parked. Big lock
     * held, none runs. Optional. */
    void (*before_resume)(EmuAccel *self, EmuCpu *cpu);
    /* Does a halted vCPU wait inside run()? Optional: no. */
    bool (*waits_inside)(EmuAccel *self, EmuCpu *cpu);
    /* An eventfd's signals become interrupt messages without the main loop. @handle -1: a new one; else a change. Returns the handle, -1
     * when that cannot be had. Optional, together. */
    int (*set_message_route)(EmuAccel *self, int handle, int fd, uint64_t address, uint32_t data);
    void (*drop_message_route)(EmuAccel *self, int handle, int fd);
    /* Breakpoints or watchpoints are others now; every vCPU is parked. Optional: without it there are none. */
    void (*debug_changed)(EmuAccel *self);
    /* On the vCPU's thread, while a device answers an access: the instruction's address. Optional: the CPU's get_pc. */
    uint64_t (*get_access_pc)(EmuAccel *self, EmuCpu *cpu);
    /* Counters of the machine (@cpu NULL) or of one CPU. Big lock held. (transfer container) (element-type EmuAccelStat), NULL with
     * @error set. Optional: there are none. */
    GPtrArray *(*get_stats)(EmuAccel *self, EmuCpu *cpu, GError **error);
    bool no_smm; /* its CPUs have no system management mode */
    EMU_RESERVED_SLOTS(6);
};
EMU_AVAILABLE_IN_1_0 EmuAccel *emu_machine_get_accel(EmuMachine *machine); /* NULL before the machine is built */
/* The type that a board makes for a chip: @type_name, or the form of it that goes with the machine's accelerator. */
EMU_AVAILABLE_IN_1_0 const char *emu_machine_get_device_type(EmuMachine *machine, const char *type_name);
/* Interrupt messages (MSI) that an eventfd sends. */
typedef struct _EmuMessageRoute EmuMessageRoute;
EMU_AVAILABLE_IN_1_0 EmuMessageRoute *emu_message_route_new(EmuMachine *machine, int fd, uint64_t address, uint32_t data);
EMU_AVAILABLE_IN_1_0 void emu_message_route_set(EmuMessageRoute *self, uint64_t address, uint32_t data); /* from the next time the eventfd is written; any thread with the big lock */
EMU_AVAILABLE_IN_1_0 void emu_message_route_free(EmuMessageRoute *self); /* accepts NULL */
EMU_AVAILABLE_IN_1_0 gpointer emu_cpu_get_accel_data(EmuCpu *self); /* the accelerator's own, NULL until it sets it */
EMU_AVAILABLE_IN_1_0 void emu_cpu_set_accel_data(EmuCpu *self, gpointer data); /* borrowed */
EMU_AVAILABLE_IN_1_0 void emu_cpu_set_state(EmuCpu *self, gpointer state); /* by the accelerator, before the vCPU runs; borrowed */

G_END_DECLS
