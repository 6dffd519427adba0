; SPDX-License-Identifier: LGPL-2.1-or-later
; Loads and stores of 1, 2, 4 and 8 bytes, aligned and not, to the display adapter's window, where each byte passes the adapter's
; planes; and to the HPET's registers.
%include "bare.inc"
begin 64
    open_window
    mov rax, 0x8877665544332211
    mov [rbx], rax
    mov rcx, [rbx]
    mov rax, rcx
    hex
    shr rax, 32
    hex
    mov dword [rbx + 0x10], 0xdeadbeef
    mov eax, [rbx + 0x10]
    hex
    mov word [rbx + 0x12], 0x1234
    xor eax, eax
    mov ax, [rbx + 0x12]
    hex
    mov byte [rbx + 0x11], 0x77
    xor eax, eax
    mov al, [rbx + 0x11]
    hex
    mov eax, [rbx + 0x10]
    hex
    ; unaligned
    mov dword [rbx + 0x21], 0x01020304
    mov eax, [rbx + 0x21]
    hex
    mov rax, [rbx + 0x1d]
    shr rax, 32
    hex
    ; read, change, write
    add dword [rbx + 0x10], 0x01010101
    mov eax, [rbx + 0x10]
    hex
    or byte [rbx + 0x10], 0x0f
    movzx eax, byte [rbx + 0x10]
    hex
    movsx eax, byte [rbx + 7]
    hex
    xchg eax, [rbx + 0x10]
    hex
    mov eax, [rbx + 0x10]
    hex
    ; through the bit mask: only the low half of each byte
    vga 0x3ce, 8, 0x0f
    mov al, [rbx + 0x10]
    mov byte [rbx + 0x10], 0x55
    vga 0x3ce, 8, 0xff
    movzx eax, byte [rbx + 0x10]
    hex
    ; the HPET: its capabilities, and its comparator, which keeps what it is given
    mov ebx, 0xfed00000
    mov eax, [rbx]
    shr eax, 16
    hex
    mov rax, [rbx]
    shr rax, 32
    hex
    mov dword [rbx + 0x108], 0x11223344
    mov eax, [rbx + 0x108]
    hex
    ; many
    mov ebx, 0xa0000
    mov ecx, 200
    xor edx, edx
.many:
    mov [rbx + rcx], cl
    movzx eax, byte [rbx + rcx]
    add edx, eax
    dec ecx
    jnz .many
    mov eax, edx
    hex
    finish
