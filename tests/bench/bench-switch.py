#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""emu and Debian's QEMU side by side: two address spaces that take turns, a guest of AMD-V that is entered and left.

A turn reads so many pages and calls so many others (bench-switch.asm). CPU time of a round, which is two turns; above 1 emu wins. Where the
CPU has PCIDs each space has one. Nothing here passes or fails by a time.
usage: bench-switch.py BUILD [--peer "qemu-system-x86_64 -accel tcg -cpu max"] [--ours "..."] [--rounds N]
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ["CR3, translations kept", "CR3, flushed", "VMRUN and #VMEXIT"]
LOADS = [(0, 0), (8, 4), (64, 16), (256, 32)]
TICK = os.sysconf("SC_CLK_TCK")


def assemble(folder, kind, pages, calls, count):
    rom = os.path.join(folder, f"{kind}-{pages}-{calls}-{count}.rom")
    subprocess.run(["nasm", "-f", "bin", "-w-number-overflow", "-I", os.path.join(HERE, "..", "guest", "bare") + "/", f"-DKIND={kind}",
                    f"-DPAGES={pages}", f"-DCALLS={calls}", f"-DN={count}", "-o", rom, os.path.join(HERE, "bench-switch.asm")], check=True)
    return rom


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / TICK


def measure(prefix, rom, timeout=120):
    """CPU seconds between the guest's S and E; None when it cannot."""
    p = subprocess.Popen([*prefix, "-M", "pc", "-m", "64", "-display", "none", "-serial", "none", "-monitor", "none", "-nodefaults",
                          "-bios", rom, "-chardev", "stdio,id=d", "-device", "isa-debugcon,iobase=0x402,chardev=d"],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    begin, start = None, time.monotonic()
    try:
        while time.monotonic() - start < timeout:
            said = os.read(p.stdout.fileno(), 1)
            if said == b"S":
                begin = cpu_seconds(p.pid)
            elif said == b"E" and begin is not None:
                return cpu_seconds(p.pid) - begin
            elif said in (b"", b"-"):
                return None
        return None
    finally:
        p.kill()
        p.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--peer", default="qemu-system-x86_64 -accel tcg -cpu max")
    parser.add_argument("--ours", default=None)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    sides = {"emu": shlex.split(options.ours or f"{options.build}/emu --plugin-dir {options.build}/plugins -cpu max"),
             "peer": shlex.split(options.peer)}
    try:
        subprocess.run([sides["peer"][0], "--version"], check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"bench-switch: the peer {sides['peer'][0]} does not run; on Debian: apt-get install qemu-system-x86")
    with tempfile.TemporaryDirectory() as folder:
        for kind, name in enumerate(KINDS):
            for pages, calls in LOADS:
                count = 2000000 // (8 + pages + 4 * calls)
                rom = assemble(folder, kind, pages, calls, count)
                best = {}
                for _ in range(options.rounds):
                    for side, prefix in sides.items():
                        value = measure(prefix, rom)
                        if value is not None:
                            best[side] = min(value, best.get(side, value))
                title = f"{name}, {pages} + {calls} pages"
                if len(best) < 2:
                    print(f"{title:44} not on {', '.join(side for side in sides if side not in best)}", flush=True)
                    continue
                ns = {side: value / count * 1e9 for side, value in best.items()}
                print(f"{title:44} emu {ns['emu']:8.0f} ns peer {ns['peer']:8.0f} ns peer/emu {ns['peer'] / max(ns['emu'], 1):6.2f}", flush=True)


main()
