/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two PCs in one process, firmware and all: each says what it says alone, and the second outlives the first. */

#include <emu/emu.h>
#include <emu/test.h>

#include <string.h>

typedef struct {
    EmuMachine *machine;
    EmuChardev *console;
    GString *said;
} Pc;

static void
pc_start(Pc *pc, const char *cpus)
{
    g_autoptr(GError) error = NULL;

    pc->machine = emu_machine_new("pc", &error);
    g_assert_no_error(error);
    pc->said = g_string_new(NULL);
    pc->console = emu_test_chardev_new(pc->machine, "console");
    g_assert_true(emu_machine_set_smp(pc->machine, cpus, &error));
    g_assert_true(emu_machine_add_accel(pc->machine, "tcg", &error));
    emu_machine_build(pc->machine, &error);
    g_assert_no_error(error);
    emu_test_add_device(pc->machine, "isa-debugcon", "chardev=console,iobase=0x402", &error);
    g_assert_no_error(error);
    emu_machine_finish(pc->machine, &error);
    g_assert_no_error(error);
    emu_machine_lock(pc->machine);
    emu_machine_start(pc->machine);
    emu_machine_unlock(pc->machine);
}

static bool
pc_has_said(Pc *pc, const char *text)
{
    g_autoptr(GBytes) bytes = emu_test_chardev_take(pc->console);

    g_string_append_len(pc->said, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes));
    return strstr(pc->said->str, text) != NULL;
}

static gboolean
tick_cb(gpointer data G_GNUC_UNUSED)
{
    return G_SOURCE_CONTINUE;
}

static void
pc_wait_for(Pc *pc, const char *text)
{
    gint64 end = g_get_monotonic_time() + 120 * G_USEC_PER_SEC;
    guint tick = g_timeout_add(5, tick_cb, NULL);

    while (!pc_has_said(pc, text)) {
        if (g_get_monotonic_time() > end) {
            g_test_message("said: %s", pc->said->str);
            g_error("no '%s'", text);
        }
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(tick);
}

static void
pc_end(Pc *pc)
{
    emu_machine_destroy(pc->machine);
    g_assert_finalize_object(G_OBJECT(pc->machine));
    g_string_free(pc->said, TRUE);
}

static void
test_two_machines(void)
{
    Pc a, b;
    g_autofree char *b_alone G_GNUC_UNUSED = NULL;

    pc_start(&a, "1");
    pc_start(&b, "2");
    pc_wait_for(&a, "No bootable device.");
    pc_wait_for(&b, "No bootable device.");
    g_assert_nonnull(strstr(a.said->str, "Found 1 cpu(s)"));
    g_assert_nonnull(strstr(b.said->str, "Found 2 cpu(s)"));
    pc_end(&a);

    g_string_set_size(b.said, 0);
    emu_machine_request_reset(b.machine, EMU_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    pc_wait_for(&b, "No bootable device.");
    pc_end(&b);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!g_file_test("/usr/share/seabios/bios-256k.bin", G_FILE_TEST_EXISTS)) {
        g_print("1..0 # SKIP no firmware (package seabios)\n");
        return 0;
    }
    g_test_add_func("/machines/two-in-one-process", test_two_machines);
    return g_test_run();
}
