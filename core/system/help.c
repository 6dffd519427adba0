/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What "help" in place of a name prints. */

#include "system/startup.h"

#include "device/device-private.h"
#include "system/machine-private.h"

#include <emu/cpu.h>
#include <stdio.h>
#include <string.h>

void
emu_help_machines(void)
{
    g_autoptr(GPtrArray) names = emu_type_list("machine", false);

    printf("Supported machines are:\n");
    for (guint i = 0; i < names->len; i++) {
        const char *type_name = g_ptr_array_index(names, i);
        g_autoptr(GTypeClass) klass = g_type_class_ref(emu_type_lookup(type_name, NULL));
        EmuMachineClass *machine = EMU_MACHINE_CLASS(klass);
        g_autofree char *name = g_str_has_suffix(type_name, "-machine") ? g_strndup(type_name, strlen(type_name) - strlen("-machine")) : g_strdup(type_name);
        const char *description = machine->description ? machine->description : "";

        if (machine->alias) {
            printf("%-20s %s (alias of %s)\n", machine->alias, description, name);
        }
        printf("%-20s %s%s\n", name, description, machine->is_default ? " (default)" : "");
    }
}

void
emu_help_cpus(void)
{
    g_autoptr(GPtrArray) names = emu_type_list("cpu", false);

    printf("Available CPUs:\n");
    for (guint i = 0; i < names->len; i++) {
        const char *type_name = g_ptr_array_index(names, i);
        g_autofree char *model = emu_cpu_model_name(type_name);
        const char *description = emu_type_description(emu_type_lookup(type_name, NULL));

        printf("  %-22s %s\n", model ? model : type_name, description ? description : "");
    }
}

void
emu_help_accels(void)
{
    g_autoptr(GPtrArray) names = emu_type_list("accel", false);

    printf("Accelerators supported by emu:\n");
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (g_str_has_suffix(name, "-accel")) {
            printf("%.*s\n", (int)(strlen(name) - strlen("-accel")), name);
        }
    }
}

bool
emu_help_properties(const char *type_name, const char *title, GError **error)
{
    g_autoptr(GPtrArray) infos = emu_type_list_properties(type_name, error);

    if (!infos) {
        return false;
    }
    printf("%s options:\n", title);
    for (guint i = 0; i < infos->len; i++) {
        const EmuPropertyInfo *info = g_ptr_array_index(infos, i);
        g_autofree char *head = g_strdup_printf("%s=<%s>", info->name, info->type);

        if (!info->writable) {
            continue;
        }
        printf("  %-23s - %s", head, info->description ? info->description : "");
        if (info->default_value) {
            printf(" (default: %s)", info->default_value);
        }
        printf("\n");
    }
    return true;
}

bool
emu_help_devices(const char *driver, GError **error)
{
    g_autofree char *text = driver ? emu_device_type_help(driver, error) : emu_device_help();

    if (text) {
        fputs(text, stdout);
    }
    return text != NULL;
}

bool
emu_help_objects(const char *type, GError **error)
{
    g_autoptr(GPtrArray) names = NULL;

    if (type) {
        return emu_help_properties(type, type, error);
    }
    names = emu_type_list("user-creatable", false);
    printf("List of user creatable objects:\n");
    for (guint i = 0; i < names->len; i++) {
        printf("  %s\n", (const char *)g_ptr_array_index(names, i));
    }
    return true;
}
