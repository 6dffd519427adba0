/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The 82078 through its ports, with the 8237 and without. Sectors are numbered as in the image, bytes after their place in it. */

#include <emu/registers.h>
#include <emu/test-kit.h>

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define BASE 0x3f0
#define DOR (BASE + 2)
#define MSR (BASE + 4)
#define FIFO (BASE + 5)
#define DIR (BASE + 7)
#define MEMORY 0x4000
#define KIB 1024u

enum { READ_ONLY = 1, TWO_DRIVES = 2, EMPTY = 4 };

typedef struct {
    EmuMachine *m;
    char *path;
    EmuDevice *fdc;
    EmuTestWatch *irq;
} Fixture;

static uint8_t
pattern(unsigned at)
{
    return at / 512 * 3 + at;
}

static void
set_up_with(Fixture *f, unsigned size, unsigned flags)
{
    g_autoptr(GError) error = NULL;
    g_autofree uint8_t *image = g_malloc(size + 1);
    int fd = g_file_open_tmp("test-fdc-XXXXXX", &f->path, &error);

    g_assert_no_error(error);
    for (unsigned i = 0; i < size; i++) {
        image[i] = pattern(i);
    }
    g_assert_cmpint(write(fd, image, size), ==, size);
    close(fd);
    f->m = emu_test_machine_new_unbuilt("pc", &error);
    g_assert_no_error(error);
    for (unsigned unit = 0; unit < (flags & EMPTY ? 0 : flags & TWO_DRIVES ? 2 : 1); unit++) {
        g_autofree char *drive = g_strdup_printf("file=%s,format=raw,if=floppy,index=%u%s", f->path, unit,
                                                 flags & READ_ONLY    ? ",readonly=on"
                                                 : flags & TWO_DRIVES ? ",snapshot=on"
                                                                      : "");
        emu_test_add_drive(f->m, drive, &error);
        g_assert_no_error(error);
    }
    emu_test_machine_start(f->m, &error);
    g_assert_no_error(error);
    f->fdc = emu_test_find_device(f->m, "isa-fdc");
    if (flags & EMPTY) {
        emu_test_add_device(f->m, "floppy", NULL, &error);
        g_assert_no_error(error);
    }
    f->irq = emu_test_watch_line(emu_device_get_line_out(f->fdc, NULL, 0));
}

static void
set_up(Fixture *f, gconstpointer flags)
{
    set_up_with(f, 1440 * KIB, GPOINTER_TO_UINT(flags));
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_watch_free(f->irq);
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
    g_unlink(f->path);
    g_free(f->path);
}

static uint8_t
in(Fixture *f, uint16_t port)
{
    return (uint8_t)emu_test_in(f->m, port, 1);
}

static void
out(Fixture *f, uint16_t port, uint8_t value)
{
    emu_test_out(f->m, port, value, 1);
}

static void
settle(Fixture *f)
{
    for (unsigned i = 0; i < 50; i++) {
        emu_test_settle(f->m);
    }
}

static void
send_bytes(Fixture *f, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(in(f, MSR) & 0xc0, ==, 0x80);
        out(f, FIFO, bytes[i]);
    }
    settle(f);
}
#define send(f, ...) send_bytes(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static uint8_t
result(Fixture *f)
{
    g_assert_cmphex(in(f, MSR) & 0xc0, ==, 0xc0);
    return in(f, FIFO);
}

/* All result bytes of a command, and no more. */
static void
expect_bytes(Fixture *f, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(result(f), ==, bytes[i]);
    }
    g_assert_cmphex(in(f, MSR), ==, 0x80);
}
#define expect(f, ...) expect_bytes(f, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void
sense(Fixture *f, uint8_t st0, uint8_t pcn)
{
    send(f, 0x08);
    expect(f, st0, pcn);
}

static void
reset(Fixture *f)
{
    out(f, DOR, 0x18);
    out(f, DOR, 0x1c); /* drive A selected, motor on */
    for (unsigned i = 0; i < 4; i++) {
        sense(f, 0xc0 | i, 0);
    }
    out(f, DIR, 0);         /* 500 kbit/s */
    send(f, 0x03, 0xaf, 2); /* SPECIFY, DMA */
}

static void
seek(Fixture *f, uint8_t track)
{
    send(f, 0x0f, 0x00, track);
    sense(f, 0x20, track);
}

/* Channel 2: @size bytes at MEMORY; mode: 0x46 to memory, 0x4a from memory, 0x42 verify. */
static void
dma(Fixture *f, uint8_t mode, unsigned size)
{
    out(f, 0x0a, 0x06);
    out(f, 0x0c, 0);
    out(f, 0x0b, mode);
    out(f, 0x04, MEMORY & 0xff);
    out(f, 0x04, MEMORY >> 8);
    out(f, 0x05, (size - 1) & 0xff);
    out(f, 0x05, (size - 1) >> 8);
    out(f, 0x81, 0);
    out(f, 0x0a, 0x02);
}

static void
assert_memory(Fixture *f, unsigned offset, unsigned sector, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        g_assert_cmphex(emu_test_read(f->m, MEMORY + offset + i, 1), ==, pattern(sector * 512 + i));
    }
}

static void
fill_memory(Fixture *f, uint8_t byte, unsigned bytes)
{
    g_autofree uint8_t *data = g_malloc(bytes);

    memset(data, byte, bytes);
    emu_test_write_memory(f->m, MEMORY, data, bytes);
}

/* ---- reset --------------------------------------------------------------------------------------------- */

static void
test_version_and_reset(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, 0x08); /* nothing is left to say */
    expect(f, 0x80);
    send(f, 0x10);
    expect(f, 0x90);
    send(f, 0x18);
    expect(f, 0x41);
    out(f, DOR, 0x18);
    g_assert_cmphex(in(f, MSR), ==, 0x00);
    out(f, MSR, 0x80); /* the data rate select register cannot end that reset */
    g_assert_cmpint(f->irq->level, ==, 0);
    g_assert_cmphex(in(f, MSR), ==, 0x00);
}

/* LOCK keeps the FIFO's set-up and the precompensation's track through software resets; the rest goes. */
static void
test_reset_and_lock(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, 0x0e);
    expect(f, 0, 0, 0, 0, 0xaf, 2, 0, 0, 0x20, 0);
    send(f, 0x13, 0, 0x5a, 0x22); /* implied seek, no polling, FIFO on, threshold 10 */
    send(f, 0x12, 0x87 | 0x38);   /* PERPENDICULAR MODE, all drives but the last, gap and write gate */
    send(f, 0x0f, 0, 7);
    send(f, 0x94);
    expect(f, 0x10);
    send(f, 0x0e);
    expect(f, 7, 0, 0, 0, 0xaf, 2, 0, 0xbf, 0x5a, 0x22);
    out(f, MSR, 0x80);
    for (unsigned i = 0; i < 4; i++) {
        sense(f, 0xc0 | i, 0);
    }
    send(f, 0x0e);
    expect(f, 0, 0, 0, 0, 0xaf, 2, 0, 0xbc, 0x0a, 0x22);
    send(f, 0x14);
    expect(f, 0x00);
    out(f, MSR, 0x80);
    send(f, 0x0e);
    expect(f, 0, 0, 0, 0, 0xaf, 2, 0, 0x3c, 0x20, 0);
    send(f, 0x12, 0x03); /* without OW the drives' bits stay */
    send(f, 0x0e);
    expect(f, 0, 0, 0, 0, 0xaf, 2, 0, 0x3f, 0x20, 0);
}

/* Who has something new to hear is not told of the polling after the reset. */
static void
test_reset_without_senses(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, DOR, 0x18);
    out(f, DOR, 0x1c);
    send(f, 0x07, 0);
    sense(f, 0x20, 0);
    send(f, 0x08);
    expect(f, 0x80);
}

static void
test_reset_in_the_middle(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, 0x46, 0x00, 0); /* of a command's bytes */
    reset(f);
    dma(f, 0x46, 1024);
    out(f, 0x0a, 0x06);
    send(f, 0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff); /* of a transfer that waits for the 8237 */
    g_assert_cmphex(in(f, MSR), ==, 0x10);
    g_assert_cmphex(in(f, 0x08) & 0x40, ==, 0x40);
    reset(f);
    g_assert_cmphex(in(f, 0x08) & 0x40, ==, 0);
    send(f, 0x4a, 0x00); /* of result bytes */
    g_assert_cmphex(result(f), ==, 0);
    reset(f);
    g_assert_cmphex(in(f, MSR), ==, 0x80);
}

/* INT and DRQ pass the gate in DOR: what it holds back is not lost. */
static void
test_gate(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    out(f, DOR, 0x10);
    out(f, DOR, 0x14);
    g_assert_cmpint(f->irq->level, ==, 0);
    g_assert_cmphex(in(f, BASE) & 0x80, ==, 0);
    out(f, DOR, 0x1c);
    g_assert_cmpint(f->irq->level, ==, 1);
    g_assert_cmphex(in(f, BASE) & 0x80, ==, 0x80);
    reset(f);
    dma(f, 0x46, 512);
    out(f, 0x0a, 0x06);
    send(f, 0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    out(f, DOR, 0x14);
    g_assert_cmphex(in(f, 0x08) & 0x40, ==, 0);
    out(f, 0x0a, 0x02);
    settle(f);
    out(f, DOR, 0x1c);
    settle(f);
    expect(f, 0, 0, 0, 0, 0, 2, 2);
    assert_memory(f, 0, 0, 512);
}

/* ---- seeks ------------------------------------------------------------------------------------------------ */

static void
test_seek(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, 0x04, 0x00);
    expect(f, 0x38);
    g_assert_cmphex(in(f, BASE) & 0x10, ==, 0);
    send(f, 0x0f, 0x04, 5); /* the head's number does not come back */
    g_assert_cmpint(f->irq->level, ==, 1);
    g_assert_cmphex(in(f, MSR), ==, 0x80);
    sense(f, 0x20, 5);
    g_assert_cmpint(f->irq->level, ==, 0);
    send(f, 0x04, 0x04);
    expect(f, 0x2c);
    g_assert_cmphex(in(f, BASE) & 0x10, ==, 0x10);
    send(f, 0xcf, 0x00, 3); /* RELATIVE SEEK in */
    sense(f, 0x20, 8);
    send(f, 0x8f, 0x00, 2); /* and out */
    sense(f, 0x20, 6);
    send(f, 0x4a, 0x00);
    expect(f, 0, 0, 0, 6, 0, 1, 2);
    send(f, 0x07, 0x00);
    sense(f, 0x20, 0);
    /* The counter goes on where the head cannot; 79 pulses do not bring it back from there. */
    seek(f, 100);
    send(f, 0x07, 0x00);
    sense(f, 0x70, 0);
    send(f, 0x07, 0x00);
    sense(f, 0x20, 0);
}

/* Nobody hears pulses on an empty cable; track 0 never comes. */
static void
test_seek_without_drive(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, 0x0f, 0x01, 5);
    sense(f, 0x21, 5);
    send(f, 0x07, 0x01);
    sense(f, 0x71, 0);
    send(f, 0x04, 0x01);
    expect(f, 0x29);
    /* Two seeks, told in turn. */
    send(f, 0x0f, 0x02, 9);
    send(f, 0x0f, 0x00, 4);
    sense(f, 0x20, 4);
    sense(f, 0x22, 9);
    send(f, 0x08);
    expect(f, 0x80);
}

/* After a reset the chip counts from 0, wherever the head is. */
static void
test_seek_after_reset(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    seek(f, 10);
    reset(f);
    seek(f, 3);
    send(f, 0x4a, 0x00);
    expect(f, 0, 0, 0, 13, 0, 1, 2);
}

/* ---- reading by DMA: what the result bytes say ----------------------------------------------------------------- */

static void
test_dma_read(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    seek(f, 1);
    dma(f, 0x46, 1024);
    send(f, 0x46, 0x00, 1, 0, 2, 2, 18, 0x1b, 0xff);
    g_assert_cmpint(f->irq->level, ==, 1);
    expect(f, 0, 0, 0, 1, 0, 4, 2);
    g_assert_cmpint(f->irq->level, ==, 0);
    assert_memory(f, 0, 37, 1024);
}

/* Datasheet, table 5-6: the ID after the last sector, as terminal count finds it. */
static void
test_result_table(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const struct {
        uint8_t multi_track, side, record, c, h, r;
    } rows[] = {
        {0, 0, 4, 2, 0, 5}, {0, 0, 9, 3, 0, 1}, {0, 1, 4, 2, 1, 5}, {0, 1, 9, 3, 1, 1},
        {1, 0, 4, 2, 0, 5}, {1, 0, 9, 2, 1, 1}, {1, 1, 4, 2, 1, 5}, {1, 1, 9, 3, 0, 1},
    };

    reset(f);
    seek(f, 2);
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint8_t select = rows[i].side << 2;

        dma(f, 0x46, 512);
        send(f, 0x46 | rows[i].multi_track << 7, select, 2, rows[i].side, rows[i].record, 2, 9, 0x1b, 0xff);
        expect(f, select, 0, 0, rows[i].c, rows[i].h, rows[i].r, 2);
        assert_memory(f, 0, (2 * 2 + rows[i].side) * 18 + rows[i].record - 1, 512);
    }
    /* Multi-track goes on on the other side, and ends there. */
    dma(f, 0x46, 4096);
    send(f, 0xc6, 0x00, 2, 0, 17, 2, 18, 0x1b, 0xff);
    g_assert_cmphex(in(f, MSR), ==, 0xd0);
    expect(f, 0x04, 0, 0, 2, 1, 7, 2);
    assert_memory(f, 0, 2 * 36 + 16, 4096);
    /* No terminal count: end of cylinder. */
    dma(f, 0x46, 4096);
    send(f, 0xc6, 0x04, 2, 1, 17, 2, 18, 0x1b, 0xff);
    expect(f, 0x44, 0x80, 0, 2, 1, 18, 2); /* the last one, not the next one */
    /* In the middle of a sector: it counts as read. */
    dma(f, 0x46, 100);
    send(f, 0x46, 0x00, 2, 0, 3, 2, 18, 0x1b, 0xff);
    expect(f, 0, 0, 0, 2, 0, 4, 2);
    assert_memory(f, 0, 74, 100);
    /* The 8237 only verifies: memory stays. */
    fill_memory(f, 0x77, 512);
    dma(f, 0x42, 512);
    send(f, 0x46, 0x00, 2, 0, 3, 2, 18, 0x1b, 0xff);
    expect(f, 0, 0, 0, 2, 0, 4, 2);
    g_assert_cmphex(emu_test_read(f->m, MEMORY, 1), ==, 0x77);
}

static void
test_not_found(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    dma(f, 0x46, 512);
    send(f, 0x46, 0x00, 0, 0, 19, 2, 19, 0x1b, 0xff); /* no such sector */
    expect(f, 0x40, 0x04, 0, 0, 0, 19, 2);
    send(f, 0x46, 0x00, 0, 0, 0, 2, 18, 0x1b, 0xff);
    expect(f, 0x40, 0x04, 0, 0, 0, 0, 2);
    send(f, 0x46, 0x00, 0, 0, 1, 3, 18, 0x1b, 0xff); /* of 1024 bytes */
    expect(f, 0x40, 0x04, 0, 0, 0, 1, 3);
    send(f, 0x46, 0x04, 0, 0, 1, 2, 18, 0x1b, 0xff); /* the ID of the other side */
    expect(f, 0x44, 0x04, 0, 0, 0, 1, 2);
    send(f, 0x46, 0x00, 1, 0, 1, 2, 18, 0x1b, 0xff); /* another track */
    expect(f, 0x40, 0x04, 0x10, 1, 0, 1, 2);
    send(f, 0x06, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff); /* FM on a disk that is MFM: no address marks */
    expect(f, 0x40, 0x01, 0, 0, 0, 1, 2);
    send(f, 0x0a, 0x00);
    g_assert_cmphex(result(f), ==, 0x40);
    g_assert_cmphex(result(f), ==, 0x01);
    reset(f);
    out(f, DIR, 2); /* another rate */
    send(f, 0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    expect(f, 0x40, 0x01, 0, 0, 0, 1, 2);
    out(f, MSR, 0); /* the other register with a rate */
    send(f, 0x46, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    expect(f, 0, 0, 0, 0, 0, 2, 2);
    seek(f, 81);    /* beyond the formatted tracks */
    send(f, 0x46, 0x00, 81, 0, 1, 2, 18, 0x1b, 0xff);
    expect(f, 0x40, 0x01, 0, 81, 0, 1, 2);
    send(f, 0x46, 0x01, 0, 0, 1, 2, 18, 0x1b, 0xff); /* no drive there; there is no READY pin */
    expect(f, 0x41, 0x01, 0, 0, 0, 1, 2);
}

static void
test_implied_seek(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, 0x13, 0, 0x60, 0);
    dma(f, 0x46, 512);
    send(f, 0x46, 0x04, 12, 1, 3, 2, 18, 0x1b, 0xff);
    expect(f, 0x04, 0, 0, 12, 1, 4, 2);
    assert_memory(f, 0, 12 * 36 + 18 + 2, 512);
    send(f, 0x08); /* which is no seek to be sensed */
    expect(f, 0x80);
    send(f, 0x4a, 0x00);
    expect(f, 0, 0, 0, 12, 0, 1, 2);
}

static void
test_read_track(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    dma(f, 0x46, 1024);
    send(f, 0x42, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    expect(f, 0, 0, 0, 0, 0, 3, 2);
    assert_memory(f, 0, 0, 1024);
    /* From the index hole on, whatever ID was asked for: that it is another is told in the end. */
    dma(f, 0x46, 1024);
    send(f, 0x42, 0x00, 0, 0, 5, 2, 18, 0x1b, 0xff);
    expect(f, 0, 0x04, 0, 0, 0, 7, 2);
    assert_memory(f, 0, 0, 1024);
    /* EOT is a number of sectors; the track goes round. */
    dma(f, 0x46, 20 * 512);
    send(f, 0x42, 0x00, 0, 0, 1, 2, 19, 0x1b, 0xff);
    expect(f, 0x40, 0x84, 0, 0, 0, 19, 2);
    assert_memory(f, 17 * 512, 17, 512);
    assert_memory(f, 18 * 512, 0, 512);
}

static void
test_read_id(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    seek(f, 79);
    for (unsigned i = 0; i < 19; i++) {
        send(f, 0x4a, 0x04);
        expect(f, 0x04, 0, 0, 79, 1, i % 18 + 1, 2);
    }
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static void
test_dma_write(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    fill_memory(f, 0x5a, 1024);
    dma(f, 0x4a, 600); /* the rest of the second sector is zeroes */
    send(f, 0x45, 0x00, 0, 0, 18, 2, 19, 0x1b, 0xff);
    expect(f, 0x40, 0x04, 0, 0, 0, 19, 2);
    dma(f, 0x4a, 600);
    send(f, 0xc5, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    expect(f, 0x04, 0, 0, 0, 1, 2, 2);
    dma(f, 0x46, 1024);
    send(f, 0xc6, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    expect(f, 0x04, 0, 0, 0, 1, 2, 2);
    for (unsigned i = 0; i < 1024; i++) {
        g_assert_cmphex(emu_test_read(f->m, MEMORY + i, 1), ==, i < 600 ? 0x5a : 0);
    }
}

static void
test_write_protected(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    g_assert_cmphex(in(f, BASE) & 0x02, ==, 0);
    send(f, 0x04, 0x00);
    expect(f, 0x78);
    dma(f, 0x4a, 512);
    send(f, 0x45, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    expect(f, 0x40, 0x02, 0, 0, 0, 1, 2);
    send(f, 0x4d, 0x00, 2, 18, 0x1b, 0xe5);
    g_assert_cmphex(result(f), ==, 0x40);
    g_assert_cmphex(result(f), ==, 0x02);
}

/* Tables 5-4 and 5-5: a sector with the other kind of mark is the last one, or is skipped. */
static void
test_deleted_data(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    reset(f);
    fill_memory(f, 0xdd, 512);
    dma(f, 0x4a, 512);
    send(f, 0x49, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff); /* WRITE DELETED DATA */
    expect(f, 0, 0, 0, 0, 0, 4, 2);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    for (unsigned round = 0; round < 2; round++) {
        dma(f, 0x46, 1536);
        send(f, 0x46, 0x00, 0, 0, 2, 2, 18, 0x1b, 0xff);
        expect(f, 0, 0, 0x40, 0, 0, 3, 2); /* the deleted one was read, its address stays */
        g_assert_cmphex(emu_test_read(f->m, MEMORY + 512, 1), ==, 0xdd);
        dma(f, 0x46, 1024);
        send(f, 0x66, 0x00, 0, 0, 2, 2, 18, 0x1b, 0xff);
        expect(f, 0, 0, 0x40, 0, 0, 5, 2); /* skipped */
        assert_memory(f, 0, 1, 512);
        assert_memory(f, 512, 3, 512);
        dma(f, 0x46, 1024);
        send(f, 0x4c, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff); /* READ DELETED DATA */
        expect(f, 0, 0, 0x40, 0, 0, 4, 2);
        dma(f, 0x46, 512);
        send(f, 0x6c, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
        expect(f, 0, 0, 0x40, 0, 0, 4, 2); /* only the deleted one */
        g_assert_cmphex(emu_test_read(f->m, MEMORY, 1), ==, 0xdd);
        if (round == 0) {
            dma(f, 0x4a, 512);
            send(f, 0x45, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff); /* an ordinary mark again */
            expect(f, 0, 0, 0, 0, 0, 4, 2);
            dma(f, 0x46, 512);
            send(f, 0x46, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff);
            expect(f, 0, 0, 0, 0, 0, 4, 2);
            emu_test_load(f->m, state, &error);
            g_assert_no_error(error);
        }
    }
}

static void
test_format(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    seek(f, 3);
    /* Interleaved: sectors in any order. */
    for (unsigned i = 0; i < 18; i++) {
        uint8_t id[4] = {3, 1, i * 7 % 18 + 1, 2};

        emu_test_write_memory(f->m, MEMORY + 4 * i, id, 4);
    }
    dma(f, 0x4a, 18 * 4);
    send(f, 0x4d, 0x04, 2, 18, 0x1b, 0xe5);
    g_assert_cmphex(result(f), ==, 0x04);
    g_assert_cmphex(result(f), ==, 0);
    g_assert_cmphex(result(f), ==, 0);
    for (unsigned i = 0; i < 4; i++) {
        result(f);
    }
    send(f, 0x0e); /* SC stands where EOT does after a read */
    expect(f, 3, 0, 0, 0, 0xaf, 2, 18, 0, 0x20, 0);
    dma(f, 0x46, 18 * 512);
    send(f, 0x46, 0x04, 3, 1, 1, 2, 18, 0x1b, 0xff);
    expect(f, 0x04, 0, 0, 4, 1, 1, 2);
    for (unsigned i = 0; i < 18 * 512; i++) {
        g_assert_cmphex(emu_test_read(f->m, MEMORY + i, 1), ==, 0xe5);
    }
    dma(f, 0x46, 512);
    send(f, 0x46, 0x00, 3, 0, 18, 2, 18, 0x1b, 0xff); /* the other side is as it was */
    expect(f, 0, 0, 0, 4, 0, 1, 2);
    assert_memory(f, 0, 3 * 36 + 17, 512);
    /* Terminal count in the middle of an ID: that one is not written. */
    dma(f, 0x4a, 6);
    send(f, 0x4d, 0x00, 2, 18, 0x1b, 0xe5);
    g_assert_cmphex(result(f) & 0xc0, ==, 0x40); /* the first ID is of the other side: the image has no room for it */
    reset(f);
}

/* ---- VERIFY, SCAN ---------------------------------------------------------------------------------------------------- */

/* Table 5-7. No data moves: the 8237 is not asked. */
static void
test_verify(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    out(f, 0x0a, 0x06);
    send(f, 0x56, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff); /* to EOT */
    expect(f, 0, 0, 0, 1, 0, 1, 2);
    send(f, 0xd6, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff); /* to that of the other side */
    expect(f, 0x04, 0, 0, 1, 0, 1, 2);
    send(f, 0x56, 0x80, 0, 0, 3, 2, 18, 0x1b, 4); /* EC: four sectors */
    expect(f, 0, 0, 0, 0, 0, 7, 2);
    send(f, 0xd6, 0x80, 0, 0, 17, 2, 18, 0x1b, 20);
    expect(f, 0x04, 0, 0, 1, 0, 1, 2);
    send(f, 0x56, 0x80, 0, 0, 17, 2, 18, 0x1b, 3); /* more than are left */
    expect(f, 0x40, 0x80, 0, 0, 0, 18, 2);
    send(f, 0x56, 0x00, 0, 0, 17, 2, 20, 0x1b, 0xff); /* more than there are */
    expect(f, 0x40, 0x04, 0, 0, 0, 19, 2);
    send(f, 0x03, 0xaf, 3); /* nor without DMA */
    send(f, 0x56, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    expect(f, 0, 0, 0, 1, 0, 1, 2);
}

static void
test_scan(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const struct {
        uint8_t command, byte, st2, record;
    } cases[] = {
        {0x51, 0x6e, 0x08, 3}, {0x51, 0x01, 0x04, 0}, /* equal to the third, to none */
        {0x59, 0x6e, 0x00, 1}, {0x59, 0x69, 0x04, 0}, /* the first is lower; none is */
        {0x5d, 0x6b, 0x08, 1}, {0x5d, 0x6c, 0x00, 3}, {0x5d, 0xf0, 0x04, 0},
        {0x51, 0xff, 0x08, 1}, /* a mask */
    };

    reset(f);
    /* Sectors 1 to 5: 6b, 6b, 6e, 6e, 6e in all bytes. */
    for (unsigned i = 0; i < 5; i++) {
        fill_memory(f, i < 2 ? 0x6b : 0x6e, 512);
        dma(f, 0x4a, 512);
        send(f, 0x45, 0x00, 0, 0, i + 1, 2, 18, 0x1b, 0xff);
        expect(f, 0, 0, 0, 0, 0, i + 2, 2);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        fill_memory(f, cases[i].byte, 5 * 512);
        dma(f, 0x4a, 6 * 512);
        send(f, cases[i].command, 0x00, 0, 0, 1, 2, 5, 0x1b, 1);
        g_assert_cmphex(result(f), ==, 0);
        g_assert_cmphex(result(f), ==, 0);
        g_assert_cmphex(result(f), ==, cases[i].st2);
        result(f);
        result(f);
        g_assert_cmpuint(result(f), ==, cases[i].record ? cases[i].record : 1);
        result(f);
    }
    /* Every other sector: 2 and 4. */
    fill_memory(f, 0x6e, 5 * 512);
    dma(f, 0x4a, 5 * 512);
    send(f, 0x51, 0x00, 0, 0, 2, 2, 5, 0x1b, 2);
    expect(f, 0, 0, 0x08, 0, 0, 4, 2);
}

/* ---- without DMA --------------------------------------------------------------------------------------------------------- */

/* One interrupt per byte with the FIFO off; per burst with it on. A driver without TC ends at EOT: end of cylinder. */
static void
test_pio_read(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const struct {
        uint8_t config;
        unsigned interrupts;
    } cases[] = {{0x20, 512}, {0x00, 35}, {0x07, 64}, {0x0e, 512}, {0x0f, 512}};

    reset(f);
    send(f, 0x03, 0xaf, 3);
    for (unsigned c = 0; c < G_N_ELEMENTS(cases); c++) {
        unsigned rises;

        send(f, 0x13, 0, cases[c].config, 0);
        rises = f->irq->rises;
        send(f, 0x46, 0x00, 0, 0, 17, 2, 18, 0x1b, 0xff);
        for (unsigned i = 0; i < 1024; i++) {
            g_assert_cmpint(f->irq->level, ==, 1);
            g_assert_cmphex(in(f, MSR), ==, 0xf0);
            g_assert_cmphex(in(f, FIFO), ==, pattern(16 * 512 + i));
            if (i == 511) {
                g_assert_cmphex(in(f, MSR), ==, 0x30); /* the next one is on its way */
                g_assert_cmpint(f->irq->level, ==, 0);
                g_assert_cmpuint(f->irq->rises - rises, ==, cases[c].interrupts);
                emu_test_advance(f->m, 3000000);
                settle(f);
            }
        }
        /* As long as the handler has not seen that there is nothing more, nothing comes: it would be taken for what it looks for. */
        emu_test_advance(f->m, 30000000);
        g_assert_cmphex(in(f, MSR), ==, 0x30);
        emu_test_advance(f->m, 1500000);
        g_assert_cmphex(in(f, MSR), ==, 0x30);
        emu_test_advance(f->m, 1500000);
        g_assert_cmphex(in(f, MSR), ==, 0x30);
        emu_test_advance(f->m, 3000000);
        g_assert_cmpuint(f->irq->rises - rises, ==, 2 * cases[c].interrupts + 1);
        expect(f, 0x40, 0x80, 0, 0, 0, 18, 2);
    }
}

static void
test_pio_write(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, 0x03, 0xaf, 3);
    send(f, 0x45, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(in(f, MSR), ==, 0xb0);
        g_assert_cmpint(f->irq->level, ==, 1);
        out(f, FIFO, 0x30 + i % 7);
    }
    settle(f);
    g_assert_cmphex(in(f, MSR), ==, 0x30); /* the handler can leave before the result asks */
    g_assert_cmpint(f->irq->level, ==, 0);
    emu_test_advance(f->m, 3000000);
    g_assert_cmpint(f->irq->level, ==, 1);
    expect(f, 0x40, 0x80, 0, 0, 0, 18, 2);
    send(f, 0x46, 0x00, 0, 0, 18, 2, 18, 0x1b, 0xff);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(in(f, FIFO), ==, 0x30 + i % 7);
    }
    emu_test_advance(f->m, 60000000); /* it ends for who does not look, too */
    expect(f, 0x40, 0x80, 0, 0, 0, 18, 2);
}

/* A driver that wants no more than it has read leaves the rest: overrun, at the sector that was not taken. */
static void
test_overrun(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    unsigned rises;

    reset(f);
    send(f, 0x03, 0xaf, 3);
    send(f, 0x46, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(in(f, FIFO), ==, pattern(1024 + i));
        emu_test_advance(f->m, 1000000); /* slow, but at it */
    }
    in(f, MSR);
    emu_test_advance(f->m, 3000000);
    settle(f);
    rises = f->irq->rises;
    g_assert_cmphex(in(f, MSR), ==, 0xf0);
    emu_test_advance(f->m, 100000000);
    g_assert_cmpuint(f->irq->rises, ==, rises + 1); /* it was up: an edge all the same */
    expect(f, 0x40, 0x10, 0, 0, 0, 4, 2);
    send(f, 0x45, 0x00, 0, 0, 3, 2, 18, 0x1b, 0xff);
    for (unsigned i = 0; i < 100; i++) {
        out(f, FIFO, 0);
    }
    emu_test_advance(f->m, 100000000);
    expect(f, 0x40, 0x10, 0, 0, 0, 3, 2);
    send(f, 0x46, 0x00, 0, 0, 3, 2, 3, 0x1b, 0xff);
    g_assert_cmphex(in(f, FIFO), ==, pattern(1024)); /* nothing was written */
}

/* ---- set-up commands --------------------------------------------------------------------------------------------------------- */

static void
test_save_and_restore(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, 0x13, 0, 0x4a, 0x22);
    send(f, 0x12, 0x95);
    send(f, 0x0f, 0x02, 9);
    sense(f, 0x22, 9);
    send(f, 0x2e);
    expect(f, 0, 0, 0, 0, 9, 0, 0xaf, 2, 0, 0x15, 0x4a, 0x22, 0, 0, 0, 0);
    reset(f);
    send(f, 0x4e, 0, 0, 1, 2, 3, 4, 0xdf, 3, 5, 0x95, 0x2b, 0x33, 0, 0, 0, 0);
    send(f, 0x0e);
    expect(f, 1, 2, 3, 4, 0xdf, 3, 5, 0x95, 0x2b, 0x33);
}

static void
test_drive_specification(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    send(f, 0x8e, 0x09, 0x2a, 0xc0); /* two drives, no result wanted */
    g_assert_cmphex(in(f, MSR), ==, 0x80);
    send(f, 0x8e, 0x64, 0x80);
    expect(f, 0x09, 0x0a, 0, 0x04);
    send(f, 0x8e, 0, 0, 0, 0, 0); /* there are no five drives */
    expect(f, 0x80);
    send(f, 0x33, 0x00);
    g_assert_cmphex(in(f, MSR), ==, 0x80);
    send(f, 0x17, 0x02);
    expect(f, 0x02);
}

static void
test_invalid(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const uint8_t invalid[] = {0x00, 0x01, 0x0b, 0x15, 0x1f, 0x27, 0x65, 0x6d, 0x8f ^ 0x20, 0x90, 0x93, 0xff};

    reset(f);
    for (unsigned i = 0; i < G_N_ELEMENTS(invalid); i++) {
        send(f, invalid[i]);
        expect(f, 0x80);
    }
    g_assert_cmpint(f->irq->level, ==, 0);
}

/* ---- drives and media -------------------------------------------------------------------------------------------------------------- */

static void
test_disk_change(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    out(f, DOR, 0x0c);
    g_assert_cmphex(in(f, DIR), ==, 0x80); /* new at power-on; the motor has nothing to do with it */
    reset(f);
    send(f, 0x07, 0x00);
    sense(f, 0x20, 0);
    g_assert_cmphex(in(f, DIR), ==, 0x80); /* no pulse was needed */
    seek(f, 0);
    g_assert_cmphex(in(f, DIR), ==, 0x80);
    seek(f, 1);
    g_assert_cmphex(in(f, DIR), ==, 0x00);
    out(f, DOR, 0x1d); /* nobody there */
    g_assert_cmphex(in(f, DIR), ==, 0x00);
}

static void
test_empty_drive(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    reset(f);
    seek(f, 2);
    send(f, 0x07, 0x00);
    sense(f, 0x20, 0); /* the drive is there, with its track 0 */
    g_assert_cmphex(in(f, DIR), ==, 0x80); /* pulses do not end it */
    send(f, 0x04, 0x00);
    expect(f, 0x38);
    send(f, 0x4a, 0x00);
    g_assert_cmphex(result(f), ==, 0x40);
    g_assert_cmphex(result(f), ==, 0x01);
    reset(f);
    send(f, 0x45, 0x00, 0, 0, 1, 2, 18, 0x1b, 0xff);
    expect(f, 0x40, 0x01, 0, 0, 0, 1, 2);
}

static void
test_two_drives(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(in(f, BASE) & 0x40, ==, 0); /* SRA: a second drive */
    reset(f);
    out(f, DOR, 0x3d);
    g_assert_cmphex(in(f, BASE + 1), ==, 0xe3);
    send(f, 0x0f, 0x01, 4);
    sense(f, 0x21, 4);
    g_assert_cmphex(in(f, DIR), ==, 0x00);
    out(f, DOR, 0x3c);
    g_assert_cmphex(in(f, DIR), ==, 0x80); /* each its own */
    fill_memory(f, 0x99, 512);
    dma(f, 0x4a, 512);
    send(f, 0x45, 0x01, 4, 0, 1, 2, 18, 0x1b, 0xff);
    expect(f, 0x01, 0, 0, 4, 0, 2, 2);
    send(f, 0x0f, 0x00, 4);
    sense(f, 0x20, 4);
    for (unsigned unit = 0; unit < 2; unit++) {
        dma(f, 0x46, 512);
        send(f, 0x46, unit, 4, 0, 1, 2, 18, 0x1b, 0xff);
        expect(f, unit, 0, 0, 4, 0, 2, 2);
        if (unit) {
            g_assert_cmphex(emu_test_read(f->m, MEMORY, 1), ==, 0x99);
        } else {
            assert_memory(f, 0, 4 * 36, 512);
        }
    }
}

static const struct {
    unsigned kib, tracks, sides, per_track, rate, cmos;
} formats[] = {
    {160, 40, 1, 8, 2, 1},   {180, 40, 1, 9, 2, 1},   {320, 40, 2, 8, 2, 1},   {360, 40, 2, 9, 2, 1},   {720, 80, 2, 9, 2, 3},
    {800, 80, 2, 10, 2, 3},  {820, 82, 2, 10, 2, 3},  {1200, 80, 2, 15, 0, 2}, {1440, 80, 2, 18, 0, 4}, {1600, 80, 2, 20, 0, 4},
    {1680, 80, 2, 21, 0, 4}, {1722, 82, 2, 21, 0, 4}, {1840, 80, 2, 23, 0, 4}, {1920, 80, 2, 24, 0, 4}, {2880, 80, 2, 36, 3, 5},
    {3840, 80, 2, 48, 3, 5},
};

/* The last sector of each kind of disk is where it should be, and nothing is behind it. */
static void
test_formats(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
        Fixture f = {0};
        uint8_t track = formats[i].tracks - 1, side = formats[i].sides - 1, last = formats[i].per_track, select = side << 2;

        set_up_with(&f, formats[i].kib * KIB, 0);
        out(&f, 0x70, 0x10); /* the drive that firmware hears of */
        g_assert_cmphex(in(&f, 0x71) >> 4, ==, formats[i].cmos);
        reset(&f);
        for (unsigned rate = 0; rate < 4; rate++) {
            out(&f, DIR, rate);
            send(&f, 0x4a, 0x00);
            g_assert_cmphex(result(&f), ==, rate == formats[i].rate ? 0 : 0x40);
            for (unsigned j = 0; j < 6; j++) {
                result(&f);
            }
        }
        out(&f, DIR, formats[i].rate);
        seek(&f, track);
        dma(&f, 0x46, 512);
        send(&f, 0x46, select, track, side, last, 2, last, 0x1b, 0xff);
        expect(&f, select, 0, 0, track + 1, side, 1, 2);
        assert_memory(&f, 0, formats[i].kib * 2 - 1, 512);
        send(&f, 0x46, select, track, side, last + 1, 2, last + 1, 0x1b, 0xff);
        g_assert_cmphex(result(&f), ==, 0x40 | select);
        g_assert_cmphex(result(&f), ==, 0x04);
        reset(&f);
        if (formats[i].sides == 1) {
            send(&f, 0x4a, 0x04);
            g_assert_cmphex(result(&f), ==, 0x44);
            g_assert_cmphex(result(&f), ==, 0x01);
        }
        tear_down(&f, NULL);
    }
}

/* An image of no known size is the beginning of a disk; what it does not have is not found. */
static void
test_odd_sizes(void)
{
    static const struct {
        unsigned bytes, per_track, rate, sectors;
    } cases[] = {{512, 18, 0, 1}, {1000, 18, 0, 2}, {100 * KIB, 18, 0, 200}, {1440 * KIB + 512, 36, 3, 2881}, {4000 * KIB, 36, 3, 5760}};

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fixture f = {0};
        unsigned last = cases[i].sectors - 1, track = last / (2 * cases[i].per_track), side = last / cases[i].per_track % 2,
                 record = last % cases[i].per_track + 1;

        set_up_with(&f, cases[i].bytes, 0);
        reset(&f);
        out(&f, DIR, cases[i].rate);
        seek(&f, track);
        dma(&f, 0x46, 1024);
        send(&f, 0x46, side << 2, track, side, record, 2, cases[i].per_track + 1, 0x1b, 0xff);
        expect(&f, 0x40 | side << 2, 0x04, 0, track, side, record + 1, 2);
        assert_memory(&f, 0, last, MIN(512, cases[i].bytes - last * 512));
        tear_down(&f, NULL);
    }
}

/* ---- saved state ---------------------------------------------------------------------------------------------------------------------- */

static void
save_and_load(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = emu_test_save(f->m, &error);

    g_assert_no_error(error);
    emu_test_reset(f->m);
    emu_test_load(f->m, state, &error);
    g_assert_no_error(error);
}

/* Before each access of commands of every kind the machine is another that got the state: nobody notices. */
static void
test_state_in_every_phase(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const uint8_t commands[][10] = {
        {9, 0xc6, 0x00, 2, 0, 2, 2, 2, 0x1b, 0xff},  {9, 0x45, 0x04, 2, 1, 18, 2, 18, 0x1b, 0xff}, {9, 0xd6, 0x80, 2, 0, 17, 2, 18, 0x1b, 5},
        {9, 0x51, 0x00, 2, 0, 17, 2, 18, 0x1b, 1},    {9, 0x42, 0x00, 2, 0, 1, 2, 3, 0x1b, 0xff},   {2, 0x4a, 0x00},
        {1, 0x0e},                                    {3, 0x0f, 0x00, 7},                           {1, 0x08},
        {3, 0x8e, 0x09, 0x80},
    };

    for (unsigned no_dma = 0; no_dma < 2; no_dma++) {
        reset(f);
        seek(f, 2);
        send(f, 0x03, 0xaf, 2 | no_dma);
        send(f, 0x13, 0, 0x0c, 0); /* bursts of three */
        for (unsigned c = 0; c < G_N_ELEMENTS(commands); c++) {
            GString *seen[2] = {g_string_new(NULL), g_string_new(NULL)};
            g_autoptr(GError) error = NULL;
            g_autoptr(GBytes) start = emu_test_save(f->m, &error);

            g_assert_no_error(error);
            for (unsigned round = 0; round < 2; round++) {
                emu_test_load(f->m, start, &error);
                g_assert_no_error(error);
                dma(f, commands[c][1] == 0x45 || commands[c][1] == 0x51 ? 0x4a : 0x46, 1024);
                for (unsigned i = 0; i < 2000; i++) {
                    uint8_t msr;

                    if (round && (i < 40 || i % 37 == 0)) {
                        save_and_load(f);
                    }
                    if (i >= commands[c][0]) {
                        emu_test_advance(f->m, 600000);
                        settle(f);
                    }
                    msr = in(f, MSR);
                    if (i < commands[c][0]) {
                        g_assert_cmphex(msr & 0xc0, ==, 0x80);
                        out(f, FIFO, commands[c][i + 1]);
                    } else if (msr == 0x80) {
                        break;
                    } else if (msr == 0x30) {
                        continue; /* behind a sector */
                    } else if (msr & 0x40) {
                        g_string_append_printf(seen[round], " %02x:%02x", msr, in(f, FIFO));
                    } else {
                        g_assert_cmphex(msr & 0xc0, ==, 0x80);
                        out(f, FIFO, i);
                    }
                }
                g_assert_cmphex(in(f, MSR), ==, 0x80);
            }
            g_assert_cmpstr(seen[0]->str, ==, seen[1]->str);
            g_string_free(seen[0], TRUE);
            g_string_free(seen[1], TRUE);
            emu_test_load(f->m, start, &error);
            g_assert_no_error(error);
        }
    }
}

/* ---- hostile ----------------------------------------------------------------------------------------------------------------------------- */

/* CVE-2015-3456: bytes without end after any opcode. */
static void
test_bytes_without_end(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        reset(f);
        for (unsigned i = 0; i < 600; i++) {
            out(f, FIFO, i ? 0x8e + i * opcode : opcode);
        }
        for (unsigned i = 0; i < 600; i++) {
            in(f, FIFO);
        }
        emu_test_settle(f->m);
    }
    reset(f);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD_WITH(flags, path, fn) g_test_add("/fdc/" path, Fixture, GUINT_TO_POINTER(flags), set_up, fn, tear_down)
#define ADD(path, fn) ADD_WITH(0, path, fn)
    ADD("reset/four-drives-report", test_version_and_reset);
    ADD("reset/what-stays", test_reset_and_lock);
    ADD("reset/something-newer-to-say", test_reset_without_senses);
    ADD("reset/in-the-middle", test_reset_in_the_middle);
    ADD("gate/holds-back", test_gate);
    ADD("seek/counter-and-head", test_seek);
    ADD("seek/without-drive", test_seek_without_drive);
    ADD("seek/after-reset", test_seek_after_reset);
    ADD("read/by-dma-across-sectors", test_dma_read);
    ADD("read/result-table", test_result_table);
    ADD("read/not-found", test_not_found);
    ADD("read/implied-seek", test_implied_seek);
    ADD("read/track", test_read_track);
    ADD("read/id", test_read_id);
    ADD("write/by-dma", test_dma_write);
    ADD_WITH(READ_ONLY, "write/protected", test_write_protected);
    ADD("deleted-data", test_deleted_data);
    ADD("format", test_format);
    ADD("verify", test_verify);
    ADD("scan", test_scan);
    ADD("pio/read", test_pio_read);
    ADD("pio/write", test_pio_write);
    ADD("pio/overrun", test_overrun);
    ADD("commands/save-and-restore", test_save_and_restore);
    ADD("commands/drive-specification", test_drive_specification);
    ADD("commands/invalid", test_invalid);
    ADD("drives/disk-change", test_disk_change);
    ADD_WITH(EMPTY, "drives/empty", test_empty_drive);
    ADD_WITH(TWO_DRIVES, "drives/two", test_two_drives);
    g_test_add_func("/fdc/media/formats", test_formats);
    g_test_add_func("/fdc/media/odd-sizes", test_odd_sizes);
    ADD("state/in-every-phase", test_state_in_every_phase);
    ADD("hostile/bytes-without-end", test_bytes_without_end);
    return g_test_run();
}
