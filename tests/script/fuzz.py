# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every method of every class with arguments that nobody would give: exceptions, but no crash and no hang.

fuzz.py                 as a test: some rounds, each in a process of its own
fuzz.py SEED [CALLS]    one round, which says what it calls
"""

import inspect
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading

ROUNDS, CALLS = 4, 1000


def pool(rng, Emu, GLib, world):
    numbers = [0, 1, 2, 3, 5, 7, 8, 15, 16, 255, 256, 0x330, 0x7C00, 0xA0000, 0xFFFFFFF0, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40, (1 << 63) - 1, (1 << 64) - 1,
               1 << 64, -1, -5, -(1 << 63), 1 << 200]
    texts = ["", "x", "pc", "none", "isa-serial", "i6300esb", "rip", "rax", "xmm0", "cr0", "serial0", "/machine", "/machine/peripheral/dog", "/", "../..", "io",
             "memory", "rw", "q", "query-status", "stop", "cont", "system_reset", "info qtree", "(", "a{2,1}", "\0", "\udc80", "ü" * 300, "%s%n", "STOP", "id",
             "kernel", "m", "nodefaults", "{", '{"a": 1}', "driver", "fuzz-device", "fuzz-device2", "fuzz-machine"]
    kind = rng.randrange(10)
    if kind < 3:
        return rng.choice(numbers)
    if kind < 6:
        return rng.choice(texts)
    if kind < 8:
        return rng.choice(world) if world else None
    return rng.choice([None, True, False, 1.5, float("nan"), float("inf"), b"", b"bytes", bytearray(3), [], [1, 2], ["x"], [None], (), {}, {"a": 1}, object(), int, print,
                       lambda *args: None, lambda *args: 1 / 0, slice(0, 4), slice(4, 0), slice(None), range(3), GLib.Variant("s", "x"), GLib.Variant("a{sv}", {}),
                       GLib.Bytes.new(b"abc"), Emu.Machine, Emu.IsaDevice, Emu.Error, NotImplemented, ...])


KINDS = {"gint8": 0, "guint8": 0, "gint32": 0, "guint32": 0, "gint64": 0, "guint64": 0, "GType": 4, "utf8": 1, "filename": 1, "interface": 2, "array": 3,
         "gboolean": 0}
NAMES = {"address": 0, "value": 0, "offset": 0, "index": 0, "level": 0, "word": 0, "bits": 0, "select": 0, "delay": 0, "id": 1, "name": 1, "command": 1, "pattern": 1,
         "data": 3, "line": 2, "device": 2, "like": 2, "other": 2, "bus": 2, "until": 2, "key": 0}


def plausible(rng, kind, world):
    if kind == 0:
        return rng.choice([0, 1, 2, 3, 4, 5, 8, 16, 31, 32, 33, 127, 255, 0x330, 0x331, 0x7C00, 0x9000, 0xA0000, 0xB8000, 0xFED00000, 0xFFFFFFFF, (1 << 64) - 1])
    if kind == 1:
        return rng.choice(["serial0", "rip", "rax", "xmm0", "i6300esb", "isa-debugcon", "id", "value", "latch", "dog", "/machine/peripheral/dog", "in", "out", "irq", "io", "memory",
                           "rw", "r", "query-status", "query-block", "cont", "stop", "info registers", "RESET", "H(.)L", "general", "ISA", "pci-device", "RELOAD"])
    if kind == 2:
        return rng.choice(world) if world else None
    if kind == 3:
        return rng.choice([b"", b"abc", bytes(16), [1, 2, 3], bytes(4096)])
    return rng.choice([lambda *args: None, lambda *args: 1 / 0, lambda *args: "text"]) if kind == 5 else int


def argument(rng, Emu, GLib, world, name, folder, hint=None):
    if "timeout" not in name and hint is not None and rng.random() < 0.75:
        return plausible(rng, hint, world)
    if "timeout" in name:
        return rng.choice([1, 2, 20]) if "ms" in name else rng.choice([0.001, 0.02, -1, "x", None if rng.random() < 0 else 0.01])
    if name in ("path", "dir") and rng.random() < 0.7:
        return rng.choice([f"{folder}/x.png", "/nonexistent/y", folder, ""])
    if name in ("count", "n_selects", "size") and rng.random() < 0.7:
        return rng.choice([0, 1, 3, 16, 4096, -1])
    if name == "cancellable":
        return None
    return pool(rng, Emu, GLib, world)


def round_of(seed, calls):
    import gi

    gi.require_version("Emu", "1.0")
    from gi.repository import Emu, Gio, GLib, GObject

    rng = random.Random(seed)
    folder = tempfile.mkdtemp()
    os.chdir(folder)  # some of the calls write files
    log = os.fdopen(os.dup(1), "w")

    class Fuzzed(Emu.IsaDevice):
        __gtype_name__ = "fuzz-device"
        value = GObject.Property(type=int, default=1)
        latch = Emu.Saved(int)
        regions = [Emu.RegionSpec("ports", 8, "io", at=0x330)]
        outputs = {"out": 2}
        inputs = {"in": 2}

        def do_read(self, region, offset, size):
            # From within, on the CPU's thread or the script's.
            call_one(depth=1)
            return offset

        def do_write(self, region, offset, value, size):
            self.latch = value

        def do_input(self, name, index, level):
            pass

    class Board(Emu.Board):
        __gtype_name__ = "fuzz-machine"

        def do_build(self):
            self.map_ram(0)
            for _ in range(5):
                call_one(depth=1)

    def machine():
        m = Emu.Machine.new("pc", memory="16M") if rng.random() < 0.8 else Emu.Machine.new(Board, memory="1M")
        made = [m]
        try:
            if "pc" in m.to_argv():
                made.append(m.add(Fuzzed))
                made.append(m.add("i6300esb", id="dog"))
            if rng.random() < 0.9:
                m.start(paused=True)
                m.memory[0x7C00:0x7C06] = b"\xba\x30\x03\xec\xeb\xfd"
                made += [m.memory, m.io, m.snapshot(), m.virtual_time("1ms"), m.breakpoint(0x7C04), m.tap(0x330), m.timer(lambda timer: None), m.lookup("/machine")]
                made += m.cpus + list(m.consoles.values()) + list(m.lookup("/machine/unattached").list_children())[:6]
                made += [line for one in made if isinstance(one, Emu.Device) for line in one.lines[:2]]
                made += [bus for one in made if isinstance(one, Emu.Device) for bus in one.list_buses()]
                for cpu in m.cpus:
                    cpu.regs.cs, cpu.regs.rip, cpu.regs.eflags = 0, 0x7C00, 2
                made += [m.screen]
        except Emu.Error:
            pass
        return made

    classes = [getattr(Emu, name) for name in dir(Emu) if isinstance(getattr(Emu, name, None), type)]
    functions = []

    def hinted(function):
        return [(name, NAMES.get(name)) for name, p in inspect.signature(function).parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]

    for cls in classes:
        for base in cls.__mro__:
            if not base.__module__.startswith(("gi.repository.Emu", "gi.overrides.Emu")):
                continue
            for info in getattr(getattr(base, "__info__", None), "get_methods", tuple)():
                # What goes in, without the lengths and closures that come by themselves.
                ins = [a for a in info.get_arguments() if a.get_direction() != 1 and not a.get_name().startswith(("n_", "user_data", "destroy"))
                       and not a.get_name().endswith(("_data", "_destroy"))]
                names = [(a.get_name(), 5 if a.get_scope() else KINDS.get(a.get_type().get_tag_as_string())) for a in ins]
                functions.append((f"{base.__name__}.{info.get_name()}", info, [("self", None)] * info.is_method() + names, cls))
            for name, member in vars(base).items():
                if inspect.isfunction(member) and name not in ("__init__", "__del__") and not name.startswith("_emu"):
                    functions.append((f"{base.__name__}.{name}", member, hinted(member), cls))
                elif isinstance(member, property):
                    functions.append((f"{base.__name__}.{name}", member.fget, [("self", None)], cls))
                elif isinstance(member, (classmethod, staticmethod)) and not name.startswith("_"):
                    functions.append((f"{base.__name__}.{name}", getattr(cls, name), hinted(getattr(cls, name)), cls))
    functions = [f for f in functions if not f[0].endswith((".asyncio_loop", "Registry.scan", ".next_event", ".events"))]
    world = machine()
    outcomes = {}

    def call_one(depth=0):
        name, function, names, cls = rng.choice(functions)
        if cls is not None and rng.random() < 0.9 and not any(isinstance(one, cls) for one in list(world)):
            return
        arguments = []
        for one, hint in names:
            if one == "self" and rng.random() < 0.97:
                fitting = [x for x in list(world) if cls is not None and isinstance(x, cls)]
                arguments.append(rng.choice(fitting) if fitting else pool(rng, Emu, GLib, world))
            else:
                arguments.append(argument(rng, Emu, GLib, list(world), one, folder, hint))
        if rng.random() < 0.05 and arguments and not any("timeout" in one for one, _ in names):
            arguments.pop()
        if depth == 0:
            log.write(f"{name}({', '.join(ascii(a)[:60] if isinstance(a, (int, str, bytes, float)) else type(a).__name__ for a in arguments)})\n")
            log.flush()
        try:
            result = function(*arguments)
            if inspect.iscoroutine(result):
                result.close()
            outcome = "returned"
            if depth == 0 and len(world) < 400 and isinstance(result, GObject.Object):
                world.append(result)
        except BaseException as error:
            outcome = type(error).__name__
            if isinstance(error, KeyboardInterrupt):
                raise
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    stopping = threading.Event()

    def others():
        # What runs is stopped again, and other threads ask in between.
        while not stopping.wait(0.02):
            for one in list(world):
                if isinstance(one, Emu.Machine):
                    try:
                        if one.running:
                            one.pause()
                        one.qmp("query-status")
                    except Exception:
                        pass

    thread = threading.Thread(target=others, daemon=True)
    thread.start()
    for n in range(calls):
        call_one()
        if n % 300 == 299:
            if rng.random() < 0.5:
                for one in world:
                    if isinstance(one, Emu.Machine):
                        one.close()
                for _ in range(100):
                    call_one()
            del world[:]
            world += machine()
    stopping.set()
    thread.join(30)
    for one in world:
        if isinstance(one, Emu.Machine):
            one.close()
    del world[:]
    with Emu.Machine.new("pc", memory="16M") as m:
        m.start(paused=True)
        m.memory[0x7C00:0x7C02] = b"\xeb\xfe"
        m.cpus[0].regs.cs, m.cpus[0].regs.rip = 0, 0x7C00
        assert m.run(timeout=0.02).reason == "timeout"
    log.write("done: " + ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items(), key=lambda item: -item[1])) + "\n")
    log.flush()
    os.chdir("/")
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main():
    if len(sys.argv) > 1:
        round_of(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else CALLS)
    print(f"1..{ROUNDS}", flush=True)
    failed = 0
    for seed in range(1, ROUNDS + 1):
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            done = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(seed)], stdout=out, stderr=err)
            try:
                status = done.wait(1500)
            except subprocess.TimeoutExpired:
                status = "hangs"
                done.kill()
                done.wait()
            out.seek(0)
            lines = out.read().splitlines()
            err.seek(0)
            errors = err.read().splitlines()
        if status == 0 and lines and lines[-1].startswith("done: "):
            print(f"# {lines[-1]}\nok {seed} round-{seed}", flush=True)
            continue
        failed += 1
        print("".join(f"# {line}\n" for line in errors[-15:] + lines[-5:]) + f"# exit status {status}; again: fuzz.py {seed}\nnot ok {seed} round-{seed}", flush=True)
    sys.exit(1 if failed else 0)


main()
