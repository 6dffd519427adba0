/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The host CPU as oracle, in one program: oracle-state.h says how it works, the other oracle-*.c hold the cases.
 *
 *   EMU_X86_ORACLE_SEED     start of the random sequence
 */

#include "oracle-state.h"

int
main(int argc, char **argv)
{
    const char *seed = g_getenv("EMU_X86_ORACLE_SEED");

    g_test_init(&argc, &argv, NULL);
    rng_state = seed ? g_ascii_strtoull(seed, NULL, 0) : (uint64_t)g_get_real_time();
    rng_state = rng_state * 2 + 1;
    g_test_message("EMU_X86_ORACLE_SEED=%" G_GUINT64_FORMAT, rng_state / 2);
    guest = aligned_alloc(64, (sizeof(X86State) + 63) & ~63ul);
    memset(guest, 0, sizeof(*guest));
    memcpy(guest->features, x86_host_features(), sizeof(guest->features));
    oracle_entry.has_avx = x86_host_has(X86_FEAT_AVX);
    x86_interp_init(guest);
    native_setup();
    add_vex_tests();
    add_xsave_tests();
    add_row_tests();
    return g_test_run();
}
