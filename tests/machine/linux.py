#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's kernel and a busybox shell: boot, type, check from inside, reboot, power off."""

import os
import tempfile
import time

import harness
from harness import Emu, Failure, Skip, guest_file

APPEND = harness.APPEND


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


def q35(*args, append="", accel=None):
    return Emu("-M", "q35", "-m", "512", "-kernel", guest_file("vmlinuz"), "-initrd", guest_file("initrd.gz"),
               "-append", f"{APPEND} {append}", "-no-reboot", *args, accel=accel)


def pci_express():
    """Q35: the configuration window, interrupts on the I/O APIC's upper pins, power off by ICH9's registers."""
    with q35("-device", "edu") as emu:
        emu.expect("guest# ", 90)
        emu.send("dmesg | grep -o 'MMCONFIG at .* reserved'; cat /sys/bus/pci/devices/0000:00:02.0/irq; poweroff -f\n")
        emu.expect(r"MMCONFIG at \[mem 0xb0000000-0xbfffffff\] reserved", 30)
        emu.expect(r"\n(22|1[01])\r?\n", 30)  # INTA# of slot 2: PIRQ G; what firmware wrote as long as no driver asks
        if emu.wait(30) != 0:
            raise Failure("exit status is not 0 after power off")


PANIC_MODULES = ["pvpanic", "pvpanic-pci"]


def slot_comes_and_goes(machine, *args, bus, address):
    """A device that the monitor adds behind @bus is found and gets its driver; asked to go, it goes with the guest's consent; again."""
    with tempfile.NamedTemporaryFile(suffix=".initrd") as initrd:
        initrd.write(harness.initrd_with_modules(*(f"drivers/misc/pvpanic/{m}" for m in PANIC_MODULES)))
        initrd.flush()
        with Emu("-M", machine, "-m", "512", *args, "-kernel", guest_file("vmlinuz"), "-initrd", initrd.name, "-append", APPEND,
                 "-no-reboot") as emu:
            driver = f"/sys/bus/pci/drivers/pvpanic-pci/{address}"
            emu.expect("guest# ", 90)
            emu.send("for m in " + " ".join(PANIC_MODULES) + "; do insmod /modules/$m.ko; done; echo loaded-$((40+2))\n")
            emu.expect("loaded-42", 30)
            qmp = emu.qmp()
            for turn in range(2):
                reply = qmp.command("device_add", driver="pvpanic-pci", id="guest-panic", bus=bus)
                if "error" in reply:
                    raise Failure(f"device_add: {reply}")
                emu.send(f"while ! [ -e {driver} ]; do sleep 1; done; echo bound-$((40+2))\n")
                emu.expect("bound-42", 60)
                reply = qmp.command("device_del", id="guest-panic")
                if "error" in reply:
                    raise Failure(f"device_del: {reply}")
                event = qmp.wait_event("DEVICE_DELETED")
                while event["data"].get("device") != "guest-panic":
                    event = qmp.wait_event("DEVICE_DELETED")
                emu.send(f"[ -e /sys/bus/pci/devices/{address} ] || echo gone-$((40+2))\n")
                emu.expect("gone-42", 30)
            emu.send("poweroff -f\n")
            if emu.wait(30) != 0:
                raise Failure("exit status is not 0 after power off")


def slot_under_ovmf():
    """OVMF leaves windows open only behind ports that say what may come, whoever is in charge of the slot later."""
    path = "/usr/share/ovmf/OVMF.fd"
    if not os.path.exists(path):
        raise Skip(f"{path} is missing: Debian's package ovmf is not installed")
    slot_comes_and_goes("q35", "-bios", path, "-device", "pcie-root-port,id=port,chassis=1,slot=7", bus="port", address="0000:01:00.0")


def remapping():
    """VT-d: DMA and interrupt remapping come up, and the guest goes on to work with them."""
    with q35("-device", "intel-iommu,intremap=on", "-smp", "2", append="intel_iommu=on") as emu:
        emu.expect("guest# ", 90)
        emu.send("dmesg | grep -e DMAR; cat /proc/interrupts; echo d''one\n")
        text = emu.expect(r"[\s\S]*done\r?\n", 30).group(0).decode(errors="replace")
        for wanted in ("DMAR: IOMMU enabled", "DMAR-IR: Enabled IRQ remapping", "DMAR: Intel(R) Virtualization Technology for Directed I/O",
                       "IR-IO-APIC", "DMAR-MSI"):
            if wanted not in text:
                raise Failure(f"'{wanted}' is not in\n{text}")
        if "fault" in text:
            raise Failure(f"a fault:\n{text}")
        emu.send("poweroff -f\n")
        if emu.wait(30) != 0:
            raise Failure("exit status is not 0 after power off")


# In the order in which they need each other.
DISK_MODULES = ["scsi_common", "scsi_mod", "sd_mod", "libata", "ata_piix"]


def hibernate_and_resume():
    """The guest writes itself to its swap disk and powers off; a new machine reads it back and goes on."""
    folders = {"libata": "ata", "ata_piix": "ata"}
    image = harness.initrd_with_modules(*(f"drivers/{folders.get(m, 'scsi')}/{m}" for m in DISK_MODULES))
    with tempfile.TemporaryDirectory() as work:
        disk, initrd = os.path.join(work, "swap.img"), os.path.join(work, "initrd")
        with open(initrd, "wb") as out:
            out.write(image)
        with open(disk, "wb") as f:
            f.truncate(512 << 20)

        def start():
            emu = Emu("-M", "pc", "-m", "256", "-kernel", guest_file("vmlinuz"), "-initrd", initrd, "-append", APPEND,
                      "-drive", f"file={disk},format=raw,if=ide", "-no-reboot")
            emu.expect("guest# ", 90)
            emu.send("for m in " + " ".join(DISK_MODULES) + "; do insmod /modules/$m.ko; done; "
                     "while ! [ -e /sys/block/sda/dev ]; do sleep 1; done; echo disk-$((40+2))\n")
            emu.expect("disk-42", 60)
            return emu

        with start() as emu:
            emu.send("mkswap /dev/sda >/dev/null; swapon /dev/sda; cat /sys/block/sda/dev > /sys/power/resume; word=alive\n")
            emu.send("echo disk > /sys/power/state; echo back-$word\n")
            if emu.wait(120) != 0:
                raise Failure("exit status is not 0 after S4")
        with start() as emu:
            emu.send("cat /sys/block/sda/dev > /sys/power/resume\n")
            emu.expect("back-alive", 120)
            emu.send("poweroff -f\n")
            if emu.wait(30) != 0:
                raise Failure("exit status is not 0 after the resumed guest's power off")


def sleep_states(options, expected):
    with linux(*options) as emu:
        emu.expect("guest# ")
        emu.send("dmesg | grep -o 'supports S.*)'; poweroff -f\n")
        states = emu.expect(r"supports (S0[S0-9 ]*)\)").group(1).decode()
        if states != expected:
            raise Failure(f"the guest sees sleep states {states}, expected {expected}")


def alarm_wakes():
    """S3, ended by the real-time clock's alarm."""
    with linux() as emu:
        emu.expect("guest# ")
        qmp = emu.qmp()
        for seconds in (10, 40, 160, 640):
            begin = time.monotonic()
            emu.send(f"echo 0 > /sys/class/rtc/rtc0/wakealarm; echo +{seconds} > /sys/class/rtc/rtc0/wakealarm; echo mem > /sys/power/state; "
                     "echo awake-$((40+2))\n")
            qmp.wait_event("SUSPEND")
            in_time = time.monotonic() - begin < seconds - 2
            if not in_time:
                emu.hmp("system_wakeup")  # on a busy host the alarm may have gone off before the guest slept
            qmp.wait_event("WAKEUP")
            emu.expect("awake-42", 60)
            if in_time:
                break
        else:
            raise Failure("the guest does not fall asleep")
        emu.send("dmesg | grep -c 'Waking up from system sleep state S3'; poweroff -f\n")
        if emu.wait(30) != 0:
            raise Failure("exit status is not 0")


def processors_come_and_go():
    """device_add and device_del of a CPU: Linux sees it, runs on it, lets go of it, gets it again."""
    with linux("-smp", "2,maxcpus=4") as emu:
        qmp = emu.qmp()
        emu.expect("guest# ", 90)
        place = {"driver": "qemu64-x86_64-cpu", "id": "extra", "socket-id": 0, "core-id": 3, "thread-id": 0}
        for turn in range(2):
            reply = qmp.command("device_add", **place)
            if "error" in reply:
                raise Failure(f"device_add: {reply['error']}")
            emu.send("while ! [ -e /sys/devices/system/cpu/cpu2/online ]; do sleep 1; done; "
                     "echo 1 > /sys/devices/system/cpu/cpu2/online; taskset 4 echo third-runs-$((40+2))\n")
            emu.expect("third-runs-42", 60)
            if len(qmp.command("query-cpus-fast")["return"]) != 3:
                raise Failure("query-cpus-fast does not list three CPUs")
            qmp.command("device_del", id="extra")
            qmp.wait_event("DEVICE_DELETED")
            emu.send("cat /sys/devices/system/cpu/online; echo left-$((40+2))\n")
            emu.expect(r"0-1\s+left-42", 60)
        paths = [c.get("qom-path") for c in qmp.command("query-hotpluggable-cpus")["return"]]
        if [bool(p) for p in paths] != [False, False, True, True]:
            raise Failure(f"query-hotpluggable-cpus: {paths}")


def reboots_by(method):
    """Linux' ways to reset: keyboard controller, triple fault, ACPI's register, CF9."""
    with linux(append=f"reboot={method}") as emu:
        emu.expect("guest# ")
        emu.send("reboot -f\n")
        if emu.wait(30) != 0:
            raise Failure("exit status is not 0")


harness.run([
    ("linux/boot/one-vcpu-self-check-passes", selfcheck),
    ("linux/boot/two-vcpus-self-check-passes", lambda: selfcheck("-smp", "2", append="emu.cpus=2")),
    ("linux/boot/interpreter-self-check-passes", lambda: selfcheck(accel="tcg,mode=interp", timeout=400)),
    ("linux/shell/answers-what-is-typed", shell_answers),
    ("linux/memory/five-gigabytes-are-seen", memory_above_4g),
    ("linux/reboot/no-reboot-option-ends-the-emulator", no_reboot_ends),
    ("linux/reboot/comes-back-twice", reboot_comes_back),
    *[(f"linux/reboot/by-{name}", lambda letter=letter: reboots_by(letter))
      for name, letter in (("keyboard-controller", "k"), ("triple-fault", "t"), ("acpi", "a"), ("cf9", "p"))],
    ("linux/monitor/stop-and-cont", stop_and_cont),
    ("linux/hotplug/processors-come-and-go", processors_come_and_go),
    ("linux/sleep/hibernates-and-resumes", hibernate_and_resume),
    ("linux/sleep/alarm-ends-s3", alarm_wakes),
    ("linux/sleep/s3-can-be-disabled", lambda: sleep_states(["-global", "PIIX4_PM.disable_s3=1"], "S0 S4 S5")),
    ("linux/sleep/s4-can-be-disabled", lambda: sleep_states(["-global", "PIIX4_PM.disable_s4=1"], "S0 S3 S5")),
    ("linux/monitor/power-button-is-announced", power_button),
    ("linux/hotplug/pci-express-port-by-acpi",
     lambda: slot_comes_and_goes("q35", "-device", "pcie-root-port,id=port,chassis=1,slot=7", bus="port", address="0000:01:00.0")),
    ("linux/hotplug/pci-express-port-by-its-own-slot",
     lambda: slot_comes_and_goes("q35", "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off", "-device",
                                 "pcie-root-port,id=port,chassis=1,slot=7", bus="port", address="0000:01:00.0")),
    ("linux/hotplug/pci-express-port-under-ovmf", slot_under_ovmf),
    ("linux/hotplug/root-bus", lambda: slot_comes_and_goes("pc", bus="pci.0", address="0000:00:03.0")),
    ("linux/hotplug/behind-two-bridges",
     lambda: slot_comes_and_goes("pc", "-device", "pci-bridge,id=front,chassis_nr=1", "-device", "pci-bridge,id=back,bus=front,addr=4,chassis_nr=2",
                                 bus="back", address="0000:02:00.0")),
    ("linux/q35/pci-express", pci_express),
    ("linux/q35/dma-and-interrupts-are-remapped", remapping),
])
