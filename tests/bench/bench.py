#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""emu and Debian's QEMU side by side in one run: boot, start-up, memory, and the kernels of the translator's design.

Ratios are QEMU / emu: above 1 emu wins. Nothing here passes or fails by a time.
usage: bench.py BUILD [--peer "qemu-system-x86_64 -accel tcg"] [--rounds N] [--only boot,start-up,memory,translation,kernels]
"""

import argparse
import math
import os
import re
import resource
import shlex
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
RAM_MIB = 512


def newc(entries):
    """A cpio archive in newc format of (name, mode, data, device) entries."""
    out = b""
    for inode, (name, mode, data, rdev) in enumerate([*entries, ("TRAILER!!!", 0, b"", (0, 0))], 1):
        raw = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0)
        out += b"070701" + b"".join(b"%08X" % f for f in fields) + raw
        out += b"\0" * (-len(out) % 4) + data
        out += b"\0" * (-len(out) % 4)
    return out


def machine(prefix, kernel, initrd, append, no_monitor=True):
    return [*prefix, "-M", "pc", "-m", str(RAM_MIB), "-kernel", kernel, "-initrd", initrd, "-append",
            "console=ttyS0 quiet panic=-1 " + append, "-display", "none", "-serial", "stdio", "-no-reboot",
            *(["-monitor", "none"] if no_monitor else [])]


def run(command, timeout=400):
    """Returns (lines with seconds since start, CPU seconds, wall seconds, status)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = []
    try:
        for raw in p.stdout:
            lines.append((time.monotonic() - start, raw.decode(errors="replace").strip()))
            if time.monotonic() - start > timeout:
                raise subprocess.TimeoutExpired(command, timeout)
        p.wait(timeout)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return lines, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - start, p.returncode


def memory_beyond_ram(command, ready):
    """MiB resident in mappings that are neither guest RAM nor its file, when the guest has said @ready."""
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for raw in p.stdout:
            if ready in raw.decode(errors="replace"):
                break
        if p.poll() is not None:
            return None
        total = 0
        with open(f"/proc/{p.pid}/smaps", encoding="utf-8") as f:
            skip = False
            for line in f:
                words = line.split()
                if "-" in words[0] and not words[0].endswith(":"):
                    start, end = (int(x, 16) for x in words[0].split("-"))
                    name = words[5] if len(words) > 5 else ""
                    skip = end - start >= RAM_MIB << 19 or "ram" in name or "code" in name
                elif words[0] == "Rss:" and not skip:
                    total += int(words[1])
        return total / 1024 if total else None
    finally:
        p.kill()
        p.wait()


def info_jit(command, ready, path):
    """What the monitor says about the translator when the guest has said @ready: figures by name."""
    p = subprocess.Popen([*command, "-monitor", f"unix:{path},server=on,wait=off"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    text = ""
    try:
        for raw in p.stdout:
            if ready in raw.decode(errors="replace"):
                break
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(path)
            s.sendall(b"info jit\n")
            while not re.search(r"(TB flush count|translated:|dropped).*\n[^$]*\(\w+\) $", text):
                data = s.recv(4096)
                if not data:
                    break
                text += data.decode(errors="replace")
    except OSError:
        pass
    finally:
        p.kill()
        p.wait()
        if os.path.exists(path):
            os.unlink(path)
    found = {}
    for name, pattern in (("ns", r"([\d.]+) ns per instruction"), ("bytes", r"([\d.]+) host bytes"),
                          ("length", r"\(([\d.]+) bytes each\)"), ("instructions", r"blocks, (\d+) instructions"),
                          ("block", r"TB avg target size\s+(\d+)"), ("host", r"TB avg host size\s+(\d+)")):
        m = re.search(pattern, text)
        if m:
            found[name] = float(m.group(1))
    if "block" in found:
        found["expansion"] = found["host"] / found["block"]
    elif "bytes" in found:
        found["expansion"] = found["bytes"] / found["length"]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--peer", default="qemu-system-x86_64 -accel tcg -cpu max")
    parser.add_argument("--ours", default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="boot,start-up,memory,translation,kernels")
    options = parser.parse_args()
    ours = shlex.split(options.ours or f"{options.build}/emu --plugin-dir {options.build}/plugins -cpu max")
    peer = shlex.split(options.peer)
    kernel = os.path.join(options.build, "guest", "vmlinuz")
    for needed in (kernel,):
        if not os.path.exists(needed):
            sys.exit(f"bench: {needed} is missing; ./test prepares it")
    sides = {"emu": ours, "peer": peer}
    try:
        subprocess.run([peer[0], "--version"], check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"bench: the peer {peer[0]} does not run; on Debian: apt-get install qemu-system-x86")

    with tempfile.TemporaryDirectory() as work:
        program = os.path.join(work, "kernels")
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-fno-tree-vectorize", "-ffp-contract=off", "-static", "-no-pie", "-o", program,
                        os.path.join(HERE, "kernels.c"), "-lm"], check=True)
        initrd = os.path.join(work, "initrd")
        with open(initrd, "wb") as f, open(program, "rb") as init:
            f.write(newc([("dev", 0o40755, b"", (0, 0)), ("dev/console", 0o20600, b"", (5, 1)), ("proc", 0o40755, b"", (0, 0)),
                          ("init", 0o100755, init.read(), (0, 0))]))
        rom = os.path.join(work, "exit.rom")
        with open(rom, "wb") as f:
            # mov al, 2ah; out 0f4h, al; jmp $: at the reset vector
            f.write(b"\xff" * (65536 - 16) + bytes.fromhex("b02ae6f4ebfe").ljust(16, b"\xf4"))

        def compare(name, unit, measure):
            best = {}
            for _ in range(options.rounds):
                for side, prefix in sides.items():
                    value = measure(prefix)
                    if value is not None:
                        best[side] = min(value, best.get(side, math.inf))
            if len(best) == 2:
                print(f"{name:28} emu {best['emu']:9.3f} {unit:4} peer {best['peer']:9.3f} {unit:4} peer/emu {best['peer'] / best['emu']:6.2f}", flush=True)
            else:
                print(f"{name:28} emu {best.get('emu', '-')} peer {best.get('peer', '-')}", flush=True)

        def boot(which):
            def measure(prefix):
                lines, cpu, _, _ = run(machine(prefix, kernel, initrd, ""))
                ready = [t for t, text in lines if text == "READY"]
                return None if not ready else ready[0] if which == "wall" else cpu
            return measure

        def start_up(prefix):
            _, _, wall, status = run([*prefix, "-M", "pc", "-m", "64", "-bios", rom, "-display", "none", "-serial", "none",
                                      "-monitor", "none", "-device", "isa-debug-exit,iobase=0xf4,iosize=1"], 20)
            return wall * 1000 if status == 0x2a << 1 | 1 else None

        if "boot" in options.only:
            compare("boot to init, wall", "s", boot("wall"))
            compare("boot and power off, CPU", "s", boot("cpu"))
        if "start-up" in options.only:
            compare("start-up to first insn", "ms", start_up)
        if "memory" in options.only:
            compare("memory beyond RAM", "MiB", lambda prefix: memory_beyond_ram(
                machine(prefix, kernel, initrd, "bench.run"), "READY"))
        if "translation" in options.only:
            # QEMU says how large its code is, not how long making it took.
            figures = {side: [] for side in sides}
            for _ in range(options.rounds):
                for side, prefix in sides.items():
                    figures[side].append(info_jit(machine(prefix, kernel, initrd, "bench.run", no_monitor=False), "READY",
                                                  os.path.join(work, "monitor")))

            def figure(side, name):
                return min((f[name] for f in figures[side] if name in f), default=None)

            for name, title, unit in (("ns", "translation, per guest insn", "ns"), ("bytes", "host code per guest insn", "B"),
                                      ("expansion", "host code per guest byte", "B")):
                e, p = (figure(side, name) for side in ("emu", "peer"))
                print(f"{title:28} emu {'%9.3f' % e if e else '-':>9} {unit:4} peer {'%9.3f' % p if p else '-':>9} {unit:4}"
                      + (f" peer/emu {p / e:6.2f}" if e and p else ""), flush=True)
        if "kernels" in options.only:
            results = {"native": {}}
            checks = {}
            for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines():
                _, name, ns, check = line.split()
                results["native"][name] = float(ns)
                checks[name] = check
            for side, prefix in sides.items():
                results[side] = {}
                for _ in range(max(1, options.rounds - 2)):
                    for _, text in run(machine(prefix, kernel, initrd, "bench.run"))[0]:
                        words = text.split()
                        if len(words) == 4 and words[0] == "K":
                            if words[2] == "wrong" or words[3] != checks.get(words[1]):
                                print(f"WRONG {side} {text}, native checksum {checks.get(words[1])}")
                                continue
                            ns = float(words[2])
                            results[side][words[1]] = min(ns, results[side].get(words[1], math.inf))
            print(f"{'kernel':28} {'emu/native':>10} {'peer/native':>11} {'peer/emu':>9}")
            logs = []
            for name, native in results["native"].items():
                e, p = results["emu"].get(name), results["peer"].get(name)
                columns = [f"{e / native:.2f}" if e else "-", f"{p / native:.2f}" if p else "-", f"{p / e:.2f}" if e and p else "-"]
                print(f"{name:28} {columns[0]:>10} {columns[1]:>11} {columns[2]:>9}")
                if e and p:
                    logs.append(math.log(p / e))
            if logs:
                print(f"{'geometric mean':28} {'':>10} {'':>11} {math.exp(sum(logs) / len(logs)):9.2f}")


if __name__ == "__main__":
    main()
