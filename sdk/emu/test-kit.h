/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * libemu-test (pkg-config emu-test-1): what tests of devices share beyond <emu/test.h>. A whole test:
 *
 *     g_autoptr(EmuMachine) m = emu_test_machine_new("pc", NULL);
 *     EmuDevice *dev = emu_test_add_device_fully(m, "my-device", NULL, NULL);
 *     emu_test_place(dev);
 *     emu_test_write_memory(m, 0x10000, &descriptor, sizeof(descriptor));
 *     emu_test_write(m, emu_test_address(dev, 0), 0x10000, 4);
 *     emu_test_expect_line(m, watch, 1, EMU_NS_PER_SEC);
 *
 * and, to have everything checked that holds for any device: emu_lint_add_tests("my-device", NULL).
 */

#include <emu/test.h>

G_BEGIN_DECLS

#define EMU_TEST_AVAILABLE_IN_1_0 __attribute__((visibility("default"))) extern

/* ---- machines ------------------------------------------------------------------------------------------ */

/* RAM for a board without any ("none"). (transfer none): the machine's */
EMU_TEST_AVAILABLE_IN_1_0 EmuMemoryRegion *emu_test_add_ram(EmuMachine *machine, uint64_t addr, uint64_t size);
/* Guest memory as the CPU sees it. The test fails where there is none. */
EMU_TEST_AVAILABLE_IN_1_0 void emu_test_read_memory(EmuMachine *machine, uint64_t addr, void *buf, gsize len);
EMU_TEST_AVAILABLE_IN_1_0 void emu_test_write_memory(EmuMachine *machine, uint64_t addr, const void *buf, gsize len);
/* Moves the clock until the line has the level; false after @timeout_ns. */
EMU_TEST_AVAILABLE_IN_1_0 bool emu_test_wait_line(EmuMachine *machine, EmuTestWatch *watch, int level, int64_t timeout_ns);
#define emu_test_expect_line(machine, watch, level, timeout_ns)                                    \
    do {                                                                                           \
        if (!emu_test_wait_line(machine, watch, level, timeout_ns)) {                              \
            g_autofree char *message_ = g_strdup_printf("line did not become %d within %" G_GINT64_FORMAT " ns", (level), (gint64)(timeout_ns)); \
            g_assertion_message(G_LOG_DOMAIN, __FILE__, __LINE__, G_STRFUNC, message_);            \
        }                                                                                          \
    } while (0)

/* ---- a device and its registers --------------------------------------------------------------------------- */

/* As emu_test_add_device(), and where it wants a chardev or a drive it gets one that nobody else has: "test-chardev", or the
 * drive "test-drive" of a machine from emu_test_machine_new_with_drive(); and what its class says in try_with. */
EMU_TEST_AVAILABLE_IN_1_0 EmuDevice *emu_test_add_device_fully(EmuMachine *machine, const char *type_name, const char *properties, GError **error);
/* The first device of exactly this type, on the board or added; NULL: none. */
EMU_TEST_AVAILABLE_IN_1_0 EmuDevice *emu_test_find_device(EmuMachine *machine, const char *type_name);
/* As emu_test_machine_new(), with 16 MiB of RAM where the board takes it, and a drive of 1 MiB, empty and writable, in memory only. */
EMU_TEST_AVAILABLE_IN_1_0 EmuMachine *emu_test_machine_new_with_drive(const char *board, GError **error);
/* What firmware and boards do: BARs get addresses and are turned on, sysbus regions that nobody mapped are mapped. */
EMU_TEST_AVAILABLE_IN_1_0 void emu_test_place(EmuDevice *dev);
/* Where region @index of a sysbus device, or BAR @index of a PCI function, is; UINT64_MAX: nowhere. */
EMU_TEST_AVAILABLE_IN_1_0 uint64_t emu_test_address(EmuDevice *dev, unsigned index);

typedef struct {
    uint64_t addr, size;
    bool memory; /* false: ports */
    bool ram;
} EmuTestRange;
/* Ports and memory in which the guest sees regions of this device now.
 * (transfer container) (element-type EmuTestRange) */
EMU_TEST_AVAILABLE_IN_1_0 GArray *emu_test_list_ranges(EmuDevice *dev);
/* Configuration space of a PCI function. */
EMU_TEST_AVAILABLE_IN_1_0 uint32_t emu_test_config_read(EmuDevice *dev, unsigned reg, unsigned size);
EMU_TEST_AVAILABLE_IN_1_0 void emu_test_config_write(EmuDevice *dev, unsigned reg, uint32_t value, unsigned size);

/* ---- lint: what holds for any device ------------------------------------------------------------------------ */

typedef struct {
    gsize struct_size;      /* sizeof(EmuLintOptions) */
    const char *properties; /* "name=value,...": for types that do not come up without (options, of a block driver); may be NULL */
    const char *board;      /* NULL: "pc" */
    unsigned rounds;        /* realize and unrealize, open and close this often; 0: 1000 */
    unsigned accesses;      /* 0: 20000 */
    uint64_t seed;
    /* Character back ends: connects to the other side of one that is open, without the big lock. Returns a descriptor, which is read,
     * written and closed without blocking; -1: it cannot be reached (again). NULL: found by the name that the chardev is listed
     * with ("pty:PATH", "unix:PATH,server=on", "tcp:HOST:PORT,server=on"). */
    int (*connect)(EmuChardev *chardev, gpointer data);
    gpointer connect_data;
    const char *claim; /* only this one; NULL: all */
} EmuLintOptions;

/* One claim: @problem NULL, and it holds; else why not. @skipped: it does not apply, and @problem says why. */
typedef void (*EmuLintReport)(const char *claim, const char *problem, bool skipped, gpointer data);
/* All claims about a device, CPU, machine or character back end, or block driver NAME as "block-driver-NAME", in this process. True: none failed. */
EMU_TEST_AVAILABLE_IN_1_0 bool emu_lint_type(const char *type_name, const EmuLintOptions *options, EmuLintReport report, gpointer data);
/* As tests of the running g_test program, "/lint/TYPE/CLAIM". */
EMU_TEST_AVAILABLE_IN_1_0 void emu_lint_add_tests(const char *type_name, const EmuLintOptions *options);
/* The claims, NULL at the end. */
EMU_TEST_AVAILABLE_IN_1_0 const char *const *emu_lint_list_claims(void);

G_END_DECLS
