/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Register banks: access rules, dispatch, reset and saved state from one table. */

#include "device/registers-private.h"

#include <emu/pci.h>
#include <emu/spi.h>
#include <inttypes.h>
#include <string.h>

#define BANK_MAX_SIZE 0x10000

/* ---- tables ------------------------------------------------------------------------------------------------ */

static void
entry_work_out_masks(EmuRegisterEntry *e)
{
    const EmuRegister *r = &e->r;
    uint64_t known = 0;

    e->all = r->width >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * r->width) - 1;
    for (unsigned i = 0; i < e->n_fields; i++) {
        const EmuRegisterField *f = &e->fields[i];
        uint64_t bits = (f->bits >= 64 ? UINT64_MAX : (UINT64_C(1) << f->bits) - 1) << f->shift & e->all;
        uint64_t *mask[] = {[EMU_RW] = &e->rw, [EMU_WO] = &e->wo, [EMU_W1C] = &e->w1c, [EMU_RC] = &e->rc, [EMU_RO] = NULL};
        unsigned access = f->access ? f->access : r->access;

        known |= f->access ? bits : 0;
        if (access < G_N_ELEMENTS(mask) && mask[access]) {
            *mask[access] |= bits;
        }
    }
    if (e->n_fields == 0 || r->writable) {
        /* Bits that no field claims for another rule. */
        uint64_t bits = (r->writable ? r->writable : e->all) & ~known & e->all;

        e->rw = (e->rw & known) | (r->access == EMU_RW ? bits : 0);
        e->w1c = (e->w1c & known) | (r->access == EMU_W1C ? bits : 0);
        e->rc = (e->rc & known) | (r->access == EMU_RC ? bits : 0);
        e->wo = (e->wo & known) | (r->access == EMU_WO ? bits : 0);
    }
}

static bool
entry_is_sane(const EmuRegisterMap *map, const EmuRegister *r)
{
    uint64_t end = r->offset + (uint64_t)(r->num - 1) * r->stride + r->width;

    return r->name && (r->width == 1 || r->width == 2 || r->width == 4 || r->width == 8) && end <= map->bank.size &&
           (r->num == 1 || r->stride >= r->width) && r->access <= EMU_RC &&
           (r->member_size == 0 || r->member_size == 1 || r->member_size == 2 || r->member_size == 4 || r->member_size == 8);
}

EmuRegisterMap *
emu_register_map_new(const EmuRegisterBank *bank)
{
    EmuRegisterMap *map = g_new0(EmuRegisterMap, 1);

    memcpy(&map->bank, bank, MIN(bank->struct_size, sizeof(map->bank)));
    map->n_entries = bank->n_registers;
    map->entries = g_new0(EmuRegisterEntry, MAX(map->n_entries, 1));
    map->at = g_new0(uint16_t, MIN(bank->size, BANK_MAX_SIZE));
    if (bank->size > BANK_MAX_SIZE || bank->n_registers >= UINT16_MAX) {
        g_critical("register bank %s: %" PRIu64 " bytes, expected at most %d", bank->name, bank->size, BANK_MAX_SIZE);
        map->n_entries = 0;
        map->bank.size = 0;
    }
    for (unsigned i = 0; i < map->n_entries; i++) {
        EmuRegisterEntry *e = &map->entries[i];
        const char *field;

        memcpy(&e->r, (const char *)bank->registers + i * bank->register_size, MIN(bank->register_size, sizeof(e->r)));
        e->r.num = MAX(e->r.num, 1);
        e->r.access = e->r.access ? e->r.access : EMU_RW;
        for (field = (const char *)e->r.fields; field && ((const EmuRegisterField *)(const void *)field)->name; field += bank->field_size) {
            e->n_fields++;
        }
        e->fields = g_new0(EmuRegisterField, MAX(e->n_fields, 1));
        for (unsigned j = 0; j < e->n_fields; j++) {
            memcpy(&e->fields[j], (const char *)e->r.fields + j * bank->field_size, MIN(bank->field_size, sizeof(e->fields[j])));
        }
        if (!entry_is_sane(map, &e->r)) {
            g_critical("register bank %s: register %s: width, member or place make no sense", bank->name, e->r.name ? e->r.name : "without name");
            continue;
        }
        entry_work_out_masks(e);
        for (unsigned j = 0; j < e->r.num; j++) {
            for (unsigned k = 0; k < e->r.width; k++) {
                uint64_t at = e->r.offset + (uint64_t)j * e->r.stride + k;

                if (map->at[at]) {
                    g_critical("register bank %s: %s lies over %s", bank->name, e->r.name, map->entries[map->at[at] - 1].r.name);
                }
                map->at[at] = (uint16_t)(i + 1);
            }
        }
    }
    return map;
}

void
emu_register_map_free(EmuRegisterMap *map)
{
    for (unsigned i = 0; i < map->n_entries; i++) {
        g_free(map->entries[i].fields);
    }
    g_free(map->entries);
    g_free(map->at);
    g_free(map);
}

/* ---- values ------------------------------------------------------------------------------------------------ */

static uint64_t
entry_load(const EmuRegisterEntry *e, gpointer self, unsigned index)
{
    const char *at = (const char *)self + e->r.member + (gsize)index * e->r.member_stride;

    switch (e->r.member_size) {
    case 1:
        return *(const uint8_t *)at;
    case 2:
        return *(const uint16_t *)(const void *)at;
    case 4:
        return *(const uint32_t *)(const void *)at;
    case 8:
        return *(const uint64_t *)(const void *)at;
    default:
        return e->r.reset;
    }
}

static void
entry_store(const EmuRegisterEntry *e, gpointer self, unsigned index, uint64_t value)
{
    char *at = (char *)self + e->r.member + (gsize)index * e->r.member_stride;

    switch (e->r.member_size) {
    case 1:
        *(uint8_t *)at = (uint8_t)value;
        break;
    case 2:
        *(uint16_t *)(void *)at = (uint16_t)value;
        break;
    case 4:
        *(uint32_t *)(void *)at = (uint32_t)value;
        break;
    case 8:
        *(uint64_t *)(void *)at = value;
        break;
    default:
        break;
    }
}

bool
emu_register_entry_peek(const EmuRegisterEntry *e, gpointer self, unsigned index, uint64_t *value)
{
    if (e->r.peek) {
        *value = e->r.peek(self, index) & e->all;
    } else if (e->r.read && !e->rc && !(e->r.flags & EMU_REGISTER_OPAQUE)) {
        *value = e->r.read(self, index) & e->all;
    } else if (e->r.member_size || !e->r.read) {
        *value = entry_load(e, self, index) & e->all & ~e->wo;
        return e->wo != e->all;
    } else {
        return false;
    }
    return true;
}

static G_GNUC_NO_INLINE void
trace_access(const EmuRegisterMap *map, EmuTracePoint *point, const EmuRegisterEntry *e, unsigned index, uint64_t value)
{
    g_autoptr(GString) fields = g_string_new(NULL);
    g_autofree char *element = NULL;

    for (unsigned i = 0; i < e->n_fields; i++) {
        const EmuRegisterField *f = &e->fields[i];

        g_string_append_printf(fields, "%s%s=0x%" PRIx64, i ? " " : " (", f->name,
                               value >> f->shift & (f->bits >= 64 ? UINT64_MAX : (UINT64_C(1) << f->bits) - 1));
    }
    element = e->r.num > 1 ? g_strdup_printf("[%u]", index) : NULL;
    emu_log_printf("%s %s %s%s 0x%0*" PRIx64 "%s%s\n", point->name, map->bank.name, e->r.name, element ? element : "", 2 * e->r.width,
                   value, fields->str, fields->len ? ")" : "");
}

static inline void
trace(const EmuRegisterMap *map, EmuTracePoint *point, const EmuRegisterEntry *e, unsigned index, uint64_t value)
{
    if (G_UNLIKELY(point && point->enabled)) {
        trace_access(map, point, e, index, value);
    }
}

/* @mask: the bits that the access reaches. */
static uint64_t
entry_read(const EmuRegisterMap *map, const EmuRegisterEntry *e, gpointer self, unsigned index, uint64_t mask, bool debug)
{
    uint64_t value = 0, cleared;

    if (debug) {
        return emu_register_entry_peek(e, self, index, &value) ? value : 0;
    }
    if (e->wo == e->all) {
        emu_guest_error("%s: read of %s, which can only be written", map->bank.name, e->r.name);
        return 0;
    }
    value = (e->r.read ? e->r.read(self, index) : entry_load(e, self, index)) & e->all & ~e->wo;
    trace(map, map->bank.trace_read, e, index, value);
    cleared = e->rc & mask;
    if (cleared) {
        entry_store(e, self, index, entry_load(e, self, index) & ~cleared);
        if (map->bank.changed) {
            map->bank.changed(self);
        }
    }
    return value;
}

static void
entry_write(const EmuRegisterMap *map, const EmuRegisterEntry *e, gpointer self, unsigned index, uint64_t value, uint64_t mask)
{
    uint64_t old = 0;

    if ((e->rw | e->w1c | e->wo) == 0) {
        emu_guest_error("%s: write of 0x%" PRIx64 " to %s, which can only be read", map->bank.name, value & mask, e->r.name);
        return;
    }
    if (e->r.member_size) {
        old = entry_load(e, self, index) & e->all;
    } else {
        emu_register_entry_peek(e, self, index, &old);
    }
    value = (value & mask) | (old & e->rw & ~mask);
    trace(map, map->bank.trace_write, e, index, value);
    if (e->r.member_size) {
        uint64_t now = (old & ~(e->rw & mask)) | (value & e->rw & mask);

        entry_store(e, self, index, now & ~(value & e->w1c));
    }
    if (e->r.write) {
        e->r.write(self, index, value, old);
    }
    if (map->bank.changed) {
        map->bank.changed(self);
    }
}

/* ---- accesses ---------------------------------------------------------------------------------------------- */

/* One piece of an access, inside one register or over bytes without any. */
typedef struct {
    const EmuRegisterEntry *e; /* NULL: a hole of one byte */
    unsigned index, size;
    unsigned in_register, in_access; /* shifts */
} Piece;

static Piece
find_piece(const EmuRegisterMap *map, uint64_t offset, unsigned done, unsigned size)
{
    bool big = map->bank.endian == EMU_ENDIAN_BIG;
    uint64_t at = offset + done, from;
    Piece p = {.size = 1};
    unsigned skip;

    if (at < map->bank.size && map->at[at]) {
        p.e = &map->entries[map->at[at] - 1];
        from = at - p.e->r.offset;
        p.index = p.e->r.num > 1 ? (unsigned)(from / p.e->r.stride) : 0;
        skip = (unsigned)(from - (uint64_t)p.index * p.e->r.stride);
        p.size = MIN(size - done, p.e->r.width - skip);
        p.in_register = 8 * (big ? p.e->r.width - skip - p.size : skip);
    }
    p.in_access = 8 * (big ? size - done - p.size : done);
    return p;
}

/* The register that the access is exactly, as most are; NULL: it is more, or less. */
static inline const EmuRegisterEntry *
find_whole(const EmuRegisterMap *map, uint64_t offset, unsigned size)
{
    const EmuRegisterEntry *e;

    if (offset >= map->bank.size || !map->at[offset]) {
        return NULL;
    }
    e = &map->entries[map->at[offset] - 1];
    return e->r.num == 1 && e->r.offset == offset && e->r.width == size ? e : NULL;
}

static uint64_t
bytes_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * size) - 1;
}

uint64_t
emu_register_map_read(const EmuRegisterMap *map, gpointer self, uint64_t offset, unsigned size, bool debug)
{
    const EmuRegisterEntry *whole = find_whole(map, offset, size);
    uint64_t all = 0;

    if (G_LIKELY(whole)) {
        return entry_read(map, whole, self, 0, whole->all, debug);
    }
    for (unsigned done = 0; done < size;) {
        Piece p = find_piece(map, offset, done, size);
        uint64_t mask = bytes_mask(p.size), value = map->bank.hole;

        if (p.e) {
            value = entry_read(map, p.e, self, p.index, mask << p.in_register, debug) >> p.in_register;
        } else if (!debug) {
            emu_guest_error("%s: read at 0x%" PRIx64 ", where no register is", map->bank.name, offset + done);
        }
        all |= (value & mask) << p.in_access;
        done += p.size;
    }
    return all;
}

void
emu_register_map_write(const EmuRegisterMap *map, gpointer self, uint64_t offset, uint64_t value, unsigned size)
{
    const EmuRegisterEntry *whole = find_whole(map, offset, size);

    if (G_LIKELY(whole)) {
        entry_write(map, whole, self, 0, value & whole->all, whole->all);
        return;
    }
    for (unsigned done = 0; done < size;) {
        Piece p = find_piece(map, offset, done, size);
        uint64_t mask = bytes_mask(p.size), part = value >> p.in_access & mask;

        if (p.e) {
            entry_write(map, p.e, self, p.index, part << p.in_register, mask << p.in_register);
        } else {
            emu_guest_error("%s: write of 0x%" PRIx64 " at 0x%" PRIx64 ", where no register is", map->bank.name, part, offset + done);
        }
        done += p.size;
    }
}

typedef struct {
    EmuRegisterMap *map;
    gpointer self;
    EmuMemoryRegionOps ops;
} RegisterRegion;

static EmuMemResult
register_region_read(gpointer opaque, uint64_t offset, uint64_t *value, unsigned size, EmuMemAttrs attrs)
{
    RegisterRegion *region = opaque;

    *value = emu_register_map_read(region->map, region->self, offset, size, attrs.debug);
    return EMU_MEM_OK;
}

static EmuMemResult
register_region_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size, EmuMemAttrs attrs G_GNUC_UNUSED)
{
    RegisterRegion *region = opaque;

    emu_register_map_write(region->map, region->self, offset, value, size);
    return EMU_MEM_OK;
}

static void
register_region_free(gpointer data)
{
    RegisterRegion *region = data;

    emu_register_map_free(region->map);
    g_free(region);
}

/**
 * emu_registers_new_region:
 * @owner: as for emu_memory_region_new_io()
 * @bank: the table
 * @self: the struct with the members; the device in most cases
 *
 * Returns: (transfer none): a region of the bank's name and size
 *
 * Since: 1.0
 */
EmuMemoryRegion *
emu_registers_new_region(gpointer owner, const EmuRegisterBank *bank, gpointer self)
{
    RegisterRegion *region = g_new0(RegisterRegion, 1);
    EmuMemoryRegion *mr;

    region->map = emu_register_map_new(bank);
    region->self = self;
    region->ops = (EmuMemoryRegionOps){
        .read_attrs = register_region_read,
        .write_attrs = register_region_write,
        .endian = region->map->bank.endian,
        .valid_min = region->map->bank.valid_min,
        .valid_max = region->map->bank.valid_max,
        .valid_unaligned = region->map->bank.valid_unaligned,
        .impl_min = 1,
        .impl_max = 8,
        .impl_unaligned = true,
    };
    mr = emu_memory_region_new_io(owner, region->map->bank.name, region->map->bank.size, &region->ops, region);
    g_object_set_data_full(G_OBJECT(mr), "emu-registers", region, register_region_free);
    return mr;
}

/* ---- classes ------------------------------------------------------------------------------------------------ */

static const EmuRegisterLink *
device_links(EmuDevice *dev)
{
    return EMU_DEVICE_GET_CLASS(dev)->registers;
}

static const EmuRegisterLink *
find_link(EmuDevice *dev, const EmuRegisterBank *bank)
{
    const EmuRegisterLink *link = device_links(dev);

    while (link && link->bank != bank) {
        link = link->next;
    }
    return link;
}

uint64_t
emu_registers_read(EmuDevice *dev, const EmuRegisterBank *bank, uint64_t offset, unsigned size)
{
    const EmuRegisterLink *link = find_link(dev, bank);

    g_return_val_if_fail(link && size <= 8, UINT64_MAX);
    return emu_register_map_read(link->map, (char *)dev + link->offset, offset, size, false);
}

void
emu_registers_write(EmuDevice *dev, const EmuRegisterBank *bank, uint64_t offset, uint64_t value, unsigned size)
{
    const EmuRegisterLink *link = find_link(dev, bank);

    g_return_if_fail(link && size <= 8);
    emu_register_map_write(link->map, (char *)dev + link->offset, offset, value, size);
}

void
emu_device_reset_registers(EmuDevice *dev)
{
    for (const EmuRegisterLink *link = device_links(dev); link; link = link->next) {
        for (unsigned i = 0; i < link->map->n_entries; i++) {
            const EmuRegisterEntry *e = &link->map->entries[i];

            for (unsigned j = 0; j < e->r.num && !(e->r.flags & EMU_REGISTER_KEEP); j++) {
                entry_store(e, (char *)dev + link->offset, j, e->r.reset);
            }
        }
    }
}

void
emu_device_registers_changed(EmuDevice *dev)
{
    for (const EmuRegisterLink *link = device_links(dev); link; link = link->next) {
        if (link->map->bank.changed) {
            link->map->bank.changed((char *)dev + link->offset);
        }
    }
}

/* ---- saved state ---------------------------------------------------------------------------------------------- */

static bool
registers_post_load(gpointer self, unsigned version, GError **error)
{
    for (const EmuRegisterLink *link = device_links(self); link; link = link->next) {
        for (unsigned i = 0; i < link->map->n_entries; i++) {
            const EmuRegisterEntry *e = &link->map->entries[i];

            /* A member may be wider than its register. */
            for (unsigned j = 0; j < e->r.num && !(e->r.flags & EMU_REGISTER_TRANSIENT); j++) {
                entry_store(e, (char *)self + link->offset, j, entry_load(e, (char *)self + link->offset, j) & e->all);
            }
        }
        if (link->map->bank.post_load && !link->map->bank.post_load((char *)self + link->offset, version, error)) {
            return false;
        }
    }
    return true;
}

static void
add_state_fields(GArray *fields, const EmuRegisterLink *link)
{
    static const EmuVMKind kinds[] = {[1] = EMU_VM_KIND_U8, [2] = EMU_VM_KIND_U16, [4] = EMU_VM_KIND_U32, [8] = EMU_VM_KIND_U64};

    /* In the order of addition, base classes first. */
    if (link->next) {
        add_state_fields(fields, link->next);
    }
    for (unsigned i = 0; i < link->map->n_entries; i++) {
        const EmuRegister *r = &link->map->entries[i].r;
        bool packed = r->num == 1 || r->member_stride == r->member_size;

        for (unsigned j = 0; r->member_size && !(r->flags & EMU_REGISTER_TRANSIENT) && j < (packed ? 1 : r->num); j++) {
            EmuVMField field = {
                .name = packed ? r->name : g_strdup_printf("%s[%u]", r->name, j),
                .kind = kinds[r->member_size],
                .offset = link->offset + r->member + (gsize)j * r->member_stride,
                .size = r->member_size,
                .num = packed ? r->num : 1,
                .since = r->since,
            };

            g_array_append_val(fields, field);
        }
    }
    for (const EmuVMField *f = link->map->bank.state; f && f->kind != EMU_VM_KIND_END; f++) {
        EmuVMField field = *f;

        field.offset += link->offset;
        field.num_offset += link->offset;
        g_array_append_val(fields, field);
    }
}

/* The class' table; it lives as long as the class, that is for ever. */
static const EmuVMState *
make_vmstate(gpointer device_class, const EmuRegisterLink *links)
{
    GType type = G_TYPE_FROM_CLASS(device_class);
    GArray *fields = g_array_new(TRUE, TRUE, sizeof(EmuVMField));
    EmuVMState *vms = g_new0(EmuVMState, 1);

    if (g_type_is_a(type, EMU_TYPE_PCI_DEVICE)) {
        EmuVMField pci = {.name = "pci", .kind = EMU_VM_KIND_STRUCT, .num = 1, .sub = &emu_vmstate_pci_device};

        g_array_append_val(fields, pci);
    }
    if (g_type_is_a(type, EMU_TYPE_SPI_DEVICE)) {
        EmuVMField spi = {.name = "spi", .kind = EMU_VM_KIND_STRUCT, .num = 1, .sub = &emu_vmstate_spi_device};

        g_array_append_val(fields, spi);
    }
    add_state_fields(fields, links);
    vms->name = g_strdup(emu_type_name(type) ? emu_type_name(type) : g_type_name(type));
    for (const EmuRegisterLink *link = links; link; link = link->next) {
        vms->version = MAX(vms->version, MAX(link->map->bank.version, 1));
        vms->minimum_version = MAX(vms->minimum_version, MAX(link->map->bank.minimum_version, 1));
    }
    vms->fields = (EmuVMField *)(void *)g_array_free(fields, FALSE);
    vms->post_load = registers_post_load;
    return vms;
}

/**
 * emu_device_class_add_registers:
 * @device_class: an EmuDeviceClass
 * @bank: the table
 * @offset: of the struct with the members in the instance; 0: the instance itself
 *
 * Since: 1.0
 */
void
emu_device_class_add_registers(gpointer device_class, const EmuRegisterBank *bank, gsize offset)
{
    EmuDeviceClass *klass = EMU_DEVICE_CLASS(device_class);
    EmuRegisterLink *link = g_new0(EmuRegisterLink, 1);

    link->bank = bank;
    link->map = emu_register_map_new(bank);
    link->offset = offset;
    link->next = klass->registers;
    klass->registers = link;
    if (!klass->vmstate || klass->vmstate->post_load == registers_post_load) {
        klass->vmstate = make_vmstate(klass, link);
    }
}
