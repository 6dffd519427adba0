/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the files about properties share: parse.c, property.c (classes), object-property.c (objects). */

#include "qom/qom-private.h"

/* On a GParamSpec of ours. */
typedef struct {
    char *name; /* as QOM says it */
    const EmuProperty *field;
    char *(*get)(gpointer self, GError **error);
    bool (*set)(gpointer self, const char *value, GError **error);
    uint32_t flags;
} Property;

/* ---- parse.c ----------------------------------------------------------------------------------------------- */

/* "52:54:00:12:34:56"; false, and @mac as it was, when @text is something else. */
bool emu_parse_mac(const char *text, uint8_t mac[6]);

/* ---- property.c -------------------------------------------------------------------------------------------- */

/* NULL for a GParamSpec of a C class. */
Property *property_of(GParamSpec *pspec);
/* By the name as QOM says it; NULL: none. */
GParamSpec *property_find(gpointer klass, const char *name);
const char *property_name(GParamSpec *pspec);
/* As help texts and QMP say it. (transfer full) */
char *property_type_text(GParamSpec *pspec);
/* Whether it may be set now. */
bool property_check_set(gpointer obj, GParamSpec *pspec, GError **error);
/* False, with a sentence that says what was expected. */
bool property_refuse(gpointer obj, GParamSpec *pspec, const char *value, GError **error);
/* A field of the instance as text; these do not check whether it may be set. */
char *property_field_default_text(const EmuProperty *f);
char *property_field_get_text(const EmuProperty *f, gpointer obj);
bool property_field_set_text(const EmuProperty *f, gpointer obj, const char *value);
bool property_field_set_link(gpointer obj, GParamSpec *pspec, gpointer target, GError **error);
