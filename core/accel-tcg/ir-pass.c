/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The backward pass: which parts of FLAGS are needed behind each op, and where each temp dies. */

#include "ir-private.h"

#include <string.h>

bool
tcg_op_may_leave(const EmuTcgIr *ir, const TcgOp *op)
{
    switch (op->op) {
    case EMU_TCG_OP_TEMPLATE: {
        const EmuTcgTemplate *t = &ir->templates[op->x];

        return t->has_mem || (t->faults & EMU_TCG_TEMPLATE_FAULTS) != 0;
    }
    case EMU_TCG_OP_CALL:
        return (ir->calls[op->x].helper->flags & (EMU_TCG_HELPER_MAY_LEAVE | EMU_TCG_HELPER_GENERAL)) != 0;
    default:
        return (tcg_op_info[op->op].attr & EMU_TCG_ATTR_LEAVE) != 0;
    }
}

static inline void
pass_use(EmuTcgIr *ir, EmuTcgArg arg, unsigned at)
{
    if (TCG_ARG_KIND(arg) == EMU_TCG_ARG_TEMP && ir->temp_last[TCG_ARG_INDEX(arg)] == 0) {
        ir->temp_last[TCG_ARG_INDEX(arg)] = at;
    }
}

static void
pass_use_mem(EmuTcgIr *ir, const EmuTcgMem *mem, unsigned at)
{
    pass_use(ir, mem->addr.base, at);
    pass_use(ir, mem->addr.index, at);
    pass_use(ir, mem->addr.segment, at);
}

void
tcg_ir_backward(EmuTcgIr *ir)
{
    unsigned live = 0;

    memset(ir->temp_last, 0, ir->n_temps * sizeof(ir->temp_last[0]));
    for (unsigned i = ir->n_ops; i-- > 0;) {
        TcgOp *op = &ir->ops[i];

        if (tcg_op_info[op->op].attr & EMU_TCG_ATTR_END) {
            bool dead = (op->op == EMU_TCG_OP_JUMP && ir->dead_out[0]) ||
                        ((op->op == EMU_TCG_OP_BRANCH || op->op == EMU_TCG_OP_BRNZ) &&
                         ir->dead_out[0] && ir->dead_out[1]);

            live = dead ? 0 : EMU_TCG_FLAGS_ALL | TCG_LIVE_VISIBLE;
        }
        op->live = live;
        if ((op->fdef & EMU_TCG_FLAGS_ALL) == EMU_TCG_FLAGS_ALL) {
            live = 0;
        } else {
            live &= ~(unsigned)op->fdef;
        }
        live |= op->fuse;
        if (tcg_op_may_leave(ir, op)) {
            live |= TCG_LIVE_VISIBLE;
        }

        switch (op->op) {
        case EMU_TCG_OP_INSN:
            break;
        case EMU_TCG_OP_LEA:
        case EMU_TCG_OP_LOAD:
            pass_use_mem(ir, &ir->mems[op->x], i);
            break;
        case EMU_TCG_OP_STORE:
            pass_use(ir, op->a, i);
            pass_use_mem(ir, &ir->mems[op->x], i);
            break;
        case EMU_TCG_OP_TEMPLATE: {
            const EmuTcgTemplate *t = &ir->templates[op->x];

            if (t->has_mem) {
                pass_use_mem(ir, &t->mem, i);
            }
            break;
        }
        case EMU_TCG_OP_CALL:
            pass_use(ir, op->a, i);
            pass_use(ir, op->b, i);
            pass_use(ir, ir->calls[op->x].c, i);
            break;
        case EMU_TCG_OP_BRNZ:
            pass_use(ir, op->dst, i);
            break;
        default:
            pass_use(ir, op->a, i);
            pass_use(ir, op->b, i);
            break;
        }
    }
}
