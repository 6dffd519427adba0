# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interrupt request 5 by hand: the script drives the input of the interrupt controller, the guest's handler counts."""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

HANDLER = bytes([0xFF, 0x06, 0x00, 0x90,  # inc word [0x9000]
                 0x50, 0xB0, 0x20, 0xE6, 0x20, 0x58,  # end of interrupt
                 0xCF])                   # iret

with Emu.Machine.new("pc", memory="16M") as m:
    m.start(paused=True)
    cpu = m.cpus[0]
    while "No bootable device" not in (m.screen.text or "") or cpu.regs.cr0 & 1:
        m.run(until=m.virtual_time("50ms"))  # the firmware sets the controllers up
    m.memory[0x8000:0x8000 + len(HANDLER)] = HANDLER
    m.memory[0x7C00:0x7C04] = bytes([0xFB, 0xF4, 0xEB, 0xFD])  # sti; hlt; again
    m.memory.write_u32(4 * 0x0D, 0x8000)  # real mode: IRQ 5 is vector 0x0d
    m.memory.write_u16(0x9000, 0)
    m.io.write_u8(0x21, 0xDF)             # 8259: all masked but 5
    m.io.write_u8(0x20, 0x0B)             # its requests in service: one that the firmware was about would keep 5 back
    while m.io.read_u8(0x20):
        m.io.write_u8(0x20, 0x20)
    for name, value in {"cs": 0, "ds": 0, "ss": 0, "rsp": 0x7000, "eflags": 2, "rip": 0x7C00}.items():
        cpu.regs[name] = value
    pic = next(child for child in m.lookup("/machine/unattached").list_children() if child.type_name == "isa-i8259" and child["master"])
    request = pic.input(index=5)
    for n in range(1, 4):
        request.set(1)
        while m.memory.read_u16(0x9000) < n:
            m.run(until=m.virtual_time("20ms"))
        request.set(0)
        print("handled:", m.memory.read_u16(0x9000))
        assert m.memory.read_u16(0x9000) == n
