; SPDX-License-Identifier: LGPL-2.1-or-later
; Counts in the display adapter's memory, with instructions that read and write it, and beside that in a register. The test moves
; the guest from machine to machine meanwhile: no write may be lost or be carried out twice.
%include "bare.inc"
begin 64
    open_window
    mov dword [rbx], 0
    xor ecx, ecx
    say "ready", 10
.next:
    add dword [rbx], 1
    inc ecx
    cmp [rbx], ecx
    jne .done
    cmp ecx, 0x2000
    jb .next
.done:
    mov eax, ecx
    hex
    mov eax, [rbx]
    hex
    finish
