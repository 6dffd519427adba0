/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A pc, and a q35, with a disk, a CD and a floppy, and a guest that means no good: random accesses to every port, to
 * configuration space, to what BARs show and to memory-mapped parts, bus masters pointed at everything, resets and
 * passing time in between.  The claims: nothing breaks, no access takes long, and the disk image is not
 * longer afterwards.  "-m thorough" runs a hundred times as long; EMU_TEST_SEED picks another sequence.
 */

#include "guest.h"

static guint32
seed(void)
{
    const char *text = g_getenv("EMU_TEST_SEED");

    return text ? (guint32)g_ascii_strtoull(text, NULL, 0) : 20261120;
}

static void
test_hostile_guest(gconstpointer data)
{
    Guest g;
    unsigned n = g_test_thorough() ? 3000000 : 30000;
    int64_t longest = 0;

    guest_init(&g, data, seed());
    for (unsigned i = 0; i < n; i++) {
        int64_t start = g_get_monotonic_time();

        guest_step(&g);
        longest = MAX(longest, g_get_monotonic_time() - start);
    }
    g_test_message("%u steps, the longest took %d us", n, (int)longest);
    guest_clear(&g);
}

/* Each port, each width, each alignment: an access that a device does not take must be answered by somebody. */
static void
test_every_port(gconstpointer data)
{
    Guest g;

    guest_init(&g, data, seed());
    for (unsigned size = 1; size <= 4; size *= 2) {
        for (unsigned port = 0; port < 0x10000; port++) {
            emu_test_in(g.machine, (uint16_t)port, size);
            emu_test_out(g.machine, (uint16_t)port, port * 0x9e3779b1u, size);
        }
        emu_test_settle(g.machine);
        emu_test_reset(g.machine);
    }
    guest_clear(&g);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/hostile-guest/every-port", "pc", test_every_port);
    g_test_add_data_func("/hostile-guest/random", "pc", test_hostile_guest);
    g_test_add_data_func("/hostile-guest/q35/every-port", "q35", test_every_port);
    g_test_add_data_func("/hostile-guest/q35/random", "q35", test_hostile_guest);
    return g_test_run();
}
