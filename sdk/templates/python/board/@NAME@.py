# SPDX-License-Identifier: @LICENSE@
# emu-plugin: @NAME@ 0.1
# emu-license: @LICENSE@
# emu-description: @TYPE@, a board in Python
# emu-provides: @TYPE@-machine:machine
"""A board: emu -M @TYPE@

  0x00000000  RAM, as much as -m says
  0x10000000  POWER: writing V ends emu with exit status V

It has no CPU unless one is asked for with -cpu.
"""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu


class @CLASS@(Emu.Board):
    """@TYPE@, a board in Python"""

    __gtype_name__ = "@TYPE@-machine"
    memory = "16M"
    regions = [Emu.RegionSpec("power", 8, at=0x10000000)]

    def do_build(self):
        if self.ram_size > 0x10000000:
            raise ValueError("takes at most 256 MiB of RAM")
        self.map_ram(0)
        self.create_cpus()

    def do_read(self, region, offset, size):
        return 0

    def do_write(self, region, offset, value, size):
        self.exit(value & 0xFF)
