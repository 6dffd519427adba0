/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text of "info pci". */

#include "device/pci-private.h"

#include <inttypes.h>

static const struct {
    uint16_t class_id;
    const char *name;
} pci_classes[] = {
    {0x0100, "SCSI controller"},  {0x0101, "IDE controller"},        {0x0102, "Floppy controller"},  {0x0106, "SATA controller"},
    {0x0108, "Class 0108"},       {0x0200, "Ethernet controller"},   {0x0300, "VGA controller"},     {0x0380, "Display controller"},
    {0x0401, "Audio controller"}, {0x0403, "Audio controller"},      {0x0500, "RAM controller"},     {0x0600, "Host bridge"},
    {0x0601, "ISA bridge"},       {0x0604, "PCI bridge"},            {0x0680, "Bridge"},             {0x0700, "Serial port"},
    {0x0780, "Communication controller"}, {0x0880, "System peripheral"}, {0x0c03, "USB controller"}, {0x0c05, "SMBus"},
};

static void
describe_bar(GString *out, const PciBar *bar, unsigned index)
{
    uint64_t last = bar->addr + bar->size - 1;

    if (bar->flags & EMU_PCI_BAR_IO) {
        g_string_append_printf(out, "      BAR%u: I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n", index, bar->addr, last);
    } else {
        g_string_append_printf(out, "      BAR%u: %u bit%s memory at 0x%08" PRIx64 " [0x%08" PRIx64 "].\n", index,
                               bar->flags & EMU_PCI_BAR_MEM64 ? 64u : 32u, bar->flags & EMU_PCI_BAR_PREFETCH ? " prefetchable" : "",
                               bar->addr, last);
    }
}

static void
describe_function(GString *out, EmuPciBus *bus, EmuPciDevice *dev)
{
    EmuPciDevicePrivate *p = emu_pci_device_priv(dev);
    uint16_t class_id = pci_get_u16(p->config + PCI_CLASS);
    const char *name = NULL, *id = emu_device_get_id(EMU_DEVICE(dev));

    for (unsigned i = 0; i < G_N_ELEMENTS(pci_classes) && !name; i++) {
        name = pci_classes[i].class_id == class_id ? pci_classes[i].name : NULL;
    }
    g_string_append_printf(out, "  Bus %2u, device %3d, function %d:\n    ", emu_pci_bus_get_number(bus), p->devfn >> 3, p->devfn & 7);
    if (name) {
        g_string_append(out, name);
    } else {
        g_string_append_printf(out, "Class %04x", class_id);
    }
    g_string_append_printf(out, ": PCI device %04x:%04x\n", pci_get_u16(p->config + PCI_VENDOR_ID), pci_get_u16(p->config + PCI_DEVICE_ID));
    if (!EMU_PCI_DEVICE_GET_CLASS(dev)->is_bridge && pci_get_u16(p->config + PCI_SUBSYSTEM_VENDOR_ID)) {
        g_string_append_printf(out, "      PCI subsystem %04x:%04x\n", pci_get_u16(p->config + PCI_SUBSYSTEM_VENDOR_ID),
                               pci_get_u16(p->config + PCI_SUBSYSTEM_ID));
    }
    if (p->config[PCI_INTERRUPT_PIN]) {
        g_string_append_printf(out, "      IRQ %u, pin %c\n", p->config[PCI_INTERRUPT_LINE], 'A' + (p->config[PCI_INTERRUPT_PIN] - 1) % 4);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(p->bars); i++) {
        if (p->bars[i].region) {
            describe_bar(out, &p->bars[i], i);
        }
    }
    g_string_append_printf(out, "      id \"%s\"\n", id ? id : "");
}

static bool
describe_buses(EmuObject *object, gpointer data)
{
    if (EMU_IS_PCI_BUS(object)) {
        for (unsigned devfn = 0; devfn < 256; devfn++) {
            EmuPciDevice *dev = emu_pci_bus_get_device(EMU_PCI_BUS(object), devfn);

            if (dev) {
                describe_function(data, EMU_PCI_BUS(object), dev);
            }
        }
    }
    emu_object_foreach_child(object, describe_buses, data);
    return false;
}

char *
emu_describe_pci(EmuMachine *machine)
{
    GString *out = g_string_new(NULL);

    describe_buses(EMU_OBJECT(machine), out);
    if (!out->len) {
        g_string_append(out, "No PCI buses\n");
    }
    return g_string_free(out, FALSE);
}
