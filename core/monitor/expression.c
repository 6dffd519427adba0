/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Arithmetic of the human monitor: numbers, 'c', $register, + - * / % & | ^ ~ and parentheses; 64 bits. */

#include "monitor/hmp-private.h"

#include <errno.h>
#include <string.h>

#define MAX_DEPTH 64

typedef struct {
    EmuHmp *hmp;
    const char *p;
    unsigned depth;
    GError **error;
} Expression;

static bool parse_sum(Expression *self, int64_t *value);

static bool
fail(Expression *self, const char *message)
{
    g_set_error_literal(self->error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, message);
    return false;
}

static void
skip(Expression *self)
{
    while (*self->p == ' ' || *self->p == '\t') {
        self->p++;
    }
}

/* Finds NAME=hex in the listing of registers: the CPU model is the only one who knows its registers. */
static bool
find_register(const char *listing, const char *name, int64_t *value)
{
    gsize len = strlen(name);

    for (const char *p = listing; (p = strcasestr(p, name)); p += len) {
        const char *q = p + len;

        if (p > listing && g_ascii_isalnum(p[-1])) {
            continue;
        }
        while (*q == ' ') {
            q++;
        }
        if (*q == '=') {
            q++;
            while (*q == ' ') {
                q++;
            }
            if (g_ascii_isxdigit(*q)) {
                *value = g_ascii_strtoull(q, NULL, 16);
                return true;
            }
        }
    }
    return false;
}

static bool
parse_register(Expression *self, int64_t *value)
{
    const char *start = self->p;
    g_autofree char *name = NULL, *listing = NULL;
    EmuCpu *cpu;

    while (g_ascii_isalnum(*self->p) || *self->p == '_') {
        self->p++;
    }
    name = g_strndup(start, self->p - start);
    cpu = self->hmp->machine ? emu_machine_get_cpu(self->hmp->machine, self->hmp->cpu_index) : NULL;
    if (!cpu) {
        return fail(self, "no CPU for this register");
    }
    listing = hmp_cpu_registers(cpu);
    if (!listing) {
        return fail(self, "unknown register");
    }
    if (g_ascii_strcasecmp(name, "pc") == 0) {
        if (find_register(listing, "RIP", value) || find_register(listing, "EIP", value) || find_register(listing, "PC", value)) {
            return true;
        }
    }
    if (find_register(listing, name, value)) {
        return true;
    }
    /* eax of a 64-bit listing is the low half of RAX, and the other way round. */
    if (strlen(name) == 3 && strchr("eErR", name[0])) {
        bool low = g_ascii_tolower(name[0]) == 'e';

        name[0] = low ? 'R' : 'E';
        if (find_register(listing, name, value)) {
            *value = low ? (int64_t)(uint32_t)*value : *value;
            return true;
        }
    }
    return fail(self, "unknown register");
}

static bool
parse_number(Expression *self, int64_t *value)
{
    char *end;
    guint64 n;

    errno = 0;
    n = g_ascii_strtoull(self->p, &end, 0);
    if (end == self->p) {
        return fail(self, "invalid char in expression");
    }
    if (errno == ERANGE) {
        return fail(self, "number too large");
    }
    self->p = end;
    *value = n;
    return true;
}

static bool
parse_unary(Expression *self, int64_t *value)
{
    bool ok;

    skip(self);
    if (++self->depth > MAX_DEPTH) {
        return fail(self, "expression too deep");
    }
    switch (*self->p) {
    case '+':
        self->p++;
        ok = parse_unary(self, value);
        break;
    case '-':
        self->p++;
        ok = parse_unary(self, value);
        *value = ok ? (int64_t)-(uint64_t)*value : 0;
        break;
    case '~':
        self->p++;
        ok = parse_unary(self, value);
        *value = ok ? ~*value : 0;
        break;
    case '(':
        self->p++;
        ok = parse_sum(self, value);
        skip(self);
        if (ok && *self->p != ')') {
            ok = fail(self, "')' expected");
        }
        self->p += ok;
        break;
    case '\'':
        ok = self->p[1] && self->p[2] == '\'';
        if (ok) {
            *value = (uint8_t)self->p[1];
            self->p += 3;
        } else {
            fail(self, "missing terminating ' character");
        }
        break;
    case '$':
        self->p++;
        ok = parse_register(self, value);
        break;
    case 0:
        ok = fail(self, "unexpected end of expression");
        break;
    default:
        ok = g_ascii_isdigit(*self->p) ? parse_number(self, value) : fail(self, "invalid char in expression");
        break;
    }
    self->depth--;
    return ok;
}

static bool
parse_product(Expression *self, int64_t *value)
{
    int64_t right;
    char op;

    if (!parse_unary(self, value)) {
        return false;
    }
    for (;;) {
        skip(self);
        op = *self->p;
        if (op != '*' && op != '/' && op != '%') {
            return true;
        }
        self->p++;
        if (!parse_unary(self, &right)) {
            return false;
        }
        if (op == '*') {
            *value = (uint64_t)*value * (uint64_t)right;
        } else if (right == 0) {
            return fail(self, "division by zero");
        } else if (right == -1) {
            *value = op == '/' ? (int64_t)-(uint64_t)*value : 0;
        } else {
            *value = op == '/' ? *value / right : *value % right;
        }
    }
}

static bool
parse_logic(Expression *self, int64_t *value)
{
    int64_t right;
    char op;

    if (!parse_product(self, value)) {
        return false;
    }
    for (;;) {
        skip(self);
        op = *self->p;
        if (op != '&' && op != '|' && op != '^') {
            return true;
        }
        self->p++;
        if (!parse_product(self, &right)) {
            return false;
        }
        *value = op == '&' ? *value & right : op == '|' ? *value | right : *value ^ right;
    }
}

static bool
parse_sum(Expression *self, int64_t *value)
{
    int64_t right;
    char op;

    if (!parse_logic(self, value)) {
        return false;
    }
    for (;;) {
        skip(self);
        op = *self->p;
        if (op != '+' && op != '-') {
            return true;
        }
        self->p++;
        if (!parse_logic(self, &right)) {
            return false;
        }
        *value = op == '+' ? (uint64_t)*value + (uint64_t)right : (uint64_t)*value - (uint64_t)right;
    }
}

bool
emu_hmp_expression(EmuHmp *hmp, const char **text, int64_t *value, GError **error)
{
    Expression e = {hmp, *text, 0, error};

    *value = 0;
    if (!parse_sum(&e, value)) {
        return false;
    }
    *text = e.p;
    return true;
}
