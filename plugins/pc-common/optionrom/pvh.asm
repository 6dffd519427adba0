; SPDX-License-Identifier: LGPL-2.1-or-later
;
; PVH (Xen's public/arch-x86/hvm/start_info.h). Map entries: 20 bytes, then 4 that are reserved.

%define PRODUCT "PVH kernel"
%define PVH

INFO_MAP_LENGTH equ 48                  ; in entries
INFO_MAP_ADDR   equ 40
MAP_OFFSET      equ 0

%include "flat-boot.inc"
