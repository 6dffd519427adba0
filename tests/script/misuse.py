# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wrong use: an exception that names what it is about, never a crash. A hundred ways, then the machine still works."""

import gc
import sys
import threading

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu, GLib, GObject

import tap
from tap import equal, raises

E = Emu.Error


class Broken(Emu.IsaDevice):
    __gtype_name__ = "misuse-broken"
    value = GObject.Property(type=int, default=1, minimum=0, maximum=9)
    regions = [Emu.RegionSpec("ports", 8, "io", at=0x320)]
    what = Emu.Saved(int)

    def do_read(self, region, offset, size):
        return [1, -1, None, "text", 1 << 100, 1.5, [], object()][offset]

    def do_write(self, region, offset, value, size):
        raise SystemExit("a device must not end the program")


def misuses(m, dev):
    cpu, mem, io, console = m.cpus[0], m.memory, m.io, m["serial0"]
    add, run, regs = m.add, m.run, cpu.regs
    yield "boards", lambda: Emu.Machine.new("no-such-board"), "no-such-board"
    yield "board of no name", lambda: Emu.Machine.new(7), None
    yield "option", lambda: Emu.Machine.new("none", nonsense=1), "nonsense"
    yield "option without argument", lambda: Emu.Machine.new("none", m=None), "m"
    yield "argv", lambda: Emu.Machine.from_argv(["-M"]), "-M"
    yield "argv of numbers", lambda: Emu.Machine.from_argv([1]), "argv"
    yield "memory text", lambda: Emu.Machine.new("none", memory="lots").realize(), "lots"
    yield "kernel", lambda: Emu.Machine.new("pc", kernel="/nonexistent").realize(), "/nonexistent"
    yield "daemon", lambda: Emu.Machine.new("none", daemonize=True).realize(), "daemonize"
    yield "late option", lambda: m.option("smp", 2), "smp"
    yield "realize twice", lambda: m.realize(), "realized"
    yield "type", lambda: add("nonsense"), "nonsense"
    yield "abstract type", lambda: add("isa-device"), "isa-device"
    yield "not a device", lambda: add("container"), "container"
    yield "part of a board", lambda: add("isa-pit"), "isa-pit"
    yield "cold only", lambda: add("isa-serial"), "isa-serial"
    yield "no class", lambda: add(int), None
    yield "no name", lambda: add(5), "5"
    yield "list as value", lambda: add("isa-serial", iobase=[1]), "iobase"
    yield "huge value", lambda: add("isa-serial", iobase=1 << 70), "iobase"
    yield "register class", lambda: Emu.Registry.get_default().register(Emu.IsaDevice), "IsaDevice"
    yield "unknown type", lambda: Emu.Registry.get_default()["nonsense"], "nonsense"
    yield "plugin folder", lambda: Emu.Registry.get_default().add_plugin_dir("/nonexistent"), "/nonexistent"
    yield "lookup", lambda: m.lookup("/machine/nonsense"), "/machine/nonsense"
    yield "lookup a number", lambda: m[5], "5"
    yield "console", lambda: m.console("nonsense"), "nonsense"
    yield "cpu", lambda: m.get_cpu(99), "99"
    yield "property", lambda: dev["nonsense"], "nonsense"
    yield "property range", lambda: dev.__setitem__("value", 10), "value"
    yield "property kind", lambda: dev.__setitem__("value", "text"), "value"
    yield "property when realized", lambda: dev.__setitem__("value", 2), "value"
    yield "property of no name", lambda: dev[5], "5"
    yield "unwritable", lambda: m.lookup("/machine").__setitem__("ram-size", "1"), "ram"
    yield "line", lambda: dev.output("nonsense"), "nonsense"
    yield "line index", lambda: dev.input(index=99), "99"
    yield "region late", lambda: Emu.Device.add_region(dev, "x", 0, True, 0, None, (), None), "x"
    yield "irq of others", lambda: m.lookup("/machine/unattached/device[0]").connect_irq(3), "irq"
    yield "dma", lambda: dev.dma_read(1 << 60, 4), "0x1000000000000000"
    yield "negative address", lambda: mem[-1], "-1"
    yield "address kind", lambda: mem["x"], "x"
    yield "address wide", lambda: mem[1 << 64], "memory"
    yield "slice with step", lambda: mem[0:8:2], "step"
    yield "slice without end", lambda: mem[0:], "slice"
    yield "slice backwards", lambda: mem[8:4], "8:4"
    yield "slice of huge", lambda: mem[0:1 << 60], "memory"
    yield "hole", lambda: mem[1 << 40:(1 << 40) + 4], "0x10000000000"
    yield "wrong length", lambda: mem.__setitem__(slice(0, 4), b"12345"), "5 bytes"
    yield "text as byte", lambda: mem.__setitem__(0, 256), "memory"
    yield "None as bytes", lambda: mem.write(0, None), "memory"
    yield "load of 3", lambda: mem.load(0, 3), "3"
    yield "store too wide", lambda: mem.write_u8(0, 256), "0x100"
    yield "store of text", lambda: mem.write_u32(0, "1"), "1"
    yield "find nothing", lambda: mem.find(b"", 0, 10), "memory"
    yield "port", lambda: io.read(0x10000, 1), "io"
    yield "register", lambda: regs.nonsense, "nonsense"
    yield "register wide", lambda: setattr(regs, "rax", 1 << 64), "rax"
    yield "register kind", lambda: setattr(regs, "rax", []), "rax"
    yield "register size", lambda: setattr(regs, "xmm0", b"1"), "xmm0"
    yield "register mode", lambda: setattr(regs, "cr0", 0), "cr0"
    yield "steps", lambda: cpu.step(0), "0"
    yield "steps of text", lambda: cpu.step("1"), "1"
    yield "trace nothing", lambda: Emu.Cpu.take_trace(cpu), "cpu"
    yield "breakpoint", lambda: m.breakpoint(-5), "-5"
    yield "watch nothing", lambda: m.watchpoint(0, 0), "0 bytes"
    yield "watch access", lambda: m.watchpoint(0, 1, "q"), "q"
    yield "tap space", lambda: m.tap(0, 1, "nonsense"), "nonsense"
    yield "tap access", lambda: m.tap(0, 1, "io", ""), "access"
    yield "until", lambda: run(until=[5.5]), "5.5"
    yield "until an address", lambda: run(until=-5), "-5"
    yield "until True", lambda: run(until=[True]), "True"
    yield "until an object", lambda: run(until=object()), "object"
    yield "until of nothing", lambda: run(until="NO_SUCH_EVENT"), "NO_SUCH_EVENT"
    yield "timeout", lambda: run(timeout=-1), "-1"
    yield "timeout kind", lambda: run(timeout="1"), "1"
    yield "time", lambda: m.virtual_time("later"), "later"
    yield "time backwards", lambda: m.virtual_time(-1), "-1"
    yield "pattern", lambda: console.expect("("), "pattern"
    yield "pattern kind", lambda: console.expect(5), "5"
    yield "send", lambda: console.send(5), "console"
    yield "expect in vain", lambda: console.expect("never", timeout=0.01), "never"
    yield "qmp", lambda: m.qmp("nonsense"), "nonsense"
    yield "qmp argument", lambda: m.qmp("query-status", nonsense=1), "nonsense"
    yield "qmp value", lambda: m.qmp("qom-get", path=5, property="x"), "path"
    yield "qmp json", lambda: m.qmp("device_add", driver="nonsense"), "nonsense"
    yield "screen", lambda: m.screens(9), "9"
    yield "screen pixel", lambda: m.screen.pixel(-1, 0), "-1"
    yield "png", lambda: m.screen.save_png("/nonexistent/x.png"), "/nonexistent/x.png"
    yield "remove a part", lambda: m.remove(m.lookup("/machine/unattached/device[3]")), "device[3]"
    yield "remove nothing", lambda: m.remove(None), None
    yield "saved of what", lambda: Emu.Saved(str), "saved"
    yield "region of what", lambda: Emu.RegionSpec("x", 1, "nonsense"), "x"


def test_hundred_ways():
    with Emu.Machine.new("pc", memory="16M") as m:
        dev = m.add(Broken)
        m.start(paused=True)
        n = 0
        for name, call, word in misuses(m, dev):
            try:
                call()
            except (Emu.Error, TypeError) as error:
                if word is not None and word not in str(error):
                    raise AssertionError(f"{name}: {error!r} does not name {word!r}")
                if isinstance(error, TypeError) and word is not None:
                    raise AssertionError(f"{name}: {error!r}") from error
            else:
                raise AssertionError(f"{name}: no exception")
            n += 1
        print(f"# {n} misuses")
        equal(m.run(timeout=0.05).reason, "timeout")


def test_a_device_that_returns_nonsense():
    with Emu.Machine.new("pc", memory="16M") as m:
        dev = m.add(Broken)
        m.start(paused=True)
        equal(m.io.read_u8(0x320), 1)
        equal(m.io.read_u8(0x321), 0xff)
        for port in range(0x322, 0x328):
            m.io.read_u8(port)
        m.io.write_u8(0x320, 1)
        dev.what = "text"
        snap = m.snapshot()
        equal(m.state, "prelaunch")
        snap.restore()


class NamedDevice(Emu.IsaDevice):
    pass


class NamedBoard(Emu.Board):
    pass


class NamedCpu(Emu.Cpu):
    pass


def test_names_of_types():
    ways = ((Emu.DeviceType, NamedDevice, "thing", "type of devices"), (Emu.BoardType, NamedBoard, "thing-machine", "NAME-machine"),
            (Emu.CpuType, NamedCpu, "thing-cpu", "NAME-cpu"))
    for kind, cls, name, wanted in ways:
        for bad in ("", "-" + name, "a b" + name, "a/b" + name, "ä" + name, name[len("thing"):], name + "/"):
            try:
                kind.new(cls.__gtype__, bad)
            except GLib.Error as error:
                assert wanted in error.message, error.message
            else:
                raise AssertionError(f"{kind.__name__} takes {bad!r}")
        for good in (name, "0.a_B-" + name):
            kind.new(cls.__gtype__, good)


def test_after_close():
    m = Emu.Machine.new("pc", memory="16M")
    dev = m.add(Broken)
    m.start(paused=True)
    cpu, mem, console, screen = m.cpus[0], m.memory, m["serial0"], m.screen
    bp, snap, tap_ = m.breakpoint(0x7c00), m.snapshot(), m.tap(0x80)
    line, timer, obj = dev.machine and m.lookup("/machine/unattached/device[3]").lines[0], m.timer(print), m.lookup("/machine")
    timer.set(1000)
    m.close()
    m.close()
    for call in (lambda: m.run(), lambda: m.start(), lambda: m.pause(), lambda: m.reset(), lambda: m.qmp("query-status"), lambda: m.hmp("info qtree"),
                 lambda: m.lookup("/machine"), lambda: mem[0:4], lambda: mem.write_u8(0, 1), lambda: cpu.regs.rax, lambda: setattr(cpu.regs, "rax", 1),
                 lambda: cpu.step(), lambda: cpu.memory[0:1], lambda: console.send("x"), lambda: console.expect("x"), lambda: screen.text,
                 lambda: snap.restore(), lambda: m.snapshot(), lambda: m.breakpoint(1), lambda: m.add("isa-serial"), lambda: m.realize(),
                 lambda: timer.set(1), lambda: m.console("serial0").send("x"), lambda: dev.reset(), lambda: dev.dma_read(0, 1)):
        try:
            call()
        except (Emu.Error, GLib.Error) as error:
            assert any(word in str(error) for word in ("closed", "machine", "misuse-broken")), error
        else:
            raise AssertionError(f"no exception, line {call.__code__.co_firstlineno} {call.__code__.co_names}")
    bp.delete()
    tap_.take()
    timer.cancel()
    line.set(1)
    repr((m, dev, cpu, obj, bp, snap, line))
    obj["type"] if "type" in obj.keys() else None
    del m, dev, cpu, mem, console, screen, bp, snap, tap_, line, timer, obj
    gc.collect()


def test_calls_from_a_device():
    class Caller(Emu.IsaDevice):
        __gtype_name__ = "misuse-caller"
        regions = [Emu.RegionSpec("ports", 1, "io", at=0x330)]
        errors = []

        def do_read(self, region, offset, size):
            m = self.machine
            for call in (m.run, m.reset, lambda: m.qmp("stop"), lambda: m.cpus[0].step(), lambda: m["serial0"].expect("x"), m.snapshot):
                try:
                    call()
                except Emu.Error as error:
                    self.errors.append(error.code)
            m.pause()
            return 0x42

    with Emu.Machine.new("pc", memory="16M") as m:
        dev = m.add(Caller)
        m.start(paused=True)
        code = bytes([0xba, 0x30, 0x03, 0xec, 0xeb, 0xfe])  # mov dx, 0x330; in al, dx; stay
        m.memory[0x7c00:0x7c00 + len(code)] = code
        for name, value in {"cs": 0, "eflags": 2, "rip": 0x7c00}.items():
            m.cpus[0].regs[name] = value
        equal(m.run(timeout=600).reason, "paused")
        equal(len(dev.errors), 6)
        equal(m.cpus[0].regs.rax & 0xff, 0x42)


def test_close_while_another_thread_runs_it():
    m = Emu.Machine.new("pc", memory="16M")
    m.start(paused=True)
    result = []

    def other():
        try:
            result.append(m.run())
        except Emu.Error as error:
            result.append(error.code)

    thread = threading.Thread(target=other, daemon=True)
    thread.start()
    while not m.running:
        pass
    with raises(Emu.Error, Emu.Error.WRONG_STATE, "run"):
        m.run()
    m.close()
    thread.join(600)
    assert not thread.is_alive()
    equal(len(result), 1)


def test_forgotten_machines():
    for _ in range(20):
        m = Emu.Machine.new("none")
        m.start()
        del m
    gc.collect()


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
