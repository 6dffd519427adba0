/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands about the machine, its CPUs, its memory, its character devices. */

#include "monitor/qmp-private.h"
#include "qmp-generated.h"

#include "device/device-private.h"
#include "system/machine-private.h"

#include <emu/cpu.h>
#include <emu/memory-device.h>
#include <emu/memory.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

QmpNameInfo *
qmp_query_name(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    QmpNameInfo *info = qmp_NameInfo_new();

    info->name = g_strdup(emu_machine_get_option(call->machine, "name"));
    return info;
}

QmpUuidInfo *
qmp_query_uuid(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    QmpUuidInfo *info = qmp_UuidInfo_new();
    const char *uuid = emu_machine_get_option(call->machine, "uuid");

    info->UUID = uuid ? g_ascii_strdown(uuid, -1) : g_strdup("00000000-0000-0000-0000-000000000000");
    return info;
}

QmpGuidInfo *
qmp_query_vm_generation_id(EmuQmpCall *call, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    QmpGuidInfo *info;

    emu_info_describe(emu_machine_get_root(call->machine), "vm-generation-id", text);
    if (text->len == 0) {
        g_set_error_literal(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "VM Generation ID device not found");
        return NULL;
    }
    info = qmp_GuidInfo_new();
    info->guid = g_strdup(g_strstrip(text->str));
    return info;
}

/* ---- accelerators ------------------------------------------------------------------------------------- */

static bool
accelerator_in_use(EmuQmpCall *call, const char *type_name)
{
    EmuAccel *accel = emu_machine_get_accel(call->machine);

    return accel && g_strcmp0(emu_object_get_type_name(accel), type_name) == 0;
}

QmpKvmInfo *
qmp_query_kvm(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    QmpKvmInfo *info = qmp_KvmInfo_new();

    info->enabled = accelerator_in_use(call, "kvm-accel");
    info->present = emu_type_exists("kvm-accel");
    return info;
}

QmpAcceleratorInfo *
qmp_query_accelerators(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    QmpAcceleratorInfo *info = qmp_AcceleratorInfo_new();

    info->enabled = accelerator_in_use(call, "kvm-accel") ? QMP_ACCELERATOR_KVM : QMP_ACCELERATOR_TCG;
    info->present = g_ptr_array_new();
    for (unsigned i = 0; i < qmp_type_Accelerator.n_values; i++) {
        g_autofree char *name = g_strconcat(qmp_type_Accelerator.values[i], "-accel", NULL);

        if (emu_type_exists(name)) {
            int64_t value = i;
            g_ptr_array_add(info->present, g_memdup2(&value, sizeof(value)));
        }
    }
    return info;
}

/* ---- machine types ---------------------------------------------------------------------------------------- */

/* The part before "-machine" or "-x86_64-cpu"; NULL when @name does not end so. */
static char *
strip_suffix(const char *name, const char *suffix)
{
    return g_str_has_suffix(name, suffix) ? g_strndup(name, strlen(name) - strlen(suffix)) : NULL;
}

GPtrArray *
qmp_query_machines(EmuQmpCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    g_autoptr(GPtrArray) names = emu_type_list("machine", false);
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < names->len; i++) {
        GType type = emu_type_lookup(names->pdata[i], NULL);
        EmuMachineClass *klass = type != G_TYPE_INVALID ? g_type_class_ref(type) : NULL;
        QmpMachineInfo *info;

        if (!klass) {
            continue;
        }
        info = qmp_MachineInfo_new();
        info->name = strip_suffix(names->pdata[i], "-machine");
        if (!info->name) {
            info->name = g_strdup(names->pdata[i]);
        }
        info->alias = g_strdup(klass->alias);
        info->has_is_default = info->is_default = klass->is_default;
        info->cpu_max = MAX(klass->max_cpus, 1);
        info->default_cpu_type = g_strdup(klass->default_cpu_type);
        info->default_ram_id = g_strdup(klass->default_ram_id);
        info->acpi = klass->default_cpu_type != NULL;
        g_ptr_array_add(list, info);
        g_type_class_unref(klass);
    }
    return list;
}

QmpCurrentMachineParams *
qmp_query_current_machine(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    QmpCurrentMachineParams *info = qmp_CurrentMachineParams_new();

    info->wakeup_suspend_support = emu_machine_get_n_cpus(call->machine) > 0;
    return info;
}

QmpTargetInfo *
qmp_query_target(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    QmpTargetInfo *info = qmp_TargetInfo_new();
    const char *cpu = emu_machine_get_cpu_type(call->machine);

    info->arch = QMP_SYS_EMU_TARGET_X86_64;
    for (unsigned i = 0; cpu && i < qmp_type_SysEmuTarget.n_values; i++) {
        g_autofree char *suffix = g_strdup_printf("-%s-cpu", qmp_type_SysEmuTarget.values[i]);

        if (g_str_has_suffix(cpu, suffix)) {
            info->arch = i;
        }
    }
    return info;
}

/* ---- CPUs --------------------------------------------------------------------------------------------------- */

static QmpCpuInstanceProperties *
cpu_properties(EmuQmpCall *call, unsigned index)
{
    QmpCpuInstanceProperties *props = qmp_CpuInstanceProperties_new();
    EmuSmp smp = emu_machine_get_smp(call->machine);
    unsigned threads = MAX(smp.threads, 1), cores = MAX(smp.cores, 1), dies = MAX(smp.dies, 1);

    props->has_thread_id = props->has_core_id = props->has_socket_id = true;
    props->thread_id = index % threads;
    props->core_id = index / threads % cores;
    props->socket_id = index / threads / cores / dies;
    if (dies > 1) {
        props->has_die_id = true;
        props->die_id = index / threads / cores % dies;
    }
    if (emu_machine_get_n_numa_nodes(call->machine)) {
        props->has_node_id = true;
        props->node_id = emu_machine_get_numa_node_of_cpu(call->machine, index);
    }
    return props;
}

GPtrArray *
qmp_query_cpus_fast(EmuQmpCall *call, GError **error)
{
    GPtrArray *list = g_ptr_array_new();
    QmpTargetInfo *target = qmp_query_target(call, error);

    for (unsigned i = 0; i < emu_machine_get_n_cpus(call->machine); i++) {
        EmuCpu *cpu = emu_machine_get_cpu(call->machine, i);
        QmpCpuInfoFast *info;

        if (!cpu) {
            continue;
        }
        info = qmp_CpuInfoFast_new();
        info->cpu_index = emu_cpu_get_index(cpu);
        info->qom_path = emu_object_get_canonical_path(cpu);
        info->thread_id = emu_cpu_get_thread_id(cpu);
        info->props = cpu_properties(call, i);
        info->target = target->arch;
        g_ptr_array_add(list, info);
    }
    emu_qmp_free(&qmp_type_TargetInfo, target);
    return list;
}

GPtrArray *
qmp_query_hotpluggable_cpus(EmuQmpCall *call, GError **error)
{
    const char *type = emu_machine_get_cpu_type(call->machine);
    GPtrArray *list;

    if (!type) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "The feature 'query-hotpluggable-cpus' is not enabled");
        return NULL;
    }
    list = g_ptr_array_new();
    for (unsigned i = emu_machine_get_smp(call->machine).max_cpus; i-- > 0;) {
        QmpHotpluggableCPU *info = qmp_HotpluggableCPU_new();
        EmuCpu *cpu = emu_machine_get_cpu(call->machine, i);

        info->type = g_strdup(type);
        info->vcpus_count = 1;
        info->props = cpu_properties(call, i);
        info->qom_path = cpu ? emu_object_get_canonical_path(cpu) : NULL;
        g_ptr_array_add(list, info);
    }
    return list;
}

/* What a model is another name of, and the names of the features that its CPUs would lack on the call's machine: "kvm" for one
 * that cannot be made without it. */
static void
describe_model(EmuQmpCall *call, const char *type_name, QmpCpuDefinitionInfo *info)
{
    g_autoptr(EmuObject) object = emu_object_new(type_name, NULL);
    EmuCpuClass *klass = object ? EMU_CPU_GET_CLASS(object) : NULL;

    info->unavailable_features = g_ptr_array_new_with_free_func(g_free);
    if (!klass) {
        return;
    }
    info->alias_of = g_strdup(klass->alias_of);
    if (klass->expand_model) {
        GPtrArray *names = klass->expand_model(EMU_CPU(object), call->machine, NULL);

        if (names) {
            g_ptr_array_unref(info->unavailable_features);
            info->unavailable_features = names;
        } else {
            g_ptr_array_add(info->unavailable_features, g_strdup("kvm"));
        }
    }
}

GPtrArray *
qmp_query_cpu_definitions(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    QmpTargetInfo *target = qmp_query_target(call, NULL);
    g_autofree char *suffix = g_strdup_printf("-%s-cpu", qmp_type_SysEmuTarget.values[target->arch]);
    g_autoptr(GPtrArray) names = emu_type_list("cpu", false);
    GPtrArray *list = g_ptr_array_new();

    emu_qmp_free(&qmp_type_TargetInfo, target);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *model = strip_suffix(names->pdata[i], suffix);
        bool follows_host = g_strcmp0(model, "max") == 0 || g_strcmp0(model, "host") == 0;
        QmpCpuDefinitionInfo *info;

        if (!model) {
            continue;
        }
        info = qmp_CpuDefinitionInfo_new();
        info->name = g_steal_pointer(&model);
        info->typename = g_strdup(names->pdata[i]);
        info->has_migration_safe = true;
        info->migration_safe = !follows_host;
        info->static_ = g_str_equal(info->name, "base");
        describe_model(call, names->pdata[i], info);
        g_ptr_array_add(list, info);
    }
    return list;
}

/* Under the names that users write, which a property cannot always have: "3dnow", "sse4.1". */
static void
add_model_property(JsonObject *props, const char *name, const char *type, const char *text)
{
    bool digit = name[0] == 'p' && g_ascii_isdigit(name[1]);

    json_object_set_member(props, name + digit, emu_qmp_property_node(type, text));
    if (g_str_has_prefix(name, "sse4-")) {
        g_autofree char *dotted = g_strdup(name);

        json_object_set_member(props, g_strdelimit(dotted, "-", '.'), emu_qmp_property_node(type, text));
    }
}

/* What can be set of a CPU, but for its place in the machine and links. */
static bool
belongs_to_model(const EmuPropertyInfo *p)
{
    static const char *const places[] = {"apic-id", "socket-id", "die-id", "core-id", "thread-id", "node-id", NULL};

    return p->readable && p->writable && !g_strv_contains(places, p->name) &&
           (g_str_equal(p->type, "bool") || g_str_equal(p->type, "str") || g_str_has_prefix(p->type, "uint"));
}

QmpCpuModelExpansionInfo *
qmp_query_cpu_model_expansion(EmuQmpCall *call, const Qmp_query_cpu_model_expansion_args *args, GError **error)
{
    QmpTargetInfo *target = qmp_query_target(call, NULL);
    g_autofree char *type_name = g_strdup_printf("%s-%s-cpu", args->model->name, qmp_type_SysEmuTarget.values[target->arch]);
    g_autoptr(EmuObject) cpu = NULL;
    g_autoptr(GPtrArray) properties = NULL;
    QmpCpuModelExpansionInfo *info;
    JsonObject *props = json_object_new();

    emu_qmp_free(&qmp_type_TargetInfo, target);
    cpu = emu_type_exists(type_name) ? emu_object_new(type_name, error) : NULL;
    if (!cpu) {
        json_object_unref(props);
        if (error && !*error) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "The CPU type '%s' is not a known CPU type", args->model->name);
        }
        return NULL;
    }
    if (args->model->props && JSON_NODE_HOLDS_OBJECT(args->model->props)) {
        JsonObjectIter iter;
        const char *name;
        JsonNode *node;

        json_object_iter_init(&iter, json_node_get_object(args->model->props));
        while (json_object_iter_next(&iter, &name, &node)) {
            g_autofree char *text = emu_qmp_property_text(node);

            if (!emu_object_set_from_string(cpu, name, text, error)) {
                json_object_unref(props);
                return NULL;
            }
        }
    }
    if (EMU_IS_CPU(cpu) && EMU_CPU_GET_CLASS(cpu)->expand_model) {
        g_autoptr(GPtrArray) unavailable = EMU_CPU_GET_CLASS(cpu)->expand_model(EMU_CPU(cpu), call->machine, error);

        if (!unavailable) {
            json_object_unref(props);
            return NULL;
        }
    }
    properties = emu_object_list_properties(cpu);
    for (guint i = 0; i < properties->len; i++) {
        const EmuPropertyInfo *p = properties->pdata[i];

        if (belongs_to_model(p)) {
            g_autofree char *text = emu_object_get_as_string(cpu, p->name, NULL);

            if (text) {
                add_model_property(props, p->name, p->type, text);
            }
        }
    }
    info = qmp_CpuModelExpansionInfo_new();
    info->model = qmp_CpuModelInfo_new();
    info->model->name = g_strdup(args->type == QMP_CPU_MODEL_EXPANSION_TYPE_STATIC ? "base" : args->model->name);
    info->model->props = json_node_new(JSON_NODE_OBJECT);
    json_node_take_object(info->model->props, props);
    return info;
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

QmpMemoryInfo *
qmp_query_memory_size_summary(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    g_autoptr(GPtrArray) devices = emu_machine_list_memory_devices(call->machine);
    QmpMemoryInfo *info = qmp_MemoryInfo_new();

    info->base_memory = emu_machine_get_ram_size(call->machine);
    info->has_plugged_memory = true;
    for (guint i = 0; i < devices->len; i++) {
        info->plugged_memory += emu_memory_device_get_size(devices->pdata[i]);
    }
    return info;
}

GPtrArray *
qmp_query_memory_devices(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    g_autoptr(GPtrArray) devices = emu_machine_list_memory_devices(call->machine);
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < devices->len; i++) {
        EmuDevice *dev = devices->pdata[i];
        EmuMemoryDeviceInfo info = {.slot = -1};
        QmpMemoryDeviceInfo *item;
        QmpPCDIMMDeviceInfo *dimm;

        EMU_MEMORY_DEVICE_GET_IFACE(dev)->get_info(EMU_MEMORY_DEVICE(dev), &info);
        if (g_strcmp0(info.kind, qmp_type_MemoryDeviceInfoKind.values[QMP_MEMORY_DEVICE_INFO_KIND_DIMM]) != 0) {
            continue; /* a plugin's own kind, which the schema has no word for */
        }
        item = qmp_MemoryDeviceInfo_new();
        dimm = qmp_PCDIMMDeviceInfo_new();
        dimm->id = g_strdup(emu_device_get_id(dev));
        dimm->addr = (int64_t)info.address;
        dimm->size = (int64_t)emu_memory_device_get_size(EMU_MEMORY_DEVICE(dev));
        dimm->slot = info.slot;
        dimm->node = info.node;
        dimm->memdev = emu_object_get_canonical_path(info.memdev);
        dimm->hotplugged = emu_device_is_hotplugged(dev);
        dimm->hotpluggable = EMU_DEVICE_GET_CLASS(dev)->hotpluggable;
        item->type = QMP_MEMORY_DEVICE_INFO_KIND_DIMM;
        item->u.dimm = qmp_PCDIMMDeviceInfoWrapper_new();
        item->u.dimm->data = dimm;
        g_ptr_array_add(list, item);
    }
    return list;
}

static bool
add_memdev_cb(EmuObject *child, gpointer data)
{
    if (g_str_has_prefix(emu_object_get_type_name(child), "memory-backend-")) {
        g_autofree char *size = emu_object_get_as_string(child, "size", NULL);
        g_autofree char *share = emu_object_get_as_string(child, "share", NULL);
        QmpMemdev *info = qmp_Memdev_new();

        info->id = g_strdup(emu_object_get_name(child));
        if (size) {
            emu_parse_size(size, 'B', &info->size);
        }
        if (share) {
            emu_parse_bool(share, &info->share);
        }
        info->merge = info->dump = true;
        info->host_nodes = g_ptr_array_new();
        g_ptr_array_add(data, info);
    }
    return false;
}

GPtrArray *
qmp_query_memdev(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    GPtrArray *list = g_ptr_array_new();

    emu_object_foreach_child(emu_object_get_container(emu_machine_get_root(call->machine), "/objects"), add_memdev_cb, list);
    return list;
}

static bool
add_iothread_cb(EmuObject *child, gpointer data)
{
    if (emu_object_is_a(child, "iothread")) {
        QmpIOThreadInfo *info = qmp_IOThreadInfo_new();
        g_autofree char *tid = emu_object_has_property(child, "thread-id") ? emu_object_get_as_string(child, "thread-id", NULL) : NULL;

        info->id = g_strdup(emu_object_get_name(child));
        emu_parse_int(tid ? tid : "-1", &info->thread_id);
        g_ptr_array_add(data, info);
    }
    return false;
}

GPtrArray *
qmp_query_iothreads(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    GPtrArray *list = g_ptr_array_new();

    emu_object_foreach_child(emu_object_get_container(emu_machine_get_root(call->machine), "/objects"), add_iothread_cb, list);
    return list;
}

typedef struct {
    uint64_t address;
    uint8_t *buf;
    gsize len;
    bool ok;
} DebugRead;

static void
debug_read_cb(EmuCpu *cpu, gpointer data)
{
    DebugRead *r = data;

    r->ok = emu_cpu_read_debug(cpu, r->address, r->buf, r->len);
}

/* @cpu: through its translation; NULL: physical. */
static bool
save_memory(EmuQmpCall *call, EmuCpu *cpu, uint64_t address, uint64_t size, const char *filename, GError **error)
{
    EmuAddressSpace *as = emu_machine_get_memory_as(call->machine);
    g_autofree uint8_t *buf = g_malloc(65536);
    int fd = open(filename, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    if (fd < 0) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Could not open '%s'", filename);
        return false;
    }
    while (size) {
        gsize n = MIN(size, 4096 - (address & 4095));

        if (cpu) {
            DebugRead r = {address, buf, n, false};

            emu_cpu_run_on(cpu, debug_read_cb, &r);
            if (!r.ok) {
                g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Invalid addr 0x%016" G_GINT64_MODIFIER "x/size %" G_GUINT64_FORMAT " specified", address, size);
                break;
            }
        } else {
            n = MIN(size, 65536);
            emu_address_space_read(as, address, buf, n, (EmuMemAttrs){.debug = 1});
        }
        if (write(fd, buf, n) != (gssize)n) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "An IO error has occurred: writing '%s': %s", filename, g_strerror(errno));
            break;
        }
        address += n;
        size -= n;
    }
    close(fd);
    return size == 0;
}

bool
qmp_memsave(EmuQmpCall *call, const Qmp_memsave_args *args, GError **error)
{
    int64_t index = args->has_cpu_index ? args->cpu_index : 0;
    EmuCpu *cpu = index >= 0 && index < G_MAXINT ? emu_machine_get_cpu(call->machine, index) : NULL;

    if (!cpu) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter 'cpu-index' expects a CPU number");
        return false;
    }
    return save_memory(call, cpu, args->val, args->size, args->filename, error);
}

bool
qmp_pmemsave(EmuQmpCall *call, const Qmp_pmemsave_args *args, GError **error)
{
    return save_memory(call, NULL, args->val, args->size, args->filename, error);
}

/* ---- what there is none of ---------------------------------------------------------------------------------------- */

GPtrArray *
qmp_query_migrate_capabilities(EmuQmpCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return g_ptr_array_new();
}

GPtrArray *
qmp_query_tpm_models(EmuQmpCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return g_ptr_array_new();
}

GPtrArray *
qmp_query_tpm_types(EmuQmpCall *call G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    return g_ptr_array_new();
}
