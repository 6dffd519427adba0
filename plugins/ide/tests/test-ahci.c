/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Serial ATA: commands through slots and region descriptors, queued ones, packets, errors, resets. */

#include <emu/test.h>

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define FUNCTION 0x8000fa00u /* 00:1f.2 */
#define HBA 0xe0000000u
#define PORT(n) (HBA + 0x100 + 0x80 * (n))
#define LIST 0x100000u
#define FRAMES 0x101000u
#define TABLES 0x102000u /* 0x200 bytes each */
#define BUFFER 0x110000u
#define SECTORS 64u

typedef struct {
    EmuMachine *m;
    char *path, *cd;
} Fixture;

static void
set_port(Fixture *f, unsigned port, unsigned reg, uint32_t value)
{
    emu_test_write(f->m, PORT(port) + reg, value, 4);
}

static uint32_t
get_port(Fixture *f, unsigned port, unsigned reg)
{
    return (uint32_t)emu_test_read(f->m, PORT(port) + reg, 4);
}

static void
start_port(Fixture *f, unsigned port)
{
    set_port(f, port, 0x00, LIST);
    set_port(f, port, 0x08, FRAMES);
    set_port(f, port, 0x10, UINT32_MAX);
    set_port(f, port, 0x30, UINT32_MAX);
    set_port(f, port, 0x14, 0x7dc0007f);
    set_port(f, port, 0x18, 0x11);
}

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *drive = NULL, *cd = NULL;
    uint8_t image[SECTORS * 512];
    int fd = g_file_open_tmp("test-ahci-XXXXXX", &f->path, &error);

    g_assert_no_error(error);
    for (unsigned i = 0; i < sizeof(image); i++) {
        image[i] = (uint8_t)(i / 512 + i);
    }
    g_assert_cmpint(write(fd, image, sizeof(image)), ==, sizeof(image));
    close(fd);
    f->m = emu_test_machine_new_unbuilt("q35", &error);
    g_assert_no_error(error);
    drive = g_strdup_printf("file=%s,format=raw", f->path);
    f->cd = g_strconcat(f->path, ".iso", NULL);
    g_assert_true(g_file_set_contents(f->cd, (const char *)image, sizeof(image), &error));
    cd = g_strdup_printf("file=%s,format=raw,index=2,media=cdrom", f->cd);
    g_assert_true(emu_test_add_drive(f->m, drive, &error));
    g_assert_true(emu_test_add_drive(f->m, cd, &error));
    emu_test_machine_start(f->m, &error);
    g_assert_no_error(error);
    emu_test_out(f->m, 0xcf8, FUNCTION | 0x24, 4);
    emu_test_out(f->m, 0xcfc, HBA, 4);
    emu_test_out(f->m, 0xcf8, FUNCTION | 0x04, 4);
    emu_test_out(f->m, 0xcfc, 6, 2);
    emu_test_write(f->m, HBA + 4, 0x80000002, 4);
    start_port(f, 0);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
    g_unlink(f->path);
    g_unlink(f->cd);
    g_free(f->path);
    g_free(f->cd);
}

/* A command in a slot, with two region descriptors that cut its @len bytes in the middle of a sector. */
static void
put_command(Fixture *f, unsigned slot, uint8_t opcode, uint64_t lba, uint16_t count, uint16_t features, uint32_t len, uint32_t header)
{
    uint32_t table = TABLES + 0x200 * slot, first = len > 100 ? 100 : len;

    emu_test_write(f->m, LIST + 32 * slot, 5 | header | (len ? 2u << 16 : 0), 4);
    emu_test_write(f->m, LIST + 32 * slot + 4, 0, 4);
    emu_test_write(f->m, LIST + 32 * slot + 8, table, 8);
    emu_test_write(f->m, table, 0x8027 | (uint32_t)opcode << 16 | (uint32_t)(features & 0xff) << 24, 4);
    emu_test_write(f->m, table + 4, (uint32_t)(lba & 0xffffff) | 0x40000000, 4);
    emu_test_write(f->m, table + 8, (uint32_t)(lba >> 24 & 0xffffff) | (uint32_t)(features >> 8) << 24, 4);
    emu_test_write(f->m, table + 12, count, 4);
    emu_test_write(f->m, table + 16, 0, 4);
    emu_test_write(f->m, table + 0x80, BUFFER + 0x1000 * slot, 8);
    emu_test_write(f->m, table + 0x88, (uint64_t)(first - 1) << 32, 8);
    emu_test_write(f->m, table + 0x90, BUFFER + 0x1000 * slot + first, 8);
    emu_test_write(f->m, table + 0x98, (uint64_t)(len > first ? len - first - 1 : 1) << 32, 8);
}

static void
issue(Fixture *f, unsigned port, uint32_t slots)
{
    set_port(f, port, 0x38, slots);
    emu_test_settle(f->m);
}

static uint8_t
buffer(Fixture *f, unsigned at)
{
    return (uint8_t)emu_test_read(f->m, BUFFER + at, 1);
}

static void
test_ports(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(emu_test_read(f->m, HBA + 0x0c, 4), ==, 0x3f);
    g_assert_cmphex(get_port(f, 0, 0x28), ==, 0x113);
    g_assert_cmphex(get_port(f, 0, 0x24), ==, 0x101);
    g_assert_cmphex(get_port(f, 2, 0x24), ==, 0xeb140101);
    g_assert_cmphex(get_port(f, 1, 0x28), ==, 0);
    g_assert_cmphex(get_port(f, 1, 0x20), ==, 0x7f);
    set_port(f, 0, 0x2c, 1); /* the link goes */
    g_assert_cmphex(get_port(f, 0, 0x28), ==, 0);
    set_port(f, 0, 0x2c, 0); /* and comes */
    g_assert_cmphex(get_port(f, 0, 0x28), ==, 0x113);
    g_assert_cmphex(get_port(f, 0, 0x20) & 0x88, ==, 0);
    g_assert_cmphex(get_port(f, 0, 0x10), ==, 1 << 6 | 1 << 22);
    g_assert_cmphex(emu_test_read(f->m, FRAMES + 0x40, 1), ==, 0x34);
}

static void
test_identify(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put_command(f, 3, 0xec, 0, 0, 0, 512, 0);
    issue(f, 0, 1 << 3);
    g_assert_cmphex(get_port(f, 0, 0x38), ==, 0);
    g_assert_cmphex(get_port(f, 0, 0x20), ==, 0x50);
    g_assert_cmphex(get_port(f, 0, 0x10), ==, 2); /* a PIO setup frame */
    g_assert_cmphex(emu_test_read(f->m, FRAMES + 0x20, 1), ==, 0x5f);
    g_assert_cmphex(emu_test_read(f->m, FRAMES + 0x20 + 15, 1), ==, 0x50);
    g_assert_cmpuint(emu_test_read(f->m, LIST + 3 * 32 + 4, 4), ==, 512);
    g_assert_cmphex(emu_test_read(f->m, BUFFER + 0x3000 + 2 * 76, 2), ==, 0x102); /* queues, generation 1 */
    g_assert_cmpuint(emu_test_read(f->m, BUFFER + 0x3000 + 2 * 75, 2), ==, 31);
    g_assert_cmpuint(emu_test_read(f->m, BUFFER + 0x3000 + 2 * 100, 2), ==, SECTORS);
    g_assert_cmphex(emu_test_read(f->m, HBA + 8, 4), ==, 1);
    set_port(f, 0, 0x10, 2);
    emu_test_write(f->m, HBA + 8, 1, 4);
    g_assert_cmphex(emu_test_read(f->m, HBA + 8, 4), ==, 0);
}

static void
test_dma(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put_command(f, 0, 0x25, 5, 2, 0, 1024, 0);
    issue(f, 0, 1);
    g_assert_cmphex(get_port(f, 0, 0x10), ==, 1); /* a register frame */
    for (unsigned i = 0; i < 1024; i++) {
        g_assert_cmphex(buffer(f, i), ==, ((5 * 512 + i) / 512 + i) & 0xff);
    }
    for (unsigned i = 0; i < 512; i++) {
        emu_test_write(f->m, BUFFER + 0x1000 + i, i ^ 0x5a, 1);
    }
    put_command(f, 1, 0x30, 9, 1, 0, 512, 0x40); /* by PIO */
    issue(f, 0, 2);
    put_command(f, 2, 0x25, 9, 1, 0, 512, 0);
    issue(f, 0, 4);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(buffer(f, 0x2000 + i), ==, (i ^ 0x5a) & 0xff);
    }
}

static void
test_queue(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (unsigned i = 0; i < 512; i++) {
        emu_test_write(f->m, BUFFER + i, 0xa0 + i, 1);
    }
    put_command(f, 0, 0x61, 20, 0 << 3, 1, 512, 0x40);
    put_command(f, 7, 0x60, 20, 7 << 3, 1, 512, 0);
    put_command(f, 31, 0x60, 0, 31 << 3, 2, 1024, 0);
    set_port(f, 0, 0x34, 0x80000081);
    issue(f, 0, 0x80000081);
    g_assert_cmphex(get_port(f, 0, 0x34), ==, 0);
    g_assert_cmphex(get_port(f, 0, 0x38), ==, 0);
    g_assert_cmphex(get_port(f, 0, 0x10), ==, 8); /* set device bits */
    g_assert_cmphex(emu_test_read(f->m, FRAMES + 0x58, 1), ==, 0xa1);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(buffer(f, 0x7000 + i), ==, (0xa0 + i) & 0xff);
    }
    g_assert_cmphex(buffer(f, 31 * 0x1000 + 600), ==, (600 / 512 + 600) & 0xff);
}

/* An error stops the port with the command in its slot until the guest has taken ST away. */
static void
test_error(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    put_command(f, 0, 0x25, SECTORS, 1, 0, 512, 0);
    put_command(f, 1, 0x25, 0, 1, 0, 512, 0);
    issue(f, 0, 3);
    g_assert_cmphex(get_port(f, 0, 0x38), ==, 3);
    g_assert_cmphex(get_port(f, 0, 0x10), ==, 1 << 30 | 1);
    g_assert_cmphex(get_port(f, 0, 0x20) & 0xff, ==, 0x51);
    g_assert_cmphex(get_port(f, 0, 0x18) >> 8 & 0x1f, ==, 0);
    set_port(f, 0, 0x18, 0x10);
    g_assert_cmphex(get_port(f, 0, 0x38), ==, 0);
    g_assert_cmphex(get_port(f, 0, 0x18) & 0x8000, ==, 0);
    set_port(f, 0, 0x10, UINT32_MAX);
    set_port(f, 0, 0x18, 0x11);
    issue(f, 0, 2);
    g_assert_cmphex(get_port(f, 0, 0x10), ==, 1);
    g_assert_cmphex(buffer(f, 0x1000 + 10), ==, 10);
}

static void
test_packet(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    start_port(f, 2);
    for (unsigned round = 0; round < 3; round++) { /* the first two may have something to say about the medium */
        put_command(f, 0, 0xa0, 0x200000 >> 8, 0, round == 2, 2048, 0x20);
        emu_test_write(f->m, TABLES + 0x40, 0x28 | UINT64_C(3) << 40, 8); /* READ (10), sector 3 */
        emu_test_write(f->m, TABLES + 0x48, 1, 4);
        set_port(f, 2, 0x10, UINT32_MAX);
        issue(f, 2, 1);
        if (get_port(f, 2, 0x10) & 1 << 30) {
            set_port(f, 2, 0x18, 0x10);
            set_port(f, 2, 0x18, 0x11);
        }
    }
    g_assert_cmphex(get_port(f, 2, 0x38), ==, 0);
    g_assert_cmphex(get_port(f, 2, 0x20) & 0xff, ==, 0x50);
    for (unsigned i = 0; i < 2048; i++) {
        g_assert_cmphex(buffer(f, i), ==, ((3 * 2048 + i) / 512 + i) & 0xff);
    }
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GBytes) state = NULL;
    g_autoptr(GError) error = NULL;

    put_command(f, 0, 0x25, 5, 2, 0, 1024, 0);
    set_port(f, 0, 0x38, 1);
    state = emu_test_save(f->m, &error); /* waits for the command */
    g_assert_no_error(error);
    emu_test_reset(f->m);
    g_assert_cmphex(emu_test_read(f->m, HBA, 4), ==, 0xffffffff);
    g_assert_true(emu_test_load(f->m, state, &error));
    g_assert_cmphex(get_port(f, 0, 0x38), ==, 0);
    g_assert_cmphex(get_port(f, 0, 0x10), ==, 1);
    put_command(f, 1, 0x25, 1, 1, 0, 512, 0);
    issue(f, 0, 2);
    g_assert_cmphex(get_port(f, 0, 0x38), ==, 0);
    g_assert_cmphex(buffer(f, 0x1000 + 3), ==, 4);
}

static void
test_one_drive(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(emu_test_add_device(f->m, "ide-hd", "drive=none,unit=1", &error));
    g_assert_nonnull(strstr(error->message, "SATA port"));
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(Fixture *f, gconstpointer data);
    } tests[] = {
        {"/ahci/ports", test_ports},     {"/ahci/identify", test_identify}, {"/ahci/dma", test_dma},     {"/ahci/queue", test_queue},
        {"/ahci/error", test_error},     {"/ahci/packet", test_packet},     {"/ahci/state", test_state}, {"/ahci/one-drive-a-port", test_one_drive},
    };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, Fixture, NULL, set_up, tests[i].run, tear_down);
    }
    return g_test_run();
}
