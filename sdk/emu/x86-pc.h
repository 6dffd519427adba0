/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Contracts between the parts of a PC that live in different plugins. QOM names of the interfaces:
 * "interrupt-ack", "apic-eoi", "x86-cpu-control", "cmos", "pit-channel".
 */

#include <emu/cpu.h>

G_BEGIN_DECLS

/* Who answers an interrupt acknowledge cycle (the 8259 pair). The x86 CPU has a link property "pic". */
#define EMU_TYPE_INTERRUPT_ACK (emu_interrupt_ack_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuInterruptAck, emu_interrupt_ack, EMU, INTERRUPT_ACK, EmuObject)
struct _EmuInterruptAckInterface {
    GTypeInterface parent_iface;
    uint8_t (*acknowledge)(EmuInterruptAck *self); /* returns the vector; big lock held */
    EMU_RESERVED_SLOTS(4);
};
EMU_AVAILABLE_IN_1_0 uint8_t emu_interrupt_ack(EmuInterruptAck *self);

/*
 * x86 CPU lines: input "intr" (INTR/LINT0 from the PIC), "nmi", "init", "smi"; output "ferr" (x87 error, IRQ 13 by way of
 * the board). Interrupt messages (MSI, I/O APIC) are 4-byte writes to physical 0xfee00000..0xfeefffff; the local APICs
 * provide that region in the machine's memory. EOI broadcast: the I/O APIC implements this interface and is found below
 * the machine by type.
 */
#define EMU_TYPE_APIC_EOI (emu_apic_eoi_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuApicEoi, emu_apic_eoi, EMU, APIC_EOI, EmuObject)
struct _EmuApicEoiInterface {
    GTypeInterface parent_iface;
    void (*eoi)(EmuApicEoi *self, uint8_t vector); /* level-triggered vector done; big lock held */
    EMU_RESERVED_SLOTS(4);
};
EMU_AVAILABLE_IN_1_0 void emu_apic_eoi(EmuApicEoi *self, uint8_t vector);

/* The local APIC ID of CPU @index: package, die, core and thread number, each in a field as wide as its count needs. */
EMU_AVAILABLE_IN_1_0 uint32_t emu_x86_topology_get_apic_id(EmuSmp smp, unsigned index);
EMU_AVAILABLE_IN_1_0 unsigned emu_x86_topology_get_bits(unsigned count);

/* Where chips of the board send interrupt messages: the machine's memory, or what a unit that remaps interrupts puts before it (NULL
 * takes it away). PCI functions' messages go the way of their other writes. */
EMU_AVAILABLE_IN_1_0 EmuAddressSpace *emu_x86_get_interrupt_as(EmuMachine *machine);
EMU_AVAILABLE_IN_1_0 void emu_x86_set_interrupt_as(EmuMachine *machine, EmuAddressSpace *as);

/*
 * x86 machine control, implemented by CPUs / boards. A20 and SMM views: a board with SMRAM adds to the machine object a
 * child "smram", a region as large as the address space; a CPU in SMM sees it in front of the machine's memory.
 */
#define EMU_TYPE_X86_CPU_CONTROL (emu_x86_cpu_control_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuX86CpuControl, emu_x86_cpu_control, EMU, X86_CPU_CONTROL, EmuObject)
struct _EmuX86CpuControlInterface {
    GTypeInterface parent_iface;
    void (*set_a20)(EmuX86CpuControl *self, bool enabled);   /* any thread, big lock held */
    void (*smi)(EmuX86CpuControl *self);
    void (*init)(EmuX86CpuControl *self);                    /* INIT# (8042/port 92h soft reset of CPUs is a machine reset) */
    bool (*is_smm)(EmuX86CpuControl *self);
    uint32_t (*get_apic_id)(EmuX86CpuControl *self);
    /* IGNNE#: set by a write to port 0xf0, until the CPU drops FERR#; optional. */
    void (*set_ignne)(EmuX86CpuControl *self, bool ignne);
    EMU_RESERVED_SLOTS(7);
};
EMU_AVAILABLE_IN_1_0 void emu_x86_set_a20(EmuMachine *machine, bool enabled); /* all CPUs */
EMU_AVAILABLE_IN_1_0 void emu_x86_raise_smi(EmuMachine *machine);
EMU_AVAILABLE_IN_1_0 void emu_x86_broadcast_smi(EmuMachine *machine);
EMU_AVAILABLE_IN_1_0 void emu_x86_set_ignne(EmuMachine *machine, bool ignne);

/*
 * The battery-backed bytes of the real-time clock, implemented by "mc146818rtc": boards leave memory sizes and drive types
 * there for the firmware. Addresses 0..127; no effect on the clock's own registers (0..13). Bytes set before the first
 * reset survive resets.
 */
#define EMU_TYPE_CMOS (emu_cmos_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuCmos, emu_cmos, EMU, CMOS, EmuObject)
struct _EmuCmosInterface {
    GTypeInterface parent_iface;
    void (*set)(EmuCmos *self, unsigned address, uint8_t value);
    uint8_t (*get)(EmuCmos *self, unsigned address);
    EMU_RESERVED_SLOTS(4);
};
EMU_AVAILABLE_IN_1_0 void emu_cmos_set(EmuCmos *self, unsigned address, uint8_t value);
EMU_AVAILABLE_IN_1_0 uint8_t emu_cmos_get(EmuCmos *self, unsigned address);

/* PIT counter 2 as the speaker port sees it, implemented by the 8254. */
#define EMU_TYPE_PIT_CHANNEL (emu_pit_channel_get_type())
EMU_AVAILABLE_IN_1_0
G_DECLARE_INTERFACE(EmuPitChannel, emu_pit_channel, EMU, PIT_CHANNEL, EmuObject)
struct _EmuPitChannelInterface {
    GTypeInterface parent_iface;
    void (*set_gate)(EmuPitChannel *self, unsigned channel, bool gate);
    bool (*get_out)(EmuPitChannel *self, unsigned channel);
    bool (*get_gate)(EmuPitChannel *self, unsigned channel);
    EMU_RESERVED_SLOTS(4);
};
EMU_AVAILABLE_IN_1_0 void emu_pit_channel_set_gate(EmuPitChannel *self, unsigned channel, bool gate);
EMU_AVAILABLE_IN_1_0 bool emu_pit_channel_get_out(EmuPitChannel *self, unsigned channel);
EMU_AVAILABLE_IN_1_0 bool emu_pit_channel_get_gate(EmuPitChannel *self, unsigned channel);

G_END_DECLS
