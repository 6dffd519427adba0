/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Plugins that are Python files. The interpreter is loaded when the first of them is needed, with dlopen(): emu itself does
 * not need Python. In a process that is a Python program already, that one's interpreter is used.
 */

#include <emu/log.h>
#include <emu/plugin.h>

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

EMU_PLUGIN(.name = "python", .version = "1.0", .license = "LGPL-2.1-or-later", .description = "devices and boards that are written in Python",
           .provides = "");

static struct {
    void *library;
    int (*is_initialized)(void);
    void (*initialize)(int with_signals);
    void (*set_program_name)(const wchar_t *name); /* NULL: this Python has it no longer */
    void *(*save_thread)(void);
    int (*ensure)(void);
    void (*release)(int state);
    int (*run)(const char *text, void *flags);
} python;

/* What has to be said in Python: loads the file, makes its types known, writes into the buffer what went wrong. */
static const char bootstrap[] =
    "def _emu_load(path, buffer, size, folders, typelibs, again):\n"
    "    import ctypes, importlib.util, os, sys, traceback\n"
    "    def fail(text):\n"
    "        data = text.encode(errors='replace')[:size - 1] + b'\\0'\n"
    "        ctypes.memmove(buffer, data, len(data))\n"
    "    try:\n"
    "        for folder in folders.split(':'):\n"
    "            if folder and os.path.isdir(folder) and folder not in sys.path:\n"
    "                sys.path.append(folder)\n"
    "        import gi\n"
    "        gi.require_version('GIRepository', '2.0')\n"
    "        from gi.repository import GIRepository\n"
    "        for folder in typelibs.split(':'):\n"
    "            if folder and os.path.isdir(folder):\n"
    "                GIRepository.Repository.prepend_search_path(folder)\n"
    "        gi.require_version('Emu', '1.0')\n"
    "        from gi.repository import Emu\n"
    "        if again:\n"
    "            Emu.reload_file(path)\n"
    "            return\n"
    "        name = 'emu_plugin_' + os.path.basename(path)[:-3].replace('-', '_')\n"
    "        spec = importlib.util.spec_from_file_location(name, path)\n"
    "        module = importlib.util.module_from_spec(spec)\n"
    "        sys.modules[name] = module\n"
    "        written = sys.dont_write_bytecode\n"
    "        sys.dont_write_bytecode = True\n"
    "        try:\n"
    "            spec.loader.exec_module(module)\n"
    "        finally:\n"
    "            sys.dont_write_bytecode = written\n"
    "        for cls in list(vars(module).values()):\n"
    "            if isinstance(cls, type) and issubclass(cls, (Emu.Device, Emu.Board)) and cls.__module__ == name:\n"
    "                cls._emu_register()\n"
    "    except (Emu.Error if 'Emu' in locals() else ()) as error:\n"
    "        fail(str(error))\n"
    "    except BaseException:\n"
    "        fail(traceback.format_exc().rstrip())\n";

static bool
find_symbols(void *library)
{
    struct {
        const char *name;
        void **to;
    } const wanted[] = {
        {"Py_IsInitialized", (void **)&python.is_initialized}, {"Py_InitializeEx", (void **)&python.initialize},
        {"PyEval_SaveThread", (void **)&python.save_thread},   {"PyGILState_Ensure", (void **)&python.ensure},
        {"PyGILState_Release", (void **)&python.release},      {"PyRun_SimpleStringFlags", (void **)&python.run},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
        *wanted[i].to = dlsym(library, wanted[i].name);
        if (!*wanted[i].to) {
            return false;
        }
    }
    *(void **)&python.set_program_name = dlsym(library, "Py_SetProgramName");
    return true;
}

/*
 * Python looks for its modules beside the "python3" that comes first on PATH. That may be of another version or a virtual environment without
 * PyGObject; the one that belongs to the library, PREFIX/lib.../libpythonX.Y.so.1.0, is PREFIX/bin/pythonX.Y.
 */
static void
python_name_program(void)
{
    static wchar_t program[PATH_MAX];
    g_autofree char *path = NULL, *folder = NULL, *name = NULL, *text = NULL;
    Dl_info info;
    char *lib;

    if (!python.set_program_name || !dladdr((gpointer)python.initialize, &info) || !info.dli_fname) {
        return;
    }
    path = realpath(info.dli_fname, NULL);
    folder = path ? g_path_get_dirname(path) : NULL;
    name = path ? g_path_get_basename(path) : NULL;
    lib = folder ? g_strrstr(folder, "/lib") : NULL;
    if (!lib || !g_str_has_prefix(name, "libpython") || !strstr(name, ".so")) {
        return;
    }
    *lib = '\0';
    *strstr(name, ".so") = '\0';
    text = g_strdup_printf("%s/bin/%s", folder, name + strlen("lib"));
    if (mbstowcs(program, text, G_N_ELEMENTS(program) - 1) != (size_t)-1) {
        python.set_program_name(program);
    }
}

static bool
python_start(GError **error)
{
    static const char *const names[] = {PYTHON_LIBRARIES, NULL};

    if (python.run) {
        return true;
    }
    if (find_symbols(RTLD_DEFAULT) && python.is_initialized()) {
        return true;
    }
    for (unsigned i = 0; !python.library && names[i]; i++) {
        python.library = dlopen(names[i], RTLD_NOW | RTLD_GLOBAL);
    }
    if (!python.library || !find_symbols(python.library)) {
        python.run = NULL;
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, "needs Python, and there is no library of it (%s)", names[0]);
        return false;
    }
    python_name_program();
    python.initialize(0);
    python.save_thread();
    return true;
}

/* For Python's string literals. */
static char *
quoted(const char *text)
{
    GString *out = g_string_new("b'");

    for (const char *p = text; *p; p++) {
        g_string_append_printf(out, "\\x%02x", (unsigned char)*p);
    }
    g_string_append(out, "'.decode()");
    return g_string_free(out, FALSE);
}

static bool
python_do(const char *path, bool again, GError **error)
{
    static char message[16384];
    g_autofree char *call = NULL, *file = quoted(path);
    g_autofree char *here = NULL, *folders = NULL, *typelibs = NULL, *folders_text = NULL, *typelibs_text = NULL;
    Dl_info core;
    int state;

    if (!python_start(error)) {
        return false;
    }
    if (dladdr((gpointer)emu_plugin_register_loader, &core) && core.dli_fname) {
        g_autofree char *full = g_canonicalize_filename(core.dli_fname, NULL);

        here = g_path_get_dirname(full);
    }
    folders = g_strdup_printf("%s/bindings/python:" PYTHON_FOLDER, here ? here : "");
    typelibs = g_strdup_printf("%s/girepository-1.0:%s/bindings", here ? here : "", here ? here : "");
    folders_text = quoted(folders);
    typelibs_text = quoted(typelibs);
    message[0] = 0;
    call = g_strdup_printf("%s_emu_load(%s, %zu, %zu, %s, %s, %s)\ndel _emu_load\n", bootstrap, file, (size_t)message, sizeof(message), folders_text,
                           typelibs_text, again ? "True" : "False");
    state = python.ensure();
    if (python.run(call, NULL) != 0 && !message[0]) {
        g_strlcpy(message, "Python cannot run its own start-up code", sizeof(message));
    }
    python.release(state);
    if (message[0]) {
        g_set_error(error, EMU_PLUGIN_ERROR, EMU_PLUGIN_ERROR_REFUSED, strchr(message, '\n') ? "raised an exception:\n%s" : "cannot be used: %s", message);
        return false;
    }
    return true;
}

static bool
python_load(const char *path, GError **error)
{
    return python_do(path, false, error);
}

static bool
python_reload(const char *path, GError **error)
{
    return python_do(path, true, error);
}

static void
python_register(void)
{
    emu_plugin_register_loader(".py", python_load);
    emu_plugin_register_reloader(".py", python_reload);
}
type_init(python_register)
