/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Flat views: random trees against a resolver that asks about one byte at a time; listeners; readers under RCU. */

#include "memory/memory-private.h"

#include <string.h>

#define SPACE 256

static uint64_t
nothing_read(gpointer opaque, uint64_t offset, unsigned size)
{
    return 0;
}

static const EmuMemoryRegionOps nothing_ops = {.read = nothing_read};

/* ---- the slow truth ------------------------------------------------------------------------------- */

typedef struct {
    EmuMemoryRegion *region;
    uint64_t offset;
    bool readonly;
} Seen;

/* What is at @offset of @mr, a region that the view has reached? */
static bool
resolve_inside(EmuMemoryRegion *mr, uint64_t offset, bool readonly, Seen *seen)
{
    if (!mr->enabled || mr->empty || offset > mr->last) {
        return false;
    }
    readonly |= mr->readonly;
    if (mr->kind == EMU_REGION_ALIAS) {
        return resolve_inside(mr->target, offset + mr->target_offset, readonly, seen);
    }
    for (GList *l = mr->subregions; l; l = l->next) {
        EmuMemoryRegion *child = l->data;

        if (offset >= child->addr && resolve_inside(child, offset - child->addr, readonly, seen)) {
            return true;
        }
    }
    if (mr->kind == EMU_REGION_CONTAINER) {
        return false;
    }
    *seen = (Seen){mr, offset, readonly};
    return true;
}

static void
check_view(EmuAddressSpace *as, EmuMemoryRegion *root)
{
    const EmuFlatView *view = as->view;

    for (unsigned i = 0; i < view->n; i++) {
        g_assert_cmphex(view->ranges[i].start, <=, view->ranges[i].last);
        if (i) {
            g_assert_cmphex(view->ranges[i - 1].last, <, view->ranges[i].start);
        }
    }
    for (uint64_t addr = 0; addr < SPACE; addr++) {
        EmuMemorySection section;
        Seen seen;
        bool want = resolve_inside(root, addr, false, &seen);

        g_assert_true(emu_address_space_find(as, addr, &section) == want);
        if (want) {
            g_assert_true(section.region == seen.region);
            g_assert_cmphex(section.offset_in_region + (addr - section.addr), ==, seen.offset);
            g_assert_true(section.readonly == seen.readonly);
            if (section.ram) {
                g_assert_true((uint8_t *)section.host + (addr - section.addr) ==
                              (uint8_t *)emu_memory_region_get_ram_pointer(seen.region) + seen.offset);
            }
        }
    }
}

/* ---- random trees ---------------------------------------------------------------------------------- */

static bool
reaches(EmuMemoryRegion *from, EmuMemoryRegion *what)
{
    if (from == what) {
        return true;
    }
    if (from->kind == EMU_REGION_ALIAS && reaches(from->target, what)) {
        return true;
    }
    for (GList *l = from->subregions; l; l = l->next) {
        if (reaches(l->data, what)) {
            return true;
        }
    }
    return false;
}

static EmuMemoryRegion *
random_region(GRand *rand, EmuMemoryRegion **pool, unsigned n)
{
    uint64_t size = (uint64_t)g_rand_int_range(rand, 0, 200);
    EmuMemoryRegion *mr;

    switch (g_rand_int_range(rand, 0, n ? 6 : 4)) {
    case 0:
    case 1:
        return emu_memory_region_new_container(NULL, "container", size);
    case 2:
        mr = emu_memory_region_new_ram(NULL, "ram", size + 1, NULL);
        emu_memory_region_set_readonly(mr, g_rand_boolean(rand));
        return mr;
    case 3:
        return emu_memory_region_new_io(NULL, "io", size, &nothing_ops, NULL);
    default:
        mr = emu_memory_region_new_alias(NULL, "alias", pool[g_rand_int_range(rand, 0, (gint32)n)],
                                         (uint64_t)g_rand_int_range(rand, 0, 60), size);
        emu_memory_region_set_readonly(mr, g_rand_int_range(rand, 0, 4) == 0);
        return mr;
    }
}

static void
random_change(GRand *rand, EmuMemoryRegion **pool, unsigned n)
{
    EmuMemoryRegion *mr = pool[g_rand_int_range(rand, 1, (gint32)n)], *to = pool[g_rand_int_range(rand, 0, (gint32)n)];

    switch (g_rand_int_range(rand, 0, 7)) {
    case 0:
    case 1:
        if (mr->container) {
            emu_memory_region_del_subregion(mr->container, mr);
        } else if (to->kind != EMU_REGION_ALIAS && !reaches(mr, to)) {
            emu_memory_region_add_subregion(to, (uint64_t)g_rand_int_range(rand, 0, 200), mr, g_rand_int_range(rand, -1, 3));
        }
        break;
    case 2:
        emu_memory_region_set_enabled(mr, g_rand_int_range(rand, 0, 4) != 0);
        break;
    case 3:
        emu_memory_region_set_address(mr, (uint64_t)g_rand_int_range(rand, 0, 200));
        break;
    case 4:
        if (mr->kind == EMU_REGION_ALIAS) {
            emu_memory_region_set_alias_offset(mr, (uint64_t)g_rand_int_range(rand, 0, 100));
        }
        break;
    case 5:
        if (!mr->block) {
            emu_memory_region_set_size(mr, (uint64_t)g_rand_int_range(rand, 0, 200));
        }
        break;
    default:
        emu_memory_region_set_readonly(mr, g_rand_boolean(rand));
        break;
    }
}

/* A listener that keeps a copy of the view by what it is told. */
typedef struct {
    GArray *sections;
    unsigned commits;
} Mirror;

static void
mirror_add(gpointer opaque, const EmuMemorySection *section)
{
    Mirror *mirror = opaque;
    unsigned i = 0;

    while (i < mirror->sections->len && g_array_index(mirror->sections, EmuMemorySection, i).addr < section->addr) {
        i++;
    }
    g_array_insert_val(mirror->sections, i, *section);
}

static int
mirror_find(Mirror *mirror, const EmuMemorySection *section)
{
    for (unsigned i = 0; i < mirror->sections->len; i++) {
        EmuMemorySection *have = &g_array_index(mirror->sections, EmuMemorySection, i);

        if (have->addr == section->addr && have->size == section->size && have->region == section->region) {
            return (int)i;
        }
    }
    return -1;
}

static void
mirror_remove(gpointer opaque, const EmuMemorySection *section)
{
    Mirror *mirror = opaque;
    int i = mirror_find(mirror, section);

    g_assert_cmpint(i, >=, 0);
    g_array_remove_index(mirror->sections, (guint)i);
}

static void
mirror_keep(gpointer opaque, const EmuMemorySection *section)
{
    g_assert_cmpint(mirror_find(opaque, section), >=, 0);
}

static void
mirror_commit(gpointer opaque)
{
    ((Mirror *)opaque)->commits++;
}

static const EmuMemoryListener mirror_ops = {.add = mirror_add, .remove = mirror_remove, .keep = mirror_keep, .commit = mirror_commit};

static void
mirror_check(Mirror *mirror, EmuAddressSpace *as)
{
    g_assert_cmpuint(mirror->sections->len, ==, as->view->n);
    for (unsigned i = 0; i < as->view->n; i++) {
        EmuMemorySection *have = &g_array_index(mirror->sections, EmuMemorySection, i), want;

        emu_flat_range_to_section(&as->view->ranges[i], &want);
        g_assert_true(have->region == want.region && have->addr == want.addr && have->size == want.size &&
                      have->offset_in_region == want.offset_in_region && have->readonly == want.readonly && have->host == want.host);
    }
}

static void
test_random_trees(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(4711);

    for (unsigned round = 0; round < 60; round++) {
        EmuMemoryRegion *pool[14] = {emu_memory_region_new_container(NULL, "root", SPACE)}, *wrapper;
        unsigned n = G_N_ELEMENTS(pool);
        Mirror mirror = {.sections = g_array_new(FALSE, FALSE, sizeof(EmuMemorySection))};
        EmuAddressSpace *as, *through;
        g_autofree char *text = NULL;

        for (unsigned i = 1; i < n; i++) {
            pool[i] = random_region(rand, pool, i);
        }
        as = emu_address_space_new(pool[0], "test");
        wrapper = emu_memory_region_new_alias(NULL, "all", pool[0], 0, UINT64_MAX);
        through = emu_address_space_new(wrapper, "through");
        emu_address_space_add_listener(as, &mirror_ops, &mirror);

        for (unsigned step = 0; step < 60; step++) {
            unsigned changes = (unsigned)g_rand_int_range(rand, 1, 4);

            emu_memory_transaction_begin();
            while (changes--) {
                random_change(rand, pool, n);
            }
            emu_memory_transaction_commit();
            check_view(as, pool[0]);
            check_view(through, wrapper);
            mirror_check(&mirror, as);
        }
        text = emu_memory_region_describe(pool[0], "address-space: test");
        g_assert_true(g_str_has_prefix(text, "address-space: test\n  0000000000000000-00000000000000ff (prio 0, i/o): root\n"));

        emu_address_space_free(through);
        emu_address_space_free(as);
        g_assert_cmpuint(mirror.sections->len, ==, 0);
        g_array_unref(mirror.sections);
        g_object_unref(wrapper);
        for (unsigned i = 0; i < n; i++) {
            g_object_unref(pool[i]);
        }
    }
    emu_rcu_barrier();
}

/* ---- single claims ---------------------------------------------------------------------------------- */

static void
test_whole_space(void)
{
    EmuMemoryRegion *root = emu_memory_region_new_container(NULL, "root", UINT64_MAX);
    EmuMemoryRegion *io = emu_memory_region_new_io(NULL, "io", UINT64_MAX, &nothing_ops, NULL);
    EmuAddressSpace *as = emu_address_space_new(root, "test");
    EmuMemorySection section;

    g_assert_false(emu_address_space_find(as, 0, &section));
    emu_memory_region_add_subregion(root, 0, io, -1);
    g_assert_true(emu_address_space_find(as, UINT64_MAX, &section));
    g_assert_cmphex(section.size, ==, UINT64_MAX);
    g_assert_cmphex(emu_memory_region_get_size(io), ==, UINT64_MAX);
    emu_memory_region_set_address(io, UINT64_C(1) << 63);
    g_assert_false(emu_address_space_find(as, (UINT64_C(1) << 63) - 1, &section));
    g_assert_true(emu_address_space_find(as, UINT64_MAX, &section));
    emu_address_space_free(as);
    g_object_unref(io);
    g_object_unref(root);
}

/* Bus masters' gates wrap one alias: they share the view of what they show. */
static void
test_shared_view(void)
{
    EmuMemoryRegion *system = emu_memory_region_new_container(NULL, "system", UINT64_MAX);
    EmuMemoryRegion *ram = emu_memory_region_new_ram(NULL, "ram", 4096, NULL);
    EmuMemoryRegion *gate = emu_memory_region_new_container(NULL, "gate", UINT64_MAX);
    EmuMemoryRegion *alias = emu_memory_region_new_alias(NULL, "master", system, 0, UINT64_MAX);
    EmuAddressSpace *as = emu_address_space_new(system, "memory"), *dma = emu_address_space_new(gate, "dma");

    emu_memory_region_add_subregion(system, 0, ram, 0);
    emu_memory_region_add_subregion(gate, 0, alias, 0);
    g_assert_true(as->view == dma->view);
    g_assert_cmpuint(dma->view->n, ==, 1);
    emu_memory_region_set_enabled(alias, false);
    g_assert_cmpuint(dma->view->n, ==, 0);
    g_assert_cmpuint(as->view->n, ==, 1);
    emu_memory_region_set_address(ram, 4096); /* behind the closed gate */
    emu_memory_region_set_enabled(alias, true);
    g_assert_true(as->view == dma->view);
    g_assert_cmphex(dma->view->ranges[0].start, ==, 4096);
    emu_address_space_free(dma);
    emu_address_space_free(as);
    g_object_unref(alias);
    g_object_unref(gate);
    g_object_unref(ram);
    g_object_unref(system);
}

static void
test_untouched_space_is_not_rebuilt(void)
{
    EmuMemoryRegion *a = emu_memory_region_new_container(NULL, "a", SPACE), *b = emu_memory_region_new_container(NULL, "b", SPACE);
    EmuMemoryRegion *io = emu_memory_region_new_io(NULL, "io", 16, &nothing_ops, NULL);
    EmuAddressSpace *as_a = emu_address_space_new(a, "a"), *as_b = emu_address_space_new(b, "b");
    EmuFlatView *before = as_b->view;

    emu_memory_transaction_begin();
    emu_memory_region_add_subregion(a, 0, io, 0);
    g_assert_cmpuint(as_a->view->n, ==, 0);
    emu_memory_transaction_commit();
    g_assert_cmpuint(as_a->view->n, ==, 1);
    g_assert_true(as_b->view == before);
    emu_address_space_free(as_a);
    emu_address_space_free(as_b);
    g_object_unref(io);
    g_object_unref(a);
    g_object_unref(b);
}

static void
log_change(gpointer opaque, const EmuMemorySection *section, bool on)
{
    *(int *)opaque += on ? 1 : -1;
}

static void
test_log_is_told(void)
{
    EmuMemoryRegion *root = emu_memory_region_new_container(NULL, "root", 8192), *ram = emu_memory_region_new_ram(NULL, "ram", 4096, NULL);
    EmuAddressSpace *as = emu_address_space_new(root, "test");
    int logged = 0;
    gpointer handle = emu_address_space_add_listener(as, &(EmuMemoryListener){.log = log_change}, &logged);

    emu_memory_region_add_subregion(root, 0, ram, 0);
    g_assert_cmpint(logged, ==, 0);
    emu_memory_region_set_log(ram, true, EMU_DIRTY_VGA);
    g_assert_cmpint(logged, ==, 1);
    emu_memory_region_set_log(ram, true, EMU_DIRTY_MIGRATION);
    g_assert_cmpint(logged, ==, 1);
    emu_memory_region_set_address(ram, 4096);
    g_assert_cmpint(logged, ==, 1);
    emu_memory_region_del_subregion(root, ram);
    g_assert_cmpint(logged, ==, 0);
    emu_address_space_remove_listener(as, handle);
    emu_address_space_free(as);
    g_object_unref(ram);
    g_object_unref(root);
}

/* ---- readers against a writer ----------------------------------------------------------------------- */

typedef struct {
    EmuAddressSpace *as;
    gint stop;
} Readers;

static gpointer
reader_thread(gpointer data)
{
    Readers *readers = data;
    uint64_t n = 0;

    while (!g_atomic_int_get(&readers->stop)) {
        EmuMemResult result;
        uint64_t value = emu_address_space_load(readers->as, (n * 8) % 8192, 8, EMU_MEM_ATTRS_NONE, &result);

        /* Low page: either of two regions, each full of its own pattern; high page: one or nothing. */
        if (result == EMU_MEM_OK) {
            g_assert_true(value == UINT64_C(0x1111111111111111) || value == UINT64_C(0x2222222222222222));
        } else {
            g_assert_cmphex(value, ==, UINT64_MAX);
        }
        n++;
    }
    return GSIZE_TO_POINTER(n);
}

static void
test_readers_and_writer(void)
{
    EmuMemoryRegion *root = emu_memory_region_new_container(NULL, "root", 8192);
    EmuMemoryRegion *one = emu_memory_region_new_ram(NULL, "one", 4096, NULL);
    Readers readers = {emu_address_space_new(root, "test"), 0};
    GThread *threads[2];

    memset(emu_memory_region_get_ram_pointer(one), 0x11, 4096);
    emu_memory_region_add_subregion(root, 0, one, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++) {
        threads[i] = g_thread_new("reader", reader_thread, &readers);
    }
    for (unsigned i = 0; i < 3000; i++) {
        EmuMemoryRegion *two = emu_memory_region_new_ram(NULL, "two", 4096, NULL);

        memset(emu_memory_region_get_ram_pointer(two), 0x22, 4096);
        emu_memory_region_add_subregion(root, i % 2 ? 0 : 4096, two, 1);
        emu_memory_region_del_subregion(root, two);
        g_object_unref(two);
    }
    g_atomic_int_set(&readers.stop, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_assert_cmpuint(GPOINTER_TO_SIZE(g_thread_join(threads[i])), >, 0);
    }
    emu_address_space_free(readers.as);
    g_object_unref(one);
    g_object_unref(root);
    emu_rcu_barrier();
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/memory/view/random-trees-match-resolver", test_random_trees);
    g_test_add_func("/memory/view/whole-space", test_whole_space);
    g_test_add_func("/memory/view/gates-share", test_shared_view);
    g_test_add_func("/memory/view/untouched-space-is-not-rebuilt", test_untouched_space_is_not_rebuilt);
    g_test_add_func("/memory/view/log-is-told", test_log_is_told);
    g_test_add_func("/memory/view/readers-and-writer", test_readers_and_writer);
    return g_test_run();
}
