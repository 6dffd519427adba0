; SPDX-License-Identifier: LGPL-2.1-or-later
; Writes to the firmware change nothing and harm nobody; so do accesses to where nothing is.
%include "bare.inc"
begin 32
    mov eax, [word_in_rom]
    hex
    mov dword [word_in_rom], 0x55555555
    mov eax, [word_in_rom]
    hex
    mov byte [word_in_rom], 0x66
    or dword [word_in_rom], -1
    mov eax, [word_in_rom]
    hex
    mov ebx, word_in_rom - 0xf0000 + 0xffff0000
    mov word [ebx], 0x7777
    mov eax, [ebx]
    hex
    mov edi, word_in_rom
    mov eax, 0x11111111
    mov ecx, 4
    rep stosd
    mov eax, [word_in_rom]
    hex
    mov eax, [word_in_rom + 12]
    hex
    mov eax, [0xd0000000]
    hex
    mov dword [0xd0000000], 1
    mov eax, [0xd0000000]
    hex
    ; the window below the firmware, once it is RAM: it keeps what is written (PAM register of the host bridge)
    mov dx, 0xcf8
    mov eax, 0x8000005c
    out dx, eax
    mov dx, 0xcfc
    mov al, 0x33
    out dx, al
    mov dword [0xd0000], 0x12345678
    mov eax, [0xd0000]
    hex
    jmp ending
align 4
word_in_rom:
    dd 0x600df00d, 1, 2, 0x5afe
ending:
    finish
