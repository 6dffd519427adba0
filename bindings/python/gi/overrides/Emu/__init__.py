# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Python adds to the introspected Emu: exceptions, with, await, slices, keywords, dictionaries for QMP.

Calls that take long wait when they are called plainly, and return an awaitable inside a coroutine (under Emu.run() or
Emu.asyncio_loop()).
"""

# In this order: an introspected class, made when it is first named, derives from what its parent's is by then.
from .errors import Error, wrap
from .registry import Property, Registry, Type
from .objects import Line, Object
from .parts import RegionSpec, Saved
from .devices import Device
from .buses import Bus, I2cBus, SpiBus
from .boards import Board
from .cpus import Cpu
from .memory import Memory
from .consoles import Console, Screen
from .observing import Access, Event, Stop, Tap, Trigger
from .machines import Machine, Snapshot
from .reload import reload_file
from .waiting import asyncio_loop, run

SavedProperty = Saved

__all__ = [
    "Access", "Board", "Bus", "Console", "Cpu", "Device", "Error", "Event", "I2cBus", "Line", "Machine", "Memory", "Object", "Property",
    "RegionSpec", "Registry", "Saved", "SavedProperty", "Screen", "Snapshot", "SpiBus", "Stop", "Tap", "Trigger", "Type", "asyncio_loop",
    "reload_file", "run",
]

for _name in __all__:
    _public = globals()[_name]
    _public.__module__ = __name__  # how users know it, in tracebacks too
    # What is left: methods that can fail raise Emu.Error, too.
    for _info in getattr(getattr(_public, "__info__", None), "get_methods", tuple)():
        if _info.is_method() and _info.can_throw_gerror() and _info.get_name() not in vars(_public):
            setattr(_public, _info.get_name(), wrap(_info))
