; SPDX-License-Identifier: LGPL-2.1-or-later
; Arithmetic, calls, software interrupts, strings and segments in real mode.
%include "bare.inc"
begin 16
    say "real mode", 10
    mov eax, 0x12345678
    mov ebx, 0x11111111
    add eax, ebx
    hex
    imul eax, ebx, 3
    hex
    mov ax, 1000
    mov bx, 7
    xor dx, dx
    div bx
    shl eax, 16
    mov ax, dx
    hex
    call far [cs:R(far_pointer)]
    set_gate 0x60, service
    mov eax, 0x60
    int 0x60
    hex
    set_gate 0, divide_error
    xor cx, cx
    mov ax, 5
    div cl
    say "after the division", 10
    ; strings with both directions, segments with a base
    mov ax, 0x200
    mov es, ax
    xor di, di
    mov eax, 0x44332211
    mov cx, 8
    rep stosd
    std
    mov di, 31
    mov al, 0x99
    mov cx, 3
    rep stosb
    cld
    mov eax, [es:28]
    hex
    mov ax, es
    mov fs, ax
    mov ax, 0x1ff
    mov gs, ax
    mov eax, [gs:0x10 + 28]
    hex
    mov cx, 32
    mov al, 0x99
    xor di, di
    repne scasb
    movzx eax, di
    hex
    ; a loop that takes a while
    mov ecx, 2000
    xor eax, eax
.sum:
    add eax, ecx
    rol eax, 3
    dec ecx
    jnz .sum
    hex
    finish_here:
    jmp ending
far_routine:
    say "far call", 10
    retf
far_pointer:
    dw R(far_routine), 0xf000
service:
    add eax, 0x1000
    iret
divide_error:
    say "division error", 10
    push bp
    mov bp, sp
    add word [bp + 2], 2
    pop bp
    iret
ending:
    finish
