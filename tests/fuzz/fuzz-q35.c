/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Recipes for the parts of a PC with PCI Express. */

#include "fuzz-private.h"

#define AHCI_PLACE 0xe0000000u
#define COMMAND_LIST FUZZ_PAGES
#define COMMAND_TABLE (FUZZ_PAGES + 0x800)
#define FRAMES (FUZZ_PAGES + 0x400)
#define IOMMU 0xfed90000u
#define IOMMU_TABLES (FUZZ_PAGES + 0x1000)
#define IOMMU_IRT (IOMMU_TABLES + 0x5000)

static void
put_config(Fuzz *self, unsigned devfn, unsigned reg, uint32_t value)
{
    fuzz_out(self, 0xcf8, 0x80000000u | devfn << 8 | reg, 4);
    fuzz_out(self, 0xcfc, value, 4);
}

/* ---- AHCI ----------------------------------------------------------------------------------------------- */

/* A command header, a frame and region descriptors that make sense as far as chance lets them. */
static void
put_ahci_command(Fuzz *self, unsigned slot)
{
    FuzzInput *in = &self->in;
    unsigned n_prds = fuzz_one_in(in, 8) ? fuzz_u32(in) & 0xffff : fuzz_below(in, 4);
    FuzzAtaCommand c = fuzz_ata_command(self);
    uint32_t table = COMMAND_TABLE + 0x80 * fuzz_below(in, 8), flags = (fuzz_u8(in) & 0xc0) | (c.command == 0xa0) << 5;
    uint8_t packet[12];

    if (fuzz_one_in(in, 4)) {
        c.command = fuzz_one_in(in, 2) ? 0x60 : 0x61; /* queued */
    }
    fuzz_ata_packet(self, packet);
    fuzz_write(self, COMMAND_LIST + 32 * slot, 5 | (fuzz_one_in(in, 8) ? fuzz_u8(in) & 0xe0 : flags) | n_prds << 16, 4);
    fuzz_write(self, COMMAND_LIST + 32 * slot + 8, fuzz_one_in(in, 16) ? fuzz_u32(in) : table, 4);
    fuzz_write(self, COMMAND_LIST + 32 * slot + 12, fuzz_one_in(in, 16) ? fuzz_u32(in) : 0, 4);
    fuzz_write(self, table, 0x27 | (fuzz_one_in(in, 8) ? 0 : 0x8000) | (uint32_t)c.command << 16 | (uint32_t)c.feature << 24, 4);
    fuzz_write(self, table + 4, c.low | (uint32_t)c.middle << 8 | (uint32_t)c.high << 16 | 0x40000000u, 4);
    fuzz_write(self, table + 8, fuzz_one_in(in, 4) ? fuzz_u32(in) : 0, 4);
    fuzz_write(self, table + 12, fuzz_one_in(in, 4) ? slot << 3 : fuzz_one_in(in, 4) ? fuzz_u32(in) : c.count, 4);
    for (unsigned i = 0; i < sizeof(packet); i += 4) {
        fuzz_write(self, table + 0x40 + i, packet[i] | packet[i + 1] << 8 | packet[i + 2] << 16 | (uint32_t)packet[i + 3] << 24, 4);
    }
    for (unsigned i = 0; i < 4; i++) {
        fuzz_write(self, table + 0x80 + 16 * i, fuzz_one_in(in, 4) ? fuzz_value(self) : FUZZ_PAGES + fuzz_below(in, FUZZ_PAGES_SIZE), 8);
        fuzz_write(self, table + 0x88 + 16 * i, (uint64_t)(fuzz_one_in(in, 8) ? fuzz_u32(in) : fuzz_below(in, 8192) | 1) << 32, 8);
    }
}

static void
run_ahci(Fuzz *self, uint32_t base, unsigned port)
{
    FuzzInput *in = &self->in;
    uint32_t at = base + 0x100 + 0x80 * port, slots = 0;

    fuzz_write(self, at, fuzz_one_in(in, 16) ? fuzz_u32(in) : COMMAND_LIST, 4);
    fuzz_write(self, at + 8, fuzz_one_in(in, 16) ? fuzz_u32(in) : FRAMES, 4);
    fuzz_write(self, at + 0x14, fuzz_u32(in), 4);
    if (fuzz_one_in(in, 6)) {
        fuzz_write(self, at + 0x2c, 1, 4); /* the link is reset */
        fuzz_write(self, at + 0x2c, 0, 4);
    }
    if (fuzz_one_in(in, 4)) {
        fuzz_write(self, at + 0x18, fuzz_u8(in), 4);
    }
    fuzz_write(self, at + 0x18, 0x11, 4);
    for (unsigned n = 1 + fuzz_below(in, 4); n > 0; n--) {
        unsigned slot = fuzz_below(in, 32);

        put_ahci_command(self, slot);
        slots |= 1u << slot;
    }
    fuzz_write(self, at + 0x34, slots, 4);
    fuzz_write(self, at + 0x38, slots, 4);
    if (fuzz_one_in(in, 3)) {
        fuzz_write(self, at + 0x18, fuzz_one_in(in, 2) ? 0 : 0x10, 4); /* stopped on the way */
    }
    if (fuzz_one_in(in, 2)) {
        emu_test_settle(self->machine);
    }
    for (unsigned i = 0; i < 16; i++) {
        fuzz_read(self, at + 4 * i, 4);
    }
    fuzz_write(self, at + 0x10, 0xffffffff, 4);
    fuzz_write(self, base + 8, 0xffffffff, 4);
}

void
fuzz_recipe_ahci(Fuzz *self)
{
    put_config(self, 0xfa, 0x24, AHCI_PLACE);
    put_config(self, 0xfa, 0x04, 6);
    fuzz_write(self, AHCI_PLACE + 4, 0x80000002, 4);
    run_ahci(self, AHCI_PLACE, 2 * fuzz_below(&self->in, 2) + fuzz_one_in(&self->in, 8));
}

/* ---- the remapping unit -------------------------------------------------------------------------------------- */

/* Root, context, page and interrupt tables that lead the disk controller to the same addresses, or somewhere else; then some of it is
 * spoilt. Pages 2, 3 and 4 are the levels; the last is its own parent where a fourth is wanted. */
static void
put_iommu_tables(Fuzz *self)
{
    FuzzInput *in = &self->in;
    uint64_t context = IOMMU_TABLES + 0x1000, level = IOMMU_TABLES + 0x2000;

    fuzz_write(self, IOMMU_TABLES, context | 1, 8);
    fuzz_write(self, IOMMU_TABLES + 8, 0, 8);
    fuzz_write(self, context + 16 * 0xfa, level | 1 | (fuzz_one_in(in, 8) ? fuzz_u8(in) & 0xe : 0), 8);
    fuzz_write(self, context + 16 * 0xfa + 8, 1 + fuzz_below(in, 2) + (fuzz_u8(in) & 3) * 0x100u, 8);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t next = i < 2 ? level + 0x1000 * (i + 1) : level + 0x2000;

        fuzz_write(self, level + 0x1000 * i, fuzz_one_in(in, 16) ? 0x80 | fuzz_below(in, 4) : next | (fuzz_one_in(in, 16) ? fuzz_below(in, 4) : 3), 8);
    }
    for (unsigned i = FUZZ_PAGES >> 12; i < (FUZZ_PAGES + FUZZ_PAGES_SIZE) >> 12; i++) {
        uint64_t page = fuzz_one_in(in, 16) ? fuzz_value(self) & ~UINT64_C(0xfff) : (uint64_t)i << 12;

        fuzz_write(self, level + 0x2000 + 8 * i, page | (fuzz_one_in(in, 16) ? fuzz_below(in, 4) : 3), 8);
    }
    for (unsigned i = 0; i < 16; i++) {
        uint64_t high = fuzz_one_in(in, 2) ? 0 : fuzz_one_in(in, 2) ? 0x400fa | fuzz_below(in, 4) << 16 : 0x80000 | (fuzz_u32(in) & 0xffff);

        fuzz_write(self, IOMMU_IRT + 16 * i, 1 | (fuzz_u32(in) & 0xff007e) | (uint64_t)fuzz_u8(in) << (fuzz_one_in(in, 2) ? 32 : 40), 8);
        fuzz_write(self, IOMMU_IRT + 16 * i + 8, high, 8);
    }
    for (unsigned n = fuzz_one_in(in, 2) ? fuzz_below(in, 64) : 0; n > 0; n--) {
        uint64_t page = IOMMU_TABLES + 0x1000 * fuzz_below(in, 6), bits = fuzz_one_in(in, 4) ? fuzz_u32(in) & 0xfff : 3;
        uint64_t at = IOMMU_TABLES + 0x1000 * fuzz_below(in, 6) + 16 * (fuzz_one_in(in, 2) ? fuzz_below(in, 16) : fuzz_below(in, 256));

        fuzz_write(self, at, fuzz_one_in(in, 8) ? fuzz_value(self) : page | bits, 8);
        fuzz_write(self, at + 8, fuzz_one_in(in, 4) ? fuzz_value(self) : fuzz_one_in(in, 2) ? page | bits : fuzz_below(in, 3), 8);
    }
}

static void
put_iommu_queue(Fuzz *self)
{
    FuzzInput *in = &self->in;
    unsigned n = fuzz_below(in, 16);

    for (unsigned i = 0; i < n; i++) {
        fuzz_write(self, IOMMU_TABLES + 0x6000 + 16 * i, (fuzz_one_in(in, 8) ? fuzz_u8(in) : 1 + fuzz_below(in, 5)) | (uint64_t)fuzz_u32(in) << 4, 8);
        fuzz_write(self, IOMMU_TABLES + 0x6008 + 16 * i, fuzz_value(self), 8);
    }
    fuzz_write(self, IOMMU + 0x90, fuzz_one_in(in, 8) ? fuzz_value(self) : IOMMU_TABLES + 0x6000, 8);
    fuzz_write(self, IOMMU + 0x88, fuzz_one_in(in, 8) ? fuzz_value(self) : 16 * n, 8);
}

void
fuzz_recipe_iommu(Fuzz *self)
{
    FuzzInput *in = &self->in;

    put_iommu_tables(self);
    fuzz_write(self, IOMMU + 0x20, fuzz_one_in(in, 8) ? fuzz_value(self) : IOMMU_TABLES, 8);
    fuzz_write(self, IOMMU + 0xb8, fuzz_one_in(in, 8) ? fuzz_value(self) : IOMMU_IRT | 3 | (fuzz_one_in(in, 4) ? 0x800 : 0), 8);
    fuzz_write(self, IOMMU + 0x38, fuzz_one_in(in, 2) ? 0 : 0x80000000u, 4);
    fuzz_write(self, IOMMU + 0x40, fuzz_one_in(in, 4) ? fuzz_value(self) : 0xfee00000, 8);
    fuzz_write(self, IOMMU + 0x18, 0x41000000u | (fuzz_one_in(in, 8) ? fuzz_u32(in) : 0x86000000u), 4);
    if (fuzz_one_in(in, 2)) {
        put_iommu_queue(self);
    }
    fuzz_write(self, IOMMU + 0x28, UINT64_C(1) << 63 | (uint64_t)fuzz_u32(in) << 31, 8);
    fuzz_write(self, IOMMU + 0xf8, UINT64_C(1) << 63 | (uint64_t)fuzz_u32(in) << 31, 8);
    /* Somebody who asks: a disk's commands, and interrupt messages. */
    put_config(self, 0xfa, 0x24, AHCI_PLACE);
    put_config(self, 0xfa, 0x80, 0x10005);
    put_config(self, 0xfa, 0x84, 0xfee00000u | (fuzz_one_in(in, 4) ? fuzz_u32(in) & 0xffffc : 0x10 | fuzz_below(in, 20) << 5 | (fuzz_u8(in) & 8)));
    put_config(self, 0xfa, 0x8c, fuzz_u8(in));
    put_config(self, 0xfa, 0x04, 6);
    fuzz_write(self, AHCI_PLACE + 4, 0x80000002, 4);
    run_ahci(self, AHCI_PLACE, 0);
    for (unsigned i = 0; i < 8; i++) {
        unsigned pin = fuzz_one_in(in, 2) ? 2 : fuzz_below(in, 24); /* the I/O APIC's: the timer's, or any */

        fuzz_write(self, 0xfec00000, 0x11 + 2 * pin, 4);
        fuzz_write(self, 0xfec00010, fuzz_one_in(in, 8) ? fuzz_u32(in) : 0x10000 | fuzz_below(in, 20) << 17, 4);
        fuzz_write(self, 0xfec00000, 0x10 + 2 * pin, 4);
        fuzz_write(self, 0xfec00010, fuzz_u32(in) & 0xa0ff, 4);
    }
    fuzz_out(self, 0x43, 0x34, 1);
    fuzz_out(self, 0x40, 0, 1);
    fuzz_out(self, 0x40, 1, 1);
    emu_test_advance(self->machine, 1000000);
    for (unsigned i = 0; i < 16; i++) {
        fuzz_read(self, IOMMU + 0x220 + 8 * i, 8);
        if (fuzz_one_in(in, 2)) {
            fuzz_write(self, IOMMU + 0x220 + 8 * i, UINT64_MAX, 8);
        }
    }
    fuzz_write(self, IOMMU + 0x34, 0xff, 4);
}

/* ---- bridges -------------------------------------------------------------------------------------------------- */

/* Windows of the host bridge over RAM, registers and each other, then what they show. */
void
fuzz_recipe_mch(Fuzz *self)
{
    static const uint8_t registers[] = {0x50, 0x60, 0x60, 0x64, 0x90, 0x94, 0x9c, 0x9c};
    FuzzInput *in = &self->in;
    uint32_t place = fuzz_one_in(in, 2) ? 0xb0000000u : fuzz_u32(in);

    put_config(self, 0, registers[fuzz_below(in, G_N_ELEMENTS(registers))], fuzz_u32(in));
    put_config(self, 0, 0x64, 0);
    put_config(self, 0, 0x60, (place & 0xfc000000u) | 1 | fuzz_below(in, 3) << 1);
    for (unsigned n = fuzz_below(in, 32); n > 0; n--) {
        uint64_t addr = fuzz_one_in(in, 3) ? 0xa0000 + fuzz_u32(in) % 0x60000
                        : fuzz_one_in(in, 2) ? (uint64_t)place + (fuzz_u32(in) & 0xfffffffu)
                                             : (uint64_t)(place & 0xfc000000u) + (fuzz_below(in, 256) << 12) + fuzz_below(in, 4096);

        if (fuzz_one_in(in, 2)) {
            fuzz_write(self, addr, fuzz_value(self), 1u << fuzz_below(in, 4));
        } else {
            fuzz_read(self, addr, 1u << fuzz_below(in, 4));
        }
    }
}

/* Power management, routing and the chipset's registers, placed anywhere. */
void
fuzz_recipe_lpc(Fuzz *self)
{
    FuzzInput *in = &self->in;

    put_config(self, 0xf8, 0x40, fuzz_one_in(in, 4) ? fuzz_u32(in) : 0x601);
    put_config(self, 0xf8, 0x44, 0x80);
    put_config(self, 0xf8, 0xf0, fuzz_one_in(in, 4) ? fuzz_u32(in) : 0xfed1c001);
    put_config(self, 0xf8, fuzz_one_in(in, 2) ? 0x60 : 0x68, fuzz_u32(in));
    for (unsigned n = fuzz_below(in, 24); n > 0; n--) {
        if (fuzz_one_in(in, 3)) {
            fuzz_out(self, (uint16_t)(0x600 + fuzz_below(in, 0x80)), fuzz_value(self), 1u << fuzz_below(in, 3));
        } else if (fuzz_one_in(in, 2)) {
            fuzz_write(self, 0xfed1c000u + 0x3100 + fuzz_below(in, 0x320), fuzz_value(self), 1u << fuzz_below(in, 3));
        } else {
            fuzz_in(self, (uint16_t)(0x600 + fuzz_below(in, 0x80)), 1u << fuzz_below(in, 3));
        }
    }
    fuzz_out(self, 0xb2, fuzz_u8(in), 1);
}
