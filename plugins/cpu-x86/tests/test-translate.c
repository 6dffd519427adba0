/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Translated code against the reference interpreter: translate-state.h says how. Here are the modes, and the random runs in each.
 *
 *   EMU_X86_TRANSLATE_SECONDS  time per mode (default 3)
 *   EMU_X86_TRANSLATE_SEED     start of the random sequence
 *   EMU_X86_TRANSLATE_ROW      only rows of this name
 */

#include "translate-state.h"

#include "../x86-cet.h"

/* The short run takes the same cases every time, so that it says something about a change; EMU_X86_TRANSLATE_SECONDS makes a long
 * one, with new cases each time. */
#define SHORT_RUN_SEED 20261120
#define SHORT_RUN_CASES 40000
static uint64_t first_seed;

static uint64_t *counters; /* by row */
static unsigned failures;

static void
run_mode(const Mode *mode)
{
    const char *seconds = g_getenv("EMU_X86_TRANSLATE_SECONDS"), *only = g_getenv("EMU_X86_TRANSLATE_ROW");
    gint64 end = g_get_monotonic_time() + (gint64)((seconds ? g_ascii_strtod(seconds, NULL) : 3.0) * G_USEC_PER_SEC);
    g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(guint));
    uint64_t total = 0, endless = 0, untested = 0, interpreted = translated.v->n_interp;

    rng_state = (first_seed + g_str_hash(mode->name)) * 2 + 1;
    begin_mode(mode);
    failures = 0;
    memset(counters, 0, x86_n_rows * sizeof(*counters));
    for (guint i = 0; i < x86_n_rows; i++) {
        if (row_is_testable(&x86_rows[i], mode) && (!only || strcmp(only, x86_rows[i].name) == 0)) {
            g_array_append_val(rows, i);
        }
    }
    g_assert_cmpuint(rows->len, >, 0);

    while (g_get_monotonic_time() < end && failures < 20 && (seconds || total < SHORT_RUN_CASES)) {
        for (unsigned k = 0; k < 64 && failures < 20; k++) {
            Case c;
            bool ends;
            const char *what;

            random_case(&c, mode, rows, rnd_below(2) ? 1 : 2 + rnd_below(MAX_INSNS - 2));
            validate_failed = false;
            what = run_case(&c, mode, &ends);
            total++;
            endless += !ends;
            for (unsigned i = 0; i < c.n_insns; i++) {
                if (c.row[i] != NO_ROW) {
                    counters[c.row[i]]++;
                }
            }
            if (what) {
                failures++;
                shrink(&c, mode);
                validate_failed = false;
                what = run_case(&c, mode, &ends);
                show(&c, mode, what ? what : "nothing any more");
            }
        }
    }
    for (unsigned i = 0; i < rows->len; i++) {
        untested += counters[g_array_index(rows, guint, i)] == 0;
    }
    g_test_message("%s: %" G_GUINT64_FORMAT " cases (%" G_GUINT64_FORMAT " without end), %u differences, %u rows, %" G_GUINT64_FORMAT
                   " of them without a case, %" G_GUINT64_FORMAT " instructions interpreted",
                   mode->name, total, endless, failures, rows->len, untested, translated.v->n_interp - interpreted);
    g_assert_cmpuint(failures, ==, 0);
}

static void
test_mode(gconstpointer data)
{
    run_mode(data);
}

int
main(int argc, char **argv)
{
    static const Mode modes[] = {
        {"64-bit", 64, 3, true, false, 0},
        {"64-bit-kernel", 64, 0, true, true, 0},
        {"compatibility", 32, 3, true, false, 0},
        {"32-bit", 32, 0, false, false, .no_avx = true},
        {"32-bit-segments", 32, 3, false, false, 0x7000},
        {"32-bit-limits", 32, 0, false, false, DATA, 0x5fff},
        {"16-bit", 16, 0, false, false, DATA, 0xffff},
        {"16-bit-user", 16, 3, false, false, DATA, 0x5fff},
        {"real", 16, 0, false, false, DATA, 0xffff, true},
        {"64-bit-shadow-stack", 64, 3, true, .cet = X86_CET_SH_STK_EN | X86_CET_WR_SHSTK_EN},
        {"64-bit-tracking", 64, 3, true, .cet = X86_CET_ENDBR_EN | X86_CET_NO_TRACK_EN},
        {"compatibility-shadow-stack", 32, 3, true, .cet = X86_CET_SH_STK_EN | X86_CET_WR_SHSTK_EN},
    };
    const char *seed = g_getenv("EMU_X86_TRANSLATE_SEED");

    g_test_init(&argc, &argv, NULL);
    first_seed = seed                                     ? g_ascii_strtoull(seed, NULL, 0)
                 : g_getenv("EMU_X86_TRANSLATE_SECONDS") ? (uint64_t)g_get_real_time()
                                                         : SHORT_RUN_SEED;
    g_test_message("EMU_X86_TRANSLATE_SEED=%" G_GUINT64_FORMAT, first_seed);
    make_machines();
    counters = g_new0(uint64_t, x86_n_rows);
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *path = g_strconcat("/x86/translate/", modes[i].name, NULL);

        g_test_add_data_func(path, &modes[i], test_mode);
    }
    add_known_tests(modes);
    return g_test_run();
}