#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""vapi.py VAPIGEN GIR OUTPUT: emu-1.0.vapi, with a namespace that is called Emu as everywhere else."""

import os
import subprocess
import sys
import tempfile

vapigen, gir, output = sys.argv[1:]
with tempfile.TemporaryDirectory() as folder:
    name = os.path.basename(output).removesuffix(".vapi")
    subprocess.run([vapigen, "--quiet", f"--library={name}", f"--directory={folder}", "--pkg=gio-2.0", gir], check=True)
    with open(os.path.join(folder, os.path.basename(output))) as f:
        text = f.read()
# It calls the namespace after the first prefix of its C types.
text = text.replace("namespace EmuScript {", "namespace Emu {").replace("EmuScript.", "Emu.")
with open(output, "w") as f:
    f.write(text)
