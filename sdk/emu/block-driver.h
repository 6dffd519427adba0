/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * For implementers of image formats, protocols and filters. A back end's data lives in a graph of
 * nodes: a format node sits on a protocol node, filters and overlays go in between, and a node may
 * have several parents.
 *
 * Request functions (preadv ... flush) run in a request context: a worker thread now; a coroutine
 * on an I/O thread when the engine has one. They may wait: for the disk, for a child
 * (emu_block_node_preadv and friends), for an EmuBlockMutex. Several run at once on one node. They
 * return 0 or -errno. Everything else runs on the main thread with nothing in flight on the node.
 */

#include <emu/block.h>
#include <sys/uio.h>

G_BEGIN_DECLS

typedef struct _EmuBlockNode EmuBlockNode;
typedef struct _EmuBlockOptions EmuBlockOptions;

typedef enum {
    EMU_BLOCK_DRIVER_FORMAT,   /* an image format on a "file" child */
    EMU_BLOCK_DRIVER_PROTOCOL, /* the bottom of a graph */
    EMU_BLOCK_DRIVER_FILTER    /* passes on what it gets; never the result of probing */
} EmuBlockDriverKind;

typedef struct {
    const char *name;
    const char *description;
    EmuBlockDriverKind kind;
    gsize state_size; /* zeroed memory per node: emu_block_node_get_state() */
    /* Formats only. How sure is it that @head (the image's first @len bytes, 2048 at the most) is this format: 0 to 100, raw says 1.
     * Looks at its arguments only; any thread. A guest is kept from writing what this says yes to into the first 512 bytes of a disk
     * that was taken for raw, so a signature belongs there. NULL: never probed. */
    int (*probe)(const uint8_t *head, gsize len, const char *filename);
    /* Takes its options; a key that nobody took is refused by the caller. On failure nothing stays behind. */
    bool (*open)(EmuBlockNode *node, EmuBlockOptions *options, GError **error);
    void (*close)(EmuBlockNode *node); /* optional; the children are dropped afterwards */
    int64_t (*get_length)(EmuBlockNode *node); /* bytes or -errno; any context */
    int (*preadv)(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov);
    int (*pwritev)(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov); /* NULL: read-only */
    int (*pwrite_zeroes)(EmuBlockNode *node, uint64_t offset, uint64_t bytes); /* NULL: written as data */
    int (*pdiscard)(EmuBlockNode *node, uint64_t offset, uint64_t bytes); /* NULL: ignored */
    int (*flush)(EmuBlockNode *node); /* own caches, then on the disk; children are flushed by the engine. NULL: nothing to do */
    int (*truncate)(EmuBlockNode *node, uint64_t length); /* NULL: -ENOTSUP */
    /* As preadv, called by who submits: reads what is in the host's memory already, -EAGAIN when that means to wait.
     * NULL: always -EAGAIN. */
    int (*try_preadv)(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov);
    EMU_RESERVED_SLOTS(11);
} EmuBlockDriver;

/*
 * A plugin names its drivers in its manifest as types: .provides = "block-driver-NAME:block-driver". It is opened when a user
 * names the driver (driver=NAME, format=NAME, file.driver=NAME, "NAME:..." as a file name), when drivers are listed, and when
 * an image is opened whose format nobody said. A plugin that has registered a driver stays in memory.
 */
#define EMU_BLOCK_DRIVER_TYPE(name) "block-driver-" name
/* From a block_init function; @driver stays valid from then on. The first driver of a name counts, a second is reported. Any thread. */
EMU_AVAILABLE_IN_1_0 void emu_block_driver_register(const EmuBlockDriver *driver);
/* Registers @driver when the plugin is opened. */
#define EMU_REGISTER_BLOCK_DRIVER(driver)                                                          \
    static void driver##_block_init(void)                                                          \
    {                                                                                              \
        emu_block_driver_register(&driver);                                                        \
    }                                                                                              \
    block_init(driver##_block_init)
/* Opens the plugin that has it. NULL and @error: nobody has (EMU_BLOCK_ERROR_NOT_FOUND), or the plugin is refused
 * (EMU_PLUGIN_ERROR). Any thread. (transfer none): valid for good */
EMU_AVAILABLE_IN_1_0 const EmuBlockDriver *emu_block_driver_find(const char *name, GError **error);

/* ---- a node as its driver sees it -------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 gpointer emu_block_node_get_state(EmuBlockNode *node); /* state_size bytes, zeroed when the node was made; any thread */
EMU_AVAILABLE_IN_1_0 const char *emu_block_node_get_name(EmuBlockNode *node); /* node-name=, or one of ours; never NULL after open() */
EMU_AVAILABLE_IN_1_0 const char *emu_block_node_get_filename(EmuBlockNode *node); /* for messages; never NULL */
EMU_AVAILABLE_IN_1_0 void emu_block_node_set_filename(EmuBlockNode *node, const char *filename); /* copies */
EMU_AVAILABLE_IN_1_0 bool emu_block_node_is_read_only(EmuBlockNode *node); /* any thread; settled once open() has returned */
/* Falls back to read-only while opening, where the user allowed it (auto-read-only). */
EMU_AVAILABLE_IN_1_0 bool emu_block_node_set_read_only(EmuBlockNode *node, GError **error);
/* Opens what the options say under @role ("file", "backing"): a node name, or "role.driver=...". NULL and @error on
 * failure. The node keeps the child until it closes. (transfer none) */
EMU_AVAILABLE_IN_1_0 EmuBlockNode *emu_block_node_open_child(EmuBlockNode *node, EmuBlockOptions *options, const char *role, GError **error);

/* ---- requests to a child, from a request function or with nothing else in flight ------------------ */
EMU_AVAILABLE_IN_1_0 int64_t emu_block_node_get_length(EmuBlockNode *node); /* bytes, or -errno */
/* fills the vector, whose lengths add up to @bytes; 0 or -errno */
EMU_AVAILABLE_IN_1_0 int emu_block_node_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov);
EMU_AVAILABLE_IN_1_0 int emu_block_node_try_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov); /* -EAGAIN: it would have to wait */
/* 0 or -errno; -EROFS for a read-only child. On the disk after a flush. */
EMU_AVAILABLE_IN_1_0 int emu_block_node_pwritev(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov);
EMU_AVAILABLE_IN_1_0 int emu_block_node_pread(EmuBlockNode *node, uint64_t offset, void *buf, uint64_t bytes); /* one buffer instead of a vector */
EMU_AVAILABLE_IN_1_0 int emu_block_node_pwrite(EmuBlockNode *node, uint64_t offset, const void *buf, uint64_t bytes); /* one buffer instead of a vector */
EMU_AVAILABLE_IN_1_0 int emu_block_node_pwrite_zeroes(EmuBlockNode *node, uint64_t offset, uint64_t bytes); /* in the way that is cheapest for the child */
EMU_AVAILABLE_IN_1_0 int emu_block_node_pdiscard(EmuBlockNode *node, uint64_t offset, uint64_t bytes); /* a hint: afterwards the bytes may be anything that was there, or zeroes */
EMU_AVAILABLE_IN_1_0 int emu_block_node_flush(EmuBlockNode *node); /* what was written before is on the disk when this returns 0; children included */
EMU_AVAILABLE_IN_1_0 int emu_block_node_truncate(EmuBlockNode *node, uint64_t length); /* @length bytes from now on, new ones zero; -ENOTSUP: cannot */

/* A lock that may be held across a request to a child. */
typedef struct {
    GMutex mutex;
} EmuBlockMutex;
EMU_AVAILABLE_IN_1_0 void emu_block_mutex_init(EmuBlockMutex *lock); /* in open() */
EMU_AVAILABLE_IN_1_0 void emu_block_mutex_clear(EmuBlockMutex *lock); /* in close(); unlocked */
EMU_AVAILABLE_IN_1_0 void emu_block_mutex_lock(EmuBlockMutex *lock); /* from request functions; not recursive */
EMU_AVAILABLE_IN_1_0 void emu_block_mutex_unlock(EmuBlockMutex *lock); /* by who locked it */

/* The part [skip, skip + bytes) of a vector; @out has room for @n_iov entries. Returns how many it used. */
EMU_AVAILABLE_IN_1_0 unsigned emu_iov_slice(const struct iovec *iov, unsigned n_iov, uint64_t skip, uint64_t bytes, struct iovec *out);
EMU_AVAILABLE_IN_1_0 void emu_iov_zero(const struct iovec *iov, unsigned n_iov); /* clears all of it */

/* ---- options: flat keys, "file.filename"; each is taken once --------------------------------------- */
/* (transfer full), NULL when absent. */
EMU_AVAILABLE_IN_1_0 char *emu_block_options_take(EmuBlockOptions *options, const char *key);
/* @value keeps its value when the key is absent; false and @error when the text is no such value. */
EMU_AVAILABLE_IN_1_0 bool emu_block_options_take_bool(EmuBlockOptions *options, const char *key, bool *value, GError **error);
EMU_AVAILABLE_IN_1_0 bool emu_block_options_take_size(EmuBlockOptions *options, const char *key, uint64_t *value, GError **error);
/* One of @names (NULL-terminated): *index is set. */
EMU_AVAILABLE_IN_1_0 bool emu_block_options_take_enum(EmuBlockOptions *options, const char *key, const char *const *names, int *index, GError **error);

#define EMU_BLOCK_ERROR (emu_block_error_quark())
typedef enum { EMU_BLOCK_ERROR_FAILED, EMU_BLOCK_ERROR_NOT_FOUND, EMU_BLOCK_ERROR_LOCKED } EmuBlockError;
EMU_AVAILABLE_IN_1_0 GQuark emu_block_error_quark(void);

G_END_DECLS
