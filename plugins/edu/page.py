#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes a file out of a page whose blocks build it: page.py PAGE FILE OUTPUT

The device is the one that docs/device-in-fifteen-minutes.md develops; there is no second copy that could differ."""

import re
import sys

page, name, output = sys.argv[1:4]
blocks = re.findall(r"^```c " + re.escape(name) + r"\n(.*?)^```$", open(page).read(), flags=re.M | re.S)
if not blocks:
    sys.exit(f"{page} has no block of {name}")
with open(output, "w") as out:
    out.write("\n".join(blocks))
