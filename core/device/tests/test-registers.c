/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/registers.h>
#include <emu/test.h>
#include <stdio.h>
#include <string.h>

#define BASE UINT64_C(0xd0000000)

typedef struct {
    EmuSysbusDevice parent_instance;
    EmuLine *irq;
    uint32_t control;
    uint32_t status;
    uint16_t events;
    uint8_t sticky;
    uint64_t wide;
    uint32_t slots[4];
    struct {
        uint8_t before, value;
    } spread[3];
    unsigned reads, commands;
    uint64_t command;
} Part;

static void
part_changed(gpointer opaque)
{
    Part *self = opaque;

    emu_line_set(self->irq, (self->control & 1) && self->status);
}

static uint64_t
part_read_count(gpointer opaque, unsigned index G_GNUC_UNUSED)
{
    return ++((Part *)opaque)->reads;
}

static void
part_command(gpointer opaque, unsigned index, uint64_t value, uint64_t old G_GNUC_UNUSED)
{
    Part *self = opaque;

    self->commands++;
    self->command = value;
    if (value == 0x55) {
        self->status |= 0xf0f;
        self->events = 0x1234;
    }
}

static const EmuRegister part_registers[] = {
    EMU_REG32(Part, control, "CONTROL", 0x00, EMU_RW, 0x30, .blurb = "what it does",
              .fields = EMU_REG_FIELDS({"ENABLE", 0, 1, .blurb = "may interrupt"}, {"START", 1, 1, EMU_WO}, {"MODE", 4, 3},
                                       {"BUSY", 8, 1, EMU_RO}, {"DONE", 9, 1, EMU_W1C}), .write = part_command),
    EMU_REG32(Part, status, "STATUS", 0x04, EMU_W1C, 0),
    EMU_REG16(Part, events, "EVENTS", 0x08, EMU_RC, 0),
    EMU_REG8(Part, sticky, "STICKY", 0x0a, EMU_RW, 0, .flags = EMU_REGISTER_KEEP, .writable = 0x0f),
    EMU_REG_CALL("COMMAND", 0x0b, 1, EMU_WO, .write = part_command),
    EMU_REG_CALL("COUNT", 0x0c, 4, EMU_RO, .read = part_read_count, .flags = EMU_REGISTER_OPAQUE),
    EMU_REG64(Part, wide, "WIDE", 0x10, EMU_RW, 0x1122334455667788),
    EMU_REG_ARRAY(Part, slots, "SLOT", 0x20, 4, 8, EMU_RW, 7),
    {.name = "SPREAD", .offset = 0x40, .width = 1, .access = EMU_RW, .reset = 3, .member = offsetof(Part, spread[0].value),
     .member_size = 1, .num = 3, .stride = 1, .member_stride = 2},
    EMU_REG_CONST("ID", 0x50, 2, 0xbeef),
};
EMU_REGISTER_BANK(part_bank, "part", 0x60, part_registers, .changed = part_changed, .hole = 0xff, .valid_unaligned = true)

static bool
part_realize(EmuDevice *dev, GError **error G_GNUC_UNUSED)
{
    emu_device_add_lines_out(dev, NULL, 1, &((Part *)dev)->irq);
    emu_sysbus_add_mmio(EMU_SYSBUS_DEVICE(dev), emu_registers_new_region(dev, &part_bank, dev));
    return true;
}

static void
part_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EMU_DEVICE_CLASS(klass)->realize = part_realize;
    emu_device_class_add_registers(klass, &part_bank, 0);
}

static const EmuTypeInfo part_info = {
    .name = "test-part", .parent = "sysbus-device", .instance_size = sizeof(Part), .class_init = part_class_init};
EMU_REGISTER_TYPE(part_info)

typedef struct {
    EmuMachine *m;
    Part *part;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->part = (Part *)emu_test_add_device(f->m, "test-part", NULL, &error);
    g_assert_no_error(error);
    emu_machine_lock(f->m);
    emu_sysbus_map(EMU_SYSBUS_DEVICE(f->part), 0, BASE, 0);
    emu_machine_unlock(f->m);
    emu_test_reset(f->m);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static uint64_t
get(Fixture *f, unsigned offset, unsigned size)
{
    return emu_test_read(f->m, BASE + offset, size);
}

static void
put(Fixture *f, unsigned offset, uint64_t value, unsigned size)
{
    emu_test_write(f->m, BASE + offset, value, size);
}

static void
test_access(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    /* Fields: only what they say can change. */
    g_assert_cmphex(get(f, 0, 4), ==, 0x30);
    f->part->control = 0x330;
    put(f, 0, 0xffffffff, 4);
    g_assert_cmphex(f->part->control, ==, 0x171); /* START not kept, BUSY as it was, DONE cleared, the rest reserved */
    g_assert_cmphex(f->part->command, ==, 0xffffffff);
    put(f, 0, 0, 4);
    g_assert_cmphex(f->part->control, ==, 0x100);
    f->part->status = 0xff;
    put(f, 4, 0x0f, 4);
    g_assert_cmphex(get(f, 4, 4), ==, 0xf0);
    f->part->events = 0xabcd;
    g_assert_cmphex(get(f, 8, 1), ==, 0xcd);
    g_assert_cmphex(f->part->events, ==, 0xab00);
    g_assert_cmphex(get(f, 8, 2), ==, 0xab00);
    g_assert_cmphex(get(f, 8, 2), ==, 0);
    put(f, 8, 0xffff, 2);
    g_assert_cmphex(f->part->events, ==, 0);
    put(f, 0x0a, 0xff, 1);
    g_assert_cmphex(get(f, 0x0a, 1), ==, 0x0f);
    g_assert_cmphex(get(f, 0x0b, 1), ==, 0);
    g_assert_cmphex(get(f, 0x50, 2), ==, 0xbeef);
    put(f, 0x50, 0, 2);
    g_assert_cmphex(get(f, 0x50, 2), ==, 0xbeef);
    g_assert_cmphex(get(f, 0x5f, 1), ==, 0xff);
    put(f, 0x5f, 1, 1);
}

static void
test_widths(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_assert_cmphex(get(f, 0x10, 8), ==, 0x1122334455667788);
    g_assert_cmphex(get(f, 0x14, 4), ==, 0x11223344);
    g_assert_cmphex(get(f, 0x11, 2), ==, 0x6677);
    put(f, 0x12, 0xaa, 1);
    g_assert_cmphex(f->part->wide, ==, 0x1122334455aa7788);
    put(f, 0x13, 0xbbccdd, 4); /* 13 to 16 */
    g_assert_cmphex(f->part->wide, ==, 0x1100bbccddaa7788);
    /* Over STATUS, EVENTS, STICKY and COMMAND at once, lowest first; each sees its own part. */
    f->part->status = 0xff;
    f->part->events = 1;
    put(f, 0x04, 0x55fe0000000000f0, 8);
    g_assert_cmphex(f->part->status, ==, 0xf0f);
    g_assert_cmphex(f->part->sticky, ==, 0x0e);
    g_assert_cmphex(f->part->command, ==, 0x55);
    g_assert_cmphex(get(f, 0x04, 8), ==, 0x000e123400000f0f);
    /* Ones in bytes that a write does not reach clear nothing. */
    f->part->status = 0xffff;
    put(f, 0x05, 0xff, 1);
    g_assert_cmphex(f->part->status, ==, 0xff);
    /* A narrow write of a register with a function has the other bytes in it. */
    put(f, 0x00, 0x41, 1);
    g_assert_cmphex(f->part->control, ==, 0x41);
    put(f, 0x01, 0, 1);
    g_assert_cmphex(f->part->command, ==, 0x41);
    /* A register is read once, however it is cut. */
    g_assert_cmpuint(get(f, 0x0c, 4), ==, 1);
    g_assert_cmpuint(get(f, 0x0c, 2), ==, 2);
}

static void
test_arrays(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(get(f, 0x20 + 8 * i, 4), ==, 7);
        put(f, 0x20 + 8 * i, i + 100, 4);
    }
    g_assert_cmpuint(f->part->slots[3], ==, 103);
    g_assert_cmphex(get(f, 0x2c, 4), ==, 0xffffffff); /* between two */
    put(f, 0x40, 0x332211, 4);
    g_assert_cmphex(f->part->spread[0].value, ==, 0x11);
    g_assert_cmphex(f->part->spread[2].value, ==, 0x33);
    g_assert_cmphex(f->part->spread[1].before, ==, 0);
}

static void
test_reset_and_line(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(EmuTestWatch) watch = emu_test_watch_line(f->part->irq);

    put(f, 0x0a, 5, 1);
    put(f, 0, 1, 4);
    put(f, 0x0b, 0x55, 1);
    g_assert_cmpint(watch->level, ==, 1);
    put(f, 4, 0xffffffff, 4);
    g_assert_cmpint(watch->level, ==, 0);
    put(f, 0x0b, 0x55, 1);
    emu_test_reset(f->m);
    g_assert_cmpint(watch->level, ==, 0);
    g_assert_cmphex(f->part->control, ==, 0x30);
    g_assert_cmphex(f->part->sticky, ==, 5);
    g_assert_cmphex(f->part->slots[2], ==, 7);
    g_assert_cmphex(f->part->spread[1].value, ==, 3);
}

static void
test_state(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) state = NULL, again = NULL;

    put(f, 0, 0x71, 4);
    put(f, 0x0b, 0x55, 1);
    put(f, 0x28, 9, 4);
    put(f, 0x41, 8, 1);
    put(f, 0x0a, 9, 1);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    f->part->sticky = 0;
    g_assert_true(emu_test_load(f->m, state, &error));
    g_assert_cmphex(f->part->control, ==, 0x71);
    g_assert_cmphex(f->part->status, ==, 0xf0f);
    g_assert_cmphex(f->part->slots[1], ==, 9);
    g_assert_cmphex(f->part->spread[1].value, ==, 8);
    g_assert_cmphex(f->part->sticky, ==, 9);
    again = emu_test_save(f->m, &error);
    g_assert_true(g_bytes_equal(state, again));
}

static void
test_inspection(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) of_type = emu_type_list_registers("test-part", &error), of_device = NULL;
    g_autofree char *json = NULL, *page = NULL;
    EmuRegisterInfo *info;
    uint64_t value;

    g_assert_no_error(error);
    g_assert_cmpuint(of_type->len, ==, 7 + 4 + 3 + 1);
    info = g_ptr_array_index(of_type, 0);
    g_assert_cmpstr(info->name, ==, "CONTROL");
    g_assert_cmpstr(info->bank, ==, "part");
    g_assert_cmphex(info->reset, ==, 0x30);
    g_assert_cmphex(info->writable, ==, 0x273);
    g_assert_false(info->has_value);
    g_assert_cmpuint(info->fields->len, ==, 5);
    f->part->control = 0x60;
    f->part->events = 3;
    emu_machine_lock(f->m);
    of_device = emu_device_list_registers(EMU_DEVICE(f->part));
    info = g_ptr_array_index(of_device, 0);
    g_assert_true(info->has_value);
    g_assert_cmphex(info->value, ==, 0x60);
    g_assert_cmphex(((EmuRegisterFieldInfo *)g_ptr_array_index(info->fields, 2))->value, ==, 6);
    g_assert_true(emu_device_peek_register(EMU_DEVICE(f->part), "EVENTS", &value, &error));
    g_assert_cmphex(value, ==, 3);
    g_assert_cmphex(f->part->events, ==, 3); /* only looked at */
    g_assert_true(emu_device_peek_register(EMU_DEVICE(f->part), "part.SLOT[1]", &value, &error));
    g_assert_cmphex(value, ==, 7);
    g_assert_false(emu_device_peek_register(EMU_DEVICE(f->part), "COUNT", &value, &error));
    g_assert_cmpstr(strstr(error->message, "register"), ==, "register 'COUNT' cannot be read without an effect");
    g_clear_error(&error);
    g_assert_cmpuint(f->part->reads, ==, 0);
    g_assert_false(emu_device_peek_register(EMU_DEVICE(f->part), "NONE", &value, &error));
    g_clear_error(&error);
    g_assert_true(emu_device_poke_register(EMU_DEVICE(f->part), "SLOT[2]", 77, &error));
    emu_machine_unlock(f->m);
    g_assert_cmpuint(f->part->slots[2], ==, 77);
    json = emu_type_describe_registers("test-part", &error);
    g_assert_nonnull(strstr(json, "{\"name\": \"SLOT\", \"offset\": 32, \"width\": 4, \"access\": \"RW\", \"reset\": 7, \"writable\": 4294967295, \"num\": 4, \"stride\": 8, \"fields\": []}"));
    page = emu_type_document_registers("test-part", &error);
    g_assert_nonnull(strstr(page, "| 0x20 + 0x8 n, n < 4 | SLOT | 32 | RW | 0x7 |"));
    g_assert_nonnull(strstr(page, "| 6:4 | MODE | RW |"));
    g_assert_null(emu_type_list_registers("main-system-bus", &error));
    g_assert_nonnull(error);
}

static void
test_trace(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "test-registers.log", NULL), *text = NULL;
    g_autoptr(GError) error = NULL;

    emu_log_set_file(path, &error);
    g_assert_no_error(error);
    emu_trace_enable("part_bank_*");
    put(f, 0, 0x51, 4);
    get(f, 0x22, 2);
    emu_trace_enable("-part_bank_*");
    put(f, 0, 0, 4);
    emu_log_set_file(NULL, NULL);
    g_assert_true(g_file_get_contents(path, &text, NULL, &error));
    remove(path);
    g_assert_cmpstr(text, ==,
                    "part_bank_write part CONTROL 0x00000051 (ENABLE=0x1 START=0x0 MODE=0x5 BUSY=0x0 DONE=0x0)\n"
                    "part_bank_read part SLOT[0] 0x00000007\n");
}

static const EmuRegister big_registers[] = {EMU_REG32(Part, control, "A", 0, EMU_RW, 0), EMU_REG32(Part, status, "B", 4, EMU_RW, 0)};
EMU_REGISTER_BANK(big_bank, "big", 8, big_registers, .endian = EMU_ENDIAN_BIG, .valid_unaligned = true)

static void
test_big_endian(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    EmuMemoryRegion *mr = emu_registers_new_region(f->part, &big_bank, f->part);

    emu_machine_lock(f->m);
    emu_memory_region_add_subregion(emu_machine_get_system_memory(f->m), BASE + 0x1000, mr, 0);
    emu_machine_unlock(f->m);
    f->part->control = 0x11223344;
    f->part->status = 0x55667788;
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmphex(get(f, 0x1000 + i, 1), ==, 0x11 * (i + 1));
    }
    g_assert_cmphex(get(f, 0x1000, 8), ==, 0x8877665544332211); /* what a little-endian bus makes of it */
    g_assert_cmphex(get(f, 0x1002, 4), ==, 0x66554433);
    put(f, 0x1003, 0xaa, 1);
    g_assert_cmphex(f->part->control, ==, 0x112233aa);
    put(f, 0x1003, 0xccbb, 2);
    g_assert_cmphex(f->part->control, ==, 0x112233bb);
    g_assert_cmphex(f->part->status, ==, 0xcc667788);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(name, fn) g_test_add("/registers/" name, Fixture, NULL, set_up, fn, tear_down)
    ADD("access-rules", test_access);
    ADD("widths", test_widths);
    ADD("arrays", test_arrays);
    ADD("reset-and-line", test_reset_and_line);
    ADD("saved-state", test_state);
    ADD("inspection", test_inspection);
    ADD("trace", test_trace);
    ADD("big-endian", test_big_endian);
    return g_test_run();
}
