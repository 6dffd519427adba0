/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Earlier contents of a machine's disks, in memory.
 *
 * The images always hold what the guest has written. A snapshot keeps what it needs to undo that: before a cluster
 * changes, its contents go to every snapshot that has no copy of it yet. So a snapshot without a copy of a cluster is one for
 * which the image is still right, and that stays true whichever snapshot is restored in which order: restoring writes
 * the copies back, and that is a write like any other for the rest of them. Copies are shared.
 */

#include "block/backend-private.h"

#include <errno.h>
#include <string.h>

#define CLUSTER_BITS 14
#define CLUSTER (UINT64_C(1) << CLUSTER_BITS)

/* Of a layer and its snapshots: these may live longer. */
struct _EmuBlockHistory {
    gatomicrefcount refs;
    GMutex lock; /* guards the rest, and every snapshot's clusters; held while a cluster is read to be kept */
    GPtrArray *snapshots; /* borrowed */
    guint n_snapshots;    /* atomic: a look without the lock */
};

typedef struct {
    gatomicrefcount refs;
    uint32_t length; /* less than a cluster at the end of a disk */
    uint8_t data[CLUSTER];
} Copy;

typedef struct {
    char *id;
    uint64_t serial; /* of the node */
    int64_t length;
    bool tray_open, locked;
    GHashTable *clusters; /* number of the cluster (gint64) -> Copy */
} Disk;

struct _EmuBlockSnapshot {
    EmuBlockHistory *history;
    GArray *disks;
};

static void
copy_unref(gpointer data)
{
    Copy *copy = data;

    if (g_atomic_ref_count_dec(&copy->refs)) {
        g_free(copy);
    }
}

EmuBlockHistory *
emu_block_history_new(void)
{
    EmuBlockHistory *self = g_new0(EmuBlockHistory, 1);

    g_atomic_ref_count_init(&self->refs);
    g_mutex_init(&self->lock);
    self->snapshots = g_ptr_array_new();
    return self;
}

void
emu_block_history_unref(EmuBlockHistory *self)
{
    if (g_atomic_ref_count_dec(&self->refs)) {
        g_ptr_array_unref(self->snapshots);
        g_mutex_clear(&self->lock);
        g_free(self);
    }
}

/* ---- writes ---------------------------------------------------------------------------------------------- */

static Disk *
find_disk(EmuBlockSnapshot *snapshot, uint64_t serial)
{
    for (guint i = 0; i < snapshot->disks->len; i++) {
        Disk *disk = &g_array_index(snapshot->disks, Disk, i);

        if (disk->serial == serial) {
            return disk;
        }
    }
    return NULL;
}

/* With the lock held. */
static bool
is_wanted(EmuBlockHistory *self, uint64_t serial, gint64 cluster)
{
    for (guint i = 0; i < self->snapshots->len; i++) {
        Disk *disk = find_disk(g_ptr_array_index(self->snapshots, i), serial);

        if (disk && (cluster << CLUSTER_BITS) < disk->length && !g_hash_table_contains(disk->clusters, &cluster)) {
            return true;
        }
    }
    return false;
}

/* With the lock held: the cluster as it is, to everybody who lacks it. */
static int
keep_cluster(EmuBlockHistory *self, EmuBlockNode *node, gint64 cluster)
{
    int64_t length = emu_block_node_get_length(node);
    uint64_t offset = (uint64_t)cluster << CLUSTER_BITS;
    Copy *copy = g_try_new(Copy, 1);
    int ret;

    if (!copy) {
        return -ENOMEM;
    }
    g_atomic_ref_count_init(&copy->refs);
    copy->length = length > (int64_t)offset ? (uint32_t)MIN(CLUSTER, (uint64_t)length - offset) : 0;
    ret = emu_block_node_pread(node, offset, copy->data, copy->length);
    for (guint i = 0; ret == 0 && i < self->snapshots->len; i++) {
        Disk *disk = find_disk(g_ptr_array_index(self->snapshots, i), node->serial);

        if (disk && (int64_t)offset < disk->length && !g_hash_table_contains(disk->clusters, &cluster)) {
            g_atomic_ref_count_inc(&copy->refs);
            g_hash_table_insert(disk->clusters, g_memdup2(&cluster, sizeof(cluster)), copy);
        }
    }
    copy_unref(copy);
    return ret;
}

int
emu_block_history_before_write(EmuBlockHistory *self, EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    int ret = 0;

    if (G_LIKELY(!__atomic_load_n(&self->n_snapshots, __ATOMIC_ACQUIRE)) || !bytes || bytes > INT64_MAX - MIN(offset, INT64_MAX)) {
        return 0;
    }
    for (gint64 i = (gint64)(offset >> CLUSTER_BITS); ret == 0 && (uint64_t)i <= (offset + bytes - 1) >> CLUSTER_BITS; i++) {
        g_mutex_lock(&self->lock);
        if (is_wanted(self, node->serial, i)) {
            ret = keep_cluster(self, node, i);
        }
        g_mutex_unlock(&self->lock);
    }
    return ret;
}

/* ---- snapshots ---------------------------------------------------------------------------------------------- */

static void
disk_clear(gpointer data)
{
    Disk *disk = data;

    g_hash_table_unref(disk->clusters);
    g_free(disk->id);
}

EmuBlockSnapshot *
emu_block_snapshot_new(EmuBlockLayer *layer)
{
    EmuBlockSnapshot *self = g_new0(EmuBlockSnapshot, 1);

    emu_block_layer_drain_all(layer);
    g_atomic_ref_count_inc(&layer->history->refs);
    self->history = layer->history;
    self->disks = g_array_new(FALSE, TRUE, sizeof(Disk));
    g_array_set_clear_func(self->disks, disk_clear);
    for (guint i = 0; i < layer->backends->len; i++) {
        EmuBlockBackend *blk = layer->backends->pdata[i];
        Disk disk = {.id = g_strdup(blk->id), .tray_open = blk->tray_open, .locked = blk->locked};

        if (blk->root) {
            disk.serial = blk->root->serial;
            disk.length = emu_block_node_get_length(blk->root);
        }
        disk.clusters = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, copy_unref);
        g_array_append_val(self->disks, disk);
    }
    g_mutex_lock(&self->history->lock);
    g_ptr_array_add(self->history->snapshots, self);
    __atomic_store_n(&self->history->n_snapshots, self->history->snapshots->len, __ATOMIC_RELEASE);
    g_mutex_unlock(&self->history->lock);
    return self;
}

void
emu_block_snapshot_free(EmuBlockSnapshot *self)
{
    if (!self) {
        return;
    }
    g_mutex_lock(&self->history->lock);
    g_ptr_array_remove(self->history->snapshots, self);
    __atomic_store_n(&self->history->n_snapshots, self->history->snapshots->len, __ATOMIC_RELEASE);
    g_mutex_unlock(&self->history->lock);
    g_array_unref(self->disks);
    emu_block_history_unref(self->history);
    g_free(self);
}

uint64_t
emu_block_snapshot_get_size(EmuBlockSnapshot *self)
{
    uint64_t size = 0;

    g_mutex_lock(&self->history->lock);
    for (guint i = 0; i < self->disks->len; i++) {
        size += g_hash_table_size(g_array_index(self->disks, Disk, i).clusters) * CLUSTER;
    }
    g_mutex_unlock(&self->history->lock);
    return size;
}

static EmuBlockBackend *
find_backend(EmuBlockLayer *layer, const Disk *disk)
{
    for (guint i = 0; i < layer->backends->len; i++) {
        EmuBlockBackend *blk = layer->backends->pdata[i];

        if (g_str_equal(blk->id, disk->id) && (blk->root ? blk->root->serial : 0) == disk->serial) {
            return blk;
        }
    }
    return NULL;
}

bool
emu_block_snapshot_check(EmuBlockSnapshot *self, EmuBlockLayer *layer, GError **error)
{
    for (guint i = 0; i < self->disks->len; i++) {
        const Disk *disk = &g_array_index(self->disks, Disk, i);
        EmuBlockBackend *blk = find_backend(layer, disk);

        if (!blk) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "drive '%s' is gone, or its medium was changed since the snapshot", disk->id);
            return false;
        }
        if (blk->root && emu_block_node_get_length(blk->root) != disk->length) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "drive '%s' was resized since the snapshot", disk->id);
            return false;
        }
    }
    return true;
}

/* Nobody else writes to the disk meanwhile. */
static int
restore_cluster(EmuBlockHistory *history, EmuBlockNode *node, gint64 cluster, Copy *copy)
{
    uint64_t offset = (uint64_t)cluster << CLUSTER_BITS;
    g_autofree uint8_t *now = g_malloc(CLUSTER);
    int ret = emu_block_node_pread(node, offset, now, copy->length);

    if (ret < 0 || memcmp(now, copy->data, copy->length) == 0) {
        return ret;
    }
    ret = emu_block_history_before_write(history, node, offset, copy->length);
    return ret < 0 ? ret : emu_block_node_pwrite(node, offset, copy->data, copy->length);
}

static int
restore_disk(EmuBlockSnapshot *self, Disk *disk, EmuBlockNode *node)
{
    GHashTableIter iter;
    gpointer key, value;
    int ret = 0;

    /* Its own table does not change under it: a cluster that it has is never kept again. */
    g_hash_table_iter_init(&iter, disk->clusters);
    while (ret == 0 && g_hash_table_iter_next(&iter, &key, &value)) {
        ret = restore_cluster(self->history, node, *(gint64 *)key, value);
        if (ret == 0) {
            g_mutex_lock(&self->history->lock);
            g_hash_table_iter_remove(&iter);
            g_mutex_unlock(&self->history->lock);
        }
    }
    return ret;
}

bool
emu_block_snapshot_restore(EmuBlockSnapshot *self, EmuBlockLayer *layer, GError **error)
{
    if (!emu_block_snapshot_check(self, layer, error)) {
        return false;
    }
    emu_block_layer_drain_all(layer);
    for (guint i = 0; i < self->disks->len; i++) {
        Disk *disk = &g_array_index(self->disks, Disk, i);
        EmuBlockBackend *blk = find_backend(layer, disk);
        int ret = blk->root ? restore_disk(self, disk, blk->root) : 0;

        if (ret < 0) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "drive '%s': its earlier contents could not be written back: %s", disk->id,
                        g_strerror(-ret));
            return false;
        }
        blk->tray_open = disk->tray_open;
        blk->locked = disk->locked;
    }
    return true;
}
