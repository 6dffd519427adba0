#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The promise to plugins that exist: what SDK 1.0 exports and how its structs lie in memory.

abi.py check BUILD          TAP: compares the build with the baseline in this folder
abi.py update BUILD         writes the baseline anew; refuses when that would break a plugin that exists
abi.py update BUILD --break the same, when the SDK's major version changes

symbols.txt      every exported function and variable with version and signature
structs.txt      size, and offset and type of every member, of every struct that the headers show; enum values
types.txt        what emu-inspect says about every type: properties, PCI ids, saved state
gir.txt          what GObject-Introspection shows
emu-core-1.abi.xz  libabigail's own description, for abidiff
"""
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
HEADERS = SOURCE / 'sdk'
# The accel tier is locked to the exact minor version; scripting headers have no structs to lay out.
ACCEL = {'tcg.h', 'tcg-ir.h', 'kvm.h'}
# Made by the core only, or carrying their own size: these may get longer.
GROWABLE = {'EmuPluginInfo', 'EmuPluginRefusal', 'EmuPropertyInfo', 'EmuRegisterInfo', 'EmuRegisterFieldInfo', 'EmuTestWatch',
            'EmuRegisterBank', 'EmuRegister', 'EmuRegisterField', 'EmuLintOptions'}
ABIDW = ['abidw', '--headers-dir', str(HEADERS / 'emu'), '--drop-private-types', '--no-corpus-path', '--no-comp-dir-path',
         '--type-id-style', 'hash']


class Skip(Exception):
    pass


def need(*tools):
    for tool in tools:
        if not shutil.which(tool):
            raise Skip(f'{tool} is not installed')


class Dump:
    """libabigail's XML, with types as text."""

    def __init__(self, path):
        self.root = ET.parse(path).getroot()
        self.types = {e.get('id'): e for e in self.root.iter() if e.get('id')}

    def type_text(self, type_id, depth=0):
        e = self.types.get(type_id)
        if e is None or depth > 20:
            return 'void' if type_id is None else '?'
        inner = lambda: self.type_text(e.get('type-id'), depth + 1)
        if e.tag == 'pointer-type-def':
            return inner() + ' *'
        if e.tag == 'qualified-type-def':
            return ('const ' if e.get('const') == 'yes' else '') + ('volatile ' if e.get('volatile') == 'yes' else '') + inner()
        if e.tag == 'array-type-def':
            return inner() + ''.join(f'[{s.get("length")}]' for s in e.iter('subrange'))
        if e.tag == 'function-type':
            return f'{self.type_text(e.find("return").get("type-id"), depth + 1)} ({self.parameters(e, depth + 1)})'
        name = e.get('name') or 'anonymous'
        return name[1:] if name.startswith('_Emu') else name

    def parameters(self, e, depth=0):
        return ', '.join('...' if p.get('is-variadic') == 'yes' else self.type_text(p.get('type-id'), depth) for p in e.findall('parameter'))


def abidw(library, *more):
    with tempfile.NamedTemporaryFile(suffix='.abi') as out:
        subprocess.run([*ABIDW, *more, '--out-file', out.name, str(library)], check=True)
        return Path(out.name).read_text()


def exported_versions(library):
    lines = subprocess.run(['nm', '-D', '--defined-only', str(library)], capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(line.split()[2].split('@@') for line in lines if '@@EMU_' in line and '@@EMU_PRIVATE' not in line)


def library_of(build):
    return (Path(build) / 'libemu-core-1.so').resolve()


def dump_symbols(build, text):
    with tempfile.NamedTemporaryFile('w', suffix='.abi') as f:
        f.write(text)
        f.flush()
        dump = Dump(f.name)
    signatures = {}
    for e in dump.root.iter('function-decl'):
        if e.get('elf-symbol-id') or e.get('name') not in signatures:
            signatures[e.get('name')] = f'{dump.type_text(e.find("return").get("type-id"))} ({dump.parameters(e)})'
    for e in dump.root.iter('var-decl'):
        if e.get('elf-symbol-id'):
            signatures[e.get('name')] = dump.type_text(e.get('type-id'))
    return {name: f'{version} {signatures.get(name, "?")}' for name, version in exported_versions(library_of(build)).items()
           }


def compile_probe(folder):
    """All public headers in one object with every type's debug information."""
    headers = sorted(p.name for p in (HEADERS / 'emu').glob('*.h'))
    source, out = Path(folder) / 'probe.c', Path(folder) / 'probe.so'
    source.write_text(''.join(f'#include <emu/{h}>\n' for h in headers) + 'int probe(void);\nint probe(void) { return 0; }\n')
    flags = subprocess.run(['pkg-config', '--cflags', 'gobject-2.0', 'pixman-1'], capture_output=True, text=True, check=True).stdout.split()
    subprocess.run(['gcc', '-g', '-fno-eliminate-unused-debug-types', '-shared', '-fPIC', f'-I{HEADERS}', *flags, str(source), '-o', str(out)],
                   check=True)
    return out


def dump_structs():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'probe.abi'
        path.write_text(abidw(compile_probe(folder), '--load-all-types'))
        dump = Dump(path)
    out = {}
    for e in dump.root.iter('class-decl'):
        name = (e.get('name') or '').lstrip('_')
        if not name.startswith('Emu') or e.get('is-declaration-only') == 'yes' or Path(e.get('filepath') or '').name in ACCEL:
            continue
        members = {}
        for m in e.findall('data-member'):
            v = m.find('var-decl')
            members[v.get('name')] = f'{int(m.get("layout-offset-in-bits")) / 8:g} {dump.type_text(v.get("type-id"))}'
        out[f'struct {name}'] = {'size': str(int(e.get('size-in-bits')) // 8), **members}
    for e in dump.root.iter('enum-decl'):
        values = {v.get('name'): v.get('value') for v in e.findall('enumerator')}
        first = next(iter(values), '')
        if first.startswith('EMU_') and Path(e.get('filepath') or '').name not in ACCEL:
            named = e.get('name') if not (e.get('name') or '__').startswith('__') and e.get('is-anonymous') != 'yes' else f'of {first}'
            out[f'enum {named}'] = values
    return out


def dump_types(build):
    """One line per fact, so that a diff reads well."""
    env = {**os.environ, 'EMU_PLUGIN_SYSTEM_PATH': str(Path(build) / 'plugins'), 'EMU_PLUGIN_PATH': ''}
    inspect = str(Path(build) / 'tools/emu-inspect')
    listed = json.loads(subprocess.run([inspect, '--json'], capture_output=True, text=True, env=env, check=True).stdout)
    out = {}
    for plugin in listed['plugins']:
        full = json.loads(subprocess.run([inspect, '--json', plugin['file']], capture_output=True, text=True, env=env, check=True).stdout)
        for t in full['types']:
            if 'cpu' in t.get('parents', []) and not t['name'].endswith('qemu64-x86_64-cpu'):
                continue  # the models differ in their defaults only
            facts = {'parents': ' '.join(t.get('parents', [])), 'plugin': plugin['name']}
            for key in ('bus', 'abstract', 'user-creatable', 'hotpluggable'):
                if key in t:
                    facts[key] = str(t[key])
            if 'pci' in t:
                facts['pci'] = ' '.join(f'{k}={v}' for k, v in t['pci'].items())
            for p in t.get('properties', []):
                facts[f'property {p["name"]}'] = f'{p["type"]} default {p.get("default", "-")}'
            if 'vmstate' in t:
                facts['state'] = f'version {t["vmstate"]["version"]} from {t["vmstate"]["minimum-version"]}'
            out[f'type {t["name"]}'] = facts
    return out


GIR = {'c': 'http://www.gtk.org/introspection/c/1.0', 'g': 'http://www.gtk.org/introspection/core/1.0', 's': 'http://www.gtk.org/introspection/glib/1.0'}


def gir_type(e):
    """Type of a parameter, a return value or a property."""
    inner = e.find('g:array', GIR)
    if inner is not None:
        return f'array of {gir_type(inner)}'
    inner = e.find('g:type', GIR)
    return inner.get('name', '?') if inner is not None else '...' if e.find('g:varargs', GIR) is not None else '?'


def gir_signature(e):
    parameters = [f'{gir_type(p)} {p.get("name")}' for p in e.findall('g:parameters/g:parameter', GIR)]
    returned = e.find('g:return-value', GIR)
    return f'{gir_type(returned) if returned is not None else "none"} ({", ".join(parameters)}){" throws" if e.get("throws") == "1" else ""}'


def dump_gir(build):
    path = next(iter(Path(build).glob('**/Emu-1.0.gir')), None)
    if not path:
        return {}
    out = {}
    for top in ET.parse(path).getroot().find('g:namespace', GIR):
        tag, facts = top.tag.split('}')[1], {}
        if not top.get('name'):
            continue
        for e in top:
            kind = e.tag.split('}')[1]
            if kind in ('method', 'function', 'constructor', 'virtual-method') and e.get('introspectable') != '0':
                facts[f'{kind} {e.get("name")}'] = gir_signature(e)
            elif kind in ('property', 'field') and e.get('private') != '1':
                facts[f'{kind} {e.get("name")}'] = gir_type(e)
            elif kind == 'signal':
                facts[f'signal {e.get("name")}'] = gir_signature(e)
            elif kind == 'member':
                facts[f'member {e.get("name")}'] = e.get('value')
        if tag == 'function':
            facts['signature'] = gir_signature(top)
        out[f'{tag} {top.get("name")}'] = facts
    return out


# ---- files ---------------------------------------------------------------------------------------------------

def write_tree(path, tree):
    path.write_text(''.join(f'{head}\n' + ''.join(f'    {k}: {v}\n' for k, v in facts.items()) for head, facts in sorted(tree.items())))


def read_tree(path):
    tree = {}
    for line in path.read_text().splitlines():
        if line.startswith('    '):
            key, value = line.strip().split(': ', 1) if ': ' in line else (line.strip().rstrip(':'), '')
            facts[key] = value
        else:
            facts = tree[line] = {}
    return tree


def write_flat(path, names):
    path.write_text(''.join(f'{name} {text}\n' for name, text in sorted(names.items())))


def read_flat(path):
    return dict(line.split(' ', 1) for line in path.read_text().splitlines())


# ---- rules ------------------------------------------------------------------------------------------------------

def broken_symbols(old, new):
    for name, text in old.items():
        if name not in new:
            yield f'{name} is no longer exported'
        elif new[name] != text and not text.startswith('EMU_ACCEL'):
            yield f'{name} was {text}, is {new[name]}'


def span(facts, name):
    """Bytes that a reserved array takes."""
    offset, text = facts[name].split(' ', 1)
    return float(offset), float(offset) + 8 * int(re.search(r'\[(\d+)\]', text)[1])


def is_free_bit(facts, at):
    """A bit behind the last bit-field of a byte: nobody set it, an initializer made it 0."""
    known = [float(value.split(' ', 1)[0]) for key, value in facts.items() if key != 'size']
    return at % 1 > 0 and any(k % 1 > 0 and int(k) == int(at) for k in known) and all(k < at for k in known if int(k) == int(at))


def broken_structs(old, new):
    for head, facts in old.items():
        now = new.get(head)
        if now is None:
            yield f'{head} is gone'
            continue
        kind, name = head.split(' ', 1)
        for key, value in facts.items():
            if key.startswith('_reserved') or now.get(key) == value or re.search(r'_(N|LAST)$', key):
                continue
            if key == 'size' and kind == 'struct' and name in GROWABLE and int(now.get('size', 0)) >= int(value):
                continue
            yield f'{head}: {key} was {value}, is {now.get(key, "gone")}'
        if kind == 'struct' and name not in GROWABLE:
            room = span(facts, '_reserved') if '_reserved' in facts else None
            for key, value in now.items():
                if key in facts or key.startswith('_reserved'):
                    continue
                at = float(value.split(' ', 1)[0])
                if is_free_bit(facts, at):
                    continue
                if not room or not room[0] <= at < room[1]:
                    yield f'{head}: new member {key} does not lie in its reserved slots'


def broken_types(old, new):
    for head, facts in old.items():
        now = new.get(head)
        if now is None:
            yield f'{head} is gone'
            continue
        for key, value in facts.items():
            if key.startswith('property ') and (key not in now or now[key].split(' default ')[0] != value.split(' default ')[0]):
                yield f'{head}: {key} was {value}, is {now.get(key, "gone")}'
            elif key == 'pci' and now.get(key) != value:
                yield f'{head}: PCI ids were {value}, are {now.get(key)}'
            elif key == 'state' and int(now.get(key, 'version 0').split()[1]) < int(value.split()[1]):
                yield f'{head}: saved state was {value}, is {now.get(key, "gone")}'


def broken_gir(old, new):
    for head, facts in old.items():
        now = new.get(head)
        if now is None:
            yield f'{head} is gone'
            continue
        for key, value in facts.items():
            if now.get(key) != value and not key.startswith('field _reserved'):
                yield f'{head}: {key} was {value}, is {now.get(key, "gone")}'


def collect(build):
    need('abidw', 'gcc', 'pkg-config', 'nm')
    abi = abidw(library_of(build))
    return {'symbols.txt': dump_symbols(build, abi), 'structs.txt': dump_structs(), 'types.txt': dump_types(build),
            'gir.txt': dump_gir(build)}, abi


RULES = {'symbols.txt': (broken_symbols, read_flat), 'structs.txt': (broken_structs, read_tree), 'types.txt': (broken_types, read_tree),
         'gir.txt': (broken_gir, read_tree)}


def breaks(name, now):
    rule, read = RULES[name]
    return list(rule(read(HERE / name), now)) if (HERE / name).exists() else []


def additions(name, now):
    before = RULES[name][1](HERE / name) if (HERE / name).exists() else {}
    return sorted(set(now) - set(before))


def abidiff(abi):
    need('abidiff')
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder) / 'old.abi', Path(folder) / 'new.abi'
        old.write_bytes(lzma.decompress((HERE / 'emu-core-1.abi.xz').read_bytes()))
        new.write_text(abi)
        done = subprocess.run(['abidiff', '--no-added-syms', '--suppressions', str(HERE / 'suppressions'), str(old), str(new)],
                              capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def report(number, name, problems):
    print(f'{"not ok" if problems else "ok"} {number} - {name}')
    for problem in problems[:40]:
        print(f'# {problem}')
    if len(problems) > 40:
        print(f'# and {len(problems) - 40} more')
    return bool(problems)


def check(build):
    print('1..5')
    try:
        now, abi = collect(build)
    except Skip as reason:
        for number in range(1, 6):
            print(f'ok {number} # SKIP {reason}')
        return 0
    failed = False
    for number, name in enumerate(RULES, 1):
        failed |= report(number, f'abi/{name.removesuffix(".txt")}', breaks(name, now[name]))
        new = additions(name, now[name])
        if new:
            print(f'# {len(new)} since the baseline (tests/abi/abi.py update adds them): {", ".join(new[:8])}{" ..." if len(new) > 8 else ""}')
    status, text = abidiff(abi)
    failed |= report(5, 'abi/abidiff', text.splitlines() if status else [])
    return int(failed)


def update(build, may_break):
    now, abi = collect(build)
    found = [problem for name in RULES for problem in breaks(name, now[name])]
    if found and not may_break:
        sys.exit('This would break plugins that exist:\n  ' + '\n  '.join(found) + '\n--break does it all the same.')
    write_flat(HERE / 'symbols.txt', now['symbols.txt'])
    write_tree(HERE / 'structs.txt', now['structs.txt'])
    write_tree(HERE / 'types.txt', now['types.txt'])
    if now['gir.txt']:
        write_tree(HERE / 'gir.txt', now['gir.txt'])
    (HERE / 'emu-core-1.abi.xz').write_bytes(lzma.compress(abi.encode(), preset=9))
    return 0


if sys.argv[1] == 'check':
    sys.exit(check(sys.argv[2]))
sys.exit(update(sys.argv[2], '--break' in sys.argv))
