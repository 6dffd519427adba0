/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "guest.h"

#include <glib/gstdio.h>
#include <string.h>

static char *
make_image(const char *dir, const char *name, gsize size)
{
    char *path = g_build_filename(dir, name, NULL);
    g_autofree char *zeroes = g_malloc0(size);

    g_assert_true(g_file_set_contents(path, zeroes, (gssize)size, NULL));
    return path;
}

static void
add_drive(Guest *g, const char *format, const char *path)
{
    g_autofree char *text = g_strdup_printf(format, path);
    g_autoptr(GError) error = NULL;

    emu_test_add_drive(g->machine, text, &error);
    g_assert_no_error(error);
}

void
guest_init(Guest *g, const char *board, guint32 seed)
{
    g_autoptr(GError) error = NULL;

    *g = (Guest){.rand = g_rand_new_with_seed(seed), .express = strcmp(board, "q35") == 0};
    g->dir = g_dir_make_tmp("emu-hostile-XXXXXX", NULL);
    g->disk = make_image(g->dir, "disk.img", GUEST_DISK_SIZE);
    g->cd = make_image(g->dir, "cd.iso", 1 << 20);
    g->floppy = make_image(g->dir, "floppy.img", 1440 << 10);
    g->machine = emu_test_machine_new_unbuilt(board, &error);
    g_assert_no_error(error);
    g_assert_true(emu_machine_set_memory(g->machine, "16M", &error));
    add_drive(g, "file=%s,format=raw,if=ide,index=0", g->disk);
    add_drive(g, "file=%s,format=raw,if=ide,index=2,media=cdrom", g->cd);
    add_drive(g, "file=%s,format=raw,if=floppy", g->floppy);
    emu_test_machine_start(g->machine, &error);
    g_assert_no_error(error);
    if (g->express) {
        emu_test_add_device(g->machine, "intel-iommu", NULL, &error);
        g_assert_no_error(error);
        emu_test_add_device(g->machine, "edu", "addr=02.0", &error);
        g_assert_no_error(error);
    }
}

void
guest_clear(Guest *g)
{
    GStatBuf st;

    emu_machine_destroy(g->machine);
    g_object_unref(g->machine);
    g_assert_cmpint(g_stat(g->disk, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, GUEST_DISK_SIZE);
    g_unlink(g->disk);
    g_unlink(g->cd);
    g_unlink(g->floppy);
    g_rmdir(g->dir);
    g_free(g->disk);
    g_free(g->cd);
    g_free(g->floppy);
    g_free(g->dir);
    g_rand_free(g->rand);
}

/* ---- accesses ----------------------------------------------------------------------------------------- */

static void
guest_note(Guest *g, const char *what, uint64_t addr, uint64_t value, unsigned size)
{
    if (g->seen) {
        g_checksum_update(g->seen, (const guchar *)&value, sizeof(value));
        if (g_getenv("EMU_TEST_TRACE")) {
            g_printerr("%p %s %" G_GINT64_MODIFIER "x: %" G_GINT64_MODIFIER "x (%u)\n", (void *)g, what, addr, value, size);
        }
    }
}

static void
guest_in(Guest *g, uint16_t port, unsigned size)
{
    guest_note(g, "in", port, emu_test_in(g->machine, port, size), size);
}

/* Reset control, the keyboard controller's reset pulse, fast reset, power management, debug exit. */
static bool
port_ends_the_run(uint16_t port)
{
    return port == 0xcf9 || port == 0x64 || port == 0x60 || port == 0x92 || port == 0xb2 || (port >= 0x600 && port < 0x640);
}

static void
guest_out(Guest *g, uint16_t port, uint64_t value, unsigned size)
{
    for (unsigned i = 0; g->quiet && i < size; i++) {
        if (port_ends_the_run((uint16_t)(port + i))) {
            return;
        }
    }
    emu_test_out(g->machine, port, value, size);
    guest_note(g, "out", port, value, size);
}

static void
guest_read(Guest *g, uint64_t addr, unsigned size)
{
    guest_note(g, "read", addr, emu_test_read(g->machine, addr, size), size);
}

static void
guest_write(Guest *g, uint64_t addr, uint64_t value, unsigned size)
{
    /* Contents of display memory are no part of device state. */
    if (!g->quiet || addr < 0xa0000 || addr >= 0xc0000) {
        emu_test_write(g->machine, addr, value, size);
        guest_note(g, "write", addr, value, size);
    }
}

/* Values that limits are made of, as often as random ones. */
static uint32_t
pick_value(Guest *g)
{
    static const uint32_t edges[] = {0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                     0xfee00000, 0xa0000, 0xfffff000, 0x00fffff0, 0xfec00000};

    return g_rand_boolean(g->rand) ? edges[g_rand_int_range(g->rand, 0, G_N_ELEMENTS(edges))] : g_rand_int(g->rand);
}

static uint16_t
pick_port(Guest *g)
{
    static const uint16_t busy[] = {0x1f0, 0x170, 0x3f0, 0x3c0, 0x3d0, 0x1ce, 0x0, 0x8, 0x20, 0xa0, 0x40, 0x60, 0x70, 0x80,
                                    0xc0,  0xd0,  0x3f8, 0x510, 0xcf8, 0xb0,  0x378, 0x3b0, 0x4d0, 0x600, 0x500, 0xc000};

    if (g_rand_int_range(g->rand, 0, 20) == 0) {
        return (uint16_t)g_rand_int(g->rand);
    }
    return (uint16_t)(busy[g_rand_int_range(g->rand, 0, G_N_ELEMENTS(busy))] + g_rand_int_range(g->rand, 0, 16));
}

static void
poke_config(Guest *g)
{
    /* Where the chipset and the display are; command registers more often than chance would. */
    static const uint8_t old[] = {0x00, 0x08, 0x09, 0x0b, 0x10}, express[] = {0x00, 0x08, 0x10, 0xf8, 0xfa, 0xfb};
    uint32_t devfn = g->express ? express[g_rand_int_range(g->rand, 0, G_N_ELEMENTS(express))] : old[g_rand_int_range(g->rand, 0, G_N_ELEMENTS(old))];
    uint32_t reg = g_rand_int_range(g->rand, 0, 4) ? (uint32_t)g_rand_int_range(g->rand, 0, 256) : 4;
    unsigned size = 1u << g_rand_int_range(g->rand, 0, 3);

    guest_out(g, 0xcf8, 0x80000000 | devfn << 8 | (reg & 0xfc), 4);
    if (g_rand_boolean(g->rand)) {
        guest_out(g, (uint16_t)(0xcfc + (reg & 3)), reg == 4 ? 7 : pick_value(g), size);
    } else {
        guest_in(g, (uint16_t)(0xcfc + (reg & 3)), size);
    }
}

/* An ATA command with parameters, then data in both directions past its end. */
static void
poke_ata(Guest *g)
{
    uint16_t base = g_rand_boolean(g->rand) ? 0x1f0 : 0x170;

    for (unsigned i = 1; i < 7; i++) {
        guest_out(g, (uint16_t)(base + i), pick_value(g), 1);
    }
    guest_out(g, (uint16_t)(base + 7), g_rand_boolean(g->rand) ? 0xa0 : (uint32_t)g_rand_int(g->rand), 1);
    for (int n = g_rand_int_range(g->rand, 0, 40); n > 0; n--) {
        if (g_rand_boolean(g->rand)) {
            guest_in(g, base, 2);
        } else {
            guest_out(g, base, pick_value(g), 2);
        }
    }
}

/* A floppy command that is never finished properly. */
static void
poke_floppy(Guest *g)
{
    if (g_rand_boolean(g->rand)) {
        guest_out(g, 0x3f2, 0x1c | g_rand_int_range(g->rand, 0, 4), 1);
    }
    for (int n = g_rand_int_range(g->rand, 1, 30); n > 0; n--) {
        if (g_rand_int_range(g->rand, 0, 3)) {
            guest_out(g, 0x3f5, g_rand_int(g->rand), 1);
        } else {
            guest_in(g, 0x3f5, 1);
        }
    }
}

/* The bus master's table at a place that it should not be, or one full of nonsense. */
static void
poke_bus_master(Guest *g)
{
    uint32_t table = g_rand_boolean(g->rand) ? 0x10000 : pick_value(g);

    for (unsigned i = 0; i < 16; i++) {
        guest_write(g, 0x10000 + 4 * i, pick_value(g), 4);
    }
    guest_out(g, 0xcf8, 0x80000920, 4); /* PIIX3 function 1, BAR 4 */
    guest_out(g, 0xcfc, 0xc001, 4);
    guest_out(g, 0xcf8, 0x80000904, 4);
    guest_out(g, 0xcfc, 5, 2);
    guest_out(g, 0xc004, table, 4);
    guest_out(g, 0x1f6, 0xe0, 1);
    guest_out(g, 0x1f2, g_rand_int(g->rand), 1);
    guest_out(g, 0x1f7, g_rand_boolean(g->rand) ? 0xc8 : 0xca, 1);
    guest_out(g, 0xc000, g_rand_boolean(g->rand) ? 9 : 1, 1);
}

/* A command of a disk on a SATA port, with the remapping unit in between or not. */
static void
poke_sata(Guest *g)
{
    static const uint8_t commands[] = {0x60, 0x61, 0x25, 0x35, 0xec, 0x20, 0x30, 0xea};
    uint32_t port = 0xe0000100 + 0x100 * (uint32_t)g_rand_int_range(g->rand, 0, 2), command = commands[g_rand_int_range(g->rand, 0, 8)];

    guest_out(g, 0xcf8, 0x8000fa24, 4);
    guest_out(g, 0xcfc, 0xe0000000, 4);
    guest_out(g, 0xcf8, 0x8000fa04, 4);
    guest_out(g, 0xcfc, 6, 2);
    for (unsigned i = 0; i < 8; i++) {
        guest_write(g, 0x20000 + 4 * i, i == 0 ? 0x20005 : i == 2 ? 0x20400 : 0, 4);
        guest_write(g, 0x20480 + 4 * i, i % 4 == 0 ? 0x21000 + 0x1000 * i : i % 4 == 3 ? 511 : 0, 4);
    }
    guest_write(g, 0x20400, 0x01008027 | command << 16, 4);
    guest_write(g, 0x20404, (uint32_t)g_rand_int_range(g->rand, 0, 0x2100) | 0x40000000, 4);
    guest_write(g, 0x20408, 0, 4);
    guest_write(g, 0x2040c, command < 0x62 && command > 0x5f ? 0 : 1, 4);
    guest_write(g, port, 0x20000, 4);
    guest_write(g, port + 8, 0x20800, 4);
    guest_write(g, port + 0x18, 0x11, 4);
    guest_write(g, port + 0x34, 1, 4);
    guest_write(g, port + 0x38, 1, 4);
    emu_test_settle(g->machine);
    for (unsigned i = 0; i < 16; i++) {
        guest_read(g, port + 4 * i, 4);
    }
    if (g_rand_boolean(g->rand)) {
        guest_write(g, port + 0x18, 0, 4);
        guest_write(g, port + 0x10, UINT32_MAX, 4);
    }
}

/* Registers of the remapping unit, its tables where the disks' commands are, too. */
static void
poke_remapping(Guest *g)
{
    static const uint16_t registers[] = {0x18, 0x20, 0x28, 0x34, 0x38, 0x40, 0x88, 0x90, 0xb8, 0xf0, 0xf8, 0x228};
    uint64_t at = 0xfed90000 + registers[g_rand_int_range(g->rand, 0, G_N_ELEMENTS(registers))];

    if (g_rand_boolean(g->rand)) {
        guest_write(g, at, g_rand_boolean(g->rand) ? 0x20000 : (uint64_t)pick_value(g) << 32 | pick_value(g), 8);
    } else {
        guest_read(g, at, 8);
    }
}

void
guest_step(Guest *g)
{
    static const uint64_t mapped[] = {0xfec00000, 0xfed00000, 0xfee00000, 0xffffff00, 0};
    unsigned size = 1u << g_rand_int_range(g->rand, 0, 4);
    uint64_t addr;

    switch (g_rand_int_range(g->rand, 0, g->express ? 28 : 24)) {
    case 0:
        emu_test_advance(g->machine, g_rand_int_range(g->rand, 1, 20000000));
        break;
    case 1:
        emu_test_settle(g->machine);
        break;
    case 2:
    case 3:
        poke_config(g);
        break;
    case 4:
        poke_ata(g);
        break;
    case 5:
        poke_floppy(g);
        break;
    case 6:
        poke_bus_master(g);
        break;
    case 7:
        if (g_rand_int_range(g->rand, 0, 50) == 0 && !g->quiet) {
            emu_test_reset(g->machine);
        }
        break;
    case 8:
    case 9:
        addr = 0xa0000 + (uint64_t)g_rand_int_range(g->rand, 0, 0x60000);
        if (g_rand_boolean(g->rand)) {
            guest_write(g, addr, pick_value(g), size);
        } else {
            guest_read(g, addr, size);
        }
        break;
    case 10:
        /* I/O APIC, HPET, interrupt messages, the BIOS, or anywhere. */
        addr = mapped[g_rand_int_range(g->rand, 0, G_N_ELEMENTS(mapped))];
        addr = (addr ? addr : pick_value(g)) + (uint64_t)g_rand_int_range(g->rand, 0, 0x180);
        if (g_rand_boolean(g->rand)) {
            guest_write(g, addr, pick_value(g), size);
        } else {
            guest_read(g, addr, size);
        }
        break;
    case 24:
    case 25:
        poke_sata(g);
        break;
    case 26:
    case 27:
        poke_remapping(g);
        break;
    default:
        if (g_rand_boolean(g->rand)) {
            guest_out(g, pick_port(g), pick_value(g), MIN(size, 4u));
        } else {
            guest_in(g, pick_port(g), MIN(size, 4u));
        }
    }
    if (g->quiet) {
        emu_test_settle(g->machine);
    }
}
