#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""emu-lint finds each mistake, names it, and finds nothing else."""
import os
import re
import subprocess
import sys
import tempfile

LINT, MODULE = sys.argv[1:3]
SOCKET = os.path.join(tempfile.mkdtemp(prefix="emu-lint-"), "socket")
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
    "chardev-bad-none": (set(), ""),
    "chardev-bad-leak": ({"life"}, "bytes behind"),
    "chardev-bad-fd": ({"life"}, "file descriptors open"),
    "chardev-bad-lose": ({"output"}, "others arrive than were written"),
    "chardev-bad-stuck": ({"output"}, "that were written arrive, and no more come"),
    "chardev-bad-long": ({"output"}, "bytes returns"),
    "chardev-bad-flood": ({"input"}, "come to a front end that can take"),
    "chardev-bad-deaf": ({"input"}, "that were sent arrive, and no more come"),
    "chardev-bad-silent": ({"hang-up"}, "the peer has gone, and the front end is not told"),
    "chardev-bad-hasty": ({"hang-up"}, "of the last 100 bytes before the peer hung up 0 arrive"),
    "chardev-bad-keep": ({"reopen"}, "the next peer does not get what is written for it"),
    "chardev-bad-after": ({"callbacks", "ends"}, "crashed"),
    "block-driver-bad-none": (set(), ""),
    "block-driver-bad-leak": ({"life"}, "bytes behind"),
    "block-driver-bad-options": ({"options"}, "is taken"),
    "block-driver-bad-edge": ({"contents"}, "are not what was written"),
    "block-driver-bad-forget": ({"keeps"}, "does not hold what was written before it was closed"),
    "block-driver-bad-believe": ({"damage", "ends"}, "crashed"),
    "block-driver-bad-mute": ({"damage"}, "a damaged image is refused without a reason"),
    "block-driver-bad-sure": ({"probe"}, "a probe says 200, expected 0 to 100"),
}


def arguments(name):
    """A back end with a mistake is asked for the claim that finds it: others fail as well, some after a long wait."""
    if not name.startswith(("chardev-", "block-driver-")):
        return [f"bad-{name}"]
    claim = [option for c in sorted(EXPECTED[name][0])[:1] for option in ("--claim", c)]
    return [*claim, "--set", f"chardev-{name.removeprefix('chardev-')}:path={SOCKET}", name]


print(f"1..{len(EXPECTED) + 1}")
failed = False
for number, (name, (claims, text)) in enumerate(EXPECTED.items(), 1):
    done = subprocess.run([LINT, "--timeout", "5" if name == "hang" else "1000", "--rounds", "400", "--accesses", "4000",
                           "--plugin-dir", os.path.dirname(MODULE), *arguments(name)], capture_output=True, text=True, check=False)
    found = set(re.findall(rf"^not ok \d+ - {arguments(name)[-1]}/(\S+)", done.stdout, re.M))
    expected = {"ends"} if "ends" in claims else set(claims)
    # What stays mapped is an object that stays, too.
    good = expected <= found and (name in ("held", "still-mapped") or found == expected) and text in done.stdout
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
