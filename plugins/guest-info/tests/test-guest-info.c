/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/fw-cfg.h>
#include <emu/test.h>

#include <string.h>

static EmuMachine *
new_machine(const char *type, const char *properties)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("pc", &error);

    g_assert_no_error(error);
    g_assert_nonnull(emu_test_add_device(m, type, properties, &error));
    g_assert_no_error(error);
    return m;
}

static void
end(EmuMachine *m)
{
    emu_machine_destroy(m);
    g_object_unref(m);
}

/* Writes a file as a guest does: a control structure in memory, its address to the DMA port. */
static void
dma_write_file(EmuMachine *m, const char *name, const void *data, gsize len)
{
    uint16_t key = 0;
    uint32_t n;

    emu_test_out(m, 0x510, EMU_FW_CFG_FILE_DIR, 2);
    n = (uint32_t)emu_test_in(m, 0x511, 1) << 24 | (uint32_t)emu_test_in(m, 0x511, 1) << 16 | (uint32_t)emu_test_in(m, 0x511, 1) << 8;
    n |= (uint32_t)emu_test_in(m, 0x511, 1);
    for (uint32_t i = 0; i < n; i++) {
        uint8_t entry[64];

        for (unsigned j = 0; j < sizeof entry; j++) {
            entry[j] = (uint8_t)emu_test_in(m, 0x511, 1);
        }
        if (strcmp((const char *)entry + 8, name) == 0) {
            key = (uint16_t)(entry[4] << 8 | entry[5]);
        }
    }
    g_assert_cmphex(key, !=, 0);
    for (gsize i = 0; i < len; i++) {
        emu_test_write(m, 0x2000 + i, ((const uint8_t *)data)[i], 1);
    }
    emu_test_write(m, 0x1000, GUINT32_TO_BE((uint32_t)key << 16 | 0x18), 4); /* select, write */
    emu_test_write(m, 0x1004, GUINT32_TO_BE((uint32_t)len), 4);
    emu_test_write(m, 0x1008, GUINT64_TO_BE(UINT64_C(0x2000)), 8);
    emu_test_out(m, 0x514, 0, 4);
    emu_test_out(m, 0x518, GUINT32_TO_BE(0x1000u), 4);
    g_assert_cmphex(emu_test_read(m, 0x1000, 4), ==, 0);
}

static void
test_vmgenid(void)
{
    static const uint8_t guid[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;
    EmuMachine *m = new_machine("vmgenid", "guid=00112233-4455-6677-8899-aabbccddeeff");
    uint64_t address = GUINT64_TO_LE(UINT64_C(0x3028));
    const uint8_t *page;
    gsize len;

    page = emu_fw_cfg_get_file(emu_machine_find_fw_cfg(m), "etc/vmgenid_guid", &len);
    g_assert_cmpuint(len, ==, 4096);
    g_assert_cmpmem(page + 40, 16, guid, 16);
    dma_write_file(m, "etc/vmgenid_addr", &address, sizeof address);
    state = emu_test_save(m, &error);
    g_assert_no_error(error);
    emu_machine_lock(m);
    emu_machine_stop(m, EMU_RUN_STATE_RESTORE_VM);
    emu_machine_unlock(m);
    g_assert_true(emu_test_load(m, state, &error));
    g_assert_cmphex(emu_test_read(m, 0x3028, 8), ==, 0);
    emu_machine_lock(m);
    emu_machine_start(m);
    emu_machine_unlock(m);
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(emu_test_read(m, 0x3028 + i, 1), ==, guid[i]);
    }
    end(m);
}

static void
test_vmgenid_refusals(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = new_machine("vmgenid", NULL);

    g_assert_null(emu_test_add_device(m, "vmgenid", NULL, &error));
    g_assert_nonnull(strstr(error->message, "already"));
    end(m);
    g_clear_error(&error);
    m = emu_test_machine_new("pc", NULL);
    g_assert_null(emu_test_add_device(m, "vmgenid", "guid=me", &error));
    g_assert_nonnull(strstr(error->message, "guid is 'me'"));
    end(m);
}

static void
test_vmcoreinfo(void)
{
    EmuMachine *m = new_machine("vmcoreinfo", "id=v");
    EmuObject *dev = emu_object_resolve_path(emu_machine_get_root(m), "v", NULL);
    const uint8_t note[16] = {1, 0, 1, 0, 0x24, 0x10, 0, 0, 0, 0x40, 0x23, 1, 0, 0, 0, 0};
    g_autofree char *before = emu_object_get_as_string(dev, "note", NULL), *after = NULL, *reset = NULL;

    g_assert_cmpstr(before, ==, "none");
    dma_write_file(m, "etc/vmcoreinfo", note, sizeof note);
    after = emu_object_get_as_string(dev, "note", NULL);
    g_assert_cmpstr(after, ==, "format 1, 4132 bytes at 0x1234000");
    emu_test_reset(m);
    reset = emu_object_get_as_string(dev, "note", NULL);
    g_assert_cmpstr(reset, ==, "none");
    end(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/guest-info/vmgenid", test_vmgenid);
    g_test_add_func("/guest-info/vmgenid-refusals", test_vmgenid_refusals);
    g_test_add_func("/guest-info/vmcoreinfo", test_vmcoreinfo);
    return g_test_run();
}
