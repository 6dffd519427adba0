/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The i440FX PC: what the board's files share. */

#include "pc-gsi.h"

#include <emu/fw-cfg.h>
#include <emu/isa.h>
#include <emu/pci.h>
#include <emu/x86-pc.h>

#define PC_N_FLASHES 2

typedef struct {
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

    EmuDevice *host; /* i440FX-pcihost; these are owned by the composition tree */
    EmuPciBus *pci_bus;
    EmuDevice *isa_bridge;
    EmuIsaBus *isa_bus;
    EmuDevice *pm;
    EmuDevice *ioapic;
    EmuDevice *pic[2];
    EmuDevice *rtc;
    EmuDevice *hpet_device; /* NULL: none */
    EmuDevice *vmgenid;     /* NULL: none */
    EmuFwCfg *fw_cfg;

    EmuDevice *gsi;                   /* pc-gsi */
    EmuLine *isa_irqs[PC_N_ISA_IRQS]; /* its inputs for ISA devices */
    EmuLine *a20_line;                /* children of the machine */
    EmuLine *ferr_line;

    bool boot_once_pending; /* the first reset puts the regular boot order back */
} PcMachine;

/* pc-devices.c: chips, ports, drives. */
bool pc_create_devices(PcMachine *self, GError **error);
void pc_write_cmos(PcMachine *self);
void pc_write_boot_order(PcMachine *self, const char *order);

/* pc-firmware.c */
bool pc_map_firmware(PcMachine *self, GError **error);

/* pc-fw-cfg.c: what the firmware finds. */
bool pc_parse_uuid(const char *text, uint8_t uuid[16]);
bool pc_fill_fw_cfg(PcMachine *self, GError **error);

/* pc-acpi-vmgenid.c: finds the device that the user may have added. */
void pc_connect_vmgenid(PcMachine *self);

/* pc-acpi.c */
void pc_add_acpi_tables(PcMachine *self);

/* pc-smbios.c */
bool pc_add_smbios_tables(PcMachine *self, GError **error);

/* pc-boot.c: -kernel, -initrd, -append. */
bool pc_load_kernel(PcMachine *self, GError **error);
