#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What somebody gets who has only the installed packages: every template builds and passes its tests as it is, emu takes
the plugin, Linux finds the device."""

import json
import time

from tree import Failure, Process, Skip, Tree, harness

tree = Tree()


def need_python():
    if tree.run("python3 -c 'import gi; gi.require_version'", ok=False).returncode:
        raise Skip("Python has no module gi")


def template(lang, kind, bus, name=None):
    have = tree.run("pkg-config --variable=templatedir emu-sdk-1").stdout.strip()
    folder = f"{have}/{lang}/" + (f"{kind}-{bus}" if kind == "device" else kind)
    if tree.run(f"test -d {folder}", ok=False).returncode:
        raise Skip(f"{folder} is not there")
    name = name or (f"my-{lang}-{kind}-{bus}" if kind == "device" else f"my-{lang}-{kind}")
    start = time.monotonic()
    tree.run(f"emu-sdk new {name} --lang {lang} --kind {kind} --bus {bus}")
    if lang == "python":
        need_python()
        tree.run(f"python3 test_{name}.py", cwd=tree.work / name)
    tree.run("meson setup build && meson test -C build --print-errorlogs", cwd=tree.work / name)
    print(f"# {name}: from nothing to tested in {time.monotonic() - start:.1f} s")
    return name


def make(lang, kind, bus):
    def test():
        name = template(lang, kind, bus)
        type_name = {"board": f"{name}-machine", "cpu": f"{name}-cpu", "block-driver": f"block-driver-{name}", "chardev": f"chardev-{name}"}.get(kind, name)
        info = json.loads(tree.run(f"emu-inspect --plugin-dir {'build' if lang == 'c' else '.'} --json {type_name}", cwd=tree.work / name).stdout)
        if info["plugin"] != name or not info["icon"].endswith(f"{name}.svg") or (kind == "device" and lang == "c" and not info["properties"]):
            raise Failure(f"emu-inspect says {info}")
    return test


def linux_finds_it():
    if not (tree.guest / "vmlinuz").exists():
        raise Skip("no kernel; ./test prepares it")
    name = "probed"
    start = time.monotonic()
    tree.run(f"emu-sdk new {name} --bus pci && cd {name} && meson setup build && meson test -C build")
    script = (f"cd {tree.work}/{name}; exec emu -M pc -m 256 --plugin-dir build -device {name} -kernel {tree.guest}/vmlinuz "
              f"-initrd {tree.guest}/initrd.gz -append '{harness.APPEND}' -no-reboot -display none -serial stdio -monitor none")
    emu = Process(tree, script)
    try:
        emu.expect("guest# ")
        emu.send("cd /sys/bus/pci/devices; d=$(dirname $(grep -l 0x5eed */device)); cat $d/vendor; echo 1 >$d/enable; "
                 "a=$(head -n1 $d/resource | cut -d' ' -f1); echo found-$(devmem $a)\n")
        emu.expect("0x1234")
        emu.expect("found-0x0BADCAFE")
        # The job: VALUE is inverted and STATUS says done.
        emu.send("devmem $((a+4)) 32 0x0000ffff; devmem $((a+8)) 32 1; sleep 1; echo job-$(devmem $((a+4)))-$(devmem $((a+12)))\n")
        emu.expect("job-0xFFFF0000-0x00000001")
        print(f"# from nothing to driven by Linux in {time.monotonic() - start:.1f} s")
    finally:
        emu.close()


def linux_finds_the_python_one():
    if not (tree.guest / "vmlinuz").exists():
        raise Skip("no kernel; ./test prepares it")
    name = template("python", "device", "pci", "snake")
    emu = Process(tree, f"cd {tree.work}/{name}; exec emu -M pc -m 256 --plugin-dir . -device {name} -kernel {tree.guest}/vmlinuz "
                        f"-initrd {tree.guest}/initrd.gz -append '{harness.APPEND}' -no-reboot -display none -serial stdio -monitor none")
    try:
        emu.expect("guest# ")
        emu.send("cd /sys/bus/pci/devices; d=$(dirname $(grep -l 0x7001 */device)); echo 1 >$d/enable; "
                 "a=$(head -n1 $d/resource | cut -d' ' -f1); devmem $((a+4)) 32 77; echo found-$(devmem $a)-$(devmem $((a+4)))\n")
        emu.expect("found-0x001D0D1E-0x0000004D")
    finally:
        emu.close()


def wrong_use():
    tree.run("mkdir taken && touch taken/file")
    for arguments, text in (("taken", "is there already"), ("Bad_Name", "is no name for a plugin"), ("for", "cannot be the name"), ("clean", "cannot be the name"),
                            ("x --bus warp", "invalid choice"), ("x --kind chardev --lang python", "there is no template for --lang python --kind chardev;"), ("y --type 'a b'", "is no name for a type")):
        done = tree.run(f"emu-sdk new {arguments}", ok=False)
        if not done.returncode or text not in done.stderr:
            raise Failure(f"emu-sdk new {arguments}: status {done.returncode}, said {done.stderr}")


def files_are_there():
    for variable, file in (("plugindir", "pic.so"), ("sdkincludedir", "emu/emu.h"), ("templatedir", "c/common/meson.build")):
        tree.run(f"test -f $(pkg-config --variable={variable} emu-sdk-1)/{file}")
    if tree.run("pkg-config --variable=sdk_version emu-sdk-1").stdout.strip() != "1.0":
        raise Failure("sdk_version is not 1.0")
    if "pc-i440fx" not in tree.run("emu -M help").stdout:
        raise Failure("the installed emu does not find the installed plugins")
    for page in ("emu-inspect", "emu-sdk"):
        tree.run(f"test -f {tree.prefix}/share/man/man1/{page}.1")


def headers_stand_alone():
    """Each header compiles by itself, as C11 and inside C++."""
    headers = tree.run("cd $(pkg-config --variable=sdkincludedir emu-sdk-1) && find emu -name '*.h' -printf '%P\\n'").stdout.split()
    for compiler in ("gcc -std=gnu11 -x c", "g++ -std=gnu++17 -x c++"):
        if tree.run(f"command -v {compiler.split()[0]}", ok=False).returncode:
            continue
        lines = "; ".join(f"echo '#include <emu/{h}>' | {compiler} -Wall -Wextra -Werror -Wno-unused-parameter -fsyntax-only "
                          f"$(pkg-config --cflags emu-sdk-1) - || echo FAILED emu/{h} with {compiler.split()[0]}" for h in headers)
        done = tree.run(lines)
        if "FAILED" in done.stdout:
            raise Failure(done.stdout + done.stderr[:2000])


print(f"# the source tree is {'hidden' if tree.hide else 'in sight: not root, or no mount namespaces'}")
try:
    harness.run([
        ("sdk/installed/files-are-there", files_are_there),
        ("sdk/installed/headers-stand-alone", headers_stand_alone),
        *((f"sdk/new/{lang}-{kind}-{bus}", make(lang, kind, bus)) for lang in ("c", "python") for kind, bus in
          (("device", "isa"), ("device", "pci"), ("device", "i2c"), ("device", "spi"), ("device", "sysbus"), ("board", "pci"), ("cpu", "pci"))),
        *((f"sdk/new/c-{kind}", make("c", kind, "pci")) for kind in ("block-driver", "chardev")),
        ("sdk/new/wrong-use", wrong_use),
        ("sdk/new/linux-finds-the-device", linux_finds_it),
        ("sdk/new/linux-finds-the-python-device", linux_finds_the_python_one),
    ])
finally:
    tree.close()
