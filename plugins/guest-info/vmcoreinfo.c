/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The file "etc/vmcoreinfo" of the configuration device: the guest writes where the note with its crash dump information lies.
 * 16 bytes, little endian: format the host understands (1: ELF note), format of the guest's, size, physical address.
 */

#include "guest-info.h"

#include <emu/fw-cfg.h>

#include <string.h>

#define VMCOREINFO_FILE "etc/vmcoreinfo"
#define VMCOREINFO_SIZE 16
#define VMCOREINFO_FORMAT_ELF 1

typedef struct {
    EmuDevice parent_instance;
} Vmcoreinfo;

static const uint8_t vmcoreinfo_initial[VMCOREINFO_SIZE] = {VMCOREINFO_FORMAT_ELF};

static bool
vmcoreinfo_realize(EmuDevice *dev, GError **error)
{
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(emu_device_get_machine(dev));
    gsize len;

    if (!fw_cfg) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "vmcoreinfo: the board has no configuration device (fw_cfg)");
        return false;
    }
    if (emu_fw_cfg_get_file(fw_cfg, VMCOREINFO_FILE, &len)) {
        g_set_error_literal(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_DUPLICATE, "vmcoreinfo: there is one already");
        return false;
    }
    emu_fw_cfg_add_file_full(fw_cfg, VMCOREINFO_FILE, vmcoreinfo_initial, sizeof vmcoreinfo_initial, NULL, NULL, true);
    return true;
}

static void
vmcoreinfo_reset_enter(EmuDevice *dev)
{
    emu_fw_cfg_modify_file(emu_machine_find_fw_cfg(emu_device_get_machine(dev)), VMCOREINFO_FILE, vmcoreinfo_initial, sizeof vmcoreinfo_initial);
}

/* "none", or what the guest left: "format 1, 4132 bytes at 0x1234000". */
static char *
vmcoreinfo_get_note(gpointer self, GError **error G_GNUC_UNUSED)
{
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(emu_device_get_machine(self));
    gsize len = 0;
    const uint8_t *data = fw_cfg ? emu_fw_cfg_get_file(fw_cfg, VMCOREINFO_FILE, &len) : NULL;
    uint64_t address;
    uint32_t size;

    if (!data || len != VMCOREINFO_SIZE || !(data[2] | data[3])) {
        return g_strdup("none");
    }
    memcpy(&size, data + 4, 4);
    memcpy(&address, data + 8, 8);
    return g_strdup_printf("format %u, %u bytes at 0x%" G_GINT64_MODIFIER "x", data[2] | data[3] << 8, GUINT32_FROM_LE(size),
                           GUINT64_FROM_LE(address));
}

static const EmuVMField vmcoreinfo_fields[] = {EMU_VM_END}; /* the file's contents are the configuration device's */
static const EmuVMState vmcoreinfo_vmstate = {.name = "vmcoreinfo", .version = 1, .minimum_version = 1, .fields = vmcoreinfo_fields};

static void
vmcoreinfo_class_init(gpointer klass, gconstpointer data G_GNUC_UNUSED)
{
    EmuDeviceClass *device = klass;

    device->realize = vmcoreinfo_realize;
    device->reset_enter = vmcoreinfo_reset_enter;
    device->vmstate = &vmcoreinfo_vmstate;
    device->category = "misc";
    device->user_creatable = true;
    device->hotpluggable = false;
    emu_object_class_add_string_property(klass, "note", vmcoreinfo_get_note, NULL, "where the guest's note lies");
}

const EmuTypeInfo vmcoreinfo_type_info = {
    .name = "vmcoreinfo",
    .parent = "device",
    .instance_size = sizeof(Vmcoreinfo),
    .class_init = vmcoreinfo_class_init,
    .description = "place of the guest's crash dump information",
};
