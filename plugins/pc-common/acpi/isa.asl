// What is on the ISA bus of a PC; bits of ISAP say what is there. Included in the scope of the ISA bridge.

Method (ISTA, 1, NotSerialized)
{
    Return (((ISAP >> Arg0) & 1) * 0x0F)
}

Device (RTC)
{
    Name (_HID, EisaId ("PNP0B00"))
    Name (_CRS, ResourceTemplate ()
    {
        IO (Decode16, 0x0070, 0x0070, 0x01, 0x02)
        IRQNoFlags () { 8 }
    })
}
Device (KBD)
{
    Name (_HID, EisaId ("PNP0303"))
    Method (_STA, 0, NotSerialized)
    {
        Return (ISTA (6))
    }
    Name (_CRS, ResourceTemplate ()
    {
        IO (Decode16, 0x0060, 0x0060, 0x01, 0x01)
        IO (Decode16, 0x0064, 0x0064, 0x01, 0x01)
        IRQNoFlags () { 1 }
    })
}
Device (MOU)
{
    Name (_HID, EisaId ("PNP0F13"))
    Method (_STA, 0, NotSerialized)
    {
        Return (ISTA (6))
    }
    Name (_CRS, ResourceTemplate ()
    {
        IRQNoFlags () { 12 }
    })
}
Device (FDC0)
{
    Name (_HID, EisaId ("PNP0700"))
    Method (_STA, 0, NotSerialized)
    {
        Return (ISTA (5))
    }
    Name (_CRS, ResourceTemplate ()
    {
        IO (Decode16, 0x03F2, 0x03F2, 0x01, 0x04)
        IO (Decode16, 0x03F7, 0x03F7, 0x01, 0x01)
        IRQNoFlags () { 6 }
        DMA (Compatibility, NotBusMaster, Transfer8) { 2 }
    })
}
Device (LPT1)
{
    Name (_HID, EisaId ("PNP0400"))
    Method (_STA, 0, NotSerialized)
    {
        Return (ISTA (4))
    }
    Name (_CRS, ResourceTemplate ()
    {
        IO (Decode16, 0x0378, 0x0378, 0x01, 0x08)
        IRQNoFlags () { 7 }
    })
}
Device (COM1)
{
    Name (_HID, EisaId ("PNP0501"))
    Name (_UID, 1)
    Method (_STA, 0, NotSerialized)
    {
        Return (ISTA (0))
    }
    Name (_CRS, ResourceTemplate ()
    {
        IO (Decode16, 0x03F8, 0x03F8, 0x01, 0x08)
        IRQNoFlags () { 4 }
    })
}
Device (COM2)
{
    Name (_HID, EisaId ("PNP0501"))
    Name (_UID, 2)
    Method (_STA, 0, NotSerialized)
    {
        Return (ISTA (1))
    }
    Name (_CRS, ResourceTemplate ()
    {
        IO (Decode16, 0x02F8, 0x02F8, 0x01, 0x08)
        IRQNoFlags () { 3 }
    })
}
Device (COM3)
{
    Name (_HID, EisaId ("PNP0501"))
    Name (_UID, 3)
    Method (_STA, 0, NotSerialized)
    {
        Return (ISTA (2))
    }
    Name (_CRS, ResourceTemplate ()
    {
        IO (Decode16, 0x03E8, 0x03E8, 0x01, 0x08)
        IRQNoFlags () { 4 }
    })
}
Device (COM4)
{
    Name (_HID, EisaId ("PNP0501"))
    Name (_UID, 4)
    Method (_STA, 0, NotSerialized)
    {
        Return (ISTA (3))
    }
    Name (_CRS, ResourceTemplate ()
    {
        IO (Decode16, 0x02E8, 0x02E8, 0x01, 0x08)
        IRQNoFlags () { 3 }
    })
}
