/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/test.h>

#include <elf.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    EmuMachine *m;
    char *path;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("pc", &error);
    g_assert_no_error(error);
    close(g_file_open_tmp("test-loader-XXXXXX", &f->path, &error));
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
add(Fixture *f, const char *format)
{
    g_autofree char *text = g_strdup_printf(format, f->path);
    g_autoptr(GError) error = NULL;

    g_assert_nonnull(emu_test_add_device(f->m, "loader", text, &error));
    g_assert_no_error(error);
    emu_test_reset(f->m);
}

static void
refuse(Fixture *f, const char *format, const char *part)
{
    g_autofree char *text = g_strdup_printf(format, f->path);
    g_autoptr(GError) error = NULL;

    g_assert_null(emu_test_add_device(f->m, "loader", text, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, part));
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral"

static void
test_raw(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_true(g_file_set_contents(f->path, "load me", 7, NULL));
    add(f, "file=%s,addr=0x100000");
    g_assert_cmphex(emu_test_read(f->m, 0x100000, 4), ==, 0x64616f6c);
    emu_test_write(f->m, 0x100000, 0, 4);
    emu_test_reset(f->m);
    g_assert_cmphex(emu_test_read(f->m, 0x100000, 4), ==, 0x64616f6c);
    refuse(f, "file=%s", "expected addr=");
}

static void
test_data(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_write(f->m, 0x5000, UINT64_MAX, 8);
    add(f, "addr=0x5000,data=0x1234,data-len=2%.0s");
    g_assert_cmphex(emu_test_read(f->m, 0x5000, 4), ==, 0xffff1234);
    add(f, "addr=0x5004,data=0x1234,data-len=4,data-be=on%.0s");
    g_assert_cmphex(emu_test_read(f->m, 0x5004, 4), ==, 0x34120000);
}

static void
test_elf(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr segment;
        uint32_t code;
    } file = {
        .header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_EXEC, .e_machine = EM_X86_64,
                   .e_entry = 0x9000, .e_phoff = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1},
        .segment = {.p_type = PT_LOAD, .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr), .p_paddr = 0x9000, .p_filesz = 4, .p_memsz = 8},
        .code = 0xf4f4f4f4,
    };

    emu_test_write(f->m, 0x9000, UINT64_MAX, 8);
    g_assert_true(g_file_set_contents(f->path, (const char *)&file, sizeof file, NULL));
    add(f, "file=%s,cpu-num=0");
    g_assert_cmphex(emu_test_read(f->m, 0x9000, 8), ==, 0xf4f4f4f4);
    add(f, "file=%s,addr=0xa000,force-raw=on");
    g_assert_cmphex(emu_test_read(f->m, 0xa000, 4), ==, 0x464c457f);
    file.segment.p_filesz = 1 << 20;
    g_assert_true(g_file_set_contents(f->path, (const char *)&file, sizeof file, NULL));
    refuse(f, "file=%s", "not within it");
    file.header.e_phoff = UINT64_MAX - 8;
    g_assert_true(g_file_set_contents(f->path, (const char *)&file, sizeof file, NULL));
    refuse(f, "file=%s", "no program header table");
}

/* A value with a CPU's number is a value: it is stored, and starts nobody. */
static void
test_data_with_cpu(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    add(f, "addr=0x5000,data=0x1234,data-len=2,cpu-num=0%.0s");
    g_assert_cmphex(emu_test_read(f->m, 0x5000, 2), ==, 0x1234);
}

static void
test_hex(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const char hex[] = ":020000040001F9\r\n" /* above 0x10000 */
                              ":0410000001020304E2\r\n"
                              ":020000021000EC\n" /* segment 0x1000 */
                              ":02002000AABB79\n"
                              ":0400000500011000E6\n"
                              ":00000001FF\n";

    g_assert_true(g_file_set_contents(f->path, hex, -1, NULL));
    add(f, "file=%s,cpu-num=0");
    g_assert_cmphex(emu_test_read(f->m, 0x11000, 4), ==, 0x04030201);
    g_assert_cmphex(emu_test_read(f->m, 0x10020, 2), ==, 0xbbaa);
    add(f, "file=%s,force-raw=on,addr=0x20000");
    g_assert_cmphex(emu_test_read(f->m, 0x20000, 2), ==, 0x303a);
    g_assert_true(g_file_set_contents(f->path, ":0410000001020304E3\n:00000001FF\n", -1, NULL));
    refuse(f, "file=%s", "in line 1");
    g_assert_true(g_file_set_contents(f->path, ":0410000001020304E2\n", -1, NULL));
    refuse(f, "file=%s", "or no end");
    g_assert_true(g_file_set_contents(f->path, ":0410000001020304E2\n:00000001FF\n", -1, NULL));
    refuse(f, "file=%s,cpu-num=0", "where a CPU starts");
}

static void
test_uimage(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    /* "gzip me" */
    static const uint8_t packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff, 0x4b, 0xaf, 0xca, 0x2c,
                                     0x50, 0xc8, 0x4d, 0x05, 0x00, 0xcf, 0xf0, 0x1f, 0x53, 0x07, 0x00, 0x00, 0x00};
    uint8_t file[64 + sizeof packed] = {0x27, 0x05, 0x19, 0x56, [15] = 4, [18] = 0x70, [22] = 0x70, [30] = 2};

    memcpy(file + 64, packed, sizeof packed);
    g_assert_true(g_file_set_contents(f->path, (const char *)file, sizeof file, NULL));
    add(f, "file=%s,cpu-num=0");
    g_assert_cmphex(emu_test_read(f->m, 0x7000, 4), ==, 0x00088b1f);
    file[15] = sizeof packed;
    file[18] = 0x71;
    file[31] = 1;
    g_assert_true(g_file_set_contents(f->path, (const char *)file, sizeof file, NULL));
    add(f, "file=%s");
    g_assert_cmphex(emu_test_read(f->m, 0x7100, 4), ==, 0x70697a67);
    file[70] ^= 0xff;
    file[80] ^= 0xff;
    g_assert_true(g_file_set_contents(f->path, (const char *)file, sizeof file, NULL));
    refuse(f, "file=%s", f->path);
    file[15] = 200;
    g_assert_true(g_file_set_contents(f->path, (const char *)file, sizeof file, NULL));
    refuse(f, "file=%s", "within the file");
}

static void
test_refusals(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    refuse(f, "%.0s", "expected file=");
    refuse(f, "addr=0,data=1%.0s", "data-len=");
    refuse(f, "addr=0,data=256,data-len=1%.0s", "does not fit");
    refuse(f, "data=1,data-len=1%.0s", "addr=");
    refuse(f, "addr=0,cpu-num=9%.0s", "cpu-num is 9");
    refuse(f, "file=%s,data=1,data-len=1", "exclude each other");
    refuse(f, "file=/does/not/exist%.0s,addr=0", "/does/not/exist");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, fn) g_test_add("/loader/" name, Fixture, NULL, set_up, fn, tear_down)
    ADD("raw", test_raw);
    ADD("data", test_data);
    ADD("data-with-cpu", test_data_with_cpu);
    ADD("intel-hex", test_hex);
    ADD("u-boot-image", test_uimage);
    ADD("elf", test_elf);
    ADD("refusals", test_refusals);
    return g_test_run();
}
