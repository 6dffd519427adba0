/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* AMD-V as its two files share it (APM 2, chapter 15 and appendices B and C). */

#include "x86-interp.h"
#include "x86-virt.h"

/*
 * Exit codes up to 0xff are the numbers of the intercept bits in the VMCB, counted through its six words.  Words: reads of CR0-15
 * and writes; of DR0-15; exceptions; and then:
 */
enum {
    SVM_EXIT_CR_READ = 0x00,
    SVM_EXIT_CR_WRITE = 0x10,
    SVM_EXIT_DR_READ = 0x20,
    SVM_EXIT_DR_WRITE = 0x30,
    SVM_EXIT_EXCEPTION = 0x40,
    SVM_EXIT_INTR = 0x60,
    SVM_EXIT_NMI = 0x61,
    SVM_EXIT_SMI = 0x62,
    SVM_EXIT_INIT = 0x63,
    SVM_EXIT_VINTR = 0x64,
    SVM_EXIT_CR0_SEL_WRITE = 0x65,
    SVM_EXIT_IDTR_READ = 0x66,
    SVM_EXIT_GDTR_READ = 0x67,
    SVM_EXIT_LDTR_READ = 0x68,
    SVM_EXIT_TR_READ = 0x69,
    SVM_EXIT_IDTR_WRITE = 0x6a,
    SVM_EXIT_GDTR_WRITE = 0x6b,
    SVM_EXIT_LDTR_WRITE = 0x6c,
    SVM_EXIT_TR_WRITE = 0x6d,
    SVM_EXIT_RDTSC = 0x6e,
    SVM_EXIT_RDPMC = 0x6f,
    SVM_EXIT_PUSHF = 0x70,
    SVM_EXIT_POPF = 0x71,
    SVM_EXIT_CPUID = 0x72,
    SVM_EXIT_RSM = 0x73,
    SVM_EXIT_IRET = 0x74,
    SVM_EXIT_SWINT = 0x75,
    SVM_EXIT_INVD = 0x76,
    SVM_EXIT_PAUSE = 0x77,
    SVM_EXIT_HLT = 0x78,
    SVM_EXIT_INVLPG = 0x79,
    SVM_EXIT_INVLPGA = 0x7a,
    SVM_EXIT_IOIO = 0x7b,
    SVM_EXIT_MSR = 0x7c,
    SVM_EXIT_TASK_SWITCH = 0x7d,
    SVM_EXIT_FERR_FREEZE = 0x7e,
    SVM_EXIT_SHUTDOWN = 0x7f,
    SVM_EXIT_VMRUN = 0x80,
    SVM_EXIT_VMMCALL = 0x81,
    SVM_EXIT_VMLOAD = 0x82,
    SVM_EXIT_VMSAVE = 0x83,
    SVM_EXIT_STGI = 0x84,
    SVM_EXIT_CLGI = 0x85,
    SVM_EXIT_RDTSCP = 0x87,
    SVM_EXIT_ICEBP = 0x88,
    SVM_EXIT_WBINVD = 0x89,
    SVM_EXIT_MONITOR = 0x8a,
    SVM_EXIT_MWAIT = 0x8b,
    SVM_EXIT_MWAIT_CONDITIONAL = 0x8c,
    SVM_EXIT_XSETBV = 0x8d,
    SVM_EXIT_INVPCID = 0xa2,
    SVM_EXIT_NPF = 0x400,
};
#define SVM_EXIT_INVALID UINT64_MAX

/* Offsets in the VMCB. */
enum {
    VMCB_INTERCEPTS = 0x000, /* six words */
    VMCB_PAUSE_THRESHOLD = 0x03c,
    VMCB_PAUSE_FILTER = 0x03e,
    VMCB_IOPM = 0x040,
    VMCB_MSRPM = 0x048,
    VMCB_TSC_OFFSET = 0x050,
    VMCB_ASID = 0x058,
    VMCB_TLB_CONTROL = 0x05c,
    VMCB_INT_CTL = 0x060,
    VMCB_INT_VECTOR = 0x064,
    VMCB_INT_STATE = 0x068,
    VMCB_EXIT_CODE = 0x070,
    VMCB_EXIT_INFO1 = 0x078,
    VMCB_EXIT_INFO2 = 0x080,
    VMCB_EXIT_INT_INFO = 0x088, /* the error code in its upper half */
    VMCB_NESTED_CONTROL = 0x090,
    VMCB_EVENT_INJECTION = 0x0a8, /* the same */
    VMCB_NESTED_CR3 = 0x0b0,
    VMCB_VIRT_EXT = 0x0b8,
    VMCB_NEXT_RIP = 0x0c8,
    VMCB_INSN_BYTES = 0x0d0, /* their number, then 15 of them */

    VMCB_SEGMENTS = 0x400, /* ES CS SS DS FS GS, 16 bytes each */
    VMCB_GDTR = 0x460,
    VMCB_LDTR = 0x470,
    VMCB_IDTR = 0x480,
    VMCB_TR = 0x490,
    VMCB_CPL = 0x4cb,
    VMCB_EFER = 0x4d0,
    VMCB_CR4 = 0x548,
    VMCB_CR3 = 0x550,
    VMCB_CR0 = 0x558,
    VMCB_DR7 = 0x560,
    VMCB_DR6 = 0x568,
    VMCB_RFLAGS = 0x570,
    VMCB_RIP = 0x578,
    VMCB_RSP = 0x5d8,
    VMCB_S_CET = 0x5e0,
    VMCB_SSP = 0x5e8,
    VMCB_ISST_ADDR = 0x5f0,
    VMCB_RAX = 0x5f8,
    VMCB_STAR = 0x600,
    VMCB_LSTAR = 0x608,
    VMCB_CSTAR = 0x610,
    VMCB_SFMASK = 0x618,
    VMCB_KERNEL_GS_BASE = 0x620,
    VMCB_SYSENTER_CS = 0x628,
    VMCB_SYSENTER_ESP = 0x630,
    VMCB_SYSENTER_EIP = 0x638,
    VMCB_CR2 = 0x640,
    VMCB_G_PAT = 0x668,
    VMCB_DEBUGCTL = 0x670,
    VMCB_BR_FROM = 0x678,
    VMCB_BR_TO = 0x680,
    VMCB_EXC_FROM = 0x688,
    VMCB_EXC_TO = 0x690,
};

#define SVM_INT_V_TPR 0xffu
#define SVM_INT_V_IRQ (1u << 8)
#define SVM_INT_V_GIF (1u << 9)
#define SVM_INT_V_NMI (1u << 11)
#define SVM_INT_V_NMI_MASK (1u << 12)
#define SVM_INT_V_PRIO_SHIFT 16
#define SVM_INT_V_IGN_TPR (1u << 20)
#define SVM_INT_V_MASKING (1u << 24)
#define SVM_INT_V_GIF_ENABLE (1u << 25)
#define SVM_INT_V_NMI_ENABLE (1u << 26)

#define SVM_NESTED_PAGING 1u
/* TLB_CONTROL: this ASID's entries, or those that are not global. */
#define SVM_TLB_FLUSH_ASID 3u
#define SVM_TLB_FLUSH_ASID_LOCAL 7u
#define SVM_EXT_LBRV 1u
#define SVM_EXT_V_VMLOAD 2u

/* Event injection and EXITINTINFO. */
#define SVM_EVENT_TYPE_SHIFT 8
#define SVM_EVENT_HAS_ERROR (1u << 11)
#define SVM_EVENT_VALID (1u << 31)

/* The ratio of a guest's TSC to the machine's: 8 bits before the point, 32 behind it. */
#define SVM_TSC_RATIO_SHIFT 32
#define SVM_TSC_RATIO_KNOWN UINT64_C(0xffffffffff)

/* The guest leaves: recorded; x86_unwind() or x86_deliver() is next. */
void x86_svm_record_exit(X86State *s, uint64_t code, uint64_t info1, uint64_t info2);

static inline bool
x86_svm_intercepts(const X86State *s, unsigned code)
{
    return s->svm.intercept[code >> 5] >> (code & 31) & 1;
}

/* Whether a virtual interrupt or NMI waits, masked or not. */
static inline bool
x86_svm_virtual_pending(const X86State *s)
{
    uint32_t ctl = s->svm.int_ctl;

    return (ctl & SVM_INT_V_IRQ) || ((ctl & SVM_INT_V_NMI_ENABLE) && (ctl & SVM_INT_V_NMI));
}

/* x86-svm-intercept.c */
extern const X86Virt x86_svm;

/* x86-svm-paging.c */
bool x86_svm_second_level(X86State *s, const X86SecondLevelAccess *access, X86SecondLevel *out);

/* x86-svm.c: its part of x86-virt.c */
X86Crossing x86_svm_cross(X86State *s, X86Event *event);
void x86_svm_init_signal(X86State *s);
void x86_svm_enter_smm(X86State *s);
void x86_svm_leave_smm(X86State *s);
