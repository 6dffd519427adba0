; SPDX-License-Identifier: LGPL-2.1-or-later
; N rounds between an "S" and an "E" on port 0x402. KIND 0: two address spaces take turns, each with a PCID of its own where there are
; PCIDs; KIND 1: the same, and each switch flushes; KIND 2: a guest of AMD-V is entered and left. Whoever has the turn reads PAGES pages
; and calls CALLS pages; so does the host of KIND 2. "-": this CPU cannot.
%include "bare.inc"
%define SPACES 0x30000          ; two: PML4, PDPT, PD, PT each
%define SPACE(n) (SPACES + 0x4000 * (n))
%define WINDOW 0x40000000       ; that they map, 512 pages
%define MEMORY 0x400000         ; what they map there: 2 MiB each
%define VMCB 0x50000
%define HSAVE 0x51000
%define IOPM 0x52000            ; with the MSRs' behind it
%define GUEST_STACK 0x7000

%macro enter 1                  ; the space whose number, 0 or 1, is the argument
    mov rax, [VARS + 8 * (%1)]
    mov cr3, rax
%endmacro

begin 64
    ; The spaces: the first GiB as it is, then 512 pages of their own. Those hold "ret".
    mov edi, MEMORY
    mov ecx, 0x400000 / 4
    mov eax, 0xc3c3c3c3
    rep stosd
    mov edi, SPACES
    mov ecx, 0x8000 / 4
    xor eax, eax
    rep stosd
%assign n 0
%rep 2
    mov dword [SPACE(n)], SPACE(n) + 0x1003
    mov dword [SPACE(n) + 0x1000], TABLES + 0x2003
    mov dword [SPACE(n) + 0x1008], SPACE(n) + 0x2003
    mov dword [SPACE(n) + 0x2000], SPACE(n) + 0x3003
    mov edi, SPACE(n) + 0x3000
    mov eax, MEMORY + 0x200000 * n + 3
    mov ecx, 512
map%[n]:
    mov [rdi], rax
    add rdi, 8
    add eax, 0x1000
    dec ecx
    jnz map%[n]
    mov qword [VARS + 8 * n], SPACE(n)
%assign n n + 1
%endrep
    mov eax, 1
    cpuid
    bt ecx, 17
    jnc ready
    mov eax, SPACE(0)
    mov cr3, rax
    mov rax, cr4
    bts rax, 17
    mov cr4, rax
    mov eax, 1
    or [VARS], rax
    inc eax
    or [VARS + 8], rax
%if KIND != 1
    bts qword [VARS], 63
    bts qword [VARS + 8], 63
%endif
ready:
%if KIND == 2
    mov eax, 0x80000001
    cpuid
    bt ecx, 2
    jnc cannot
    mov rax, [VARS]             ; both use the window
    mov cr3, rax
    mov ecx, 0xc0000080
    rdmsr
    bts eax, 12                 ; SVME
    wrmsr
    mov ecx, 0xc0010117
    mov eax, HSAVE
    xor edx, edx
    wrmsr
    mov edi, VMCB
    mov ecx, 0x6000 / 4
    xor eax, eax
    rep stosd
    mov dword [VMCB + 0x0c], 1 << 31    ; SHUTDOWN
    mov dword [VMCB + 0x10], 3          ; VMRUN, VMMCALL
    mov dword [VMCB + 0x40], IOPM
    mov dword [VMCB + 0x48], IOPM
    mov dword [VMCB + 0x58], 1          ; ASID
    mov dword [VMCB + 0x410], 0x0a9b0018
    mov dword [VMCB + 0x414], -1
    mov dword [VMCB + 0x400], 0x0c930010
    mov dword [VMCB + 0x420], 0x0c930010
    mov dword [VMCB + 0x430], 0x0c930010
    mov ecx, 0xc0000080
    rdmsr
    mov [VMCB + 0x4d0], eax
    mov rax, cr0
    mov [VMCB + 0x558], rax
    mov rax, cr3
    mov [VMCB + 0x550], rax
    mov rax, cr4
    mov [VMCB + 0x548], rax
    mov dword [VMCB + 0x560], 0x400
    mov dword [VMCB + 0x568], 0xffff0ff0
    mov dword [VMCB + 0x570], 2
    mov dword [VMCB + 0x578], guest
    mov dword [VMCB + 0x5d8], GUEST_STACK
    mov rax, 0x0007040600070406
    mov [VMCB + 0x668], rax
%endif
    mov ebp, N
    mov dx, DEBUG_PORT
    mov al, 'S'
    out dx, al
again:
%if KIND == 2
    mov eax, VMCB
    vmrun
    call turn
%else
    enter 0
    call turn
    enter 1
    call turn
%endif
    dec ebp
    jnz again
    mov dx, DEBUG_PORT
    mov al, 'E'
    out dx, al
stop:
    cli
    hlt
    jmp stop
cannot:
    mov dx, DEBUG_PORT
    mov al, '-'
    out dx, al
    jmp stop

turn:
    mov esi, WINDOW
    mov ecx, PAGES
    jmp .reads
.read:
    mov eax, [rsi]
    add esi, 0x1000
.reads:
    sub ecx, 1
    jnc .read
    mov ecx, CALLS
    jmp .calls
.call:
    call rsi
    add esi, 0x1000
.calls:
    sub ecx, 1
    jnc .call
    ret

guest:
    call turn
    vmmcall
    jmp guest
    finish
