/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Visibility and version macros of the SDK. */

#include <glib-object.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EMU_SDK_MAJOR 1
#define EMU_SDK_MINOR 0

#define EMU_AVAILABLE_IN_1_0 __attribute__((visibility("default"))) extern

#define EMU_RESERVED_SLOTS(n) gpointer _reserved[n]
