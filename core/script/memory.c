/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Guest memory and ports for scripts. */

#include "script/script-private.h"

#include <inttypes.h>
#include <string.h>

/* One call copies so much at most: what a script asks for by mistake is not taken from the host. */
#define COPY_MAX (G_GUINT64_CONSTANT(4) << 30)

struct _EmuScriptMemory {
    GObject parent_instance;
    EmuScriptMachine *machine;
    bool io;
};

/**
 * EmuScriptMemory:
 *
 * An address space of a machine: its physical memory, or its I/O ports. Reading and writing reach devices too, with all
 * their side effects.
 */
G_DEFINE_FINAL_TYPE(EmuScriptMemory, emu_script_memory, G_TYPE_OBJECT)

static void
emu_script_memory_finalize(GObject *object)
{
    g_object_unref(EMU_SCRIPT_MEMORY(object)->machine);
    G_OBJECT_CLASS(emu_script_memory_parent_class)->finalize(object);
}

static void
emu_script_memory_class_init(EmuScriptMemoryClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = emu_script_memory_finalize;
}

static void
emu_script_memory_init(EmuScriptMemory *self G_GNUC_UNUSED)
{
}

EmuScriptMemory *
script_memory_new(EmuScriptMachine *machine, bool io)
{
    EmuScriptMemory *self = g_object_new(EMU_SCRIPT_TYPE_MEMORY, NULL);

    self->machine = g_object_ref(machine);
    self->io = io;
    return self;
}

/**
 * emu_script_memory_get_name:
 * @self: an address space
 *
 * What it is.
 *
 * Returns: "memory" or "io"
 */
const char *
emu_script_memory_get_name(EmuScriptMemory *self)
{
    return self->io ? "io" : "memory";
}

static EmuAddressSpace *
memory_as(EmuScriptMemory *self, EmuMachine *machine)
{
    return self->io ? emu_machine_get_io_as(machine) : emu_machine_get_memory_as(machine);
}

static bool
check_range(EmuScriptMemory *self, guint64 address, guint64 size, GError **error)
{
    if (size > COPY_MAX) {
        script_set_error(error, BAD_VALUE, "/machine.%s: %" PRIu64 " bytes at once are too many", emu_script_memory_get_name(self), size);
        return false;
    }
    if (size && address + (size - 1) < address) {
        script_set_error(error, BAD_ADDRESS, "/machine.%s: 0x%" PRIx64 " and %" PRIu64 " bytes wrap around", emu_script_memory_get_name(self), address, size);
        return false;
    }
    return true;
}

static bool
check_result(EmuScriptMemory *self, guint64 address, EmuMemResult result, GError **error)
{
    static const char *const why[] = {"", "nothing is mapped there", "the device refused", "not allowed"};

    if (result != EMU_MEM_OK) {
        script_set_error(error, BAD_ADDRESS, "/machine.%s: access at 0x%" PRIx64 ": %s", emu_script_memory_get_name(self), address, why[result]);
        return false;
    }
    return true;
}

/*
 * Where bytes lie until the binding has copied them: one buffer a thread, kept, because fresh memory costs more than the copy.
 */
#define BUFFER_KEPT (8u << 20)

typedef struct {
    gsize size;
    guint8 data[];
} Buffer;

static GPrivate thread_buffer = G_PRIVATE_INIT(g_free);

static guint8 *
buffer_get(gsize size)
{
    Buffer *buffer = g_private_get(&thread_buffer);

    if (!buffer || buffer->size < size || (buffer->size > BUFFER_KEPT && size <= BUFFER_KEPT)) {
        gsize room = MAX(size, 4096);

        g_private_replace(&thread_buffer, NULL);
        buffer = g_try_malloc(sizeof(Buffer) + room);
        if (!buffer) {
            return NULL;
        }
        buffer->size = room;
        g_private_set(&thread_buffer, buffer);
    }
    return buffer->data;
}

/**
 * emu_script_memory_read:
 * @self: an address space
 * @address: where
 * @size: how many bytes
 * @n_data: (out): as many
 * @error: return location
 *
 * Reads bytes.
 *
 * Returns: (array length=n_data) (element-type guint8) (transfer none): the bytes, good until this thread's next call
 */
const guint8 *
emu_script_memory_read(EmuScriptMemory *self, guint64 address, gsize size, gsize *n_data, GError **error)
{
    EmuMachine *machine;
    guint8 *data;
    bool locked;
    EmuMemResult result;

    *n_data = 0;
    if (!check_range(self, address, size, error)) {
        return NULL;
    }
    data = buffer_get(size);
    if (!data) {
        script_set_error(error, FAILED, "/machine.%s: no room for %zu bytes", emu_script_memory_get_name(self), size);
        return NULL;
    }
    machine = script_machine_enter(self->machine, &locked, error);
    if (!machine) {
        return NULL;
    }
    result = emu_address_space_read(memory_as(self, machine), address, data, size, EMU_MEM_ATTRS_NONE);
    script_machine_leave(machine, locked);
    if (!check_result(self, address, result, error)) {
        return NULL;
    }
    *n_data = size;
    return data;
}

/**
 * emu_script_memory_write:
 * @self: an address space
 * @address: where
 * @data: (array length=n_data) (element-type guint8): bytes
 * @n_data: how many
 * @error: return location
 *
 * Writes bytes.
 *
 * Returns: whether all of them went somewhere
 */
gboolean
emu_script_memory_write(EmuScriptMemory *self, guint64 address, const guint8 *data, gsize n_data, GError **error)
{
    EmuMachine *machine;
    EmuMemResult result;
    bool locked;

    if (!check_range(self, address, n_data, error)) {
        return FALSE;
    }
    machine = script_machine_enter(self->machine, &locked, error);
    if (!machine) {
        return FALSE;
    }
    result = emu_address_space_write(memory_as(self, machine), address, data, n_data, EMU_MEM_ATTRS_NONE);
    script_machine_leave(machine, locked);
    return check_result(self, address, result, error);
}

static bool
check_size(EmuScriptMemory *self, guint size, GError **error)
{
    if (size != 1 && size != 2 && size != 4 && size != 8) {
        script_set_error(error, BAD_VALUE, "/machine.%s: size is %u, expected 1, 2, 4 or 8", emu_script_memory_get_name(self), size);
        return false;
    }
    return true;
}

static guint64
swapped(guint64 value, guint size)
{
    return GUINT64_SWAP_LE_BE(value) >> (64 - 8 * size);
}

/**
 * emu_script_memory_load:
 * @self: an address space
 * @address: where
 * @size: 1, 2, 4 or 8 bytes
 * @big_endian: whether the first byte is the most significant one
 * @value: (out): what was read
 * @error: return location
 *
 * One access, as a CPU makes it.
 *
 * Returns: (skip): whether something answered
 */
gboolean
emu_script_memory_load(EmuScriptMemory *self, guint64 address, guint size, gboolean big_endian, guint64 *value, GError **error)
{
    EmuMachine *machine;
    EmuMemResult result;
    bool locked;

    *value = 0;
    if (!check_size(self, size, error)) {
        return FALSE;
    }
    machine = script_machine_enter(self->machine, &locked, error);
    if (!machine) {
        return FALSE;
    }
    *value = emu_address_space_load(memory_as(self, machine), address, size, EMU_MEM_ATTRS_NONE, &result);
    script_machine_leave(machine, locked);
    if (big_endian) {
        *value = swapped(*value, size);
    }
    return check_result(self, address, result, error);
}

/**
 * emu_script_memory_store:
 * @self: an address space
 * @address: where
 * @size: 1, 2, 4 or 8 bytes
 * @big_endian: whether the most significant byte goes first
 * @value: what to write
 * @error: return location
 *
 * One access, as a CPU makes it.
 *
 * Returns: whether something answered
 */
gboolean
emu_script_memory_store(EmuScriptMemory *self, guint64 address, guint size, gboolean big_endian, guint64 value, GError **error)
{
    EmuMachine *machine;
    EmuMemResult result;
    bool locked;

    if (!check_size(self, size, error)) {
        return FALSE;
    }
    if (size < 8 && value >> (8 * size)) {
        script_set_error(error, BAD_VALUE, "/machine.%s: 0x%" PRIx64 " does not fit into %u bytes", emu_script_memory_get_name(self), value, size);
        return FALSE;
    }
    machine = script_machine_enter(self->machine, &locked, error);
    if (!machine) {
        return FALSE;
    }
    emu_address_space_store(memory_as(self, machine), address, big_endian ? swapped(value, size) : value, size, EMU_MEM_ATTRS_NONE, &result);
    script_machine_leave(machine, locked);
    return check_result(self, address, result, error);
}

/**
 * emu_script_memory_find:
 * @self: an address space
 * @address: where to begin
 * @size: how many bytes to look at
 * @pattern: (array length=n_pattern) (element-type guint8): bytes to look for
 * @n_pattern: how many
 * @error: return location
 *
 * Looks for bytes. Only memory is looked at: what is a device or nothing matches nothing.
 *
 * Returns: address of the first match; -1: none, without an error
 */
gint64
emu_script_memory_find(EmuScriptMemory *self, guint64 address, guint64 size, const guint8 *pattern, gsize n_pattern, GError **error)
{
    guint64 end = address + size;
    gint64 found = -1;
    EmuMachine *machine;
    EmuAddressSpace *as;
    bool locked;

    if (!n_pattern || !check_range(self, address, size, error)) {
        if (!n_pattern) {
            script_set_error(error, BAD_VALUE, "/machine.%s: there is nothing to look for", emu_script_memory_get_name(self));
        }
        return -1;
    }
    machine = script_machine_enter(self->machine, &locked, error);
    if (!machine) {
        return -1;
    }
    as = memory_as(self, machine);
    emu_rcu_read_lock();
    while (found < 0 && address < end) {
        EmuMemorySection section;
        guint64 here = address, n;
        const guint8 *host, *hit;

        if (!emu_address_space_find(as, address, &section)) {
            address = (address | 4095) + 1;
            continue;
        }
        n = MIN(section.addr + section.size - 1, end - 1) - here + 1;
        address = here + n;
        if (section.host) {
            host = (const guint8 *)section.host + (here - section.addr);
            hit = memmem(host, n, pattern, n_pattern);
            found = hit ? (gint64)(here + (guint64)(hit - host)) : -1;
        }
        if (!address) {
            break;
        }
    }
    emu_rcu_read_unlock();
    script_machine_leave(machine, locked);
    return found;
}

/**
 * emu_script_memory_describe:
 * @self: an address space
 * @error: return location
 *
 * The flat view as text: what lies where.
 *
 * Returns: (transfer full): the text
 */
char *
emu_script_memory_describe(EmuScriptMemory *self, GError **error)
{
    bool locked;
    EmuMachine *machine = script_machine_enter(self->machine, &locked, error);
    char *text = NULL;

    if (machine) {
        text = emu_address_space_describe_flat(memory_as(self, machine));
        script_machine_leave(machine, locked);
    }
    return text;
}
