# SPDX-License-Identifier: @LICENSE@
"""The board's memory map, and what it refuses. Prints TAP."""

import os

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

Emu.Registry.get_default().add_plugin_dir(os.path.dirname(os.path.abspath(__file__)))
with Emu.Machine.new("@TYPE@") as m:
    m.realize()
    m.memory.write_u32(0x1000, 0x12345678)
    assert m.memory.read_u32(0x1000) == 0x12345678
    assert m.memory.read_u32(0x10000000) == 0
try:
    with Emu.Machine.new("@TYPE@", memory="512M") as m:
        m.realize()
    raise AssertionError("512 MiB are taken")
except Emu.Error as error:
    assert "256 MiB" in str(error)
print("1..1\nok 1 @TYPE@")
