/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test-kit.h>

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define CMD 0x1f0
#define SECTORS 64u

typedef struct {
    EmuMachine *m;
    char *path;
    uint16_t bm; /* bus master ports */
} Fixture;

static void
set_up(Fixture *f, gconstpointer drives)
{
    g_autoptr(GError) error = NULL;
    uint8_t image[SECTORS * 512];
    int fd = g_file_open_tmp("test-ide-XXXXXX", &f->path, &error);

    g_assert_no_error(error);
    for (unsigned i = 0; i < sizeof(image); i++) {
        image[i] = i / 512 + i;
    }
    g_assert_cmpint(write(fd, image, sizeof(image)), ==, sizeof(image));
    close(fd);
    f->m = emu_test_machine_new_unbuilt("pc", &error);
    g_assert_no_error(error);
    for (unsigned i = 0; i < GPOINTER_TO_UINT(drives); i++) {
        g_autofree char *drive = g_strdup_printf("file=%s,format=raw,if=ide,index=%u,snapshot=%s", f->path, i,
                                                  GPOINTER_TO_UINT(drives) > 1 ? "on" : "off");

        emu_test_add_drive(f->m, drive, &error);
        g_assert_no_error(error);
    }
    emu_test_machine_start(f->m, &error);
    g_assert_no_error(error);
    /* IDE function 00:01.1: I/O and bus master on, BAR 4 at 0xc000. */
    emu_test_out(f->m, 0xcf8, 0x80000920, 4);
    emu_test_out(f->m, 0xcfc, 0xc000, 4);
    emu_test_out(f->m, 0xcf8, 0x80000904, 4);
    emu_test_out(f->m, 0xcfc, 5, 2);
    f->bm = 0xc000;
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
command(Fixture *f, uint8_t opcode, uint32_t lba, uint8_t count)
{
    emu_test_out(f->m, CMD + 2, count, 1);
    emu_test_out(f->m, CMD + 3, lba & 0xff, 1);
    emu_test_out(f->m, CMD + 4, lba >> 8 & 0xff, 1);
    emu_test_out(f->m, CMD + 5, lba >> 16 & 0xff, 1);
    emu_test_out(f->m, CMD + 6, 0xe0 | (lba >> 24 & 15), 1);
    emu_test_out(f->m, CMD + 7, opcode, 1);
    emu_test_settle(f->m);
}

static void
test_identify(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint16_t w[256];

    command(f, 0xec, 0, 0);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x58);
    for (unsigned i = 0; i < 256; i++) {
        w[i] = emu_test_in(f->m, CMD, 2);
    }
    g_assert_cmpuint(w[60] | w[61] << 16, ==, SECTORS);
    g_assert_cmphex(w[27], ==, 'Q' << 8 | 'E');
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x50);
}

static void
test_pio_write_reads_back(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    command(f, 0x30, 5, 1);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x58);
    for (unsigned i = 0; i < 256; i++) {
        emu_test_out(f->m, CMD, 0xa500 + i, 2);
    }
    emu_test_settle(f->m);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x50);
    command(f, 0x20, 4, 2);
    for (unsigned i = 0; i < 512; i++) {
        uint16_t v = emu_test_in(f->m, CMD, 2);

        if (i >= 256) {
            g_assert_cmphex(v, ==, 0xa500 + i - 256);
        }
        emu_test_settle(f->m);
    }
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x50);
}

static void
test_beyond_the_end(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    command(f, 0x20, SECTORS - 1, 2);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1) & 0x89, ==, 0x01);
    g_assert_cmphex(emu_test_in(f->m, CMD + 1, 1) & 0x14, ==, 0x14);
    g_assert_cmphex(emu_test_in(f->m, CMD, 2), ==, 0);
}

static void
test_dma_scatters(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    /* Two descriptors of 256 bytes, the second one last. */
    emu_test_write(f->m, 0x1000, 0x2000, 4);
    emu_test_write(f->m, 0x1004, 256, 4);
    emu_test_write(f->m, 0x1008, 0x3000, 4);
    emu_test_write(f->m, 0x100c, 0x80000000u | 256, 4);
    emu_test_out(f->m, f->bm + 4, 0x1000, 4);
    command(f, 0xc8, 3, 1);
    g_assert_cmphex(emu_test_in(f->m, f->bm + 2, 1) & 4, ==, 0);
    emu_test_out(f->m, f->bm, 0x09, 1);
    emu_test_settle(f->m);
    g_assert_cmphex(emu_test_in(f->m, f->bm + 2, 1) & 5, ==, 4);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x50);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(emu_test_read(f->m, (i < 256 ? 0x2000 : 0x3000 - 256) + i, 1), ==, (uint8_t)(3 + 3 * 512 + i));
    }
}

/* CVE-2023-5088: a reset with a transfer under way must not move it elsewhere. */
static void
test_reset_in_flight(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_out(f->m, CMD + 2, 1, 1);
    emu_test_out(f->m, CMD + 3, 9, 1);
    emu_test_out(f->m, CMD + 6, 0xe0, 1);
    emu_test_out(f->m, CMD + 7, 0x20, 1);
    emu_test_out(f->m, 0x3f6, 4, 1);
    emu_test_out(f->m, 0x3f6, 0, 1);
    emu_test_settle(f->m);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x50);
    g_assert_cmphex(emu_test_in(f->m, CMD + 2, 1), ==, 1);
    g_assert_cmphex(emu_test_in(f->m, CMD + 3, 1), ==, 1);
}

static void
read_words(Fixture *f, uint16_t *w)
{
    for (unsigned i = 0; i < 256; i++) {
        w[i] = emu_test_in(f->m, CMD, 2);
    }
}

static void
smart(Fixture *f, uint8_t feature, uint8_t count, uint8_t sector)
{
    emu_test_out(f->m, CMD + 1, feature, 1);
    command(f, 0xb0, 0xc24f00 | sector, count);
}

/* IDENTIFY says what is on; smartctl reads data and logs, whose bytes add up to 0. */
static void
test_smart(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const struct {
        uint8_t feature, sector;
    } reads[] = {{0xd0, 0}, {0xd1, 0}, {0xd5, 1}, {0xd5, 6}};
    uint16_t w[256];

    command(f, 0xec, 0, 0);
    read_words(f, w);
    g_assert_cmphex(w[85], ==, 0x4021);
    g_assert_cmphex(w[87] & 3, ==, 3);
    for (unsigned n = 0; n < G_N_ELEMENTS(reads); n++) {
        uint8_t sum = 0;

        smart(f, reads[n].feature, 1, reads[n].sector);
        g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x58);
        read_words(f, w);
        for (unsigned i = 0; i < 256; i++) {
            sum += (uint8_t)(w[i] + (w[i] >> 8));
        }
        g_assert_cmphex(sum, ==, 0);
    }
    smart(f, 0xda, 0, 0);
    g_assert_cmphex(emu_test_in(f->m, CMD + 4, 1), ==, 0x4f);
    g_assert_cmphex(emu_test_in(f->m, CMD + 5, 1), ==, 0xc2);
    smart(f, 0xd5, 1, 9); /* no such log */
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1) & 1, ==, 1);
    smart(f, 0xd9, 0, 0);
    smart(f, 0xd0, 1, 0);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1) & 1, ==, 1);
    command(f, 0xec, 0, 0);
    read_words(f, w);
    g_assert_cmphex(w[85], ==, 0x4020);
}

static void
test_power_modes(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint16_t w[256];

    command(f, 0xe5, 0, 0);
    g_assert_cmphex(emu_test_in(f->m, CMD + 2, 1), ==, 0xff);
    command(f, 0xe0, 0, 0);
    command(f, 0xe5, 0, 0);
    g_assert_cmphex(emu_test_in(f->m, CMD + 2, 1), ==, 0x00);
    command(f, 0x20, 0, 1);
    read_words(f, w);
    command(f, 0xe5, 0, 0);
    g_assert_cmphex(emu_test_in(f->m, CMD + 2, 1), ==, 0xff);
}

static void
test_transfer_modes(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const struct {
        uint8_t mode;
        bool ok;
    } modes[] = {{0x00, true},  {0x0c, true}, {0x0d, false}, {0x22, true},  {0x23, false},
                 {0x45, true},  {0x46, false}, {0x10, false}, {0x80, false}};

    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        emu_test_out(f->m, CMD + 1, 0x03, 1);
        command(f, 0xef, 0, modes[i].mode);
        g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1) & 1, ==, !modes[i].ok);
    }
}

/* EXECUTE DEVICE DIAGNOSTIC is for both drives, whichever is selected and there. */
static void
test_diagnostic(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_out(f->m, CMD + 3, 0x77, 1);
    emu_test_out(f->m, CMD + 6, 0xb0, 1); /* the slave, which is absent */
    emu_test_out(f->m, CMD + 7, 0x90, 1);
    emu_test_settle(f->m);
    g_assert_cmphex(emu_test_in(f->m, CMD + 6, 1) & 0x10, ==, 0);
    g_assert_cmphex(emu_test_in(f->m, CMD + 1, 1), ==, 1);
    g_assert_cmphex(emu_test_in(f->m, CMD + 3, 1), ==, 1);
}

/* READ and WRITE MULTIPLE: one DRQ block, one interrupt, for each group; refused when no group size is set. */
static void
test_multiple(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    command(f, 0xc6, 0, 3); /* no power of two */
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1) & 1, ==, 1);
    command(f, 0xc6, 0, 4);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x50);
    command(f, 0xc4, 2, 6);
    for (unsigned i = 0; i < 6 * 256; i++) {
        if (i == 4 * 256) {
            emu_test_settle(f->m);
        }
        g_assert_cmphex(emu_test_in(f->m, 0x3f6, 1) & 0x88, ==, 0x08);
        unsigned at = (2 * 512 + 2 * i), s = at / 512;
        g_assert_cmphex(emu_test_in(f->m, CMD, 2), ==, (uint8_t)(s + at) | (uint8_t)(s + at + 1) << 8);
    }
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x50);
    command(f, 0xc6, 0, 0);
    command(f, 0xc4, 2, 6);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1) & 1, ==, 1);
}

/* 48-bit commands take the registers' previous contents as the high half. */
static void
test_lba48(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint16_t w[256];

    command(f, 0x27, 0, 0);
    g_assert_cmphex(emu_test_in(f->m, CMD + 3, 1), ==, SECTORS - 1);
    emu_test_out(f->m, 0x3f6, 0x80, 1);
    g_assert_cmphex(emu_test_in(f->m, CMD + 3, 1), ==, 0);
    emu_test_out(f->m, 0x3f6, 0, 1);
    for (unsigned reg = 2; reg < 6; reg++) {
        emu_test_out(f->m, CMD + reg, 0, 1);
    }
    command(f, 0x24, 7, 1);
    read_words(f, w);
    g_assert_cmphex(w[0], ==, 7 | 8 << 8);
    emu_test_out(f->m, CMD + 5, 1, 1); /* bit 40: far beyond the end */
    command(f, 0x24, 7, 1);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1) & 1, ==, 1);
}

/* ---- interrupt pending, INTRQ and nIEN (ATA/ATAPI-6, 5.2.9) ---- */

#define CONTROL 0x3f6
#define NIEN 0x02

static EmuTestWatch *
watch_channel(Fixture *f)
{
    return emu_test_watch_line(emu_device_get_line_out(emu_test_find_device(f->m, "piix3-ide"), "irq", 0));
}

static bool
master_saw_interrupt(Fixture *f)
{
    return emu_test_in(f->m, f->bm + 2, 1) & 4;
}

static void
test_nien_holds_back(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(EmuTestWatch) irq = watch_channel(f);

    emu_test_out(f->m, CONTROL, NIEN, 1);
    command(f, 0xec, 0, 0);
    g_assert_cmpint(irq->level, ==, 0);
    g_assert_false(master_saw_interrupt(f));
    g_assert_cmphex(emu_test_in(f->m, CONTROL, 1), ==, 0x58); /* the alternate status takes nothing back */
    emu_test_out(f->m, CONTROL, 0, 1);
    g_assert_cmpint(irq->level, ==, 1);
    g_assert_true(master_saw_interrupt(f));
    /* Held back again, and given again. */
    emu_test_out(f->m, f->bm + 2, 4, 1);
    emu_test_out(f->m, CONTROL, NIEN, 1);
    g_assert_cmpint(irq->level, ==, 0);
    emu_test_out(f->m, CONTROL, 0, 1);
    g_assert_cmpuint(irq->rises, ==, 2);
    g_assert_true(master_saw_interrupt(f));
    emu_test_in(f->m, CMD + 7, 1);
    g_assert_cmpint(irq->level, ==, 0);
}

/* What drivers that poll rely on: who has read the status hears nothing later. */
static void
test_nien_status_acknowledges(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(EmuTestWatch) irq = watch_channel(f);

    emu_test_out(f->m, CONTROL, NIEN, 1);
    command(f, 0xec, 0, 0);
    g_assert_cmphex(emu_test_in(f->m, CMD + 7, 1), ==, 0x58);
    emu_test_out(f->m, CONTROL, 0, 1);
    g_assert_cmpuint(irq->rises, ==, 0);
    g_assert_false(master_saw_interrupt(f));
    /* A new command, and a reset, take back what was pending too. */
    emu_test_out(f->m, CONTROL, NIEN, 1);
    command(f, 0xe7, 0, 0);
    emu_test_out(f->m, CONTROL, NIEN | 4, 1);
    emu_test_out(f->m, CONTROL, 0, 1);
    g_assert_cmpuint(irq->rises, ==, 0);
}

static void
test_nien_of_two_drives(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(EmuTestWatch) irq = watch_channel(f);
    g_autoptr(GError) error = NULL;

    emu_test_out(f->m, CMD + 6, 0xf0, 1); /* the slave */
    emu_test_out(f->m, CMD + 7, 0xec, 1);
    g_assert_cmpint(irq->level, ==, 1);
    emu_test_out(f->m, f->bm + 2, 4, 1);
    emu_test_out(f->m, CMD + 6, 0xe0, 1); /* the master, who wants nothing */
    g_assert_cmpint(irq->level, ==, 0);
    emu_test_in(f->m, CMD + 7, 1); /* his status is none of the slave's business */
    emu_test_out(f->m, CMD + 6, 0xf0, 1);
    g_assert_cmpint(irq->level, ==, 1);
    g_assert_true(master_saw_interrupt(f));
    /* Both pending, held back: each is given when it is selected. */
    emu_test_out(f->m, CONTROL, NIEN, 1);
    emu_test_out(f->m, CMD + 6, 0xe0, 1);
    emu_test_out(f->m, CMD + 7, 0xec, 1);
    emu_test_out(f->m, f->bm + 2, 4, 1);
    emu_test_out(f->m, CONTROL, 0, 1);
    g_assert_cmpint(irq->level, ==, 1);
    emu_test_in(f->m, CMD + 7, 1);
    g_assert_cmpint(irq->level, ==, 0);
    emu_test_out(f->m, CMD + 6, 0xf0, 1);
    g_assert_cmpint(irq->level, ==, 1);
    emu_test_in(f->m, CMD + 7, 1);
    g_assert_cmpint(irq->level, ==, 0);
}

static void
test_nien_in_saved_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(EmuTestWatch) irq = watch_channel(f);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;

    emu_test_out(f->m, CONTROL, NIEN, 1);
    command(f, 0xec, 0, 0);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    emu_test_load(f->m, state, &error);
    g_assert_no_error(error);
    emu_test_out(f->m, CONTROL, 0, 1);
    g_assert_cmpint(irq->level, ==, 1);
}

static void
test_identity(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_out(f->m, 0xcf8, 0x80000900, 4);
    g_assert_cmphex(emu_test_in(f->m, 0xcfc, 4), ==, 0x70108086);
    emu_test_out(f->m, 0xcf8, 0x80000904, 4);
    g_assert_cmphex(emu_test_in(f->m, 0xcfe, 2), ==, 0x0280);
    emu_test_out(f->m, 0xcfe, 0xffff, 2);
    g_assert_cmphex(emu_test_in(f->m, 0xcfe, 2), ==, 0x0280);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add(path, Fixture, GUINT_TO_POINTER(1), set_up, fn, tear_down)
    ADD("/ide/function/identity", test_identity);
    ADD("/ide/identify/says-size-and-model", test_identify);
    ADD("/ide/pio/what-is-written-reads-back", test_pio_write_reads_back);
    ADD("/ide/pio/beyond-the-end-is-refused", test_beyond_the_end);
    ADD("/ide/dma/scatters-by-descriptors", test_dma_scatters);
    ADD("/ide/smart/healthy", test_smart);
    ADD("/ide/power-modes", test_power_modes);
    ADD("/ide/set-features/modes-that-are-offered", test_transfer_modes);
    ADD("/ide/diagnostic/both-drives", test_diagnostic);
    ADD("/ide/pio/multiple", test_multiple);
    ADD("/ide/pio/48-bit-addresses", test_lba48);
    ADD("/ide/reset/ends-a-transfer", test_reset_in_flight);
    ADD("/ide/interrupt/held-back-until-nien-is-cleared", test_nien_holds_back);
    ADD("/ide/interrupt/status-acknowledges-what-is-held-back", test_nien_status_acknowledges);
    g_test_add("/ide/interrupt/of-the-selected-drive", Fixture, GUINT_TO_POINTER(2), set_up, test_nien_of_two_drives, tear_down);
    ADD("/ide/interrupt/held-back-in-saved-state", test_nien_in_saved_state);
    return g_test_run();
}
