# SPDX-License-Identifier: LGPL-2.1-or-later
"""A board that nobody has built: a CPU, memory, a ROM of 40 bytes, a serial port and a light."""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

# Where an x86 CPU begins: 16 bytes below 1 MiB. Jumps to the program at the beginning of the ROM.
RESET = bytes([0xEA, 0x00, 0x00, 0x00, 0xF0])
PROGRAM = bytes([0xBE, 0x18, 0x00,        # mov si, text
                 0xBA, 0xF8, 0x03,        # mov dx, 0x3f8
                 0x2E, 0xAC,              # again: lods al, cs:[si]
                 0x84, 0xC0, 0x74, 0x03,  # test al, al; jz done
                 0xEE, 0xEB, 0xF7,        # out dx, al; jmp again
                 0xB0, 0x01, 0xE6, 0x80,  # done: out 0x80, 1
                 0xF4, 0xEB, 0xFD, 0x90, 0x90]) + b"hello from a board of my own\r\n\0"


class Lamp(Emu.Board):
    """A lamp with a serial port"""

    __gtype_name__ = "lamp-machine"
    cpu = "qemu64-x86_64-cpu"
    memory = "1M"
    regions = [Emu.RegionSpec("lamp", 1, "io", at=0x80)]
    lit = False

    def do_build(self):
        self.map_ram(0, size=0xF0000)
        rom = PROGRAM.ljust(0xFFF0, b"\0") + RESET.ljust(16, b"\0")
        self.add_rom("rom", 0xF0000, rom)
        self.add_rom("rom at the top", 0xFFFF0000, rom)
        self.create_cpus()
        self.add("isa-serial", bus=self.add_isa_bus(), chardev="serial0", iobase=0x3F8)

    def do_write(self, region, offset, value, size):
        self.lit = bool(value & 1)


with Emu.Machine.new(Lamp) as m:
    m.start()
    print("it says:", m["serial0"].expect("hello.*own", timeout=600)[0])
    board = m.lookup("/machine")
    while not board.lit:
        m.run(until=m.virtual_time("1ms"))
    print("the lamp is lit")
