#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The version script of a library of ours, out of its headers: every name that EMU_AVAILABLE_IN_X_Y marks gets the
version EMU_X.Y, or EMU_ACCEL_X.Y when its header belongs to the accel tier.

symbol-map.py OUTPUT HEADER...          version script
symbol-map.py --names OUTPUT HEADER...  the names, one a line, with their versions
"""
import re
import sys
from pathlib import Path

ACCEL_TIER = {'kvm.h', 'tcg.h', 'tcg-ir.h'}
# What they declare is not in libemu-core.
OTHER_LIBRARIES = {'test-kit.h'}
MARK = re.compile(r'EMU_AVAILABLE_IN_(\d+)_(\d+)\s+([^;{]*?[;{)])', re.S)


def names_of(header):
    text = Path(header).read_text()
    text = re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)
    text = re.sub(r'^#.*(?:\\\n.*)*', '', text, flags=re.M)
    tier = 'EMU_ACCEL' if Path(header).name in ACCEL_TIER else 'EMU'
    for major, minor, declaration in MARK.findall(text):
        declared = re.match(r'G_DECLARE_\w+\(\s*\w+\s*,\s*(\w+)', declaration)
        if declared:
            name = declared[1] + '_get_type'
        elif '(' in declaration:
            name = re.search(r'(\w+)\s*\(', declaration)[1]
        else:
            name = re.search(r'(\w+)\s*(?:\[[^]]*\]\s*)*;', declaration)[1]
        yield name, f'{tier}_{major}.{minor}'


def main():
    args = sys.argv[1:]
    only_names = args[0] == '--names'
    output, headers = args[only_names], args[only_names + 1:]
    versions = {}
    for header in headers:
        if Path(header).name in OTHER_LIBRARIES:
            continue
        for name, version in names_of(header):
            versions.setdefault(version, set()).add(name)
    lines = []
    if only_names:
        lines = sorted(f'{name} {version}' for version, names in versions.items() for name in names)
    else:
        parents = {}
        for version in sorted(versions, key=lambda v: (v.rsplit('_', 1)[0], [int(n) for n in v.rsplit('_', 1)[1].split('.')])):
            tier = version.rsplit('_', 1)[0]
            lines.append(f'{version} {{')
            lines.append('  global:')
            lines += [f'    {name};' for name in sorted(versions[version])]
            lines.append(f'}}{" " + parents[tier] if tier in parents else ""};')
            parents[tier] = version
        # What the programs of this build share with the core, and nobody else.
        lines += ['EMU_PRIVATE {', '  global:', '    emu_*;', '  local:', '    *;', '};']
    Path(output).write_text('\n'.join(lines) + '\n')


main()
