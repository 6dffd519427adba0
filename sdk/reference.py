#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""reference.py OUTPUT HEADER...: the SDK's headers as one Markdown page. Headers are written to be read; this gives them
a table of contents, and every declaration an anchor."""
import re
import sys
from pathlib import Path


def anchor(name):
    return re.sub(r'[^a-z0-9_]', '', name.lower())


def prose(comment):
    text = re.sub(r'^/\*+|\*+/$', '', comment.strip())
    lines = [re.sub(r'^\s*\* ?', '', line).rstrip() for line in text.splitlines()]
    return '\n'.join(lines).strip()


def page(path, name):
    text = path.read_text()
    body = text.split('#pragma once', 1)[1].replace('G_BEGIN_DECLS', '').replace('G_END_DECLS', '')
    first = re.match(r'\s*(/\*.*?\*/)', body, re.S)
    out = [f'## &lt;{name}&gt; {{#{anchor(name)}}}', '']
    if first:
        out += ['```\n' + prose(first[1]) + '\n```' if '\n    ' in first[1] else prose(first[1]), '']
        body = body[first.end():]
    for part in re.split(r'\n{2,}', body.strip()):
        part = part.strip('\n')
        title = re.match(r'/\* -+ (.*?) -+ \*/\n?', part)
        if title:
            out += [f'### {title[1]}', '']
            part = part[title.end():]
        if part and not all(line.startswith('#include') for line in part.splitlines()):
            out += ['```c', part, '```', '']
    return '\n'.join(out)


def main():
    output, headers = sys.argv[1], sys.argv[2:]
    names = {h: 'emu/' + h.split('/emu/', 1)[1] for h in headers}
    parts = ['# The SDK, header by header', '', 'What plugins include, with the comments that say what each thing does and who may call it when. '
             '`docs/devices.md` and `docs/back-ends.md` say how the pieces fit.', '']
    parts += [f'* [{n}](#{anchor(n)})' for n in names.values()] + ['']
    parts += [page(Path(h), n) for h, n in names.items()]
    Path(output).write_text('\n'.join(parts))


main()
