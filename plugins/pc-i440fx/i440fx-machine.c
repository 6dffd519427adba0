/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The PC of 1996: i440FX and PIIX3, with PIIX4's power management. One board under many names
 * ("pc-i440fx-7.2-machine"), so that command lines that ask for a version find it.
 */

#include "pc-acpi.h"

#include "dsdt.h"
#include "pc-types.h"

#include <emu/block.h>

#define I440FX_MACHINE_BELOW_4G_MAX UINT64_C(0xe0000000)
#define I440FX_MACHINE_BELOW_4G_LARGE UINT64_C(0xc0000000) /* a round 3 GiB */
#define I440FX_MACHINE_IDE_IRQ 14
#define I440FX_MACHINE_PCI_HOTPLUG_PORT 0xae00
#define I440FX_MACHINE_CPU_HOTPLUG_GPE 2
#define I440FX_MACHINE_CPU_HOTPLUG_PORT 0xaf00
#define I440FX_MACHINE_PM_BASE 0x600
#define I440FX_MACHINE_PM_CONFIG_BASE 0x40
#define I440FX_MACHINE_GPE0_BASE 0xafe0
#define I440FX_MACHINE_GPE0_LEN 4

/* ---- chips ---------------------------------------------------------------------------------------- */

static bool
i440fx_machine_create_bridges(PcMachine *self, GError **error)
{
    EmuBus *pci;

    self->host = pc_new_device(self, NULL, "i440FX-pcihost", "i440fx", error, NULL);
    if (!self->host) {
        return false;
    }
    pci = emu_device_get_child_bus(self->host, "pci.0");
    self->pci_bus = EMU_PCI_BUS(pci);
    if (!pc_new_device(self, pci, "i440FX", NULL, error, "addr", "00.0", NULL)) {
        return false;
    }
    self->isa_bridge = pc_new_device(self, pci, "PIIX3", NULL, error, "addr", "01.0", "multifunction", "on", NULL);
    if (!self->isa_bridge) {
        return false;
    }
    self->isa_bus = EMU_ISA_BUS(emu_device_get_buses(self->isa_bridge)->pdata[0]);
    if (!pc_create_gsi(self, error)) {
        return false;
    }
    for (unsigned i = 0; i < PC_N_ISA_IRQS; i++) {
        emu_device_connect_out(self->isa_bridge, "isa-irq", i, emu_device_get_line_in(self->gsi, "pirq", i));
    }
    return true;
}

static bool
i440fx_machine_create_power_management(PcMachine *self, GError **error)
{
    self->pm = pc_new_device(self, EMU_BUS(self->pci_bus), "PIIX4_PM", NULL, error, "addr", "01.3", "smm-enabled",
                             self->smm_enabled ? "on" : "off", NULL);
    if (!self->pm) {
        return false;
    }
    emu_device_connect_out(self->pm, "sci", 0, self->isa_irqs[PC_SCI_IRQ]);
    return pc_create_spd(self, emu_device_get_buses(self->pm)->pdata[0], error);
}

/* Slots that can be filled and emptied while the guest runs; their event is the power management's. */
static bool
i440fx_machine_create_hotplug(PcMachine *self, GError **error)
{
    return pc_create_pci_hotplug(self, I440FX_MACHINE_PCI_HOTPLUG_PORT, error) && pc_create_memory_hotplug(self, error) &&
           pc_create_cpu_hotplug(self, I440FX_MACHINE_CPU_HOTPLUG_PORT, I440FX_MACHINE_CPU_HOTPLUG_GPE, error);
}

static bool
i440fx_machine_create_ide(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    g_autoptr(GError) local_error = NULL;
    EmuDevice *controller =
        pc_new_device(self, EMU_BUS(self->pci_bus), "piix3-ide", NULL, &local_error, "addr", "01.1", NULL);

    if (!controller) {
        return pc_tolerate("piix3-ide", &local_error, error);
    }
    for (unsigned channel = 0; channel < 2; channel++) {
        g_autofree char *bus_name = g_strdup_printf("ide.%u", channel);
        EmuBus *bus = emu_device_get_child_bus(controller, bus_name);

        emu_device_connect_out(controller, "irq", channel, self->isa_irqs[I440FX_MACHINE_IDE_IRQ + channel]);
        for (unsigned unit = 0; unit < 2; unit++) {
            bool cdrom = false;
            EmuBlockBackend *blk = emu_machine_get_drive(machine, EMU_DRIVE_IF_IDE, channel, unit, &cdrom);

            if (blk && !pc_new_device(self, bus, cdrom ? "ide-cd" : "ide-hd", NULL, error, "unit", unit ? "1" : "0", "drive",
                                      emu_block_backend_get_id(blk), NULL)) {
                return false;
            }
        }
    }
    return true;
}

/* ---- tables --------------------------------------------------------------------------------------- */

static void
i440fx_machine_get_pm_info(PcMachine *self, PcPmInfo *info)
{
    const uint8_t *config = emu_pci_device_get_config(EMU_PCI_DEVICE(self->pm)) + I440FX_MACHINE_PM_CONFIG_BASE;
    uint16_t base = (config[0] | config[1] << 8) & 0xffc0;

    *info = (PcPmInfo){
        .pm_base = base ? base : I440FX_MACHINE_PM_BASE,
        .gpe0_base = I440FX_MACHINE_GPE0_BASE,
        .gpe0_len = I440FX_MACHINE_GPE0_LEN,
        .acpi_enable = 0xf1,
        .acpi_disable = 0xf0,
    };
}

static guint
i440fx_machine_add_dsdt(PcAcpi *self)
{
    guint at = self->tables->len;
    gsize len = sizeof pc_dsdt;
    uint8_t *dsdt;

    g_byte_array_append(self->tables, pc_dsdt, len);
    dsdt = self->tables->data + at;
    pc_acpi_patch_name(dsdt, len, "P32S", self->pc->below_4g, 4);
    pc_acpi_patch_name(dsdt, len, "P32E", PC_ACPI_PCI_HOLE_END, 4);
    pc_acpi_patch_common(self->pc, dsdt, len);
    pc_acpi_end(self, at);
    return at;
}

/* ---- types ---------------------------------------------------------------------------------------- */

static void
i440fx_machine_class_init(gpointer klass, gconstpointer class_data G_GNUC_UNUSED)
{
    PcMachineClass *pc_class = klass;

    pc_machine_class_init(pc_class);
    pc_class->product = "Standard PC (i440FX + PIIX, 1996)";
    pc_class->below_4g_max = I440FX_MACHINE_BELOW_4G_MAX;
    pc_class->below_4g_large = I440FX_MACHINE_BELOW_4G_LARGE;
    pc_class->create_bridges = i440fx_machine_create_bridges;
    pc_class->create_power_management = i440fx_machine_create_power_management;
    pc_class->create_disks = i440fx_machine_create_ide;
    pc_class->create_rest = i440fx_machine_create_hotplug;
    pc_class->get_pm_info = i440fx_machine_get_pm_info;
    pc_class->add_dsdt = i440fx_machine_add_dsdt;
}

const EmuTypeInfo pc_machine_type_info = {
    .name = "pc-i440fx-machine",
    .parent = "machine",
    .instance_size = sizeof(PcMachine),
    .class_size = sizeof(PcMachineClass),
    .class_init = i440fx_machine_class_init,
    .abstract = true,
    .description = "PC with i440FX and PIIX",
};

/* ---- versions -------------------------------------------------------------------------------------- */

#define PC_VERSION(v, a)                                                                           \
    {                                                                                              \
        .name = "pc-i440fx-" v "-machine", .parent = "pc-i440fx-machine", .class_init = pc_version_class_init, \
        .class_data = &(const PcVersion){"PC (i440FX + PIIX, 1996), version " v, a, a != NULL},    \
        .description = "PC (i440FX + PIIX, 1996)",                                                 \
    },
const EmuTypeInfo pc_version_type_infos[] = {PC_VERSIONS(PC_VERSION, "pc"){.name = NULL}};
