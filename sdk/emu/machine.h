/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A machine is an object: clocks, address spaces, CPUs, devices, run state. Several may live in one process. */

#include <emu/chardev.h>
#include <emu/device.h>

G_BEGIN_DECLS

#define EMU_TYPE_MACHINE (emu_machine_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuMachine, emu_machine, EMU, MACHINE, EmuObject)

typedef struct _EmuCpu EmuCpu;
typedef struct _EmuBlockBackend EmuBlockBackend;

/* -drive as the board sees it. */
typedef enum { EMU_DRIVE_IF_NONE, EMU_DRIVE_IF_IDE, EMU_DRIVE_IF_FLOPPY, EMU_DRIVE_IF_PFLASH, EMU_DRIVE_IF_SCSI, EMU_DRIVE_IF_VIRTIO, EMU_DRIVE_IF_SD } EmuDriveInterface;

struct _EmuMachineClass {
    EmuObjectClass parent_class;
    const char *alias;       /* "pc" for the current pc-i440fx-... */
    const char *description;
    const char *default_cpu_type; /* QOM name: "qemu64-x86_64-cpu" */
    uint64_t default_ram_size;
    unsigned default_cpus, max_cpus;
    bool is_default;
    const char *default_boot_order; /* "cad" */
    const char *default_ram_id;     /* name of the main RAM: "pc.ram" */
    /* Builds the board: RAM, CPUs, chipset, devices. */
    bool (*init)(EmuMachine *self, GError **error);
    /* Optional: after all -device; e.g. final firmware tables. */
    bool (*done)(EmuMachine *self, GError **error);
    /* Optional: extra reset work after all devices' phases. */
    void (*reset)(EmuMachine *self);
    /* Reset-free wake up, power button, NMI; optional. */
    void (*powerdown)(EmuMachine *self);
    void (*nmi)(EmuMachine *self);
    /* plugin-reload: may a part that init() or done() made be made again from other code, with its properties, wires, system bus addresses
     * and state? Optional; without it no part may. A board that says yes tells of the pointers that it keeps: emu_machine_track_part(). */
    bool (*can_replace)(EmuMachine *self, EmuDevice *part, GError **error);
    /* It was made again, and nothing is plugged into its buses yet: what else init() did to it. Optional. */
    bool (*part_replaced)(EmuMachine *self, EmuDevice *part, GError **error);
    /* The user added a CPU: wires it as init() did those that it made. Optional. */
    void (*cpu_plugged)(EmuMachine *self, EmuCpu *cpu);
    bool slots_need_node; /* with slots for memory there is a NUMA node 0 at least, which the guest's tables speak of */
    EMU_RESERVED_SLOTS(8);
};
/* A machine TYPE is named "NAME-machine" ("pc-i440fx-7.2-machine"). Common properties, all settable before init:
 * ram-size, cpu-type, smp-cpus, smp-maxcpus, smp-sockets/-dies/-cores/-threads, kernel, initrd, append, firmware, boot-order,
 * boot-menu, boot-once, uuid, rtc-base, rtc-clock ... */

/* ---- life ------------------------------------------------------------------------------------ */
/*
 * A machine of a board's name or alias ("pc", "none", "pc-i440fx-7.2") or QOM type name. Set its properties and options,
 * then build it: RAM, accelerator, CPUs, devices; it is in state "prelaunch" then, reset and ready for emu_machine_start().
 * The machine is the child "machine" of its own root object; emu_machine_destroy() takes the tree down, after which only
 * the caller's reference is left. Main thread.
 */
EMU_AVAILABLE_IN_1_0 EmuMachine *emu_machine_new(const char *name, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_machine_build(EmuMachine *self, GError **error);
/* The second half of the build, after the user's devices: "machine-done" and the first reset. */
EMU_AVAILABLE_IN_1_0 bool emu_machine_finish(EmuMachine *self, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_machine_destroy(EmuMachine *self); /* main thread, big lock not held: stops it and takes all of it down; the reference stays the caller's */
/* Serves the main context until the machine ends; returns the exit status. Big lock not held. */
EMU_AVAILABLE_IN_1_0 int emu_machine_run(EmuMachine *self);
/* Option text for emu_machine_get_option(); repeatable options collect. */
EMU_AVAILABLE_IN_1_0 void emu_machine_add_option(EmuMachine *self, const char *name, const char *value);
/* "64", "64M", "size=1G,slots=2,maxmem=4G" as after -m; "2", "cpus=4,sockets=2" as after -smp; "qemu64,+avx" as after -cpu. */
EMU_AVAILABLE_IN_1_0 bool emu_machine_set_memory(EmuMachine *self, const char *text, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_machine_set_smp(EmuMachine *self, const char *text, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_machine_set_cpu(EmuMachine *self, const char *text, GError **error);
/* Accelerators to try in this order, "tcg,mode=interp" each; without any: tcg. */
EMU_AVAILABLE_IN_1_0 bool emu_machine_add_accel(EmuMachine *self, const char *text, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_machine_add_serial(EmuMachine *self, EmuChardev *chardev); /* NULL: "none" */
EMU_AVAILABLE_IN_1_0 void emu_machine_add_parallel(EmuMachine *self, EmuChardev *chardev);
EMU_AVAILABLE_IN_1_0 void emu_machine_add_firmware_dir(EmuMachine *self, const char *dir);

/* ---- parts ----------------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_machine_get_system_memory(EmuMachine *self); /* root of what CPUs and DMA see */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_machine_get_system_io(EmuMachine *self); /* root of the ports, 64 KiB */
EMU_AVAILABLE_IN_1_0 EmuAddressSpace *emu_machine_get_memory_as(EmuMachine *self); /* the space of emu_machine_get_system_memory() */
EMU_AVAILABLE_IN_1_0 EmuAddressSpace *emu_machine_get_io_as(EmuMachine *self); /* the space of emu_machine_get_system_io() */
EMU_AVAILABLE_IN_1_0 EmuClock *emu_machine_get_clock(EmuMachine *self, EmuClockType type); /* lives as long as the machine */
EMU_AVAILABLE_IN_1_0 EmuContext *emu_machine_get_context(EmuMachine *self); /* the main one */
EMU_AVAILABLE_IN_1_0 EmuBus *emu_machine_get_sysbus(EmuMachine *self); /* where sysbus devices are */
EMU_AVAILABLE_IN_1_0 EmuObject *emu_machine_get_root(EmuMachine *self); /* "/" */
/* @where, a pointer in the board's own struct, leads to a device, bus or line of its making: it follows when the device is made again
 * (can_replace), and is NULL in between. */
EMU_AVAILABLE_IN_1_0 void emu_machine_track_part(EmuMachine *self, gpointer where);
/* One more than the highest index: a CPU that is not there, or no longer, is NULL. */
EMU_AVAILABLE_IN_1_0 unsigned emu_machine_get_n_cpus(EmuMachine *self);
EMU_AVAILABLE_IN_1_0 void emu_machine_set_cpu_hotplug_handler(EmuMachine *self, gpointer handler);
EMU_AVAILABLE_IN_1_0 void emu_machine_remove_cpu(EmuMachine *self, EmuCpu *cpu);
EMU_AVAILABLE_IN_1_0 EmuCpu *emu_machine_get_cpu(EmuMachine *self, unsigned index);
/* Main RAM as one region of the configured size ("pc.ram"), for the board to alias into place. */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_machine_get_ram(EmuMachine *self, GError **error);

/* ---- configuration the board reads -------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 uint64_t emu_machine_get_ram_size(EmuMachine *self); /* bytes */
EMU_AVAILABLE_IN_1_0 const char *emu_machine_get_cpu_type(EmuMachine *self); /* QOM type name after "-cpu MODEL" was resolved */
/* Creates and realizes CPU number @index of the configured type and features. */
EMU_AVAILABLE_IN_1_0 EmuCpu *emu_machine_create_cpu(EmuMachine *self, unsigned index, GError **error);
typedef struct { unsigned cpus, max_cpus, sockets, dies, cores, threads; } EmuSmp;
EMU_AVAILABLE_IN_1_0 EmuSmp emu_machine_get_smp(EmuMachine *self); /* what -smp says, or the board's default */
/* -numa: nodes 0 to n - 1, their memory in this order; no nodes: 0. Distances are 10 to 255, 255: no way. */
EMU_AVAILABLE_IN_1_0 unsigned emu_machine_get_n_numa_nodes(EmuMachine *self);
EMU_AVAILABLE_IN_1_0 uint64_t emu_machine_get_numa_node_size(EmuMachine *self, unsigned node); /* bytes */
EMU_AVAILABLE_IN_1_0 unsigned emu_machine_get_numa_node_of_cpu(EmuMachine *self, unsigned cpu); /* @cpu: index of a CPU, also of one that is not there yet */
EMU_AVAILABLE_IN_1_0 unsigned emu_machine_get_numa_distance(EmuMachine *self, unsigned from, unsigned to); /* 10: itself */
EMU_AVAILABLE_IN_1_0 bool emu_machine_has_numa_distances(EmuMachine *self); /* the user gave them */
EMU_AVAILABLE_IN_1_0 const char *emu_machine_get_kernel(EmuMachine *self); /* -kernel: a path; NULL: none */
EMU_AVAILABLE_IN_1_0 const char *emu_machine_get_initrd(EmuMachine *self); /* -initrd: a path, or what a Multiboot kernel's modules are; NULL: none */
EMU_AVAILABLE_IN_1_0 const char *emu_machine_get_append(EmuMachine *self); /* -append: the command line; NULL: none */
EMU_AVAILABLE_IN_1_0 const char *emu_machine_get_firmware(EmuMachine *self); /* -bios, NULL: the board's default */
EMU_AVAILABLE_IN_1_0 const char *emu_machine_get_boot_order(EmuMachine *self); /* "cad" letters */
EMU_AVAILABLE_IN_1_0 const char *emu_machine_get_option(EmuMachine *self, const char *name); /* any other option text ("vga", "uuid", "rtc-base", "smbios" ...); NULL when not given */
EMU_AVAILABLE_IN_1_0 bool emu_machine_wants_defaults(EmuMachine *self); /* false under -nodefaults */
/* The n-th -serial / -parallel: NULL when absent ("none") */
EMU_AVAILABLE_IN_1_0 EmuChardev *emu_machine_get_serial(EmuMachine *self, unsigned n);
EMU_AVAILABLE_IN_1_0 EmuChardev *emu_machine_get_parallel(EmuMachine *self, unsigned n);
/* Drive for if=@iface,bus=@bus,unit=@unit; *media_cdrom tells a CD; NULL when none. */
EMU_AVAILABLE_IN_1_0 EmuBlockBackend *emu_machine_get_drive(EmuMachine *self, EmuDriveInterface iface, unsigned bus, unsigned unit, bool *media_cdrom);
/* File on the firmware search path (-L, built-in), e.g. "bios-256k.bin"; NULL when absent. (transfer full) */
EMU_AVAILABLE_IN_1_0 char *emu_machine_find_firmware(EmuMachine *self, const char *name);
/* Boot order entries of devices (bootindex=): OpenFirmware path text; used for fw_cfg "bootorder". */
EMU_AVAILABLE_IN_1_0 void emu_machine_add_boot_device(EmuMachine *self, int bootindex, EmuDevice *dev, const char *suffix);
EMU_AVAILABLE_IN_1_0 char *emu_machine_get_boot_order_list(EmuMachine *self); /* newline-separated; (transfer full) */
/* RTC base time in seconds since 1970, offset from the host clock kept for it. */
EMU_AVAILABLE_IN_1_0 int64_t emu_machine_get_rtc_ns(EmuMachine *self);

/* ---- locking, run state, requests --------------------------------------------------------------- */
/* The big lock: recursive is not allowed; emu_machine_lock_held() tells. */
EMU_AVAILABLE_IN_1_0 void emu_machine_lock(EmuMachine *self);
EMU_AVAILABLE_IN_1_0 void emu_machine_unlock(EmuMachine *self);
EMU_AVAILABLE_IN_1_0 bool emu_machine_lock_held(EmuMachine *self);

typedef enum {
    EMU_RUN_STATE_PRELAUNCH, EMU_RUN_STATE_RUNNING, EMU_RUN_STATE_PAUSED, EMU_RUN_STATE_SHUTDOWN,
    EMU_RUN_STATE_SUSPENDED, EMU_RUN_STATE_GUEST_PANICKED, EMU_RUN_STATE_INTERNAL_ERROR, EMU_RUN_STATE_IO_ERROR,
    EMU_RUN_STATE_DEBUG, EMU_RUN_STATE_WATCHDOG, EMU_RUN_STATE_INMIGRATE, EMU_RUN_STATE_POSTMIGRATE,
    EMU_RUN_STATE_SAVE_VM, EMU_RUN_STATE_RESTORE_VM, EMU_RUN_STATE_FINISH_MIGRATE, EMU_RUN_STATE_COLO
} EmuRunState;
EMU_AVAILABLE_IN_1_0 EmuRunState emu_machine_get_run_state(EmuMachine *self); /* any thread */
EMU_AVAILABLE_IN_1_0 const char *emu_run_state_name(EmuRunState state); /* QMP's word */

typedef enum {
    EMU_SHUTDOWN_CAUSE_NONE, EMU_SHUTDOWN_CAUSE_HOST_ERROR, EMU_SHUTDOWN_CAUSE_HOST_QMP_QUIT, EMU_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET,
    EMU_SHUTDOWN_CAUSE_HOST_SIGNAL, EMU_SHUTDOWN_CAUSE_HOST_UI, EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN, EMU_SHUTDOWN_CAUSE_GUEST_RESET,
    EMU_SHUTDOWN_CAUSE_GUEST_PANIC, EMU_SHUTDOWN_CAUSE_SUBSYSTEM_RESET
} EmuShutdownCause;
/* Requests: any thread; carried out by the main loop. -no-reboot and -no-shutdown are honoured there. */
EMU_AVAILABLE_IN_1_0 void emu_machine_request_reset(EmuMachine *self, EmuShutdownCause cause);
EMU_AVAILABLE_IN_1_0 void emu_machine_request_shutdown(EmuMachine *self, EmuShutdownCause cause);
EMU_AVAILABLE_IN_1_0 void emu_machine_request_exit(EmuMachine *self, int status); /* isa-debug-exit: the process' exit status */
EMU_AVAILABLE_IN_1_0 void emu_machine_request_powerdown(EmuMachine *self);
EMU_AVAILABLE_IN_1_0 void emu_machine_request_suspend(EmuMachine *self); /* S3 */
EMU_AVAILABLE_IN_1_0 void emu_machine_request_suspend_disk(EmuMachine *self); /* S4: as a shutdown, told apart */
EMU_AVAILABLE_IN_1_0 void emu_machine_request_wakeup(EmuMachine *self); /* the user wants it */
/* Devices that end S3, where the guest has allowed them to. */
typedef enum { EMU_WAKEUP_USER, EMU_WAKEUP_RTC, EMU_WAKEUP_TIMER } EmuWakeupReason;
EMU_AVAILABLE_IN_1_0 void emu_machine_request_wakeup_by(EmuMachine *self, EmuWakeupReason reason);
EMU_AVAILABLE_IN_1_0 void emu_machine_allow_wakeup(EmuMachine *self, EmuWakeupReason reason, bool allow);
EMU_AVAILABLE_IN_1_0 EmuWakeupReason emu_machine_get_wakeup_reason(EmuMachine *self); /* of the last "wakeup" */
EMU_AVAILABLE_IN_1_0 void emu_machine_request_stop(EmuMachine *self, EmuRunState state);
/* A watchdog expired: what -action watchdog= says is done. */
EMU_AVAILABLE_IN_1_0 void emu_machine_request_watchdog(EmuMachine *self);
/* What a guest says about itself by a paravirtual device. */
typedef enum {
    EMU_GUEST_EVENT_PANICKED,     /* what -action panic= says is done */
    EMU_GUEST_EVENT_CRASH_LOADED, /* its crash kernel takes over */
    EMU_GUEST_EVENT_SHUTDOWN,     /* it is powering off and asks for it */
} EmuGuestEvent;
EMU_AVAILABLE_IN_1_0 void emu_machine_request_guest_event(EmuMachine *self, EmuGuestEvent event);
/* The guest ended: only a reset brings it back. */
EMU_AVAILABLE_IN_1_0 bool emu_machine_needs_reset(EmuMachine *self);
EMU_AVAILABLE_IN_1_0 void emu_machine_start(EmuMachine *self); /* main thread */
EMU_AVAILABLE_IN_1_0 void emu_machine_stop(EmuMachine *self, EmuRunState state); /* main thread; waits for the vCPUs */
EMU_AVAILABLE_IN_1_0 void emu_machine_reset(EmuMachine *self, EmuShutdownCause cause); /* main thread, vCPUs stopped */

/* Notifiers. GObject signals of EmuMachine: "powerdown" (power button), "machine-done", "run-state-changed" (int state),
 * "reset" and "shutdown" (gboolean by_guest, int cause), "suspend", "suspend-disk", "wakeup", "watchdog" (int action, QMP's order), "guest-event"
 * (int EmuGuestEvent, int action: 0 pause, 1 power off, 2 go on). All on the main thread, big lock held. */

/* Options registered by -set / -global / -fw_cfg / -smbios lists: n-th text of a repeatable option, NULL at the end. */
EMU_AVAILABLE_IN_1_0 const char *emu_machine_get_option_nth(EmuMachine *self, const char *name, unsigned n);

G_END_DECLS
