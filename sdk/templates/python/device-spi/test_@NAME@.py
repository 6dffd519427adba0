# SPDX-License-Identifier: @LICENSE@
"""A machine without CPU, and a controller that is the test: select, write, read, saved state. Prints TAP."""

import os

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu


class Controller(Emu.SysbusDevice):
    """What the device plugs into"""

    __gtype_name__ = "@NAME@-test-controller"

    def do_realize(self):
        self.spi = self.add_spi_bus("spi", selects=2)


Emu.Registry.get_default().add_plugin_dir(os.path.dirname(os.path.abspath(__file__)))
with Emu.Machine.new("none") as m:
    controller = m.add(Controller)
    m.add("@TYPE@", bus="spi", cs=1)
    m.realize()

    def exchange(*words):
        return controller.spi.exchange(bytes(words), select=1)

    assert exchange(0x83, 0, 0)[1:] == b"\x03\x04"
    exchange(0x03, 0x99)
    with m.snapshot():
        exchange(0x03, 0x11)
    assert exchange(0x83, 0)[1] == 0x99
print("1..1\nok 1 @TYPE@")
