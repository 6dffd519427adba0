; SPDX-License-Identifier: LGPL-2.1-or-later
; 32-bit protected mode: exceptions with and without an error code, software interrupts, segment limits.
%include "bare.inc"
begin 32
    say "protected mode", 10
    set_gate 0, divide_error
    set_gate 6, undefined
    set_gate 13, protection
    set_gate 0x80, service
    mov byte [IDT + 8 * 0x80 + 5], 0x8f
    mov eax, 7
    int 0x80
    hex
    xor ecx, ecx
    mov eax, 1
    xor edx, edx
    div ecx
    say "after the division", 10
    ud2
    say "after the undefined instruction", 10
    mov eax, 0x1000
    mov fs, eax
    say "after the bad selector", 10
    pushfd
    pop eax
    and eax, 0x200
    hex
    mov ecx, 3
.again:
    mov eax, ecx
    int 0x80
    hex
    loop .again
    smsw ax
    and eax, 1
    hex
    str ax
    movzx eax, ax
    hex
    sgdt [VARS]
    movzx eax, word [VARS]
    hex
    mov eax, [VARS + 2]
    hex
    jmp ending
service:
    imul eax, 0x101
    iretd
divide_error:
    say "division error", 10
    add dword [esp], 2
    iretd
undefined:
    say "undefined instruction", 10
    add dword [esp], 2
    iretd
protection:
    say "general protection "
    xchg eax, [esp]
    hex
    pop eax
    add dword [esp], 2
    iretd
ending:
    finish
