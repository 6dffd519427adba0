/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The 8254 and the speaker port that live in the host's kernel (KVM, kernel-irqchip=on). The kernel serves their ports and counts; what
 * is left here is resets and their state, which is the other forms'.
 *
 * The kernel would count on while the machine stands. So the state comes out when the machine stops and goes in when it runs; in between
 * it is here.
 *
 * The kernel does not tell how far counter 0 is, and counts each counter from its start when it is given their state. How far counter 0 is
 * is known here from when it was given what it counts; when the guest programs it anew, that is not seen, and what it has counted until the next stop is
 * forgotten once. The rest of a long period that was under way goes in as a single shot; when that is over, the period follows.
 */

#include "pit.h"

#include <emu/kvm.h>
#include <emu/log.h>

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#define PIT_KVM_NO_MODE 0xff /* no timer */
#define PIT_KVM_SHORT 10000  /* CLKs, 8 ms: shorter periods begin anew */
/* Flags of struct kvm_pit_state2; the second one came with Linux 5.19. */
#define PIT_KVM_HPET_LEGACY 1u
#define PIT_KVM_SPEAKER_ON 2u

/* What access is due next. */
enum { PIT_KVM_LSB = 1, PIT_KVM_MSB = 2, PIT_KVM_WORD0 = 3, PIT_KVM_WORD1 = 4 };

typedef struct {
    Pit parent;
    bool running; /* the state is in the kernel */

    /* What counter 0 was given last, and when. */
    uint8_t mode;
    uint32_t count;
    int64_t given_ns;
    /* The rest of a period; then what is to follow. */
    bool rest;
    uint8_t period_mode;
    uint32_t period;
    EmuTimer *rest_timer;
} PitKvm;

static bool
pit_kvm_ioctl(gpointer dev, unsigned long request, struct kvm_pit_state2 *state)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(emu_device_get_machine(EMU_DEVICE(dev)));

    if (!vm || ioctl(vm->vm_fd, request, state) != 0) {
        emu_unimp("kvm-pit: the kernel's timer did not answer: %s", g_strerror(errno));
        return false;
    }
    return true;
}

static int64_t
pit_kvm_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * EMU_NS_PER_SEC + ts.tv_nsec;
}

/* As the reset leaves a counter: no control word was written. */
static bool
pit_kvm_is_fresh(const PitCounter *c)
{
    return c->state == PIT_COUNTER_IDLE && c->mode == 3 && c->access == 3 && !c->write_msb && c->count == 0x10000;
}

/* How long counter 0 has counted; what it counts is put right in @k. */
static int64_t
pit_kvm_get_elapsed(const PitKvm *self, struct kvm_pit_channel_state *k)
{
    int64_t elapsed = MAX(pit_kvm_now() - self->given_ns, 0);
    int64_t before;

    if (!self->given_ns || k->mode != self->mode || k->count != self->count) {
        return 0;
    }
    if (self->rest) {
        before = (int64_t)emu_muldiv64(self->period - self->count, EMU_NS_PER_SEC, PIT_FREQUENCY_HZ);
        k->mode = self->period_mode;
        k->count = self->period;
        elapsed += before;
    }
    return elapsed;
}

static void
pit_kvm_get_counter(Pit *self, unsigned n, const struct kvm_pit_channel_state *given)
{
    PitCounter *c = &self->counters[n];
    struct kvm_pit_channel_state changed = *given, *k = &changed;
    int64_t elapsed_ns = n == 0 ? pit_kvm_get_elapsed((PitKvm *)self, k) : MAX(pit_kvm_now() - k->count_load_time, 0);
    bool triggered;

    if (k->mode > 5) {
        pit_counter_reset(c, k->gate);
        return;
    }
    triggered = k->mode == 1 || k->mode == 5;
    c->mode = k->mode;
    c->access = CLAMP(k->rw_mode, 1, 3);
    c->bcd = k->bcd;
    c->gate = k->gate;
    c->write_msb = k->write_state == PIT_KVM_WORD1;
    c->read_msb = k->read_state == PIT_KVM_WORD1;
    c->write_lsb = k->write_latch;
    c->status_latched = k->status_latched;
    c->latched_status = k->status;
    c->latched_bytes = k->count_latched == 0 ? 0 : k->count_latched == PIT_KVM_WORD0 ? 2 : 1;
    c->latched_count = k->latched_count;
    c->reload = c->count = CLAMP(k->count, 1, 0x10000);
    c->reload_pending = false;
    c->state = k->gate || triggered ? PIT_COUNTER_RUNNING : PIT_COUNTER_HELD;
    c->elapsed = (int64_t)emu_muldiv64((uint64_t)elapsed_ns, PIT_FREQUENCY_HZ, EMU_NS_PER_SEC);
    c->start_tick = pit_get_tick(self) - c->elapsed;
}

static void
pit_kvm_set_counter(const PitCounter *c, struct kvm_pit_channel_state *k)
{
    *k = (struct kvm_pit_channel_state){
        .count = c->reload,
        .latched_count = c->latched_count,
        .count_latched = c->latched_bytes == 2   ? PIT_KVM_WORD0
                         : c->latched_bytes == 0 ? 0
                         : c->access == 1        ? PIT_KVM_LSB
                                                 : PIT_KVM_MSB,
        .status_latched = c->status_latched,
        .status = c->latched_status,
        .read_state = c->access == 3 && c->read_msb ? PIT_KVM_WORD1 : c->access,
        .write_state = c->access == 3 && c->write_msb ? PIT_KVM_WORD1 : c->access,
        .write_latch = c->write_lsb,
        .rw_mode = c->access,
        .mode = pit_kvm_is_fresh(c) ? PIT_KVM_NO_MODE : c->mode,
        .bcd = c->bcd,
        .gate = c->gate,
        .count_load_time = pit_kvm_now(),
    };
}

/* Counter 0 in the midst of a period: its rest as a single shot, unless nothing of it is over. */
static void
pit_kvm_set_rest(PitKvm *self, struct kvm_pit_channel_state *k)
{
    const PitCounter *c = &self->parent.counters[0];
    int64_t elapsed = c->state == PIT_COUNTER_RUNNING ? MAX(pit_get_tick(&self->parent) - c->start_tick, 0) : 0;
    bool periodic = k->mode == 2 || k->mode == 3;

    self->rest = false;
    if (periodic && k->count) {
        elapsed %= k->count;
    }
    if (elapsed > 0 && elapsed < k->count && (periodic ? k->count >= PIT_KVM_SHORT : k->mode == 0 || k->mode == 4)) {
        self->rest = periodic;
        self->period_mode = k->mode;
        self->period = k->count;
        k->mode = periodic ? 4 : k->mode;
        k->count -= (uint32_t)elapsed;
    }
    self->mode = k->mode;
    self->count = k->count;
    self->given_ns = pit_kvm_now();
    if (self->rest) {
        emu_timer_set(self->rest_timer, emu_clock_get_ns(emu_device_get_clock(EMU_DEVICE(self), EMU_CLOCK_VIRTUAL)) + 1 +
                                            (int64_t)emu_muldiv64(k->count, EMU_NS_PER_SEC, PIT_FREQUENCY_HZ));
    } else {
        emu_timer_cancel(self->rest_timer);
    }
}

/* On the first CPU's thread, outside the guest: it does not program the timer meanwhile. */
static void
pit_kvm_rest_is_over(EmuCpu *cpu G_GNUC_UNUSED, gpointer data)
{
    PitKvm *self = data;
    struct kvm_pit_state2 state;
    struct kvm_pit_channel_state *k = &state.channels[0];

    if (!self->running || !self->rest || !pit_kvm_ioctl(self, KVM_GET_PIT2, &state)) {
        return;
    }
    self->rest = false;
    if (k->mode == self->mode && k->count == self->count) {
        self->mode = k->mode = self->period_mode;
        self->count = k->count = self->period;
        self->given_ns = pit_kvm_now();
        pit_kvm_ioctl(self, KVM_SET_PIT2, &state);
    }
}

static void
pit_kvm_rest_timer_cb(gpointer opaque)
{
    EmuCpu *cpu = emu_machine_get_cpu(emu_device_get_machine(opaque), 0);

    if (cpu) {
        emu_cpu_run_on(cpu, pit_kvm_rest_is_over, opaque);
    }
}

static void
pit_kvm_get(Pit *self)
{
    struct kvm_pit_state2 state;

    if (pit_kvm_ioctl(self, KVM_GET_PIT2, &state)) {
        for (unsigned i = 0; i < PIT_N_COUNTERS; i++) {
            pit_kvm_get_counter(self, i, &state.channels[i]);
        }
        self->disabled = state.flags & PIT_KVM_HPET_LEGACY;
    }
}

static void
pit_kvm_set(Pit *self)
{
    struct kvm_pit_state2 state;

    if (!pit_kvm_ioctl(self, KVM_GET_PIT2, &state)) {
        return;
    }
    for (unsigned i = 0; i < PIT_N_COUNTERS; i++) {
        pit_kvm_set_counter(&self->counters[i], &state.channels[i]);
    }
    pit_kvm_set_rest((PitKvm *)self, &state.channels[0]);
    state.flags = (state.flags & ~PIT_KVM_HPET_LEGACY) | (self->disabled ? PIT_KVM_HPET_LEGACY : 0);
    pit_kvm_ioctl(self, KVM_SET_PIT2, &state);
}

static void
pit_kvm_fetch(Pit *self)
{
    if (((PitKvm *)self)->running) {
        pit_kvm_get(self);
    }
}

static void
pit_kvm_store(Pit *self)
{
    if (((PitKvm *)self)->running) {
        pit_kvm_set(self);
    }
}

/* No ticks while the machine stands. */
static void
pit_kvm_silence(Pit *self)
{
    struct kvm_pit_state2 state;

    if (pit_kvm_ioctl(self, KVM_GET_PIT2, &state)) {
        state.channels[0].mode = PIT_KVM_NO_MODE;
        pit_kvm_ioctl(self, KVM_SET_PIT2, &state);
    }
}

static void
pit_kvm_run_state_cb(EmuMachine *machine G_GNUC_UNUSED, int run_state, gpointer data)
{
    PitKvm *self = data;

    if ((run_state == EMU_RUN_STATE_RUNNING) == self->running) {
        return;
    }
    self->running = !self->running;
    if (self->running) {
        pit_kvm_set(&self->parent);
    } else {
        pit_kvm_get(&self->parent);
        pit_kvm_silence(&self->parent);
    }
}

static void
pit_kvm_unrealize(EmuDevice *dev)
{
    EmuDeviceClass *parent_class = g_type_class_peek_parent(G_OBJECT_GET_CLASS(dev));

    g_signal_handlers_disconnect_by_func(emu_device_get_machine(dev), pit_kvm_run_state_cb, dev);
    g_clear_pointer(&((PitKvm *)dev)->rest_timer, emu_timer_free);
    parent_class->unrealize(dev);
}

static bool
pit_kvm_realize(EmuDevice *dev, GError **error)
{
    const EmuKvmVm *vm = emu_kvm_get_vm(emu_device_get_machine(dev));
    struct kvm_pit_config config = {.flags = KVM_PIT_SPEAKER_DUMMY};
    EmuDeviceClass *parent_class = g_type_class_peek_parent(G_OBJECT_GET_CLASS(dev));

    if (!vm || !vm->chips || ioctl(vm->vm_fd, KVM_CREATE_PIT2, &config) != 0) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "kvm-pit: the kernel's timer cannot be had: %s",
                    vm && vm->chips ? g_strerror(errno) : "-accel kvm,kernel-irqchip=on is needed");
        return false;
    }
    if (!parent_class->realize(dev, error)) {
        return false;
    }
    ((PitKvm *)dev)->rest_timer = emu_timer_new(emu_device_get_clock(dev, EMU_CLOCK_VIRTUAL), pit_kvm_rest_timer_cb, dev);
    g_signal_connect(emu_device_get_machine(dev), "run-state-changed", G_CALLBACK(pit_kvm_run_state_cb), dev);
    return true;
}

static void
pit_kvm_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    PitClass *pit_class = klass;
    EmuDeviceClass *device_class = klass;

    pit_class->fetch = pit_kvm_fetch;
    pit_class->store = pit_kvm_store;
    device_class->realize = pit_kvm_realize;
    device_class->unrealize = pit_kvm_unrealize;
    device_class->model_name = "8254 interval timer, KVM's";
}

const EmuTypeInfo pit_kvm_type_info = {
    .name = "kvm-pit",
    .parent = "isa-pit",
    .instance_size = sizeof(PitKvm),
    .class_init = pit_kvm_class_init,
    .description = "8254 interval timer in the host's kernel",
};

/* ---- the speaker port -------------------------------------------------------------------------------------- */

static void
pcspk_kvm_fetch(Pcspk *self)
{
    struct kvm_pit_state2 state;

    if (pit_kvm_ioctl(self, KVM_GET_PIT2, &state)) {
        self->control = (uint8_t)((self->control & ~(PCSPK_GATE2 | PCSPK_SPEAKER)) | (state.channels[2].gate ? PCSPK_GATE2 : 0) |
                                  (state.flags & PIT_KVM_SPEAKER_ON ? PCSPK_SPEAKER : 0));
    }
}

/* The gate is the timer's to store. */
static void
pcspk_kvm_store(Pcspk *self)
{
    struct kvm_pit_state2 state;
    uint32_t flags;

    if (!emu_device_is_realized(EMU_DEVICE(self)) || !pit_kvm_ioctl(self, KVM_GET_PIT2, &state)) {
        return;
    }
    flags = (state.flags & ~PIT_KVM_SPEAKER_ON) | (self->control & PCSPK_SPEAKER ? PIT_KVM_SPEAKER_ON : 0);
    if (flags != state.flags) {
        state.flags = flags;
        pit_kvm_ioctl(self, KVM_SET_PIT2, &state);
    }
}

static void
pcspk_kvm_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    PcspkClass *pcspk_class = klass;

    pcspk_class->fetch = pcspk_kvm_fetch;
    pcspk_class->store = pcspk_kvm_store;
    ((EmuDeviceClass *)klass)->model_name = "PC speaker port, KVM's";
    ((EmuDeviceClass *)klass)->try_with = "pit=@kvm-pit";
}

const EmuTypeInfo pcspk_kvm_type_info = {
    .name = "kvm-pcspk",
    .parent = "isa-pcspk",
    .class_init = pcspk_kvm_class_init,
    .description = "PC speaker port in the host's kernel",
};
