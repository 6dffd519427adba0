/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What core/system, core/cpu and core/monitor know about a machine beyond <emu/machine.h>. */

#include <emu/cpu.h>
#include <emu/machine.h>

#include "cpu/vcpus.h"
#include "mainloop/mainloop-private.h"
#include "system/numa.h"

G_BEGIN_DECLS

/* What the main loop still has to do; bits of a request word that any thread may set. */
typedef enum {
    EMU_REQUEST_RESET = 1 << 0,
    EMU_REQUEST_SHUTDOWN = 1 << 1,
    EMU_REQUEST_POWERDOWN = 1 << 2,
    EMU_REQUEST_SUSPEND = 1 << 3,
    EMU_REQUEST_WAKEUP = 1 << 4,
    EMU_REQUEST_STOP = 1 << 5,
    EMU_REQUEST_WATCHDOG = 1 << 6,
    EMU_REQUEST_PANICKED = 1 << 7, /* this and the next two: 1 << (7 + EmuGuestEvent) */
    EMU_REQUEST_CRASH_LOADED = 1 << 8,
    EMU_REQUEST_GUEST_SHUTDOWN = 1 << 9,
    EMU_REQUEST_SUSPEND_DISK = 1 << 10,
} EmuRequest;

typedef enum { EMU_ACTION_RESET, EMU_ACTION_SHUTDOWN, EMU_ACTION_PAUSE, EMU_ACTION_NONE, EMU_ACTION_EXIT_FAILURE } EmuAction;

/* In the order of QMP's WatchdogAction. */
typedef enum {
    EMU_WATCHDOG_RESET,
    EMU_WATCHDOG_SHUTDOWN,
    EMU_WATCHDOG_POWEROFF,
    EMU_WATCHDOG_PAUSE,
    EMU_WATCHDOG_DEBUG,
    EMU_WATCHDOG_NONE,
    EMU_WATCHDOG_INJECT_NMI,
} EmuWatchdogAction;

typedef struct {
    int bootindex;
    char *path;
} EmuBootEntry;

typedef struct {
    EmuObject *root;
    EmuVcpus vcpus; /* the big lock is in there */
    EmuContext *context;
    EmuClocks *clocks;
    EmuMemoryRegion *system_memory, *system_io;
    EmuAddressSpace *memory_as, *io_as;
    EmuBus *sysbus;
    EmuMemoryRegion *ram;
    EmuAccel *accel;
    GPtrArray *boot_devices; /* EmuBootEntry */
    GPtrArray *serials, *parallels; /* EmuChardev or NULL, owned */
    GPtrArray *firmware_path; /* char * */
    GPtrArray *accel_texts;   /* char *: to try in this order */
    GPtrArray *globals;       /* EmuGlobalProperty */
    GPtrArray *tracked;       /* EmuObject **: emu_machine_track_part() */
    bool no_accel;            /* device tests: CPUs do not run */

    /* configuration */
    GHashTable *options; /* name -> GPtrArray of char * */
    uint64_t ram_size, max_ram_size;
    unsigned ram_slots;
    char *cpu_type;     /* resolved QOM name */
    char *cpu_features; /* what followed the model, "" */
    gpointer cpu_hotplug_handler; /* of CPUs that the user adds; NULL: the machine takes none */
    gpointer memory_hotplug_handler; /* of memory, likewise */
    EmuMemoryRegion *device_memory; /* where it may lie; NULL: nowhere */
    uint64_t device_memory_base;
    GPtrArray *memory_devices; /* EmuMemoryDevice, borrowed, that are there, lowest address first; NULL: none yet */
    EmuBh *ost_bh;
    GArray *ost_reports; /* that the monitors have not heard of */
    EmuSmp smp;
    unsigned smp_clusters;
    EmuNuma *numa; /* NULL: none */
    char *kernel, *initrd, *append, *firmware, *boot_order, *memory_backend;
    bool wants_defaults;
    bool built, finished;

    /* real-time clock */
    char *rtc_base;
    int64_t rtc_offset_ns; /* added to the chosen host clock */
    EmuClockType rtc_clock;

    /* run state */
    EmuRunState run_state;
    EmuBh *request_bh;
    int requests;          /* EmuRequest bits, atomic */
    int reset_cause, shutdown_cause; /* atomic */
    int stop_state;        /* EmuRunState of a stop request, atomic */
    bool force_exit;       /* whatever -no-shutdown says; atomic */
    bool suspended;        /* S3, waiting for a wake up */
    uint32_t wakeup_allowed; /* bit per EmuWakeupReason that the guest has allowed */
    int wakeup_reason;     /* EmuWakeupReason of the last request */
    EmuAction reboot_action, shutdown_action, panic_action;
    EmuWatchdogAction watchdog_action;
    bool exiting;
    int exit_status;
    GMainLoop *loop; /* of emu_machine_run() */
} EmuMachinePrivate;

EmuMachinePrivate *emu_machine_priv(EmuMachine *self);

bool emu_machine_setup_accel(EmuMachine *self, GError **error);

/* machine.c */
void emu_machine_reset_devices(EmuMachine *self);
void emu_machine_teardown_devices(EmuMachine *self);
char *emu_machine_find_type(const char *name, GError **error);

/* machine-config.c */
void emu_machine_class_add_config(EmuMachineClass *klass);
bool emu_machine_check_config(EmuMachine *self, GError **error);
void emu_machine_replace_option(EmuMachine *self, const char *name, const char *value);
char *emu_machine_get_board_name(EmuMachine *self);
char *emu_cpu_model_name(const char *type_name);

/* cpu-plug.c */
bool emu_machine_pause_vcpus(EmuMachine *machine);
void emu_machine_resume_vcpus(EmuMachine *machine, bool running);

/* acpi-ost.c */
void emu_machine_free_ost(EmuMachine *self);

/* memory-backend.c */
/* A memory object for a device: its region while nobody else has it. */
EmuMemoryRegion *emu_memory_backend_claim(EmuObject *object, GError **error);
void emu_memory_backend_release(EmuObject *object);
EmuMemoryRegion *emu_memory_backend_get_region(EmuObject *object);
uint64_t emu_memory_backend_get_size(EmuObject *object);
bool emu_machine_get_memory_backend_size(EmuMachine *self, const char *id, uint64_t *size, GError **error);
/* -mem-path */
EmuMemoryRegion *emu_machine_new_file_memory(EmuMachine *self, const char *path, bool prealloc, const char *name, uint64_t size, GError **error);
EmuMemoryRegion *emu_machine_use_memory_backend(EmuMachine *self, const char *id, uint64_t size, GError **error);

/* run-state.c */
bool emu_machine_is_ending(EmuMachine *self); /* this stop is the last */
void emu_machine_run_state_init(EmuMachine *self);
void emu_machine_set_run_state(EmuMachine *self, EmuRunState state);

/* machine-config.c: -cpu's features, for a CPU that is being made. */
bool emu_machine_apply_cpu_features(EmuMachine *self, EmuCpu *cpu, GError **error);

G_END_DECLS
