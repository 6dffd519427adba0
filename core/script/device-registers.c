/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Scripts see the registers that a device declares. */

#include "script/script-private.h"

#include <emu/registers.h>

/**
 * emu_script_device_list_registers:
 * @self: a device
 *
 * Names of the registers that it declares: "NAME", one of several "NAME[2]", with several banks "BANK.NAME".
 *
 * Returns: (transfer full) (array zero-terminated=1): the names, none when it declares none
 */
char **
emu_script_device_list_registers(EmuDevice *self)
{
    ScriptScope scope = script_object_enter(self);
    g_autoptr(GPtrArray) registers = emu_device_list_registers(self);
    GPtrArray *names = g_ptr_array_new();
    bool several = false;

    for (guint i = 1; i < registers->len; i++) {
        const EmuRegisterInfo *first = g_ptr_array_index(registers, 0), *info = g_ptr_array_index(registers, i);

        several |= g_strcmp0(first->bank, info->bank) != 0;
    }
    for (guint i = 0; i < registers->len; i++) {
        const EmuRegisterInfo *info = g_ptr_array_index(registers, i);

        g_ptr_array_add(names, several ? g_strconcat(info->bank, ".", info->name, NULL) : g_strdup(info->name));
    }
    g_ptr_array_add(names, NULL);
    script_scope_leave(&scope);
    return (char **)g_ptr_array_free(names, FALSE);
}

/**
 * emu_script_device_get_register:
 * @self: a device
 * @name: a register, as emu_script_device_list_registers() names it
 * @value: (out): what it holds
 * @error: return location
 *
 * Looks at a register; unlike a read of the guest's it has no effect.
 *
 * Returns: (skip): whether there is such a register, and it can be looked at
 */
gboolean
emu_script_device_get_register(EmuDevice *self, const char *name, guint64 *value, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    g_autofree char *path = script_object_name(self);
    GError *local = NULL;
    uint64_t found = 0;
    bool ok = emu_device_peek_register(self, name, &found, &local);

    script_scope_leave(&scope);
    *value = found;
    return ok || script_error_take(error, local, path, name);
}

/**
 * emu_script_device_set_register:
 * @self: a device
 * @name: a register, as emu_script_device_list_registers() names it
 * @value: what is written
 * @error: return location
 *
 * Writes a register as the guest would, with all effects.
 *
 * Returns: whether there is such a register
 */
gboolean
emu_script_device_set_register(EmuDevice *self, const char *name, guint64 value, GError **error)
{
    ScriptScope scope = script_object_enter(self);
    g_autofree char *path = script_object_name(self);
    GError *local = NULL;
    bool ok = emu_device_poke_register(self, name, value, &local);

    script_scope_leave(&scope);
    return ok || script_error_take(error, local, path, name);
}

/**
 * emu_script_device_describe_registers:
 * @self: a device
 *
 * Its banks of registers: names, offsets, widths, access, reset values, fields.
 *
 * Returns: (transfer full): JSON
 */
char *
emu_script_device_describe_registers(EmuDevice *self)
{
    char *text = emu_type_describe_registers(emu_object_get_type_name(self), NULL);

    return text ? text : g_strdup("[]");
}
