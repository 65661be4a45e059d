# SPDX-License-Identifier: MIT
"""NAME.types.h: constants, enums, structs and labels; also what the C writers share."""

from . import model

BANNER = """// SPDX-License-Identifier: MIT
// {what} Made from {file} by interfaces/gen; change that file, not this one.
"""


def banner(it, what):
    return BANNER.format(what=what, file=f"interfaces/{it.name}.idl")


def number(value):
    """A C constant of the right width and sign. C has no literal for the lowest number of a type."""
    if value < 0:
        return f"({value})" if value > -(2**31) else f"({value + 1}ll - 1)"
    return str(value) if value < 2**31 else f"{value:#x}ull"


def comment(lines, indent=""):
    return "".join(f"{indent}// {line}".rstrip() + "\n" for line in lines)


def c_type(it, param):
    if param.kind == "int":
        return model.INTEGERS[param.type][0]
    return {"bool": "bool", "enum": f"enum {it.name}_{param.type}", "handle": "handle_t"}[param.kind]


def label(it, call):
    return f"{it.name}_LABEL_{call.name}".upper()


def rights(param):
    return " | ".join(f"RIGHT_{r.upper()}" for r in param.rights) or "RIGHTS_ALL"


def wrap(head, parts, tail, indent):
    """One C parameter list, broken before column 100."""
    lines, line = [], head
    for i, part in enumerate(parts):
        piece = part + ("," if i + 1 < len(parts) else tail)
        glue = "" if i == 0 else " "
        if len(line) + len(glue) + len(piece) > 100:
            lines.append(line)
            line, glue = indent, ""
        line += glue + piece
    return "\n".join(lines + [line])


def field(it, f):
    if f.type in model.INTEGERS:
        type_ = model.INTEGERS[f.type][0]
    else:
        type_ = "char" if f.type == "char" else f"struct {it.name}_{f.type}"
    array = f"[{f.count}]" if f.count is not None else ""
    return comment(f.doc, "    ") + f"    {type_} {f.name}{array};\n"


def struct(it, s):
    name = f"struct {it.name}_{s.name}"
    out = comment(s.doc) + f"{name} {{\n" + "".join(field(it, f) for f in s.fields) + "};\n"
    return out + f'static_assert(sizeof({name}) == {s.size}, "layout is protocol");\n\n'


def enum(it, e):
    out = comment(e.doc) + f"enum {it.name}_{e.name} {{\n"
    for v in e.values:
        out += comment(v.doc, "    ") + f"    {it.name.upper()}_{v.name} = {v.value},\n"
    return out + "};\n\n"


def write(it):
    upper = it.name.upper()
    out = banner(it, f"Types of the {it.name} interface.") + "#pragma once\n#include <stdint.h>\n\n"
    out += comment(it.doc)
    out += f"#define {upper}_PROTOCOL {it.number}\n\n"
    for const in it.consts:
        out += comment(const.doc) + f"#define {upper}_{const.name} {number(const.value)}\n"
    out += "\n" if it.consts else ""
    out += "".join(enum(it, e) for e in it.enums)
    out += "".join(struct(it, s) for s in it.structs)
    out += f"// Message labels: protocol number << 8 | operation.\nenum {it.name}_label {{\n"
    out += "".join(f"    {label(it, call)} = {it.label(call):#06x},\n" for call in it.calls)
    return out + "};\n"
