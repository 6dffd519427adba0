/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <emu/spi.h>
#include <emu/test.h>
#include <string.h>

/* A shift register: what came in goes out one word later. */
typedef struct {
    EmuSpiDevice parent_instance;
    uint32_t held;
    unsigned words, begins, ends;
} Shift;

static uint32_t
shift_transfer(EmuSpiDevice *dev, uint32_t value)
{
    Shift *self = (Shift *)dev;
    uint32_t out = self->held;

    self->held = value;
    self->words++;
    return out;
}

static void
shift_select(EmuSpiDevice *dev, bool active)
{
    Shift *self = (Shift *)dev;

    *(active ? &self->begins : &self->ends) += 1;
}

static const EmuVMField shift_fields[] = {EMU_VM_SPI_DEVICE(Shift, parent_instance), EMU_VM_U32(Shift, held), EMU_VM_END};
static const EmuVMState shift_vmstate = {.name = "test-shift", .version = 1, .minimum_version = 1, .fields = shift_fields};

static void
shift_class_init(gpointer klass, gconstpointer data)
{
    EMU_SPI_DEVICE_CLASS(klass)->transfer = shift_transfer;
    EMU_SPI_DEVICE_CLASS(klass)->select = shift_select;
    EMU_SPI_DEVICE_CLASS(klass)->word_bits = data ? 16 : 8;
    EMU_SPI_DEVICE_CLASS(klass)->select_high = data != NULL;
    EMU_DEVICE_CLASS(klass)->vmstate = &shift_vmstate;
    EMU_DEVICE_CLASS(klass)->hotpluggable = true;
}

static const EmuTypeInfo shift_info = {
    .name = "test-shift", .parent = "spi-device", .instance_size = sizeof(Shift), .class_init = shift_class_init};
static const EmuTypeInfo shift16_info = {
    .name = "test-shift16", .parent = "spi-device", .instance_size = sizeof(Shift), .class_init = shift_class_init, .class_data = "high"};
EMU_REGISTER_TYPE(shift_info)
EMU_REGISTER_TYPE(shift16_info)

typedef struct {
    EmuMachine *m;
    EmuSpiBus *bus;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    f->m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    f->bus = emu_test_spi_bus_new(f->m, 3);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_machine_destroy(f->m);
    g_object_unref(f->m);
}

static Shift *
add(Fixture *f, const char *type, const char *properties)
{
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_test_add_device(f->m, type, properties, &error);

    g_assert_no_error(error);
    return (Shift *)dev;
}

static void
test_selects(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    Shift *b = add(f, "test-shift", "cs=1"), *a = add(f, "test-shift", NULL), *c = add(f, "test-shift16", NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpuint(emu_spi_device_get_select(EMU_SPI_DEVICE(a)), ==, 0);
    g_assert_cmpuint(emu_spi_device_get_select(EMU_SPI_DEVICE(c)), ==, 2);
    g_assert_true(emu_spi_bus_get_device(f->bus, 1) == EMU_SPI_DEVICE(b));
    g_assert_null(emu_test_add_device(f->m, "test-shift", "cs=1", &error));
    g_assert_nonnull(strstr(error->message, "cs is 1, expected one of the 3"));
    g_clear_error(&error);
    g_assert_null(emu_test_add_device(f->m, "test-shift", NULL, &error));
    g_assert_nonnull(strstr(error->message, "all 3 chip selects"));
    g_clear_error(&error);

    g_assert_cmphex(emu_spi_transfer(f->bus, 0x12, 8), ==, 0xff); /* nobody */
    emu_test_spi_select(f->bus, 0, true);
    g_assert_true(emu_spi_device_is_selected(EMU_SPI_DEVICE(a)));
    g_assert_cmphex(emu_spi_transfer(f->bus, 0x12, 8), ==, 0);
    g_assert_cmphex(emu_spi_transfer(f->bus, 0x34, 8), ==, 0x12);
    /* A longer word comes in pieces, most significant first. */
    g_assert_cmphex(emu_spi_transfer(f->bus, 0xa1b2c3, 24), ==, 0x34a1b2);
    emu_test_spi_select(f->bus, 1, true);
    g_assert_cmphex(emu_spi_transfer(f->bus, 0xff, 8), ==, 0); /* two at once */
    emu_test_spi_select(f->bus, 0, false);
    emu_test_spi_select(f->bus, 0, false);
    g_assert_cmphex(emu_spi_transfer(f->bus, 0x00, 8), ==, 0xff);
    g_assert_cmpuint(a->words, ==, 6);
    g_assert_cmpuint(a->begins, ==, 1);
    g_assert_cmpuint(a->ends, ==, 1);
    emu_test_spi_select(f->bus, 1, false);
    /* Active high, words of 16 bits; drives of a level it has already do not reach it. */
    g_assert_false(emu_spi_device_is_selected(EMU_SPI_DEVICE(c)));
    emu_spi_bus_set_select(f->bus, 2, 0);
    g_assert_cmpuint(c->begins + c->ends, ==, 0);
    emu_spi_bus_set_select(f->bus, 2, 1);
    g_assert_cmphex(emu_spi_transfer(f->bus, 0x12345678, 32), ==, 0x1234);
    g_assert_cmpuint(c->words, ==, 2);
}

static void
test_state_and_unplug(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    Shift *a = add(f, "test-shift", NULL);
    g_autoptr(GBytes) state = NULL;
    g_autoptr(GError) error = NULL;

    emu_test_spi_select(f->bus, 0, true);
    emu_spi_transfer(f->bus, 0x77, 8);
    state = emu_test_save(f->m, &error);
    g_assert_no_error(error);
    emu_test_reset(f->m);
    g_assert_false(emu_spi_device_is_selected(EMU_SPI_DEVICE(a)));
    a->held = 0;
    g_assert_true(emu_test_load(f->m, state, &error));
    g_assert_true(emu_spi_device_is_selected(EMU_SPI_DEVICE(a)));
    g_assert_cmphex(emu_spi_transfer(f->bus, 0, 8), ==, 0x77);
    emu_machine_lock(f->m);
    emu_device_unrealize(EMU_DEVICE(a));
    emu_machine_unlock(f->m);
    g_assert_null(emu_spi_bus_get_device(f->bus, 0));
    emu_test_spi_select(f->bus, 0, false);
    g_assert_cmphex(emu_spi_transfer(f->bus, 0, 8), ==, 0xff);
    add(f, "test-shift", "cs=0");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/spi/selects", Fixture, NULL, set_up, test_selects, tear_down);
    g_test_add("/spi/state-and-unplug", Fixture, NULL, set_up, test_state_and_unplug, tear_down);
    return g_test_run();
}
