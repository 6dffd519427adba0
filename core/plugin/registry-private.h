/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the registry's files share. All of it is under the type table's lock. */

#include "plugin/plugin-private.h"

#include <ltdl.h>

typedef struct {
    EmuPluginInfo info; /* points into manifest and path */
    char *path;
    EmuManifest *manifest;
    struct stat st;
    EmuTypeModule *module; /* NULL until first opened */
    lt_dlhandle handle;
    bool opening;
    bool failed; /* could not be opened, and is among the refusals for it */
    bool listed; /* seen by the latest scan */
    unsigned swaps; /* times its file was replaced under it */
    bool script; /* its language's loader has run it: for good */
    bool tried;  /* came with emu, or was opened on trial and survived */
} Plugin;

typedef struct {
    EmuPluginRefusal info;
    char *path, *reason;
    EmuManifest *manifest; /* of a plugin for another emu; may be NULL */
} PluginRefusal;

/* ---- registry.c: the records ---------------------------------------------------------------------------- */

extern GPtrArray *plugin_records;  /* Plugin, in order of the search path */
extern GPtrArray *plugin_refusals; /* PluginRefusal */

void plugin_registry_init(void);
void plugin_free(gpointer data);
/* Takes all of its arguments but @path. */
void plugin_refuse(const char *path, char *reason, EmuManifest *manifest, bool loud);
/* Why the file is refused; NULL when it is not. */
const char *plugin_refusal_of(const char *path);
/* Forgets what was said about other files of that path. */
void plugin_forgive(Plugin *p);
Plugin *plugin_by_name(const char *name);
Plugin *plugin_by_path(const char *path);
/* As plugin_by_name(), after a scan and with an error. */
Plugin *plugin_find(const char *name, GError **error);
void plugin_set_manifest(Plugin *p, EmuManifest *m); /* takes @m */

/* ---- search.c ------------------------------------------------------------------------------------------ */

void plugin_ensure_scanned(void);
/* The folder of the executable, or of the library that this code is in. (transfer full) */
char *plugin_own_dir(bool library);
/* Makes another process look where we look. (transfer full) */
char **plugin_search_environment(void);

/* ---- names.c ------------------------------------------------------------------------------------------- */

void plugin_names_clear(void);
/* Adds the types of @p to the index; NULL, or why not. (transfer full) */
char *plugin_index_types(Plugin *p);
void plugin_unindex_types(Plugin *p);
/* Whether @word of a manifest ("name:parent") is about @type. */
bool plugin_word_names(const char *word, const char *type);

/* ---- load.c -------------------------------------------------------------------------------------------- */

bool plugin_load(Plugin *p, GError **error);
bool plugin_check_needs(Plugin *p, GError **error);
bool plugin_dlopen(Plugin *p, const char *path, GError **error);
/* Warns of mistakes of the plugin's author that do no harm here, but later. */
void plugin_check_promises(Plugin *p);
/* False; kept for whoever lists refusals: the caller decides who hears of it now. */
bool plugin_fail(Plugin *p, GError **error, const char *reason);

/* ---- trial.c ------------------------------------------------------------------------------------------- */

/* Plugins (Plugin) that did not come with emu are opened in another process before they are opened here, once for each version of
 * the file: the cache keeps the verdict. */
void plugin_try(GPtrArray *wanted);
bool plugin_check_trial(Plugin *p, GError **error);

/* ---- script.c ------------------------------------------------------------------------------------------ */

bool plugin_is_script(const char *path);
bool plugin_open_script(Plugin *p, GError **error);
