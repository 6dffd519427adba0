# SPDX-License-Identifier: LGPL-2.1-or-later
"""Physical memory and ports."""

from .errors import bad, raising
from .introspected import Emu, override
from .values import as_address, as_bytes, as_range, as_size


@override
class Memory(Emu.Memory):
    """mem[a:b] are bytes; mem[a] is one of them; read_u32(a), write_u32(a, v) are single accesses."""

    __iter__ = None  # it has no end

    name = property(lambda self: self.get_name())

    def read(self, address, size):
        return bytes(raising(Emu.Memory.read, self, as_address(address, self.name), as_size(size, self.name)))

    def write(self, address, data):
        raising(Emu.Memory.write, self, as_address(address, self.name), as_bytes(data, self.name))

    def load(self, address, size, big_endian=False):
        return raising(Emu.Memory.load, self, as_address(address, self.name), size, big_endian)

    def store(self, address, size, value, big_endian=False):
        if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 63) <= value < 1 << 64:
            raise bad(f"/machine.{self.name}: {value!r} is no number of {size} bytes")
        raising(Emu.Memory.store, self, as_address(address, self.name), size, big_endian, value & (1 << 8 * size) - 1 if value < 0 else value)

    def find(self, pattern, start=0, end=1 << 32):
        return raising(Emu.Memory.find, self, as_address(start, self.name), as_size(end - start, self.name), as_bytes(pattern, self.name))

    def __getitem__(self, key):
        start, size = as_range(key, self.name)
        data = self.read(start, size)
        return data if isinstance(key, slice) else data[0]

    def __setitem__(self, key, value):
        start, size = as_range(key, self.name)
        data = bytes([value]) if isinstance(value, int) and not isinstance(key, slice) and 0 <= value < 256 else as_bytes(value, self.name)
        if len(data) != size:
            raise bad(f"/machine.{self.name}: {len(data)} bytes for a range of {size}")
        self.write(start, data)


def accessors(size, suffix, big):
    def read(self, address):
        return self.load(address, size, big)

    def write(self, address, value):
        self.store(address, size, value, big)

    setattr(Memory, f"read_{suffix}", read)
    setattr(Memory, f"write_{suffix}", write)


for _width in (8, 16, 32, 64):
    accessors(_width // 8, f"u{_width}", False)
    accessors(_width // 8, f"u{_width}be", True)
