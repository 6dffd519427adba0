/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The 8237A with a device of the test on one channel. */

#include <emu/test.h>
#include <string.h>

#define RAM_SIZE 0x40000

typedef struct {
    EmuMachine *machine;
    EmuIsaBus *isa;
    EmuIsaDma *dma;
    bool words;
    uint8_t *ram;
    EmuMemoryRegion *region;
    int moved, chunk;
} Fixture;

/* Moves at most chunk bytes of a counting pattern into memory. */
static int
device_cb(gpointer opaque, int channel, int pos, int size)
{
    Fixture *f = opaque;
    uint8_t buf[64];
    int n = MIN(MIN(f->chunk, size - pos), (int)sizeof(buf));

    for (int i = 0; i < n; i++) {
        buf[i] = (uint8_t)(f->moved + i);
    }
    EMU_ISA_DMA_GET_IFACE(f->dma)->write_memory(f->dma, channel, buf, pos, n);
    f->moved += n;
    return pos + n;
}

static void
setup_kind(Fixture *f, bool words)
{
    GError *error = NULL;

    f->words = words;
    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->isa = emu_test_isa_bus_new(f->machine);
    f->region = emu_memory_region_new_ram(NULL, "ram", RAM_SIZE, &error);
    g_assert_no_error(error);
    emu_machine_lock(f->machine);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(f->machine), 0, f->region, 0);
    emu_machine_unlock(f->machine);
    f->ram = emu_memory_region_get_ram_pointer(f->region);
    EmuDevice *dev = emu_test_add_device(f->machine, "i8257",
                                         words ? "base=0xc0,page-base=0x88,pageh-base=0x488,dshift=1" : NULL, &error);
    g_assert_no_error(error);
    f->dma = EMU_ISA_DMA(dev);
    f->chunk = 64;
    EMU_ISA_DMA_GET_IFACE(f->dma)->register_channel(f->dma, words ? 5 : 2, device_cb, f);
}

static void
setup(Fixture *f, gconstpointer data)
{
    setup_kind(f, data != NULL);
}

static void
teardown(Fixture *f, gconstpointer data)
{
    emu_machine_lock(f->machine);
    emu_memory_region_del_subregion(emu_machine_get_system_memory(f->machine), f->region);
    emu_machine_unlock(f->machine);
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
    g_object_unref(f->region);
}

static uint8_t
in(Fixture *f, uint16_t port)
{
    return (uint8_t)emu_test_in(f->machine, port, 1);
}

static void
out(Fixture *f, uint16_t port, uint8_t value)
{
    emu_test_out(f->machine, port, value, 1);
}

static void
program_channel_2(Fixture *f, uint8_t mode, uint8_t page, uint16_t address, uint16_t count)
{
    out(f, 0x0a, 0x06);
    out(f, 0x0c, 0x00);
    out(f, 0x04, address & 0xff);
    out(f, 0x04, address >> 8);
    out(f, 0x05, count & 0xff);
    out(f, 0x05, count >> 8);
    out(f, 0x81, page);
    out(f, 0x0b, mode | 2);
}

static void
hold(Fixture *f, int channel)
{
    emu_machine_lock(f->machine);
    EMU_ISA_DMA_GET_IFACE(f->dma)->hold_request(f->dma, channel);
    emu_machine_unlock(f->machine);
    emu_test_settle(f->machine);
}

static uint16_t
read16(Fixture *f, uint16_t port)
{
    uint8_t low;

    out(f, 0x0c, 0);
    low = in(f, port);
    return (uint16_t)(low | in(f, port) << 8);
}

static void
test_registers(Fixture *f, gconstpointer data)
{
    program_channel_2(f, 0x44, 0x01, 0x1234, 0x01ff);
    g_assert_cmphex(read16(f, 0x04), ==, 0x1234);
    g_assert_cmphex(read16(f, 0x05), ==, 0x01ff);
    g_assert_cmphex(in(f, 0x81), ==, 0x01);
    g_assert_cmphex(in(f, 0x0f), ==, 0xff); /* all masked after reset */
    out(f, 0x0a, 0x02);
    g_assert_cmphex(in(f, 0x0f), ==, 0xfb);
    out(f, 0x0d, 0);
    g_assert_cmphex(in(f, 0x0f), ==, 0xff);
}

static void
test_transfer(Fixture *f, gconstpointer data)
{
    program_channel_2(f, 0x44, 0x01, 0x1000, 511);
    hold(f, 2);
    g_assert_cmpint(f->moved, ==, 0); /* masked */
    g_assert_cmphex(in(f, 0x08), ==, 0x40);
    out(f, 0x0a, 0x02);
    emu_test_settle(f->machine);
    g_assert_cmpint(f->moved, ==, 512);
    for (unsigned i = 0; i < 512; i++) {
        g_assert_cmphex(f->ram[0x11000 + i], ==, i & 0xff);
    }
    g_assert_cmphex(in(f, 0x08), ==, 0x44); /* terminal count, read once */
    g_assert_cmphex(in(f, 0x08), ==, 0x40);
    g_assert_cmphex(read16(f, 0x04), ==, 0x1200);
    g_assert_cmphex(read16(f, 0x05), ==, 0xffff);
    g_assert_cmphex(in(f, 0x0f), ==, 0xff); /* and masked by it */
}

static void
test_page_wrap(Fixture *f, gconstpointer data)
{
    program_channel_2(f, 0x44, 0x01, 0xfff0, 31);
    out(f, 0x0a, 0x02);
    hold(f, 2);
    g_assert_cmphex(f->ram[0x1fff0], ==, 0);
    g_assert_cmphex(f->ram[0x1ffff], ==, 15);
    g_assert_cmphex(f->ram[0x10000], ==, 16); /* not 0x20000 */
    g_assert_cmphex(f->ram[0x20000], ==, 0);
}

static void
test_decrement(Fixture *f, gconstpointer data)
{
    program_channel_2(f, 0x64, 0x00, 0x2003, 3);
    out(f, 0x0a, 0x02);
    hold(f, 2);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(f->ram[0x2003 - i], ==, i);
    }
    g_assert_cmphex(read16(f, 0x04), ==, 0x1fff);
}

static void
test_autoinit(Fixture *f, gconstpointer data)
{
    program_channel_2(f, 0x54, 0x00, 0x3000, 15);
    f->chunk = 16;
    out(f, 0x0a, 0x02);
    hold(f, 2);
    g_assert_cmpint(f->moved, >=, 16);
    g_assert_cmphex(in(f, 0x0f), ==, 0xfb);
    g_assert_cmphex(read16(f, 0x05), ==, 15);
}

static void
test_words(Fixture *f, gconstpointer data)
{
    out(f, 0xd8, 0);
    out(f, 0xc4, 0x00); /* word address 0x0800: byte 0x1000 */
    out(f, 0xc4, 0x08);
    out(f, 0xc6, 0x0f); /* 16 words */
    out(f, 0xc6, 0x00);
    out(f, 0x8b, 0x03); /* bit 0 of the page is not used */
    out(f, 0xd6, 0x45);
    out(f, 0xd4, 0x01);
    hold(f, 5);
    g_assert_cmpint(f->moved, ==, 32);
    g_assert_cmphex(f->ram[0x21000], ==, 0);
    g_assert_cmphex(f->ram[0x2101f], ==, 31);
    g_assert_cmphex(f->ram[0x21020], ==, 0);
}

static void
test_current_registers(Fixture *f, gconstpointer data)
{
    program_channel_2(f, 0x44, 0x00, 0x4000, 15);
    out(f, 0x0a, 0x02);
    hold(f, 2);
    g_assert_cmpint(f->moved, ==, 16);
    /* Only the count anew: the address goes on from where it stands. */
    out(f, 0x0c, 0);
    out(f, 0x05, 7);
    out(f, 0x05, 0);
    g_assert_cmphex(read16(f, 0x04), ==, 0x4010);
    out(f, 0x0a, 0x02);
    emu_test_settle(f->machine);
    g_assert_cmphex(f->ram[0x4010], ==, 16);
    g_assert_cmphex(f->ram[0x4017], ==, 23);
    g_assert_cmphex(f->ram[0x4018], ==, 0);
    g_assert_cmphex(read16(f, 0x04), ==, 0x4018);
    g_assert_cmphex(read16(f, 0x05), ==, 0xffff);
    /* And only the address: the count is what terminal count left, 64 Ki more. */
    out(f, 0x0c, 0);
    out(f, 0x04, 0x00);
    out(f, 0x04, 0x50);
    g_assert_cmphex(read16(f, 0x05), ==, 0xffff);
    f->moved = 0;
    f->chunk = 0;
    out(f, 0x0a, 0x02);
    f->chunk = 64;
    hold(f, 2);
    g_assert_cmpint(f->moved, ==, 0x10000);
}

/* Bytes of a word ascend, also when the words descend. */
static void
test_decrement_words(Fixture *f, gconstpointer data)
{
    out(f, 0xd8, 0);
    out(f, 0xc4, 0x03); /* word 3: byte 6 */
    out(f, 0xc4, 0x10);
    out(f, 0xc6, 0x01);
    out(f, 0xc6, 0x00);
    out(f, 0xd6, 0x65);
    out(f, 0xd4, 0x01);
    hold(f, 5);
    g_assert_cmpint(f->moved, ==, 4);
    for (unsigned i = 0; i < 4; i++) {
        static const uint8_t expected[] = {2, 3, 0, 1}; /* at 0x2004 */

        g_assert_cmphex(f->ram[0x2004 + i], ==, expected[i]);
    }
    out(f, 0xd8, 0);
    g_assert_cmphex(in(f, 0xc4), ==, 0x01);
}

/* DREQ is a pin: no register of the controller takes it away. A guest's request is a register, and terminal count clears it. */
static void
test_requests(Fixture *f, gconstpointer data)
{
    program_channel_2(f, 0x84, 0x00, 0x4000, 15);
    f->chunk = 0;
    hold(f, 2);
    out(f, 0x09, 0x05); /* channel 1 */
    g_assert_cmphex(in(f, 0x08), ==, 0x60);
    out(f, 0x09, 0x02); /* clears the request bit, not the pin */
    g_assert_cmphex(in(f, 0x08), ==, 0x60);
    out(f, 0x0d, 0);
    g_assert_cmphex(in(f, 0x08), ==, 0x40);
    f->chunk = 16;
    out(f, 0x0e, 0);
    emu_test_settle(f->machine);
    g_assert_cmpint(f->moved, ==, 16);

    emu_machine_lock(f->machine);
    EMU_ISA_DMA_GET_IFACE(f->dma)->release_request(f->dma, 2);
    emu_machine_unlock(f->machine);
    in(f, 0x08);
    program_channel_2(f, 0x84, 0x00, 0x6000, 15);
    out(f, 0x09, 0x06); /* masked, which does not matter */
    emu_test_settle(f->machine);
    g_assert_cmpint(f->moved, ==, 32);
    g_assert_cmphex(in(f, 0x08), ==, 0x04);
}

/* A request without a device runs through its block, in block mode. */
static void
test_software_request(Fixture *f, gconstpointer data)
{
    f->ram[0x500f] = f->ram[0x5010] = 0x11;
    out(f, 0x0c, 0);
    out(f, 0x02, 0x00);
    out(f, 0x02, 0x50);
    out(f, 0x03, 15);
    out(f, 0x03, 0);
    out(f, 0x83, 0);
    out(f, 0x0b, 0x45);
    out(f, 0x09, 0x05);
    g_assert_cmphex(in(f, 0x08), ==, 0x20); /* single mode: waits */
    out(f, 0x0b, 0x85);
    out(f, 0x09, 0x05);
    g_assert_cmphex(in(f, 0x08), ==, 0x02);
    g_assert_cmphex(f->ram[0x500f], ==, 0xff);
    g_assert_cmphex(f->ram[0x5010], ==, 0x11);
    g_assert_cmphex(read16(f, 0x02), ==, 0x5010);
    g_assert_cmphex(read16(f, 0x03), ==, 0xffff);
}

static void
test_cascade_mode(Fixture *f, gconstpointer data)
{
    program_channel_2(f, 0xc4, 0x00, 0x4000, 15);
    out(f, 0x0a, 0x02);
    hold(f, 2);
    g_assert_cmpint(f->moved, ==, 0);
    out(f, 0x0b, 0x46);
    out(f, 0x0a, 0x02);
    emu_test_settle(f->machine);
    g_assert_cmpint(f->moved, ==, 16);
}

static char order[16];

static int
order_cb(gpointer opaque, int channel, int pos, int size)
{
    g_snprintf(order + strlen(order), sizeof order - strlen(order), "%d", channel);
    return size;
}

/* Fixed: channel 0 first. Rotating: the one served last comes last. */
static void
test_priority(Fixture *f, gconstpointer data)
{
    EmuIsaDmaInterface *dma = EMU_ISA_DMA_GET_IFACE(f->dma);

    for (unsigned command = 0; command <= 0x10; command += 0x10) {
        out(f, 0x0d, 0);
        emu_machine_lock(f->machine);
        for (int n = 0; n < 3; n++) {
            dma->register_channel(f->dma, n, order_cb, f);
        }
        emu_machine_unlock(f->machine);
        order[0] = 0;
        out(f, 0x08, command);
        out(f, 0x0b, 0x05);
        hold(f, 1);
        out(f, 0x0a, 0x01); /* channel 1 is served, and masked again */
        emu_test_settle(f->machine);
        hold(f, 0);
        hold(f, 2);
        out(f, 0x0e, 0);
        emu_test_settle(f->machine);
        g_assert_cmpstr(order, ==, command ? "1201" : "1012");
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, data, fn) g_test_add("/dma/" path, Fixture, data, setup, fn, teardown)
    ADD("registers", NULL, test_registers);
    ADD("transfer", NULL, test_transfer);
    ADD("address-wraps-in-its-page", NULL, test_page_wrap);
    ADD("decrement", NULL, test_decrement);
    ADD("auto-initialize", NULL, test_autoinit);
    ADD("words", "words", test_words);
    ADD("address-and-count-are-registers-of-their-own", NULL, test_current_registers);
    ADD("decrement-words", "words", test_decrement_words);
    ADD("requests/of-devices-are-pins", NULL, test_requests);
    ADD("requests/software-without-device", NULL, test_software_request);
    ADD("cascade-mode-moves-nothing", NULL, test_cascade_mode);
    ADD("priority/fixed-and-rotating", NULL, test_priority);
    return g_test_run();
}
