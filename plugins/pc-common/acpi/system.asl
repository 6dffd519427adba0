// Devices beside the PCI bus, and pvpanic. Included at the top level.

Scope (_SB)
{
    Device (HPET)
    {
        Name (_HID, EisaId ("PNP0103"))
        Name (_UID, 0)
        Method (_STA, 0, NotSerialized)
        {
            Return (((ISAP >> 7) & 1) * 0x0F)
        }
        Name (_CRS, ResourceTemplate ()
        {
            Memory32Fixed (ReadOnly, 0xFED00000, 0x00000400)
        })
    }
}

Scope (_SB.PCI0.ISA)
{
    Device (PEVT)
    {
        Name (_HID, "QEMU0001")
        Name (PRES, ResourceTemplate ()
        {
            IO (Decode16, 0x0505, 0x0505, 0x01, 0x01, PEVP)
        })
        Method (_CRS, 0, Serialized)
        {
            CreateWordField (PRES, \_SB.PCI0.ISA.PEVT.PEVP._MIN, PMIN)
            CreateWordField (PRES, \_SB.PCI0.ISA.PEVT.PEVP._MAX, PMAX)
            PMIN = PVPP
            PMAX = PVPP
            Return (PRES)
        }
        Method (_STA, 0, NotSerialized)
        {
            Return (((ISAP >> 8) & 1) * 0x0F)
        }
        OperationRegion (PEOR, SystemIO, PVPP, 1)
        Field (PEOR, ByteAcc, NoLock, Preserve)
        {
            PEPT, 8
        }
        Method (RDPT, 0, NotSerialized)
        {
            Return (PEPT)
        }
        Method (WRPT, 1, NotSerialized)
        {
            PEPT = Arg0
        }
    }
}
