/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the TLB may keep and what it has to forget (SDM 3A, 4.10.4; APM 2, 15.16), by interpreted and by translated code. Guest code reads and
 * calls a page, its entry is changed behind the TLB's back, something is done, and the page is looked at again: where a flush is
 * due, the new one must be there. That the old one still is, where it may be, shows what tags are for; no guest may rely on it.
 */

#include "../x86-svm.h"
#include "translate-state.h"

enum {
    SPACES = 0x50000, /* four pages of tables each, see make_space() */
    N_SPACES = 3,
    PAGES = 0x60000, /* 16 that windows show: "mov eax, NUMBER; ret", and the number once more */
    NPT = 0x70000,   /* nested tables, three pages; then three of the same that lead elsewhere */
    VMCB = 0x76000,
    MAPS = 0x77000, /* of ports and MSRs; empty */
    NESTED_PT = 0x7b000,
    RUN = CODE, GUEST_RUN = CODE + 0x1000, STACK = DATA + 0x3000, GUEST_STACK = DATA + 0x3800,
    GLOBAL = 0x100,
};

/* Two windows of 512 pages that have one table in common. */
#define LOW UINT64_C(0x40000000)
#define UPPER UINT64_C(0xffffffffc0000000)
#define KEEP (UINT64_C(1) << 63)

static Machine *m;
static X86State *s;

static void
put_now(uint32_t at, uint64_t v, unsigned size)
{
    memcpy(m->host + at, &v, size);
}

static uint32_t
space_at(unsigned n)
{
    return SPACES + 0x4000 * n;
}

/* Page @page of space @n's windows shows number @number. */
static void
map(unsigned n, unsigned page, unsigned number, unsigned flags)
{
    put_now(space_at(n) + 0x3000 + 8 * page, (PAGES + 0x1000 * number) | 0x67 | flags, 8);
}

static void
make_space(unsigned n)
{
    uint32_t at = space_at(n);

    memset(m->host + at, 0, 0x4000);
    put_now(at, (at + 0x1000) | 0x67, 8);
    put_now(at + 511 * 8, (at + 0x1000) | 0x67, 8);
    put_now(at + 0x1000, 0x3067, 8);           /* the first 2 MiB as they are */
    put_now(at + 0x1000 + 510 * 8, 0x3067, 8);
    put_now(at + 0x1008, (at + 0x2000) | 0x67, 8);
    put_now(at + 0x1000 + 511 * 8, (at + 0x2000) | 0x67, 8);
    put_now(at + 0x2000, (at + 0x3000) | 0x67, 8);
    for (unsigned page = 0; page < 512; page++) {
        map(n, page, n, 0);
    }
}

static void
feature(unsigned bit)
{
    s->features[bit >> 5] |= 1u << (bit & 31);
}

static void
begin(Machine *machine)
{
    static const Mode mode = {"64-bit-kernel", 64, 0, true, true, 0};
    static const Case c = {.entry = RUN, .n_bytes = 1, .code = {0xf4}, .cpu = {.rip = RUN, .eflags = 2, .fx = {.fcw = 0x37f, .mxcsr = 0x1f80}}};

    m = machine;
    s = m->s;
    begin_mode(&mode);
    load_machine(m, &c, &mode);
    feature(X86_FEAT_PCID);
    feature(X86_FEAT_INVPCID);
    feature(X86_FEAT_PGE);
    feature(X86_FEAT_SVM);
    feature(X86_FEAT_NPT);
    feature(X86_FEAT_FLUSHBYASID);
    s->phys_mask = (UINT64_C(1) << 40) - 1;
    for (unsigned i = 0; i < N_SPACES; i++) {
        make_space(i);
    }
    for (unsigned i = 0; i < 16; i++) {
        put_now(PAGES + 0x1000 * i, 0xb8 | (uint64_t)i << 8 | UINT64_C(0xc3) << 40, 8);
        put_now(PAGES + 0x1000 * i + 16, i, 8);
    }
    s->cr3 = space_at(0);
    s->cr4 |= X86_CR4_PCIDE | X86_CR4_PGE;
    s->svm.gif = 1;
    x86_update_mode(s);
    x86_flush_all(s);
}

static void
put_code_at(uint32_t at, const uint8_t *code, unsigned n)
{
    memcpy(m->host + at, code, n);
    tcg_code_written(&m->m, NULL, m->ram_addr + at, n);
}

/* Runs @code, which ends in HLT. */
static void
run(const uint8_t *code, unsigned n)
{
    EmuTcgExit how;

    put_code_at(RUN, code, n);
    s->rip = RUN;
    X86_LOW(s, X86_RSP) = STACK;
    s->halted = 0;
    x86_update_mode(s);
    g_assert_true(m == &reference ? run_reference(&how) : run_translated(&how));
    g_assert_cmpint(how, ==, EMU_TCG_EXIT_HALT);
    g_assert_cmphex(s->rip, ==, RUN + n); /* and not in a handler */
}

#define run_code(...)                                \
    do {                                             \
        static const uint8_t code[] = {__VA_ARGS__}; \
        run(code, sizeof(code));                     \
    } while (0)

/* The number that data and code at @at have. Each is looked at twice: at first past what translated code predicts. */
static unsigned
look(uint64_t at)
{
    X86_LOW(s, X86_RDI) = at;
    run_code(0x8b, 0x5f, 0x10, 0xff, 0xd7, 0x03, 0x5f, 0x10, 0x89, 0xc2, 0xff, 0xd7, 0xf4); /* mov ebx, [rdi + 16]; call rdi; add; mov; call; hlt */
    g_assert_cmpuint(X86_LOW(s, X86_RBX), ==, 2 * X86_LOW(s, X86_RAX));
    g_assert_cmpuint(X86_LOW(s, X86_RDX), ==, X86_LOW(s, X86_RAX));
    return (unsigned)X86_LOW(s, X86_RAX);
}

static void
set_cr3(uint64_t cr3)
{
    X86_LOW(s, X86_RAX) = cr3;
    run_code(0x0f, 0x22, 0xd8, 0xf4);
}

/* Into space @n, whose PCID is @pcid. */
static void
enter(unsigned n, unsigned pcid, bool keep)
{
    set_cr3(space_at(n) | pcid | (keep ? KEEP : 0));
}

static void
invlpg(uint64_t at)
{
    X86_LOW(s, X86_RDI) = at;
    run_code(0x0f, 0x01, 0x3f, 0xf4);
}

static void
invpcid(unsigned type, unsigned pcid, uint64_t at)
{
    put_now(DATA, pcid, 8);
    put_now(DATA + 8, at, 8);
    X86_LOW(s, X86_RDI) = DATA;
    X86_LOW(s, X86_RAX) = type;
    run_code(0x66, 0x0f, 0x38, 0x82, 0x07, 0xf4);
}

static void
set_cr4(uint64_t cr4)
{
    X86_LOW(s, X86_RAX) = cr4;
    run_code(0x0f, 0x22, 0xe0, 0xf4);
}

/* ---- PCIDs ------------------------------------------------------------------------------------------------------- */

static const uint64_t halves[] = {LOW, UPPER};

static void
test_pcids(gconstpointer machine)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        uint64_t w = halves[i];

        begin((Machine *)machine);
        enter(0, 1, false);
        g_assert_cmpuint(look(w), ==, 0);
        enter(1, 2, false);
        g_assert_cmpuint(look(w), ==, 1); /* nothing of the other's */
        map(0, 0, 5, 0);
        map(1, 0, 6, 0);
        enter(0, 1, true);
        if (w == LOW) {
            g_assert_cmpuint(look(w), ==, 0); /* kept */
        }
        enter(0, 1, false);
        g_assert_cmpuint(look(w), ==, 5);
        enter(1, 2, true);
        if (w == LOW) {
            g_assert_cmpuint(look(w), ==, 1); /* another's flush has not touched it */
        }
        enter(1, 2, false);
        g_assert_cmpuint(look(w), ==, 6);
        /* The same tables by another name, and the other way round. */
        map(1, 0, 7, 0);
        enter(1, 3, false);
        g_assert_cmpuint(look(w), ==, 7);
        enter(0, 3, false);
        g_assert_cmpuint(look(w), ==, 5);
    }
}

/* More address spaces than there is room for, several times around: each has its own page in each. */
static void
test_many(gconstpointer machine)
{
    begin((Machine *)machine);
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned pcid = 1; pcid < 3 * TCG_CONTEXTS; pcid++) {
            unsigned number = pcid % 13;

            /* One table serves all of them: what it says now is this one's. */
            map(0, 3, number, 0);
            enter(0, pcid, round == 0 || (pcid + round) % 3 == 0);
            if (round == 0 || (pcid + round) % 3 != 0) {
                g_assert_cmpuint(look(LOW + 0x3000), ==, number);
            } else {
                g_assert_cmpuint(look(LOW + 0x3000), <, 13);
            }
        }
    }
    /* The last few are still there. */
    for (unsigned pcid = 3 * TCG_CONTEXTS - 1; pcid > 2 * TCG_CONTEXTS + 2; pcid--) {
        map(0, 3, 15, 0);
        enter(0, pcid, true);
        g_assert_cmpuint(look(LOW + 0x3000), ==, pcid % 13);
    }
}

static void
test_global(gconstpointer machine)
{
    begin((Machine *)machine);
    map(0, 0, 3, GLOBAL);
    map(1, 0, 4, GLOBAL);
    enter(0, 1, false);
    g_assert_cmpuint(look(UPPER), ==, 3);
    enter(1, 2, false);
    g_assert_cmpuint(look(UPPER), ==, 3); /* global: kept, in another address space */
    invlpg(UPPER);
    g_assert_cmpuint(look(UPPER), ==, 4);
    enter(0, 1, true);
    map(0, 0, 5, GLOBAL);
    invlpg(UPPER);
    g_assert_cmpuint(look(UPPER), ==, 5);

    /* In the lower half: found by PCID 0, forgotten by INVLPG under another one. */
    begin((Machine *)machine);
    map(0, 0, 3, GLOBAL);
    enter(0, 0, false);
    g_assert_cmpuint(look(LOW), ==, 3);
    map(0, 0, 4, GLOBAL);
    enter(0, 0, false);
    g_assert_cmpuint(look(LOW), ==, 3); /* global: kept */
    enter(0, 1, true);
    invlpg(LOW);
    enter(0, 0, true);
    g_assert_cmpuint(look(LOW), ==, 4);
    /* And the other way round: under PCID 1 it is found, under 0 forgotten; then it may not be global any more. */
    enter(0, 1, false);
    g_assert_cmpuint(look(LOW), ==, 4);
    map(0, 0, 5, 0);
    enter(0, 0, true);
    invlpg(LOW);
    g_assert_cmpuint(look(LOW), ==, 5);
    enter(0, 1, false);
    g_assert_cmpuint(look(LOW), ==, 5);

    /* CR4.PGE forgets everything, whosever it is. */
    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        begin((Machine *)machine);
        map(0, 0, 3, GLOBAL);
        enter(0, 1, false);
        g_assert_cmpuint(look(halves[i]), ==, 3);
        enter(1, 2, false);
        g_assert_cmpuint(look(LOW + 0x1000), ==, 1);
        map(0, 0, 4, GLOBAL);
        map(1, 1, 5, 0);
        set_cr4(s->cr4 & ~(uint64_t)X86_CR4_PGE);
        g_assert_cmpuint(look(LOW + 0x1000), ==, 5);
        enter(0, 1, true);
        g_assert_cmpuint(look(halves[i]), ==, 4);
    }
}

/* CR4.PCIDE gone: all PCIDs' translations with it. */
static void
test_pcide(gconstpointer machine)
{
    begin((Machine *)machine);
    enter(0, 1, false);
    g_assert_cmpuint(look(LOW), ==, 0);
    enter(0, 0, false);
    g_assert_cmpuint(look(LOW), ==, 0);
    map(0, 0, 9, 0);
    set_cr4(s->cr4 & ~(uint64_t)X86_CR4_PCIDE);
    g_assert_cmpuint(look(LOW), ==, 9);
    set_cr3(space_at(1));
    g_assert_cmpuint(look(LOW), ==, 1);
    map(1, 0, 8, 0);
    set_cr3(space_at(1));
    g_assert_cmpuint(look(LOW), ==, 8);
    set_cr3(space_at(0));
    set_cr4(s->cr4 | X86_CR4_PCIDE);
    enter(0, 1, true);
    g_assert_cmpuint(look(LOW), ==, 9);
}

static void
test_invlpg(gconstpointer machine)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        uint64_t w = halves[i];

        begin((Machine *)machine);
        enter(0, 1, false);
        g_assert_cmpuint(look(w), ==, 0);
        g_assert_cmpuint(look(w + 0x1000), ==, 0);
        enter(1, 2, false);
        g_assert_cmpuint(look(w), ==, 1);
        map(0, 0, 5, 0);
        map(0, 1, 5, 0);
        map(1, 0, 6, 0);
        invlpg(w + 0x123);
        g_assert_cmpuint(look(w), ==, 6);
        enter(0, 1, true);
        if (w == LOW) {
            g_assert_cmpuint(look(w), ==, 0); /* was not meant */
        }
        invlpg(w);
        g_assert_cmpuint(look(w), ==, 5);
        g_assert_cmpuint(look(w + 0x1000), ==, 0);
        invlpg(w + 0x1fff);
        g_assert_cmpuint(look(w + 0x1000), ==, 5);
    }
}

static void
test_invpcid(gconstpointer machine)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        uint64_t w = halves[i];

        for (unsigned type = 0; type < 4; type++) {
            for (unsigned current = 0; current < 2; current++) {
                g_test_message("type %u, %s, 0x%" G_GINT64_MODIFIER "x", type, current ? "this PCID" : "another", w);
                begin((Machine *)machine);
                enter(0, 1, false);
                g_assert_cmpuint(look(w), ==, 0);
                g_assert_cmpuint(look(w + 0x1000), ==, 0);
                map(0, 2, 2, GLOBAL);
                g_assert_cmpuint(look(UPPER + 0x2000), ==, 2);
                map(0, 0, 5, 0);
                map(0, 1, 6, 0);
                map(0, 2, 7, GLOBAL);
                if (!current) {
                    enter(1, 2, false);
                    g_assert_cmpuint(look(w + 0x3000), ==, 1);
                    map(1, 3, 8, 0);
                }
                invpcid(type, type < 2 ? 1 : 0, w);
                if (!current) {
                    g_assert_cmpuint(look(w + 0x3000), ==, type < 2 ? 1 : 8);
                    enter(0, 1, true);
                }
                g_assert_cmpuint(look(w), ==, 5);
                g_assert_cmpuint(look(w + 0x1000), ==, type == 0 ? 0 : 6);
                if (type == 2) {
                    g_assert_cmpuint(look(UPPER + 0x2000), ==, 7);
                } else if (type < 2) {
                    g_assert_cmpuint(look(UPPER + 0x2000), ==, 2); /* global */
                }
            }
        }
    }
}

/* A large page goes whole, whoever says so, whatever of it was seen, and however many there are. */
static void
test_large(gconstpointer machine)
{
    enum { INVLPG, INVPCID_PAGE, INVPCID_CONTEXT, CR3 };

    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        for (unsigned how = INVLPG; how <= CR3; how++) {
            for (unsigned pages = 1; pages <= TCG_LARGE_PAGES + 2; pages++) {
                for (unsigned id = 0; id < 2; id++) {
                    uint64_t w = halves[i];

                    begin((Machine *)machine);
                    enter(0, id, false);
                    for (unsigned page = 0; page < pages; page++) {
                        put_now(space_at(0) + 0x2000 + 8 * page, 0xe7, 8);
                    }
                    for (unsigned page = 0; page < pages; page++) {
                        for (unsigned part = 0; part < 1 + pages % 6; part++) {
                            g_assert_cmpuint(look(w + ((uint64_t)page << 21) + PAGES + 0x1000 * part), ==, part);
                        }
                    }
                    for (unsigned page = 0; page < pages; page++) { /* small ones in their place: others */
                        put_now(space_at(0) + 0x2000 + 8 * page, (space_at(1) + 0x3000) | 0x67, 8);
                    }
                    for (unsigned page = 0; page < 512; page++) {
                        map(1, page, 14, 0);
                    }
                    switch (how) {
                    case INVLPG:
                        invlpg(w + 0x1ff000);
                        break;
                    case INVPCID_PAGE:
                        enter(2, 7, false);
                        invpcid(0, id, w + 0x1ff000);
                        enter(0, id, true);
                        break;
                    case INVPCID_CONTEXT:
                        enter(2, 7, false);
                        invpcid(1, id, 0);
                        enter(0, id, true);
                        break;
                    case CR3:
                        enter(0, id, false);
                        break;
                    }
                    for (unsigned part = 0; part < 1 + pages % 6; part++) {
                        g_assert_cmpuint(look(w + PAGES + 0x1000 * part), ==, 14);
                    }
                }
            }
        }
    }
}

/* ---- ASIDs ------------------------------------------------------------------------------------------------------- */

#define vmcb_set(field, v, size) put_now(VMCB + (field), (v), (size))

static void
put_segment(unsigned seg, unsigned selector, unsigned attr)
{
    vmcb_set(VMCB_SEGMENTS + 16 * seg, selector | attr << 16 | UINT64_C(0xffffffff) << 32, 8);
}

/* Nested tables for the first 2 MiB, which are as they are; @number: but all PAGES are that one, or -1. */
static void
make_nested(uint32_t at, int number)
{
    put_now(at, (at + 0x1000) | 7, 8);
    put_now(at + 0x1000, (at + 0x2000) | 7, 8);
    put_now(at + 0x2000, 0xe7, 8);
    if (number >= 0) {
        put_now(at + 0x2000, NESTED_PT | 7, 8);
        for (unsigned page = 0; page < 512; page++) {
            bool is_page = page >= PAGES >> 12 && page < (PAGES >> 12) + 16;

            put_now(NESTED_PT + 8 * page, (is_page ? (unsigned)(PAGES + 0x1000 * number) : page << 12) | 7, 8);
        }
    }
}

static void
begin_guest(Machine *machine, bool nested)
{
    static const uint8_t code[] = {0x8b, 0x5f, 0x10, 0xff, 0xd7, 0x03, 0x5f, 0x10, 0x89, 0xc2, 0xff, 0xd7, 0x0f, 0x01, 0xd9}; /* look(), then vmmcall */

    begin(machine);
    s->efer |= X86_EFER_SVME;
    memset(m->host + NPT, 0, 0x8000);
    make_nested(NPT, -1);
    put_segment(X86_ES, 0x10, 0xc93);
    put_segment(X86_CS, 0x08, 0xa9b);
    put_segment(X86_SS, 0x10, 0xc93);
    put_segment(X86_DS, 0x10, 0xc93);
    vmcb_set(VMCB_IDTR + 4, 0, 4);
    vmcb_set(VMCB_EFER, s->efer, 8);
    vmcb_set(VMCB_CR0, s->cr0, 8);
    vmcb_set(VMCB_CR3, space_at(1), 8);
    vmcb_set(VMCB_CR4, s->cr4, 8);
    vmcb_set(VMCB_DR6, 0xffff0ff0u, 8);
    vmcb_set(VMCB_DR7, 0x400, 8);
    vmcb_set(VMCB_RFLAGS, 2, 8);
    vmcb_set(VMCB_G_PAT, UINT64_C(0x0007040600070406), 8);
    vmcb_set(VMCB_IOPM, MAPS, 8);
    vmcb_set(VMCB_MSRPM, MAPS, 8);
    vmcb_set(VMCB_NESTED_CONTROL, nested, 8);
    vmcb_set(VMCB_NESTED_CR3, NPT, 8);
    vmcb_set(VMCB_INTERCEPTS + SVM_EXIT_SHUTDOWN / 8, 1u << (SVM_EXIT_SHUTDOWN & 7), 1);
    vmcb_set(VMCB_INTERCEPTS + SVM_EXIT_VMRUN / 8, 3, 1); /* and VMMCALL */
    put_code_at(GUEST_RUN, code, sizeof(code));
}

/* Enters the guest at @rip; returns how it left. */
static uint64_t
guest(uint32_t asid, unsigned tlb_control, uint32_t rip)
{
    uint64_t code = 0;

    vmcb_set(VMCB_ASID, asid, 4);
    vmcb_set(VMCB_TLB_CONTROL, tlb_control, 1);
    vmcb_set(VMCB_RIP, rip, 8);
    vmcb_set(VMCB_RSP, GUEST_STACK, 8);
    X86_LOW(s, X86_RAX) = VMCB;
    run_code(0x0f, 0x01, 0xd8, 0x0f, 0x01, 0xdc, 0xf4); /* vmrun; stgi; hlt */
    memcpy(&code, m->host + VMCB + VMCB_EXIT_CODE, 8);
    return code;
}

/* What the guest finds. */
static unsigned
guest_look(uint32_t asid, unsigned tlb_control, uint64_t at)
{
    unsigned number = 0;

    X86_LOW(s, X86_RDI) = at;
    g_assert_cmphex(guest(asid, tlb_control, GUEST_RUN), ==, SVM_EXIT_VMMCALL);
    memcpy(&number, m->host + VMCB + VMCB_RAX, 4);
    g_assert_cmpuint(X86_LOW(s, X86_RBX), ==, 2 * number);
    g_assert_cmpuint(X86_LOW(s, X86_RDX), ==, number);
    return number;
}

static void
invlpga(uint64_t at, uint32_t asid)
{
    X86_LOW(s, X86_RAX) = at;
    X86_LOW(s, X86_RCX) = asid;
    run_code(0x0f, 0x01, 0xdf, 0xf4);
}

static void
test_asids(gconstpointer machine)
{
    static const uint8_t controls[] = {1, SVM_TLB_FLUSH_ASID, SVM_TLB_FLUSH_ASID_LOCAL};

    for (unsigned nested = 0; nested < 2; nested++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
            uint64_t w = halves[i];

            g_test_message("%s, 0x%" G_GINT64_MODIFIER "x", nested ? "nested paging" : "one level", w);
            begin_guest((Machine *)machine, nested);
            map(0, 0, 0, GLOBAL);
            map(1, 0, 1, GLOBAL);
            g_assert_cmpuint(look(w), ==, 0);
            g_assert_cmpuint(guest_look(1, 0, w), ==, 1); /* global for its own ASID only */
            g_assert_cmpuint(look(w), ==, 0);
            map(0, 0, 5, GLOBAL);
            map(1, 0, 6, 0);
            g_assert_cmpuint(guest_look(1, 0, w), ==, 1); /* kept */
            g_assert_cmpuint(look(w), ==, 0);
            g_assert_cmpuint(guest_look(2, 0, w), ==, 6); /* nothing of another's */
            for (unsigned c = 0; c < G_N_ELEMENTS(controls); c++) {
                map(1, 0, 7 + c, c == 0 ? GLOBAL : 0); /* the last control may keep global ones */
                g_assert_cmpuint(guest_look(1, controls[c], w), ==, 7 + c);
                g_assert_cmpuint(look(w), ==, 5);
            }
            g_assert_cmpuint(guest_look(2, SVM_TLB_FLUSH_ASID, w), ==, 9);
            map(1, 0, 12, 0);
            invlpga(w, 2);
            g_assert_cmpuint(guest_look(1, 0, w), ==, 9); /* kept */
            g_assert_cmpuint(guest_look(2, 0, w), ==, 12);
            invlpga(w, 1);
            g_assert_cmpuint(guest_look(1, 0, w), ==, 12);
            map(0, 0, 13, 0);
            invlpga(w, 0);
            g_assert_cmpuint(look(w), ==, 13);
        }
    }
}

/* TLB_CONTROL 1 is for every ASID, the host's 0 among them. */
static void
test_flush_everything(gconstpointer machine)
{
    begin_guest((Machine *)machine, false);
    g_assert_cmpuint(look(LOW), ==, 0);
    g_assert_cmpuint(guest_look(1, 0, LOW), ==, 1);
    map(0, 0, 5, 0);
    map(1, 0, 6, 0);
    g_assert_cmpuint(guest_look(2, 1, LOW), ==, 6);
    g_assert_cmpuint(look(LOW), ==, 5);
    g_assert_cmpuint(guest_look(1, 0, LOW), ==, 6);
}

/* More guests than there is room for. */
static void
test_many_asids(gconstpointer machine)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(halves); i++) {
        begin_guest((Machine *)machine, false);
        for (unsigned round = 0; round < 3; round++) {
            for (uint32_t asid = 1; asid < 3 * TCG_SPACES; asid++) {
                map(1, 0, asid, GLOBAL);
                g_assert_cmpuint(guest_look(asid, SVM_TLB_FLUSH_ASID, halves[i]), ==, asid);
                if (asid > 2) {
                    g_assert_cmpuint(guest_look(asid - 1, 0, halves[i]), ==, asid - 1);
                    g_assert_cmpuint(guest_look(asid, 0, halves[i]), ==, asid);
                }
                if (round == 2) {
                    g_assert_cmpuint(look(halves[i]), ==, 0);
                }
            }
        }
    }
}

/* The same ASID with other tables of the hypervisor's, or with none. */
static void
test_other_tables(gconstpointer machine)
{
    begin_guest((Machine *)machine, true);
    g_assert_cmpuint(guest_look(1, 0, LOW), ==, 1);
    make_nested(NPT + 0x3000, 15);
    vmcb_set(VMCB_NESTED_CR3, NPT + 0x3000, 8);
    g_assert_cmpuint(guest_look(1, 0, LOW), ==, 15);
    vmcb_set(VMCB_NESTED_CONTROL, 0, 8);
    g_assert_cmpuint(guest_look(1, 0, LOW), ==, 1);
    /* What the hypervisor changes below one and the same root waits for a flush. */
    vmcb_set(VMCB_NESTED_CONTROL, 1, 8);
    g_assert_cmpuint(guest_look(1, 0, LOW), ==, 15);
    make_nested(NPT + 0x3000, 11);
    g_assert_cmpuint(guest_look(1, SVM_TLB_FLUSH_ASID, LOW), ==, 11);
}

/* The same ASID in another mode of paging: read-only is read-only now, for the supervisor too. */
static void
test_other_mode(gconstpointer machine)
{
    static const uint8_t store[] = {0x89, 0x47, 0x20, 0x0f, 0x01, 0xd9}; /* mov [rdi + 32], eax; vmmcall */

    begin_guest((Machine *)machine, false);
    put_code_at(GUEST_RUN + 0x100, store, sizeof(store));
    put_now(space_at(1) + 0x3000, (PAGES + 0x1000) | 0x65, 8);
    vmcb_set(VMCB_CR0, s->cr0 & ~(uint64_t)X86_CR0_WP, 8);
    X86_LOW(s, X86_RDI) = LOW;
    g_assert_cmphex(guest(1, 0, GUEST_RUN + 0x100), ==, SVM_EXIT_VMMCALL);
    g_assert_cmphex(guest(1, 0, GUEST_RUN + 0x100), ==, SVM_EXIT_VMMCALL);
    vmcb_set(VMCB_CR0, s->cr0 | X86_CR0_WP, 8);
    g_assert_cmphex(guest(1, 0, GUEST_RUN + 0x100), ==, SVM_EXIT_SHUTDOWN); /* #PF without a handler */
}

/* A guest's own flushes and address spaces: its, not the host's. */
static void
test_guest_flushes(gconstpointer machine)
{
    static const struct {
        const char *name;
        uint8_t n, code[12];
    } cases[] = {
        {"invlpg", 6, {0x0f, 0x01, 0x3f, 0x0f, 0x01, 0xd9}},
        {"mov cr3", 9, {0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8, 0x0f, 0x01, 0xd9}},
        {"invpcid 1", 8, {0x66, 0x0f, 0x38, 0x82, 0x06, 0x0f, 0x01, 0xd9}},
        {"invpcid 2", 8, {0x66, 0x0f, 0x38, 0x82, 0x06, 0x0f, 0x01, 0xd9}},
        {"invpcid 3", 8, {0x66, 0x0f, 0x38, 0x82, 0x06, 0x0f, 0x01, 0xd9}},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].name);
        begin_guest((Machine *)machine, true);
        g_assert_cmpuint(look(LOW), ==, 0);
        g_assert_cmpuint(guest_look(1, 0, LOW), ==, 1);
        map(0, 0, 5, 0);
        map(1, 0, 6, 0);
        put_code_at(GUEST_RUN + 0x100, cases[i].code, cases[i].n);
        put_now(DATA, 0, 8);
        put_now(DATA + 8, 0, 8);
        X86_LOW(s, X86_RDI) = LOW;
        X86_LOW(s, X86_RSI) = DATA;
        vmcb_set(VMCB_RAX, i - 1, 8);
        g_assert_cmphex(guest(1, 0, GUEST_RUN + 0x100), ==, SVM_EXIT_VMMCALL);
        g_assert_cmpuint(guest_look(1, 0, LOW), ==, 6);
        g_assert_cmpuint(look(LOW), ==, 0);
        enter(0, 0, false);
        g_assert_cmpuint(look(LOW), ==, 5);
    }
}

/* What was fetched and predicted for a guest that is left by INIT is nobody's. */
static void
test_init(gconstpointer machine)
{
    begin_guest((Machine *)machine, false);
    g_assert_cmpuint(look(LOW), ==, 0);
    map(0, 0, 5, 0);
    x86_init(s);
    s->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_ET | X86_CR0_NE;
    begin_guest((Machine *)machine, false);
    map(0, 0, 6, 0);
    g_assert_cmpuint(look(LOW), ==, 6);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        GTestDataFunc test;
    } tests[] = {
        {"pcid/spaces", test_pcids},
        {"pcid/many", test_many},
        {"pcid/global", test_global},
        {"pcid/off", test_pcide},
        {"pcid/invlpg", test_invlpg},
        {"pcid/invpcid", test_invpcid},
        {"pcid/large-pages", test_large},
        {"asid/guests", test_asids},
        {"asid/flush-everything", test_flush_everything},
        {"asid/many", test_many_asids},
        {"asid/other-tables", test_other_tables},
        {"asid/other-mode", test_other_mode},
        {"asid/guest-flushes", test_guest_flushes},
        {"asid/init", test_init},
    };

    g_test_init(&argc, &argv, NULL);
    make_machines();
    for (unsigned i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *interpreted = g_strconcat("/x86/tlb/interpreted/", tests[i].name, NULL);
        g_autofree char *jit = g_strconcat("/x86/tlb/translated/", tests[i].name, NULL);

        g_test_add_data_func(interpreted, &reference, tests[i].test);
        g_test_add_data_func(jit, &translated, tests[i].test);
    }
    return g_test_run();
}
