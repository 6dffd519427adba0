# SPDX-License-Identifier: @LICENSE@
"""A machine whose CPU does not run: registers, interrupt, saved state. Prints TAP."""

import os

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

Emu.Registry.get_default().add_plugin_dir(os.path.dirname(os.path.abspath(__file__)))
with Emu.Machine.new("pc", memory="16M") as m:
    device = m.add("@TYPE@", iobase=0x300, irq=5)
    m.realize()
    m.io.write_u8(0x300, 0x5A)
    assert m.io.read_u8(0x300) == 0x5A
    irq = m.observe(device.output("irq"))
    m.io.write_u8(0x301, 1)
    assert [change.value for change in irq.take()] == [1]
    with m.snapshot():
        m.io.write_u8(0x300, 0)
    assert m.io.read_u8(0x300) == 0x5A
print("1..1\nok 1 @TYPE@")
