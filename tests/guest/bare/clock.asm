; SPDX-License-Identifier: LGPL-2.1-or-later
; Shows the time-stamp counter, ticks of the 8254 and of the local APIC's timer in memory, for a test that stops the machine now and then.
%include "bare.inc"
%define STAMP VARS + 8
%define TICKS VARS + 16
%define APIC_TICKS VARS + 24
; the macro of bare.inc names an address that 64-bit code would extend with its sign
%macro apic_write64 2
    mov ebx, APIC
    mov dword [rbx + %1], %2
%endmacro
begin 64
    mov qword [VARS], 0
    mov qword [TICKS], 0
    mov qword [APIC_TICKS], 0
    set_gate 0x20, tick
    set_gate 0x40, timer
    init_pics 0xfe, 0xff
    start_timer 0                           ; 65536: 54.9 ms
    apic_write64 APIC_SVR, 0x1ff
    apic_write64 APIC_LVT_TIMER, 0x20040      ; periodic
    apic_write64 APIC_DIVIDE, 0xb             ; by 1
    apic_write64 APIC_INITIAL, 50000000       ; 50 ms
    say "ready", 10
    sti
.show:
    rdtsc
    shl rdx, 32
    or rax, rdx
    mov [STAMP], rax
    cmp dword [VARS], 0
    je .show
    cli
    jmp ending
tick:
    push rax
    inc qword [TICKS]
    mov al, 0x20
    out 0x20, al
    pop rax
    iretq
timer:
    push rbx
    inc qword [APIC_TICKS]
    apic_write64 APIC_EOI, 0
    pop rbx
    iretq
ending:
    finish
