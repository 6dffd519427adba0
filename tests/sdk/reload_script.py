#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Edit, build, m.reload(): a device's code changes under a machine that a script made; and what is refused is an exception."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

SOURCE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ["EMU_BUILD"]).resolve()
FLAGS = subprocess.run(["pkg-config", "--cflags", "glib-2.0", "gobject-2.0"], capture_output=True, text=True, check=True).stdout.split()


def build(folder, edit):
    (folder / "edited.c").write_text(edit((folder / "foo/foo.c").read_text()))
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", f"-I{SOURCE}/sdk", *FLAGS, "-o", str(folder / "edited.so"), str(folder / "edited.c"),
                    f"-L{BUILD}", "-lemu-core-1", "-lglib-2.0", "-lgobject-2.0"], check=True)
    (folder / "edited.so").rename(folder / "plugins/foo.so")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "plugins").mkdir()
        subprocess.run([sys.executable, str(SOURCE / "tools/emu-sdk.py"), "new", "foo", "--bus", "isa", "-C", str(folder / "foo")], check=True,
                       env={**os.environ, "EMU_SDK_TEMPLATES": str(SOURCE / "sdk/templates")}, stdout=subprocess.DEVNULL)
        build(folder, lambda text: text)
        Emu.Registry.get_default().add_plugin_dir(str(folder / "plugins"))
        with Emu.Machine.new("pc", memory="16M") as m:
            m.add("foo", id="foo0")
            m.realize()
            first = m["foo0"]
            value = next(r for r in first.regs if r not in ("ID", "STATUS"))
            identity = first.regs["ID"]
            first.regs[value] = 0x5A
            kept = first.regs[value]
            build(folder, lambda text: text.replace("#define FOO_ID 0x", "#define FOO_ID 0x1 + 0x"))
            done = m.reload("foo")
            second = m["foo0"]
            print(f"# {done}")
            assert done["devices"] == 1
            assert second.regs["ID"] == identity + 1, second.regs["ID"]
            assert second.regs[value] == kept
            for plugin, text in (("foo", "has not changed"), ("nothing", "there is no plugin 'nothing'"), ("fw-cfg", "made by the board")):
                try:
                    m.reload(plugin)
                except Emu.Error as error:
                    assert text in str(error), error
                else:
                    raise AssertionError(f"{plugin} is reloaded")
            assert second.regs["ID"] == identity + 1
    print("1..1\nok 1 - sdk/reload/script")


main()
