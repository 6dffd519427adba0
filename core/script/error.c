/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The core's errors as the one domain that scripts see. */

#include "script/script-private.h"

#include "monitor/qmp-types.h"
#include <emu/plugin.h>
#include <string.h>

/**
 * emu_script_error_quark:
 *
 * The domain of all errors here.
 *
 * Returns: its quark
 */
G_DEFINE_QUARK(emu-script-error-quark, emu_script_error)

static EmuScriptError
error_code(const GError *core)
{
    if (core->domain == EMU_SCRIPT_ERROR) {
        return core->code;
    }
    if (core->domain == EMU_OBJECT_ERROR) {
        switch ((EmuObjectError)core->code) {
        case EMU_OBJECT_ERROR_UNKNOWN_TYPE:
            return EMU_SCRIPT_ERROR_NO_SUCH_TYPE;
        case EMU_OBJECT_ERROR_ABSTRACT:
            return EMU_SCRIPT_ERROR_ABSTRACT_TYPE;
        case EMU_OBJECT_ERROR_UNKNOWN_PROPERTY:
            return EMU_SCRIPT_ERROR_NO_SUCH_PROPERTY;
        case EMU_OBJECT_ERROR_BAD_VALUE:
            return EMU_SCRIPT_ERROR_BAD_VALUE;
        case EMU_OBJECT_ERROR_READ_ONLY:
            return EMU_SCRIPT_ERROR_READ_ONLY;
        case EMU_OBJECT_ERROR_NOT_FOUND:
            return EMU_SCRIPT_ERROR_NOT_FOUND;
        case EMU_OBJECT_ERROR_DUPLICATE:
            return EMU_SCRIPT_ERROR_DUPLICATE;
        case EMU_OBJECT_ERROR_FAILED:
            return EMU_SCRIPT_ERROR_FAILED;
        }
    }
    if (core->domain == EMU_QMP_ERROR) {
        return EMU_SCRIPT_ERROR_QMP;
    }
    if (core->domain == EMU_PLUGIN_ERROR && core->code == EMU_PLUGIN_ERROR_NOT_FOUND) {
        return EMU_SCRIPT_ERROR_NOT_FOUND;
    }
    if (g_error_matches(core, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        return EMU_SCRIPT_ERROR_CANCELLED;
    }
    return EMU_SCRIPT_ERROR_FAILED;
}

bool
script_error_take(GError **error, GError *core, const char *path, const char *property)
{
    if (core) {
        bool named = path && g_str_has_prefix(core->message, path);

        g_set_error(error, EMU_SCRIPT_ERROR, (gint)error_code(core), "%s%s%s%s%s", path && !named ? path : "",
                    path && !named && property ? "." : "", path && !named && property ? property : "", path && !named ? ": " : "",
                    core->message);
        g_error_free(core);
    }
    return false;
}
