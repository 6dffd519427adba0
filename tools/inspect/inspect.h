/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* emu-inspect: what plugins and types are, as JSON; the text is made from the JSON. */

#include <emu/emu.h>

#include <json-glib/json-glib.h>

/* All of them (transfer full). From the manifest alone; nothing of the plugin runs. */
JsonObject *inspect_manifest(const EmuPluginInfo *info, const char *refusal);
JsonObject *inspect_list(void);
/* Opens the plugin and makes the class; NULL and @error when it has no such type. */
JsonObject *inspect_type(const char *name, GError **error);
/* Adds what only a realized device can show: lines, buses, regions. Realizes one on a machine for tests. */
void inspect_type_realized(JsonObject *type);

void inspect_print_list(JsonObject *list);
void inspect_print_plugin(JsonObject *plugin);
void inspect_print_type(JsonObject *type);
