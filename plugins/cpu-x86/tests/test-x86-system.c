/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The system instructions' tests in one program: system-fixture.h says how they work, the other system-*.c hold them. */

#include "system-fixture.h"

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    s = aligned_alloc(64, (sizeof(*s) + 63) & ~63ul);
    memset(s, 0, sizeof(*s));
    memset(s->features, 0xff, sizeof(s->features));
    ram = g_malloc0(RAM_SIZE);
    x86_interp_init(s);
    add_segment_tests();
    add_transfer_tests();
    add_interrupt_tests();
    add_debug_tests();
    add_control_tests();
    add_paging_tests();
    add_cet_tests();
    status = g_test_run();
    x86_interp_finish(s);
    free(s);
    g_free(ram);
    return status;
}
