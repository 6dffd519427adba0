# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the display shows, as text, as pixels, as a file."""

import os
import tempfile

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

with Emu.Machine.new("pc", memory="32M") as m:
    m.start(paused=True)
    for _ in range(300):
        m.run(until=m.virtual_time("100ms"))
        if "No bootable device" in (m.screen.text or ""):
            break
    print("\n".join(line for line in m.screen.text.splitlines() if line.strip()))
    assert "SeaBIOS" in m.screen.text
    width, height = m.screen.size
    pixels = m.screen.pixels
    colors = {pixels[i:i + 3] for i in range(0, len(pixels), 3)}
    print(f"{width} x {height} pixels of {len(colors)} colors, {m.screen.pixel(0, 0)} in the corner")
    with tempfile.TemporaryDirectory() as folder:
        m.screen.save_png(f"{folder}/bios.png")
        print(os.path.getsize(f"{folder}/bios.png"), "bytes of PNG")
