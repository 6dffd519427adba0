/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * ACPI tables. The DSDT is the board's, ASL compiled at build time; the other tables are written
 * here. The firmware gets three files: the tables, the RSDP, and a script of linker commands that
 * tell it where to put the tables, which pointers to relocate, and which checksums to fill.
 *
 * The tables are built again whenever the firmware selects one of the files: what it decided before
 * (base of the power management ports, PCI addresses) is in them.
 */

#include "pc-acpi.h"

#include <string.h>

#define PC_ACPI_FILE_NAME_SIZE 56
#define PC_ACPI_LOADER_ENTRY_SIZE 128
#define PC_ACPI_HEADER_SIZE 36
#define PC_ACPI_CHECKSUM_OFFSET 9
#define PC_ACPI_OEM_ID "EMU   "
#define PC_ACPI_OEM_TABLE_ID "EMUPC   "
#define PC_ACPI_CREATOR_ID "EMU "
#define PC_ACPI_TABLES_ALIGN 0x1000

#define PC_SMI_PORT 0xb2
#define PC_RESET_PORT 0xcf9
#define PC_RESET_VALUE 0x06
#define PC_RTC_CENTURY 0x32
#define PC_LAPIC_BASE 0xfee00000
#define PC_IOAPIC_BASE 0xfec00000
#define PC_HPET_BASE 0xfed00000
#define PC_HPET_ID 0x8086a201u /* low half of its capability register, PCI vendor first */
#define PC_HPET_MIN_TICK 100

enum { PC_LOADER_ALLOCATE = 1, PC_LOADER_ADD_POINTER = 2, PC_LOADER_ADD_CHECKSUM = 3, PC_LOADER_WRITE_POINTER = 4 };

/* ---- bytes ------------------------------------------------------------------------------------------ */

void
pc_acpi_add(GByteArray *out, uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    g_byte_array_append(out, (const uint8_t *)&value, size);
}

void
pc_acpi_add_zeroes(GByteArray *out, unsigned n)
{
    guint at = out->len;

    g_byte_array_set_size(out, at + n);
    memset(out->data + at, 0, n);
}

void
pc_acpi_set(GByteArray *out, guint at, uint64_t value, unsigned size)
{
    value = GUINT64_TO_LE(value);
    memcpy(out->data + at, &value, size);
}

/* ---- linker script ------------------------------------------------------------------------------- */

/* The entry's 128 bytes: command, then up to two file names, then numbers; zero-filled. */
static uint8_t *
pc_loader_new_entry(PcAcpi *self, uint32_t command, const char *file)
{
    guint at = self->loader->len;

    pc_acpi_add_zeroes(self->loader, PC_ACPI_LOADER_ENTRY_SIZE);
    pc_acpi_set(self->loader, at, command, 4);
    g_strlcpy((char *)self->loader->data + at + 4, file, PC_ACPI_FILE_NAME_SIZE);
    return self->loader->data + at + 4 + PC_ACPI_FILE_NAME_SIZE;
}

static void
pc_loader_put_u32(uint8_t *p, uint32_t value)
{
    value = GUINT32_TO_LE(value);
    memcpy(p, &value, 4);
}

void
pc_loader_allocate(PcAcpi *self, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *p = pc_loader_new_entry(self, PC_LOADER_ALLOCATE, file);

    pc_loader_put_u32(p, align);
    p[4] = zone;
}

void
pc_loader_add_pointer(PcAcpi *self, const char *file, uint32_t offset, uint8_t size, const char *target)
{
    uint8_t *p = pc_loader_new_entry(self, PC_LOADER_ADD_POINTER, file);

    g_strlcpy((char *)p, target, PC_ACPI_FILE_NAME_SIZE);
    pc_loader_put_u32(p + PC_ACPI_FILE_NAME_SIZE, offset);
    p[PC_ACPI_FILE_NAME_SIZE + 4] = size;
}

void
pc_loader_write_pointer(PcAcpi *self, const char *file, uint32_t offset, uint8_t size, const char *target, uint32_t target_offset)
{
    uint8_t *p = pc_loader_new_entry(self, PC_LOADER_WRITE_POINTER, file);

    g_strlcpy((char *)p, target, PC_ACPI_FILE_NAME_SIZE);
    pc_loader_put_u32(p + PC_ACPI_FILE_NAME_SIZE, offset);
    pc_loader_put_u32(p + PC_ACPI_FILE_NAME_SIZE + 4, target_offset);
    p[PC_ACPI_FILE_NAME_SIZE + 8] = size;
}

static void
pc_loader_add_checksum(PcAcpi *self, const char *file, uint32_t offset, uint32_t start, uint32_t length)
{
    uint8_t *p = pc_loader_new_entry(self, PC_LOADER_ADD_CHECKSUM, file);

    pc_loader_put_u32(p, offset);
    pc_loader_put_u32(p + 4, start);
    pc_loader_put_u32(p + 8, length);
}

/* ---- tables ------------------------------------------------------------------------------------------ */

guint
pc_acpi_begin(PcAcpi *self, const char *signature, uint8_t revision)
{
    guint at = self->tables->len;

    g_byte_array_append(self->tables, (const uint8_t *)signature, 4);
    pc_acpi_add(self->tables, 0, 4);
    pc_acpi_add(self->tables, revision, 1);
    pc_acpi_add(self->tables, 0, 1);
    g_byte_array_append(self->tables, (const uint8_t *)PC_ACPI_OEM_ID, 6);
    g_byte_array_append(self->tables, (const uint8_t *)PC_ACPI_OEM_TABLE_ID, 8);
    pc_acpi_add(self->tables, 1, 4);
    g_byte_array_append(self->tables, (const uint8_t *)PC_ACPI_CREATOR_ID, 4);
    pc_acpi_add(self->tables, 1, 4);
    return at;
}

void
pc_acpi_end(PcAcpi *self, guint at)
{
    guint length = self->tables->len - at;

    pc_acpi_set(self->tables, at + 4, length, 4);
    self->tables->data[at + PC_ACPI_CHECKSUM_OFFSET] = 0;
    pc_loader_add_checksum(self, PC_ACPI_TABLES_FILE, at + PC_ACPI_CHECKSUM_OFFSET, at, length);
}

static guint
pc_acpi_add_facs(PcAcpi *self)
{
    guint at = self->tables->len;

    g_byte_array_append(self->tables, (const uint8_t *)"FACS", 4);
    pc_acpi_add(self->tables, 64, 4);
    pc_acpi_add_zeroes(self->tables, 56);
    return at;
}

/* AML: 0x08, name, prefix, integer. */
void
pc_acpi_patch_name(uint8_t *dsdt, gsize len, const char *name, uint64_t value, unsigned size)
{
    const uint8_t prefix = size == 2 ? 0x0b : 0x0c;

    value = GUINT64_TO_LE(value);
    for (gsize i = PC_ACPI_HEADER_SIZE; i + 6 + size <= len; i++) {
        if (dsdt[i] == 0x08 && memcmp(dsdt + i + 1, name, 4) == 0 && dsdt[i + 5] == prefix) {
            memcpy(dsdt + i + 6, &value, size);
            return;
        }
    }
    g_assert_not_reached();
}

/* AML: 0x08, "_Sn_", package of four elements, the first two 0, 1 or a byte with prefix. */
static void
pc_acpi_patch_sleep(uint8_t *dsdt, gsize len, const char *name, bool present, uint8_t value)
{
    for (gsize i = PC_ACPI_HEADER_SIZE; i + 12 <= len; i++) {
        uint8_t *p = dsdt + i;

        if (p[0] != 0x08 || memcmp(p + 1, name, 4) != 0 || p[5] != 0x12) {
            continue;
        }
        if (!present) {
            p[1] = 'X'; /* a name that means nothing to the guest */
        } else if (p[8] == 0x0a && p[10] == 0x0a) {
            p[9] = p[11] = value;
        }
        return;
    }
    g_assert_not_reached();
}

void
pc_get_sleep_info(PcMachine *self, PcSleepInfo *info)
{
    const char *const names[] = {"disable_s3", "disable_s4", "s4_val"};
    unsigned values[3] = {0, 0, 2};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *text = self->pm && emu_object_has_property(self->pm, names[i]) ? emu_object_get_as_string(self->pm, names[i], NULL) : NULL;

        values[i] = text ? (unsigned)g_ascii_strtoull(text, NULL, 0) : values[i];
    }
    *info = (PcSleepInfo){.s3 = !values[0], .s4 = !values[1], .s4_val = values[2] & 7};
}

static bool
pc_acpi_has_isa_device(PcMachine *pc, const char *type, uint32_t iobase)
{
    GPtrArray *devices = emu_bus_get_devices(EMU_BUS(pc->isa_bus));

    for (guint i = 0; i < devices->len; i++) {
        g_autofree char *text = NULL;

        if (!emu_object_is_a(devices->pdata[i], type)) {
            continue;
        }
        if (iobase == 0) {
            return true;
        }
        text = emu_object_get_as_string(devices->pdata[i], "iobase", NULL);
        if (text && g_ascii_strtoull(text, NULL, 0) == iobase) {
            return true;
        }
    }
    return false;
}

static uint32_t
pc_acpi_get_isa_presence(PcMachine *pc)
{
    static const uint16_t com_ports[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};
    uint32_t present = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(com_ports); i++) {
        present |= pc_acpi_has_isa_device(pc, "isa-serial", com_ports[i]) << i;
    }
    present |= pc_acpi_has_isa_device(pc, "isa-parallel", 0x378) << 4;
    present |= pc_acpi_has_isa_device(pc, "isa-fdc", 0x3f0) << 5;
    present |= pc_acpi_has_isa_device(pc, "i8042", 0) << 6;
    present |= (pc->hpet_device != NULL) << 7;
    present |= pc_acpi_has_isa_device(pc, "pvpanic", 0) << 8;
    return present;
}

static uint64_t
pc_acpi_get_u32(const uint8_t *p)
{
    return p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
}

/* Of a 64-bit BAR: the bits that stay zero are as many as the size has. */
static uint64_t
pc_acpi_get_bar_size(EmuPciDevice *dev, unsigned bar)
{
    const uint8_t *wmask = emu_pci_device_get_wmask(dev) + 0x10 + 4 * bar;

    return -((pc_acpi_get_u32(wmask) & ~UINT64_C(0x0f)) | pc_acpi_get_u32(wmask + 4) << 32);
}

/* What a bridge passes on above 4 GiB, as firmware left it. */
static void
pc_acpi_add_bridge_window(EmuPciDevice *dev, uint64_t *low, uint64_t *high)
{
    const uint8_t *config = emu_pci_device_get_config(dev);
    uint64_t base = (pc_acpi_get_u32(config + 0x24) & 0xfff0) << 16 | pc_acpi_get_u32(config + 0x28) << 32;
    uint64_t limit = (pc_acpi_get_u32(config + 0x24) >> 16 & 0xfff0) << 16 | 0xfffff | pc_acpi_get_u32(config + 0x2c) << 32;

    if ((config[0x0e] & 0x7f) == 1 && base > UINT32_MAX && base < limit) {
        *low = MIN(*low, base);
        *high = MAX(*high, limit + 1);
    }
}

static void
pc_acpi_get_high_window(PcMachine *pc, uint64_t *start, uint64_t *length)
{
    const uint64_t unit = UINT64_C(1) << 30;
    GPtrArray *devices = emu_bus_get_devices(EMU_BUS(pc->pci_bus));
    uint64_t low = UINT64_MAX, high = 0;

    for (guint i = 0; i < devices->len; i++) {
        for (unsigned bar = 0; bar < 6; bar++) {
            uint64_t address = emu_pci_device_get_bar_address(devices->pdata[i], bar);

            if (address != UINT64_MAX && address > UINT32_MAX) {
                low = MIN(low, address);
                high = MAX(high, address + pc_acpi_get_bar_size(devices->pdata[i], bar));
            }
        }
        pc_acpi_add_bridge_window(devices->pdata[i], &low, &high);
    }
    *start = high ? low & ~(unit - 1) : 0;
    *length = high ? ((high + unit - 1) & ~(unit - 1)) - *start : 0;
}

static uint16_t
pc_acpi_get_pvpanic_port(PcMachine *pc)
{
    gsize len = 0;
    const uint8_t *port = emu_fw_cfg_get_file(pc->fw_cfg, "etc/pvpanic-port", &len);

    return port && len == 2 ? (uint16_t)(port[0] | port[1] << 8) : 0x505;
}

void
pc_acpi_patch_common(PcMachine *pc, uint8_t *dsdt, gsize len)
{
    PcPmInfo pm = {0};
    PcSleepInfo sleep;
    uint64_t high_start, high_length;

    PC_MACHINE_GET_CLASS(pc)->get_pm_info(pc, &pm);
    pc_acpi_get_high_window(pc, &high_start, &high_length);
    pc_get_sleep_info(pc, &sleep);
    pc_acpi_patch_sleep(dsdt, len, "_S3_", sleep.s3, 1);
    pc_acpi_patch_sleep(dsdt, len, "_S4_", sleep.s4, sleep.s4_val);
    pc_acpi_patch_name(dsdt, len, "P64S", high_start >> 30, 4);
    pc_acpi_patch_name(dsdt, len, "P64L", high_length >> 30, 4);
    pc_acpi_patch_name(dsdt, len, "ISAP", pc_acpi_get_isa_presence(pc), 4);
    pc_acpi_patch_name(dsdt, len, "PMIO", pm.pm_base, 2);
    pc_acpi_patch_name(dsdt, len, "PVPP", pc_acpi_get_pvpanic_port(pc), 2);
}

/* Generic address structure: system I/O. */
static void
pc_acpi_add_io_address(GByteArray *out, uint64_t address, uint8_t bits)
{
    pc_acpi_add(out, 1, 1);
    pc_acpi_add(out, bits, 1);
    pc_acpi_add(out, 0, 1);
    pc_acpi_add(out, 0, 1);
    pc_acpi_add(out, address, 8);
}

/* ACPI 2.0c, table 5-5; revision 3 for the reset register. */
static guint
pc_acpi_add_fadt(PcAcpi *self, guint facs, guint dsdt)
{
    GByteArray *t = self->tables;
    PcPmInfo info = {0};
    uint16_t pm;
    bool has_i8042 = pc_acpi_has_isa_device(self->pc, "i8042", 0);
    guint at = pc_acpi_begin(self, "FACP", 3);

    PC_MACHINE_GET_CLASS(self->pc)->get_pm_info(self->pc, &info);
    pm = info.pm_base;
    pc_loader_add_pointer(self, PC_ACPI_TABLES_FILE, t->len, 4, PC_ACPI_TABLES_FILE);
    pc_acpi_add(t, facs, 4);
    pc_loader_add_pointer(self, PC_ACPI_TABLES_FILE, t->len, 4, PC_ACPI_TABLES_FILE);
    pc_acpi_add(t, dsdt, 4);
    pc_acpi_add(t, 0, 1); /* reserved */
    pc_acpi_add(t, 0, 1); /* preferred profile: unspecified */
    pc_acpi_add(t, PC_SCI_IRQ, 2);
    pc_acpi_add(t, PC_SMI_PORT, 4);
    pc_acpi_add(t, info.acpi_enable, 1);
    pc_acpi_add(t, info.acpi_disable, 1);
    pc_acpi_add(t, 0, 1); /* S4BIOS */
    pc_acpi_add(t, 0, 1); /* P-state control */
    pc_acpi_add(t, pm, 4);
    pc_acpi_add(t, 0, 4);
    pc_acpi_add(t, pm + 4, 4);
    pc_acpi_add(t, 0, 4);
    pc_acpi_add(t, 0, 4);
    pc_acpi_add(t, pm + 8, 4);
    pc_acpi_add(t, info.gpe0_base, 4);
    pc_acpi_add(t, 0, 4);
    pc_acpi_add(t, 4, 1); /* lengths: event, control, PM2, timer, GPE0, GPE1 */
    pc_acpi_add(t, 2, 1);
    pc_acpi_add(t, 0, 1);
    pc_acpi_add(t, 4, 1);
    pc_acpi_add(t, info.gpe0_len, 1);
    pc_acpi_add(t, 0, 1);
    pc_acpi_add(t, 0, 1);      /* GPE1 base */
    pc_acpi_add(t, 0, 1);      /* C-state control */
    pc_acpi_add(t, 0xfff, 2);  /* C2, C3: not supported */
    pc_acpi_add(t, 0xfff, 2);
    pc_acpi_add_zeroes(t, 8);  /* flush size, stride, duty cycle, alarms */
    pc_acpi_add(t, PC_RTC_CENTURY, 1);
    pc_acpi_add(t, 0x01 | (has_i8042 ? 0x02 : 0), 2); /* legacy devices, 8042 */
    pc_acpi_add(t, 0, 1);
    /* WBINVD works, C1 everywhere, no sleep button, RTC wakes from S4, reset register. */
    pc_acpi_add(t, 1 << 0 | 1 << 2 | 1 << 5 | 1 << 7 | 1 << 10, 4);
    pc_acpi_add_io_address(t, PC_RESET_PORT, 8);
    pc_acpi_add(t, PC_RESET_VALUE, 1);
    pc_acpi_add_zeroes(t, 3);
    pc_acpi_add(t, 0, 8); /* X_FACS: the 32-bit pointer counts */
    pc_loader_add_pointer(self, PC_ACPI_TABLES_FILE, t->len, 8, PC_ACPI_TABLES_FILE);
    pc_acpi_add(t, dsdt, 8);
    pc_acpi_add_io_address(t, pm, 32);
    pc_acpi_add_zeroes(t, 12);
    pc_acpi_add_io_address(t, pm + 4, 16);
    pc_acpi_add_zeroes(t, 12);
    pc_acpi_add_zeroes(t, 12);
    pc_acpi_add_io_address(t, pm + 8, 32);
    pc_acpi_add_io_address(t, info.gpe0_base, info.gpe0_len * 8);
    pc_acpi_add_zeroes(t, 12);
    pc_acpi_end(self, at);
    return at;
}

uint32_t
pc_acpi_get_apic_id(PcMachine *pc, unsigned index)
{
    EmuCpu *cpu = index < emu_machine_get_n_cpus(EMU_MACHINE(pc)) ? emu_machine_get_cpu(EMU_MACHINE(pc), index) : NULL;

    if (cpu && EMU_IS_X86_CPU_CONTROL(cpu)) {
        return EMU_X86_CPU_CONTROL_GET_IFACE(EMU_X86_CPU_CONTROL(cpu))->get_apic_id(EMU_X86_CPU_CONTROL(cpu));
    }
    return emu_x86_topology_get_apic_id(emu_machine_get_smp(EMU_MACHINE(pc)), index);
}

static void
pc_acpi_add_override(GByteArray *t, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    pc_acpi_add(t, 2, 1);
    pc_acpi_add(t, 10, 1);
    pc_acpi_add(t, 0, 1);
    pc_acpi_add(t, irq, 1);
    pc_acpi_add(t, gsi, 4);
    pc_acpi_add(t, flags, 2);
}

/* ACPI 2.0c, section 5.2.10.4. */
static guint
pc_acpi_add_madt(PcAcpi *self)
{
    static const uint8_t level_irqs[] = {5, 9, 10, 11};
    GByteArray *t = self->tables;
    unsigned n_cpus = emu_machine_get_n_cpus(EMU_MACHINE(self->pc));
    unsigned max_cpus = emu_machine_get_smp(EMU_MACHINE(self->pc)).max_cpus;
    guint at = pc_acpi_begin(self, "APIC", 1);

    pc_acpi_add(t, PC_LAPIC_BASE, 4);
    pc_acpi_add(t, 1, 4); /* there are 8259s */
    for (unsigned i = 0; i < MAX(n_cpus, max_cpus); i++) {
        pc_acpi_add(t, 0, 1);
        pc_acpi_add(t, 8, 1);
        pc_acpi_add(t, i, 1);
        pc_acpi_add(t, pc_acpi_get_apic_id(self->pc, i), 1);
        pc_acpi_add(t, emu_machine_get_cpu(EMU_MACHINE(self->pc), i) != NULL, 4); /* enabled */
    }
    pc_acpi_add(t, 1, 1); /* I/O APIC */
    pc_acpi_add(t, 12, 1);
    pc_acpi_add(t, 0, 1);
    pc_acpi_add(t, 0, 1);
    pc_acpi_add(t, PC_IOAPIC_BASE, 4);
    pc_acpi_add(t, 0, 4);
    pc_acpi_add_override(t, 0, 2, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(level_irqs); i++) {
        pc_acpi_add_override(t, level_irqs[i], level_irqs[i], 0x0d); /* active high, level */
    }
    pc_acpi_add(t, 4, 1); /* NMI on LINT1 of all */
    pc_acpi_add(t, 6, 1);
    pc_acpi_add(t, 0xff, 1);
    pc_acpi_add(t, 0, 2);
    pc_acpi_add(t, 1, 1);
    pc_acpi_end(self, at);
    return at;
}

/* Length of an AML package in its two-byte form, which counts itself. */
static void
pc_aml_add_length(GByteArray *out, unsigned content)
{
    unsigned n = content + 2;

    pc_acpi_add(out, 0x40 | (n & 0x0f), 1);
    pc_acpi_add(out, n >> 4, 1);
}

/* Scope (_SB) { Processor (Cxxx, n, 0, 0) {} ... } */
static guint
pc_acpi_add_cpu_ssdt(PcAcpi *self)
{
    GByteArray *t = self->tables;
    unsigned n_cpus = emu_machine_get_n_cpus(EMU_MACHINE(self->pc));
    const unsigned processor_size = 2 + 2 + 4 + 6;
    guint at = pc_acpi_begin(self, "SSDT", 1);

    pc_acpi_add(t, 0x10, 1);
    pc_aml_add_length(t, 4 + n_cpus * processor_size);
    g_byte_array_append(t, (const uint8_t *)"_SB_", 4);
    for (unsigned i = 0; i < n_cpus; i++) {
        char name[5];

        g_snprintf(name, sizeof name, "C%03X", i);
        pc_acpi_add(t, 0x5b, 1);
        pc_acpi_add(t, 0x83, 1);
        pc_aml_add_length(t, processor_size - 4);
        g_byte_array_append(t, (const uint8_t *)name, 4);
        pc_acpi_add(t, i, 1);
        pc_acpi_add(t, 0, 4);
        pc_acpi_add(t, 0, 1);
    }
    pc_acpi_end(self, at);
    return at;
}

/* HPET specification 1.0a, section 3.2.4. */
static guint
pc_acpi_add_hpet(PcAcpi *self)
{
    GByteArray *t = self->tables;
    guint at = pc_acpi_begin(self, "HPET", 1);

    pc_acpi_add(t, PC_HPET_ID, 4);
    pc_acpi_add(t, 0, 1); /* address in memory */
    pc_acpi_add(t, 0, 3);
    pc_acpi_add(t, PC_HPET_BASE, 8);
    pc_acpi_add(t, 0, 1);
    pc_acpi_add(t, PC_HPET_MIN_TICK, 2);
    pc_acpi_add(t, 0, 1);
    pc_acpi_end(self, at);
    return at;
}

static void
pc_acpi_build(PcAcpi *self)
{
    PcMachineClass *klass = PC_MACHINE_GET_CLASS(self->pc);
    guint tables[20], n = 0, facs, dsdt, rsdt;

    pc_loader_allocate(self, PC_ACPI_RSDP_FILE, 16, PC_ACPI_ZONE_FSEG);
    pc_loader_allocate(self, PC_ACPI_TABLES_FILE, 64, PC_ACPI_ZONE_HIGH);
    facs = pc_acpi_add_facs(self);
    dsdt = klass->add_dsdt(self);
    tables[n++] = pc_acpi_add_fadt(self, facs, dsdt);
    if (self->pc->pci_hotplug_port) {
        pc_acpi_add_pci_hotplug(self, tables, &n);
    }
    if (self->pc->cpu_hotplug_port) {
        pc_acpi_add_cpu_hotplug(self, tables, &n);
    } else {
        tables[n++] = pc_acpi_add_cpu_ssdt(self);
    }
    if (self->pc->memory_hotplug_port) {
        pc_acpi_add_memory_hotplug(self, tables, &n);
    }
    tables[n++] = pc_acpi_add_madt(self);
    if (self->pc->hpet_device) {
        tables[n++] = pc_acpi_add_hpet(self);
    }
    pc_acpi_add_numa(self, tables, &n);
    pc_acpi_add_vmgenid(self, tables, &n);
    if (klass->add_tables) {
        klass->add_tables(self, tables, &n);
    }
    rsdt = pc_acpi_begin(self, "RSDT", 1);
    for (guint i = 0; i < n; i++) {
        pc_loader_add_pointer(self, PC_ACPI_TABLES_FILE, self->tables->len, 4, PC_ACPI_TABLES_FILE);
        pc_acpi_add(self->tables, tables[i], 4);
    }
    pc_acpi_end(self, rsdt);
    /* The sizes in the directory must not change when the tables do; a command of zeroes is none. */
    pc_acpi_add_zeroes(self->tables, -self->tables->len & (PC_ACPI_TABLES_ALIGN - 1));

    g_byte_array_append(self->rsdp, (const uint8_t *)"RSD PTR ", 8);
    pc_acpi_add(self->rsdp, 0, 1);
    g_byte_array_append(self->rsdp, (const uint8_t *)PC_ACPI_OEM_ID, 6);
    pc_acpi_add(self->rsdp, 0, 1); /* ACPI 1.0 */
    pc_loader_add_pointer(self, PC_ACPI_RSDP_FILE, self->rsdp->len, 4, PC_ACPI_TABLES_FILE);
    pc_acpi_add(self->rsdp, rsdt, 4);
    pc_loader_add_checksum(self, PC_ACPI_RSDP_FILE, 8, 0, self->rsdp->len);
    pc_acpi_add_zeroes(self->loader, -self->loader->len & (PC_ACPI_TABLES_ALIGN - 1));
}

static void
pc_acpi_begin_build(PcAcpi *self, PcMachine *pc)
{
    self->pc = pc;
    self->tables = g_byte_array_new();
    self->rsdp = g_byte_array_new();
    self->loader = g_byte_array_new();
    pc_acpi_build(self);
}

static void
pc_acpi_finish_build(PcAcpi *self)
{
    g_byte_array_unref(self->tables);
    g_byte_array_unref(self->rsdp);
    g_byte_array_unref(self->loader);
}

static void
pc_acpi_select_cb(gpointer opaque)
{
    PcMachine *pc = opaque;
    PcAcpi acpi;

    pc_acpi_begin_build(&acpi, pc);
    emu_fw_cfg_modify_file(pc->fw_cfg, PC_ACPI_TABLES_FILE, acpi.tables->data, acpi.tables->len);
    emu_fw_cfg_modify_file(pc->fw_cfg, PC_ACPI_RSDP_FILE, acpi.rsdp->data, acpi.rsdp->len);
    emu_fw_cfg_modify_file(pc->fw_cfg, PC_ACPI_LOADER_FILE, acpi.loader->data, acpi.loader->len);
    pc_acpi_finish_build(&acpi);
}

void
pc_add_acpi_tables(PcMachine *pc)
{
    PcAcpi acpi;

    pc_acpi_begin_build(&acpi, pc);
    emu_fw_cfg_add_file_full(pc->fw_cfg, PC_ACPI_TABLES_FILE, acpi.tables->data, acpi.tables->len, pc_acpi_select_cb, pc, false);
    emu_fw_cfg_add_file_full(pc->fw_cfg, PC_ACPI_RSDP_FILE, acpi.rsdp->data, acpi.rsdp->len, pc_acpi_select_cb, pc, false);
    emu_fw_cfg_add_file_full(pc->fw_cfg, PC_ACPI_LOADER_FILE, acpi.loader->data, acpi.loader->len, pc_acpi_select_cb, pc, false);
    pc_acpi_finish_build(&acpi);
}
