; SPDX-License-Identifier: LGPL-2.1-or-later
; Reads and writes a word of each of many pieces of memory, whose arrangement the test changes between rounds: says the sum of what
; it read, writes the round's number and the piece's.
%include "bare.inc"
%define PIECES 600
%define FIRST 0x10000000
%define STEP 0x2000
begin 32
    mov dword [VARS], 0
    mov ebp, 1
.round:
    xor eax, eax
    mov esi, FIRST
    xor ecx, ecx
.read:
    imul eax, eax, 31
    add eax, [esi]
    add esi, STEP
    inc ecx
    cmp ecx, PIECES
    jb .read
    push eax
    mov edi, FIRST + 4
    xor ecx, ecx
.write:
    mov eax, ebp
    shl eax, 16
    or eax, ecx
    mov [edi], eax
    add edi, STEP
    inc ecx
    cmp ecx, PIECES
    jb .write
    pop eax
    hex
.wait:
    cmp [VARS], ebp
    jne .wait
    inc ebp
    cmp ebp, 5
    jb .round
    finish
