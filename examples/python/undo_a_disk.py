# SPDX-License-Identifier: LGPL-2.1-or-later
"""Let a guest ruin its disk, and have it back: snapshots hold memory, devices and disks."""

import os
import tempfile

from guest import bare_with_disk, read_sector, write_sector

with tempfile.TemporaryDirectory() as folder:
    image = os.path.join(folder, "disk.img")
    with open(image, "wb") as f:
        f.write(b"".join(b"sector %05d" % n + bytes(500) for n in range(2048)))
    with bare_with_disk(image) as m:
        good = m.snapshot("good")
        for lba in range(0, 2048, 64):
            write_sector(m, lba, b"ruined".ljust(512, b"!"))
        print("after the accident:", read_sector(m, 64)[:12])
        ruined = m.snapshot("ruined")
        good.restore()
        print("as if nothing had been:", read_sector(m, 64)[:12])
        assert read_sector(m, 64).startswith(b"sector 00064")
        ruined.restore()
        assert read_sector(m, 64).startswith(b"ruined")
        print(f"kept for the way back: {ruined.size >> 10} KiB and {good.size >> 10} KiB")
        good.restore()
    with open(image, "rb") as f:
        assert b"ruined" not in f.read()
