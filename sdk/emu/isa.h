/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* ISA: 16 interrupt requests, I/O ports, 8 DMA channels. */

#include <emu/device.h>

G_BEGIN_DECLS

#define EMU_TYPE_ISA_BUS (emu_isa_bus_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuIsaBus, emu_isa_bus, EMU, ISA_BUS, EmuBus)

#define EMU_TYPE_ISA_DEVICE (emu_isa_device_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_DERIVABLE_TYPE(EmuIsaDevice, emu_isa_device, EMU, ISA_DEVICE, EmuDevice)
struct _EmuIsaDeviceClass {
    EmuDeviceClass parent_class;
    /* The bus has other DMA controllers than before, or none: ask emu_isa_bus_get_dma() again. Optional: for those who keep the answer. */
    void (*dma_changed)(EmuIsaDevice *self);
    EMU_RESERVED_SLOTS(3);
};

/* The bridge makes the bus and gives it its address spaces' regions and, once there, its 16 request lines (inputs). */
EMU_AVAILABLE_IN_1_0 EmuIsaBus *emu_isa_bus_new(EmuDevice *bridge, EmuMemoryRegion *memory, EmuMemoryRegion *io);
EMU_AVAILABLE_IN_1_0 void emu_isa_bus_set_irqs(EmuIsaBus *self, EmuLine *const irqs[16]);
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_isa_bus_get_memory(EmuIsaBus *self); /* where devices map memory */
EMU_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_isa_bus_get_io(EmuIsaBus *self); /* where devices map ports */
/* The request input 0..15, to connect a device's output to; NULL when out of range or not set. */
EMU_AVAILABLE_IN_1_0 EmuLine *emu_isa_bus_get_irq(EmuIsaBus *self, unsigned irq);
EMU_AVAILABLE_IN_1_0 EmuIsaBus *emu_isa_device_get_bus(EmuIsaDevice *dev);
/* Connects output @line to request @irq; fails with a message when irq is out of range. */
EMU_AVAILABLE_IN_1_0 bool emu_isa_device_connect_irq(EmuIsaDevice *dev, EmuLine *line, unsigned irq, GError **error);
/* Maps an I/O region at a port; unmapped again at unrealize. */
EMU_AVAILABLE_IN_1_0 void emu_isa_device_map_io(EmuIsaDevice *dev, EmuMemoryRegion *region, uint16_t port);

/* DMA: implemented by the 8237 pair. A device registers a handler per channel; it is called with the
 * channel's position and size while its request is held, transfers with read/write_memory, and returns the new position. */
#define EMU_TYPE_ISA_DMA (emu_isa_dma_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuIsaDma, emu_isa_dma, EMU, ISA_DMA, EmuObject)
typedef int (*EmuIsaDmaFunc)(gpointer opaque, int channel, int pos, int size);
typedef enum { EMU_ISA_DMA_VERIFY = 0, EMU_ISA_DMA_WRITE_MEM = 1, EMU_ISA_DMA_READ_MEM = 2 } EmuIsaDmaDirection;
struct _EmuIsaDmaInterface {
    GTypeInterface parent_iface;
    void (*register_channel)(EmuIsaDma *self, int channel, EmuIsaDmaFunc fn, gpointer opaque);
    int (*read_memory)(EmuIsaDma *self, int channel, void *buf, int pos, int len);  /* memory -> device */
    int (*write_memory)(EmuIsaDma *self, int channel, const void *buf, int pos, int len);
    void (*hold_request)(EmuIsaDma *self, int channel);
    void (*release_request)(EmuIsaDma *self, int channel);
    EmuIsaDmaDirection (*get_direction)(EmuIsaDma *self, int channel);
    bool (*has_autoinit)(EmuIsaDma *self, int channel);
    void (*schedule)(EmuIsaDma *self);
    EMU_RESERVED_SLOTS(4);
};
EMU_AVAILABLE_IN_1_0 void emu_isa_bus_set_dma(EmuIsaBus *self, EmuIsaDma *low, EmuIsaDma *high); /* of channels 0 to 3, and 5 to 7; NULL: none. The bus tells its devices (dma_changed). */
/* The controller of a channel (0..3 low, 5..7 high); NULL when there is none. */
EMU_AVAILABLE_IN_1_0 EmuIsaDma *emu_isa_bus_get_dma(EmuIsaBus *self, int channel);

G_END_DECLS
