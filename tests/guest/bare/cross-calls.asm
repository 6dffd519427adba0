; SPDX-License-Identifier: LGPL-2.1-or-later
; Two CPUs send each other interrupts, and the first one the second NMIs, until they are told that it is enough. The test moves the guest from
; machine to machine meanwhile: each is taken, and none twice.
%include "bare.inc"
%define ENOUGH (VARS + 0)
%define HERE (VARS + 4)
%define ASKED (VARS + 8)
%define ANSWERED (VARS + 12)
%define NMIS (VARS + 16)
begin 32
    mov dword [ENOUGH], 0
    mov dword [HERE], 0
    mov dword [ASKED], 0
    mov dword [ANSWERED], 0
    mov dword [NMIS], 0
    set_gate 0x02, nmi
    set_gate 0x50, answered
    set_gate 0x51, asked
    apic_write APIC_SVR, 0x1ff
    start_second second
    await HERE, 1
    say "ready", 10
    xor ebx, ebx                            ; so many rounds
    sti
.next:
    inc ebx
    apic_write APIC_ICR_HIGH, 0x01000000
    apic_write APIC_ICR_LOW, 0x04051
    await ANSWERED, ebx
    cmp [ASKED], ebx
    jne .wrong
    cmp [ANSWERED], ebx
    jne .wrong
    apic_write APIC_ICR_HIGH, 0x01000000
    apic_write APIC_ICR_LOW, 0x04400
    await NMIS, ebx
    cmp [NMIS], ebx
    jne .wrong
    cmp dword [ENOUGH], 0
    je .next
    say "each came once", 10
    jmp ending
.wrong:
    mov eax, ebx
    hex
    mov eax, [ASKED]
    hex
    mov eax, [ANSWERED]
    hex
    mov eax, [NMIS]
    hex
    jmp ending
answered:
    inc dword [ANSWERED]
    apic_write APIC_EOI, 0
    iretd
asked:
    inc dword [ASKED]
    apic_write APIC_EOI, 0
    apic_write APIC_ICR_HIGH, 0
    apic_write APIC_ICR_LOW, 0x04050
    iretd
nmi:
    inc dword [NMIS]
    iretd
second:
    mov dword [HERE], 1
.halt:
    sti
    hlt
    jmp .halt
ending:
    finish
