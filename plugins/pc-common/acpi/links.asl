// What the interrupt link devices of a board share. Included in the scope of the host bridge.

// Status and setting of a link from its routing register.
Method (LSTA, 1, NotSerialized)
{
    If (Arg0 & 0x80)
    {
        Return (0x09)
    }
    Return (0x0B)
}
Name (PRR0, ResourceTemplate ()
{
    Interrupt (ResourceConsumer, Level, ActiveHigh, Shared) { 0 }
})
Method (LCRS, 1, Serialized)
{
    CreateDWordField (PRR0, 5, IRQW)
    IRQW = 0
    If ((Arg0 & 0x80) == 0)
    {
        IRQW = Arg0
    }
    Return (PRR0)
}
