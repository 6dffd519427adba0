/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The interface of <emu/fw-cfg.h>: type and callers. Numbers are little-endian in the items. */

#include <emu/fw-cfg.h>

#include <string.h>

G_DEFINE_INTERFACE(EmuFwCfg, emu_fw_cfg, EMU_TYPE_OBJECT)

static void
emu_fw_cfg_default_init(EmuFwCfgInterface *iface G_GNUC_UNUSED)
{
}

static void
fw_cfg_register_types(void)
{
    emu_type_register_gtype("fw-cfg", EMU_TYPE_FW_CFG);
}
type_init(fw_cfg_register_types)

static bool
fw_cfg_find_cb(EmuObject *child, gpointer data)
{
    EmuFwCfg **found = data;

    if (EMU_IS_FW_CFG(child)) {
        *found = EMU_FW_CFG(child);
        return true;
    }
    return emu_object_foreach_child(child, fw_cfg_find_cb, data);
}

/**
 * emu_machine_find_fw_cfg:
 * @machine: a machine
 *
 * Looks through the composition tree. Boards ask once and keep the pointer.
 *
 * Returns: (transfer none) (nullable): its firmware configuration device
 */
EmuFwCfg *
emu_machine_find_fw_cfg(EmuMachine *machine)
{
    EmuFwCfg *found = NULL;

    g_return_val_if_fail(EMU_IS_MACHINE(machine), NULL);
    emu_object_foreach_child(machine, fw_cfg_find_cb, &found);
    return found;
}

/**
 * emu_fw_cfg_add_bytes:
 * @self: a firmware configuration device
 * @key: the item's number, below %EMU_FW_CFG_FILE_FIRST or local to the architecture
 * @data: (array length=len): contents, copied
 * @len: length
 *
 * Adds or replaces an item. Big lock held.
 */
void
emu_fw_cfg_add_bytes(EmuFwCfg *self, uint16_t key, const void *data, gsize len)
{
    g_return_if_fail(EMU_IS_FW_CFG(self));
    EMU_FW_CFG_GET_IFACE(self)->add_bytes(self, key, data, len);
}

void
emu_fw_cfg_add_u16(EmuFwCfg *self, uint16_t key, uint16_t v)
{
    v = GUINT16_TO_LE(v);
    emu_fw_cfg_add_bytes(self, key, &v, sizeof v);
}

void
emu_fw_cfg_add_u32(EmuFwCfg *self, uint16_t key, uint32_t v)
{
    v = GUINT32_TO_LE(v);
    emu_fw_cfg_add_bytes(self, key, &v, sizeof v);
}

void
emu_fw_cfg_add_u64(EmuFwCfg *self, uint16_t key, uint64_t v)
{
    v = GUINT64_TO_LE(v);
    emu_fw_cfg_add_bytes(self, key, &v, sizeof v);
}

/**
 * emu_fw_cfg_add_string:
 * @self: a firmware configuration device
 * @key: the item's number
 * @s: text; the item includes the final 0
 */
void
emu_fw_cfg_add_string(EmuFwCfg *self, uint16_t key, const char *s)
{
    emu_fw_cfg_add_bytes(self, key, s, strlen(s) + 1);
}

/**
 * emu_fw_cfg_add_file:
 * @self: a firmware configuration device
 * @name: path of the file, at most 55 bytes
 * @data: (array length=len): contents, copied
 * @len: length
 */
void
emu_fw_cfg_add_file(EmuFwCfg *self, const char *name, const void *data, gsize len)
{
    emu_fw_cfg_add_file_full(self, name, data, len, NULL, NULL, false);
}

/**
 * emu_fw_cfg_add_file_full:
 * @self: a firmware configuration device
 * @name: path of the file, at most 55 bytes
 * @data: (array length=len): contents, copied
 * @len: length
 * @select: (nullable): runs when the guest selects the file, so that tables can be built late
 * @opaque: for @select
 * @writable: whether the guest may write it by DMA
 *
 * Big lock held.
 */
void
emu_fw_cfg_add_file_full(EmuFwCfg *self, const char *name, const void *data, gsize len, void (*select)(gpointer opaque),
                         gpointer opaque, bool writable)
{
    g_return_if_fail(EMU_IS_FW_CFG(self));
    EMU_FW_CFG_GET_IFACE(self)->add_file(self, name, data, len, select, opaque, writable);
}

/**
 * emu_fw_cfg_modify_file:
 * @self: a firmware configuration device
 * @name: path of the file; added when absent
 * @data: (array length=len): new contents, copied
 * @len: length
 */
void
emu_fw_cfg_modify_file(EmuFwCfg *self, const char *name, const void *data, gsize len)
{
    g_return_if_fail(EMU_IS_FW_CFG(self));
    EMU_FW_CFG_GET_IFACE(self)->modify_file(self, name, data, len);
}

/**
 * emu_fw_cfg_get_file:
 * @self: a firmware configuration device
 * @name: path of the file
 * @len: (out): its length
 *
 * Returns: (transfer none) (nullable): contents, what the guest wrote included; good until the file changes
 */
const uint8_t *
emu_fw_cfg_get_file(EmuFwCfg *self, const char *name, gsize *len)
{
    g_return_val_if_fail(EMU_IS_FW_CFG(self), NULL);
    return EMU_FW_CFG_GET_IFACE(self)->get_file(self, name, len);
}
