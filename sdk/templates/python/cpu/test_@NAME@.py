# SPDX-License-Identifier: @LICENSE@
"""Runs a program on the CPU, stops it in the middle, looks at what it left in memory. Prints TAP."""

import os

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

# 1 + 2 + ... + 10 -> memory[0x100]
PROGRAM = bytes([1, 0, 0, 0,        # set   r0, 0      sum
                 1, 1, 10, 0,       # set   r1, 10     counter
                 2, 0, 1, 0,        # add   r0, r1
                 5, 1, 0xFF, 0xFF,  # loop  r1, -1
                 1, 2, 0, 1,        # set   r2, 0x100
                 4, 0, 2, 0,        # store r0, [r2]
                 0, 0, 0, 0])       # halt

Emu.Registry.get_default().add_plugin_dir(os.path.dirname(os.path.abspath(__file__)))
with Emu.Machine.new("@TYPE@") as m:
    m.start(paused=True)
    m.memory[0:len(PROGRAM)] = PROGRAM
    cpu = m.cpus[0]
    assert cpu.disassemble(8, 1) == ["0x8: add r0, 1"]
    m.run(until=m.breakpoint(0x10), timeout=60)
    assert (cpu.pc, cpu.regs.r0, cpu.regs.r1) == (0x10, 55, 0)
    middle = m.snapshot()
    cpu.step(2)
    assert m.memory.read_u32(0x100) == 55
    middle.restore()
    assert (m.memory.read_u32(0x100), cpu.pc) == (0, 0x10)
    m.start()
    while not cpu.halted:
        m.run(until=m.virtual_time("1ms"), timeout=60)
    assert m.memory.read_u32(0x100) == 55
print("1..1\nok 1 @TYPE@")
