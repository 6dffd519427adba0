/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The board without CPUs running: memory map, PAM, CMOS, tables, and what -kernel refuses. */

#include <emu/fw-cfg.h>
#include <emu/pci.h>
#include <emu/test.h>
#include <emu/x86-pc.h>

#include <elf.h>
#include <glib/gstdio.h>
#include <string.h>

#define HOST_BRIDGE 0x80000000u

static EmuMachine *
new_pc(const char *property, const char *value)
{
    GError *error = NULL;
    EmuMachine *machine = emu_test_machine_new_unbuilt("pc", &error);

    g_assert_no_error(error);
    if (property) {
        emu_object_set_from_string(machine, property, value, &error);
        g_assert_no_error(error);
    }
    emu_test_machine_start(machine, &error);
    g_assert_no_error(error);
    return machine;
}

static void
end(EmuMachine *machine)
{
    emu_machine_destroy(machine);
    g_object_unref(machine);
}

static void
set_config(EmuMachine *machine, uint8_t reg, uint8_t value)
{
    emu_test_out(machine, 0xcf8, HOST_BRIDGE | (reg & 0xfc), 4);
    emu_test_out(machine, 0xcfc + (reg & 3), value, 1);
}

static uint8_t
cmos(EmuMachine *machine, uint8_t reg)
{
    emu_test_out(machine, 0x70, reg, 1);
    return emu_test_in(machine, 0x71, 1);
}

static const uint8_t *
file(EmuMachine *machine, const char *name, gsize *len)
{
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(machine);
    const uint8_t *data;

    g_assert_nonnull(fw_cfg);
    data = emu_fw_cfg_get_file(fw_cfg, name, len);
    g_assert_nonnull(data);
    return data;
}

static void
test_reset_vector(void)
{
    EmuMachine *machine = new_pc(NULL, NULL);

    g_assert_cmphex(emu_test_read(machine, 0xfffffff0, 1), ==, 0xea); /* a far jump */
    for (uint32_t i = 0; i < 0x20000; i += 0x0ffc) {
        g_assert_cmphex(emu_test_read(machine, 0xe0000 + i, 4), ==, emu_test_read(machine, 0xfffe0000 + i, 4));
    }
    emu_test_write(machine, 0xfffffff0, 0, 1);
    g_assert_cmphex(emu_test_read(machine, 0xfffffff0, 1), ==, 0xea);
    end(machine);
}

static void
test_pam(void)
{
    EmuMachine *machine = new_pc(NULL, NULL);
    uint32_t rom = emu_test_read(machine, 0xf0000, 4);

    set_config(machine, 0x59, 0x20); /* reads from ROM, writes to RAM */
    g_assert_cmphex(emu_test_read(machine, 0xf0000, 4), ==, rom);
    emu_test_write(machine, 0xf0000, 0x12345678, 4);
    emu_test_write(machine, 0xf0004, 0xaa, 1);
    g_assert_cmphex(emu_test_read(machine, 0xf0000, 4), ==, rom);
    set_config(machine, 0x59, 0x10); /* RAM, write-protected */
    g_assert_cmphex(emu_test_read(machine, 0xf0000, 4), ==, 0x12345678);
    g_assert_cmphex(emu_test_read(machine, 0xf0004, 1), ==, 0xaa);
    emu_test_write(machine, 0xf0000, 0, 4);
    g_assert_cmphex(emu_test_read(machine, 0xf0000, 4), ==, 0x12345678);
    set_config(machine, 0x59, 0x30); /* RAM */
    emu_test_write(machine, 0xf0000, 0xcafe, 4);
    g_assert_cmphex(emu_test_read(machine, 0xf0000, 4), ==, 0xcafe);
    set_config(machine, 0x5f, 0x03); /* 0xe8000 only */
    emu_test_write(machine, 0xe8000, 0x11, 1);
    emu_test_write(machine, 0xec000, 0x11, 1);
    g_assert_cmphex(emu_test_read(machine, 0xe8000, 1), ==, 0x11);
    emu_test_reset(machine);
    g_assert_cmphex(emu_test_read(machine, 0xf0000, 4), ==, rom);
    end(machine);
}

static void
test_smram(void)
{
    EmuMachine *machine = new_pc(NULL, NULL);

    set_config(machine, 0x72, 0x4a); /* open */
    emu_test_write(machine, 0xa0000, 0x5a, 1);
    g_assert_cmphex(emu_test_read(machine, 0xa0000, 1), ==, 0x5a);
    set_config(machine, 0x72, 0x1a); /* closed, locked */
    set_config(machine, 0x72, 0x4a);
    emu_test_out(machine, 0xcf8, HOST_BRIDGE | 0x70, 4);
    g_assert_cmphex(emu_test_in(machine, 0xcfe, 1), ==, 0x1a);
    end(machine);
}

static void
test_memory_split(void)
{
    EmuMachine *machine = new_pc("ram-size", "6442450944"); /* 6 GiB */
    gsize len;
    const uint64_t *e820;

    emu_test_write(machine, 0xbffffff8, 0x11, 1);
    g_assert_cmphex(emu_test_read(machine, 0xbffffff8, 1), ==, 0x11);
    emu_test_write(machine, 0xc0000000, 0x22, 1);
    g_assert_cmphex(emu_test_read(machine, 0xc0000000, 1), ==, 0xff);
    emu_test_write(machine, 0x1bfffffff, 0x33, 1);
    g_assert_cmphex(emu_test_read(machine, 0x1bfffffff, 1), ==, 0x33);
    g_assert_cmphex(cmos(machine, 0x34) | cmos(machine, 0x35) << 8, ==, 0xbf00);
    g_assert_cmphex(cmos(machine, 0x5b) | cmos(machine, 0x5c) << 8, ==, 0xc000);
    e820 = (const uint64_t *)file(machine, "etc/e820", &len);
    g_assert_cmpuint(len, ==, 40);
    g_assert_cmphex(GUINT64_FROM_LE(e820[1]), ==, 0xc0000000);
    end(machine);
}

static void
test_cmos(void)
{
    EmuMachine *machine = new_pc("boot-order", "dc");

    g_assert_cmpuint(cmos(machine, 0x15) | cmos(machine, 0x16) << 8, ==, 640);
    g_assert_cmphex(cmos(machine, 0x14) & 0x06, ==, 0x06);
    g_assert_cmphex(cmos(machine, 0x3d), ==, 0x23); /* CD, then hard disk */
    g_assert_cmphex(cmos(machine, 0x38), ==, 0x00);
    g_assert_cmphex(cmos(machine, 0x5f), ==, 0x00);
    end(machine);
}

static void
test_config_mechanism(void)
{
    EmuMachine *machine = new_pc(NULL, NULL);

    emu_test_out(machine, 0xcf8, HOST_BRIDGE, 4);
    g_assert_cmphex(emu_test_in(machine, 0xcfc, 4), ==, 0x12378086);
    g_assert_cmphex(emu_test_in(machine, 0xcfe, 2), ==, 0x1237);
    g_assert_cmphex(emu_test_in(machine, 0xcfd, 1), ==, 0x80);
    emu_test_out(machine, 0xcf8, 0, 4); /* not enabled */
    g_assert_cmphex(emu_test_in(machine, 0xcfc, 4), ==, 0xffffffff);
    emu_test_out(machine, 0xcf8, HOST_BRIDGE | 0xf800, 4); /* nobody at 00:1f.0 */
    g_assert_cmphex(emu_test_in(machine, 0xcfc, 4), ==, 0xffffffff);
    end(machine);
}

static void
test_port92(void)
{
    EmuMachine *machine = new_pc(NULL, NULL);

    g_assert_cmphex(emu_test_in(machine, 0x92, 1), ==, 0x02);
    emu_test_out(machine, 0x92, 0x00, 1);
    g_assert_cmphex(emu_test_in(machine, 0x92, 1), ==, 0x00);
    emu_test_out(machine, 0x92, 0x01, 1);
    emu_test_settle(machine);
    g_assert_cmphex(emu_test_in(machine, 0x92, 1), ==, 0x02);
    end(machine);
}

static void
count_cb(EmuMachine *machine G_GNUC_UNUSED, gboolean by_guest, int cause G_GNUC_UNUSED, unsigned *n)
{
    g_assert_true(by_guest);
    ++*n;
}

/* Every way to reset that a PC has, but for the triple fault, which is the CPU's. */
static void
test_reset_paths(void)
{
    EmuMachine *machine = new_pc(NULL, NULL);
    const uint8_t *fadt;
    gsize len;
    unsigned n = 0;

    g_signal_connect(machine, "reset", G_CALLBACK(count_cb), &n);
    emu_test_out(machine, 0x64, 0xfe, 1); /* keyboard controller: pulse output bit 0 */
    emu_test_settle(machine);
    g_assert_cmpuint(n, ==, 1);
    emu_test_out(machine, 0x64, 0xf1, 1); /* another bit */
    emu_test_settle(machine);
    g_assert_cmpuint(n, ==, 1);
    emu_test_out(machine, 0x64, 0xd1, 1); /* output port with the reset bit low */
    emu_test_out(machine, 0x60, 0x02, 1);
    emu_test_settle(machine);
    g_assert_cmpuint(n, ==, 2);
    emu_test_out(machine, 0x92, 0x03, 1);
    emu_test_settle(machine);
    g_assert_cmpuint(n, ==, 3);
    emu_test_out(machine, 0xcf9, 0x02, 1);
    emu_test_settle(machine);
    g_assert_cmpuint(n, ==, 3);
    emu_test_out(machine, 0xcf9, 0x06, 1); /* the edge */
    emu_test_settle(machine);
    g_assert_cmpuint(n, ==, 4);
    /* ACPI's reset register is the same: 8 bits of I/O space at 0xcf9, value 6, and the flag that it is there. */
    fadt = file(machine, "etc/acpi/tables", &len);
    while (len > 129 && memcmp(fadt, "FACP", 4) != 0) {
        fadt++;
        len--;
    }
    g_assert_cmpuint(len, >, 129);
    g_assert_cmphex(fadt[113] & 0x04, ==, 0x04);
    g_assert_cmphex(fadt[116] | fadt[117] << 8, ==, 0x0801);
    g_assert_cmphex(fadt[120] | fadt[121] << 8, ==, 0xcf9);
    g_assert_cmphex(fadt[128], ==, 6);
    end(machine);
}

/* The x87's error: IRQ 13 until port 0xf0 is written. */
static void
test_ferr(void)
{
    EmuMachine *machine = new_pc(NULL, NULL);
    EmuDevice *cpu = EMU_DEVICE(emu_machine_get_cpu(machine, 0));

    emu_test_out(machine, 0xa0, 0x0a, 1); /* IRR of the slave */
    emu_machine_lock(machine);
    emu_line_set(emu_device_get_line_out(cpu, "ferr", 0), 1);
    emu_machine_unlock(machine);
    g_assert_cmphex(emu_test_in(machine, 0xa0, 1) & 0x20, ==, 0x20);
    emu_test_out(machine, 0xf0, 0, 1);
    end(machine);
}

/* ---- tables --------------------------------------------------------------------------------------- */

static uint32_t
u32(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Does with the linker script what firmware does: everything stays where it is in the file. */
static void
test_acpi(void)
{
    EmuMachine *machine = new_pc(NULL, NULL);
    gsize loader_len, tables_len, rsdp_len;
    const uint8_t *loader = file(machine, "etc/table-loader", &loader_len);
    const uint8_t *tables_file = file(machine, "etc/acpi/tables", &tables_len);
    const uint8_t *rsdp_file = file(machine, "etc/acpi/rsdp", &rsdp_len);
    g_autofree uint8_t *tables = g_memdup2(tables_file, tables_len);
    g_autofree uint8_t *rsdp = g_memdup2(rsdp_file, rsdp_len);
    const uint8_t *rsdt;
    unsigned found = 0;

    g_assert_cmpuint(loader_len % 128, ==, 0);
    for (gsize i = 0; i < loader_len; i += 128) {
        const uint8_t *entry = loader + i;
        bool is_rsdp = strcmp((const char *)entry + 4, "etc/acpi/rsdp") == 0;
        uint8_t *data = is_rsdp ? rsdp : tables;
        gsize len = is_rsdp ? rsdp_len : tables_len;

        if (u32(entry) == 2) {
            uint32_t offset = u32(entry + 116);

            g_assert_cmpuint(offset + entry[120], <=, len);
            g_assert_cmpuint(u32(data + offset), <, tables_len);
        } else if (u32(entry) == 3) {
            uint32_t at = u32(entry + 60), start = u32(entry + 64), length = u32(entry + 68);
            uint8_t sum = 0;

            g_assert_cmpuint(start + length, <=, len);
            for (uint32_t k = 0; k < length; k++) {
                sum += data[start + k];
            }
            data[at] -= sum;
        }
    }
    g_assert_cmpmem(rsdp, 8, "RSD PTR ", 8);
    rsdt = tables + u32(rsdp + 16);
    g_assert_cmpmem(rsdt, 4, "RSDT", 4);
    for (uint32_t i = 36; i < u32(rsdt + 4); i += 4) {
        const uint8_t *table = tables + u32(rsdt + i);
        uint8_t sum = 0;

        for (uint32_t k = 0; k < u32(table + 4); k++) {
            sum += table[k];
        }
        g_assert_cmpuint(sum, ==, 0);
        found |= memcmp(table, "FACP", 4) == 0 ? 1 : memcmp(table, "APIC", 4) == 0 ? 2 : memcmp(table, "SSDT", 4) == 0 ? 4 : 0;
        if (memcmp(table, "FACP", 4) == 0) {
            g_assert_cmpmem(tables + u32(table + 36), 4, "FACS", 4);
            g_assert_cmpmem(tables + u32(table + 40), 4, "DSDT", 4);
            g_assert_cmpuint(u32(table + 36) % 64, ==, 0);
            g_assert_cmpuint(u32(table + 4), ==, 244);
        }
    }
    g_assert_cmpuint(found, ==, 7);
    end(machine);
}

static void
test_smbios(void)
{
    EmuMachine *machine = new_pc("uuid", "11223344-5566-7788-99aa-bbccddeeff00");
    gsize len, anchor_len, at = 0;
    const uint8_t *table = file(machine, "etc/smbios/smbios-tables", &len);
    const uint8_t *anchor = file(machine, "etc/smbios/smbios-anchor", &anchor_len);
    unsigned count = 0, types = 0;

    g_assert_cmpuint(anchor_len, ==, 31);
    g_assert_cmpuint(anchor[22] | anchor[23] << 8, ==, len);
    while (at + 4 <= len) {
        count++;
        if (table[at] < 32) {
            types |= 1u << table[at];
        }
        if (table[at] == 1) {
            g_assert_cmpmem(table + at + 8, 8, "\x44\x33\x22\x11\x66\x55\x88\x77", 8);
        }
        at += table[at + 1];
        while (table[at] || table[at + 1]) {
            at++;
        }
        at += 2;
    }
    g_assert_cmpuint(at, ==, len);
    g_assert_cmpuint(count, ==, anchor[28] | anchor[29] << 8);
    g_assert_cmphex(types & (1 << 1 | 1 << 3 | 1 << 4 | 1 << 16 | 1 << 17 | 1 << 19), ==,
                    1 << 1 | 1 << 3 | 1 << 4 | 1 << 16 | 1 << 17 | 1 << 19);
    end(machine);
}

/* ---- -kernel --------------------------------------------------------------------------------------- */

static char *
write_file(const void *data, gsize len)
{
    GError *error = NULL;
    char *path = NULL;
    int fd = g_file_open_tmp("emu-test-XXXXXX", &path, &error);

    g_assert_no_error(error);
    g_assert_true(g_close(fd, &error));
    g_file_set_contents(path, data, len, &error);
    g_assert_no_error(error);
    return path;
}

/* Builds a board with such a kernel; the message when it refuses. */
static char *
load_kernel(const void *data, gsize len, EmuMachine **machine)
{
    g_autofree char *path = write_file(data, len);
    GError *error = NULL;
    char *message = NULL;

    *machine = emu_test_machine_new_unbuilt("pc", &error);
    g_assert_no_error(error);
    emu_object_set_from_string(*machine, "kernel", path, &error);
    g_assert_no_error(error);
    if (!emu_test_machine_start(*machine, &error)) {
        g_assert_nonnull(error);
        message = g_strdup(error->message);
        g_error_free(error);
    }
    g_unlink(path);
    return message;
}

static void
assert_refused(const void *data, gsize len, const char *what)
{
    EmuMachine *machine;
    g_autofree char *message = load_kernel(data, len, &machine);

    g_assert_nonnull(message);
    g_assert_nonnull(strstr(message, what));
    end(machine);
}

static void
put32(uint8_t *p, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(p, &value, 4);
}

static void
test_kernel_refused(void)
{
    uint8_t data[16384] = {0};

    assert_refused("short", 5, "too short");
    assert_refused(data, sizeof data, "no kernel");
    memcpy(data + 0x202, "HdrS", 4);
    data[0x1f1] = 64;
    assert_refused(data, sizeof data, "too short");
    memset(data, 0, sizeof data);
    put32(data, 0x1badb002); /* Multiboot, without addresses and not ELF */
    put32(data + 8, -0x1badb002);
    assert_refused(data, sizeof data, "ELF");
    put32(data + 4, 0x00010000); /* addresses that make no sense */
    put32(data + 8, -(0x1badb002 + 0x00010000));
    put32(data + 12, 0x1000);
    put32(data + 16, 0x2000);
    assert_refused(data, sizeof data, "load address");
    put32(data + 12, 0x100000);
    put32(data + 16, 0x100000);
    put32(data + 20, 0x200000);
    assert_refused(data, sizeof data, "beyond the file");
    put32(data + 20, 0);
    put32(data + 24, 0xfffffff0);
    assert_refused(data, sizeof data, "impossible");
}

static void
test_linux(void)
{
    uint8_t data[16384] = {0};
    EmuMachine *machine;
    g_autofree char *message = NULL;
    gsize len;
    const uint8_t *rom;
    uint8_t sum = 0;

    memcpy(data + 0x202, "HdrS", 4);
    data[0x206] = 0x0f;
    data[0x207] = 0x02;
    data[0x1f1] = 4;
    data[0x211] = 1;
    message = load_kernel(data, sizeof data, &machine);
    g_assert_null(message);
    rom = file(machine, "genroms/linuxboot_dma.bin", &len);
    g_assert_cmphex(rom[0] | rom[1] << 8, ==, 0xaa55);
    g_assert_cmpuint(rom[2] * 512u, ==, len);
    for (gsize i = 0; i < len; i++) {
        sum += rom[i];
    }
    g_assert_cmpuint(sum, ==, 0);
    g_assert_cmpstr((const char *)file(machine, "bootorder", &len), ==, "/rom@genroms/linuxboot_dma.bin");
    end(machine);
}

/* Without a BAR for it the firmware gets a device's option ROM as a file. */
static void
test_rom_without_bar(void)
{
    g_autofree char *dir = g_dir_make_tmp("emu-rom-XXXXXX", NULL), *path = g_build_filename(dir, "test.rom", NULL);
    g_autofree char *options = g_strdup_printf("romfile=%s,rombar=0", path);
    GError *error = NULL;
    EmuMachine *machine = emu_test_machine_new("pc", &error);
    gsize len;

    g_assert_no_error(error);
    g_assert_true(g_file_set_contents(path, "\x55\xaa\x01", 3, NULL));
    for (unsigned i = 0; i < 2; i++) { /* one file for both */
        EmuDevice *dev = emu_test_add_device(machine, "pvpanic-pci", options, &error);

        g_assert_no_error(error);
        g_assert_cmphex(emu_pci_device_get_config(EMU_PCI_DEVICE(dev))[0x30], ==, 0);
    }
    g_assert_nonnull(file(machine, "genroms/test.rom", &len));
    g_assert_cmpuint(len, ==, 3);
    end(machine);
    g_unlink(path);
    g_rmdir(dir);
}

static void
test_multiboot(void)
{
    uint8_t data[8192] = {0};
    EmuMachine *machine;
    g_autofree char *message = NULL;
    gsize len;

    put32(data + 16, 0x1badb002);
    put32(data + 20, 0x00010003);
    put32(data + 24, -(0x1badb002 + 0x00010003));
    put32(data + 28, 0x100010);
    put32(data + 32, 0x100000);
    put32(data + 36, 0);
    put32(data + 40, 0x108000);
    put32(data + 44, 0x100100);
    message = load_kernel(data, sizeof data, &machine);
    g_assert_null(message);
    g_assert_nonnull(file(machine, "genroms/multiboot_dma.bin", &len));
    emu_test_out(machine, 0x510, EMU_FW_CFG_KERNEL_ENTRY, 2);
    g_assert_cmphex(emu_test_in(machine, 0x511, 1), ==, 0x00);
    g_assert_cmphex(emu_test_in(machine, 0x511, 1), ==, 0x01);
    end(machine);
}

/* An ELF64 file with one segment at 1 MiB and, when asked for, a PVH note. */
static void
make_elf(uint8_t *data, gsize len, bool with_note)
{
    Elf64_Ehdr ehdr = {.e_ident = ELFMAG, .e_machine = EM_X86_64, .e_phoff = 64, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2};
    Elf64_Phdr load = {.p_type = PT_LOAD, .p_offset = 1024, .p_paddr = 0x100000, .p_filesz = 1024, .p_memsz = 8192};
    Elf64_Phdr notes = {.p_type = PT_NOTE, .p_offset = 512, .p_filesz = with_note ? 20 : 0};
    const uint32_t note[5] = {4, 4, 18, 0x006e6558, 0x100040}; /* "Xen" */

    g_assert_cmpuint(len, >=, 2048);
    ehdr.e_ident[EI_CLASS] = ELFCLASS64;
    ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
    memset(data, 0, len);
    memcpy(data, &ehdr, sizeof ehdr);
    memcpy(data + 64, &load, sizeof load);
    memcpy(data + 64 + sizeof load, &notes, sizeof notes);
    memcpy(data + 512, note, sizeof note);
}

static void
test_pvh(void)
{
    uint8_t data[2048];
    EmuMachine *machine;
    g_autofree char *message = NULL;
    gsize len;

    make_elf(data, sizeof data, false);
    assert_refused(data, sizeof data, "PVH");
    make_elf(data, sizeof data, true);
    put32(data + 64 + 32, 4096); /* p_filesz */
    assert_refused(data, sizeof data, "outside the file");
    make_elf(data, sizeof data, true);
    message = load_kernel(data, sizeof data, &machine);
    g_assert_null(message);
    g_assert_nonnull(file(machine, "genroms/pvh.bin", &len));
    emu_test_out(machine, 0x510, EMU_FW_CFG_KERNEL_ENTRY, 2);
    g_assert_cmphex(emu_test_in(machine, 0x511, 1), ==, 0x40);
    emu_test_out(machine, 0x510, EMU_FW_CFG_KERNEL_SIZE, 2);
    g_assert_cmphex(emu_test_in(machine, 0x511, 1), ==, 0x00);
    g_assert_cmphex(emu_test_in(machine, 0x511, 1), ==, 0x20);
    end(machine);
}

static const uint8_t *
table(EmuMachine *machine, const char *signature)
{
    gsize len;
    const uint8_t *data = file(machine, "etc/acpi/tables", &len);

    for (gsize i = 0; i + 36 <= len; i++) {
        if (memcmp(data + i, signature, 4) == 0 && memcmp(data + i + 10, "EMU   ", 6) == 0) {
            return data + i;
        }
    }
    return NULL;
}

static uint64_t
le(const uint8_t *p, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, p, size);
    return GUINT64_FROM_LE(value);
}

/* @properties: "name=value" each, ended by NULL; what is wrong with them is in @error. */
static bool
try_memory_object(EmuMachine *machine, const char *type, const char *id, const char *const *properties, GError **error)
{
    g_autoptr(EmuObject) object = emu_object_new(type, error);

    for (unsigned i = 0; object && properties[i]; i++) {
        g_auto(GStrv) words = g_strsplit(properties[i], "=", 2);

        g_assert_true(emu_object_set_from_string(object, words[0], words[1], NULL));
    }
    g_assert_true(emu_object_add_child(emu_object_get_container(emu_machine_get_root(machine), "/objects"), id, object, NULL));
    return emu_user_creatable_complete(object, error);
}

static void
add_memory_object(EmuMachine *machine, const char *id, uint64_t size)
{
    GError *error = NULL;
    EmuObject *object = emu_object_new("memory-backend-ram", &error);

    g_assert_no_error(error);
    g_assert_true(emu_object_set_uint(object, "size", size, &error));
    g_assert_true(emu_object_add_child(emu_object_get_container(emu_machine_get_root(machine), "/objects"), id, object, &error));
    g_assert_true(emu_user_creatable_complete(object, &error));
    g_object_unref(object);
}

/* A file as main memory: shared, the guest's writes are in it; private, they are not. */
static void
test_memory_in_a_file(void)
{
    for (unsigned share = 0; share < 2; share++) {
        GError *error = NULL;
        g_autofree char *dir = g_dir_make_tmp("emu-test-XXXXXX", &error), *path = g_build_filename(dir, "memory", NULL);
        g_autofree char *path_property = g_strconcat("mem-path=", path, NULL), *content = NULL;
        const char *const properties[] = {"size=16M", path_property, share ? "share=on" : "share=off", "prealloc=on", NULL};
        EmuMachine *machine = emu_test_machine_new_unbuilt("pc", &error);
        gsize len = 0;

        g_assert_no_error(error);
        g_assert_true(emu_machine_set_memory(machine, "16M", &error));
        g_assert_true(try_memory_object(machine, "memory-backend-file", "ram", properties, &error));
        g_assert_true(emu_object_set_from_string(machine, "memory-backend", "ram", &error));
        emu_test_machine_start(machine, &error);
        g_assert_no_error(error);
        emu_test_write(machine, 0x12345, 0xa5, 1);
        g_assert_true(g_file_get_contents(path, &content, &len, &error));
        g_assert_cmpuint(len, ==, 16 << 20);
        g_assert_cmphex((uint8_t)content[0x12345], ==, share ? 0xa5 : 0x00);
        emu_machine_destroy(machine);
        g_object_unref(machine);
        g_unlink(path);
        g_rmdir(dir);
    }
}

static void
test_memory_in_a_memfd(void)
{
    const char *const properties[] = {"size=16M", NULL};
    GError *error = NULL;
    EmuMachine *machine = emu_test_machine_new_unbuilt("pc", &error);

    g_assert_true(emu_machine_set_memory(machine, "16M", &error));
    g_assert_true(try_memory_object(machine, "memory-backend-memfd", "ram", properties, &error));
    g_assert_true(emu_object_set_from_string(machine, "memory-backend", "ram", &error));
    emu_test_machine_start(machine, &error);
    g_assert_no_error(error);
    emu_test_write(machine, 0x12345, 0xa5, 1);
    g_assert_cmphex(emu_test_read(machine, 0x12345, 1), ==, 0xa5);
    emu_machine_destroy(machine);
    g_object_unref(machine);
}

static void
test_memory_refused(void)
{
    static const struct {
        const char *type;
        const char *properties[4];
        const char *what;
    } bad[] = {
        {"memory-backend-file", {"size=16M"}, "mem-path property not set"},
        {"memory-backend-file", {"size=16M", "mem-path=/no/such/folder/file"}, "can't open backing store /no/such/folder/file for guest RAM"},
        {"memory-backend-file", {"size=16M", "mem-path=/proc/self/status"}, "of memory for x"},
        {"memory-backend-file", {"mem-path=/tmp"}, "size 0"},
        {"memory-backend-memfd", {"size=16M", "hugetlbsize=3M", "hugetlb=on"}, "expected a power of two"},
        /* More than any host has. */
        {"memory-backend-memfd", {"size=512G", "hugetlb=on"}, "x"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        EmuMachine *machine = emu_test_machine_new_unbuilt("pc", NULL);

        g_assert_false(try_memory_object(machine, bad[i].type, "x", bad[i].properties, &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, bad[i].what));
        emu_machine_destroy(machine);
        g_object_unref(machine);
    }
}

static void
test_numa(void)
{
    GError *error = NULL;
    EmuMachine *machine = emu_test_machine_new_unbuilt("pc", &error);
    const uint64_t mib = 1 << 20;
    const struct {
        uint32_t node;
        uint64_t start, length;
    } memory[] = {{0, 0, 0xa0000}, {0, mib, 47 * mib}, {1, 48 * mib, 80 * mib}};
    const uint8_t *srat, *slit, *p;

    g_assert_no_error(error);
    g_assert_true(emu_machine_set_smp(machine, "4,sockets=2,cores=2,threads=1", &error));
    add_memory_object(machine, "near", 48 * mib);
    add_memory_object(machine, "far", 80 * mib);
    emu_machine_add_option(machine, "numa", "node,memdev=near");
    emu_machine_add_option(machine, "numa", "node,memdev=far");
    emu_machine_add_option(machine, "numa", "dist,src=0,dst=1,val=33");
    emu_test_machine_start(machine, &error);
    g_assert_no_error(error);
    /* Both objects are main memory, one after the other. */
    emu_test_write(machine, 48 * mib - 4, UINT64_C(0x1122334455667788), 8);
    g_assert_cmphex(emu_test_read(machine, 48 * mib, 4), ==, 0x11223344);
    emu_test_write(machine, 128 * mib - 1, 0x5a, 1);
    g_assert_cmphex(emu_test_read(machine, 128 * mib - 1, 1), ==, 0x5a);

    srat = table(machine, "SRAT");
    g_assert_nonnull(srat);
    p = srat + 48;
    for (unsigned i = 0; i < 4; i++, p += 16) { /* a socket each */
        g_assert_cmphex(le(p, 2), ==, 16 << 8);
        g_assert_cmpuint(p[2], ==, i / 2);
        g_assert_cmpuint(p[3], ==, i);
        g_assert_cmpuint(p[4], ==, 1);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(memory); i++, p += 40) {
        g_assert_cmphex(le(p, 2), ==, 1 | 40 << 8);
        g_assert_cmpuint(le(p + 2, 4), ==, memory[i].node);
        g_assert_cmphex(le(p + 8, 8), ==, memory[i].start);
        g_assert_cmphex(le(p + 16, 8), ==, memory[i].length);
        g_assert_cmpuint(le(p + 28, 4), ==, 1);
    }
    g_assert_cmpuint(le(srat + 4, 4), ==, p - srat);
    slit = table(machine, "SLIT");
    g_assert_nonnull(slit);
    g_assert_cmpuint(le(slit + 36, 8), ==, 2);
    g_assert_cmphex(le(slit + 44, 4), ==, 0x0a21210a);
    end(machine);
}

static void
test_numa_refused(void)
{
    static const struct {
        const char *options[4];
        const char *part;
    } cases[] = {
        {{"node,mem=64"}, "should equal RAM size"},
        {{"node,mem=64", "node,nodeid=2,mem=64"}, "Node ID missing: 1"},
        {{"node,mem=64", "node,nodeid=0,mem=64"}, "Duplicate"},
        {{"node,memdev=nobody"}, "nobody"},
        {{"node,mem=64", "node,memdev=nobody"}, "mixing"},
        {{"node,mem=128,cpus=1"}, "smaller than maxcpus"},
        {{"node,mem=128,cpus=x"}, "cpus=x"},
        {{"node,mem=128", "dist,src=0,dst=1,val=20"}, "declare it first"},
        {{"node,mem=64", "node,mem=64", "dist,src=0,dst=0,val=11"}, "should be 10"},
        {{"node,mem=128", "cpu,node-id=0,socket-id=1"}, "socket-id"},
        {{"island"}, "expected node, dist or cpu"},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        EmuMachine *machine = emu_test_machine_new_unbuilt("pc", NULL);

        for (unsigned j = 0; j < 4 && cases[i].options[j]; j++) {
            emu_machine_add_option(machine, "numa", cases[i].options[j]);
        }
        g_assert_false(emu_test_machine_start(machine, &error));
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, cases[i].part));
        end(machine);
    }
}

static void
test_topology(void)
{
    const EmuSmp smp = {24, 24, 2, 2, 3, 2};

    g_assert_cmphex(emu_x86_topology_get_apic_id(smp, 0), ==, 0);
    g_assert_cmphex(emu_x86_topology_get_apic_id(smp, 5), ==, 5);
    g_assert_cmphex(emu_x86_topology_get_apic_id(smp, 6), ==, 8);       /* second die: a core takes two bits */
    g_assert_cmphex(emu_x86_topology_get_apic_id(smp, 12), ==, 0x10);   /* second socket */
    g_assert_cmphex(emu_x86_topology_get_apic_id(smp, 23), ==, 0x1d);
}

static void
test_topology_refused(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *machine = emu_test_machine_new_unbuilt("pc", NULL);

    g_assert_true(emu_machine_set_smp(machine, "1,maxcpus=255,sockets=85,cores=3,threads=1", &error));
    g_assert_false(emu_test_machine_start(machine, &error));
    g_assert_nonnull(strstr(error->message, "would need local APIC ID 338"));
    end(machine);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc/memory/firmware-at-both-ends", test_reset_vector);
    g_test_add_func("/pc/memory/split-at-3-gib", test_memory_split);
    g_test_add_func("/pc/pam/four-modes", test_pam);
    g_test_add_func("/pc/smram/opens-and-locks", test_smram);
    g_test_add_func("/pc/pci/mechanism-1", test_config_mechanism);
    g_test_add_func("/pc/cmos/what-the-firmware-reads", test_cmos);
    g_test_add_func("/pc/port92/a20-and-reset", test_port92);
    g_test_add_func("/pc/reset/every-path", test_reset_paths);
    g_test_add_func("/pc/ferr/irq-13", test_ferr);
    g_test_add_func("/pc/acpi/checksums-and-pointers", test_acpi);
    g_test_add_func("/pc/smbios/structures", test_smbios);
    g_test_add_func("/pc/kernel/refused-with-a-sentence", test_kernel_refused);
    g_test_add_func("/pc/kernel/linux", test_linux);
    g_test_add_func("/pc/boot/rom-without-bar", test_rom_without_bar);
    g_test_add_func("/pc/kernel/multiboot", test_multiboot);
    g_test_add_func("/pc/kernel/pvh", test_pvh);
    g_test_add_func("/pc/memory/in-a-file", test_memory_in_a_file);
    g_test_add_func("/pc/memory/in-a-memfd", test_memory_in_a_memfd);
    g_test_add_func("/pc/memory/refused-with-a-sentence", test_memory_refused);
    g_test_add_func("/pc/numa/srat-and-slit", test_numa);
    g_test_add_func("/pc/numa/refused-with-a-sentence", test_numa_refused);
    g_test_add_func("/pc/topology/apic-ids", test_topology);
    g_test_add_func("/pc/topology/refused-with-a-sentence", test_topology_refused);
    return g_test_run();
}
