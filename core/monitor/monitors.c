/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The monitors of a machine: what connects sessions to chardevs, and the machine's signals to events. */

#include "monitor/hmp-private.h"
#include "qmp-generated.h"

#include "block/block-private.h"
#include "device/device-private.h"
#include "qom/qom-private.h"
#include "system/machine-private.h"

#include <emu/memory-device.h>
#include <emu/log.h>
#include <string.h>

#define MONITORS_KEY "emu-monitors"
/* Commands wait while this much of earlier answers has not been read. */
#define OUTPUT_HIGH_WATER (1u << 20)
#define THROTTLE_NS EMU_NS_PER_SEC

struct _EmuMonitor {
    EmuMonitors *set;
    EmuCharFrontend *frontend;
    EmuQmpSession *qmp;
    EmuHmpSession *hmp;
    bool is_open; /* a peer came before there was a front end */
};

/* An event that is sent at most once in a while: the latest one waits for the timer. */
typedef struct {
    EmuMonitors *set;
    const char *name;
    EmuTimer *timer;
    JsonNode *waiting;
} Throttle;

struct _EmuMonitors {
    EmuMachine *machine;
    GPtrArray *monitors;
    GPtrArray *throttles;
    EmuMonitorEventFunc event_func;
    gpointer event_opaque;
    bool was_running;
};

/* ---- events ------------------------------------------------------------------------------------------ */

static JsonNode *
event_new(const char *name, JsonNode *data)
{
    JsonNode *event = emu_qmp_new_empty(), *stamp = emu_qmp_new_empty();
    gint64 now = g_get_real_time();

    json_object_set_int_member(json_node_get_object(stamp), "seconds", now / 1000000);
    json_object_set_int_member(json_node_get_object(stamp), "microseconds", now % 1000000);
    json_object_set_member(json_node_get_object(event), "timestamp", stamp);
    json_object_set_string_member(json_node_get_object(event), "event", name);
    if (data) {
        json_object_set_member(json_node_get_object(event), "data", data);
    }
    return event;
}

static void
event_broadcast(EmuMonitors *self, JsonNode *event)
{
    for (guint i = 0; i < self->monitors->len; i++) {
        EmuMonitor *monitor = self->monitors->pdata[i];
        if (monitor->qmp) {
            emu_qmp_session_event(monitor->qmp, event);
        }
    }
    if (self->event_func) {
        self->event_func(self->event_opaque, event);
    }
    json_node_unref(event);
}

static void
throttle_timer_cb(gpointer opaque)
{
    Throttle *throttle = opaque;
    JsonNode *event = g_steal_pointer(&throttle->waiting);

    if (event) {
        emu_timer_set(throttle->timer, emu_clock_get_ns(emu_machine_get_clock(throttle->set->machine, EMU_CLOCK_REALTIME)) + THROTTLE_NS);
        event_broadcast(throttle->set, event);
    }
}

static void
throttle_free(gpointer data)
{
    Throttle *throttle = data;

    emu_timer_free(throttle->timer);
    if (throttle->waiting) {
        json_node_unref(throttle->waiting);
    }
    g_free(throttle);
}

static Throttle *
throttle_find(EmuMonitors *self, const char *name)
{
    Throttle *throttle;

    for (guint i = 0; i < self->throttles->len; i++) {
        throttle = self->throttles->pdata[i];
        if (g_str_equal(throttle->name, name)) {
            return throttle;
        }
    }
    throttle = g_new0(Throttle, 1);
    throttle->set = self;
    throttle->name = g_intern_string(name);
    throttle->timer = emu_timer_new(emu_machine_get_clock(self->machine, EMU_CLOCK_REALTIME), throttle_timer_cb, throttle);
    g_ptr_array_add(self->throttles, throttle);
    return throttle;
}

void
emu_monitors_send_event(EmuMonitors *self, const char *name, JsonNode *data, bool throttle)
{
    JsonNode *event = event_new(name, data);

    if (throttle) {
        Throttle *t = throttle_find(self, name);

        if (emu_timer_is_set(t->timer)) {
            if (t->waiting) {
                json_node_unref(t->waiting);
            }
            t->waiting = event;
            return;
        }
        emu_timer_set(t->timer, emu_clock_get_ns(emu_machine_get_clock(self->machine, EMU_CLOCK_REALTIME)) + THROTTLE_NS);
    }
    event_broadcast(self, event);
}

void
emu_monitors_set_event_func(EmuMonitors *self, EmuMonitorEventFunc fn, gpointer opaque)
{
    self->event_func = fn;
    self->event_opaque = opaque;
}

/* ---- the machine's signals ------------------------------------------------------------------------------ */

static void
run_state_changed_cb(EmuMachine *machine, int state, EmuMonitors *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(machine);
    bool running = state == EMU_RUN_STATE_RUNNING;

    if (self->was_running && !running) {
        emu_block_layer_settle(emu_machine_get_block_layer(machine));
    }
    /* SHUTDOWN has said it, unless the machine stays. */
    if (state == EMU_RUN_STATE_SHUTDOWN && priv->shutdown_action != EMU_ACTION_PAUSE) {
        return;
    }
    /* Sleep and its end have events of their own. */
    if (state == EMU_RUN_STATE_SUSPENDED || emu_machine_is_ending(machine) || running == self->was_running) {
        return;
    }
    self->was_running = running;
    if (running) {
        qmp_event_resume(self);
        emu_block_layer_retry_stalled(emu_machine_get_block_layer(machine));
    } else {
        qmp_event_stop(self);
    }
}

static void
reset_cb(EmuMachine *machine G_GNUC_UNUSED, gboolean by_guest, int cause, EmuMonitors *self)
{
    Qmp_RESET_data data = {.guest = by_guest, .reason = (QmpShutdownCause)cause};

    qmp_event_reset(self, &data);
}

static void
shutdown_cb(EmuMachine *machine G_GNUC_UNUSED, gboolean by_guest, int cause, EmuMonitors *self)
{
    Qmp_SHUTDOWN_data data = {.guest = by_guest, .reason = (QmpShutdownCause)cause};

    qmp_event_shutdown(self, &data);
}

static void
powerdown_cb(EmuMachine *machine G_GNUC_UNUSED, EmuMonitors *self)
{
    qmp_event_powerdown(self);
}

static void
suspend_cb(EmuMachine *machine G_GNUC_UNUSED, EmuMonitors *self)
{
    qmp_event_suspend(self);
}

static void
suspend_disk_cb(EmuMachine *machine G_GNUC_UNUSED, EmuMonitors *self)
{
    qmp_event_suspend_disk(self);
}

static void
wakeup_cb(EmuMachine *machine G_GNUC_UNUSED, EmuMonitors *self)
{
    qmp_event_wakeup(self);
}

static void
watchdog_cb(EmuMachine *machine G_GNUC_UNUSED, int action, EmuMonitors *self)
{
    qmp_event_watchdog(self, &(Qmp_WATCHDOG_data){.action = (QmpWatchdogAction)action});
}

static void
acpi_ost_cb(EmuMachine *machine G_GNUC_UNUSED, const char *id, int type, unsigned slot, unsigned source, unsigned status, EmuMonitors *self)
{
    g_autofree char *text = g_strdup_printf("%u", slot);
    QmpACPIOSTInfo info = {.device = (char *)id, .slot = text, .slot_type = (QmpACPISlotType)type, .source = source, .status = status};
    Qmp_ACPI_DEVICE_OST_data data = {.info = &info};

    qmp_event_acpi_device_ost(self, &data);
}

G_STATIC_ASSERT((int)QMP_ACPI_SLOT_TYPE_DIMM == (int)EMU_ACPI_SLOT_DIMM);
G_STATIC_ASSERT((int)QMP_ACPI_SLOT_TYPE_CPU == (int)EMU_ACPI_SLOT_CPU);

static void
guest_event_cb(EmuMachine *machine G_GNUC_UNUSED, int event, int action, EmuMonitors *self)
{
    switch ((EmuGuestEvent)event) {
    case EMU_GUEST_EVENT_PANICKED:
        qmp_event_guest_panicked(self, &(Qmp_GUEST_PANICKED_data){.action = (QmpGuestPanicAction)action});
        break;
    case EMU_GUEST_EVENT_CRASH_LOADED:
        qmp_event_guest_crashloaded(self, &(Qmp_GUEST_CRASHLOADED_data){.action = (QmpGuestPanicAction)action});
        break;
    case EMU_GUEST_EVENT_SHUTDOWN:
        qmp_event_guest_pvshutdown(self);
        break;
    }
}

/* A device of the user's has left the tree: unplugged at once, or when the guest was done with it. */
static void
peripheral_removed_cb(EmuObject *container, EmuObject *child, EmuMonitors *self)
{
    g_autofree char *folder = emu_object_get_canonical_path(container);
    g_autofree char *path = g_strdup_printf("%s/%s", folder, emu_object_get_label(child));
    Qmp_DEVICE_DELETED_data data = {.device = (char *)emu_device_get_id(EMU_DEVICE(child)), .path = path};

    /* The end of the machine takes them all away; that is no unplugging, and a reload is none. */
    if (!emu_machine_priv(self->machine)->exiting && !emu_device_is_replacing(EMU_DEVICE(child))) {
        qmp_event_device_deleted(self, &data);
    }
}

G_STATIC_ASSERT((int)QMP_SHUTDOWN_CAUSE_SUBSYSTEM_RESET == (int)EMU_SHUTDOWN_CAUSE_SUBSYSTEM_RESET);
G_STATIC_ASSERT((int)QMP_SHUTDOWN_CAUSE_HOST_SIGNAL == (int)EMU_SHUTDOWN_CAUSE_HOST_SIGNAL);

static void
block_event_cb(gpointer opaque, const EmuBlockEvent *event)
{
    EmuMonitors *self = opaque;
    g_autofree char *path = event->blk->dev ? emu_object_get_canonical_path(event->blk->dev) : g_strdup("");

    if (event->kind == EMU_BLOCK_EVENT_TRAY_MOVED) {
        Qmp_DEVICE_TRAY_MOVED_data data = {.device = event->blk->id, .id = path, .tray_open = event->tray_open};

        qmp_event_device_tray_moved(self, &data);
    } else {
        Qmp_BLOCK_IO_ERROR_data data = {
            .device = event->blk->id,
            .node_name = event->blk->root ? event->blk->root->name : NULL,
            .operation = event->is_read ? QMP_IO_OPERATION_TYPE_READ : QMP_IO_OPERATION_TYPE_WRITE,
            .action = event->stopped ? QMP_BLOCK_ERROR_ACTION_STOP : QMP_BLOCK_ERROR_ACTION_REPORT,
            .has_nospace = event->stopped,
            .nospace = event->error == ENOSPC,
            .reason = (char *)g_strerror(event->error),
        };

        qmp_event_block_io_error(self, &data);
        if (event->stopped) {
            emu_machine_request_stop(self->machine, EMU_RUN_STATE_IO_ERROR);
        }
    }
}

/* ---- monitors -------------------------------------------------------------------------------------------- */

void
emu_monitor_write(EmuMonitor *self, const char *text, gsize len)
{
    emu_char_frontend_write(self->frontend, (const uint8_t *)text, len);
}

static void
monitor_write_cb(gpointer opaque, const char *text, gsize len)
{
    emu_monitor_write(opaque, text, len);
}

static gsize
monitor_can_receive_cb(gpointer opaque)
{
    EmuMonitor *self = opaque;

    return emu_char_frontend_queued(self->frontend) > OUTPUT_HIGH_WATER ? 0 : 4096;
}

static void
monitor_receive_cb(gpointer opaque, const uint8_t *buf, gsize len)
{
    EmuMonitor *self = opaque;

    if (self->qmp) {
        emu_qmp_session_feed(self->qmp, (const char *)buf, len);
    } else {
        emu_hmp_session_feed(self->hmp, (const char *)buf, len);
    }
}

static void
monitor_opened(EmuMonitor *self)
{
    if (self->qmp) {
        emu_qmp_session_open(self->qmp);
    } else {
        emu_hmp_session_open(self->hmp);
    }
}

static void
monitor_event_cb(gpointer opaque, EmuChardevEvent event)
{
    EmuMonitor *self = opaque;

    switch (event) {
    case EMU_CHARDEV_OPENED:
        if (self->frontend) {
            monitor_opened(self);
        } else {
            self->is_open = true;
        }
        break;
    case EMU_CHARDEV_CLOSED:
        if (self->qmp) {
            emu_qmp_session_close(self->qmp);
        } else {
            emu_hmp_session_close(self->hmp);
        }
        break;
    case EMU_CHARDEV_MUX_IN:
        if (self->hmp && self->frontend) {
            emu_hmp_session_focus(self->hmp, true);
        }
        break;
    case EMU_CHARDEV_MUX_OUT:
        if (self->hmp) {
            emu_hmp_session_focus(self->hmp, false);
        }
        break;
    case EMU_CHARDEV_BREAK:
        break;
    }
}

static void
monitor_free(gpointer data)
{
    EmuMonitor *self = data;

    emu_char_frontend_free(self->frontend);
    emu_qmp_session_free(self->qmp);
    emu_hmp_session_free(self->hmp);
    g_free(self);
}

EmuMonitor *
emu_monitors_add(EmuMonitors *set, EmuChardev *chardev, EmuMonitorMode mode, bool pretty, GError **error)
{
    static const EmuChardevHandlers handlers = {monitor_can_receive_cb, monitor_receive_cb, monitor_event_cb};
    EmuMonitor *self = g_new0(EmuMonitor, 1);

    self->set = set;
    if (mode == EMU_MONITOR_CONTROL) {
        self->qmp = emu_qmp_session_new(set, self, pretty, monitor_write_cb, self);
    } else {
        self->hmp = emu_hmp_session_new(set, self, monitor_write_cb, self);
    }
    self->frontend = emu_char_frontend_new(chardev, &handlers, self, error);
    if (!self->frontend) {
        monitor_free(self);
        return NULL;
    }
    g_ptr_array_add(set->monitors, self);
    if (self->is_open) {
        monitor_opened(self);
    }
    return self;
}

void
emu_monitors_remove(EmuMonitors *self, EmuMonitor *monitor)
{
    g_ptr_array_remove(self->monitors, monitor);
}

static void
monitors_free(gpointer data)
{
    EmuMonitors *self = data;

    g_ptr_array_unref(self->throttles);
    g_ptr_array_unref(self->monitors);
    g_free(self);
}

static const char *const peripheral_folders[] = {"/machine/peripheral", "/machine/peripheral-anon"};

/* The monitors go while the contexts that their character devices watch are still there. Big lock held. */
void
emu_machine_close_monitors(EmuMachine *machine)
{
    EmuMonitors *self = g_object_get_data(G_OBJECT(machine), MONITORS_KEY);

    if (self) {
        g_signal_handlers_disconnect_by_data(machine, self);
        for (unsigned i = 0; i < G_N_ELEMENTS(peripheral_folders); i++) {
            g_signal_handlers_disconnect_by_data(
                emu_object_get_container(emu_machine_get_root(machine), peripheral_folders[i]), self);
        }
        emu_block_layer_set_event_func(emu_machine_get_block_layer(machine), NULL, NULL);
        g_object_set_data(G_OBJECT(machine), MONITORS_KEY, NULL);
    }
}

EmuMonitors *
emu_machine_get_monitors(EmuMachine *machine)
{
    EmuMonitors *self = g_object_get_data(G_OBJECT(machine), MONITORS_KEY);

    if (!self) {
        self = g_new0(EmuMonitors, 1);
        self->machine = machine;
        self->monitors = g_ptr_array_new_with_free_func(monitor_free);
        self->throttles = g_ptr_array_new_with_free_func(throttle_free);
        self->was_running = emu_machine_get_run_state(machine) == EMU_RUN_STATE_RUNNING;
        g_signal_connect(machine, "run-state-changed", G_CALLBACK(run_state_changed_cb), self);
        g_signal_connect(machine, "reset", G_CALLBACK(reset_cb), self);
        g_signal_connect(machine, "shutdown", G_CALLBACK(shutdown_cb), self);
        g_signal_connect(machine, "powerdown", G_CALLBACK(powerdown_cb), self);
        g_signal_connect(machine, "suspend", G_CALLBACK(suspend_cb), self);
        g_signal_connect(machine, "suspend-disk", G_CALLBACK(suspend_disk_cb), self);
        g_signal_connect(machine, "wakeup", G_CALLBACK(wakeup_cb), self);
        g_signal_connect(machine, "watchdog", G_CALLBACK(watchdog_cb), self);
        g_signal_connect(machine, "acpi-ost", G_CALLBACK(acpi_ost_cb), self);
        g_signal_connect(machine, "guest-event", G_CALLBACK(guest_event_cb), self);
        for (unsigned i = 0; i < G_N_ELEMENTS(peripheral_folders); i++) {
            g_signal_connect(emu_object_get_container(emu_machine_get_root(machine), peripheral_folders[i]), "child-removed", G_CALLBACK(peripheral_removed_cb), self);
        }
        emu_block_layer_set_event_func(emu_machine_get_block_layer(machine), block_event_cb, self);
        g_object_set_data_full(G_OBJECT(machine), MONITORS_KEY, self, monitors_free);
    }
    return self;
}

EmuMachine *
emu_monitors_get_machine(EmuMonitors *self)
{
    return self->machine;
}
