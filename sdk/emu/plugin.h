/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * EMU_PLUGIN puts a manifest into the section ".emu.plugin" of the shared object.  It is read from
 * the file before any code of the plugin runs.
 *
 *     EMU_PLUGIN(.name = "pit", .version = "1.0", .license = "LGPL-2.1-or-later",
 *                .description = "8254 programmable interval timer",
 *                .provides = "isa-pit", .needs = "isa-device");
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
    char provides[2048]; /* QOM type names, space separated; a "type:parent" pair gives the parent's name */
    char needs[1024];    /* QOM type names of other plugins */
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

G_END_DECLS
