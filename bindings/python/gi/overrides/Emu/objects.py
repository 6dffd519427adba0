# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects of a machine and the lines between them."""

from .errors import bad, method, raising
from .introspected import Emu, override
from .values import as_property_name, as_variant


@override
class Object(Emu.Object):
    lookup = method(Emu.Object, "lookup")
    path = property(lambda self: self.get_path())
    type_name = property(lambda self: self.get_type_name())

    def __getitem__(self, name):
        return raising(Emu.Object.get_value, self, as_property_name(name)).unpack()

    def __setitem__(self, name, value):
        raising(Emu.Object.set_value, self, as_property_name(name), as_variant(name, value))

    def keys(self):
        return [p.get_name() for p in self.list_values()]

    @property
    def children(self):
        return {(child.path or "").rpartition("/")[2]: child for child in self.list_children()}

    def __repr__(self):
        return f"<Emu.{type(self).__name__} {self.get_type_name()} at {self.get_path()}>"


@override
class Line(Emu.Line):
    peers = property(lambda self: self.list_peers())
    level = property(lambda self: self.get(), lambda self, level: self.set(level))

    def connect_to(self, other):
        """A wire between an output and an input, in whichever order."""
        if not isinstance(other, Emu.Line) or self.is_output() == other.is_output():
            raise bad(f"{self.get_path()}: cannot be connected to {other!r}, expected an {'input' if self.is_output() else 'output'}")
        output, input = (self, other) if self.is_output() else (other, self)
        Emu.Line.connect_to(output, input)

    def __int__(self):
        return self.get()
