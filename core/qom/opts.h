/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Option text "first,key=value,flag,noflag": an implied first key, commas doubled inside values, flags without a value
 * meaning on. Keys stay in order; a later one of the same name wins.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct _EmuOpts EmuOpts;

typedef struct {
    char *key, *value;
} EmuOpt;

/* A letter, then letters, digits, "-", "." and "_": what users may call objects, drives and block nodes. */
bool emu_id_is_well_formed(const char *id);

/* @implied (may be NULL): key of a first part without "=". @keys (NULL: any): NULL-terminated; others are refused. */
EmuOpts *emu_opts_parse(const char *text, const char *implied, const char *const *keys, GError **error);
EmuOpts *emu_opts_new(void);
EmuOpts *emu_opts_copy(const EmuOpts *self);
void emu_opts_free(EmuOpts *self);
const char *emu_opts_get(const EmuOpts *self, const char *key); /* NULL: not given */
const char *emu_opts_get_id(const EmuOpts *self);
void emu_opts_set(EmuOpts *self, const char *key, const char *value);
void emu_opts_add(EmuOpts *self, const char *key, const char *value);
void emu_opts_remove(EmuOpts *self, const char *key);
guint emu_opts_get_n(const EmuOpts *self);
const EmuOpt *emu_opts_get_nth(const EmuOpts *self, guint n);
/* "key=value,..." with commas doubled. (transfer full) */
char *emu_opts_to_text(const EmuOpts *self);
/* @value keeps its value when the key is absent; false and @error on bad text. */
bool emu_opts_get_bool(const EmuOpts *self, const char *key, bool *value, GError **error);
bool emu_opts_get_uint(const EmuOpts *self, const char *key, uint64_t min, uint64_t max, uint64_t *value, GError **error);
bool emu_opts_get_size(const EmuOpts *self, const char *key, char default_suffix, uint64_t *value, GError **error);
/* One of @names (NULL-terminated): *index. */
bool emu_opts_get_enum(const EmuOpts *self, const char *key, const char *const *names, int *index, GError **error);
/* False and @error when a key is none of @keys. */
bool emu_opts_check(const EmuOpts *self, const char *const *keys, GError **error);
/* "help" or "?" as the whole text or its first part. */
bool emu_opts_is_help(const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmuOpts, emu_opts_free)

G_END_DECLS
