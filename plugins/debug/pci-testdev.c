/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A PCI device by which test programs measure accesses: BAR 0 in memory and BAR 1 in ports show the
 * same registers.  A test is selected by its number; each then says where to write what and how
 * wide, and counts the writes that match.
 */

#include "debug.h"

#include <emu/pci.h>

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TESTDEV_MEM_SIZE 0x1000
#define TESTDEV_IO_SIZE 0x100

/* Registers. */
#define TESTDEV_TEST 0x00   /* write: selects */
#define TESTDEV_WIDTH 0x01  /* of the accesses to make, in bytes; 0: no such test */
#define TESTDEV_OFFSET 0x04 /* where to write, 4 bytes */
#define TESTDEV_DATA 0x08   /* what to write, 4 bytes */
#define TESTDEV_COUNT 0x0c  /* writes seen since the selection, 4 bytes */
#define TESTDEV_NAME 0x10   /* ends with 0 */
#define TESTDEV_HEADER_SIZE 0x40
#define TESTDEV_TARGET 0x80 /* first offset that is written to */

#define TESTDEV_MATCH 0xfa

typedef struct {
    EmuPciDevice parent;

    uint64_t membar_size;

    EmuMemoryRegion *region[2]; /* per BAR */
    int notifier[2];            /* eventfd that a doorbell rings */
    bool armed[2];              /* the doorbell is there */
    EmuDoorbell doorbell[2];
    uint8_t selected[2];
    uint32_t count[2];
} PciTestdev;

/* With any value, with any value by way of a notifier, with the value that a notifier waits for. */
static const char *const testdev_names[] = {"no-eventfd", "wildcard-eventfd", "datamatch-eventfd"};

enum { TEST_PLAIN, TEST_WILDCARD, TEST_DATAMATCH };

/* What the doorbell counted. */
static void
testdev_collect(PciTestdev *self, unsigned bar)
{
    uint64_t rung;

    if (self->armed[bar] && read(self->notifier[bar], &rung, sizeof(rung)) == sizeof(rung)) {
        self->count[bar] += (uint32_t)rung;
    }
}

/* The doorbell of the test that is selected, and no other. */
static void
testdev_arm(PciTestdev *self, unsigned bar)
{
    testdev_collect(self, bar);
    if (self->armed[bar]) {
        emu_memory_region_del_doorbell(self->region[bar], &self->doorbell[bar]);
        self->armed[bar] = false;
    }
    if (self->selected[bar] == TEST_WILDCARD || self->selected[bar] == TEST_DATAMATCH) {
        self->doorbell[bar] = (EmuDoorbell){
            .offset = (unsigned)TESTDEV_TARGET + self->selected[bar],
            .size = 1,
            .match = self->selected[bar] == TEST_DATAMATCH,
            .value = TESTDEV_MATCH,
            .fd = self->notifier[bar],
        };
        emu_memory_region_add_doorbell(self->region[bar], &self->doorbell[bar]);
        self->armed[bar] = true;
    }
}

static uint64_t
testdev_read(PciTestdev *self, unsigned bar, uint64_t offset)
{
    uint8_t header[TESTDEV_HEADER_SIZE] = {0};
    unsigned test = self->selected[bar];

    if (test >= G_N_ELEMENTS(testdev_names) || offset >= sizeof(header)) {
        return 0;
    }
    testdev_collect(self, bar);
    header[TESTDEV_TEST] = (uint8_t)test;
    header[TESTDEV_WIDTH] = 1;
    header[TESTDEV_OFFSET] = (uint8_t)(TESTDEV_TARGET + test);
    header[TESTDEV_DATA] = TESTDEV_MATCH;
    for (unsigned i = 0; i < 4; i++) {
        header[TESTDEV_COUNT + i] = (uint8_t)(self->count[bar] >> 8 * i);
    }
    g_snprintf((char *)header + TESTDEV_NAME, sizeof(header) - TESTDEV_NAME, "%s-%s",
               bar == 0 ? "mmio" : "portio", testdev_names[test]);
    return header[offset];
}

static void
testdev_write(PciTestdev *self, unsigned bar, uint64_t offset, uint8_t value)
{
    if (offset == TESTDEV_TEST) {
        self->selected[bar] = value;
        testdev_arm(self, bar);
        self->count[bar] = 0;
    } else if (self->selected[bar] < G_N_ELEMENTS(testdev_names) &&
               offset == (unsigned)TESTDEV_TARGET + self->selected[bar] && value == TESTDEV_MATCH) {
        self->count[bar]++;
    }
}

static uint64_t
testdev_mem_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return testdev_read(opaque, 0, offset);
}

static void
testdev_mem_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    testdev_write(opaque, 0, offset, (uint8_t)value);
}

static uint64_t
testdev_io_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return testdev_read(opaque, 1, offset);
}

static void
testdev_io_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    testdev_write(opaque, 1, offset, (uint8_t)value);
}

static const EmuMemoryRegionOps testdev_mem_ops = {
    .read = testdev_mem_read,
    .write = testdev_mem_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 1,
};

static const EmuMemoryRegionOps testdev_io_ops = {
    .read = testdev_io_read,
    .write = testdev_io_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 1,
};

static bool
testdev_realize(EmuPciDevice *pci, GError **error)
{
    PciTestdev *self = (PciTestdev *)pci;

    if (self->membar_size && (self->membar_size < 16 || (self->membar_size & (self->membar_size - 1)))) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "pci-testdev: membar is %" G_GUINT64_FORMAT ", expected 0 or a power of two from 16 on",
                    self->membar_size);
        return false;
    }
    for (unsigned bar = 0; bar < 2; bar++) {
        self->notifier[bar] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    if (self->notifier[0] < 0 || self->notifier[1] < 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "pci-testdev: no eventfd to be had: %s", g_strerror(errno));
        return false;
    }
    self->region[0] = emu_memory_region_new_io(self, "pci-testdev-mem", TESTDEV_MEM_SIZE, &testdev_mem_ops, self);
    self->region[1] = emu_memory_region_new_io(self, "pci-testdev-io", TESTDEV_IO_SIZE, &testdev_io_ops, self);
    emu_pci_device_register_bar(pci, 0, EMU_PCI_BAR_MEM, self->region[0]);
    emu_pci_device_register_bar(pci, 1, EMU_PCI_BAR_IO, self->region[1]);
    if (self->membar_size) {
        emu_pci_device_register_bar(pci, 2, EMU_PCI_BAR_MEM | EMU_PCI_BAR_MEM64 | EMU_PCI_BAR_PREFETCH,
                                    emu_memory_region_new_container(self, "pci-testdev-membar", self->membar_size));
    }
    return true;
}

static void
testdev_unrealize(EmuPciDevice *pci)
{
    PciTestdev *self = (PciTestdev *)pci;

    for (unsigned bar = 0; bar < 2; bar++) {
        self->selected[bar] = 0xff;
        testdev_arm(self, bar);
        close(self->notifier[bar]);
    }
}

static void
testdev_reset_hold(EmuDevice *dev)
{
    PciTestdev *self = (PciTestdev *)dev;

    for (unsigned bar = 0; bar < 2; bar++) {
        self->selected[bar] = 0xff;
        testdev_arm(self, bar);
        self->count[bar] = 0;
    }
}

static void
testdev_pre_save(gpointer opaque)
{
    testdev_collect(opaque, 0);
    testdev_collect(opaque, 1);
}

static bool
testdev_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    testdev_arm(opaque, 0);
    testdev_arm(opaque, 1);
    return true;
}

static const EmuVMField testdev_fields[] = {
    EMU_VM_PCI_DEVICE(PciTestdev, parent),
    EMU_VM_U8_ARRAY(PciTestdev, selected),
    EMU_VM_U32_ARRAY(PciTestdev, count),
    EMU_VM_END,
};

static const EmuVMState testdev_vmstate = {
    .name = "pci-testdev",
    .version = 1,
    .minimum_version = 1,
    .fields = testdev_fields,
    .pre_save = testdev_pre_save,
    .post_load = testdev_post_load,
};

static const EmuProperty testdev_properties[] = {
    EMU_PROP_SIZE("membar", PciTestdev, membar_size, 0, "size of an empty prefetchable 64-bit BAR 2, 0: none"),
};

static void
testdev_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *dc = klass;
    EmuPciDeviceClass *pc = klass;

    emu_object_class_add_properties(klass, testdev_properties, G_N_ELEMENTS(testdev_properties));

    dc->reset_hold = testdev_reset_hold;
    dc->vmstate = &testdev_vmstate;
    dc->category = "misc";
    dc->user_creatable = true;
    pc->realize = testdev_realize;
    pc->unrealize = testdev_unrealize;
    pc->vendor_id = 0x1b36;
    pc->device_id = 0x0005;
    pc->class_id = 0x00ff;
}

const EmuTypeInfo pci_testdev_type_info = {
    .name = "pci-testdev",
    .parent = "pci-device",
    .instance_size = sizeof(PciTestdev),
    .class_init = testdev_class_init,
    .description = "counts accesses to its BARs for test programs",
};
