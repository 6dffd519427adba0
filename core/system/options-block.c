/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options about drives and images. */

#include "system/startup.h"

#include "block/block-private.h"

#include <stdio.h>
#include <string.h>

static EmuBlockLayer *
layer(EmuStartup *startup)
{
    return emu_machine_get_block_layer(startup->machine);
}

/* -drive file=...,format=help and the like. */
static bool
option_drive_help(EmuStartup *startup, const char *arg, GError **error)
{
    g_autoptr(GPtrArray) names = NULL;

    if (!emu_opts_is_help(arg) && !strstr(arg, "format=help") && !strstr(arg, "format=?")) {
        return emu_options_add(startup, "drive+", arg, error);
    }
    names = emu_block_driver_list();
    printf("Supported formats:");
    for (guint i = 0; i < names->len; i++) {
        printf(" %s", (const char *)names->pdata[i]);
    }
    printf("\n");
    return emu_startup_finish(startup);
}

static bool
option_drive(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_drive(layer(startup), arg, NULL, error);
}

static bool
option_blockdev(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_blockdev(layer(startup), arg, error);
}

static bool
option_hda(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_drive_file(layer(startup), arg, "if=ide,index=0,media=disk", error);
}

static bool
option_hdb(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_drive_file(layer(startup), arg, "if=ide,index=1,media=disk", error);
}

static bool
option_hdc(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_drive_file(layer(startup), arg, "if=ide,index=2,media=disk", error);
}

static bool
option_hdd(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_drive_file(layer(startup), arg, "if=ide,index=3,media=disk", error);
}

static bool
option_cdrom(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_drive_file(layer(startup), arg, "if=ide,index=2,media=cdrom", error);
}

static bool
option_fda(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_drive_file(layer(startup), arg, "if=floppy,index=0", error);
}

static bool
option_fdb(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_drive_file(layer(startup), arg, "if=floppy,index=1", error);
}

static bool
option_pflash(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_block_layer_add_drive_file(layer(startup), arg, "if=pflash", error);
}

static bool
option_snapshot(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_block_layer_set_snapshot(layer(startup), true);
    return true;
}

static const EmuOption options[] = {
    {"drive", "[file=FILE][,format=FORMAT][,if=TYPE][,index=N][,media=disk|cdrom][,id=ID][,readonly=on|off][,snapshot=on|off]...", EMU_PHASE_HELP, option_drive_help, "a drive"},
    {"drive+", "", EMU_PHASE_BLOCK, option_drive, NULL},
    {"blockdev", "[driver=]DRIVER,node-name=NAME[,OPTION=VALUE]", EMU_PHASE_BLOCK, option_blockdev, "a block node, for -device ...,drive=NAME"},
    {"hda", "FILE", EMU_PHASE_BLOCK, option_hda, "hard disk: master of the first IDE channel"},
    {"hdb", "FILE", EMU_PHASE_BLOCK, option_hdb, "hard disk: slave of the first IDE channel"},
    {"hdc", "FILE", EMU_PHASE_BLOCK, option_hdc, "hard disk: master of the second IDE channel"},
    {"hdd", "FILE", EMU_PHASE_BLOCK, option_hdd, "hard disk: slave of the second IDE channel"},
    {"cdrom", "FILE", EMU_PHASE_BLOCK, option_cdrom, "CD-ROM: master of the second IDE channel"},
    {"fda", "FILE", EMU_PHASE_BLOCK, option_fda, "first floppy disk"},
    {"fdb", "FILE", EMU_PHASE_BLOCK, option_fdb, "second floppy disk"},
    {"pflash", "FILE", EMU_PHASE_BLOCK, option_pflash, "image of a flash memory"},
    {"snapshot", NULL, EMU_PHASE_MACHINE, option_snapshot, "writes to drives go to temporary files"},
    {NULL},
};

static void
options_block_register(void)
{
    emu_option_register(options);
}
opts_init(options_block_register)
