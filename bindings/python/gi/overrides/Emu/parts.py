# SPDX-License-Identifier: LGPL-2.1-or-later
"""What devices, boards and CPUs of Python's are made of: regions, saved state, functions that C calls."""

import ctypes
import traceback

from gi.repository import GLib

from .errors import bad
from .introspected import Emu


class RegionSpec:
    """Registers of a device: RegionSpec("ctl", 16, "io", at=0x300), at="iobase" (a property), bar=0 for PCI devices."""

    def __init__(self, name, size, kind="memory", at=None, bar=None, read="do_read", write="do_write"):
        if kind not in ("memory", "io"):
            raise bad(f"/region.{name}: kind is {kind!r}, expected \"memory\" or \"io\"")
        self.name, self.size, self.io, self.at, self.bar, self.read, self.write = name, size, kind == "io", at, bar, read, write

    def __repr__(self):
        return f"<Emu.RegionSpec {self.name}, {self.size} bytes>"


class Saved:
    """State of a device that snapshots keep: latch = Emu.Saved(int), buffer = Emu.Saved(bytes, size=64)."""

    def __init__(self, type=int, default=None, size=0):
        if type not in (int, bool, bytes) or (type is bytes) != bool(size):
            raise bad("/saved: expected Saved(int), Saved(bool) or Saved(bytes, size=N)")
        self.type, self.size = type, size
        self.default = default if default is not None else bytes(size) if type is bytes else type()

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, obj, owner=None):
        return self if obj is None else obj.__dict__.get(self.name, self.default)

    def __set__(self, obj, value):
        obj.__dict__[self.name] = value

    def pack(self, obj):
        value = self.__get__(obj)
        if self.type is bytes:
            return bytes(value)[:self.size].ljust(self.size, b"\0")
        return (int(value) & (1 << 64) - 1).to_bytes(8, "little")

    def unpack(self, obj, data):
        self.__set__(obj, bytes(data) if self.type is bytes else self.type(int.from_bytes(data, "little")))


def guarded(device, function, default):
    """What C calls: an exception pauses the machine, and is shown."""

    def call(*args):
        try:
            return function(*args)
        except BaseException:
            device.report_exception(traceback.format_exc().rstrip())
            return default

    return call


def reader(device, spec):
    """What C calls for a read of a region."""
    name = spec.read
    if not hasattr(device, name):
        return None

    def read(offset, size):
        try:
            return getattr(device, name)(spec, offset, size) & (1 << 8 * size) - 1
        except BaseException:
            device.report_exception(traceback.format_exc().rstrip())
            return (1 << 8 * size) - 1

    return read


def writer(device, spec):
    """What C calls for a write to a region."""
    name = spec.write
    if not hasattr(device, name):
        return None

    def write(offset, value, size):
        try:
            getattr(device, name)(spec, offset, value, size)
        except BaseException:
            device.report_exception(traceback.format_exc().rstrip())

    return write


def event(name):
    """What C calls for an event that the class may have a method for, now or after a reload."""

    def call(obj, *_args):
        if hasattr(obj, name):
            guarded(obj, getattr(obj, name), None)()

    return call


def type_name(device):
    """Of a device's class, or of a type's name."""
    if isinstance(device, type) and issubclass(device, Emu.Device):
        return device._emu_register()
    if not isinstance(device, str):
        raise bad(f"/machine.add: {device!r}, expected the name of a type, or a class")
    return device


def check_regions(cls):
    for spec in cls.regions:
        if not isinstance(spec, RegionSpec):
            raise bad(f"/{cls.__name__}.regions: {spec!r}, expected Emu.RegionSpec")


def reason(function):
    """None, or why it failed: for C."""
    try:
        function()
    except GLib.Error as error:
        return error.message
    except Exception as error:
        return f"{type(error).__name__}: {error}\n{traceback.format_exc().rstrip()}"
    return None


def thread_hook(*_args):
    """One reference more on this thread's state, so that it is not made anew for each call."""
    ctypes.pythonapi.PyGILState_Ensure()
