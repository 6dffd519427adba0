# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs emu, talks to its serial line and monitor, and prints TAP.

Environment (set by meson): EMU_BUILD, the build folder. A guest that is missing makes a test "skipped" with the reason.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ.get("EMU_BUILD", "build")
EMU = os.environ.get("EMU", os.path.join(BUILD, "emu"))
PLUGINS = os.path.join(BUILD, "plugins")
GUEST = os.path.join(BUILD, "guest")
# A sanitizer build may need more time.
SCALE = float(os.environ.get("EMU_TEST_SCALE", "1"))
# What a test says of time suits a quiet machine. To wait longer costs nothing where all is well; a busy machine needs it.
PATIENCE = 10 * SCALE
# Linux gives up when it sees too few ticks in a tenth of a second, as it may on a host that is busy elsewhere: it is not to check that.
APPEND = "console=ttyS0 panic=-1 no_timer_check"


class Skip(Exception):
    pass


class Failure(Exception):
    pass


def guest_file(name):
    path = os.path.join(GUEST, name)
    if not os.path.exists(path):
        raise Skip(f"{path} is missing; ./test prepares it")
    return path


def firmware(name):
    for folder in ("/usr/share/seabios", "/usr/share/qemu"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    raise Skip(f"firmware {name} is not installed")


def initrd_with_modules(*names):
    """The guest's initramfs with the kernel's modules NAMES (paths below kernel/) behind: /modules/NAME.ko."""
    with open(guest_file("vmlinuz"), "rb") as f:
        image = f.read(0x8000)
    at = int.from_bytes(image[0x20e:0x210], "little") + 0x200
    version = image[at:at + 128].split(b"\0")[0].split(b" ")[0].decode()
    return initrd_with_files([os.path.join(GUEST, "modules", version, "kernel"), f"/lib/modules/{version}/kernel"], names)


def distribution_kernel(*names):
    """Debian's full kernel and an initramfs with its modules NAMES: installed, or its package unpacked in EMU_TEST_LINUX or beside the guest."""
    for root in (os.environ.get("EMU_TEST_LINUX"), os.path.join(GUEST, "linux"), "/"):
        versions = sorted(os.listdir(os.path.join(root, "lib/modules"))) if root and os.path.isdir(os.path.join(root, "lib/modules")) else []
        for version in reversed(versions):
            folder, kernel = os.path.join(root, "lib/modules", version, "kernel"), os.path.join(root, "boot", f"vmlinuz-{version}")
            if os.path.exists(kernel) and all(os.path.exists(f"{folder}/{name}.ko") for name in names):
                return kernel, initrd_with_files([folder], names)
    raise Skip(f"Debian's package linux-image-amd64 is neither installed nor unpacked in {GUEST}/linux")


def initrd_with_files(folders, names):
    archive = bytearray()

    def add(name, mode, data=b""):
        numbers = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        archive.extend(b"070701" + "".join(f"{n:08x}" for n in numbers).encode() + name.encode() + b"\0")
        archive.extend(b"\0" * (-len(archive) % 4))
        archive.extend(data + b"\0" * (-len(data) % 4))

    add("modules", 0o40755)
    for name in names:
        path = next((p for p in (f"{folder}/{name}.ko" for folder in folders) if os.path.exists(p)), None)
        if not path:
            raise Skip(f"{folders[0]}/{name}.ko is missing, and the guest kernel's package is not installed")
        with open(path, "rb") as f:
            add("modules/" + os.path.basename(path), 0o100644, f.read())
    add("TRAILER!!!", 0)
    with open(guest_file("initrd.gz"), "rb") as f:
        first = f.read()
    # Linux takes a further archive at a multiple of four only (Documentation/driver-api/early-userspace/buffer-format.rst).
    return first + b"\0" * (-len(first) % 4) + bytes(archive)


class Emu:
    """One running emulator: the first serial line on its stdio, HMP on a unix socket, QMP on another."""

    def __init__(self, *args, accel=None, plugin_dir=True):
        self.folder = tempfile.mkdtemp(prefix="emu-test-")
        self.monitor_path = os.path.join(self.folder, "hmp")
        self.qmp_path = os.path.join(self.folder, "qmp")
        command = [EMU]
        if plugin_dir:
            command += ["--plugin-dir", PLUGINS]
        if accel:
            command += ["-accel", accel]
        command += [*args, "-display", "none", "-serial", "stdio",
                    "-monitor", f"unix:{self.monitor_path},server=on,wait=off",
                    "-qmp", f"unix:{self.qmp_path},server=on,wait=off"]
        self.command = command
        self.stderr_path = os.path.join(self.folder, "stderr")
        self.output = bytearray()
        self.position = 0
        self.condition = threading.Condition()
        self.closed = False
        self.monitor = None
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=open(self.stderr_path, "wb"))
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            with self.condition:
                if not data:
                    self.closed = True
                else:
                    self.output += data
                self.condition.notify_all()
            if not data:
                return

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def expect(self, pattern, timeout=60):
        """Waits for a regular expression on the serial line, after the last match; returns the match."""
        expression = re.compile(pattern.encode())
        deadline = time.monotonic() + timeout * PATIENCE
        with self.condition:
            while True:
                match = expression.search(self.output, self.position)
                if match:
                    self.position = match.end()
                    return match
                left = deadline - time.monotonic()
                if left <= 0 or self.closed:
                    tail = bytes(self.output[-800:]).decode(errors="replace")
                    why = "the emulator closed the line" if self.closed else f"not within {timeout * PATIENCE:.0f} s"
                    raise Failure(f"serial line: /{pattern}/ {why}; it ended with:\n{tail}\nstderr: {self.stderr()}")
                self.condition.wait(left)

    def send(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, timeout=60):
        """Waits for the end; returns the exit status."""
        try:
            return self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Failure(f"the emulator did not end within {timeout * PATIENCE:.0f} s") from None

    def _connect(self, path):
        deadline = time.monotonic() + 20 * PATIENCE
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(path)
                s.settimeout(30 * PATIENCE)
                return s
            except OSError:
                s.close()
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise Failure(f"no monitor at {path}; stderr: {self.stderr()}") from None
                time.sleep(0.02)

    def hmp(self, command):
        """One HMP command; returns its output."""
        if self.monitor is None:
            self.monitor = self._connect(self.monitor_path)
            self._until_prompt()
        self.monitor.sendall(command.encode() + b"\n")
        text = self._until_prompt().decode(errors="replace").replace("\r", "")
        return text.split("\n", 1)[1] if "\n" in text else text

    def _until_prompt(self):
        data = b""
        while not data.endswith(b"(qemu) "):
            part = self.monitor.recv(65536)
            if not part:
                raise Failure(f"the monitor hung up; it said {data[-200:]!r}")
            data += part
        return data[:-len(b"(qemu) ")]

    def qmp(self):
        return Qmp(self._connect(self.qmp_path))

    def vga_text(self):
        """The 80 x 25 text screen, read from video memory by xp."""
        words = re.findall(r"0x([0-9a-f]{4})\b", self.hmp("xp /2000hx 0xb8000"))
        chars = "".join(chr(int(w, 16) & 0xff) if 32 <= int(w, 16) & 0xff < 127 else " " for w in words)
        return "\n".join(chars[i:i + 80].rstrip() for i in range(0, len(chars), 80))

    def expect_vga(self, pattern, timeout=60):
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            text = self.vga_text()
            match = re.search(pattern, text)
            if match:
                return match
            if time.monotonic() > deadline:
                raise Failure(f"screen: /{pattern}/ not within {timeout * PATIENCE:.0f} s; it shows:\n{text}")
            time.sleep(0.3)

    def type(self, text):
        names = {" ": "spc", "\n": "ret", "-": "minus", "=": "equal", "/": "slash", ".": "dot", ",": "comma"}
        for c in text:
            name = names.get(c, c)
            if c.isupper():
                name = "shift-" + c.lower()
            self.hmp(f"sendkey {name}")
            time.sleep(0.12)

    def close(self):
        if self.monitor:
            self.monitor.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.thread.join(5)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Qmp:
    def __init__(self, sock):
        self.file = sock.makefile("rw", encoding="utf-8")
        self.events = []
        self.greeting = json.loads(self.file.readline())
        self.command("qmp_capabilities")

    def command(self, execute, **arguments):
        request = {"execute": execute}
        if arguments:
            request["arguments"] = arguments
        self.file.write(json.dumps(request) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line.endswith("\n"):
                raise Failure(f"QMP hung up during {execute}")
            reply = json.loads(line)
            if "event" in reply:
                self.events.append(reply)
                continue
            return reply

    def wait_event(self, name):
        while True:
            for i, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(i)
            line = self.file.readline()
            if not line.endswith("\n"):
                raise Failure(f"QMP hung up before {name}")
            reply = json.loads(line)
            if "event" in reply:
                self.events.append(reply)


class Guest:
    """A shell in Debian's full kernel with MODULES at hand in /modules, and files of the host beside it: @ in arguments is their folder."""

    def __init__(self, modules, *args, append="", accel=None):
        kernel, initrd = distribution_kernel(*modules)
        self.folder = tempfile.TemporaryDirectory()
        with open(self.path("initrd"), "wb") as f:
            f.write(initrd)
        self.emu = Emu("-kernel", kernel, "-initrd", self.path("initrd"), "-append", f"{APPEND} {append}",
                       *[a.replace("@", self.folder.name) for a in args], accel=accel)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def run(self, command, timeout=120):
        """What the command prints, up to a mark behind it that its echo does not have."""
        self.emu.send(f"({command}) 2>&1; echo =e''nd=\n")
        return self.emu.expect(r"[\s\S]*?\n?=end=", timeout).group(0).decode(errors="replace")

    def must(self, command, *wanted, timeout=120):
        text = self.run(command, timeout)
        for w in wanted:
            if w not in text:
                raise Failure(f"'{w}' is not in what '{command}' says:\n{text}")
        return text

    def __enter__(self):
        self.emu.__enter__()
        self.emu.expect("guest# ", 120)
        return self

    def __exit__(self, *_):
        self.emu.__exit__()
        self.folder.cleanup()


def run(tests):
    """tests: (name, function) pairs. Prints TAP; the exit status is 1 when one failed."""
    print(f"1..{len(tests)}", flush=True)
    failed = False
    chosen = os.environ.get("EMU_TEST_ONLY")
    for number, (name, function) in enumerate(tests, 1):
        if chosen and not re.search(chosen, name):
            print(f"ok {number} - {name} # SKIP not chosen", flush=True)
            continue
        try:
            start = time.monotonic()
            function()
            print(f"ok {number} - {name}", flush=True)
            print(f"# {time.monotonic() - start:.1f} s", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception as error:  # a test that breaks must not hide the ones after it
            failed = True
            print(f"not ok {number} - {name}", flush=True)
            for line in f"{type(error).__name__}: {error}".splitlines():
                print(f"# {line}", flush=True)
    sys.exit(1 if failed else 0)
