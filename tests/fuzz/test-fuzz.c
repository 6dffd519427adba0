/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Every device type that is not a CPU: random accesses to its ports, memory, configuration registers and descriptors.
 * The claim is that nothing breaks; build with -Db_sanitize=address,undefined to have more of what breaks noticed.
 *
 *   -m thorough         10^7 accesses to each device
 *   EMU_FUZZ_ACCESSES   this many
 *   EMU_FUZZ_SEED       another sequence
 *   EMU_FUZZ_TRACE      prints every access: the last one is the culprit
 *   -p /fuzz/TYPE       this device only
 */

#include "fuzz.h"

#include <inttypes.h>

#define STRETCH 20000

static uint64_t
setting(const char *name, uint64_t fallback)
{
    const char *text = g_getenv(name);
    uint64_t value = fallback;

    if (text && !emu_parse_uint(text, &value)) {
        g_error("%s is '%s', expected a number", name, text);
    }
    return value;
}

static void
test_type(gconstpointer data)
{
    const char *type = data;
    uint64_t n = setting("EMU_FUZZ_ACCESSES", g_test_thorough() ? 10000000 : 100000);
    uint64_t seed = setting("EMU_FUZZ_SEED", 20261120);
    g_autoptr(GError) error = NULL;
    FuzzInput in;
    Fuzz *fuzz;

    /* Each device has a sequence of its own that does not depend on which others there are. */
    fuzz_input_init_seed(&in, seed ^ (uint64_t)g_str_hash(type) << 32);
    fuzz = fuzz_new(type, &in, &error);
    if (!fuzz) {
        g_test_skip(error->message);
        return;
    }
    g_test_message("seed %" PRIu64 ", %u ranges of %s", seed, fuzz->ranges->len, emu_object_get_type_name(fuzz->front));
    while (fuzz->accesses < n) {
        uint64_t end = MIN(fuzz->accesses + STRETCH, n);

        while (fuzz->accesses < end) {
            fuzz_step(fuzz);
        }
        fuzz_settle(fuzz);
    }
    g_test_message("%" PRIu64 " accesses, %u machines, the longest step took %d us", fuzz->accesses, fuzz->machines, (int)fuzz->longest_us);
    fuzz_free(fuzz);
}

int
main(int argc, char **argv)
{
    g_autoptr(GPtrArray) types = NULL;

    g_test_init(&argc, &argv, NULL);
    types = emu_type_list("device", false);
    for (unsigned i = 0; i < types->len; i++) {
        const char *name = g_ptr_array_index(types, i);
        g_autoptr(GTypeClass) klass = g_type_class_ref(emu_type_lookup(name, NULL));

        if (g_strcmp0(EMU_DEVICE_CLASS(klass)->category, "cpu") != 0 && !g_str_has_prefix(name, "test-")) {
            g_autofree char *path = g_strdup_printf("/fuzz/%s", name);

            g_test_add_data_func_full(path, g_strdup(name), test_type, g_free);
        }
    }
    return g_test_run();
}
