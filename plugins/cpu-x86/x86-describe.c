/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text for people: "info registers" in the layout that tools expect, and disassembly. */

#include "x86-cpu.h"

#include <capstone/capstone.h>
#include <string.h>

static void
describe_segment(GString *out, X86State *s, const char *name, unsigned seg, bool wide)
{
    static const char *const system16[16] = {
        "Reserved", "TSS16-avl", "LDT",      "TSS16-busy", "CallGate16", "TaskGate", "IntGate16", "TrapGate16",
        "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32",
    };
    static const char *const system64[16] = {
        "<hiword>", "Reserved",  "LDT",      "Reserved",   "Reserved",   "Reserved", "Reserved",  "Reserved",
        "Reserved", "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64", "Reserved", "IntGate64", "TrapGate64",
    };
    const X86Segment *d = &s->seg[seg];
    uint64_t base = *x86_seg_base(s, seg);
    bool lma = s->efer & X86_EFER_LMA;

    if (wide) {
        g_string_append_printf(out, "%-3s=%04x %016" G_GINT64_MODIFIER "x %08x %08x", name, d->selector, base,
                               d->limit, d->attr & X86_DESC_ATTR);
    } else {
        g_string_append_printf(out, "%-3s=%04x %08x %08x %08x", name, d->selector, (uint32_t)base, d->limit,
                               d->attr & X86_DESC_ATTR);
    }
    if (s->cr0 & X86_CR0_PE && d->attr & X86_DESC_P) {
        g_string_append_printf(out, " DPL=%u ", (d->attr & X86_DESC_DPL) >> X86_DESC_DPL_SHIFT);
        if (!(d->attr & X86_DESC_S)) {
            g_string_append(out, (lma ? system64 : system16)[d->attr >> 8 & 15]);
        } else if (d->attr & X86_DESC_CODE) {
            g_string_append_printf(out, "%s [%c%c%c]",
                                   d->attr & X86_DESC_L ? "CS64" : d->attr & X86_DESC_B ? "CS32" : "CS16",
                                   d->attr & X86_DESC_C ? 'C' : '-', d->attr & X86_DESC_R ? 'R' : '-',
                                   d->attr & X86_DESC_A ? 'A' : '-');
        } else {
            g_string_append_printf(out, "%s [%c%c%c]", d->attr & X86_DESC_B || lma ? "DS  " : "DS16",
                                   d->attr & X86_DESC_E ? 'E' : '-', d->attr & X86_DESC_W ? 'W' : '-',
                                   d->attr & X86_DESC_A ? 'A' : '-');
        }
    }
    g_string_append_c(out, '\n');
}

static void
describe_general(GString *out, X86State *s, bool wide)
{
    static const char *const names64[16] = {"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RBP", "RSP",
                                            "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15"};
    static const char *const names32[8] = {"EAX", "EBX", "ECX", "EDX", "ESI", "EDI", "EBP", "ESP"};
    static const uint8_t order[16] = {X86_RAX, X86_RBX, X86_RCX, X86_RDX, X86_RSI, X86_RDI, X86_RBP, X86_RSP,
                                      8,       9,       10,      11,      12,      13,      14,      15};

    for (unsigned i = 0; i < (wide ? 16 : 8); i++) {
        uint64_t v = *x86_gpr(s, order[i]);
        if (wide) {
            g_string_append_printf(out, "%s=%016" G_GINT64_MODIFIER "x", names64[i], v);
        } else {
            g_string_append_printf(out, "%s=%08x", names32[i], (uint32_t)v);
        }
        g_string_append_c(out, i % 4 == 3 ? '\n' : ' ');
    }
    uint32_t fl = x86_get_eflags(s);
    if (wide) {
        g_string_append_printf(out, "RIP=%016" G_GINT64_MODIFIER "x RFL=%08x", s->rip, fl);
    } else {
        g_string_append_printf(out, "EIP=%08x EFL=%08x", (uint32_t)s->rip, fl);
    }
    g_string_append_printf(out, " [%c%c%c%c%c%c%c] CPL=%d II=%d A20=%d SMM=%d HLT=%d\n", fl & X86_DF ? 'D' : '-',
                           fl & X86_OF ? 'O' : '-', fl & X86_SF ? 'S' : '-', fl & X86_ZF ? 'Z' : '-',
                           fl & X86_AF ? 'A' : '-', fl & X86_PF ? 'P' : '-', fl & X86_CF ? 'C' : '-', s->cpl,
                           s->shadow ? 1 : 0, (int)(s->a20_mask >> 20 & 1), s->in_smm, s->halted);
}

static void
describe_system(GString *out, X86State *s, bool wide)
{
    if (wide) {
        g_string_append_printf(out, "GDT=     %016" G_GINT64_MODIFIER "x %08x\n", s->gdtr.base, s->gdtr.limit);
        g_string_append_printf(out, "IDT=     %016" G_GINT64_MODIFIER "x %08x\n", s->idtr.base, s->idtr.limit);
        g_string_append_printf(out,
                               "CR0=%08x CR2=%016" G_GINT64_MODIFIER "x CR3=%016" G_GINT64_MODIFIER "x CR4=%08x\n",
                               (uint32_t)s->cr0, s->cr2, s->cr3, (uint32_t)s->cr4);
        for (unsigned i = 0; i < 4; i++) {
            g_string_append_printf(out, "DR%u=%016" G_GINT64_MODIFIER "x ", i, s->dr[i]);
        }
        g_string_append_printf(out, "\nDR6=%016" G_GINT64_MODIFIER "x DR7=%016" G_GINT64_MODIFIER "x\n", s->dr[6],
                               s->dr[7]);
    } else {
        g_string_append_printf(out, "GDT=     %08x %08x\n", (uint32_t)s->gdtr.base, s->gdtr.limit);
        g_string_append_printf(out, "IDT=     %08x %08x\n", (uint32_t)s->idtr.base, s->idtr.limit);
        g_string_append_printf(out, "CR0=%08x CR2=%08x CR3=%08x CR4=%08x\n", (uint32_t)s->cr0, (uint32_t)s->cr2,
                               (uint32_t)s->cr3, (uint32_t)s->cr4);
        for (unsigned i = 0; i < 4; i++) {
            g_string_append_printf(out, "DR%u=%08x ", i, (uint32_t)s->dr[i]);
        }
        g_string_append_printf(out, "\nDR6=%08x DR7=%08x\n", (uint32_t)s->dr[6], (uint32_t)s->dr[7]);
    }
    g_string_append_printf(out, "EFER=%016" G_GINT64_MODIFIER "x\n", s->efer);
    if (s->cr4 & X86_CR4_CET) {
        g_string_append_printf(out, "SSP=%016" G_GINT64_MODIFIER "x U_CET=%016" G_GINT64_MODIFIER "x S_CET=%016" G_GINT64_MODIFIER "x\n", s->ssp,
                               s->u_cet, s->s_cet);
    }
}

static void
describe_fpu(GString *out, X86State *s, bool wide)
{
    unsigned top = s->fx.fsw >> 11 & 7;

    g_string_append_printf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n", s->fx.fcw, s->fx.fsw, top,
                           s->fx.ftw, s->fx.mxcsr);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t mantissa;
        uint16_t exponent;
        /* FXSAVE keeps the stack order; the listing is by register. */
        const uint8_t *st = s->fx.st[(i - top) & 7];
        memcpy(&mantissa, st, 8);
        memcpy(&exponent, st + 8, 2);
        g_string_append_printf(out, "FPR%u=%016" G_GINT64_MODIFIER "x %04x%c", i, mantissa, exponent,
                               i % 2 ? '\n' : ' ');
    }
    for (unsigned i = 0; i < (wide ? 16 : 8); i++) {
        uint64_t v[4];

        memcpy(v, s->fx.xmm[i], 16);
        memcpy(v + 2, x86_ymm_high(s, i), 16);
        if ((s->xcr0 & 6) == 6) {
            g_string_append_printf(out, "YMM%02u=%016" G_GINT64_MODIFIER "x %016" G_GINT64_MODIFIER "x %016" G_GINT64_MODIFIER
                                        "x %016" G_GINT64_MODIFIER "x\n", i, v[3], v[2], v[1], v[0]);
        } else {
            g_string_append_printf(out, "XMM%02u=%016" G_GINT64_MODIFIER "x %016" G_GINT64_MODIFIER "x%c", i, v[1], v[0],
                                   i % 2 ? '\n' : ' ');
        }
    }
}

char *
x86_describe_registers(X86State *s)
{
    static const struct {
        const char *name;
        unsigned seg;
    } segments[] = {{"ES", X86_ES}, {"CS", X86_CS}, {"SS", X86_SS},    {"DS", X86_DS},
                    {"FS", X86_FS}, {"GS", X86_GS}, {"LDT", X86_LDTR}, {"TR", X86_TR}};
    GString *out = g_string_new(NULL);
    bool wide = s->code_size == 64;

    describe_general(out, s, wide);
    for (gsize i = 0; i < G_N_ELEMENTS(segments); i++) {
        describe_segment(out, s, segments[i].name, segments[i].seg, wide);
    }
    describe_system(out, s, s->efer & X86_EFER_LMA);
    describe_fpu(out, s, wide);
    return g_string_free(out, FALSE);
}

unsigned
x86_disassemble(uint64_t pc, const uint8_t *code, unsigned avail, unsigned bits, char *buf, gsize buf_size)
{
    csh handle;
    cs_insn *insn = NULL;
    unsigned length = 0;
    cs_mode mode = bits == 64 ? CS_MODE_64 : bits == 32 ? CS_MODE_32 : CS_MODE_16;

    if (cs_open(CS_ARCH_X86, mode, &handle) != CS_ERR_OK) {
        g_strlcpy(buf, "(no disassembler)", buf_size);
        return 0;
    }
    if (cs_disasm(handle, code, avail, pc, 1, &insn) == 1) {
        g_snprintf(buf, buf_size, "%-8s %s", insn->mnemonic, insn->op_str);
        length = insn->size;
        cs_free(insn, 1);
    } else {
        g_snprintf(buf, buf_size, ".byte    0x%02x", avail ? code[0] : 0);
        length = avail ? 1 : 0;
    }
    cs_close(&handle);
    return length;
}

/* ---- local APIC --------------------------------------------------------------------------------- */

static const char *const delivery_modes[8] = {"Fixed", "Lowest", "SMI", "...", "NMI", "INIT", "SIPI", "ExtINT"};

static void
append_lvt(GString *out, const char *name, uint32_t lvt, bool is_timer)
{
    unsigned mode = (lvt >> 8) & 7;

    g_string_append_printf(out, "%s\t 0x%08x active-%s %-5s %-6s %-7s %-12s %-6s", name, lvt, lvt & (1u << 13) ? "lo" : "hi",
                           lvt & (1u << 15) ? "level" : "edge", lvt & (1u << 16) ? "masked" : "", lvt & (1u << 12) ? "pending" : "",
                           !is_timer ? "" : lvt & (1u << 17) ? "periodic" : "one-shot", delivery_modes[mode]);
    g_string_append_printf(out, mode == 2 || mode == 4 || mode == 5 || mode == 7 ? "\n" : " (vec %u)\n", lvt & 0xff);
}

static void
append_vectors(GString *out, const char *name, const uint32_t *bits, const uint32_t *levels)
{
    bool any = false;

    g_string_append_printf(out, "%s\t ", name);
    for (unsigned i = 0; i < 256; i++) {
        if (bits[i / 32] & (1u << (i % 32))) {
            g_string_append_printf(out, "%u%s ", i, levels && levels[i / 32] & (1u << (i % 32)) ? "(level)" : "");
            any = true;
        }
    }
    g_string_append(out, any ? "\n" : "(none)\n");
}

char *
x86_apic_describe(const X86Apic *apic, unsigned cpu_index)
{
    static const char *const shorthands[4] = {"no-shorthand", "self", "all-self", "all"};
    static const uint8_t dividers[8] = {2, 4, 8, 16, 32, 64, 128, 1};
    unsigned divide = (apic->divide & 3) | ((apic->divide >> 1) & 4);
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "dumping local APIC state for CPU %-2u\n\n", cpu_index);
    append_lvt(out, "LVT0", apic->lvt[X86_LVT_LINT0], false);
    append_lvt(out, "LVT1", apic->lvt[X86_LVT_LINT1], false);
    append_lvt(out, "LVTPC", apic->lvt[X86_LVT_PERF], false);
    append_lvt(out, "LVTERR", apic->lvt[X86_LVT_ERROR], false);
    append_lvt(out, "LVTTHMR", apic->lvt[X86_LVT_THERMAL], false);
    append_lvt(out, "LVTT", apic->lvt[X86_LVT_TIMER], true);
    g_string_append_printf(out, "Timer\t DCR=0x%x (divide by %u) initial_count = %u current_count = %u\n", apic->divide, dividers[divide],
                           apic->initial_count, x86_apic_get_current_count(apic));
    g_string_append_printf(out, "SPIV\t 0x%08x APIC %s, focus=%s, spurious vec %u\n", apic->svr, apic->svr & 0x100 ? "enabled" : "disabled",
                           apic->svr & 0x200 ? "on" : "off", apic->svr & 0xff);
    g_string_append_printf(out, "ICR\t 0x%08x %s %s %s %s\n", apic->icr[0], apic->icr[0] & (1u << 11) ? "logical" : "physical",
                           apic->icr[0] & (1u << 15) ? "level" : "edge", apic->icr[0] & (1u << 14) ? "assert" : "de-assert",
                           shorthands[(apic->icr[0] >> 18) & 3]);
    g_string_append_printf(out, "ICR2\t 0x%08x", apic->icr[1]);
    if (apic->icr[0] & (1u << 11)) {
        g_string_append_printf(out, " mask %08x\n", apic->icr[1] >> 24);
    } else {
        g_string_append_printf(out, " cpu %u (APIC ID)\n", apic->icr[1] >> 24);
    }
    g_string_append_printf(out, "ESR\t 0x%08x\n", apic->esr);
    append_vectors(out, "ISR", apic->isr, apic->tmr);
    append_vectors(out, "IRR", apic->irr, apic->tmr);
    g_string_append_printf(out, "\nAPR 0x%02x TPR 0x%02x DFR 0x%02x LDR 0x%02x\n", 0, apic->tpr, apic->dfr >> 28, apic->ldr >> 24);
    return g_string_free(out, FALSE);
}
