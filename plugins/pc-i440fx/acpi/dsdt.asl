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

    // Slots that come and go: bits per slot in the ports of the hot-plug controller.
    Scope (_SB.PCI0)
    {
        Device (PHPR)
        {
            Name (_HID, "PNP0A06")
            Name (_UID, "PCI Hotplug resources")
            Name (_STA, 0x0B)
            Name (_CRS, ResourceTemplate ()
            {
                IO (Decode16, 0xAE00, 0xAE00, 0x01, 0x14)
            })
        }
        OperationRegion (PCST, SystemIO, 0xAE00, 0x14)
        Field (PCST, DWordAcc, NoLock, WriteAsZeros)
        {
            PCIU, 32,
            PCID, 32,
            B0EJ, 32,
            PRMV, 32,
            BNUM, 32
        }
        Mutex (BLCK, 0x00)
        Method (PCEJ, 1, NotSerialized)
        {
            Acquire (BLCK, 0xFFFF)
            BNUM = 0
            B0EJ = 1 << Arg0
            Release (BLCK)
        }
        Device (S02)
        {
            Name (_SUN, 2)
            Name (_ADR, 0x00020000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S03)
        {
            Name (_SUN, 3)
            Name (_ADR, 0x00030000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S04)
        {
            Name (_SUN, 4)
            Name (_ADR, 0x00040000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S05)
        {
            Name (_SUN, 5)
            Name (_ADR, 0x00050000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S06)
        {
            Name (_SUN, 6)
            Name (_ADR, 0x00060000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S07)
        {
            Name (_SUN, 7)
            Name (_ADR, 0x00070000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S08)
        {
            Name (_SUN, 8)
            Name (_ADR, 0x00080000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S09)
        {
            Name (_SUN, 9)
            Name (_ADR, 0x00090000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S0A)
        {
            Name (_SUN, 10)
            Name (_ADR, 0x000A0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S0B)
        {
            Name (_SUN, 11)
            Name (_ADR, 0x000B0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S0C)
        {
            Name (_SUN, 12)
            Name (_ADR, 0x000C0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S0D)
        {
            Name (_SUN, 13)
            Name (_ADR, 0x000D0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S0E)
        {
            Name (_SUN, 14)
            Name (_ADR, 0x000E0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S0F)
        {
            Name (_SUN, 15)
            Name (_ADR, 0x000F0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S10)
        {
            Name (_SUN, 16)
            Name (_ADR, 0x00100000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S11)
        {
            Name (_SUN, 17)
            Name (_ADR, 0x00110000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S12)
        {
            Name (_SUN, 18)
            Name (_ADR, 0x00120000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S13)
        {
            Name (_SUN, 19)
            Name (_ADR, 0x00130000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S14)
        {
            Name (_SUN, 20)
            Name (_ADR, 0x00140000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S15)
        {
            Name (_SUN, 21)
            Name (_ADR, 0x00150000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S16)
        {
            Name (_SUN, 22)
            Name (_ADR, 0x00160000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S17)
        {
            Name (_SUN, 23)
            Name (_ADR, 0x00170000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S18)
        {
            Name (_SUN, 24)
            Name (_ADR, 0x00180000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S19)
        {
            Name (_SUN, 25)
            Name (_ADR, 0x00190000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S1A)
        {
            Name (_SUN, 26)
            Name (_ADR, 0x001A0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S1B)
        {
            Name (_SUN, 27)
            Name (_ADR, 0x001B0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S1C)
        {
            Name (_SUN, 28)
            Name (_ADR, 0x001C0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S1D)
        {
            Name (_SUN, 29)
            Name (_ADR, 0x001D0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S1E)
        {
            Name (_SUN, 30)
            Name (_ADR, 0x001E0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Device (S1F)
        {
            Name (_SUN, 31)
            Name (_ADR, 0x001F0000)
            Method (_EJ0, 1, NotSerialized)
            {
                PCEJ (_SUN)
            }
        }
        Method (DVNT, 2, NotSerialized)
        {
            If (Arg0 & 0x00000004)
            {
                Notify (S02, Arg1)
            }
            If (Arg0 & 0x00000008)
            {
                Notify (S03, Arg1)
            }
            If (Arg0 & 0x00000010)
            {
                Notify (S04, Arg1)
            }
            If (Arg0 & 0x00000020)
            {
                Notify (S05, Arg1)
            }
            If (Arg0 & 0x00000040)
            {
                Notify (S06, Arg1)
            }
            If (Arg0 & 0x00000080)
            {
                Notify (S07, Arg1)
            }
            If (Arg0 & 0x00000100)
            {
                Notify (S08, Arg1)
            }
            If (Arg0 & 0x00000200)
            {
                Notify (S09, Arg1)
            }
            If (Arg0 & 0x00000400)
            {
                Notify (S0A, Arg1)
            }
            If (Arg0 & 0x00000800)
            {
                Notify (S0B, Arg1)
            }
            If (Arg0 & 0x00001000)
            {
                Notify (S0C, Arg1)
            }
            If (Arg0 & 0x00002000)
            {
                Notify (S0D, Arg1)
            }
            If (Arg0 & 0x00004000)
            {
                Notify (S0E, Arg1)
            }
            If (Arg0 & 0x00008000)
            {
                Notify (S0F, Arg1)
            }
            If (Arg0 & 0x00010000)
            {
                Notify (S10, Arg1)
            }
            If (Arg0 & 0x00020000)
            {
                Notify (S11, Arg1)
            }
            If (Arg0 & 0x00040000)
            {
                Notify (S12, Arg1)
            }
            If (Arg0 & 0x00080000)
            {
                Notify (S13, Arg1)
            }
            If (Arg0 & 0x00100000)
            {
                Notify (S14, Arg1)
            }
            If (Arg0 & 0x00200000)
            {
                Notify (S15, Arg1)
            }
            If (Arg0 & 0x00400000)
            {
                Notify (S16, Arg1)
            }
            If (Arg0 & 0x00800000)
            {
                Notify (S17, Arg1)
            }
            If (Arg0 & 0x01000000)
            {
                Notify (S18, Arg1)
            }
            If (Arg0 & 0x02000000)
            {
                Notify (S19, Arg1)
            }
            If (Arg0 & 0x04000000)
            {
                Notify (S1A, Arg1)
            }
            If (Arg0 & 0x08000000)
            {
                Notify (S1B, Arg1)
            }
            If (Arg0 & 0x10000000)
            {
                Notify (S1C, Arg1)
            }
            If (Arg0 & 0x20000000)
            {
                Notify (S1D, Arg1)
            }
            If (Arg0 & 0x40000000)
            {
                Notify (S1E, Arg1)
            }
            If (Arg0 & 0x80000000)
            {
                Notify (S1F, Arg1)
            }
        }
        Method (PCNT, 0, NotSerialized)
        {
            Acquire (BLCK, 0xFFFF)
            BNUM = 0
            DVNT (PCIU, 1)
            DVNT (PCID, 3)
            Release (BLCK)
        }
    }

    Scope (_GPE)
    {
        Name (_HID, "ACPI0006")
        Method (_E01, 0, NotSerialized)
        {
            \_SB.PCI0.PCNT ()
        }
    }
}
