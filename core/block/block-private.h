/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The block layer of one machine: its drives (EmuBlockBackend), named nodes, and the worker threads
 * that carry out requests. Everything is called with the big lock held unless it says otherwise.
 */

#include <emu/block-driver.h>

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

#define EMU_BLOCK_SECTOR 512

typedef struct _EmuBlockLayer EmuBlockLayer;

/* ---- options ------------------------------------------------------------------------------------- */
EmuBlockOptions *emu_block_options_new(void);
void emu_block_options_free(EmuBlockOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmuBlockOptions, emu_block_options_free)
/* "key=value,key=value"; a comma in a value is doubled. A key without "=" means "on"; the first one without "=" is
 * @implied_key's value when that is not NULL. */
EmuBlockOptions *emu_block_options_parse(const char *text, const char *implied_key, GError **error);
EmuBlockOptions *emu_block_options_parse_json(const char *text, GError **error);
EmuBlockOptions *emu_block_options_from_json(JsonObject *object);
void emu_block_options_set(EmuBlockOptions *options, const char *key, const char *value);
const char *emu_block_options_peek(EmuBlockOptions *options, const char *key);
/* Moves all "PREFIX.key" out as "key". */
EmuBlockOptions *emu_block_options_take_prefix(EmuBlockOptions *options, const char *prefix);
/* Name of some key that is left, NULL when none. */
const char *emu_block_options_left(EmuBlockOptions *options);
bool emu_block_parse_size(const char *text, uint64_t *value);

/* ---- drivers and nodes ------------------------------------------------------------------------------ */
/* Names of formats and protocols, sorted; opens the plugins that have any. (transfer container) */
GPtrArray *emu_block_driver_list(void);
/* The driver that is surest of an image with these first bytes, plugins' drivers included; NULL: none. */
const EmuBlockDriver *emu_block_driver_probe(const uint8_t *head, gsize len, const char *filename);

typedef struct {
    char *role;
    EmuBlockNode *node;
} EmuBlockChild;

struct _EmuBlockNode {
    gint ref_count;
    EmuBlockLayer *layer;
    const EmuBlockDriver *driver;
    gpointer state;
    uint64_t serial; /* no other node of the process has it */
    char *name;     /* node-name, or "#blockNNN" */
    char *filename;
    GArray *children; /* EmuBlockChild */
    unsigned parents; /* nodes and back ends that use it */
    bool read_only, auto_read_only;
    bool monitor_owned; /* -blockdev, blockdev-add */
    bool probed;        /* format guessed to be raw */
    bool no_flush; /* cache=unsafe */
    bool discard_unmap, force_share;
};

/* @filename may be NULL when the options have a driver. Takes from @options; all must be taken. (transfer full) */
EmuBlockNode *emu_block_node_open(EmuBlockLayer *layer, const char *filename, EmuBlockOptions *options, GError **error);
EmuBlockNode *emu_block_node_ref(EmuBlockNode *node);
void emu_block_node_unref(EmuBlockNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EmuBlockNode, emu_block_node_unref)
EmuBlockNode *emu_block_node_get_child(EmuBlockNode *node, const char *role);
/* Puts an anonymous copy-on-write overlay in a temporary file on top of @base. (transfer full) both ways */
EmuBlockNode *emu_block_node_new_temporary_overlay(EmuBlockNode *base, GError **error);
/* The format other than raw, with a driver or without, that these first bytes look like; NULL: none. Any thread. */
const char *emu_block_probe_foreign(const uint8_t *head, gsize len);

/* ---- the layer -------------------------------------------------------------------------------------- */
typedef enum { EMU_BLOCK_EVENT_TRAY_MOVED, EMU_BLOCK_EVENT_IO_ERROR } EmuBlockEventKind;
typedef struct {
    EmuBlockEventKind kind;
    EmuBlockBackend *blk;
    bool tray_open;
    bool is_read;
    bool stopped;
    int error; /* errno */
} EmuBlockEvent;
typedef void (*EmuBlockEventFunc)(gpointer opaque, const EmuBlockEvent *event);

/* @ctx NULL: completions run only inside drain, cancel and the synchronous calls. */
EmuBlockLayer *emu_block_layer_new(EmuContext *ctx);
void emu_block_layer_free(EmuBlockLayer *layer); /* drains, flushes and closes everything */
/* The machine's own; made on first use and freed with the machine. */
EmuBlockLayer *emu_machine_get_block_layer(EmuMachine *machine);
/* Before the machine's end: completes and flushes all; devices may still be there. */
void emu_block_layer_shutdown(EmuBlockLayer *layer);
void emu_block_layer_drain_all(EmuBlockLayer *layer);
/* The machine stopped: nothing is in flight, and what was written is on the disks. */
void emu_block_layer_settle(EmuBlockLayer *layer);
void emu_block_layer_set_event_func(EmuBlockLayer *layer, EmuBlockEventFunc fn, gpointer opaque);
void emu_block_layer_process_completions(EmuBlockLayer *layer);

/* -drive TEXT; -blockdev TEXT (keys or JSON); -hda FILE and the like: index 0..3 for hda..hdd. @defaults: -drive options
 * that apply where TEXT has none ("if=ide,index=2,media=cdrom"), may be NULL. */
bool emu_block_layer_add_drive(EmuBlockLayer *layer, const char *text, const char *defaults, GError **error);
bool emu_block_layer_add_drive_file(EmuBlockLayer *layer, const char *filename, const char *defaults, GError **error);
bool emu_block_layer_add_blockdev(EmuBlockLayer *layer, const char *text, GError **error);
bool emu_block_layer_add_blockdev_options(EmuBlockLayer *layer, EmuBlockOptions *options, GError **error);
bool emu_block_layer_del_blockdev(EmuBlockLayer *layer, const char *node_name, GError **error);
/* The empty drives that a machine has unless told otherwise: a floppy drive and a CD-ROM, where the places are free. */
void emu_block_layer_add_defaults(EmuBlockLayer *layer);
/* False and @error when the board has no place for a drive that the user asked for. */
bool emu_block_layer_check_used(EmuBlockLayer *layer, GError **error);
/* -snapshot: every -drive added later gets snapshot=on. */
void emu_block_layer_set_snapshot(EmuBlockLayer *layer, bool snapshot);
EmuBlockNode *emu_block_layer_find_node(EmuBlockLayer *layer, const char *name);
GPtrArray *emu_block_layer_get_backends(EmuBlockLayer *layer); /* (transfer none), in order of addition */
GPtrArray *emu_block_layer_get_nodes(EmuBlockLayer *layer);    /* (transfer none) */
EmuBlockBackend *emu_block_layer_find_backend(EmuBlockLayer *layer, const char *id); /* drive id only */
/* By drive id, by the user's id or path of the device that has it. */
EmuBlockBackend *emu_block_layer_find_device_backend(EmuBlockLayer *layer, const char *name);
/* Drive id, or a node name (an anonymous back end is made for it). */
EmuBlockBackend *emu_block_layer_find_for_device(EmuBlockLayer *layer, const char *name);
EmuBlockBackend *emu_block_layer_find_drive(EmuBlockLayer *layer, EmuDriveInterface iface, unsigned bus, unsigned unit);

/* ---- snapshots in memory (history.c) ------------------------------------------------------------------ */
typedef struct _EmuBlockHistory EmuBlockHistory;
typedef struct _EmuBlockSnapshot EmuBlockSnapshot;
EmuBlockHistory *emu_block_history_new(void);
void emu_block_history_unref(EmuBlockHistory *self);
/* To be called before each change of a disk. Any thread. 0 or -errno: the change cannot be undone, and must not be made. */
int emu_block_history_before_write(EmuBlockHistory *self, EmuBlockNode *node, uint64_t offset, uint64_t bytes);
/* The contents of all disks now; drains. (transfer full) */
EmuBlockSnapshot *emu_block_snapshot_new(EmuBlockLayer *layer);
void emu_block_snapshot_free(EmuBlockSnapshot *self); /* any thread, no lock needed; the layer may be gone; accepts NULL */
uint64_t emu_block_snapshot_get_size(EmuBlockSnapshot *self); /* bytes of kept contents, shared ones counted for each */
/* Are the disks the same still? */
bool emu_block_snapshot_check(EmuBlockSnapshot *self, EmuBlockLayer *layer, GError **error);
/* The vCPUs are parked. After a failure the disks are a mixture. */
bool emu_block_snapshot_restore(EmuBlockSnapshot *self, EmuBlockLayer *layer, GError **error);

/* Used by node.c. */
bool emu_block_layer_register_node(EmuBlockLayer *layer, EmuBlockNode *node, const char *name, GError **error);
void emu_block_layer_unregister_node(EmuBlockLayer *layer, EmuBlockNode *node);

/* ---- back ends as the monitor sees them ------------------------------------------------------------- */
typedef enum { EMU_BLOCK_ON_ERROR_REPORT, EMU_BLOCK_ON_ERROR_IGNORE, EMU_BLOCK_ON_ERROR_STOP, EMU_BLOCK_ON_ERROR_ENOSPC } EmuBlockOnError;

typedef struct {
    uint64_t operations[3]; /* read, write, flush */
    uint64_t bytes[2];
    uint64_t failed[3];
} EmuBlockStats;

struct _EmuBlockBackend {
    EmuBlockLayer *layer;
    char *id; /* "" for anonymous ones */
    EmuBlockNode *root; /* NULL: no medium */
    uint64_t length;
    bool has_drive_info; /* made by -drive: the board may claim it */
    EmuDriveInterface iface;
    unsigned bus, unit;
    bool media_cdrom;
    bool claimed; /* a board asked for it */
    bool is_default;
    bool write_cache;
    bool want_read_only, snapshot;
    EmuBlockOnError on_read_error, on_write_error;
    EmuDevice *dev;
    const EmuBlockDeviceOps *ops;
    gpointer opaque;
    bool tray_open, locked;
    GQueue requests; /* in flight */
    int stall_error; /* errno of the latest one held back */
    GQueue stalled;  /* stopped by werror=stop, to be repeated when the machine runs again */
    EmuBlockStats stats;
};

EmuBlockBackend *emu_block_backend_new(EmuBlockLayer *layer, const char *id);
void emu_block_backend_free(EmuBlockBackend *blk);
void emu_block_backend_set_root(EmuBlockBackend *blk, EmuBlockNode *root); /* drains; takes its own reference */
int emu_block_backend_flush_sync(EmuBlockBackend *blk);
/* Monitor's eject and change; @force opens a locked tray. @read_only: 0 as it was, 1 on, -1 off */
bool emu_block_backend_monitor_eject(EmuBlockBackend *blk, bool force, GError **error);
bool emu_block_backend_monitor_change(EmuBlockBackend *blk, const char *filename, const char *format, int read_only, bool force, GError **error);
bool emu_block_backend_monitor_open_tray(EmuBlockBackend *blk, bool force, GError **error);
bool emu_block_backend_monitor_close_tray(EmuBlockBackend *blk, GError **error);
bool emu_block_backend_monitor_remove(EmuBlockBackend *blk, GError **error);
bool emu_block_backend_monitor_insert(EmuBlockBackend *blk, EmuBlockNode *node, GError **error);
void emu_block_backend_refresh_length(EmuBlockBackend *blk); /* after a resize; tells the device */
bool emu_block_backend_is_removable(EmuBlockBackend *blk);
bool emu_block_backend_tray_is_open(EmuBlockBackend *blk);
bool emu_block_backend_is_locked(EmuBlockBackend *blk);
void emu_block_layer_retry_stalled(EmuBlockLayer *layer);

G_END_DECLS
