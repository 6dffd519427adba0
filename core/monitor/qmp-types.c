/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* C structs to JSON and back, by descriptor. */

#include "monitor/qmp-types.h"

#include <math.h>

G_DEFINE_QUARK(emu-qmp-error-quark, emu_qmp_error)

const char *
emu_qmp_error_class(const GError *error)
{
    static const char *const names[] = {"GenericError", "CommandNotFound", "DeviceNotActive", "DeviceNotFound", "KVMMissingCap"};

    if (error->domain == EMU_QMP_ERROR && error->code >= 0 && (gsize)error->code < G_N_ELEMENTS(names)) {
        return names[error->code];
    }
    return names[0];
}

int
emu_qmp_enum_from_name(const EmuQmpType *type, const char *name)
{
    for (unsigned i = 0; i < type->n_values; i++) {
        if (g_str_equal(type->values[i], name)) {
            return i;
        }
    }
    return -1;
}

JsonNode *
emu_qmp_new_empty(void)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_node_take_object(node, json_object_new());
    return node;
}

/* ---- freeing ------------------------------------------------------------------------------------- */

static void value_clear(const EmuQmpType *type, gpointer field);

static void
members_clear(const EmuQmpType *type, gpointer self)
{
    if (type->tag >= 0) {
        const EmuQmpMember *tag = &type->members[type->tag];
        int value = *(int *)((char *)self + tag->offset);
        const EmuQmpType *branch = value >= 0 && (unsigned)value < tag->type->n_values ? type->branches[value] : NULL;

        if (branch) {
            emu_qmp_free(branch, *(gpointer *)((char *)self + type->branch_offset));
        }
    }
    for (unsigned i = 0; i < type->n_members; i++) {
        value_clear(type->members[i].type, (char *)self + type->members[i].offset);
    }
}

static void
value_clear(const EmuQmpType *type, gpointer field)
{
    gpointer *pointer = field;

    switch (type->kind) {
    case EMU_QMP_STRING:
    case EMU_QMP_ANY:
    case EMU_QMP_STRUCT:
    case EMU_QMP_LIST:
        emu_qmp_free(type, *pointer);
        *pointer = NULL;
        break;
    default:
        break;
    }
}

void
emu_qmp_free(const EmuQmpType *type, gpointer value)
{
    if (!value) {
        return;
    }
    switch (type->kind) {
    case EMU_QMP_ANY:
        json_node_unref(value);
        break;
    case EMU_QMP_STRUCT:
        members_clear(type, value);
        g_free(value);
        break;
    case EMU_QMP_LIST: {
        GPtrArray *list = value;

        for (guint i = 0; i < list->len; i++) {
            emu_qmp_free(type->element, list->pdata[i]);
        }
        g_ptr_array_set_free_func(list, NULL);
        g_ptr_array_unref(list);
        break;
    }
    default:
        g_free(value);
        break;
    }
}

/* ---- to JSON ----------------------------------------------------------------------------------------- */

static void
object_add_members(JsonObject *object, const EmuQmpType *type, gconstpointer self)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        const EmuQmpMember *m = &type->members[i];
        const char *field = (const char *)self + m->offset;
        bool present = true;

        if (m->has_offset >= 0) {
            present = *(const bool *)((const char *)self + m->has_offset);
        } else if (m->optional) {
            present = *(const gpointer *)field != NULL;
        }
        if (present) {
            gconstpointer value = field;

            if (m->type->kind == EMU_QMP_STRING || m->type->kind == EMU_QMP_ANY || m->type->kind == EMU_QMP_STRUCT || m->type->kind == EMU_QMP_LIST) {
                value = *(const gpointer *)field;
            }
            json_object_set_member(object, m->name, emu_qmp_to_json(m->type, value));
        }
    }
    if (type->tag >= 0) {
        int tag = *(const int *)((const char *)self + type->members[type->tag].offset);
        const EmuQmpType *branch = type->branches[tag];
        gconstpointer value = *(const gpointer *)((const char *)self + type->branch_offset);

        if (branch && value) {
            object_add_members(object, branch, value);
        }
    }
}

JsonNode *
emu_qmp_to_json(const EmuQmpType *type, gconstpointer value)
{
    JsonNode *node;

    switch (type->kind) {
    case EMU_QMP_STRING:
        node = json_node_new(JSON_NODE_VALUE);
        json_node_set_string(node, value ? value : "");
        return node;
    case EMU_QMP_BOOL:
        node = json_node_new(JSON_NODE_VALUE);
        json_node_set_boolean(node, *(const bool *)value);
        return node;
    case EMU_QMP_NUMBER:
        node = json_node_new(JSON_NODE_VALUE);
        json_node_set_double(node, *(const double *)value);
        return node;
    case EMU_QMP_INT:
        node = json_node_new(JSON_NODE_VALUE);
        json_node_set_int(node, *(const int64_t *)value);
        return node;
    case EMU_QMP_UINT:
        node = json_node_new(JSON_NODE_VALUE);
        /* json-glib's integers are signed. */
        if (*(const uint64_t *)value > INT64_MAX) {
            json_node_set_double(node, *(const uint64_t *)value);
        } else {
            json_node_set_int(node, *(const uint64_t *)value);
        }
        return node;
    case EMU_QMP_ENUM:
        node = json_node_new(JSON_NODE_VALUE);
        json_node_set_string(node, type->values[*(const int *)value]);
        return node;
    case EMU_QMP_ANY:
        return value ? json_node_copy((JsonNode *)value) : json_node_new(JSON_NODE_NULL);
    case EMU_QMP_LIST: {
        const GPtrArray *list = value;
        JsonArray *array = json_array_new();

        for (guint i = 0; list && i < list->len; i++) {
            json_array_add_element(array, emu_qmp_to_json(type->element, list->pdata[i]));
        }
        node = json_node_new(JSON_NODE_ARRAY);
        json_node_take_array(node, array);
        return node;
    }
    case EMU_QMP_STRUCT:
        break;
    }
    node = emu_qmp_new_empty();
    object_add_members(json_node_get_object(node), type, value);
    return node;
}

JsonNode *
emu_qmp_take_json(const EmuQmpType *type, gpointer value)
{
    JsonNode *node = emu_qmp_to_json(type, value);

    emu_qmp_free(type, value);
    return node;
}

/* ---- from JSON ---------------------------------------------------------------------------------------- */

/* Where in the arguments we are, for messages: "keys[0].data". */
typedef struct _Place {
    const struct _Place *up;
    const char *name; /* NULL: an element */
    guint index;
} Place;

static void
place_append(GString *text, const Place *place)
{
    if (!place) {
        return;
    }
    place_append(text, place->up);
    if (place->name) {
        g_string_append_printf(text, "%s%s", text->len ? "." : "", place->name);
    } else {
        g_string_append_printf(text, "[%u]", place->index);
    }
}

static char *
place_text(const Place *place)
{
    GString *text = g_string_new(NULL);

    place_append(text, place);
    return g_string_free(text, FALSE);
}

static bool
fail_type(const Place *place, const char *expected, GError **error)
{
    g_autofree char *name = place_text(place);

    g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Invalid parameter type for '%s', expected: %s", name, expected);
    return false;
}

static bool
fail_value(const Place *place, const char *value, GError **error)
{
    g_autofree char *name = place_text(place);

    g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter '%s' does not accept value '%s'", name, value);
    return false;
}

static bool
fail_range(const Place *place, const char *type, GError **error)
{
    g_autofree char *name = place_text(place);

    g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter '%s' expects %s", name, type);
    return false;
}

static bool value_from_json(const EmuQmpType *type, JsonNode *node, gpointer field, const Place *place, GError **error);

static gpointer struct_from_json(const EmuQmpType *type, JsonObject *object, const Place *place, GError **error);

static bool
int_from_json(const EmuQmpType *type, JsonNode *node, gpointer field, const Place *place, GError **error)
{
    GType value_type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_NONE;

    if (type->kind == EMU_QMP_UINT) {
        if (value_type == G_TYPE_INT64) {
            /* QEMU reads negative numbers as their two's complement for 64 bits. */
            uint64_t value = json_node_get_int(node);
            if (value > type->max) {
                return fail_range(place, type->name, error);
            }
            *(uint64_t *)field = value;
            return true;
        }
        if (value_type == G_TYPE_DOUBLE) {
            double value = json_node_get_double(node);
            if (value == floor(value) && value >= 9223372036854775808.0 && value <= 18446744073709551616.0 && type->max == UINT64_MAX) {
                *(uint64_t *)field = value >= 18446744073709551615.0 ? UINT64_MAX : (uint64_t)value;
                return true;
            }
        }
        return fail_type(place, "integer", error);
    }
    if (value_type != G_TYPE_INT64) {
        return fail_type(place, "integer", error);
    }
    if (json_node_get_int(node) < type->min || json_node_get_int(node) > (int64_t)type->max) {
        return fail_range(place, type->name, error);
    }
    *(int64_t *)field = json_node_get_int(node);
    return true;
}

static bool
enum_from_json(const EmuQmpType *type, JsonNode *node, int *field, const Place *place, GError **error)
{
    int value;

    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_STRING) {
        return fail_type(place, "string", error);
    }
    value = emu_qmp_enum_from_name(type, json_node_get_string(node));
    if (value < 0) {
        return fail_value(place, json_node_get_string(node), error);
    }
    *field = value;
    return true;
}

static bool
list_from_json(const EmuQmpType *type, JsonNode *node, gpointer *field, const Place *place, GError **error)
{
    const EmuQmpType *element = type->element;
    GPtrArray *list;
    JsonArray *array;

    if (!JSON_NODE_HOLDS_ARRAY(node)) {
        return fail_type(place, "array", error);
    }
    array = json_node_get_array(node);
    list = g_ptr_array_new();
    for (guint i = 0; i < json_array_get_length(array); i++) {
        Place here = {place, NULL, i};
        gpointer value = NULL;
        bool ok;

        if (element->kind == EMU_QMP_STRING || element->kind == EMU_QMP_STRUCT || element->kind == EMU_QMP_LIST || element->kind == EMU_QMP_ANY) {
            ok = value_from_json(element, json_array_get_element(array, i), &value, &here, error);
        } else {
            value = g_new0(int64_t, 1);
            ok = value_from_json(element, json_array_get_element(array, i), value, &here, error);
        }
        if (value) {
            g_ptr_array_add(list, value);
        }
        if (!ok) {
            emu_qmp_free(type, list);
            return false;
        }
    }
    *field = list;
    return true;
}

static bool
value_from_json(const EmuQmpType *type, JsonNode *node, gpointer field, const Place *place, GError **error)
{
    GType value_type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_NONE;

    switch (type->kind) {
    case EMU_QMP_STRING:
        if (value_type != G_TYPE_STRING) {
            return fail_type(place, "string", error);
        }
        *(char **)field = json_node_dup_string(node);
        return true;
    case EMU_QMP_BOOL:
        if (value_type != G_TYPE_BOOLEAN) {
            return fail_type(place, "boolean", error);
        }
        *(bool *)field = json_node_get_boolean(node);
        return true;
    case EMU_QMP_NUMBER:
        if (value_type != G_TYPE_INT64 && value_type != G_TYPE_DOUBLE) {
            return fail_type(place, "number", error);
        }
        *(double *)field = value_type == G_TYPE_INT64 ? (double)json_node_get_int(node) : json_node_get_double(node);
        return true;
    case EMU_QMP_INT:
    case EMU_QMP_UINT:
        return int_from_json(type, node, field, place, error);
    case EMU_QMP_ANY:
        *(JsonNode **)field = json_node_copy(node);
        return true;
    case EMU_QMP_ENUM:
        return enum_from_json(type, node, field, place, error);
    case EMU_QMP_LIST:
        return list_from_json(type, node, field, place, error);
    case EMU_QMP_STRUCT:
        break;
    }
    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        return fail_type(place, "object", error);
    }
    *(gpointer *)field = struct_from_json(type, json_node_get_object(node), place, error);
    return *(gpointer *)field != NULL;
}

static const EmuQmpMember *
find_member(const EmuQmpType *type, const char *name)
{
    for (unsigned i = 0; type && i < type->n_members; i++) {
        if (g_str_equal(type->members[i].name, name)) {
            return &type->members[i];
        }
    }
    return NULL;
}

static bool
members_from_json(const EmuQmpType *type, JsonObject *object, gpointer self, const Place *place, GError **error)
{
    for (unsigned i = 0; i < type->n_members; i++) {
        const EmuQmpMember *m = &type->members[i];
        JsonNode *node = json_object_get_member(object, m->name);
        Place here = {place, m->name, 0};

        if (!node) {
            if (!m->optional) {
                g_autofree char *name = place_text(&here);
                g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter '%s' is missing", name);
                return false;
            }
            continue;
        }
        if (!value_from_json(m->type, node, (char *)self + m->offset, &here, error)) {
            return false;
        }
        if (m->has_offset >= 0) {
            *(bool *)((char *)self + m->has_offset) = true;
        }
    }
    return true;
}

static gpointer
struct_from_json(const EmuQmpType *type, JsonObject *object, const Place *place, GError **error)
{
    gpointer self = g_malloc0(MAX(type->size, 1));
    const EmuQmpType *branch = NULL;
    JsonObjectIter iter;
    const char *name;

    if (!members_from_json(type, object, self, place, error)) {
        goto fail;
    }
    if (type->tag >= 0) {
        branch = type->branches[*(int *)((char *)self + type->members[type->tag].offset)];
        if (branch) {
            gpointer *value = (gpointer *)((char *)self + type->branch_offset);

            *value = g_malloc0(MAX(branch->size, 1));
            if (!members_from_json(branch, object, *value, place, error)) {
                goto fail;
            }
        }
    }
    json_object_iter_init_ordered(&iter, object);
    while (json_object_iter_next_ordered(&iter, &name, NULL)) {
        if (!find_member(type, name) && !find_member(branch, name)) {
            Place here = {place, name, 0};
            g_autofree char *text = place_text(&here);

            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter '%s' is unexpected", text);
            goto fail;
        }
    }
    return self;

fail:
    /* What was not read is zero: an enum of value 0 whose branch is still NULL, NULL pointers. */
    emu_qmp_free(type, self);
    return NULL;
}

gpointer
emu_qmp_from_json(const EmuQmpType *type, JsonObject *object, GError **error)
{
    return struct_from_json(type, object, NULL, error);
}
