/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/fw-cfg.h>
#include <emu/pci.h>
#include <emu/test.h>

#include <string.h>

#define PORT 0xae00
#define GPE 0xafe0

static EmuMachine *
new_machine(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("pc", &error);

    g_assert_no_error(error);
    emu_test_reset(m);
    return m;
}

static void
end(EmuMachine *m)
{
    emu_machine_destroy(m);
    g_object_unref(m);
}

static EmuDevice *
add(EmuMachine *m, const char *properties)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_test_add_device(m, "pvpanic-pci", properties, &error);

    g_assert_no_error(error);
    return dev;
}

static bool
is_there(EmuMachine *m, unsigned slot)
{
    emu_test_out(m, 0xcf8, 0x80000000u | slot << 11, 4);
    return emu_test_in(m, 0xcfc, 4) != 0xffffffff;
}

static bool
request_unplug(EmuMachine *m, EmuDevice *dev, GError **error)
{
    bool ok;

    emu_machine_lock(m);
    ok = emu_device_request_unplug(dev, error);
    emu_machine_unlock(m);
    return ok;
}

static void
test_plug(void)
{
    EmuMachine *m = new_machine();

    g_assert_cmphex(emu_test_in(m, PORT, 4), ==, 0);
    add(m, "id=x,addr=5");
    g_assert_cmphex(emu_test_in(m, GPE, 1), ==, 0x02);
    emu_test_out(m, GPE, 0x02, 1);
    emu_test_out(m, PORT + 0x10, 1, 4); /* there is no other bus */
    g_assert_cmphex(emu_test_in(m, PORT, 4), ==, 0);
    emu_test_out(m, PORT + 0x10, 0, 4);
    g_assert_cmphex(emu_test_in(m, PORT, 4), ==, 1 << 5);
    g_assert_cmphex(emu_test_in(m, PORT, 4), ==, 0);
    end(m);
}

static void
test_unplug(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = new_machine();
    EmuDevice *dev = add(m, "id=x,addr=5");

    emu_test_out(m, GPE, 0x02, 1);
    g_assert_true(request_unplug(m, dev, &error));
    g_assert_cmphex(emu_test_in(m, GPE, 1), ==, 0x02);
    g_assert_cmphex(emu_test_in(m, PORT + 4, 4), ==, 1 << 5);
    emu_test_settle(m);
    g_assert_true(is_there(m, 5));
    emu_test_out(m, PORT + 8, 1 << 5, 4);
    emu_test_settle(m);
    g_assert_false(is_there(m, 5));
    g_assert_cmphex(emu_test_in(m, PORT + 4, 4), ==, 0);
    g_assert_null(emu_object_resolve_path(emu_machine_get_root(m), "x", NULL));
    end(m);
}

static void
test_parts_of_the_board_stay(void)
{
    EmuMachine *m = new_machine();
    uint32_t removable;

    add(m, "id=x,addr=5");
    removable = (uint32_t)emu_test_in(m, PORT + 0xc, 4);
    g_assert_cmphex(removable & 3, ==, 0); /* host bridge, ISA bridge */
    emu_test_out(m, PORT + 8, UINT32_MAX & ~(1u << 5), 4);
    emu_test_settle(m);
    g_assert_true(is_there(m, 0));
    g_assert_true(is_there(m, 1));
    end(m);
}

static void
test_reset_ends_the_wait(void)
{
    EmuMachine *m = new_machine();
    EmuDevice *dev = add(m, "id=x,addr=5");

    g_assert_true(request_unplug(m, dev, NULL));
    emu_test_reset(m);
    emu_test_settle(m);
    g_assert_false(is_there(m, 5));
    end(m);
}

/* ---- behind bridges ---------------------------------------------------------------------------------- */

/* Before the controller hears that the machine is complete, as the user's devices are. */
static void
add_bridges_cb(EmuMachine *m, gpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    emu_machine_unlock(m); /* emu_test_add_device() takes the lock */
    g_assert_nonnull(emu_test_add_device(m, "pci-bridge", "id=first,addr=4", &error));
    g_assert_no_error(error);
    g_assert_nonnull(emu_test_add_device(m, "pci-bridge", "id=inner,bus=first,addr=2", &error));
    g_assert_no_error(error);
    g_assert_nonnull(emu_test_add_device(m, "pci-bridge", "id=second,addr=6", &error));
    g_assert_no_error(error);
    emu_machine_lock(m);
}

static EmuMachine *
new_machine_with_bridges(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new_unbuilt("pc", &error);

    g_assert_no_error(error);
    g_signal_connect(m, "machine-done", G_CALLBACK(add_bridges_cb), NULL);
    emu_test_machine_start(m, &error);
    g_assert_no_error(error);
    emu_test_reset(m);
    return m;
}

static uint32_t
bus_in(EmuMachine *m, unsigned number, unsigned reg)
{
    emu_test_out(m, PORT + 0x10, number, 4);
    return (uint32_t)emu_test_in(m, PORT + reg, 4);
}

static void
test_bridges_plug(void)
{
    static const char *const places[] = {"id=a,addr=8", "id=b,bus=first,addr=7", "id=c,bus=inner,addr=6", "id=d,bus=second,addr=5"};
    EmuMachine *m = new_machine_with_bridges();

    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        add(m, places[i]);
        g_assert_cmphex(emu_test_in(m, GPE, 1), ==, 0x02);
        emu_test_out(m, GPE, 0x02, 1);
        for (unsigned number = 0; number < 6; number++) {
            g_assert_cmphex(bus_in(m, number, 0), ==, number == i ? 1u << (8 - i) : 0);
        }
    }
    g_assert_cmphex(bus_in(m, 0, 0xc) & (1 << 4 | 1 << 6), ==, 0); /* bridges stay */
    g_assert_cmphex(bus_in(m, 1, 0xc), ==, ~(1u << 2));
    g_assert_cmphex(bus_in(m, 2, 0xc), ==, UINT32_MAX);
    g_assert_cmphex(bus_in(m, 4, 0xc), ==, 0); /* there is no such bus */
    end(m);
}

static void
test_bridges_unplug(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = new_machine_with_bridges();
    EmuDevice *dev = add(m, "id=c,bus=inner,addr=6");

    emu_test_out(m, GPE, 0x02, 1);
    g_assert_true(request_unplug(m, dev, &error));
    g_assert_cmphex(emu_test_in(m, GPE, 1), ==, 0x02);
    g_assert_cmphex(bus_in(m, 2, 4), ==, 1 << 6);
    g_assert_cmphex(bus_in(m, 1, 4), ==, 0);
    emu_test_out(m, PORT + 0x10, 1, 4); /* the same slot of another bus */
    emu_test_out(m, PORT + 8, 1 << 6, 4);
    emu_test_settle(m);
    g_assert_nonnull(emu_object_resolve_path(emu_machine_get_root(m), "c", NULL));
    emu_test_out(m, PORT + 0x10, 0xffffffff, 4); /* of none */
    emu_test_out(m, PORT + 8, 0xffffffff, 4);
    emu_test_settle(m);
    g_assert_nonnull(emu_object_resolve_path(emu_machine_get_root(m), "c", NULL));
    emu_test_out(m, PORT + 0x10, 2, 4);
    emu_test_out(m, PORT + 8, 1 << 6, 4);
    emu_test_settle(m);
    g_assert_null(emu_object_resolve_path(emu_machine_get_root(m), "c", NULL));
    g_assert_cmphex(bus_in(m, 2, 4), ==, 0);
    end(m);
}

static void
test_bridges_state(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;
    EmuMachine *m = new_machine_with_bridges();
    EmuDevice *dev = add(m, "id=d,bus=second,addr=5");

    g_assert_true(request_unplug(m, dev, &error));
    state = emu_test_save(m, &error);
    g_assert_no_error(error);
    g_assert_cmphex(bus_in(m, 3, 0), ==, 1 << 5);
    g_assert_cmphex(bus_in(m, 3, 0), ==, 0);
    g_assert_true(emu_test_load(m, state, &error));
    g_assert_no_error(error);
    g_assert_cmphex(bus_in(m, 3, 0), ==, 1 << 5);
    g_assert_cmphex(bus_in(m, 3, 4), ==, 1 << 5);
    emu_test_reset(m);
    emu_test_settle(m);
    g_assert_null(emu_object_resolve_path(emu_machine_get_root(m), "d", NULL));
    end(m);
}

/* ---- CPUs ------------------------------------------------------------------------------------------ */

#define CPU_PORT 0xaf00
#define CPU_TYPE "qemu64-x86_64-cpu"

static EmuMachine *
new_machine_with_places(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new_unbuilt("pc", &error);

    g_assert_no_error(error);
    emu_machine_set_smp(m, "1,maxcpus=4", &error);
    g_assert_no_error(error);
    emu_test_machine_start(m, &error);
    g_assert_no_error(error);
    emu_test_reset(m);
    return m;
}

static uint8_t
cpu_status(EmuMachine *m, unsigned index)
{
    emu_test_out(m, CPU_PORT, index, 4);
    return (uint8_t)emu_test_in(m, CPU_PORT + 4, 1);
}

static EmuDevice *
add_cpu(EmuMachine *m, const char *properties)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_test_add_device(m, CPU_TYPE, properties, &error);

    g_assert_no_error(error);
    return dev;
}

static void
test_cpu_comes(void)
{
    EmuMachine *m = new_machine_with_places();

    g_assert_cmphex(cpu_status(m, 0), ==, 0x01);
    g_assert_cmphex(cpu_status(m, 2), ==, 0x00);
    add_cpu(m, "id=c2,socket-id=0,core-id=2,thread-id=0");
    g_assert_cmphex(emu_test_in(m, GPE, 1), ==, 0x04);
    g_assert_cmphex(cpu_status(m, 2), ==, 0x03);
    emu_test_out(m, CPU_PORT, 0, 4);
    emu_test_out(m, CPU_PORT + 5, 0, 1); /* the next with news */
    g_assert_cmpuint(emu_test_in(m, CPU_PORT + 8, 4), ==, 2);
    emu_test_out(m, CPU_PORT + 4, 0x02, 1);
    g_assert_cmphex(cpu_status(m, 2), ==, 0x01);
    emu_test_out(m, CPU_PORT + 5, 3, 1); /* APIC ID */
    g_assert_cmpuint(emu_test_in(m, CPU_PORT + 8, 4), ==, 2);
    g_assert_cmphex(cpu_status(m, 4), ==, 0x00); /* beyond the last */
    g_assert_cmpuint(emu_machine_get_n_cpus(m), ==, 3);
    g_assert_null(emu_machine_get_cpu(m, 1));
    end(m);
}

static void
test_cpu_goes(void)
{
    EmuMachine *m = new_machine_with_places();
    EmuDevice *dev = add_cpu(m, "id=c1,apic-id=1");

    emu_test_out(m, CPU_PORT, 1, 4);
    emu_test_out(m, CPU_PORT + 4, 0x02, 1);
    g_assert_true(request_unplug(m, dev, NULL));
    g_assert_cmphex(cpu_status(m, 1), ==, 0x05);
    emu_test_out(m, CPU_PORT + 4, 0x08, 1);
    g_assert_cmphex(emu_test_in(m, CPU_PORT + 4, 1) & 1, ==, 0); /* at once */
    emu_test_settle(m);
    g_assert_cmphex(cpu_status(m, 1), ==, 0x00);
    g_assert_cmpuint(emu_machine_get_n_cpus(m), ==, 1);
    emu_test_out(m, CPU_PORT, 0, 4); /* the first one stays */
    emu_test_out(m, CPU_PORT + 4, 0x08, 1);
    emu_test_settle(m);
    g_assert_cmphex(cpu_status(m, 0), ==, 0x01);
    dev = add_cpu(m, "id=c1,apic-id=1");
    g_assert_true(request_unplug(m, dev, NULL));
    emu_test_reset(m); /* a guest that starts anew holds nothing */
    emu_test_settle(m);
    g_assert_cmphex(cpu_status(m, 1), ==, 0x00);
    end(m);
}

static void
test_cpu_refused(void)
{
    static const struct {
        const char *type, *properties, *what;
    } bad[] = {
        {CPU_TYPE, NULL, "CPU socket-id is not set"},
        {CPU_TYPE, "socket-id=0,core-id=0", "CPU thread-id is not set"},
        {CPU_TYPE, "socket-id=0,core-id=9,thread-id=0", "Invalid CPU core-id: 9 must be in range 0:3"},
        {CPU_TYPE, "socket-id=0,core-id=0,thread-id=0", "CPU[0] with APIC ID 0 exists"},
        {CPU_TYPE, "apic-id=77", "Invalid CPU with APIC ID 77"},
        {"pentium-x86_64-cpu", "apic-id=1", "Invalid CPU type, expected cpu type: 'qemu64-x86_64-cpu'"},
    };
    EmuMachine *m = new_machine_with_places();

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(emu_test_add_device(m, bad[i].type, bad[i].properties, &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, bad[i].what));
    }
    g_assert_cmpuint(emu_machine_get_n_cpus(m), ==, 1);
    end(m);
}

/* Firmware in SMM that was granted its wishes would not know the CPU. */
static void
test_cpu_and_smm(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new_unbuilt("q35", &error);
    EmuFwCfg *fw_cfg;
    EmuDevice *dev;

    emu_machine_set_smp(m, "1,maxcpus=4", &error);
    emu_test_machine_start(m, &error);
    g_assert_no_error(error);
    emu_test_reset(m);
    fw_cfg = emu_machine_find_fw_cfg(m);
    dev = add_cpu(m, "id=c1,apic-id=1");
    emu_fw_cfg_modify_file(fw_cfg, "etc/smi/features-ok", "\1", 1);
    g_assert_null(emu_test_add_device(m, CPU_TYPE, "id=c2,apic-id=2", &error));
    g_assert_nonnull(error);
    g_assert_cmpuint(emu_machine_get_n_cpus(m), ==, 2);
    g_assert_false(request_unplug(m, dev, NULL));
    emu_test_reset(m); /* takes the grant back */
    add_cpu(m, "id=c2,apic-id=2");
    g_assert_true(request_unplug(m, dev, NULL));
    end(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi-hotplug/plug", test_plug);
    g_test_add_func("/acpi-hotplug/unplug", test_unplug);
    g_test_add_func("/acpi-hotplug/parts-of-the-board-stay", test_parts_of_the_board_stay);
    g_test_add_func("/acpi-hotplug/reset-ends-the-wait", test_reset_ends_the_wait);
    g_test_add_func("/acpi-hotplug/bridges/plug", test_bridges_plug);
    g_test_add_func("/acpi-hotplug/bridges/unplug", test_bridges_unplug);
    g_test_add_func("/acpi-hotplug/bridges/state", test_bridges_state);
    g_test_add_func("/acpi-hotplug/cpu/comes", test_cpu_comes);
    g_test_add_func("/acpi-hotplug/cpu/goes", test_cpu_goes);
    g_test_add_func("/acpi-hotplug/cpu/firmware-in-smm", test_cpu_and_smm);
    g_test_add_func("/acpi-hotplug/cpu/refused-with-a-sentence", test_cpu_refused);
    return g_test_run();
}
