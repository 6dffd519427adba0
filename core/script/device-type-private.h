/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What device-type.c does for boards and buses of scripts, too: regions and inputs whose functions are a script's. */

#include "script/script-private.h"

G_BEGIN_DECLS

typedef struct {
    EmuScriptReadFunc read;
    gpointer read_data;
    GDestroyNotify read_destroy;
    EmuScriptWriteFunc write;
    gpointer write_data;
    GDestroyNotify write_destroy;
} ScriptAccess;
typedef struct _ScriptInput ScriptInput;

void script_access_drop(const ScriptAccess *access);
/* Takes what @access holds, on failure too. The region lies nowhere yet. */
EmuMemoryRegion *script_region_new(gpointer owner, const char *name, guint64 size, const ScriptAccess *access, GError **error);
/* For lines whose handler is script_input_cb(). */
ScriptInput *script_input_new(gpointer owner, EmuScriptLineFunc func, gpointer user_data, GDestroyNotify destroy);
void script_input_cb(gpointer opaque, unsigned index, int level);
/* The functions go: they hold the script's object, and that the owner. */
void script_instance_release(gpointer object);
/* Prints it and pauses the machine. */
void script_report_exception(gpointer object, EmuMachine *machine, const char *text);
bool script_check_name(gpointer owner, const char *name, GError **error);
/* What a type can be called; @of_what: in the plural; @suffix: what names of such types end with. */
bool script_check_type_name(const char *name, const char *of_what, const char *suffix, GError **error);
bool script_device_need_machine(EmuDevice *self, const char *what, GError **error);

G_END_DECLS
