#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes C out of the QMP schema: generate.py header|source|reference OUTPUT SCHEMA.json...

header     enums, structs, prototypes of the command handlers, events
source     descriptors of types, argument unpacking, dispatch table, the answer to query-qmp-schema
reference  a page of the manual (Markdown)
The schema's language is described in schema/README.md."""

import json
import os
import re
import sys

# name -> (C type, kind, JSON type, minimum, maximum)
BUILTIN = {
    'str': ('char *', 'STRING', 'string', None, None),
    'bool': ('bool ', 'BOOL', 'boolean', None, None),
    'number': ('double ', 'NUMBER', 'number', None, None),
    'any': ('JsonNode *', 'ANY', 'value', None, None),
    'int': ('int64_t ', 'INT', 'int', 'INT64_MIN', 'INT64_MAX'),
    'size': ('uint64_t ', 'UINT', 'int', '0', 'UINT64_MAX'),
}
for bits in (8, 16, 32, 64):
    BUILTIN['int%d' % bits] = ('int64_t ', 'INT', 'int', 'INT%d_MIN' % bits, 'INT%d_MAX' % bits)
    BUILTIN['uint%d' % bits] = ('uint64_t ', 'UINT', 'int', '0', 'UINT%d_MAX' % bits)
SCALAR = ('BOOL', 'NUMBER', 'INT', 'UINT')
C_WORDS = {'default', 'static', 'case', 'enum', 'int', 'switch', 'register', 'break', 'continue', 'void', 'auto', 'bool'}


class SchemaError(Exception):
    pass


def c_name(name):
    name = re.sub(r'[^A-Za-z0-9_]', '_', name)
    return name + '_' if name in C_WORDS else name


def upper(name):
    """RunState -> RUN_STATE, QMPCapability -> QMP_CAPABILITY"""
    name = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name)
    name = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', name)
    return re.sub(r'[^A-Za-z0-9]', '_', name).upper()


def enum_value(enum, value):
    return 'QMP_%s_%s' % (upper(enum), upper(value))


def c_string(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n') + '"'


class Schema:
    def __init__(self, paths):
        self.modules, self.types, self.commands, self.events = [], {}, {}, {}
        for path in paths:
            with open(path, encoding='utf-8') as f:
                module = json.load(f)
            self.modules.append(module)
            for d in module['definitions']:
                self.add(d, path)
        for d in list(self.commands.values()) + list(self.events.values()):
            self.check_members(d.get('args', d.get('data', {})), d)
            if 'returns' in d:
                self.check_type(d['returns'], d)
        for d in self.types.values():
            self.check_members(d.get('members', {}), d)
            if 'union' in d:
                self.check_union(d)

    def add(self, d, path):
        for kind in ('enum', 'struct', 'union', 'command', 'event'):
            if kind in d:
                break
        else:
            raise SchemaError('%s: a definition is no enum, struct, union, command or event: %r' % (path, d))
        d['kind'], d['name'] = kind, d[kind]
        table = {'command': self.commands, 'event': self.events}.get(kind, self.types)
        if d['name'] in table or d['name'] in BUILTIN:
            raise SchemaError('%s: %s is defined twice' % (path, d['name']))
        if not d.get('doc'):
            raise SchemaError('%s: %s has no doc' % (path, d['name']))
        if 'values-from' in d:
            with open(os.path.join(os.path.dirname(path), d['values-from']), encoding='utf-8') as f:
                d['values'] = re.findall(r'KEY\("([^"]+)"', f.read())
        table[d['name']] = d

    def check_type(self, t, where):
        name = t[0] if isinstance(t, list) else t
        if name not in BUILTIN and name not in self.types:
            raise SchemaError('%s: unknown type %s' % (where['name'], name))

    def check_members(self, members, where):
        for t in members.values():
            self.check_type(t, where)
        for name in where.get('docs', {}):
            if name not in members and '*' + name not in members:
                raise SchemaError('%s: doc of %s, which is no member' % (where['name'], name))

    def check_union(self, d):
        tag = d['members'].get(d['discriminator'])
        if self.types.get(tag, {}).get('kind') != 'enum':
            raise SchemaError('%s: the discriminator must be a member of enum type' % d['name'])
        if set(d['branches']) - set(self.types[tag]['values']):
            raise SchemaError('%s: a branch is no value of %s' % (d['name'], tag))

    def kind(self, t):
        if isinstance(t, list):
            return 'LIST'
        if t in BUILTIN:
            return BUILTIN[t][1]
        return 'ENUM' if self.types[t]['kind'] == 'enum' else 'STRUCT'

    def c_type(self, t):
        if isinstance(t, list):
            return 'GPtrArray *'
        if t in BUILTIN:
            return BUILTIN[t][0]
        return 'Qmp%s %s' % (t, '' if self.types[t]['kind'] == 'enum' else '*')

    def descriptor(self, t):
        if isinstance(t, list):
            return 'qmp_type_list_' + t[0]
        return 'qmp_type_' + t


def split(name):
    return (name[1:], True) if name.startswith('*') else (name, False)


# ---- header -------------------------------------------------------------------------------------

def struct_fields(schema, members):
    out = []
    for name, t in members.items():
        name, optional = split(name)
        if optional and schema.kind(t) in SCALAR + ('ENUM',):
            out.append('    bool has_%s;' % c_name(name))
        out.append('    %s%s;' % (schema.c_type(t), c_name(name)))
    return out


def handler(schema, d):
    name = 'qmp_' + c_name(d['name'])
    args = ''
    if d.get('gen', True) is False:
        args = ', JsonObject *args'
    elif d.get('args'):
        args = ', const Qmp_%s_args *args' % c_name(d['name'])
    if d.get('gen-result') == 'any':
        ret = 'JsonNode *'
    elif 'returns' in d:
        ret = schema.c_type(d['returns'])
    else:
        ret = 'bool '
    return '%s%s(EmuQmpCall *call%s, GError **error)' % (ret, name, args)


def make_header(schema):
    out = ['/* SPDX-License-Identifier: LGPL-2.1-or-later */', '/* Made by generate.py; do not edit. */', '#pragma once', '',
           '#include "monitor/qmp-types.h"', '']
    for d in schema.types.values():
        if d['kind'] == 'enum':
            out.append('typedef enum {')
            out += ['    %s,' % enum_value(d['name'], v) for v in d['values']]
            out += ['} Qmp%s;' % d['name'], '']
        else:
            out.append('typedef struct _Qmp%s Qmp%s;' % (d['name'], d['name']))
    out.append('')
    for d in schema.types.values():
        if d['kind'] == 'enum':
            continue
        out.append('/* %s */' % d['doc'])
        out.append('struct _Qmp%s {' % d['name'])
        out += struct_fields(schema, d['members'])
        if d['kind'] == 'union':
            out.append('    union {')
            out.append('        gpointer branch;')
            out += ['        Qmp%s *%s;' % (t, c_name(v)) for v, t in d['branches'].items()]
            out.append('    } u;')
        if not d['members'] and d['kind'] == 'struct':
            out.append('    char empty;')
        out += ['};', '']
    for d in list(schema.commands.values()) + list(schema.events.values()):
        members = d.get('args') or d.get('data')
        if members and d.get('gen', True):
            suffix = 'args' if d['kind'] == 'command' else 'data'
            out += ['typedef struct {'] + struct_fields(schema, members) + ['} Qmp_%s_%s;' % (c_name(d['name']), suffix), '']
    for t in sorted(set(list_elements(schema)) | set(schema.types)):
        if t in schema.types:
            out.append('extern const EmuQmpType qmp_type_%s;' % t)
    out.append('')
    for d in schema.commands.values():
        out += ['/* %s */' % d['doc'], handler(schema, d) + ';']
    out.append('')
    for d in schema.events.values():
        data = ', const Qmp_%s_data *data' % c_name(d['name']) if d.get('data') else ''
        out += ['/* %s */' % d['doc'], 'void qmp_event_%s(EmuMonitors *monitors%s);' % (c_name(d['name']).lower(), data)]
    for d in schema.types.values():
        if d['kind'] != 'enum':
            out.append('static inline Qmp%s *qmp_%s_new(void) { return g_new0(Qmp%s, 1); }' % (d['name'], c_name(d['name']), d['name']))
    return '\n'.join(out) + '\n'


# ---- source -------------------------------------------------------------------------------------

def all_types(schema):
    for d in schema.types.values():
        yield from d.get('members', {}).values()
        yield from d.get('branches', {}).values()
    for d in schema.commands.values():
        yield from d.get('args', {}).values()
        if 'returns' in d:
            yield d['returns']
    for d in schema.events.values():
        yield from d.get('data', {}).values()


def list_elements(schema):
    return sorted({t[0] for t in all_types(schema) if isinstance(t, list)})


def member_table(schema, c_struct, table, members):
    out = ['static const EmuQmpMember %s[] = {' % table]
    for name, t in members.items():
        name, optional = split(name)
        has = '-1'
        if optional and schema.kind(t) in SCALAR + ('ENUM',):
            has = 'offsetof(%s, has_%s)' % (c_struct, c_name(name))
        out.append('    {%s, &%s, offsetof(%s, %s), %s, %s},' % (c_string(name), schema.descriptor(t), c_struct, c_name(name), has,
                                                                 'true' if optional else 'false'))
    return out + ['};']


def make_descriptors(schema):
    out = []
    for name, (_, kind, _, low, high) in BUILTIN.items():
        out.append('static const EmuQmpType qmp_type_%s G_GNUC_UNUSED = {.name = %s, .kind = EMU_QMP_%s%s};' %
                   (name, c_string(name), kind, ', .min = %s, .max = %s' % (low, high) if low else ''))
    for t in list_elements(schema):
        out.append('static const EmuQmpType qmp_type_list_%s G_GNUC_UNUSED = {.name = "[%s]", .kind = EMU_QMP_LIST, .element = &qmp_type_%s};' % (t, t, t))
    out.append('')
    for d in schema.types.values():
        n = d['name']
        if d['kind'] == 'enum':
            out.append('static const char *const qmp_names_%s[] = {%s, NULL};' % (n, ', '.join(c_string(v) for v in d['values'])))
            out.append('const EmuQmpType qmp_type_%s = {.name = "%s", .kind = EMU_QMP_ENUM, .values = qmp_names_%s, .n_values = %d};' % (n, n, n, len(d['values'])))
            continue
        extra = ''
        if d['members']:
            out += member_table(schema, 'Qmp' + n, 'qmp_members_' + n, d['members'])
            extra = ', .members = qmp_members_%s, .n_members = %d' % (n, len(d['members']))
        if d['kind'] == 'union':
            values = schema.types[d['members'][d['discriminator']]]['values']
            branches = ['&qmp_type_' + d['branches'][v] if v in d['branches'] else 'NULL' for v in values]
            out.append('static const EmuQmpType *const qmp_branches_%s[] = {%s};' % (n, ', '.join(branches)))
            extra += ', .tag = %d, .branches = qmp_branches_%s, .branch_offset = offsetof(Qmp%s, u)' % (list(d['members']).index(d['discriminator']), n, n)
        else:
            extra += ', .tag = -1'
        out.append('const EmuQmpType qmp_type_%s = {.name = "%s", .kind = EMU_QMP_STRUCT, .size = sizeof(Qmp%s)%s};' % (n, n, n, extra))
    for d in list(schema.commands.values()) + list(schema.events.values()):
        members = d.get('args') or d.get('data')
        if members and d.get('gen', True):
            n = 'Qmp_%s_%s' % (c_name(d['name']), 'args' if d['kind'] == 'command' else 'data')
            out += member_table(schema, n, 'members_' + n, members)
            out.append('static const EmuQmpType type_%s = {.name = "%s", .kind = EMU_QMP_STRUCT, .size = sizeof(%s), .members = members_%s, .n_members = %d, .tag = -1};'
                       % (n, d['name'], n, n, len(members)))
    return out + ['']


def make_commands(schema):
    out = []
    for d in schema.commands.values():
        n = c_name(d['name'])
        args = ''
        if d.get('gen', True) is False:
            args = ', args'
        elif d.get('args'):
            args = ', arguments'
        out += ['static JsonNode *', 'call_%s(EmuQmpCall *call, gpointer arguments G_GNUC_UNUSED, JsonObject *args G_GNUC_UNUSED, GError **error)' % n, '{']
        call = 'qmp_%s(call%s, error)' % (n, args)
        if d.get('gen-result') == 'any' or d.get('returns') == 'any':
            out.append('    return %s;' % call)
        elif 'returns' in d:
            t = d['returns']
            if schema.kind(t) not in ('LIST', 'STRUCT', 'STRING'):
                raise SchemaError('%s: a command returns a struct, a list, a string or any' % d['name'])
            out += ['    %sresult = %s;' % (schema.c_type(t), call), '', '    return result ? emu_qmp_take_json(&%s, result) : NULL;' % schema.descriptor(t)]
        else:
            out += ['    return %s ? emu_qmp_new_empty() : NULL;' % call]
        out += ['}', '']
    out.append('const EmuQmpCommand emu_qmp_commands[] = {')
    for name in sorted(schema.commands):
        d = schema.commands[name]
        has_args = d.get('args') and d.get('gen', True)
        out.append('    {.name = %s, .call = call_%s, .args = %s, .raw = %s, .allow_oob = %s},' % (
            c_string(name), c_name(name), '&type_Qmp_%s_args' % c_name(name) if has_args else 'NULL',
            'false' if d.get('gen', True) else 'true', 'true' if d.get('allow-oob') else 'false'))
    out += ['};', 'const unsigned emu_qmp_n_commands = %d;' % len(schema.commands), '']
    out.append('const char *const emu_qmp_event_names[] = {%s, NULL};' % ', '.join(c_string(n) for n in sorted(schema.events)))
    for d in schema.events.values():
        n = c_name(d['name'])
        data = ', const Qmp_%s_data *data' % n if d.get('data') else ''
        out += ['', 'void', 'qmp_event_%s(EmuMonitors *monitors%s)' % (n.lower(), data), '{',
                '    emu_monitors_send_event(monitors, %s, %s, %s);' % (
                    c_string(d['name']), 'emu_qmp_to_json(&type_Qmp_%s_data, data)' % n if d.get('data') else 'NULL', 'true' if d.get('throttle') else 'false'), '}']
    return out + ['']


class Introspection:
    """query-qmp-schema: names of our own types are replaced by numbers; nobody shall depend on them."""

    def __init__(self, schema):
        self.schema, self.numbers, self.queue, self.entries = schema, {}, [], []
        for name in sorted(schema.commands):
            self.command(schema.commands[name])
        for name in sorted(schema.events):
            d = schema.events[name]
            self.entries.append({'name': name, 'meta-type': 'event', 'arg-type': self.members_ref(d.get('data', {}), 'event:' + name)})
        while self.queue:
            self.emit(*self.queue.pop(0))

    def command(self, d):
        entry = {'name': d['name'], 'meta-type': 'command', 'arg-type': self.members_ref(d.get('args', {}), 'command:' + d['name']),
                 'ret-type': self.ref(d['returns']) if 'returns' in d else self.members_ref({}, '')}
        if d.get('allow-oob'):
            entry['allow-oob'] = True
        if d.get('features'):
            entry['features'] = d['features']
        self.entries.append(entry)

    def number(self, key, *what):
        if key not in self.numbers:
            self.numbers[key] = str(len(self.numbers))
            self.queue.append((self.numbers[key],) + what)
        return self.numbers[key]

    def members_ref(self, members, key):
        return self.number(key if members else 'empty', 'object', {'members': members})

    def ref(self, t):
        if isinstance(t, list):
            inner = self.ref(t[0])
            key = '[%s]' % inner
            if key not in self.numbers:
                self.numbers[key] = key
                self.queue.append((key, 'array', inner))
            return key
        if t in BUILTIN:
            name = {'size': 'int'}.get(t, 'int' if BUILTIN[t][2] == 'int' else t)
            if 'builtin:' + name not in self.numbers:
                self.numbers['builtin:' + name] = name
                self.queue.append((name, 'builtin', BUILTIN[name][2]))
            return name
        d = self.schema.types[t]
        return self.number('type:' + t, 'enum' if d['kind'] == 'enum' else 'object', d)

    def emit(self, name, kind, what):
        entry = {'name': name, 'meta-type': kind}
        if kind == 'builtin':
            entry['json-type'] = what
        elif kind == 'array':
            entry['element-type'] = what
        elif kind == 'enum':
            entry['members'] = [{'name': v} for v in what['values']]
            entry['values'] = what['values']
        else:
            entry['members'] = []
            for member, t in what['members'].items():
                member, optional = split(member)
                m = {'name': member, 'type': self.ref(t)}
                if optional:
                    m['default'] = None
                entry['members'].append(m)
            if 'branches' in what:
                entry['tag'] = what['discriminator']
                values = self.schema.types[what['members'][what['discriminator']]]['values']
                entry['variants'] = [{'case': v, 'type': self.ref(what['branches'][v]) if v in what['branches'] else self.members_ref({}, '')} for v in values]
        self.entries.append(entry)


def make_source(schema):
    out = ['/* SPDX-License-Identifier: LGPL-2.1-or-later */', '/* Made by generate.py; do not edit. */', '', '#include "monitor/qmp-private.h"', '#include "qmp-generated.h"', '']
    out += make_descriptors(schema)
    out += make_commands(schema)
    text = json.dumps(Introspection(schema).entries, separators=(',', ':'))
    out.append('const char emu_qmp_schema_json[] =')
    out += ['    ' + c_string(text[i:i + 100]) for i in range(0, len(text), 100)]
    out[-1] += ';'
    return '\n'.join(out) + '\n'


# ---- reference ----------------------------------------------------------------------------------

def type_text(t):
    return 'list of ' + t[0] if isinstance(t, list) else t


def make_reference(schema):
    out = ['# QMP reference', '', 'Made from the schema in `core/monitor/schema`.', '']
    for module in schema.modules:
        out += ['## ' + module['module'], '', module['doc'], '']
        for d in module['definitions']:
            out += ['### %s (%s)' % (d['name'], d['kind']), '', d['doc'], '']
            members = d.get('args') or d.get('data') or d.get('members')
            if members:
                out += ['| member | type | |', '|---|---|---|']
                for name, t in members.items():
                    name, optional = split(name)
                    out.append('| `%s` | %s%s | %s |' % (name, type_text(t), ', optional' if optional else '', d.get('docs', {}).get(name, '')))
                out.append('')
            if d['kind'] == 'enum':
                out += ['Values: ' + ', '.join('`%s`' % v for v in d['values']), '']
            if d['kind'] == 'union':
                out += ['By `%s`: ' % d['discriminator'] + ', '.join('`%s`: %s' % b for b in d['branches'].items()), '']
            if 'returns' in d:
                out += ['Returns: ' + type_text(d['returns']), '']
            if d.get('gen', True) is False:
                out += ['Takes further members.', '']
    return '\n'.join(out)


def main():
    mode, output, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
    try:
        schema = Schema(paths)
        text = {'header': make_header, 'source': make_source, 'reference': make_reference}[mode](schema)
    except SchemaError as e:
        sys.exit('QMP schema: %s' % e)
    with open(output, 'w', encoding='utf-8') as f:
        f.write(text)


if __name__ == '__main__':
    main()
