/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "q35-acpi.h"

#include "q35.h"
#include "q35-dsdt.h"

#define Q35_IOMMU_TYPE "intel-iommu"
#define Q35_IOMMU_BASE 0xfed90000
#define Q35_IOAPIC_BUS 0xff /* the I/O APIC's name as a requester; no bus has this number */

/* PCI Firmware Specification 3.0, 4.5.1: PME, AER, PCI Express capability; hot-plug by the ports' own registers. */
#define Q35_OSC_GRANTED 0x1c
#define Q35_OSC_HOTPLUG 0x01

/* DMA Remapping Reporting (VT-d specification 3.0, chapter 8). */
enum { DMAR_INTR_REMAP = 1 << 0, DMAR_X2APIC_OPT_OUT = 1 << 1, DRHD_INCLUDE_PCI_ALL = 1 << 0, DMAR_SCOPE_IOAPIC = 3 };

static void
q35_acpi_patch_range(uint8_t *dsdt, gsize len, const char *start_name, const char *end_name, uint64_t start, uint64_t end)
{
    pc_acpi_patch_name(dsdt, len, start_name, start, 4);
    pc_acpi_patch_name(dsdt, len, end_name, end > start ? end - 1 : start, 4); /* one byte: there is none */
}

guint
q35_acpi_add_dsdt(PcAcpi *acpi, EmuPciDevice *mch)
{
    guint at = acpi->tables->len;
    gsize len = sizeof q35_dsdt;
    uint64_t end = (uint64_t)PC_ACPI_PCI_HOLE_END + 1, base = end, size = 0;
    uint8_t *dsdt;

    g_byte_array_append(acpi->tables, q35_dsdt, len);
    dsdt = acpi->tables->data + at;
    if (mch_get_mmconfig(mch, &base, &size) && (base < acpi->pc->below_4g || base + size > end)) {
        base = end;
        size = 0;
    }
    /* PCI memory below 4 GiB lies on both sides of the configuration window. */
    q35_acpi_patch_range(dsdt, len, "P32S", "P32E", acpi->pc->below_4g, base);
    q35_acpi_patch_range(dsdt, len, "P3BS", "P3BE", base + size, end);
    pc_acpi_patch_name(dsdt, len, "MCFB", size ? base : 0, 4);
    pc_acpi_patch_name(dsdt, len, "MCFL", size, 4);
    pc_acpi_patch_name(dsdt, len, "OSCM", Q35_OSC_GRANTED | (acpi->pc->pci_hotplug_port ? 0 : Q35_OSC_HOTPLUG), 2);
    pc_acpi_patch_common(acpi->pc, dsdt, len);
    pc_acpi_end(acpi, at);
    return at;
}

/* PCI Firmware Specification 3.0, 4.1.2. */
static guint
q35_acpi_add_mcfg(PcAcpi *acpi, uint64_t base, uint64_t size)
{
    guint at = pc_acpi_begin(acpi, "MCFG", 1);

    pc_acpi_add_zeroes(acpi->tables, 8);
    pc_acpi_add(acpi->tables, base, 8);
    pc_acpi_add(acpi->tables, 0, 2); /* segment group */
    pc_acpi_add(acpi->tables, 0, 1);
    pc_acpi_add(acpi->tables, size / 0x100000 - 1, 1); /* last bus */
    pc_acpi_add_zeroes(acpi->tables, 4);
    pc_acpi_end(acpi, at);
    return at;
}

static bool
q35_acpi_find_iommu_cb(EmuObject *object, gpointer data)
{
    if (emu_object_is_a(object, Q35_IOMMU_TYPE)) {
        *(EmuObject **)data = object;
        return true;
    }
    return emu_object_foreach_child(object, q35_acpi_find_iommu_cb, data);
}

static bool
q35_acpi_is_on(EmuObject *object, const char *property)
{
    g_autofree char *text = emu_object_get_as_string(object, property, NULL);

    return g_strcmp0(text, "on") == 0;
}

static guint
q35_acpi_add_dmar(PcAcpi *acpi, EmuObject *iommu)
{
    GByteArray *t = acpi->tables;
    g_autofree char *width = emu_object_get_as_string(iommu, "aw-bits", NULL);
    uint8_t flags = q35_acpi_is_on(iommu, "intremap") ? DMAR_INTR_REMAP : 0;
    guint at = pc_acpi_begin(acpi, "DMAR", 1);

    if (flags && !q35_acpi_is_on(iommu, "eim")) {
        flags |= DMAR_X2APIC_OPT_OUT;
    }
    pc_acpi_add(t, width ? g_ascii_strtoull(width, NULL, 0) - 1 : 38, 1);
    pc_acpi_add(t, flags, 1);
    pc_acpi_add_zeroes(t, 10);
    pc_acpi_add(t, 0, 2); /* DRHD */
    pc_acpi_add(t, 24, 2);
    pc_acpi_add(t, DRHD_INCLUDE_PCI_ALL, 1);
    pc_acpi_add(t, 0, 1);
    pc_acpi_add(t, 0, 2); /* segment */
    pc_acpi_add(t, Q35_IOMMU_BASE, 8);
    pc_acpi_add(t, DMAR_SCOPE_IOAPIC, 1);
    pc_acpi_add(t, 8, 1);
    pc_acpi_add(t, 0, 2);
    pc_acpi_add(t, 0, 1); /* its ID in the MADT */
    pc_acpi_add(t, Q35_IOAPIC_BUS, 1);
    pc_acpi_add(t, 0, 2); /* device, function */
    pc_acpi_end(acpi, at);
    return at;
}

void
q35_acpi_add_tables(PcAcpi *acpi, EmuPciDevice *mch, guint *tables, guint *n)
{
    EmuObject *iommu = NULL;
    uint64_t base, size;

    if (mch_get_mmconfig(mch, &base, &size)) {
        tables[(*n)++] = q35_acpi_add_mcfg(acpi, base, size);
    }
    emu_object_foreach_child(acpi->pc, q35_acpi_find_iommu_cb, &iommu);
    if (iommu) {
        tables[(*n)++] = q35_acpi_add_dmar(acpi, iommu);
    }
}
