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

/* How the refusal of a script without a manifest begins. */
#define EMU_SCRIPT_NO_PLUGIN "is no plugin:"

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
/* True when @path with @st is in there; the out values are copies. *@tried: it was opened on trial, and survived. */
bool emu_plugin_cache_get(EmuPluginCache *self, const char *path, const struct stat *st, EmuManifest **manifest,
                          char **refusal, bool *tried);
void emu_plugin_cache_put(EmuPluginCache *self, const char *path, const struct stat *st, const EmuManifest *manifest,
                          const char *refusal, bool tried);
/* Forgets everything, also on disk. */
void emu_plugin_cache_discard(void);
/* Writes what was got or put since it was loaded, when that differs from the file; frees. */
void emu_plugin_cache_save(EmuPluginCache *self);

/* ---- swap.c: another version of an open plugin -------------------------------------------------------------- */

/*
 * begin() opens the file that has taken the place of an open plugin's, beside it: from then on names lead to the new code
 * while the old code's instances live on. Then either commit(), when no instance of the old code is left, or abort(), when none of the
 * new is. NULL with @error: nothing has changed. Main thread.
 */
typedef struct _EmuPluginSwap EmuPluginSwap;
EmuPluginSwap *emu_plugin_swap_begin(const char *name, GError **error);
EmuTypeModule *emu_plugin_swap_get_old(EmuPluginSwap *self);
void emu_plugin_swap_commit(EmuPluginSwap *self);
void emu_plugin_swap_abort(EmuPluginSwap *self);

/* ---- script.c ------------------------------------------------------------------------------------------- */

/* A script that is open, and its new code: its types and objects stay. */
bool emu_plugin_is_script(const char *name);
bool emu_plugin_reload_script(const char *name, GError **error);

/* ---- registry.c ----------------------------------------------------------------------------------------- */

/* Whether it is open, and what of; NULL and false when it is not known at all. */
bool emu_plugin_get_module(const char *name, EmuTypeModule **module);
