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

#include "guest.h"

#include <glib/gstdio.h>
#include <stdio.h>
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

static int64_t
virtual_now(EmuMachine *machine)
{
    return emu_clock_get_ns(emu_machine_get_clock(machine, EMU_CLOCK_VIRTUAL));
}

static void
copy_memory(EmuMachine *from, EmuMachine *to)
{
    EmuMemoryRegion *source = emu_machine_get_ram(from, NULL), *target = emu_machine_get_ram(to, NULL);

    memcpy(emu_memory_region_get_ram_pointer(target), emu_memory_region_get_ram_pointer(source), emu_memory_region_get_size(source));
}

static void
copy_file(const char *from, const char *to)
{
    g_autofree char *contents = NULL;
    g_autoptr(GError) error = NULL;
    gsize len;
    FILE *f;

    g_assert_true(g_file_get_contents(from, &contents, &len, &error));
    f = g_fopen(to, "r+"); /* the same file: the other machine has it open */
    g_assert_nonnull(f);
    g_assert_cmpuint(fwrite(contents, 1, len, f), ==, len);
    fclose(f);
}

/* Where two states differ, and the names that come before: device and field. */
static void
report_difference(GBytes *one, GBytes *two)
{
    gsize len_one, len_two, at = 0;
    const uint8_t *a = g_bytes_get_data(one, &len_one), *b = g_bytes_get_data(two, &len_two);

    while (at < MIN(len_one, len_two) && a[at] == b[at]) {
        at++;
    }
    if (at < MAX(len_one, len_two)) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (gsize i = at < 200 ? 0 : at - 200; i < at; i++) {
            if (g_ascii_isprint(a[i])) {
                g_string_append_c(text, (char)a[i]);
            } else if (text->len && text->str[text->len - 1] != ' ') {
                g_string_append_c(text, ' ');
            }
        }
        g_test_message("states differ at byte %u: %02x, %02x, after: %s", (unsigned)at, at < len_one ? a[at] : 0,
                       at < len_two ? b[at] : 0, text->str);
    }
}

static void
run_twins(const char *board, guint32 seed)
{
    Guest a, b;
    g_autoptr(GBytes) state = NULL, again = NULL;
    g_autoptr(GChecksum) seen_a = g_checksum_new(G_CHECKSUM_SHA256), seen_b = g_checksum_new(G_CHECKSUM_SHA256);
    g_autoptr(GError) error = NULL;

    guest_init(&a, board, seed);
    guest_init(&b, board, 0);
    a.quiet = b.quiet = true;
    for (unsigned i = 0; i < 1500; i++) {
        guest_step(&a);
    }
    emu_test_settle(a.machine);
    state = emu_test_save(a.machine, &error);
    g_assert_no_error(error);
    emu_test_advance(b.machine, virtual_now(a.machine) - virtual_now(b.machine));
    copy_memory(a.machine, b.machine);
    copy_file(a.disk, b.disk);
    copy_file(a.floppy, b.floppy);
    g_assert_true(emu_test_load(b.machine, state, &error));
    g_assert_no_error(error);
    again = emu_test_save(b.machine, &error);
    g_assert_no_error(error);
    report_difference(state, again);
    g_assert_cmpmem(g_bytes_get_data(state, NULL), g_bytes_get_size(state), g_bytes_get_data(again, NULL), g_bytes_get_size(again));

    g_rand_set_seed(a.rand, seed + 1000);
    g_rand_set_seed(b.rand, seed + 1000);
    a.seen = seen_a;
    b.seen = seen_b;
    for (unsigned i = 0; i < 1500; i++) {
        guest_step(&a);
        guest_step(&b);
        if (i % 50 == 49) {
            g_autofree char *sum_a = g_strdup(g_checksum_get_string(seen_a)), *sum_b = g_strdup(g_checksum_get_string(seen_b));

            if (strcmp(sum_a, sum_b) != 0) {
                g_test_message("seed %u: twins part within steps %u to %u", seed, i - 49, i);
            }
            g_assert_cmpstr(sum_a, ==, sum_b);
            g_checksum_reset(seen_a);
            g_checksum_reset(seen_b);
        }
    }
    guest_clear(&a);
    guest_clear(&b);
}

static void
test_twins(gconstpointer data)
{
    run_twins("pc", GPOINTER_TO_UINT(data));
}

static void
test_express_twins(gconstpointer data)
{
    run_twins("q35", GPOINTER_TO_UINT(data));
}

static void
test_hostile(gconstpointer board)
{
    Guest g;
    g_autoptr(GBytes) state = NULL;
    gsize len;
    const uint8_t *data;
    unsigned taken = 0;

    guest_init(&g, board, 5);
    for (unsigned i = 0; i < 400; i++) {
        guest_step(&g);
    }
    emu_test_settle(g.machine);
    state = emu_test_save(g.machine, NULL);
    data = g_bytes_get_data(state, &len);
    for (unsigned i = 0; i < 400; i++) {
        g_autofree uint8_t *copy = g_memdup2(data, len);
        g_autoptr(GBytes) bad = NULL;

        for (int n = g_rand_int_range(g.rand, 1, 30); n > 0; n--) {
            copy[g_rand_int_range(g.rand, 0, (gint32)len)] = (uint8_t)g_rand_int(g.rand);
        }
        bad = g_bytes_new(copy, i % 4 ? len : (gsize)g_rand_int_range(g.rand, 0, (gint32)len));
        taken += emu_test_load(g.machine, bad, NULL);
        for (unsigned j = 0; j < 20; j++) {
            guest_step(&g);
        }
        if (i % 8 == 7) {
            emu_test_reset(g.machine);
        }
    }
    g_test_message("%u of 400 damaged states were taken", taken);
    guest_clear(&g);
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
    for (guint seed = 1; seed <= 24; seed++) {
        g_autofree char *path = g_strdup_printf("/machine/twins/%u", seed);

        g_test_add_data_func(path, GUINT_TO_POINTER(seed), test_twins);
    }
    for (guint seed = 1; seed <= 12; seed++) {
        g_autofree char *path = g_strdup_printf("/machine/q35/twins/%u", seed);

        g_test_add_data_func(path, GUINT_TO_POINTER(seed), test_express_twins);
    }
    g_test_add_data_func("/machine/hostile-state", "pc", test_hostile);
    g_test_add_data_func("/machine/q35/hostile-state", "q35", test_hostile);
    return g_test_run();
}
