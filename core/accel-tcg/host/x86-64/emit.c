/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A block: entries, ops in order, ends, out-of-line part. */

#include "x64-private.h"

/* r9 = pc */
static void
emit_pc(X64Asm *a, uint64_t pc)
{
    x64_mov_imm(a, X64_R9, pc);
}

/* jne to the stub at the block's start */
static void
emit_to_stub(X64Emit *e)
{
    x64_byte(&e->a, 0x75);
    x64_byte(&e->a, (unsigned)(e->job->write - (e->a.p + 1)) & 0xff);
}

/*
 * stub:   call way out
 * ind:    r9 == pc ?                   else lookup
 * cross:  token slot == token ?        else stub: a lookup
 * poll:   exit_request == 0 ?          else stub (the lookup sees the request and leaves)
 * entry:  token of the page behind == token ?   of a block whose instruction straddles two pages
 */
static void
emit_entries(X64Emit *e)
{
    X64Asm *a = &e->a;
    uint64_t pc = e->ir->pc;

    x64_call(a, e->h->t_way_out);
    e->out->ind_entry = a->p - e->job->write;
    if ((int64_t)pc == (int32_t)pc) {
        x64_alu_imm(a, X64_CMP, 8, x64_reg(X64_R9), (int32_t)pc);
    } else {
        x64_mov_imm(a, X64_R10, pc);
        x64_alu_load(a, X64_CMP, 8, X64_R9, x64_reg(X64_R10));
    }
    x64_jcc(a, 5, e->h->t_lookup);

    /* The token is changed in place when the block becomes invalid: aligned, 7 bytes in. */
    x64_align4(a, 7);
    e->out->cross_entry = a->p - e->job->write;
    e->out->token_field = e->out->cross_entry + 7;
    x64_alu_imm(a, X64_CMP, 4,
                x64_mem(X64_RSP, e->h->hot_offset + (int32_t)offsetof(TcgHot, token) +
                                     (int32_t)e->job->token_index * 4),
                (int32_t)e->job->token);
    emit_to_stub(e);

    e->out->poll_entry = a->p - e->job->write;
    x64_alu_imm(a, X64_CMP, 4, x64_mem(X64_RSP, offsetof(EmuTcgState, exit_request)), 0);
    emit_to_stub(e);

    e->out->entry = a->p - e->job->write;
    if (e->job->tail_token != 0) {
        x64_alu_imm(a, X64_CMP, 4,
                    x64_mem(X64_RSP, e->h->hot_offset + (int32_t)offsetof(TcgHot, token) +
                                         (int32_t)e->job->tail_token_index * 4),
                    (int32_t)e->job->tail_token);
        emit_to_stub(e);
    }
}

/*
 * The current instruction in the interpreter.  FLAGS are in the image before, and in the image and
 * EFLAGS behind it.
 */
void
x64_emit_interp(X64Emit *e)
{
    x64_flags_to_image(e);
    x64_call(&e->a, e->h->t_interp[e->ir->insns[e->insn].integer]);
    e->f_host = true;
    e->f_image = true;
    e->f_recipe = -1;
    e->groups = 0;
}

/* r9 = function, r11 = argument */
void
x64_emit_general(X64Emit *e, const TcgOp *op)
{
    x64_mov_imm(&e->a, X64_R9, (uintptr_t)e->ir->calls[op->x].helper->fn);
    x64_mov_imm(&e->a, X64_R11, tcg_arg_is_const(op->a) ? (uint64_t)tcg_arg_value(e->ir, op->a) : 0);
    x64_call(&e->a, e->h->t_general[e->ir->insns[e->insn].integer]);
}

/* The image of FLAGS as a number in the state, or the other way round. */
static void
emit_flags_number(X64Emit *e, bool to_state)
{
    X64Asm *a = &e->a;
    X64Rm number = x64_mem(X64_RSP, e->h->flags_offset);

    if (to_state) {
        x64_movzx(a, 1, X64_R9, x64_mem(X64_RSP, X64_ST_IMAGE + 1));
        x64_movzx(a, 1, X64_R10, x64_mem(X64_RSP, X64_ST_IMAGE));
        x64_alu_imm(a, X64_AND, 4, x64_reg(X64_R9), 0xd5);
        x64_group(a, 4, 0xc1, 4, x64_reg(X64_R10)); /* shl */
        x64_byte(a, 11);
        x64_alu_load(a, X64_OR, 4, X64_R9, x64_reg(X64_R10));
        x64_mov_store(a, 4, number, X64_R9);
    } else {
        x64_mov_load(a, 4, X64_R9, number);
        x64_mov_rr(a, 8, X64_R10, X64_R9);
        x64_group(a, 4, 0xc1, 5, x64_reg(X64_R10)); /* shr */
        x64_byte(a, 11);
        x64_alu_imm(a, X64_AND, 4, x64_reg(X64_R9), 0xd5);
        x64_alu_imm(a, X64_AND, 4, x64_reg(X64_R10), 1);
        x64_alu_imm(a, X64_OR, 4, x64_reg(X64_R9), 2);
        x64_mov_store(a, 1, x64_mem(X64_RSP, X64_ST_IMAGE), X64_R10);
        x64_mov_store(a, 1, x64_mem(X64_RSP, X64_ST_IMAGE + 1), X64_R9);
    }
}

static void
emit_call_general(X64Emit *e, const TcgOp *op)
{
    x64_flags_to_image(e);
    for (unsigned reg = X64_R9; reg <= X64_R11; reg++) {
        e->locked = 0;
        x64_scratch_is(e, reg);
    }
    e->locked = 0;
    if (!x64_emit_block_op(e, op)) {
        uint32_t flags = e->ir->calls[op->x].helper->flags;

        if (flags & (EMU_TCG_HELPER_READS_FLAGS | EMU_TCG_HELPER_WRITES_FLAGS)) {
            emit_flags_number(e, true);
        }
        x64_emit_general(e, op);
        if (flags & EMU_TCG_HELPER_WRITES_FLAGS) {
            emit_flags_number(e, false);
        }
    }
    e->f_image = true;
    e->f_host = false;
    e->f_recipe = -1;
}

/* C calls: the thunk finds arguments and helper in the hot area. */
static void
emit_call(X64Emit *e, const TcgOp *op)
{
    X64Asm *a = &e->a;
    const TcgCall *call = &e->ir->calls[op->x];
    const EmuTcgArg args[3] = {op->a, op->b, call->c};
    int32_t spill = e->h->hot_offset + (int32_t)offsetof(TcgHot, spill);

    if (call->helper->flags & EMU_TCG_HELPER_GENERAL) {
        emit_call_general(e, op);
        return;
    }
    if (op->fuse != 0 || (op->live & (EMU_TCG_FLAGS_ALL | TCG_LIVE_VISIBLE)) ||
        (call->helper->flags & EMU_TCG_HELPER_MAY_LEAVE)) {
        x64_flags_to_image(e);
    }
    if (op->dst != EMU_TCG_NO_ARG) {
        x64_flags_write(e, op->dst, op->live);
    }
    for (unsigned i = 0; i < 3; i++) {
        if (args[i] != EMU_TCG_NO_ARG) {
            unsigned r = x64_use(e, args[i], 8);

            x64_mov_store(a, 8, x64_mem(X64_RSP, spill + (int32_t)(X64_MAX_TEMP_SPILLS + i) * 8),
                          r);
            x64_unlock(e, r);
        }
    }

    unsigned r = x64_scratch(e);

    x64_mov_imm(a, r, (uintptr_t)call->helper);
    x64_mov_store(a, 8, x64_mem(X64_RSP, spill + (X64_MAX_TEMP_SPILLS + 3) * 8), r);
    x64_unlock(e, r);
    /* The thunk keeps no scratch register. */
    for (unsigned reg = X64_R9; reg <= X64_R11; reg++) {
        e->locked = 0;
        x64_scratch_is(e, reg);
    }
    e->locked = 0;
    x64_call(a, e->h->t_call[(call->helper->flags & EMU_TCG_HELPER_NO_FP) != 0]);
    e->f_image = true;
    e->f_host = true;
    e->f_recipe = -1;
    if (op->dst != EMU_TCG_NO_ARG) {
        unsigned size = tcg_type_bytes[op->type];
        unsigned d = x64_def(e, op->dst, size);

        x64_mov_load(a, 8, d, x64_mem(X64_RSP, spill + X64_MAX_TEMP_SPILLS * 8));
        x64_def_done(e, op->dst, size, d);
    }
}

/* ---- ends ------------------------------------------------------------------------------------------------ */

/* A direct way out: an aligned jump to its stub, patched when the target is linked. */
typedef struct {
    uint8_t *field;
} Way;

static void
way_add(X64Emit *e, uint8_t *field, uint64_t target)
{
    TcgHostExit *x = &e->out->exits[e->out->n_exits++];

    x->target = target;
    x->patch = field - e->job->write;
    x->stub = 0;
}

static void
emit_way_jmp(X64Emit *e, uint64_t target)
{
    x64_align4(&e->a, 1);
    way_add(e, x64_jmp_forward(&e->a), target);
}

static void
emit_way_jcc(X64Emit *e, unsigned cc, uint64_t target)
{
    x64_align4(&e->a, 2);
    way_add(e, x64_jcc_forward(&e->a, cc), target);
}

static void
emit_way_stubs(X64Emit *e)
{
    for (unsigned i = 0; i < e->out->n_exits; i++) {
        TcgHostExit *x = &e->out->exits[i];

        x->stub = e->a.p - e->job->write;
        x64_bind(&e->a, e->job->write + x->patch);
        x64_call(&e->a, e->h->t_way_out);
        x->stub_end = e->a.p - e->job->write;
    }
}

/* Two ways out, decided by host condition @cc; FLAGS saved on each way that needs them. */
static void
emit_two_ways(X64Emit *e, unsigned cc, uint64_t taken, uint64_t not_taken)
{
    bool save0 = !e->f_image && e->f_host && !e->ir->dead_out[0];
    bool save1 = !e->f_image && e->f_host && !e->ir->dead_out[1];

    if (save0 && save1) {
        x64_flags_save(&e->a, X64_R10);
        save0 = save1 = false;
    }
    if (!save0) {
        emit_way_jcc(e, cc, taken);
        if (save1) {
            x64_flags_save(&e->a, X64_R10);
        }
        emit_way_jmp(e, not_taken);
    } else {
        /* The way that saves FLAGS goes through the out-of-line part. */
        e->late_jump = x64_jcc_forward(&e->a, cc);
        e->late_target = taken;
        emit_way_jmp(e, not_taken);
    }
}

static void
emit_late_way(X64Emit *e)
{
    if (e->late_jump != NULL) {
        x64_bind(&e->a, e->late_jump);
        x64_flags_save(&e->a, X64_R10);
        emit_way_jmp(e, e->late_target);
    }
}

static void
emit_end(X64Emit *e, const TcgOp *op)
{
    X64Asm *a = &e->a;
    const EmuTcgIr *ir = e->ir;

    switch (op->op) {
    case EMU_TCG_OP_JUMP:
        if (!ir->dead_out[0]) {
            x64_flags_to_image(e);
        }
        emit_way_jmp(e, tcg_arg_value(ir, op->a));
        break;
    case EMU_TCG_OP_BRANCH:
        x64_flags_to_host(e);
        emit_two_ways(e, op->x, tcg_arg_value(ir, op->a), tcg_arg_value(ir, op->b));
        break;
    case EMU_TCG_OP_BRNZ: {
        unsigned size = tcg_type_bytes[op->type];
        unsigned r;

        x64_flags_before_clobber(e, ir->dead_out[0] && ir->dead_out[1]
                                        ? 0
                                        : EMU_TCG_FLAGS_ALL | TCG_LIVE_VISIBLE);
        r = x64_use(e, op->dst, size);
        x64_op(a, size, size == 1 ? 0x84 : 0x85, r, x64_reg(r));
        emit_two_ways(e, 5, tcg_arg_value(ir, op->a), tcg_arg_value(ir, op->b));
        break;
    }
    case EMU_TCG_OP_JUMP_IND:
        if (!x64_scratch_is(e, X64_R9)) {
            e->failed = true;
        }
        e->locked = 0;
        x64_flags_before_clobber(e, EMU_TCG_FLAGS_ALL | TCG_LIVE_VISIBLE);
        x64_load_arg(e, X64_R9, op->a, 8);
        x64_mov_imm(a, X64_R11, e->job->block_id);
        if (e->job->mode_slot < 0) {
            x64_jmp(a, e->h->t_lookup);
            break;
        }
        x64_op(a, 4, 0x69, X64_R10, x64_reg(X64_R9)); /* imul r10d, r9d, factor */
        x64_u32(a, TCG_JUMP_FACTOR);
        x64_group(a, 4, 0xc1, 5, x64_reg(X64_R10)); /* shr r10d, */
        x64_byte(a, 32 - TCG_JUMP_BITS);
        x64_group(a, 4, 0xff, 4, /* jmp [rsp + r10 * 8 + table] */
               x64_mem_index(X64_RSP, X64_R10, 3,
                             e->h->hot_offset + (int32_t)offsetof(TcgHot, jump) +
                                 e->job->mode_slot * (int32_t)(TCG_JUMP_SIZE * 8)));
        break;
    case EMU_TCG_OP_EXIT:
        x64_flags_to_image(e);
        emit_pc(a, tcg_arg_value(ir, op->a));
        x64_mov_imm(a, X64_R10, X64_LEFT_REASON + op->x);
        x64_jmp(a, e->h->t_exit_reason);
        break;
    default: /* EXIT_INTERP */
        x64_flags_to_image(e);
        x64_call(a, e->h->t_interp_end[e->ir->insns[e->insn].integer]);
        break;
    }
}

static void
emit_op(X64Emit *e, const TcgOp *op)
{
    switch (op->op) {
    case EMU_TCG_OP_INSN:
        e->out->insn_offset[e->insn] = e->a.p - e->job->write;
        break;
    case EMU_TCG_OP_LEA:
        x64_emit_lea(e, op);
        break;
    case EMU_TCG_OP_LOAD:
        x64_emit_load(e, op);
        break;
    case EMU_TCG_OP_STORE:
        x64_emit_store(e, op);
        break;
    case EMU_TCG_OP_TEMPLATE:
        x64_emit_template(e, op);
        break;
    case EMU_TCG_OP_CALL:
        emit_call(e, op);
        break;
    case EMU_TCG_OP_INTERP:
        x64_emit_interp(e);
        break;
    default:
        if (tcg_op_info[op->op].attr & EMU_TCG_ATTR_END) {
            emit_end(e, op);
        } else if (!x64_emit_int(e, op)) {
            e->failed = true;
        }
        break;
    }
}

bool
tcg_host_emit(TcgHost *h, const TcgHostJob *job, TcgHostCode *out)
{
    X64Emit *e = h->emitter;
    const EmuTcgIr *ir = job->ir;
    e->a = (X64Asm){.p = job->write, .end = job->write + job->room,
                    .exec_delta = job->exec - job->write};
    e->h = h;
    e->ir = ir;
    e->job = job;
    e->out = out;
    e->insn = 0;
    e->f_host = false;
    e->f_image = true;
    e->f_recipe = -1;
    e->n_stubs = 0;
    e->n_blocks = 0;
    e->failed = false;
    e->late_jump = NULL;
    out->n_exits = 0;
    out->n_stubs = 0;
    memset(out->inside, 0, sizeof(out->inside));
    x64_temps_begin(e);
    if (!x64_has_room(&e->a)) {
        return false;
    }
    emit_entries(e);

    for (e->op = 0; e->op < ir->n_ops; e->op++) {
        const TcgOp *op = &ir->ops[e->op];

        if (!x64_has_room(&e->a)) {
            return false;
        }
        if (op->op == EMU_TCG_OP_INSN && e->op != 0) {
            e->insn++;
        }
        emit_op(e, op);
        if (e->groups != 0) {
            x64_groups_after(e, op);
        }
        x64_op_done(e);
        if (e->failed) {
            return false;
        }
    }
    out->insn_offset[ir->n_insns] = e->a.p - job->write;
    out->cold = e->a.p - job->write;

    if (!x64_has_room(&e->a)) {
        return false;
    }
    emit_late_way(e);
    emit_way_stubs(e);
    x64_emit_stubs(e);
    x64_emit_block_stubs(e);
    if (e->a.overflow || e->failed || e->a.p - job->write > UINT16_MAX) {
        return false;
    }
    out->size = e->a.p - job->write;
    return true;
}
