# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Linux to try things with: Debian's kernel and a busybox shell, as ./run fetches them."""

import os
import sys

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

FOLDER = os.path.join(os.environ.get("EMU_BUILD", "build"), "guest")


def linux(append="", **options):
    """A PC that boots to a shell on its first serial line; the prompt is "guest# "."""
    if not os.path.exists(f"{FOLDER}/vmlinuz"):
        print("no guest: run ./test once, it fetches one")
        sys.exit(77)
    return Emu.Machine.new("pc", memory="256M", kernel=f"{FOLDER}/vmlinuz", initrd=f"{FOLDER}/initrd.gz",
                           append=f"console=ttyS0 quiet panic=-1 {append}", **options)


def bare(code, at=0x7C00):
    """A PC that stands before the first instruction of @code, in real mode."""
    m = Emu.Machine.new("pc", memory="16M")
    m.start(paused=True)
    m.memory[at:at + len(code)] = code
    for name, value in {"cs": 0, "ds": 0, "ss": 0, "rsp": 0x7000, "eflags": 2, "rip": at}.items():
        m.cpus[0].regs[name] = value
    return m
