#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each plugin's README names what the plugin has, and nothing that it has not: its types, their own properties, and in the tables of its
sections about properties only properties and types that there are. What it says of them is for people to check."""

import json
import re
import subprocess
import sys
from pathlib import Path

INSPECT, PLUGINS, SOURCE = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
# Versions of a board are said in a sentence; a CPU has a property for each of CPUID's bits and a type for each model.
VERSION = re.compile(r"-\d+\.\d+-machine$")
UNNAMED = {"cpu-x86"}


def sections(text):
    return re.findall(r"^## (Properties|kvm)[^\n]*\n(.*?)(?=^## |\Z)", text, re.M | re.S)


def check(name, text):
    types = json.loads(subprocess.run([INSPECT, "--json", str(PLUGINS / f"{name}.so")], capture_output=True, text=True, check=True).stdout)["types"]
    have = {p["name"] for t in types for p in t.get("properties", [])} | {t["name"] for t in types}
    words = set(re.findall(r"[A-Za-z0-9_.-]*[A-Za-z0-9_]", text))
    named = set(re.findall(r"[A-Za-z0-9_.-]+", " ".join(re.findall(r"`([^`]+)`", text))))
    for t in types if name not in UNNAMED else []:
        if t["name"] not in words and not VERSION.search(t["name"]):
            yield f"type {t['name']} is not named"
        for p in t.get("properties", []):
            if p.get("of") == t["name"] and p["name"] not in named:
                yield f"property {p['name']} of {t['name']} is not named"
    for _, section in sections(text):
        for row in re.findall(r"^\|([^|\n]*)\|", section, re.M):
            for word in re.findall(r"`([^`]+)`", row):
                if word not in have and word not in ("sse4.2",):
                    yield f"the table has '{word}', and the plugin has not"


plugins = sorted(p.parent for p in SOURCE.glob("plugins/*/README.md") if (PLUGINS / f"{p.parent.name}.so").exists())
print(f"1..{len(plugins)}")
failed = False
for number, plugin in enumerate(plugins, 1):
    problems = list(check(plugin.name, (plugin / "README.md").read_text(encoding="utf-8")))
    failed |= bool(problems)
    print(f"{'not ok' if problems else 'ok'} {number} - plugins/readme/{plugin.name}")
    print("".join(f"# {p}\n" for p in problems), end="")
sys.exit(failed)
