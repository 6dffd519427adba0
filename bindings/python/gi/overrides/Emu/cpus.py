# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPUs: registers, steps, memory by virtual address; and how a class of Python's becomes one."""

import array
import contextlib
import ctypes
import traceback

from gi.repository import GLib

from .errors import bad, method, raising, translate
from .introspected import Emu, override
from .parts import guarded, thread_hook
from .values import as_address, as_bytes, as_count, as_range, as_size
from .waiting import wait_for


class VirtualMemory:
    """The memory of a CPU by virtual address."""

    __iter__ = None

    def __init__(self, cpu):
        self._cpu = cpu

    def __getitem__(self, key):
        start, size = as_range(key, "cpu")
        data = self._cpu.read(start, size)
        return data if isinstance(key, slice) else data[0]

    def __setitem__(self, key, value):
        start, size = as_range(key, "cpu")
        data = bytes([value]) if isinstance(value, int) and not isinstance(key, slice) else as_bytes(value, "cpu")
        if len(data) != size:
            raise bad(f"/machine.cpu: {len(data)} bytes for a range of {size}")
        self._cpu.write(start, data)


class Registers:
    """The registers of a CPU: cpu.regs.rip, cpu.regs["xmm0"]; wider than 8 bytes: bytes."""

    def __init__(self, cpu):
        object.__setattr__(self, "_cpu", cpu)

    def __getitem__(self, name):
        if not isinstance(name, str):
            raise bad(f"/machine/cpu: {name!r} is no name of a register")
        if raising(Emu.Cpu.get_register_size, self._cpu, name) > 8:
            return bytes(raising(Emu.Cpu.get_register_bytes, self._cpu, name))
        return raising(Emu.Cpu.get_register, self._cpu, name)

    def __setitem__(self, name, value):
        if isinstance(value, int) and not isinstance(value, bool):
            size = raising(Emu.Cpu.get_register_size, self._cpu, name)
            if not -(1 << 8 * size - 1) <= value < 1 << 8 * size:
                raise bad(f"/machine/cpu.{name}: {value} does not fit into {size} bytes")
            if size <= 8:
                raising(Emu.Cpu.set_register, self._cpu, name, value & (1 << 8 * size) - 1)
                return
            value = value.to_bytes(size, "little", signed=value < 0)
        raising(Emu.Cpu.set_register_bytes, self._cpu, name, as_bytes(value, f"cpu.{name}"))

    __getattr__ = __getitem__
    __setattr__ = __setitem__

    def __dir__(self):
        return self._cpu.list_registers(None)

    __iter__ = lambda self: iter(self._cpu.list_registers(None))

    def __repr__(self):
        return "<" + " ".join(f"{name}={self[name]:#x}" for name in self._cpu.list_registers("general")) + ">"


def register_property(index, mask):
    return property(lambda self: self._emu_words[index], lambda self, value: self._emu_words.__setitem__(index, value & mask))


@override
class Cpu(Emu.Cpu):
    """A CPU; derive from it to write one.

    Class attributes: __gtype_name__ ("tiny-cpu"), description, registers ({"pc": 4, "r0": 4 ...}: bytes of each, the program counter first), irqs
    (inputs "irq"). The registers are attributes. Methods: do_step() executes one instruction; optional: do_reset() (all registers are 0),
    do_interrupt(), do_disassemble(address, code) (returns length and text). They use load(), store(), fetch(), halted and takes_interrupts.
    """

    description = None
    registers = None
    irqs = 1
    regs = property(Registers)

    # -- the type --

    @classmethod
    def _emu_register(cls):
        if "_emu_type_name" in vars(cls):
            return cls._emu_type_name
        name = vars(cls).get("__gtype_name__", cls.__name__)
        if not isinstance(cls.registers, dict):
            raise bad(f"/{name}.registers: {cls.registers!r}, expected names and sizes: {{\"pc\": 4}}")
        try:
            kind = Emu.CpuType.new(cls.__gtype__, name)
            kind.set_description(cls.description or (cls.__doc__ or "").strip().split("\n")[0])
            kind.set_irqs(as_count(cls.irqs, "irqs", 32))
            for index, (register, size) in enumerate(cls.registers.items()):
                kind.add_register(register, as_count(size, register, 8))
                setattr(cls, register, register_property(3 + index, (1 << 8 * size) - 1))
            kind.set_run(cls._emu_run)
            if hasattr(cls, "do_reset"):
                kind.set_reset(lambda cpu, *_: guarded(cpu, cpu.do_reset, None)())
            if hasattr(cls, "do_interrupt"):
                kind.set_interrupt(lambda cpu, *_: guarded(cpu, cpu.do_interrupt, None)())
            if hasattr(cls, "do_disassemble"):
                kind.set_disassemble(cls._emu_disassemble)
            kind.register()
        except GLib.Error as error:
            raise translate(error) from None
        Emu.set_thread_hook(thread_hook)
        cls._emu_type_name = name
        return name

    @property
    def _emu_words(self):
        words = self.__dict__.get("_emu_cached_words")
        if words is None:
            address = self.get_words()
            if not address:
                raise bad("/machine/cpu: is no CPU of a script's")
            words = self.__dict__["_emu_cached_words"] = (ctypes.c_uint64 * (3 + len(self.registers))).from_address(address)
        return words

    @staticmethod
    def _emu_run(cpu, budget, *_args):
        words, step, done = cpu._emu_words, cpu.do_step, 0
        try:
            while done < budget and not words[0]:
                step()
                done += 1
        except BaseException:
            cpu.report_exception(traceback.format_exc().rstrip())
            return -1
        return done

    @staticmethod
    def _emu_disassemble(cpu, address, code, *_args):
        try:
            length, text = cpu.do_disassemble(address, code.get_data())
            return f"{length} {text}"
        except Exception:
            return None

    # -- for CPUs in Python --

    halted = property(lambda self: bool(self._emu_words[0]), lambda self, on: self._emu_words.__setitem__(0, int(bool(on))))
    takes_interrupts = property(lambda self: bool(self._emu_words[1]), lambda self, on: self._emu_words.__setitem__(1, int(bool(on))))
    irq_levels = property(lambda self: self._emu_words[2])

    def fetch(self, address, size):
        """Bytes of an instruction, at most 64."""
        as_count(size, "fetch", 64)
        return b"".join(self.load(address + at, min(size - at, 8)).to_bytes(min(size - at, 8), "little") for at in range(0, size, 8))

    # -- for all --

    def step(self, count=1):
        """Executes instructions of this CPU alone; returns the Emu.Stop."""
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise bad(f"/machine/cpu.count: {count!r}, expected a number of instructions")
        return wait_for(self, Emu.Cpu, "step", (count,), lambda stop: stop)

    @contextlib.contextmanager
    def trace(self):
        """with cpu.trace() as pcs: run; afterwards pcs holds the address of each instruction executed."""
        pcs = array.array("Q")
        raising(Emu.Cpu.set_tracing, self, True)
        try:
            yield pcs
            pcs.frombytes(bytes(Emu.Cpu.take_trace(self)))
        finally:
            with contextlib.suppress(GLib.Error):
                Emu.Cpu.set_tracing(self, False)

    def breakpoint(self, address, condition=None):
        return self.get_machine().breakpoint(address, condition, cpu=self)

    def watchpoint(self, address, size=1, access="w"):
        return self.get_machine().watchpoint(address, size, access, cpu=self)

    describe = method(Emu.Cpu, "describe")
    index = property(lambda self: self.get_index())
    pc = property(lambda self: self.get_pc())
    memory = property(VirtualMemory)

    def read(self, address, size):
        return bytes(raising(Emu.Cpu.read, self, as_address(address, "cpu"), as_size(size, "cpu")))

    def write(self, address, data):
        raising(Emu.Cpu.write, self, as_address(address, "cpu"), as_bytes(data, "cpu"))

    def disassemble(self, address=None, count=1):
        return raising(Emu.Cpu.disassemble, self, self.pc if address is None else as_address(address, "cpu"), count)
