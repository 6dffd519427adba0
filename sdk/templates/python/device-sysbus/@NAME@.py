# SPDX-License-Identifier: @LICENSE@
# emu-plugin: @NAME@ 0.1
# emu-license: @LICENSE@
# emu-description: @TYPE@, a device in Python
# emu-provides: @TYPE@:sys-bus-device
"""@TYPE@: memory-mapped registers at an address that the user chooses."""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu, GObject


class @CLASS@(Emu.SysbusDevice):
    """@TYPE@, a device in Python"""

    __gtype_name__ = "@TYPE@"
    address = GObject.Property(type=GObject.TYPE_UINT64, default=0xFED80000, blurb="where its registers are")
    data = Emu.Saved(int)
    regions = [Emu.RegionSpec("registers", 16, at="address")]
    outputs = {"alarm": 1}

    def do_reset(self):
        self.data = 0

    def do_read(self, region, offset, size):
        return self.data if offset == 0 else 0

    def do_write(self, region, offset, value, size):
        if offset == 0:
            self.data = value
            self.output("alarm").set(int(value > 100))
