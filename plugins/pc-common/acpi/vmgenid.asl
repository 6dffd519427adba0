/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Virtual machine generation ID. VGIA is a placeholder: the firmware puts the address of the page there.
 */

DefinitionBlock ("vmgenid.aml", "SSDT", 1, "EMU   ", "VMGENID ", 1)
{
    Name (VGIA, 0x11111111)

    Scope (\_SB)
    {
        Device (VGEN)
        {
            Name (_HID, "EMUV0001")
            Name (_CID, "VM_Gen_Counter")
            Name (_DDN, "VM_Gen_Counter")
            Method (_STA, 0, NotSerialized)
            {
                If (VGIA == 0)
                {
                    Return (0)
                }
                Return (0x0F)
            }
            Method (ADDR, 0, NotSerialized)
            {
                Local0 = Package (2) {0, 0}
                Local0 [0] = VGIA + 40
                Return (Local0)
            }
        }
    }

    Method (\_GPE._E05, 0, NotSerialized)
    {
        Notify (\_SB.VGEN, 0x80)
    }
}
