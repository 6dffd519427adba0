#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux' own drivers at what a chipset has beside buses and interrupts: its watchdog, memory that comes and goes."""

import os
import re

import harness
from harness import Failure, Guest, Skip

# In the order in which they need each other.
TCO_MODULES = ["drivers/i2c/i2c-smbus", "drivers/i2c/busses/i2c-i801", "drivers/watchdog/watchdog", "drivers/watchdog/iTCO_vendor_support",
               "drivers/mfd/intel_pmc_bxt", "drivers/watchdog/iTCO_wdt", "drivers/mfd/lpc_ich"]


def load(modules, **parameters):
    return " && ".join(f"insmod /modules/{name}.ko {parameters.get(name, '')}" for name in (m.rsplit('/', 1)[1] for m in modules))


def watchdog_resets():
    """iTCO_wdt keeps the machine alive as long as somebody asks it to, and no longer."""
    with Guest(TCO_MODULES, "-M", "q35", "-m", "256", "-global", "ICH9-LPC.noreboot=off") as guest:
        qmp = guest.emu.qmp()
        guest.must(load(TCO_MODULES, iTCO_wdt="heartbeat=4") + " && dmesg | grep -i -e i801 -e tco", "SMBus using PCI interrupt",
                   "Found a ICH9 TCO device (Version=2, TCOBASE=0x0660)", "initialized. heartbeat=4 sec (nowayout=0)")
        # The second timeout is at 7.2 s.
        guest.must("exec 3> /dev/watchdog; for i in 1 2 3 4 5 6; do echo k >&3; sleep 2; done; echo V >&3; exec 3>&-; echo al''ive", "alive")
        guest.emu.send("sleep 9; echo di''sarmed\n")
        guest.emu.expect("disarmed", 60)
        guest.emu.send("echo k > /dev/watchdog\n")
        event = qmp.wait_event("WATCHDOG")
        if event["data"] != {"action": "reset"}:
            raise Failure(f"WATCHDOG: {event}")
        guest.emu.expect("Linux version 6", 60)
        guest.emu.expect("guest# ", 120)


def strap_disables_watchdog():
    with Guest(TCO_MODULES, "-M", "q35", "-m", "256") as guest:
        guest.must(load(TCO_MODULES) + "; dmesg | grep -i tco", "unable to reset NO_REBOOT flag, device disabled by hardware/BIOS")


def ovmf():
    path = "/usr/share/ovmf/OVMF.fd"
    if not os.path.exists(path):
        raise Skip(f"{path} is missing: Debian's package ovmf is not installed")
    return ["-bios", path]


MIB = 1 << 20
BLOCKS = "/sys/devices/system/memory"


def ask(qmp, command, **arguments):
    reply = qmp.command(command, **arguments)
    if "error" in reply:
        raise Failure(f"{command}: {reply['error']}")
    return reply["return"]


def add_module(qmp, name, size, **properties):
    ask(qmp, "object-add", **{"qom-type": "memory-backend-ram", "id": f"memory-{name}", "size": size})
    ask(qmp, "device_add", driver="pc-dimm", id=name, memdev=f"memory-{name}", **properties)
    while (info := qmp.wait_event("ACPI_DEVICE_OST")["data"]["info"])["source"] != 1:
        pass  # what it said of one that went
    if info != {"device": name, "slot": info["slot"], "slot-type": "DIMM", "source": 1, "status": 0}:
        raise Failure(f"the guest took {name} so: {info}")


def remove_module(qmp, name):
    ask(qmp, "device_del", id=name)
    while qmp.wait_event("DEVICE_DELETED")["data"].get("device") != name:
        pass
    ask(qmp, "object-del", id=f"memory-{name}")


def total(guest):
    """What the guest counts as its memory, in KiB."""
    return int(re.search(r"MemTotal: +([0-9]+) kB", guest.run("cat /proc/meminfo")).group(1))


def near(kib, wanted_mib):
    if not (wanted_mib - 20) * 1024 < kib < (wanted_mib + 20) * 1024:
        raise Failure(f"{kib} KiB of memory, expected about {wanted_mib} MiB")


def memory_comes_and_goes(machine, *args, accel=None):
    """A module on the command line, one that comes, is filled and goes, one that is brought up and down by hand; each twice."""
    with Guest([], "-M", machine, "-m", "256,slots=3,maxmem=2G", "-object", "memory-backend-ram,id=memory-d0,size=128M", "-device",
               "pc-dimm,id=d0,memdev=memory-d0", *args, append="memhp_default_state=online_movable", accel=accel) as guest:
        qmp = guest.emu.qmp()
        with_one = total(guest)
        for turn in range(2):
            add_module(qmp, "d1", 512 * MIB)
            near(total(guest) - with_one, 512)
            # More than the machine began with.
            guest.must("mkdir -p /m; mount -t tmpfs -o size=600m none /m; seq 1 150000 > /m/s; for i in $(seq 1 400); do cat /m/s; done > /m/a; "
                       "wc -c < /m/a; sum=$(md5sum < /m/a); [ \"$sum\" = \"$(for i in $(seq 1 400); do cat /m/s; done | md5sum)\" ] && echo sa''me; umount /m",
                       "375558000", "same", timeout=300)
            devices = ask(qmp, "query-memory-devices")
            if [(d["type"], d["data"]["id"], d["data"]["size"], d["data"]["slot"], d["data"]["hotplugged"]) for d in devices] != \
                    [("dimm", "d0", 128 * MIB, 0, False), ("dimm", "d1", 512 * MIB, 1, True)]:
                raise Failure(f"query-memory-devices: {devices}")
            if ask(qmp, "query-memory-size-summary") != {"base-memory": 256 * MIB, "plugged-memory": 640 * MIB}:
                raise Failure("query-memory-size-summary")
            remove_module(qmp, "d1")
            near(total(guest) - with_one, 0)
        guest.run(f"echo offline > {BLOCKS}/auto_online_blocks; ls {BLOCKS} > /before")
        add_module(qmp, "d2", 256 * MIB, slot=2, addr=0x180000000)
        near(total(guest) - with_one, 0)
        guest.must(f"ls {BLOCKS} | grep -v -x -f /before", "memory48", "memory49")
        guest.must(f"for i in 48 49; do echo online_movable > {BLOCKS}/memory$i/state; done; cat {BLOCKS}/memory4[89]/state", "online")
        near(total(guest) - with_one, 256)
        guest.run(f"for i in 48 49; do echo offline > {BLOCKS}/memory$i/state; done")
        near(total(guest) - with_one, 0)
        remove_module(qmp, "d2")
        # The one from the command line is like any other.
        remove_module(qmp, "d0")
        near(total(guest) - with_one, -128)
        text = guest.run("dmesg | grep -e 'ACPI.*Error' -e 'BUG:' -e 'Bad page'")
        if "[ " in text:
            raise Failure(text)


def guest_keeps_memory():
    """A module that the guest cannot let go of stays, and the monitor hears why."""
    with Guest([], "-M", "q35", "-m", "256,slots=1,maxmem=1G", append="memhp_default_state=online_kernel") as guest:
        qmp = guest.emu.qmp()
        add_module(qmp, "d1", 128 * MIB)
        # Pages of the kernel's own: a file system in memory of its own inodes and directories.
        guest.must("mkdir -p /m; mount -t tmpfs -o size=300m,nr_inodes=400000 none /m; cd /m; for i in $(seq 1 60000); do : > $i; done; ls | wc -l", "60000",
                   timeout=300)
        ask(qmp, "device_del", id="d1")
        while True:
            info = qmp.wait_event("ACPI_DEVICE_OST")["data"]["info"]
            if info["status"] != 0x84:  # ejection in progress
                break
        if info["device"] != "d1" or info["source"] != 3 or info["status"] == 0:
            raise Failure(f"the guest said {info}")
        if len(ask(qmp, "query-memory-devices")) != 1:
            raise Failure("the module is gone")


def devices_lie_above(*args):
    """Firmware keeps large BARs out of the range for modules, and its memory map says nothing of it."""
    with Guest([], "-M", "q35", "-m", "256,slots=3,maxmem=2G", "-device", "pci-testdev,membar=8G", *args) as guest:
        text = guest.run("cat /sys/bus/pci/devices/*/resource | grep -e 0x0000000[1-9a-f] -e 0x000000[1-9a-f]")
        starts = [int(line.split()[0], 16) for line in text.splitlines() if line.startswith("0x")]
        if not starts or min(starts) < 0x240000000:
            raise Failure(f"BARs above 4 GiB, expected beyond 0x240000000:\n{text}")
        text = guest.run("dmesg | grep BIOS-e820")
        if "BIOS-e820" not in text or re.search("mem 0x0000000[1-9a-f]", text):
            raise Failure(text)


harness.run([
    ("chipset/tco/keep-alive-that-stops-resets-the-machine", watchdog_resets),
    ("chipset/tco/strap-disables-it", strap_disables_watchdog),
    ("chipset/memory/comes-and-goes-on-pc", lambda: memory_comes_and_goes("pc")),
    ("chipset/memory/comes-and-goes-on-q35", lambda: memory_comes_and_goes("q35", "-smp", "2")),
    ("chipset/memory/comes-and-goes-under-ovmf", lambda: memory_comes_and_goes("q35", *ovmf())),
    ("chipset/memory/guest-keeps-it", guest_keeps_memory),
    ("chipset/memory/devices-lie-above", devices_lie_above),
    ("chipset/memory/devices-lie-above-under-ovmf", lambda: devices_lie_above(*ovmf())),
])
