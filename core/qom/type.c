/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The type table: QOM name -> EmuTypeInfo -> GType.
 *
 * A constructor (type_init) only queues a function; running it fills the table; the GType is made when
 * the name is first looked up.  By then the parent must be known, and if no registered type has its name
 * the hooks of core/plugin may open the plugin that provides it.
 *
 * GType names allow letters, digits and "-_+" only, so "pc-i440fx-7.2-machine" becomes
 * "qom1-pc-i440fx-7+2e2-machine"; nobody but GObject sees it.
 *
 * Closing a plugin: GObject never takes a class back (GTypePlugin promises it, but since GLib 2.6x the last
 * reference to a class is kept on purpose).  So a GType of ours is given up instead: when no instance of a
 * module's types is left, the table forgets them and all types below them, and the next use of the name makes
 * a new GType ("qom2-...").  The old class stays behind, some hundred bytes that nothing points to.  Sizes,
 * parents and properties may so differ from one load to the next.
 *
 * Reloading a plugin under its instances goes further: the rows of the old code are set aside, with their
 * GTypes and instances, the new code registers the same names in new rows, and both live side by side until
 * the instances have moved over, or have moved back.
 *
 * One recursive lock guards the table.  It is never held while a class is initialised.
 */

#include "qom/qom-private.h"

#include <emu/log.h>

#include <string.h>

/* GObject counts sizes in 16 bits, private data included. */
#define TYPE_MAX_SIZE 60000

typedef void (*ModuleInitFunc)(void);

typedef struct {
    char *name;
    char *parent;
    const EmuTypeInfo *info; /* NULL: a GType with a QOM name, or its module is closed */
    EmuTypeModule *module;   /* NULL: the core */
    GType gtype;             /* 0 until first use */
    bool resolving;
    char *description; /* of a GType that was registered as such */
} TypeEntry;

struct _EmuTypeModule {
    char *name;
    GArray *lists[EMU_MODULE_N]; /* of ModuleInitFunc */
    EmuTypeModule *outer;        /* what was current before begin */
    gint alive;                  /* instances of its types, those of derived types included */
    bool resident;
};

static GRecMutex type_lock;
static GHashTable *type_table; /* name -> TypeEntry */
static GPtrArray *type_order;  /* TypeEntry, in order of registration */
static GHashTable *type_made;  /* name -> GTypes made so far */
static EmuTypeHooks type_hooks;
static GArray *core_lists[EMU_MODULE_N];
static bool core_lists_pending;
static __thread EmuTypeModule *current_module;

static G_DEFINE_QUARK(emu-type-entry, emu_type_entry)
G_DEFINE_QUARK(emu-object-error-quark, emu_object_error)

/* ---- module lists ------------------------------------------------------------------------------ */

static void
module_lists_append(GArray **lists, EmuModuleKind kind, void (*init)(void))
{
    if (!lists[kind]) {
        lists[kind] = g_array_new(FALSE, FALSE, sizeof(init));
    }
    g_array_append_val(lists[kind], init);
}

static void
module_lists_run(GArray **lists)
{
    for (int kind = 0; kind < EMU_MODULE_N; kind++) {
        for (guint i = 0; lists[kind] && i < lists[kind]->len; i++) {
            g_array_index(lists[kind], ModuleInitFunc, i)();
        }
    }
}

void
emu_module_register(EmuModuleKind kind, void (*init)(void))
{
    g_return_if_fail(kind >= 0 && kind < EMU_MODULE_N && init);

    if (current_module) {
        module_lists_append(current_module->lists, kind, init);
        return;
    }
    g_rec_mutex_lock(&type_lock);
    module_lists_append(core_lists, kind, init);
    core_lists_pending = true;
    g_rec_mutex_unlock(&type_lock);
}

void
emu_module_run_core(void)
{
    GArray *lists[EMU_MODULE_N];
    EmuTypeModule *outer;

    g_rec_mutex_lock(&type_lock);
    if (core_lists_pending) {
        core_lists_pending = false;
        memcpy(lists, core_lists, sizeof(lists));
        memset(core_lists, 0, sizeof(core_lists));
        outer = current_module;
        current_module = NULL;
        module_lists_run(lists);
        current_module = outer;
        for (int kind = 0; kind < EMU_MODULE_N; kind++) {
            g_clear_pointer(&lists[kind], g_array_unref);
        }
    }
    g_rec_mutex_unlock(&type_lock);
}

/* ---- table ------------------------------------------------------------------------------------- */

static char *
type_make_gtype_name(TypeEntry *e)
{
    unsigned generation = 1 + GPOINTER_TO_UINT(g_hash_table_lookup(type_made, e->name));
    GString *s = g_string_new(NULL);

    g_hash_table_insert(type_made, e->name, GUINT_TO_POINTER(generation));
    g_string_printf(s, "qom%u-", generation);
    for (const char *p = e->name; *p; p++) {
        if (g_ascii_isalnum(*p) || *p == '-' || *p == '_') {
            g_string_append_c(s, *p);
        } else {
            g_string_append_printf(s, "+%02x", (unsigned char)*p);
        }
    }
    return g_string_free(s, FALSE);
}

static TypeEntry *
type_find(const char *name)
{
    return type_table ? g_hash_table_lookup(type_table, name) : NULL;
}

static TypeEntry *
type_add(const char *name)
{
    TypeEntry *e = g_new0(TypeEntry, 1);

    if (!type_table) {
        type_table = g_hash_table_new(g_str_hash, g_str_equal);
        type_order = g_ptr_array_new();
        type_made = g_hash_table_new(g_str_hash, g_str_equal);
    }
    e->name = g_strdup(name);
    g_hash_table_insert(type_table, e->name, e);
    g_ptr_array_add(type_order, e);
    return e;
}

static TypeEntry *
type_entry_of(GType type)
{
    return g_type_get_qdata(type, emu_type_entry_quark());
}

static const char *
module_describe(EmuTypeModule *module)
{
    return module ? module->name : "the core";
}

/**
 * emu_type_register_static:
 * @info: the type; kept, not copied, as long as the module that registers it is loaded
 *
 * Fills a row of the type table.  A name that is already taken is reported and ignored: first wins.
 *
 * Since: 1.0
 */
void
emu_type_register_static(const EmuTypeInfo *info)
{
    TypeEntry *e;

    g_return_if_fail(info && info->name && info->parent);

    g_rec_mutex_lock(&type_lock);
    e = type_find(info->name);
    if (e && (e->info || e->gtype || e->module != current_module)) {
        if (e->info != info) {
            emu_warn_report("type '%s' of %s is ignored: %s provides it already", info->name,
                            module_describe(current_module), module_describe(e->module));
        }
        g_rec_mutex_unlock(&type_lock);
        return;
    }
    if (!e) {
        e = type_add(info->name);
    }
    e->info = info;
    e->module = current_module;
    g_free(e->parent);
    e->parent = g_strdup(info->parent);
    g_rec_mutex_unlock(&type_lock);
}

/**
 * emu_type_register_gtype:
 * @name: QOM name
 * @type: a class or an interface made with G_DEFINE_TYPE and the like
 *
 * A plugin that does this stays in memory, since a static GType cannot be taken back.
 *
 * Since: 1.0
 */
void
emu_type_register_gtype(const char *name, GType type)
{
    TypeEntry *e;

    g_return_if_fail(name && (G_TYPE_IS_INTERFACE(type) || g_type_is_a(type, EMU_TYPE_OBJECT)));

    g_rec_mutex_lock(&type_lock);
    e = type_find(name);
    if (!e) {
        e = type_add(name);
        e->gtype = type;
        e->module = current_module;
        g_type_set_qdata(type, emu_type_entry_quark(), e);
        emu_type_module_keep_current();
    } else if (e->gtype != type) {
        emu_warn_report("type '%s' of %s is ignored: %s provides it already", name,
                        module_describe(current_module), module_describe(e->module));
    }
    g_rec_mutex_unlock(&type_lock);
}

/* GObject lets an instance wear the class of each level in turn while it is initialised. */
static void
type_instance_init(GTypeInstance *instance, gpointer klass G_GNUC_UNUSED)
{
    TypeEntry *e = type_entry_of(G_TYPE_FROM_INSTANCE(instance));

    if (e->module) {
        g_atomic_int_inc(&e->module->alive);
    }
    if (e->info->instance_init) {
        e->info->instance_init(instance);
    }
}

/* The finalize of the topmost QOM level, which all levels below inherit: theirs first, then the C classes'. */
static void
type_instance_finalize(GObject *obj)
{
    GType type = G_OBJECT_TYPE(obj);
    TypeEntry *e = NULL;

    while (!((e = type_entry_of(type)) && e->info)) {
        type = g_type_parent(type);
    }
    for (; (e = type_entry_of(type)) && e->info; type = g_type_parent(type)) {
        if (e->info->instance_finalize) {
            e->info->instance_finalize(obj);
        }
        if (e->module) {
            g_atomic_int_add(&e->module->alive, -1);
        }
    }
    G_OBJECT_CLASS(g_type_class_peek(type))->finalize(obj);
}

static void
type_class_init(gpointer klass, gpointer data)
{
    TypeEntry *e = data;
    TypeEntry *parent = type_entry_of(g_type_parent(G_TYPE_FROM_CLASS(klass)));

    if (!parent || !parent->info) {
        G_OBJECT_CLASS(klass)->finalize = type_instance_finalize;
    }
    if (e->info->class_init) {
        e->info->class_init(klass, e->info->class_data);
    }
}

static GType type_lookup_locked(const char *name, GError **error);

static bool
type_check_interfaces(TypeEntry *e, GType parent, GError **error)
{
    for (const EmuInterfaceImpl *i = e->info->interfaces; i && i->name; i++) {
        GType iface = type_lookup_locked(i->name, error);

        if (iface == G_TYPE_INVALID) {
            g_prefix_error(error, "type '%s': ", e->name);
            return false;
        }
        if (!G_TYPE_IS_INTERFACE(iface)) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                        "type '%s': '%s' is a class, expected an interface", e->name, i->name);
            return false;
        }
        g_autofree GType *needs = g_type_interface_prerequisites(iface, NULL);
        for (const GType *n = needs; n && *n; n++) {
            if (!g_type_is_a(parent, *n)) {
                g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                            "type '%s': interface '%s' is only for types that are a '%s'", e->name, i->name,
                            emu_type_name(*n));
                return false;
            }
        }
    }
    return true;
}

static bool
type_make(TypeEntry *e, GError **error)
{
    g_autofree char *gname = NULL;
    gsize instance_size, class_size;
    GTypeInfo info = {.class_init = type_class_init, .class_data = e, .instance_init = type_instance_init};
    GTypeQuery q;
    GType parent;

    if (e->resolving) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "type '%s' is its own ancestor", e->name);
        return false;
    }
    e->resolving = true;
    parent = type_lookup_locked(e->parent, error);
    e->resolving = false;
    if (parent == G_TYPE_INVALID) {
        g_prefix_error(error, "type '%s' needs its parent: ", e->name);
        return false;
    }
    if (G_TYPE_IS_INTERFACE(parent) || !g_type_is_a(parent, EMU_TYPE_OBJECT) || G_TYPE_IS_FINAL(parent)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "type '%s': '%s' cannot be a parent", e->name,
                    e->parent);
        return false;
    }
    g_type_query(parent, &q);
    instance_size = e->info->instance_size ? e->info->instance_size : q.instance_size;
    class_size = e->info->class_size ? e->info->class_size : q.class_size;
    if (instance_size < q.instance_size || class_size < q.class_size || instance_size > TYPE_MAX_SIZE ||
        class_size > TYPE_MAX_SIZE) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                    "type '%s': sizes of instance and class are %zu and %zu, expected %u and %u (those of '%s') to %u",
                    e->name, instance_size, class_size, q.instance_size, q.class_size, e->parent, TYPE_MAX_SIZE);
        return false;
    }
    if (!type_check_interfaces(e, parent, error)) {
        return false;
    }
    gname = type_make_gtype_name(e);
    info.instance_size = (guint16)instance_size;
    info.class_size = (guint16)class_size;
    e->gtype = g_type_register_static(parent, gname, &info, e->info->abstract ? G_TYPE_FLAG_ABSTRACT : 0);
    g_type_set_qdata(e->gtype, emu_type_entry_quark(), e);
    for (const EmuInterfaceImpl *i = e->info->interfaces; i && i->name; i++) {
        GInterfaceInfo interface_info = {.interface_init = i->init};

        g_type_add_interface_static(e->gtype, type_lookup_locked(i->name, NULL), &interface_info);
    }
    return true;
}

static GType
type_lookup_locked(const char *name, GError **error)
{
    TypeEntry *e = type_find(name);
    GError *err = NULL;

    if (!e || (!e->info && !e->gtype)) {
        if (type_hooks.provide && !type_hooks.provide(name, &err) && err) {
            g_propagate_error(error, err);
            return G_TYPE_INVALID;
        }
        e = type_find(name);
    }
    if (!e || (!e->info && !e->gtype)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "unknown type '%s'", name);
        return G_TYPE_INVALID;
    }
    if (!e->gtype && !type_make(e, error)) {
        return G_TYPE_INVALID;
    }
    return e->gtype;
}

/**
 * emu_type_lookup:
 * @name: QOM name
 *
 * May open plugins: the one that provides @name, and those of its ancestors.
 *
 * Returns: the GType, or %G_TYPE_INVALID with @error set
 *
 * Since: 1.0
 */
GType
emu_type_lookup(const char *name, GError **error)
{
    GType type;

    g_return_val_if_fail(name, G_TYPE_INVALID);

    emu_module_run_core();
    g_rec_mutex_lock(&type_lock);
    type = type_lookup_locked(name, error);
    g_rec_mutex_unlock(&type_lock);
    return type;
}

GType
emu_type_peek(const char *name)
{
    TypeEntry *e;
    GType type;

    emu_module_run_core();
    g_rec_mutex_lock(&type_lock);
    e = type_find(name);
    type = e ? e->gtype : G_TYPE_INVALID;
    g_rec_mutex_unlock(&type_lock);
    return type;
}

bool
emu_type_exists(const char *name)
{
    TypeEntry *e;
    bool known;

    emu_module_run_core();
    g_rec_mutex_lock(&type_lock);
    e = type_find(name);
    known = (e && (e->info || e->gtype)) || (type_hooks.knows && type_hooks.knows(name));
    g_rec_mutex_unlock(&type_lock);
    return known;
}

const char *
emu_type_name(GType type)
{
    TypeEntry *e = type_entry_of(type);

    return e ? e->name : g_type_name(type);
}

void
emu_type_describe_gtype(GType type, const char *description)
{
    TypeEntry *e;

    g_rec_mutex_lock(&type_lock);
    e = type_entry_of(type);
    if (e) {
        g_free(e->description);
        e->description = g_strdup(description);
    }
    g_rec_mutex_unlock(&type_lock);
}

const char *
emu_type_description(GType type)
{
    TypeEntry *e = type_entry_of(type);

    return e && e->info ? e->info->description : e ? e->description : NULL;
}

static bool
type_name_is_a_locked(const char *name, const char *ancestor, unsigned depth)
{
    TypeEntry *e = type_find(name);
    TypeEntry *a = type_find(ancestor);

    if (strcmp(name, ancestor) == 0) {
        return true;
    }
    if (!e || depth > 64) {
        return false;
    }
    if (e->gtype && a && a->gtype) {
        return g_type_is_a(e->gtype, a->gtype);
    }
    if (e->gtype && !e->info) {
        return false;
    }
    for (const EmuInterfaceImpl *i = e->info ? e->info->interfaces : NULL; i && i->name; i++) {
        if (strcmp(i->name, ancestor) == 0) {
            return true;
        }
    }
    return e->parent && type_name_is_a_locked(e->parent, ancestor, depth + 1);
}

bool
emu_type_name_is_a(const char *name, const char *ancestor)
{
    bool is_a;

    emu_module_run_core();
    g_rec_mutex_lock(&type_lock);
    is_a = type_name_is_a_locked(name, ancestor, 0);
    g_rec_mutex_unlock(&type_lock);
    return is_a;
}

static gint
type_compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
emu_type_list(const char *ancestor, bool include_abstract)
{
    GPtrArray *names = g_ptr_array_new();

    g_return_val_if_fail(ancestor, names);

    emu_module_run_core();
    if (type_hooks.provide_candidates) {
        type_hooks.provide_candidates(ancestor);
    }
    g_rec_mutex_lock(&type_lock);
    for (guint i = 0; type_order && i < type_order->len; i++) {
        TypeEntry *e = g_ptr_array_index(type_order, i);
        bool abstract = e->info ? e->info->abstract : e->gtype && G_TYPE_IS_ABSTRACT(e->gtype);

        if ((!e->info && !e->gtype) || (e->gtype && G_TYPE_IS_INTERFACE(e->gtype)) || (abstract && !include_abstract)) {
            continue;
        }
        if (type_name_is_a_locked(e->name, ancestor, 0)) {
            g_ptr_array_add(names, e->name);
        }
    }
    g_rec_mutex_unlock(&type_lock);
    g_ptr_array_sort(names, type_compare_names);
    return names;
}

void
emu_type_set_hooks(const EmuTypeHooks *hooks)
{
    g_rec_mutex_lock(&type_lock);
    type_hooks = *hooks;
    g_rec_mutex_unlock(&type_lock);
}

void
emu_type_lock(void)
{
    g_rec_mutex_lock(&type_lock);
}

void
emu_type_unlock(void)
{
    g_rec_mutex_unlock(&type_lock);
}

bool
emu_type_find_module(const char *name, EmuTypeModule **module)
{
    TypeEntry *e;

    emu_module_run_core();
    g_rec_mutex_lock(&type_lock);
    e = type_find(name);
    *module = e ? e->module : NULL;
    g_rec_mutex_unlock(&type_lock);
    return e && (e->info || e->gtype);
}

GPtrArray *
emu_type_module_list_types(EmuTypeModule *self)
{
    GPtrArray *names = g_ptr_array_new();

    g_rec_mutex_lock(&type_lock);
    for (guint i = 0; type_order && i < type_order->len; i++) {
        TypeEntry *e = g_ptr_array_index(type_order, i);

        if (e->module == self && (e->info || e->gtype)) {
            g_ptr_array_add(names, e->name);
        }
    }
    g_rec_mutex_unlock(&type_lock);
    return names;
}

/* ---- type modules ------------------------------------------------------------------------------- */

EmuTypeModule *
emu_type_module_new(const char *name)
{
    EmuTypeModule *self = g_new0(EmuTypeModule, 1);

    self->name = g_strdup(name);
    return self;
}

const char *
emu_type_module_get_name(EmuTypeModule *self)
{
    return self->name;
}

void
emu_type_module_begin(EmuTypeModule *self)
{
    self->outer = current_module;
    current_module = self;
}

void
emu_type_module_end(EmuTypeModule *self, bool run)
{
    if (run) {
        emu_module_run_core();
        g_rec_mutex_lock(&type_lock);
        module_lists_run(self->lists);
        g_rec_mutex_unlock(&type_lock);
    }
    current_module = self->outer;
    self->outer = NULL;
}

guint
emu_type_module_count_alive(EmuTypeModule *self)
{
    return (guint)g_atomic_int_get(&self->alive);
}

bool
emu_type_module_is_resident(EmuTypeModule *self)
{
    return self->resident;
}

static bool
type_is_below(GType type, EmuTypeModule *module)
{
    for (; type; type = g_type_parent(type)) {
        TypeEntry *e = type_entry_of(type);

        if (e && e->module == module) {
            return true;
        }
    }
    return false;
}

/* Code that stays mapped does not run its constructors again when it is opened next: its lists still hold. */
void
emu_type_module_forget(EmuTypeModule *self, bool unmapped)
{
    g_rec_mutex_lock(&type_lock);
    for (int kind = 0; unmapped && kind < EMU_MODULE_N; kind++) {
        g_clear_pointer(&self->lists[kind], g_array_unref);
    }
    for (guint i = 0; type_order && i < type_order->len; i++) {
        TypeEntry *e = g_ptr_array_index(type_order, i);

        if (e->gtype && e->info && type_is_below(e->gtype, self)) {
            e->gtype = 0;
        }
        if (e->module == self) {
            e->info = NULL;
        }
    }
    g_rec_mutex_unlock(&type_lock);
}

void
emu_type_module_keep_current(void)
{
    if (current_module) {
        current_module->resident = true;
    }
}

bool
emu_type_module_only_types(EmuTypeModule *self)
{
    return !self->lists[EMU_MODULE_BLOCK] && !self->lists[EMU_MODULE_OPTS] && !self->lists[EMU_MODULE_QAPI];
}

guint
emu_type_module_count_levels(EmuTypeModule *self, GType type)
{
    guint n = 0;

    for (; type; type = g_type_parent(type)) {
        TypeEntry *e = type_entry_of(type);

        n += e && e->module == self;
    }
    return n;
}

static void
type_remove_row(TypeEntry *e)
{
    g_hash_table_remove(type_table, e->name);
    g_ptr_array_remove(type_order, e);
}

/*
 * The rows of @self, and of all types below them in other modules: those get fresh rows, whose GTypes will be
 * made below the new parent.
 */
GPtrArray *
emu_type_module_set_aside(EmuTypeModule *self)
{
    GPtrArray *aside = g_ptr_array_new();

    g_rec_mutex_lock(&type_lock);
    for (guint i = 0; type_order && i < type_order->len; i++) {
        TypeEntry *e = g_ptr_array_index(type_order, i);

        if (e->module == self || (e->gtype && e->info && type_is_below(e->gtype, self))) {
            g_ptr_array_add(aside, e);
        }
    }
    for (guint i = 0; i < aside->len; i++) {
        TypeEntry *e = g_ptr_array_index(aside, i);

        type_remove_row(e);
        if (e->module != self) {
            TypeEntry *fresh = type_add(e->name);

            fresh->info = e->info;
            fresh->module = e->module;
            fresh->parent = g_strdup(e->parent);
        }
    }
    g_rec_mutex_unlock(&type_lock);
    return aside;
}

/* Rows are never freed: GTypes that were made of them point there. */
void
emu_type_module_restore(GPtrArray *aside, EmuTypeModule *instead)
{
    g_rec_mutex_lock(&type_lock);
    for (guint i = type_order->len; i > 0; i--) {
        TypeEntry *e = g_ptr_array_index(type_order, i - 1);

        if (e->module == instead) {
            type_remove_row(e);
        }
    }
    for (guint i = 0; i < aside->len; i++) {
        TypeEntry *e = g_ptr_array_index(aside, i), *now = type_find(e->name);

        if (now) {
            type_remove_row(now);
        }
        g_hash_table_insert(type_table, e->name, e);
        g_ptr_array_add(type_order, e);
    }
    g_rec_mutex_unlock(&type_lock);
}
