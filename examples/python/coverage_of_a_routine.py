# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which instructions a system call executes, and which it jumps over."""

from guest import linux

with linux(append="nokaslr") as m:
    m.start(paused=True)
    console = m["serial0"]
    console.expect("guest# ", timeout=600)
    console.send("grep -w __x64_sys_newuname /proc/kallsyms\n")
    start = int(console.expect(r"([0-9a-f]{16}) T __x64_sys_newuname", timeout=600)[1], 16)
    console.expect("guest# ", timeout=600)
    entry = m.breakpoint(start)
    console.send("uname -r\n")
    assert m.run(timeout=600) is entry
    cpu = m.cpus[0]
    back = m.breakpoint(int.from_bytes(cpu.memory[cpu.regs.rsp:cpu.regs.rsp + 8], "little"))
    with cpu.trace() as pcs:
        while m.run(timeout=600) is not back:
            pass
    seen = set(pcs)
    own = [line for line in cpu.disassemble(start, 30)]
    for line in own:
        print("*" if int(line.split(":")[0], 16) in seen else " ", line)
    print(f"{len(pcs)} instructions executed, {len(seen)} different ones")
    assert start in seen and len(seen) > 20
