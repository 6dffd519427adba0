#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's kernel and a busybox shell: boot, type, check from inside, reboot, power off."""

import harness
from harness import Emu, Failure, guest_file

APPEND = "console=ttyS0 panic=-1"


def linux(*args, append="", accel=None):
    return Emu("-M", "pc", "-m", "512", "-kernel", guest_file("vmlinuz"), "-initrd", guest_file("initrd.gz"),
               "-append", f"{APPEND} {append}", "-no-reboot", *args, accel=accel)


def selfcheck(*args, append="", accel=None, timeout=150):
    with linux(*args, append=f"emu.selfcheck {append}", accel=accel) as emu:
        emu.expect("Linux version 6", 60)
        emu.expect("SELFCHECK PASSED", timeout)
        status = emu.wait(30)
        if status != 0:
            raise Failure(f"exit status {status} after power off, expected 0; stderr: {emu.stderr()}")
        if emu.stderr():
            raise Failure(f"nothing expected on stderr, got: {emu.stderr()}")


def shell_answers():
    with linux() as emu:
        emu.expect("guest# ")
        emu.send("echo $((6*7))-$(uname -m)\n")
        emu.expect("42-x86_64")
        emu.send("poweroff -f\n")
        if emu.wait(30) != 0:
            raise Failure("exit status is not 0")


def memory_above_4g():
    with linux("-m", "5G") as emu:
        emu.expect("guest# ", 90)
        emu.send("grep MemTotal /proc/meminfo\n")
        kilobytes = int(emu.expect(r"MemTotal: +(\d+) kB").group(1))
        if not 4.7e6 < kilobytes < 5.3e6:
            raise Failure(f"the guest sees {kilobytes} kB, expected about 5 GiB")


def no_reboot_ends():
    with linux() as emu:
        emu.expect("guest# ")
        emu.send("reboot -f\n")
        if emu.wait(30) != 0:
            raise Failure("exit status is not 0")


def reboot_comes_back():
    with Emu("-M", "pc", "-m", "512", "-kernel", guest_file("vmlinuz"), "-initrd", guest_file("initrd.gz"),
             "-append", APPEND) as emu:
        for _ in range(2):
            emu.expect("guest# ", 90)
            emu.send("reboot -f\n")
        emu.expect("guest# ", 90)


def stop_and_cont():
    with linux() as emu:
        emu.expect("guest# ")
        qmp = emu.qmp()
        qmp.command("stop")
        qmp.wait_event("STOP")
        if qmp.command("query-status")["return"]["status"] != "paused":
            raise Failure("query-status does not say paused")
        emu.send("echo still-$((1+1))\n")
        qmp.command("cont")
        emu.expect("still-2")


def power_button():
    with linux() as emu:
        emu.expect("guest# ")
        emu.send("modprobe button 2>/dev/null; cat /proc/acpi/wakeup >/dev/null; echo ready\n")
        emu.expect("ready")
        emu.hmp("system_powerdown")
        qmp = emu.qmp()
        qmp.command("system_powerdown")
        qmp.wait_event("POWERDOWN")


harness.run([
    ("linux/boot/one-vcpu-self-check-passes", selfcheck),
    ("linux/boot/two-vcpus-self-check-passes", lambda: selfcheck("-smp", "2", append="emu.cpus=2")),
    ("linux/boot/interpreter-self-check-passes", lambda: selfcheck(accel="tcg,mode=interp", timeout=400)),
    ("linux/shell/answers-what-is-typed", shell_answers),
    ("linux/memory/five-gigabytes-are-seen", memory_above_4g),
    ("linux/reboot/no-reboot-option-ends-the-emulator", no_reboot_ends),
    ("linux/reboot/comes-back-twice", reboot_comes_back),
    ("linux/monitor/stop-and-cont", stop_and_cont),
    ("linux/monitor/power-button-is-announced", power_button),
])
