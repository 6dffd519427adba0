; SPDX-License-Identifier: LGPL-2.1-or-later
; Counts interrupt messages with vector 55H that the test sends by an eventfd, and then with vector 56H.
%include "bare.inc"
begin 32
    set_gate 0x55, first
    set_gate 0x56, second
    mov dword [VARS], 0
    mov dword [VARS + 4], 0
    apic_write APIC_SVR, 0x1ff
    sti
    say "ready", 10
    await VARS, 1
    say "one", 10
    await VARS, 2
    say "two", 10
    await VARS + 4, 1
    say "another vector", 10
    jmp ending
first:
    inc dword [VARS]
    apic_write APIC_EOI, 0
    iretd
second:
    inc dword [VARS + 4]
    apic_write APIC_EOI, 0
    iretd
ending:
    finish
