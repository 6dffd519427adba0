/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Options that describe the board: machine, accelerator, CPUs, memory, firmware, kernel, boot order, clock, SMBIOS. */

#include "system/startup.h"

#include "cpu/cpu-private.h"
#include "system/machine-private.h"

#include <emu/log.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Only "help" is answered in the help phase; the real handlers are other rows' or phases' business. */

static bool
option_machine(EmuStartup *startup, const char *arg, GError **error)
{
    g_autoptr(EmuOpts) opts = NULL;

    if (emu_opts_is_help(arg)) {
        emu_help_machines();
        return emu_startup_finish(startup);
    }
    opts = emu_opts_parse(arg, "type", NULL, error);
    if (!opts) {
        return false;
    }
    if (emu_opts_get(opts, "help") && emu_opts_get(opts, "type")) {
        g_autofree char *type_name = emu_machine_find_type(emu_opts_get(opts, "type"), error);

        return type_name && emu_help_properties(type_name, type_name, error) && emu_startup_finish(startup);
    }
    for (guint i = 0; i < emu_opts_get_n(opts); i++) {
        const EmuOpt *opt = emu_opts_get_nth(opts, i);

        if (strcmp(opt->key, "type") == 0 && emu_opts_is_help(opt->value)) {
            emu_help_machines();
            return emu_startup_finish(startup);
        }
        emu_opts_set(startup->machine_opts, opt->key, opt->value);
    }
    return true;
}

static bool
option_accel(EmuStartup *startup, const char *arg, GError **error)
{
    if (emu_opts_is_help(arg)) {
        emu_help_accels();
        return emu_startup_finish(startup);
    }
    if (g_str_has_suffix(arg, ",help") || g_str_has_suffix(arg, ",?")) {
        g_autofree char *name = g_strndup(arg, strcspn(arg, ","));
        g_autofree char *type_name = g_strconcat(name, "-accel", NULL);

        return emu_help_properties(type_name, name, error) && emu_startup_finish(startup);
    }
    g_ptr_array_add(startup->accels, g_strdup(arg));
    return true;
}

static bool
option_enable_kvm(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    /* It wins over a -machine accel= before it. */
    emu_opts_set(startup->machine_opts, "accel", "kvm");
    return true;
}

static bool
option_cpu(EmuStartup *startup, const char *arg, GError **error)
{
    if (emu_opts_is_help(arg)) {
        emu_help_cpus();
        return emu_startup_finish(startup);
    }
    g_free(startup->cpu);
    startup->cpu = g_strdup(arg);
    return true;
}

static bool
option_memory(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_machine_set_memory(startup->machine, arg, error);
}

static bool
option_smp(EmuStartup *startup, const char *arg, GError **error)
{
    return emu_machine_set_smp(startup->machine, arg, error);
}

static bool
set_string(EmuStartup *startup, const char *property, const char *value)
{
    g_object_set(startup->machine, property, value, NULL);
    return true;
}

static bool
option_bios(EmuStartup *startup, const char *arg, GError **error)
{
    g_autofree char *path = emu_machine_find_firmware(startup->machine, arg);

    if (!path || g_access(path, R_OK) != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "could not load PC BIOS '%s': %s", arg,
                    path ? g_strerror(errno) : "no such file here or on the firmware search path (-L)");
        return false;
    }
    return set_string(startup, "firmware", arg);
}

static bool
option_kernel(EmuStartup *startup, const char *arg, GError **error)
{
    return set_string(startup, "kernel", arg);
}

static bool
option_initrd(EmuStartup *startup, const char *arg, GError **error)
{
    return set_string(startup, "initrd", arg);
}

static bool
option_append(EmuStartup *startup, const char *arg, GError **error)
{
    return set_string(startup, "append", arg);
}

static bool
check_boot_letters(const char *key, const char *letters, GError **error)
{
    unsigned seen = 0;

    for (const char *p = letters; *p; p++) {
        /* a, b: floppies; c: first hard disk; d: CD; d..m: other disks; n..p: network. */
        if (*p < 'a' || *p > 'p') {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Invalid boot device for PC: '%c' in %s=%s, expected letters from 'a' to 'p'",
                        *p, key, letters);
            return false;
        }
        if (seen & 1u << (*p - 'a')) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Boot device '%c' was given twice in %s=%s", *p, key, letters);
            return false;
        }
        seen |= 1u << (*p - 'a');
    }
    return true;
}

static bool
option_boot(EmuStartup *startup, const char *arg, GError **error)
{
    static const char *const keys[] = {"order", "once", "menu", "splash", "splash-time", "reboot-timeout", "strict", NULL};
    g_autoptr(EmuOpts) opts = emu_opts_parse(arg, "order", keys, error);
    bool menu = false, strict = false;
    uint64_t number;

    if (!opts || !emu_opts_get_bool(opts, "menu", &menu, error) || !emu_opts_get_bool(opts, "strict", &strict, error) ||
        !emu_opts_get_uint(opts, "splash-time", 0, 0xffff, &number, error)) {
        return false;
    }
    for (guint i = 0; i < emu_opts_get_n(opts); i++) {
        const EmuOpt *opt = emu_opts_get_nth(opts, i);

        if (strcmp(opt->key, "order") == 0 || strcmp(opt->key, "once") == 0) {
            if (!check_boot_letters(opt->key, opt->value, error)) {
                return false;
            }
            set_string(startup, strcmp(opt->key, "order") == 0 ? "boot-order" : "boot-once", opt->value);
        } else {
            g_autofree char *name = g_strconcat("boot-", opt->key, NULL);

            emu_machine_replace_option(startup->machine, name, opt->value);
        }
    }
    return true;
}

static bool
option_rtc(EmuStartup *startup, const char *arg, GError **error)
{
    static const char *const keys[] = {"base", "clock", "driftfix", NULL};
    static const char *const driftfix[] = {"none", "slew", NULL};
    g_autoptr(EmuOpts) opts = emu_opts_parse(arg, NULL, keys, error);
    int index;

    if (!opts || !emu_opts_get_enum(opts, "driftfix", driftfix, &index, error)) {
        return false;
    }
    for (guint i = 0; i < emu_opts_get_n(opts); i++) {
        const EmuOpt *opt = emu_opts_get_nth(opts, i);
        g_autofree char *name = g_strconcat("rtc-", opt->key, NULL);

        emu_machine_replace_option(startup->machine, name, opt->value);
    }
    return true;
}

static bool
option_uuid(EmuStartup *startup, const char *arg, GError **error)
{
    if (!g_uuid_string_is_valid(arg)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "failed to parse UUID string: wrong format, expected 8-4-4-4-12 hexadecimal digits");
        return false;
    }
    return set_string(startup, "uuid", arg);
}

/* Kept as text: the board makes the tables. */
static bool
option_smbios(EmuStartup *startup, const char *arg, GError **error)
{
    g_autoptr(EmuOpts) opts = emu_opts_parse(arg, NULL, NULL, error);
    const char *file = opts ? emu_opts_get(opts, "file") : NULL;
    uint64_t type;

    if (!opts) {
        return false;
    }
    if (file && g_access(file, R_OK) != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "Cannot read SMBIOS file %s: %s", file, g_strerror(errno));
        return false;
    }
    if (!file && !emu_opts_get(opts, "type")) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Must specify type= or file=");
        return false;
    }
    if (!emu_opts_get_uint(opts, "type", 0, 255, &type, error)) {
        return false;
    }
    emu_machine_add_option(startup->machine, "smbios", arg);
    return true;
}

static bool
option_fw_cfg(EmuStartup *startup, const char *arg, GError **error)
{
    static const char *const keys[] = {"name", "file", "string", "gen_id", NULL};
    g_autoptr(EmuOpts) opts = emu_opts_parse(arg, "name", keys, error);
    const char *name = opts ? emu_opts_get(opts, "name") : NULL;
    const char *file = opts ? emu_opts_get(opts, "file") : NULL;
    const char *string = opts ? emu_opts_get(opts, "string") : NULL;

    if (!opts) {
        return false;
    }
    if (!name || !*name || (!file == !string)) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "invalid argument(s), expected name=NAME and one of file=FILE, string=TEXT");
        return false;
    }
    if (strlen(name) > 55) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "name too long (max. 55 char)");
        return false;
    }
    if (strncmp(name, "opt/", 4) != 0) {
        emu_warn_report("-fw_cfg %s: externally provided fw_cfg item names should be prefixed with \"opt/\"", arg);
    }
    if (file && g_access(file, R_OK) != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "can't load %s: %s", file, g_strerror(errno));
        return false;
    }
    emu_machine_add_option(startup->machine, "fw_cfg", arg);
    return true;
}

static bool
option_option_rom(EmuStartup *startup, const char *arg, GError **error G_GNUC_UNUSED)
{
    emu_machine_add_option(startup->machine, "option-rom", arg);
    return true;
}

static bool
option_mem_path(EmuStartup *startup, const char *arg, GError **error G_GNUC_UNUSED)
{
    emu_machine_replace_option(startup->machine, "mem-path", arg);
    return true;
}

static bool
option_mem_prealloc(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    emu_machine_replace_option(startup->machine, "mem-prealloc", "on");
    return true;
}

static bool
option_vga(EmuStartup *startup, const char *arg, GError **error)
{
    startup->vga_given = true;
    emu_machine_replace_option(startup->machine, "vga", arg);
    return true;
}

static bool
option_no_acpi(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error)
{
    return !emu_object_has_property(startup->machine, "acpi") || emu_object_set_from_string(startup->machine, "acpi", "off", error);
}

static bool
option_no_hpet(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error)
{
    return !emu_object_has_property(startup->machine, "hpet") || emu_object_set_from_string(startup->machine, "hpet", "off", error);
}

static bool
option_usb(EmuStartup *startup, const char *arg G_GNUC_UNUSED, GError **error)
{
    return emu_object_set_from_string(startup->machine, "usb", "on", error);
}

static bool
option_firmware_dir(EmuStartup *startup, const char *arg, GError **error)
{
    if (emu_opts_is_help(arg)) {
        return true;
    }
    emu_machine_add_firmware_dir(startup->machine, arg);
    return true;
}

static bool
option_k(EmuStartup *startup, const char *arg, GError **error)
{
    emu_machine_replace_option(startup->machine, "keyboard-layout", arg);
    return true;
}

static bool
option_name(EmuStartup *startup, const char *arg, GError **error)
{
    static const char *const keys[] = {"guest", "process", "debug-threads", NULL};
    g_autoptr(EmuOpts) opts = emu_opts_parse(arg, "guest", keys, error);
    bool debug_threads = false;

    if (!opts || !emu_opts_get_bool(opts, "debug-threads", &debug_threads, error)) {
        return false;
    }
    if (emu_opts_get(opts, "guest")) {
        emu_machine_replace_option(startup->machine, "name", emu_opts_get(opts, "guest"));
    }
    return true;
}

static bool
option_global(EmuStartup *startup, const char *arg, GError **error)
{
    const char *dot = strchr(arg, '.'), *equals = strchr(arg, '=');
    g_autoptr(EmuOpts) opts = NULL;

    if (dot && equals && dot < equals && strncmp(arg, "driver=", 7) != 0) {
        g_autofree char *driver = g_strndup(arg, (gsize)(dot - arg));
        g_autofree char *property = g_strndup(dot + 1, (gsize)(equals - dot - 1));

        return emu_machine_add_global(startup->machine, driver, property, equals + 1, error);
    }
    opts = emu_opts_parse(arg, NULL, NULL, error);
    if (!opts) {
        return false;
    }
    if (!emu_opts_get(opts, "driver") || !emu_opts_get(opts, "property") || !emu_opts_get(opts, "value")) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                            "expected DRIVER.PROPERTY=VALUE or driver=DRIVER,property=PROPERTY,value=VALUE");
        return false;
    }
    return emu_machine_add_global(startup->machine, emu_opts_get(opts, "driver"), emu_opts_get(opts, "property"), emu_opts_get(opts, "value"), error);
}

static const EmuOption options[] = {
    {"M", "[type=]NAME[,PROPERTY=VALUE]", EMU_PHASE_HELP, option_machine, "the board ('help' lists them) and its properties"},
    {"machine", "[type=]NAME[,PROPERTY=VALUE]", EMU_PHASE_HELP, option_machine, NULL},
    {"accel", "NAME[,PROPERTY=VALUE]", EMU_PHASE_HELP, option_accel, "accelerator; several are tried in order ('help' lists them)"},
    {"enable-kvm", NULL, EMU_PHASE_HELP, option_enable_kvm, "same as -machine accel=kvm"},
    {"cpu", "MODEL[,+FEATURE][,-FEATURE]", EMU_PHASE_HELP, option_cpu, "CPU model ('help' lists them)"},
    {"m", "[size=]MEGS[,slots=N,maxmem=SIZE]", EMU_PHASE_MACHINE, option_memory, "guest memory, 128 MiB without it"},
    {"mem-path", "FILE", EMU_PHASE_MACHINE, option_mem_path, "guest memory in a file, or in a file in this folder (huge pages)"},
    {"mem-prealloc", NULL, EMU_PHASE_MACHINE, option_mem_prealloc, "with -mem-path: touch all pages at once"},
    {"smp", "[cpus=]N[,maxcpus=N][,sockets=N][,dies=N][,cores=N][,threads=N]", EMU_PHASE_MACHINE, option_smp, "number of CPUs"},
    {"bios", "FILE", EMU_PHASE_MACHINE, option_bios, "firmware image"},
    {"kernel", "FILE", EMU_PHASE_MACHINE, option_kernel, "kernel to boot directly"},
    {"initrd", "FILE", EMU_PHASE_MACHINE, option_initrd, "its initial RAM disk"},
    {"append", "TEXT", EMU_PHASE_MACHINE, option_append, "its command line"},
    {"boot", "[order=LETTERS][,once=LETTERS][,menu=on|off]", EMU_PHASE_MACHINE, option_boot, "a, b: floppy; c: hard disk; d: CD-ROM; n: network"},
    {"rtc", "[base=utc|localtime|DATE][,clock=host|rt|vm][,driftfix=none|slew]", EMU_PHASE_MACHINE, option_rtc, "real-time clock"},
    {"uuid", "UUID", EMU_PHASE_MACHINE, option_uuid, "system UUID"},
    {"smbios", "type=N,FIELD=VALUE...|file=FILE", EMU_PHASE_MACHINE, option_smbios, "SMBIOS fields or entry"},
    {"fw_cfg", "name=NAME,file=FILE|string=TEXT", EMU_PHASE_MACHINE, option_fw_cfg, "adds a firmware configuration item"},
    {"option-rom", "FILE[,bootindex=N]", EMU_PHASE_MACHINE, option_option_rom, "option ROM for the firmware to run"},
    {"vga", "std|none", EMU_PHASE_MACHINE, option_vga, "display device"},
    {"no-acpi", NULL, EMU_PHASE_MACHINE, option_no_acpi, "same as -machine acpi=off"},
    {"no-hpet", NULL, EMU_PHASE_MACHINE, option_no_hpet, "same as -machine hpet=off"},
    {"usb", NULL, EMU_PHASE_MACHINE, option_usb, "same as -machine usb=on"},
    {"L", "FOLDER", EMU_PHASE_MACHINE, option_firmware_dir, "looks for firmware in FOLDER first"},
    {"k", "LANGUAGE", EMU_PHASE_MACHINE, option_k, "keyboard layout of remote displays"},
    {"name", "[guest=]NAME[,debug-threads=on|off]", EMU_PHASE_MACHINE, option_name, "the guest's name"},
    {"global", "DRIVER.PROPERTY=VALUE", EMU_PHASE_MACHINE, option_global, "sets a default of a device type"},
    {NULL},
};

static void
options_machine_register(void)
{
    emu_option_register(options);
}
opts_init(options_machine_register)
