# SPDX-License-Identifier: LGPL-2.1-or-later
"""Taps, lines, snapshots, screens, timers from Python."""

import os
import sys
import tempfile

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

import tap
from tap import equal, linux, raises


def bare(code, **regs):
    m = Emu.Machine.new("pc", memory="16M")
    m.start(paused=True)
    m.memory[0x7c00:0x7c00 + len(code)] = code
    for name, value in {"cs": 0, "ds": 0, "ss": 0, "rsp": 0x7000, "eflags": 2, "rip": 0x7c00, **regs}.items():
        m.cpus[0].regs[name] = value
    return m


def test_taps_on_ports():
    # mov al, 0x5a; out 0x80, al; in al, 0x61; hlt
    with bare(bytes([0xb0, 0x5a, 0xe6, 0x80, 0xe4, 0x61, 0xf4])) as m:
        seen = []

        @m.watch(0x61)
        def on_speaker(access):
            seen.append(access.address)

        post = m.tap(0x80, access="w")
        end = m.breakpoint(0x7c06)
        assert m.run(timeout=10) is end
        m.run(timeout=0.05)
        record, = post.take()
        equal((record.pc, record.address, record.value, record.size, record.write, record.cpu), (0x7c02, 0x80, 0x5a, 1, True, 0))
        equal(seen, [0x61])
        equal(post.take(), [])
        post.delete()
        m.io.write_u8(0x80, 1)
        equal(post.hits, 1)


def test_tap_stops():
    with bare(bytes([0xb0, 0x5a, 0xe6, 0x80, 0x40, 0xeb, 0xfb])) as m:
        stop = m.tap(0x80, stops=True)
        assert m.run(timeout=10) is stop
        equal(m.cpus[0].pc, 0x7c04)


def test_lines_are_observed_and_driven():
    with bare(b"\xf4") as m:
        keyboard = next(line for device in walk(m) if isinstance(device, Emu.Device) for line in device.lines
                        if line.is_output() and device.type_name == "i8042")
        seen = []
        tap = m.observe(keyboard, lambda line, level: seen.append(level))
        keyboard.set(1)
        keyboard.level = 0
        m.run(timeout=0.05)
        equal(seen, [1, 0])
        equal(keyboard.level, 0)
        assert keyboard.peers
        tap.delete()


def walk(m):
    todo = [m.lookup("/machine")]
    while todo:
        one = todo.pop()
        yield one
        todo += one.list_children()


def test_snapshot_tree():
    # A counter in memory: inc word [0x9000]; jmp.
    with bare(bytes([0xff, 0x06, 0x00, 0x90, 0xeb, 0xfa])) as m:
        snaps = []
        for _ in range(5):
            m.cpus[0].step(20)
            snaps.append((m.snapshot(), m.memory.read_u16(0x9000), m.cpus[0].pc))
        equal([value for _, value, _ in snaps], [10, 20, 30, 40, 50])
        for snap, value, pc in (snaps[1], snaps[4], snaps[0], snaps[2]):
            snap.restore()
            equal((m.memory.read_u16(0x9000), m.cpus[0].pc), (value, pc))
            m.cpus[0].step(2)
            equal(m.memory.read_u16(0x9000), value + 1)
        assert snaps[1][0].size < snaps[0][0].size


def test_snapshot_of_linux():
    with linux(Emu, memory="128M") as m:
        m.start(paused=True)
        console = m["serial0"]
        console.expect("guest# ", timeout=90)
        snap = m.snapshot("shell")
        for word in "one", "two":
            console.send(f"echo x=$x; x={word}\n")
            console.expect(r"x=\r\n", timeout=20)
            console.expect("guest# ", timeout=20)
            snap.restore()
        console.send("echo still-$((1+1))\n")
        console.expect("still-2", timeout=20)


def test_screen():
    if not os.path.exists("/usr/share/seabios/bios-256k.bin"):
        raise tap.Skip("no firmware (package seabios)")
    with Emu.Machine.new("pc", memory="16M") as m:
        m.start(paused=True)
        for _ in range(100):
            m.run(until=m.virtual_time("200ms"), timeout=60)
            if "SeaBIOS" in (m.screen.text or ""):
                break
        assert "SeaBIOS" in m.screen.text, m.screen.text
        width, height = m.screen.size
        equal(len(m.screen.pixels), 3 * width * height)
        assert any(m.screen.pixels)
        with tempfile.TemporaryDirectory() as folder:
            m.screen.save_png(folder + "/boot.png")
            with open(folder + "/boot.png", "rb") as f:
                equal(f.read(4), b"\x89PNG")
        with raises(Emu.Error, Emu.Error.NOT_FOUND, "display 7"):
            m.screens(7)


def test_timers():
    with bare(b"\xeb\xfe") as m:
        calls = []

        def tick(timer):
            calls.append(round(m.get_virtual_ns(), -3))
            if len(calls) < 3:
                timer.set(1000000)

        timer = m.timer(tick)
        timer.set(1000000)
        m.run(until=m.virtual_time("50ms"), timeout=20)
        equal(len(calls), 3)
        assert all(b - a >= 990000 for a, b in zip(calls, calls[1:])), calls
    timer.cancel()


def test_registers_of_a_device():
    with Emu.Machine.new("pc", memory="16M") as m:
        dog = m.add("i6300esb", id="dog")
        m.start(paused=True)
        equal(list(dog.regs), ["PRELOAD[0]", "PRELOAD[1]", "INTERRUPT_STATUS", "RELOAD"])
        equal(dog.regs["PRELOAD[1]"], 0xfffff)
        dog.regs["PRELOAD[1]"] = 5  # locked
        equal(dog.regs["PRELOAD[1]"], 0xfffff)
        dog.regs.RELOAD = 0x80
        dog.regs.RELOAD = 0x86
        dog.regs["PRELOAD[1]"] = 5
        equal(dog.regs["PRELOAD[1]"], 5)
        bank, = dog.regs.describe()
        equal((bank["name"], bank["registers"][0]["num"], bank["registers"][1]["fields"][0]["name"]), ("i6300esb", 2, "INT_ACT"))
        with raises(Emu.Error, Emu.Error.NOT_FOUND, "NONE"):
            dog.regs.NONE
        with raises(Emu.Error, Emu.Error.NOT_FOUND, "NONE"):
            dog.regs["NONE"] = 1
        with raises(Emu.Error, Emu.Error.BAD_VALUE, "RELOAD"):
            dog.regs.RELOAD = "x"


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
