/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * EmuObject: a GObject with a place in a composition tree.
 *
 * A child has one parent, which owns a reference to it, and a name that is unique among its siblings;
 * the names from the root down are its canonical path.  Children keep their order of addition.
 * The tree is used from the machine's main thread, or with its big lock held.
 */

#include "qom/qom-private.h"

#include <emu/log.h>

#include <string.h>

typedef struct {
    EmuObject *parent;
    char *name;
    GPtrArray *children;   /* owned references, in order of addition; NULL: none yet */
    GHashTable *by_name;   /* name (the child's own) -> child */
    EmuObject *lookup_root; /* borrowed; weak pointer */
} EmuObjectPrivate;

enum { SIGNAL_CHILD_ADDED, SIGNAL_CHILD_REMOVED, SIGNAL_N };

static guint signals[SIGNAL_N];
static gint emu_object_private_offset;
static gpointer emu_object_parent_class;

static inline EmuObjectPrivate *
priv(gpointer obj)
{
    return G_STRUCT_MEMBER_P(obj, emu_object_private_offset);
}

static void
emu_object_drop_children(EmuObject *self)
{
    EmuObjectPrivate *p = priv(self);

    while (p->children && p->children->len > 0) {
        emu_object_unparent(g_ptr_array_index(p->children, p->children->len - 1));
    }
}

static void
emu_object_dispose(GObject *obj)
{
    emu_object_drop_children(EMU_OBJECT(obj));
    emu_object_set_lookup_root(obj, NULL);
    G_OBJECT_CLASS(emu_object_parent_class)->dispose(obj);
}

static void
emu_object_finalize(GObject *obj)
{
    EmuObjectPrivate *p = priv(obj);

    emu_property_release_fields(EMU_OBJECT(obj));
    g_clear_pointer(&p->by_name, g_hash_table_unref);
    g_clear_pointer(&p->children, g_ptr_array_unref);
    g_free(p->name);
    G_OBJECT_CLASS(emu_object_parent_class)->finalize(obj);
}

static char *
emu_object_get_type_text(gpointer self, GError **error G_GNUC_UNUSED)
{
    return g_strdup(emu_object_get_type_name(self));
}

static void
emu_object_class_init(gpointer klass, gpointer data G_GNUC_UNUSED)
{
    emu_object_parent_class = g_type_class_peek_parent(klass);
    g_type_class_adjust_private_offset(klass, &emu_object_private_offset);
    G_OBJECT_CLASS(klass)->dispose = emu_object_dispose;
    G_OBJECT_CLASS(klass)->finalize = emu_object_finalize;
    emu_object_class_add_string_property(klass, "type", emu_object_get_type_text, NULL, NULL);

    /**
     * EmuObject::child-added:
     * @child: the new child
     */
    signals[SIGNAL_CHILD_ADDED] = g_signal_new("child-added", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                               NULL, G_TYPE_NONE, 1, EMU_TYPE_OBJECT);
    /**
     * EmuObject::child-removed:
     * @child: the child, which has no parent any more
     */
    signals[SIGNAL_CHILD_REMOVED] = g_signal_new("child-removed", G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, NULL,
                                                 NULL, NULL, G_TYPE_NONE, 1, EMU_TYPE_OBJECT);
}

/* Runs before any other instance_init, with the memory of the whole instance zeroed. */
static void
emu_object_init(GTypeInstance *instance, gpointer klass)
{
    emu_property_write_defaults((EmuObject *)instance, G_TYPE_FROM_CLASS(klass));
}

GType
emu_object_get_type(void)
{
    static gsize once;

    if (g_once_init_enter(&once)) {
        static const GTypeInfo info = {
            .class_size = sizeof(EmuObjectClass),
            .class_init = emu_object_class_init,
            .instance_size = sizeof(EmuObject),
            .instance_init = emu_object_init,
        };
        GType type = g_type_register_static(G_TYPE_OBJECT, "EmuObject", &info, 0);

        emu_object_private_offset = g_type_add_instance_private(type, sizeof(EmuObjectPrivate));
        g_once_init_leave(&once, type);
    }
    return once;
}

static void
emu_object_register_types(void)
{
    static const EmuTypeInfo container = {.name = "container", .parent = "object", .description = "holds other objects"};

    emu_type_register_gtype("object", EMU_TYPE_OBJECT);
    emu_type_register_gtype("user-creatable", EMU_TYPE_USER_CREATABLE);
    emu_type_register_static(&container);
}

type_init(emu_object_register_types)

/* ---- construction ------------------------------------------------------------------------------ */

/**
 * emu_object_new:
 * @type_name: QOM name; its plugin is opened when need be
 *
 * Returns: (transfer full) (nullable): a new object with default property values
 *
 * Since: 1.0
 */
gpointer
emu_object_new(const char *type_name, GError **error)
{
    GType type = emu_type_lookup(type_name, error);

    if (type == G_TYPE_INVALID) {
        return NULL;
    }
    if (G_TYPE_IS_INTERFACE(type) || G_TYPE_IS_ABSTRACT(type)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_ABSTRACT,
                    "type '%s' is %s, expected one that objects can be made of", type_name,
                    G_TYPE_IS_INTERFACE(type) ? "an interface" : "abstract");
        return NULL;
    }
    return g_object_new(type, NULL);
}

const char *
emu_object_get_type_name(gpointer obj)
{
    return emu_type_name(G_OBJECT_TYPE(obj));
}

bool
emu_object_is_a(gpointer obj, const char *type_name)
{
    GType type = emu_type_peek(type_name);

    return type != G_TYPE_INVALID && G_TYPE_CHECK_INSTANCE_TYPE(obj, type);
}

/* ---- composition tree --------------------------------------------------------------------------- */

/* "device[*]" -> "device[3]" */
static char *
emu_object_complete_name(EmuObjectPrivate *p, const char *name)
{
    gsize stem = strlen(name) - 3;
    char *full;

    if (!g_str_has_suffix(name, "[*]")) {
        return g_strdup(name);
    }
    for (unsigned i = 0;; i++) {
        full = g_strdup_printf("%.*s[%u]", (int)stem, name, i);
        if (!p->by_name || !g_hash_table_contains(p->by_name, full)) {
            return full;
        }
        g_free(full);
    }
}

/**
 * emu_object_add_child:
 * @parent: takes a reference of its own to @child
 * @name: unique among the children of @parent; "x[*]" becomes the first free of "x[0]", "x[1]" ...
 * @child: an object without a parent
 *
 * Since: 1.0
 */
bool
emu_object_add_child(gpointer parent, const char *name, gpointer child, GError **error)
{
    EmuObjectPrivate *pp = priv(parent);
    EmuObjectPrivate *cp = priv(child);
    char *full;

    g_return_val_if_fail(EMU_IS_OBJECT(parent) && EMU_IS_OBJECT(child), false);

    if (!name || !*name || strchr(name, '/')) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "%s: '%s' is no name for a child, expected one without slashes", emu_object_get_label(parent),
                    name ? name : "");
        return false;
    }
    if (cp->parent) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "%s: '%s' has a parent already, %s",
                    emu_object_get_label(parent), name, emu_object_get_label(cp->parent));
        return false;
    }
    for (EmuObject *o = parent; o; o = priv(o)->parent) {
        if (o == child) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: '%s' cannot be below itself",
                        emu_object_get_label(parent), name);
            return false;
        }
    }
    full = emu_object_complete_name(pp, name);
    if (pp->by_name && g_hash_table_contains(pp->by_name, full)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "%s: there is a child '%s' already",
                    emu_object_get_label(parent), full);
        g_free(full);
        return false;
    }
    if (!pp->children) {
        pp->children = g_ptr_array_new();
        pp->by_name = g_hash_table_new(g_str_hash, g_str_equal);
    }
    g_free(cp->name);
    cp->name = full;
    cp->parent = parent;
    g_ptr_array_add(pp->children, g_object_ref(child));
    g_hash_table_insert(pp->by_name, cp->name, child);
    g_signal_emit(parent, signals[SIGNAL_CHILD_ADDED], 0, child);
    return true;
}

/**
 * emu_object_unparent:
 * @child: an object; nothing happens when it has no parent
 *
 * Takes @child out of the tree and drops its parent's reference, often the last one.
 *
 * Since: 1.0
 */
void
emu_object_unparent(gpointer child)
{
    EmuObjectPrivate *cp = priv(child);
    EmuObject *parent = cp->parent;
    EmuObjectPrivate *pp;

    if (!parent) {
        return;
    }
    g_object_ref(child);
    if (EMU_OBJECT_GET_CLASS(child)->unparent) {
        EMU_OBJECT_GET_CLASS(child)->unparent(child);
    }
    if (cp->parent == parent) {
        pp = priv(parent);
        cp->parent = NULL;
        g_hash_table_remove(pp->by_name, cp->name);
        g_ptr_array_remove(pp->children, child);
        g_signal_emit(parent, signals[SIGNAL_CHILD_REMOVED], 0, child);
        g_object_unref(child);
    }
    g_object_unref(child);
}

unsigned
emu_object_get_position(EmuObject *child)
{
    EmuObject *parent = priv(child)->parent;
    guint index = 0;

    if (parent) {
        g_ptr_array_find(priv(parent)->children, child, &index);
    }
    return index;
}

void
emu_object_set_position(EmuObject *child, unsigned index)
{
    EmuObject *parent = priv(child)->parent;
    GPtrArray *children = parent ? priv(parent)->children : NULL;

    if (children && g_ptr_array_remove(children, child)) {
        g_ptr_array_insert(children, (gint)MIN(index, children->len), child);
    }
}

EmuObject *
emu_object_get_parent(gpointer obj)
{
    return priv(obj)->parent;
}

EmuObject *
emu_object_get_root(gpointer obj)
{
    EmuObject *o = obj;

    while (priv(o)->parent) {
        o = priv(o)->parent;
    }
    return o;
}

EmuObject *
emu_object_get_child(gpointer obj, const char *name)
{
    EmuObjectPrivate *p = priv(obj);

    return p->by_name ? g_hash_table_lookup(p->by_name, name) : NULL;
}

const char *
emu_object_get_name(gpointer obj)
{
    return priv(obj)->parent ? priv(obj)->name : NULL;
}

const char *
emu_object_get_label(gpointer obj)
{
    return priv(obj)->name ? priv(obj)->name : emu_object_get_type_name(obj);
}

char *
emu_object_get_canonical_path(gpointer obj)
{
    GString *s = g_string_new(NULL);

    for (EmuObject *o = obj; priv(o)->parent; o = priv(o)->parent) {
        g_string_prepend(s, priv(o)->name);
        g_string_prepend_c(s, '/');
    }
    if (s->len == 0) {
        g_string_append_c(s, '/');
    }
    return g_string_free(s, FALSE);
}

/* Children, and links where there is no such child. */
static EmuObject *
emu_object_walk(EmuObject *from, char **parts)
{
    for (; from && *parts; parts++) {
        EmuObject *next;

        if (!**parts) {
            continue;
        }
        next = emu_object_get_child(from, *parts);
        from = next ? next : emu_object_get_link(from, *parts);
    }
    return from;
}

static void
emu_object_find_partial(EmuObject *from, char **parts, EmuObject **found, bool *ambiguous)
{
    EmuObjectPrivate *p = priv(from);
    EmuObject *here = emu_object_walk(from, parts);

    if (here && *found && here != *found) {
        *ambiguous = true;
    } else if (here) {
        *found = here;
    }
    for (guint i = 0; p->children && i < p->children->len && !*ambiguous; i++) {
        emu_object_find_partial(g_ptr_array_index(p->children, i), parts, found, ambiguous);
    }
}

/**
 * emu_object_resolve_path:
 * @root: where "/" is
 * @path: absolute, or the last components of a path anywhere below @root
 * @ambiguous: (out) (optional): set to whether a partial path matches several objects
 *
 * Components are names of children or of link properties.
 *
 * Returns: (transfer none) (nullable): the object, %NULL when there is none or more than one
 *
 * Since: 1.0
 */
EmuObject *
emu_object_resolve_path(gpointer root, const char *path, bool *ambiguous)
{
    g_auto(GStrv) parts = NULL;
    EmuObject *found = NULL;
    bool several = false;

    if (ambiguous) {
        *ambiguous = false;
    }
    g_return_val_if_fail(EMU_IS_OBJECT(root), NULL);
    if (!path || !*path) {
        return NULL;
    }
    parts = g_strsplit(path, "/", -1);
    if (*path == '/') {
        return emu_object_walk(root, parts);
    }
    emu_object_find_partial(root, parts, &found, &several);
    if (ambiguous) {
        *ambiguous = several;
    }
    return several ? NULL : found;
}

/* Children may be removed by @fn. */
bool
emu_object_foreach_child(gpointer obj, bool (*fn)(EmuObject *child, gpointer data), gpointer data)
{
    EmuObjectPrivate *p = priv(obj);
    g_autoptr(GPtrArray) copy = NULL;
    bool stop = false;

    if (!p->children) {
        return false;
    }
    copy = g_ptr_array_new_full(p->children->len, g_object_unref);
    for (guint i = 0; i < p->children->len; i++) {
        g_ptr_array_add(copy, g_object_ref(g_ptr_array_index(p->children, i)));
    }
    for (guint i = 0; i < copy->len && !stop; i++) {
        stop = fn(g_ptr_array_index(copy, i), data);
    }
    return stop;
}

EmuObject *
emu_object_get_container(gpointer root, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    EmuObject *at = root;

    for (char **part = parts; *part; part++) {
        EmuObject *next;

        if (!**part) {
            continue;
        }
        next = emu_object_get_child(at, *part);
        if (!next) {
            g_autoptr(EmuObject) made = emu_object_new("container", NULL);

            emu_object_add_child(at, *part, made, NULL);
            next = made;
        }
        at = next;
    }
    return at;
}

void
emu_object_set_lookup_root(gpointer obj, gpointer root)
{
    EmuObjectPrivate *p = priv(obj);

    g_set_weak_pointer(&p->lookup_root, root);
}

EmuObject *
emu_object_get_lookup_root(EmuObject *obj)
{
    EmuObjectPrivate *p = priv(obj);

    return p->parent || !p->lookup_root ? emu_object_get_root(obj) : p->lookup_root;
}

/* ---- user-creatable ----------------------------------------------------------------------------- */

G_DEFINE_INTERFACE(EmuUserCreatable, emu_user_creatable, EMU_TYPE_OBJECT)

static void
emu_user_creatable_default_init(EmuUserCreatableInterface *iface G_GNUC_UNUSED)
{
}

bool
emu_user_creatable_complete(gpointer obj, GError **error)
{
    EmuUserCreatableInterface *iface;

    g_return_val_if_fail(EMU_IS_USER_CREATABLE(obj), false);

    iface = EMU_USER_CREATABLE_GET_IFACE(obj);
    return !iface->complete || iface->complete(obj, error);
}
