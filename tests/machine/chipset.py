#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Linux' own drivers at what a chipset has beside buses and interrupts: its watchdog."""

import harness
from harness import Failure, Guest

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


harness.run([
    ("chipset/tco/keep-alive-that-stops-resets-the-machine", watchdog_resets),
    ("chipset/tco/strap-disables-it", strap_disables_watchdog),
])
