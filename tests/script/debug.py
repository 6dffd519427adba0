# SPDX-License-Identifier: LGPL-2.1-or-later
"""Registers, breakpoints, watchpoints, steps and traces from Python."""

import os
import sys

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

import tap
from tap import equal, linux, raises

# Real mode, at 0x7c00.
CODE = bytes([0xb0, 0x41,              # 7c00 mov al, 'A'
              0xb9, 0x05, 0x00,        # 7c02 mov cx, 5
              0x43,                    # 7c05 inc bx
              0x89, 0x1e, 0x00, 0x90,  # 7c06 mov [0x9000], bx
              0xe2, 0xf9,              # 7c0a loop 7c05
              0xe6, 0xe9,              # 7c0c out 0xe9, al
              0xf4])                   # 7c0e hlt


def machine(accel="jit"):
    m = Emu.Machine.new("pc", memory="16M", accel=accel)
    m.start(paused=True)
    m.memory[0x7c00:0x7c00 + len(CODE)] = CODE
    regs = m.cpus[0].regs
    for name, value in {"cs": 0, "ds": 0, "ss": 0, "rsp": 0x7000, "rbx": 0, "eflags": 2, "rip": 0x7c00}.items():
        regs[name] = value
    return m


def accels():
    return ["jit", "interp"] + (["kvm", "kvm,kernel-irqchip=split", "kvm,kernel-irqchip=off"] if os.access("/dev/kvm", os.R_OK | os.W_OK) else [])


def each_accel(test):
    def run():
        for accel in accels():
            with machine(accel) as m:
                test(m, m.cpus[0])

    run.__name__ = test.__name__
    return run


@each_accel
def test_breakpoint_stops_before(m, cpu):
    bp = cpu.breakpoint(0x7c0a)
    assert m.run(timeout=600) is bp
    equal((cpu.pc, cpu.regs.rbx, bp.hits), (0x7c0a, 1, 1))
    assert m.run(timeout=600) is bp
    equal((cpu.regs.rbx, cpu.regs.rcx), (2, 4))
    bp.enabled = False
    end = m.breakpoint(0x7c0e)
    assert m.run(timeout=600) is end
    equal(bp.hits, 5)


@each_accel
def test_condition_is_asked(m, cpu):
    bp = m.breakpoint(0x7c0a, lambda: cpu.regs.rbx == 4)
    assert m.run(timeout=600) is bp
    equal((cpu.regs.rbx, bp.hits), (4, 4))


@each_accel
def test_step(m, cpu):
    stop = cpu.step(3)
    equal((stop.reason, stop.pc, stop.cpu), ("step", 0x7c06, 0))
    bp = m.breakpoint(0x7c0a)
    equal(cpu.step(100).trigger, bp)
    bp.delete()
    equal(cpu.step(1000).reason, "step")
    equal(cpu.pc, 0x7c0f)


@each_accel
def test_step_of_a_halted_cpu(m, cpu):
    equal(cpu.step(1000).reason, "step")
    for count in (1, 100):
        stop = cpu.step(count)
        equal((stop.reason, stop.pc, stop.cpu, stop.trigger, m.state), ("halted", 0x7c0f, 0, None, "debug"))
    # IRQ 5 is vector 13, whose handler increments.
    m.memory[0x34:0x38] = bytes([0, 0x7d, 0, 0])
    m.memory[0x7d00] = 0x43
    for port, value in ((0x20, 0x11), (0x21, 8), (0x21, 4), (0x21, 1), (0x21, 0xdf)):
        m.io.write_u8(port, value)
    cpu.regs.eflags = 0x202
    pic = next(part for part in m.lookup("/machine/unattached").list_children() if part.type_name.endswith("i8259") and part["master"])
    equal(cpu.step().reason, "halted")
    pic.input(index=5).set(1)
    if pic.type_name == "kvm-i8259":
        m.breakpoint(0x7d00)  # it waits inside of KVM, and comes when the machine runs
        equal(m.run(timeout=600).pc, 0x7d00)
    else:
        equal((cpu.step().reason, cpu.pc), ("step", 0x7d01))


def test_step_of_a_cpu_that_was_not_started():
    with Emu.Machine.new("pc", memory="16M", smp=2) as m:
        m.start(paused=True)
        equal(m.cpus[1].step().reason, "halted")
        equal(m.cpus[0].step().reason, "step")


@each_accel
def test_watchpoint_stops_behind(m, cpu):
    watch = m.watchpoint(0x9000, 2)
    reads = m.watchpoint(0x9000, 2, "r")
    assert m.run(timeout=600) is watch
    equal((watch.hit_address, watch.value, watch.size, watch.is_write, cpu.pc), (0x9000, 1, 2, True, 0x7c0a))
    watch.delete()
    end = m.breakpoint(0x7c0e)
    assert m.run(timeout=600) is end
    equal((reads.hits, m.memory.read_u16(0x9000)), (0, 5))


@each_accel
def test_trace(m, cpu):
    m.breakpoint(0x7c0e)
    with cpu.trace() as pcs:
        m.run(timeout=600)
    equal(list(pcs), [0x7c00, 0x7c02] + [0x7c05, 0x7c06, 0x7c0a] * 5 + [0x7c0c])


@each_accel
def test_registers(m, cpu):
    cpu.regs.xmm3 = b"\x11" * 16
    equal(cpu.regs.ymm3, b"\x11" * 16 + bytes(16))
    cpu.regs.rdx = -1
    equal(cpu.regs["rdx"], (1 << 64) - 1)
    cpu.regs.ds = 0x1234
    equal(m.cpus[0].regs.ds, 0x1234)
    for name, value, code in (("rax", 1 << 64, "BAD_VALUE"), ("nonsense", 1, "NOT_FOUND"), ("cr0", 1, "READ_ONLY"), ("xmm0", b"1", "BAD_VALUE"),
                              ("rax", "x", "BAD_VALUE"), ("rax", None, "BAD_VALUE")):
        with raises(Emu.Error, getattr(Emu.Error, code), name):
            cpu.regs[name] = value
    m.start()
    with raises(Emu.Error, Emu.Error.WRONG_STATE, "rax"):
        cpu.regs.rax = 1


def test_system_call_of_linux():
    with linux(Emu, append="nokaslr") as m:
        m.start(paused=True)
        console = m["serial0"]
        console.expect("guest# ", timeout=600)
        console.send("grep -w __x64_sys_newuname /proc/kallsyms\n")
        address = int(console.expect(r"([0-9a-f]{16}) [Tt] __x64_sys_newuname", timeout=600)[1], 16)
        console.expect("guest# ", timeout=600)
        bp = m.breakpoint(address)
        console.send("uname -r\n")
        assert m.run(timeout=600) is bp
        cpu = m.cpus[0]
        regs = int.from_bytes(cpu.memory[cpu.regs.rdi + 15 * 8:cpu.regs.rdi + 16 * 8], "little")
        equal(regs, 63)  # orig_ax in pt_regs: the number of uname
        where = int.from_bytes(cpu.memory[cpu.regs.rdi + 14 * 8:cpu.regs.rdi + 15 * 8], "little")
        watch = m.watchpoint(where, 65, "w")
        assert m.run(timeout=600) is watch
        watch.delete()
        bp.delete()
        console.expect(r"\d+\.\d+.*\n", timeout=600)


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
