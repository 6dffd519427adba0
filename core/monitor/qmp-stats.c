/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counters of the accelerator. */

#include "monitor/qmp-private.h"
#include "qmp-generated.h"

#include "system/machine-private.h"

#include <emu/cpu.h>

/* NULL without @error: this machine's accelerator has none of that kind. */
static GPtrArray *
get_stats(EmuQmpCall *call, EmuCpu *cpu, GError **error)
{
    EmuAccel *accel = emu_machine_get_accel(call->machine);
    EmuAccelClass *klass = accel ? EMU_ACCEL_GET_CLASS(accel) : NULL;

    return klass && klass->get_stats ? klass->get_stats(accel, cpu, error) : NULL;
}

static JsonNode *
value_to_json(const EmuAccelStat *stat)
{
    JsonNode *node;
    JsonArray *list;

    if (stat->n_values == 1 && stat->kind < EMU_ACCEL_STAT_LINEAR) {
        node = json_node_new(JSON_NODE_VALUE);
        if (stat->unit == EMU_ACCEL_STAT_BOOLEAN) {
            json_node_set_boolean(node, stat->values[0] != 0);
        } else {
            json_node_set_int(node, (gint64)stat->values[0]);
        }
        return node;
    }
    list = json_array_new();
    for (unsigned i = 0; i < stat->n_values; i++) {
        json_array_add_int_element(list, (gint64)stat->values[i]);
    }
    node = json_node_new(JSON_NODE_ARRAY);
    json_node_take_array(node, list);
    return node;
}

static bool
is_wanted(const GPtrArray *names, const char *name)
{
    for (guint i = 0; names && i < names->len; i++) {
        if (g_strcmp0(names->pdata[i], name) == 0) {
            return true;
        }
    }
    return !names;
}

/* Appends nothing when none of @names is there. */
static bool
add_result(EmuQmpCall *call, EmuCpu *cpu, const GPtrArray *names, GPtrArray *list, GError **error)
{
    GError *local = NULL;
    g_autoptr(GPtrArray) stats = get_stats(call, cpu, &local);
    QmpStatsResult *result;

    if (!stats) {
        if (local) {
            g_propagate_error(error, local);
        }
        return !local;
    }
    result = qmp_StatsResult_new();
    result->provider = QMP_STATS_PROVIDER_KVM;
    result->qom_path = cpu ? emu_object_get_canonical_path(cpu) : NULL;
    result->stats = g_ptr_array_new();
    for (guint i = 0; i < stats->len; i++) {
        const EmuAccelStat *stat = stats->pdata[i];
        QmpStats *entry;

        if (is_wanted(names, stat->name)) {
            entry = qmp_Stats_new();
            entry->name = g_strdup(stat->name);
            entry->value = value_to_json(stat);
            g_ptr_array_add(result->stats, entry);
        }
    }
    if (result->stats->len) {
        g_ptr_array_add(list, result);
    } else {
        emu_qmp_free(&qmp_type_StatsResult, result);
    }
    return true;
}

static void
free_list(GPtrArray *list, const EmuQmpType *type)
{
    for (guint i = 0; i < list->len; i++) {
        emu_qmp_free(type, list->pdata[i]);
    }
    g_ptr_array_unref(list);
}

/* Is @cpu among the paths? */
static bool
is_meant(EmuCpu *cpu, const GPtrArray *paths)
{
    g_autofree char *path = emu_object_get_canonical_path(cpu);

    return is_wanted(paths, path);
}

GPtrArray *
qmp_query_stats(EmuQmpCall *call, const Qmp_query_stats_args *args, GError **error)
{
    GPtrArray *list = g_ptr_array_new();
    const GPtrArray *names = NULL;
    bool wanted = !args->providers, done = true;

    for (guint i = 0; args->providers && i < args->providers->len; i++) {
        const QmpStatsRequest *request = args->providers->pdata[i];

        if (request->provider == QMP_STATS_PROVIDER_KVM) {
            wanted = true;
            names = request->names;
        }
    }
    if (args->vcpus && args->target != QMP_STATS_TARGET_VCPU) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter 'vcpus' is unexpected");
        done = false;
    }
    if (done && wanted && args->target == QMP_STATS_TARGET_VM) {
        done = add_result(call, NULL, names, list, error);
    } else if (done && wanted && args->target == QMP_STATS_TARGET_VCPU) {
        for (unsigned i = 0; done && i < emu_machine_get_n_cpus(call->machine); i++) {
            EmuCpu *cpu = emu_machine_get_cpu(call->machine, i);

            if (cpu && is_meant(cpu, args->vcpus)) {
                done = add_result(call, cpu, names, list, error);
            }
        }
    }
    if (!done) {
        free_list(list, &qmp_type_StatsResult);
        return NULL;
    }
    return list;
}

static bool
add_schema(EmuQmpCall *call, EmuCpu *cpu, GPtrArray *list, GError **error)
{
    static const QmpStatsUnit units[] = {
        [EMU_ACCEL_STAT_BYTES] = QMP_STATS_UNIT_BYTES,
        [EMU_ACCEL_STAT_SECONDS] = QMP_STATS_UNIT_SECONDS,
        [EMU_ACCEL_STAT_CYCLES] = QMP_STATS_UNIT_CYCLES,
        [EMU_ACCEL_STAT_BOOLEAN] = QMP_STATS_UNIT_BOOLEAN,
    };
    GError *local = NULL;
    g_autoptr(GPtrArray) stats = get_stats(call, cpu, &local);
    QmpStatsSchema *schema;

    if (!stats) {
        if (local) {
            g_propagate_error(error, local);
        }
        return !local;
    }
    schema = qmp_StatsSchema_new();
    schema->provider = QMP_STATS_PROVIDER_KVM;
    schema->target = cpu ? QMP_STATS_TARGET_VCPU : QMP_STATS_TARGET_VM;
    schema->stats = g_ptr_array_new();
    for (guint i = 0; i < stats->len; i++) {
        const EmuAccelStat *stat = stats->pdata[i];
        QmpStatsSchemaValue *entry = qmp_StatsSchemaValue_new();

        entry->name = g_strdup(stat->name);
        entry->type = (QmpStatsType)stat->kind;
        entry->has_unit = stat->unit != EMU_ACCEL_STAT_NUMBER;
        entry->unit = units[stat->unit];
        entry->has_base = stat->exponent != 0;
        entry->base = stat->base;
        entry->exponent = stat->exponent;
        entry->has_bucket_size = stat->kind == EMU_ACCEL_STAT_LINEAR;
        entry->bucket_size = stat->bucket_size;
        g_ptr_array_add(schema->stats, entry);
    }
    g_ptr_array_add(list, schema);
    return true;
}

GPtrArray *
qmp_query_stats_schemas(EmuQmpCall *call, const Qmp_query_stats_schemas_args *args, GError **error)
{
    GPtrArray *list = g_ptr_array_new();
    EmuCpu *cpu = emu_machine_get_n_cpus(call->machine) ? emu_machine_get_cpu(call->machine, 0) : NULL;

    if (args->has_provider && args->provider != QMP_STATS_PROVIDER_KVM) {
        return list;
    }
    if (!add_schema(call, NULL, list, error) || (cpu && !add_schema(call, cpu, list, error))) {
        free_list(list, &qmp_type_StatsSchema);
        return NULL;
    }
    return list;
}
