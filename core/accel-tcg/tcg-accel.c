/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The "tcg" accelerator object: options, vCPU set-up, connection to the machine. */

#include "tcg-private.h"

#include "accel-tcg/host/host.h"
#include "translate.h"

#define TCG_TYPE_ACCEL (tcg_accel_get_type())
G_DECLARE_FINAL_TYPE(TcgAccel, tcg_accel, TCG, ACCEL, EmuAccel)

struct _TcgAccel {
    EmuAccel parent_instance;
    TcgMachine m;

    /* options */
    int mode;
    int thread;
    uint64_t cache_size;
    uint32_t tb_size;
    bool one_insn_per_block;
    uint32_t stress_flush_blocks;
    bool stress_slot_miss;
    bool stress_hashed;
    bool stress_unlink;
};

G_DEFINE_TYPE(TcgAccel, tcg_accel, EMU_TYPE_ACCEL)

static void
tcg_accel_memory_commit_cb(gpointer opaque)
{
    tcg_machine_flush_async(opaque);
}

void
tcg_vcpu_watch(EmuTcgVcpu *v, EmuAddressSpace *as)
{
    static const EmuMemoryListener listener = {.commit = tcg_accel_memory_commit_cb};
    unsigned i = 0;

    while (i < TCG_VIEWS && v->views[i].as && v->views[i].as != as) {
        i++;
    }
    g_return_if_fail(i < TCG_VIEWS);
    if (!v->views[i].as) {
        v->views[i].as = as;
        v->views[i].listener = emu_address_space_add_listener(as, &listener, v->machine);
    }
}

static bool
tcg_accel_setup(EmuAccel *accel, EmuMachine *machine, GError **error)
{
    TcgAccel *self = TCG_ACCEL(accel);
    TcgMachine *m = &self->m;

    m->machine = machine;
    tcg_machine_register(m);
    m->debug = emu_machine_get_debug(machine);
    m->io = emu_machine_get_io_as(machine);
    m->mode = self->mode == 0 ? TCG_MODE_JIT : TCG_MODE_INTERP;
    m->one_insn_per_block = self->one_insn_per_block;
    m->stress_flush_blocks = self->stress_flush_blocks;
    m->stress_slot_miss = self->stress_slot_miss;
    m->stress_hashed = self->stress_hashed;
    m->stress_unlink = self->stress_unlink;
    if (m->mode == TCG_MODE_JIT) {
        uint64_t size = self->tb_size != 0 ? (uint64_t)self->tb_size << 20 : self->cache_size;

        if (!tcg_translator_new(m, size, error)) {
            return false;
        }
    }
    return true;
}

static bool
tcg_accel_create_vcpu(EmuAccel *accel, EmuCpu *cpu, GError **error)
{
    TcgAccel *self = TCG_ACCEL(accel);
    EmuCpuClass *klass = EMU_CPU_GET_CLASS(cpu);

    if (klass->tcg == NULL) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED,
                    "%s: no TCG front end for this CPU type", emu_object_get_type_name(cpu));
        return false;
    }

    EmuTcgState *s = emu_tcg_state_new(klass->tcg, cpu);
    EmuTcgVcpu *v = s->vcpu;

    v->machine = &self->m;
    v->cpu = cpu;
    v->debug = emu_cpu_get_debug(cpu);
    v->as = emu_cpu_get_memory_as(cpu);
    v->index = emu_cpu_get_index(cpu);
    /* The vCPU's memory points into this object: it stays until the last of them is gone. */
    g_object_ref(self);
    emu_cpu_set_accel_data(cpu, v);
    emu_cpu_set_state(cpu, s);
    if (self->m.mode == TCG_MODE_JIT && !tcg_host_takes(klass->tcg) && self->m.vcpus->len == 0) {
        tcg_translator_free(&self->m);
        self->m.mode = TCG_MODE_INTERP;
    }
    if (self->m.mode == TCG_MODE_JIT && !tcg_translator_add_vcpu(v, error)) {
        emu_cpu_set_accel_data(cpu, NULL);
        emu_cpu_set_state(cpu, NULL);
        emu_tcg_state_free(s);
        g_object_unref(self);
        return false;
    }

    pthread_mutex_lock(&self->m.lock);
    g_ptr_array_add(self->m.vcpus, v);
    pthread_mutex_unlock(&self->m.lock);
    tcg_vcpu_watch(v, v->as);
    if (klass->attach_state != NULL) {
        klass->attach_state(cpu, s);
    }
    return true;
}

static void
tcg_accel_destroy_vcpu(EmuAccel *accel, EmuCpu *cpu)
{
    TcgAccel *self = TCG_ACCEL(accel);
    EmuTcgVcpu *v = emu_cpu_get_accel_data(cpu);

    if (v == NULL) {
        return;
    }
    for (unsigned i = 0; i < TCG_VIEWS && v->views[i].as; i++) {
        emu_address_space_remove_listener(v->views[i].as, v->views[i].listener);
    }
    pthread_mutex_lock(&self->m.lock);
    g_ptr_array_remove(self->m.vcpus, v);
    pthread_mutex_unlock(&self->m.lock);
    if (EMU_CPU_GET_CLASS(cpu)->attach_state != NULL) {
        EMU_CPU_GET_CLASS(cpu)->attach_state(cpu, NULL);
    }
    emu_cpu_set_accel_data(cpu, NULL);
    emu_cpu_set_state(cpu, NULL);
    emu_tcg_state_free(v->state);
    g_object_unref(self);
}

static void
tcg_accel_run(EmuAccel *accel, EmuCpu *cpu)
{
    tcg_vcpu_run(emu_cpu_get_accel_data(cpu));
}

static void
tcg_accel_kick(EmuAccel *accel, EmuCpu *cpu)
{
    EmuTcgVcpu *v = emu_cpu_get_accel_data(cpu);

    if (v != NULL) {
        tcg_vcpu_kick(v);
    }
}

static void
tcg_accel_reset_vcpu(EmuAccel *accel, EmuCpu *cpu)
{
    EmuTcgVcpu *v = emu_cpu_get_accel_data(cpu);

    v->shutdown = false;
    emu_tcg_flush_all(v->state);
}

static void
tcg_accel_debug_changed(EmuAccel *accel)
{
    tcg_debug_changed(&TCG_ACCEL(accel)->m);
}

static char *
tcg_accel_describe(EmuAccel *accel)
{
    TcgAccel *self = TCG_ACCEL(accel);
    GString *out = g_string_new(NULL);

    pthread_mutex_lock(&self->m.lock);
    for (unsigned i = 0; i < self->m.vcpus->len; i++) {
        const EmuTcgVcpu *v = g_ptr_array_index(self->m.vcpus, i);

        g_string_append_printf(out,
                               "CPU #%u: TLB fills %" G_GUINT64_FORMAT
                               ", interpreted instructions %" G_GUINT64_FORMAT
                               ", block lookups %" G_GUINT64_FORMAT ", exits %" G_GUINT64_FORMAT
                               "\n",
                               v->index, v->n_tlb_fill, v->n_interp, v->n_lookup, v->n_exit);
    }
    pthread_mutex_unlock(&self->m.lock);
    tcg_translator_describe(&self->m, out);
    return g_string_free(out, FALSE);
}

static void
tcg_accel_init(TcgAccel *self)
{
    self->m.vcpus = g_ptr_array_new();
    pthread_mutex_init(&self->m.lock, NULL);
    pthread_cond_init(&self->m.cond, NULL);
}

static void
tcg_accel_finalize(GObject *object)
{
    TcgAccel *self = TCG_ACCEL(object);

    tcg_machine_unregister(&self->m);
    tcg_translator_free(&self->m);
    g_ptr_array_unref(self->m.vcpus);
    pthread_cond_destroy(&self->m.cond);
    pthread_mutex_destroy(&self->m.lock);
    G_OBJECT_CLASS(tcg_accel_parent_class)->finalize(object);
}

static const char *const tcg_accel_modes[] = {"jit", "interp", NULL};
static const char *const tcg_accel_threads[] = {"multi", "single", NULL};

static const EmuProperty tcg_accel_properties[] = {
    EMU_PROP_ENUM("mode", TcgAccel, mode, 0, tcg_accel_modes,
                  "jit: translate; interp: reference interpreter only"),
    EMU_PROP_ENUM("thread", TcgAccel, thread, 0, tcg_accel_threads,
                  "accepted for compatibility; each vCPU has its thread"),
    EMU_PROP_SIZE("cache-size", TcgAccel, cache_size, UINT64_C(256) << 20,
                  "bytes of host memory for translated code"),
    EMU_PROP_UINT32("tb-size", TcgAccel, tb_size, 0, "cache-size in MiB; 0: cache-size decides"),
    EMU_PROP_BOOL("one-insn-per-block", TcgAccel, one_insn_per_block, false,
                  "debugging: blocks of one instruction"),
    EMU_PROP_BOOL("one-insn-per-tb", TcgAccel, one_insn_per_block, false,
                  "same as one-insn-per-block"),
    EMU_PROP_UINT32("stress-flush-blocks", TcgAccel, stress_flush_blocks, 0,
                    "debugging: drop all translated code every so many blocks"),
    EMU_PROP_BOOL("stress-slot-miss", TcgAccel, stress_slot_miss, false,
                  "debugging: page predictions never hit"),
    EMU_PROP_BOOL("stress-hashed", TcgAccel, stress_hashed, false,
                  "debugging: page predictions by address"),
    EMU_PROP_BOOL("stress-unlink", TcgAccel, stress_unlink, false,
                  "debugging: blocks are never linked directly"),
};

static void
tcg_accel_class_init(TcgAccelClass *klass)
{
    EmuAccelClass *accel = EMU_ACCEL_CLASS(klass);

    G_OBJECT_CLASS(klass)->finalize = tcg_accel_finalize;
    accel->name = "tcg";
    accel->setup = tcg_accel_setup;
    accel->create_vcpu = tcg_accel_create_vcpu;
    accel->destroy_vcpu = tcg_accel_destroy_vcpu;
    accel->run = tcg_accel_run;
    accel->kick = tcg_accel_kick;
    accel->reset_vcpu = tcg_accel_reset_vcpu;
    accel->describe = tcg_accel_describe;
    accel->debug_changed = tcg_accel_debug_changed;
    emu_object_class_add_properties(klass, tcg_accel_properties, G_N_ELEMENTS(tcg_accel_properties));
}

static void
tcg_accel_register(void)
{
    emu_type_register_gtype("tcg-accel", TCG_TYPE_ACCEL);
}

type_init(tcg_accel_register)
