/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The IDE function of the PIIX3 and PIIX4 (Intel 82371AB datasheet, chapter 4; "Programming Interface for Bus Master IDE
 * Controller", revision 1.0): two channels at the legacy ports, BAR 4 with the bus master registers.
 */

#include "ide.h"

#define BM_COMMAND_START 0x01
#define BM_COMMAND_TO_MEMORY 0x08
#define BM_STATUS_ACTIVE 0x01
#define BM_STATUS_ERROR 0x02
#define BM_STATUS_INTERRUPT 0x04
#define PIIX_IDETIM 0x40 /* two words, bit 15: decode enable */

typedef struct {
    EmuPciDevice *pci;
    IdeBus *ide;
    uint8_t command, status;
    uint32_t table; /* physical region descriptor table */
    /* Position in the table while a transfer runs. */
    uint32_t next;      /* address of the next descriptor */
    uint32_t addr, len; /* rest of the current one */
    bool last;
    IdeDrive *waiting;
    bool drive_waiting;
} BusMaster;

typedef struct {
    EmuPciDevice parent;
    BusMaster bm[2];
    EmuLine *irq[2];
    uint8_t unit[2], control[2]; /* of the channels, for the saved state */
} PiixIde;

/* ---- bus master ------------------------------------------------------------------------------------- */

static bool
bm_next_descriptor(BusMaster *bm)
{
    uint8_t d[8];

    if (bm->last) {
        return false;
    }
    if (emu_dma_read(emu_pci_device_get_dma_as(bm->pci), bm->next, d, sizeof(d)) != EMU_MEM_OK) {
        bm->status |= BM_STATUS_ERROR;
        bm->last = true;
        emu_guest_error("piix-ide: descriptor at 0x%08x cannot be read", bm->next);
        return false;
    }
    bm->next += 8;
    bm->addr = (d[0] | d[1] << 8 | d[2] << 16 | (uint32_t)d[3] << 24) & ~1u;
    bm->len = (d[4] | d[5] << 8) & ~1u;
    if (!bm->len) {
        bm->len = 0x10000;
    }
    bm->last = d[7] & 0x80;
    return true;
}

static uint32_t
bm_move_cb(gpointer opaque, void *buf, uint32_t len, bool to_memory)
{
    BusMaster *bm = opaque;
    EmuAddressSpace *as = emu_pci_device_get_dma_as(bm->pci);
    uint32_t done = 0;

    while (done < len) {
        uint32_t n;
        EmuMemResult r;

        if (!bm->len && !bm_next_descriptor(bm)) {
            break;
        }
        n = MIN(bm->len, len - done);
        if (to_memory) {
            r = emu_dma_write(as, bm->addr, (uint8_t *)buf + done, n);
        } else {
            r = emu_dma_read(as, bm->addr, (uint8_t *)buf + done, n);
        }
        if (r != EMU_MEM_OK) {
            emu_guest_error("piix-ide: DMA of %u bytes at 0x%08x failed", n, bm->addr);
        }
        bm->addr += n;
        bm->len -= n;
        done += n;
    }
    return done;
}

static void
bm_start_cb(gpointer opaque, IdeDrive *drive)
{
    BusMaster *bm = opaque;

    bm->waiting = drive;
    bm->drive_waiting = true;
    if (bm->command & BM_COMMAND_START) {
        ide_drive_dma_run(drive);
    }
}

static void
bm_finish_cb(gpointer opaque)
{
    BusMaster *bm = opaque;

    bm->waiting = NULL;
    bm->drive_waiting = false;
    /* Active stays set when descriptors are left over (the interface's 3.1, "status bits"). */
    if (bm->last && !bm->len) {
        bm->status &= ~BM_STATUS_ACTIVE;
    }
}

static void
bm_interrupt_cb(gpointer opaque)
{
    BusMaster *bm = opaque;

    bm->status |= BM_STATUS_INTERRUPT;
}

static void
bm_cancel_cb(gpointer opaque)
{
    BusMaster *bm = opaque;

    bm->waiting = NULL;
    bm->drive_waiting = false;
    bm->status &= ~BM_STATUS_ACTIVE;
}

static const IdeDmaOps bm_ops = {
    .start = bm_start_cb,
    .move = bm_move_cb,
    .finish = bm_finish_cb,
    .interrupt = bm_interrupt_cb,
    .cancel = bm_cancel_cb,
};

static void
bm_write_command(BusMaster *bm, uint8_t value)
{
    bool start = value & BM_COMMAND_START, was = bm->command & BM_COMMAND_START;

    bm->command = value & (BM_COMMAND_START | BM_COMMAND_TO_MEMORY);
    if (start && !was) {
        bm->next = bm->table;
        bm->addr = bm->len = 0;
        bm->last = false;
        bm->status |= BM_STATUS_ACTIVE;
        if (bm->waiting) {
            ide_drive_dma_run(bm->waiting);
        }
    } else if (!start && was) {
        IdeDrive *drive = bm->waiting;

        /* Stopping with a transfer under way aborts it; what was moved stays moved. */
        if (drive && drive->request) {
            ide_drive_cancel(drive);
            ide_drive_abort(drive, IDE_ERROR_ABRT);
        }
        bm->status &= ~BM_STATUS_ACTIVE;
    }
}

static uint64_t
bm_read_cb(gpointer opaque, uint64_t offset, unsigned size G_GNUC_UNUSED)
{
    PiixIde *s = opaque;
    BusMaster *bm = &s->bm[(offset >> 3) & 1];

    switch (offset & 7) {
    case 0:
        return bm->command;
    case 2:
        return bm->status;
    case 4 ... 7:
        return (bm->table >> ((offset & 3) * 8)) & 0xff;
    default:
        return 0xff;
    }
}

static void
bm_write_cb(gpointer opaque, uint64_t offset, uint64_t value, unsigned size G_GNUC_UNUSED)
{
    PiixIde *s = opaque;
    BusMaster *bm = &s->bm[(offset >> 3) & 1];
    unsigned shift = (offset & 3) * 8;

    switch (offset & 7) {
    case 0:
        bm_write_command(bm, value);
        break;
    case 2:
        bm->status = (value & 0x60) | (bm->status & BM_STATUS_ACTIVE) |
                     (bm->status & ~value & (BM_STATUS_ERROR | BM_STATUS_INTERRUPT));
        break;
    case 4 ... 7:
        bm->table = ((bm->table & ~(0xffu << shift)) | (uint32_t)(value & 0xff) << shift) & ~3u;
        break;
    default:
        break;
    }
}

static const EmuMemoryRegionOps bm_region_ops = {
    .read = bm_read_cb,
    .write = bm_write_cb,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 1,
    .valid_unaligned = true,
};

/* ---- the PCI function --------------------------------------------------------------------------------- */

static bool
piix_ide_realize(EmuPciDevice *dev, GError **error)
{
    static const uint16_t ports[2][2] = {{0x1f0, 0x3f6}, {0x170, 0x376}};
    PiixIde *s = (PiixIde *)dev;
    EmuMemoryRegion *io = emu_pci_bus_get_io(emu_pci_device_get_bus(dev));
    EmuMemoryRegion *bmdma = emu_memory_region_new_io(dev, "piix-bmdma", 16, &bm_region_ops, s);
    uint8_t *config = emu_pci_device_get_config(dev), *wmask = emu_pci_device_get_wmask(dev);

    (void)error;
    for (unsigned i = 0; i < 4; i++) {
        wmask[PIIX_IDETIM + i] = 0xff;
    }
    config[PIIX_IDETIM + 1] = config[PIIX_IDETIM + 3] = 0x80;
    emu_pci_device_register_bar(dev, 4, EMU_PCI_BAR_IO, bmdma);
    /* The channels' requests are ISA interrupts 14 and 15, which the board wires. */
    emu_device_add_lines_out(EMU_DEVICE(dev), "irq", 2, s->irq);
    for (unsigned i = 0; i < 2; i++) {
        s->bm[i].pci = dev;
        s->bm[i].ide = ide_bus_new(EMU_DEVICE(dev), i, s->irq[i], &bm_ops, &s->bm[i]);
        ide_bus_map(s->bm[i].ide, EMU_DEVICE(dev), io, ports[i][0], ports[i][1]);
    }
    return true;
}

static void
piix_ide_reset_enter(EmuDevice *dev)
{
    PiixIde *s = (PiixIde *)dev;
    uint8_t *config = emu_pci_device_get_config(EMU_PCI_DEVICE(dev));

    config[0x06] = 0x80; /* takes fast back-to-back transactions, */
    config[0x07] = 0x02; /* answers at medium speed */
    config[PIIX_IDETIM] = config[PIIX_IDETIM + 2] = 0;
    config[PIIX_IDETIM + 1] = config[PIIX_IDETIM + 3] = 0x80;
    for (unsigned i = 0; i < 2; i++) {
        BusMaster *bm = &s->bm[i];

        ide_bus_reset(bm->ide);
        bm->command = bm->status = 0;
        bm->table = bm->next = bm->addr = bm->len = 0;
        bm->last = false;
        bm->waiting = NULL;
        bm->drive_waiting = false;
    }
}

static const EmuVMField bm_fields[] = {
    EMU_VM_U8(BusMaster, command), EMU_VM_U8(BusMaster, status),         EMU_VM_U32(BusMaster, table),
    EMU_VM_U32(BusMaster, next),   EMU_VM_U32(BusMaster, addr),          EMU_VM_U32(BusMaster, len),
    EMU_VM_BOOL(BusMaster, last),  EMU_VM_BOOL(BusMaster, drive_waiting), EMU_VM_END,
};

static const EmuVMState bm_vmstate = {
    .name = "ide-bus-master",
    .version = 1,
    .minimum_version = 1,
    .fields = bm_fields,
};

static void
piix_ide_pre_save(gpointer self)
{
    PiixIde *s = self;

    for (unsigned i = 0; i < 2; i++) {
        s->unit[i] = s->bm[i].ide->unit;
        s->control[i] = s->bm[i].ide->control;
    }
}

static bool
piix_ide_post_load(gpointer self, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    PiixIde *s = self;

    for (unsigned i = 0; i < 2; i++) {
        BusMaster *bm = &s->bm[i];

        bm->ide->unit = s->unit[i] & 1;
        bm->ide->control = s->control[i];
        bm->waiting = bm->drive_waiting ? bm->ide->drives[bm->ide->unit] : NULL;
    }
    return true;
}

static const EmuVMField piix_ide_fields[] = {
    EMU_VM_PCI_DEVICE(PiixIde, parent),
    EMU_VM_STRUCT_ARRAY(PiixIde, bm, &bm_vmstate),
    EMU_VM_U8_ARRAY(PiixIde, unit),
    EMU_VM_U8_ARRAY(PiixIde, control),
    EMU_VM_END,
};

static const EmuVMState piix_ide_vmstate = {
    .name = "piix-ide",
    .version = 1,
    .minimum_version = 1,
    .fields = piix_ide_fields,
    .pre_save = piix_ide_pre_save,
    .post_load = piix_ide_post_load,
};

static void
piix_ide_class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device = klass;
    EmuPciDeviceClass *pci = klass;

    device->reset_enter = piix_ide_reset_enter;
    device->vmstate = &piix_ide_vmstate;
    device->category = "storage";
    pci->realize = piix_ide_realize;
    pci->vendor_id = 0x8086;
    pci->device_id = GPOINTER_TO_UINT(data);
    pci->class_id = 0x0101;
    pci->prog_if = 0x80;
}

const EmuTypeInfo piix3_ide_info = {
    .name = "piix3-ide",
    .parent = "pci-device",
    .instance_size = sizeof(PiixIde),
    .class_init = piix_ide_class_init,
    .class_data = GUINT_TO_POINTER(0x7010),
    .description = "PIIX3 IDE controller",
};

const EmuTypeInfo piix4_ide_info = {
    .name = "piix4-ide",
    .parent = "pci-device",
    .instance_size = sizeof(PiixIde),
    .class_init = piix_ide_class_init,
    .class_data = GUINT_TO_POINTER(0x7111),
    .description = "PIIX4 IDE controller",
};
