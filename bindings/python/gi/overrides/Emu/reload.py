# SPDX-License-Identifier: LGPL-2.1-or-later
"""New code for devices that exist."""

import ast
import contextlib
import os
import sys
import types

from gi.repository import GObject

from .errors import bad
from .introspected import Emu
from .parts import Saved


def shape(cls):
    """What a type has promised to the core, and cannot be changed any more."""
    promises = {"its base": cls.__bases__[0].__gtype__.name if cls.__bases__[0].__module__ != cls.__module__ else cls.__bases__[0].__name__,
                "regions": [vars(spec) for spec in cls.regions],
                "properties": sorted((p.name, p.value_type.name, p.default_value, getattr(p, "minimum", 0), getattr(p, "maximum", 0), int(p.flags))
                                     for p in cls.list_properties() if p.owner_type == cls.__gtype__)}
    if issubclass(cls, Emu.Device):
        promises.update(inputs=cls.inputs, outputs=cls.outputs, pci_ids=cls.pci_ids, hotpluggable=cls.hotpluggable, word_bits=cls.word_bits,
                        select_high=cls.select_high)
        promises["saved state"] = [(one.name, one.type, one.size) for one in cls._emu_saved()]
    return promises


def cells(function):
    """The places where functions of a class keep the class, for super()."""
    function = getattr(function, "__func__", getattr(function, "fget", function))
    for name, cell in zip(getattr(getattr(function, "__code__", None), "co_freevars", ()), getattr(function, "__closure__", None) or ()):
        if name == "__class__":
            yield cell


KEPT = {"__gtype__", "__gtype_name__", "__dict__", "__weakref__", "__gsignals__", "__gproperties__", "__module__", "_emu_type_name", "__info__"}
_reloads = 0


def reload_file(path):
    """Runs a file of devices again and gives its classes' functions to those that are there; their devices keep their state."""
    global _reloads

    name = "emu_plugin_" + os.path.basename(path)[:-3].replace("-", "_")
    old = sys.modules.get(name)
    if old is None:
        raise bad(f"{path}: was not loaded", "NOT_FOUND")
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
                raise bad(f"/{cls._emu_type_name}: the class {key} is gone")
            before, after = shape(cls), shape(twin)
            for what in before:
                if before[what] != after.get(what):
                    raise bad(f"/{cls._emu_type_name}: {what} cannot change under devices that exist: {before[what]!r} before, {after.get(what)!r} now")
            pairs.append((key, cls, twin))
    for key, cls, twin in pairs:
        for attribute in set(vars(cls)) - set(vars(twin)) - KEPT:
            with contextlib.suppress(AttributeError, TypeError):
                delattr(cls, attribute)
        for attribute, value in list(vars(twin).items()):
            if attribute in KEPT or isinstance(value, (Saved, GObject.Property)):
                continue
            for cell in cells(value):
                cell.cell_contents = cls
            with contextlib.suppress(AttributeError, TypeError):
                setattr(cls, attribute, value)
        setattr(new, key, cls)
    new.__name__ = name
    sys.modules[name] = new
    return [cls._emu_type_name for _, cls, _ in pairs]
