/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test.h>

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define BASE 0x3f0

typedef struct {
    EmuMachine *m;
    char *path;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *drive = NULL;
    g_autofree uint8_t *image = g_malloc(1440 * 1024);
    int fd = g_file_open_tmp("test-fdc-XXXXXX", &f->path, &error);

    g_assert_no_error(error);
    for (unsigned i = 0; i < 1440 * 1024; i++) {
        image[i] = i / 512 * 3 + i;
    }
    g_assert_cmpint(write(fd, image, 1440 * 1024), ==, 1440 * 1024);
    close(fd);
    f->m = emu_test_machine_new_unbuilt("pc", &error);
    g_assert_no_error(error);
    drive = g_strdup_printf("file=%s,format=raw,if=floppy", f->path);
    emu_test_add_drive(f->m, drive, &error);
    g_assert_no_error(error);
    emu_test_machine_start(f->m, &error);
    g_assert_no_error(error);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
    g_unlink(f->path);
    g_free(f->path);
}

static void
send(Fixture *f, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(emu_test_in(f->m, BASE + 4, 1) & 0xc0, ==, 0x80);
        emu_test_out(f->m, BASE + 5, bytes[i], 1);
    }
    emu_test_settle(f->m);
}

static uint8_t
result(Fixture *f)
{
    g_assert_cmphex(emu_test_in(f->m, BASE + 4, 1) & 0xc0, ==, 0xc0);
    return emu_test_in(f->m, BASE + 5, 1);
}

static void
reset(Fixture *f)
{
    emu_test_out(f->m, BASE + 2, 0x18, 1);
    emu_test_out(f->m, BASE + 2, 0x1c, 1); /* drive A selected, motor on */
    for (unsigned i = 0; i < 4; i++) {
        send(f, (const uint8_t[]){0x08}, 1);
        g_assert_cmphex(result(f), ==, 0xc0 | i);
        result(f);
    }
    emu_test_out(f->m, BASE + 7, 0, 1); /* 500 kbit/s */
}

static void
test_version_and_reset(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, (const uint8_t[]){0x10}, 1);
    g_assert_cmphex(result(f), ==, 0x90);
    g_assert_cmphex(emu_test_in(f->m, BASE + 4, 1), ==, 0x80);
}

static void
test_dma_read(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, (const uint8_t[]){0x03, 0xaf, 0x02}, 3);    /* SPECIFY, DMA */
    send(f, (const uint8_t[]){0x0f, 0x00, 0x01}, 3);    /* SEEK to track 1 */
    send(f, (const uint8_t[]){0x08}, 1);
    g_assert_cmphex(result(f), ==, 0x20);
    g_assert_cmphex(result(f), ==, 1);
    /* Channel 2: 1024 bytes to 0x4000, device to memory, single. */
    emu_test_out(f->m, 0x0c, 0, 1);
    emu_test_out(f->m, 0x0b, 0x46, 1);
    emu_test_out(f->m, 0x04, 0x00, 1);
    emu_test_out(f->m, 0x04, 0x40, 1);
    emu_test_out(f->m, 0x05, 0xff, 1);
    emu_test_out(f->m, 0x05, 0x03, 1);
    emu_test_out(f->m, 0x81, 0, 1);
    emu_test_out(f->m, 0x0a, 0x02, 1);
    send(f, (const uint8_t[]){0x46, 0x00, 1, 0, 2, 2, 18, 0x1b, 0xff}, 9);
    for (unsigned i = 0; i < 8; i++) {
        emu_test_settle(f->m);
    }
    g_assert_cmphex(result(f), ==, 0x00);
    g_assert_cmphex(result(f), ==, 0x00);
    for (unsigned i = 2; i < 7; i++) {
        result(f);
    }
    for (unsigned i = 0; i < 1024; i++) {
        unsigned at = (36 + 1) * 512 + i; /* cylinder 1, head 0, sector 2 */

        g_assert_cmphex(emu_test_read(f->m, 0x4000 + i, 1), ==, (uint8_t)(at / 512 * 3 + at));
    }
}

static void
test_sector_that_is_not_there(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, (const uint8_t[]){0x46, 0x00, 0, 0, 19, 2, 19, 0x1b, 0xff}, 9);
    g_assert_cmphex(result(f) & 0xc0, ==, 0x40);
    g_assert_cmphex(result(f), ==, 0x04);
}

/* CVE-2015-3456: bytes without end after any opcode. */
static void
test_bytes_without_end(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        reset(f);
        for (unsigned i = 0; i < 600; i++) {
            emu_test_out(f->m, BASE + 5, i ? 0x8e + i * opcode : opcode, 1);
        }
        for (unsigned i = 0; i < 600; i++) {
            emu_test_in(f->m, BASE + 5, 1);
        }
        emu_test_settle(f->m);
    }
    reset(f);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add(path, Fixture, NULL, set_up, fn, tear_down)
    ADD("/fdc/reset/four-drives-report", test_version_and_reset);
    ADD("/fdc/read/by-dma-across-sectors", test_dma_read);
    ADD("/fdc/read/sector-that-is-not-there", test_sector_that_is_not_there);
    ADD("/fdc/hostile/bytes-without-end", test_bytes_without_end);
    return g_test_run();
}
