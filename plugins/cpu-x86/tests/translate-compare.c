/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a case in both machines; what differs, and which differences do not count. */

#include "translate-state.h"

#include <capstone/capstone.h>

static const char *
difference(void)
{
    X86State *a = reference.s, *b = translated.s;
    const char *differs;

    for (unsigned i = 0; i < 16; i++) {
        if (*x86_gpr(a, i) != *x86_gpr(b, i)) {
            return x86_globals[i].name;
        }
    }
    if (a->rip != b->rip) {
        return "rip";
    }
    if (a->cc != b->cc) {
        return "flags";
    }
    if (a->eflags != b->eflags) {
        return "eflags";
    }
    if (a->ssp != b->ssp || a->pl3_ssp != b->pl3_ssp || a->u_cet != b->u_cet) {
        return "control-flow enforcement";
    }
    if (a->cr2 != b->cr2) {
        return "cr2";
    }
    if (a->tcg.mode_key != b->tcg.mode_key) {
        return "mode key";
    }
    if (memcmp(x86_ymm_high(a, 0), x86_ymm_high(b, 0), 256)) {
        return "ymm";
    }
    if ((differs = fx_difference(&a->fx, &b->fx, 16))) {
        return differs;
    }
    if (memcmp(reference.host, translated.host, COMPARED)) {
        return "memory";
    }
    return NULL;
}

/* Where the reference ended, below 1 MiB. */
static uint64_t
ended_at(void)
{
    return x86_get_pc(&reference.s->tcg) & 0xfffff;
}

/* An access that wraps at the end of a segment with a base: translated code does not look. */
static bool
wraps_in_segment(const Case *c, const Mode *mode)
{
    if (mode->bits == 64 || (ended_at() != HANDLERS + X86_EXC_GP * 16 + 1 &&
                             ended_at() != HANDLERS + X86_EXC_SS * 16 + 1)) {
        return false;
    }
    if (mode->ds_base && !mode->limit) {
        return true;
    }
    for (unsigned i = 0; i < c->n_insns; i++) {
        for (unsigned k = c->start[i]; k < c->start[i] + 4u && k < c->start[i + 1]; k++) {
            if (c->code[k] == 0x64 || c->code[k] == 0x65) {
                return true;
            }
        }
    }
    return false;
}

/*
 * Whether an instruction that nobody generated, made by a store over the code, left flags undefined: a branch may have depended on
 * them. Runs the reference again, step by step.
 */
static bool
undefined_in_stored(const Case *c, const Mode *mode)
{
    X86State *s = reference.s;
    uint64_t at = c->entry & 0xfffff;
    bool found = false;

    load_machine(&reference, c, mode);
    for (unsigned i = 0; i < MAX_STEPS && !found; i++) {
        uint64_t k = (s->rip & 0xfffff) - at;
        unsigned n = 0;
        X86Insn insn;
        int length;

        if (k < c->n_bytes) {
            length = x86_decode(reference.host + at + k, 15, s->tcg.mode_key, reference.s->features, &insn);
            found = length > 0 && undefined_flags(&insn) && memcmp(reference.host + at + k, c->code + k, (unsigned)length) != 0;
        }
        if (x86_interp(&s->tcg, 1, &n) != EMU_TCG_EXIT_NONE) {
            break;
        }
    }
    broke_tables(&reference);
    return found;
}

/*
 * Undefined flags came to light before the barrier behind the instruction: it was stored over, or it faulted.
 */
static bool
barrier_broken(const Case *c, const Mode *mode, const char *what)
{
    uint64_t at = c->entry & 0xfffff, rip = 0;
    bool undefined = false;

    /* Instructions that nobody generated: no barriers behind them. */
    if (memcmp(reference.host + at, c->code, c->n_bytes) != 0 &&
        (g_str_equal(what, "flags") || g_str_equal(what, "memory") || g_str_equal(what, "rax") || g_str_equal(what, "rcx") ||
         undefined_in_stored(c, mode))) {
        return true;
    }
    for (unsigned i = 0; i < c->n_insns; i++) {
        undefined = undefined || (c->row[i] == NO_ROW && c->code[c->start[i]] == 0x9c);
    }
    if (!undefined) {
        return false;
    }
    if (memcmp(reference.host + at, c->code, c->n_bytes) != 0 || ended_at() == HANDLERS + X86_EXC_DB * 16 + 1) {
        return true;
    }
    if (mode->real) {
        memcpy(&rip, reference.host + mode->ds_base + (uint16_t)X86_LOW(reference.s, X86_RSP), 2);
    } else {
        memcpy(&rip, reference.host + (X86_LOW(reference.s, X86_RSP) & (COMPARED - 1)) + (reference.s->code_size == 64 ? 8 : 4), 4);
    }
    rip += mode->bits == 16 ? CODE : 0;
    for (unsigned i = 0; i < c->n_insns; i++) {
        uint64_t barrier = at + c->start[i];

        if (c->row[i] == NO_ROW && c->code[c->start[i]] != 0xf4 &&
            ((rip & 0xfffff) == barrier || ended_at() == barrier)) {
            return true;
        }
    }
    return false;
}

/*
 * A block whose accesses miss their predictions too often within some time is made again, with those of its instructions picking theirs
 * by address: any of them, then.
 */
static void
pick_hashed(const Case *c)
{
    uint64_t seed = c->data_seed;

    g_hash_table_remove_all(translated.m.cache->hashed);
    for (unsigned i = 0; i < c->n_insns && c->data_seed % 5 == 0; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        g_hash_table_insert(translated.m.cache->hashed, GSIZE_TO_POINTER(c->entry + c->start[i]), GSIZE_TO_POINTER(seed ^ seed >> 29));
    }
}

const char *
run_case(const Case *c, const Mode *mode, bool *ends)
{
    EmuTcgExit how, how2;
    const char *what;

    load_machine(&reference, c, mode);
    *ends = run_reference(&how);
    if (broke_tables(&reference)) {
        *ends = false;
    }
    if (!*ends) {
        return NULL;
    }
    load_machine(&translated, c, mode);
    translated.m.one_insn_per_block = c->data_seed % 11 == 0;
    translated.m.stress_slot_miss = c->data_seed % 13 == 0;
    translated.m.stress_hashed = c->data_seed % 7 == 0;
    translated.m.stress_unlink = c->data_seed % 17 == 0;
    pick_hashed(c);
    bool translated_ends = run_translated(&how2);
    if (broke_tables(&translated)) {
        return "page tables";
    }
    if (!translated_ends) {
        return "never ends";
    }
    if (validate_failed) {
        return "invalid IR";
    }
    what = how != how2 ? "way of ending" : difference();
    return !what || wraps_in_segment(c, mode) || barrier_broken(c, mode, what) ? NULL : what;
}

void
show(const Case *c, const Mode *mode, const char *what)
{
    X86State *a = reference.s, *b = translated.s;
    csh handle;
    cs_insn *insns;
    g_autoptr(GString) t = g_string_new(NULL);

    g_string_append_printf(t, "%s: %s differs; entry %lx\n", mode->name, what, c->entry);
    if (cs_open(CS_ARCH_X86, mode->bits == 64 ? CS_MODE_64 : mode->bits == 32 ? CS_MODE_32 : CS_MODE_16, &handle) == CS_ERR_OK) {
        cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
        for (unsigned i = 0; i < c->n_insns; i++) {
            unsigned at = c->start[i];

            if (c->code[at] == 0x90 && c->start[i + 1] - at > 1) {
                continue;
            }
            g_string_append_printf(t, "  %8lx:", c->entry + at);
            for (unsigned k = at; k < c->start[i + 1]; k++) {
                g_string_append_printf(t, " %02x", c->code[k]);
            }
            if (cs_disasm(handle, c->code + at, c->start[i + 1] - at, c->entry + at, 1, &insns) == 1) {
                g_string_append_printf(t, "   %s %s", insns->mnemonic, insns->op_str);
                cs_free(insns, 1);
            }
            g_string_append_c(t, '\n');
        }
        cs_close(&handle);
    }
    for (unsigned i = 0; i < 16; i++) {
        if (*x86_gpr(a, i) != *x86_gpr(b, i)) {
            g_string_append_printf(t, "  %-3s in %016lx interp %016lx jit %016lx <\n", x86_globals[i].name, c->cpu.gpr[i],
                                   *x86_gpr(a, i), *x86_gpr(b, i));
        } else {
            g_string_append_printf(t, "  %s %lx->%lx", x86_globals[i].name, c->cpu.gpr[i], *x86_gpr(a, i));
        }
    }
    g_string_append_printf(t, "  rip in %lx interp %lx jit %lx; eflags in %x interp %x jit %x; cr2 %lx %lx; mode %lx %lx\n",
                           c->cpu.rip, a->rip, b->rip, c->cpu.eflags, x86_get_eflags(a), x86_get_eflags(b), a->cr2, b->cr2,
                           a->tcg.mode_key, b->tcg.mode_key);
    g_string_append_printf(t, "  exception %d %d; mxcsr in %x interp %x jit %x; fcw in %x interp %x jit %x; fsw in %x interp %x jit %x; ftw in %x interp %x jit %x\n",
                           a->exception, b->exception, c->cpu.fx.mxcsr, a->fx.mxcsr, b->fx.mxcsr, c->cpu.fx.fcw, a->fx.fcw, b->fx.fcw,
                           c->cpu.fx.fsw, a->fx.fsw, b->fx.fsw, c->cpu.fx.ftw, a->fx.ftw, b->fx.ftw);
    for (unsigned i = 0; i < 16; i++) {
        if (memcmp(x86_ymm_high(a, i), x86_ymm_high(b, i), 16)) {
            uint64_t x[6];

            memcpy(x, c->cpu.high[i], 16);
            memcpy(x + 2, x86_ymm_high(a, i), 16);
            memcpy(x + 4, x86_ymm_high(b, i), 16);
            g_string_append_printf(t, "  ymm%u upper half in %016lx%016lx interp %016lx%016lx jit %016lx%016lx\n", i, x[1], x[0],
                                   x[3], x[2], x[5], x[4]);
        }
        if (memcmp(a->fx.xmm[i], b->fx.xmm[i], 16)) {
            uint64_t x[6];

            memcpy(x, c->cpu.fx.xmm[i], 16);
            memcpy(x + 2, a->fx.xmm[i], 16);
            memcpy(x + 4, b->fx.xmm[i], 16);
            g_string_append_printf(t, "  xmm%u in %016lx%016lx interp %016lx%016lx jit %016lx%016lx\n", i, x[1], x[0], x[3], x[2],
                                   x[5], x[4]);
        }
    }
    for (unsigned i = 0, n = 0; i < COMPARED && n < 8; i++) {
        if (reference.host[i] != translated.host[i]) {
            g_string_append_printf(t, "  [%x] interp %02x jit %02x\n", i, reference.host[i], translated.host[i]);
            n++;
        }
    }
    g_printerr("%s", t->str);
}

void
shrink(Case *c, const Mode *mode)
{
    bool again = true;

    while (again) {
        again = false;
        for (unsigned i = 0; i < c->n_insns; i++) {
            Case t = *c;
            unsigned n = c->start[i + 1] - c->start[i];
            bool ends, nops = true;

            for (unsigned k = c->start[i]; k < c->start[i + 1]; k++) {
                nops = nops && c->code[k] == 0x90;
            }
            if (nops || c->row[i] == NO_ROW) {
                continue;
            }
            memset(t.code + t.start[i], 0x90, n);
            for (unsigned k = i + 1; k + 1 < c->n_insns && c->row[k] == NO_ROW; k++) {
                memset(t.code + t.start[k], 0x90, c->start[k + 1] - c->start[k]);
            }
            validate_failed = false;
            if (run_case(&t, mode, &ends) && ends) {
                *c = t;
                again = true;
            }
        }
    }
}
