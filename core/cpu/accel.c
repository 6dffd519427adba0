/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* EmuAccel: what runs guest code. */

#include "cpu/cpu-private.h"

#include "qom/opts.h"

#include <string.h>

G_DEFINE_ABSTRACT_TYPE(EmuAccel, emu_accel, EMU_TYPE_OBJECT)

static void
emu_accel_init(EmuAccel *self G_GNUC_UNUSED)
{
}

static void
emu_accel_class_init(EmuAccelClass *klass G_GNUC_UNUSED)
{
}

/**
 * emu_machine_get_device_type:
 * @machine: a machine whose accelerator is set up
 * @type_name: a chip's type
 *
 * Boards make interrupt controllers and timers by what this returns. A form of an accelerator's own is derived from @type_name, takes
 * the same properties and has the same saved state.
 *
 * Returns: (transfer none): a type name
 */
const char *
emu_machine_get_device_type(EmuMachine *machine, const char *type_name)
{
    EmuAccel *accel = emu_machine_get_accel(machine);
    const char *own = accel && EMU_ACCEL_GET_CLASS(accel)->get_device_type
                          ? EMU_ACCEL_GET_CLASS(accel)->get_device_type(accel, type_name)
                          : NULL;

    return own ? own : type_name;
}

/**
 * emu_accel_stat_new: (skip)
 */
EmuAccelStat *
emu_accel_stat_new(const char *name, EmuAccelStatKind kind, unsigned n_values, const uint64_t *values)
{
    EmuAccelStat *self = g_new0(EmuAccelStat, 1);

    self->name = g_strdup(name);
    self->kind = kind;
    self->base = 10;
    self->n_values = n_values;
    self->values = g_memdup2(values, n_values * sizeof(*values));
    return self;
}

/**
 * emu_accel_stat_free: (skip)
 */
void
emu_accel_stat_free(EmuAccelStat *self)
{
    if (self) {
        g_free(self->name);
        g_free(self->values);
        g_free(self);
    }
}

EmuAccel *
emu_accel_new_from_text(const char *text, GError **error)
{
    g_autoptr(EmuOpts) opts = emu_opts_parse(text, "accel", NULL, error);
    const char *name = opts ? emu_opts_get(opts, "accel") : NULL;
    g_autofree char *type_name = NULL;
    g_autoptr(EmuAccel) accel = NULL;
    GType type;

    if (!opts) {
        return NULL;
    }
    if (!name) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "no accelerator named, expected one such as tcg");
        return NULL;
    }
    type_name = g_strconcat(name, "-accel", NULL);
    type = emu_type_lookup(type_name, NULL);
    if (type == G_TYPE_INVALID || !g_type_is_a(type, EMU_TYPE_ACCEL)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "invalid accelerator %s", name);
        return NULL;
    }
    accel = emu_object_new(type_name, error);
    for (guint i = 0; accel && i < emu_opts_get_n(opts); i++) {
        const EmuOpt *opt = emu_opts_get_nth(opts, i);

        if (strcmp(opt->key, "accel") != 0 && !emu_object_set_from_string(accel, opt->key, opt->value, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&accel);
}

static void
accel_register_types(void)
{
    emu_type_register_gtype("accel", EMU_TYPE_ACCEL);
}
type_init(accel_register_types)
