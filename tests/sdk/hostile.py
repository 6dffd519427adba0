#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A folder with 1000 files that are no plugins, or bad ones, among good ones: each is refused with a clear message, emu
neither crashes nor hangs, and the good ones load. Each kind of damage says what its message must contain."""

import json
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "machine"))
import harness
from harness import Failure

SOURCE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(harness.BUILD).resolve()
TOTAL = 1000
rng = random.Random(int(os.environ.get("EMU_TEST_SEED", "1")))

PLUGIN = r"""
#include <emu/device.h>
#include <emu/plugin.h>
#include <stdlib.h>
#include <unistd.h>
%(before)s
static void class_init(gpointer klass, gconstpointer data)
{
    EmuDeviceClass *device = klass;
    device->user_creatable = true;
    device->category = "misc";
    %(class_init)s
}
static char name[64] = "good-00000";
static EmuTypeInfo info = {.name = name, .parent = "device", .class_init = class_init, .description = "one of many"};
EMU_PLUGIN(.name = "good-00000", .version = "1.0", .license = "MIT", .description = "one of many", .provides = "good-00000:device");
static void reg(void)
{
    /* The copies differ in their manifests only. */
    g_strlcpy(name, ((const volatile EmuPluginManifest *)&emu_plugin_manifest)->name, sizeof(name));
    %(register)s
    emu_type_register_static(&info);
}
type_init(reg)
"""
CTOR = "static void __attribute__((constructor)) first(void) { %s }"
VARIANTS = {
    "good": {},
    "segv": {"before": CTOR % "*(volatile int *)8 = 1;"},
    "abort": {"before": CTOR % "abort();"},
    "exit": {"before": CTOR % "exit(3);"},
    "exit0": {"before": CTOR % "_exit(0);"},
    "hang": {"before": CTOR % "for (;;) { pause(); }"},
    "stack": {"before": "static int deep(volatile int *p) { volatile int x[1000]; x[0] = *p; return deep(x) + x[0]; }\n" + CTOR % "int z = 0; deep(&z);"},
    "class": {"class_init": "*(volatile int *)8 = 1;"},
    "register": {"register": "abort();"},
    "unresolved": {"before": "void nobody_has_this(void);\n" + CTOR % "nobody_has_this();"},
}


def compile_variants(folder):
    flags = subprocess.run(["pkg-config", "--cflags", "glib-2.0", "gobject-2.0"], capture_output=True, text=True, check=True).stdout.split()
    built = {}
    for name, parts in VARIANTS.items():
        source, out = folder / f"{name}.c", folder / f"{name}.so"
        source.write_text(PLUGIN % {"before": "", "class_init": "", "register": "", **parts})
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", f"-I{SOURCE}/sdk", *flags, "-o", str(out), str(source), f"-L{BUILD}",
                        "-lemu-core-1", "-lglib-2.0", "-lgobject-2.0"], check=True)
        built[name] = out.read_bytes()
    return built


class Manifest:
    """Offsets in the .so of EmuPluginManifest's fields."""
    FIELDS = {"magic": (0, 8), "size": (8, 4), "major": (12, 2), "minor": (14, 2), "tier": (16, 2), "name": (20, 48), "version": (68, 32),
              "license": (100, 48), "description": (148, 160), "provides": (308, 8192), "needs": (8500, 2048)}

    def __init__(self, data):
        self.data = bytearray(data)
        self.at = self.data.index(b"EMUPLUG1" + struct.pack("<I", 10548))

    def put(self, field, value):
        offset, size = self.FIELDS[field]
        if isinstance(value, int):
            value = value.to_bytes(size, "little")
        self.data[self.at + offset:self.at + offset + size] = value.ljust(size, b"\0")
        return self

    def rename(self, name):
        return self.put("name", name.encode()).put("provides", f"{name}:device".encode())

    def bytes(self):
        return bytes(self.data)


def corpus(built):
    """Endless: (name, maker(path), pattern that the refusal must have)."""
    good = built["good"]
    serial = 0

    def file(data, pattern):
        return lambda path: path.write_bytes(data), pattern

    def patched(offset, value):
        data = bytearray(good)
        data[offset:offset + len(value)] = value
        return bytes(data)

    def fresh(variant="good"):
        nonlocal serial
        serial += 1
        return Manifest(built[variant]).rename(f"{variant}-{serial:05}")

    section_offset = struct.unpack_from("<Q", good, 40)[0]
    sections = struct.unpack_from("<H", good, 60)[0]
    crashes = [("segv", "crashes when it is opened: Segmentation fault"), ("abort", "crashes when it is opened: Aborted"),
               ("exit", "ends the program with status 3"), ("exit0", "ends the program with status 0"),
               ("stack", "crashes when it is opened: Segmentation fault"), ("class", "crashes when it is opened: Segmentation fault"),
               ("register", "crashes when it is opened: Aborted")]
    yield (lambda path: path.mkdir()), "is a directory, expected a regular file"
    yield (lambda path: os.mkfifo(path)), "is a FIFO, expected a regular file"
    yield (lambda path: path.symlink_to("/nonexistent/plugin.so")), "cannot be read: No such file"
    yield (lambda path: path.symlink_to(path.name)), "cannot be read: Too many levels"
    yield (lambda path: path.symlink_to("/dev/zero")), "is a device or socket, expected a regular file"
    yield (lambda path: socket.socket(socket.AF_UNIX).bind(str(path))), "cannot be read: No such device|is a device or socket"
    yield (lambda path: (path.touch(), os.truncate(path, 1 << 40))), "is not an ELF file"
    yield file(fresh("hang").bytes(), "does not come back within")
    while True:
        yield file(b"", "is too short for a plugin: 0 bytes")
        yield file(rng.randbytes(rng.randrange(1, 64)), "is too short for a plugin|is not an ELF file")
        yield file(rng.randbytes(rng.randrange(64, 9000)), "is not an ELF file")
        yield file(b"#!/bin/sh\nexit 1\n" * 10, "is not an ELF file")
        yield file(good[:rng.randrange(64, section_offset)], "is damaged: its section headers lie outside")
        yield file(good[:section_offset + rng.randrange(64 * sections)], "is damaged: its section headers lie outside")
        yield file(patched(4, bytes([rng.choice([0, 1, 3, 77])])), "ELF file for another machine .*expected x86-64|expected")
        yield file(patched(5, b"\2"), "ELF file for another machine .*big-endian")
        yield file(patched(18, struct.pack("<H", rng.choice([3, 40, 183, 243, 999]))), "ELF file for another machine .*machine")
        yield file(patched(16, struct.pack("<H", rng.choice([0, 1, 2, 4, 99]))), "is an ELF file of type .*expected a shared library")
        yield file(patched(40, struct.pack("<Q", rng.randrange(1 << 40, 1 << 63))), "is damaged: its section headers")
        yield file(patched(60, struct.pack("<H", rng.randrange(sections + 1000, 65535))), "is damaged: its section headers")
        yield file(patched(62, struct.pack("<H", rng.randrange(sections, 65000))), "is damaged: its section headers")
        yield file(patched(58, struct.pack("<H", rng.choice([0, 1, 63, 65, 65535]))), "is damaged: its section headers")
        yield file(good.replace(b".emu.plugin\0", b".emu.plugim\0"), "is no emu plugin: it has no section")
        yield file(fresh().put("magic", rng.randbytes(8)).bytes(), "has a damaged manifest: it does not begin with")
        yield file(fresh().put("major", 0).bytes(), "was built for SDK 0.0, this emu takes plugins built for SDK 1.0 to 1")
        yield file(fresh().put("major", 99).put("minor", 7).bytes(), "was built for SDK 99.7, this emu takes")
        yield file(fresh().put("minor", rng.randrange(100, 65536)).bytes(), "was built for SDK 1.*, this emu takes")
        yield file(fresh().put("tier", rng.randrange(3, 65536)).bytes(), "has a damaged manifest: tier .* is unknown")
        yield file(fresh().put("size", rng.choice([0, 1, 100, 10547, 20000, 0xffffffff])).bytes(), "has a damaged manifest: its size is .*expected")
        yield file(fresh().put("name", b"").bytes(), "a text in it is empty, unterminated or not printable")
        for field in ("name", "version", "license", "description", "provides", "needs"):
            yield file(fresh().put(field, b"x" * Manifest.FIELDS[field][1]).bytes(), "a text in it is empty, unterminated or not printable")
            yield file(fresh().put(field, rng.choice([b"\n", b"\xff\xfe", b"a\x1b[2J", b"\x7f"])).bytes(), "a text in it is empty, unterminated or not printable")
        yield file(fresh().put("provides", b"first-good:device").bytes(), "provides type 'first-good', which .* provides already")
        yield file(fresh().put("provides", b"device:object").bytes(), "provides type 'device', which the core has already")
        yield file(fresh().put("name", b"first-good").put("provides", b"x-%05d:device" % serial).bytes(), "is hidden by .*first-good.so, which has the same name")
        yield file(fresh().put("needs", b"no-such-type").bytes(), "needs type 'no-such-type', which nothing provides")
        yield file(fresh("unresolved").bytes(), "cannot be loaded: undefined symbol: nobody_has_this")
        for variant, message in crashes:
            yield file(fresh(variant).bytes(), message)


class Folder:
    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="emu-hostile-"))
        self.plugins = self.path / "plugins"
        self.plugins.mkdir()
        self.built = compile_variants(self.path)
        self.expected = {}
        (self.plugins / "00-first-good.so").write_bytes(Manifest(self.built["good"]).rename("first-good").bytes())
        for i, (make, pattern) in zip(range(TOTAL), corpus(self.built)):
            path = self.plugins / f"{i:04}-bad.so"
            make(path)
            self.expected[str(path)] = pattern.replace("first-good.so", "00-first-good.so")
        (self.plugins / "zz-last-good.so").write_bytes(Manifest(self.built["good"]).rename("last-good").bytes())
        self.env = {**os.environ, "XDG_CACHE_HOME": str(self.path / "cache"), "LD_LIBRARY_PATH": str(BUILD)}

    def emu(self, *args, env=None, timeout=120, said=""):
        start = time.monotonic()
        done = subprocess.run([str(BUILD / "emu"), "--plugin-dir", str(self.plugins), *args], capture_output=True, text=True,
                              errors="replace", env={**self.env, **(env or {})}, timeout=timeout * harness.PATIENCE, check=False,
                              input=said)
        print(f"# emu {' '.join(args)}: {time.monotonic() - start:.2f} s")
        return done

    def tries(self, *args):
        """Whether emu has plugins opened on trial."""
        helper, mark = self.path / "helper", self.path / "tried"
        helper.write_text(f"#!/bin/sh\n: >'{mark}'\nexec '{BUILD}/tools/emu-plugin-scan' \"$@\"\n")
        helper.chmod(0o700)
        mark.unlink(missing_ok=True)
        check_good_ones(self.emu(*args, env={"EMU_PLUGIN_SCANNER": str(helper)}))
        return mark.exists()


folder = Folder()


def check_good_ones(done):
    if done.returncode:
        raise Failure(f"ended with {done.returncode}; stderr ends {done.stderr[-1500:]}")
    for name in ("first-good", "last-good", "isa-serial"):
        if f'name "{name}"' not in done.stdout:
            raise Failure(f"{name} is not in -device help")


def everything_is_refused_with_its_reason():
    done = folder.emu("-device", "help")
    check_good_ones(done)
    refused = folder.emu("-plugin-list")
    if refused.returncode:
        raise Failure(f"-plugin-list ends with {refused.returncode}")
    # What was found out by opening is in the first run's warnings, the rest in the list; both in the cache from now on.
    said = done.stderr + refused.stdout + refused.stderr
    wrong = []
    for path, pattern in folder.expected.items():
        lines = [line for line in said.splitlines() if path in line]
        if not any(re.search(pattern, line.split(path, 1)[1]) for line in lines):
            wrong.append(f"{path}: expected /{pattern}/, got {lines}")
    if wrong:
        raise Failure(f"{len(wrong)} of {TOTAL} without their message:\n" + "\n".join(wrong[:10]))
    print(f"# {TOTAL} files, {TOTAL} messages")


def the_cache_remembers_who_crashed():
    time.sleep(2.1)  # files younger than two seconds are not cached
    folder.emu("-device", "help")
    if folder.tries("-device", "help"):
        raise Failure("the second start tries them again")


def rescan_tries_again():
    if not folder.tries("-plugin-rescan", "-device", "help"):
        raise Failure("nothing is tried")


def no_folder_for_the_cache():
    for home in ("/proc/nonexistent", "/dev/null", str(folder.path / "read-only")):
        if home.endswith("read-only"):
            os.mkdir(home, 0o500)
        done = folder.emu("-M", "none", "-device", "first-good", "-display", "none", "-S", "-monitor", "none", "-serial", "none", "-qmp", "stdio",
                          said='{"execute":"qmp_capabilities"}{"execute":"quit"}', env={"XDG_CACHE_HOME": home, "HOME": home})
        if done.returncode or "QMP" not in done.stdout:
            raise Failure(f"cache folder {home}: {done.returncode} {done.stderr[-500:]}")


def one_is_asked_for_by_name():
    """Opening by name says why not, and the machine goes on."""
    bad = next(p for p, pattern in folder.expected.items() if "Aborted" in pattern)
    data = Path(bad).read_bytes()
    name = data[data.index(b"EMUPLUG1") + 20:][:48].split(b"\0")[0].decode()
    done = folder.emu("-M", "none", "-device", name, "-display", "none")
    if done.returncode != 1 or "crashes when it is opened" not in done.stderr:
        raise Failure(f"-device {name}: {done.returncode} {done.stderr[-500:]}")


def inspector_names_them():
    done = subprocess.run([str(BUILD / "tools/emu-inspect"), "--json", "--plugin-dir", str(folder.plugins)], capture_output=True, text=True,
                          env=folder.env, timeout=60 * harness.PATIENCE, check=False)
    listed = json.loads(done.stdout)
    if done.returncode or len(listed["refused"]) < TOTAL * 0.8 or not any(p["name"] == "last-good" for p in listed["plugins"]):
        raise Failure(f"emu-inspect: status {done.returncode}, {len(listed['refused'])} refused")
    for path in list(folder.expected)[:40]:
        done = subprocess.run([str(BUILD / "tools/emu-inspect"), path], capture_output=True, text=True, env=folder.env, timeout=60 * harness.PATIENCE, check=False)
        if done.returncode != 1 or path not in done.stdout + done.stderr:
            raise Failure(f"emu-inspect {path}: status {done.returncode}: {done.stdout}{done.stderr}")


def damage_of_chance():
    """Bytes of chance in what is read before the loader comes: ELF header, section headers, manifest. Refused or taken, but
    emu lives. (Damage to the code and to what the system's loader believes is beyond what a plugin host can check.)"""
    chance = folder.path / "chance"
    chance.mkdir()
    (chance / "a-good.so").write_bytes(Manifest(folder.built["good"]).rename("a-good").bytes())
    for i in range(int(os.environ.get("EMU_TEST_CHANCE", "300"))):
        data = bytearray(Manifest(folder.built["good"]).rename(f"chance-{i:05}").bytes())
        at = data.index(b"EMUPLUG1")
        sections = struct.unpack_from("<Q", data, 40)[0]
        parts = [(0, 24), (40, 64), (sections, len(data)), (at, at + 400)]
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(*rng.choice(parts))] = rng.randrange(256)
        (chance / f"{i:04}.so").write_bytes(data)
    done = folder.emu("--plugin-dir", str(chance), "-device", "help", timeout=400)
    check_good_ones(done)
    if 'name "a-good"' not in done.stdout:
        raise Failure("a-good is not in -device help")


try:
    harness.run([
        ("sdk/hostile/everything-is-refused-with-its-reason", everything_is_refused_with_its_reason),
        ("sdk/hostile/the-cache-remembers-who-crashed", the_cache_remembers_who_crashed),
        ("sdk/hostile/rescan-tries-again", rescan_tries_again),
        ("sdk/hostile/no-folder-for-the-cache", no_folder_for_the_cache),
        ("sdk/hostile/one-is-asked-for-by-name", one_is_asked_for_by_name),
        ("sdk/hostile/inspector-names-them", inspector_names_them),
        ("sdk/hostile/damage-of-chance", damage_of_chance),
    ])
finally:
    shutil.rmtree(folder.path, ignore_errors=True)
