# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boards in Python, buses whose master is in Python, and SPI devices."""

import os
import subprocess
import sys
import tempfile
import time

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

import tap
from tap import equal, raises

# The last 16 bytes below 1 MiB, where an x86 CPU begins: jump to 0xf0000.
RESET = bytes([0xEA, 0x00, 0x00, 0x00, 0xF0]).ljust(16, b"\0")


def rom(code):
    return code.ljust(0x10000 - 16, b"\xF4") + RESET


class Eeprom(Emu.SpiDevice):
    """A memory of 256 bytes: 3, address, data; 2, address, data"""

    __gtype_name__ = "test-eeprom"
    cells = Emu.Saved(bytes, size=256)
    command = Emu.Saved(int)
    address = Emu.Saved(int)
    phase = Emu.Saved(int)

    def do_select(self, active):
        self.phase = 0

    def do_transfer(self, word):
        answer = 0xFF
        if self.phase == 0:
            self.command = word
        elif self.phase == 1:
            self.address = word
        elif self.command == 3:
            answer = self.cells[self.address]
            self.address = (self.address + 1) % 256
        elif self.command == 2:
            self.cells = self.cells[:self.address] + bytes([word]) + self.cells[self.address + 1:]
            self.address = (self.address + 1) % 256
        self.phase += 1
        return answer


class Clock(Emu.I2cDevice):
    """A pointer and four registers"""

    __gtype_name__ = "test-clock"
    registers = Emu.Saved(bytes, size=4)
    pointer = Emu.Saved(int)
    first = Emu.Saved(bool)

    def do_start(self, receive):
        self.first = not receive

    def do_send(self, byte):
        if self.first:
            self.first, self.pointer = False, byte
            return byte < 4
        self.registers = self.registers[:self.pointer] + bytes([byte]) + self.registers[self.pointer + 1:]
        self.pointer += 1

    def do_receive(self):
        self.pointer += 1
        return self.registers[self.pointer - 1]


class Controller(Emu.PciDevice):
    """SPI and I2C behind a PCI function"""

    __gtype_name__ = "test-controller"
    pci_ids = (0x1234, 0x5b1c)

    def do_realize(self):
        self.spi = self.add_spi_bus("spi", selects=2)
        self.i2c = self.add_i2c_bus("clocks")


class Tiny(Emu.Board):
    """A CPU, memory and a port that prints"""

    __gtype_name__ = "test-tiny-machine"
    cpu = "qemu64-x86_64-cpu"
    memory = "512K"
    regions = [Emu.RegionSpec("console", 1, "io", at=0xE9), Emu.RegionSpec("power", 1, "io", at=0xF4)]
    code = bytes([0x2E, 0xAC,              # again: lods al, cs:[si]
                  0x84, 0xC0,              # test al, al
                  0x74, 0x04,              # jz done
                  0xE6, 0xE9,              # out 0xe9, al
                  0xEB, 0xF6,              # jmp again
                  0xB0, 0x07, 0xE6, 0xF4,  # done: out 0xf4, 7
                  0xF4])

    def do_build(self):
        self.printed = ""
        self.resets = 0
        self.map_ram(0)
        program = b"\xBE\x20\x00" + self.code
        self.add_rom("rom", 0xF0000, rom(program.ljust(0x20, b"\xF4") + b"hello\0"))
        self.add_rom("reset", 0xFFFFFFF0, RESET)
        self.processors = self.create_cpus()

    def do_reset(self):
        self.resets += 1

    def do_write(self, region, offset, value, size):
        if region.name == "power":
            self.exit(value)
        else:
            self.printed += chr(value)


def test_spi_and_i2c():
    with Emu.Machine.new("pc", memory="16M") as m:
        master = m.add(Controller)
        eeprom = m.add(Eeprom, bus="spi", cs=1)
        clock = m.add(Clock, bus="clocks", address=0x50)
        m.realize()
        equal(sorted(master.buses), ["clocks", "spi"])
        equal((eeprom.bus, master.spi.devices, master.spi.owner), (master.spi, [eeprom], master))
        master.spi.exchange(bytes([2, 16]) + b"data", select=1)
        equal(master.spi.exchange(bytes([3, 16, 0, 0, 0, 0]), select=1)[2:], b"data")
        equal(master.spi.exchange(b"\3", select=0), b"\xff")
        before = m.snapshot()
        with master.spi.selected(1) as bus:
            equal([bus.transfer(x) for x in (3, 18)], [0xFF, 0xFF])
            inside = m.snapshot()
            equal(bus.transfer(0x1234, bits=16), 0x7461)
        inside.restore()
        equal(master.spi.transfer(0), ord("t"))  # still selected
        before.restore()
        equal(master.spi.transfer(0), 0xFF)
        equal(master.i2c.write(0x50, b"\2\x11\x22"), 3)
        equal(master.i2c.write(0x50, b"\4\x11"), 0)
        master.i2c.write(0x50, b"\2")
        equal(master.i2c.read(0x50, 2), b"\x11\x22")
        equal(clock.pointer, 4)
        with raises(Emu.Error, Emu.Error.NOT_FOUND, "clocks", "0x51"):
            master.i2c.read(0x51, 1)
        for call, word in ((lambda: master.i2c.start(200, False), "200"), (lambda: master.i2c.send(256), "256"), (lambda: master.spi.transfer(-1), "-1"),
                           (lambda: master.spi.transfer(1, 33), "33"), (lambda: master.spi.set_select(2, 0), "select"),
                           (lambda: master.spi.transfer("x"), "x"), (lambda: master.add_spi_bus("late", 99), "late")):
            with raises(Emu.Error, None, word):
                call()


def test_spi_exception_pauses():
    class Broken(Emu.SpiDevice):
        __gtype_name__ = "test-broken-spi"

        def do_transfer(self, word):
            raise KeyError("no such command")

    with Emu.Machine.new("pc", memory="16M") as m:
        master = m.add(Controller)
        m.add(Broken, bus="spi", cs=0)
        m.start(paused=True)
        m.start()
        equal(master.spi.exchange(b"\1"), b"\xff")
        while m.running:
            time.sleep(0.01)
        equal(m.last_stop.reason, "exception")


def test_board():
    with Emu.Machine.new(Tiny) as m:
        m.realize()
        board = m.lookup("/machine")
        assert isinstance(board, Tiny)
        equal((board.ram_size, board.n_cpus, len(board.processors), board.machine), (512 << 10, 1, 1, m))
        equal(m.run(timeout=600).reason, "shutdown")
        equal((board.printed, m.exit_status), ("hello", 7))
        assert board.resets >= 1
        with raises(Emu.Error, Emu.Error.WRONG_STATE, "ram"):
            board.map_ram(0)
        with raises(Emu.Error, Emu.Error.WRONG_STATE, "isa-serial"):
            board.add("isa-serial")
    equal("test-tiny" in Emu.Registry.get_default().list_boards(), True)
    with Emu.Machine.from_argv(["-M", "test-tiny", "-m", "1M", "-smp", "1"]) as m:
        m.realize()
        equal(m.lookup("/machine").ram_size, 1 << 20)


def test_board_with_isa():
    class Isa(Tiny):
        """The same with a serial port and an interrupt controller"""

        __gtype_name__ = "test-isa-machine"
        code = bytes([0x2E, 0xAC, 0x84, 0xC0, 0x74, 0x06,
                      0xBA, 0xF8, 0x03, 0xEE,  # out 0x3f8, al
                      0xEB, 0xF4, 0xF4])

        def do_build(self):
            super().do_build()
            self.requests = []
            self.isa = self.add_isa_bus(lambda irq, level: self.requests.append((irq, level)))
            self.serial = self.add("isa-serial", id="com1", bus=self.isa, chardev="serial0", iobase=0x3F8, irq=4)

    with Emu.Machine.new(Isa) as m:
        m.realize()
        m.start()
        equal(m["serial0"].expect("hello", timeout=600)[0], "hello")
        m.io.write_u8(0x3F9, 2)  # transmitter empty: an interrupt
        m.io.write_u8(0x3FC, 8)
        board = m.lookup("/machine")
        assert (4, 1) in board.requests, board.requests
        equal(m["com1"], board.serial)


def test_board_errors():
    class NoBuild(Emu.Board):
        __gtype_name__ = "test-empty-machine"

    with Emu.Machine.new(NoBuild, memory="1M") as m:
        m.realize()

    class Wrong(Emu.Board):
        __gtype_name__ = "test-wrong-machine"

        def do_build(self):
            getattr(self, f"try_{self.get_option('append')}")()

        def try_raise(self):
            raise ValueError("not today")

        def try_device(self):
            self.add("no-such-device")

        def try_bus(self):
            self.add("isa-serial", bus="isa.0")

        def try_property(self):
            self.add("loader", nonsense=1)

        def try_rom(self):
            self.add_rom("bios", (1 << 64) - 1, b"1234")

        def try_ram(self):
            self.map_ram(0, offset=1 << 40, size=5)

        def try_cpu(self):
            Emu.Board.create_cpu(self, 0)

        def try_map(self):
            self.add("loader", addr=0, data=0, data_len=4).map(3, 0)

    for what, word in (("raise", "not today"), ("device", "no-such-device"), ("bus", "isa.0"), ("property", "nonsense"), ("rom", "bios"),
                       ("ram", "ram"), ("cpu", "cpu"), ("map", "region 3"), ("none", "try_none")):
        with Emu.Machine.new(Wrong, memory="1M", append=what, kernel="/dev/null") as m:
            with raises(Emu.Error, None, "test-wrong-machine", word):
                m.realize()

    class Named(Emu.Board):
        __gtype_name__ = "badname"

    with raises(Emu.Error, Emu.Error.BAD_VALUE, "badname", "-machine"):
        Emu.Machine.new(Named)
    with raises(Emu.Error, Emu.Error.BAD_VALUE, "Board"):
        Emu.Machine.new(Emu.Board)


BOARD = '''# emu-plugin: plain 1.0
# emu-license: MIT
# emu-description: a board
# emu-provides: plain-machine:machine
import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu


class Plain(Emu.Board):
    """A board from a file"""

    __gtype_name__ = "plain-machine"
    cpu = "qemu64-x86_64-cpu"
    memory = "1M"
    regions = [Emu.RegionSpec("power", 1, "io", at=0xF4)]

    def do_build(self):
        self.map_ram(0)
        self.add_rom("reset", 0xFFFFFFF0, bytes([0xB0, 0x05, 0xE6, 0xF4, 0xF4, 0xEB, 0xFD]))
        self.create_cpus()

    def do_write(self, region, offset, value, size):
        self.exit(value)
'''


def test_board_on_the_command_line():
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "GI_TYPELIB_PATH", "LD_LIBRARY_PATH", "EMU_PLUGIN_PATH")}
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/plain.py", "w") as f:
            f.write(BOARD)
        emu = [f"{tap.BUILD}/emu", "--plugin-dir", folder]
        done = subprocess.run(emu + ["-M", "help"], env=env, capture_output=True, text=True, timeout=600)
        assert "plain" in done.stdout and "A board from a file" in done.stdout, done
        done = subprocess.run(emu + ["-M", "plain", "-display", "none"], env=env, capture_output=True, text=True, timeout=600)
        equal((done.returncode, done.stderr), (5, ""))


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
