/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory objects: "-object memory-backend-ram,id=pc.ram,size=1G -machine memory-backend=pc.ram". Main memory of the
 * machine; later DIMMs.
 */

#include "system/machine-private.h"

#include <string.h>

typedef struct {
    EmuObject parent_instance;
    uint64_t size;
    bool prealloc, share, merge, dump;
    EmuMemoryRegion *region; /* our child */
    bool used;
} MemoryBackend;
typedef struct {
    EmuObjectClass parent_class;
} MemoryBackendClass;

static GType memory_backend_get_type(void);
static void memory_backend_user_creatable_init(EmuUserCreatableInterface *iface);
G_DEFINE_TYPE_WITH_CODE(MemoryBackend, memory_backend, EMU_TYPE_OBJECT,
                        G_IMPLEMENT_INTERFACE(EMU_TYPE_USER_CREATABLE, memory_backend_user_creatable_init))

static bool
memory_backend_complete(EmuUserCreatable *creatable, GError **error)
{
    MemoryBackend *self = (MemoryBackend *)creatable;

    if (self->size == 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: can't create backend with size 0, expected size=", emu_object_get_name(self));
        return false;
    }
    self->region = emu_memory_region_new_ram(self, emu_object_get_name(self), self->size, error);
    return self->region != NULL;
}

static bool
memory_backend_can_be_deleted(EmuUserCreatable *creatable)
{
    return !((MemoryBackend *)creatable)->used;
}

static void
memory_backend_user_creatable_init(EmuUserCreatableInterface *iface)
{
    iface->complete = memory_backend_complete;
    iface->can_be_deleted = memory_backend_can_be_deleted;
}

static void
memory_backend_init(MemoryBackend *self G_GNUC_UNUSED)
{
}

static const EmuProperty memory_backend_properties[] = {
    EMU_PROP_SIZE("size", MemoryBackend, size, 0, "bytes"),
    EMU_PROP_BOOL("prealloc", MemoryBackend, prealloc, false, "touch all pages at once"),
    EMU_PROP_BOOL("share", MemoryBackend, share, false, "other processes may map it"),
    EMU_PROP_BOOL("merge", MemoryBackend, merge, true, "the host may merge equal pages"),
    EMU_PROP_BOOL("dump", MemoryBackend, dump, true, "part of a core dump"),
};

static void
memory_backend_class_init(MemoryBackendClass *klass)
{
    emu_object_class_add_properties(klass, memory_backend_properties, G_N_ELEMENTS(memory_backend_properties));
}

static MemoryBackend *
memory_backend_find(EmuMachine *machine, const char *id, GError **error)
{
    EmuObject *objects = emu_object_get_container(emu_machine_get_root(machine), "/objects");
    EmuObject *found = emu_object_get_child(objects, id);

    if (!found || !G_TYPE_CHECK_INSTANCE_TYPE(found, memory_backend_get_type())) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_NOT_FOUND, "memory-backend '%s': there is no memory object of this id", id);
        return NULL;
    }
    return (MemoryBackend *)found;
}

bool
emu_machine_get_memory_backend_size(EmuMachine *self, const char *id, uint64_t *size, GError **error)
{
    MemoryBackend *backend = memory_backend_find(self, id, error);

    *size = backend ? backend->size : 0;
    return backend != NULL;
}

/* The region of the memory object @id, which must have @size bytes and no user yet. */
EmuMemoryRegion *
emu_machine_use_memory_backend(EmuMachine *self, const char *id, uint64_t size, GError **error)
{
    MemoryBackend *backend = memory_backend_find(self, id, error);

    if (!backend) {
        return NULL;
    }
    if (backend->used) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "memory backend '%s' is used already: it can be in one place only", id);
        return NULL;
    }
    if (backend->size != size) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "machine memory size (%" G_GUINT64_FORMAT ") does not match the size of the memory backend '%s' (%" G_GUINT64_FORMAT ")",
                    size, id, backend->size);
        return NULL;
    }
    backend->used = true;
    return backend->region;
}

static void
memory_backend_register_types(void)
{
    emu_type_register_gtype("memory-backend-ram", memory_backend_get_type());
}
type_init(memory_backend_register_types)
