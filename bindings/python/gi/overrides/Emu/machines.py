# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines and their snapshots."""

import asyncio
import contextlib
import json
import re
import time

from .errors import Error, bad, method, raising
from .introspected import Emu, override
from .observing import Event
from .parts import type_name
from .values import as_address, as_dictionary, as_milliseconds, as_nanoseconds, as_pattern, as_size
from .waiting import running_loop, wait_for

OPTIONS = {"memory": "m"}
ACCELS = {"jit": "tcg", "interp": "tcg,mode=interp"}


@override
class Snapshot(Emu.Snapshot):
    """A state of a machine; with m.snapshot(): ... restores it at the end."""

    name = property(lambda self: self.get_name())
    size = property(lambda self: self.get_size())
    time = property(lambda self: self.get_virtual_ns() / 1e9)

    def restore(self):
        raising(Emu.Snapshot.restore, self, None)

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.restore()


@override
class Machine(Emu.Machine):
    """A machine: with Emu.Machine("pc", memory="64M") as m: ..."""

    def __new__(cls, board="pc", **options):
        return cls.new(board, **options)

    def __init__(self, *_args, **_options):
        """new() has done it."""

    @classmethod
    def new(cls, board="pc", **options):
        """Machine.new("pc", memory="64M", kernel=..., drive=["file=a.img", ...], nodefaults=True); or a class derived from Board."""
        if isinstance(board, type) and issubclass(board, Emu.Board):
            board = board._emu_register()
        machine = raising(Emu.Machine.new, board)
        for name, value in options.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                machine.option(name, one)
        return machine

    @classmethod
    def from_argv(cls, argv):
        """Machine.from_argv(["-M", "pc", "-m", "64", ...]): as emu would make it."""
        if isinstance(argv, str) or not all(isinstance(word, str) for word in argv):
            raise bad("/machine.argv: expected a list of strings")
        return raising(Emu.Machine.new_from_argv, list(argv))

    def option(self, name, value=None):
        """An option of the command line: m.option("smp", 2), m.option("no-reboot")."""
        name = OPTIONS.get(name, name.replace("_", "-"))
        if value is False:
            return
        if name == "accel":
            value = ACCELS.get(value, value)
        value = None if value is None or value is True else str(value)
        raising(Emu.Machine.add_option, self, name, value)

    def to_argv(self):
        return list(self.get_argv())

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def __repr__(self):
        return f"<Emu.Machine {self.get_state()}: {' '.join(self.get_argv())}>"

    # -- life --

    def realize(self):
        return wait_for(self, Emu.Machine, "realize", (), bool)

    def start(self, paused=False):
        """Realizes the machine if need be, and lets it run, or not."""
        if not self.is_realized():
            result = self.realize()
            if running_loop() is not None:

                async def later():
                    await result
                    if not paused:
                        method(Emu.Machine, "start")(self)

                return later()
        if not paused:
            method(Emu.Machine, "start")(self)
        if running_loop() is not None:
            return asyncio.sleep(0)
        return None

    pause = method(Emu.Machine, "pause")
    reset = method(Emu.Machine, "reset")
    powerdown = method(Emu.Machine, "powerdown")
    state = property(lambda self: self.get_state())
    running = property(lambda self: self.is_running())
    last_stop = property(lambda self: self.get_last_stop())
    exit_status = property(lambda self: self.get_exit_status())

    def run(self, until=None, timeout=None):
        """Runs until something stops it; returns the trigger that did, or an Emu.Stop.

        until: one or several of breakpoints, texts, times; short for them: 0x7c00 (an address), re.compile("login:") (a text on the
        first serial line), "RESET" (an event of QMP).
        """
        if until is None:
            until = []
        elif isinstance(until, (Emu.Trigger, str, int, re.Pattern)):
            until = [until]
        as_milliseconds(timeout)
        triggers, passing = [], []
        try:
            for one in until:
                if isinstance(one, int) and not isinstance(one, bool):
                    one = self.breakpoint(one)
                    passing.append(one)
                elif isinstance(one, re.Pattern):
                    one = self.text(one)
                elif isinstance(one, str):
                    one = self.event(one)
                if not isinstance(one, Emu.Trigger):
                    raise bad(f"/machine.until: {one!r}, expected breakpoints, texts, times, events")
                triggers.append(one)
        except TypeError:
            raise bad(f"/machine.until: {until!r}, expected breakpoints, texts, times, events") from None
        except Error:
            for one in passing:
                one.delete()
            raise
        if running_loop() is not None:

            async def later():
                answer = None
                with contextlib.suppress(StopIteration):
                    while True:
                        answer = await steps.send(answer)
                return steps_result.pop()

            steps_result = []
            steps = self._run(triggers, timeout, steps_result, passing)
            return later()
        answer, result = None, []
        steps = self._run(triggers, timeout, result, passing)
        with contextlib.suppress(StopIteration):
            while True:
                answer = steps.send(answer)
        return result.pop()

    def _run(self, triggers, timeout, result, passing):
        """What run() does, yielding each call that waits."""
        end = None if timeout is None else time.monotonic() + timeout
        try:
            if not self.is_realized():
                yield self.realize()
            while True:
                left = None if end is None else max(0.001, end - time.monotonic())
                stop = yield wait_for(self, Emu.Machine, "run", (triggers, as_milliseconds(left)), lambda stop: stop)
                trigger = stop.trigger
                if trigger is None or trigger.condition is None or trigger.condition():
                    result.append(trigger or stop)
                    return
        finally:
            for one in passing:
                one.delete()

    def breakpoint(self, address, condition=None, cpu=None):
        """Stops before the instruction at a linear address; condition: a function that is asked each time."""
        trigger = raising(Emu.Trigger.new_breakpoint, self, as_address(address, "breakpoint"), -1 if cpu is None else cpu.index)
        trigger.condition = condition
        return trigger

    def watchpoint(self, address, size=1, access="w", cpu=None):
        """Stops after an instruction has touched size bytes at a virtual address; access: "r", "w", "rw"."""
        return raising(Emu.Trigger.new_watchpoint, self, as_address(address, "watchpoint"), as_size(size, "watchpoint"), access, -1 if cpu is None else cpu.index)

    def text(self, pattern, console="serial0"):
        """For run(): something that a console prints."""
        return raising(Emu.Trigger.new_text, self, console if isinstance(console, str) else console.id, as_pattern(pattern))

    def virtual_time(self, delay):
        """For run(): so much virtual time from when it begins. Seconds, or "20ms"."""
        return raising(Emu.Trigger.new_time, self, as_nanoseconds(delay))

    def event(self, name):
        """For run(): an event of QMP."""
        return raising(Emu.Trigger.new_event, self, name)

    @property
    def time(self):
        """Virtual time in seconds."""
        return self.get_virtual_ns() / 1e9

    # -- observing --

    def tap(self, address, size=1, space="io", access="rw", stops=False):
        """Writes down who touches ports or memory-mapped registers."""
        return raising(Emu.Tap.new, self, space, as_address(address, "tap"), as_size(size, "tap"), access, stops)

    def watch(self, address, size=1, space="io", access="rw"):
        """@m.watch(0x300, 16): calls the function with each Emu.Access, in batches, while the script waits."""

        def decorate(function):
            tap = self.tap(address, size, space, access)
            tap.connect("ready", lambda tap: [function(one) for one in tap.take()] and None)
            function.tap = tap
            return function

        return decorate

    def observe(self, line, function=None, stops=False):
        """A tap on a line; function(line, level) is called for each change, in batches, while the script waits."""
        tap = raising(Emu.Tap.new_line, self, line, stops)
        if function:
            tap.connect("ready", lambda tap: [function(line, one.value) for one in tap.take()] and None)
        return tap

    def snapshot(self, name=None, like=None):
        """The machine's state in memory; like: an earlier one to share pages with (the last, if nothing is said)."""
        like = like if like is not None else getattr(self, "_last_snapshot", None)
        self._last_snapshot = raising(Emu.Snapshot.new, self, name, like, None)
        return self._last_snapshot

    def timer(self, function):
        """A function for virtual time: t = m.timer(f); t.set(nanoseconds)."""
        return Emu.Timer.new(self, lambda timer, *_: function(timer))

    def screens(self, index=0):
        return self._screen(index)

    def _screen(self, index):
        return raising(Emu.Screen.new, self, index)

    screen = property(lambda self: self._screen(0))

    def press(self, *keys):
        """Presses and releases keys by QMP's names, together: m.press("ctrl", "alt", "delete")."""
        self.qmp("send-key", keys=[{"type": "qcode", "data": key} for key in keys])

    # -- parts --

    get_cpu = method(Emu.Machine, "get_cpu")
    lookup = method(Emu.Machine, "lookup")
    console = method(Emu.Machine, "get_console")
    cpus = property(lambda self: [self.get_cpu(i) for i in range(self.get_n_cpus())])
    memory = property(lambda self: self.get_memory())
    io = property(lambda self: self.get_io())
    consoles = property(lambda self: {name: self.console(name) for name in self.list_consoles()})

    def __getitem__(self, name):
        """A console or an object: m["serial0"], m["net0"], m["/machine/peripheral/net0"]."""
        if not isinstance(name, str):
            raise bad(f"/machine: {name!r} is no name, expected a string")
        return self.console(name) if name in self.list_consoles() else self.lookup(name)

    def add(self, device, **properties):
        """Adds a device: a type's name, or a class of Python's. Properties are keywords, "_" for "-"."""
        return raising(Emu.Machine.add_device, self, type_name(device), as_dictionary(properties))

    def remove(self, device):
        raising(Emu.Machine.remove_device, self, device)

    # -- monitors --

    def qmp(self, command, **arguments):
        """m.qmp("qom-get", path="/machine", property="type"): a dictionary, or what the command returns."""
        text = json.dumps({name.replace("_", "-"): value for name, value in arguments.items()}) if arguments else None
        return json.loads(raising(Emu.Machine.qmp, self, command, text))

    hmp = method(Emu.Machine, "hmp")

    def reload(self, plugin):
        """Puts the file that has replaced a plugin's in the place of the code that runs: its devices keep state, properties and wires."""
        return self.qmp("plugin-reload", name=plugin)

    def next_event(self, *names, timeout=None):
        return wait_for(self, Emu.Machine, "next_event", (list(names), as_milliseconds(timeout)), Event)

    def events(self, *names):
        """async for event in m.events("STOP", "RESET"); or for, which waits for each."""
        return Events(self, names)


class Events:
    def __init__(self, machine, names):
        self._machine, self._names = machine, names

    def __iter__(self):
        return self

    def __next__(self):
        return self._machine.next_event(*self._names)

    def __aiter__(self):
        return self

    async def __anext__(self):
        return await self._machine.next_event(*self._names)
