/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the firmware finds in the configuration device. */

#include "pc-machine.h"

#include <emu/log.h>

#include <string.h>

#define PC_FW_CFG_IRQ0_OVERRIDE (EMU_FW_CFG_ARCH_LOCAL + 2)
#define PC_E820_RAM 1
#define PC_UUID_SIZE 16
#define PC_OPTION_ROM_MAX 0x40000 /* what there is between the display's ROM and the firmware */

typedef struct {
    uint64_t address, length;
    uint32_t type;
} __attribute__((packed)) PcE820Entry;

static void
pc_add_e820(PcMachine *self)
{
    PcE820Entry entries[2];
    unsigned n = 0;

    entries[n++] = (PcE820Entry){0, GUINT64_TO_LE(self->below_4g), GUINT32_TO_LE(PC_E820_RAM)};
    if (self->above_4g) {
        entries[n++] = (PcE820Entry){GUINT64_TO_LE(UINT64_C(1) << 32), GUINT64_TO_LE(self->above_4g),
                                     GUINT32_TO_LE(PC_E820_RAM)};
    }
    emu_fw_cfg_add_file(self->fw_cfg, "etc/e820", entries, n * sizeof entries[0]);
}

/* One more than the highest local APIC ID. */
static unsigned
pc_get_apic_id_limit(PcMachine *self)
{
    EmuMachine *machine = EMU_MACHINE(self);
    unsigned limit = emu_machine_get_smp(machine).max_cpus;

    for (unsigned i = 0; i < emu_machine_get_n_cpus(machine); i++) {
        EmuCpu *cpu = emu_machine_get_cpu(machine, i);

        if (EMU_IS_X86_CPU_CONTROL(cpu)) {
            EmuX86CpuControl *control = EMU_X86_CPU_CONTROL(cpu);

            limit = MAX(limit, EMU_X86_CPU_CONTROL_GET_IFACE(control)->get_apic_id(control) + 1);
        }
    }
    for (unsigned i = 0; i < emu_machine_get_smp(machine).max_cpus; i++) {
        limit = MAX(limit, emu_x86_topology_get_apic_id(emu_machine_get_smp(machine), i) + 1);
    }
    return limit;
}

/* Number of nodes, the node of each local APIC, each node's memory; then nothing is left for the firmware to guess. */
static void
pc_add_numa(PcMachine *self, unsigned limit)
{
    EmuMachine *machine = EMU_MACHINE(self);
    unsigned n_nodes = emu_machine_get_n_numa_nodes(machine), n = 1 + limit + n_nodes;
    g_autofree uint64_t *words = g_new0(uint64_t, n);

    words[0] = GUINT64_TO_LE((uint64_t)n_nodes);
    for (unsigned i = 0; n_nodes && i < emu_machine_get_smp(machine).max_cpus; i++) {
        uint32_t id = emu_x86_topology_get_apic_id(emu_machine_get_smp(machine), i);

        words[1 + id] = GUINT64_TO_LE((uint64_t)emu_machine_get_numa_node_of_cpu(machine, i));
    }
    for (unsigned i = 0; i < n_nodes; i++) {
        words[1 + limit + i] = GUINT64_TO_LE(emu_machine_get_numa_node_size(machine, i));
    }
    emu_fw_cfg_add_bytes(self->fw_cfg, EMU_FW_CFG_NUMA, words, n * sizeof *words);
}

bool
pc_parse_uuid(const char *text, uint8_t uuid[16])
{
    unsigned n = 0;

    if (strlen(text) != 36) {
        return false;
    }
    for (unsigned i = 0; i < 36; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-') {
                return false;
            }
            continue;
        }
        if (!g_ascii_isxdigit(text[i]) || !g_ascii_isxdigit(text[i + 1])) {
            return false;
        }
        uuid[n++] = g_ascii_xdigit_value(text[i]) << 4 | g_ascii_xdigit_value(text[i + 1]);
        i++;
    }
    return true;
}

static bool
pc_add_uuid(PcMachine *self, GError **error)
{
    const char *text = emu_machine_get_option(EMU_MACHINE(self), "uuid");
    uint8_t uuid[PC_UUID_SIZE] = {0};

    if (text && !pc_parse_uuid(text, uuid)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "-uuid %s: expected a UUID such as 11223344-5566-7788-99aa-bbccddeeff00", text);
        return false;
    }
    emu_fw_cfg_add_bytes(self->fw_cfg, EMU_FW_CFG_UUID, uuid, sizeof uuid);
    return true;
}

unsigned
pc_count_cpus(PcMachine *self)
{
    EmuMachine *machine = EMU_MACHINE(self);
    unsigned n = 0;

    for (unsigned i = 0; i < emu_machine_get_n_cpus(machine); i++) {
        n += emu_machine_get_cpu(machine, i) != NULL;
    }
    return MAX(n, 1);
}

void
pc_write_cpu_count(PcMachine *self)
{
    emu_fw_cfg_add_u16(self->fw_cfg, EMU_FW_CFG_NB_CPUS, (uint16_t)pc_count_cpus(self));
}

/* Sleep types that the firmware's resume code and tables may use: bit 7 says that the state is there. */
static void
pc_add_system_states(PcMachine *self)
{
    uint8_t states[6] = {128, 0, 0, 1, 0, 128};
    PcSleepInfo sleep;

    pc_get_sleep_info(self, &sleep);
    states[3] |= sleep.s3 ? 128 : 0;
    states[4] = sleep.s4_val | (sleep.s4 ? 128 : 0);
    emu_fw_cfg_add_file(self->fw_cfg, "etc/system-states", states, sizeof states);
}

/* What the firmware writes to IA32_FEATURE_CONTROL of CPUs with VMX: that it can be used, for good. */
static void
pc_add_feature_control(PcMachine *self)
{
    enum { LOCKED = 1 << 0, VMX_OUTSIDE_SMX = 1 << 2 };
    EmuCpu *cpu = emu_machine_get_cpu(EMU_MACHINE(self), 0);
    uint64_t value = GUINT64_TO_LE((uint64_t)(LOCKED | VMX_OUTSIDE_SMX));
    gboolean has_vmx = FALSE;

    if (cpu && g_object_class_find_property(G_OBJECT_GET_CLASS(cpu), "vmx")) {
        g_object_get(cpu, "vmx", &has_vmx, NULL);
    }
    if (has_vmx) {
        emu_fw_cfg_add_file(self->fw_cfg, "etc/msr_feature_control", &value, sizeof value);
    }
}

/* -fw_cfg [name=]NAME,file=FILE | ,string=TEXT */
static bool
pc_add_user_item(PcMachine *self, const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);
    const char *name = NULL, *file = NULL, *string = NULL;
    g_autofree char *contents = NULL;
    gsize len = 0;

    for (unsigned i = 0; parts[i]; i++) {
        if (g_str_has_prefix(parts[i], "name=")) {
            name = parts[i] + 5;
        } else if (g_str_has_prefix(parts[i], "file=")) {
            file = parts[i] + 5;
        } else if (g_str_has_prefix(parts[i], "string=")) {
            /* The text may hold commas: everything that follows. */
            string = strstr(text, "string=") + 7;
            break;
        } else if (i == 0 && !strchr(parts[i], '=')) {
            name = parts[i];
        } else {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                        "-fw_cfg %s: '%s' is unknown, expected name=, file= or string=", text, parts[i]);
            return false;
        }
    }
    if (!name || !*name || !file == !string) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "-fw_cfg %s: expected a name and one of file= and string=", text);
        return false;
    }
    if (strlen(name) > 55) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-fw_cfg %s: the name is longer than 55 characters", text);
        return false;
    }
    if (!g_str_has_prefix(name, "opt/")) {
        emu_warn_report("-fw_cfg %s: names of users' items start with \"opt/\"", name);
    }
    if (string) {
        emu_fw_cfg_add_file(self->fw_cfg, name, string, strlen(string));
        return true;
    }
    if (!g_file_get_contents(file, &contents, &len, error)) {
        g_prefix_error(error, "-fw_cfg %s: ", name);
        return false;
    }
    emu_fw_cfg_add_file(self->fw_cfg, name, contents, len);
    return true;
}

static bool
pc_add_user_items(PcMachine *self, GError **error)
{
    const char *text;

    for (unsigned i = 0; (text = emu_machine_get_option_nth(EMU_MACHINE(self), "fw_cfg", i)); i++) {
        if (!pc_add_user_item(self, text, error)) {
            return false;
        }
    }
    return true;
}

/* -option-rom FILE[,bootindex=N]: the firmware copies and runs it. */
static bool
pc_add_option_rom(PcMachine *self, const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", 2);
    const char *name = g_str_has_prefix(parts[0], "romfile=") ? parts[0] + 8 : parts[0];
    g_autofree char *path = emu_machine_find_firmware(EMU_MACHINE(self), name), *contents = NULL, *file = NULL, *base = NULL, *boot = NULL;
    guint64 bootindex = 0;
    gsize len;

    if (parts[1] && (!g_str_has_prefix(parts[1], "bootindex=") ||
                     !g_ascii_string_to_unsigned(parts[1] + 10, 10, 0, INT32_MAX, &bootindex, NULL))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-option-rom %s: expected FILE[,bootindex=N]", text);
        return false;
    }
    if (!path) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "-option-rom %s: there is no such file here or on the firmware search path (-L)",
                    name);
        return false;
    }
    if (!g_file_get_contents(path, &contents, &len, error)) {
        g_prefix_error(error, "-option-rom %s: ", name);
        return false;
    }
    if (len == 0 || len > PC_OPTION_ROM_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-option-rom %s: it has %" G_GSIZE_FORMAT " bytes, expected 1 to %u", name, len,
                    PC_OPTION_ROM_MAX);
        return false;
    }
    base = g_path_get_basename(path);
    file = g_strconcat("genroms/", base, NULL);
    emu_fw_cfg_add_file(self->fw_cfg, file, contents, len);
    if (parts[1]) {
        boot = g_strconcat("/rom@", file, NULL);
        emu_machine_add_boot_device(EMU_MACHINE(self), (int)bootindex, NULL, boot);
    }
    return true;
}

static bool
pc_add_option_roms(PcMachine *self, GError **error)
{
    const char *text;

    for (unsigned i = 0; (text = emu_machine_get_option_nth(EMU_MACHINE(self), "option-rom", i)); i++) {
        if (!pc_add_option_rom(self, text, error)) {
            return false;
        }
    }
    return true;
}

/* A time in ms of -boot; absent: @fallback. */
static bool
pc_get_boot_time(PcMachine *self, const char *option, gint64 fallback, gint64 min, gint64 *ms, GError **error)
{
    const char *text = emu_machine_get_option(EMU_MACHINE(self), option);

    *ms = fallback;
    if (text && !g_ascii_string_to_signed(text, 10, min, 0xffff, ms, NULL)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "-boot: %s is '%s', expected %" G_GINT64_FORMAT " to 65535 ms", option + strlen("boot-"), text, min);
        return false;
    }
    return true;
}

static bool
pc_add_boot_order(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    g_autofree char *list = emu_machine_get_boot_order_list(machine);
    const char *menu = emu_machine_get_option(machine, "boot-menu");
    gint64 reboot_ms, splash_ms;
    uint32_t wait;
    uint16_t menu_wait;

    /* -1: after a failed boot the firmware waits for ever instead of starting over. */
    if (!pc_get_boot_time(self, "boot-reboot-timeout", -1, -1, &reboot_ms, error) ||
        !pc_get_boot_time(self, "boot-splash-time", -1, 0, &splash_ms, error)) {
        return false;
    }
    if (list && *list) {
        emu_fw_cfg_add_file(self->fw_cfg, "bootorder", list, strlen(list) + 1);
    }
    emu_fw_cfg_add_u16(self->fw_cfg, EMU_FW_CFG_BOOT_MENU, g_strcmp0(menu, "on") == 0);
    wait = GUINT32_TO_LE((uint32_t)reboot_ms);
    emu_fw_cfg_add_file(self->fw_cfg, "etc/boot-fail-wait", &wait, sizeof wait);
    if (splash_ms >= 0) {
        menu_wait = GUINT16_TO_LE((uint16_t)splash_ms);
        emu_fw_cfg_add_file(self->fw_cfg, "etc/boot-menu-wait", &menu_wait, sizeof menu_wait);
    }
    return true;
}

bool
pc_fill_fw_cfg(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    const char *graphics = emu_machine_get_option(machine, "graphics");
    unsigned limit = pc_get_apic_id_limit(self);

    emu_fw_cfg_add_u64(self->fw_cfg, EMU_FW_CFG_RAM_SIZE, emu_machine_get_ram_size(machine));
    emu_fw_cfg_add_u16(self->fw_cfg, EMU_FW_CFG_NOGRAPHIC, g_strcmp0(graphics, "off") == 0);
    pc_write_cpu_count(self);
    emu_fw_cfg_add_u16(self->fw_cfg, EMU_FW_CFG_MAX_CPUS, limit);
    emu_fw_cfg_add_u32(self->fw_cfg, PC_FW_CFG_IRQ0_OVERRIDE, 1);
    pc_add_numa(self, limit);
    pc_add_e820(self);
    pc_add_reserved_memory_end(self);
    pc_add_system_states(self);
    pc_add_feature_control(self);
    if (!pc_add_option_roms(self, error) || !pc_load_kernel(self, error) || !pc_add_boot_order(self, error)) {
        return false;
    }
    if (self->acpi) {
        pc_add_acpi_tables(self);
    }
    return pc_add_uuid(self, error) && pc_add_smbios_tables(self, error) && pc_add_user_items(self, error);
}
