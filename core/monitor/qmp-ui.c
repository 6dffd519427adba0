/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands about screen, keyboard and mouse. */

#include "monitor/qmp-private.h"
#include "qmp-generated.h"

#include "ui/ui-private.h"

#define MAX_KEYS 16

static EmuConsole *
find_console(EmuQmpCall *call, const char *device, int64_t head, GError **error)
{
    GPtrArray *consoles = emu_machine_get_consoles(call->machine);
    EmuObject *object;

    if (!device) {
        if (consoles->len == 0) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "There is no console to take a screendump from");
        }
        return consoles->len ? consoles->pdata[0] : NULL;
    }
    object = emu_object_resolve_path(emu_machine_get_root(call->machine), device, NULL);
    for (guint i = 0; i < consoles->len; i++) {
        EmuConsole *console = consoles->pdata[i];
        EmuDevice *dev = emu_console_get_device(console);

        if (dev && (EMU_OBJECT(dev) == object || g_strcmp0(emu_device_get_id(dev), device) == 0) && emu_console_get_head(console) == head) {
            return console;
        }
    }
    if (!object) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", device);
    } else {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Device %s (head %" G_GINT64_FORMAT ") is not bound to a QemuConsole", device, head);
    }
    return NULL;
}

bool
qmp_screendump(EmuQmpCall *call, const Qmp_screendump_args *args, GError **error)
{
    EmuConsole *console;

    if (args->has_head && !args->device) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "'head' must be specified together with 'device'");
        return false;
    }
    console = find_console(call, args->device, args->head, error);
    return console && emu_console_screendump(console, args->filename, args->has_format && args->format == QMP_IMAGE_FORMAT_PNG ? "png" : "ppm", error);
}

static int
key_from_value(const QmpKeyValue *value, GError **error)
{
    int key = -1;

    if (value->type == QMP_KEY_VALUE_KIND_QCODE) {
        return value->u.qcode->data; /* the enum is made of the same table */
    }
    if (value->u.number->data >= 0 && value->u.number->data <= 0xff) {
        key = emu_key_from_number(value->u.number->data);
    }
    if (key < 0) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "invalid key number %" G_GINT64_FORMAT, value->u.number->data);
    }
    return key;
}

bool
qmp_send_key(EmuQmpCall *call, const Qmp_send_key_args *args, GError **error)
{
    int keys[MAX_KEYS];
    int64_t hold = args->has_hold_time ? args->hold_time : 0;

    if (args->keys->len > MAX_KEYS) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "too many keys: %u, at most %d", args->keys->len, MAX_KEYS);
        return false;
    }
    for (guint i = 0; i < args->keys->len; i++) {
        keys[i] = key_from_value(args->keys->pdata[i], error);
        if (keys[i] < 0) {
            return false;
        }
    }
    if (!emu_input_send_sequence(emu_machine_get_input(call->machine), keys, args->keys->len, hold > 0 ? MIN(hold, 100000) : 100)) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "too many keys are waiting to be sent");
        return false;
    }
    return true;
}

/* -1: buttons that no device of ours has. */
static int
button_code(QmpInputButton button)
{
    static const int codes[] = {EMU_INPUT_BUTTON_LEFT, EMU_INPUT_BUTTON_MIDDLE, EMU_INPUT_BUTTON_RIGHT, EMU_INPUT_BUTTON_WHEEL_UP,
                                EMU_INPUT_BUTTON_WHEEL_DOWN, EMU_INPUT_BUTTON_SIDE, EMU_INPUT_BUTTON_EXTRA, -1, -1};

    return codes[button];
}

static bool
convert_event(const QmpInputEvent *in, EmuInputEvent *out, GError **error)
{
    switch (in->type) {
    case QMP_INPUT_EVENT_KIND_KEY:
        *out = (EmuInputEvent){EMU_INPUT_KEY, key_from_value(in->u.key->data->key, error), in->u.key->data->down};
        return out->code >= 0;
    case QMP_INPUT_EVENT_KIND_BTN:
        *out = (EmuInputEvent){EMU_INPUT_BUTTON, button_code(in->u.btn->data->button), in->u.btn->data->down};
        return true;
    default:
        *out = (EmuInputEvent){in->type == QMP_INPUT_EVENT_KIND_REL ? EMU_INPUT_REL : EMU_INPUT_ABS,
                               in->u.rel->data->axis == QMP_INPUT_AXIS_X ? EMU_INPUT_AXIS_X : EMU_INPUT_AXIS_Y,
                               CLAMP(in->u.rel->data->value, -32768, 32767)};
        return true;
    }
}

bool
qmp_input_send_event(EmuQmpCall *call, const Qmp_input_send_event_args *args, GError **error)
{
    EmuInput *input = emu_machine_get_input(call->machine);
    g_autofree EmuInputEvent *events = g_new0(EmuInputEvent, args->events->len + 1);
    EmuRunState state = emu_machine_get_run_state(call->machine);

    if (args->device && !find_console(call, args->device, args->head, error)) {
        return false;
    }
    if (state != EMU_RUN_STATE_RUNNING && state != EMU_RUN_STATE_SUSPENDED) {
        g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "VM not running");
        return false;
    }
    /* All or nothing. */
    for (guint i = 0; i < args->events->len; i++) {
        if (!convert_event(args->events->pdata[i], &events[i], error)) {
            return false;
        }
        if (!emu_input_has_handler(input, events[i].kind)) {
            g_set_error(error, EMU_QMP_ERROR, EMU_QMP_ERROR_GENERIC, "Input handler not found for event type %s",
                        qmp_type_InputEventKind.values[((QmpInputEvent *)args->events->pdata[i])->type]);
            return false;
        }
    }
    for (guint i = 0; i < args->events->len; i++) {
        if (events[i].code >= 0) {
            emu_input_queue_event(input, &events[i]);
        }
    }
    emu_input_queue_sync(input);
    return true;
}

GPtrArray *
qmp_query_mice(EmuQmpCall *call, GError **error G_GNUC_UNUSED)
{
    g_autoptr(GArray) mice = emu_input_list_mice(emu_machine_get_input(call->machine));
    GPtrArray *list = g_ptr_array_new();

    for (guint i = 0; i < mice->len; i++) {
        const EmuMouseInfo *mouse = &g_array_index(mice, EmuMouseInfo, i);
        QmpMouseInfo *info = qmp_MouseInfo_new();

        info->name = g_strdup(mouse->name);
        info->index = mouse->index;
        info->current = mouse->current;
        info->absolute = mouse->absolute;
        g_ptr_array_add(list, info);
    }
    return list;
}
