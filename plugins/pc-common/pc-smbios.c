/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * SMBIOS 2.8 structures (DMTF DSP0134 2.8.0). The firmware adds its own type 0 when the user gave
 * none, places the table and completes the entry point.
 */

#include "pc-machine.h"

#include <stdio.h>
#include <string.h>

#define PC_SMBIOS_TABLES_FILE "etc/smbios/smbios-tables"
#define PC_SMBIOS_ANCHOR_FILE "etc/smbios/smbios-anchor"
#define PC_SMBIOS_MAJOR 2
#define PC_SMBIOS_MINOR 8
#define PC_SMBIOS_MANUFACTURER "QEMU" /* what guests know this board by */
#define PC_SMBIOS_DIMM_SIZE (UINT64_C(16) << 30)
#define PC_SMBIOS_MAX_FIELDS 9
#define PC_SMBIOS_MAX_TABLE 0xffff

enum {
    PC_SMBIOS_HANDLE_BIOS = 0x0000,
    PC_SMBIOS_HANDLE_SYSTEM = 0x0100,
    PC_SMBIOS_HANDLE_BOARD = 0x0200,
    PC_SMBIOS_HANDLE_CHASSIS = 0x0300,
    PC_SMBIOS_HANDLE_PROCESSOR = 0x0400,
    PC_SMBIOS_HANDLE_OEM = 0x0e00,
    PC_SMBIOS_HANDLE_MEMORY_ARRAY = 0x1000,
    PC_SMBIOS_HANDLE_MEMORY_DEVICE = 0x1100,
    PC_SMBIOS_HANDLE_MEMORY_MAP = 0x1300,
    PC_SMBIOS_HANDLE_BOOT = 0x2000,
    PC_SMBIOS_HANDLE_END = 0x7f00,
};

/* What -smbios type=N takes, beside "type". */
static const struct {
    unsigned type;
    const char *fields[PC_SMBIOS_MAX_FIELDS];
} pc_smbios_options[] = {
    {0, {"vendor", "version", "date", "release", "uefi"}},
    {1, {"manufacturer", "product", "version", "serial", "uuid", "sku", "family"}},
    {2, {"manufacturer", "product", "version", "serial", "asset", "location"}},
    {3, {"manufacturer", "version", "serial", "asset", "sku"}},
    {4, {"sock_pfx", "manufacturer", "version", "serial", "asset", "part", "max-speed", "current-speed", "processor-id"}},
    {11, {"value"}},
    {17, {"loc_pfx", "bank", "manufacturer", "serial", "asset", "part", "speed"}},
};

typedef struct {
    PcMachine *pc;
    GHashTable *values;  /* "1.product" -> text */
    GPtrArray *oem;      /* type 11: borrowed texts of values */
    bool type0, type2;
    GByteArray *table;
    guint start;         /* of the structure being written */
    guint n_strings;
    GByteArray *strings;
    unsigned count;
    guint max_size;
    uint32_t from_file[4]; /* types that came from -smbios file=, as bits */
} PcSmbios;

/* ---- options -------------------------------------------------------------------------------------------- */

static bool
pc_smbios_has_type(guint64 type)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(pc_smbios_options); i++) {
        if (pc_smbios_options[i].type == type) {
            return true;
        }
    }
    return false;
}

static bool
pc_smbios_knows(unsigned type, const char *field)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(pc_smbios_options); i++) {
        for (unsigned k = 0; pc_smbios_options[i].type == type && k < PC_SMBIOS_MAX_FIELDS && pc_smbios_options[i].fields[k]; k++) {
            if (strcmp(pc_smbios_options[i].fields[k], field) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Splits at commas; a doubled comma stands for itself. */
static GPtrArray *
pc_smbios_split(const char *text)
{
    GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
    GString *part = g_string_new(NULL);

    for (const char *p = text;; p++) {
        if (*p == ',' && p[1] == ',') {
            g_string_append_c(part, ',');
            p++;
        } else if (*p == ',' || *p == 0) {
            g_ptr_array_add(parts, g_string_free(part, FALSE));
            if (*p == 0) {
                return parts;
            }
            part = g_string_new(NULL);
        } else {
            g_string_append_c(part, *p);
        }
    }
}

/* The length of the structure at @at with its strings, which a second zero byte ends; 0 when it does not end. */
static gsize
pc_smbios_measure(const uint8_t *data, gsize len, gsize at)
{
    gsize end = at + (at + 4 <= len ? data[at + 1] : 0);

    if (at + 4 > len || data[at + 1] < 4 || end > len) {
        return 0;
    }
    while (end + 2 <= len) {
        if (data[end] == 0 && data[end + 1] == 0) {
            return end + 2 - at;
        }
        end++;
    }
    return 0;
}

/* -smbios file=: ready-made structures. One of a type that we would make takes its place. */
static bool
pc_smbios_read_file(PcSmbios *self, const char *path, GError **error)
{
    g_autofree char *contents = NULL;
    gsize len, size;

    if (!g_file_get_contents(path, &contents, &len, error)) {
        g_prefix_error(error, "-smbios file=%s: ", path);
        return false;
    }
    for (gsize at = 0; at < len; at += size) {
        const uint8_t *data = (const uint8_t *)contents;

        size = pc_smbios_measure(data, len, at);
        if (size == 0 || data[at] > 126) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                        "-smbios file=%s: no structure of type 0 to 126 with its strings at offset %" G_GSIZE_FORMAT, path, at);
            return false;
        }
        self->from_file[data[at] / 32] |= 1u << data[at] % 32;
        self->max_size = MAX(self->max_size, size);
        self->count++;
        g_byte_array_append(self->table, data + at, size);
    }
    if (len == 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-smbios file=%s: the file is empty", path);
        return false;
    }
    return true;
}

static bool
pc_smbios_parse(PcSmbios *self, const char *text, GError **error)
{
    g_autoptr(GPtrArray) parts = pc_smbios_split(text);
    guint64 type = G_MAXUINT64;

    for (guint i = 0; i < parts->len; i++) {
        const char *part = parts->pdata[i];

        if (g_str_has_prefix(part, "file=")) {
            if (parts->len > 1) {
                g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-smbios %s: file= stands alone", text);
                return false;
            }
            return pc_smbios_read_file(self, part + 5, error);
        }
        if (g_str_has_prefix(part, "type=") && !g_ascii_string_to_unsigned(part + 5, 10, 0, 127, &type, NULL)) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-smbios %s: type is '%s', expected a number", text,
                        part + 5);
            return false;
        }
    }
    if (type == G_MAXUINT64) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-smbios %s: expected type=N", text);
        return false;
    }
    if (!pc_smbios_has_type(type)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "-smbios %s: type %u cannot be built from fields, expected 0, 1, 2, 3, 4, 11 or 17", text, (unsigned)type);
        return false;
    }
    self->type0 |= type == 0;
    self->type2 |= type == 2;
    for (guint i = 0; i < parts->len; i++) {
        const char *part = parts->pdata[i], *value = strchr(part, '=');
        g_autofree char *field = value ? g_strndup(part, value - part) : g_strdup(part);
        char *key;

        if (strcmp(field, "type") == 0) {
            continue;
        }
        if (!value || !pc_smbios_knows(type, field)) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-smbios %s: type %u has no field '%s'", text,
                        (unsigned)type, field);
            return false;
        }
        key = type == 11 ? g_strdup_printf("11.%u", self->oem->len) : g_strdup_printf("%u.%s", (unsigned)type, field);
        g_hash_table_insert(self->values, key, g_strdup(value + 1));
        if (type == 11) {
            g_ptr_array_add(self->oem, g_hash_table_lookup(self->values, key));
        }
    }
    return true;
}

/* ---- structures -------------------------------------------------------------------------------------------- */

static void
pc_smbios_add(PcSmbios *self, uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    g_byte_array_append(self->table, (const uint8_t *)&value, size);
}

static void
pc_smbios_begin(PcSmbios *self, uint8_t type, uint16_t handle)
{
    self->start = self->table->len;
    self->n_strings = 0;
    g_byte_array_set_size(self->strings, 0);
    pc_smbios_add(self, type, 1);
    pc_smbios_add(self, 0, 1); /* length, later */
    pc_smbios_add(self, handle, 2);
}

/* A string field: the number of the string, which goes behind the structure; 0 for none. */
static void
pc_smbios_add_text(PcSmbios *self, const char *text)
{
    if (!text || !*text) {
        pc_smbios_add(self, 0, 1);
        return;
    }
    g_byte_array_append(self->strings, (const uint8_t *)text, strlen(text) + 1);
    pc_smbios_add(self, ++self->n_strings, 1);
}

static void
pc_smbios_add_field(PcSmbios *self, const char *key, const char *fallback)
{
    const char *text = g_hash_table_lookup(self->values, key);

    pc_smbios_add_text(self, text ? text : fallback);
}

static void
pc_smbios_end(PcSmbios *self)
{
    uint8_t type = self->table->data[self->start];

    if (self->from_file[type / 32] >> type % 32 & 1) {
        g_byte_array_set_size(self->table, self->start);
        return;
    }
    self->table->data[self->start + 1] = self->table->len - self->start;
    g_byte_array_append(self->table, self->strings->data, self->strings->len);
    pc_smbios_add(self, 0, self->n_strings ? 1 : 2);
    self->max_size = MAX(self->max_size, self->table->len - self->start);
    self->count++;
}

static bool
pc_smbios_add_bios(PcSmbios *self, GError **error)
{
    const char *release = g_hash_table_lookup(self->values, "0.release");
    const char *uefi = g_hash_table_lookup(self->values, "0.uefi");
    unsigned major = 0, minor = 0;

    if (release && (sscanf(release, "%u.%u", &major, &minor) != 2 || major > 255 || minor > 255)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "-smbios type=0: release is '%s', expected MAJOR.MINOR, each 0 to 255", release);
        return false;
    }
    pc_smbios_begin(self, 0, PC_SMBIOS_HANDLE_BIOS);
    pc_smbios_add_field(self, "0.vendor", NULL);
    pc_smbios_add_field(self, "0.version", NULL);
    pc_smbios_add(self, 0xe800, 2);
    pc_smbios_add_field(self, "0.date", NULL);
    pc_smbios_add(self, 0, 1);
    pc_smbios_add(self, 0x08, 8); /* characteristics are not given */
    pc_smbios_add(self, 0, 1);
    pc_smbios_add(self, 0x14 | (g_strcmp0(uefi, "on") == 0 ? 0x08 : 0), 1); /* virtual machine, targeted content */
    pc_smbios_add(self, release ? major : 0xff, 1);
    pc_smbios_add(self, release ? minor : 0xff, 1);
    pc_smbios_add(self, 0xff, 1);
    pc_smbios_add(self, 0xff, 1);
    pc_smbios_end(self);
    return true;
}

static bool
pc_smbios_add_system(PcSmbios *self, const char *version, GError **error)
{
    const char *text = g_hash_table_lookup(self->values, "1.uuid");
    const char *option = emu_machine_get_option(EMU_MACHINE(self->pc), "uuid");
    uint8_t uuid[16] = {0}, wire[16];

    if (text && !pc_parse_uuid(text, uuid)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-smbios type=1: uuid is '%s', expected a UUID", text);
        return false;
    }
    if (!text && option) {
        pc_parse_uuid(option, uuid); /* checked before */
    }
    /* The first three fields are little-endian (7.2.1). */
    memcpy(wire, uuid, sizeof wire);
    for (unsigned i = 0; i < 4; i++) {
        wire[i] = uuid[3 - i];
    }
    wire[4] = uuid[5];
    wire[5] = uuid[4];
    wire[6] = uuid[7];
    wire[7] = uuid[6];
    pc_smbios_begin(self, 1, PC_SMBIOS_HANDLE_SYSTEM);
    pc_smbios_add_field(self, "1.manufacturer", PC_SMBIOS_MANUFACTURER);
    pc_smbios_add_field(self, "1.product", PC_MACHINE_GET_CLASS(self->pc)->product);
    pc_smbios_add_field(self, "1.version", version);
    pc_smbios_add_field(self, "1.serial", NULL);
    g_byte_array_append(self->table, wire, sizeof wire);
    pc_smbios_add(self, 0x06, 1); /* woken by the power switch */
    pc_smbios_add_field(self, "1.sku", NULL);
    pc_smbios_add_field(self, "1.family", NULL);
    pc_smbios_end(self);
    return true;
}

static void
pc_smbios_add_board(PcSmbios *self, const char *version)
{
    pc_smbios_begin(self, 2, PC_SMBIOS_HANDLE_BOARD);
    pc_smbios_add_field(self, "2.manufacturer", PC_SMBIOS_MANUFACTURER);
    pc_smbios_add_field(self, "2.product", PC_MACHINE_GET_CLASS(self->pc)->product);
    pc_smbios_add_field(self, "2.version", version);
    pc_smbios_add_field(self, "2.serial", NULL);
    pc_smbios_add_field(self, "2.asset", NULL);
    pc_smbios_add(self, 0x01, 1); /* hosting board */
    pc_smbios_add_field(self, "2.location", NULL);
    pc_smbios_add(self, PC_SMBIOS_HANDLE_CHASSIS, 2);
    pc_smbios_add(self, 0x0a, 1); /* motherboard */
    pc_smbios_add(self, 0, 1);
    pc_smbios_end(self);
}

static void
pc_smbios_add_chassis(PcSmbios *self, const char *version)
{
    pc_smbios_begin(self, 3, PC_SMBIOS_HANDLE_CHASSIS);
    pc_smbios_add_field(self, "3.manufacturer", PC_SMBIOS_MANUFACTURER);
    pc_smbios_add(self, 0x01, 1); /* other */
    pc_smbios_add_field(self, "3.version", version);
    pc_smbios_add_field(self, "3.serial", NULL);
    pc_smbios_add_field(self, "3.asset", NULL);
    pc_smbios_add(self, 0x03, 1); /* boot-up, power supply, thermal state: safe */
    pc_smbios_add(self, 0x03, 1);
    pc_smbios_add(self, 0x03, 1);
    pc_smbios_add(self, 0x02, 1); /* security: unknown */
    pc_smbios_add(self, 0, 4);
    pc_smbios_add(self, 0, 1);
    pc_smbios_add(self, 0, 1);
    pc_smbios_add(self, 0, 1);
    pc_smbios_add(self, 0, 1);
    pc_smbios_add_field(self, "3.sku", NULL);
    pc_smbios_end(self);
}

static uint64_t
pc_smbios_get_number(PcSmbios *self, const char *key, uint64_t fallback)
{
    const char *text = g_hash_table_lookup(self->values, key);

    return text ? g_ascii_strtoull(text, NULL, 0) : fallback;
}

static void
pc_smbios_add_processor(PcSmbios *self, unsigned socket, const EmuSmp *smp, const char *version)
{
    const char *prefix = g_hash_table_lookup(self->values, "4.sock_pfx");
    g_autofree char *name = g_strdup_printf("%s %u", prefix ? prefix : "CPU", socket);
    unsigned cores = smp->dies * smp->cores, threads = cores * smp->threads;

    pc_smbios_begin(self, 4, PC_SMBIOS_HANDLE_PROCESSOR + socket);
    pc_smbios_add_text(self, name);
    pc_smbios_add(self, 0x03, 1); /* central processor */
    pc_smbios_add(self, 0x01, 1); /* family: other */
    pc_smbios_add_field(self, "4.manufacturer", PC_SMBIOS_MANUFACTURER);
    pc_smbios_add(self, pc_smbios_get_number(self, "4.processor-id", 0), 8);
    pc_smbios_add_field(self, "4.version", version);
    pc_smbios_add(self, 0, 1);
    pc_smbios_add(self, 0, 2);
    pc_smbios_add(self, pc_smbios_get_number(self, "4.max-speed", 2000), 2);
    pc_smbios_add(self, pc_smbios_get_number(self, "4.current-speed", 2000), 2);
    pc_smbios_add(self, 0x41, 1); /* socket populated, enabled */
    pc_smbios_add(self, 0x01, 1);
    pc_smbios_add(self, 0xffff, 2); /* no cache structures */
    pc_smbios_add(self, 0xffff, 2);
    pc_smbios_add(self, 0xffff, 2);
    pc_smbios_add_field(self, "4.serial", NULL);
    pc_smbios_add_field(self, "4.asset", NULL);
    pc_smbios_add_field(self, "4.part", NULL);
    pc_smbios_add(self, MIN(cores, 255), 1);
    pc_smbios_add(self, MIN(cores, 255), 1);
    pc_smbios_add(self, MIN(threads, 255), 1);
    pc_smbios_add(self, 0x02, 2); /* characteristics: unknown */
    pc_smbios_add(self, 0x01, 2);
    pc_smbios_add(self, cores, 2);
    pc_smbios_add(self, cores, 2);
    pc_smbios_add(self, threads, 2);
    pc_smbios_end(self);
}

static void
pc_smbios_add_oem(PcSmbios *self)
{
    if (self->oem->len == 0) {
        return;
    }
    pc_smbios_begin(self, 11, PC_SMBIOS_HANDLE_OEM);
    pc_smbios_add(self, MIN(self->oem->len, 255), 1);
    for (guint i = 0; i < self->oem->len && i < 255; i++) {
        g_byte_array_append(self->strings, self->oem->pdata[i], strlen(self->oem->pdata[i]) + 1);
        self->n_strings++;
    }
    pc_smbios_end(self);
}

static void
pc_smbios_add_memory_device(PcSmbios *self, unsigned index, uint64_t size)
{
    const char *prefix = g_hash_table_lookup(self->values, "17.loc_pfx");
    g_autofree char *name = g_strdup_printf("%s %u", prefix ? prefix : "DIMM", index);
    uint64_t mib = size >> 20;

    pc_smbios_begin(self, 17, PC_SMBIOS_HANDLE_MEMORY_DEVICE + index);
    pc_smbios_add(self, PC_SMBIOS_HANDLE_MEMORY_ARRAY, 2);
    pc_smbios_add(self, 0xfffe, 2); /* no error information */
    pc_smbios_add(self, 0xffff, 2); /* widths: unknown */
    pc_smbios_add(self, 0xffff, 2);
    pc_smbios_add(self, mib < 0x7fff ? mib : 0x7fff, 2);
    pc_smbios_add(self, 0x09, 1); /* DIMM */
    pc_smbios_add(self, 0, 1);
    pc_smbios_add_text(self, name);
    pc_smbios_add_field(self, "17.bank", NULL);
    pc_smbios_add(self, 0x07, 1); /* RAM */
    pc_smbios_add(self, 0x02, 2);
    pc_smbios_add(self, pc_smbios_get_number(self, "17.speed", 0), 2);
    pc_smbios_add_field(self, "17.manufacturer", PC_SMBIOS_MANUFACTURER);
    pc_smbios_add_field(self, "17.serial", NULL);
    pc_smbios_add_field(self, "17.asset", NULL);
    pc_smbios_add_field(self, "17.part", NULL);
    pc_smbios_add(self, 0, 1);
    pc_smbios_add(self, mib < 0x7fff ? 0 : mib, 4);
    pc_smbios_add(self, pc_smbios_get_number(self, "17.speed", 0), 2);
    pc_smbios_add(self, 0, 2);
    pc_smbios_add(self, 0, 2);
    pc_smbios_add(self, 0, 2);
    pc_smbios_end(self);
}

static void
pc_smbios_add_memory_map(PcSmbios *self, unsigned index, uint64_t start, uint64_t size)
{
    uint64_t end = start + size - 1;
    bool extended = end >> 10 >= UINT32_MAX;

    pc_smbios_begin(self, 19, PC_SMBIOS_HANDLE_MEMORY_MAP + index);
    pc_smbios_add(self, extended ? UINT32_MAX : start >> 10, 4);
    pc_smbios_add(self, extended ? UINT32_MAX : end >> 10, 4);
    pc_smbios_add(self, PC_SMBIOS_HANDLE_MEMORY_ARRAY, 2);
    pc_smbios_add(self, 1, 1);
    pc_smbios_add(self, extended ? start : 0, 8);
    pc_smbios_add(self, extended ? end : 0, 8);
    pc_smbios_end(self);
}

static void
pc_smbios_add_memory(PcSmbios *self)
{
    uint64_t size = emu_machine_get_ram_size(EMU_MACHINE(self->pc));
    unsigned n_dimms = (size + PC_SMBIOS_DIMM_SIZE - 1) / PC_SMBIOS_DIMM_SIZE;
    bool extended = size >> 10 >= 0x80000000u;

    pc_smbios_begin(self, 16, PC_SMBIOS_HANDLE_MEMORY_ARRAY);
    pc_smbios_add(self, 0x01, 1); /* location: other */
    pc_smbios_add(self, 0x03, 1); /* system memory */
    pc_smbios_add(self, 0x06, 1); /* multi-bit ECC */
    pc_smbios_add(self, extended ? 0x80000000u : size >> 10, 4);
    pc_smbios_add(self, 0xfffe, 2);
    pc_smbios_add(self, n_dimms, 2);
    pc_smbios_add(self, extended ? size : 0, 8);
    pc_smbios_end(self);
    for (unsigned i = 0; i < n_dimms && i < 0x200; i++) {
        pc_smbios_add_memory_device(self, i, MIN(size - i * PC_SMBIOS_DIMM_SIZE, PC_SMBIOS_DIMM_SIZE));
    }
    pc_smbios_add_memory_map(self, 0, 0, self->pc->below_4g);
    if (self->pc->above_4g) {
        pc_smbios_add_memory_map(self, 1, UINT64_C(1) << 32, self->pc->above_4g);
    }
}

static bool
pc_smbios_build(PcSmbios *self, GError **error)
{
    const char *type_name = emu_object_get_type_name(self->pc);
    g_autofree char *version = g_str_has_suffix(type_name, "-machine") ? g_strndup(type_name, strlen(type_name) - 8)
                                                                       : g_strdup(type_name);
    EmuSmp smp = emu_machine_get_smp(EMU_MACHINE(self->pc));
    unsigned per_socket = MAX(smp.dies * smp.cores * smp.threads, 1);

    if ((self->type0 && !pc_smbios_add_bios(self, error)) || !pc_smbios_add_system(self, version, error)) {
        return false;
    }
    if (self->type2) {
        pc_smbios_add_board(self, version);
    }
    pc_smbios_add_chassis(self, version);
    for (unsigned i = 0; i < (smp.cpus + per_socket - 1) / per_socket; i++) {
        pc_smbios_add_processor(self, i, &smp, version);
    }
    pc_smbios_add_oem(self);
    pc_smbios_add_memory(self);
    pc_smbios_begin(self, 32, PC_SMBIOS_HANDLE_BOOT);
    pc_smbios_add(self, 0, 6);
    pc_smbios_add(self, 0, 1); /* no errors */
    pc_smbios_end(self);
    pc_smbios_begin(self, 127, PC_SMBIOS_HANDLE_END);
    pc_smbios_end(self);
    if (self->table->len > PC_SMBIOS_MAX_TABLE) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-smbios: the tables have %u bytes, expected at most %u",
                    self->table->len, PC_SMBIOS_MAX_TABLE);
        return false;
    }
    return true;
}

/* The entry point (section 5.2.1); address and checksums are the firmware's. */
static void
pc_smbios_write(PcSmbios *self)
{
    uint8_t anchor[31] = "_SM_";

    anchor[5] = sizeof anchor;
    anchor[6] = PC_SMBIOS_MAJOR;
    anchor[7] = PC_SMBIOS_MINOR;
    anchor[8] = self->max_size;
    anchor[9] = self->max_size >> 8;
    memcpy(anchor + 16, "_DMI_", 5);
    anchor[22] = self->table->len;
    anchor[23] = self->table->len >> 8;
    anchor[28] = self->count;
    anchor[29] = self->count >> 8;
    anchor[30] = PC_SMBIOS_MAJOR << 4 | PC_SMBIOS_MINOR;
    emu_fw_cfg_add_file(self->pc->fw_cfg, PC_SMBIOS_TABLES_FILE, self->table->data, self->table->len);
    emu_fw_cfg_add_file(self->pc->fw_cfg, PC_SMBIOS_ANCHOR_FILE, anchor, sizeof anchor);
}

bool
pc_add_smbios_tables(PcMachine *pc, GError **error)
{
    PcSmbios self = {
        .pc = pc,
        .values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
        .oem = g_ptr_array_new(),
        .table = g_byte_array_new(),
        .strings = g_byte_array_new(),
    };
    const char *text;
    bool ok = true;

    for (unsigned i = 0; ok && (text = emu_machine_get_option_nth(EMU_MACHINE(pc), "smbios", i)); i++) {
        ok = pc_smbios_parse(&self, text, error);
    }
    ok = ok && pc_smbios_build(&self, error);
    if (ok) {
        pc_smbios_write(&self);
    }
    g_byte_array_unref(self.strings);
    g_byte_array_unref(self.table);
    g_ptr_array_unref(self.oem);
    g_hash_table_unref(self.values);
    return ok;
}
