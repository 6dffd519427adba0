#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts TAP points in meson's testlog.json; prints skip reasons, failures, and 'N passed, N failed, N skipped'."""

import json
import re
import sys

POINT = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*?)(?:\s*#\s*(SKIP|TODO)\b\s*(.*))?$", re.IGNORECASE)


def main(path):
    passed = failed = skipped = 0
    for line in open(path, encoding="utf-8"):
        test = json.loads(line)
        result = test["result"]
        before = failed
        points = 0
        for text in test.get("stdout", "").splitlines():
            match = POINT.match(text)
            if not match:
                continue
            points += 1
            negative, name, directive, reason = match.groups()
            if directive and directive.upper() == "SKIP":
                skipped += 1
                print(f"skipped: {test['name']}: {name}: {reason}")
            elif negative:
                failed += 1
                print(f"failed: {test['name']}: {name}")
            else:
                passed += 1
        if result in ("FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS") and failed == before:
            failed += 1
            print(f"failed: {test['name']}: {result}")
        elif not points and result == "OK":
            passed += 1
        elif not points and result == "SKIP":
            skipped += 1
            print(f"skipped: {test['name']}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


sys.exit(main(sys.argv[1]))
