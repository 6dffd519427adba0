/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Saved state: round trips, versions, hostile bytes. */

#include "device/device-private.h"

#include <emu/test.h>

#include <string.h>

typedef struct {
    uint16_t a[3];
    bool flag;
} Inner;

typedef struct {
    uint8_t u8;
    uint16_t u16;
    int32_t s32;
    uint64_t u64;
    bool on;
    uint8_t bytes[5];
    Inner inner, array[2];
    Inner *pointer;
    uint8_t *buffer;
    uint32_t buffer_len;
    uint32_t index;
    uint32_t extra; /* since version 2 */
    uint8_t optional;
    bool has_optional;
} State;

static const EmuVMField inner_fields[] = {EMU_VM_U16_ARRAY(Inner, a), EMU_VM_BOOL(Inner, flag), EMU_VM_END};
static const EmuVMState inner_state = {.name = "inner", .version = 1, .minimum_version = 1, .fields = inner_fields};

static bool
state_needs_optional(gpointer self)
{
    return ((State *)self)->has_optional;
}

static const EmuVMField optional_fields[] = {EMU_VM_U8(State, optional), EMU_VM_END};
static const EmuVMState optional_state = {
    .name = "state/optional", .version = 1, .minimum_version = 1, .fields = optional_fields, .needed = state_needs_optional};
static const EmuVMState *const subsections[] = {&optional_state, NULL};

static bool
state_post_load(gpointer self, unsigned version, GError **error)
{
    State *s = self;

    if (s->index > 10) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "index is %u, expected 0 to 10", s->index);
        return false;
    }
    return true;
}

#define STATE_FIELDS                                                                                                               \
    EMU_VM_U8(State, u8), EMU_VM_U16(State, u16), EMU_VM_U32(State, s32), EMU_VM_U64(State, u64), EMU_VM_BOOL(State, on),          \
        EMU_VM_BUFFER(State, bytes), EMU_VM_STRUCT(State, inner, &inner_state), EMU_VM_STRUCT_ARRAY(State, array, &inner_state),   \
        EMU_VM_POINTER(State, pointer, &inner_state), EMU_VM_U32(State, buffer_len), EMU_VM_VBUFFER(State, buffer, buffer_len),    \
        EMU_VM_U32(State, index)

static const EmuVMField fields_1[] = {STATE_FIELDS, EMU_VM_END};
static const EmuVMField fields_2[] = {
    STATE_FIELDS,
    {.name = "extra", .kind = EMU_VM_KIND_U32, .offset = offsetof(State, extra), .size = 4, .num = 1, .since = 2},
    EMU_VM_END,
};
static const EmuVMState state_1 = {.name = "state", .version = 1, .minimum_version = 1, .fields = fields_1, .post_load = state_post_load};
static const EmuVMState state_2 = {.name = "state",
                                   .version = 2,
                                   .minimum_version = 1,
                                   .fields = fields_2,
                                   .subsections = subsections,
                                   .post_load = state_post_load};

static void
state_init(State *s, Inner *pointer, bool full)
{
    memset(s, 0, sizeof(*s));
    memset(pointer, 0, sizeof(*pointer));
    s->pointer = pointer;
    s->buffer_len = 9;
    s->buffer = g_malloc0(9);
    if (full) {
        s->u8 = 0x12;
        s->u16 = 0x3456;
        s->s32 = -5;
        s->u64 = UINT64_C(0x123456789abcdef0);
        s->on = true;
        memcpy(s->bytes, "bytes", 5);
        s->inner = (Inner){{1, 2, 3}, true};
        s->array[1] = (Inner){{4, 5, 6}, false};
        *pointer = (Inner){{7, 8, 9}, true};
        memcpy(s->buffer, "123456789", 9);
        s->index = 10;
        s->extra = 77;
        s->optional = 3;
        s->has_optional = true;
    }
}

static GByteArray *
save(const EmuVMState *vms, State *s)
{
    GByteArray *out = g_byte_array_new();
    g_autoptr(GError) error = NULL;

    g_assert_true(emu_vmstate_save(vms, s, out, &error));
    g_assert_no_error(error);
    return out;
}

static void
test_round_trip(void)
{
    State a, b;
    Inner pa, pb;
    gsize pos = 0;
    g_autoptr(GByteArray) bytes = NULL, again = NULL;
    g_autoptr(GError) error = NULL;

    state_init(&a, &pa, true);
    state_init(&b, &pb, false);
    bytes = save(&state_2, &a);
    g_assert_true(emu_vmstate_load(&state_2, &b, bytes->data, bytes->len, &pos, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(pos, ==, bytes->len);
    g_assert_cmpint(b.s32, ==, -5);
    g_assert_cmphex(b.u64, ==, a.u64);
    g_assert_cmpmem(b.bytes, 5, "bytes", 5);
    g_assert_cmpuint(b.array[1].a[2], ==, 6);
    g_assert_cmpuint(pb.a[0], ==, 7);
    g_assert_cmpmem(b.buffer, 9, "123456789", 9);
    g_assert_cmpuint(b.extra, ==, 77);
    g_assert_cmpuint(b.optional, ==, 3);
    b.has_optional = true;
    again = save(&state_2, &b);
    g_assert_cmpmem(again->data, again->len, bytes->data, bytes->len);
    g_free(a.buffer);
    g_free(b.buffer);
}

static void
test_versions(void)
{
    State a, b;
    Inner pa, pb;
    gsize pos = 0;
    g_autoptr(GByteArray) old = NULL, new = NULL;
    g_autoptr(GError) error = NULL;

    state_init(&a, &pa, true);
    state_init(&b, &pb, false);
    old = save(&state_1, &a);
    b.extra = 5;
    g_assert_true(emu_vmstate_load(&state_2, &b, old->data, old->len, &pos, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(b.extra, ==, 5);

    new = save(&state_2, &a);
    pos = 0;
    g_assert_false(emu_vmstate_load(&state_1, &b, new->data, new->len, &pos, &error));
    g_assert_cmpstr(error->message, ==, "state: version 2 is not supported, expected 1 to 1");
    g_assert_cmpuint(pos, ==, 0);
    g_free(a.buffer);
    g_free(b.buffer);
}

static void
test_post_load_refuses(void)
{
    State a, b;
    Inner pa, pb;
    gsize pos = 0;
    g_autoptr(GByteArray) bytes = NULL;
    g_autoptr(GError) error = NULL;

    state_init(&a, &pa, true);
    state_init(&b, &pb, false);
    a.index = 11;
    bytes = save(&state_2, &a);
    g_assert_false(emu_vmstate_load(&state_2, &b, bytes->data, bytes->len, &pos, &error));
    g_assert_cmpstr(error->message, ==, "state: index is 11, expected 0 to 10");
    g_free(a.buffer);
    g_free(b.buffer);
}

/* The length of a buffer comes from the device, whatever fields of the stream say. */
static void
test_lying_length(void)
{
    State a, b;
    Inner pa, pb;
    gsize pos = 0;
    g_autoptr(GByteArray) bytes = NULL;
    g_autoptr(GError) error = NULL;

    state_init(&a, &pa, true);
    state_init(&b, &pb, false);
    g_free(a.buffer);
    a.buffer_len = 100000;
    a.buffer = g_malloc0(a.buffer_len);
    bytes = save(&state_2, &a);
    g_assert_false(emu_vmstate_load(&state_2, &b, bytes->data, bytes->len, &pos, &error));
    g_assert_nonnull(strstr(error->message, "state.buffer"));
    g_free(a.buffer);
    g_free(b.buffer);
}

static void
test_hostile(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(99);
    g_autoptr(GByteArray) bytes = NULL;
    State a, b;
    Inner pa, pb;

    state_init(&a, &pa, true);
    bytes = save(&state_2, &a);
    for (guint len = 0; len < bytes->len; len++) {
        g_autofree uint8_t *copy = g_memdup2(bytes->data, len); /* so that a sanitizer sees the end */
        gsize pos = 0;

        state_init(&b, &pb, false);
        g_assert_false(emu_vmstate_load(&state_2, &b, copy, len, &pos, NULL));
        g_free(b.buffer);
    }
    for (unsigned i = 0; i < 20000; i++) {
        g_autofree uint8_t *copy = g_memdup2(bytes->data, bytes->len);
        g_autoptr(GError) error = NULL;
        gsize pos = 0;

        for (int n = g_rand_int_range(rand, 1, 4); n > 0; n--) {
            copy[g_rand_int_range(rand, 0, (gint32)bytes->len)] = (uint8_t)g_rand_int_range(rand, 0, 256);
        }
        state_init(&b, &pb, false);
        if (!emu_vmstate_load(&state_2, &b, copy, bytes->len, &pos, &error)) {
            g_assert_nonnull(error);
        }
        g_assert_cmpuint(b.buffer_len, ==, b.buffer ? b.buffer_len : 0);
        g_free(b.buffer);
    }
    g_free(a.buffer);
}

static void
test_wrong_description(void)
{
    static const EmuVMField fields[] = {
        {.name = "u64", .kind = EMU_VM_KIND_U32, .offset = offsetof(State, u64), .size = 8, .num = 1}, EMU_VM_END};
    static const EmuVMState vms = {.name = "wrong", .version = 1, .fields = fields};
    State a = {0};
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(GError) error = NULL;

    g_assert_false(emu_vmstate_save(&vms, &a, out, &error));
    g_assert_cmpstr(error->message, ==, "wrong.u64: described with 4 bytes, has 8");
}

static void
test_describe(void)
{
    g_autofree char *text = emu_vmstate_describe(&inner_state);

    g_assert_cmpstr(text, ==,
                    "{\"name\": \"inner\", \"version\": 1, \"minimum-version\": 1, \"fields\": [{\"name\": \"a\", \"kind\": \"u16\", "
                    "\"num\": 3}, {\"name\": \"flag\", \"kind\": \"bool\"}], \"subsections\": []}");
}

/* ---- a tree of devices ------------------------------------------------------------------------------------ */

typedef struct {
    EmuSysbusDevice parent;
    uint32_t value;
    EmuTimer *timer;
    bool fired;
} Clock;

static void
clock_fire(gpointer opaque)
{
    ((Clock *)opaque)->fired = true;
}

static bool
clock_realize(EmuDevice *dev, GError **error)
{
    Clock *self = (Clock *)dev;

    self->timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), clock_fire, self);
    return true;
}

static void
clock_unrealize(EmuDevice *dev)
{
    emu_timer_free(((Clock *)dev)->timer);
}

static const EmuVMField clock_fields[] = {EMU_VM_U32(Clock, value), EMU_VM_TIMER(Clock, timer), EMU_VM_END};
static const EmuVMState clock_state = {.name = "test-clock", .version = 1, .minimum_version = 1, .fields = clock_fields};

static void
clock_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = clock_realize;
    device_class->unrealize = clock_unrealize;
    device_class->vmstate = &clock_state;
}

static const EmuTypeInfo clock_info = {
    .name = "test-clock", .parent = "sysbus-device", .instance_size = sizeof(Clock), .class_init = clock_class_init};

static void
register_types(void)
{
    emu_type_register_static(&clock_info);
}
type_init(register_types)

static Clock *
add_clock(EmuMachine *machine, const char *id)
{
    EmuDevice *dev = emu_device_new("test-clock", NULL);

    emu_device_set_id(dev, id);
    g_assert_true(emu_device_realize(dev, machine, NULL, NULL));
    return (Clock *)dev;
}

static void
test_tree(void)
{
    EmuMachine *machine = emu_test_machine_new("none", NULL);
    g_autoptr(GBytes) state = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    Clock *a, *b;
    gsize len;

    emu_machine_lock(machine);
    a = add_clock(machine, "a");
    b = add_clock(machine, "b");
    a->value = 1;
    b->value = 2;
    emu_timer_set(a->timer, emu_clock_get_ns(emu_machine_get_clock(machine, EMU_CLOCK_VIRTUAL)) + 1000);
    emu_machine_unlock(machine);
    state = emu_test_save(machine, &error);
    g_assert_no_error(error);
    a->value = b->value = 0;
    emu_timer_set(b->timer, INT64_MAX);
    emu_timer_cancel(a->timer);
    g_assert_true(emu_test_load(machine, state, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(a->value, ==, 1);
    g_assert_cmpuint(b->value, ==, 2);
    g_assert_false(emu_timer_is_set(b->timer));
    emu_test_advance(machine, 999);
    g_assert_false(a->fired);
    emu_test_advance(machine, 1);
    g_assert_true(a->fired);

    for (unsigned i = 0; i < 3000; i++) {
        g_autofree uint8_t *copy = g_memdup2(g_bytes_get_data(state, &len), g_bytes_get_size(state));
        g_autoptr(GBytes) bad = NULL;

        copy[g_rand_int_range(rand, 0, (gint32)len)] ^= (uint8_t)(1 << g_rand_int_range(rand, 0, 8));
        bad = g_bytes_new(copy, i % 2 ? len : (gsize)g_rand_int_range(rand, 0, (gint32)len));
        emu_test_load(machine, bad, NULL);
    }
    emu_machine_lock(machine);
    emu_device_unrealize(EMU_DEVICE(b));
    emu_machine_unlock(machine);
    g_assert_false(emu_test_load(machine, state, &error));
    g_assert_cmpstr(error->message, ==, "state of '/machine/peripheral/b': there is no such device in this machine");
    g_clear_error(&error);
    emu_machine_lock(machine);
    add_clock(machine, "b");
    add_clock(machine, "c");
    emu_machine_unlock(machine);
    g_assert_false(emu_test_load(machine, state, &error));
    g_assert_cmpstr(error->message, ==, "state of '/machine/peripheral/c' is missing");
    emu_machine_destroy(machine);
    g_object_unref(machine);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vmstate/round-trip", test_round_trip);
    g_test_add_func("/vmstate/versions", test_versions);
    g_test_add_func("/vmstate/post-load-refuses", test_post_load_refuses);
    g_test_add_func("/vmstate/lying-length", test_lying_length);
    g_test_add_func("/vmstate/hostile", test_hostile);
    g_test_add_func("/vmstate/wrong-description", test_wrong_description);
    g_test_add_func("/vmstate/describe", test_describe);
    g_test_add_func("/vmstate/tree", test_tree);
    return g_test_run();
}
