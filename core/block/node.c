/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The graph of block nodes: opening with and without a known format, requests to a node. */

#include "block/block-private.h"

#include <errno.h>
#include <string.h>

#define PROBE_BYTES 2048
#define ZERO_CHUNK (1 << 20)
#define MAX_DEPTH 32

/* ---- life ----------------------------------------------------------------------------------------- */

EmuBlockNode *
emu_block_node_ref(EmuBlockNode *node)
{
    node->ref_count++;
    return node;
}

static void
node_free(EmuBlockNode *node)
{
    if (node->state) {
        if (node->driver->close) {
            node->driver->close(node);
        }
        g_free(node->state);
    }
    for (guint i = 0; i < node->children->len; i++) {
        EmuBlockChild *child = &g_array_index(node->children, EmuBlockChild, i);
        child->node->parents--;
        emu_block_node_unref(child->node);
        g_free(child->role);
    }
    g_array_unref(node->children);
    emu_block_layer_unregister_node(node->layer, node);
    g_free(node->name);
    g_free(node->filename);
    g_free(node);
}

void
emu_block_node_unref(EmuBlockNode *node)
{
    if (node && --node->ref_count == 0) {
        node_free(node);
    }
}

gpointer
emu_block_node_get_state(EmuBlockNode *node)
{
    return node->state;
}

const char *
emu_block_node_get_name(EmuBlockNode *node)
{
    return node->name;
}

const char *
emu_block_node_get_filename(EmuBlockNode *node)
{
    return node->filename ? node->filename : node->name ? node->name : "";
}

void
emu_block_node_set_filename(EmuBlockNode *node, const char *filename)
{
    char *copy = g_strdup(filename);
    g_free(node->filename);
    node->filename = copy;
}

bool
emu_block_node_is_read_only(EmuBlockNode *node)
{
    return node->read_only;
}

bool
emu_block_node_set_read_only(EmuBlockNode *node, GError **error)
{
    if (node->read_only) {
        return true;
    }
    if (!node->auto_read_only) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "'%s' is read-only", emu_block_node_get_filename(node));
        return false;
    }
    node->read_only = true;
    return true;
}

EmuBlockNode *
emu_block_node_get_child(EmuBlockNode *node, const char *role)
{
    for (guint i = 0; i < node->children->len; i++) {
        EmuBlockChild *child = &g_array_index(node->children, EmuBlockChild, i);
        if (g_str_equal(child->role, role)) {
            return child->node;
        }
    }
    return NULL;
}

/* Takes over the reference. */
static void
node_add_child(EmuBlockNode *node, const char *role, EmuBlockNode *child_node)
{
    EmuBlockChild child = {.role = g_strdup(role), .node = child_node};

    child_node->parents++;
    g_array_append_val(node->children, child);
}

static bool
node_check_sharing(EmuBlockNode *child, bool for_writing, GError **error)
{
    if (for_writing && child->parents > 0) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "node '%s' is already in use", child->name);
        return false;
    }
    return true;
}

EmuBlockNode *
emu_block_node_open_child(EmuBlockNode *node, EmuBlockOptions *options, const char *role, GError **error)
{
    g_autofree char *reference = emu_block_options_take(options, role);
    g_autoptr(EmuBlockOptions) sub = emu_block_options_take_prefix(options, role);
    g_autofree char *filename = NULL;
    EmuBlockNode *child = emu_block_node_get_child(node, role);

    if (child) {
        return child;
    }
    if (reference) {
        child = emu_block_layer_find_node(node->layer, reference);
        if (!child) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_NOT_FOUND, "Cannot find device='' nor node-name='%s'", reference);
            return NULL;
        }
        if (!node_check_sharing(child, !node->read_only, error)) {
            return NULL;
        }
        emu_block_node_ref(child);
    } else {
        if (!emu_block_options_peek(sub, "driver") && !emu_block_options_peek(sub, "filename")) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "A block device must be specified for \"%s\"", role);
            return NULL;
        }
        if (!emu_block_options_peek(sub, "read-only")) {
            emu_block_options_set(sub, "read-only", node->read_only ? "on" : "off");
            if (!emu_block_options_peek(sub, "auto-read-only")) {
                emu_block_options_set(sub, "auto-read-only", node->auto_read_only ? "on" : "off");
            }
        }
        if (!emu_block_options_peek(sub, "cache.no-flush")) {
            emu_block_options_set(sub, "cache.no-flush", node->no_flush ? "on" : "off");
        }
        if (!emu_block_options_peek(sub, "driver")) {
            filename = emu_block_options_take(sub, "filename");
        }
        child = emu_block_node_open(node->layer, filename, sub, error);
        if (!child) {
            return NULL;
        }
    }
    if (child->read_only && !node->read_only && !emu_block_node_set_read_only(node, error)) {
        emu_block_node_unref(child);
        return NULL;
    }
    if (!node->filename) {
        node->filename = g_strdup(child->filename);
    }
    node_add_child(node, role, child);
    return child;
}

static bool
node_take_common(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    static const char *const discard_names[] = {"ignore", "off", "unmap", "on", NULL};
    static const char *const detect_names[] = {"off", "on", "unmap", NULL};
    int discard = 0, detect = 0;
    bool direct = false, force_share = false;

    /* cache.direct is accepted and has no effect: requests go through the host's page cache, and a flush means
     * the same either way. Zeroes are not looked for. */
    if (!emu_block_options_take_bool(options, "read-only", &node->read_only, error) ||
        !emu_block_options_take_bool(options, "auto-read-only", &node->auto_read_only, error) ||
        !emu_block_options_take_bool(options, "cache.no-flush", &node->no_flush, error) ||
        !emu_block_options_take_bool(options, "cache.direct", &direct, error) ||
        !emu_block_options_take_bool(options, "force-share", &force_share, error) ||
        !emu_block_options_take_enum(options, "discard", discard_names, &discard, error) ||
        !emu_block_options_take_enum(options, "detect-zeroes", detect_names, &detect, error)) {
        return false;
    }
    if (force_share) {
        if (!node->read_only) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "force-share=on can only be used with read-only images");
            return false;
        }
        node->force_share = true;
    }
    node->discard_unmap = discard >= 2;
    return true;
}

/* "nbd://..." names a protocol, "./a:b" does not. */
static bool
filename_has_protocol(const char *filename, char **protocol)
{
    gsize n = strcspn(filename, ":/");

    if (filename[n] != ':' || n == 0) {
        return false;
    }
    *protocol = g_strndup(filename, n);
    return true;
}

static EmuBlockNode *
node_new(EmuBlockLayer *layer)
{
    static uint64_t last;
    EmuBlockNode *node = g_new0(EmuBlockNode, 1);

    node->serial = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    node->ref_count = 1;
    node->layer = layer;
    node->children = g_array_new(FALSE, FALSE, sizeof(EmuBlockChild));
    return node;
}

/* Opens the file below a node whose format is not given, and finds the format. */
static const EmuBlockDriver *
node_probe(EmuBlockNode *node, EmuBlockOptions *options, GError **error)
{
    uint8_t head[PROBE_BYTES];
    EmuBlockNode *file = emu_block_node_open_child(node, options, "file", error);
    const EmuBlockDriver *driver;
    const char *foreign;
    int64_t length;
    gsize n;
    int ret;

    if (!file) {
        return NULL;
    }
    length = emu_block_node_get_length(file);
    n = length < 0 ? 0 : MIN((uint64_t)length, sizeof(head));
    ret = length < 0 ? (int)length : emu_block_node_pread(file, 0, head, n);
    if (ret < 0) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Could not read image '%s' for determining its format: %s",
                    emu_block_node_get_filename(file), g_strerror(-ret));
        return NULL;
    }
    driver = emu_block_driver_probe(head, n, emu_block_node_get_filename(file));
    if (!driver) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Could not determine image format of '%s': No compatible driver found",
                    emu_block_node_get_filename(file));
        return NULL;
    }
    if (g_str_equal(driver->name, "raw")) {
        foreign = emu_block_probe_foreign(head, n);
        if (foreign) {
            g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED,
                        "Image '%s' looks like %s, for which there is no driver; say format=raw if its bytes are the disk's contents",
                        emu_block_node_get_filename(file), foreign);
            return NULL;
        }
        node->probed = true;
    }
    return driver;
}

/* One step below the node that is being opened, so that a long chain ends in a message and not in a stack overflow.
 * Nodes are opened on the main thread of whichever machine; a thread-local count keeps machines apart. */
static __thread unsigned open_depth;

EmuBlockNode *
emu_block_node_open(EmuBlockLayer *layer, const char *filename, EmuBlockOptions *options, GError **error)
{
    g_autoptr(EmuBlockNode) node = node_new(layer);
    g_autofree char *driver_name = emu_block_options_take(options, "driver");
    g_autofree char *name = emu_block_options_take(options, "node-name");
    g_autofree char *protocol = NULL;
    const char *left;
    bool ok;

    if (open_depth >= MAX_DEPTH) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "more than %d nodes on top of each other", MAX_DEPTH);
        return NULL;
    }
    if (!node_take_common(node, options, error)) {
        return NULL;
    }
    if (driver_name) {
        node->driver = emu_block_driver_find(driver_name, error);
        if (!node->driver) {
            return NULL;
        }
    }
    if (filename && (!node->driver || node->driver->kind != EMU_BLOCK_DRIVER_PROTOCOL)) {
        const char *child_driver = "file";

        if (filename_has_protocol(filename, &protocol)) {
            g_autoptr(GError) why = NULL;
            const EmuBlockDriver *found = emu_block_driver_find(protocol, &why);

            if (found ? found->kind != EMU_BLOCK_DRIVER_PROTOCOL : g_error_matches(why, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_NOT_FOUND)) {
                g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_NOT_FOUND, "Unknown protocol '%s'", protocol);
                return NULL;
            }
            if (!found) {
                g_propagate_error(error, g_steal_pointer(&why));
                return NULL;
            }
            child_driver = found->name;
            filename += strlen(protocol) + 1;
            while (filename[0] == '/' && filename[1] == '/') {
                filename++;
            }
        }
        if (!emu_block_options_peek(options, "file.driver")) {
            emu_block_options_set(options, "file.driver", child_driver);
        }
        if (*filename || g_str_equal(child_driver, "file")) {
            emu_block_options_set(options, "file.filename", filename);
        }
    } else if (filename) {
        emu_block_options_set(options, "filename", filename);
    }

    open_depth++;
    if (!node->driver) {
        node->driver = node_probe(node, options, error);
    }
    ok = node->driver != NULL;
    if (ok) {
        node->state = g_malloc0(MAX(node->driver->state_size, 1));
        if (!node->driver->open(node, options, error)) {
            g_clear_pointer(&node->state, g_free);
            ok = false;
        }
    }
    open_depth--;
    if (!ok) {
        return NULL;
    }
    left = emu_block_options_left(options);
    if (left) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_FAILED, "Block %s '%s' does not support the option '%s'",
                    node->driver->kind == EMU_BLOCK_DRIVER_PROTOCOL ? "protocol" : "format", node->driver->name, left);
        return NULL;
    }
    if (!node->driver->pwritev && !node->read_only && !emu_block_node_set_read_only(node, error)) {
        return NULL;
    }
    if (!emu_block_layer_register_node(layer, node, name, error)) {
        return NULL;
    }
    return g_steal_pointer(&node);
}

EmuBlockNode *
emu_block_node_new_temporary_overlay(EmuBlockNode *base, GError **error)
{
    g_autoptr(EmuBlockNode) node = node_new(base->layer);
    g_autoptr(EmuBlockOptions) options = emu_block_options_new();

    node->driver = emu_block_driver_find("temporary-overlay", NULL);
    node_add_child(node, "backing", emu_block_node_ref(base));
    node->filename = g_strdup(base->filename);
    node->state = g_malloc0(MAX(node->driver->state_size, 1));
    if (!node->driver->open(node, options, error)) {
        g_clear_pointer(&node->state, g_free);
        return NULL;
    }
    if (!emu_block_layer_register_node(base->layer, node, NULL, error)) {
        return NULL;
    }
    return g_steal_pointer(&node);
}

/* ---- requests --------------------------------------------------------------------------------------- */

int64_t
emu_block_node_get_length(EmuBlockNode *node)
{
    return node->driver->get_length(node);
}

int
emu_block_node_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    return node->driver->preadv(node, offset, bytes, iov, n_iov);
}

int
emu_block_node_try_preadv(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    return node->driver->try_preadv ? node->driver->try_preadv(node, offset, bytes, iov, n_iov) : -EAGAIN;
}

int
emu_block_node_pwritev(EmuBlockNode *node, uint64_t offset, uint64_t bytes, const struct iovec *iov, unsigned n_iov)
{
    if (node->read_only || !node->driver->pwritev) {
        return -EROFS;
    }
    return node->driver->pwritev(node, offset, bytes, iov, n_iov);
}

int
emu_block_node_pread(EmuBlockNode *node, uint64_t offset, void *buf, uint64_t bytes)
{
    struct iovec iov = {.iov_base = buf, .iov_len = bytes};

    return bytes ? emu_block_node_preadv(node, offset, bytes, &iov, 1) : 0;
}

int
emu_block_node_pwrite(EmuBlockNode *node, uint64_t offset, const void *buf, uint64_t bytes)
{
    struct iovec iov = {.iov_base = (void *)buf, .iov_len = bytes};

    return bytes ? emu_block_node_pwritev(node, offset, bytes, &iov, 1) : 0;
}

int
emu_block_node_pwrite_zeroes(EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    g_autofree uint8_t *zeroes = NULL;
    int ret = 0;

    if (node->read_only || !node->driver->pwritev) {
        return -EROFS;
    }
    if (node->driver->pwrite_zeroes && bytes) {
        ret = node->driver->pwrite_zeroes(node, offset, bytes);
        if (ret != -ENOTSUP) {
            return ret;
        }
        ret = 0;
    }
    zeroes = g_try_malloc0(MIN(bytes, ZERO_CHUNK));
    if (!zeroes && bytes) {
        return -ENOMEM;
    }
    while (bytes && ret == 0) {
        uint64_t n = MIN(bytes, ZERO_CHUNK);
        ret = emu_block_node_pwrite(node, offset, zeroes, n);
        offset += n;
        bytes -= n;
    }
    return ret;
}

int
emu_block_node_pdiscard(EmuBlockNode *node, uint64_t offset, uint64_t bytes)
{
    if (node->read_only) {
        return -EROFS;
    }
    if (!node->driver->pdiscard || !node->discard_unmap || !bytes) {
        return 0;
    }
    return node->driver->pdiscard(node, offset, bytes);
}

int
emu_block_node_flush(EmuBlockNode *node)
{
    int ret = 0;

    if (node->read_only || node->no_flush) {
        return 0;
    }
    if (node->driver->flush) {
        ret = node->driver->flush(node);
    }
    for (guint i = 0; i < node->children->len && ret == 0; i++) {
        ret = emu_block_node_flush(g_array_index(node->children, EmuBlockChild, i).node);
    }
    return ret;
}

int
emu_block_node_truncate(EmuBlockNode *node, uint64_t length)
{
    if (node->read_only) {
        return -EROFS;
    }
    return node->driver->truncate ? node->driver->truncate(node, length) : -ENOTSUP;
}

/* ---- helpers ------------------------------------------------------------------------------------------ */

void
emu_block_mutex_init(EmuBlockMutex *lock)
{
    g_mutex_init(&lock->mutex);
}

void
emu_block_mutex_clear(EmuBlockMutex *lock)
{
    g_mutex_clear(&lock->mutex);
}

void
emu_block_mutex_lock(EmuBlockMutex *lock)
{
    g_mutex_lock(&lock->mutex);
}

void
emu_block_mutex_unlock(EmuBlockMutex *lock)
{
    g_mutex_unlock(&lock->mutex);
}

unsigned
emu_iov_slice(const struct iovec *iov, unsigned n_iov, uint64_t skip, uint64_t bytes, struct iovec *out)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_iov && bytes; i++) {
        uint64_t part;

        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        part = MIN(iov[i].iov_len - skip, bytes);
        out[n++] = (struct iovec){.iov_base = (uint8_t *)iov[i].iov_base + skip, .iov_len = part};
        bytes -= part;
        skip = 0;
    }
    return n;
}

void
emu_iov_zero(const struct iovec *iov, unsigned n_iov)
{
    for (unsigned i = 0; i < n_iov; i++) {
        memset(iov[i].iov_base, 0, iov[i].iov_len);
    }
}
