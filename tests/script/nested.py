# SPDX-License-Identifier: LGPL-2.1-or-later
"""A CPU that is in a guest of its guest's: snapshots of it."""

import sys

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

import tap
from tap import equal

VMCB, MAPS = 0x5000, 0x10000
COUNT = 0x9000
# 16-bit code at level 0 that turns on protected mode and EFER.SVME, runs the guest, and says on the serial line what the exit code was
# ('A': VMMCALL).
HOST = bytes([
    0x0F, 0x20, 0xC0, 0x0C, 0x01, 0x0F, 0x22, 0xC0,              # 7c00 mov eax, cr0; or al, 1; mov cr0, eax
    0x66, 0xB9, 0x80, 0x00, 0x00, 0xC0, 0x0F, 0x32,              # 7c08 mov ecx, EFER; rdmsr
    0x80, 0xCC, 0x10, 0x0F, 0x30,                                # 7c10 or ah, 0x10; wrmsr
    0x66, 0xB8, 0x00, 0x50, 0x00, 0x00, 0x0F, 0x01, 0xD8,        # 7c15 again: mov eax, VMCB; vmrun
    0xA0, 0x70, 0x50, 0x2C, 0x40, 0xBA, 0xF8, 0x03, 0xEE,        # 7c1e mov al, [VMCB + 0x70]; sub al, 0x40; out 0x3f8, al
    0x83, 0x06, 0x78, 0x55, 0x03,                                # 7c27 add word [VMCB + 0x578], 3: behind VMMCALL
    0xEB, 0xE7])                                                 # 7c2c jmp again
# Real mode: counts, and calls its hypervisor when something comes on the serial line.
GUEST = bytes([
    0xFF, 0x06, 0x00, 0x90,                                      # 8000 again: inc word [COUNT]
    0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x01, 0x74, 0xF4,              # 8004 in al, 0x3fd; test al, 1; jz again
    0xBA, 0xF8, 0x03, 0xEC,                                      # 800c in al, 0x3f8
    0x0F, 0x01, 0xD9,                                            # 8010 vmmcall
    0xEB, 0xEB])                                                 # 8013 jmp again


def vmcb(m, offset, value, size=8):
    m.memory[VMCB + offset:VMCB + offset + size] = value.to_bytes(size, "little")


def machine(accel):
    m = Emu.Machine.new("pc", memory="16M", accel=accel, cpu="max")
    m.start(paused=True)
    m.memory[0x7C00:0x7C00 + len(HOST)] = HOST
    m.memory[0x8000:0x8000 + len(GUEST)] = GUEST
    vmcb(m, 0x10, 3, 4)  # VMRUN and VMMCALL are intercepted
    vmcb(m, 0x40, MAPS)
    vmcb(m, 0x48, MAPS)
    vmcb(m, 0x58, 1, 4)  # ASID
    for seg, attr in enumerate((0x93, 0x9B, 0x93, 0x93)):
        vmcb(m, 0x400 + 16 * seg, attr << 16 | 0xFFFF << 32)
    vmcb(m, 0x4D0, 0x1000)  # EFER
    vmcb(m, 0x558, 0x10)  # CR0
    vmcb(m, 0x568, 0xFFFF0FF0)
    vmcb(m, 0x560, 0x400)
    vmcb(m, 0x570, 2)
    vmcb(m, 0x578, 0x8000)
    vmcb(m, 0x5D8, 0x7000)
    m.io.write_u8(0x3FB, 3)
    for name, value in {"cs": 0, "ds": 0, "ss": 0, "rsp": 0x7000, "eflags": 2, "rip": 0x7C00}.items():
        m.cpus[0].regs[name] = value
    return m


# The same by VMX. In real mode the host goes to long mode with a page of 2 MiB, says VMXON, VMCLEAR, VMPTRLD, writes the fields that lie at FIELDS
# (encoding and value, 8 bytes each) and enters; an exit says on the serial line what its reason was ('R': VMCALL).
VMXON, VMCS, FIELDS, TABLES, POINTERS, GDT = 0x5000, 0x6000, 0x4000, 0x1000, 0x3F00, 0x3E00
VMX_HOST_16 = bytes([
    0x0F, 0x01, 0x16, 0xF0, 0x3E,                                # 7c00 lgdt [0x3ef0]
    0x66, 0xB8, 0x20, 0x20, 0x00, 0x00, 0x0F, 0x22, 0xE0,        # 7c05 mov eax, PAE | VMXE; mov cr4, eax
    0x66, 0xB8, 0x00, 0x10, 0x00, 0x00, 0x0F, 0x22, 0xD8,        # 7c0e mov eax, TABLES; mov cr3, eax
    0x66, 0xB9, 0x80, 0x00, 0x00, 0xC0, 0x0F, 0x32,              # 7c17 mov ecx, EFER; rdmsr
    0x80, 0xCC, 0x01, 0x0F, 0x30,                                # 7c1f or ah, 1; wrmsr
    0x66, 0xB8, 0x21, 0x00, 0x00, 0x80, 0x0F, 0x22, 0xC0,        # 7c24 mov eax, PG | NE | PE; mov cr0, eax
    0xEA, 0x32, 0x7C, 0x08, 0x00])                               # 7c2d jmp 8:7c32
VMX_HOST_64 = bytes([
    0xB9, 0x3A, 0x00, 0x00, 0x00, 0x0F, 0x32,                    # 7c32 mov ecx, FEATURE_CONTROL; rdmsr
    0xA8, 0x01, 0x75, 0x09,                                      # test al, 1; jnz locked
    0xB8, 0x05, 0x00, 0x00, 0x00, 0x31, 0xD2, 0x0F, 0x30,        # mov eax, 5; xor edx, edx; wrmsr
    0xF3, 0x0F, 0xC7, 0x34, 0x25, 0x00, 0x3F, 0x00, 0x00,        # locked: vmxon [0x3f00]
    0x66, 0x0F, 0xC7, 0x34, 0x25, 0x08, 0x3F, 0x00, 0x00,        # vmclear [0x3f08]
    0x0F, 0xC7, 0x34, 0x25, 0x08, 0x3F, 0x00, 0x00,              # vmptrld [0x3f08]
    0xBE, 0x00, 0x40, 0x00, 0x00,                                # mov esi, FIELDS
    0x48, 0xAD, 0x48, 0x85, 0xC0, 0x78, 0x0A,                    # next: lodsq; test rax, rax; js done
    0x48, 0x89, 0xC3, 0x48, 0xAD, 0x0F, 0x79, 0xD8, 0xEB, 0xEF,  # mov rbx, rax; lodsq; vmwrite rbx, rax; jmp next
    0x0F, 0x01, 0xC2, 0xF4])                                     # done: vmlaunch; hlt
VMX_EXIT = bytes([
    0xB8, 0x02, 0x44, 0x00, 0x00, 0x0F, 0x78, 0xC3,              # 7d00 mov eax, EXIT_REASON; vmread rbx, rax
    0x88, 0xD8, 0x04, 0x40, 0xBA, 0xF8, 0x03, 0x00, 0x00, 0xEE,  # mov al, bl; add al, 0x40; out 0x3f8, al
    0xB8, 0x1E, 0x68, 0x00, 0x00, 0x0F, 0x78, 0xC3,              # mov eax, GUEST_RIP; vmread rbx, rax
    0x48, 0x83, 0xC3, 0x03, 0x0F, 0x79, 0xC3,                    # add rbx, 3; vmwrite rax, rbx
    0x0F, 0x01, 0xC3, 0xF4])                                     # vmresume; hlt
EPT_TABLES = 0xA000
VMX_FIELDS = {
    0x4000: 0x16, 0x4002: 0x0401E172 & ~(3 << 15) | 1 << 31, 0x401E: 2 | 0x80, 0x400C: 0x36DFF | 1 << 9, 0x4012: 0x11FF,
    0x201A: EPT_TABLES | 3 << 3 | 6, 0x2800: 2**64 - 1,
    0x6800: 0x30, 0x6804: 0x2000, 0x681A: 0x400, 0x681C: 0x7000, 0x681E: 0x8000, 0x6820: 2,
    0x6C00: 0x80000031, 0x6C02: TABLES, 0x6C04: 0x2020, 0x6C14: 0x7000, 0x6C16: 0x7D00, 0x6C0C: GDT, 0x6C0E: 0,
    0x0C02: 8, 0x0C04: 16, 0x0C0C: 24, 0x4820: 1 << 16, 0x4822: 0x8B, 0x480E: 0x67, 0x4810: 0xFFFF, 0x4812: 0xFFFF,
}
for seg in range(6):
    VMX_FIELDS[0x4800 + 2 * seg] = 0xFFFF
    VMX_FIELDS[0x4814 + 2 * seg] = 0x9B if seg == 1 else 0x93


def store(m, at, *values):
    for i, value in enumerate(values):
        m.memory[at + 8 * i:at + 8 * i + 8] = value.to_bytes(8, "little")


def vmx_machine(accel):
    m = Emu.Machine.new("pc", memory="16M", accel=accel, cpu="max,+vmx")
    m.start(paused=True)
    m.memory[0x7C00:0x7C00 + len(VMX_HOST_16)] = VMX_HOST_16
    m.memory[0x7C32:0x7C32 + len(VMX_HOST_64)] = VMX_HOST_64
    m.memory[0x7D00:0x7D00 + len(VMX_EXIT)] = VMX_EXIT
    guest = GUEST.replace(b"\x0f\x01\xd9", b"\x0f\x01\xc1")
    m.memory[0x8000:0x8000 + len(guest)] = guest
    store(m, GDT, 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF, 0x00008B0000000067)
    store(m, 0x3EF0, GDT << 16 | 0x1F)
    store(m, TABLES, 0x2007)
    store(m, 0x2000, 0x3007)
    store(m, 0x3000, 0x87)
    store(m, EPT_TABLES, (EPT_TABLES + 0x1000) | 7)
    store(m, EPT_TABLES + 0x1000, (EPT_TABLES + 0x2000) | 7)
    store(m, EPT_TABLES + 0x2000, 0xB7)
    store(m, POINTERS, VMXON, VMCS)
    for region in VMXON, VMCS:
        store(m, region, 0x0E3A5501)
    store(m, FIELDS, *[v for item in VMX_FIELDS.items() for v in item], 2**64 - 1)
    m.io.write_u8(0x3FB, 3)
    for name, value in {"cs": 0, "ds": 0, "ss": 0, "rsp": 0x7000, "eflags": 2, "rip": 0x7C00}.items():
        m.cpus[0].regs[name] = value
    return m


def counted(m):
    return m.memory.read_u16(COUNT)


def in_guest(m):
    return 0x8000 <= m.cpus[0].pc < 0x8000 + len(GUEST)


def run_until_counted(m):
    before = counted(m)
    while counted(m) == before or not in_guest(m):
        m.run(timeout=0.01)


def check_snapshots(make, answer):
    for accel in "jit", "interp":
        with make(accel) as m:
            run_until_counted(m)
            inside, count, pc = m.snapshot(), counted(m), m.cpus[0].pc
            # The guest leaves, as often as it is told to.
            for _ in range(2):
                m["serial0"].send("a")
                m.run(until=m.text(answer), timeout=600)
                run_until_counted(m)
                inside.restore()
                equal((counted(m), m.cpus[0].pc), (count, pc))


def test_snapshots():
    check_snapshots(machine, "A")


def test_vmx_snapshots():
    check_snapshots(vmx_machine, "R")


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
