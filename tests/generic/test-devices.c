/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Claims about every device type that the plugins provide.
 *
 *   /devices/TYPE       on a matching bus of the pc machine: made, realized, reset, saved, loaded, saved again the
 *                       same, destroyed; the machine is as it was before
 *   /machine/twins      what random accesses make of a whole pc is saved and loaded into a second one; from then on
 *                       both answer the same accesses alike: a field that its table forgot shows here
 *   /machine/hostile    damaged states are refused or taken; nothing breaks
 */

#include <emu/emu.h>
#include <emu/test.h>

#include <string.h>

static EmuMachine *
pc_new(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *machine = emu_test_machine_new_unbuilt("pc", &error);

    g_assert_no_error(error);
    g_assert_true(emu_machine_set_memory(machine, "16M", &error));
    g_assert_true(emu_test_machine_start(machine, &error));
    g_assert_no_error(error);
    return machine;
}

static void
pc_free(EmuMachine *machine)
{
    emu_machine_destroy(machine);
    g_assert_finalize_object(machine);
}

/* ---- each type ------------------------------------------------------------------------------------------ */

static void
check_state(EmuMachine *machine, EmuDevice *dev)
{
    const EmuVMState *vms = EMU_DEVICE_GET_CLASS(dev)->vmstate;
    g_autoptr(GByteArray) first = g_byte_array_new(), second = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    gsize pos = 0;

    if (!vms) {
        g_test_message("no saved state");
        return;
    }
    emu_machine_lock(machine);
    g_assert_true(emu_vmstate_save(vms, dev, first, &error));
    g_assert_no_error(error);
    g_assert_true(emu_vmstate_load(vms, dev, first->data, first->len, &pos, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(pos, ==, first->len);
    g_assert_true(emu_vmstate_save(vms, dev, second, &error));
    g_assert_no_error(error);
    emu_machine_unlock(machine);
    g_assert_cmpmem(first->data, first->len, second->data, second->len);
    text = emu_vmstate_describe(vms);
    g_assert_nonnull(text);
}

static void
test_type(gconstpointer data)
{
    const char *type = data;
    EmuMachine *machine = pc_new();
    g_autoptr(GBytes) before = emu_test_save(machine, NULL), after = NULL;
    g_autoptr(GError) error = NULL;
    EmuDevice *dev = emu_test_add_device(machine, type, NULL, &error);

    g_assert_nonnull(before);
    if (!dev) {
        /* It wants a back end, or another of its kind is there: a sentence, and nothing left behind. */
        g_assert_nonnull(error);
        g_assert_cmpuint(strlen(error->message), >, 10);
        g_test_message("not without more: %s", error->message);
    } else {
        g_assert_no_error(error);
        g_assert_true(emu_device_is_realized(dev));
        emu_test_reset(machine);
        emu_test_advance(machine, 1000000);
        check_state(machine, dev);
        emu_test_reset(machine);
        g_object_add_weak_pointer(G_OBJECT(dev), (gpointer *)&dev);
        emu_machine_lock(machine);
        emu_device_unrealize(dev);
        emu_machine_unlock(machine);
        emu_test_settle(machine);
        g_assert_null(dev);
    }
    after = emu_test_save(machine, &error);
    g_assert_nonnull(after); /* and no section of the device that went */
    if (!dev && error) {
        g_clear_error(&error);
    }
    emu_test_reset(machine);
    emu_test_advance(machine, 1000000);
    pc_free(machine);
}

/* ---- a whole machine --------------------------------------------------------------------------------------- */

/* Ports whose writes end the run: reset control, keyboard controller's reset pulse, fast reset, power management, debug exit. */
static bool
is_quiet_port(uint16_t port)
{
    return port == 0xcf9 || port == 0x64 || port == 0x60 || port == 0x92 || port == 0xb2 || (port >= 0x600 && port < 0x640) ||
           (port >= 0xb100 && port < 0xb140) || port == 0x501 || port == 0xf4;
}

/* Where the devices of a PC are; the rest is holes. */
static uint16_t
random_port(GRand *rand)
{
    static const struct {
        uint16_t first, n;
    } places[] = {{0x00, 16},   {0x20, 2},  {0x40, 4},  {0x61, 1},  {0x70, 2},   {0x80, 16},  {0xa0, 2},  {0xc0, 32},
                  {0x170, 8},   {0x1f0, 8}, {0x378, 3}, {0x3b4, 2}, {0x3c0, 32}, {0x3f0, 8},  {0x3f8, 8}, {0x2f8, 8},
                  {0x376, 1},   {0x4d0, 2}, {0xcf8, 8}, {0x1ce, 3}, {0x510, 12}, {0x3f6, 1}};
    unsigned i = (unsigned)g_rand_int_range(rand, 0, G_N_ELEMENTS(places));

    return (uint16_t)(places[i].first + g_rand_int_range(rand, 0, places[i].n));
}

static void
poke(EmuMachine *machine, GRand *rand, GChecksum *seen)
{
    unsigned size = 1u << g_rand_int_range(rand, 0, 3);
    uint16_t port = random_port(rand);
    uint32_t value = g_rand_int(rand);
    uint64_t got = 0;

    switch (g_rand_int_range(rand, 0, 10)) {
    case 8:
    case 9:
        /* Configuration space of the chipset and the display. */
        emu_test_out(machine, 0xcf8, 0x80000000 | (value & 0x1ffc), 4);
        port = (uint16_t)(0xcfc + (port & 3 & -size));
        if (value >> 31) {
            got = emu_test_in(machine, port, size);
        } else {
            emu_test_out(machine, port, value >> 13, size);
        }
        break;
    case 0:
    case 1:
    case 2:
        got = emu_test_in(machine, port, size);
        break;
    case 3:
        emu_test_advance(machine, value % 3000000);
        break;
    case 4:
        got = emu_test_read(machine, 0xa0000 + value % 0x20000, size);
        break;
    case 5:
        if (!seen) {
            break; /* the twin does not get the contents of display memory */
        }
        emu_test_write(machine, 0xa0000 + value % 0x20000, value >> 3, size);
        break;
    default:
        for (unsigned i = 0; i < size; i++) {
            if (is_quiet_port((uint16_t)(port + i))) {
                return;
            }
        }
        emu_test_out(machine, port, value, size);
    }
    if (seen) {
        g_checksum_update(seen, (const guchar *)&got, sizeof(got));
    }
    if (g_getenv("EMU_TEST_TRACE") && seen) {
        g_printerr("%p port %x size %u value %x got %lx\n", (void *)machine, port, size, value, (unsigned long)got);
    }
}

static int64_t
virtual_now(EmuMachine *machine)
{
    return emu_clock_get_ns(emu_machine_get_clock(machine, EMU_CLOCK_VIRTUAL));
}

static void
copy_memory(EmuMachine *from, EmuMachine *to, uint64_t addr, uint64_t size)
{
    g_autofree uint8_t *buf = g_malloc(size);

    emu_address_space_read(emu_machine_get_memory_as(from), addr, buf, size, EMU_MEM_ATTRS_NONE);
    emu_address_space_write(emu_machine_get_memory_as(to), addr, buf, size, EMU_MEM_ATTRS_NONE);
}

static void
test_twins(gconstpointer data)
{
    guint32 seed = GPOINTER_TO_UINT(data);
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed), rand_a = NULL, rand_b = NULL;
    EmuMachine *a = pc_new(), *b = pc_new();
    g_autoptr(GBytes) state = NULL, again = NULL;
    g_autoptr(GChecksum) seen_a = g_checksum_new(G_CHECKSUM_SHA256), seen_b = g_checksum_new(G_CHECKSUM_SHA256);
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < 1500; i++) {
        poke(a, rand, NULL);
    }
    state = emu_test_save(a, &error);
    g_assert_no_error(error);
    emu_test_advance(b, virtual_now(a) - virtual_now(b));
    copy_memory(a, b, 0, 0xa0000);
    copy_memory(a, b, 0x100000, 15 << 20);
    g_assert_true(emu_test_load(b, state, &error));
    g_assert_no_error(error);
    again = emu_test_save(b, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(state, NULL), g_bytes_get_size(state), g_bytes_get_data(again, NULL), g_bytes_get_size(again));

    rand_a = g_rand_new_with_seed(seed + 1);
    rand_b = g_rand_new_with_seed(seed + 1);
    for (unsigned i = 0; i < 1500; i++) {
        poke(a, rand_a, seen_a);
        poke(b, rand_b, seen_b);
        if (i % 100 == 99) {
            g_autofree char *sum_a = g_strdup(g_checksum_get_string(seen_a)), *sum_b = g_strdup(g_checksum_get_string(seen_b));

            if (strcmp(sum_a, sum_b) != 0) {
                g_test_message("seed %u: twins part within accesses %u to %u", seed, i - 99, i);
            }
            g_assert_cmpstr(sum_a, ==, sum_b);
            g_checksum_reset(seen_a);
            g_checksum_reset(seen_b);
        }
    }
    pc_free(a);
    pc_free(b);
}

static void
test_hostile(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(5);
    EmuMachine *machine = pc_new();
    g_autoptr(GBytes) state = emu_test_save(machine, NULL);
    gsize len;
    const uint8_t *data = g_bytes_get_data(state, &len);
    unsigned taken = 0;

    for (unsigned i = 0; i < 400; i++) {
        g_autofree uint8_t *copy = g_memdup2(data, len);
        g_autoptr(GBytes) bad = NULL;

        for (int n = g_rand_int_range(rand, 1, 30); n > 0; n--) {
            copy[g_rand_int_range(rand, 0, (gint32)len)] = (uint8_t)g_rand_int(rand);
        }
        bad = g_bytes_new(copy, i % 4 ? len : (gsize)g_rand_int_range(rand, 0, (gint32)len));
        taken += emu_test_load(machine, bad, NULL);
        for (unsigned j = 0; j < 10; j++) {
            poke(machine, rand, NULL);
        }
        if (i % 8 == 7) {
            emu_test_reset(machine);
        }
    }
    g_test_message("%u of 400 damaged states were taken", taken);
    pc_free(machine);
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) types = NULL;

    g_test_init(&argc, &argv, NULL);
    types = emu_type_list("device", false);
    for (unsigned i = 0; i < types->len; i++) {
        const char *name = g_ptr_array_index(types, i);
        g_autoptr(GTypeClass) klass = g_type_class_ref(emu_type_lookup(name, NULL));
        EmuDeviceClass *device_class = EMU_DEVICE_CLASS(klass);

        /* CPU models differ in a few words; the machine has one, and cpu-x86 tests them. */
        if (device_class->user_creatable && g_strcmp0(device_class->category, "cpu") != 0) {
            g_autofree char *path = g_strdup_printf("/devices/%s", name);

            g_test_add_data_func_full(path, g_strdup(name), test_type, g_free);
        }
    }
    for (guint seed = 1; seed <= 12; seed++) {
        g_autofree char *path = g_strdup_printf("/machine/twins/%u", seed);

        g_test_add_data_func(path, GUINT_TO_POINTER(seed), test_twins);
    }
    g_test_add_func("/machine/hostile-state", test_hostile);
    return g_test_run();
}
