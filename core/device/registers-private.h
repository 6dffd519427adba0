/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A bank as the core keeps it: copied with the sizes that the plugin was built with, masks worked out, one entry per byte. */

#include <emu/registers.h>

G_BEGIN_DECLS

typedef struct {
    EmuRegister r;
    uint64_t all;              /* the bits of its width */
    uint64_t rw, w1c, rc, wo;  /* what an access does to which */
    EmuRegisterField *fields;
    unsigned n_fields;
} EmuRegisterEntry;

typedef struct {
    EmuRegisterBank bank;
    EmuRegisterEntry *entries;
    unsigned n_entries;
    uint16_t *at; /* of each byte of the bank: entry + 1, 0: none */
} EmuRegisterMap;

/* The banks of a class, the last one added first; those of the base classes follow. */
typedef struct _EmuRegisterLink EmuRegisterLink;
struct _EmuRegisterLink {
    const EmuRegisterBank *bank; /* as given: identity */
    EmuRegisterMap *map;
    gsize offset;
    const EmuRegisterLink *next;
};

EmuRegisterMap *emu_register_map_new(const EmuRegisterBank *bank);
void emu_register_map_free(EmuRegisterMap *map);
uint64_t emu_register_map_read(const EmuRegisterMap *map, gpointer self, uint64_t offset, unsigned size, bool debug);
void emu_register_map_write(const EmuRegisterMap *map, gpointer self, uint64_t offset, uint64_t value, unsigned size);
/* The value without effects; false: it cannot be had. */
bool emu_register_entry_peek(const EmuRegisterEntry *e, gpointer self, unsigned index, uint64_t *value);

/* Called by reset.c: values in enter, changed() in hold. */
void emu_device_reset_registers(EmuDevice *dev);
void emu_device_registers_changed(EmuDevice *dev);

G_END_DECLS
