# SPDX-License-Identifier: LGPL-2.1-or-later
"""The types that there are."""

from .errors import bad, method
from .introspected import Emu, override


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


@override
class Registry(Emu.Registry):
    add_plugin_dir = method(Emu.Registry, "add_plugin_dir")
    get_description = method(Emu.Registry, "get_description")
    list_properties = method(Emu.Registry, "list_properties")

    def types(self, bus=None, is_a=None):
        """Devices that can be added, of one bus perhaps; or all types that are an ancestor's."""
        names = self.list_types(is_a, False) if is_a else self.list_devices(bus)
        return [Type(self, name) for name in names]

    def __contains__(self, name):
        return self.has_type(name)

    def __getitem__(self, name):
        if not self.has_type(name):
            raise bad(f"unknown type '{name}'", "NO_SUCH_TYPE")
        return Type(self, name)

    def register(self, cls):
        """Makes a device class of Python's a type like any other."""
        return cls._emu_register()


@override
class Property(Emu.Property):
    name = property(lambda self: self.get_name())
    type = property(lambda self: self.get_type_text())
    description = property(lambda self: self.get_description())
    default = property(lambda self: self.get_default())
    writable = property(lambda self: self.is_writable())

    def __repr__(self):
        return f"<Emu.Property {self.name}: {self.type}>"
