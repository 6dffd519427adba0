; SPDX-License-Identifier: LGPL-2.1-or-later
;
; Starts the Linux kernel that the board has put into the firmware configuration: real-mode part,
; command line, kernel and initial RAM disk go to the addresses that the board chose; then the
; kernel's own real-mode entry runs (Documentation/arch/x86/boot.rst, "Running the kernel").

%define PRODUCT "Linux kernel"
%include "fw-cfg.inc"

bootstrap:
        cli
        cld
        xor ax, ax
        mov ds, ax
        mov ss, ax
        mov sp, 0x7000

        load_item 0x16, 0x17, 0x18      ; set-up code
        load_item 0x13, 0x14, 0x15      ; command line
        load_item 0x0a, 0x0b, 0x12      ; initial RAM disk
        load_item 0x07, 0x08, 0x11      ; kernel

        read_number 0x13                ; the stack ends below the command line
        mov ebx, eax
        read_number 0x16
        sub ebx, eax
        sub bx, 16
        shr eax, 4
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov sp, bx
        add ax, 0x20
        push ax
        push word 0
        xor eax, eax
        xor ebx, ebx
        xor ecx, ecx
        xor edx, edx
        xor esi, esi
        xor edi, edi
        xor ebp, ebp
        retf

        ROM_END
