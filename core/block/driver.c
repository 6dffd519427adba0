/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Block drivers by name. Each has a row in the type table, "block-driver-NAME", abstract, so that the manifests by which
 * plugins are found for devices serve for drivers as well: whoever looks for a driver that is not registered looks for its type.
 */

#include "block/block-private.h"
#include "qom/qom-private.h"

#include <emu/log.h>

#include <string.h>

#define DRIVER_TYPE "block-driver"

/* The list is the process': it describes code, not a machine. Rows and drivers stay, see emu_type_module_keep_current(). */
static GMutex drivers_lock;
static GPtrArray *drivers;

static const EmuBlockDriver *
driver_registered(const char *name)
{
    const EmuBlockDriver *found = NULL;

    g_mutex_lock(&drivers_lock);
    for (guint i = 0; drivers && i < drivers->len && !found; i++) {
        const EmuBlockDriver *driver = drivers->pdata[i];

        if (g_str_equal(driver->name, name)) {
            found = driver;
        }
    }
    g_mutex_unlock(&drivers_lock);
    return found;
}

/**
 * emu_block_driver_register:
 * @driver: name, open, get_length and preadv are there; kept, not copied
 *
 * Since: 1.0
 */
void
emu_block_driver_register(const EmuBlockDriver *driver)
{
    const EmuBlockDriver *other;
    EmuTypeInfo *type;

    g_return_if_fail(driver && driver->name && driver->open && driver->get_length && driver->preadv);

    other = driver_registered(driver->name);
    if (other) {
        if (other != driver) {
            emu_warn_report("a second block driver '%s' is ignored", driver->name);
        }
        return;
    }
    type = g_new0(EmuTypeInfo, 1);
    *type = (EmuTypeInfo){.name = g_strconcat(EMU_BLOCK_DRIVER_TYPE(""), driver->name, NULL), .parent = DRIVER_TYPE, .abstract = true,
                          .description = driver->description};
    emu_type_register_static(type);
    emu_type_module_keep_current();
    g_mutex_lock(&drivers_lock);
    if (!drivers) {
        drivers = g_ptr_array_new();
    }
    g_ptr_array_add(drivers, (gpointer)driver);
    g_mutex_unlock(&drivers_lock);
}

/**
 * emu_block_driver_find:
 * @name: as users say it
 *
 * Returns: (nullable) (transfer none): the driver, after its plugin has been opened where there is one; %NULL and @error
 *
 * Since: 1.0
 */
const EmuBlockDriver *
emu_block_driver_find(const char *name, GError **error)
{
    g_autofree char *type = NULL;
    g_autoptr(GError) why = NULL;
    const EmuBlockDriver *found;

    g_return_val_if_fail(name, NULL);

    emu_module_run_core();
    /* host_device and host_cdrom are QEMU's names for a block device behind the same calls. */
    if (g_str_equal(name, "host_device") || g_str_equal(name, "host_cdrom")) {
        name = "file";
    } else if (g_str_equal(name, "null-aio")) {
        name = "null-co";
    }
    found = driver_registered(name);
    if (found) {
        return found;
    }
    type = g_strconcat(EMU_BLOCK_DRIVER_TYPE(""), name, NULL);
    emu_type_lookup(type, &why);
    found = driver_registered(name);
    if (!found && why && !g_error_matches(why, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE)) {
        g_propagate_prefixed_error(error, g_steal_pointer(&why), "driver '%s': ", name);
    } else if (!found) {
        g_set_error(error, EMU_BLOCK_ERROR, EMU_BLOCK_ERROR_NOT_FOUND, "Unknown driver '%s'", name);
    }
    return found;
}

/* Opens the plugins with drivers. */
static void
drivers_open_all(void)
{
    g_ptr_array_unref(emu_type_list(DRIVER_TYPE, true));
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
emu_block_driver_list(void)
{
    GPtrArray *names = g_ptr_array_new();

    drivers_open_all();
    g_mutex_lock(&drivers_lock);
    for (guint i = 0; i < drivers->len; i++) {
        const EmuBlockDriver *driver = drivers->pdata[i];

        if (driver->kind != EMU_BLOCK_DRIVER_FILTER) {
            g_ptr_array_add(names, (gpointer)driver->name);
        }
    }
    g_mutex_unlock(&drivers_lock);
    g_ptr_array_sort(names, compare_names);
    return names;
}

/* ---- probing ------------------------------------------------------------------------------------------ */

static const EmuBlockDriver *
drivers_probe(const uint8_t *head, gsize len, const char *filename)
{
    const EmuBlockDriver *best = NULL;
    int best_score = 0;

    g_mutex_lock(&drivers_lock);
    for (guint i = 0; i < drivers->len; i++) {
        const EmuBlockDriver *driver = drivers->pdata[i];
        int score = driver->kind == EMU_BLOCK_DRIVER_FORMAT && driver->probe ? driver->probe(head, len, filename) : 0;

        if (score > best_score) {
            best = driver;
            best_score = score;
        }
    }
    g_mutex_unlock(&drivers_lock);
    return best;
}

const EmuBlockDriver *
emu_block_driver_probe(const uint8_t *head, gsize len, const char *filename)
{
    drivers_open_all();
    return drivers_probe(head, len, filename);
}

/* Formats known by their first bytes. A guest that writes such a header at the start of a disk whose format was
 * only guessed could choose what the next start takes the disk for. */
static const struct {
    unsigned offset, len;
    const char *magic, *name;
} foreign_formats[] = {
    {0, 4, "QFI\xfb", "qcow2"},       {0, 4, "QED\0", "qed"},        {0, 4, "KDMV", "vmdk"},
    {0, 4, "COWD", "vmdk"},           {0, 21, "# Disk DescriptorFile", "vmdk"},
    {0x40, 4, "\x7f\x10\xda\xbe", "vdi"}, {0, 8, "vhdxfile", "vhdx"}, {0, 8, "conectix", "vpc"},
    {0, 6, "LUKS\xba\xbe", "luks"},   {0, 18, "Bochs Virtual HD I", "bochs"}, {0, 16, "WithoutFreeSpace", "parallels"},
    {0, 16, "WithouFreSpacExt", "parallels"},
};

const char *
emu_block_probe_foreign(const uint8_t *head, gsize len)
{
    const EmuBlockDriver *driver;

    for (gsize i = 0; i < G_N_ELEMENTS(foreign_formats); i++) {
        gsize end = foreign_formats[i].offset + foreign_formats[i].len;
        if (len >= end && memcmp(head + foreign_formats[i].offset, foreign_formats[i].magic, foreign_formats[i].len) == 0) {
            return foreign_formats[i].name;
        }
    }
    driver = drivers_probe(head, len, "");
    return driver && !g_str_equal(driver->name, "raw") ? driver->name : NULL;
}

static void
register_driver_type(void)
{
    static const EmuTypeInfo driver_type = {.name = DRIVER_TYPE, .parent = "object", .abstract = true,
                                            .description = "reads and writes an image format, or what images lie on"};

    emu_type_register_static(&driver_type);
}
type_init(register_driver_type)
