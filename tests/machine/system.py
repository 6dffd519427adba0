#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The system side of the CPU: random cases (tests/guest/system), translated code against the interpreter.

EMU_SYSTEM_SEED=N        these cases instead of the fixed ones; with
EMU_SYSTEM_COUNT=N       so many (1000), from
EMU_SYSTEM_FIRST=N       (0)
EMU_SYSTEM_ORACLE=...    against another machine instead: a program with QEMU's options and its arguments, as in "qemu-system-x86_64
                         -accel tcg -vga none -net none -serial none"; prints the differences in groups
EMU_SYSTEM_CPU=MODEL     (max)
"""

import os
import re
import shlex
import struct
import subprocess
import tempfile
import time

import harness
from harness import BUILD, EMU, PATIENCE, PLUGINS, Failure, Skip

ROM = os.path.join(BUILD, "tests/guest/system/system-cases.rom")
CPU = os.environ.get("EMU_SYSTEM_CPU", "max")
MARK, BOOT = b"CASES...", 1000
# Fixed cases: seed, how many, and which of them never end (a page fault whose handler is not there; two that jump to each other).
FIXED = (1, 800, (0x35, 0x1d7)), (2, 600, (0x2b0,)), (3, 200, ())
LINE = re.compile(r"([0-9a-f]+) (.*)-> (.*)$")


def emu(accel):
    return [EMU, "--plugin-dir", PLUGINS, "-accel", accel]


def boot(command, seed, first, count, patience):
    """Case -> (description, result) from one start; the last case is missing when it did not end."""
    with tempfile.TemporaryDirectory() as folder:
        rom, out = os.path.join(folder, "rom"), os.path.join(folder, "out")
        with open(ROM, "rb") as f:
            image = bytearray(f.read())
        struct.pack_into("<3I", image, image.index(MARK) + len(MARK), seed, first, count)
        with open(rom, "wb") as f:
            f.write(image)
        with subprocess.Popen([*command, "-M", "pc", "-m", "64", "-cpu", CPU, "-bios", rom, "-display", "none", "-debugcon", "file:" + out,
                               "-device", "isa-debug-exit,iobase=0xf4,iosize=4"],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            seen, since = -1, time.monotonic()
            while True:
                try:
                    process.wait(0.2)
                    break
                except subprocess.TimeoutExpired:
                    size = os.path.getsize(out) if os.path.exists(out) else 0
                    if size != seen:
                        seen, since = size, time.monotonic()
                    elif time.monotonic() - since > patience:
                        process.kill()
            errors = process.stderr.read()
        text = ""
        if os.path.exists(out):
            with open(out, encoding="ascii", errors="replace") as f:
                text = f.read()
    found = {}
    for line in text.split("\n")[:-1]:
        match = LINE.match(line)
        if match and first <= int(match.group(1), 16) < first + count:
            found[int(match.group(1), 16)] = match.group(2), match.group(3)
    if not found and "end" not in text:
        raise Failure(f"{command[0]} said nothing: {errors.strip()[-300:]}")
    return found, text.endswith("end\n")


def run(command, seed, first, count, skip=(), patience=None):
    """All cases, a start for each BOOT of them and behind each that does not end."""
    results, at, end = {}, first, first + count
    while at < end:
        if at in skip:
            at += 1
            continue
        stop = min([end, at + BOOT, *(n for n in skip if n > at)])
        found, whole = boot(command, seed, at, stop - at, patience or 120 * PATIENCE)
        results.update(found)
        if whole:
            at = stop
            continue
        at = max(found, default=at - 1) + 1
        results[at] = "", "does not end"
        at += 1
    return results


def differences(a, b):
    """Fields of two results that differ. Accessed bits of page table entries may be set early."""
    fields = []
    for result in a, b:
        fields.append(dict(part.partition("=")[::2] for part in result.split()))
    left, right = fields
    found = []
    for key in dict.fromkeys([*left, *right]):
        if left.get(key) != right.get(key) and not re.match(r"A[234][0-9a-f]{3}$", key):
            found.append(f"{key}: {left.get(key, 'as before')} and {right.get(key, 'as before')}")
    return found


def compare(seed, first, count, skip):
    translated = run(emu("tcg"), seed, first, count, skip)
    interpreted = run(emu("tcg,mode=interp"), seed, first, count, skip)
    wrong = []
    for n in sorted(translated.keys() | interpreted.keys()):
        a, b = translated.get(n), interpreted.get(n)
        if a is None or b is None:
            wrong.append(f"case {n:#x} of seed {seed} ran only once")
            continue
        found = differences(a[1], b[1])
        if found:
            wrong.append(f"case {n:#x} of seed {seed}: {a[0] or b[0]}: translated and interpreted: " + "; ".join(found))
    if len(translated) < 0.9 * count:
        wrong.append(f"only {len(translated)} of {count} cases ran")
    if wrong:
        raise Failure("\n".join(wrong[:5]))


def oracle(command, seed, first, count):
    ours, theirs = run(emu("tcg,mode=interp"), seed, first, count, patience=5), run(command, seed, first, count, patience=5)
    groups = {}
    for n in sorted(ours.keys() & theirs.keys()):
        found = differences(ours[n][1], theirs[n][1])
        if found:
            kind = (ours[n][0] or theirs[n][0] or "?").split()[0]
            vectors = [(re.search(r"vec=(\w+)", r[n][1]) or [None, r[n][1]])[1] for r in (ours, theirs)]
            groups.setdefault((kind, *vectors), []).append(f"{n:x} {ours[n][0]}: " + "; ".join(found[:12]))
    for group, cases in sorted(groups.items(), key=lambda item: -len(item[1])):
        print(f"# {len(cases)} {' '.join(group)}")
        for case in cases[:2]:
            print(f"#     {case[:600]}")


def check_built():
    if not os.path.exists(ROM):
        raise Skip("the cases are built on x86-64 only")


def translated_as_interpreted():
    check_built()
    if "EMU_SYSTEM_SEED" not in os.environ:
        for seed, count, skip in FIXED:
            compare(seed, 0, count, skip)
        return
    seed, count = int(os.environ["EMU_SYSTEM_SEED"], 0), int(os.environ.get("EMU_SYSTEM_COUNT", "1000"), 0)
    first = int(os.environ.get("EMU_SYSTEM_FIRST", "0"), 0)
    if "EMU_SYSTEM_ORACLE" in os.environ:
        oracle(shlex.split(os.environ["EMU_SYSTEM_ORACLE"]), seed, first, count)
    else:
        compare(seed, first, count, ())


harness.run([("random/translated-as-interpreted", translated_as_interpreted)])
