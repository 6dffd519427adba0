/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * DSDT of the i440FX PC. The named integers on top are placeholders that the board patches when the
 * firmware asks for the tables; see pc-acpi.c.
 */

DefinitionBlock ("dsdt.aml", "DSDT", 2, "EMU   ", "EMUPC   ", 1)
{
    Name (P32S, 0x11111111) // PCI memory below 4 GiB: first byte,
    Name (P32E, 0x22222222) // last byte
    // Above 4 GiB, in GiB, since SeaBIOS' parser knows no 64-bit integers.
    Name (P64S, 0x33333333) // start
    Name (P64L, 0x44444444) // length, 0: there is none
    Name (ISAP, 0x66666666) // ISA devices that are there: bits 0-3 COM1-4, 4 LPT1, 5 FDC, 6 i8042, 7 HPET, 8 pvpanic
    Name (PMIO, 0x7777) // power management ports
    Name (PVPP, 0x5555) // pvpanic's port

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
            Name (_HID, EisaId ("PNP0A03"))
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
                DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
                    0x00000000, 0xE0000000, 0xFEBFFFFF, 0x00000000, 0x1EC00000, , , PW32)
            })
            Name (CR64, ResourceTemplate ()
            {
                QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
                    0x00000000, 0x8000000000, 0xFFFFFFFFFF, 0x00000000, 0x8000000000, , , PW64)
            })
            Method (_CRS, 0, Serialized)
            {
                CreateDWordField (CR32, \_SB.PCI0.PW32._MIN, P3MN)
                CreateDWordField (CR32, \_SB.PCI0.PW32._MAX, P3MX)
                CreateDWordField (CR32, \_SB.PCI0.PW32._LEN, P3LN)
                P3MN = P32S
                P3MX = P32E
                P3LN = (P32E - P32S) + 1
                If (P64L == 0)
                {
                    Return (CR32)
                }
                CreateQWordField (CR64, \_SB.PCI0.PW64._MIN, P6MN)
                CreateQWordField (CR64, \_SB.PCI0.PW64._MAX, P6MX)
                CreateQWordField (CR64, \_SB.PCI0.PW64._LEN, P6LN)
                P6MN = P64S << 30
                P6LN = P64L << 30
                P6MX = (P6MN + P6LN) - 1
                Return (ConcatenateResTemplate (CR32, CR64))
            }

            // INTA..INTD of slot n are on PIRQ (pin + n - 1) mod 4; function 3 of slot 1 raises the SCI.
            Name (_PRT, Package ()
            {
                Package () { 0x0000FFFF, 0, LNKD, 0 }, Package () { 0x0000FFFF, 1, LNKA, 0 },
                Package () { 0x0000FFFF, 2, LNKB, 0 }, Package () { 0x0000FFFF, 3, LNKC, 0 },
                Package () { 0x0001FFFF, 0, LNKS, 0 }, Package () { 0x0001FFFF, 1, LNKB, 0 },
                Package () { 0x0001FFFF, 2, LNKC, 0 }, Package () { 0x0001FFFF, 3, LNKD, 0 },
                Package () { 0x0002FFFF, 0, LNKB, 0 }, Package () { 0x0002FFFF, 1, LNKC, 0 },
                Package () { 0x0002FFFF, 2, LNKD, 0 }, Package () { 0x0002FFFF, 3, LNKA, 0 },
                Package () { 0x0003FFFF, 0, LNKC, 0 }, Package () { 0x0003FFFF, 1, LNKD, 0 },
                Package () { 0x0003FFFF, 2, LNKA, 0 }, Package () { 0x0003FFFF, 3, LNKB, 0 },
                Package () { 0x0004FFFF, 0, LNKD, 0 }, Package () { 0x0004FFFF, 1, LNKA, 0 },
                Package () { 0x0004FFFF, 2, LNKB, 0 }, Package () { 0x0004FFFF, 3, LNKC, 0 },
                Package () { 0x0005FFFF, 0, LNKA, 0 }, Package () { 0x0005FFFF, 1, LNKB, 0 },
                Package () { 0x0005FFFF, 2, LNKC, 0 }, Package () { 0x0005FFFF, 3, LNKD, 0 },
                Package () { 0x0006FFFF, 0, LNKB, 0 }, Package () { 0x0006FFFF, 1, LNKC, 0 },
                Package () { 0x0006FFFF, 2, LNKD, 0 }, Package () { 0x0006FFFF, 3, LNKA, 0 },
                Package () { 0x0007FFFF, 0, LNKC, 0 }, Package () { 0x0007FFFF, 1, LNKD, 0 },
                Package () { 0x0007FFFF, 2, LNKA, 0 }, Package () { 0x0007FFFF, 3, LNKB, 0 },
                Package () { 0x0008FFFF, 0, LNKD, 0 }, Package () { 0x0008FFFF, 1, LNKA, 0 },
                Package () { 0x0008FFFF, 2, LNKB, 0 }, Package () { 0x0008FFFF, 3, LNKC, 0 },
                Package () { 0x0009FFFF, 0, LNKA, 0 }, Package () { 0x0009FFFF, 1, LNKB, 0 },
                Package () { 0x0009FFFF, 2, LNKC, 0 }, Package () { 0x0009FFFF, 3, LNKD, 0 },
                Package () { 0x000AFFFF, 0, LNKB, 0 }, Package () { 0x000AFFFF, 1, LNKC, 0 },
                Package () { 0x000AFFFF, 2, LNKD, 0 }, Package () { 0x000AFFFF, 3, LNKA, 0 },
                Package () { 0x000BFFFF, 0, LNKC, 0 }, Package () { 0x000BFFFF, 1, LNKD, 0 },
                Package () { 0x000BFFFF, 2, LNKA, 0 }, Package () { 0x000BFFFF, 3, LNKB, 0 },
                Package () { 0x000CFFFF, 0, LNKD, 0 }, Package () { 0x000CFFFF, 1, LNKA, 0 },
                Package () { 0x000CFFFF, 2, LNKB, 0 }, Package () { 0x000CFFFF, 3, LNKC, 0 },
                Package () { 0x000DFFFF, 0, LNKA, 0 }, Package () { 0x000DFFFF, 1, LNKB, 0 },
                Package () { 0x000DFFFF, 2, LNKC, 0 }, Package () { 0x000DFFFF, 3, LNKD, 0 },
                Package () { 0x000EFFFF, 0, LNKB, 0 }, Package () { 0x000EFFFF, 1, LNKC, 0 },
                Package () { 0x000EFFFF, 2, LNKD, 0 }, Package () { 0x000EFFFF, 3, LNKA, 0 },
                Package () { 0x000FFFFF, 0, LNKC, 0 }, Package () { 0x000FFFFF, 1, LNKD, 0 },
                Package () { 0x000FFFFF, 2, LNKA, 0 }, Package () { 0x000FFFFF, 3, LNKB, 0 },
                Package () { 0x0010FFFF, 0, LNKD, 0 }, Package () { 0x0010FFFF, 1, LNKA, 0 },
                Package () { 0x0010FFFF, 2, LNKB, 0 }, Package () { 0x0010FFFF, 3, LNKC, 0 },
                Package () { 0x0011FFFF, 0, LNKA, 0 }, Package () { 0x0011FFFF, 1, LNKB, 0 },
                Package () { 0x0011FFFF, 2, LNKC, 0 }, Package () { 0x0011FFFF, 3, LNKD, 0 },
                Package () { 0x0012FFFF, 0, LNKB, 0 }, Package () { 0x0012FFFF, 1, LNKC, 0 },
                Package () { 0x0012FFFF, 2, LNKD, 0 }, Package () { 0x0012FFFF, 3, LNKA, 0 },
                Package () { 0x0013FFFF, 0, LNKC, 0 }, Package () { 0x0013FFFF, 1, LNKD, 0 },
                Package () { 0x0013FFFF, 2, LNKA, 0 }, Package () { 0x0013FFFF, 3, LNKB, 0 },
                Package () { 0x0014FFFF, 0, LNKD, 0 }, Package () { 0x0014FFFF, 1, LNKA, 0 },
                Package () { 0x0014FFFF, 2, LNKB, 0 }, Package () { 0x0014FFFF, 3, LNKC, 0 },
                Package () { 0x0015FFFF, 0, LNKA, 0 }, Package () { 0x0015FFFF, 1, LNKB, 0 },
                Package () { 0x0015FFFF, 2, LNKC, 0 }, Package () { 0x0015FFFF, 3, LNKD, 0 },
                Package () { 0x0016FFFF, 0, LNKB, 0 }, Package () { 0x0016FFFF, 1, LNKC, 0 },
                Package () { 0x0016FFFF, 2, LNKD, 0 }, Package () { 0x0016FFFF, 3, LNKA, 0 },
                Package () { 0x0017FFFF, 0, LNKC, 0 }, Package () { 0x0017FFFF, 1, LNKD, 0 },
                Package () { 0x0017FFFF, 2, LNKA, 0 }, Package () { 0x0017FFFF, 3, LNKB, 0 },
                Package () { 0x0018FFFF, 0, LNKD, 0 }, Package () { 0x0018FFFF, 1, LNKA, 0 },
                Package () { 0x0018FFFF, 2, LNKB, 0 }, Package () { 0x0018FFFF, 3, LNKC, 0 },
                Package () { 0x0019FFFF, 0, LNKA, 0 }, Package () { 0x0019FFFF, 1, LNKB, 0 },
                Package () { 0x0019FFFF, 2, LNKC, 0 }, Package () { 0x0019FFFF, 3, LNKD, 0 },
                Package () { 0x001AFFFF, 0, LNKB, 0 }, Package () { 0x001AFFFF, 1, LNKC, 0 },
                Package () { 0x001AFFFF, 2, LNKD, 0 }, Package () { 0x001AFFFF, 3, LNKA, 0 },
                Package () { 0x001BFFFF, 0, LNKC, 0 }, Package () { 0x001BFFFF, 1, LNKD, 0 },
                Package () { 0x001BFFFF, 2, LNKA, 0 }, Package () { 0x001BFFFF, 3, LNKB, 0 },
                Package () { 0x001CFFFF, 0, LNKD, 0 }, Package () { 0x001CFFFF, 1, LNKA, 0 },
                Package () { 0x001CFFFF, 2, LNKB, 0 }, Package () { 0x001CFFFF, 3, LNKC, 0 },
                Package () { 0x001DFFFF, 0, LNKA, 0 }, Package () { 0x001DFFFF, 1, LNKB, 0 },
                Package () { 0x001DFFFF, 2, LNKC, 0 }, Package () { 0x001DFFFF, 3, LNKD, 0 },
                Package () { 0x001EFFFF, 0, LNKB, 0 }, Package () { 0x001EFFFF, 1, LNKC, 0 },
                Package () { 0x001EFFFF, 2, LNKD, 0 }, Package () { 0x001EFFFF, 3, LNKA, 0 },
                Package () { 0x001FFFFF, 0, LNKC, 0 }, Package () { 0x001FFFFF, 1, LNKD, 0 },
                Package () { 0x001FFFFF, 2, LNKA, 0 }, Package () { 0x001FFFFF, 3, LNKB, 0 }
            })

            Device (ISA)
            {
                Name (_ADR, 0x00010000)
                OperationRegion (PIRQ, PCI_Config, 0x60, 4)
            }

            // Power management and firmware ports that no other device claims.
            Device (MBRD)
            {
                Name (_HID, EisaId ("PNP0C02"))
                Name (_UID, 1)
                Name (MCRS, ResourceTemplate ()
                {
                    IO (Decode16, 0x0000, 0x0000, 0x01, 0x40, PMBR)
                    IO (Decode16, 0xAFE0, 0xAFE0, 0x01, 0x04)
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

        Scope (PCI0.ISA)
        {
            Field (PIRQ, ByteAcc, NoLock, Preserve)
            {
                PRQA, 8,
                PRQB, 8,
                PRQC, 8,
                PRQD, 8
            }

            Include ("isa.asl")
        }

        Scope (PCI0)
        {
            Include ("links.asl")

            // The SCI is wired to request 9.
            Device (LNKS)
            {
                Name (_HID, EisaId ("PNP0C0F"))
                Name (_UID, 0)
                Name (_STA, 0x0B)
                Name (_PRS, ResourceTemplate ()
                {
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 9 }
                })
                Method (_DIS, 0, NotSerialized)
                {
                }
                Method (_CRS, 0, NotSerialized)
                {
                    Return (_PRS)
                }
                Method (_SRS, 1, NotSerialized)
                {
                }
            }

            Device (LNKA)
            {
                Name (_HID, EisaId ("PNP0C0F"))
                Name (_UID, 1)
                Name (_PRS, ResourceTemplate ()
                {
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 5, 10, 11 }
                })
                Method (_STA, 0, NotSerialized)
                {
                    Return (LSTA (^^ISA.PRQA))
                }
                Method (_DIS, 0, NotSerialized)
                {
                    ^^ISA.PRQA |= 0x80
                }
                Method (_CRS, 0, NotSerialized)
                {
                    Return (LCRS (^^ISA.PRQA))
                }
                Method (_SRS, 1, NotSerialized)
                {
                    CreateDWordField (Arg0, 5, IRQW)
                    ^^ISA.PRQA = IRQW
                }
            }
            Device (LNKB)
            {
                Name (_HID, EisaId ("PNP0C0F"))
                Name (_UID, 2)
                Name (_PRS, ResourceTemplate ()
                {
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 5, 10, 11 }
                })
                Method (_STA, 0, NotSerialized)
                {
                    Return (LSTA (^^ISA.PRQB))
                }
                Method (_DIS, 0, NotSerialized)
                {
                    ^^ISA.PRQB |= 0x80
                }
                Method (_CRS, 0, NotSerialized)
                {
                    Return (LCRS (^^ISA.PRQB))
                }
                Method (_SRS, 1, NotSerialized)
                {
                    CreateDWordField (Arg0, 5, IRQW)
                    ^^ISA.PRQB = IRQW
                }
            }
            Device (LNKC)
            {
                Name (_HID, EisaId ("PNP0C0F"))
                Name (_UID, 3)
                Name (_PRS, ResourceTemplate ()
                {
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 5, 10, 11 }
                })
                Method (_STA, 0, NotSerialized)
                {
                    Return (LSTA (^^ISA.PRQC))
                }
                Method (_DIS, 0, NotSerialized)
                {
                    ^^ISA.PRQC |= 0x80
                }
                Method (_CRS, 0, NotSerialized)
                {
                    Return (LCRS (^^ISA.PRQC))
                }
                Method (_SRS, 1, NotSerialized)
                {
                    CreateDWordField (Arg0, 5, IRQW)
                    ^^ISA.PRQC = IRQW
                }
            }
            Device (LNKD)
            {
                Name (_HID, EisaId ("PNP0C0F"))
                Name (_UID, 4)
                Name (_PRS, ResourceTemplate ()
                {
                    Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 5, 10, 11 }
                })
                Method (_STA, 0, NotSerialized)
                {
                    Return (LSTA (^^ISA.PRQD))
                }
                Method (_DIS, 0, NotSerialized)
                {
                    ^^ISA.PRQD |= 0x80
                }
                Method (_CRS, 0, NotSerialized)
                {
                    Return (LCRS (^^ISA.PRQD))
                }
                Method (_SRS, 1, NotSerialized)
                {
                    CreateDWordField (Arg0, 5, IRQW)
                    ^^ISA.PRQD = IRQW
                }
            }
        }
    }

    Include ("system.asl")

    Scope (_GPE)
    {
        Name (_HID, "ACPI0006")
    }
}
