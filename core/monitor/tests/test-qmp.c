/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A QMP session on the machine "none", without a chardev. */

#include "monitor/qmp-private.h"
#include "qmp-generated.h"

#include "system/machine-private.h"

#include <emu/test.h>
#include <string.h>

typedef struct {
    EmuMachine *machine;
    EmuQmpSession *session;
    GString *out;
} Fixture;

static void
write_cb(gpointer opaque, const char *text, gsize len)
{
    g_string_append_len(((Fixture *)opaque)->out, text, len);
}

static void
setup(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;

    f->machine = emu_test_machine_new("none", &error);
    g_assert_no_error(error);
    emu_machine_lock(f->machine);
    f->out = g_string_new(NULL);
    f->session = emu_qmp_session_new(emu_machine_get_monitors(f->machine), NULL, false, write_cb, f);
    emu_qmp_session_open(f->session);
    g_assert_true(g_str_has_prefix(f->out->str, "{\"QMP\": {\"version\": {\"qemu\": {\"major\": "));
    g_string_truncate(f->out, 0);
}

static void
teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    emu_qmp_session_free(f->session);
    emu_machine_unlock(f->machine);
    g_string_free(f->out, TRUE);
    emu_machine_destroy(f->machine);
    g_object_unref(f->machine);
}

static const char *
ask(Fixture *f, const char *text)
{
    g_string_truncate(f->out, 0);
    emu_qmp_session_feed(f->session, text, strlen(text));
    return f->out->str;
}

#define assert_answer(f, text, answer) g_assert_cmpstr(ask(f, text), ==, answer "\r\n")
#define ERROR(class, desc) "{\"error\": {\"class\": \"" class "\", \"desc\": \"" desc "\"}}"
#define GENERIC(desc) ERROR("GenericError", desc)

static void
negotiate(Fixture *f)
{
    assert_answer(f, "{\"execute\":\"qmp_capabilities\"}", "{\"return\": {}}");
}

static void
test_negotiation(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    assert_answer(f, "{\"execute\":\"query-status\"}", ERROR("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'"));
    assert_answer(f, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"nope\"]}}", GENERIC("Parameter 'enable[0]' does not accept value 'nope'"));
    assert_answer(f, "{\"exec-oob\":\"migrate-pause\"}", GENERIC("QMP input member 'exec-oob' is unexpected"));
    assert_answer(f, "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[\"oob\"]}}", "{\"return\": {}}");
    assert_answer(f, "{\"execute\":\"qmp_capabilities\"}", ERROR("CommandNotFound", "Capabilities negotiation is already complete, command ignored"));
    assert_answer(f, "{\"exec-oob\":\"query-status\"}", GENERIC("The command query-status does not support OOB"));
    assert_answer(f, "{\"exec-oob\":\"query-yank\",\"id\":1}", "{\"return\": [], \"id\": 1}");
    emu_qmp_session_close(f->session);
    emu_qmp_session_open(f->session);
    assert_answer(f, "{\"execute\":\"query-status\"}", ERROR("CommandNotFound", "Expecting capabilities negotiation with 'qmp_capabilities'"));
}

static void
test_requests(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    negotiate(f);
    assert_answer(f, "[1]", GENERIC("QMP input must be a JSON object"));
    assert_answer(f, "{}", GENERIC("QMP input lacks member 'execute'"));
    assert_answer(f, "{\"execute\":3}", GENERIC("QMP input member 'execute' must be a string"));
    assert_answer(f, "{\"execute\":\"stop\",\"foo\":1}", GENERIC("QMP input member 'foo' is unexpected"));
    assert_answer(f, "{\"execute\":\"stop\",\"arguments\":[]}", GENERIC("QMP input member 'arguments' must be an object"));
    assert_answer(f, "{\"execute\":\"nope\",\"id\":{\"a\":[]}}", "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command nope has not been found\"}, \"id\": {\"a\": []}}");
    assert_answer(f, "{\"execute\":\"stop\",\"arguments\":{\"x\":1}}", GENERIC("Parameter 'x' is unexpected"));
    assert_answer(f, "{\"execute\":\"human-monitor-command\"}", GENERIC("Parameter 'command-line' is missing"));
    assert_answer(f, "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":5}}", GENERIC("Invalid parameter type for 'command-line', expected: string"));
    assert_answer(f, "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[{\"type\":\"qcode\",\"data\":\"zzz\"}]}}", GENERIC("Parameter 'keys[0].data' does not accept value 'zzz'"));
    assert_answer(f, "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[{\"type\":\"qcode\"}]}}", GENERIC("Parameter 'keys[0].data' is missing"));
    assert_answer(f, "{\"execute\":\"send-key\",\"arguments\":{\"keys\":[{\"type\":\"number\",\"data\":1,\"x\":2}]}}", GENERIC("Parameter 'keys[0].x' is unexpected"));
    assert_answer(f, "{\"execute\":\"send-key\",\"arguments\":{\"keys\":{}}}", GENERIC("Invalid parameter type for 'keys', expected: array"));
    assert_answer(f, "{\"execute\": }\n", GENERIC("JSON parse error, expecting value"));
    assert_answer(f, "{\"execute\":\"query-name\",\"id\":1}{'execute':'query-name','id':2}", "{\"return\": {}, \"id\": 1}\r\n{\"return\": {}, \"id\": 2}");
}

static void
test_commands(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    negotiate(f);
    assert_answer(f, "{\"execute\":\"query-status\"}", "{\"return\": {\"running\": true, \"singlestep\": false, \"status\": \"running\"}}");
    assert_answer(f, "{\"execute\":\"query-uuid\"}", "{\"return\": {\"UUID\": \"00000000-0000-0000-0000-000000000000\"}}");
    assert_answer(f, "{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"/nope\",\"property\":\"x\"}}", ERROR("DeviceNotFound", "Device '/nope' not found"));
    g_assert_nonnull(strstr(ask(f, "{\"execute\":\"qom-list\",\"arguments\":{\"path\":\"/\"}}"), "{\"name\": \"machine\", \"type\": \"child<none-machine>\"}"));
    assert_answer(f, "{\"execute\":\"device-list-properties\",\"arguments\":{\"typename\":\"zzz\"}}", ERROR("DeviceNotFound", "Device 'zzz' not found"));
    assert_answer(f, "{\"execute\":\"object-del\",\"arguments\":{\"id\":\"zzz\"}}", GENERIC("object 'zzz' not found"));
    assert_answer(f, "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"iothread\",\"id\":\"io1\"}}", "{\"return\": {}}");
    g_assert_nonnull(strstr(ask(f, "{\"execute\":\"query-iothreads\"}"), "\"id\": \"io1\""));
    assert_answer(f, "{\"execute\":\"object-del\",\"arguments\":{\"id\":\"io1\"}}", "{\"return\": {}}");
    assert_answer(f, "{\"execute\":\"eject\",\"arguments\":{}}", GENERIC("Need exactly one of 'device' and 'id'"));
    assert_answer(f, "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"null-co\",\"node-name\":\"n0\",\"size\":1048576}}", "{\"return\": {}}");
    assert_answer(f, "{\"execute\":\"blockdev-add\",\"arguments\":{\"driver\":\"null-co\",\"node-name\":\"n0\"}}", GENERIC("Duplicate nodes with node-name='n0'"));
    g_assert_nonnull(strstr(ask(f, "{\"execute\":\"query-named-block-nodes\"}"), "\"virtual-size\": 1048576"));
    assert_answer(f, "{\"execute\":\"blockdev-del\",\"arguments\":{\"node-name\":\"n0\"}}", "{\"return\": {}}");
    assert_answer(f, "{\"execute\":\"screendump\",\"arguments\":{\"filename\":\"/tmp/x\"}}", GENERIC("There is no console to take a screendump from"));
}

static void
collect_event(gpointer opaque, JsonNode *event)
{
    JsonObject *object = json_node_get_object(event);
    JsonObject *stamp = json_object_get_object_member(object, "timestamp");

    g_assert_cmpint(json_object_get_int_member(stamp, "seconds"), >, 1000000000);
    g_assert_true(json_object_has_member(stamp, "microseconds"));
    g_string_append_printf(opaque, "%s ", json_object_get_string_member(object, "event"));
}

static void
test_events(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    /* This session is not one of the machine's: the test hears through the hook. */
    g_autoptr(GString) log = g_string_new(NULL);
    EmuMonitors *monitors = emu_machine_get_monitors(f->machine);

    emu_monitors_set_event_func(monitors, collect_event, log);
    negotiate(f);
    assert_answer(f, "{\"execute\":\"stop\"}", "{\"return\": {}}");
    assert_answer(f, "{\"execute\":\"stop\"}", "{\"return\": {}}");
    assert_answer(f, "{\"execute\":\"query-status\"}", "{\"return\": {\"running\": false, \"singlestep\": false, \"status\": \"paused\"}}");
    assert_answer(f, "{\"execute\":\"cont\"}", "{\"return\": {}}");
    g_assert_cmpstr(log->str, ==, "STOP RESUME ");
    emu_monitors_set_event_func(monitors, NULL, NULL);
}

/* Every name that the schema mentions is in it, and every command has its entry. */
static void
test_schema(Fixture *f G_GNUC_UNUSED, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(JsonNode) node = emu_json_parse(emu_qmp_schema_json, strlen(emu_qmp_schema_json), NULL);
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    JsonArray *array = json_node_get_array(node);
    static const char *const references[] = {"arg-type", "ret-type", "element-type"};

    g_assert_cmpuint(json_array_get_length(array), >, 100);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        g_assert_true(g_hash_table_add(names, (char *)json_object_get_string_member(json_array_get_object_element(array, i), "name")));
    }
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *entry = json_array_get_object_element(array, i);

        for (gsize j = 0; j < G_N_ELEMENTS(references); j++) {
            if (json_object_has_member(entry, references[j])) {
                g_assert_true(g_hash_table_contains(names, json_object_get_string_member(entry, references[j])));
            }
        }
        if (g_str_equal(json_object_get_string_member(entry, "meta-type"), "object")) {
            JsonArray *members = json_object_get_array_member(entry, "members");

            for (guint j = 0; j < json_array_get_length(members); j++) {
                g_assert_true(g_hash_table_contains(names, json_object_get_string_member(json_array_get_object_element(members, j), "type")));
            }
        }
    }
    for (unsigned i = 0; i < emu_qmp_n_commands; i++) {
        g_assert_true(g_hash_table_contains(names, emu_qmp_commands[i].name));
        g_assert_true(emu_qmp_command_find(emu_qmp_commands[i].name) == &emu_qmp_commands[i]);
    }
}

static JsonNode *
random_scalar(void)
{
    JsonNode *node = json_node_new(JSON_NODE_VALUE);

    switch (g_test_rand_int_range(0, 5)) {
    case 0:
        json_node_set_int(node, g_test_rand_bit() ? g_test_rand_int_range(-5, 5) : (gint64)g_test_rand_int() * INT32_MAX);
        break;
    case 1:
        json_node_set_string(node, g_test_rand_bit() ? "qcode" : "ide0-hd0");
        break;
    case 2:
        json_node_set_boolean(node, g_test_rand_bit());
        break;
    case 3:
        json_node_set_double(node, g_test_rand_double());
        break;
    default:
        json_node_unref(node);
        node = json_node_new(JSON_NODE_NULL);
        break;
    }
    return node;
}

static JsonNode *
random_value(unsigned depth)
{
    int kind = g_test_rand_int_range(0, 3);
    JsonNode *node;

    if (kind == 0 || depth > 3) {
        return random_scalar();
    }
    if (kind == 1) {
        JsonArray *array = json_array_new();

        for (int n = g_test_rand_int_range(0, 3); n > 0; n--) {
            json_array_add_element(array, random_value(depth + 1));
        }
        node = json_node_new(JSON_NODE_ARRAY);
        json_node_take_array(node, array);
    } else {
        JsonObject *object = json_object_new();

        if (g_test_rand_bit()) {
            json_object_set_string_member(object, "type", g_test_rand_bit() ? "key" : "qcode");
        }
        json_object_set_member(object, "data", random_value(depth + 1));
        node = json_node_new(JSON_NODE_OBJECT);
        json_node_take_object(node, object);
    }
    return node;
}

/* Commands with arguments of the right names and wild values: an answer each, and the session lives on. */
static void
test_fuzz(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    /* The second row opens plugins, which belong to the shared library and not to this program. */
    static const char *const harmful[] = {"quit", "screendump", "memsave", "pmemsave", "human-monitor-command", "query-qmp-schema", "query-commands",
                                          "query-machines", "qom-list-types", "query-cpu-definitions", "query-chardev-backends", NULL};

    negotiate(f);
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < emu_qmp_n_commands; i++) {
            const EmuQmpCommand *command = &emu_qmp_commands[i];
            g_autoptr(JsonNode) request = NULL;
            g_autoptr(GString) text = g_string_new(NULL);
            JsonNode *args;

            if (g_strv_contains(harmful, command->name)) {
                continue;
            }
            request = emu_qmp_new_empty();
            args = emu_qmp_new_empty();
            for (unsigned j = 0; command->args && j < command->args->n_members; j++) {
                if (g_test_rand_int_range(0, 4)) {
                    json_object_set_member(json_node_get_object(args), command->args->members[j].name, random_value(0));
                }
            }
            if (command->raw) {
                json_object_set_member(json_node_get_object(args), "driver", random_value(3));
                json_object_set_member(json_node_get_object(args), "id", random_value(3));
            }
            json_object_set_string_member(json_node_get_object(request), "execute", command->name);
            json_object_set_member(json_node_get_object(request), "arguments", args);
            json_object_set_int_member(json_node_get_object(request), "id", i);
            emu_json_write(text, request, false);
            ask(f, text->str);
            g_assert_true(g_str_has_suffix(f->out->str, "}\r\n"));
        }
    }
    g_assert_true(g_str_has_prefix(ask(f, "{\"execute\":\"query-version\"}"), "{\"return\": "));
}

static void
test_garbage(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    negotiate(f);
    for (int round = 0; round < 500; round++) {
        char buf[200];
        gsize n = g_test_rand_int_range(1, sizeof(buf));

        for (gsize i = 0; i < n; i++) {
            buf[i] = g_test_rand_int();
        }
        emu_qmp_session_feed(f->session, buf, n);
    }
    emu_qmp_session_close(f->session);
    emu_qmp_session_open(f->session);
    negotiate(f);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define CASE(name, fn) g_test_add("/qmp/" name, Fixture, NULL, setup, fn, teardown)
    CASE("negotiation", test_negotiation);
    CASE("requests-are-checked", test_requests);
    CASE("commands", test_commands);
    CASE("events-of-the-run-state", test_events);
    CASE("schema-is-closed", test_schema);
    CASE("fuzz/wild-arguments", test_fuzz);
    CASE("fuzz/any-bytes", test_garbage);
    return g_test_run();
}
