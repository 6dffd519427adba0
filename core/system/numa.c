/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * -numa: which memory and which CPUs are near each other.
 *
 *     -numa node,nodeid=0,cpus=0-1,memdev=m0 -numa node,nodeid=1,cpus=2-3,memdev=m1 -numa dist,src=0,dst=1,val=20
 *
 * Options are kept as they come and resolved once all objects are there: nodes are numbered without gaps, each CPU is in one,
 * their memory adds up to the machine's.
 */

#include "system/numa.h"

#include "qom/opts.h"
#include "system/machine-private.h"
#include "system/startup.h"

#include <emu/log.h>

#include <inttypes.h>
#include <string.h>

#define NUMA_MAX_NODES 128
#define NUMA_LOCAL_DISTANCE 10
#define NUMA_DEFAULT_DISTANCE 20
#define NUMA_NO_NODE UINT8_MAX
#define NUMA_MAX_CPUS 4096

typedef struct {
    bool given;
    uint64_t size;
    char *memdev;
} NumaNode;

struct _EmuNuma {
    NumaNode nodes[NUMA_MAX_NODES];
    unsigned n_nodes;
    bool has_memdev, has_size;
    uint8_t node_of_cpu[NUMA_MAX_CPUS];
    bool any_cpu;
    uint8_t distances[NUMA_MAX_NODES][NUMA_MAX_NODES]; /* 0: not given */
    bool has_distances;
};

static EmuNuma *
numa_ensure(EmuMachine *machine)
{
    EmuMachinePrivate *priv = emu_machine_priv(machine);

    if (!priv->numa) {
        priv->numa = g_new0(EmuNuma, 1);
        memset(priv->numa->node_of_cpu, NUMA_NO_NODE, sizeof priv->numa->node_of_cpu);
    }
    return priv->numa;
}

void
emu_numa_free(EmuNuma *self)
{
    if (!self) {
        return;
    }
    for (unsigned i = 0; i < NUMA_MAX_NODES; i++) {
        g_free(self->nodes[i].memdev);
    }
    g_free(self);
}

static bool
numa_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
numa_fail(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error) {
        *error = g_error_new_valist(EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, format, args);
    }
    va_end(args);
    return false;
}

/* ---- options ----------------------------------------------------------------------------------- */

static bool
numa_assign_cpu(EmuNuma *self, EmuMachine *machine, uint64_t cpu, unsigned node, GError **error)
{
    EmuSmp smp = emu_machine_get_smp(machine);

    if (cpu >= smp.max_cpus || cpu >= NUMA_MAX_CPUS) {
        return numa_fail(error, "CPU index (%" PRIu64 ") should be smaller than maxcpus (%u)", cpu, smp.max_cpus);
    }
    if (self->node_of_cpu[cpu] != NUMA_NO_NODE && self->node_of_cpu[cpu] != node) {
        return numa_fail(error, "CPU %" PRIu64 " is in node %u already", cpu, self->node_of_cpu[cpu]);
    }
    self->node_of_cpu[cpu] = (uint8_t)node;
    self->any_cpu = true;
    return true;
}

/* "3" or "0-3" */
static bool
numa_assign_range(EmuNuma *self, EmuMachine *machine, const char *text, unsigned node, GError **error)
{
    g_auto(GStrv) ends = g_strsplit(text, "-", 2);
    guint64 first, last;

    if (!g_ascii_string_to_unsigned(ends[0], 10, 0, UINT32_MAX, &first, NULL) ||
        !g_ascii_string_to_unsigned(ends[1] ? ends[1] : ends[0], 10, first, UINT32_MAX, &last, NULL)) {
        return numa_fail(error, "cpus=%s: expected a CPU's number or a range of them such as 0-3", text);
    }
    for (guint64 cpu = first; cpu <= last; cpu++) {
        if (!numa_assign_cpu(self, machine, cpu, node, error)) {
            return false;
        }
    }
    return true;
}

static bool
numa_add_node(EmuMachine *machine, const EmuOpts *opts, GError **error)
{
    static const char *const keys[] = {"type", "nodeid", "mem", "memdev", "cpus", "initiator", NULL};
    EmuNuma *self = numa_ensure(machine);
    const char *memdev = emu_opts_get(opts, "memdev");
    uint64_t id = self->n_nodes;
    NumaNode *node;

    if (!emu_opts_check(opts, keys, error) || !emu_opts_get_uint(opts, "nodeid", 0, NUMA_MAX_NODES - 1, &id, error)) {
        return false;
    }
    if (self->n_nodes == NUMA_MAX_NODES || id >= NUMA_MAX_NODES) {
        return numa_fail(error, "more than %u nodes", NUMA_MAX_NODES);
    }
    node = &self->nodes[id];
    if (node->given) {
        return numa_fail(error, "Duplicate NUMA nodeid: %" PRIu64, id);
    }
    if (memdev && emu_opts_get(opts, "mem")) {
        return numa_fail(error, "cannot specify both mem= and memdev=");
    }
    if ((memdev && self->has_size) || (emu_opts_get(opts, "mem") && self->has_memdev)) {
        return numa_fail(error, "numa configuration should use either mem= or memdev=, mixing both is not allowed");
    }
    if (!emu_opts_get_size(opts, "mem", 'M', &node->size, error)) {
        return false;
    }
    self->has_size |= emu_opts_get(opts, "mem") != NULL;
    self->has_memdev |= memdev != NULL;
    node->memdev = g_strdup(memdev);
    node->given = true;
    self->n_nodes++;
    for (guint i = 0; i < emu_opts_get_n(opts); i++) {
        const EmuOpt *opt = emu_opts_get_nth(opts, i);

        if (strcmp(opt->key, "cpus") == 0 && !numa_assign_range(self, machine, opt->value, (unsigned)id, error)) {
            return false;
        }
    }
    return true;
}

static bool
numa_add_distance(EmuMachine *machine, const EmuOpts *opts, GError **error)
{
    static const char *const keys[] = {"type", "src", "dst", "val", NULL};
    EmuNuma *self = numa_ensure(machine);
    uint64_t src = 0, dst = 0, value = 0;

    if (!emu_opts_check(opts, keys, error) || !emu_opts_get_uint(opts, "src", 0, NUMA_MAX_NODES - 1, &src, error) ||
        !emu_opts_get_uint(opts, "dst", 0, NUMA_MAX_NODES - 1, &dst, error) ||
        !emu_opts_get_uint(opts, "val", NUMA_LOCAL_DISTANCE, UINT8_MAX, &value, error)) {
        return false;
    }
    if (!emu_opts_get(opts, "src") || !emu_opts_get(opts, "dst") || !value) {
        return numa_fail(error, "expected src=, dst= and val=");
    }
    if (!self->nodes[src].given || !self->nodes[dst].given) {
        return numa_fail(error, "Source/Destination NUMA node is missing. Please use '-numa node' option to declare it first.");
    }
    if ((src == dst) != (value == NUMA_LOCAL_DISTANCE)) {
        return src == dst ? numa_fail(error, "Local distance of node %" PRIu64 " should be %u.", src, NUMA_LOCAL_DISTANCE)
                          : numa_fail(error, "the distance between nodes %" PRIu64 " and %" PRIu64 " should be more than %u", src, dst,
                                      NUMA_LOCAL_DISTANCE);
    }
    self->distances[src][dst] = (uint8_t)value;
    self->has_distances = true;
    return true;
}

/* A place in the topology; levels that are left out stand for all there are. */
static bool
numa_add_cpu(EmuMachine *machine, const EmuOpts *opts, GError **error)
{
    static const char *const keys[] = {"type", "node-id", "socket-id", "die-id", "core-id", "thread-id", NULL};
    EmuNuma *self = numa_ensure(machine);
    EmuSmp smp = emu_machine_get_smp(machine);
    const unsigned counts[] = {smp.sockets, smp.dies, smp.cores, smp.threads};
    uint64_t node = NUMA_MAX_NODES, ids[4];

    if (!emu_opts_check(opts, keys, error) || !emu_opts_get_uint(opts, "node-id", 0, NUMA_MAX_NODES - 1, &node, error)) {
        return false;
    }
    if (node == NUMA_MAX_NODES || !self->nodes[node].given) {
        return numa_fail(error, "expected node-id= of a node that stands before (-numa node)");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
        ids[i] = UINT64_MAX;
        if (!emu_opts_get_uint(opts, keys[i + 2], 0, counts[i] ? counts[i] - 1 : 0, &ids[i], error)) {
            return false;
        }
    }
    for (unsigned cpu = 0; cpu < smp.max_cpus; cpu++) {
        const unsigned place[] = {cpu / (smp.threads * smp.cores * smp.dies), cpu / (smp.threads * smp.cores) % smp.dies,
                                  cpu / smp.threads % smp.cores, cpu % smp.threads};
        bool match = true;

        for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
            match = match && (ids[i] == UINT64_MAX || ids[i] == place[i]);
        }
        if (match && !numa_assign_cpu(self, machine, cpu, (unsigned)node, error)) {
            return false;
        }
    }
    return true;
}

bool
emu_machine_add_numa(EmuMachine *self, const char *text, GError **error)
{
    g_autoptr(EmuOpts) opts = emu_opts_parse(text, "type", NULL, error);
    const char *type = opts ? emu_opts_get(opts, "type") : NULL;

    if (!opts) {
        return false;
    }
    if (g_strcmp0(type, "node") == 0) {
        return numa_add_node(self, opts, error);
    }
    if (g_strcmp0(type, "dist") == 0) {
        return numa_add_distance(self, opts, error);
    }
    if (g_strcmp0(type, "cpu") == 0) {
        return numa_add_cpu(self, opts, error);
    }
    return numa_fail(error, "expected node, dist or cpu first");
}

/* Checked when the whole command line is known: -smp and -object may follow. */
static bool
option_numa(EmuStartup *startup, const char *arg, GError **error G_GNUC_UNUSED)
{
    emu_machine_add_option(startup->machine, "numa", arg);
    return true;
}

static const EmuOption options[] = {
    {"numa", "node[,nodeid=N][,cpus=FIRST[-LAST]][,memdev=ID]|dist,src=N,dst=N,val=N|cpu,node-id=N[,socket-id=N]...", EMU_PHASE_MACHINE,
     option_numa, "memory and CPUs that are near each other"},
    {NULL},
};

static void
options_numa_register(void)
{
    emu_option_register(options);
}
opts_init(options_numa_register)

/* ---- the whole --------------------------------------------------------------------------------- */

static bool
numa_resolve_memory(EmuNuma *self, EmuMachine *machine, GError **error)
{
    uint64_t ram_size = emu_machine_get_ram_size(machine), total = 0;

    if (self->has_memdev && emu_machine_priv(machine)->memory_backend) {
        return numa_fail(error, "'-numa node,memdev' and '-machine memory-backend' properties are mutually exclusive");
    }
    for (unsigned i = 0; i < self->n_nodes; i++) {
        NumaNode *node = &self->nodes[i];

        if (node->memdev && !emu_machine_get_memory_backend_size(machine, node->memdev, &node->size, error)) {
            return false;
        }
        total += node->size;
    }
    /* Without a word about memory node 0 has it all. */
    if (total == 0 && !self->has_size && !self->has_memdev && self->n_nodes == 1) {
        total = self->nodes[0].size = ram_size;
    }
    if (total != ram_size) {
        return numa_fail(error, "total memory for NUMA nodes (0x%" PRIx64 ") should equal RAM size (0x%" PRIx64 ")", total, ram_size);
    }
    return true;
}

static void
numa_resolve_cpus(EmuNuma *self, EmuMachine *machine)
{
    EmuSmp smp = emu_machine_get_smp(machine);
    unsigned per_socket = MAX(smp.dies * smp.cores * smp.threads, 1);
    bool left_out = false;

    for (unsigned cpu = 0; cpu < MIN(smp.max_cpus, NUMA_MAX_CPUS); cpu++) {
        if (self->node_of_cpu[cpu] != NUMA_NO_NODE) {
            continue;
        }
        /* A socket is never split. */
        self->node_of_cpu[cpu] = self->any_cpu ? 0 : (uint8_t)(cpu / per_socket % self->n_nodes);
        left_out |= self->any_cpu;
    }
    if (left_out) {
        emu_warn_report("CPU(s) not present in any NUMA nodes: all CPU(s) up to maxcpus should be described in NUMA config, they are put in node 0");
    }
}

static bool
numa_resolve_distances(EmuNuma *self, GError **error)
{
    for (unsigned i = 0; self->has_distances && i < self->n_nodes; i++) {
        self->distances[i][i] = NUMA_LOCAL_DISTANCE;
        for (unsigned j = 0; j < self->n_nodes; j++) {
            if (self->distances[i][j]) {
                continue;
            }
            if (!self->distances[j][i] && i != j) {
                return numa_fail(error, "The distance between node %u and %u is missing, at least one distance value between each nodes should be provided.",
                                 i, j);
            }
            self->distances[i][j] = self->distances[j][i];
        }
    }
    return true;
}

bool
emu_machine_resolve_numa(EmuMachine *machine, GError **error)
{
    EmuNuma *self;
    const char *text;

    for (unsigned i = 0; (text = emu_machine_get_option_nth(machine, "numa", i)); i++) {
        if (!emu_machine_add_numa(machine, text, error)) {
            g_prefix_error(error, "-numa %s: ", text);
            return false;
        }
    }
    if (!emu_machine_priv(machine)->numa && emu_machine_priv(machine)->ram_slots && EMU_MACHINE_GET_CLASS(machine)->slots_need_node) {
        EmuNuma *numa = numa_ensure(machine);

        numa->n_nodes = 1;
        numa->nodes[0].given = true;
    }
    self = emu_machine_priv(machine)->numa;
    if (!self) {
        return true;
    }
    for (unsigned i = 0; i < self->n_nodes; i++) {
        if (!self->nodes[i].given) {
            return numa_fail(error, "numa: Node ID missing: %u", i);
        }
    }
    if (!numa_resolve_memory(self, machine, error) || !numa_resolve_distances(self, error)) {
        return false;
    }
    numa_resolve_cpus(self, machine);
    return true;
}

bool
emu_machine_has_numa_memory(EmuMachine *machine)
{
    EmuNuma *self = emu_machine_priv(machine)->numa;

    return self && self->has_memdev;
}

/* Main memory made of the nodes' objects, node after node. */
EmuMemoryRegion *
emu_machine_join_numa_memory(EmuMachine *machine, const char *name, GError **error)
{
    EmuNuma *self = emu_machine_priv(machine)->numa;
    EmuMemoryRegion *joined = emu_memory_region_new_container(machine, name, emu_machine_get_ram_size(machine));
    uint64_t at = 0;

    for (unsigned i = 0; i < self->n_nodes; i++) {
        EmuMemoryRegion *part;

        if (!self->nodes[i].memdev) {
            continue;
        }
        part = emu_machine_use_memory_backend(machine, self->nodes[i].memdev, self->nodes[i].size, error);
        if (!part) {
            return NULL;
        }
        emu_memory_region_add_subregion(joined, at, part, 0);
        at += self->nodes[i].size;
    }
    return joined;
}

/* ---- what boards read -------------------------------------------------------------------------- */

unsigned
emu_machine_get_n_numa_nodes(EmuMachine *machine)
{
    EmuNuma *self = emu_machine_priv(machine)->numa;

    return self ? self->n_nodes : 0;
}

uint64_t
emu_machine_get_numa_node_size(EmuMachine *machine, unsigned node)
{
    EmuNuma *self = emu_machine_priv(machine)->numa;

    return self && node < self->n_nodes ? self->nodes[node].size : 0;
}

unsigned
emu_machine_get_numa_node_of_cpu(EmuMachine *machine, unsigned cpu)
{
    EmuNuma *self = emu_machine_priv(machine)->numa;

    return self && cpu < NUMA_MAX_CPUS && self->node_of_cpu[cpu] != NUMA_NO_NODE ? self->node_of_cpu[cpu] : 0;
}

unsigned
emu_machine_get_numa_distance(EmuMachine *machine, unsigned from, unsigned to)
{
    EmuNuma *self = emu_machine_priv(machine)->numa;

    if (self && self->has_distances && from < self->n_nodes && to < self->n_nodes) {
        return self->distances[from][to];
    }
    return from == to ? NUMA_LOCAL_DISTANCE : NUMA_DEFAULT_DISTANCE;
}

bool
emu_machine_has_numa_distances(EmuMachine *machine)
{
    EmuNuma *self = emu_machine_priv(machine)->numa;

    return self && self->has_distances;
}
