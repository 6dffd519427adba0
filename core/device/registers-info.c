/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What inspectors, the builder and scripts see of register banks, and the pages made of them. */

#include "device/registers-private.h"

#include <inttypes.h>
#include <string.h>

static EmuRegisterFieldInfo *
field_info_copy(EmuRegisterFieldInfo *info)
{
    return g_rc_box_acquire(info);
}

static void
field_info_clear(gpointer data)
{
    EmuRegisterFieldInfo *info = data;

    g_free(info->name);
    g_free(info->description);
}

static void
field_info_free(EmuRegisterFieldInfo *info)
{
    g_rc_box_release_full(info, field_info_clear);
}

static EmuRegisterInfo *
info_copy(EmuRegisterInfo *info)
{
    return g_rc_box_acquire(info);
}

static void
info_clear(gpointer data)
{
    EmuRegisterInfo *info = data;

    g_free(info->bank);
    g_free(info->name);
    g_free(info->description);
    g_ptr_array_unref(info->fields);
}

static void
info_free(EmuRegisterInfo *info)
{
    g_rc_box_release_full(info, info_clear);
}

G_DEFINE_BOXED_TYPE(EmuRegisterFieldInfo, emu_register_field_info, field_info_copy, field_info_free)
G_DEFINE_BOXED_TYPE(EmuRegisterInfo, emu_register_info, info_copy, info_free)

const char *
emu_register_access_name(EmuRegisterAccess access)
{
    static const char *const names[] = {[EMU_ACCESS_DEFAULT] = "RW", [EMU_RW] = "RW", [EMU_RO] = "RO", [EMU_WO] = "WO", [EMU_W1C] = "W1C", [EMU_RC] = "RC"};

    return (guint)access < G_N_ELEMENTS(names) ? names[access] : "?";
}

static EmuRegisterInfo *
info_new(const EmuRegisterLink *link, const EmuRegisterEntry *e, unsigned index, EmuDevice *dev)
{
    EmuRegisterInfo *info = g_rc_box_new0(EmuRegisterInfo);

    info->bank = g_strdup(link->map->bank.name);
    info->name = e->r.num > 1 ? g_strdup_printf("%s[%u]", e->r.name, index) : g_strdup(e->r.name);
    info->description = g_strdup(e->r.blurb);
    info->offset = e->r.offset + (uint64_t)index * e->r.stride;
    info->width = e->r.width;
    info->access = (EmuRegisterAccess)e->r.access;
    info->reset = e->r.reset;
    info->writable = e->rw | e->w1c | e->wo;
    info->has_value = dev && emu_register_entry_peek(e, (char *)dev + link->offset, index, &info->value);
    info->fields = g_ptr_array_new_with_free_func((GDestroyNotify)field_info_free);
    for (unsigned i = 0; i < e->n_fields; i++) {
        const EmuRegisterField *f = &e->fields[i];
        EmuRegisterFieldInfo *field = g_rc_box_new0(EmuRegisterFieldInfo);

        field->name = g_strdup(f->name);
        field->description = g_strdup(f->blurb);
        field->shift = f->shift;
        field->bits = f->bits;
        field->access = (EmuRegisterAccess)(f->access ? f->access : e->r.access);
        field->value = info->value >> f->shift & (f->bits >= 64 ? UINT64_MAX : (UINT64_C(1) << f->bits) - 1);
        g_ptr_array_add(info->fields, field);
    }
    return info;
}

/* Banks of base classes first, in the order of addition. */
static void
collect(GPtrArray *infos, const EmuRegisterLink *link, EmuDevice *dev)
{
    if (!link) {
        return;
    }
    collect(infos, link->next, dev);
    for (unsigned i = 0; i < link->map->n_entries; i++) {
        for (unsigned j = 0; j < link->map->entries[i].r.num; j++) {
            g_ptr_array_add(infos, info_new(link, &link->map->entries[i], j, dev));
        }
    }
}

/**
 * emu_type_list_registers:
 * @type_name: QOM name of a device type
 *
 * Returns: (transfer container) (element-type EmuRegisterInfo) (nullable): in the order of the tables
 *
 * Since: 1.0
 */
GPtrArray *
emu_type_list_registers(const char *type_name, GError **error)
{
    GType type = emu_type_lookup(type_name, error);
    g_autoptr(GTypeClass) klass = NULL;
    GPtrArray *infos;

    if (type == G_TYPE_INVALID) {
        return NULL;
    }
    if (!g_type_is_a(type, EMU_TYPE_DEVICE)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "'%s' is no device type", type_name);
        return NULL;
    }
    klass = g_type_class_ref(type);
    infos = g_ptr_array_new_with_free_func((GDestroyNotify)info_free);
    collect(infos, EMU_DEVICE_CLASS(klass)->registers, NULL);
    return infos;
}

/**
 * emu_device_list_registers:
 * @dev: a realized device
 *
 * Returns: (transfer container) (element-type EmuRegisterInfo): in the order of the tables
 *
 * Since: 1.0
 */
GPtrArray *
emu_device_list_registers(EmuDevice *dev)
{
    GPtrArray *infos = g_ptr_array_new_with_free_func((GDestroyNotify)info_free);

    collect(infos, EMU_DEVICE_GET_CLASS(dev)->registers, emu_device_is_realized(dev) ? dev : NULL);
    return infos;
}

static bool
find(EmuDevice *dev, const char *name, const EmuRegisterLink **link_out, const EmuRegisterEntry **entry, unsigned *index, GError **error)
{
    for (const EmuRegisterLink *link = EMU_DEVICE_GET_CLASS(dev)->registers; link; link = link->next) {
        gsize n = strlen(link->map->bank.name);
        const char *rest = strncmp(name, link->map->bank.name, n) == 0 && name[n] == '.' ? name + n + 1 : name;

        for (unsigned i = 0; i < link->map->n_entries; i++) {
            const EmuRegisterEntry *e = &link->map->entries[i];

            for (unsigned j = 0; j < e->r.num; j++) {
                g_autofree char *full = e->r.num > 1 ? g_strdup_printf("%s[%u]", e->r.name, j) : g_strdup(e->r.name);

                if (strcmp(full, rest) == 0) {
                    *link_out = link;
                    *entry = e;
                    *index = j;
                    return true;
                }
            }
        }
    }
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "%s has no register '%s'", emu_device_get_label(dev), name);
    return false;
}

/**
 * emu_device_peek_register:
 * @value: (out): where the value goes
 *
 * Since: 1.0
 */
bool
emu_device_peek_register(EmuDevice *dev, const char *name, uint64_t *value, GError **error)
{
    const EmuRegisterLink *link;
    const EmuRegisterEntry *e;
    unsigned index;

    if (!find(dev, name, &link, &e, &index, error)) {
        return false;
    }
    if (!emu_register_entry_peek(e, (char *)dev + link->offset, index, value)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: register '%s' cannot be read without an effect",
                    emu_device_get_label(dev), name);
        return false;
    }
    return true;
}

bool
emu_device_poke_register(EmuDevice *dev, const char *name, uint64_t value, GError **error)
{
    const EmuRegisterLink *link;
    const EmuRegisterEntry *e;
    unsigned index;

    if (!find(dev, name, &link, &e, &index, error)) {
        return false;
    }
    emu_register_map_write(link->map, (char *)dev + link->offset, e->r.offset + (uint64_t)index * e->r.stride, value, e->r.width);
    return true;
}

/* ---- pages ---------------------------------------------------------------------------------------------------- */

static void
append_json_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\') {
            g_string_append_c(out, '\\');
        }
        if ((guchar)*p < 0x20) {
            g_string_append_printf(out, "\\u%04x", *p);
        } else {
            g_string_append_c(out, *p);
        }
    }
    g_string_append_c(out, '"');
}

static void
append_json_description(GString *out, const char *text)
{
    if (text) {
        g_string_append(out, ", \"description\": ");
        append_json_string(out, text);
    }
}

static void
describe_entry(GString *out, const EmuRegisterEntry *e)
{
    g_string_append(out, "{\"name\": ");
    append_json_string(out, e->r.name);
    g_string_append_printf(out, ", \"offset\": %" PRIu64 ", \"width\": %u, \"access\": \"%s\", \"reset\": %" PRIu64 ", \"writable\": %" PRIu64,
                           e->r.offset, e->r.width, emu_register_access_name((EmuRegisterAccess)e->r.access), e->r.reset,
                           e->rw | e->w1c | e->wo);
    if (e->r.num > 1) {
        g_string_append_printf(out, ", \"num\": %u, \"stride\": %u", e->r.num, e->r.stride);
    }
    append_json_description(out, e->r.blurb);
    g_string_append(out, ", \"fields\": [");
    for (unsigned i = 0; i < e->n_fields; i++) {
        const EmuRegisterField *f = &e->fields[i];

        g_string_append(out, i ? ", {\"name\": " : "{\"name\": ");
        append_json_string(out, f->name);
        g_string_append_printf(out, ", \"shift\": %u, \"bits\": %u, \"access\": \"%s\"", f->shift, f->bits,
                               emu_register_access_name((EmuRegisterAccess)(f->access ? f->access : e->r.access)));
        append_json_description(out, f->blurb);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "]}");
}

static void
describe(GString *out, const EmuRegisterLink *link)
{
    if (link->next) {
        describe(out, link->next);
        g_string_append(out, ", ");
    }
    g_string_append(out, "{\"name\": ");
    append_json_string(out, link->map->bank.name);
    g_string_append_printf(out, ", \"size\": %" PRIu64, link->map->bank.size);
    append_json_description(out, link->map->bank.blurb);
    g_string_append(out, ", \"registers\": [");
    for (unsigned i = 0; i < link->map->n_entries; i++) {
        g_string_append(out, i ? ", " : "");
        describe_entry(out, &link->map->entries[i]);
    }
    g_string_append(out, "]}");
}

static void
document_entry(GString *out, const EmuRegisterEntry *e)
{
    g_string_append_printf(out, "| 0x%02" PRIx64, e->r.offset);
    if (e->r.num > 1) {
        g_string_append_printf(out, " + 0x%x n, n < %u", e->r.stride, e->r.num);
    }
    g_string_append_printf(out, " | %s | %u | %s | 0x%" PRIx64 " | %s |\n", e->r.name, 8 * e->r.width,
                           emu_register_access_name((EmuRegisterAccess)e->r.access), e->r.reset, e->r.blurb ? e->r.blurb : "");
}

static void
document(GString *out, const EmuRegisterLink *link)
{
    if (link->next) {
        document(out, link->next);
    }
    g_string_append_printf(out, "\n## %s\n\n", link->map->bank.name);
    if (link->map->bank.blurb) {
        g_string_append_printf(out, "%s\n\n", link->map->bank.blurb);
    }
    g_string_append(out, "| offset | register | bits | access | reset | |\n|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < link->map->n_entries; i++) {
        document_entry(out, &link->map->entries[i]);
    }
    for (unsigned i = 0; i < link->map->n_entries; i++) {
        const EmuRegisterEntry *e = &link->map->entries[i];

        if (e->n_fields) {
            g_string_append_printf(out, "\n### %s\n\n| bits | field | access | |\n|---|---|---|---|\n", e->r.name);
        }
        for (unsigned j = 0; j < e->n_fields; j++) {
            const EmuRegisterField *f = &e->fields[j];
            g_autofree char *bits = f->bits > 1 ? g_strdup_printf("%u:%u", f->shift + f->bits - 1, f->shift) : g_strdup_printf("%u", f->shift);

            g_string_append_printf(out, "| %s | %s | %s | %s |\n", bits, f->name,
                                   emu_register_access_name((EmuRegisterAccess)(f->access ? f->access : e->r.access)), f->blurb ? f->blurb : "");
        }
    }
}

static char *
make_page(const char *type_name, const char *head, void (*fill)(GString *, const EmuRegisterLink *), const char *tail, GError **error)
{
    GType type = emu_type_lookup(type_name, error);
    g_autoptr(GTypeClass) klass = NULL;
    GString *out;

    if (type == G_TYPE_INVALID) {
        return NULL;
    }
    if (!g_type_is_a(type, EMU_TYPE_DEVICE)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "'%s' is no device type", type_name);
        return NULL;
    }
    klass = g_type_class_ref(type);
    out = g_string_new(head);
    if (EMU_DEVICE_CLASS(klass)->registers) {
        fill(out, EMU_DEVICE_CLASS(klass)->registers);
    }
    g_string_append(out, tail);
    return g_string_free(out, FALSE);
}

char *
emu_type_describe_registers(const char *type_name, GError **error)
{
    return make_page(type_name, "[", describe, "]", error);
}

char *
emu_type_document_registers(const char *type_name, GError **error)
{
    g_autofree char *head = g_strdup_printf("# Registers of %s\n", type_name);

    return make_page(type_name, head, document, "", error);
}
