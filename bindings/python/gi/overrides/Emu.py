# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Python adds to the introspected Emu: exceptions, with, await, slices, keywords, dictionaries for QMP.

Calls that take long wait when they are called plainly, and return an awaitable inside a coroutine (under Emu.run() or
Emu.asyncio_loop()).
"""

import asyncio
import collections
import contextlib
import json
import re
import selectors
import signal
import struct
import threading
import time
import traceback

from gi.repository import Gio, GLib, GObject

from ..module import get_introspection_module
from ..overrides import override

Emu = get_introspection_module("Emu")

__all__ = []
_GError = GLib.Error


def _export(thing):
    __all__.append(thing.__name__)
    return thing


# ---- errors ---------------------------------------------------------------------------------------------------------

_codes = Emu.Error
_MESSAGE = re.compile(r"(?s)(/[^\s:.]*(?:\[\d+\][^\s:.]*)*)(?:\.([^\s:]+))?: (.*)")


@_export
class Error(_GError):
    """Every failure. code: one of Error.NOT_FOUND and so on; path: the object; property: its property; may be None."""

    def __init__(self, message="", code=0, path=None, property=None):
        super().__init__(message, "emu-script-error-quark", int(code))
        match = _MESSAGE.fullmatch(message)
        self.code = _codes(int(code))
        self.path = path or (match and match.group(1)) or None
        self.property = property or (match and match.group(2)) or None

    def __str__(self):
        return self.message

    def __repr__(self):
        return f"Emu.Error.{self.code.value_nick.upper().replace('-', '_')}({self.message!r})"


for _name in dir(_codes):
    if _name.isupper():
        setattr(Error, _name, getattr(_codes, _name))


def _translate(error):
    if isinstance(error, Error) or error.domain != "emu-script-error-quark":
        return error
    return Error(error.message, error.code)


def _wrap(function):
    """Introspected functions raise GLib.Error; ours are Emu.Error."""

    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except _GError as error:
            raise _translate(error) from None

    call.__name__ = getattr(function, "__name__", "call")
    call.__doc__ = getattr(function, "__doc__", None)
    return call


def _method(cls, name):
    return _wrap(getattr(cls, name))


def _raising(function, *args):
    try:
        return function(*args)
    except _GError as error:
        raise _translate(error) from None


def _count(value, what, most=1 << 16):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise _bad(f"/machine.{what}: {value!r}, expected a number from 0 to {most}")
    return value


def _bad(text, code="BAD_VALUE"):
    return Error(text, getattr(_codes, code))


# ---- values ---------------------------------------------------------------------------------------------------------

_UNITS = {"ns": 1, "us": 1000, "ms": 1000000, "s": 1000000000, "m": 60 * 1000000000}


def _nanoseconds(value):
    """1.5 (seconds), "20ms", "+1s"."""
    if isinstance(value, str):
        match = re.fullmatch(r"\+?\s*([0-9.]+)\s*(ns|us|ms|s|m)", value)
        if not match:
            raise _bad(f"/machine.time: {value!r} is no time, expected 1.5 or \"20ms\"")
        return int(float(match.group(1)) * _UNITS[match.group(2)])
    return int(value * 1000000000)


def _milliseconds(timeout, what="timeout"):
    if timeout is None:
        return 0
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout < 0:
        raise _bad(f"/machine.{what}: {timeout!r}, expected seconds, or None to wait for ever")
    return max(1, int(timeout * 1000))


def _variant(name, value):
    if isinstance(value, bool):
        return GLib.Variant("b", value)
    if isinstance(value, int):
        if -(1 << 63) <= value < 1 << 63:
            return GLib.Variant("x", value)
        if 0 <= value < 1 << 64:
            return GLib.Variant("t", value)
        raise _bad(f"/machine.{name}: {value} does not fit into 64 bits")
    if isinstance(value, float):
        return GLib.Variant("d", value)
    if isinstance(value, str):
        return GLib.Variant("s", value)
    if isinstance(value, Emu.Object):
        path = value.get_path()
        if path is None:
            raise _bad(f"/machine.{name}: the object is in no machine")
        return GLib.Variant("s", path)
    raise _bad(f"/machine.{name}: {type(value).__name__} is no value of a property, expected bool, int, str or an object")


def _pattern(pattern):
    if isinstance(pattern, re.Pattern):
        pattern = pattern.pattern
    if isinstance(pattern, bytes):
        pattern = pattern.decode("latin-1")
    if not isinstance(pattern, str):
        raise _bad(f"/machine.pattern: {pattern!r}, expected a regular expression")
    return pattern


def _bytes(data, what):
    if isinstance(data, str):
        return data.encode(errors="surrogateescape")
    if isinstance(data, (bytes, bytearray, memoryview, list, tuple, range)) or hasattr(data, "tobytes"):
        try:
            return bytes(data)
        except (TypeError, ValueError) as error:
            raise _bad(f"/machine.{what}: {error}, expected bytes") from None
    raise _bad(f"/machine.{what}: {type(data).__name__}, expected bytes")


def _address(value, what="address"):
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        raise _bad(f"/machine.{what}: {value!r} is no address, expected 0 to 2**64 - 1")
    return value


# ---- waiting --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _interruptible():
    """A Gio.Cancellable that Ctrl-C cancels: Python looks at signals between two of its own instructions only."""
    cancellable = Gio.Cancellable()
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield cancellable
        return
    hit = []

    def stop(*_args):
        hit.append(1)
        cancellable.cancel()

    tick = GLib.timeout_add(100, lambda: GLib.SOURCE_CONTINUE)
    signal.signal(signal.SIGINT, stop)
    try:
        yield cancellable
    except _GError:
        if not hit:
            raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        GLib.source_remove(tick)
    if hit:
        raise KeyboardInterrupt


def _running_loop():
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _call(obj, cls, name, args, convert):
    """Waits for cls.name(obj, *args, cancellable), or returns a future of it when a coroutine runs."""
    loop = _running_loop()
    if loop is None:
        with _interruptible() as cancellable:
            try:
                result = getattr(cls, name)(obj, *args, cancellable)
            except _GError as error:
                raise _translate(error) from None
        return convert(result)

    future = loop.create_future()
    cancellable = Gio.Cancellable()

    def done(source, result):
        try:
            value, error = getattr(cls, name + "_finish")(obj, result), None
        except _GError as failure:
            value, error = None, _translate(failure)
        if error is None:
            try:
                value = convert(value)
            except Exception as failure:
                error = failure
        loop.call_soon_threadsafe(settle, value, error)

    def settle(value, error):
        if not future.done():
            future.set_exception(error) if error is not None else future.set_result(value)

    future.add_done_callback(lambda f: cancellable.cancel() if f.cancelled() else None)
    getattr(cls, name + "_async")(obj, *args, cancellable, done)
    return future


class _Selector(selectors.SelectSelector):
    """asyncio waits in GLib's main loop, so that callbacks of both are called."""

    def __init__(self):
        super().__init__()
        self.context = GLib.MainContext.default()

    def select(self, timeout=None):
        ready, sources = [], []

        def on_ready(fd, condition, key):
            events = 0
            if condition & (GLib.IO_IN | GLib.IO_HUP | GLib.IO_ERR):
                events |= selectors.EVENT_READ
            if condition & (GLib.IO_OUT | GLib.IO_HUP | GLib.IO_ERR):
                events |= selectors.EVENT_WRITE
            ready.append((key, events & key.events))
            return GLib.SOURCE_CONTINUE

        for key in list(self.get_map().values()):
            condition = GLib.IO_HUP | GLib.IO_ERR
            if key.events & selectors.EVENT_READ:
                condition |= GLib.IO_IN
            if key.events & selectors.EVENT_WRITE:
                condition |= GLib.IO_OUT
            sources.append(GLib.unix_fd_add_full(GLib.PRIORITY_DEFAULT, key.fd, condition, on_ready, key))
        if timeout is not None and timeout > 0:
            timer = GLib.timeout_source_new(max(1, int(timeout * 1000 + 0.999)))
            timer.set_callback(lambda *_args: GLib.SOURCE_REMOVE)
            timer.attach(self.context)
        else:
            timer = None
        self.context.iteration(timeout is None or timeout > 0)
        for source in sources:
            GLib.source_remove(source)
        if timer is not None:
            timer.destroy()
        return ready


@_export
def asyncio_loop():
    """An event loop of asyncio that serves GLib's main context, too: asyncio.Runner(loop_factory=Emu.asyncio_loop)."""
    return asyncio.SelectorEventLoop(_Selector())


@_export
def run(main):
    """Runs a coroutine to its end, as asyncio.run() does."""
    loop = asyncio_loop()
    try:
        asyncio.set_event_loop(loop)
        task = loop.create_task(main)
        try:
            return loop.run_until_complete(task)
        except KeyboardInterrupt:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
            raise
    finally:
        with contextlib.suppress(Exception):
            rest = asyncio.all_tasks(loop)
            for task in rest:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


# ---- registry -------------------------------------------------------------------------------------------------------


@_export
class Type:
    """A type as the registry knows it."""

    def __init__(self, registry, name):
        self._registry, self.name = registry, name

    @property
    def description(self):
        return self._registry.get_description(self.name)

    @property
    def plugin(self):
        return self._registry.get_plugin(self.name)

    @property
    def properties(self):
        return {p.get_name(): p for p in self._registry.list_properties(self.name)}

    def __repr__(self):
        return f"<Emu.Type {self.name}>"


class Registry(Emu.Registry):
    add_plugin_dir = _method(Emu.Registry, "add_plugin_dir")
    get_description = _method(Emu.Registry, "get_description")
    list_properties = _method(Emu.Registry, "list_properties")

    def types(self, bus=None, is_a=None):
        """Devices that can be added, of one bus perhaps; or all types that are an ancestor's."""
        names = self.list_types(is_a, False) if is_a else self.list_devices(bus)
        return [Type(self, name) for name in names]

    def __contains__(self, name):
        return self.has_type(name)

    def __getitem__(self, name):
        if not self.has_type(name):
            raise _bad(f"unknown type '{name}'", "NO_SUCH_TYPE")
        return Type(self, name)

    def register(self, cls):
        """Makes a device class of Python's a type like any other."""
        return cls._emu_register()


Registry = override(Registry)
__all__.append("Registry")


class Property(Emu.Property):
    name = property(lambda self: self.get_name())
    type = property(lambda self: self.get_type_text())
    description = property(lambda self: self.get_description())
    default = property(lambda self: self.get_default())
    writable = property(lambda self: self.is_writable())

    def __repr__(self):
        return f"<Emu.Property {self.name}: {self.type}>"


Property = override(Property)
__all__.append("Property")


# ---- objects --------------------------------------------------------------------------------------------------------


def _property_name(name):
    if not isinstance(name, str):
        raise _bad(f"/machine: {name!r} is no name of a property, expected a string")
    return name


class Object(Emu.Object):
    lookup = _method(Emu.Object, "lookup")
    path = property(lambda self: self.get_path())
    type_name = property(lambda self: self.get_type_name())

    def __getitem__(self, name):
        try:
            return Emu.Object.get_value(self, _property_name(name)).unpack()
        except _GError as error:
            raise _translate(error) from None

    def __setitem__(self, name, value):
        try:
            Emu.Object.set_value(self, _property_name(name), _variant(name, value))
        except _GError as error:
            raise _translate(error) from None

    def keys(self):
        return [p.get_name() for p in self.list_values()]

    @property
    def children(self):
        return {(child.path or "").rpartition("/")[2]: child for child in self.list_children()}

    def __repr__(self):
        return f"<Emu.{type(self).__name__} {self.get_type_name()} at {self.get_path()}>"


Object = override(Object)
__all__.append("Object")


@_export
class RegionSpec:
    """Registers of a device: RegionSpec("ctl", 16, "io", at=0x300), at="iobase" (a property), bar=0 for PCI devices."""

    def __init__(self, name, size, kind="memory", at=None, bar=None, read="do_read", write="do_write"):
        if kind not in ("memory", "io"):
            raise _bad(f"/region.{name}: kind is {kind!r}, expected \"memory\" or \"io\"")
        self.name, self.size, self.io, self.at, self.bar, self.read, self.write = name, size, kind == "io", at, bar, read, write

    def __repr__(self):
        return f"<Emu.RegionSpec {self.name}, {self.size} bytes>"


@_export
class Saved:
    """State of a device that snapshots keep: latch = Emu.Saved(int), buffer = Emu.Saved(bytes, size=64)."""

    def __init__(self, type=int, default=None, size=0):
        if type not in (int, bool, bytes) or (type is bytes) != bool(size):
            raise _bad("/saved: expected Saved(int), Saved(bool) or Saved(bytes, size=N)")
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


SavedProperty = Saved
__all__.append("SavedProperty")


def _guarded(device, function, default):
    """What C calls: an exception pauses the machine, and is shown."""

    def call(*args):
        try:
            return function(*args)
        except BaseException:
            device.report_exception(traceback.format_exc().rstrip())
            return default

    return call


def _reader(device, spec):
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


def _writer(device, spec):
    name = spec.write
    if not hasattr(device, name):
        return None

    def write(offset, value, size):
        try:
            getattr(device, name)(spec, offset, value, size)
        except BaseException:
            device.report_exception(traceback.format_exc().rstrip())

    return write


def _event(name):
    """What C calls for an event that the class may have a method for, now or after a reload."""

    def call(obj, *_args):
        if hasattr(obj, name):
            _guarded(obj, getattr(obj, name), None)()

    return call


def _check_regions(cls):
    for spec in cls.regions:
        if not isinstance(spec, RegionSpec):
            raise _bad(f"/{cls.__name__}.regions: {spec!r}, expected Emu.RegionSpec")


def _reason(function):
    """None, or why it failed: for C."""
    try:
        function()
    except _GError as error:
        return error.message
    except Exception as error:
        return f"{type(error).__name__}: {error}\n{traceback.format_exc().rstrip()}"
    return None


def _thread_hook(*_args):
    # One reference more on this thread's state, so that it is not made anew for each call.
    import ctypes

    ctypes.pythonapi.PyGILState_Ensure()


class _DeviceRegisters:
    """The registers that a device declares: device.regs["STATUS"], device.regs.STATUS = 1 (as the guest would write it)."""

    def __init__(self, device):
        object.__setattr__(self, "_device", device)

    def _name(self, name):
        if not isinstance(name, str):
            raise _bad(f"/device: {name!r} is no name of a register")
        return name

    def __getitem__(self, name):
        try:
            return Emu.Device.get_register(self._device, self._name(name))
        except _GError as error:
            raise _translate(error) from None

    def __setitem__(self, name, value):
        if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 63) <= value < 1 << 64:
            raise _bad(f"/device.{name}: {value!r} is no number of at most 8 bytes")
        try:
            Emu.Device.set_register(self._device, self._name(name), value & (1 << 64) - 1)
        except _GError as error:
            raise _translate(error) from None

    __getattr__ = __getitem__
    __setattr__ = __setitem__

    def __dir__(self):
        return Emu.Device.list_registers(self._device)

    __iter__ = lambda self: iter(Emu.Device.list_registers(self._device))

    def __len__(self):
        return len(Emu.Device.list_registers(self._device))

    def describe(self):
        """Banks, registers and their fields, as read from the device's table."""
        import json

        return json.loads(Emu.Device.describe_registers(self._device))


class Device(Emu.Device):
    """A device; derive from IsaDevice, PciDevice, SysbusDevice, I2cDevice or SpiDevice to write one.

    Class attributes: __gtype_name__ (the type's name), description, category, regions, inputs and outputs ({"name": n}),
    pci_ids (vendor, device, class), hotpluggable, word_bits and select_high (SPI). Methods, all optional: do_realize(),
    do_unrealize(), do_reset(), do_loaded() (after a snapshot), do_read(region, offset, size), do_write(region, offset, value,
    size), do_input(name, index, level). I2C: do_start(receive) and do_send(byte), which return False not to acknowledge,
    do_receive(), do_stop(). SPI: do_transfer(word), do_select(active). Properties: GObject.Property; state: Emu.Saved; timers
    are saved, too. A property "irq" of an ISA device is wired.
    """

    regions = ()
    inputs = {}
    outputs = {}
    description = None
    category = "misc"
    hotpluggable = False
    pci_ids = None
    word_bits = 8
    select_high = False
    regs = property(_DeviceRegisters)

    # -- the type --

    @classmethod
    def _emu_saved(cls):
        saved = {}
        for base in reversed(cls.__mro__):
            saved.update({name: value for name, value in vars(base).items() if isinstance(value, Saved)})
        return list(saved.values())

    @classmethod
    def _emu_register(cls):
        if "_emu_type_name" in vars(cls):
            return cls._emu_type_name
        if cls.__module__ == Device.__module__ or not issubclass(cls, Emu.Device):
            raise _bad(f"/{cls.__name__}: not a class derived from a device's")
        _check_regions(cls)
        name = vars(cls).get("__gtype_name__", cls.__name__)
        try:
            kind = Emu.DeviceType.new(cls.__gtype__, name)
            kind.set_description(cls.description or (cls.__doc__ or "").strip().split("\n")[0])
            kind.set_category(cls.category)
            kind.set_hotpluggable(cls.hotpluggable)
            if cls.pci_ids is not None:
                ids = tuple(cls.pci_ids) + (0xFF00, 0)[len(cls.pci_ids) - 2:]
                kind.set_pci_ids(*ids[:4])
            saved = cls._emu_saved()
            for one in saved:
                kind.add_saved(one.name, one.size)
            kind.set_realize(cls._emu_realize)
            kind.set_unrealize(_event("do_unrealize"))
            kind.set_reset(_event("do_reset"))
            if issubclass(cls, Emu.I2cDevice):
                kind.set_i2c(lambda device, what, data, *_: _guarded(device, cls._emu_i2c, 0xff)(device, what, data))
            if issubclass(cls, Emu.SpiDevice):
                bits = cls.word_bits
                if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 32:
                    raise _bad(f"/{cls.__name__}.word_bits: {bits!r}, expected 1 to 32")
                kind.set_spi(bits, bool(cls.select_high), lambda device, what, value, *_:
                             _guarded(device, cls._emu_spi, (1 << bits) - 1)(device, what, value))
            kind.set_save(lambda device, *_: _guarded(device, lambda: GLib.Bytes.new(b"".join(one.pack(device) for one in saved)), None)())
            kind.set_load(cls._emu_load)
            kind.register()
        except _GError as error:
            raise _translate(error) from None
        Emu.set_thread_hook(_thread_hook)
        cls._emu_type_name = name
        return name

    @staticmethod
    def _emu_i2c(device, what, data):
        if hasattr(device, "do_i2c"):  # all in one, by number
            return int(device.do_i2c(what, data) or 0) & 0xff
        name, *args = (("do_start", True), ("do_start", False), ("do_stop",), ("do_nack",), ("do_send", data), ("do_receive",))[what]
        answer = getattr(device, name)(*args) if hasattr(device, name) else None
        if what == 5:
            return 0xff if answer is None else int(answer) & 0xff
        return int(answer is False)

    @staticmethod
    def _emu_spi(device, what, value):
        if what == 2:
            answer = device.do_transfer(value) if hasattr(device, "do_transfer") else None
            return int(answer or 0) & (1 << device.word_bits) - 1
        if hasattr(device, "do_select"):
            device.do_select(bool(what))
        return 0

    @staticmethod
    def _emu_load(device, data, *_args):
        try:
            data = data.get_data()
            for one in type(device)._emu_saved():
                size = one.size or 8
                one.unpack(device, data[:size])
                data = data[size:]
            if hasattr(device, "do_loaded"):
                device.do_loaded()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    @staticmethod
    def _emu_realize(device, *_args):
        def realize():
            for spec in device.regions:
                at = spec.bar if spec.bar is not None else getattr(device, spec.at) if isinstance(spec.at, str) else spec.at
                Emu.Device.add_region(device, spec.name, spec.size, spec.io, (1 << 64) - 1 if at is None else at,
                                      _reader(device, spec), (), _writer(device, spec))
            for name, n in device.outputs.items():
                Emu.Device.add_outputs(device, name, n)
            for name, n in device.inputs.items():
                Emu.Device.add_inputs(device, name, n, lambda index, level, *_a, name=name: _guarded(device, device.do_input, None)(name, index, level))
            if isinstance(device, Emu.IsaDevice) and isinstance(getattr(device, "irq", None), int):
                Emu.Device.connect_irq(device, device.irq)
            if hasattr(device, "do_realize"):
                device.do_realize()

        return _reason(realize)

    # -- for devices in Python --

    now_ns = property(lambda self: self.get_virtual_ns())

    def timer(self, function):
        """In do_realize(): a function to be called after set_timer(number, nanoseconds)."""
        if getattr(function, "__self__", None) is self:
            name = function.__name__
            return Emu.Device.add_timer(self, lambda *_: _guarded(self, getattr(self, name), None)())
        return Emu.Device.add_timer(self, lambda *_: _guarded(self, function, None)())

    def dma_read(self, address, size):
        try:
            return bytes(Emu.Device.dma_read(self, _address(address), _size(size, "dma")))
        except _GError as error:
            raise _translate(error) from None

    def dma_write(self, address, data):
        try:
            Emu.Device.dma_write(self, _address(address), _bytes(data, "dma"))
        except _GError as error:
            raise _translate(error) from None

    def add_spi_bus(self, name=None, selects=1):
        """In do_realize(): the device is an SPI controller; returns its Emu.SpiBus."""
        return _raising(Emu.Device.add_spi_bus, self, name, _count(selects, "selects"))

    def add_i2c_bus(self, name=None):
        """In do_realize(): the device is an I2C master; returns its Emu.I2cBus."""
        return _raising(Emu.Device.add_i2c_bus, self, name)

    def add_isa_bus(self, function=None):
        """In do_realize(): the device is an ISA bridge; function(irq, level) is called when a card asks for an interrupt."""
        return _raising(Emu.Device.add_isa_bus, self, lambda index, level, *_: function and _guarded(self, function, None)(index, level))

    # -- for all --

    bus = property(lambda self: self.get_bus())
    buses = property(lambda self: {bus.name: bus for bus in self.list_buses()})
    map = _method(Emu.Device, "map")
    reset = _method(Emu.Device, "reset")
    get_line = _method(Emu.Device, "get_line")
    label = property(lambda self: self.get_label())
    machine = property(lambda self: self.get_machine())
    realized = property(lambda self: self.is_realized())
    lines = property(lambda self: self.list_lines())

    def output(self, name=None, index=0):
        return self.get_line(name, index, True)

    def input(self, name=None, index=0):
        return self.get_line(name, index, False)


Device = override(Device)
__all__.append("Device")


class Bus(Emu.Bus):
    """What devices plug into."""

    name = property(lambda self: self.get_name())
    owner = property(lambda self: self.get_owner())
    devices = property(lambda self: self.list_devices())

    def __repr__(self):
        return f"<Emu.{type(self).__name__} {self.name}>"


Bus = override(Bus)
__all__.append("Bus")


class SpiBus(Emu.SpiBus):
    """An SPI bus, for its controller: with bus.selected(0): bus.transfer(0x9f)"""

    set_select = _method(Emu.SpiBus, "set_select")

    def transfer(self, word, bits=8):
        """A word out, a word in."""
        if isinstance(word, bool) or not isinstance(word, int) or not 0 <= word < 1 << 32:
            raise _bad(f"/machine.spi: {word!r} is no word")
        return _raising(Emu.SpiBus.transfer, self, word, _count(bits, "bits"))

    @contextlib.contextmanager
    def selected(self, select=0, level=0):
        """The chip select is active inside of this; level: the one that makes it so."""
        self.set_select(_count(select, "select"), level)
        try:
            yield self
        finally:
            self.set_select(select, 1 - level)

    def exchange(self, data, select=0):
        """Bytes out, as many bytes in, while a chip is selected."""
        with self.selected(select):
            return bytes(self.transfer(byte) for byte in _bytes(data, "spi"))


SpiBus = override(SpiBus)
__all__.append("SpiBus")


class I2cBus(Emu.I2cBus):
    """An I2C bus, for its master: bus.write(0x48, b"\0"); bus.read(0x48, 2)"""

    start = _method(Emu.I2cBus, "start")
    send = _method(Emu.I2cBus, "send")

    def _begin(self, address, receive):
        if not self.start(_count(address, "address"), receive):
            raise _bad(f"{self.get_path()}: nobody answers at address {address:#x}", "NOT_FOUND")

    def write(self, address, data):
        """Sends bytes to a device; returns how many it acknowledged."""
        self._begin(address, False)
        try:
            data = _bytes(data, "i2c")
            return next((n for n, byte in enumerate(data) if not self.send(byte)), len(data))
        finally:
            self.stop()

    def read(self, address, size):
        """Receives bytes from a device."""
        self._begin(address, True)
        try:
            return bytes(self.receive(n < size - 1) for n in range(_count(size, "size")))
        finally:
            self.stop()


I2cBus = override(I2cBus)
__all__.append("I2cBus")


class Board(Emu.Board):
    """A board; derive from it to write one. Machine.new(Mine), -M mine.

    Class attributes: __gtype_name__ ("mine-machine"), description, cpu (a class, or the name of a type), cpus, max_cpus, memory ("64M"), regions.
    Methods: do_build(); optional: do_reset(), do_powerdown(), do_read() and do_write() for the regions.
    """

    description = None
    cpu = None
    cpus = 1
    max_cpus = None
    memory = None
    regions = ()

    @classmethod
    def _emu_register(cls):
        if "_emu_type_name" in vars(cls):
            return cls._emu_type_name
        name = vars(cls).get("__gtype_name__", cls.__name__)
        _check_regions(cls)
        if isinstance(cls.cpu, type) and issubclass(cls.cpu, Emu.Cpu):
            cls.cpu = cls.cpu._emu_register()
        try:
            kind = Emu.BoardType.new(cls.__gtype__, name)
            kind.set_description(cls.description or (cls.__doc__ or "").strip().split("\n")[0])
            kind.set_cpus(cls.cpu, _count(cls.cpus, "cpus"), _count(cls.max_cpus or cls.cpus, "max_cpus"))
            if cls.memory is not None:
                kind.set_ram_size(_memory_size(cls.memory))
            kind.set_build(cls._emu_build)
            kind.set_reset(_event("do_reset"))
            if hasattr(cls, "do_powerdown"):
                kind.set_powerdown(_event("do_powerdown"))
            kind.register()
        except _GError as error:
            raise _translate(error) from None
        Emu.set_thread_hook(_thread_hook)
        cls._emu_type_name = name
        return name

    @staticmethod
    def _emu_build(board, *_args):
        def build():
            for spec in board.regions:
                at = getattr(board, spec.at) if isinstance(spec.at, str) else spec.at
                if at is None:
                    raise _bad(f"/{type(board).__name__}.{spec.name}: a board's region needs at=")
                Emu.Board.add_region(board, spec.name, spec.size, spec.io, at, _reader(board, spec), (), _writer(board, spec))
            if hasattr(board, "do_build"):
                board.do_build()

        return _reason(build)

    def map_ram(self, address=0, offset=0, size=0):
        """In do_build(): the main memory, or a part of it, at an address."""
        _raising(Emu.Board.map_ram, self, _address(address, "ram"), _size(offset, "ram"), _size(size, "ram"))

    def add_rom(self, name, address, data, size=None):
        """In do_build(): memory that the guest cannot change."""
        data = _bytes(data, name)
        _raising(Emu.Board.add_memory, self, name, len(data) if size is None else _size(size, name), _address(address, name), True, data)

    def add_memory(self, name, address, size, data=b""):
        """In do_build(): memory besides the main one."""
        _raising(Emu.Board.add_memory, self, name, _size(size, name), _address(address, name), False, _bytes(data, name))

    def add(self, device, id=None, bus=None, at=(), **properties):
        """In do_build(): a device, by its type's name or class. at: where its regions go: an address, or a list of them."""
        if isinstance(device, type) and issubclass(device, Emu.Device):
            device = device._emu_register()
        if not isinstance(device, str):
            raise _bad(f"/machine.add: {device!r}, expected the name of a type, or a class")
        if bus is not None and not isinstance(bus, Emu.Bus):
            raise _bad(f"/machine.{device}.bus: {bus!r}, expected an Emu.Bus")
        values = {name.replace("_", "-"): _variant(name, value) for name, value in properties.items()}
        made = _raising(Emu.Board.add_device, self, device, id, bus, GLib.Variant("a{sv}", values))
        for index, address in enumerate([at] if isinstance(at, int) else at):
            made.map(index, _address(address, device))
        return made

    def add_isa_bus(self, function=None):
        """In do_build(): an ISA bus; function(irq, level) is called when a card asks for an interrupt."""
        bridge = self.add(_isa_bridge())
        bridge.handler = function
        return bridge.isa

    def create_cpus(self):
        """In do_build(): the CPUs that the user asked for."""
        return [_raising(Emu.Board.create_cpu, self, index) for index in range(self.n_cpus)]

    ram_size = property(lambda self: self.get_ram_size())
    n_cpus = property(lambda self: self.get_n_cpus())
    machine = property(lambda self: self.get_machine())

    def exit(self, status=0):
        """Ends the machine, and the emu program with this status."""
        self.request_exit(_count(status, "status", 255))


Board = override(Board)
__all__.append("Board")


# ---- reload -----------------------------------------------------------------------------------------------------------


def _shape(cls):
    """What a type has promised to the core, and cannot be changed any more."""
    shape = {"its base": cls.__bases__[0].__gtype__.name if cls.__bases__[0].__module__ != cls.__module__ else cls.__bases__[0].__name__,
             "regions": [vars(spec) for spec in cls.regions],
             "properties": sorted((p.name, p.value_type.name, p.default_value, getattr(p, "minimum", 0), getattr(p, "maximum", 0), int(p.flags))
                                  for p in cls.list_properties() if p.owner_type == cls.__gtype__)}
    if issubclass(cls, Emu.Device):
        shape.update(inputs=cls.inputs, outputs=cls.outputs, pci_ids=cls.pci_ids, hotpluggable=cls.hotpluggable, word_bits=cls.word_bits,
                     select_high=cls.select_high)
        shape["saved state"] = [(one.name, one.type, one.size) for one in cls._emu_saved()]
    return shape


def _cells(function):
    """The places where functions of a class keep the class, for super()."""
    function = getattr(function, "__func__", getattr(function, "fget", function))
    for name, cell in zip(getattr(getattr(function, "__code__", None), "co_freevars", ()), getattr(function, "__closure__", None) or ()):
        if name == "__class__":
            yield cell


_KEPT = {"__gtype__", "__gtype_name__", "__dict__", "__weakref__", "__gsignals__", "__gproperties__", "__module__", "_emu_type_name", "__info__"}
_reloads = 0


@_export
def reload_file(path):
    """Runs a file of devices again and gives its classes' functions to those that are there; their devices keep their state."""
    global _reloads
    import ast
    import os
    import sys
    import types

    name = "emu_plugin_" + os.path.basename(path)[:-3].replace("-", "_")
    old = sys.modules.get(name)
    if old is None:
        raise _bad(f"{path}: was not loaded", "NOT_FOUND")
    with open(path, "rb") as f:
        tree = ast.parse(f.read(), path)
    _reloads += 1
    # A GType's name is taken for ever: the new classes get others, which nobody sees.
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__gtype_name__" for t in node.targets):
            node.value = ast.fix_missing_locations(ast.copy_location(ast.BinOp(node.value, ast.Add(), ast.Constant(f"-reload{_reloads}")), node.value))
    new = types.ModuleType(f"{name}_{_reloads}")
    new.__file__ = path
    sys.modules[new.__name__] = new
    try:
        exec(compile(tree, path, "exec"), vars(new))
    finally:
        del sys.modules[new.__name__]
    pairs = []
    for key, cls in list(vars(old).items()):
        if isinstance(cls, type) and "_emu_type_name" in vars(cls):
            twin = vars(new).get(key)
            if not isinstance(twin, type) or not issubclass(twin, (Emu.Device, Emu.Board)):
                raise _bad(f"/{cls._emu_type_name}: the class {key} is gone")
            before, after = _shape(cls), _shape(twin)
            for what in before:
                if before[what] != after.get(what):
                    raise _bad(f"/{cls._emu_type_name}: {what} cannot change under devices that exist: {before[what]!r} before, {after.get(what)!r} now")
            pairs.append((key, cls, twin))
    for key, cls, twin in pairs:
        for attribute in set(vars(cls)) - set(vars(twin)) - _KEPT:
            with contextlib.suppress(AttributeError, TypeError):
                delattr(cls, attribute)
        for attribute, value in list(vars(twin).items()):
            if attribute in _KEPT or isinstance(value, (Saved, GObject.Property)):
                continue
            for cell in _cells(value):
                cell.cell_contents = cls
            with contextlib.suppress(AttributeError, TypeError):
                setattr(cls, attribute, value)
        setattr(new, key, cls)
    new.__name__ = name
    sys.modules[name] = new
    return [cls._emu_type_name for _, cls, _ in pairs]


def _isa_bridge(made=[]):
    if not made:

        class _IsaBridge(Emu.SysbusDevice):
            """The bridge to a board's ISA bus"""

            __module__ = "emu"  # classes of overrides get no type of their own
            __gtype_name__ = "script-isa-bridge"
            handler = None

            def do_realize(self):
                self.isa = self.add_isa_bus(lambda irq, level: self.handler and self.handler(irq, level))

        made.append(_IsaBridge)
    return made[0]


def _memory_size(text):
    match = re.fullmatch(r"(\d+)([KMG]?)", str(text))
    if not match:
        raise _bad(f"/machine.memory: {text!r}, expected a number of bytes, or \"64M\"")
    return int(match.group(1)) << {"": 0, "K": 10, "M": 20, "G": 30}[match.group(2)]


class Line(Emu.Line):
    peers = property(lambda self: self.list_peers())
    level = property(lambda self: self.get(), lambda self, level: self.set(level))

    def connect_to(self, other):
        """A wire between an output and an input, in whichever order."""
        if not isinstance(other, Emu.Line) or self.is_output() == other.is_output():
            raise _bad(f"{self.get_path()}: cannot be connected to {other!r}, expected an {'input' if self.is_output() else 'output'}")
        output, input = (self, other) if self.is_output() else (other, self)
        Emu.Line.connect_to(output, input)

    def __int__(self):
        return self.get()


Line = override(Line)
__all__.append("Line")


# ---- memory ---------------------------------------------------------------------------------------------------------


def _slice(key, what):
    if not isinstance(key, slice):
        return _address(key, what), 1
    if key.step is not None or key.start is None or key.stop is None:
        raise _bad(f"/machine.{what}: slices are [first:last+1], without a step")
    start, stop = _address(key.start, what), key.stop
    if isinstance(stop, bool) or not isinstance(stop, int) or not start <= stop <= 1 << 64:
        raise _bad(f"/machine.{what}: {key.start!r}:{stop!r} is no range")
    return start, stop - start


def _size(size, what):
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < 1 << 64:
        raise _bad(f"/machine.{what}: {size!r} is no number of bytes")
    return size


class Memory(Emu.Memory):
    """mem[a:b] are bytes; mem[a] is one of them; read_u32(a), write_u32(a, v) are single accesses."""

    __iter__ = None  # it has no end

    name = property(lambda self: self.get_name())

    def read(self, address, size):
        try:
            return bytes(Emu.Memory.read(self, _address(address, self.name), _size(size, self.name)))
        except _GError as error:
            raise _translate(error) from None

    def write(self, address, data):
        try:
            Emu.Memory.write(self, _address(address, self.name), _bytes(data, self.name))
        except _GError as error:
            raise _translate(error) from None

    def load(self, address, size, big_endian=False):
        try:
            return Emu.Memory.load(self, _address(address, self.name), size, big_endian)
        except _GError as error:
            raise _translate(error) from None

    def store(self, address, size, value, big_endian=False):
        if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 63) <= value < 1 << 64:
            raise _bad(f"/machine.{self.name}: {value!r} is no number of {size} bytes")
        try:
            Emu.Memory.store(self, _address(address, self.name), size, big_endian, value & (1 << 8 * size) - 1 if value < 0 else value)
        except _GError as error:
            raise _translate(error) from None

    def find(self, pattern, start=0, end=1 << 32):
        try:
            return Emu.Memory.find(self, _address(start, self.name), _size(end - start, self.name), _bytes(pattern, self.name))
        except _GError as error:
            raise _translate(error) from None

    def __getitem__(self, key):
        start, size = _slice(key, self.name)
        data = self.read(start, size)
        return data if isinstance(key, slice) else data[0]

    def __setitem__(self, key, value):
        start, size = _slice(key, self.name)
        data = bytes([value]) if isinstance(value, int) and not isinstance(key, slice) and 0 <= value < 256 else _bytes(value, self.name)
        if len(data) != size:
            raise _bad(f"/machine.{self.name}: {len(data)} bytes for a range of {size}")
        self.write(start, data)


def _accessors(size, suffix, big):
    def read(self, address):
        return self.load(address, size, big)

    def write(self, address, value):
        self.store(address, size, value, big)

    setattr(Memory, f"read_{suffix}", read)
    setattr(Memory, f"write_{suffix}", write)


for _width in (8, 16, 32, 64):
    _accessors(_width // 8, f"u{_width}", False)
    _accessors(_width // 8, f"u{_width}be", True)
Memory = override(Memory)
__all__.append("Memory")


# ---- CPUs -----------------------------------------------------------------------------------------------------------


class _Virtual:
    """The memory of a CPU by virtual address."""

    __iter__ = None

    def __init__(self, cpu):
        self._cpu = cpu

    def __getitem__(self, key):
        start, size = _slice(key, "cpu")
        data = self._cpu.read(start, size)
        return data if isinstance(key, slice) else data[0]

    def __setitem__(self, key, value):
        start, size = _slice(key, "cpu")
        data = bytes([value]) if isinstance(value, int) and not isinstance(key, slice) else _bytes(value, "cpu")
        if len(data) != size:
            raise _bad(f"/machine.cpu: {len(data)} bytes for a range of {size}")
        self._cpu.write(start, data)


class _Registers:
    """The registers of a CPU: cpu.regs.rip, cpu.regs["xmm0"]; wider than 8 bytes: bytes."""

    def __init__(self, cpu):
        object.__setattr__(self, "_cpu", cpu)

    def __getitem__(self, name):
        if not isinstance(name, str):
            raise _bad(f"/machine/cpu: {name!r} is no name of a register")
        try:
            if Emu.Cpu.get_register_size(self._cpu, name) > 8:
                return bytes(Emu.Cpu.get_register_bytes(self._cpu, name))
            return Emu.Cpu.get_register(self._cpu, name)
        except _GError as error:
            raise _translate(error) from None

    def __setitem__(self, name, value):
        try:
            if isinstance(value, int) and not isinstance(value, bool):
                size = Emu.Cpu.get_register_size(self._cpu, name)
                if not -(1 << 8 * size - 1) <= value < 1 << 8 * size:
                    raise _bad(f"/machine/cpu.{name}: {value} does not fit into {size} bytes")
                if size <= 8:
                    Emu.Cpu.set_register(self._cpu, name, value & (1 << 8 * size) - 1)
                    return
                value = value.to_bytes(size, "little", signed=value < 0)
            Emu.Cpu.set_register_bytes(self._cpu, name, _bytes(value, f"cpu.{name}"))
        except _GError as error:
            raise _translate(error) from None

    __getattr__ = __getitem__
    __setattr__ = __setitem__

    def __dir__(self):
        return self._cpu.list_registers(None)

    __iter__ = lambda self: iter(self._cpu.list_registers(None))

    def __repr__(self):
        return "<" + " ".join(f"{name}={self[name]:#x}" for name in self._cpu.list_registers("general")) + ">"


def _word(index, mask):
    return property(lambda self: self._emu_words[index], lambda self, value: self._emu_words.__setitem__(index, value & mask))


class Cpu(Emu.Cpu):
    """A CPU; derive from it to write one.

    Class attributes: __gtype_name__ ("tiny-cpu"), description, registers ({"pc": 4, "r0": 4 ...}: bytes of each, the program counter first), irqs
    (inputs "irq"). The registers are attributes. Methods: do_step() executes one instruction; optional: do_reset() (all registers are 0),
    do_interrupt(), do_disassemble(address, code) (returns length and text). They use load(), store(), fetch(), halted and takes_interrupts.
    """

    description = None
    registers = None
    irqs = 1
    regs = property(_Registers)

    # -- the type --

    @classmethod
    def _emu_register(cls):
        if "_emu_type_name" in vars(cls):
            return cls._emu_type_name
        name = vars(cls).get("__gtype_name__", cls.__name__)
        if not isinstance(cls.registers, dict):
            raise _bad(f"/{name}.registers: {cls.registers!r}, expected names and sizes: {{\"pc\": 4}}")
        try:
            kind = Emu.CpuType.new(cls.__gtype__, name)
            kind.set_description(cls.description or (cls.__doc__ or "").strip().split("\n")[0])
            kind.set_irqs(_count(cls.irqs, "irqs", 32))
            for index, (register, size) in enumerate(cls.registers.items()):
                kind.add_register(register, _count(size, register, 8))
                setattr(cls, register, _word(3 + index, (1 << 8 * size) - 1))
            kind.set_run(cls._emu_run)
            if hasattr(cls, "do_reset"):
                kind.set_reset(lambda cpu, *_: _guarded(cpu, cpu.do_reset, None)())
            if hasattr(cls, "do_interrupt"):
                kind.set_interrupt(lambda cpu, *_: _guarded(cpu, cpu.do_interrupt, None)())
            if hasattr(cls, "do_disassemble"):
                kind.set_disassemble(cls._emu_disassemble)
            kind.register()
        except _GError as error:
            raise _translate(error) from None
        Emu.set_thread_hook(_thread_hook)
        cls._emu_type_name = name
        return name

    @property
    def _emu_words(self):
        words = self.__dict__.get("_emu_cached_words")
        if words is None:
            import ctypes

            address = self.get_words()
            if not address:
                raise _bad("/machine/cpu: is no CPU of a script's")
            words = self.__dict__["_emu_cached_words"] = (ctypes.c_uint64 * (3 + len(self.registers))).from_address(address)
        return words

    @staticmethod
    def _emu_run(cpu, budget, *_args):
        words, step, done = cpu._emu_words, cpu.do_step, 0
        try:
            while done < budget and not words[0]:
                step()
                done += 1
        except BaseException:
            cpu.report_exception(traceback.format_exc().rstrip())
            return -1
        return done

    @staticmethod
    def _emu_disassemble(cpu, address, code, *_args):
        try:
            length, text = cpu.do_disassemble(address, code.get_data())
            return f"{length} {text}"
        except Exception:
            return None

    # -- for CPUs in Python --

    halted = property(lambda self: bool(self._emu_words[0]), lambda self, on: self._emu_words.__setitem__(0, int(bool(on))))
    takes_interrupts = property(lambda self: bool(self._emu_words[1]), lambda self, on: self._emu_words.__setitem__(1, int(bool(on))))
    irq_levels = property(lambda self: self._emu_words[2])

    def fetch(self, address, size):
        """Bytes of an instruction, at most 64."""
        _count(size, "fetch", 64)
        return b"".join(self.load(address + at, min(size - at, 8)).to_bytes(min(size - at, 8), "little") for at in range(0, size, 8))

    # -- for all --

    def step(self, count=1):
        """Executes instructions of this CPU alone; returns the Emu.Stop."""
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise _bad(f"/machine/cpu.count: {count!r}, expected a number of instructions")
        return _call(self, Emu.Cpu, "step", (count,), lambda stop: stop)

    @contextlib.contextmanager
    def trace(self):
        """with cpu.trace() as pcs: run; afterwards pcs holds the address of each instruction executed."""
        import array

        pcs = array.array("Q")
        try:
            Emu.Cpu.set_tracing(self, True)
        except _GError as error:
            raise _translate(error) from None
        try:
            yield pcs
            pcs.frombytes(bytes(Emu.Cpu.take_trace(self)))
        finally:
            with contextlib.suppress(_GError):
                Emu.Cpu.set_tracing(self, False)

    def breakpoint(self, address, condition=None):
        return self.get_machine().breakpoint(address, condition, cpu=self)

    def watchpoint(self, address, size=1, access="w"):
        return self.get_machine().watchpoint(address, size, access, cpu=self)

    describe = _method(Emu.Cpu, "describe")
    index = property(lambda self: self.get_index())
    pc = property(lambda self: self.get_pc())
    memory = property(_Virtual)

    def read(self, address, size):
        try:
            return bytes(Emu.Cpu.read(self, _address(address, "cpu"), _size(size, "cpu")))
        except _GError as error:
            raise _translate(error) from None

    def write(self, address, data):
        try:
            Emu.Cpu.write(self, _address(address, "cpu"), _bytes(data, "cpu"))
        except _GError as error:
            raise _translate(error) from None

    def disassemble(self, address=None, count=1):
        try:
            return Emu.Cpu.disassemble(self, self.pc if address is None else _address(address, "cpu"), count)
        except _GError as error:
            raise _translate(error) from None


Cpu = override(Cpu)
__all__.append("Cpu")


# ---- consoles -------------------------------------------------------------------------------------------------------


class Console(Emu.Console):
    id = property(lambda self: self.get_id())
    text = property(lambda self: self.get_text())

    def send(self, data):
        try:
            Emu.Console.send(self, _bytes(data, "console"))
        except _GError as error:
            raise _translate(error) from None

    def read(self):
        """What was printed since the last read() or expect()."""
        return bytes(Emu.Console.read(self))

    def expect(self, pattern, timeout=None):
        """Waits for a match and returns [match, group, ...]."""
        return _call(self, Emu.Console, "expect", (_pattern(pattern), _milliseconds(timeout)), list)

    def link(self, other):
        try:
            Emu.Console.link(self, other)
        except _GError as error:
            raise _translate(error) from None


Console = override(Console)
__all__.append("Console")


# ---- stops and triggers ---------------------------------------------------------------------------------------------


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


Stop = override(Stop)
__all__.append("Stop")


class Trigger(Emu.Trigger):
    hits = property(lambda self: self.get_hits())
    enabled = property(lambda self: self.get_enabled(), lambda self, on: _method(Emu.Trigger, "set_enabled")(self, bool(on)))

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


Trigger = override(Trigger)
__all__.append("Trigger")


@_export
class Event:
    """An event of QMP."""

    def __init__(self, text):
        event = json.loads(text)
        stamp = event["timestamp"]
        self.name, self.data = event["event"], event.get("data", {})
        self.timestamp = stamp["seconds"] + stamp["microseconds"] / 1e6

    def __repr__(self):
        return f"<Emu.Event {self.name} {self.data}>"


# ---- machines -------------------------------------------------------------------------------------------------------

_OPTIONS = {"memory": "m"}
_ACCELS = {"jit": "tcg", "interp": "tcg,mode=interp"}


_RECORD = struct.Struct("=qQQQIIiI")


@_export
class Access(collections.namedtuple("Access", "ns pc address value size write cpu")):
    """A record of a tap."""

    __slots__ = ()

    def __repr__(self):
        return (f"<{'write' if self.write else 'read'} {self.address:#x} {'<-' if self.write else '->'} {self.value:#x}"
                f" ({self.size} bytes) at pc {self.pc:#x}>")


class Tap(Emu.Tap):
    """Records of accesses: tap.take() is a list of Emu.Access."""

    def take(self):
        return [Access(ns, pc, address, value, size, bool(write), cpu)
                for ns, pc, address, value, size, write, cpu, _ in _RECORD.iter_unpack(bytes(Emu.Tap.take(self)))]

    lost = property(lambda self: self.get_lost())


Tap = override(Tap)
__all__.append("Tap")


class Snapshot(Emu.Snapshot):
    """A state of a machine; with m.snapshot(): ... restores it at the end."""

    name = property(lambda self: self.get_name())
    size = property(lambda self: self.get_size())
    time = property(lambda self: self.get_virtual_ns() / 1e9)

    def restore(self):
        try:
            Emu.Snapshot.restore(self, None)
        except _GError as error:
            raise _translate(error) from None

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.restore()


Snapshot = override(Snapshot)
__all__.append("Snapshot")


class Screen(Emu.Screen):
    def _pixels(self):
        try:
            data, width, height = Emu.Screen.get_pixels(self)
        except _GError as error:
            raise _translate(error) from None
        return bytes(data), width, height

    pixels = property(lambda self: self._pixels()[0])
    size = property(lambda self: self._pixels()[1:])

    @property
    def text(self):
        """The rows in text mode; None in graphics."""
        return _method(Emu.Screen, "get_text")(self)

    save_png = _method(Emu.Screen, "save_png")

    def pixel(self, x, y):
        data, width, height = self._pixels()
        if not (0 <= x < width and 0 <= y < height):
            raise _bad(f"/machine.screen: there is no pixel {x}, {y} on {width} x {height}")
        return tuple(data[3 * (y * width + x):][:3])


Screen = override(Screen)
__all__.append("Screen")


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
        try:
            machine = Emu.Machine.new(board)
        except _GError as error:
            raise _translate(error) from None
        for name, value in options.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                machine.option(name, one)
        return machine

    @classmethod
    def from_argv(cls, argv):
        """Machine.from_argv(["-M", "pc", "-m", "64", ...]): as emu would make it."""
        if isinstance(argv, str) or not all(isinstance(word, str) for word in argv):
            raise _bad("/machine.argv: expected a list of strings")
        try:
            return Emu.Machine.new_from_argv(list(argv))
        except _GError as error:
            raise _translate(error) from None

    def option(self, name, value=None):
        """An option of the command line: m.option("smp", 2), m.option("no-reboot")."""
        name = _OPTIONS.get(name, name.replace("_", "-"))
        if value is False:
            return
        if name == "accel":
            value = _ACCELS.get(value, value)
        value = None if value is None or value is True else str(value)
        try:
            Emu.Machine.add_option(self, name, value)
        except _GError as error:
            raise _translate(error) from None

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
        return _call(self, Emu.Machine, "realize", (), bool)

    def start(self, paused=False):
        """Realizes the machine if need be, and lets it run, or not."""
        if not self.is_realized():
            result = self.realize()
            if _running_loop() is not None:

                async def later():
                    await result
                    if not paused:
                        _method(Emu.Machine, "start")(self)

                return later()
        if not paused:
            _method(Emu.Machine, "start")(self)
        if _running_loop() is not None:
            return asyncio.sleep(0)
        return None

    pause = _method(Emu.Machine, "pause")
    reset = _method(Emu.Machine, "reset")
    powerdown = _method(Emu.Machine, "powerdown")
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
        _milliseconds(timeout)
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
                    raise _bad(f"/machine.until: {one!r}, expected breakpoints, texts, times, events")
                triggers.append(one)
        except TypeError:
            raise _bad(f"/machine.until: {until!r}, expected breakpoints, texts, times, events") from None
        except Error:
            for one in passing:
                one.delete()
            raise
        if _running_loop() is not None:

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
                stop = yield _call(self, Emu.Machine, "run", (triggers, _milliseconds(left)), lambda stop: stop)
                trigger = stop.trigger
                if trigger is None or trigger.condition is None or trigger.condition():
                    result.append(trigger or stop)
                    return
        finally:
            for one in passing:
                one.delete()

    def breakpoint(self, address, condition=None, cpu=None):
        """Stops before the instruction at a linear address; condition: a function that is asked each time."""
        try:
            trigger = Emu.Trigger.new_breakpoint(self, _address(address, "breakpoint"), -1 if cpu is None else cpu.index)
        except _GError as error:
            raise _translate(error) from None
        trigger.condition = condition
        return trigger

    def watchpoint(self, address, size=1, access="w", cpu=None):
        """Stops after an instruction has touched size bytes at a virtual address; access: "r", "w", "rw"."""
        try:
            return Emu.Trigger.new_watchpoint(self, _address(address, "watchpoint"), _size(size, "watchpoint"), access, -1 if cpu is None else cpu.index)
        except _GError as error:
            raise _translate(error) from None

    def text(self, pattern, console="serial0"):
        """For run(): something that a console prints."""
        try:
            return Emu.Trigger.new_text(self, console if isinstance(console, str) else console.id, _pattern(pattern))
        except _GError as error:
            raise _translate(error) from None

    def virtual_time(self, delay):
        """For run(): so much virtual time from when it begins. Seconds, or "20ms"."""
        try:
            return Emu.Trigger.new_time(self, _nanoseconds(delay))
        except _GError as error:
            raise _translate(error) from None

    def event(self, name):
        """For run(): an event of QMP."""
        try:
            return Emu.Trigger.new_event(self, name)
        except _GError as error:
            raise _translate(error) from None

    @property
    def time(self):
        """Virtual time in seconds."""
        return self.get_virtual_ns() / 1e9

    # -- observing --

    def tap(self, address, size=1, space="io", access="rw", stops=False):
        """Writes down who touches ports or memory-mapped registers."""
        try:
            return Emu.Tap.new(self, space, _address(address, "tap"), _size(size, "tap"), access, stops)
        except _GError as error:
            raise _translate(error) from None

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
        try:
            tap = Emu.Tap.new_line(self, line, stops)
        except _GError as error:
            raise _translate(error) from None
        if function:
            tap.connect("ready", lambda tap: [function(line, one.value) for one in tap.take()] and None)
        return tap

    def snapshot(self, name=None, like=None):
        """The machine's state in memory; like: an earlier one to share pages with (the last, if nothing is said)."""
        like = like if like is not None else getattr(self, "_last_snapshot", None)
        try:
            self._last_snapshot = Emu.Snapshot.new(self, name, like, None)
        except _GError as error:
            raise _translate(error) from None
        return self._last_snapshot

    def timer(self, function):
        """A function for virtual time: t = m.timer(f); t.set(nanoseconds)."""
        return Emu.Timer.new(self, lambda timer, *_: function(timer))

    def screens(self, index=0):
        return self._screen(index)

    def _screen(self, index):
        try:
            return Emu.Screen.new(self, index)
        except _GError as error:
            raise _translate(error) from None

    screen = property(lambda self: self._screen(0))

    def press(self, *keys):
        """Presses and releases keys by QMP's names, together: m.press("ctrl", "alt", "delete")."""
        self.qmp("send-key", keys=[{"type": "qcode", "data": key} for key in keys])

    # -- parts --

    get_cpu = _method(Emu.Machine, "get_cpu")
    lookup = _method(Emu.Machine, "lookup")
    console = _method(Emu.Machine, "get_console")
    cpus = property(lambda self: [self.get_cpu(i) for i in range(self.get_n_cpus())])
    memory = property(lambda self: self.get_memory())
    io = property(lambda self: self.get_io())
    consoles = property(lambda self: {name: self.console(name) for name in self.list_consoles()})

    def __getitem__(self, name):
        """A console or an object: m["serial0"], m["net0"], m["/machine/peripheral/net0"]."""
        if not isinstance(name, str):
            raise _bad(f"/machine: {name!r} is no name, expected a string")
        return self.console(name) if name in self.list_consoles() else self.lookup(name)

    def add(self, device, **properties):
        """Adds a device: a type's name, or a class of Python's. Properties are keywords, "_" for "-"."""
        if isinstance(device, type) and issubclass(device, Emu.Device):
            device = device._emu_register()
        if not isinstance(device, str):
            raise _bad(f"/machine.add: {device!r}, expected the name of a type, or a class")
        values = {name.replace("_", "-"): _variant(name, value) for name, value in properties.items()}
        try:
            return Emu.Machine.add_device(self, device, GLib.Variant("a{sv}", values))
        except _GError as error:
            raise _translate(error) from None

    def remove(self, device):
        try:
            Emu.Machine.remove_device(self, device)
        except _GError as error:
            raise _translate(error) from None

    # -- monitors --

    def qmp(self, command, **arguments):
        """m.qmp("qom-get", path="/machine", property="type"): a dictionary, or what the command returns."""
        text = json.dumps({name.replace("_", "-"): value for name, value in arguments.items()}) if arguments else None
        try:
            return json.loads(Emu.Machine.qmp(self, command, text))
        except _GError as error:
            raise _translate(error) from None

    hmp = _method(Emu.Machine, "hmp")

    def reload(self, plugin):
        """Puts the file that has replaced a plugin's in the place of the code that runs: its devices keep state, properties and wires."""
        return self.qmp("plugin-reload", name=plugin)

    def next_event(self, *names, timeout=None):
        return _call(self, Emu.Machine, "next_event", (list(names), _milliseconds(timeout)), Event)

    def events(self, *names):
        """async for event in m.events("STOP", "RESET"); or for, which waits for each."""
        return _Events(self, names)


class _Events:
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


Machine = override(Machine)
__all__.append("Machine")


# ---- what is left: methods that can fail raise Emu.Error, too -------------------------------------------------------

for _name in list(__all__):
    _class = globals()[_name]
    for _info in getattr(getattr(_class, "__info__", None), "get_methods", tuple)():
        if _info.is_method() and _info.can_throw_gerror() and _info.get_name() not in vars(_class):
            setattr(_class, _info.get_name(), _wrap(_info))
