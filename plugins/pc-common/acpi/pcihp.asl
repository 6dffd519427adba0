/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * PCI slots that come and go: the registers behind the methods of each slot, which another table has. PHPB is a placeholder for
 * the port.
 */

DefinitionBlock ("pcihp.aml", "SSDT", 1, "EMU   ", "EMUPCIHP", 1)
{
    External (\_SB.PCI0, DeviceObj)
    External (\_SB.PCI0.PCNT, MethodObj)

    Scope (\_SB.PCI0)
    {
        Name (PHPB, 0x5555)

        Device (PHPR)
        {
            Name (_HID, "PNP0A06")
            Name (_UID, "PCI Hotplug resources")
            Name (_STA, 0x0B)
            Name (PRES, ResourceTemplate ()
            {
                IO (Decode16, 0x0000, 0x0000, 0x01, 0x14, PHPI)
            })
            Method (_CRS, 0, Serialized)
            {
                CreateWordField (PRES, \_SB.PCI0.PHPR.PHPI._MIN, PHMN)
                CreateWordField (PRES, \_SB.PCI0.PHPR.PHPI._MAX, PHMX)
                PHMN = PHPB
                PHMX = PHPB
                Return (PRES)
            }
        }

        // Bits per slot of bus BNUM: have come, shall go, go.
        OperationRegion (PCST, SystemIO, PHPB, 0x14)
        Field (PCST, DWordAcc, NoLock, WriteAsZeros)
        {
            PCIU, 32,
            PCID, 32,
            B0EJ, 32,
            PRMV, 32,
            BNUM, 32
        }
        Mutex (BLCK, 0x00)

        Method (PCEJ, 2, NotSerialized)
        {
            Acquire (BLCK, 0xFFFF)
            BNUM = Arg0
            B0EJ = 1 << Arg1
            Release (BLCK)
        }
    }

    Scope (\_GPE)
    {
        Method (_E01, 0, NotSerialized)
        {
            Acquire (\_SB.PCI0.BLCK, 0xFFFF)
            \_SB.PCI0.PCNT ()
            Release (\_SB.PCI0.BLCK)
        }
    }
}
