/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * CPUs that come and go: the methods behind those of each CPU, which another table has. CPHB is a placeholder for the port.
 */

DefinitionBlock ("cpus.aml", "SSDT", 1, "EMU   ", "EMUCPUS ", 1)
{
    External (\_SB.CTFY, MethodObj)

    Name (CPHB, 0x5555)

    Scope (\_SB)
    {
        OperationRegion (CPST, SystemIO, CPHB, 0x0C)
        Field (CPST, DWordAcc, NoLock, WriteAsZeros)
        {
            CSEL, 32,
            Offset (0x08),
            CDAT, 32
        }
        Field (CPST, ByteAcc, NoLock, WriteAsZeros)
        {
            Offset (0x04),
            CPEN, 1, // there
            CINS, 1, // has come; writing 1 clears it
            CRMV, 1, // shall go; likewise
            CEJT, 1,
            Offset (0x05),
            CCMD, 8
        }
        Mutex (CPLK, 0)

        Method (CSTA, 1, Serialized)
        {
            Acquire (CPLK, 0xFFFF)
            CSEL = Arg0
            Local0 = 0
            If (CPEN == 1)
            {
                Local0 = 0x0F
            }
            Release (CPLK)
            Return (Local0)
        }

        // Processor Local APIC structure of CPU Arg0 with ID Arg1.
        Method (CMAT, 2, Serialized)
        {
            Local0 = Buffer (8) {0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}
            Local0 [2] = Arg0
            Local0 [3] = Arg1
            If (CSTA (Arg0))
            {
                Local0 [4] = 1
            }
            Return (Local0)
        }

        Method (CEJ0, 1, Serialized)
        {
            Acquire (CPLK, 0xFFFF)
            CSEL = Arg0
            CEJT = 1
            Release (CPLK)
        }

        Method (COST, 3, Serialized)
        {
            Acquire (CPLK, 0xFFFF)
            CSEL = Arg0
            CCMD = 1
            CDAT = Arg1
            CCMD = 2
            CDAT = Arg2
            Release (CPLK)
        }

        Method (CSCN, 0, Serialized)
        {
            Acquire (CPLK, 0xFFFF)
            CSEL = 0
            Local0 = 1
            While (Local0)
            {
                Local0 = 0
                CCMD = 0
                If (CINS)
                {
                    CTFY (CDAT, 1)
                    CINS = 1
                    Local0 = 1
                }
                ElseIf (CRMV)
                {
                    CTFY (CDAT, 3)
                    CRMV = 1
                    Local0 = 1
                }
            }
            Release (CPLK)
        }
    }
}
