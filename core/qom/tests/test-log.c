/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Log items, the log file, trace points. */

#include <emu/log.h>

#include <glib/gstdio.h>
#include <string.h>

EMU_TRACE_DEFINE(test_early)
EMU_TRACE_DEFINE(other_early)

static char *
log_of(void (*fn)(void))
{
    g_autofree char *dir = g_dir_make_tmp("emu-test-log-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "log", NULL);
    g_autoptr(GError) error = NULL;
    char *text;

    emu_log_set_file(path, &error);
    g_assert_no_error(error);
    fn();
    emu_log_set_file(NULL, NULL);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_unlink(path);
    g_rmdir(dir);
    return text;
}

static void
write_items(void)
{
    emu_log(EMU_LOG_INT, "int %d\n", 1);
    emu_log(EMU_LOG_EXEC, "exec\n");
    emu_guest_error("pit: counter %d", 3);
}

static void
test_items(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    g_assert_true(emu_log_set_items("int,guest_errors", &error));
    text = log_of(write_items);
    g_assert_cmpstr(text, ==, "int 1\npit: counter 3\n");
    g_assert_false(emu_log_set_items("int,nonsense", &error));
    g_assert_cmpstr(error->message, ==, "log item 'nonsense' is unknown, expected one of those that '-d help' lists");
    g_assert_cmpuint(emu_log_mask, ==, EMU_LOG_INT | EMU_LOG_GUEST_ERRORS);
    g_assert_true(emu_log_set_items("none", NULL));
    g_assert_cmpuint(emu_log_mask, ==, 0);
}

static void
write_traces(void)
{
    EMU_TRACE(test_early, "a %d", 1);
    EMU_TRACE(other_early, "b");
}

static void
test_patterns(void)
{
    static EmuTracePoint late = {.name = "test_late"};
    g_autofree char *text = NULL, *none = NULL;

    g_assert_true(emu_log_set_items("trace:test_*", NULL));
    text = log_of(write_traces);
    g_assert_cmpstr(text, ==, "test_early a 1\n");
    emu_trace_point_register(&late);
    g_assert_true(late.enabled);
    emu_trace_point_unregister(&late);
    g_assert_false(emu_trace_enable("nobody_*"));
    emu_trace_enable("-test_*");
    none = log_of(write_traces);
    g_assert_cmpstr(none, ==, "");
}

static void
test_file(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(emu_log_set_file("/nowhere/at/all", &error));
    g_assert_cmpstr(error->message, ==, "log file '/nowhere/at/all' cannot be written: No such file or directory");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/items/only-what-was-asked-for", test_items);
    g_test_add_func("/log/trace/patterns-hold-for-later-points", test_patterns);
    g_test_add_func("/log/file/cannot-be-written", test_file);
    return g_test_run();
}
