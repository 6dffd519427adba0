/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The half of system-cases.c that no compiler writes: from reset to main(), into a case and out of it again.  The monitor runs in flat
 * 32-bit protected mode without paging; a case runs in whatever its variables say, behind an IRET. Every vector of its IDT leads
 * to a stub below, which keeps what there is to see in the r_* variables and returns to the monitor.
 */

    .section .reset, "ax"
    .code16
reset:
    cli
    inb $0x92, %al
    orb $2, %al
    andb $0xfe, %al
    outb %al, $0x92
    lgdtl %cs:(reset_gdtr - reset + 0xff00)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $8, $reset32
    .code32
reset32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $rom_start, %esi
    movl $0x100000, %edi
    movl $rom_words, %ecx
    cld
    rep movsl
    movl $0x90000, %esp
    movl $start, %eax
    jmp *%eax
    .align 8
reset_gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
reset_gdtr:
    .word 23
    .long reset_gdt
    .org 0xf0
    .code16
    .byte 0xe9
    .word -(0xf3)

    .section .start, "ax"
    .code32
    .globl start, params
start:
    jmp start2
    .align 8
params:
    .ascii "CASES..."           /* where a run puts its numbers */
    .long 1, 0, 1000, 0         /* seed, first, count, mask of kinds (0: all) */
start2:
    lgdt mon_gdtr
    movl $ack, %eax
    movw %ax, mon_idt_30
    shrl $16, %eax
    movw %ax, mon_idt_30+6
    movl $0x8e000008, %eax
    movw %ax, mon_idt_30+2
    shrl $16, %eax
    movw %ax, mon_idt_30+4
    lidt mon_idtr
    call main
1:  hlt
    jmp 1b

ack:
    iretl                       /* main() ends it */

    .text
    .globl enter_case
enter_case:
    pushal
    movl %esp, mon_esp
    fninit
    movl c_dr+0, %eax
    movl %eax, %dr0
    movl c_dr+4, %eax
    movl %eax, %dr1
    movl c_dr+8, %eax
    movl %eax, %dr2
    movl c_dr+12, %eax
    movl %eax, %dr3
    movl $0xffff0ff0, %eax
    movl %eax, %dr6
    xorl %eax, %eax
    movl %eax, %cr2
    movl c_cr4, %eax
    andl $~0x20000, %eax
    movl %eax, %cr4
    movl c_cr3, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    movl c_efer, %eax
    xorl %edx, %edx
    wrmsr
    lgdt c_gdtr
    lidt c_idtr
    movl c_cr0, %eax
    movl %eax, %cr0
    jmp 1f
1:  cmpl $0, c_long
    jne enter_long
    lldt c_ldt
    ltr c_tr
    movl c_dr+16, %eax
    movl %eax, %dr7
    cmpl $0, c_ring0
    jne 2f
    movl $c_frame, %esp
    popal
    popl %gs
    popl %fs
    popl %es
    popl %ds
    iretl
2:  movl $c_frame, %esp
    popal
    popl %gs
    popl %fs
    popl %es
    lss c_ss0, %esp
    popl %ds
    iretl

enter_long:
    ljmp $0x18, $1f
    .code64
1:  movl c_cr4(%rip), %eax
    movq %rax, %cr4
    movl c_dr+16(%rip), %eax
    movq %rax, %dr7
    lldt c_ldt(%rip)
    ltr c_tr(%rip)
    movl c_ds(%rip), %eax
    movl %eax, %ds
    movl c_es(%rip), %eax
    movl %eax, %es
    movl c_fs(%rip), %eax
    movl %eax, %fs
    movl c_gs(%rip), %eax
    movl %eax, %gs
    movl $c_frame64, %esp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    iretq

    .code32
common32:
    pushl %eax
    pushl %ds
    movl $0x10, %eax
    movl %eax, %ds
    movl %ecx, r_regs+8
    movl %edx, r_regs+16
    movl %ebx, r_regs+24
    movl %ebp, r_regs+40
    movl %esi, r_regs+48
    movl %edi, r_regs+56
    movw %es, r_es
    movw %fs, r_fs
    movw %gs, r_gs
    movw %ss, r_ss
    popl r_ds
    popl r_regs
    popl r_vec
    movl %esp, r_regs+32
    pushfl
    popl r_flags
    movl $0x1008, %eax
    jmp keep32

    .code64
common64:
    movq %rax, r_regs(%rip)
    movq %rcx, r_regs+8(%rip)
    movq %rdx, r_regs+16(%rip)
    movq %rbx, r_regs+24(%rip)
    movq %rbp, r_regs+40(%rip)
    movq %rsi, r_regs+48(%rip)
    movq %rdi, r_regs+56(%rip)
    movq %r8, r_regs+64(%rip)
    movq %r9, r_regs+72(%rip)
    movq %r10, r_regs+80(%rip)
    movq %r11, r_regs+88(%rip)
    movq %r12, r_regs+96(%rip)
    movq %r13, r_regs+104(%rip)
    movq %r14, r_regs+112(%rip)
    movq %r15, r_regs+120(%rip)
    popq %rax
    movl %eax, r_vec(%rip)
    movq %rsp, r_regs+32(%rip)
    movw %es, r_es(%rip)
    movw %fs, r_fs(%rip)
    movw %gs, r_gs(%rip)
    movw %ss, r_ss(%rip)
    movw %ds, r_ds(%rip)
    pushfq
    popq %rax
    movl %eax, r_flags(%rip)
    movl $0xc0000100, %ecx
    rdmsr
    movl %eax, r_bases(%rip)
    movl %edx, r_bases+4(%rip)
    movl $0xc0000101, %ecx
    rdmsr
    movl %eax, r_bases+8(%rip)
    movl %edx, r_bases+12(%rip)
    movl $0xc0000102, %ecx
    rdmsr
    movl %eax, r_bases+16(%rip)
    movl %edx, r_bases+20(%rip)
    movq %cr2, %rax
    movq %rax, r_cr2(%rip)
    movl $0x90000, %esp
    lgdt mon_gdtr64(%rip)
    movq %cr4, %rax
    movl %eax, r_cr4(%rip)
    andl $~0x20000, %eax
    movq %rax, %cr4
    pushq $8
    movl $1f, %eax
    pushq %rax
    lretq
    .code32
1:  movl $0x10, %eax
    movl %eax, %ds
    jmp keep

keep32:
    movl %cr2, %eax
    movl %eax, r_cr2
    movl %cr4, %eax
    movl %eax, r_cr4
    lgdt mon_gdtr
    ljmp $8, $keep
keep:
    movl %cr0, %eax
    movl %eax, r_cr0
    movl %dr7, %eax
    movl %eax, r_dr7
    xorl %eax, %eax
    movl %eax, %dr7
    movl %dr6, %eax
    movl %eax, r_dr6
    movl %cr3, %eax
    movl %eax, r_cr3
    str r_tr
    sldt r_ldt
    movl $0x10, %eax
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl %eax, %ss
    movl mon_esp, %esp
    movl $0x11, %eax
    movl %eax, %cr0
    jmp 1f
1:  movl $0xc0000080, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    movl %eax, %cr4
    lidt mon_idtr
    pushl $2
    popfl
    popal
    ret

    .align 16
    .globl stubs32, stubs64
stubs32:
    .set v, 0
    .rept 72
    .align 16
    pushl $v
    jmp common32
    .set v, v + 1
    .endr
    .code64
    .align 16
stubs64:
    .set v, 0
    .rept 72
    .align 16
    pushq $v
    jmp common64
    .set v, v + 1
    .endr

    .data
    .align 8
mon_gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
mon_gdtr:
    .word 31
    .long mon_gdt
    .align 8
mon_gdtr64:
    .word 31
    .long mon_gdt, 0
mon_idtr:
    .word mon_idt_end - mon_idt - 1
    .long mon_idt
    .align 8
mon_idt:
    .fill 0x30, 8, 0
mon_idt_30:
    .quad 0
mon_idt_end:
mon_esp:
    .long 0
