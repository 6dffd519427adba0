/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the rest of the core may ask of devices beyond <emu/device.h>.
 *
 *   line.c      lines and their connections
 *   bus.c       buses
 *   device.c    life cycle, place in the tree, global properties
 *   registers.c register banks: rules, dispatch, reset, state;  registers-info.c: what inspectors see
 *   reset.c     the three phases over a set of trees
 *   vmstate.c   one table <-> bytes;  state-tree.c: all devices of a machine
 *   device-help.c   -device help, info qtree
 *   sysbus.c isa.c pci*.c i2c.c spi.c  the buses that every build has
 */

#include <emu/device.h>
#include <emu/machine.h>

G_BEGIN_DECLS

/* ---- lines -------------------------------------------------------------------------------------- */

EmuLine *emu_line_new_child(gpointer owner, const char *name, bool output, EmuLineFunc fn, gpointer opaque, unsigned index);

/* A line that stands in for another has its level; nobody is told. */
void emu_line_put_level(EmuLine *line, int level);
/* An output: inputs that several of these drive are high while one of them is. */
void emu_line_set_shared(EmuLine *line);

/* Sees each time that a line is driven, before the handlers of what it is connected to. Big lock held. */
typedef void (*EmuLineObserverFunc)(gpointer opaque, EmuLine *line, int level);
void emu_line_add_observer(EmuLine *line, EmuLineObserverFunc fn, gpointer opaque);
void emu_line_remove_observer(EmuLine *line, EmuLineObserverFunc fn, gpointer opaque);

/* ---- buses -------------------------------------------------------------------------------------- */

/* Used by device.c. */
bool emu_bus_add_device(EmuBus *self, EmuDevice *dev, GError **error);
void emu_bus_remove_device(EmuBus *self, EmuDevice *dev);
EmuHotplugHandler *emu_bus_get_hotplug_handler(EmuBus *self);
/* To a place in the order of plugging. */
void emu_bus_move_device(EmuBus *self, EmuDevice *dev, unsigned index);
void emu_bus_detach_owner(EmuBus *self);

/* ---- devices ------------------------------------------------------------------------------------ */

void emu_device_add_bus(EmuDevice *self, EmuBus *bus);
void emu_device_remove_bus(EmuDevice *self, EmuBus *bus);
bool emu_device_is_user_created(EmuDevice *self);
/* The user added it when the machine was complete. */
void emu_device_set_hotplugged(EmuDevice *self, bool hotplugged);
bool emu_device_is_hotplugged(EmuDevice *self);
EmuDevice *emu_device_get_maker(EmuDevice *self); /* the device that realized it in its own realize; NULL: none */
/* For one that plugs into no bus. Before it is realized. */
void emu_device_set_hotplug_handler(EmuDevice *self, gpointer handler);
/* It stands in for a device that was there before, or makes way for one: no hotplug handler and no client hears of it. */
void emu_device_set_replacing(EmuDevice *self, bool replacing);
bool emu_device_is_replacing(EmuDevice *self);
bool emu_device_class_is_user_creatable(EmuDeviceClass *klass);

/*
 * -global: applied to each device made on the calling thread from here on, base types first, before
 * any other property is set. The array is borrowed, NULL ends it; emu_device_new() fails when a value does.
 */
typedef struct {
    char *driver, *property, *value;
    bool used; /* some device took it: the others are worth a warning */
} EmuGlobalProperty;
EmuGlobalProperty *emu_global_property_new(const char *driver, const char *property, const char *value);
void emu_global_property_free(EmuGlobalProperty *self);
void emu_device_use_globals(GPtrArray *globals);

/*
 * The bus for a -device without bus= (@name NULL: the first of type @bus_type with room), or by its name, or by an
 * absolute path; the message says what buses there are.
 */
EmuBus *emu_bus_find(EmuMachine *machine, const char *name, const char *bus_type, GError **error);
/* By id or by path. */
EmuDevice *emu_device_find(EmuMachine *machine, const char *id_or_path, GError **error);

/* ---- reset -------------------------------------------------------------------------------------- */

/* Enter, hold, exit over all trees: each phase is done everywhere before the next begins. @roots: devices and buses. */
void emu_reset_objects(gpointer const *roots, unsigned n);

/* ---- saved state -------------------------------------------------------------------------------- */

/* All realized devices below @root in tree order. */
bool emu_device_tree_save(gpointer root, GByteArray *out, GError **error);
/* Hostile input. On failure some devices may have been loaded: reset the machine. */
bool emu_device_tree_load(gpointer root, const uint8_t *data, gsize len, GError **error);

/* ---- listings (transfer full) ----------------------------------------------------------------------- */

char *emu_device_help(void);                                   /* -device help */
char *emu_device_type_help(const char *type, GError **error);  /* -device TYPE,help */
char *emu_describe_qtree(EmuMachine *machine);                 /* info qtree */
/* device-list-properties: (element-type EmuPropertyInfo) */
GPtrArray *emu_device_type_list_properties(const char *type, GError **error);
char *emu_describe_pci(EmuMachine *machine);                   /* info pci */

G_END_DECLS
