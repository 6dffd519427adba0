#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""plugin-reload: new code for a device under a running Linux, and everything that must be refused with the old code going on."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "machine"))
import harness
from harness import Emu, Failure, guest_file

SOURCE = Path(__file__).resolve().parent.parent.parent
BUILD = Path(harness.BUILD).resolve()
folder = Path(tempfile.mkdtemp(prefix="emu-reload-"))
plugins = folder / "plugins"
os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
env = {**os.environ, "EMU_SDK_TEMPLATES": str(SOURCE / "sdk/templates")}
FLAGS = subprocess.run(["pkg-config", "--cflags", "glib-2.0", "gobject-2.0"], capture_output=True, text=True, check=True).stdout.split()


def setup():
    plugins.mkdir()
    subprocess.run([sys.executable, str(SOURCE / "tools/emu-sdk.py"), "new", "foo", "-C", str(folder / "foo")], check=True, env=env,
                   stdout=subprocess.DEVNULL)
    build(lambda text: text)


def build(edit, name="foo"):
    """Edits the template's source, compiles it, and puts the file in the place of the old one."""
    text = (folder / "foo/foo.c").read_text()
    edited = edit(text)
    source, out = folder / "edited.c", folder / "edited.so"
    source.write_text(edited)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-Wno-unused-function", f"-I{SOURCE}/sdk", *FLAGS, "-o", str(out), str(source),
                    f"-L{BUILD}", "-lemu-core-1", "-lglib-2.0", "-lgobject-2.0"], check=True)
    out.rename(plugins / f"{name}.so")


def build_part(name, edit=lambda text: text):
    """A plugin of our own, edited, from its sources with the SDK's headers alone."""
    home = SOURCE / "plugins" / name
    work = folder / f"part-{name}"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(home, work, ignore=shutil.ignore_patterns("tests"))
    names = re.search(r"'sources': files\((.*?)\)", (home / "meson.build").read_text(), re.S).group(1)
    sources = [work / n for n in re.findall(r"'([^']+\.c)'", names)]
    for source in sources:
        source.write_text(edit(source.read_text()))
    out = work / "out.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-w", "-std=gnu11", "-fvisibility=hidden", f"-I{SOURCE}/sdk", f"-I{work}", *FLAGS, "-o", str(out),
                    *map(str, sources), f"-L{BUILD}", "-lemu-core-1", "-lglib-2.0", "-lgobject-2.0", "-lm"], check=True)
    out.rename(plugins / f"{name}.so")


def new_id(value):
    return lambda text: text.replace("#define FOO_ID 0x0badcafe", f"#define FOO_ID {value:#x}")


class Guest:
    """Linux with the device at $a."""

    def __init__(self, *args):
        self.emu = Emu("--plugin-dir", str(plugins), "-M", "pc", "-m", "256", "-kernel", guest_file("vmlinuz"), "-initrd", guest_file("initrd.gz"),
                       "-append", harness.APPEND, *args)
        self.emu.expect("guest# ")
        self.run("d=$(dirname $(grep -l 0x5eed /sys/bus/pci/devices/*/device | head -n1)); echo 1 >$d/enable; a=$(head -n1 $d/resource | cut -d' ' -f1)")
        self.qmp = self.emu.qmp()

    def run(self, command):
        self.emu.send(f"{command}; echo do''ne\n")
        self.emu.expect("done")

    def read(self, offset):
        self.emu.send(f"echo value-$(devmem $((a+{offset})))-e\n")
        return int(self.emu.expect(r"value-(0x[0-9A-F]+)-e").group(1), 16)

    def write(self, offset, value):
        self.run(f"devmem $((a+{offset})) 32 {value:#x}")

    def reload(self, name="foo"):
        reply = self.qmp.command("plugin-reload", name=name)
        if "return" not in reply:
            raise Failure(f"plugin-reload: {reply}")
        return reply["return"]

    def refused(self, pattern, name="foo"):
        reply = self.qmp.command("plugin-reload", name=name)
        if not re.search(pattern, reply.get("error", {}).get("desc", "")):
            raise Failure(f"expected an error with /{pattern}/: {reply}")
        status = self.qmp.command("query-status")["return"]["status"]
        if status != "running":
            raise Failure(f"the guest is {status} after {reply}")


def same(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}: {got:#x}, expected {wanted:#x}")


def state_goes_over():
    build(lambda text: text)
    guest = Guest("-device", "foo,id=foo0,delay-ns=20000000000,addr=7")
    with guest.emu:
        same("ID", guest.read(0), 0x0badcafe)
        guest.write(4, 0x12345678)
        build(new_id(0xfeedf00d))
        guest.write(8, 1)  # a job of twenty seconds: its timer goes over too
        info = guest.reload()
        print(f"# {info}")
        same("ID", guest.read(0), 0xfeedf00d)
        same("VALUE", guest.read(4), 0x12345678)
        same("STATUS", guest.read(12), 0)
        deadline = time.monotonic() + 60 * harness.PATIENCE
        while guest.read(12) != 1 and time.monotonic() < deadline:
            time.sleep(1)
        same("VALUE after the job", guest.read(4), 0x12345678 ^ 0xffffffff)
        same("STATUS after the job", guest.read(12), 1)
        events = [e["event"] for e in guest.qmp.events]
        if "DEVICE_DELETED" in events:
            raise Failure(f"events {events}")
        if "delay-ns = 20000000000" not in guest.emu.hmp("info qtree"):
            raise Failure("the property is lost")
        # A bigger struct with a new field of the state.
        def second(value):
            return lambda text: (new_id(value)(text).replace("uint32_t value, status;", "uint32_t more[500]; uint32_t value, status;")
                                 .replace("    EMU_VM_TIMER(Foo, timer),", "    {.name = \"more\", .kind = EMU_VM_KIND_U32, .offset = offsetof(Foo, more), "
                                          ".size = 4, .num = 500, .since = 2}, EMU_VM_TIMER(Foo, timer),")
                                 .replace(".state = foo_more_state)", ".state = foo_more_state, .version = 2)"))

        build(second(2))
        guest.reload()
        same("ID", guest.read(0), 2)
        same("VALUE", guest.read(4), 0x12345678 ^ 0xffffffff)
        same("STATUS", guest.read(12), 1)
        build(new_id(3))
        guest.refused("version 2")  # states do not go back by themselves
        for i in range(20):
            build(second(0x1000 + i))
            guest.reload()
            same("ID", guest.read(0), 0x1000 + i)
        guest.emu.send("poweroff -f\n")
        if guest.emu.wait(30):
            raise Failure(f"exit status is not 0; {guest.emu.stderr()}")


def parts_of_the_board():
    """Chips that Linux uses all the time, one after the other and with what is plugged into them, and Linux does not notice."""
    parts = {"i8042": 1, "pit": 2, "pic": 2, "serial": 1, "rtc": 1, "dma": 2, "fdc": 2, "hpet": 1, "ioapic": 1, "ide": 3, "vga": 1, "piix4-pm": 9,
             "acpi-hotplug": 1, "pc-common": 2, "piix3": 14}
    disk = folder / "disk.img"
    disk.write_bytes(os.urandom(1 << 20))

    def renew(name):
        shutil.copy(BUILD / "plugins" / f"{name}.so", folder / "copy.so")
        (folder / "copy.so").rename(plugins / f"{name}.so")

    for name in parts:
        renew(name)
    emu = Emu("--plugin-dir", str(plugins), "--plugin-dir", str(BUILD / "plugins"), "-M", "pc", "-m", "256", "-kernel", guest_file("vmlinuz"), "-initrd",
              guest_file("initrd.gz"), "-append", harness.APPEND, "-drive", f"file={disk},format=raw", plugin_dir=False)
    with emu:
        emu.expect("guest# ")
        qmp = emu.qmp()
        tree, lines = emu.hmp("info qtree"), 0

        def alive():
            nonlocal lines
            lines += 1
            # A line typed and echoed by way of UART and PIC, a sleep that ends by a timer.
            emu.send(f"sleep 0.1; echo line-{lines}-$((6*7))\n")
            emu.expect(f"line-{lines}-42", timeout=30)

        def reload(name):
            reply = qmp.command("plugin-reload", name=name)
            if "return" not in reply:
                raise Failure(f"{name}: {reply}")
            alive()
            if emu.hmp("info qtree") != tree:
                raise Failure(f"info qtree differs after {name}:\n{emu.hmp('info qtree')}\n instead of\n{tree}")
            return reply["return"]

        alive()
        for name, devices in parts.items():
            renew(name)
            done = reload(name)
            print(f"# {name}: {done['devices']} devices, the guest stood still for {done['pause-us'] / 1000:.1f} ms")
            if done["devices"] < devices:
                raise Failure(f"{name}: at least {devices} devices expected")
        # Code that was edited: Linux sees what the chip says now.
        build_part("hpet", lambda text: text.replace("0x8086u << 16", "0x8087u << 16"))
        emu.hmp("plugin-reload hpet")
        emu.send("echo hpet-$(devmem 0xfed00000)-\n")
        if not emu.expect("hpet-(0x[0-9A-F]+)-").group(1).startswith(b"0x8087"):
            raise Failure("the old code goes on")
        # What does not fit is refused, and Linux goes on with the old code: also when the whole ISA bus had gone already.
        for name, old, new, pattern in (("hpet", r"\.(minimum_)?version = \d+", r".\1version = 99", r"version \d+ is not supported"),
                                        ("piix3", r"EMU_VM_U8\(Piix3, rcr\)", "EMU_VM_U8(Piix3, rcr), EMU_VM_U8(Piix3, rcr)", "rcr|PIIX3")):
            build_part(name, lambda text: re.sub(old, new, text))
            text = emu.hmp(f"plugin-reload {name}")
            if "is not reloaded" not in text or not re.search(pattern, text):
                raise Failure(f"{name}: expected a refusal with /{pattern}/: {text}")
            alive()
        for i in range(10):
            for name in ("pic", "serial", "i8042"):
                renew(name)
                reload(name)
        emu.send("poweroff -f\n")
        if emu.wait(30):
            raise Failure(f"exit status is not 0; {emu.stderr()}")
        if "CRITICAL" in emu.stderr():
            raise Failure(emu.stderr())


def refusals():
    build(lambda text: text)
    guest = Guest("-device", "foo,id=foo0,delay-ns=77", "-device", "foo")
    with guest.emu:
        guest.write(4, 0xabcd)

        def refused(pattern, edit=None, name="foo"):
            if edit:
                build(edit)
            guest.refused(pattern, name)
            same("ID", guest.read(0), 0x0badcafe)
            same("VALUE", guest.read(4), 0xabcd)

        refused("has not changed since it was opened")
        refused("there is no plugin 'bar'", name="bar")
        refused("'cpu-x86'.*is a CPU|'cpu-x86' is not reloaded", name="cpu-x86")
        refused("made by the board, which needs this very one: .*holds what the board has put into it", name="fw-cfg")
        refused("/machine of type .* is not a device", name="pc-i440fx")
        refused("saved by version 1|version 1", lambda text: text.replace(".state = foo_more_state)", ".state = foo_more_state, .version = 3, .minimum_version = 2)"))
        refused("field 'STATUS'|expected 'STATE'", lambda text: text.replace('"STATUS"', '"STATE"'))
        refused("delay-ns", lambda text: text.replace('"delay-ns"', '"wait-ns"'))
        refused("realize says no", lambda text: text.replace("    return true;\n}\n\nstatic void\nfoo_unrealize", "    g_set_error(error, EMU_OBJECT_ERROR, 0, \"realize says no\");\n    return false;\n}\n\nstatic void\nfoo_unrealize"))
        refused("crashes when it is opened: Aborted", lambda text: text + "\nstatic void __attribute__((constructor)) bad(void) { __builtin_abort(); }\n"
                if "abort" not in text else text)
        refused("undefined symbol: nobody_has_this", lambda text: text + "\nvoid nobody_has_this(void);\nstatic void __attribute__((constructor)) bad(void) { nobody_has_this(); }\n")
        refused("is another plugin now, 'other'", lambda text: text.replace('EMU_PLUGIN(.name = "foo"', 'EMU_PLUGIN(.name = "other"'))
        refused("foo", lambda text: text.replace('.provides = "foo:pci-device"', '.provides = "fou:pci-device"').replace('"foo", "pci-device"', '"fou", "pci-device"'))
        (plugins / "foo.so").unlink()
        (plugins / "foo.so").write_bytes(b"rubbish" * 100)
        refused("is not an ELF file")
        (plugins / "foo.so").unlink()
        refused("cannot be read")
        # And then it works: both devices go over.
        build(new_id(0x600d))
        if guest.reload()["devices"] != 2:
            raise Failure("two devices expected")
        same("ID", guest.read(0), 0x600d)
        same("VALUE", guest.read(4), 0xabcd)
        if guest.emu.hmp("plugin-reload foo") .find("has not changed") < 0:
            raise Failure("HMP")
        if "Segmentation" in guest.emu.stderr() or "CRITICAL" in guest.emu.stderr():
            raise Failure(guest.emu.stderr())


def edit_build_reload_in_a_second():
    project = folder / "foo"
    run = subprocess.run
    meson = shutil.which("meson")
    if not meson:
        raise harness.Skip("meson is not installed")
    e = {**env, "PKG_CONFIG_PATH": str(BUILD / "meson-uninstalled")}
    run([meson, "setup", "build"], cwd=project, env=e, check=True, stdout=subprocess.DEVNULL)
    run(["ninja", "-C", "build"], cwd=project, check=True, stdout=subprocess.DEVNULL)
    emu = Emu("--plugin-dir", str(project / "build"), "-M", "pc", "-m", "64", "-device", "foo,id=f")
    with emu:
        qmp = emu.qmp()
        times = []
        for i in range(5):
            start = time.monotonic()
            text = (project / "foo.c").read_text()
            (project / "foo.c").write_text(re.sub(r"#define FOO_ID \w+", f"#define FOO_ID {i + 1:#x}", text))
            run(["ninja", "-C", "build", "foo.so"], cwd=project, check=True, stdout=subprocess.DEVNULL)
            reply = qmp.command("plugin-reload", name="foo")
            if "return" not in reply:
                raise Failure(f"{reply}")
            times.append(time.monotonic() - start)
        print(f"# edit, build, reload: {', '.join(f'{t:.2f} s' for t in times)}; last: {reply['return']}")


setup()
try:
    harness.run([
        ("sdk/reload/state-goes-over", state_goes_over),
        ("sdk/reload/refusals", refusals),
        ("sdk/reload/parts-of-the-board", parts_of_the_board),
        ("sdk/reload/edit-build-reload", edit_build_reload_in_a_second),
    ])
finally:
    shutil.rmtree(folder, ignore_errors=True)
