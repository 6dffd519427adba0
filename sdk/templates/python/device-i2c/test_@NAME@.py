# SPDX-License-Identifier: @LICENSE@
"""A machine whose CPU does not run: the PC's SMBus reads and writes a byte. Prints TAP."""

import os

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

Emu.Registry.get_default().add_plugin_dir(os.path.dirname(os.path.abspath(__file__)))
with Emu.Machine.new("pc", memory="16M") as m:
    device = m.add("@TYPE@", address=0x48)
    m.realize()
    PM = 0x80000000 | (1 << 3 | 3) << 8  # the PIIX4's SMBus host goes to port 0xb100
    for register, value in (0x90, 0xB101), (0xD0, 0x10000):
        m.io.write_u32(0xCF8, PM | register)
        m.io.write_u32(0xCFC, value)

    def transfer(read, command, data=0):
        for port, value in (0xB100, 0x1E), (0xB104, 0x48 << 1 | read), (0xB103, command), (0xB105, data), (0xB102, 0x48):
            m.io.write_u8(port, value)
        while not m.io.read_u8(0xB100) & 0x1E:
            m.run(until=m.virtual_time("1ms"))
        return m.io.read_u8(0xB105)

    assert transfer(1, 3) == 3
    transfer(0, 3, 0x99)
    assert transfer(1, 3) == 0x99
print("1..1\nok 1 @TYPE@")
