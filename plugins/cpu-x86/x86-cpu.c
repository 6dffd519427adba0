/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The x86 CPU as an object: properties, lines, reset, the hooks that the interpreter calls, and the
 * front end's table.
 *
 * Each CPU sees memory through an address space of its own: the machine's memory, with the local
 * APIC's window in front of it.
 */

#include "x86-cpu.h"
#include "x86-interp.h"
#include "x86-registers.h"
#include "x86-kvm.h"
#include "x86-frontend.h"

#include <emu/info.h>
#include <emu/log.h>
#include <string.h>

EMU_TRACE_DEFINE(x86_smm)

void
x86_cpu_request(X86Cpu *cpu, uint32_t bits)
{
    __atomic_fetch_or(&cpu->state->interrupt_request, bits, __ATOMIC_SEQ_CST);
    emu_cpu_kick((EmuCpu *)cpu);
}

void
x86_cpu_nmi(X86Cpu *cpu)
{
    X86State *s = cpu->state;
    uint32_t bits = X86_REQ_NMI;

    if ((__atomic_load_n(&s->interrupt_request, __ATOMIC_SEQ_CST) & X86_REQ_NMI) && !s->nmi_blocked) {
        bits |= X86_REQ_NMI_AGAIN;
    }
    x86_cpu_request(cpu, bits);
}

void
x86_cpu_signal_init(X86Cpu *cpu)
{
    /* A start-up IPI that came before this INIT is void. */
    __atomic_fetch_and(&cpu->state->interrupt_request, ~X86_REQ_SIPI, __ATOMIC_SEQ_CST);
    if (cpu->state->vmx.on) {
        cpu->state->vmx.init_held = 1; /* blocked, or left a guest: nothing is reset yet */
    } else {
        x86_apic_init_signal(&cpu->apic);
    }
    x86_cpu_request(cpu, X86_REQ_INIT);
}

static bool
x86_is_cpu(gpointer obj)
{
    return obj && emu_object_is_a(obj, X86_TYPE_CPU_NAME);
}

X86Cpu *
x86_cpu_by_index(EmuMachine *machine, unsigned index)
{
    if (index >= emu_machine_get_n_cpus(machine)) {
        return NULL;
    }
    EmuCpu *cpu = emu_machine_get_cpu(machine, index);
    return x86_is_cpu(cpu) ? (X86Cpu *)cpu : NULL;
}

/* Takes the big lock unless the calling thread has it: hooks run with and without. */
static bool
x86_cpu_lock(X86Cpu *cpu)
{
    EmuMachine *machine = x86_cpu_get_machine(cpu);

    if (emu_machine_lock_held(machine)) {
        return false;
    }
    emu_machine_lock(machine);
    return true;
}

static void
x86_cpu_unlock(X86Cpu *cpu, bool taken)
{
    if (taken) {
        emu_machine_unlock(x86_cpu_get_machine(cpu));
    }
}

/*
 * A board with SMRAM has a region "smram" as child of the machine, as large as the address space, that holds what only a
 * CPU in SMM sees.
 */
static void
x86_cpu_make_smm_view(X86Cpu *cpu)
{
    EmuObject *smram = emu_object_get_child(x86_cpu_get_machine(cpu), "smram");
    EmuMemoryRegion *view = emu_memory_region_new_container(cpu, "cpu-smm-view", UINT64_MAX);
    g_autofree char *name = g_strdup_printf("cpu-smm-%u", emu_cpu_get_index((EmuCpu *)cpu));

    emu_memory_transaction_begin();
    emu_memory_region_add_subregion(view, 0, emu_memory_region_new_alias(cpu, "cpu-smm-memory", cpu->view, 0, UINT64_MAX), 0);
    if (smram && EMU_IS_MEMORY_REGION(smram)) {
        emu_memory_region_add_subregion(
            view, 0, emu_memory_region_new_alias(cpu, "cpu-smram", EMU_MEMORY_REGION(smram), 0, UINT64_MAX), 1);
    }
    cpu->smm_as = emu_address_space_new(view, name);
    emu_address_space_set_smm(cpu->smm_as);
    emu_memory_transaction_commit();
}

void
x86_cpu_show_smram(X86Cpu *cpu, bool in_smm)
{
    EmuAddressSpace *as = cpu->as;

    if (in_smm) {
        if (!cpu->smm_as) {
            x86_cpu_make_smm_view(cpu);
        }
        as = cpu->smm_as;
    }
    if (emu_cpu_get_memory_as((EmuCpu *)cpu) != as) {
        emu_tcg_set_memory_as(&cpu->state->tcg, as);
    }
}

/* ---- hooks ------------------------------------------------------------------------------------------ */

static int
x86_hook_acknowledge(X86State *s)
{
    return x86_apic_acknowledge(&((X86Cpu *)s->owner)->apic);
}

static uint8_t
x86_hook_get_tpr(X86State *s)
{
    return x86_apic_get_cr8(&((X86Cpu *)s->owner)->apic);
}

static void
x86_hook_set_tpr(X86State *s, uint8_t cr8)
{
    X86Cpu *cpu = s->owner;
    bool taken = x86_cpu_lock(cpu);

    x86_apic_set_cr8(&cpu->apic, cr8);
    x86_cpu_unlock(cpu, taken);
}

static void
x86_hook_ferr(X86State *s)
{
    X86Cpu *cpu = s->owner;
    bool taken = x86_cpu_lock(cpu);

    emu_line_set(cpu->ferr, 1);
    x86_cpu_unlock(cpu, taken);
}

static void
x86_hook_set_smm(X86State *s, bool in_smm)
{
    X86Cpu *cpu = s->owner;
    bool taken = x86_cpu_lock(cpu);

    EMU_TRACE(x86_smm, "cpu %u %s smbase 0x%x", emu_cpu_get_index((EmuCpu *)cpu), in_smm ? "enters" : "leaves",
              (unsigned)s->smbase);
    x86_cpu_show_smram(cpu, in_smm);
    x86_cpu_unlock(cpu, taken);
}

#define X86_MSR_APIC_BASE 0x1b
#define X86_MSR_CORE_THREAD_COUNT 0x35
#define X86_MSR_BIOS_SIGN_ID 0x8b
#define X86_MSR_CORE_CAPABILITIES 0xcf
#define X86_MSR_ARCH_CAPABILITIES 0x10a
#define X86_MSR_PERF_STATUS 0x198
#define X86_MSR_TSC_DEADLINE 0x6e0

static X86MsrResult
x86_hook_rdmsr(X86State *s, uint32_t index, uint64_t *value)
{
    X86Cpu *cpu = s->owner;

    switch (index) {
    case X86_MSR_APIC_BASE:
        *value = s->apic_base;
        return cpu->has_apic ? X86_MSR_DONE : X86_MSR_FAULT;
    case X86_MSR_CORE_THREAD_COUNT:
        *value = cpu->cores << 16 | cpu->cores * cpu->threads;
        return X86_MSR_DONE;
    case X86_MSR_BIOS_SIGN_ID:
        *value = cpu->ucode_rev;
        return X86_MSR_DONE;
    case X86_MSR_CORE_CAPABILITIES:
        *value = cpu->features[X86_CORE_CAPABILITY];
        return x86_has_feature(s, X86_FEAT_CORE_CAPABILITY) ? X86_MSR_DONE : X86_MSR_FAULT;
    case X86_MSR_ARCH_CAPABILITIES:
        *value = (uint64_t)cpu->features[X86_ARCH_CAPABILITIES_HIGH] << 32 | cpu->features[X86_ARCH_CAPABILITIES];
        return x86_has_feature(s, X86_FEAT_ARCH_CAPABILITIES) ? X86_MSR_DONE : X86_MSR_FAULT;
    case X86_MSR_PERF_STATUS:
        *value = UINT64_C(4) << 40 | 1000;
        return X86_MSR_DONE;
    case X86_MSR_TSC_DEADLINE:
        if (!x86_has_feature(s, X86_FEAT_TSC_DEADLINE)) {
            return X86_MSR_FAULT;
        }
        *value = x86_apic_get_deadline(&cpu->apic);
        return X86_MSR_DONE;
    case X86_MSR_X2APIC_FIRST ... X86_MSR_X2APIC_LAST: {
        bool taken = x86_cpu_lock(cpu);
        bool ok = x86_apic_read_msr(&cpu->apic, index, value);
        x86_cpu_unlock(cpu, taken);
        return ok ? X86_MSR_DONE : X86_MSR_FAULT;
    }
    default:
        return X86_MSR_NOT_MINE;
    }
}

static X86MsrResult
x86_hook_wrmsr(X86State *s, uint32_t index, uint64_t value)
{
    X86Cpu *cpu = s->owner;
    bool taken, ok = true;

    switch (index) {
    case X86_MSR_APIC_BASE:
        taken = x86_cpu_lock(cpu);
        ok = cpu->has_apic && x86_apic_set_base(&cpu->apic, value);
        break;
    case X86_MSR_TSC_DEADLINE:
        if (!x86_has_feature(s, X86_FEAT_TSC_DEADLINE)) {
            return X86_MSR_FAULT;
        }
        taken = x86_cpu_lock(cpu);
        x86_apic_set_deadline(&cpu->apic, value);
        break;
    case X86_MSR_X2APIC_FIRST ... X86_MSR_X2APIC_LAST:
        taken = x86_cpu_lock(cpu);
        ok = x86_apic_write_msr(&cpu->apic, index, value);
        break;
    default:
        return X86_MSR_NOT_MINE;
    }
    x86_cpu_unlock(cpu, taken);
    return ok ? X86_MSR_DONE : X86_MSR_FAULT;
}

static int
x86_hook_send_ipis(X86State *s, uint64_t low, uint64_t high, uint32_t first, uint32_t icr)
{
    X86Cpu *cpu = s->owner;
    bool taken = x86_cpu_lock(cpu);
    int sent = x86_apic_send_many(&cpu->apic, low, high, first, icr);

    x86_cpu_unlock(cpu, taken);
    return sent;
}

static void
x86_hook_tsc_changed(X86State *s)
{
    X86Cpu *cpu = s->owner;
    bool taken = x86_cpu_lock(cpu);

    x86_apic_tsc_changed(&cpu->apic);
    x86_cpu_unlock(cpu, taken);
}

static uint64_t
x86_hook_read_tsc(X86State *s)
{
    X86Cpu *cpu = s->owner;
    uint64_t ns = (uint64_t)emu_clock_get_ns(emu_device_get_clock((EmuDevice *)cpu, EMU_CLOCK_VIRTUAL));

    return cpu->tsc_frequency == (uint64_t)EMU_NS_PER_SEC ? ns
                                                          : emu_muldiv64(ns, cpu->tsc_frequency, EMU_NS_PER_SEC);
}

static void
x86_hook_log_interrupt(X86State *s, unsigned vector, bool is_software, bool has_error, uint32_t error)
{
    if (!(emu_log_mask & EMU_LOG_INT)) {
        return;
    }
    X86Cpu *cpu = s->owner;
    g_autofree char *registers = x86_describe_registers(s);

    /* The first line is in the words that tools for such logs look for. */
    emu_log_printf("%6u: v=%02x e=%04x i=%d cpl=%u IP=%04x:%016" G_GINT64_MODIFIER "x pc=%016" G_GINT64_MODIFIER
                   "x SP=%04x:%016" G_GINT64_MODIFIER "x %s=%016" G_GINT64_MODIFIER "x\nCPU %u\n%s",
                   cpu->n_logged++, vector, has_error ? error : 0, is_software, s->cpl, s->seg[X86_CS].selector, s->rip,
                   x86_get_pc(&s->tcg), s->seg[X86_SS].selector, X86_LOW(s, X86_RSP),
                   vector == X86_EXC_PF ? "CR2" : "env->regs[R_EAX]", vector == X86_EXC_PF ? s->cr2 : X86_LOW(s, X86_RAX),
                   emu_cpu_get_index((EmuCpu *)cpu), registers);
}

static void
x86_hook_log_undefined(X86State *s, const uint8_t *bytes, unsigned n)
{
    if (!(emu_log_mask & EMU_LOG_UNIMP)) {
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < n; i++) {
        g_string_append_printf(text, " %02x", bytes[i]);
    }
    emu_unimp("cpu: undefined instruction at 0x%" G_GINT64_MODIFIER "x:%s", x86_get_pc(&s->tcg), text->str);
}

static void
x86_cpu_guest_timer_cb(gpointer opaque)
{
    x86_cpu_request(opaque, X86_REQ_VIRTUAL);
}

static void
x86_hook_set_guest_timer(X86State *s, uint64_t tsc)
{
    X86Cpu *cpu = s->owner;
    EmuClock *clock = emu_device_get_clock((EmuDevice *)cpu, EMU_CLOCK_VIRTUAL);
    uint64_t now = x86_read_tsc(s), left = tsc > now ? tsc - now : 0, far = (uint64_t)INT64_MAX / 4;

    if (tsc == 0) {
        emu_timer_cancel(cpu->guest_timer);
        return;
    }
    /* Rounded up: never before the counter shows it. */
    left = left / cpu->tsc_frequency > far / EMU_NS_PER_SEC ? far : emu_muldiv64(left, EMU_NS_PER_SEC, cpu->tsc_frequency) + 1;
    emu_timer_set(cpu->guest_timer, emu_clock_get_ns(clock) + (int64_t)left);
}

static void
x86_hook_init_taken(X86State *s)
{
    x86_apic_init_signal(&((X86Cpu *)s->owner)->apic);
}

static const X86Hooks x86_hooks = {
    .set_guest_timer = x86_hook_set_guest_timer,
    .init_taken = x86_hook_init_taken,
    .acknowledge = x86_hook_acknowledge,
    .get_tpr = x86_hook_get_tpr,
    .set_tpr = x86_hook_set_tpr,
    .ferr = x86_hook_ferr,
    .set_smm = x86_hook_set_smm,
    .rdmsr = x86_hook_rdmsr,
    .wrmsr = x86_hook_wrmsr,
    .tsc_changed = x86_hook_tsc_changed,
    .send_ipis = x86_hook_send_ipis,
    .cpuid = x86_cpuid,
    .read_tsc = x86_hook_read_tsc,
    .log_interrupt = x86_hook_log_interrupt,
    .log_undefined = x86_hook_log_undefined,
};

/* ---- the front end -------------------------------------------------------------------------------------- */

static unsigned
x86_frontend_disas(uint64_t pc, const uint8_t *code, unsigned avail, uint64_t mode_key, char *buf, gsize buf_size)
{
    unsigned bits = 16u << (mode_key >> X86_MODE_CODE_SHIFT & X86_MODE_CODE_MASK);

    return x86_disassemble(pc, code, avail, bits, buf, buf_size);
}

const EmuTcgFrontend x86_frontend = {
    X86_FRONTEND_ENTRIES,
    .lift = x86_lift,
    .disas = x86_frontend_disas,
};

/* ---- EmuCpuClass ------------------------------------------------------------------------------------------ */

static void
x86_cpu_attach_state(EmuCpu *base, gpointer state)
{
    X86Cpu *cpu = (X86Cpu *)base;
    X86State *s = state;

    if (!s) {
        if (cpu->state) {
            x86_interp_finish(cpu->state);
        }
        cpu->state = NULL;
        return;
    }
    cpu->state = s;
    s->owner = cpu;
    s->apic = &cpu->apic;
    s->hooks = &x86_hooks;
    s->cpu_index = emu_cpu_get_index(base);
    s->apic_id = cpu->apic_id;
    s->intel = memcmp(cpu->vendor_text, "GenuineIntel", sizeof(cpu->vendor_text)) == 0;
    s->lax_real_mode = !cpu->real_mode_limits;
    memcpy(s->features, cpu->features, sizeof(s->features));
    s->phys_mask = (UINT64_C(1) << cpu->phys_bits) - 1;
    x86_interp_init(s);
}

static uint64_t
x86_cpu_get_pc(EmuCpu *base)
{
    X86Cpu *cpu = (X86Cpu *)base;

    return cpu->state ? x86_get_pc(&cpu->state->tcg) : 0;
}

/* In real mode, as after a reset: the base of CS takes what the 16 bits of IP cannot. */
static void
x86_cpu_set_start(EmuCpu *base, uint64_t address)
{
    X86State *s = ((X86Cpu *)base)->state;

    *x86_seg_base(s, X86_CS) = address & 0xffff0000;
    s->seg[X86_CS].selector = (uint16_t)((address & 0xf0000) >> 4);
    s->rip = address & 0xffff;
    x86_update_mode(s);
}

static bool
x86_cpu_is_halted(EmuCpu *base)
{
    X86Cpu *cpu = (X86Cpu *)base;

    return cpu->state && cpu->state->halted;
}

static char *
x86_cpu_describe_registers(EmuCpu *base)
{
    X86Cpu *cpu = (X86Cpu *)base;

    return cpu->state ? x86_describe_registers(cpu->state) : g_strdup("");
}

static bool
x86_cpu_translate_debug(EmuCpu *base, uint64_t vaddr, uint64_t *phys)
{
    X86Cpu *cpu = (X86Cpu *)base;
    EmuTcgTranslation t;

    if (!cpu->state || !x86_walk(&cpu->state->tcg, vaddr, EMU_TCG_READ, X86_MMU_KERNEL, false, &t)) {
        return false;
    }
    *phys = t.phys;
    return true;
}

static unsigned
x86_cpu_disas(EmuCpu *base, uint64_t pc, const uint8_t *code, unsigned avail, char *buf, gsize buf_size)
{
    X86Cpu *cpu = (X86Cpu *)base;

    return x86_disassemble(pc, code, avail, cpu->state ? cpu->state->code_size : 64, buf, buf_size);
}

/* ---- lines ------------------------------------------------------------------------------------------------- */

static void
x86_cpu_intr_cb(gpointer opaque, unsigned index, int level)
{
    X86Cpu *cpu = opaque;

    if (cpu->state) {
        x86_apic_set_lint(&cpu->apic, 0, level);
    }
}

static void
x86_cpu_nmi_cb(gpointer opaque, unsigned index, int level)
{
    X86Cpu *cpu = opaque;

    if (!cpu->state) {
        return;
    }
    if (cpu->has_apic) {
        x86_apic_set_lint(&cpu->apic, 1, level);
    } else if (level) {
        x86_cpu_nmi(cpu);
    }
}

static void
x86_cpu_smi_cb(gpointer opaque, unsigned index, int level)
{
    X86Cpu *cpu = opaque;

    if (level && cpu->state) {
        x86_cpu_request(cpu, X86_REQ_SMI);
    }
}

static void
x86_cpu_init_cb(gpointer opaque, unsigned index, int level)
{
    X86Cpu *cpu = opaque;

    if (level && cpu->state) {
        x86_cpu_signal_init(cpu);
    }
}

/* ---- EmuX86CpuControl ---------------------------------------------------------------------------------------- */

static void
x86_cpu_a20_on(EmuCpu *base, gpointer data)
{
    x86_set_a20(((X86Cpu *)base)->state, true);
}

static void
x86_cpu_a20_off(EmuCpu *base, gpointer data)
{
    x86_set_a20(((X86Cpu *)base)->state, false);
}

static void
x86_cpu_set_a20(EmuX86CpuControl *control, bool enabled)
{
    X86Cpu *cpu = (X86Cpu *)control;
    EmuCpu *base = (EmuCpu *)cpu;

    if (!cpu->state || (cpu->state->a20_mask >> 20 & 1) == enabled) {
        return;
    }
    /* The CPU that wrote the gate sees it at its next instruction. */
    if (emu_cpu_is_self(base)) {
        x86_set_a20(cpu->state, enabled);
    } else {
        emu_cpu_run_on_async(base, enabled ? x86_cpu_a20_on : x86_cpu_a20_off, NULL);
    }
}

static void
x86_cpu_smi(EmuX86CpuControl *control)
{
    X86Cpu *cpu = (X86Cpu *)control;

    if (cpu->state) {
        x86_cpu_request(cpu, X86_REQ_SMI);
    }
}

static void
x86_cpu_init(EmuX86CpuControl *control)
{
    x86_cpu_init_cb(control, 0, 1);
}

static bool
x86_cpu_is_smm(EmuX86CpuControl *control)
{
    X86Cpu *cpu = (X86Cpu *)control;

    return cpu->state && cpu->state->in_smm;
}

static uint32_t
x86_cpu_get_apic_id(EmuX86CpuControl *control)
{
    return ((X86Cpu *)control)->apic_id;
}

static void
x86_cpu_set_ignne(EmuX86CpuControl *control, bool ignne)
{
    X86Cpu *cpu = (X86Cpu *)control;

    if (cpu->state) {
        cpu->state->ignne = ignne;
        if (ignne) {
            emu_line_set(cpu->ferr, 0); /* port 0xf0 also takes FERR#'s latch away */
        }
    }
}

static void
x86_cpu_control_init(gpointer iface, gpointer data)
{
    EmuX86CpuControlInterface *control = iface;

    control->set_a20 = x86_cpu_set_a20;
    control->smi = x86_cpu_smi;
    control->init = x86_cpu_init;
    control->is_smm = x86_cpu_is_smm;
    control->get_apic_id = x86_cpu_get_apic_id;
    control->set_ignne = x86_cpu_set_ignne;
}

/* ---- feature properties ------------------------------------------------------------------------------------------
 *
 * One boolean per named CPUID bit; the property's number is the feature plus one.
 */

static uint32_t
x86_cpu_feature_word(X86Cpu *cpu, unsigned word)
{
    const X86CpuClass *cc = (X86CpuClass *)G_OBJECT_GET_CLASS(cpu);

    if (cpu->expanded || emu_device_is_realized((EmuDevice *)cpu)) {
        return cpu->features[word];
    }
    return (cc->model.features[word] | cpu->feature_on[word]) & ~cpu->feature_off[word];
}

static void
x86_cpu_get_feature(GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
    unsigned feature = id - 1;

    g_value_set_boolean(value, x86_cpu_feature_word((X86Cpu *)object, feature >> 5) >> (feature & 31) & 1);
}

static void
x86_cpu_set_feature(GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
    X86Cpu *cpu = (X86Cpu *)object;
    unsigned word = (id - 1) >> 5;
    uint32_t bit = 1u << ((id - 1) & 31);

    if (emu_device_is_realized((EmuDevice *)cpu)) {
        return;
    }
    if (g_value_get_boolean(value)) {
        cpu->feature_on[word] |= bit;
        cpu->feature_off[word] &= ~bit;
    } else {
        cpu->feature_off[word] |= bit;
        cpu->feature_on[word] &= ~bit;
    }
}

static void
x86_cpu_install_feature(GObjectClass *oc, const char *name, unsigned feature)
{
    /* Property names begin with a letter and have no dots: "3dnow", "sse4.1". */
    g_autofree char *canonical =
        g_strdelimit(g_ascii_isdigit(*name) ? g_strconcat("p", name, NULL) : g_strdup(name), ".", '-');

    g_object_class_install_property(
        oc, feature + 1, g_param_spec_boolean(canonical, NULL, "CPUID feature", FALSE, G_PARAM_READWRITE));
}

static void
x86_cpu_install_features(GObjectClass *oc)
{
    oc->get_property = x86_cpu_get_feature;
    oc->set_property = x86_cpu_set_feature;
    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            const char *name = x86_feature_names[word][bit];
            if (name) {
                x86_cpu_install_feature(oc, name, X86_FEATURE(word, bit));
            }
        }
    }
    for (const X86FeatureAlias *alias = x86_feature_aliases; alias->name; alias++) {
        x86_cpu_install_feature(oc, alias->name, alias->feature);
    }
}

/* @missing's names, in the order of the words. */
static GPtrArray *
x86_cpu_name_features(const uint32_t missing[X86_N_FEATURE_WORDS])
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for (unsigned word = 0; word < X86_N_FEATURE_WORDS; word++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            if ((missing[word] >> bit & 1) && x86_feature_names[word][bit]) {
                g_ptr_array_add(names, g_strdup(x86_feature_names[word][bit]));
            }
        }
    }
    return names;
}

static GPtrArray *
x86_cpu_expand_model(EmuCpu *base, EmuMachine *machine, GError **error)
{
    X86Cpu *cpu = (X86Cpu *)base;
    uint32_t missing[X86_N_FEATURE_WORDS];

    if (!x86_cpuid_expand(cpu, machine, missing, error)) {
        return NULL;
    }
    cpu->expanded = true;
    return x86_cpu_name_features(missing);
}

/* ---- life cycle ----------------------------------------------------------------------------------------------------- */

static bool
x86_cpu_realize(EmuDevice *dev, GError **error)
{
    X86Cpu *cpu = (X86Cpu *)dev;
    EmuDeviceClass *parent_class = g_type_class_peek(EMU_TYPE_CPU);

    if (!x86_cpuid_resolve(cpu, error)) {
        return false;
    }
    cpu->apic.cpu = cpu;
    emu_device_add_lines_in(dev, "intr", 1, x86_cpu_intr_cb);
    emu_device_add_lines_in(dev, "nmi", 1, x86_cpu_nmi_cb);
    emu_device_add_lines_in(dev, "smi", 1, x86_cpu_smi_cb);
    emu_device_add_lines_in(dev, "init", 1, x86_cpu_init_cb);
    emu_device_add_lines_out(dev, "ferr", 1, &cpu->ferr);

    EmuMemoryRegion *memory = emu_machine_get_system_memory(x86_cpu_get_machine(cpu));
    cpu->view = emu_memory_region_new_container(cpu, "cpu-view", UINT64_MAX);
    emu_memory_region_add_subregion(
        cpu->view, 0, emu_memory_region_new_alias(cpu, "cpu-memory", memory, 0, UINT64_MAX), 0);
    g_autofree char *name = g_strdup_printf("cpu-memory-%u", emu_cpu_get_index((EmuCpu *)cpu));
    if (!x86_apic_realize(&cpu->apic, cpu, cpu->view, error)) {
        return false;
    }
    cpu->as = emu_address_space_new(cpu->view, name);
    emu_cpu_set_memory_as((EmuCpu *)cpu, cpu->as);

    cpu->guest_timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), x86_cpu_guest_timer_cb, cpu);
    if (parent_class->realize && !parent_class->realize(dev, error)) {
        g_clear_pointer(&cpu->guest_timer, emu_timer_free);
        x86_apic_unrealize(&cpu->apic);
        g_clear_pointer(&cpu->as, emu_address_space_free);
        return false;
    }
    return true;
}

static void
x86_cpu_unrealize(EmuDevice *dev)
{
    X86Cpu *cpu = (X86Cpu *)dev;
    EmuDeviceClass *parent_class = g_type_class_peek(EMU_TYPE_CPU);

    if (parent_class->unrealize) {
        parent_class->unrealize(dev);
    }
    g_clear_pointer(&cpu->guest_timer, emu_timer_free);
    x86_apic_unrealize(&cpu->apic);
    emu_cpu_set_memory_as((EmuCpu *)cpu, NULL);
    g_clear_pointer(&cpu->smm_as, emu_address_space_free);
    g_clear_pointer(&cpu->as, emu_address_space_free);
}

static void
x86_cpu_reset_enter(EmuDevice *dev)
{
    X86Cpu *cpu = (X86Cpu *)dev;
    EmuDeviceClass *parent_class = g_type_class_peek(EMU_TYPE_CPU);

    if (parent_class->reset_enter) {
        parent_class->reset_enter(dev);
    }
    if (!cpu->state) {
        return;
    }
    x86_cpu_show_smram(cpu, false);
    memset(cpu->pv_msrs, 0, sizeof(cpu->pv_msrs));
    cpu->pv_clock = 0;
    x86_reset(cpu->state);
    if (emu_cpu_get_index((EmuCpu *)cpu) != 0) {
        cpu->state->wait_sipi = 1;
        cpu->state->halted = 1;
    }
    x86_apic_reset(&cpu->apic);
    if (emu_log_mask & EMU_LOG_CPU_RESET) {
        g_autofree char *registers = x86_describe_registers(cpu->state);
        emu_log_printf("CPU Reset (CPU %u)\n%s", emu_cpu_get_index((EmuCpu *)cpu), registers);
    }
}

static void
x86_cpu_reset_hold(EmuDevice *dev)
{
    X86Cpu *cpu = (X86Cpu *)dev;
    EmuDeviceClass *parent_class = g_type_class_peek(EMU_TYPE_CPU);

    if (parent_class->reset_hold) {
        parent_class->reset_hold(dev);
    }
    emu_line_set(cpu->ferr, 0);
}

static const EmuProperty x86_cpu_properties[] = {
    EMU_PROP_UINT32("family", X86Cpu, family, UINT32_MAX, "CPUID family; default: the model's"),
    EMU_PROP_UINT32("model", X86Cpu, model, UINT32_MAX, "CPUID model; default: the model's"),
    EMU_PROP_UINT32("stepping", X86Cpu, stepping, UINT32_MAX, "CPUID stepping; default: the model's"),
    EMU_PROP_UINT32("level", X86Cpu, level, UINT32_MAX, "highest basic CPUID leaf; default: min-level, or what the features need"),
    EMU_PROP_UINT32("xlevel", X86Cpu, xlevel, UINT32_MAX, "highest extended CPUID leaf; default: min-xlevel, or what the features need"),
    EMU_PROP_UINT32("xlevel2", X86Cpu, xlevel2, UINT32_MAX, "highest CPUID leaf from C0000000H; default: min-xlevel2, or what the features need"),
    EMU_PROP_UINT32("min-level", X86Cpu, min_level, UINT32_MAX, "lower bound of level; default: the model's"),
    EMU_PROP_UINT32("min-xlevel", X86Cpu, min_xlevel, UINT32_MAX, "lower bound of xlevel; default: the model's"),
    EMU_PROP_UINT32("min-xlevel2", X86Cpu, min_xlevel2, 0, "lower bound of xlevel2"),
    EMU_PROP_UINT32("level-func7", X86Cpu, level_func7, UINT32_MAX, "highest subleaf of leaf 7; default: what the features need"),
    EMU_PROP_BOOL("full-cpuid-auto-level", X86Cpu, full_cpuid_auto_level, true, "every feature raises the limits, not leaf 7 alone"),
    EMU_PROP_BOOL("x-intel-pt-auto-level", X86Cpu, intel_pt_auto_level, true, "and so does intel-pt"),
    EMU_PROP_UINT32_RANGE("avx10-version", X86Cpu, avx10_version, 0, 0, 255, "version in leaf 24H; 0: the model's"),
    EMU_PROP_STRING("vendor", X86Cpu, vendor, NULL, "vendor, 12 characters; default: the model's"),
    EMU_PROP_STRING("model-id", X86Cpu, model_id, NULL, "brand string; default: the model's"),
    EMU_PROP_UINT32("apic-id", X86Cpu, apic_id, UINT32_MAX, "local APIC ID; default: from the topology"),
    EMU_PROP_INT32("socket-id", X86Cpu, socket_id, -1, "package that it is in; where one that is added goes"),
    EMU_PROP_INT32("die-id", X86Cpu, die_id, -1, "die within the package"),
    EMU_PROP_INT32("core-id", X86Cpu, core_id, -1, "core within the die"),
    EMU_PROP_INT32("thread-id", X86Cpu, thread_id, -1, "thread within the core"),
    EMU_PROP_INT32("node-id", X86Cpu, node_id, -1, "NUMA node"),
    {.name = "tsc-frequency", .kind = EMU_PROP_KIND_UINT64, .offset = offsetof(X86Cpu, tsc_frequency),
     .default_value = 1000000000, .min = 1000000, .max = 100000000000, .blurb = "time-stamp counter, Hz"},
    EMU_PROP_UINT32_RANGE("phys-bits", X86Cpu, phys_bits, 0, 0, 52,
                          "width of physical addresses; 0: 40, or 36 and 32 without long mode"),
    EMU_PROP_BOOL("host-phys-bits", X86Cpu, host_phys_bits, false, "physical addresses as wide as the host's"),
    EMU_PROP_UINT32_RANGE("host-phys-bits-limit", X86Cpu, host_phys_bits_limit, 0, 0, 52, "at most so wide; 0: no limit"),
    EMU_PROP_UINT32_RANGE("guest-phys-bits", X86Cpu, guest_phys_bits, 0, 0, 52,
                          "width of addresses that a guest's paging reaches, for leaf 80000008H; 0: unsaid"),
    EMU_PROP_UINT64("ucode-rev", X86Cpu, ucode_rev, 0, "microcode revision, MSR 8BH; 0: that of the vendor"),
    EMU_PROP_BOOL("cpuid-0xb", X86Cpu, leaf_b, true, "the topology in leaf 0BH"),
    EMU_PROP_BOOL("x-force-cpuid-0x1f", X86Cpu, leaf_1f, false, "the topology in leaf 1FH, also without dies"),
    EMU_PROP_BOOL("l3-cache", X86Cpu, l3_cache, true, "a third-level cache"),
    EMU_PROP_BOOL("legacy-cache", X86Cpu, legacy_cache, true, "the caches of older models; default: for models that have none of their own"),
    EMU_PROP_BOOL("x-l1-cache-per-thread", X86Cpu, l1_cache_per_core, false, "threads of a core share the first level in leaf 4"),
    EMU_PROP_BOOL("x-vendor-cpuid-only", X86Cpu, vendor_cpuid_only, true, "no leaves 2 and 4 on models of AMD's"),
    EMU_PROP_BOOL("pmu", X86Cpu, pmu, false, "performance counters (KVM only)"),
    EMU_PROP_BOOL("lmce", X86Cpu, lmce, false, "machine checks of one CPU alone; not modelled"),
    EMU_PROP_BOOL("fill-mtrr-mask", X86Cpu, fill_mtrr_mask, false, "masks of MTRRs reach beyond phys-bits; not modelled"),
    EMU_PROP_BOOL("tcg-cpuid", X86Cpu, tcg_cpuid, true, "under TCG, the guest may know it"),
    EMU_PROP_BOOL("vmware-cpuid-freq", X86Cpu, vmware_cpuid_freq, true, "under KVM with invtsc, frequencies in leaf 40000010H"),
    EMU_PROP_BOOL("x-force-features", X86Cpu, force_features, false, "features that cannot be offered are shown all the same"),
    EMU_PROP_BOOL("check", X86Cpu, check, true, "warn about features that cannot be offered"),
    EMU_PROP_BOOL("enforce", X86Cpu, enforce, false, "refuse to start without all features"),
    EMU_PROP_BOOL("real-mode-limits", X86Cpu, real_mode_limits, false,
                  "fault on data beyond a segment's end in real mode, as silicon does"),
    EMU_PROP_BOOL("kvm", X86Cpu, kvm, true, "under KVM, the guest may know it"),
    EMU_PROP_BOOL("hv-relaxed", X86Cpu, hv[X86_HV_RELAXED], false, "no watchdogs that a stolen CPU would trigger"),
    EMU_PROP_BOOL("hv-vapic", X86Cpu, hv[X86_HV_VAPIC], false, "fast access to the local APIC"),
    EMU_PROP_BOOL("hv-time", X86Cpu, hv[X86_HV_TIME], false, "reference counter and TSC page"),
    EMU_PROP_BOOL("hv-crash", X86Cpu, hv[X86_HV_CRASH], false, "crash reports"),
    EMU_PROP_BOOL("hv-reset", X86Cpu, hv[X86_HV_RESET], false, "reset by MSR"),
    EMU_PROP_BOOL("hv-vpindex", X86Cpu, hv[X86_HV_VPINDEX], false, "numbers of virtual processors"),
    EMU_PROP_BOOL("hv-runtime", X86Cpu, hv[X86_HV_RUNTIME], false, "time that a virtual processor ran"),
    EMU_PROP_BOOL("hv-synic", X86Cpu, hv[X86_HV_SYNIC], false, "synthetic interrupt controller"),
    EMU_PROP_BOOL("hv-stimer", X86Cpu, hv[X86_HV_STIMER], false, "synthetic timers"),
    EMU_PROP_BOOL("hv-stimer-direct", X86Cpu, hv[X86_HV_STIMER_DIRECT], false, "synthetic timers that interrupt directly"),
    EMU_PROP_BOOL("hv-frequencies", X86Cpu, hv[X86_HV_FREQUENCIES], false, "TSC and APIC frequencies by MSR"),
    EMU_PROP_BOOL("hv-reenlightenment", X86Cpu, hv[X86_HV_REENLIGHTENMENT], false, "told of a changed TSC frequency"),
    EMU_PROP_BOOL("hv-tlbflush", X86Cpu, hv[X86_HV_TLBFLUSH], false, "TLB flush by hypercall"),
    EMU_PROP_BOOL("hv-ipi", X86Cpu, hv[X86_HV_IPI], false, "interprocessor interrupts by hypercall"),
    EMU_PROP_UINT32("hv-spinlocks", X86Cpu, hv_spinlocks, UINT32_MAX, "spins before a lock is reported; default: never"),
    EMU_PROP_STRING("hv-vendor-id", X86Cpu, hv_vendor_id, NULL, "signature that Hyper-V guests see; default: Microsoft Hv"),
    {.name = "pic", .kind = EMU_PROP_KIND_LINK, .offset = offsetof(X86Cpu, pic), .link_type = "interrupt-ack",
     .flags = EMU_PROP_FLAG_RUNTIME, .blurb = "who answers interrupt acknowledge cycles"},
};

static void
x86_cpu_class_init(gpointer klass, gconstpointer class_data)
{
    EmuCpuClass *cc = klass;
    EmuDeviceClass *dc = klass;

    dc->realize = x86_cpu_realize;
    dc->unrealize = x86_cpu_unrealize;
    dc->reset_enter = x86_cpu_reset_enter;
    dc->reset_hold = x86_cpu_reset_hold;
    dc->vmstate = &x86_cpu_vmstate;
    dc->category = "cpu";
    cc->tcg = &x86_frontend;
    cc->kvm = &x86_kvm_frontend;
    cc->get_pc = x86_cpu_get_pc;
    cc->is_halted = x86_cpu_is_halted;
    cc->describe_registers = x86_cpu_describe_registers;
    cc->translate_debug = x86_cpu_translate_debug;
    cc->disas = x86_cpu_disas;
    cc->attach_state = x86_cpu_attach_state;
    cc->registers = x86_registers;
    cc->n_registers = x86_n_registers;
    cc->read_register = x86_read_register;
    cc->write_register = x86_write_register;
    cc->set_start = x86_cpu_set_start;
    cc->expand_model = x86_cpu_expand_model;
    x86_cpu_install_features(klass);
    emu_object_class_add_properties(klass, x86_cpu_properties, G_N_ELEMENTS(x86_cpu_properties));
}

static char *
x86_cpu_describe(EmuInfoProvider *provider, const char *topic)
{
    X86Cpu *self = (X86Cpu *)provider;

    return g_str_equal(topic, "lapic") && self->has_apic ? x86_apic_describe(&self->apic, emu_cpu_get_index(EMU_CPU(self))) : NULL;
}

static void
x86_cpu_info_provider_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    ((EmuInfoProviderInterface *)iface)->describe = x86_cpu_describe;
}

static const EmuInterfaceImpl x86_cpu_interfaces[] = {
    {"x86-cpu-control", x86_cpu_control_init},
    {"info-provider", x86_cpu_info_provider_init},
    {NULL, NULL},
};

const EmuTypeInfo x86_cpu_type_info = {
    .name = X86_TYPE_CPU_NAME,
    .parent = "cpu",
    .instance_size = sizeof(X86Cpu),
    .class_size = sizeof(X86CpuClass),
    .class_init = x86_cpu_class_init,
    .abstract = true,
    .interfaces = x86_cpu_interfaces,
    .description = "x86 CPU",
};

/* A CPU that says what its model says, until a property is set. */
void
x86_cpu_model_init(gpointer instance)
{
    X86Cpu *cpu = instance;
    const X86CpuClass *cc = (X86CpuClass *)G_OBJECT_GET_CLASS(cpu);

    cpu->legacy_cache = !cc->model.caches;
}

void
x86_cpu_model_class_init(gpointer klass)
{
    const X86CpuClass *cc = klass;

    ((EmuDeviceClass *)klass)->model_name = cc->model.name;
    ((EmuDeviceClass *)klass)->user_creatable = true;
    ((EmuDeviceClass *)klass)->hotpluggable = true; /* where the board takes CPUs */
}

static const EmuProperty x86_cpu_host_properties[] = {
    EMU_PROP_BOOL("migratable", X86Cpu, migratable, true, "nothing that another host could not have: invtsc (KVM only)"),
    EMU_PROP_BOOL("host-cache-info", X86Cpu, host_cache_info, false, "the host's caches"),
};

void
x86_cpu_host_class_init(gpointer klass)
{
    emu_object_class_add_properties(klass, x86_cpu_host_properties, G_N_ELEMENTS(x86_cpu_host_properties));
}
