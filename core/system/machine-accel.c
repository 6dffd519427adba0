/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The choice among the accelerators that the user lists. */

#include "cpu/cpu-private.h"
#include "system/machine-private.h"

#include <emu/log.h>
#include <string.h>

/**
 * emu_machine_add_accel:
 * @self: a machine
 * @text: "NAME[,property=value]...", or names to try one after the other with colons between, "kvm:tcg"
 *
 * Adds to the list of accelerators that the build tries in order.
 */
bool
emu_machine_add_accel(EmuMachine *self, const char *text, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    g_auto(GStrv) names = NULL;

    if (strchr(text, ',') || !strchr(text, ':')) {
        if (!*text) {
            g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "no accelerator named, expected one such as tcg");
            return false;
        }
        g_ptr_array_add(priv->accel_texts, g_strdup(text));
        return true;
    }
    names = g_strsplit(text, ":", -1);
    for (char **name = names; *name; name++) {
        if (**name) {
            g_ptr_array_add(priv->accel_texts, g_strdup(*name));
        }
    }
    return true;
}

static EmuAccel *
try_accel(EmuMachine *machine, const char *text, GError **error)
{
    g_autoptr(EmuAccel) accel = emu_accel_new_from_text(text, error);

    if (!accel || (EMU_ACCEL_GET_CLASS(accel)->setup && !EMU_ACCEL_GET_CLASS(accel)->setup(accel, machine, error))) {
        return NULL;
    }
    return g_steal_pointer(&accel);
}

/* Takes the first of the list that works. A bad property is the user's mistake and ends the search. */
bool
emu_machine_setup_accel(EmuMachine *self, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    g_autoptr(GString) refusals = g_string_new(NULL);

    if (priv->no_accel) {
        return true;
    }
    if (priv->accel_texts->len == 0) {
        g_ptr_array_add(priv->accel_texts, g_strdup("tcg"));
    }
    for (guint i = 0; i < priv->accel_texts->len; i++) {
        const char *text = g_ptr_array_index(priv->accel_texts, i);
        g_autoptr(GError) failure = NULL;

        priv->accel = try_accel(self, text, &failure);
        if (priv->accel) {
            emu_object_add_child(self, "accel", priv->accel, NULL);
            if (i > 0) {
                emu_warn_report("%s; falling back to %s", refusals->str, text);
            }
            return true;
        }
        if (g_error_matches(failure, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_PROPERTY) ||
            g_error_matches(failure, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE)) {
            g_propagate_prefixed_error(error, g_steal_pointer(&failure), "-accel %s: ", text);
            return false;
        }
        g_string_append_printf(refusals, "%s-accel %s: %s", refusals->len ? "; " : "", text, failure->message);
    }
    g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, refusals->str);
    return false;
}
