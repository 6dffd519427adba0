/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * AMD-V by its manual (APM 2, chapter 15): a host in 64-bit code runs VMRUN with a VMCB in a flat memory; what comes back in it
 * is looked at.  The public suite (docs/conformance.md) has much of it from outside; here is what that does not see, and VMCBs
 * of random content.
 */

#include "../x86-cet.h"
#include "../x86-svm.h"
#include "flat-memory.h"

enum {
    GDT = 0x1000,
    IDT = 0x2000,
    TSS = 0x3000,
    VMCB = 0x5000,
    VMCB2 = 0x6000,
    IOPM = 0x8000,   /* three pages */
    MSRPM = 0xc000,  /* two */
    NPT = 0x20000,   /* nested tables: three pages, then one of 4 KiB pages for the first 2 MiB */
    TABLES = 0x30000, /* the host's and the guest's: the first 4 MiB one to one */
    HOST = 0x40000,
    GUEST = 0x50000,
    HANDLERS = 0x58000, /* 16 bytes each, HLT */
    STACK = 0x70000,
    DATA = 0x80000,
    CODE64 = 0x08, DATA64 = 0x10, TSS_SEL = 0x18,
};

static X86State *s;

static void
put(uint64_t at, uint64_t v, unsigned size)
{
    memcpy(ram + at, &v, size);
}

static uint64_t
get(uint64_t at, unsigned size)
{
    uint64_t v = 0;

    memcpy(&v, ram + at, size);
    return v;
}

#define vmcb_set(field, v, size) put(VMCB + (field), (v), (size))
#define vmcb(field, size) get(VMCB + (field), (size))

static void
intercept(unsigned code)
{
    ram[VMCB + code / 8] |= (uint8_t)(1u << (code & 7));
}

static void
put_segment(unsigned offset, unsigned selector, unsigned attr, uint32_t limit)
{
    vmcb_set(offset, selector | attr << 16 | (uint64_t)limit << 32, 8);
    vmcb_set(offset + 8, 0, 8);
}

/* A host, and a VMCB for a guest that is like it and executes @n bytes of @code at GUEST. */
static void
begin(const uint8_t *code, unsigned n)
{
    static const uint8_t vmrun[] = {0x0f, 0x01, 0xd8};

    memset(ram, 0, RAM_SIZE);
    memset(s->features, 0xff, sizeof(s->features));
    x86_reset(s);
    put(GDT + CODE64, UINT64_C(0x00af9b000000ffff), 8);
    put(GDT + DATA64, UINT64_C(0x00cf93000000ffff), 8);
    for (unsigned i = 0; i < 256; i++) {
        uint32_t to = HANDLERS + 16 * i;

        put(IDT + 16 * i, (to & 0xffff) | CODE64 << 16, 4);
        put(IDT + 16 * i + 4, 0x8e00 | (to & 0xffff0000u), 4);
        ram[to] = 0xf4;
    }
    put(TABLES, (TABLES + 0x1000) | 7, 8);
    put(TABLES + 0x1000, (TABLES + 0x2000) | 7, 8);
    put(TABLES + 0x2000, 0x87, 8);
    put(TABLES + 0x2008, 0x200087, 8);
    put(NPT, (NPT + 0x1000) | 7, 8);
    put(NPT + 0x1000, (NPT + 0x2000) | 7, 8);
    put(NPT + 0x2000, (NPT + 0x3000) | 7, 8);
    put(NPT + 0x2008, 0x200087, 8);
    for (unsigned i = 0; i < 512; i++) {
        put(NPT + 0x3000 + 8 * i, (uint64_t)i << 12 | 7, 8);
    }
    memcpy(ram + HOST, vmrun, sizeof(vmrun));
    memcpy(ram + GUEST, code, n);
    s->gdtr = (X86TableReg){.base = GDT, .limit = 0x2f};
    s->idtr = (X86TableReg){.base = IDT, .limit = 0xfff};
    s->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
    s->cr3 = TABLES;
    s->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR;
    s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE | X86_EFER_SVME;
    x86_set_seg(s, X86_CS, CODE64, 0, 0xffffffffu, X86_FLAT_CS(0, X86_DESC_L));
    for (unsigned i = 0; i < 4; i++) {
        static const uint8_t data[] = {X86_ES, X86_SS, X86_DS, X86_FS};

        x86_set_seg(s, data[i], DATA64, 0, 0xffffffffu, X86_FLAT_SS(0));
    }
    x86_set_seg(s, X86_TR, TSS_SEL, TSS, 0x67, X86_DESC_P | 11u << 8);
    X86_LOW(s, X86_RSP) = STACK;
    X86_LOW(s, X86_RAX) = VMCB;
    s->rip = HOST;
    x86_update_mode(s);

    put_segment(VMCB_SEGMENTS + 16 * X86_ES, DATA64, 0xc93, 0xffffffffu);
    put_segment(VMCB_SEGMENTS + 16 * X86_CS, CODE64, 0xa9b, 0xffffffffu);
    put_segment(VMCB_SEGMENTS + 16 * X86_SS, DATA64, 0xc93, 0xffffffffu);
    put_segment(VMCB_SEGMENTS + 16 * X86_DS, DATA64, 0xc93, 0xffffffffu);
    vmcb_set(VMCB_GDTR + 4, 0x2f, 4);
    vmcb_set(VMCB_GDTR + 8, GDT, 8);
    vmcb_set(VMCB_IDTR + 4, 0xfff, 4);
    vmcb_set(VMCB_IDTR + 8, IDT, 8);
    vmcb_set(VMCB_EFER, s->efer, 8);
    vmcb_set(VMCB_CR0, s->cr0, 8);
    vmcb_set(VMCB_CR3, s->cr3, 8);
    vmcb_set(VMCB_CR4, s->cr4, 8);
    vmcb_set(VMCB_DR6, 0xffff0ff0u, 8);
    vmcb_set(VMCB_DR7, 0x400, 8);
    vmcb_set(VMCB_RFLAGS, 2, 8);
    vmcb_set(VMCB_RIP, GUEST, 8);
    vmcb_set(VMCB_RSP, STACK - 0x1000, 8);
    vmcb_set(VMCB_G_PAT, UINT64_C(0x0007040600070406), 8);
    vmcb_set(VMCB_ASID, 1, 4);
    vmcb_set(VMCB_IOPM, IOPM, 8);
    vmcb_set(VMCB_MSRPM, MSRPM, 8);
    vmcb_set(VMCB_NESTED_CR3, NPT, 8);
    intercept(SVM_EXIT_VMRUN);
    intercept(SVM_EXIT_VMMCALL);
    intercept(SVM_EXIT_SHUTDOWN);
}

#define begin_code(...)                              \
    do {                                             \
        static const uint8_t code[] = {__VA_ARGS__}; \
        begin(code, sizeof(code));                   \
    } while (0)

#define VMMCALL 0x0f, 0x01, 0xd9

/* One step: an interrupt if one is due, or an instruction.  False: the CPU stands still. */
static bool
step(void)
{
    unsigned done;

    if (x86_interrupt_wanted(&s->tcg)) {
        x86_deliver_interrupt(&s->tcg);
        return true;
    }
    if (s->halted) {
        return false;
    }
    s->tcg.exit_request = 0;
    return x86_interp(&s->tcg, 1, &done) != EMU_TCG_EXIT_SHUTDOWN;
}

/* Runs the guest until it is left, @max steps at most; returns the exit code. */
static uint64_t
run(unsigned max)
{
    s->rip = HOST;
    x86_update_mode(s);
    step();
    for (unsigned i = 0; i < max && s->virt; i++) {
        step();
    }
    return vmcb(VMCB_EXIT_CODE, 8);
}

#define expect_exit(max, code)                    \
    do {                                          \
        g_assert_cmphex(run(max), ==, code);      \
        g_assert_null(s->virt);                   \
        g_assert_cmpuint(s->svm.gif, ==, 0);      \
        g_assert_cmphex(s->rip, ==, HOST + 3);    \
    } while (0)

static void
test_round_trip(void)
{
    begin_code(0x48, 0xff, 0xc0,       /* inc rax */
               0x48, 0xff, 0xc4,       /* inc rsp */
               0x48, 0xff, 0xc3,       /* inc rbx */
               0xf9,                   /* stc */
               0x0f, 0x22, 0xd0,       /* mov cr2, rax */
               VMMCALL);
    vmcb_set(VMCB_RAX, 0x1234, 8);
    vmcb_set(VMCB_CPL, 0, 1);
    vmcb_set(VMCB_SEGMENTS + 16 * X86_ES, 0x0c93002b, 4);
    X86_LOW(s, X86_RBX) = 7;
    s->cr2 = 0x5555;
    expect_exit(10, SVM_EXIT_VMMCALL);
    g_assert_cmphex(vmcb(VMCB_RAX, 8), ==, 0x1235);
    g_assert_cmphex(vmcb(VMCB_RSP, 8), ==, STACK - 0x1000 + 1);
    g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, GUEST + 13);
    g_assert_cmphex(vmcb(VMCB_NEXT_RIP, 8), ==, GUEST + 16);
    g_assert_cmphex(vmcb(VMCB_CR2, 8), ==, 0x1235);
    g_assert_cmphex(vmcb(VMCB_RFLAGS, 8) & X86_CF, ==, X86_CF);
    g_assert_cmphex(vmcb(VMCB_SEGMENTS + 16 * X86_ES, 4), ==, 0x0c93002b);
    g_assert_cmphex(vmcb(VMCB_SEGMENTS + 16 * X86_CS, 8), ==, UINT64_C(0xffffffff0a9b0008));
    g_assert_cmphex(X86_LOW(s, X86_RAX), ==, VMCB);
    g_assert_cmphex(X86_LOW(s, X86_RSP), ==, STACK);
    g_assert_cmphex(X86_LOW(s, X86_RBX), ==, 8); /* not the VMCB's */
    g_assert_cmphex(s->seg[X86_ES].selector, ==, DATA64);
    g_assert_cmphex(s->cc & X86_CF, ==, 0);
    g_assert_cmphex(s->dr[7], ==, 0x400);
}

/* What each instruction leaves the guest with, and that it does not when nobody asked for it. */
typedef struct {
    const char *name;
    unsigned code;
    uint64_t info1;
    uint8_t length;
    uint8_t bytes[8];
} InterceptCase;

#define MOV_CR (UINT64_C(1) << 63)

static const InterceptCase intercept_cases[] = {
    {"mov rcx, cr0", SVM_EXIT_CR_READ + 0, MOV_CR | 1, 3, {0x0f, 0x20, 0xc1}},
    {"mov r8, cr3", SVM_EXIT_CR_READ + 3, MOV_CR | 8, 4, {0x41, 0x0f, 0x20, 0xd8}},
    {"mov rax, cr8", SVM_EXIT_CR_READ + 8, MOV_CR, 4, {0x44, 0x0f, 0x20, 0xc0}},
    {"mov cr4, rbx", SVM_EXIT_CR_WRITE + 4, MOV_CR | 3, 3, {0x0f, 0x22, 0xe3}},
    {"smsw ecx", SVM_EXIT_CR_READ + 0, 0, 3, {0x0f, 0x01, 0xe1}},
    {"lmsw ax", SVM_EXIT_CR_WRITE + 0, 0, 3, {0x0f, 0x01, 0xf0}},
    {"lmsw ax", SVM_EXIT_CR0_SEL_WRITE, 0, 3, {0x0f, 0x01, 0xf0}},
    {"clts", SVM_EXIT_CR_WRITE + 0, 0, 2, {0x0f, 0x06}},
    {"mov rdx, dr7", SVM_EXIT_DR_READ + 7, 2, 3, {0x0f, 0x21, 0xfa}},
    {"mov dr3, rdx", SVM_EXIT_DR_WRITE + 3, 2, 3, {0x0f, 0x23, 0xda}},
    {"sidt", SVM_EXIT_IDTR_READ, 0, 8, {0x0f, 0x01, 0x0c, 0x25, 0x00, 0x00, 0x08, 0x00}},
    {"sgdt", SVM_EXIT_GDTR_READ, 0, 8, {0x0f, 0x01, 0x04, 0x25, 0x00, 0x00, 0x08, 0x00}},
    {"lidt", SVM_EXIT_IDTR_WRITE, 0, 8, {0x0f, 0x01, 0x1c, 0x25, 0x00, 0x00, 0x08, 0x00}},
    {"lgdt", SVM_EXIT_GDTR_WRITE, 0, 8, {0x0f, 0x01, 0x14, 0x25, 0x00, 0x00, 0x08, 0x00}},
    {"sldt eax", SVM_EXIT_LDTR_READ, 0, 3, {0x0f, 0x00, 0xc0}},
    {"str eax", SVM_EXIT_TR_READ, 0, 3, {0x0f, 0x00, 0xc8}},
    {"lldt ax", SVM_EXIT_LDTR_WRITE, 0, 3, {0x0f, 0x00, 0xd0}},
    {"rdtsc", SVM_EXIT_RDTSC, 0, 2, {0x0f, 0x31}},
    {"rdtscp", SVM_EXIT_RDTSCP, 0, 3, {0x0f, 0x01, 0xf9}},
    {"pushf", SVM_EXIT_PUSHF, 0, 1, {0x9c}},
    {"popf", SVM_EXIT_POPF, 0, 1, {0x9d}},
    {"cpuid", SVM_EXIT_CPUID, 0, 2, {0x0f, 0xa2}},
    {"invd", SVM_EXIT_INVD, 0, 2, {0x0f, 0x08}},
    {"wbinvd", SVM_EXIT_WBINVD, 0, 2, {0x0f, 0x09}},
    {"pause", SVM_EXIT_PAUSE, 0, 2, {0xf3, 0x90}},
    {"invlpg [0x80000]", SVM_EXIT_INVLPG, 0x80000, 8, {0x0f, 0x01, 0x3c, 0x25, 0x00, 0x00, 0x08, 0x00}},
    {"in eax, 0x10", SVM_EXIT_IOIO, 0x10 << 16 | 0x200 | 0x40 | 1, 2, {0xe5, 0x10}},
    {"out dx, al", SVM_EXIT_IOIO, 0x200 | 0x10, 1, {0xee}},
    {"a32 rep outsw", SVM_EXIT_IOIO, 3 << 10 | 0x100 | 0x20 | 8 | 4, 4, {0x67, 0x66, 0xf3, 0x6f}},
    {"rdmsr", SVM_EXIT_MSR, 0, 2, {0x0f, 0x32}},
    {"wrmsr", SVM_EXIT_MSR, 1, 2, {0x0f, 0x30}},
    {"vmload", SVM_EXIT_VMLOAD, 0, 3, {0x0f, 0x01, 0xda}},
    {"vmsave", SVM_EXIT_VMSAVE, 0, 3, {0x0f, 0x01, 0xdb}},
    {"stgi", SVM_EXIT_STGI, 0, 3, {0x0f, 0x01, 0xdc}},
    {"invlpga", SVM_EXIT_INVLPGA, 0, 3, {0x0f, 0x01, 0xdf}},
    {"monitor", SVM_EXIT_MONITOR, 0, 3, {0x0f, 0x01, 0xc8}},
    {"mwait", SVM_EXIT_MWAIT, 0, 3, {0x0f, 0x01, 0xc9}},
    {"int 0x30", SVM_EXIT_SWINT, 0x30, 2, {0xcd, 0x30}},
    {"int1", SVM_EXIT_ICEBP, 0, 1, {0xf1}},
    {"int3", SVM_EXIT_EXCEPTION + X86_EXC_BP, 0, 1, {0xcc}},
    {"hlt", SVM_EXIT_HLT, 0, 1, {0xf4}},
    {"iretq", SVM_EXIT_IRET, 0, 2, {0x48, 0xcf}},
};

static void
test_intercepts(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(intercept_cases); i++) {
        const InterceptCase *c = &intercept_cases[i];

        for (unsigned asked = 0; asked < 2; asked++) {
            uint8_t code[16] = {0};

            g_test_message("%s, %s", c->name, asked ? "intercepted" : "not intercepted");
            memcpy(code, c->bytes, c->length);
            memcpy(code + c->length, "\x0f\x01\xd9", 3);
            begin(code, sizeof(code));
            vmcb_set(VMCB_RAX, VMCB2, 8);
            X86_LOW(s, X86_RCX) = 0x277; /* PAT */
            X86_LOW(s, X86_RDX) = 0;
            X86_LOW(s, X86_RBX) = X86_CR4_PAE;
            if (asked) {
                intercept(c->code);
                if (c->code == SVM_EXIT_IOIO) {
                    memset(ram + IOPM, 0xff, 0x3000);
                }
                if (c->code == SVM_EXIT_MSR) {
                    memset(ram + MSRPM, 0xff, 0x2000);
                }
                expect_exit(3, c->code);
                g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8), ==, c->info1);
                g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, GUEST);
                g_assert_cmphex(vmcb(VMCB_NEXT_RIP, 8), ==, GUEST + c->length);
                g_assert_cmphex(vmcb(VMCB_EXIT_INT_INFO, 8), ==, 0);
            } else {
                uint64_t exit = run(3);

                g_assert_cmphex(exit, !=, c->code);
            }
        }
    }
}

/* The maps: one port, one MSR, reads apart from writes. */
static void
test_maps(void)
{
    begin_code(0xe4, 0x11, 0xe6, 0x12, VMMCALL); /* in al, 0x11; out 0x12, al */
    intercept(SVM_EXIT_IOIO);
    ram[IOPM + 2] = 1 << 2;
    expect_exit(5, SVM_EXIT_IOIO);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8) >> 16, ==, 0x12);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO2, 8), ==, GUEST + 4);

    begin_code(0x0f, 0x32, 0x0f, 0x30, VMMCALL); /* rdmsr; wrmsr */
    intercept(SVM_EXIT_MSR);
    X86_LOW(s, X86_RCX) = 0xc0000081u;
    ram[MSRPM + 0x800 + 0x81 / 4] = 2 << (2 * (0x81 % 4));
    expect_exit(5, SVM_EXIT_MSR);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8), ==, 1);
    g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, GUEST + 2);
}

static void
test_exceptions(void)
{
    /* #PF: CR2 is left to whoever delivers it. */
    begin_code(0x8b, 0x04, 0x25, 0x00, 0x00, 0x00, 0x40); /* mov eax, [0x40000000] */
    intercept(SVM_EXIT_EXCEPTION + X86_EXC_PF);
    vmcb_set(VMCB_CR2, 0x1111, 8);
    expect_exit(2, SVM_EXIT_EXCEPTION + X86_EXC_PF);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8), ==, 0);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO2, 8), ==, 0x40000000);
    g_assert_cmphex(vmcb(VMCB_CR2, 8), ==, 0x1111);
    g_assert_cmpuint(ram[VMCB + VMCB_INSN_BYTES], ==, 15);
    g_assert_cmpmem(ram + VMCB + VMCB_INSN_BYTES + 1, 7, ram + GUEST, 7);

    /* #UD, whose gate is not there: #NP, which is intercepted, while #UD was delivered. */
    begin_code(0x0f, 0x0b);
    ram[IDT + 16 * X86_EXC_UD + 5] = 0x0e;
    intercept(SVM_EXIT_EXCEPTION + X86_EXC_NP);
    expect_exit(2, SVM_EXIT_EXCEPTION + X86_EXC_NP);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8), ==, 8 * X86_EXC_UD + 3);
    g_assert_cmphex(vmcb(VMCB_EXIT_INT_INFO, 8), ==, SVM_EVENT_VALID | X86_EVENT_EXCEPTION << 8 | X86_EXC_UD);

    /* INT n likewise: an event of its own. */
    begin_code(0xcd, 0x40);
    ram[IDT + 16 * 0x40 + 5] = 0x0e;
    intercept(SVM_EXIT_EXCEPTION + X86_EXC_NP);
    expect_exit(2, SVM_EXIT_EXCEPTION + X86_EXC_NP);
    g_assert_cmphex(vmcb(VMCB_EXIT_INT_INFO, 8), ==, SVM_EVENT_VALID | X86_EVENT_SOFTWARE << 8 | 0x40);

    /* A #NP that comes up while #NP is delivered makes a #DF. */
    begin_code(0x0f, 0x0b);
    ram[IDT + 16 * X86_EXC_UD + 5] = ram[IDT + 16 * X86_EXC_NP + 5] = 0x0e;
    intercept(SVM_EXIT_EXCEPTION + X86_EXC_DF);
    expect_exit(2, SVM_EXIT_EXCEPTION + X86_EXC_DF);

    /* No IDT at all: shutdown. */
    begin_code(0x0f, 0x0b);
    vmcb_set(VMCB_IDTR + 4, 0, 4);
    expect_exit(2, SVM_EXIT_SHUTDOWN);
    g_assert_cmpint(s->exception, ==, -1);
}

static void
test_injection(void)
{
    static const struct {
        uint32_t event, error;
        uint8_t vector;    /* whose handler runs; 0xff: refused */
        bool has_error;
        uint64_t returns_to;
    } cases[] = {
        {X86_EVENT_INTR << 8 | 0x41, 0, 0x41, false, GUEST},
        {X86_EVENT_NMI << 8 | 0x77, 0, 2, false, GUEST},
        {X86_EVENT_EXCEPTION << 8 | 13 | SVM_EVENT_HAS_ERROR, 0x1234, 13, true, GUEST},
        {X86_EVENT_EXCEPTION << 8 | 3, 0, 3, false, GUEST + 5},
        {X86_EVENT_SOFTWARE << 8 | 0x42, 0, 0x42, false, GUEST + 5},
        {X86_EVENT_EXCEPTION << 8 | 2, 0, 0xff, false, 0},
        {X86_EVENT_EXCEPTION << 8 | 32, 0, 0xff, false, 0},
        {X86_EVENT_EXCEPTION << 8 | 5, 0, 0xff, false, 0},
        {1 << 8, 0, 0xff, false, 0},
        {5 << 8, 0, 0xff, false, 0},
        {7 << 8, 0, 0xff, false, 0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t sp;

        g_test_message("event 0x%x", cases[i].event);
        begin_code(0x90);
        intercept(SVM_EXIT_HLT);
        vmcb_set(VMCB_EVENT_INJECTION, cases[i].event | SVM_EVENT_VALID | (uint64_t)cases[i].error << 32, 8);
        vmcb_set(VMCB_NEXT_RIP, GUEST + 5, 8);
        if (cases[i].vector == 0xff) {
            expect_exit(2, SVM_EXIT_INVALID);
            continue;
        }
        expect_exit(2, SVM_EXIT_HLT);
        g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, HANDLERS + 16 * cases[i].vector);
        g_assert_cmphex(vmcb(VMCB_EVENT_INJECTION, 4) & SVM_EVENT_VALID, ==, 0);
        sp = vmcb(VMCB_RSP, 8);
        if (cases[i].has_error) {
            g_assert_cmphex(get(sp, 8), ==, cases[i].error);
            sp += 8;
        }
        g_assert_cmphex(get(sp, 8), ==, cases[i].returns_to);
    }
    /* The intercept of an exception is not for one that is injected, but for what its delivery raises. */
    begin_code(0x90);
    ram[IDT + 16 * 13 + 5] = 0x0e;
    intercept(SVM_EXIT_EXCEPTION + 13);
    intercept(SVM_EXIT_EXCEPTION + 11);
    vmcb_set(VMCB_EVENT_INJECTION, X86_EVENT_EXCEPTION << 8 | 13 | SVM_EVENT_HAS_ERROR | SVM_EVENT_VALID | UINT64_C(7) << 32, 8);
    expect_exit(2, SVM_EXIT_EXCEPTION + 11);
    g_assert_cmphex(vmcb(VMCB_EXIT_INT_INFO, 8), ==,
                    X86_EVENT_EXCEPTION << 8 | 13 | SVM_EVENT_HAS_ERROR | SVM_EVENT_VALID | UINT64_C(7) << 32);
}

static void
test_refused(void)
{
    static const struct {
        uint16_t field;
        uint8_t size;
        uint64_t value; /* all of it */
    } cases[] = {
        {VMCB_EFER, 8, X86_EFER_LME | X86_EFER_LMA},                    /* no SVME */
        {VMCB_EFER, 8, X86_EFER_LME | X86_EFER_SVME | UINT64_C(1) << 9},
        {VMCB_CR0, 8, X86_CR0_PE | X86_CR0_PG | X86_CR0_NW},
        {VMCB_CR0, 8, X86_CR0_PG},                                      /* long mode without PE */
        {VMCB_CR0, 8, X86_CR0_PE | X86_CR0_PG | UINT64_C(1) << 32},
        {VMCB_CR3, 8, UINT64_C(1) << 52},
        {VMCB_CR4, 8, 0},                                               /* long mode without PAE */
        {VMCB_CR4, 8, X86_CR4_PAE | 1u << 15},
        {VMCB_DR6, 8, UINT64_C(1) << 32},
        {VMCB_DR7, 8, UINT64_C(1) << 32},
        {VMCB_SEGMENTS + 16 * X86_CS + 2, 2, 0xe9b},                    /* L and D */
        {VMCB_ASID, 4, 0},
        {VMCB_INTERCEPTS + 16, 4, 0},                                   /* VMRUN not intercepted */
        {VMCB_IOPM, 8, UINT64_C(1) << 52},
        {VMCB_MSRPM, 8, UINT64_C(0xfffffffffffff000)},
        {VMCB_INT_CTL, 4, SVM_INT_V_NMI_ENABLE},                        /* NMIs not intercepted */
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint8_t before[0x300];

        g_test_message("case %u", i);
        begin_code(VMMCALL);
        put(VMCB + cases[i].field, cases[i].value, cases[i].size);
        memcpy(before, ram + VMCB + 0x400, sizeof(before));
        expect_exit(2, SVM_EXIT_INVALID);
        g_assert_cmpmem(ram + VMCB + 0x400, sizeof(before), before, sizeof(before));
        g_assert_cmphex(s->cr3, ==, TABLES);
    }
    /* With nested paging: its own. */
    begin_code(VMMCALL);
    vmcb_set(VMCB_NESTED_CONTROL, 1, 8);
    vmcb_set(VMCB_G_PAT, 2, 8);
    expect_exit(2, SVM_EXIT_INVALID);
    begin_code(VMMCALL);
    vmcb_set(VMCB_NESTED_CONTROL, 1, 8);
    vmcb_set(VMCB_NESTED_CR3, UINT64_C(1) << 60, 8);
    expect_exit(2, SVM_EXIT_INVALID);
}

static int
vector_of(void)
{
    return s->rip >= HANDLERS && s->rip < HANDLERS + 16 * 256 ? (int)(s->rip - HANDLERS) / 16 : -1;
}

static void
test_instruction_faults(void)
{
    static const uint8_t last[] = {0xd8, 0xda, 0xdb, 0xdc, 0xdd, 0xdf};

    for (unsigned i = 0; i < G_N_ELEMENTS(last); i++) {
        begin_code(0x90);
        ram[HOST + 2] = last[i];
        s->efer &= ~(uint64_t)X86_EFER_SVME;
        step();
        g_assert_cmpint(vector_of(), ==, X86_EXC_UD);

        begin_code(0x90);
        ram[HOST + 2] = last[i];
        put(TSS + 4, STACK, 8);
        s->cpl = 3;
        x86_set_seg(s, X86_CS, CODE64 | 3, 0, 0xffffffffu, X86_FLAT_CS(3u, X86_DESC_L));
        x86_update_mode(s);
        step();
        g_assert_cmpint(vector_of(), ==, X86_EXC_GP);

        /* The feature is off. */
        begin_code(0x90);
        ram[HOST + 2] = last[i];
        s->features[X86_FEAT_SVM >> 5] &= ~(1u << (X86_FEAT_SVM & 31));
        s->interp->code_page = ~UINT64_C(0);
        memset(ram + HOST, 0x90, 1); /* another address: what was decoded with the feature is not asked again */
        ram[HOST + 1] = 0x0f;
        ram[HOST + 2] = 0x01;
        ram[HOST + 3] = last[i];
        step();
        step();
        g_assert_cmpint(vector_of(), ==, X86_EXC_UD);
    }
    for (unsigned i = 0; i < 3; i++) { /* those with a VMCB */
        begin_code(0x90);
        ram[HOST + 2] = last[i];
        X86_LOW(s, X86_RAX) = VMCB + 8;
        step();
        g_assert_cmpint(vector_of(), ==, X86_EXC_GP);
        begin_code(0x90);
        ram[HOST + 2] = last[i];
        X86_LOW(s, X86_RAX) = UINT64_C(1) << 51;
        step();
        g_assert_cmpint(vector_of(), ==, X86_EXC_GP);
    }
}

static uint64_t
exec_msr(bool write, uint32_t index, uint64_t value)
{
    put(HOST, write ? 0x300f : 0x320f, 2);
    s->rip = HOST;
    X86_LOW(s, X86_RCX) = index;
    X86_LOW(s, X86_RAX) = (uint32_t)value;
    X86_LOW(s, X86_RDX) = value >> 32;
    step();
    return (uint32_t)X86_LOW(s, X86_RAX) | X86_LOW(s, X86_RDX) << 32;
}

static void
test_msrs(void)
{
    enum { EFER = 0xc0000080u, TSC_RATIO = 0xc0000104u, VM_CR = 0xc0010114u, HSAVE = 0xc0010117u };

    begin_code(0x90);
    exec_msr(true, HSAVE, 0x12345000);
    g_assert_cmphex(exec_msr(false, HSAVE, 0), ==, 0x12345000);
    exec_msr(true, HSAVE, 0x12345008);
    g_assert_cmpint(vector_of(), ==, X86_EXC_GP);
    begin_code(0x90);
    g_assert_cmphex(exec_msr(false, TSC_RATIO, 0), ==, UINT64_C(1) << 32);
    exec_msr(true, TSC_RATIO, UINT64_C(0xff00000001));
    g_assert_cmphex(exec_msr(false, TSC_RATIO, 0), ==, UINT64_C(0xff00000001));
    exec_msr(true, TSC_RATIO, UINT64_C(1) << 40);
    g_assert_cmpint(vector_of(), ==, X86_EXC_GP);
    begin_code(0x90);
    exec_msr(true, VM_CR, 1 << 4); /* disabled while SVME is on */
    g_assert_cmpint(vector_of(), ==, X86_EXC_GP);
    begin_code(0x90);
    s->efer &= ~(uint64_t)X86_EFER_SVME;
    exec_msr(true, VM_CR, 1 << 4 | 1 << 3);
    g_assert_cmphex(exec_msr(false, VM_CR, 0), ==, 1 << 4 | 1 << 3);
    exec_msr(true, VM_CR, 0); /* locked */
    g_assert_cmphex(exec_msr(false, VM_CR, 0), ==, 1 << 4 | 1 << 3);
    exec_msr(true, EFER, s->efer | X86_EFER_SVME);
    g_assert_cmpint(vector_of(), ==, X86_EXC_GP);
}

static void
test_vmload_vmsave(void)
{
    begin_code(0x90);
    put(VMCB2 + VMCB_SEGMENTS + 16 * X86_FS, UINT64_C(0x0000ffff0893002b), 8);
    put(VMCB2 + VMCB_SEGMENTS + 16 * X86_FS + 8, UINT64_C(0x0180000000001000), 8); /* not canonical */
    put(VMCB2 + VMCB_LSTAR, 0x1234, 8);
    put(VMCB2 + VMCB_KERNEL_GS_BASE, UINT64_C(0x0100000000000000), 8);
    put(VMCB2 + VMCB_SYSENTER_CS, 0x33, 8);
    ram[HOST + 2] = 0xda;
    X86_LOW(s, X86_RAX) = VMCB2;
    step();
    g_assert_cmphex(s->seg[X86_FS].selector, ==, 0x2b);
    g_assert_cmphex(s->seg[X86_FS].limit, ==, 0xffff);
    g_assert_cmphex(*x86_seg_base(s, X86_FS), ==, UINT64_C(0xff80000000001000));
    g_assert_cmphex(s->kernel_gs_base, ==, UINT64_C(0xff00000000000000));
    g_assert_cmphex(s->lstar, ==, 0x1234);
    g_assert_cmphex(s->sysenter_cs, ==, 0x33);
    g_assert_cmphex(s->seg[X86_CS].selector, ==, CODE64);
    memset(ram + VMCB2, 0, 0x1000);
    s->rip = HOST;
    ram[HOST + 2] = 0xdb;
    step();
    g_assert_cmphex(get(VMCB2 + VMCB_SEGMENTS + 16 * X86_FS, 8), ==, UINT64_C(0x0000ffff0893002b));
    g_assert_cmphex(get(VMCB2 + VMCB_KERNEL_GS_BASE, 8), ==, UINT64_C(0xff00000000000000));
    g_assert_cmphex(get(VMCB2 + VMCB_SEGMENTS + 16 * X86_CS, 8), ==, 0);
}

static void
begin_nested(const uint8_t *code, unsigned n)
{
    begin(code, n);
    vmcb_set(VMCB_NESTED_CONTROL, 1, 8);
}

static void
test_nested_paging(void)
{
    static const uint8_t store[] = {0x89, 0x04, 0x25, 0x00, 0x00, 0x08, 0x00, VMMCALL}; /* mov [0x80000], eax */
    uint64_t pte = NPT + 0x3000 + 8 * (DATA >> 12);

    begin_nested(store, sizeof(store)); /* elsewhere in the host's memory */
    put(pte, 0x90000 | 7, 8);
    vmcb_set(VMCB_RAX, 0x600d, 8);
    expect_exit(3, SVM_EXIT_VMMCALL);
    g_assert_cmphex(get(0x90000, 4), ==, 0x600d);
    g_assert_cmphex(get(DATA, 4), ==, 0);
    g_assert_cmphex(get(pte, 8), ==, 0x90067);                                  /* accessed and dirty */
    g_assert_cmphex(get(NPT + 0x3000 + 8 * (GUEST >> 12), 8) & 0x60, ==, 0x20); /* code: accessed */
    g_assert_cmphex(get(NPT + 0x3000 + 8 * (TABLES >> 12), 8) & 0x60, ==, 0x60); /* tables count as written */

    begin_nested(store, sizeof(store)); /* read-only */
    put(pte, DATA | 5, 8);
    expect_exit(3, SVM_EXIT_NPF);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8), ==, UINT64_C(0x100000007));
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO2, 8), ==, DATA);
    g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, GUEST);
    g_assert_cmpmem(ram + VMCB + VMCB_INSN_BYTES + 1, 7, store, 7);

    begin_nested(store, sizeof(store)); /* not present: a page table of the guest's */
    put(NPT + 0x3000 + 8 * ((TABLES + 0x2000) >> 12), 0, 8);
    expect_exit(3, SVM_EXIT_NPF);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8), ==, UINT64_C(0x200000006));
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO2, 8), ==, TABLES + 0x2000);

    begin_nested(store, sizeof(store)); /* code that may not be executed */
    put(NPT + 0x3000 + 8 * (GUEST >> 12), GUEST | 7 | UINT64_C(1) << 63, 8);
    expect_exit(3, SVM_EXIT_NPF);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8), ==, UINT64_C(0x100000015));
    g_assert_cmpuint(ram[VMCB + VMCB_INSN_BYTES], ==, 0);

    /* The stack of a handler: the exception was being delivered. */
    {
        static const uint8_t ud[] = {0x0f, 0x0b};

        begin_nested(ud, sizeof(ud));
        vmcb_set(VMCB_RSP, DATA + 0x1000, 8);
        put(pte, 0, 8);
        expect_exit(3, SVM_EXIT_NPF);
        g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8), ==, UINT64_C(0x100000006));
        g_assert_cmphex(vmcb(VMCB_EXIT_INT_INFO, 8), ==, SVM_EVENT_VALID | X86_EVENT_EXCEPTION << 8 | X86_EXC_UD);
    }

    /* Without paging of its own: linear addresses are the guest's physical ones. */
    begin_nested(store, sizeof(store));
    vmcb_set(VMCB_CR0, X86_CR0_PE | X86_CR0_ET, 8);
    vmcb_set(VMCB_EFER, X86_EFER_SVME, 8);
    vmcb_set(VMCB_SEGMENTS + 16 * X86_CS + 2, 0xc9b, 2);
    memcpy(ram + GUEST, "\xa3\x00\x00\x08\x00\x0f\x01\xd9", 8); /* mov [0x80000], eax */
    put(pte, 0x90000 | 7, 8);
    vmcb_set(VMCB_RAX, 0x1001, 8);
    expect_exit(3, SVM_EXIT_VMMCALL);
    g_assert_cmphex(get(0x90000, 4), ==, 0x1001);
}

/* A host in PAE mode has nested tables of three levels. */
static void
test_nested_pae(void)
{
    begin_code(0xa3, 0x00, 0x00, 0x08, 0x00, VMMCALL);
    put(TABLES + 0x1000, (TABLES + 0x2000) | 1, 8);
    s->cr3 = TABLES + 0x1000;
    s->efer = X86_EFER_SVME | X86_EFER_NXE;
    x86_set_seg(s, X86_CS, CODE64, 0, 0xffffffffu, X86_FLAT_CS(0, X86_DESC_B));
    g_assert_true(x86_load_pdptes(s, s->cr3));
    x86_update_mode(s);
    vmcb_set(VMCB_NESTED_CONTROL, 1, 8);
    put(NPT + 0x1000, (NPT + 0x2000) | 1, 8);
    vmcb_set(VMCB_NESTED_CR3, NPT + 0x1000, 8);
    vmcb_set(VMCB_CR0, X86_CR0_PE | X86_CR0_ET, 8);
    vmcb_set(VMCB_EFER, X86_EFER_SVME, 8);
    vmcb_set(VMCB_SEGMENTS + 16 * X86_CS + 2, 0xc9b, 2);
    put(NPT + 0x3000 + 8 * (DATA >> 12), 0x90000 | 7, 8);
    vmcb_set(VMCB_RAX, 0x2002, 8);
    expect_exit(3, SVM_EXIT_VMMCALL);
    g_assert_cmphex(get(0x90000, 4), ==, 0x2002);
    g_assert_cmphex(s->efer & X86_EFER_LMA, ==, 0);
}

static void
test_gif(void)
{
    begin_code(0xfa, 0xfb, 0x90, 0x90, VMMCALL); /* cli; sti; nop; nop */
    s->eflags |= X86_IF;
    s->svm.gif = 0;
    s->interrupt_request = X86_REQ_NMI | X86_REQ_INIT | X86_REQ_SMI | X86_REQ_HARD;
    g_assert_false(x86_interrupt_wanted(&s->tcg));
    s->svm.gif = 1;
    g_assert_true(x86_interrupt_wanted(&s->tcg));

    /* An NMI that leaves the guest is still there for the host, when it has set GIF. */
    s->svm.gif = 0;
    s->interrupt_request = X86_REQ_NMI;
    intercept(SVM_EXIT_NMI);
    expect_exit(5, SVM_EXIT_NMI);
    g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, GUEST);
    g_assert_cmphex(s->interrupt_request, ==, X86_REQ_NMI);
    memcpy(ram + HOST + 3, "\x0f\x01\xdc", 3); /* stgi */
    step();
    step();
    g_assert_cmpint(vector_of(), ==, X86_EXC_NMI);
    g_assert_cmphex(s->interrupt_request, ==, 0);

    /* INTR under V_INTR_MASKING goes by the host's IF, whatever the guest's is, and its shadow. */
    begin_code(0xfb, 0x90, 0x90, VMMCALL);
    intercept(SVM_EXIT_INTR);
    vmcb_set(VMCB_INT_CTL, SVM_INT_V_MASKING, 4);
    s->interrupt_request = X86_REQ_HARD;
    expect_exit(6, SVM_EXIT_VMMCALL); /* the host has it off */
    s->eflags |= X86_IF;
    vmcb_set(VMCB_RIP, GUEST, 8);
    vmcb_set(VMCB_RFLAGS, 2, 8);
    expect_exit(6, SVM_EXIT_INTR);
    g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, GUEST);
}

static void
test_virtual_interrupt(void)
{
    static const struct {
        uint32_t ctl;
        bool taken;
    } cases[] = {
        {SVM_INT_V_IRQ | 5 << SVM_INT_V_PRIO_SHIFT, true},
        {SVM_INT_V_IRQ | 5 << SVM_INT_V_PRIO_SHIFT | 5, false}, /* not above the TPR */
        {SVM_INT_V_IRQ | 5 << SVM_INT_V_PRIO_SHIFT | 5 | SVM_INT_V_IGN_TPR, true},
        {SVM_INT_V_IRQ | 5 << SVM_INT_V_PRIO_SHIFT | SVM_INT_V_GIF_ENABLE, false},
        {SVM_INT_V_IRQ | 5 << SVM_INT_V_PRIO_SHIFT | SVM_INT_V_GIF_ENABLE | SVM_INT_V_GIF, true},
        {5 << SVM_INT_V_PRIO_SHIFT, false},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("int_ctl 0x%x", cases[i].ctl);
        begin_code(0xfb, 0x90, 0x90, VMMCALL); /* sti; nop; nop */
        intercept(SVM_EXIT_HLT);
        vmcb_set(VMCB_INT_CTL, cases[i].ctl | SVM_INT_V_MASKING, 4);
        vmcb_set(VMCB_INT_VECTOR, 0x51, 4);
        expect_exit(6, cases[i].taken ? SVM_EXIT_HLT : SVM_EXIT_VMMCALL);
        if (cases[i].taken) {
            g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, HANDLERS + 16 * 0x51);
            g_assert_cmphex(get(vmcb(VMCB_RSP, 8), 8), ==, GUEST + 2); /* behind STI's shadow */
        }
        g_assert_cmphex(vmcb(VMCB_INT_CTL, 4), ==, (cases[i].ctl & ~(cases[i].taken ? SVM_INT_V_IRQ : 0)) | SVM_INT_V_MASKING);
        g_assert_cmphex(s->interrupt_request, ==, 0);
    }
    /* CR8 is the guest's own: lowered, it lets one through. */
    begin_code(0xfb, 0x90, 0x31, 0xc0, 0x44, 0x0f, 0x22, 0xc0, 0x90, VMMCALL); /* xor eax, eax; mov cr8, rax */
    intercept(SVM_EXIT_VINTR);
    vmcb_set(VMCB_INT_CTL, SVM_INT_V_IRQ | 5 << SVM_INT_V_PRIO_SHIFT | 7 | SVM_INT_V_MASKING, 4);
    s->cr8 = 3;
    expect_exit(8, SVM_EXIT_VINTR);
    g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, GUEST + 8);
    g_assert_cmphex(vmcb(VMCB_INT_CTL, 4), ==, SVM_INT_V_IRQ | 5 << SVM_INT_V_PRIO_SHIFT | SVM_INT_V_MASKING);
    g_assert_cmphex(s->cr8, ==, 3);
}

static void
test_virtual_nmi(void)
{
    const uint32_t on = SVM_INT_V_NMI_ENABLE, pending = SVM_INT_V_NMI, mask = SVM_INT_V_NMI_MASK;
    static const uint8_t code[] = {0xfb, 0x90, 0x90, VMMCALL}; /* sti; nop; nop */
    static const struct {
        uint32_t ctl, after;
        bool taken;
    } cases[] = {
        {SVM_INT_V_NMI_ENABLE | SVM_INT_V_NMI, SVM_INT_V_NMI_ENABLE | SVM_INT_V_NMI_MASK, true},
        {SVM_INT_V_NMI_ENABLE | SVM_INT_V_NMI | SVM_INT_V_NMI_MASK, SVM_INT_V_NMI_ENABLE | SVM_INT_V_NMI | SVM_INT_V_NMI_MASK, false},
        {SVM_INT_V_NMI, SVM_INT_V_NMI, false},
        {SVM_INT_V_NMI_ENABLE | SVM_INT_V_NMI | SVM_INT_V_GIF_ENABLE, SVM_INT_V_NMI_ENABLE | SVM_INT_V_NMI | SVM_INT_V_GIF_ENABLE, false},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("int_ctl 0x%x", cases[i].ctl);
        begin(code, sizeof(code));
        intercept(SVM_EXIT_NMI);
        intercept(SVM_EXIT_HLT);
        vmcb_set(VMCB_INT_CTL, cases[i].ctl, 4);
        expect_exit(6, cases[i].taken ? SVM_EXIT_HLT : SVM_EXIT_VMMCALL);
        if (cases[i].taken) {
            g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, HANDLERS + 16 * X86_EXC_NMI);
            g_assert_cmphex(get(vmcb(VMCB_RSP, 8), 8), ==, GUEST);
        }
        g_assert_cmphex(vmcb(VMCB_INT_CTL, 4), ==, cases[i].after);
        g_assert_cmphex(s->interrupt_request, ==, 0);
        g_assert_cmpuint(s->nmi_blocked, ==, 0); /* the machine's are another matter */
    }

    /* It waits for the end of a shadow, and does not wait for IF. */
    begin(code, sizeof(code));
    intercept(SVM_EXIT_NMI);
    intercept(SVM_EXIT_HLT);
    vmcb_set(VMCB_INT_CTL, on | pending, 4);
    vmcb_set(VMCB_INT_STATE, 1, 4);
    expect_exit(6, SVM_EXIT_HLT);
    g_assert_cmphex(get(vmcb(VMCB_RSP, 8), 8), ==, GUEST + 2); /* sti began another one */

    /* IRET lets the next one in, and has nothing to do with the machine's; an IRET that is intercepted does neither. */
    begin_code(0x48, 0xcf, VMMCALL); /* iretq */
    intercept(SVM_EXIT_NMI);
    intercept(SVM_EXIT_HLT);
    vmcb_set(VMCB_INT_CTL, on | pending | mask, 4);
    put(STACK - 0x1000, GUEST + 2, 8);
    put(STACK - 0xff8, CODE64, 8);
    put(STACK - 0xff0, 2, 8);
    put(STACK - 0xfe8, STACK - 0x2000, 8);
    put(STACK - 0xfe0, DATA64, 8);
    s->nmi_blocked = 1;
    expect_exit(6, SVM_EXIT_HLT);
    g_assert_cmphex(get(vmcb(VMCB_RSP, 8), 8), ==, GUEST + 2);
    g_assert_cmphex(vmcb(VMCB_INT_CTL, 4), ==, on | mask);
    g_assert_cmpuint(s->nmi_blocked, ==, 1);
    intercept(SVM_EXIT_IRET);
    vmcb_set(VMCB_RIP, GUEST, 8);
    vmcb_set(VMCB_INT_CTL, on | pending | mask, 4);
    expect_exit(6, SVM_EXIT_IRET);
    g_assert_cmphex(vmcb(VMCB_INT_CTL, 4), ==, on | pending | mask);

    /* One that is injected counts as one of them; the one that waits comes behind it. */
    begin_code(0x90, VMMCALL);
    intercept(SVM_EXIT_NMI);
    intercept(SVM_EXIT_HLT);
    vmcb_set(VMCB_EVENT_INJECTION, SVM_EVENT_VALID | X86_EVENT_NMI << SVM_EVENT_TYPE_SHIFT | X86_EXC_NMI, 8);
    vmcb_set(VMCB_INT_CTL, on | pending, 4);
    expect_exit(6, SVM_EXIT_HLT);
    g_assert_cmphex(vmcb(VMCB_INT_CTL, 4), ==, on | pending | mask);

    /* What leaves the guest before its handler runs masks nothing. */
    begin_code(0x90, VMMCALL);
    intercept(SVM_EXIT_NMI);
    intercept(SVM_EXIT_EXCEPTION + X86_EXC_PF);
    vmcb_set(VMCB_RSP, 0x800000, 8);
    vmcb_set(VMCB_INT_CTL, on | pending, 4);
    expect_exit(6, SVM_EXIT_EXCEPTION + X86_EXC_PF);
    g_assert_cmphex(vmcb(VMCB_EXIT_INT_INFO, 4), ==, SVM_EVENT_VALID | X86_EVENT_NMI << SVM_EVENT_TYPE_SHIFT | X86_EXC_NMI);
    g_assert_cmphex(vmcb(VMCB_INT_CTL, 4), ==, on);

    /* The machine's own leaves the guest, whatever that has masked. */
    begin_code(0x90, VMMCALL);
    intercept(SVM_EXIT_NMI);
    vmcb_set(VMCB_INT_CTL, on | pending | mask, 4);
    s->interrupt_request = X86_REQ_NMI;
    s->svm.gif = 0;
    expect_exit(6, SVM_EXIT_NMI);
    g_assert_cmphex(s->interrupt_request, ==, X86_REQ_NMI);
}

static uint64_t
tsc_of_test(X86State *state G_GNUC_UNUSED)
{
    return 1000000;
}

/* The guest's TSC is the machine's times the ratio, plus the offset; the host's is neither. */
static void
test_tsc(void)
{
    static const X86Hooks hooks = {.read_tsc = tsc_of_test};
    enum { TSC_RATIO = 0xc0000104u };

    begin_code(0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, VMMCALL); /* rdtsc; shl rdx, 32; or rax, rdx */
    s->hooks = &hooks;
    exec_msr(true, TSC_RATIO, UINT64_C(0x0380000000)); /* 3.5 */
    put(HOST, 0xd8010f, 3);
    X86_LOW(s, X86_RAX) = VMCB;
    vmcb_set(VMCB_TSC_OFFSET, -UINT64_C(500000), 8);
    expect_exit(6, SVM_EXIT_VMMCALL);
    g_assert_cmpuint(vmcb(VMCB_RAX, 8), ==, 3000000);
    put(HOST, 0x310f, 2);
    s->rip = HOST;
    step();
    g_assert_cmpuint(X86_LOW(s, X86_RAX), ==, 1000000);
    s->hooks = NULL;
}

/* SMM is no part of the guest: its intercepts and its second level of paging rest meanwhile. */
static void
test_smm(void)
{
    begin_code(0x90, 0x90, VMMCALL);
    vmcb_set(VMCB_NESTED_CONTROL, 1, 8);
    intercept(SVM_EXIT_RSM);
    memcpy(ram + 0x38000, "\x90\x0f\xaa", 3); /* nop; rsm */
    s->rip = HOST;
    step();
    g_assert_nonnull(s->virt);
    s->interrupt_request = X86_REQ_SMI;
    step();
    g_assert_true(s->in_smm);
    g_assert_null(s->virt);
    g_assert_cmphex(s->tcg.mode_key & X86_MODE_GUEST, ==, 0);
    step();
    step();
    g_assert_false(s->in_smm);
    g_assert_nonnull(s->virt);
    g_assert_cmphex(s->rip, ==, GUEST);
    for (unsigned i = 0; i < 5 && s->virt; i++) {
        step();
    }
    g_assert_cmphex(vmcb(VMCB_EXIT_CODE, 8), ==, SVM_EXIT_VMMCALL);

    /* INIT forgets the guest. */
    begin_code(0x90, 0x90, VMMCALL);
    s->rip = HOST;
    step();
    s->interrupt_request = X86_REQ_INIT;
    step();
    g_assert_null(s->virt);
    g_assert_cmpuint(s->svm.gif, ==, 1);
    g_assert_cmphex(s->efer, ==, 0);
}

/* Single step: the host's is due when VMRUN is over, the guest's behind its first instruction. */
static void
test_single_step(void)
{
    begin_code(0x90, VMMCALL);
    s->eflags |= X86_TF;
    x86_update_mode(s);
    g_assert_cmphex(run(5), ==, SVM_EXIT_VMMCALL);
    g_assert_cmphex(vmcb(VMCB_DR6, 8) & X86_DR6_BS, ==, 0);
    g_assert_cmpint(vector_of(), ==, X86_EXC_DB);
    g_assert_cmphex(get(X86_LOW(s, X86_RSP), 8), ==, HOST + 3);
    g_assert_cmphex(s->dr[6] & X86_DR6_BS, ==, X86_DR6_BS);

    begin_code(0x90, 0x90, VMMCALL);
    vmcb_set(VMCB_RFLAGS, 2 | X86_TF, 8);
    intercept(SVM_EXIT_EXCEPTION + X86_EXC_DB);
    expect_exit(5, SVM_EXIT_EXCEPTION + X86_EXC_DB);
    g_assert_cmphex(vmcb(VMCB_RIP, 8), ==, GUEST + 1);
    g_assert_cmphex(vmcb(VMCB_DR6, 8) & X86_DR6_BS, ==, X86_DR6_BS);
}

static void
test_task_switch(void)
{
    /* 32-bit guest: a far jump to a TSS leaves it before anything is saved. */
    begin_code(0xea, 0x00, 0x00, 0x00, 0x00, 0x28, 0x00, VMMCALL);
    vmcb_set(VMCB_CR0, X86_CR0_PE | X86_CR0_ET, 8);
    vmcb_set(VMCB_EFER, X86_EFER_SVME, 8);
    vmcb_set(VMCB_SEGMENTS + 16 * X86_CS + 2, 0xc9b, 2);
    put(GDT + 0x28, UINT64_C(0x0000890040000067), 8);
    intercept(SVM_EXIT_TASK_SWITCH);
    expect_exit(2, SVM_EXIT_TASK_SWITCH);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO1, 8), ==, 0x28);
    g_assert_cmphex(vmcb(VMCB_EXIT_INFO2, 8), ==, UINT64_C(1) << 38);
    g_assert_cmphex(get(GDT + 0x28 + 5, 1), ==, 0x89);
}

static void
randomize(uint64_t at, unsigned n)
{
    for (unsigned i = 0; i < n; i += 4) {
        put(at + i, (uint32_t)g_test_rand_int(), 4);
    }
}

/* Floating point is the host's own, whose exceptions this program does not catch. */
static void
without_floating_point(void)
{
    s->features[X86_CPUID_1_EDX] &= ~(1u << 0 | 1u << 23 | 1u << 24 | 1u << 25 | 1u << 26); /* FPU MMX FXSR SSE SSE2 */
    s->features[X86_CPUID_1_ECX] = s->features[X86_CPUID_7_EBX] = s->features[X86_CPUID_7_ECX] = s->features[X86_CPUID_7_1_EAX] = 0;
    s->features[X86_CPUID_80000001_ECX] = 1u << (X86_FEAT_SVM & 31);
    s->cr4 = X86_CR4_PAE;
    vmcb_set(VMCB_CR4, X86_CR4_PAE, 8);
}

/* A VMCB may hold anything: many that VMRUN takes, some bits of which are random, with random code and tables. */
static void
test_random(void)
{
    unsigned rounds = g_test_slow() ? 2000000 : 20000, entered = 0;

    /* Nothing that was decoded for a CPU that has it. */
    x86_interp_finish(s);
    x86_interp_init(s);
    for (unsigned i = 0; i < rounds; i++) {
        begin_code(VMMCALL);
        without_floating_point();
        if (g_test_rand_bit()) {
            vmcb_set(VMCB_NESTED_CONTROL, 1, 8);
        }
        switch (g_test_rand_int_range(0, 8)) {
        case 0:
            randomize(VMCB, 0x1000);
            break;
        case 1:
            randomize(VMCB + VMCB_SEGMENTS, 0xa0);
            break;
        case 2:
            randomize(VMCB + VMCB_INT_CTL, 0x10);
            vmcb_set(VMCB_RFLAGS, (uint32_t)g_test_rand_int(), 4);
            break;
        case 3:
            vmcb_set(VMCB_EVENT_INJECTION, (uint32_t)g_test_rand_int() | (uint64_t)(uint32_t)g_test_rand_int() << 32, 8);
            vmcb_set(VMCB_NEXT_RIP, (uint32_t)g_test_rand_int() | (uint64_t)(uint32_t)g_test_rand_int() << 32, 8);
            break;
        case 4:
            randomize(NPT + 0x1000 * (uint64_t)g_test_rand_int_range(0, 4) + 8 * (uint64_t)g_test_rand_int_range(0, 2), 8);
            break;
        case 5:
            vmcb_set(VMCB_CR0, (uint32_t)g_test_rand_int() & 0xe005003fu, 8);
            vmcb_set(VMCB_EFER, ((uint32_t)g_test_rand_int() & 0x4d01) | X86_EFER_SVME, 8);
            vmcb_set(VMCB_CR4, (uint32_t)g_test_rand_int() & 0x7ff, 8);
            vmcb_set(VMCB_CPL, (uint8_t)g_test_rand_int(), 1);
            vmcb_set(VMCB_RFLAGS, (uint32_t)g_test_rand_int(), 4);
            break;
        case 6:
            randomize(VMCB + VMCB_RIP, 8);
            randomize(VMCB + VMCB_RSP, 8);
            break;
        }
        /* Flips anywhere, and what a guest needs to be taken at all. */
        for (int n = g_test_rand_int_range(0, 4); n > 0; n--) {
            ram[VMCB + g_test_rand_int_range(0, 0x700)] ^= (uint8_t)(1u << g_test_rand_int_range(0, 8));
        }
        intercept(SVM_EXIT_VMRUN);
        randomize(GUEST, 64);
        randomize(IDT + 16 * (uint64_t)g_test_rand_int_range(0, 32), 16);
        s->eflags |= (uint32_t)g_test_rand_int() & (X86_IF | X86_TF);
        s->interrupt_request = (uint32_t)g_test_rand_int() & (uint32_t)g_test_rand_int() & (X86_REQ_NMI | X86_REQ_HARD | X86_REQ_SMI);
        s->rip = HOST;
        x86_update_mode(s);
        for (unsigned n = 0; n < 40; n++) {
            if (!step()) {
                break;
            }
            entered += n == 0 && s->virt;
            g_assert_cmpint(s->exception, ==, -1);
            g_assert_cmpuint(s->cpl, <=, 3);
            g_assert_true(!s->virt || s->svm.guest);
            g_assert_cmpint((s->tcg.mode_key & X86_MODE_GUEST) != 0, ==, s->virt != NULL);
        }
    }
    g_assert_cmpuint(entered, >, rounds / 4);
}

/* The guest's shadow stack is its own (APM 2, appendix B: S_CET, SSP, ISST_ADDR). */
static void
test_cet(void)
{
    begin_code(0xf3, 0x48, 0x0f, 0x1e, 0xc9, VMMCALL); /* rdsspq rcx */
    s->cr4 |= X86_CR4_CET;
    s->s_cet = X86_CET_ENDBR_EN;
    s->ssp = 0x1230;
    s->interrupt_ssp_table = 0x4560;
    vmcb_set(VMCB_CR4, s->cr4, 8);
    vmcb_set(VMCB_S_CET, X86_CET_SH_STK_EN, 8);
    vmcb_set(VMCB_SSP, DATA + 8, 8);
    vmcb_set(VMCB_ISST_ADDR, DATA + 0x100, 8);
    g_assert_cmphex(run(10), ==, SVM_EXIT_VMMCALL);
    g_assert_cmphex(X86_LOW(s, X86_RCX), ==, DATA + 8);
    g_assert_cmphex(vmcb(VMCB_S_CET, 8), ==, X86_CET_SH_STK_EN);
    g_assert_cmphex(vmcb(VMCB_SSP, 8), ==, DATA + 8);
    g_assert_cmphex(vmcb(VMCB_ISST_ADDR, 8), ==, DATA + 0x100);
    g_assert_cmphex(s->s_cet, ==, X86_CET_ENDBR_EN);
    g_assert_cmphex(s->ssp, ==, 0x1230);
    g_assert_cmphex(s->interrupt_ssp_table, ==, 0x4560);
    /* CR4.CET goes with CR0.WP. */
    vmcb_set(VMCB_RIP, GUEST, 8);
    vmcb_set(VMCB_CR0, s->cr0 & ~(uint64_t)X86_CR0_WP, 8);
    g_assert_cmphex(run(10), ==, SVM_EXIT_INVALID);
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    s = aligned_alloc(64, (sizeof(*s) + 63) & ~63ul);
    memset(s, 0, sizeof(*s));
    ram = g_malloc0(RAM_SIZE);
    x86_interp_init(s);
    g_test_add_func("/x86/svm/round-trip", test_round_trip);
    g_test_add_func("/x86/svm/intercepts", test_intercepts);
    g_test_add_func("/x86/svm/permission-maps", test_maps);
    g_test_add_func("/x86/svm/exceptions", test_exceptions);
    g_test_add_func("/x86/svm/injection", test_injection);
    g_test_add_func("/x86/svm/refused", test_refused);
    g_test_add_func("/x86/svm/instruction-faults", test_instruction_faults);
    g_test_add_func("/x86/svm/msrs", test_msrs);
    g_test_add_func("/x86/svm/vmload-vmsave", test_vmload_vmsave);
    g_test_add_func("/x86/svm/nested-paging", test_nested_paging);
    g_test_add_func("/x86/svm/nested-paging-pae", test_nested_pae);
    g_test_add_func("/x86/svm/global-interrupt-flag", test_gif);
    g_test_add_func("/x86/svm/virtual-interrupt", test_virtual_interrupt);
    g_test_add_func("/x86/svm/virtual-nmi", test_virtual_nmi);
    g_test_add_func("/x86/svm/time-stamp-counter", test_tsc);
    g_test_add_func("/x86/svm/system-management-mode", test_smm);
    g_test_add_func("/x86/svm/single-step", test_single_step);
    g_test_add_func("/x86/svm/task-switch", test_task_switch);
    g_test_add_func("/x86/svm/control-flow-enforcement", test_cet);
    g_test_add_func("/x86/svm/random", test_random);
    status = g_test_run();
    x86_interp_finish(s);
    free(s);
    g_free(ram);
    return status;
}
