; SPDX-License-Identifier: LGPL-2.1-or-later
; Shows KVM's paravirtual clock in memory, for a test that stops the machine; says "none" where there is none.
%include "bare.inc"
%define CLOCK VARS + 8          ; ns
%define STOPPED VARS + 16       ; the host has said that the machine stood
%define PAGE 0x9000
%define PAGE_VERSION PAGE
%define PAGE_STAMP PAGE + 8
%define PAGE_NS PAGE + 16
%define PAGE_MUL PAGE + 24
%define PAGE_SHIFT PAGE + 28
%define PAGE_FLAGS PAGE + 29
begin 64
    mov qword [VARS], 0
    mov qword [CLOCK], 0
    mov qword [STOPPED], 0
    mov eax, 0x40000001
    cpuid
    test eax, 1 << 3                        ; MSR_KVM_SYSTEM_TIME_NEW
    jz .none
    mov ecx, 0x4b564d01
    mov eax, PAGE | 1
    xor edx, edx
    wrmsr
    say "ready", 10
.show:
    mov r8d, [PAGE_VERSION]
    test r8d, 1
    jnz .show
    lfence
    rdtsc
    shl rdx, 32
    or rax, rdx
    sub rax, [PAGE_STAMP]
    mov cl, [PAGE_SHIFT]
    test cl, cl
    js .right
    shl rax, cl
    jmp .scale
.right:
    neg cl
    shr rax, cl
.scale:
    mov ebx, [PAGE_MUL]
    mul rbx
    shrd rax, rdx, 32
    add rax, [PAGE_NS]
    cmp r8d, [PAGE_VERSION]
    jne .show
    mov [CLOCK], rax
    test byte [PAGE_FLAGS], 2
    jz .on
    mov qword [STOPPED], 1
    and byte [PAGE_FLAGS], ~2
.on:
    cmp dword [VARS], 0
    je .show
    jmp .end
.none:
    say "none", 10
.end:
    finish
