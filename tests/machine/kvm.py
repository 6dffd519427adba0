#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The KVM accelerator: firmware to its boot prompt, a boot sector, refusals and the fall back."""

import os
import tempfile

import harness
from harness import Emu, Failure, Skip, firmware


def need_kvm():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        raise Skip(f"/dev/kvm: {error.strerror}") from None


def firmware_to_its_prompt():
    need_kvm()
    firmware("bios-256k.bin")
    with Emu("-M", "pc", "-m", "64", "-vga", "std", accel="kvm") as emu:
        emu.expect_vga("No bootable device", 240)
        if "running" not in emu.hmp("info status"):
            raise Failure("the machine does not run")
        emu.hmp("stop")
        if "EIP=" not in emu.hmp("info registers"):
            raise Failure("no registers of a stopped vCPU")
        emu.hmp("cont")


def boot_sector_leaves():
    need_kvm()
    # mov al, 15h; out 0f4h, al; hlt
    sector = bytes.fromhex("b015e6f4f4").ljust(510, b"\0") + b"\x55\xaa"
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(sector.ljust(1 << 20, b"\0"))
        image.flush()
        with Emu("-M", "pc", "-m", "64", "-hda", image.name, "-device", "isa-debug-exit,iobase=0xf4,iosize=1", accel="kvm") as emu:
            status = emu.wait(240)
            if status != (0x15 << 1 | 1):
                raise Failure(f"exit status {status}, expected {0x15 << 1 | 1}; stderr: {emu.stderr()}")


def missing_device_is_said():
    with Emu("-M", "none", "-S", accel="kvm,device=/dev/no-kvm-here") as emu:
        if emu.wait(30) != 1 or "/dev/no-kvm-here: No such file or directory" not in emu.stderr():
            raise Failure(f"expected exit status 1 and a sentence that names the device; stderr: {emu.stderr()}")


def next_accelerator_is_tried():
    firmware("bios-256k.bin")
    with Emu("-accel", "kvm,device=/dev/no-kvm-here", "-accel", "tcg", "-M", "pc", "-m", "64", "-vga", "std") as emu:
        emu.expect_vga("No bootable device", 60)


harness.run([
    ("kvm/firmware/reaches-its-boot-prompt", firmware_to_its_prompt),
    ("kvm/boot/sector-leaves-by-debug-exit", boot_sector_leaves),
    ("kvm/refusal/missing-device-is-named", missing_device_is_said),
    ("kvm/fall-back/next-accelerator-is-tried", next_accelerator_is_tried),
])
