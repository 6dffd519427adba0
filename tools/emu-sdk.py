#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""emu-sdk: starts a plugin for emu from a template."""
import argparse
import os
import re
import sys
from pathlib import Path

SDK_VERSION = '1.0'
BUSES = ('isa', 'pci', 'i2c', 'spi', 'sysbus')
KINDS = ('device', 'board', 'cpu', 'block-driver', 'chardev')
LANGUAGES = ('c', 'python')
# What the templates' own identifiers cannot be called.
KEYWORDS = set('auto break case char const continue default do double else enum extern float for goto if inline int long '
               'register return short signed sizeof static struct switch typedef union unsigned void volatile while emu '
               'and as assert async await class def del elif except finally from global import in is lambda nonlocal not '
               'or pass raise try with yield none true false test tests '
               # Meson's own targets.
               'all benchmark clean cscope ctags dist etags install phony reconfigure uninstall'.split())


def fail(message):
    sys.exit(f'emu-sdk: {message}')


def template_root():
    """$EMU_SDK_TEMPLATES; share/emu-sdk-1/templates beside the bin folder that this script is in; the source tree."""
    here = Path(__file__).resolve().parent
    places = [Path(p) for p in [os.environ.get('EMU_SDK_TEMPLATES')] if p]
    places += [here.parent / 'share' / 'emu-sdk-1' / 'templates', here.parent / 'sdk' / 'templates']
    for place in places:
        if place.is_dir():
            return place
    fail('the templates are in none of: ' + ', '.join(map(str, places)))


def layers(root, lang, kind, bus):
    """Folders whose files make the new project; a later one wins."""
    special = root / lang / (f'{kind}-{bus}' if kind == 'device' else kind)
    if not special.is_dir():
        have = sorted(str(p.relative_to(root)) for p in root.glob('*/*') if p.is_dir() and p.name != 'common')
        fail(f'there is no template for --lang {lang} --kind {kind}{f" --bus {bus}" if kind == "device" else ""}; there are: {", ".join(have)}')
    return [layer for layer in (root / lang / 'common', special) if layer.is_dir()]


def substitute(text, values):
    return re.sub(r'@([A-Z_]+)@', lambda m: values.get(m[1], m[0]), text)


def new(args):
    if not re.fullmatch(r'[a-z][a-z0-9]*(-[a-z0-9]+)*', args.name) or len(args.name) > 32:
        fail(f"'{args.name}' is no name for a plugin: expected at most 32 of a-z, 0-9 and single '-', a letter first")
    if args.name.replace('-', '_') in KEYWORDS:
        fail(f"'{args.name}' cannot be the name: it means something in C, Python or Meson already")
    type_name = args.type or args.name
    if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._-]*', type_name):
        fail(f"'{type_name}' is no name for a type: expected letters, digits, '.', '_' and '-'")
    target = Path(args.directory or args.name)
    if target.exists() and any(target.iterdir()) if target.is_dir() else target.exists():
        fail(f"'{target}' is there already and not an empty folder")
    words = args.name.split('-')
    values = {
        'NAME': args.name,
        'TYPE': type_name,
        'CLASS': ''.join(w.capitalize() for w in words),
        'FUNC': '_'.join(words),
        'UPPER': '_'.join(words).upper(),
        'BUS': args.bus,
        'KIND': args.kind,
        'LICENSE': args.license,
        'SDK_VERSION': SDK_VERSION,
    }
    written = {}
    for layer in layers(template_root(), args.lang, args.kind, args.bus):
        for source in sorted(p for p in layer.rglob('*') if p.is_file()):
            written[Path(substitute(str(source.relative_to(layer)), values))] = source
    for relative, source in sorted(written.items()):
        out = target / relative
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(substitute(source.read_text(), values))
        if os.access(source, os.X_OK):
            out.chmod(0o755)
        print(f'  {out}')
    readme = target / 'README.md'
    print(f'\n{args.kind} {type_name} is in {target}; {readme.name} says how to build, test and run it:\n')
    print('\n'.join(line for line in readme.read_text().splitlines() if line.startswith('    ')))


def main():
    parser = argparse.ArgumentParser(prog='emu-sdk', description='Starts a plugin for emu from a template.')
    parser.add_argument('--version', action='version', version=f'emu-sdk {SDK_VERSION}')
    commands = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    command = commands.add_parser('new', help='a folder with a plugin that builds, passes its tests and runs')
    command.add_argument('name', metavar='NAME', help='of the plugin, its files and its folder')
    command.add_argument('--bus', choices=BUSES, default='pci', help='that the device plugs into (default: pci)')
    command.add_argument('--kind', choices=KINDS, default='device', help='what to make (default: device)')
    command.add_argument('--lang', choices=LANGUAGES, default='c', help='language (default: c)')
    command.add_argument('--type', metavar='TYPE', help='name for -device, -M, -drive driver= or -chardev (default: NAME)')
    command.add_argument('--license', metavar='SPDX', default='LGPL-2.1-or-later', help='SPDX identifier of its licence')
    command.add_argument('--directory', '-C', metavar='FOLDER', help='where to put it (default: ./NAME)')
    new(parser.parse_args())


main()
