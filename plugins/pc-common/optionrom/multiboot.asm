; SPDX-License-Identifier: LGPL-2.1-or-later
;
; Multiboot 1 (Multiboot Specification 0.6.96, sections 3.2 and 3.3). Map entries: 4 bytes of size, then 20.

%define PRODUCT "Multiboot kernel"

MBI_MEM_LOWER   equ 4
MBI_MEM_UPPER   equ 8
INFO_MAP_LENGTH equ 44                  ; in bytes
INFO_MAP_ADDR   equ 48
MAP_OFFSET      equ 4

%include "flat-boot.inc"
