/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Properties of classes: GParamSpecs made from tables of fields or from pairs of text functions.
 *
 * What a GParamSpec cannot hold hangs on it as qdata (Property).  Enums, MAC addresses and on/off/auto
 * are strings on the GObject side, so that scripts read and write the names that people type.
 */

#include "qom/property-private.h"

#include <emu/log.h>

#include <inttypes.h>
#include <string.h>

/* Per class: its own field tables, and the property functions it had before. */
typedef struct {
    GPtrArray *fields; /* const EmuProperty * */
    void (*set_property)(GObject *, guint, const GValue *, GParamSpec *);
    void (*get_property)(GObject *, guint, GValue *, GParamSpec *);
} ClassProperties;

static const char *const on_off_auto_names[] = {"auto", "on", "off", NULL};

static G_DEFINE_QUARK(emu-property, emu_property)
static G_DEFINE_QUARK(emu-class-properties, emu_class_properties)

/* ---- names --------------------------------------------------------------------------------------- */

/* GParamSpec names start with a letter and hold letters, digits and dashes. */
char *
emu_property_mangle(const char *name)
{
    char *mangled = g_ascii_isdigit(*name) ? g_strconcat("p", name, NULL) : g_strdup(name);

    return g_strdelimit(mangled, "._", '-');
}

Property *
property_of(GParamSpec *pspec)
{
    return g_param_spec_get_qdata(pspec, emu_property_quark());
}

static void
property_free(gpointer data)
{
    Property *prop = data;

    g_free(prop->name);
    g_free(prop);
}

GParamSpec *
property_find(gpointer klass, const char *name)
{
    g_autofree char *mangled = emu_property_mangle(name);

    return *name ? g_object_class_find_property(klass, mangled) : NULL;
}

const char *
property_name(GParamSpec *pspec)
{
    Property *prop = property_of(pspec);

    return prop ? prop->name : pspec->name;
}

static const char *
field_type_text(const EmuProperty *field)
{
    static const char *const names[] = {
        [EMU_PROP_KIND_BOOL] = "bool",     [EMU_PROP_KIND_UINT8] = "uint8",   [EMU_PROP_KIND_UINT16] = "uint16",
        [EMU_PROP_KIND_UINT32] = "uint32", [EMU_PROP_KIND_UINT64] = "uint64", [EMU_PROP_KIND_INT32] = "int32",
        [EMU_PROP_KIND_INT64] = "int64",   [EMU_PROP_KIND_SIZE] = "size",     [EMU_PROP_KIND_STRING] = "str",
        [EMU_PROP_KIND_ENUM] = "enum",     [EMU_PROP_KIND_LINK] = "link",     [EMU_PROP_KIND_MAC] = "str",
        [EMU_PROP_KIND_ONOFFAUTO] = "OnOffAuto",
    };

    return names[field->kind];
}

char *
property_type_text(GParamSpec *pspec)
{
    Property *prop = property_of(pspec);

    if (prop && prop->field) {
        if (prop->field->kind == EMU_PROP_KIND_LINK) {
            return g_strdup_printf("link<%s>", prop->field->link_type ? prop->field->link_type : "object");
        }
        return g_strdup(field_type_text(prop->field));
    }
    switch (G_TYPE_FUNDAMENTAL(G_PARAM_SPEC_VALUE_TYPE(pspec))) {
    case G_TYPE_BOOLEAN:
        return g_strdup("bool");
    case G_TYPE_INT:
        return g_strdup("int32");
    case G_TYPE_UINT:
        return g_strdup("uint32");
    case G_TYPE_INT64:
    case G_TYPE_LONG:
        return g_strdup("int64");
    case G_TYPE_UINT64:
    case G_TYPE_ULONG:
        return g_strdup("uint64");
    case G_TYPE_FLOAT:
    case G_TYPE_DOUBLE:
        return g_strdup("number");
    case G_TYPE_ENUM:
        return g_strdup("enum");
    case G_TYPE_OBJECT:
    case G_TYPE_INTERFACE:
        return g_strdup_printf("link<%s>", emu_type_name(G_PARAM_SPEC_VALUE_TYPE(pspec)));
    default:
        return g_strdup("string");
    }
}

/* ---- ranges --------------------------------------------------------------------------------------- */

static bool
field_is_signed(const EmuProperty *f)
{
    return f->kind == EMU_PROP_KIND_INT32 || f->kind == EMU_PROP_KIND_INT64;
}

static bool
field_is_integer(const EmuProperty *f)
{
    return f->kind >= EMU_PROP_KIND_UINT8 && f->kind <= EMU_PROP_KIND_SIZE;
}

static void
field_range(const EmuProperty *f, uint64_t *min, uint64_t *max)
{
    *min = f->min;
    *max = f->max;
    if (f->min || f->max) {
        return;
    }
    switch (f->kind) {
    case EMU_PROP_KIND_UINT8:
        *max = UINT8_MAX;
        break;
    case EMU_PROP_KIND_UINT16:
        *max = UINT16_MAX;
        break;
    case EMU_PROP_KIND_UINT32:
        *max = UINT32_MAX;
        break;
    case EMU_PROP_KIND_INT32:
        *min = (uint64_t)INT32_MIN;
        *max = INT32_MAX;
        break;
    case EMU_PROP_KIND_INT64:
        *min = (uint64_t)INT64_MIN;
        *max = INT64_MAX;
        break;
    default:
        *max = UINT64_MAX;
        break;
    }
}

static bool
field_in_range(const EmuProperty *f, uint64_t v)
{
    uint64_t min, max;

    field_range(f, &min, &max);
    return field_is_signed(f) ? (int64_t)v >= (int64_t)min && (int64_t)v <= (int64_t)max : v >= min && v <= max;
}

static char *
property_expected(GParamSpec *pspec)
{
    Property *prop = property_of(pspec);
    const EmuProperty *f = prop ? prop->field : NULL;
    g_autofree char *list = NULL;
    uint64_t min, max;

    if (f && field_is_integer(f)) {
        field_range(f, &min, &max);
        if (field_is_signed(f)) {
            return g_strdup_printf("%" PRId64 " to %" PRId64, (int64_t)min, (int64_t)max);
        }
        return g_strdup_printf("%s%" PRIu64 " to %" PRIu64, f->kind == EMU_PROP_KIND_SIZE ? "a size such as 64M, " : "",
                               min, max);
    }
    if (f) {
        switch (f->kind) {
        case EMU_PROP_KIND_BOOL:
            return g_strdup("on or off");
        case EMU_PROP_KIND_ENUM:
            list = g_strjoinv(", ", (char **)f->enum_names);
            return g_strdup_printf("one of %s", list);
        case EMU_PROP_KIND_LINK:
            return g_strdup_printf("the path of a '%s' object", f->link_type ? f->link_type : "object");
        case EMU_PROP_KIND_MAC:
            return g_strdup("six bytes such as 52:54:00:12:34:56");
        case EMU_PROP_KIND_ONOFFAUTO:
            return g_strdup("on, off or auto");
        default:
            return g_strdup("a string");
        }
    }
    if (G_IS_PARAM_SPEC_BOOLEAN(pspec)) {
        return g_strdup("on or off");
    }
    if (G_IS_PARAM_SPEC_INT(pspec)) {
        return g_strdup_printf("%d to %d", G_PARAM_SPEC_INT(pspec)->minimum, G_PARAM_SPEC_INT(pspec)->maximum);
    }
    if (G_IS_PARAM_SPEC_UINT(pspec)) {
        return g_strdup_printf("%u to %u", G_PARAM_SPEC_UINT(pspec)->minimum, G_PARAM_SPEC_UINT(pspec)->maximum);
    }
    if (G_IS_PARAM_SPEC_INT64(pspec)) {
        return g_strdup_printf("%" PRId64 " to %" PRId64, G_PARAM_SPEC_INT64(pspec)->minimum,
                               G_PARAM_SPEC_INT64(pspec)->maximum);
    }
    if (G_IS_PARAM_SPEC_UINT64(pspec)) {
        return g_strdup_printf("%" PRIu64 " to %" PRIu64, G_PARAM_SPEC_UINT64(pspec)->minimum,
                               G_PARAM_SPEC_UINT64(pspec)->maximum);
    }
    if (G_IS_PARAM_SPEC_DOUBLE(pspec)) {
        return g_strdup_printf("%.17g to %.17g", G_PARAM_SPEC_DOUBLE(pspec)->minimum, G_PARAM_SPEC_DOUBLE(pspec)->maximum);
    }
    if (G_IS_PARAM_SPEC_FLOAT(pspec)) {
        return g_strdup_printf("%.9g to %.9g", (double)G_PARAM_SPEC_FLOAT(pspec)->minimum, (double)G_PARAM_SPEC_FLOAT(pspec)->maximum);
    }
    if (G_IS_PARAM_SPEC_LONG(pspec)) {
        return g_strdup_printf("%ld to %ld", G_PARAM_SPEC_LONG(pspec)->minimum, G_PARAM_SPEC_LONG(pspec)->maximum);
    }
    if (G_IS_PARAM_SPEC_ULONG(pspec)) {
        return g_strdup_printf("%lu to %lu", G_PARAM_SPEC_ULONG(pspec)->minimum, G_PARAM_SPEC_ULONG(pspec)->maximum);
    }
    if (G_IS_PARAM_SPEC_ENUM(pspec)) {
        GString *s = g_string_new("one of ");
        GEnumClass *ec = G_PARAM_SPEC_ENUM(pspec)->enum_class;

        for (guint i = 0; i < ec->n_values; i++) {
            g_string_append_printf(s, "%s%s", i ? ", " : "", ec->values[i].value_nick);
        }
        return g_string_free(s, FALSE);
    }
    if (G_IS_PARAM_SPEC_OBJECT(pspec)) {
        return g_strdup_printf("the path of a '%s' object", emu_type_name(G_PARAM_SPEC_VALUE_TYPE(pspec)));
    }
    return g_strdup("another value");
}

bool
property_refuse(gpointer obj, GParamSpec *pspec, const char *value, GError **error)
{
    g_autofree char *expected = property_expected(pspec);

    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: %s is '%s', expected %s",
                emu_object_get_label(obj), property_name(pspec), value, expected);
    return false;
}

/* ---- fields ---------------------------------------------------------------------------------------- */

static int
enum_index(const char *const *names, const char *value)
{
    for (int i = 0; names && names[i]; i++) {
        if (strcmp(names[i], value) == 0) {
            return i;
        }
    }
    return -1;
}

static void
field_store_int(const EmuProperty *f, gpointer obj, uint64_t v)
{
    gpointer p = G_STRUCT_MEMBER_P(obj, f->offset);

    switch (f->kind) {
    case EMU_PROP_KIND_UINT8:
        *(uint8_t *)p = v;
        break;
    case EMU_PROP_KIND_UINT16:
        *(uint16_t *)p = v;
        break;
    case EMU_PROP_KIND_UINT32:
    case EMU_PROP_KIND_INT32:
        *(uint32_t *)p = v;
        break;
    default:
        *(uint64_t *)p = v;
        break;
    }
}

static uint64_t
field_load_int(const EmuProperty *f, gpointer obj)
{
    gconstpointer p = G_STRUCT_MEMBER_P(obj, f->offset);

    switch (f->kind) {
    case EMU_PROP_KIND_UINT8:
        return *(const uint8_t *)p;
    case EMU_PROP_KIND_UINT16:
        return *(const uint16_t *)p;
    case EMU_PROP_KIND_UINT32:
        return *(const uint32_t *)p;
    case EMU_PROP_KIND_INT32:
        return (uint64_t)(int64_t) * (const int32_t *)p;
    default:
        return *(const uint64_t *)p;
    }
}

static void
field_write_default(const EmuProperty *f, gpointer obj)
{
    gpointer p = G_STRUCT_MEMBER_P(obj, f->offset);

    switch (f->kind) {
    case EMU_PROP_KIND_BOOL:
        *(bool *)p = f->default_value != 0;
        break;
    case EMU_PROP_KIND_STRING:
        g_free(*(char **)p);
        *(char **)p = g_strdup(f->default_string);
        break;
    case EMU_PROP_KIND_ENUM:
    case EMU_PROP_KIND_ONOFFAUTO:
        *(int *)p = (int)f->default_value;
        break;
    case EMU_PROP_KIND_MAC:
        if (f->default_string) {
            emu_parse_mac(f->default_string, p);
        }
        break;
    case EMU_PROP_KIND_LINK:
        break;
    default:
        field_store_int(f, obj, f->default_value);
        break;
    }
}

char *
property_field_default_text(const EmuProperty *f)
{
    switch (f->kind) {
    case EMU_PROP_KIND_BOOL:
        return g_strdup(f->default_value ? "on" : "off");
    case EMU_PROP_KIND_STRING:
    case EMU_PROP_KIND_MAC:
        return g_strdup(f->default_string);
    case EMU_PROP_KIND_ENUM:
        return g_strdup(f->enum_names[f->default_value]);
    case EMU_PROP_KIND_ONOFFAUTO:
        return g_strdup(on_off_auto_names[f->default_value]);
    case EMU_PROP_KIND_LINK:
        return NULL;
    default:
        return field_is_signed(f) ? g_strdup_printf("%" PRId64, (int64_t)f->default_value)
                                  : g_strdup_printf("%" PRIu64, f->default_value);
    }
}

char *
property_field_get_text(const EmuProperty *f, gpointer obj)
{
    gpointer p = G_STRUCT_MEMBER_P(obj, f->offset);
    const uint8_t *mac = p;
    int i;

    switch (f->kind) {
    case EMU_PROP_KIND_BOOL:
        return g_strdup(*(bool *)p ? "on" : "off");
    case EMU_PROP_KIND_STRING:
        return g_strdup(*(char **)p ? *(char **)p : "");
    case EMU_PROP_KIND_ENUM:
        i = *(int *)p;
        return g_strdup(i >= 0 && i < (int)g_strv_length((char **)f->enum_names) ? f->enum_names[i] : "");
    case EMU_PROP_KIND_ONOFFAUTO:
        return g_strdup(on_off_auto_names[CLAMP(*(int *)p, 0, 2)]);
    case EMU_PROP_KIND_MAC:
        return g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    case EMU_PROP_KIND_LINK:
        return *(gpointer *)p ? emu_object_get_canonical_path(*(gpointer *)p) : g_strdup("");
    default:
        return field_is_signed(f) ? g_strdup_printf("%" PRId64, (int64_t)field_load_int(f, obj))
                                  : g_strdup_printf("%" PRIu64, field_load_int(f, obj));
    }
}

bool
property_field_set_text(const EmuProperty *f, gpointer obj, const char *value)
{
    gpointer p = G_STRUCT_MEMBER_P(obj, f->offset);
    uint64_t v;
    int i;

    switch (f->kind) {
    case EMU_PROP_KIND_BOOL:
        return emu_parse_bool(value, p);
    case EMU_PROP_KIND_STRING:
        g_free(*(char **)p);
        *(char **)p = g_strdup(value);
        return true;
    case EMU_PROP_KIND_ENUM:
    case EMU_PROP_KIND_ONOFFAUTO:
        i = enum_index(f->kind == EMU_PROP_KIND_ENUM ? f->enum_names : on_off_auto_names, value);
        if (i >= 0) {
            *(int *)p = i;
        }
        return i >= 0;
    case EMU_PROP_KIND_MAC:
        return emu_parse_mac(value, p);
    case EMU_PROP_KIND_LINK:
        return false;
    case EMU_PROP_KIND_SIZE:
        if (!emu_parse_size(value, 'B', &v) || !field_in_range(f, v)) {
            return false;
        }
        break;
    default:
        if (!(field_is_signed(f) ? emu_parse_int(value, (int64_t *)&v) : emu_parse_uint(value, &v)) ||
            !field_in_range(f, v)) {
            return false;
        }
        break;
    }
    field_store_int(f, obj, v);
    return true;
}

static ClassProperties *
class_properties_of(GType type)
{
    return g_type_get_qdata(type, emu_class_properties_quark());
}

/* Base classes first, so that a derived class may declare a property again with another default. */
void
emu_property_write_defaults(EmuObject *obj, GType type)
{
    ClassProperties *cp = class_properties_of(type);

    if (type != EMU_TYPE_OBJECT) {
        emu_property_write_defaults(obj, g_type_parent(type));
    }
    for (guint i = 0; cp && i < cp->fields->len; i++) {
        field_write_default(g_ptr_array_index(cp->fields, i), obj);
    }
}

void
emu_property_release_fields(EmuObject *obj)
{
    for (GType type = G_OBJECT_TYPE(obj); type; type = g_type_parent(type)) {
        ClassProperties *cp = class_properties_of(type);

        for (guint i = 0; cp && i < cp->fields->len; i++) {
            const EmuProperty *f = g_ptr_array_index(cp->fields, i);
            gpointer p = G_STRUCT_MEMBER_P(obj, f->offset);

            if (f->kind == EMU_PROP_KIND_STRING) {
                g_clear_pointer((char **)p, g_free);
            } else if (f->kind == EMU_PROP_KIND_LINK) {
                g_clear_object((GObject **)p);
            }
        }
    }
}

/* ---- the GObject side ------------------------------------------------------------------------------ */

bool
property_check_set(gpointer obj, GParamSpec *pspec, GError **error)
{
    Property *prop = property_of(pspec);
    EmuObjectClass *klass = EMU_OBJECT_GET_CLASS(obj);

    if (!(pspec->flags & G_PARAM_WRITABLE) || (prop && prop->flags & EMU_PROP_FLAG_READ_ONLY)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_READ_ONLY, "%s: %s can only be read",
                    emu_object_get_label(obj), property_name(pspec));
        return false;
    }
    if ((prop && prop->flags & EMU_PROP_FLAG_RUNTIME) || !klass->check_set) {
        return true;
    }
    return klass->check_set(obj, pspec, error);
}

bool
emu_object_property_is_runtime(gpointer obj, const char *name)
{
    GParamSpec *pspec = property_find(G_OBJECT_GET_CLASS(obj), name);
    Property *prop = pspec ? property_of(pspec) : NULL;

    return prop && (prop->flags & EMU_PROP_FLAG_RUNTIME) && !(prop->flags & EMU_PROP_FLAG_READ_ONLY);
}

bool
property_field_set_link(gpointer obj, GParamSpec *pspec, gpointer target, GError **error)
{
    const EmuProperty *f = property_of(pspec)->field;
    gpointer *p = (gpointer *)G_STRUCT_MEMBER_P(obj, f->offset);
    gpointer old = *p;

    if (target && f->link_type && !emu_object_is_a(target, f->link_type)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: %s is '%s' of type '%s', expected a '%s'",
                    emu_object_get_label(obj), f->name, emu_object_get_label(target), emu_object_get_type_name(target),
                    f->link_type);
        return false;
    }
    *p = target ? g_object_ref(target) : NULL;
    if (old) {
        g_object_unref(old);
    }
    return true;
}

static void
class_set_property_cb(GObject *obj, guint id, const GValue *value, GParamSpec *pspec)
{
    Property *prop = property_of(pspec);
    ClassProperties *cp = class_properties_of(pspec->owner_type);
    g_autoptr(GError) error = NULL;
    const EmuProperty *f = prop ? prop->field : NULL;
    const char *text = G_VALUE_HOLDS_STRING(value) ? g_value_get_string(value) : NULL;
    bool ok = true;

    if (!prop && cp && cp->set_property) {
        cp->set_property(obj, id, value, pspec);
        return;
    }
    if (!prop || !property_check_set(obj, pspec, &error)) {
        ok = false;
    } else if (!f) {
        ok = prop->set(obj, text ? text : "", &error);
    } else if (f->kind == EMU_PROP_KIND_BOOL) {
        *(bool *)G_STRUCT_MEMBER_P(obj, f->offset) = g_value_get_boolean(value);
    } else if (f->kind == EMU_PROP_KIND_LINK) {
        ok = property_field_set_link(obj, pspec, g_value_get_object(value), &error);
    } else if (G_VALUE_HOLDS_UINT(value)) {
        field_store_int(f, obj, g_value_get_uint(value));
    } else if (G_VALUE_HOLDS_INT(value)) {
        field_store_int(f, obj, (uint64_t)(int64_t)g_value_get_int(value));
    } else if (G_VALUE_HOLDS_UINT64(value)) {
        field_store_int(f, obj, g_value_get_uint64(value));
    } else if (G_VALUE_HOLDS_INT64(value)) {
        field_store_int(f, obj, (uint64_t)g_value_get_int64(value));
    } else if (!text && f->kind == EMU_PROP_KIND_STRING) {
        g_clear_pointer((char **)G_STRUCT_MEMBER_P(obj, f->offset), g_free);
    } else if (!property_field_set_text(f, obj, text ? text : "")) {
        ok = property_refuse(obj, pspec, text ? text : "", &error);
    }
    if (!ok) {
        g_warning("%s", error ? error->message : pspec->name);
    }
}

static void
class_get_property_cb(GObject *obj, guint id, GValue *value, GParamSpec *pspec)
{
    Property *prop = property_of(pspec);
    ClassProperties *cp = class_properties_of(pspec->owner_type);
    const EmuProperty *f = prop ? prop->field : NULL;

    if (!prop) {
        if (cp && cp->get_property) {
            cp->get_property(obj, id, value, pspec);
        }
        return;
    }
    if (!f) {
        g_value_take_string(value, prop->get(obj, NULL));
    } else if (f->kind == EMU_PROP_KIND_BOOL) {
        g_value_set_boolean(value, *(bool *)G_STRUCT_MEMBER_P(obj, f->offset));
    } else if (f->kind == EMU_PROP_KIND_LINK) {
        g_value_set_object(value, *(gpointer *)G_STRUCT_MEMBER_P(obj, f->offset));
    } else if (G_VALUE_HOLDS_UINT(value)) {
        g_value_set_uint(value, field_load_int(f, obj));
    } else if (G_VALUE_HOLDS_INT(value)) {
        g_value_set_int(value, (int)field_load_int(f, obj));
    } else if (G_VALUE_HOLDS_UINT64(value)) {
        g_value_set_uint64(value, field_load_int(f, obj));
    } else if (G_VALUE_HOLDS_INT64(value)) {
        g_value_set_int64(value, (int64_t)field_load_int(f, obj));
    } else if (f->kind == EMU_PROP_KIND_STRING) {
        g_value_set_string(value, *(char **)G_STRUCT_MEMBER_P(obj, f->offset));
    } else {
        g_value_take_string(value, property_field_get_text(f, obj));
    }
}

static ClassProperties *
class_properties_ensure(gpointer klass)
{
    GType type = G_TYPE_FROM_CLASS(klass);
    GObjectClass *gc = G_OBJECT_CLASS(klass);
    GObjectClass *parent = g_type_class_peek_parent(klass);
    ClassProperties *cp = class_properties_of(type);

    if (!cp) {
        cp = g_new0(ClassProperties, 1);
        cp->fields = g_ptr_array_new();
        g_type_set_qdata(type, emu_class_properties_quark(), cp);
    }
    if (gc->set_property != class_set_property_cb) {
        cp->set_property = gc->set_property != parent->set_property ? gc->set_property : NULL;
        cp->get_property = gc->get_property != parent->get_property ? gc->get_property : NULL;
        gc->set_property = class_set_property_cb;
        gc->get_property = class_get_property_cb;
    }
    return cp;
}

static GParamSpec *
field_make_pspec(const EmuProperty *f, const char *name, GParamFlags flags)
{
    const char *blurb = f->blurb ? f->blurb : "";
    g_autofree char *text = NULL;
    uint64_t min, max;

    field_range(f, &min, &max);
    switch (f->kind) {
    case EMU_PROP_KIND_BOOL:
        return g_param_spec_boolean(name, f->name, blurb, f->default_value != 0, flags);
    case EMU_PROP_KIND_UINT8:
    case EMU_PROP_KIND_UINT16:
    case EMU_PROP_KIND_UINT32:
        return g_param_spec_uint(name, f->name, blurb, min, max, f->default_value, flags);
    case EMU_PROP_KIND_INT32:
        return g_param_spec_int(name, f->name, blurb, (int)min, (int)max, (int)f->default_value, flags);
    case EMU_PROP_KIND_INT64:
        return g_param_spec_int64(name, f->name, blurb, min, max, f->default_value, flags);
    case EMU_PROP_KIND_UINT64:
    case EMU_PROP_KIND_SIZE:
        return g_param_spec_uint64(name, f->name, blurb, min, max, f->default_value, flags);
    case EMU_PROP_KIND_LINK:
        return g_param_spec_object(name, f->name, blurb, EMU_TYPE_OBJECT, flags);
    default:
        text = property_field_default_text(f);
        return g_param_spec_string(name, f->name, blurb, text, flags);
    }
}

static void
class_install(gpointer klass, GParamSpec *pspec, const Property *prop)
{
    Property *copy = g_memdup2(prop, sizeof(*prop));
    guint n;

    copy->name = g_strdup(prop->name);
    g_param_spec_set_qdata_full(pspec, emu_property_quark(), copy, property_free);
    g_free(g_object_class_list_properties(klass, &n));
    g_object_class_install_property(klass, 0x10000 + n, pspec);
}

static bool
class_may_install(gpointer klass, const char *name)
{
    GParamSpec *old = property_find(klass, name);

    if (old && old->owner_type == G_TYPE_FROM_CLASS(klass)) {
        g_critical("type '%s' has two properties '%s'", emu_type_name(G_TYPE_FROM_CLASS(klass)), name);
        return false;
    }
    return true;
}

/**
 * emu_object_class_add_properties:
 * @klass: the class that is being initialised
 * @props: static for as long as the type's module is loaded
 *
 * Since: 1.0
 */
void
emu_object_class_add_properties(gpointer klass, const EmuProperty *props, guint n_props)
{
    ClassProperties *cp = class_properties_ensure(klass);

    for (guint i = 0; i < n_props; i++) {
        const EmuProperty *f = &props[i];
        Property prop = {.name = (char *)f->name, .field = f, .flags = f->flags};
        bool read_only = f->flags & EMU_PROP_FLAG_READ_ONLY;

        if (field_is_integer(f) && !field_in_range(f, f->default_value)) {
            g_critical("type '%s': default of property '%s' is out of its range",
                       emu_type_name(G_TYPE_FROM_CLASS(klass)), f->name);
            continue;
        }
        if (class_may_install(klass, f->name)) {
            g_autofree char *mangled = emu_property_mangle(f->name);

            class_install(klass, field_make_pspec(f, mangled, read_only ? G_PARAM_READABLE : G_PARAM_READWRITE), &prop);
            g_ptr_array_add(cp->fields, (gpointer)f);
        }
    }
}

void
emu_object_class_add_string_property(gpointer klass, const char *name, char *(*get)(gpointer self, GError **error),
                                     bool (*set)(gpointer self, const char *value, GError **error), const char *blurb)
{
    Property prop = {.name = (char *)name, .get = get, .set = set};
    GParamFlags flags = (get ? G_PARAM_READABLE : 0) | (set ? G_PARAM_WRITABLE : 0);

    g_return_if_fail(get || set);

    class_properties_ensure(klass);
    if (class_may_install(klass, name)) {
        g_autofree char *mangled = emu_property_mangle(name);

        class_install(klass, g_param_spec_string(mangled, name, blurb ? blurb : "", NULL, flags), &prop);
    }
}

void
emu_object_class_add_property_flags(gpointer klass, const char *name, uint32_t flags)
{
    GParamSpec *pspec = property_find(klass, name);
    Property *prop;

    g_return_if_fail(pspec);

    prop = property_of(pspec);
    if (!prop) {
        prop = g_new0(Property, 1);
        prop->name = g_strdup(name);
        g_param_spec_set_qdata_full(pspec, emu_property_quark(), prop, property_free);
    }
    prop->flags |= flags;
}
