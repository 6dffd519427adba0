#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SeaBIOS: its messages, its screen, what it hands over to a boot sector; screendump; debug exit."""

import os
import re
import shutil
import tempfile
import time

import harness
from harness import Emu, Failure, Skip, firmware


def debug_console():
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        firmware("bios-256k.bin")
        with Emu("-M", "pc", "-m", "64", "-chardev", f"file,id=d,path={log}", "-device",
                 "isa-debugcon,iobase=0x402,chardev=d", "-vga", "std") as emu:
            emu.expect_vga("No bootable device", 60)
            text = open(log, encoding="latin-1").read()
            for wanted in ("SeaBIOS (version", "Found QEMU fw_cfg", "All threads complete"):
                if wanted not in text:
                    raise Failure(f"'{wanted}' is not in the debug console's text:\n{text[-2000:]}")


def screendump():
    firmware("vgabios-stdvga.bin")
    with tempfile.TemporaryDirectory() as folder, Emu("-M", "pc", "-m", "64", "-vga", "std") as emu:
        emu.expect_vga("SeaBIOS", 60)
        path = os.path.join(folder, "screen.png")
        emu.hmp(f"screendump {path} -f png")
        data = open(path, "rb").read()
        if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 1000:
            raise Failure(f"the picture is {len(data)} bytes and starts with {data[:8]!r}")


def boot_sector(option, size, extra=(), machine="pc"):
    """A boot sector of our own: prints through the BIOS, then leaves by the debug-exit port with 0x15."""
    # mov si,msg; next: lodsb; test al,al; jz done; mov ah,0eh; int 10h; jmp next; done: mov al,15h; out 0f4h,al; hlt; jmp $-1
    code = bytes.fromhex("31c08ed8be1a7cac84c07406b40ecd10ebf5b015e6f4f4ebfd") + b"\0"
    code += b"EMU BOOT SECTOR RUNS\r\n\0"
    sector = code.ljust(510, b"\0") + b"\x55\xaa"
    firmware("bios-256k.bin")
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(sector.ljust(size, b"\0"))
        image.flush()
        args = [a.replace("@", image.name) for a in option]
        with Emu("-M", machine, "-m", "64", "-vga", "std", "-device", "isa-debug-exit,iobase=0xf4,iosize=1", *args,
                 *extra) as emu:
            status = emu.wait(60)
            if status != (0x15 << 1 | 1):
                raise Failure(f"exit status {status}, expected {0x15 << 1 | 1}; stderr: {emu.stderr()}")


def reset_comes_back():
    with Emu("-M", "pc", "-m", "64", "-vga", "std") as emu:
        emu.expect_vga("No bootable device", 60)
        emu.hmp("system_reset")
        emu.expect_vga("No bootable device", 60)
        if "running" not in emu.hmp("info status"):
            raise Failure("the machine does not run after the reset")


def system_management(model, machine="pc"):
    """SeaBIOS relocates SMBASE in a first SMI, then works from SMRAM, which nobody else sees."""
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        with Emu("-M", machine, "-cpu", model, "-m", "64", "-vga", "std", "-d", "trace:x86_smm", "-D", log) as emu:
            emu.expect_vga("No bootable device", 60)
            hidden = emu.hmp("xp /4xb 0xa8000")
        text = open(log, encoding="latin-1").read()
        for wanted in ("enters smbase 0x30000", "leaves smbase 0xa0000", "enters smbase 0xa0000"):
            if wanted not in text:
                raise Failure(f"'{wanted}' is not in the trace:\n{text[:1000]}")
        if "0x66" in hidden:
            raise Failure(f"SMRAM shows outside system management mode: {hidden}")


def program(code, *args, status=None, state=None):
    """A few instructions at 0x7c00 instead of a firmware; how the emulator ends, or the state it stays in."""
    with tempfile.NamedTemporaryFile(suffix=".bin") as image:
        image.write(bytes.fromhex(code))
        image.flush()
        with Emu("-M", "pc", "-m", "64", "-device", f"loader,file={image.name},addr=0x7c00,cpu-num=0", *args) as emu:
            if status is not None:
                got = emu.wait(60)
                if got != status:
                    raise Failure(f"exit status {got}, expected {status}; stderr: {emu.stderr()}")
                return
            deadline = time.monotonic() + 60 * harness.PATIENCE
            while state not in emu.hmp("info status"):
                if time.monotonic() > deadline:
                    raise Failure(f"not {state}, but {emu.hmp('info status')}")
                time.sleep(0.2)


def panics():
    code = "ba0505b001eef4ebfd"  # mov dx,505h; mov al,1; out dx,al; hlt; jmp $-1
    for action, status in (("shutdown", 0), ("exit-failure", 1)):
        program(code, "-device", "pvpanic", "-action", f"panic={action}", status=status)
    program(code, "-device", "pvpanic", "-action", "panic=pause", state="guest-panicked")


def watchdogs():
    code = "ba4304b00eeef4ebfd"  # mov dx,443h; mov al,14 (2 s); out dx,al; hlt; jmp $-1
    program(code, "-device", "ib700", "-watchdog-action", "poweroff", status=0)
    program(code, "-device", "ib700", "-action", "watchdog=reset", "-no-reboot", status=0)
    program(code, "-device", "ib700", "-action", "watchdog=pause", state="watchdog")


# Ways to reset: what the guest does, in 16-bit code.
RESETS = {
    "keyboard-controller-pulse": "b0fee664",
    "keyboard-controller-output-port": "b0d1e664b0fee660",
    "port-92": "b001e692",
    "cf9-hard": "baf90cb002eeb006ee",
    "cf9-soft": "baf90cb000eeb004ee",
    "triple-fault": "0f011e0005cc",  # lidt [500h], where zeroes are; int3
    "system_reset": "",
}


def reset(how):
    """The guest counts its starts in the battery-backed memory, resets, and leaves at the third."""
    # in al,cmos[60h]; cmp al,3; jae done; inc al; cmos[60h] := al; ...; hlt; done: mov al,15h; out 0f4h,al
    tail = "fec088c4b060e67088e0e671" + RESETS[how] + "f4ebfd"
    code = f"b060e670e4713c0373{len(tail) // 2:02x}" + tail + "b015e6f4f4ebfd"
    exit_device = ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    if how != "system_reset":
        program(code, *exit_device, status=0x15 << 1 | 1)
        return
    with tempfile.NamedTemporaryFile(suffix=".bin") as image:
        image.write(bytes.fromhex(code))
        image.flush()
        with Emu("-M", "pc", "-m", "64", "-device", f"loader,file={image.name},addr=0x7c00,cpu-num=0", *exit_device) as emu:
            qmp = emu.qmp()
            deadline = time.monotonic() + 60 * harness.PATIENCE
            while emu.process.poll() is None and time.monotonic() < deadline:
                try:
                    qmp.command("system_reset")
                except (Failure, OSError):
                    break
                time.sleep(0.2)
            if emu.wait(10) != 0x15 << 1 | 1:
                raise Failure(f"exit status {emu.process.returncode}")


def option_rom():
    """A ROM given on the command line runs after the adapter's own, before the boot."""
    code = bytes.fromhex("55aa01" + "b015e6f4cb")
    rom = bytearray(code.ljust(512, b"\0"))
    rom[511] = -sum(rom) & 0xff
    with tempfile.NamedTemporaryFile(suffix=".rom") as image:
        image.write(rom)
        image.flush()
        with Emu("-M", "pc", "-m", "64", "-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-option-rom", image.name) as emu:
            if emu.wait(60) != 0x15 << 1 | 1:
                raise Failure(f"exit status {emu.process.returncode}; stderr: {emu.stderr()}")


def floppy(kilobytes, track, head, sector):
    """The firmware finds a disk's data rate, and its last sector by INT 13H: 2ah to the exit port if that is the one, else 0bh."""
    code = (bytes.fromhex("31c08ed88ec08ed0bc007cfbb80102b9") + bytes([sector, track]) + b"\xba\0" + bytes([head])
            + bytes.fromhex("bb0080cd13720c813e0080454d7504b02ae6f4b00be6f4f4"))
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(code.ljust(510, b"\0") + b"\x55\xaa")
        image.seek(kilobytes * 1024 - 512)
        image.write(b"EM".ljust(512, b"\0"))
        image.flush()
        with Emu("-M", "pc", "-m", "64", "-drive", f"file={image.name},format=raw,if=floppy", "-boot", "a",
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=1") as emu:
            if emu.wait(60) != 0x2a << 1 | 1:
                raise Failure(f"exit status {emu.process.returncode}; stderr: {emu.stderr()}")


FLOPPIES = [(160, 39, 0, 8), (360, 39, 1, 9), (720, 79, 1, 9), (1200, 79, 1, 15), (1440, 79, 1, 18), (2880, 79, 1, 36)]


def uefi():
    """OVMF out of flash, to its shell; what it stores in the second flash is there at the next start."""
    folder = next((d for d in ("/usr/share/OVMF", "/usr/share/ovmf") if os.path.exists(d + "/OVMF_CODE.fd")), None)
    if not folder:
        raise Skip("Debian's package ovmf is not installed")
    with tempfile.TemporaryDirectory() as work:
        variables = os.path.join(work, "vars.fd")
        shutil.copyfile(folder + "/OVMF_VARS.fd", variables)
        before = open(variables, "rb").read()
        for start in range(2):
            with Emu("-M", "pc", "-m", "256", "-drive", f"if=pflash,format=raw,readonly=on,file={folder}/OVMF_CODE.fd",
                     "-drive", f"if=pflash,format=raw,file={variables}") as emu:
                emu.expect("UEFI Interactive Shell", 240)
                emu.expect("Shell> ", 60)
                emu.hmp("quit")
                emu.wait(30)
            after = open(variables, "rb").read()
            if len(after) != len(before) or (start == 0 and after == before):
                raise Failure("the firmware's variables did not reach the image")
            # The shell's entry in the boot order, in UCS-2.
            if "BootOrder".encode("utf-16-le") not in after:
                raise Failure("no variable BootOrder in the image")


def secure_boot():
    """OVMF that keeps its variables where only SMM can write: 2 CPUs, what is not signed is refused, what is stored stays."""
    folder = "/usr/share/OVMF"
    for name in ("OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd", "OVMF_CODE_4M.fd"):
        if not os.path.exists(f"{folder}/{name}"):
            raise Skip(f"{folder}/{name} is missing: Debian's package ovmf is not installed")
    with tempfile.TemporaryDirectory() as work:
        variables, log = os.path.join(work, "vars.fd"), os.path.join(work, "log")
        shutil.copyfile(folder + "/OVMF_VARS_4M.ms.fd", variables)

        def start(code, pattern, *args):
            with Emu("-M", "q35", "-m", "256", "-nodefaults", "-global", "driver=cfi.pflash01,property=secure,value=on",
                     "-drive", f"if=pflash,format=raw,readonly=on,file={folder}/{code}",
                     "-drive", f"if=pflash,format=raw,file={variables}", *args) as emu:
                emu.expect(pattern, 240)
                emu.hmp("quit")
                emu.wait(30)
            return open(variables, "rb").read()

        # The firmware's own shell is the program without a signature that is always there.
        refused = "failed to start Boot.*Shell.*: Security Violation"
        before = open(variables, "rb").read()
        first = start("OVMF_CODE_4M.secboot.fd", refused, "-smp", "2", "-d", "trace:x86_smm", "-D", log)
        if first == before or "BootOrder".encode("utf-16-le") not in first:
            raise Failure("the firmware's variables did not reach the image")
        text = open(log, encoding="latin-1").read()
        for cpu in (0, 1):
            if not re.search(f"cpu {cpu} leaves smbase 0x(?!30000)", text) or not re.search(f"cpu {cpu} enters smbase 0x(?!30000)", text):
                raise Failure(f"CPU {cpu} was not relocated, or had no SMI after that:\n{text[:1000]}")
        second = start("OVMF_CODE_4M.secboot.fd", refused)
        for name in ("BootOrder", "Boot0001"):
            if name.encode("utf-16-le") not in second:
                raise Failure(f"no variable {name} in the image after a restart")
        # Firmware that writes without SMM gets nowhere.
        if start("OVMF_CODE_4M.fd", "UEFI Interactive Shell|Shell> |Security Violation") != second:
            raise Failure("the flash was written from outside system management mode")


harness.run([
    *[(f"firmware/reset/{how}", lambda how=how: reset(how)) for how in RESETS],
    ("firmware/seabios/128-kilobytes-boot", lambda: boot_sector(["-bios", firmware("bios.bin"), "-hda", "@"], 1 << 20)),
    ("firmware/option-rom/runs", option_rom),
    ("firmware/actions/panic", panics),
    ("firmware/actions/watchdog", watchdogs),
    ("firmware/uefi/shell-and-persistent-variables", uefi),
    ("firmware/uefi/secure-boot", secure_boot),
    ("firmware/seabios/debug-console-tells-the-post", debug_console),
    ("firmware/screen/screendump-is-a-picture", screendump),
    ("firmware/boot/sector-of-a-hard-disk-runs", lambda: boot_sector(["-hda", "@"], 1 << 20)),
    ("firmware/boot/sector-of-a-sata-disk-runs", lambda: boot_sector(["-hda", "@"], 1 << 20, machine="q35")),
    ("firmware/boot/sector-of-a-floppy-runs", lambda: boot_sector(["-fda", "@", "-boot", "a"], 1440 * 1024)),
    *[(f"firmware/boot/floppy-of-{f[0]}-kilobytes", lambda f=f: floppy(*f)) for f in FLOPPIES],
    ("firmware/boot/drive-option-with-interface",
     lambda: boot_sector(["-drive", "file=@,format=raw,if=ide,index=1"], 1 << 20)),
    ("firmware/smm/64-bit-save-area", lambda: system_management("qemu64")),
    ("firmware/smm/32-bit-save-area", lambda: system_management("pentium3")),
    ("firmware/smm/q35", lambda: system_management("qemu64", "q35")),
    ("firmware/reset/monitor-reset-comes-back", reset_comes_back),
])
