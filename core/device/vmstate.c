/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Saved state of one object: its table <-> bytes.
 *
 * All numbers little-endian; "name" is one length byte and that many bytes.
 *
 *   block  := name  u32 version  u32 length  fields  end  u16 n  block*n       length: what follows it
 *   fields := field*
 *   field  := name  u8 kind  u32 num  u32 size  contents                       size: of one element
 *   end    := u8 0
 *   contents: numbers, bytes; for STRUCT num blocks; for POINTER one; for TIMER num times u64
 *
 * The bytes describe themselves, so that a load checks every field by name, kind and size before it is taken,
 * and says which one was wrong. A stream is hostile input: every length is checked against what is left, no count
 * from it sizes anything, and lengths of buffers must be those that the device has already.
 */

#include "device/device-private.h"

#include <string.h>

#define VMSTATE_MAX_DEPTH 16

#define VMSTATE_ERROR EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE

/* ---- bytes -------------------------------------------------------------------------------------- */

static void
put_le(GByteArray *out, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    g_byte_array_append(out, bytes, size);
}

static void
put_name(GByteArray *out, const char *name)
{
    uint8_t len = (uint8_t)MIN(strlen(name), (gsize)255);

    put_le(out, len, 1);
    g_byte_array_append(out, (const uint8_t *)name, len);
}

typedef struct {
    const uint8_t *data;
    gsize len, pos;
} Reader;

static bool
get_le(Reader *r, unsigned size, uint64_t *value)
{
    *value = 0;
    if (r->len - r->pos < size) {
        return false;
    }
    for (unsigned i = 0; i < size; i++) {
        *value |= (uint64_t)r->data[r->pos + i] << 8 * i;
    }
    r->pos += size;
    return true;
}

static const uint8_t *
get_bytes(Reader *r, gsize size)
{
    const uint8_t *at = r->data + r->pos;

    if (r->len - r->pos < size) {
        return NULL;
    }
    r->pos += size;
    return at;
}

/* @name: 256 bytes */
static bool
get_name(Reader *r, char *name)
{
    uint64_t len;
    const uint8_t *bytes;

    if (!get_le(r, 1, &len) || !(bytes = get_bytes(r, len))) {
        return false;
    }
    for (gsize i = 0; i < len; i++) {
        /* Names go into messages. */
        name[i] = bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '?';
    }
    name[len] = '\0';
    return true;
}

/* ---- fields ------------------------------------------------------------------------------------- */

static unsigned
field_number_size(EmuVMKind kind)
{
    switch (kind) {
    case EMU_VM_KIND_BOOL:
    case EMU_VM_KIND_U8:
        return 1;
    case EMU_VM_KIND_U16:
        return 2;
    case EMU_VM_KIND_U32:
        return 4;
    case EMU_VM_KIND_U64:
    case EMU_VM_KIND_TIMER:
        return 8;
    default:
        return 0;
    }
}

static gpointer
field_at(const EmuVMField *f, gpointer self)
{
    if (f->resolve) {
        return f->resolve(self);
    }
    return f->kind == EMU_VM_KIND_POINTER ? *(gpointer *)((char *)self + f->offset) : (char *)self + f->offset;
}

static uint32_t
field_vbuffer_length(const EmuVMField *f, gpointer self)
{
    return *(uint32_t *)((char *)self + f->num_offset);
}

static uint64_t
field_load_number(const EmuVMField *f, const void *p)
{
    switch (f->kind) {
    case EMU_VM_KIND_BOOL:
        return *(const bool *)p;
    case EMU_VM_KIND_U8:
        return *(const uint8_t *)p;
    case EMU_VM_KIND_U16:
        return *(const uint16_t *)p;
    case EMU_VM_KIND_U32:
        return *(const uint32_t *)p;
    case EMU_VM_KIND_U64:
        return *(const uint64_t *)p;
    default: {
        EmuTimer *timer = *(EmuTimer *const *)p;

        return timer && emu_timer_is_set(timer) ? (uint64_t)emu_timer_expires_ns(timer) : UINT64_MAX;
    }
    }
}

static void
field_store_number(const EmuVMField *f, void *p, uint64_t value)
{
    switch (f->kind) {
    case EMU_VM_KIND_BOOL:
        *(bool *)p = value != 0;
        break;
    case EMU_VM_KIND_U8:
        *(uint8_t *)p = (uint8_t)value;
        break;
    case EMU_VM_KIND_U16:
        *(uint16_t *)p = (uint16_t)value;
        break;
    case EMU_VM_KIND_U32:
        *(uint32_t *)p = (uint32_t)value;
        break;
    case EMU_VM_KIND_U64:
        *(uint64_t *)p = value;
        break;
    default: {
        EmuTimer *timer = *(EmuTimer *const *)p;

        if (timer && value <= INT64_MAX) {
            emu_timer_set(timer, (int64_t)value);
        } else if (timer) {
            emu_timer_cancel(timer);
        }
        break;
    }
    }
}

static gsize
field_stride(const EmuVMField *f)
{
    return f->kind == EMU_VM_KIND_TIMER ? sizeof(gpointer) : f->size;
}

static bool
field_is_present(const EmuVMField *f, gpointer self, unsigned version)
{
    return f->since <= version && (!f->exists || f->exists(self));
}

/* ---- save --------------------------------------------------------------------------------------- */

static bool vmstate_save(const EmuVMState *vms, gpointer self, GByteArray *out, unsigned depth, GError **error);

static bool
field_save(const EmuVMState *vms, const EmuVMField *f, gpointer self, GByteArray *out, unsigned depth, GError **error)
{
    unsigned number = field_number_size(f->kind);
    char *at = field_at(f, self);

    put_name(out, f->name);
    put_le(out, f->kind, 1);
    put_le(out, f->num, 4);
    if (number && f->size != number && f->kind != EMU_VM_KIND_TIMER) {
        g_set_error(error, VMSTATE_ERROR, "%s.%s: described with %u bytes, has %u", vms->name, f->name, number, (unsigned)f->size);
        return false;
    }
    if (number) {
        put_le(out, number, 4);
        for (unsigned i = 0; i < f->num; i++) {
            put_le(out, field_load_number(f, at + i * field_stride(f)), number);
        }
        return true;
    }
    switch (f->kind) {
    case EMU_VM_KIND_BUFFER:
        put_le(out, f->size, 4);
        g_byte_array_append(out, (const uint8_t *)at, (guint)f->size);
        return true;
    case EMU_VM_KIND_VBUFFER:
        at = *(char **)at;
        put_le(out, at ? field_vbuffer_length(f, self) : 0, 4);
        if (at) {
            g_byte_array_append(out, (const uint8_t *)at, field_vbuffer_length(f, self));
        }
        return true;
    case EMU_VM_KIND_STRUCT:
    case EMU_VM_KIND_POINTER:
        put_le(out, 0, 4);
        for (unsigned i = 0; i < f->num; i++) {
            if (!vmstate_save(f->sub, at + i * f->size, out, depth + 1, error)) {
                return false;
            }
        }
        return true;
    default:
        g_set_error(error, VMSTATE_ERROR, "%s.%s: unknown kind of field %d", vms->name, f->name, f->kind);
        return false;
    }
}

static bool
vmstate_save(const EmuVMState *vms, gpointer self, GByteArray *out, unsigned depth, GError **error)
{
    guint length_at, subsections_at;
    unsigned n = 0;

    if (depth > VMSTATE_MAX_DEPTH) {
        g_set_error(error, VMSTATE_ERROR, "%s: description nests too deeply", vms->name);
        return false;
    }
    if (vms->pre_save) {
        vms->pre_save(self);
    }
    put_name(out, vms->name);
    put_le(out, vms->version, 4);
    length_at = out->len;
    put_le(out, 0, 4);
    for (const EmuVMField *f = vms->fields; f && f->kind != EMU_VM_KIND_END; f++) {
        if (field_is_present(f, self, vms->version) && !field_save(vms, f, self, out, depth, error)) {
            return false;
        }
    }
    put_le(out, 0, 1);
    subsections_at = out->len;
    put_le(out, 0, 2);
    for (unsigned i = 0; vms->subsections && vms->subsections[i]; i++) {
        const EmuVMState *sub = vms->subsections[i];

        if (!sub->needed || sub->needed(self)) {
            n++;
            if (!vmstate_save(sub, self, out, depth + 1, error)) {
                return false;
            }
        }
    }
    out->data[subsections_at] = (uint8_t)n;
    out->data[subsections_at + 1] = (uint8_t)(n >> 8);
    for (unsigned i = 0; i < 4; i++) {
        out->data[length_at + i] = (uint8_t)((out->len - length_at - 4) >> 8 * i);
    }
    return true;
}

/**
 * emu_vmstate_save:
 * @self: what the offsets of @vms are relative to
 *
 * Big lock held. On failure @out has been added to.
 */
bool
emu_vmstate_save(const EmuVMState *vms, gpointer self, GByteArray *out, GError **error)
{
    return vmstate_save(vms, self, out, 0, error);
}

/* ---- load --------------------------------------------------------------------------------------- */

static bool vmstate_load(const EmuVMState *vms, gpointer self, Reader *r, unsigned depth, GError **error);

static bool
short_of_data(const char *name, GError **error)
{
    g_set_error(error, VMSTATE_ERROR, "state of %s ends early", name);
    return false;
}

static bool
field_load(const EmuVMState *vms, const EmuVMField *f, gpointer self, Reader *r, uint32_t vbuffer_length, unsigned depth, GError **error)
{
    unsigned number = field_number_size(f->kind);
    uint64_t kind, num, size, want, value;
    char *at = field_at(f, self);
    const uint8_t *bytes;

    if (!get_le(r, 1, &kind) || !get_le(r, 4, &num) || !get_le(r, 4, &size)) {
        return short_of_data(vms->name, error);
    }
    if (f->kind == EMU_VM_KIND_VBUFFER) {
        at = *(char **)at;
        want = at ? vbuffer_length : 0;
    } else {
        want = number ? number : f->kind == EMU_VM_KIND_BUFFER ? f->size : 0;
    }
    if (kind != (uint64_t)f->kind || num != f->num || size != want) {
        g_set_error(error, VMSTATE_ERROR,
                    "%s.%s: saved as kind %u, %u elements of %u bytes, expected kind %d, %u elements of %u bytes", vms->name,
                    f->name, (unsigned)kind, (unsigned)num, (unsigned)size, f->kind, f->num, (unsigned)want);
        return false;
    }
    if (number) {
        for (unsigned i = 0; i < f->num; i++) {
            if (!get_le(r, number, &value)) {
                return short_of_data(vms->name, error);
            }
            if (f->kind == EMU_VM_KIND_BOOL && value > 1) {
                g_set_error(error, VMSTATE_ERROR, "%s.%s is %u, expected 0 or 1", vms->name, f->name, (unsigned)value);
                return false;
            }
            field_store_number(f, at + i * field_stride(f), value);
        }
        return true;
    }
    if (f->kind == EMU_VM_KIND_BUFFER || f->kind == EMU_VM_KIND_VBUFFER) {
        bytes = get_bytes(r, size);
        if (!bytes) {
            return short_of_data(vms->name, error);
        }
        if (size) {
            memcpy(at, bytes, size);
        }
        return true;
    }
    for (unsigned i = 0; i < f->num; i++) {
        if (!vmstate_load(f->sub, at + i * f->size, r, depth + 1, error)) {
            g_prefix_error(error, "%s.%s: ", vms->name, f->name);
            return false;
        }
    }
    return true;
}

static bool
vmstate_load_fields(const EmuVMState *vms, gpointer self, Reader *r, unsigned version, unsigned depth, GError **error)
{
    uint32_t lengths[16];
    unsigned n_lengths = 0, i = 0;
    char name[256];

    /* Buffers keep the lengths that they have: taken before the stream can touch the fields that hold them. */
    for (const EmuVMField *f = vms->fields; f && f->kind != EMU_VM_KIND_END; f++) {
        if (f->kind == EMU_VM_KIND_VBUFFER) {
            if (n_lengths == G_N_ELEMENTS(lengths)) {
                g_set_error(error, VMSTATE_ERROR, "%s: more than %u buffers", vms->name, (unsigned)G_N_ELEMENTS(lengths));
                return false;
            }
            lengths[n_lengths++] = field_vbuffer_length(f, self);
        }
    }
    for (const EmuVMField *f = vms->fields; f && f->kind != EMU_VM_KIND_END; f++) {
        uint32_t length = f->kind == EMU_VM_KIND_VBUFFER ? lengths[i++] : 0;

        if (!field_is_present(f, self, version)) {
            continue;
        }
        if (!get_name(r, name)) {
            return short_of_data(vms->name, error);
        }
        if (strcmp(name, f->name) != 0) {
            g_set_error(error, VMSTATE_ERROR, "%s: field '%s' found, expected '%s'", vms->name, name, f->name);
            return false;
        }
        if (!field_load(vms, f, self, r, length, depth, error)) {
            return false;
        }
    }
    /* Whatever a field of the stream said about them. */
    i = 0;
    for (const EmuVMField *f = vms->fields; f && f->kind != EMU_VM_KIND_END; f++) {
        if (f->kind == EMU_VM_KIND_VBUFFER && field_vbuffer_length(f, self) != lengths[i++]) {
            g_set_error(error, VMSTATE_ERROR, "%s.%s: length is %u, expected %u", vms->name, f->name, field_vbuffer_length(f, self),
                        lengths[i - 1]);
            *(uint32_t *)((char *)self + f->num_offset) = lengths[i - 1];
            return false;
        }
    }
    if (!get_name(r, name)) {
        return short_of_data(vms->name, error);
    }
    if (name[0]) {
        g_set_error(error, VMSTATE_ERROR, "%s: unexpected field '%s'", vms->name, name);
        return false;
    }
    return true;
}

static bool
vmstate_load_subsections(const EmuVMState *vms, gpointer self, Reader *r, unsigned depth, GError **error)
{
    uint64_t n;
    unsigned next = 0;

    if (!get_le(r, 2, &n)) {
        return short_of_data(vms->name, error);
    }
    for (unsigned i = 0; i < n; i++) {
        Reader peek = *r;
        char name[256];

        if (!get_name(&peek, name)) {
            return short_of_data(vms->name, error);
        }
        /* In the order of the table, each at most once. */
        while (vms->subsections && vms->subsections[next] && strcmp(vms->subsections[next]->name, name) != 0) {
            next++;
        }
        if (!vms->subsections || !vms->subsections[next]) {
            g_set_error(error, VMSTATE_ERROR, "%s: unexpected subsection '%s'", vms->name, name);
            return false;
        }
        if (!vmstate_load(vms->subsections[next++], self, r, depth + 1, error)) {
            return false;
        }
    }
    return true;
}

static bool
vmstate_load(const EmuVMState *vms, gpointer self, Reader *outer, unsigned depth, GError **error)
{
    uint64_t version, length;
    Reader r;
    char name[256];

    if (depth > VMSTATE_MAX_DEPTH) {
        g_set_error(error, VMSTATE_ERROR, "%s: state nests too deeply", vms->name);
        return false;
    }
    if (!get_name(outer, name) || !get_le(outer, 4, &version) || !get_le(outer, 4, &length) || length > outer->len - outer->pos) {
        return short_of_data(vms->name, error);
    }
    if (strcmp(name, vms->name) != 0) {
        g_set_error(error, VMSTATE_ERROR, "state of '%s' found, expected '%s'", name, vms->name);
        return false;
    }
    if (version > vms->version || version < vms->minimum_version) {
        g_set_error(error, VMSTATE_ERROR, "%s: version %u is not supported, expected %u to %u", vms->name, (unsigned)version,
                    vms->minimum_version, vms->version);
        return false;
    }
    r = (Reader){outer->data + outer->pos, length, 0};
    outer->pos += length;
    if (!vmstate_load_fields(vms, self, &r, (unsigned)version, depth, error) ||
        !vmstate_load_subsections(vms, self, &r, depth, error)) {
        return false;
    }
    if (r.pos != r.len) {
        g_set_error(error, VMSTATE_ERROR, "%s: %u bytes too many", vms->name, (unsigned)(r.len - r.pos));
        return false;
    }
    if (vms->post_load) {
        g_autoptr(GError) local = NULL;

        if (!vms->post_load(self, (unsigned)version, &local)) {
            if (local) {
                g_propagate_prefixed_error(error, g_steal_pointer(&local), "%s: ", vms->name);
            } else {
                g_set_error(error, VMSTATE_ERROR, "%s: state refused", vms->name);
            }
            return false;
        }
    }
    return true;
}

/**
 * emu_vmstate_load:
 * @pos: (inout): where the state begins in @data; moves behind it
 *
 * Big lock held. On failure the object may have been changed in part: reset it.
 */
bool
emu_vmstate_load(const EmuVMState *vms, gpointer self, const uint8_t *data, gsize len, gsize *pos, GError **error)
{
    Reader r = {data, len, *pos};

    g_return_val_if_fail(*pos <= len, false);
    if (!vmstate_load(vms, self, &r, 0, error)) {
        return false;
    }
    *pos = r.pos;
    return true;
}

/* ---- description ---------------------------------------------------------------------------------- */

static const char *const kind_names[] = {"end", "bool", "u8", "u16", "u32", "u64", "buffer", "vbuffer", "struct", "pointer", "timer"};

static void
vmstate_describe(const EmuVMState *vms, GString *out, unsigned depth)
{
    const char *separator = "";

    g_string_append_printf(out, "{\"name\": \"%s\", \"version\": %u, \"minimum-version\": %u, \"fields\": [", vms->name, vms->version,
                           vms->minimum_version);
    for (const EmuVMField *f = vms->fields; f && f->kind != EMU_VM_KIND_END; f++) {
        g_string_append_printf(out, "%s{\"name\": \"%s\", \"kind\": \"%s\"", separator, f->name, kind_names[f->kind]);
        separator = ", ";
        if (f->num != 1) {
            g_string_append_printf(out, ", \"num\": %u", f->num);
        }
        if (f->kind == EMU_VM_KIND_BUFFER) {
            g_string_append_printf(out, ", \"size\": %u", (unsigned)f->size);
        }
        if (f->since) {
            g_string_append_printf(out, ", \"since\": %u", f->since);
        }
        if (f->sub && depth < VMSTATE_MAX_DEPTH) {
            g_string_append(out, ", \"state\": ");
            vmstate_describe(f->sub, out, depth + 1);
        }
        g_string_append_c(out, '}');
    }
    g_string_append(out, "], \"subsections\": [");
    for (unsigned i = 0; vms->subsections && vms->subsections[i] && depth < VMSTATE_MAX_DEPTH; i++) {
        g_string_append(out, i ? ", " : "");
        vmstate_describe(vms->subsections[i], out, depth + 1);
    }
    g_string_append(out, "]}");
}

char *
emu_vmstate_describe(const EmuVMState *vms)
{
    GString *out = g_string_new(NULL);

    vmstate_describe(vms, out, 0);
    return g_string_free(out, FALSE);
}
