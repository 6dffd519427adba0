/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Types of devices that are written in a script: a class derived from Emu.IsaDevice and the like, made known by this. */

#include <emu/script/object.h>

G_BEGIN_DECLS

#define EMU_SCRIPT_TYPE_DEVICE_TYPE (emu_script_device_type_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptDeviceType, emu_script_device_type, EMU_SCRIPT, DEVICE_TYPE, GObject)

/**
 * EmuScriptRealizeFunc:
 * @device: the device; its properties are set
 * @user_data: (closure): what was given with it
 *
 * Makes a device's regions and lines.
 *
 * Returns: (nullable) (transfer full): %NULL when it is there; otherwise why it cannot be
 */
typedef char *(*EmuScriptRealizeFunc)(EmuDevice *device, gpointer user_data);
/**
 * EmuScriptDeviceFunc:
 * @device: the device
 * @user_data: (closure): what was given with it
 *
 * Something that happens to a device: a reset, its end.
 */
typedef void (*EmuScriptDeviceFunc)(EmuDevice *device, gpointer user_data);
/**
 * EmuScriptSaveFunc:
 * @device: the device
 * @user_data: (closure): what was given with it
 *
 * Gives a device's state as bytes, laid out as the fields were declared.
 *
 * Returns: (transfer full): the bytes
 */
typedef GBytes *(*EmuScriptSaveFunc)(EmuDevice *device, gpointer user_data);
/**
 * EmuScriptLoadFunc:
 * @device: the device
 * @data: the bytes
 * @user_data: (closure): what was given with it
 *
 * Takes a device's state back.
 *
 * Returns: (nullable) (transfer full): %NULL when it is taken; otherwise what is wrong with it
 */
typedef char *(*EmuScriptLoadFunc)(EmuDevice *device, GBytes *data, gpointer user_data);
/**
 * EmuScriptI2cFunc:
 * @device: the device
 * @what: 0 and 1: the bus master begins to receive, or to send; 2: end; 3: not acknowledged; 4: send @data; 5: receive
 * @data: a byte from the master
 * @user_data: (closure): what was given with it
 *
 * What happens on the I2C bus to a device that was addressed.
 *
 * Returns: the byte for the master; for the others 0 to acknowledge
 */
typedef gint (*EmuScriptI2cFunc)(EmuDevice *device, gint what, guint data, gpointer user_data);
/**
 * EmuScriptSpiFunc:
 * @device: the device
 * @what: 0: the chip select became inactive; 1: active; 2: a word, @value in, the answer out
 * @value: a word from the master
 * @user_data: (closure): what was given with it
 *
 * What happens on the SPI bus to a device.
 *
 * Returns: the word for the master; for the others anything
 */
typedef guint (*EmuScriptSpiFunc)(EmuDevice *device, gint what, guint value, gpointer user_data);
/**
 * EmuScriptPartFunc:
 * @device: the device
 * @what: 0: region @number is read; 1: @value is written to it; 2: line @offset of input group @number is driven to @value; 3: timer
 *   @number has run down
 * @number: of the part, in the order in which the device made parts of its kind, from 0 on
 * @offset: in the region
 * @size: bytes of the access
 * @value: what is written
 * @user_data: (closure): what was given with it
 *
 * Something happens to a part of a device that has no function of its own. The machine's lock is held.
 *
 * Returns: what is read; for the others anything
 */
typedef guint64 (*EmuScriptPartFunc)(EmuDevice *device, gint what, guint number, guint64 offset, guint size, guint64 value, gpointer user_data);
/**
 * EmuScriptReadFunc:
 * @offset: in the region
 * @size: 1, 2, 4 or 8 bytes
 * @user_data: (closure): what was given with it
 *
 * A read of a region. On the thread of the CPU, the machine's lock held.
 *
 * Returns: the value
 */
typedef guint64 (*EmuScriptReadFunc)(guint64 offset, guint size, gpointer user_data);
/**
 * EmuScriptWriteFunc:
 * @offset: in the region
 * @value: what is written
 * @size: 1, 2, 4 or 8 bytes
 * @user_data: (closure): what was given with it
 *
 * A write to a region. On the thread of the CPU, the machine's lock held.
 */
typedef void (*EmuScriptWriteFunc)(guint64 offset, guint64 value, guint size, gpointer user_data);
/**
 * EmuScriptLineFunc:
 * @index: which line of the group
 * @level: what it is driven to
 * @user_data: (closure): what was given with it
 *
 * An input is driven.
 */
typedef void (*EmuScriptLineFunc)(guint index, gint level, gpointer user_data);

EMU_AVAILABLE_IN_1_0 EmuScriptDeviceType *emu_script_device_type_new(GType type, const char *name, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_description(EmuScriptDeviceType *self, const char *text);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_category(EmuScriptDeviceType *self, const char *category);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_hotpluggable(EmuScriptDeviceType *self, gboolean hotpluggable);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_type_set_pci_ids(EmuScriptDeviceType *self, guint vendor, guint device, guint class_id, guint revision, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_add_saved(EmuScriptDeviceType *self, const char *name, guint size);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_realize(EmuScriptDeviceType *self, EmuScriptRealizeFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_unrealize(EmuScriptDeviceType *self, EmuScriptDeviceFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_reset(EmuScriptDeviceType *self, EmuScriptDeviceFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_save(EmuScriptDeviceType *self, EmuScriptSaveFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_load(EmuScriptDeviceType *self, EmuScriptLoadFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_i2c(EmuScriptDeviceType *self, EmuScriptI2cFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_spi(EmuScriptDeviceType *self, guint word_bits, gboolean select_high, EmuScriptSpiFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_device_type_set_parts(EmuScriptDeviceType *self, EmuScriptPartFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_type_register(EmuScriptDeviceType *self, GError **error);

/* ---- for the device itself, in its realize function ------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_add_region(EmuDevice *self, const char *name, guint64 size, gboolean io, guint64 address,
    EmuScriptReadFunc read, gpointer read_data, GDestroyNotify read_destroy,
    EmuScriptWriteFunc write, gpointer write_data, GDestroyNotify write_destroy, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_add_outputs(EmuDevice *self, const char *name, guint n, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_add_inputs(EmuDevice *self, const char *name, guint n, EmuScriptLineFunc func, gpointer user_data, GDestroyNotify destroy, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_connect_irq(EmuDevice *self, guint irq, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_device_set_irq(EmuDevice *self, gint level);
EMU_AVAILABLE_IN_1_0 guint8 *emu_script_device_dma_read(EmuDevice *self, guint64 address, gsize size, gsize *n_data, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_dma_write(EmuDevice *self, guint64 address, const guint8 *data, gsize n_data, GError **error);
EMU_AVAILABLE_IN_1_0 guint emu_script_device_add_timer(EmuDevice *self, EmuScriptDeviceFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_device_set_timer(EmuDevice *self, guint timer, gint64 delay_ns);
EMU_AVAILABLE_IN_1_0 gint64 emu_script_device_get_virtual_ns(EmuDevice *self);
EMU_AVAILABLE_IN_1_0 void emu_script_device_report_exception(EmuDevice *self, const char *text);

/**
 * EmuScriptThreadFunc:
 * @user_data: (closure): what was given with it
 *
 * A thread of a CPU is about to call a script's function for the first time.
 */
typedef void (*EmuScriptThreadFunc)(gpointer user_data);
EMU_AVAILABLE_IN_1_0 void emu_script_set_thread_hook(EmuScriptThreadFunc func, gpointer user_data, GDestroyNotify destroy);

G_END_DECLS
