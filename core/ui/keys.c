/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Names and scan codes of keys. */

#include "ui/ui-private.h"

#include <string.h>

static const struct {
    const char *name;
    uint16_t set1;
} keys[] = {
#define KEY(name, set1) {name, set1},
#include "ui/keys.def"
#undef KEY
};

unsigned
emu_key_count(void)
{
    return G_N_ELEMENTS(keys);
}

int
emu_key_from_name(const char *qcode)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (g_str_equal(keys[i].name, qcode)) {
            return i;
        }
    }
    return -1;
}

const char *
emu_key_name(int key)
{
    return key >= 0 && (unsigned)key < G_N_ELEMENTS(keys) ? keys[key].name : NULL;
}

uint16_t
emu_key_to_set1(int key)
{
    return key >= 0 && (unsigned)key < G_N_ELEMENTS(keys) ? keys[key].set1 : 0;
}

int
emu_key_from_number(unsigned number)
{
    uint16_t set1 = number & 0x80 ? 0xe000 | (number & 0x7f) : number;

    if (number == 0xc6) {
        set1 = 0xe1;
    }
    if (number == 0 || number > 0xff) {
        return -1;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (keys[i].set1 == set1) {
            return i;
        }
    }
    return -1;
}

static int
key_parse_one(const char *name)
{
    int key = emu_key_from_name(name);
    guint64 number;
    char *end;

    if (key >= 0) {
        return key;
    }
    /* Names of older command lines. */
    if (g_str_equal(name, "<")) {
        return emu_key_from_name("less");
    }
    if (g_str_has_prefix(name, "0x")) {
        number = g_ascii_strtoull(name + 2, &end, 16);
        return *end == 0 && end != name + 2 && number <= 0xff ? emu_key_from_number(number) : -1;
    }
    return -1;
}

int
emu_key_parse_sequence(const char *text, int *out, unsigned max, GError **error)
{
    g_auto(GStrv) names = g_strsplit(text, "-", -1);
    unsigned n = 0;

    for (; names[n]; n++) {
        int key = key_parse_one(names[n]);

        if (key < 0) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "invalid parameter: %s", names[n]);
            return -1;
        }
        if (n >= max) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "too many keys: '%s' has more than %u", text, max);
            return -1;
        }
        out[n] = key;
    }
    if (n == 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "invalid parameter: %s", text);
        return -1;
    }
    return n;
}
