/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * SPI: a controller shifts words out and in at once; a peripheral takes part while its chip select is active.
 *
 * The bus gives its controller one output line per chip select, in the group "cs" ("NAME-cs" for a bus with a name), and
 * connects each to the input "cs" of the peripheral there; a board may connect them to something else as well. A select
 * is active low unless the peripheral's class says otherwise, and inactive until the line is driven.
 */

#include <emu/device.h>

G_BEGIN_DECLS

#define EMU_TYPE_SPI_BUS (emu_spi_bus_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuSpiBus, emu_spi_bus, EMU, SPI_BUS, EmuBus)

#define EMU_TYPE_SPI_DEVICE (emu_spi_device_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuSpiDevice, emu_spi_device, EMU, SPI_DEVICE, EmuDevice)
/* Property "cs": number of the chip select; default: the next free one. */
struct _EmuSpiDeviceClass {
    EmuDeviceClass parent_class;
    /* A word of word_bits in each direction. Without it: zeroes come back. */
    uint32_t (*transfer)(EmuSpiDevice *self, uint32_t value);
    /* The chip select became active, or inactive: where a command begins and ends. Optional. */
    void (*select)(EmuSpiDevice *self, bool active);
    uint8_t word_bits; /* 1 to 32; 0: 8. A longer word of the controller comes in pieces, most significant first. */
    bool select_high;  /* active high */
    EMU_RESERVED_SLOTS(6);
};

/* ---- controllers ---------------------------------------------------------------------------------------- */

/* @n_selects: 1 to 32. */
EMU_AVAILABLE_IN_1_0 EmuSpiBus *emu_spi_bus_new(EmuDevice *controller, const char *name, unsigned n_selects);
/* The level of the pin: 0 selects most parts. A controller drives its lines high in reset_hold. */
EMU_AVAILABLE_IN_1_0 void emu_spi_bus_set_select(EmuSpiBus *bus, unsigned cs, int level);
EMU_AVAILABLE_IN_1_0 EmuLine *emu_spi_bus_get_select(EmuSpiBus *bus, unsigned cs); /* the output; NULL: none */
/* One word of @bits (1 to 32) both ways with everyone who is selected; ones when nobody is. */
EMU_AVAILABLE_IN_1_0 uint32_t emu_spi_transfer(EmuSpiBus *bus, uint32_t value, unsigned bits);
EMU_AVAILABLE_IN_1_0 EmuSpiDevice *emu_spi_bus_get_device(EmuSpiBus *bus, unsigned cs); /* (transfer none) (nullable) */

/* ---- peripherals ---------------------------------------------------------------------------------------- */

EMU_AVAILABLE_IN_1_0 uint8_t emu_spi_device_get_select(EmuSpiDevice *dev); /* number of its chip select */
EMU_AVAILABLE_IN_1_0 bool emu_spi_device_is_selected(EmuSpiDevice *dev); /* between two calls of select() */
/* Saved state of the SPI part: put EMU_VM_SPI_DEVICE first in the device's table. */
EMU_AVAILABLE_IN_1_0 const EmuVMState emu_vmstate_spi_device;
#define EMU_VM_SPI_DEVICE(S, parent) {.name = "spi", .kind = EMU_VM_KIND_STRUCT, .offset = offsetof(S, parent), .size = 0, .num = 1, .sub = &emu_vmstate_spi_device}

G_END_DECLS
