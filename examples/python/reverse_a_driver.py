# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel does to the clock chip: an index goes to port 0x70, data comes from and goes to port 0x71."""

import collections

from guest import linux

NAMES = {0: "seconds", 2: "minutes", 4: "hours", 7: "day", 8: "month", 9: "year", 10: "status A", 11: "status B", 12: "status C",
         13: "status D", 15: "shutdown code", 0x32: "century"}

with linux() as m:
    m.start(paused=True)
    tap = m.tap(0x70, 2)
    m["serial0"].expect("guest# ", timeout=600)
    index, reads, writes, places = 0, collections.Counter(), collections.Counter(), collections.defaultdict(set)
    for access in tap.take():
        if access.address == 0x70 and access.write:
            index = access.value & 0x7F
        elif access.address == 0x71 and access.cpu >= 0:
            (writes if access.write else reads)[index] += 1
            places[index].add(access.pc)
    for register in sorted(set(reads) | set(writes)):
        print(f"register {register:#04x} {NAMES.get(register, ''):14} {reads[register]:5} reads {writes[register]:4} writes,"
              f" from {len(places[register])} places")
    assert reads[11] and reads[0], "the kernel reads the time"
