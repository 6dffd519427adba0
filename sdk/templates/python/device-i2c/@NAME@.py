# SPDX-License-Identifier: @LICENSE@
# emu-plugin: @NAME@ 0.1
# emu-license: @LICENSE@
# emu-description: @TYPE@, a device in Python
# emu-provides: @TYPE@:i2c-device
"""@TYPE@: sixteen bytes behind a pointer, as most I2C chips have them."""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu


class @CLASS@(Emu.I2cDevice):
    """@TYPE@, a device in Python"""

    __gtype_name__ = "@TYPE@"
    memory = Emu.Saved(bytes, size=16)
    pointer = Emu.Saved(int)
    begun = Emu.Saved(bool)

    def do_reset(self):
        self.memory = bytes(range(16))
        self.pointer = 0

    def do_i2c(self, what, data):
        if what == 1:  # the master begins to send: a pointer comes first
            self.begun = True
        elif what == 4 and self.begun:
            self.pointer, self.begun = data % 16, False
        elif what == 4:
            self.memory = self.memory[:self.pointer] + bytes([data]) + self.memory[self.pointer + 1:]
            self.pointer = (self.pointer + 1) % 16
        elif what == 5:
            value = self.memory[self.pointer]
            self.pointer = (self.pointer + 1) % 16
            return value
        return 0
