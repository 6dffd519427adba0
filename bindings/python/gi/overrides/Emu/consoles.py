# SPDX-License-Identifier: LGPL-2.1-or-later
"""Serial lines and screens."""

from .errors import bad, method, raising
from .introspected import Emu, override
from .values import as_bytes, as_milliseconds, as_pattern
from .waiting import wait_for


@override
class Console(Emu.Console):
    id = property(lambda self: self.get_id())
    text = property(lambda self: self.get_text())

    def send(self, data):
        raising(Emu.Console.send, self, as_bytes(data, "console"))

    def read(self):
        """What was printed since the last read() or expect()."""
        return bytes(Emu.Console.read(self))

    def expect(self, pattern, timeout=None):
        """Waits for a match and returns [match, group, ...]."""
        return wait_for(self, Emu.Console, "expect", (as_pattern(pattern), as_milliseconds(timeout)), list)

    def link(self, other):
        raising(Emu.Console.link, self, other)


@override
class Screen(Emu.Screen):
    def _pixels(self):
        data, width, height = raising(Emu.Screen.get_pixels, self)
        return bytes(data), width, height

    pixels = property(lambda self: self._pixels()[0])
    size = property(lambda self: self._pixels()[1:])

    @property
    def text(self):
        """The rows in text mode; None in graphics."""
        return method(Emu.Screen, "get_text")(self)

    save_png = method(Emu.Screen, "save_png")

    def pixel(self, x, y):
        data, width, height = self._pixels()
        if not (0 <= x < width and 0 <= y < height):
            raise bad(f"/machine.screen: there is no pixel {x}, {y} on {width} x {height}")
        return tuple(data[3 * (y * width + x):][:3])
