# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every failure of what is introspected is an Emu.Error."""

import re

from gi.repository import GLib

from .introspected import Emu

codes = Emu.Error
MESSAGE = re.compile(r"(?s)(/[^\s:.]*(?:\[\d+\][^\s:.]*)*)(?:\.([^\s:]+))?: (.*)")


class Error(GLib.Error):
    """Every failure. code: one of Error.NOT_FOUND and so on; path: the object; property: its property; may be None."""

    def __init__(self, message="", code=0, path=None, property=None):
        super().__init__(message, "emu-script-error-quark", int(code))
        match = MESSAGE.fullmatch(message)
        self.code = codes(int(code))
        self.path = path or (match and match.group(1)) or None
        self.property = property or (match and match.group(2)) or None

    def __str__(self):
        return self.message

    def __repr__(self):
        return f"Emu.Error.{self.code.value_nick.upper().replace('-', '_')}({self.message!r})"


for _name in dir(codes):
    if _name.isupper():
        setattr(Error, _name, getattr(codes, _name))


def translate(error):
    """The Emu.Error that a GLib.Error is."""
    if isinstance(error, Error) or error.domain != "emu-script-error-quark":
        return error
    return Error(error.message, error.code)


def wrap(function):
    """A function whose errors are Emu.Error, for one that is introspected."""

    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except GLib.Error as error:
            raise translate(error) from None

    call.__name__ = getattr(function, "__name__", "call")
    call.__doc__ = getattr(function, "__doc__", None)
    return call


def method(cls, name):
    """An introspected method whose errors are Emu.Error."""
    return wrap(getattr(cls, name))


def raising(function, *args):
    """Calls an introspected function; its errors are Emu.Error."""
    try:
        return function(*args)
    except GLib.Error as error:
        raise translate(error) from None


def bad(text, code="BAD_VALUE"):
    """The error of a value that cannot be used."""
    return Error(text, getattr(codes, code))
