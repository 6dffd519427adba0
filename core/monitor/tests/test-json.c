/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "monitor/json.h"

#include <string.h>

static char *
round_trip(const char *text, GError **error)
{
    g_autoptr(JsonNode) node = emu_json_parse(text, strlen(text), error);
    GString *out;

    if (!node) {
        return NULL;
    }
    out = g_string_new(NULL);
    emu_json_write(out, node, false);
    return g_string_free(out, FALSE);
}

static void
test_values(void)
{
    static const char *const cases[][2] = {
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"{'a':1,\"b\":[true,false,null]}", "{\"a\": 1, \"b\": [true, false, null]}"},
        {"[-9223372036854775808, 9223372036854775807, 18446744073709551615]", "[-9223372036854775808, 9223372036854775807, 18446744073709551615]"},
        {"[1.5,-0.25e2,0]", "[1.5, -25, 0]"},
        {"\"\\u00e9\\uD83D\\uDE00\\n\\/\\'\"", "\"\\u00E9\\uD83D\\uDE00\\n/'\""},
        {"'it\\'s \"x\"'", "\"it's \\\"x\\\"\""},
        {"\"\xc3\xa9\x7f\"", "\"\\u00E9\\u007F\""},
        {"9007199254740993", "9007199254740993"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *out = round_trip(cases[i][0], &error);

        g_assert_no_error(error);
        g_assert_cmpstr(out, ==, cases[i][1]);
    }
}

static void
test_refusals(void)
{
    static const char *const cases[][2] = {
        {"", "premature EOI"},
        {"{\"a\": }", "expecting value"},
        {"{\"a\" 1}", "missing : in object pair"},
        {"{a:1}", "key is not a string in object"},
        {"{\"a\":1 \"b\":2}", "expected separator in dict"},
        {"{\"a\":1,}", "key is not a string in object"},
        {"{\"a\":1,\"a\":2}", "duplicate key"},
        {"[1 2]", "expected separator in list"},
        {"[1,]", "expecting value"},
        {"nil", "invalid keyword 'nil'"},
        {"01", "invalid number"},
        {"1.", "invalid number"},
        {"-", "invalid number"},
        {"1x", "invalid number"},
        {"\"\\z\"", "invalid escape"},
        {"\"\\uD800\"", "invalid escape"},
        {"\"\\u0000\"", "invalid escape"},
        {"\"\\u12\"", "invalid escape"},
        {"\"\xff\"", "invalid UTF-8"},
        {"\"a", "unterminated"},
        {"\"a\\", "unterminated"},
        {"{} x", "stray 'x'"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *out = round_trip(cases[i][0], &error);

        g_assert_null(out);
        if (!error || !strstr(error->message, cases[i][1])) {
            g_error("'%s': %s", cases[i][0], error ? error->message : "no error");
        }
    }
}

static void
test_depth(void)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *out = NULL;

    for (int i = 0; i < EMU_JSON_MAX_DEPTH; i++) {
        g_string_append(text, "[ ");
    }
    for (int i = 0; i < EMU_JSON_MAX_DEPTH; i++) {
        g_string_append_c(text, ']');
    }
    out = round_trip(text->str, &error);
    g_assert_no_error(error);
    g_string_prepend_c(text, '[');
    g_string_append_c(text, ']');
    g_assert_null(round_trip(text->str, &error));
    g_assert_cmpstr(error->message, ==, "JSON nesting depth limit exceeded");
}

static void
test_pretty(void)
{
    static const char text[] = "{\"a\": [1, {}], \"b\": []}";
    g_autoptr(JsonNode) node = emu_json_parse(text, strlen(text), NULL);
    g_autoptr(GString) out = g_string_new(NULL);

    emu_json_write(out, node, true);
    g_assert_cmpstr(out->str, ==, "{\n    \"a\": [\n        1,\n        {}\n    ],\n    \"b\": []\n}");
}

static void
stream_cb(gpointer opaque, JsonNode *node, const GError *error)
{
    GString *log = opaque;

    g_assert_true(!node != !error);
    if (node) {
        emu_json_write(log, node, false);
        json_node_unref(node);
    } else {
        g_string_append_c(log, '!');
    }
    g_string_append_c(log, ';');
}

static void
check_stream(const char *text, const char *expected)
{
    gsize len = strlen(text);

    /* All at once, and byte by byte. */
    for (unsigned pass = 0; pass < 2; pass++) {
        g_autoptr(GString) log = g_string_new(NULL);
        EmuJsonStream *stream = emu_json_stream_new(stream_cb, log);

        if (pass) {
            emu_json_stream_feed(stream, text, len);
        } else {
            for (gsize i = 0; i < len; i++) {
                emu_json_stream_feed(stream, text + i, 1);
            }
        }
        g_assert_cmpstr(log->str, ==, expected);
        emu_json_stream_free(stream);
    }
}

static void
test_stream(void)
{
    check_stream("{}{\"a\":1}\n[2]", "{};{\"a\": 1};[2];");
    check_stream("{\"a\":\"}{\\\"\"} {}", "{\"a\": \"}{\\\"\"};{};");
    check_stream("17 {} \"x\" true\n", "17;{};\"x\";true;");
    check_stream("{]}\n{}", "!;!;{};");
    check_stream("{\"a\":\"lost quote}\n{}\n{}", "!;{};{};");
    check_stream("}}{}", "!;!;{};");
    check_stream("@#$ garbage {}\n{}", "!;{};");
    check_stream("{ \"execute\" : }\n{}", "!;{};");
}

static void
test_stream_limits(void)
{
    g_autoptr(GString) log = g_string_new(NULL);
    EmuJsonStream *stream = emu_json_stream_new(stream_cb, log);
    g_autofree char *chunk = g_strnfill(1 << 20, 'x');

    for (int i = 0; i < 5000; i++) {
        emu_json_stream_feed(stream, "[", 1);
    }
    g_assert_cmpstr(log->str, ==, "!;");
    for (int i = 0; i < 5000; i++) {
        emu_json_stream_feed(stream, "]", 1);
    }
    emu_json_stream_feed(stream, "{}", 2);
    g_assert_cmpstr(log->str, ==, "!;{};");
    g_string_truncate(log, 0);
    emu_json_stream_feed(stream, "[\"", 2);
    for (unsigned i = 0; i < (EMU_JSON_MAX_BYTES >> 20) + 2; i++) {
        emu_json_stream_feed(stream, chunk, 1 << 20);
    }
    g_assert_cmpstr(log->str, ==, "!;");
    emu_json_stream_feed(stream, "\"]{}", 4);
    g_assert_cmpstr(log->str, ==, "!;{};");
    emu_json_stream_free(stream);
}

static void
count_cb(gpointer opaque, JsonNode *node, const GError *error G_GNUC_UNUSED)
{
    ++*(unsigned *)opaque;
    g_clear_pointer(&node, json_node_unref);
}

/* Whatever comes, the stream survives it, and reads what comes after a reset. */
static void
test_fuzz(void)
{
    static const char alphabet[] = "{}[]\"':,\\ \n\tutrn0123456789.eE+-\xff\xc3\xa9xabfl";

    for (int round = 0; round < 2000; round++) {
        unsigned count = 0, before;
        EmuJsonStream *stream = emu_json_stream_new(count_cb, &count);
        char buf[300];
        gsize n = g_test_rand_int_range(1, sizeof(buf));

        for (gsize i = 0; i < n; i++) {
            buf[i] = round % 4 == 0 ? (char)g_test_rand_int() : alphabet[g_test_rand_int_range(0, sizeof(alphabet) - 1)];
        }
        emu_json_stream_feed(stream, buf, n);
        emu_json_stream_reset(stream);
        before = count;
        emu_json_stream_feed(stream, "{\"a\":1}", 7);
        g_assert_cmpuint(count, ==, before + 1);
        emu_json_stream_free(stream);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/values-survive", test_values);
    g_test_add_func("/json/bad-text-is-refused", test_refusals);
    g_test_add_func("/json/depth-is-bounded", test_depth);
    g_test_add_func("/json/pretty", test_pretty);
    g_test_add_func("/json/stream/values-and-errors", test_stream);
    g_test_add_func("/json/stream/limits", test_stream_limits);
    g_test_add_func("/json/stream/any-bytes", test_fuzz);
    return g_test_run();
}
