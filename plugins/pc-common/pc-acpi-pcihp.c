/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tables for PCI slots that come and go. What does not depend on the buses is ASL; the slots, those behind bridges inside the
 * bridge's own, and the methods that pass news on are written here as AML. For a bus whose number at the controller is n:
 *
 *   Device (Sss) { Name (_SUN, ss) Name (_ADR, ss << 16) Method (_EJ0, 1) { PCEJ (n, ss) } what is behind it } ...
 *   Method (DVNT, 2) { If (And (Arg0, 1 << ss)) { Notify (Sss, Arg1) } ... }
 *   Method (PCNT, 0) { Store (n, BNUM) DVNT (PCIU, 1) DVNT (PCID, 3) ^Sss.PCNT () ... }
 */

#include "pc-aml.h"

#include "pcihp-aml.h"

#include <string.h>

#define PCIHP_BUS_NUMBER "acpi-pcihp-bsel" /* data of a bus that the controller has slots of: its number and one */
#define PCIHP_GPE 1                        /* as acpi/pcihp.asl has it */
#define PCIHP_NOTIFY_CHECK 1
#define PCIHP_NOTIFY_EJECT 3

static void pcihp_add_bus(GByteArray *out, EmuBus *bus);

static EmuPciDevice *
pcihp_find(EmuBus *bus, unsigned devfn)
{
    GPtrArray *devices = emu_bus_get_devices(bus);

    for (guint i = 0; i < devices->len; i++) {
        if (emu_pci_device_get_devfn(devices->pdata[i]) == devfn) {
            return devices->pdata[i];
        }
    }
    return NULL;
}

/* The bus behind a bridge. */
static EmuBus *
pcihp_get_bus_behind(EmuPciDevice *dev)
{
    GPtrArray *buses = dev ? emu_device_get_buses(EMU_DEVICE(dev)) : NULL;

    return buses && buses->len && EMU_IS_PCI_BUS(buses->pdata[0]) ? buses->pdata[0] : NULL;
}

static bool
pcihp_is_the_boards(EmuPciDevice *dev)
{
    g_autofree char *path = dev ? emu_object_get_canonical_path(dev) : NULL;

    return path && !g_str_has_prefix(path, "/machine/peripheral");
}

static void
pcihp_add_integer(GByteArray *out, const char *name, uint32_t value)
{
    pc_acpi_add(out, PC_AML_NAME, 1);
    pc_aml_add_name(out, name);
    pc_aml_add_dword(out, value);
}

static void
pcihp_add_device(GByteArray *out, GByteArray *body)
{
    pc_acpi_add(out, PC_AML_EXT, 1);
    pc_acpi_add(out, PC_AML_EXT_DEVICE, 1);
    pc_aml_add_package(out, body);
}

static void
pcihp_add_eject(GByteArray *out, unsigned number, unsigned slot)
{
    GByteArray *body = g_byte_array_new();

    pc_aml_add_name(body, "_EJ0");
    pc_acpi_add(body, 1, 1);
    pc_aml_add_name(body, "PCEJ");
    pc_aml_add_word(body, number);
    pc_aml_add_word(body, slot);
    pc_acpi_add(out, PC_AML_METHOD, 1);
    pc_aml_add_package(out, body);
}

static void
pcihp_add_notify(GByteArray *out, const char *name, unsigned slot)
{
    GByteArray *body = g_byte_array_new();

    pc_acpi_add(body, PC_AML_AND, 1);
    pc_acpi_add(body, PC_AML_ARG0, 1);
    pc_aml_add_dword(body, 1u << slot);
    pc_acpi_add(body, PC_AML_ZERO, 1); /* no target */
    pc_acpi_add(body, PC_AML_NOTIFY, 1);
    pc_aml_add_name(body, name);
    pc_acpi_add(body, PC_AML_ARG1, 1);
    pc_acpi_add(out, PC_AML_IF, 1);
    pc_aml_add_package(out, body);
}

static void
pcihp_add_news(GByteArray *out, const char *field, unsigned what)
{
    pc_aml_add_name(out, "DVNT");
    pc_aml_add_name(out, field);
    pc_aml_add_word(out, what);
}

/* ^NAME.PCNT (), as seen from a method beside NAME. */
static void
pcihp_add_child_call(GByteArray *out, const char *name)
{
    pc_acpi_add(out, '^', 1);
    pc_acpi_add(out, PC_AML_DUAL_NAME, 1);
    pc_aml_add_name(out, name);
    pc_aml_add_name(out, "PCNT");
}

/* A slot of a bus with number @number; whatever may come into it, and the bridge that is there with what lies behind. */
static void
pcihp_add_slot(GByteArray *out, GByteArray *notify, GByteArray *calls, EmuBus *bus, unsigned number, unsigned slot)
{
    EmuBus *behind = pcihp_get_bus_behind(pcihp_find(bus, slot << 3));
    GByteArray *body = g_byte_array_new();
    char name[5];

    g_snprintf(name, sizeof name, "S%02X_", slot);
    pc_aml_add_name(body, name);
    pcihp_add_integer(body, "_SUN", slot);
    pcihp_add_integer(body, "_ADR", slot << 16);
    if (behind) {
        pcihp_add_bus(body, behind);
        pcihp_add_child_call(calls, name);
    } else {
        pcihp_add_eject(body, number, slot);
        pcihp_add_notify(notify, name, slot);
    }
    pcihp_add_device(out, body);
}

/* A bridge whose place is not a slot that can be emptied. */
static void
pcihp_add_bridge(GByteArray *out, GByteArray *calls, unsigned devfn, EmuBus *behind)
{
    GByteArray *body = g_byte_array_new();
    char name[5];

    g_snprintf(name, sizeof name, "B%02X_", devfn);
    pc_aml_add_name(body, name);
    pcihp_add_integer(body, "_ADR", (devfn >> 3) << 16 | (devfn & 7));
    pcihp_add_bus(body, behind);
    pcihp_add_device(out, body);
    pcihp_add_child_call(calls, name);
}

static void
pcihp_add_method(GByteArray *out, const char *name, uint8_t n_args, GByteArray *content)
{
    GByteArray *body = g_byte_array_new();

    pc_aml_add_name(body, name);
    pc_acpi_add(body, n_args, 1);
    g_byte_array_append(body, content->data, content->len);
    g_byte_array_unref(content);
    pc_acpi_add(out, PC_AML_METHOD, 1);
    pc_aml_add_package(out, body);
}

static void
pcihp_add_bus(GByteArray *out, EmuBus *bus)
{
    unsigned number = GPOINTER_TO_UINT(g_object_get_data(G_OBJECT(bus), PCIHP_BUS_NUMBER));
    GByteArray *notify = g_byte_array_new(), *calls = g_byte_array_new(), *news = g_byte_array_new();
    bool port = emu_pci_bus_is_express(EMU_PCI_BUS(bus)) && EMU_IS_PCI_DEVICE(emu_bus_get_owner(bus));

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        EmuPciDevice *dev = pcihp_find(bus, devfn);
        EmuBus *behind = pcihp_get_bus_behind(dev);

        if (number && devfn % 8 == 0 && (devfn == 0 || !port) && (!pcihp_is_the_boards(dev) || behind)) {
            pcihp_add_slot(out, notify, calls, bus, number - 1, devfn >> 3);
        } else if (behind) {
            pcihp_add_bridge(out, calls, devfn, behind);
        }
    }
    if (number) {
        pc_acpi_add(news, PC_AML_STORE, 1);
        pc_aml_add_word(news, number - 1);
        pc_aml_add_name(news, "BNUM");
        pcihp_add_news(news, "PCIU", PCIHP_NOTIFY_CHECK);
        pcihp_add_news(news, "PCID", PCIHP_NOTIFY_EJECT);
        pcihp_add_method(out, "DVNT", 2, notify);
    } else {
        g_byte_array_unref(notify);
    }
    g_byte_array_append(news, calls->data, calls->len);
    g_byte_array_unref(calls);
    pcihp_add_method(out, "PCNT", 0, news);
}

void
pc_acpi_add_pci_hotplug(PcAcpi *self, guint *tables, guint *n)
{
    guint at = self->tables->len;
    GByteArray *scope = g_byte_array_new();

    g_byte_array_append(self->tables, pc_pcihp_aml, sizeof pc_pcihp_aml);
    pc_acpi_patch_name(self->tables->data + at, sizeof pc_pcihp_aml, "PHPB", self->pc->pci_hotplug_port, 2);
    pc_acpi_end(self, at);
    tables[(*n)++] = at;

    at = pc_acpi_begin(self, "SSDT", 1);
    pc_acpi_add(scope, '\\', 1);
    pc_acpi_add(scope, PC_AML_DUAL_NAME, 1);
    pc_aml_add_name(scope, "_SB_");
    pc_aml_add_name(scope, "PCI0");
    pcihp_add_bus(scope, EMU_BUS(self->pc->pci_bus));
    pc_acpi_add(self->tables, PC_AML_SCOPE, 1);
    pc_aml_add_package(self->tables, scope);
    pc_acpi_end(self, at);
    tables[(*n)++] = at;
}

static bool
pcihp_is_wanted(PcMachine *self, const char *property)
{
    g_autofree char *text = emu_object_has_property(self->pm, property) ? emu_object_get_as_string(self->pm, property, NULL) : NULL;

    return g_strcmp0(text, "on") == 0;
}

bool
pc_create_pci_hotplug(PcMachine *self, uint16_t port, GError **error)
{
    bool root = pcihp_is_wanted(self, "acpi-root-pci-hotplug"), bridges = pcihp_is_wanted(self, "acpi-pci-hotplug-with-bridge-support");
    g_autoptr(GError) local_error = NULL;
    g_autofree char *text = g_strdup_printf("%u", port);
    EmuDevice *dev;

    if (!root && !bridges) {
        return true;
    }
    dev = emu_device_new("acpi-pcihp", &local_error);
    if (!dev) {
        return pc_tolerate("acpi-pcihp", &local_error, error);
    }
    if (!emu_object_set_link(dev, "bus", self->pci_bus, error) || !emu_object_set_from_string(dev, "port", text, error) ||
        !emu_object_set_from_string(dev, "root", root ? "on" : "off", error) ||
        !emu_object_set_from_string(dev, "bridges", bridges ? "on" : "off", error)) {
        g_object_unref(dev);
        return false;
    }
    if (!emu_device_realize(dev, EMU_MACHINE(self), NULL, error)) {
        return false;
    }
    emu_device_connect_out(dev, "event", 0, emu_device_get_line_in(self->pm, "gpe", PCIHP_GPE));
    self->pci_hotplug_port = port;
    return true;
}
