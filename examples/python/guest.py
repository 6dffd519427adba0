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
                           append=f"console=ttyS0 quiet panic=-1 no_timer_check {append}", **options)


def bare(code, at=0x7C00):
    """A PC that stands before the first instruction of @code, in real mode."""
    m = Emu.Machine.new("pc", memory="16M")
    m.start(paused=True)
    m.memory[at:at + len(code)] = code
    for name, value in {"cs": 0, "ds": 0, "ss": 0, "rsp": 0x7000, "eflags": 2, "rip": at}.items():
        m.cpus[0].regs[name] = value
    return m


def bare_with_disk(image):
    """The same in an endless loop, with a disk that read_sector() and write_sector() reach as a BIOS of old would."""
    m = Emu.Machine.new("pc", memory="16M", drive=f"file={image},format=raw,if=ide")
    m.start(paused=True)
    m.memory[0x7C00:0x7C02] = b"\xeb\xfe"
    for name, value in {"cs": 0, "eflags": 2, "rip": 0x7C00}.items():
        m.cpus[0].regs[name] = value
    return m


def _ata(m, command, lba):
    for port, value in (0x1F6, 0xE0 | lba >> 24), (0x1F2, 1), (0x1F3, lba & 0xFF), (0x1F4, lba >> 8 & 0xFF), (0x1F5, lba >> 16 & 0xFF), (0x1F7, command):
        m.io.write_u8(port, value)


def _wait(m, status):
    while m.io.read_u8(0x1F7) & 0x88 != status:  # busy, data wanted
        m.run(until=m.virtual_time("100us"))


def read_sector(m, lba):
    _ata(m, 0x20, lba)
    _wait(m, 0x08)
    return b"".join(m.io.read_u16(0x1F0).to_bytes(2, "little") for _ in range(256))


def write_sector(m, lba, data):
    _ata(m, 0x30, lba)
    _wait(m, 0x08)
    for at in range(0, 512, 2):
        m.io.write_u16(0x1F0, int.from_bytes(data[at:at + 2], "little"))
    _wait(m, 0)
