; SPDX-License-Identifier: LGPL-2.1-or-later
; HLT, woken by the 8254 through the 8259 and by the local APIC's timer; the interrupt is taken before the next instruction.
%include "bare.inc"
begin 32
    set_gate 0x20, tick
    set_gate 0x40, timer
    init_pics 0xfe, 0xff
    start_timer 3000
    mov ecx, 12
.again:
    xor ebx, ebx
    sti
    hlt
    cli
    call report
    dec ecx
    jnz .again
    mov al, 0xff
    out 0x21, al
    apic_write APIC_SVR, 0x1ff
    apic_write APIC_LVT_TIMER, 0x40
    apic_write APIC_DIVIDE, 0xb
    mov ecx, 6
.apic:
    apic_write APIC_INITIAL, 2000000
    xor ebx, ebx
    sti
    hlt
    cli
    call report
    dec ecx
    jnz .apic
    jmp ending
report:
    test ebx, ebx
    jz .not_woken
    say "woken "
    mov eax, ecx
    hex
    ret
.not_woken:
    say "went on without an interrupt", 10
    ret
tick:
    inc ebx
    mov al, 0x20
    out 0x20, al
    iretd
timer:
    inc ebx
    apic_write APIC_EOI, 0
    iretd
ending:
    finish
