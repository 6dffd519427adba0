/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* -d in_asm, op, out_asm: the guest's instructions, the IR, the host's. */

#include "dump.h"

#include <capstone/capstone.h>

static void
dump_guest(TcgCache *c, const EmuTcgIr *ir, const uint8_t *guest, unsigned avail, GString *out)
{
    g_string_append_printf(out, "IN: mode %#" G_GINT64_MODIFIER "x\n", ir->mode_key);
    for (unsigned i = 0; i < ir->n_insns; i++) {
        uint64_t offset = ir->insns[i].pc - ir->pc;
        char text[128] = "";

        if (c->fe->disas != NULL) {
            c->fe->disas(ir->insns[i].pc, guest + offset, avail - (unsigned)offset, ir->mode_key, text,
                         sizeof(text));
        }
        g_string_append_printf(out, "0x%08" G_GINT64_MODIFIER "x:  %s\n", ir->insns[i].pc, text);
    }
    g_string_append_c(out, '\n');
}

static void
dump_host(TcgCache *c, const TcgBlock *b, GString *out)
{
#if defined(__x86_64__)
    csh handle;
    cs_insn *insns;
    const uint16_t *offsets = tcg_block_offsets(b);
    unsigned next = 0;
    size_t n;

    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) {
        return;
    }
    cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    cs_option(handle, CS_OPT_SKIPDATA, CS_OPT_ON);
    n = cs_disasm(handle, b->code, b->code_size, tcg_block_exec(c, b, 0), 0, &insns);
    g_string_append_printf(out, "OUT: [size=%u]\n", b->code_size);
    for (size_t i = 0; i < n; i++) {
        unsigned offset = (unsigned)(insns[i].address - tcg_block_exec(c, b, 0));

        if (next < b->n_insns && offset >= offsets[next]) {
            g_string_append_printf(out, "  -- guest instruction %u\n", next++);
        } else if (offset == b->cold) {
            g_string_append(out, "  -- out of line\n");
        }
        g_string_append_printf(out, "0x%012" G_GINT64_MODIFIER "x:  %s %s\n", insns[i].address,
                               insns[i].mnemonic, insns[i].op_str);
    }
    g_string_append_c(out, '\n');
    cs_free(insns, n);
    cs_close(&handle);
#endif
}

void
tcg_dump_block(TcgCache *c, const TcgBlock *b, const EmuTcgIr *ir, const uint8_t *guest, unsigned avail)
{
    g_autoptr(GString) out = g_string_new("----------------\n");

    if (emu_log_mask & EMU_LOG_IN_ASM) {
        dump_guest(c, ir, guest, avail, out);
    }
    if (emu_log_mask & EMU_LOG_OP) {
        g_string_append(out, "OP:\n");
        tcg_ir_dump(ir, out);
        g_string_append_c(out, '\n');
    }
    if (emu_log_mask & EMU_LOG_OUT_ASM) {
        dump_host(c, b, out);
    }
    emu_log_printf("%s", out->str);
}
