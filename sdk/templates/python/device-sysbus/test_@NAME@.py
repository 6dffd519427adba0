# SPDX-License-Identifier: @LICENSE@
"""A machine whose CPU does not run: registers, line, saved state. Prints TAP."""

import os

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

Emu.Registry.get_default().add_plugin_dir(os.path.dirname(os.path.abspath(__file__)))
with Emu.Machine.new("pc", memory="16M") as m:
    device = m.add("@TYPE@", address=0xFED80000)
    m.realize()
    alarm = m.observe(device.output("alarm"))
    m.memory.write_u32(0xFED80000, 123)
    assert [change.value for change in alarm.take()] == [1]
    with m.snapshot():
        m.memory.write_u32(0xFED80000, 1)
    assert m.memory.read_u32(0xFED80000) == 123
print("1..1\nok 1 @TYPE@")
