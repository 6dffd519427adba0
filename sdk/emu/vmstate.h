/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Saved state: one table of named fields per device. Snapshots, migration, plugin reload and the
 * inspector use the same table.
 */

#include <emu/macros.h>

G_BEGIN_DECLS

typedef struct _EmuVMState EmuVMState;

typedef enum {
    EMU_VM_KIND_END = 0,
    EMU_VM_KIND_BOOL,
    EMU_VM_KIND_U8,
    EMU_VM_KIND_U16,
    EMU_VM_KIND_U32,
    EMU_VM_KIND_U64,
    EMU_VM_KIND_BUFFER, /* size bytes in place */
    EMU_VM_KIND_VBUFFER, /* pointer to bytes, length in a uint32_t field at num_offset; a load never changes the length */
    EMU_VM_KIND_STRUCT, /* sub describes it; in place, num elements of size bytes */
    EMU_VM_KIND_POINTER, /* pointer to a struct described by sub; never NULL */
    EMU_VM_KIND_TIMER,  /* EmuTimer *: absolute expiry time in ns of its clock, -1 when not set */
} EmuVMKind;

typedef struct {
    const char *name;
    EmuVMKind kind;
    gsize offset;
    gsize size;       /* of one element */
    unsigned num;     /* elements, at least 1 */
    gsize num_offset; /* VBUFFER */
    const EmuVMState *sub;
    unsigned since;   /* first version that has it; loading an older state leaves the field as reset left it */
    bool (*exists)(gpointer self); /* optional; must not depend on fields that come later */
    gpointer (*resolve)(gpointer self); /* POINTER: the struct, for state that is kept apart; instead of offset */
    EMU_RESERVED_SLOTS(2);
} EmuVMField;

struct _EmuVMState {
    const char *name;
    unsigned version;
    unsigned minimum_version;
    const EmuVMField *fields;            /* ends with EMU_VM_END */
    const EmuVMState *const *subsections; /* NULL-terminated, may be NULL */
    bool (*needed)(gpointer self);       /* subsections: send it? */
    void (*pre_save)(gpointer self);
    /* Checks and derives; false + @error refuses the state. Hostile input: range-check every index. */
    bool (*post_load)(gpointer self, unsigned version, GError **error);
    EMU_RESERVED_SLOTS(4);
};

#define EMU_VM_(k, S, f, n) {.name = #f, .kind = EMU_VM_KIND_##k, .offset = offsetof(S, f), .size = sizeof(((S *)0)->f) / (n), .num = (n)}
#define EMU_VM_BOOL(S, f) EMU_VM_(BOOL, S, f, 1)
#define EMU_VM_U8(S, f) EMU_VM_(U8, S, f, 1)
#define EMU_VM_U16(S, f) EMU_VM_(U16, S, f, 1)
#define EMU_VM_U32(S, f) EMU_VM_(U32, S, f, 1) /* signed and enum fields of that size too */
#define EMU_VM_U64(S, f) EMU_VM_(U64, S, f, 1)
#define EMU_VM_U8_ARRAY(S, f) EMU_VM_(U8, S, f, G_N_ELEMENTS(((S *)0)->f))
#define EMU_VM_U16_ARRAY(S, f) EMU_VM_(U16, S, f, G_N_ELEMENTS(((S *)0)->f))
#define EMU_VM_U32_ARRAY(S, f) EMU_VM_(U32, S, f, G_N_ELEMENTS(((S *)0)->f))
#define EMU_VM_U64_ARRAY(S, f) EMU_VM_(U64, S, f, G_N_ELEMENTS(((S *)0)->f))
#define EMU_VM_BUFFER(S, f) EMU_VM_(BUFFER, S, f, 1)
#define EMU_VM_VBUFFER(S, f, len_field) {.name = #f, .kind = EMU_VM_KIND_VBUFFER, .offset = offsetof(S, f), .num_offset = offsetof(S, len_field), .num = 1}
#define EMU_VM_STRUCT(S, f, desc) {.name = #f, .kind = EMU_VM_KIND_STRUCT, .offset = offsetof(S, f), .size = sizeof(((S *)0)->f), .num = 1, .sub = desc}
#define EMU_VM_STRUCT_ARRAY(S, f, desc) {.name = #f, .kind = EMU_VM_KIND_STRUCT, .offset = offsetof(S, f), .size = sizeof(((S *)0)->f[0]), .num = G_N_ELEMENTS(((S *)0)->f), .sub = desc}
#define EMU_VM_POINTER(S, f, desc) {.name = #f, .kind = EMU_VM_KIND_POINTER, .offset = offsetof(S, f), .num = 1, .sub = desc}
#define EMU_VM_TIMER(S, f) {.name = #f, .kind = EMU_VM_KIND_TIMER, .offset = offsetof(S, f), .size = sizeof(gpointer), .num = 1}
#define EMU_VM_TIMER_ARRAY(S, f) {.name = #f, .kind = EMU_VM_KIND_TIMER, .offset = offsetof(S, f), .size = sizeof(gpointer), .num = G_N_ELEMENTS(((S *)0)->f)}
#define EMU_VM_END {.kind = EMU_VM_KIND_END}

/* Appends the state of @self to @out; loads it back from bytes, *pos advances. */
EMU_AVAILABLE_IN_1_0 bool emu_vmstate_save(const EmuVMState *vms, gpointer self, GByteArray *out, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_vmstate_load(const EmuVMState *vms, gpointer self, const uint8_t *data, gsize len, gsize *pos, GError **error);
/* JSON text of what a table describes. (transfer full) */
EMU_AVAILABLE_IN_1_0 char *emu_vmstate_describe(const EmuVMState *vms);

G_END_DECLS
