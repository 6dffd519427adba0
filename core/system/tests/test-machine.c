/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Machines as objects: life, run states, requests, configuration, several in one process, vCPU threads. */

#include "cpu/cpu-private.h"
#include "system/machine-private.h"

#include <emu/test.h>
#include <string.h>

/* ---- a CPU and an accelerator that count ------------------------------------------------------------ */

typedef struct {
    EmuCpu parent_instance;
    bool halted;
} CountCpu;
typedef struct {
    EmuAccel parent_instance;
} CountAccel;
typedef struct {
    uint64_t n;    /* atomic */
    uint32_t kick; /* atomic */
} CountState;

static uint64_t total_resets;

static bool
count_accel_create(EmuAccel *accel, EmuCpu *cpu, GError **error)
{
    emu_cpu_set_state(cpu, g_new0(CountState, 1));
    return true;
}

static void
count_accel_destroy(EmuAccel *accel, EmuCpu *cpu)
{
    g_free(emu_cpu_get_state(cpu));
    emu_cpu_set_state(cpu, NULL);
}

static void
count_accel_run(EmuAccel *accel, EmuCpu *cpu)
{
    CountState *s = emu_cpu_get_state(cpu);

    while (!__atomic_exchange_n(&s->kick, 0, __ATOMIC_SEQ_CST)) {
        __atomic_fetch_add(&s->n, 1, __ATOMIC_SEQ_CST);
        g_thread_yield();
    }
}

static void
count_accel_kick(EmuAccel *accel, EmuCpu *cpu)
{
    CountState *s = emu_cpu_get_state(cpu);

    if (s) {
        __atomic_store_n(&s->kick, 1, __ATOMIC_SEQ_CST);
    }
}

static void
count_accel_reset(EmuAccel *accel, EmuCpu *cpu)
{
    g_assert_true(emu_cpu_is_stopped(cpu));
    total_resets++;
}

static void
count_accel_class_init(gpointer klass, gconstpointer data)
{
    EmuAccelClass *accel_class = klass;

    accel_class->name = "count";
    accel_class->create_vcpu = count_accel_create;
    accel_class->destroy_vcpu = count_accel_destroy;
    accel_class->run = count_accel_run;
    accel_class->kick = count_accel_kick;
    accel_class->reset_vcpu = count_accel_reset;
}

static bool
count_machine_init(EmuMachine *machine, GError **error)
{
    for (unsigned i = 0; i < emu_machine_get_smp(machine).cpus; i++) {
        if (!emu_machine_create_cpu(machine, i, error)) {
            return false;
        }
    }
    return true;
}

static void
count_machine_class_init(gpointer klass, gconstpointer data)
{
    EmuMachineClass *machine_class = klass;

    machine_class->init = count_machine_init;
    machine_class->max_cpus = 4;
    machine_class->default_cpu_type = "count-test-cpu";
    machine_class->default_ram_size = 1 << 20;
}

static bool
failing_accel_setup(EmuAccel *accel, EmuMachine *machine, GError **error)
{
    g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "not on this host");
    return false;
}

static void
failing_accel_class_init(gpointer klass, gconstpointer data)
{
    ((EmuAccelClass *)klass)->setup = failing_accel_setup;
}

static const EmuTypeInfo types[] = {
    {.name = "count-test-cpu", .parent = "cpu", .instance_size = sizeof(CountCpu)},
    {.name = "count-accel", .parent = "accel", .instance_size = sizeof(CountAccel), .class_init = count_accel_class_init},
    {.name = "failing-accel", .parent = "accel", .class_init = failing_accel_class_init},
    {.name = "count-machine", .parent = "machine", .class_init = count_machine_class_init},
};

static void
register_types(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(types); i++) {
        emu_type_register_static(&types[i]);
    }
}
type_init(register_types)

static EmuMachine *
count_machine_new(const char *smp)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_machine_new("count", &error);

    g_assert_no_error(error);
    g_assert_true(emu_machine_add_accel(m, "count", &error));
    g_assert_true(emu_machine_set_smp(m, smp, &error));
    emu_machine_build(m, &error);
    g_assert_no_error(error);
    emu_machine_finish(m, &error);
    g_assert_no_error(error);
    return m;
}

static uint64_t
count_of(EmuMachine *m, unsigned cpu)
{
    CountState *s = emu_cpu_get_state(emu_machine_get_cpu(m, cpu));

    return __atomic_load_n(&s->n, __ATOMIC_SEQ_CST);
}

static void
wait_for_progress(EmuMachine *m, unsigned cpu)
{
    uint64_t before = count_of(m, cpu);

    for (int i = 0; count_of(m, cpu) == before; i++) {
        g_assert_cmpint(i, <, 60000);
        g_usleep(1000);
    }
}

static void
destroy(EmuMachine *m)
{
    emu_machine_destroy(m);
    g_assert_finalize_object(G_OBJECT(m));
}

/* ---- life ----------------------------------------------------------------------------------------------- */

static void
test_none_comes_and_goes(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_test_machine_new("none", &error);
    g_autofree char *path = NULL;

    g_assert_no_error(error);
    path = emu_object_get_canonical_path(m);
    g_assert_cmpstr(path, ==, "/machine");
    g_assert_nonnull(emu_object_resolve_path(emu_machine_get_root(m), "/machine/unattached/sysbus", NULL));
    g_assert_cmpint(emu_machine_get_run_state(m), ==, EMU_RUN_STATE_RUNNING);
    emu_test_write(m, 0x1000, 0x12345678, 4);
    g_assert_cmphex(emu_test_read(m, 0x1002, 2), ==, 0x1234);
    destroy(m);
}

static void
test_unknown_board_names_itself(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(emu_machine_new("amiga", &error));
    g_assert_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE);
    g_assert_nonnull(strstr(error->message, "amiga"));
}

static void
test_several_machines_run_side_by_side(void)
{
    EmuMachine *a = count_machine_new("2"), *b = count_machine_new("1");
    uint64_t stopped;

    emu_machine_lock(a);
    emu_machine_start(a);
    emu_machine_unlock(a);
    emu_machine_lock(b);
    emu_machine_start(b);
    emu_machine_unlock(b);
    wait_for_progress(a, 0);
    wait_for_progress(a, 1);
    wait_for_progress(b, 0);
    emu_machine_lock(a);
    g_assert_false(emu_machine_lock_held(b));
    emu_machine_stop(a, EMU_RUN_STATE_PAUSED);
    emu_machine_unlock(a);
    stopped = count_of(a, 1);
    wait_for_progress(b, 0);
    g_assert_cmpuint(count_of(a, 1), ==, stopped);
    destroy(a);
    wait_for_progress(b, 0);
    destroy(b);
}

/* ---- run states -------------------------------------------------------------------------------------------- */

static void
record_state_cb(EmuMachine *m, int state, gpointer data)
{
    g_string_append_printf(data, "%s ", emu_run_state_name((EmuRunState)state));
}

static void
record_event_cb(EmuMachine *m, gboolean guest, int cause, gpointer data)
{
    g_string_append_printf(data, "%s:%d ", guest ? "guest" : "host", cause);
}

static void
test_stop_parks_every_vcpu(void)
{
    EmuMachine *m = count_machine_new("4");
    g_autoptr(GString) states = g_string_new(NULL);

    g_signal_connect(m, "run-state-changed", G_CALLBACK(record_state_cb), states);
    for (int round = 0; round < 20; round++) {
        uint64_t n[4];

        emu_machine_lock(m);
        emu_machine_start(m);
        emu_machine_unlock(m);
        wait_for_progress(m, (unsigned)round % 4);
        emu_machine_lock(m);
        emu_machine_stop(m, EMU_RUN_STATE_PAUSED);
        for (unsigned i = 0; i < 4; i++) {
            n[i] = count_of(m, i);
        }
        g_usleep(500);
        for (unsigned i = 0; i < 4; i++) {
            g_assert_cmpuint(count_of(m, i), ==, n[i]);
        }
        emu_machine_unlock(m);
    }
    g_assert_true(g_str_has_prefix(states->str, "running paused running paused "));
    destroy(m);
}

static void
add_one_cb(EmuCpu *cpu, gpointer data)
{
    g_assert_true(emu_cpu_is_self(cpu));
    g_assert_true(emu_machine_lock_held(emu_device_get_machine(EMU_DEVICE(cpu))));
    ++*(int *)data;
}

static void
test_work_runs_on_the_vcpu_running_or_not(void)
{
    EmuMachine *m = count_machine_new("2");
    int n = 0;

    emu_machine_lock(m);
    emu_cpu_run_on(emu_machine_get_cpu(m, 1), add_one_cb, &n);
    g_assert_cmpint(n, ==, 1);
    emu_machine_start(m);
    emu_cpu_run_on(emu_machine_get_cpu(m, 1), add_one_cb, &n);
    emu_cpu_run_on_async(emu_machine_get_cpu(m, 0), add_one_cb, &n);
    emu_cpu_run_on(emu_machine_get_cpu(m, 0), add_one_cb, &n);
    g_assert_cmpint(n, ==, 4);
    emu_machine_unlock(m);
    destroy(m);
}

typedef struct {
    EmuMachine *machine;
    int resets; /* seen by the main thread; atomic */
} Requests;

static void
count_reset_cb(Requests *r)
{
    g_atomic_int_inc(&r->resets);
}

/* One after the other: an exit would overtake a reset that the main thread has not yet got round to. */
static gpointer
request_thread(gpointer data)
{
    Requests *r = data;

    emu_machine_request_reset(r->machine, EMU_SHUTDOWN_CAUSE_GUEST_RESET);
    while (!g_atomic_int_get(&r->resets)) {
        g_usleep(1000);
    }
    emu_machine_request_exit(r->machine, 7);
    return NULL;
}

static void
test_requests_reset_and_end_the_machine(void)
{
    EmuMachine *m = count_machine_new("2");
    g_autoptr(GString) events = g_string_new(NULL);
    Requests requests = {m, 0};
    uint64_t resets = total_resets;
    GThread *thread;

    g_signal_connect(m, "reset", G_CALLBACK(record_event_cb), events);
    g_signal_connect_swapped(m, "reset", G_CALLBACK(count_reset_cb), &requests);
    g_signal_connect(m, "shutdown", G_CALLBACK(record_event_cb), events);
    emu_machine_lock(m);
    emu_machine_start(m);
    emu_machine_unlock(m);
    thread = g_thread_new("requests", request_thread, &requests);
    g_assert_cmpint(emu_machine_run(m), ==, 7);
    g_thread_join(thread);
    g_assert_cmpuint(total_resets, ==, resets + 2);
    g_assert_cmpstr(events->str, ==, "guest:7 guest:6 ");
    g_assert_cmpint(emu_machine_get_run_state(m), ==, EMU_RUN_STATE_SHUTDOWN);
    destroy(m);
}

static void
test_no_shutdown_stops_and_a_reset_revives(void)
{
    EmuMachine *m = count_machine_new("1");

    emu_machine_priv(m)->shutdown_action = EMU_ACTION_PAUSE;
    emu_machine_lock(m);
    emu_machine_start(m);
    emu_machine_unlock(m);
    emu_machine_request_shutdown(m, EMU_SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    emu_test_settle(m);
    g_assert_cmpint(emu_machine_get_run_state(m), ==, EMU_RUN_STATE_SHUTDOWN);
    g_assert_true(emu_machine_needs_reset(m));
    emu_machine_request_reset(m, EMU_SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    emu_test_settle(m);
    g_assert_false(emu_machine_needs_reset(m));
    emu_machine_lock(m);
    emu_machine_start(m);
    emu_machine_unlock(m);
    wait_for_progress(m, 0);
    destroy(m);
}

static void
test_no_reboot_ends_on_the_guests_reset(void)
{
    EmuMachine *m = count_machine_new("1");

    emu_machine_priv(m)->reboot_action = EMU_ACTION_SHUTDOWN;
    emu_machine_lock(m);
    emu_machine_start(m);
    emu_machine_unlock(m);
    emu_machine_request_reset(m, EMU_SHUTDOWN_CAUSE_GUEST_RESET);
    g_assert_cmpint(emu_machine_run(m), ==, 0);
    destroy(m);
}

static void
test_sleep_and_wake(void)
{
    EmuMachine *m = count_machine_new("1");
    uint64_t n;

    emu_machine_lock(m);
    emu_machine_start(m);
    emu_machine_unlock(m);
    emu_machine_request_suspend(m);
    emu_test_settle(m);
    g_assert_cmpint(emu_machine_get_run_state(m), ==, EMU_RUN_STATE_SUSPENDED);
    n = count_of(m, 0);
    g_usleep(1000);
    g_assert_cmpuint(count_of(m, 0), ==, n);
    emu_machine_request_wakeup(m);
    emu_test_settle(m);
    g_assert_cmpint(emu_machine_get_run_state(m), ==, EMU_RUN_STATE_RUNNING);
    wait_for_progress(m, 0);
    destroy(m);
}

/* ---- configuration --------------------------------------------------------------------------------------------- */

static void
test_first_working_accelerator_is_taken(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_machine_new("count", NULL);

    g_assert_true(emu_machine_add_accel(m, "failing:missing:count", &error));
    g_assert_true(emu_machine_build(m, &error));
    g_assert_true(emu_object_is_a(emu_machine_get_accel(m), "count-accel"));
    destroy(m);

    m = emu_machine_new("count", NULL);
    g_assert_true(emu_machine_add_accel(m, "failing", &error));
    g_assert_false(emu_machine_build(m, &error));
    g_assert_cmpstr(error->message, ==, "-accel failing: not on this host");
    destroy(m);
}

static void
check_smp(const char *text, unsigned cpus, unsigned max, unsigned sockets, unsigned cores, unsigned threads)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_machine_new("count", NULL);
    EmuSmp smp;

    g_assert_true(emu_machine_set_smp(m, text, &error));
    g_assert_no_error(error);
    smp = emu_machine_get_smp(m);
    g_assert_cmpuint(smp.cpus, ==, cpus);
    g_assert_cmpuint(smp.max_cpus, ==, max);
    g_assert_cmpuint(smp.sockets, ==, sockets);
    g_assert_cmpuint(smp.cores, ==, cores);
    g_assert_cmpuint(smp.threads, ==, threads);
    destroy(m);
}

static void
test_smp_fills_in_what_is_missing(void)
{
    check_smp("4", 4, 4, 1, 4, 1);
    check_smp("cpus=2,maxcpus=4", 2, 4, 1, 4, 1);
    check_smp("sockets=2,threads=2", 4, 4, 2, 1, 2);
    check_smp("4,cores=2", 4, 4, 2, 2, 1);
    check_smp("4,sockets=2,cores=1", 4, 4, 2, 1, 2);
    check_smp("1,maxcpus=4,sockets=4,cores=1,threads=1", 1, 4, 4, 1, 1);
}

static void
test_memory_sizes(void)
{
    static const struct {
        const char *text;
        uint64_t size;
    } good[] = {{"64", 64 << 20}, {"size=1G", 1 << 30}, {"1.5G", UINT64_C(3) << 29}, {"65536k", 64 << 20}, {"512M,slots=2,maxmem=1G", 512 << 20}, {"0", 1 << 20}};

    for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;
        EmuMachine *m = emu_machine_new("count", NULL);

        emu_machine_set_memory(m, good[i].text, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(emu_machine_get_ram_size(m), ==, good[i].size);
        destroy(m);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/machine/none-comes-and-goes", test_none_comes_and_goes);
    g_test_add_func("/machine/unknown-board-names-itself", test_unknown_board_names_itself);
    g_test_add_func("/machine/several-run-side-by-side", test_several_machines_run_side_by_side);
    g_test_add_func("/machine/run-state/stop-parks-every-vcpu", test_stop_parks_every_vcpu);
    g_test_add_func("/machine/run-state/work-runs-on-the-vcpu", test_work_runs_on_the_vcpu_running_or_not);
    g_test_add_func("/machine/run-state/requests", test_requests_reset_and_end_the_machine);
    g_test_add_func("/machine/run-state/no-shutdown", test_no_shutdown_stops_and_a_reset_revives);
    g_test_add_func("/machine/run-state/no-reboot", test_no_reboot_ends_on_the_guests_reset);
    g_test_add_func("/machine/run-state/sleep-and-wake", test_sleep_and_wake);
    g_test_add_func("/machine/config/first-working-accelerator", test_first_working_accelerator_is_taken);
    g_test_add_func("/machine/config/smp", test_smp_fills_in_what_is_missing);
    g_test_add_func("/machine/config/memory", test_memory_sizes);
    return g_test_run();
}
