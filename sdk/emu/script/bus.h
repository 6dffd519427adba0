/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Buses: what is on them, and the master's side of those that a script's device provides. */

#include <emu/script/device.h>

G_BEGIN_DECLS

EMU_AVAILABLE_IN_1_0 const char *emu_script_bus_get_name(EmuBus *self);
EMU_AVAILABLE_IN_1_0 EmuDevice *emu_script_bus_get_owner(EmuBus *self);
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_script_bus_list_devices(EmuBus *self);
EMU_AVAILABLE_IN_1_0 EmuBus *emu_script_device_get_bus(EmuDevice *self);
EMU_AVAILABLE_IN_1_0 GPtrArray *emu_script_device_list_buses(EmuDevice *self);

/* ---- for the device itself, in its realize function -------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 EmuSpiBus *emu_script_device_add_spi_bus(EmuDevice *self, const char *name, guint n_selects, GError **error);
EMU_AVAILABLE_IN_1_0 EmuI2cBus *emu_script_device_add_i2c_bus(EmuDevice *self, const char *name, GError **error);
EMU_AVAILABLE_IN_1_0 EmuIsaBus *emu_script_device_add_isa_bus(EmuDevice *self, EmuScriptLineFunc func, gpointer user_data, GDestroyNotify destroy, GError **error);

/* ---- masters ------------------------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 gboolean emu_script_spi_bus_set_select(EmuSpiBus *self, guint select, gint level, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_spi_bus_transfer(EmuSpiBus *self, guint value, guint bits, guint *answer, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_i2c_bus_start(EmuI2cBus *self, guint address, gboolean receive, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_i2c_bus_send(EmuI2cBus *self, guint data, GError **error);
EMU_AVAILABLE_IN_1_0 gint emu_script_i2c_bus_receive(EmuI2cBus *self, gboolean acknowledge);
EMU_AVAILABLE_IN_1_0 void emu_script_i2c_bus_stop(EmuI2cBus *self);

G_END_DECLS
