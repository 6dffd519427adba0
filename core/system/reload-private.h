/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a reload of a plugin (reload.c) keeps, and finds out first (reload-plan.c). */

#include "system/machine-private.h"

#include "plugin/plugin-private.h"

typedef struct {
    char *line; /* name in the device */
    EmuLine *peer;
} Wire;

typedef struct {
    char *name;
    GBytes *bytes;
} Contents;

typedef struct {
    unsigned index;
    EmuMemoryRegion *container;
    uint64_t addr;
    int priority;
} Mapping;

/* A link of an object that stays, or a pointer that the board keeps, to something that is made again. */
typedef struct {
    EmuObject *object;
    char *property;
    EmuObject **where; /* instead of the two */
    char *path, *type_name; /* of the target; type_name NULL: the property checks */
    bool set;
} Pointer;

/* A device that is made again, while it does not exist. */
typedef struct {
    EmuDevice *dev; /* NULL in between */
    bool inner;     /* another one makes it */
    guint bus_index, tree_index; /* its place among others */
    char *path;
    char *type_name, *id, *name;
    EmuObject *parent;
    char *bus_path; /* not a pointer: the bus may be made again too; NULL: none */
    bool user_created;
    GPtrArray *properties; /* name, value, name, value ... of those that were not at their default */
    GPtrArray *wires;      /* Wire, to lines of devices that stay */
    GPtrArray *contents;   /* of RAM regions */
    GHashTable *levels;    /* name of a line -> its level */
    GArray *mappings;      /* Mapping: regions of a sysbus device */
} Replaced;

typedef struct {
    EmuMachine *machine;
    EmuTypeModule *old;
    GPtrArray *replaced; /* Replaced: in the order of making, once that is settled */
    GPtrArray *pointers; /* Pointer */
    GByteArray *state;
} Reload;

/* ---- reload.c ----------------------------------------------------------------------------------------------- */

void reload_wire_free(gpointer data);
void reload_contents_free(gpointer data);
void reload_mapping_clear(gpointer data);
void reload_replaced_free(gpointer data);
Replaced *reload_find(Reload *self, gpointer dev);
Replaced *reload_find_above(Reload *self, EmuObject *object);

/* ---- reload-plan.c ------------------------------------------------------------------------------------------ */

void reload_walk_bus(Reload *self, EmuBus *bus);
bool reload_walk_tree(EmuObject *object, gpointer data);
bool reload_check(Reload *self, GError **error);
bool reload_order(Reload *self, GError **error);
