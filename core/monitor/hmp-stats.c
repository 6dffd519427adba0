/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* "info stats". */

#include "monitor/hmp-commands.h"
#include "qmp-generated.h"

#include "system/machine-private.h"

#include <emu/cpu.h>
#include <string.h>

static const char *
si_prefix(int exponent)
{
    static const char *const prefixes[] = {"a", "f", "p", "n", "u", "m", "", "K", "M", "G", "T", "P", "E"};

    return prefixes[(exponent + 18) / 3];
}

static const char *
binary_prefix(int exponent)
{
    static const char *const prefixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};

    return prefixes[exponent / 10];
}

static void
print_meaning(EmuHmp *hmp, const EmuAccelStat *stat)
{
    static const char *const kinds[] = {"cumulative", "instant", "peak", "linear-histogram", "log2-histogram"};
    static const char *const units[] = {"", "B", "s", "cycles", "boolean"};
    static const char *const long_units[] = {"", "bytes", "seconds", "cycles", "boolean"};
    bool has_prefix = stat->unit == EMU_ACCEL_STAT_BYTES || stat->unit == EMU_ACCEL_STAT_SECONDS;

    hmp_printf(hmp, "    %s (%s%s", stat->name, kinds[stat->kind], stat->unit || stat->exponent ? ", " : "");
    if (has_prefix && stat->base == 10 && stat->exponent >= -18 && stat->exponent <= 18 && stat->exponent % 3 == 0) {
        hmp_printf(hmp, "%s%s", si_prefix(stat->exponent), units[stat->unit]);
    } else if (has_prefix && stat->base == 2 && stat->exponent >= 0 && stat->exponent <= 60 && stat->exponent % 10 == 0) {
        hmp_printf(hmp, "%s%s", binary_prefix(stat->exponent), units[stat->unit]);
    } else {
        if (stat->exponent) {
            hmp_printf(hmp, "* %u^%d%s", stat->base, stat->exponent, stat->unit ? " " : "");
        }
        hmp_printf(hmp, "%s", stat->exponent ? long_units[stat->unit] : units[stat->unit]);
    }
    if (stat->kind == EMU_ACCEL_STAT_LINEAR) {
        hmp_printf(hmp, ", bucket size=%u", stat->bucket_size);
    }
    hmp_printf(hmp, ")");
}

static void
print_stat(EmuHmp *hmp, const EmuAccelStat *stat)
{
    print_meaning(hmp, stat);
    if (stat->kind >= EMU_ACCEL_STAT_LINEAR) {
        hmp_printf(hmp, ":");
        for (unsigned i = 0; i < stat->n_values; i++) {
            hmp_printf(hmp, " [%u]=%" G_GUINT64_FORMAT, i + 1, stat->values[i]);
        }
        hmp_printf(hmp, "\n");
    } else if (stat->unit == EMU_ACCEL_STAT_BOOLEAN) {
        hmp_printf(hmp, ": %s\n", stat->values[0] ? "yes" : "no");
    } else {
        hmp_printf(hmp, ": %" G_GUINT64_FORMAT "\n", stat->values[0]);
    }
}

void
hmp_info_stats(EmuHmp *hmp, const EmuHmpValue *args)
{
    EmuAccel *accel = emu_machine_get_accel(hmp->machine);
    EmuAccelClass *klass = accel ? EMU_ACCEL_GET_CLASS(accel) : NULL;
    bool vcpu = strcmp(args[0].text, "vcpu") == 0;
    EmuCpu *cpu = vcpu ? hmp_cpu(hmp) : NULL;
    g_auto(GStrv) names = args[1].text && strcmp(args[1].text, "*") != 0 ? g_strsplit(args[1].text, ",", -1) : NULL;
    g_autoptr(GPtrArray) stats = NULL;
    GError *error = NULL;
    bool said = false;

    if (!vcpu && strcmp(args[0].text, "vm") != 0) {
        hmp_printf(hmp, "invalid stats target %s\n", args[0].text);
        return;
    }
    if (args[2].text && strcmp(args[2].text, "kvm") != 0) {
        hmp_printf(hmp, "invalid stats provider %s\n", args[2].text);
        return;
    }
    if ((vcpu && !cpu) || !klass || !klass->get_stats) {
        return;
    }
    stats = klass->get_stats(accel, cpu, &error);
    if (error) {
        hmp_report(hmp, error);
        return;
    }
    for (guint i = 0; stats && i < stats->len; i++) {
        const EmuAccelStat *stat = stats->pdata[i];

        if (!names || g_strv_contains((const char *const *)names, stat->name)) {
            if (!said) {
                hmp_printf(hmp, "provider: kvm\n");
                said = true;
            }
            print_stat(hmp, stat);
        }
    }
}
