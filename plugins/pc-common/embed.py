#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns a binary file into a C array: embed.py INPUT OUTPUT SYMBOL"""

import sys

data = open(sys.argv[1], 'rb').read()
with open(sys.argv[2], 'w') as out:
    out.write('/* Generated. */\nstatic const uint8_t %s[%d] = {\n' % (sys.argv[3], len(data)))
    for i in range(0, len(data), 16):
        out.write('    ' + ' '.join('0x%02x,' % b for b in data[i:i + 16]) + '\n')
    out.write('};\n')
