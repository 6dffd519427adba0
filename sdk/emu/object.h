/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * QOM on GObject: named types registered by modules, objects in a composition tree, properties
 * that convert to and from strings.
 */

#include <emu/macros.h>

G_BEGIN_DECLS

#define EMU_TYPE_OBJECT (emu_object_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuObject, emu_object, EMU, OBJECT, GObject)

struct _EmuObjectClass {
    GObjectClass parent_class;
    /* May the property be set now?  Asked for every property that is not EMU_PROP_FLAG_RUNTIME (a
     * realized device refuses).  Optional; chain up. */
    bool (*check_set)(EmuObject *self, GParamSpec *pspec, GError **error);
    /* The object leaves the composition tree, still with its parent and children.  Optional; chain up. */
    void (*unparent)(EmuObject *self);
    EMU_RESERVED_SLOTS(6);
};

#define EMU_OBJECT_ERROR (emu_object_error_quark())
typedef enum {
    EMU_OBJECT_ERROR_UNKNOWN_TYPE,
    EMU_OBJECT_ERROR_ABSTRACT,
    EMU_OBJECT_ERROR_UNKNOWN_PROPERTY,
    EMU_OBJECT_ERROR_BAD_VALUE,
    EMU_OBJECT_ERROR_READ_ONLY,
    EMU_OBJECT_ERROR_NOT_FOUND,
    EMU_OBJECT_ERROR_DUPLICATE,
    EMU_OBJECT_ERROR_FAILED,
} EmuObjectError;
EMU_AVAILABLE_IN_1_0 GQuark emu_object_error_quark(void);

/* ---- types ---------------------------------------------------------------------------------- */

/* An interface implemented by a type: QOM name of the interface and the function that fills it. */
typedef struct {
    const char *name; /* NULL ends the list */
    GInterfaceInitFunc init;
    EMU_RESERVED_SLOTS(1);
} EmuInterfaceImpl;

typedef struct {
    const char *name;   /* QOM name: "isa-pit" */
    const char *parent; /* QOM name; may belong to a plugin that is not loaded yet */
    gsize instance_size; /* 0: the parent's */
    gsize class_size;    /* 0: the parent's */
    void (*instance_init)(gpointer self);
    void (*instance_finalize)(gpointer self);
    void (*class_init)(gpointer klass, gconstpointer class_data);
    gconstpointer class_data;
    bool abstract;
    const EmuInterfaceImpl *interfaces;
    const char *description;
    EMU_RESERVED_SLOTS(4);
} EmuTypeInfo;

/* Registers a type with the module whose init function is running; @info must stay valid while it
 * is loaded.  The GType is made on first use. */
EMU_AVAILABLE_IN_1_0 void emu_type_register_static(const EmuTypeInfo *info);
/* Gives an existing GType (class or interface) a QOM name. */
EMU_AVAILABLE_IN_1_0 void emu_type_register_gtype(const char *name, GType type);
/* QOM name -> GType, loading the plugin that provides it; G_TYPE_INVALID and @error when unknown. */
EMU_AVAILABLE_IN_1_0 GType emu_type_lookup(const char *name, GError **error);
EMU_AVAILABLE_IN_1_0 const char *emu_type_name(GType type);
EMU_AVAILABLE_IN_1_0 const char *emu_type_description(GType type);
/* Names of all types that are (transitively) @ancestor, sorted; loads the plugins that provide
 * candidates. (transfer container) */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_type_list(const char *ancestor, bool include_abstract);

EMU_AVAILABLE_IN_1_0 bool emu_type_exists(const char *name); /* known, or provided by a plugin; opens nothing */

/* Module lists, run in this order. */
typedef enum {
    EMU_MODULE_QOM,
    EMU_MODULE_MACHINE,
    EMU_MODULE_BLOCK,
    EMU_MODULE_OPTS,
    EMU_MODULE_QAPI,
    EMU_MODULE_N
} EmuModuleKind;
EMU_AVAILABLE_IN_1_0 void emu_module_register(EmuModuleKind kind, void (*init)(void)); /* type_init() and the others do it; @init runs once, on the thread that opens the plugin */

#define EMU_MODULE_INIT_(fn, kind)                                                                 \
    static void __attribute__((constructor)) emu_module_ctor_##fn(void)                            \
    {                                                                                              \
        emu_module_register(kind, fn);                                                             \
    }
#define type_init(fn) EMU_MODULE_INIT_(fn, EMU_MODULE_QOM)
#define machine_init(fn) EMU_MODULE_INIT_(fn, EMU_MODULE_MACHINE)
#define block_init(fn) EMU_MODULE_INIT_(fn, EMU_MODULE_BLOCK)
#define opts_init(fn) EMU_MODULE_INIT_(fn, EMU_MODULE_OPTS)
#define qapi_init(fn) EMU_MODULE_INIT_(fn, EMU_MODULE_QAPI)

#define type_register_static emu_type_register_static

/* Registers @info when the plugin is loaded: the whole of what a plugin with one type needs. */
#define EMU_REGISTER_TYPE(info)                                                                    \
    static void info##_register(void)                                                              \
    {                                                                                              \
        emu_type_register_static(&info);                                                           \
    }                                                                                              \
    type_init(info##_register)
/* The usual case in one line: struct S, function PREFIX_class_init. */
#define EMU_DEFINE_TYPE(S, prefix, type_name, parent_name, text)                                   \
    static const EmuTypeInfo prefix##_type_info = {.name = type_name,                              \
                                                   .parent = parent_name,                          \
                                                   .instance_size = sizeof(S),                     \
                                                   .class_init = prefix##_class_init,              \
                                                   .description = text};                           \
    EMU_REGISTER_TYPE(prefix##_type_info)

/* ---- objects -------------------------------------------------------------------------------- */

/* New object of a QOM type; NULL and @error when unknown or abstract. (transfer full) */
EMU_AVAILABLE_IN_1_0 gpointer emu_object_new(const char *type_name, GError **error);
EMU_AVAILABLE_IN_1_0 const char *emu_object_get_type_name(gpointer obj); /* QOM name */
EMU_AVAILABLE_IN_1_0 bool emu_object_is_a(gpointer obj, const char *type_name); /* @type_name: a type or an interface */

/* The composition tree belongs to the machine's main thread (big lock held elsewhere).  Signals:
 * "child-added" and "child-removed" (EmuObject *child) on the parent.
 * A child is owned by its parent; the name may end in "[*]": next free index. */
EMU_AVAILABLE_IN_1_0 bool emu_object_add_child(gpointer parent, const char *name, gpointer child, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_object_unparent(gpointer child);
EMU_AVAILABLE_IN_1_0 EmuObject *emu_object_get_parent(gpointer obj); /* NULL: a root */
EMU_AVAILABLE_IN_1_0 EmuObject *emu_object_get_root(gpointer obj); /* itself, when it has no parent */
EMU_AVAILABLE_IN_1_0 EmuObject *emu_object_get_child(gpointer obj, const char *name); /* by its name in @obj; NULL: none */
/* Name in the parent, NULL for a root. */
EMU_AVAILABLE_IN_1_0 const char *emu_object_get_name(gpointer obj);
/* "/machine/peripheral/x"; (transfer full) */
EMU_AVAILABLE_IN_1_0 char *emu_object_get_canonical_path(gpointer obj);
/* Absolute ("/machine/...") from @root, or partial ("peripheral/x", unique match); NULL when absent;
 * *ambiguous (may be NULL) set when several match. (transfer none) */
EMU_AVAILABLE_IN_1_0 EmuObject *emu_object_resolve_path(gpointer root, const char *path, bool *ambiguous);
/* Calls @fn for each child in order of addition; stops when it returns true. */
EMU_AVAILABLE_IN_1_0 bool emu_object_foreach_child(gpointer obj, bool (*fn)(EmuObject *child, gpointer data), gpointer data);
/* A plain container at @path below @root, made where missing. */
EMU_AVAILABLE_IN_1_0 EmuObject *emu_object_get_container(gpointer root, const char *path);

/* ---- properties ----------------------------------------------------------------------------- */

typedef enum {
    EMU_PROP_KIND_BOOL, /* bool field */
    EMU_PROP_KIND_UINT8,
    EMU_PROP_KIND_UINT16,
    EMU_PROP_KIND_UINT32,
    EMU_PROP_KIND_UINT64,
    EMU_PROP_KIND_INT32,
    EMU_PROP_KIND_INT64,
    EMU_PROP_KIND_SIZE,   /* uint64_t field; strings take K M G T suffixes */
    EMU_PROP_KIND_STRING, /* char * field, owned */
    EMU_PROP_KIND_ENUM,   /* int field; names in enum_names */
    EMU_PROP_KIND_LINK,   /* EmuObject * field, strong reference; link_type is a QOM name */
    EMU_PROP_KIND_MAC,    /* uint8_t[6] field */
    EMU_PROP_KIND_ONOFFAUTO, /* int field: EmuOnOffAuto */
} EmuPropKind;

typedef enum { EMU_ON_OFF_AUTO_AUTO, EMU_ON_OFF_AUTO_ON, EMU_ON_OFF_AUTO_OFF } EmuOnOffAuto;

/* A property that is a field of the instance struct. Declared as a static const table. */
typedef struct {
    const char *name;
    EmuPropKind kind;
    gsize offset;
    uint64_t min, max; /* integers; both 0: the kind's whole range (signed kinds: cast) */
    uint64_t default_value;
    const char *default_string;
    const char *const *enum_names; /* NULL-terminated; value is the index */
    const char *link_type;
    const char *blurb;
    uint32_t flags; /* EMU_PROP_FLAG_... */
    EMU_RESERVED_SLOTS(2);
} EmuProperty;

enum {
    EMU_PROP_FLAG_RUNTIME = 1 << 0,   /* may be set after realize */
    EMU_PROP_FLAG_READ_ONLY = 1 << 1, /* reflects state; never set from outside */
};

#define EMU_PROP_(n, k, S, f, d, b) {.name = n, .kind = EMU_PROP_KIND_##k, .offset = offsetof(S, f), .default_value = (uint64_t)(d), .blurb = b}
#define EMU_PROP_BOOL(n, S, f, d, b) EMU_PROP_(n, BOOL, S, f, d, b)
#define EMU_PROP_UINT8(n, S, f, d, b) EMU_PROP_(n, UINT8, S, f, d, b)
#define EMU_PROP_UINT16(n, S, f, d, b) EMU_PROP_(n, UINT16, S, f, d, b)
#define EMU_PROP_UINT32(n, S, f, d, b) EMU_PROP_(n, UINT32, S, f, d, b)
#define EMU_PROP_UINT64(n, S, f, d, b) EMU_PROP_(n, UINT64, S, f, d, b)
#define EMU_PROP_INT32(n, S, f, d, b) EMU_PROP_(n, INT32, S, f, d, b)
#define EMU_PROP_INT64(n, S, f, d, b) EMU_PROP_(n, INT64, S, f, d, b)
#define EMU_PROP_SIZE(n, S, f, d, b) EMU_PROP_(n, SIZE, S, f, d, b)
#define EMU_PROP_ONOFFAUTO(n, S, f, d, b) EMU_PROP_(n, ONOFFAUTO, S, f, d, b)
#define EMU_PROP_MAC(n, S, f, b) EMU_PROP_(n, MAC, S, f, 0, b)
#define EMU_PROP_UINT32_RANGE(n, S, f, d, lo, hi, b) {.name = n, .kind = EMU_PROP_KIND_UINT32, .offset = offsetof(S, f), .default_value = (uint64_t)(d), .min = lo, .max = hi, .blurb = b}
#define EMU_PROP_STRING(n, S, f, d, b) {.name = n, .kind = EMU_PROP_KIND_STRING, .offset = offsetof(S, f), .default_string = d, .blurb = b}
#define EMU_PROP_ENUM(n, S, f, d, names, b) {.name = n, .kind = EMU_PROP_KIND_ENUM, .offset = offsetof(S, f), .default_value = (uint64_t)(d), .enum_names = names, .blurb = b}
#define EMU_PROP_LINK(n, S, f, type, b) {.name = n, .kind = EMU_PROP_KIND_LINK, .offset = offsetof(S, f), .link_type = type, .blurb = b}

/* Installs field properties on a class (as GParamSpecs); in class_init, after a set_property of the
 * class' own.  Values are the defaults before any instance_init runs.  Names are kebab-case; digits in
 * front and dots ("3dnow", "sse4.1") are allowed here, though not in a GParamSpec's name. */
EMU_AVAILABLE_IN_1_0 void emu_object_class_add_properties(gpointer klass, const EmuProperty *props, guint n_props);
/* A property with functions of its own, text on both sides; either may be NULL. */
EMU_AVAILABLE_IN_1_0 void emu_object_class_add_string_property(gpointer klass, const char *name,
    char *(*get)(gpointer self, GError **error), bool (*set)(gpointer self, const char *value, GError **error), const char *blurb);
/* Adds EMU_PROP_FLAG_... bits to a property of this class. */
EMU_AVAILABLE_IN_1_0 void emu_object_class_add_property_flags(gpointer klass, const char *name, uint32_t flags);

/* What help texts and QMP say about a property. */
typedef struct {
    char *name;
    char *type;          /* as emu_object_property_type_text() */
    char *description;   /* may be NULL */
    char *default_value; /* as text; NULL when there is none */
    bool readable, writable;
} EmuPropertyInfo;
/* Properties of a type, base classes included, sorted by name. (transfer container) (element-type EmuPropertyInfo) */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_type_list_properties(const char *type_name, GError **error);
/* The same for an object, and its children as "child<TYPE>". */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_object_list_properties(gpointer obj);
EMU_AVAILABLE_IN_1_0 bool emu_object_has_property(gpointer obj, const char *name); /* children are none */

/* Text conversions of the command line. */
EMU_AVAILABLE_IN_1_0 bool emu_parse_bool(const char *text, bool *value);         /* on off yes no true false y n */
EMU_AVAILABLE_IN_1_0 bool emu_parse_uint(const char *text, uint64_t *value);     /* decimal, 0x..., 0... */
EMU_AVAILABLE_IN_1_0 bool emu_parse_int(const char *text, int64_t *value);
EMU_AVAILABLE_IN_1_0 bool emu_parse_size(const char *text, char default_suffix, uint64_t *bytes); /* B K M G T P E, fractions */

/* Where paths given to link properties start while the object has no place in a tree; @root is borrowed. */
EMU_AVAILABLE_IN_1_0 void emu_object_set_lookup_root(gpointer obj, gpointer root);

/* Sets from text as on the command line; the message names object, property, value and what was expected. */
EMU_AVAILABLE_IN_1_0 bool emu_object_set_from_string(gpointer obj, const char *name, const char *value, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_object_get_as_string(gpointer obj, const char *name, GError **error);
/* The same from C values; the same errors. */
EMU_AVAILABLE_IN_1_0 bool emu_object_set_bool(gpointer obj, const char *name, bool value, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_object_set_uint(gpointer obj, const char *name, uint64_t value, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_object_set_int(gpointer obj, const char *name, int64_t value, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_object_set_string(gpointer obj, const char *name, const char *value, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_object_set_link(gpointer obj, const char *name, gpointer target, GError **error);
EMU_AVAILABLE_IN_1_0 EmuObject *emu_object_get_link(gpointer obj, const char *name);
/* The QMP view: type text of a property ("bool", "uint32", "string", "link<pci-bus>", "child<...>"). (transfer full) */
EMU_AVAILABLE_IN_1_0 char *emu_object_property_type_text(gpointer obj, const char *name);

/* Interface of objects that -object / object-add may create: complete() runs after the properties are set. */
#define EMU_TYPE_USER_CREATABLE (emu_user_creatable_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuUserCreatable, emu_user_creatable, EMU, USER_CREATABLE, EmuObject)
struct _EmuUserCreatableInterface {
    GTypeInterface parent_iface;
    bool (*complete)(EmuUserCreatable *self, GError **error);
    bool (*can_be_deleted)(EmuUserCreatable *self);
    EMU_RESERVED_SLOTS(4);
};
EMU_AVAILABLE_IN_1_0 bool emu_user_creatable_complete(gpointer obj, GError **error); /* after the properties; false and @error: the object is of no use */

G_END_DECLS
