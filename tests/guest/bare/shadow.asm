; SPDX-License-Identifier: LGPL-2.1-or-later
; Ring 3 with a shadow stack and tracked branches waits in a call; says what became of it. And of IA32_TSX_CTRL.
%include "bare.inc"
%define GO VARS + 4             ; by the host: return
%define RTM VARS + 8            ; what CPUID says of RTM behind the wait
%define GDT 0x9000
%define SHADOW 0x200000         ; its page table is at 0x30000
begin 64
    mov qword [VARS], 0
    mov dword [RTM], -1
    mov edi, GDT
    mov esi, table
    mov ecx, table_end - table
    rep movsb
    lgdt [table_pointer]
    or dword [TABLES], 4        ; ring 3 may use the first 2 MiB
    or dword [TABLES + 0x1000], 4
    or dword [TABLES + 0x2000], 4
    mov edi, 0x30000            ; of the next ones only a page, dirty and not writable
    mov ecx, 1024
    xor eax, eax
    rep stosd
    mov dword [0x30000], SHADOW | 0x65
    mov qword [TABLES + 0x2008], 0x30000 | 7
    mov rax, cr3
    mov cr3, rax
    mov rax, cr0
    or eax, 1 << 16             ; WP
    mov cr0, rax
    mov rax, cr4
    or eax, 1 << 23             ; CET
    mov cr4, rax
    mov ecx, 0x6a0              ; IA32_U_CET: shadow stack, tracking
    mov eax, 5
    xor edx, edx
    wrmsr
    mov ecx, 0x6a7              ; IA32_PL3_SSP
    mov eax, SHADOW + 0x1000
    wrmsr
    mov ecx, 0x122              ; IA32_TSX_CTRL: CPUID hides RTM
    mov eax, 2
    wrmsr
    push 0x2b
    push STACK - 0x1000
    push 2
    push 0x33
    push user
    iretq
user:
    call waits
    mov eax, 7
    xor ecx, ecx
    cpuid
    shr ebx, 11
    and ebx, 1
    mov [RTM], ebx
    mov eax, target
    jmp rax
target:
    endbr64
    mov dword [VARS], 2
    jmp $
waits:
    mov dword [VARS], 1
.wait:
    cmp dword [GO], 0
    je .wait
    ret

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
