/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a plugin says about itself, and what is known about plugins.
 *
 * EMU_PLUGIN puts a manifest into the section ".emu.plugin" of the shared object.  It is read from
 * the file before any code of the plugin runs.
 *
 *     EMU_PLUGIN(.name = "pit", .version = "1.0", .license = "LGPL-2.1-or-later",
 *                .description = "8254 programmable interval timer",
 *                .provides = "isa-pit:isa-device", .needs = "pit-channel");
 *
 * A plugin is opened when one of its types is first needed: by name, or because a list is asked for that
 * one of them may belong to.  Every type it registers must be in `provides`.
 */

#include <emu/object.h>

G_BEGIN_DECLS

#define EMU_PLUGIN_MAGIC "EMUPLUG1"
#define EMU_PLUGIN_TIER_DEVICE 1
#define EMU_PLUGIN_TIER_ACCEL 2

/* Strings lie in the manifest itself, so that it can be read without relocation; 0-terminated. */
typedef struct {
    char magic[8];
    uint32_t size; /* of this struct */
    uint16_t sdk_major, sdk_minor;
    uint16_t tier;
    uint16_t flags;
    char name[48];
    char version[32];
    char license[48];
    char description[160];
    /* QOM type names, separated by spaces.  "type:parent:interface..." names what the type is, so that
     * lists need not open the plugin to find out; a type without ':' is a candidate for every list. */
    char provides[8192];
    char needs[2048]; /* QOM type names that must exist for the plugin to work, its parents aside */
} EmuPluginManifest;

#define EMU_PLUGIN(...) EMU_PLUGIN_TIER_(EMU_PLUGIN_TIER_DEVICE, __VA_ARGS__)
#define EMU_ACCEL_PLUGIN(...) EMU_PLUGIN_TIER_(EMU_PLUGIN_TIER_ACCEL, __VA_ARGS__)
#define EMU_PLUGIN_TIER_(t, ...)                                                                   \
    __attribute__((section(".emu.plugin"), used, aligned(8), visibility("default")))               \
    const EmuPluginManifest emu_plugin_manifest = {.magic = "EMUPLUG1",                            \
                                                   .size = sizeof(EmuPluginManifest),              \
                                                   .sdk_major = EMU_SDK_MAJOR,                     \
                                                   .sdk_minor = EMU_SDK_MINOR,                     \
                                                   .tier = (t),                                    \
                                                   __VA_ARGS__}

/* ---- the registry ------------------------------------------------------------------------------- */

/* Search path: directories added here in order, EMU_PLUGIN_PATH (separated by ':'), "plugins" beside the executable and
 * beside libemu-core, "emu-1/plugins" beside libemu-core, the installed folder; EMU_PLUGIN_SYSTEM_PATH, also when empty,
 * stands in for these last four. It is read when a type is first looked up that the core does not have. Files that are no
 * plugins for this emu are refused, with a warning, and nothing else changes.
 *
 * No code of a plugin runs before one of its types is needed. Then a plugin that did not come with emu is first opened in a
 * helper process, once for each version of the file: one that crashes, hangs or ends the process there is refused. */
#define EMU_PLUGIN_ERROR (emu_plugin_error_quark())
typedef enum {
    EMU_PLUGIN_ERROR_NOT_FOUND,
    EMU_PLUGIN_ERROR_REFUSED,
    EMU_PLUGIN_ERROR_BUSY,
} EmuPluginError;
EMU_AVAILABLE_IN_1_0 GQuark emu_plugin_error_quark(void);

/* For plugins that bring plugins in a language of their own: @load runs the file at @path, which registers its types. */
typedef bool (*EmuPluginLoadFunc)(const char *path, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_plugin_register_loader(const char *suffix, EmuPluginLoadFunc load);
/* Optional: @reload runs a file that has changed and puts its code under the types that are there; false: nothing has changed. */
EMU_AVAILABLE_IN_1_0 void emu_plugin_register_reloader(const char *suffix, EmuPluginLoadFunc reload);
/* FALSE when @dir is no folder that can be read. */
EMU_AVAILABLE_IN_1_0 bool emu_plugin_add_dir(const char *dir, GError **error);
/* One plugin by its file, in front of the whole search path: for tools and for trying a build. Fails when the file is
 * refused, with the reason. */
EMU_AVAILABLE_IN_1_0 bool emu_plugin_add_file(const char *path, GError **error);
/* Reads the search path (again): new files appear, those that are gone disappear unless they are open. */
EMU_AVAILABLE_IN_1_0 void emu_plugin_scan(void);
/* The same, with the cache forgotten. */
EMU_AVAILABLE_IN_1_0 void emu_plugin_rescan(void);

typedef struct {
    const char *path, *name, *version, *license, *description;
    const char *const *provides; /* words of the manifest */
    const char *const *needs;
    unsigned sdk_major, sdk_minor, tier;
    bool open;
} EmuPluginInfo;
/* What the manifest of any file says; nothing of the file runs. NULL: it has none that can be read. *@refusal (may be
 * NULL) says why this emu does not take it, as the end of a sentence that begins with the path; NULL: it does.
 * (transfer full), *refusal too */
EMU_AVAILABLE_IN_1_0 EmuPluginInfo *emu_plugin_info_read(const char *path, char **refusal);
EMU_AVAILABLE_IN_1_0 void emu_plugin_info_free(EmuPluginInfo *info); /* of emu_plugin_info_read(); accepts NULL */
/* (transfer container) (element-type EmuPluginInfo): in order of the search path; valid until the next scan */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_plugin_list(void);

typedef struct {
    const char *path;
    const char *reason;
} EmuPluginRefusal;
/* (transfer container) (element-type EmuPluginRefusal); valid until the next scan */
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_plugin_list_refusals(void);

/* Opens a plugin by its manifest's name; nothing happens when it is open. */
EMU_AVAILABLE_IN_1_0 bool emu_plugin_open(const char *name, GError **error);
/* Closes it; refused while anything of it is alive. It is opened again when needed. */
EMU_AVAILABLE_IN_1_0 bool emu_plugin_close(const char *name, GError **error);
/* Name of the plugin that provides a type; NULL for the core's and for unknown ones. */
EMU_AVAILABLE_IN_1_0 const char *emu_plugin_of_type(const char *type_name);

G_END_DECLS
