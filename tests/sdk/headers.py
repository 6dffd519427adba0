#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each function that the SDK exports is explained: on its line, over it or its group in the header, or over its definition."""

import re
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent.parent
DECLARATION = re.compile(r"EMU_(?:TEST_)?AVAILABLE_IN_\d+_\d+ .*?\b(emu_\w+)\(")


def unexplained(header, defined):
    """A group ends at an empty line or a heading ("/* ---- life ---- */")."""
    explained = False
    for line in header.read_text(encoding="utf-8").split("\n"):
        declaration = DECLARATION.match(line)
        if declaration:
            name = declaration.group(1)
            if not (explained or "/*" in line or name in defined or name.endswith("_error_quark")):
                yield name
        elif not line.strip() or re.match(r"/\* -{4}", line):
            explained = False
        elif line.rstrip().endswith("*/"):
            explained = not line.startswith(("}", "    "))


sources = [p for folder in ("core", "sdk/test") for p in (SOURCE / folder).rglob("*.c")]
defined = {name for p in sources for name in re.findall(r"^ \* (emu_\w+):", p.read_text(encoding="utf-8"), re.M)}
headers = sorted((SOURCE / "sdk" / "emu").glob("*.h"))
print(f"1..{len(headers)}")
failed = False
for number, header in enumerate(headers, 1):
    missing = list(unexplained(header, defined))
    failed |= bool(missing)
    print(f"{'not ok' if missing else 'ok'} {number} - sdk/headers/{header.name}")
    print("".join(f"# {name} has no comment\n" for name in missing), end="")
sys.exit(failed)
