; SPDX-License-Identifier: LGPL-2.1-or-later
; A second CPU is started, counts with the first one under LOCK, halts, is woken by an interrupt and answers with one.
%include "bare.inc"
%define COUNTER (VARS + 0)
%define HERE (VARS + 4)
%define ANSWER (VARS + 8)
%define ASKED (VARS + 12)
begin 32
    mov dword [COUNTER], 0
    mov dword [HERE], 0
    mov dword [ANSWER], 0
    mov dword [ASKED], 0
    set_gate 0x50, answered
    set_gate 0x51, asked
    apic_write APIC_SVR, 0x1ff
    start_second second
.start:
    cmp dword [HERE], 1
    jne .start
    say "second CPU is here", 10
    mov ecx, 1000
.count:
    lock inc dword [COUNTER]
    loop .count
.both:
    cmp dword [COUNTER], 2000
    jb .both
    mov eax, [COUNTER]
    hex
    mov ebx, 5
.ask:
    apic_write APIC_ICR_HIGH, 0x01000000
    apic_write APIC_ICR_LOW, 0x04051
    sti
.wait:
    cmp dword [ANSWER], 0
    je .wait
    cli
    mov dword [ANSWER], 0
    mov eax, [ASKED]
    hex
    dec ebx
    jnz .ask
    jmp ending
answered:
    inc dword [ANSWER]
    apic_write APIC_EOI, 0
    iretd
asked:
    inc dword [ASKED]
    apic_write APIC_EOI, 0
    apic_write APIC_ICR_HIGH, 0
    apic_write APIC_ICR_LOW, 0x04050
    iretd
second:
    mov dword [HERE], 1
    mov ecx, 1000
.count:
    lock inc dword [COUNTER]
    loop .count
.halt:
    sti
    hlt
    jmp .halt
ending:
    finish
