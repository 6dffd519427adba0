#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""build.py OUTPUT SCRIPT SOURCE... -- COMPILER...: a firmware image of 128 KiB, the body first, the way from reset at its end."""

import os
import subprocess
import sys
import tempfile

SIZE, RESET = 0x20000, 0x100
FLAGS = ["-m32", "-march=i686", "-Os", "-std=gnu11", "-ffreestanding", "-fno-pic", "-fno-pie", "-fno-stack-protector", "-mgeneral-regs-only",
         "-fno-asynchronous-unwind-tables", "-Wall", "-Wextra"]

at = sys.argv.index("--")
output, script, *sources = sys.argv[1:at]
compiler = sys.argv[at + 1:]
with tempfile.TemporaryDirectory() as folder:
    elf = os.path.join(folder, "elf")
    subprocess.run([*compiler, *FLAGS, "-static", "-nostdlib", "-no-pie", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,-T," + script,
                    "-o", elf, *sources], check=True)
    parts = []
    for section in "body", "reset":
        path = os.path.join(folder, section)
        subprocess.run(["objcopy", "-O", "binary", "-j", "." + section, elf, path], check=True)
        with open(path, "rb") as f:
            parts.append(f.read())
body, reset = parts
assert len(reset) == RESET and len(body) <= SIZE - RESET
with open(output, "wb") as f:
    f.write(body.ljust(SIZE - RESET, b"\0") + reset)
