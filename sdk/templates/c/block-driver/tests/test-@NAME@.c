/* SPDX-License-Identifier: @LICENSE@ */

#include <emu/block.h>
#include <emu/test.h>

#include <errno.h>

static EmuMachine *
machine_with(const char *drive, GError **error)
{
    EmuMachine *m = emu_test_machine_new_unbuilt("none", error);

    if (m && !(emu_test_add_drive(m, drive, error) && emu_test_machine_start(m, error))) {
        emu_machine_destroy(m);
        g_clear_object(&m);
    }
    return m;
}

static void
test_keeps_what_is_written(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = machine_with("if=none,id=disk,driver=@TYPE@,size=1M", &error);
    EmuBlockBackend *blk;
    char buf[6] = "";

    g_assert_no_error(error);
    blk = emu_machine_find_block_backend(m, "disk");
    g_assert_cmpuint(emu_block_backend_get_length(blk), ==, 1 << 20);
    g_assert_cmpint(emu_block_backend_pread(blk, (1 << 20) - 5, buf, 5), ==, 0);
    g_assert_cmpmem(buf, 5, "\0\0\0\0\0", 5);
    g_assert_cmpint(emu_block_backend_pwrite(blk, (1 << 20) - 5, "hello", 5), ==, 0);
    g_assert_cmpint(emu_block_backend_pread(blk, (1 << 20) - 5, buf, 5), ==, 0);
    g_assert_cmpstr(buf, ==, "hello");
    g_assert_cmpint(emu_block_backend_pwrite(blk, (1 << 20) - 4, "hello", 5), ==, -EIO);
    emu_machine_destroy(m);
    g_object_unref(m);
}

static void
test_refuses(gconstpointer drive)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(machine_with(drive, &error));
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/@NAME@/keeps-what-is-written", test_keeps_what_is_written);
    g_test_add_data_func("/@NAME@/refuses/size-0", "if=none,id=disk,driver=@TYPE@,size=0", test_refuses);
    g_test_add_data_func("/@NAME@/refuses/unknown-option", "if=none,id=disk,driver=@TYPE@,colour=red", test_refuses);
    return g_test_run();
}
