/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two containers beside ELF: U-Boot's legacy image (64 bytes of header, big-endian) and Intel HEX (order number 121591, revision A). */

#include "loader.h"

#include <gio/gio.h>
#include <string.h>

#define UIMAGE_MAGIC 0x27051956u
#define UIMAGE_HEADER 64
#define UIMAGE_SIZE 12
#define UIMAGE_LOAD 16
#define UIMAGE_ENTRY 20
#define UIMAGE_TYPE 30
#define UIMAGE_COMPRESSION 31
#define UIMAGE_TYPE_KERNEL 2
#define UIMAGE_MAX (64 << 20) /* unpacked */

enum { UIMAGE_NOT_COMPRESSED, UIMAGE_GZIP };

#define HEX_MAX_DATA 255

enum { HEX_DATA, HEX_END, HEX_SEGMENT, HEX_START_SEGMENT, HEX_LINEAR, HEX_START_LINEAR };

static uint32_t
image_get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
image_add(GPtrArray *blobs, uint64_t address, const uint8_t *data, gsize len)
{
    LoaderBlob *blob = g_new(LoaderBlob, 1);

    *blob = (LoaderBlob){address, g_memdup2(data, len), len};
    g_ptr_array_add(blobs, blob);
}

/* ---- U-Boot -------------------------------------------------------------------------------------------- */

bool
loader_uimage_is(const uint8_t *file, gsize len)
{
    return len >= UIMAGE_HEADER && image_get_be32(file) == UIMAGE_MAGIC;
}

static GByteArray *
uimage_unpack(const uint8_t *packed, gsize len, GError **error)
{
    g_autoptr(GConverter) converter = G_CONVERTER(g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP));
    g_autoptr(GByteArray) all = g_byte_array_new();
    GConverterResult result = G_CONVERTER_CONVERTED;
    uint8_t piece[65536];

    while (result != G_CONVERTER_FINISHED) {
        gsize taken, made;

        result = g_converter_convert(converter, packed, len, piece, sizeof piece, G_CONVERTER_INPUT_AT_END, &taken, &made, error);
        if (result == G_CONVERTER_ERROR) {
            return NULL;
        }
        packed += taken;
        len -= taken;
        g_byte_array_append(all, piece, (guint)made);
        if (all->len > UIMAGE_MAX) {
            g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "the U-Boot image unpacks to more than 64 MiB");
            return NULL;
        }
    }
    return g_steal_pointer(&all);
}

bool
loader_uimage_load(const uint8_t *file, gsize len, GPtrArray *blobs, uint64_t *entry, GError **error)
{
    const uint8_t *data = file + UIMAGE_HEADER;
    uint32_t size = image_get_be32(file + UIMAGE_SIZE), load = image_get_be32(file + UIMAGE_LOAD);
    g_autoptr(GByteArray) unpacked = NULL;

    if (file[UIMAGE_TYPE] != UIMAGE_TYPE_KERNEL || file[UIMAGE_COMPRESSION] > UIMAGE_GZIP || size > len - UIMAGE_HEADER) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "the U-Boot image is of type %u, packed by method %u, with %u bytes, expected a kernel (2), not packed (0) or by gzip (1), within the file",
                    file[UIMAGE_TYPE], file[UIMAGE_COMPRESSION], size);
        return false;
    }
    *entry = image_get_be32(file + UIMAGE_ENTRY);
    if (file[UIMAGE_COMPRESSION] == UIMAGE_NOT_COMPRESSED) {
        image_add(blobs, load, data, size);
        return true;
    }
    unpacked = uimage_unpack(data, size, error);
    if (!unpacked) {
        return false;
    }
    image_add(blobs, load, unpacked->data, unpacked->len);
    return true;
}

/* ---- Intel HEX ------------------------------------------------------------------------------------------ */

bool
loader_hex_is(const uint8_t *file, gsize len)
{
    return len > 10 && file[0] == ':' && g_ascii_isxdigit(file[1]) && g_ascii_isxdigit(file[2]);
}

/* Length, address, type, data, checksum of the record at @text: returns how many bytes these are, 0 when it is none. */
static unsigned
hex_parse_record(const char *text, gsize len, uint8_t record[HEX_MAX_DATA + 5])
{
    unsigned n = 0, all = 5;
    uint8_t sum = 0;

    if (len < 1 || text[0] != ':') {
        return 0;
    }
    for (gsize at = 1; at + 2 <= len && n < all; at += 2, n++) {
        if (!g_ascii_isxdigit(text[at]) || !g_ascii_isxdigit(text[at + 1])) {
            return 0;
        }
        record[n] = (uint8_t)(g_ascii_xdigit_value(text[at]) << 4 | g_ascii_xdigit_value(text[at + 1]));
        sum = (uint8_t)(sum + record[n]);
        all = record[0] + 5u;
    }
    return n == all && sum == 0 ? n : 0;
}

bool
loader_hex_load(const uint8_t *file, gsize len, GPtrArray *blobs, uint64_t *entry, GError **error)
{
    uint64_t base = 0;
    unsigned line = 0;

    for (gsize at = 0; at < len;) {
        uint8_t record[HEX_MAX_DATA + 5];
        unsigned n = hex_parse_record((const char *)file + at, len - at, record);
        const uint8_t *data = record + 4;
        unsigned size = record[0];

        line++;
        if (n == 0 || (record[3] == HEX_SEGMENT && size != 2) || (record[3] == HEX_LINEAR && size != 2) ||
            ((record[3] == HEX_START_SEGMENT || record[3] == HEX_START_LINEAR) && size != 4)) {
            break;
        }
        switch (record[3]) {
        case HEX_DATA:
            image_add(blobs, base + (record[1] << 8 | record[2]), data, size);
            break;
        case HEX_END:
            return true;
        case HEX_SEGMENT:
            base = (uint64_t)(data[0] << 8 | data[1]) << 4;
            break;
        case HEX_START_SEGMENT:
            *entry = ((uint64_t)(data[0] << 8 | data[1]) << 4) + (data[2] << 8 | data[3]);
            break;
        case HEX_LINEAR:
            base = (uint64_t)(data[0] << 8 | data[1]) << 16;
            break;
        case HEX_START_LINEAR:
            *entry = image_get_be32(data);
            break;
        default:
            break; /* of no interest */
        }
        at += 1 + 2u * n;
        while (at < len && g_ascii_isspace(file[at])) {
            at++;
        }
    }
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "the Intel HEX file has no valid record in line %u, or no end", line);
    return false;
}
