; SPDX-License-Identifier: LGPL-2.1-or-later
; What CPUID says on each CPU in turn, not as text: records of six words, leaf, subleaf, EAX, EBX, ECX, EDX. The leaf 0xfffffffd
; stands for an MSR, the subleaf: IA32_BIOS_SIGN_ID, IA32_ARCH_CAPABILITIES, IA32_CORE_CAPABILITIES. A record with the leaf
; 0xfffffffe ends a CPU's, one with the leaf 0xffffffff ends all.
%include "bare.inc"
%define TRAMPOLINE 0x3000
%define LOCK (VARS + 0)
%define DONE (VARS + 4)
%define CPUS (VARS + 8)
%define RECORD (VARS + 0x20)
begin 32
    mov dword [LOCK], 0
    mov dword [DONE], 0
    mov dx, 0x510                       ; fw_cfg: number of CPUs
    mov ax, 5
    out dx, ax
    inc edx
    in al, dx
    movzx ebx, al
    mov [CPUS], ebx
    call report
    cmp dword [CPUS], 1
    je .all
    apic_write APIC_SVR, 0x1ff
    mov esi, trampoline
    mov edi, TRAMPOLINE
    mov ecx, trampoline_end - trampoline
    rep movsb
    apic_write APIC_ICR_LOW, 0xc4500    ; INIT to all others
    mov ecx, 100000
.settle:
    loop .settle
    apic_write APIC_ICR_LOW, 0xc4600 + (TRAMPOLINE >> 12)
.wait:
    pause
    mov eax, [DONE]
    cmp eax, [CPUS]
    jb .wait
.all:
    mov dword [RECORD], 0xffffffff
    call put_record
    jmp ending

; Every leaf of this CPU
report:
    xor eax, eax
    cpuid
    lea ebp, [eax + 1]                  ; one beyond the last, too
    cmp ebp, 0x40
    jbe .basic
    mov ebp, 0x40
.basic:
    xor edi, edi
.basic_next:
    call leaf
    inc edi
    cmp edi, ebp
    jbe .basic_next
    mov edi, 0x40000000
    mov ebp, 0x40000010
    call range
    mov eax, 0x80000000
    cpuid
    lea ebp, [eax + 1]
    cmp ebp, 0x80000000
    jbe .one
    cmp ebp, 0x80000030
    jbe .extended
.one:
    mov ebp, 0x80000001
.extended:
    mov edi, 0x80000000
    call range
    mov edi, 0xc0000000
    mov ebp, 0xc0000001
    call range
    mov eax, 1
    cpuid
    bt edx, 5                           ; MSRs
    jnc .no_more
    mov ecx, 0x8b
    call msr
    xor eax, eax
    cpuid
    cmp eax, 7
    jb .no_more
    mov eax, 7
    xor ecx, ecx
    cpuid
    mov edi, edx
    bt edi, 29
    jnc .no_arch
    mov ecx, 0x10a
    call msr
.no_arch:
    bt edi, 30
    jnc .no_more
    mov ecx, 0xcf
    call msr
.no_more:
    mov dword [RECORD], 0xfffffffe
    call put_record
    inc dword [DONE]
    ret

msr:
    mov dword [RECORD], 0xfffffffd
    mov [RECORD + 4], ecx
    rdmsr
    mov [RECORD + 8], eax
    mov [RECORD + 20], edx
    jmp put_record

; Leaves edi to ebp
range:
    call leaf
    inc edi
    cmp edi, ebp
    jbe range
    ret

; Leaf edi with its subleaves, of which most have none
leaf:
    mov esi, 6
    cmp edi, 0x0d
    jne .some
    mov esi, 20
.some:
    mov dword [RECORD + 4], 0
.next:
    mov eax, edi
    mov ecx, [RECORD + 4]
    mov [RECORD], eax
    cpuid
    mov [RECORD + 8], eax
    mov [RECORD + 12], ebx
    mov [RECORD + 16], ecx
    mov [RECORD + 20], edx
    call put_record
    inc dword [RECORD + 4]
    cmp [RECORD + 4], esi
    jb .next
    ret

put_record:
    push esi
    mov esi, RECORD
    mov ecx, 24
    mov dx, DEBUG_PORT
    rep outsb
    pop esi
    ret

bits 16
trampoline:
    cli
    cld
    o32 lgdt [cs:trampoline_gdt - trampoline]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp dword 0x08:other
trampoline_gdt:
    dw gdt_end - gdt - 1
    dd gdt
trampoline_end:
bits 32
other:
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    mov ss, eax
.turn:                                  ; one at a time, on the one stack
    pause
    mov eax, 1
    xchg eax, [LOCK]
    test eax, eax
    jnz .turn
    mov esp, STACK - 0x800
    call report
    mov dword [LOCK], 0
.halt:
    hlt
    jmp .halt
ending:
    finish
