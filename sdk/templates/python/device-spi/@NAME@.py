# SPDX-License-Identifier: @LICENSE@
# emu-plugin: @NAME@ 0.1
# emu-license: @LICENSE@
# emu-description: @TYPE@, a device in Python
# emu-provides: @TYPE@:spi-device
"""@TYPE@: sixteen registers; the first byte after the select is a number, with 0x80 for a read."""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu


class @CLASS@(Emu.SpiDevice):
    """@TYPE@, a device in Python"""

    __gtype_name__ = "@TYPE@"
    memory = Emu.Saved(bytes, size=16)
    number = Emu.Saved(int)
    begun = Emu.Saved(bool)

    def do_reset(self):
        self.memory = bytes(range(16))
        self.begun = False

    def do_select(self, active):
        self.begun = not active

    def do_transfer(self, word):
        if not self.begun:
            self.number, self.begun = word & 0x8F, True
            return 0
        at = self.number & 15
        value = self.memory[at]
        if not self.number & 0x80:
            self.memory = self.memory[:at] + bytes([word]) + self.memory[at + 1:]
        self.number = self.number & 0x80 | at + 1 & 15
        return value
