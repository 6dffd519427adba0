/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The PC of 2009: Q35 and ICH9, with PCI Express. One board under many names ("pc-q35-7.2-machine"). */

#include "q35-machine.h"

#include "q35-acpi.h"

#include <emu/block.h>

#define Q35_BELOW_4G_MAX UINT64_C(0xb0000000) /* firmware puts the configuration window here */
#define Q35_BELOW_4G_LARGE UINT64_C(0x80000000)
#define Q35_N_PIRQS 8
#define Q35_FIRST_PIRQ_PIN 16
#define Q35_N_SATA_PORTS 6
#define Q35_PM_BASE 0x600
#define Q35_PM_CONFIG_BASE 0x40
#define Q35_GPE0_OFFSET 0x20
#define Q35_GPE0_LEN 16
#define Q35_PCI_HOTPLUG_PORT 0x0cc0
#define Q35_CPU_HOTPLUG_PORT 0x0cd8
#define Q35_CPU_HOTPLUG_GPE 2

typedef struct {
    PcMachine parent;

    EmuPciDevice *mch;
} Q35Machine;

/* ---- chips --------------------------------------------------------------------------------------------- */

static bool
q35_create_bridges(PcMachine *pc, GError **error)
{
    Q35Machine *self = (Q35Machine *)pc;
    g_autofree char *below_4g = g_strdup_printf("%" G_GUINT64_FORMAT, pc->below_4g);
    EmuDevice *mch;
    EmuBus *bus;

    pc->host = pc_new_device(pc, NULL, "q35-pcihost", "q35", error, NULL);
    if (!pc->host) {
        return false;
    }
    bus = emu_device_get_child_bus(pc->host, "pcie.0");
    pc->pci_bus = EMU_PCI_BUS(bus);
    mch = pc_new_device(pc, bus, "mch", NULL, error, "addr", "00.0", "below-4g-mem-size", below_4g, NULL);
    if (!mch) {
        return false;
    }
    self->mch = EMU_PCI_DEVICE(mch);
    pc->isa_bridge = pc_new_device(pc, bus, "ICH9-LPC", NULL, error, "addr", "1f.0", "multifunction", "on", "smm-enabled",
                                   pc->smm_enabled ? "on" : "off", NULL);
    if (!pc->isa_bridge) {
        return false;
    }
    pc->isa_bus = EMU_ISA_BUS(emu_device_get_buses(pc->isa_bridge)->pdata[0]);
    if (!pc_create_gsi(pc, error)) {
        return false;
    }
    for (unsigned i = 0; i < PC_N_ISA_IRQS; i++) {
        emu_device_connect_out(pc->isa_bridge, "isa-irq", i, emu_device_get_line_in(pc->gsi, "pirq", i));
    }
    for (unsigned i = 0; i < Q35_N_PIRQS; i++) {
        emu_device_connect_out(pc->isa_bridge, "pirq", i, emu_device_get_line_in(pc->gsi, "pirq", Q35_FIRST_PIRQ_PIN + i));
    }
    return true;
}

static bool
q35_create_power_management(PcMachine *pc, GError **error)
{
    EmuDevice *smbus = pc_new_device(pc, EMU_BUS(pc->pci_bus), "ICH9-SMB", NULL, error, "addr", "1f.3", NULL);

    if (!smbus) {
        return false;
    }
    pc->pm = pc->isa_bridge;
    emu_device_connect_out(pc->pm, "sci", 0, pc->isa_irqs[PC_SCI_IRQ]);
    return pc_create_spd(pc, emu_device_get_buses(smbus)->pdata[0], error);
}

static bool
q35_create_disks(PcMachine *pc, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(pc);
    g_autoptr(GError) local_error = NULL;
    EmuDevice *controller = pc_new_device(pc, EMU_BUS(pc->pci_bus), "ich9-ahci", NULL, &local_error, "addr", "1f.2", NULL);

    if (!controller) {
        return pc_tolerate("ich9-ahci", &local_error, error);
    }
    for (unsigned port = 0; port < Q35_N_SATA_PORTS; port++) {
        g_autofree char *bus_name = g_strdup_printf("ide.%u", port);
        EmuBus *bus = emu_device_get_child_bus(controller, bus_name);
        bool cdrom = false;
        /* Drives are numbered two to a cable; here each has its own. */
        EmuBlockBackend *blk = emu_machine_get_drive(machine, EMU_DRIVE_IF_IDE, port / 2, port % 2, &cdrom);

        if (blk && !pc_new_device(pc, bus, cdrom ? "ide-cd" : "ide-hd", NULL, error, "drive", emu_block_backend_get_id(blk), NULL)) {
            return false;
        }
    }
    return true;
}

static bool
q35_create_hotplug(PcMachine *pc, GError **error)
{
    return pc_create_pci_hotplug(pc, Q35_PCI_HOTPLUG_PORT, error) && pc_create_memory_hotplug(pc, error) &&
           pc_create_cpu_hotplug(pc, Q35_CPU_HOTPLUG_PORT, Q35_CPU_HOTPLUG_GPE, error);
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

static void
q35_get_pm_info(PcMachine *pc, PcPmInfo *info)
{
    const uint8_t *config = emu_pci_device_get_config(EMU_PCI_DEVICE(pc->pm)) + Q35_PM_CONFIG_BASE;
    uint16_t base = (config[0] | config[1] << 8) & 0xff80;

    *info = (PcPmInfo){
        .pm_base = base ? base : Q35_PM_BASE,
        .gpe0_base = (base ? base : Q35_PM_BASE) + Q35_GPE0_OFFSET,
        .gpe0_len = Q35_GPE0_LEN,
        .acpi_enable = 0x02,
        .acpi_disable = 0x03,
    };
}

static guint
q35_add_dsdt(PcAcpi *acpi)
{
    return q35_acpi_add_dsdt(acpi, ((Q35Machine *)acpi->pc)->mch);
}

static void
q35_add_tables(PcAcpi *acpi, guint *tables, guint *n)
{
    q35_acpi_add_tables(acpi, ((Q35Machine *)acpi->pc)->mch, tables, n);
}

/* ---- types ------------------------------------------------------------------------------------------------ */

static void
q35_machine_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    PcMachineClass *pc_class = klass;

    pc_machine_class_init(pc_class);
    pc_class->product = "Standard PC (Q35 + ICH9, 2009)";
    pc_class->below_4g_max = Q35_BELOW_4G_MAX;
    pc_class->below_4g_large = Q35_BELOW_4G_LARGE;
    pc_class->create_bridges = q35_create_bridges;
    pc_class->create_power_management = q35_create_power_management;
    pc_class->create_disks = q35_create_disks;
    pc_class->hpet_intcap = "0xff0104"; /* 2, 8, 16 to 23 */
    pc_class->create_rest = q35_create_hotplug;
    pc_class->get_pm_info = q35_get_pm_info;
    pc_class->add_dsdt = q35_add_dsdt;
    pc_class->add_tables = q35_add_tables;
}

const EmuTypeInfo q35_machine_type_info = {
    .name = "pc-q35-machine",
    .parent = "machine",
    .instance_size = sizeof(Q35Machine),
    .class_size = sizeof(PcMachineClass),
    .class_init = q35_machine_class_init,
    .abstract = true,
    .description = "PC with Q35 and ICH9",
};

#define Q35_VERSION(v, a)                                                                          \
    {                                                                                              \
        .name = "pc-q35-" v "-machine", .parent = "pc-q35-machine", .class_init = pc_version_class_init, \
        .class_data = &(const PcVersion){"PC (Q35 + ICH9, 2009), version " v, a, false},           \
        .description = "PC (Q35 + ICH9, 2009)",                                                    \
    },
const EmuTypeInfo q35_version_type_infos[] = {PC_VERSIONS(Q35_VERSION, "q35"){.name = NULL}};
