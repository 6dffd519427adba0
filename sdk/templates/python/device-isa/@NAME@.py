# SPDX-License-Identifier: @LICENSE@
# emu-plugin: @NAME@ 0.1
# emu-license: @LICENSE@
# emu-description: @TYPE@, a device in Python
# emu-provides: @TYPE@:isa-device
"""@TYPE@: four ports; writing 1 to the second one raises the interrupt, 0 takes it back."""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu, GObject


class @CLASS@(Emu.IsaDevice):
    """@TYPE@, a device in Python"""

    __gtype_name__ = "@TYPE@"
    iobase = GObject.Property(type=int, default=0x300, minimum=0, maximum=0xFFFC, blurb="first port")
    irq = GObject.Property(type=int, default=5, minimum=0, maximum=15, blurb="interrupt request")
    data = Emu.Saved(int)
    control = Emu.Saved(int)
    regions = [Emu.RegionSpec("registers", 4, "io", at="iobase")]

    def do_reset(self):
        self.data = self.control = 0
        self.set_irq(0)

    def do_read(self, region, offset, size):
        return self.data if offset == 0 else self.control if offset == 1 else 0

    def do_write(self, region, offset, value, size):
        if offset == 0:
            self.data = value & 0xFF
        elif offset == 1:
            self.control = value & 1
            self.set_irq(self.control)
