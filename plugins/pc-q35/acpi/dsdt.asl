/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * DSDT of the Q35 PC. The named integers on top are placeholders that the board patches when the
 * firmware asks for the tables; see q35-acpi.c and pc-acpi.c.
 */

DefinitionBlock ("dsdt.aml", "DSDT", 2, "EMU   ", "EMUQ35  ", 1)
{
    Name (P32S, 0x11111111) // PCI memory below 4 GiB and the configuration window: first byte,
    Name (P32E, 0x22222222) // last byte; the same: there is none
    Name (P3BS, 0x11111112) // PCI memory above the configuration window
    Name (P3BE, 0x22222223)
    Name (MCFB, 0x12121212) // configuration window: base,
    Name (MCFL, 0x34343434) // length, 0: closed
    // Above 4 GiB, in GiB, since SeaBIOS' parser knows no 64-bit integers.
    Name (P64S, 0x33333333) // start
    Name (P64L, 0x44444444) // length, 0: there is none
    Name (ISAP, 0x66666666) // ISA devices that are there: bits 0-3 COM1-4, 4 LPT1, 5 FDC, 6 i8042, 7 HPET, 8 pvpanic
    Name (PMIO, 0x7777) // power management ports
    Name (PVPP, 0x5555) // pvpanic's port
    Name (OSCM, 0x7171) // what _OSC grants

    Name (_S3, Package () { 1, 1, 0, 0 })
    Name (_S4, Package () { 2, 2, 0, 0 })
    Name (_S5, Package () { 0, 0, 0, 0 })

    Name (PICM, 0)
    Method (_PIC, 1, NotSerialized)
    {
        PICM = Arg0
    }

    Scope (_SB)
    {
        Device (PCI0)
        {
            Name (_HID, EisaId ("PNP0A08"))
            Name (_CID, EisaId ("PNP0A03"))
            Name (_UID, 0)

            Name (CR32, ResourceTemplate ()
            {
                WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
                    0x0000, 0x0000, 0x00FF, 0x0000, 0x0100)
                IO (Decode16, 0x0CF8, 0x0CF8, 0x01, 0x08)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000, 0x0000, 0x0CF7, 0x0000, 0x0CF8)
                WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
                    0x0000, 0x0D00, 0xFFFF, 0x0000, 0xF300)
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0x00000000, 0x000A0000, 0x000BFFFF, 0x00000000, 0x00020000)
            })
            Name (CRLO, ResourceTemplate ()
            {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x00000000, 0x80000000, 0xAFFFFFFF, 0x00000000, 0x30000000, , , PWLO)
            })
            Name (CRHI, ResourceTemplate ()
            {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x00000000, 0xC0000000, 0xFEBFFFFF, 0x00000000, 0x3EC00000, , , PWHI)
            })
            Name (CR64, ResourceTemplate ()
            {
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0x00000000, 0x8000000000, 0xFFFFFFFFFF, 0x00000000, 0x8000000000, , , PW64)
            })
            Method (_CRS, 0, Serialized)
            {
                Local0 = CR32
                If (P32S != P32E)
                {
                    CreateDWordField (CRLO, \_SB.PCI0.PWLO._MIN, LOMN)
                    CreateDWordField (CRLO, \_SB.PCI0.PWLO._MAX, LOMX)
                    CreateDWordField (CRLO, \_SB.PCI0.PWLO._LEN, LOLN)
                    LOMN = P32S
                    LOMX = P32E
                    LOLN = (P32E - P32S) + 1
                    Local0 = ConcatenateResTemplate (Local0, CRLO)
                }
                If (P3BS != P3BE)
                {
                    CreateDWordField (CRHI, \_SB.PCI0.PWHI._MIN, HIMN)
                    CreateDWordField (CRHI, \_SB.PCI0.PWHI._MAX, HIMX)
                    CreateDWordField (CRHI, \_SB.PCI0.PWHI._LEN, HILN)
                    HIMN = P3BS
                    HIMX = P3BE
                    HILN = (P3BE - P3BS) + 1
                    Local0 = ConcatenateResTemplate (Local0, CRHI)
                }
                If (P64L != 0)
                {
                    CreateQWordField (CR64, \_SB.PCI0.PW64._MIN, P6MN)
                    CreateQWordField (CR64, \_SB.PCI0.PW64._MAX, P6MX)
                    CreateQWordField (CR64, \_SB.PCI0.PW64._LEN, P6LN)
                    P6MN = P64S << 30
                    P6LN = P64L << 30
                    P6MX = (P6MN + P6LN) - 1
                    Local0 = ConcatenateResTemplate (Local0, CR64)
                }
                Return (Local0)
            }

            // What the guest takes over: PME, advanced errors and the PCI Express capability; hot-plug of ports when ACPI has none for them.
            Method (_OSC, 4, Serialized)
            {
                CreateDWordField (Arg3, 0, CDW1)
                If (Arg0 != ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
                {
                    CDW1 |= 0x04 // unknown UUID
                    Return (Arg3)
                }
                If (Arg1 != 1)
                {
                    CDW1 |= 0x08 // unknown revision
                }
                CreateDWordField (Arg3, 8, CDW3)
                Local0 = CDW3 & OSCM
                If (Local0 != CDW3)
                {
                    CDW1 |= 0x10 // not all was granted
                }
                CDW3 = Local0
                Return (Arg3)
            }

            Device (ISA)
            {
                Name (_ADR, 0x001F0000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 0x0C)
                Field (PIRQ, ByteAcc, NoLock, Preserve)
                {
                    PRQA, 8,
                    PRQB, 8,
                    PRQC, 8,
                    PRQD, 8,
                    Offset (0x08),
                    PRQE, 8,
                    PRQF, 8,
                    PRQG, 8,
                    PRQH, 8
                }

                Include ("isa.asl")
            }

            Include ("links.asl")
            Include ("routing.asl")

            // Power management and firmware ports that no other device claims.
            Device (MBRD)
            {
                Name (_HID, EisaId ("PNP0C02"))
                Name (_UID, 1)
                Name (MCRS, ResourceTemplate ()
                {
                    IO (Decode16, 0x0000, 0x0000, 0x01, 0x80, PMBR)
                    IO (Decode16, 0x00B2, 0x00B2, 0x01, 0x02)
                    IO (Decode16, 0x0092, 0x0092, 0x01, 0x01)
                    IO (Decode16, 0x04D0, 0x04D0, 0x01, 0x02)
                })
                Method (_CRS, 0, Serialized)
                {
                    CreateWordField (MCRS, \_SB.PCI0.MBRD.PMBR._MIN, PMMN)
                    CreateWordField (MCRS, \_SB.PCI0.MBRD.PMBR._MAX, PMMX)
                    PMMN = PMIO
                    PMMX = PMIO
                    Return (MCRS)
                }
            }

            Device (FWCF)
            {
                Name (_HID, "QEMU0002")
                Name (_STA, 0x0B)
                Name (_CRS, ResourceTemplate ()
                {
                    IO (Decode16, 0x0510, 0x0510, 0x01, 0x0C)
                })
            }
        }

        // The window of the enhanced configuration access mechanism.
        Device (DRAC)
        {
            Name (_HID, EisaId ("PNP0C02"))
            Name (_UID, 2)
            Name (DCRS, ResourceTemplate ()
            {
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x00000000, 0xB0000000, 0xBFFFFFFF, 0x00000000, 0x10000000, , , MWIN)
            })
            Method (_STA, 0, NotSerialized)
            {
                If (MCFL)
                {
                    Return (0x0F)
                }
                Return (0)
            }
            Method (_CRS, 0, Serialized)
            {
                CreateDWordField (DCRS, \_SB.DRAC.MWIN._MIN, MWMN)
                CreateDWordField (DCRS, \_SB.DRAC.MWIN._MAX, MWMX)
                CreateDWordField (DCRS, \_SB.DRAC.MWIN._LEN, MWLN)
                MWMN = MCFB
                MWMX = (MCFB + MCFL) - 1
                MWLN = MCFL
                Return (DCRS)
            }
        }
    }

    Include ("system.asl")
}
