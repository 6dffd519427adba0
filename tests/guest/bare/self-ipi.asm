; SPDX-License-Identifier: LGPL-2.1-or-later
; Interrupts that a CPU sends to itself: by shorthand, by its number, by its logical name, to all; an NMI.
%include "bare.inc"
%define TAKEN VARS
begin 32
    mov dword [TAKEN], 0
    set_gate 2, nmi
    set_gate 0x51, first
    set_gate 0x52, second
    set_gate 0x53, third
    set_gate 0x54, fourth
    apic_write APIC_SVR, 0x1ff
    apic_write APIC_LDR, 0x01000000
    sti
    apic_write APIC_ICR_LOW, 0x44051
    await TAKEN, 1
    mov eax, [APIC + APIC_ID]
    mov [APIC + APIC_ICR_HIGH], eax
    apic_write APIC_ICR_LOW, 0x04052
    await TAKEN, 2
    apic_write APIC_ICR_HIGH, 0x01000000
    apic_write APIC_ICR_LOW, 0x04853
    await TAKEN, 3
    apic_write APIC_ICR_LOW, 0x84054
    await TAKEN, 4
    cli
    apic_write APIC_ICR_HIGH, 0
    apic_write APIC_ICR_LOW, 0x04400
    await TAKEN, 5
    say "after the NMI", 10
    sti
    mov ecx, 20
    mov ebx, 6
.many:
    apic_write APIC_ICR_LOW, 0x44051
    await TAKEN, ebx
    inc ebx
    loop .many
    cli
    mov eax, [TAKEN]
    hex
    jmp ending
nmi:
    say "NMI", 10
    inc dword [TAKEN]
    iretd
first:
    cmp dword [TAKEN], 1
    jae .quiet
    say "shorthand", 10
.quiet:
    inc dword [TAKEN]
    apic_write APIC_EOI, 0
    iretd
second:
    say "number", 10
    inc dword [TAKEN]
    apic_write APIC_EOI, 0
    iretd
third:
    say "logical name", 10
    inc dword [TAKEN]
    apic_write APIC_EOI, 0
    iretd
fourth:
    say "all", 10
    inc dword [TAKEN]
    apic_write APIC_EOI, 0
    iretd
ending:
    finish
