; SPDX-License-Identifier: LGPL-2.1-or-later
; The local APIC: its timer once and again and again, priorities, self-interrupts, and a pin of the I/O APIC.
%include "bare.inc"
%define IOAPIC 0xfec00000
%macro ioapic_write 2
    mov dword [IOAPIC], %1
    mov dword [IOAPIC + 0x10], %2
%endmacro
begin 32
    set_gate 0x40, timer
    set_gate 0x50, low
    set_gate 0x60, high
    set_gate 0x70, pin
    set_gate 0xff, spurious
    mov dword [VARS], 0
    mov dword [VARS + 4], 0
    mov dword [VARS + 8], 0
    apic_write APIC_SVR, 0x1ff
    apic_write APIC_LVT_LINT0, 0x10000
    apic_write APIC_TPR, 0
    mov eax, [APIC + APIC_SVR]
    hex
    apic_write APIC_DIVIDE, 0xb
    apic_write APIC_LVT_TIMER, 0x40
    apic_write APIC_INITIAL, 1000000
    sti
    await VARS, 1
    say "timer once", 10
    mov eax, [APIC + APIC_CURRENT]
    hex
    apic_write APIC_LVT_TIMER, 0x20040
    apic_write APIC_INITIAL, 500000
    await VARS, 8
    apic_write APIC_INITIAL, 0
    say "timer again", 10
    ; two to itself: the higher first, both when interrupts are let in
    cli
    apic_write APIC_ICR_LOW, 0x44050
    apic_write APIC_ICR_LOW, 0x44060
    mov eax, [APIC + APIC_IRR + 0x20]
    hex
    mov eax, [APIC + APIC_IRR + 0x30]
    hex
    sti
    await VARS + 8, 2
    cli
    say "both", 10
    ; what the task priority holds back
    apic_write APIC_TPR, 0x50
    apic_write APIC_ICR_LOW, 0x44050
    sti
    mov ecx, 2000
.held:
    loop .held
    cli
    mov eax, [APIC + APIC_IRR + 0x20]
    hex
    apic_write APIC_TPR, 0
    sti
    await VARS + 8, 3
    cli
    mov eax, [APIC + APIC_IRR + 0x20]
    hex
    ; the 8254's request on pin 2
    ioapic_write 0x15, 0
    ioapic_write 0x14, 0x70
    mov dword [IOAPIC], 0x14
    mov eax, [IOAPIC + 0x10]
    and eax, 0x1afff
    hex
    start_timer 2000
    sti
    await VARS + 4, 5
    cli
    ioapic_write 0x14, 0x10070
    say "five on pin 2", 10
    mov dword [IOAPIC], 1
    mov eax, [IOAPIC + 0x10]
    shr eax, 16
    hex
    jmp ending
timer:
    inc dword [VARS]
    apic_write APIC_EOI, 0
    iretd
low:
    say "low", 10
    inc dword [VARS + 8]
    apic_write APIC_EOI, 0
    iretd
high:
    say "high", 10
    inc dword [VARS + 8]
    apic_write APIC_EOI, 0
    iretd
pin:
    inc dword [VARS + 4]
    apic_write APIC_EOI, 0
    iretd
spurious:
    say "spurious", 10
    iretd
ending:
    finish
