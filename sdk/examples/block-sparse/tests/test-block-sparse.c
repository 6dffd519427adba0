/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/block.h>
#include <emu/test.h>

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char *path;
    EmuMachine *m;
    EmuBlockBackend *blk;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data)
{
    int fd = g_file_open_tmp("sparse-XXXXXX", &f->path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
}

static void
close_disk(Fixture *f)
{
    if (f->m) {
        emu_machine_destroy(f->m);
        g_clear_object(&f->m);
    }
}

static void
open_disk(Fixture *f, const char *options, GError **error)
{
    g_autofree char *drive = g_strdup_printf("if=none,id=disk,file=%s%s", f->path, options);

    close_disk(f);
    f->m = emu_test_machine_new_unbuilt("none", NULL);
    if (!emu_test_add_drive(f->m, drive, error)) {
        close_disk(f);
        return;
    }
    g_assert_true(emu_test_machine_start(f->m, NULL));
    f->blk = emu_machine_find_block_backend(f->m, "disk");
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close_disk(f);
    g_unlink(f->path);
    g_free(f->path);
}

static void
expect_text(Fixture *f, uint64_t offset, const char *text, gsize len)
{
    g_autofree char *buf = g_malloc(len);

    g_assert_cmpint(emu_block_backend_pread(f->blk, offset, buf, len), ==, 0);
    g_assert_cmpmem(buf, len, text, len);
}

static void
test_contents(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    GStatBuf st;

    open_disk(f, ",format=sparse,size=1G", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(emu_block_backend_get_length(f->blk), ==, 1 << 30);
    expect_text(f, (1 << 30) - 4, "\0\0\0\0", 4);
    g_assert_cmpint(emu_block_backend_pwrite(f->blk, 0x2fffe, "over the edge", 13), ==, 0);
    g_assert_cmpint(emu_block_backend_pwrite(f->blk, (1 << 30) - 4, "last", 4), ==, 0);
    expect_text(f, 0x2fffd, "\0over the edge\0", 15);
    /* It is an image now: nobody has to say so. */
    open_disk(f, "", &error);
    g_assert_no_error(error);
    expect_text(f, 0x2fffd, "\0over the edge\0", 15);
    expect_text(f, (1 << 30) - 8, "\0\0\0\0last", 8);
    close_disk(f);
    g_assert_cmpint(g_stat(f->path, &st), ==, 0);
    g_assert_cmpint(st.st_size, <, 1 << 20);
}

static void
expect_refusal(Fixture *f, const char *options, const char *text)
{
    g_autoptr(GError) error = NULL;

    open_disk(f, options, &error);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, text));
}

/* One number of a good image made wrong. */
static void
test_damage(Fixture *f, gconstpointer data)
{
    static const struct {
        gsize offset;
        uint32_t value;
        const char *text;
    } damage[] = {{4, 0, "is no sparse image"}, {8, 0, "no bytes or too many"}, {14, 0xffff, "no bytes or too many"}, {12, 1, "its table lies outside"},
                  {4096, 900, "a piece lies outside"}, {4100, 2, "has two places"}};
    g_autoptr(GError) error = NULL;
    g_autofree char *good = NULL, *bad = NULL;
    gsize len;

    expect_refusal(f, ",format=sparse", "becomes one with size=");
    open_disk(f, ",format=sparse,size=1M", &error);
    g_assert_no_error(error);
    g_assert_cmpint(emu_block_backend_pwrite(f->blk, 0x10000, "a", 1), ==, 0);
    g_assert_cmpint(emu_block_backend_pwrite(f->blk, 0x20000, "b", 1), ==, 0);
    close_disk(f);
    g_assert_true(g_file_get_contents(f->path, &good, &len, NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(damage); i++) {
        bad = g_memdup2(good, len);
        memcpy(bad + damage[i].offset, &damage[i].value, damage[i].offset == 14 ? 2 : 4);
        g_assert_true(g_file_set_contents(f->path, bad, (gssize)len, NULL));
        expect_refusal(f, ",format=sparse", damage[i].text);
        g_clear_pointer(&bad, g_free);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/block-sparse/contents", Fixture, NULL, set_up, test_contents, tear_down);
    g_test_add("/block-sparse/damage", Fixture, NULL, set_up, test_damage, tear_down);
    return g_test_run();
}
