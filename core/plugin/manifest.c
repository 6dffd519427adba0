/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Reading the section ".emu.plugin" of an ELF file that may be anything.
 *
 * Pieces are read with pread() and checked against the size that fstat() gave; a file that shrinks
 * meanwhile gives a short read, where a mapping would give SIGBUS.  Nothing is executed, and no length in
 * the file is believed.
 */

#include "plugin/plugin-private.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_SECTION_NAMES (1 << 20)

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#define HOST_NAME "x86-64"
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#define HOST_NAME "aarch64"
#elif defined(__riscv)
#define HOST_MACHINE EM_RISCV
#define HOST_NAME "riscv64"
#else
#error "which ELF machine is this host?"
#endif

#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#define HOST_DATA ELFDATA2LSB
#else
#define HOST_DATA ELFDATA2MSB
#endif

void
emu_manifest_free(EmuManifest *m)
{
    if (m) {
        g_free(m->name);
        g_free(m->version);
        g_free(m->license);
        g_free(m->description);
        g_strfreev(m->provides);
        g_strfreev(m->needs);
        g_free(m);
    }
}

static bool
read_at(int fd, void *buf, gsize len, uint64_t offset, uint64_t file_size)
{
    gsize done = 0;

    if (len > file_size || offset > file_size - len) {
        return false;
    }
    while (done < len) {
        ssize_t n = pread(fd, (char *)buf + done, len - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        done += (gsize)n;
    }
    return true;
}

/* NULL, or what is wrong. */
static char *
find_section(int fd, uint64_t size, const Elf64_Ehdr *eh, Elf64_Shdr *found)
{
    g_autofree Elf64_Shdr *headers = NULL;
    g_autofree char *names = NULL;
    uint64_t n = eh->e_shnum, names_index = eh->e_shstrndx, names_size;
    Elf64_Shdr first;

    if (eh->e_shoff == 0) {
        return g_strdup("is no emu plugin: it has no section '.emu.plugin'");
    }
    if (eh->e_shentsize != sizeof(Elf64_Shdr) || !read_at(fd, &first, sizeof(first), eh->e_shoff, size)) {
        return g_strdup("is damaged: its section headers lie outside of the file");
    }
    if (n == 0) {
        n = first.sh_size;
    }
    if (names_index == SHN_XINDEX) {
        names_index = first.sh_link;
    }
    if (n > size / sizeof(Elf64_Shdr) || names_index >= n) {
        return g_strdup("is damaged: its section headers lie outside of the file");
    }
    headers = g_new(Elf64_Shdr, n);
    if (!read_at(fd, headers, n * sizeof(Elf64_Shdr), eh->e_shoff, size)) {
        return g_strdup("is damaged: its section headers lie outside of the file");
    }
    names_size = headers[names_index].sh_size;
    if (names_size == 0 || names_size > MAX_SECTION_NAMES) {
        return g_strdup("is damaged: its section names lie outside of the file");
    }
    names = g_malloc(names_size);
    if (!read_at(fd, names, names_size, headers[names_index].sh_offset, size)) {
        return g_strdup("is damaged: its section names lie outside of the file");
    }
    names[names_size - 1] = '\0';
    for (uint64_t i = 0; i < n; i++) {
        if (headers[i].sh_name < names_size && strcmp(names + headers[i].sh_name, ".emu.plugin") == 0) {
            *found = headers[i];
            return NULL;
        }
    }
    return g_strdup("is no emu plugin: it has no section '.emu.plugin'");
}

static char *
check_elf_header(const Elf64_Ehdr *eh)
{
    if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0) {
        return g_strdup("is not an ELF file");
    }
    if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != HOST_DATA || eh->e_machine != HOST_MACHINE) {
        return g_strdup_printf("is an ELF file for another machine (%s-bit, %s-endian, machine %u), expected " HOST_NAME,
                               eh->e_ident[EI_CLASS] == ELFCLASS64   ? "64"
                               : eh->e_ident[EI_CLASS] == ELFCLASS32 ? "32"
                                                                     : "unknown",
                               eh->e_ident[EI_DATA] == ELFDATA2LSB   ? "little"
                               : eh->e_ident[EI_DATA] == ELFDATA2MSB ? "big"
                                                                     : "unknown",
                               eh->e_machine);
    }
    if (eh->e_type != ET_DYN) {
        return g_strdup_printf("is an ELF file of type %u, expected a shared library", eh->e_type);
    }
    return NULL;
}

/* A string of the manifest: terminated, printable. */
static bool
take_string(const char *from, gsize size, char **to)
{
    if (!memchr(from, '\0', size) || !g_utf8_validate(from, -1, NULL)) {
        return false;
    }
    for (const char *p = from; *p; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f) {
            return false;
        }
    }
    *to = g_strdup(from);
    return true;
}

static bool
take_words(const char *from, gsize size, char ***to)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;
    guint n = 0;

    if (!take_string(from, size, &text)) {
        return false;
    }
    words = g_strsplit(text, " ", -1);
    *to = g_new0(char *, g_strv_length(words) + 1);
    for (char **w = words; *w; w++) {
        if (**w == ':') {
            return false;
        }
        if (**w) {
            (*to)[n++] = g_strdup(*w);
        }
    }
    return true;
}

static char *
check_version(const EmuPluginManifest *raw)
{
    if (raw->sdk_major != EMU_SDK_MAJOR || raw->sdk_minor > EMU_SDK_MINOR) {
        return g_strdup_printf("was built for SDK %u.%u, this emu takes plugins built for SDK %u.0 to %u.%u", raw->sdk_major,
                               raw->sdk_minor, EMU_SDK_MAJOR, EMU_SDK_MAJOR, EMU_SDK_MINOR);
    }
    if (raw->tier == EMU_PLUGIN_TIER_ACCEL && raw->sdk_minor != EMU_SDK_MINOR) {
        return g_strdup_printf("is a CPU or accelerator plugin for SDK %u.%u, this emu takes those of SDK %u.%u only",
                               raw->sdk_major, raw->sdk_minor, EMU_SDK_MAJOR, EMU_SDK_MINOR);
    }
    if (raw->tier != EMU_PLUGIN_TIER_DEVICE && raw->tier != EMU_PLUGIN_TIER_ACCEL) {
        return g_strdup_printf("has a damaged manifest: tier %u is unknown", raw->tier);
    }
    return NULL;
}

static char *
read_manifest(int fd, uint64_t size, EmuManifest **manifest)
{
    g_autoptr(EmuManifest) m = g_new0(EmuManifest, 1);
    g_autofree EmuPluginManifest *raw = g_new0(EmuPluginManifest, 1);
    Elf64_Ehdr eh;
    Elf64_Shdr section = {0};
    char *refusal;

    if (size < sizeof(eh) || !read_at(fd, &eh, sizeof(eh), 0, size)) {
        return g_strdup_printf("is too short for a plugin: %" G_GUINT64_FORMAT " bytes", size);
    }
    if ((refusal = check_elf_header(&eh)) || (refusal = find_section(fd, size, &eh, &section))) {
        return refusal;
    }
    if (section.sh_type == SHT_NOBITS || section.sh_size < G_STRUCT_OFFSET(EmuPluginManifest, tier) ||
        !read_at(fd, raw, MIN(section.sh_size, sizeof(*raw)), section.sh_offset, size)) {
        return g_strdup("is damaged: its manifest lies outside of the file");
    }
    if (memcmp(raw->magic, EMU_PLUGIN_MAGIC, sizeof(raw->magic)) != 0) {
        return g_strdup("has a damaged manifest: it does not begin with '" EMU_PLUGIN_MAGIC "'");
    }
    if (raw->sdk_major != EMU_SDK_MAJOR) {
        return check_version(raw); /* what follows may look different there */
    }
    if (raw->size < sizeof(*raw) || raw->size > section.sh_size) {
        return g_strdup_printf("has a damaged manifest: its size is %u of %" G_GUINT64_FORMAT " bytes, expected %zu",
                               raw->size, (uint64_t)section.sh_size, sizeof(*raw));
    }
    if (!take_string(raw->name, sizeof(raw->name), &m->name) || !*m->name ||
        !take_string(raw->version, sizeof(raw->version), &m->version) ||
        !take_string(raw->license, sizeof(raw->license), &m->license) ||
        !take_string(raw->description, sizeof(raw->description), &m->description) ||
        !take_words(raw->provides, sizeof(raw->provides), &m->provides) ||
        !take_words(raw->needs, sizeof(raw->needs), &m->needs)) {
        return g_strdup("has a damaged manifest: a text in it is empty, unterminated or not printable");
    }
    m->sdk_major = raw->sdk_major;
    m->sdk_minor = raw->sdk_minor;
    m->tier = raw->tier;
    refusal = check_version(raw);
    *manifest = g_steal_pointer(&m);
    return refusal;
}

/*
 * A script's manifest is comments at its top:
 *
 *     # emu-plugin: NAME VERSION
 *     # emu-license: ...
 *     # emu-description: ...
 *     # emu-provides: type:parent ...
 *     # emu-needs: ...             # emu-sdk: 1.0
 */
#define SCRIPT_HEAD 8192

static const char *
script_line(char **lines, const char *key)
{
    g_autofree char *start = g_strdup_printf("# emu-%s:", key);

    for (char **line = lines; *line; line++) {
        if (g_str_has_prefix(*line, start)) {
            return g_strstrip(*line + strlen(start));
        }
    }
    return "";
}

static char *
read_script(int fd, uint64_t size, EmuManifest **manifest)
{
    g_autoptr(EmuManifest) m = g_new0(EmuManifest, 1);
    g_autofree EmuPluginManifest *raw = g_new0(EmuPluginManifest, 1);
    g_autofree char *head = g_malloc0(SCRIPT_HEAD + 1);
    g_auto(GStrv) lines = NULL;
    g_auto(GStrv) name = NULL;
    const char *sdk, *provides, *needs, *license, *description;
    unsigned major = EMU_SDK_MAJOR, minor = EMU_SDK_MINOR;
    char *refusal;

    if (!size || !read_at(fd, head, MIN(size, SCRIPT_HEAD), 0, size)) {
        return g_strdup("is empty");
    }
    lines = g_strsplit(head, "\n", -1);
    name = g_strsplit(script_line(lines, "plugin"), " ", 2);
    if (!name[0] || !*name[0]) {
        return g_strdup(EMU_SCRIPT_NO_PLUGIN " there is no line \"# emu-plugin: NAME VERSION\" at its top");
    }
    sdk = script_line(lines, "sdk");
    if (*sdk && sscanf(sdk, "%u.%u", &major, &minor) != 2) {
        return g_strdup("has a damaged manifest: emu-sdk is no version");
    }
    provides = script_line(lines, "provides");
    needs = script_line(lines, "needs");
    license = script_line(lines, "license");
    description = script_line(lines, "description");
    if (!take_string(name[0], strlen(name[0]) + 1, &m->name) || !take_string(name[1] ? name[1] : "0", strlen(name[1] ? name[1] : "0") + 1, &m->version) ||
        !take_string(license, strlen(license) + 1, &m->license) || !take_string(description, strlen(description) + 1, &m->description) ||
        !take_words(provides, strlen(provides) + 1, &m->provides) || !take_words(needs, strlen(needs) + 1, &m->needs)) {
        return g_strdup("has a damaged manifest: a text in it is not printable");
    }
    raw->sdk_major = (uint16_t)MIN(major, G_MAXUINT16);
    raw->sdk_minor = (uint16_t)MIN(minor, G_MAXUINT16);
    raw->tier = EMU_PLUGIN_TIER_DEVICE;
    m->sdk_major = raw->sdk_major;
    m->sdk_minor = raw->sdk_minor;
    m->tier = raw->tier;
    refusal = check_version(raw);
    *manifest = g_steal_pointer(&m);
    return refusal;
}

void
emu_manifest_read(const char *path, EmuManifest **manifest, char **refusal, struct stat *st)
{
    /* Non-blocking, for the FIFO that nobody writes to. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    *manifest = NULL;
    *refusal = NULL;
    if (fd < 0) {
        *refusal = g_strdup_printf("cannot be read: %s", g_strerror(errno));
        if (stat(path, st) < 0) {
            memset(st, 0, sizeof(*st));
        }
        return;
    }
    if (fstat(fd, st) < 0) {
        *refusal = g_strdup_printf("cannot be read: %s", g_strerror(errno));
    } else if (!S_ISREG(st->st_mode)) {
        *refusal = g_strdup_printf("is a %s, expected a regular file",
                                   S_ISDIR(st->st_mode)    ? "directory"
                                   : S_ISFIFO(st->st_mode) ? "FIFO"
                                                           : "device or socket");
    } else {
        *refusal = (g_str_has_suffix(path, ".py") ? read_script : read_manifest)(fd, (uint64_t)st->st_size, manifest);
    }
    close(fd);
}
