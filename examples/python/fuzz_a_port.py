# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random writes to a device's ports, each round from the same state. The seed makes a round again."""

import random
import sys

from guest import bare

PORTS = [0x3F8 + i for i in range(8)]  # the first serial port
seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1

with bare(b"\xeb\xfe") as m:
    start = m.snapshot("start")
    for round in range(seed, seed + 20):
        rng = random.Random(round)
        for _ in range(200):
            port, value = rng.choice(PORTS), rng.getrandbits(8)
            m.io.write_u8(port, value) if rng.random() < 0.7 else m.io.read_u8(port)
        m.run(until=m.virtual_time("1ms"))
        assert m.cpus[0].pc == 0x7C00, f"round {round}: the CPU went astray"
        assert m.qmp("query-status")["status"] == "debug", f"round {round}"
        start.restore()
    print("20 rounds of 200 accesses, and the machine stands")
