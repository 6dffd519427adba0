# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two guests, a serial cable between their second ports."""

from guest import linux

with linux(serial=["script", "script"]) as a, linux(serial=["script", "script"]) as b:
    for m in a, b:
        m.start()
    for m in a, b:
        m["serial0"].expect("guest# ", timeout=600)
    a["serial1"].link(b["serial1"])
    b["serial0"].send("head -n 1 /dev/ttyS1\n")
    a["serial0"].send("while sleep 1; do echo greetings-from-a; done >/dev/ttyS1 &\n")
    print("b reads:", b["serial0"].expect(r"greetings-\S+", timeout=600)[0])
