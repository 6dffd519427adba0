#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Assembles an option ROM and fills its checksums: build-rom.py NASM SOURCE OUTPUT"""

import os
import subprocess
import sys

nasm, source, output = sys.argv[1:4]
subprocess.run([nasm, '-f', 'bin', '-I', os.path.dirname(source) + '/', '-o', output, source], check=True)
rom = bytearray(open(output, 'rb').read())
if len(rom) % 512 or rom[2] * 512 != len(rom):
    sys.exit('%s: %d bytes do not match the size byte' % (source, len(rom)))
pnp = rom.index(b'$PnP')
rom[pnp + 9] = -sum(rom[pnp:pnp + 32]) & 0xff
rom[-1] = -sum(rom[:-1]) & 0xff
open(output, 'wb').write(rom)
