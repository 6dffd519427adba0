# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices in Python: properties, regions, lines, state, errors, speed, locks."""

import os
import subprocess
import sys
import tempfile
import threading
import time

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu, GObject

import tap
from tap import equal, linux, raises


class Beeper(Emu.IsaDevice):
    """A beeper for tests"""

    __gtype_name__ = "test-beeper"
    __gsignals__ = {"beep": (GObject.SignalFlags.RUN_LAST, None, (int,))}
    iobase = GObject.Property(type=int, default=0x300)
    irq = GObject.Property(type=int, default=5)
    freq = GObject.Property(type=int, default=440, minimum=1, maximum=20000, blurb="tone in Hz")
    latch = Emu.Saved(int)
    text = Emu.Saved(bytes, size=8)
    regions = [Emu.RegionSpec("ctl", 16, "io", at="iobase")]
    outputs = {"gate": 1}
    inputs = {"mute": 2}

    def do_realize(self):
        if self.freq == 666:
            raise ValueError("freq is 666, expected a decent tone")
        self.muted = [0, 0]
        self.ticks = 0
        self.clock = self.timer(self.tick)

    def tick(self):
        self.ticks += 1

    def do_reset(self):
        self.latch = 0

    def do_read(self, region, offset, size):
        if offset == 8:
            raise RuntimeError("offset 8 is broken")
        return self.latch if offset == 0 else self.freq

    def do_write(self, region, offset, value, size):
        if offset == 4:
            self.set_timer(self.clock, value * 1000)
        else:
            self.latch = value
            self.set_irq(value & 1)
            self.output("gate").set(value >> 1 & 1)
            self.emit("beep", value)

    def do_input(self, name, index, level):
        self.muted[index] = level


class Card(Emu.PciDevice):
    """A PCI card for tests"""

    __gtype_name__ = "test-card"
    pci_ids = (0x1234, 0xbeef, 0xff00)
    hotpluggable = True
    word = Emu.Saved(int, default=7)
    regions = [Emu.RegionSpec("regs", 4096, bar=0)]

    def do_read(self, region, offset, size):
        return {0: 0x0badcafe, 4: self.word}.get(offset, 0)

    def do_write(self, region, offset, value, size):
        if offset == 4:
            self.word = value
        elif offset == 8:  # copies 16 bytes from there behind them
            self.dma_write(value + 16, self.dma_read(value, 16)[::-1])


class Sensor(Emu.I2cDevice):
    """An I2C sensor for tests"""

    __gtype_name__ = "test-sensor"
    hotpluggable = True
    pointer = Emu.Saved(int)

    def do_i2c(self, what, data):
        if what == 4:
            self.pointer = data
        if what == 5:
            self.pointer += 1
            return 0x40 + self.pointer - 1
        return 0


def pc(device, **properties):
    m = Emu.Machine.new("pc", memory="16M")
    dev = m.add(device, **properties)
    m.realize()
    return m, dev


def test_a_type_like_any_other():
    registry = Emu.Registry.get_default()
    registry.register(Beeper)
    assert "test-beeper" in [t.name for t in registry.types(bus="isa")]
    equal(registry["test-beeper"].properties["freq"].description, "tone in Hz")
    with Emu.Machine.from_argv(["-M", "pc", "-m", "16", "-device", "test-beeper,id=b,freq=880,iobase=0x310"]) as m:
        m.start(paused=True)
        equal(m["b"].freq, 880)
        equal(m["b"]["freq"], 880)
        equal(m.io.read_u16(0x314), 880)
        assert isinstance(m["b"], Beeper)


def test_registers_lines_signals():
    beeps = []
    m, dev = pc(Beeper, id="beep", freq=1000)
    with m:
        dev.connect("beep", lambda dev, value: beeps.append(value))
        gate = m.observe(dev.output("gate"))
        m.io.write_u8(0x300, 3)
        equal((dev.latch, m.io.read_u8(0x300), beeps), (3, 3, [3]))
        equal([(a.value, a.cpu) for a in gate.take()], [(1, -1)])
        dev.input("mute", 1).set(1)
        equal(dev.muted, [0, 1])
        m.io.write_u32(0x304, 1000)
        m.run(until=m.virtual_time("5ms"), timeout=600)
        equal(dev.ticks, 1)
        equal(m["beep"], dev)
        equal(dev.path, "/machine/peripheral/beep")
        dev.reset()
        equal(dev.latch, 0)


def test_saved_state():
    m, dev = pc(Beeper)
    with m:
        dev.latch, dev.text = 0x1234567890, b"hello"
        before = m.snapshot("before")
        dev.latch, dev.text = 1, b"other"
        with m.snapshot("second"):
            dev.latch = 2
        equal(dev.latch, 1)
        before.restore()
        equal((dev.latch, dev.text), (0x1234567890, b"hello\0\0\0"))


def test_timers_are_saved():
    m, dev = pc(Beeper)
    with m:
        m.io.write_u32(0x304, 2000)
        before = m.snapshot()
        for ticks in 1, 2:
            m.run(until=m.virtual_time("5ms"), timeout=600)
            equal(dev.ticks, ticks)
            before.restore()
        dev.set_timer(dev.clock, -1)
        m.run(until=m.virtual_time("5ms"), timeout=600)
        equal(dev.ticks, 2)


def test_pci():
    m, dev = pc(Card, addr="9")
    with m:
        m.io.write_u32(0xcf8, 0x80000000 | 9 << 11)
        equal(m.io.read_u32(0xcfc), 0xbeef1234)
        m.io.write_u32(0xcf8, 0x80000000 | 9 << 11 | 0x10)
        m.io.write_u32(0xcfc, 0xfeb00000)
        m.io.write_u32(0xcf8, 0x80000000 | 9 << 11 | 4)
        m.io.write_u16(0xcfc, 6)
        equal(m.memory.read_u32(0xfeb00000), 0x0badcafe)
        m.memory.write_u32(0xfeb00004, 99)
        equal(dev.word, 99)
        m.memory[0x1000:0x1010] = bytes(range(16))
        m.memory.write_u32(0xfeb00008, 0x1000)
        equal(m.memory[0x1010:0x1020], bytes(range(15, -1, -1)))


def test_exception_pauses_and_process_lives():
    m, dev = pc(Beeper, id="beep")
    with m:
        code = bytes([0xba, 0x08, 0x03,  # mov dx, 0x308
                      0xec,              # in al, dx
                      0xeb, 0xfd])       # jmp
        m.memory[0x7c00:0x7c00 + len(code)] = code
        regs = m.cpus[0].regs
        for name, value in {"cs": 0, "eflags": 2, "rip": 0x7c00}.items():
            regs[name] = value
        stop = m.run(timeout=600)
        equal(stop.reason, "exception")
        assert "offset 8 is broken" in stop.message and "do_read" in stop.message, stop.message
        equal(m.run(timeout=600).reason, "exception")
        equal(regs.rax & 0xff, 0xff)


class Many(Emu.IsaDevice):
    """Properties of all kinds"""

    __gtype_name__ = "test-many"
    flag = GObject.Property(type=bool, default=True)
    number = GObject.Property(type=int, default=-3, minimum=-5, maximum=5)
    wide = GObject.Property(type=GObject.TYPE_UINT64, default=1 << 40, minimum=0, maximum=(1 << 64) - 1)
    deep = GObject.Property(type=GObject.TYPE_INT64, default=-1, minimum=-(1 << 63), maximum=0)
    word = GObject.Property(type=str, default="hello")
    ratio = GObject.Property(type=float, default=0.5, minimum=0.0, maximum=1.0)
    long_name = GObject.Property(type=GObject.TYPE_ULONG, default=1, minimum=0, maximum=9)


def test_properties_of_all_kinds():
    defaults = {"flag": True, "number": -3, "wide": 1 << 40, "deep": -1, "word": "hello", "ratio": 0.5, "long-name": 1}
    others = {"flag": False, "number": 5, "wide": (1 << 64) - 1, "deep": -(1 << 63), "word": "a,b=c", "ratio": 0.125, "long-name": 9}
    with Emu.Machine.new("pc", memory="16M") as m:
        first = m.add(Many)
        second = m.add(Many, id="many", **{name.replace("-", "_"): value for name, value in others.items()})
        m.realize()
        for device, expected in (first, defaults), (second, others):
            equal({name: device[name] for name in expected}, expected)
            equal({name: getattr(device, name.replace("-", "_")) for name in expected}, expected)
        equal({name: m.qmp("qom-get", path="/machine/peripheral/many", property=name) for name in ("flag", "number", "word", "ratio", "long-name")},
              {name: others[name] for name in ("flag", "number", "word", "ratio", "long-name")})
        kinds = {name: p.type for name, p in Emu.Registry.get_default()["test-many"].properties.items() if name in defaults}
        equal(kinds, {"flag": "bool", "number": "int32", "wide": "uint64", "deep": "int64", "word": "string", "ratio": "number", "long-name": "uint64"})
    with Emu.Machine.new("pc", memory="16M") as m:
        for name, value in (("flag", "perhaps"), ("number", 6), ("wide", -1), ("deep", 1), ("ratio", 1.5), ("ratio", "x"), ("ratio", float("nan")), ("long_name", 10)):
            with raises(Emu.Error, None, "test-many", name.replace("_", "-")):
                m.add(Many, **{name: value})


def test_realize_says_no():
    with Emu.Machine.new("pc", memory="16M") as m:
        with raises(Emu.Error, None, "test-beeper", "freq is 666"):
            m.add(Beeper, freq=666)
        with raises(Emu.Error, None, "test-beeper", "freq"):
            m.add(Beeper, freq=0)
        with raises(Emu.Error, None, "test-beeper", "nonsense"):
            m.add(Beeper, nonsense=1)
        with raises(Emu.Error, None, "irq"):
            m.add(Beeper, irq=77)
        m.add(Beeper)
        m.realize()


def spin(m, port, count):
    """Real mode: count reads of a port, then HLT."""
    code = bytes([0xba, port & 255, port >> 8]) + b"\x66\xb9" + count.to_bytes(4, "little") + bytes([0xec, 0x66, 0x49, 0x75, 0xfb, 0xf4])
    m.memory[0x7c00:0x7c00 + len(code)] = code
    regs = m.cpus[0].regs
    for name, value in {"cs": 0, "eflags": 2, "rip": 0x7c00, "rsp": 0x7000, "ss": 0}.items():
        regs[name] = value
    return m.breakpoint(0x7c00 + len(code) - 1)


def test_speed():
    m, dev = pc(Beeper)
    with m:
        n = 300000
        end = spin(m, 0x300, n)
        start = time.monotonic()
        assert m.run(timeout=600) is end
        rate = n / (time.monotonic() - start)
        end.delete()
        print(f"# {rate:.0f} port reads a second into Python")
        end = spin(m, 0x80, n)
        start = time.monotonic()
        assert m.run(timeout=600) is end
        print(f"# {n / (time.monotonic() - start):.0f} into a device in C")


def test_locks():
    # A CPU in Python's functions all the time, while this thread and others ask the machine things: none waits for ever.
    m, dev = pc(Beeper)
    with m:
        spin(m, 0x300, 0xffffffff)
        m.start()
        end = time.monotonic() + 3
        counts = [0, 0, 0]

        def ask(i):
            while time.monotonic() < end:
                m.io.read_u8(0x300)
                m.qmp("query-status")
                dev["freq"]
                m.snapshot(like=None) if i == 0 else m.cpus[0].pc
                counts[i] += 1

        threads = [threading.Thread(target=ask, args=(i,), daemon=True) for i in range(3)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(600)
            assert not t.is_alive(), "deadlock"
        print(f"# {counts} rounds")
        m.pause()


def test_hotplug_in_a_loop():
    m, first = pc(Beeper)
    with m:
        for i in range(30):
            sensor = m.add(Sensor, id=f"sensor{i % 3}", address=0x50)
            equal((sensor.pointer, sensor.realized), (0, True))
            m.remove(sensor)  # no guest has a say on this bus
            equal(sensor.realized, False)
            with raises(Emu.Error, None, "sensor"):
                sensor.reset()


def test_i2c():
    with Emu.Machine.new("pc", memory="16M") as m:
        sensor = m.add(Sensor, address=0x48)
        m.realize()
        # SMBus host of the PIIX4's power management at 0xb100: read byte data, command 3.
        m.io.write_u32(0xcf8, 0x80000000 | (1 << 3 | 3) << 8 | 0x90)
        m.io.write_u32(0xcfc, 0xb101)
        m.io.write_u32(0xcf8, 0x80000000 | (1 << 3 | 3) << 8 | 0xd0)
        m.io.write_u32(0xcfc, m.io.read_u32(0xcfc) | 1 << 16)
        m.io.write_u8(0xb100, 0x1e)
        m.io.write_u8(0xb104, 0x48 << 1 | 1)
        m.io.write_u8(0xb103, 3)
        m.io.write_u8(0xb102, 0x48)
        for _ in range(100):
            if m.io.read_u8(0xb100) & 2:
                break
            m.run(until=m.virtual_time("1ms"), timeout=600)
        equal(m.io.read_u8(0xb105), 0x43)


def test_linux_probes_it():
    with linux(Emu) as m:
        m.add(Card, addr="9")
        m.start()
        console = m["serial0"]
        console.expect("guest# ", timeout=600)
        console.send("cat /sys/bus/pci/devices/0000:00:09.0/vendor /sys/bus/pci/devices/0000:00:09.0/device\n")
        console.expect("0x1234\r\n0xbeef", timeout=600)


LINTED = """
# emu-plugin: linted 0.1
# emu-license: LGPL-2.1-or-later
# emu-description: regions, inputs, a timer
# emu-provides: linted:pci-device
from gi.repository import Emu


class Linted(Emu.PciDevice):
    \"\"\"Regions, inputs, a timer\"\"\"

    __gtype_name__ = "linted"
    pci_ids = (0x1234, 0x11ff, 0xff00)
    hotpluggable = True
    latch = Emu.Saved(int)
    regions = [Emu.RegionSpec("registers", 16, "memory", bar=0), Emu.RegionSpec("ports", 16, "io", bar=1)]
    inputs = {"x": 2, "y": 1}

    def do_realize(self):
        self.tick = self.timer(self.ticked)

    def do_read(self, region, offset, size):
        return self.latch

    def do_write(self, region, offset, value, size):
        self.latch = value
        self.set_timer(self.tick, 1000)

    def do_input(self, name, index, level):
        self.latch = index

    def ticked(self):
        self.latch += 1
"""


def test_lint_finds_nothing():
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "linted.py"), "w") as f:
            f.write(LINTED)
        done = subprocess.run([os.path.join(os.environ["EMU_BUILD"], "tools", "emu-lint"), "--plugin-dir", folder, "--rounds", "400",
                               "--timeout", "1000", "linted"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok 2 - linted/life" in done.stdout, done.stdout


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
