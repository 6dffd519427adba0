# SPDX-License-Identifier: LGPL-2.1-or-later
"""The introspected module, and how a class takes the place of one of its."""

from ...module import get_introspection_module
from ...overrides import override as gi_override

Emu = get_introspection_module("Emu")


def override(cls):
    """What is introspected returns this class from now on. gi tells the namespace from the module's name."""
    cls.__module__ = __package__
    return gi_override(cls)
