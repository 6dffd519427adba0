# SPDX-License-Identifier: LGPL-2.1-or-later
"""A CPU that is in a guest of its guest's: snapshots of it."""

import sys

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

import tap
from tap import equal

VMCB, MAPS = 0x5000, 0x10000
COUNT = 0x9000
# 16-bit code at level 0 that turns on protected mode and EFER.SVME, runs the guest, and says on the serial line what the exit code was
# ('A': VMMCALL).
HOST = bytes([
    0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0,              # 7c00 mov eax, cr0; or al, 1; mov cr0, eax
    0x66, 0xB9, 0x80, 0x00, 0x00, 0xC0, 0x0F, 0x32,              # 7c08 mov ecx, EFER; rdmsr
    0x80, 0xCC, 0x10, 0x0F, 0x30,                                # 7c10 or ah, 0x10; wrmsr
    0x66, 0xB8, 0x00, 0x50, 0x00, 0x00, 0x0F, 0x01, 0xD8,        # 7c15 again: mov eax, VMCB; vmrun
    0xA0, 0x70, 0x50, 0x2C, 0x40, 0xBA, 0xF8, 0x03, 0xEE,        # 7c1e mov al, [VMCB + 0x70]; sub al, 0x40; out 0x3f8, al
    0x83, 0x06, 0x78, 0x55, 0x03,                                # 7c27 add word [VMCB + 0x578], 3: behind VMMCALL
    0xEB, 0xE7])                                                 # 7c2c jmp again
# Real mode: counts, and calls its hypervisor when something comes on the serial line.
GUEST = bytes([
    0xFF, 0x06, 0x00, 0x90,                                      # 8000 again: inc word [COUNT]
    0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x01, 0x74, 0xF4,              # 8004 in al, 0x3fd; test al, 1; jz again
    0xBA, 0xF8, 0x03, 0xEC,                                      # 800c in al, 0x3f8
    0x0F, 0x01, 0xD9,                                            # 8010 vmmcall
    0xEB, 0xEB])                                                 # 8013 jmp again


def vmcb(m, offset, value, size=8):
    m.memory[VMCB + offset:VMCB + offset + size] = value.to_bytes(size, "little")


def machine(accel):
    m = Emu.Machine.new("pc", memory="16M", accel=accel, cpu="max")
    m.start(paused=True)
    m.memory[0x7C00:0x7C00 + len(HOST)] = HOST
    m.memory[0x8000:0x8000 + len(GUEST)] = GUEST
    vmcb(m, 0x10, 3, 4)  # VMRUN and VMMCALL are intercepted
    vmcb(m, 0x40, MAPS)
    vmcb(m, 0x48, MAPS)
    vmcb(m, 0x58, 1, 4)  # ASID
    for seg, attr in enumerate((0x93, 0x9B, 0x93, 0x93)):
        vmcb(m, 0x400 + 16 * seg, attr << 16 | 0xFFFF << 32)
    vmcb(m, 0x4D0, 0x1000)  # EFER
    vmcb(m, 0x558, 0x10)  # CR0
    vmcb(m, 0x568, 0xFFFF0FF0)
    vmcb(m, 0x560, 0x400)
    vmcb(m, 0x570, 2)
    vmcb(m, 0x578, 0x8000)
    vmcb(m, 0x5D8, 0x7000)
    m.io.write_u8(0x3FB, 3)
    for name, value in {"cs": 0, "ds": 0, "ss": 0, "rsp": 0x7000, "eflags": 2, "rip": 0x7C00}.items():
        m.cpus[0].regs[name] = value
    return m


def counted(m):
    return m.memory.read_u16(COUNT)


def in_guest(m):
    return 0x8000 <= m.cpus[0].pc < 0x8000 + len(GUEST)


def run_until_counted(m):
    before = counted(m)
    while counted(m) == before or not in_guest(m):
        m.run(timeout=0.01)


def test_snapshots():
    for accel in "jit", "interp":
        with machine(accel) as m:
            run_until_counted(m)
            inside, count, pc = m.snapshot(), counted(m), m.cpus[0].pc
            # The guest leaves, as often as it is told to.
            for _ in range(2):
                m["serial0"].send("a")
                m.run(until=m.text("A"), timeout=600)
                run_until_counted(m)
                inside.restore()
                equal((counted(m), m.cpus[0].pc), (count, pc))


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
