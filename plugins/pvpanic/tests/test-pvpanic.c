/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/fw-cfg.h>
#include <emu/pci.h>
#include <emu/test.h>

#define DEV 0x80002000u /* slot 4 */
#define BAR 0xe0000000u

typedef struct {
    EmuMachine *m;
    int event, action;
} Fixture;

static void
event_cb(EmuMachine *machine G_GNUC_UNUSED, int event, int action, Fixture *f)
{
    f->event = event;
    f->action = action;
}

static void
set_up(Fixture *f, gconstpointer type)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("pc", &error);
    g_assert_no_error(error);
    g_assert_nonnull(emu_test_add_device(f->m, type, g_str_equal(type, "pvpanic-pci") ? "addr=4,events=3" : NULL, &error));
    g_assert_no_error(error);
    g_signal_connect(f->m, "guest-event", G_CALLBACK(event_cb), f);
    f->event = -1;
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static void
test_isa(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const uint8_t *port;
    gsize len;

    port = emu_fw_cfg_get_file(emu_machine_find_fw_cfg(f->m), "etc/pvpanic-port", &len);
    g_assert_nonnull(port);
    g_assert_cmpuint(len, ==, 2);
    g_assert_cmphex(port[0] | port[1] << 8, ==, 0x505);
    g_assert_cmphex(emu_test_in(f->m, 0x505, 1), ==, 7);
    emu_test_out(f->m, 0x505, 0x80, 1);
    emu_test_settle(f->m);
    g_assert_cmpint(f->event, ==, -1);
    emu_test_out(f->m, 0x505, 2, 1);
    emu_test_settle(f->m);
    g_assert_cmpint(f->event, ==, EMU_GUEST_EVENT_CRASH_LOADED);
    g_assert_cmpint(emu_machine_get_run_state(f->m), ==, EMU_RUN_STATE_RUNNING);
    emu_test_out(f->m, 0x505, 1, 1);
    emu_test_settle(f->m);
    g_assert_cmpint(f->event, ==, EMU_GUEST_EVENT_PANICKED);
    g_assert_cmpint(f->action, ==, 1); /* power off */
    g_assert_cmpint(emu_machine_get_run_state(f->m), !=, EMU_RUN_STATE_RUNNING);
}

static void
test_pci(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_out(f->m, 0xcf8, DEV, 4);
    g_assert_cmphex(emu_test_in(f->m, 0xcfc, 4), ==, 0x00111b36);
    emu_test_out(f->m, 0xcf8, DEV | 0x10, 4);
    emu_test_out(f->m, 0xcfc, BAR, 4);
    emu_test_out(f->m, 0xcf8, DEV | 0x04, 4);
    emu_test_out(f->m, 0xcfc, 2, 2);
    g_assert_cmphex(emu_test_read(f->m, BAR, 4), ==, 3);
    emu_test_write(f->m, BAR + 1, 1, 1);
    emu_test_write(f->m, BAR, 4, 1); /* masked */
    emu_test_settle(f->m);
    g_assert_cmpint(f->event, ==, -1);
    emu_test_write(f->m, BAR, 1, 1);
    emu_test_settle(f->m);
    g_assert_cmpint(f->event, ==, EMU_GUEST_EVENT_PANICKED);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/pvpanic/isa", Fixture, "pvpanic", set_up, test_isa, tear_down);
    g_test_add("/pvpanic/pci", Fixture, "pvpanic-pci", set_up, test_pci, tear_down);
    return g_test_run();
}
