/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the generated code is made of: descriptors of the schema's types, and functions that turn C structs
 * into JSON and back by walking them.
 *
 * In C a struct is a pointer to allocated memory, a list is a GPtrArray (whose elements are structs, strings
 * or, for numbers, booleans and enums, int64_t *), "any" is a JsonNode. What a struct points to is its own.
 */

#include <emu/machine.h>

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

typedef enum {
    EMU_QMP_STRING,
    EMU_QMP_BOOL,
    EMU_QMP_NUMBER,
    EMU_QMP_INT,
    EMU_QMP_UINT,
    EMU_QMP_ANY,
    EMU_QMP_ENUM,
    EMU_QMP_STRUCT,
    EMU_QMP_LIST,
} EmuQmpKind;

typedef struct _EmuQmpType EmuQmpType;

typedef struct {
    const char *name;
    const EmuQmpType *type;
    gsize offset;
    gssize has_offset; /* of the has_ field; -1: none */
    bool optional;
} EmuQmpMember;

struct _EmuQmpType {
    const char *name;
    EmuQmpKind kind;
    gsize size;
    const EmuQmpMember *members;
    unsigned n_members;
    int tag; /* index of the discriminator; -1: no union */
    const EmuQmpType *const *branches; /* by the discriminator's value; NULL: nothing more */
    gsize branch_offset;
    const char *const *values;
    unsigned n_values;
    const EmuQmpType *element;
    int64_t min;
    uint64_t max;
};

typedef struct _EmuMonitors EmuMonitors;
typedef struct _EmuMonitor EmuMonitor;

/* A command being carried out. */
typedef struct {
    EmuMonitors *monitors;
    EmuMachine *machine;
    EmuMonitor *monitor; /* NULL: called from C */
    struct _EmuQmpSession *session; /* the connection it came over; may be NULL */
} EmuQmpCall;

/* Error classes of the protocol; any other error domain is a GenericError. */
#define EMU_QMP_ERROR (emu_qmp_error_quark())
typedef enum {
    EMU_QMP_ERROR_GENERIC,
    EMU_QMP_ERROR_COMMAND_NOT_FOUND,
    EMU_QMP_ERROR_DEVICE_NOT_ACTIVE,
    EMU_QMP_ERROR_DEVICE_NOT_FOUND,
    EMU_QMP_ERROR_KVM_MISSING_CAP,
} EmuQmpErrorClass;
GQuark emu_qmp_error_quark(void);
const char *emu_qmp_error_class(const GError *error);

/* (transfer full) both. take_json frees @value. */
JsonNode *emu_qmp_to_json(const EmuQmpType *type, gconstpointer value);
JsonNode *emu_qmp_take_json(const EmuQmpType *type, gpointer value);
JsonNode *emu_qmp_new_empty(void); /* {} */
/* A struct from an object; NULL and @error when it does not fit: unknown, missing, of another type, out of range. */
gpointer emu_qmp_from_json(const EmuQmpType *type, JsonObject *object, GError **error);
void emu_qmp_free(const EmuQmpType *type, gpointer value);
int emu_qmp_enum_from_name(const EmuQmpType *type, const char *name); /* -1: none */

G_END_DECLS
