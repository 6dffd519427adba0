; SPDX-License-Identifier: LGPL-2.1-or-later
; Writes to pci-testdev (in slot 4): each of its tests in memory and in ports, with the value that it waits for and with another.
%include "bare.inc"
%define MEM 0xe1000000
%define PORT 0xd000
begin 32
    config 0x2010, MEM
    config 0x2014, PORT
    config 0x2004, 3
    xor ebp, ebp
.memory:
    mov eax, ebp
    mov [MEM], al                       ; selects
    movzx ebx, byte [MEM + 4]           ; where
    movzx eax, byte [MEM + 8]           ; what
    mov ecx, 50
.ring:
    mov [MEM + ebx], al
    loop .ring
    not al
    mov [MEM + ebx], al
    mov eax, [MEM + 12]
    hex
    inc ebp
    cmp ebp, 3
    jb .memory
    xor ebp, ebp
.ports:
    mov dx, PORT
    mov eax, ebp
    out dx, al
    mov dx, PORT + 4
    in al, dx
    movzx ebx, al
    mov dx, PORT + 8
    in al, dx
    lea edx, [PORT + ebx]
    mov ecx, 50
.ring_port:
    out dx, al
    loop .ring_port
    not al
    out dx, al
    mov dx, PORT + 12
    in eax, dx
    hex
    inc ebp
    cmp ebp, 3
    jb .ports
    finish
