#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The KVM accelerator: firmware to its boot prompt, a boot sector, options, features, refusals and the fall back."""

import os
import shutil
import subprocess
import tempfile
import time

import harness
from harness import Emu, Failure, Skip, firmware


def need_kvm():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as error:
        raise Skip(f"/dev/kvm: {error.strerror}") from None


def firmware_to_its_prompt(accel, machine="pc"):
    """SeaBIOS says the same under each form of the interrupt controllers; the monitor works meanwhile and after."""
    need_kvm()
    firmware("bios-256k.bin")
    with Emu("-M", machine, "-m", "64", "-vga", "std", accel=accel) as emu:
        emu.expect_vga("No bootable device", 240)
        if "running" not in emu.hmp("info status"):
            raise Failure("the machine does not run")
        if "kvm support: enabled" not in emu.hmp("info kvm"):
            raise Failure("info kvm does not know")
        emu.hmp("stop")
        if "EIP=" not in emu.hmp("info registers"):
            raise Failure("no registers of a stopped vCPU")
        pic = emu.hmp("info pic")
        if "pic0: irr=" not in pic or "irq_base=08" not in pic or "pin 2" not in pic:
            raise Failure(f"info pic is not what the firmware left: {pic}")
        if "0xea 0x5b" not in emu.hmp("xp /2xb 0xffff0"):
            raise Failure("the reset vector is not there")
        emu.hmp("cont")
        emu.hmp("system_reset")
        time.sleep(0.2)
        emu.expect_vga("No bootable device", 240)


def two_processors():
    need_kvm()
    firmware("bios-256k.bin")
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "log")
        with Emu("-M", "pc", "-m", "64", "-vga", "std", "-smp", "2", "-chardev", f"file,id=d,path={log}",
                 "-device", "isa-debugcon,iobase=0x402,chardev=d", accel="kvm") as emu:
            emu.expect_vga("No bootable device", 240)
            if "Found 2 cpu(s)" not in open(log, encoding="latin-1").read():
                raise Failure("the firmware did not find both CPUs")


def processor_comes_again():
    """The kernel cannot unmake a vCPU: one that was unplugged is taken again."""
    need_kvm()
    with Emu("-M", "pc", "-m", "32", "-smp", "1,maxcpus=2", accel="kvm") as emu:
        qmp = emu.qmp()
        for _ in range(3):
            reply = qmp.command("device_add", driver="qemu64-x86_64-cpu", id="extra", **{"apic-id": 1})
            if "error" in reply:
                raise Failure(f"device_add: {reply['error']}")
            qmp.command("device_del", id="extra")
            qmp.command("system_reset")
            qmp.wait_event("DEVICE_DELETED")
        if qmp.command("query-status")["return"]["status"] != "running":
            raise Failure("the machine does not run any more")


def options_that_choose(*options):
    """-enable-kvm, -machine accel=kvm:tcg and the like."""
    need_kvm()
    with Emu(*options, "-S", "-m", "16") as emu:
        if "kvm support: enabled" not in emu.hmp("info kvm"):
            raise Failure(f"KVM is not in use; stderr: {emu.stderr()}")


def machine_option_for_controllers():
    need_kvm()
    with Emu("-M", "pc,kernel-irqchip=split", "-S", "-m", "16", accel="kvm") as emu:
        if "kvm-ioapic-split" not in emu.hmp("info qom-tree") + emu.hmp("info qtree"):
            raise Failure("the I/O APIC is not the one before the kernel's local APICs")
    with Emu("-M", "pc,kernel-irqchip=maybe", "-S", "-m", "16", accel="kvm") as emu:
        if emu.wait(30) != 1 or "expected on, off or split" not in emu.stderr():
            raise Failure(f"expected exit status 1 and a sentence; stderr: {emu.stderr()}")


def refusal(device, *words):
    with Emu("-M", "none", "-S", accel=f"kvm,device={device}") as emu:
        if emu.wait(30) != 1 or not all(word in emu.stderr() for word in words):
            raise Failure(f"expected exit status 1 and {words}; stderr: {emu.stderr()}")


def not_permitted_is_said():
    if os.geteuid() != 0:
        raise Skip("only root can make a device that a user may not open")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "kvm")
        open(path, "wb").close()
        os.chmod(path, 0)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", harness.EMU, "--plugin-dir", harness.PLUGINS, "-M", "none",
                   "-accel", f"kvm,device={path}", "-display", "none"]
        try:
            p = subprocess.run(command, capture_output=True, timeout=60 * harness.PATIENCE, check=False)
        except OSError as error:
            raise Skip(f"setpriv: {error.strerror}") from None
        text = p.stderr.decode(errors="replace")
        if "ermission denied; add the user to the group" not in text:
            if "emu" in text and "not found" in text or "cannot execute" in text or "setpriv:" in text:
                raise Skip(f"another user cannot run this build: {text.strip()}")
            raise Failure(f"expected what to do; stderr: {text}")


OTHER_KVM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
int
ioctl(int fd, unsigned long request, ...)
{
    int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    const char *version = getenv("OTHER_VERSION"), *missing = getenv("OTHER_MISSING");
    va_list list;
    void *argument;

    va_start(list, request);
    argument = va_arg(list, void *);
    va_end(list);
    if (request == KVM_GET_API_VERSION && version) {
        return atoi(version);
    }
    if (request == KVM_CHECK_EXTENSION && missing && (long)argument == atol(missing)) {
        return 0;
    }
    if (request == KVM_RUN && getenv("OTHER_EXIT")) {
        static int runs;
        struct kvm_run *run = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        int result = next(fd, request, argument);

        if (++runs == 20 && run != MAP_FAILED) {
            run->exit_reason = (unsigned)atoi(getenv("OTHER_EXIT"));
            run->internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
            run->internal.ndata = 0;
            result = 0;
        }
        munmap(run, 4096);
        return result;
    }
    return next(fd, request, argument);
}
"""


def build_other_kvm(folder):
    need_kvm()
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        raise Skip("no C compiler")
    library = os.path.join(folder, "other-kvm.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"], input=OTHER_KVM.encode(), check=True, timeout=120)
    return {"LD_PRELOAD": f"{os.environ.get('LD_PRELOAD', '')}:{library}".lstrip(":")}


def exit_ends_the_machine(number, *words, then_reset=False):
    """An exit that nothing can be done about: a report, and the monitor answers; a reset makes the machine run again."""
    firmware("bios-256k.bin")
    with tempfile.TemporaryDirectory() as folder:
        changed = dict(build_other_kvm(folder), OTHER_EXIT=str(number))
        before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)
        try:
            emu = Emu("-M", "pc", "-m", "64", "-vga", "std", accel="kvm")
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        with emu:
            deadline = time.monotonic() + 60 * harness.PATIENCE
            while "internal-error" not in emu.hmp("info status"):
                if time.monotonic() > deadline:
                    raise Failure(f"the machine goes on; stderr: {emu.stderr()}")
                time.sleep(0.1)
            if not all(word in emu.stderr() for word in words):
                raise Failure(f"expected {words}; stderr: {emu.stderr()}")
            if "EIP=" not in emu.hmp("info registers"):
                raise Failure("no registers")
            if then_reset:
                emu.hmp("system_reset")
                emu.hmp("cont")
                emu.expect_vga("No bootable device", 240)


def other_kvm(environment, *words, accel="kvm", more=(), status=1):
    """A KVM that is too old, too new, or lacks something: its answers are put between."""
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(environment, **build_other_kvm(folder))
        command = [harness.EMU, "--plugin-dir", harness.PLUGINS, "-M", "pc", "-m", "16", "-S", "-display", "none", "-serial", "none", "-monitor", "stdio",
                   "-accel", accel, *more]
        p = subprocess.run(command, input=b"info kvm\ninfo qtree\nquit\n", capture_output=True, timeout=60 * harness.PATIENCE, check=False,
                           env=dict(os.environ, **environment))
        text = p.stderr.decode(errors="replace") + p.stdout.decode(errors="replace")
        if p.returncode != status or not all(word in text for word in words):
            raise Failure(f"expected exit status {status} and {words}; {p.returncode}: {text}")


def no_kvm_device_at_all(make):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "kvm")
        make(path)
        refusal(path, f"{path}: this is no KVM device", "the option device= names it")


def stop_and_look(accel):
    """What a monitor does with a guest that runs: stop, look, go on, go back to a saved state, reset."""
    need_kvm()
    firmware("bios-256k.bin")
    with Emu("-M", "pc", "-m", "64", "-vga", "std", accel=accel) as emu:
        emu.expect_vga("SeaBIOS", 240)
        emu.hmp("stop")
        if "paused" not in emu.hmp("info status"):
            raise Failure("it does not stand")
        registers = emu.hmp("info registers")
        time.sleep(0.5)
        if emu.hmp("info registers") != registers:
            raise Failure("registers of a stopped vCPU change")
        here = emu.hmp("x /1xb $eip")
        if ": 0x" not in here:
            raise Failure(f"x does not show what is at $eip: {here!r}")
        emu.hmp("cont")
        if "running" not in emu.hmp("info status"):
            raise Failure("it does not go on")
        emu.expect_vga("No bootable device", 240)
        for _ in range(20):
            emu.hmp("stop")
            emu.hmp("cont")
        emu.hmp("nmi")
        emu.hmp("system_reset")
        time.sleep(0.2)
        emu.expect_vga("No bootable device", 240)


def features_that_are_missing(*, enforce):
    """A model that no host has all of: a message for each, and a refusal when the user insists."""
    need_kvm()
    with Emu("-M", "pc", "-S", "-m", "16", "-cpu", "qemu64,+monitor,hv-relaxed=on" + (",enforce=on" if enforce else ""), accel="kvm") as emu:
        if enforce:
            if emu.wait(30) == 1 and "enforce is on" in emu.stderr():
                return
        else:
            emu.hmp("info status")
        offered = os.environ.get("EMU_TEST_KVM_HAS_ALL")
        if not offered and "host doesn't support requested" not in emu.stderr():
            raise Failure(f"no message; stderr: {emu.stderr()}")


def host_model():
    need_kvm()
    firmware("bios-256k.bin")
    with Emu("-M", "pc", "-m", "64", "-vga", "std", "-cpu", "host", accel="kvm") as emu:
        emu.expect_vga("No bootable device", 240)
        if "doesn't support" in emu.stderr():
            raise Failure(f"the host lacks its own features; stderr: {emu.stderr()}")
    with Emu("-M", "pc", "-S", "-m", "16", "-cpu", "host", accel="tcg") as emu:
        if emu.wait(30) != 1 or "requires KVM" not in emu.stderr():
            raise Failure(f"expected a refusal without KVM; stderr: {emu.stderr()}")


def boot_sector_leaves(machine="pc"):
    need_kvm()
    # mov al, 15h; out 0f4h, al; hlt
    sector = bytes.fromhex("b015e6f4f4").ljust(510, b"\0") + b"\x55\xaa"
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(sector.ljust(1 << 20, b"\0"))
        image.flush()
        with Emu("-M", machine, "-m", "64", "-hda", image.name, "-device", "isa-debug-exit,iobase=0xf4,iosize=1", accel="kvm") as emu:
            status = emu.wait(240)
            if status != (0x15 << 1 | 1):
                raise Failure(f"exit status {status}, expected {0x15 << 1 | 1}; stderr: {emu.stderr()}")


def no_management_mode():
    """Firmware that needs SMM is not left without it: asked for, it is refused, and not taken up where the user leaves it open."""
    need_kvm()
    with Emu("-M", "q35,smm=on", accel="kvm") as emu:
        if emu.wait(60) != 1 or "smm is on, but accelerator kvm has no system management mode, expected off or auto" not in emu.stderr():
            raise Failure(f"expected a refusal; stderr: {emu.stderr()}")


def floppy_is_read(accel):
    """A boot sector on a floppy reads a track by INT 13H: the firmware waits for interrupts that it lets in for moments."""
    need_kvm()
    # ds, es, ss = 0; sti; read cylinder 1, head 0, all 18 sectors to 8000h; 2ah to the exit port if the last one has come, else 0bh
    sector = bytes.fromhex("31c08ed88ec08ed0bc007cfbb81202b9010131d2bb0080cd13720c813e00a2454d7504b02ae6f4b00be6f4f4")
    track = (b"EM" + bytes(510)) * 18
    with tempfile.NamedTemporaryFile(suffix=".img") as image:
        image.write(sector.ljust(510, b"\0") + b"\x55\xaa" + bytes(35 * 512) + track)
        image.truncate(1440 << 10)
        image.flush()
        with Emu("-M", "pc", "-m", "64", "-drive", f"file={image.name},format=raw,if=floppy", "-boot", "a",
                 "-device", "isa-debug-exit,iobase=0xf4,iosize=1", accel=accel) as emu:
            status = emu.wait(240)
            if status != (0x2a << 1 | 1):
                raise Failure(f"exit status {status}, expected {0x2a << 1 | 1}; stderr: {emu.stderr()}")


def module_comes_and_goes(accel):
    """Memory that the monitor adds while vCPUs run is theirs, and when they have let go of it, it is not."""
    need_kvm()
    if not shutil.which("nasm"):
        raise Skip("nasm is not installed: there is no guest")
    with tempfile.TemporaryDirectory() as folder:
        disk = os.path.join(folder, "disk")
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "guest", "memory-module.asm")
        subprocess.run(["nasm", "-f", "bin", "-o", disk, source], check=True, timeout=60)
        os.truncate(disk, 1 << 20)
        with Emu("-M", "pc", "-m", "64,slots=1,maxmem=1G", "-drive", f"file={disk},format=raw,if=ide", accel=accel) as emu:
            qmp = emu.qmp()
            for turn in range(2):
                for command, arguments in (("object-add", {"qom-type": "memory-backend-ram", "id": "m", "size": 64 << 20}),
                                           ("device_add", {"driver": "pc-dimm", "id": "d", "memdev": "m"})):
                    reply = qmp.command(command, **arguments)
                    if "error" in reply:
                        raise Failure(f"{command}: {reply['error']}")
                emu.expect("C", 240)
                qmp.command("device_del", id="d")
                emu.expect("G", 60)
                if qmp.wait_event("DEVICE_DELETED")["data"]["device"] != "d":
                    raise Failure("another device was deleted")
                reply = qmp.command("object-del", id="m")
                if "error" in reply:
                    raise Failure(f"object-del: {reply['error']}")
            if b"B" in emu.output:
                raise Failure(f"the guest says {bytes(emu.output)}")


def counters():
    """info stats and query-stats: the kernel's counters where it has them, the run loop's own everywhere."""
    need_kvm()
    firmware("bios-256k.bin")
    with Emu("-M", "pc", "-m", "64", accel="kvm") as emu:
        qmp = emu.qmp()
        deadline = time.monotonic() + 60 * harness.PATIENCE
        while True:
            result = qmp.command("query-stats", target="vcpu", providers=[{"provider": "kvm", "names": ["user_port_exits", "exits"]}])["return"]
            values = {s["name"]: s["value"] for s in result[0]["stats"]}
            if values["user_port_exits"] > 0:
                break
            if time.monotonic() > deadline:
                raise Failure(f"no port access was counted: {result}")
            time.sleep(0.1)
        if not result[0]["qom-path"].startswith("/machine") or result[0]["provider"] != "kvm":
            raise Failure(f"query-stats does not say whose they are: {result}")
        schemas = {s["target"]: {v["name"]: v for v in s["stats"]} for s in qmp.command("query-stats-schemas", provider="kvm")["return"]}
        if schemas["vcpu"]["user_port_exits"]["type"] != "cumulative" or set(values) - set(schemas["vcpu"]):
            raise Failure(f"the schema does not describe what is there: {schemas}")
        if "error" not in qmp.command("query-stats", target="vm", vcpus=["/machine"]):
            raise Failure("CPUs were accepted for the VM's counters")
        text = emu.hmp("info stats vcpu user_port_exits")
        if not text.startswith("provider: kvm\n    user_port_exits (cumulative): "):
            raise Failure(f"info stats says {text!r}")
        if "invalid stats target" not in emu.hmp("info stats cpu"):
            raise Failure("info stats accepts any target")


def next_accelerator_is_tried():
    firmware("bios-256k.bin")
    with Emu("-accel", "kvm,device=/dev/no-kvm-here", "-accel", "tcg", "-M", "pc", "-m", "64", "-vga", "std") as emu:
        emu.expect_vga("No bootable device", 60)


harness.run([
    ("kvm/firmware/reaches-its-boot-prompt", lambda: firmware_to_its_prompt("kvm")),
    ("kvm/firmware/with-split-controllers", lambda: firmware_to_its_prompt("kvm,kernel-irqchip=split")),
    ("kvm/firmware/with-controllers-of-our-own", lambda: firmware_to_its_prompt("kvm,kernel-irqchip=off")),
    *[(f"kvm/firmware/q35-{name}", lambda accel=accel: firmware_to_its_prompt(accel, "q35"))
      for name, accel in (("reaches-its-boot-prompt", "kvm"), ("with-split-controllers", "kvm,kernel-irqchip=split"),
                          ("with-controllers-of-our-own", "kvm,kernel-irqchip=off"))],
    ("kvm/firmware/finds-two-processors", two_processors),
    ("kvm/hotplug/processor-comes-again", processor_comes_again),
    ("kvm/boot/sector-leaves-by-debug-exit", boot_sector_leaves),
    ("kvm/boot/q35-sector-leaves-by-debug-exit", lambda: boot_sector_leaves("q35")),
    ("kvm/refusal/no-system-management-mode", no_management_mode),
    ("kvm/boot/floppy-is-read", lambda: floppy_is_read("kvm")),
    ("kvm/boot/floppy-is-read-with-split-controllers", lambda: floppy_is_read("kvm,kernel-irqchip=split")),
    ("kvm/boot/floppy-is-read-with-controllers-of-our-own", lambda: floppy_is_read("kvm,kernel-irqchip=off")),
    ("kvm/memory/module-comes-and-goes", lambda: module_comes_and_goes("kvm")),
    ("kvm/memory/module-comes-and-goes-under-the-translator", lambda: module_comes_and_goes("tcg")),
    ("kvm/monitor/counters", counters),
    ("kvm/monitor/stop-and-look", lambda: stop_and_look("kvm")),
    ("kvm/monitor/stop-and-look-with-split-controllers", lambda: stop_and_look("kvm,kernel-irqchip=split")),
    ("kvm/options/enable-kvm", lambda: options_that_choose("-enable-kvm")),
    ("kvm/options/machine-accel", lambda: options_that_choose("-machine", "pc,accel=kvm:tcg")),
    ("kvm/options/accel-twice", lambda: options_that_choose("-accel", "kvm", "-accel", "tcg")),
    ("kvm/options/machine-kernel-irqchip", machine_option_for_controllers),
    ("kvm/cpu/missing-features-are-named", lambda: features_that_are_missing(enforce=False)),
    ("kvm/cpu/enforce-refuses", lambda: features_that_are_missing(enforce=True)),
    ("kvm/cpu/host", host_model),
    ("kvm/refusal/missing-device-is-named",
     lambda: refusal("/dev/no-kvm-here", "/dev/no-kvm-here: No such file or directory", "load the module kvm_intel or kvm_amd")),
    ("kvm/refusal/not-a-kvm-device", lambda: refusal("/dev/null", "/dev/null: this is no KVM device")),
    ("kvm/exit/error-during-delivery", lambda: exit_ends_the_machine(17, "kvm: CPU 0: internal error 3, an exit while an event was being delivered", then_reset=True)),
    ("kvm/exit/entry-failed", lambda: exit_ends_the_machine(9, "kvm: CPU 0: entry into the guest failed (KVM exit 9), hardware reason 0x")),
    ("kvm/exit/unknown", lambda: exit_ends_the_machine(999, "kvm: CPU 0: an exit that is not known here (KVM exit 999)")),
    ("kvm/refusal/regular-file", lambda: no_kvm_device_at_all(lambda path: open(path, "wb").close())),
    ("kvm/refusal/fifo", lambda: no_kvm_device_at_all(os.mkfifo)),
    ("kvm/refusal/too-old", lambda: other_kvm({"OTHER_VERSION": "11"}, "API version is 11, expected 12; a newer kernel is needed")),
    ("kvm/refusal/too-new", lambda: other_kvm({"OTHER_VERSION": "13"}, "API version is 13, expected 12; a newer emu is needed")),
    ("kvm/refusal/lacks-what-is-needed", lambda: other_kvm({"OTHER_MISSING": "136"}, "lacks 'immediate exit'; a newer kernel is needed")),
    ("kvm/refusal/no-split-controllers",
     lambda: other_kvm({"OTHER_MISSING": "121"}, "no split interrupt controllers; kernel-irqchip=off goes without", accel="kvm,kernel-irqchip=split")),
    ("kvm/fall-back/too-old", lambda: other_kvm({"OTHER_VERSION": "11"}, "falling back to tcg", "kvm support: disabled", more=("-accel", "tcg"), status=0)),
    ("kvm/fall-back/split-where-there-are-no-chips", lambda: other_kvm({"OTHER_MISSING": "33"}, "kvm-ioapic-split", status=0)),
    ("kvm/refusal/not-permitted-says-what-to-do", not_permitted_is_said),
    ("kvm/fall-back/next-accelerator-is-tried", next_accelerator_is_tried),
])
