/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Memory regions, address spaces, RAM and DMA. */

#include <emu/object.h>

G_BEGIN_DECLS

#define EMU_TYPE_MEMORY_REGION (emu_memory_region_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuMemoryRegion, emu_memory_region, EMU, MEMORY_REGION, EmuObject)

typedef struct _EmuAddressSpace EmuAddressSpace;

typedef enum {
    EMU_MEM_OK = 0,
    EMU_MEM_DECODE_ERROR = 1, /* nothing there */
    EMU_MEM_ERROR = 2,        /* the device refused */
    EMU_MEM_ACCESS_ERROR = 3, /* re-entrancy guard, or not allowed */
} EmuMemResult;

typedef struct {
    uint16_t requester_id; /* PCI bus/devfn of a DMA master */
    uint8_t secure : 1;
    uint8_t user : 1;
    uint8_t debug : 1;     /* a debugger's access: no side effects wanted */
    uint8_t smm : 1;
    uint8_t has_requester : 1; /* requester_id says who; without it: a CPU, or a part of the board */
} EmuMemAttrs;
#define EMU_MEM_ATTRS_NONE ((EmuMemAttrs){0})

typedef enum { EMU_ENDIAN_LITTLE, EMU_ENDIAN_BIG } EmuEndian;

/*
 * Access functions of an I/O region. They run with the machine's big lock held unless the region
 * opted out (emu_memory_region_set_lockless).
 *
 * valid_*: what the bus may send. Wider or unaligned accesses are split by the bus into the largest
 * naturally aligned ones that are valid, lowest address first; a piece narrower than valid_min gets
 * EMU_MEM_DECODE_ERROR (reads as all ones) and does not reach the device.
 * impl_*: what the functions can handle; the rest is adapted here. A wider access is split. For a
 * narrower one read() is called for the aligned impl_min bytes around it and the bytes wanted are
 * picked out; write() gets the bytes in their lanes and zeroes in the others.
 * Zero sizes mean: valid 1..8, impl 1..8, no unaligned.
 */
typedef struct {
    uint64_t (*read)(gpointer opaque, uint64_t offset, unsigned size);
    void (*write)(gpointer opaque, uint64_t offset, uint64_t value, unsigned size);
    /* Optional, used instead when not NULL. */
    EmuMemResult (*read_attrs)(gpointer opaque, uint64_t offset, uint64_t *value, unsigned size, EmuMemAttrs attrs);
    EmuMemResult (*write_attrs)(gpointer opaque, uint64_t offset, uint64_t value, unsigned size, EmuMemAttrs attrs);
    EmuEndian endian;
    uint8_t valid_min, valid_max;
    uint8_t impl_min, impl_max;
    bool valid_unaligned, impl_unaligned;
    EMU_RESERVED_SLOTS(6);
} EmuMemoryRegionOps;

/* A region that redirects accesses page by page to another address space. */
typedef struct {
    EmuAddressSpace *target;
    uint64_t addr;      /* where the access's address lies in target */
    uint64_t page_mask; /* low bits translated alike: 0xfff */
    bool readable, writable;
    EMU_RESERVED_SLOTS(2);
} EmuIommuEntry;
typedef struct {
    /* False: fault; the access gets EMU_MEM_ACCESS_ERROR. Any thread, no lock held. */
    bool (*translate)(gpointer opaque, uint64_t addr, bool write, EmuMemAttrs attrs, EmuIommuEntry *out);
    EMU_RESERVED_SLOTS(4);
} EmuIommuOps;

/* Constructors: @owner (may be NULL) becomes the composition parent and keeps the region alive; the
 * returned pointer is borrowed then, owned by the caller when @owner is NULL.
 * Size UINT64_MAX stands for the whole 2^64 space. */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_new_container(gpointer owner, const char *name, uint64_t size);
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_new_io(gpointer owner, const char *name, uint64_t size, const EmuMemoryRegionOps *ops, gpointer opaque);
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_new_ram(gpointer owner, const char *name, uint64_t size, GError **error);
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_new_rom(gpointer owner, const char *name, uint64_t size, GError **error);
/* With a choice of backing: by default the kind that gets huge pages where the host allows them. */
enum {
    EMU_RAM_SHARED = 1 << 0,  /* a memfd, mapped shared: other processes can map it */
    EMU_RAM_PRIVATE = 1 << 1, /* anonymous memory */
};
/* @size in bytes; NULL and @error: no memory for it */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_new_ram_flags(gpointer owner, const char *name, uint64_t size, unsigned flags, GError **error);
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_new_ram_from_fd(gpointer owner, const char *name, uint64_t size, int fd, unsigned flags, GError **error);
/* The memfd of a shared RAM region, -1 otherwise; stays the region's. */
EMU_AVAILABLE_IN_1_0 int emu_memory_region_get_fd(EmuMemoryRegion *self);
/* Reads hit RAM directly while in ROM mode, writes go to ops (flash). */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_new_rom_device(gpointer owner, const char *name, uint64_t size, const EmuMemoryRegionOps *ops, gpointer opaque, GError **error);
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_new_alias(gpointer owner, const char *name, EmuMemoryRegion *target, uint64_t offset, uint64_t size);

/* @ops stay; translate() may run on any thread until the region is gone */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_new_iommu(gpointer owner, const char *name, uint64_t size, const EmuIommuOps *ops, gpointer opaque);

/* Of overlapping sub-regions the highest priority is seen; of equal ones the one added last. A container shows through
 * where it has nothing. A region has one container at most; more places need aliases. */
EMU_AVAILABLE_IN_1_0 void emu_memory_region_add_subregion(EmuMemoryRegion *self, uint64_t offset, EmuMemoryRegion *child, int priority);
EMU_AVAILABLE_IN_1_0 void emu_memory_region_del_subregion(EmuMemoryRegion *self, EmuMemoryRegion *child); /* the reference of its container goes; a region of an owner lives on */
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_enabled(EmuMemoryRegion *self, bool enabled);
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_address(EmuMemoryRegion *self, uint64_t offset); /* moves it in its container, in front of what has its priority */
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_alias_offset(EmuMemoryRegion *self, uint64_t offset);
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_size(EmuMemoryRegion *self, uint64_t size); /* bytes; RAM: at most what it was made with */
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_readonly(EmuMemoryRegion *self, bool readonly); /* writes are refused; on an alias: those that come through it */
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_rom_mode(EmuMemoryRegion *self, bool rom_mode); /* of a ROM device: reads see its RAM, or its functions */
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_lockless(EmuMemoryRegion *self, bool lockless); /* its functions run without the big lock, several at once; before it is mapped */
EMU_AVAILABLE_IN_1_0 uint64_t emu_memory_region_get_size(EmuMemoryRegion *self); /* bytes; UINT64_MAX: 2^64 */
EMU_AVAILABLE_IN_1_0 const char *emu_memory_region_get_name(EmuMemoryRegion *self); /* as it was made with */
EMU_AVAILABLE_IN_1_0 bool emu_memory_region_is_ram(EmuMemoryRegion *self);
EMU_AVAILABLE_IN_1_0 bool emu_memory_region_is_enabled(EmuMemoryRegion *self);
/* The region it was added to, NULL when it is nowhere; its offset there. */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_memory_region_get_container(EmuMemoryRegion *self);
EMU_AVAILABLE_IN_1_0 uint64_t emu_memory_region_get_address(EmuMemoryRegion *self);
/* The owner given to the constructor, NULL once it is gone. */
EMU_AVAILABLE_IN_1_0 gpointer emu_memory_region_get_owner(EmuMemoryRegion *self);
/* Host address of a RAM/ROM region's contents. */
EMU_AVAILABLE_IN_1_0 void *emu_memory_region_get_ram_pointer(EmuMemoryRegion *self);
/* Must follow a write through the host pointer: dirty logging, translated code. */
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_dirty(EmuMemoryRegion *self, uint64_t offset, uint64_t size);
/* Dirty tracking for a client (screen refresh, migration): returns true if any page of the range was
 * written since the last call that cleared it. */
typedef enum { EMU_DIRTY_VGA = 0, EMU_DIRTY_CODE = 1, EMU_DIRTY_MIGRATION = 2 } EmuDirtyClient;
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_log(EmuMemoryRegion *self, bool log, EmuDirtyClient client); /* from now on writes by anybody are noted for @client */
EMU_AVAILABLE_IN_1_0 bool emu_memory_region_test_and_clear_dirty(EmuMemoryRegion *self, uint64_t offset, uint64_t size, EmuDirtyClient client);

/* A write of @size bytes (0: of any size) at @offset of an I/O region, of just @value when @match says so, adds 1 to the eventfd and
 * does nothing else: no function is called, no lock taken; under KVM the guest is not even left. */
typedef struct {
    uint64_t offset;
    unsigned size;
    bool match;
    uint64_t value;
    int fd;
} EmuDoorbell;
EMU_AVAILABLE_IN_1_0 void emu_memory_region_add_doorbell(EmuMemoryRegion *self, const EmuDoorbell *doorbell);
EMU_AVAILABLE_IN_1_0 void emu_memory_region_del_doorbell(EmuMemoryRegion *self, const EmuDoorbell *doorbell);
/* Writes to the region may come late, in their order, but before any later access that is not such a write. */
EMU_AVAILABLE_IN_1_0 void emu_memory_region_set_coalesced(EmuMemoryRegion *self, bool coalesced);

/* Several changes as one: the flat views are rebuilt at the outermost commit. Big lock held. */
EMU_AVAILABLE_IN_1_0 void emu_memory_transaction_begin(void);
EMU_AVAILABLE_IN_1_0 void emu_memory_transaction_commit(void);

/* ---- address spaces -------------------------------------------------------------------------- */

EMU_AVAILABLE_IN_1_0 EmuAddressSpace *emu_address_space_new(EmuMemoryRegion *root, const char *name); /* @root: a reference is kept. The caller frees it. */
EMU_AVAILABLE_IN_1_0 void emu_address_space_free(EmuAddressSpace *as); /* accepts NULL; accesses that run through it on other threads end first */
EMU_AVAILABLE_IN_1_0 const char *emu_address_space_get_name(EmuAddressSpace *as); /* for listings */
/* Every access through it has the attribute "smm". */
EMU_AVAILABLE_IN_1_0 void emu_address_space_set_smm(EmuAddressSpace *as);
/* Any thread. Bytes as they lie in memory; holes read as 0xff and swallow writes, with the first error returned. */
EMU_AVAILABLE_IN_1_0 EmuMemResult emu_address_space_read(EmuAddressSpace *as, uint64_t addr, void *buf, uint64_t len, EmuMemAttrs attrs);
EMU_AVAILABLE_IN_1_0 EmuMemResult emu_address_space_write(EmuAddressSpace *as, uint64_t addr, const void *buf, uint64_t len, EmuMemAttrs attrs);
/* One access of 1, 2, 4 or 8 bytes as a CPU or a port instruction makes it; little-endian value. */
EMU_AVAILABLE_IN_1_0 uint64_t emu_address_space_load(EmuAddressSpace *as, uint64_t addr, unsigned size, EmuMemAttrs attrs, EmuMemResult *result);
EMU_AVAILABLE_IN_1_0 void emu_address_space_store(EmuAddressSpace *as, uint64_t addr, uint64_t value, unsigned size, EmuMemAttrs attrs, EmuMemResult *result);
/* Writes into ROM too (firmware loading). */
EMU_AVAILABLE_IN_1_0 EmuMemResult emu_address_space_write_rom(EmuAddressSpace *as, uint64_t addr, const void *buf, uint64_t len);

/*
 * DMA by a device: as above, with a guard: a device whose own region's handler is running on this
 * thread cannot reach its own (or a nested) I/O region; EMU_MEM_ACCESS_ERROR then.
 */
EMU_AVAILABLE_IN_1_0 EmuMemResult emu_dma_read(EmuAddressSpace *as, uint64_t addr, void *buf, uint64_t len);
EMU_AVAILABLE_IN_1_0 EmuMemResult emu_dma_write(EmuAddressSpace *as, uint64_t addr, const void *buf, uint64_t len);

/* What lies at an address: for listings, KVM slots and the soft TLB. */
typedef struct {
    EmuMemoryRegion *region;
    uint64_t offset_in_region;
    uint64_t addr;  /* start of the flat range */
    uint64_t size;  /* its length */
    bool ram, readonly, rom_device;
    void *host;     /* of the flat range's start when ram (or a ROM device in ROM mode) */
    EMU_RESERVED_SLOTS(4);
} EmuMemorySection;

/* Finds the flat range that contains @addr; false when nothing is there. Good until the calling
 * thread's next quiescent state (RCU). */
EMU_AVAILABLE_IN_1_0 bool emu_address_space_find(EmuAddressSpace *as, uint64_t addr, EmuMemorySection *out);

/* Listeners see each change of an address space's flat view; big lock held. */
typedef struct {
    void (*begin)(gpointer opaque);
    void (*add)(gpointer opaque, const EmuMemorySection *section);
    void (*remove)(gpointer opaque, const EmuMemorySection *section);
    void (*keep)(gpointer opaque, const EmuMemorySection *section);
    void (*log)(gpointer opaque, const EmuMemorySection *section, bool on);
    void (*commit)(gpointer opaque);
    /* Optional: writes that are logged elsewhere (by the host's kernel) become dirty bits now. */
    void (*log_sync)(gpointer opaque);
    /* Optional: short ways come and go, after commit(). Without them, accesses do the work. */
    void (*doorbell)(gpointer opaque, uint64_t addr, const EmuDoorbell *doorbell, bool added);
    void (*coalesced)(gpointer opaque, uint64_t addr, uint64_t size, bool added);
    EMU_RESERVED_SLOTS(4);
} EmuMemoryListener;
EMU_AVAILABLE_IN_1_0 gpointer emu_address_space_add_listener(EmuAddressSpace *as, const EmuMemoryListener *ops, gpointer opaque); /* tells it all that is there; a handle for remove */
/* What was written so far, whoever keeps the log of it, shows in dirty bits from here on: before a series of
 * emu_memory_region_test_and_clear_dirty() that must not miss anything. Big lock held. */
EMU_AVAILABLE_IN_1_0 void emu_address_space_sync_dirty(EmuAddressSpace *as);
EMU_AVAILABLE_IN_1_0 void emu_address_space_remove_listener(EmuAddressSpace *as, gpointer handle);
/* Text of "info mtree" for a region tree or the flat view. (transfer full) */
EMU_AVAILABLE_IN_1_0 char *emu_memory_region_describe(EmuMemoryRegion *root, const char *title);
EMU_AVAILABLE_IN_1_0 char *emu_address_space_describe_flat(EmuAddressSpace *as);

/* ---- accelerator side ------------------------------------------------------------------------ */

/* Threads that look flat views up without a lock (vCPUs, iothreads) register with RCU. */
EMU_AVAILABLE_IN_1_0 void emu_rcu_register_thread(void);
EMU_AVAILABLE_IN_1_0 void emu_rcu_unregister_thread(void);
EMU_AVAILABLE_IN_1_0 void emu_rcu_read_lock(void);
EMU_AVAILABLE_IN_1_0 void emu_rcu_read_unlock(void);

/* After dirty bits of a client were cleared: cached write permission for these pages must go, so that the next
 * write is seen. One for the process; the accelerator spreads it to its machines. */
typedef void (*EmuDirtyClearedFunc)(gpointer opaque, uint64_t ram_addr, uint64_t len, EmuDirtyClient client);
EMU_AVAILABLE_IN_1_0 void emu_memory_set_dirty_cleared_hook(EmuDirtyClearedFunc fn, gpointer opaque); /* NULL: nobody */
/* Called for every write to RAM that did not come from the CPU itself (DMA, debugger, loader) when the
 * page is marked as code: the translator invalidates and sets the CODE bit again. One for the process. Any thread. */
typedef void (*EmuCodeWriteFunc)(gpointer opaque, uint64_t ram_addr, uint64_t len);
EMU_AVAILABLE_IN_1_0 void emu_memory_set_code_write_hook(EmuCodeWriteFunc fn, gpointer opaque); /* NULL: nobody */
/* RAM blocks have a process-wide flat number space ("ram address"): all lie in one reserved stretch of host
 * addresses, so these three are an addition each. */
EMU_AVAILABLE_IN_1_0 uint64_t emu_ram_addr_from_host(const void *host); /* UINT64_MAX: not guest RAM */
EMU_AVAILABLE_IN_1_0 void *emu_ram_addr_to_host(uint64_t ram_addr);
/* Dirty byte of the 4 KiB page at @ram_addr, byte + 1 is the next page's: bits (1 << EmuDirtyClient), to be changed with
 * atomic or/and only; a clear CODE bit means "holds translated code". Whoever writes to RAM behind the memory
 * API's back sets the VGA and MIGRATION bits after the write. */
EMU_AVAILABLE_IN_1_0 uint8_t *emu_ram_dirty_byte(uint64_t ram_addr);

G_END_DECLS
