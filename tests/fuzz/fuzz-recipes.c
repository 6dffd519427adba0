/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Beginnings of commands that random writes would seldom make, with parameters that nobody should send. */

#include "fuzz-private.h"

#include <emu/ui.h>

#include <string.h>

/* A channel of the first 8237, to or from somewhere in the first megabytes, or only verifying. */
static void
prepare_dma(Fuzz *self, unsigned channel)
{
    static const uint8_t modes[] = {0x44, 0x48, 0x40, 0x54, 0x58, 0x64};
    static const uint16_t pages[] = {0x87, 0x83, 0x81, 0x82};
    FuzzInput *in = &self->in;

    fuzz_out(self, 0x0c, 0, 1);
    fuzz_out(self, 0x0b, modes[fuzz_below(in, G_N_ELEMENTS(modes))] | channel, 1);
    fuzz_out(self, (uint16_t)(2 * channel), fuzz_u8(in), 1);
    fuzz_out(self, (uint16_t)(2 * channel), fuzz_u8(in), 1);
    fuzz_out(self, (uint16_t)(2 * channel + 1), fuzz_u8(in), 1);
    fuzz_out(self, (uint16_t)(2 * channel + 1), fuzz_one_in(in, 2) ? 0xff : fuzz_below(in, 16), 1);
    fuzz_out(self, pages[channel], 1 + fuzz_below(in, 16), 1);
    fuzz_out(self, 0x0a, channel, 1);
}

/*
 * Commands with parameters that make sense, or nearly, or none; too few or too many bytes; the drive, its data rate and the
 * ways of transfer change in between.
 */
static void
recipe_floppy(Fuzz *self)
{
    static const uint8_t commands[] = {0x46, 0x4c, 0x45, 0x49, 0x42, 0x56, 0x51, 0x59, 0x5d, 0x4d, 0x4a, 0x0f, 0x8f, 0x07, 0x08, 0x03,
                                       0x04, 0x0e, 0x13, 0x12, 0x94, 0x8e, 0x2e, 0x4e};
    FuzzInput *in = &self->in;

    if (fuzz_one_in(in, 2)) {
        fuzz_out(self, 0x3f2, 0x1c | fuzz_below(in, 4), 1);
        fuzz_out(self, 0x3f7, 0, 1);
    }
    if (fuzz_one_in(in, 3)) {
        prepare_dma(self, 2);
    }
    if (fuzz_one_in(in, 4)) {
        fuzz_out(self, 0x3f5, 0x03, 1); /* SPECIFY: with DMA or without */
        fuzz_out(self, 0x3f5, 0xaf, 1);
        fuzz_out(self, 0x3f5, 2 + fuzz_below(in, 2), 1);
        fuzz_out(self, 0x3f5, 0x13, 1); /* CONFIGURE */
        fuzz_out(self, 0x3f5, 0, 1);
        fuzz_out(self, 0x3f5, fuzz_u8(in), 1);
        fuzz_out(self, 0x3f5, fuzz_u8(in), 1);
    }
    if (fuzz_one_in(in, 2)) {
        uint8_t track = fuzz_below(in, 82), head = fuzz_below(in, 2), last = 1 + fuzz_below(in, 20);

        fuzz_out(self, 0x3f5, 0x0f, 1);
        fuzz_out(self, 0x3f5, 0, 1);
        fuzz_out(self, 0x3f5, track, 1);
        fuzz_out(self, 0x3f5, commands[fuzz_below(in, 9)] | (fuzz_u8(in) & 0xa0), 1);
        fuzz_out(self, 0x3f5, head << 2 | (fuzz_u8(in) & 0x80), 1);
        fuzz_out(self, 0x3f5, track, 1);
        fuzz_out(self, 0x3f5, head, 1);
        fuzz_out(self, 0x3f5, 1 + fuzz_below(in, last), 1);
        fuzz_out(self, 0x3f5, fuzz_one_in(in, 8) ? fuzz_u8(in) : 2, 1);
        fuzz_out(self, 0x3f5, last, 1);
        fuzz_out(self, 0x3f5, 0x1b, 1);
        fuzz_out(self, 0x3f5, fuzz_u8(in), 1);
    } else {
        fuzz_out(self, 0x3f5, fuzz_one_in(in, 2) ? fuzz_u8(in) : commands[fuzz_below(in, G_N_ELEMENTS(commands))], 1);
        for (unsigned n = fuzz_below(in, 18); n > 0; n--) {
            fuzz_out(self, 0x3f5, fuzz_one_in(in, 2) ? fuzz_below(in, 4) : fuzz_u8(in), 1);
        }
    }
    if (fuzz_one_in(in, 2)) {
        emu_test_advance(self->machine, fuzz_below(in, 20) * 1000000);
    }
    for (unsigned n = fuzz_below(in, 1100); n > 0; n--) {
        if (fuzz_one_in(in, 4)) {
            fuzz_out(self, 0x3f5, fuzz_u8(in), 1);
        } else {
            fuzz_in(self, 0x3f5, 1);
        }
        if (fuzz_one_in(in, 256)) {
            emu_test_advance(self->machine, 600000);
        }
    }
}

/* Modes, and bytes for each of them; DMA both ways; a back end with something to say. */
static void
recipe_parallel(Fuzz *self)
{
    FuzzInput *in = &self->in;

    if (fuzz_one_in(in, 3)) {
        prepare_dma(self, 3);
    }
    if (fuzz_one_in(in, 2)) {
        fuzz_out(self, 0x77a, 0x34, 1);
        fuzz_out(self, 0x37a, fuzz_one_in(in, 2) ? 0x2c : 0x1c, 1);
    }
    fuzz_out(self, 0x77a, fuzz_below(in, 8) << 5 | (fuzz_u8(in) & 0x1c), 1);
    for (unsigned n = fuzz_below(in, 60); n > 0; n--) {
        static const uint16_t ports[] = {0x378, 0x378, 0x379, 0x37a, 0x37b, 0x37c, 0x778, 0x778, 0x778, 0x779, 0x77a};
        uint16_t port = ports[fuzz_below(in, G_N_ELEMENTS(ports))];

        if (fuzz_one_in(in, 2)) {
            fuzz_out(self, port, fuzz_u8(in), 1);
        } else {
            fuzz_in(self, port, 1);
        }
    }
    if (self->chardev && fuzz_one_in(in, 2)) {
        emu_test_chardev_send(self->chardev, "what the printer has to say", 1 + fuzz_below(in, 27));
    }
    emu_test_advance(self->machine, fuzz_below(in, 50) * 1000);
}

/* Lines, rates and FIFOs, as drivers set them up, then traffic both ways with breaks in it. */
static void
recipe_serial(Fuzz *self)
{
    FuzzInput *in = &self->in;

    fuzz_out(self, 0x3fb, 0x80, 1);
    fuzz_out(self, 0x3f8, fuzz_u8(in), 1);
    fuzz_out(self, 0x3f9, fuzz_one_in(in, 4) ? fuzz_u8(in) : 0, 1);
    fuzz_out(self, 0x3fb, fuzz_u8(in) & 0x7f, 1);
    fuzz_out(self, 0x3fa, fuzz_u8(in), 1);
    fuzz_out(self, 0x3fc, fuzz_u8(in), 1);
    fuzz_out(self, 0x3f9, fuzz_u8(in), 1);
    for (unsigned n = fuzz_below(in, 60); n > 0; n--) {
        if (self->chardev && fuzz_one_in(in, 8)) {
            emu_test_chardev_send(self->chardev, "text from the other side", 1 + fuzz_below(in, 24));
            if (fuzz_one_in(in, 2)) {
                emu_machine_lock(self->machine);
                emu_chardev_event(self->chardev, EMU_CHARDEV_BREAK);
                emu_machine_unlock(self->machine);
            }
        } else if (fuzz_one_in(in, 2)) {
            fuzz_out(self, 0x3f8, fuzz_u8(in), 1);
        } else {
            fuzz_in(self, (uint16_t)(0x3f8 + fuzz_below(in, 8)), 1);
        }
    }
    emu_test_advance(self->machine, fuzz_below(in, 50) * 100000);
}

/* The DMA interface: a descriptor of control, length and address, big-endian, that may point at itself. */
static void
recipe_fw_cfg(Fuzz *self)
{
    FuzzInput *in = &self->in;
    uint32_t at = fuzz_descriptors(self);

    fuzz_write(self, at, GUINT32_TO_BE(fuzz_u8(in) & 0x1f) | fuzz_below(in, 0x40) << 24, 4);
    /* Long ones fill all of RAM, which takes its time. */
    fuzz_write(self, at + 4, GUINT32_TO_BE(fuzz_one_in(in, 16) ? (uint32_t)fuzz_value(self) : fuzz_below(in, 0x1000)), 4);
    fuzz_write(self, at + 8, fuzz_one_in(in, 8) ? fuzz_u32(in) : 0, 4);
    fuzz_write(self, at + 12, GUINT32_TO_BE((uint32_t)fuzz_value(self)), 4);
    fuzz_out(self, 0x510, fuzz_one_in(in, 2) ? fuzz_below(in, 0x40) : fuzz_value(self), 2);
    fuzz_out(self, 0x514, fuzz_one_in(in, 8) ? fuzz_u32(in) : 0, 4);
    fuzz_out(self, 0x518, GUINT32_TO_BE(at), 4);
}

/* Somebody looks at the screen: what the registers say now is drawn. */
static void
look(Fuzz *self)
{
    EmuConsole *console = emu_machine_get_console(self->machine, 0);

    if (console) {
        emu_machine_lock(self->machine);
        emu_console_update(console);
        g_free(emu_console_get_text(console));
        emu_machine_unlock(self->machine);
    }
}

/* A mode of the Bochs VBE registers that fits, or nonsense. */
static void
put_vbe_mode(Fuzz *self)
{
    static const uint8_t depths[] = {4, 8, 15, 16, 24, 32};
    FuzzInput *in = &self->in;
    uint16_t values[10] = {0,
                           (uint16_t)(8 + fuzz_below(in, 200)),
                           (uint16_t)(1 + fuzz_below(in, 200)),
                           depths[fuzz_below(in, G_N_ELEMENTS(depths))],
                           (uint16_t)(1 | (fuzz_u8(in) & 0xe0)),
                           (uint16_t)fuzz_below(in, 16),
                           (uint16_t)(fuzz_one_in(in, 2) ? fuzz_below(in, 2048) : 0),
                           (uint16_t)fuzz_value(self),
                           (uint16_t)fuzz_below(in, 64),
                           (uint16_t)fuzz_below(in, 64)};

    for (unsigned i = 1; i < G_N_ELEMENTS(values); i++) {
        if (!fuzz_one_in(in, 8)) {
            fuzz_out(self, 0x1ce, i, 2);
            fuzz_out(self, 0x1d0, fuzz_one_in(in, 16) ? fuzz_value(self) : values[i], 2);
        }
    }
}

/* The registers of a text or graphics mode by the standard's numbers, with some of them off. */
static void
put_vga_mode(Fuzz *self)
{
    static const uint8_t crtc[] = {0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00,
                                   0x00, 0x00, 0x00, 0x9c, 0x0e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff};
    static const uint8_t graphics[] = {0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff, 0x20, 0x30, 0x40, 0x01, 0x05};
    FuzzInput *in = &self->in;

    fuzz_in(self, 0x3da, 1);
    fuzz_out(self, 0x3c0, 0x10, 1);
    fuzz_out(self, 0x3c0, fuzz_u8(in), 1);
    fuzz_out(self, 0x3c0, 0x20, 1); /* the screen is on */
    fuzz_out(self, 0x3c4, 0x0100 * (fuzz_u8(in) & 0x3f) | 1, 2);
    fuzz_out(self, 0x3c4, 0x0100 * fuzz_u8(in) | 4, 2);
    fuzz_out(self, 0x3ce, 0x0100 * graphics[fuzz_below(in, G_N_ELEMENTS(graphics))] | 5, 2);
    fuzz_out(self, 0x3ce, 0x0100 * graphics[fuzz_below(in, G_N_ELEMENTS(graphics))] | 6, 2);
    fuzz_out(self, 0x3d4, 0x0011, 2);
    for (unsigned i = 0; i < sizeof(crtc); i++) {
        fuzz_out(self, 0x3d4, (fuzz_one_in(in, 8) ? fuzz_u8(in) : crtc[i]) << 8 | i, 2);
    }
}

/* Modes, registers with edge values, memory through the window in every plane mode, and a look at it. */
static void
recipe_vga(Fuzz *self)
{
    FuzzInput *in = &self->in;

    if (fuzz_one_in(in, 2)) {
        put_vbe_mode(self);
    } else if (fuzz_one_in(in, 2)) {
        fuzz_out(self, 0x1ce, 4, 2);
        fuzz_out(self, 0x1d0, 0, 2);
        put_vga_mode(self);
    }
    for (unsigned n = fuzz_one_in(in, 4) ? fuzz_below(in, 8) : 0; n > 0; n--) {
        fuzz_out(self, 0x1ce, fuzz_below(in, 12), 2);
        fuzz_out(self, 0x1d0, fuzz_value(self), 2);
    }
    for (unsigned n = fuzz_one_in(in, 2) ? fuzz_below(in, 6) : 0; n > 0; n--) {
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
    emu_test_advance(self->machine, 20000000); /* the cursor blinks */
    if (fuzz_one_in(in, 4)) {
        look(self);
    }
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

/* Somebody types and moves the mouse. */
static void
press(Fuzz *self)
{
    FuzzInput *in = &self->in;

    emu_machine_lock(self->machine);
    for (unsigned n = fuzz_below(in, 12); n > 0; n--) {
        EmuInputEvent event = {EMU_INPUT_REL, EMU_INPUT_AXIS_X + (int)fuzz_below(in, 2), (int)fuzz_u32(in) >> fuzz_below(in, 32)};

        switch (fuzz_below(in, 4)) {
        case 0:
            emu_input_send(self->machine, &event);
            break;
        case 1:
            event = (EmuInputEvent){EMU_INPUT_BUTTON, (int)fuzz_below(in, EMU_INPUT_BUTTON_EXTRA + 1), fuzz_u8(in) & 1};
            emu_input_send(self->machine, &event);
            break;
        case 2:
            emu_input_sync(self->machine);
            break;
        default:
            emu_input_send_key(self->machine, fuzz_u8(in), fuzz_u8(in) & 1);
        }
    }
    emu_machine_unlock(self->machine);
    emu_test_advance(self->machine, 1 + fuzz_below(in, 20000000));
}

/* A command for the keyboard or, behind D4h, the mouse, with the byte that belongs to it. */
static void
put_ps2_command(Fuzz *self)
{
    static const uint8_t commands[] = {0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xf0, 0xf0, 0xf1, 0xf2,
                                       0xf3, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xff};
    static const uint8_t rates[] = {200, 100, 80, 200, 200, 80, 10}; /* the knocks of the wheel and the five buttons */
    FuzzInput *in = &self->in;
    bool mouse = fuzz_one_in(in, 2);

    if (mouse && fuzz_one_in(in, 4)) {
        for (unsigned at = fuzz_one_in(in, 2) ? 0 : 3, i = 0; i < 3; i++) {
            fuzz_out(self, 0x64, 0xd4, 1);
            fuzz_out(self, 0x60, 0xf3, 1);
            fuzz_out(self, 0x64, 0xd4, 1);
            fuzz_out(self, 0x60, rates[at + i], 1);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        if (mouse) {
            fuzz_out(self, 0x64, 0xd4, 1);
        }
        fuzz_out(self, 0x60, i == 0 ? commands[fuzz_below(in, G_N_ELEMENTS(commands))] : fuzz_one_in(in, 4) ? fuzz_u8(in) : fuzz_below(in, 4), 1);
    }
}

/* Commands of the controller with and without their data, what is passed on to keyboard and mouse, and what they have to say. */
static void
recipe_i8042(Fuzz *self)
{
    static const uint8_t commands[] = {0x20, 0x60, 0xa7, 0xa8, 0xaa, 0xab, 0xad, 0xae, 0xc0, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd4, 0xd4};
    FuzzInput *in = &self->in;

    switch (fuzz_below(in, 4)) {
    case 0:
        fuzz_out(self, 0x64, 0x60, 1);
        fuzz_out(self, 0x60, fuzz_one_in(in, 4) ? fuzz_u8(in) : 0x03 | (fuzz_u8(in) & 0x40), 1);
        fuzz_out(self, 0x64, 0xa8, 1);
        put_ps2_command(self);
        break;
    case 1:
        fuzz_out(self, 0x64, commands[fuzz_below(in, G_N_ELEMENTS(commands))], 1);
        fuzz_out(self, 0x60, fuzz_u8(in), 1);
        break;
    default:
        put_ps2_command(self);
    }
    if (fuzz_one_in(in, 2)) {
        press(self);
    }
    for (unsigned n = fuzz_below(in, 40); n > 0; n--) {
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
        {"piix3-ide", fuzz_recipe_ide}, {"piix4-ide", fuzz_recipe_ide},   {"isa-fdc", recipe_floppy}, {"isa-parallel", recipe_parallel}, {"isa-serial", recipe_serial}, {"fw_cfg_io", recipe_fw_cfg},
        {"i440FX-pcihost", recipe_i440fx},
        {"VGA", recipe_vga},       {"isa-vga", recipe_vga},     {"PIIX4_PM", recipe_pm},    {"i8042", recipe_i8042},
        {"acpi-cpuhp", fuzz_recipe_cpuhp}, {"acpi-memhp", fuzz_recipe_memhp}, {"acpi-pcihp", fuzz_recipe_pcihp},
        {"ich9-ahci", fuzz_recipe_ahci}, {"intel-iommu", fuzz_recipe_iommu}, {"mch", fuzz_recipe_mch}, {"ICH9-LPC", fuzz_recipe_lpc},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(recipes); i++) {
        if (strcmp(type, recipes[i].type) == 0) {
            return recipes[i].recipe;
        }
    }
    return NULL;
}
