/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Memory of one vCPU; see tcg-private.h for the layout. */

#include "tcg-private.h"

#include <string.h>
#include <sys/mman.h>

#define STATE_GUARD (64u * 1024)
#define STATE_STACK (128u * 1024)

static gsize
state_round(gsize n)
{
    return (n + TCG_PAGE_SIZE - 1) & TCG_PAGE_MASK;
}

/**
 * emu_tcg_state_new:
 * @fe: the CPU's front end
 * @cpu: the EmuCpu object, kept in the state
 *
 * Returns: (transfer full): zeroed state of fe->state_size bytes with its EmuTcgState filled in
 */
EmuTcgState *
emu_tcg_state_new(const EmuTcgFrontend *fe, gpointer cpu)
{
    gsize state_size = state_round(fe->state_size);
    gsize hot_size = state_round(sizeof(TcgHot));
    gsize size = STATE_GUARD + STATE_STACK + state_size + hot_size + state_round(sizeof(EmuTcgVcpu));
    char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                     -1, 0);

    if (map == MAP_FAILED || mprotect(map, STATE_GUARD, PROT_NONE) != 0) {
        g_error("cannot allocate %zu bytes of CPU state", size);
    }

    EmuTcgState *s = (EmuTcgState *)(map + STATE_GUARD + STATE_STACK);
    EmuTcgVcpu *v = (EmuTcgVcpu *)((char *)s + state_size + hot_size);

    s->vcpu = v;
    s->cpu = cpu;
    v->state = s;
    v->hot = (TcgHot *)((char *)s + state_size);
    v->fe = fe;
    v->debug = &v->no_debug;
    v->mapping = map;
    v->mapping_size = size;
    pthread_mutex_init(&v->halt_lock, NULL);
    pthread_cond_init(&v->halt_cond, NULL);
    tcg_tlb_init(v);
    return s;
}

/**
 * emu_tcg_state_free:
 * @s: (nullable) (transfer full): what emu_tcg_state_new() returned
 */
void
emu_tcg_state_free(EmuTcgState *s)
{
    if (s != NULL) {
        EmuTcgVcpu *v = s->vcpu;

        pthread_cond_destroy(&v->halt_cond);
        pthread_mutex_destroy(&v->halt_lock);
        munmap(v->mapping, v->mapping_size);
    }
}
