; SPDX-License-Identifier: LGPL-2.1-or-later
; Breakpoints on writes and on accesses to data. (A KVM that emulates supervisor mode may not have them.)
%include "bare.inc"
begin 32
    set_gate 1, debug
    mov eax, VARS + 4
    mov dr0, eax
    mov eax, 0x000d0402                     ; write, 4 bytes
    mov dr7, eax
    mov dword [VARS], 1
    mov eax, [VARS + 4]
    mov dword [VARS + 4], 2
    nop
    say "after the write", 10
    mov eax, 0x000f0402                     ; any access
    mov dr7, eax
    mov eax, [VARS + 4]
    nop
    mov eax, 0x400
    mov dr7, eax
    say "after the read", 10
    jmp ending
debug:
    say "data breakpoint "
    push eax
    mov eax, dr6
    and eax, 0xe00f
    hex
    mov eax, 0xffff0ff0
    mov dr6, eax
    pop eax
    iretd
ending:
    finish
