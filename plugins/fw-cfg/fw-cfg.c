/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The firmware configuration device: numbered items and named files that a firmware reads through a
 * selector port and a data port, or by DMA (docs/specs/fw_cfg in QEMU describes the interface).
 *
 *   iobase + 0  selector (16-bit write)     iobase + 1  data (8-bit read)
 *   iobase + 4  DMA address, 64 bits big-endian; reads give "QEMU CFG"
 *
 * Files are kept sorted by name; the n-th has selector 0x20 + n.
 */

#include "fw-cfg-io.h"

#include <emu/log.h>

#include <string.h>

#define FW_CFG_ID_TRADITIONAL 1
#define FW_CFG_ID_DMA 2
#define FW_CFG_NAME_SIZE 56
#define FW_CFG_N_FILES_MAX 0x200
#define FW_CFG_DIR_ENTRY_SIZE 64
#define FW_CFG_DMA_OFFSET 4
#define FW_CFG_DMA_SIGNATURE UINT64_C(0x51454d5520434647) /* "QEMU CFG" */
#define FW_CFG_DMA_ERROR 0x01
#define FW_CFG_DMA_READ 0x02
#define FW_CFG_DMA_SKIP 0x04
#define FW_CFG_DMA_SELECT 0x08
#define FW_CFG_DMA_WRITE 0x10
#define FW_CFG_NOTHING_SELECTED 0xffff
#define FW_CFG_PAD_AT_ONCE (1u << 20) /* bytes: the rest waits for the main loop, so that nobody waits for the lock */

typedef struct {
    char *name; /* NULL: a numbered item */
    uint16_t key;
    uint8_t *data;
    gsize len;
    void (*select)(gpointer opaque);
    gpointer opaque;
    bool writable;
} FwCfgItem;

typedef struct {
    EmuSysbusDevice parent;

    uint32_t iobase;
    bool dma_enabled;

    EmuMemoryRegion *port_region;
    EmuMemoryRegion *dma_region;
    GPtrArray *items; /* FwCfgItem, numbered ones */
    GPtrArray *files; /* FwCfgItem, sorted by name */
    FwCfgItem directory;

    uint16_t selected;
    uint32_t offset;
    uint64_t dma_address;
    EmuBh *pad_bh;
    uint32_t pad_left; /* bytes beyond an item's end that a read has still to clear */
    uint64_t pad_address;
    uint64_t pad_descriptor; /* of the transfer */
} FwCfg;

EMU_TRACE_DEFINE(fw_cfg_select)
EMU_TRACE_DEFINE(fw_cfg_dma)

static void
fw_cfg_item_free(gpointer data)
{
    FwCfgItem *item = data;

    g_free(item->name);
    g_free(item->data);
    g_free(item);
}

static void
fw_cfg_item_set_data(FwCfgItem *item, const void *data, gsize len)
{
    uint8_t *copy = g_memdup2(data, len);

    g_free(item->data);
    item->data = copy;
    item->len = len;
}

static FwCfgItem *
fw_cfg_find_file(FwCfg *self, const char *name)
{
    for (guint i = 0; i < self->files->len; i++) {
        FwCfgItem *item = self->files->pdata[i];

        if (strcmp(item->name, name) == 0) {
            return item;
        }
    }
    return NULL;
}

static void
fw_cfg_build_directory(FwCfg *self)
{
    gsize len = 4 + (gsize)self->files->len * FW_CFG_DIR_ENTRY_SIZE;
    uint8_t *p = g_malloc0(len);
    uint32_t count = GUINT32_TO_BE(self->files->len);

    memcpy(p, &count, 4);
    for (guint i = 0; i < self->files->len; i++) {
        const FwCfgItem *item = self->files->pdata[i];
        uint8_t *entry = p + 4 + i * FW_CFG_DIR_ENTRY_SIZE;
        uint32_t size = GUINT32_TO_BE((uint32_t)item->len);
        uint16_t key = GUINT16_TO_BE(EMU_FW_CFG_FILE_FIRST + i);

        memcpy(entry, &size, 4);
        memcpy(entry + 4, &key, 2);
        g_strlcpy((char *)entry + 8, item->name, FW_CFG_NAME_SIZE);
    }
    g_free(self->directory.data);
    self->directory.data = p;
    self->directory.len = len;
}

/* What the selector stands on; NULL when there is no such item. */
static FwCfgItem *
fw_cfg_get_selected(FwCfg *self)
{
    if (self->selected == EMU_FW_CFG_FILE_DIR) {
        return &self->directory;
    }
    if (self->selected >= EMU_FW_CFG_FILE_FIRST && self->selected < EMU_FW_CFG_FILE_FIRST + self->files->len) {
        return self->files->pdata[self->selected - EMU_FW_CFG_FILE_FIRST];
    }
    for (guint i = 0; i < self->items->len; i++) {
        FwCfgItem *item = self->items->pdata[i];

        if (item->key == self->selected) {
            return item;
        }
    }
    return NULL;
}

static void
fw_cfg_select(FwCfg *self, uint16_t key)
{
    FwCfgItem *item;

    self->selected = key;
    self->offset = 0;
    if (key == EMU_FW_CFG_FILE_DIR) {
        fw_cfg_build_directory(self);
    }
    item = fw_cfg_get_selected(self);
    if (item && item->select) {
        item->select(item->opaque);
    }
    EMU_TRACE(fw_cfg_select, "0x%04x %s", key, item ? item->name ? item->name : "-" : "(none)");
}

static uint64_t
fw_cfg_port_read(gpointer opaque, uint64_t offset G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    FwCfg *self = opaque;
    const FwCfgItem *item = fw_cfg_get_selected(self);

    return item && self->offset < item->len ? item->data[self->offset++] : 0;
}

static void
fw_cfg_port_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    if (offset == 0 && size == 2) {
        fw_cfg_select(opaque, value);
    }
}

static const EmuMemoryRegionOps fw_cfg_port_ops = {
    .read = fw_cfg_port_read,
    .write = fw_cfg_port_write,
    .valid_min = 1,
    .valid_max = 2,
    .impl_min = 1,
    .impl_max = 2,
};

/* The transfer has ended: the guest, which polls the descriptor's first word, may go on. */
static void
fw_cfg_end_dma(EmuAddressSpace *as, uint64_t descriptor, bool ok)
{
    uint32_t result = GUINT32_TO_BE(ok ? 0 : FW_CFG_DMA_ERROR);

    emu_dma_write(as, descriptor, &result, sizeof result);
}

/* What lies beyond an item's end reads as zero. Memory that is not there ends a bogus length. */
static void
fw_cfg_pad_cb(gpointer opaque)
{
    static const uint8_t zeroes[4096];
    FwCfg *self = opaque;
    EmuAddressSpace *as = emu_machine_get_memory_as(emu_device_get_machine(EMU_DEVICE(self)));
    uint32_t left = MIN(self->pad_left, FW_CFG_PAD_AT_ONCE);

    while (left) {
        uint32_t n = MIN(left, sizeof zeroes);

        if (emu_dma_write(as, self->pad_address, zeroes, n) != EMU_MEM_OK) {
            self->pad_left = 0;
            fw_cfg_end_dma(as, self->pad_descriptor, false);
            return;
        }
        self->pad_address += n;
        self->pad_left -= n;
        left -= n;
    }
    if (self->pad_left) {
        emu_bh_schedule(self->pad_bh);
    } else {
        fw_cfg_end_dma(as, self->pad_descriptor, true);
    }
}

/* Carries out one piece of @command, but for what a read has beyond the item's end; false when the memory or the item refuses. */
static bool
fw_cfg_dma_transfer(FwCfg *self, EmuAddressSpace *as, uint32_t command, uint64_t address, uint32_t length)
{
    FwCfgItem *item = fw_cfg_get_selected(self);
    uint32_t available = item && self->offset < item->len ? MIN(item->len - self->offset, length) : 0;

    if (command & FW_CFG_DMA_READ) {
        if (available && emu_dma_write(as, address, item->data + self->offset, available) != EMU_MEM_OK) {
            return false;
        }
        self->pad_address = address + available;
        self->pad_left = length - available;
    } else if (command & FW_CFG_DMA_WRITE) {
        if (!item || !item->writable || available != length ||
            emu_dma_read(as, address, item->data + self->offset, length) != EMU_MEM_OK) {
            return false;
        }
    }
    self->offset += available;
    return true;
}

static void
fw_cfg_run_dma(FwCfg *self)
{
    EmuAddressSpace *as = emu_machine_get_memory_as(emu_device_get_machine(EMU_DEVICE(self)));
    uint64_t descriptor = self->dma_address;
    uint32_t control, length;
    uint64_t address;
    uint8_t raw[16];
    bool ok;

    self->dma_address = 0;
    if (self->pad_left) {
        emu_guest_error("fw_cfg: a transfer begins before the last one has ended");
        self->pad_left = 0;
        emu_bh_cancel(self->pad_bh);
        fw_cfg_end_dma(as, self->pad_descriptor, false);
    }
    if (emu_dma_read(as, descriptor, raw, sizeof raw) != EMU_MEM_OK) {
        emu_guest_error("fw_cfg: DMA descriptor at 0x%" G_GINT64_MODIFIER "x: no memory there", descriptor);
        fw_cfg_end_dma(as, descriptor, false);
        return;
    }
    memcpy(&control, raw, 4);
    memcpy(&length, raw + 4, 4);
    memcpy(&address, raw + 8, 8);
    control = GUINT32_FROM_BE(control);
    length = GUINT32_FROM_BE(length);
    address = GUINT64_FROM_BE(address);
    EMU_TRACE(fw_cfg_dma, "control 0x%08x length %u address 0x%" G_GINT64_MODIFIER "x", control, length, address);
    if (control & FW_CFG_DMA_SELECT) {
        fw_cfg_select(self, control >> 16);
    }
    ok = !(control & (FW_CFG_DMA_READ | FW_CFG_DMA_WRITE | FW_CFG_DMA_SKIP)) || fw_cfg_dma_transfer(self, as, control, address, length);
    if (ok && self->pad_left) {
        self->pad_descriptor = descriptor;
        fw_cfg_pad_cb(self);
    } else {
        fw_cfg_end_dma(as, descriptor, ok);
    }
}

static uint64_t
fw_cfg_dma_read(gpointer opaque G_GNUC_UNUSED, uint64_t offset, unsigned size)
{
    uint64_t bytes = GUINT64_SWAP_LE_BE(FW_CFG_DMA_SIGNATURE) >> (offset * 8);

    return size == 8 ? bytes : bytes & ((UINT64_C(1) << (size * 8)) - 1);
}

static void
fw_cfg_dma_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    FwCfg *self = opaque;

    if (size == 8 && offset == 0) {
        self->dma_address = GUINT64_SWAP_LE_BE(value);
        fw_cfg_run_dma(self);
    } else if (size == 4 && offset == 0) {
        self->dma_address = (uint64_t)GUINT32_SWAP_LE_BE((uint32_t)value) << 32;
    } else if (size == 4 && offset == 4) {
        self->dma_address |= GUINT32_SWAP_LE_BE((uint32_t)value);
        fw_cfg_run_dma(self);
    }
}

static const EmuMemoryRegionOps fw_cfg_dma_ops = {
    .read = fw_cfg_dma_read,
    .write = fw_cfg_dma_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 8,
};

/* ---- the interface -------------------------------------------------------------------------- */

static void
fw_cfg_add_bytes(EmuFwCfg *iface, uint16_t key, const void *data, gsize len)
{
    FwCfg *self = (FwCfg *)iface;
    FwCfgItem *item;

    for (guint i = 0; i < self->items->len; i++) {
        item = self->items->pdata[i];
        if (item->key == key) {
            fw_cfg_item_set_data(item, data, len);
            return;
        }
    }
    item = g_new0(FwCfgItem, 1);
    item->key = key;
    fw_cfg_item_set_data(item, data, len);
    g_ptr_array_add(self->items, item);
}

static void
fw_cfg_add_file(EmuFwCfg *iface, const char *name, const void *data, gsize len, void (*select)(gpointer opaque),
                gpointer opaque, bool writable)
{
    FwCfg *self = (FwCfg *)iface;
    FwCfgItem *item = fw_cfg_find_file(self, name);
    guint position = 0;

    g_return_if_fail(strlen(name) < FW_CFG_NAME_SIZE);
    g_return_if_fail(len <= UINT32_MAX);
    if (!item) {
        g_return_if_fail(self->files->len < FW_CFG_N_FILES_MAX);
        item = g_new0(FwCfgItem, 1);
        item->name = g_strdup(name);
        while (position < self->files->len && strcmp(((FwCfgItem *)self->files->pdata[position])->name, name) < 0) {
            position++;
        }
        g_ptr_array_insert(self->files, position, item);
    }
    fw_cfg_item_set_data(item, data, len);
    item->select = select;
    item->opaque = opaque;
    item->writable = writable;
}

static void
fw_cfg_modify_file(EmuFwCfg *iface, const char *name, const void *data, gsize len)
{
    FwCfgItem *item = fw_cfg_find_file((FwCfg *)iface, name);

    if (item) {
        fw_cfg_item_set_data(item, data, len);
    } else {
        fw_cfg_add_file(iface, name, data, len, NULL, NULL, false);
    }
}

static const uint8_t *
fw_cfg_get_file(EmuFwCfg *iface, const char *name, gsize *len)
{
    const FwCfgItem *item = fw_cfg_find_file((FwCfg *)iface, name);

    if (len) {
        *len = item ? item->len : 0;
    }
    return item ? item->data : NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool
fw_cfg_realize(EmuDevice *dev, GError **error)
{
    FwCfg *self = (FwCfg *)dev;
    EmuMemoryRegion *io = emu_machine_get_system_io(emu_device_get_machine(dev));

    if (self->iobase > 0xfff0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "fw_cfg_io: iobase is 0x%x, expected 0 to 0xfff0",
                    self->iobase);
        return false;
    }
    emu_fw_cfg_add_bytes(EMU_FW_CFG(self), EMU_FW_CFG_SIGNATURE, "QEMU", 4);
    emu_fw_cfg_add_u32(EMU_FW_CFG(self), EMU_FW_CFG_ID, FW_CFG_ID_TRADITIONAL | (self->dma_enabled ? FW_CFG_ID_DMA : 0));
    self->pad_bh = emu_bh_new(emu_machine_get_context(emu_device_get_machine(dev)), fw_cfg_pad_cb, self);
    self->port_region = emu_memory_region_new_io(self, "fwcfg", 2, &fw_cfg_port_ops, self);
    emu_memory_region_add_subregion(io, self->iobase, self->port_region, 0);
    if (self->dma_enabled) {
        self->dma_region = emu_memory_region_new_io(self, "fwcfg.dma", 8, &fw_cfg_dma_ops, self);
        emu_memory_region_add_subregion(io, self->iobase + FW_CFG_DMA_OFFSET, self->dma_region, 0);
    }
    return true;
}

static void
fw_cfg_unrealize(EmuDevice *dev)
{
    FwCfg *self = (FwCfg *)dev;
    EmuMemoryRegion *io = emu_machine_get_system_io(emu_device_get_machine(dev));

    emu_memory_region_del_subregion(io, self->port_region);
    if (self->dma_region) {
        emu_memory_region_del_subregion(io, self->dma_region);
        self->dma_region = NULL;
    }
    g_clear_pointer(&self->pad_bh, emu_bh_free);
}

static void
fw_cfg_reset_enter(EmuDevice *dev)
{
    FwCfg *self = (FwCfg *)dev;

    self->selected = FW_CFG_NOTHING_SELECTED;
    self->offset = 0;
    self->dma_address = 0;
    self->pad_left = 0;
    emu_bh_cancel(self->pad_bh);
}

static bool
fw_cfg_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    FwCfg *self = opaque;

    fw_cfg_build_directory(self);
    if (self->pad_left) {
        emu_bh_schedule(self->pad_bh);
    } else {
        emu_bh_cancel(self->pad_bh);
    }
    return true;
}

static const EmuVMField fw_cfg_vmstate_fields[] = {
    EMU_VM_U16(FwCfg, selected),
    EMU_VM_U32(FwCfg, offset),
    EMU_VM_U64(FwCfg, dma_address),
    {.name = "pad_left", .kind = EMU_VM_KIND_U32, .offset = offsetof(FwCfg, pad_left), .size = 4, .num = 1, .since = 2},
    {.name = "pad_address", .kind = EMU_VM_KIND_U64, .offset = offsetof(FwCfg, pad_address), .size = 8, .num = 1, .since = 2},
    {.name = "pad_descriptor", .kind = EMU_VM_KIND_U64, .offset = offsetof(FwCfg, pad_descriptor), .size = 8, .num = 1, .since = 2},
    EMU_VM_END,
};

static const EmuVMState fw_cfg_vmstate = {
    .name = "fw_cfg",
    .version = 2,
    .minimum_version = 1,
    .fields = fw_cfg_vmstate_fields,
    .post_load = fw_cfg_post_load,
};

static const EmuProperty fw_cfg_properties[] = {
    EMU_PROP_UINT32("iobase", FwCfg, iobase, 0x510, "first I/O port"),
    EMU_PROP_BOOL("dma_enabled", FwCfg, dma_enabled, true, "whether the DMA interface is there"),
};

static void
fw_cfg_instance_init(gpointer obj)
{
    FwCfg *self = obj;

    self->items = g_ptr_array_new_with_free_func(fw_cfg_item_free);
    self->files = g_ptr_array_new_with_free_func(fw_cfg_item_free);
    self->selected = FW_CFG_NOTHING_SELECTED;
}

static void
fw_cfg_instance_finalize(gpointer obj)
{
    FwCfg *self = obj;

    g_ptr_array_unref(self->items);
    g_ptr_array_unref(self->files);
    g_free(self->directory.data);
}

static void
fw_cfg_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    EmuDeviceClass *device_class = klass;

    device_class->realize = fw_cfg_realize;
    device_class->unrealize = fw_cfg_unrealize;
    device_class->reset_enter = fw_cfg_reset_enter;
    device_class->vmstate = &fw_cfg_vmstate;
    device_class->category = "misc";
    device_class->model_name = "firmware configuration";
    device_class->user_creatable = false;
    emu_object_class_add_properties(klass, fw_cfg_properties, G_N_ELEMENTS(fw_cfg_properties));
}

static void
fw_cfg_iface_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    EmuFwCfgInterface *fw_cfg = iface;

    fw_cfg->add_bytes = fw_cfg_add_bytes;
    fw_cfg->add_file = fw_cfg_add_file;
    fw_cfg->modify_file = fw_cfg_modify_file;
    fw_cfg->get_file = fw_cfg_get_file;
}

static const EmuInterfaceImpl fw_cfg_interfaces[] = {
    {"fw-cfg", fw_cfg_iface_init},
    {NULL, NULL},
};

const EmuTypeInfo fw_cfg_io_type_info = {
    .name = "fw_cfg_io",
    .parent = "sysbus-device",
    .instance_size = sizeof(FwCfg),
    .instance_init = fw_cfg_instance_init,
    .instance_finalize = fw_cfg_instance_finalize,
    .class_init = fw_cfg_class_init,
    .interfaces = fw_cfg_interfaces,
    .description = "firmware configuration on I/O ports",
};
