/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is the same in every PC here, whatever its chipset: RAM, CPUs, the parts of an AT, firmware, its configuration and its
 * tables. A board is a machine type whose instance and class start with these structures; it says in its class what differs.
 */

#include "pc-gsi.h"

#include <emu/fw-cfg.h>
#include <emu/isa.h>
#include <emu/pci.h>
#include <emu/x86-pc.h>

#define PC_N_FLASHES 2
#define PC_SCI_IRQ 9

typedef struct _PcMachine PcMachine;

/* Where a board's power management lies, for the tables. */
typedef struct {
    uint16_t pm_base;
    uint16_t gpe0_base;
    uint8_t gpe0_len;
    uint8_t acpi_enable, acpi_disable; /* for the APM port */
} PcPmInfo;

/* What the power management's properties "disable_s3", "disable_s4" and "s4_val" say of sleep states. */
typedef struct {
    bool s3, s4;
    uint8_t s4_val; /* its sleep type */
} PcSleepInfo;


typedef struct _PcAcpi PcAcpi;

typedef struct {
    EmuMachineClass parent_class;

    const char *product;     /* name in SMBIOS */
    uint64_t below_4g_max;   /* RAM ends here at the latest */
    uint64_t below_4g_large; /* and here when there is more of it than that */
    /* Host bridge, PCI bus, ISA bus: sets host, pci_bus, isa_bus; wires the routing of PCI interrupts to the gsi. */
    bool (*create_bridges)(PcMachine *self, GError **error);
    /* Sets pm. */
    bool (*create_power_management)(PcMachine *self, GError **error);
    bool (*create_disks)(PcMachine *self, GError **error);
    /* What comes last: hot-plug. Optional. */
    bool (*create_rest)(PcMachine *self, GError **error);
    const char *hpet_intcap; /* I/O APIC pins for the HPET, unless the user says which */
    void (*get_pm_info)(PcMachine *self, PcPmInfo *info);
    /* Appends the DSDT, returns its offset. */
    guint (*add_dsdt)(PcAcpi *acpi);
    /* More tables: append their offsets to @tables and count them. Optional. */
    void (*add_tables)(PcAcpi *acpi, guint *tables, guint *n);
} PcMachineClass;

#define PC_MACHINE_GET_CLASS(self) ((PcMachineClass *)G_OBJECT_GET_CLASS(self))

struct _PcMachine {
    EmuMachine parent;

    /* Properties. */
    uint64_t max_ram_below_4g; /* 0: the usual split */
    int smm;
    bool acpi;
    bool fd_bootchk;
    bool i8042;
    bool hpet;
    bool pit;
    char *pflash[PC_N_FLASHES];

    uint64_t below_4g;
    uint64_t above_4g;
    bool smm_enabled;

    EmuDevice *host; /* these are owned by the composition tree */
    EmuPciBus *pci_bus;
    EmuDevice *isa_bridge;
    EmuIsaBus *isa_bus;
    EmuDevice *pm;
    EmuDevice *ioapic;
    EmuDevice *pic[2];
    EmuDevice *dma[2]; /* NULL: none */
    EmuDevice *rtc;
    EmuDevice *hpet_device; /* NULL: none */
    EmuDevice *vmgenid;     /* NULL: none */
    uint16_t pci_hotplug_port; /* 0: slots stay as they are, or are their ports' own business */
    uint16_t cpu_hotplug_port; /* 0: CPUs stay as they are */
    uint8_t cpu_hotplug_gpe;
    uint16_t memory_hotplug_port; /* 0: memory stays as it is */
    EmuFwCfg *fw_cfg;

    EmuDevice *gsi;                   /* pc-gsi */
    EmuLine *isa_irqs[PC_N_ISA_IRQS]; /* its inputs for ISA devices */
    EmuLine *a20_line;                /* children of the machine */
    EmuLine *ferr_line;

    bool boot_once_pending; /* the first reset puts the regular boot order back */
};

/* pc-machine.c: what a board's abstract type has in its class; the board fills in the rest. */
void pc_machine_class_init(PcMachineClass *klass);

/* pc-devices.c: chips, ports, drives. */
bool pc_create_devices(PcMachine *self, GError **error);
/* A device with properties given as name, value, ..., NULL; @name is its place below the machine or NULL. */
EmuDevice *pc_new_device(PcMachine *self, EmuBus *bus, const char *type, const char *name, GError **error, ...) G_GNUC_NULL_TERMINATED;
/* For parts that a PC can do without, when their plugin is not there. Consumes @error. */
bool pc_tolerate(const char *type, GError **local_error, GError **error);
/* A CPU to the interrupt controller and back. */
bool pc_wire_cpu(PcMachine *self, EmuDevice *cpu, GError **error);
/* Those that are there. */
unsigned pc_count_cpus(PcMachine *self);
/* CPUs that come and go: registers at @port, news by general purpose event @gpe of the power management. */
bool pc_create_cpu_hotplug(PcMachine *self, uint16_t port, unsigned gpe, GError **error);
/* PCI slots that come and go, those of the root bus and of bridges as the power management's properties say: registers at @port. */
bool pc_create_pci_hotplug(PcMachine *self, uint16_t port, GError **error);
/* Memory that comes and goes, when the user wants slots for it. */
bool pc_create_memory_hotplug(PcMachine *self, GError **error);
bool pc_create_device_memory(PcMachine *self, GError **error);
void pc_add_reserved_memory_end(PcMachine *self);
/* The interrupt wiring, with the ISA bus's requests on it. */
bool pc_create_gsi(PcMachine *self, GError **error);
/* Memory modules' descriptions. */
bool pc_create_spd(PcMachine *self, EmuBus *i2c, GError **error);
void pc_write_cmos(PcMachine *self);
/* plugin-reload: new code under the parts. */
void pc_track_parts(PcMachine *self);
bool pc_can_replace(EmuMachine *machine, EmuDevice *part, GError **error);
bool pc_part_replaced(EmuMachine *machine, EmuDevice *part, GError **error);
void pc_write_boot_order(PcMachine *self, const char *order);

/* pc-firmware.c */
bool pc_map_firmware(PcMachine *self, GError **error);

/* pc-acpi.c */
void pc_get_sleep_info(PcMachine *self, PcSleepInfo *info);

/* pc-fw-cfg.c: what the firmware finds. */
bool pc_parse_uuid(const char *text, uint8_t uuid[16]);
bool pc_fill_fw_cfg(PcMachine *self, GError **error);
/* How many CPUs the firmware shall wait for. */
void pc_write_cpu_count(PcMachine *self);

/* pc-acpi-vmgenid.c: finds the device that the user may have added. */
void pc_connect_vmgenid(PcMachine *self);

/* pc-acpi.c */
void pc_add_acpi_tables(PcMachine *self);

/* pc-smbios.c */
bool pc_add_smbios_tables(PcMachine *self, GError **error);

/* pc-boot.c: -kernel, -initrd, -append. */
bool pc_load_kernel(PcMachine *self, GError **error);
