/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * VMX by its manual (SDM volume 3, chapters 24 to 30): a host in 64-bit code enters a guest whose VMCS is in the CPU; what an exit
 * leaves there is looked at.  The public suite (docs/conformance.md) has much of it from outside; here is what that does not see,
 * and VMCSs of random content.
 */

#include "../x86-vmx.h"
#include "flat-memory.h"

enum {
    GDT = 0x1000,
    IDT = 0x2000,
    TSS = 0x3000,
    VMXON = 0x4000,
    VMCS = 0x5000,
    SHADOW = 0x6000,
    VIRTUAL_APIC = 0x7000,
    IO_BITMAPS = 0x8000, /* two pages */
    MSR_BITMAP = 0xa000,
    MSR_LIST = 0xb000,
    VMREAD_BITMAP = 0xc000,
    PML = 0xd000,
    EPT = 0x20000,    /* three tables, then one of 4 KiB pages for the first 2 MiB */
    TABLES = 0x30000, /* the host's and the guest's: the first 4 MiB one to one */
    HOST = 0x40000,
    HOST_EXIT = 0x48000,
    GUEST = 0x50000,
    HANDLERS = 0x58000, /* 16 bytes each, HLT */
    STACK = 0x70000,
    DATA = 0x80000, /* operands of the host's instructions */
    CODE64 = 0x08,
    DATA64 = 0x10,
    TSS_SEL = 0x18,
    EPT_ALL = 7 | 6 << 3,
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

#define field(f) x86_vmx_get(s, f)
#define field_set(f, v) x86_vmx_put(s, f, v)
#define field_or(f, v) field_set(f, field(f) | (v))

/* One step: an interrupt if one is due, or an instruction.  False: the CPU stands still. */
static bool
step(void)
{
    unsigned done;

    if (x86_interrupt_wanted(&s->tcg)) {
        return x86_deliver_interrupt(&s->tcg) != EMU_TCG_EXIT_SHUTDOWN;
    }
    if (s->halted) {
        return false;
    }
    s->tcg.exit_request = 0;
    return x86_interp(&s->tcg, 1, &done) != EMU_TCG_EXIT_SHUTDOWN;
}

/* One instruction of the host's. */
static void
execute(const void *code, unsigned n)
{
    memcpy(ram + HOST, code, n);
    s->rip = HOST;
    s->halted = 0;
    x86_update_mode(s);
    step();
}

#define host(...)                                    \
    do {                                             \
        static const uint8_t code[] = {__VA_ARGS__}; \
        execute(code, sizeof(code));                 \
    } while (0)

/* With the operand at DATA, [abs32]; or eax and [abs32]. */
#define AT_DATA(reg) 0x04 | (reg) << 3, 0x25, 0x00, 0x00, 0x08, 0x00
#define VMXON_DATA 0xf3, 0x0f, 0xc7, AT_DATA(6)
#define VMCLEAR_DATA 0x66, 0x0f, 0xc7, AT_DATA(6)
#define VMPTRLD_DATA 0x0f, 0xc7, AT_DATA(6)
#define VMPTRST_DATA 0x0f, 0xc7, AT_DATA(7)
#define VMLAUNCH 0x0f, 0x01, 0xc2
#define VMRESUME 0x0f, 0x01, 0xc3
#define VMXOFF 0x0f, 0x01, 0xc4
#define VMCALL 0x0f, 0x01, 0xc1
#define VMREAD_RBX_RAX 0x0f, 0x78, 0xc3  /* field rax into rbx */
#define VMWRITE_RAX_RBX 0x0f, 0x79, 0xc3 /* field rax from rbx */

#define expect_handler(vector) g_assert_cmphex(s->rip, ==, HANDLERS + 16 * (vector))
#define expect_success() g_assert_cmphex(s->cc, ==, 0)
#define expect_invalid() g_assert_cmphex(s->cc, ==, X86_CF)
#define expect_error(n)                                            \
    do {                                                           \
        g_assert_cmphex(s->cc, ==, X86_ZF);                        \
        g_assert_cmpuint(field(VMX_INSTRUCTION_ERROR), ==, n);     \
    } while (0)

/* A host that may say VMXON. */
static void
begin_host(void)
{
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
    put(EPT, (EPT + 0x1000) | 7, 8);
    put(EPT + 0x1000, (EPT + 0x2000) | 7, 8);
    put(EPT + 0x2000, (EPT + 0x3000) | 7, 8);
    put(EPT + 0x2008, 0x200000 | EPT_ALL | 0x80, 8);
    for (unsigned i = 0; i < 512; i++) {
        put(EPT + 0x3000 + 8 * i, (uint64_t)i << 12 | EPT_ALL, 8);
    }
    put(VMXON, VMX_REVISION, 4);
    put(VMCS, VMX_REVISION, 4);
    put(DATA, VMXON, 8);
    s->feature_control = 5;
    s->gdtr = (X86TableReg){.base = GDT, .limit = 0xffff};
    s->idtr = (X86TableReg){.base = IDT, .limit = 0xffff};
    s->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG;
    s->cr3 = TABLES;
    s->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_VMXE;
    s->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_NXE | X86_EFER_SCE;
    x86_set_seg(s, X86_CS, CODE64, 0, 0xffffffffu, X86_FLAT_CS(0, X86_DESC_L));
    for (unsigned i = 0; i < 4; i++) {
        static const uint8_t data[] = {X86_ES, X86_SS, X86_DS, X86_FS};

        x86_set_seg(s, data[i], DATA64, 0, 0xffffffffu, X86_FLAT_SS(0));
    }
    x86_set_seg(s, X86_TR, TSS_SEL, TSS, 0x67, X86_DESC_P | 11u << 8);
    X86_LOW(s, X86_RSP) = STACK;
    x86_update_mode(s);
}

static void
fill_host_state(void)
{
    for (unsigned i = 0; i < 6; i++) {
        field_set(VMX_HOST_SELECTOR + 2 * i, i == X86_CS ? CODE64 : DATA64);
    }
    field_set(VMX_HOST_SELECTOR + 12, TSS_SEL);
    field_set(VMX_HOST_CR0, s->cr0);
    field_set(VMX_HOST_CR3, s->cr3);
    field_set(VMX_HOST_CR4, s->cr4);
    field_set(VMX_HOST_EFER, s->efer);
    field_set(VMX_HOST_TR_BASE, TSS);
    field_set(VMX_HOST_GDTR_BASE, GDT);
    field_set(VMX_HOST_IDTR_BASE, IDT);
    field_set(VMX_HOST_RSP, STACK);
    field_set(VMX_HOST_RIP, HOST_EXIT);
}

static void
fill_guest_state(void)
{
    for (unsigned i = 0; i < X86_N_SEGS; i++) {
        field_set(VMX_GUEST_SELECTOR + 2 * i, i == X86_CS ? CODE64 : i == X86_TR ? TSS_SEL : i == X86_LDTR ? 0 : DATA64);
        field_set(VMX_GUEST_LIMIT + 2 * i, i == X86_TR ? 0x67 : 0xffffffffu);
        field_set(VMX_GUEST_RIGHTS + 2 * i, i == X86_CS ? 0xa09b : i == X86_TR ? 0x8b : i == X86_LDTR ? VMX_UNUSABLE : 0xc093);
    }
    field_set(VMX_GUEST_BASE + 2 * X86_TR, TSS);
    field_set(VMX_GUEST_CR0, s->cr0);
    field_set(VMX_GUEST_CR3, s->cr3);
    field_set(VMX_GUEST_CR4, s->cr4);
    field_set(VMX_GUEST_EFER, s->efer);
    field_set(VMX_GUEST_PAT, s->pat);
    field_set(VMX_GUEST_GDTR_BASE, GDT);
    field_set(VMX_GUEST_GDTR_LIMIT, 0xffff);
    field_set(VMX_GUEST_IDTR_BASE, IDT);
    field_set(VMX_GUEST_IDTR_LIMIT, 0xfff);
    field_set(VMX_GUEST_DR7, 0x400);
    field_set(VMX_GUEST_RFLAGS, 2);
    field_set(VMX_GUEST_RIP, GUEST);
    field_set(VMX_GUEST_RSP, STACK - 0x1000);
    field_set(VMX_LINK_POINTER, UINT64_MAX);
}

/* A host in VMX operation, and a VMCS for a guest that is like it and executes @n bytes of @code at GUEST. */
static void
begin(const uint8_t *code, unsigned n)
{
    begin_host();
    host(VMXON_DATA);
    expect_success();
    put(DATA, VMCS, 8);
    host(VMCLEAR_DATA);
    host(VMPTRLD_DATA);
    expect_success();
    fill_host_state();
    fill_guest_state();
    field_set(VMX_PIN_CONTROLS, x86_vmx_allowed(s, X86_VMX_PIN).must);
    field_set(VMX_PROC_CONTROLS, x86_vmx_allowed(s, X86_VMX_PROC).must | VMX_PROC_SECONDARY | VMX_PROC_MSR_BITMAPS | VMX_PROC_IO_BITMAPS);
    field_set(VMX_EXIT_CONTROLS, x86_vmx_allowed(s, X86_VMX_EXIT).must | VMX_EXIT_HOST_64 | VMX_EXIT_SAVE_EFER | VMX_EXIT_LOAD_EFER);
    field_set(VMX_ENTRY_CONTROLS, x86_vmx_allowed(s, X86_VMX_ENTRY).must | VMX_ENTRY_GUEST_64 | VMX_ENTRY_LOAD_EFER);
    field_set(VMX_PROC2_CONTROLS, VMX_PROC2_RDTSCP | VMX_PROC2_INVPCID | VMX_PROC2_XSAVES);
    field_set(VMX_IO_BITMAP_A, IO_BITMAPS);
    field_set(VMX_IO_BITMAP_B, IO_BITMAPS + 0x1000);
    field_set(VMX_MSR_BITMAP, MSR_BITMAP);
    field_set(VMX_EPTP, EPT | 3 << 3 | 6);
    field_set(VMX_VIRTUAL_APIC, VIRTUAL_APIC);
    field_set(VMX_VMREAD_BITMAP, VMREAD_BITMAP);
    field_set(VMX_VMWRITE_BITMAP, VMREAD_BITMAP);
    field_set(VMX_PML_ADDRESS, PML);
    field_set(VMX_PML_INDEX, 511);
    memcpy(ram + GUEST, code, n);
}

#define begin_code(...)                              \
    do {                                             \
        static const uint8_t code[] = {__VA_ARGS__}; \
        begin(code, sizeof(code));                   \
    } while (0)

static uint32_t arrives; /* requests that come when the guest runs */

/* Runs the guest until it is left, @max steps at most; returns the exit reason. */
static uint32_t
run(unsigned max)
{
    if (s->vmx.vmcs[VMX_REGION_LAUNCHED]) {
        host(VMRESUME);
    } else {
        host(VMLAUNCH);
    }
    s->interrupt_request |= arrives;
    arrives = 0;
    for (unsigned i = 0; i < max && s->virt; i++) {
        step();
    }
    return (uint32_t)field(VMX_EXIT_REASON);
}

#define expect_exit(max, reason)                    \
    do {                                            \
        g_assert_cmphex(run(max), ==, reason);      \
        g_assert_null(s->virt);                     \
        g_assert_cmphex(s->rip, ==, HOST_EXIT);     \
    } while (0)

/* ---- VMX operation --------------------------------------------------------------------------------------------------------- */

static void
test_operation(void)
{
    begin_host();
    s->cr4 &= ~(uint64_t)X86_CR4_VMXE;
    host(VMXON_DATA);
    expect_handler(X86_EXC_UD);
    begin_host();
    s->feature_control = 4;
    host(VMXON_DATA);
    expect_handler(X86_EXC_GP);
    begin_host();
    s->cr0 &= ~(uint64_t)X86_CR0_NE;
    host(VMXON_DATA);
    expect_handler(X86_EXC_GP);
    begin_host();
    s->efer |= X86_EFER_SVME; /* one extension at a time */
    host(VMXON_DATA);
    expect_handler(X86_EXC_GP);
    begin_host();
    host(VMXOFF);
    expect_handler(X86_EXC_UD);

    begin_host();
    put(DATA, VMXON + 8, 8);
    host(VMXON_DATA);
    expect_invalid();
    put(DATA, s->phys_mask + 1, 8);
    host(VMXON_DATA);
    expect_invalid();
    put(DATA, VMXON, 8);
    put(VMXON, VMX_REVISION | VMX_SHADOW_INDICATOR, 4);
    host(VMXON_DATA);
    expect_invalid();
    put(VMXON, VMX_REVISION, 4);
    host(VMXON_DATA);
    expect_success();
    g_assert_cmpuint(s->vmx.on, ==, 1);
    host(VMXON_DATA); /* once more: there is no VMCS to tell which error */
    expect_invalid();
    host(VMCALL);
    expect_invalid();

    /* What VMX operation fixes, and holds back. */
    X86_LOW(s, X86_RAX) = s->cr4 & ~(uint64_t)X86_CR4_VMXE;
    host(0x0f, 0x22, 0xe0);
    expect_handler(X86_EXC_GP);
    X86_LOW(s, X86_RAX) = s->cr0 & ~(uint64_t)X86_CR0_NE;
    host(0x0f, 0x22, 0xc0);
    expect_handler(X86_EXC_GP);
    X86_LOW(s, X86_RCX) = 0xc0000080u;
    X86_LOW(s, X86_RAX) = s->efer | X86_EFER_SVME;
    X86_LOW(s, X86_RDX) = 0;
    host(0x0f, 0x30);
    expect_handler(X86_EXC_GP);
    s->interrupt_request = X86_REQ_INIT;
    g_assert_false(x86_interrupt_wanted(&s->tcg));
    host(VMXOFF);
    expect_success();
    g_assert_true(x86_interrupt_wanted(&s->tcg));
    step();
    g_assert_cmphex(s->rip, ==, 0xfff0);
}

static uint64_t
msr(uint32_t index)
{
    uint64_t v = 0;

    g_assert_true(x86_read_msr(s, index, &v));
    return v;
}

static void
test_capabilities(void)
{
    uint64_t v;

    begin_host();
    g_assert_cmphex((uint32_t)msr(0x480), ==, VMX_REVISION);
    g_assert_cmphex(msr(0x481) & 0x16, ==, 0x16);
    g_assert_cmphex(msr(0x482) & 0x0401e172, ==, 0x0401e172);
    g_assert_cmphex((uint32_t)msr(0x48e), ==, 0x04006172);
    g_assert_cmphex(msr(0x486), ==, 0x80000021);
    g_assert_cmphex(msr(0x488), ==, X86_CR4_VMXE);
    g_assert_false(x86_write_msr(s, 0x481, 0));
    g_assert_false(x86_read_msr(s, 0x491, &v));

    /* A control that the model does not have, and what hangs on it. */
    s->features[X86_MSR_VMX_PROC2] &= ~VMX_PROC2_EPT;
    g_assert_cmphex(msr(0x48b) >> 32 & (VMX_PROC2_EPT | VMX_PROC2_UNRESTRICTED | VMX_PROC2_PML), ==, 0);
    g_assert_cmphex(msr(0x48b) >> 32 & VMX_PROC2_VPID, ==, VMX_PROC2_VPID);
    g_assert_cmphex((uint32_t)msr(0x48c), ==, 0);
    g_assert_cmphex(msr(0x48c) >> 32, !=, 0);
    s->features[X86_MSR_VMX_PROC] &= ~(VMX_PROC_SECONDARY | VMX_PROC_CR3_LOAD);
    g_assert_false(x86_read_msr(s, 0x48b, &v));
    g_assert_cmphex((uint32_t)msr(0x48e), ==, 0x04006172 | VMX_PROC_CR3_LOAD);
    s->features[X86_FEAT_VMX >> 5] &= ~(1u << (X86_FEAT_VMX & 31));
    g_assert_false(x86_read_msr(s, 0x480, &v));
}

/* ---- VMCS instructions -------------------------------------------------------------------------------------------------------- */

static void
test_vmcs(void)
{
    begin_code(VMCALL);
    put(DATA, VMCS + 1, 8);
    host(VMCLEAR_DATA);
    expect_error(VMX_ERROR_VMCLEAR_ADDRESS);
    host(VMPTRLD_DATA);
    expect_error(VMX_ERROR_VMPTRLD_ADDRESS);
    put(DATA, VMXON, 8);
    host(VMCLEAR_DATA);
    expect_error(VMX_ERROR_VMCLEAR_VMXON);
    host(VMPTRLD_DATA);
    expect_error(VMX_ERROR_VMPTRLD_VMXON);
    host(VMXON_DATA);
    expect_error(VMX_ERROR_VMXON_IN_ROOT);
    put(DATA, SHADOW, 8);
    host(VMPTRLD_DATA);
    expect_error(VMX_ERROR_VMPTRLD_REVISION);
    host(VMCALL);
    expect_error(VMX_ERROR_VMCALL_IN_ROOT);
    host(VMRESUME);
    expect_error(VMX_ERROR_VMRESUME_NOT_LAUNCHED);
    host(VMPTRST_DATA);
    expect_success();
    g_assert_cmphex(get(DATA, 8), ==, VMCS);

    X86_LOW(s, X86_RAX) = VMX_GUEST_PAT + 1; /* the upper half */
    X86_LOW(s, X86_RBX) = UINT64_C(0x1122334455667788);
    host(VMWRITE_RAX_RBX);
    expect_success();
    host(VMREAD_RBX_RAX);
    g_assert_cmphex(X86_LOW(s, X86_RBX), ==, 0x55667788);
    X86_LOW(s, X86_RAX) = 0x1000;
    host(VMREAD_RBX_RAX);
    expect_error(VMX_ERROR_FIELD);
    X86_LOW(s, X86_RAX) = VMX_GUEST_RIP | UINT64_C(1) << 32;
    host(VMWRITE_RAX_RBX);
    expect_error(VMX_ERROR_FIELD);
    s->features[X86_MSR_VMX_MISC] &= ~VMX_MISC_WRITE_ALL;
    X86_LOW(s, X86_RAX) = VMX_EXIT_REASON;
    host(VMWRITE_RAX_RBX);
    expect_error(VMX_ERROR_READ_ONLY);

    /* From the CPU to memory and back. */
    put(DATA, VMCS, 8);
    field_set(VMX_GUEST_CR3, 0x1234567);
    host(VMCLEAR_DATA);
    expect_success();
    g_assert_cmphex(get(VMCS + x86_vmx_field_offset(VMX_GUEST_CR3), 8), ==, 0x1234567);
    X86_LOW(s, X86_RAX) = VMX_GUEST_CR3;
    host(VMREAD_RBX_RAX);
    expect_invalid();
    host(VMLAUNCH);
    expect_invalid();
    memset(s->vmx.vmcs, 0, sizeof(s->vmx.vmcs));
    host(VMPTRLD_DATA);
    host(VMREAD_RBX_RAX);
    g_assert_cmphex(X86_LOW(s, X86_RBX), ==, 0x1234567);
}

static void
test_invalidate(void)
{
    begin_code(VMCALL);
    put(DATA, EPT | 3 << 3 | 6, 8);
    X86_LOW(s, X86_RAX) = 1;
    host(0x66, 0x0f, 0x38, 0x80, AT_DATA(0)); /* invept rax, [DATA] */
    expect_success();
    put(DATA, EPT | 2 << 3 | 6, 8);
    host(0x66, 0x0f, 0x38, 0x80, AT_DATA(0));
    expect_error(VMX_ERROR_INVALIDATE);
    X86_LOW(s, X86_RAX) = 3;
    host(0x66, 0x0f, 0x38, 0x80, AT_DATA(0));
    expect_error(VMX_ERROR_INVALIDATE);
    put(DATA, 1, 8);
    host(0x66, 0x0f, 0x38, 0x81, AT_DATA(0)); /* invvpid */
    expect_success();
    put(DATA, 0, 8);
    host(0x66, 0x0f, 0x38, 0x81, AT_DATA(0));
    expect_error(VMX_ERROR_INVALIDATE);
    put(DATA, 1, 8);
    put(DATA + 8, UINT64_C(1) << 60, 8);
    X86_LOW(s, X86_RAX) = 0;
    host(0x66, 0x0f, 0x38, 0x81, AT_DATA(0));
    expect_error(VMX_ERROR_INVALIDATE);
}

/* ---- entry ------------------------------------------------------------------------------------------------------------------------ */

static void
test_round_trip(void)
{
    begin_code(0x48, 0xff, 0xc0, /* inc rax */
               0x48, 0xff, 0xc4, /* inc rsp */
               0xf9,             /* stc */
               VMCALL);
    X86_LOW(s, X86_RAX) = 0x1234;
    field_set(VMX_GUEST_SELECTOR + 2 * X86_ES, 0x38);
    expect_exit(10, VMX_REASON_VMCALL);
    g_assert_cmphex(X86_LOW(s, X86_RAX), ==, 0x1235);
    g_assert_cmphex(field(VMX_GUEST_RSP), ==, STACK - 0x1000 + 1);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST + 7);
    g_assert_cmphex(field(VMX_EXIT_LENGTH), ==, 3);
    g_assert_cmphex(field(VMX_GUEST_RFLAGS) & X86_CF, ==, X86_CF);
    g_assert_cmphex(field(VMX_GUEST_SELECTOR + 2 * X86_ES), ==, 0x38);
    g_assert_cmphex(field(VMX_GUEST_RIGHTS + 2 * X86_CS), ==, 0xa09b);
    g_assert_cmphex(field(VMX_GUEST_RIGHTS + 2 * X86_LDTR) & VMX_UNUSABLE, ==, VMX_UNUSABLE);
    g_assert_cmphex(X86_LOW(s, X86_RSP), ==, STACK);
    g_assert_cmphex(s->cc | s->eflags, ==, 2);
    g_assert_cmphex(s->seg[X86_ES].selector, ==, DATA64);
    host(VMLAUNCH);
    expect_error(VMX_ERROR_VMLAUNCH_NOT_CLEAR);
    expect_exit(10, VMX_REASON_VMCALL); /* resumed where it was */
}

typedef struct {
    unsigned field;
    uint64_t set, clear;
} FieldCase;

/* What no entry takes in the controls (7) and in the host's state (8). */
static const FieldCase control_cases[] = {
    {VMX_PIN_CONTROLS, 1u << 8, 0},
    {VMX_PIN_CONTROLS, 0, 1u << 1},
    {VMX_PIN_CONTROLS, VMX_PIN_VIRTUAL_NMI, 0},
    {VMX_PROC_CONTROLS, VMX_PROC_NMI_WINDOW, 0},
    {VMX_PROC_CONTROLS, 1u << 0, 0},
    {VMX_PROC2_CONTROLS, 1u << 30, 0},
    {VMX_PROC2_CONTROLS, VMX_PROC2_VPID, 0},
    {VMX_PROC2_CONTROLS, VMX_PROC2_UNRESTRICTED, 0},
    {VMX_CR3_TARGET_COUNT, 5, 0},
    {VMX_IO_BITMAP_A, 1, 0},
    {VMX_MSR_BITMAP, UINT64_C(1) << 52, 0},
    {VMX_EXIT_CONTROLS, VMX_EXIT_SAVE_TIMER, 0},
    {VMX_ENTRY_CONTROLS, 1u << 10, 0},
    {VMX_ENTRY_EVENT, VMX_EVENT_VALID | 1 << 8, 0},
    {VMX_ENTRY_EVENT, VMX_EVENT_VALID | 3 << 8 | 13, 0},
    {VMX_ENTRY_EVENT, VMX_EVENT_VALID | 3 << 8 | 21, 0},
    {VMX_ENTRY_EVENT, VMX_EVENT_VALID | 3 << 8 | 32, 0},
    {VMX_ENTRY_EVENT, VMX_EVENT_VALID | 2 << 8 | 3, 0},
};
static const FieldCase host_cases[] = {
    {VMX_HOST_CR0, 0, X86_CR0_NE},
    {VMX_HOST_CR3, UINT64_C(1) << 60, 0},
    {VMX_HOST_CR4, 0, X86_CR4_VMXE},
    {VMX_HOST_CR4, 0, X86_CR4_PAE},
    {VMX_HOST_EFER, 0, X86_EFER_LMA},
    {VMX_HOST_EFER, X86_EFER_SVME, 0},
    {VMX_HOST_SELECTOR + 2 * X86_CS, 0, 0xffff},
    {VMX_HOST_SELECTOR + 2 * X86_DS, 3, 0},
    {VMX_HOST_SELECTOR + 12, 4, 0},
    {VMX_HOST_GDTR_BASE, UINT64_C(1) << 60, 0},
    {VMX_HOST_RIP, UINT64_C(1) << 60, 0},
    {VMX_EXIT_CONTROLS, 0, VMX_EXIT_HOST_64},
};
/* And in the guest's: an exit of its own. */
static const FieldCase guest_cases[] = {
    {VMX_GUEST_CR0, 0, X86_CR0_NE},
    {VMX_GUEST_CR0, 0, X86_CR0_PE},
    {VMX_GUEST_CR3, UINT64_C(1) << 60, 0},
    {VMX_GUEST_CR4, 1u << 30, 0},
    {VMX_GUEST_EFER, 0, X86_EFER_LMA},
    {VMX_GUEST_SELECTOR + 2 * X86_TR, 4, 0},
    {VMX_GUEST_SELECTOR + 2 * X86_SS, 3, 0},
    {VMX_GUEST_BASE + 2 * X86_CS, UINT64_C(1) << 32, 0},
    {VMX_GUEST_BASE + 2 * X86_FS, UINT64_C(1) << 60, 0},
    {VMX_GUEST_LIMIT + 2 * X86_DS, 0, 1},
    {VMX_GUEST_LIMIT + 2 * X86_TR, 1u << 20, 0},
    {VMX_GUEST_RIGHTS + 2 * X86_CS, 0, 8},
    {VMX_GUEST_RIGHTS + 2 * X86_CS, 1u << 14, 0},
    {VMX_GUEST_RIGHTS + 2 * X86_SS, 0, 2},
    {VMX_GUEST_RIGHTS + 2 * X86_DS, 0, 1u << 7},
    {VMX_GUEST_RIGHTS + 2 * X86_GS, 1u << 9, 0},
    {VMX_GUEST_RIGHTS + 2 * X86_TR, VMX_UNUSABLE, 0},
    {VMX_GUEST_RIGHTS + 2 * X86_TR, 0, 2},
    {VMX_GUEST_RIGHTS + 2 * X86_LDTR, 0, VMX_UNUSABLE},
    {VMX_GUEST_GDTR_LIMIT, 1u << 16, 0},
    {VMX_GUEST_RIP, UINT64_C(1) << 60, 0},
    {VMX_GUEST_RFLAGS, 0, 2},
    {VMX_GUEST_RFLAGS, X86_VM, 0},
    {VMX_GUEST_ACTIVITY, VMX_SHUTDOWN, 0},
    {VMX_GUEST_INTERRUPTIBILITY, VMX_BLOCKED_BY_STI, 0},
    {VMX_GUEST_INTERRUPTIBILITY, 16, 0},
    {VMX_GUEST_PENDING_DEBUG, 1u << 4, 0},
    {VMX_LINK_POINTER, 0, 0xfff},
};

static void
run_field_case(const FieldCase *c)
{
    begin_code(VMCALL);
    field_set(c->field, (field(c->field) | c->set) & ~c->clear);
    g_test_message("field %x: %" G_GINT64_MODIFIER "x", c->field, field(c->field));
}

static void
test_refused(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(control_cases); i++) {
        run_field_case(&control_cases[i]);
        host(VMLAUNCH);
        expect_error(VMX_ERROR_CONTROLS);
        g_assert_cmphex(s->rip, ==, HOST + 3);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(host_cases); i++) {
        run_field_case(&host_cases[i]);
        host(VMLAUNCH);
        expect_error(VMX_ERROR_HOST_STATE);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(guest_cases); i++) {
        run_field_case(&guest_cases[i]);
        expect_exit(0, VMX_REASON_BAD_GUEST | VMX_REASON_ENTRY_FAILED);
        g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, guest_cases[i].field == VMX_LINK_POINTER ? 4 : 0);
    }
    /* CR4.CET goes with CR0.WP. */
    begin_code(VMCALL);
    field_set(VMX_HOST_CR4, field(VMX_HOST_CR4) | X86_CR4_CET);
    field_set(VMX_HOST_CR0, field(VMX_HOST_CR0) & ~(uint64_t)X86_CR0_WP);
    host(VMLAUNCH);
    expect_error(VMX_ERROR_HOST_STATE);
    begin_code(VMCALL);
    field_set(VMX_GUEST_CR4, field(VMX_GUEST_CR4) | X86_CR4_CET);
    field_set(VMX_GUEST_CR0, field(VMX_GUEST_CR0) & ~(uint64_t)X86_CR0_WP);
    expect_exit(0, VMX_REASON_BAD_GUEST | VMX_REASON_ENTRY_FAILED);
    begin_code(VMCALL);
    s->shadow = X86_SHADOW_SS;
    host(VMLAUNCH);
    expect_error(VMX_ERROR_MOV_SS);
}

static void
test_msr_lists(void)
{
    begin_code(VMCALL);
    put(MSR_LIST, 0xc0000102u, 4); /* KERNEL_GS_BASE: out of one place, into another */
    put(MSR_LIST + 8, 0x1111, 8);
    put(MSR_LIST + 16, 0xc0000102u, 4);
    put(MSR_LIST + 32, 0xc0000102u, 4);
    put(MSR_LIST + 40, 0x3333, 8);
    field_set(VMX_ENTRY_MSR_LOAD_COUNT, 1);
    field_set(VMX_ENTRY_MSR_LOAD, MSR_LIST);
    field_set(VMX_EXIT_MSR_STORE_COUNT, 1);
    field_set(VMX_EXIT_MSR_STORE, MSR_LIST + 16);
    field_set(VMX_EXIT_MSR_LOAD_COUNT, 1);
    field_set(VMX_EXIT_MSR_LOAD, MSR_LIST + 32);
    expect_exit(5, VMX_REASON_VMCALL);
    g_assert_cmphex(get(MSR_LIST + 24, 8), ==, 0x1111);
    g_assert_cmphex(s->kernel_gs_base, ==, 0x3333);

    put(MSR_LIST + 16, 0xc0000100u, 4); /* FS_BASE has a field of its own */
    field_set(VMX_ENTRY_MSR_LOAD_COUNT, 2);
    expect_exit(0, VMX_REASON_BAD_MSR | VMX_REASON_ENTRY_FAILED);
    g_assert_cmpuint(field(VMX_EXIT_QUALIFICATION), ==, 2);

    /* An exit that cannot put back what it should is the end. */
    field_set(VMX_ENTRY_MSR_LOAD_COUNT, 0);
    put(MSR_LIST + 16, 0x12345, 4);
    host(VMRESUME);
    g_assert_nonnull(s->virt);
    g_assert_false(step());
    g_assert_cmpuint(get(VMCS + VMX_REGION_ABORT, 4), ==, 1);
}

/* ---- exits ------------------------------------------------------------------------------------------------------------------------ */

typedef struct {
    const char *name;
    unsigned control; /* field */
    uint32_t bit;     /* 0: always */
    uint32_t reason;
    uint64_t qualification;
    uint32_t info;
    uint8_t length;
    uint8_t bytes[10];
} InterceptCase;

#define ABS32 0x25, 0x00, 0x00, 0x08, 0x00
#define INFO_ABS (2u << 7 | 3u << 15 | 1u << 22 | 1u << 27)

static const InterceptCase intercept_cases[] = {
    {"cpuid", 0, 0, VMX_REASON_CPUID, 0, 0, 2, {0x0f, 0xa2}},
    {"invd", 0, 0, VMX_REASON_INVD, 0, 0, 2, {0x0f, 0x08}},
    {"vmcall", 0, 0, VMX_REASON_VMCALL, 0, 0, 3, {VMCALL}},
    {"vmlaunch", 0, 0, VMX_REASON_VMLAUNCH, 0, 0, 3, {VMLAUNCH}},
    {"vmxoff", 0, 0, VMX_REASON_VMXOFF, 0, 0, 3, {VMXOFF}},
    {"vmptrld [80000h]", 0, 0, VMX_REASON_VMPTRLD, 0x80000, INFO_ABS, 8, {VMPTRLD_DATA}},
    {"vmread rbx, rax", 0, 0, VMX_REASON_VMREAD, 0, 1 << 10 | 3 << 3, 3, {VMREAD_RBX_RAX}},
    {"invept rdx, [80000h]", 0, 0, VMX_REASON_INVEPT, 0x80000, INFO_ABS | 2u << 28, 10, {0x66, 0x0f, 0x38, 0x80, 0x14, ABS32}},
    {"hlt", VMX_PROC_CONTROLS, VMX_PROC_HLT, VMX_REASON_HLT, 0, 0, 1, {0xf4}},
    {"invlpg [80000h]", VMX_PROC_CONTROLS, VMX_PROC_INVLPG, VMX_REASON_INVLPG, 0x80000, 0, 8, {0x0f, 0x01, 0x3c, ABS32}},
    {"invpcid rax, [80000h]", VMX_PROC_CONTROLS, VMX_PROC_INVLPG, VMX_REASON_INVPCID, 0x80000, INFO_ABS, 10, {0x66, 0x0f, 0x38, 0x82, 0x04, ABS32}},
    {"rdtsc", VMX_PROC_CONTROLS, VMX_PROC_RDTSC, VMX_REASON_RDTSC, 0, 0, 2, {0x0f, 0x31}},
    {"rdtscp", VMX_PROC_CONTROLS, VMX_PROC_RDTSC, VMX_REASON_RDTSCP, 0, 0, 3, {0x0f, 0x01, 0xf9}},
    {"rdpmc", VMX_PROC_CONTROLS, VMX_PROC_RDPMC, VMX_REASON_RDPMC, 0, 0, 2, {0x0f, 0x33}},
    {"mwait", VMX_PROC_CONTROLS, VMX_PROC_MWAIT, VMX_REASON_MWAIT, 0, 0, 3, {0x0f, 0x01, 0xc9}},
    {"monitor", VMX_PROC_CONTROLS, VMX_PROC_MONITOR, VMX_REASON_MONITOR, 0, 0, 3, {0x0f, 0x01, 0xc8}},
    {"pause", VMX_PROC_CONTROLS, VMX_PROC_PAUSE, VMX_REASON_PAUSE, 0, 0, 2, {0xf3, 0x90}},
    {"mov rcx, cr3", VMX_PROC_CONTROLS, VMX_PROC_CR3_STORE, VMX_REASON_CR, 3 | 1 << 4 | 1 << 8, 0, 3, {0x0f, 0x20, 0xd9}},
    {"mov cr3, rcx", VMX_PROC_CONTROLS, VMX_PROC_CR3_LOAD, VMX_REASON_CR, 3 | 1 << 8, 0, 3, {0x0f, 0x22, 0xd9}},
    {"mov rax, cr8", VMX_PROC_CONTROLS, VMX_PROC_CR8_STORE, VMX_REASON_CR, 8 | 1 << 4, 0, 4, {0x44, 0x0f, 0x20, 0xc0}},
    {"mov cr8, rax", VMX_PROC_CONTROLS, VMX_PROC_CR8_LOAD, VMX_REASON_CR, 8, 0, 4, {0x44, 0x0f, 0x22, 0xc0}},
    {"mov rdx, dr7", VMX_PROC_CONTROLS, VMX_PROC_MOV_DR, VMX_REASON_MOV_DR, 7 | 1 << 4 | 2 << 8, 0, 3, {0x0f, 0x21, 0xfa}},
    {"mov dr3, rdx", VMX_PROC_CONTROLS, VMX_PROC_MOV_DR, VMX_REASON_MOV_DR, 3 | 2 << 8, 0, 3, {0x0f, 0x23, 0xda}},
    {"clts", VMX_CR0_MASK, X86_CR0_TS, VMX_REASON_CR, 2 << 4, 0, 2, {0x0f, 0x06}},
    {"lmsw ax", VMX_CR0_MASK, X86_CR0_TS, VMX_REASON_CR, 3 << 4 | 1 << 16, 0, 3, {0x0f, 0x01, 0xf0}},
    {"sgdt [80000h]", VMX_PROC2_CONTROLS, VMX_PROC2_TABLES, VMX_REASON_GDTR_IDTR, 0x80000, INFO_ABS | 1 << 11, 8, {0x0f, 0x01, 0x04, ABS32}},
    {"lidt [80000h]", VMX_PROC2_CONTROLS, VMX_PROC2_TABLES, VMX_REASON_GDTR_IDTR, 0x80000, INFO_ABS | 1 << 11 | 3u << 28, 8, {0x0f, 0x01, 0x1c, ABS32}},
    {"str ecx", VMX_PROC2_CONTROLS, VMX_PROC2_TABLES, VMX_REASON_LDTR_TR, 0, 1 << 10 | 1 << 3 | 1u << 28, 3, {0x0f, 0x00, 0xc9}},
    {"wbinvd", VMX_PROC2_CONTROLS, VMX_PROC2_WBINVD, VMX_REASON_WBINVD, 0, 0, 2, {0x0f, 0x09}},
    {"rdrand edi", VMX_PROC2_CONTROLS, VMX_PROC2_RDRAND, VMX_REASON_RDRAND, 0, 7 << 3 | 1 << 11, 3, {0x0f, 0xc7, 0xf7}},
    {"rdseed r9", VMX_PROC2_CONTROLS, VMX_PROC2_RDSEED, VMX_REASON_RDSEED, 0, 9 << 3 | 2 << 11, 4, {0x49, 0x0f, 0xc7, 0xf9}},
    {"int3", VMX_EXCEPTION_BITMAP, 1u << X86_EXC_BP, VMX_REASON_EXCEPTION, 0, 0, 1, {0xcc}},
    {"int1", VMX_EXCEPTION_BITMAP, 1u << X86_EXC_DB, VMX_REASON_EXCEPTION, 0, 0, 1, {0xf1}},
};

static void
test_intercepts(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(intercept_cases); i++) {
        const InterceptCase *c = &intercept_cases[i];

        for (unsigned on = c->bit == 0; on < 2; on++) {
            g_test_message("%s %s", c->name, on ? "intercepted" : "not");
            begin(c->bytes, c->length);
            memcpy(ram + GUEST + c->length, (const uint8_t[]){VMCALL}, 3);
            put(DATA, 0, 8);
            X86_LOW(s, X86_RAX) = 1;
            X86_LOW(s, X86_RCX) = c->reason == VMX_REASON_CR ? TABLES : 0;
            X86_LOW(s, X86_RDX) = 0;
            field_set(VMX_CR0_SHADOW, X86_CR0_TS);
            if (on && c->bit) {
                field_or(c->control, c->bit);
            }
            if (!on && c->reason == VMX_REASON_EXCEPTION) {
                put(HANDLERS + 16 * (c->bytes[0] == 0xcc ? 3 : 1), 0xc1010f, 3); /* vmcall */
            }
            if (!on && c->reason == VMX_REASON_HLT) {
                run(2);
                g_assert_nonnull(s->virt);
                g_assert_cmpuint(s->halted, ==, 1);
                continue;
            }
            if (!on && c->reason == VMX_REASON_RDPMC) {
                continue; /* would fault: Intel's have none */
            }
            expect_exit(4, on ? c->reason : VMX_REASON_VMCALL);
            if (on) {
                g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, c->qualification);
                g_assert_cmphex(field(VMX_EXIT_INFO), ==, c->info);
                g_assert_cmpuint(field(VMX_EXIT_LENGTH), ==, c->length);
                g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST);
            }
        }
    }
}

static void
test_bitmaps(void)
{
    static const uint8_t in[] = {0xe5, 0x10, VMCALL}; /* in eax, 10h */

    begin(in, sizeof(in));
    expect_exit(4, VMX_REASON_VMCALL);
    begin(in, sizeof(in));
    ram[IO_BITMAPS + 2] = 8; /* port 13h, the last of the four bytes */
    expect_exit(4, VMX_REASON_IO);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x10 << 16 | 1 << 6 | 1 << 3 | 3);

    begin_code(0x67, 0xf3, 0x6e); /* a32 rep outsb */
    X86_LOW(s, X86_RCX) = 1;
    X86_LOW(s, X86_RDX) = 0x8001;
    X86_LOW(s, X86_RSI) = UINT64_C(0x100080123);
    ram[IO_BITMAPS + 0x1000] = 2;
    expect_exit(4, VMX_REASON_IO);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x8001u << 16 | 3 << 4);
    g_assert_cmphex(field(VMX_GUEST_LINEAR_ADDRESS), ==, 0x80123);
    g_assert_cmphex(field(VMX_EXIT_INFO), ==, 1 << 7 | 3 << 15);

    for (unsigned write = 0; write < 2; write++) {
        static const uint32_t index[] = {0x174, 0xc0000102u};

        for (unsigned high = 0; high < 2; high++) {
            for (unsigned on = 0; on < 2; on++) {
                const uint8_t code[] = {0x0f, write ? 0x30 : 0x32, VMCALL};

                begin(code, sizeof(code));
                X86_LOW(s, X86_RCX) = index[high];
                X86_LOW(s, X86_RAX) = X86_LOW(s, X86_RDX) = 0;
                if (on) {
                    ram[MSR_BITMAP + 2048 * write + 1024 * high + (index[high] & 0x1fff) / 8] = (uint8_t)(1u << (index[high] & 7));
                }
                expect_exit(4, !on ? VMX_REASON_VMCALL : write ? VMX_REASON_WRMSR : VMX_REASON_RDMSR);
            }
        }
    }
    begin_code(0x0f, 0x32);
    X86_LOW(s, X86_RCX) = 0x40000000; /* in no range */
    expect_exit(4, VMX_REASON_RDMSR);
}

static void
test_control_registers(void)
{
    begin_code(0x0f, 0x20, 0xc1, /* mov rcx, cr0 */
               0x0f, 0x20, 0xe2, /* mov rdx, cr4 */
               0x0f, 0x22, 0xe0, /* mov cr4, rax */
               VMCALL);
    field_set(VMX_CR0_MASK, X86_CR0_TS | X86_CR0_NE);
    field_set(VMX_CR0_SHADOW, X86_CR0_TS);
    field_set(VMX_CR4_MASK, X86_CR4_VMXE);
    X86_LOW(s, X86_RAX) = (s->cr4 | X86_CR4_TSD) & ~(uint64_t)X86_CR4_VMXE;
    expect_exit(6, VMX_REASON_VMCALL);
    g_assert_cmphex(X86_LOW(s, X86_RCX), ==, (field(VMX_GUEST_CR0) & ~(uint64_t)X86_CR0_NE) | X86_CR0_TS);
    g_assert_cmphex(X86_LOW(s, X86_RDX) & X86_CR4_VMXE, ==, 0);
    g_assert_cmphex(field(VMX_GUEST_CR4) & (X86_CR4_VMXE | X86_CR4_TSD), ==, X86_CR4_VMXE | X86_CR4_TSD);
    begin_code(0x0f, 0x22, 0xe0, VMCALL);
    field_set(VMX_EXCEPTION_BITMAP, 1u << X86_EXC_GP);
    X86_LOW(s, X86_RAX) = s->cr4 & ~(uint64_t)X86_CR4_VMXE; /* not the guest's to take away */
    expect_exit(6, VMX_REASON_EXCEPTION);
    begin_code(0x0f, 0x22, 0xd8, VMCALL); /* mov cr3, rax */
    field_or(VMX_PROC_CONTROLS, VMX_PROC_CR3_LOAD);
    field_set(VMX_CR3_TARGET_COUNT, 2);
    field_set(VMX_CR3_TARGET + 2, TABLES);
    X86_LOW(s, X86_RAX) = TABLES;
    expect_exit(6, VMX_REASON_VMCALL);

    /* CR8 in the virtual APIC, down to its threshold. */
    begin_code(0x44, 0x0f, 0x22, 0xc0, /* mov cr8, rax */
               0x44, 0x0f, 0x20, 0xc1, /* mov rcx, cr8 */
               0x44, 0x0f, 0x22, 0xc3, /* mov cr8, rbx */
               VMCALL);
    field_or(VMX_PROC_CONTROLS, VMX_PROC_TPR_SHADOW);
    field_set(VMX_TPR_THRESHOLD, 5);
    ram[VIRTUAL_APIC + 0x80] = 0x50;
    X86_LOW(s, X86_RAX) = 7;
    X86_LOW(s, X86_RBX) = 4;
    expect_exit(6, VMX_REASON_TPR_THRESHOLD);
    g_assert_cmpuint(X86_LOW(s, X86_RCX), ==, 7);
    g_assert_cmphex(get(VIRTUAL_APIC + 0x80, 4), ==, 0x40);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST + 12);
}

/* ---- events ----------------------------------------------------------------------------------------------------------------------- */

static void
test_exceptions(void)
{
    begin_code(0x0f, 0x0b);
    field_set(VMX_EXCEPTION_BITMAP, 1u << X86_EXC_UD);
    expect_exit(3, VMX_REASON_EXCEPTION);
    g_assert_cmphex(field(VMX_EXIT_EVENT), ==, VMX_EVENT_VALID | 3 << 8 | X86_EXC_UD);
    g_assert_cmphex(field(VMX_GUEST_RFLAGS) & X86_RF, ==, X86_RF);

    for (unsigned match = 0; match < 2; match++) {
        static const uint8_t load[] = {0x8a, 0x04, 0x25, 0x00, 0x00, 0x80, 0x00}; /* mov al, [800000h] */

        begin(load, sizeof(load));
        put(HANDLERS + 16 * X86_EXC_PF, 0xc1010f, 3);
        field_set(VMX_EXCEPTION_BITMAP, 1u << X86_EXC_PF);
        field_set(VMX_PF_MASK, 2);
        field_set(VMX_PF_MATCH, match ? 0 : 2);
        expect_exit(4, match ? VMX_REASON_EXCEPTION : VMX_REASON_VMCALL);
        if (match) {
            g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x800000);
            g_assert_cmphex(field(VMX_EXIT_EVENT), ==, VMX_EVENT_VALID | VMX_EVENT_HAS_ERROR | 3 << 8 | X86_EXC_PF);
            g_assert_cmphex(s->cr2, ==, 0);
        }
    }

    /* A debug trap tells its causes; DR6 keeps what it had. */
    begin_code(0x90, 0x90);
    field_set(VMX_EXCEPTION_BITMAP, 1u << X86_EXC_DB);
    field_or(VMX_GUEST_RFLAGS, X86_TF);
    expect_exit(3, VMX_REASON_EXCEPTION);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, X86_DR6_BS);
    g_assert_cmphex(s->dr[6], ==, 0xffff0ff0u);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST + 1);

    /* Three faults in a row. */
    begin_code(0x0f, 0x0b);
    field_set(VMX_GUEST_IDTR_LIMIT, 0);
    expect_exit(3, VMX_REASON_TRIPLE_FAULT);
    g_assert_cmphex(field(VMX_IDT_EVENT), ==, 0);
    begin_code(0xcd, 0x40);
    field_set(VMX_GUEST_IDTR_LIMIT, 0);
    field_set(VMX_EXCEPTION_BITMAP, 1u << X86_EXC_DF);
    expect_exit(3, VMX_REASON_EXCEPTION);
    g_assert_cmphex(field(VMX_EXIT_EVENT), ==, VMX_EVENT_VALID | VMX_EVENT_HAS_ERROR | 3 << 8 | X86_EXC_DF);
    g_assert_cmphex(field(VMX_IDT_EVENT), ==, 0);

    /* What an exit interrupts: INT n whose gate is not present. */
    begin_code(0xcd, 0x40);
    put(IDT + 16 * 0x40 + 4, 0, 4);
    field_set(VMX_EXCEPTION_BITMAP, 1u << X86_EXC_GP);
    expect_exit(3, VMX_REASON_EXCEPTION);
    g_assert_cmphex(field(VMX_IDT_EVENT), ==, VMX_EVENT_VALID | 4 << 8 | 0x40);
    g_assert_cmpuint(field(VMX_EXIT_LENGTH), ==, 2);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST);
}

static void
test_injection(void)
{
    begin_code(0x90);
    put(HANDLERS + 16 * 0x41, 0xc1010f, 3);
    field_set(VMX_ENTRY_EVENT, VMX_EVENT_VALID | 4 << 8 | 0x41);
    field_set(VMX_ENTRY_LENGTH, 3);
    expect_exit(3, VMX_REASON_VMCALL);
    g_assert_cmphex(get(field(VMX_GUEST_RSP), 8), ==, GUEST + 3); /* behind the instruction that it stands for */
    g_assert_cmphex(field(VMX_ENTRY_EVENT) & VMX_EVENT_VALID, ==, 0);

    begin_code(0x90);
    put(HANDLERS + 16 * X86_EXC_GP, 0xc1010f, 3);
    field_set(VMX_ENTRY_EVENT, VMX_EVENT_VALID | VMX_EVENT_HAS_ERROR | 3 << 8 | X86_EXC_GP);
    field_set(VMX_ENTRY_EVENT_ERROR, 0x1234);
    field_set(VMX_EXCEPTION_BITMAP, 1u << X86_EXC_GP); /* not asked for an injected one */
    expect_exit(3, VMX_REASON_VMCALL);
    g_assert_cmphex(get(field(VMX_GUEST_RSP), 8), ==, 0x1234);
    g_assert_cmphex(get(field(VMX_GUEST_RSP) + 8, 8), ==, GUEST);

    /* An injected event meets an EPT violation. */
    begin_code(0x90);
    field_or(VMX_PROC2_CONTROLS, VMX_PROC2_EPT);
    put(EPT + 0x3000 + 8 * (IDT >> 12), 0, 8);
    field_set(VMX_ENTRY_EVENT, VMX_EVENT_VALID | 0x50);
    field_or(VMX_GUEST_RFLAGS, X86_IF);
    expect_exit(3, VMX_REASON_EPT_VIOLATION);
    g_assert_cmphex(field(VMX_IDT_EVENT), ==, VMX_EVENT_VALID | 0x50);
    g_assert_cmphex(field(VMX_GUEST_PHYSICAL_ADDRESS), ==, IDT + 16 * 0x50);
}

static void
test_interrupts(void)
{
    begin_code(0x90, 0x90);
    field_or(VMX_PIN_CONTROLS, VMX_PIN_INTR | VMX_PIN_NMI);
    s->interrupt_request = X86_REQ_HARD;
    expect_exit(3, VMX_REASON_INTR);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST); /* whatever the guest's IF */
    g_assert_cmphex(s->interrupt_request & X86_REQ_HARD, ==, X86_REQ_HARD);
    s->interrupt_request = 0;
    arrives = X86_REQ_NMI;
    expect_exit(3, VMX_REASON_EXCEPTION);
    g_assert_cmphex(field(VMX_EXIT_EVENT), ==, VMX_EVENT_VALID | 2 << 8 | 2);
    g_assert_cmpuint(s->nmi_blocked, ==, 1);
    arrives = X86_REQ_INIT;
    expect_exit(3, VMX_REASON_INIT);
    g_assert_cmphex(s->interrupt_request, ==, 0);
    field_set(VMX_GUEST_ACTIVITY, VMX_WAIT_SIPI);
    arrives = X86_REQ_SIPI | X86_REQ_NMI;
    s->sipi_vector = 0x9a;
    expect_exit(3, VMX_REASON_SIPI);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x9a);
    s->interrupt_request = 0;

    begin_code(0x90, 0xfb, 0x90, 0x90); /* nop; sti; nop */
    field_or(VMX_PROC_CONTROLS, VMX_PROC_INTR_WINDOW);
    expect_exit(5, VMX_REASON_INTR_WINDOW);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST + 3); /* behind STI's shadow */

    /* Virtual NMIs: an injected one blocks, IRET ends that, physical ones leave at any time. */
    begin_code(0x90);
    memcpy(ram + HANDLERS + 16 * 2, (const uint8_t[]){0x90, 0x48, 0xcf}, 3); /* nop; iretq */
    field_or(VMX_PIN_CONTROLS, VMX_PIN_NMI | VMX_PIN_VIRTUAL_NMI);
    field_or(VMX_PROC_CONTROLS, VMX_PROC_NMI_WINDOW);
    field_set(VMX_ENTRY_EVENT, VMX_EVENT_VALID | 2 << 8 | 2);
    expect_exit(5, VMX_REASON_NMI_WINDOW);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST);
    field_set(VMX_GUEST_INTERRUPTIBILITY, VMX_BLOCKED_BY_NMI);
    arrives = X86_REQ_NMI;
    expect_exit(5, VMX_REASON_EXCEPTION);
    g_assert_cmphex(field(VMX_GUEST_INTERRUPTIBILITY), ==, VMX_BLOCKED_BY_NMI);

    /* A halted guest stays halted over an exit. */
    begin_code(0x90);
    field_or(VMX_PIN_CONTROLS, VMX_PIN_INTR);
    field_set(VMX_GUEST_ACTIVITY, VMX_HALTED);
    run(2);
    g_assert_nonnull(s->virt);
    g_assert_cmpuint(s->halted, ==, 1);
    s->interrupt_request = X86_REQ_HARD;
    step();
    g_assert_null(s->virt);
    g_assert_cmpuint(field(VMX_GUEST_ACTIVITY), ==, VMX_HALTED);
    s->interrupt_request = 0;
}

static void
test_boundaries(void)
{
    begin_code(0x90, 0xcd, 0x42);
    field_or(VMX_PROC_CONTROLS, VMX_PROC_MTF);
    expect_exit(3, VMX_REASON_MTF);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST + 1);
    expect_exit(3, VMX_REASON_MTF);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, HANDLERS + 16 * 0x42); /* the delivery was the step */
    field_or(VMX_GUEST_RFLAGS, X86_TF);
    field_set(VMX_GUEST_RIP, GUEST);
    expect_exit(3, VMX_REASON_MTF);
    g_assert_cmphex(field(VMX_GUEST_PENDING_DEBUG), ==, X86_DR6_BS);
    field_set(VMX_PROC_CONTROLS, field(VMX_PROC_CONTROLS) & ~(uint64_t)VMX_PROC_MTF);
    field_set(VMX_EXCEPTION_BITMAP, 1u << X86_EXC_DB);
    expect_exit(3, VMX_REASON_EXCEPTION); /* what was pending comes first */
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST + 1);
    begin_code(0x90);
    field_set(VMX_ENTRY_EVENT, VMX_EVENT_VALID | 7 << 8);
    expect_exit(3, VMX_REASON_MTF);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST);

    begin_code(0xeb, 0xfe); /* jmp $ */
    field_or(VMX_PIN_CONTROLS, VMX_PIN_TIMER);
    field_or(VMX_EXIT_CONTROLS, VMX_EXIT_SAVE_TIMER);
    field_set(VMX_PREEMPTION_TIMER, 0);
    expect_exit(0x10000000, VMX_REASON_TIMER);
    field_set(VMX_PREEMPTION_TIMER, 1000);
    expect_exit(0x10000000, VMX_REASON_TIMER);
    g_assert_cmpuint(field(VMX_PREEMPTION_TIMER), ==, 0);
    field_set(VMX_PREEMPTION_TIMER, UINT32_MAX);
    field_set(VMX_EXCEPTION_BITMAP, UINT32_MAX);
    ram[GUEST] = 0xcc;
    expect_exit(3, VMX_REASON_EXCEPTION);
    g_assert_cmpuint(field(VMX_PREEMPTION_TIMER), >, 0);

    begin_code(0x0f, 0x31, VMCALL); /* rdtsc */
    field_or(VMX_PROC_CONTROLS, VMX_PROC_TSC_OFFSET);
    field_set(VMX_TSC_OFFSET, UINT64_C(1) << 62);
    expect_exit(3, VMX_REASON_VMCALL);
    g_assert_cmphex(X86_LOW(s, X86_RDX) >> 30, ==, 1);
}

/* ---- EPT ------------------------------------------------------------------------------------------------------------------------------ */

#define EPT_ENTRY(at) (EPT + 0x3000 + 8 * ((at) >> 12))

static void
begin_ept(const uint8_t *code, unsigned n, uint64_t eptp_flags)
{
    begin(code, n);
    field_or(VMX_PROC2_CONTROLS, VMX_PROC2_EPT);
    field_or(VMX_EPTP, eptp_flags);
}

static void
test_ept(void)
{
    static const uint8_t store[] = {0x88, 0x04, 0x25, 0x45, 0x03, 0x08, 0x00, VMCALL}; /* mov [80345h], al */
    static const uint8_t load[] = {0x8a, 0x04, 0x25, 0x45, 0x03, 0x08, 0x00, VMCALL};

    begin_ept(store, sizeof(store), 0);
    put(EPT_ENTRY(DATA), 0x123000 | EPT_ALL, 8);
    X86_LOW(s, X86_RAX) = 0x77;
    expect_exit(4, VMX_REASON_VMCALL);
    g_assert_cmphex(ram[0x123345], ==, 0x77);

    begin_ept(store, sizeof(store), 0);
    put(EPT_ENTRY(DATA), DATA | (EPT_ALL & ~2u), 8);
    expect_exit(4, VMX_REASON_EPT_VIOLATION);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x1aa); /* write; readable, executable; final, linear address */
    g_assert_cmphex(field(VMX_GUEST_PHYSICAL_ADDRESS), ==, DATA + 0x345);
    g_assert_cmphex(field(VMX_GUEST_LINEAR_ADDRESS), ==, DATA + 0x345);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, GUEST);

    begin_ept(load, sizeof(load), 0);
    put(EPT_ENTRY(DATA), DATA | 4 | 6 << 3, 8); /* only to be executed */
    expect_exit(4, VMX_REASON_EPT_VIOLATION);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x1a1);
    begin_ept(load, sizeof(load), 0);
    put(EPT_ENTRY(GUEST), GUEST | 3 | 6 << 3, 8);
    expect_exit(4, VMX_REASON_EPT_VIOLATION);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x19c);
    begin_ept(load, sizeof(load), 0);
    put(EPT_ENTRY(TABLES + 0x1000), 0, 8); /* a table of the guest's */
    expect_exit(4, VMX_REASON_EPT_VIOLATION);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x081);
    begin_ept(load, sizeof(load), 0);
    put(TABLES + 0x5000, (TABLES + 0x6000) | 7, 8);
    put(TABLES + 0x6000, (TABLES + 0x7000) | 7, 8);
    put(TABLES + 0x7000, 0x87, 8);
    put(EPT_ENTRY(TABLES + 0x7000), (TABLES + 0x7000) | 1 | 6 << 3, 8); /* its accessed flag cannot be set */
    field_set(VMX_GUEST_CR3, TABLES + 0x5000);
    expect_exit(4, VMX_REASON_EPT_VIOLATION);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x08b);

    for (unsigned i = 0; i < 4; i++) {
        static const uint64_t wrong[] = {DATA | 2 | 6 << 3, DATA | 7 | 2 << 3, DATA | 7 | 7 << 3, UINT64_C(0x0008000000000000) | EPT_ALL};

        begin_ept(load, sizeof(load), 0);
        put(EPT_ENTRY(DATA), wrong[i], 8);
        expect_exit(4, VMX_REASON_EPT_MISCONFIGURATION);
        g_assert_cmphex(field(VMX_GUEST_PHYSICAL_ADDRESS), ==, DATA + 0x345);
    }

    /* Accessed and dirty flags, and the log of what became dirty. */
    begin_ept(load, sizeof(load), 1 << 6);
    expect_exit(4, VMX_REASON_VMCALL);
    g_assert_cmphex(get(EPT_ENTRY(DATA), 8), ==, DATA | EPT_ALL | 0x100);
    g_assert_cmphex(get(EPT_ENTRY(TABLES), 8), ==, TABLES | EPT_ALL | 0x300);
    g_assert_cmphex(get(EPT, 8) & 0x300, ==, 0x100);
    begin_ept(store, sizeof(store), 1 << 6);
    field_or(VMX_PROC2_CONTROLS, VMX_PROC2_PML);
    expect_exit(4, VMX_REASON_VMCALL);
    g_assert_cmphex(get(EPT_ENTRY(DATA), 8), ==, DATA | EPT_ALL | 0x300);
    g_assert_cmphex(get(PML + 8 * (field(VMX_PML_INDEX) + 1), 8), ==, DATA);
    begin_ept(store, sizeof(store), 1 << 6);
    field_or(VMX_PROC2_CONTROLS, VMX_PROC2_PML);
    field_set(VMX_PML_INDEX, 0xffff);
    expect_exit(4, VMX_REASON_PML_FULL);

    /* Code of user mode's and the supervisor's apart: the guest's tables give all to the user. */
    begin_ept(load, sizeof(load), 0);
    field_or(VMX_PROC2_CONTROLS, VMX_PROC2_MBEC);
    expect_exit(4, VMX_REASON_EPT_VIOLATION);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 0x1bc);
    put(EPT_ENTRY(GUEST), GUEST | EPT_ALL | 0x400, 8);
    put(EPT, get(EPT, 8) | 0x400, 8);
    put(EPT + 0x1000, get(EPT + 0x1000, 8) | 0x400, 8);
    put(EPT + 0x2000, get(EPT + 0x2000, 8) | 0x400, 8);
    expect_exit(4, VMX_REASON_VMCALL);
}

/* Real mode, which only an unrestricted guest can have. */
static void
test_unrestricted(void)
{
    begin_code(0x40, VMCALL); /* inc ax */
    field_or(VMX_PROC2_CONTROLS, VMX_PROC2_EPT | VMX_PROC2_UNRESTRICTED);
    field_set(VMX_ENTRY_CONTROLS, field(VMX_ENTRY_CONTROLS) & ~(uint64_t)VMX_ENTRY_GUEST_64);
    field_set(VMX_GUEST_EFER, 0);
    field_set(VMX_GUEST_CR0, X86_CR0_NE | X86_CR0_ET);
    field_set(VMX_GUEST_RIP, 0);
    for (unsigned i = 0; i < 6; i++) {
        field_set(VMX_GUEST_SELECTOR + 2 * i, GUEST >> 4);
        field_set(VMX_GUEST_BASE + 2 * i, GUEST);
        field_set(VMX_GUEST_LIMIT + 2 * i, 0xffff);
        field_set(VMX_GUEST_RIGHTS + 2 * i, i == X86_CS ? 0x9b : 0x93);
    }
    X86_LOW(s, X86_RAX) = 0xffff;
    expect_exit(4, VMX_REASON_VMCALL);
    g_assert_cmphex(field(VMX_GUEST_RIP), ==, 1);
    g_assert_cmphex(X86_LOW(s, X86_RAX), ==, 0);
    g_assert_cmphex(s->efer & X86_EFER_LMA, ==, X86_EFER_LMA);
    field_set(VMX_PROC2_CONTROLS, VMX_PROC2_EPT);
    expect_exit(0, VMX_REASON_BAD_GUEST | VMX_REASON_ENTRY_FAILED);
}

static void
test_shadow_vmcs(void)
{
    begin_code(VMREAD_RBX_RAX, VMWRITE_RAX_RBX, VMCALL);
    put(SHADOW, VMX_REVISION | VMX_SHADOW_INDICATOR, 4);
    put(SHADOW + x86_vmx_field_offset(VMX_GUEST_CR3), 0x5678, 8);
    field_or(VMX_PROC2_CONTROLS, VMX_PROC2_SHADOW_VMCS);
    field_set(VMX_LINK_POINTER, SHADOW);
    X86_LOW(s, X86_RAX) = VMX_GUEST_CR3;
    expect_exit(4, VMX_REASON_VMCALL);
    g_assert_cmphex(X86_LOW(s, X86_RBX), ==, 0x5678);
    ram[VMREAD_BITMAP + VMX_GUEST_CR3 / 8] |= 1u << (VMX_GUEST_CR3 & 7);
    field_set(VMX_GUEST_RIP, GUEST);
    expect_exit(4, VMX_REASON_VMREAD);
}

/* SMM is no part of a guest; RSM goes back into it. */
static void
test_smm(void)
{
    begin_code(0x90, 0x90, VMCALL);
    memcpy(ram + 0x38000, "\x90\x0f\xaa", 3); /* nop; rsm */
    run(0);
    g_assert_nonnull(s->virt);
    s->interrupt_request = X86_REQ_SMI;
    step();
    g_assert_true(s->in_smm);
    g_assert_null(s->virt);
    g_assert_cmphex(s->cr4 & X86_CR4_VMXE, ==, 0);
    step();
    step();
    g_assert_false(s->in_smm);
    g_assert_nonnull(s->virt);
    g_assert_cmphex(s->cr4 & X86_CR4_VMXE, ==, X86_CR4_VMXE);
    for (unsigned i = 0; i < 5 && s->virt; i++) {
        step();
    }
    g_assert_cmphex(field(VMX_EXIT_REASON), ==, VMX_REASON_VMCALL);
}

static void
test_task_switch(void)
{
    begin_code(0xcf);
    field_set(VMX_ENTRY_CONTROLS, field(VMX_ENTRY_CONTROLS) & ~(uint64_t)VMX_ENTRY_GUEST_64);
    field_set(VMX_GUEST_EFER, 0);
    field_set(VMX_GUEST_CR0, field(VMX_GUEST_CR0));
    field_set(VMX_GUEST_CR3, TABLES + 0x4000);
    put(TABLES + 0x4000, (TABLES + 0x2000) | 1, 8); /* PAE */
    field_set(VMX_GUEST_RIGHTS + 2 * X86_CS, 0xc09b);
    field_set(VMX_GUEST_IDTR_LIMIT, 0x7ff);
    put(IDT + 8 * 0x20, (uint64_t)0x20 << 16 | UINT64_C(0x85) << 40, 8); /* a task gate */
    put(GDT + 0x20, UINT64_C(0x0000890030000067), 8);
    field_or(VMX_GUEST_RFLAGS, X86_IF);
    field_set(VMX_ENTRY_EVENT, VMX_EVENT_VALID | 0x20);
    expect_exit(3, VMX_REASON_TASK_SWITCH);
    g_assert_cmphex(field(VMX_EXIT_QUALIFICATION), ==, 3u << 30 | 0x20);
    g_assert_cmphex(field(VMX_IDT_EVENT), ==, VMX_EVENT_VALID | 0x20);
}

/* ---- hostile VMCSs ----------------------------------------------------------------------------------------------------------------- */

static void
randomize(uint64_t at, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ram[at + i] = (uint8_t)g_test_rand_int();
    }
}

static uint64_t
random_value(void)
{
    static const uint64_t some[] = {0, UINT64_MAX, 1, 0x1000, UINT64_C(1) << 47, 0x3fffff, RAM_SIZE - 0x1000, UINT64_C(0xfffffff000)};

    switch (g_test_rand_int_range(0, 3)) {
    case 0:
        return some[g_test_rand_int_range(0, G_N_ELEMENTS(some))];
    case 1:
        return (uint64_t)(uint32_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
    default:
        return (uint64_t)g_test_rand_int_range(0, RAM_SIZE >> 12) << 12;
    }
}

static const uint32_t control_fields[] = {VMX_PIN_CONTROLS, VMX_PROC_CONTROLS, VMX_PROC2_CONTROLS, VMX_EXIT_CONTROLS, VMX_ENTRY_CONTROLS};

static void
test_random(void)
{
    unsigned rounds = g_test_slow() ? 2000000 : 20000, entered = 0;

    for (unsigned round = 0; round < rounds; round++) {
        begin_code(0x90);
        for (unsigned i = 0; i < G_N_ELEMENTS(control_fields); i++) {
            X86VmxAllowed a = x86_vmx_allowed(s, (X86VmxGroup)i);

            /* What is allowed, mostly, so that guests come to run. */
            field_or(control_fields[i], (uint32_t)g_test_rand_int() & (uint32_t)g_test_rand_int() & a.may);
        }
        if (g_test_rand_int_range(0, 8)) {
            field_or(VMX_PIN_CONTROLS, VMX_PIN_NMI | VMX_PIN_VIRTUAL_NMI | VMX_PIN_TIMER);
            field_or(VMX_PROC2_CONTROLS, VMX_PROC2_EPT);
            field_set(VMX_VPID, 1);
        }
        field_set(VMX_PREEMPTION_TIMER, (uint32_t)g_test_rand_int());
        field_set(VMX_EXCEPTION_BITMAP, (uint32_t)g_test_rand_int() & (uint32_t)g_test_rand_int());
        for (int n = g_test_rand_int_range(0, 4); n > 0; n--) {
            /* Any bytes of the fields. */
            unsigned at = (unsigned)g_test_rand_int_range(VMX_REGION_FIELDS, X86_VMCS_SIZE - 8);
            uint64_t v = random_value();

            memcpy(s->vmx.vmcs + at, &v, (size_t)g_test_rand_int_range(1, 9));
        }
        if (g_test_rand_bit()) {
            field_set(VMX_ENTRY_EVENT, VMX_EVENT_VALID | ((uint32_t)g_test_rand_int() & 0xfff));
            field_set(VMX_ENTRY_LENGTH, 2);
            field_or(VMX_GUEST_RFLAGS, X86_IF);
        }
        randomize(EPT + 0x1000 * (uint64_t)g_test_rand_int_range(0, 4) + 8 * (uint64_t)g_test_rand_int_range(0, 2), 2);
        randomize(GUEST, 64);
        randomize(IDT + 16 * (uint64_t)g_test_rand_int_range(0, 32), 16);
        randomize(MSR_LIST, 32);
        for (unsigned i = 0; i < 16; i++) {
            *x86_gpr(s, i) = i == X86_RSP ? STACK : random_value();
        }
        s->interrupt_request = (uint32_t)g_test_rand_int() & (uint32_t)g_test_rand_int() &
                               (X86_REQ_NMI | X86_REQ_HARD | X86_REQ_SMI | X86_REQ_INIT | X86_REQ_SIPI);
        host(VMLAUNCH);
        for (unsigned n = 0; n < 40; n++) {
            entered += n == 0 && s->virt;
            if (!step()) {
                break;
            }
            g_assert_cmpint(s->exception, ==, -1);
            g_assert_cmpuint(s->cpl, <=, 3);
            g_assert_true(!s->virt || s->vmx.guest);
            g_assert_cmpint((s->tcg.mode_key & X86_MODE_GUEST) != 0, ==, s->virt != NULL);
        }
    }
    g_test_message("%u of %u entered", entered, rounds);
    g_assert_cmpuint(entered, >, rounds / 8);
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
    g_test_add_func("/x86/vmx/operation", test_operation);
    g_test_add_func("/x86/vmx/capabilities", test_capabilities);
    g_test_add_func("/x86/vmx/vmcs", test_vmcs);
    g_test_add_func("/x86/vmx/invept-invvpid", test_invalidate);
    g_test_add_func("/x86/vmx/round-trip", test_round_trip);
    g_test_add_func("/x86/vmx/refused", test_refused);
    g_test_add_func("/x86/vmx/msr-lists", test_msr_lists);
    g_test_add_func("/x86/vmx/intercepts", test_intercepts);
    g_test_add_func("/x86/vmx/bitmaps", test_bitmaps);
    g_test_add_func("/x86/vmx/control-registers", test_control_registers);
    g_test_add_func("/x86/vmx/exceptions", test_exceptions);
    g_test_add_func("/x86/vmx/injection", test_injection);
    g_test_add_func("/x86/vmx/interrupts", test_interrupts);
    g_test_add_func("/x86/vmx/boundaries", test_boundaries);
    g_test_add_func("/x86/vmx/ept", test_ept);
    g_test_add_func("/x86/vmx/unrestricted-guest", test_unrestricted);
    g_test_add_func("/x86/vmx/shadow-vmcs", test_shadow_vmcs);
    g_test_add_func("/x86/vmx/system-management-mode", test_smm);
    g_test_add_func("/x86/vmx/task-switch", test_task_switch);
    g_test_add_func("/x86/vmx/random", test_random);
    status = g_test_run();
    x86_interp_finish(s);
    free(s);
    g_free(ram);
    return status;
}
