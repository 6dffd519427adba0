/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The local APICs of three CPUs that do not run: registers, messages, timer. Also CPUID. */

#include "../x86-cpu.h"

#include <emu/test.h>
#include <string.h>

#define N_CPUS 3

enum {
    ID = 0x020, VERSION = 0x030, TPR = 0x080, PPR = 0x0a0, EOI = 0x0b0, LDR = 0x0d0, DFR = 0x0e0, SVR = 0x0f0,
    ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280, ICR_LOW = 0x300, ICR_HIGH = 0x310, LVT_TIMER = 0x320,
    LINT0 = 0x350, LINT1 = 0x360, LVT_ERROR = 0x370, INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0,
};

typedef struct {
    EmuMachine *machine;
    X86Cpu *cpus[N_CPUS];
} Fixture;

static void
setup(Fixture *f, gconstpointer data)
{
    GError *error = NULL;

    f->machine = emu_test_machine_new_unbuilt("none", &error);
    g_assert_no_error(error);
    emu_object_set_from_string(f->machine, "cpu-type", data ? data : "qemu64-x86_64-cpu", &error);
    g_assert_no_error(error);
    emu_test_machine_start(f->machine, &error);
    g_assert_no_error(error);
    emu_machine_lock(f->machine);
    for (unsigned i = 0; i < N_CPUS; i++) {
        f->cpus[i] = (X86Cpu *)emu_machine_create_cpu(f->machine, i, &error);
        g_assert_no_error(error);
    }
    emu_machine_unlock(f->machine);
    emu_test_reset(f->machine);
}

static void
teardown(Fixture *f, gconstpointer data)
{
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static uint32_t
get(Fixture *f, unsigned cpu, unsigned reg)
{
    return (uint32_t)emu_address_space_load(emu_cpu_get_memory_as((EmuCpu *)f->cpus[cpu]), 0xfee00000u + reg, 4,
                                            EMU_MEM_ATTRS_NONE, NULL);
}

static void
set(Fixture *f, unsigned cpu, unsigned reg, uint32_t value)
{
    emu_address_space_store(emu_cpu_get_memory_as((EmuCpu *)f->cpus[cpu]), 0xfee00000u + reg, value, 4,
                            EMU_MEM_ATTRS_NONE, NULL);
}

static uint32_t
requests(Fixture *f, unsigned cpu)
{
    return f->cpus[cpu]->state->interrupt_request;
}

static int
acknowledge(Fixture *f, unsigned cpu)
{
    X86State *s = f->cpus[cpu]->state;

    emu_machine_lock(f->machine);
    int vector = s->hooks->acknowledge(s);
    emu_machine_unlock(f->machine);
    return vector;
}

static void
enable_all(Fixture *f)
{
    for (unsigned i = 0; i < N_CPUS; i++) {
        set(f, i, SVR, 0x1ff);
    }
}

static bool
has_bit(Fixture *f, unsigned cpu, unsigned base, unsigned vector)
{
    return get(f, cpu, base + (vector >> 5) * 16) >> (vector & 31) & 1;
}

static void
test_reset(Fixture *f, gconstpointer data)
{
    for (unsigned i = 0; i < N_CPUS; i++) {
        g_assert_cmphex(get(f, i, ID), ==, i << 24);
        g_assert_cmphex(get(f, i, VERSION), ==, 0x50014);
        g_assert_cmphex(get(f, i, DFR), ==, 0xffffffff);
        g_assert_cmphex(get(f, i, SVR), ==, 0xff);
        g_assert_cmphex(get(f, i, LVT_TIMER), ==, 0x10000);
        g_assert_cmpuint(f->cpus[i]->state->wait_sipi, ==, i != 0);
        g_assert_cmphex(f->cpus[i]->state->apic_base, ==, 0xfee00800u | (i == 0 ? 0x100 : 0));
    }
    g_assert_cmphex(get(f, 0, LINT0), ==, 0x700);
    g_assert_cmphex(get(f, 1, LINT0), ==, 0x10000);
}

static void
test_ipi_physical(Fixture *f, gconstpointer data)
{
    enable_all(f);
    set(f, 0, ICR_HIGH, 2u << 24);
    set(f, 0, ICR_LOW, 0x4041);
    g_assert_cmphex(requests(f, 1), ==, 0);
    g_assert_cmphex(requests(f, 2), ==, X86_REQ_HARD);
    g_assert_true(has_bit(f, 2, IRR, 0x41));
    g_assert_cmphex(acknowledge(f, 2), ==, 0x41);
    g_assert_cmphex(requests(f, 2), ==, 0);
    g_assert_false(has_bit(f, 2, IRR, 0x41));
    g_assert_true(has_bit(f, 2, ISR, 0x41));
    set(f, 2, EOI, 0);
    g_assert_false(has_bit(f, 2, ISR, 0x41));
}

static void
test_shorthands(Fixture *f, gconstpointer data)
{
    enable_all(f);
    set(f, 1, ICR_LOW, 0x44030); /* self */
    g_assert_cmphex(acknowledge(f, 1), ==, 0x30);
    set(f, 1, EOI, 0);
    set(f, 1, ICR_LOW, 0x84031); /* all */
    for (unsigned i = 0; i < N_CPUS; i++) {
        g_assert_cmphex(acknowledge(f, i), ==, 0x31);
        set(f, i, EOI, 0);
    }
    set(f, 1, ICR_LOW, 0xc4032); /* all but self */
    g_assert_cmphex(acknowledge(f, 0), ==, 0x32);
    g_assert_cmpint(acknowledge(f, 1), ==, -1);
    g_assert_cmphex(acknowledge(f, 2), ==, 0x32);
}

static void
test_logical_flat(Fixture *f, gconstpointer data)
{
    enable_all(f);
    for (unsigned i = 0; i < N_CPUS; i++) {
        set(f, i, LDR, 1u << (24 + i));
    }
    set(f, 0, ICR_HIGH, 6u << 24);
    set(f, 0, ICR_LOW, 0x4850);
    g_assert_cmpint(acknowledge(f, 0), ==, -1);
    g_assert_cmphex(acknowledge(f, 1), ==, 0x50);
    g_assert_cmphex(acknowledge(f, 2), ==, 0x50);
}

static void
test_logical_cluster(Fixture *f, gconstpointer data)
{
    enable_all(f);
    for (unsigned i = 0; i < N_CPUS; i++) {
        set(f, i, DFR, 0x0fffffff);
        set(f, i, LDR, (i == 2 ? 0x21u : 0x11u << i) << 24); /* 0x11, 0x22, 0x21 */
    }
    set(f, 0, ICR_HIGH, 0x23u << 24);
    set(f, 0, ICR_LOW, 0x4851);
    g_assert_cmpint(acknowledge(f, 0), ==, -1);
    g_assert_cmphex(acknowledge(f, 1), ==, 0x51);
    g_assert_cmphex(acknowledge(f, 2), ==, 0x51);
}

static void
test_lowest_priority(Fixture *f, gconstpointer data)
{
    unsigned counts[N_CPUS] = {0};

    enable_all(f);
    for (unsigned i = 0; i < N_CPUS; i++) {
        set(f, i, LDR, 1u << (24 + i));
    }
    set(f, 0, TPR, 0x80); /* the busiest is left alone */
    for (unsigned n = 0; n < 10; n++) {
        emu_test_write(f->machine, 0xfee07000u | 4, 0x4160, 4);
        for (unsigned i = 0; i < N_CPUS; i++) {
            if (acknowledge(f, i) == 0x60) {
                counts[i]++;
                set(f, i, EOI, 0);
            }
        }
    }
    g_assert_cmpuint(counts[0], ==, 0);
    g_assert_cmpuint(counts[1], ==, 5);
    g_assert_cmpuint(counts[2], ==, 5);
}

static void
test_priority(Fixture *f, gconstpointer data)
{
    enable_all(f);
    emu_test_write(f->machine, 0xfee00000u, 0x4035, 4);
    emu_test_write(f->machine, 0xfee00000u, 0x4075, 4);
    emu_test_write(f->machine, 0xfee00000u, 0x4055, 4);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x75);
    g_assert_cmphex(get(f, 0, PPR), ==, 0x70);
    g_assert_cmphex(requests(f, 0), ==, 0); /* lower classes wait */
    emu_test_write(f->machine, 0xfee00000u, 0x4078, 4);
    g_assert_cmphex(requests(f, 0), ==, 0); /* so does the same class */
    emu_test_write(f->machine, 0xfee00000u, 0x4085, 4);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x85);
    set(f, 0, EOI, 0);
    g_assert_cmphex(requests(f, 0), ==, 0);
    set(f, 0, EOI, 0);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x78);
    set(f, 0, TPR, 0x60);
    set(f, 0, EOI, 0);
    g_assert_cmphex(requests(f, 0), ==, 0);
    set(f, 0, TPR, 0x40);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x55);
    set(f, 0, EOI, 0);
    g_assert_cmphex(requests(f, 0), ==, 0);
    set(f, 0, TPR, 0);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x35);
}

static void
test_level_sets_tmr(Fixture *f, gconstpointer data)
{
    enable_all(f);
    emu_test_write(f->machine, 0xfee01000u, 0xc070, 4);
    g_assert_true(has_bit(f, 1, TMR, 0x70));
    g_assert_cmphex(acknowledge(f, 1), ==, 0x70);
    set(f, 1, EOI, 0);
    emu_test_write(f->machine, 0xfee01000u, 0x4070, 4);
    g_assert_false(has_bit(f, 1, TMR, 0x70));
}

static void
test_init_sipi(Fixture *f, gconstpointer data)
{
    set(f, 0, SVR, 0x1ff);
    set(f, 0, ICR_HIGH, 1u << 24);
    set(f, 0, ICR_LOW, 0x0600 | 0x9f); /* waits for it already */
    g_assert_cmphex(requests(f, 1), ==, X86_REQ_SIPI);
    g_assert_cmphex(f->cpus[1]->state->sipi_vector, ==, 0x9f);
    set(f, 0, ICR_LOW, 0xc500);
    g_assert_cmphex(requests(f, 1), ==, X86_REQ_INIT); /* voids the SIPI before it */
    set(f, 0, ICR_LOW, 0x8500);
    g_assert_cmphex(requests(f, 1), ==, X86_REQ_INIT);
    set(f, 0, ICR_LOW, 0x4608);
    g_assert_cmphex(requests(f, 1), ==, X86_REQ_INIT | X86_REQ_SIPI);
    set(f, 0, ICR_HIGH, 0);
    set(f, 0, ICR_LOW, 0x4608); /* the first CPU does not wait */
    g_assert_cmphex(requests(f, 0), ==, 0);
}

static void
test_nmi(Fixture *f, gconstpointer data)
{
    set(f, 0, SVR, 0x1ff);
    set(f, 0, ICR_LOW, 0xc4400);
    g_assert_cmphex(requests(f, 0), ==, 0);
    g_assert_cmphex(requests(f, 2), ==, X86_REQ_NMI);
    EmuLine *nmi = emu_device_get_line_in((EmuDevice *)f->cpus[0], "nmi", 0);
    emu_machine_lock(f->machine);
    emu_line_pulse(nmi);
    g_assert_cmphex(requests(f, 0), ==, 0); /* LINT1 is masked after reset */
    emu_machine_unlock(f->machine);
    set(f, 0, LINT1, 0x400);
    emu_machine_lock(f->machine);
    emu_line_pulse(nmi);
    emu_machine_unlock(f->machine);
    g_assert_cmphex(requests(f, 0), ==, X86_REQ_NMI);
}

static void
test_intr_pin(Fixture *f, gconstpointer data)
{
    EmuLine *intr = emu_device_get_line_in((EmuDevice *)f->cpus[0], "intr", 0);

    emu_machine_lock(f->machine);
    emu_line_set(intr, 1);
    emu_machine_unlock(f->machine);
    g_assert_cmphex(requests(f, 0), ==, X86_REQ_HARD);
    set(f, 0, LINT0, 0x10700);
    g_assert_cmphex(requests(f, 0), ==, 0);
    set(f, 0, SVR, 0x1ff);
    set(f, 0, LINT0, 0x8700);
    g_assert_cmphex(requests(f, 0), ==, X86_REQ_HARD);
    emu_machine_lock(f->machine);
    emu_line_set(intr, 0);
    emu_machine_unlock(f->machine);
    g_assert_cmphex(requests(f, 0), ==, 0);
}

static void
test_timer_one_shot(Fixture *f, gconstpointer data)
{
    set(f, 0, SVR, 0x1ff);
    set(f, 0, DIVIDE, 0xb); /* by 1: 1 ns per count */
    set(f, 0, LVT_TIMER, 0xef);
    set(f, 0, INITIAL, 1000000);
    emu_test_advance(f->machine, 400000);
    g_assert_cmpuint(get(f, 0, CURRENT), ==, 600000);
    g_assert_cmphex(requests(f, 0), ==, 0);
    emu_test_advance(f->machine, 600000);
    g_assert_cmpuint(get(f, 0, CURRENT), ==, 0);
    g_assert_cmphex(acknowledge(f, 0), ==, 0xef);
    set(f, 0, EOI, 0);
    emu_test_advance(f->machine, 5000000);
    g_assert_cmphex(requests(f, 0), ==, 0);
}

/* The host took the thread off its CPU between the start of the count and the arming of the timer, for longer than the count. */
static void
test_timer_late(Fixture *f, gconstpointer data)
{
    X86Apic *apic = &f->cpus[0]->apic;

    set(f, 0, SVR, 0x1ff);
    set(f, 0, DIVIDE, 0xb);
    set(f, 0, LVT_TIMER, 0x55);
    set(f, 0, INITIAL, 1000);
    apic->timer_start -= 5000;
    set(f, 0, LVT_TIMER, 0x56); /* arms again */
    emu_test_advance(f->machine, 1);
    g_assert_true(has_bit(f, 0, IRR, 0x56));
    g_assert_cmpuint(get(f, 0, CURRENT), ==, 0);
    emu_test_advance(f->machine, 5000);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x56);
    set(f, 0, EOI, 0);
    emu_test_advance(f->machine, 5000);
    g_assert_cmphex(requests(f, 0), ==, 0); /* once */

    /* So it is when the mode changes meanwhile; one that was masked when it ran out is gone. */
    set(f, 0, LVT_TIMER, 0x57);
    set(f, 0, INITIAL, 1000);
    apic->timer_start -= 5000;
    set(f, 0, LVT_TIMER, 0x20058);
    g_assert_true(has_bit(f, 0, IRR, 0x57));
    g_assert_cmphex(acknowledge(f, 0), ==, 0x57);
    set(f, 0, EOI, 0);
    set(f, 0, LVT_TIMER, 0x10059);
    set(f, 0, INITIAL, 1000);
    emu_test_advance(f->machine, 5000);
    set(f, 0, LVT_TIMER, 0x59);
    emu_test_advance(f->machine, 5000);
    g_assert_cmphex(requests(f, 0), ==, 0);
}

static void
test_timer_periodic(Fixture *f, gconstpointer data)
{
    set(f, 0, SVR, 0x1ff);
    set(f, 0, DIVIDE, 0x3); /* by 16 */
    set(f, 0, LVT_TIMER, 0x200ef);
    set(f, 0, INITIAL, 62500); /* 1 ms */
    for (unsigned i = 0; i < 10; i++) {
        emu_test_advance(f->machine, 999000);
        g_assert_cmphex(requests(f, 0), ==, 0);
        emu_test_advance(f->machine, 1000);
        g_assert_cmphex(acknowledge(f, 0), ==, 0xef);
        set(f, 0, EOI, 0);
    }
    set(f, 0, INITIAL, 0);
    emu_test_advance(f->machine, 5000000);
    g_assert_cmphex(requests(f, 0), ==, 0);
}

static void
test_errors(Fixture *f, gconstpointer data)
{
    set(f, 0, SVR, 0x1ff);
    set(f, 0, LVT_ERROR, 0xfe);
    set(f, 0, ICR_LOW, 0x44005); /* vector below 16 */
    g_assert_cmphex(acknowledge(f, 0), ==, 0xfe);
    g_assert_cmphex(get(f, 0, ESR), ==, 0);
    set(f, 0, ESR, 0);
    g_assert_cmphex(get(f, 0, ESR), ==, 0x20);
    set(f, 0, ESR, 0);
    g_assert_cmphex(get(f, 0, ESR), ==, 0);
}

static void
test_base_moves(Fixture *f, gconstpointer data)
{
    X86State *s = f->cpus[0]->state;
    EmuAddressSpace *as = emu_cpu_get_memory_as((EmuCpu *)f->cpus[0]);

    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, 0xfed00900u), ==, X86_MSR_DONE);
    g_assert_cmphex(emu_address_space_load(as, 0xfed00030u, 4, EMU_MEM_ATTRS_NONE, NULL), ==, 0x50014);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, UINT64_C(1) << 60), ==, X86_MSR_FAULT);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, 0xfee00100u), ==, X86_MSR_DONE);
    g_assert_cmphex(get(f, 0, VERSION), !=, 0x50014);
    uint32_t r[4];
    s->hooks->cpuid(s, 1, 0, r);
    g_assert_cmphex(r[3] & 1u << 9, ==, 0);
}

static uint64_t
read_under_lock(gpointer opaque, uint64_t offset, unsigned size)
{
    return emu_machine_lock_held(opaque);
}

static void
test_view_takes_big_lock(Fixture *f, gconstpointer data)
{
    static const EmuMemoryRegionOps ops = {.read = read_under_lock, .valid_min = 1, .valid_max = 4};
    EmuMemoryRegion *device = emu_memory_region_new_io(f->cpus[0], "device", 0x1000, &ops, f->machine);

    emu_memory_region_add_subregion(emu_machine_get_system_memory(f->machine), 0xfd000000u, device, 1);
    g_assert_false(emu_machine_lock_held(f->machine));
    g_assert_cmpuint(emu_address_space_load(emu_cpu_get_memory_as((EmuCpu *)f->cpus[1]), 0xfd000000u, 4,
                                            EMU_MEM_ATTRS_NONE, NULL), ==, 1);
    emu_memory_region_del_subregion(emu_machine_get_system_memory(f->machine), device);
}

static uint64_t
get_msr(X86State *s, uint32_t index)
{
    uint64_t value = 0;

    g_assert_cmpint(s->hooks->rdmsr(s, index, &value), ==, X86_MSR_DONE);
    return value;
}

static void
test_x2apic(Fixture *f, gconstpointer data)
{
    X86State *s = f->cpus[0]->state, *other = f->cpus[1]->state;
    uint32_t bit = 1u << (X86_FEAT_X2APIC & 31);
    uint64_t base = 0xfee00900u, ignored;

    /* Not offered: the bit is reserved, the MSRs do not exist. */
    s->features[X86_CPUID_1_ECX] &= ~bit;
    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, base | 0x400), ==, X86_MSR_FAULT);
    g_assert_cmpint(s->hooks->rdmsr(s, 0x802, &ignored), ==, X86_MSR_FAULT);
    s->features[X86_CPUID_1_ECX] |= bit;
    other->features[X86_CPUID_1_ECX] |= bit;

    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, base | 0x400), ==, X86_MSR_DONE);
    g_assert_cmpint(other->hooks->wrmsr(other, 0x1b, 0xfee00c00u), ==, X86_MSR_DONE);
    g_assert_cmphex(get_msr(s, 0x802), ==, 0);
    g_assert_cmphex(get_msr(s, 0x80d), ==, 1);
    g_assert_cmphex(get_msr(other, 0x80d), ==, 2);
    g_assert_cmphex(get_msr(s, 0x803), ==, 0x50014);
    /* No way back but by way of "disabled", and from there not straight to x2APIC. */
    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, base), ==, X86_MSR_FAULT);
    /* Read-only, write-only, reserved bits, registers of xAPIC only. */
    g_assert_cmpint(s->hooks->wrmsr(s, 0x802, 1), ==, X86_MSR_FAULT);
    g_assert_cmpint(s->hooks->rdmsr(s, 0x80b, &ignored), ==, X86_MSR_FAULT);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x80b, 1), ==, X86_MSR_FAULT);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x808, 0x100), ==, X86_MSR_FAULT);
    g_assert_cmpint(s->hooks->rdmsr(s, 0x80e, &ignored), ==, X86_MSR_FAULT);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x831, 0), ==, X86_MSR_FAULT);

    g_assert_cmpint(s->hooks->wrmsr(s, 0x80f, 0x1ff), ==, X86_MSR_DONE);
    g_assert_cmpint(other->hooks->wrmsr(other, 0x80f, 0x1ff), ==, X86_MSR_DONE);
    /* Self IPI; logical, cluster 0, CPU 1; physical, nobody; everyone. */
    g_assert_cmpint(s->hooks->wrmsr(s, 0x83f, 0x41), ==, X86_MSR_DONE);
    g_assert_cmphex(get_msr(s, 0x822), ==, 2);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x830, UINT64_C(2) << 32 | 0x4842), ==, X86_MSR_DONE);
    g_assert_cmphex(get_msr(other, 0x822), ==, 4);
    g_assert_cmphex(get_msr(s, 0x822), ==, 2);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x830, UINT64_C(0xff) << 32 | 0x4043), ==, X86_MSR_DONE);
    g_assert_cmphex(get_msr(other, 0x822), ==, 4);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x830, UINT64_C(0xffffffff) << 32 | 0x4043), ==, X86_MSR_DONE);
    g_assert_cmphex(get_msr(other, 0x822), ==, 0xc);
    g_assert_cmphex(get_msr(s, 0x822), ==, 0xa);
    g_assert_cmphex(get_msr(s, 0x830), ==, UINT64_C(0xffffffff00004043));
    /* The I/O APIC's and devices' 8-bit addresses: logical ones are of cluster 0. */
    emu_test_write(f->machine, 0xfee02004u, 0x44, 4);
    g_assert_cmphex(get_msr(other, 0x822), ==, 0x1c);
    g_assert_cmphex(get_msr(s, 0x822), ==, 0xa);

    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, 0xfee00100u), ==, X86_MSR_DONE);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, base | 0x400), ==, X86_MSR_FAULT);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, base), ==, X86_MSR_DONE);
    g_assert_cmphex(get(f, 0, VERSION), ==, 0x50014);
    g_assert_cmphex(get(f, 0, SVR), ==, 0xff);
}

static void
test_deadline(Fixture *f, gconstpointer data)
{
    X86State *s = f->cpus[0]->state;
    uint64_t now;

    s->features[X86_CPUID_1_ECX] |= 1u << (X86_FEAT_TSC_DEADLINE & 31);
    set(f, 0, SVR, 0x1ff);
    now = s->hooks->read_tsc(s);
    /* In another mode the MSR is 0 and stays so. */
    g_assert_cmpint(s->hooks->wrmsr(s, 0x6e0, now + 1000), ==, X86_MSR_DONE);
    g_assert_cmphex(get_msr(s, 0x6e0), ==, 0);
    set(f, 0, LVT_TIMER, 0x40051);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x6e0, now + 1000), ==, X86_MSR_DONE);
    g_assert_cmphex(get_msr(s, 0x6e0), ==, now + 1000);
    emu_test_advance(f->machine, 990);
    g_assert_false(has_bit(f, 0, IRR, 0x51));
    emu_test_advance(f->machine, 20);
    g_assert_true(has_bit(f, 0, IRR, 0x51));
    g_assert_cmphex(get_msr(s, 0x6e0), ==, 0);
    /* One that has passed interrupts at once, unless it is masked; then when it is not any more. */
    g_assert_cmphex(acknowledge(f, 0), ==, 0x51);
    set(f, 0, EOI, 0);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x6e0, now + 1), ==, X86_MSR_DONE);
    g_assert_cmphex(requests(f, 0), ==, X86_REQ_HARD);
    g_assert_cmphex(get_msr(s, 0x6e0), ==, 0);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x51);
    set(f, 0, EOI, 0);
    set(f, 0, LVT_TIMER, 0x50051);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x6e0, now + 1), ==, X86_MSR_DONE);
    g_assert_cmphex(requests(f, 0), ==, 0);
    g_assert_cmphex(get_msr(s, 0x6e0), ==, now + 1);
    set(f, 0, LVT_TIMER, 0x40051);
    emu_test_advance(f->machine, 1);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x51);
    set(f, 0, EOI, 0);
    /* The initial count is out of use; leaving the mode disarms. */
    set(f, 0, LVT_TIMER, 0x40052);
    set(f, 0, INITIAL, 100);
    g_assert_cmphex(get(f, 0, INITIAL), ==, 0);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x6e0, now + 5000), ==, X86_MSR_DONE);
    set(f, 0, LVT_TIMER, 0x52);
    emu_test_advance(f->machine, 10000);
    g_assert_false(has_bit(f, 0, IRR, 0x52));
}

static unsigned n_dummy_acks;

static uint8_t
dummy_acknowledge(EmuInterruptAck *ack)
{
    n_dummy_acks++;
    return 0x2b;
}

static void
dummy_ack_init(gpointer iface, gpointer data)
{
    ((EmuInterruptAckInterface *)iface)->acknowledge = dummy_acknowledge;
}

/* ExtINT as a message: the other controller has the vector and the priorities, and hears of the end. */
static void
test_extint_message(Fixture *f, gconstpointer data)
{
    static const EmuInterfaceImpl interfaces[] = {{"interrupt-ack", dummy_ack_init}, {NULL, NULL}};
    static const EmuTypeInfo info = {.name = "dummy-pic", .parent = "object", .instance_size = sizeof(EmuObject), .interfaces = interfaces};
    GError *error = NULL;
    g_autoptr(EmuObject) pic = NULL;

    if (!emu_type_exists("dummy-pic")) {
        type_register_static(&info);
    }
    pic = emu_object_new("dummy-pic", &error);
    g_assert_no_error(error);
    f->cpus[1]->pic = pic;
    n_dummy_acks = 0;
    enable_all(f);
    set(f, 1, TPR, 0xf0);
    emu_test_write(f->machine, 0xfee01000u, 0x700, 4);
    g_assert_cmphex(requests(f, 0), ==, 0);
    g_assert_cmphex(requests(f, 1), ==, X86_REQ_HARD);
    g_assert_cmpuint(n_dummy_acks, ==, 0); /* when the CPU asks */
    g_assert_cmphex(acknowledge(f, 1), ==, 0x2b);
    g_assert_cmphex(requests(f, 1), ==, 0);
    g_assert_cmpint(acknowledge(f, 1), ==, -1);
    g_assert_false(has_bit(f, 1, IRR, 0x2b));
    g_assert_false(has_bit(f, 1, ISR, 0x2b));
    emu_test_write(f->machine, 0xfee01000u, 0x700, 4);
    emu_test_reset(f->machine);
    g_assert_cmphex(requests(f, 1), ==, 0);
    f->cpus[1]->pic = NULL;
}

static void
test_disabled_hears_nothing(Fixture *f, gconstpointer data)
{
    X86State *s = f->cpus[2]->state;

    enable_all(f);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, 0xfee00000u), ==, X86_MSR_DONE);
    emu_test_write(f->machine, 0xfee02000u, 0x4041, 4);
    set(f, 0, ICR_HIGH, 2u << 24);
    set(f, 0, ICR_LOW, 0x4400); /* NMI, INIT, SIPI */
    set(f, 0, ICR_LOW, 0x4500);
    set(f, 0, ICR_LOW, 0xc4608);
    g_assert_cmphex(requests(f, 2), ==, 0);
    g_assert_cmphex(requests(f, 1), ==, X86_REQ_SIPI);
}

/* One of the others takes it, each in its turn. */
static void
test_lowest_shorthand(Fixture *f, gconstpointer data)
{
    unsigned counts[N_CPUS] = {0};

    enable_all(f);
    for (unsigned n = 0; n < 10; n++) {
        set(f, 0, ICR_LOW, 0xc4161);
        for (unsigned i = 0; i < N_CPUS; i++) {
            if (acknowledge(f, i) == 0x61) {
                counts[i]++;
                set(f, i, EOI, 0);
            }
        }
    }
    g_assert_cmpuint(counts[0], ==, 0);
    g_assert_cmpuint(counts[1], ==, 5);
    g_assert_cmpuint(counts[2], ==, 5);
}

/* Messages with the redirection hint: one of a logical destination, the one of a physical. */
static void
test_redirection_hint(Fixture *f, gconstpointer data)
{
    unsigned taken = 0;

    enable_all(f);
    for (unsigned i = 0; i < N_CPUS; i++) {
        set(f, i, LDR, 1u << (24 + i));
    }
    emu_test_write(f->machine, 0xfee0700cu, 0x4062, 4);
    for (unsigned i = 0; i < N_CPUS; i++) {
        taken += acknowledge(f, i) == 0x62;
    }
    g_assert_cmpuint(taken, ==, 1);
    emu_test_write(f->machine, 0xfee02008u, 0x4073, 4);
    g_assert_cmphex(acknowledge(f, 2), ==, 0x73);
}

static void
test_timer_divide_changes(Fixture *f, gconstpointer data)
{
    set(f, 0, SVR, 0x1ff);
    set(f, 0, DIVIDE, 0xb);
    set(f, 0, LVT_TIMER, 0xef);
    set(f, 0, INITIAL, 1000);
    emu_test_advance(f->machine, 400);
    set(f, 0, DIVIDE, 0); /* by 2: 600 to go take 1200 ns */
    g_assert_cmpuint(get(f, 0, CURRENT), ==, 600);
    emu_test_advance(f->machine, 1000);
    g_assert_cmpuint(get(f, 0, CURRENT), ==, 100);
    g_assert_cmphex(requests(f, 0), ==, 0);
    set(f, 0, DIVIDE, 0xb);
    emu_test_advance(f->machine, 99);
    g_assert_cmphex(requests(f, 0), ==, 0);
    emu_test_advance(f->machine, 1);
    g_assert_cmphex(acknowledge(f, 0), ==, 0xef);
    g_assert_cmpuint(get(f, 0, CURRENT), ==, 0);
}

static void
test_x2apic_lvt_reserved(Fixture *f, gconstpointer data)
{
    X86State *s = f->cpus[0]->state;

    s->features[X86_CPUID_1_ECX] |= 1u << (X86_FEAT_X2APIC & 31);
    s->features[X86_CPUID_1_ECX] &= ~(1u << (X86_FEAT_TSC_DEADLINE & 31));
    g_assert_cmpint(s->hooks->wrmsr(s, 0x1b, 0xfee00d00u), ==, X86_MSR_DONE);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x80f, 0x1ff), ==, X86_MSR_DONE);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x832, 0x20031), ==, X86_MSR_DONE);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x832, 0x40031), ==, X86_MSR_FAULT); /* no TSC deadline */
    g_assert_cmpint(s->hooks->wrmsr(s, 0x832, 0x00431), ==, X86_MSR_FAULT); /* no delivery mode */
    s->features[X86_CPUID_1_ECX] |= 1u << (X86_FEAT_TSC_DEADLINE & 31);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x832, 0x40031), ==, X86_MSR_DONE);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x834, 0x02400), ==, X86_MSR_FAULT); /* the counters have no polarity */
    g_assert_cmpint(s->hooks->wrmsr(s, 0x835, 0x0a400), ==, X86_MSR_DONE);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x837, 0x00100), ==, X86_MSR_FAULT);
    g_assert_cmpint(s->hooks->wrmsr(s, 0x837, 0x00033), ==, X86_MSR_DONE);
}

/* A fixed, level-triggered pin that rises while it is masked interrupts once the mask is off, and again after EOI while it is high. */
static void
test_lint_level(Fixture *f, gconstpointer data)
{
    EmuLine *intr = emu_device_get_line_in((EmuDevice *)f->cpus[0], "intr", 0);

    set(f, 0, SVR, 0x1ff);
    set(f, 0, LINT0, 0x18044);
    emu_machine_lock(f->machine);
    emu_line_set(intr, 1);
    emu_machine_unlock(f->machine);
    g_assert_cmphex(requests(f, 0), ==, 0);
    set(f, 0, LINT0, 0x8044);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x44);
    g_assert_cmphex(get(f, 0, LINT0), ==, 0xc044);
    set(f, 0, LINT0, 0xc044);
    g_assert_false(has_bit(f, 0, IRR, 0x44)); /* still in service */
    set(f, 0, EOI, 0);
    g_assert_cmphex(acknowledge(f, 0), ==, 0x44);
    emu_machine_lock(f->machine);
    emu_line_set(intr, 0);
    emu_machine_unlock(f->machine);
    set(f, 0, EOI, 0);
    g_assert_cmphex(requests(f, 0), ==, 0);
    g_assert_cmphex(get(f, 0, LINT0), ==, 0x8044);
}

static void
test_vmstate(Fixture *f, gconstpointer data)
{
    GError *error = NULL;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    X86Cpu *cpu = f->cpus[1];
    const EmuVMState *vms = EMU_DEVICE_GET_CLASS(cpu)->vmstate;
    gsize pos = 0;

    set(f, 1, SVR, 0x1ff);
    set(f, 1, TPR, 0x35);
    *x86_gpr(cpu->state, X86_R13) = UINT64_C(0x123456789abcdef0);
    cpu->state->fx.xmm[7][3] = 0x77;
    emu_machine_lock(f->machine);
    g_assert_true(emu_vmstate_save(vms, cpu, bytes, &error));
    g_assert_no_error(error);
    emu_machine_unlock(f->machine);
    emu_test_reset(f->machine);
    g_assert_cmphex(get(f, 1, TPR), ==, 0);
    /* What post_load would call lives in the plugin: it is in the table. */
    emu_machine_lock(f->machine);
    g_assert_true(emu_vmstate_load(vms, cpu, bytes->data, bytes->len, &pos, &error));
    g_assert_no_error(error);
    emu_machine_unlock(f->machine);
    g_assert_cmphex(get(f, 1, TPR), ==, 0x35);
    g_assert_cmphex(*x86_gpr(cpu->state, X86_R13), ==, UINT64_C(0x123456789abcdef0));
    g_assert_cmphex(cpu->state->fx.xmm[7][3], ==, 0x77);
}

/* ---- CPUID ---------------------------------------------------------------------------------------------- */

static void
test_cpuid_qemu64(Fixture *f, gconstpointer data)
{
    X86State *s = f->cpus[1]->state;
    uint32_t r[4];

    s->hooks->cpuid(s, 0, 0, r);
    g_assert_cmphex(r[0], ==, 0xd);
    g_assert_cmpmem(&r[1], 4, "Auth", 4);
    g_assert_cmpmem(&r[3], 4, "enti", 4);
    g_assert_cmpmem(&r[2], 4, "cAMD", 4);
    s->hooks->cpuid(s, 1, 0, r);
    g_assert_cmphex(r[0], ==, 0x00060fb1);
    g_assert_cmphex(r[1], ==, 0x01000800);
    g_assert_cmphex(r[2], ==, 0x80002001);
    g_assert_cmphex(r[3], ==, 0x078bfbfd);
    s->hooks->cpuid(s, 0x80000001, 0, r);
    g_assert_cmphex(r[3], ==, 0x2193fbfd);
    s->hooks->cpuid(s, 0x80000008, 0, r);
    g_assert_cmphex(r[0], ==, 0x3028);
    s->hooks->cpuid(s, 0x40000000, 0, r);
    g_assert_cmpmem(&r[1], 12, "TCGTCGTCGTCG", 12);
}

static void
test_feature_properties(void)
{
    GError *error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    EmuDevice *dev = emu_test_add_device(m, "qemu64-x86_64-cpu", "sse4.2=on,3dnow=off,nx=off,model-id=hello", &error);
    g_assert_no_error(error);
    X86State *s = ((X86Cpu *)dev)->state;
    uint32_t r[4];

    s->hooks->cpuid(s, 1, 0, r);
    g_assert_cmphex(r[2], ==, 0x80102001);
    s->hooks->cpuid(s, 0x80000001, 0, r);
    g_assert_cmphex(r[3] & 1u << 20, ==, 0);
    s->hooks->cpuid(s, 0x80000002, 0, r);
    g_assert_cmpstr((const char *)r, ==, "hello");
    g_assert_null(emu_test_add_device(m, "qemu64-x86_64-cpu", "vendor=short", &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    emu_machine_destroy(m);
    g_object_unref(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, fn) g_test_add("/cpu-x86/" path, Fixture, NULL, setup, fn, teardown)
    ADD("apic/reset", test_reset);
    ADD("apic/ipi/physical", test_ipi_physical);
    ADD("apic/ipi/shorthands", test_shorthands);
    ADD("apic/ipi/lowest-priority-of-the-others", test_lowest_shorthand);
    ADD("apic/message/extint-has-no-part-in-priorities", test_extint_message);
    ADD("apic/message/redirection-hint", test_redirection_hint);
    ADD("apic/disabled/hears-nothing", test_disabled_hears_nothing);
    ADD("apic/timer/divide-changes-the-rate", test_timer_divide_changes);
    ADD("apic/x2apic/reserved-bits-of-local-vectors", test_x2apic_lvt_reserved);
    ADD("apic/lint/level-waits-for-its-mask", test_lint_level);
    ADD("apic/ipi/logical-flat", test_logical_flat);
    ADD("apic/ipi/logical-cluster", test_logical_cluster);
    ADD("apic/ipi/lowest-priority-goes-round", test_lowest_priority);
    ADD("apic/ipi/init-sipi", test_init_sipi);
    ADD("apic/ipi/nmi", test_nmi);
    ADD("apic/priority", test_priority);
    ADD("apic/level-sets-tmr", test_level_sets_tmr);
    ADD("apic/intr-pin", test_intr_pin);
    ADD("apic/timer/one-shot", test_timer_one_shot);
    ADD("apic/timer/periodic", test_timer_periodic);
    ADD("apic/timer/late", test_timer_late);
    ADD("apic/errors", test_errors);
    ADD("apic/base-moves", test_base_moves);
    ADD("view-takes-the-big-lock", test_view_takes_big_lock);
    ADD("apic/x2apic", test_x2apic);
    ADD("apic/tsc-deadline", test_deadline);
    ADD("vmstate", test_vmstate);
    ADD("cpuid/qemu64", test_cpuid_qemu64);
    g_test_add_func("/cpu-x86/cpuid/feature-properties", test_feature_properties);
    return g_test_run();
}
