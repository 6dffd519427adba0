/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Boards that are written in a script: a class derived from Emu.Board, made known by an Emu.BoardType. */

#include <emu/script/bus.h>

G_BEGIN_DECLS

#define EMU_SCRIPT_TYPE_BOARD (emu_script_board_get_type())
#define EMU_SCRIPT_BOARD(o) (G_TYPE_CHECK_INSTANCE_CAST((o), EMU_SCRIPT_TYPE_BOARD, EmuScriptBoard))
typedef struct _EmuScriptBoard EmuScriptBoard;
typedef struct _EmuScriptBoardClass EmuScriptBoardClass;
EMU_AVAILABLE_IN_1_0 GType emu_script_board_get_type(void);

/**
 * EmuScriptBuildFunc:
 * @board: the board; its options are set
 * @user_data: (closure): what was given with it
 *
 * Builds a board: memory, CPUs, devices.
 *
 * Returns: (nullable) (transfer full): %NULL when it is there; otherwise why it cannot be
 */
typedef char *(*EmuScriptBuildFunc)(EmuScriptBoard *board, gpointer user_data);
/**
 * EmuScriptBoardFunc:
 * @board: the board
 * @user_data: (closure): what was given with it
 *
 * Something that happens to a board: a reset, its power button.
 */
typedef void (*EmuScriptBoardFunc)(EmuScriptBoard *board, gpointer user_data);

#define EMU_SCRIPT_TYPE_BOARD_TYPE (emu_script_board_type_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE(EmuScriptBoardType, emu_script_board_type, EMU_SCRIPT, BOARD_TYPE, GObject)
EMU_AVAILABLE_IN_1_0 EmuScriptBoardType *emu_script_board_type_new(GType type, const char *name, GError **error);
EMU_AVAILABLE_IN_1_0 void emu_script_board_type_set_description(EmuScriptBoardType *self, const char *text);
EMU_AVAILABLE_IN_1_0 void emu_script_board_type_set_cpus(EmuScriptBoardType *self, const char *type, guint number, guint most);
EMU_AVAILABLE_IN_1_0 void emu_script_board_type_set_ram_size(EmuScriptBoardType *self, guint64 size);
EMU_AVAILABLE_IN_1_0 void emu_script_board_type_set_build(EmuScriptBoardType *self, EmuScriptBuildFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_board_type_set_reset(EmuScriptBoardType *self, EmuScriptBoardFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 void emu_script_board_type_set_powerdown(EmuScriptBoardType *self, EmuScriptBoardFunc func, gpointer user_data, GDestroyNotify destroy);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_board_type_register(EmuScriptBoardType *self, GError **error);

/* ---- for the board itself, in its build function ----------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 gboolean emu_script_board_map_ram(EmuScriptBoard *self, guint64 address, guint64 offset, guint64 size, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_board_add_memory(EmuScriptBoard *self, const char *name, guint64 size, guint64 address, gboolean read_only, const guint8 *data, gsize n_data, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_board_add_region(EmuScriptBoard *self, const char *name, guint64 size, gboolean io, guint64 address,
    EmuScriptReadFunc read, gpointer read_data, GDestroyNotify read_destroy,
    EmuScriptWriteFunc write, gpointer write_data, GDestroyNotify write_destroy, GError **error);
EMU_AVAILABLE_IN_1_0 EmuDevice *emu_script_board_add_device(EmuScriptBoard *self, const char *type, const char *id, EmuBus *bus, GVariant *properties, GError **error);
EMU_AVAILABLE_IN_1_0 gboolean emu_script_device_map(EmuDevice *self, guint index, guint64 address, GError **error);
EMU_AVAILABLE_IN_1_0 EmuCpu *emu_script_board_create_cpu(EmuScriptBoard *self, guint index, GError **error);
EMU_AVAILABLE_IN_1_0 guint64 emu_script_board_get_ram_size(EmuScriptBoard *self);
EMU_AVAILABLE_IN_1_0 guint emu_script_board_get_n_cpus(EmuScriptBoard *self);
EMU_AVAILABLE_IN_1_0 const char *emu_script_board_get_option(EmuScriptBoard *self, const char *name);
EMU_AVAILABLE_IN_1_0 char *emu_script_board_find_firmware(EmuScriptBoard *self, const char *name);

/* ---- at any time ---------------------------------------------------------------------------------------- */
EMU_AVAILABLE_IN_1_0 EmuScriptMachine *emu_script_board_get_machine(EmuScriptBoard *self);
EMU_AVAILABLE_IN_1_0 void emu_script_board_request_exit(EmuScriptBoard *self, gint status);
EMU_AVAILABLE_IN_1_0 void emu_script_board_request_reset(EmuScriptBoard *self);
EMU_AVAILABLE_IN_1_0 void emu_script_board_request_shutdown(EmuScriptBoard *self);
EMU_AVAILABLE_IN_1_0 void emu_script_board_report_exception(EmuScriptBoard *self, const char *text);

G_END_DECLS
