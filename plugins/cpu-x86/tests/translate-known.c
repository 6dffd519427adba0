/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Sequences with a story: what random ones seldom meet, and what was wrong once. */

#include "translate-state.h"

#include "../x86-cet.h"

/*
 * POPF sets TF, and the next instruction, whose end is the trap, is one that runs with the other vCPUs stopped: a locked
 * access that the host cannot do as one. Both ways must trap behind it.
 */
static void
test_step_over_exclusive(gconstpointer data)
{
    const Mode *mode = data;
    static const struct {
        const char *name;
        uint64_t target;
    } cases[] = {
        {"on the code page, across cache lines", CODE + 0x1bd},
        {"across pages", DATA + 0xffd},
    };

    begin_mode(mode);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Case c = {.entry = CODE + HIGH, .data_seed = 1};
        uint64_t high = mode->high ? HIGH : 0;
        bool ends;
        const char *what;

        c.cpu.rip = c.entry;
        c.cpu.eflags = 2;
        c.cpu.gpr[X86_RSP] = high + DATA + 0x1800;
        c.cpu.gpr[X86_RBX] = high + cases[i].target;
        c.cpu.gpr[X86_RCX] = 0x12345678;
        c.cpu.fx.fcw = 0x37f;
        c.cpu.fx.mxcsr = 0x1f80;
        append(&c, (const uint8_t[]){0x68, 0x02, 0x01, 0, 0}, 5, NO_ROW); /* push TF */
        append(&c, (const uint8_t[]){0x9d}, 1, NO_ROW);                   /* popf */
        append(&c, (const uint8_t[]){0xf0, 0x48, 0x0f, 0xc1, 0x0b}, 5, NO_ROW); /* lock xadd [rbx], rcx */
        append(&c, (const uint8_t[]){0x90}, 1, NO_ROW);
        append(&c, (const uint8_t[]){0xf4}, 1, NO_ROW);
        what = run_case(&c, mode, &ends);
        g_assert_true(ends);
        g_assert_cmpstr(what, ==, NULL);
        g_assert_cmphex(translated.s->rip, ==, high + HANDLERS + X86_EXC_DB * 16 + 1);
        g_assert_cmphex(translated.s->dr[6] & 1u << 14, !=, 0);
        g_test_message("%s: trapped behind it", cases[i].name);
    }
}

/* IRET from the kernel: what a helper does, and what it leaves to the interpreter. */
static void
test_iret(gconstpointer data)
{
    const Mode *mode = data;
    static const struct {
        const char *name;
        uint8_t cs, ss;
        uint32_t flags;
        bool beyond; /* a RIP that is not canonical */
        unsigned stack;
    } cases[] = {
        {"to the same level", 0x08, 0x10, X86_ZF | X86_CF, false, 0x1800},
        {"with a null SS", 0x08, 0, 0, false, 0x1800},
        {"to a user", 0x23, 0x2b, X86_SF | X86_OF | X86_IF, false, 0x1800},
        {"to a user with IOPL", 0x23, 0x2b, X86_IOPL | X86_AF, false, 0x1808},
        {"to a user with a null SS", 0x23, 3, 0, false, 0x1800},
        {"to a user with the kernel's SS", 0x23, 0x10, 0, false, 0x1800},
        {"to code outside 64 bits", 0x33, 0x2b, 0, false, 0x1800},
        {"to a data segment", 0x2b, 0x2b, 0, false, 0x1800},
        {"to no segment", 0x63, 0x2b, 0, false, 0x1800},
        {"to a table that is not there", 0x0c, 0x10, 0, false, 0x1800},
        {"with TF", 0x08, 0x10, X86_TF, false, 0x1800},
        {"with RF", 0x23, 0x2b, X86_RF, false, 0x1800},
        {"with AC", 0x23, 0x2b, X86_AC, false, 0x1800},
        {"with NT", 0x08, 0x10, X86_NT, false, 0x1800},
        {"beyond", 0x23, 0x2b, 0, true, 0x1800},
        {"from two pages", 0x23, 0x2b, 0, false, 0x2010},
        {"from a stack that is not aligned", 0x08, 0x10, X86_PF, false, 0x1803},
    };

    begin_mode(mode);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Case c = {.entry = CODE, .data_seed = 1};
        uint64_t interpreted;
        bool ends;

        c.cpu.rip = c.entry;
        c.cpu.eflags = 2 | X86_CF;
        c.cpu.gpr[X86_RSP] = DATA + cases[i].stack;
        c.cpu.fx.fcw = 0x37f;
        c.cpu.fx.mxcsr = 0x1f80;
        /* xor eax, eax; mov ds, es, fs, gs, eax: a user may keep none of the kernel's. */
        append(&c, (const uint8_t[]){0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xe0, 0x8e, 0xe8}, 10, NO_ROW);
        append(&c, (const uint8_t[]){0x6a, cases[i].ss, 0x54, 0x68, (uint8_t)cases[i].flags, (uint8_t)(cases[i].flags >> 8),
                                     (uint8_t)(cases[i].flags >> 16), 0, 0x6a, cases[i].cs}, 10, NO_ROW);
        append(&c, (const uint8_t[]){0x48, 0x8d, 0x05, 7, 0, 0, 0}, 7, NO_ROW); /* lea rax, [behind] */
        append(&c, cases[i].beyond ? (const uint8_t[]){0x48, 0xc1, 0xe0, 0x30} : (const uint8_t[]){0x90, 0x90, 0x90, 0x90}, 4, NO_ROW);
        append(&c, (const uint8_t[]){0x50, 0x48, 0xcf}, 3, NO_ROW);
        append(&c, (const uint8_t[]){0x0f, 0x92, 0xc3, 0x9c, 0x5a, 0xf4}, 6, NO_ROW); /* setc bl; pushf; pop rdx; hlt */
        g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
        /* With everything in the TLB. */
        interpreted = translated.v->n_interp;
        g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
        g_assert_true(ends);
        if (i < 4) {
            /* Four segment loads and one HLT or two, not the IRET. */
            g_assert_cmpuint(translated.v->n_interp - interpreted, <=, cases[i].cs & 3 ? 6 : 5);
        }
        g_test_message("%s: as the interpreter does it", cases[i].name);
    }
}

/* SYSCALL and SYSRET there and back; SYSRET with TF, and to an address that is not canonical. */
static void
test_system_call(gconstpointer data)
{
    const Mode *mode = data;
    static const struct {
        const char *name;
        uint8_t code[7]; /* before SYSRET */
        unsigned vector; /* where it ends */
    } cases[] = {
        {"and back", {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90}, X86_EXC_GP}, /* the HLT of a user */
        {"and back with TF", {0x49, 0x81, 0xcb, 0x00, 0x01, 0, 0}, X86_EXC_DB},      /* or r11, TF */
        {"and back beyond", {0x48, 0xc1, 0xe1, 0x30, 0x90, 0x90, 0x90}, X86_EXC_GP}, /* shl rcx, 48 */
    };

    begin_mode(mode);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Case c = {.entry = CODE, .data_seed = 1};
        X86State *states[2] = {reference.s, translated.s};
        bool ends;

        for (unsigned k = 0; k < 2; k++) {
            states[k]->star = UINT64_C(0x0013000800000000);
            states[k]->lstar = CODE + 6;
            states[k]->sfmask = X86_CF | X86_ZF | X86_DF;
        }
        c.cpu.rip = c.entry;
        c.cpu.eflags = 2;
        c.cpu.gpr[X86_RSP] = DATA + 0x1800;
        c.cpu.gpr[X86_RAX] = 1;
        c.cpu.fx.fcw = 0x37f;
        c.cpu.fx.mxcsr = 0x1f80;
        append(&c, (const uint8_t[]){0x29, 0xc0, 0x0f, 0x05, 0xf4, 0xf4}, 6, NO_ROW);  /* sub eax, eax; syscall; hlt; hlt */
        append(&c, (const uint8_t[]){0x4c, 0x89, 0xdb, 0x9c, 0x5a}, 5, NO_ROW);        /* mov rbx, r11; pushf; pop rdx */
        append(&c, cases[i].code, sizeof(cases[i].code), NO_ROW);
        append(&c, (const uint8_t[]){0x48, 0x0f, 0x07}, 3, NO_ROW);
        g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
        g_assert_true(ends);
        g_assert_cmphex(translated.s->rip, ==, HANDLERS + cases[i].vector * 16 + 1);
        g_assert_cmphex(X86_LOW(translated.s, X86_RBX), ==, 2 | X86_ZF | X86_PF);
        g_assert_cmphex(X86_LOW(translated.s, X86_RDX), ==, 2 | X86_PF);
        g_test_message("%s: as the interpreter does it", cases[i].name);
    }
}

/* A near branch to an address that is not canonical faults itself, with its stack pointer as it was. */
static void
test_branch_beyond(gconstpointer data)
{
    const Mode *mode = data;
    static const struct {
        const char *name;
        unsigned n;
        uint8_t code[10];
    } cases[] = {
        {"jmp rax", 2, {0xff, 0xe0}},
        {"call rax", 2, {0xff, 0xd0}},
        {"jmp [rsp]", 3, {0xff, 0x24, 0x24}},
        {"call [rsp+8]", 4, {0xff, 0x54, 0x24, 0x08}},
        {"ret", 1, {0xc3}},
        {"ret 16", 3, {0xc2, 0x10, 0x00}},
    };

    begin_mode(mode);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
            uint64_t high = mode->high ? HIGH : 0, frame[6];
            Case c = {.entry = high + CODE + 0x1000 - 8, .data_seed = 1};
            bool ends;

            c.cpu.rip = c.entry;
            c.cpu.eflags = 2;
            c.cpu.gpr[X86_RSP] = high + DATA + 0x1800 + 8 * round; /* the frame begins below a return address, or on it */
            c.cpu.gpr[X86_RAX] = UINT64_C(0x0000800000000000) << round;
            c.cpu.fx.fcw = 0x37f;
            c.cpu.fx.mxcsr = 0x1f80;
            append(&c, (const uint8_t[]){0x48, 0x89, 0x04, 0x24}, 4, NO_ROW);       /* mov [rsp], rax */
            append(&c, (const uint8_t[]){0x48, 0x89, 0x44, 0x24, 0x08}, 5, NO_ROW); /* mov [rsp + 8], rax, in both pages */
            append(&c, cases[i].code, cases[i].n, NO_ROW);
            append(&c, (const uint8_t[]){0xf4}, 1, NO_ROW);
            g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
            g_assert_true(ends);
            g_assert_cmphex(translated.s->rip, ==, high + HANDLERS + X86_EXC_GP * 16 + 1);
            memcpy(frame, translated.host + (X86_LOW(translated.s, X86_RSP) & (COMPARED - 1)), sizeof(frame));
            g_assert_cmphex(frame[1], ==, c.entry + 9);
            g_assert_cmphex(frame[4], ==, c.cpu.gpr[X86_RSP]);
            g_test_message("%s: at the branch", cases[i].name);
        }
    }
}

/* Accesses off one register share a page check, and the register wraps at 4G between two of them. */
static void
test_group_wraps(gconstpointer data)
{
    const Mode *mode = data;
    Case c = {.entry = CODE, .data_seed = 1};
    uint64_t interpreted;
    bool ends;

    begin_mode(mode);
    put(0x10, 0x11223344, 4);
    put(0x18, 0x55667788, 4);
    c.cpu.rip = c.entry;
    c.cpu.eflags = 2;
    c.cpu.gpr[X86_RSP] = DATA + 0x1800;
    c.cpu.gpr[X86_RBX] = 0x18;
    c.cpu.gpr[X86_RSI] = 20;
    c.cpu.fx.fcw = 0x37f;
    c.cpu.fx.mxcsr = 0x1f80;
    append(&c, (const uint8_t[]){0x8b, 0x43, 0xf8}, 3, NO_ROW);       /* again: mov eax, [ebx - 8] */
    append(&c, (const uint8_t[]){0x83, 0xeb, 0x20}, 3, NO_ROW);       /* sub ebx, 32: below 0 */
    append(&c, (const uint8_t[]){0x8b, 0x4b, 0x20}, 3, NO_ROW);       /* mov ecx, [ebx + 32] */
    append(&c, (const uint8_t[]){0x8d, 0x5b, 0x20}, 3, NO_ROW);       /* lea ebx, [ebx + 32] */
    append(&c, (const uint8_t[]){0x03, 0x53, 0xf8}, 3, NO_ROW);       /* add edx, [ebx - 8] */
    append(&c, (const uint8_t[]){0x4e, 0x75, 0xee, 0xf4}, 4, NO_ROW); /* dec esi; jnz again; hlt */
    interpreted = translated.v->n_interp;
    g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
    g_assert_true(ends);
    g_assert_cmphex(X86_LOW(translated.s, X86_RAX), ==, 0x11223344);
    g_assert_cmphex(X86_LOW(translated.s, X86_RCX), ==, 0x55667788);
    g_assert_cmpuint(translated.v->n_interp - interpreted, <, 10);
}

/*
 * A loop with an instruction that straddles two pages is translated; a store to the part in the second page changes it, and so does
 * a new mapping of that page.
 */
static void
test_straddle(gconstpointer data)
{
    const Mode *mode = data;
    uint64_t high = mode->high ? HIGH : 0, interpreted;
    Case c = {.entry = high + CODE + 0x1000 - 8, .data_seed = 1};
    bool ends;

    begin_mode(mode);
    c.cpu.rip = c.entry;
    c.cpu.eflags = 2;
    c.cpu.gpr[X86_RSP] = high + DATA + 0x1800;
    c.cpu.gpr[X86_RCX] = 60;
    c.cpu.gpr[X86_RBX] = high + CODE + 0x1002; /* the last byte but one of the immediate */
    c.cpu.fx.fcw = 0x37f;
    c.cpu.fx.mxcsr = 0x1f80;
    append(&c, (const uint8_t[]){0x31, 0xc0, 0x31, 0xd2, 0x90}, 5, NO_ROW);         /* xor eax, eax; xor edx, edx; nop */
    append(&c, (const uint8_t[]){0x48, 0x81, 0xc0, 0x01, 0, 0, 0}, 7, NO_ROW);      /* again: add rax, 1 */
    append(&c, (const uint8_t[]){0xff, 0xc9}, 2, NO_ROW);                           /* dec ecx */
    append(&c, (const uint8_t[]){0x75, 0xf5}, 2, NO_ROW);                           /* jnz again */
    append(&c, (const uint8_t[]){0x85, 0xd2, 0x75, 0x0c}, 4, NO_ROW);               /* test edx, edx; jnz end */
    append(&c, (const uint8_t[]){0xc6, 0x03, 0x05, 0xb1, 0x03, 0xff, 0xc2}, 7, NO_ROW); /* mov [rbx], 5; mov cl, 3; inc edx */
    append(&c, (const uint8_t[]){0xeb, 0xe8}, 2, NO_ROW);                           /* jmp again */
    append(&c, (const uint8_t[]){0x90, 0x90, 0x90, 0xf4}, 4, NO_ROW);
    interpreted = translated.v->n_interp;
    g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
    g_assert_true(ends);
    g_assert_cmphex(X86_LOW(translated.s, X86_RAX), ==, 60 + 3 * 0x50001);
    g_test_message("%" G_GUINT64_FORMAT " instructions interpreted", translated.v->n_interp - interpreted);
    g_assert_cmpuint(translated.v->n_interp - interpreted, <, 8);

    /* The same first page, another one behind it: the blocks of the old one must not be met. */
    load_machine(&translated, &c, mode);
    memcpy(translated.host + DATA + 0x1000, translated.host + CODE + 0x1000, 0x1000);
    translated.host[DATA + 0x1001] = 9;
    uint64_t entry = ((DATA + 0x1000) | 0x67);
    memcpy(translated.host + 0x4000 + (CODE / 0x1000 + 1) * 8, &entry, 8);
    emu_tcg_flush_page(&translated.s->tcg, high + CODE + 0x1000);
    tcg_code_written(&translated.m, NULL, translated.ram_addr + DATA + 0x1000, 0x1000);
    EmuTcgExit how;
    g_assert_true(run_translated(&how));
    g_assert_cmphex(X86_LOW(translated.s, X86_RAX), ==, 60 * UINT64_C(0x901) + 3 * 0x50901);
}

/* Stores beside code that was executed once are full-speed stores after a while; a store to the code is seen all the same. */
static void
test_stores_beside_code(gconstpointer data)
{
    const Mode *mode = data;
    uint64_t high = mode->high ? HIGH : 0, interpreted;
    Case c = {.entry = high + CODE + 0x1000 - 8, .data_seed = 1};
    EmuTcgExit how;

    begin_mode(mode);
    c.cpu.rip = c.entry;
    c.cpu.eflags = 2;
    c.cpu.gpr[X86_RSP] = high + DATA + 0x1800;
    c.cpu.gpr[X86_RBX] = high + CODE + 0x100;
    c.cpu.gpr[X86_RCX] = 20000;
    c.cpu.fx.fcw = 0x37f;
    c.cpu.fx.mxcsr = 0x1f80;
    append(&c, (const uint8_t[]){0xb8, 0x05, 0, 0, 0, 0x90, 0xeb, 0x00}, 8, NO_ROW); /* mov eax, 5; nop; jmp to the next page */
    append(&c, (const uint8_t[]){0x89, 0x0b}, 2, NO_ROW);                           /* again: mov [rbx], ecx */
    append(&c, (const uint8_t[]){0xff, 0xc9, 0x75, 0xfa}, 4, NO_ROW);               /* dec ecx; jnz again */
    append(&c, (const uint8_t[]){0x85, 0xd2, 0x75, 0x0e}, 4, NO_ROW);               /* test edx, edx; jnz end */
    append(&c, (const uint8_t[]){0xff, 0xc2, 0xff, 0xc1}, 4, NO_ROW);               /* inc edx; inc ecx */
    append(&c, (const uint8_t[]){0xc6, 0x83, 0xf9, 0x0e, 0, 0, 0x07}, 7, NO_ROW);   /* mov byte [rbx + 0xef9], 7: that 5 */
    append(&c, (const uint8_t[]){0xeb, 0xe1}, 2, NO_ROW);                           /* jmp to the entry */
    append(&c, (const uint8_t[]){0x90, 0xf4}, 2, NO_ROW);
    load_machine(&translated, &c, mode);
    g_hash_table_remove_all(translated.m.cache->quiet);
    interpreted = translated.v->n_interp;
    g_assert_true(run_translated(&how));
    g_assert_cmphex(X86_LOW(translated.s, X86_RAX), ==, 7);
    g_assert_cmphex(X86_LOW(translated.s, X86_RCX), ==, 0);
    g_test_message("%" G_GUINT64_FORMAT " instructions interpreted", translated.v->n_interp - interpreted);
    g_assert_cmpuint(translated.v->n_interp - interpreted, <, 2000);
}

/* A loop of indirect branches, jumps and calls, to an ENDBRANCH and to none: translated all the way when it is one. */
static void
test_tracked_branches(gconstpointer data)
{
    const Mode *mode = data;

    begin_mode(mode);
    for (unsigned i = 0; i < 4; i++) {
        bool call = i & 1, endbranch = i < 2, ends;
        Case c = {.entry = CODE, .data_seed = 1};
        uint64_t interpreted;
        EmuTcgExit how;

        c.cpu.rip = c.entry;
        c.cpu.eflags = 2;
        c.cpu.gpr[X86_RSP] = DATA + 0x1800;
        c.cpu.gpr[X86_RBX] = CODE + 2;
        c.cpu.gpr[X86_RCX] = 20;
        c.cpu.fx.fcw = 0x37f;
        c.cpu.fx.mxcsr = 0x1f80;
        append(&c, (const uint8_t[]){0xff, call ? 0xd3 : 0xe3}, 2, NO_ROW); /* again: jmp or call rbx */
        append(&c, endbranch ? (const uint8_t[]){0xf3, 0x0f, 0x1e, 0xfa} : (const uint8_t[]){0x90, 0x90, 0x90, 0x90}, 4, NO_ROW);
        append(&c, (const uint8_t[]){0x48, 0xc7, 0xc4, 0, 0x18, 0x02, 0}, 7, NO_ROW); /* mov rsp, DATA + 0x1800 */
        append(&c, (const uint8_t[]){0xff, 0xc9, 0x75, 0xef}, 4, NO_ROW);             /* dec ecx; jnz again */
        append(&c, (const uint8_t[]){0xf4}, 1, NO_ROW);
        g_assert_cmpstr(run_case(&c, mode, &ends), ==, NULL);
        g_assert_true(ends);
        g_assert_cmphex(translated.s->rip, ==, HANDLERS + (endbranch ? X86_EXC_GP : X86_EXC_CP) * 16 + 1);
        g_assert_cmphex(translated.s->u_cet & X86_CET_TRACKER, ==, endbranch ? 0 : X86_CET_TRACKER);
        if (endbranch) {
            c.cpu.gpr[X86_RCX] = 20000;
            load_machine(&translated, &c, mode);
            interpreted = translated.v->n_interp;
            g_assert_true(run_translated(&how));
            g_test_message("%" G_GUINT64_FORMAT " instructions interpreted", translated.v->n_interp - interpreted);
            g_assert_cmpuint(translated.v->n_interp - interpreted, <, 2000);
        }
    }
}

void
add_known_tests(const Mode *modes)
{
    g_test_add_data_func("/x86/translate/tracked-branches", &modes[10], test_tracked_branches);
    g_test_add_data_func("/x86/translate/step-over-exclusive", &modes[1], test_step_over_exclusive);
    g_test_add_data_func("/x86/translate/iret", &modes[1], test_iret);
    g_test_add_data_func("/x86/translate/system-call", &modes[0], test_system_call);
    g_test_add_data_func("/x86/translate/branch-beyond", &modes[0], test_branch_beyond);
    g_test_add_data_func("/x86/translate/branch-beyond-kernel", &modes[1], test_branch_beyond);
    g_test_add_data_func("/x86/translate/branch-beyond-tracked", &modes[10], test_branch_beyond);
    g_test_add_data_func("/x86/translate/group-wraps", &modes[3], test_group_wraps);
    g_test_add_data_func("/x86/translate/stores-beside-code", &modes[1], test_stores_beside_code);
    g_test_add_data_func("/x86/translate/straddle", &modes[1], test_straddle);
}
