/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The board's parts: what is soldered on, what the command line puts in, and the wires between. */

#include "pc-machine.h"

#include <emu/block.h>
#include <emu/log.h>

#include <string.h>

#define PC_IOAPIC_BASE 0xfec00000
#define PC_FERR_IRQ 13
#define PC_HPET_BASE 0xfed00000
#define PC_N_SERIALS 4
#define PC_N_PARALLELS 3
#define PC_N_SPD 8
#define PC_SPD_ADDRESS 0x50

/* ---- making devices ------------------------------------------------------------------------------ */

EmuDevice *
pc_new_device(PcMachine *self, EmuBus *bus, const char *type, const char *name, GError **error, ...)
{
    EmuDevice *dev = emu_device_new(type, error);
    const char *property;
    va_list args;

    if (!dev) {
        return NULL;
    }
    va_start(args, error);
    while ((property = va_arg(args, const char *))) {
        const char *value = va_arg(args, const char *);

        if (!emu_object_set_from_string(dev, property, value, error)) {
            va_end(args);
            g_object_unref(dev);
            return NULL;
        }
    }
    va_end(args);
    if (name && !emu_object_add_child(self, name, dev, error)) {
        g_object_unref(dev);
        return NULL;
    }
    return emu_device_realize(dev, EMU_MACHINE(self), bus, error) ? dev : NULL;
}

bool
pc_tolerate(const char *type, GError **local_error, GError **error)
{
    if (g_error_matches(*local_error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_UNKNOWN_TYPE)) {
        emu_warn_report("the board goes without '%s': %s", type, (*local_error)->message);
        g_clear_error(local_error);
        return true;
    }
    g_propagate_error(error, g_steal_pointer(local_error));
    return false;
}

/* ---- signals --------------------------------------------------------------------------------------- */

static void
pc_a20_cb(gpointer opaque, unsigned index G_GNUC_UNUSED, int level)
{
    emu_x86_set_a20(EMU_MACHINE(opaque), level);
}

/* The x87's FERR# raises IRQ 13; a write to port 0xf0 takes it back and asserts IGNNE#. */
static void
pc_ferr_cb(gpointer opaque, unsigned index G_GNUC_UNUSED, int level)
{
    PcMachine *self = opaque;

    if (level) {
        emu_line_set(self->isa_irqs[PC_FERR_IRQ], 1);
    } else {
        emu_x86_set_ignne(EMU_MACHINE(self), false);
    }
}

bool
pc_wire_cpu(PcMachine *self, EmuDevice *cpu, GError **error)
{
    emu_device_connect_out(self->pic[0], NULL, 0, emu_device_get_line_in(cpu, "intr", 0));
    emu_device_connect_out(cpu, "ferr", 0, self->ferr_line);
    return emu_object_set_link(cpu, "pic", self->pic[0], error);
}

static uint64_t
pc_port_f0_read(gpointer opaque G_GNUC_UNUSED, uint64_t offset G_GNUC_UNUSED, unsigned size)
{
    return (1ull << (8 * size)) - 1;
}

static void
pc_port_f0_write(gpointer opaque, uint64_t offset G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED, unsigned size G_GNUC_UNUSED)
{
    PcMachine *self = opaque;

    emu_line_set(self->isa_irqs[PC_FERR_IRQ], 0);
    emu_x86_set_ignne(EMU_MACHINE(self), true);
}

static const EmuMemoryRegionOps pc_port_f0_ops = {
    .read = pc_port_f0_read,
    .write = pc_port_f0_write,
    .impl_min = 1,
    .impl_max = 1,
};

/* The POST code port: guests also write it to pass a microsecond. */
static void
pc_port_80_write(gpointer opaque G_GNUC_UNUSED, uint64_t offset G_GNUC_UNUSED, uint64_t value G_GNUC_UNUSED,
                 unsigned size G_GNUC_UNUSED)
{
}

static const EmuMemoryRegionOps pc_port_80_ops = {
    .read = pc_port_f0_read,
    .write = pc_port_80_write,
    .impl_min = 1,
    .impl_max = 1,
};

/* ---- chips -------------------------------------------------------------------------------------------- */

bool
pc_create_gsi(PcMachine *self, GError **error)
{
    self->gsi = pc_new_device(self, NULL, "pc-gsi", "gsi", error, NULL);
    if (!self->gsi) {
        return false;
    }
    for (unsigned i = 0; i < PC_N_ISA_IRQS; i++) {
        self->isa_irqs[i] = emu_device_get_line_in(self->gsi, "isa", i);
    }
    emu_isa_bus_set_irqs(self->isa_bus, self->isa_irqs);
    return true;
}

static bool
pc_create_interrupt_controllers(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    EmuBus *isa = EMU_BUS(self->isa_bus);
    const char *pic_type = emu_machine_get_device_type(machine, "isa-i8259");
    EmuDevice *master;

    self->pic[1] = pc_new_device(self, isa, pic_type, NULL, error, "iobase", "0xa0", "elcr_addr", "0x4d1", "elcr_mask",
                                 "0xde", NULL);
    if (!self->pic[1]) {
        return false;
    }
    master = emu_device_new(pic_type, error);
    if (!master) {
        return false;
    }
    if (!emu_object_set_from_string(master, "iobase", "0x20", error) ||
        !emu_object_set_from_string(master, "elcr_addr", "0x4d0", error) ||
        !emu_object_set_from_string(master, "elcr_mask", "0xf8", error) ||
        !emu_object_set_from_string(master, "master", "on", error) ||
        !emu_object_set_link(master, "slave", self->pic[1], error)) {
        g_object_unref(master);
        return false;
    }
    if (!emu_device_realize(master, machine, isa, error)) {
        return false;
    }
    self->pic[0] = master;
    emu_device_connect_out(self->pic[1], NULL, 0, emu_device_get_line_in(master, NULL, 2));
    self->ferr_line = emu_line_new_in(self, "ferr", pc_ferr_cb, self, 0);
    for (unsigned i = 0; i < emu_machine_get_n_cpus(machine); i++) {
        EmuCpu *cpu = emu_machine_get_cpu(machine, i);

        if (cpu && !pc_wire_cpu(self, EMU_DEVICE(cpu), error)) {
            return false;
        }
    }
    self->ioapic = pc_new_device(self, NULL, emu_machine_get_device_type(machine, "ioapic"), "ioapic", error, NULL);
    if (!self->ioapic) {
        return false;
    }
    emu_sysbus_map(EMU_SYSBUS_DEVICE(self->ioapic), 0, PC_IOAPIC_BASE, 0);
    for (unsigned i = 0; i < PC_N_ISA_IRQS; i++) {
        if (i != 2) {
            emu_device_connect_out(self->gsi, "pic", i, emu_device_get_line_in(self->pic[i >= 8], NULL, i & 7));
        }
    }
    for (unsigned i = 0; i < PC_N_GSIS; i++) {
        emu_device_connect_out(self->gsi, "ioapic", i, emu_device_get_line_in(self->ioapic, NULL, i));
    }
    return true;
}

static bool
pc_create_hpet(PcMachine *self, EmuDevice *pit, GError **error)
{
    g_autoptr(GError) local_error = NULL;
    EmuDevice *hpet;
    guint intcap = 0;

    if (!self->hpet) {
        return true;
    }
    hpet = emu_device_new("hpet", &local_error);
    if (!hpet) {
        return pc_tolerate("hpet", &local_error, error);
    }
    g_object_get(hpet, "hpet-intcap", &intcap, NULL);
    if ((intcap == 0 && !emu_object_set_from_string(hpet, "hpet-intcap", PC_MACHINE_GET_CLASS(self)->hpet_intcap, error)) ||
        !emu_object_add_child(self, "hpet", hpet, error)) {
        g_object_unref(hpet);
        return false;
    }
    if (!emu_device_realize(hpet, EMU_MACHINE(self), NULL, error)) {
        return false;
    }
    self->hpet_device = hpet;
    emu_sysbus_map(EMU_SYSBUS_DEVICE(self->hpet_device), 0, PC_HPET_BASE, 0);
    for (unsigned i = 0; i < PC_N_GSIS; i++) {
        emu_device_connect_out(self->hpet_device, "irq", i, emu_device_get_line_in(self->gsi, "hpet", i));
    }
    emu_device_connect_out(self->hpet_device, "legacy", 0, emu_device_get_line_in(self->gsi, "legacy-in", 0));
    if (pit) {
        emu_device_connect_out(self->hpet_device, "legacy", 0, emu_device_get_line_in(pit, "disable", 0));
    }
    return true;
}

static bool
pc_create_timers(PcMachine *self, GError **error)
{
    EmuBus *isa = EMU_BUS(self->isa_bus);
    EmuDevice *pit, *speaker;

    self->rtc = pc_new_device(self, isa, "mc146818rtc", "rtc", error, NULL);
    if (!self->rtc) {
        return false;
    }
    if (!self->pit) {
        /* The speaker's tone is the timer's: there is none either. */
        return pc_create_hpet(self, NULL, error);
    }
    pit = pc_new_device(self, isa, emu_machine_get_device_type(EMU_MACHINE(self), "isa-pit"), NULL, error, NULL);
    if (!pit) {
        return false;
    }
    emu_device_connect_out(pit, NULL, 0, self->isa_irqs[0]);
    if (!pc_create_hpet(self, pit, error)) {
        return false;
    }
    speaker = emu_device_new(emu_machine_get_device_type(EMU_MACHINE(self), "isa-pcspk"), error);
    if (!speaker) {
        return false;
    }
    if (!emu_object_set_link(speaker, "pit", pit, error)) {
        g_object_unref(speaker);
        return false;
    }
    return emu_device_realize(speaker, EMU_MACHINE(self), isa, error);
}

static void
pc_connect_dma(PcMachine *self)
{
    emu_isa_bus_set_dma(self->isa_bus, self->dma[0] ? EMU_ISA_DMA(self->dma[0]) : NULL, self->dma[1] ? EMU_ISA_DMA(self->dma[1]) : NULL);
}

static bool
pc_create_dma(PcMachine *self, GError **error)
{
    EmuBus *isa = EMU_BUS(self->isa_bus);
    g_autoptr(GError) local_error = NULL;
    EmuDevice *low, *high;

    low = pc_new_device(self, isa, "i8257", NULL, &local_error, "base", "0", "page-base", "0x80", "pageh-base", "0x480", "dshift",
                        "0", NULL);
    if (!low) {
        return pc_tolerate("i8257", &local_error, error);
    }
    high = pc_new_device(self, isa, "i8257", NULL, error, "base", "0xc0", "page-base", "0x88", "pageh-base", "0x488", "dshift",
                         "1", NULL);
    if (!high) {
        return false;
    }
    self->dma[0] = low;
    self->dma[1] = high;
    pc_connect_dma(self);
    return true;
}

static bool
pc_create_a20(PcMachine *self, GError **error)
{
    EmuBus *isa = EMU_BUS(self->isa_bus);
    g_autoptr(GError) local_error = NULL;
    EmuDevice *dev;

    self->a20_line = emu_line_new_in(self, "a20", pc_a20_cb, self, 0);
    dev = pc_new_device(self, isa, "port92", NULL, error, NULL);
    if (!dev) {
        return false;
    }
    emu_device_connect_out(dev, "a20", 0, self->a20_line);
    if (!self->i8042) {
        return true;
    }
    dev = pc_new_device(self, isa, "i8042", NULL, &local_error, NULL);
    if (!dev) {
        return pc_tolerate("i8042", &local_error, error);
    }
    emu_device_connect_out(dev, "a20", 0, self->a20_line);
    return true;
}

bool
pc_create_spd(PcMachine *self, EmuBus *i2c, GError **error)
{
    for (unsigned i = 0; i < PC_N_SPD; i++) {
        g_autofree char *address = g_strdup_printf("%u", PC_SPD_ADDRESS + i);

        if (!pc_new_device(self, i2c, "smbus-eeprom", NULL, error, "address", address, NULL)) {
            return false;
        }
    }
    return true;
}

/* ---- ports and drives ------------------------------------------------------------------------------- */

static bool
pc_create_char_ports(PcMachine *self, const char *type, unsigned n, EmuChardev *(*get)(EmuMachine *machine, unsigned n),
                     GError **error)
{
    for (unsigned i = 0; i < n; i++) {
        EmuChardev *chardev = get(EMU_MACHINE(self), i);
        g_autofree char *index = g_strdup_printf("%u", i);
        g_autoptr(GError) local_error = NULL;
        EmuDevice *dev;

        if (!chardev) {
            continue;
        }
        dev = emu_device_new(type, &local_error);
        if (!dev) {
            return pc_tolerate(type, &local_error, error);
        }
        if (!emu_object_set_from_string(dev, "index", index, error) || !emu_object_set_link(dev, "chardev", chardev, error)) {
            g_object_unref(dev);
            return false;
        }
        if (!emu_device_realize(dev, EMU_MACHINE(self), EMU_BUS(self->isa_bus), error)) {
            return false;
        }
    }
    return true;
}

static bool
pc_create_floppies(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    g_autoptr(GError) local_error = NULL;
    EmuDevice *controller = pc_new_device(self, EMU_BUS(self->isa_bus), "isa-fdc", NULL, &local_error, NULL);
    EmuBus *bus;

    if (!controller) {
        return pc_tolerate("isa-fdc", &local_error, error);
    }
    bus = emu_device_get_buses(controller)->pdata[0];
    for (unsigned unit = 0; unit < 2; unit++) {
        bool cdrom;
        EmuBlockBackend *blk = emu_machine_get_drive(machine, EMU_DRIVE_IF_FLOPPY, 0, unit, &cdrom);
        const char *unit_text = unit ? "1" : "0";

        if (blk) {
            if (!pc_new_device(self, bus, "floppy", NULL, error, "unit", unit_text, "drive", emu_block_backend_get_id(blk),
                               NULL)) {
                return false;
            }
        } else if (unit == 0 && emu_machine_wants_defaults(machine)) {
            if (!pc_new_device(self, bus, "floppy", NULL, error, "unit", unit_text, NULL)) {
                return false;
            }
        }
    }
    return true;
}

static bool
pc_create_display(PcMachine *self, GError **error)
{
    static const struct {
        const char *option, *type;
    } displays[] = {
        {"std", "VGA"},        {"cirrus", "cirrus-vga"}, {"vmware", "vmware-svga"},
        {"qxl", "qxl-vga"},    {"virtio", "virtio-vga"},
    };
    EmuMachine *machine = EMU_MACHINE(self);
    const char *option = emu_machine_get_option(machine, "vga");
    g_autoptr(GError) local_error = NULL;

    if (!option) {
        option = emu_machine_wants_defaults(machine) ? "std" : "none";
    }
    if (strcmp(option, "none") == 0) {
        return true;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(displays); i++) {
        if (strcmp(option, displays[i].option) == 0) {
            if (pc_new_device(self, EMU_BUS(self->pci_bus), displays[i].type, NULL, &local_error, NULL)) {
                return true;
            }
            /* Asked for by name: its absence is an error. */
            if (emu_machine_get_option(machine, "vga")) {
                g_propagate_prefixed_error(error, g_steal_pointer(&local_error), "-vga %s: ", option);
                return false;
            }
            return pc_tolerate(displays[i].type, &local_error, error);
        }
    }
    g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_BAD_VALUE,
                "-vga %s: expected std, none, cirrus, vmware, qxl or virtio", option);
    return false;
}

static bool
pc_create_fw_cfg(PcMachine *self, GError **error)
{
    EmuDevice *dev = pc_new_device(self, NULL, "fw_cfg_io", "fw_cfg", error, NULL);

    self->fw_cfg = dev ? EMU_FW_CFG(dev) : NULL;
    return dev != NULL;
}

bool
pc_create_devices(PcMachine *self, GError **error)
{
    EmuMachine *machine = EMU_MACHINE(self);
    EmuMemoryRegion *io = emu_machine_get_system_io(machine);
    PcMachineClass *klass = PC_MACHINE_GET_CLASS(self);

    if (!klass->create_bridges(self, error) || !pc_create_interrupt_controllers(self, error)) {
        return false;
    }
    emu_memory_region_add_subregion(io, 0x80, emu_memory_region_new_io(self, "ioport80", 1, &pc_port_80_ops, self), 0);
    emu_memory_region_add_subregion(io, 0xf0, emu_memory_region_new_io(self, "ioportF0", 1, &pc_port_f0_ops, self), 0);
    return pc_create_fw_cfg(self, error) && pc_create_timers(self, error) && pc_create_dma(self, error) &&
           pc_create_a20(self, error) && klass->create_power_management(self, error) && pc_create_display(self, error) &&
           pc_create_char_ports(self, "isa-serial", PC_N_SERIALS, emu_machine_get_serial, error) &&
           pc_create_char_ports(self, "isa-parallel", PC_N_PARALLELS, emu_machine_get_parallel, error) &&
           klass->create_disks(self, error) && pc_create_floppies(self, error) &&
           (!klass->create_rest || klass->create_rest(self, error));
}

/* ---- new code under the parts ------------------------------------------------------------------------- */

void
pc_track_parts(PcMachine *self)
{
    gpointer const pointers[] = {&self->host, &self->pci_bus, &self->isa_bridge, &self->isa_bus, &self->pm, &self->ioapic, &self->pic[0],
                                 &self->pic[1], &self->dma[0], &self->dma[1], &self->rtc, &self->hpet_device, &self->vmgenid, &self->gsi};

    for (unsigned i = 0; i < G_N_ELEMENTS(pointers); i++) {
        emu_machine_track_part(EMU_MACHINE(self), pointers[i]);
    }
    for (unsigned i = 0; i < PC_N_ISA_IRQS; i++) {
        emu_machine_track_part(EMU_MACHINE(self), &self->isa_irqs[i]);
    }
}

bool
pc_can_replace(EmuMachine *machine, EmuDevice *part, GError **error)
{
    static const char *const chips[] = {"isa-i8259", "ioapic", "isa-pit", "isa-pcspk"};
    PcMachine *self = (PcMachine *)machine;
    const char *why = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(chips); i++) {
        const char *form = emu_machine_get_device_type(machine, chips[i]);

        if (strcmp(form, chips[i]) != 0 && emu_object_is_a(part, form)) {
            why = "is the accelerator's, which makes it once";
        }
    }
    if (part == (gpointer)self->fw_cfg) {
        why = "holds what the board has put into it for the firmware";
    } else if (emu_object_is_a(part, "cfi.pflash01")) {
        why = "is memory that the board shows at other places too";
    }
    if (why) {
        g_set_error(error, EMU_OBJECT_ERROR, EMU_OBJECT_ERROR_FAILED, "device '%s' %s", emu_device_get_label(part), why);
    }
    return !why;
}

bool
pc_part_replaced(EmuMachine *machine, EmuDevice *part, GError **error G_GNUC_UNUSED)
{
    PcMachine *self = (PcMachine *)machine;

    if (part == self->isa_bridge || part == self->gsi) {
        emu_isa_bus_set_irqs(self->isa_bus, self->isa_irqs);
    } else if (part == self->dma[0] || part == self->dma[1]) {
        pc_connect_dma(self);
    }
    return true;
}

/* ---- CMOS ------------------------------------------------------------------------------------------------- */

/* Boot device codes of the CMOS, in the order of attempts; 0 ends. */
static uint8_t
pc_boot_code(char letter)
{
    switch (letter) {
    case 'a':
    case 'b':
        return 1;
    case 'c':
        return 2;
    case 'd':
        return 3;
    case 'n':
        return 4;
    default:
        return 0;
    }
}

void
pc_write_boot_order(PcMachine *self, const char *order)
{
    EmuCmos *cmos = EMU_CMOS(self->rtc);
    uint8_t codes[3] = {0, 0, 0};
    unsigned n = 0;

    for (const char *p = order ? order : ""; *p && n < G_N_ELEMENTS(codes); p++) {
        if (pc_boot_code(*p)) {
            codes[n++] = pc_boot_code(*p);
        }
    }
    emu_cmos_set(cmos, 0x3d, codes[1] << 4 | codes[0]);
    emu_cmos_set(cmos, 0x38, codes[2] << 4 | (self->fd_bootchk ? 0 : 1));
}

static void
pc_write_cmos_u16(EmuCmos *cmos, unsigned address, uint64_t value)
{
    value = MIN(value, 0xffff);
    emu_cmos_set(cmos, address, value);
    emu_cmos_set(cmos, address + 1, value >> 8);
}

/* CMOS type of a floppy drive, after its medium. */
static uint8_t
pc_floppy_type(EmuMachine *machine, unsigned unit)
{
    bool cdrom;
    EmuBlockBackend *blk = emu_machine_get_drive(machine, EMU_DRIVE_IF_FLOPPY, 0, unit, &cdrom);

    if (!blk) {
        return unit == 0 && emu_machine_wants_defaults(machine) ? 5 : 0;
    }
    switch (emu_block_backend_get_length(blk) / 1024) {
    case 0:
        return emu_block_backend_has_medium(blk) ? 4 : 5;
    case 160:
    case 180:
    case 320:
    case 360:
    case 410:
    case 420:
        return 1; /* 5.25", 360 KB */
    case 1200:
    case 1476:
    case 1494:
        return 2; /* 5.25", 1.2 MB */
    case 720:
    case 800:
    case 820:
    case 830:
    case 880:
    case 1040:
    case 1120:
        return 3; /* 3.5", 720 KB */
    case 1600:
    case 1680:
    case 1722:
    case 1743:
    case 1760:
    case 1840:
    case 1920:
        return 4;
    default:
        /* Other sizes are what fits on a disk. */
        return emu_block_backend_get_length(blk) > 1440 * 1024 ? 5 : 4; /* 3.5", 2.88 MB, 1.44 MB */
    }
}

/* Hard disk types, geometry and translation, as the setup program of an AT would leave them. */
static void
pc_write_cmos_disks(PcMachine *self, EmuCmos *cmos)
{
    uint8_t types = 0, translation = 0;

    for (unsigned i = 0; i < 4; i++) {
        bool cdrom = false;
        EmuBlockBackend *blk = emu_machine_get_drive(EMU_MACHINE(self), EMU_DRIVE_IF_IDE, i / 2, i % 2, &cdrom);
        uint64_t cylinders;

        if (!blk || cdrom) {
            continue;
        }
        cylinders = emu_block_backend_get_length(blk) / (512 * 16 * 63);
        if (cylinders > 1024) {
            translation |= 1 << (i * 2); /* LBA */
        }
        if (i < 2) {
            unsigned base = i == 0 ? 0x1b : 0x24;

            types |= i == 0 ? 0xf0 : 0x0f;
            cylinders = CLAMP(cylinders, 1, 16383);
            emu_cmos_set(cmos, 0x19 + i, 47); /* user-defined */
            pc_write_cmos_u16(cmos, base, cylinders);
            emu_cmos_set(cmos, base + 2, 16);
            pc_write_cmos_u16(cmos, base + 3, 0xffff); /* no write precompensation */
            emu_cmos_set(cmos, base + 5, 0xc8);        /* more than eight heads, no retries */
            pc_write_cmos_u16(cmos, base + 6, cylinders);
            emu_cmos_set(cmos, base + 8, 63);
        }
    }
    emu_cmos_set(cmos, 0x12, types);
    emu_cmos_set(cmos, 0x39, translation);
}

static void
pc_suspend_cb(EmuMachine *machine G_GNUC_UNUSED, gpointer opaque)
{
    /* Shutdown status: the firmware resumes instead of starting. */
    emu_cmos_set(EMU_CMOS(((PcMachine *)opaque)->rtc), 0x0f, 0xfe);
}

void
pc_write_cmos(PcMachine *self)
{
    EmuMachine *machine = EMU_MACHINE(self);
    EmuCmos *cmos = EMU_CMOS(self->rtc);
    uint8_t floppy_a = pc_floppy_type(machine, 0), floppy_b = pc_floppy_type(machine, 1);
    const char *once = emu_machine_get_option(machine, "boot-once");
    uint8_t equipment = 0x06; /* coprocessor, PS/2 mouse */

    pc_write_cmos_u16(cmos, 0x15, MIN(self->below_4g / 1024, 640));
    pc_write_cmos_u16(cmos, 0x17, self->below_4g > 0x100000 ? (self->below_4g - 0x100000) / 1024 : 0);
    pc_write_cmos_u16(cmos, 0x30, self->below_4g > 0x100000 ? (self->below_4g - 0x100000) / 1024 : 0);
    pc_write_cmos_u16(cmos, 0x34, self->below_4g > 0x1000000 ? (self->below_4g - 0x1000000) / 65536 : 0);
    for (unsigned i = 0; i < 3; i++) {
        emu_cmos_set(cmos, 0x5b + i, self->above_4g / 65536 >> (8 * i));
    }
    emu_cmos_set(cmos, 0x5f, (uint8_t)(pc_count_cpus(self) - 1));
    if (floppy_a || floppy_b) {
        equipment |= floppy_a && floppy_b ? 0x41 : 0x01;
    }
    emu_cmos_set(cmos, 0x10, floppy_a << 4 | floppy_b);
    emu_cmos_set(cmos, 0x14, equipment);
    pc_write_cmos_disks(self, cmos);
    self->boot_once_pending = once != NULL;
    pc_write_boot_order(self, once ? once : emu_machine_get_boot_order(machine));
    g_signal_connect(machine, "suspend", G_CALLBACK(pc_suspend_cb), self);
}
