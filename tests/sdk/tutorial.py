#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does what docs/device-in-fifteen-minutes.md says, block by block, with the installed files alone: the files are written,
the commands run, Linux types the guest's lines and must print the page's output."""

import re
import time

from tree import SOURCE, Failure, Process, Skip, Tree, harness

PAGE = (SOURCE / "docs/device-in-fifteen-minutes.md").read_text()
BLOCKS = re.findall(r"^```(\w+) ?(\S*)\n(.*?)^```$", PAGE, flags=re.M | re.S)
tree = Tree()
project = tree.work / "edu"


def text_of(kind):
    return "".join(text for k, _, text in BLOCKS if k == kind)


def commands_and_files():
    files = {}
    for kind, name, text in BLOCKS:
        if kind == "c":
            files[name] = files.get(name, "") + ("\n" if name in files else "") + text
    first, *rest = [text for kind, _, text in BLOCKS if kind == "sh"]
    start = time.monotonic()
    tree.run("set -x; " + first)
    for name, text in files.items():
        (project / name).write_text(text)
    for text in rest:
        done = tree.run(text, cwd=project)
    if "DMA_COMMAND" not in done.stdout or "1234:11e8" not in done.stdout or "dma_mask" not in done.stdout:
        raise Failure(f"emu-inspect says\n{done.stdout}")
    print(f"# {sum(t.count(chr(10)) for t in files.values())} lines, built and tested in {time.monotonic() - start:.1f} s")


def linux_drives_it():
    if not (tree.guest / "vmlinuz").exists():
        raise Skip("no kernel; ./test prepares it")
    command = text_of("emu").strip().removesuffix("...").replace("console=ttyS0", harness.APPEND)
    qmp_path = tree.work / "qmp"
    emu = Process(tree, f"cd {project}; exec {command} -kernel {tree.guest}/vmlinuz -initrd {tree.guest}/initrd.gz -no-reboot "
                        f"-display none -serial stdio -monitor none -qmp unix:{qmp_path},server=on,wait=off")
    try:
        emu.expect("guest# ")
        wanted = text_of("output").split()
        for line in text_of("guest").splitlines():
            emu.send(f"{line}; echo d''one\n")
            printed = re.search(r"devmem \S+( 64)?$", line)
            if printed:
                value = wanted.pop(0)
                if not re.search(value.encode(), emu.expect(r"0x[0-9A-F]{8,}\r?\n").group(0)):
                    raise Failure(f"'{line}' does not print {value}: {bytes(emu.output[-300:])}")
            emu.expect("done")
        if wanted:
            raise Failure(f"not printed: {wanted}")
        reload_it(emu, qmp_path)
    finally:
        emu.close()


def reload_it(emu, qmp_path):
    """Section 10: the code changes, the state stays."""
    emu.send("devmem $((a+4)) 32 0x1234; echo d''one\n")
    emu.expect("done")
    source = project / "edu.c"
    source.write_text(source.read_text().replace("0x010000ed", "0x020000ed"))
    tree.run("ninja -C build", cwd=project)
    qmp = harness.Qmp(emu._connect(str(qmp_path)))
    reply = qmp.command("plugin-reload", name="edu")
    if "return" not in reply:
        raise Failure(f"plugin-reload: {reply}")
    print(f"# reloaded: {reply['return']}")
    emu.send("echo now-$(devmem $a)-$(devmem $((a+4)))\n")
    emu.expect("now-0x020000ED-0xFFFFEDCB")


try:
    harness.run([
        ("sdk/tutorial/commands-and-files", commands_and_files),
        ("sdk/tutorial/linux-drives-it", linux_drives_it),
    ])
finally:
    tree.close()
