#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Public conformance suites, where a built tree is given; nothing is fetched.

EMU_KVM_UNIT_TESTS  a built kvm-unit-tests tree (x86_64): its x86/*.flat, run as x86/unittests.cfg says
EMU_TEST386         a folder with test386.bin, assembled with POST_PORT 0x190 and OUT_PORT 0xe9
EMU_SUITE_ACCEL     accelerator, default tcg ("tcg,mode=interp")
EMU_SUITE_ONLY      a regular expression: only these sections of kvm-unit-tests

A section that kvm-unit-tests.txt beside this file names does not pass, for the reason there: it must not break the emulator.
"""

import os
import re
import shlex
import subprocess
import tempfile
import time

import harness
from harness import EMU, PLUGINS, SCALE, Failure, Skip

HERE = os.path.dirname(os.path.abspath(__file__))
ACCEL = os.environ.get("EMU_SUITE_ACCEL", "tcg")


def exceptions():
    """Section -> reason, from lines "section: reason"."""
    found = {}
    for line in open(os.path.join(HERE, "kvm-unit-tests.txt"), encoding="utf-8"):
        line = line.strip()
        if line and not line.startswith("#"):
            section, _, reason = line.partition(":")
            found[section.strip()] = reason.strip()
    return found


def sections(tree):
    """unittests.cfg: [section], key = value, values in triple quotes over several lines."""
    text = open(os.path.join(tree, "x86", "unittests.cfg"), encoding="utf-8").read()
    text = re.sub(r"^\s*#.*$", "", text, flags=re.M)
    for part in re.split(r"^\[", text, flags=re.M)[1:]:
        name, _, body = part.partition("]")
        values = {}
        for match in re.finditer(r'^(\w+)\s*=[ \t]*(?:"""(.*?)"""|(.*))$', body, flags=re.M | re.S if '"""' in body else re.M):
            values[match.group(1)] = (match.group(2) if match.group(2) is not None else match.group(3)).strip()
        yield name, values


def wanted(values):
    accel = values.get("accel", "")
    return (values.get("arch", "x86_64") == "x86_64" and "nodefault" not in values.get("groups", "").split()
            and "-enable-kvm" not in values.get("qemu_params", values.get("extra_params", ""))
            and (not accel or accel == ACCEL.split(",")[0]))


def run_section(tree, name, values, reason):
    flat = os.path.join(tree, "x86", values.get("file", ""))
    if not os.path.exists(flat):
        raise Skip(f"{flat} is not built")
    # Some give a machine of their own in the parameters: the accelerator alone goes into -machine.
    command = [EMU, "--plugin-dir", PLUGINS, "--no-reboot", "-nodefaults", "-device", "pc-testdev",
               "-device", "isa-debug-exit,iobase=0xf4,iosize=0x4", "-display", "none", "-serial", "stdio",
               "-device", "pci-testdev", "-accel", ACCEL, "-kernel", flat, "-smp", values.get("smp", "1")]
    if "test_args" in values:
        command += ["-append", " ".join(shlex.split(values["test_args"]))]
    command += shlex.split(values.get("qemu_params", values.get("extra_params", "")))
    limit = max(90, int(values.get("timeout") or 0)) * SCALE
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        if reason:
            raise Skip(reason) from None
        raise Failure(f"still running after {limit:.0f} s") from None
    text = done.stdout.decode(errors="replace")
    if done.returncode < 0:
        raise Failure(f"the emulator died of signal {-done.returncode}\n{text[-2000:]}")
    failed = re.findall(r"^FAIL: .*$", text, flags=re.M)
    if done.returncode == 77 or (done.returncode == 1 and "enabling apic" not in text and "PASS" not in text and "SUMMARY" not in text):
        raise Skip(reason or "the suite skips it" if done.returncode == 77 else reason or text.strip()[-200:])
    if done.returncode != 1 or failed:
        if reason:
            raise Skip(reason)
        raise Failure(f"exit status {done.returncode}\n" + "\n".join(failed or [text[-1000:]]))


def kvm_unit_tests():
    tree = os.environ.get("EMU_KVM_UNIT_TESTS")
    if not tree:
        def absent():
            raise Skip("EMU_KVM_UNIT_TESTS names no tree")
        return [("suites/kvm-unit-tests", absent)]
    reasons, only = exceptions(), re.compile(os.environ.get("EMU_SUITE_ONLY", "."))
    return [(f"suites/kvm-unit-tests/{name}",
             lambda name=name, values=values: run_section(tree, name, values, reasons.get(name)))
            for name, values in sections(tree) if wanted(values) and only.search(name)]


def test386():
    """The ROM writes a code to port 190h at each procedure, FFh at the end, and halts where one fails."""
    folder = os.environ.get("EMU_TEST386")
    if not folder:
        raise Skip("EMU_TEST386 names no folder")
    with tempfile.TemporaryDirectory(prefix="emu-test-") as scratch:
        post = os.path.join(scratch, "post")
        command = [EMU, "--plugin-dir", PLUGINS, "-M", "pc", "-accel", ACCEL, "-m", "16", "-bios",
                   os.path.join(folder, "test386.bin"), "-nodefaults", "-display", "none", "-serial", "none", "-no-reboot",
                   "-chardev", f"file,id=post,path={post}", "-device", "isa-debugcon,iobase=0x190,chardev=post"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 60 * SCALE
        codes = b""
        try:
            while time.monotonic() < deadline and process.poll() is None and not codes.endswith(b"\xff"):
                time.sleep(0.2)
                codes = open(post, "rb").read() if os.path.exists(post) else b""
        finally:
            process.kill()
            process.wait()
        if not codes.endswith(b"\xff"):
            raise Failure(f"stopped in procedure {codes[-1:].hex() or 'none'} of {codes.hex(' ')}")


harness.run(kvm_unit_tests() + [("suites/test386", test386)])
