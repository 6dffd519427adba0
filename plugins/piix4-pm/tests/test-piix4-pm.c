/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Power management and SMBus of the board. */

#include <emu/pci.h>
#include <emu/test.h>

#define PM_FUNCTION 0x80000b00u /* 00:01.3 */
#define PM 0x600
#define SMBUS 0x700

typedef struct {
    EmuMachine *machine;
    EmuTestWatch *sci;
} Fixture;

static void
config_write(Fixture *f, uint8_t reg, uint32_t value, unsigned size)
{
    emu_test_out(f->machine, 0xcf8, PM_FUNCTION | (reg & 0xfc), 4);
    emu_test_out(f->machine, 0xcfc + (reg & 3), value, size);
}

static void
setup(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    GError *error = NULL;
    EmuDevice *host;
    GPtrArray *devices;

    f->machine = emu_test_machine_new("pc", &error);
    g_assert_no_error(error);
    config_write(f, 0x40, PM | 1, 4);
    config_write(f, 0x80, 0x01, 1);
    config_write(f, 0x90, SMBUS | 1, 4);
    config_write(f, 0xd2, 0x09, 1);
    host = EMU_DEVICE(emu_object_get_child(f->machine, "i440fx"));
    devices = emu_bus_get_devices(emu_device_get_child_bus(host, "pci.0"));
    for (guint i = 0; i < devices->len; i++) {
        if (emu_object_is_a(devices->pdata[i], "PIIX4_PM")) {
            f->sci = emu_test_watch_line(emu_device_get_line_out(devices->pdata[i], "sci", 0));
        }
    }
    g_assert_nonnull(f->sci);
}

static void
teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_watch_free(f->sci);
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static void
test_timer(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint32_t start = emu_test_in(f->machine, PM + 8, 4), now;

    emu_test_advance(f->machine, EMU_NS_PER_SEC);
    now = emu_test_in(f->machine, PM + 8, 4);
    g_assert_cmpuint((now - start) & 0xffffff, >=, 3579544);
    g_assert_cmpuint((now - start) & 0xffffff, <=, 3579546);
    g_assert_cmpuint(now, <=, 0xffffff);
}

static void
test_timer_status(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_out(f->machine, PM, 0xffff, 2);
    emu_test_out(f->machine, PM + 2, 0x0001, 2);
    g_assert_cmpint(f->sci->level, ==, 0);
    emu_test_advance(f->machine, INT64_C(2400) * 1000000); /* the highest bit changes every 2.34 s */
    g_assert_cmpint(f->sci->level, ==, 1);
    g_assert_cmphex(emu_test_in(f->machine, PM, 2) & 1, ==, 1);
    emu_test_out(f->machine, PM, 0x0001, 2);
    g_assert_cmpint(f->sci->level, ==, 0);
    emu_test_advance(f->machine, INT64_C(2400) * 1000000);
    g_assert_cmpint(f->sci->level, ==, 1);
}

static void
test_power_button(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_request_powerdown(f->machine);
    emu_test_settle(f->machine);
    g_assert_cmphex(emu_test_in(f->machine, PM, 2) & 0x100, ==, 0); /* not enabled */
    emu_test_out(f->machine, PM + 2, 0x0100, 2);
    emu_machine_request_powerdown(f->machine);
    emu_test_settle(f->machine);
    g_assert_cmphex(emu_test_in(f->machine, PM, 2) & 0x100, ==, 0x100);
    g_assert_cmpint(f->sci->level, ==, 1);
}

static void
test_acpi_enable(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(emu_test_in(f->machine, PM + 4, 2) & 1, ==, 0);
    emu_test_out(f->machine, 0xb2, 0xf1, 1);
    g_assert_cmphex(emu_test_in(f->machine, PM + 4, 2) & 1, ==, 1);
    emu_test_out(f->machine, 0xb2, 0xf0, 1);
    g_assert_cmphex(emu_test_in(f->machine, PM + 4, 2) & 1, ==, 0);
    emu_test_out(f->machine, PM + 4, 0xdfff & ~0x1c00, 2); /* what is reserved, or only written */
    g_assert_cmphex(emu_test_in(f->machine, PM + 4, 2), ==, 3);
    emu_test_out(f->machine, PM + 5, 0x08, 1);
    g_assert_cmphex(emu_test_in(f->machine, PM + 4, 2), ==, 0x0803);
    emu_test_out(f->machine, 0xb3, 0x5a, 1);
    g_assert_cmphex(emu_test_in(f->machine, 0xb3, 1), ==, 0x5a);
}

static void
test_gpe(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_out(f->machine, 0xafe2, 0x12, 1);
    g_assert_cmphex(emu_test_in(f->machine, 0xafe0, 4), ==, 0x00120000);
}

static void
test_moves(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    config_write(f, 0x40, 0xb001, 4);
    g_assert_cmphex(emu_test_in(f->machine, PM, 2), ==, 0xffff);
    g_assert_cmphex(emu_test_in(f->machine, 0xb004, 2), ==, 0);
    config_write(f, 0x80, 0x00, 1);
    g_assert_cmphex(emu_test_in(f->machine, 0xb004, 2), ==, 0xffff);
}

/* Byte-data transaction at @address; returns the host status. */
static uint8_t
smbus(Fixture *f, uint8_t address, uint8_t command)
{
    uint8_t status;

    emu_test_out(f->machine, SMBUS + 0, 0x1e, 1);
    emu_test_out(f->machine, SMBUS + 4, address, 1);
    emu_test_out(f->machine, SMBUS + 3, command, 1);
    emu_test_out(f->machine, SMBUS + 2, 0x48, 1);
    status = emu_test_in(f->machine, SMBUS, 1);
    return status;
}

static void
test_smbus(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_out(f->machine, SMBUS + 5, 0xa7, 1);
    g_assert_cmphex(smbus(f, 0x51 << 1, 0x20), ==, 0x02); /* write */
    emu_test_out(f->machine, SMBUS + 5, 0, 1);
    g_assert_cmphex(smbus(f, 0x51 << 1 | 1, 0x20), ==, 0x02);
    g_assert_cmphex(emu_test_in(f->machine, SMBUS + 5, 1), ==, 0xa7);
    g_assert_cmphex(smbus(f, 0x52 << 1 | 1, 0x20), ==, 0x02);
    g_assert_cmphex(emu_test_in(f->machine, SMBUS + 5, 1), ==, 0x00); /* another module */
    g_assert_cmphex(smbus(f, 0x30 << 1 | 1, 0), ==, 0x04);            /* nobody answers */
}

/* The device's first byte is the length; one more than fits must not be believed. */
static void
test_smbus_block(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (unsigned i = 0; i < 40; i++) {
        emu_test_out(f->machine, SMBUS + 5, i == 0 ? 0xff : i, 1);
        g_assert_cmphex(smbus(f, 0x51 << 1, i), ==, 0x02);
    }
    emu_test_out(f->machine, SMBUS + 4, 0x51 << 1 | 1, 1);
    emu_test_out(f->machine, SMBUS + 3, 0, 1);
    emu_test_out(f->machine, SMBUS + 2, 0x54, 1);
    g_assert_cmphex(emu_test_in(f->machine, SMBUS + 5, 1), ==, 32);
    for (unsigned i = 1; i <= 32; i++) {
        g_assert_cmphex(emu_test_in(f->machine, SMBUS + 7, 1), ==, i);
    }
}

static void
test_sleep_types(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_test_out(f->machine, PM + 4, 7 << 10 | 1 << 13, 2); /* none of ours */
    emu_test_settle(f->machine);
    g_assert_cmpint(emu_machine_get_run_state(f->machine), ==, EMU_RUN_STATE_RUNNING);
    emu_test_out(f->machine, PM + 4, 1 << 10 | 1 << 13, 2); /* S3 */
    emu_test_settle(f->machine);
    g_assert_cmpint(emu_machine_get_run_state(f->machine), ==, EMU_RUN_STATE_SUSPENDED);
    emu_test_out(f->machine, 0x70, 0x0f, 1);
    g_assert_cmphex(emu_test_in(f->machine, 0x71, 1), ==, 0xfe); /* the firmware resumes */
    emu_machine_request_wakeup(f->machine);
    emu_test_settle(f->machine);
    g_assert_cmpint(emu_machine_get_run_state(f->machine), ==, EMU_RUN_STATE_RUNNING);
    config_write(f, 0x40, PM | 1, 4);
    config_write(f, 0x80, 0x01, 1);
    g_assert_cmphex(emu_test_in(f->machine, PM, 2), ==, 0x8100);
}

static void
note_cb(EmuMachine *machine G_GNUC_UNUSED, GString *order)
{
    g_string_append(order, "disk");
}

static void
note_shutdown_cb(EmuMachine *machine G_GNUC_UNUSED, gboolean guest, int cause, GString *order)
{
    g_assert_true(guest);
    g_assert_cmpint(cause, ==, EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    g_string_append(order, " shutdown");
}

/* S4 is a shutdown that says before what it is. */
static void
test_sleep_s4(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GString) order = g_string_new(NULL);

    g_signal_connect(f->machine, "suspend-disk", G_CALLBACK(note_cb), order);
    g_signal_connect(f->machine, "shutdown", G_CALLBACK(note_shutdown_cb), order);
    emu_test_out(f->machine, PM + 4, 2 << 10 | 1 << 13, 2);
    emu_test_settle(f->machine);
    g_assert_cmpstr(order->str, ==, "disk shutdown");
    g_signal_handlers_disconnect_by_data(f->machine, order);
}

static void
set_cmos(Fixture *f, uint8_t reg, uint8_t value)
{
    emu_test_out(f->machine, 0x70, reg, 1);
    emu_test_out(f->machine, 0x71, value, 1);
}

/* An alarm wakes the machine when RTC_EN is set, and says so in RTC_STS. */
static void
test_rtc_wakes(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    set_cmos(f, 0x01, 0xff); /* every second */
    set_cmos(f, 0x03, 0xff);
    set_cmos(f, 0x05, 0xff);
    set_cmos(f, 0x0b, 0x22);
    emu_test_out(f->machine, PM + 4, 1 << 10 | 1 << 13, 2);
    emu_test_advance(f->machine, 2 * EMU_NS_PER_SEC);
    emu_test_settle(f->machine);
    g_assert_cmpint(emu_machine_get_run_state(f->machine), ==, EMU_RUN_STATE_SUSPENDED);
    emu_test_out(f->machine, PM + 2, 0x0400, 2);
    emu_test_out(f->machine, 0x70, 0x0c, 1);
    (void)emu_test_in(f->machine, 0x71, 1);
    emu_test_advance(f->machine, 2 * EMU_NS_PER_SEC);
    emu_test_settle(f->machine);
    g_assert_cmpint(emu_machine_get_run_state(f->machine), ==, EMU_RUN_STATE_RUNNING);
    config_write(f, 0x40, PM | 1, 4);
    config_write(f, 0x80, 0x01, 1);
    g_assert_cmphex(emu_test_in(f->machine, PM, 2) & ~1u, ==, 0x8400); /* bit 0: the timer's */
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add(path, Fixture, NULL, setup, fn, teardown)
    ADD("/piix4-pm/timer/rate", test_timer);
    ADD("/piix4-pm/timer/status-raises-sci", test_timer_status);
    ADD("/piix4-pm/button/asks-when-enabled", test_power_button);
    ADD("/piix4-pm/apm/acpi-on-and-off", test_acpi_enable);
    ADD("/piix4-pm/gpe/enable-is-kept", test_gpe);
    ADD("/piix4-pm/ports/move-and-go", test_moves);
    ADD("/piix4-pm/smbus/eeprom-keeps-a-byte", test_smbus);
    ADD("/piix4-pm/smbus/block", test_smbus_block);
    ADD("/piix4-pm/sleep/s3-and-back", test_sleep_types);
    ADD("/piix4-pm/sleep/s4-is-told-apart", test_sleep_s4);
    ADD("/piix4-pm/sleep/alarm-wakes", test_rtc_wakes);
    return g_test_run();
}
