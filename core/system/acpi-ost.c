/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the guest says of devices that came or shall go (_OST, ACPI 6.3, section 6.3.5): from a vCPU's thread to the main loop, where
 * the machine's signal "acpi-ost" tells the monitors.
 */

#include <emu/memory-device.h>

#include "device/device-private.h"
#include "system/machine-private.h"

#define OST_PENDING_MAX 256 /* what a guest says beyond that before the main loop listens is lost */

typedef struct {
    char *id;
    EmuAcpiSlot type;
    unsigned slot;
    uint32_t source, status;
} OstReport;

static void
report_clear(gpointer data)
{
    g_free(((OstReport *)data)->id);
}

static void
tell_cb(gpointer opaque)
{
    EmuMachinePrivate *priv = emu_machine_priv(opaque);

    while (priv->ost_reports->len) {
        OstReport report = g_array_index(priv->ost_reports, OstReport, 0);

        g_array_index(priv->ost_reports, OstReport, 0).id = NULL;
        g_array_remove_index(priv->ost_reports, 0);
        g_signal_emit_by_name(opaque, "acpi-ost", report.id, (int)report.type, report.slot, report.source, report.status);
        report_clear(&report);
    }
}

void
emu_machine_report_ost(EmuMachine *self, EmuAcpiSlot type, unsigned slot, EmuDevice *dev, uint32_t source, uint32_t status)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);
    OstReport report = {dev ? g_strdup(emu_device_get_id(dev)) : NULL, type, slot, source, status};

    if (!priv->ost_reports) {
        priv->ost_reports = g_array_new(FALSE, FALSE, sizeof report);
        g_array_set_clear_func(priv->ost_reports, report_clear);
        priv->ost_bh = emu_bh_new(priv->context, tell_cb, self);
    }
    if (priv->ost_reports->len == OST_PENDING_MAX) {
        report_clear(&report);
        return;
    }
    g_array_append_val(priv->ost_reports, report);
    emu_bh_schedule(priv->ost_bh);
}

void
emu_machine_free_ost(EmuMachine *self)
{
    EmuMachinePrivate *priv = emu_machine_priv(self);

    g_clear_pointer(&priv->ost_bh, emu_bh_free);
    g_clear_pointer(&priv->ost_reports, g_array_unref);
}
