/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* info ...: what QMP's queries say, as text for people. */

#include "monitor/hmp-commands.h"
#include "qmp-generated.h"

#include "block/block-private.h"
#include "device/device-private.h"

#include <emu/info.h>
#include <emu/memory.h>
#include <string.h>

static void
print_and_free(EmuHmp *hmp, char *text)
{
    g_string_append(hmp->out, text ? text : "");
    g_free(text);
}

void
hmp_info_version(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    QmpVersionInfo *info = qmp_query_version(&call, NULL);

    hmp_printf(hmp, "%d.%d.%d (%s)\n", (int)info->qemu->major, (int)info->qemu->minor, (int)info->qemu->micro, info->package);
    emu_qmp_free(&qmp_type_VersionInfo, info);
}

void
hmp_info_name(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    const char *name = emu_machine_get_option(hmp->machine, "name");

    if (name) {
        hmp_printf(hmp, "%s\n", name);
    }
}

void
hmp_info_uuid(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    QmpUuidInfo *info = qmp_query_uuid(&call, NULL);

    hmp_printf(hmp, "%s\n", info->UUID);
    emu_qmp_free(&qmp_type_UuidInfo, info);
}

void
hmp_info_vm_generation_id(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    g_autoptr(GError) error = NULL;
    QmpGuidInfo *info = qmp_query_vm_generation_id(&call, &error);

    if (!info) {
        hmp_printf(hmp, "Error: %s\n", error->message);
        return;
    }
    hmp_printf(hmp, "%s\n", info->guid);
    emu_qmp_free(&qmp_type_GuidInfo, info);
}

void
hmp_info_status(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuRunState state = emu_machine_get_run_state(hmp->machine);

    hmp_printf(hmp, "VM status: %s", state == EMU_RUN_STATE_RUNNING ? "running" : "paused");
    if (state != EMU_RUN_STATE_RUNNING && state != EMU_RUN_STATE_PAUSED) {
        hmp_printf(hmp, " (%s)", emu_run_state_name(state));
    }
    hmp_printf(hmp, "\n");
}

void
hmp_info_kvm(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    QmpKvmInfo *info = qmp_query_kvm(&call, NULL);

    hmp_printf(hmp, "kvm support: %s\n", info->present ? info->enabled ? "enabled" : "disabled" : "not compiled");
    emu_qmp_free(&qmp_type_KvmInfo, info);
}

/* ---- CPUs ----------------------------------------------------------------------------------------------- */

void
hmp_info_cpus(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    GPtrArray *list = qmp_query_cpus_fast(&call, NULL);

    for (guint i = 0; i < list->len; i++) {
        QmpCpuInfoFast *cpu = list->pdata[i];

        hmp_printf(hmp, "%c CPU #%d: thread_id=%d\n", cpu->cpu_index == hmp->cpu_index ? '*' : ' ', (int)cpu->cpu_index, (int)cpu->thread_id);
        emu_qmp_free(&qmp_type_CpuInfoFast, cpu);
    }
    g_ptr_array_unref(list);
}

static void
print_place(EmuHmp *hmp, const char *name, bool has, int64_t value)
{
    if (has) {
        hmp_printf(hmp, "    %s: \"%d\"\n", name, (int)value);
    }
}

void
hmp_info_hotpluggable_cpus(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    g_autoptr(GError) error = NULL;
    GPtrArray *list = qmp_query_hotpluggable_cpus(&call, &error);

    if (!list) {
        hmp_printf(hmp, "Error: %s\n", error->message);
        return;
    }
    hmp_printf(hmp, "Hotpluggable CPUs:\n");
    for (guint i = 0; i < list->len; i++) {
        QmpHotpluggableCPU *cpu = list->pdata[i];

        hmp_printf(hmp, "  type: \"%s\"\n  vcpus_count: \"%d\"\n", cpu->type, (int)cpu->vcpus_count);
        if (cpu->qom_path) {
            hmp_printf(hmp, "  qom_path: \"%s\"\n", cpu->qom_path);
        }
        hmp_printf(hmp, "  CPUInstance Properties:\n");
        print_place(hmp, "node-id", cpu->props->has_node_id, cpu->props->node_id);
        print_place(hmp, "socket-id", cpu->props->has_socket_id, cpu->props->socket_id);
        print_place(hmp, "die-id", cpu->props->has_die_id, cpu->props->die_id);
        print_place(hmp, "core-id", cpu->props->has_core_id, cpu->props->core_id);
        print_place(hmp, "thread-id", cpu->props->has_thread_id, cpu->props->thread_id);
        emu_qmp_free(&qmp_type_HotpluggableCPU, cpu);
    }
    g_ptr_array_unref(list);
}

/* @devices: as query-memory-devices has them. */
static uint64_t
plugged_in_node(GPtrArray *devices, unsigned node)
{
    uint64_t bytes = 0;

    for (guint i = 0; i < devices->len; i++) {
        const QmpPCDIMMDeviceInfo *dimm = ((QmpMemoryDeviceInfo *)devices->pdata[i])->u.dimm->data;

        bytes += dimm->node == node ? (uint64_t)dimm->size : 0;
    }
    return bytes;
}

void
hmp_info_numa(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    GPtrArray *list = qmp_query_memory_devices(&call, NULL);
    unsigned n = emu_machine_get_n_numa_nodes(hmp->machine);

    hmp_printf(hmp, "%u nodes\n", n);
    for (unsigned node = 0; node < n; node++) {
        hmp_printf(hmp, "node %u cpus:", node);
        for (unsigned i = 0; i < emu_machine_get_n_cpus(hmp->machine); i++) {
            if (emu_machine_get_cpu(hmp->machine, i) && emu_machine_get_numa_node_of_cpu(hmp->machine, i) == node) {
                hmp_printf(hmp, " %u", i);
            }
        }
        hmp_printf(hmp, "\nnode %u size: %" G_GUINT64_FORMAT " MB\nnode %u plugged: %" G_GUINT64_FORMAT " MB\n", node,
                   (emu_machine_get_numa_node_size(hmp->machine, node) + plugged_in_node(list, node)) >> 20, node, plugged_in_node(list, node) >> 20);
    }
    for (guint i = 0; i < list->len; i++) {
        emu_qmp_free(&qmp_type_MemoryDeviceInfo, list->pdata[i]);
    }
    g_ptr_array_unref(list);
}

static void
registers_cb(EmuCpu *cpu, gpointer data)
{
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);

    if (klass->describe_registers) {
        *(char **)data = klass->describe_registers(cpu);
    }
}

char *
hmp_cpu_registers(EmuCpu *cpu)
{
    char *text = NULL;

    emu_cpu_run_on(cpu, registers_cb, &text);
    return text;
}

void
hmp_info_registers(EmuHmp *hmp, const EmuHmpValue *args)
{
    if (args[0].present) {
        for (unsigned i = 0; i < emu_machine_get_n_cpus(hmp->machine); i++) {
            EmuCpu *cpu = emu_machine_get_cpu(hmp->machine, i);

            if (cpu) {
                hmp_printf(hmp, "\nCPU#%u\n", i);
                print_and_free(hmp, hmp_cpu_registers(cpu));
            }
        }
    } else {
        EmuCpu *cpu = hmp_cpu(hmp);

        if (cpu) {
            hmp_printf(hmp, "\nCPU#%u\n", emu_cpu_get_index(cpu));
            print_and_free(hmp, hmp_cpu_registers(cpu));
        }
    }
}

void
hmp_info_jit(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuAccel *accel = emu_machine_get_accel(hmp->machine);
    EmuAccelClass *klass = accel ? EMU_ACCEL_GET_CLASS(accel) : NULL;

    if (!klass || !klass->describe) {
        hmp_printf(hmp, "JIT information is only available with accel=tcg\n");
        return;
    }
    print_and_free(hmp, klass->describe(accel));
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

void
hmp_info_mtree(EmuHmp *hmp, const EmuHmpValue *args)
{
    EmuAddressSpace *memory = emu_machine_get_memory_as(hmp->machine), *io = emu_machine_get_io_as(hmp->machine);

    if (args[0].present) {
        print_and_free(hmp, emu_address_space_describe_flat(memory));
        hmp_printf(hmp, "\n");
        print_and_free(hmp, emu_address_space_describe_flat(io));
        return;
    }
    print_and_free(hmp, emu_memory_region_describe(emu_machine_get_system_memory(hmp->machine), "address-space: memory"));
    hmp_printf(hmp, "\n");
    print_and_free(hmp, emu_memory_region_describe(emu_machine_get_system_io(hmp->machine), "address-space: I/O"));
}

/* Walks the flat view: what the guest can see of ROM. */
void
hmp_info_roms(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuAddressSpace *as = emu_machine_get_memory_as(hmp->machine);
    uint64_t address = 0;
    EmuMemorySection s;

    while (address < UINT64_C(1) << 32) {
        if (!emu_address_space_find(as, address, &s)) {
            address = (address & ~UINT64_C(4095)) + 4096;
            continue;
        }
        if (s.ram && s.readonly) {
            hmp_printf(hmp, "addr=%016" G_GINT64_MODIFIER "x size=0x%06" G_GINT64_MODIFIER "x mem=rom name=\"%s\"\n", s.addr, s.size, emu_memory_region_get_name(s.region));
        }
        if (s.addr + s.size <= address) {
            break; /* the last one ends at 2^64 */
        }
        address = s.addr + s.size;
    }
}

void
hmp_info_memory_size_summary(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    QmpMemoryInfo *info = qmp_query_memory_size_summary(&call, NULL);

    hmp_printf(hmp, "base memory: %" G_GUINT64_FORMAT "\nplugged memory: %" G_GUINT64_FORMAT "\n", info->base_memory, info->plugged_memory);
    emu_qmp_free(&qmp_type_MemoryInfo, info);
}

void
hmp_info_memory_devices(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    GPtrArray *list = qmp_query_memory_devices(&call, NULL);

    for (guint i = 0; i < list->len; i++) {
        QmpMemoryDeviceInfo *item = list->pdata[i];
        const QmpPCDIMMDeviceInfo *dimm = item->u.dimm->data;

        hmp_printf(hmp, "Memory device [%s]: \"%s\"\n", qmp_type_MemoryDeviceInfoKind.values[item->type], dimm->id ? dimm->id : "");
        hmp_printf(hmp, "  addr: 0x%" G_GINT64_MODIFIER "x\n  slot: %d\n  node: %d\n  size: %" G_GINT64_FORMAT "\n", (uint64_t)dimm->addr, (int)dimm->slot,
                   (int)dimm->node, dimm->size);
        hmp_printf(hmp, "  memdev: %s\n  hotplugged: %s\n  hotpluggable: %s\n", dimm->memdev, dimm->hotplugged ? "true" : "false",
                   dimm->hotpluggable ? "true" : "false");
        emu_qmp_free(&qmp_type_MemoryDeviceInfo, item);
    }
    g_ptr_array_unref(list);
}

void
hmp_info_memdev(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    GPtrArray *list = qmp_query_memdev(&call, NULL);

    for (guint i = 0; i < list->len; i++) {
        QmpMemdev *m = list->pdata[i];

        hmp_printf(hmp, "memory backend: %s\n  size:  %" G_GUINT64_FORMAT "\n  merge: %s\n  dump: %s\n  prealloc: %s\n  share: %s\n  policy: %s\n  host nodes: \n", m->id,
                   m->size, m->merge ? "true" : "false", m->dump ? "true" : "false", m->prealloc ? "true" : "false", m->share ? "true" : "false",
                   qmp_type_HostMemPolicy.values[m->policy]);
        emu_qmp_free(&qmp_type_Memdev, m);
    }
    g_ptr_array_unref(list);
    hmp_printf(hmp, "\n");
}

/* ---- devices and objects ------------------------------------------------------------------------------------- */

void
hmp_info_qtree(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    print_and_free(hmp, emu_describe_qtree(hmp->machine));
}

void
hmp_info_pci(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    print_and_free(hmp, emu_describe_pci(hmp->machine));
}

typedef struct {
    EmuHmp *hmp;
    unsigned depth;
} TreeWalk;

static bool
print_object_cb(EmuObject *object, gpointer data)
{
    TreeWalk *walk = data;
    TreeWalk inner = {walk->hmp, walk->depth + 1};
    const char *name = emu_object_get_name(object);

    hmp_printf(walk->hmp, "%*s/%s (%s)\n", (int)walk->depth * 2, "", name ? name : "", emu_object_get_type_name(object));
    emu_object_foreach_child(object, print_object_cb, &inner);
    return false;
}

void
hmp_info_qom_tree(EmuHmp *hmp, const EmuHmpValue *args)
{
    const char *path = args[0].present ? args[0].text : "/machine";
    bool ambiguous = false;
    EmuObject *object = emu_object_resolve_path(emu_machine_get_root(hmp->machine), path, &ambiguous);
    TreeWalk walk = {hmp, 1};

    if (!object) {
        hmp_printf(hmp, ambiguous ? "Path '%s' is ambiguous.\n" : "Path '%s' could not be resolved.\n", path);
        return;
    }
    hmp_printf(hmp, "%s%s (%s)\n", *path == '/' ? "" : "/", path, emu_object_get_type_name(object));
    emu_object_foreach_child(object, print_object_cb, &walk);
}

/* ---- what devices tell about themselves ------------------------------------------------------------------------ */

static void
describe_topic(EmuHmp *hmp, const char *topic)
{
    emu_info_describe(emu_machine_get_root(hmp->machine), topic, hmp->out);
}

void
hmp_info_pic(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    describe_topic(hmp, "pic");
}

void
hmp_info_irq(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    describe_topic(hmp, "irq");
}

static void
describe_cpu_cb(EmuCpu *cpu, gpointer data)
{
    emu_info_describe(EMU_OBJECT(cpu), "lapic", data);
}

void
hmp_info_lapic(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuCpu *cpu = hmp_cpu(hmp);

    if (cpu) {
        emu_cpu_run_on(cpu, describe_cpu_cb, hmp->out);
    }
}

/* ---- back ends ----------------------------------------------------------------------------------------------------- */

static void
print_block(EmuHmp *hmp, const QmpBlockInfo *info, bool verbose)
{
    const QmpBlockDeviceInfo *in = info->inserted;

    hmp_printf(hmp, "%s", *info->device ? info->device : info->qdev ? info->qdev : "");
    if (in) {
        hmp_printf(hmp, " (%s): %s (%s%s)\n", in->node_name, in->file, in->drv, in->ro ? ", read-only" : "");
    } else {
        hmp_printf(hmp, ": [not inserted]\n");
    }
    if (info->qdev) {
        hmp_printf(hmp, "    Attached to:      %s\n", info->qdev);
    }
    if (info->removable) {
        hmp_printf(hmp, "    Removable device: %slocked, tray %s\n", info->locked ? "" : "not ", info->has_tray_open && info->tray_open ? "open" : "closed");
    }
    if (info->has_io_status && info->io_status != QMP_BLOCK_DEVICE_IO_STATUS_OK) {
        hmp_printf(hmp, "    I/O status:       %s\n", qmp_type_BlockDeviceIoStatus.values[info->io_status]);
    }
    if (in) {
        hmp_printf(hmp, "    Cache mode:       %s%s%s\n", in->cache->writeback ? "writeback" : "writethrough", in->cache->direct ? ", direct" : "",
                   in->cache->no_flush ? ", ignore flushes" : "");
        if (verbose) {
            g_autofree char *size = g_format_size_full(in->image->virtual_size, G_FORMAT_SIZE_IEC_UNITS);

            hmp_printf(hmp, "\nImages:\nimage: %s\nfile format: %s\nvirtual size: %s (%" G_GINT64_FORMAT " bytes)\n", in->image->filename, in->image->format, size,
                       in->image->virtual_size);
            if (in->image->has_actual_size) {
                g_autofree char *disk = g_format_size_full(in->image->actual_size, G_FORMAT_SIZE_IEC_UNITS);

                hmp_printf(hmp, "disk size: %s\n", disk);
            }
        }
    }
}

void
hmp_info_block(EmuHmp *hmp, const EmuHmpValue *args)
{
    bool nodes = args[0].present, verbose = args[1].present, first = true;
    const char *name = args[2].present ? args[2].text : NULL;
    EmuQmpCall call = hmp_call(hmp);
    Qmp_query_block_args query = {0};
    Qmp_query_named_block_nodes_args query_nodes = {0};
    GPtrArray *list = nodes ? qmp_query_named_block_nodes(&call, &query_nodes, NULL) : qmp_query_block(&call, &query, NULL);

    for (guint i = 0; i < list->len; i++) {
        if (nodes) {
            QmpBlockDeviceInfo *node = list->pdata[i];

            if (!name || g_strcmp0(node->node_name, name) == 0) {
                hmp_printf(hmp, "%s%s: %s (%s%s)\n    Cache mode:       writeback%s\n", first ? "" : "\n", node->node_name, node->file, node->drv,
                           node->ro ? ", read-only" : "", node->cache->no_flush ? ", ignore flushes" : "");
                first = false;
            }
            emu_qmp_free(&qmp_type_BlockDeviceInfo, node);
        } else {
            QmpBlockInfo *info = list->pdata[i];

            if (!name || g_strcmp0(info->device, name) == 0) {
                hmp_printf(hmp, "%s", first ? "" : "\n");
                print_block(hmp, info, verbose);
                first = false;
            }
            emu_qmp_free(&qmp_type_BlockInfo, info);
        }
    }
    g_ptr_array_unref(list);
}

void
hmp_info_blockstats(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    Qmp_query_blockstats_args query = {0};
    GPtrArray *list = qmp_query_blockstats(&call, &query, NULL);

    for (guint i = 0; i < list->len; i++) {
        QmpBlockStats *item = list->pdata[i];
        const QmpBlockDeviceStats *s = item->stats;

        hmp_printf(hmp, "%s: rd_bytes=%" G_GINT64_FORMAT " wr_bytes=%" G_GINT64_FORMAT " rd_operations=%" G_GINT64_FORMAT " wr_operations=%" G_GINT64_FORMAT
                        " flush_operations=%" G_GINT64_FORMAT " wr_total_time_ns=0 rd_total_time_ns=0 flush_total_time_ns=0 rd_merged=0 wr_merged=0\n",
                   item->device, s->rd_bytes, s->wr_bytes, s->rd_operations, s->wr_operations, s->flush_operations);
        emu_qmp_free(&qmp_type_BlockStats, item);
    }
    g_ptr_array_unref(list);
}

void
hmp_info_chardev(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    GPtrArray *list = qmp_query_chardev(&call, NULL);

    for (guint i = 0; i < list->len; i++) {
        QmpChardevInfo *info = list->pdata[i];

        hmp_printf(hmp, "%s: filename=%s\n", info->label, info->filename);
        emu_qmp_free(&qmp_type_ChardevInfo, info);
    }
    g_ptr_array_unref(list);
}

void
hmp_info_mice(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    GPtrArray *list = qmp_query_mice(&call, NULL);

    if (list->len == 0) {
        hmp_printf(hmp, "No mouse devices connected\n");
    }
    for (guint i = 0; i < list->len; i++) {
        QmpMouseInfo *mouse = list->pdata[i];

        hmp_printf(hmp, "%c Mouse #%d: %s%s\n", mouse->current ? '*' : ' ', (int)mouse->index, mouse->name, mouse->absolute ? " (absolute)" : "");
        emu_qmp_free(&qmp_type_MouseInfo, mouse);
    }
    g_ptr_array_unref(list);
}

void
hmp_info_iothreads(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    EmuQmpCall call = hmp_call(hmp);
    GPtrArray *list = qmp_query_iothreads(&call, NULL);

    for (guint i = 0; i < list->len; i++) {
        QmpIOThreadInfo *info = list->pdata[i];

        hmp_printf(hmp, "%s:\n  thread_id=%d\n  poll-max-ns=%d\n", info->id, (int)info->thread_id, (int)info->poll_max_ns);
        emu_qmp_free(&qmp_type_IOThreadInfo, info);
    }
    g_ptr_array_unref(list);
}

/* ---- what there is none of --------------------------------------------------------------------------------------------- */

void
hmp_info_usb(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    hmp_printf(hmp, "Error: USB support not enabled\n");
}

void
hmp_info_network(EmuHmp *hmp G_GNUC_UNUSED, const EmuHmpValue *args G_GNUC_UNUSED)
{
}

void
hmp_info_snapshots(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    hmp_printf(hmp, "no block device can store vmstate for snapshot\n");
}

void
hmp_info_balloon(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    hmp_printf(hmp, "Error: No balloon device has been activated\n");
}
