# SPDX-License-Identifier: LGPL-2.1-or-later
"""Why a machine stopped, what may stop it, and what it did meanwhile."""

import collections
import json
import struct

from .errors import method
from .introspected import Emu, override

RECORD = struct.Struct("=qQQQIIiI")


@override
class Stop(Emu.Stop):
    """Why a machine stopped. reason: "breakpoint", "timeout" ...; trigger: the object that did it."""

    reason = property(lambda self: self.get_reason_name())
    trigger = property(lambda self: self.get_trigger())
    cpu = property(lambda self: self.get_cpu())
    pc = property(lambda self: self.get_pc())
    message = property(lambda self: self.get_message())

    def __repr__(self):
        where = f" at {self.pc:#x} on CPU {self.cpu}" if self.cpu >= 0 else ""
        what = f": {self.message}" if self.message else ""
        return f"<Emu.Stop {self.reason}{where}{what}>"


@override
class Trigger(Emu.Trigger):
    hits = property(lambda self: self.get_hits())
    enabled = property(lambda self: self.get_enabled(), lambda self, on: method(Emu.Trigger, "set_enabled")(self, bool(on)))

    condition = None
    pc = property(lambda self: self.get_hit()[1])
    address = property(lambda self: self.get_address())
    hit_address = property(lambda self: self.get_hit()[2])
    value = property(lambda self: self.get_hit()[3])
    size = property(lambda self: self.get_hit()[4])
    is_write = property(lambda self: self.get_hit()[5])

    def delete(self):
        self.remove()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.remove()

    def __repr__(self):
        return f"<Emu.Trigger {self.describe()}, {self.hits} hits>"


class Event:
    """An event of QMP."""

    def __init__(self, text):
        event = json.loads(text)
        stamp = event["timestamp"]
        self.name, self.data = event["event"], event.get("data", {})
        self.timestamp = stamp["seconds"] + stamp["microseconds"] / 1e6

    def __repr__(self):
        return f"<Emu.Event {self.name} {self.data}>"


class Access(collections.namedtuple("Access", "ns pc address value size write cpu")):
    """A record of a tap."""

    __slots__ = ()

    def __repr__(self):
        return (f"<{'write' if self.write else 'read'} {self.address:#x} {'<-' if self.write else '->'} {self.value:#x}"
                f" ({self.size} bytes) at pc {self.pc:#x}>")


@override
class Tap(Emu.Tap):
    """Records of accesses: tap.take() is a list of Emu.Access."""

    def take(self):
        return [Access(ns, pc, address, value, size, bool(write), cpu)
                for ns, pc, address, value, size, write, cpu, _ in RECORD.iter_unpack(bytes(Emu.Tap.take(self)))]

    lost = property(lambda self: self.get_lost())
