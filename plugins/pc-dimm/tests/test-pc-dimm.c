/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Modules in a board: where they go, who tells of them, what is refused. The guest's side by the registers that its tables use. */

#include <emu/fw-cfg.h>
#include <emu/memory-device.h>
#include <emu/test.h>

#include <string.h>

#define PORT 0x0a00
#define GPE 0xafe0
#define BASE UINT64_C(0x100000000)
#define MIB (UINT64_C(1) << 20)

static EmuMachine *
new_machine(const char *memory)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new_unbuilt("pc", &error);

    g_assert_no_error(error);
    g_assert_true(emu_machine_set_memory(m, memory, &error));
    g_assert_no_error(error);
    emu_test_machine_start(m, &error);
    g_assert_no_error(error);
    return m;
}

static void
end(EmuMachine *m)
{
    emu_machine_destroy(m);
    g_object_unref(m);
}

static EmuObject *
new_backend(EmuMachine *m, const char *id, const char *size)
{
    g_autoptr(GError) error = NULL;
    EmuObject *object = emu_object_new("memory-backend-ram", &error);

    g_assert_no_error(error);
    g_assert_true(emu_object_set_from_string(object, "size", size, &error));
    emu_machine_lock(m);
    g_assert_true(emu_object_add_child(emu_object_get_container(emu_machine_get_root(m), "/objects"), id, object, &error));
    g_assert_true(emu_user_creatable_complete(object, &error));
    emu_machine_unlock(m);
    g_assert_no_error(error);
    g_object_unref(object);
    return object;
}

static EmuDevice *
add(EmuMachine *m, const char *properties)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_test_add_device(m, "pc-dimm", properties, &error);

    g_assert_no_error(error);
    return dev;
}

static void
request_unplug(EmuMachine *m, EmuDevice *dev)
{
    emu_machine_lock(m);
    g_assert_true(emu_device_request_unplug(dev, NULL));
    emu_machine_unlock(m);
}

static void
select_slot(EmuMachine *m, uint32_t slot)
{
    emu_test_out(m, PORT, slot, 4);
}

static uint8_t
get_status(EmuMachine *m, uint32_t slot)
{
    select_slot(m, slot);
    return (uint8_t)emu_test_in(m, PORT + 0x14, 1);
}

static uint64_t
get_address(EmuMachine *m, uint32_t slot)
{
    select_slot(m, slot);
    return emu_test_in(m, PORT, 4) | emu_test_in(m, PORT + 4, 4) << 32;
}

/* The unit of every refusal below. */
static void
assert_refused(EmuMachine *m, const char *properties, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(emu_test_add_device(m, "pc-dimm", properties, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, message);
}

static void
test_comes(void)
{
    EmuMachine *m = new_machine("64M,slots=3,maxmem=1G");

    new_backend(m, "m0", "128M");
    new_backend(m, "m1", "6M");
    g_assert_cmphex(emu_test_read(m, BASE, 4), ==, 0xffffffff);
    g_assert_cmphex(get_status(m, 1), ==, 0);
    g_assert_cmphex(emu_test_in(m, GPE, 1) & 8, ==, 0);
    add(m, "id=d,memdev=m0,slot=1");
    g_assert_cmphex(emu_test_in(m, GPE, 1) & 8, ==, 8);
    g_assert_cmphex(get_status(m, 0), ==, 0);
    g_assert_cmphex(get_status(m, 1), ==, 3);
    g_assert_cmphex(get_address(m, 1), ==, BASE);
    g_assert_cmphex(emu_test_in(m, PORT + 8, 4), ==, 128 * MIB);
    g_assert_cmphex(emu_test_in(m, PORT + 0xc, 4), ==, 0);
    g_assert_cmphex(emu_test_in(m, PORT + 0x10, 4), ==, 0);
    emu_test_out(m, PORT + 0x14, 2, 1); /* heard */
    g_assert_cmphex(get_status(m, 1), ==, 1);
    emu_test_write(m, BASE + 128 * MIB - 8, 0x1122334455667788, 8);
    g_assert_cmphex(emu_test_read(m, BASE + 128 * MIB - 8, 8), ==, 0x1122334455667788);
    add(m, "memdev=m1"); /* the first free slot, the first free place */
    g_assert_cmphex(get_status(m, 0), ==, 3);
    g_assert_cmphex(get_address(m, 0), ==, BASE + 128 * MIB);
    g_assert_cmphex(emu_test_read(m, BASE + 134 * MIB, 1), ==, 0xff);
    g_assert_cmphex(get_status(m, 3), ==, 0); /* beyond the last */
    g_assert_cmphex(get_address(m, UINT32_MAX), ==, 0);
    end(m);
}

static void
test_goes(void)
{
    EmuMachine *m = new_machine("64M,slots=2,maxmem=1G");
    EmuObject *backend = new_backend(m, "m0", "64M");
    EmuDevice *dev = add(m, "id=d,memdev=m0");

    g_assert_false(EMU_USER_CREATABLE_GET_IFACE(EMU_USER_CREATABLE(backend))->can_be_deleted(EMU_USER_CREATABLE(backend)));
    emu_test_write(m, BASE, 0x5a, 1);
    select_slot(m, 0);
    emu_test_out(m, PORT + 0x14, 2, 1);
    emu_test_out(m, GPE, 0xff, 1);
    request_unplug(m, dev);
    g_assert_cmphex(emu_test_in(m, GPE, 1) & 8, ==, 8);
    g_assert_cmphex(get_status(m, 0), ==, 5);
    emu_test_out(m, PORT + 0x14, 4, 1);
    g_assert_cmphex(get_status(m, 0), ==, 1); /* the guest may say no */
    g_assert_cmphex(emu_test_read(m, BASE, 1), ==, 0x5a);
    emu_test_out(m, PORT + 0x14, 8, 1);
    g_assert_cmphex(get_status(m, 0), ==, 0); /* at once */
    emu_test_settle(m);
    g_assert_cmphex(emu_test_read(m, BASE, 1), ==, 0xff);
    g_assert_true(EMU_USER_CREATABLE_GET_IFACE(EMU_USER_CREATABLE(backend))->can_be_deleted(EMU_USER_CREATABLE(backend)));
    emu_test_out(m, PORT + 0x14, 8, 1); /* of nothing */
    /* The object keeps what is in it, and goes where the next module is. */
    dev = add(m, "id=d,memdev=m0,slot=1,addr=0x110000000");
    g_assert_cmphex(emu_test_read(m, BASE + 0x10000000, 1), ==, 0x5a);
    /* A guest that starts anew uses nothing yet. */
    emu_test_reset(m);
    g_assert_cmphex(get_status(m, 1), ==, 1);
    request_unplug(m, dev);
    emu_test_reset(m);
    emu_test_settle(m);
    g_assert_cmphex(get_status(m, 1), ==, 0);
    g_assert_null(emu_object_resolve_path(emu_machine_get_root(m), "d", NULL));
    end(m);
}

typedef struct {
    unsigned n, slot, source, status;
    int type;
    char *id;
} Ost;

static void
ost_cb(EmuMachine *machine G_GNUC_UNUSED, const char *id, int type, unsigned slot, unsigned source, unsigned status, Ost *ost)
{
    g_free(ost->id);
    *ost = (Ost){ost->n + 1, slot, source, status, type, g_strdup(id)};
}

static void
test_ost(void)
{
    EmuMachine *m = new_machine("64M,slots=2,maxmem=1G");
    Ost ost = {0};

    new_backend(m, "m0", "64M");
    add(m, "id=d,memdev=m0,slot=1");
    g_signal_connect(m, "acpi-ost", G_CALLBACK(ost_cb), &ost);
    select_slot(m, 1);
    emu_test_out(m, PORT + 4, 0x103, 4);
    emu_test_settle(m);
    g_assert_cmpuint(ost.n, ==, 0);
    emu_test_out(m, PORT + 8, 0x81, 4);
    emu_test_settle(m);
    g_assert_cmpuint(ost.n, ==, 1);
    g_assert_cmpstr(ost.id, ==, "d");
    g_assert_cmpint(ost.type, ==, EMU_ACPI_SLOT_DIMM);
    g_assert_cmpuint(ost.slot, ==, 1);
    g_assert_cmphex(ost.source, ==, 0x103);
    g_assert_cmphex(ost.status, ==, 0x81);
    select_slot(m, 0);
    emu_test_out(m, PORT + 4, 3, 4);
    emu_test_out(m, PORT + 8, 0, 4);
    select_slot(m, 2); /* no such slot */
    emu_test_out(m, PORT + 8, 7, 4);
    emu_test_settle(m);
    g_assert_cmpuint(ost.n, ==, 2);
    g_assert_null(ost.id);
    g_assert_cmphex(ost.source, ==, 3);
    /* CPUs speak by their own controller. */
    emu_test_out(m, 0xaf00, 0, 4);
    emu_test_out(m, 0xaf05, 1, 1);
    emu_test_out(m, 0xaf08, 0x80, 4);
    emu_test_out(m, 0xaf05, 2, 1);
    emu_test_out(m, 0xaf08, 9, 4);
    emu_test_settle(m);
    g_assert_cmpuint(ost.n, ==, 3);
    g_assert_cmpint(ost.type, ==, EMU_ACPI_SLOT_CPU);
    g_assert_cmphex(ost.source, ==, 0x80);
    g_assert_cmphex(ost.status, ==, 9);
    /* A guest that says more than anybody hears: bounded. */
    for (unsigned i = 0; i < 1000; i++) {
        emu_test_out(m, 0xaf08, i, 4);
    }
    emu_test_settle(m);
    g_assert_cmpuint(ost.n, <=, 1003);
    g_free(ost.id);
    end(m);
}

static void
test_refused(void)
{
    EmuMachine *m = new_machine("64M,slots=3,maxmem=320M"); /* 256 MiB for modules */
    EmuDevice *dev;

    new_backend(m, "m0", "64M");
    new_backend(m, "m1", "128M");
    new_backend(m, "odd", "1M");
    new_backend(m, "large", "1G");
    new_backend(m, "small", "2M");
    assert_refused(m, NULL, "'memdev' property must be set");
    assert_refused(m, "memdev=m0,slot=3", "invalid slot number 3, valid range is [0-2]");
    assert_refused(m, "memdev=m0,slot=-2", "invalid slot number -2, valid range is [0-2]");
    assert_refused(m, "memdev=m0,addr=0x100001000", "address must be aligned to 0x200000 bytes");
    assert_refused(m, "memdev=odd", "backend memory size must be multiple of 0x200000");
    assert_refused(m, "memdev=large", "not enough space, currently 0x0 in use of total space for memory devices 0x10000000");
    assert_refused(m, "memdev=m0,addr=0x8000000",
                   "can't add memory device [0x8000000:0x4000000], usable range for memory devices [0x100000000:0xd0000000]");
    assert_refused(m, "memdev=m0,addr=0x1ce000000",
                   "can't add memory device [0x1ce000000:0x4000000], usable range for memory devices [0x100000000:0xd0000000]");
    assert_refused(m, "memdev=m0,addr=0xffffffffffe00000",
                   "can't add memory device [0xffffffffffe00000:0x4000000], usable range for memory devices [0x100000000:0xd0000000]");
    assert_refused(m, "memdev=m0,node=1", "'DIMM property node has value 1' which exceeds the number of numa nodes: 1");
    dev = add(m, "id=d,memdev=m0,slot=0,addr=0x104000000");
    assert_refused(m, "memdev=m0", "can't use already busy memdev: m0");
    assert_refused(m, "memdev=m1,slot=0", "slot 0 is busy");
    assert_refused(m, "memdev=m1,addr=0x100000000", "address range conflicts with memory device id='d'");
    add(m, "memdev=m1"); /* does not fit below */
    g_assert_cmphex(get_address(m, 1), ==, BASE + 128 * MIB);
    assert_refused(m, "memdev=small,addr=0x108000000", "address range conflicts with memory device id='(unnamed)'");
    add(m, "memdev=small");
    g_assert_cmphex(get_address(m, 2), ==, BASE);
    assert_refused(m, "memdev=odd", "no free slots available");
    /* Nothing of a refused one stays. */
    request_unplug(m, dev);
    select_slot(m, 0);
    emu_test_out(m, PORT + 0x14, 8, 1);
    emu_test_settle(m);
    g_assert_cmphex(emu_test_read(m, BASE + 64 * MIB, 1), ==, 0xff);
    add(m, "memdev=m0");
    end(m);
}

static void
test_without_slots(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = new_machine("64M,maxmem=1G");

    new_backend(m, "m0", "64M");
    assert_refused(m, "memdev=m0", "no slots where allocated, please specify the 'slots' option");
    g_assert_cmphex(emu_test_in(m, PORT, 4), ==, 0xffffffff);
    end(m);

    m = emu_test_machine_new_unbuilt("pc", &error);
    g_assert_true(emu_machine_set_memory(m, "64M,slots=1,maxmem=1G", &error));
    g_assert_true(emu_object_set_from_string(m, "acpi", "off", &error));
    emu_test_machine_start(m, &error);
    g_assert_no_error(error);
    new_backend(m, "m0", "64M");
    assert_refused(m, "memdev=m0", "memory hotplug is not enabled: missing acpi device or acpi disabled");
    end(m);
}

static void
test_sizes(void)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"64M,slots=2", "slots specified but no max-size"},
        {"64M,slots=300,maxmem=1G", "unsupported amount of memory slots: 300"},
        {"64M,slots=2,maxmem=1025K",
         "invalid value of maxmem: maximum memory size (0x100400) must be at least the initial memory size (0x4000000)"},
        {"64M,slots=2,maxmem=65537K", "maximum memory size must by aligned to multiple of 4096 bytes"},
        {"64M,slots=2,maxmem=64M",
         "invalid value of maxmem: memory slots were specified but maximum memory size (0x4000000) is equal to the initial memory size (0x4000000)"},
        {"64M,slots=2,maxmem=8388608T", "Parameter 'maxmem' is 8388608T, expected at most 64T"},
    };
    g_autoptr(GError) wide = NULL;
    EmuMachine *m;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        m = emu_test_machine_new_unbuilt("pc", NULL);
        g_assert_false(emu_machine_set_memory(m, bad[i].text, &error));
        g_assert_cmpstr(error->message, ==, bad[i].message);
        end(m);
    }
    m = emu_test_machine_new_unbuilt("pc", NULL);
    g_assert_true(emu_machine_set_memory(m, "128M,slots=2,maxmem=32T", NULL));
    g_assert_false(emu_test_machine_start(m, &wide));
    g_assert_cmpstr(wide->message, ==, "Address space limit 0xffffffffff < 0x200177ffffff phys-bits too low (40)");
    end(m);
}

/* What the firmware goes by: modules are in no memory map, PCI above 4 GiB begins behind their range. */
static void
test_firmware(void)
{
    EmuMachine *m = new_machine("64M,slots=2,maxmem=1G");
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(m);
    const uint8_t *file, *srat;
    uint64_t end_of_range;
    gsize len;

    file = emu_fw_cfg_get_file(fw_cfg, "etc/reserved-memory-end", &len);
    g_assert_cmpuint(len, ==, 8);
    memcpy(&end_of_range, file, 8);
    g_assert_cmphex(end_of_range, ==, BASE + 3072 * MIB); /* 960 MiB, and one GiB for each slot to be aligned */
    emu_fw_cfg_get_file(fw_cfg, "etc/e820", &len);
    g_assert_cmpuint(len, ==, 20);
    file = emu_fw_cfg_get_file(fw_cfg, "etc/acpi/tables", &len);
    srat = memmem(file, len, "SRAT", 4);
    g_assert_nonnull(srat);
    /* The last entry: memory, from 4 GiB, enabled and hot-pluggable. */
    srat += srat[4] + srat[5] * 256 - 40;
    g_assert_cmphex(srat[0] | srat[1] << 8, ==, 0x2801);
    g_assert_cmphex(srat[8 + 4], ==, 1);
    g_assert_cmphex(srat[28], ==, 3);
    g_assert_nonnull(memmem(file, len, "MP01", 4));
    g_assert_null(memmem(file, len, "MP02", 4));
    end(m);

    m = new_machine("64M");
    fw_cfg = emu_machine_find_fw_cfg(m);
    g_assert_null(emu_fw_cfg_get_file(fw_cfg, "etc/reserved-memory-end", NULL));
    file = emu_fw_cfg_get_file(fw_cfg, "etc/acpi/tables", &len);
    g_assert_null(memmem(file, len, "SRAT", 4));
    g_assert_null(memmem(file, len, "MP00", 4));
    end(m);
}

static void
test_state(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;
    EmuMachine *m = new_machine("64M,slots=2,maxmem=1G");
    EmuDevice *dev;

    new_backend(m, "m0", "64M");
    dev = add(m, "id=d,memdev=m0,slot=1");
    emu_test_write(m, BASE + 0x1000, 0x77, 1);
    request_unplug(m, dev);
    select_slot(m, 1);
    state = emu_test_save(m, &error);
    g_assert_no_error(error);
    emu_test_out(m, PORT + 0x14, 6, 1);
    emu_test_write(m, BASE + 0x1000, 0, 1);
    select_slot(m, 0);
    g_assert_true(emu_test_load(m, state, &error));
    g_assert_no_error(error);
    g_assert_cmphex(emu_test_in(m, PORT + 0x14, 1), ==, 7);
    end(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc-dimm/comes", test_comes);
    g_test_add_func("/pc-dimm/goes", test_goes);
    g_test_add_func("/pc-dimm/ost", test_ost);
    g_test_add_func("/pc-dimm/refused", test_refused);
    g_test_add_func("/pc-dimm/without-slots", test_without_slots);
    g_test_add_func("/pc-dimm/sizes", test_sizes);
    g_test_add_func("/pc-dimm/firmware", test_firmware);
    g_test_add_func("/pc-dimm/state", test_state);
    return g_test_run();
}
