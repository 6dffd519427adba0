; SPDX-License-Identifier: LGPL-2.1-or-later
; IN and OUT of each width, by immediate and by DX: PCI configuration space, CMOS, DMA page registers.
%include "bare.inc"
%macro config 1
    mov dx, 0xcf8
    mov eax, 0x80000000 | (%1)
    out dx, eax
    mov dx, 0xcfc
%endmacro
begin 32
    config 0
    in eax, dx
    hex
    xor eax, eax
    in ax, dx
    hex
    xor eax, eax
    inc edx
    inc edx
    in ax, dx
    hex
    xor eax, eax
    in al, dx
    hex
    ; a register that keeps what it is given: cache line size and latency timer of the host bridge's neighbour
    config 0x80c
    mov eax, 0x1234
    out dx, ax
    config 0x80c
    in eax, dx
    hex
    mov dx, 0xcfd
    mov al, 0x58
    out dx, al
    dec dx
    in eax, dx
    and eax, 0xff00
    hex
    mov al, 0x3f            ; CMOS, a free byte
    out 0x70, al
    mov al, 0xa5
    out 0x71, al
    mov al, 0x3f
    out 0x70, al
    xor eax, eax
    in al, 0x71
    hex
    mov dx, 0x81            ; page registers of DMA channels 2 and 3
    mov ax, 0x2211
    out dx, ax
    xor eax, eax
    in al, 0x81
    hex
    in al, 0x82
    hex
    ; nobody there
    mov dx, 0x5f8
    xor eax, eax
    in al, dx
    hex
    in ax, dx
    hex
    in eax, dx
    hex
    ; many
    mov ecx, 300
    xor ebx, ebx
.many:
    mov al, cl
    out 0x80, al
    in al, 0x82
    movzx eax, al
    add ebx, eax
    loop .many
    mov eax, ebx
    hex
    finish
