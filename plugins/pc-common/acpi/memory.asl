/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Memory modules that come and go: the methods behind those of each slot, which another table has. MHPB is a placeholder for the
 * port.
 */

DefinitionBlock ("memory.aml", "SSDT", 1, "EMU   ", "EMUMEM  ", 1)
{
    External (\_SB.MTFY, MethodObj)

    Scope (\_SB)
    {
        Name (MHPB, 0x5555)

        Device (MHPR)
        {
            Name (_HID, "PNP0A06")
            Name (_UID, "Memory hotplug resources")
            Name (_STA, 0x0B)
            Name (MRES, ResourceTemplate ()
            {
                IO (Decode16, 0x0000, 0x0000, 0x01, 0x18, MHPI)
            })
            Method (_CRS, 0, Serialized)
            {
                CreateWordField (MRES, \_SB.MHPR.MHPI._MIN, MHMN)
                CreateWordField (MRES, \_SB.MHPR.MHPI._MAX, MHMX)
                MHMN = MHPB
                MHMX = MHPB
                Return (MRES)
            }
        }

        OperationRegion (MHST, SystemIO, MHPB, 0x18)
        Field (MHST, DWordAcc, NoLock, WriteAsZeros)
        {
            MADL, 32, // address, read; slot, written
            MADH, 32, // event of _OST, written
            MLNL, 32, // length; status of _OST, written
            MLNH, 32,
            MNOD, 32
        }
        Field (MHST, ByteAcc, NoLock, WriteAsZeros)
        {
            Offset (0x14),
            MPRE, 1, // there
            MINS, 1, // has come; writing 1 clears it
            MRMV, 1, // shall go; likewise
            MEJT, 1
        }
        Mutex (MLCK, 0)

        Method (MSTA, 1, Serialized)
        {
            Acquire (MLCK, 0xFFFF)
            MADL = Arg0
            Local0 = 0
            If (MPRE == 1)
            {
                Local0 = 0x0F
            }
            Release (MLCK)
            Return (Local0)
        }

        // In halves: integers have 32 bits for some.
        Method (MCRS, 1, Serialized)
        {
            Name (MBUF, ResourceTemplate ()
            {
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0x0000000000000000, 0x0000000000000000, 0x000000000000FFFF, 0x0000000000000000, 0x0000000000010000, , , MRNG)
            })
            CreateDWordField (MBUF, 14, FRSL)
            CreateDWordField (MBUF, 18, FRSH)
            CreateDWordField (MBUF, 22, LSTL)
            CreateDWordField (MBUF, 26, LSTH)
            CreateDWordField (MBUF, 38, SIZL)
            CreateDWordField (MBUF, 42, SIZH)
            Acquire (MLCK, 0xFFFF)
            MADL = Arg0
            FRSL = MADL
            FRSH = MADH
            SIZL = MLNL
            SIZH = MLNH
            Release (MLCK)
            LSTL = FRSL + SIZL
            LSTH = FRSH + SIZH
            If (LSTL < FRSL)
            {
                LSTH = LSTH + 1
            }
            If (LSTL == 0)
            {
                LSTH = LSTH - 1
            }
            LSTL = LSTL - 1
            Return (MBUF)
        }

        Method (MPXM, 1, Serialized)
        {
            Acquire (MLCK, 0xFFFF)
            MADL = Arg0
            Local0 = MNOD
            Release (MLCK)
            Return (Local0)
        }

        Method (MEJ0, 1, Serialized)
        {
            Acquire (MLCK, 0xFFFF)
            MADL = Arg0
            MEJT = 1
            Release (MLCK)
        }

        Method (MOST, 3, Serialized)
        {
            Acquire (MLCK, 0xFFFF)
            MADL = Arg0
            MADH = Arg1
            MLNL = Arg2
            Release (MLCK)
        }

        // The news of Arg0 slots.
        Method (MSCN, 1, Serialized)
        {
            Acquire (MLCK, 0xFFFF)
            Local0 = 0
            While (Local0 < Arg0)
            {
                MADL = Local0
                If (MINS == 1)
                {
                    MTFY (Local0, 1)
                    MINS = 1
                }
                ElseIf (MRMV == 1)
                {
                    MTFY (Local0, 3)
                    MRMV = 1
                }
                Local0++
            }
            Release (MLCK)
        }
    }
}
