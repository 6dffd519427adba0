# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands and events of QMP, without a socket."""

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

from guest import bare


async def main(m):
    print(m.qmp("query-version")["qemu"])
    for command in "cont", "system_reset", "stop":
        m.qmp(command)
    names = []
    async for event in m.events("RESUME", "RESET", "STOP"):
        names.append(event.name)
        if set(names) == {"RESUME", "RESET", "STOP"}:
            break
    print(names, m.qmp("query-status"))
    try:
        m.qmp("device_add", driver="no-such-device")
    except Emu.Error as error:
        print("refused:", error)
    else:
        raise AssertionError


with bare(b"\xeb\xfe") as machine:
    Emu.run(main(machine))
