/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Guests without an operating system, under each accelerator, with the same expectations.
 *
 *   /bare/ACCEL/GUEST        says what GUEST.expect has
 *   /switch/A/B/GUEST        is stopped in mid-run under A, at several places; its state, loaded into a machine under B, goes on there; what
 *                            both said together is the same again
 *   /shadow-stack/A/B        a guest waits in a call under a shadow stack, is moved, returns
 *   /components/A/B          registers of AVX-512 stay what they are, over a stop, over a move to another KVM; the translator refuses them
 */

#include <emu/emu.h>
#include <emu/test.h>

#include <fcntl.h>
#include <string.h>
#include <linux/kvm.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VARS 0x600 /* the guest's variables, as in bare.inc */
#define RAM "16M"
/* Whether KVM's CPUID has AVX-512 is another thing than whether it keeps the registers. */
#define CPU_WITH_AVX512 "qemu64,check=off,x-force-features=on,+xsave,+avx,+avx2,+avx512f,+avx512dq,+avx512bw,+avx512vl"

static const char *const accels[] = {
    "tcg", "tcg,mode=interp", "kvm,kernel-irqchip=off", "kvm,kernel-irqchip=split", "kvm,kernel-irqchip=on",
};
#define N_ACCELS G_N_ELEMENTS(accels)

static const char *const guests[] = {
    "real-mode", "protected-mode", "port-io", "mmio",      "string-io",   "pic-pit",    "apic",
    "halt",      "self-ipi",       "two-cpus", "dirty-log", "rom-write", "debug-break", "data-break",
    "doorbell",  "read-change-write", "cross-calls", "message",
};

typedef struct {
    EmuMachine *machine;
    EmuChardev *console;
    GString *said;
} Pc;

static gint64 patience = 60 * G_USEC_PER_SEC;

static bool
is_kvm(const char *accel)
{
    return g_str_has_prefix(accel, "kvm");
}

/* The reason why there is no KVM here, or NULL. */
static const char *
kvm_is_missing(void)
{
    static char *reason;
    static bool tried;

    if (!tried) {
        int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

        tried = true;
        if (fd < 0) {
            reason = g_strdup_printf("/dev/kvm: %s", g_strerror(errno));
        } else {
            close(fd);
        }
    }
    return reason;
}

static void
pc_build_with(Pc *pc, const char *guest, const char *cpu, const char *accel)
{
    g_autofree char *rom = g_strdup_printf("%s/%s.rom", g_getenv("EMU_BARE_GUESTS"), guest);
    g_autoptr(GError) error = NULL;

    pc->said = g_string_new(NULL);
    pc->machine = emu_machine_new("pc", &error);
    g_assert_no_error(error);
    pc->console = emu_test_chardev_new(pc->machine, "console");
    g_assert_true(emu_object_set_from_string(pc->machine, "firmware", rom, &error));
    g_assert_true(emu_machine_set_memory(pc->machine, RAM, &error));
    g_assert_true(emu_machine_set_smp(pc->machine, "2", &error));
    g_assert_true(emu_machine_set_cpu(pc->machine, cpu, &error));
    g_assert_true(emu_machine_add_accel(pc->machine, accel, &error));
    emu_machine_build(pc->machine, &error);
    g_assert_no_error(error);
    emu_test_add_device(pc->machine, "isa-debugcon", "chardev=console,iobase=0x402", &error);
    g_assert_no_error(error);
    if (strcmp(guest, "doorbell") == 0) {
        emu_test_add_device(pc->machine, "pci-testdev", "addr=4", &error);
        g_assert_no_error(error);
    }
    emu_machine_finish(pc->machine, &error);
    g_assert_no_error(error);
}

/* The host's KVM may not have all of the default model's features: not what is tested here. */
static void
pc_build(Pc *pc, const char *guest, const char *accel)
{
    pc_build_with(pc, guest, "qemu64,check=off", accel);
}

static void
pc_run(Pc *pc)
{
    emu_machine_lock(pc->machine);
    emu_machine_start(pc->machine);
    emu_machine_unlock(pc->machine);
}

static void
pc_stop(Pc *pc)
{
    emu_machine_lock(pc->machine);
    emu_machine_stop(pc->machine, EMU_RUN_STATE_PAUSED);
    emu_machine_unlock(pc->machine);
}

static void
pc_listen(Pc *pc)
{
    g_autoptr(GBytes) bytes = emu_test_chardev_take(pc->console);

    g_string_append_len(pc->said, g_bytes_get_data(bytes, NULL), (gssize)g_bytes_get_size(bytes));
}

static gboolean
tick_cb(gpointer data G_GNUC_UNUSED)
{
    return G_SOURCE_CONTINUE;
}

/* Until it has said so many characters, or its last word. */
static void
pc_wait(Pc *pc, gsize characters)
{
    gint64 end = g_get_monotonic_time() + patience;
    guint tick = g_timeout_add(1, tick_cb, NULL);

    for (pc_listen(pc); pc->said->len < characters && !g_str_has_suffix(pc->said->str, "end\n"); pc_listen(pc)) {
        if (g_get_monotonic_time() > end) {
            g_test_message("said: %s", pc->said->str);
            g_error("%s: neither %" G_GSIZE_FORMAT " characters nor an end", g_test_get_path(), characters);
        }
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(tick);
}

static void
pc_end(Pc *pc)
{
    emu_machine_destroy(pc->machine);
    g_assert_finalize_object(G_OBJECT(pc->machine));
    g_string_free(pc->said, TRUE);
}

static char *
read_expectation(const char *guest)
{
    g_autofree char *path = g_strdup_printf("%s/%s.expect", g_getenv("G_TEST_SRCDIR"), guest);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

/* ---- the dirty log ------------------------------------------------------------------------------------------- */

static const struct {
    uint64_t page;
    bool written;
} dirty_pages[] = {
    {0x100000, true},  {0x101000, false}, {0x103000, true},  {0x104000, true}, {0x140000, false},
    {0x180000, true},  {0x181000, false}, {0x1ff000, true},  {0x200000, false},
};

static void
start_dirty_log(Pc *pc)
{
    EmuMemoryRegion *ram;

    pc_wait(pc, strlen("ready\n"));
    emu_machine_lock(pc->machine);
    ram = emu_machine_get_ram(pc->machine, NULL);
    emu_memory_region_set_log(ram, true, EMU_DIRTY_MIGRATION);
    emu_memory_region_test_and_clear_dirty(ram, 0, 4 << 20, EMU_DIRTY_MIGRATION);
    emu_machine_unlock(pc->machine);
    emu_test_write(pc->machine, VARS, 1, 4);
}

static void
check_dirty_log(Pc *pc)
{
    EmuMemoryRegion *ram;

    pc_stop(pc);
    emu_machine_lock(pc->machine);
    ram = emu_machine_get_ram(pc->machine, NULL);
    emu_address_space_sync_dirty(emu_machine_get_memory_as(pc->machine));
    emu_memory_region_set_log(ram, false, EMU_DIRTY_MIGRATION);
    for (gsize i = 0; i < G_N_ELEMENTS(dirty_pages); i++) {
        bool written = emu_memory_region_test_and_clear_dirty(ram, dirty_pages[i].page, 4096, EMU_DIRTY_MIGRATION);

        g_test_message("page 0x%x: %s", (unsigned)dirty_pages[i].page, written ? "written" : "not written");
        g_assert_cmpint(written, ==, dirty_pages[i].written);
    }
    emu_machine_unlock(pc->machine);
}

/* ---- interrupt messages by eventfd ------------------------------------------------------------------------------- */

#define MESSAGE_ADDRESS 0xfee00000

static void
ring(int fd)
{
    uint64_t one = 1;

    g_assert_cmpint(write(fd, &one, sizeof(one)), ==, sizeof(one));
}

static void
send_messages(Pc *pc)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    EmuMessageRoute *route;

    g_assert_cmpint(fd, >=, 0);
    pc_wait(pc, strlen("ready\n"));
    emu_machine_lock(pc->machine);
    route = emu_message_route_new(pc->machine, fd, MESSAGE_ADDRESS, 0x55);
    emu_machine_unlock(pc->machine);
    ring(fd);
    pc_wait(pc, strlen("ready\none\n"));
    ring(fd);
    pc_wait(pc, strlen("ready\none\ntwo\n"));
    emu_machine_lock(pc->machine);
    emu_message_route_set(route, MESSAGE_ADDRESS, 0x56);
    emu_machine_unlock(pc->machine);
    ring(fd);
    pc_wait(pc, G_MAXSIZE);
    emu_machine_lock(pc->machine);
    emu_message_route_free(route);
    emu_machine_unlock(pc->machine);
    close(fd);
}

/* ---- one accelerator ------------------------------------------------------------------------------------------- */

typedef struct {
    const char *guest, *first, *second;
} Case;

static void
check_said(const Case *c, const char *said, const char *accel)
{
    g_autofree char *expected = read_expectation(c->guest);

    if (is_kvm(accel) && strcmp(c->guest, "data-break") == 0 && strcmp(said, expected) != 0 && !strstr(said, "data breakpoint")) {
        g_test_skip("this host's KVM does not watch the data accesses of code that it emulates");
        return;
    }
    g_assert_cmpstr(said, ==, expected);
}

static void
test_bare(gconstpointer data)
{
    const Case *c = data;
    bool dirty_log = strcmp(c->guest, "dirty-log") == 0;
    Pc pc;

    if (is_kvm(c->first) && kvm_is_missing()) {
        g_test_skip(kvm_is_missing());
        return;
    }
    pc_build(&pc, c->guest, c->first);
    pc_run(&pc);
    if (dirty_log) {
        start_dirty_log(&pc);
    }
    if (strcmp(c->guest, "message") == 0) {
        send_messages(&pc);
    }
    if (strcmp(c->guest, "cross-calls") == 0) {
        pc_wait(&pc, strlen("ready\n"));
        emu_test_write(pc.machine, VARS, 1, 4);
    }
    pc_wait(&pc, G_MAXSIZE);
    if (dirty_log) {
        check_dirty_log(&pc);
    }
    check_said(c, pc.said->str, c->first);
    pc_end(&pc);
}

/* ---- memory in many pieces ------------------------------------------------------------------------------------ */

#define N_PIECES 600 /* of slots.asm */
#define PIECES 0x10000000
#define PIECE_STEP 0x2000
#define PIECE_RAM 0x200000
#define LINE strlen("00000000\n")

/* Which page piece @i shows in a round. */
static unsigned
piece_page(unsigned round, unsigned i)
{
    static const unsigned factors[] = {7, 11, 11, 13};

    return (i * factors[round - 1] + round / 2) % N_PIECES;
}

static bool
piece_is_readonly(unsigned round, unsigned i)
{
    return round == 3 && i % 3 == 0;
}

/* In round 4 each piece moves by itself. */
static void
arrange_pieces(EmuMemoryRegion **pieces, unsigned round)
{
    if (round < 4) {
        emu_memory_transaction_begin();
    }
    for (unsigned i = 0; i < N_PIECES; i++) {
        emu_memory_region_set_alias_offset(pieces[i], PIECE_RAM + piece_page(round, i) * 0x1000);
        emu_memory_region_set_readonly(pieces[i], piece_is_readonly(round, i));
    }
    if (round < 4) {
        emu_memory_transaction_commit();
    }
}

static void
check_pieces(Pc *pc, unsigned round, GString *expected)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < N_PIECES; i++) {
        uint32_t written = (uint32_t)emu_test_read(pc->machine, PIECE_RAM + piece_page(round, i) * 0x1000 + 4, 4);

        sum = sum * 31 + piece_page(round, i) * 0x01010101u + 3;
        g_assert_cmphex(written >> 16, ==, piece_is_readonly(round, i) ? round - 1 : round);
        if (!piece_is_readonly(round, i)) {
            g_assert_cmphex(written & 0xffff, ==, i);
        }
    }
    g_string_append_printf(expected, "%08x\n", sum);
}

static void
test_many_pieces(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(GString) expected = g_string_new(NULL);
    EmuMemoryRegion *pieces[N_PIECES], *system, *ram;
    Pc pc;

    if (is_kvm(c->first) && kvm_is_missing()) {
        g_test_skip(kvm_is_missing());
        return;
    }
    pc_build(&pc, c->guest, c->first);
    emu_machine_lock(pc.machine);
    system = emu_machine_get_system_memory(pc.machine);
    ram = emu_machine_get_ram(pc.machine, NULL);
    emu_memory_transaction_begin();
    for (unsigned i = 0; i < N_PIECES; i++) {
        g_autofree char *name = g_strdup_printf("piece%u", i);

        pieces[i] = emu_memory_region_new_alias(pc.machine, name, ram, PIECE_RAM, 0x1000);
        emu_memory_region_add_subregion(system, PIECES + i * PIECE_STEP, pieces[i], 1);
    }
    emu_memory_transaction_commit();
    arrange_pieces(pieces, 1);
    emu_machine_unlock(pc.machine);
    for (unsigned i = 0; i < N_PIECES; i++) {
        emu_test_write(pc.machine, PIECE_RAM + i * 0x1000, i * 0x01010101u + 3, 4);
    }
    pc_run(&pc);
    for (unsigned round = 1; round <= 4; round++) {
        pc_wait(&pc, round * LINE);
        check_pieces(&pc, round, expected);
        if (round < 4) {
            emu_machine_lock(pc.machine);
            arrange_pieces(pieces, round + 1);
            emu_machine_unlock(pc.machine);
        }
        emu_test_write(pc.machine, VARS, round, 4);
    }
    pc_wait(&pc, G_MAXSIZE);
    g_string_append(expected, "end\n");
    g_assert_cmpstr(pc.said->str, ==, expected->str);
    pc_end(&pc);
}

/* ---- time and stops ---------------------------------------------------------------------------------------------- */

#define STAMP (VARS + 8) /* of clock.asm */
#define TICKS (VARS + 16)
#define APIC_TICKS (VARS + 24)
#define TICK_NS 54925401.0
#define APIC_TICK_NS 50000000.0

typedef struct {
    double ns; /* of the machine's virtual clock, which stands when the machine does */
    double stamp, ticks, apic_ticks;
} Times;

static void
sleep_us(gint64 us)
{
    gint64 end = g_get_monotonic_time() + us;

    while (g_get_monotonic_time() < end) {
        g_main_context_iteration(NULL, FALSE);
        g_usleep(500);
    }
}

static Times
run_for(Pc *pc, gint64 us)
{
    Times t;

    pc_run(pc);
    sleep_us(us);
    pc_stop(pc);
    t.ns = (double)emu_clock_get_ns(emu_machine_get_clock(pc->machine, EMU_CLOCK_VIRTUAL));
    t.stamp = (double)emu_test_read(pc->machine, STAMP, 8);
    t.ticks = (double)emu_test_read(pc->machine, TICKS, 8);
    t.apic_ticks = (double)emu_test_read(pc->machine, APIC_TICKS, 8);
    return t;
}

/* A KVM without hardware (kvm_pvm) accepts a new count and shows the host's counter all the same. */
static bool
kvm_moves_counter(void)
{
    struct {
        uint32_t n, pad;
        struct kvm_msr_entry entry;
    } msr = {.n = 1, .entry = {.index = 0x10, .data = 1}};
    int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = ioctl(kvm, KVM_CREATE_VM, 0), cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    bool moves = ioctl(cpu, KVM_SET_MSRS, &msr) == 1 && ioctl(cpu, KVM_GET_MSRS, &msr) == 1 && msr.entry.data < 10 * 1000 * UINT64_C(1000000);

    close(cpu);
    close(vm);
    close(kvm);
    return moves;
}

static void
check_counter(const Case *c, const Times *start, const Times *first, const Times *second)
{
    double rate = (first->stamp - start->stamp) / (first->ns - start->ns);
    double later = (second->stamp - first->stamp) / (second->ns - first->ns);

    g_test_message("counter: %.3f per ns, with a stop of 2.5 s in between %.3f", rate, later);
    if (is_kvm(c->first) && !kvm_moves_counter()) {
        g_test_message("not looked at: this host's KVM does not move a guest's time-stamp counter");
        return;
    }
    g_assert_cmpfloat(later, <, 1.7 * rate);
    g_assert_cmpfloat(later, >, 0.5 * rate);
}

/*
 * The guest does not see that the machine stood: not by its counter, and not by a timer whose period is longer than the machine ever runs
 * at a time.
 */
static void
test_stops(gconstpointer data)
{
    const Case *c = data;
    Times start, first, second, end;
    Pc pc;

    if (is_kvm(c->first) && kvm_is_missing()) {
        g_test_skip(kvm_is_missing());
        return;
    }
    pc_build(&pc, c->guest, c->first);
    pc_run(&pc);
    pc_wait(&pc, strlen("ready\n"));
    start = run_for(&pc, 400000);
    first = run_for(&pc, 700000);
    sleep_us(2500000);
    second = run_for(&pc, 700000);
    check_counter(c, &start, &first, &second);
    for (unsigned i = 0; i < 30; i++) {
        end = run_for(&pc, 20000);
        sleep_us(15000);
    }
    g_test_message("ticks in %.0f ms: 8254 %.0f, local APIC %.0f", (end.ns - second.ns) / 1e6, end.ticks - second.ticks,
                   end.apic_ticks - second.apic_ticks);
    g_assert_cmpfloat(end.ticks - second.ticks, >=, 0.5 * (end.ns - second.ns) / TICK_NS - 1);
    g_assert_cmpfloat(end.ticks - second.ticks, <=, 1.5 * (end.ns - second.ns) / TICK_NS + 2);
    g_assert_cmpfloat(end.apic_ticks - second.apic_ticks, >=, 0.5 * (end.ns - second.ns) / APIC_TICK_NS - 1);
    g_assert_cmpfloat(end.apic_ticks - second.apic_ticks, <=, 1.5 * (end.ns - second.ns) / APIC_TICK_NS + 2);
    emu_test_write(pc.machine, VARS, 1, 4);
    pc_run(&pc);
    pc_wait(&pc, G_MAXSIZE);
    pc_end(&pc);
}

#define KVM_CLOCK (VARS + 8) /* of kvm-clock.asm */
#define KVM_STOPPED (VARS + 16)

/* KVM's clock stands when the machine does, and the guest hears of it. */
static void
test_kvm_clock(gconstpointer data)
{
    const Case *c = data;
    double ns[3], clock[3], rate, later;
    Pc pc;

    if (kvm_is_missing()) {
        g_test_skip(kvm_is_missing());
        return;
    }
    pc_build(&pc, c->guest, c->first);
    pc_run(&pc);
    pc_wait(&pc, strlen("none\n"));
    if (g_str_has_prefix(pc.said->str, "none")) {
        g_test_skip("this host's KVM has no MSR_KVM_SYSTEM_TIME_NEW");
        pc_end(&pc);
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        ns[i] = run_for(&pc, 700000).ns;
        clock[i] = (double)emu_test_read(pc.machine, KVM_CLOCK, 8);
        if (i == 1) {
            emu_test_write(pc.machine, KVM_STOPPED, 0, 8);
            sleep_us(2500000);
        }
    }
    rate = (clock[1] - clock[0]) / (ns[1] - ns[0]);
    later = (clock[2] - clock[1]) / (ns[2] - ns[1]);
    g_test_message("clock: %.3f ns per ns, with a stop of 2.5 s in between %.3f", rate, later);
    g_assert_cmpfloat(rate, >, 0.5);
    g_assert_cmpfloat(rate, <, 1.7);
    g_assert_cmpfloat(later, >, 0.5 * rate);
    g_assert_cmpfloat(later, <, 1.7 * rate);
    g_assert_cmpuint(emu_test_read(pc.machine, KVM_STOPPED, 8), ==, 1);
    emu_test_write(pc.machine, VARS, 1, 4);
    pc_run(&pc);
    pc_wait(&pc, G_MAXSIZE);
    pc_end(&pc);
}

/* ---- switching ----------------------------------------------------------------------------------------------- */

static bool
collect_ram_cb(EmuObject *child, gpointer data)
{
    if (EMU_IS_MEMORY_REGION(child) && emu_memory_region_is_ram(EMU_MEMORY_REGION(child)) &&
        emu_memory_region_get_ram_pointer(EMU_MEMORY_REGION(child))) {
        g_hash_table_insert(data, emu_object_get_canonical_path(child), child);
    }
    emu_object_foreach_child(child, collect_ram_cb, data);
    return false;
}

/* Contents of all memory: not part of the devices' state. */
static void
copy_ram(EmuMachine *from, EmuMachine *to)
{
    g_autoptr(GHashTable) a = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) b = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer path, region;

    collect_ram_cb(EMU_OBJECT(from), a);
    collect_ram_cb(EMU_OBJECT(to), b);
    g_assert_cmpuint(g_hash_table_size(a), ==, g_hash_table_size(b));
    g_assert_cmpuint(g_hash_table_size(a), >=, 3);
    g_hash_table_iter_init(&iter, a);
    while (g_hash_table_iter_next(&iter, &path, &region)) {
        EmuMemoryRegion *other = g_hash_table_lookup(b, path);
        uint64_t size = emu_memory_region_get_size(region);

        g_assert_nonnull(other);
        g_assert_cmpuint(size, ==, emu_memory_region_get_size(other));
        memcpy(emu_memory_region_get_ram_pointer(other), emu_memory_region_get_ram_pointer(region), size);
        emu_memory_region_set_dirty(other, 0, size);
    }
}

/* What a has come to goes on in b. Both are stopped. */
static void
move_state(Pc *a, Pc *b)
{
    g_autoptr(GBytes) state = NULL;
    g_autoptr(GError) error = NULL;

    pc_listen(a);
    state = emu_test_save(a->machine, &error);
    g_assert_no_error(error);
    emu_machine_lock(a->machine);
    copy_ram(a->machine, b->machine);
    emu_machine_unlock(a->machine);
    emu_test_load(b->machine, state, &error);
    g_assert_no_error(error);
    g_string_assign(b->said, a->said->str);
}

static void
switch_at(const Case *c, gsize characters)
{
    Pc a, b;

    pc_build(&a, c->guest, c->first);
    pc_build(&b, c->guest, c->second);
    pc_run(&a);
    pc_wait(&a, characters);
    pc_stop(&a);
    move_state(&a, &b);
    g_test_message("%s: %u characters, then %s", c->first, (unsigned)a.said->len, c->second);
    pc_end(&a);
    if (strcmp(c->guest, "dirty-log") == 0) {
        emu_test_write(b.machine, VARS, 1, 4);
    }
    pc_run(&b);
    pc_wait(&b, G_MAXSIZE);
    check_said(c, b.said->str, c->first);
    pc_end(&b);
}

/* There and back, many times: the stops come in the midst of instructions, and of messages between CPUs. */
static void
switch_often(const Case *c)
{
    Pc pcs[2];
    unsigned i;

    pc_build(&pcs[0], c->guest, c->first);
    pc_build(&pcs[1], c->guest, c->second);
    pc_run(&pcs[0]);
    pc_wait(&pcs[0], strlen("ready\n"));
    for (i = 0; i < 30; i++) {
        g_usleep(200);
        pc_stop(&pcs[i % 2]);
        move_state(&pcs[i % 2], &pcs[(i + 1) % 2]);
        pc_run(&pcs[(i + 1) % 2]);
    }
    if (strcmp(c->guest, "cross-calls") == 0) {
        emu_test_write(pcs[i % 2].machine, VARS, 1, 4);
    }
    pc_wait(&pcs[i % 2], G_MAXSIZE);
    check_said(c, pcs[i % 2].said->str, c->first);
    pc_end(&pcs[0]);
    pc_end(&pcs[1]);
}

static void
test_switch(gconstpointer data)
{
    const Case *c = data;
    g_autofree char *expected = read_expectation(c->guest);
    gsize length = strlen(expected);

    if ((is_kvm(c->first) || is_kvm(c->second)) && kvm_is_missing()) {
        g_test_skip(kvm_is_missing());
        return;
    }
    if (strcmp(c->guest, "dirty-log") == 0) {
        switch_at(c, strlen("ready\n"));
        return;
    }
    if (strcmp(c->guest, "read-change-write") == 0 || strcmp(c->guest, "cross-calls") == 0) {
        switch_often(c);
        return;
    }
    for (unsigned i = 1; i <= 3 && !g_test_failed(); i++) {
        switch_at(c, length * i / 4);
    }
}

/* ---- components of XSAVE -------------------------------------------------------------------------------------------- */

#define ZMM_VALUES 0x10000 /* of zmm.asm */
#define ZMM_STORED 0x12000
#define ZMM_BYTES (32 * 64 + 8 * 8)

static const char *
avx512_is_missing(void)
{
    uint64_t components = 0;
    struct kvm_device_attr attr = {.attr = KVM_X86_XCOMP_GUEST_SUPP, .addr = (uintptr_t)&components};
    int fd;

    if (kvm_is_missing()) {
        return kvm_is_missing();
    }
    if (!__builtin_cpu_supports("avx512bw")) {
        return "the host has no AVX-512";
    }
    fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    ioctl(fd, KVM_GET_DEVICE_ATTR, &attr);
    close(fd);
    return (components & 0xe0) == 0xe0 ? NULL : "the host's KVM does not keep AVX-512's registers";
}

static void
await_word(Pc *pc, uint64_t value)
{
    gint64 end = g_get_monotonic_time() + patience;

    while (emu_test_read(pc->machine, VARS, 4) != value) {
        if (g_get_monotonic_time() > end) {
            g_error("the guest did not come to step %u", (unsigned)value);
        }
        g_main_context_iteration(NULL, FALSE);
        g_usleep(500);
    }
}

static void
check_refused(Pc *pc)
{
    g_autoptr(GBytes) state = NULL;
    g_autoptr(GError) error = NULL;
    Pc other;

    pc_build_with(&other, "zmm", "max", "tcg");
    state = emu_test_save(pc->machine, &error);
    g_assert_no_error(error);
    g_assert_false(emu_test_load(other.machine, state, &error));
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "CPU 0: the saved state has AVX-512 mask registers in use, which this CPU does not have"));
    pc_end(&other);
}

static void
test_components(gconstpointer data)
{
    const Case *c = data;
    unsigned differ = 0;
    Pc a, b;

    if (avx512_is_missing()) {
        g_test_skip(avx512_is_missing());
        return;
    }
    pc_build_with(&a, c->guest, CPU_WITH_AVX512, c->first);
    pc_build_with(&b, c->guest, CPU_WITH_AVX512, c->second);
    pc_run(&a);
    await_word(&a, 1);
    pc_stop(&a);
    pc_run(&a);
    sleep_us(20000);
    pc_stop(&a);
    check_refused(&a);
    move_state(&a, &b);
    pc_end(&a);
    emu_test_write(b.machine, VARS + 4, 1, 4);
    pc_run(&b);
    await_word(&b, 2);
    pc_stop(&b);
    for (unsigned i = 0; i < ZMM_BYTES; i += 8) {
        differ += emu_test_read(b.machine, ZMM_VALUES + i, 8) != emu_test_read(b.machine, ZMM_STORED + i, 8);
    }
    g_assert_cmpuint(emu_test_read(b.machine, ZMM_VALUES, 8), !=, 0);
    g_assert_cmpuint(differ, ==, 0);
    pc_end(&b);
}

#define CPU_WITH_CET "max,+cet-ss,+cet-ibt,+rtm,+tsx-ctrl"
#define RTM_SEEN (VARS + 8) /* of shadow.asm */

static void
test_shadow_stack(gconstpointer data)
{
    const Case *c = data;
    Pc a, b;

    pc_build_with(&a, c->guest, CPU_WITH_CET, c->first);
    pc_build_with(&b, c->guest, CPU_WITH_CET, c->second);
    pc_run(&a);
    await_word(&a, 1);
    pc_stop(&a);
    move_state(&a, &b);
    pc_end(&a);
    emu_test_write(b.machine, VARS + 4, 1, 4);
    pc_run(&b);
    await_word(&b, 2);
    g_assert_cmpuint(emu_test_read(b.machine, RTM_SEEN, 4), ==, 0);
    pc_end(&b);
}

static void
add_case(const char *path, const char *guest, const char *first, const char *second, GTestDataFunc fn)
{
    Case *c = g_new(Case, 1);

    *c = (Case){guest, first, second};
    g_test_add_data_func_full(path, c, fn, g_free);
}

int
main(int argc, char **argv)
{
    const char *scale = g_getenv("EMU_TEST_SCALE");

    g_test_init(&argc, &argv, NULL);
    if (scale) {
        patience = (gint64)((double)patience * g_ascii_strtod(scale, NULL));
    }
    for (gsize i = 0; i < N_ACCELS; i++) {
        for (gsize n = 0; n < G_N_ELEMENTS(guests); n++) {
            g_autofree char *path = g_strdup_printf("/bare/%s/%s", accels[i], guests[n]);

            add_case(path, guests[n], accels[i], NULL, test_bare);
        }
    }
    add_case("/bare/kvm,dirty-ring-size=1024/dirty-log", "dirty-log", "kvm,dirty-ring-size=1024", NULL, test_bare);
    for (gsize i = 0; i < N_ACCELS; i++) {
        g_autofree char *path = g_strdup_printf("/bare/%s/many-pieces", accels[i]);

        add_case(path, "slots", accels[i], NULL, test_many_pieces);
    }
    for (gsize i = 0; i < N_ACCELS; i++) {
        g_autofree char *path = g_strdup_printf("/bare/%s/stops", accels[i]);

        add_case(path, "clock", accels[i], NULL, test_stops);
    }
    for (gsize i = 0; i < N_ACCELS; i++) {
        g_autofree char *path = g_strdup_printf("/bare/%s/kvm-clock", accels[i]);

        if (is_kvm(accels[i])) {
            add_case(path, "kvm-clock", accels[i], NULL, test_kvm_clock);
        }
    }
    add_case("/shadow-stack/tcg/tcg", "shadow", "tcg", "tcg", test_shadow_stack);
    add_case("/shadow-stack/tcg/tcg,mode=interp", "shadow", "tcg", "tcg,mode=interp", test_shadow_stack);
    add_case("/components/kvm,kernel-irqchip=on/kvm,kernel-irqchip=on", "zmm", "kvm,kernel-irqchip=on", "kvm,kernel-irqchip=on", test_components);
    add_case("/components/kvm,kernel-irqchip=off/kvm,kernel-irqchip=on", "zmm", "kvm,kernel-irqchip=off", "kvm,kernel-irqchip=on", test_components);
    add_case("/bare/kvm,slots=100/many-pieces", "slots", "kvm,slots=100", NULL, test_many_pieces);
    for (gsize i = 0; i < N_ACCELS; i++) {
        for (gsize j = 0; j < N_ACCELS; j++) {
            /* Between the translator and each KVM, from each KVM to itself, and between KVM's forms of the chips. */
            if (!(is_kvm(accels[i]) || is_kvm(accels[j])) || strstr(accels[i], "interp") || strstr(accels[j], "interp")) {
                continue;
            }
            for (gsize n = 0; n < G_N_ELEMENTS(guests) && strcmp(guests[n], "message") != 0; n++) {
                g_autofree char *path = g_strdup_printf("/switch/%s/%s/%s", accels[i], accels[j], guests[n]);

                add_case(path, guests[n], accels[i], accels[j], test_switch);
            }
        }
    }
    return g_test_run();
}
