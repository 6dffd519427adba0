; SPDX-License-Identifier: LGPL-2.1-or-later
; What a debugger inside the guest uses: INT3, a breakpoint on execution, single steps.
%include "bare.inc"
begin 32
    set_gate 1, debug
    set_gate 3, breakpoint
    xor ebx, ebx
    int3
    say "after INT3", 10
    mov eax, target
    mov dr0, eax
    mov eax, 0x00000402
    mov dr7, eax
    nop
target:
    nop
    say "after the breakpoint", 10
    mov eax, 0x400
    mov dr7, eax
    pushfd
    or dword [esp], 0x100
    popfd
    nop
    inc ebx
    pushfd
    and dword [esp], ~0x100
    popfd
    mov eax, ebx
    hex
    say "after the single steps", 10
    mov eax, dr7
    hex
    jmp ending
debug:
    push eax
    mov eax, dr6
    and eax, 0xe00f
    hex
    mov eax, 0xffff0ff0
    mov dr6, eax
    pop eax
    or dword [esp + 8], 0x10000
    iretd
breakpoint:
    say "INT3", 10
    iretd
ending:
    finish
