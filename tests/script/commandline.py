# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices in Python under the plain emu program, which knows nothing of this script's Python."""

import json
import os
import subprocess
import sys
import tempfile

import tap
from tap import equal

DEVICE = '''# emu-plugin: fragile 1.0
# emu-license: MIT
# emu-description: breaks at its third read
# emu-provides: fragile:isa-device
import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu


class Fragile(Emu.IsaDevice):
    """A device that breaks"""

    __gtype_name__ = "fragile"
    regions = [Emu.RegionSpec("port", 1, "io", at=0x330)]
    reads = Emu.Saved(int)

    def do_read(self, region, offset, size):
        self.reads += 1
        if self.reads == 3:
            raise ValueError("the third read is one too many")
        return self.reads
'''
# A boot sector: in al, 0x330 for ever.
SECTOR = bytes([0xba, 0x30, 0x03, 0xec, 0xeb, 0xfd]).ljust(510, b"\0") + b"\x55\xaa"


def environment():
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "GI_TYPELIB_PATH", "LD_LIBRARY_PATH", "EMU_PLUGIN_PATH")}
    env["XDG_CACHE_HOME"] = env.get("XDG_CACHE_HOME", tempfile.gettempdir())
    return env


def emu(folder, *args):
    return subprocess.run([f"{tap.BUILD}/emu", "--plugin-dir", folder, *args], env=environment(), capture_output=True, text=True, timeout=600)


def write(folder, name, text):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())


def test_listed():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "fragile.py", DEVICE)
        assert 'name "fragile", bus ISA, desc "A device that breaks"' in emu(folder, "-device", "help").stdout
        assert "fragile" in emu(folder, "-plugin-list").stdout


def test_a_virtual_environment_on_the_path():
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "fragile.py", DEVICE)
        os.makedirs(f"{folder}/venv/bin")
        os.symlink(sys.executable, f"{folder}/venv/bin/python3")
        write(f"{folder}/venv", "pyvenv.cfg", f"home = {os.path.dirname(sys.executable)}\ninclude-system-site-packages = false\n")
        env = environment()
        env["PATH"] = f"{folder}/venv/bin:{env['PATH']}"
        done = subprocess.run([f"{tap.BUILD}/emu", "--plugin-dir", folder, "-device", "fragile,help"], env=env, capture_output=True, text=True, timeout=300)
        equal((done.returncode, done.stderr), (0, ""))


def test_exception_pauses_and_the_program_lives():
    if not os.path.exists("/usr/share/seabios/bios-256k.bin"):
        raise tap.Skip("no firmware (package seabios)")
    with tempfile.TemporaryDirectory() as folder:
        write(folder, "fragile.py", DEVICE)
        write(folder, "boot.img", SECTOR.ljust(1474560, b"\0"))
        program = subprocess.Popen([f"{tap.BUILD}/emu", "--plugin-dir", folder, "-M", "pc", "-m", "16", "-display", "none", "-device", "fragile",
                                    "-drive", f"file={folder}/boot.img,format=raw,if=floppy", "-qmp", "stdio"], env=environment(),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            def until(word):
                while True:
                    line = json.loads(program.stdout.readline())
                    if word in line:
                        return line
                    if line.get("event") == word:
                        return line

            def command(name):
                program.stdin.write(json.dumps({"execute": name}) + "\n")
                program.stdin.flush()
                return until("return")["return"]

            until("QMP")
            command("qmp_capabilities")
            until("STOP")
            equal(command("query-status")["status"], "paused")
            command("cont")
            equal(command("query-status")["status"], "running")
            command("quit")
            equal(program.wait(600), 0)
            stderr = program.stderr.read()
            assert "the third read is one too many" in stderr and "do_read" in stderr, stderr
        finally:
            program.kill()
            program.wait()


def test_broken_files():
    with tempfile.TemporaryDirectory() as folder:
        good = DEVICE.replace("fragile", "good").replace("Fragile", "Good")
        write(folder, "good.py", good)
        for name, text, word in (
                ("syntax", "# emu-plugin: syntax 1\n# emu-provides: syntax:isa-device\n1 +\n", "SyntaxError"),
                ("raises", "# emu-plugin: raises 1\n# emu-provides: raises:isa-device\nraise RuntimeError('no luck')\n", "no luck"),
                ("exits", "# emu-plugin: exits 1\n# emu-provides: exits:isa-device\nimport sys\nsys.exit(3)\n", "SystemExit"),
                ("missing", "# emu-plugin: missing 1\n# emu-provides: missing:isa-device\n", "missing"),
                ("future", "# emu-plugin: future 1\n# emu-sdk: 1.99\n# emu-provides: future:isa-device\n", "1.99"),
                ("binary", b"# emu-plugin: binary\xff\xfe 1\n# emu-provides: binary:isa-device\n", "binary")):
            write(folder, f"{name}.py", text)
            done = emu(folder, "-device", f"{name},help")
            assert done.returncode == 1 and word in done.stderr, (name, done)
            os.unlink(f"{folder}/{name}.py")
        write(folder, "helper.py", "raise SystemError('only a module')\n")
        write(folder, "empty.py", "")
        done = emu(folder, "-device", "good,help")
        equal((done.returncode, "only a module" in done.stderr), (0, False))


COUNTER = '''# emu-plugin: ticker 1.0
# emu-license: MIT
# emu-description: counts, and can be reloaded
# emu-provides: ticker:isa-device
import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu, GObject

STEP = 1


class Base(Emu.IsaDevice):
    __gtype_name__ = "ticker-base"

    def do_reset(self):
        self.count = 0


class Ticker(Base):
    """Counts"""

    __gtype_name__ = "ticker"
    start = GObject.Property(type=int, default=3, minimum=0, maximum=100)
    regions = [Emu.RegionSpec("port", 4, "io", at=0x330)]
    count = Emu.Saved(int)

    def do_realize(self):
        self.clock = self.timer(self.tick)
        self.ticks = 0

    def tick(self):
        self.ticks += STEP

    def do_reset(self):
        super().do_reset()
        self.count = self.start

    def do_write(self, region, offset, value, size):
        self.set_timer(self.clock, 1000)

    def do_read(self, region, offset, size):
        self.count += STEP
        return self.count if offset == 0 else self.ticks
'''


def test_reload():
    import gi

    gi.require_version("Emu", "1.0")
    from gi.repository import Emu

    def save(text):
        write(folder, "new", text)
        os.rename(f"{folder}/new", f"{folder}/ticker.py")

    with tempfile.TemporaryDirectory() as folder:
        write(folder, "ticker.py", COUNTER)
        Emu.Registry.get_default().add_plugin_dir(folder)
        with Emu.Machine.new("pc", memory="16M") as m:
            device = m.add("ticker", start=10)
            m.start(paused=True)
            m.memory[0x7c00:0x7c02] = b"\xeb\xfe"
            for name, value in {"cs": 0, "eflags": 2, "rip": 0x7c00}.items():
                m.cpus[0].regs[name] = value
            equal([m.io.read_u8(0x330), m.io.read_u8(0x330)], [11, 12])
            with tap.raises(Emu.Error, None, "ticker", "has not changed"):
                m.reload("ticker")
            for text, words in ((COUNTER.replace('"port", 4', '"port", 8'), ("regions", "ticker")), (COUNTER + "1 +\n", ("SyntaxError",)),
                                (COUNTER.replace("count = Emu.Saved(int)", "other = Emu.Saved(int)"), ("saved state",)),
                                (COUNTER.replace("maximum=100", "maximum=200"), ("properties",)),
                                (COUNTER.replace("class Ticker", "class Other"), ("Ticker", "gone")),
                                (COUNTER.replace("emu-provides: ticker", "emu-provides: tocker"), ("provides something else",)),
                                (COUNTER.replace("STEP = 1", "STEP = 1 / 0"), ("ZeroDivisionError",))):
                save(text)
                with tap.raises(Emu.Error, None, *words):
                    m.reload("ticker")
                equal(m.io.read_u8(0x330) > 12, True)
            m.start()
            before = device.count
            save(COUNTER.replace("STEP = 1", "STEP = 5").replace("self.count = self.start", "self.count = self.start + 50"))
            equal(m.reload("ticker")["devices"], 1)
            equal(m.running, True)
            equal(m.io.read_u8(0x330), before + 5)
            m.pause()
            device.reset()
            equal(m.io.read_u8(0x330), 65)
            m.io.write_u8(0x330, 1)
            while not device.ticks:
                m.run(until=m.virtual_time("1ms"), timeout=600)
            equal(device.ticks, 5)
            snapshot = m.snapshot()
            save(COUNTER.replace("STEP = 1", "STEP = 7"))
            m.reload("ticker")
            equal(m.io.read_u8(0x330), 72)
            snapshot.restore()
            equal(m.io.read_u8(0x330), 72)


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
