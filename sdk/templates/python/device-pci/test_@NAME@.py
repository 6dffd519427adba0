# SPDX-License-Identifier: @LICENSE@
"""A machine whose CPU does not run: configuration space, registers, saved state. Prints TAP."""

import os

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

Emu.Registry.get_default().add_plugin_dir(os.path.dirname(os.path.abspath(__file__)))
with Emu.Machine.new("pc", memory="16M") as m:
    device = m.add("@TYPE@", addr="9")
    m.realize()

    def config(register, value=None, size=4):
        m.io.write_u32(0xCF8, 0x80000000 | 9 << 11 | register)
        return m.io.load(0xCFC, size) if value is None else m.io.store(0xCFC, size, value)

    assert config(0) == 0x70011234
    config(0x10, 0xFEB00000)
    config(4, 2, 2)
    assert m.memory.read_u32(0xFEB00000) == 0x1D0D1E
    m.memory.write_u32(0xFEB00004, 77)
    with m.snapshot():
        m.memory.write_u32(0xFEB00004, 1)
    assert m.memory.read_u32(0xFEB00004) == 77
print("1..1\nok 1 @TYPE@")
