/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The text form of the IR, for dumps and tests.  One op per line:
 *
 *    insn 0, 3
 *    add.i64 rax, rax, rbx                 flags=CPAZSO
 *    load.i32 t0, [rbx + rcx*4 + 0x10]     base, index, displacement; "seg NAME +" in front,
 *                                          "wrap16", "wrap32", "limit", "linear32", "pcrel" behind
 *    store.i8 al, [t0]                     parts of globals: NAME.l (low 8) .h (high 8) .w .d
 *    zext.i32 rax.d, rbx.l, i8
 *    select.i64 rax, nz, rbx, rax
 *    branch z, 0x1000, 0x1010
 *
 * Numbers are decimal or 0x...; a target or pc-relative constant is written @0x....
 * The flags= suffix is given when it differs from what the op defines by itself.
 */

#include "ir-private.h"

#include <emu/object.h>

#include <string.h>

static const char *const type_names[EMU_TCG_N_TYPES] = {
    "none", "i8", "i16", "i32", "i64", "i128", "f32", "f64", "f80", "v128", "v256", "v512", "flags",
};
static const char *const cond_names[16] = {
    "o", "no", "c", "nc", "z", "nz", "cz", "ncz", "s", "ns", "p", "np", "lt", "ge", "le", "gt",
};
static const char *const part_names[] = {"", ".l", ".h", ".w", ".d"};
static const struct {
    char letter;
    uint16_t part;
} flag_names[] = {
    {'C', EMU_TCG_FLAG_C}, {'P', EMU_TCG_FLAG_P}, {'A', EMU_TCG_FLAG_A},
    {'Z', EMU_TCG_FLAG_Z}, {'S', EMU_TCG_FLAG_S}, {'O', EMU_TCG_FLAG_O},
};

/* ---- dump ------------------------------------------------------------------------------------------ */

static void
dump_flags(GString *out, unsigned flags)
{
    if ((flags & EMU_TCG_FLAGS_ALL) == 0) {
        g_string_append_c(out, '-');
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(flag_names); i++) {
        if (flags & flag_names[i].part) {
            g_string_append_c(out, flag_names[i].letter);
        }
    }
}

static void
dump_arg(const EmuTcgIr *ir, EmuTcgArg arg, GString *out)
{
    switch (TCG_ARG_KIND(arg)) {
    case EMU_TCG_ARG_NONE:
        g_string_append_c(out, '_');
        break;
    case EMU_TCG_ARG_GLOBAL:
        g_string_append_printf(out, "%s%s", ir->fe->globals[TCG_GLOBAL_INDEX(arg)].name,
                               part_names[TCG_GLOBAL_PART(arg)]);
        break;
    case EMU_TCG_ARG_TEMP:
        g_string_append_printf(out, "t%u", TCG_ARG_INDEX(arg));
        break;
    case EMU_TCG_ARG_IMM:
    case EMU_TCG_ARG_CONST:
        g_string_append_printf(out, "%#" G_GINT64_MODIFIER "x", tcg_arg_value(ir, arg));
        break;
    case EMU_TCG_ARG_PCREL:
        g_string_append_printf(out, "@%#" G_GINT64_MODIFIER "x", tcg_arg_value(ir, arg));
        break;
    default:
        g_string_append_c(out, '?');
        break;
    }
}

static void
dump_addr(const EmuTcgIr *ir, const EmuTcgAddr *addr, GString *out)
{
    const char *plus = "";

    g_string_append_c(out, '[');
    if (addr->segment != EMU_TCG_NO_ARG) {
        g_string_append(out, "seg ");
        dump_arg(ir, addr->segment, out);
        plus = " + ";
    }
    if (addr->base != EMU_TCG_NO_ARG) {
        g_string_append(out, plus);
        dump_arg(ir, addr->base, out);
        plus = " + ";
    }
    if (addr->index != EMU_TCG_NO_ARG) {
        g_string_append(out, plus);
        dump_arg(ir, addr->index, out);
        g_string_append_printf(out, "*%u", 1u << addr->scale);
        plus = " + ";
    }
    if (addr->disp != 0 || *plus == '\0') {
        g_string_append_printf(out, "%s%#" G_GINT64_MODIFIER "x", plus, addr->disp);
    }
    if (addr->wrap != 64) {
        g_string_append_printf(out, " wrap%u", addr->wrap);
    }
    if (addr->limit != EMU_TCG_NO_ARG) {
        g_string_append(out, " limit ");
        dump_arg(ir, addr->limit, out);
    }
    g_string_append_printf(out, "%s%s]", addr->linear32 ? " linear32" : "",
                           addr->pcrel ? " pcrel" : "");
}

static void
dump_template(const EmuTcgIr *ir, const EmuTcgTemplate *t, GString *out)
{
    for (unsigned i = 0; i < t->n_regs; i++) {
        g_string_append(out, i == 0 ? " " : ", ");
        dump_arg(ir, t->regs[i], out);
        g_string_append_printf(out, ":%s%s", t->roles[i] & EMU_TCG_ROLE_READ ? "r" : "",
                               t->roles[i] & EMU_TCG_ROLE_WRITE ? "w" : "");
    }
    if (t->has_mem) {
        g_string_append_printf(out, " %s%s%u", t->mem.access & EMU_TCG_PROT_READ ? "r" : "",
                               t->mem.access & EMU_TCG_PROT_WRITE ? "w" : "", t->mem.size);
        dump_addr(ir, &t->mem.addr, out);
    }
    g_string_append(out, "  uses ");
    dump_flags(out, t->flags_used);
    g_string_append(out, " defines ");
    dump_flags(out, t->flags_defined);
}

static void
dump_op(const EmuTcgIr *ir, const TcgOp *op, GString *out)
{
    const TcgOpInfo *info = &tcg_op_info[op->op];
    const char *comma = " ";
    bool swapped = op->op == EMU_TCG_OP_BRNZ;

    g_string_append(out, info->name);
    if (op->type != EMU_TCG_TYPE_NONE) {
        g_string_append_printf(out, ".%s", type_names[op->type]);
    }
    if (op->op == EMU_TCG_OP_INSN) {
        g_string_append_printf(out, " %#x, %u", op->a, op->x);
        return;
    }
    if (op->op == EMU_TCG_OP_TEMPLATE) {
        dump_template(ir, &ir->templates[op->x], out);
        return;
    }

    unsigned targets = 0;

    for (const char *p = info->signature; *p != '\0'; p++) {
        g_string_append(out, comma);
        comma = ", ";
        switch (*p) {
        case 'd':
            dump_arg(ir, op->dst, out);
            break;
        case 'a':
            dump_arg(ir, swapped ? op->dst : op->a, out);
            break;
        case 'b':
            dump_arg(ir, op->b, out);
            break;
        case 'c':
            dump_arg(ir, ir->calls[op->x].c, out);
            break;
        case 'k':
            g_string_append(out, cond_names[op->x & 15]);
            break;
        case 't':
            dump_arg(ir, targets++ == 0 ? op->a : op->b, out);
            break;
        case 'm':
            dump_addr(ir, &ir->mems[op->x].addr, out);
            break;
        default:
            if (op->op == EMU_TCG_OP_ZEXT || op->op == EMU_TCG_OP_SEXT) {
                g_string_append(out, type_names[op->x]);
            } else if (op->op == EMU_TCG_OP_CALL) {
                g_string_append(out, ir->calls[op->x].helper->name);
            } else {
                g_string_append_printf(out, "%#x", op->x);
            }
            break;
        }
    }
    if (op->fdef != info->fdef && op->op != EMU_TCG_OP_CALL && op->op != EMU_TCG_OP_SETF &&
        op->op != EMU_TCG_OP_INTERP) {
        g_string_append(out, "  flags=");
        dump_flags(out, op->fdef);
    }
}

/* Behind a "#": which parts of FLAGS are needed after the op. */
void
tcg_ir_dump(const EmuTcgIr *ir, GString *out)
{
    for (unsigned i = 0; i < ir->n_ops; i++) {
        const TcgOp *op = &ir->ops[i];

        g_string_append(out, op->op == EMU_TCG_OP_INSN ? " " : "    ");
        dump_op(ir, op, out);
        if (op->live != 0) {
            g_string_append(out, "  # live ");
            dump_flags(out, op->live);
            g_string_append(out, op->live & TCG_LIVE_VISIBLE ? "+" : "");
        }
        g_string_append_c(out, '\n');
    }
}

/* ---- parse ------------------------------------------------------------------------------------------- */

typedef struct {
    EmuTcgIr *ir;
    const char *p;
    const char *line;
    unsigned line_no;
    bool ok;
    GError **error;
} Parser;

static void
parse_fail(Parser *ps, const char *expected)
{
    if (ps->ok) {
        g_set_error(ps->error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                    "IR line %u: expected %s at '%s'", ps->line_no, expected, ps->p);
        ps->ok = false;
    }
}

static void
skip_space(Parser *ps)
{
    ps->p += strspn(ps->p, " \t,");
}

static bool
accept(Parser *ps, const char *word)
{
    gsize n = strlen(word);

    skip_space(ps);
    if (strncmp(ps->p, word, n) != 0 ||
        (g_ascii_isalnum(word[n - 1]) && (g_ascii_isalnum(ps->p[n]) || ps->p[n] == '_'))) {
        return false;
    }
    ps->p += n;
    return true;
}

static int64_t
parse_number(Parser *ps)
{
    char *end;
    int64_t value;

    skip_space(ps);
    value = *ps->p == '-' ? g_ascii_strtoll(ps->p, &end, 0) : (int64_t)g_ascii_strtoull(ps->p, &end, 0);
    if (end == ps->p) {
        parse_fail(ps, "a number");
    }
    ps->p = end;
    return value;
}

static int
parse_name(Parser *ps, const char *const *names, unsigned n, const char *what)
{
    gsize len;

    skip_space(ps);
    len = strcspn(ps->p, " \t,.=[]#\n");
    for (unsigned i = 0; i < n; i++) {
        if (strlen(names[i]) == len && strncmp(names[i], ps->p, len) == 0) {
            ps->p += len;
            return (int)i;
        }
    }
    parse_fail(ps, what);
    return 0;
}

static EmuTcgArg
parse_arg(Parser *ps)
{
    EmuTcgIr *ir = ps->ir;
    gsize len;

    skip_space(ps);
    if (accept(ps, "_")) {
        return EMU_TCG_NO_ARG;
    }
    if (*ps->p == '@') {
        ps->p++;
        return emu_tcg_ir_pcrel(ir, (uint64_t)parse_number(ps));
    }
    if (g_ascii_isdigit(*ps->p) || *ps->p == '-') {
        return emu_tcg_ir_const(ir, parse_number(ps));
    }
    if (*ps->p == 't' && g_ascii_isdigit(ps->p[1])) {
        unsigned n;

        ps->p++;
        n = (unsigned)parse_number(ps);
        if (n >= TCG_IR_MAX_TEMPS) {
            parse_fail(ps, "a temp below t256");
            n = 0;
        }
        ir->n_temps = MAX(ir->n_temps, n + 1);
        return TCG_ARG_MAKE(EMU_TCG_ARG_TEMP, n);
    }
    len = strcspn(ps->p, " \t,.=[]#*\n");
    for (unsigned i = 0; i < ir->fe->n_globals; i++) {
        if (strlen(ir->fe->globals[i].name) == len &&
            strncmp(ir->fe->globals[i].name, ps->p, len) == 0) {
            unsigned part = EMU_TCG_PART_FULL;

            ps->p += len;
            for (unsigned j = 1; j < G_N_ELEMENTS(part_names); j++) {
                if (ps->p[0] == '.' && ps->p[1] == part_names[j][1]) {
                    part = j;
                }
            }
            ps->p += part != EMU_TCG_PART_FULL ? 2 : 0;
            return emu_tcg_ir_global(ir, i, (EmuTcgPart)part);
        }
    }
    parse_fail(ps, "an operand");
    return EMU_TCG_NO_ARG;
}

static void
parse_addr(Parser *ps, EmuTcgAddr *addr)
{
    *addr = (EmuTcgAddr){.wrap = 64};
    if (!accept(ps, "[")) {
        parse_fail(ps, "'['");
        return;
    }
    while (ps->ok && !accept(ps, "]")) {
        if (accept(ps, "+")) {
            continue;
        }
        if (accept(ps, "seg")) {
            addr->segment = parse_arg(ps);
        } else if (accept(ps, "limit")) {
            addr->limit = parse_arg(ps);
        } else if (accept(ps, "wrap16")) {
            addr->wrap = 16;
        } else if (accept(ps, "wrap32")) {
            addr->wrap = 32;
        } else if (accept(ps, "linear32")) {
            addr->linear32 = true;
        } else if (accept(ps, "pcrel")) {
            addr->pcrel = true;
        } else if (g_ascii_isdigit(*ps->p) || *ps->p == '-') {
            addr->disp = parse_number(ps);
        } else {
            EmuTcgArg arg = parse_arg(ps);

            if (accept(ps, "*")) {
                int64_t scale = parse_number(ps);

                addr->index = arg;
                addr->scale = scale == 8 ? 3 : scale == 4 ? 2 : scale == 2 ? 1 : 0;
            } else {
                addr->base = arg;
            }
        }
    }
}

static unsigned
parse_flags(Parser *ps)
{
    unsigned flags = 0;

    if (accept(ps, "-")) {
        return 0;
    }
    for (; g_ascii_isupper(*ps->p); ps->p++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(flag_names); i++) {
            if (flag_names[i].letter == *ps->p) {
                flags |= flag_names[i].part;
            }
        }
    }
    return flags;
}

static void
parse_op(Parser *ps, unsigned opcode)
{
    EmuTcgIr *ir = ps->ir;
    const TcgOpInfo *info = &tcg_op_info[opcode];
    EmuTcgType type = EMU_TCG_TYPE_NONE;
    EmuTcgArg d = 0, a = 0, b = 0, t[2] = {0, 0};
    EmuTcgMem mem = {.mmu_mode = EMU_TCG_MMU_CURRENT};
    unsigned x = 0, cond = 0, n_targets = 0;

    if (*ps->p == '.') {
        ps->p++;
        type = parse_name(ps, type_names, EMU_TCG_N_TYPES, "a type");
    }
    if (opcode == EMU_TCG_OP_INSN) {
        uint64_t delta = (uint64_t)parse_number(ps);

        emu_tcg_ir_insn(ir, ir->pc + delta, (unsigned)parse_number(ps));
        return;
    }
    for (const char *p = info->signature; *p != '\0' && ps->ok; p++) {
        switch (*p) {
        case 'd':
            d = parse_arg(ps);
            break;
        case 'a':
            a = parse_arg(ps);
            break;
        case 'b':
            b = parse_arg(ps);
            break;
        case 'k':
            cond = parse_name(ps, cond_names, 16, "a condition");
            break;
        case 't':
            t[n_targets++] = parse_arg(ps);
            break;
        case 'm':
            parse_addr(ps, &mem.addr);
            break;
        default:
            x = opcode == EMU_TCG_OP_ZEXT || opcode == EMU_TCG_OP_SEXT
                    ? (unsigned)parse_name(ps, type_names, EMU_TCG_N_TYPES, "a type")
                    : (unsigned)parse_number(ps);
            break;
        }
    }
    if (!ps->ok) {
        return;
    }

    switch (opcode) {
    case EMU_TCG_OP_ZEXT:
    case EMU_TCG_OP_SEXT:
        emu_tcg_ir_extend(ir, opcode == EMU_TCG_OP_SEXT, type, d, a, (EmuTcgType)x);
        break;
    case EMU_TCG_OP_LEA:
        emu_tcg_ir_lea(ir, type, d, &mem.addr);
        break;
    case EMU_TCG_OP_SELECT:
        emu_tcg_ir_select(ir, type, d, (EmuTcgCond)cond, a, b);
        break;
    case EMU_TCG_OP_SET:
        emu_tcg_ir_set(ir, type, d, (EmuTcgCond)cond);
        break;
    case EMU_TCG_OP_GETF:
        emu_tcg_ir_getf(ir, d);
        break;
    case EMU_TCG_OP_SETF:
        emu_tcg_ir_setf(ir, a, x);
        break;
    case EMU_TCG_OP_LOAD:
        emu_tcg_ir_load(ir, type, d, &mem);
        break;
    case EMU_TCG_OP_STORE:
        emu_tcg_ir_store(ir, type, a, &mem);
        break;
    case EMU_TCG_OP_INTERP:
        emu_tcg_ir_interp_one(ir);
        break;
    case EMU_TCG_OP_JUMP:
        emu_tcg_ir_jump(ir, (uint64_t)tcg_arg_value(ir, t[0]));
        break;
    case EMU_TCG_OP_BRANCH:
        emu_tcg_ir_branch(ir, (EmuTcgCond)cond, (uint64_t)tcg_arg_value(ir, t[0]),
                          (uint64_t)tcg_arg_value(ir, t[1]));
        break;
    case EMU_TCG_OP_BRNZ:
        emu_tcg_ir_brnz(ir, type, a, (uint64_t)tcg_arg_value(ir, t[0]),
                        (uint64_t)tcg_arg_value(ir, t[1]));
        break;
    case EMU_TCG_OP_JUMP_IND:
        emu_tcg_ir_jump_ind(ir, a, (EmuTcgJumpHint)x);
        break;
    case EMU_TCG_OP_EXIT:
        emu_tcg_ir_exit(ir, (uint64_t)tcg_arg_value(ir, t[0]), (EmuTcgExit)x);
        break;
    case EMU_TCG_OP_EXIT_INTERP:
        emu_tcg_ir_exit_interp(ir);
        break;
    case EMU_TCG_OP_CALL:
    case EMU_TCG_OP_TEMPLATE:
        parse_fail(ps, "an op that has a text form");
        break;
    default: {
        unsigned flags = info->fdef;

        if (accept(ps, "flags=")) {
            flags = parse_flags(ps);
        }
        emu_tcg_ir_op_flags(ir, (EmuTcgOpcode)opcode, type, d, a, b, flags);
        break;
    }
    }
}

/* Adds the ops of @text to a block that tcg_ir_begin() started. */
bool
tcg_ir_parse(EmuTcgIr *ir, const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    static const char *names[EMU_TCG_N_OPS];
    Parser ps = {.ir = ir, .ok = true, .error = error};

    for (unsigned i = 0; i < EMU_TCG_N_OPS; i++) {
        names[i] = tcg_op_info[i].name;
    }
    for (unsigned i = 0; lines[i] != NULL && ps.ok; i++) {
        char *comment = strchr(lines[i], '#');

        if (comment != NULL) {
            *comment = '\0';
        }
        ps.p = ps.line = g_strchomp(lines[i]);
        ps.line_no = i + 1;
        skip_space(&ps);
        if (*ps.p == '\0') {
            continue;
        }

        int opcode = parse_name(&ps, names, EMU_TCG_N_OPS, "an op");

        if (ps.ok) {
            parse_op(&ps, (unsigned)opcode);
        }
        skip_space(&ps);
        if (ps.ok && *ps.p != '\0') {
            parse_fail(&ps, "the end of the line");
        }
    }
    return ps.ok;
}
