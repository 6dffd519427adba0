#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""stubs.py GIR OVERRIDES... OUTPUT: a .pyi for editors, from what is introspected and what Python adds to it."""

import ast
import sys
import xml.etree.ElementTree as ElementTree

CORE = "{http://www.gtk.org/introspection/core/1.0}"
C = "{http://www.gtk.org/introspection/c/1.0}"
TYPES = {"none": "None", "gboolean": "bool", "utf8": "str", "filename": "str", "gdouble": "float", "gpointer": "Any", "GType": "type",
         "GLib.Variant": "GLib.Variant", "GLib.Bytes": "GLib.Bytes", "GLib.PtrArray": "list"}


def type_of(node):
    array, one = node.find(CORE + "array"), node.find(CORE + "type")
    if array is not None:
        inner = array.find(CORE + "type")
        name = inner.get("name") if inner is not None else ""
        if name == "guint8":
            return "bytes"
        return f"list[{simple(name)}]"
    if one is None:
        return "Any"
    inner = one.find(CORE + "type")
    if one.get("name") == "GLib.PtrArray" and inner is not None:
        return f"list[{simple(inner.get('name'))}]"
    text = simple(one.get("name", "Any"))
    return f"{text} | None" if node.get("nullable") == "1" and text != "Any" else text


def simple(name):
    if name in TYPES:
        return TYPES[name]
    if name.startswith(("gint", "guint", "gsize", "gssize", "glong", "gulong")):
        return "int"
    return name if name.startswith(("Gio.", "GObject.", "GLib.")) or name[0].isupper() else "Any"


def function(node, indent):
    static = node.tag in (CORE + "constructor", CORE + "function")
    arguments, outs = [] if static else ["self"], []
    lengths = set()
    parameters = node.find(CORE + "parameters")
    listed = parameters.findall(CORE + "parameter") if parameters is not None else []
    for holder in listed + [node.find(CORE + "return-value")]:
        array = holder.find(CORE + "array")
        if array is not None and array.get("length"):
            lengths.add(int(array.get("length")))
    skip = {int(p.get(key)) for p in listed for key in ("closure", "destroy") if p.get(key)}
    for number, p in enumerate(listed):
        if number in lengths or number in skip:
            continue
        if p.get("direction") == "out":
            outs.append(type_of(p))
        else:
            arguments.append(f"{p.get('name')}: {'Callable' if p.get('scope') else type_of(p)}")
    result = type_of(node.find(CORE + "return-value"))
    if outs:
        result = f"tuple[{', '.join([result] + outs)}]"
    doc = node.find(CORE + "doc")
    text = " ".join((doc.text or "").split()).replace("\\", "\\\\").replace('"""', "'''") if doc is not None else ""
    lines = ["@staticmethod"] if static else []
    lines += [f"def {node.get('name')}({', '.join(arguments)}) -> {result}:", f'    """{text}"""' if text else "    ..."]
    return [indent + line for line in lines]


def overrides(paths):
    """What the package of overrides adds: class name -> definitions, and functions."""
    trees = []
    for path in paths:
        with open(path) as f:
            trees.append(ast.parse(f.read()))
    nodes = [node for tree in trees for node in tree.body]
    public = next(ast.literal_eval(node.value) for node in nodes
                  if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__")
    classes, functions = {}, []
    for node in nodes:
        if not isinstance(node, (ast.ClassDef, ast.FunctionDef)) or node.name not in public:
            continue
        if isinstance(node, ast.ClassDef):
            members = []
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and (not item.name.startswith("_") or item.name.startswith("__")):
                    arguments = ast.unparse(item.args)
                    members += [f"    @{ast.unparse(d)}" for d in item.decorator_list if isinstance(d, ast.Name)]
                    members += [f"    def {item.name}({arguments}): ..."]
                elif isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name) and not item.targets[0].id.startswith("_"):
                    call = item.value
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "property":
                        members.append(f"    {item.targets[0].id}: Any")
            classes[node.name] = (members, [ast.unparse(b) for b in node.bases])
        else:
            functions.append(f"def {node.name}({ast.unparse(node.args)}): ...")
    return classes, functions


def main(gir, python, output):
    namespace = ElementTree.parse(gir).getroot().find(CORE + "namespace")
    added, functions = overrides(python)
    out = ["# Made by bindings/stubs.py.", "from typing import Any, Callable", "", "from gi.repository import Gio, GLib, GObject", ""]
    for node in namespace:
        name = node.get("name")
        if node.tag in (CORE + "enumeration", CORE + "bitfield") and name != "Error":
            out += [f"class {name}(GObject.GEnum):"] + [f"    {m.get('name').upper()}: int" for m in node.findall(CORE + "member")] + [""]
        elif node.tag in (CORE + "class", CORE + "record") and not node.get("{http://www.gtk.org/introspection/glib/1.0}is-gtype-struct-for"):
            parent = node.get("parent") or "GObject.GBoxed"
            members, _ = added.pop(name, ([], []))
            names = {m.split("def ")[1].split("(")[0] for m in members if "def " in m} | {m.split(":")[0].strip() for m in members if ": Any" in m}
            body = list(members)
            for item in node:
                if item.tag in (CORE + "method", CORE + "constructor", CORE + "function") and item.get("name") not in names:
                    body += function(item, "    ")
            out += [f"class {name}({parent}):"] + (body or ["    ..."]) + [""]
        elif node.tag == CORE + "function":
            functions += [line for line in function(node, "") if line != "@staticmethod"]
    for name, (members, bases) in added.items():
        known = [b for b in bases if not b.startswith(("Emu.", "_", "collections."))]
        out += [f"class {name}({', '.join(known)}):"] + (members or ["    ..."]) + [""]
    out += functions
    text = "\n".join(out) + "\n"
    ast.parse(text)
    with open(output, "w") as f:
        f.write(text)


main(sys.argv[1], sys.argv[2:-1], sys.argv[-1])
