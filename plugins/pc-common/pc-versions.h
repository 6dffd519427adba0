/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The versions of the board that command lines ask for: X(version, alias); @current is the alias of today's. */
#define PC_VERSIONS(X, current)                                                                             \
    X("2.0", NULL) X("2.1", NULL) X("2.2", NULL) X("2.3", NULL) X("2.4", NULL) X("2.5", NULL) X("2.6", NULL) X("2.7", NULL) \
    X("2.8", NULL) X("2.9", NULL) X("2.10", NULL) X("2.11", NULL) X("2.12", NULL) X("3.0", NULL) X("3.1", NULL) \
    X("4.0", NULL) X("4.1", NULL) X("4.2", NULL) X("5.0", NULL) X("5.1", NULL) X("5.2", NULL) X("6.0", NULL) \
    X("6.1", NULL) X("6.2", NULL) X("7.0", NULL) X("7.1", NULL) X("7.2", current) X("8.0", NULL) X("8.1", NULL) \
    X("8.2", NULL) X("9.0", NULL) X("9.1", NULL) X("9.2", NULL) X("10.0", NULL) X("10.1", NULL) X("10.2", NULL)

#include <emu/object.h>

/* class_data of a version's type. */
typedef struct {
    const char *description;
    const char *alias;
    bool is_default;
} PcVersion;

void pc_version_class_init(gpointer klass, gconstpointer class_data);
