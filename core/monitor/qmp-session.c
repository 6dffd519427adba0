/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The protocol of one connection: greeting, negotiation, commands, answers, events.
 *
 * Commands run on the main thread one after another, each before the next is read, so an out-of-band command never
 * finds one before it that is still waiting.
 */

#include "monitor/qmp-private.h"
#include "qmp-generated.h"

#include <string.h>

struct _EmuQmpSession {
    EmuMonitors *monitors;
    EmuMonitor *monitor;
    bool pretty;
    EmuSessionWriteFunc write;
    gpointer opaque;
    EmuJsonStream *stream;
    bool connected;
    bool ready; /* negotiated */
    bool oob;
};

static void
session_send(EmuQmpSession *self, JsonNode *node)
{
    g_autoptr(GString) text = g_string_new(NULL);

    emu_json_write(text, node, self->pretty);
    g_string_append(text, "\r\n");
    self->write(self->opaque, text->str, text->len);
}

static JsonNode *
error_node(const GError *error)
{
    JsonNode *response = emu_qmp_new_empty(), *node = emu_qmp_new_empty();

    json_object_set_string_member(json_node_get_object(node), "class", emu_qmp_error_class(error));
    json_object_set_string_member(json_node_get_object(node), "desc", error->message);
    json_object_set_member(json_node_get_object(response), "error", node);
    return response;
}

/* ---- commands ------------------------------------------------------------------------------------------ */

const EmuQmpCommand *
emu_qmp_command_find(const char *name)
{
    unsigned low = 0, high = emu_qmp_n_commands;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = strcmp(name, emu_qmp_commands[middle].name);

        if (order == 0) {
            return &emu_qmp_commands[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

JsonNode *
emu_qmp_dispatch(const EmuQmpCommand *command, EmuQmpCall *call, JsonObject *arguments, GError **error)
{
    g_autoptr(JsonObject) object = arguments ? json_object_ref(arguments) : json_object_new();
    gpointer args = NULL;
    JsonNode *result;

    if (command->args) {
        args = emu_qmp_from_json(command->args, object, error);
        if (!args) {
            return NULL;
        }
    } else if (!command->raw && json_object_get_size(object)) {
        g_autoptr(GList) names = json_object_get_members(object);

        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Parameter '%s' is unexpected", (char *)names->data);
        return NULL;
    }
    result = command->call(call, args, object, error);
    if (args) {
        emu_qmp_free(command->args, args);
    }
    return result;
}

typedef struct {
    const char *name;
    bool oob;
    JsonObject *arguments;
    JsonNode *id;
} Request;

static bool
request_check(EmuQmpSession *self, JsonNode *node, Request *request, GError **error)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *member;

    if (!JSON_NODE_HOLDS_OBJECT(node)) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "QMP input must be a JSON object");
        return false;
    }
    request->id = json_object_get_member(json_node_get_object(node), "id");
    json_object_iter_init_ordered(&iter, json_node_get_object(node));
    while (json_object_iter_next_ordered(&iter, &name, &member)) {
        bool is_oob = g_str_equal(name, "exec-oob") && self->oob;

        if (g_str_equal(name, "execute") || is_oob) {
            if (!JSON_NODE_HOLDS_VALUE(member) || json_node_get_value_type(member) != G_TYPE_STRING) {
                g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "QMP input member '%s' must be a string", name);
                return false;
            }
            if (request->name) {
                g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "QMP input member '%s' clashes with '%s'", name, is_oob ? "execute" : "exec-oob");
                return false;
            }
            request->name = json_node_get_string(member);
            request->oob = is_oob;
        } else if (g_str_equal(name, "arguments")) {
            if (!JSON_NODE_HOLDS_OBJECT(member)) {
                g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "QMP input member 'arguments' must be an object");
                return false;
            }
            request->arguments = json_node_get_object(member);
        } else if (!g_str_equal(name, "id")) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "QMP input member '%s' is unexpected", name);
            return false;
        }
    }
    if (!request->name) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "QMP input lacks member 'execute'");
        return false;
    }
    return true;
}

static JsonNode *
session_execute(EmuQmpSession *self, const Request *request, GError **error)
{
    EmuQmpCall call = {.monitors = self->monitors, .machine = self->monitors ? emu_monitors_get_machine(self->monitors) : NULL, .monitor = self->monitor, .session = self};
    const EmuQmpCommand *command = emu_qmp_command_find(request->name);

    if (!self->ready && !g_str_equal(request->name, "qmp_capabilities")) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_COMMAND_NOT_FOUND, "Expecting capabilities negotiation with 'qmp_capabilities'");
        return NULL;
    }
    if (!command) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_COMMAND_NOT_FOUND, "The command %s has not been found", request->name);
        return NULL;
    }
    if (request->oob && !command->allow_oob) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "The command %s does not support OOB", request->name);
        return NULL;
    }
    return emu_qmp_dispatch(command, &call, request->arguments, error);
}

static void
session_value_cb(gpointer opaque, JsonNode *node, const GError *parse_error)
{
    EmuQmpSession *self = opaque;
    g_autoptr(JsonNode) response = NULL;
    g_autoptr(GError) error = NULL;
    Request request = {0};
    JsonNode *result = NULL;

    if (parse_error) {
        response = error_node(parse_error);
        session_send(self, response);
        return;
    }
    if (request_check(self, node, &request, &error)) {
        result = session_execute(self, &request, &error);
    }
    if (result) {
        response = emu_qmp_new_empty();
        json_object_set_member(json_node_get_object(response), "return", result);
    } else {
        response = error_node(error);
    }
    if (request.id) {
        json_object_set_member(json_node_get_object(response), "id", json_node_copy(request.id));
    }
    session_send(self, response);
    json_node_unref(node);
}

bool
emu_qmp_session_negotiate(EmuQmpSession *self, bool oob, GError **error)
{
    if (self->ready) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_COMMAND_NOT_FOUND, "Capabilities negotiation is already complete, command ignored");
        return false;
    }
    self->ready = true;
    self->oob = oob;
    return true;
}

/* ---- the connection -------------------------------------------------------------------------------------- */

EmuQmpSession *
emu_qmp_session_new(EmuMonitors *monitors, EmuMonitor *monitor, bool pretty, EmuSessionWriteFunc write, gpointer opaque)
{
    EmuQmpSession *self = g_new0(EmuQmpSession, 1);

    self->monitors = monitors;
    self->monitor = monitor;
    self->pretty = pretty;
    self->write = write;
    self->opaque = opaque;
    self->stream = emu_json_stream_new(session_value_cb, self);
    return self;
}

void
emu_qmp_session_free(EmuQmpSession *self)
{
    if (self) {
        emu_json_stream_free(self->stream);
        g_free(self);
    }
}

void
emu_qmp_session_open(EmuQmpSession *self)
{
    g_autoptr(JsonNode) greeting = emu_qmp_new_empty();
    EmuQmpCall call = {.monitors = self->monitors};
    JsonNode *inner = emu_qmp_new_empty(), *capabilities = json_node_new(JSON_NODE_ARRAY);
    JsonArray *list = json_array_new();

    emu_json_stream_reset(self->stream);
    self->connected = true;
    self->ready = false;
    self->oob = false;
    json_array_add_string_element(list, "oob");
    json_node_take_array(capabilities, list);
    json_object_set_member(json_node_get_object(inner), "version", emu_qmp_dispatch(emu_qmp_command_find("query-version"), &call, NULL, NULL));
    json_object_set_member(json_node_get_object(inner), "capabilities", capabilities);
    json_object_set_member(json_node_get_object(greeting), "QMP", inner);
    session_send(self, greeting);
}

void
emu_qmp_session_close(EmuQmpSession *self)
{
    emu_json_stream_reset(self->stream);
    self->connected = false;
    self->ready = false;
    self->oob = false;
}

void
emu_qmp_session_feed(EmuQmpSession *self, const char *data, gsize len)
{
    emu_json_stream_feed(self->stream, data, len);
}

void
emu_qmp_session_event(EmuQmpSession *self, JsonNode *event)
{
    if (self->ready) {
        session_send(self, event);
    }
}
