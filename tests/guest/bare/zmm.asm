; SPDX-License-Identifier: LGPL-2.1-or-later
; Fills the registers of AVX-512 in ring 3, says so in memory, waits there, and stores them again.
%include "bare.inc"
%define GO VARS + 4             ; by the host: store them
%define GDT 0x9000
%define VALUES 0x10000          ; zmm0 to zmm31, k0 to k7
%define STORED 0x12000
begin 64
    mov qword [VARS], 0
    mov edi, GDT
    mov esi, table
    mov ecx, table_end - table
    rep movsb
    lgdt [table_pointer]
    or dword [TABLES], 4        ; ring 3 may use the first 2 MiB
    or dword [TABLES + 0x1000], 4
    or dword [TABLES + 0x2000], 4
    mov rax, cr3
    mov cr3, rax
    mov rax, cr4
    or eax, 1 << 18             ; OSXSAVE
    mov cr4, rax
    xor ecx, ecx
    xor edx, edx
    mov eax, 0xe7
    xsetbv
    mov edi, VALUES
    mov ecx, 32 * 16 + 8 * 2
    mov eax, 12345
.value:
    imul eax, eax, 1103515245
    add eax, 12345
    mov [rdi], eax
    add edi, 4
    dec ecx
    jnz .value
    push 0x2b
    push STACK - 0x1000
    push 2
    push 0x33
    push user
    iretq
user:
    mov esi, VALUES
    mov edi, STORED
%assign i 0
%rep 32
    vmovdqu64 zmm%+i, [rsi + 64 * i]
    %assign i i + 1
%endrep
%assign i 0
%rep 8
    kmovq k%+i, [rsi + 32 * 64 + 8 * i]
    %assign i i + 1
%endrep
    mov dword [VARS], 1
.wait:
    cmp dword [GO], 0
    je .wait
%assign i 0
%rep 32
    vmovdqu64 [rdi + 64 * i], zmm%+i
    %assign i i + 1
%endrep
%assign i 0
%rep 8
    kmovq [rdi + 32 * 64 + 8 * i], k%+i
    %assign i i + 1
%endrep
    mov dword [VARS], 2
    jmp $

table:
    dq 0
    dq 0x00cf9b000000ffff       ; 08 code 32
    dq 0x00cf93000000ffff       ; 10 data
    dq 0x00af9b000000ffff       ; 18 code 64
    dq 0x00cf93000000ffff       ; 20 data
    dq 0x00cff3000000ffff       ; 28 data, ring 3
    dq 0x00affb000000ffff       ; 30 code 64, ring 3
table_end:
table_pointer:
    dw table_end - table - 1
    dq GDT
    finish
