; SPDX-License-Identifier: LGPL-2.1-or-later
;
; Starts a multiboot 1 kernel: loads the image and the boot information that the board prepared, adds
; what only the firmware knows (memory sizes and map), and enters the kernel in protected mode
; (Multiboot Specification 0.6.96, section 3.2).

%define PRODUCT "Multiboot kernel"
%include "fw-cfg.inc"

MBI_MEM_LOWER   equ 4
MBI_MEM_UPPER   equ 8
MBI_MMAP_LENGTH equ 44
MBI_MMAP_ADDR   equ 48
MBI_MAP         equ 0x100               ; room for the map, up to
MBI_MAP_END     equ 0x700               ; here
ENTRY_SIZE      equ 24                  ; a size field and 20 bytes

bootstrap:
        cli
        cld
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7000

        load_item 0x0a, 0x0b, 0x12      ; boot information, below 1 MiB
        load_item 0x07, 0x08, 0x11      ; kernel and modules

        read_number 0x0a
        mov ebp, eax                    ; physical address of the boot information
        shr eax, 4
        mov es, ax                      ; the board aligns it to a paragraph
        sti
        int 0x12
        movzx eax, ax
        mov [es:MBI_MEM_LOWER], eax

        mov di, MBI_MAP + 4
        xor ebx, ebx
.map:
        mov eax, 0xe820
        mov edx, 0x534d4150             ; "SMAP"
        mov ecx, 20
        int 0x15
        jc .map_done
        mov dword [es:di - 4], 20
        cmp dword [es:di + 4], 0        ; the RAM from 1 MiB on counts as upper memory
        jne .next
        cmp dword [es:di], 0x100000
        jne .next
        cmp dword [es:di + 16], 1
        jne .next
        mov eax, [es:di + 8]
        shr eax, 10
        mov [es:MBI_MEM_UPPER], eax
.next:
        add di, ENTRY_SIZE
        test ebx, ebx
        jz .map_done
        cmp di, MBI_MAP_END - ENTRY_SIZE
        jbe .map
.map_done:
        cli
        movzx eax, di
        sub eax, MBI_MAP + 4
        mov [es:MBI_MMAP_LENGTH], eax
        lea eax, [ebp + MBI_MAP]
        mov [es:MBI_MMAP_ADDR], eax

        read_number 0x10
        mov [entry_copy], eax

        ; The code that enters protected mode and its GDT run from low RAM: the ROM may be write-protected
        ; and its segment is not known to flat code.
        mov ax, cs
        mov ds, ax
        xor ax, ax
        mov es, ax
        mov si, trampoline
        mov di, TRAMPOLINE
        mov cx, trampoline_end - trampoline
        rep movsb
        jmp 0:TRAMPOLINE

TRAMPOLINE      equ 0x7100
entry_copy      equ 0x7020

trampoline:
        xor ax, ax
        mov ds, ax
        lgdt [TRAMPOLINE + gdt_pointer - trampoline]
        mov edx, [entry_copy]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp dword 0x08:(TRAMPOLINE + flat - trampoline)
        bits 32
flat:
        mov ax, 0x10
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, 0x7000
        mov ebx, ebp
        mov eax, 0x2badb002
        jmp edx
        align 8
gdt:
        dq 0
        dq 0x00cf9a000000ffff
        dq 0x00cf92000000ffff
gdt_pointer:
        dw gdt_pointer - gdt - 1
        dd TRAMPOLINE + gdt - trampoline
trampoline_end:
        bits 16

        ROM_END
