/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The machine's block layer: its back ends, its named nodes, where they come from on the command line. */

#include "block/backend-private.h"
#include "qom/opts.h"
#include "qom/qom-private.h"

#include <emu/log.h>
#include <errno.h>
#include <string.h>

#define LAYER_KEY "emu-block-layer"
#define MAX_BUS 64

/* Names of -drive if=, in the order of EmuDriveInterface. */
static const char *const interface_names[] = {"none", "ide", "floppy", "pflash", "scsi", "virtio", "sd", NULL};
/* Units per bus: what index= counts through; 0: index is the unit. */
static const unsigned interface_units[] = {0, 2, 0, 0, 7, 0, 0};

/* ---- life ------------------------------------------------------------------------------------------- */

static void
layer_bh_cb(gpointer opaque)
{
    emu_block_layer_process_completions(opaque);
}

EmuBlockLayer *
emu_block_layer_new(EmuContext *ctx)
{
    EmuBlockLayer *layer = g_new0(EmuBlockLayer, 1);

    emu_module_run_core(); /* the drivers' block_init functions */
    layer->ctx = ctx;
    layer->backends = g_ptr_array_new();
    layer->nodes = g_ptr_array_new();
    layer->history = emu_block_history_new();
    g_mutex_init(&layer->lock);
    g_cond_init(&layer->cond);
    g_queue_init(&layer->finished);
    layer->pool = emu_block_worker_pool_new();
    layer->bh = ctx ? emu_bh_new(ctx, layer_bh_cb, layer) : NULL;
    return layer;
}

void
emu_block_layer_drain_all(EmuBlockLayer *layer)
{
    for (guint i = 0; i < layer->backends->len; i++) {
        emu_block_backend_drain(layer->backends->pdata[i]);
    }
}

void
emu_block_layer_settle(EmuBlockLayer *layer)
{
    emu_block_layer_drain_all(layer);
    for (guint i = 0; i < layer->backends->len; i++) {
        emu_block_backend_flush_sync(layer->backends->pdata[i]);
    }
}

void
emu_block_layer_shutdown(EmuBlockLayer *layer)
{
    layer->event_func = NULL;
    for (guint i = 0; i < layer->backends->len; i++) {
        EmuBlockBackend *blk = layer->backends->pdata[i];

        emu_block_backend_cancel_stalled(blk);
        emu_block_backend_drain(blk);
        emu_block_backend_flush_sync(blk);
    }
}

void
emu_block_layer_free(EmuBlockLayer *layer)
{
    emu_block_layer_shutdown(layer);
    while (layer->backends->len) {
        emu_block_backend_free(layer->backends->pdata[layer->backends->len - 1]);
    }
    /* A parent goes before its children, so take one without parents each time. */
    while (layer->nodes->len) {
        for (guint i = layer->nodes->len; i-- > 0;) {
            EmuBlockNode *node = layer->nodes->pdata[i];
            if (node->parents == 0) {
                emu_block_node_flush(node);
                emu_block_node_unref(node);
                break;
            }
        }
    }
    g_thread_pool_free(layer->pool, FALSE, TRUE);
    if (layer->bh) {
        emu_bh_free(layer->bh);
    }
    g_mutex_clear(&layer->lock);
    g_cond_clear(&layer->cond);
    g_ptr_array_unref(layer->backends);
    g_ptr_array_unref(layer->nodes);
    emu_block_history_unref(layer->history);
    g_free(layer);
}

EmuBlockLayer *
emu_machine_get_block_layer(EmuMachine *machine)
{
    EmuBlockLayer *layer = g_object_get_data(G_OBJECT(machine), LAYER_KEY);

    if (!layer) {
        layer = emu_block_layer_new(emu_machine_get_context(machine));
        layer->machine = machine;
        g_object_set_data_full(G_OBJECT(machine), LAYER_KEY, layer, (GDestroyNotify)emu_block_layer_free);
    }
    return layer;
}

void
emu_block_layer_set_event_func(EmuBlockLayer *layer, EmuBlockEventFunc fn, gpointer opaque)
{
    layer->event_func = fn;
    layer->event_opaque = opaque;
}

void
emu_block_layer_set_snapshot(EmuBlockLayer *layer, bool snapshot)
{
    layer->snapshot = snapshot;
}

GPtrArray *
emu_block_layer_get_backends(EmuBlockLayer *layer)
{
    return layer->backends;
}

GPtrArray *
emu_block_layer_get_nodes(EmuBlockLayer *layer)
{
    return layer->nodes;
}

/* ---- names ------------------------------------------------------------------------------------------- */

EmuBlockNode *
emu_block_layer_find_node(EmuBlockLayer *layer, const char *name)
{
    for (guint i = 0; i < layer->nodes->len; i++) {
        EmuBlockNode *node = layer->nodes->pdata[i];
        if (g_str_equal(node->name, name)) {
            return node;
        }
    }
    return NULL;
}

EmuBlockBackend *
emu_block_layer_find_backend(EmuBlockLayer *layer, const char *id)
{
    for (guint i = 0; *id && i < layer->backends->len; i++) {
        EmuBlockBackend *blk = layer->backends->pdata[i];
        if (g_str_equal(blk->id, id)) {
            return blk;
        }
    }
    return NULL;
}

bool
emu_block_layer_register_node(EmuBlockLayer *layer, EmuBlockNode *node, const char *name, GError **error)
{
    if (name) {
        if (!emu_id_is_well_formed(name) || strlen(name) > 31) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Invalid node-name: '%s'", name);
            return false;
        }
        if (emu_block_layer_find_node(layer, name)) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Duplicate nodes with node-name='%s'", name);
            return false;
        }
        if (emu_block_layer_find_backend(layer, name)) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "node-name=%s is conflicting with a device id", name);
            return false;
        }
        node->name = g_strdup(name);
    } else {
        node->name = g_strdup_printf("#block%03u", layer->next_node++);
    }
    g_ptr_array_add(layer->nodes, node);
    return true;
}

void
emu_block_layer_unregister_node(EmuBlockLayer *layer, EmuBlockNode *node)
{
    g_ptr_array_remove(layer->nodes, node);
}

EmuBlockBackend *
emu_block_layer_find_device_backend(EmuBlockLayer *layer, const char *name)
{
    EmuBlockBackend *found = emu_block_layer_find_backend(layer, name);

    for (guint i = 0; !found && i < layer->backends->len; i++) {
        EmuBlockBackend *blk = layer->backends->pdata[i];
        if (blk->dev) {
            g_autofree char *path = emu_object_get_canonical_path(blk->dev);
            if (g_strcmp0(emu_device_get_id(blk->dev), name) == 0 || g_strcmp0(path, name) == 0) {
                found = blk;
            }
        }
    }
    return found;
}

EmuBlockBackend *
emu_block_layer_find_for_device(EmuBlockLayer *layer, const char *name)
{
    EmuBlockBackend *blk = emu_block_layer_find_backend(layer, name);
    EmuBlockNode *node;

    if (blk) {
        return blk;
    }
    node = emu_block_layer_find_node(layer, name);
    if (!node || (node->parents && !node->read_only)) {
        return NULL;
    }
    blk = emu_block_backend_new(layer, NULL);
    emu_block_backend_set_root(blk, node);
    return blk;
}

EmuBlockBackend *
emu_machine_find_block_backend(EmuMachine *machine, const char *id)
{
    return emu_block_layer_find_for_device(emu_machine_get_block_layer(machine), id);
}

/* ---- drives -------------------------------------------------------------------------------------------- */

EmuBlockBackend *
emu_block_layer_find_drive(EmuBlockLayer *layer, EmuDriveInterface iface, unsigned bus, unsigned unit)
{
    for (guint i = 0; i < layer->backends->len; i++) {
        EmuBlockBackend *blk = layer->backends->pdata[i];
        if (blk->has_drive_info && blk->iface == iface && blk->bus == bus && blk->unit == unit) {
            return blk;
        }
    }
    return NULL;
}

/**
 * emu_machine_get_drive:
 * @self: a machine
 * @iface: which -drive if=
 * @bus: bus number
 * @unit: unit on it
 * @media_cdrom: (out) (optional): %TRUE for a CD
 *
 * Returns: (transfer none) (nullable): the drive that the command line put there
 */
EmuBlockBackend *
emu_machine_get_drive(EmuMachine *self, EmuDriveInterface iface, unsigned bus, unsigned unit, bool *media_cdrom)
{
    EmuBlockBackend *blk = emu_block_layer_find_drive(emu_machine_get_block_layer(self), iface, bus, unit);

    if (blk) {
        blk->claimed = true;
    }
    if (media_cdrom) {
        *media_cdrom = blk && blk->media_cdrom;
    }
    return blk;
}

typedef struct {
    uint64_t index, bus, unit;
    bool has_index, has_bus, has_unit;
    int iface, media;
    bool read_only, has_read_only, snapshot, copy_on_read;
    int cache, read_error, write_error;
    char *file, *id;
} DriveOptions;

static void
drive_options_clear(DriveOptions *o)
{
    g_free(o->file);
    g_free(o->id);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DriveOptions, drive_options_clear)

static bool
drive_take_number(EmuBlockOptions *options, const char *key, uint64_t max, uint64_t *value, bool *present, GError **error)
{
    g_autofree char *text = emu_block_options_take(options, key);

    if (!text) {
        return true;
    }
    *present = true;
    if (!g_ascii_string_to_unsigned(text, 10, 0, max, value, NULL)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Parameter '%s' expects a number from 0 to %" G_GUINT64_FORMAT ", not '%s'", key, max, text);
        return false;
    }
    return true;
}

static bool
drive_take_options(EmuBlockOptions *options, DriveOptions *o, GError **error)
{
    static const char *const media_names[] = {"disk", "cdrom", NULL};
    static const char *const cache_names[] = {"writeback", "none", "writethrough", "directsync", "unsafe", NULL};
    static const char *const read_error_names[] = {"report", "ignore", "stop", "auto", NULL};
    static const char *const write_error_names[] = {"report", "ignore", "stop", "enospc", "auto", NULL};
    g_autofree char *ro = NULL;

    o->iface = -1; /* not given: the machine's default, IDE */
    o->write_error = EMU_BLOCK_ON_ERROR_ENOSPC;
    if (!emu_block_options_take_enum(options, "if", interface_names, &o->iface, error) ||
        !emu_block_options_take_enum(options, "media", media_names, &o->media, error) ||
        !emu_block_options_take_enum(options, "cache", cache_names, &o->cache, error) ||
        !emu_block_options_take_enum(options, "rerror", read_error_names, &o->read_error, error) ||
        !emu_block_options_take_enum(options, "werror", write_error_names, &o->write_error, error) ||
        !drive_take_number(options, "index", 1024, &o->index, &o->has_index, error) ||
        !drive_take_number(options, "bus", MAX_BUS, &o->bus, &o->has_bus, error) ||
        !drive_take_number(options, "unit", 1024, &o->unit, &o->has_unit, error) ||
        !emu_block_options_take_bool(options, "snapshot", &o->snapshot, error) ||
        !emu_block_options_take_bool(options, "copy-on-read", &o->copy_on_read, error)) {
        return false;
    }
    ro = emu_block_options_take(options, "readonly");
    if (ro) {
        emu_block_options_set(options, "read-only", ro);
    }
    o->has_read_only = emu_block_options_peek(options, "read-only") != NULL;
    o->read_only = o->media == 1;
    if (!emu_block_options_take_bool(options, "read-only", &o->read_only, error)) {
        return false;
    }
    o->file = emu_block_options_take(options, "file");
    o->id = emu_block_options_take(options, "id");
    if (o->id && !emu_id_is_well_formed(o->id)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Parameter 'id' expects an identifier, not '%s'", o->id);
        return false;
    }
    if (o->has_index && (o->has_bus || o->has_unit)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "index cannot be used with bus and unit");
        return false;
    }
    if (o->copy_on_read) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "copy-on-read=on needs an image format with a backing file");
        return false;
    }
    if (o->read_error == 3) {
        o->read_error = EMU_BLOCK_ON_ERROR_REPORT;
    }
    if (o->write_error == 4) {
        o->write_error = EMU_BLOCK_ON_ERROR_ENOSPC;
    }
    return true;
}

/* Finds the place that index=, bus= and unit= name, or the next free one. */
static bool
drive_place(EmuBlockLayer *layer, DriveOptions *o, GError **error)
{
    unsigned per_bus = interface_units[o->iface];

    if (o->has_index) {
        o->bus = per_bus ? o->index / per_bus : 0;
        o->unit = per_bus ? o->index % per_bus : o->index;
    } else if (!o->has_unit) {
        while (emu_block_layer_find_drive(layer, o->iface, o->bus, o->unit)) {
            o->unit++;
            if (per_bus && o->unit >= per_bus) {
                o->unit = 0;
                o->bus++;
            }
        }
    }
    if (per_bus && o->unit >= per_bus) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "unit %" G_GUINT64_FORMAT " too big (max is %u)", o->unit, per_bus - 1);
        return false;
    }
    if (emu_block_layer_find_drive(layer, o->iface, o->bus, o->unit)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "drive with bus=%" G_GUINT64_FORMAT ", unit=%" G_GUINT64_FORMAT " (index=%" G_GUINT64_FORMAT ") exists",
                    o->bus, o->unit, per_bus ? o->bus * per_bus + o->unit : o->unit);
        return false;
    }
    return true;
}

static char *
drive_default_id(DriveOptions *o)
{
    const char *media = o->iface == EMU_DRIVE_IF_IDE || o->iface == EMU_DRIVE_IF_SCSI ? (o->media == 1 ? "-cd" : "-hd") : "";

    if (interface_units[o->iface]) {
        return g_strdup_printf("%s%" G_GUINT64_FORMAT "%s%" G_GUINT64_FORMAT, interface_names[o->iface], o->bus, media, o->unit);
    }
    return g_strdup_printf("%s%s%" G_GUINT64_FORMAT, interface_names[o->iface], media, o->unit);
}

static EmuBlockNode *
drive_open_root(EmuBlockLayer *layer, EmuBlockOptions *options, DriveOptions *o, GError **error)
{
    g_autofree char *format = emu_block_options_take(options, "format");
    g_autofree char *file = g_steal_pointer(&o->file);
    g_autofree char *aio = emu_block_options_take(options, "aio");
    g_autoptr(EmuBlockNode) node = NULL;

    if (format) {
        if (emu_block_options_peek(options, "driver")) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Cannot specify both 'driver' and 'format'");
            return NULL;
        }
        emu_block_options_set(options, "driver", format);
    }
    if (file && emu_block_layer_find_node(layer, file) && !g_file_test(file, G_FILE_TEST_EXISTS)) {
        emu_block_options_set(options, "file", file);
        g_clear_pointer(&file, g_free);
    }
    if (aio) {
        emu_block_options_set(options, "file.aio", aio);
    }
    if (!emu_block_options_peek(options, "cache.no-flush")) {
        emu_block_options_set(options, "cache.no-flush", o->cache == 4 ? "on" : "off");
    }
    /* The image below a temporary overlay is never written. */
    emu_block_options_set(options, "read-only", o->read_only || o->snapshot ? "on" : "off");
    if (!o->has_read_only && !emu_block_options_peek(options, "auto-read-only")) {
        emu_block_options_set(options, "auto-read-only", "on");
    }
    node = emu_block_node_open(layer, file, options, error);
    if (!node) {
        return NULL;
    }
    if (node->probed) {
        emu_warn_report("Image format was not specified for '%s' and probing guessed raw.\n"
                        "         Automatically detecting the format is dangerous for raw images, write operations on block 0 will be restricted.\n"
                        "         Specify the 'raw' format explicitly to remove the restrictions.",
                        emu_block_node_get_filename(node));
    }
    if (o->snapshot && !o->read_only) {
        return emu_block_node_new_temporary_overlay(node, error);
    }
    return g_steal_pointer(&node);
}

static bool
drive_add(EmuBlockLayer *layer, EmuBlockOptions *options, EmuDriveInterface default_iface, GError **error)
{
    g_auto(DriveOptions) o = {0};
    g_autoptr(EmuBlockNode) root = NULL;
    EmuBlockBackend *blk;

    if (!drive_take_options(options, &o, error)) {
        return false;
    }
    if (o.iface < 0) {
        o.iface = default_iface;
    }
    if (layer->snapshot) {
        o.snapshot = true;
    }
    if (!drive_place(layer, &o, error)) {
        return false;
    }
    if (!o.id) {
        o.id = drive_default_id(&o);
    }
    if (emu_block_layer_find_backend(layer, o.id) || emu_block_layer_find_node(layer, o.id)) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Duplicate ID '%s' for drive", o.id);
        return false;
    }
    if ((o.file && *o.file) || emu_block_options_peek(options, "driver") || emu_block_options_peek(options, "file.driver") ||
        emu_block_options_peek(options, "file.filename")) {
        root = drive_open_root(layer, options, &o, error);
        if (!root) {
            return false;
        }
        if (emu_block_node_get_length(root) == 0 && o.media == 0 && o.iface != EMU_DRIVE_IF_NONE) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "image '%s' is empty: it has 0 bytes, and a disk needs at least %d",
                        emu_block_node_get_filename(root), EMU_BLOCK_SECTOR);
            return false;
        }
    } else {
        const char *left;

        g_free(emu_block_options_take(options, "format"));
        g_free(emu_block_options_take(options, "aio"));
        left = emu_block_options_left(options);
        if (left) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Invalid parameter '%s'", left);
            return false;
        }
        if (o.media == 0 && o.iface != EMU_DRIVE_IF_FLOPPY && o.iface != EMU_DRIVE_IF_NONE) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "a drive with if=%s and media=disk needs file=", interface_names[o.iface]);
            return false;
        }
    }
    blk = emu_block_backend_new(layer, o.id);
    blk->has_drive_info = true;
    blk->iface = o.iface;
    blk->bus = o.bus;
    blk->unit = o.unit;
    blk->media_cdrom = o.media == 1;
    blk->want_read_only = o.read_only;
    blk->snapshot = o.snapshot;
    blk->write_cache = o.cache != 2 && o.cache != 3;
    blk->on_read_error = o.read_error;
    blk->on_write_error = o.write_error;
    emu_block_backend_set_root(blk, root);
    return true;
}

static bool
drive_apply_defaults(EmuBlockOptions *options, const char *defaults, GError **error)
{
    g_auto(GStrv) pairs = defaults ? g_strsplit(defaults, ",", -1) : NULL;

    for (unsigned i = 0; pairs && pairs[i]; i++) {
        char *equal = strchr(pairs[i], '=');

        if (!equal) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "bad default '%s'", pairs[i]);
            return false;
        }
        *equal = 0;
        if (!emu_block_options_peek(options, pairs[i])) {
            emu_block_options_set(options, pairs[i], equal + 1);
        }
    }
    return true;
}

bool
emu_block_layer_add_drive(EmuBlockLayer *layer, const char *text, const char *defaults, GError **error)
{
    g_autoptr(EmuBlockOptions) options = emu_block_options_parse(text, NULL, error);

    return options && drive_apply_defaults(options, defaults, error) && drive_add(layer, options, EMU_DRIVE_IF_IDE, error);
}

bool
emu_block_layer_add_drive_file(EmuBlockLayer *layer, const char *filename, const char *defaults, GError **error)
{
    g_autoptr(EmuBlockOptions) options = emu_block_options_new();

    emu_block_options_set(options, "file", filename);
    return drive_apply_defaults(options, defaults, error) && drive_add(layer, options, EMU_DRIVE_IF_IDE, error);
}

void
emu_block_layer_add_defaults(EmuBlockLayer *layer)
{
    static const char *const defaults[] = {"if=floppy,index=0", "if=ide,index=2,media=cdrom"};

    for (unsigned i = 0; i < G_N_ELEMENTS(defaults); i++) {
        guint n = layer->backends->len;

        /* Fails where the place is taken. */
        if (emu_block_layer_add_drive(layer, defaults[i], NULL, NULL)) {
            ((EmuBlockBackend *)layer->backends->pdata[n])->is_default = true;
        }
    }
}

bool
emu_block_layer_check_used(EmuBlockLayer *layer, GError **error)
{
    for (guint i = 0; i < layer->backends->len; i++) {
        EmuBlockBackend *blk = layer->backends->pdata[i];

        if (blk->has_drive_info && !blk->is_default && blk->iface != EMU_DRIVE_IF_NONE && !blk->claimed && !blk->dev) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "machine type does not support if=%s,bus=%u,unit=%u (drive '%s')",
                        interface_names[blk->iface], blk->bus, blk->unit, blk->id);
            return false;
        }
    }
    return true;
}

/* ---- -blockdev -------------------------------------------------------------------------------------------- */

bool
emu_block_layer_add_blockdev_options(EmuBlockLayer *layer, EmuBlockOptions *options, GError **error)
{
    EmuBlockNode *node;

    if (!emu_block_options_peek(options, "node-name")) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "'node-name' must be specified for the root node");
        return false;
    }
    if (!emu_block_options_peek(options, "driver")) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Parameter 'driver' is missing");
        return false;
    }
    node = emu_block_node_open(layer, NULL, options, error);
    if (!node) {
        return false;
    }
    node->monitor_owned = true; /* the reference is the layer's now */
    return true;
}

bool
emu_block_layer_add_blockdev(EmuBlockLayer *layer, const char *text, GError **error)
{
    g_autoptr(EmuBlockOptions) options = *text == '{' ? emu_block_options_parse_json(text, error) : emu_block_options_parse(text, "driver", error);

    return options && emu_block_layer_add_blockdev_options(layer, options, error);
}

bool
emu_block_layer_del_blockdev(EmuBlockLayer *layer, const char *node_name, GError **error)
{
    EmuBlockNode *node = emu_block_layer_find_node(layer, node_name);

    if (!node) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_NOT_FOUND, "Failed to find node with node-name='%s'", node_name);
        return false;
    }
    if (node->parents) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Node %s is in use", node_name);
        return false;
    }
    if (!node->monitor_owned) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Node %s is not owned by the monitor", node_name);
        return false;
    }
    emu_block_node_flush(node);
    emu_block_node_unref(node);
    return true;
}
