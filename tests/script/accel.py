# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script can do with a machine that runs, under each accelerator that this host has."""

import os
import re
import sys

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

import tap
from tap import equal

# Real mode. Counts at 0x9000 and echoes what comes on the serial line; interrupt request 5 counts at 0x9100.
CODE = bytes([
    0xFB,                          # 7c00 sti
    0xFF, 0x06, 0x00, 0x90,        # 7c01 again: inc word [0x9000]
    0xBA, 0xFD, 0x03, 0xEC,        # 7c05 in al, 0x3fd
    0xA8, 0x01, 0x74, 0xF4,        # 7c09 test al, 1; jz again
    0xBA, 0xF8, 0x03, 0xEC,        # 7c0d in al, 0x3f8
    0x3C, ord("!"), 0x74, 0x05,    # 7c11 cmp al, '!'; je reset
    0xFE, 0xC0, 0xEE,              # 7c15 inc al; out dx, al
    0xEB, 0xE7,                    # 7c18 jmp again
    0xB0, 0x06, 0xBA, 0xF9, 0x0C, 0xEE,  # 7c1a reset: out 0xcf9, 6
    0xEB, 0xFE])
HANDLER = bytes([0xFF, 0x06, 0x00, 0x91, 0x50, 0xB0, 0x20, 0xE6, 0x20, 0x58, 0xCF])  # inc word [0x9100]; end of interrupt; iret


def accels():
    return ["jit", "interp"] + (["kvm", "kvm,kernel-irqchip=split", "kvm,kernel-irqchip=off"] if os.access("/dev/kvm", os.R_OK | os.W_OK) else [])


def machine(accel):
    m = Emu.Machine.new("pc", memory="16M", accel=accel)
    m.start(paused=True)
    m.memory[0x7C00:0x7C00 + len(CODE)] = CODE
    m.memory[0x8000:0x8000 + len(HANDLER)] = HANDLER
    m.memory.write_u32(4 * 0x0D, 0x8000)
    # The interrupt controllers, as firmware sets them up; all masked but number 5. The serial line: 8 bits.
    for port, value in ((0x20, 0x11), (0x21, 8), (0x21, 4), (0x21, 1), (0xA0, 0x11), (0xA1, 0x70), (0xA1, 2), (0xA1, 1), (0x21, 0xDF), (0xA1, 0xFF),
                        (0x3FB, 3), (0x3FC, 3)):
        m.io.write_u8(port, value)
    for name, value in {"cs": 0, "ds": 0, "ss": 0, "rsp": 0x7000, "eflags": 2, "rip": 0x7C00}.items():
        m.cpus[0].regs[name] = value
    return m


def each_accel(test):
    def run():
        if len(accels()) == 2:
            print("# KVM: skipped, /dev/kvm cannot be opened")
        for accel in accels():
            try:
                with machine(accel) as m:
                    m.accel = accel
                    test(m, m.cpus[0])
            except Exception as error:
                raise AssertionError(f"under {accel}: {error!r}") from error

    run.__name__ = test.__name__
    return run


def count(m):
    return m.memory.read_u16(0x9000)


def run_while(m, condition):
    """However slow the host is."""
    for _ in range(3000):
        if not condition():
            return
        m.run(until=m.virtual_time("5ms"), timeout=600)
    raise AssertionError("it never came")


@each_accel
def test_run_pause_step(m, cpu):
    equal(m.running, False)
    m.start()
    assert m.running
    m.pause()
    run_while(m, lambda: not count(m))
    before = count(m)
    run_while(m, lambda: count(m) == before)
    m.start()
    m.pause()
    before = count(m)
    equal(count(m), before)
    equal(cpu.step(3).reason, "step")
    equal(m.qmp("query-status")["running"], False)


@each_accel
def test_run_until(m, cpu):
    address = m.breakpoint(0x7C05)
    assert m.run(timeout=600) is address
    equal((cpu.pc, count(m)), (0x7C05, 1))
    address.delete()
    time = m.virtual_time("5ms")
    now = m.get_virtual_ns()
    assert m.run(until=[m.text("never"), time], timeout=600) is time
    assert m.get_virtual_ns() >= now + 5000000
    console = m["serial0"]
    console.send("GDKKN")
    text = m.text("HELLO")
    assert m.run(until=text, timeout=600) is text
    equal(console.text[-5:], "HELLO")
    equal(m.run(until=[0x7C05], timeout=600).address, 0x7C05)  # short for a breakpoint that is gone afterwards
    equal(m.run(timeout=0.05).reason, "timeout")
    console.send("GDKKN")
    equal(m.run(until=re.compile("HEL+O"), timeout=600).hits, 1)
    console.send("!")
    event = m.event("RESET")
    assert m.run(until=event, timeout=600) is event
    equal(m.run(timeout=0.01).reason, "timeout")


@each_accel
def test_expect_and_send(m, cpu):
    console = m["serial0"]
    m.start()
    for sent, back in ("HAL", "IBM"), ("VMS", "WNT"):
        console.send(sent)
        equal(console.expect(back, timeout=600)[0], back)

    async def later():
        console.send("HAL")
        return await console.expect("I(.)M", timeout=600)

    equal(Emu.run(later()), ["IBM", "B"])


@each_accel
def test_registers_and_memory(m, cpu):
    run_while(m, lambda: not count(m))
    cpu.regs.rip, cpu.regs.rax = 0x7C01, 0x1234
    equal((cpu.regs.rip, cpu.regs["rax"], cpu.pc), (0x7C01, 0x1234, 0x7C01))
    m.memory.write_u16(0x9000, 100)
    stop = m.breakpoint(0x7C05)
    assert m.run(timeout=600) is stop
    equal((count(m), cpu.memory[0x9000:0x9002]), (101, b"\x65\0"))


@each_accel
def test_watchpoints(m, cpu):
    write = m.watchpoint(0x9000, 2)
    assert m.run(timeout=600) is write
    equal((write.hit_address, write.value, write.size, write.is_write, cpu.pc), (0x9000, 1, 2, True, 0x7C05))
    assert write.pc == 0x7C01 or (write.pc == 0x7C05 and "kvm" in m.accel)  # a processor says where it is only
    write.delete()
    # Interrupts come while there are watchpoints; a page is not too much. Handlers that KVM's own local APIC calls are not watched.
    wide = m.watchpoint(0x9100, 0x1000, "rw")
    request(m).set(1)
    if m.accel in ("kvm", "kvm,kernel-irqchip=split"):
        run_while(m, lambda: not m.memory.read_u16(0x9100))
    else:
        assert m.run(timeout=600) is wide
        equal((wide.hit_address, wide.pc, m.memory.read_u16(0x9100)), (0x9100, 0x8000, 1))
    wide.delete()
    many = [m.watchpoint(0xA000 + 16 * i, 1, "w") for i in range(5)] + [m.watchpoint(0x9000, 1, "r")]
    assert m.run(timeout=600) is many[-1]
    equal(many[-1].is_write, False)


def request(m):
    pic = next(child for child in m.lookup("/machine/unattached").list_children() if "i8259" in child.type_name and child["master"])
    return pic.input(index=5)


@each_accel
def test_lines(m, cpu):
    line = request(m)
    seen = []
    m.observe(line, lambda line, level: seen.append(level))
    for n in 1, 2, 3:
        line.set(1)
        run_while(m, lambda: m.memory.read_u16(0x9100) < n)
        line.set(0)
        equal(m.memory.read_u16(0x9100), n)
    m.run(until=m.virtual_time("1ms"), timeout=600)
    equal(seen, [1, 0] * 3)


@each_accel
def test_taps(m, cpu):
    status, data = m.tap(0x3FD), m.tap(0x3F8)
    m["serial0"].send("a")
    m.run(until=m.text("b"), timeout=600)
    assert status.hits >= 1
    records = [(one.value, one.write, one.pc if one.write else 0, one.cpu) for one in data.take()]
    equal(records, [(ord("a"), False, 0, 0), (ord("b"), True, 0x7C17, 0)])
    stops = m.tap(0x3FD, stops=True)
    assert m.run(timeout=600) is stops


@each_accel
def test_timers(m, cpu):
    calls = []

    def tick(timer):
        calls.append(m.get_virtual_ns())
        if len(calls) < 3:
            timer.set(2000000)

    timer = m.timer(tick)
    timer.set(2000000)
    run_while(m, lambda: len(calls) < 3)
    equal(len(calls), 3)
    assert all(b - a >= 1990000 for a, b in zip(calls, calls[1:])), calls


@each_accel
def test_snapshots(m, cpu):
    run_while(m, lambda: not count(m))
    states = []
    for _ in range(3):
        cpu.step(20)
        states.append((m.snapshot(), count(m), cpu.pc, m.get_virtual_ns()))
    for snapshot, value, pc, now in states[1], states[2], states[0]:
        snapshot.restore()
        equal((count(m), cpu.pc, m.get_virtual_ns()), (value, pc, now))
        m["serial0"].send("a")
        m.run(until=m.text("b"), timeout=600)
        request(m).set(1)
        before = m.memory.read_u16(0x9100)
        run_while(m, lambda: m.memory.read_u16(0x9100) == before)
        request(m).set(0)
        equal(m.memory.read_u16(0x9100), before + 1)


@each_accel
def test_trace_and_screen(m, cpu):
    m.breakpoint(0x7C09)
    with cpu.trace() as pcs:
        m.run(timeout=600)
    equal(list(pcs), [0x7C00, 0x7C01, 0x7C05, 0x7C08])
    width, height = m.screen.size
    equal(len(m.screen.pixels), 3 * width * height)


if __name__ == "__main__":
    tap.main(sys.modules[__name__])
