/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/block.h>
#include <emu/test.h>

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define BASE UINT64_C(0x10000000)
#define BLOCK 4096
#define BLOCKS 4
#define SIZE (BLOCK * BLOCKS)

typedef struct {
    EmuMachine *m;
    EmuDevice *dev;
    char *path;
} Fixture;

static void
start(Fixture *f, const char *drive_options, const char *properties)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *drive = g_strdup_printf("file=%s,format=raw,if=none,id=fl%s", f->path, drive_options);
    g_autofree char *all = g_strdup_printf("drive=fl,num-blocks=%u,sector-length=%u%s", BLOCKS, BLOCK, properties);

    f->m = emu_test_machine_new_unbuilt("none", &error);
    g_assert_no_error(error);
    emu_test_add_drive(f->m, drive, &error);
    g_assert_no_error(error);
    emu_test_machine_start(f->m, &error);
    g_assert_no_error(error);
    f->dev = emu_test_add_device(f->m, "cfi.pflash01", all, &error);
    g_assert_no_error(error);
    emu_machine_lock(f->m);
    emu_sysbus_map(EMU_SYSBUS_DEVICE(f->dev), 0, BASE, 0);
    emu_machine_unlock(f->m);
}

static void
stop(Fixture *f)
{
    emu_machine_destroy(f->m);
    g_clear_object(&f->m);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *image = g_malloc(SIZE);
    int fd = g_file_open_tmp("test-pflash-XXXXXX", &f->path, &error);

    g_assert_no_error(error);
    memset(image, 0xff, SIZE);
    memcpy(image, "firmware", 8);
    g_assert_cmpint(write(fd, image, SIZE), ==, SIZE);
    close(fd);
    if (data) {
        start(f, "", data);
    }
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    if (f->m) {
        stop(f);
    }
    g_unlink(f->path);
    g_free(f->path);
}

static uint64_t
rd(Fixture *f, uint64_t offset, unsigned size)
{
    return emu_test_read(f->m, BASE + offset, size);
}

static void
wr(Fixture *f, uint64_t offset, uint64_t value)
{
    emu_test_write(f->m, BASE + offset, value, 1);
}

static void
test_read_array(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(rd(f, 0, 8), ==, GUINT64_FROM_LE(*(const uint64_t *)(const void *)"firmware"));
    wr(f, 0, 0x70);
    g_assert_cmphex(rd(f, 0, 1), ==, 0x80);
    g_assert_cmphex(rd(f, 1, 2), ==, 0x8080);
    for (unsigned i = 0; i < 3; i++) {
        wr(f, 0, 0x70);
        wr(f, 0, (const uint8_t[]){0xff, 0xf0, 0x00}[i]);
        g_assert_cmphex(rd(f, 0, 1), ==, 'f');
    }
    wr(f, 0, 0x77); /* no such command */
    g_assert_cmphex(rd(f, 0, 1), ==, 'f');
}

static void
test_lock_bits(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    wr(f, BLOCK, 0x60);
    wr(f, BLOCK, 0x01);
    wr(f, 0, 0x90);
    g_assert_cmphex(rd(f, BLOCK + 2, 1), ==, 0x01);
    g_assert_cmphex(rd(f, 2, 1), ==, 0x00);
    wr(f, BLOCK + 5, 0x40); /* program: refused */
    wr(f, BLOCK + 5, 0x00);
    g_assert_cmphex(rd(f, 0, 1), ==, 0x92);
    wr(f, 0, 0x50);
    wr(f, BLOCK, 0x20); /* erase: refused */
    wr(f, BLOCK, 0xd0);
    g_assert_cmphex(rd(f, 0, 1), ==, 0xa2);
    wr(f, 0, 0x50);
    wr(f, 5, 0x40); /* its neighbour is not locked */
    wr(f, 5, 0x00);
    g_assert_cmphex(rd(f, 0, 1), ==, 0x80);
    wr(f, 0, 0xff);
    g_assert_cmphex(rd(f, BLOCK + 5, 1), ==, 0xff);
    g_assert_cmphex(rd(f, 5, 1), ==, 0x00);
    emu_test_reset(f->m);
    wr(f, BLOCK, 0x90);
    g_assert_cmphex(rd(f, BLOCK + 2, 1), ==, 0x01);
    wr(f, 0, 0x60); /* clears them all, wherever it is written */
    wr(f, 0, 0xd0);
    g_assert_cmphex(rd(f, 0, 1), ==, 0x80);
    wr(f, BLOCK + 5, 0x40);
    wr(f, BLOCK + 5, 0x12);
    wr(f, 0, 0xff);
    g_assert_cmphex(rd(f, BLOCK + 5, 1), ==, 0x12);
    wr(f, 0, 0x60); /* no such kind of lock */
    wr(f, 0, 0x77);
    g_assert_cmphex(rd(f, 0, 1), ==, 0xb0);
}

/* A bank of two chips: word 2 of a block is at byte 8. */
static void
test_lock_bits_wide(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    wr(f, 2 * BLOCK, 0x60);
    wr(f, 2 * BLOCK, 0x01);
    wr(f, 0, 0x90);
    g_assert_cmphex(rd(f, 2 * BLOCK + 8, 4), ==, 0x00010001);
    g_assert_cmphex(rd(f, BLOCK + 8, 4), ==, 0);
}

/* How edk2's flash driver tells flash from RAM and ROM. */
static void
test_probe(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    wr(f, 0, 0x50);
    g_assert_cmphex(rd(f, 0, 1), ==, 'f');
    wr(f, 0, 0x70);
    g_assert_cmphex(rd(f, 0, 1), ==, 0x00);
    wr(f, 0, 0xff);
}

static void
test_identifier_and_query(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    wr(f, 0, 0x90);
    g_assert_cmphex(rd(f, 0, 1), ==, 0x89);
    g_assert_cmphex(rd(f, 1, 1), ==, 0x18);
    wr(f, 0, 0x98);
    g_assert_cmphex(rd(f, 0x10, 1), ==, 'Q');
    g_assert_cmphex(rd(f, 0x11, 2), ==, 'R' | 'Y' << 8);
    g_assert_cmphex(rd(f, 0x13, 2), ==, 1);
    g_assert_cmphex(rd(f, 0x27, 1), ==, 14);
    g_assert_cmphex(rd(f, 0x2d, 2), ==, BLOCKS - 1);
    g_assert_cmphex(rd(f, 0x2f, 2), ==, BLOCK / 256);
    g_assert_cmphex(rd(f, 0x31, 2), ==, 'P' | 'R' << 8);
    g_assert_cmphex(rd(f, SIZE - 8, 8), ==, 0);
}

static void
test_wide(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_write(f->m, BASE, 0x00980098, 4);
    g_assert_cmphex(rd(f, 0x40, 4), ==, 'Q' | 'Q' << 16);
    emu_test_write(f->m, BASE, 0x00900090, 4);
    g_assert_cmphex(rd(f, 0, 4), ==, 0x890089);
    emu_test_write(f->m, BASE, 0x00400040, 4);
    emu_test_write(f->m, BASE + 0x100, 0x12345678, 4);
    g_assert_cmphex(rd(f, 0, 4), ==, 0x800080);
    emu_test_write(f->m, BASE, 0x00ff00ff, 4);
    g_assert_cmphex(rd(f, 0x100, 4), ==, 0x12345678);
}

static void
test_program_and_erase(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    wr(f, 0x100, 0x40);
    wr(f, 0x100, 0x3c);
    g_assert_cmphex(rd(f, 0x100, 1), ==, 0x80);
    wr(f, 0x100, 0x10);
    wr(f, 0x100, 0x0f);
    wr(f, 0, 0xff);
    g_assert_cmphex(rd(f, 0x100, 1), ==, 0x0c); /* ones do not come back */
    wr(f, BLOCK + 5, 0x10);
    wr(f, BLOCK + 5, 0x42);
    /* An erase without its confirmation. */
    wr(f, 0x100, 0x20);
    wr(f, 0x100, 0x70);
    g_assert_cmphex(rd(f, 0, 1), ==, 0xb0);
    wr(f, 0, 0x50);
    wr(f, 0x123, 0x20);
    wr(f, 0x123, 0xd0);
    g_assert_cmphex(rd(f, 0x123, 1), ==, 0x80);
    wr(f, 0, 0xff);
    g_assert_cmphex(rd(f, 0, 8), ==, UINT64_MAX);
    g_assert_cmphex(rd(f, 0x100, 1), ==, 0xff);
    g_assert_cmphex(rd(f, BLOCK + 5, 1), ==, 0x42);
}

static void
test_write_buffer(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    wr(f, 0x200, 0xe8);
    g_assert_cmphex(rd(f, 0x200, 1), ==, 0x80);
    wr(f, 0x200, 3);
    for (unsigned i = 0; i < 4; i++) {
        wr(f, 0x210 + i, 0x30 + i);
    }
    wr(f, 0x200, 0xd0);
    wr(f, 0, 0xff);
    g_assert_cmphex(rd(f, 0x210, 4), ==, 0x33323130);
    /* Data outside of the buffer's page, a missing confirmation. */
    wr(f, 0x200, 0xe8);
    wr(f, 0x200, 1);
    wr(f, 0x400, 0);
    wr(f, 0, 0x70);
    g_assert_cmphex(rd(f, 0, 1), ==, 0xb0);
    wr(f, 0, 0x50);
    wr(f, 0x200, 0xe8);
    wr(f, 0x200, 0);
    wr(f, 0x220, 0);
    wr(f, 0x200, 0xff);
    g_assert_cmphex(rd(f, 0, 1), ==, 0xb0);
    wr(f, 0, 0xff);
    g_assert_cmphex(rd(f, 0x220, 1), ==, 0xff);
    g_assert_cmphex(rd(f, 0x400, 1), ==, 0xff);
}

static void
test_persistent(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (unsigned i = 0; i < 16; i++) {
        wr(f, 2 * BLOCK + i, 0x40);
        wr(f, 2 * BLOCK + i, i);
    }
    wr(f, 0, 0x20);
    wr(f, 0, 0xd0);
    stop(f);
    start(f, "", "");
    g_assert_cmphex(rd(f, 2 * BLOCK, 8), ==, UINT64_C(0x0706050403020100));
    g_assert_cmphex(rd(f, 2 * BLOCK + 8, 8), ==, UINT64_C(0x0f0e0d0c0b0a0908));
    g_assert_cmphex(rd(f, 0, 1), ==, 0xff);
}

static void
test_read_only(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    start(f, ",readonly=on", "");
    wr(f, 0, 0x20);
    wr(f, 0, 0xd0);
    g_assert_cmphex(rd(f, 0, 1), ==, 'f');
}

static void
test_secure(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuAddressSpace *as = emu_machine_get_memory_as(f->m);
    EmuMemAttrs smm = {.smm = 1};

    wr(f, 0, 0x70);
    g_assert_cmphex(rd(f, 0, 1), ==, 'f');
    emu_address_space_store(as, BASE, 0x70, 1, smm, NULL);
    g_assert_cmphex(rd(f, 0, 1), ==, 'f');
    g_assert_cmphex(emu_address_space_load(as, BASE, 1, smm, NULL), ==, 0x80);
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    wr(f, 0x300, 0xe8);
    wr(f, 0x300, 1);
    wr(f, 0x300, 0x11);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    g_assert_cmphex(rd(f, 0, 1), ==, 'f');
    emu_test_load(f->m, state, &error);
    g_assert_no_error(error);
    g_assert_cmphex(rd(f, 0, 1), ==, 0x80);
    wr(f, 0x301, 0x22);
    wr(f, 0x300, 0xd0);
    wr(f, 0, 0xff);
    g_assert_cmphex(rd(f, 0x300, 2), ==, 0x2211);
}

static void
test_refusals(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const bad[] = {
        "num-blocks=0", "num-blocks=4,sector-length=100", "num-blocks=4,width=3", "num-blocks=4,drive=nobody", "num-blocks=5,drive=fl",
    };

    start(f, "", "");
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(emu_test_add_device(f->m, "cfi.pflash01", bad[i], &error));
        g_assert_nonnull(error);
        g_test_message("%s", error->message);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, options, fn) g_test_add("/pflash/" name, Fixture, options, set_up, fn, tear_down)
    ADD("read-array", "", test_read_array);
    ADD("probe", "", test_probe);
    ADD("identifier-and-query", "", test_identifier_and_query);
    ADD("wide", ",width=4", test_wide);
    ADD("program-and-erase", "", test_program_and_erase);
    ADD("write-buffer", "", test_write_buffer);
    ADD("lock-bits", "", test_lock_bits);
    ADD("lock-bits-wide", ",width=4", test_lock_bits_wide);
    ADD("persistent", "", test_persistent);
    ADD("read-only", NULL, test_read_only);
    ADD("secure", ",secure=on", test_secure);
    ADD("state", "", test_state);
    ADD("refusals", NULL, test_refusals);
    return g_test_run();
}
