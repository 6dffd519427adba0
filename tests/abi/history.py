#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plugin that was built with any SDK since 1.0 was frozen loads and works in this emu.

The headers come out of the repository's history: those of the last commit of every SDK version, and of every state of
sdk/emu (a dozen spread evenly, when there are more) since the commit that added the baseline in this folder.
"""
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'machine'))
import harness
from harness import Failure, Skip

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
BUILD = Path(harness.BUILD).resolve()
MOST = 12


def git(*args):
    done = subprocess.run(['git', '-C', str(SOURCE), *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f'git {args[0]}: {done.stderr.strip()}')
    return done.stdout


def sdk_version(commit):
    text = git('show', f'{commit}:sdk/emu/macros.h')
    return tuple(int(re.search(rf'EMU_SDK_{part} (\d+)', text)[1]) for part in ('MAJOR', 'MINOR'))


def states():
    """(commit, version), oldest first."""
    frozen = git('log', '--diff-filter=A', '--format=%H', '--', 'tests/abi/symbols.txt').split()
    if not frozen:
        raise Skip('the baseline is in no commit yet')
    since = [frozen[-1]] + git('log', '--reverse', '--format=%H', f'{frozen[-1]}..HEAD', '--', 'sdk/emu').split()
    versions = {commit: sdk_version(commit) for commit in since}
    last = {version: commit for commit, version in versions.items()}
    step = max(1, -(-len(since) // MOST))
    chosen = sorted({*since[::step], *last.values()}, key=since.index)
    return [(commit, versions[commit]) for commit in chosen]


def build(folder, commit):
    archive = subprocess.run(['git', '-C', str(SOURCE), 'archive', commit, 'sdk/emu'], capture_output=True, check=True).stdout
    subprocess.run(['tar', '-x', '-C', str(folder)], input=archive, check=True)
    flags = subprocess.run(['pkg-config', '--cflags', 'glib-2.0', 'gobject-2.0', 'pixman-1'], capture_output=True, text=True, check=True).stdout.split()
    out = folder / 'plugins/sample.so'
    out.parent.mkdir()
    subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-w', f'-I{folder}/sdk', *flags, '-o', str(out), str(HERE / 'sample.c'), f'-L{BUILD}',
                    '-lemu-core-1', '-lglib-2.0', '-lgobject-2.0'], check=True)
    return out.parent


def works(commit):
    def test():
        with tempfile.TemporaryDirectory() as name:
            plugins = build(Path(name), commit)
            env = {**os.environ, 'EMU_PLUGIN_PATH': f'{plugins}:{BUILD}/plugins', 'XDG_CACHE_HOME': name}
            with harness.Emu('--plugin-dir', str(plugins), '-M', 'pc', '-m', '64', '-device', 'sample,id=s,answer=41,irq=10', '-S') as emu:
                qmp = emu.qmp()
                if qmp.command('qom-get', path='/machine/peripheral/s', property='answer')['return'] != 41:
                    raise Failure('property answer is not 41')
                # ports 0x2e0: what was set plus one; 0x2e1: the interrupt, then the timer's count
                if '0x2a' not in emu.hmp('i /1bx 0x2e0'):
                    raise Failure(f'port 0x2e0: {emu.hmp("i /1bx 0x2e0")}')
                emu.hmp('o /1bx 0x2e1 1')
                emu.hmp('system_reset')
                if 'sample' not in emu.hmp('info qtree') or emu.stderr():
                    raise Failure(emu.stderr() or 'not in info qtree')
            subprocess.run([str(BUILD / 'tools/emu-inspect'), 'sample'], env=env, check=True, stdout=subprocess.DEVNULL)
    return test


try:
    tests = [(f'abi/history/sdk-{major}.{minor}-{commit[:10]}', works(commit)) for commit, (major, minor) in states()]
except Skip as reason:
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)
harness.run(tests)
