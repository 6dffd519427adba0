# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boards, and how a class of Python's becomes one."""

from gi.repository import GLib

from .errors import bad, raising, translate
from .introspected import Emu, override
from .parts import check_regions, event, reader, reason, thread_hook, type_name, writer
from .values import as_address, as_bytes, as_count, as_dictionary, as_memory_size, as_size


def isa_bridge(made=[]):
    """Its class, made when a board first wants one."""
    if not made:

        class _IsaBridge(Emu.SysbusDevice):
            """The bridge to a board's ISA bus"""

            __module__ = "emu"  # classes of overrides get no type of their own
            __gtype_name__ = "script-isa-bridge"
            handler = None

            def do_realize(self):
                self.isa = self.add_isa_bus(lambda irq, level: self.handler and self.handler(irq, level))

        made.append(_IsaBridge)
    return made[0]


@override
class Board(Emu.Board):
    """A board; derive from it to write one. Machine.new(Mine), -M mine.

    Class attributes: __gtype_name__ ("mine-machine"), description, cpu (a class, or the name of a type), cpus, max_cpus, memory ("64M"), regions.
    Methods: do_build(); optional: do_reset(), do_powerdown(), do_read() and do_write() for the regions.
    """

    description = None
    cpu = None
    cpus = 1
    max_cpus = None
    memory = None
    regions = ()

    @classmethod
    def _emu_register(cls):
        if "_emu_type_name" in vars(cls):
            return cls._emu_type_name
        name = vars(cls).get("__gtype_name__", cls.__name__)
        check_regions(cls)
        if isinstance(cls.cpu, type) and issubclass(cls.cpu, Emu.Cpu):
            cls.cpu = cls.cpu._emu_register()
        try:
            kind = Emu.BoardType.new(cls.__gtype__, name)
            kind.set_description(cls.description or (cls.__doc__ or "").strip().split("\n")[0])
            kind.set_cpus(cls.cpu, as_count(cls.cpus, "cpus"), as_count(cls.max_cpus or cls.cpus, "max_cpus"))
            if cls.memory is not None:
                kind.set_ram_size(as_memory_size(cls.memory))
            kind.set_build(cls._emu_build)
            kind.set_reset(event("do_reset"))
            if hasattr(cls, "do_powerdown"):
                kind.set_powerdown(event("do_powerdown"))
            kind.register()
        except GLib.Error as error:
            raise translate(error) from None
        Emu.set_thread_hook(thread_hook)
        cls._emu_type_name = name
        return name

    @staticmethod
    def _emu_build(board, *_args):
        def build():
            for spec in board.regions:
                at = getattr(board, spec.at) if isinstance(spec.at, str) else spec.at
                if at is None:
                    raise bad(f"/{type(board).__name__}.{spec.name}: a board's region needs at=")
                Emu.Board.add_region(board, spec.name, spec.size, spec.io, at, reader(board, spec), (), writer(board, spec))
            if hasattr(board, "do_build"):
                board.do_build()

        return reason(build)

    def map_ram(self, address=0, offset=0, size=0):
        """In do_build(): the main memory, or a part of it, at an address."""
        raising(Emu.Board.map_ram, self, as_address(address, "ram"), as_size(offset, "ram"), as_size(size, "ram"))

    def add_rom(self, name, address, data, size=None):
        """In do_build(): memory that the guest cannot change."""
        data = as_bytes(data, name)
        raising(Emu.Board.add_memory, self, name, len(data) if size is None else as_size(size, name), as_address(address, name), True, data)

    def add_memory(self, name, address, size, data=b""):
        """In do_build(): memory besides the main one."""
        raising(Emu.Board.add_memory, self, name, as_size(size, name), as_address(address, name), False, as_bytes(data, name))

    def add(self, device, id=None, bus=None, at=(), **properties):
        """In do_build(): a device, by its type's name or class. at: where its regions go: an address, or a list of them."""
        device = type_name(device)
        if bus is not None and not isinstance(bus, Emu.Bus):
            raise bad(f"/machine.{device}.bus: {bus!r}, expected an Emu.Bus")
        made = raising(Emu.Board.add_device, self, device, id, bus, as_dictionary(properties))
        for index, address in enumerate([at] if isinstance(at, int) else at):
            made.map(index, as_address(address, device))
        return made

    def add_isa_bus(self, function=None):
        """In do_build(): an ISA bus; function(irq, level) is called when a card asks for an interrupt."""
        bridge = self.add(isa_bridge())
        bridge.handler = function
        return bridge.isa

    def create_cpus(self):
        """In do_build(): the CPUs that the user asked for."""
        return [raising(Emu.Board.create_cpu, self, index) for index in range(self.n_cpus)]

    ram_size = property(lambda self: self.get_ram_size())
    n_cpus = property(lambda self: self.get_n_cpus())
    machine = property(lambda self: self.get_machine())

    def exit(self, status=0):
        """Ends the machine, and the emu program with this status."""
        self.request_exit(as_count(status, "status", 255))
