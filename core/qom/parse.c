/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text of the command line as values. */

#include "qom/property-private.h"

#include <errno.h>
#include <string.h>

bool
emu_parse_bool(const char *text, bool *value)
{
    static const char *const yes[] = {"on", "yes", "true", "y", NULL};
    static const char *const no[] = {"off", "no", "false", "n", NULL};

    if (g_strv_contains(yes, text)) {
        *value = true;
        return true;
    }
    if (g_strv_contains(no, text)) {
        *value = false;
        return true;
    }
    return false;
}

bool
emu_parse_uint(const char *text, uint64_t *value)
{
    char *end;
    uint64_t v;

    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    errno = 0;
    v = g_ascii_strtoull(text, &end, 0);
    if (errno || *end) {
        return false;
    }
    *value = v;
    return true;
}

bool
emu_parse_int(const char *text, int64_t *value)
{
    char *end;
    int64_t v;

    if (!g_ascii_isdigit(text[*text == '-' || *text == '+'])) {
        return false;
    }
    errno = 0;
    v = g_ascii_strtoll(text, &end, 0);
    if (errno || *end) {
        return false;
    }
    *value = v;
    return true;
}

/**
 * emu_parse_size:
 * @default_suffix: what a number without a suffix is counted in, one of B K M G T P E
 *
 * "1.5G" is 1.5 GiB; a fraction of a byte is cut off.
 *
 * Since: 1.0
 */
bool
emu_parse_size(const char *text, char default_suffix, uint64_t *bytes)
{
    static const char suffixes[] = "BKMGTPE";
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *found;
    uint64_t whole, part = 0;
    char *end, suffix;
    double fraction = 0;
    unsigned shift;

    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    errno = 0;
    whole = g_ascii_strtoull(text, &end, hex ? 16 : 10);
    if (errno) {
        return false;
    }
    if (*end == '.' && !hex) {
        const char *from = end;

        for (end++; g_ascii_isdigit(*end); end++) {
        }
        if (end == from + 1) {
            return false;
        }
        g_autofree char *digits = g_strdup_printf("0%.*s", (int)(end - from), from);
        fraction = g_ascii_strtod(digits, NULL);
    }
    suffix = *end ? g_ascii_toupper(*end++) : default_suffix;
    found = strchr(suffixes, suffix);
    if (*end || !suffix || !found) {
        return false;
    }
    shift = 10 * (found - suffixes);
    if (shift && whole >> (64 - shift)) {
        return false;
    }
    part = (uint64_t)(fraction * (double)(UINT64_C(1) << shift));
    *bytes = (whole << shift) + part;
    return true;
}

bool
emu_parse_mac(const char *text, uint8_t mac[6])
{
    uint8_t bytes[6];

    if (strlen(text) != 17) {
        return false;
    }
    for (int i = 0; i < 6; i++) {
        int hi = g_ascii_xdigit_value(text[3 * i]);
        int lo = g_ascii_xdigit_value(text[3 * i + 1]);
        char sep = text[3 * i + 2];

        if (hi < 0 || lo < 0 || (i < 5 && sep != ':' && sep != '-')) {
            return false;
        }
        bytes[i] = hi << 4 | lo;
    }
    memcpy(mac, bytes, 6);
    return true;
}
