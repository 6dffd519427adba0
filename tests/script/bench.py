# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts cost: accesses to a device in Python, guest memory, registers, snapshots, machines. Prints; asserts no time.

Times are the process's CPU time, so that a busy machine says much the same as a quiet one.
"""

import os
import sys
import time

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu


class Port(Emu.IsaDevice):
    """A port, and the same in memory"""

    __gtype_name__ = "bench-port"
    latch = Emu.Saved(int)
    regions = [Emu.RegionSpec("port", 16, "io", at=0x300), Emu.RegionSpec("window", 16, "memory", at=0xD0000)]

    def do_read(self, region, offset, size):
        return 0x42

    def do_write(self, region, offset, value, size):
        self.latch = value


def prepared(m, code):
    m.memory[0x7C00:0x7C00 + len(code)] = code
    for name, value in {"cs": 0, "ds": 0xD000, "ss": 0, "rsp": 0x7000, "eflags": 2, "rip": 0x7C00}.items():
        m.cpus[0].regs[name] = value
    return m.breakpoint(0x7C00 + len(code) - 1)


def accesses(m, instruction, count=200000):
    """Real mode: mov dx, 0x300; mov ecx, count; again: the instruction; dec ecx; jnz again; hlt"""
    code = b"\xba\x00\x03\x66\xb9" + count.to_bytes(4, "little") + instruction + b"\x66\x49\x75" + bytes([(-4 - len(instruction)) & 0xFF]) + b"\xf4"
    end = prepared(m, code)
    start = time.process_time()
    assert m.run(timeout=300) is end
    seconds = time.process_time() - start
    end.delete()
    return count / seconds


def each(function, seconds=0.2):
    n, start, end = 0, time.process_time(), time.monotonic() + 4 * seconds
    while time.process_time() - start < seconds and time.monotonic() < end:
        function()
        n += 1
    return (time.process_time() - start) / n


def best(function, rounds=3):
    return max(function() for _ in range(rounds))


def main():
    with Emu.Machine.new("pc", memory="64M") as m:
        m.add(Port)
        m.start(paused=True)
        for what, instruction in (("port reads", b"\xec"), ("port writes", b"\xee"), ("MMIO reads", b"\xa0\x00\x00"), ("MMIO writes", b"\xa2\x00\x00")):
            rate = best(lambda: accesses(m, instruction))
            print(f"device in Python: {rate:12,.0f} {what} a second (wanted: 500,000)")
        print(f"device in C:      {best(lambda: accesses(m, bytes([0xe4, 0x92]))):12,.0f} port reads a second")
        m.memory[0x100000:0x200000] = os.urandom(1 << 20)
        read = min(each(lambda: m.memory.read(0x100000, 1 << 20)) for _ in range(3))
        print(f"memory: 1 MiB read in {read * 1e6:.0f} us (wanted: 100), written in {each(lambda: m.memory.write(0x100000, bytes(1 << 20))) * 1e6:.0f} us,"
              f" 4 bytes in {each(lambda: m.memory.read_u32(0x1000)) * 1e6:.2f} us")
        cpu = m.cpus[0]
        prepared(m, b"\xeb\xfe").delete()
        print(f"register: read in {each(lambda: cpu.regs.rax) * 1e6:.2f} us, written in {each(lambda: setattr(cpu.regs, 'rax', 1)) * 1e6:.2f} us;"
              f" a step in {each(cpu.step) * 1e6:.0f} us")
        print(f"QMP: query-status in {each(lambda: m.qmp('query-status')) * 1e6:.0f} us")
        states = []
        print(f"snapshot of 64 MiB: taken in {each(lambda: states.append(m.snapshot())) * 1e3:.1f} ms, restored in {each(lambda: states[0].restore()) * 1e3:.1f} ms")

    def life(board):
        with Emu.Machine.new(board, memory="16M") as m:
            m.start(paused=True)

    print(f"create and destroy: pc {each(lambda: life('pc'), 1) * 1e3:.1f} ms, none {each(lambda: life('none'), 1) * 1e3:.2f} ms")


if __name__ == "__main__":
    sys.exit(main())
