/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What types there are. */

#include <emu/script/types.h>

G_BEGIN_DECLS

#define EMU_SCRIPT_TYPE_PROPERTY (emu_script_property_get_type())
/**
 * EmuScriptProperty:
 *
 * A property of a type or an object, as help texts show it.
 */
typedef struct _EmuScriptProperty EmuScriptProperty;
EMU_AVAILABLE_IN_1_0 GType emu_script_property_get_type(void);
EMU_AVAILABLE_IN_1_0 EmuScriptProperty *emu_script_property_copy(EmuScriptProperty *self);
EMU_AVAILABLE_IN_1_0 void emu_script_property_free(EmuScriptProperty *self);
EMU_AVAILABLE_IN_1_0 const char *emu_script_property_get_name(EmuScriptProperty *self);
EMU_AVAILABLE_IN_1_0 const char *emu_script_property_get_type_text(EmuScriptProperty *self);
EMU_AVAILABLE_IN_1_0 const char *emu_script_property_get_description(EmuScriptProperty *self);
EMU_AVAILABLE_IN_1_0 const char *emu_script_property_get_default(EmuScriptProperty *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_property_is_writable(EmuScriptProperty *self);

#define EMU_SCRIPT_TYPE_REGISTRY (emu_script_registry_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptRegistry, emu_script_registry, EMU_SCRIPT, REGISTRY, GObject)
EMU_AVAILABLE_IN_1_0 EmuScriptRegistry *emu_script_registry_get_default(void);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_registry_add_plugin_dir(EmuScriptRegistry *self, const char *dir, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_registry_scan(EmuScriptRegistry *self);
EMU_AVAILABLE_IN_1_0 char **emu_script_registry_list_types(EmuScriptRegistry *self, const char *ancestor, gboolean with_abstract);
EMU_AVAILABLE_IN_1_0 char **emu_script_registry_list_devices(EmuScriptRegistry *self, const char *bus);
EMU_AVAILABLE_IN_1_0 char **emu_script_registry_list_boards(EmuScriptRegistry *self);
EMU_AVAILABLE_IN_1_0 char **emu_script_registry_list_plugins(EmuScriptRegistry *self);
EMU_AVAILABLE_IN_1_0 char **emu_script_registry_list_refusals(EmuScriptRegistry *self);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_registry_has_type(EmuScriptRegistry *self, const char *name);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_registry_is_a(EmuScriptRegistry *self, const char *name, const char *ancestor);
EMU_AVAILABLE_IN_1_0 char *emu_script_registry_get_description(EmuScriptRegistry *self, const char *name, GError **error);
EMU_AVAILABLE_IN_1_0 char *emu_script_registry_get_plugin(EmuScriptRegistry *self, const char *name);
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_script_registry_list_properties(EmuScriptRegistry *self, const char *name, GError **error);

G_END_DECLS
