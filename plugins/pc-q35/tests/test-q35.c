/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The board without CPUs running: memory map, configuration windows, SMRAM, interrupt routing, power management, tables. */

#include <emu/fw-cfg.h>
#include <emu/pci.h>
#include <emu/test.h>

#include <string.h>

#define MCH 0x80000000u
#define LPC 0x8000f800u
#define MMCONFIG 0xb0000000u
#define RCBA 0xfed1c000u

static EmuMachine *
new_q35(const char *property, const char *value)
{
    GError *error = NULL;
    EmuMachine *machine = emu_test_machine_new_unbuilt("q35", &error);

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
set_config(EmuMachine *machine, uint32_t function, uint8_t reg, uint32_t value, unsigned size)
{
    emu_test_out(machine, 0xcf8, function | (reg & 0xfc), 4);
    emu_test_out(machine, 0xcfc + (reg & 3), value, size);
}

static uint32_t
get_config(EmuMachine *machine, uint32_t function, uint8_t reg, unsigned size)
{
    emu_test_out(machine, 0xcf8, function | (reg & 0xfc), 4);
    return (uint32_t)emu_test_in(machine, 0xcfc + (reg & 3), size);
}

static void
test_pam(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);
    uint32_t rom = emu_test_read(machine, 0xf0000, 4);

    g_assert_cmphex(emu_test_read(machine, 0xfffffff0, 1), ==, 0xea); /* a far jump */
    set_config(machine, MCH, 0x90, 0x20, 1);
    emu_test_write(machine, 0xf0000, 0x12345678, 4);
    g_assert_cmphex(emu_test_read(machine, 0xf0000, 4), ==, rom);
    set_config(machine, MCH, 0x90, 0x30, 1);
    g_assert_cmphex(emu_test_read(machine, 0xf0000, 4), ==, 0x12345678);
    emu_test_reset(machine);
    g_assert_cmphex(emu_test_read(machine, 0xf0000, 4), ==, rom);
    end(machine);
}

static void
test_smram(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);
    uint64_t tseg = emu_machine_get_ram_size(machine) - (1 << 20);

    set_config(machine, MCH, 0x9d, 0x4a, 1); /* open */
    emu_test_write(machine, 0xa0000, 0x5a, 1);
    g_assert_cmphex(emu_test_read(machine, 0xa0000, 1), ==, 0x5a);
    emu_test_write(machine, tseg, 0x77, 1);
    set_config(machine, MCH, 0x9e, 0x01, 1); /* TSEG of 1 MiB: hidden */
    g_assert_cmphex(emu_test_read(machine, tseg, 1), ==, 0xff);
    emu_test_write(machine, tseg, 0x12, 1);
    g_assert_cmphex(emu_test_read(machine, tseg - 1, 1), ==, 0);
    set_config(machine, MCH, 0x9e, 0x00, 1);
    g_assert_cmphex(emu_test_read(machine, tseg, 1), ==, 0x77);
    set_config(machine, MCH, 0x9d, 0x1a, 1); /* closed, locked */
    set_config(machine, MCH, 0x9d, 0x4a, 1);
    set_config(machine, MCH, 0x9e, 0x01, 1);
    g_assert_cmphex(get_config(machine, MCH, 0x9d, 2), ==, 0x381a);
    end(machine);
}

/* What CPUs in SMM have before the others' memory. */
static uint64_t
smm_read(EmuMachine *machine, uint64_t address)
{
    EmuAddressSpace *as = emu_address_space_new(EMU_MEMORY_REGION(emu_object_get_child(machine, "smram")), "smm");
    uint64_t value = emu_address_space_load(as, address, 1, EMU_MEM_ATTRS_NONE, NULL);

    emu_address_space_free(as);
    return value;
}

static void
test_smram_locks(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);

    set_config(machine, MCH, 0xac, 0x1f000000, 4); /* TSEGMB: firmware reads it back */
    g_assert_cmphex(get_config(machine, MCH, 0xac, 4), ==, 0x1f000000);
    set_config(machine, MCH, 0x9d, 0x3a, 1); /* locked with D_CLS, the one bit that can be changed then */
    g_assert_cmphex(get_config(machine, MCH, 0x9d, 1), ==, 0x3a);
    set_config(machine, MCH, 0x9d, 0x42, 1);
    g_assert_cmphex(get_config(machine, MCH, 0x9d, 1), ==, 0x1a);
    set_config(machine, MCH, 0x9e, 0x87, 1);
    g_assert_cmphex(get_config(machine, MCH, 0x9e, 1), ==, 0x38);
    set_config(machine, MCH, 0xac, 0, 4);
    g_assert_cmphex(get_config(machine, MCH, 0xac, 4), ==, 0x1f000000);
    emu_test_reset(machine);
    g_assert_cmphex(get_config(machine, MCH, 0x9d, 2), ==, 0x3802);
    end(machine);
}

static void
test_high_smram(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);

    set_config(machine, MCH, 0x9d, 0x4a, 1); /* open, below */
    emu_test_write(machine, 0xa0000, 0x5a, 1);
    g_assert_cmphex(smm_read(machine, 0xa0000), ==, 0x5a);
    g_assert_cmphex(emu_test_read(machine, 0xfeda0000, 1), ==, 0xff);
    set_config(machine, MCH, 0x9e, 0x80, 1); /* above: the window is the display's again */
    g_assert_cmphex(emu_test_read(machine, 0xfeda0000, 1), ==, 0x5a);
    g_assert_cmphex(emu_test_read(machine, 0xa0000, 1), !=, 0x5a);
    g_assert_cmphex(smm_read(machine, 0xfeda0000), ==, 0x5a);
    set_config(machine, MCH, 0x9d, 0x0a, 1); /* closed */
    g_assert_cmphex(emu_test_read(machine, 0xfeda0000, 1), ==, 0xff);
    g_assert_cmphex(smm_read(machine, 0xfeda0000), ==, 0x5a);
    g_assert_cmphex(smm_read(machine, 0xa0000), ==, 0xff);
    end(machine);
}

static void
test_extended_tseg(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);
    uint64_t top = emu_machine_get_ram_size(machine);

    set_config(machine, MCH, 0x50, 0xffff, 2);
    g_assert_cmphex(get_config(machine, MCH, 0x50, 2), ==, 16);
    for (unsigned size = 0; size < 4; size++) {
        const unsigned mib[] = {1, 2, 8, 16};
        uint64_t start = top - ((uint64_t)mib[size] << 20);

        set_config(machine, MCH, 0x9d, 0x0a, 1);
        set_config(machine, MCH, 0x9e, 0, 1);
        emu_test_write(machine, start - 1, 0x11, 1);
        emu_test_write(machine, start, 0x22, 1);
        emu_test_write(machine, top - 1, 0x33, 1);
        set_config(machine, MCH, 0x9e, size << 1 | 1, 1);
        g_assert_cmphex(emu_test_read(machine, start - 1, 1), ==, 0x11);
        g_assert_cmphex(emu_test_read(machine, start, 1), ==, 0xff);
        g_assert_cmphex(emu_test_read(machine, top - 1, 1), ==, 0xff);
        g_assert_cmphex(smm_read(machine, start), ==, 0x22);
        g_assert_cmphex(smm_read(machine, top - 1), ==, 0x33);
    }
    set_config(machine, MCH, 0x9d, 0x02, 1); /* G_SMRAME off: none */
    g_assert_cmphex(emu_test_read(machine, top - 1, 1), ==, 0x33);
    end(machine);
}

static void
test_smbase_smram(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);

    emu_test_write(machine, 0x30000, 0x44, 1);
    emu_test_write(machine, 0x4ffff, 0x55, 1);
    set_config(machine, MCH, 0x9c, 0xff, 1);
    g_assert_cmphex(get_config(machine, MCH, 0x9c, 1), ==, 1);
    g_assert_cmphex(emu_test_read(machine, 0x30000, 1), ==, 0x44);
    set_config(machine, MCH, 0x9c, 2, 1);
    g_assert_cmphex(emu_test_read(machine, 0x30000, 1), ==, 0xff);
    g_assert_cmphex(emu_test_read(machine, 0x4ffff, 1), ==, 0xff);
    g_assert_cmphex(emu_test_read(machine, 0x50000, 1), ==, 0);
    g_assert_cmphex(smm_read(machine, 0x4ffff), ==, 0x55);
    set_config(machine, MCH, 0x9c, 0, 1);
    g_assert_cmphex(emu_test_read(machine, 0x30000, 1), ==, 0xff);
    emu_test_reset(machine);
    g_assert_cmphex(emu_test_read(machine, 0x30000, 1), ==, 0x44);
    g_assert_cmphex(get_config(machine, MCH, 0x9c, 1), ==, 0);
    end(machine);
}

static void
test_mmconfig(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);

    g_assert_cmphex(emu_test_read(machine, MMCONFIG, 4), ==, 0xffffffff);
    set_config(machine, MCH, 0x60, MMCONFIG | 1, 4);
    g_assert_cmphex(emu_test_read(machine, MMCONFIG, 4), ==, 0x29c08086);
    g_assert_cmphex(emu_test_read(machine, MMCONFIG + (0xf8 << 12), 4), ==, 0x29188086);
    g_assert_cmphex(emu_test_read(machine, MMCONFIG + (0xf8 << 12) + 2, 2), ==, 0x2918);
    g_assert_cmphex(emu_test_read(machine, MMCONFIG + 0x100, 4), ==, 0xffffffff); /* a function with 256 bytes */
    g_assert_cmphex(emu_test_read(machine, MMCONFIG + (0x18 << 12), 4), ==, 0xffffffff);
    emu_test_write(machine, MMCONFIG + (0xf8 << 12) + 0x60, 0x0b, 1);
    g_assert_cmphex(get_config(machine, LPC, 0x60, 1), ==, 0x0b);
    set_config(machine, MCH, 0x60, 0xc8000003, 4); /* 128 MiB, elsewhere */
    g_assert_cmphex(emu_test_read(machine, MMCONFIG, 4), ==, 0xffffffff);
    g_assert_cmphex(emu_test_read(machine, 0xc8000000, 4), ==, 0x29c08086);
    emu_test_reset(machine);
    g_assert_cmphex(emu_test_read(machine, 0xc8000000, 4), ==, 0xffffffff);
    end(machine);
}

static void
test_memory_split(void)
{
    EmuMachine *machine = new_q35("ram-size", "4294967296");
    EmuFwCfg *fw_cfg = emu_machine_find_fw_cfg(machine);
    gsize len;
    const uint64_t *e820 = (const uint64_t *)emu_fw_cfg_get_file(fw_cfg, "etc/e820", &len);

    g_assert_cmpuint(len, ==, 40);
    g_assert_cmphex(GUINT64_FROM_LE(e820[1]), ==, 0x80000000);
    emu_test_write(machine, 0x17fffffff, 0x33, 1);
    g_assert_cmphex(emu_test_read(machine, 0x17fffffff, 1), ==, 0x33);
    g_assert_cmphex(emu_test_read(machine, 0x80000000, 1), ==, 0xff);
    end(machine);
}

/* An entry of the I/O APIC, unmasked and level-triggered, shows in its remote IRR that the pin is up. */
static bool
pin_is_up(EmuMachine *machine, unsigned pin)
{
    uint64_t entry;

    emu_test_write(machine, 0xfec00000, 0x10 + 2 * pin, 4);
    emu_test_write(machine, 0xfec00010, 0x8000 | (0x30 + pin), 4);
    entry = emu_test_read(machine, 0xfec00010, 4);
    emu_test_write(machine, 0xfec00010, 0x10000, 4); /* through edge: forgotten */
    return entry & 0x4000;
}

static void
test_routing(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);
    GError *error = NULL;
    EmuDevice *dev = emu_test_add_device(machine, "edu", "addr=03.0", &error);

    g_assert_no_error(error);
    emu_pci_device_set_irq(EMU_PCI_DEVICE(dev), 1); /* INTA# of slot 3: PIRQ E + 3 = H */
    g_assert_true(pin_is_up(machine, 23));
    g_assert_false(pin_is_up(machine, 20));
    g_assert_false(pin_is_up(machine, 11));
    set_config(machine, LPC, 0x6b, 11, 1); /* routed to request 11 as well */
    g_assert_true(pin_is_up(machine, 11));
    set_config(machine, LPC, 0x6b, 0x80, 1);
    g_assert_false(pin_is_up(machine, 11));
    emu_pci_device_set_irq(EMU_PCI_DEVICE(dev), 0);
    g_assert_false(pin_is_up(machine, 23));

    /* Device 31's pins are wired by a register; what is up moves along. */
    set_config(machine, LPC, 0xf0, RCBA | 1, 4);
    g_assert_cmphex(emu_test_read(machine, RCBA + 0x3140, 2), ==, 0x3210);
    dev = emu_test_add_device(machine, "edu", "addr=19.0", &error); /* slot 25 */
    g_assert_no_error(error);
    emu_pci_device_set_irq(EMU_PCI_DEVICE(dev), 1);
    g_assert_true(pin_is_up(machine, 16));
    emu_test_write(machine, RCBA + 0x3150, 0x3215, 2);
    g_assert_false(pin_is_up(machine, 16));
    g_assert_true(pin_is_up(machine, 21));
    emu_pci_device_set_irq(EMU_PCI_DEVICE(dev), 0);
    g_assert_false(pin_is_up(machine, 21));
    end(machine);
}

/* Timers of the HPET reach the pins of PCI, 8 and 2, as this board's firmware tables and guests expect. */
static void
test_hpet_routes(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);

    g_assert_cmphex(emu_test_read(machine, 0xfed00104, 4), ==, 0xff0104);
    emu_test_write(machine, 0xfed00010, 1, 4);
    emu_test_write(machine, 0xfed00140, 0x2806, 4); /* level, pin 20 */
    emu_test_write(machine, 0xfed00148, 1000, 8);
    emu_test_advance(machine, EMU_NS_PER_SEC);
    g_assert_true(pin_is_up(machine, 20));
    end(machine);
}

static void
test_power_management(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);

    g_assert_cmphex(emu_test_in(machine, 0x608, 4), ==, 0xffffffff);
    set_config(machine, LPC, 0x40, 0x601, 4);
    set_config(machine, LPC, 0x44, 0x80, 1);
    emu_test_advance(machine, EMU_NS_PER_SEC);
    g_assert_cmpuint(emu_test_in(machine, 0x608, 4), ==, 3579545);
    g_assert_cmphex(emu_test_in(machine, 0x604, 2), ==, 0);
    emu_test_out(machine, 0xb2, 0x02, 1); /* ACPI on */
    g_assert_cmphex(emu_test_in(machine, 0x604, 2), ==, 1);
    emu_test_out(machine, 0xb2, 0x03, 1);
    g_assert_cmphex(emu_test_in(machine, 0x604, 2), ==, 0);
    emu_test_out(machine, 0x628, 0x1234, 2); /* GPE0 enable */
    g_assert_cmphex(emu_test_in(machine, 0x628, 4), ==, 0x1234);
    end(machine);
}

/* The firmware's side of the configuration device, by port and DMA. */
static unsigned
find_file(EmuMachine *machine, const char *name)
{
    char entry[64];
    unsigned n = 0;

    emu_test_out(machine, 0x510, 0x19, 2);
    for (unsigned i = 0; i < 4; i++) {
        n = n << 8 | (unsigned)emu_test_in(machine, 0x511, 1);
    }
    while (n--) {
        for (unsigned i = 0; i < sizeof entry; i++) {
            entry[i] = (char)emu_test_in(machine, 0x511, 1);
        }
        if (strcmp(entry + 8, name) == 0) {
            return (unsigned)((uint8_t)entry[4] << 8 | (uint8_t)entry[5]);
        }
    }
    return 0;
}

static uint64_t
read_file(EmuMachine *machine, const char *name, unsigned size)
{
    uint64_t value = 0;

    emu_test_out(machine, 0x510, find_file(machine, name), 2);
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)emu_test_in(machine, 0x511, 1) << 8 * i;
    }
    return value;
}

static void
write_file(EmuMachine *machine, const char *name, uint64_t value)
{
    emu_test_write(machine, 0x1000, GUINT32_TO_BE(find_file(machine, name) << 16 | 0x18), 4);
    emu_test_write(machine, 0x1004, GUINT32_TO_BE(8), 4);
    emu_test_write(machine, 0x1008, GUINT64_TO_BE(UINT64_C(0x2000)), 8);
    emu_test_write(machine, 0x2000, value, 8);
    emu_test_out(machine, 0x514, 0, 4);
    emu_test_out(machine, 0x518, GUINT32_TO_BE(0x1000), 4);
}

static void
test_smi_features(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);

    g_assert_cmphex(read_file(machine, "etc/smi/supported-features", 8), ==, 1);
    write_file(machine, "etc/smi/requested-features", 2); /* more than there is */
    g_assert_cmphex(read_file(machine, "etc/smi/features-ok", 1), ==, 0);
    write_file(machine, "etc/smi/requested-features", 1);
    g_assert_cmphex(read_file(machine, "etc/smi/features-ok", 1), ==, 1);
    write_file(machine, "etc/smi/requested-features", 2); /* too late */
    g_assert_cmphex(read_file(machine, "etc/smi/features-ok", 1), ==, 1);
    emu_test_reset(machine);
    g_assert_cmphex(read_file(machine, "etc/smi/requested-features", 8), ==, 0);
    write_file(machine, "etc/smi/requested-features", 4);
    g_assert_cmphex(read_file(machine, "etc/smi/features-ok", 1), ==, 0);
    end(machine);

    machine = new_q35("smm", "off");
    g_assert_cmpuint(find_file(machine, "etc/smi/supported-features"), ==, 0);
    end(machine);
}

static void
test_smi_registers(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);

    set_config(machine, LPC, 0x40, 0x601, 4);
    set_config(machine, LPC, 0x44, 0x80, 1);
    g_assert_cmphex(emu_test_in(machine, 0x630, 4), ==, 0); /* SMM is the firmware's to set up */
    emu_test_out(machine, 0xb2, 0x55, 1);
    g_assert_cmphex(emu_test_in(machine, 0x634, 4), ==, 0); /* not without APMC_EN */
    emu_test_out(machine, 0x630, 0x21, 4);
    emu_test_out(machine, 0xb2, 0x55, 1);
    g_assert_cmphex(emu_test_in(machine, 0x634, 4), ==, 0x20);
    emu_test_out(machine, 0x634, 0x20, 4);
    g_assert_cmphex(emu_test_in(machine, 0x634, 4), ==, 0);
    set_config(machine, LPC, 0xa0, 0x10, 2); /* SMI_LOCK */
    emu_test_out(machine, 0x630, 0, 4);
    g_assert_cmphex(emu_test_in(machine, 0x630, 4), ==, 1);
    set_config(machine, LPC, 0xa0, 0, 2);
    g_assert_cmphex(get_config(machine, LPC, 0xa0, 2), ==, 0x10);
    emu_test_reset(machine);
    g_assert_cmphex(get_config(machine, LPC, 0xa0, 2), ==, 0);
    end(machine);

    machine = new_q35("smm", "off");
    set_config(machine, LPC, 0x40, 0x601, 4);
    set_config(machine, LPC, 0x44, 0x80, 1);
    g_assert_cmphex(emu_test_in(machine, 0x630, 4), ==, 0x20); /* firmware takes it for set up */
    end(machine);
}

#define TCO 0x660
#define GCS (RCBA + 0x3410)

static EmuMachine *
new_with_tco(const char *noreboot)
{
    GError *error = NULL;
    EmuMachine *machine = emu_test_machine_new_unbuilt("q35", &error);

    g_assert_no_error(error);
    emu_test_add_global(machine, "ICH9-LPC", "noreboot", noreboot, &error);
    g_assert_no_error(error);
    emu_test_machine_start(machine, &error);
    g_assert_no_error(error);
    set_config(machine, LPC, 0x40, 0x601, 4);
    set_config(machine, LPC, 0x44, 0x80, 1);
    set_config(machine, LPC, 0xf0, RCBA | 1, 4);
    return machine;
}

static void
count_watchdog_cb(EmuMachine *machine G_GNUC_UNUSED, int action G_GNUC_UNUSED, unsigned *n)
{
    ++*n;
}

/* @ticks of 0.6 s and half of one. */
static void
advance_ticks(EmuMachine *machine, unsigned ticks)
{
    emu_test_advance(machine, (2 * (int64_t)ticks + 1) * 300000000);
    emu_test_settle(machine);
}

static void
test_tco_counts(void)
{
    EmuMachine *machine = new_with_tco("off");
    unsigned fired = 0;

    g_signal_connect(machine, "watchdog", G_CALLBACK(count_watchdog_cb), &fired);
    g_assert_cmphex(emu_test_in(machine, TCO + 0x12, 2), ==, 4);
    g_assert_cmphex(emu_test_in(machine, TCO + 0x0a, 2), ==, 8);
    advance_ticks(machine, 100); /* nobody has started it */
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 4), ==, 0);
    emu_test_out(machine, TCO + 0x12, 1, 2); /* ignored */
    g_assert_cmphex(emu_test_in(machine, TCO + 0x12, 2), ==, 4);
    emu_test_out(machine, TCO + 0x12, 0xfc0a, 2);
    g_assert_cmphex(emu_test_in(machine, TCO + 0x12, 2), ==, 10);
    emu_test_out(machine, TCO, 1, 2);
    g_assert_cmphex(emu_test_in(machine, TCO, 2), ==, 10);
    advance_ticks(machine, 4);
    g_assert_cmphex(emu_test_in(machine, TCO, 2), ==, 6);
    emu_test_out(machine, TCO + 8, 0x0800, 2); /* TCO_TMR_HLT */
    advance_ticks(machine, 30);
    g_assert_cmphex(emu_test_in(machine, TCO, 2), ==, 6);
    emu_test_out(machine, TCO + 8, 0, 2);
    advance_ticks(machine, 5);
    g_assert_cmphex(emu_test_in(machine, TCO, 2), ==, 1);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 2), ==, 0);
    advance_ticks(machine, 1);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 4), ==, 0x0008); /* TIMEOUT */
    emu_test_out(machine, TCO + 4, 0x0008, 2);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 4), ==, 0);
    emu_test_out(machine, TCO, 0, 2); /* in time: the next is a first one again */
    advance_ticks(machine, 10);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 4), ==, 0x0008);
    g_assert_cmpuint(fired, ==, 0);
    advance_ticks(machine, 10);
    g_assert_cmpuint(fired, ==, 1);
    /* It was a reset, which leaves one word. */
    set_config(machine, LPC, 0x40, 0x601, 4);
    set_config(machine, LPC, 0x44, 0x80, 1);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 4), ==, 0x00020000); /* SECOND_TO_STS */
    g_assert_cmphex(emu_test_in(machine, TCO + 0x12, 2), ==, 4);
    emu_test_out(machine, TCO + 6, 0x0002, 2);
    advance_ticks(machine, 100);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 4), ==, 0);
    g_assert_cmpuint(fired, ==, 1);
    end(machine);
}

static void
test_tco_no_reboot(void)
{
    EmuMachine *machine = new_with_tco("on");
    unsigned fired = 0;

    g_signal_connect(machine, "watchdog", G_CALLBACK(count_watchdog_cb), &fired);
    emu_test_write(machine, GCS, 0, 4); /* the strap is stronger */
    g_assert_cmphex(emu_test_read(machine, GCS, 4), ==, 0x20);
    emu_test_out(machine, TCO, 1, 2);
    advance_ticks(machine, 9);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 4), ==, 0x00020008);
    g_assert_cmpuint(fired, ==, 0);
    end(machine);

    machine = new_with_tco("off");
    g_signal_connect(machine, "watchdog", G_CALLBACK(count_watchdog_cb), &fired);
    g_assert_cmphex(emu_test_read(machine, GCS, 4), ==, 0);
    emu_test_write(machine, GCS, 0x20, 4); /* the guest does not want it */
    emu_test_out(machine, TCO, 1, 2);
    advance_ticks(machine, 9);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 4), ==, 0x00020008);
    g_assert_cmpuint(fired, ==, 0);
    emu_test_write(machine, GCS, 0, 4);
    advance_ticks(machine, 9);
    g_assert_cmpuint(fired, ==, 1);
    end(machine);
}

static void
test_tco_smi(void)
{
    EmuMachine *machine = new_with_tco("on");

    emu_test_out(machine, TCO + 2, 0x5a, 1);
    g_assert_cmphex(emu_test_in(machine, TCO + 2, 1), ==, 0x5a);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 2), ==, 0x0002);
    g_assert_cmphex(emu_test_in(machine, 0x634, 4), ==, 0x2000);
    emu_test_out(machine, 0x634, 0x2000, 4);
    emu_test_out(machine, TCO + 3, 0xa5, 1);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 2), ==, 0x0006);
    g_assert_cmphex(emu_test_in(machine, 0x634, 4), ==, 0);
    emu_test_out(machine, 0x630, 0x2001, 4);
    emu_test_out(machine, TCO + 8, 0x1800, 2); /* TCO_LOCK, halted */
    emu_test_out(machine, 0x630, 1, 4);
    g_assert_cmphex(emu_test_in(machine, 0x630, 4), ==, 0x2001);
    emu_test_out(machine, TCO + 8, 0, 2);
    g_assert_cmphex(emu_test_in(machine, TCO + 8, 2), ==, 0x1000);
    advance_ticks(machine, 4);
    g_assert_cmphex(emu_test_in(machine, TCO + 4, 2), ==, 0x000e);
    g_assert_cmphex(emu_test_in(machine, 0x634, 4), ==, 0x2000);
    end(machine);
}

static bool
has_table(EmuMachine *machine, const char *signature)
{
    gsize len;
    const uint8_t *tables;

    /* Selecting the file builds it again. */
    emu_test_out(machine, 0x510, 0x20, 2);
    tables = emu_fw_cfg_get_file(emu_machine_find_fw_cfg(machine), "etc/acpi/tables", &len);
    return memmem(tables, len, signature, 4) != NULL;
}

static void
test_tables(void)
{
    EmuMachine *machine = new_q35(NULL, NULL);
    gsize len, loader_len, again;

    emu_fw_cfg_get_file(emu_machine_find_fw_cfg(machine), "etc/table-loader", &loader_len);
    g_assert_true(has_table(machine, "FACP"));
    g_assert_false(has_table(machine, "DMAR"));
    emu_fw_cfg_get_file(emu_machine_find_fw_cfg(machine), "etc/acpi/tables", &len);
    g_assert_cmpuint(len % 4096, ==, 0);
    emu_fw_cfg_get_file(emu_machine_find_fw_cfg(machine), "etc/table-loader", &again);
    g_assert_cmpuint(loader_len, ==, again);
    g_assert_cmpuint(loader_len % 4096, ==, 0);
    end(machine);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc-q35/memory/pam", test_pam);
    g_test_add_func("/pc-q35/memory/smram-and-tseg", test_smram);
    g_test_add_func("/pc-q35/memory/smram-locks", test_smram_locks);
    g_test_add_func("/pc-q35/memory/high-smram", test_high_smram);
    g_test_add_func("/pc-q35/memory/extended-tseg", test_extended_tseg);
    g_test_add_func("/pc-q35/memory/smbase-smram", test_smbase_smram);
    g_test_add_func("/pc-q35/smi/features", test_smi_features);
    g_test_add_func("/pc-q35/smi/registers", test_smi_registers);
    g_test_add_func("/pc-q35/memory/configuration-window", test_mmconfig);
    g_test_add_func("/pc-q35/memory/split-at-2g", test_memory_split);
    g_test_add_func("/pc-q35/interrupts/routing", test_routing);
    g_test_add_func("/pc-q35/power-management", test_power_management);
    g_test_add_func("/pc-q35/interrupts/hpet-routes", test_hpet_routes);
    g_test_add_func("/pc-q35/tables", test_tables);
    g_test_add_func("/pc-q35/tco/counts", test_tco_counts);
    g_test_add_func("/pc-q35/tco/no-reboot", test_tco_no_reboot);
    g_test_add_func("/pc-q35/tco/smi", test_tco_smi);
    return g_test_run();
}
