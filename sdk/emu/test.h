/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A machine for tests of devices: no CPU runs, and time stands until the test moves it.
 *
 *     g_autoptr(EmuMachine) m = emu_test_machine_new("none", &error);
 *     ... make and realize devices, or name a board instead of "none" ...
 *     emu_test_out(m, 0x43, 0x34, 1);
 *     emu_test_advance(m, 1000000);
 *     g_assert_cmpuint(emu_test_in(m, 0x40, 1), ==, 0);
 *     emu_machine_destroy(m);
 *
 * All from one thread, big lock not held.
 */

#include <emu/isa.h>
#include <emu/machine.h>
#include <emu/spi.h>

G_BEGIN_DECLS

/* Not built yet: set options, then emu_test_machine_start(). @board as for emu_machine_new(). (transfer full) */
EMU_AVAILABLE_IN_1_0 EmuMachine *emu_test_machine_new_unbuilt(const char *board, GError **error);
/* The text after -drive; before the machine is started. */
EMU_AVAILABLE_IN_1_0 bool emu_test_add_drive(EmuMachine *machine, const char *text, GError **error);
/* As -global does: what a board's own devices of the type begin with; before the machine is started. */
EMU_AVAILABLE_IN_1_0 bool emu_test_add_global(EmuMachine *machine, const char *type_name, const char *property, const char *value, GError **error);
/* Builds, resets and "runs" it: the virtual clock moves with emu_test_advance(). */
EMU_AVAILABLE_IN_1_0 bool emu_test_machine_start(EmuMachine *machine, GError **error);
/* Both in one. */
EMU_AVAILABLE_IN_1_0 EmuMachine *emu_test_machine_new(const char *board, GError **error);
/* A device of the type with "property=value,..." (NULL: none) set, on the first bus of its kind or none. Big lock taken. */
EMU_AVAILABLE_IN_1_0 EmuDevice *emu_test_add_device(EmuMachine *machine, const char *type_name, const char *properties, GError **error);
/* Moves all clocks, running every timer on the way; bottom halves and fd handlers too. */
EMU_AVAILABLE_IN_1_0 void emu_test_advance(EmuMachine *machine, int64_t ns);
/* The same with a host that is busy elsewhere: the clocks move at once, and timers that became due meanwhile run then. */
EMU_AVAILABLE_IN_1_0 void emu_test_stall(EmuMachine *machine, int64_t ns);
/* Ends requests to images and serves what is pending on the main context, without moving time. */
EMU_AVAILABLE_IN_1_0 void emu_test_settle(EmuMachine *machine);
EMU_AVAILABLE_IN_1_0 void emu_test_reset(EmuMachine *machine); /* all devices, as a guest's reset does */
EMU_AVAILABLE_IN_1_0 uint64_t emu_test_in(EmuMachine *machine, uint16_t port, unsigned size); /* @size 1, 2 or 4 bytes */
EMU_AVAILABLE_IN_1_0 void emu_test_out(EmuMachine *machine, uint16_t port, uint64_t value, unsigned size);
EMU_AVAILABLE_IN_1_0 uint64_t emu_test_read(EmuMachine *machine, uint64_t addr, unsigned size); /* @size 1, 2, 4 or 8 bytes, by the CPU's view */
EMU_AVAILABLE_IN_1_0 void emu_test_write(EmuMachine *machine, uint64_t addr, uint64_t value, unsigned size);

/* What an output does, counted from now on. */
typedef struct {
    int level;       /* last driven; starts with the line's level now */
    unsigned drives; /* times driven, whatever the level */
    unsigned rises, falls;
    EmuLine *line;   /* the input that watches */
} EmuTestWatch;
EMU_AVAILABLE_IN_1_0 EmuTestWatch *emu_test_watch_line(EmuLine *output); /* (transfer full): free it before the machine */
EMU_AVAILABLE_IN_1_0 void emu_test_watch_free(EmuTestWatch *watch); /* accepts NULL */

/* State of all devices; what was saved can be loaded into the same machine, or one built alike. */
EMU_AVAILABLE_IN_1_0 GBytes *emu_test_save(EmuMachine *machine, GError **error); /* (transfer full) */
EMU_AVAILABLE_IN_1_0 bool emu_test_load(EmuMachine *machine, GBytes *state, GError **error);

/* An ISA bus for a board without one ("none"): the test sees its 16 request lines. (transfer none): the machine's */
EMU_AVAILABLE_IN_1_0 EmuIsaBus *emu_test_isa_bus_new(EmuMachine *machine);
EMU_AVAILABLE_IN_1_0 int emu_test_isa_irq_level(EmuIsaBus *bus, unsigned irq); /* @irq 0 to 15 */
EMU_AVAILABLE_IN_1_0 unsigned emu_test_isa_irq_rises(EmuIsaBus *bus, unsigned irq); /* edges so far */

/* An SPI bus whose controller is the test: select, emu_spi_transfer(), deselect. (transfer none): the machine's */
EMU_AVAILABLE_IN_1_0 EmuSpiBus *emu_test_spi_bus_new(EmuMachine *machine, unsigned n_selects);
EMU_AVAILABLE_IN_1_0 void emu_test_spi_select(EmuSpiBus *bus, unsigned cs, bool active); /* by the peripheral's polarity */

/* A chardev whose other side is the test: what the device wrote, and what it is to read. (transfer none): the machine's */
EMU_AVAILABLE_IN_1_0 EmuChardev *emu_test_chardev_new(EmuMachine *machine, const char *id);
EMU_AVAILABLE_IN_1_0 GBytes *emu_test_chardev_take(EmuChardev *chardev); /* (transfer full) */
EMU_AVAILABLE_IN_1_0 void emu_test_chardev_send(EmuChardev *chardev, const void *data, gsize len);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmuTestWatch, emu_test_watch_free)

G_END_DECLS
