/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A pc with a disk, a CD and a floppy, and a guest that means no good: random accesses to every port, to
 * configuration space, to what BARs show and to memory-mapped parts, bus masters pointed at everything, resets and
 * passing time in between.  The claims: nothing breaks, no access takes long, and the disk image is not
 * longer afterwards.  "-m thorough" runs a hundred times as long; EMU_TEST_SEED picks another sequence.
 */

#include <emu/emu.h>
#include <emu/test.h>

#include <glib/gstdio.h>
#include <string.h>

#define DISK_SIZE (4 << 20)

typedef struct {
    EmuMachine *machine;
    char *dir, *disk, *cd, *floppy;
    GRand *rand;
} Guest;

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

static void
guest_init(Guest *g)
{
    g_autoptr(GError) error = NULL;
    const char *seed = g_getenv("EMU_TEST_SEED");

    g->rand = g_rand_new_with_seed(seed ? (guint32)g_ascii_strtoull(seed, NULL, 0) : 20261120);
    g->dir = g_dir_make_tmp("emu-hostile-XXXXXX", NULL);
    g->disk = make_image(g->dir, "disk.img", DISK_SIZE);
    g->cd = make_image(g->dir, "cd.iso", 1 << 20);
    g->floppy = make_image(g->dir, "floppy.img", 1440 << 10);
    g->machine = emu_test_machine_new_unbuilt("pc", &error);
    g_assert_no_error(error);
    g_assert_true(emu_machine_set_memory(g->machine, "16M", &error));
    add_drive(g, "file=%s,format=raw,if=ide,index=0", g->disk);
    add_drive(g, "file=%s,format=raw,if=ide,index=2,media=cdrom", g->cd);
    add_drive(g, "file=%s,format=raw,if=floppy", g->floppy);
    emu_test_machine_start(g->machine, &error);
    g_assert_no_error(error);
}

static void
guest_clear(Guest *g)
{
    GStatBuf st;

    emu_machine_destroy(g->machine);
    g_object_unref(g->machine);
    g_assert_cmpint(g_stat(g->disk, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, DISK_SIZE);
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
    static const uint8_t devfns[] = {0x00, 0x08, 0x09, 0x0b, 0x10};
    uint32_t devfn = devfns[g_rand_int_range(g->rand, 0, G_N_ELEMENTS(devfns))];
    uint32_t reg = g_rand_int_range(g->rand, 0, 4) ? (uint32_t)g_rand_int_range(g->rand, 0, 256) : 4;
    unsigned size = 1u << g_rand_int_range(g->rand, 0, 3);

    emu_test_out(g->machine, 0xcf8, 0x80000000 | devfn << 8 | (reg & 0xfc), 4);
    if (g_rand_boolean(g->rand)) {
        emu_test_out(g->machine, (uint16_t)(0xcfc + (reg & 3)), reg == 4 ? 7 : pick_value(g), size);
    } else {
        emu_test_in(g->machine, (uint16_t)(0xcfc + (reg & 3)), size);
    }
}

/* An ATA command with parameters, then data in both directions past its end. */
static void
poke_ata(Guest *g)
{
    uint16_t base = g_rand_boolean(g->rand) ? 0x1f0 : 0x170;

    for (unsigned i = 1; i < 7; i++) {
        emu_test_out(g->machine, (uint16_t)(base + i), pick_value(g), 1);
    }
    emu_test_out(g->machine, (uint16_t)(base + 7), g_rand_boolean(g->rand) ? 0xa0 : (uint32_t)g_rand_int(g->rand), 1);
    for (int n = g_rand_int_range(g->rand, 0, 40); n > 0; n--) {
        if (g_rand_boolean(g->rand)) {
            emu_test_in(g->machine, base, 2);
        } else {
            emu_test_out(g->machine, base, pick_value(g), 2);
        }
    }
}

/* A floppy command that is never finished properly. */
static void
poke_floppy(Guest *g)
{
    if (g_rand_boolean(g->rand)) {
        emu_test_out(g->machine, 0x3f2, 0x1c | g_rand_int_range(g->rand, 0, 4), 1);
    }
    for (int n = g_rand_int_range(g->rand, 1, 30); n > 0; n--) {
        if (g_rand_int_range(g->rand, 0, 3)) {
            emu_test_out(g->machine, 0x3f5, g_rand_int(g->rand), 1);
        } else {
            emu_test_in(g->machine, 0x3f5, 1);
        }
    }
}

/* The bus master's table at a place that it should not be, or one full of nonsense. */
static void
poke_bus_master(Guest *g)
{
    uint32_t table = g_rand_boolean(g->rand) ? 0x10000 : pick_value(g);

    for (unsigned i = 0; i < 16; i++) {
        emu_test_write(g->machine, 0x10000 + 4 * i, pick_value(g), 4);
    }
    emu_test_out(g->machine, 0xcf8, 0x80000920, 4); /* PIIX3 function 1, BAR 4 */
    emu_test_out(g->machine, 0xcfc, 0xc001, 4);
    emu_test_out(g->machine, 0xcf8, 0x80000904, 4);
    emu_test_out(g->machine, 0xcfc, 5, 2);
    emu_test_out(g->machine, 0xc004, table, 4);
    emu_test_out(g->machine, 0x1f6, 0xe0, 1);
    emu_test_out(g->machine, 0x1f2, g_rand_int(g->rand), 1);
    emu_test_out(g->machine, 0x1f7, g_rand_boolean(g->rand) ? 0xc8 : 0xca, 1);
    emu_test_out(g->machine, 0xc000, g_rand_boolean(g->rand) ? 9 : 1, 1);
}

static void
poke(Guest *g)
{
    unsigned size = 1u << g_rand_int_range(g->rand, 0, 4);
    uint64_t addr;

    switch (g_rand_int_range(g->rand, 0, 24)) {
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
        if (g_rand_int_range(g->rand, 0, 50) == 0) {
            emu_test_reset(g->machine);
        }
        break;
    case 8:
    case 9:
        addr = 0xa0000 + (uint64_t)g_rand_int_range(g->rand, 0, 0x60000);
        if (g_rand_boolean(g->rand)) {
            emu_test_write(g->machine, addr, pick_value(g), size);
        } else {
            emu_test_read(g->machine, addr, size);
        }
        break;
    case 10:
        addr = (g_rand_boolean(g->rand) ? 0xfec00000 : pick_value(g)) + (uint64_t)g_rand_int_range(g->rand, 0, 0x100);
        if (g_rand_boolean(g->rand)) {
            emu_test_write(g->machine, addr, pick_value(g), size);
        } else {
            emu_test_read(g->machine, addr, size);
        }
        break;
    default:
        if (g_rand_boolean(g->rand)) {
            emu_test_out(g->machine, pick_port(g), pick_value(g), MIN(size, 4u));
        } else {
            emu_test_in(g->machine, pick_port(g), MIN(size, 4u));
        }
    }
}

static void
test_hostile_guest(void)
{
    Guest g = {0};
    unsigned n = g_test_thorough() ? 3000000 : 30000;
    int64_t longest = 0;

    guest_init(&g);
    for (unsigned i = 0; i < n; i++) {
        int64_t start = g_get_monotonic_time();

        poke(&g);
        longest = MAX(longest, g_get_monotonic_time() - start);
    }
    g_test_message("%u steps, the longest took %d us", n, (int)longest);
    guest_clear(&g);
}

/* Each port, each width, each alignment: an access that a device does not take must be answered by somebody. */
static void
test_every_port(void)
{
    Guest g = {0};

    guest_init(&g);
    for (unsigned size = 1; size <= 4; size *= 2) {
        for (unsigned port = 0; port < 0x10000; port++) {
            emu_test_in(g.machine, (uint16_t)port, size);
            emu_test_out(g.machine, (uint16_t)port, port * 0x9e3779b1u, size);
        }
        emu_test_settle(g.machine);
        emu_test_reset(g.machine);
    }
    guest_clear(&g);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hostile-guest/every-port", test_every_port);
    g_test_add_func("/hostile-guest/random", test_hostile_guest);
    return g_test_run();
}
