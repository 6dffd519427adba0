/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line as users meet it: build/emu is run, and its words and exit status are compared. */

#include "qom/opts.h"

#include <emu/object.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define MAX_ARGS 8

typedef struct {
    const char *name;
    const char *args[MAX_ARGS];
    int status;
    const char *err; /* exact, without the newline; NULL: not compared */
    const char *out; /* must occur; NULL: not compared */
} Case;

static const Case cases[] = {
    {"help", {"-help"}, 0, "", "usage: emu"},
    {"help/short", {"-h"}, 0, "", "-machine"},
    {"version", {"--version"}, 0, "", "emu version "},
    {"machine/help", {"-M", "help"}, 0, "", "none                 empty machine"},
    {"machine/question-mark", {"-machine", "?"}, 0, "", "Supported machines are:"},
    {"machine/help-of-one", {"-M", "none,help"}, 0, "", "memory-backend=<string>"},
    {"accel/help-of-one", {"-accel", "tcg,help"}, 0, "", "mode=<"},
    {"accel/help", {"-accel", "help"}, 0, "", "tcg\n"},
    {"cpu/help", {"-cpu", "help"}, 0, "", "Available CPUs:"},
    {"object/help", {"-object", "help"}, 0, "", "  iothread\n"},
    {"object/help-of-one", {"-object", "memory-backend-ram,help"}, 0, "", "size=<size>"},
    {"chardev/help", {"-chardev", "help"}, 0, "", "  socket\n"},
    {"log/help", {"-d", "help"}, 0, "", "guest_errors"},
    {"display/help", {"-display", "help"}, 0, "", "none\n"},

    {"unknown", {"-foo"}, 1, "emu: -foo: invalid option (-help lists them)", NULL},
    {"unknown/two-dashes", {"--foo=1"}, 1, "emu: --foo=1: invalid option (-help lists them)", NULL},
    {"missing-argument", {"-m"}, 1, "emu: -m: requires an argument: [size=]MEGS[,slots=N,maxmem=SIZE]", NULL},
    {"machine/unknown", {"-M", "foo"}, 1,
     "emu: -machine foo: unsupported machine type: \"foo\" (use -machine help to list supported machines)", NULL},
    {"memory/word", {"-M", "none", "-m", "foo"}, 1,
     "emu: -m foo: Parameter 'size' is 'foo', expected a size: a number with an optional suffix k, M, G, T, P or E", NULL},
    {"memory/negative", {"-M", "none", "-m", "-5"}, 1,
     "emu: -m -5: Parameter 'size' is '-5', expected a size: a number with an optional suffix k, M, G, T, P or E", NULL},
    {"memory/too-much", {"-M", "none", "-m", "100T"}, 1, "emu: -m 100T: Parameter 'size' is 100T, expected at most 64T", NULL},
    {"memory/key", {"-M", "none", "-m", "64,foo=1"}, 1,
     "emu: -m 64,foo=1: Invalid parameter 'foo', expected one of size, slots, maxmem", NULL},
    {"memory/maxmem", {"-M", "none", "-m", "64M,maxmem=32M"}, 1,
     "emu: -m 64M,maxmem=32M: invalid value of maxmem: maximum memory size (0x2000000) must be at least the initial memory size (0x4000000)", NULL},
    {"smp/product", {"-M", "none", "-smp", "3,cores=2"}, 1,
     "emu: -smp 3,cores=2: Invalid CPU topology: product of the hierarchy must match maxcpus: sockets (1) * dies (1) * cores (2) * threads (1) != maxcpus (3)", NULL},
    {"smp/zero", {"-M", "none", "-smp", "0"}, 1,
     "emu: -smp 0: Invalid CPU topology: CPU topology parameters must be greater than zero, but cpus is 0", NULL},
    {"smp/too-many", {"-M", "none", "-smp", "2"}, 1, "emu: -smp 2: Invalid SMP CPUs 2. The max CPUs supported by machine 'none' is 1", NULL},
    {"smp/more-than-max", {"-M", "none", "-smp", "4,maxcpus=2"}, 1,
     "emu: -smp 4,maxcpus=2: Invalid CPU topology: maxcpus must be equal to or greater than smp: sockets (1) * dies (1) * cores (2) * threads (1) == maxcpus (2) < smp_cpus (4)", NULL},
    {"cpu/unknown", {"-M", "none", "-cpu", "z80"}, 1, "emu: -cpu z80: unable to find CPU model 'z80' (-cpu help lists them)", NULL},
    {"accel/unknown", {"-M", "none", "-accel", "foo"}, 1, "emu: -accel foo: invalid accelerator foo", NULL},
    {"accel/both-ways", {"-M", "none,accel=tcg", "-accel", "tcg"}, 1, "emu: The -accel and \"-machine accel=\" options are incompatible", NULL},
    {"kernel/missing", {"-M", "none", "-kernel", "/nonexistent"}, 1,
     "emu: could not open kernel file '/nonexistent': No such file or directory", NULL},
    {"append/alone", {"-M", "none", "-append", "x"}, 1, "emu: -append only allowed with -kernel option", NULL},
    {"bios/missing", {"-M", "none", "-bios", "no-such-bios"}, 1,
     "emu: -bios no-such-bios: could not load PC BIOS 'no-such-bios': no such file here or on the firmware search path (-L)", NULL},
    {"boot/letter", {"-M", "none", "-boot", "z"}, 1,
     "emu: -boot z: Invalid boot device for PC: 'z' in order=z, expected letters from 'a' to 'p'", NULL},
    {"boot/twice", {"-M", "none", "-boot", "order=cc"}, 1, "emu: -boot order=cc: Boot device 'c' was given twice in order=cc", NULL},
    {"boot/menu", {"-M", "none", "-boot", "menu=maybe"}, 1, "emu: -boot menu=maybe: Parameter 'menu' is 'maybe', expected 'on' or 'off'", NULL},
    {"rtc/base", {"-M", "none", "-rtc", "base=tomorrow"}, 1,
     "emu: -rtc: invalid base=tomorrow, expected utc, localtime, or a date such as 2006-06-17T16:01:21", NULL},
    {"uuid", {"-M", "none", "-uuid", "1234"}, 1,
     "emu: -uuid 1234: failed to parse UUID string: wrong format, expected 8-4-4-4-12 hexadecimal digits", NULL},
    {"serial/unknown", {"-M", "none", "-serial", "foo:bar"}, 1,
     "emu: -serial foo:bar: could not connect serial device to character backend: 'foo:bar' is not a valid char driver, expected none, null, stdio, mon:..., "
     "file:PATH, pipe:PATH, pty, unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, vc or chardev:ID", NULL},
    {"serial/no-chardev", {"-M", "none", "-serial", "chardev:x"}, 1,
     "emu: -serial chardev:x: could not connect serial device to character backend: chardev \"x\" not found", NULL},
    {"serial/file", {"-M", "none", "-serial", "file:/nonexistent/x"}, 1,
     "emu: -serial file:/nonexistent/x: could not connect serial device to character backend: could not open file '/nonexistent/x': No such file or directory", NULL},
    {"chardev/unknown", {"-M", "none", "-chardev", "foo,id=x"}, 1,
     "emu: -chardev foo,id=x: 'foo' is not a valid char driver, expected one of those that -chardev help lists", NULL},
    {"chardev/no-id", {"-M", "none", "-chardev", "null"}, 1, "emu: -chardev null: chardev: no id specified, expected id=", NULL},
    {"chardev/bad-id", {"-M", "none", "-chardev", "null,id=1x"}, 1,
     "emu: -chardev null,id=1x: Parameter 'id' is '1x', expected an identifier: letters, digits, '-', '.', '_', starting with a letter", NULL},
    {"chardev/key", {"-M", "none", "-chardev", "null,id=x,foo=1"}, 1,
     "emu: -chardev null,id=x,foo=1: Invalid parameter 'foo' for chardev backend null", NULL},
    {"chardev/twice", {"-M", "none", "-chardev", "null,id=x", "-chardev", "null,id=x"}, 1,
     "emu: -chardev null,id=x: Chardev with id 'x' already exists", NULL},
    {"mon/no-chardev", {"-M", "none", "-mon", "chardev=x"}, 1, "emu: -mon chardev=x: chardev \"x\" not found", NULL},
    {"object/unknown", {"-M", "none", "-object", "foo,id=x"}, 1,
     "emu: -object foo,id=x: Parameter 'qom-type' does not accept value 'foo', expected one of those that -object help lists", NULL},
    {"device/unknown", {"-M", "none", "-device", "foo"}, 1,
     "emu: -device foo: 'foo' is not a valid device model name (-device help lists them)", NULL},
    {"device/help-unknown", {"-device", "foo,help"}, 1, NULL, NULL},
    {"display/unknown", {"-M", "none", "-display", "foo"}, 1,
     "emu: -display foo: Parameter 'type' does not accept value 'foo', expected none or a display plugin (-display help)", NULL},
    {"log/unknown", {"-d", "foo"}, 1, NULL, NULL},
    {"plugin-dir/missing", {"-plugin-dir", "/nonexistent"}, 1, NULL, NULL},
    {"machine/property", {"-M", "none,foo=1"}, 1, NULL, NULL},
    {"memory-backend/missing", {"-M", "none,memory-backend=x"}, 1,
     "emu: memory-backend 'x': there is no memory object of this id", NULL},
    {"readconfig/missing", {"-readconfig", "/nonexistent"}, 1, NULL, NULL},
};

static char *
emu_path(void)
{
    return g_build_filename(g_getenv("G_TEST_BUILDDIR") ? g_getenv("G_TEST_BUILDDIR") : ".", "emu", NULL);
}

static void
run_case(gconstpointer data)
{
    const Case *c = data;
    g_autofree char *path = emu_path();
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GSubprocess) process = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL, *err = NULL;

    g_ptr_array_add(argv, path);
    for (int i = 0; i < MAX_ARGS && c->args[i]; i++) {
        g_ptr_array_add(argv, (gpointer)c->args[i]);
    }
    g_ptr_array_add(argv, NULL);
    process = g_subprocess_newv((const char *const *)argv->pdata, G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, &error);
    g_assert_no_error(error);
    g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, &out, &err, &error));
    g_assert_no_error(error);
    if (c->err) {
        g_strchomp(err);
        g_assert_cmpstr(err, ==, c->err);
    } else if (c->status) {
        /* One sentence that names what was wrong. */
        g_assert_true(g_str_has_prefix(err, "emu: "));
        g_assert_cmpuint(strlen(err), >, 10);
    }
    if (c->out && !strstr(out, c->out)) {
        g_test_message("stdout: %s", out);
        g_test_fail();
    }
    g_assert_true(g_subprocess_get_if_exited(process));
    g_assert_cmpint(g_subprocess_get_exit_status(process), ==, c->status);
}

/* ---- files of options ---------------------------------------------------------------------------------- */

static char *
run_with_config(const char *text, int *status)
{
    g_autofree char *path = emu_path(), *config = NULL, *err = NULL;
    g_autoptr(GSubprocess) process = NULL;
    int fd = g_file_open_tmp("emu-config-XXXXXX", &config, NULL);

    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize)strlen(text));
    close(fd);
    process = g_subprocess_new(G_SUBPROCESS_FLAGS_STDERR_PIPE, NULL, path, "-readconfig", config, NULL);
    g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &err, NULL));
    *status = g_subprocess_get_exit_status(process);
    g_unlink(config);
    return g_strdup(strstr(err, config) ? strstr(err, config) + strlen(config) : err);
}

static void
test_config_file_becomes_options(void)
{
    int status;
    g_autofree char *err = run_with_config("# comment\n[machine]\n  type = \"none\"\n\n[memory]\n  size = \"foo\"\n", &status);

    g_assert_cmpint(status, ==, 1);
    g_assert_cmpstr(err, ==, "emu: -m size=foo: Parameter 'size' is 'foo', expected a size: a number with an optional suffix k, M, G, T, P or E\n");
}

static void
test_bad_config_names_its_line(void)
{
    int status;
    g_autofree char *err = run_with_config("[machine]\ntype = none\n", &status);
    g_autofree char *group = run_with_config("[gadget \"x\"]\n", &status);

    g_assert_cmpint(status, ==, 1);
    g_assert_cmpstr(err, ==, ": line 2: parse error, expected [GROUP], [GROUP \"ID\"] or KEY = \"VALUE\"\n");
    g_assert_cmpstr(group, ==, ": line 1: there is no option group 'gadget'\n");
}

static void
test_a_signal_ends_it_in_order(void)
{
    g_autofree char *path = emu_path(), *greeting = NULL, *err = NULL;
    g_autoptr(GSubprocess) process =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE, NULL, path, "-M", "none",
                         "-serial", "null", "-qmp", "stdio", NULL);
    g_autoptr(GDataInputStream) out = g_data_input_stream_new(g_subprocess_get_stdout_pipe(process));

    /* Its monitor speaks when it is far enough to hear signals. */
    greeting = g_data_input_stream_read_line(out, NULL, NULL, NULL);
    g_assert_nonnull(greeting);
    g_subprocess_send_signal(process, SIGTERM);
    g_assert_true(g_subprocess_communicate_utf8(process, NULL, NULL, NULL, &err, NULL));
    g_assert_cmpstr(err, ==, "emu: terminating on signal 15\n");
    g_assert_cmpint(g_subprocess_get_exit_status(process), ==, 0);
}

/* ---- the parser alone ---------------------------------------------------------------------------- */

static void
test_doubled_commas_are_one(void)
{
    g_autoptr(EmuOpts) opts = emu_opts_parse("a,,b,key=c,,d,,,flag", "first", NULL, NULL);
    g_autofree char *text = emu_opts_to_text(opts);

    g_assert_cmpstr(emu_opts_get(opts, "first"), ==, "a,b");
    g_assert_cmpstr(emu_opts_get(opts, "key"), ==, "c,d,");
    g_assert_cmpstr(emu_opts_get(opts, "flag"), ==, "on");
    g_assert_cmpstr(text, ==, "first=a,,b,key=c,,d,,,flag=on");
}

static void
test_flags_and_no_flags(void)
{
    static const char *const keys[] = {"wait", "nobody", NULL};
    g_autoptr(EmuOpts) opts = emu_opts_parse("nowait,nobody", NULL, keys, NULL);
    bool value = true;

    g_assert_true(emu_opts_get_bool(opts, "wait", &value, NULL));
    g_assert_false(value);
    g_assert_true(emu_opts_get_bool(opts, "nobody", &value, NULL));
    g_assert_true(value);
}

static void
test_last_value_wins(void)
{
    g_autoptr(EmuOpts) opts = emu_opts_parse("a=1,b=2,a=3", NULL, NULL, NULL);
    uint64_t value = 0;

    g_assert_true(emu_opts_get_uint(opts, "a", 0, 10, &value, NULL));
    g_assert_cmpuint(value, ==, 3);
    g_assert_false(emu_opts_get_uint(opts, "b", 5, 10, &value, NULL));
    g_assert_cmpuint(value, ==, 3);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/opts/doubled-commas-are-one", test_doubled_commas_are_one);
    g_test_add_func("/opts/flags-and-no-flags", test_flags_and_no_flags);
    g_test_add_func("/options/readconfig/becomes-options", test_config_file_becomes_options);
    g_test_add_func("/options/readconfig/bad-line", test_bad_config_names_its_line);
    g_test_add_func("/options/signal", test_a_signal_ends_it_in_order);
    g_test_add_func("/opts/last-value-wins", test_last_value_wins);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/options/%s", cases[i].name);

        g_test_add_data_func(path, &cases[i], run_case);
    }
    return g_test_run();
}
