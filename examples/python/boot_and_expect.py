# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boot, expect, type, read a register, keep the state."""

from guest import linux

with linux() as m:
    m.start()
    console = m["serial0"]
    console.expect("guest# ", timeout=600)
    console.send("uname -r\n")
    print("the guest runs Linux", console.expect(r"(\d+\.\d+\S*)\r\n", timeout=600)[1])
    m.pause()
    print(f"its CPU is at {m.cpus[0].regs.rip:#x}")
    print(m.snapshot("at the prompt"))
