/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands about drives and block nodes. */

#include "monitor/qmp-private.h"
#include "qmp-generated.h"

#include "block/block-private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static EmuBlockLayer *
layer(EmuQmpCall *call)
{
    return emu_machine_get_block_layer(call->machine);
}

/* ---- listings ------------------------------------------------------------------------------------------ */

static QmpBlockDeviceInfo *
describe_node(EmuBlockNode *node, bool writeback)
{
    QmpBlockDeviceInfo *info = qmp_BlockDeviceInfo_new();
    int64_t length = emu_block_node_get_length(node);
    struct stat st;

    info->file = g_strdup(emu_block_node_get_filename(node));
    info->node_name = g_strdup(node->name);
    info->ro = node->read_only;
    info->drv = g_strdup(node->driver->name);
    info->cache = qmp_BlockdevCacheInfo_new();
    info->cache->writeback = writeback;
    info->cache->no_flush = node->no_flush;
    info->image = qmp_ImageInfo_new();
    info->image->filename = g_strdup(emu_block_node_get_filename(node));
    info->image->format = g_strdup(node->driver->name);
    info->image->virtual_size = MAX(length, 0);
    if (stat(emu_block_node_get_filename(node), &st) == 0 && S_ISREG(st.st_mode)) {
        info->image->has_actual_size = true;
        info->image->actual_size = (int64_t)st.st_blocks * 512;
    }
    return info;
}

static char *
device_path(EmuBlockBackend *blk)
{
    return blk->dev ? emu_object_get_canonical_path(blk->dev) : NULL;
}

GPtrArray *
qmp_query_block(EmuQmpCall *call, const Qmp_query_block_args *args G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    GPtrArray *backends = emu_block_layer_get_backends(layer(call));
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < backends->len; i++) {
        EmuBlockBackend *blk = backends->pdata[i];
        QmpBlockInfo *info = qmp_BlockInfo_new();

        info->device = g_strdup(blk->id);
        info->qdev = device_path(blk);
        info->type = g_strdup("unknown");
        info->removable = emu_block_backend_is_removable(blk);
        info->locked = emu_block_backend_is_locked(blk);
        if (info->removable) {
            info->has_tray_open = true;
            info->tray_open = emu_block_backend_tray_is_open(blk);
        } else if (blk->dev) {
            info->has_io_status = true;
            info->io_status = !blk->stalled.length             ? QMP_BLOCK_DEVICE_IO_STATUS_OK
                              : blk->stall_error == ENOSPC ? QMP_BLOCK_DEVICE_IO_STATUS_NOSPACE
                                                           : QMP_BLOCK_DEVICE_IO_STATUS_FAILED;
        }
        info->inserted = blk->root ? describe_node(blk->root, blk->write_cache) : NULL;
        g_ptr_array_add(list, info);
    }
    return list;
}

GPtrArray *
qmp_query_named_block_nodes(EmuQmpCall *call, const Qmp_query_named_block_nodes_args *args G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    GPtrArray *nodes = emu_block_layer_get_nodes(layer(call));
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < nodes->len; i++) {
        g_ptr_array_add(list, describe_node(nodes->pdata[i], true));
    }
    return list;
}

GPtrArray *
qmp_query_blockstats(EmuQmpCall *call, const Qmp_query_blockstats_args *args, GError **error G_GNUC_UNUSED)
{
    GPtrArray *backends = emu_block_layer_get_backends(layer(call)), *nodes = emu_block_layer_get_nodes(layer(call));
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; args->query_nodes && i < nodes->len; i++) {
        QmpBlockStats *item = qmp_BlockStats_new();

        item->node_name = g_strdup(((EmuBlockNode *)nodes->pdata[i])->name);
        item->stats = qmp_BlockDeviceStats_new();
        g_ptr_array_add(list, item);
    }
    for (guint i = 0; !args->query_nodes && i < backends->len; i++) {
        EmuBlockBackend *blk = backends->pdata[i];
        QmpBlockStats *item = qmp_BlockStats_new();
        QmpBlockDeviceStats *s = qmp_BlockDeviceStats_new();

        item->device = g_strdup(blk->id);
        item->qdev = device_path(blk);
        item->node_name = blk->root ? g_strdup(blk->root->name) : NULL;
        s->rd_operations = blk->stats.operations[0];
        s->wr_operations = blk->stats.operations[1];
        s->flush_operations = blk->stats.operations[2];
        s->rd_bytes = blk->stats.bytes[0];
        s->wr_bytes = blk->stats.bytes[1];
        s->failed_rd_operations = blk->stats.failed[0];
        s->failed_wr_operations = blk->stats.failed[1];
        s->failed_flush_operations = blk->stats.failed[2];
        s->account_invalid = s->account_failed = true;
        item->stats = s;
        g_ptr_array_add(list, item);
    }
    return list;
}

/* ---- nodes ------------------------------------------------------------------------------------------------ */

bool
qmp_blockdev_add(EmuQmpCall *call, JsonObject *args, GError **error)
{
    g_autoptr(EmuBlockOptions) options = emu_block_options_from_json(args);

    return emu_block_layer_add_blockdev_options(layer(call), options, error);
}

bool
qmp_blockdev_del(EmuQmpCall *call, const Qmp_blockdev_del_args *args, GError **error)
{
    return emu_block_layer_del_blockdev(layer(call), args->node_name, error);
}

bool
qmp_block_resize(EmuQmpCall *call, const Qmp_block_resize_args *args, GError **error)
{
    EmuBlockBackend *blk = args->device ? emu_block_layer_find_backend(layer(call), args->device) : NULL;
    EmuBlockNode *node = args->node_name ? emu_block_layer_find_node(layer(call), args->node_name) : blk ? blk->root : NULL;
    GPtrArray *backends = emu_block_layer_get_backends(layer(call));
    int ret;

    if (!node) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Cannot find device='%s' nor node-name='%s'", args->device ? args->device : "",
                    args->node_name ? args->node_name : "");
        return false;
    }
    if (args->size < 0) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter 'size' expects a >0 size");
        return false;
    }
    emu_block_layer_drain_all(layer(call));
    ret = emu_block_node_truncate(node, args->size);
    if (ret < 0) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Could not resize '%s': %s", emu_block_node_get_filename(node), g_strerror(-ret));
        return false;
    }
    for (guint i = 0; i < backends->len; i++) {
        emu_block_backend_refresh_length(backends->pdata[i]);
    }
    return true;
}

/* ---- media -------------------------------------------------------------------------------------------------- */

static EmuBlockBackend *
find_drive(EmuQmpCall *call, const char *device, const char *id, GError **error)
{
    EmuBlockBackend *blk;

    if (!device == !id) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    blk = device ? emu_block_layer_find_backend(layer(call), device) : emu_block_layer_find_device_backend(layer(call), id);
    if (!blk) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", device ? device : id);
    }
    return blk;
}

bool
qmp_eject(EmuQmpCall *call, const Qmp_eject_args *args, GError **error)
{
    EmuBlockBackend *blk = find_drive(call, args->device, args->id, error);

    return blk && emu_block_backend_monitor_eject(blk, args->force, error);
}

bool
qmp_blockdev_change_medium(EmuQmpCall *call, const Qmp_blockdev_change_medium_args *args, GError **error)
{
    EmuBlockBackend *blk = find_drive(call, args->device, args->id, error);
    int read_only = !args->has_read_only_mode || args->read_only_mode == QMP_BLOCKDEV_CHANGE_READ_ONLY_MODE_RETAIN ? 0
                    : args->read_only_mode == QMP_BLOCKDEV_CHANGE_READ_ONLY_MODE_READ_ONLY                         ? 1
                                                                                                                   : -1;

    return blk && emu_block_backend_monitor_change(blk, args->filename, args->format, read_only, args->force, error);
}

bool
qmp_blockdev_open_tray(EmuQmpCall *call, const Qmp_blockdev_open_tray_args *args, GError **error)
{
    EmuBlockBackend *blk = find_drive(call, args->device, args->id, error);

    return blk && emu_block_backend_monitor_open_tray(blk, args->force, error);
}

bool
qmp_blockdev_close_tray(EmuQmpCall *call, const Qmp_blockdev_close_tray_args *args, GError **error)
{
    EmuBlockBackend *blk = find_drive(call, args->device, args->id, error);

    return blk && emu_block_backend_monitor_close_tray(blk, error);
}

bool
qmp_blockdev_remove_medium(EmuQmpCall *call, const Qmp_blockdev_remove_medium_args *args, GError **error)
{
    EmuBlockBackend *blk = find_drive(call, NULL, args->id, error);

    return blk && emu_block_backend_monitor_remove(blk, error);
}

bool
qmp_blockdev_insert_medium(EmuQmpCall *call, const Qmp_blockdev_insert_medium_args *args, GError **error)
{
    EmuBlockBackend *blk = find_drive(call, NULL, args->id, error);
    EmuBlockNode *node;

    if (!blk) {
        return false;
    }
    node = emu_block_layer_find_node(layer(call), args->node_name);
    if (!node) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Node '%s' not found", args->node_name);
        return false;
    }
    return emu_block_backend_monitor_insert(blk, node, error);
}
