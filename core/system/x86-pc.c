/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The interfaces of <emu/x86-pc.h>: types and callers. */

#include <emu/x86-pc.h>

G_DEFINE_INTERFACE(EmuInterruptAck, emu_interrupt_ack, EMU_TYPE_OBJECT)
G_DEFINE_INTERFACE(EmuApicEoi, emu_apic_eoi, EMU_TYPE_OBJECT)
G_DEFINE_INTERFACE(EmuX86CpuControl, emu_x86_cpu_control, EMU_TYPE_OBJECT)
G_DEFINE_INTERFACE(EmuCmos, emu_cmos, EMU_TYPE_OBJECT)
G_DEFINE_INTERFACE(EmuPitChannel, emu_pit_channel, EMU_TYPE_OBJECT)

static void
emu_interrupt_ack_default_init(EmuInterruptAckInterface *iface G_GNUC_UNUSED)
{
}

static void
emu_apic_eoi_default_init(EmuApicEoiInterface *iface G_GNUC_UNUSED)
{
}

static void
emu_x86_cpu_control_default_init(EmuX86CpuControlInterface *iface G_GNUC_UNUSED)
{
}

static void
emu_cmos_default_init(EmuCmosInterface *iface G_GNUC_UNUSED)
{
}

static void
emu_pit_channel_default_init(EmuPitChannelInterface *iface G_GNUC_UNUSED)
{
}

static void
x86_pc_register_types(void)
{
    emu_type_register_gtype("interrupt-ack", EMU_TYPE_INTERRUPT_ACK);
    emu_type_register_gtype("apic-eoi", EMU_TYPE_APIC_EOI);
    emu_type_register_gtype("x86-cpu-control", EMU_TYPE_X86_CPU_CONTROL);
    emu_type_register_gtype("cmos", EMU_TYPE_CMOS);
    emu_type_register_gtype("pit-channel", EMU_TYPE_PIT_CHANNEL);
}
type_init(x86_pc_register_types)

/**
 * emu_interrupt_ack:
 * @self: an interrupt controller
 *
 * Runs an interrupt acknowledge cycle: the controller moves its highest pending request into service.
 * Big lock held.
 *
 * Returns: the vector
 */
uint8_t
emu_interrupt_ack(EmuInterruptAck *self)
{
    g_return_val_if_fail(EMU_IS_INTERRUPT_ACK(self), 0);
    return EMU_INTERRUPT_ACK_GET_IFACE(self)->acknowledge(self);
}

/**
 * emu_apic_eoi:
 * @self: an I/O APIC
 * @vector: the vector that a local APIC has finished
 *
 * Broadcasts the end of a level-triggered interrupt. Big lock held.
 */
void
emu_apic_eoi(EmuApicEoi *self, uint8_t vector)
{
    g_return_if_fail(EMU_IS_APIC_EOI(self));
    EMU_APIC_EOI_GET_IFACE(self)->eoi(self, vector);
}

#define X86_PC_INTERRUPT_AS "emu-x86-interrupt-as"

EmuAddressSpace *
emu_x86_get_interrupt_as(EmuMachine *machine)
{
    EmuAddressSpace *as = g_object_get_data(G_OBJECT(machine), X86_PC_INTERRUPT_AS);

    return as ? as : emu_machine_get_memory_as(machine);
}

void
emu_x86_set_interrupt_as(EmuMachine *machine, EmuAddressSpace *as)
{
    g_object_set_data(G_OBJECT(machine), X86_PC_INTERRUPT_AS, as);
}

static EmuX86CpuControl *
x86_pc_get_cpu_control(EmuMachine *machine, unsigned index)
{
    EmuCpu *cpu = emu_machine_get_cpu(machine, index);

    return cpu && EMU_IS_X86_CPU_CONTROL(cpu) ? EMU_X86_CPU_CONTROL(cpu) : NULL;
}

/**
 * emu_x86_set_a20:
 * @machine: a PC
 * @enabled: false masks address bit 20 of all CPUs
 *
 * Big lock held.
 */
void
emu_x86_set_a20(EmuMachine *machine, bool enabled)
{
    for (unsigned i = 0; i < emu_machine_get_n_cpus(machine); i++) {
        EmuX86CpuControl *cpu = x86_pc_get_cpu_control(machine, i);

        if (cpu && EMU_X86_CPU_CONTROL_GET_IFACE(cpu)->set_a20) {
            EMU_X86_CPU_CONTROL_GET_IFACE(cpu)->set_a20(cpu, enabled);
        }
    }
}

static void
x86_pc_smi(EmuMachine *machine, unsigned index)
{
    EmuX86CpuControl *cpu = x86_pc_get_cpu_control(machine, index);

    if (cpu && EMU_X86_CPU_CONTROL_GET_IFACE(cpu)->smi) {
        EMU_X86_CPU_CONTROL_GET_IFACE(cpu)->smi(cpu);
    }
}

/**
 * emu_x86_raise_smi:
 * @machine: a PC
 *
 * Asserts SMI# of the CPU whose access this is, or else of the first: firmware that did not ask for more may have given only that one
 * its place in SMRAM. Big lock held.
 */
void
emu_x86_raise_smi(EmuMachine *machine)
{
    unsigned index = 0;

    for (unsigned i = 0; i < emu_machine_get_n_cpus(machine); i++) {
        EmuCpu *cpu = emu_machine_get_cpu(machine, i);

        if (cpu && emu_cpu_is_self(cpu)) {
            index = i;
        }
    }
    x86_pc_smi(machine, index);
}

/**
 * emu_x86_broadcast_smi:
 * @machine: a PC
 *
 * Asserts SMI# of all CPUs. Big lock held.
 */
void
emu_x86_broadcast_smi(EmuMachine *machine)
{
    for (unsigned i = 0; i < emu_machine_get_n_cpus(machine); i++) {
        x86_pc_smi(machine, i);
    }
}

/**
 * emu_x86_set_ignne:
 * @machine: a PC
 * @ignne: whether x87 instructions may go on with an error pending
 *
 * Drives IGNNE# of all CPUs. Big lock held.
 */
void
emu_x86_set_ignne(EmuMachine *machine, bool ignne)
{
    for (unsigned i = 0; i < emu_machine_get_n_cpus(machine); i++) {
        EmuX86CpuControl *cpu = x86_pc_get_cpu_control(machine, i);

        if (cpu && EMU_X86_CPU_CONTROL_GET_IFACE(cpu)->set_ignne) {
            EMU_X86_CPU_CONTROL_GET_IFACE(cpu)->set_ignne(cpu, ignne);
        }
    }
}

/**
 * emu_cmos_set:
 * @self: a real-time clock
 * @address: 0..127
 * @value: the byte
 *
 * Leaves a byte for the firmware. Big lock held.
 */
void
emu_cmos_set(EmuCmos *self, unsigned address, uint8_t value)
{
    g_return_if_fail(EMU_IS_CMOS(self));
    g_return_if_fail(address < 128);
    EMU_CMOS_GET_IFACE(self)->set(self, address, value);
}

/**
 * emu_cmos_get:
 * @self: a real-time clock
 * @address: 0..127
 *
 * Returns: the byte
 */
uint8_t
emu_cmos_get(EmuCmos *self, unsigned address)
{
    g_return_val_if_fail(EMU_IS_CMOS(self), 0xff);
    g_return_val_if_fail(address < 128, 0xff);
    return EMU_CMOS_GET_IFACE(self)->get(self, address);
}

/**
 * emu_pit_channel_set_gate:
 * @self: an interval timer
 * @channel: 0..2
 * @gate: level of the GATE input
 *
 * Big lock held.
 */
void
emu_pit_channel_set_gate(EmuPitChannel *self, unsigned channel, bool gate)
{
    g_return_if_fail(EMU_IS_PIT_CHANNEL(self));
    EMU_PIT_CHANNEL_GET_IFACE(self)->set_gate(self, channel, gate);
}

/**
 * emu_pit_channel_get_out:
 * @self: an interval timer
 * @channel: 0..2
 *
 * Returns: the level of the OUT pin now
 */
bool
emu_pit_channel_get_out(EmuPitChannel *self, unsigned channel)
{
    g_return_val_if_fail(EMU_IS_PIT_CHANNEL(self), false);
    return EMU_PIT_CHANNEL_GET_IFACE(self)->get_out(self, channel);
}

/**
 * emu_pit_channel_get_gate:
 * @self: an interval timer
 * @channel: 0..2
 *
 * Returns: the level of the GATE pin
 */
bool
emu_pit_channel_get_gate(EmuPitChannel *self, unsigned channel)
{
    g_return_val_if_fail(EMU_IS_PIT_CHANNEL(self), false);
    return EMU_PIT_CHANNEL_GET_IFACE(self)->get_gate(self, channel);
}

/* ---- topology ---------------------------------------------------------------------------------- */

unsigned
emu_x86_topology_get_bits(unsigned count)
{
    unsigned bits = 0;

    while (bits < 31 && 1u << bits < count) {
        bits++;
    }
    return bits;
}

/* Intel SDM volume 3, section 9.9.1 (hierarchical mapping of shared resources). */
uint32_t
emu_x86_topology_get_apic_id(EmuSmp smp, unsigned index)
{
    const unsigned counts[] = {MAX(smp.threads, 1), MAX(smp.cores, 1), MAX(smp.dies, 1)};
    uint32_t id = 0;
    unsigned shift = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        id |= index % counts[i] << shift;
        index /= counts[i];
        shift += emu_x86_topology_get_bits(counts[i]);
    }
    return id | index << shift;
}
