; SPDX-License-Identifier: LGPL-2.1-or-later
; Waits for the test's word at VARS, writes to five pages that the test knows, says so.
%include "bare.inc"
begin 32
    mov dword [VARS], 0
    say "ready", 10
.wait:
    cmp dword [VARS], 0
    je .wait
    mov byte [0x100000], 1
    mov dword [0x103ffe], 2                 ; two pages
    mov edi, 0x180000
    mov ecx, 4
    mov eax, 3
    rep stosd
    lock add dword [0x1ff000], 5
    mov eax, [0x140000]                     ; read only
    say "written", 10
    finish
