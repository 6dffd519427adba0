/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Architectural state of one x86 CPU, as the interpreter, the lifter, translated code and the
 * system half see it.  Names follow the Intel SDM and the AMD APM.
 *
 * Layout: the core's EmuTcgState, then 64 hot bytes that translated code reaches with 8-bit
 * displacements, then everything else in falling order of use.
 */

#include <emu/tcg.h>
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Register numbers are those of the encoding. */
enum {
    X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
    X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
};

/* Segment registers by their number in ModRM.reg; LDTR and TR continue the array. */
enum {
    X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_LDTR, X86_TR,
    X86_N_SEGS,
};

/* EFLAGS */
#define X86_CF (1u << 0)
#define X86_PF (1u << 2)
#define X86_AF (1u << 4)
#define X86_ZF (1u << 6)
#define X86_SF (1u << 7)
#define X86_TF (1u << 8)
#define X86_IF (1u << 9)
#define X86_DF (1u << 10)
#define X86_OF (1u << 11)
#define X86_IOPL (3u << 12)
#define X86_IOPL_SHIFT 12
#define X86_NT (1u << 14)
#define X86_RF (1u << 16)
#define X86_VM (1u << 17)
#define X86_AC (1u << 18)
#define X86_VIF (1u << 19)
#define X86_VIP (1u << 20)
#define X86_ID (1u << 21)
/* The six arithmetic flags live in X86State.cc, all others in X86State.eflags. */
#define X86_CC (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)

#define X86_CR0_PE (1u << 0)
#define X86_CR0_MP (1u << 1)
#define X86_CR0_EM (1u << 2)
#define X86_CR0_TS (1u << 3)
#define X86_CR0_ET (1u << 4)
#define X86_CR0_NE (1u << 5)
#define X86_CR0_WP (1u << 16)
#define X86_CR0_AM (1u << 18)
#define X86_CR0_NW (1u << 29)
#define X86_CR0_CD (1u << 30)
#define X86_CR0_PG (1u << 31)

#define X86_CR4_VME (1u << 0)
#define X86_CR4_PVI (1u << 1)
#define X86_CR4_TSD (1u << 2)
#define X86_CR4_DE (1u << 3)
#define X86_CR4_PSE (1u << 4)
#define X86_CR4_PAE (1u << 5)
#define X86_CR4_MCE (1u << 6)
#define X86_CR4_PGE (1u << 7)
#define X86_CR4_PCE (1u << 8)
#define X86_CR4_OSFXSR (1u << 9)
#define X86_CR4_OSXMMEXCPT (1u << 10)
#define X86_CR4_UMIP (1u << 11)
#define X86_CR4_LA57 (1u << 12)
#define X86_CR4_VMXE (1u << 13)
#define X86_CR4_FSGSBASE (1u << 16)
#define X86_CR4_PCIDE (1u << 17)
#define X86_CR4_OSXSAVE (1u << 18)
#define X86_CR4_SMEP (1u << 20)
#define X86_CR4_SMAP (1u << 21)
#define X86_CR4_PKE (1u << 22)
#define X86_CR4_CET (1u << 23)
#define X86_CR4_PKS (1u << 24)

#define X86_TSX_CTRL_RTM_DISABLE (1u << 0)
#define X86_TSX_CTRL_CPUID_CLEAR (1u << 1)

#define X86_DR6_BD (1u << 13)
#define X86_DR6_BS (1u << 14)
#define X86_DR6_BT (1u << 15)
#define X86_DR7_GD (1u << 13)
#define X86_DEBUGCTL_LBR (1u << 0)
#define X86_DEBUGCTL_BTF (1u << 1)

#define X86_EFER_SCE (1u << 0)
#define X86_EFER_LME (1u << 8)
#define X86_EFER_LMA (1u << 10)
#define X86_EFER_NXE (1u << 11)
#define X86_EFER_SVME (1u << 12)
#define X86_EFER_FFXSR (1u << 14)

/* Exception vectors. */
enum {
    X86_EXC_DE = 0, X86_EXC_DB = 1, X86_EXC_NMI = 2, X86_EXC_BP = 3, X86_EXC_OF = 4,
    X86_EXC_BR = 5, X86_EXC_UD = 6, X86_EXC_NM = 7, X86_EXC_DF = 8, X86_EXC_TS = 10,
    X86_EXC_NP = 11, X86_EXC_SS = 12, X86_EXC_GP = 13, X86_EXC_PF = 14, X86_EXC_MF = 16,
    X86_EXC_AC = 17, X86_EXC_MC = 18, X86_EXC_XM = 19, X86_EXC_CP = 21, X86_EXC_SX = 30,
    X86_EXC_VIRT = 32, /* ours: into or out of a guest, see x86-virt.h */
    X86_EXC_LEAVE = 33, /* ours: the interpreter ends before this instruction, see X86State.elsewhere */
};

enum {
    X86_ELSEWHERE_APIC = 1,  /* the local APIC */
    X86_ELSEWHERE_CHIPS = 2, /* 8259s, 8254, I/O APIC */
};

/*
 * Mode key (EmuTcgState.mode_key): all that decoding and lifting may assume.  A block is looked up
 * under it, so nothing here may change without x86_update_mode().
 */
#define X86_MODE_CODE_SHIFT 0 /* code size: 0 = 16, 1 = 32, 2 = 64 bits */
#define X86_MODE_CODE_MASK 3u
#define X86_MODE_CODE16 0u
#define X86_MODE_CODE32 1u
#define X86_MODE_CODE64 2u
#define X86_MODE_STACK_SHIFT 2 /* stack pointer size, coded alike */
#define X86_MODE_FLAT_SHIFT 4  /* six bits, one per segment: base 0, limit 4G - 1, rights alike */
#define X86_MODE_FLAT(seg) (UINT64_C(1) << (X86_MODE_FLAT_SHIFT + (seg)))
#define X86_MODE_NOLIMIT_SHIFT 10 /* six bits: any base, limit 4G - 1, writable (CS: only readable) */
#define X86_MODE_NOLIMIT(seg) (UINT64_C(1) << (X86_MODE_NOLIMIT_SHIFT + (seg)))
#define X86_MODE_CPL_SHIFT 16 /* two bits */
#define X86_MODE_PE (UINT64_C(1) << 18)
#define X86_MODE_PG (UINT64_C(1) << 19)
#define X86_MODE_PAE (UINT64_C(1) << 20)
#define X86_MODE_LMA (UINT64_C(1) << 21)  /* long mode active, compatibility mode included */
#define X86_MODE_VM86 (UINT64_C(1) << 22)
#define X86_MODE_IOPL (UINT64_C(1) << 23) /* CPL <= IOPL (or real mode): CLI, STI, IN, OUT allowed */
#define X86_MODE_X87 (UINT64_C(1) << 24)  /* x87 and MMX usable: CR0.EM = CR0.TS = 0 */
#define X86_MODE_SSE (UINT64_C(1) << 25)  /* SSE usable: CR0.EM = CR0.TS = 0, CR4.OSFXSR = 1 */
#define X86_MODE_AVX_SHIFT 26
#define X86_MODE_AVX (UINT64_C(1) << 26)  /* AVX usable: CR4.OSXSAVE = 1, XCR0[2:1] = 3, TS = 0 */
#define X86_MODE_AC (UINT64_C(1) << 27)   /* alignment checks: CPL 3, CR0.AM, EFLAGS.AC */
#define X86_MODE_TF (UINT64_C(1) << 28)   /* single step */
#define X86_MODE_RF (UINT64_C(1) << 29)   /* instruction breakpoints masked for one instruction */
#define X86_MODE_DR (UINT64_C(1) << 30)   /* debug registers armed, or a guest is left after each instruction */
#define X86_MODE_SHADOW (UINT64_C(1) << 31) /* interrupt shadow of STI, MOV SS, POP SS */
#define X86_MODE_MMU_SHIFT 32               /* three bits: tcg.mmu_mode */
#define X86_MODE_A20_OFF (UINT64_C(1) << 35)
/* Code outside 64-bit mode in a segment of 64 KiB (or 4 GiB: X86_MODE_NOLIMIT) from below 1 MiB, like real mode's: its base, in units
 * of 16 bytes. */
#define X86_MODE_CS_BASE_SHIFT 36
#define X86_MODE_CS_BASE_MASK UINT64_C(0xffff)
#define X86_MODE_CS_BASED (UINT64_C(1) << 52)
#define X86_MODE_LIMITED_SHIFT 53 /* six bits: any base and limit, rights as for X86_MODE_NOLIMIT */
#define X86_MODE_LIMITED(seg) (UINT64_C(1) << (X86_MODE_LIMITED_SHIFT + (seg)))
#define X86_MODE_GUEST (UINT64_C(1) << 59) /* a guest of the guest's own runs: see x86-virt.h */
#define X86_MODE_LBR (UINT64_C(1) << 60)   /* branches are recorded */
#define X86_MODE_SHSTK (UINT64_C(1) << 61) /* a shadow stack at this level: see x86-cet.h */
#define X86_MODE_IBT (UINT64_C(1) << 62)   /* indirect branches are tracked at this level */
#define X86_MODE_TRACKER (UINT64_C(1) << 63) /* the next instruction may have to be an ENDBRANCH */
/* Blocks for a key with one of these are not worth lifting: interpret. */
#define X86_MODE_INTERP_ONLY \
    (X86_MODE_TF | X86_MODE_RF | X86_MODE_DR | X86_MODE_SHADOW | X86_MODE_AC | X86_MODE_LBR | X86_MODE_TRACKER)

/* MMU modes: privilege views of the address space. */
enum {
    X86_MMU_KERNEL = 0, /* supervisor, may touch user pages */
    X86_MMU_USER = 1,
    X86_MMU_KERNEL_SMAP = 2, /* supervisor, data accesses to user pages fault */
    X86_MMU_SHADOW_USER = 3, /* accesses to shadow stacks */
    X86_MMU_SHADOW = 4,
};

/* Access rights of a segment: bits 8-15 and 20-23 of the descriptor's second word, in place. */
#define X86_DESC_TYPE (0xfu << 8)
#define X86_DESC_A (1u << 8)
#define X86_DESC_W (1u << 9) /* data: writable; code: readable */
#define X86_DESC_R (1u << 9)
#define X86_DESC_E (1u << 10) /* data: expand down; code: conforming */
#define X86_DESC_C (1u << 10)
#define X86_DESC_CODE (1u << 11)
#define X86_DESC_S (1u << 12)
#define X86_DESC_DPL_SHIFT 13
#define X86_DESC_DPL (3u << 13)
#define X86_DESC_P (1u << 15)
#define X86_DESC_AVL (1u << 20)
#define X86_DESC_L (1u << 21)
#define X86_DESC_B (1u << 22)
#define X86_DESC_G (1u << 23)
#define X86_DESC_ATTR 0x00f0ff00u
#define X86_DESC_NULL (1u << 0) /* ours: loaded with a null selector, any use faults */

typedef struct {
    uint32_t limit; /* in bytes, granularity applied */
    uint32_t attr;  /* X86_DESC_* */
    uint16_t selector;
    uint16_t reserved0;
    uint32_t reserved1;
} X86Segment;

typedef struct {
    uint64_t base;
    uint32_t limit;
    uint32_t reserved;
} X86TableReg;

/* CPUID feature words; a feature is word * 32 + bit. */
typedef enum {
    X86_CPUID_1_EDX,
    X86_CPUID_1_ECX,
    X86_CPUID_7_EBX,
    X86_CPUID_7_ECX,
    X86_CPUID_7_EDX,
    X86_CPUID_7_1_EAX,
    X86_CPUID_80000001_EDX,
    X86_CPUID_80000001_ECX,
    X86_CPUID_80000007_EDX,
    X86_CPUID_80000008_EBX,
    X86_CPUID_D_1_EAX,
    X86_CPUID_6_EAX,
    X86_CPUID_8000000A_EDX,
    X86_CPUID_7_1_EDX,
    X86_CPUID_7_2_EDX,
    X86_CPUID_14_ECX,
    X86_CPUID_24_EBX,
    X86_CPUID_80000007_EBX,
    X86_CPUID_80000021_EAX,
    X86_CPUID_80000022_EAX,
    X86_CPUID_C0000001_EDX,
    X86_ARCH_CAPABILITIES, /* the MSR IA32_ARCH_CAPABILITIES */
    X86_ARCH_CAPABILITIES_HIGH,
    X86_CORE_CAPABILITY, /* IA32_CORE_CAPABILITIES */
    X86_CPUID_KVM_EAX,   /* leaf 40000001H */
    X86_CPUID_KVM_EDX,
    X86_MSR_VMX_PIN, /* IA32_VMX_PINBASED_CTLS and so on: controls that may be 1 */
    X86_MSR_VMX_PROC,
    X86_MSR_VMX_PROC2,
    X86_MSR_VMX_EXIT,
    X86_MSR_VMX_ENTRY,
    X86_MSR_VMX_MISC,
    X86_MSR_VMX_EPT,
    X86_MSR_VMX_VPID,  /* the upper half of the same */
    X86_MSR_VMX_BASIC, /* an upper half too */
    X86_N_FEATURE_WORDS,
} X86FeatureWord;

#define X86_FEATURE(word, bit) ((uint16_t)((word) * 32 + (bit)))
enum {
    X86_FEAT_FPU = X86_FEATURE(X86_CPUID_1_EDX, 0),
    X86_FEAT_VME = X86_FEATURE(X86_CPUID_1_EDX, 1),
    X86_FEAT_DE = X86_FEATURE(X86_CPUID_1_EDX, 2),
    X86_FEAT_PSE = X86_FEATURE(X86_CPUID_1_EDX, 3),
    X86_FEAT_TSC = X86_FEATURE(X86_CPUID_1_EDX, 4),
    X86_FEAT_MSR = X86_FEATURE(X86_CPUID_1_EDX, 5),
    X86_FEAT_PAE = X86_FEATURE(X86_CPUID_1_EDX, 6),
    X86_FEAT_MCE = X86_FEATURE(X86_CPUID_1_EDX, 7),
    X86_FEAT_CX8 = X86_FEATURE(X86_CPUID_1_EDX, 8),
    X86_FEAT_APIC = X86_FEATURE(X86_CPUID_1_EDX, 9),
    X86_FEAT_SEP = X86_FEATURE(X86_CPUID_1_EDX, 11),
    X86_FEAT_MTRR = X86_FEATURE(X86_CPUID_1_EDX, 12),
    X86_FEAT_PGE = X86_FEATURE(X86_CPUID_1_EDX, 13),
    X86_FEAT_MCA = X86_FEATURE(X86_CPUID_1_EDX, 14),
    X86_FEAT_CMOV = X86_FEATURE(X86_CPUID_1_EDX, 15),
    X86_FEAT_PAT = X86_FEATURE(X86_CPUID_1_EDX, 16),
    X86_FEAT_PSE36 = X86_FEATURE(X86_CPUID_1_EDX, 17),
    X86_FEAT_CLFLUSH = X86_FEATURE(X86_CPUID_1_EDX, 19),
    X86_FEAT_MMX = X86_FEATURE(X86_CPUID_1_EDX, 23),
    X86_FEAT_FXSR = X86_FEATURE(X86_CPUID_1_EDX, 24),
    X86_FEAT_SSE = X86_FEATURE(X86_CPUID_1_EDX, 25),
    X86_FEAT_SSE2 = X86_FEATURE(X86_CPUID_1_EDX, 26),
    X86_FEAT_SSE3 = X86_FEATURE(X86_CPUID_1_ECX, 0),
    X86_FEAT_PCLMULQDQ = X86_FEATURE(X86_CPUID_1_ECX, 1),
    X86_FEAT_MONITOR = X86_FEATURE(X86_CPUID_1_ECX, 3),
    X86_FEAT_VMX = X86_FEATURE(X86_CPUID_1_ECX, 5),
    X86_FEAT_SSSE3 = X86_FEATURE(X86_CPUID_1_ECX, 9),
    X86_FEAT_FMA = X86_FEATURE(X86_CPUID_1_ECX, 12),
    X86_FEAT_CX16 = X86_FEATURE(X86_CPUID_1_ECX, 13),
    X86_FEAT_PCID = X86_FEATURE(X86_CPUID_1_ECX, 17),
    X86_FEAT_SSE41 = X86_FEATURE(X86_CPUID_1_ECX, 19),
    X86_FEAT_SSE42 = X86_FEATURE(X86_CPUID_1_ECX, 20),
    X86_FEAT_X2APIC = X86_FEATURE(X86_CPUID_1_ECX, 21),
    X86_FEAT_MOVBE = X86_FEATURE(X86_CPUID_1_ECX, 22),
    X86_FEAT_POPCNT = X86_FEATURE(X86_CPUID_1_ECX, 23),
    X86_FEAT_TSC_DEADLINE = X86_FEATURE(X86_CPUID_1_ECX, 24),
    X86_FEAT_AES = X86_FEATURE(X86_CPUID_1_ECX, 25),
    X86_FEAT_XSAVE = X86_FEATURE(X86_CPUID_1_ECX, 26),
    X86_FEAT_OSXSAVE = X86_FEATURE(X86_CPUID_1_ECX, 27),
    X86_FEAT_AVX = X86_FEATURE(X86_CPUID_1_ECX, 28),
    X86_FEAT_F16C = X86_FEATURE(X86_CPUID_1_ECX, 29),
    X86_FEAT_RDRAND = X86_FEATURE(X86_CPUID_1_ECX, 30),
    X86_FEAT_HYPERVISOR = X86_FEATURE(X86_CPUID_1_ECX, 31),
    X86_FEAT_FSGSBASE = X86_FEATURE(X86_CPUID_7_EBX, 0),
    X86_FEAT_BMI1 = X86_FEATURE(X86_CPUID_7_EBX, 3),
    X86_FEAT_HLE = X86_FEATURE(X86_CPUID_7_EBX, 4),
    X86_FEAT_AVX2 = X86_FEATURE(X86_CPUID_7_EBX, 5),
    X86_FEAT_SMEP = X86_FEATURE(X86_CPUID_7_EBX, 7),
    X86_FEAT_BMI2 = X86_FEATURE(X86_CPUID_7_EBX, 8),
    X86_FEAT_ERMS = X86_FEATURE(X86_CPUID_7_EBX, 9),
    X86_FEAT_TSC_ADJUST = X86_FEATURE(X86_CPUID_7_EBX, 1),
    X86_FEAT_INVPCID = X86_FEATURE(X86_CPUID_7_EBX, 10),
    X86_FEAT_RTM = X86_FEATURE(X86_CPUID_7_EBX, 11),
    X86_FEAT_MPX = X86_FEATURE(X86_CPUID_7_EBX, 14),
    X86_FEAT_AVX512F = X86_FEATURE(X86_CPUID_7_EBX, 16),
    X86_FEAT_RDSEED = X86_FEATURE(X86_CPUID_7_EBX, 18),
    X86_FEAT_ADX = X86_FEATURE(X86_CPUID_7_EBX, 19),
    X86_FEAT_SMAP = X86_FEATURE(X86_CPUID_7_EBX, 20),
    X86_FEAT_CLFLUSHOPT = X86_FEATURE(X86_CPUID_7_EBX, 23),
    X86_FEAT_CLWB = X86_FEATURE(X86_CPUID_7_EBX, 24),
    X86_FEAT_SHA = X86_FEATURE(X86_CPUID_7_EBX, 29),
    X86_FEAT_UMIP = X86_FEATURE(X86_CPUID_7_ECX, 2),
    X86_FEAT_PKU = X86_FEATURE(X86_CPUID_7_ECX, 3),
    X86_FEAT_CET_SS = X86_FEATURE(X86_CPUID_7_ECX, 7),
    X86_FEAT_GFNI = X86_FEATURE(X86_CPUID_7_ECX, 8),
    X86_FEAT_VAES = X86_FEATURE(X86_CPUID_7_ECX, 9),
    X86_FEAT_VPCLMULQDQ = X86_FEATURE(X86_CPUID_7_ECX, 10),
    X86_FEAT_LA57 = X86_FEATURE(X86_CPUID_7_ECX, 16),
    X86_FEAT_RDPID = X86_FEATURE(X86_CPUID_7_ECX, 22),
    X86_FEAT_MOVDIRI = X86_FEATURE(X86_CPUID_7_ECX, 27),
    X86_FEAT_MOVDIR64B = X86_FEATURE(X86_CPUID_7_ECX, 28),
    X86_FEAT_AVX_VNNI = X86_FEATURE(X86_CPUID_7_1_EAX, 4),
    X86_FEAT_XSAVEOPT = X86_FEATURE(X86_CPUID_D_1_EAX, 0),
    X86_FEAT_XSAVEC = X86_FEATURE(X86_CPUID_D_1_EAX, 1),
    X86_FEAT_XGETBV1 = X86_FEATURE(X86_CPUID_D_1_EAX, 2),
    X86_FEAT_XSAVES = X86_FEATURE(X86_CPUID_D_1_EAX, 3),
    X86_FEAT_XFD = X86_FEATURE(X86_CPUID_D_1_EAX, 4),
    X86_FEAT_PKS = X86_FEATURE(X86_CPUID_7_ECX, 31),
    X86_FEAT_SYSCALL = X86_FEATURE(X86_CPUID_80000001_EDX, 11),
    X86_FEAT_NX = X86_FEATURE(X86_CPUID_80000001_EDX, 20),
    X86_FEAT_FXSR_OPT = X86_FEATURE(X86_CPUID_80000001_EDX, 25),
    X86_FEAT_PDPE1GB = X86_FEATURE(X86_CPUID_80000001_EDX, 26),
    X86_FEAT_RDTSCP = X86_FEATURE(X86_CPUID_80000001_EDX, 27),
    X86_FEAT_LM = X86_FEATURE(X86_CPUID_80000001_EDX, 29),
    X86_FEAT_LAHF_LM = X86_FEATURE(X86_CPUID_80000001_ECX, 0),
    X86_FEAT_SVM = X86_FEATURE(X86_CPUID_80000001_ECX, 2),
    X86_FEAT_CR8_LEGACY = X86_FEATURE(X86_CPUID_80000001_ECX, 4),
    X86_FEAT_ABM = X86_FEATURE(X86_CPUID_80000001_ECX, 5),
    X86_FEAT_SSE4A = X86_FEATURE(X86_CPUID_80000001_ECX, 6),
    X86_FEAT_PREFETCHW = X86_FEATURE(X86_CPUID_80000001_ECX, 8),
    X86_FEAT_CLZERO = X86_FEATURE(X86_CPUID_80000008_EBX, 0),
    X86_FEAT_WBNOINVD = X86_FEATURE(X86_CPUID_80000008_EBX, 9),
    X86_FEAT_NPT = X86_FEATURE(X86_CPUID_8000000A_EDX, 0),
    X86_FEAT_LBRV = X86_FEATURE(X86_CPUID_8000000A_EDX, 1),
    X86_FEAT_SVM_LOCK = X86_FEATURE(X86_CPUID_8000000A_EDX, 2),
    X86_FEAT_NRIP_SAVE = X86_FEATURE(X86_CPUID_8000000A_EDX, 3),
    X86_FEAT_TSC_SCALE = X86_FEATURE(X86_CPUID_8000000A_EDX, 4),
    X86_FEAT_VMCB_CLEAN = X86_FEATURE(X86_CPUID_8000000A_EDX, 5),
    X86_FEAT_FLUSHBYASID = X86_FEATURE(X86_CPUID_8000000A_EDX, 6),
    X86_FEAT_DECODEASSISTS = X86_FEATURE(X86_CPUID_8000000A_EDX, 7),
    X86_FEAT_PAUSE_FILTER = X86_FEATURE(X86_CPUID_8000000A_EDX, 10),
    X86_FEAT_PFTHRESHOLD = X86_FEATURE(X86_CPUID_8000000A_EDX, 12),
    X86_FEAT_V_VMSAVE_VMLOAD = X86_FEATURE(X86_CPUID_8000000A_EDX, 15),
    X86_FEAT_VGIF = X86_FEATURE(X86_CPUID_8000000A_EDX, 16),
    X86_FEAT_VNMI = X86_FEATURE(X86_CPUID_8000000A_EDX, 25),
    X86_FEAT_SVME_ADDR_CHK = X86_FEATURE(X86_CPUID_8000000A_EDX, 28),
    X86_FEAT_CET_IBT = X86_FEATURE(X86_CPUID_7_EDX, 20),
    X86_FEAT_AMX_TILE = X86_FEATURE(X86_CPUID_7_EDX, 24),
    X86_FEAT_ARCH_CAPABILITIES = X86_FEATURE(X86_CPUID_7_EDX, 29),
    X86_FEAT_CORE_CAPABILITY = X86_FEATURE(X86_CPUID_7_EDX, 30),
    X86_FEAT_TSX_CTRL = X86_FEATURE(X86_ARCH_CAPABILITIES, 7),
    X86_FEAT_NONE = 0xffff,
};

/* interrupt_request bits: set by anyone (atomic or), cleared by the vCPU when taken. */
#define X86_REQ_HARD (1u << 0) /* INTR: LAPIC or 8259 wants an interrupt taken */
#define X86_REQ_NMI (1u << 1)
#define X86_REQ_SMI (1u << 2)
#define X86_REQ_INIT (1u << 3)
#define X86_REQ_SIPI (1u << 4)
#define X86_REQ_MCE (1u << 5)
#define X86_REQ_NMI_AGAIN (1u << 6) /* a second one behind X86_REQ_NMI */
#define X86_REQ_VIRTUAL (1u << 7)   /* a guest's virtual interrupt or NMI waits, or a reason to leave it that is no signal */

typedef struct _X86State X86State;

/* What the rest of the CPU object says to an access to an MSR. */
typedef enum {
    X86_MSR_NOT_MINE,
    X86_MSR_DONE,
    X86_MSR_FAULT, /* #GP(0) */
} X86MsrResult;

/*
 * What the front end asks of the rest of the CPU object (system half).  Every entry may be NULL: the
 * function is then absent (no LAPIC, no extra MSRs).
 */
typedef struct {
    /* INTA: the vector to take now, or -1 when the request has gone.  Big lock held. */
    int (*acknowledge)(X86State *s);
    /* Task priority: CR8 is bits 7-4 of the LAPIC's TPR.  Big lock taken inside. */
    uint8_t (*get_tpr)(X86State *s);
    void (*set_tpr)(X86State *s, uint8_t cr8);
    /* FERR#: an unmasked x87 exception with CR0.NE = 0 (IRQ 13 on a PC). */
    void (*ferr)(X86State *s);
    /* SMRAM shows for this CPU, or no more.  Big lock taken inside. */
    void (*set_smm)(X86State *s, bool in_smm);
    /* A guest's timer: X86_REQ_VIRTUAL when the time-stamp counter (without anybody's offset) gets there; 0: never. */
    void (*set_guest_timer)(X86State *s, uint64_t tsc);
    /* An INIT that was held back is taken: what else is reset by it.  Big lock held. */
    void (*init_taken)(X86State *s);
    /* MSRs of the local APIC and of the machine. */
    X86MsrResult (*rdmsr)(X86State *s, uint32_t index, uint64_t *value);
    X86MsrResult (*wrmsr)(X86State *s, uint32_t index, uint64_t value);
    /* The time-stamp counter was set: what waits for a value of it looks again. */
    void (*tsc_changed)(X86State *s);
    /* Interrupts to the local APICs in the bitmaps, from ID @first on; returns how many there were.  Big lock taken inside. */
    int (*send_ipis)(X86State *s, uint64_t low, uint64_t high, uint32_t first, uint32_t icr);
    /* CPUID leaf for this CPU's model. */
    void (*cpuid)(X86State *s, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
    /* The time-stamp counter. */
    uint64_t (*read_tsc)(X86State *s);
    /* -d int, cpu_reset: an exception or interrupt is delivered.  NULL when nobody listens. */
    void (*log_interrupt)(X86State *s, unsigned vector, bool is_software, bool has_error,
                          uint32_t error);
    /* The instruction at pc is not known or not modelled (-d unimp). */
    void (*log_undefined)(X86State *s, const uint8_t *bytes, unsigned n);
} X86Hooks;

/* Offsets in the XSAVE area (standard format). */
#define X86_XSAVE_XMM 160
#define X86_XSAVE_LEGACY 512 /* bytes of the legacy region; the header follows */
#define X86_XSAVE_YMM_HIGH 576
#define X86_XSAVE_BNDREGS 960
#define X86_XSAVE_BNDCSR 1024
#define X86_XSAVE_OPMASK 1088
#define X86_XSAVE_ZMM_HIGH 1152
#define X86_XSAVE_HI16_ZMM 1664
#define X86_XSAVE_PKRU 2688
#define X86_XSAVE_SIZE 2752
#define X86_XSAVE_TILECFG 2752
#define X86_XSAVE_TILEDATA 2816
#define X86_XSAVE_FULL_SIZE 11008

/* The legacy region: what FXSAVE64 writes, so that an x86-64 host loads it as it is. */
typedef struct {
    uint16_t fcw;
    uint16_t fsw;
    uint8_t ftw; /* abridged: bit per physical register, 1 = not empty */
    uint8_t reserved0;
    uint16_t fop;
    uint64_t fip;
    uint64_t fdp;
    uint32_t mxcsr;
    uint32_t mxcsr_mask;
    uint8_t st[8][16]; /* ST(0) first; MMX registers in physical order of TOP = 0 */
    uint8_t xmm[16][16];
    uint8_t reserved1[96];
} X86Fxsave;

/* What #VMEXIT goes back to (x86-svm.c). */
typedef struct {
    X86Segment seg[4]; /* ES CS SS DS */
    uint64_t base[4];
    X86TableReg gdtr, idtr;
    uint64_t efer, cr0, cr3, cr4, rflags, rip, rsp, rax, pat;
    uint64_t debugctl, br_from, br_to, exc_from, exc_to;
    uint64_t s_cet, ssp, interrupt_ssp_table;
} X86SvmHost;

/* AMD-V: MSRs, GIF, and while a guest runs what VMRUN took from its VMCB. */
typedef struct {
    uint64_t vm_cr, hsave_pa, tsc_ratio;
    uint8_t gif;
    uint8_t guest;     /* one runs, or would if the CPU were not in SMM */
    uint8_t gif_in_smm; /* GIF before the SMI */
    uint64_t vmcb; /* physical address */
    uint32_t intercept[6];
    uint32_t asid, int_ctl, int_vector;
    uint64_t iopm, msrpm, tsc_offset;
    uint64_t nested_control, nested_cr3, virt_ext;
    uint32_t pause_left, pause_filter, pause_threshold;
    uint64_t pause_tsc; /* of the last PAUSE */
    uint32_t event, event_error; /* being delivered, as EXITINTINFO has it */
    X86SvmHost host;

    /* What x86_virt_cross() is to do. Not part of the state. */
    bool entering;
    uint64_t exit_code, exit_info1, exit_info2, next_rip;
} X86Svm;

/* VMX (x86-vmx.h). */
#define X86_VMCS_SIZE 2880
typedef struct {
    uint8_t on;             /* VMX operation */
    uint8_t guest;          /* non-root: one runs, or would if the CPU were not in SMM */
    uint8_t init_held;      /* an INIT came during VMX operation */
    uint8_t timer_on;       /* the preemption timer counts */
    uint8_t step_done;      /* monitor trap flag: the guest is left at the next boundary */
    uint8_t tpr_below;      /* so is it when the TPR has fallen below the threshold */
    uint8_t watched;        /* there is a monitor trap flag */
    uint64_t vmxon;         /* its region */
    uint64_t current;       /* physical address of the VMCS below; all ones: none */
    uint64_t timer_end;     /* time-stamp counter at the preemption timer's end */
    uint32_t event, event_error, event_length; /* being delivered, as IDT-vectoring information has it */
    uint64_t pause_first, pause_last; /* PAUSE-loop exiting: time-stamp counter */
    uint8_t vmcs[X86_VMCS_SIZE];

    /* What x86_virt_cross() is to do. Not part of the state. */
    bool crossing, entering;
    bool is_fault; /* a memory access, which the guest executes again: RF */
    bool is_nmi;
    uint32_t debug_held; /* debug exceptions that the exit comes before */
    uint32_t reason;
    uint64_t qualification;
    uint32_t exit_event, exit_event_error, exit_length, exit_info;
    uint64_t linear, physical;
} X86Vmx;

typedef struct _X86Virt X86Virt;

struct _X86State {
    EmuTcgState tcg;

    /* 64 hot bytes */
    uint64_t gpr_hot[4];    /* r8 ... r11 */
    uint64_t rip;           /* offset in CS; linear address = CS base + rip */
    uint32_t cc;            /* CF PF AF ZF SF OF at their EFLAGS positions, other bits 0 */
    uint32_t eflags;        /* all other flags; bit 1 set; the bits of X86_CC are 0 */
    uint64_t seg_base[8];   /* indexed by segment ^ 4: FS and GS are hot; see x86_seg_base() */

    /* Still warm. */
    uint64_t gpr_low[8];  /* rax ... rdi */
    uint64_t gpr_high[4]; /* r12 ... r15 */
    uint8_t cpl;
    uint8_t code_size;  /* 16, 32, 64: of the current CS */
    uint8_t stack_size; /* 16, 32, 64 */
    uint8_t shadow;     /* X86_SHADOW_*: interrupts inhibited until after the next instruction */
    uint8_t halted;
    uint8_t nmi_blocked;
    uint8_t in_smm;
    uint8_t wait_sipi; /* after INIT on an application processor */
    uint32_t interrupt_request; /* X86_REQ_*, atomic */
    uint32_t sipi_vector;

    X86Segment seg[X86_N_SEGS];
    X86TableReg gdtr, idtr;

    uint64_t cr0, cr2, cr3, cr4, cr8;
    uint64_t efer;
    uint64_t xcr0;
    uint64_t dr[8];
    uint64_t a20_mask;  /* ~(1 << 20) while A20 is forced low, else ~0 */
    uint64_t phys_mask; /* bits below MAXPHYADDR set */
    uint64_t pdpte[4];  /* PAE: loaded with CR3 */

    /* The exception being raised: what walk() and x86_raise() record. */
    int32_t exception; /* vector, -1 = none */
    uint32_t error_code;
    uint8_t has_error_code;
    uint8_t exception_is_soft; /* INT n, INT3, INTO: no error code, DPL checks apply */
    uint8_t reserved1[2];
    uint64_t exception_cr2;

    /* MSRs */
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base, tsc_aux;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t apic_base;
    uint64_t pat;
    uint64_t misc_enable;
    uint64_t tsc_offset, tsc_adjust;
    uint64_t smbase;
    uint64_t mtrr_def_type, mtrr_fixed[11], mtrr_var[16];
    uint64_t mcg_status, mcg_ctl, mc_banks[10 * 4];
    uint64_t debugctl;
    uint64_t feature_control;
    uint64_t xss;
    uint64_t monitor_addr;
    uint64_t under_call; /* scratch: what a translated indirect CALL wrote its return address over */

    /* Identity */
    uint32_t features[X86_N_FEATURE_WORDS];
    uint32_t apic_id;
    uint32_t cpu_index;
    const X86Hooks *hooks;
    void *apic;  /* the local APIC object */
    void *owner; /* the EmuCpu object */

    /* The interpreter's private part (allocated by x86_interp_init). */
    struct _X86Interp *interp;
    uint32_t ignne; /* FERR# handled by the board: IGNNE# */
    uint8_t va_shift; /* 64 less the width of linear addresses: 16, with CR4.LA57 7 */
    uint8_t dr6_pending; /* data breakpoints met by MOV SS or POP SS: reported after the next instruction */
    uint8_t intel; /* where CPUs differ by vendor: no instruction breakpoint behind MOV SS */
    uint8_t lax_real_mode; /* real mode: data beyond a segment's limit can be reached (property real-mode-limits) */
    uint8_t smm_nmi_blocked; /* nmi_blocked before the SMI */
    uint8_t elsewhere; /* X86_ELSEWHERE_*: chips that the accelerator keeps; the interpreter ends before it reaches one */
    uint64_t pkrs; /* IA32_PKRS; PKRU is in the XSAVE area */
    uint64_t br_from, br_to, exc_from, exc_to; /* last branch, last exception */
    const X86Virt *virt; /* the extension that runs a guest now, or NULL */
    X86Svm svm;

    /* A gather on its way through x86_fast_gather(): indices, mask, destination. Not part of the state. */
    uint8_t gather[3][32];

    union {
        X86Fxsave fx;
        uint8_t xsave[X86_XSAVE_SIZE];
    } __attribute__((aligned(64)));
    uint8_t tiles[X86_XSAVE_FULL_SIZE - X86_XSAVE_SIZE]; /* the XSAVE area goes on: AMX, under KVM alone */
    uint64_t xfd, xfd_err;                               /* as the tiles */
    uint64_t bndcfgs;                                    /* IA32_BNDCFGS, under KVM alone */

    /* Control-flow enforcement, in the order of its XSAVE components. */
    uint64_t u_cet, pl3_ssp;
    uint64_t pl_ssp[3]; /* IA32_PL0_SSP and on */
    uint64_t s_cet, interrupt_ssp_table;
    uint64_t ssp; /* the shadow-stack pointer; of CPL 3's while another level runs: pl3_ssp */

    uint64_t tsx_ctrl; /* X86_TSX_CTRL_* */

    X86Vmx vmx;
};

enum { X86_SHADOW_STI = 1, X86_SHADOW_SS = 2 };

G_STATIC_ASSERT(sizeof(X86Fxsave) == 512);
G_STATIC_ASSERT(offsetof(X86State, gpr_hot) == 64);
G_STATIC_ASSERT(offsetof(X86State, rip) == 96);
G_STATIC_ASSERT(offsetof(X86State, cc) == 104);
G_STATIC_ASSERT(offsetof(X86State, eflags) == 108);
G_STATIC_ASSERT(offsetof(X86State, seg_base) == 112);
G_STATIC_ASSERT(offsetof(X86State, gpr_low) == 176);
G_STATIC_ASSERT(offsetof(X86State, gpr_high) == 240);
G_STATIC_ASSERT(offsetof(X86State, xsave) % 64 == 0);
G_STATIC_ASSERT(offsetof(X86State, tiles) == offsetof(X86State, xsave) + X86_XSAVE_TILECFG);

/* Byte offset of a general register in the state. */
static inline unsigned
x86_gpr_offset(unsigned n)
{
    static const uint16_t offset[16] = {
        176, 184, 192, 200, 208, 216, 224, 232, 64, 72, 80, 88, 240, 248, 256, 264,
    };
    return offset[n];
}

static inline uint64_t *
x86_gpr(X86State *s, unsigned n)
{
    return (uint64_t *)((char *)s + x86_gpr_offset(n));
}

/* The upper half of ymm n. */
static inline uint8_t *
x86_ymm_high(X86State *s, unsigned n)
{
    return s->xsave + X86_XSAVE_YMM_HIGH + 16 * n;
}

/* The low registers and rsp, known at compile time. */
#define X86_LOW(s, n) ((s)->gpr_low[n])

static inline uint64_t *
x86_seg_base(X86State *s, unsigned seg)
{
    return &s->seg_base[seg ^ 4];
}

static inline uint32_t
x86_get_eflags(const X86State *s)
{
    return s->eflags | s->cc | 2;
}

/* Stores all of EFLAGS; the caller calls x86_update_mode() when TF, RF, VM, AC or IOPL changed. */
static inline void
x86_set_eflags(X86State *s, uint32_t value)
{
    s->cc = value & X86_CC;
    s->eflags = (value & ~X86_CC) | 2;
}

static inline bool
x86_has_feature(const X86State *s, uint16_t feature)
{
    return feature == X86_FEAT_NONE || (s->features[feature >> 5] >> (feature & 31) & 1);
}

/* A component of XSAVE's beyond x87 and SSE. */
typedef struct {
    const char *name;
    uint16_t feature, or_feature;
    uint8_t bit;
    bool supervisor; /* of IA32_XSS, in the compacted format only */
    bool aligned;    /* to 64 bytes in the compacted format */
    uint16_t offset, size; /* in the standard format of Intel's processors */
    uint16_t place;  /* offset in X86State */
} X86XsaveComponent;

#define X86_N_XSAVE_COMPONENTS 11
extern const X86XsaveComponent x86_xsave_components[X86_N_XSAVE_COMPONENTS];

/* Bits that XCR0 may have, and IA32_XSS. */
uint64_t x86_xcr0_supported(const X86State *s);
uint64_t x86_xss_supported(const X86State *s);
bool x86_xsave_is_initial(const X86State *s, const X86XsaveComponent *c);
/* The first component that is not in its initial state although this CPU does not have it; NULL: there is none. */
const X86XsaveComponent *x86_xsave_find_foreign(const X86State *s);
/* CPUID leaf 0DH. */
void x86_xsave_cpuid(const X86State *s, uint32_t subleaf, uint32_t out[4]);

/* Protection keys of user pages, in the place where XSAVE has them. */
static inline uint32_t
x86_get_pkru(const X86State *s)
{
    uint32_t v;

    __builtin_memcpy(&v, s->xsave + X86_XSAVE_PKRU, sizeof(v));
    return v;
}

/* Sets PKRU; what is cached of the pages' rights goes when it changes. */
void x86_set_pkru(X86State *s, uint32_t value);

/* The globals table for EmuTcgFrontend. */
#define X86_N_GLOBALS 62
extern const EmuTcgGlobal x86_globals[X86_N_GLOBALS];
extern const unsigned x86_n_globals;

/*
 * As emu_tcg_flush_all(), _space() (this one), _context(), _context_page() and _page(), and the paging-structure cache with them.
 * PCIDs are those of the space, 0 without CR4.PCIDE.
 */
void x86_flush_all(X86State *s);
void x86_flush_space(X86State *s);
void x86_flush_context(X86State *s, uint32_t pcid);
void x86_flush_context_page(X86State *s, uint32_t pcid, uint64_t vaddr);
void x86_flush_page(X86State *s, uint64_t vaddr);
/* Paging is another's now: CR3, and with a guest that is entered or left all else. Nothing is flushed that has a name of its own. */
void x86_switch_context(X86State *s);

/* Recomputes tcg.mode_key, tcg.mmu_mode, code_size and stack_size from the registers. */
void x86_update_mode(X86State *s);

/* Tiles, bounds and control-flow enforcement as after RESET#. */
void x86_reset_extended(X86State *s);
/* State after RESET# (SDM 3A 9.1.1).  Keeps identity, features, hooks and the core's part. */
void x86_reset(X86State *s);
/* INIT: as RESET but keeps x87, SSE, MSRs, and CR0.CD/NW. */
void x86_init(X86State *s);
/* Start-up IPI: real mode at vector << 12. */
void x86_sipi(X86State *s, uint8_t vector);
/* A20 gate; flushes the TLB when it changes.  On the vCPU's thread. */
void x86_set_a20(X86State *s, bool enabled);

/* Allocates and frees what the interpreter keeps (decoded instructions, template stubs). */
void x86_interp_init(X86State *s);
void x86_interp_finish(X86State *s);

/* The functions of EmuTcgFrontend that this half implements. */
EmuTcgExit x86_interp(EmuTcgState *s, unsigned max_insns, unsigned *executed);
bool x86_walk(EmuTcgState *s, uint64_t vaddr, EmuTcgAccess access, unsigned mmu_mode, bool record,
              EmuTcgTranslation *out);
EmuTcgExit x86_raise_recorded(EmuTcgState *s);
uint64_t x86_get_pc(EmuTcgState *s);
void x86_set_pc(EmuTcgState *s, uint64_t pc);
bool x86_interrupt_wanted(EmuTcgState *s);
EmuTcgExit x86_deliver_interrupt(EmuTcgState *s);
bool x86_has_work(EmuTcgState *s);
