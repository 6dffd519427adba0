/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The configuration of a machine: its properties, options, memory size, CPUs; checks before anything is built. */

#include "cpu/cpu-private.h"
#include "system/machine-private.h"
#include "qom/opts.h"

#include <emu/log.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PROP_0, PROP_RAM_SIZE, PROP_MEMORY_BACKEND, PROP_CPU_TYPE, PROP_KERNEL, PROP_INITRD, PROP_APPEND, PROP_FIRMWARE,
    PROP_BOOT_ORDER, PROP_SMP_CPUS, PROP_SMP_MAXCPUS, PROP_SMP_SOCKETS, PROP_SMP_DIES, PROP_SMP_CORES, PROP_SMP_THREADS,
    PROP_FIRST_OPTION
};

/* Properties that are kept as option text for boards to read: emu_machine_get_option(). */
static const struct {
    const char *name;
    bool is_bool;
    const char *value;
    const char *blurb;
} option_properties[] = {
    {"boot-menu", true, "off", "offer the firmware's boot menu"},
    {"boot-once", false, NULL, "boot order until the first reset"},
    {"uuid", false, NULL, "system UUID"},
    {"rtc-base", false, "utc", "start of the real-time clock: utc, localtime or a date"},
    {"rtc-clock", false, "host", "what moves the real-time clock: host, rt or vm"},
    {"usb", true, "off", "add the board's USB controller"},
    {"graphics", true, "on", "add the default display device"},
    {"dump-guest-core", true, "on", "include guest memory in a core dump"},
    {"mem-merge", true, "on", "let the host merge equal memory pages"},
    {"kernel-irqchip", false, NULL, "interrupt controllers in the kernel: on, off, split"},
    {"suppress-vmdesc", true, "off", "leave the description out of migration streams"},
};

static const char *
machine_option_property(guint prop_id)
{
    return option_properties[prop_id - PROP_FIRST_OPTION].name;
}

static void
replace_string(char **field, const GValue *value)
{
    g_free(*field);
    *field = g_value_dup_string(value);
}

static void
emu_machine_set_property(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    EmuMachine *self = EMU_MACHINE(object);
    EmuMachinePrivate *priv = emu_machine_priv(self);

    switch (id) {
    case PROP_RAM_SIZE:
        priv->ram_size = g_value_get_uint64(value);
        priv->max_ram_size = MAX(priv->max_ram_size, priv->ram_size);
        break;
    case PROP_MEMORY_BACKEND:
        replace_string(&priv->memory_backend, value);
        break;
    case PROP_CPU_TYPE:
        replace_string(&priv->cpu_type, value);
        break;
    case PROP_KERNEL:
        replace_string(&priv->kernel, value);
        break;
    case PROP_INITRD:
        replace_string(&priv->initrd, value);
        break;
    case PROP_APPEND:
        replace_string(&priv->append, value);
        break;
    case PROP_FIRMWARE:
        replace_string(&priv->firmware, value);
        break;
    case PROP_BOOT_ORDER:
        replace_string(&priv->boot_order, value);
        break;
    case PROP_SMP_CPUS:
        priv->smp.cpus = g_value_get_uint(value);
        break;
    case PROP_SMP_MAXCPUS:
        priv->smp.max_cpus = g_value_get_uint(value);
        break;
    case PROP_SMP_SOCKETS:
        priv->smp.sockets = g_value_get_uint(value);
        break;
    case PROP_SMP_DIES:
        priv->smp.dies = g_value_get_uint(value);
        break;
    case PROP_SMP_CORES:
        priv->smp.cores = g_value_get_uint(value);
        break;
    case PROP_SMP_THREADS:
        priv->smp.threads = g_value_get_uint(value);
        break;
    default:
        if (id < PROP_FIRST_OPTION) {
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
        } else if (G_IS_PARAM_SPEC_BOOLEAN(pspec)) {
            emu_machine_replace_option(self, machine_option_property(id), g_value_get_boolean(value) ? "on" : "off");
        } else {
            emu_machine_replace_option(self, machine_option_property(id), g_value_get_string(value));
        }
    }
}

static void
emu_machine_get_property(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    EmuMachine *self = EMU_MACHINE(object);
    EmuMachinePrivate *priv = emu_machine_priv(self);

    switch (id) {
    case PROP_RAM_SIZE:
        g_value_set_uint64(value, priv->ram_size);
        break;
    case PROP_MEMORY_BACKEND:
        g_value_set_string(value, priv->memory_backend);
        break;
    case PROP_CPU_TYPE:
        g_value_set_string(value, emu_machine_get_cpu_type(self));
        break;
    case PROP_KERNEL:
        g_value_set_string(value, priv->kernel);
        break;
    case PROP_INITRD:
        g_value_set_string(value, priv->initrd);
        break;
    case PROP_APPEND:
        g_value_set_string(value, priv->append);
        break;
    case PROP_FIRMWARE:
        g_value_set_string(value, priv->firmware);
        break;
    case PROP_BOOT_ORDER:
        g_value_set_string(value, emu_machine_get_boot_order(self));
        break;
    case PROP_SMP_CPUS:
        g_value_set_uint(value, priv->smp.cpus);
        break;
    case PROP_SMP_MAXCPUS:
        g_value_set_uint(value, priv->smp.max_cpus);
        break;
    case PROP_SMP_SOCKETS:
        g_value_set_uint(value, priv->smp.sockets);
        break;
    case PROP_SMP_DIES:
        g_value_set_uint(value, priv->smp.dies);
        break;
    case PROP_SMP_CORES:
        g_value_set_uint(value, priv->smp.cores);
        break;
    case PROP_SMP_THREADS:
        g_value_set_uint(value, priv->smp.threads);
        break;
    default:
        if (id < PROP_FIRST_OPTION) {
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, pspec);
        } else {
            const char *text = emu_machine_get_option(self, machine_option_property(id));

            text = text ? text : option_properties[id - PROP_FIRST_OPTION].value;
            if (G_IS_PARAM_SPEC_BOOLEAN(pspec)) {
                g_value_set_boolean(value, g_strcmp0(text, "on") == 0);
            } else {
                g_value_set_string(value, text);
            }
        }
    }
}

/* A board that is built does not change. */
static bool
emu_machine_check_set(EmuObject *object, GParamSpec *pspec, GError **error)
{
    if (emu_machine_priv(EMU_MACHINE(object))->built) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_READ_ONLY, "machine: %s cannot be changed after the machine was built", pspec->name);
        return false;
    }
    return true;
}

static void
add_string(GObjectClass *klass, guint id, const char *name, const char *blurb)
{
    g_object_class_install_property(klass, id, g_param_spec_string(name, NULL, blurb, NULL, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
}

static void
add_count(GObjectClass *klass, guint id, const char *name, const char *blurb)
{
    g_object_class_install_property(klass, id, g_param_spec_uint(name, NULL, blurb, 1, 65535, 1, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
}

void
emu_machine_class_add_config(EmuMachineClass *machine_class)
{
    GObjectClass *klass = G_OBJECT_CLASS(machine_class);

    klass->set_property = emu_machine_set_property;
    klass->get_property = emu_machine_get_property;
    EMU_OBJECT_CLASS(klass)->check_set = emu_machine_check_set;

    g_object_class_install_property(klass, PROP_RAM_SIZE,
        g_param_spec_uint64("ram-size", NULL, "bytes of main memory", 0, G_MAXUINT64, 0, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
    add_string(klass, PROP_MEMORY_BACKEND, "memory-backend", "id of the memory object that is the main memory");
    add_string(klass, PROP_CPU_TYPE, "cpu-type", "type of the CPUs");
    add_string(klass, PROP_KERNEL, "kernel", "kernel image to boot directly");
    add_string(klass, PROP_INITRD, "initrd", "initial RAM disk for the kernel");
    add_string(klass, PROP_APPEND, "append", "kernel command line");
    add_string(klass, PROP_FIRMWARE, "firmware", "firmware image");
    add_string(klass, PROP_BOOT_ORDER, "boot-order", "drive letters in the order of boot attempts");
    add_count(klass, PROP_SMP_CPUS, "smp-cpus", "CPUs at start");
    add_count(klass, PROP_SMP_MAXCPUS, "smp-maxcpus", "CPUs that may be there at most");
    add_count(klass, PROP_SMP_SOCKETS, "smp-sockets", "CPU sockets");
    add_count(klass, PROP_SMP_DIES, "smp-dies", "dies in a socket");
    add_count(klass, PROP_SMP_CORES, "smp-cores", "cores on a die");
    add_count(klass, PROP_SMP_THREADS, "smp-threads", "threads of a core");
    for (guint i = 0; i < G_N_ELEMENTS(option_properties); i++) {
        if (option_properties[i].is_bool) {
            g_object_class_install_property(klass, PROP_FIRST_OPTION + i,
                g_param_spec_boolean(option_properties[i].name, NULL, option_properties[i].blurb,
                                     strcmp(option_properties[i].value, "on") == 0, G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
        } else {
            add_string(klass, PROP_FIRST_OPTION + i, option_properties[i].name, option_properties[i].blurb);
        }
    }
}

#define RAM_MAX (UINT64_C(1) << 46)
#define RAM_SLOTS_MAX 256
#define RAM_MAX_UNIT 4096 /* of maxmem */

/* ---- options as text ------------------------------------------------------------------------------ */

void
emu_machine_add_option(EmuMachine *self, const char *name, const char *value)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    GPtrArray *values = g_hash_table_lookup(priv->options, name);

    if (!values) {
        values = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(priv->options, g_strdup(name), values);
    }
    g_ptr_array_add(values, g_strdup(value));
}

void
emu_machine_replace_option(EmuMachine *self, const char *name, const char *value)
{
    g_hash_table_remove(emu_machine_priv(self)->options, name);
    if (value) {
        emu_machine_add_option(self, name, value);
    }
}

const char *
emu_machine_get_option_nth(EmuMachine *self, const char *name, unsigned n)
{
    GPtrArray *values = g_hash_table_lookup(emu_machine_priv(self)->options, name);

    return values && n < values->len ? g_ptr_array_index(values, n) : NULL;
}

/* The last one wins, as on every command line. */
const char *
emu_machine_get_option(EmuMachine *self, const char *name)
{
    GPtrArray *values = g_hash_table_lookup(emu_machine_priv(self)->options, name);

    return values && values->len ? g_ptr_array_index(values, values->len - 1) : NULL;
}

/* ---- memory ----------------------------------------------------------------------------------------- */

bool
emu_machine_set_memory(EmuMachine *self, const char *text, GError **error)
{
    static const char *const keys[] = {"size", "slots", "maxmem", NULL};
    EmuMachinePrivate *priv = emu_machine_priv(self);
    g_autoptr(EmuOpts) opts = emu_opts_parse(text, "size", keys, error);
    uint64_t size = priv->ram_size, slots = 0, max = 0;

    if (!opts || !emu_opts_get_size(opts, "size", 'M', &size, error) || !emu_opts_get_uint(opts, "slots", 0, UINT32_MAX, &slots, error) ||
        !emu_opts_get_size(opts, "maxmem", 'B', &max, error)) {
        return false;
    }
    if (size == 0) {
        size = priv->ram_size;
    }
    /* Whole 8 KiB units, as the field's tools round it. */
    size = (size + 8191) & ~UINT64_C(8191);
    if (size == 0 || size > RAM_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Parameter 'size' is %s, expected at most 64T", emu_opts_get(opts, "size"));
        return false;
    }
    if (emu_opts_get(opts, "maxmem") && max < size) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "invalid value of maxmem: maximum memory size (0x%" G_GINT64_MODIFIER "x) must be at least the initial memory size (0x%" G_GINT64_MODIFIER "x)",
                    max, size);
        return false;
    }
    if (slots && !emu_opts_get(opts, "maxmem")) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "slots specified but no max-size");
        return false;
    }
    if (slots && max == size) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "invalid value of maxmem: memory slots were specified but maximum memory size (0x%" G_GINT64_MODIFIER "x) is equal to the initial memory size (0x%" G_GINT64_MODIFIER "x)",
                    max, size);
        return false;
    }
    if (slots > RAM_SLOTS_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "unsupported amount of memory slots: %" G_GUINT64_FORMAT, slots);
        return false;
    }
    if (max % RAM_MAX_UNIT) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "maximum memory size must by aligned to multiple of %u bytes", RAM_MAX_UNIT);
        return false;
    }
    if (max > RAM_MAX) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "Parameter 'maxmem' is %s, expected at most 64T", emu_opts_get(opts, "maxmem"));
        return false;
    }
    priv->ram_size = size;
    priv->max_ram_size = MAX(max, size);
    priv->ram_slots = (unsigned)slots;
    return true;
}

uint64_t
emu_machine_get_ram_size(EmuMachine *self)
{
    return emu_machine_priv(self)->ram_size;
}

/* ---- CPU topology ------------------------------------------------------------------------------------ */

/**
 * emu_machine_set_smp:
 * @self: a machine
 * @text: "N" or "cpus=N,maxcpus=M,sockets=S,dies=D,clusters=1,cores=C,threads=T"
 *
 * What is left out is computed: cores first, then sockets, then threads; the product must be maxcpus.
 */
bool
emu_machine_set_smp(EmuMachine *self, const char *text, GError **error)
{
    static const char *const keys[] = {"cpus", "maxcpus", "sockets", "dies", "clusters", "cores", "threads", NULL};
    EmuMachinePrivate *priv = emu_machine_priv(self);
    EmuMachineClass *klass = EMU_MACHINE_GET_CLASS(self);
    g_autoptr(EmuOpts) opts = emu_opts_parse(text, "cpus", keys, error);
    uint64_t cpus = 0, max = 0, sockets = 0, dies = 0, clusters = 0, cores = 0, threads = 0, total;
    uint64_t *const values[] = {&cpus, &max, &sockets, &dies, &clusters, &cores, &threads};

    if (!opts) {
        return false;
    }
    for (unsigned i = 0; keys[i]; i++) {
        if (!emu_opts_get_uint(opts, keys[i], 0, 65535, values[i], error)) {
            return false;
        }
        if (emu_opts_get(opts, keys[i]) && *values[i] == 0) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                        "Invalid CPU topology: CPU topology parameters must be greater than zero, but %s is 0", keys[i]);
            return false;
        }
    }
    if (clusters > 1) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "clusters not supported by this machine's CPU topology");
        return false;
    }
    dies = dies ? dies : 1;
    if (cpus == 0 && max == 0) {
        sockets = sockets ? sockets : 1;
        cores = cores ? cores : 1;
        threads = threads ? threads : 1;
    } else {
        max = max ? max : cpus;
        if (cores == 0) {
            sockets = sockets ? sockets : 1;
            threads = threads ? threads : 1;
            cores = max / (sockets * dies * threads);
        } else if (sockets == 0) {
            threads = threads ? threads : 1;
            sockets = max / (dies * cores * threads);
        }
        if (threads == 0) {
            threads = max / (sockets * dies * cores);
        }
    }
    total = sockets * dies * cores * threads;
    max = max ? max : total;
    cpus = cpus ? cpus : max;
    if (total != max) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "Invalid CPU topology: product of the hierarchy must match maxcpus: sockets (%u) * dies (%u) * cores (%u) * threads (%u) != maxcpus (%u)",
                    (unsigned)sockets, (unsigned)dies, (unsigned)cores, (unsigned)threads, (unsigned)max);
        return false;
    }
    if (max < cpus) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "Invalid CPU topology: maxcpus must be equal to or greater than smp: sockets (%u) * dies (%u) * cores (%u) * threads (%u) == maxcpus (%u) < smp_cpus (%u)",
                    (unsigned)sockets, (unsigned)dies, (unsigned)cores, (unsigned)threads, (unsigned)max, (unsigned)cpus);
        return false;
    }
    if (max > MAX(klass->max_cpus, 1)) {
        g_autofree char *name = emu_machine_get_board_name(self);

        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "Invalid SMP CPUs %u. The max CPUs supported by machine '%s' is %u", (unsigned)max, name, MAX(klass->max_cpus, 1));
        return false;
    }
    priv->smp = (EmuSmp){(unsigned)cpus, (unsigned)max, (unsigned)sockets, (unsigned)dies, (unsigned)cores, (unsigned)threads};
    return true;
}

EmuSmp
emu_machine_get_smp(EmuMachine *self)
{
    return emu_machine_priv(self)->smp;
}

/* "pc-i440fx-7.2": the type's name without "-machine". (transfer full) */
char *
emu_machine_get_board_name(EmuMachine *self)
{
    const char *type_name = emu_object_get_type_name(self);

    return g_str_has_suffix(type_name, "-machine") ? g_strndup(type_name, strlen(type_name) - strlen("-machine")) : g_strdup(type_name);
}

/* ---- CPU model ------------------------------------------------------------------------------------------ */

/* "qemu64" of "qemu64-x86_64-cpu"; NULL for a type that is no model. (transfer full) */
char *
emu_cpu_model_name(const char *type_name)
{
    g_autofree char *head = NULL;
    char *dash;

    if (!g_str_has_suffix(type_name, "-cpu")) {
        return NULL;
    }
    head = g_strndup(type_name, strlen(type_name) - strlen("-cpu"));
    dash = strrchr(head, '-');
    if (!dash || dash == head) {
        return NULL;
    }
    *dash = 0;
    return g_steal_pointer(&head);
}

static char *
find_cpu_type(const char *model)
{
    GType direct = g_str_has_suffix(model, "-cpu") ? emu_type_lookup(model, NULL) : G_TYPE_INVALID;
    g_autoptr(GPtrArray) names = NULL;

    if (direct != G_TYPE_INVALID && g_type_is_a(direct, EMU_TYPE_CPU) && !G_TYPE_IS_ABSTRACT(direct)) {
        return g_strdup(model);
    }
    names = emu_type_list("cpu", false);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *name = emu_cpu_model_name(g_ptr_array_index(names, i));

        if (g_strcmp0(name, model) == 0) {
            return g_strdup(g_ptr_array_index(names, i));
        }
    }
    return NULL;
}

/**
 * emu_machine_set_cpu:
 * @self: a machine
 * @text: "MODEL[,+feature][,-feature][,feature[=value]]..."
 *
 * Resolves the model; features are applied to each CPU when it is made.
 */
bool
emu_machine_set_cpu(EmuMachine *self, const char *text, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    const char *comma = strchr(text, ',');
    g_autofree char *model = comma ? g_strndup(text, (gsize)(comma - text)) : g_strdup(text);
    g_autofree char *type_name = find_cpu_type(model);

    if (!type_name) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "unable to find CPU model '%s' (-cpu help lists them)", model);
        return false;
    }
    g_free(priv->cpu_type);
    priv->cpu_type = g_steal_pointer(&type_name);
    g_free(priv->cpu_features);
    priv->cpu_features = g_strdup(comma ? comma + 1 : "");
    return true;
}

const char *
emu_machine_get_cpu_type(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    return priv->cpu_type ? priv->cpu_type : EMU_MACHINE_GET_CLASS(self)->default_cpu_type;
}

/* Features are known with '_' and with '-' between their words. */
static bool
set_cpu_feature(EmuCpu *cpu, const char *name, const char *value, GError **error)
{
    g_autofree char *other = g_strdelimit(g_strdup(name), "_", '-');

    if (!emu_object_has_property(cpu, name) && emu_object_has_property(cpu, other)) {
        name = other;
    }
    return emu_object_set_from_string(cpu, name, value, error);
}

/* Plus and minus features are applied last, whatever their place: "+x" and "-x" beat "x=...". */
static bool
apply_cpu_features(EmuCpu *cpu, const char *features, GError **error)
{
    g_auto(GStrv) words = g_strsplit(features, ",", -1);

    for (int pass = 0; pass < 2; pass++) {
        for (char **word = words; *word; word++) {
            bool sign = **word == '+' || **word == '-';
            char *equals = strchr(*word, '=');

            if (!**word || sign != (pass == 1)) {
                continue;
            }
            if (sign) {
                if (!set_cpu_feature(cpu, *word + 1, **word == '+' ? "on" : "off", error)) {
                    return false;
                }
            } else if (equals) {
                g_autofree char *name = g_strndup(*word, (gsize)(equals - *word));

                if (!set_cpu_feature(cpu, name, equals + 1, error)) {
                    return false;
                }
            } else if (!set_cpu_feature(cpu, *word, "on", error)) {
                return false;
            }
        }
    }
    return true;
}

bool
emu_machine_apply_cpu_features(EmuMachine *self, EmuCpu *cpu, GError **error)
{
    return apply_cpu_features(cpu, emu_machine_priv(self)->cpu_features, error);
}

/**
 * emu_machine_create_cpu:
 * @self: a machine in its board's init(), or plugging a CPU
 * @index: its number
 *
 * Creates, configures and realizes a CPU of the chosen model. Its thread waits until the machine runs. Big lock held.
 *
 * Returns: (transfer none) (nullable): the CPU
 */
EmuCpu *
emu_machine_create_cpu(EmuMachine *self, unsigned index, GError **error)
{
    const char *type_name = emu_machine_get_cpu_type(self);
    EmuDevice *dev;

    if (!type_name) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "the machine has no default CPU model, expected -cpu MODEL");
        return NULL;
    }
    dev = emu_device_new(type_name, error);
    if (!dev) {
        return NULL;
    }
    if (!EMU_IS_CPU(dev)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE, "%s is no CPU type", type_name);
        g_object_unref(dev);
        return NULL;
    }
    emu_cpu_set_index(EMU_CPU(dev), index);
    if (!emu_machine_apply_cpu_features(self, EMU_CPU(dev), error)) {
        g_object_unref(dev);
        return NULL;
    }
    return emu_device_realize(dev, self, NULL, error) ? EMU_CPU(dev) : NULL;
}

/* ---- what boards read ------------------------------------------------------------------------------------- */

const char *
emu_machine_get_kernel(EmuMachine *self)
{
    return emu_machine_priv(self)->kernel;
}

const char *
emu_machine_get_initrd(EmuMachine *self)
{
    return emu_machine_priv(self)->initrd;
}

const char *
emu_machine_get_append(EmuMachine *self)
{
    return emu_machine_priv(self)->append;
}

const char *
emu_machine_get_firmware(EmuMachine *self)
{
    return emu_machine_priv(self)->firmware;
}

const char *
emu_machine_get_boot_order(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    return priv->boot_order ? priv->boot_order : EMU_MACHINE_GET_CLASS(self)->default_boot_order;
}

bool
emu_machine_wants_defaults(EmuMachine *self)
{
    return emu_machine_priv(self)->wants_defaults;
}

void
emu_machine_add_serial(EmuMachine *self, EmuChardev *chardev)
{
    g_ptr_array_add(emu_machine_priv(self)->serials, chardev ? g_object_ref(chardev) : NULL);
}

void
emu_machine_add_parallel(EmuMachine *self, EmuChardev *chardev)
{
    g_ptr_array_add(emu_machine_priv(self)->parallels, chardev ? g_object_ref(chardev) : NULL);
}

EmuChardev *
emu_machine_get_serial(EmuMachine *self, unsigned n)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    return n < priv->serials->len ? g_ptr_array_index(priv->serials, n) : NULL;
}

EmuChardev *
emu_machine_get_parallel(EmuMachine *self, unsigned n)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    return n < priv->parallels->len ? g_ptr_array_index(priv->parallels, n) : NULL;
}

/* ---- the real-time clock -------------------------------------------------------------------------------------- */

/* Seconds since 1970 for rtc-base; false when the text is none. */
static bool
parse_rtc_base(const char *text, int64_t *seconds)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) date = NULL;
    int year, month, day, hour = 0, minute = 0, second = 0, used = 0;

    if (sscanf(text, "%d-%d-%dT%d:%d:%d%n", &year, &month, &day, &hour, &minute, &second, &used) == 6 && text[used] == 0) {
        date = g_date_time_new(utc, year, month, day, hour, minute, second);
    } else if (sscanf(text, "%d-%d-%d%n", &year, &month, &day, &used) == 3 && text[used] == 0) {
        date = g_date_time_new(utc, year, month, day, 0, 0, 0);
    }
    if (!date) {
        return false;
    }
    *seconds = g_date_time_to_unix(date);
    return true;
}

static bool
configure_rtc(EmuMachine *self, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    const char *base = emu_machine_get_option(self, "rtc-base");
    const char *clock = emu_machine_get_option(self, "rtc-clock");
    int64_t now = g_get_real_time() / G_USEC_PER_SEC, start = now, seconds;

    if (!clock || strcmp(clock, "host") == 0) {
        priv->rtc_clock = EMU_CLOCK_HOST;
    } else if (strcmp(clock, "rt") == 0) {
        priv->rtc_clock = EMU_CLOCK_REALTIME;
    } else if (strcmp(clock, "vm") == 0) {
        priv->rtc_clock = EMU_CLOCK_VIRTUAL;
    } else {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "-rtc: invalid option clock=%s, expected host, rt or vm", clock);
        return false;
    }
    if (g_strcmp0(base, "localtime") == 0) {
        g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(now);

        start = now + g_date_time_get_utc_offset(local) / G_USEC_PER_SEC;
    } else if (base && strcmp(base, "utc") != 0) {
        if (!parse_rtc_base(base, &seconds)) {
            g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                        "-rtc: invalid base=%s, expected utc, localtime, or a date such as 2006-06-17T16:01:21", base);
            return false;
        }
        start = seconds;
    }
    /* Against the host clock the difference is a whole number of seconds; other clocks begin at the base. */
    if (priv->rtc_clock == EMU_CLOCK_HOST) {
        priv->rtc_offset_ns = (start - now) * EMU_NS_PER_SEC;
    } else {
        priv->rtc_offset_ns = start * EMU_NS_PER_SEC - emu_clock_get_ns(emu_clocks_get(priv->clocks, priv->rtc_clock));
    }
    return true;
}

/* ---- checks before the build ---------------------------------------------------------------------------------- */

static bool
check_readable(const char *option, const char *path, GError **error)
{
    if (path && g_access(path, R_OK) != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "could not open %s file '%s': %s", option, path, g_strerror(errno));
        return false;
    }
    if (path && g_file_test(path, G_FILE_TEST_IS_DIR)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "could not open %s file '%s': it is a directory", option, path);
        return false;
    }
    return true;
}

bool
emu_machine_check_config(EmuMachine *self, GError **error)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    if (!priv->kernel && (priv->initrd || priv->append)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s only allowed with -kernel option", priv->append ? "-append" : "-initrd");
        return false;
    }
    /* A multiboot kernel's -initrd is a list of modules, which the board takes apart. */
    return check_readable("kernel", priv->kernel, error) &&
           check_readable("initrd", priv->initrd && strpbrk(priv->initrd, ", ") ? NULL : priv->initrd, error) && configure_rtc(self, error) &&
           emu_machine_resolve_numa(self, error);
}
