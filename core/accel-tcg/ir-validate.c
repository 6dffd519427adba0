/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the translator relies on.  Run on every block of a debug build, and in the tests. */

#include "ir-private.h"

typedef struct {
    const EmuTcgIr *ir;
    unsigned op;
    unsigned insn_start; /* first op of the current instruction */
    uint16_t defined[TCG_IR_MAX_TEMPS]; /* op + 1 that defines a temp */
    bool wrote;          /* a global was written in this instruction */
    GString *wrong;
} Validator;

static void
wrong(Validator *v, const char *what)
{
    if (v->wrong == NULL) {
        v->wrong = g_string_new(NULL);
        g_string_printf(v->wrong, "op %u (%s): %s", v->op, tcg_op_info[v->ir->ops[v->op].op].name,
                        what);
    }
}

static void
check_use(Validator *v, EmuTcgArg arg)
{
    switch (TCG_ARG_KIND(arg)) {
    case EMU_TCG_ARG_TEMP: {
        unsigned temp = TCG_ARG_INDEX(arg);

        if (temp >= v->ir->n_temps || v->defined[temp] == 0) {
            wrong(v, "temp used before its definition");
        } else if (v->defined[temp] - 1u < v->insn_start) {
            wrong(v, "temp of an earlier instruction");
        }
        break;
    }
    case EMU_TCG_ARG_GLOBAL:
        if (TCG_GLOBAL_INDEX(arg) >= v->ir->fe->n_globals) {
            wrong(v, "no such global");
        }
        break;
    case EMU_TCG_ARG_CONST:
    case EMU_TCG_ARG_PCREL:
        if (TCG_ARG_INDEX(arg) >= v->ir->n_consts) {
            wrong(v, "no such constant");
        }
        break;
    case EMU_TCG_ARG_ADDR:
        wrong(v, "address as a value");
        break;
    default:
        break;
    }
}

static void
check_def(Validator *v, EmuTcgArg arg)
{
    switch (TCG_ARG_KIND(arg)) {
    case EMU_TCG_ARG_TEMP: {
        unsigned temp = TCG_ARG_INDEX(arg);

        if (temp >= v->ir->n_temps) {
            wrong(v, "no such temp");
        } else if (v->defined[temp] != 0) {
            wrong(v, "temp defined twice");
        } else {
            v->defined[temp] = (uint16_t)(v->op + 1);
        }
        break;
    }
    case EMU_TCG_ARG_GLOBAL:
        check_use(v, arg);
        v->wrote = true;
        break;
    case EMU_TCG_ARG_NONE:
        break;
    default:
        wrong(v, "destination is a constant");
        break;
    }
}

static void
check_mem(Validator *v, const EmuTcgMem *mem, bool access)
{
    check_use(v, mem->addr.base);
    check_use(v, mem->addr.index);
    check_use(v, mem->addr.segment);
    check_use(v, mem->addr.limit);
    if (mem->addr.limit != EMU_TCG_NO_ARG && (TCG_ARG_KIND(mem->addr.limit) != EMU_TCG_ARG_GLOBAL || mem->addr.wrap == 64)) {
        wrong(v, "limit of an address");
    }
    if (mem->addr.wrap != 16 && mem->addr.wrap != 32 && mem->addr.wrap != 64) {
        wrong(v, "address wraps at no known width");
    }
    if (mem->addr.scale > 3) {
        wrong(v, "scale above 8");
    }
    if (access && (mem->size == 0 || mem->size > 512)) {
        wrong(v, "size of access");
    }
    if (access && mem->mmu_mode >= EMU_TCG_MMU_MODES) {
        wrong(v, "MMU mode");
    }
}

static void
check_op(Validator *v, const TcgOp *op)
{
    const EmuTcgIr *ir = v->ir;
    bool integer = op->type >= EMU_TCG_I8 && op->type <= EMU_TCG_I64;

    if (tcg_op_may_leave(ir, op) && v->wrote) {
        wrong(v, "may leave behind a write of a global in the same instruction");
    }
    switch (op->op) {
    case EMU_TCG_OP_INSN:
        v->insn_start = v->op;
        v->wrote = false;
        return;
    case EMU_TCG_OP_TEMPLATE: {
        const EmuTcgTemplate *t = &ir->templates[op->x];

        if (t->n_regs > EMU_TCG_TEMPLATE_REGS) {
            wrong(v, "too many registers");
            return;
        }
        for (unsigned i = 0; i < t->n_regs; i++) {
            if (TCG_ARG_KIND(t->regs[i]) != EMU_TCG_ARG_GLOBAL ||
                ir->fe->globals[TCG_GLOBAL_INDEX(t->regs[i])].bank != 0) {
                wrong(v, "template register is no integer global");
            }
            v->wrote = v->wrote || (t->roles[i] & EMU_TCG_ROLE_WRITE) != 0;
        }
        if (t->has_mem) {
            check_mem(v, &t->mem, true);
        }
        return;
    }
    case EMU_TCG_OP_CALL:
        check_use(v, op->a);
        check_use(v, op->b);
        check_use(v, ir->calls[op->x].c);
        check_def(v, op->dst);
        return;
    case EMU_TCG_OP_LEA:
        check_mem(v, &ir->mems[op->x], false);
        check_def(v, op->dst);
        break;
    case EMU_TCG_OP_LOAD:
        check_mem(v, &ir->mems[op->x], true);
        check_def(v, op->dst);
        break;
    case EMU_TCG_OP_STORE:
        check_use(v, op->a);
        check_mem(v, &ir->mems[op->x], true);
        break;
    case EMU_TCG_OP_BRNZ:
        check_use(v, op->dst);
        break;
    case EMU_TCG_OP_INTERP:
    case EMU_TCG_OP_EXIT_INTERP:
        if (v->wrote) {
            wrong(v, "interpreted behind a write of a global in the same instruction");
        }
        return;
    case EMU_TCG_OP_MUL:
        integer = integer && op->type != EMU_TCG_I8;
        check_use(v, op->a);
        check_use(v, op->b);
        check_def(v, op->dst);
        break;
    default:
        check_use(v, op->a);
        check_use(v, op->b);
        check_def(v, op->dst);
        break;
    }
    if (!integer) {
        wrong(v, "type");
    }
}

char *
tcg_ir_validate(const EmuTcgIr *ir)
{
    g_autofree Validator *v = g_new0(Validator, 1);

    v->ir = ir;
    if (ir->n_ops == 0 || ir->ops[0].op != EMU_TCG_OP_INSN) {
        return g_strdup("a block starts with an instruction marker");
    }
    if (!(tcg_op_info[ir->ops[ir->n_ops - 1].op].attr & EMU_TCG_ATTR_END)) {
        return g_strdup("a block ends with an op that ends it");
    }
    for (v->op = 0; v->op < ir->n_ops && v->wrong == NULL; v->op++) {
        const TcgOp *op = &ir->ops[v->op];

        if (v->op + 1 < ir->n_ops && (tcg_op_info[op->op].attr & EMU_TCG_ATTR_END)) {
            wrong(v, "ends the block before its last op");
        }
        check_op(v, op);
    }
    return v->wrong != NULL ? g_string_free(v->wrong, FALSE) : NULL;
}
