/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Block operations (EmuTcgBlockOp) in place, when the host's string instructions find their operands where the guest has
 * them. Compilers use REP MOVS for a few dozen bytes: a call would cost more than the copy.
 *
 *   retry:
 *     test [guard], mask                 jnz helper
 *     (wrap 32: upper halves are 0, or helper)
 *     mov  r10d, 4096 / size
 *     sub  r10, rcx                      jb  helper
 *     shl  r10, log2 size                the last offset that a block of this length may begin at
 *     mov  r9, rdi; sub r9, [slot.write_base]
 *     cmp  r9, r10                       ja  miss
 *     the same with rsi and its slot
 *     mov  r10, [rdi's delta];  mov r11, [rsi's delta]
 *     add  rdi, r10;  add rsi, r11;  rep movs;  sub rdi, r10;  sub rsi, r11
 *   back:
 *
 * Out of line: a page that was not the predicted one is looked up, then "retry"; a block that crosses the page's end, or has an
 * empty way out of here, is the helper's. A host fault (an address in the page that stands for an empty slot) finds the registers
 * advanced as far as the copy got, the deltas added: they are taken off, and the interpreter goes on.
 */

#include "x64-private.h"

static void
string_op(X64Asm *a, unsigned size, bool copies)
{
    unsigned opcode = copies ? 0xa4 : 0xaa;

    x64_byte(a, 0xf3);
    if (size == 2) {
        x64_byte(a, 0x66);
    } else if (size == 8) {
        x64_byte(a, 0x48);
    }
    x64_byte(a, size == 1 ? opcode : opcode + 1);
}

/* The other operands never change places: the host's instruction has them where the guest's has. */
static bool
in_place(const X64Emit *e, const EmuTcgBlockOp *op)
{
    bool copies = op->from != EMU_TCG_BLOCK_FILL;

    return op->to == X64_RDI && op->count == X64_RCX && (copies ? op->from == X64_RSI : op->value == X64_RAX) &&
           x64_pin_of_guest[X64_RDI] == X64_RDI && !e->job->force_slow && !(e->job->hashed >> e->insn & 1) &&
           e->n_blocks < X64_MAX_BLOCK_OPS;
}

bool
x64_emit_block_op(X64Emit *e, const TcgOp *op)
{
    const EmuTcgBlockOp *block = e->ir->calls[op->x].helper->block;
    unsigned shift;
    X64Asm *a = &e->a;
    X64Block *b;

    if (block == NULL || !in_place(e, block)) {
        return false;
    }
    shift = (unsigned)__builtin_ctz(block->size);
    b = &e->blocks[e->n_blocks++];
    *b = (X64Block){.op = op, .insn = e->insn, .copies = block->from != EMU_TCG_BLOCK_FILL, .retry = a->p};

    x64_group(a, 4, 0xf7, 0, x64_mem(X64_RSP, (int32_t)e->h->fe->globals[block->guard_global].offset)); /* test [], imm */
    x64_u32(a, block->guard_mask);
    b->helper[0] = x64_jcc_forward(a, 5);
    if (block->wrap == 32) {
        x64_mov_rr(a, 8, X64_R9, X64_RDI);
        if (b->copies) {
            x64_alu_load(a, X64_OR, 8, X64_R9, x64_reg(X64_RSI));
        }
        x64_group(a, 8, 0xc1, 5, x64_reg(X64_R9)); /* shr */
        x64_byte(a, 32);
        b->helper[2] = x64_jcc_forward(a, 5);
    }
    x64_mov_imm(a, X64_R10, TCG_PAGE_SIZE >> shift);
    x64_alu_load(a, X64_SUB, 8, X64_R10, x64_reg(X64_RCX));
    b->helper[1] = x64_jcc_forward(a, 2);
    if (shift != 0) {
        x64_group(a, 4, 0xc1, 4, x64_reg(X64_R10)); /* shl */
        x64_byte(a, shift);
    }
    for (unsigned i = 0; i < (b->copies ? 2u : 1u); i++) {
        unsigned reg = i == 0 ? X64_RDI : X64_RSI;
        int32_t base = i == 0 ? (int32_t)offsetof(TcgPredict, write_base) : (int32_t)offsetof(TcgPredict, read_base);

        x64_mov_rr(a, 8, X64_R9, reg);
        x64_alu_load(a, X64_SUB, 8, X64_R9, x64_mem(X64_RSP, x64_register_slot(e, e->ir->mmu_mode, reg) + base));
        x64_alu_load(a, X64_CMP, 8, X64_R9, x64_reg(X64_R10));
        b->miss[i] = x64_jcc_forward(a, 7);
    }
    for (unsigned i = 0; i < (b->copies ? 2u : 1u); i++) {
        unsigned reg = i == 0 ? X64_RDI : X64_RSI, delta = i == 0 ? X64_R10 : X64_R11;

        x64_mov_load(a, 8, delta,
                     x64_mem(X64_RSP, x64_register_slot(e, e->ir->mmu_mode, reg) + (int32_t)offsetof(TcgPredict, delta)));
        x64_alu_load(a, X64_ADD, 8, reg, x64_reg(delta));
    }
    string_op(a, block->size, b->copies);
    x64_alu_load(a, X64_SUB, block->wrap / 8, X64_RDI, x64_reg(X64_R10));
    if (b->copies) {
        x64_alu_load(a, X64_SUB, block->wrap / 8, X64_RSI, x64_reg(X64_R11));
    }
    b->back = a->p;
    return true;
}

void
x64_emit_block_stubs(X64Emit *e)
{
    X64Asm *a = &e->a;

    for (unsigned i = 0; i < e->n_blocks; i++) {
        const X64Block *b = &e->blocks[i];
        bool integer = e->ir->insns[b->insn].integer;
        uint8_t *crosses[2];

        if (!x64_has_room(a)) {
            return;
        }
        e->insn = b->insn;
        for (unsigned n = 0; n < (b->copies ? 2u : 1u); n++) {
            unsigned reg = n == 0 ? X64_RDI : X64_RSI;

            x64_bind(a, b->miss[n]);
            x64_alu_imm(a, X64_CMP, 8, x64_reg(X64_R9), (int32_t)TCG_PAGE_SIZE);
            crosses[n] = x64_jcc_forward(a, 2);
            x64_mov_store_imm(a, 4, x64_mem(X64_RSP, X64_ST_DESC),
                              (int32_t)TCG_DESC(reg, e->ir->mmu_mode, n == 0 ? EMU_TCG_WRITE : EMU_TCG_READ, 1, b->insn));
            x64_mov_rr(a, 8, X64_R10, reg);
            x64_call(a, e->h->t_miss[integer]);
            x64_jmp_back(a, b->retry);
        }
        for (unsigned n = 0; n < (b->copies ? 2u : 1u); n++) {
            x64_bind(a, crosses[n]);
        }
        for (unsigned n = 0; n < G_N_ELEMENTS(b->helper); n++) {
            if (b->helper[n] != NULL) {
                x64_bind(a, b->helper[n]);
            }
        }
        x64_mov_store_imm(a, 4, x64_mem(X64_RSP, X64_ST_DESC), (int32_t)TCG_DESC(0, 0, 0, 0, b->insn));
        x64_emit_general(e, b->op);
        x64_jmp_back(a, b->back);

        e->out->stubs[e->out->n_stubs++] = (TcgHostStub){.offset = (uint16_t)(a->p - e->job->write), .insn = b->insn};
        x64_alu_load(a, X64_SUB, 8, X64_RDI, x64_reg(X64_R10));
        if (b->copies) {
            x64_alu_load(a, X64_SUB, 8, X64_RSI, x64_reg(X64_R11));
        }
        x64_mov_store_imm(a, 4, x64_mem(X64_RSP, X64_ST_DESC), (int32_t)TCG_DESC(0, 0, 0, 0, b->insn));
        x64_call(a, e->h->t_interp[integer]);
    }
}
