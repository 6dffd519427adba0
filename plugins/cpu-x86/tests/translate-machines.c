/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "translate-state.h"

#include "../x86-frontend.h"

#include <sys/time.h>

Machine reference, translated;
bool validate_failed;
static uint8_t pristine[RAM_SIZE]; /* what the memory holds before a case */

static unsigned
checked_lift(EmuTcgState *s, EmuTcgIr *ir, uint64_t pc, const uint8_t *code, unsigned avail, uint64_t mode_key,
             unsigned max_insns)
{
    unsigned n = x86_lift(s, ir, pc, code, avail, mode_key, max_insns);

    if (n && !ir->overflow) {
        g_autofree char *wrong = tcg_ir_validate(ir);

        if (wrong) {
            g_autoptr(GString) text = g_string_new(NULL);

            tcg_ir_dump(ir, text);
            g_printerr("invalid IR: %s\n%s\n", wrong, text->str);
            validate_failed = true;
        }
    }
    return n;
}

static const EmuTcgFrontend frontend = {
    X86_FRONTEND_ENTRIES,
    .lift = checked_lift,
};

static void
machine_make(Machine *t, TcgRunMode mode)
{
    g_autoptr(GError) error = NULL;

    t->root = emu_memory_region_new_container(NULL, "root", UINT64_MAX);
    t->ram = emu_memory_region_new_ram(NULL, "ram", RAM_SIZE, &error);
    g_assert_no_error(error);
    emu_memory_region_add_subregion(t->root, 0, t->ram, 0);
    t->as = emu_address_space_new(t->root, "test");
    t->host = emu_memory_region_get_ram_pointer(t->ram);
    t->ram_addr = emu_ram_addr_from_host(t->host);
    t->m.mode = mode;
    t->m.vcpus = g_ptr_array_new();
    t->m.io = t->as;
    pthread_mutex_init(&t->m.lock, NULL);
    pthread_cond_init(&t->m.cond, NULL);
    tcg_machine_register(&t->m);
    t->s = (X86State *)emu_tcg_state_new(&frontend, NULL);
    t->v = t->s->tcg.vcpu;
    t->v->machine = &t->m;
    t->v->as = t->as;
    memcpy(t->s->features, x86_host_features(), sizeof(t->s->features));
    t->s->features[X86_CPUID_7_ECX] |= 1u << (X86_FEAT_CET_SS & 31);
    t->s->features[X86_CPUID_7_EDX] |= 1u << (X86_FEAT_CET_IBT & 31);
    x86_interp_init(t->s);
    if (mode == TCG_MODE_JIT) {
        g_assert_true(tcg_translator_new(&t->m, 4 << 20, &error));
        g_assert_true(tcg_translator_add_vcpu(t->v, &error));
    }
    g_ptr_array_add(t->m.vcpus, t->v);
    x86_reset(t->s);
}

void
put(uint32_t at, uint64_t v, unsigned size)
{
    memcpy(pristine + at, &v, size);
}

static void
put_gate(unsigned vector, uint64_t handler, const Mode *mode)
{
    if (mode->long_mode) {
        put(IDT + vector * 16, (handler & 0xffff) | 0x08 << 16 | UINT64_C(0xee01) << 32 | (handler >> 16 & 0xffff) << 48, 8);
        put(IDT + vector * 16 + 8, handler >> 32, 8);
    } else {
        put(IDT + vector * 8, (handler & 0xffff) | 0x18 << 16 | UINT64_C(0xee00) << 32 | (handler >> 16 & 0xffff) << 48, 8);
    }
}

unsigned
exchanged(unsigned at)
{
    unsigned page = at & ~0xfffu;

    return page == DATA + 0x1000 ? at + 0x1000 : page == DATA + 0x2000 ? at - 0x1000 : at;
}

/* Tables and what does not change from case to case. Accessed and dirty bits are set from the start. */
static void
make_pristine(const Mode *mode)
{
    memset(pristine, 0, sizeof(pristine));
    put(0x1000, 0x2067, 8);
    put(0x1000 + 511 * 8, 0x2067, 8);
    put(0x2000, 0x3067, 8);
    put(0x2000 + 510 * 8, 0x3067, 8);
    put(0x3000, 0x4067, 8);
    put(0x5000, 0x6067, 4);
    for (unsigned i = 0; i < 512; i++) {
        unsigned at = i << 12, flags = 0x67;

        if (at == CODE + 0x3000 || at == DATA + 0x4000) {
            flags = 0;
        } else if (at == DATA + 0x5000) {
            flags = 0x65;
        } else if (at == DATA + 0x6000 || (at < CODE)) {
            flags = 0x63;
        }
        if (at >= COMPARED) {
            flags = 0;
        }
        unsigned phys = at == DATA + 0x7000 ? 0x1f0000u : exchanged(at);

        put(0x4000 + i * 8, phys | flags | (at >= DATA ? UINT64_C(1) << 63 : 0), 8);
        put(0x6000 + i * 4, phys | flags, 4);
    }
    for (unsigned i = 0; i < 32 && mode->real; i++) {
        put(IDT + i * 4, HANDLERS >> 4 << 16 | i * 16, 4);
        put(HANDLERS + i * 16, 0xf4, 1);
    }
    if (mode->real) {
        return;
    }
    put(GDT + 0x08, UINT64_C(0x00af9b000000ffff), 8);
    put(GDT + 0x10, UINT64_C(0x00cf93000000ffff), 8);
    put(GDT + 0x18, UINT64_C(0x00cf9b000000ffff), 8);
    put(GDT + 0x20, UINT64_C(0x00affb000000ffff), 8);
    put(GDT + 0x28, UINT64_C(0x00cff3000000ffff), 8);
    put(GDT + 0x30, UINT64_C(0x00cffb000000ffff), 8);
    for (unsigned i = 0; i < 32; i++) {
        put_gate(i, (mode->high ? HIGH : 0) + HANDLERS + i * 16, mode);
        put(HANDLERS + i * 16, 0xf4, 1);
    }
    if (mode->long_mode) {
        put(TSS + 4, KERNEL_STACK, 8);
        put(TSS + 36, KERNEL_STACK, 8); /* IST1 */
    } else {
        put(TSS + 4, KERNEL_STACK, 4);
        put(TSS + 8, 0x10, 4);
    }
}

static void
set_segments(X86State *s, const Mode *mode)
{
    uint32_t data = X86_DESC_P | X86_DESC_S | X86_DESC_A | X86_DESC_W | X86_DESC_B | X86_DESC_G | mode->cpl << X86_DESC_DPL_SHIFT;
    uint32_t code = X86_DESC_P | X86_DESC_S | X86_DESC_A | X86_DESC_R | X86_DESC_CODE | X86_DESC_G | mode->cpl << X86_DESC_DPL_SHIFT;
    unsigned user = mode->cpl ? 0x18 : 0;

    if (mode->bits == 16) {
        data &= ~(X86_DESC_B | X86_DESC_G);
        code &= ~X86_DESC_G;
    }
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        x86_set_seg(s, i, (uint16_t)(0x10 + user + mode->cpl), i == X86_ES || i == X86_DS ? mode->ds_base : 0, 0xffffffffu, data);
        if (mode->limit && i != X86_FS && i != X86_GS) {
            x86_set_seg(s, i, (uint16_t)(mode->real ? mode->ds_base >> 4 : 0x10 + user + mode->cpl), mode->ds_base, mode->limit, data);
        }
    }
    x86_set_seg(s, X86_CS, (uint16_t)((mode->bits == 64 ? 0x08 : 0x18) + user + mode->cpl), 0, 0xffffffffu,
                code | (mode->bits == 64 ? X86_DESC_L : X86_DESC_B));
    if (mode->bits == 16) {
        x86_set_seg(s, X86_CS, (uint16_t)(mode->real ? CODE >> 4 : 0x18 + user + mode->cpl), CODE, 0xffff, code);
    }
    *x86_seg_base(s, X86_FS) = 0x100;
    *x86_seg_base(s, X86_GS) = mode->high ? HIGH + 0x40 : 0x40;
    x86_set_seg(s, X86_TR, 0x38, TSS, 0x67, X86_DESC_P | 11u << 8);
    x86_set_seg(s, X86_LDTR, 0, 0, 0, X86_DESC_NULL);
    s->gdtr.base = GDT;
    s->gdtr.limit = 0x37;
    s->idtr.base = IDT;
    s->idtr.limit = 32 * (mode->real ? 4 : mode->long_mode ? 16 : 8) - 1;
    s->cpl = (uint8_t)mode->cpl;
    s->cr0 = (mode->real ? 0 : X86_CR0_PE | X86_CR0_PG) | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP | X86_CR0_WP;
    s->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | (mode->long_mode ? X86_CR4_PAE : 0) | (mode->cet ? X86_CR4_CET : 0);
    s->u_cet = mode->cet;
    s->pl3_ssp = 0;
    s->ssp = SHADOW_STACK;
    if (x86_host_has(X86_FEAT_AVX) && !mode->no_avx) {
        s->cr4 |= X86_CR4_OSXSAVE;
        s->xcr0 = 7;
    }
    s->cr3 = mode->long_mode ? 0x1000 : 0x5000;
    s->cr2 = 0;
    s->efer = mode->long_mode ? X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE | X86_EFER_NXE : 0;
    s->dr[6] = 0xffff0ff0u;
    s->dr[7] = 0x400;
}

void
load_machine(Machine *t, const Case *c, const Mode *mode)
{
    X86State *s = t->s;
    uint64_t seed = c->data_seed;

    memcpy(t->host, pristine, COMPARED);
    for (unsigned i = 0; i < 0x5000; i += 8) {
        uint64_t v;

        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        v = (seed >> 60) < 4 ? seed >> 20 & 0xff : (seed >> 60) == 5 ? (seed >> 24 & 0x3ff8) + DATA : seed * (seed >> 32 | 1);
        memcpy(t->host + (i < 0x4000 ? DATA + i : DATA + 0x1000 + i), &v, 8);
    }
    memcpy(t->host + (c->entry & 0xfffff), c->code, c->n_bytes);
    tcg_code_written(&t->m, NULL, t->ram_addr, HANDLERS);
    tcg_code_written(&t->m, NULL, t->ram_addr + TSS, COMPARED - TSS);

    set_segments(s, mode);
    for (unsigned i = 0; i < 16; i++) {
        *x86_gpr(s, i) = c->cpu.gpr[i];
    }
    s->rip = c->cpu.rip;
    x86_set_eflags(s, c->cpu.eflags);
    s->fx = c->cpu.fx;
    memcpy(x86_ymm_high(s, 0), c->cpu.high, 256);
    s->exception = -1;
    s->shadow = 0;
    s->halted = 0;
    s->exception_is_soft = 0;
    x86_update_mode(s);
    __atomic_store_n(&s->tcg.exit_request, 0, __ATOMIC_SEQ_CST);
}

static X86State *volatile running;

static void
on_alarm(int sig)
{
    if (running) {
        __atomic_store_n(&running->tcg.exit_request, 1, __ATOMIC_SEQ_CST);
    }
}

bool
run_reference(EmuTcgExit *how)
{
    X86State *s = reference.s;
    unsigned total = 0;

    while (total < MAX_STEPS) {
        unsigned n = 0;

        *how = x86_interp(&s->tcg, MAX_STEPS, &n);
        total += n;
        if (*how == EMU_TCG_EXIT_HALT || *how == EMU_TCG_EXIT_SHUTDOWN) {
            return true;
        }
    }
    return false;
}

bool
run_translated(EmuTcgExit *how)
{
    struct itimerval timer = {.it_value = {.tv_sec = 1}}, off = {0};
    bool end = false;

    running = translated.s;
    setitimer(ITIMER_VIRTUAL, &timer, NULL);
    for (;;) {
        *how = tcg_execute(translated.v);
        if (*how == EMU_TCG_EXIT_HALT || *how == EMU_TCG_EXIT_SHUTDOWN) {
            end = true;
            break;
        }
        if (translated.s->tcg.exit_request) {
            break;
        }
    }
    running = NULL;
    setitimer(ITIMER_VIRTUAL, &off, NULL);
    return end;
}

bool
broke_tables(Machine *t)
{
    if (memcmp(t->host + PAGE_TABLES, pristine + PAGE_TABLES, GDT - PAGE_TABLES) == 0) {
        return false;
    }
    emu_tcg_flush_all(&t->s->tcg);
    return true;
}

void
begin_mode(const Mode *mode)
{
    make_pristine(mode);
    memcpy(reference.host, pristine, RAM_SIZE);
    memcpy(translated.host, pristine, RAM_SIZE);
    emu_tcg_flush_all(&reference.s->tcg);
    emu_tcg_flush_all(&translated.s->tcg);
    tcg_code_written(&translated.m, NULL, translated.ram_addr, RAM_SIZE);
}

void
make_machines(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};

    sigaction(SIGVTALRM, &sa, NULL);
    emu_rcu_register_thread();
    machine_make(&reference, TCG_MODE_INTERP);
    machine_make(&translated, TCG_MODE_JIT);
}
