# SPDX-License-Identifier: LGPL-2.1-or-later
"""An installed emu in a folder of its own, and commands that see it and not the source tree."""

import glob
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "machine"))
import harness
from harness import Failure, Skip

SOURCE = Path(__file__).resolve().parent.parent.parent
MESON = shutil.which("meson")


def can_hide():
    return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


class Tree:
    """DESTDIR-installs the build once. Commands run with the source and build trees covered by empty folders where
    the system lets us (root, mount namespaces)."""

    def __init__(self, tags=None):
        if not MESON:
            raise Skip("meson is not installed")
        self.folder = Path(tempfile.mkdtemp(prefix="emu-installed-"))
        self.root = self.folder / "root"
        command = [MESON, "install", "-C", harness.BUILD, "--no-rebuild", "--quiet"] + (["--tags", tags] if tags else [])
        done = subprocess.run(command, env={**os.environ, "DESTDIR": str(self.root)}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failure(f"installing fails: {done.stderr or done.stdout}")
        self.prefix = Path(glob.glob(f"{self.root}/**/bin/emu", recursive=True)[0]).parent.parent
        pc = glob.glob(f"{self.prefix}/**/emu-sdk-1.pc", recursive=True)[0]
        self.libdir = Path(pc).parent.parent
        self.work = self.folder / "work"
        self.work.mkdir()
        self.guest = self.folder / "guest"
        self.guest.mkdir()
        for name in ("vmlinuz", "initrd.gz"):
            path = Path(harness.GUEST) / name
            if path.exists():
                shutil.copy(path, self.guest / name)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("EMU", "PYTHON", "LD_", "GI_", "MESON", "G_TEST", "ASAN", "UBSAN"))}
        # The distribution's Python before any other: it is the one with PyGObject.
        self.env.update(PATH=f"{self.prefix}/bin:/usr/bin:{os.environ['PATH']}", PKG_CONFIG_PATH=f"{self.libdir}/pkgconfig",
                        HOME=str(self.folder), XDG_CACHE_HOME=str(self.folder / "cache"))
        self.env.update(GI_TYPELIB_PATH=f"{self.libdir}/girepository-1.0", PYTHONPATH=self.python_folder(),
                        LD_LIBRARY_PATH=str(self.libdir), PYTHONDONTWRITEBYTECODE="1")
        self.hide = can_hide()

    def python_folder(self):
        found = glob.glob(f"{self.prefix}/lib/python3*/*/gi/overrides/Emu")
        return str(Path(found[0]).parent.parent.parent) if found else ""

    def command(self, text):
        """The argument list that runs a shell command with nothing of the source in sight."""
        if not self.hide:
            return ["sh", "-ec", text]
        covers = "".join(f"mount -t tmpfs none '{d}'; " for d in (os.path.abspath(harness.BUILD), SOURCE))
        return ["unshare", "-m", "sh", "-ec", f"{covers} cd \"$0\"; exec sh -ec \"$1\"", str(self.work), text]

    def run(self, text, cwd=None, ok=True, timeout=300):
        script = f"cd '{cwd or self.work}'; {text}"
        done = subprocess.run(self.command(script), env=self.env, cwd=self.work, capture_output=True, text=True, check=False,
                              timeout=timeout * harness.PATIENCE, stdin=subprocess.DEVNULL)
        if ok and done.returncode:
            raise Failure(f"'{text}' ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Process(harness.Emu):
    """The harness's serial line around a shell command in the tree."""

    def __init__(self, tree, text):
        self.folder = tempfile.mkdtemp(prefix="emu-test-")
        self.stderr_path = os.path.join(self.folder, "stderr")
        self.output, self.position = bytearray(), 0
        self.condition, self.closed, self.monitor = threading.Condition(), False, None
        self.process = subprocess.Popen(tree.command(text), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=tree.env, cwd=tree.work,
                                        stderr=open(self.stderr_path, "wb"))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
