/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The CPU object around X86State: identity, lines, local APIC. */

#include "x86-state.h"

#include <emu/cpu.h>
#include <emu/kvm.h>
#include <emu/x86-pc.h>

typedef struct _X86Cpu X86Cpu;

/* Data, code, second and third level, of 64-byte lines. */
#define X86_N_CACHES 4
typedef struct {
    uint16_t ways;
    uint32_t sets;
    uint8_t flags; /* see x86-cache.c */
} X86Cache;
typedef struct {
    X86Cache cache[X86_N_CACHES];
} X86Caches;
extern const X86Caches x86_caches_epyc, x86_caches_epyc_v4, x86_caches_epyc_v5, x86_caches_epyc_rome, x86_caches_epyc_rome_v3,
    x86_caches_epyc_rome_v5, x86_caches_epyc_milan, x86_caches_epyc_milan_v2, x86_caches_epyc_milan_v3, x86_caches_epyc_genoa,
    x86_caches_epyc_genoa_v2, x86_caches_epyc_turin, x86_caches_sapphire_rapids, x86_caches_granite_rapids,
    x86_caches_sierra_forest, x86_caches_yongfeng, x86_caches_any;

typedef struct {
    const char *name;
    const char *vendor; /* "": none of its own */
    uint32_t family, model, stepping;
    uint32_t level, xlevel;
    const char *model_id;
    const X86Caches *caches; /* NULL: those of older models */
    uint32_t avx10_version;
    uint32_t leaf_1f; /* 1: there whatever the topology */
    uint32_t features[X86_N_FEATURE_WORDS];
} X86Model;

typedef struct {
    EmuCpuClass parent_class;
    bool has_model;    /* else abstract */
    bool follows_host; /* under KVM the model is what the host has */
    X86Model model;
} X86CpuClass;

/* ---- local APIC (SDM 3A chapter 10) ---------------------------------------------------------- */

enum {
    X86_LVT_TIMER,
    X86_LVT_THERMAL,
    X86_LVT_PERF,
    X86_LVT_LINT0,
    X86_LVT_LINT1,
    X86_LVT_ERROR,
    X86_N_LVT,
};

typedef struct _X86Apic X86Apic;
struct _X86Apic {
    X86Cpu *cpu;
    EmuMemoryRegion *mmio; /* in the CPU's own view of memory */
    EmuMemoryRegion *msi;  /* in the machine's memory; the first CPU has it */
    EmuTimer *timer;
    GPtrArray *eoi_listeners; /* EmuApicEoi, found at the first broadcast */

    uint32_t id;
    uint32_t tpr;
    uint32_t ldr, dfr;
    uint32_t svr;
    uint32_t isr[8], tmr[8], irr[8];
    uint32_t esr;     /* as read: latched by the last write */
    uint32_t esr_new; /* errors since */
    uint32_t icr[2];
    uint32_t lvt[X86_N_LVT];
    uint32_t initial_count;
    uint32_t divide;
    uint64_t timer_start; /* virtual time of the last load */
    uint64_t timer_next;  /* virtual time of the next expiry; 0: none */
    bool timer_expired;   /* a one-shot count came to 0 before the mode was changed */
    uint64_t deadline;    /* value of the time-stamp counter to wait for; 0: none */
    uint32_t last_lowest; /* CPU that took the last lowest-priority interrupt (kept by the first CPU) */
    uint8_t lint[2];      /* levels of the pins */
    bool extint;          /* a message asked for the interrupt controller's vector */

    /* Not NULL: the registers live elsewhere and here is a copy while the CPU does not run. It neither counts nor
     * interrupts; messages go through this function. */
    void (*send_elsewhere)(X86Apic *apic, uint64_t address, uint32_t data);
    enum { X86_APIC_UNCHANGED, X86_APIC_TOUCHED, X86_APIC_REPLACED } changed; /* since the copy was made */
};

extern const EmuVMState x86_apic_vmstate;

bool x86_apic_realize(X86Apic *apic, X86Cpu *cpu, EmuMemoryRegion *view, GError **error);
void x86_apic_unrealize(X86Apic *apic);
void x86_apic_reset(X86Apic *apic);
/* INIT: as reset, but the ID stays. */
void x86_apic_init_signal(X86Apic *apic);
/* IA32_APIC_BASE; false = #GP. */
bool x86_apic_set_base(X86Apic *apic, uint64_t value);
#define X86_MSR_X2APIC_FIRST 0x800u
#define X86_MSR_X2APIC_LAST 0xbffu
/* MSRs of that range, big lock held; false = #GP. */
bool x86_apic_read_msr(X86Apic *apic, uint32_t index, uint64_t *value);
bool x86_apic_write_msr(X86Apic *apic, uint32_t index, uint64_t value);
/* @icr's interrupt (fixed or NMI) to APIC IDs @first + n for each bit n; how many there were. Big lock held. */
int x86_apic_send_many(X86Apic *apic, uint64_t low, uint64_t high, uint32_t first, uint32_t icr);
/* IA32_TSC_DEADLINE, and what waits for it when the counter was set; big lock held. */
uint64_t x86_apic_get_deadline(const X86Apic *apic);
void x86_apic_set_deadline(X86Apic *apic, uint64_t value);
void x86_apic_tsc_changed(X86Apic *apic);
/* Pin LINT0 (INTR) or LINT1 (NMI). */
void x86_apic_set_lint(X86Apic *apic, unsigned pin, bool level);
/* INTA cycle: vector, or -1. */
int x86_apic_acknowledge(X86Apic *apic);
uint8_t x86_apic_get_cr8(X86Apic *apic);
void x86_apic_set_cr8(X86Apic *apic, uint8_t cr8);
/* Recomputes X86_REQ_HARD. */
void x86_apic_update(X86Apic *apic);
uint32_t x86_apic_get_current_count(const X86Apic *apic);
void x86_apic_set_count(X86Apic *apic, uint32_t initial, uint32_t current);
/* Does the INTR pin reach the core as an external interrupt? */
bool x86_apic_accepts_extint(const X86Apic *apic);
void x86_apic_broadcast_eoi(X86Apic *apic, uint8_t vector);
char *x86_apic_describe(const X86Apic *apic, unsigned cpu_index); /* info lapic; (transfer full) */
void x86_apic_update_mapping(X86Apic *apic);
void x86_apic_loaded(X86Apic *apic); /* after its fields came out of a saved state */

/* ---- under KVM -------------------------------------------------------------------------------- */

typedef struct {
    char vendor[13], id[49];
} X86HostTexts;

/* Hyper-V enlightenments: what a Windows guest may know of its hypervisor. */
typedef enum {
    X86_HV_RELAXED, X86_HV_VAPIC, X86_HV_TIME, X86_HV_CRASH, X86_HV_RESET, X86_HV_VPINDEX, X86_HV_RUNTIME, X86_HV_SYNIC, X86_HV_STIMER,
    X86_HV_STIMER_DIRECT, X86_HV_FREQUENCIES, X86_HV_REENLIGHTENMENT, X86_HV_TLBFLUSH, X86_HV_IPI, X86_N_HV_FEATURES,
} X86HvFeature;

/* MSRs of paravirtual interfaces, which only KVM serves. */
#define X86_N_PV_MSRS 40

/* ---- the object ------------------------------------------------------------------------------- */

struct _X86Cpu {
    EmuCpu parent_instance;

    /* Properties. */
    uint32_t feature_on[X86_N_FEATURE_WORDS];  /* asked for */
    uint32_t feature_off[X86_N_FEATURE_WORDS]; /* refused */
    uint32_t family, model, stepping; /* UINT32_MAX: the model's */
    uint32_t level, xlevel, xlevel2;  /* UINT32_MAX: as far as the features need, and the model reaches */
    uint32_t min_level, min_xlevel, min_xlevel2;
    uint32_t level_func7, avx10_version;
    char *vendor, *model_id;
    uint32_t apic_id; /* UINT32_MAX: from the topology */
    int32_t socket_id, die_id, core_id, thread_id, node_id; /* -1: from its number */
    uint64_t tsc_frequency;
    uint32_t phys_bits; /* 0: the default for the features */
    uint32_t host_phys_bits_limit, guest_phys_bits;
    uint64_t ucode_rev;
    bool ucode_rev_asked; /* is not the default */
    bool host_phys_bits;
    bool check, enforce, force_features, real_mode_limits;
    bool full_cpuid_auto_level, intel_pt_auto_level;
    bool leaf_b, leaf_1f;
    bool l3_cache, legacy_cache, host_cache_info, l1_cache_per_core;
    bool vendor_cpuid_only; /* leaves 2 and 4 on Intel's only */
    bool pmu, lmce, fill_mtrr_mask, migratable;
    bool tcg_cpuid, vmware_cpuid_freq;
    bool kvm; /* leaves 40000000H and 40000001H under KVM */
    bool hv[X86_N_HV_FEATURES];
    uint32_t hv_spinlocks; /* retries before the guest tells the hypervisor; UINT32_MAX: never */
    char *hv_vendor_id;
    EmuObject *pic;

    X86State *state;
    EmuAddressSpace *as;
    EmuMemoryRegion *view;
    EmuAddressSpace *smm_as; /* while the CPU is in SMM: the board's SMRAM before the view; NULL: not been there yet */
    EmuLine *ferr;
    EmuTimer *guest_timer; /* VMX preemption timer */
    X86Apic apic;
    bool has_apic;
    X86Model host_model; /* when the model is what the host has */
    X86HostTexts host_texts;
    uint64_t pv_msrs[X86_N_PV_MSRS]; /* see x86-kvm.c */
    uint64_t pv_clock;               /* of the VM, ns; the first CPU's state has it */
    unsigned n_logged; /* events under -d int */

    /* Resolved identity. */
    bool expanded; /* for a look only: features are what they would be */
    const X86Caches *caches; /* NULL: those of older models */
    uint32_t features[X86_N_FEATURE_WORDS];
    uint32_t signature; /* CPUID.1:EAX */
    char vendor_text[12];
    char model_text[48];
    uint32_t cores, threads; /* per package, per core */
    uint32_t smt_bits, core_bits; /* of APIC IDs; core_bits counts those of the die */
    uint32_t dies, die_core_bits;
};

#define X86_TYPE_CPU_NAME "x86_64-cpu"

/* The host's own model, and what "max" is under KVM. */
bool x86_kvm_get_host_model(const EmuKvmVm *vm, X86Model *model, X86HostTexts *texts, bool migratable, GError **error);
bool x86_kvm_get_host_vendor(const EmuKvmVm *vm, X86HostTexts *texts, GError **error);
/* Of leaf 40000001H, for models that are not the host's. */
uint32_t x86_kvm_default_features(const EmuKvmVm *vm);
bool x86_kvm_find_missing(const X86Cpu *cpu, const EmuKvmVm *vm, uint32_t missing[X86_N_FEATURE_WORDS], GError **error);

static inline EmuMachine *
x86_cpu_get_machine(X86Cpu *cpu)
{
    return emu_device_get_machine((EmuDevice *)cpu);
}

/* Sets request bits and makes the vCPU look. Any thread. */
void x86_cpu_request(X86Cpu *cpu, uint32_t bits);
/* An NMI, latched once; while none is being served two may come before the vCPU looks. Any thread. */
void x86_cpu_nmi(X86Cpu *cpu);
/* The CPU sees memory as SMM does, or as others do. Big lock held. */
void x86_cpu_show_smram(X86Cpu *cpu, bool in_smm);
/* INIT: local APIC and core. Big lock held. */
void x86_cpu_signal_init(X86Cpu *cpu);
/* CPU number @index of the machine when it is one of ours, else NULL. */
X86Cpu *x86_cpu_by_index(EmuMachine *machine, unsigned index);

/* Bits of 80000001H:EDX that AMD processors repeat from 1:EDX. */
#define X86_AMD_ALIASES 0x0183f3ffu

/* x86-cpuid.c */
extern const char *const x86_feature_names[X86_N_FEATURE_WORDS][32];
typedef struct {
    const char *name; /* NULL ends the list */
    uint16_t feature;
} X86FeatureAlias;
extern const X86FeatureAlias x86_feature_aliases[];
/* Features, signature, texts and topology from model and properties; warns about what is left out. */
bool x86_cpuid_resolve(X86Cpu *cpu, GError **error);
bool x86_cpuid_expand(X86Cpu *cpu, EmuMachine *machine, uint32_t missing[X86_N_FEATURE_WORDS], GError **error);
bool x86_cpuid_filter(X86Cpu *cpu, const uint32_t missing[X86_N_FEATURE_WORDS], const char *whose, GError **error);
void x86_special_models_register(void); /* max, host, base */
void x86_cpuid(X86State *s, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* x86-cache.c */
void x86_cache_cpuid(const X86Cpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);

/* x86-models.c */
void x86_models_register(void);

/* x86-describe.c */
char *x86_describe_registers(X86State *s);
unsigned x86_disassemble(uint64_t pc, const uint8_t *code, unsigned avail, unsigned bits, char *buf, gsize buf_size);

/* x86-vmstate.c */
extern const EmuVMState x86_cpu_vmstate;

/* x86-cpu.c */
extern const EmuTcgFrontend x86_frontend;
extern const EmuTypeInfo x86_cpu_type_info;
void x86_cpu_model_class_init(gpointer klass); /* with the class's model filled in */
void x86_cpu_host_class_init(gpointer klass);  /* properties of models that follow the host */
void x86_cpu_model_init(gpointer instance);
