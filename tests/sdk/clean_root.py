#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Somebody's machine: emu is installed into /usr/local, there is no source tree, and no variable says where anything is. From
nothing to a device that Linux probes, without an edit, in C and in Python; the times are printed.

The root is the host's with /usr/local, /etc, the source and the build covered, in mount and process namespaces of its own."""

import os
import sys
import time

from tree import SOURCE, Failure, Process, Skip, Tree, can_hide, harness


class CleanRoot(Tree):
    """Commands see the installed files where they belong, and an empty environment."""

    def __init__(self):
        if not can_hide():
            raise Skip("not root, or no mount namespaces")
        super().__init__()
        if not (self.root / "usr/local/bin/emu").exists():
            raise Skip(f"the build's prefix is not /usr/local: {self.prefix}")
        (self.folder / "etc").mkdir()
        self.env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.work), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self, text):
        covers = [f"mount --bind '{self.root}/usr/local' /usr/local", f"cp -a /etc/. '{self.folder}/etc'", f"mount --bind '{self.folder}/etc' /etc", "/sbin/ldconfig",
                  *(f"mount -t tmpfs none '{d}'" for d in (os.path.abspath(harness.BUILD), SOURCE))]
        return ["unshare", "-m", "/bin/sh", "-ec", f"{'; '.join(covers)}; cd \"$0\"; exec /bin/sh -ec \"$1\"", str(self.work), text]


def boot(name, folder, script, start):
    emu = Process(tree, f"cd {tree.work}/{name}; exec emu -M pc -m 256 --plugin-dir {folder} -device {name} -kernel {tree.guest}/vmlinuz "
                        f"-initrd {tree.guest}/initrd.gz -append '{harness.APPEND}' -no-reboot -display none -serial stdio -monitor none")
    try:
        emu.expect("guest# ")
        emu.send(script[0])
        emu.expect(script[1])
        print(f"# {name}: from nothing to probed by Linux in {time.monotonic() - start:.1f} s")
    finally:
        emu.close()


def need_guest():
    if not (tree.guest / "vmlinuz").exists():
        raise Skip("no kernel; ./test prepares it")


def device_in_c():
    start = time.monotonic()
    tree.run("emu-sdk new probed && cd probed && meson setup build && meson test -C build")
    print(f"# probed: built and tested in {time.monotonic() - start:.1f} s")
    need_guest()
    boot("probed", "build", ("cd /sys/bus/pci/devices; d=$(dirname $(grep -l 0x5eed */device)); echo 1 >$d/enable; "
                            "echo found-$(devmem $(head -n1 $d/resource | cut -d' ' -f1))\n", "found-0x0BADCAFE"), start)


def device_in_python():
    start = time.monotonic()
    tree.run("emu-sdk new snake --lang python && cd snake && /usr/bin/python3 test_snake.py")
    print(f"# snake: written and tested in {time.monotonic() - start:.1f} s")
    need_guest()
    boot("snake", ".", ("cd /sys/bus/pci/devices; d=$(dirname $(grep -l 0x7001 */device)); echo 1 >$d/enable; "
                        "echo found-$(devmem $(head -n1 $d/resource | cut -d' ' -f1))\n", "found-0x001D0D1E"), start)


def python_finds_emu():
    """import gi; Emu: with no PYTHONPATH, GI_TYPELIB_PATH or LD_LIBRARY_PATH."""
    if tree.run("/usr/bin/python3 -c 'import gi'", ok=False).returncode:
        raise Skip("Python has no module gi")
    done = tree.run("env; /usr/bin/python3 -c 'import gi; gi.require_version(\"Emu\", \"1.0\"); from gi.repository import Emu; print(Emu.Machine.new(\"none\"))'")
    if "Emu.Machine" not in done.stdout or "LD_LIBRARY" in done.stdout or "PYTHONPATH" in done.stdout:
        raise Failure(done.stdout + done.stderr)


def nothing_else_is_there():
    done = tree.run(f"ls -A {SOURCE}; for name in emu emu-sdk emu-inspect emu-lint; do command -v $name; done")
    if done.stdout.split() != [f"/usr/local/bin/{name}" for name in ("emu", "emu-sdk", "emu-inspect", "emu-lint")]:
        raise Failure(done.stdout)


try:
    tree = CleanRoot()
except Skip as skip:
    print(f"1..0 # SKIP {skip}")
    sys.exit(0)
try:
    harness.run([
        ("sdk/clean-root/nothing-else", nothing_else_is_there),
        ("sdk/clean-root/c", device_in_c),
        ("sdk/clean-root/python", device_in_python),
        ("sdk/clean-root/import", python_finds_emu),
    ])
finally:
    tree.close()
