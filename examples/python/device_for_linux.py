# SPDX-License-Identifier: LGPL-2.1-or-later
"""A PCI card in Python: Linux finds it, and a program in the guest reads its registers through /sys."""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

from guest import linux


class Dice(Emu.PciDevice):
    """A card that throws dice"""

    __gtype_name__ = "example-dice"
    pci_ids = (0x1234, 0xD1CE, 0xFF00)
    thrown = Emu.Saved(int)
    regions = [Emu.RegionSpec("dice", 256, "io", bar=0)]

    def do_read(self, region, offset, size):
        self.thrown += 1
        return 0x36 if offset == 0 else self.thrown


with linux() as m:
    dice = m.add(Dice, addr="a")
    m.start()
    console = m["serial0"]
    console.expect("guest# ", timeout=600)
    console.send("cd /sys/bus/pci/devices/0000:00:0a.0; cat vendor device\n")
    console.expect("0x1234\r\n0xd1ce\r\n", timeout=600)
    console.send("echo 1 >enable; dd if=resource0 bs=1 count=1 2>/dev/null; echo '<-'\n")
    print("the guest reads", console.expect(r"\n(.)<-", timeout=600)[1])
    assert dice.thrown == 1
