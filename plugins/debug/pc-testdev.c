/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The test device of x86 test programs: a register that reads as it was written in ports and in
 * memory, a port that asks for a page to be dropped from the emulator's caches, and a port per ISA
 * interrupt request that sets its level.
 */

#include "debug.h"

#include <emu/isa.h>
#include <emu/machine.h>

#include <string.h>

#define TESTDEV_ECHO_PORT 0xe0
#define TESTDEV_FLUSH_PORT 0xe4
#define TESTDEV_ECHO_BYTE_PORT 0xe8
#define TESTDEV_IRQ_PORT 0x2000
#define TESTDEV_N_IRQS 16
#define TESTDEV_N_IRQ_PORTS 24 /* programs know 24: those beyond the ISA requests do nothing */
#define TESTDEV_MEMORY 0xff000000u
#define TESTDEV_MEMORY_SIZE 0x10000

typedef struct {
    EmuIsaDevice parent_instance;

    EmuLine *irq[TESTDEV_N_IRQS];
    EmuMemoryRegion *memory;
    uint32_t echo;
    uint32_t levels; /* of the requests */
    uint8_t *bytes;
    uint32_t n_bytes;
} PcTestdev;

static uint64_t
testdev_echo_read(gpointer opaque, uint64_t offset, unsigned size)
{
    PcTestdev *self = opaque;

    return self->echo >> 8 * offset & (UINT32_MAX >> (32 - 8 * size));
}

static void
testdev_echo_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PcTestdev *self = opaque;
    uint32_t mask = UINT32_MAX >> (32 - 8 * size) << 8 * offset;

    self->echo = (self->echo & ~mask) | ((uint32_t)(value << 8 * offset) & mask);
}

/* Four bytes, which accesses of any size reach where they lie. */
static const EmuMemoryRegionOps testdev_echo_ops = {
    .read = testdev_echo_read,
    .write = testdev_echo_write,
    .valid_min = 1,
    .valid_max = 4,
    .valid_unaligned = true,
    .impl_min = 1,
    .impl_max = 4,
    .impl_unaligned = true,
};

/* As above, a byte at a time. */
static const EmuMemoryRegionOps testdev_echo_byte_ops = {
    .read = testdev_echo_read,
    .write = testdev_echo_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 1,
};

static uint64_t
testdev_none_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return 0;
}

/* The page at the address written leaves the caches; ours are coherent, so nothing changes. */
static void
testdev_flush_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
}

static const EmuMemoryRegionOps testdev_flush_ops = {
    .read = testdev_none_read,
    .write = testdev_flush_write,
    .valid_min = 4,
    .valid_max = 4,
};

static void
testdev_irq_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PcTestdev *self = opaque;

    if (offset < TESTDEV_N_IRQS) {
        self->levels = (self->levels & ~(1u << offset)) | (value ? 1u << offset : 0);
        emu_line_set(self->irq[offset], value != 0);
    }
}

static const EmuMemoryRegionOps testdev_irq_ops = {
    .read = testdev_none_read,
    .write = testdev_irq_write,
    .valid_min = 1,
    .valid_max = 1,
};

static uint64_t
testdev_memory_read(gpointer opaque, uint64_t offset, unsigned size)
{
    PcTestdev *self = opaque;
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)self->bytes[offset + i] << 8 * i;
    }
    return value;
}

static void
testdev_memory_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PcTestdev *self = opaque;

    for (unsigned i = 0; i < size; i++) {
        self->bytes[offset + i] = (uint8_t)(value >> 8 * i);
    }
}

static const EmuMemoryRegionOps testdev_memory_ops = {
    .read = testdev_memory_read,
    .write = testdev_memory_write,
    .valid_min = 1,
    .valid_max = 8,
    .impl_min = 1,
    .impl_max = 8,
};

static bool
testdev_realize(EmuDevice *dev, GError **error)
{
    PcTestdev *self = (PcTestdev *)dev;
    EmuIsaDevice *isa = (EmuIsaDevice *)dev;
    static const struct {
        const char *name;
        const EmuMemoryRegionOps *ops;
        unsigned size;
        uint16_t port;
    } ports[] = {
        {"pc-testdev-echo", &testdev_echo_ops, 4, TESTDEV_ECHO_PORT},
        {"pc-testdev-flush", &testdev_flush_ops, 4, TESTDEV_FLUSH_PORT},
        {"pc-testdev-echo-byte", &testdev_echo_byte_ops, 4, TESTDEV_ECHO_BYTE_PORT},
        {"pc-testdev-irq", &testdev_irq_ops, TESTDEV_N_IRQ_PORTS, TESTDEV_IRQ_PORT},
    };

    for (unsigned i = 0; i < TESTDEV_N_IRQS; i++) {
        if (!emu_isa_device_connect_irq(isa, self->irq[i], i, error)) {
            return false;
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
        emu_isa_device_map_io(
            isa, emu_memory_region_new_io(self, ports[i].name, ports[i].size, ports[i].ops, self),
            ports[i].port);
    }
    self->n_bytes = TESTDEV_MEMORY_SIZE;
    self->bytes = g_malloc0(self->n_bytes);
    self->memory = emu_memory_region_new_io(self, "pc-testdev-memory", TESTDEV_MEMORY_SIZE,
                                            &testdev_memory_ops, self);
    emu_memory_region_add_subregion(emu_isa_bus_get_memory(emu_isa_device_get_bus(isa)),
                                    TESTDEV_MEMORY, self->memory, 1);
    return true;
}

static void
testdev_unrealize(EmuDevice *dev)
{
    PcTestdev *self = (PcTestdev *)dev;

    if (self->memory) {
        emu_memory_region_del_subregion(
            emu_isa_bus_get_memory(emu_isa_device_get_bus((EmuIsaDevice *)dev)), self->memory);
        self->memory = NULL;
    }
    g_clear_pointer(&self->bytes, g_free);
}

static void
testdev_reset_hold(EmuDevice *dev)
{
    PcTestdev *self = (PcTestdev *)dev;

    for (unsigned i = 0; i < TESTDEV_N_IRQS; i++) {
        if (self->levels >> i & 1) {
            emu_line_set(self->irq[i], 0);
        }
    }
    self->levels = 0;
    self->echo = 0;
    memset(self->bytes, 0, self->n_bytes);
}

static const EmuVMField testdev_fields[] = {
    EMU_VM_U32(PcTestdev, echo),
    EMU_VM_U32(PcTestdev, levels),
    EMU_VM_VBUFFER(PcTestdev, bytes, n_bytes),
    EMU_VM_END,
};

static const EmuVMState testdev_vmstate = {
    .name = "pc-testdev",
    .version = 1,
    .minimum_version = 1,
    .fields = testdev_fields,
};

static void
testdev_instance_init(gpointer obj)
{
    PcTestdev *self = obj;

    emu_device_add_lines_out(EMU_DEVICE(self), "irq", TESTDEV_N_IRQS, self->irq);
}

static void
testdev_class_init(gpointer klass, gconstpointer class_data)
{
    EmuDeviceClass *dc = klass;

    dc->realize = testdev_realize;
    dc->unrealize = testdev_unrealize;
    dc->reset_hold = testdev_reset_hold;
    dc->vmstate = &testdev_vmstate;
    dc->category = "misc";
    dc->user_creatable = true;
}

const EmuTypeInfo pc_testdev_type_info = {
    .name = "pc-testdev",
    .parent = "isa-device",
    .instance_size = sizeof(PcTestdev),
    .instance_init = testdev_instance_init,
    .class_init = testdev_class_init,
    .description = "ports and interrupt requests for x86 test programs",
};
