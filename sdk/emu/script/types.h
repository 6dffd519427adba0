/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The scripting interface: what GObject-Introspection shows as namespace "Emu". A layer of its own on the core, for
 * languages other than C: no pointers into guest memory, no function tables, locks taken inside, and every mistake a
 * GError of one domain. Types named EmuScriptX are Emu.X there; the core's object types appear under their own names.
 */

#include <emu/macros.h>
#include <gio/gio.h>

G_BEGIN_DECLS

/* The core's types, for the scanner. */
typedef struct _EmuObject EmuObject;
typedef struct _EmuDevice EmuDevice;
typedef struct _EmuBus EmuBus;
typedef struct _EmuLine EmuLine;
typedef struct _EmuCpu EmuCpu;
typedef struct _EmuSysbusDevice EmuSysbusDevice;
typedef struct _EmuIsaDevice EmuIsaDevice;
typedef struct _EmuPciDevice EmuPciDevice;
typedef struct _EmuI2cDevice EmuI2cDevice;
typedef struct _EmuSpiDevice EmuSpiDevice;
typedef struct _EmuI2cBus EmuI2cBus;
typedef struct _EmuSpiBus EmuSpiBus;
typedef struct _EmuIsaBus EmuIsaBus;
EMU_AVAILABLE_IN_1_0 GType emu_object_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_device_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_bus_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_line_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_cpu_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_sysbus_device_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_isa_device_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_pci_device_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_i2c_device_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_spi_device_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_i2c_bus_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_spi_bus_get_type(void);
EMU_AVAILABLE_IN_1_0 GType emu_isa_bus_get_type(void);

typedef struct _EmuScriptMachine EmuScriptMachine;
typedef struct _EmuScriptTrigger EmuScriptTrigger;

/**
 * EmuScriptError:
 * @EMU_SCRIPT_ERROR_FAILED: anything else
 * @EMU_SCRIPT_ERROR_NO_SUCH_TYPE: no plugin has a type of this name
 * @EMU_SCRIPT_ERROR_ABSTRACT_TYPE: there are no objects of this type
 * @EMU_SCRIPT_ERROR_NO_SUCH_PROPERTY: the object has no property of this name
 * @EMU_SCRIPT_ERROR_BAD_VALUE: a value out of range, or of the wrong kind
 * @EMU_SCRIPT_ERROR_READ_ONLY: the property cannot be set, or not any more
 * @EMU_SCRIPT_ERROR_NOT_FOUND: no object, register, line or file of this name
 * @EMU_SCRIPT_ERROR_DUPLICATE: the name is taken
 * @EMU_SCRIPT_ERROR_WRONG_STATE: not possible now: not built yet, running, ended
 * @EMU_SCRIPT_ERROR_WRONG_THREAD: not possible from within a device's function
 * @EMU_SCRIPT_ERROR_TIMEOUT: what was waited for did not come in time
 * @EMU_SCRIPT_ERROR_CANCELLED: the cancellable was cancelled
 * @EMU_SCRIPT_ERROR_QMP: a QMP command failed
 * @EMU_SCRIPT_ERROR_CLOSED: the machine was closed
 * @EMU_SCRIPT_ERROR_BAD_ADDRESS: nothing is mapped there
 * @EMU_SCRIPT_ERROR_UNSUPPORTED: this machine or accelerator cannot do it
 *
 * What went wrong. The text begins with the path of the object, and the property after a dot where there is one:
 * "/machine/peripheral/net0.mac: ...".
 */
typedef enum {
    EMU_SCRIPT_ERROR_FAILED,
    EMU_SCRIPT_ERROR_NO_SUCH_TYPE,
    EMU_SCRIPT_ERROR_ABSTRACT_TYPE,
    EMU_SCRIPT_ERROR_NO_SUCH_PROPERTY,
    EMU_SCRIPT_ERROR_BAD_VALUE,
    EMU_SCRIPT_ERROR_READ_ONLY,
    EMU_SCRIPT_ERROR_NOT_FOUND,
    EMU_SCRIPT_ERROR_DUPLICATE,
    EMU_SCRIPT_ERROR_WRONG_STATE,
    EMU_SCRIPT_ERROR_WRONG_THREAD,
    EMU_SCRIPT_ERROR_TIMEOUT,
    EMU_SCRIPT_ERROR_CANCELLED,
    EMU_SCRIPT_ERROR_QMP,
    EMU_SCRIPT_ERROR_CLOSED,
    EMU_SCRIPT_ERROR_BAD_ADDRESS,
    EMU_SCRIPT_ERROR_UNSUPPORTED,
} EmuScriptError;
#define EMU_SCRIPT_ERROR (emu_script_error_quark())
EMU_AVAILABLE_IN_1_0 GQuark emu_script_error_quark(void);

/**
 * EmuScriptStopReason:
 * @EMU_SCRIPT_STOP_REASON_PAUSED: somebody paused it
 * @EMU_SCRIPT_STOP_REASON_BREAKPOINT: a CPU came to a breakpoint
 * @EMU_SCRIPT_STOP_REASON_WATCHPOINT: a CPU touched a watched address
 * @EMU_SCRIPT_STOP_REASON_STEP: the steps asked for are done
 * @EMU_SCRIPT_STOP_REASON_TEXT: a console printed what was waited for
 * @EMU_SCRIPT_STOP_REASON_TIME: a point of virtual time was reached
 * @EMU_SCRIPT_STOP_REASON_EVENT: an event of QMP
 * @EMU_SCRIPT_STOP_REASON_TAP: a tap that stops saw an access
 * @EMU_SCRIPT_STOP_REASON_LINE: a line that was waited for changed
 * @EMU_SCRIPT_STOP_REASON_TIMEOUT: the host's time was up
 * @EMU_SCRIPT_STOP_REASON_SHUTDOWN: the guest powered off, or reset itself where that ends it
 * @EMU_SCRIPT_STOP_REASON_PANIC: the guest panicked
 * @EMU_SCRIPT_STOP_REASON_EXCEPTION: a device's script raised an exception
 * @EMU_SCRIPT_STOP_REASON_ERROR: an I/O error or an internal one
 * @EMU_SCRIPT_STOP_REASON_HALTED: the CPU that was to step waits for an interrupt
 *
 * Why a machine stopped.
 */
typedef enum {
    EMU_SCRIPT_STOP_REASON_PAUSED,
    EMU_SCRIPT_STOP_REASON_BREAKPOINT,
    EMU_SCRIPT_STOP_REASON_WATCHPOINT,
    EMU_SCRIPT_STOP_REASON_STEP,
    EMU_SCRIPT_STOP_REASON_TEXT,
    EMU_SCRIPT_STOP_REASON_TIME,
    EMU_SCRIPT_STOP_REASON_EVENT,
    EMU_SCRIPT_STOP_REASON_TAP,
    EMU_SCRIPT_STOP_REASON_LINE,
    EMU_SCRIPT_STOP_REASON_TIMEOUT,
    EMU_SCRIPT_STOP_REASON_SHUTDOWN,
    EMU_SCRIPT_STOP_REASON_PANIC,
    EMU_SCRIPT_STOP_REASON_EXCEPTION,
    EMU_SCRIPT_STOP_REASON_ERROR,
    EMU_SCRIPT_STOP_REASON_HALTED,
} EmuScriptStopReason;

#define EMU_SCRIPT_TYPE_STOP (emu_script_stop_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptStop, emu_script_stop, EMU_SCRIPT, STOP, GObject)
EMU_AVAILABLE_IN_1_0 EmuScriptStopReason emu_script_stop_get_reason(EmuScriptStop *self);
EMU_AVAILABLE_IN_1_0 const char *emu_script_stop_get_reason_name(EmuScriptStop *self);
EMU_AVAILABLE_IN_1_0 EmuScriptTrigger *emu_script_stop_get_trigger(EmuScriptStop *self);
EMU_AVAILABLE_IN_1_0 gint emu_script_stop_get_cpu(EmuScriptStop *self);
EMU_AVAILABLE_IN_1_0 guint64 emu_script_stop_get_pc(EmuScriptStop *self);
EMU_AVAILABLE_IN_1_0 const char *emu_script_stop_get_message(EmuScriptStop *self);

G_END_DECLS
