; SPDX-License-Identifier: LGPL-2.1-or-later
;
; A boot sector that uses the memory module in slot 0, by the registers of acpi-memhp: waits for it, writes and reads it at 4 GiB, says C;
; waits until it shall go, ejects it, sees that it is gone, says G; again. What it finds wrong it says as B.

        org 0x7c00
        bits 16
PORT    equ 0x0a00
STATUS  equ PORT + 0x14
WINDOW  equ 0x200000                    ; where 4 GiB is mapped

start:  cli
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7000
        cld
        lgdt [gdtr]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 8:protected

        bits 32
protected:
        mov ax, 16
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov edi, 0x1000                 ; tables of four levels, a page each; the last maps 2 MiB pages
        mov ecx, 0xc00
        xor eax, eax
        rep stosd
        mov dword [0x1000], 0x2003
        mov dword [0x2000], 0x3003
        mov dword [0x3000], 0x83
        mov dword [0x3008], 0x83
        mov dword [0x300c], 1
        mov eax, 0x1000
        mov cr3, eax
        mov eax, cr4
        or eax, 0x20                    ; PAE
        mov cr4, eax
        mov ecx, 0xc0000080             ; EFER.LME
        rdmsr
        or eax, 0x100
        wrmsr
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        jmp 24:long_mode

        bits 64
long_mode:
        mov edi, WINDOW
        mov dx, PORT
        xor eax, eax
        out dx, eax
        mov dx, STATUS
.comes: in al, dx
        test al, 2
        jz .comes
        mov al, 2
        out dx, al
        mov dx, PORT + 4                ; its address: 4 GiB
        in eax, dx
        cmp eax, 1
        jne bad
        mov dword [edi], 0x12345678
        mov dword [edi + 0x1ffffc], 0x9abcdef0
        cmp dword [edi], 0x12345678
        jne bad
        cmp dword [edi + 0x1ffffc], 0x9abcdef0
        jne bad
        mov al, 'C'
        call say
        mov dx, STATUS
.goes:  in al, dx
        test al, 4
        jz .goes
        mov al, 4
        out dx, al
        cmp dword [edi], 0x12345678
        jne bad
        mov al, 8
        out dx, al
        in al, dx
        test al, al
        jnz bad
.gone:  cmp dword [edi], -1
        jne .gone
        mov al, 'G'
        call say
        jmp long_mode

bad:    mov al, 'B'
        call say
        hlt
        jmp $ - 1

say:    mov dx, 0x3f8
        out dx, al
        ret

gdt:    dq 0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00af9a000000ffff
gdtr:   dw $ - gdt - 1
        dd gdt

        times 510 - ($ - $$) db 0
        dw 0xaa55
