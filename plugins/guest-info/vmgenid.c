/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Virtual machine generation ID (Microsoft, "Virtual Machine Generation ID", 2018): 16 bytes in guest memory that change when
 * the machine goes back in time.
 *
 * The firmware allocates the page "etc/vmgenid_guid" for them and writes its address to "etc/vmgenid_addr"; the board's
 * tables tell the guest. After a saved state was loaded the bytes are written again, and output "notify" pulses.
 */

#include "guest-info.h"

#include <emu/fw-cfg.h>
#include <emu/info.h>

#include <string.h>

#define VMGENID_GUID_FILE "etc/vmgenid_guid"
#define VMGENID_ADDRESS_FILE "etc/vmgenid_addr"
#define VMGENID_PAGE 4096
#define VMGENID_OFFSET 40 /* behind what firmware may take for a table's header */

typedef struct {
    EmuDevice parent_instance;

    char *guid_text;

    EmuLine *notify;
    gulong run_handler;
    uint8_t guid[16]; /* little-endian fields, as the guest reads it */
    bool changed;     /* the guest has not been told */
    uint8_t address[8];
} Vmgenid;

/* The first three fields of a GUID are numbers. */
static void
vmgenid_swap(const uint8_t text_order[16], uint8_t guid[16])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

    for (unsigned i = 0; i < 16; i++) {
        guid[i] = text_order[order[i]];
    }
}

static bool
vmgenid_parse(Vmgenid *self, GError **error)
{
    g_autofree char *random = g_strcmp0(self->guid_text, "auto") == 0 ? g_uuid_string_random() : NULL;
    const char *text = random ? random : self->guid_text;
    uint8_t bytes[16];
    unsigned n = 0;

    if (!text || !g_uuid_string_is_valid(text)) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE, "vmgenid: guid is '%s', expected a UUID or auto", text ? text : "");
        return false;
    }
    for (const char *p = text; *p; p++) {
        if (*p != '-') {
            bytes[n++] = (uint8_t)(g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]));
            p++;
        }
    }
    vmgenid_swap(bytes, self->guid);
    return true;
}

static char *
vmgenid_describe(EmuInfoProvider *provider, const char *topic)
{
    const uint8_t *g = ((Vmgenid *)(gpointer)provider)->guid;

    if (strcmp(topic, "vm-generation-id") != 0) {
        return NULL;
    }
    return g_strdup_printf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n", g[3], g[2], g[1], g[0], g[5], g[4], g[7],
                           g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

/* Once the machine runs again memory is what it will be, and the configuration device has its files. */
static void
vmgenid_run_state_cb(EmuMachine *machine, int state, gpointer opaque)
{
    Vmgenid *self = opaque;
    gsize len = 0;
    const uint8_t *data = emu_fw_cfg_get_file(emu_machine_find_fw_cfg(machine), VMGENID_ADDRESS_FILE, &len);
    uint64_t address = 0;

    if (state != EMU_RUN_STATE_RUNNING || !self->changed) {
        return;
    }
    self->changed = false;
    if (data && len == sizeof address) {
        memcpy(&address, data, sizeof address);
    }
    if (address) {
        emu_dma_write(emu_machine_get_memory_as(machine), GUINT64_FROM_LE(address), self->guid, sizeof self->guid);
        emu_line_pulse(self->notify);
    }
}

static bool
vmgenid_realize(EmuDevice *dev, GError **error)
{
    Vmgenid *self = (Vmgenid *)dev;
    EmuMachine *machine = emu_device_get_machine(dev);
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(machine);
    g_autofree uint8_t *page = g_malloc0(VMGENID_PAGE);
    gsize len;

    if (!fw_cfg) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "vmgenid: the board has no configuration device (fw_cfg)");
        return false;
    }
    if (emu_fw_cfg_get_file(fw_cfg, VMGENID_GUID_FILE, &len)) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "vmgenid: there is one already");
        return false;
    }
    if (!vmgenid_parse(self, error)) {
        return false;
    }
    memcpy(page + VMGENID_OFFSET, self->guid, sizeof self->guid);
    emu_fw_cfg_add_file(fw_cfg, VMGENID_GUID_FILE, page, VMGENID_PAGE);
    emu_fw_cfg_add_file_full(fw_cfg, VMGENID_ADDRESS_FILE, self->address, sizeof self->address, NULL, NULL, true);
    emu_device_add_lines_out(dev, "notify", 1, &self->notify);
    self->run_handler = g_signal_connect(machine, "run-state-changed", G_CALLBACK(vmgenid_run_state_cb), self);
    return true;
}

static void
vmgenid_unrealize(EmuDevice *dev)
{
    g_signal_handler_disconnect(emu_device_get_machine(dev), ((Vmgenid *)dev)->run_handler);
}

static void
vmgenid_reset_enter(EmuDevice *dev)
{
    Vmgenid *self = (Vmgenid *)dev;

    self->changed = false;
    emu_fw_cfg_modify_file(emu_machine_find_fw_cfg(emu_device_get_machine(dev)), VMGENID_ADDRESS_FILE, self->address, sizeof self->address);
}

static bool
vmgenid_post_load(gpointer opaque, unsigned version G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    ((Vmgenid *)opaque)->changed = true;
    return true;
}

/* The ID itself is this start's, not the saved state's. */
static const EmuVMField vmgenid_fields[] = {EMU_VM_END};
static const EmuVMState vmgenid_vmstate = {
    .name = "vmgenid",
    .version = 1,
    .minimum_version = 1,
    .fields = vmgenid_fields,
    .post_load = vmgenid_post_load,
};

static const EmuProperty vmgenid_properties[] = {
    EMU_PROP_STRING("guid", Vmgenid, guid_text, "auto", "the ID: a UUID, or auto for a new one"),
};

static void
vmgenid_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = vmgenid_realize;
    device->unrealize = vmgenid_unrealize;
    device->reset_enter = vmgenid_reset_enter;
    device->vmstate = &vmgenid_vmstate;
    device->category = "misc";
    device->user_creatable = true;
    device->hotpluggable = false;
    emu_object_class_add_properties(klass, vmgenid_properties, G_N_ELEMENTS(vmgenid_properties));
}

static void
vmgenid_info_provider_init(gpointer iface, gpointer data G_GNUC_UNUSED)
{
    ((EmuInfoProviderInterface *)iface)->describe = vmgenid_describe;
}

static const EmuInterfaceImpl vmgenid_interfaces[] = {
    {"info-provider", vmgenid_info_provider_init},
    {NULL, NULL},
};

const EmuTypeInfo vmgenid_type_info = {
    .name = "vmgenid",
    .parent = "device",
    .instance_size = sizeof(Vmgenid),
    .class_init = vmgenid_class_init,
    .interfaces = vmgenid_interfaces,
    .description = "virtual machine generation ID",
};
