# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPUs in Python: instructions, interrupts, halts, debuggers, exceptions, wrong descriptions."""

import sys
import time

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

import tap
from tap import equal, raises


class Counter(Emu.Cpu):
    """Opcodes of one byte: 0 halt, 1 increment, 2 store at 0x80, 3 take interrupts, 4 jump to 0, 9 fail"""

    __gtype_name__ = "test-counter-cpu"
    registers = {"pc": 2, "a": 1, "taken": 8}
    irqs = 2

    def do_reset(self):
        self.a = 0x1F0

    def do_step(self):
        code = self.fetch(self.pc, 9)[0]
        self.pc += 1
        if code == 0:
            self.halted = True
        elif code == 1:
            self.a += 1
        elif code == 2:
            self.store(0x80, 1, self.a)
        elif code == 3:
            self.takes_interrupts = True
        elif code == 4:
            self.pc = 0
        elif code == 9:
            raise ArithmeticError("opcode 9")

    def do_interrupt(self):
        self.taken += self.irq_levels
        self.pc = 0x40

    def do_disassemble(self, address, code):
        return 1, f"op {code[0]}"


class CounterBoard(Emu.Board):
    """RAM and a counter"""

    __gtype_name__ = "test-counter-machine"
    cpu = Counter
    memory = "1M"
    program = b"\1\2\0"

    def do_build(self):
        self.map_ram(0)
        self.the_cpu = self.create_cpus()[0]


def machine(program, **options):
    m = Emu.Machine.new(CounterBoard, **options)
    m.start(paused=True)
    m.memory[0:len(program)] = program
    return m


def until(m, done):
    for _ in range(60000):
        if done():
            return
        time.sleep(0.005)
    raise AssertionError(f"does not happen; {m.cpus[0].describe()}")


def test_runs_and_halts():
    with machine(b"\1\2\0") as m:
        cpu = m.cpus[0]
        equal((cpu.pc, cpu.a, isinstance(cpu, Counter)), (0, 0xF0, True))
        m.start()
        until(m, lambda: cpu.halted)
        m.pause()
        equal((cpu.pc, cpu.a, m.memory[0x80]), (3, 0xF1, 0xF1))
        equal((cpu.regs.a, cpu.regs.pc, list(cpu.regs)), (0xF1, 3, ["pc", "a", "taken"]))
        equal(cpu.describe(), "pc  =0003 a   =f1 taken=0000000000000000 halted\n")
        equal(cpu.disassemble(0, 2), ["0x0: op 1", "0x1: op 2"])
        m.reset()
        equal((cpu.pc, cpu.a, cpu.halted), (0, 0xF0, False))


def test_interrupts():
    # Waits; the handler at 0x40 counts, takes interrupts again and goes back.
    with machine(b"\3\0\4") as m:
        cpu = m.cpus[0]
        m.memory[0x40:0x43] = b"\1\2\4"
        m.start()
        until(m, lambda: cpu.halted)
        line = cpu.input("irq", 1)
        line.set(1)
        until(m, lambda: cpu.taken)
        line.set(0)
        until(m, lambda: cpu.halted)
        m.pause()
        assert cpu.taken % 2 == 0 and (cpu.taken // 2 + 0xF0) & 0xFF == cpu.a, cpu.describe()


def test_step_of_a_halted_cpu():
    with machine(b"\3\0\4") as m:
        cpu = m.cpus[0]
        m.memory[0x40] = 1
        equal((cpu.step(2).reason, cpu.step().reason, cpu.step(5).reason, cpu.pc), ("step", "halted", "halted", 2))
        cpu.input("irq", 1).set(1)
        equal((cpu.step().reason, cpu.halted, cpu.pc, cpu.a), ("step", False, 0x41, 0xF1))


def test_debugger():
    with machine(b"\1\1\1\1\2\0") as m:
        cpu = m.cpus[0]
        stop = m.run(until=m.breakpoint(2), timeout=600)
        equal((cpu.pc, cpu.a), (2, 0xF2))
        before = m.snapshot()
        cpu.step(2)
        equal((cpu.pc, cpu.a), (4, 0xF4))
        cpu.regs.a = 7
        cpu.step()
        equal(m.memory[0x80], 7)
        before.restore()
        equal((cpu.pc, cpu.a, m.memory[0x80]), (2, 0xF2, 0))
        equal(m.hmp("info registers").strip().startswith("CPU#0") or "pc  =0002" in m.hmp("info registers"), True)
        assert stop is not None


def test_exception_pauses():
    with machine(b"\1\x09\1\0") as m:
        cpu = m.cpus[0]
        stop = m.run(timeout=600)
        equal(stop.reason, "exception")
        assert "opcode 9" in stop.message, stop.message
        equal((cpu.pc, cpu.a), (2, 0xF1))
        m.start()  # goes on behind it
        until(m, lambda: cpu.halted)
        equal(cpu.a, 0xF2)


def test_wrong_descriptions():
    def cpu(name, **attributes):
        return type(name, (Emu.Cpu,), {"__gtype_name__": name, "__module__": __name__, "do_step": lambda self: None, **attributes})

    for cls, word in ((lambda: cpu("test-none-cpu"), "registers"), (lambda: cpu("test-odd-cpu", registers={"pc": 3}), "pc"),
                      (lambda: cpu("test-empty-cpu", registers={}), "program counter"), (lambda: cpu("test-name", registers={"pc": 4}), "-cpu"),
                      (lambda: cpu("test-counter2-cpu", registers={"pc": 4}, irqs=77), "irqs"), (lambda: Emu.Cpu, "registers")):
        with raises(Emu.Error, Emu.Error.BAD_VALUE, word):
            Emu.Registry.get_default().register(cls())
    with machine(b"\0") as m:
        cpu = m.cpus[0]
        with raises(Emu.Error, None, "nonsense"):
            cpu.regs.nonsense
        equal(cpu.load(0, 4), 0)  # not on its thread: nothing happens
        cpu.store(0x90, 1, 5)
        equal(m.memory[0x90], 0)
    with Emu.Machine.new("pc", memory="16M") as m:
        m.start(paused=True)
        with raises(Emu.Error, None, "script"):
            m.cpus[0].halted


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
