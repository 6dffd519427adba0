/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What core/plugin and the rest of the core may ask of the type table. */

#include <emu/object.h>

/* A type module is whoever registers types: a plugin.  NULL stands for the core.  Never freed. */
typedef struct _EmuTypeModule EmuTypeModule;
EmuTypeModule *emu_type_module_new(const char *name);
const char *emu_type_module_get_name(EmuTypeModule *self);
/* Module functions queued by constructors on this thread between begin and end belong to @self;
 * end runs them in list order. */
void emu_type_module_begin(EmuTypeModule *self);
void emu_type_module_end(EmuTypeModule *self, bool run);
/* Instances of its types, or of types below them; it may be closed when there are none and it is not resident. */
guint emu_type_module_count_alive(EmuTypeModule *self);
bool emu_type_module_is_resident(EmuTypeModule *self);
/* The module whose init function runs, if any, becomes resident: something besides the table will point into it. */
void emu_type_module_keep_current(void);
/* The code is about to be closed: the table forgets the pointers into it, not the names. */
void emu_type_module_forget(EmuTypeModule *self, bool unmapped);
/* Whether it registers nothing but types and machines, so that nothing keeps pointers to its code when they are gone. */
bool emu_type_module_only_types(EmuTypeModule *self);
/* How many of the alive instances that emu_type_module_count_alive() counts an instance of @type is. */
guint emu_type_module_count_levels(EmuTypeModule *self, GType type);
/*
 * Reload: takes the rows of @self and of the types below them out of the table; their GTypes and instances go on. The
 * names are free for another module then. restore() brings the rows back and takes @instead's away; without it the array
 * is just dropped. (transfer full)
 */
GPtrArray *emu_type_module_set_aside(EmuTypeModule *self);
void emu_type_module_restore(GPtrArray *aside, EmuTypeModule *instead);

/* Set by core/plugin.  provide: makes @name known to the table by opening its plugin; true when it did
 * something; false without error: nobody provides it.  provide_candidates: opens all plugins that may
 * provide descendants of @ancestor.  knows: whether some plugin provides @name. */
typedef struct {
    bool (*provide)(const char *name, GError **error);
    void (*provide_candidates)(const char *ancestor);
    bool (*knows)(const char *name);
} EmuTypeHooks;
void emu_type_set_hooks(const EmuTypeHooks *hooks);

/* The one lock of types and plugins, recursive. */
void emu_type_lock(void);
void emu_type_unlock(void);
/* The GType if it is made already; makes and opens nothing. */
GType emu_type_peek(const char *name);
/* Who registered @name: NULL and false when nobody has, NULL and true for the core. */
bool emu_type_find_module(const char *name, EmuTypeModule **module);
/* (transfer container): names of the types that @self registered */
GPtrArray *emu_type_module_list_types(EmuTypeModule *self);

/* True when the table knows (without opening anything) that @name is or descends from @ancestor. */
bool emu_type_name_is_a(const char *name, const char *ancestor);
/* The core's own lists; called by whatever needs the table first, and by emu_main() at the right moment. */
void emu_module_run_core(void);

/* property.c, for object.c and type.c */
void emu_property_write_defaults(EmuObject *obj, GType type);
void emu_property_release_fields(EmuObject *obj);
EmuObject *emu_object_get_lookup_root(EmuObject *obj);
/* What a type is that was registered as a GType. */
void emu_type_describe_gtype(GType type, const char *description);
/* Place among the children of its parent. */
unsigned emu_object_get_position(EmuObject *child);
void emu_object_set_position(EmuObject *child, unsigned index);
/* May this property be set at any time? */
bool emu_object_property_is_runtime(gpointer obj, const char *name);
/* "pit0" or, for what has no name yet, the type's name. */
const char *emu_object_get_label(gpointer obj);

/* The name GObject accepts for a QOM property name. (transfer full) */
char *emu_property_mangle(const char *name);
