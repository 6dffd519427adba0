/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The tables of the human monitor, and the commands that do something. */

#include "monitor/hmp-commands.h"
#include "qmp-generated.h"

#include "block/block-private.h"
#include "system/startup.h"
#include "ui/ui-private.h"

#include <emu/log.h>
#include <string.h>

/* Calls a QMP command without arguments and reports its error. */
#define RUN_QMP(hmp, fn, ...)                                                                      \
    do {                                                                                           \
        EmuQmpCall call_ = hmp_call(hmp);                                                          \
        GError *error_ = NULL;                                                                     \
        fn(&call_, ##__VA_ARGS__, &error_);                                                        \
        hmp_report(hmp, error_);                                                                   \
    } while (0)

static void
hmp_help_command(EmuHmp *hmp, const EmuHmpValue *args)
{
    emu_hmp_help(hmp, emu_hmp_commands, "", args[0].present ? args[0].text : NULL);
}

static void
hmp_info(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    emu_hmp_help(hmp, emu_hmp_info_commands, "info ", NULL);
}

/* ---- run state ---------------------------------------------------------------------------------------------- */

static void
hmp_quit(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    RUN_QMP(hmp, qmp_quit);
}

static void
hmp_stop(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    RUN_QMP(hmp, qmp_stop);
}

static void
hmp_cont(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    RUN_QMP(hmp, qmp_cont);
}

static void
hmp_system_reset(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    RUN_QMP(hmp, qmp_system_reset);
}

static void
hmp_system_powerdown(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    RUN_QMP(hmp, qmp_system_powerdown);
}

static void
hmp_system_wakeup(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    RUN_QMP(hmp, qmp_system_wakeup);
}

static void
hmp_nmi(EmuHmp *hmp, const EmuHmpValue *args G_GNUC_UNUSED)
{
    RUN_QMP(hmp, qmp_inject_nmi);
}

static void
hmp_cpu_select(EmuHmp *hmp, const EmuHmpValue *args)
{
    if (args[0].number < 0 || !emu_machine_get_cpu(hmp->machine, args[0].number)) {
        hmp_printf(hmp, "invalid CPU index\n");
        return;
    }
    hmp->cpu_index = args[0].number;
}

static void
hmp_boot_set(EmuHmp *hmp, const EmuHmpValue *args)
{
    GError *error = NULL;

    for (const char *p = args[0].text; *p; p++) {
        if (*p < 'a' || *p > 'p') {
            hmp_printf(hmp, "Invalid boot device '%c'\n", *p);
            return;
        }
    }
    if (!emu_object_set_from_string(hmp->machine, "boot-order", args[0].text, &error)) {
        hmp_report(hmp, error);
        return;
    }
    hmp_printf(hmp, "boot device list now set to %s\n", args[0].text);
}

/* ---- logging ---------------------------------------------------------------------------------------------------- */

static void
hmp_log(EmuHmp *hmp, const EmuHmpValue *args)
{
    g_autofree char *help = NULL;

    if (!emu_log_set_items(args[0].text, NULL)) {
        help = emu_log_help();
        hmp_printf(hmp, "%s", help);
    }
}

static void
hmp_logfile(EmuHmp *hmp, const EmuHmpValue *args)
{
    GError *error = NULL;

    emu_log_set_file(args[0].text, &error);
    hmp_report(hmp, error);
}

static void
hmp_trace_event(EmuHmp *hmp, const EmuHmpValue *args)
{
    g_autofree char *pattern = g_strconcat(args[1].number ? "" : "-", args[0].text, NULL);

    if (!emu_trace_enable(pattern)) {
        hmp_printf(hmp, "Error: unknown event \"%s\"\n", args[0].text);
    }
}

/* ---- screen, keyboard, mouse ------------------------------------------------------------------------------------- */

static void
hmp_screendump(EmuHmp *hmp, const EmuHmpValue *args)
{
    /* filename [-f format] [device [head]] */
    Qmp_screendump_args a = {.filename = args[0].text, .device = args[3].text, .has_head = args[4].present, .head = args[4].number};

    if (args[1].present) {
        int format = emu_qmp_enum_from_name(&qmp_type_ImageFormat, args[2].present ? args[2].text : "");

        if (format < 0) {
            hmp_printf(hmp, "Error: invalid parameter value: %s\n", args[2].present ? args[2].text : "");
            return;
        }
        a.has_format = true;
        a.format = format;
    } else if (args[2].present) {
        /* Without -f the second word is the device. */
        a.device = args[2].text;
        a.has_head = args[3].present;
        a.head = args[3].present ? g_ascii_strtoll(args[3].text, NULL, 10) : 0;
    }
    RUN_QMP(hmp, qmp_screendump, &a);
}

static void
hmp_sendkey(EmuHmp *hmp, const EmuHmpValue *args)
{
    int keys[EMU_KEY_SEQUENCE_MAX];
    GError *error = NULL;
    int n = emu_key_parse_sequence(args[0].text, keys, EMU_KEY_SEQUENCE_MAX, &error);
    int64_t hold = args[1].present ? args[1].number : 100;

    if (n < 0) {
        hmp_printf(hmp, "%s\n", error->message);
        g_error_free(error);
        return;
    }
    if (!emu_input_send_sequence(emu_machine_get_input(hmp->machine), keys, n, CLAMP(hold, 0, 100000))) {
        hmp_printf(hmp, "Error: too many keys are waiting to be sent\n");
    }
}

static void
complete_key(EmuHmp *hmp G_GNUC_UNUSED, unsigned index, const char *prefix, GPtrArray *words)
{
    const char *dash = strrchr(prefix, '-');
    const char *last = dash ? dash + 1 : prefix;

    for (unsigned i = 0; index == 0 && i < emu_key_count(); i++) {
        if (g_str_has_prefix(emu_key_name(i), last)) {
            g_ptr_array_add(words, g_strdup_printf("%.*s%s", (int)(last - prefix), prefix, emu_key_name(i)));
        }
    }
}

/* "20 -10" are two arguments, not one sum: these are read here. */
static bool
read_numbers(EmuHmp *hmp, const EmuHmpValue *args, unsigned min, unsigned max, int64_t *out)
{
    for (unsigned i = 0; i < max; i++) {
        char *end = NULL;

        out[i] = args[i].present ? g_ascii_strtoll(args[i].text, &end, 0) : 0;
        if ((i < min && !args[i].present) || (args[i].present && (*end || end == args[i].text))) {
            hmp_printf(hmp, "invalid number '%s'\n", args[i].present ? args[i].text : "");
            return false;
        }
    }
    return true;
}

static void
hmp_mouse_move(EmuHmp *hmp, const EmuHmpValue *args)
{
    int64_t n[3];

    if (read_numbers(hmp, args, 2, 3, n)) {
        emu_input_move(emu_machine_get_input(hmp->machine), CLAMP(n[0], -32768, 32767), CLAMP(n[1], -32768, 32767), CLAMP(n[2], -1, 1));
    }
}

static void
hmp_mouse_button(EmuHmp *hmp, const EmuHmpValue *args)
{
    emu_input_set_buttons(emu_machine_get_input(hmp->machine), args[0].number & 7);
}

static void
hmp_mouse_set(EmuHmp *hmp, const EmuHmpValue *args)
{
    g_autoptr(GArray) mice = emu_input_list_mice(emu_machine_get_input(hmp->machine));

    for (guint i = 0; i < mice->len; i++) {
        EmuMouseInfo *mouse = &g_array_index(mice, EmuMouseInfo, i);

        if (mouse->index == (uint64_t)args[0].number) {
            emu_input_handler_activate(mouse->handler);
            return;
        }
    }
    hmp_printf(hmp, "Mouse at index '%d' not found\n", (int)args[0].number);
}

/* ---- media ------------------------------------------------------------------------------------------------------------ */

static void
hmp_eject(EmuHmp *hmp, const EmuHmpValue *args)
{
    Qmp_eject_args a = {.device = args[1].text, .has_force = true, .force = args[0].present};

    RUN_QMP(hmp, qmp_eject, &a);
}

static void
hmp_change(EmuHmp *hmp, const EmuHmpValue *args)
{
    /* [-f] device filename [format [read-only-mode]] */
    Qmp_blockdev_change_medium_args a = {.device = args[1].text, .filename = args[2].text, .format = args[3].text, .has_force = true, .force = args[0].present};

    if (args[4].present) {
        int mode = emu_qmp_enum_from_name(&qmp_type_BlockdevChangeReadOnlyMode, args[4].text);

        if (mode < 0) {
            hmp_printf(hmp, "Error: invalid parameter value: %s\n", args[4].text);
            return;
        }
        a.has_read_only_mode = true;
        a.read_only_mode = mode;
    }
    RUN_QMP(hmp, qmp_blockdev_change_medium, &a);
}

static void
complete_drive(EmuHmp *hmp, unsigned index, const char *prefix, GPtrArray *words)
{
    GPtrArray *backends = emu_block_layer_get_backends(emu_machine_get_block_layer(hmp->machine));

    for (guint i = 0; index == 0 && i < backends->len; i++) {
        EmuBlockBackend *blk = backends->pdata[i];
        if (*blk->id && g_str_has_prefix(blk->id, prefix)) {
            g_ptr_array_add(words, g_strdup(blk->id));
        }
    }
}

/* ---- objects and devices -------------------------------------------------------------------------------------------------- */

/* Option text as the JSON object that QMP takes. */
static JsonObject *
options_to_json(EmuHmp *hmp, const char *text, const char *implied)
{
    g_autoptr(EmuOpts) opts = NULL;
    GError *error = NULL;
    JsonObject *object;

    opts = emu_opts_parse_any(text, implied, &error);
    if (!opts) {
        hmp_report(hmp, error);
        return NULL;
    }
    object = json_object_new();
    for (guint i = 0; i < emu_opts_get_n(opts); i++) {
        const EmuOpt *opt = emu_opts_get_nth(opts, i);
        json_object_set_string_member(object, opt->key, opt->value);
    }
    return object;
}

static void
hmp_device_add(EmuHmp *hmp, const EmuHmpValue *args)
{
    g_autoptr(JsonObject) object = options_to_json(hmp, args[0].text, "driver");

    if (object) {
        RUN_QMP(hmp, qmp_device_add, object);
    }
}

static void
hmp_plugin_reload(EmuHmp *hmp, const EmuHmpValue *args)
{
    Qmp_plugin_reload_args a = {.name = args[0].text};
    EmuQmpCall call = hmp_call(hmp);
    GError *error = NULL;
    QmpPluginReloadInfo *info = qmp_plugin_reload(&call, &a, &error);

    if (info) {
        hmp_printf(hmp, "%" G_GINT64_FORMAT " devices, the guest stood still for %" G_GINT64_FORMAT " us\n", info->devices, info->pause_us);
        emu_qmp_free(&qmp_type_PluginReloadInfo, info);
    }
    hmp_report(hmp, error);
}

static void
hmp_device_del(EmuHmp *hmp, const EmuHmpValue *args)
{
    Qmp_device_del_args a = {.id = args[0].text};

    RUN_QMP(hmp, qmp_device_del, &a);
}

static void
hmp_object_add(EmuHmp *hmp, const EmuHmpValue *args)
{
    g_autoptr(JsonObject) object = options_to_json(hmp, args[0].text, "qom-type");

    if (object) {
        RUN_QMP(hmp, qmp_object_add, object);
    }
}

static void
hmp_object_del(EmuHmp *hmp, const EmuHmpValue *args)
{
    Qmp_object_del_args a = {.id = args[0].text};

    RUN_QMP(hmp, qmp_object_del, &a);
}

static void
complete_path(EmuHmp *hmp, unsigned index, const char *prefix, GPtrArray *words)
{
    const char *slash = strrchr(prefix, '/');
    g_autofree char *parent = slash && slash > prefix ? g_strndup(prefix, slash - prefix) : g_strdup("/");
    EmuObject *object = index == 0 && slash ? emu_object_resolve_path(emu_machine_get_root(hmp->machine), parent, NULL) : NULL;
    g_autoptr(GPtrArray) properties = object ? emu_object_list_properties(object) : NULL;

    for (guint i = 0; properties && i < properties->len; i++) {
        const EmuPropertyInfo *p = properties->pdata[i];

        if (g_str_has_prefix(p->type, "child<") && g_str_has_prefix(p->name, slash + 1)) {
            g_ptr_array_add(words, g_strdup_printf("%.*s%s/", (int)(slash + 1 - prefix), prefix, p->name));
        }
    }
}

static gint
compare_properties(gconstpointer a, gconstpointer b)
{
    return strcmp((*(QmpObjectPropertyInfo *const *)a)->name, (*(QmpObjectPropertyInfo *const *)b)->name);
}

static void
hmp_qom_list(EmuHmp *hmp, const EmuHmpValue *args)
{
    Qmp_qom_list_args a = {.path = args[0].text};
    EmuQmpCall call = hmp_call(hmp);
    GError *error = NULL;
    GPtrArray *list;

    if (!args[0].present) {
        hmp_printf(hmp, "/\n");
        return;
    }
    list = qmp_qom_list(&call, &a, &error);
    hmp_report(hmp, error);
    if (!list) {
        return;
    }
    g_ptr_array_sort(list, compare_properties);
    for (guint i = 0; i < list->len; i++) {
        QmpObjectPropertyInfo *p = list->pdata[i];

        hmp_printf(hmp, "%s (%s)\n", p->name, p->type);
        emu_qmp_free(&qmp_type_ObjectPropertyInfo, p);
    }
    g_ptr_array_unref(list);
}

static void
hmp_qom_get(EmuHmp *hmp, const EmuHmpValue *args)
{
    Qmp_qom_get_args a = {.path = args[0].text, .property = args[1].text};
    EmuQmpCall call = hmp_call(hmp);
    GError *error = NULL;
    g_autoptr(JsonNode) node = qmp_qom_get(&call, &a, &error);

    if (node) {
        emu_json_write(hmp->out, node, true);
        hmp_printf(hmp, "\n");
    }
    hmp_report(hmp, error);
}

static void
hmp_qom_set(EmuHmp *hmp, const EmuHmpValue *args)
{
    g_autoptr(JsonNode) value = json_node_new(JSON_NODE_VALUE);
    Qmp_qom_set_args a = {.path = args[0].text, .property = args[1].text, .value = value};

    json_node_set_string(value, args[2].text);
    RUN_QMP(hmp, qmp_qom_set, &a);
}

/* ---- memory to files ------------------------------------------------------------------------------------------------------ */

static void
hmp_memsave(EmuHmp *hmp, const EmuHmpValue *args)
{
    Qmp_memsave_args a = {.val = args[0].number, .size = args[1].number, .filename = args[2].text, .has_cpu_index = true, .cpu_index = hmp->cpu_index};

    RUN_QMP(hmp, qmp_memsave, &a);
}

static void
hmp_pmemsave(EmuHmp *hmp, const EmuHmpValue *args)
{
    Qmp_pmemsave_args a = {.val = args[0].number, .size = args[1].number, .filename = args[2].text};

    RUN_QMP(hmp, qmp_pmemsave, &a);
}

/* ---- tables ------------------------------------------------------------------------------------------------------------------ */

const EmuHmpCommand emu_hmp_info_commands[] = {
    {"balloon", NULL, "", "show balloon information", hmp_info_balloon},
    {"block", "-n,-v,s?", "[-n] [-v] [device]", "show info of one block device or all block devices (-n: show named nodes; -v: show details)", hmp_info_block, .complete = complete_drive},
    {"blockstats", NULL, "", "show block device statistics", hmp_info_blockstats},
    {"chardev", NULL, "", "show the character devices", hmp_info_chardev},
    {"cpus", NULL, "", "show infos for each CPU", hmp_info_cpus},
    {"hotpluggable-cpus", NULL, "", "show information about hotpluggable CPUs", hmp_info_hotpluggable_cpus},
    {"iothreads", NULL, "", "show iothreads", hmp_info_iothreads},
    {"irq", NULL, "", "show the interrupts statistics (if available)", hmp_info_irq},
    {"jit", NULL, "", "show dynamic compiler info", hmp_info_jit},
    {"kvm", NULL, "", "show KVM information", hmp_info_kvm},
    {"lapic", NULL, "", "show local apic state", hmp_info_lapic},
    {"memdev", NULL, "", "show memory backends", hmp_info_memdev},
    {"memory-devices", NULL, "", "show memory devices", hmp_info_memory_devices},
    {"memory_size_summary", NULL, "", "show the amount of initially allocated and present hotpluggable memory in bytes", hmp_info_memory_size_summary},
    {"mice", NULL, "", "show which guest mouse is receiving events", hmp_info_mice},
    {"mtree", "-f", "[-f]", "show memory tree (-f: dump flat view for address spaces)", hmp_info_mtree},
    {"name", NULL, "", "show the current VM name", hmp_info_name},
    {"network", NULL, "", "show the network state", hmp_info_network},
    {"numa", NULL, "", "show NUMA information", hmp_info_numa},
    {"pci", NULL, "", "show PCI info", hmp_info_pci},
    {"pic", NULL, "", "show PIC state", hmp_info_pic},
    {"qom-tree", "s?", "[path]", "show QOM composition tree", hmp_info_qom_tree, .complete = complete_path},
    {"qtree", NULL, "", "show device tree", hmp_info_qtree},
    {"registers", "-a", "[-a]", "show the cpu registers (-a: show register info for all cpus)", hmp_info_registers},
    {"roms", NULL, "", "show roms", hmp_info_roms},
    {"snapshots", NULL, "", "show the currently saved VM snapshots", hmp_info_snapshots},
    {"stats", "s,s?,s?", "target [names] [provider]", "show statistics for the given target (vm or vcpu); optionally filter by name (comma-separated list, or * for all) and provider", hmp_info_stats},
    {"status", NULL, "", "show the current VM status (running|paused)", hmp_info_status},
    {"usb", NULL, "", "show guest USB devices", hmp_info_usb},
    {"uuid", NULL, "", "show the current VM UUID", hmp_info_uuid},
    {"version", NULL, "", "show the version of the emulator", hmp_info_version},
    {"vm-generation-id", NULL, "", "Show Virtual Machine Generation ID", hmp_info_vm_generation_id},
    {NULL},
};

const EmuHmpCommand emu_hmp_commands[] = {
    {"help|?", "S?", "[cmd]", "show the help", hmp_help_command},
    {"boot_set", "s", "bootdevice", "define new values for the boot device list", hmp_boot_set},
    {"change", "-f,s,F,s?,s?", "[-f] device filename [format [read-only-mode]]", "change a removable medium, optional format, use -f to force the operation", hmp_change, .complete = complete_drive},
    {"cont|c", NULL, "", "resume emulation", hmp_cont},
    {"cpu", "i", "index", "set the default CPU", hmp_cpu_select},
    {"device_add", "S", "driver[,prop=value][,...]", "add device, like -device on the command line", hmp_device_add},
    {"device_del", "s", "device", "remove device", hmp_device_del},
    {"eject", "-f,s", "[-f] device", "eject a removable medium (use -f to force it)", hmp_eject, .complete = complete_drive},
    {"gpa2hva", "l", "addr", "print the host virtual address corresponding to a guest physical address", hmp_gpa2hva},
    {"gva2gpa", "l", "addr", "print the guest physical address corresponding to a guest virtual address", hmp_gva2gpa},
    {"i", "/,i", "/fmt addr", "I/O port read", hmp_port_in},
    {"info", NULL, "[subcommand]", "show various information about the system state", hmp_info, .sub = emu_hmp_info_commands},
    {"log", "s", "item1[,...]", "activate logging of the specified items", hmp_log},
    {"logfile", "F", "filename", "output logs to 'filename'", hmp_logfile},
    {"memsave", "l,i,s", "addr size file", "save to disk virtual memory dump starting at 'addr' of size 'size'", hmp_memsave},
    {"mouse_button", "i", "state", "change mouse button state (1=L, 2=M, 4=R)", hmp_mouse_button},
    {"mouse_move", "s,s,s?", "dx dy [dz]", "send mouse move events", hmp_mouse_move},
    {"mouse_set", "i", "index", "set which mouse device receives events", hmp_mouse_set},
    {"nmi", NULL, "", "inject an NMI", hmp_nmi},
    {"plugin-reload", "s", "plugin", "run a plugin's devices with the file that has replaced its own", hmp_plugin_reload},
    {"o", "/,i,i", "/fmt addr value", "I/O port write", hmp_port_out},
    {"object_add", "S", "[qom-type=]type,id=str[,prop=value][,...]", "create QOM object", hmp_object_add},
    {"object_del", "s", "id", "destroy QOM object", hmp_object_del},
    {"pmemsave", "l,i,s", "addr size file", "save to disk physical memory dump starting at 'addr' of size 'size'", hmp_pmemsave},
    {"print|p", "/,l", "/fmt expr", "print expression value (use $reg for CPU register access)", hmp_print},
    {"qom-get", "s,s", "path property", "print QOM property", hmp_qom_get, .complete = complete_path},
    {"qom-list", "s?", "path", "list QOM properties", hmp_qom_list, .complete = complete_path},
    {"qom-set", "s,s,S", "path property value", "set QOM property", hmp_qom_set, .complete = complete_path},
    {"quit|q", NULL, "", "quit the emulator", hmp_quit},
    {"screendump", "F,-f,s?,s?,i?", "filename [-f format] [device [head]]", "save screen from head 'head' of display device 'device' in specified format 'format' as image 'filename'", hmp_screendump},
    {"sendkey", "s,i?", "keys [hold_ms]", "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)", hmp_sendkey, .complete = complete_key},
    {"stop|s", NULL, "", "stop emulation", hmp_stop},
    {"sum", "l,i", "addr size", "compute the checksum of a memory region", hmp_sum},
    {"system_powerdown", NULL, "", "send system power down event", hmp_system_powerdown},
    {"system_reset", NULL, "", "reset the system", hmp_system_reset},
    {"system_wakeup", NULL, "", "wakeup guest from suspend", hmp_system_wakeup},
    {"trace-event", "s,b", "name on|off", "changes status of a specific trace event", hmp_trace_event},
    {"x", "/,l", "/fmt addr", "virtual memory dump starting at 'addr'", hmp_x},
    {"xp", "/,l", "/fmt addr", "physical memory dump starting at 'addr'", hmp_xp},
    {NULL},
};
