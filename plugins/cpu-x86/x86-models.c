/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The CPU models by name and version. A model's text, with the changes of each version up to the one that is wanted, becomes
 * feature words when its class is made: most are never asked for.
 */

#include "x86-cpu.h"

#include <string.h>

/* ---- names of features ---------------------------------------------------------------------------------------------- */

static GHashTable *
x86_model_index_features(void)
{
    GHashTable *index = g_hash_table_new(g_str_hash, g_str_equal);

    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            const char *name = x86_feature_names[word][bit];

            if (name) {
                g_hash_table_insert(index, (gpointer)name, GUINT_TO_POINTER(X86_FEATURE(word, bit) + 1));
            }
        }
    }
    return index;
}

/* X86_FEAT_NONE when no feature has that name. */
static uint16_t
x86_model_find_feature(const char *name)
{
    static GHashTable *index;
    static gsize once;
    guint feature;

    if (g_once_init_enter(&once)) {
        index = x86_model_index_features();
        g_once_init_leave(&once, 1);
    }
    feature = GPOINTER_TO_UINT(g_hash_table_lookup(index, name));
    return feature ? (uint16_t)(feature - 1) : X86_FEAT_NONE;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    unsigned version;
    const char *vendor; /* of version 1, and so up to xlevel */
    uint32_t family, model, stepping, level, xlevel;
    const char *model_id;    /* NULL: as before */
    const X86Caches *caches; /* NULL: as before */
    const char *changes;     /* "name +name -name number=value ..." */
} X86ModelRow;

#define X86_MODEL(n, v, f, m, s, l, x, c, id, text)                                                                       \
    {.name = n, .version = 1, .vendor = v, .family = f, .model = m, .stepping = s, .level = l, .xlevel = x, .model_id = id, \
     .caches = c, .changes = text},
#define X86_VERSION(n, v, id, c, text) {.name = n, .version = v, .model_id = id, .caches = c, .changes = text},
#define X86_SECOND_NAME(second, n, v)
static const X86ModelRow x86_model_rows[] = {
#include "x86-models.inc"
};
#undef X86_MODEL
#undef X86_VERSION
#undef X86_SECOND_NAME

/* "stepping=1" */
static void
x86_model_set_number(X86Model *model, const char *word, const char *equals)
{
    const struct {
        const char *name;
        uint32_t *value;
    } numbers[] = {
        {"model", &model->model},
        {"stepping", &model->stepping},
        {"avx10-version", &model->avx10_version},
        {"leaf-1f", &model->leaf_1f},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (strlen(numbers[i].name) == (gsize)(equals - word) && strncmp(numbers[i].name, word, (gsize)(equals - word)) == 0) {
            *numbers[i].value = (uint32_t)g_ascii_strtoull(equals + 1, NULL, 10);
            return;
        }
    }
    g_error("%s: no number of a CPU model", word);
}

static void
x86_model_apply(X86Model *model, const X86ModelRow *row)
{
    g_auto(GStrv) words = g_strsplit(row->changes, " ", -1);

    for (char **word = words; *word; word++) {
        const char *equals = strchr(*word, '=');

        if (equals) {
            x86_model_set_number(model, *word, equals);
        } else if (**word) {
            bool off = **word == '-';
            uint16_t feature = x86_model_find_feature(*word + (off || **word == '+'));

            if (feature == X86_FEAT_NONE) {
                g_error("%s-v%u: no feature is named %s", row->name, row->version, *word);
            }
            if (off) {
                model->features[feature >> 5] &= ~(1u << (feature & 31));
            } else {
                model->features[feature >> 5] |= 1u << (feature & 31);
            }
        }
    }
    model->model_id = row->model_id ? row->model_id : model->model_id;
    model->caches = row->caches ? row->caches : model->caches;
}

static void
x86_model_fill(X86Model *model, const char *name, unsigned version)
{
    for (gsize i = 0; i < G_N_ELEMENTS(x86_model_rows); i++) {
        const X86ModelRow *row = &x86_model_rows[i];

        if (strcmp(row->name, name) != 0 || row->version > version) {
            continue;
        }
        if (row->version == 1) {
            *model = (X86Model){.name = name, .vendor = row->vendor, .family = row->family, .model = row->model,
                                .stepping = row->stepping, .level = row->level, .xlevel = row->xlevel};
            model->features[X86_FEAT_HYPERVISOR >> 5] = 1u << (X86_FEAT_HYPERVISOR & 31);
        }
        x86_model_apply(model, row);
    }
}

/* ---- types ----------------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    unsigned version;
    const char *alias_of; /* NULL: the version itself */
} X86ModelName;

static void
x86_model_class_init(gpointer klass, gconstpointer class_data)
{
    const X86ModelName *name = class_data;
    X86CpuClass *cc = klass;

    x86_model_fill(&cc->model, name->name, name->version);
    cc->has_model = true;
    cc->parent_class.alias_of = name->alias_of;
    x86_cpu_model_class_init(klass);
}

#define X86_SUFFIX "-x86_64-cpu"
#define X86_TYPE(type, n, v, alias, text)                                                                        \
    {.name = type X86_SUFFIX,                                                                                    \
     .parent = X86_TYPE_CPU_NAME,                                                                                \
     .instance_init = x86_cpu_model_init,                                                                        \
     .class_init = x86_model_class_init,                                                                         \
     .class_data = &(const X86ModelName){n, v, alias},                                                           \
     .description = text},
/* What "-cpu help" says of a version: its brand string, or what is different. */
#define X86_SAY(id, changes) ((id) ? (id) : sizeof(changes) > 1 ? (changes) : "as the version before")
/* Boards name no version of their own: the first is meant, which is what the versioned pc and q35 boards stay with. */
#define X86_MODEL(n, v, f, m, s, l, x, c, id, changes)               \
    X86_TYPE(n, n, 1, n "-v1", "(alias configured by machine type)") \
    X86_TYPE(n "-v1", n, 1, NULL, sizeof(id) > 1 ? (id) : "(no brand string)")
#define X86_VERSION(n, v, id, c, changes) X86_TYPE(n "-v" #v, n, v, NULL, X86_SAY(id, changes))
#define X86_SECOND_NAME(second, n, v) X86_TYPE(second, n, v, n "-v" #v, "(alias of " n "-v" #v ")")
static const EmuTypeInfo x86_model_type_infos[] = {
#include "x86-models.inc"
};
#undef X86_MODEL
#undef X86_VERSION
#undef X86_SECOND_NAME

void
x86_models_register(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(x86_model_type_infos); i++) {
        type_register_static(&x86_model_type_infos[i]);
    }
}
