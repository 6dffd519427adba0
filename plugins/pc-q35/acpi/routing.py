#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the interrupt routing of the Q35 board as ASL: routing.py OUTPUT

Pins of slots 25 to 31 are on PIRQ A to D, those of slot n below on PIRQ E + (n + pin) mod 4. With the I/O APIC, PIRQ A to H are
its pins 16 to 23; without, link devices say which ISA request each is routed to."""

import sys


def pirq(slot, pin):
    return pin if slot >= 25 else 4 + (slot + pin) % 4


def table(name, target):
    rows = [f"    Package () {{ 0x{slot:04X}FFFF, {pin}, {target(pirq(slot, pin))} }}" for slot in range(32) for pin in range(4)]
    return f"Name ({name}, Package ()\n{{\n" + ",\n".join(rows) + "\n})\n"


def link(n):
    letter = "ABCDEFGH"[n]
    return f"""Device (LNK{letter})
{{
    Name (_HID, EisaId ("PNP0C0F"))
    Name (_UID, {n + 1})
    Name (_PRS, ResourceTemplate ()
    {{
        Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) {{ 5, 10, 11 }}
    }})
    Method (_STA, 0, NotSerialized)
    {{
        Return (LSTA (^^ISA.PRQ{letter}))
    }}
    Method (_DIS, 0, NotSerialized)
    {{
        ^^ISA.PRQ{letter} |= 0x80
    }}
    Method (_CRS, 0, NotSerialized)
    {{
        Return (LCRS (^^ISA.PRQ{letter}))
    }}
    Method (_SRS, 1, NotSerialized)
    {{
        CreateDWordField (Arg0, 5, IRQW)
        ^^ISA.PRQ{letter} = IRQW
    }}
}}
"""


with open(sys.argv[1], "w") as out:
    out.write("".join(link(n) for n in range(8)))
    out.write(table("PRTP", lambda n: f"LNK{'ABCDEFGH'[n]}, 0"))
    out.write(table("PRTA", lambda n: f"0, {16 + n}"))
    out.write("Method (_PRT, 0, NotSerialized)\n{\n    If (PICM)\n    {\n        Return (PRTA)\n    }\n    Return (PRTP)\n}\n")
