/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * States of a machine in memory: RAM, devices, virtual time, disks.
 *
 * RAM is kept page by page. Pages of zeroes take no room, and pages that are the same as in the snapshot that a new one is
 * said to be like are shared with it, so that many snapshots of one machine cost what changed between them. Of disks what
 * is written over is kept from the snapshot on (core/block/history.c).
 */

#include "script/script-private.h"

#include "block/block-private.h"
#include "device/device-private.h"
#include "memory/memory-private.h"
#include <string.h>

#define PAGE 4096u

typedef struct {
    gatomicrefcount refs;
    guint8 data[PAGE];
} Page;

typedef struct {
    char *path;
    gsize n;
    Page **pages; /* NULL: zeroes */
} Block;

struct _EmuScriptSnapshot {
    GObject parent_instance;
    EmuScriptMachine *machine;
    char *name;
    GArray *blocks;
    GBytes *devices;
    EmuBlockSnapshot *disks;
    gint64 virtual_ns;
    EmuRunState state;
    guint64 own; /* bytes of pages that were new */
};

/**
 * EmuScriptSnapshot:
 *
 * The state of a machine at a moment: memory, devices, virtual time, contents of disks. It can be restored any number of times, and a
 * machine can have any number of them. Restoring writes to the image files, as the guest does: start the machine with snapshot=on
 * drives to leave these alone.
 */
G_DEFINE_FINAL_TYPE(EmuScriptSnapshot, emu_script_snapshot, G_TYPE_OBJECT)

static void
page_unref(Page *page)
{
    if (page && g_atomic_ref_count_dec(&page->refs)) {
        g_free(page);
    }
}

static void
block_clear(gpointer data)
{
    Block *block = data;

    for (gsize i = 0; i < block->n; i++) {
        page_unref(block->pages[i]);
    }
    g_free(block->pages);
    g_free(block->path);
}

static void
emu_script_snapshot_finalize(GObject *object)
{
    EmuScriptSnapshot *self = EMU_SCRIPT_SNAPSHOT(object);

    g_array_unref(self->blocks);
    g_clear_pointer(&self->devices, g_bytes_unref);
    emu_block_snapshot_free(self->disks);
    g_free(self->name);
    g_object_unref(self->machine);
    G_OBJECT_CLASS(emu_script_snapshot_parent_class)->finalize(object);
}

static void
emu_script_snapshot_class_init(EmuScriptSnapshotClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_snapshot_finalize;
}

static void
emu_script_snapshot_init(EmuScriptSnapshot *self)
{
    self->blocks = g_array_new(FALSE, TRUE, sizeof(Block));
    g_array_set_clear_func(self->blocks, block_clear);
}

/* ---- taking ---------------------------------------------------------------------------------------------- */

static bool
collect_ram_cb(EmuObject *object, gpointer data)
{
    if (EMU_IS_MEMORY_REGION(object) && EMU_MEMORY_REGION(object)->kind != EMU_REGION_ALIAS && emu_memory_region_get_ram_pointer(EMU_MEMORY_REGION(object))) {
        g_ptr_array_add(data, object);
    }
    emu_object_foreach_child(object, collect_ram_cb, data);
    return false;
}

static const Block *
find_block(EmuScriptSnapshot *like, const char *path, gsize n)
{
    for (guint i = 0; like && i < like->blocks->len; i++) {
        const Block *block = &g_array_index(like->blocks, Block, i);

        if (block->n == n && strcmp(block->path, path) == 0) {
            return block;
        }
    }
    return NULL;
}

static bool
is_zero(const guint8 *data)
{
    return !data[0] && memcmp(data, data + 1, PAGE - 1) == 0;
}

static void
save_region(EmuScriptSnapshot *self, EmuMemoryRegion *region, EmuScriptSnapshot *like)
{
    const guint8 *host = emu_memory_region_get_ram_pointer(region);
    Block block = {.path = emu_object_get_canonical_path(region), .n = (gsize)((emu_memory_region_get_size(region) + PAGE - 1) / PAGE)};
    const Block *old = find_block(like, block.path, block.n);

    block.pages = g_new0(Page *, block.n);
    for (gsize i = 0; i < block.n; i++, host += PAGE) {
        Page *page = old ? old->pages[i] : NULL;

        if (page && memcmp(page->data, host, PAGE) == 0) {
            g_atomic_ref_count_inc(&page->refs);
            block.pages[i] = page;
        } else if (!is_zero(host)) {
            page = g_new(Page, 1);
            g_atomic_ref_count_init(&page->refs);
            memcpy(page->data, host, PAGE);
            block.pages[i] = page;
            self->own += PAGE;
        }
    }
    g_array_append_val(self->blocks, block);
}

typedef struct {
    EmuScriptSnapshot *self, *like;
} Take;

/* Machine thread, lock held: vCPUs parked and requests to disks done, as they were again afterwards. */
static bool
quiesce(EmuMachine *machine)
{
    EmuVcpus *vcpus = emu_machine_get_vcpus(machine);
    bool running = vcpus->running;

    emu_vcpus_pause(vcpus);
    emu_block_layer_drain_all(emu_machine_get_block_layer(machine));
    return running;
}

static bool
take_on_thread(EmuScriptMachine *machine, gpointer data, GError **error)
{
    Take *take = data;
    EmuScriptSnapshot *self = take->self;
    g_autoptr(GPtrArray) regions = g_ptr_array_new();
    GByteArray *devices = g_byte_array_new();
    GError *core = NULL;
    bool running, ok;

    if (!machine->machine) {
        g_byte_array_unref(devices);
        return script_machine_check(machine, error);
    }
    running = quiesce(machine->machine);
    ok = emu_device_tree_save(machine->machine, devices, &core);
    self->devices = g_byte_array_free_to_bytes(devices);
    if (ok) {
        emu_object_foreach_child(emu_machine_get_root(machine->machine), collect_ram_cb, regions);
        for (guint i = 0; i < regions->len; i++) {
            save_region(self, g_ptr_array_index(regions, i), take->like);
        }
        self->disks = emu_block_snapshot_new(emu_machine_get_block_layer(machine->machine));
        self->virtual_ns = emu_clock_get_ns(emu_machine_get_clock(machine->machine, EMU_CLOCK_VIRTUAL));
        self->state = emu_machine_get_run_state(machine->machine);
    } else {
        script_error_take(error, core, "/machine", NULL);
    }
    if (running) {
        emu_vcpus_resume(emu_machine_get_vcpus(machine->machine));
    }
    return ok;
}

/**
 * emu_script_snapshot_new: (constructor)
 * @machine: a machine that is realized
 * @name: (nullable): what to call it
 * @like: (nullable): another snapshot of the machine: pages that are the same are shared with it
 * @cancellable: (nullable): looked at before it begins
 * @error: return location
 *
 * Takes a snapshot. A machine that runs is stopped for it and goes on.
 *
 * Returns: (transfer full): the snapshot
 */
EmuScriptSnapshot *
emu_script_snapshot_new(EmuScriptMachine *machine, const char *name, EmuScriptSnapshot *like, GCancellable *cancellable, GError **error)
{
    g_autoptr(EmuScriptSnapshot) self = g_object_new(EMU_SCRIPT_TYPE_SNAPSHOT, NULL);
    Take take = {self, like && like->machine == machine ? like : NULL};

    self->machine = g_object_ref(machine);
    self->name = g_strdup(name ? name : "");
    if (g_cancellable_is_cancelled(cancellable)) {
        script_set_error(error, CANCELLED, "/machine: cancelled");
        return NULL;
    }
    if (!script_machine_check(machine, error) || !script_machine_call(machine, take_on_thread, &take, error)) {
        return NULL;
    }
    return g_steal_pointer(&self);
}

/* ---- restoring -------------------------------------------------------------------------------------------- */

static void
restore_block(EmuMemoryRegion *region, const Block *block)
{
    static const guint8 zeroes[PAGE];
    guint8 *host = emu_memory_region_get_ram_pointer(region);
    gsize first = 0, n = 0;

    /* Only what differs is written, so that the host's untouched pages stay untouched. */
    for (gsize i = 0; i < block->n; i++) {
        const guint8 *data = block->pages[i] ? block->pages[i]->data : zeroes;

        if (memcmp(host + i * PAGE, data, PAGE) == 0) {
            continue;
        }
        memcpy(host + i * PAGE, data, PAGE);
        if (n && first + n == i) {
            n++;
            continue;
        }
        if (n) {
            emu_memory_region_set_dirty(region, first * PAGE, n * PAGE);
        }
        first = i;
        n = 1;
    }
    if (n) {
        emu_memory_region_set_dirty(region, first * PAGE, n * PAGE);
    }
}

static bool
restore_on_thread(EmuScriptMachine *machine, gpointer data, GError **error)
{
    EmuScriptSnapshot *self = data;
    g_autoptr(GPtrArray) regions = g_ptr_array_new();
    EmuMachinePrivate *priv;
    EmuAccel *accel;
    GError *core = NULL;
    gconstpointer bytes;
    gsize size;
    bool running;

    if (!machine->machine) {
        return script_machine_check(machine, error);
    }
    priv = emu_machine_priv(machine->machine);
    if (emu_machine_is_ending(machine->machine)) {
        script_set_error(error, WRONG_STATE, "/machine: ended for good");
        return false;
    }
    emu_object_foreach_child(emu_machine_get_root(machine->machine), collect_ram_cb, regions);
    if (regions->len != self->blocks->len) {
        script_set_error(error, WRONG_STATE, "/machine: has %u pieces of memory, the snapshot %u: devices came or went since", regions->len, self->blocks->len);
        return false;
    }
    if (!emu_block_snapshot_check(self->disks, emu_machine_get_block_layer(machine->machine), &core)) {
        script_set_error(error, WRONG_STATE, "/machine: %s", core->message);
        g_error_free(core);
        return false;
    }
    running = quiesce(machine->machine);
    emu_machine_reset_devices(machine->machine);
    for (guint i = 0; i < regions->len; i++) {
        EmuMemoryRegion *region = g_ptr_array_index(regions, i);
        g_autofree char *path = emu_object_get_canonical_path(region);
        const Block *block = find_block(self, path, (gsize)((emu_memory_region_get_size(region) + PAGE - 1) / PAGE));

        if (block) {
            restore_block(region, block);
        }
    }
    emu_clocks_set_virtual_ns(priv->clocks, self->virtual_ns);
    bytes = g_bytes_get_data(self->devices, &size);
    if (!emu_block_snapshot_restore(self->disks, emu_machine_get_block_layer(machine->machine), &core) ||
        !emu_device_tree_load(machine->machine, bytes, size, &core)) {
        emu_machine_reset(machine->machine, EMU_SHUTDOWN_CAUSE_NONE);
        script_error_take(error, core, "/machine", NULL);
    }
    accel = emu_machine_get_accel(machine->machine);
    for (unsigned i = 0; accel && i < priv->vcpus.cpus->len; i++) {
        EmuCpu *cpu = emu_vcpus_get(&priv->vcpus, i);

        if (cpu && EMU_ACCEL_GET_CLASS(accel)->reset_vcpu) {
            EMU_ACCEL_GET_CLASS(accel)->reset_vcpu(accel, cpu);
        }
    }
    if (running) {
        emu_vcpus_resume(&priv->vcpus);
    } else if (emu_machine_needs_reset(machine->machine)) {
        emu_machine_set_run_state(machine->machine, EMU_RUN_STATE_PAUSED);
    }
    return !core;
}

/**
 * emu_script_snapshot_restore:
 * @self: a snapshot
 * @cancellable: (nullable): looked at before it begins
 * @error: return location
 *
 * Puts the machine back into that state. A machine that runs goes on from there; one that stands stays so.
 *
 * Returns: whether it could
 */
gboolean
emu_script_snapshot_restore(EmuScriptSnapshot *self, GCancellable *cancellable, GError **error)
{
    if (g_cancellable_is_cancelled(cancellable)) {
        script_set_error(error, CANCELLED, "/machine: cancelled");
        return FALSE;
    }
    return script_machine_check(self->machine, error) && script_machine_call(self->machine, restore_on_thread, self, error);
}

/**
 * emu_script_snapshot_get_name:
 * @self: a snapshot
 *
 * What it was called.
 *
 * Returns: the name; may be empty
 */
const char *
emu_script_snapshot_get_name(EmuScriptSnapshot *self)
{
    return self->name;
}

/**
 * emu_script_snapshot_get_virtual_ns:
 * @self: a snapshot
 *
 * The virtual time that it was taken at.
 *
 * Returns: nanoseconds
 */
gint64
emu_script_snapshot_get_virtual_ns(EmuScriptSnapshot *self)
{
    return self->virtual_ns;
}

/**
 * emu_script_snapshot_get_size:
 * @self: a snapshot
 *
 * The memory that it takes for itself: pages that it does not share, device state, and disk contents that were written over since.
 *
 * Returns: bytes
 */
guint64
emu_script_snapshot_get_size(EmuScriptSnapshot *self)
{
    return self->own + g_bytes_get_size(self->devices) + emu_block_snapshot_get_size(self->disks);
}

/**
 * emu_script_snapshot_get_devices:
 * @self: a snapshot
 * @n_data: (out): how many bytes
 *
 * The state of all devices, to compare two snapshots by.
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer full): the bytes
 */
guint8 *
emu_script_snapshot_get_devices(EmuScriptSnapshot *self, gsize *n_data)
{
    gconstpointer data = g_bytes_get_data(self->devices, n_data);

    return g_memdup2(data, *n_data);
}
