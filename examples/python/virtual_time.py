# SPDX-License-Identifier: LGPL-2.1-or-later
"""Time of the machine: it stands when the machine stands, and timers keep to it."""

import time

from guest import bare

with bare(b"\xeb\xfe") as m:
    ticks = []

    def tick(timer):
        ticks.append(m.get_virtual_ns())
        timer.set(2_000_000)

    timer = m.timer(tick)
    timer.set(2_000_000)
    while len(ticks) < 3:  # at once, unless the host is busy elsewhere
        m.run(until=m.virtual_time("100ms"))
    print("ticks at", " ".join(f"{t / 1e6:.1f}" for t in ticks), "ms")
    assert all(b - a >= 2_000_000 for a, b in zip(ticks, ticks[1:]))
    before = m.time
    time.sleep(0.1)
    assert m.time == before, "the machine stands, and so does its time"
    stop = m.run(timeout=0.05)
    print(stop, f"after {m.time - before:.3f} s of its time")
    assert stop.reason == "timeout"
