# SPDX-License-Identifier: LGPL-2.1-or-later
"""Three guests under one event loop: each coroutine waits for its own."""

import asyncio

import gi

gi.require_version("Emu", "1.0")
from gi.repository import Emu

from guest import linux


async def guest(number):
    with linux() as m:
        await m.start()
        await m["serial0"].expect("guest# ", timeout=600)
        m["serial0"].send(f"echo $(({number} * {number}))=\n")
        return int((await m["serial0"].expect(r"\n(\d+)=\r", timeout=600))[1])


async def main():
    squares = await asyncio.gather(*(guest(n) for n in (3, 4, 5)))
    print(squares)
    assert squares == [9, 16, 25]


Emu.run(main())
