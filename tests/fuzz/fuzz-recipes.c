/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Beginnings of commands that random writes would seldom make, with parameters that nobody should send. */

#include "fuzz-private.h"

#include <string.h>

/* A command with parameters on either channel; data in both directions past its end; sometimes by bus master. */
static void
recipe_ide(Fuzz *self)
{
    static const uint8_t commands[] = {0xa0, 0xa0, 0xa0, 0xa1, 0xec, 0x20, 0x30, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0x24, 0x34, 0x25, 0x35, 0xef, 0x90, 0x08, 0xe7};
    FuzzInput *in = &self->in;
    unsigned secondary = fuzz_u8(in) & 1;
    uint16_t base = secondary ? 0x170 : 0x1f0, master = 0xc000 + 8 * secondary;
    uint8_t command = fuzz_one_in(in, 4) ? fuzz_u8(in) : commands[fuzz_below(in, G_N_ELEMENTS(commands))];
    bool dma = fuzz_one_in(in, 3);

    if (dma) {
        fuzz_out(self, (uint16_t)(master + 4), fuzz_descriptors(self), 4);
    }
    fuzz_out(self, (uint16_t)(base + 6), fuzz_one_in(in, 4) ? fuzz_u8(in) : 0xe0, 1);
    for (unsigned i = 1; i < 6; i++) {
        fuzz_out(self, (uint16_t)(base + i), fuzz_one_in(in, 2) ? fuzz_below(in, 4) : fuzz_value(self), 1);
    }
    fuzz_out(self, (uint16_t)(base + 7), command, 1);
    if (dma) {
        fuzz_out(self, master, fuzz_one_in(in, 2) ? 9 : 1, 1);
    }
    if (command == 0xa0) {
        static const uint8_t opcodes[] = {0x00, 0x03, 0x12, 0x1b, 0x1e, 0x25, 0x28, 0xa8, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x5a, 0xad, 0xbd, 0xbe};

        for (unsigned i = 0; i < 6; i++) {
            unsigned low = i == 0 && !fuzz_one_in(in, 4) ? opcodes[fuzz_below(in, G_N_ELEMENTS(opcodes))] : fuzz_u8(in);

            fuzz_out(self, base, low | (fuzz_one_in(in, 2) ? fuzz_u8(in) << 8 : 0), 2);
        }
    }
    if (fuzz_one_in(in, 4)) {
        fuzz_out(self, secondary ? 0x376 : 0x3f6, fuzz_u8(in), 1); /* a reset on the way */
    }
    if (fuzz_one_in(in, 2)) {
        emu_test_settle(self->machine);
    }
    for (unsigned n = fuzz_below(in, 400); n > 0; n--) {
        if (fuzz_one_in(in, 3)) {
            fuzz_out(self, base, fuzz_u32(in), 2);
        } else {
            fuzz_in(self, base, 2);
        }
    }
}

/* Every opcode, with too few or too many bytes; the drive changes in between; transfers by DMA channel 2. */
static void
recipe_floppy(Fuzz *self)
{
    FuzzInput *in = &self->in;

    if (fuzz_one_in(in, 2)) {
        fuzz_out(self, 0x3f2, 0x1c | fuzz_below(in, 4), 1);
    }
    if (fuzz_one_in(in, 3)) {
        fuzz_out(self, 0x0c, 0, 1);
        fuzz_out(self, 0x05, fuzz_u8(in), 1);
        fuzz_out(self, 0x05, fuzz_one_in(in, 2) ? 0xff : 0x01, 1);
        fuzz_out(self, 0x81, 1, 1);
        fuzz_out(self, 0x0b, fuzz_one_in(in, 2) ? 0x46 : 0x4a, 1);
        fuzz_out(self, 0x0a, 2, 1);
    }
    fuzz_out(self, 0x3f5, fuzz_u8(in), 1);
    for (unsigned n = fuzz_below(in, 12); n > 0; n--) {
        fuzz_out(self, 0x3f5, fuzz_one_in(in, 2) ? fuzz_below(in, 4) : fuzz_u8(in), 1);
    }
    if (fuzz_one_in(in, 2)) {
        emu_test_advance(self->machine, fuzz_below(in, 20) * 1000000);
    }
    for (unsigned n = fuzz_below(in, 600); n > 0; n--) {
        if (fuzz_one_in(in, 4)) {
            fuzz_out(self, 0x3f5, fuzz_u8(in), 1);
        } else {
            fuzz_in(self, 0x3f5, 1);
        }
    }
}

/* The DMA interface: a descriptor of control, length and address, big-endian, that may point at itself. */
static void
recipe_fw_cfg(Fuzz *self)
{
    FuzzInput *in = &self->in;
    uint32_t at = fuzz_descriptors(self);

    fuzz_write(self, at, GUINT32_TO_BE(fuzz_u8(in) & 0x1f) | fuzz_below(in, 0x40) << 24, 4);
    fuzz_write(self, at + 4, GUINT32_TO_BE((uint32_t)fuzz_value(self)), 4);
    fuzz_write(self, at + 8, fuzz_one_in(in, 8) ? fuzz_u32(in) : 0, 4);
    fuzz_write(self, at + 12, GUINT32_TO_BE((uint32_t)fuzz_value(self)), 4);
    fuzz_out(self, 0x510, fuzz_one_in(in, 2) ? fuzz_below(in, 0x40) : fuzz_value(self), 2);
    fuzz_out(self, 0x514, fuzz_one_in(in, 8) ? fuzz_u32(in) : 0, 4);
    fuzz_out(self, 0x518, GUINT32_TO_BE(at), 4);
}

/* Bochs VBE registers with edge values, then memory through the window in every plane mode. */
static void
recipe_vga(Fuzz *self)
{
    FuzzInput *in = &self->in;

    for (unsigned n = fuzz_below(in, 8); n > 0; n--) {
        fuzz_out(self, 0x1ce, fuzz_below(in, 12), 2);
        fuzz_out(self, 0x1d0, fuzz_value(self), 2);
    }
    for (unsigned n = fuzz_below(in, 6); n > 0; n--) {
        static const uint16_t index[] = {0x3c4, 0x3ce, 0x3d4};
        uint16_t port = index[fuzz_below(in, 3)];

        fuzz_out(self, port, fuzz_below(in, 0x20), 1);
        fuzz_out(self, (uint16_t)(port + 1), fuzz_u8(in), 1);
    }
    for (unsigned n = fuzz_below(in, 64); n > 0; n--) {
        uint64_t addr = 0xa0000 + (fuzz_u32(in) & 0x1ffff);

        if (fuzz_one_in(in, 2)) {
            fuzz_write(self, addr, fuzz_value(self), 1u << fuzz_below(in, 4));
        } else {
            fuzz_read(self, addr, 1u << fuzz_below(in, 4));
        }
    }
    emu_test_advance(self->machine, 20000000); /* a frame is drawn */
}

/* SMBus transactions of every protocol to every address. */
static void
recipe_pm(Fuzz *self)
{
    FuzzInput *in = &self->in;

    fuzz_out(self, 0x700, 0xff, 1);
    fuzz_out(self, 0x704, fuzz_one_in(in, 4) ? fuzz_u8(in) : 0xa0 | (fuzz_u8(in) & 0x0f), 1);
    fuzz_out(self, 0x703, fuzz_u8(in), 1);
    fuzz_out(self, 0x705, fuzz_u8(in), 1);
    fuzz_out(self, 0x702, 0x40 | (fuzz_u8(in) & 0x3c), 1);
    for (unsigned n = fuzz_below(in, 40); n > 0; n--) {
        if (fuzz_one_in(in, 2)) {
            fuzz_in(self, 0x707, 1);
        } else {
            fuzz_out(self, 0x707, fuzz_u8(in), 1);
        }
    }
}

/* Commands of the controller with and without their data, and what is passed on to keyboard and mouse. */
static void
recipe_i8042(Fuzz *self)
{
    FuzzInput *in = &self->in;

    if (fuzz_one_in(in, 2)) {
        static const uint8_t commands[] = {0x20, 0x60, 0xa7, 0xa8, 0xaa, 0xab, 0xad, 0xae, 0xc0, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd4, 0xd4};

        fuzz_out(self, 0x64, commands[fuzz_below(in, G_N_ELEMENTS(commands))], 1);
    }
    fuzz_out(self, 0x60, fuzz_one_in(in, 2) ? 0xe0 | (fuzz_u8(in) & 0x1f) : fuzz_u8(in), 1);
    for (unsigned n = fuzz_below(in, 20); n > 0; n--) {
        fuzz_in(self, fuzz_one_in(in, 4) ? 0x64 : 0x60, 1);
    }
}

/* PAM and SMRAM registers, then what they map. */
static void
recipe_i440fx(Fuzz *self)
{
    FuzzInput *in = &self->in;

    fuzz_out(self, 0xcf8, 0x80000058 + 4 * fuzz_below(in, 8), 4);
    fuzz_out(self, 0xcfc, fuzz_u32(in), 4);
    for (unsigned n = fuzz_below(in, 32); n > 0; n--) {
        uint64_t addr = 0xa0000 + fuzz_u32(in) % 0x60000;

        if (fuzz_one_in(in, 2)) {
            fuzz_write(self, addr, fuzz_value(self), 1u << fuzz_below(in, 4));
        } else {
            fuzz_read(self, addr, 1u << fuzz_below(in, 4));
        }
    }
}

FuzzRecipe
fuzz_recipe_of(const char *type)
{
    static const struct {
        const char *type;
        FuzzRecipe recipe;
    } recipes[] = {
        {"piix3-ide", recipe_ide}, {"piix4-ide", recipe_ide},   {"isa-fdc", recipe_floppy}, {"fw_cfg_io", recipe_fw_cfg},
        {"i440FX-pcihost", recipe_i440fx},
        {"VGA", recipe_vga},       {"isa-vga", recipe_vga},     {"PIIX4_PM", recipe_pm},    {"i8042", recipe_i8042},
        {"ich9-ahci", fuzz_recipe_ahci}, {"intel-iommu", fuzz_recipe_iommu}, {"mch", fuzz_recipe_mch}, {"ICH9-LPC", fuzz_recipe_lpc},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(recipes); i++) {
        if (strcmp(type, recipes[i].type) == 0) {
            return recipes[i].recipe;
        }
    }
    return NULL;
}
