# SPDX-License-Identifier: @LICENSE@
# emu-plugin: @NAME@ 0.1
# emu-license: @LICENSE@
# emu-description: @TYPE@, a device in Python
# emu-provides: @TYPE@:pci-device
"""@TYPE@: a PCI card with a page of registers; register 8 raises the interrupt."""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu


class @CLASS@(Emu.PciDevice):
    """@TYPE@, a device in Python"""

    __gtype_name__ = "@TYPE@"
    pci_ids = (0x1234, 0x7001, 0xFF00)  # vendor, device, class: choose your own
    hotpluggable = True
    data = Emu.Saved(int)
    interrupt = Emu.Saved(int)
    regions = [Emu.RegionSpec("registers", 4096, bar=0)]

    def do_reset(self):
        self.data = self.interrupt = 0

    def do_read(self, region, offset, size):
        return {0: 0x1D0D1E, 4: self.data, 8: self.interrupt}.get(offset, 0)

    def do_write(self, region, offset, value, size):
        if offset == 4:
            self.data = value
        elif offset == 8:
            self.interrupt = value & 1
            self.set_irq(self.interrupt)
