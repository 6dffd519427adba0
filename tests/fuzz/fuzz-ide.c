/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What ATA and ATAPI drives are told, by task file or by frame. */

#include "fuzz-private.h"

FuzzAtaCommand
fuzz_ata_command(Fuzz *self)
{
    static const uint8_t commands[] = {0xa0, 0xa0, 0xa0, 0xa0, 0xa1, 0xec, 0x20, 0x30, 0xc4, 0xc5, 0xc6, 0xc8, 0xca, 0x24, 0x34, 0x25,
                                       0x35, 0x29, 0x39, 0xef, 0xef, 0x90, 0x08, 0xe7, 0xea, 0xb0, 0xb0, 0x91, 0xf8, 0x27, 0x40, 0x42};
    static const uint8_t features[] = {0x02, 0x82, 0x03, 0x03, 0x03, 0x05, 0x85, 0x55, 0xaa, 0x66, 0xcc};
    static const uint8_t smart[] = {0xd0, 0xd1, 0xd2, 0xd4, 0xd5, 0xd5, 0xd8, 0xd8, 0xd9, 0xda};
    FuzzInput *in = &self->in;
    FuzzAtaCommand c = {
        .command = fuzz_one_in(in, 4) ? fuzz_u8(in) : commands[fuzz_below(in, G_N_ELEMENTS(commands))],
        .feature = (uint8_t)(fuzz_one_in(in, 4) ? fuzz_u8(in) : fuzz_below(in, 4)),
        .count = (uint8_t)(fuzz_one_in(in, 4) ? fuzz_u8(in) : fuzz_below(in, 4)),
        .low = (uint8_t)(fuzz_one_in(in, 2) ? fuzz_u8(in) : fuzz_below(in, 4)),
        .middle = (uint8_t)(fuzz_one_in(in, 2) ? fuzz_value(self) : fuzz_below(in, 4)),
        .high = (uint8_t)(fuzz_one_in(in, 4) ? fuzz_value(self) : fuzz_below(in, 2)),
    };

    if (c.command == 0xef && !fuzz_one_in(in, 4)) {
        c.feature = features[fuzz_below(in, G_N_ELEMENTS(features))];
        c.count = fuzz_u8(in) & 0x7f;
    }
    if (c.command == 0xb0 && !fuzz_one_in(in, 8)) {
        c.feature = smart[fuzz_below(in, G_N_ELEMENTS(smart))];
        c.count = 1;
        c.low = (uint8_t)fuzz_below(in, 7);
        c.middle = 0x4f;
        c.high = 0xc2;
    }
    return c;
}

/* A packet with an address and lengths of a disc with 512 blocks; trays seldom move, or nothing would be read. */
void
fuzz_ata_packet(Fuzz *self, uint8_t packet[12])
{
    static const uint8_t opcodes[] = {0x00, 0x03, 0x12, 0x1e, 0x25, 0x28, 0x28, 0x2b, 0xa8, 0xa8, 0x42, 0x43, 0x43,
                                      0x46, 0x4a, 0x51, 0x55, 0x5a, 0x5a, 0xad, 0xbb, 0xbd, 0xbe, 0xbe, 0xb9};
    static const uint8_t parts[] = {0x10, 0x10, 0xf8, 0xf8, 0x00};
    FuzzInput *in = &self->in;
    uint32_t lba = fuzz_one_in(in, 8) ? (uint32_t)fuzz_value(self) : fuzz_below(in, 0x204), n = fuzz_one_in(in, 8) ? fuzz_u32(in) : fuzz_below(in, 40);
    bool bare = fuzz_one_in(in, 4);

    for (unsigned i = 0; i < 12; i++) {
        packet[i] = bare ? fuzz_u8(in) : 0;
    }
    packet[0] = opcodes[fuzz_below(in, G_N_ELEMENTS(opcodes))];
    if (bare) {
        return;
    }
    packet[1] = fuzz_one_in(in, 4) ? fuzz_u8(in) : fuzz_u8(in) & 2;
    packet[2] = (uint8_t)(lba >> 24);
    packet[3] = (uint8_t)(lba >> 16);
    packet[4] = (uint8_t)(lba >> 8);
    packet[5] = (uint8_t)lba;
    packet[6] = (uint8_t)(n >> 24);
    packet[7] = (uint8_t)(n >> 8);
    packet[8] = (uint8_t)n;
    switch (packet[0]) {
    case 0x03:
    case 0x12:
        packet[4] = (uint8_t)n;
        break;
    case 0x1e:
        packet[4] = fuzz_u8(in) & 1;
        break;
    case 0x43:
        packet[2] = (uint8_t)fuzz_below(in, 4);
        packet[6] = fuzz_one_in(in, 4) ? 0xaa : (uint8_t)fuzz_below(in, 3);
        packet[9] = fuzz_u8(in) & 0xc0;
        break;
    case 0x46:
        packet[3] = fuzz_one_in(in, 4) ? fuzz_u8(in) : 0;
        packet[1] = fuzz_u8(in) & 3;
        break;
    case 0x4a:
        packet[1] = 1;
        packet[4] = fuzz_u8(in);
        break;
    case 0x5a: {
        static const uint8_t pages[] = {0x01, 0x0e, 0x2a, 0x3f};

        packet[2] = pages[fuzz_below(in, G_N_ELEMENTS(pages))] | (fuzz_one_in(in, 4) ? fuzz_u8(in) & 0xc0 : 0);
        break;
    }
    case 0xa8:
        packet[8] = 0;
        packet[9] = (uint8_t)n;
        break;
    case 0xad:
        packet[7] = (uint8_t)fuzz_below(in, 5);
        break;
    case 0xbe:
        packet[7] = 0;
        packet[9] = parts[fuzz_below(in, G_N_ELEMENTS(parts))];
        break;
    default:
        break;
    }
    if (packet[0] == 0xbd && fuzz_one_in(in, 4)) {
        packet[0] = 0x1b;
        packet[4] = fuzz_one_in(in, 2) ? 3 : (uint8_t)fuzz_below(in, 4);
    }
}

/* A command on either channel; data in both directions past its end; sometimes by bus master, sometimes broken off. */
void
fuzz_recipe_ide(Fuzz *self)
{
    FuzzInput *in = &self->in;
    unsigned secondary = fuzz_u8(in) & 1;
    uint16_t base = secondary ? 0x170 : 0x1f0, control = secondary ? 0x376 : 0x3f6, master = 0xc000 + 8 * secondary;
    FuzzAtaCommand c = fuzz_ata_command(self);
    uint8_t packet[12];
    bool dma = fuzz_one_in(in, 3);

    if (fuzz_one_in(in, 4)) {
        fuzz_out(self, control, 4, 1); /* whatever was going on */
        fuzz_out(self, control, 0, 1);
    }
    if (dma) {
        uint32_t table = fuzz_descriptors(self);

        for (unsigned i = 0; fuzz_one_in(in, 2) && i < 4; i++) {
            fuzz_write(self, table + 8 * i, FUZZ_PAGES + (fuzz_below(in, FUZZ_PAGES_SIZE) & ~1u), 4);
            fuzz_write(self, table + 8 * i + 4, (fuzz_u32(in) & 0xfffe) | (fuzz_one_in(in, 4) ? 0x80000000u : 0), 4);
        }
        fuzz_out(self, (uint16_t)(master + 4), table, 4);
    }
    fuzz_out(self, (uint16_t)(base + 6), fuzz_one_in(in, 4) ? fuzz_u8(in) : 0xe0, 1);
    if (c.command == 0xa0 && dma) {
        c.feature |= 1;
    }
    fuzz_out(self, (uint16_t)(base + 1), c.feature, 1);
    fuzz_out(self, (uint16_t)(base + 2), c.count, 1);
    fuzz_out(self, (uint16_t)(base + 3), c.low, 1);
    fuzz_out(self, (uint16_t)(base + 4), c.middle, 1);
    fuzz_out(self, (uint16_t)(base + 5), c.high, 1);
    fuzz_out(self, (uint16_t)(base + 7), c.command, 1);
    if (dma) {
        fuzz_out(self, master, fuzz_one_in(in, 2) ? 9 : 1, 1);
    }
    if (c.command == 0xa0) {
        fuzz_ata_packet(self, packet);
        for (unsigned i = 0; i < sizeof(packet); i += 2) {
            fuzz_out(self, base, packet[i] | packet[i + 1] << 8, 2);
        }
    }
    if (fuzz_one_in(in, 4)) {
        fuzz_out(self, control, fuzz_u8(in), 1); /* a reset on the way */
    }
    if (fuzz_one_in(in, 2)) {
        emu_test_settle(self->machine);
    }
    for (unsigned n = fuzz_below(in, fuzz_one_in(in, 16) ? 4000 : 40); n > 0; n--) {
        if (c.command != 0xa0 ? fuzz_one_in(in, 3) : packet[0] == 0x55 || fuzz_one_in(in, 64)) {
            fuzz_out(self, base, fuzz_u32(in), 2);
        } else {
            fuzz_in(self, base, 2);
        }
        if (fuzz_one_in(in, 64)) {
            emu_test_settle(self->machine);
        }
    }
}
