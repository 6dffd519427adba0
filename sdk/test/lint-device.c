/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What holds for any device type, whatever it models. Each claim gets a machine of its own: the smallest that has a place for
 * the device, or a pc.
 */

#include "lint-private.h"

#include <inttypes.h>
#include <string.h>

/* ---- machines --------------------------------------------------------------------------------------------- */

static const char *
device_bus_type(const char *type)
{
    g_autoptr(GTypeClass) klass = g_type_class_ref(emu_type_lookup(type, NULL));

    return EMU_DEVICE_CLASS(klass)->bus_type;
}

static EmuMachine *
small_machine(const char *bus_type, GError **error)
{
    EmuMachine *machine = emu_test_machine_new_with_drive("none", error);

    if (!machine) {
        return NULL;
    }
    emu_test_add_ram(machine, 0, LINT_RAM);
    if (g_strcmp0(bus_type, "ISA") == 0) {
        emu_test_isa_bus_new(machine);
    } else if (g_strcmp0(bus_type, "spi-bus") == 0) {
        emu_test_spi_bus_new(machine, 4);
    }
    return machine;
}

/* The machine alone, without the device. */
static bool
lint_open_machine(Lint *self, bool small, GError **error)
{
    lint_close(self);
    if (small) {
        self->machine = small_machine(device_bus_type(self->type), error);
    } else {
        self->machine = emu_test_machine_new_with_drive(self->options.board ? self->options.board : self->express ? "q35" : "pc", error);
    }
    if (self->machine) {
        emu_test_reset(self->machine);
    }
    return self->machine != NULL;
}

/* One of each family: a board of many versions has an alias for one of them. */
GPtrArray *
lint_list_boards(void)
{
    g_autoptr(GPtrArray) types = emu_type_list("machine", false);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < types->len; i++) {
        const char *name = g_ptr_array_index(types, i);
        g_autoptr(GTypeClass) klass = g_type_class_ref(emu_type_lookup(name, NULL));
        const char *alias = EMU_MACHINE_CLASS(klass)->alias;

        if (alias || !strpbrk(name, "0123456789")) {
            g_ptr_array_add(names, alias ? g_strdup(alias) : g_strndup(name, strlen(name) - (g_str_has_suffix(name, "-machine") ? 8 : 0)));
        }
    }
    return names;
}

/* On the first board that has one: for types that exist once in a machine. */
static bool
lint_open_board_of(Lint *self)
{
    g_autoptr(GPtrArray) boards = lint_list_boards();

    for (unsigned i = 0; i < boards->len && !self->dev; i++) {
        lint_close(self);
        self->machine = emu_test_machine_new_with_drive(g_ptr_array_index(boards, i), NULL);
        self->dev = self->machine ? emu_test_find_device(self->machine, self->type) : NULL;
    }
    self->fixed = self->dev != NULL;
    return self->fixed;
}

/* With the device in it, placed; else the claim is skipped. */
static bool
lint_open(Lint *self)
{
    g_autoptr(GError) first = NULL, second = NULL;

    if (!self->options.board && lint_open_machine(self, true, &first)) {
        self->dev = emu_test_add_device_fully(self->machine, self->type, self->options.properties, &first);
    }
    if (!self->dev && lint_open_machine(self, false, &second)) {
        self->dev = emu_test_add_device_fully(self->machine, self->type, self->options.properties, &second);
    }
    /* What a PC of 1996 cannot take may need PCI Express. */
    if (!self->dev && !self->options.board && !self->express && emu_type_lookup("pc-q35-machine", NULL)) {
        g_autoptr(GError) third = NULL;

        self->express = true;
        if (lint_open_machine(self, false, &third)) {
            self->dev = emu_test_add_device_fully(self->machine, self->type, self->options.properties, &third);
        }
        self->express = self->dev != NULL;
    }
    if (!self->dev && (self->options.board || !lint_open_board_of(self))) {
        GError *error = second ? second : first;

        if (!lint_has_reason(error)) {
            lint_fail(self, "it does not come up and gives no reason");
        } else {
            self->skipped = true;
            lint_fail(self, "it does not come up by itself: %s", error->message);
        }
        lint_close(self);
        return false;
    }
    emu_test_reset(self->machine);
    emu_test_place(self->dev);
    return true;
}

static bool
lint_unplug(Lint *self)
{
    EmuDevice *dev = self->dev;

    if (self->fixed) {
        self->skipped = true;
        lint_fail(self, "it comes up on a board that has one only, and stays there");
        return false;
    }

    g_object_add_weak_pointer(G_OBJECT(dev), (gpointer *)&dev);
    emu_machine_lock(self->machine);
    emu_device_unrealize(self->dev);
    emu_machine_unlock(self->machine);
    self->dev = NULL;
    for (unsigned i = 0; dev && i < 1000; i++) {
        emu_test_settle(self->machine);
        if (dev) {
            g_usleep(1000);
        }
    }
    if (dev) {
        lint_fail(self, "it is still there after unrealize: %u references are left", G_OBJECT(dev)->ref_count);
        g_object_remove_weak_pointer(G_OBJECT(dev), (gpointer *)&dev);
        return false;
    }
    return true;
}

/* ---- accesses ------------------------------------------------------------------------------------------------- */

static uint64_t
lint_value(Lint *self)
{
    static const uint32_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x8000, 0x10000, 0xfffffff0, 0x7fffffff, 0x80000000, 0xffffffff};

    switch (lint_below(self, 4)) {
    case 0:
        return edges[lint_below(self, G_N_ELEMENTS(edges))];
    case 1:
        return UINT64_C(1) << lint_below(self, 64);
    case 2:
        return 0x10000 + lint_below(self, 0x1000) * 4;
    default:
        return lint_random(self);
    }
}

static void
lint_access(Lint *self, const EmuTestRange *range)
{
    uint64_t addr = range->addr + lint_random(self) % (lint_below(self, 2) ? range->size : MIN(range->size, 64));
    unsigned size = 1u << lint_below(self, range->memory ? 4 : 3);

    if (lint_below(self, 2)) {
        addr &= ~(uint64_t)(size - 1);
    }
    switch ((range->memory ? 2u : 0u) + lint_below(self, 2)) {
    case 0:
        emu_test_in(self->machine, (uint16_t)addr, size);
        break;
    case 1:
        emu_test_out(self->machine, (uint16_t)addr, lint_value(self), size);
        break;
    case 2:
        emu_test_read(self->machine, addr, size);
        break;
    default:
        emu_test_write(self->machine, addr, lint_value(self), size);
    }
}

static void
lint_shake(Lint *self, unsigned n)
{
    g_autoptr(GArray) ranges = emu_test_list_ranges(self->dev);
    g_autoptr(GPtrArray) lines = emu_device_list_lines(self->dev);

    for (unsigned i = 0; i < n; i++) {
        unsigned what = lint_below(self, 64);

        if (what == 0) {
            emu_test_advance(self->machine, 1 + lint_below(self, 2000000));
        } else if (what == 1 && EMU_IS_PCI_DEVICE(self->dev)) {
            unsigned reg = lint_below(self, 256);

            emu_test_config_write(self->dev, reg & ~3u, (uint32_t)lint_value(self), 4);
            emu_test_config_read(self->dev, reg, 1);
        } else if (what == 2 && lines->len) {
            EmuLine *line = g_ptr_array_index(lines, lint_below(self, lines->len));

            if (!emu_line_is_output(line)) {
                emu_machine_lock(self->machine);
                emu_line_set(line, (int)lint_below(self, 2));
                emu_machine_unlock(self->machine);
            }
        } else if (what == 3) {
            emu_test_write(self->machine, 0x10000 + lint_below(self, 0x1000) * 4, lint_value(self), 4);
        } else if (ranges->len) {
            lint_access(self, &g_array_index(ranges, EmuTestRange, lint_below(self, ranges->len)));
        }
    }
}

/* ---- claims ------------------------------------------------------------------------------------------------------ */

/* Sets one property of a new device on @machine; both failing with a sentence and coming up are fine. */
static void
try_property(Lint *self, const char *name, const char *value)
{
    g_autofree char *text = self->options.properties ? g_strdup_printf("%s,%s=%s", self->options.properties, name, value)
                                                     : g_strdup_printf("%s=%s", name, value);
    g_autoptr(GError) error = NULL;

    self->dev = emu_test_add_device_fully(self->machine, self->type, text, &error);
    if (self->dev) {
        emu_test_place(self->dev);
        lint_shake(self, 20);
        lint_unplug(self);
    } else if (!lint_has_reason(error)) {
        lint_fail(self, "%s=%s is refused without a reason", name, value);
    }
}

void
lint_device_properties(Lint *self)
{
    static const char *const values[] = {"0", "1", "2", "255", "256", "65535", "2147483647", "4294967295", "-1", "on", "off", ""};
    g_autoptr(GPtrArray) properties = emu_type_list_properties(self->type, NULL);

    if (!lint_open(self) || !lint_unplug(self)) {
        return;
    }
    for (unsigned i = 0; properties && i < properties->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(properties, i);
        bool text = !info->type || strstr(info->type, "link") || strstr(info->type, "str") || strcmp(info->name, "drive") == 0;

        for (unsigned j = 0; info->writable && !text && j < G_N_ELEMENTS(values) && !self->problem; j++) {
            try_property(self, info->name, values[j]);
        }
    }
}

static bool
count_objects_cb(EmuObject *object, gpointer data)
{
    ++*(unsigned *)data;
    emu_object_foreach_child(object, count_objects_cb, data);
    return false;
}

static unsigned
count_objects(EmuMachine *machine)
{
    unsigned n = 0;

    emu_object_foreach_child(emu_machine_get_root(machine), count_objects_cb, &n);
    return n;
}

static char *
describe_address_spaces(EmuMachine *machine)
{
    g_autofree char *memory = emu_address_space_describe_flat(emu_machine_get_memory_as(machine));
    g_autofree char *io = emu_address_space_describe_flat(emu_machine_get_io_as(machine));

    return g_strconcat(memory, io, NULL);
}

static bool
one_life(Lint *self)
{
    g_autoptr(GError) error = NULL;

    self->dev = emu_test_add_device_fully(self->machine, self->type, self->options.properties, &error);
    if (!self->dev) {
        lint_fail_error(self, "it does not come up again", error);
        return false;
    }
    return lint_unplug(self);
}

/* In a machine of its own. */
static bool
one_life_apart(Lint *self)
{
    bool ok = lint_open(self) && lint_unplug(self);

    lint_close(self);
    return ok;
}

void
lint_device_life(Lint *self)
{
    g_autofree char *before = NULL, *after = NULL;
    unsigned objects, left;
    gint64 leak;

    if (!lint_open(self)) {
        return;
    }
    if (!EMU_DEVICE_GET_CLASS(self->dev)->hotpluggable && !(lint_unplug(self) && one_life(self)) && self->problem) {
        /* What it did to the machine stays, as with tables for the firmware: it need not come up a second time. */
        g_clear_pointer(&self->problem, g_free);
        leak = one_life_apart(self) ? lint_leak_of(self, one_life_apart, MAX(self->options.rounds / 200, 2)) : 0;
        if (leak >= LINT_BOARD_LEAK_MIN) {
            lint_fail(self, "each round, in a machine of its own, leaves %" PRId64 " bytes behind", (int64_t)leak);
        }
        return;
    }
    if ((self->dev && !lint_unplug(self)) || !one_life(self)) {
        return;
    }
    before = describe_address_spaces(self->machine);
    objects = count_objects(self->machine);
    leak = lint_leak_of(self, one_life, MAX(self->options.rounds / LINT_SEGMENTS, 1));
    if (self->problem) {
        return;
    }
    after = describe_address_spaces(self->machine);
    if (strcmp(before, after) != 0) {
        lint_fail(self, "something of it stays mapped; before:\n%s\nafter:\n%s", before, after);
    }
    left = count_objects(self->machine);
    if (left != objects) {
        lint_fail(self, "the rounds turn %u objects of the machine into %u", objects, left);
    }
    if (leak >= LINT_LEAK_MIN) {
        lint_fail(self, "each round leaves %" PRId64 " bytes behind", (int64_t)leak);
    }
}

void
lint_device_access(Lint *self)
{
    if (!lint_open(self)) {
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        lint_shake(self, self->options.accesses / 4);
        emu_test_reset(self->machine);
        if (emu_machine_get_run_state(self->machine) != EMU_RUN_STATE_RUNNING) {
            /* It may end the machine, when that is what it is for. */
            if (!lint_open(self)) {
                return;
            }
        }
        emu_test_place(self->dev);
    }
}

static GByteArray *
save_device(Lint *self)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    bool ok;

    emu_machine_lock(self->machine);
    ok = emu_vmstate_save(EMU_DEVICE_GET_CLASS(self->dev)->vmstate, self->dev, out, &error);
    emu_machine_unlock(self->machine);
    if (!ok) {
        lint_fail_error(self, "its state cannot be saved", error);
        return NULL;
    }
    return g_steal_pointer(&out);
}

static bool
load_device(Lint *self, const GByteArray *state, GError **error)
{
    gsize pos = 0;
    bool ok;

    emu_machine_lock(self->machine);
    ok = emu_vmstate_load(EMU_DEVICE_GET_CLASS(self->dev)->vmstate, self->dev, state->data, state->len, &pos, error);
    emu_machine_unlock(self->machine);
    if (ok && pos != state->len) {
        lint_fail(self, "%u bytes of its state are not read", (unsigned)(state->len - pos));
    }
    return ok;
}

static bool
same(const GByteArray *a, const GByteArray *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static bool
has_state(Lint *self)
{
    if (!EMU_DEVICE_GET_CLASS(self->dev)->vmstate) {
        self->skipped = true;
        lint_fail(self, "it has no saved state");
        return false;
    }
    return true;
}

void
lint_device_state(Lint *self)
{
    if (!lint_open(self) || !has_state(self)) {
        return;
    }
    for (unsigned i = 0; i < 20 && !self->problem; i++) {
        g_autoptr(GByteArray) first = NULL, second = NULL, third = NULL;
        g_autoptr(GError) error = NULL;

        lint_shake(self, self->options.accesses / 40);
        emu_test_settle(self->machine);
        first = save_device(self);
        if (!first || !load_device(self, first, &error)) {
            lint_fail_error(self, "what it saved it does not load", error);
            return;
        }
        second = save_device(self);
        if (!second || !same(first, second)) {
            lint_fail(self, "saved, loaded and saved again it is not the same");
            return;
        }
        /* And over another state of the same device. */
        lint_shake(self, 50);
        emu_test_settle(self->machine);
        if (!load_device(self, first, &error)) {
            lint_fail_error(self, "what it saved it does not load later", error);
            return;
        }
        third = save_device(self);
        if (!third || !same(first, third)) {
            lint_fail(self, "loaded over another state and saved again it is not the same");
        }
        emu_test_place(self->dev);
    }
}

void
lint_device_damaged_state(Lint *self)
{
    if (!lint_open(self) || !has_state(self)) {
        return;
    }
    lint_shake(self, self->options.accesses / 40);
    for (unsigned i = 0; i < 200 && !self->problem; i++) {
        g_autoptr(GByteArray) state = save_device(self);
        g_autoptr(GError) error = NULL;

        if (!state) {
            return;
        }
        lint_damage_state(self, state, i % 4 == 0);
        if (!load_device(self, state, &error) && !lint_has_reason(error)) {
            lint_fail(self, "a damaged state is refused without a reason");
        }
        emu_test_place(self->dev);
        lint_shake(self, 20);
        emu_test_reset(self->machine);
        emu_test_place(self->dev);
    }
}

void
lint_device_inspection(Lint *self)
{
    g_autoptr(GByteArray) before = NULL, after = NULL;
    g_autoptr(GPtrArray) registers = NULL;

    if (!lint_open(self) || !has_state(self)) {
        return;
    }
    lint_shake(self, 200);
    emu_test_settle(self->machine);
    before = save_device(self);
    emu_machine_lock(self->machine);
    registers = emu_device_list_registers(self->dev);
    emu_machine_unlock(self->machine);
    after = save_device(self);
    if (before && after && !same(before, after)) {
        lint_fail(self, "looking at its registers changes it: one whose reading has effects needs a peek() or EMU_REGISTER_OPAQUE");
    }
    for (unsigned i = 0; i < registers->len; i++) {
        const EmuRegisterInfo *info = g_ptr_array_index(registers, i);

        if (info->width < 8 && info->has_value && info->value >> 8 * info->width) {
            lint_fail(self, "register '%s' has a value that its %u bytes do not hold", info->name, info->width);
        }
    }
}

void
lint_device_unplug(Lint *self)
{
    for (unsigned i = 0; i < 10 && !self->problem; i++) {
        g_autoptr(GArray) ranges = NULL;

        if (!lint_open(self)) {
            return;
        }
        ranges = emu_test_list_ranges(self->dev);
        lint_shake(self, 10 + lint_below(self, 500));
        /* With whatever it had begun. */
        if (!lint_unplug(self)) {
            return;
        }
        for (unsigned j = 0; ranges->len && j < 100; j++) {
            lint_access(self, &g_array_index(ranges, EmuTestRange, lint_below(self, ranges->len)));
        }
        emu_test_advance(self->machine, 2 * EMU_NS_PER_SEC);
        emu_test_reset(self->machine);
    }
}

static bool
one_board(Lint *self)
{
    g_autofree char *board = g_str_has_suffix(self->type, "-machine") ? g_strndup(self->type, strlen(self->type) - 8) : g_strdup(self->type);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) first = NULL, second = NULL;

    self->machine = emu_test_machine_new(board, &error);
    if (!self->machine) {
        lint_fail_error(self, "it cannot be built", error);
        return false;
    }
    emu_test_reset(self->machine);
    emu_test_advance(self->machine, 1000000);
    first = emu_test_save(self->machine, &error);
    if (!first || !emu_test_load(self->machine, first, &error)) {
        lint_fail_error(self, "its state cannot be saved and loaded", error);
        return false;
    }
    second = emu_test_save(self->machine, NULL);
    if (!second || !g_bytes_equal(first, second)) {
        lint_fail(self, "saved, loaded and saved again it is not the same");
        return false;
    }
    lint_close(self);
    return true;
}

void
lint_board(Lint *self)
{
    gint64 leak = one_board(self) ? lint_leak_of(self, one_board, MAX(self->options.rounds / 200, 2)) : 0;

    if (leak >= LINT_BOARD_LEAK_MIN) {
        lint_fail(self, "each machine leaves %" PRId64 " bytes behind", (int64_t)leak);
    }
}
