/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Templates: the guest's own instruction, with renamed general registers and a translated address. */

#include "x64-private.h"

void
x64_emit_template(X64Emit *e, const TcgOp *op)
{
    const EmuTcgTemplate *t = &e->ir->templates[op->x];
    X64Asm *a = &e->a;
    uint8_t map[16];
    EmuTcgHostMem mem = {.base = X64_NONE, .index = X64_NONE};
    bool leaves = t->has_mem || (t->faults & EMU_TCG_TEMPLATE_FAULTS) != 0;

    /* What an attempt that fails must leave as it was. */
    uint8_t *p = a->p;
    unsigned n_stubs = e->n_stubs;
    bool f_host = e->f_host, f_image = e->f_image;
    int f_recipe = e->f_recipe;
    X64Group groups[3];

    memcpy(groups, e->group, sizeof(groups));
    if (e->h->fe->encode_template == NULL) {
        x64_emit_interp(e);
        return;
    }
    for (unsigned n = 0; n < 16; n++) {
        int pin = x64_pin_of_guest[n];

        map[n] = pin >= 0 ? pin : X64_NONE;
    }

    /* FLAGS: what it reads, and what it must leave alone. */
    unsigned kept = (t->flags_defined & EMU_TCG_FLAGS_ALL) == EMU_TCG_FLAGS_ALL
                        ? 0
                        : op->live & ~(unsigned)t->flags_defined;
    bool needs_flags = t->flags_used != 0 || (t->flags_defined != 0 && kept != 0);

    if (needs_flags && t->has_mem) {
        x64_flags_to_image(e);
    }
    for (unsigned i = 0; i < t->n_regs; i++) {
        if (t->roles[i] & EMU_TCG_ROLE_WRITE) {
            unsigned after = t->flags_defined == EMU_TCG_FLAGS_ALL && t->flags_used == 0
                                 ? 0
                                 : op->live;

            x64_flags_write(e, t->regs[i], after | (leaves ? TCG_LIVE_VISIBLE : 0));
        }
    }
    if (t->has_mem) {
        X64Rm rm = x64_mem_prepare(e, &t->mem);
        unsigned in_state = 0;

        mem.base = rm.base;
        mem.index = rm.index;
        mem.disp = rm.disp;
        for (unsigned i = 0; i < t->n_regs; i++) {
            unsigned n = e->h->fe->globals[TCG_GLOBAL_INDEX(t->regs[i])].same_isa;

            in_state += x64_pin_of_guest[n & 15] < 0;
        }
        if (in_state > 0 && rm.index != X64_NONE && rm.base >= X64_R9 && rm.base <= X64_R11) {
            /* One register for the address instead of two. */
            x64_lea(a, 8, rm.index, x64_mem_index(rm.base, rm.index, 0, rm.disp));
            e->groups &= ~(1u << (rm.index - X64_R9));
            x64_unlock(e, rm.base);
            mem = (EmuTcgHostMem){.base = rm.index, .index = X64_NONE};
        }
    }

    if (needs_flags) {
        x64_flags_to_host(e);
    }
    if (leaves && !t->has_mem) {
        x64_fault_stub(e);
    }

    /* Guest registers that live in the state. */
    bool possible = true;

    for (unsigned i = 0; i < t->n_regs; i++) {
        unsigned index = TCG_GLOBAL_INDEX(t->regs[i]);
        unsigned n = e->h->fe->globals[index].same_isa & 15;

        if (map[n] != X64_NONE) {
            continue;
        }

        unsigned free = 3;

        for (unsigned r = 0; r < 3; r++) {
            free -= e->locked >> r & 1;
        }
        if (free == 0) {
            possible = false;
            break;
        }
        map[n] = x64_scratch(e);
        if (t->roles[i] & EMU_TCG_ROLE_READ) {
            x64_mov_load(a, 8, map[n], x64_mem(X64_RSP, e->h->guest_offset[n]));
        }
    }

    unsigned size = 0;

    if (possible) {
        for (unsigned n = 0; n < 16; n++) {
            if (map[n] == X64_NONE) {
                map[n] = X64_R11; /* not used by the instruction */
            }
        }
        size = e->h->fe->encode_template(t->insn, t->has_mem ? &mem : NULL, map, a->p, 32);
    }
    if (size == 0) {
        a->p = p;
        e->n_stubs = n_stubs;
        e->f_host = f_host;
        e->f_image = f_image;
        e->f_recipe = f_recipe;
        e->locked = 0;
        memcpy(e->group, groups, sizeof(groups));
        x64_emit_interp(e);
        return;
    }
    a->p += size;

    for (unsigned i = 0; i < t->n_regs; i++) {
        unsigned n = e->h->fe->globals[TCG_GLOBAL_INDEX(t->regs[i])].same_isa & 15;

        if (x64_pin_of_guest[n] < 0 && (t->roles[i] & EMU_TCG_ROLE_WRITE)) {
            x64_mov_store(a, 8, x64_mem(X64_RSP, e->h->guest_offset[n]), map[n]);
        }
    }
    if (t->flags_defined != 0) {
        x64_flags_defined(e, false, -1);
    }
}
