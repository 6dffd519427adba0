# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts may write for a number, a time, a pattern, bytes."""

import re

from gi.repository import GLib

from .errors import bad
from .introspected import Emu

UNITS = {"ns": 1, "us": 1000, "ms": 1000000, "s": 1000000000, "m": 60 * 1000000000}


def as_nanoseconds(value):
    """1.5 (seconds), "20ms", "+1s"."""
    if isinstance(value, str):
        match = re.fullmatch(r"\+?\s*([0-9.]+)\s*(ns|us|ms|s|m)", value)
        if not match:
            raise bad(f"/machine.time: {value!r} is no time, expected 1.5 or \"20ms\"")
        return int(float(match.group(1)) * UNITS[match.group(2)])
    return int(value * 1000000000)


def as_milliseconds(timeout, what="timeout"):
    if timeout is None:
        return 0
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout < 0:
        raise bad(f"/machine.{what}: {timeout!r}, expected seconds, or None to wait for ever")
    return max(1, int(timeout * 1000))


def as_variant(name, value):
    if isinstance(value, bool):
        return GLib.Variant("b", value)
    if isinstance(value, int):
        if -(1 << 63) <= value < 1 << 63:
            return GLib.Variant("x", value)
        if 0 <= value < 1 << 64:
            return GLib.Variant("t", value)
        raise bad(f"/machine.{name}: {value} does not fit into 64 bits")
    if isinstance(value, float):
        return GLib.Variant("d", value)
    if isinstance(value, str):
        return GLib.Variant("s", value)
    if isinstance(value, Emu.Object):
        path = value.get_path()
        if path is None:
            raise bad(f"/machine.{name}: the object is in no machine")
        return GLib.Variant("s", path)
    raise bad(f"/machine.{name}: {type(value).__name__} is no value of a property, expected bool, int, str or an object")


def as_dictionary(properties):
    """Keywords as properties of a device, "_" for "-"."""
    return GLib.Variant("a{sv}", {name.replace("_", "-"): as_variant(name, value) for name, value in properties.items()})


def as_pattern(pattern):
    if isinstance(pattern, re.Pattern):
        pattern = pattern.pattern
    if isinstance(pattern, bytes):
        pattern = pattern.decode("latin-1")
    if not isinstance(pattern, str):
        raise bad(f"/machine.pattern: {pattern!r}, expected a regular expression")
    return pattern


def as_bytes(data, what):
    if isinstance(data, str):
        return data.encode(errors="surrogateescape")
    if isinstance(data, (bytes, bytearray, memoryview, list, tuple, range)) or hasattr(data, "tobytes"):
        try:
            return bytes(data)
        except (TypeError, ValueError) as error:
            raise bad(f"/machine.{what}: {error}, expected bytes") from None
    raise bad(f"/machine.{what}: {type(data).__name__}, expected bytes")


def as_address(value, what="address"):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise bad(f"/machine.{what}: {value!r} is no address, expected 0 to 2**64 - 1")
    return value


def as_count(value, what, most=1 << 16):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise bad(f"/machine.{what}: {value!r}, expected a number from 0 to {most}")
    return value


def as_size(size, what):
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 1 << 64:
        raise bad(f"/machine.{what}: {size!r} is no number of bytes")
    return size


def as_range(key, what):
    if not isinstance(key, slice):
        return as_address(key, what), 1
    if key.step is not None or key.start is None or key.stop is None:
        raise bad(f"/machine.{what}: slices are [first:last+1], without a step")
    start, stop = as_address(key.start, what), key.stop
    if isinstance(stop, bool) or not isinstance(stop, int) or not start <= stop <= 1 << 64:
        raise bad(f"/machine.{what}: {key.start!r}:{stop!r} is no range")
    return start, stop - start


def as_memory_size(text):
    match = re.fullmatch(r"(\d+)([KMG]?)", str(text))
    if not match:
        raise bad(f"/machine.memory: {text!r}, expected a number of bytes, or \"64M\"")
    return int(match.group(1)) << {"": 0, "K": 10, "M": 20, "G": 30}[match.group(2)]


def as_property_name(name):
    if not isinstance(name, str):
        raise bad(f"/machine: {name!r} is no name of a property, expected a string")
    return name
