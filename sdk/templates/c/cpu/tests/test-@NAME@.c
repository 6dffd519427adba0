/* SPDX-License-Identifier: @LICENSE@ */

/* Runs a program on the CPU and looks at what it left in memory. */

#include <emu/cpu.h>
#include <emu/machine.h>

#include <string.h>

/* 1 + 2 + ... + 10 -> memory[0x100] */
static const uint8_t program[] = {
    1, 0, 0, 0,       /* set   r0, 0      sum */
    1, 1, 10, 0,      /* set   r1, 10     counter */
    2, 0, 1, 0,       /* add   r0, r1 */
    5, 1, 0xff, 0xff, /* loop  r1, -1 */
    1, 2, 0, 1,       /* set   r2, 0x100 */
    4, 0, 2, 0,       /* store r0, [r2] */
    0, 0, 0, 0,       /* halt */
};

static void
test_sum(void)
{
    g_autoptr(GError) error = NULL;
    EmuMachine *m = emu_machine_new("@TYPE@", &error);
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;
    g_autofree char *registers = NULL;
    uint32_t sum = 0;
    EmuCpu *cpu;

    g_assert_no_error(error);
    emu_machine_build(m, &error);
    g_assert_no_error(error);
    g_assert_true(emu_machine_finish(m, &error));
    emu_address_space_write(emu_machine_get_memory_as(m), 0, program, sizeof(program), EMU_MEM_ATTRS_NONE);
    emu_machine_lock(m);
    emu_machine_start(m);
    emu_machine_unlock(m);
    while (!sum && g_get_monotonic_time() < end) {
        g_usleep(1000);
        emu_address_space_read(emu_machine_get_memory_as(m), 0x100, &sum, sizeof(sum), EMU_MEM_ATTRS_NONE);
    }
    g_assert_cmpuint(GUINT32_FROM_LE(sum), ==, 55);
    emu_machine_lock(m);
    emu_machine_stop(m, EMU_RUN_STATE_PAUSED);
    cpu = emu_machine_get_cpu(m, 0);
    registers = EMU_CPU_GET_CLASS(cpu)->describe_registers(cpu);
    g_assert_nonnull(strstr(registers, "r0 =00000037"));
    emu_machine_unlock(m);
    emu_machine_destroy(m);
    g_object_unref(m);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/@NAME@/sum", test_sum);
    return g_test_run();
}
