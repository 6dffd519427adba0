/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The system half of the interpreter in a flat memory: one guest program walks through real mode,
 * protected mode (exceptions with error codes, privilege changes, call gates, tasks, VM86, paging) and
 * long mode (IST, SYSCALL, SWAPGS, compatibility mode).  It reports through port 0x80; the reports are
 * compared with what the manuals promise.
 */

#include "../x86-interp.h"
#include "flat-memory.h"

static uint32_t reports[512];
static unsigned n_reports;

static void
report(uint32_t port, uint64_t value)
{
    if (port == 0x80 && n_reports < G_N_ELEMENTS(reports)) {
        reports[n_reports++] = (uint32_t)value;
    }
}

/* ---- the guest: loaded at 0x10000 ---- */

extern const uint8_t guest_start[], guest_end[];

/*
 * GDT: 08 code32, 10 data32, 18 code16, 20 data16, 28 data not present, 30 TSS A, 38 TSS B, 40 call gate,
 * 48 user code32 (4b), 50 user data32 (53), 58 LDT-like data limit 0xff, 60 code64, 68 data, 70 user
 * code32 for SYSRET (73), 78 user data (7b), 80 user code64 (83), 88 TSS64 (16 bytes)
 */
__asm__(
    ".pushsection .rodata\n"
    ".globl guest_start, guest_end\n"
    ".set BASE, 0x10000\n"
    ".macro REPORT v\n"
    "  mov $\\v, %eax\n"
    "  out %eax, $0x80\n"
    ".endm\n"
    ".code16\n"
    "guest_start:\n"
    /* ---- real mode: CS = DS = 0x1000, SS:SP = 0:0x7000 ---- */
    "  cli\n"
    "  mov %cs, %ax\n  mov %ax, %ds\n"
    "  xor %ax, %ax\n  mov %ax, %es\n  mov %ax, %ss\n  mov $0x7000, %sp\n"
    "  movw $(real_int21 - guest_start), %es:0x84\n  movw %cs, %es:0x86\n"
    "  movw $(real_fault - guest_start), %es:0\n  movw %cs, %es:2\n"
    "  movw $(real_fault - guest_start), %es:0x34\n  movw %cs, %es:0x36\n"
    "  movw $(real_step - guest_start), %es:4\n  movw %cs, %es:6\n"
    "  mov $0xa1, %ebx\n"
    "  int $0x21\n"
    "  REPORT 0x1001\n"
    "  mov $0xde, %ebx\n"
    "  xor %ecx, %ecx\n"
    "  .byte 0xf7, 0xf1\n" /* div %cx: #DE, the handler skips two bytes */
    "  mov $0x0d, %ebx\n"
    "  .byte 0x8b, 0x07\n" /* mov (%bx), %ax at 0x0d: fine */
    "  mov $0xffff, %bx\n"
    "  .byte 0x8b, 0x07\n" /* word at 0xffff: #GP */
    /* single step over two instructions */
    "  pushf\n  pop %ax\n  or $0x100, %ax\n  push %ax\n  popf\n"
    "  nop\n" /* traps after this one */
    "  pushf\n  pop %ax\n  and $~0x100, %ax\n  push %ax\n  popf\n"
    "  REPORT 0x1002\n"
    "  mov %sp, %ax\n  movzwl %ax, %eax\n  out %eax, $0x80\n"
    /* ---- to protected mode ---- */
    "  lgdtl gdt_ptr - guest_start\n"
    "  lidtl idt_ptr - guest_start\n"
    "  mov %cr0, %eax\n  or $1, %eax\n  mov %eax, %cr0\n"
    "  ljmpl $0x08, $(BASE + pm32 - guest_start)\n"

    "real_int21:\n" /* report BX, and that IF is clear */
    "  mov %ebx, %eax\n  out %eax, $0x80\n"
    "  iret\n"
    "real_fault:\n"
    "  mov %ebx, %eax\n  out %eax, $0x80\n"
    "  push %bp\n  mov %sp, %bp\n  addw $2, 2(%bp)\n  pop %bp\n"
    "  iret\n"
    "real_step:\n"
    "  push %eax\n"
    "  mov $0x5e9, %eax\n  out %eax, $0x80\n"
    "  pop %eax\n"
    "  iret\n"

    /* ---- protected mode ---- */
    ".code32\n"
    "pm32:\n"
    "  mov $0x10, %eax\n"
    "  mov %eax, %ds\n  mov %eax, %es\n  mov %eax, %ss\n  mov %eax, %fs\n  mov %eax, %gs\n"
    "  mov $0x8000, %esp\n"
    "  REPORT 0x2000\n"
    "  mov %cs, %eax\n  out %eax, $0x80\n"
    "  mov $0x30, %eax\n  ltr %ax\n"
    "  mov BASE + gdt - guest_start + 0x34, %eax\n  shr $8, %eax\n  and $15, %eax\n"
    "  out %eax, $0x80\n" /* busy: 11 */
    /* faults: the handler reports vector, error code and goes on at %edi */
    ".macro FAULT insn:vararg\n"
    "  mov $(BASE + 9f - guest_start), %edi\n"
    "  \\insn\n"
    "9:\n"
    ".endm\n"
    "  mov $0x28, %eax\n"
    "  FAULT mov %eax, %es\n"                  /* #NP 28 */
    "  mov $0x1000, %eax\n"
    "  FAULT mov %eax, %es\n"                  /* beyond the GDT: #GP 1000 */
    "  xor %eax, %eax\n"
    "  FAULT mov %eax, %ss\n"                  /* #GP 0 */
    "  mov $0x08, %eax\n"
    "  FAULT mov %eax, %ss\n"                  /* code as stack: #GP 8 */
    "  xor %eax, %eax\n  mov %eax, %es\n"
    "  FAULT movl $1, %es:0x1234\n"            /* null: #GP 0 */
    "  FAULT movl $1, %cs:0x1234\n"            /* code not writable: #GP 0 */
    "  mov $0x58, %eax\n  mov %eax, %es\n"
    "  movb $1, %es:0xff\n"                    /* the last byte is fine */
    "  FAULT movw $1, %es:0xff\n"              /* limit: #GP 0 */
    "  FAULT int $0x50\n"                      /* gate not present: #NP 282 */
    "  FAULT int $0x60\n"                      /* beyond the IDT: #GP 302 */
    "  FAULT ud2\n"
    "  FAULT ljmp $0x10, $0\n"                 /* jump to data: #GP 10 */
    "  FAULT ljmp $0, $0\n"                    /* #GP 0 */
    "  FAULT .byte 0xf0, 0x90\n"               /* lock nop: #UD */
    "  mov %cr0, %eax\n  and $~1, %eax\n  or $0x80000000, %eax\n"
    "  FAULT mov %eax, %cr0\n"                 /* PG without PE: #GP 0 */
    "  REPORT 0x2001\n"
    /* instruction and data breakpoints */
    "  mov $0x20000, %eax\n  mov %eax, %dr0\n"
    "  mov $0x000d0001, %eax\n  mov %eax, %dr7\n" /* DR0: write, 4 bytes, local */
    "  mov $(BASE + 1f - guest_start), %edi\n"
    "  movl $7, 0x20000\n"
    "  REPORT 0xbad\n" /* the trap comes first: the handler goes to 1f */
    "1: mov %dr6, %eax\n  and $0xf, %eax\n  out %eax, $0x80\n"
    "  xor %eax, %eax\n  mov %eax, %dr7\n"
    /* ring 3 and back by INT 0x30 */
    "  pushl $0x53\n  pushl $0x9000\n  pushl $0x2\n  pushl $0x4b\n"
    "  pushl $(BASE + user32 - guest_start)\n"
    "  mov $0x53, %eax\n  mov %eax, %ds\n"
    "  iret\n"
    "user32:\n"
    "  mov %cs, %eax\n  and $3, %eax\n  mov %eax, %esi\n"
    "  FAULT hlt\n"                            /* #GP 0 */
    "  FAULT cli\n"                            /* #GP 0 */
    "  FAULT out %eax, $0x81\n"                /* the bitmap says no: #GP 0 */
    "  FAULT int $0x31\n"                      /* DPL 0 gate: #GP 18a */
    "  mov $0x10, %eax\n"
    "  FAULT mov %eax, %es\n"                  /* DPL 0 data: #GP 10 */
    "  pushl $0x1111\n  pushl $0x2222\n"
    "  lcall $0x43, $0\n"                      /* call gate to ring 0 with two parameters */
    "  mov %esp, %ebp\n"                       /* both parameters were released */
    "  int $0x30\n"                            /* ring 0: does not come back */

    "gate32:\n" /* stack: EIP CS p2 p1 ESP SS */
    "  mov 8(%esp), %eax\n  out %eax, $0x80\n"
    "  mov 12(%esp), %eax\n  out %eax, $0x80\n"
    "  mov 16(%esp), %eax\n  out %eax, $0x80\n"
    "  mov 20(%esp), %eax\n  out %eax, $0x80\n"
    "  mov %cs, %eax\n  out %eax, $0x80\n"
    "  lret $8\n"

    "int30:\n" /* stack: EIP CS EFLAGS ESP SS */
    "  mov 12(%esp), %eax\n  out %eax, $0x80\n"
    "  mov 16(%esp), %eax\n  out %eax, $0x80\n"
    "  mov %esp, %eax\n  out %eax, $0x80\n" /* ESP0 of the TSS less 20 */
    "  mov $0x10, %eax\n  mov %eax, %ds\n  mov %eax, %es\n"
    "  mov $0x8000, %esp\n"
    /* task switch by CALL and back by IRET */
    "  movl $(BASE + task_b - guest_start), BASE + tss_b - guest_start + 0x20\n"
    "  mov $0x77, %ebx\n"
    "  lcall $0x38, $0\n"
    "  mov %ebx, %eax\n  out %eax, $0x80\n"      /* ebx came back */
    "  str %eax\n  out %eax, $0x80\n"            /* 30 */
    "  mov %cr0, %eax\n  shr $3, %eax\n  and $1, %eax\n  out %eax, $0x80\n" /* TS */
    "  clts\n"
    "  mov $0x10, %eax\n  mov %eax, %ds\n"
    /* VM86: stack for IRET: GS FS DS ES SS ESP EFLAGS CS EIP */
    "  pushl $0\n  pushl $0\n  pushl $0x1000\n  pushl $0\n"
    "  pushl $0\n  pushl $0x6000\n  pushl $0x20002\n  pushl $0x1000\n"
    "  pushl $(vm86 - guest_start)\n"
    "  iret\n"
    ".code16\n"
    "vm86:\n"
    "  mov $0x86, %esi\n"
    "  int $0x21\n" /* IOPL 0: #GP 0; the handler sees VM in EFLAGS and goes to after_vm86 */
    ".code32\n"
    "after_vm86:\n" /* DS, ES, FS, GS were made null on the way */
    "  mov %es, %eax\n  out %eax, $0x80\n"
    "  mov $0x10, %eax\n  mov %eax, %es\n"
    "  REPORT 0x2086\n"
    /* 32-bit paging: identity for the first 4 MiB by a page table, with holes */
    "  mov $0x100000, %edi\n  mov $0x101003, %eax\n  stosl\n" /* PDE 0, supervisor */
    "  xor %eax, %eax\n  mov $1023, %ecx\n  rep stosl\n"
    "  mov $0x101000, %edi\n  mov $3, %eax\n  mov $1024, %ecx\n"
    "2: stosl\n  add $0x1000, %eax\n  loop 2b\n"
    "  movl $0, 0x101000 + 0x200 * 4\n"               /* 0x200000 not present */
    "  movl $0x201001, 0x101000 + 0x201 * 4\n"        /* 0x201000 read-only */
    "  mov $0x100000, %eax\n  mov %eax, %cr3\n"
    "  mov %cr0, %eax\n  or $0x80010000, %eax\n  mov %eax, %cr0\n" /* PG, WP */
    "  jmp 3f\n3:\n"
    "  FAULT mov 0x200000, %eax\n"                    /* #PF 0 */
    "  mov %cr2, %eax\n  out %eax, $0x80\n"
    "  FAULT movl $1, 0x200ffe\n"                     /* #PF 2 at 200ffe */
    "  mov %cr2, %eax\n  out %eax, $0x80\n"
    "  FAULT movl $1, 0x200ffc + 4\n"                 /* 201000 read-only: #PF 3 */
    "  mov %cr2, %eax\n  out %eax, $0x80\n"
    "  FAULT movl $1, 0x800000\n"                     /* no PDE: #PF 2 */
    "  mov 0x201000, %eax\n"
    "  mov 0x101000 + 0x201 * 4, %eax\n  and $0x60, %eax\n  out %eax, $0x80\n" /* A, not D */
    "  movl $1, 0x202000\n"
    "  mov 0x101000 + 0x202 * 4, %eax\n  and $0x60, %eax\n  out %eax, $0x80\n" /* A and D */
    "  mov %cr0, %eax\n  and $0x7fffffff, %eax\n  mov %eax, %cr0\n"
    /* ---- long mode: 2 MiB pages, the second one no-execute and user ---- */
    "  mov $0x110000, %edi\n  xor %eax, %eax\n  mov $0xc00, %ecx\n  rep stosl\n"
    "  movl $0x111007, 0x110000\n"
    "  movl $0x112007, 0x111000\n"
    "  movl $0x000087, 0x112000\n"
    "  movl $0x200087, 0x112008\n  movl $0x80000000, 0x11200c\n"
    "  mov $0x110000, %eax\n  mov %eax, %cr3\n"
    "  mov $0x20, %eax\n  mov %eax, %cr4\n"
    "  mov $0xc0000080, %ecx\n  rdmsr\n  or $0x901, %eax\n  wrmsr\n" /* SCE LME NXE */
    "  lidtl BASE + idt64_ptr - guest_start\n"
    "  mov %cr0, %eax\n  or $0x80000000, %eax\n  mov %eax, %cr0\n"
    "  mov $0xc0000080, %ecx\n  rdmsr\n  out %eax, $0x80\n" /* d01: LMA */
    "  ljmp $0x60, $(BASE + lm64 - guest_start)\n"

    /* 32-bit handlers: vectors without and with error code, then the common part */
    ".macro H32 n, has\n"
    "h32_\\n:\n"
    "  .if \\has == 0\n  pushl $0xeeee\n  .endif\n"
    "  pushl $\\n\n"
    "  jmp common32\n"
    ".endm\n"
    "  H32 1, 0\n  H32 6, 0\n  H32 11, 1\n  H32 12, 1\n  H32 13, 1\n  H32 14, 1\n"
    "common32:\n" /* vector, error, EIP, CS, EFLAGS */
    "  push %eax\n"
    "  push %ds\n"
    "  mov $0x10, %eax\n  mov %eax, %ds\n"
    "  mov 8(%esp), %eax\n  out %eax, $0x80\n"
    "  mov 12(%esp), %eax\n  out %eax, $0x80\n"
    "  testl $0x20000, 24(%esp)\n"
    "  jnz 5f\n"
    "  mov %edi, 16(%esp)\n"
    "  pop %ds\n"
    "  pop %eax\n"
    "  add $8, %esp\n"
    "  iret\n"
    "5: mov 16(%esp), %eax\n  sub $(vm86 - guest_start), %eax\n  out %eax, $0x80\n"
    "  mov %esi, %eax\n  out %eax, $0x80\n"
    "  mov $0x8000, %esp\n"
    "  jmp after_vm86\n"

    "task_b:\n" /* runs on TSS B; NT is set, IRET goes back */
    "  str %eax\n  out %eax, $0x80\n"
    "  pushf\n  pop %eax\n  shr $14, %eax\n  and $1, %eax\n  out %eax, $0x80\n"
    "  mov $0x99, %ebx\n"
    "  iret\n"

    /* ---- 64-bit code ---- */
    ".code64\n"
    "lm64:\n"
    "  mov $0x68, %eax\n  mov %eax, %ds\n  mov %eax, %es\n  mov %eax, %ss\n"
    "  mov $0x8000, %rsp\n"
    "  mov $0x88, %eax\n  ltr %ax\n"
    "  REPORT 0x6400\n"
    ".macro FAULT64 insn:vararg\n"
    "  mov $(BASE + 9f - guest_start), %r15d\n"
    "  \\insn\n"
    "9:\n"
    ".endm\n"
    "  mov $1, %rax\n  shl $47, %rax\n"
    "  FAULT64 mov (%rax), %ebx\n"              /* non-canonical: #GP 0 */
    "  mov $0x400000, %eax\n"
    "  FAULT64 mov (%rax), %ebx\n"              /* not present: #PF 0 */
    "  mov $0x300000, %eax\n"
    "  FAULT64 call *%rax\n"                    /* NX: #PF 11 */
    "  mov %rsp, %rax\n  out %eax, $0x80\n"     /* 7ff8: the call had pushed; a fault after it */
    "  mov $0x8000, %rsp\n"
    "  FAULT64 ud2\n"                           /* on IST 1: the handler reports its stack */
    /* SWAPGS */
    "  mov $0xc0000101, %ecx\n  mov $0x1234, %eax\n  xor %edx, %edx\n  wrmsr\n"
    "  mov $0xc0000102, %ecx\n  mov $0x200000, %eax\n  wrmsr\n"
    "  swapgs\n"
    "  movl $0x5a5a, 0x200010\n"
    "  mov %gs:0x10, %eax\n  out %eax, $0x80\n"
    "  swapgs\n"
    /* SYSRET to ring 3, SYSCALL back */
    "  mov $0xc0000081, %ecx\n  xor %eax, %eax\n  mov $0x00700060, %edx\n  wrmsr\n" /* STAR */
    "  mov $0xc0000082, %ecx\n  mov $(BASE + sc64 - guest_start), %eax\n  xor %edx, %edx\n  wrmsr\n"
    "  mov $0xc0000084, %ecx\n  mov $0x400, %eax\n  wrmsr\n" /* SFMASK: DF */
    "  mov $(BASE + user64 - guest_start), %ecx\n"
    "  mov $0x402, %r11d\n"
    "  sysretq\n"
    "user64:\n"
    "  mov %cs, %ebx\n  mov %ss, %ebp\n"
    "  mov $0x2fff00, %esp\n"
    "  syscall\n"
    "10:\n"
    "sc64:\n"
    "  mov %ebx, %eax\n  out %eax, $0x80\n"     /* 83 */
    "  mov %ebp, %eax\n  out %eax, $0x80\n"     /* 7b */
    "  mov %cs, %eax\n  out %eax, $0x80\n"      /* 60 */
    "  mov %ss, %eax\n  out %eax, $0x80\n"      /* 68 */
    "  mov %ecx, %eax\n  sub $(BASE + 10b - guest_start), %eax\n  out %eax, $0x80\n" /* 0 */
    "  mov %r11d, %eax\n  and $0x400, %eax\n  out %eax, $0x80\n" /* 400 */
    "  pushfq\n  pop %rax\n  and $0x400, %eax\n  out %eax, $0x80\n" /* 0 */
    "  mov $0x8000, %rsp\n"
    /* ring 3 by IRETQ; a fault there changes to RSP0 */
    "  pushq $0x7b\n  pushq $0x2fff00\n  pushq $2\n  pushq $0x83\n"
    "  pushq $(BASE + user64b - guest_start)\n"
    "  iretq\n"
    "user64b:\n"
    "  FAULT64 cli\n"                           /* #GP 0 */
    "  mov $0xc0de, %r14d\n"
    "  int $0x30\n"
    "int30_64:\n"
    "  mov %rsp, %rax\n  out %eax, $0x80\n"
    "  mov (%rsp), %rax\n  sub $(BASE + int30_64 - guest_start), %eax\n  out %eax, $0x80\n"
    "  mov $0x8000, %rsp\n"
    /* compatibility mode */
    "  ljmp *compat_ptr(%rip)\n"
    "compat_ptr: .long BASE + compat - guest_start\n  .word 0x08\n"
    ".code32\n"
    "compat:\n"
    "  mov $0xffffffff, %eax\n  inc %eax\n  out %eax, $0x80\n" /* INC, not REX */
    "  ljmp $0x60, $(BASE + back64 - guest_start)\n"
    ".code64\n"
    "back64:\n"
    "  REPORT 0x64ff\n"
    /* triple fault: an IDT of no entries */
    "  lidt no_idt(%rip)\n"
    "  ud2\n"
    "no_idt: .word 0\n  .quad 0\n"

    ".macro H64 n, has\n"
    "h64_\\n:\n"
    "  .if \\has == 0\n  pushq $0xeeee\n  .endif\n"
    "  pushq $\\n\n"
    "  jmp common64\n"
    ".endm\n"
    "  H64 6, 0\n  H64 13, 1\n  H64 14, 1\n"
    "common64:\n" /* vector, error, RIP, CS, RFLAGS, RSP, SS */
    "  push %rax\n"
    "  mov 8(%rsp), %rax\n  out %eax, $0x80\n"
    "  mov 16(%rsp), %rax\n  out %eax, $0x80\n"
    "  cmpl $6, 8(%rsp)\n  jne 6f\n"
    "  mov %rsp, %rax\n  out %eax, $0x80\n"
    "6: mov %r15, 24(%rsp)\n"
    "  pop %rax\n  add $16, %rsp\n"
    "  iretq\n"

    ".balign 16\n"
    "gdt:\n"
    "  .quad 0\n"
    "  .quad 0x00cf9a000000ffff\n" /* 08 */
    "  .quad 0x00cf92000000ffff\n" /* 10 */
    "  .quad 0x00009a010000ffff\n" /* 18 */
    "  .quad 0x000092010000ffff\n" /* 20 */
    "  .quad 0x00cf12000000ffff\n" /* 28: not present */
    "  .word 0x87, tss_a - guest_start\n  .byte 1, 0x89, 0, 0\n" /* 30 */
    "  .word 0x67, tss_b - guest_start\n  .byte 1, 0x89, 0, 0\n" /* 38 */
    "  .word gate32 - guest_start, 0x08\n  .byte 2, 0xec\n  .word 1\n" /* 40: DPL 3, 2 parameters */
    "  .quad 0x00cffa000000ffff\n" /* 48 */
    "  .quad 0x00cff2000000ffff\n" /* 50 */
    "  .quad 0x00409202000000ff\n" /* 58: base 0x20000, limit 0xff */
    "  .quad 0x00af9a000000ffff\n" /* 60 */
    "  .quad 0x00cf92000000ffff\n" /* 68 */
    "  .quad 0x00cffa000000ffff\n" /* 70 */
    "  .quad 0x00cff2000000ffff\n" /* 78 */
    "  .quad 0x00affa000000ffff\n" /* 80 */
    "  .word 0x67, tss_64 - guest_start\n  .byte 1, 0x89, 0, 0\n  .quad 0\n" /* 88 */
    "gdt_end:\n"
    "gdt_ptr: .word gdt_end - gdt - 1\n  .long BASE + gdt - guest_start\n"
    "idt_ptr: .word 0x57 * 8 + 7\n  .long BASE + idt - guest_start\n"
    "idt64_ptr: .word 0x31 * 16 - 1\n  .long BASE + idt64 - guest_start\n"
    ".macro G32 h, type\n  .word \\h - guest_start, 0x08\n  .byte 0, \\type\n  .word 1\n.endm\n"
    ".macro G64 h, type, ist\n"
    "  .word \\h - guest_start, 0x60\n  .byte \\ist, \\type\n  .word 1\n  .quad 0\n.endm\n"
    ".balign 16\n"
    "idt:\n"
    "  .quad 0\n  G32 h32_1, 0x8e\n  .fill 4, 8, 0\n  G32 h32_6, 0x8e\n  .fill 4, 8, 0\n"
    "  G32 h32_11, 0x8e\n  G32 h32_12, 0x8e\n  G32 h32_13, 0x8e\n  G32 h32_14, 0x8e\n"
    "  .fill 0x30 - 15, 8, 0\n"
    "  G32 int30, 0xee\n  G32 int30, 0x8e\n"
    "  .fill 0x50 - 0x32, 8, 0\n"
    "  G32 int30, 0x6e\n" /* 50: not present */
    "  .fill 7, 8, 0\n"
    ".balign 16\n"
    "idt64:\n"
    "  .fill 12, 8, 0\n  G64 h64_6, 0x8e, 1\n  .fill 12, 8, 0\n"
    "  G64 h64_13, 0x8e, 0\n  G64 h64_14, 0x8e, 0\n"
    "  .fill 2 * (0x30 - 15), 8, 0\n  G64 int30_64, 0xee, 0\n"
    ".balign 16\n"
    "tss_a:\n"
    "  .long 0, 0x7800, 0x10\n  .fill 0x66 - 12, 1, 0\n  .word 0x68\n"
    "  .fill 0x10, 1, 0\n  .byte 0xf0, 0xff\n  .fill 0x20 - 0x12, 1, 0xff\n"
    ".balign 16\n"
    "tss_b:\n"
    "  .fill 0x1c, 1, 0\n  .long 0\n  .long 0, 2\n  .fill 8, 4, 0\n"
    "  .long 0x10, 0x08, 0x10, 0x10, 0, 0\n  .long 0\n  .word 0, 0x68\n"
    ".balign 16\n"
    "tss_64:\n"
    "  .long 0\n  .quad 0x7700\n  .fill 24, 1, 0\n  .quad 0x7600\n  .fill 0x40, 1, 0\n"
    "guest_end:\n"
    ".popsection\n"
#if defined(__x86_64__)
    ".code64\n"
#endif
);

static const uint32_t expected[] = {
    /* real mode: INT 21h, #DE, #GP, two steps, stack back in place */
    0xa1, 0x1001, 0xde, 0xffff, 0x5e9, 0x5e9, 0x5e9, 0x5e9, 0x5e9, 0x5e9, 0x1002, 0x7000,
    /* protected mode */
    0x2000, 0x08, 11,
    11, 0x28,
    13, 0x1000,
    13, 0,
    13, 8,
    13, 0,
    13, 0,
    13, 0,
    11, 0x282,
    13, 0x302,
    6, 0xeeee,
    13, 0x10,
    13, 0,
    6, 0xeeee,
    13, 0,
    0x2001,
    1, 0xeeee, 1, /* data breakpoint */
    /* ring 3 */
    13, 0,
    13, 0,
    13, 0,
    13, 0x18a,
    13, 0x10,
    0x2222, 0x1111, 0x8ff8, 0x53, 0x08, /* call gate */
    0x9000, 0x53, 0x77ec,               /* int 0x30 */
    0x38, 1, 0x77, 0x30, 1,             /* task B, back in A */
    13, 0, 6, 0x86,                 /* VM86 */
    0, 0x2086,
    14, 0, 0x200000,
    14, 2, 0x200ffe,
    14, 3, 0x201000,
    14, 2,
    0x20, 0x60,
    0xd01,
    /* long mode */
    0x6400,
    13, 0,
    14, 0,
    14, 0x11, 0x7ff8,
    6, 0xeeee, 0x7600 - 40 - 24,
    0x5a5a,
    0x83, 0x7b, 0x60, 0x68, 0, 0x400, 0,
    13, 0,
    0x7700 - 40, 0,
    0,
    0x64ff,
};

static void
test_walk_through(void)
{
    X86State *s = aligned_alloc(64, (sizeof(*s) + 63) & ~63ul);
    EmuTcgExit reason = EMU_TCG_EXIT_NONE;
    unsigned total = 0;

    memset(s, 0, sizeof(*s));
    memset(s->features, 0xff, sizeof(s->features));
    ram = g_malloc0(RAM_SIZE);
    port_written = report;
    memcpy(ram + 0x10000, guest_start, (size_t)(guest_end - guest_start));
    x86_interp_init(s);
    x86_reset(s);
    s->idtr.limit = 0x3ff;
    x86_set_seg_real(s, X86_CS, 0x1000);
    s->rip = 0;
    x86_update_mode(s);
    while (reason != EMU_TCG_EXIT_SHUTDOWN && total < 1000000) {
        unsigned n;

        reason = x86_interp(&s->tcg, 1000, &n);
        total += n;
    }
    for (unsigned i = 0; i < MAX(n_reports, G_N_ELEMENTS(expected)); i++) {
        if (i >= n_reports || i >= G_N_ELEMENTS(expected) || reports[i] != expected[i]) {
            g_test_message("report %u: %x, expected %x (before: %x %x %x)", i,
                           i < n_reports ? reports[i] : 0,
                           i < G_N_ELEMENTS(expected) ? expected[i] : 0, i > 2 ? reports[i - 3] : 0,
                           i > 1 ? reports[i - 2] : 0, i > 0 ? reports[i - 1] : 0);
            g_test_fail();
            break;
        }
    }
    if (g_test_failed()) {
        for (unsigned i = 0; i < n_reports; i++) {
            g_test_message("%u: %x", i, reports[i]);
        }
    }
    g_assert_cmpint(reason, ==, EMU_TCG_EXIT_SHUTDOWN); /* the triple fault at the end */
    x86_interp_finish(s);
    free(s);
    g_free(ram);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86/modes/walk-through", test_walk_through);
    return g_test_run();
}
