/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Types, properties, interfaces and the composition tree. */

#include "qom/qom-private.h"

#include <string.h>

/* ---- types of the test: a C class, and QOM types below it ----------------------------------------- */

#define TEST_TYPE_BASE (test_base_get_type())
G_DECLARE_DERIVABLE_TYPE(TestBase, test_base, TEST, BASE, EmuObject)
struct _TestBaseClass {
    EmuObjectClass parent_class;
    int tag;
};
typedef struct {
    uint32_t level;
    bool locked;
} TestBasePrivate;
G_DEFINE_TYPE_WITH_PRIVATE(TestBase, test_base, EMU_TYPE_OBJECT)

enum { PROP_LEVEL = 1 };

static GString *events;

static void
test_base_set_property(GObject *obj, guint id, const GValue *value, GParamSpec *pspec)
{
    TestBasePrivate *p = test_base_get_instance_private(TEST_BASE(obj));

    g_assert_cmpuint(id, ==, PROP_LEVEL);
    p->level = g_value_get_uint(value);
}

static void
test_base_get_property(GObject *obj, guint id, GValue *value, GParamSpec *pspec)
{
    TestBasePrivate *p = test_base_get_instance_private(TEST_BASE(obj));

    g_value_set_uint(value, p->level);
}

static bool
test_base_check_set(EmuObject *obj, GParamSpec *pspec, GError **error)
{
    TestBasePrivate *p = test_base_get_instance_private(TEST_BASE(obj));

    if (p->locked) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_READ_ONLY, "%s is fixed", pspec->name);
    }
    return !p->locked;
}

static void
test_base_finalize(GObject *obj)
{
    g_string_append(events, "~base ");
    G_OBJECT_CLASS(test_base_parent_class)->finalize(obj);
}

static void
test_base_class_init(TestBaseClass *klass)
{
    GObjectClass *gc = G_OBJECT_CLASS(klass);

    gc->set_property = test_base_set_property;
    gc->get_property = test_base_get_property;
    gc->finalize = test_base_finalize;
    EMU_OBJECT_CLASS(klass)->check_set = test_base_check_set;
    g_object_class_install_property(gc, PROP_LEVEL, g_param_spec_uint("level", NULL, "how much", 1, 9, 5, G_PARAM_READWRITE));
    klass->tag = 1;
}

static void
test_base_init(TestBase *self)
{
    g_string_append(events, "base ");
}

static const char *const colours[] = {"red", "green", "blue", NULL};

typedef struct {
    TestBase parent;
    bool flag;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32, ranged;
    uint64_t u64, size;
    int32_t i32;
    int64_t i64;
    char *text;
    int colour, auto_mode;
    EmuObject *link;
    uint8_t mac[6];
    bool digit, dot;
    uint32_t seen_at_init;
} Widget;

static const EmuProperty widget_properties[] = {
    EMU_PROP_BOOL("flag", Widget, flag, true, "a switch"),
    EMU_PROP_UINT8("u8", Widget, u8, 7, "eight bits"),
    EMU_PROP_UINT16("u16", Widget, u16, 16, NULL),
    EMU_PROP_UINT32("u32", Widget, u32, 0xffffffff, NULL),
    EMU_PROP_UINT32_RANGE("clock-frequency-hz", Widget, ranged, 1193182, 1, 10000000, "input clock"),
    EMU_PROP_UINT64("u64", Widget, u64, UINT64_MAX, NULL),
    EMU_PROP_SIZE("size", Widget, size, 4096, "a size"),
    EMU_PROP_INT32("i32", Widget, i32, -1, NULL),
    EMU_PROP_INT64("i64", Widget, i64, -5, NULL),
    EMU_PROP_STRING("text", Widget, text, "hello", "words"),
    EMU_PROP_ENUM("colour", Widget, colour, 1, colours, "paint"),
    EMU_PROP_ONOFFAUTO("auto-mode", Widget, auto_mode, EMU_ON_OFF_AUTO_AUTO, NULL),
    EMU_PROP_LINK("peer", Widget, link, "test-widget", "the other one"),
    EMU_PROP_MAC("mac", Widget, mac, "address"),
    EMU_PROP_BOOL("3dnow", Widget, digit, false, NULL),
    EMU_PROP_BOOL("sse4.1", Widget, dot, false, NULL),
    {.name = "live", .kind = EMU_PROP_KIND_UINT32, .offset = offsetof(Widget, seen_at_init), .flags = EMU_PROP_FLAG_RUNTIME},
};

static char *
widget_get_text_length(gpointer self, GError **error)
{
    Widget *w = self;

    return g_strdup_printf("%zu", w->text ? strlen(w->text) : 0);
}

static bool
widget_set_text_length(gpointer self, const char *value, GError **error)
{
    Widget *w = self;
    uint64_t n;

    if (!emu_parse_uint(value, &n) || n > 8) {
        return false;
    }
    g_free(w->text);
    w->text = g_strnfill(n, 'x');
    return true;
}

static void
widget_class_init(gpointer klass, gconstpointer data)
{
    g_assert_cmpstr(data, ==, "class data");
    emu_object_class_add_properties(klass, widget_properties, G_N_ELEMENTS(widget_properties));
    emu_object_class_add_string_property(klass, "text-length", widget_get_text_length, widget_set_text_length, "length");
    TEST_BASE_CLASS(klass)->tag++;
}

static void
widget_init(gpointer self)
{
    Widget *w = self;

    g_string_append(events, "widget ");
    w->seen_at_init = w->ranged;
}

static void
widget_finalize(gpointer self)
{
    g_string_append(events, "~widget ");
}

static gpointer last_complete;

static bool
gadget_complete(EmuUserCreatable *self, GError **error)
{
    last_complete = self;
    return true;
}

static void
gadget_user_creatable_init(gpointer iface, gpointer data)
{
    ((EmuUserCreatableInterface *)iface)->complete = gadget_complete;
}

static const EmuProperty gadget_properties[] = {
    EMU_PROP_UINT32_RANGE("clock-frequency-hz", Widget, ranged, 100, 1, 1000, "slower clock"),
};

static void
gadget_class_init(gpointer klass, gconstpointer data)
{
    emu_object_class_add_properties(klass, gadget_properties, G_N_ELEMENTS(gadget_properties));
    TEST_BASE_CLASS(klass)->tag++;
}

static void
gadget_init(gpointer self)
{
    g_string_append(events, "gadget ");
}

static void
gadget_finalize(gpointer self)
{
    g_string_append(events, "~gadget ");
}

static const EmuInterfaceImpl gadget_interfaces[] = {{"user-creatable", gadget_user_creatable_init}, {NULL}};
static const EmuInterfaceImpl not_an_interface[] = {{"test-widget", NULL}, {NULL}};

static const EmuTypeInfo test_types[] = {
    /* Children before their parents: the table does not care. */
    {.name = "test-gadget.v2", .parent = "test-widget", .instance_init = gadget_init, .instance_finalize = gadget_finalize,
     .class_init = gadget_class_init, .interfaces = gadget_interfaces, .description = "a gadget"},
    {.name = "test-widget", .parent = "test-base", .instance_size = sizeof(Widget), .instance_init = widget_init,
     .instance_finalize = widget_finalize, .class_init = widget_class_init, .class_data = "class data"},
    {.name = "test-abstract", .parent = "test-widget", .abstract = true},
    {.name = "test-orphan", .parent = "test-nobody"},
    {.name = "test-loop-a", .parent = "test-loop-b"},
    {.name = "test-loop-b", .parent = "test-loop-a"},
    {.name = "test-small", .parent = "test-widget", .instance_size = 8},
    {.name = "test-bad-interface", .parent = "test-widget", .interfaces = not_an_interface},
};

static GString *order;

static void
test_register(void)
{
    g_string_append_c(order, 'q');
    emu_type_register_gtype("test-base", TEST_TYPE_BASE);
    for (gsize i = 0; i < G_N_ELEMENTS(test_types); i++) {
        emu_type_register_static(&test_types[i]);
    }
}

static void
order_add_machine(void)
{
    g_string_append_c(order, 'm');
}

static void
order_add_block(void)
{
    g_string_append_c(order, 'b');
}

static void
order_add_opts(void)
{
    g_string_append_c(order, 'o');
}

static void
order_add_qapi(void)
{
    g_string_append_c(order, 'a');
}

qapi_init(order_add_qapi)
opts_init(order_add_opts)
block_init(order_add_block)
machine_init(order_add_machine)
type_init(test_register)

/* ---- types ------------------------------------------------------------------------------------------ */

static void
test_module_lists(void)
{
    g_assert_true(emu_type_exists("object"));
    g_assert_cmpstr(order->str, ==, "qmboa");
    g_assert_false(emu_type_exists("test-nobody"));
}

static void
test_init_order(void)
{
    gpointer obj;

    g_string_truncate(events, 0);
    obj = emu_object_new("test-gadget.v2", NULL);
    g_assert_nonnull(obj);
    g_assert_cmpstr(emu_object_get_type_name(obj), ==, "test-gadget.v2");
    g_assert_cmpstr(emu_type_description(G_OBJECT_TYPE(obj)), ==, "a gadget");
    g_assert_true(emu_object_is_a(obj, "test-widget"));
    g_assert_true(emu_object_is_a(obj, "user-creatable"));
    g_assert_false(emu_object_is_a(obj, "container"));
    g_assert_cmpint(TEST_BASE_GET_CLASS(obj)->tag, ==, 3);
    g_assert_finalize_object(obj);
    g_assert_cmpstr(events->str, ==, "base widget gadget ~gadget ~widget ~base ");
}

static void
assert_type_error(const char *name, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(emu_object_new(name, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, message);
}

static void
test_type_errors(void)
{
    assert_type_error("test-nobody", "unknown type 'test-nobody'");
    assert_type_error("test-abstract", "type 'test-abstract' is abstract, expected one that objects can be made of");
    assert_type_error("user-creatable", "type 'user-creatable' is an interface, expected one that objects can be made of");
    assert_type_error("test-orphan", "type 'test-orphan' needs its parent: unknown type 'test-nobody'");
    assert_type_error("test-loop-a", "type 'test-loop-a' needs its parent: type 'test-loop-b' needs its parent: "
                                     "type 'test-loop-a' is its own ancestor");
    assert_type_error("test-bad-interface", "type 'test-bad-interface': 'test-widget' is a class, expected an interface");
    g_autoptr(GError) error = NULL;
    g_assert_null(emu_object_new("test-small", &error));
    g_assert_true(g_str_has_prefix(error->message, "type 'test-small': sizes of instance and class are 8 and "));
}

static void
test_type_list(void)
{
    g_autoptr(GPtrArray) all = emu_type_list("test-widget", true);
    g_autoptr(GPtrArray) users = emu_type_list("user-creatable", false);
    bool found = false;

    g_assert_cmpuint(all->len, ==, 5);
    g_assert_cmpstr(g_ptr_array_index(all, 0), ==, "test-abstract");
    g_assert_cmpstr(g_ptr_array_index(all, 2), ==, "test-gadget.v2");
    for (guint i = 0; i < users->len; i++) {
        found |= strcmp(g_ptr_array_index(users, i), "test-gadget.v2") == 0;
    }
    g_assert_true(found);
}

static void
test_user_creatable(void)
{
    g_autoptr(EmuObject) obj = emu_object_new("test-gadget.v2", NULL);

    g_assert_true(emu_user_creatable_complete(obj, NULL));
    g_assert_true(last_complete == obj);
}

/* ---- properties -------------------------------------------------------------------------------------- */

static void
assert_text(gpointer obj, const char *name, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = emu_object_get_as_string(obj, name, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, expected);
}

static void
assert_set(gpointer obj, const char *name, const char *value, const char *expected)
{
    g_autoptr(GError) error = NULL;

    emu_object_set_from_string(obj, name, value, &error);
    g_assert_no_error(error);
    assert_text(obj, name, expected);
}

static void
assert_refused(gpointer obj, const char *name, const char *value, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *before = emu_object_get_as_string(obj, name, NULL);
    g_autofree char *after = NULL;

    g_assert_false(emu_object_set_from_string(obj, name, value, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, message);
    after = emu_object_get_as_string(obj, name, NULL);
    g_assert_cmpstr(before, ==, after);
}

static void
test_defaults(void)
{
    g_autoptr(EmuObject) obj = emu_object_new("test-widget", NULL);
    g_autoptr(EmuObject) slow = emu_object_new("test-gadget.v2", NULL);
    Widget *w = (Widget *)obj;

    assert_text(obj, "flag", "on");
    assert_text(obj, "u8", "7");
    assert_text(obj, "u32", "4294967295");
    assert_text(obj, "u64", "18446744073709551615");
    assert_text(obj, "i32", "-1");
    assert_text(obj, "i64", "-5");
    assert_text(obj, "text", "hello");
    assert_text(obj, "text-length", "5");
    assert_text(obj, "colour", "green");
    assert_text(obj, "auto-mode", "auto");
    assert_text(obj, "peer", "");
    assert_text(obj, "mac", "00:00:00:00:00:00");
    assert_text(obj, "clock-frequency-hz", "1193182");
    assert_text(slow, "clock-frequency-hz", "100");
    g_assert_cmpuint(w->seen_at_init, ==, 1193182);
}

static void
test_set(void)
{
    g_autoptr(EmuObject) obj = emu_object_new("test-widget", NULL);

    assert_set(obj, "flag", "no", "off");
    assert_set(obj, "flag", "true", "on");
    assert_set(obj, "u8", "0xff", "255");
    assert_set(obj, "u8", "010", "8");
    assert_set(obj, "u16", "65535", "65535");
    assert_set(obj, "u64", "0xffffffffffffffff", "18446744073709551615");
    assert_set(obj, "i32", "-2147483648", "-2147483648");
    assert_set(obj, "i64", "-9223372036854775808", "-9223372036854775808");
    assert_set(obj, "size", "1.5G", "1610612736");
    assert_set(obj, "size", "64k", "65536");
    assert_set(obj, "size", "0x1000", "4096");
    assert_set(obj, "size", "512", "512");
    assert_set(obj, "text", "", "");
    assert_set(obj, "text-length", "3", "3");
    assert_text(obj, "text", "xxx");
    assert_set(obj, "colour", "blue", "blue");
    assert_set(obj, "auto-mode", "off", "off");
    assert_set(obj, "mac", "52:54:00:12:34:5F", "52:54:00:12:34:5f");
    assert_set(obj, "3dnow", "on", "on");
    assert_set(obj, "sse4.1", "on", "on");
    assert_text(obj, "sse4_1", "on");
    assert_set(obj, "level", "9", "9");
    g_assert_true(emu_object_set_uint(obj, "u8", 3, NULL));
    assert_text(obj, "u8", "3");
}

static void
test_refused(void)
{
    g_autoptr(EmuObject) root = emu_object_new("container", NULL);
    EmuObject *obj = emu_object_new("test-widget", NULL);

    emu_object_add_child(root, "pit0", obj, NULL);
    g_object_unref(obj);
    assert_refused(obj, "clock-frequency-hz", "0", "pit0: clock-frequency-hz is '0', expected 1 to 10000000");
    assert_refused(obj, "flag", "maybe", "pit0: flag is 'maybe', expected on or off");
    assert_refused(obj, "u8", "256", "pit0: u8 is '256', expected 0 to 255");
    assert_refused(obj, "u8", "-1", "pit0: u8 is '-1', expected 0 to 255");
    assert_refused(obj, "u8", "", "pit0: u8 is '', expected 0 to 255");
    assert_refused(obj, "u8", "1x", "pit0: u8 is '1x', expected 0 to 255");
    assert_refused(obj, "u64", "18446744073709551616",
                   "pit0: u64 is '18446744073709551616', expected 0 to 18446744073709551615");
    assert_refused(obj, "i32", "2147483648", "pit0: i32 is '2147483648', expected -2147483648 to 2147483647");
    assert_refused(obj, "size", "1Q", "pit0: size is '1Q', expected a size such as 64M, 0 to 18446744073709551615");
    assert_refused(obj, "size", "16E", "pit0: size is '16E', expected a size such as 64M, 0 to 18446744073709551615");
    assert_refused(obj, "colour", "pink", "pit0: colour is 'pink', expected one of red, green, blue");
    assert_refused(obj, "auto-mode", "x", "pit0: auto-mode is 'x', expected on, off or auto");
    assert_refused(obj, "mac", "52:54:00:12:34", "pit0: mac is '52:54:00:12:34', expected six bytes such as 52:54:00:12:34:56");
    assert_refused(obj, "peer", "nowhere", "pit0: peer is 'nowhere', expected the path of a 'test-widget' object");
    assert_refused(obj, "text-length", "9", "pit0: text-length is '9', expected another value");
    assert_refused(obj, "level", "10", "pit0: level is '10', expected 1 to 9");
    assert_refused(obj, "level", "x", "pit0: level is 'x', expected 1 to 9");
    assert_refused(obj, "nothing", "1", "pit0: there is no property 'nothing'");
}

static void
test_frozen(void)
{
    g_autoptr(EmuObject) obj = emu_object_new("test-widget", NULL);
    TestBasePrivate *p = test_base_get_instance_private(TEST_BASE(obj));

    p->locked = true;
    assert_refused(obj, "u8", "1", "u8 is fixed");
    assert_refused(obj, "level", "3", "level is fixed");
    assert_set(obj, "live", "77", "77");
}

static void
test_gobject_side(void)
{
    g_autoptr(EmuObject) obj = emu_object_new("test-widget", NULL);
    g_autoptr(EmuObject) peer = emu_object_new("test-widget", NULL);
    g_autofree char *colour = NULL;
    guint u8;
    gboolean flag;

    g_object_set(obj, "u8", 9, "flag", FALSE, "colour", "red", "peer", peer, "i64", (gint64)-7, NULL);
    g_object_get(obj, "u8", &u8, "flag", &flag, "colour", &colour, NULL);
    g_assert_cmpuint(u8, ==, 9);
    g_assert_false(flag);
    g_assert_cmpstr(colour, ==, "red");
    g_assert_true(emu_object_get_link(obj, "peer") == peer);
    assert_text(obj, "i64", "-7");
}

static void
test_listing(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = emu_type_list_properties("test-gadget.v2", &error);
    const char *last = "";

    g_assert_no_error(error);
    for (guint i = 0; i < list->len; i++) {
        EmuPropertyInfo *info = g_ptr_array_index(list, i);

        g_assert_cmpstr(last, <, info->name);
        last = info->name;
        if (strcmp(info->name, "clock-frequency-hz") == 0) {
            g_assert_cmpstr(info->type, ==, "uint32");
            g_assert_cmpstr(info->description, ==, "slower clock");
            g_assert_cmpstr(info->default_value, ==, "100");
        } else if (strcmp(info->name, "colour") == 0) {
            g_assert_cmpstr(info->description, ==, "paint (red/green/blue)");
        } else if (strcmp(info->name, "peer") == 0) {
            g_assert_cmpstr(info->type, ==, "link<test-widget>");
        }
    }
    g_assert_cmpuint(list->len, ==, G_N_ELEMENTS(widget_properties) + 2);
}

/* ---- tree -------------------------------------------------------------------------------------------- */

static void
count_cb(EmuObject *parent, EmuObject *child, int *n)
{
    (*n)++;
}

static EmuObject *
add(gpointer parent, const char *name, const char *type)
{
    g_autoptr(GError) error = NULL;
    EmuObject *obj = emu_object_new(type, &error);

    emu_object_add_child(parent, name, obj, &error);
    g_assert_no_error(error);
    g_object_unref(obj);
    return obj;
}

static void
test_tree(void)
{
    g_autoptr(EmuObject) root = emu_object_new("container", NULL);
    g_autoptr(GError) error = NULL;
    EmuObject *un = emu_object_get_container(root, "/machine/unattached");
    EmuObject *a = add(un, "device[*]", "test-widget");
    EmuObject *b = add(un, "device[*]", "test-widget");
    EmuObject *p = add(emu_object_get_container(root, "/machine/peripheral"), "x", "test-widget");
    g_autofree char *path = emu_object_get_canonical_path(b);
    bool ambiguous;
    int added = 0, removed = 0;

    g_assert_cmpstr(path, ==, "/machine/unattached/device[1]");
    g_assert_true(emu_object_get_container(root, "machine/unattached") == un);
    g_assert_true(emu_object_get_root(b) == root);
    g_assert_true(emu_object_resolve_path(root, path, NULL) == b);
    g_assert_true(emu_object_resolve_path(root, "/", NULL) == root);
    g_assert_true(emu_object_resolve_path(root, "device[0]", &ambiguous) == a);
    g_assert_false(ambiguous);
    g_assert_true(emu_object_resolve_path(root, "peripheral/x", &ambiguous) == p);
    g_assert_null(emu_object_resolve_path(root, "/machine/none", NULL));
    g_assert_null(emu_object_resolve_path(root, "", NULL));
    add(un, "x", "container");
    g_assert_null(emu_object_resolve_path(root, "x", &ambiguous));
    g_assert_true(ambiguous);

    emu_object_set_from_string(p, "peer", "/machine/unattached/device[1]", &error);
    g_assert_no_error(error);
    g_assert_true(emu_object_resolve_path(root, "/machine/peripheral/x/peer", NULL) == b);
    g_assert_false(emu_object_set_from_string(p, "peer", "unattached", &error));
    g_assert_cmpstr(error->message, ==, "x: peer is 'unattached' of type 'container', expected a 'test-widget'");
    g_clear_error(&error);
    assert_text(p, "peer", path);

    g_assert_false(emu_object_add_child(un, "device[0]", root, &error));
    g_assert_cmpstr(error->message, ==, "unattached: 'device[0]' cannot be below itself");
    g_clear_error(&error);
    g_assert_false(emu_object_add_child(root, "again", a, &error));
    g_clear_error(&error);
    g_autoptr(EmuObject) extra = emu_object_new("container", NULL);
    g_assert_false(emu_object_add_child(un, "device[0]", extra, &error));
    g_assert_cmpstr(error->message, ==, "unattached: there is a child 'device[0]' already");
    g_clear_error(&error);
    g_assert_false(emu_object_add_child(un, "a/b", extra, &error));

    g_signal_connect(un, "child-added", G_CALLBACK(count_cb), &added);
    g_signal_connect(un, "child-removed", G_CALLBACK(count_cb), &removed);
    g_object_add_weak_pointer(G_OBJECT(a), (gpointer *)&a);
    emu_object_unparent(a);
    g_assert_null(a);
    add(un, "device[*]", "test-widget");
    g_assert_cmpint(added, ==, 1);
    g_assert_cmpint(removed, ==, 1);
    g_assert_nonnull(emu_object_get_child(un, "device[0]"));

    g_autoptr(GPtrArray) list = emu_object_list_properties(un);
    g_assert_cmpuint(list->len, ==, 4);
    assert_text(un, "type", "container");
    g_autofree char *type = emu_object_property_type_text(un, "device[1]");
    g_assert_cmpstr(type, ==, "child<test-widget>");
}

static void
test_lookup_root(void)
{
    EmuObject *root = emu_object_new("container", NULL);
    EmuObject *b = add(root, "b", "test-widget");
    g_autoptr(EmuObject) loose = emu_object_new("test-widget", NULL);

    emu_object_set_lookup_root(loose, root);
    assert_set(loose, "peer", "b", "/b");
    g_assert_true(emu_object_get_link(loose, "peer") == b);
    g_object_unref(root);
    assert_set(loose, "peer", "", "");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    events = g_string_new(NULL);
    g_test_add_func("/qom/module-lists/run-in-their-order", test_module_lists);
    g_test_add_func("/qom/type/init-parent-first-finalize-child-first", test_init_order);
    g_test_add_func("/qom/type/mistakes-are-named", test_type_errors);
    g_test_add_func("/qom/type/list-by-ancestor", test_type_list);
    g_test_add_func("/qom/type/interface-of-a-qom-type", test_user_creatable);
    g_test_add_func("/qom/property/defaults-come-before-init", test_defaults);
    g_test_add_func("/qom/property/from-text", test_set);
    g_test_add_func("/qom/property/refusal-says-what-was-expected", test_refused);
    g_test_add_func("/qom/property/check-set-freezes", test_frozen);
    g_test_add_func("/qom/property/gobject-side", test_gobject_side);
    g_test_add_func("/qom/property/listing", test_listing);
    g_test_add_func("/qom/tree/paths", test_tree);
    g_test_add_func("/qom/tree/lookup-root-of-a-loose-object", test_lookup_root);
    return g_test_run();
}

static void __attribute__((constructor(101)))
test_make_order(void)
{
    order = g_string_new(NULL);
}
