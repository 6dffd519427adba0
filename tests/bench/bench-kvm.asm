; SPDX-License-Identifier: LGPL-2.1-or-later
; Accesses that a device answers, N of them between an "S" and an "E" on port 0x402. KIND: 0 port writes, 1 port reads, 2 memory writes,
; 3 memory reads, 4 a doorbell in memory, 5 a doorbell in ports, 6 nothing (the loop itself). pci-testdev is in slot 4.
%include "bare.inc"
%define MEM 0xe1000000
%define PORT 0xd000
begin 32
    config 0x2010, MEM
    config 0x2014, PORT
    config 0x2004, 3
    xor ebx, ebx
    mov al, (KIND == 4 || KIND == 5)    ; the test with a doorbell for any value, or the one without
    mov [MEM], al
    mov dx, PORT
    out dx, al
%if KIND == 5
    mov dx, PORT + 4
    in al, dx
    movzx ebx, al
%else
    movzx ebx, byte [MEM + 4]
%endif
    mov esi, MEM
    mov edx, PORT
    add esi, ebx
    add edx, ebx
    mov ecx, N
    mov ebp, edx
    mov dx, DEBUG_PORT
    mov al, 'S'
    out dx, al
    mov edx, ebp
    mov al, 0xfa
again:
%if KIND == 0 || KIND == 5
    out dx, al
%elif KIND == 1
    in al, dx
%elif KIND == 2 || KIND == 4
    mov [esi], al
%elif KIND == 3
    mov al, [esi]
%endif
    dec ecx
    jnz again
    mov dx, DEBUG_PORT
    mov al, 'E'
    out dx, al
    finish
