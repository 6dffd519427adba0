; SPDX-License-Identifier: LGPL-2.1-or-later
; REP OUTS, REP INS, and string instructions on memory that is a device's.
%include "bare.inc"
begin 32
    mov dx, DEBUG_PORT
    mov esi, text
    mov ecx, text_end - text
    rep outsb
    ; the firmware configuration's signature, byte by byte and in words
    mov dx, 0x510
    xor eax, eax
    out dx, ax
    inc edx
    mov edi, VARS
    mov ecx, 4
    rep insb
    mov eax, [VARS]
    hex
    ; what ports that keep their value give: DMA page registers
    mov al, 0x5a
    out 0x82, al
    mov edi, VARS
    mov dx, 0x82
    mov ecx, 6
    rep insb
    mov eax, [VARS + 2]
    hex
    std
    mov edi, VARS + 15
    mov ecx, 16
    mov al, 0x33
    out 0x82, al
    rep insb
    cld
    mov eax, [VARS]
    hex
    mov eax, edi
    hex
    ; the same to ports, larger than a page
    mov edi, 0x10000
    mov ecx, 5000
    mov al, 0x11
    rep stosb
    mov byte [0x10000 + 4999], 0x2c
    mov esi, 0x10000
    mov ecx, 5000
    mov dx, 0x82
    rep outsb
    mov eax, esi
    hex
    xor eax, eax
    in al, 0x82
    hex
    ; the display's window, as in mmio.asm
    mov dx, 0xcf8
    mov eax, 0x80001004
    out dx, eax
    mov dx, 0xcfc
    mov eax, 3
    out dx, eax
    mov dx, 0x3c2
    mov al, 3
    out dx, al
    mov esi, modes
    mov ecx, 8
.mode:
    movzx edx, word [esi]
    mov ax, [esi + 2]
    out dx, ax
    add esi, 4
    loop .mode
    mov esi, text
    mov edi, 0xa0000
    mov ecx, text_end - text
    rep movsb
    mov edi, VARS
    mov esi, 0xa0000
    mov ecx, text_end - text
    rep movsb
    mov dx, DEBUG_PORT
    mov esi, VARS
    mov ecx, text_end - text
    rep outsb
    mov edi, 0xa0100
    mov eax, 0x64636261
    mov ecx, 16
    rep stosd
    mov edi, 0xa0100
    mov esi, 0xa0101
    mov ecx, 40
    repe cmpsb
    mov eax, ecx
    hex
    mov esi, 0xa0100
    lodsd
    hex
    lodsw
    hex
    jmp ending
modes:
    dw 0x3c4, 0x0604, 0x3c4, 0x0102, 0x3ce, 0x0004, 0x3ce, 0x0005, 0x3ce, 0x0003, 0x3ce, 0x0001, 0x3ce, 0xff08, 0x3ce, 0x0506
text:
    db "a string through a port", 10
text_end:
ending:
    finish
