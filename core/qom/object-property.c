/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Properties of objects: the conversion of any property to and from the text of a command line, links by path, what there is to
 * list.
 */

#include "qom/property-private.h"

#include <inttypes.h>

static GParamSpec *
object_find_property(gpointer obj, const char *name, GError **error)
{
    GParamSpec *pspec = property_find(G_OBJECT_GET_CLASS(obj), name);

    if (!pspec) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_PROPERTY, "%s: there is no property '%s'",
                    emu_object_get_label(obj), name);
    }
    return pspec;
}

bool
emu_object_has_property(gpointer obj, const char *name)
{
    return property_find(G_OBJECT_GET_CLASS(obj), name) != NULL;
}

static char *
number_text(const GValue *value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (G_VALUE_HOLDS_FLOAT(value)) {
        return g_strdup(g_ascii_formatd(text, sizeof(text), "%.9g", (double)g_value_get_float(value)));
    }
    return g_strdup(g_ascii_dtostr(text, sizeof(text), g_value_get_double(value)));
}

static bool
parse_number(const char *text, double *value)
{
    char *end;

    *value = g_ascii_strtod(text, &end);
    return end != text && !*end && *value == *value;
}

/* A property without a Property: any GParamSpec of a C class. */
static bool
plain_set_text(gpointer obj, GParamSpec *pspec, const char *text, GError **error)
{
    g_auto(GValue) value = G_VALUE_INIT;
    GType type = G_PARAM_SPEC_VALUE_TYPE(pspec);
    GEnumValue *ev;
    uint64_t u = 0;
    int64_t s = 0;
    bool b = false, ok;
    double d = 0;

    g_value_init(&value, type);
    switch (G_TYPE_FUNDAMENTAL(type)) {
    case G_TYPE_BOOLEAN:
        ok = emu_parse_bool(text, &b);
        g_value_set_boolean(&value, b);
        break;
    case G_TYPE_UINT:
        ok = emu_parse_uint(text, &u) && u <= G_MAXUINT;
        g_value_set_uint(&value, u);
        break;
    case G_TYPE_UINT64:
        ok = emu_parse_uint(text, &u) || emu_parse_size(text, 'B', &u);
        g_value_set_uint64(&value, u);
        break;
    case G_TYPE_INT:
        ok = emu_parse_int(text, &s) && s >= G_MININT && s <= G_MAXINT;
        g_value_set_int(&value, s);
        break;
    case G_TYPE_INT64:
        ok = emu_parse_int(text, &s);
        g_value_set_int64(&value, s);
        break;
    case G_TYPE_LONG:
        ok = emu_parse_int(text, &s) && s >= G_MINLONG && s <= G_MAXLONG;
        g_value_set_long(&value, (glong)s);
        break;
    case G_TYPE_ULONG:
        ok = emu_parse_uint(text, &u) && u <= G_MAXULONG;
        g_value_set_ulong(&value, (gulong)u);
        break;
    case G_TYPE_DOUBLE:
        ok = parse_number(text, &d);
        g_value_set_double(&value, d);
        break;
    case G_TYPE_FLOAT:
        ok = parse_number(text, &d);
        g_value_set_float(&value, (float)d);
        break;
    case G_TYPE_STRING:
        ok = true;
        g_value_set_string(&value, text);
        break;
    case G_TYPE_ENUM:
        ev = g_enum_get_value_by_nick(G_PARAM_SPEC_ENUM(pspec)->enum_class, text);
        ok = ev != NULL;
        g_value_set_enum(&value, ev ? ev->value : 0);
        break;
    case G_TYPE_OBJECT: {
        EmuObject *target = emu_object_resolve_path(emu_object_get_lookup_root(obj), text, NULL);

        ok = target && g_type_is_a(G_OBJECT_TYPE(target), type);
        g_value_set_object(&value, ok ? target : NULL);
        break;
    }
    default:
        ok = false;
    }
    if (!ok || (g_param_value_validate(pspec, &value) && !(pspec->flags & G_PARAM_LAX_VALIDATION))) {
        return property_refuse(obj, pspec, text, error);
    }
    g_object_set_property(obj, pspec->name, &value);
    return true;
}

static bool
link_set_text(gpointer obj, GParamSpec *pspec, const char *text, GError **error)
{
    EmuObject *target = NULL;
    bool ambiguous = false;

    if (*text) {
        target = emu_object_resolve_path(emu_object_get_lookup_root(obj), text, &ambiguous);
        if (ambiguous) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                        "%s: %s is '%s', which several objects match; expected a longer path", emu_object_get_label(obj),
                        property_name(pspec), text);
            return false;
        }
        if (!target) {
            return property_refuse(obj, pspec, text, error);
        }
    }
    return property_field_set_link(obj, pspec, target, error);
}

/**
 * emu_object_set_from_string:
 * @value: as typed on a command line
 *
 * Since: 1.0
 */
bool
emu_object_set_from_string(gpointer obj, const char *name, const char *value, GError **error)
{
    GParamSpec *pspec = object_find_property(obj, name, error);
    Property *prop = pspec ? property_of(pspec) : NULL;
    bool ok;

    g_return_val_if_fail(value, false);
    if (!pspec || !property_check_set(obj, pspec, error)) {
        return false;
    }
    if (!prop || (!prop->field && !prop->set)) {
        return plain_set_text(obj, pspec, value, error);
    }
    if (!prop->field) {
        GError *err = NULL;

        ok = prop->set(obj, value, &err);
        if (!ok && !err) {
            property_refuse(obj, pspec, value, &err);
        }
        if (!ok) {
            g_propagate_error(error, err);
        }
    } else if (prop->field->kind == EMU_PROP_KIND_LINK) {
        ok = link_set_text(obj, pspec, value, error);
    } else {
        ok = property_field_set_text(prop->field, obj, value) || property_refuse(obj, pspec, value, error);
    }
    if (ok) {
        g_object_notify_by_pspec(obj, pspec);
    }
    return ok;
}

/**
 * emu_object_get_as_string:
 *
 * Returns: (transfer full) (nullable): the text that emu_object_set_from_string() would take
 *
 * Since: 1.0
 */
char *
emu_object_get_as_string(gpointer obj, const char *name, GError **error)
{
    GParamSpec *pspec = object_find_property(obj, name, error);
    Property *prop = pspec ? property_of(pspec) : NULL;
    g_auto(GValue) value = G_VALUE_INIT;
    GEnumValue *ev;
    gpointer target;

    if (!pspec) {
        return NULL;
    }
    if (!(pspec->flags & G_PARAM_READABLE)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_READ_ONLY, "%s: %s can only be set",
                    emu_object_get_label(obj), property_name(pspec));
        return NULL;
    }
    if (prop && prop->field) {
        return property_field_get_text(prop->field, obj);
    }
    if (prop && prop->get) {
        GError *err = NULL;
        char *text = prop->get(obj, &err);

        if (err) {
            g_propagate_error(error, err);
            return NULL;
        }
        return text ? text : g_strdup("");
    }
    g_value_init(&value, G_PARAM_SPEC_VALUE_TYPE(pspec));
    g_object_get_property(obj, pspec->name, &value);
    switch (G_TYPE_FUNDAMENTAL(G_VALUE_TYPE(&value))) {
    case G_TYPE_BOOLEAN:
        return g_strdup(g_value_get_boolean(&value) ? "on" : "off");
    case G_TYPE_UINT:
        return g_strdup_printf("%u", g_value_get_uint(&value));
    case G_TYPE_UINT64:
        return g_strdup_printf("%" PRIu64, g_value_get_uint64(&value));
    case G_TYPE_INT:
        return g_strdup_printf("%d", g_value_get_int(&value));
    case G_TYPE_INT64:
        return g_strdup_printf("%" PRId64, g_value_get_int64(&value));
    case G_TYPE_LONG:
        return g_strdup_printf("%ld", g_value_get_long(&value));
    case G_TYPE_ULONG:
        return g_strdup_printf("%lu", g_value_get_ulong(&value));
    case G_TYPE_DOUBLE:
    case G_TYPE_FLOAT:
        return number_text(&value);
    case G_TYPE_ENUM:
        ev = g_enum_get_value(G_PARAM_SPEC_ENUM(pspec)->enum_class, g_value_get_enum(&value));
        return g_strdup(ev ? ev->value_nick : "");
    case G_TYPE_STRING:
        return g_value_get_string(&value) ? g_value_dup_string(&value) : g_strdup("");
    case G_TYPE_OBJECT:
        target = g_value_get_object(&value);
        return target && EMU_IS_OBJECT(target) ? emu_object_get_canonical_path(target) : g_strdup("");
    default:
        return g_strdup_value_contents(&value);
    }
}

bool
emu_object_set_bool(gpointer obj, const char *name, bool value, GError **error)
{
    return emu_object_set_from_string(obj, name, value ? "on" : "off", error);
}

bool
emu_object_set_uint(gpointer obj, const char *name, uint64_t value, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" PRIu64, value);

    return emu_object_set_from_string(obj, name, text, error);
}

bool
emu_object_set_int(gpointer obj, const char *name, int64_t value, GError **error)
{
    g_autofree char *text = g_strdup_printf("%" PRId64, value);

    return emu_object_set_from_string(obj, name, text, error);
}

bool
emu_object_set_string(gpointer obj, const char *name, const char *value, GError **error)
{
    return emu_object_set_from_string(obj, name, value ? value : "", error);
}

/**
 * emu_object_set_link:
 * @target: (nullable): the object gets a reference of its own to it
 *
 * Since: 1.0
 */
bool
emu_object_set_link(gpointer obj, const char *name, gpointer target, GError **error)
{
    GParamSpec *pspec = object_find_property(obj, name, error);
    Property *prop = pspec ? property_of(pspec) : NULL;

    if (!pspec || !property_check_set(obj, pspec, error)) {
        return false;
    }
    if (prop && prop->field && prop->field->kind == EMU_PROP_KIND_LINK) {
        if (!property_field_set_link(obj, pspec, target, error)) {
            return false;
        }
        g_object_notify_by_pspec(obj, pspec);
        return true;
    }
    if (!G_IS_PARAM_SPEC_OBJECT(pspec) ||
        (target && !g_type_is_a(G_OBJECT_TYPE(target), G_PARAM_SPEC_VALUE_TYPE(pspec)))) {
        return property_refuse(obj, pspec, target ? emu_object_get_label(target) : "", error);
    }
    g_object_set(obj, pspec->name, target, NULL);
    return true;
}

/* (transfer none): NULL also when there is no such link. */
EmuObject *
emu_object_get_link(gpointer obj, const char *name)
{
    GParamSpec *pspec = property_find(G_OBJECT_GET_CLASS(obj), name);
    Property *prop = pspec ? property_of(pspec) : NULL;
    g_auto(GValue) value = G_VALUE_INIT;
    gpointer target;

    if (prop && prop->field) {
        return prop->field->kind == EMU_PROP_KIND_LINK ? *(EmuObject **)G_STRUCT_MEMBER_P(obj, prop->field->offset)
                                                       : NULL;
    }
    if (!pspec || !G_IS_PARAM_SPEC_OBJECT(pspec) || !(pspec->flags & G_PARAM_READABLE)) {
        return NULL;
    }
    g_value_init(&value, G_PARAM_SPEC_VALUE_TYPE(pspec));
    g_object_get_property(obj, pspec->name, &value);
    target = g_value_get_object(&value); /* the property keeps it alive */
    return target && EMU_IS_OBJECT(target) ? target : NULL;
}

char *
emu_object_property_type_text(gpointer obj, const char *name)
{
    GParamSpec *pspec = property_find(G_OBJECT_GET_CLASS(obj), name);
    EmuObject *child;

    if (pspec) {
        return property_type_text(pspec);
    }
    child = emu_object_get_child(obj, name);
    return child ? g_strdup_printf("child<%s>", emu_object_get_type_name(child)) : NULL;
}

/* ---- listings ----------------------------------------------------------------------------------------- */

static void
property_info_free(gpointer data)
{
    EmuPropertyInfo *info = data;

    g_free(info->name);
    g_free(info->type);
    g_free(info->description);
    g_free(info->default_value);
    g_free(info);
}

static gint
property_info_compare(gconstpointer a, gconstpointer b)
{
    const EmuPropertyInfo *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static char *
property_describe(GParamSpec *pspec)
{
    Property *prop = property_of(pspec);
    const char *blurb = g_param_spec_get_blurb(pspec);
    const EmuProperty *f = prop ? prop->field : NULL;
    bool has_blurb = blurb && *blurb;
    const char *const *names = NULL;

    if (f && f->kind == EMU_PROP_KIND_ENUM) {
        names = f->enum_names;
    } else if (f && f->kind == EMU_PROP_KIND_ONOFFAUTO) {
        static const char *const on_off_auto[] = {"on", "off", "auto", NULL};

        names = on_off_auto;
    } else if (f && f->kind == EMU_PROP_KIND_BOOL && !has_blurb) {
        return g_strdup("on/off");
    }
    if (names) {
        g_autofree char *list = g_strjoinv("/", (char **)names);

        return g_strdup_printf("%s%s%s%s", has_blurb ? blurb : "", has_blurb ? " (" : "", list, has_blurb ? ")" : "");
    }
    return has_blurb ? g_strdup(blurb) : NULL;
}

static char *
property_default_text(GParamSpec *pspec)
{
    Property *prop = property_of(pspec);
    const GValue *value;

    if (prop && prop->field) {
        return property_field_default_text(prop->field);
    }
    if (prop && (prop->get || prop->set)) {
        return NULL;
    }
    value = g_param_spec_get_default_value(pspec);
    switch (G_TYPE_FUNDAMENTAL(G_VALUE_TYPE(value))) {
    case G_TYPE_BOOLEAN:
        return g_strdup(g_value_get_boolean(value) ? "on" : "off");
    case G_TYPE_INT:
        return g_strdup_printf("%d", g_value_get_int(value));
    case G_TYPE_UINT:
        return g_strdup_printf("%u", g_value_get_uint(value));
    case G_TYPE_INT64:
        return g_strdup_printf("%" PRId64, g_value_get_int64(value));
    case G_TYPE_UINT64:
        return g_strdup_printf("%" PRIu64, g_value_get_uint64(value));
    case G_TYPE_LONG:
        return g_strdup_printf("%ld", g_value_get_long(value));
    case G_TYPE_ULONG:
        return g_strdup_printf("%lu", g_value_get_ulong(value));
    case G_TYPE_DOUBLE:
    case G_TYPE_FLOAT:
        return number_text(value);
    case G_TYPE_STRING:
        return g_value_dup_string(value);
    default:
        return NULL;
    }
}

/* @of_type: without what every object has. */
static GPtrArray *
class_list_properties(gpointer klass, bool of_type)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(property_info_free);
    guint n;
    g_autofree GParamSpec **pspecs = g_object_class_list_properties(klass, &n);

    for (guint i = 0; i < n; i++) {
        EmuPropertyInfo *info;

        if (of_type && pspecs[i]->owner_type == EMU_TYPE_OBJECT) {
            continue;
        }
        info = g_new0(EmuPropertyInfo, 1);
        info->name = g_strdup(property_name(pspecs[i]));
        info->type = property_type_text(pspecs[i]);
        info->description = property_describe(pspecs[i]);
        info->default_value = property_default_text(pspecs[i]);
        info->readable = pspecs[i]->flags & G_PARAM_READABLE;
        info->writable = pspecs[i]->flags & G_PARAM_WRITABLE;
        g_ptr_array_add(list, info);
    }
    g_ptr_array_sort(list, property_info_compare);
    return list;
}

GPtrArray *
emu_type_list_properties(const char *type_name, GError **error)
{
    GType type = emu_type_lookup(type_name, error);
    GPtrArray *list;
    gpointer klass;

    if (type == G_TYPE_INVALID) {
        return NULL;
    }
    if (G_TYPE_IS_INTERFACE(type)) {
        return g_ptr_array_new_with_free_func(property_info_free);
    }
    klass = g_type_class_ref(type);
    list = class_list_properties(klass, true);
    g_type_class_unref(klass);
    return list;
}

static bool
list_add_child(EmuObject *child, gpointer data)
{
    EmuPropertyInfo *info = g_new0(EmuPropertyInfo, 1);

    info->name = g_strdup(emu_object_get_name(child));
    info->type = g_strdup_printf("child<%s>", emu_object_get_type_name(child));
    info->readable = true;
    g_ptr_array_add(data, info);
    return false;
}

GPtrArray *
emu_object_list_properties(gpointer obj)
{
    GPtrArray *list = class_list_properties(G_OBJECT_GET_CLASS(obj), false);

    emu_object_foreach_child(obj, list_add_child, list);
    return list;
}
