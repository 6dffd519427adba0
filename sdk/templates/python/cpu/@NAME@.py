# SPDX-License-Identifier: @LICENSE@
# emu-plugin: @NAME@ 0.1
# emu-license: @LICENSE@
# emu-description: @TYPE@, a CPU and a board for it in Python
# emu-provides: @TYPE@-cpu:cpu @TYPE@-machine:machine
"""@TYPE@: a CPU of six instructions, and a board that runs it from address 0: emu -M @TYPE@

Sixteen registers of 32 bits; an instruction is four bytes: opcode, register r, 16 bits i (little-endian).

  0 HALT                        3 LOAD   r = memory[reg i]
  1 SET   r = i                 4 STORE  memory[reg i] = r
  2 ADD   r = r + reg i         5 LOOP   r = r - 1; when it is not 0: pc = pc + i * 4 (signed)
"""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

NAMES = ("halt", "set", "add", "load", "store", "loop")


class @CLASS@(Emu.Cpu):
    """@TYPE@, a CPU in Python"""

    __gtype_name__ = "@TYPE@-cpu"
    registers = {"pc": 4, **{f"r{i}": 4 for i in range(16)}}  # attributes; the program counter first

    def do_step(self):
        word = self.load(self.pc, 4)
        opcode, r, i = word & 0xFF, f"r{word >> 8 & 15}", word >> 16
        other = f"r{i & 15}"
        value = getattr(self, r)
        self.pc += 4
        if opcode == 1:
            setattr(self, r, i)
        elif opcode == 2:
            setattr(self, r, value + getattr(self, other))
        elif opcode == 3:
            setattr(self, r, self.load(getattr(self, other), 4))
        elif opcode == 4:
            self.store(getattr(self, other), 4, value)
        elif opcode == 5:
            setattr(self, r, value - 1)
            if value != 1:
                self.pc += ((i ^ 0x8000) - 0x8000 - 1) * 4
        else:
            self.halted = True

    def do_disassemble(self, address, code):
        name = NAMES[code[0]] if code[0] < len(NAMES) else "?"
        return 4, f"{name} r{code[1] & 15}, {code[2] | code[3] << 8}"


class @CLASS@Board(Emu.Board):
    """RAM and one @TYPE@"""

    __gtype_name__ = "@TYPE@-machine"
    cpu = @CLASS@
    memory = "16M"

    def do_build(self):
        self.map_ram(0)
        self.create_cpus()
