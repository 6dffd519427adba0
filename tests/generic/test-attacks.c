/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What guests have done to emulators before (the CVE numbers beside each test), done to the devices of this board. The claims: the
 * device still answers as its data sheet says, nothing outside a request was written to the disk, and with the sanitizers
 * nothing else broke. tests/fuzz looks for what nobody has thought of; these are the known ones, each time.
 */

#include "guest.h"

#include <string.h>

#define IDE_PORT 0x1f0
#define CD_PORT 0x170
#define BUS_MASTER 0xc000
#define FDC_PORT 0x3f0

typedef struct {
    Guest g;
    char *disk_before;
} Attack;

static void
out(Attack *a, uint16_t port, uint32_t value, unsigned size)
{
    emu_test_out(a->g.machine, port, value, size);
}

static uint32_t
in(Attack *a, uint16_t port, unsigned size)
{
    return emu_test_in(a->g.machine, port, size);
}

static void
config_write(Attack *a, unsigned devfn, unsigned reg, uint32_t value, unsigned size)
{
    out(a, 0xcf8, 0x80000000u | devfn << 8 | (reg & 0xfc), 4);
    out(a, (uint16_t)(0xcfc + (reg & 3)), value, size);
}

static uint32_t
config_read(Attack *a, unsigned devfn, unsigned reg)
{
    out(a, 0xcf8, 0x80000000u | devfn << 8 | reg, 4);
    return in(a, 0xcfc, 4);
}

static void
set_up(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    gsize len = 0;

    guest_init(&a->g, "pc", 1);
    emu_test_reset(a->g.machine);
    g_assert_true(g_file_get_contents(a->g.disk, &a->disk_before, &len, NULL));
    g_assert_cmpuint(len, ==, GUEST_DISK_SIZE);
    config_write(a, 0x09, 0x20, BUS_MASTER, 4); /* 00:01.1 */
    config_write(a, 0x09, 0x04, 5, 2);
}

static void
tear_down(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    g_free(a->disk_before);
    guest_clear(&a->g);
}

static void
settle(Attack *a)
{
    emu_test_settle(a->g.machine);
}

/* The disk is as it was, but for @n sectors from @lba on. */
static void
assert_disk(Attack *a, unsigned lba, unsigned n)
{
    g_autofree char *now = NULL;
    gsize len = 0;

    settle(a);
    g_assert_true(g_file_get_contents(a->g.disk, &now, &len, NULL));
    g_assert_cmpuint(len, ==, GUEST_DISK_SIZE);
    memcpy(now + lba * 512, a->disk_before + lba * 512, n * 512);
    g_assert_true(memcmp(now, a->disk_before, len) == 0);
}

/* ---- floppy ----------------------------------------------------------------------------------------- */

static void
floppy_reset(Attack *a, uint8_t drive)
{
    out(a, FDC_PORT + 2, 0x00, 1);
    out(a, FDC_PORT + 2, 0x1c | drive, 1);
    settle(a);
}

static void
assert_floppy_answers(Attack *a)
{
    floppy_reset(a, 0);
    out(a, FDC_PORT + 5, 0x10, 1); /* VERSION */
    g_assert_cmphex(in(a, FDC_PORT + 5, 1), ==, 0x90);
    g_assert_cmphex(in(a, FDC_PORT + 4, 1) & 0xd0, ==, 0x80);
}

/* CVE-2015-3456: a command whose parameters do not reset the index into the FIFO, and then more bytes. */
static void
test_floppy_opcodes(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        for (unsigned fill = 0; fill < 256; fill += 85) {
            floppy_reset(a, opcode & 1);
            out(a, FDC_PORT + 5, opcode, 1);
            for (unsigned i = 0; i < 600; i++) {
                out(a, FDC_PORT + 5, fill, 1);
            }
            settle(a);
            for (unsigned i = 0; i < 600; i++) {
                in(a, FDC_PORT + 5, 1);
            }
        }
    }
    for (unsigned i = 0; i < 10000; i++) {
        out(a, FDC_PORT + 5, 0x8e, 1); /* DRIVE SPECIFICATION, the one of the number above */
    }
    assert_floppy_answers(a);
}

static void
floppy_dma(Attack *a, uint8_t mode, uint32_t address, uint16_t count)
{
    out(a, 0x0a, 6, 1);
    out(a, 0x0c, 0, 1);
    out(a, 0x0b, mode, 1);
    out(a, 0x04, address & 0xff, 1);
    out(a, 0x04, address >> 8 & 0xff, 1);
    out(a, 0x05, count & 0xff, 1);
    out(a, 0x05, count >> 8, 1);
    out(a, 0x81, address >> 16 & 0xff, 1);
    out(a, 0x0a, 2, 1);
}

/* CVE-2021-3507, CVE-2021-20196: lengths against the sector, another drive selected in the middle, the medium gone. */
static void
test_floppy_dma(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    static const uint16_t counts[] = {0, 1, 510, 511, 512, 1023, 0x7fff, 0xfffe, 0xffff};
    static const uint8_t commands[] = {0xe6, 0xc5, 0x4d, 0xf1, 0xd6};

    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        for (unsigned c = 0; c < G_N_ELEMENTS(commands); c++) {
            static const uint8_t parameters[] = {0, 0, 0, 1, 2, 18, 0x1b, 0xff};

            floppy_reset(a, 0);
            floppy_dma(a, c == 0 ? 0x46 : 0x4a, 0xfff0, counts[i]);
            out(a, FDC_PORT + 5, commands[c], 1);
            for (unsigned p = 0; p < sizeof parameters; p++) {
                out(a, FDC_PORT + 5, parameters[p], 1);
            }
            out(a, FDC_PORT + 2, 0x3d + (i & 2), 1);
            settle(a);
            out(a, FDC_PORT + 2, 0x1c, 1);
            settle(a);
        }
    }
    assert_floppy_answers(a);
}

/* ---- IDE ------------------------------------------------------------------------------------------------- */

static void
ide_reset(Attack *a, uint16_t port)
{
    out(a, (uint16_t)(port + 0x206), 4, 1);
    out(a, (uint16_t)(port + 0x206), 0, 1);
    settle(a);
}

static void
ide_task(Attack *a, uint16_t port, uint8_t device, uint8_t count, uint32_t lba)
{
    out(a, port + 6, device | (lba >> 24 & 15), 1);
    out(a, port + 2, count, 1);
    out(a, port + 3, lba & 0xff, 1);
    out(a, port + 4, lba >> 8 & 0xff, 1);
    out(a, port + 5, lba >> 16 & 0xff, 1);
}

static void
assert_disk_answers(Attack *a)
{
    ide_reset(a, IDE_PORT);
    ide_task(a, IDE_PORT, 0xe0, 0, 0);
    out(a, IDE_PORT + 7, 0xec, 1);
    settle(a);
    g_assert_cmphex(in(a, IDE_PORT + 7, 1), ==, 0x58);
}

static void
packet(Attack *a, const uint8_t *bytes, uint16_t limit)
{
    ide_reset(a, CD_PORT);
    ide_task(a, CD_PORT, 0xa0, 0, (uint32_t)limit << 8);
    out(a, CD_PORT + 1, 0, 1);
    out(a, CD_PORT + 7, 0xa0, 1);
    for (unsigned i = 0; i < 12; i += 2) {
        out(a, CD_PORT, bytes[i] | bytes[i + 1] << 8, 2);
    }
    settle(a);
}

/* CVE-2020-29443, CVE-2015-5154: sector -1, byte counts of 0, 1 and FFFFh, reading on when the data has ended. */
static void
test_atapi(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    static const uint16_t limits[] = {0, 1, 2, 3, 2047, 2048, 0xfffe, 0xffff};

    for (unsigned opcode = 0; opcode < 256; opcode++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(limits); i += opcode == 0x28 || opcode == 0xbe || opcode == 0xa8 ? 1 : 5) {
            const uint8_t bytes[12] = {(uint8_t)opcode, 0, 0xff, 0xff, 0xff, 0xff, 0xff, (uint8_t)i, 2, 0xf8, 0xff, 0xff};
            const uint8_t at_start[12] = {(uint8_t)opcode, 0, 0, 0, 0, 0, 0, 0, 3, 0xf8, 0, 0};

            packet(a, i & 1 ? bytes : at_start, limits[i]);
            for (unsigned n = 0; n < 5000; n++) {
                in(a, CD_PORT, 2);
                if (n % 1024 == 0) {
                    settle(a);
                }
            }
        }
    }
    ide_reset(a, CD_PORT);
    g_assert_cmphex(in(a, CD_PORT + 4, 1), ==, 0x14);
    g_assert_cmphex(in(a, CD_PORT, 2), ==, 0); /* no request, no data */
}

/* CVE-2015-6855: a disk's commands to a CD, an absent drive and a disk, with zeroes where a count or geometry is wanted. */
static void
test_ide_commands(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    static const struct {
        uint16_t port;
        uint8_t device;
    } targets[] = {{IDE_PORT, 0xe0}, {IDE_PORT, 0xb0}, {IDE_PORT, 0xa0}, {CD_PORT, 0xa0}, {CD_PORT, 0xb0}};

    for (unsigned t = 0; t < G_N_ELEMENTS(targets); t++) {
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            for (unsigned count = 0; count < 256; count += 51) {
                ide_reset(a, targets[t].port);
                ide_task(a, targets[t].port, targets[t].device, (uint8_t)count, count & 1 ? 0x0ffffff0 : 0x00ffffff);
                out(a, targets[t].port + 7, opcode, 1);
                settle(a);
                for (unsigned n = 0; n < 300; n++) {
                    in(a, targets[t].port, n & 1 ? 2 : 4);
                }
            }
        }
    }
    assert_disk(a, 0, 0);
    assert_disk_answers(a);
}

static void
begin_dma(Attack *a, uint8_t opcode, unsigned lba, uint8_t count, uint32_t table)
{
    out(a, BUS_MASTER, 0, 1);
    out(a, BUS_MASTER + 2, 6, 1);
    out(a, BUS_MASTER + 4, table, 4);
    ide_task(a, IDE_PORT, 0xe0, count, lba);
    out(a, IDE_PORT + 7, opcode, 1);
    out(a, BUS_MASTER, opcode == 0xc8 ? 9 : 1, 1);
}

/* CVE-2023-5088, CVE-2021-3735: a reset while a write is under way must not move it to sector 0. */
static void
test_reset_in_flight(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_write(a->g.machine, 0x1000, 0x2000, 4);
    emu_test_write(a->g.machine, 0x1004, 0x80000200, 4);
    emu_test_write(a->g.machine, 0x2000, UINT64_C(0x6b6361747461), 8);
    for (unsigned how = 0; how < 4; how++) {
        begin_dma(a, 0xca, 7, 1, 0x1000);
        if (how == 0) {
            out(a, IDE_PORT + 0x206, 4, 1);
            out(a, IDE_PORT + 0x206, 0, 1);
        } else if (how == 1) {
            out(a, BUS_MASTER, 0, 1);
        } else if (how == 2) {
            out(a, IDE_PORT + 7, 0x08, 1);
            out(a, IDE_PORT + 7, 0x90, 1);
        } else {
            emu_test_reset(a->g.machine);
            config_write(a, 0x09, 0x20, BUS_MASTER, 4);
            config_write(a, 0x09, 0x04, 5, 2);
        }
        settle(a);
        assert_disk(a, 7, 1);
    }
    assert_disk_answers(a);
}

/* Descriptor tables of every bad shape; targets among them that are registers, the controller's own included (17: CVE-2021-3750 and others). */
static void
test_descriptors(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    static const uint32_t tables[] = {0, 0x1000, 0x1002, 0xfffffffc, 0x000a0000, 0xfee00000, 0xfec00000, 0x00fffff8, 0xe0000000};
    static const uint32_t sizes[] = {0, 1, 2, 511, 0xffff, 0x80000000, 0x80000001, 0x800001ff, 0x80000200, 0x8000fffe};
    static const uint32_t targets[] = {0x2000, 0x2001, 0xffffffff, 0x000b8000, 0xfee00300, 0xfec00010, 0xfed00000, 0xe0000000, 0x00ffffff, 0x00001000};

    config_write(a, 0x10, 0x10, 0xe0000000, 4); /* the display's memory */
    config_write(a, 0x10, 0x04, 7, 2);
    for (unsigned t = 0; t < G_N_ELEMENTS(tables); t++) {
        for (unsigned s = 0; s < G_N_ELEMENTS(sizes); s++) {
            for (unsigned d = 0; d < G_N_ELEMENTS(targets); d++) {
                emu_test_write(a->g.machine, 0x1000, targets[d], 4);
                emu_test_write(a->g.machine, 0x1004, sizes[s], 4);
                emu_test_write(a->g.machine, 0x1008, 0x3000, 4);
                emu_test_write(a->g.machine, 0x100c, 0x80000000 | (d & 1 ? 0x200 : 0), 4);
                begin_dma(a, (s ^ d) & 1 ? 0xca : 0xc8, 9, 2, tables[t]);
                settle(a);
                out(a, BUS_MASTER, 0, 1);
            }
        }
        assert_disk(a, 9, 2);
        ide_reset(a, IDE_PORT);
    }
    assert_disk_answers(a);
}

/* ---- display ------------------------------------------------------------------------------------------------ */

/* CVE-2016-3710, CVE-2016-3712, CVE-2018-5683: banks, offsets and sizes beyond the video memory, in planar and in linear modes. */
static void
test_display(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    static const uint16_t values[] = {0, 1, 2, 8, 0x10, 0x20, 0x41, 0xc1, 0x400, 0x7fff, 0x8000, 0xfffe, 0xffff};

    for (unsigned index = 0; index < 16; index++) {
        for (unsigned v = 0; v < G_N_ELEMENTS(values); v++) {
            for (unsigned w = 0; w < G_N_ELEMENTS(values); w += 3) {
                out(a, 0x1ce, index, 2);
                out(a, 0x1cf, values[v], 2);
                out(a, 0x1ce, w % 10, 2);
                out(a, 0x1cf, values[w], 2);
                out(a, 0x1ce, 4, 2);
                out(a, 0x1cf, w & 1 ? 0x41 : 0xc1, 2);
                for (unsigned plane = 0; plane < 5; plane++) {
                    out(a, 0x3c4, 0x02 | (plane < 4 ? 1 << plane : 15) << 8, 2);
                    out(a, 0x3c4, 0x04 | (plane & 1 ? 0x06 : 0x0e) << 8, 2);
                    out(a, 0x3ce, 0x05 | (plane & 3) << 8, 2);
                    out(a, 0x3ce, 0x06 | (plane & 3) << 10, 2);
                    emu_test_write(a->g.machine, 0xa0000, ~UINT64_C(0), 8);
                    emu_test_write(a->g.machine, 0xaffff, 0xff, 1);
                    emu_test_write(a->g.machine, 0xbfff8, ~UINT64_C(0), 8);
                    emu_test_read(a->g.machine, 0xafff8, 8);
                }
                out(a, 0x3d4, 0x0c | 0xff00, 2);
                out(a, 0x3d4, 0x0d | 0xff00, 2);
                out(a, 0x3d4, 0x13 | 0xff00, 2);
            }
        }
        emu_test_advance(a->g.machine, 50000000);
    }
    emu_test_reset(a->g.machine);
    out(a, 0x1ce, 0, 2);
    g_assert_cmphex(in(a, 0x1cf, 2) & 0xfff0, ==, 0xb0c0);
}

/* ---- configuration and the rest -------------------------------------------------------------------------------- */

/* BARs over RAM, over each other, over the APICs, at the end of the address space, while they are used. */
static void
test_bars(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    static const uint32_t places[] = {0, 0x1000, 0x000a0000, 0x00100000, 0xfec00000, 0xfee00000, 0xfff00000, 0xffffffff};
    uint32_t id = config_read(a, 0x10, 0);

    for (unsigned devfn = 0; devfn < 0x28; devfn++) {
        for (unsigned bar = 0x10; bar < 0x34; bar += 4) {
            for (unsigned p = 0; p < G_N_ELEMENTS(places); p++) {
                config_write(a, devfn, bar, places[p] | 1, 4);
                config_write(a, devfn, 0x04, 0x407, 2);
                emu_test_write(a->g.machine, places[p], 0x11223344, 4);
                emu_test_read(a->g.machine, places[p] + 0x1000, 4);
            }
        }
    }
    emu_test_reset(a->g.machine);
    g_assert_cmphex(config_read(a, 0x10, 0), ==, id);
    emu_test_write(a->g.machine, 0x100000, 0x55aa55aa, 4);
    g_assert_cmphex(emu_test_read(a->g.machine, 0x100000, 4), ==, 0x55aa55aa);
}

/* CVE-2016-1714, CVE-2015-3214: an entry that is not there, the timer's register that cannot be read. */
static void
test_legacy_ports(Attack *a, gconstpointer data G_GNUC_UNUSED)
{
    for (unsigned entry = 0; entry < 0x10000; entry += entry < 0x200 ? 1 : 0xff) {
        out(a, 0x510, entry, 2);
        for (unsigned i = 0; i < 8; i++) {
            in(a, 0x511, 1);
            out(a, 0x511, i, 1);
        }
    }
    out(a, 0x510, 0xfffe, 2);
    g_assert_cmphex(in(a, 0x511, 1), ==, 0);
    for (unsigned i = 0; i < 1000; i++) {
        g_assert_cmphex(in(a, 0x43, 1), ==, 0xff);
        out(a, 0x43, i & 0xff, 1);
        in(a, 0x3ff, 2);
        in(a, 0x3fd, 4);
    }
    /* A period of two ticks: the host is not woken for each. */
    out(a, 0x43, 0x34, 1);
    out(a, 0x40, 2, 1);
    out(a, 0x40, 0, 1);
    emu_test_advance(a->g.machine, 100000000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, fn) g_test_add("/attacks/" name, Attack, NULL, set_up, fn, tear_down)
    ADD("floppy/every-opcode-then-too-many-bytes", test_floppy_opcodes);
    ADD("floppy/lengths-and-drives-in-the-middle", test_floppy_dma);
    ADD("atapi/beyond-the-end", test_atapi);
    ADD("ide/every-command-to-every-drive", test_ide_commands);
    ADD("ide/reset-in-flight", test_reset_in_flight);
    ADD("ide/descriptors", test_descriptors);
    ADD("display/beyond-its-memory", test_display);
    ADD("pci/bars-anywhere", test_bars);
    ADD("legacy/ports", test_legacy_ports);
    return g_test_run();
}
