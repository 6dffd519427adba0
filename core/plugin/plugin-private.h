/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qom/qom-private.h"

#include <emu/plugin.h>

#include <sys/stat.h>

/* ---- manifest.c ------------------------------------------------------------------------------------ */

/* A manifest as read, its strings copied out and checked. */
typedef struct {
    char *name, *version, *license, *description;
    char **provides, **needs;
    guint sdk_major, sdk_minor, tier;
} EmuManifest;

void emu_manifest_free(EmuManifest *m); /* accepts NULL */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmuManifest, emu_manifest_free)

/*
 * Reads the manifest out of the file, running nothing of it.  Exactly one of @manifest and @refusal is
 * set; @refusal continues a sentence that begins with the path.  @manifest is also set beside @refusal
 * when the file is a plugin, but not for this emu.  @st receives what fstat() said.
 */
void emu_manifest_read(const char *path, EmuManifest **manifest, char **refusal, struct stat *st);

/* ---- cache.c ------------------------------------------------------------------------------------------ */

/* path, mtime, ctime, size, inode -> what emu_manifest_read() said. */
typedef struct _EmuPluginCache EmuPluginCache;

/* Never fails: a cache that is missing, damaged or another version's is empty. */
EmuPluginCache *emu_plugin_cache_load(void);
/* True when @path with @st is in there; the out values are copies. */
bool emu_plugin_cache_get(EmuPluginCache *self, const char *path, const struct stat *st, EmuManifest **manifest,
                          char **refusal);
void emu_plugin_cache_put(EmuPluginCache *self, const char *path, const struct stat *st, const EmuManifest *manifest,
                          const char *refusal);
/* Writes what was got or put since it was loaded, when that differs from the file; frees. */
void emu_plugin_cache_save(EmuPluginCache *self);
