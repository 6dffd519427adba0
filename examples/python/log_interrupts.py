# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which devices raise their lines while a guest boots, and how often."""

import collections

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

from guest import linux


def devices(top):
    for child in top.list_children():
        if isinstance(child, Emu.Device):
            yield child
        yield from devices(child)


with linux() as m:
    m.start(paused=True)
    taps = {line.path: m.observe(line) for device in devices(m.lookup("/machine")) for line in device.lines if line.is_output()}
    counts = collections.Counter()
    m["serial0"].expect("guest# ", timeout=600)
    for path, tap in taps.items():
        level = 0
        for change in tap.take():
            counts[path] += change.value and not level
            level = change.value
    for path, n in counts.most_common(8):
        print(f"{n:6} {path}")
    assert any("serial" in path or "rtc" in path or "pit" in path or "device" in path for path in counts), counts
