/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory objects: "-object memory-backend-ram,id=pc.ram,size=1G -machine memory-backend=pc.ram". Main memory of the
 * machine; later DIMMs. The kinds differ in where the memory comes from: the host's choice, a file (huge pages, when it
 * lies in a file system of these), or a memfd. -mem-path is a file for the main memory without an object.
 */

#include "system/machine-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

typedef struct {
    EmuObject parent_instance;
    uint64_t size;
    bool prealloc, share, merge, dump, reserve, canonical;
    uint32_t prealloc_threads;
    /* memory-backend-file */
    char *mem_path;
    bool readonly, discard_data;
    /* memory-backend-memfd */
    bool hugetlb, seal;
    uint64_t hugetlbsize;

    EmuMemoryRegion *region; /* our child */
    bool used;
} MemoryBackend;

typedef struct {
    EmuObjectClass parent_class;
    /* The file that the memory is in; -1 without @error: the host's choice. */
    int (*open)(MemoryBackend *self, GError **error);
} MemoryBackendClass;

static GType memory_backend_get_type(void);
static void memory_backend_user_creatable_init(EmuUserCreatableInterface *iface);
G_DEFINE_ABSTRACT_TYPE_WITH_CODE(MemoryBackend, memory_backend, EMU_TYPE_OBJECT,
                                 G_IMPLEMENT_INTERFACE(EMU_TYPE_USER_CREATABLE, memory_backend_user_creatable_init))

/* ---- where memory comes from ---------------------------------------------------------------------- */

/* @path is a file, made when it is not there, or a folder in which one without a name is made. -1 and @error. */
static int
open_memory_file(const char *path, const char *id, uint64_t size, bool readonly, GError **error)
{
    g_autofree char *temporary = NULL;
    struct stat st;
    int fd;

    if (g_file_test(path, G_FILE_TEST_IS_DIR)) {
        temporary = g_strdup_printf("%s/emu_back_mem.%s.XXXXXX", path, id);
        fd = mkstemp(temporary);
        if (fd >= 0) {
            unlink(temporary);
        }
    } else {
        fd = open(path, readonly ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    }
    if (fd < 0 || fstat(fd, &st) < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "can't open backing store %s for guest RAM: %s", path, g_strerror(errno));
    } else if (st.st_size != 0 && (uint64_t)st.st_size < size) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "backing store %s size 0x%" G_GINT64_MODIFIER "x does not match 'size' option 0x%" G_GINT64_MODIFIER "x",
                    path, (guint64)st.st_size, (guint64)size);
    } else if (st.st_size == 0 && ftruncate(fd, (off_t)size) < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "can't make backing store %s as large as guest RAM: %s", path, g_strerror(errno));
    } else {
        return fd;
    }
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

static bool
preallocate(EmuMemoryRegion *region, uint64_t size, const char *name, GError **error)
{
    volatile uint8_t *bytes = emu_memory_region_get_ram_pointer(region);

    if (madvise((void *)bytes, size, MADV_POPULATE_WRITE) == 0) {
        return true;
    }
    if (errno != EINVAL) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "insufficient free host memory pages to preallocate %s: %s", name,
                    g_strerror(errno));
        return false;
    }
    /* A kernel before 5.14. */
    for (uint64_t at = 0; at < size; at += 4096) {
        bytes[at] = bytes[at];
    }
    return true;
}

EmuMemoryRegion *
emu_machine_new_file_memory(EmuMachine *self, const char *path, bool prealloc, const char *name, uint64_t size, GError **error)
{
    int fd = open_memory_file(path, name, size, false, error);
    EmuMemoryRegion *region = fd < 0 ? NULL : emu_memory_region_new_ram_from_fd(self, name, size, fd, 0, error);

    return region && prealloc && !preallocate(region, size, name, error) ? NULL : region;
}

/* ---- the object ------------------------------------------------------------------------------------ */

static bool
memory_backend_complete(EmuUserCreatable *creatable, GError **error)
{
    MemoryBackend *self = (MemoryBackend *)creatable;
    MemoryBackendClass *klass = (MemoryBackendClass *)G_OBJECT_GET_CLASS(self);
    const char *name = emu_object_get_name(self);
    unsigned flags = self->share ? EMU_RAM_SHARED : 0;
    g_autoptr(GError) local = NULL;
    int fd;

    if (self->size == 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: can't create backend with size 0, expected size=", name);
        return false;
    }
    fd = klass->open ? klass->open(self, &local) : -1;
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    self->region = fd < 0 ? emu_memory_region_new_ram_flags(self, name, self->size, flags, error)
                          : emu_memory_region_new_ram_from_fd(self, name, self->size, fd, flags, error);
    if (!self->region || (self->prealloc && !preallocate(self->region, self->size, name, error))) {
        return false;
    }
    if (!self->dump) {
        madvise(emu_memory_region_get_ram_pointer(self->region), self->size, MADV_DONTDUMP);
    }
    return true;
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

static void
memory_backend_finalize(GObject *object)
{
    MemoryBackend *self = (MemoryBackend *)object;

    /* The file's contents are worth nothing any more: nothing of it is written back. */
    if (self->discard_data && self->mem_path && !g_file_test(self->mem_path, G_FILE_TEST_IS_DIR) && truncate(self->mem_path, 0) < 0) {
        g_warning("%s: %s", self->mem_path, g_strerror(errno));
    }
    G_OBJECT_CLASS(memory_backend_parent_class)->finalize(object);
}

static const EmuProperty memory_backend_properties[] = {
    EMU_PROP_SIZE("size", MemoryBackend, size, 0, "bytes"),
    EMU_PROP_BOOL("prealloc", MemoryBackend, prealloc, false, "touch all pages at once"),
    EMU_PROP_UINT32_RANGE("prealloc-threads", MemoryBackend, prealloc_threads, 1, 1, 1024, "accepted: the kernel touches the pages"),
    EMU_PROP_BOOL("share", MemoryBackend, share, false, "other processes may map it"),
    EMU_PROP_BOOL("reserve", MemoryBackend, reserve, true, "accepted: swap space is never reserved, huge pages always are"),
    EMU_PROP_BOOL("merge", MemoryBackend, merge, true, "the host may merge equal pages"),
    EMU_PROP_BOOL("dump", MemoryBackend, dump, true, "part of a core dump"),
    EMU_PROP_BOOL("x-use-canonical-path-for-ramblock-id", MemoryBackend, canonical, false, "accepted: for machines of old versions"),
};

static void
memory_backend_class_init(MemoryBackendClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = memory_backend_finalize;
    emu_object_class_add_properties(klass, memory_backend_properties, G_N_ELEMENTS(memory_backend_properties));
}

/* ---- kinds ------------------------------------------------------------------------------------------- */

typedef MemoryBackend MemoryBackendRam;
typedef MemoryBackend MemoryBackendFile;
typedef MemoryBackend MemoryBackendMemfd;
typedef MemoryBackendClass MemoryBackendRamClass;
typedef MemoryBackendClass MemoryBackendFileClass;
typedef MemoryBackendClass MemoryBackendMemfdClass;

static GType memory_backend_ram_get_type(void);
static GType memory_backend_file_get_type(void);
static GType memory_backend_memfd_get_type(void);
G_DEFINE_TYPE(MemoryBackendRam, memory_backend_ram, memory_backend_get_type())
G_DEFINE_TYPE(MemoryBackendFile, memory_backend_file, memory_backend_get_type())
G_DEFINE_TYPE(MemoryBackendMemfd, memory_backend_memfd, memory_backend_get_type())

static void
memory_backend_ram_init(MemoryBackendRam *self G_GNUC_UNUSED)
{
}

static void
memory_backend_ram_class_init(MemoryBackendRamClass *klass G_GNUC_UNUSED)
{
}

static int
memory_backend_file_open(MemoryBackend *self, GError **error)
{
    if (!self->mem_path || !*self->mem_path) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: mem-path property not set", emu_object_get_name(self));
        return -1;
    }
    if (self->readonly && self->share) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: a guest writes to its memory: readonly=on needs share=off",
                    emu_object_get_name(self));
        return -1;
    }
    return open_memory_file(self->mem_path, emu_object_get_name(self), self->size, self->readonly, error);
}

static void
memory_backend_file_init(MemoryBackendFile *self G_GNUC_UNUSED)
{
}

static const EmuProperty memory_backend_file_properties[] = {
    EMU_PROP_STRING("mem-path", MemoryBackend, mem_path, NULL, "file, or folder for one without a name"),
    EMU_PROP_BOOL("readonly", MemoryBackend, readonly, false, "open the file for reading only; what the guest writes is its own"),
    EMU_PROP_BOOL("discard-data", MemoryBackend, discard_data, false, "the file's contents are thrown away at the end"),
};

static void
memory_backend_file_class_init(MemoryBackendFileClass *klass)
{
    klass->open = memory_backend_file_open;
    emu_object_class_add_properties(klass, memory_backend_file_properties, G_N_ELEMENTS(memory_backend_file_properties));
}

static int
memory_backend_memfd_open(MemoryBackend *self, GError **error)
{
    unsigned flags = MFD_CLOEXEC | (self->seal ? MFD_ALLOW_SEALING : 0);
    const char *name = emu_object_get_name(self);
    int fd;

    if (self->hugetlbsize && (!self->hugetlb || (self->hugetlbsize & (self->hugetlbsize - 1)))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "%s: hugetlbsize is %" G_GUINT64_FORMAT ", expected a power of two, with hugetlb=on",
                    name, self->hugetlbsize);
        return -1;
    }
    if (self->hugetlb) {
        flags |= MFD_HUGETLB | (self->hugetlbsize ? (unsigned)__builtin_ctzll(self->hugetlbsize) << MFD_HUGE_SHIFT : 0);
    }
    fd = memfd_create("memory-backend-memfd", flags);
    if (fd < 0 || ftruncate(fd, (off_t)self->size) < 0 || (self->seal && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "%s: failed to create a memfd of %" G_GUINT64_FORMAT " bytes%s: %s", name, self->size,
                    self->hugetlb ? " in huge pages" : "", g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    return fd;
}

static void
memory_backend_memfd_init(MemoryBackendMemfd *self)
{
    self->share = true;
}

static const EmuProperty memory_backend_memfd_properties[] = {
    EMU_PROP_BOOL("hugetlb", MemoryBackend, hugetlb, false, "huge pages"),
    EMU_PROP_SIZE("hugetlbsize", MemoryBackend, hugetlbsize, 0, "their size; 0: the host's"),
    EMU_PROP_BOOL("seal", MemoryBackend, seal, true, "nobody can change its size"),
};

static void
memory_backend_memfd_class_init(MemoryBackendMemfdClass *klass)
{
    klass->open = memory_backend_memfd_open;
    emu_object_class_add_properties(klass, memory_backend_memfd_properties, G_N_ELEMENTS(memory_backend_memfd_properties));
}

/* ---- the machine's side -------------------------------------------------------------------------------- */

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

/* ---- devices' side --------------------------------------------------------------------------------------- */

EmuMemoryRegion *
emu_memory_backend_claim(EmuObject *object, GError **error)
{
    MemoryBackend *self = (MemoryBackend *)object;

    if (self->used) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "can't use already busy memdev: %s", emu_object_get_name(object));
        return NULL;
    }
    self->used = true;
    return self->region;
}

void
emu_memory_backend_release(EmuObject *object)
{
    ((MemoryBackend *)object)->used = false;
}

EmuMemoryRegion *
emu_memory_backend_get_region(EmuObject *object)
{
    return ((MemoryBackend *)object)->region;
}

uint64_t
emu_memory_backend_get_size(EmuObject *object)
{
    return ((MemoryBackend *)object)->size;
}

static void
memory_backend_register_types(void)
{
    emu_type_register_gtype("memory-backend", memory_backend_get_type());
    emu_type_register_gtype("memory-backend-ram", memory_backend_ram_get_type());
    emu_type_register_gtype("memory-backend-file", memory_backend_file_get_type());
    emu_type_register_gtype("memory-backend-memfd", memory_backend_memfd_get_type());
}
type_init(memory_backend_register_types)
