#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""emu and Debian's QEMU side by side under KVM: exits per second, start-up, SeaBIOS to its prompt.

Ratios are above 1 where emu wins; first by the clock on the wall, then by CPU time, which a busy machine disturbs less. Nothing here
passes or fails by a time. The two take turns; the best of each counts.
usage: bench-kvm.py BUILD [--peer "qemu-system-x86_64"] [--irqchip on,split] [--rounds N] [--count N] [--only exits,start-up,firmware]
"""

import argparse
import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ["port write", "port read", "MMIO write", "MMIO read", "doorbell, MMIO", "doorbell, port", "empty loop"]


def assemble(folder, kind, count):
    rom = os.path.join(folder, f"bench-{kind}.rom")
    subprocess.run(["nasm", "-f", "bin", "-w-number-overflow", "-I", os.path.join(HERE, "..", "guest", "bare") + "/", f"-DKIND={kind}",
                    f"-DN={count}", "-o", rom, os.path.join(HERE, "bench-kvm.asm")], check=True)
    return rom


def machine(prefix, *more):
    return [*prefix, "-M", "pc", "-m", "64", "-display", "none", "-serial", "none", "-monitor", "none", "-no-reboot", *more]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def marks(command, wanted, timeout=120):
    """Runs the command; returns for each of the texts (seconds, CPU seconds) when it was complete on stdout; None when one never came."""
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    start = time.monotonic()
    text = b""
    times = []
    try:
        while len(times) < len(wanted) and time.monotonic() - start < timeout:
            data = os.read(p.stdout.fileno(), 65536)
            if not data:
                return None
            text += data
            while len(times) < len(wanted) and wanted[len(times)] in text:
                times.append((time.monotonic() - start, cpu_seconds(p.pid)))
        return times if len(times) == len(wanted) else None
    finally:
        p.kill()
        p.wait()


def exits(prefix, rom):
    at = marks(machine(prefix, "-bios", rom, "-nodefaults", "-device", "pci-testdev,addr=4", "-chardev", "stdio,id=d",
                       "-device", "isa-debugcon,iobase=0x402,chardev=d"), [b"S", b"E"])
    return [at[1][i] - at[0][i] for i in range(2)] if at else None


def start_up(prefix, rom):
    start = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    p = subprocess.run(machine(prefix, "-bios", rom, "-nodefaults", "-device", "isa-debug-exit,iobase=0xf4,iosize=1"),
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [time.monotonic() - start, cpu] if p.returncode == 0x2a << 1 | 1 else None


def firmware(prefix, _):
    at = marks(machine(prefix, "-nodefaults", "-vga", "std", "-chardev", "stdio,id=d", "-device", "isa-debugcon,iobase=0x402,chardev=d"),
               [b"No bootable device"])
    return at[0] if at else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--peer", default="qemu-system-x86_64")
    parser.add_argument("--irqchip", default="on,split")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--only", default="exits,start-up,firmware")
    options = parser.parse_args()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        sys.exit("bench-kvm: /dev/kvm is missing or not permitted")
    ours = [f"{options.build}/emu", "--plugin-dir", f"{options.build}/plugins"]
    peer = shlex.split(options.peer)

    with tempfile.TemporaryDirectory() as folder:
        rom = os.path.join(folder, "exit.rom")
        with open(rom, "wb") as f:
            # mov al, 2ah; out 0f4h, al; jmp $: at the reset vector
            f.write(b"\xff" * (65536 - 16) + bytes.fromhex("b02ae6f4ebfe").ljust(16, b"\xf4"))

        def compare(name, unit, scale, measure, argument, irqchip):
            best = {}
            sides = {"emu": [*ours, "-accel", f"kvm,kernel-irqchip={irqchip}"], "peer": [*peer, "-accel", f"kvm,kernel-irqchip={irqchip}"]}
            for _ in range(options.rounds):
                for side, prefix in sides.items():
                    value = measure(prefix, argument)
                    if value is not None:
                        best[side] = [min(a, b) for a, b in zip(value, best.get(side, value))]
            if len(best) < 2:
                print(f"{irqchip:6} {name:24} does not run: {', '.join(side for side in sides if side not in best)}", flush=True)
                return
            emu, other = best["emu"], best["peer"]
            print(f"{irqchip:6} {name:24} emu {scale(emu[0]):8.1f} peer {scale(other[0]):8.1f} {unit:6} ratio {other[0] / emu[0]:5.2f}   "
                  f"CPU: emu {scale(emu[1]):8.1f} peer {scale(other[1]):8.1f} {unit:6} ratio {other[1] / max(emu[1], 0.001):5.2f}", flush=True)

        for irqchip in options.irqchip.split(","):
            if "exits" in options.only:
                for kind, name in enumerate(KINDS):
                    compare(name, "1000/s", lambda t: options.count / max(t, 0.001) / 1000, exits, assemble(folder, kind, options.count), irqchip)
            if "start-up" in options.only:
                compare("start-up to first insn", "ms", lambda t: t * 1000, start_up, rom, irqchip)
            if "firmware" in options.only:
                compare("SeaBIOS to its prompt", "ms", lambda t: t * 1000, firmware, None, irqchip)


main()
