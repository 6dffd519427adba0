# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices, and how a class of Python's becomes a type of device."""

import json
import traceback

from gi.repository import GLib

from .errors import bad, method, raising, translate
from .introspected import Emu, override
from .parts import Saved, check_regions, event, guarded, reason, thread_hook
from .values import as_address, as_bytes, as_count, as_size


class Registers:
    """The registers that a device declares: device.regs["STATUS"], device.regs.STATUS = 1 (as the guest would write it)."""

    def __init__(self, device):
        object.__setattr__(self, "_device", device)

    def _name(self, name):
        if not isinstance(name, str):
            raise bad(f"/device: {name!r} is no name of a register")
        return name

    def __getitem__(self, name):
        return raising(Emu.Device.get_register, self._device, self._name(name))

    def __setitem__(self, name, value):
        if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 63) <= value < 1 << 64:
            raise bad(f"/device.{name}: {value!r} is no number of at most 8 bytes")
        raising(Emu.Device.set_register, self._device, self._name(name), value & (1 << 64) - 1)

    __getattr__ = __getitem__
    __setattr__ = __setitem__

    def __dir__(self):
        return Emu.Device.list_registers(self._device)

    __iter__ = lambda self: iter(Emu.Device.list_registers(self._device))

    def __len__(self):
        return len(Emu.Device.list_registers(self._device))

    def describe(self):
        """Banks, registers and their fields, as read from the device's table."""
        return json.loads(Emu.Device.describe_registers(self._device))


@override
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
    regs = property(Registers)

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
            raise bad(f"/{cls.__name__}: not a class derived from a device's")
        check_regions(cls)
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
            kind.set_unrealize(event("do_unrealize"))
            kind.set_reset(event("do_reset"))
            if issubclass(cls, Emu.I2cDevice):
                kind.set_i2c(lambda device, what, data, *_: guarded(device, cls._emu_i2c, 0xff)(device, what, data))
            if issubclass(cls, Emu.SpiDevice):
                bits = cls.word_bits
                if isinstance(bits, bool) or not isinstance(bits, int) or not 1 <= bits <= 32:
                    raise bad(f"/{cls.__name__}.word_bits: {bits!r}, expected 1 to 32")
                kind.set_spi(bits, bool(cls.select_high), lambda device, what, value, *_:
                             guarded(device, cls._emu_spi, (1 << bits) - 1)(device, what, value))
            kind.set_parts(cls._emu_part)
            kind.set_save(lambda device, *_: guarded(device, lambda: GLib.Bytes.new(b"".join(one.pack(device) for one in saved)), None)())
            kind.set_load(cls._emu_load)
            kind.register()
        except GLib.Error as error:
            raise translate(error) from None
        Emu.set_thread_hook(thread_hook)
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
    def _emu_part(device, what, number, offset, size, value, *_args):
        """One for all regions, inputs and timers: GObject-Introspection never frees all of what it makes for a function."""
        try:
            if what == 2:
                device.do_input(list(device.inputs)[number], offset, value - (1 << 64) if value >> 63 else value)
            elif what == 3:
                timer = device.__dict__["_emu_timers"][number]
                (getattr(device, timer) if isinstance(timer, str) else timer)()
            elif what == 1:
                spec = device.regions[number]
                if hasattr(device, spec.write):
                    getattr(device, spec.write)(spec, offset, value, size)
            else:
                spec = device.regions[number]
                if hasattr(device, spec.read):
                    return getattr(device, spec.read)(spec, offset, size) & (1 << 8 * size) - 1
        except BaseException:
            device.report_exception(traceback.format_exc().rstrip())
        return (1 << 64) - 1

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
            device.__dict__["_emu_timers"] = []
            for spec in device.regions:
                at = spec.bar if spec.bar is not None else getattr(device, spec.at) if isinstance(spec.at, str) else spec.at
                Emu.Device.add_region(device, spec.name, spec.size, spec.io, (1 << 64) - 1 if at is None else at, None, (), None)
            for name, n in device.outputs.items():
                Emu.Device.add_outputs(device, name, n)
            for name, n in device.inputs.items():
                Emu.Device.add_inputs(device, name, n, None)
            if isinstance(device, Emu.IsaDevice) and isinstance(getattr(device, "irq", None), int):
                Emu.Device.connect_irq(device, device.irq)
            if hasattr(device, "do_realize"):
                device.do_realize()

        return reason(realize)

    # -- for devices in Python --

    now_ns = property(lambda self: self.get_virtual_ns())

    def timer(self, function):
        """In do_realize(): a function to be called after set_timer(number, nanoseconds)."""
        bound = getattr(function, "__self__", None) is self
        self.__dict__["_emu_timers"].append(function.__name__ if bound else function)
        return Emu.Device.add_timer(self, None)

    def dma_read(self, address, size):
        return bytes(raising(Emu.Device.dma_read, self, as_address(address), as_size(size, "dma")))

    def dma_write(self, address, data):
        raising(Emu.Device.dma_write, self, as_address(address), as_bytes(data, "dma"))

    def add_spi_bus(self, name=None, selects=1):
        """In do_realize(): the device is an SPI controller; returns its Emu.SpiBus."""
        return raising(Emu.Device.add_spi_bus, self, name, as_count(selects, "selects"))

    def add_i2c_bus(self, name=None):
        """In do_realize(): the device is an I2C master; returns its Emu.I2cBus."""
        return raising(Emu.Device.add_i2c_bus, self, name)

    def add_isa_bus(self, function=None):
        """In do_realize(): the device is an ISA bridge; function(irq, level) is called when a card asks for an interrupt."""
        return raising(Emu.Device.add_isa_bus, self, lambda index, level, *_: function and guarded(self, function, None)(index, level))

    # -- for all --

    bus = property(lambda self: self.get_bus())
    buses = property(lambda self: {bus.name: bus for bus in self.list_buses()})
    map = method(Emu.Device, "map")
    reset = method(Emu.Device, "reset")
    get_line = method(Emu.Device, "get_line")
    label = property(lambda self: self.get_label())
    machine = property(lambda self: self.get_machine())
    realized = property(lambda self: self.is_realized())
    lines = property(lambda self: self.list_lines())

    def output(self, name=None, index=0):
        return self.get_line(name, index, True)

    def input(self, name=None, index=0):
        return self.get_line(name, index, False)
