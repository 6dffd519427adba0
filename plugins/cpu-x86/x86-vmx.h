/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * VMX as its files share it (SDM volume 3, chapters 24 to 31 and appendices A to C).
 *
 * The current VMCS is kept in the CPU (X86Vmx.vmcs) from VMPTRLD until it is cleared or another takes its place; its memory holds
 * the same bytes then.  So what VM entry checked cannot change while the guest runs, and nothing is read twice.
 */

#include "x86-interp.h"
#include "x86-virt.h"

/* ---- encodings of VMCS fields: bit 0 upper half, 9:1 index, 11:10 type, 14:13 width ------------------------------------- */

enum {
    VMX_VPID = 0x0000,
    VMX_POSTED_VECTOR = 0x0002,

    VMX_GUEST_SELECTOR = 0x0800, /* ES CS SS DS FS GS LDTR TR, as in other fields of segments */
    VMX_GUEST_INTERRUPT_STATUS = 0x0810,
    VMX_PML_INDEX = 0x0812,

    VMX_HOST_SELECTOR = 0x0c00, /* ES ... GS, TR */

    VMX_IO_BITMAP_A = 0x2000,
    VMX_IO_BITMAP_B = 0x2002,
    VMX_MSR_BITMAP = 0x2004,
    VMX_EXIT_MSR_STORE = 0x2006,
    VMX_EXIT_MSR_LOAD = 0x2008,
    VMX_ENTRY_MSR_LOAD = 0x200a,
    VMX_PML_ADDRESS = 0x200e,
    VMX_TSC_OFFSET = 0x2010,
    VMX_VIRTUAL_APIC = 0x2012,
    VMX_APIC_ACCESS = 0x2014,
    VMX_POSTED_DESCRIPTOR = 0x2016,
    VMX_EPTP = 0x201a,
    VMX_EOI_EXIT_BITMAP = 0x201c, /* four */
    VMX_VMREAD_BITMAP = 0x2026,
    VMX_VMWRITE_BITMAP = 0x2028,
    VMX_XSS_EXIT_BITMAP = 0x202c,
    VMX_TSC_MULTIPLIER = 0x2032,

    VMX_GUEST_PHYSICAL_ADDRESS = 0x2400,

    VMX_LINK_POINTER = 0x2800,
    VMX_GUEST_DEBUGCTL = 0x2802,
    VMX_GUEST_PAT = 0x2804,
    VMX_GUEST_EFER = 0x2806,
    VMX_GUEST_PDPTE = 0x280a, /* four */

    VMX_HOST_PAT = 0x2c00,
    VMX_HOST_EFER = 0x2c02,

    VMX_PIN_CONTROLS = 0x4000,
    VMX_PROC_CONTROLS = 0x4002,
    VMX_EXCEPTION_BITMAP = 0x4004,
    VMX_PF_MASK = 0x4006,
    VMX_PF_MATCH = 0x4008,
    VMX_CR3_TARGET_COUNT = 0x400a,
    VMX_EXIT_CONTROLS = 0x400c,
    VMX_EXIT_MSR_STORE_COUNT = 0x400e,
    VMX_EXIT_MSR_LOAD_COUNT = 0x4010,
    VMX_ENTRY_CONTROLS = 0x4012,
    VMX_ENTRY_MSR_LOAD_COUNT = 0x4014,
    VMX_ENTRY_EVENT = 0x4016,
    VMX_ENTRY_EVENT_ERROR = 0x4018,
    VMX_ENTRY_LENGTH = 0x401a,
    VMX_TPR_THRESHOLD = 0x401c,
    VMX_PROC2_CONTROLS = 0x401e,
    VMX_PLE_GAP = 0x4020,
    VMX_PLE_WINDOW = 0x4022,

    VMX_INSTRUCTION_ERROR = 0x4400,
    VMX_EXIT_REASON = 0x4402,
    VMX_EXIT_EVENT = 0x4404,
    VMX_EXIT_EVENT_ERROR = 0x4406,
    VMX_IDT_EVENT = 0x4408,
    VMX_IDT_EVENT_ERROR = 0x440a,
    VMX_EXIT_LENGTH = 0x440c,
    VMX_EXIT_INFO = 0x440e,

    VMX_GUEST_LIMIT = 0x4800,
    VMX_GUEST_GDTR_LIMIT = 0x4810,
    VMX_GUEST_IDTR_LIMIT = 0x4812,
    VMX_GUEST_RIGHTS = 0x4814,
    VMX_GUEST_INTERRUPTIBILITY = 0x4824,
    VMX_GUEST_ACTIVITY = 0x4826,
    VMX_GUEST_SMBASE = 0x4828,
    VMX_GUEST_SYSENTER_CS = 0x482a,
    VMX_PREEMPTION_TIMER = 0x482e,

    VMX_HOST_SYSENTER_CS = 0x4c00,

    VMX_CR0_MASK = 0x6000,
    VMX_CR4_MASK = 0x6002,
    VMX_CR0_SHADOW = 0x6004,
    VMX_CR4_SHADOW = 0x6006,
    VMX_CR3_TARGET = 0x6008, /* four */

    VMX_EXIT_QUALIFICATION = 0x6400,
    VMX_IO_RCX = 0x6402,
    VMX_IO_RSI = 0x6404,
    VMX_IO_RDI = 0x6406,
    VMX_IO_RIP = 0x6408,
    VMX_GUEST_LINEAR_ADDRESS = 0x640a,

    VMX_GUEST_CR0 = 0x6800,
    VMX_GUEST_CR3 = 0x6802,
    VMX_GUEST_CR4 = 0x6804,
    VMX_GUEST_BASE = 0x6806,
    VMX_GUEST_GDTR_BASE = 0x6816,
    VMX_GUEST_IDTR_BASE = 0x6818,
    VMX_GUEST_DR7 = 0x681a,
    VMX_GUEST_RSP = 0x681c,
    VMX_GUEST_RIP = 0x681e,
    VMX_GUEST_RFLAGS = 0x6820,
    VMX_GUEST_PENDING_DEBUG = 0x6822,
    VMX_GUEST_SYSENTER_ESP = 0x6824,
    VMX_GUEST_SYSENTER_EIP = 0x6826,

    VMX_HOST_CR0 = 0x6c00,
    VMX_HOST_CR3 = 0x6c02,
    VMX_HOST_CR4 = 0x6c04,
    VMX_HOST_FS_BASE = 0x6c06,
    VMX_HOST_GS_BASE = 0x6c08,
    VMX_HOST_TR_BASE = 0x6c0a,
    VMX_HOST_GDTR_BASE = 0x6c0c,
    VMX_HOST_IDTR_BASE = 0x6c0e,
    VMX_HOST_SYSENTER_ESP = 0x6c10,
    VMX_HOST_SYSENTER_EIP = 0x6c12,
    VMX_HOST_RSP = 0x6c14,
    VMX_HOST_RIP = 0x6c16,
};

/* The region in memory: the head, then for each width and type 32 fields. */
#define VMX_REVISION 0x0e3a5501u
#define VMX_SHADOW_INDICATOR (1u << 31)
#define VMX_REGION_ABORT 4u
#define VMX_REGION_LAUNCHED 8u
#define VMX_REGION_FIELDS 64u
#define VMX_FIELD_HIGH 1u

static inline unsigned
x86_vmx_field_size(unsigned field)
{
    static const uint8_t size[] = {2, 8, 4, 8};

    return size[field >> 13 & 3];
}

static inline unsigned
x86_vmx_field_offset(unsigned field)
{
    static const uint16_t base[] = {0, 256, 1280, 1792};

    return VMX_REGION_FIELDS + base[field >> 13 & 3] + ((field >> 10 & 3) * 32 + (field >> 1 & 31)) * x86_vmx_field_size(field);
}

static inline uint64_t
x86_vmx_get(const X86State *s, unsigned field)
{
    return x86_get_bytes(s->vmx.vmcs + x86_vmx_field_offset(field), x86_vmx_field_size(field));
}

static inline void
x86_vmx_put(X86State *s, unsigned field, uint64_t value)
{
    x86_put_bytes(s->vmx.vmcs + x86_vmx_field_offset(field), value, x86_vmx_field_size(field));
}

/* ---- controls (24.6 to 24.8) ----------------------------------------------------------------------------------------------- */

#define VMX_PIN_INTR (1u << 0)
#define VMX_PIN_NMI (1u << 3)
#define VMX_PIN_VIRTUAL_NMI (1u << 5)
#define VMX_PIN_TIMER (1u << 6)
#define VMX_PIN_OFFERED (VMX_PIN_INTR | VMX_PIN_NMI | VMX_PIN_VIRTUAL_NMI | VMX_PIN_TIMER)

#define VMX_PROC_INTR_WINDOW (1u << 2)
#define VMX_PROC_TSC_OFFSET (1u << 3)
#define VMX_PROC_HLT (1u << 7)
#define VMX_PROC_INVLPG (1u << 9)
#define VMX_PROC_MWAIT (1u << 10)
#define VMX_PROC_RDPMC (1u << 11)
#define VMX_PROC_RDTSC (1u << 12)
#define VMX_PROC_CR3_LOAD (1u << 15)
#define VMX_PROC_CR3_STORE (1u << 16)
#define VMX_PROC_CR8_LOAD (1u << 19)
#define VMX_PROC_CR8_STORE (1u << 20)
#define VMX_PROC_TPR_SHADOW (1u << 21)
#define VMX_PROC_NMI_WINDOW (1u << 22)
#define VMX_PROC_MOV_DR (1u << 23)
#define VMX_PROC_IO (1u << 24)
#define VMX_PROC_IO_BITMAPS (1u << 25)
#define VMX_PROC_MTF (1u << 27)
#define VMX_PROC_MSR_BITMAPS (1u << 28)
#define VMX_PROC_MONITOR (1u << 29)
#define VMX_PROC_PAUSE (1u << 30)
#define VMX_PROC_SECONDARY (1u << 31)
#define VMX_PROC_OFFERED                                                                                                            \
    (VMX_PROC_INTR_WINDOW | VMX_PROC_TSC_OFFSET | VMX_PROC_HLT | VMX_PROC_INVLPG | VMX_PROC_MWAIT | VMX_PROC_RDPMC | VMX_PROC_RDTSC | \
     VMX_PROC_CR3_LOAD | VMX_PROC_CR3_STORE | VMX_PROC_CR8_LOAD | VMX_PROC_CR8_STORE | VMX_PROC_TPR_SHADOW | VMX_PROC_NMI_WINDOW |    \
     VMX_PROC_MOV_DR | VMX_PROC_IO | VMX_PROC_IO_BITMAPS | VMX_PROC_MTF | VMX_PROC_MSR_BITMAPS | VMX_PROC_MONITOR | VMX_PROC_PAUSE |  \
     VMX_PROC_SECONDARY)

#define VMX_PROC2_EPT (1u << 1)
#define VMX_PROC2_TABLES (1u << 2)
#define VMX_PROC2_RDTSCP (1u << 3)
#define VMX_PROC2_VPID (1u << 5)
#define VMX_PROC2_WBINVD (1u << 6)
#define VMX_PROC2_UNRESTRICTED (1u << 7)
#define VMX_PROC2_PLE (1u << 10)
#define VMX_PROC2_RDRAND (1u << 11)
#define VMX_PROC2_INVPCID (1u << 12)
#define VMX_PROC2_SHADOW_VMCS (1u << 14)
#define VMX_PROC2_RDSEED (1u << 16)
#define VMX_PROC2_PML (1u << 17)
#define VMX_PROC2_XSAVES (1u << 20)
#define VMX_PROC2_MBEC (1u << 22)
#define VMX_PROC2_TSC_SCALING (1u << 25)
#define VMX_PROC2_OFFERED                                                                                                          \
    (VMX_PROC2_EPT | VMX_PROC2_TABLES | VMX_PROC2_RDTSCP | VMX_PROC2_VPID | VMX_PROC2_WBINVD | VMX_PROC2_UNRESTRICTED | VMX_PROC2_PLE | \
     VMX_PROC2_RDRAND | VMX_PROC2_INVPCID | VMX_PROC2_SHADOW_VMCS | VMX_PROC2_RDSEED | VMX_PROC2_PML | VMX_PROC2_XSAVES |             \
     VMX_PROC2_MBEC | VMX_PROC2_TSC_SCALING)

#define VMX_EXIT_SAVE_DEBUG (1u << 2)
#define VMX_EXIT_HOST_64 (1u << 9)
#define VMX_EXIT_ACK_INTR (1u << 15)
#define VMX_EXIT_SAVE_PAT (1u << 18)
#define VMX_EXIT_LOAD_PAT (1u << 19)
#define VMX_EXIT_SAVE_EFER (1u << 20)
#define VMX_EXIT_LOAD_EFER (1u << 21)
#define VMX_EXIT_SAVE_TIMER (1u << 22)
#define VMX_EXIT_OFFERED                                                                                                     \
    (VMX_EXIT_SAVE_DEBUG | VMX_EXIT_HOST_64 | VMX_EXIT_ACK_INTR | VMX_EXIT_SAVE_PAT | VMX_EXIT_LOAD_PAT | VMX_EXIT_SAVE_EFER | \
     VMX_EXIT_LOAD_EFER | VMX_EXIT_SAVE_TIMER)

#define VMX_ENTRY_LOAD_DEBUG (1u << 2)
#define VMX_ENTRY_GUEST_64 (1u << 9)
#define VMX_ENTRY_LOAD_PAT (1u << 14)
#define VMX_ENTRY_LOAD_EFER (1u << 15)
#define VMX_ENTRY_OFFERED (VMX_ENTRY_LOAD_DEBUG | VMX_ENTRY_GUEST_64 | VMX_ENTRY_LOAD_PAT | VMX_ENTRY_LOAD_EFER)

/* IA32_VMX_MISC: the timer's rate, 4 CR3 targets and what can be switched off. */
#define VMX_MISC_TIMER_SHIFT 5u
#define VMX_MISC_CR3_TARGETS 4u
#define VMX_MISC_STORE_LMA (1u << 5)
#define VMX_MISC_HLT (1u << 6)
#define VMX_MISC_WAIT_SIPI (1u << 8)
#define VMX_MISC_WRITE_ALL (1u << 29)
#define VMX_MISC_LENGTH_0 (1u << 30)
#define VMX_MISC_OFFERED (VMX_MISC_STORE_LMA | VMX_MISC_HLT | VMX_MISC_WAIT_SIPI | VMX_MISC_WRITE_ALL | VMX_MISC_LENGTH_0)

/* IA32_VMX_EPT_VPID_CAP, its halves. */
#define VMX_EPT_EXECUTE_ONLY (1u << 0)
#define VMX_EPT_4_LEVELS (1u << 6)
#define VMX_EPT_UC (1u << 8)
#define VMX_EPT_WB (1u << 14)
#define VMX_EPT_2M (1u << 16)
#define VMX_EPT_1G (1u << 17)
#define VMX_EPT_INVEPT (1u << 20)
#define VMX_EPT_AD (1u << 21)
#define VMX_EPT_INVEPT_SINGLE (1u << 25)
#define VMX_EPT_INVEPT_ALL (1u << 26)
#define VMX_EPT_OFFERED                                                                                             \
    (VMX_EPT_EXECUTE_ONLY | VMX_EPT_4_LEVELS | VMX_EPT_UC | VMX_EPT_WB | VMX_EPT_2M | VMX_EPT_1G | VMX_EPT_INVEPT | \
     VMX_EPT_AD | VMX_EPT_INVEPT_SINGLE | VMX_EPT_INVEPT_ALL)
#define VMX_VPID_INVVPID (1u << 0)
#define VMX_VPID_OFFERED (VMX_VPID_INVVPID | 0xfu << 8)

/* IA32_VMX_BASIC, the upper half. */
#define VMX_BASIC_INS_OUTS (1u << 22)
#define VMX_BASIC_TRUE (1u << 23)
#define VMX_BASIC_OFFERED (VMX_BASIC_INS_OUTS | VMX_BASIC_TRUE)

/* Interruption information: of entry, of exit, of what the exit interrupted. */
#define VMX_EVENT_TYPE_SHIFT 8
#define VMX_EVENT_HAS_ERROR (1u << 11)
#define VMX_EVENT_VALID (1u << 31)

/* Types of event that only VMX has. */
#define VMX_EVENT_SOFT_EXCEPTION 6u /* INT3, INTO */
#define VMX_EVENT_OTHER 7u          /* a monitor trap */

/* Interruptibility. */
#define VMX_BLOCKED_BY_STI (1u << 0)
#define VMX_BLOCKED_BY_MOV_SS (1u << 1)
#define VMX_BLOCKED_BY_SMI (1u << 2)
#define VMX_BLOCKED_BY_NMI (1u << 3)

enum { VMX_ACTIVE, VMX_HALTED, VMX_SHUTDOWN, VMX_WAIT_SIPI };

/* Segment rights: the descriptor's, moved together, and: */
#define VMX_UNUSABLE (1u << 16)

/* ---- exit reasons (appendix C) ------------------------------------------------------------------------------------------------ */

enum {
    VMX_REASON_EXCEPTION = 0, /* and NMI */
    VMX_REASON_INTR = 1,
    VMX_REASON_TRIPLE_FAULT = 2,
    VMX_REASON_INIT = 3,
    VMX_REASON_SIPI = 4,
    VMX_REASON_INTR_WINDOW = 7,
    VMX_REASON_NMI_WINDOW = 8,
    VMX_REASON_TASK_SWITCH = 9,
    VMX_REASON_CPUID = 10,
    VMX_REASON_HLT = 12,
    VMX_REASON_INVD = 13,
    VMX_REASON_INVLPG = 14,
    VMX_REASON_RDPMC = 15,
    VMX_REASON_RDTSC = 16,
    VMX_REASON_VMCALL = 18,
    VMX_REASON_VMCLEAR = 19,
    VMX_REASON_VMLAUNCH = 20,
    VMX_REASON_VMPTRLD = 21,
    VMX_REASON_VMPTRST = 22,
    VMX_REASON_VMREAD = 23,
    VMX_REASON_VMRESUME = 24,
    VMX_REASON_VMWRITE = 25,
    VMX_REASON_VMXOFF = 26,
    VMX_REASON_VMXON = 27,
    VMX_REASON_CR = 28,
    VMX_REASON_MOV_DR = 29,
    VMX_REASON_IO = 30,
    VMX_REASON_RDMSR = 31,
    VMX_REASON_WRMSR = 32,
    VMX_REASON_BAD_GUEST = 33,
    VMX_REASON_BAD_MSR = 34,
    VMX_REASON_MWAIT = 36,
    VMX_REASON_MTF = 37,
    VMX_REASON_MONITOR = 39,
    VMX_REASON_PAUSE = 40,
    VMX_REASON_TPR_THRESHOLD = 43,
    VMX_REASON_GDTR_IDTR = 46,
    VMX_REASON_LDTR_TR = 47,
    VMX_REASON_EPT_VIOLATION = 48,
    VMX_REASON_EPT_MISCONFIGURATION = 49,
    VMX_REASON_INVEPT = 50,
    VMX_REASON_RDTSCP = 51,
    VMX_REASON_TIMER = 52,
    VMX_REASON_INVVPID = 53,
    VMX_REASON_WBINVD = 54,
    VMX_REASON_XSETBV = 55,
    VMX_REASON_RDRAND = 57,
    VMX_REASON_INVPCID = 58,
    VMX_REASON_RDSEED = 61,
    VMX_REASON_PML_FULL = 62,
    VMX_REASON_XSAVES = 63,
    VMX_REASON_XRSTORS = 64,
};
#define VMX_REASON_ENTRY_FAILED (1u << 31)

/* VM-instruction errors (30.4). */
enum {
    VMX_ERROR_VMCALL_IN_ROOT = 1,
    VMX_ERROR_VMCLEAR_ADDRESS = 2,
    VMX_ERROR_VMCLEAR_VMXON = 3,
    VMX_ERROR_VMLAUNCH_NOT_CLEAR = 4,
    VMX_ERROR_VMRESUME_NOT_LAUNCHED = 5,
    VMX_ERROR_CONTROLS = 7,
    VMX_ERROR_HOST_STATE = 8,
    VMX_ERROR_VMPTRLD_ADDRESS = 9,
    VMX_ERROR_VMPTRLD_VMXON = 10,
    VMX_ERROR_VMPTRLD_REVISION = 11,
    VMX_ERROR_FIELD = 12,
    VMX_ERROR_READ_ONLY = 13,
    VMX_ERROR_VMXON_IN_ROOT = 15,
    VMX_ERROR_MOV_SS = 26,
    VMX_ERROR_INVALIDATE = 28,
};

/* ---- controls of the guest that runs ---------------------------------------------------------------------------------------------- */

static inline bool
x86_vmx_pin(const X86State *s, uint32_t control)
{
    return x86_vmx_get(s, VMX_PIN_CONTROLS) & control;
}

static inline bool
x86_vmx_proc(const X86State *s, uint32_t control)
{
    return x86_vmx_get(s, VMX_PROC_CONTROLS) & control;
}

/* The secondary ones count as 0 unless they are activated. */
static inline uint32_t
x86_vmx_get_proc2(const X86State *s)
{
    return x86_vmx_proc(s, VMX_PROC_SECONDARY) ? (uint32_t)x86_vmx_get(s, VMX_PROC2_CONTROLS) : 0;
}

static inline bool
x86_vmx_proc2(const X86State *s, uint32_t control)
{
    return x86_vmx_get_proc2(s) & control;
}

/* An address that a page lies at. */
static inline bool
x86_vmx_is_page(const X86State *s, uint64_t address)
{
    return !(address & 0xfff) && !(address & ~s->phys_mask);
}

/* x86-vmx-capability.c */
typedef struct {
    uint32_t must; /* bits that have to be 1 */
    uint32_t may;  /* bits that can be 1 */
} X86VmxAllowed;
typedef enum { X86_VMX_PIN, X86_VMX_PROC, X86_VMX_PROC2, X86_VMX_EXIT, X86_VMX_ENTRY, X86_VMX_N_GROUPS } X86VmxGroup;
X86VmxAllowed x86_vmx_allowed(const X86State *s, X86VmxGroup group);
uint32_t x86_vmx_misc(const X86State *s);
uint64_t x86_vmx_ept_vpid(const X86State *s);
uint32_t x86_vmx_basic_high(const X86State *s);
/* Bits of CR0 and CR4 that VMX operation leaves no choice for: what breaks that rule in @value. */
uint64_t x86_vmx_cr0_wrong(const X86State *s, uint64_t value, bool unrestricted);
uint64_t x86_vmx_cr4_wrong(const X86State *s, uint64_t value);

/* x86-vmx-instruction.c */
bool x86_vmx_field_exists(const X86State *s, uint64_t field);

/* x86-vmx-check.c */
/* A VM-instruction error for the controls or the host's state; 0: none. */
unsigned x86_vmx_check_controls(X86State *s);
/* The guest's state: false, with the exit qualification, when it cannot be entered. */
bool x86_vmx_check_guest(X86State *s, uint64_t *qualification);

/* x86-vmx.c */
/* The guest leaves: recorded; x86_unwind() or x86_deliver() is next.  What else there is to say is written into X86Vmx behind it. */
void x86_vmx_record_exit(X86State *s, uint32_t reason, uint64_t qualification);
/* VMLAUNCH and VMRESUME got as far as the guest's state. */
void x86_vmx_begin_entry(X86State *s);
/* Its part of x86-virt.c. */
X86Crossing x86_vmx_cross(X86State *s, X86Event *event);
void x86_vmx_init_signal(X86State *s);
void x86_vmx_enter_smm(X86State *s);
void x86_vmx_leave_smm(X86State *s);
/* A guest goes on whose state was loaded. */
void x86_vmx_resume(X86State *s);

/* x86-vmx-intercept.c */
extern const X86Virt x86_vmx;
/* An instruction leaves; its length is next_rip's. */
G_NORETURN void x86_vmx_leave(X86State *s, uint32_t reason, uint64_t qualification, uint32_t info);
/* Instruction information of one with a ModRM operand, and its displacement, which is the qualification. */
uint32_t x86_vmx_operand_info(const X86Insn *insn, unsigned reg2);
uint64_t x86_vmx_displacement(X86State *s, const X86Insn *insn);
/* The next boundary between instructions is one to look at. */
void x86_vmx_request(X86State *s);

/* x86-vmx-ept.c */
bool x86_vmx_has_ept(X86State *s);
bool x86_vmx_second_level(X86State *s, const X86SecondLevelAccess *access, X86SecondLevel *out);
bool x86_vmx_eptp_is_valid(const X86State *s, uint64_t eptp);
