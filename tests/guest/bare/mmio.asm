; SPDX-License-Identifier: LGPL-2.1-or-later
; Loads and stores of 1, 2, 4 and 8 bytes, aligned and not, to the display adapter's window, where each byte passes the adapter's
; planes; and to the HPET's registers.
%include "bare.inc"
%macro vga 3
    mov dx, %1
    mov ax, (%2) | (%3) << 8
    out dx, ax
%endmacro
%macro config 2
    mov dx, 0xcf8
    mov eax, 0x80000000 | (%1)
    out dx, eax
    mov dx, 0xcfc
    mov eax, %2
    out dx, eax
%endmacro
begin 64
    config 0x1004, 3                ; the adapter in slot 2: memory and ports
    mov dx, 0x3c2
    mov al, 0x03                    ; CPU may reach the memory
    out dx, al
    vga 0x3c4, 4, 0x06              ; planes apart
    vga 0x3c4, 2, 0x01              ; write plane 0
    vga 0x3ce, 4, 0x00              ; read plane 0
    vga 0x3ce, 5, 0x00              ; write mode 0
    vga 0x3ce, 3, 0x00
    vga 0x3ce, 1, 0x00
    vga 0x3ce, 8, 0xff
    vga 0x3ce, 6, 0x05              ; graphics, window at a0000
    mov rbx, 0xa0000
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
