#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""emu.py EMU OUTPUT: the manual page emu.1, its options out of "emu -help"."""
import os
import re
import subprocess
import sys
from pathlib import Path

HEAD = r'''.\" SPDX-License-Identifier: LGPL-2.1-or-later
.TH EMU 1 "" "emu" "User Commands"
.SH NAME
emu \- a machine emulator made of plugins
.SH SYNOPSIS
.B emu
[\fIOPTION\fR]... [\fIDISK_IMAGE\fR]
.SH DESCRIPTION
Runs a machine: firmware and an operating system from disk images, or a kernel given with \fB\-kernel\fR. Devices, boards and CPUs are
plugins; \fB\-M help\fR, \fB\-device help\fR, \fB\-cpu help\fR and \fB\-device \fITYPE\fB,help\fR say what there is. Options are QEMU's where QEMU
has one, and may begin with one dash or two.
.SH OPTIONS
'''
TAIL = r'''.SH ENVIRONMENT
.TP
.B EMU_PLUGIN_PATH
Folders with plugins, separated by colons; searched after those of \fB\-plugin\-dir\fR.
.TP
.B EMU_PLUGIN_SYSTEM_PATH
Folders in place of the ones that emu was built or installed with.
.TP
.B EMU_PLUGIN_SCANNER
The program that opens plugins on trial; none when it is empty.
.SH FILES
.TP
.I $XDG_CACHE_HOME/emu/registry\-2
What is known about plugin files. It may be removed at any time.
.SH EXIT STATUS
0 when the guest or the user ended the machine, 1 when an option or a file was wrong, or what the guest asked for.
.SH SEE ALSO
.BR emu-inspect (1),
.BR emu-sdk (1),
.BR emu-lint (1)
'''


def escape(text):
    return text.replace('\\', r'\e').replace('-', r'\-').replace("'", r'\(aq')


def main():
    text = subprocess.run([sys.argv[1], '-help'], capture_output=True, text=True, check=True,
                          env={**os.environ, 'EMU_PLUGIN_SYSTEM_PATH': '', 'EMU_PLUGIN_PATH': ''}).stdout
    out = [HEAD]
    for line in text.splitlines():
        option = re.match(r'-(\S+)(?: (\S.*?))?(?:  +(.*))?$', line)
        if option:
            name, argument, what = option.groups()
            out.append('.TP\n' + r'\fB\-' + escape(name) + r'\fR' + (r' \fI' + escape(argument) + r'\fR' if argument else '') + '\n')
            if what:
                out.append(escape(what) + '\n')
        elif line.startswith('   ') and len(out) > 1:
            out.append(escape(line.strip()) + '\n')
    out.append(TAIL)
    Path(sys.argv[2]).write_text(''.join(out))


main()
