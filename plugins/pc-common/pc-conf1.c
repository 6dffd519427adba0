/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "pc-conf1.h"

#define PC_CONF1_ADDRESS_PORT 0xcf8
#define PC_CONF1_DATA_PORT 0xcfc
#define PC_CONF1_ENABLE 0x80000000u

static uint64_t
pc_conf1_address_read(gpointer opaque, uint64_t offset, unsigned size)
{
    PcConf1 *self = opaque;

    return offset == 0 && size == 4 ? self->address : (1ull << (8 * size)) - 1;
}

/* Only 32-bit accesses are the register's; others are ordinary I/O, of which there is nothing here. */
static void
pc_conf1_address_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PcConf1 *self = opaque;

    if (offset == 0 && size == 4) {
        self->address = value;
    }
}

/* The address has words, of which the data port's low bits choose bytes. Guests of virtual PCs also leave the low bits of a register
 * in the address and read at the first byte of the port; where both say something, it is the same. */
static uint32_t
pc_conf1_get_register(const PcConf1 *self, uint64_t offset)
{
    return (self->address & ~PC_CONF1_ENABLE) | (uint32_t)offset;
}

static uint64_t
pc_conf1_data_read(gpointer opaque, uint64_t offset, unsigned size)
{
    PcConf1 *self = opaque;

    if (!(self->address & PC_CONF1_ENABLE)) {
        return (1ull << (8 * size)) - 1;
    }
    return emu_pci_config_load(self->bus, pc_conf1_get_register(self, offset), size);
}

static void
pc_conf1_data_write(gpointer opaque, uint64_t offset, uint64_t value, unsigned size)
{
    PcConf1 *self = opaque;

    if (self->address & PC_CONF1_ENABLE) {
        emu_pci_config_store(self->bus, pc_conf1_get_register(self, offset), value, size);
    }
}

static const EmuMemoryRegionOps pc_conf1_address_ops = {
    .read = pc_conf1_address_read,
    .write = pc_conf1_address_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

static const EmuMemoryRegionOps pc_conf1_data_ops = {
    .read = pc_conf1_data_read,
    .write = pc_conf1_data_write,
    .valid_min = 1,
    .valid_max = 4,
    .impl_min = 1,
    .impl_max = 4,
};

void
pc_conf1_init(PcConf1 *self, gpointer owner, EmuPciBus *bus)
{
    EmuMemoryRegion *io = emu_pci_bus_get_io(bus);

    self->bus = bus;
    self->address_region = emu_memory_region_new_io(owner, "pci-conf-idx", 4, &pc_conf1_address_ops, self);
    self->data_region = emu_memory_region_new_io(owner, "pci-conf-data", 4, &pc_conf1_data_ops, self);
    emu_memory_region_add_subregion(io, PC_CONF1_ADDRESS_PORT, self->address_region, 0);
    emu_memory_region_add_subregion(io, PC_CONF1_DATA_PORT, self->data_region, 0);
}

void
pc_conf1_finish(PcConf1 *self)
{
    emu_memory_region_del_subregion(emu_memory_region_get_container(self->data_region), self->data_region);
    emu_memory_region_del_subregion(emu_memory_region_get_container(self->address_region), self->address_region);
}
