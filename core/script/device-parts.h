/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Between what a script says of a type of devices (device-type.c) and what a device of it makes (device-parts.c). */

#include "script/device-type-private.h"

/* What an instance has here. */
typedef struct {
    gpointer object; /* whose it is: a device, or a board */
    bool live; /* from the beginning of its realize to its end */
    GPtrArray *regions, *inputs, *timers;
    EmuLine *irq;
    uint8_t *state;
    gsize state_size;
    uint8_t *expires; /* saved state of the timers, 8 bytes each */
    uint32_t expires_size;
} Instance;

typedef struct {
    Instance *instance;
    EmuMemoryRegion *region;
    EmuMemoryRegion *container; /* it was put into by us */
    unsigned number;
    ScriptAccess access;
} Region;

typedef struct {
    Instance *instance;
    unsigned number;
    EmuTimer *timer;
    EmuScriptDeviceFunc func;
    gpointer data;
    GDestroyNotify destroy;
} DeviceTimer;

struct _ScriptInput {
    Instance *instance;
    unsigned number;
    EmuScriptLineFunc func;
    gpointer data;
    GDestroyNotify destroy;
};
typedef ScriptInput Input;

typedef enum { PART_READ, PART_WRITE, PART_INPUT, PART_TIMER } PartEvent;

/* The type that a script described, of a device; NULL: it is not a script's. */
EmuScriptDeviceType *script_device_type_of(gpointer device);
/* Made when it is first asked for. */
Instance *script_instance_of(gpointer object);
/* For parts without functions of their own. */
uint64_t script_part_call(const Instance *instance, PartEvent what, unsigned number, uint64_t offset, unsigned size, uint64_t value);
