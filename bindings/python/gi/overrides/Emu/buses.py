# SPDX-License-Identifier: LGPL-2.1-or-later
"""Buses, and what their masters say on them."""

import contextlib

from .errors import bad, method, raising
from .introspected import Emu, override
from .values import as_bytes, as_count


@override
class Bus(Emu.Bus):
    """What devices plug into."""

    name = property(lambda self: self.get_name())
    owner = property(lambda self: self.get_owner())
    devices = property(lambda self: self.list_devices())

    def __repr__(self):
        return f"<Emu.{type(self).__name__} {self.name}>"


@override
class SpiBus(Emu.SpiBus):
    """An SPI bus, for its controller: with bus.selected(0): bus.transfer(0x9f)"""

    set_select = method(Emu.SpiBus, "set_select")

    def transfer(self, word, bits=8):
        """A word out, a word in."""
        if isinstance(word, bool) or not isinstance(word, int) or not 0 <= word < 1 << 32:
            raise bad(f"/machine.spi: {word!r} is no word")
        return raising(Emu.SpiBus.transfer, self, word, as_count(bits, "bits"))

    @contextlib.contextmanager
    def selected(self, select=0, level=0):
        """The chip select is active inside of this; level: the one that makes it so."""
        self.set_select(as_count(select, "select"), level)
        try:
            yield self
        finally:
            self.set_select(select, 1 - level)

    def exchange(self, data, select=0):
        """Bytes out, as many bytes in, while a chip is selected."""
        with self.selected(select):
            return bytes(self.transfer(byte) for byte in as_bytes(data, "spi"))


@override
class I2cBus(Emu.I2cBus):
    """An I2C bus, for its master: bus.write(0x48, b"\0"); bus.read(0x48, 2)"""

    start = method(Emu.I2cBus, "start")
    send = method(Emu.I2cBus, "send")

    def _begin(self, address, receive):
        if not self.start(as_count(address, "address"), receive):
            raise bad(f"{self.get_path()}: nobody answers at address {address:#x}", "NOT_FOUND")

    def write(self, address, data):
        """Sends bytes to a device; returns how many it acknowledged."""
        self._begin(address, False)
        try:
            data = as_bytes(data, "i2c")
            return next((n for n, byte in enumerate(data) if not self.send(byte)), len(data))
        finally:
            self.stop()

    def read(self, address, size):
        """Receives bytes from a device."""
        self._begin(address, True)
        try:
            return bytes(self.receive(n < size - 1) for n in range(as_count(size, "size")))
        finally:
            self.stop()
