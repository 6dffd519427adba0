/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/fw-cfg.h>
#include <emu/test.h>

#include <string.h>

typedef struct {
    EmuMachine *machine;
    EmuFwCfg *fw_cfg;
    EmuMemoryRegion *ram;
    unsigned selected;
} Fixture;

static void
setup(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    GError *error = NULL;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->fw_cfg = EMU_FW_CFG(emu_test_add_device(f->machine, "fw_cfg_io", NULL, &error));
    g_assert_no_error(error);
    emu_machine_lock(f->machine);
    f->ram = emu_memory_region_new_ram(f->machine, "test-ram", 0x10000, &error);
    g_assert_no_error(error);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(f->machine), 0, f->ram, 10);
    emu_machine_unlock(f->machine);
}

static void
teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static void
read_item(Fixture *f, uint16_t key, void *buf, gsize len)
{
    emu_test_out(f->machine, 0x510, key, 2);
    for (gsize i = 0; i < len; i++) {
        ((uint8_t *)buf)[i] = emu_test_in(f->machine, 0x511, 1);
    }
}

/* Runs one DMA; returns the control word that the device leaves. */
static uint32_t
dma(Fixture *f, uint32_t control, uint32_t length, uint64_t address)
{
    uint8_t *ram = emu_memory_region_get_ram_pointer(f->ram);
    uint32_t c = GUINT32_TO_BE(control), l = GUINT32_TO_BE(length);
    uint64_t a = GUINT64_TO_BE(address);

    memcpy(ram + 0x100, &c, 4);
    memcpy(ram + 0x104, &l, 4);
    memcpy(ram + 0x108, &a, 8);
    emu_test_out(f->machine, 0x518, GUINT32_TO_BE(0x100), 4);
    memcpy(&c, ram + 0x100, 4);
    return GUINT32_FROM_BE(c);
}

static uint32_t
get_control(Fixture *f)
{
    return GUINT32_FROM_BE((uint32_t)emu_test_read(f->machine, 0x100, 4));
}

static void
select_cb(gpointer opaque)
{
    Fixture *f = opaque;

    f->selected++;
    emu_fw_cfg_modify_file(f->fw_cfg, "etc/late", "built late", 10);
}

static void
test_signature(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    char text[5] = "";
    uint32_t id = 0;

    read_item(f, EMU_FW_CFG_SIGNATURE, text, 4);
    g_assert_cmpstr(text, ==, "QEMU");
    read_item(f, EMU_FW_CFG_ID, &id, 4);
    g_assert_cmpuint(GUINT32_FROM_LE(id), ==, 3);
    g_assert_cmphex(emu_test_in(f->machine, 0x514, 4), ==, GUINT32_TO_BE(0x51454d55));
    g_assert_cmphex(emu_test_in(f->machine, 0x518, 4), ==, GUINT32_TO_BE(0x20434647));
}

static void
test_directory(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint8_t directory[4 + 3 * 64];

    emu_fw_cfg_add_file(f->fw_cfg, "etc/b", "bb", 2);
    emu_fw_cfg_add_file(f->fw_cfg, "bootorder", "x", 1);
    emu_fw_cfg_add_file(f->fw_cfg, "etc/a", "aaa", 3);
    read_item(f, EMU_FW_CFG_FILE_DIR, directory, sizeof directory);
    g_assert_cmpuint(directory[3], ==, 3);
    g_assert_cmpstr((char *)directory + 4 + 8, ==, "bootorder");
    g_assert_cmpstr((char *)directory + 68 + 8, ==, "etc/a");
    g_assert_cmpuint(directory[68 + 3], ==, 3);
    g_assert_cmphex(directory[68 + 5], ==, 0x21);
    read_item(f, 0x22, directory, 4);
    g_assert_cmpmem(directory, 4, "bb\0\0", 4);
}

static void
test_dma_read(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint8_t *ram = emu_memory_region_get_ram_pointer(f->ram);

    emu_fw_cfg_add_bytes(f->fw_cfg, EMU_FW_CFG_KERNEL_DATA, "0123456789", 10);
    memset(ram + 0x200, 0xee, 32);
    g_assert_cmphex(dma(f, EMU_FW_CFG_KERNEL_DATA << 16 | 0x0a, 4, 0x200), ==, 0);
    g_assert_cmphex(dma(f, 0x04, 2, 0), ==, 0);          /* skip */
    g_assert_cmphex(dma(f, 0x02, 8, 0x204), ==, 0);      /* past the end: zeroes */
    g_assert_cmpmem(ram + 0x200, 13, "01236789\0\0\0\0\xee", 13);
}

static void
test_dma_errors(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_fw_cfg_add_bytes(f->fw_cfg, EMU_FW_CFG_KERNEL_DATA, "0123456789", 10);
    g_assert_cmphex(dma(f, EMU_FW_CFG_KERNEL_DATA << 16 | 0x0a, 4, 0x80000000), ==, 1);
    dma(f, EMU_FW_CFG_KERNEL_DATA << 16 | 0x0a, 0xffffffff, 0x200);
    emu_test_settle(f->machine);
    g_assert_cmphex(get_control(f), ==, 1);
    g_assert_cmphex(dma(f, EMU_FW_CFG_KERNEL_DATA << 16 | 0x18, 4, 0x200), ==, 1); /* not writable */
    /* A descriptor where nothing is. */
    emu_test_out(f->machine, 0x518, GUINT32_TO_BE(0x90000000), 4);
}

/* A length that no item has: what is done at once is bounded, and the guest sees when the rest is done. */
static void
test_dma_in_pieces(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL;
    const uint32_t size = 8 << 20, length = 5 << 20, read = EMU_FW_CFG_KERNEL_DATA << 16 | 0x0a;
    EmuMemoryRegion *ram;
    uint8_t *bytes;

    emu_fw_cfg_add_bytes(f->fw_cfg, EMU_FW_CFG_KERNEL_DATA, "0123456789", 10);
    emu_machine_lock(f->machine);
    ram = emu_memory_region_new_ram(f->machine, "more-ram", size, &error);
    g_assert_no_error(error);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(f->machine), 1 << 20, ram, 10);
    emu_machine_unlock(f->machine);
    bytes = emu_memory_region_get_ram_pointer(ram);
    memset(bytes, 0xee, size);
    g_assert_cmphex(dma(f, read, length, 1 << 20), ==, read); /* under way */
    g_assert_cmpmem(bytes, 11, "0123456789", 11);
    g_assert_cmphex(bytes[length - 1], ==, 0xee);
    emu_test_settle(f->machine);
    g_assert_cmphex(get_control(f), ==, 0);
    for (uint32_t i = 10; i < length; i++) {
        g_assert_cmphex(bytes[i], ==, 0);
    }
    g_assert_cmphex(bytes[length], ==, 0xee);
    /* Memory ends before the length does. */
    dma(f, read, 0xffffffff, 1 << 20);
    emu_test_settle(f->machine);
    g_assert_cmphex(get_control(f), ==, 1);
    /* What is under way is part of a state, and of no machine that was reset. */
    dma(f, read, length, 1 << 20);
    state = emu_test_save(f->machine, &error);
    g_assert_no_error(error);
    emu_test_reset(f->machine);
    memset(bytes, 0xee, size);
    emu_test_settle(f->machine);
    g_assert_cmphex(bytes[length - 1], ==, 0xee);
    g_assert_true(emu_test_load(f->machine, state, &error));
    g_assert_no_error(error);
    emu_test_settle(f->machine);
    g_assert_cmphex(bytes[length - 1], ==, 0);
    g_assert_cmphex(get_control(f), ==, 0);
    /* One that does not wait for the last. */
    emu_test_write(f->machine, 0x200, GUINT32_TO_BE(0x04), 4);
    emu_test_write(f->machine, 0x204, 0, 4);
    g_assert_cmphex(dma(f, read, length, 1 << 20), ==, read);
    emu_test_out(f->machine, 0x518, GUINT32_TO_BE(0x200), 4);
    g_assert_cmphex(get_control(f), ==, 1);
    g_assert_cmphex(emu_test_read(f->machine, 0x200, 4), ==, 0);
    emu_test_settle(f->machine);
    g_assert_cmphex(get_control(f), ==, 1);
}

static void
test_select(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    char text[11] = "";

    emu_fw_cfg_add_file_full(f->fw_cfg, "etc/late", "", 0, select_cb, f, false);
    read_item(f, 0x20, text, 10);
    g_assert_cmpuint(f->selected, ==, 1);
    g_assert_cmpstr(text, ==, "built late");
}

static void
test_write(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    uint8_t *ram = emu_memory_region_get_ram_pointer(f->ram);
    gsize len;

    emu_fw_cfg_add_file_full(f->fw_cfg, "etc/slot", "\0\0\0\0", 4, NULL, NULL, true);
    memcpy(ram + 0x200, "word", 4);
    g_assert_cmphex(dma(f, 0x20 << 16 | 0x18, 4, 0x200), ==, 0);
    g_assert_cmpmem(emu_fw_cfg_get_file(f->fw_cfg, "etc/slot", &len), 4, "word", 4);
    g_assert_cmphex(dma(f, 0x20 << 16 | 0x18, 5, 0x200), ==, 1);
    g_assert_null(emu_fw_cfg_get_file(f->fw_cfg, "etc/none", &len));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add(path, Fixture, NULL, setup, fn, teardown)
    ADD("/fw-cfg/signature/as-firmware-expects", test_signature);
    ADD("/fw-cfg/directory/sorted-by-name", test_directory);
    ADD("/fw-cfg/dma/reads-skips-and-pads", test_dma_read);
    ADD("/fw-cfg/dma/bad-addresses-are-errors", test_dma_errors);
    ADD("/fw-cfg/dma/long-ones-go-in-pieces", test_dma_in_pieces);
    ADD("/fw-cfg/select/builds-late", test_select);
    ADD("/fw-cfg/dma/writes-what-is-writable", test_write);
    return g_test_run();
}
