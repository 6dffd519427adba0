/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reset in three phases.
 *
 *   enter   own state; nobody else is touched
 *   hold    lines are driven to their levels in reset; buses reset themselves
 *   exit    things start to act: a CPU fetches
 *
 * Each phase visits everything, owners before what hangs on their buses, before the next begins; so a
 * device sees in hold that all others have their reset state.
 */

#include "device/device-private.h"
#include "device/registers-private.h"

#include <emu/log.h>

static void
reset_collect(GPtrArray *set, GHashTable *seen, gpointer object)
{
    GPtrArray *below;

    if (!g_hash_table_add(seen, object)) {
        return;
    }
    g_ptr_array_add(set, g_object_ref(object));
    below = EMU_IS_BUS(object) ? emu_bus_get_devices(object) : emu_device_get_buses(object);
    for (unsigned i = 0; i < below->len; i++) {
        gpointer child = g_ptr_array_index(below, i);

        if (EMU_IS_BUS(child) || emu_device_is_realized(child)) {
            reset_collect(set, seen, child);
        }
    }
}

static void
reset_phase(GPtrArray *set, unsigned phase)
{
    for (unsigned i = 0; i < set->len; i++) {
        gpointer object = g_ptr_array_index(set, i);

        if (EMU_IS_BUS(object)) {
            EmuBusClass *klass = EMU_BUS_GET_CLASS(object);

            if (phase == 1 && klass->reset) {
                klass->reset(object);
            }
        } else {
            EmuDeviceClass *klass = EMU_DEVICE_GET_CLASS(object);
            void (*fn)(EmuDevice *) = phase == 0 ? klass->reset_enter : phase == 1 ? klass->reset_hold : klass->reset_exit;
            EmuBus *bus = emu_device_get_bus(object);

            if (phase == 0 && bus && EMU_BUS_GET_CLASS(bus)->reset_device) {
                EMU_BUS_GET_CLASS(bus)->reset_device(bus, object);
            }
            if (phase == 0) {
                emu_device_reset_registers(object);
            }
            if (fn) {
                fn(object);
            }
            if (phase == 1) {
                emu_device_registers_changed(object);
            }
        }
    }
}

void
emu_reset_objects(gpointer const *roots, unsigned n)
{
    /* A device whose reset resets another one that is being reset already has no effect on it; per thread, because a
     * machine is reset under its big lock. */
    static __thread GHashTable *resetting;
    g_autoptr(GPtrArray) set = g_ptr_array_new_with_free_func(g_object_unref);
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    bool outermost = resetting == NULL;

    for (unsigned i = 0; i < n; i++) {
        reset_collect(set, seen, roots[i]);
    }
    if (outermost) {
        resetting = g_hash_table_new(NULL, NULL);
    }
    for (unsigned i = 0; i < set->len;) {
        if (g_hash_table_contains(resetting, g_ptr_array_index(set, i))) {
            g_ptr_array_remove_index(set, i);
        } else {
            g_hash_table_add(resetting, g_ptr_array_index(set, i++));
        }
    }
    for (unsigned phase = 0; phase < 3; phase++) {
        reset_phase(set, phase);
    }
    for (unsigned i = 0; i < set->len; i++) {
        g_hash_table_remove(resetting, g_ptr_array_index(set, i));
    }
    if (outermost) {
        g_clear_pointer(&resetting, g_hash_table_unref);
    }
}

void
emu_device_reset(EmuDevice *dev)
{
    emu_reset_objects((gpointer[]){dev}, 1);
}

void
emu_bus_reset(EmuBus *bus)
{
    emu_reset_objects((gpointer[]){bus}, 1);
}
