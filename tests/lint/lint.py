#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""emu-lint finds each mistake, names it, and finds nothing else."""
import os
import re
import subprocess
import sys

LINT, MODULE = sys.argv[1:3]
# Claims that fail, and what the report says about it. A crash takes the rest of its type's claims with it.
EXPECTED = {
    "none": ({}, ""),
    "leak": ({"life"}, "each round leaves"),
    "held": ({"life", "properties", "unplug"}, "it is still there after unrealize"),
    "child": ({"life"}, "objects of the machine into"),
    "crash": ({"ends"}, "crashed: Aborted"),
    "hang": ({"ends"}, "no answer within 5 seconds"),
    "state": ({"state"}, "saved, loaded and saved again it is not the same"),
    "look": ({"inspection"}, "looking at its registers changes it"),
    "mute": ({"properties"}, "setting=255 is refused without a reason"),
    "still-mapped": ({"life"}, "stays mapped"),
    "undescribed": ({"described"}, "has no description"),
}

print(f"1..{len(EXPECTED) + 1}")
failed = False
for number, (name, (claims, text)) in enumerate(EXPECTED.items(), 1):
    done = subprocess.run([LINT, "--timeout", "5" if name == "hang" else "100", "--rounds", "400", "--accesses", "4000",
                           "--plugin-dir", os.path.dirname(MODULE), f"bad-{name}"], capture_output=True, text=True, check=False)
    found = set(re.findall(rf"^not ok \d+ - bad-{name}/(\S+)", done.stdout, re.M))
    # What stays mapped is an object that stays, too.
    good = set(claims) <= found and (name in ("held", "still-mapped") or found == set(claims)) and text in done.stdout
    good &= done.returncode == (1 if claims else 0)
    print(f"{'ok' if good else 'not ok'} {number} - lint/{name}")
    if not good:
        failed = True
        print("".join(f"# {line}\n" for line in [f"status {done.returncode}, expected {claims} and '{text}'", *done.stdout.splitlines(), *done.stderr.splitlines()]))

done = subprocess.run([LINT, "/nowhere/x.so", "no-such-type"], capture_output=True, text=True, check=False)
good = done.returncode == 1 and done.stdout.count("not ok") == 2
failed |= not good
print(f"{'ok' if good else 'not ok'} {len(EXPECTED) + 1} - lint/nothing-there")
sys.exit(1 if failed else 0)
