; SPDX-License-Identifier: LGPL-2.1-or-later
; The 8254 interrupts through the 8259: counted, masked, looked at before and after the end of interrupt; read-back and latches.
%include "bare.inc"
begin 16
    set_gate 0x20, tick
    set_gate 0x2d, slave_tick
    init_pics 0xfa, 0xdf
    mov dword [ss:VARS], 0
    say "start", 10
    start_timer 2000
    sti
.wait:
    cmp dword [ss:VARS], 10
    jb .wait
    cli
    mov ebx, [ss:VARS]
    say "ten interrupts", 10
    ; masked: it waits in IRR
    in al, 0x21
    movzx eax, al
    hex
    mov al, 0xff
    out 0x21, al
    mov al, 0x0a
    out 0x20, al
.request:
    in al, 0x20
    test al, 1
    jz .request
    movzx eax, al
    and al, 1
    hex
    sti
    nop
    nop
    cli
    mov eax, [ss:VARS]
    sub eax, ebx                    ; more since the mask
    hex
    mov al, 0xfa
    out 0x21, al
    sti
.one_more:
    cmp [ss:VARS], ebx
    je .one_more
    cli
    say "taken after the mask was lifted", 10
    ; status of counter 0 by read-back: mode 2, both bytes
    mov al, 0xe2
    out 0x43, al
    in al, 0x40
    movzx eax, al
    and al, 0x3f
    hex
    ; counter 2 counts down from 65536 while its gate is high
    mov al, 0xb0
    out 0x43, al
    in al, 0x61
    and al, 0xfc
    or al, 1
    out 0x61, al
    mov al, 0x00
    out 0x42, al
    mov al, 0x10
    out 0x42, al
.counter2:
    in al, 0x61
    test al, 0x20
    jz .counter2
    say "counter 2 ran out", 10
    mov al, 0x80
    out 0x43, al
    in al, 0x42
    in al, 0x42
    in al, 0x61
    movzx eax, al
    and al, 3
    hex
    in al, 0x61
    and al, 0xfe
    out 0x61, al
    ; one shot
    mov al, 0x30
    out 0x43, al
    mov dword [ss:VARS], 0
    mov al, 0
    out 0x40, al
    mov al, 4
    out 0x40, al
    sti
.once:
    cmp dword [ss:VARS], 1
    jb .once
    cli
    say "mode 0 once", 10
    ; a request of the slave's, raised by software: IRQ 13 of the error line cannot be, so ELCR and masks are read back
    in al, 0xa1
    movzx eax, al
    hex
    mov dx, 0x4d1
    mov al, 0x0e
    out dx, al
    in al, dx
    movzx eax, al
    hex
    jmp ending
tick:
    push eax
    mov al, 0x0b
    out 0x20, al
    in al, 0x20
    cmp al, 1
    je .in_service
    say "not in service", 10
.in_service:
    inc dword [ss:VARS]
    mov al, 0x20
    out 0x20, al
    in al, 0x20
    test al, al
    jz .done
    say "still in service", 10
.done:
    pop eax
    iret
slave_tick:
    say "slave", 10
    iret
ending:
    finish
