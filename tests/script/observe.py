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
        assert m.run(timeout=600) is end
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
        assert m.run(timeout=600) is stop
        equal(m.cpus[0].pc, 0x7c04)


def test_lines_are_observed_and_driven():
    with bare(b"\xf4") as m:
        keyboard = next(line for device in walk(m) if isinstance(device, Emu.Device) for line in device.lines
                        if line.is_output() and device.type_name == "i8042")
        seen = []
        tap = m.observe(keyboard, lambda line, level: seen.append(level))
        keyboard.set(1)
        keyboard.level = 0
        m.start()
        m.pause()
        m.next_event("STOP")  # has come already: what was before it is told all the same
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
        console.expect("guest# ", timeout=600)
        snap = m.snapshot("shell")
        for word in "one", "two":
            console.send(f"echo x=$x; x={word}\n")
            console.expect(r"x=\r\n", timeout=600)
            console.expect("guest# ", timeout=600)
            snap.restore()
        console.send("echo still-$((1+1))\n")
        console.expect("still-2", timeout=600)


def ata(m, command, lba, data=None):
    """A sector of the first IDE disk, word by word, as a BIOS of old would do it."""
    for port, value in (0x1F6, 0xE0 | lba >> 24), (0x1F2, 1), (0x1F3, lba & 0xFF), (0x1F4, lba >> 8 & 0xFF), (0x1F5, lba >> 16 & 0xFF), (0x1F7, command):
        m.io.write_u8(port, value)
    wait(m, 0x08)
    if data is None:
        return b"".join(m.io.read_u16(0x1F0).to_bytes(2, "little") for _ in range(256))
    for i in range(0, 512, 2):
        m.io.write_u16(0x1F0, int.from_bytes(data[i:i + 2], "little"))
    wait(m, 0)


def stay(m):
    """The CPU jumps to itself: no firmware works with the disk beside the test."""
    m.memory[0x7c00:0x7c02] = b"\xeb\xfe"
    m.cpus[0].regs.cs, m.cpus[0].regs.rip, m.cpus[0].regs.eflags = 0, 0x7c00, 2


def wait(m, bits):
    for _ in range(2000):
        status = m.io.read_u8(0x1F7)
        if not status & 0x80 and status & 0x09 == bits:
            return
        m.run(until=m.virtual_time("1ms"), timeout=600)
    raise AssertionError(f"the disk is in state {status:#x}")


def test_disks_in_snapshots():
    def sector(text):
        return text.encode().ljust(512, b".")

    with tempfile.TemporaryDirectory() as folder:
        image = f"{folder}/disk.img"
        with open(image, "wb") as f:
            f.write(sector("old") * 2048)

        def on_disk(lba):
            with open(image, "rb") as f:
                f.seek(512 * lba)
                return f.read(512)

        with Emu.Machine.new("pc", memory="16M", drive=f"file={image},format=raw,if=ide,id=disk0") as m:
            m.start(paused=True)
            stay(m)
            equal(ata(m, 0x20, 7), sector("old"))
            root = m.snapshot("root")
            ata(m, 0x30, 7, sector("one"))
            ata(m, 0x30, 2047, sector("end"))
            one = m.snapshot("one")
            assert root.size - one.size >= 2 * 16384
            ata(m, 0x30, 7, sector("two"))
            two = m.snapshot("two")
            ata(m, 0x30, 7, sector("three"))
            ata(m, 0x30, 8, sector("three"))
            equal(ata(m, 0x20, 7), sector("three"))
            equal(on_disk(7), sector("three"))
            # A tree: back, another branch, forth, in any order.
            for snapshot, seven, last in ((one, "one", "end"), (root, "old", "old"), (two, "two", "end"), (one, "one", "end")):
                snapshot.restore()
                equal([ata(m, 0x20, lba) for lba in (7, 8, 2047)], [sector(seven), sector("old"), sector(last)])
            ata(m, 0x30, 9, sector("branch"))
            branch = m.snapshot("branch")
            root.restore()
            equal([on_disk(lba) for lba in (7, 9, 2047)], [sector("old")] * 3)
            branch.restore()
            equal([on_disk(lba) for lba in (7, 9, 2047)], [sector("one"), sector("branch"), sector("end")])
            with m.snapshot():
                ata(m, 0x30, 0, sector("gone"))
            equal(ata(m, 0x20, 0), sector("old"))
            del root, one, two
            branch.restore()
        equal([on_disk(lba) for lba in (0, 7, 9)], [sector("old"), sector("one"), sector("branch")])
        # An overlay: the image is left alone.
        with Emu.Machine.new("pc", memory="16M", drive=f"file={image},format=raw,if=ide,snapshot=on") as m:
            m.start(paused=True)
            stay(m)
            with m.snapshot():
                ata(m, 0x30, 7, sector("x"))
                equal(ata(m, 0x20, 7), sector("x"))
            equal(ata(m, 0x20, 7), sector("one"))
            equal(on_disk(7), sector("one"))
        # Another medium: the snapshot says so.
        with Emu.Machine.new("pc", memory="16M", drive=f"file={image},format=raw,if=floppy,id=a") as m:
            m.start(paused=True)
            snapshot = m.snapshot()
            with open(f"{folder}/other.img", "wb") as f:
                f.write(bytes(1474560))
            m.qmp("blockdev-change-medium", device="a", filename=f"{folder}/other.img", format="raw")
            with raises(Emu.Error, Emu.Error.WRONG_STATE, "'a'", "medium"):
                snapshot.restore()


def test_screen():
    if not os.path.exists("/usr/share/seabios/bios-256k.bin"):
        raise tap.Skip("no firmware (package seabios)")
    with Emu.Machine.new("pc", memory="16M") as m:
        m.start(paused=True)
        for _ in range(100):
            m.run(until=m.virtual_time("200ms"), timeout=600)
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
        for _ in range(100):  # a host that is busy elsewhere may let each of them be late
            m.run(until=m.virtual_time("50ms"), timeout=300)
            if len(calls) == 3:
                break
        m.run(until=m.virtual_time("5ms"), timeout=300)
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
