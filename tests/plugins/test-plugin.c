/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plugin loader against good, hostile and changing files.
 *
 * Each case runs in a process of its own, with an empty cache and a folder of its own that it fills with
 * copies of the modules built beside this program, whole or spoilt.
 */

#include <emu/plugin.h>

#include <glib/gstdio.h>

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;

static char *
file_in_dir(const char *name)
{
    return g_build_filename(dir, name, NULL);
}

static GByteArray *
module_bytes(const char *name)
{
    g_autofree char *file = g_strconcat(name, ".so", NULL);
    g_autofree char *path = g_build_filename(g_getenv("EMU_TEST_MODULES"), file, NULL);
    char *data;
    gsize len;

    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    return g_byte_array_new_take((guint8 *)data, len);
}

static void
put_bytes(const char *name, const void *data, gsize len)
{
    g_autofree char *path = file_in_dir(name);

    g_assert_true(g_file_set_contents(path, data, (gssize)len, NULL));
}

static void
put_module(const char *as, const char *module)
{
    g_autoptr(GByteArray) bytes = module_bytes(module);

    put_bytes(as, bytes->data, bytes->len);
}

static EmuPluginManifest *
manifest_in(GByteArray *bytes)
{
    guint8 *at = memmem(bytes->data, bytes->len, EMU_PLUGIN_MAGIC, 8);

    g_assert_nonnull(at);
    return (EmuPluginManifest *)at;
}

/* Runs the case in a process of its own; false in the parent. */
static bool
isolated(void)
{
    g_autofree char *cache = NULL;

    if (!g_test_subprocess()) {
        dir = g_dir_make_tmp("emu-test-plugin-XXXXXX", NULL);
        g_setenv("EMU_TEST_DIR", dir, TRUE);
        cache = g_build_filename(dir, "cache", NULL);
        g_setenv("XDG_CACHE_HOME", cache, TRUE);
        g_unsetenv("EMU_PLUGIN_PATH");
        g_setenv("EMU_PLUGIN_SYSTEM_PATH", "", TRUE);
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
        g_autofree char *command = g_strdup_printf("rm -rf '%s'", dir);

        g_assert_cmpint(system(command), ==, 0);
        g_test_trap_assert_passed();
        g_clear_pointer(&dir, g_free);
        return false;
    }
    dir = g_strdup(g_getenv("EMU_TEST_DIR"));
    return true;
}

static void
add_dir(void)
{
    g_autoptr(GError) error = NULL;

    emu_plugin_add_dir(dir, &error);
    g_assert_no_error(error);
}

static const char *
refusal_of(const char *name)
{
    g_autofree char *path = file_in_dir(name);
    g_autoptr(GPtrArray) list = emu_plugin_list_refusals();

    for (guint i = 0; i < list->len; i++) {
        EmuPluginRefusal *r = g_ptr_array_index(list, i);

        if (strcmp(r->path, path) == 0) {
            return r->reason;
        }
    }
    return NULL;
}

static bool
is_open(const char *name)
{
    g_autoptr(GPtrArray) list = emu_plugin_list();

    for (guint i = 0; i < list->len; i++) {
        EmuPluginInfo *p = g_ptr_array_index(list, i);

        if (strcmp(p->name, name) == 0) {
            return p->open;
        }
    }
    g_test_message("no plugin %s", name);
    g_test_fail();
    return false;
}

/* ---- good ones ------------------------------------------------------------------------------------- */

static void
test_lazy(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(EmuObject) obj = NULL;

    if (!isolated()) {
        return;
    }
    put_module("good.so", "good");
    put_module("child.so", "child");
    add_dir();
    g_assert_true(emu_type_exists("child-widget"));
    g_assert_cmpstr(emu_plugin_of_type("good-gadget"), ==, "good");
    g_assert_null(emu_plugin_of_type("object"));
    g_assert_false(is_open("good"));
    g_assert_false(is_open("child"));
    obj = emu_object_new("child-widget", &error);
    g_assert_no_error(error);
    g_assert_true(is_open("good"));
    g_assert_true(is_open("child"));
    g_assert_true(emu_object_is_a(obj, "good-widget"));
    g_autofree char *text = emu_object_get_as_string(obj, "number", NULL);
    g_assert_cmpstr(text, ==, "42");
}

static void
test_list_opens_candidates(void)
{
    if (!isolated()) {
        return;
    }
    put_module("good.so", "good");
    put_module("child.so", "child");
    add_dir();
    g_autoptr(GPtrArray) iothreads = emu_type_list("iothread", true);
    g_assert_cmpuint(iothreads->len, ==, 1);
    g_assert_false(is_open("good"));
    g_autoptr(GPtrArray) users = emu_type_list("user-creatable", true);
    g_assert_true(is_open("good"));
    g_assert_false(is_open("child"));
    g_assert_true(g_ptr_array_find_with_equal_func(users, "good-gadget", g_str_equal, NULL));
    g_autoptr(GPtrArray) widgets = emu_type_list("good-widget", true);
    g_assert_true(is_open("child"));
    g_assert_cmpuint(widgets->len, ==, 3);
}

static void
test_close(void)
{
    g_autoptr(GError) error = NULL;
    EmuObject *obj;

    if (!isolated()) {
        return;
    }
    put_module("good.so", "good");
    add_dir();
    for (int round = 0; round < 3; round++) {
        obj = emu_object_new("good-gadget", &error);
        g_assert_no_error(error);
        g_assert_true(emu_user_creatable_complete(obj, NULL));
        g_autofree char *text = emu_object_get_as_string(obj, "number", NULL);
        g_assert_cmpstr(text, ==, "43");
        g_assert_false(emu_plugin_close("good", &error));
        g_assert_cmpstr(error->message, ==, "plugin 'good' cannot be closed: objects of it are alive");
        g_clear_error(&error);
        g_object_unref(obj);
        emu_plugin_close("good", &error);
        g_assert_no_error(error);
        g_assert_false(is_open("good"));
        g_autofree char *maps = NULL;
        g_assert_true(g_file_get_contents("/proc/self/maps", &maps, NULL, NULL));
        g_assert_null(strstr(maps, "/good.so"));
    }
}

static void
test_order(void)
{
    g_autoptr(GError) error = NULL;

    if (!isolated()) {
        return;
    }
    g_autofree char *first = g_build_filename(dir, "first", NULL);
    g_mkdir(first, 0700);
    put_module("first/good.so", "good");
    put_module("good.so", "good");
    g_setenv("EMU_PLUGIN_PATH", dir, TRUE);
    g_assert_true(emu_plugin_add_dir(first, &error));
    g_autofree char *why = g_strdup_printf("is hidden by %s/good.so, which has the same name and comes first", first);
    g_assert_cmpstr(refusal_of("good.so"), ==, why);
    g_assert_false(emu_plugin_add_dir("/nowhere/at/all", &error));
    g_assert_cmpstr(error->message, ==, "plugin folder '/nowhere/at/all' cannot be read: No such file or directory");
}

/* ---- hostile ones -------------------------------------------------------------------------------------- */

static void
put_spoilt(const char *name, void (*spoil)(GByteArray *bytes))
{
    g_autoptr(GByteArray) bytes = module_bytes("good");

    spoil(bytes);
    put_bytes(name, bytes->data, bytes->len);
}

static void
spoil_class(GByteArray *b)
{
    b->data[EI_CLASS] = ELFCLASS32;
}

static void
spoil_machine(GByteArray *b)
{
    ((Elf64_Ehdr *)b->data)->e_machine = EM_S390;
}

static void
spoil_type(GByteArray *b)
{
    ((Elf64_Ehdr *)b->data)->e_type = ET_REL;
}

static void
spoil_truncate(GByteArray *b)
{
    g_byte_array_set_size(b, b->len / 2);
}

static void
spoil_short(GByteArray *b)
{
    g_byte_array_set_size(b, 20);
}

static void
spoil_sections(GByteArray *b)
{
    ((Elf64_Ehdr *)b->data)->e_shoff = UINT64_MAX - 10;
}

static void
spoil_section_offset(GByteArray *b)
{
    Elf64_Ehdr *eh = (Elf64_Ehdr *)b->data;
    Elf64_Shdr *sh = (Elf64_Shdr *)(b->data + eh->e_shoff);
    const char *names = (const char *)b->data + sh[eh->e_shstrndx].sh_offset;

    for (int i = 0; i < eh->e_shnum; i++) {
        if (strcmp(names + sh[i].sh_name, ".emu.plugin") == 0) {
            sh[i].sh_offset = b->len - 5;
        }
    }
}

static void
spoil_magic(GByteArray *b)
{
    manifest_in(b)->magic[3] = '?';
}

static void
spoil_size(GByteArray *b)
{
    manifest_in(b)->size = 12;
}

static void
spoil_major(GByteArray *b)
{
    manifest_in(b)->sdk_major = 2;
}

static void
spoil_minor(GByteArray *b)
{
    manifest_in(b)->sdk_minor = 9;
}

static void
spoil_tier(GByteArray *b)
{
    manifest_in(b)->tier = 7;
}

static void
spoil_text(GByteArray *b)
{
    memset(manifest_in(b)->provides, 'x', sizeof(manifest_in(b)->provides));
}

static void
spoil_name(GByteArray *b)
{
    manifest_in(b)->name[0] = '\n';
}

static void
rename_only(GByteArray *b)
{
    strcpy(manifest_in(b)->name, "again");
}

static void
name_core_type(GByteArray *b)
{
    strcpy(manifest_in(b)->name, "thief");
    strcpy(manifest_in(b)->provides, "container:object");
}

static void
test_hostile(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    if (!isolated()) {
        return;
    }
    put_bytes("empty.so", "", 0);
    put_bytes("text.so", "This is a text and no shared library at all, but longer than the header of an ELF file.", 88);
    put_spoilt("short.so", spoil_short);
    put_spoilt("truncated.so", spoil_truncate);
    put_spoilt("class.so", spoil_class);
    put_spoilt("machine.so", spoil_machine);
    put_spoilt("type.so", spoil_type);
    put_spoilt("sections.so", spoil_sections);
    put_spoilt("offset.so", spoil_section_offset);
    put_spoilt("magic.so", spoil_magic);
    put_spoilt("size.so", spoil_size);
    put_spoilt("major.so", spoil_major);
    put_spoilt("minor.so", spoil_minor);
    put_spoilt("tier.so", spoil_tier);
    put_spoilt("text-in.so", spoil_text);
    put_spoilt("name.so", spoil_name);
    put_spoilt("good-again.so", rename_only);
    put_spoilt("thief.so", name_core_type);
    put_module("good.so", "good");
    path = file_in_dir("folder.so");
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    g_free(path);
    path = file_in_dir("fifo.so");
    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    g_free(path);
    path = file_in_dir("dangling.so");
    g_assert_cmpint(symlink("/nowhere/at/all", path), ==, 0);
    g_free(path);
    path = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *link_path = file_in_dir("program.so");
    g_assert_cmpint(symlink("/bin/sh", link_path), ==, 0);
    add_dir();

    g_assert_cmpstr(refusal_of("empty.so"), ==, "is too short for a plugin: 0 bytes");
    g_assert_cmpstr(refusal_of("short.so"), ==, "is too short for a plugin: 20 bytes");
    g_assert_cmpstr(refusal_of("text.so"), ==, "is not an ELF file");
    g_assert_cmpstr(refusal_of("folder.so"), ==, "is a directory, expected a regular file");
    g_assert_cmpstr(refusal_of("fifo.so"), ==, "is a FIFO, expected a regular file");
    g_assert_cmpstr(refusal_of("dangling.so"), ==, "cannot be read: No such file or directory");
    g_assert_cmpstr(refusal_of("program.so"), ==, "is no emu plugin: it has no section '.emu.plugin'");
    g_assert_cmpstr(refusal_of("truncated.so"), ==, "is damaged: its section headers lie outside of the file");
    g_assert_cmpstr(refusal_of("sections.so"), ==, "is damaged: its section headers lie outside of the file");
    g_assert_cmpstr(refusal_of("offset.so"), ==, "is damaged: its manifest lies outside of the file");
    g_assert_true(g_str_has_prefix(refusal_of("class.so"), "is an ELF file for another machine (32-bit, "));
    g_assert_true(
        g_str_has_prefix(refusal_of("machine.so"), "is an ELF file for another machine (64-bit, "));
    g_assert_cmpstr(refusal_of("type.so"), ==, "is an ELF file of type 1, expected a shared library");
    g_assert_cmpstr(refusal_of("magic.so"), ==, "has a damaged manifest: it does not begin with 'EMUPLUG1'");
    g_assert_true(g_str_has_prefix(refusal_of("size.so"), "has a damaged manifest: its size is 12 of "));
    g_assert_cmpstr(refusal_of("major.so"), ==,
                    "was built for SDK 2.0, this emu takes plugins built for SDK 1.0 to 1." G_STRINGIFY(EMU_SDK_MINOR));
    g_assert_cmpstr(refusal_of("minor.so"), ==,
                    "was built for SDK 1.9, this emu takes plugins built for SDK 1.0 to 1." G_STRINGIFY(EMU_SDK_MINOR));
    g_assert_cmpstr(refusal_of("tier.so"), ==, "has a damaged manifest: tier 7 is unknown");
    g_assert_cmpstr(refusal_of("text-in.so"), ==,
                    "has a damaged manifest: a text in it is empty, unterminated or not printable");
    g_assert_cmpstr(refusal_of("name.so"), ==,
                    "has a damaged manifest: a text in it is empty, unterminated or not printable");
    g_assert_cmpstr(refusal_of("thief.so"), ==, "provides type 'container', which the core has already");
    /* Names sort, so good-again.so comes before good.so. */
    g_autofree char *why = g_strdup_printf("provides type 'good-widget', which %s/good-again.so provides already", dir);
    g_assert_cmpstr(refusal_of("good.so"), ==, why);

    g_autoptr(EmuObject) obj = emu_object_new("good-widget", &error);
    g_assert_no_error(error);
    g_assert_nonnull(obj);
}

/* Every prefix of a plugin, and every byte of its headers and tables spoilt once: no crash, always a reason. */
static void
test_fuzz(void)
{
    g_autoptr(GByteArray) whole = NULL;

    if (!isolated()) {
        return;
    }
    whole = module_bytes("good");
    add_dir();
    for (int i = 0; i < 300; i++) {
        g_autoptr(GByteArray) b = module_bytes("good");
        Elf64_Ehdr *eh = (Elf64_Ehdr *)b->data;
        guint64 shoff = eh->e_shoff;

        switch (i % 3) {
        case 0:
            g_byte_array_set_size(b, (guint)g_test_rand_int_range(0, (gint32)b->len));
            break;
        case 1:
            b->data[g_test_rand_int_range(0, sizeof(Elf64_Ehdr))] ^= (guint8)(1 << g_test_rand_int_range(0, 8));
            break;
        default:
            b->data[g_test_rand_int_range((gint32)shoff, (gint32)b->len)] = (guint8)g_test_rand_int();
            break;
        }
        put_bytes("fuzz.so", b->data, b->len);
        emu_plugin_scan();
        g_autoptr(GPtrArray) good = emu_plugin_list();
        g_autoptr(GPtrArray) bad = emu_plugin_list_refusals();
        g_assert_cmpuint(good->len + bad->len, ==, 1);
    }
}

static void
test_named_when_asked_for(void)
{
    g_autoptr(GError) error = NULL;

    if (!isolated()) {
        return;
    }
    put_spoilt("minor.so", spoil_minor);
    put_module("unresolved.so", "unresolved");
    put_module("needy.so", "needy");
    add_dir();
    g_assert_null(emu_object_new("good-widget", &error));
    g_autofree char *why = g_strdup_printf("type 'good-widget' is in plugin file %s/minor.so, which was built for SDK 1.9, "
                                           "this emu takes plugins built for SDK 1.0 to 1." G_STRINGIFY(EMU_SDK_MINOR),
                                           dir);
    g_assert_cmpstr(error->message, ==, why);
    g_clear_error(&error);
    g_assert_null(emu_object_new("unresolved-widget", &error));
    why = (g_free(why), g_strdup_printf("plugin file %s/unresolved.so cannot be loaded: "
                                        "undefined symbol: emu_function_that_nobody_has",
                                        dir));
    g_assert_cmpstr(error->message, ==, why);
    g_clear_error(&error);
    g_assert_null(emu_object_new("needy-widget", &error));
    why = (g_free(why), g_strdup_printf("plugin file %s/needy.so needs type 'type-that-nobody-has', which nothing provides",
                                        dir));
    g_assert_cmpstr(error->message, ==, why);
    g_assert_cmpstr(refusal_of("needy.so"), ==, "needs type 'type-that-nobody-has', which nothing provides");
    g_assert_cmpstr(refusal_of("unresolved.so"), ==, "cannot be loaded: undefined symbol: emu_function_that_nobody_has");
}

/* ---- the cache ------------------------------------------------------------------------------------------ */

static char *
cache_file(void)
{
    return g_build_filename(g_getenv("XDG_CACHE_HOME"), "emu", "registry-2", NULL);
}

static const char *
only_plugin(void)
{
    g_autoptr(GPtrArray) list = emu_plugin_list();

    g_assert_cmpuint(list->len, ==, 1);
    return ((EmuPluginInfo *)g_ptr_array_index(list, 0))->description;
}

static void
test_cache(void)
{
    g_autofree char *path = NULL;
    g_autofree char *cache = cache_file();
    struct stat st;
    struct timespec times[2];
    char *data;
    gsize len;

    if (!isolated()) {
        return;
    }
    cache = (g_free(cache), cache_file());
    put_module("good.so", "good");
    path = file_in_dir("good.so");
    add_dir();
    g_assert_cmpstr(only_plugin(), ==, "types for a test");

    /* Old enough to be stored. */
    g_usleep(2200 * 1000);
    emu_plugin_scan();
    g_assert_true(g_file_get_contents(cache, &data, &len, NULL));
    g_assert_nonnull(memmem(data, len, "types for a test", 16));

    /* From the cache: a lie planted there is believed as long as the file stays. */
    memcpy(memmem(data, len, "types for a test", 16), "a lie for a test", 16);
    g_assert_true(g_file_set_contents(cache, data, (gssize)len, NULL));
    emu_plugin_scan();
    g_assert_cmpstr(only_plugin(), ==, "a lie for a test");

    /* The same size, and the old mtime put back: ctime gives it away. */
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_autoptr(GByteArray) b = module_bytes("good");
    memcpy(manifest_in(b)->description, "changed contents", 16);
    FILE *f = fopen(path, "r+");
    g_assert_cmpuint(fwrite(b->data, 1, b->len, f), ==, b->len);
    fclose(f);
    times[0] = st.st_atim;
    times[1] = st.st_mtim;
    g_assert_cmpint(utimensat(AT_FDCWD, path, times, 0), ==, 0);
    emu_plugin_scan();
    g_assert_cmpstr(only_plugin(), ==, "changed contents");

    /* Damaged caches are as good as none. */
    for (gsize cut = 0; cut < len; cut += 1 + len / 40) {
        g_assert_true(g_file_set_contents(cache, data, (gssize)cut, NULL));
        emu_plugin_scan();
        g_assert_cmpstr(only_plugin(), ==, "changed contents");
    }
    for (gsize at = 0; at < len; at += 7) {
        data[at] ^= 0x55;
        g_assert_true(g_file_set_contents(cache, data, (gssize)len, NULL));
        data[at] ^= 0x55;
        emu_plugin_scan();
        g_assert_cmpstr(only_plugin(), ==, "changed contents");
    }

    /* Gone. */
    g_assert_cmpint(g_unlink(path), ==, 0);
    emu_plugin_scan();
    g_autoptr(GPtrArray) list = emu_plugin_list();
    g_assert_cmpuint(list->len, ==, 0);
    g_free(data);
}

static void
test_no_cache(void)
{
    if (!isolated()) {
        return;
    }
    g_autofree char *blocker = g_strdup(g_getenv("XDG_CACHE_HOME"));
    g_assert_true(g_file_set_contents(blocker, "a file where the folder should be", -1, NULL));
    put_module("good.so", "good");
    add_dir();
    g_assert_cmpstr(only_plugin(), ==, "types for a test");
}

/* The file is replaced between the scan and its first use. */
static void
test_replaced(void)
{
    g_autoptr(GError) error = NULL;

    if (!isolated()) {
        return;
    }
    put_module("good.so", "good");
    add_dir();
    g_assert_true(emu_type_exists("good-widget"));
    put_spoilt("good.so", spoil_major);
    g_assert_null(emu_object_new("good-widget", &error));
    g_assert_nonnull(strstr(error->message, "good.so was built for SDK 2.0"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/plugin/open/lazily-with-the-parents-plugin", test_lazy);
    g_test_add_func("/plugin/open/list-opens-candidates-only", test_list_opens_candidates);
    g_test_add_func("/plugin/close/unmapped-and-back", test_close);
    g_test_add_func("/plugin/path/first-wins", test_order);
    g_test_add_func("/plugin/hostile/each-file-its-reason", test_hostile);
    g_test_add_func("/plugin/hostile/random-damage", test_fuzz);
    g_test_add_func("/plugin/hostile/named-when-asked-for", test_named_when_asked_for);
    g_test_add_func("/plugin/cache/never-stale", test_cache);
    g_test_add_func("/plugin/cache/folder-cannot-be-made", test_no_cache);
    g_test_add_func("/plugin/cache/replaced-after-scan", test_replaced);
    return g_test_run();
}
